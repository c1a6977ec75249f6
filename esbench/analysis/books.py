"""Accounts as the log has them, for an import to compare with.

What lives here: what an import needs to know of an account: its movements, the ids of
its events, what is reversed, and since when its balance was carried forward.
The guarantee: a book says the same whether its events come from the log or from the
plan.
What it may not know: extracts.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.analysis import words

if TYPE_CHECKING:
    from esbench.log import EventLog

IMPORT = "import "
REVERSED = "TransactionReversed"


class Stored(Struct, frozen=True, kw_only=True):
    """An event with an id of its own."""

    content: tuple[str, Decimal, datetime, str | None]
    imported: bool


class Book:
    """One account, as the log has it, and then as the plan makes it."""

    def __init__(self) -> None:
        self.moves: list[tuple[datetime, Decimal]] = []
        self.stored: dict[str, Stored] = {}
        self.reversed: set[str] = set()
        self.carried: datetime | None = None

    def balance(self, until: datetime) -> Decimal:
        """Return the balance about a moment, inclusive."""
        return sum(
            (amount for when, amount in self.moves if when <= until), Decimal("0.00")
        )

    def latest(self, name: str) -> tuple[str, int]:
        """Return the id of the last revision of a row, and its number, from 1."""
        number = 1
        while revision(name, number + 1) in self.stored:
            number += 1
        return revision(name, number), number


def revision(name: str, number: int) -> str:
    """Return the id of the ``number``-th content that a row has had."""
    return name if number == 1 else f"{name}~{number}"


def books_of(log: EventLog, accounts: set[str]) -> dict[str, Book]:
    """Return what the log holds about some accounts."""
    import polars as pl

    books: dict[str, Book] = defaultdict(Book)
    rows = log.scan().filter(pl.col("aggregate_id").is_in(sorted(accounts)))
    names = rows.collect_schema().names()
    missing = [
        pl.lit(None, pl.String).alias(name)
        for name in ("event_id", "correlation_id")
        if name not in names
    ]
    frame = rows.with_columns(missing).sort("position").collect()
    for event in frame.iter_rows(named=True):
        enter(books[event["aggregate_id"]], event)
    return books


def enter(book: Book, event: dict[str, Any]) -> None:
    """Take one event into a book."""
    kind, when = event["type"], event["occurred_at"]
    amount = Decimal("0.00")
    if kind == words.OPENING:
        amount = event["initial_balance"]
        if event["carried_forward"]:
            book.carried = when
    elif kind in {words.CREDIT, REVERSED}:
        amount = event["amount"]
    elif kind == words.DEBIT:
        amount = -event["amount"]
    book.moves.append((when, amount))
    if kind == REVERSED:
        book.reversed.add(event["reverses"])
    if name := event.get("event_id"):
        book.stored[name] = Stored(
            content=(kind, amount, when, event.get("text")),
            imported=(event.get("correlation_id") or "").startswith(IMPORT),
        )
