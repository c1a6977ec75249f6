"""Rows of an extract, read: what each says, or why it can't be taken.

What lives here: bookings, balances, and records that became neither.
The guarantee: each record of an extract is in exactly one list of ``Read``.
What it may not know: how they were read, logs.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct

from esbench.analysis import words
from esbench.analysis.amounts import AmountForm
from esbench.analysis.dates import DateForm
from esbench.analysis.extract import Extract
from esbench.analysis.mapping import Mapping

SIGNS = {words.CREDIT: 1, words.DEBIT: -1}


class Unfit(ValueError):
    """A record that can't be taken; the text says why."""


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
        cells: the record as it stands in the file.
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
    cells: tuple[str, ...]

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
