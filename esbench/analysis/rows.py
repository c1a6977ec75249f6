"""Rows of an extract, read: what each says, or why it can't be taken.

What lives here: one record to one booking, opening balance, closing balance or footer.
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

from msgspec import Struct

from esbench.analysis import words
from esbench.analysis.amounts import Amount, AmountForm, amount_form
from esbench.analysis.dates import DateForm, date_form, moment_of
from esbench.analysis.extract import Extract, Record
from esbench.analysis.mapping import Mapping
from esbench.analysis.settings import Settings
from esbench.errors import UnclearExtract, shorten
from esbench.moments import start_of

SIGNS = {words.CREDIT: 1, words.DEBIT: -1}


class Row(Struct, frozen=True, kw_only=True):
    """One booking, or an opening balance.

    Attributes:
        line: where it stands.
        account: the aggregate.
        type: the event type that it becomes.
        amount: signed: what it adds to the balance.
        occurred: when, UTC.
        recorded: when the bank knew, if a column says so; UTC.
        written: the date as the extract has it, in ISO form.
        text, currency, owner: as written; None where there is no such column.
        balance: the balance after it, if a column says so.
        id: the bank's id, or the one made.
    """

    line: int
    account: str
    type: str
    amount: Decimal
    occurred: datetime
    recorded: datetime | None
    written: str
    text: str | None
    currency: str | None
    owner: str | None
    balance: Decimal | None
    id: str

    @property
    def content(self) -> tuple[str, Decimal, datetime, str | None]:
        """What makes it another row under the same id."""
        text = None if self.type == words.OPENING else self.text
        return self.type, self.amount, self.occurred, text


class Closing(Struct, frozen=True, kw_only=True):
    """A closing balance in a footer: of which account, about which day, how much."""

    line: int
    account: str
    day: date | None
    amount: Decimal


class Noted(Struct, frozen=True, kw_only=True):
    """A record that became no event, and why."""

    file: str
    line: int
    reason: str
    cells: tuple[str, ...]


class Read(Struct, frozen=True, kw_only=True):
    """An extract, read.

    Attributes:
        rows: bookings and opening balances, in the order of the file.
        closings: closing balances in the footer.
        left: records that are no bookings: footers, other currencies.
        bad: records that should be bookings and can't be taken.
        amounts, dates: the forms that were found.
        descending: whether the newest row comes first.
        by_column: whether a column, not the sign, chooses the event type.
    """

    extract: Extract
    mapping: Mapping
    rows: list[Row]
    closings: list[Closing]
    left: list[Noted]
    bad: list[Noted]
    amounts: AmountForm
    dates: DateForm
    descending: bool
    by_column: bool


class _Refused(ValueError):
    """A record that can't be taken; the text says why."""


class Reader:
    """Reads the records of one extract.

    Args:
        extract: the records.
        mapping: which column is what.
        settings: what the caller says.
        zone: where the log's days begin and end.
        recorded: the time of recording of the whole file, if its name says one.
    """

    def __init__(
        self,
        extract: Extract,
        mapping: Mapping,
        settings: Settings,
        zone: str,
        recorded: datetime | None,
    ) -> None:
        self._extract, self._mapping, self._settings = extract, mapping, settings
        self._zone, self._recorded = zone, recorded
        sums = [
            role for role in ("amount", "debit", "credit") if role in mapping.places
        ]
        self._amounts = amount_form(self._cells(*sums), settings.decimal)
        self._dates = date_form(self._cells("occurred"), settings.dates)
        self._type_words = self._known_types()
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._refuse_mixed()

    def _cells(self, *roles: str) -> list[tuple[int, str]]:
        """Return the lines and texts of columns; typed ones need no finding out."""
        columns = self._mapping.columns
        wanted = [r for r in roles if columns[r] not in self._extract.typed]
        return [
            (record.line, text)
            for record in self._extract.records
            for role in wanted
            if (text := self._cell(record, role))
        ]

    def _cell(self, record: Record, role: str) -> str:
        place = self._mapping.places.get(role)
        if place is None or place >= len(record.cells):
            return ""
        return record.cells[place].strip()

    # which type

    def _known_types(self) -> dict[str, str] | None:
        """Return what the words of the type column mean; None if the sign decides.

        A column that was found by its name alone counts only if all its words are
        known; many banks write the sort of booking there.
        """
        if "type" not in self._mapping.places:
            return None
        said = {words.normal(w): event for w, event in self._settings.types.items()}
        meanings = words.TYPE_WORDS | said
        if "type" in self._settings.columns or said:
            return meanings
        seen = {
            words.normal(self._cell(record, "type"))
            for record in self._extract.records
            if self._looks_booked(record)
        }
        return meanings if seen - {""} <= meanings.keys() else None

    def _looks_booked(self, record: Record) -> bool:
        try:
            self._dates.read(self._cell(record, "occurred"))
        except ValueError:
            return False
        return not self._phrase(record, words.OPENINGS + words.CLOSINGS)

    # currencies

    def _currency(self, record: Record, beside: str | None) -> str | None:
        cell = self._cell(record, "currency").upper()
        code = words.SYMBOLS.get(self._cell(record, "currency"), cell) or beside
        return code or self._mapping.currency

    def _refuse_mixed(self) -> None:
        if self._settings.currency:
            return
        seen: dict[str, int] = {}
        for record in self._extract.records:
            if self._looks_booked(record):
                try:
                    code = self._currency(record, self._sum(record).currency)
                except ValueError:
                    continue
                seen.setdefault(code or "no currency", record.line)
        if len(seen) > 1:
            listed = ", ".join(f"{code} on line {line}" for code, line in seen.items())
            raise UnclearExtract(
                f"{self._extract.name} mixes currencies: {listed}; say --currency CODE "
                "to take one of them"
            )

    # reading

    def read(self) -> Read:
        """Return what every record is."""
        rows: list[Row] = []
        closings: list[Closing] = []
        left = [self._noted(r, "above the header") for r in self._extract.above]
        bad = [self._noted(record, why) for record, why in self._extract.broken]
        pending: list[Record] = []
        last = self._last_booked()
        for record in self._extract.records:
            try:
                if self._is_opening(record):
                    pending.append(record)
                elif self._phrase(record, words.CLOSINGS):
                    closings.append(self._closing(record))
                elif record.line > last and not self._looks_meant(record):
                    left.append(self._noted(record, "footer"))
                elif code := self._other_currency(record):
                    left.append(self._noted(record, f"in {code}"))
                else:
                    rows.append(self._row(record))
            except _Refused as refused:
                bad.append(self._noted(record, str(refused)))
        descending = _falls([row.occurred for row in rows])
        for record in pending:
            try:
                rows.append(self._opening(record, rows))
            except _Refused as refused:
                bad.append(self._noted(record, str(refused)))
        return Read(
            extract=self._extract,
            mapping=self._mapping,
            rows=rows,
            closings=self._named(closings, rows),
            left=left,
            bad=sorted(bad, key=lambda noted: noted.line),
            amounts=self._amounts,
            dates=self._dates,
            descending=descending,
            by_column=self._type_words is not None,
        )

    def _noted(self, record: Record, reason: str) -> Noted:
        return Noted(
            file=self._extract.name,
            line=record.line,
            reason=reason,
            cells=record.cells,
        )

    def _last_booked(self) -> int:
        """Return the line of the last record that has a date."""
        booked = [r.line for r in self._extract.records if self._looks_booked(r)]
        return max(booked, default=0)

    def _looks_meant(self, record: Record) -> bool:
        """Tell whether a record below the last booking may be one gone wrong."""
        filled = sum(bool(cell.strip()) for cell in record.cells)
        date_cell = self._cell(record, "occurred")
        return (
            len(record.cells) == len(self._extract.header)
            and 2 * filled > len(record.cells)
            and any(character.isdigit() for character in date_cell)
        )

    def _phrase(self, record: Record, phrases: tuple[str, ...]) -> bool:
        """Tell whether a record is about a balance: a cell of it begins that way.

        The text of a booking may happen to begin so; with a date and without being
        the whole cell it is taken for a booking.
        """
        found = [cell for cell in record.cells if words.begins_with(cell, phrases)]
        if not found:
            return False
        try:
            self._dates.read(self._cell(record, "occurred"))
        except ValueError:
            return True
        return any(words.normal(cell) in phrases for cell in found)

    def _is_opening(self, record: Record) -> bool:
        if self._phrase(record, words.OPENINGS):
            return True
        kind = words.normal(self._cell(record, "type"))
        return bool(kind) and (self._type_words or {}).get(kind) == words.OPENING

    def _other_currency(self, record: Record) -> str | None:
        """Return the currency of a row that was not asked for."""
        wanted = self._settings.currency
        if not wanted:
            return None
        try:
            code = self._currency(record, self._sum(record).currency)
        except ValueError:
            code = self._currency(record, None)
        return code if code and code != wanted.upper() else None

    def _row(self, record: Record) -> Row:
        occurred = self._date(record)
        amount = self._signed(record)
        if not amount.value:
            raise _Refused("unknown sign: an amount of 0.00 moves nothing")
        kind = words.CREDIT if amount.value > 0 else words.DEBIT
        return self._made(record, kind, amount, occurred)

    def _made(
        self, record: Record, kind: str, amount: Amount, occurred: date | datetime
    ) -> Row:
        account = self._account(record)
        text = self._cell(record, "text")
        written = occurred.isoformat()
        return Row(
            line=record.line,
            account=account,
            type=kind,
            amount=amount.value,
            occurred=self._moment(occurred),
            recorded=self._recorded or self._recorded_in(record),
            written=written,
            text=text if "text" in self._mapping.places else None,
            currency=self._currency(record, amount.currency),
            owner=self._cell(record, "owner") or None,
            balance=self._balance(record),
            id=self._id(record, account, written, amount.value, text),
        )

    def _date(self, record: Record) -> date | datetime:
        text = self._cell(record, "occurred")
        if not text:
            raise _Refused("bad date: it is missing")
        try:
            return self._dates.read(text)
        except ValueError as error:
            raise _Refused(f"bad date: {error}") from None

    def _moment(self, value: date | datetime) -> datetime:
        try:
            return moment_of(value, self._zone, self._settings.zone or self._zone)
        except (ValueError, OverflowError) as error:
            raise _Refused(f"bad time: {error}") from None

    def _recorded_in(self, record: Record) -> datetime | None:
        if "recorded" not in self._mapping.places:
            return None
        text = self._cell(record, "recorded")
        try:
            return self._moment(self._dates.read(text))
        except ValueError as error:
            raise _Refused(f"bad time of recording: {error}") from None

    def _account(self, record: Record) -> str:
        if "account" not in self._mapping.places:
            assert self._settings.account, "the mapping was checked"
            return self._settings.account
        account = self._cell(record, "account")
        if not account:
            raise _Refused("no account")
        return account

    def _balance(self, record: Record) -> Decimal | None:
        if not self._cell(record, "balance"):
            return None
        return self._amount(record, "balance").value

    # amounts

    def _sum(self, record: Record) -> Amount:
        """Return the amount as written, from its column or from debit and credit."""
        if "amount" in self._mapping.places:
            return self._amount(record, "amount")
        sides = {
            role: self._amount(record, role)
            for role in ("debit", "credit")
            if self._cell(record, role)
        }
        sides = {role: side for role, side in sides.items() if side.value}
        if len(sides) != 1:
            reason = "both in debit and in credit" if sides else "missing"
            raise _Refused(f"amount {reason}")
        [(role, side)] = sides.items()
        if role == "credit" and side.value < 0:
            raise _Refused("unknown sign: a negative amount in the credit column")
        value = -abs(side.value) if role == "debit" else side.value
        return Amount(value, signed=True, currency=side.currency)

    def _amount(self, record: Record, role: str) -> Amount:
        text = self._cell(record, role)
        if not text:
            raise _Refused(f"missing {role}")
        typed = self._mapping.columns[role] in self._extract.typed
        try:
            return self._amounts.read(text, typed=typed)
        except ValueError as error:
            raise _Refused(f"bad {role}: {error}") from None

    def _signed(self, record: Record) -> Amount:
        """Return the amount with the sign that the type column gives it, if it does."""
        amount = self._sum(record)
        if self._type_words is None:
            return amount
        word = self._cell(record, "type")
        kind = self._type_words.get(words.normal(word))
        if kind not in SIGNS:
            raise _Refused(f"unknown sign: {shorten(word)!r} is neither in nor out")
        sign = SIGNS[kind]
        if amount.value < 0 < sign:
            raise _Refused(f"unknown sign: {shorten(word)!r} with {amount.value}")
        return Amount(sign * abs(amount.value), signed=True, currency=amount.currency)

    # ids

    def _id(
        self, record: Record, account: str, written: str, amount: Decimal, text: str
    ) -> str:
        if "id" in self._mapping.places:
            given = self._cell(record, "id")
            if not given:
                raise _Refused("no id")
            own = given.removeprefix(f"{account}/")
            if own != given and own.isdigit():
                raise _Refused(f"the id {shorten(given)!r} has the log's own form")
            return given
        parts = (account, written, str(amount), text)
        self._counts[parts] += 1
        words_ = json.dumps([*parts, self._counts[parts]], ensure_ascii=False)
        return f"made-{hashlib.sha256(words_.encode()).hexdigest()[:20]}"

    # balances

    def _opening(self, record: Record, rows: list[Row]) -> Row:
        amount = self._first_amount(record)
        account = self._account_of_balance(record, rows)
        try:
            occurred = self._dates.read(self._cell(record, "occurred"))
        except ValueError:
            mine = [row for row in rows if row.account == account]
            if not mine:
                raise _Refused(
                    "an opening balance without a date, of an account without rows"
                ) from None
            first = min(mine, key=lambda row: row.occurred)
            occurred = datetime.fromisoformat(first.written)
            if len(first.written) == len("2024-01-15"):
                occurred = occurred.date()
        filled = _filled(record, self._mapping, account)
        return self._made(filled, words.OPENING, amount, occurred)

    def _closing(self, record: Record) -> Closing:
        day = None
        for cell in record.cells:
            for part in [cell, *cell.split()]:
                try:
                    value = self._dates.read(part)
                except ValueError:
                    continue
                day = value.date() if isinstance(value, datetime) else value
        cells = [cell.strip() for cell in record.cells]
        known = self._accounts()
        account = self._cell(record, "account")
        named = [cell for cell in cells if cell in known]
        if account not in known:
            account = named[0] if named else ""
        return Closing(
            line=record.line,
            account=account,
            day=day,
            amount=self._first_amount(record).value,
        )

    def _accounts(self) -> set[str]:
        return {
            self._cell(r, "account")
            for r in self._extract.records
            if self._looks_booked(r)
        } or {self._settings.account or ""}

    def _named(self, closings: list[Closing], rows: list[Row]) -> list[Closing]:
        """Return the closing balances with their accounts, if there is only one."""
        accounts = {row.account for row in rows}
        only = next(iter(accounts)) if len(accounts) == 1 else ""
        return [
            closing
            if closing.account
            else Closing(
                line=closing.line, account=only, day=closing.day, amount=closing.amount
            )
            for closing in closings
        ]

    def _account_of_balance(self, record: Record, rows: list[Row]) -> str:
        accounts = {row.account for row in rows}
        account = self._cell(record, "account")
        if account and (account in accounts or self._looks_dated(record)):
            return account
        for cell in record.cells:
            if cell.strip() in accounts:
                return cell.strip()
        if self._settings.account:
            return self._settings.account
        if len(accounts) == 1:
            return next(iter(accounts))
        raise _Refused("an opening balance, of which account it does not say")

    def _looks_dated(self, record: Record) -> bool:
        try:
            return bool(self._dates.read(self._cell(record, "occurred")))
        except ValueError:
            return False

    def _first_amount(self, record: Record) -> Amount:
        """Return the amount of a balance: its column's, else the last in the row."""
        for role in ("amount", "balance", "credit", "debit"):
            if self._cell(record, role):
                try:
                    amount = self._amount(record, role)
                except _Refused:
                    continue
                return amount if role != "debit" else _negated(amount)
        for cell in reversed(record.cells):
            if re.search(r"\d[.,]\d{2}\b", cell):
                try:
                    return self._amounts.read(cell)
                except ValueError:
                    continue
        raise _Refused("a balance without an amount")


def _negated(amount: Amount) -> Amount:
    return Amount(-abs(amount.value), signed=True, currency=amount.currency)


def _filled(record: Record, mapping: Mapping, account: str) -> Record:
    """Return a record with its account in the account's column."""
    place = mapping.places.get("account")
    if place is None:
        return record
    cells = list(record.cells) + [""] * (place + 1 - len(record.cells))
    cells[place] = account
    return Record(record.line, tuple(cells))


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
