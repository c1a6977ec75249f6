"""The lattice: how often each state is reached, counted without listing the orders.

What lives here: ``reached``, the sweep over all pairs of (how far each worker has
come, state of the rows), and ``Rows``, which numbers the states.
The guarantee: the counts are exact, whole numbers or fractions, and add up to the
number of orders; more pairs than allowed raise ``TooLarge`` instead of taking for ever.
What it may not know: right and wrong, samples, time.

Why it is quick: orders by the billion pass through few points. What happens after a
point depends on the point and the rows alone, not on the way there, so ways that meet
are added up. Points are numbered so that every move leads to a higher number, and one
pass in the order of the numbers is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, product
from math import lcm
from typing import Any

from esbench.errors import InvalidSchedule, TooLarge, shorten
from esbench.workers.chance import EVERY_ORDER, EVERY_WORKER
from esbench.workers.handling import Handler, Handling, handling, own
from esbench.workers.message import Message, frozen
from esbench.workers.schedules import AFTER, AGAIN, BEFORE, WRITE, Point, Schedules

LIMIT = 1_000_000

Weight = int | Fraction
Counts = dict[int, Weight]


class Rows:
    """Numbers for the rows of all aggregates, and what each event makes of them.

    A state is the tuple of the numbers of its rows; it has a number of its own. The
    handler is called once for each pair of row and message.

    Args:
        schedules: the queues.
        handler: a function or a handling; a row that it gets is its own to change.
    """

    def __init__(self, schedules: Schedules, handler: Handler | Handling) -> None:
        if not isinstance(schedules, Schedules):
            raise InvalidSchedule(
                f"{shorten(repr(schedules))} has no schedules: make them with "
                "spread(messages) or schedules(queues)"
            )
        self.handling = handling(handler)
        names = {each.aggregate_id: None for each in schedules.messages}
        self.aggregates = tuple(names)
        self._lane = {name: number for number, name in enumerate(self.aggregates)}
        self._numbers: dict[Any, int] = {}
        self._rows: list[Any] = []
        self._written: dict[tuple[int, Message], int] = {}
        self._states: dict[tuple[int, ...], int] = {}
        self._parts: list[tuple[int, ...]] = []
        self.first = self._state(
            (self._number(self.handling.initial),) * len(self.aggregates)
        )

    def _number(self, row: Any) -> int:
        key = frozen(row)
        if key not in self._numbers:
            self._numbers[key] = len(self._rows)
            self._rows.append(row)
        return self._numbers[key]

    def _state(self, parts: tuple[int, ...]) -> int:
        if parts not in self._states:
            self._states[parts] = len(self._parts)
            self._parts.append(parts)
        return self._states[parts]

    def rows(self, state: int) -> tuple[Any, ...]:
        """Return the rows of a state, in the order of ``aggregates``."""
        return tuple(self._rows[part] for part in self._parts[state])

    def shown(self, state: int) -> Any:
        """Return what a state shows: one aggregate's as it is, several by their ids."""
        told = [self.handling.shows(own(row)) for row in self.rows(state)]
        if len(told) == 1:
            return told[0]
        return dict(zip(self.aggregates, told, strict=True))

    def number(self, rows: tuple[Any, ...]) -> int:
        """Return the number of the state with these rows."""
        return self._state(tuple(map(self._number, rows)))

    def write(self, state: int, message: Message) -> int:
        """Return the state after a message."""
        parts = self._parts[state]
        lane = self._lane[message.aggregate_id]
        after = self._wrote(parts[lane], message)
        if after == parts[lane]:
            return state
        return self._state((*parts[:lane], after, *parts[lane + 1 :]))

    def _wrote(self, part: int, message: Message) -> int:
        if (part, message) not in self._written:
            row = self.handling.handler(own(self._rows[part]), message)
            self._written[part, message] = self._number(row)
        return self._written[part, message]

    def crash(self, state: int) -> int:
        """Return what a crash leaves of a state."""
        rows = (self.handling.forget(own(row)) for row in self.rows(state))
        return self.number(tuple(rows))

    def effect(self, kind: str, message: Message) -> Callable[[int], int]:
        """Return what a move of a kind does to a state."""
        if kind == BEFORE:
            return self.crash
        if kind == AFTER:
            return lambda state: self.crash(self.write(state, message))
        return lambda state: self.write(state, message)


class Lattice:
    """The points of schedules, numbered so that every move leads upward.

    Attributes:
        size: how many points there are.
    """

    def __init__(self, schedules: Schedules) -> None:
        self.schedules = schedules
        sides = [len(queue) + 1 for queue in schedules.queues]
        self._sides = [schedules.crashes + 1, schedules.redelivered + 1, *sides]
        self._steps = [1] * len(self._sides)
        for axis in range(len(self._sides) - 2, -1, -1):
            self._steps[axis] = self._steps[axis + 1] * self._sides[axis + 1]
        self.size = self._steps[0] * self._sides[0]

    def number(self, point: Point) -> int:
        """Return the number of a point."""
        digits = (point.crashes, point.copies, *point.places)
        return sum(d * step for d, step in zip(digits, self._steps, strict=True))

    def point(self, number: int) -> Point:
        """Return the point of a number."""
        digits = []
        for step in self._steps:
            digit, number = divmod(number, step)
            digits.append(digit)
        return Point(tuple(digits[2:]), digits[1], digits[0])

    @property
    def ends(self) -> list[int]:
        """The numbers of the points where all is written."""
        last = sum(
            (side - 1) * step
            for side, step in zip(self._sides[2:], self._steps[2:], strict=True)
        )
        return [
            last + crashes * self._steps[0] + copies * self._steps[1]
            for crashes, copies in product(*map(range, self._sides[:2]))
        ]

    def moves(self, number: int) -> list[tuple[int, int, str, int]]:
        """Return (lane, place, kind, how far up) for every move from a point."""
        steps = self._steps
        crashed, rest = divmod(number, steps[0])
        used, rest = divmod(rest, steps[1])
        may_crash = crashed < self.schedules.crashes
        may_copy = used < self.schedules.redelivered
        found = []
        for lane, step in enumerate(steps[2:]):
            done, rest = divmod(rest, step)
            if done < self._sides[lane + 2] - 1:
                found.append((lane, done, WRITE, step))
                if may_crash:
                    found.append((lane, done, BEFORE, steps[0]))
                    found.append((lane, done, AFTER, steps[0]))
            if may_copy:
                found += [(lane, place, AGAIN, steps[1]) for place in range(done)]
        return found


def reached(
    schedules: Schedules,
    rows: Rows,
    *,
    point: Point | None = None,
    state: int | None = None,
    limit: int = LIMIT,
) -> tuple[Counts, int]:
    """Return how often each state is reached at the end, and how many pairs were seen.

    Args:
        schedules: the queues, and the chance: for every order alike the weights are
            numbers of orders, for the others they are in proportion to probabilities.
        rows: the handler, and where states get their numbers.
        point: where to begin; at the start unless said.
        state: the state there; the first unless said.
        limit: how many pairs of point and state there may be.

    Raises:
        TooLarge: more pairs than that.
    """
    lattice = Lattice(schedules)
    start = 0 if point is None else lattice.number(point)
    refuse(lattice.size, limit, "points")
    waiting: list[Counts | None] = [None] * lattice.size
    waiting[start] = {rows.first if state is None else state: 1}
    seen, ends = 0, set(lattice.ends)
    tables: dict[tuple[int, int, str], tuple[dict[int, int], Any]] = {}
    found: Counts = {}
    weigh = _weights(schedules)
    for number in range(start, lattice.size):
        here = waiting[number]
        if here is None:
            continue
        waiting[number] = None
        seen += len(here)
        refuse(seen, limit, "pairs of point and state")
        if number in ends:
            _add(found, here)
        moves = lattice.moves(number)
        for (lane, place, kind, step), weight in zip(moves, weigh(moves), strict=True):
            key = lane, place, kind
            if key not in tables:
                message = schedules.queues[lane][place]
                tables[key] = {}, rows.effect(kind, message)
            there = waiting[number + step]
            if there is None:
                there = waiting[number + step] = {}
            _pass_on(here, there, *tables[key], weight)
    return found, seen


def _pass_on(
    here: Counts,
    there: Counts,
    table: dict[int, int],
    effect: Callable[[int], int],
    weight: Weight,
) -> None:
    """Add what leads from one point to another, state by state."""
    for state, count in here.items():
        try:
            after = table[state]
        except KeyError:
            after = table[state] = effect(state)
        if weight != 1:
            count *= weight  # noqa: PLW2901 - the hottest line there is
        there[after] = there.get(after, 0) + count


def _add(found: Counts, here: Counts) -> None:
    for state, count in here.items():
        found[state] = found.get(state, 0) + count


def refuse(size: int, limit: int, what: str) -> None:
    """Raise ``TooLarge`` if there is more to count than was allowed."""
    if size > limit:
        raise TooLarge(
            f"counting exactly would take more than {limit:,} {what}: raise limit=, "
            "take fewer events or workers, or sample",
            limit,
        )


# --- weights ---------------------------------------------------------------------

Moves = list[tuple[int, int, str, int]]


def _weights(schedules: Schedules) -> Callable[[Moves], list[Weight]]:
    """Return what gives each move from a point its weight.

    For every order alike that is 1. For the others it is the move's probability times
    one number that is the same everywhere, the least that makes them all whole; where
    that number is too long, probabilities stay fractions.
    """
    if schedules.chance == EVERY_ORDER:
        return lambda moves: [1] * len(moves)
    rates = _rates(schedules)
    whole = _common(rates)

    def weigh(moves: Moves) -> list[Weight]:
        speeds = [rates[lane][place] for lane, place, _, _ in moves]
        total = sum(speeds)
        if whole is None:
            return [Fraction(speed, total) for speed in speeds]
        return [speed * (whole // total) for speed in speeds]

    return weigh


def _rates(schedules: Schedules) -> list[list[int]]:
    """Return how quick each worker is over each of its events, as whole numbers."""
    if schedules.chance == EVERY_WORKER:
        return [[1] * len(queue) for queue in schedules.queues]
    latencies = schedules.chance.latencies
    assert latencies is not None, "a race has latencies"
    speeds = [
        [1 / latencies.mean(worker, message.type) for message in queue]
        for worker, queue in zip(schedules.workers, schedules.queues, strict=True)
    ]
    scale = lcm(*(speed.denominator for speed in chain(*speeds)))
    return [[int(speed * scale) for speed in lane] for lane in speeds]


def _common(rates: list[list[int]]) -> int | None:
    """Return the least number that every sum of rates at a point divides."""
    choices = [{0, *lane} for lane in rates]
    combinations = 1
    for each in choices:
        combinations *= len(each)
    if combinations > 4_096:
        return None
    whole = 1
    for total in _sums(choices):
        whole = lcm(whole, total)
        if whole.bit_length() > 256:
            return None
    return whole


def _sums(choices: list[set[int]]) -> Iterator[int]:
    return (total for each in product(*choices) if (total := sum(each)))
