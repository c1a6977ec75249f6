"""One order, told step by step: from moves, from a race, or drawn by a seed.

What lives here: ``told``, ``run``, and ``moves_of``, which reads moves from the names
of the workers that write.
The guarantee: the trace's states are those that the handler makes of the messages in
just that order; the same seed gives the same bytes on every machine.
What it may not know: how likely an order is, and which ends are right.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from esbench.errors import InvalidSchedule
from esbench.workers.chance import TICKS
from esbench.workers.handling import Handler, Handling
from esbench.workers.lattice import Rows
from esbench.workers.message import Message, plain
from esbench.workers.schedules import AFTER, AGAIN, BEFORE, WRITE, Move, Schedules
from esbench.workers.trace import Step, Trace


def moves_of(schedules: Schedules, done: Iterable[str | Move]) -> tuple[Move, ...]:
    """Return the moves of workers that write one after the other.

    Args:
        schedules: the queues.
        done: names of workers, each writing the next event of its queue, or moves.

    Raises:
        InvalidSchedule: a move that can't be made there.

    >>> from esbench.workers import schedules
    >>> moves_of(schedules([[1], [2]]), ["W2"])
    (Move(lane=1, place=0, kind='write'),)
    """
    point, path = schedules.start, list[Move]()
    for each in done:
        move = (
            each if isinstance(each, Move) else _next_of(schedules, point.places, each)
        )
        if move not in schedules.moves(point):
            name = (
                schedules.workers[move.lane] if move.lane < len(point.places) else "?"
            )
            raise InvalidSchedule(
                f"{name} can't {move.kind} event {move.place + 1} of its queue as move "
                f"{len(path) + 1}: it has done {_done(point.places, move.lane)} so far"
            )
        path.append(move)
        point = schedules.after(point, move)
    return tuple(path)


def _done(places: tuple[int, ...], lane: int) -> int:
    return places[lane] if lane < len(places) else 0


def _next_of(schedules: Schedules, places: tuple[int, ...], worker: str) -> Move:
    if worker not in schedules.workers:
        raise InvalidSchedule(
            f"there is no worker {worker!r}: take one of {', '.join(schedules.workers)}"
        )
    lane = schedules.workers.index(worker)
    return Move(lane, places[lane])


def told(
    schedules: Schedules,
    order: Iterable[str | Move],
    handler: Handler | Handling,
    *,
    name: str = "one order",
    seed: int | None = None,
) -> Trace:
    """Return what happens in one order; times are places, from 1.

    Args:
        schedules: the queues.
        order: moves, or names of workers; it may stop before the end.
        handler: a function or a handling.
        name: what the trace is called.
        seed: where the order came from, if it was drawn.
    """
    moves = moves_of(schedules, order)
    teller = Teller(schedules, handler)
    steps = []
    for at, move in enumerate(moves, 1):
        steps += teller.steps(at, move)
    return teller.trace(steps, name, seed)


def run(
    schedules: Schedules,
    handler: Handler | Handling,
    *,
    seed: int = 1,
    name: str = "one run",
) -> Trace:
    """Return one run, drawn by the schedules' chance.

    In a race, times are microseconds, and each event is taken before it is written;
    otherwise times are places, from 1.

    Args:
        schedules: the queues, and what random means.
        handler: a function or a handling.
        seed: for the draws.
        name: what the trace is called.
    """
    dice = Random(seed)
    if schedules.chance.latencies is None:
        order = schedules.drawn(dice)
        return told(schedules, order, handler, name=name, seed=seed)
    teller, timed = Teller(schedules, handler), schedules.timed(dice)
    timed = [(at // TICKS, move) for at, move in timed]
    written = [step for at, move in timed for step in teller.steps(at, move)]
    steps = sorted([*written, *teller.taken(timed)], key=_when)
    return teller.trace(steps, name, seed)


def _when(step: Step) -> tuple[int, bool]:
    return step.at, step.did == "took"


class Teller:
    """Turns moves into steps, and keeps the rows meanwhile.

    Args:
        schedules: the queues.
        handler: a function or a handling.
    """

    def __init__(self, schedules: Schedules, handler: Handler | Handling) -> None:
        self.schedules = schedules
        self.rows = Rows(schedules, handler)
        self.handling = self.rows.handling
        self.state = self.rows.first
        self.attempts: dict[str, int] = {}

    def steps(self, at: int, move: Move) -> list[Step]:
        """Return what a move looks like, and make it."""
        message = self.schedules.message(move)
        worker = self.schedules.workers[move.lane]
        crashed = Step(at=at, worker=worker, did="crashed", event_id=message.event_id)
        if move.kind == BEFORE:
            self.state = self.rows.crash(self.state)
            return [crashed]
        before = self.state
        self.state = self.rows.write(before, message)
        attempt = self.attempts.get(message.event_id, 0) + 1
        self.attempts[message.event_id] = attempt
        written = Step(
            at=at,
            worker=worker,
            did="passed over" if self.state == before else "wrote",
            event_id=message.event_id,
            attempt=attempt,
            state=plain(self.handling.shows(self._row(message))),
            says="delivered once more" if move.kind == AGAIN else "",
        )
        if move.kind != AFTER:
            return [written]
        self.state = self.rows.crash(self.state)
        return [written, crashed]

    def taken(self, timed: list[tuple[int, Move]]) -> list[Step]:
        """Return when each worker took its events: when it was done with the last."""
        ends = {move: at for at, move in timed}
        return [
            Step(
                at=ends.get(Move(move.lane, move.place - 1, WRITE), 0),
                worker=self.schedules.workers[move.lane],
                did="took",
                event_id=self.schedules.message(move).event_id,
            )
            for move in sorted(ends)
        ]

    def trace(self, steps: Iterable[Step], name: str, seed: int | None) -> Trace:
        """Return the steps as a trace."""
        return Trace(
            name=name,
            handler=self.handling.name,
            workers=self.schedules.workers,
            messages=self.schedules.messages,
            steps=tuple(steps),
            initial=plain(self.handling.shows(self.handling.initial)),
            seed=seed,
        )

    def _row(self, message: Message) -> Any:
        rows = dict(zip(self.rows.aggregates, self.rows.rows(self.state), strict=True))
        return rows[message.aggregate_id]
