"""What one more partition breaks: which keys move, and which lose their order when.

What lives here: ``resize`` and ``moving`` (who gets another partition), and ``grow``
(a topic that grows while it is written and read).
The guarantee: the share that moves is exact; a run depends on its arguments alone.
What it may not know: logs, domains, groups.

Why one more partition breaks an order. A partition keeps the order of what it holds,
and of nothing else. When a topic goes from 3 to 4 partitions, three keys in four get
another one. What such a key has in its old partition stays there. So its order is at
risk exactly when some of that is still unread as its first event after the change is
written; and it is lost exactly when a reader of the new partition gets to that event
before the reader of the old one has got through the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.workers.message import Message, messages
from esbench.workers.partitions import (
    KeyOf,
    Partitioner,
    counted,
    key_of,
    lane_of,
    partition,
)

if TYPE_CHECKING:
    import polars as pl


class Resize(Struct, frozen=True, kw_only=True):
    """Which keys get another partition when a topic grows.

    Attributes:
        before: how many partitions there were.
        after: how many there are.
        moved: the keys that move, each with its old and its new partition.
        stayed: the keys that stay where they were.
    """

    before: int
    after: int
    moved: dict[str, tuple[int, int]]
    stayed: tuple[str, ...]

    @property
    def share(self) -> Fraction:
        """The share of these keys that moves."""
        return Fraction(len(self.moved), len(self.moved) + len(self.stayed) or 1)

    @property
    def expected(self) -> Fraction:
        """The share that moves of very many keys."""
        return moving(self.before, self.after)

    @property
    def finding(self) -> str:
        """What one sees, in a sentence."""
        return (
            f"From {self.before} to {self.after} partitions {len(self.moved)} of "
            f"{len(self.moved) + len(self.stayed)} keys move, "
            f"{float(self.share):.1%}; of very many it is {float(self.expected):.1%}."
        )

    def frame(self) -> pl.DataFrame:
        """Return one row a key that moves: key, before, after; sorted by key."""
        import polars as pl

        rows = [(key, *lanes) for key, lanes in sorted(self.moved.items())]
        schema = {"key": pl.String, "before": pl.Int64, "after": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")


def moving(before: int, after: int) -> Fraction:
    """Return the share of very many keys that move; 3/4 from 3 partitions to 4.

    A hash stays when its remainders by both numbers agree. Of as many hashes as the
    least common multiple, that is one for each partition that both have.
    """
    both = min(counted(before), counted(after))
    return 1 - Fraction(both, math.lcm(before, after))


def resize(
    keys: Iterable[str],
    before: int,
    after: int,
    partitioner: Partitioner = partition,
) -> Resize:
    """Return which of the keys move from ``before`` partitions to ``after``."""
    lanes = {key: (partitioner(key, before), partitioner(key, after)) for key in keys}
    return Resize(
        before=before,
        after=after,
        moved={key: pair for key, pair in lanes.items() if pair[0] != pair[1]},
        stayed=tuple(key for key, pair in lanes.items() if pair[0] == pair[1]),
    )


class LostOrder(Struct, frozen=True, kw_only=True):
    """One key whose events were handled in another order than they were written in.

    Attributes:
        key: the key.
        before: the partition of the events that were written first.
        after: the partition of the event that overtook them.
        overtook: the id of the first event after the change.
        at: when it was handled.
        overtaken: the ids of the events that were handled later than it.
        until: when the last of them was handled.
    """

    key: str
    before: int
    after: int
    overtook: str
    at: int
    overtaken: tuple[str, ...]
    until: int

    def __str__(self) -> str:
        """Say which event overtook which, and when."""
        return (
            f"{self.key}: {self.overtook} was handled at {self.at} from partition "
            f"{self.after}, {', '.join(self.overtaken)} only by {self.until} from "
            f"partition {self.before}"
        )


class Growth(Struct, frozen=True, kw_only=True):
    """What became of the orders when a topic grew while it was being written and read.

    Attributes:
        resize: which keys moved.
        changed_at: when the topic grew.
        at_risk: the keys that moved with something unread in their old partition, and
            were written again: other speeds of reading can turn their order.
        lost: the keys whose order was turned in this run, and exactly when.
        handled: (time, partition, message) in the order of handling.
    """

    resize: Resize
    changed_at: int
    at_risk: tuple[str, ...]
    lost: tuple[LostOrder, ...]
    handled: tuple[tuple[int, int, Message], ...]

    @property
    def finding(self) -> str:
        """What one sees, in a sentence."""
        return (
            f"Of {len(self.resize.moved)} keys that moved, {len(self.at_risk)} still "
            "had something unread in their old partition, and "
            f"{len(self.lost)} lost their order."
        )

    def frame(self) -> pl.DataFrame:
        """Return one row a key that lost its order, in the order of losing it."""
        import polars as pl

        names = ("key", "before", "after", "overtook", "at", "until")
        rows = [
            {name: getattr(row, name) for name in names}
            | {"overtaken": list(row.overtaken)}
            for row in self.lost
        ]
        schema: dict[str, Any] = {
            "key": pl.String,
            "before": pl.Int64,
            "after": pl.Int64,
            "overtook": pl.String,
            "at": pl.Int64,
            "until": pl.Int64,
            "overtaken": pl.List(pl.String),
        }
        return pl.DataFrame(rows, schema=schema)


def grow(
    events: Iterable[Any],
    before: int,
    after: int,
    *,
    at: int,
    pace: int | Sequence[int] = 1,
    drain: bool = False,
    key: KeyOf | None = None,
    partitioner: Partitioner = partition,
) -> Growth:
    """Return what becomes of the orders when a topic grows under its readers.

    One event is written at each tick, from tick 0; each partition has a reader of its
    own, which is busy with one event for ``pace`` ticks.

    Args:
        events: any events, in the order in which they are written.
        before: how many partitions there are at first.
        after: how many there are from tick ``at`` on.
        at: when the topic grows.
        pace: ticks a reader needs for one event; one for all, or one a partition.
        drain: whether writers wait at the change until all is read. Then no order is
            lost, and nothing is written meanwhile.
        key: gives an event's key; its ``aggregate_id`` unless said.
        partitioner: gives the partition of a key; Kafka's unless said.
    """
    rows, wait = messages(events), 0
    paces = _paces(pace, max(before, after))
    free, handled = [0] * len(paces), list[_Way]()
    for tick, message in enumerate(rows):
        if tick == at and drain:
            wait = max(0, max(free) - tick)
        name = key_of(message, key)
        lane = lane_of(name, tick, after if tick >= at else before, partitioner)
        free[lane] = max(free[lane], tick + wait) + paces[lane]
        handled.append(_Way(message, name, lane, tick + wait, free[lane], tick >= at))
    keys = dict.fromkeys(each.key for each in handled if each.key is not None)
    pairs = _changes(handled)
    return Growth(
        resize=resize(keys, before, after, partitioner),
        changed_at=at,
        at_risk=tuple(
            key
            for key, (old, new) in pairs.items()
            if old[-1].lane != new[0].lane and old[-1].done > new[0].written
        ),
        lost=tuple(sorted(_lost(pairs), key=lambda row: (row.at, row.key))),
        handled=tuple(
            (way.done, way.lane, way.message)
            for way in sorted(handled, key=lambda way: (way.done, way.lane))
        ),
    )


class _Way(NamedTuple):
    """What became of one event: where it lay, when it was written, when handled."""

    message: Message
    key: str | None
    lane: int
    written: int
    done: int
    is_new: bool


_Pairs = dict[str, tuple[list[_Way], list[_Way]]]


def _paces(pace: int | Sequence[int], count: int) -> list[int]:
    paces = [pace] * count if isinstance(pace, int) else list(pace)
    if len(paces) < count or min(paces) < 1:
        raise InvalidSchedule(
            f"pace={pace!r}: give at least 1 tick, for each of {count} partitions"
        )
    return paces


def _changes(handled: Iterable[_Way]) -> _Pairs:
    """Return the events before and after the change, of each key that has both."""
    found: _Pairs = {}
    for way in handled:
        if way.key is not None:
            found.setdefault(way.key, ([], []))[way.is_new].append(way)
    return {key: pair for key, pair in found.items() if all(pair)}


def _lost(pairs: _Pairs) -> Iterator[LostOrder]:
    for key, (old, new) in pairs.items():
        first = new[0]
        behind = [w for w in old if w.done > first.done and w.lane != first.lane]
        if behind:
            yield LostOrder(
                key=key,
                before=behind[0].lane,
                after=first.lane,
                overtook=first.message.event_id,
                at=first.done,
                overtaken=tuple(way.message.event_id for way in behind),
                until=behind[-1].done,
            )
