"""The database that holds the row of a race: a SQLite file, or a PostgreSQL server.

What lives here: ``OnSQLite`` and ``OnPostgreSQL``, and ``database_of``, which takes
the one that was named.
The guarantee: both write the same rows in the same way, and note the order of the
writes to one row as they made it: the note is taken inside the write's transaction,
after the row is locked. On a server nothing is touched but a schema of our own, which
is gone afterwards.
What it may not know: workers, queues, events.

Neither waits for the disk: what is raced for is the order of the writes, not their
safety.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from esbench.errors import InvalidSchedule, StoreError

PATIENCE = 60  # seconds that a writer waits for the others
SETTINGS: dict[str, Any] = {
    "autocommit": True,
    "client_encoding": "utf8",
    "connect_timeout": 10,  # seconds within which a server must answer
}
SCHEMA = "esbench_race"

VIDEOS = "CREATE TABLE videos (run INTEGER PRIMARY KEY, state TEXT, version INTEGER)"
WRITES = "CREATE TABLE writes (place {0} PRIMARY KEY, run INTEGER, worker TEXT)"
WRITE = (
    "INSERT INTO videos VALUES ({0}, {0}, {0}) ON CONFLICT (run) DO UPDATE "
    "SET state = excluded.state, version = excluded.version"
)
GUARD = " WHERE excluded.version > videos.version"
NOTE = "INSERT INTO writes (run, worker) VALUES ({0}, {0})"


class Database(Protocol):
    """Where the row is; it is sent to the processes, and each opens it by itself."""

    @property
    def sign(self) -> str:
        """What stands for a value in a statement."""

    @property
    def begin(self) -> str:
        """What a write begins with."""

    def made(self) -> Any:
        """Make the tables; a context manager that gives a connection."""

    def opened(self) -> Any:
        """Open it for a worker; a context manager that gives a connection."""


def database_of(where: Path | str) -> Database:
    """Return the database of this name.

    Args:
        where: a file for SQLite, or for PostgreSQL what libpq takes as a text,
            ``postgresql://user@host/name`` or ``host=… dbname=…``. A file whose name
            looks like that is given as a ``Path``.

    Raises:
        InvalidSchedule: an address of something else.
    """
    if isinstance(where, Path):
        return OnSQLite(file=where)
    if where.startswith(("postgresql://", "postgres://")):
        return OnPostgreSQL(where=where)
    if "://" in where:
        raise InvalidSchedule(
            "a race runs on a file of SQLite or on PostgreSQL, and this address is "
            "neither: write a file's name, or postgresql://user@host/name"
        )
    return OnPostgreSQL(where=where) if "=" in where else OnSQLite(file=Path(where))


def written(
    connection: Any, place: Database, row: tuple[int, str, int], *, guarded: bool
) -> None:
    """Write a row and note who wrote, in one transaction.

    Args:
        connection: from ``opened``.
        place: where it leads to.
        row: run, state, version; the worker is that of the version.
        guarded: whether an older version leaves the row as it is.
    """
    run, _, version = row
    connection.execute(place.begin)
    connection.execute((WRITE + GUARD * guarded).format(place.sign), row)
    connection.execute(NOTE.format(place.sign), (run, f"W{version}"))
    connection.execute("COMMIT")


# --- SQLite ----------------------------------------------------------------------


class OnSQLite(Struct, frozen=True, kw_only=True):
    """A file of SQLite, with its write-ahead log; it stays when the race is over.

    Attributes:
        file: one that does not exist yet.
    """

    file: Path
    sign: ClassVar[str] = "?"
    begin: ClassVar[str] = "BEGIN IMMEDIATE"

    @contextmanager
    def made(self) -> Iterator[sqlite3.Connection]:
        """Make the file and its tables; give a connection.

        Raises:
            InvalidSchedule: the file exists.
        """
        if self.file.exists():
            raise InvalidSchedule(f"{self.file.name} is there already: take a new file")
        with self.opened() as own:
            own.execute(VIDEOS)
            own.execute(WRITES.format("INTEGER"))
            yield own

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Give a connection; what SQLite says against it becomes a StoreError."""
        try:
            own = sqlite3.connect(self.file, timeout=PATIENCE, isolation_level=None)
            with closing(own):
                own.execute("PRAGMA journal_mode = WAL")
                own.execute("PRAGMA synchronous = OFF")
                yield own
        except sqlite3.Error as error:
            raise StoreError(f"SQLite can't use {self.file.name}: {error}") from None


# --- PostgreSQL ------------------------------------------------------------------


class OnPostgreSQL(Struct, frozen=True, kw_only=True):
    """A PostgreSQL server, through psycopg 3 (extra ``postgres``).

    Attributes:
        where: what libpq connects to; may hold a password, and is never shown.
    """

    where: str
    sign: ClassVar[str] = "%s"
    begin: ClassVar[str] = "BEGIN ISOLATION LEVEL READ COMMITTED"

    def __repr__(self) -> str:
        """Say what it is, not where."""
        return "OnPostgreSQL()"

    @contextmanager
    def made(self) -> Iterator[Any]:
        """Make the tables in a schema of our own; give a connection.

        Raises:
            InvalidSchedule: the schema exists.
            StoreError: as ``opened``.
        """
        with self.opened() as own:
            if own.execute(
                "SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,)
            ).fetchone():
                raise InvalidSchedule(
                    f"another race is running there, or was broken off: wait for it, "
                    f"or say DROP SCHEMA {SCHEMA} CASCADE"
                )
            own.execute(f"CREATE SCHEMA {SCHEMA}")
            try:
                own.execute(VIDEOS)
                own.execute(WRITES.format("BIGINT GENERATED ALWAYS AS IDENTITY"))
                yield own
            finally:
                own.execute(f"DROP SCHEMA {SCHEMA} CASCADE")

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Give a connection; what PostgreSQL says against it becomes a StoreError.

        Raises:
            StoreError: psycopg is not installed, or no server answers.
        """
        psycopg = _library()
        try:
            with psycopg.connect(self.where, **SETTINGS) as own:
                own.execute(f"SET search_path TO {SCHEMA}")
                own.execute("SET synchronous_commit TO off")
                yield own
        except psycopg.Error as error:
            raise StoreError(_said(error)) from None


def _library() -> Any:
    try:
        import psycopg
    except ImportError:
        raise StoreError(
            "a race on PostgreSQL needs psycopg: pip install 'esbench[postgres]'"
        ) from None
    return psycopg


def _said(error: Exception) -> str:
    """Return what a server said, in a line; without a code no server was reached."""
    why = " ".join(str(error).split())
    if getattr(error, "sqlstate", None) is None:
        return f"no PostgreSQL server answers: start it, or look at its name ({why})"
    return f"PostgreSQL said no: {why}"
