"""Cells of an extract: what a record says about account, date, amount, currency.

What lives here: reading the cells of one record by their roles.
The guarantee: a cell is read in the one form that all cells of its role share, or
refused with a reason.
What it may not know: which records are bookings.
"""

from __future__ import annotations

from datetime import date, datetime

from esbench.analysis import words
from esbench.analysis.amounts import Amount, amount_form
from esbench.analysis.dates import date_form, moment_of
from esbench.analysis.extract import Extract, Record
from esbench.analysis.mapping import Mapping
from esbench.analysis.rows import SIGNS, Unfit
from esbench.analysis.settings import Settings
from esbench.errors import UnclearExtract, shorten

BALANCES = words.OPENINGS | words.CLOSINGS


class Cells:
    """The cells of an extract, by role.

    Args:
        extract: the records.
        mapping: which column is what.
        settings: what the caller says.
        zone: where the log's days begin and end.

    Attributes:
        amounts, dates: the forms that were found.
        meanings: what the words of the type column mean; None if the sign decides.
        booked: the lines of the records that have a date and are no balances.

    Raises:
        UnclearExtract: cells that can be read in two ways, or in two currencies.
    """

    def __init__(
        self, extract: Extract, mapping: Mapping, settings: Settings, zone: str
    ) -> None:
        self.extract, self.mapping, self.settings = extract, mapping, settings
        self._zone = zone
        sums = [
            role for role in ("amount", "debit", "credit") if role in mapping.places
        ]
        self.amounts = amount_form(self._column(*sums), settings.decimal)
        self.dates = date_form(self._column("occurred"), settings.dates)
        self.booked = {r.line for r in extract.records if self._looks_booked(r)}
        self.meanings = self._meanings()
        self._refuse_mixed()

    def _column(self, *roles: str) -> list[tuple[int, str]]:
        """Return the lines and texts of columns; typed ones need no finding out."""
        columns = self.mapping.columns
        wanted = [r for r in roles if columns[r] not in self.extract.typed]
        return [
            (record.line, text)
            for record in self.extract.records
            for role in wanted
            if (text := self.text(record, role))
        ]

    def text(self, record: Record, role: str) -> str:
        """Return what the column of a role says, without spaces around it."""
        place = self.mapping.places.get(role)
        if place is None or place >= len(record.cells):
            return ""
        return record.cells[place].strip()

    def has_date(self, record: Record) -> bool:
        """Tell whether the date can be read."""
        try:
            return bool(self.dates.read(self.text(record, "occurred")))
        except ValueError:
            return False

    def says(self, record: Record, phrases: words.Phrases) -> bool:
        """Tell whether a record is about a balance: a cell of it begins that way.

        The text of a booking may happen to begin so; with a date and without being
        the whole cell it is taken for a booking.
        """
        found = [cell for cell in record.cells if words.begins_with(cell, phrases)]
        if not found:
            return False
        if not self.has_date(record):
            return True
        return any(words.normal(cell) in phrases for cell in found)

    def _looks_booked(self, record: Record) -> bool:
        return self.has_date(record) and not self.says(record, BALANCES)

    # which type

    def _meanings(self) -> dict[str, str] | None:
        """Return what the words of the type column mean.

        A column that was found by its name alone counts only if all its words are
        known; many banks write the sort of booking there.
        """
        if "type" not in self.mapping.places:
            return None
        said = {words.normal(w): event for w, event in self.settings.types.items()}
        meanings = words.TYPE_WORDS | said
        if "type" in self.settings.columns or said:
            return meanings
        seen = {
            words.normal(self.text(record, "type"))
            for record in self.extract.records
            if record.line in self.booked
        }
        return meanings if seen - {""} <= meanings.keys() else None

    # currencies

    def currency(self, record: Record, beside: str | None) -> str | None:
        """Return the currency of a record: its cell's, the amount's, the column's."""
        cell = self.text(record, "currency")
        code = words.SYMBOLS.get(cell, cell.upper()) or beside
        return code or self.mapping.currency

    def other_currency(self, record: Record) -> str | None:
        """Return the currency of a record that was not asked for."""
        wanted = self.settings.currency
        if not wanted:
            return None
        try:
            code = self.currency(record, self.sum(record).currency)
        except Unfit:
            code = self.currency(record, None)
        return code if code and code != wanted.upper() else None

    def _refuse_mixed(self) -> None:
        if self.settings.currency:
            return
        seen: dict[str, int] = {}
        for record in self.extract.records:
            if record.line in self.booked:
                try:
                    code = self.currency(record, self.sum(record).currency)
                except Unfit:
                    continue
                seen.setdefault(code or "no currency", record.line)
        if len(seen) > 1:
            listed = ", ".join(f"{code} on line {line}" for code, line in seen.items())
            raise UnclearExtract(
                f"{self.extract.name} mixes currencies: {listed}; say --currency CODE "
                "to take one of them"
            )

    # times

    def when(self, record: Record) -> date | datetime:
        """Return when a record happened, as it is written."""
        text = self.text(record, "occurred")
        if not text:
            raise Unfit("bad date: it is missing")
        try:
            return self.dates.read(text)
        except ValueError as error:
            raise Unfit(f"bad date: {error}") from None

    def moment(self, value: date | datetime) -> datetime:
        """Return the moment of a written date or time, as UTC."""
        try:
            return moment_of(value, self._zone, self.settings.zone or self._zone)
        except (ValueError, OverflowError) as error:
            raise Unfit(f"bad time: {error}") from None

    def recorded(self, record: Record) -> datetime | None:
        """Return when the bank knew, if a column says so."""
        if "recorded" not in self.mapping.places:
            return None
        text = self.text(record, "recorded")
        if not text:
            raise Unfit("bad time of recording: it is missing")
        try:
            return self.moment(self.dates.read(text))
        except ValueError as error:
            raise Unfit(f"bad time of recording: {error}") from None

    # accounts and amounts

    def account(self, record: Record) -> str:
        """Return the account of a record."""
        if "account" not in self.mapping.places:
            assert self.settings.account, "the mapping was checked"
            return self.settings.account
        account = self.text(record, "account")
        if not account:
            raise Unfit("no account")
        return account

    def amount(self, record: Record, role: str) -> Amount:
        """Return the amount in the column of a role."""
        text = self.text(record, role)
        if not text:
            raise Unfit(f"missing {role}")
        typed = self.mapping.columns[role] in self.extract.typed
        try:
            return self.amounts.read(text, typed=typed)
        except ValueError as error:
            raise Unfit(f"bad {role}: {error}") from None

    def sum(self, record: Record) -> Amount:
        """Return the amount as written, from its column or from debit and credit."""
        if "amount" in self.mapping.places:
            return self.amount(record, "amount")
        sides = {
            role: self.amount(record, role)
            for role in ("debit", "credit")
            if self.text(record, role)
        }
        sides = {role: side for role, side in sides.items() if side.value}
        if len(sides) != 1:
            reason = "both in debit and in credit" if sides else "missing"
            raise Unfit(f"amount {reason}")
        [(role, side)] = sides.items()
        if role == "credit" and side.value < 0:
            raise Unfit("unknown sign: a negative amount in the credit column")
        value = -abs(side.value) if role == "debit" else side.value
        return Amount(value, signed=True, currency=side.currency)

    def signed(self, record: Record) -> Amount:
        """Return the amount with the sign that the type column gives it, if it does."""
        amount = self.sum(record)
        if self.meanings is None:
            return amount
        word = self.text(record, "type")
        kind = self.meanings.get(words.normal(word))
        if kind not in SIGNS:
            raise Unfit(f"unknown sign: {shorten(word)!r} is neither in nor out")
        sign = SIGNS[kind]
        if amount.value < 0 < sign:
            raise Unfit(f"unknown sign: {shorten(word)!r} with {amount.value}")
        return Amount(sign * abs(amount.value), signed=True, currency=amount.currency)
