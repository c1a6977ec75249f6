"""What one process has seen of a log: verified commits, in order, and their rows.

What lives here: catching up with the files, and the rows of what was found.
The guarantee: a view is a gapless prefix of the log whose every file was verified
when it was first read; it only grows. What it shows outside (``look``) survives a
crash, whoever wrote it.
What it may not know: how commits are decided and written, pasts, projections.

How a view catches up. The first time it lists ``events/`` and opens every commit in
the order of their positions. A listing is no snapshot, so a gap means "list again";
only a gap that stays is corruption. Later the next commit can only be called
``<head + 1>``, so looking for that one name is enough. ``segments/`` is listed last:
a commit is only real if no segment took its place.

Commits of up to a thousand events stay in memory, joined into runs; larger ones are
read from their files each time.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from esbench.errors import Corrupt, NotALog
from esbench.event import Registry
from esbench.log.chain import genesis
from esbench.log.file import (
    SMALL,
    Header,
    commit_name,
    is_commit_name,
    opened,
    rows_in,
)
from esbench.log.schema import Schema
from esbench.log.store import Stamp, Store

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

LOOKS = 6
PAUSE = 0.02
BLOCK = 8_192


class Head(Struct, frozen=True):
    """The end of a log: a position, and the chain that stands for all up to it.

    Kept elsewhere, it proves later that nothing before it was changed or cut off.
    Its text form is ``<position>:<chain>``.
    """

    position: int
    chain: str

    def __str__(self) -> str:
        """Return ``<position>:<chain>``."""
        return f"{self.position}:{self.chain}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Return the head that ``str`` wrote, or raise ``ValueError``."""
        position, _, chain = text.strip().partition(":")
        if not position.isdigit() or len(chain) != 64:
            raise ValueError(f"{text!r} is no head: it looks like 3:5f2c…, 64 digits")
        return cls(int(position), chain)


class Piece(Protocol):
    """Rows of consecutive positions, in memory or in a file."""

    last: int

    def lazy(self) -> pl.LazyFrame:
        """Return all rows, in no promised order."""

    def rows(self, aggregate_id: str) -> pl.DataFrame:
        """Return the rows of one aggregate, in position order."""

    def after(self, position: int) -> pl.LazyFrame:
        """Return the rows behind ``position``, in no promised order."""

    def ordered(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in position order, a bounded number at a time."""


class Run:
    """Small commits, one after another, joined in memory; full at ``BLOCK`` rows."""

    def __init__(self) -> None:
        self._waiting: list[pa.Table] = []
        self._frame: pl.DataFrame | None = None
        self._places: dict[str, list[int]] = defaultdict(list)
        self._placed = 0
        self._lock = RLock()
        self._count = 0
        self.last = 0

    @property
    def is_full(self) -> bool:
        """Whether the next commit should start a run of its own."""
        return self._count >= BLOCK

    def add(self, table: pa.Table, last: int) -> None:
        """Take the rows of one more commit, whose last position is ``last``."""
        with self._lock:
            self._waiting.append(table)
            self._count += len(table)
            self.last = last

    def frame(self) -> pl.DataFrame:
        """Return all rows in position order."""
        import polars as pl

        with self._lock:
            if self._waiting:
                parts = [] if self._frame is None else [self._frame]
                parts += map(_frame, self._joined())
                self._frame = pl.concat(parts, how="diagonal", rechunk=True)
                self._waiting = []
            assert self._frame is not None, "a run is made for its first commit"
            return self._frame

    def _joined(self) -> Iterator[pa.Table]:
        """Yield the waiting tables, those of one shape as one."""
        import pyarrow as pa

        shapes: dict[Any, list[pa.Table]] = defaultdict(list)
        for table in self._waiting:
            if shapes and table.schema not in shapes:
                yield from map(pa.concat_tables, shapes.values())
                shapes.clear()
            shapes[table.schema].append(table)
        yield from map(pa.concat_tables, shapes.values())

    def lazy(self) -> pl.LazyFrame:
        """Return all rows."""
        return self.frame().lazy()

    def after(self, position: int) -> pl.LazyFrame:
        """Return the rows behind ``position``."""
        frame = self.frame()
        behind = frame.item(-1, "position") - position
        return frame.tail(behind).lazy() if behind < frame.height else frame.lazy()

    def rows(self, aggregate_id: str) -> pl.DataFrame:
        """Return the rows of one aggregate, in position order."""
        with self._lock:
            frame = self.frame()
            new = frame.get_column("aggregate_id")[self._placed :].to_list()
            for place, key in enumerate(new, start=self._placed):
                self._places[key].append(place)
            self._placed = frame.height
            return frame[self._places.get(aggregate_id, [])]

    def ordered(self) -> Iterator[pl.DataFrame]:
        """Yield all rows at once."""
        return iter([self.frame()])


class Large:
    """A large commit, read from its file whenever it is needed."""

    def __init__(self, store: Store, name: str, stamp: Stamp, header: Header) -> None:
        self._store, self._name, self._stamp = store, name, stamp
        self._log_id = header.log_id
        self.last = header.last

    def _checked(self) -> str:
        """Return the file's address; verify it again if it was touched."""
        try:
            stamp = self._store.stamp(self._name)
            if stamp != self._stamp:
                opened(self._name, self._store.read(self._name), self._log_id)
                self._stamp = stamp
        except FileNotFoundError:
            raise Corrupt(self._name, "it has vanished") from None
        return self._store.url(self._name)

    def lazy(self) -> pl.LazyFrame:
        """Return all rows."""
        import polars as pl

        return pl.scan_parquet(self._checked(), glob=False)

    def after(self, position: int) -> pl.LazyFrame:
        """Return the rows behind ``position``."""
        import polars as pl

        return self.lazy().filter(pl.col("position") > position)

    def rows(self, aggregate_id: str) -> pl.DataFrame:
        """Return the rows of one aggregate, in position order."""
        import polars as pl

        mine = pl.col("aggregate_id") == aggregate_id
        return self.lazy().filter(mine).sort("position").collect()

    def ordered(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in position order, a row group at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._checked()) as file:
            for batch in file.iter_batches():
                yield _frame(pa.Table.from_batches([batch]))


def _frame(table: pa.Table) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(table)


class Found(Struct, frozen=True):
    """One verified commit: its name and header."""

    name: str
    header: Header


class Look(Struct, frozen=True):
    """What one look at a log gave; it stays true whatever is appended later.

    Attributes:
        pieces: the rows; the last piece may grow behind ``head``.
        schema: the event types that the log knows and that the program declares.
        head: the end of the log.
    """

    pieces: tuple[Piece, ...]
    schema: Schema
    head: Head


class View:
    """A gapless, verified prefix of a log, which grows by ``catch_up``.

    Args:
        store: where the files are.
        log_id: the log that they must belong to.
        registry: the event types that the program declares.
    """

    def __init__(self, store: Store, log_id: str, registry: Registry) -> None:
        self.head = Head(0, genesis(log_id))
        self.commits: list[Found] = []
        self.pieces: list[Piece] = []
        self.recorded = -(2**62)
        self.imported = False
        self._store = store
        self._log_id = log_id
        self._registry = registry
        self._written = Schema()
        self._schema: Schema | None = None
        self._listed = False
        self._unsynced = False
        self._versions: dict[str, int] = {}
        self._counted = 0
        self._ids: dict[str, tuple[int, dict[str, int]]] = {}

    @property
    def is_cold(self) -> bool:
        """Whether the files were never listed."""
        return not self._listed

    @property
    def schema(self) -> Schema:
        """The event types that the log knows, with those the program declares.

        Raises:
            DefinitionConflict: a newer program has written what this one can't read.
        """
        if self._schema is None:
            self._schema = self._written.grown(self._registry)
        return self._schema

    def look(self) -> Look:
        """Return all that is there now, once no crash can take it back."""
        self.catch_up()
        self.settle()
        return Look(tuple(self.pieces), self.schema, self.head)

    def catch_up(self) -> bool:
        """Take in every commit that is there now; tell whether any was new.

        Raises:
            Corrupt: a file that this needs is damaged, missing, swapped or foreign.
        """
        before = self.head.position
        if not self._listed:
            self._list()
        while self._take(commit_name(self.head.position + 1)):
            pass
        self.look_at_segments()
        return self.head.position > before

    def _list(self) -> None:
        """Open all commits; list again while there is a gap, but not for ever."""
        for look in range(LOOKS):
            firsts = sorted(
                int(name[:20])
                for name in self._store.list("events")
                if is_commit_name(name)
            )
            if self._walk(firsts):
                self._listed = True
                return
            time.sleep(PAUSE * look)
        missing = self.head.position + 1
        if missing in firsts:
            raise Corrupt(commit_name(missing), "it is listed, and can't be opened")
        beyond = next(first for first in firsts if first > missing)
        raise Corrupt(
            commit_name(missing),
            f"missing: no file holds the positions {missing} to {beyond - 1}",
        )

    def _walk(self, firsts: list[int]) -> bool:
        """Take the commits that start at ``firsts``; False at a gap."""
        known = {found.header.first for found in self.commits}
        for first in firsts:
            if first in known:
                continue
            if first <= self.head.position:
                raise Corrupt(
                    commit_name(first),
                    f"it starts inside the commit before it, which ends at "
                    f"{self.head.position}: it does not belong here",
                )
            if first > self.head.position + 1 or not self._take(commit_name(first)):
                return False
        return True

    def _take(self, name: str) -> bool:
        """Take in the commit that follows the head; False when it is not there."""
        try:
            stamp = self._store.stamp(name)
            data = self._store.read(name)
        except FileNotFoundError:
            return False
        header, parquet = opened(name, data, self._log_id)
        self._check_place(name, header)
        self._unsynced = True
        if len(header) > SMALL:
            self._hold(name, header, Large(self._store, name, stamp, header))
        else:
            self._hold(name, header, rows_in(name, parquet))
        return True

    def _check_place(self, name: str, header: Header) -> None:
        if header.previous != self.head.chain:
            raise Corrupt(name, "it does not follow the commit before it")
        if header.recorded[0] < self.recorded:
            raise Corrupt(name, "it was recorded before the commit before it")

    def _hold(self, name: str, header: Header, rows: pa.Table | Large) -> None:
        if isinstance(rows, Large):
            self.pieces.append(rows)
        else:
            self._run().add(rows, header.last)
        self.commits.append(Found(name, header))
        self.head = Head(header.last, header.chain)
        joined = self._written.joined(header.schema)
        if joined != self._written:
            self._written, self._schema = joined, None
        self.recorded = header.recorded[1]
        self.imported = header.clock == "imported"

    def _run(self) -> Run:
        """Return the run that takes the next small commit."""
        last = self.pieces[-1] if self.pieces else None
        if not isinstance(last, Run) or last.is_full:
            last = Run()
            self.pieces.append(last)
        return last

    def add_own(self, name: str, header: Header, table: pa.Table) -> None:
        """Take in a commit that this process has just written and synced."""
        rows: pa.Table | Large = table
        if len(header) > SMALL:
            stamp = self._store.stamp(name)
            rows = Large(self._store, name, stamp, header)
        self._hold(name, header, rows)

    def look_at_segments(self) -> None:
        """Refuse merged segments: no other commit may have taken a place meanwhile."""
        refuse_segments(self._store)

    def settle(self) -> None:
        """Make the names that others made survive a crash, if any are new."""
        if self._unsynced:
            self._store.sync("events")
            self._unsynced = False

    def version_of(self, aggregate_id: str) -> int:
        """Return the last version of an aggregate; 0 when it has no events."""
        return self.versions().get(aggregate_id, 0)

    def versions(self) -> dict[str, int]:
        """Return the last version of every aggregate."""
        import polars as pl

        last = pl.col("version").max()
        for piece in self.behind(self._counted):
            frame = piece.after(self._counted).group_by("aggregate_id").agg(last)
            self._versions.update(frame.collect().iter_rows())
        self._counted = self.head.position
        return self._versions

    def note_versions(self, versions: dict[str, int]) -> None:
        """Take over the versions of a commit of one's own, all counted before it."""
        self._versions.update(versions)
        self._counted = self.head.position

    def ids_of(self, aggregate_id: str) -> dict[str, int]:
        """Return the position of each event id that was given for an aggregate."""
        if "event_id" not in self.schema.optional:
            return {}
        seen, ids = self._ids.get(aggregate_id, (0, {}))
        for piece in self.behind(seen):
            frame = piece.rows(aggregate_id)
            if "event_id" in frame.columns:
                given = frame.select("event_id", "position").drop_nulls()
                ids.update(given.iter_rows())
        self._ids[aggregate_id] = (self.head.position, ids)
        return ids

    def behind(self, position: int) -> list[Piece]:
        """Return the pieces that hold something behind ``position``."""
        return [piece for piece in self.pieces if piece.last > position]

    def between(self, first: int, last: int) -> pl.DataFrame:
        """Return the rows of the positions ``first`` to ``last``, in order."""
        import polars as pl

        wanted = pl.col("position") <= last
        rows = [
            piece.after(first - 1).filter(wanted) for piece in self.behind(first - 1)
        ]
        return pl.concat(rows, how="diagonal").sort("position").collect()


def refuse_segments(store: Store) -> None:
    """Refuse merged segments: this version writes none and reads none."""
    if store.list("segments"):
        raise NotALog(
            "the log holds merged segments, which only a newer esbench reads: "
            "use that one"
        )
