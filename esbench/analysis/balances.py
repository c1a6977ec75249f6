"""Balances that an extract states, and the lines under its last booking.

What lives here: telling openings, closings and footers from bookings, and of which
account and day a balance is.
The guarantee: a record with the account and the amount of a booking is never taken for
a footer.
What it may not know: logs, ids.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from esbench.analysis import words
from esbench.analysis.amounts import Amount
from esbench.analysis.cells import Cells
from esbench.analysis.extract import Record
from esbench.analysis.rows import Closing, Row, Unfit


class Balances:
    """The balances and footers among the records of an extract.

    Args:
        cells: the cells of the records.
    """

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        records = [r for r in cells.extract.records if r.line in cells.booked]
        self._last = max((record.line for record in records), default=0)
        self._accounts = {cells.text(record, "account") for record in records} - {""}
        if cells.settings.account:
            self._accounts = {cells.settings.account}

    def is_opening(self, record: Record) -> bool:
        """Tell whether a record states an opening balance."""
        if self._cells.says(record, words.OPENINGS):
            return True
        kind = words.normal(self._cells.text(record, "type"))
        return bool(kind) and (self._cells.meanings or {}).get(kind) == words.OPENING

    def is_closing(self, record: Record) -> bool:
        """Tell whether a record states a closing balance."""
        return self._cells.says(record, words.CLOSINGS)

    def is_footer(self, record: Record) -> bool:
        """Tell whether a record under the last booking is none that went wrong."""
        if record.line <= self._last:
            return False
        if any(words.begins_with(cell, words.FOOTERS) for cell in record.cells):
            return not self._cells.has_date(record)
        if len(record.cells) != len(self._cells.extract.header):
            return True
        return not (self._has_amount(record) or self._is_dated(record))

    def _has_amount(self, record: Record) -> bool:
        """Tell whether a record has an amount, and an account that is known."""
        account = self._cells.text(record, "account")
        if "account" in self._cells.mapping.places and account not in self._accounts:
            return False
        try:
            return bool(self._cells.sum(record).value)
        except Unfit:
            return False

    def _is_dated(self, record: Record) -> bool:
        """Tell whether a well-filled record has digits where its date should be."""
        filled = sum(bool(cell.strip()) for cell in record.cells)
        date_cell = self._cells.text(record, "occurred")
        return 2 * filled > len(record.cells) and any(map(str.isdigit, date_cell))

    def closing(self, record: Record) -> Closing:
        """Return the closing balance that a record states."""
        return Closing(
            line=record.line,
            account=self._account(record, "a closing balance"),
            day=self._day(record),
            amount=self.amount(record).value,
        )

    def _day(self, record: Record) -> date | None:
        """Return the day that stands somewhere in a record, if one does."""
        for cell in record.cells:
            for part in (cell, *cell.split()):
                try:
                    value = self._cells.dates.read(part)
                except ValueError:
                    continue
                return value.date() if isinstance(value, datetime) else value
        return None

    def opening(
        self, record: Record, rows: list[Row]
    ) -> tuple[Record, date | datetime]:
        """Return an opening balance with its account, and when it is from.

        Without a date of its own it is from the account's first booking in the file.
        """
        account = self._account(record, "an opening balance")
        return self._filled(record, account), self._since(record, account, rows)

    def _since(self, record: Record, account: str, rows: list[Row]) -> date | datetime:
        if self._cells.has_date(record):
            return self._cells.when(record)
        mine = [row for row in rows if row.account == account]
        if not mine:
            raise Unfit("an opening balance without a date, of an account without rows")
        written = min(mine, key=lambda row: row.occurred).written
        if len(written) == len("2024-01-15"):
            return date.fromisoformat(written)
        return datetime.fromisoformat(written)

    def _filled(self, record: Record, account: str) -> Record:
        """Return a record with its account in the account's column."""
        place = self._cells.mapping.places.get("account")
        if place is None:
            return record
        cells = list(record.cells) + [""] * (place + 1 - len(record.cells))
        cells[place] = account
        return Record(record.line, tuple(cells))

    def _account(self, record: Record, what: str) -> str:
        """Return the account that a balance is of."""
        named = self._cells.text(record, "account")
        if named and (named in self._accounts or self._cells.has_date(record)):
            return named
        for cell in record.cells:
            if cell.strip() in self._accounts:
                return cell.strip()
        if len(self._accounts) == 1:
            return next(iter(self._accounts))
        raise Unfit(f"{what}, of which account it does not say")

    def amount(self, record: Record) -> Amount:
        """Return the amount of a balance: its column's, else the last in the row."""
        for role in ("amount", "balance", "credit", "debit"):
            if self._cells.text(record, role):
                try:
                    amount = self._cells.amount(record, role)
                except Unfit:
                    continue
                return amount if role != "debit" else _negated(amount)
        for cell in reversed(record.cells):
            if re.search(r"\d[.,]\d{2}\b", cell):
                try:
                    return self._cells.amounts.read(cell)
                except ValueError:
                    continue
        raise Unfit("a balance without an amount")


def _negated(amount: Amount) -> Amount:
    return Amount(-abs(amount.value), signed=True, currency=amount.currency)
