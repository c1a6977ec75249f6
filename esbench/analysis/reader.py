"""Reading an extract: every record to a row, a balance, a footer or a reason.

What lives here: the walk over the records, and the ids of rows.
The guarantee: every record is in exactly one list: taken as a booking, compared as a
balance, left out with a word, or bad with its line and reason.
What it may not know: logs.

The id of a row is the bank's, if its column is named. Otherwise it is made from
account, date, amount, text and the how-manieth such row it is in the file. So two
equal rows are two bookings, and the same extract gives the same ids again. Extracts
that overlap agree on them too, as long as each holds whole days: the rows of one day
are then all there, and are counted from one in both.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

from esbench.analysis import words
from esbench.analysis.amounts import Amount
from esbench.analysis.balances import Balances
from esbench.analysis.cells import Cells
from esbench.analysis.extract import Record
from esbench.analysis.rows import Closing, Noted, Read, Row, Unfit
from esbench.errors import UnclearExtract, shorten
from esbench.moments import start_of


class Reader:
    """Reads the records of one extract.

    Args:
        cells: the cells of the records.
        recorded: the time of recording of the whole file, if its name says one.
    """

    def __init__(self, cells: Cells, recorded: datetime | None) -> None:
        self._cells, self._recorded = cells, recorded
        self._balances = Balances(cells)
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._rows: list[Row] = []
        self._closings: list[Closing] = []
        self._openings: list[Record] = []
        self._left: list[Noted] = []
        self._bad: list[Noted] = []

    def read(self) -> Read:
        """Return what every record is."""
        extract = self._cells.extract
        self._left += [self._noted(r, "above the header") for r in extract.above]
        self._bad += [self._noted(record, why) for record, why in extract.broken]
        for record in extract.records:
            self._try(self._take, record)
        descending = _falls([row.occurred for row in self._rows])
        for record in self._openings:
            self._try(self._take_opening, record)
        return Read(
            extract=extract,
            mapping=self._cells.mapping,
            rows=self._rows,
            closings=self._closings,
            left=self._left,
            bad=sorted(self._bad, key=lambda noted: noted.line),
            amounts=self._cells.amounts,
            dates=self._cells.dates,
            descending=descending,
            by_column=self._cells.meanings is not None,
        )

    def _try(self, take: Callable[[Record], None], record: Record) -> None:
        try:
            take(record)
        except Unfit as unfit:
            self._bad.append(self._noted(record, str(unfit)))

    def _noted(self, record: Record, reason: str) -> Noted:
        name = self._cells.extract.name
        return Noted(file=name, line=record.line, reason=reason, cells=record.cells)

    def _take(self, record: Record) -> None:
        if self._balances.is_opening(record):
            self._openings.append(record)
        elif self._balances.is_closing(record):
            self._closings.append(self._balances.closing(record))
        elif self._balances.is_footer(record):
            self._left.append(self._noted(record, "footer"))
        elif code := self._cells.other_currency(record):
            self._left.append(self._noted(record, f"in {code}"))
        else:
            self._rows.append(self._booking(record))

    def _booking(self, record: Record) -> Row:
        occurred = self._cells.when(record)
        amount = self._cells.signed(record)
        if not amount.value:
            raise Unfit("unknown sign: an amount of 0.00 moves nothing")
        kind = words.CREDIT if amount.value > 0 else words.DEBIT
        recorded = self._recorded or self._cells.recorded(record)
        return self._row(record, kind, amount, occurred, recorded=recorded)

    def _take_opening(self, record: Record) -> None:
        """Take an opening balance; known when the first booking was, unless it says."""
        filled, since = self._balances.opening(record, self._rows)
        amount = self._balances.amount(record)
        recorded = self._recorded
        if recorded is None and self._cells.text(record, "recorded"):
            recorded = self._cells.recorded(record)
        if recorded is None:
            account = self._cells.account(filled)
            known = [row.recorded for row in self._rows if row.account == account]
            recorded = min((when for when in known if when), default=None)
        row = self._row(filled, words.OPENING, amount, since, recorded=recorded)
        self._rows.append(row)

    def _row(
        self,
        record: Record,
        kind: str,
        amount: Amount,
        occurred: date | datetime,
        *,
        recorded: datetime | None,
    ) -> Row:
        cells = self._cells
        account, text = cells.account(record), cells.text(record, "text")
        balance = cells.text(record, "balance")
        return Row(
            line=record.line,
            account=account,
            type=kind,
            amount=amount.value,
            occurred=cells.moment(occurred),
            recorded=recorded,
            written=occurred.isoformat(),
            text=text if "text" in cells.mapping.places else None,
            currency=cells.currency(record, amount.currency),
            owner=cells.text(record, "owner") or None,
            balance=cells.amount(record, "balance").value if balance else None,
            id=self._id(record, account, occurred.isoformat(), amount.value),
            cells=record.cells,
        )

    def _id(self, record: Record, account: str, written: str, amount: Decimal) -> str:
        if "id" in self._cells.mapping.places:
            return self._given_id(record, account)
        parts = (account, written, str(amount), self._cells.text(record, "text"))
        self._counts[parts] += 1
        counted = json.dumps([*parts, self._counts[parts]], ensure_ascii=False)
        return f"made-{hashlib.sha256(counted.encode()).hexdigest()[:20]}"

    def _given_id(self, record: Record, account: str) -> str:
        given = self._cells.text(record, "id")
        if not given:
            raise Unfit("no id")
        own = given.removeprefix(f"{account}/")
        if own != given and own.isdigit():
            raise Unfit(f"the id {shorten(given)!r} has the log's own form")
        return given


def _falls(times: list[datetime]) -> bool:
    """Tell whether the newest comes first."""
    pairs = list(pairwise(times))
    falling = sum(later < earlier for earlier, later in pairs)
    rising = sum(later > earlier for earlier, later in pairs)
    return falling > rising


_NAME_DATES: tuple[tuple[str, Callable[[re.Match[str]], tuple[int, int, int]]], ...] = (
    (r"(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})", lambda m: (int(m[1]), int(m[2]), int(m[3]))),
    (r"(\d{2})[-_.](\d{2})[-_.](\d{4})", lambda m: (int(m[3]), int(m[2]), int(m[1]))),
)


def recorded_from(name: str, zone: str) -> datetime:
    """Return the start of the day in a file's name, in the log's zone, as UTC.

    Raises:
        UnclearExtract: no day in the name, or more than one.
    """
    found = set()
    for pattern, order in _NAME_DATES:
        for match in re.finditer(rf"(?<!\d){pattern}(?!\d)", name):
            try:
                found.add(date(*order(match)))
            except ValueError:
                continue
        if found:
            break
    if len(found) != 1:
        what = "no date" if not found else "more than one date"
        raise UnclearExtract(
            f"{name} has {what} in its name: name it e.g. extract-2024-01-31.csv, or "
            "leave --recorded-from-name out"
        )
    return start_of(found.pop(), zone)
