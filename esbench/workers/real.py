"""The race for real: three processes, three queues, one row in a real database.

What lives here: ``race_for_real``, and ``Observed``, which puts what happened beside
what the latencies of that very run predict.
The guarantee: the order of the writes is the database's own, taken down in the same
transaction as the write; latencies are measured from the moment when all three were
told to begin. Nothing here is the same twice: times are the machine's.
What it may not know: logs, domains; events come in as (version, state).

It uses SQLite with its write-ahead log and without waiting for the disk: what is
raced for is the order of the writes, not their safety.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from random import Random
from typing import Any

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.workers.chance import TICKS, Latencies, exponential, fitted, observed, race
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

_TABLES = """
CREATE TABLE videos (run INTEGER PRIMARY KEY, state TEXT, version INTEGER);
CREATE TABLE writes (place INTEGER PRIMARY KEY, run INTEGER, worker TEXT);
"""
_WRITE = (
    "INSERT INTO videos VALUES (?, ?, ?) ON CONFLICT (run) DO UPDATE "
    "SET state = excluded.state, version = excluded.version"
)
_GUARD = " WHERE excluded.version > videos.version"


class Observed(Struct, frozen=True, kw_only=True):
    """What happened in a number of real races.

    Attributes:
        runs: how many there were.
        wrong: how many ended with another state than the last event's.
        ends: how many ended with which state.
        orders: for each run, the workers in the order of their writes.
        measured: (worker, state, microseconds) for every write.
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

        It is sampled, with an interval, and takes workers to be independent.
        """
        return ends(_three(observed(self.measured)), _kept(guarded=self.guarded))

    @property
    def fitted(self) -> Ends:
        """The same, exactly, for exponential latencies of the measured means."""
        return ends(_three(fitted(self.measured)), _kept(guarded=self.guarded))

    def trace(self, run: int) -> Trace:
        """Return one run, from 0, as the database saw it; times are places."""
        handler = _kept(guarded=self.guarded)
        drawn = _three(fitted(self.measured))
        return told(drawn, self.orders[run], handler, name=f"real run {run}")

    @property
    def says(self) -> str:
        """One sentence: observed beside predicted."""
        low, high = self.interval
        guess = self.predicted
        least, most = guess.interval
        return (
            f"{self.wrong:,} of {self.runs:,} real runs ended wrong ({low:.3f} to "
            f"{high:.3f}); the measured latencies predict {float(guess.wrong):.3f} "
            f"({least:.3f} to {most:.3f}), exponential ones of the same means "
            f"{float(self.fitted.wrong):.3f}"
        )

    def __repr__(self) -> str:
        """Count the runs and the wrong ends."""
        return f"Observed({self.wrong} of {self.runs} runs ended wrong)"


def race_for_real(
    database: Path,
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
        database: a file that does not exist yet.
        runs: how many races.
        guarded: whether the statement carries a version guard.
        latencies: how long the work takes; exponential, 1 ms, worker 1 ten times
            slower, unless said.
        seed: for the work; the machine adds its own.

    Raises:
        InvalidSchedule: the database exists, no runs, a worker that died.
    """
    if database.exists() or runs < 1:
        raise InvalidSchedule(
            f"{runs} runs on {database.name}: take one run at least, and a new file"
        )
    with closing(_opened(database)) as own:
        own.executescript(_TABLES)
        with _started(database, guarded=guarded) as (queues, done):
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
    return int(lane), int(ended)


@contextmanager
def _started(database: Path, *, guarded: bool) -> Iterator[tuple[Sequence[Any], Any]]:
    """Start the processes and wait until they are ready; stop them in the end."""
    context = get_context("spawn")
    queues, done = [context.Queue() for _ in STATES], context.Queue()
    workers = [
        context.Process(
            target=_work, args=(str(database), lane, guarded, queue, done), daemon=True
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


def _work(database: str, lane: int, guarded: bool, queue: Any, done: Any) -> None:  # noqa: FBT001 - a process takes its arguments by place
    """Take from a queue, work for a while, write: what each process does."""
    statement = _WRITE + _GUARD * guarded
    with closing(_opened(Path(database))) as own:
        done.put((lane, time.monotonic_ns()))
        while (job := queue.get()) is not None:
            run, seconds = job
            time.sleep(seconds)
            own.execute("BEGIN IMMEDIATE")
            own.execute(statement, (run, STATES[lane], lane + 1))
            own.execute(
                "INSERT INTO writes (run, worker) VALUES (?, ?)", (run, f"W{lane + 1}")
            )
            own.execute("COMMIT")
            done.put((lane, time.monotonic_ns()))


def _opened(database: Path) -> sqlite3.Connection:
    own = sqlite3.connect(database, timeout=PATIENCE, isolation_level=None)
    own.execute("PRAGMA journal_mode = WAL")
    own.execute("PRAGMA synchronous = OFF")
    return own


def _seen(
    own: sqlite3.Connection,
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


def _three(latencies: Latencies) -> Schedules:
    return schedules([[each] for each in messages(STATES)], chance=race(latencies))


def _kept(*, guarded: bool) -> Handling:
    """Return the handling that does what the statement does."""
    fix = VERSION_GUARD if guarded else LAST_WRITE_WINS
    return fix.makes(traffic(STATES, _state))


def _state(state: Any, event: Any) -> Any:  # noqa: ARG001 - an event overwrites
    return event
