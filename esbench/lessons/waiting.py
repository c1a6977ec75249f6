"""Who has to wait: two writers and a reader on one SQLite database.

What lives here: one scene, played on real connections, in either of SQLite's two ways
of keeping a change safe; and the time that a commit takes beside a reader.
The guarantee: nothing is claimed; each line of the scene was tried on a database of
its own, by connections that have no patience, so whoever would wait is told so.
What it may not know: notebooks, logs.

A connection without patience gets "database is locked" at once where another would
wait: that makes the scene the same on every machine.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

JOURNALS = {"rollback journal": "delete", "WAL": "wal"}
WAITS = "has to wait"
HOLD = 0.25  # seconds for which the reader of the measurement goes on reading

_PRICE = "SELECT price FROM product"
_BEGIN = ("BEGIN IMMEDIATE", "UPDATE product SET price = 100")

# who, what is said of it, and the statements
_SCENE = (
    ("writer one", "changes the price", _BEGIN),
    ("writer two", "wants to change it, too", ("BEGIN IMMEDIATE",)),
    ("reader", "begins to read", ("BEGIN", _PRICE)),
    ("writer one", "commits", ("COMMIT",)),
    ("another reader", "wants to read", (_PRICE,)),
    ("reader", "ends", ("COMMIT",)),
    ("writer one", "commits, if not done yet", ("COMMIT",)),
    ("another reader", "reads again", (_PRICE,)),
)


@dataclass(frozen=True, kw_only=True, repr=False)
class Scene:
    """What happened to each of them, in each of the two ways.

    Attributes:
        lines: who, what, and what came of it by the name of the way.
    """

    lines: tuple[tuple[str, str, dict[str, str]], ...]

    def waits(self, way: str, who: str) -> bool:
        """Tell whether somebody ever had to wait."""
        return any(
            name == who and came[way].startswith(WAITS) for name, _, came in self.lines
        )

    def __repr__(self) -> str:
        """Give a line for each thing that somebody tried."""
        head = f"{'':<42}{'rollback journal':<18}WAL"
        rows = (
            f"{f'{who} {what}':<42}{came['rollback journal']:<18}{came['WAL']}"
            for who, what, came in self.lines
        )
        return "\n".join([head, *rows])

    def _repr_markdown_(self) -> str:
        rows = (
            f"| {who} {what} | {came['rollback journal']} | {came['WAL']} |"
            for who, what, came in self.lines
        )
        head = "| who does what | rollback journal | WAL |"
        return "\n".join([head, "|---|---|---|", *rows])


def tried() -> Scene:
    """Play the scene with a rollback journal and with a write-ahead log."""
    ways = {name: _played(mode) for name, mode in JOURNALS.items()}
    return Scene(
        lines=tuple(
            (who, what, {name: came[place] for name, came in ways.items()})
            for place, (who, what, _) in enumerate(_SCENE)
        )
    )


def _played(mode: str) -> list[str]:
    with _database(mode) as path:
        people = {who: _open(path) for who, _, _ in _SCENE}
        came = [_tried(people[who], statements) for who, _, statements in _SCENE]
        for connection in people.values():
            connection.close()
    return came


def _tried(connection: sqlite3.Connection, statements: tuple[str, ...]) -> str:
    """Run statements; say what came out, or that one would have had to wait."""
    if statements == ("COMMIT",) and not connection.in_transaction:
        return "is done already"
    row = None
    try:
        for statement in statements:
            row = connection.execute(statement).fetchone()
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        return WAITS
    return f"sees {row[0]}" if row else "goes on"


@contextmanager
def _database(mode: str) -> Iterator[Path]:
    """Give a database on disk with one product that costs 90."""
    with tempfile.TemporaryDirectory(prefix="esbench-") as folder:
        path = Path(folder) / "shop.db"
        with closing(_open(path)) as connection:
            connection.execute(f"PRAGMA journal_mode = {mode}")
            connection.execute("CREATE TABLE product (id TEXT PRIMARY KEY, price INT)")
            connection.execute("INSERT INTO product VALUES ('lamp', 90)")
        yield path


def _open(path: Path, patience: float = 0) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=patience, isolation_level=None, check_same_thread=False
    )


def commit_beside_reader(way: str) -> float:
    """Return the seconds that a commit takes while somebody reads for a moment.

    Args:
        way: "rollback journal" or "WAL".
    """
    with (
        _database(JOURNALS[way]) as path,
        closing(_open(path)) as reader,
        closing(_open(path, patience=60)) as writer,
    ):
        for statement in ("BEGIN", _PRICE):
            reader.execute(statement).fetchone()
        ends = Thread(target=_ends, args=(reader,))
        for statement in _BEGIN:
            writer.execute(statement)
        ends.start()
        began = time.perf_counter()
        writer.execute("COMMIT")
        took = time.perf_counter() - began
        ends.join()
    return took


def _ends(reader: sqlite3.Connection) -> None:
    time.sleep(HOLD)
    reader.execute("COMMIT")
