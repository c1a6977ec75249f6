"""Many writers at once: threads of one process, or processes.

What lives here: the loop of a writer, and crowds of them against one store.
The guarantee: writers start together and stop at a time, not at a count, so that a
slow one does not wait for the others and can't hide behind them; each appends one
event at a time, with the version it expects, and knows that it is stored before it
goes on.
What it may not know: goals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from threading import Barrier

from msgspec import Struct

from benchmarks import sqlite
from benchmarks.child import finished, started
from benchmarks.shelf import opened
from esbench.domains import bank

Put = Callable[[str, int], object]

ESBENCH, EVENTSOURCING = "esbench", "eventsourcing"
AMOUNT = Decimal("12.50")
START_UP = 3.0  # seconds until the processes of a crowd begin together


class Crowd(Struct, frozen=True, kw_only=True):
    """What a crowd of writers did.

    Attributes:
        seconds: how long it went on.
        taken: for each writer, the seconds of each of its appends.
        before: how many events were stored before they began.
    """

    seconds: float
    taken: list[list[float]]
    before: int

    @property
    def count(self) -> int:
        """How many events were stored."""
        return sum(map(len, self.taken))

    @property
    def slowest_share(self) -> float:
        """What the slowest writer stored, as a share of the mean."""
        return min(map(len, self.taken)) * len(self.taken) / max(1, self.count)

    @property
    def p99(self) -> float:
        """The time, in seconds, that 99 of 100 appends did not exceed."""
        every = sorted(value for own in self.taken for value in own)
        return every[len(every) * 99 // 100]


def putter(kind: str, path: Path) -> Put:
    """Return what appends one deposit at an expected version."""
    if kind == ESBENCH:
        log = opened(path / "log", merge="auto")
        event = bank.MoneyDeposited(amount=AMOUNT, transaction_id="txn_1")
        return lambda name, version: log.append(
            name, [event], expected_version=version - 1
        )
    peer = sqlite.EventSourcing(path / "events.db")
    return lambda name, version: peer.put(
        [sqlite.deposit(name, version, AMOUNT, "txn_1")]
    )


def run_writer(put: Put, name: str, until: float) -> list[float]:
    """Append until the time is over; return the seconds of each append."""
    taken: list[float] = []
    while (begun := time.perf_counter()) < until:
        put(name, len(taken) + 1)
        taken.append(time.perf_counter() - begun)
    return taken


def threads(kind: str, path: Path, writers: int, seconds: float) -> Crowd:
    """Let threads of this process write to one object."""
    put = putter(kind, path)
    put("warm", 1)
    barrier = Barrier(writers)

    def one(number: int) -> list[float]:
        barrier.wait()
        return run_writer(put, f"acc_{number}", time.perf_counter() + seconds)

    with ThreadPoolExecutor(writers) as pool:
        return Crowd(
            seconds=seconds, taken=list(pool.map(one, range(writers))), before=1
        )


def processes(kind: str, path: Path, writers: int, seconds: float) -> Crowd:
    """Let processes write to one folder or database."""
    putter(kind, path)("warm", 1)
    begin = time.time() + START_UP
    running = [
        started("writer", kind, path, f"acc_{number}", begin, seconds)
        for number in range(writers)
    ]
    taken = [finished(process).answer for process in running]
    return Crowd(seconds=seconds, taken=taken, before=1 + writers)


def stored(kind: str, path: Path) -> int:
    """Return how many events the store holds, opened anew."""
    if kind == ESBENCH:
        return opened(path / "log").head().position
    return sqlite.EventSourcing(path / "events.db").count()
