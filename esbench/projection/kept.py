"""One snapshot as a file: every key's partial state, and what proves that it fits.

What lives here: the name, the header, the sealing and the opening of a snapshot.
The guarantee: rows come only out of bytes that match their digest; whatever is wrong
with a file is told in ``problem`` and never raised, since a snapshot can be done
without. What is in a file is data: nothing of it is run, and what it claims is held
against its bytes before a row group is decoded.
What it may not know: projections, events, which snapshot is the right one.

The rows are sorted by key, in groups of about 16,000, so that one key is found by
reading one group. A decimal that fits into 18 digits is stored so, as an integer.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from esbench.errors import Corrupt, DefinitionConflict, EsbenchError
from esbench.log.claims import HEADER, THRIFT
from esbench.log.footer import FOOTER, read_footer
from esbench.log.pages import check_pages
from esbench.log.sealed import ROW_GROUP, Sealer, check_digest
from esbench.log.store import Stamp, Store, opened_file
from esbench.log.thrift import Thrift, begun_text

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

T = TypeVar("T")

FORMAT = 1
FOLDER = "snapshots"
LARGE = 2**27  # bytes; what takes more in memory is decoded each time
GROUPS = 8  # row groups that are held
FOUND = 1_000  # keys whose rows are held

_HEADER = b"esbench.snapshot"
_MARK = b"\x18" + begun_text(len(_HEADER)) + _HEADER + b"\x18"
_WALKED = re.compile(rb"(?!)")  # no footer is passed over unread
_LONGEST = 120
_DIGITS = 18


class Header(Struct, frozen=True, kw_only=True):
    """What a snapshot says of itself.

    Attributes:
        format: the version of this format, and of what the reducers mean.
        log_id: the log that it was taken of.
        projection: the name of the projection.
        fingerprint: stands for the declaration, all of it.
        position: the last position whose event it holds.
        proof: position and chain, at or behind it, of the history that it is about.
        max_occurred, max_recorded: the largest times of the events in it, in
            microseconds since 1970; None when there are none.
        keys: how many rows there are.
        automatic: whether a table left it behind; others were asked for.
    """

    format: int
    log_id: str
    projection: str
    fingerprint: str
    position: int
    proof: str
    max_occurred: int | None
    max_recorded: int | None
    keys: int
    automatic: bool


def folder_of(projection: str) -> str:
    """Return the folder of a projection's snapshots; any name makes a good one."""
    plain = quote(projection, safe="")
    if plain.startswith("."):
        plain = "%2E" + plain[1:]
    if len(plain) > _LONGEST:
        plain = f"{plain[:_LONGEST]}-{sha256(projection.encode()).hexdigest()[:16]}"
    return f"{FOLDER}/{plain}"


def name_of(projection: str, position: int) -> str:
    """Return the name of the snapshot of a projection at a position."""
    return f"{folder_of(projection)}/{position:020}.parquet"


def position_in(name: str) -> int | None:
    """Return the position that a file's name tells; None for other names."""
    number = name.rpartition("/")[2].removesuffix(".parquet")
    is_one = len(number) == 20 and number.isascii() and number.isdigit()
    return int(number) if is_one and name.endswith(".parquet") else None


def sealed(rows: pl.DataFrame, header: Header) -> memoryview:
    """Return the bytes of a snapshot.

    Args:
        rows: the key, and the columns of the partial state; sorted by key.
        header: what the file says of itself.
    """
    import polars as pl
    import pyarrow as pa

    rows = _narrowed(rows)
    key, *others = rows.columns
    texts = [name for name in others if rows.schema[name] in {pl.String, pl.Binary}]
    layout = {
        "compression": "zstd",
        "compression_level": 1,
        "store_schema": False,
        "store_decimal_as_integer": True,
        "use_dictionary": texts,
        "write_statistics": [key],
    }
    schema = _short_texts(rows.clear().to_arrow(compat_level=_oldest()).schema)
    sealer = Sealer(schema, layout)
    try:
        for part in rows.iter_slices(ROW_GROUP) if rows.height else ():
            sealer.write(part.to_arrow(compat_level=_oldest()).cast(schema))
    except (pa.ArrowException, EsbenchError):
        raise DefinitionConflict(
            f"{header.projection}: its states are too large for a snapshot"
        ) from None
    return sealer.sealed({_HEADER: msgspec.json.encode(header)})


def _oldest() -> Any:
    import polars as pl

    return pl.CompatLevel.oldest()


def _short_texts(schema: pa.Schema) -> pa.Schema:
    """Return the schema with texts as files of a log have them."""
    import pyarrow as pa

    short = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    return pa.schema(
        [field.with_type(short.get(field.type, field.type)) for field in schema]
    )


def _narrowed(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with each decimal in as few digits as its column allows."""
    import polars as pl

    wide = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Decimal)]
    fits = {
        name: rows.get_column(name).cast(_short(rows.schema[name]), strict=False)
        for name in wide
    }
    return rows.with_columns(
        column
        for name, column in fits.items()
        if column.null_count() == rows.get_column(name).null_count()
    )


def _short(kind: Any) -> pl.Decimal:
    import polars as pl

    return pl.Decimal(_DIGITS, min(kind.scale, _DIGITS))


class Kept:
    """A snapshot's file, as far as this process has looked into it.

    Attributes:
        name: its name in the log.
        stamp: what changes when the file is replaced.
        header: what it says of itself; unproven until ``is_sound``.
        problem: what is wrong with it; empty while nothing is known to be.
    """

    def __init__(self, store: Store, name: str, stamp: Stamp) -> None:
        self.name = name
        self.stamp = stamp
        self.problem = ""
        self.header: Header | None = None
        self._store = store
        self._lock = RLock()
        self._data = b""
        self._file: pq.ParquetFile | None = None
        self._spans: list[tuple[Any, Any]] = []
        self._rows: pl.DataFrame | None = None
        self._groups: OrderedDict[int, pl.DataFrame] = OrderedDict()
        self._found: dict[str, dict[str, Any] | None] = {}
        self._look(self._read_footer)

    def __repr__(self) -> str:
        """Name the file."""
        return f"Kept({self.name!r})"

    def is_sound(self) -> bool:
        """Tell whether its bytes match their digest; they are read at most once."""
        with self._lock:
            if self._file is None and not self.problem:
                self._look(self._read_all)
            return not self.problem

    def rows(self, types: Mapping[str, pl.DataType]) -> pl.DataFrame | None:
        """Return all rows; None if they can't be read.

        Args:
            types: the columns that are wanted, the key first, and their types.
        """
        with self._lock:
            if self._rows is None and self.is_sound():
                return self._look(lambda: self._decoded(types))
            return self._rows

    def row(self, key: str, types: Mapping[str, pl.DataType]) -> dict[str, Any] | None:
        """Return the row of one key, decoding its group alone; None without one."""
        with self._lock:
            if key not in self._found:
                row = self._sought(key, types)
                if self.problem:
                    return None
                if len(self._found) >= FOUND:
                    self._found.clear()
                self._found[key] = row
            return self._found[key]

    def _sought(
        self, key: str, types: Mapping[str, pl.DataType]
    ) -> dict[str, Any] | None:
        found = [] if self._rows is None else [self._rows]
        if not found and self.is_sound():
            found = self._look(lambda: self._around(key, types)) or []
        rows = (_row(frame, key) for frame in found)
        return next((row for row in rows if row is not None), None)

    def forget(self) -> None:
        """Let go of what was read; it is read again when it is needed."""
        with self._lock:
            self._data, self._file, self._rows = b"", None, None
            self._groups.clear()
            self._found.clear()

    # reading

    def _look(self, read: Callable[[], T]) -> T | None:
        """Return what ``read`` gives, or note what is wrong."""
        import polars as pl
        import pyarrow as pa

        try:
            return read()
        except Corrupt as error:
            self.problem = f"damaged: {error.reason}"
        except EsbenchError as error:
            self.problem = str(error)
        except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
            self.problem = f"it can't be read ({type(error).__name__})"
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            self.problem = f"damaged: it is no snapshot ({error})"
        except (MemoryError, pl.exceptions.PanicException) as error:
            self.problem = f"damaged: it can't be decoded ({type(error).__name__})"
        return None

    def _read_footer(self) -> None:
        with opened_file(self._store.path(self.name)) as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 8))
            size = int.from_bytes(file.read(4), "little") + 8
            if size > min(end, FOOTER):
                raise ValueError("it has no footer")
            file.seek(end - size)
            self._take_over(_header_text(file.read()))

    def _read_all(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with opened_file(self._store.path(self.name)) as file:
            data = file.read()
        check_digest(self.name, data)
        self._take_over(_header_text(data))
        if self.problem:
            return
        groups = read_footer(data, _WALKED)
        file = pq.ParquetFile(pa.BufferReader(data), **THRIFT)
        check_pages(groups, file, data)
        self._check_count(file.metadata.num_rows)
        self._data, self._file = data, file
        self._spans = list(_spans(file.metadata))

    def _take_over(self, text: bytes) -> None:
        """Take the header, and note what does not agree with it."""
        version = msgspec.json.decode(text, type=dict[str, object]).get("format")
        if version != FORMAT:
            self.problem = f"it has format {version}, this esbench reads {FORMAT}"
            return
        header = msgspec.json.decode(text, type=Header)
        if name_of(header.projection, header.position) != self.name:
            raise Corrupt(self.name, "it was renamed or swapped with another")
        if self.header not in {None, header}:
            raise Corrupt(self.name, "it changed while it was read")
        self.header = header

    def _check_count(self, rows: int) -> None:
        assert self.header is not None, "it was taken over"
        if self.header.keys != rows:
            raise Corrupt(
                self.name, f"it says {self.header.keys} keys and holds {rows}"
            )
        if rows > self.header.position:
            raise Corrupt(self.name, "it holds more keys than there were events")

    def _decoded(self, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
        import polars as pl

        rows = _typed(pl.read_parquet(self._data, glob=False), types)
        if rows.estimated_size() <= LARGE:
            self._rows = rows
            self._groups.clear()
        return rows

    def _around(self, key: str, types: Mapping[str, pl.DataType]) -> list[pl.DataFrame]:
        """Return the row groups that may hold a key: one, or none, if all is well."""
        return [
            self._group(number, types)
            for number, (least, most) in enumerate(self._spans)
            if (least is None or least <= key) and (most is None or key <= most)
        ]

    def _group(self, number: int, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
        assert self._file is not None, "it was found sound"
        import polars as pl

        rows = self._groups.pop(number, None)
        if rows is None:
            table = self._file.read_row_group(number, use_threads=False)
            rows = _typed(pl.DataFrame(table), types)
        self._groups[number] = rows
        if len(self._groups) > GROUPS:
            self._groups.popitem(last=False)
        return rows


def _header_text(data: bytes) -> bytes:
    """Return what a footer tells as the header of a snapshot.

    Args:
        data: a file, or the end of it with the footer.
    """
    place = data.rfind(_MARK) + len(_MARK)
    if place < len(_MARK):
        raise ValueError("it has no header")
    text = Thrift(data, place, len(data) - 8, steps=0).text()
    if len(text) > HEADER:
        raise ValueError("its header is too large")
    return text


def _typed(frame: pl.DataFrame, types: Mapping[str, pl.DataType]) -> pl.DataFrame:
    import polars as pl

    return frame.select(pl.col(name).cast(types[name]) for name in types).rechunk()


def _spans(metadata: pq.FileMetaData) -> Iterator[tuple[Any, Any]]:
    """Yield the smallest and largest key of each row group, None if unknown."""
    for number in range(metadata.num_row_groups):
        known = metadata.row_group(number).column(0).statistics
        if known is None or not known.has_min_max:
            yield None, None
        else:
            yield known.min, known.max


def _row(rows: pl.DataFrame, key: str) -> dict[str, Any] | None:
    column = rows.to_series(0)
    at = column.search_sorted(key)
    if at < rows.height and column[at] == key:
        return rows.row(at, named=True)
    return None
