"""A snapshot and its tail: what is read for an answer, and what a wrong tail does.

What lives here: ``Tail``, the events of one aggregate with a snapshot after any of
them, a day asked about, and three ways to find the events behind the snapshot.
The guarantee: by position the answer is the full replay's, and the snapshot is used
exactly where ``replayed`` uses it; by time it is what such a filter really gives.
What it may not know: widgets and browsers, how snapshots are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from esbench.widgets.predictions import Answer, pick
from esbench.widgets.story import Story, amount, day_of, quoted, show

POSITION, LATER, SINCE = "by position", "by time >", "by time ≥"
WAYS = (POSITION, LATER, SINCE)
PINS, DAYS = 30, 7  # places of the pin, and days, that a long story offers
KEPT, READ, LEFT, LOST, TWICE = "kept", "read", "left out", "lost", "twice"
SPOKEN = {LATER: "later than", SINCE: "no earlier than"}


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one way to find the tail gives.

    Attributes:
        marks: what happens to each event.
        value: the state's number that comes out.
        truth: what the full replay gives.
        used: whether the snapshot could be used.
    """

    marks: tuple[str, ...]
    value: Any
    truth: Any
    used: bool

    @property
    def read(self) -> int:
        """How many events are read behind the snapshot."""
        return sum(mark in {READ, TWICE} for mark in self.marks)

    @property
    def is_right(self) -> bool:
        """Whether it is what the full replay gives."""
        return bool(self.value == self.truth)

    @property
    def slips(self) -> str:
        """What goes wrong with events, in words; "" if nothing does."""
        lost, twice = self.marks.count(LOST), self.marks.count(TWICE)
        found = [
            *([f"{amount(lost, 'event')} {_is(lost)} lost"] if lost else []),
            *(
                [f"{amount(twice, 'event')} {_is(twice)} counted twice"]
                if twice
                else []
            ),
        ]
        return " and ".join(found)


@dataclass(frozen=True, kw_only=True)
class Tail:
    """One aggregate's events, with a snapshot after any of them.

    Attributes:
        story: the events, and the fold.
        latest: after each event, the latest time that a snapshot there holds, of
            all aggregates.
    """

    story: Story
    latest: Sequence[datetime]

    @cached_property
    def local(self) -> tuple[date, ...]:
        """The day on which each event occurred, in the log's zone."""
        zone = ZoneInfo(self.story.zone)
        return tuple(e.occurred_at.astimezone(zone).date() for e in self.story.events)

    @cached_property
    def pins(self) -> tuple[int, ...]:
        """How many events a snapshot may hold: 0 stands for none."""
        total = len(self.story.events)
        paces = (pace * 10**power for power in range(9) for pace in (1, 2, 5))
        every = next(pace for pace in paces if pace * PINS >= total)
        return (0, *range(every, total, every), total)

    @cached_property
    def days(self) -> tuple[date | None, ...]:
        """The days asked about, None for now."""
        found = sorted(set(self.local))
        every = -(-len(found) // (DAYS - 1))
        return (*found[::every], None)

    def name(self, day: date | None) -> str:
        """Write a day."""
        if day is None:
            return "now"
        return day_of(day, one_year=len({one.year for one in self.local}) == 1)

    @cached_property
    def wanted(self) -> dict[date | None, tuple[bool, ...]]:
        """For each day whether an event had occurred by then."""
        return {
            day: tuple(day is None or one <= day for one in self.local)
            for day in self.days
        }

    @cached_property
    def truths(self) -> dict[date | None, Any]:
        """For each day the number that the full replay gives."""
        return {
            day: self._folded([at for at, is_wanted in enumerate(kept) if is_wanted])
            for day, kept in self.wanted.items()
        }

    def found(self, way: str, pin: int, day: date | None) -> Found:
        """Return what one way gives for a pin and a day."""
        wanted, truth = self.wanted[day], self.truths[day]
        used = pin > 0 and self._holds_only(pin, day)
        begin = pin if used else 0
        tail = self._tail(way if used else POSITION, begin)
        times = [(at < begin) + (at in tail) for at in range(len(wanted))]
        marks = tuple(
            _mark(begin > at, is_wanted, count)
            for at, (is_wanted, count) in enumerate(zip(wanted, times, strict=True))
        )
        value = truth
        if LOST in marks or TWICE in marks:
            value = self._folded(
                [*range(begin), *(a for a in sorted(tail) if wanted[a])]
            )
        return Found(marks=marks, value=value, truth=truth, used=used)

    def _holds_only(self, pin: int, day: date | None) -> bool:
        """Tell whether a snapshot holds nothing that happened after a day."""
        return day is None or self._latest_day(pin) <= day

    def _latest_day(self, pin: int) -> date:
        zone = ZoneInfo(self.story.zone)
        return self.latest[pin - 1].astimezone(zone).date()

    def _tail(self, way: str, begin: int) -> range | set[int]:
        events = self.story.events
        if way == POSITION or not begin:
            return range(begin, len(events))
        time = max(event.occurred_at for event in events[:begin])
        return {
            at
            for at, event in enumerate(events)
            if event.occurred_at > time or (way == SINCE and event.occurred_at == time)
        }

    def _folded(self, order: Sequence[int]) -> Any:
        """Fold some of the events; a beginning of the log is known already."""
        begin = 0
        while begin < len(order) and order[begin] == begin:
            begin += 1
        fold = self.story.folds[begin]
        for at in order[begin:]:
            fold = self.story.take(fold, self.story.events[at])
        return self.story.cells(fold).get(self.story.shown) if order else None

    # what is said

    def finding(self, way: str, pin: int, day: date | None) -> str:
        """Say what is read, and whether the answer is right."""
        return self.said(self.found(way, pin, day), way, pin, day)

    def said(self, one: Found, way: str, pin: int, day: date | None) -> str:
        """Say what was found."""
        about = "" if day is None else f"About {self.name(day)}: "
        return upper(about + self._told(one, way, pin))

    def _told(self, one: Found, way: str, pin: int) -> str:
        total = amount(len(self.story.events), "event")
        read = f"{one.read} of {total} {_is(one.read)} read"
        now = f"{read}, and the {self.story.shown} is {show(one.value)}"
        if not pin:
            return f"without a snapshot {now}."
        at = f"the snapshot at {self.position(pin)}"
        if not one.used:
            late = self.name(self._latest_day(pin))
            return f"{at} holds an event of {late} and is not used; {now}."
        if not one.slips:
            return f"from {at} on, {now}, as by full replay."
        end = f", {show(one.value)} instead of {show(one.truth)}"
        if one.is_right:
            end = f", and only by chance {show(one.value)} is right"
        return f"only what occurred {SPOKEN[way]} {at} is read: {one.slips}{end}."

    def position(self, pin: int) -> int:
        """Return the log's position of the last event in a snapshot."""
        return self.story.events[pin - 1].position

    def python(self, way: str, pin: int, day: date | None) -> str:
        """Give the line of Python that gives the same, or reads the same."""
        past = "log" if day is None else f'log.as_of("{day}")'
        call, name = self.story.call, quoted(self.story.aggregate_id)
        if way != POSITION and pin and self._holds_only(pin, day):
            sign = ">" if way == LATER else ">="
            return (
                f"e = list({past}.read({name})); "
                f"t = max(x.occurred_at for x in e[:{pin}]); {call}.fold(e[:{pin}] + "
                f"[x for x in e if x.occurred_at {sign} t])[{name}]"
            )
        taken = f"{call}.snapshot(log, position={self.position(pin)}); " if pin else ""
        return f"{taken}{call}.replayed({past}, {name})"

    def question(self, pin: int) -> str:
        """Ask how many events are read."""
        total = amount(len(self.story.events), "event")
        return (
            f"A snapshot at {self.position(pin)}: how many of the {total} are read for "
            f"the {self.story.shown} now?"
        )

    def answers(self, pin: int) -> tuple[Answer, ...]:
        """Give four answers to the question, the right one first."""
        return pick(str(len(self.story.events) - pin), self._slips(pin))

    def _slips(self, pin: int) -> Iterator[Answer]:
        total = len(self.story.events)
        yield str(total), "that is a full replay; the snapshot holds the first ones"
        yield str(pin), "so many are in the snapshot and need not be read"
        yield str(total - pin + 1), "the snapshot's own last event is in it already"
        yield "0", "what came after the snapshot is not in it"
        for more in range(1, 5):
            yield str(total + more), "there are not that many"


def _mark(is_kept: bool, is_wanted: bool, count: int) -> str:  # noqa: FBT001 - private
    """Say what happens to an event that is counted so often."""
    if not is_wanted:
        return LEFT
    if count == 0:
        return LOST
    if count > 1:
        return TWICE
    return KEPT if is_kept else READ


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def upper(text: str) -> str:
    """Begin a sentence."""
    return text[0].upper() + text[1:]
