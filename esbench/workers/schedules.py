"""Schedules: queues of several workers, and every order in which they can be written.

What lives here: ``schedules`` and ``spread``, the moves there are at each point, how
many orders there are, all of them one by one, and one drawn by a seed.
The guarantee: each order is there exactly once; two copies of one event are alike, so
that orders that differ by them alone are one order. A drawn order has exactly the
probability that the schedules' chance gives it.
What it may not know: handlers, states.

A worker takes the events of its queue one after the other; a *move* is one write:

    write           the next event of a worker's queue
    again           an event that was written before is delivered once more
    crash before    a worker dies with the next event in hand, which stays next
    crash after     it dies right after the write: the event stays next, and comes again
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, chain, product
from math import factorial, prod
from random import Random
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from esbench.errors import InvalidSchedule, TooLarge
from esbench.workers.chance import EVERY_ORDER, EVERY_WORKER, Chance
from esbench.workers.message import Message, messages

WRITE, AGAIN, BEFORE, AFTER = "write", "again", "crash before", "crash after"
CRASHES_COUNTED = 200_000


class Move(Struct, frozen=True, order=True):
    """One write, or one crash.

    Attributes:
        lane: whose queue, from 0.
        place: which event of that queue, from 0.
        kind: "write", "again", "crash before" or "crash after".
    """

    lane: int
    place: int
    kind: str = WRITE


class Point(Struct, frozen=True):
    """How far the workers have come.

    Attributes:
        places: how many events of each queue are done with.
        copies: how many redeliveries there were.
        crashes: how many crashes there were.
    """

    places: tuple[int, ...]
    copies: int = 0
    crashes: int = 0


class Schedules(Struct, frozen=True, kw_only=True, dict=True):
    """All orders in which the workers can write; made by ``schedules`` or ``spread``.

    Attributes:
        queues: the messages of each worker, in order.
        workers: their names, in the order of the queues.
        redelivered: how many redeliveries there may be in all.
        crashes: how many crashes there may be in all.
        chance: what makes one order likelier than another.
    """

    queues: tuple[tuple[Message, ...], ...]
    workers: tuple[str, ...]
    redelivered: int = 0
    crashes: int = 0
    chance: Chance = EVERY_ORDER

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """Every message, in the order in which the events happened.

        That is by version where there is one aggregate; the aggregates come in the
        order in which the queues name them first.
        """
        told = list(chain.from_iterable(self.queues))
        order = {each.aggregate_id: None for each in told}
        place = {name: number for number, name in enumerate(order)}
        return tuple(sorted(told, key=lambda m: (place[m.aggregate_id], m.version)))

    @property
    def start(self) -> Point:
        """The point before the first write."""
        return Point((0,) * len(self.queues))

    def is_end(self, point: Point) -> bool:
        """Tell whether every event is written: the order may end here."""
        return all(
            done == len(queue)
            for done, queue in zip(point.places, self.queues, strict=True)
        )

    def moves(self, point: Point) -> list[Move]:
        """Return what can come next, in the order of the lanes."""
        found = []
        for lane, (done, queue) in enumerate(
            zip(point.places, self.queues, strict=True)
        ):
            if done < len(queue):
                found.append(Move(lane, done))
                if point.crashes < self.crashes:
                    found += [Move(lane, done, BEFORE), Move(lane, done, AFTER)]
            if point.copies < self.redelivered:
                found += [Move(lane, place, AGAIN) for place in range(done)]
        return found

    def after(self, point: Point, move: Move) -> Point:
        """Return the point after a move."""
        match move.kind:
            case "write":
                places = list(point.places)
                places[move.lane] += 1
                return replace(point, places=tuple(places))
            case "again":
                return replace(point, copies=point.copies + 1)
        return replace(point, crashes=point.crashes + 1)

    def message(self, move: Move) -> Message:
        """Return the event of a move."""
        return self.queues[move.lane][move.place]

    @cached_property
    def count(self) -> int:
        """How many orders there are."""
        return self.left(self.start)

    def left(self, point: Point) -> int:
        """Return how many orders go on from a point; without crashes by a formula."""
        if point.crashes < self.crashes:
            return self._counted(point)
        open_ = [
            len(queue) - done
            for done, queue in zip(point.places, self.queues, strict=True)
        ]
        orders = factorial(sum(open_)) // prod(map(factorial, open_))
        budget = self.redelivered - point.copies
        return orders * _insertions(sum(point.places), sum(open_), budget)

    def _counted(self, point: Point) -> int:
        """Return the same where crashes may come: point by point, from the end."""
        known: dict[Point, int] = self.__dict__.setdefault("_known", {})
        if not known:
            for each in self._points_with_crashes_left():
                ways = (self.after(each, move) for move in self.moves(each))
                known[each] = self.is_end(each) + sum(
                    known[way] if way.crashes < self.crashes else self.left(way)
                    for way in ways
                )
        return int(known[point])

    def _points_with_crashes_left(self) -> Iterator[Point]:
        """Yield the points, each after all those that can follow it."""
        sides = [len(queue) for queue in self.queues]
        size = prod(side + 1 for side in sides) * (self.redelivered + 1) * self.crashes
        if size > CRASHES_COUNTED:
            raise TooLarge(
                f"crashes can come at {size:,} points, more than {CRASHES_COUNTED:,}: "
                "take fewer events or workers",
                CRASHES_COUNTED,
            )
        falling = [range(side, -1, -1) for side in sides]
        for crashes in range(self.crashes - 1, -1, -1):
            for copies in range(self.redelivered, -1, -1):
                for places in product(*falling):
                    yield Point(places, copies, crashes)

    def orders(self) -> Iterator[tuple[Move, ...]]:
        """Yield every order, each once, as the moves it consists of."""
        path: list[Move] = []

        def walk(point: Point) -> Iterator[tuple[Move, ...]]:
            if self.is_end(point):
                yield tuple(path)
            for move in self.moves(point):
                path.append(move)
                yield from walk(self.after(point, move))
                path.pop()

        return walk(self.start)

    def drawn(self, dice: Random) -> tuple[Move, ...]:
        """Return one order, drawn by the schedules' chance.

        Args:
            dice: where chance comes from; the same seed gives the same order.
        """
        if self.chance.latencies is not None:
            return self._raced(dice)
        alike = self.chance == EVERY_WORKER
        point, path = self.start, list[Move]()
        while True:
            moves = self.moves(point)
            ways = [
                1 if alike else self.left(self.after(point, move)) for move in moves
            ]
            ways.append(int(self.is_end(point)))
            chosen = _chosen(dice, ways)
            if chosen == len(moves):
                return tuple(path)
            path.append(moves[chosen])
            point = self.after(point, moves[chosen])

    def _raced(self, dice: Random) -> tuple[Move, ...]:
        return tuple(move for _, move in self.timed(dice))

    def timed(self, dice: Random) -> list[tuple[int, Move]]:
        """Return the writes of one race with their times in ticks, in order.

        Each worker starts its next event as soon as it is done with the one before;
        of two writes at the very same tick the lower lane's comes first.

        Args:
            dice: where chance comes from.

        Raises:
            InvalidSchedule: the chance is no race.
        """
        latencies = self.chance.latencies
        if latencies is None:
            raise InvalidSchedule(
                f"{self.chance.name} knows no times: take schedules with "
                "chance=race(latencies)"
            )
        found = []
        for lane, queue in enumerate(self.queues):
            times = [latencies.draw(dice, self.workers[lane], m.type) for m in queue]
            ends = accumulate(times)
            found += [(at, Move(lane, place)) for place, at in enumerate(ends)]
        return sorted(found)

    def __repr__(self) -> str:
        """Count the orders and say what is allowed."""
        events = sum(map(len, self.queues))
        extra = ""
        if self.redelivered:
            extra += f", at most {self.redelivered} redelivered"
        if self.crashes:
            extra += f", at most {self.crashes} crashed"
        return (
            f"Schedules({len(self.queues)} workers, {events} events, "
            f"{many(self.count)} orders{extra}, {self.chance.name})"
        )


def schedules(
    queues: Iterable[Iterable[Any]],
    *,
    workers: Sequence[str] | None = None,
    redelivered: int = 0,
    crashes: int = 0,
    chance: Chance = EVERY_ORDER,
) -> Schedules:
    """Return all orders in which workers with these queues can write.

    Args:
        queues: what each worker has before it, in order: messages, recorded events of
            a log, or numbers for small examples.
        workers: their names; W1, W2, … unless said.
        redelivered: how many redeliveries there may be in all.
        crashes: how many crashes there may be in all.
        chance: ``EVERY_ORDER``, ``EVERY_WORKER`` or ``race(latencies)``.

    Raises:
        InvalidSchedule: no queue or one that is no list, as many names as not queues,
            two events of one id, a redelivery or a crash where chance has
            no say on when it comes.

    >>> schedules([[1], [2], [3]], redelivered=1).count
    42
    """
    given = [_queue(queue) for queue in queues]
    told = iter(messages(chain.from_iterable(given)))
    lanes = tuple(tuple(next(told) for _ in queue) for queue in given)
    names = tuple(workers or (f"W{number}" for number in range(1, len(lanes) + 1)))
    _check(lanes, names, redelivered, crashes, chance)
    return Schedules(
        queues=lanes,
        workers=names,
        redelivered=redelivered,
        crashes=crashes,
        chance=chance,
    )


def _queue(events: Any) -> list[Any]:
    if isinstance(events, str | bytes) or not isinstance(events, Iterable):
        raise InvalidSchedule(
            f"{events!r} is no queue: give a list of events for each worker, or deal "
            "events out with spread(events)"
        )
    return list(events)


def spread(events: Iterable[Any], workers: int = 3, **options: Any) -> Schedules:
    """Return the schedules of events that are dealt out to workers in turn.

    Args:
        events: in the order in which they happened.
        workers: how many there are.
        options: as ``schedules`` takes them.

    Raises:
        InvalidSchedule: as ``schedules`` does.
    """
    if workers < 1:
        raise InvalidSchedule(f"{workers} workers can't work: take one at least")
    told = messages(events)
    return schedules([told[lane::workers] for lane in range(workers)], **options)


def _check(
    lanes: tuple[tuple[Message, ...], ...],
    names: tuple[str, ...],
    redelivered: int,
    crashes: int,
    chance: Chance,
) -> None:
    if not lanes:
        raise InvalidSchedule(
            "there is no queue: give a list of events for each worker"
        )
    if len(names) != len(lanes) or len(set(names)) != len(names):
        raise InvalidSchedule(
            f"{len(lanes)} queues need {len(lanes)} different names, not "
            f"{', '.join(names)}"
        )
    if redelivered < 0 or crashes < 0:
        raise InvalidSchedule("there can't be less than 0 redeliveries or crashes")
    if (redelivered or crashes) and chance != EVERY_ORDER:
        raise InvalidSchedule(
            f"{chance.name} does not say when a copy or a crash comes: count "
            "redeliveries and crashes with chance=EVERY_ORDER"
        )


def _insertions(done: int, open_: int, budget: int) -> int:
    """Return in how many ways copies can come in between the writes still open.

    Args:
        done: how many events are written, each of which may come again.
        open_: how many are still to be written, in an order that is settled.
        budget: how many copies there may be at most.
    """
    ways = [
        sum((done + open_) ** used for used in range(b + 1)) for b in range(budget + 1)
    ]
    for written in range(done + open_ - 1, done - 1, -1):
        fewer = 0
        for left, later in enumerate(ways):
            fewer = ways[left] = later + written * fewer
    return int(ways[budget])


def _chosen(dice: Random, ways: list[int]) -> int:
    ticket = dice.randrange(sum(ways))
    for number, way in enumerate(ways):
        if ticket < way:
            return number
        ticket -= way
    raise AssertionError("a ticket is always among the ways")  # pragma: no cover


def many(count: int) -> str:
    """Return a count as text: whole up to 15 digits, rounded beyond.

    >>> many(11_732_745_024), many(10**30 + 1)
    ('11,732,745,024', '1.00e30')
    """
    if count < 10**15:
        return f"{count:,}"
    digits = str(count)
    return f"{digits[0]}.{digits[1:3]}e{len(digits) - 1}"
