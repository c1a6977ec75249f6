"""The snapshot stage: a log as a strip, a snapshot as a pin, and what is read.

What lives here: ``SnapshotStage`` and the table that its script looks things up in.
The guarantee: every mark, count, number and sentence is computed in Python, by the
projection's own fold; the browser looks up, draws and moves.
What it may not know: how snapshots are kept.
"""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any, ClassVar

import traitlets as t

from esbench.errors import InvalidFrame, ReadOnly
from esbench.lessons.letters import shuffled
from esbench.widgets import sources
from esbench.widgets.stage import Stage, script
from esbench.widgets.story import Story, amount, clip, show
from esbench.widgets.tail import POSITION, WAYS, Tail


class SnapshotStage(Stage):
    """A strip of events, a pin, a day, and three ways to find the tail.

    Attributes:
        tab: how the tail is found: "by position", "by time >" or "by time ≥".
        day: the index of the day asked about; the last one is now.
    """

    _esm = script("snapshot.js")

    tab = t.Enum(list(WAYS), default_value=POSITION).tag(sync=True)
    day = t.Int(0).tag(sync=True)

    shown_traits: ClassVar[tuple[str, ...]] = ("tab", "day", *Stage.shown_traits)

    def __init__(self, tail: Tail, pin: int, **traits: Any) -> None:
        self._tail = tail
        self._asked = tail.pins.index(pin)
        asking = bool(traits.get("predict", True))
        last = len(tail.days) - 1
        super().__init__(at=self._asked, day=last, asking=asking, **traits)
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {**tail_table(tail, self._asked), "letters": shuffles}

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        return _within("at", proposal["value"], len(self._tail.pins) - 1)

    @t.validate("day")
    def _take_day(self, proposal: Any) -> int:
        return _within("day", proposal["value"], len(self._tail.days) - 1)

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        if self.asking:
            return self._tail.question(self._tail.pins[self._asked])
        pin, day = self._tail.pins[self.at], self._tail.days[self.day]
        return self._tail.finding(self.tab, pin, day)

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        pin, day = self._tail.pins[self.at], self._tail.days[self.day]
        return self._tail.python(self.tab, pin, day)

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffle of the one question for one seed."""
        return [[shuffled(self._tail.question(self._tail.pins[self._asked]), seed)]]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.tail_pictures import snapshot_png

        return snapshot_png(
            self._tail,
            (self.tab, self._tail.pins[self.at], self._tail.days[self.day]),
            asking=self.asking,
            finding=self.finding,
            python=self.python,
        )


def _within(name: str, value: int, last: int) -> int:
    if not 0 <= value <= last:
        raise t.TraitError(f"{name} is {value}; it goes from 0 to {last}")
    return int(value)


def tail_table(tail: Tail, asked: int) -> dict[str, Any]:
    """Give what the script needs, as JSON's own types."""
    story, total = tail.story, len(tail.story.events)
    question = tail.question(tail.pins[asked])
    return {
        "title": f"{clip(story.aggregate_id)}, {amount(total, 'event')}",
        "measure": story.shown,
        "total": total,
        "cards": _cards(tail) if total <= 40 else [],
        "pins": tail.pins,
        "positions": [0, *(tail.position(pin) for pin in tail.pins[1:])],
        "held": [show(story.levels[pin]) for pin in tail.pins],
        "days": [tail.name(day) for day in tail.days],
        "ways": WAYS,
        "cells": {
            way: [
                [_cell(tail, way, pin, day) for day in tail.days] for pin in tail.pins
            ]
            for way in WAYS
        },
        "asked": asked,
        "question": question,
        "answers": tail.answers(tail.pins[asked]),
    }


def _cards(tail: Tail) -> list[list[Any]]:
    """Give each event's position, change, day and mark."""
    found, levels = [], tail.story.levels
    for at, card in enumerate(tail.story.cards):
        change = levels[at + 1] - (levels[at] or 0)
        said = f"{'+' if change >= 0 else ''}{show(change)}"
        position = tail.story.events[at].position
        found.append([position, said, tail.name(tail.local[at]), card.mark, card.type])
    return found


def _cell(tail: Tail, way: str, pin: int, day: Any) -> list[Any]:
    """Give what the script shows for one way, pin and day.

    Runs of marks, the number, whether it is right, how many events are read, the
    sentence, the line of Python, and whether the snapshot is used.
    """
    one = tail.found(way, pin, day)
    runs = [[mark, len(list(group))] for mark, group in groupby(one.marks)]
    said = tail.said(one, way, pin, day)
    python = tail.python(way, pin, day)
    return [runs, show(one.value), one.is_right, one.read, said, python, one.used]


def snapshot(
    log: Any = None,
    aggregate_id: str = "ada",
    *,
    pin: int | None = None,
    projection: Any = None,
    seed: int = 0,
    predict: bool = True,
) -> SnapshotStage:
    """Return the stage on which a snapshot saves reading.

    Args:
        log: a log; Ada's story unless given.
        aggregate_id: whose events are on the strip.
        pin: how many of them the snapshot holds at first; about half unless given.
        projection: what makes a number of the events; ``bank.Account`` unless given.
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked before the reading is shown.

    Raises:
        NotFound: no such aggregate.
        ReadOnly: a past; only a log has snapshots.
        InvalidFrame: the projection's states hold no number; a pin beside the strip.
    """
    from esbench.domains import bank

    told = sources.ada_log() if log is None else log
    if told is not told.log:
        raise ReadOnly("a past has no snapshots: show the log, .log, and move the day")
    maker = projection or bank.Account
    story = sources.story_of(told, aggregate_id, maker)
    if not story.counts:
        raise InvalidFrame(
            f"{story.call} has no number: give a projection with a total, such as "
            "bank.Account"
        )
    tail = Tail(story=story, latest=_latest(told, maker, story))
    chosen = tail.pins[len(tail.pins) // 2] if pin is None else pin
    if chosen not in tail.pins[1:]:
        raise InvalidFrame(f"pin {chosen}: choose one of {tail.pins[1:]}")
    return SnapshotStage(tail, chosen, seed=seed, predict=predict)


def _latest(log: Any, projection: Any, story: Story) -> list[datetime]:
    """Return the latest time that a snapshot holds after each event, of all keys."""
    import polars as pl

    types = getattr(projection, sources.PAST, projection).types
    rows = (
        log.scan()
        if types is None
        else log.scan().filter(pl.col("type").is_in(sorted(types)))
    )
    table = rows.select("position", "occurred_at").collect().sort("position")
    upto = table.with_columns(pl.col("occurred_at").cum_max())
    places = [event.position for event in story.events]
    held = upto.filter(pl.col("position").is_in(places))
    times = dict(held.iter_rows())
    return [
        times.get(place, event.occurred_at)
        for place, event in zip(places, story.events, strict=True)
    ]
