"""The race for real: three processes, three queues, one row in a real database.

What lives here: ``race_for_real``, and ``Observed``, which puts what happened beside
what the latencies of that very run predict.
The guarantee: the order of the writes is the database's own, taken down in the same
transaction as the write; latencies are measured from the moment when all three were
told to begin. Nothing here is the same twice: times are the machine's.
What it may not know: logs, domains; events come in as (version, state). Which database
it is, is known to databases.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from random import Random
from typing import Any

from msgspec import Struct

from esbench.errors import InvalidSchedule, StoreError
from esbench.workers.chance import (
    EVERY_ORDER,
    TICKS,
    Chance,
    Latencies,
    exponential,
    fitted,
    observed,
    race,
)
from esbench.workers.databases import Database, database_of, written
from esbench.workers.exact import Ends, ends, wilson
from esbench.workers.fixes import LAST_WRITE_WINS, VERSION_GUARD, traffic
from esbench.workers.handling import Handling
from esbench.workers.message import messages
from esbench.workers.run import told
from esbench.workers.schedules import Schedules, schedules
from esbench.workers.trace import Trace

STATES = ("uploaded", "processing", "success")
SLOW = {"W1": 10_000, "*": 1_000}  # microseconds on average, W1 ten times slower
PATIENCE = 60.0  # seconds without a sign of life from a worker


class Observed(Struct, frozen=True, kw_only=True):
    """What happened in a number of real races.

    Attributes:
        runs: how many there were.
        wrong: how many ended with another state than the last event's.
        ends: how many ended with which state.
        orders: for each run, the workers in the order of their writes.
        measured: (worker, state, microseconds) for every write, run by run.
        guarded: whether a version guard was in the statement.
    """

    runs: int
    wrong: int
    ends: dict[str, int]
    orders: tuple[tuple[str, ...], ...]
    measured: tuple[tuple[str, str, int], ...]
    guarded: bool

    @property
    def rate(self) -> Fraction:
        """The share of runs that ended wrong."""
        return Fraction(self.wrong, self.runs)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the probability of a wrong end lies with 95 % confidence."""
        return wilson(self.wrong, self.runs)

    @property
    def predicted(self) -> Ends:
        """How it should end by the measured latencies, each worker's drawn anew.

        It is sampled; its interval is that of the draws, not of the measuring. It takes
        workers to be independent, which ``together`` does not.
        """
        latencies = observed(self.measured)
        return ends(_three(race(latencies)), _kept(guarded=self.guarded))

    @property
    def together(self) -> Fraction:
        """The share that ends wrong by the three times of each run, taken together.

        Where this agrees with ``rate`` and ``predicted`` does not, the workers were not
        independent: a busy machine holds up all three at once, which turns few orders
        round.
        """
        times = [micros for _, _, micros in self.measured]
        runs = zip(*(times[lane::3] for lane in range(3)), strict=True)
        late = sum(max(first, second) > last for first, second, last in runs)
        return Fraction(0 if self.guarded else late, self.runs)

    @property
    def fitted(self) -> Ends:
        """The same, exactly, for exponential latencies of the measured means."""
        latencies = fitted(self.measured)
        return ends(_three(race(latencies)), _kept(guarded=self.guarded))

    def trace(self, run: int) -> Trace:
        """Return one run, from 0, as the database saw it; times are places."""
        handler = _kept(guarded=self.guarded)
        return told(_three(), self.orders[run], handler, name=f"real run {run}")

    @property
    def says(self) -> str:
        """One sentence: observed beside predicted."""
        low, high = self.interval
        guess = self.predicted
        least, most = guess.interval
        return (
            f"{self.wrong:,} of {self.runs:,} real runs ended wrong ({low:.3f} to "
            f"{high:.3f}); the measured latencies predict {float(guess.wrong):.3f} "
            f"({least:.3f} to {most:.3f}) if workers are independent and "
            f"{float(self.together):.3f} as they came, exponential ones of the same "
            f"means {float(self.fitted.wrong):.3f}"
        )

    def __repr__(self) -> str:
        """Count the runs and the wrong ends."""
        return f"Observed({self.wrong} of {self.runs} runs ended wrong)"


def race_for_real(
    database: Path | str,
    runs: int = 1_000,
    *,
    guarded: bool = False,
    latencies: Latencies | None = None,
    seed: int = 1,
) -> Observed:
    """Return what happened when three processes raced for a row, run after run.

    Worker 1 has *uploaded* to write, worker 2 *processing*, worker 3 *success*. Each
    works for a while (it sleeps) and then writes. Call it from a module or a notebook:
    the processes are started anew and import this one.

    Args:
        database: a file that does not exist yet, for SQLite; or what libpq connects
            to, for PostgreSQL (extra ``postgres``): ``postgresql://user@host/name``
            or ``host=… dbname=…``. There the race has a schema ``esbench_race`` of
            its own, which is gone afterwards.
        runs: how many races.
        guarded: whether the statement carries a version guard.
        latencies: how long the work takes; exponential, 1 ms, worker 1 ten times
            slower, unless said.
        seed: for the work; the machine adds its own.

    Raises:
        InvalidSchedule: the file or the schema exists, no runs, a worker that died.
        StoreError: no psycopg, no server, or a database that says no on the way.
    """
    if runs < 1:
        raise InvalidSchedule(f"{runs} runs are no race: take one run at least")
    place = database_of(database)
    with place.made() as own:
        with _started(place, guarded=guarded) as (queues, done):
            measured = _raced(queues, done, runs, latencies or exponential(SLOW), seed)
        return _seen(own, runs, measured, guarded=guarded)


def _raced(
    queues: Sequence[Any], done: Any, runs: int, latencies: Latencies, seed: int
) -> list[tuple[str, str, int]]:
    """Let the workers race, one run after the other; return what they took."""
    dice, found = Random(seed), []
    for run in range(runs):
        work = [
            latencies.draw(dice, f"W{lane + 1}", state) / (TICKS * 1e6)
            for lane, state in enumerate(STATES)
        ]
        begun = time.monotonic_ns()
        for queue, seconds in zip(queues, work, strict=True):
            queue.put((run, seconds))
        for lane, ended in sorted(_reported(done) for _ in STATES):
            micros = max(1, (ended - begun) // 1_000)
            found.append((f"W{lane + 1}", STATES[lane], micros))
    return found


def _reported(done: Any) -> tuple[int, int]:
    try:
        lane, ended = done.get(timeout=PATIENCE)
    except Empty:
        raise InvalidSchedule(
            f"no worker has reported for {PATIENCE:.0f} s: one of them has died"
        ) from None
    if isinstance(ended, str):
        raise StoreError(f"worker {lane + 1} could not go on: {ended}")
    return int(lane), int(ended)


@contextmanager
def _started(place: Database, *, guarded: bool) -> Iterator[tuple[Sequence[Any], Any]]:
    """Start the processes and wait until they are ready; stop them in the end."""
    context = get_context("spawn")
    queues, done = [context.Queue() for _ in STATES], context.Queue()
    workers = [
        context.Process(
            target=_work, args=(place, lane, guarded, queue, done), daemon=True
        )
        for lane, queue in enumerate(queues)
    ]
    for worker in workers:
        worker.start()
    try:
        for _ in workers:
            _reported(done)
        yield queues, done
    finally:
        for queue in queues:
            queue.put(None)
        for worker in workers:
            worker.join(PATIENCE)
            worker.close()
        for queue in (*queues, done):
            queue.close()
            queue.join_thread()


def _work(place: Database, lane: int, guarded: bool, queue: Any, done: Any) -> None:  # noqa: FBT001 - a process takes its arguments by place
    """Take from a queue, work for a while, write: what each process does."""
    try:
        with place.opened() as own:
            done.put((lane, time.monotonic_ns()))
            while (job := queue.get()) is not None:
                run, seconds = job
                time.sleep(seconds)
                row = (run, STATES[lane], lane + 1)
                written(own, place, row, guarded=guarded)
                done.put((lane, time.monotonic_ns()))
    except StoreError as error:
        done.put((lane, str(error)))


def _seen(
    own: Any,
    runs: int,
    measured: list[tuple[str, str, int]],
    *,
    guarded: bool,
) -> Observed:
    found = dict.fromkeys(STATES, 0)
    for (state,) in own.execute("SELECT state FROM videos ORDER BY run"):
        found[state] += 1
    orders: list[list[str]] = [[] for _ in range(runs)]
    for run, worker in own.execute("SELECT run, worker FROM writes ORDER BY place"):
        orders[run].append(worker)
    return Observed(
        runs=runs,
        wrong=runs - found[STATES[-1]],
        ends=found,
        orders=tuple(map(tuple, orders)),
        measured=tuple(measured),
        guarded=guarded,
    )


# --- the same, as a schedule -----------------------------------------------------


def _three(chance: Chance = EVERY_ORDER) -> Schedules:
    return schedules([[each] for each in messages(STATES)], chance=chance)


def _kept(*, guarded: bool) -> Handling:
    """Return the handling that does what the statement does."""
    fix = VERSION_GUARD if guarded else LAST_WRITE_WINS
    return fix.makes(traffic(STATES, _state))


def _state(state: Any, event: Any) -> Any:  # noqa: ARG001 - an event overwrites
    return event
