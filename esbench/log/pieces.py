"""Rows of consecutive positions, in memory or in a file: what a log is read from.

What lives here: ``Run``, small commits joined in memory, and ``Large``, a big commit
or a segment that is read from its file whenever it is needed.
The guarantee: a piece gives the rows of its positions and no others; a file that was
touched since it was verified is verified again before its rows are used.
What it may not know: which pieces make a log, how they got there.

A large file is sorted by aggregate and version. One aggregate is found through the
statistics of its row groups, which are kept; position order is made by sorting, a
million rows at a time.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING, Protocol

from esbench.errors import Corrupt
from esbench.log.codec import dtype
from esbench.log.file import Header, ends_of, opened
from esbench.log.schema import ENVELOPE, OPTIONAL
from esbench.log.store import Stamp, Store, refused

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

BLOCK = 8_192
SORTED_AT_ONCE = 1_000_000

_ENVELOPE = {**ENVELOPE, **OPTIONAL}
_NEWEST = ["aggregate_id", "position", "version"]

Bounds = tuple[str | None, str | None]


class Piece(Protocol):
    """Rows of consecutive positions, in memory or in a file.

    Attributes:
        first, last: the positions.
        occurred, recorded: smallest and largest time, in microseconds since 1970.
    """

    first: int
    last: int
    occurred: tuple[int, int]
    recorded: tuple[int, int]

    def lazy(self) -> pl.LazyFrame:
        """Return all rows, in no promised order."""

    def rows(self, aggregate_id: str) -> pl.DataFrame:
        """Return the rows of one aggregate, in position order.

        Columns that events of their types can't have may be absent.
        """

    def between(self, first: int, last: int) -> pl.DataFrame:
        """Return the rows of these positions, in their order."""


def ordered(piece: Piece, after: int, last: int) -> Iterator[pl.DataFrame]:
    """Yield the rows behind ``after`` and up to ``last`` in position order.

    A bounded number of rows is held at a time.
    """
    first, end = max(piece.first, after + 1), min(piece.last, last)
    for start in range(first, end + 1, SORTED_AT_ONCE):
        stop = min(start + SORTED_AT_ONCE - 1, end)
        rows = piece.between(start, stop)
        if isinstance(piece, Large) and (reason := piece.problem(rows, start, stop)):
            raise Corrupt(piece.header.name, reason)
        yield rows


class Run:
    """Small commits, one after another, joined in memory; full at ``BLOCK`` rows."""

    def __init__(self, header: Header) -> None:
        self._waiting: list[pa.Table] = []
        self._frame: pl.DataFrame | None = None
        self._places: dict[str, list[int]] = defaultdict(list)
        self._placed = 0
        self._lock = RLock()
        self.first, self.last = header.first, header.first - 1
        self.occurred = header.occurred
        self.recorded = header.recorded

    @property
    def is_full(self) -> bool:
        """Whether the next commit should start a run of its own."""
        return self.last - self.first >= BLOCK

    def add(self, header: Header, rows: pa.Table) -> None:
        """Take the rows of one more commit."""
        with self._lock:
            self._waiting.append(rows)
            self.last = header.last
            self.occurred = (
                min(self.occurred[0], header.occurred[0]),
                max(self.occurred[1], header.occurred[1]),
            )
            self.recorded = self.recorded[0], header.recorded[1]

    def frame(self) -> pl.DataFrame:
        """Return all rows in position order."""
        import polars as pl

        with self._lock:
            if self._waiting:
                parts = [] if self._frame is None else [self._frame]
                parts += map(in_order, self._joined())
                self._frame = pl.concat(parts, how="diagonal", rechunk=True)
                self._waiting = []
            assert self._frame is not None, "a run is made for its first commit"
            return self._frame

    def newest(self, behind: int) -> Iterator[tuple[str, int, int]]:
        """Yield aggregate, position and version of the rows behind a position.

        Rows that have not been joined yet are read as they are: joining starts all
        threads of this process, which is much for an event or two.
        """
        new, start = [], self.last
        with self._lock:
            for table in reversed(self._waiting):
                if start > behind:
                    new.append(table)
                    start -= len(table)
        if start > behind:
            yield from self.between(behind + 1, start)[_NEWEST].iter_rows()
        for table in reversed(new):
            columns = [table.column(name).to_pylist() for name in _NEWEST]
            yield from zip(*columns, strict=True)

    def _joined(self) -> Iterator[pa.Table]:
        """Yield the waiting tables, those of one shape as one."""
        import pyarrow as pa

        shape: pa.Schema = None
        alike: list[pa.Table] = []
        for table in self._waiting:
            if alike and table.schema != shape:
                yield pa.concat_tables(alike)
                alike = []
            shape = table.schema
            alike.append(table)
        yield pa.concat_tables(alike)

    def lazy(self) -> pl.LazyFrame:
        """Return all rows."""
        return self.frame().lazy()

    def between(self, first: int, last: int) -> pl.DataFrame:
        """Return the rows of these positions, in their order."""
        start = max(first - self.first, 0)
        return self.frame()[start : max(last + 1 - self.first, start)]

    def rows(self, aggregate_id: str) -> pl.DataFrame:
        """Return the rows of one aggregate, in position order."""
        with self._lock:
            frame = self.frame()
            new = frame.get_column("aggregate_id")[self._placed :].to_list()
            for place, key in enumerate(new, start=self._placed):
                self._places[key].append(place)
            self._placed = frame.height
            return frame[self._places.get(aggregate_id, [])]


class Large:
    """A large commit or a segment, read from its file whenever it is needed."""

    def __init__(
        self, store: Store, stamp: Stamp, header: Header, parquet: pq.ParquetFile
    ) -> None:
        self._store, self._stamp = store, stamp
        self._lock = RLock()
        self._metadata = parquet.metadata
        self._groups: list[Bounds] | None = None
        self._file: pq.ParquetFile | None = None
        self.header = header
        self.first, self.last = header.first, header.last
        self.occurred, self.recorded = header.occurred, header.recorded
        self.columns = tuple(parquet.schema_arrow.names)

    def ends(self) -> list[int]:
        """Return the last position of each commit in it."""
        return ends_of(self.header, self._metadata)

    def spans(self) -> list[tuple[str, int]]:
        """Return the largest aggregate and the number of rows of each row group."""
        counts = range(self._metadata.num_row_groups)
        return [
            (most, self._metadata.row_group(number).num_rows)
            for number, (_, most) in zip(counts, self._bounds(), strict=True)
            if most is not None
        ]

    def is_gone(self) -> bool:
        """Whether the file is not there any more."""
        try:
            self._store.stamp(self.header.name)
        except FileNotFoundError:
            return True
        return False

    def path(self) -> str:
        """Return where the file is; verify it again if it was touched.

        Raises:
            Corrupt: it was changed, or has vanished.
        """
        name = self.header.name
        try:
            stamp = self._store.stamp(name)
            if stamp != self._stamp:
                data = self._store.read(name)
                header, parquet = opened(name, data, self.header.log_id)
                if header != self.header:
                    raise Corrupt(name, "it was replaced by another file")
                self._stamp, self._file, self._groups = stamp, None, None
                self._metadata = parquet.metadata
            return self._store.path(name)
        except FileNotFoundError:
            raise Corrupt(name, "it has vanished") from None

    def lazy(self) -> pl.LazyFrame:
        """Return all rows."""
        return scan_files([self])

    def between(self, first: int, last: int) -> pl.DataFrame:
        """Return the rows of these positions, in their order."""
        import polars as pl

        rows = self.lazy()
        if first > self.first or last < self.last:
            rows = rows.filter(pl.col("position").is_between(first, last))
        with readable(self.header.name):
            return rows.sort("position").collect()

    def problem(self, rows: pl.DataFrame, first: int, last: int) -> str | None:
        """Return what is wrong with what should be the rows of these positions.

        Args:
            rows: sorted by position.
            first: the first position.
            last: the last position.
        """
        for name in ENVELOPE:
            if rows.get_column(name).null_count():
                return f"its column {name} has holes: it was edited"
        if not is_dense(rows, first, last):
            return "its positions are not those of its name"
        for name, (least, most) in (
            ("occurred_at", self.occurred),
            ("recorded_at", self.recorded),
        ):
            if not rows.get_column(name).to_physical().is_between(least, most).all():
                return f"its {name} are not those of its header"
        return None

    def disorder(self) -> str | None:
        """Return what would lead a search for one aggregate astray."""
        before: tuple[str, int] = ("", 0)
        for group, (least, most) in enumerate(self._bounds()):
            with readable(self.header.name):
                keys = _frame(_plain(self._read(group, ["aggregate_id", "version"])))
            first, last = keys.row(0), keys.row(-1)
            if first <= before or not keys.select(_rising()).item():
                return "its rows are not sorted: it was edited"
            if (least or first[0]) > first[0] or (most or last[0]) < last[0]:
                return "it tells of other aggregates than it holds: it was edited"
            before = last
        return None

    def rows(self, aggregate_id: str) -> pl.DataFrame:
        """Return the rows of one aggregate, in position order."""
        import polars as pl

        with self._lock, readable(self.header.name):
            parts = [
                self._of(aggregate_id, group)
                for group in self._candidates(aggregate_id)
            ]
        found = [part for part in parts if part is not None]
        if not found:
            return self._nothing()
        return found[0] if len(found) == 1 else pl.concat(found, how="diagonal")

    def last_version(self, aggregate_id: str) -> int:
        """Return the last version of an aggregate here; 0 when it has no events."""
        with self._lock, readable(self.header.name):
            for group in reversed(self._candidates(aggregate_id)):
                start, end = self._span(aggregate_id, group)
                if start < end:
                    column = self._read(group, ["version"]).column(0)
                    return int(column[end - 1].as_py())
        return 0

    def _of(self, aggregate_id: str, group: int) -> pl.DataFrame | None:
        """Return the rows of an aggregate in a row group; None if there are none."""
        import polars as pl
        import pyarrow as pa

        start, end = self._span(aggregate_id, group)
        if start == end:
            return None
        common = [
            name
            for name in self.columns
            if name in _ENVELOPE and name != "aggregate_id"
        ]
        rows = _plain(self._read(group, common).slice(start, end - start))
        if fields := self._fields_of(rows.column("type").unique().to_pylist()):
            more = self._read(group, fields).slice(start, end - start)
            rows = pa.table({**_columns(rows), **_columns(more)})
        frame = _frame(rows)
        key = pl.Series("aggregate_id", [aggregate_id], pl.String)
        return frame.hstack([key.new_from_index(0, frame.height)])

    def _fields_of(self, types: Sequence[str]) -> list[str]:
        """Return the columns in which events of these types can have something."""
        records = self.header.schema.types
        if not records.keys() >= set(types):
            return [name for name in self.columns if name not in _ENVELOPE]
        used = {field.name for name in types for field in records[name].fields}
        return [name for name in self.columns if name in used]

    def _span(self, aggregate_id: str, group: int) -> tuple[int, int]:
        """Return where the rows of an aggregate begin and end in a row group."""
        keys = self._read(group, ["aggregate_id"]).column(0)
        if keys.null_count:
            raise Corrupt(
                self.header.name, "its column aggregate_id has holes: it was edited"
            )
        places = range(len(keys))
        start = bisect_left(places, aggregate_id, key=lambda at: keys[at].as_py())
        end = bisect_right(places, aggregate_id, start, key=lambda at: keys[at].as_py())
        return start, end

    def _nothing(self) -> pl.DataFrame:
        return _frame(_plain(self._open().schema_arrow.empty_table()))

    def _read(self, group: int, columns: list[str]) -> pa.Table:
        return self._open().read_row_group(group, columns=columns, use_threads=False)

    def _open(self) -> pq.ParquetFile:
        import pyarrow.parquet as pq

        path = self.path()
        if self._file is None:
            self._file = pq.ParquetFile(
                path,
                metadata=self._metadata,
                pre_buffer=False,
                read_dictionary=self._repeating(),
            )
        return self._file

    def _repeating(self) -> list[str]:
        """Return the columns to be read with each text made once."""
        group = self._metadata.row_group(0)
        chunks = [group.column(place) for place in range(group.num_columns)]
        there = {c.path_in_schema for c in chunks if c.has_dictionary_page}
        return sorted(there & {"aggregate_id", "type"})

    def _candidates(self, aggregate_id: str) -> Sequence[int]:
        """Return the row groups that may hold rows of an aggregate."""
        return [
            number
            for number, (least, most) in enumerate(self._bounds())
            if (least is None or least <= aggregate_id)
            and (most is None or aggregate_id <= most)
        ]

    def _bounds(self) -> Sequence[Bounds]:
        if self._groups is None:
            with readable(self.header.name):
                self._groups = list(_bounds(self._metadata))
        return self._groups


def cuts(pieces: Iterable[Piece], rows: int) -> list[str]:
    """Return the aggregates at which to cut pieces into shares of about ``rows``.

    A share holds what lies behind one cut and up to the next, that one included.
    """
    files = [piece for piece in pieces if isinstance(piece, Large)]
    found: list[str] = []
    count = 0
    for most, more in sorted(chain.from_iterable(file.spans() for file in files)):
        count += more
        if count >= rows:
            if not found or most > found[-1]:
                found.append(most)
            count = 0
    return found


def _plain(rows: pa.Table) -> pa.Table:
    """Return rows without dictionaries."""
    import pyarrow as pa

    kinds = {
        field.name: field.type.value_type
        for field in rows.schema
        if pa.types.is_dictionary(field.type)
    }
    return pa.table(
        {
            name: column.cast(kinds[name]) if name in kinds else column
            for name, column in _columns(rows).items()
        }
    )


def _columns(rows: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(rows.column_names, rows.columns, strict=True))


def _rising() -> pl.Expr:
    """Return whether rows are sorted by aggregate and version."""
    import polars as pl

    key, version = pl.col("aggregate_id"), pl.col("version")
    rises = (key > key.shift()) | ((key == key.shift()) & (version > version.shift()))
    return rises.fill_null(value=True).all()


def _bounds(metadata: pq.FileMetaData) -> Iterator[Bounds]:
    """Yield the smallest and largest aggregate of each row group, None if unknown."""
    names = [metadata.schema.column(i).name for i in range(metadata.num_columns)]
    place = names.index("aggregate_id")
    for number in range(metadata.num_row_groups):
        known = metadata.row_group(number).column(place).statistics
        if known is None or not known.has_min_max:
            yield None, None
        else:
            yield known.min, known.max


@contextlib.contextmanager
def readable(name: str) -> Iterator[None]:
    """Turn what Arrow and polars say of a file into an error that names it."""
    import polars as pl
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise Corrupt(name, "it has vanished") from None
    except (
        pa.ArrowException,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
        UnicodeDecodeError,
    ) as error:
        raise Corrupt(name, f"its rows can't be read ({error})") from None
    except OSError as error:
        if error.errno:  # the disk's own
            raise refused("read", name, error) from error
        raise Corrupt(name, f"its rows can't be read ({error})") from None


def is_dense(rows: pl.DataFrame, first: int, last: int) -> bool:
    """Tell whether rows are those of these positions, each once and in order."""
    import polars as pl

    wanted = pl.Series("position", range(first, last + 1), dtype=pl.Int64)
    return rows.get_column("position").equals(wanted)


def _frame(table: pa.Table) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(table)


def in_order(table: pa.Table) -> pl.DataFrame:
    """Return the rows of a file in position order."""
    frame = _frame(table)
    positions = frame.get_column("position")
    return frame if positions.is_sorted() else frame.sort("position")


def scan_files(files: Sequence[Large]) -> pl.LazyFrame:
    """Return all rows of files that have the same columns."""
    import polars as pl

    return pl.scan_parquet([file.path() for file in files], glob=False)


def completed(rows: pl.LazyFrame, columns: Mapping[str, str]) -> pl.LazyFrame:
    """Return the rows with exactly these columns, in this order."""
    import polars as pl

    there = set(rows.collect_schema().names())
    return rows.select(
        pl.col(name) if name in there else pl.lit(None, dtype(kind)).alias(name)
        for name, kind in columns.items()
    )
