"""A story: the events of one aggregate, told as cards, states and a staircase.

What lives here: how recorded events and a fold become texts and numbers that a stage
or a picture shows, one step at a time, and every what-if of one change.
The guarantee: every number and sentence of a story is computed from its events by the
fold that was given; nothing in it is markup, and the same events give the same story.
What it may not know: widgets, browsers, logs and domains (a fold comes as an argument).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from esbench.event import RecordedEvent

Take = Callable[[Any, RecordedEvent], Any]
Cells = Callable[[Any], dict[str, Any]]
Pairs = tuple[tuple[str, str], ...]

MINUS = "\N{MINUS SIGN}"
NOTHING = "nothing"
LONGEST = 120  # characters of one value that a card or a state shows
CHANGES = ("skip", "double", "swap")
MOST_CHANGED = 250  # events of one aggregate for which what-ifs are computed


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm of the ``match``: what it takes, and what it does to the state."""

    pattern: str
    effect: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """An event as a stage shows it.

    Attributes:
        type: the event type's name.
        version: its place in the aggregate, from 1.
        fields: names and values, as text.
        when: day and time of ``occurred_at``, such as "Jan 15, 10:30".
        day: the day alone, such as "Jan 15"; the time where all fall on one day.
        mark: "", "late" (it happened before an event that stands before it) or
            "correction".
    """

    type: str
    version: int
    fields: Pairs
    when: str
    day: str
    mark: str


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """One change to the order of the events, and what comes of it.

    Attributes:
        name: the change and the place, such as "swap 2".
        slots: for each place of the real order, the levels reached there.
        same: whether the last state is the real one.
        finding: the comparison, in one sentence.
    """

    name: str
    slots: tuple[tuple[Any, ...], ...]
    same: bool
    finding: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """The events of one aggregate and what a fold makes of them.

    Attributes:
        name: the tab's name, such as "Account".
        aggregate_id: the aggregate; any text.
        events: the recorded events, in the order in which the fold takes them.
        start: what the fold starts from.
        take: the fold; what there is and a recorded event in, the next one out.
        cells: a fold's state, by the names of its fields.
        arms: for each event type that the fold reacts to, its arm.
        measure: the field of the state that the staircase shows; None takes the
            first number, else the first text.
        call: how Python names the projection, such as "bank.Account".
        log_name: how Python names the log, such as "log".
        nouns: words for event types in sentences, such as "deposit".
        zone: where the days and times of cards are told.
        access: how Python reads a field of a state, such as ".balance".
    """

    name: str
    aggregate_id: str
    events: tuple[RecordedEvent, ...]
    start: Any
    take: Take
    cells: Cells
    arms: dict[str, Arm] = field(default_factory=dict)
    measure: str | None = None
    call: str = ""
    log_name: str = "log"
    nouns: dict[str, str] = field(default_factory=dict)
    zone: str = "UTC"
    access: Callable[[str], str] = ".{}".format

    @cached_property
    def folds(self) -> tuple[Any, ...]:
        """What the fold holds: its start, then one after each event; length n + 1."""
        folds = [self.start]
        for event in self.events:
            folds.append(self.take(folds[-1], event))
        return tuple(folds)

    @cached_property
    def states(self) -> tuple[dict[str, Any], ...]:
        """The states by field: empty at first, then one after each event."""
        return ({}, *(self.cells(fold) for fold in self.folds[1:]))

    @cached_property
    def cards(self) -> tuple[Card, ...]:
        """One card an event."""
        zone = ZoneInfo(self.zone)
        times = [event.occurred_at.astimezone(zone) for event in self.events]
        days = {time.date() for time in times}
        rows = zip(self.events, times, accumulate(times, max), strict=True)
        return tuple(
            _card(event, time, days, late=time < top) for event, time, top in rows
        )

    @cached_property
    def shown(self) -> str:
        """The name of the state's field that the staircase shows."""
        if self.measure is not None:
            return self.measure
        found: dict[str, Any] = {}
        for state in self.states[1:]:
            found.update({k: v for k, v in state.items() if v is not None})
        numbers = [name for name, value in found.items() if is_number(value)]
        return (numbers or list(found) or ["state"])[0]

    @property
    def reading(self) -> str:
        """How Python reads the measured value of a state."""
        return self.access(self.shown)

    @cached_property
    def levels(self) -> tuple[Any, ...]:
        """The measured values: None before the first event; length n + 1."""
        return tuple(state.get(self.shown) for state in self.states)

    @cached_property
    def counts(self) -> bool:
        """Whether the measured value is a number."""
        return all(one is None or is_number(one) for one in self.levels) and any(
            one is not None for one in self.levels
        )

    @cached_property
    def fires(self) -> tuple[int, ...]:
        """For each event the index of its arm; -1 where no arm takes it."""
        names = list(self.arms)
        return tuple(
            names.index(event.type) if event.type in names else -1
            for event in self.events
        )

    def noun(self, place: int) -> str:
        """Give the word for the event at ``place`` (from 0)."""
        kind = self.events[place].type
        return self.nouns.get(kind, kind)

    def finding(self, place: int) -> str:
        """Say what the state is after ``place`` events."""
        total = len(self.events)
        if place == 0:
            return (
                f"{clip(self.aggregate_id)} has {amount(total, 'event')} and none is "
                f"applied yet: there is no {self.shown}."
            )
        before, after = self.levels[place - 1], self.levels[place]
        start = f"After event {place} of {total} the {self.shown} is"
        if after == before:
            return f"{start} still {show(after)}."
        return f"{start} {show(after)}{self._because(before, after)}."

    def _because(self, before: Any, after: Any) -> str:
        if before is None or after is None:
            return ""
        if not self.counts:
            return f": it was {show(before)}"
        change = after - before
        sign = "+" if change > 0 else MINUS
        return f": {show(before)} {sign} {show(abs(change))}"

    def ask(self, place: int) -> str:
        """Ask for the state after the event at ``place`` (from 0)."""
        event = self.cards[place]
        total = len(self.events)
        what = next((f" {text}" for _, text in _amounts(self.events[place])), "")
        return (
            f"Event {place + 1} of {total} is {event.type}{what}: "
            f"what is the {self.shown} after it?"
        )

    @cached_property
    def what_ifs(self) -> tuple[WhatIf, ...]:
        """Every change of one kind at one place; none for very long stories."""
        if len(self.events) > MOST_CHANGED:
            return ()
        changes = ((kind, at) for at in range(len(self.events)) for kind in CHANGES)
        return tuple(
            self._what_if(kind, at)
            for kind, at in changes
            if kind != "swap" or at + 1 < len(self.events)
        )

    def _what_if(self, kind: str, at: int) -> WhatIf:
        slots = self._refold(*changed(kind, at))
        last = next((slot[-1] for slot in reversed(slots) if slot), None)
        return WhatIf(
            name=f"{kind} {at + 1}",
            slots=slots,
            same=last == self.levels[-1],
            finding=self._compare(slots, last),
        )

    def _refold(
        self, at: int, order: Sequence[Sequence[int]]
    ) -> tuple[tuple[Any, ...], ...]:
        """Give the levels with the slots from ``at`` on replaced by ``order``."""
        slots: list[tuple[Any, ...]] = [(level,) for level in self.levels[1 : at + 1]]
        fold, rest = self.folds[at], range(at + len(order), len(self.events))
        for slot in (*order, *([place] for place in rest)):
            reached = []
            for place in slot:
                fold = self.take(fold, self.events[place])
                reached.append(self.cells(fold).get(self.shown))
            slots.append(tuple(reached))
        return tuple(slots)

    def _compare(self, slots: tuple[tuple[Any, ...], ...], last: Any) -> str:
        flat = [level for slot in slots for level in slot if level is not None]
        real = [level for level in self.levels if level is not None]
        if self.counts:
            return _compare_numbers(real, flat, self.levels[-1], last, self.shown)
        return _compare_texts(real, flat, self.levels[-1], last)


def changed(kind: str, at: int) -> tuple[int, list[list[int]]]:
    """Give the first slot that a change touches, and the events in the new slots.

    >>> changed("swap", 1)
    (1, [[2], [1]])
    """
    orders: dict[str, list[list[int]]] = {
        "skip": [[]],
        "double": [[at, at]],
        "swap": [[at + 1], [at]],
    }
    return at, orders[kind]


def _compare_numbers(
    real: list[Any], other: list[Any], end: Any, last: Any, shown: str
) -> str:
    low, new = min(real, default=None), min(other, default=None)
    verb = "falls" if low is None or new is None or new < low else "rises"
    lows = f"the lowest {shown} {verb} from {show(low)} to {show(new)}"
    if last == end:
        if low == new:
            return f"Same end, {show(end)}, and the same lowest {shown}, {show(low)}."
        return f"Same end, {show(end)}, but {lows}."
    if last is None or end is None:
        return f"The end differs: {show(last)} instead of {show(end)}."
    gap = f"{show(abs(last - end))} too {'much' if last > end else 'little'}"
    start = f"The end differs: {show(last)} instead of {show(end)}, {gap}"
    return f"{start}." if low == new else f"{start}, and {lows}."


def _compare_texts(real: list[Any], other: list[Any], end: Any, last: Any) -> str:
    way = ", ".join(show(one) for one in other[-4:]) or NOTHING
    if last != end:
        return f"The end differs: {show(last)} instead of {show(end)} ({way})."
    if other == real:
        return f"Same end, {show(end)}, and the same way there."
    return f"Same end, {show(end)}, by another way: {way}."


def is_number(value: Any) -> bool:
    """Tell whether a value can be a step of a staircase."""
    return isinstance(value, (Decimal, int, float)) and not isinstance(value, bool)


def show(value: Any) -> str:
    """Write a value as text: two places kept, a true minus sign, no line breaks."""
    if value is None:
        return NOTHING
    if is_number(value):
        return str(value).replace("-", MINUS)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return clip(value if isinstance(value, str) else str(value))


def clip(text: str, longest: int = LONGEST) -> str:
    """Give ``text`` on one line, without control signs, at most ``longest`` long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def quoted(text: str) -> str:
    """Write ``text`` as Python does, in double quotes."""
    return json.dumps(text)


def amount(count: int, noun: str) -> str:
    """Say how many: "1 event", "3 events"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def day_of(when: date, *, one_year: bool = True) -> str:
    """Write a day: "Jan 15", or "2024-01-15" where several years occur."""
    return f"{when:%b} {when.day}" if one_year else f"{when:%Y-%m-%d}"


def pairs(state: dict[str, Any]) -> Pairs:
    """Give fields as text, without those that hold nothing."""
    return tuple((clip(k), show(v)) for k, v in state.items() if v is not None)


def _amounts(event: RecordedEvent) -> list[tuple[str, str]]:
    return [(k, show(v)) for k, v in event.data.items() if isinstance(v, Decimal)]


def _is_no_amount(item: tuple[str, Any]) -> bool:
    return not isinstance(item[1], Decimal)


def _card(
    event: RecordedEvent, local: datetime, days: set[date], *, late: bool
) -> Card:
    day = day_of(local, one_year=len({day.year for day in days}) == 1)
    time = f"{local:%H:%M}"
    correction = "reverses" in event.data
    return Card(
        type=clip(event.type),
        version=event.version,
        fields=pairs(dict(sorted(event.data.items(), key=_is_no_amount))),
        when=f"{day}, {time}",
        day=day if len(days) > 1 else time,
        mark="correction" if correction else "late" if late else "",
    )
