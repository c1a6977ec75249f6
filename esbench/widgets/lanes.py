"""Keys in partitions: where each lies, which move, and which lose their order.

What lives here: ``Lanes``, the events of many keys, in one to many partitions, while
one partition more is added under the readers, and by Python's ``hash``.
The guarantee: every place, count and sentence comes from ``esbench.workers``.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from esbench.widgets.predictions import Answer, pick
from esbench.widgets.story import amount, clip
from esbench.workers.growth import Growth, LostOrder, Resize, grow, resize
from esbench.workers.message import Message
from esbench.workers.partitions import (
    HotKey,
    Salted,
    Spread,
    partition,
    salted,
    spread,
)

MORE, READING, BY_HASH = "more partitions", "while it is read", "by hash()"
TABS = (MORE, READING, BY_HASH)
MOST = 9  # partitions that the slider offers, if the story asks for no more
SALTS = (1, 2, 3)  # so that three processes answer alike on every run
TICKS = 80  # places of the clock that a long story offers
NAMED = 24  # keys that are drawn; of the others the count
BEFORE, NEXT = 3, 12  # events of a queue that are drawn: handled ones, waiting ones
WAITING, HANDLED, OVERTOOK, BEHIND, LATE = (
    "waiting",
    "handled",
    "overtook",
    "behind",
    "late",
)


@dataclass(frozen=True, kw_only=True)
class Way:
    """What becomes of one event: where it lies, when it is written and handled.

    Attributes:
        message: the event.
        lane: its partition.
        written: the tick at which it is written.
        done: the tick at which it is handled.
    """

    message: Message
    lane: int
    written: int
    done: int


@dataclass(frozen=True, kw_only=True)
class Lanes:
    """The events of many keys, in partitions.

    Attributes:
        events: in the order in which they are written, one a tick.
        before: how many partitions there are before one more is added.
        grows: the tick at which it is added.
        pace: ticks that each partition's reader needs for an event.
    """

    events: Sequence[Message]
    before: int
    grows: int
    pace: tuple[int, ...]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The different keys, in the order in which they come."""
        return tuple(dict.fromkeys(event.aggregate_id for event in self.events))

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The keys that are drawn: the busiest, in the order in which they come."""
        busy = Counter(event.aggregate_id for event in self.events)
        chosen = {key for key, _ in busy.most_common(NAMED)}
        return tuple(key for key in self.keys if key in chosen)

    @property
    def hottest(self) -> str:
        """The key that becomes hot: the busiest one."""
        return self._written.most_common(1)[0][0]

    @cached_property
    def _written(self) -> Counter[str]:
        return Counter(event.aggregate_id for event in self.events)

    @property
    def most(self) -> int:
        """How many partitions the slider goes up to."""
        return max(MOST, self.before + 1)

    # more partitions

    def spread(self, partitions: int, *, hot: bool) -> Spread:
        """Return how the events lie; a hot key brings as many as all others."""
        keys = [event.aggregate_id for event in self.events]
        more = [self.hottest] * len(keys) if hot else []
        return spread(keys + more, partitions)

    def resized(self, partitions: int) -> Resize:
        """Return which keys move as the last of so many partitions is added."""
        return resize(self.keys, max(partitions - 1, 1), partitions)

    def found(self, partitions: int, *, hot: bool) -> str:
        """Say how keys lie, or which of them moved."""
        if hot:
            even = self.spread(partitions, hot=True)
            return even.finding.replace("1 partitions are", "1 partition is")
        if partitions == 1:
            return f"All {amount(len(self.keys), 'key')} lie in one partition."
        said = self.resized(partitions).finding
        return said.replace("From 1 to", "From 1 partition to")

    def line(self, partitions: int, *, hot: bool) -> str:
        """Give the line of Python that gives the same answer."""
        keys = "keys = [e.aggregate_id for e in events]"
        if hot:
            many = f"keys + [{clip(self.hottest)!r}] * len(keys)"
            return f"{keys}; spread({many}, {partitions}).finding"
        if partitions == 1:
            return f"{keys}; spread(keys, 1).keys"
        pair = f"{partitions - 1}, {partitions}"
        return f"{keys}; resize(dict.fromkeys(keys), {pair}).finding"

    # while it is read

    @cached_property
    def growths(self) -> tuple[Growth, Growth]:
        """What becomes of the orders: as it is, and with writers who wait."""
        return self._grown(drain=False), self._grown(drain=True)

    def _grown(self, *, drain: bool) -> Growth:
        after = self.before + 1
        return grow(
            self.events,
            self.before,
            after,
            at=self.grows,
            pace=self.pace,
            drain=drain,
        )

    @cached_property
    def ways(self) -> tuple[tuple[Way, ...], tuple[Way, ...]]:
        """What becomes of each event, in the order of writing, without and with."""
        one, two = (self._ways(growth) for growth in self.growths)
        return one, two

    def _ways(self, growth: Growth) -> tuple[Way, ...]:
        handled = {m.event_id: (done, lane) for done, lane, m in growth.handled}
        pause = self.pauses if growth is self.growths[1] else 0
        return tuple(
            Way(
                message=event,
                lane=handled[event.event_id][1],
                written=tick + (pause if tick >= self.grows else 0),
                done=handled[event.event_id][0],
            )
            for tick, event in enumerate(self.events)
        )

    @cached_property
    def pauses(self) -> int:
        """How many ticks the writers wait if they wait until all is read."""
        first = {event.event_id for event in self.events[: self.grows]}
        handled = self.growths[1].handled
        last = max((done for done, _, m in handled if m.event_id in first), default=0)
        return max(0, last - self.grows)

    @cached_property
    def ticks(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The places of the clock, without and with waiting writers."""
        one, two = (self._ticks(growth) for growth in self.growths)
        return one, two

    def _ticks(self, growth: Growth) -> tuple[int, ...]:
        end = max((done for done, _, _ in growth.handled), default=0)
        every = -(-end // TICKS) or 1
        marked = {self.grows, end, *(row.at for row in growth.lost)}
        marked |= {row.until for row in growth.lost}
        return tuple(sorted({*range(0, end, every), *marked}))

    def marks(self, tick: int, *, drain: bool) -> dict[int, str]:
        """Return what is to be seen of each event written by a tick."""
        ways, lost = self.ways[drain], self.growths[drain].lost
        early = {row.overtook for row in lost if row.at <= tick}
        slow = {name for row in lost if row.at <= tick for name in row.overtaken}
        return {
            at: _mark(way, tick, early, slow)
            for at, way in enumerate(ways)
            if way.written <= tick
        }

    def queues(
        self, tick: int, *, drain: bool
    ) -> list[tuple[int, list[tuple[int, str]], int]]:
        """Return for each partition how its queue stands at a tick.

        So many are handled and gone, the place and mark of each event that is seen,
        and so many more wait.
        """
        rows: list[list[tuple[int, str]]] = [
            [] for _ in range(self.before + (tick >= self.grows))
        ]
        for at, mark in self.marks(tick, drain=drain).items():
            rows[self.ways[drain][at].lane].append((at, mark))
        return [_seen(row) for row in rows]

    def orders(self, tick: int, *, drain: bool) -> list[tuple[str, str]]:
        """Return each key that has lost its order, and how it was handled so far."""
        handled = self._handled[drain]
        return [
            (
                row.key,
                ", ".join(str(v) for done, v in handled[row.key] if done <= tick),
            )
            for row in self.growths[drain].lost
            if row.at <= tick
        ]

    @cached_property
    def _handled(self) -> tuple[dict[str, list[tuple[int, int]]], ...]:
        """For each key when each of its versions is handled, without and with."""
        found: tuple[dict[str, list[tuple[int, int]]], ...] = ({}, {})
        for each, growth in zip(found, self.growths, strict=True):
            for done, _, event in growth.handled:
                each.setdefault(event.aggregate_id, []).append((done, event.version))
        return found

    def told(self, tick: int, *, drain: bool) -> str:
        """Say how far it has come at a tick, and which orders are lost."""
        growth, ticks = self.growths[drain], self.ticks[drain]
        if tick == ticks[-1]:
            return f"All is handled. {growth.finding}"
        now = [row for row in growth.lost if row.at == tick]
        if now:
            return f"Tick {tick}: {self._lost(now[0])}"
        written = sum(way.written <= tick for way in self.ways[drain])
        handled = sum(way.done <= tick for way in self.ways[drain])
        so_far = f"{written} written, {handled} handled"
        if tick < self.grows:
            return f"Tick {tick}: {so_far}, each key in its order."
        return f"Tick {tick}: {so_far}; {self._since(growth, tick, drain=drain)}."

    def _lost(self, row: LostOrder) -> str:
        numbers = {event.event_id: event.version for event in self.events}
        late = _listed([str(numbers[name]) for name in row.overtaken])
        one = len(row.overtaken) == 1
        return (
            f"{clip(row.key, 40)} is handled out of order: event "
            f"{numbers[row.overtook]} from partition {row.after}, while "
            f"{'event' if one else 'events'} {late} {'waits' if one else 'wait'} in "
            f"partition {row.before}."
        )

    def _since(self, growth: Growth, tick: int, *, drain: bool) -> str:
        if drain and tick < self.grows + self.pauses:
            return f"writers wait until tick {self.grows + self.pauses}"
        lost = [clip(row.key, 40) for row in growth.lost if row.at <= tick]
        so_far = f"{_listed(lost)} lost so far" if lost else "no order is lost"
        return f"{self.before + 1} partitions, {so_far}"

    def grown_line(self, tick: int, *, drain: bool) -> str:
        """Give the line of Python that gives the same answer."""
        more = ", drain=True" if drain else ""
        call = (
            f"grow(events, {self.before}, {self.before + 1}, at={self.grows}, "
            f"pace={list(self.pace)}{more})"
        )
        if tick == self.ticks[drain][-1]:
            return f"{call}.finding"
        return f"[str(row) for row in {call}.lost if row.at <= {tick}]"

    # by hash()

    @cached_property
    def salted(self) -> Salted:
        """What three new processes say by ``hash``, and all by murmur2."""
        return _answered(self.keys, self.before)

    def hashed(self, process: int) -> tuple[dict[str, int], tuple[str, ...]]:
        """Return where a process puts each key, and which differ from the first."""
        answers, first = self.salted.by_hash[process], self.salted.by_hash[0]
        pairs = zip(self.keys, answers, first, strict=True)
        moved = tuple(key for key, lane, other in pairs if lane != other)
        return dict(zip(self.keys, answers, strict=True)), moved

    def hash_said(self, process: int) -> str:
        """Say how far a process agrees with the first."""
        if process == len(SALTS) - 1:
            return self.salted.finding
        if not process:
            return f"One process lays {amount(len(self.keys), 'key')} by hash()."
        moved = len(self.hashed(process)[1])
        return (
            f"A second process, with the same code, lays {moved} of "
            f"{len(self.keys)} keys elsewhere."
        )

    def hash_line(self) -> str:
        """Give the line of Python that gives the same answer."""
        return (
            "keys = dict.fromkeys(e.aggregate_id for e in events); "
            f"salted(keys, {self.before}, salts={SALTS}).finding"
        )

    # the question

    def question(self) -> str:
        """Ask how many keys move."""
        pair = f"From {self.before} partitions to {self.before + 1}"
        return f"{pair}: how many of these {len(self.keys)} keys move?"

    def answers(self) -> tuple[Answer, ...]:
        """Give four answers to the question, the right one first."""
        moved = len(self.resized(self.before + 1).moved)
        return pick(str(moved), self._slips(len(self.keys)))

    def _slips(self, total: int) -> Iterator[Answer]:
        after = self.before + 1
        fair = round(total / after)
        yield str(fair), "a fair share would do, but the remainder changes for most"
        yield "0", "the hash stays, and its remainder is taken by another number"
        yield str(total), "a key stays where both remainders agree"
        yield (
            str(len(self.resized(after).stayed)),
            "so many stay where they were",
        )
        for more in range(1, 5):
            yield str(total + more), "there are not that many"

    def lane(self, key: str, partitions: int) -> int:
        """Return the partition of a key."""
        return partition(key, partitions)

    def hot_key(self, partitions: int, *, hot: bool) -> HotKey | None:
        """Return the hottest key, if one brings more than a fair share."""
        return next(iter(self.spread(partitions, hot=hot).hot), None)


@lru_cache(maxsize=8)
def _answered(keys: tuple[str, ...], partitions: int) -> Salted:
    """Ask three processes, once for the same keys."""
    return salted(keys, partitions, salts=SALTS)


def _mark(way: Way, tick: int, early: set[str], slow: set[str]) -> str:
    """Say how an event stands at a tick."""
    name, is_done = way.message.event_id, way.done <= tick
    if name in slow:
        return LATE if is_done else BEHIND
    if name in early:
        return OVERTOOK
    return HANDLED if is_done else WAITING


def _seen(
    row: list[tuple[int, str]],
) -> tuple[int, list[tuple[int, str]], int]:
    """Cut a queue to what can be seen of it: the last handled, and the next."""
    done = sum(mark not in {WAITING, BEHIND} for _, mark in row)
    first, last = max(done - BEFORE, 0), min(done + NEXT, len(row))
    return first, row[first:last], len(row) - last


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
