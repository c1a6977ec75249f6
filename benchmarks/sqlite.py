"""eventsourcing on SQLite: the peer for writing, and for reading one aggregate.

What lives here: the library at the level of its ``EventStore``: domain events go
through its own mapper and JSON transcoder into its own application recorder, which
gives every event a place in the whole, as a log does. Applications and aggregates
above that level are left out: they would add work that esbench is not asked to do.
The guarantee: it is as durable as the log. Each connection is checked to be in WAL
mode with ``synchronous=FULL``, so that a commit that has returned is on the disk.
What it may not know: esbench.

Its events hold what the bank's events hold, both times included: ``timestamp``, the
library's own name, is when it was recorded.
"""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import NotInstalled, require_equal

if TYPE_CHECKING:
    import polars as pl

PATIENCE = 60  # seconds that a writer waits for its turn
BATCH = 100_000
NAUGHT = Decimal("0.00")
Row = tuple[str, int, str, bytes]


@dataclass(frozen=True)
class BankEvent:
    """What all events of an account have."""

    originator_id: str
    originator_version: int
    timestamp: datetime
    occurred_at: datetime


@dataclass(frozen=True)
class AccountOpened(BankEvent):
    """An account begins."""

    owner: str
    initial_balance: Decimal


@dataclass(frozen=True)
class MoneyDeposited(BankEvent):
    """Money came in."""

    amount: Decimal
    transaction_id: str


@dataclass(frozen=True)
class MoneyWithdrawn(BankEvent):
    """Money went out."""

    amount: Decimal
    transaction_id: str


@dataclass(frozen=True)
class TransactionReversed(BankEvent):
    """A transaction was undone."""

    amount: Decimal
    transaction_id: str
    reverses: str


CLASSES = {
    cls.__name__: cls
    for cls in (AccountOpened, MoneyDeposited, MoneyWithdrawn, TransactionReversed)
}


def module(name: str) -> Any:
    """Return a module of a peer.

    Raises:
        NotInstalled: it is not there.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        peer = name.partition(".")[0]
        raise NotInstalled(f"{peer} is not installed (extra bench)") from error


class EventSourcing:
    """One database.

    Args:
        path: its file, made if it is absent.

    Raises:
        NotInstalled: the library is not there.
    """

    def __init__(self, path: Path) -> None:
        persistence, own = module("eventsourcing.persistence"), _own()
        self.path = path
        self.datastore = own.SQLiteDatastore(
            str(path),
            lock_timeout=PATIENCE,
            pool_timeout=PATIENCE,
            pool_size=32,
            originator_id_type="text",
        )
        _make_durable(self.datastore.pool)
        self.recorder = own.SQLiteApplicationRecorder(self.datastore)
        self.recorder.create_table()
        self.mapper = persistence.Mapper(_transcoder(persistence))
        self.store = persistence.EventStore(self.mapper, self.recorder)

    def put(self, events: Sequence[BankEvent]) -> int:
        """Store events, all or none, durably; return the last one's version."""
        self.store.put(events)
        return events[-1].originator_version

    def balance(self, account: str) -> Decimal:
        """Return the balance of one account, replayed from its events."""
        balance = NAUGHT
        for event in self.store.get(account):
            balance += moved(event)
        return balance

    def balances(self) -> dict[str, Decimal]:
        """Return every account's balance, replayed from all events in order."""
        balances: dict[str, Decimal] = {}
        for event in self.everything():
            before = balances.get(event.originator_id, NAUGHT)
            balances[event.originator_id] = before + moved(event)
        return balances

    def everything(self) -> Iterator[Any]:
        """Yield all events in the order in which they were stored."""
        start, read = 1, self.recorder.select_notifications
        while rows := read(start, BATCH):
            yield from map(self.mapper.to_domain_event, rows)
            start = rows[-1].id + 1

    def count(self) -> int:
        """Return how many events there are."""
        return int(self.recorder.max_notification_id() or 0)

    def close(self) -> None:
        """Close all connections; what is in the WAL goes into the database."""
        self.datastore.close()


def _own() -> Any:
    return module("eventsourcing.sqlite")


def _transcoder(persistence: Any) -> Any:
    """Return the library's JSON transcoder, for decimals and times."""
    transcoder = persistence.JSONTranscoder()
    transcoder.register(persistence.DecimalAsStr())
    transcoder.register(persistence.DatetimeAsISO())
    return transcoder


def _make_durable(pool: Any) -> None:
    """Let every connection of the pool sync each commit, and check that it does.

    The library sets WAL by itself and leaves ``synchronous`` as SQLite was built.
    """
    create = pool._create_connection

    def durable() -> Any:
        connection = create()
        own = connection._sqlite_conn
        own.execute("PRAGMA synchronous=FULL")
        mode = own.execute("PRAGMA journal_mode").fetchone()[0]
        level = own.execute("PRAGMA synchronous").fetchone()[0]
        require_equal({"wanted": ("wal", 2), "SQLite": (mode, level)})
        return connection

    pool._create_connection = durable


def moved(event: Any) -> Decimal:
    """Return what an event adds to the balance."""
    match event:
        case MoneyWithdrawn():
            return Decimal(-event.amount)
        case AccountOpened():
            return Decimal(event.initial_balance)
    return Decimal(event.amount)


def deposit(account: str, version: int, amount: Decimal, name: str) -> MoneyDeposited:
    """Return a deposit that happens now."""
    now = datetime.now(UTC)
    return MoneyDeposited(
        originator_id=account,
        originator_version=version,
        timestamp=now,
        occurred_at=now,
        amount=amount,
        transaction_id=name,
    )


# --- a whole database at once ----------------------------------------------------


def domain_events(frame: pl.DataFrame) -> list[BankEvent]:
    """Return traffic as domain events, versions counted from 1 within the frame."""
    return [
        CLASSES[row["type"]](**_values(row)) for row in _versioned(frame).to_dicts()
    ]


def _versioned(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    version = pl.int_range(1, pl.len() + 1).over("aggregate_id").alias("version")
    return frame.with_columns(version)


def _values(row: dict[str, Any]) -> dict[str, Any]:
    names = CLASSES[row["type"]].__dataclass_fields__
    given = {
        "originator_id": row["aggregate_id"],
        "originator_version": row["version"],
        "timestamp": row["recorded_at"],
    }
    return {name: given.get(name, row.get(name)) for name in names}


def build(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    """Make a database with the rows of ``frames``, byte for byte as the library does.

    Its own door takes a minute for five million events, so the rows are written to
    its table directly. The first thousand are held against what its mapper makes.
    """
    peer = EventSourcing(path)
    peer.close()
    versions: dict[str, int] = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for faster in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000"):
            connection.execute(f"PRAGMA {faster}")
        for number, frame in enumerate(frames):
            rows = _stored(frame, versions)
            if number == 0:
                _check_stored(peer, frame.head(1_000), rows)
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO stored_events VALUES (?,?,?,?)", rows)
            connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")


def _check_stored(peer: EventSourcing, frame: pl.DataFrame, rows: list[Row]) -> None:
    made = map(peer.mapper.to_stored_event, domain_events(frame))
    wanted = [
        (event.originator_id, event.originator_version, event.topic, event.state)
        for event in made
    ]
    require_equal({"the mapper": wanted, "what is stored": rows[: len(wanted)]})


def _stored(frame: pl.DataFrame, versions: dict[str, int]) -> list[Row]:
    """Return the table's rows; ``versions`` holds what came before, and grows."""
    import polars as pl

    topic = pl.lit(f"{__name__}:") + pl.col("type")
    columns = _versioned(frame).select("aggregate_id", "version", topic, _state())
    rows = []
    for key, _, kind, state in columns.iter_rows():
        version = versions.get(key, 0) + 1
        versions[key] = version
        rows.append((key, version, kind, state.encode()))
    return rows


def _state() -> pl.Expr:
    """Return the JSON text that the library's transcoder would write."""
    import polars as pl

    parts = [
        _tagged("timestamp", "datetime_iso", _iso("recorded_at")),
        _tagged("occurred_at", "datetime_iso", _iso("occurred_at")),
        _quoted("owner"),
        _tagged("initial_balance", "decimal_str", _text("initial_balance")),
        _tagged("amount", "decimal_str", _text("amount")),
        _quoted("transaction_id"),
        _quoted("reverses"),
    ]
    joined = pl.concat_str(parts, separator=",", ignore_nulls=True)
    return (pl.lit("{") + joined + pl.lit("}")).alias("state")


def _text(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name).cast(pl.String)


def _iso(name: str) -> pl.Expr:
    """Return a time as Python's ``isoformat`` writes it, in UTC."""
    import polars as pl

    whole = pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    fine = pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
    return pl.when(pl.col(name).dt.microsecond() == 0).then(whole).otherwise(fine)


def _tagged(name: str, kind: str, text: pl.Expr) -> pl.Expr:
    import polars as pl

    start = f'"{name}":{{"_type_":"{kind}","_data_":"'
    return pl.lit(start) + text + pl.lit('"}')


def _quoted(name: str) -> pl.Expr:
    import polars as pl

    return pl.lit(f'"{name}":"') + pl.col(name) + pl.lit('"')
