"""Logs and databases that take long to make: made once, kept between runs.

What lives here: the folder given by ``--data``, what stands in it, and clones.
The guarantee: what a name stands for is whole (it gets its name last) and was made by
this recipe; nobody writes into it. Who wants to write gets a clone: hard links to the
same files, which a log never changes.
What it may not know: rows, peers' queries.
"""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import sqlite
from benchmarks.harness import say, timed
from benchmarks.machine import GB, free_bytes
from benchmarks.traffic import Traffic
from esbench import EventLog
from esbench.domains import bank

if TYPE_CHECKING:
    import polars as pl

SEED = 7
RECIPE = 1  # raise it when the same name would stand for other data
EVENTS_AN_ACCOUNT = 20
MOST_ACCOUNTS = 2_000_000
PIECES = 12  # a log arrives in at least so many commits
SMALLEST_PIECE = 512
LOG_BYTES, DATABASE_BYTES = 60, 420  # an event, with what lies around meanwhile
LOG_SECONDS, DATABASE_SECONDS = 7e-6, 13e-6  # an event


def traffic(events: int) -> Traffic:
    """Return the traffic of a log of so many events."""
    accounts = min(events // EVENTS_AN_ACCOUNT, MOST_ACCOUNTS)
    return Traffic(max(1, accounts), events, SEED)


def piece(events: int) -> int:
    """Return how many events a commit of such a log holds: a power of eight.

    That is the size of a window of the log's merging, so no commit lies in two.
    """
    size = SMALLEST_PIECE
    while size * 8 * PIECES <= events:
        size *= 8
    return size


def opened(path: Path, **given: Any) -> EventLog:
    """Return the bank's log in ``path``; it does not merge by itself unless said."""
    known = inspect.signature(EventLog).parameters
    given = {"merge": "never"} | given
    return EventLog(path, bank.EVENTS, **{k: v for k, v in given.items() if k in known})


def merged(log: EventLog) -> None:
    """Merge what is due, where logs can do so."""
    if hasattr(log, "merge"):
        log.merge()


class Shelf:
    """What is kept in one folder.

    Args:
        folder: the one given by ``--data``.
    """

    def __init__(self, folder: Path) -> None:
        self._kept = folder / f"recipe-{RECIPE}-seed-{SEED}"

    def raw(self, events: int) -> Path:
        """Return a log of so many events, in commits of equal size, never merged."""

        def make(path: Path) -> None:
            log = opened(path)
            for frame in traffic(events).frames(piece(events)):
                log.append_frame(frame)

        return self._thing(f"raw-{events}", make)

    def log(self, events: int) -> Path:
        """Return the same log as its own merging leaves it."""

        def make(path: Path) -> None:
            clone(self.raw(events), path)
            merged(opened(path))

        return self._thing(f"log-{events}", make)

    def database(self, events: int) -> Path:
        """Return the folder with eventsourcing's database of the same events.

        Raises:
            NotInstalled: the library is not there.
        """
        sqlite.module("eventsourcing")

        def make(path: Path) -> None:
            path.mkdir()
            frames = traffic(events).frames(100_000)
            sqlite.build(path / "events.db", frames)

        return self._thing(f"database-{events}", make)

    def _thing(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return what is kept under ``name``, made if it is not there."""
        path, unfinished = self._kept / name, self._kept / f"{name}.unfinished"
        if not path.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            say(f"  making {name}, once; it stays in {self._kept}")
            seconds, _ = timed(make, unfinished)
            unfinished.rename(path)
            say(f"  made in {seconds:.0f} s")
        return path

    def missing(self, events: Iterable[int], database: int) -> tuple[int, float]:
        """Return what is still to be made: how many bytes, and about how many seconds.

        Args:
            events: the sizes of logs that are wanted.
            database: the size of the database that is wanted.
        """
        logs = sum(n for n in events if not (self._kept / f"log-{n}").exists())
        if (self._kept / f"database-{database}").exists():
            database = 0
        return (
            logs * LOG_BYTES + database * DATABASE_BYTES,
            logs * LOG_SECONDS + database * DATABASE_SECONDS,
        )


def has_room(folder: Path, needed: int) -> bool:
    """Tell whether there is room for ``needed`` bytes and a GB to spare."""
    return free_bytes(folder) > needed + GB


def clone(source: Path, target: Path) -> Path:
    """Give a log that may be written to: hard links to the files of ``source``.

    Args:
        source: a log's folder.
        target: a folder that does not exist yet.
    """
    for folder in ("events", "segments", "staging"):
        (target / folder).mkdir(parents=True)
        for file in (source / folder).glob("*.parquet"):
            os.link(file, target / folder / file.name)
    os.link(source / "log.json", target / "log.json")
    return target


def keys(log: EventLog, size: int, count: int) -> list[str]:
    """Return ``count`` accounts whose number of events is nearest to ``size``."""
    import polars as pl

    counted = log.scan().group_by("aggregate_id").len("events")
    distance = (pl.col("events").cast(pl.Int64) - size).abs().alias("distance")
    nearest = counted.with_columns(distance).sort("distance", "aggregate_id")
    return nearest.head(count).collect().get_column("aggregate_id").to_list()


def files_holding(log: EventLog, accounts: list[str]) -> pl.DataFrame:
    """Return in how many files each of these accounts has events."""
    import polars as pl

    rows = pl.scan_parquet(log.files(), include_file_paths="file")
    mine = rows.filter(pl.col("aggregate_id").is_in(accounts))
    return mine.group_by("aggregate_id").agg(pl.col("file").n_unique()).collect()
