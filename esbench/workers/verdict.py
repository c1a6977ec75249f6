"""What can still become of it at any point of a schedule, and the shortest way to lose.

What lives here: ``verdict`` and ``witness``.
The guarantee: both count, they never guess: a wrong end is *open* (with its exact
probability), *unavoidable* or *excluded*; no losing order is shorter than a witness,
which has the fewest copies and crashes first, then the fewest inversions.
What it may not know: samples; what can't be counted raises ``TooLarge``.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.workers.exact import Ends, in_order, performed, summed
from esbench.workers.handling import Handler, Handling
from esbench.workers.lattice import LIMIT, Lattice, Rows, reached, refuse
from esbench.workers.message import Message, frozen, plain
from esbench.workers.run import moves_of, told
from esbench.workers.schedules import AGAIN, BEFORE, WRITE, Move, Point, Schedules, many
from esbench.workers.trace import Trace

OPEN, UNAVOIDABLE, EXCLUDED = "open", "unavoidable", "excluded"
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Verdict(Struct, frozen=True, kw_only=True):
    """What is known at one point of a schedule.

    Attributes:
        word: the wrong end is "open", "unavoidable" or "excluded".
        ends: how it can end from here.
        state: what is shown now.
        right: whether what is shown now is what should be there in the end.
        orders: how many orders are left.
    """

    word: str
    ends: Ends
    state: Any
    right: bool
    orders: int

    @property
    def wrong(self) -> Fraction:
        """The probability of a wrong end from here."""
        return self.ends.wrong

    @property
    def says(self) -> str:
        """One sentence: what shows, and what can still become of it."""
        now = f"shows {_plainly(self.state)} now"
        left = (
            "1 order is left"
            if self.orders == 1
            else f"{many(self.orders)} orders are left"
        )
        match self.word:
            case "unavoidable":
                but = "right now, and already lost" if self.right else "already lost"
                return f"{now}: {but}, a wrong end is unavoidable; {left}"
            case "excluded":
                return f"{now}: a wrong end is excluded; {left}"
        return f"{now}: a wrong end is open, with probability {self.wrong}; {left}"

    def __repr__(self) -> str:
        """Say it on one line."""
        return f"Verdict({self.says})"


def verdict(
    schedules: Schedules,
    handler: Handler | Handling,
    done: Iterable[str | Move] = (),
    *,
    right: Any = None,
    limit: int = LIMIT,
) -> Verdict:
    """Return what can still become of it after what was done.

    Args:
        schedules: the queues, what may happen, and what random means.
        handler: a function or a handling.
        done: names of the workers that wrote so far, in order; or moves.
        right: the state that should be there.
        limit: how many pairs of point and state may be counted.

    Raises:
        InvalidSchedule: something that can't have been done; a race with given times,
            which has no exact answer at a point on the way.
        TooLarge: more than can be counted.

    >>> from esbench.workers import schedules
    >>> three = schedules([["uploaded"], ["processing"], ["success"]])
    >>> verdict(three, lambda row, message: message.type, ["W3"]).word
    'unavoidable'
    """
    latencies = schedules.chance.latencies
    if latencies is not None and latencies.kind == "given" and done:
        raise InvalidSchedule(
            "with given times the rest of a race depends on how long it has run: ask "
            "for ends(), or take exponential latencies"
        )
    rows = Rows(schedules, handler)
    wanted = in_order(schedules, rows) if right is None else right
    moves = moves_of(schedules, done)
    point = after(schedules, moves)
    state = performed(schedules, rows, moves)
    counts, pairs = reached(schedules, rows, point=point, state=state, limit=limit)
    found = summed(schedules, counts, pairs, rows, wanted)
    return Verdict(
        word={0: EXCLUDED, 1: UNAVOIDABLE}.get(found.wrong, OPEN),  # type: ignore[call-overload]
        ends=found,
        state=rows.shown(state),
        right=frozen(rows.shown(state)) == frozen(wanted),
        orders=schedules.left(point),
    )


def after(schedules: Schedules, moves: Iterable[Move]) -> Point:
    """Return the point that moves lead to."""
    point = schedules.start
    for move in moves:
        point = schedules.after(point, move)
    return point


# --- the shortest losing order ---------------------------------------------------


class Witness(Struct, frozen=True, kw_only=True):
    """An order that ends wrong, and none that does is shorter.

    Attributes:
        order: its moves.
        state: how it ends.
        right: how it should end.
        extra: how many copies and crashes it needs.
        inversions: how many pairs of events it writes the wrong way round.
        says: the same in plain words.
        trace: the order, told step by step.
    """

    order: tuple[Move, ...]
    state: Any
    right: Any
    extra: int
    inversions: int
    says: str
    trace: Trace

    def __repr__(self) -> str:
        """Say it in plain words."""
        return f"Witness({self.says})"


class _Way(Struct, frozen=True):
    """How a pair of point and state was reached: at which price, by which last move."""

    price: tuple[int, int]
    move: Move | None = None
    before: _Way | None = None


def witness(
    schedules: Schedules,
    handler: Handler | Handling,
    *,
    right: Any = None,
    limit: int = LIMIT,
) -> Witness | None:
    """Return the shortest order that ends wrong; None when there is none at all.

    Args:
        schedules: the queues and what may happen.
        handler: a function or a handling.
        right: the state that should be there.
        limit: how many pairs of point and state may be counted.

    Raises:
        TooLarge: more than can be searched.

    >>> from esbench.workers import schedules
    >>> witness(schedules([[1], [2, 3]]), lambda row, message: message.version).says
    '2 and 3 were written before 1: two inversions, it ends as 1 and not as 3'
    """
    rows = Rows(schedules, handler)
    wanted = in_order(schedules, rows) if right is None else right
    ways = _cheapest(schedules, rows, limit)
    losing = [
        (way.price, _path(way), state)
        for state, way in ways.items()
        if frozen(rows.shown(state)) != frozen(wanted)
    ]
    if not losing:
        return None
    _, order, _ = min(losing)
    return witness_of(schedules, rows, order, wanted)


def witness_of(
    schedules: Schedules, rows: Rows, order: tuple[Move, ...], right: Any
) -> Witness:
    """Return a losing order with what is to be said of it.

    Args:
        schedules: the queues.
        rows: the handling, and the states so far.
        order: an order that ends wrong.
        right: how it should end.
    """
    state = rows.shown(performed(schedules, rows, order))
    point, extra, inversions = schedules.start, 0, 0
    for move in order:
        more, inverted = _price(schedules, point, move)
        extra, inversions = extra + more, inversions + inverted
        point = schedules.after(point, move)
    return Witness(
        order=order,
        state=state,
        right=right,
        extra=extra,
        inversions=inversions,
        says=_sentence(schedules, order, inversions, state, right),
        trace=told(schedules, order, rows.handling, name="the shortest losing order"),
    )


def _cheapest(schedules: Schedules, rows: Rows, limit: int) -> dict[int, _Way]:
    """Return the cheapest way to each state that it can end in."""
    lattice = Lattice(schedules)
    refuse(lattice.size, limit, "points")
    waiting: dict[int, dict[int, _Way]] = {0: {rows.first: _Way((0, 0))}}
    ends, seen = set(lattice.ends), 0
    found: dict[int, _Way] = {}
    for number in range(lattice.size):
        here = waiting.pop(number, None)
        if here is None:
            continue
        seen += len(here)
        refuse(seen, limit, "pairs of point and state")
        if number in ends:
            _keep_cheaper(found, here)
        point = lattice.point(number)
        for lane, place, kind, step in lattice.moves(number):
            move = Move(lane, place, kind)
            effect = rows.effect(kind, schedules.message(move))
            extra, inverted = _price(schedules, point, move)
            there: dict[int, _Way] = {}
            for state, way in here.items():
                price = way.price[0] + extra, way.price[1] + inverted
                _keep_cheaper(there, {effect(state): _Way(price, move, way)})
            _keep_cheaper(waiting.setdefault(number + step, {}), there)
    return found


def _keep_cheaper(known: dict[int, _Way], new: dict[int, _Way]) -> None:
    for state, way in new.items():
        if state not in known or way.price < known[state].price:
            known[state] = way


def _path(way: _Way) -> tuple[Move, ...]:
    found = []
    while way.move is not None and way.before is not None:
        found.append(way.move)
        way = way.before
    return tuple(reversed(found))


def _price(schedules: Schedules, point: Point, move: Move) -> tuple[int, int]:
    extra = int(move.kind != WRITE)
    return extra, len(_overtaken(schedules, point, move))


def _overtaken(schedules: Schedules, point: Point, move: Move) -> list[Message]:
    """Return the events that a move is on the wrong side of, by version.

    For a write those are earlier events still to come; for a copy, later ones that
    are written already.
    """
    if move.kind == BEFORE:
        return []
    own = schedules.message(move)
    late = move.kind == AGAIN
    found = []
    for queue, done in zip(schedules.queues, point.places, strict=True):
        others = queue[:done] if late else queue[done:]
        found += [
            each
            for each in others
            if each.aggregate_id == own.aggregate_id
            and (each.version > own.version if late else each.version < own.version)
        ]
    return sorted(found, key=lambda message: message.version)


# --- in words --------------------------------------------------------------------


def _sentence(
    schedules: Schedules,
    order: tuple[Move, ...],
    inversions: int,
    state: Any,
    right: Any,
) -> str:
    parts = [*_inverted(schedules, order), *_crashed(schedules, order)]
    happened = ", ".join(parts) or "all was written in order"
    count = _SMALL[inversions] if inversions < len(_SMALL) else str(inversions)
    noun = "inversion" if inversions == 1 else "inversions"
    whose = {message.aggregate_id for message in schedules.messages}
    name = whose.pop() if len(whose) == 1 else "it"
    return (
        f"{happened}: {count} {noun}, {name} ends as {_plainly(state)} and not as "
        f"{_plainly(right)}"
    )


def _inverted(schedules: Schedules, order: tuple[Move, ...]) -> list[str]:
    """Say which events were written before which, those that share an end in one."""
    point = schedules.start
    early: dict[str, list[str]] = {}
    again = []
    for move in order:
        own = _called(schedules, schedules.message(move))
        others = [_called(schedules, m) for m in _overtaken(schedules, point, move)]
        if others and move.kind == AGAIN:
            again.append(f"{own} was written again after {_listed(others)}")
        elif others:
            early.setdefault(_listed(others), []).append(own)
        point = schedules.after(point, move)
    said = [
        f"{_listed(first)} {'was' if len(first) == 1 else 'were'} written before {last}"
        for last, first in early.items()
    ]
    return said + again


def _crashed(schedules: Schedules, order: tuple[Move, ...]) -> list[str]:
    return [
        f"{schedules.workers[move.lane]} crashed "
        f"{'before' if move.kind == BEFORE else 'after'} writing "
        f"{_called(schedules, schedules.message(move))}"
        for move in order
        if move.kind.startswith("crash")
    ]


def _called(schedules: Schedules, message: Message) -> str:
    if len({each.aggregate_id for each in schedules.messages}) == 1:
        return str(message.version)
    return f"{message.version} of {message.aggregate_id}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plainly(state: Any) -> str:
    shown = plain(state)
    return "null" if shown is None else str(shown)


def every_verdict(
    schedules: Schedules, handler: Handler | Handling, **options: Any
) -> dict[tuple[str, ...], Verdict]:
    """Return the verdict after every way to begin, by the names of who wrote.

    A stage looks up here what a click leads to. It is meant for a handful of events.

    Args:
        schedules: the queues, without redeliveries and crashes.
        handler: a function or a handling.
        options: as for ``verdict``.

    Raises:
        InvalidSchedule: redeliveries or crashes, which names alone do not tell.
    """
    if schedules.redelivered or schedules.crashes:
        raise InvalidSchedule(
            "names alone don't tell copies and crashes: leave them out"
        )
    begun: dict[tuple[str, ...], tuple[Move, ...]] = {(): ()}
    for order in schedules.orders():
        for length in range(1, len(order) + 1):
            names = tuple(schedules.workers[move.lane] for move in order[:length])
            begun[names] = order[:length]
    return {
        names: verdict(schedules, handler, moves, **options)
        for names, moves in begun.items()
    }
