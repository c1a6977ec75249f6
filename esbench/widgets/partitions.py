"""The partitions stage: keys falling into lanes, and what one lane more breaks.

What lives here: ``PartitionsStage`` and the table that its script looks things up in.
The guarantee: every place, count and sentence is computed in Python, by
``esbench.workers``; the browser looks up, draws and moves.
What it may not know: logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import traitlets as t

from esbench.errors import InvalidSchedule
from esbench.lessons.letters import shuffled
from esbench.lessons.traffic import uploads
from esbench.widgets.lanes import BY_HASH, MORE, READING, SALTS, TABS, Lanes
from esbench.widgets.stage import Stage, script
from esbench.widgets.story import amount, clip
from esbench.workers.message import messages

LARGEST = 2_000  # events
SLOW = (2, 4, 2, 2)  # the pace of the story's readers: the second one is slow


class PartitionsStage(Stage):
    """Lanes of keys or of events, a slider, and three things to look at.

    Attributes:
        tab: "more partitions", "while it is read" or "by hash()". The place is the
            number of partitions less one, the clock, or the process less one.
        hot: whether one key brings as many events as all others.
        drain: whether writers wait at the change until all is read.
    """

    _esm = script("partitions.js")

    tab = t.Enum(list(TABS), default_value=MORE).tag(sync=True)
    hot = t.Bool(default_value=False).tag(sync=True)
    drain = t.Bool(default_value=False).tag(sync=True)

    shown_traits: ClassVar[tuple[str, ...]] = (
        "tab",
        "hot",
        "drain",
        *Stage.shown_traits,
    )

    def __init__(self, lanes: Lanes, **traits: Any) -> None:
        self._lanes = lanes
        asking = bool(traits.get("predict", True))
        at = lanes.before - 1 if traits.get("tab", MORE) == MORE else 0
        super().__init__(at=at, asking=asking, **traits)
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {**lanes_table(lanes), "letters": shuffles, "opens": self.tab}

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        lanes = self._lanes
        last = max(lanes.most - 1, *(len(ticks) - 1 for ticks in lanes.ticks))
        if not 0 <= proposal["value"] <= last:
            raise t.TraitError(f"at is {proposal['value']}; it goes from 0 to {last}")
        return int(proposal["value"])

    @property
    def place(self) -> int:
        """The place shown: the last one of this tab if ``at`` lies behind it."""
        last = {
            MORE: self._lanes.most,
            READING: len(self._lanes.ticks[self.drain]),
            BY_HASH: len(SALTS),
        }[self.tab]
        return min(self.at, last - 1)

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        lanes = self._lanes
        if self.asking:
            return lanes.question()
        if self.tab == MORE:
            return lanes.found(self.place + 1, hot=self.hot)
        if self.tab == BY_HASH:
            return lanes.hash_said(self.place)
        return lanes.told(lanes.ticks[self.drain][self.place], drain=self.drain)

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        lanes = self._lanes
        if self.tab == MORE:
            return lanes.line(self.place + 1, hot=self.hot)
        if self.tab == BY_HASH:
            return lanes.hash_line()
        return lanes.grown_line(lanes.ticks[self.drain][self.place], drain=self.drain)

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffle of the one question for one seed."""
        return [[shuffled(self._lanes.question(), seed)]]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.lanes_pictures import partitions_png

        return partitions_png(
            self._lanes,
            (self.tab, self.place),
            hot=self.hot,
            drain=self.drain,
            asking=self.asking,
            finding=self.finding,
            python=self.python,
        )


def lanes_table(lanes: Lanes) -> dict[str, Any]:
    """Give what the script needs, as JSON's own types."""
    counts = range(1, lanes.most + 1)
    return {
        "title": (
            f"{amount(len(lanes.keys), 'key')}, {amount(len(lanes.events), 'event')}"
        ),
        "tabs": TABS,
        "keys": [clip(key, 20) for key in lanes.named],
        "hottest": clip(lanes.hottest, 20),
        "before": lanes.before,
        "paces": [amount(each, "tick") for each in lanes.pace],
        "more": [[_more(lanes, n, hot=hot) for n in counts] for hot in (False, True)],
        "hashed": [_hashed(lanes, process) for process in range(len(SALTS))],
        "reading": [_reading(lanes, drain=drain) for drain in (False, True)],
        "question": lanes.question(),
        "answers": lanes.answers(),
    }


def _more(lanes: Lanes, partitions: int, *, hot: bool) -> dict[str, Any]:
    """Give the lanes for a number of partitions, and which keys came to them anew."""
    even = lanes.spread(partitions, hot=hot)
    where = {key: lanes.lane(key, partitions) for key in lanes.keys}
    moved = lanes.resized(partitions).moved
    hottest = lanes.hot_key(partitions, hot=hot) if hot else None
    return {
        "rows": _rows(lanes, where, even.events),
        "moved": {
            at: old for at, key in enumerate(lanes.named) for old in _old(moved, key)
        },
        "hot": -1 if hottest is None else _place(lanes.named, hottest.key),
        "said": lanes.found(partitions, hot=hot),
        "python": lanes.line(partitions, hot=hot),
    }


def _old(moved: dict[str, tuple[int, int]], key: str) -> list[int]:
    return [moved[key][0]] if key in moved else []


def _place(named: Sequence[str], key: str) -> int:
    return named.index(key) if key in named else -1


def _hashed(lanes: Lanes, process: int) -> dict[str, Any]:
    """Give the lanes as one process lays the keys by ``hash``."""
    where, moved = lanes.hashed(process)
    events = [0] * lanes.before
    for event in lanes.events:
        events[where[event.aggregate_id]] += 1
    first, _ = lanes.hashed(0)
    return {
        "rows": _rows(lanes, where, events),
        "moved": {at: first[key] for at, key in enumerate(lanes.named) if key in moved},
        "hot": -1,
        "said": lanes.hash_said(process),
        "python": lanes.hash_line(),
    }


def _rows(
    lanes: Lanes, where: dict[str, int], events: Sequence[int]
) -> list[dict[str, Any]]:
    """Give each partition's drawn keys, the count of its others, and its events."""
    named = {key: at for at, key in enumerate(lanes.named)}
    rows: list[dict[str, Any]] = [
        {"keys": [], "others": 0, "events": count} for count in events
    ]
    for key in lanes.keys:
        row = rows[where[key]]
        if key in named:
            row["keys"].append(named[key])
        else:
            row["others"] += 1
    return rows


def _reading(lanes: Lanes, *, drain: bool) -> dict[str, Any]:
    """Give the way of each event, and for each place of the clock what is said."""
    return {
        "events": [
            [clip(way.message.aggregate_id, 20), way.message.version, way.lane]
            for way in lanes.ways[drain]
        ],
        "ticks": lanes.ticks[drain],
        "cells": [_tick(lanes, tick, drain=drain) for tick in lanes.ticks[drain]],
    }


def _tick(lanes: Lanes, tick: int, *, drain: bool) -> dict[str, Any]:
    """Give how each event stands at a tick, the orders lost by then, and the words."""
    return {
        "queues": lanes.queues(tick, drain=drain),
        "orders": [
            [clip(key, 20), order] for key, order in lanes.orders(tick, drain=drain)
        ],
        "said": lanes.told(tick, drain=drain),
        "python": lanes.grown_line(tick, drain=drain),
    }


def partitions(
    events: Iterable[Any] | None = None,
    *,
    before: int = 3,
    grows: int | None = None,
    pace: int | Sequence[int] | None = None,
    tab: str = MORE,
    seed: int = 0,
    predict: bool = True,
) -> PartitionsStage:
    """Return the stage on which keys fall into partitions.

    Args:
        events: what is written, in that order, each with an ``aggregate_id``, which is
            its key; the story of sixteen videos unless given.
        before: how many partitions there are before one more is added.
        grows: the tick, or number of events, at which it is added; half of them
            unless given.
        pace: ticks that a reader needs for an event; one for all, or one a partition.
        tab: "more partitions", "while it is read" or "by hash()", what to look at
            first.
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked before a key moves; only the first tab
            asks.

    Raises:
        InvalidSchedule: no events, or above 2,000; more than 20 partitions; a change
            after the end.
    """
    told = messages(uploads() if events is None else events)
    if not told:
        raise InvalidSchedule("there is no event: give some, each with an aggregate_id")
    if len(told) > LARGEST:
        raise InvalidSchedule(
            f"{len(told)} events: the stage draws {LARGEST}; hand over a part of them"
        )
    if not 2 <= before <= 20:
        raise InvalidSchedule(f"before={before}: the stage has lanes for 2 to 20")
    at = len(told) // 2 if grows is None else grows
    if not 0 <= at <= len(told):
        raise InvalidSchedule(
            f"grows={at}: there are {len(told)} events, one a tick; give 0 to "
            f"{len(told)}"
        )
    lanes = Lanes(events=told, before=before, grows=at, pace=_paces(pace, before + 1))
    return PartitionsStage(lanes, tab=tab, seed=seed, predict=predict and tab == MORE)


def _paces(pace: int | Sequence[int] | None, lanes: int) -> tuple[int, ...]:
    """Give a pace to each lane; the story's own, with one slow reader, by default."""
    if isinstance(pace, int):
        return (pace,) * lanes
    if pace is None:
        return (*SLOW, *[2] * lanes)[:lanes]
    return tuple(pace)
