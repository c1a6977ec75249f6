"""A video told by overwriting a row, and told again by events: where either gets stuck.

What lives here: ``by_crud``, in which a real SQLite row misses one update because
somebody else holds the lock, and ``by_events``, in which the same thing happens to the
read model and the log knows all.
The guarantee: the timeout is SQLite's own; the seed alone decides which update it
hits. Neither touches more than the database and the log that it is handed.
What it may not know: notebooks, widgets.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

from msgspec import Struct

from esbench.domains import video
from esbench.log import EventLog
from esbench.projection import execute

PATIENCE = 0.02  # seconds; a lock that is held all the while outlasts any timeout
STATUSES = ("uploaded", "processing", "success")
_REALITY = {
    "uploaded": "the file is in storage",
    "processing": "a worker is at it",
    "success": "the finished video is in storage",
}
_TABLE = "CREATE TABLE IF NOT EXISTS videos (id TEXT PRIMARY KEY, status TEXT)"


class Stuck(Struct, frozen=True, kw_only=True):
    """What happened, and what the row says.

    Attributes:
        reality: what is so, in words: the last thing that really happened.
        should: the status that would be right.
        row: the status in the database.
        error: what SQLite said when the update failed.
        log: the types of the events that the log holds; none without a log.
        repaired: the status in the database after it was made anew from the log;
            None without a log, since there is nothing to repair it from.
    """

    reality: str
    should: str
    row: str | None
    error: str
    log: tuple[str, ...] = ()
    repaired: str | None = None

    @property
    def says(self) -> str:
        """One sentence, as the source text says it."""
        row = self.row or "null"
        return f"{self.reality}, but the status is stuck at {row!r}: {self.error}"

    def __repr__(self) -> str:
        """Say it on one line."""
        return f"Stuck({self.says})"


def by_crud(database: Path, seed: int) -> Stuck:
    """Return how a video ends whose every step overwrites its row.

    Somebody holds the database during one update, and the process ends there: its
    status can't be written, though the step itself has happened.

    Args:
        database: a file that may be made.
        seed: chooses the update: of seeds 1, 2, 3 each hits another one.
    """
    row = _Row(database)
    error = ""
    for status in STATUSES[: _hit(seed) + 1]:
        error = row.written("vid_123", status, busy=status == STATUSES[_hit(seed)])
    return _stuck(row, seed, error)


def by_events(database: Path, log: EventLog, seed: int) -> Stuck:
    """Return how the same video ends when every step is an event first.

    The read model misses the same update; the log has every event, a processor
    reports its progress there as well, and the row is made anew from it.

    Args:
        database: a file that may be made, for the read model.
        log: where events go; it needs ``video.EVENTS``.
        seed: chooses the update, as for ``by_crud``.
    """
    row = _Row(database)
    error = ""
    for number, commands in enumerate(_COMMANDS[: _hit(seed) + 1]):
        for command in commands:
            execute(log, "vid_123", video.decide, command)
        error = row.written("vid_123", STATUSES[number], busy=number == _hit(seed))
    known = list(log.read("vid_123"))
    stuck = _stuck(row, seed, error)
    status = video.Video.hydrate(log, "vid_123").status
    row.written("vid_123", status, busy=False)
    return Stuck(
        reality=stuck.reality,
        should=stuck.should,
        row=stuck.row,
        error=stuck.error,
        log=tuple(each.type for each in known),
        repaired=row.read("vid_123"),
    )


_COMMANDS: tuple[tuple[video.commands.Command, ...], ...] = (
    (video.Upload(path="s3://raw/video.mp4", uploaded_by="user_456"),),
    (video.Start(worker_id="worker_5"), video.Report(progress=50)),
    (video.Complete(output_path="s3://processed/video.mp4"),),
)


def _hit(seed: int) -> int:
    """Return which of the three updates a seed hits; 1, 2 and 3 hit one each."""
    return (seed - 1) % 3 if 1 <= seed <= 3 else Random(seed).randrange(3)


def _stuck(row: _Row, seed: int, error: str) -> Stuck:
    should = STATUSES[_hit(seed)]
    return Stuck(
        reality=_REALITY[should], should=should, row=row.read("vid_123"), error=error
    )


class _Row:
    """The row of a video in a real database."""

    def __init__(self, database: Path) -> None:
        self.database = database
        with closing(self._open()) as own, own:
            own.execute(_TABLE)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.database, timeout=PATIENCE)

    @contextmanager
    def _held(self, *, busy: bool) -> Iterator[None]:
        """Hold the database's only write lock meanwhile, as a long report does."""
        with closing(self._open()) as other:
            if busy:
                other.execute("BEGIN IMMEDIATE")
            yield
            other.rollback()

    def written(self, name: str, status: str, *, busy: bool) -> str:
        """Overwrite the status; return what the database said if it could not."""
        with self._held(busy=busy), closing(self._open()) as own:
            try:
                with own:
                    own.execute(
                        "INSERT INTO videos VALUES (?, ?) "
                        "ON CONFLICT (id) DO UPDATE SET status = excluded.status",
                        (name, status),
                    )
            except sqlite3.OperationalError as error:
                return str(error)
        return ""

    def read(self, name: str) -> str | None:
        """Return the status that the row says, None without a row."""
        with closing(self._open()) as own:
            found = own.execute("SELECT status FROM videos WHERE id = ?", (name,))
            row = found.fetchone()
        return None if row is None else str(row[0])
