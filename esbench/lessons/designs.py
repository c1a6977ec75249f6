"""Four designs for one price: what each keeps, and which questions each can answer.

What lives here: five changes to the price of a lamp, four designs that take them, and
five questions put to all four.
The guarantee: every row and every answer comes out of a real SQLite database or a real
log that took the changes; an answer is right when it is what happened in the story.
What it may not know: notebooks, widgets.

    update in place   one row; each change is written over the one before
    history table     the program also adds a row to a second table
    temporal table    the database itself keeps each version of the row, and its time;
                      SQL Server and MariaDB have that built in, here triggers do it
    events            the program appends what happened; the row can be made from it

Each is used as one would use it: with who and when in every row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from esbench.domains import shop
from esbench.event import RecordedEvent
from esbench.log import EventLog
from esbench.moments import Clock

IN_PLACE, HISTORY, TEMPORAL, EVENTS = DESIGNS = (
    "update in place",
    "history table",
    "temporal table",
    "events",
)
SILENT = "no answer"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change to the price, or to the row alone.

    Attributes:
        day: when it was written, as told.
        at: the same as a time, in UTC.
        said: what happened, as a sentence.
        price, by: what is written, and by whom.
        told: whether the program was told; else somebody typed it into the table.
    """

    day: str
    at: str
    said: str
    price: str
    by: str
    told: bool = True


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something that somebody asks on Jan 31.

    Attributes:
        key: its short name.
        asks: the question.
        truth: what happened in the story.
        how: for each design how it is asked, as SQL or Python.
        why: for each design that is wrong, the reason.
    """

    key: str
    asks: str
    truth: str
    how: Mapping[str, str]
    why: Mapping[str, str]


CHANGES = (
    Change(
        day="Jan 1",
        at="2024-01-01 09:00",
        said="Ann lists the lamp at 90.00.",
        price="90.00",
        by="Ann",
    ),
    Change(
        day="Jan 10",
        at="2024-01-10 09:00",
        said="Ben raises the price to 100.00.",
        price="100.00",
        by="Ben",
    ),
    Change(
        day="Jan 20",
        at="2024-01-20 09:00",
        said="Cleo corrects a mistake: since Jan 15 the lamp has cost 95.00.",
        price="95.00",
        by="Cleo",
    ),
    Change(
        day="Jan 28",
        at="2024-01-28 23:00",
        said="At night somebody types 110.00 into the table by hand.",
        price="110.00",
        by="Cleo",
        told=False,
    ),
    Change(
        day="Jan 29",
        at="2024-01-29 09:00",
        said="Ann raises the price to 105.00.",
        price="105.00",
        by="Ann",
    ),
)

_LATEST = "ORDER BY since DESC LIMIT 1"

QUESTIONS = (
    Question(
        key="who",
        asks="Who raised the price to 100.00?",
        truth="Ben",
        how={
            IN_PLACE: "SELECT by FROM product",
            HISTORY: "SELECT by FROM history WHERE price = '100.00'",
            TEMPORAL: "SELECT by FROM period WHERE price = '100.00'",
            EVENTS: "next(e.event.by for e in events if e.event.price == 100)",
        },
        why={IN_PLACE: "the row names whoever wrote last"},
    ),
    Question(
        key="why",
        asks="Was the 95.00 a bargain, or a mistake put right?",
        truth="PriceCorrected",
        how={EVENTS: "next(e.type for e in events if e.event.price == 95)"},
        why={
            IN_PLACE: "a row says what is, never why",
            HISTORY: "a lower price looks alike in both cases; no column says why",
            TEMPORAL: "the database sees a new value; it can't know the reason",
        },
    ),
    Question(
        key="known",
        asks="What did it cost on Jan 16: as known on Jan 18, and as known today?",
        truth="100.00, 95.00",
        how={
            IN_PLACE: "SELECT price || ', ' || price FROM product",
            HISTORY: "SELECT price || ', ' || price FROM history "
            f"WHERE since <= '2024-01-16 24' {_LATEST}",
            TEMPORAL: "SELECT price || ', ' || price FROM period "
            "WHERE since <= '2024-01-16 24' AND '2024-01-16 24' < until",
            EVENTS: 'f\'{at(occurred="2024-01-16", recorded="2024-01-18")}, '
            '{at(occurred="2024-01-16")}\'',
        },
        why={
            IN_PLACE: "the row holds today's price and no other",
            HISTORY: "it has the time of writing alone: Jan 20",
            TEMPORAL: "it has one time, that of writing; a second one would help",
        },
    ),
    Question(
        key="back",
        asks="The 105.00 was a slip. To which price does the shop go back?",
        truth="95.00",
        how={
            HISTORY: f"SELECT price FROM history {_LATEST} OFFSET 1",
            TEMPORAL: f"SELECT price FROM period {_LATEST} OFFSET 1",
            EVENTS: "at(position=3)",
        },
        why={
            IN_PLACE: "what was overwritten is gone",
            TEMPORAL: "it brings back what was typed by hand: to the database a write "
            "is a write",
        },
    ),
    Question(
        key="by hand",
        asks="At midnight on Jan 28 a customer paid too much. What did the table say?",
        truth="110.00",
        how={
            IN_PLACE: "SELECT price FROM product",
            HISTORY: "SELECT price FROM history "
            f"WHERE since <= '2024-01-28 24' {_LATEST}",
            TEMPORAL: "SELECT price FROM period "
            "WHERE since <= '2024-01-28 24' AND '2024-01-28 24' < until",
            EVENTS: 'at(occurred="2024-01-28")',
        },
        why={
            IN_PLACE: "the row has been overwritten since",
            HISTORY: "the program fills the history, and nobody told the program",
            EVENTS: "a log knows only what it was told, and nobody told it",
        },
    ),
)

# --- the four designs, for real --------------------------------------------------

_TABLES = """
CREATE TABLE product (price TEXT, by TEXT, since TEXT);
CREATE TABLE history (price TEXT, by TEXT, since TEXT);
CREATE TABLE period  (price TEXT, by TEXT, since TEXT, until TEXT DEFAULT '9999');
CREATE TRIGGER listed AFTER INSERT ON product BEGIN
  INSERT INTO period (price, by, since) VALUES (new.price, new.by, new.since);
END;
CREATE TRIGGER changed AFTER UPDATE ON product BEGIN
  UPDATE period SET until = new.since WHERE until = '9999';
  INSERT INTO period (price, by, since) VALUES (new.price, new.by, new.since);
END;
"""
_ROWS = {
    IN_PLACE: "SELECT price, by FROM product",
    HISTORY: "SELECT substr(since, 1, 10), price, by FROM history ORDER BY since",
    TEMPORAL: "SELECT substr(since, 1, 10), substr(until, 1, 10), price, by "
    "FROM period ORDER BY since",
}
HEADS = {
    IN_PLACE: ("price", "by"),
    HISTORY: ("written", "price", "by"),
    TEMPORAL: ("from", "until", "price", "by"),
    EVENTS: ("event", "price", "by", "happened", "recorded"),
}


class Shop:
    """The lamp in all four designs, after some of the changes."""

    def __init__(self, changes: int) -> None:
        self.database = sqlite3.connect(":memory:")
        self.database.executescript(_TABLES)
        for change in CHANGES[:changes]:
            self._write(change)
        clock = Clock(f"{CHANGES[0].at}Z")
        self.log = EventLog.temporary(events=shop.EVENTS, clock=clock)
        shop.lamp(self.log, clock, sum(change.told for change in CHANGES[:changes]))

    def _write(self, change: Change) -> None:
        row = (change.price, change.by, change.at)
        if self.database.execute("SELECT count(*) FROM product").fetchone()[0]:
            self.database.execute("UPDATE product SET price=?, by=?, since=?", row)
        else:
            self.database.execute("INSERT INTO product VALUES (?, ?, ?)", row)
        if change.told:
            self.database.execute("INSERT INTO history VALUES (?, ?, ?)", row)

    def rows(self, design: str) -> list[tuple[str, ...]]:
        """Return what a design keeps."""
        if design == EVENTS:
            return [_event_row(event) for event in self.log.read("lamp")]
        return [_day_row(row) for row in self.database.execute(_ROWS[design])]

    def answer(self, design: str, question: Question) -> str:
        """Return what a design says to a question."""
        how = question.how.get(design)
        if how is None:
            return SILENT
        if design != EVENTS:
            return str(self.database.execute(how).fetchone()[0])
        names = {"events": list(self.log.read("lamp")), "at": self._at}
        return str(eval(how, names))  # one of the lines above

    def _at(self, **when: Any) -> Any:
        return shop.Product.hydrate(self.log.as_of(**when), "lamp").price


def _event_row(event: RecordedEvent) -> tuple[str, ...]:
    told: Any = event.event
    days = (
        f"{event.occurred_at:%b} {event.occurred_at.day}",
        (f"{event.recorded_at:%b} {event.recorded_at.day}"),
    )
    return (event.type, str(told.price), told.by, *days)


def _day_row(row: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_DAYS.get(value, value) for value in row)


_DAYS = {change.at[:10]: change.day for change in CHANGES} | {"9999": "now"}


@cache
def _shop(changes: int) -> Shop:
    return Shop(changes)


def kept(changes: int = len(CHANGES)) -> dict[str, list[tuple[str, ...]]]:
    """Return the rows that each design keeps after so many changes."""
    return {design: _shop(changes).rows(design) for design in DESIGNS}


def question(key: str) -> Question:
    """Return a question by its short name."""
    return next(one for one in QUESTIONS if one.key == key)


def answers(key: str) -> dict[str, str]:
    """Return what each design answers, once all changes are made.

    >>> answers("back")["events"]
    '95.00'
    """
    return dict(zip(DESIGNS, _answers(key), strict=True))


@cache
def _answers(key: str) -> tuple[str, ...]:
    full = _shop(len(CHANGES))
    return tuple(full.answer(design, question(key)) for design in DESIGNS)


def right(key: str) -> tuple[str, ...]:
    """Return the designs that answer a question with what happened."""
    truth = question(key).truth
    return tuple(design for design, said in answers(key).items() if said == truth)


def can() -> dict[str, set[str]]:
    """Return for each design, the simplest first, which questions it can answer.

    What the lamp costs now, "now", is answered by all of them.
    """
    return {
        design: {"now"} | {one.key for one in QUESTIONS if design in right(one.key)}
        for design in DESIGNS
    }


def named(designs: tuple[str, ...]) -> str:
    """Write a set of designs as words.

    >>> named(DESIGNS[1:])
    'all but update in place'
    """
    if not designs:
        return "none of them"
    if len(designs) == len(DESIGNS):
        return "all four"
    if len(designs) == len(DESIGNS) - 1:
        return f"all but {next(one for one in DESIGNS if one not in designs)}"
    if len(designs) == 1:
        return f"{designs[0]} alone"
    return " and ".join(designs)
