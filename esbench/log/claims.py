"""What a file claims about itself, held against what can be, before it is decoded.

What lives here: the limits that every file keeps, and the checks of its header, its
columns and its rows against them.
The guarantee: a file that passes decodes, a row group at a time, in bounded memory
into the columns that its header declares. The checks themselves take little.
What it may not know: stores, names of files, chains, who asks.

Why: a digest is no secret, so anybody can make a file whose bits are right and whose
claims are not: 2⁶⁰ rows, a page of two gigabytes in 64 kB, a text of a megabyte that
a dictionary repeats 32,768 times. In the order of the checks:

    footer    row groups and columns, one behind the other in the file  (footer.py)
    header    can these positions, times, chains and event types be?
    columns   exactly those that the header declares, as esbench writes them
    pages     as many values as told, in a bounded number of bytes      (pages.py)
    rows      (once decoded) the positions and times that the header tells

Each check raises ``ValueError`` with the reason; whoever opens the file adds its name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec

from esbench.errors import EsbenchError
from esbench.event import RESERVED, Registry
from esbench.fields import checked_name
from esbench.log.codec import arrow_type
from esbench.log.footer import FOOTER, PLAIN, TEXT, ZSTD, Group, usual
from esbench.log.pages import DECODED, GROUP, check_pages
from esbench.log.schema import ENVELOPE, OPTIONAL, FieldRecord, Schema
from esbench.log.thrift import LONGEST, Thrift
from esbench.moments import from_micros

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from esbench.log.file import Header

BOUNDED = {"aggregate_id"}  # the columns whose smallest and largest value are told
HEADER = 4 * 2**20  # bytes
HIGHEST = 8  # level of a segment
SMALL = 1_000  # rows of a file that is written plainly
THRIFT = {
    "thrift_string_size_limit": FOOTER,
    "thrift_container_size_limit": LONGEST,
}
_KEYS = {b"esbench.header", b"esbench.ends", b"esbench.digest"}
_HEADER = b"\x18\x0eesbench.header\x18"
_CHAIN = re.compile(r"[0-9a-f]{64}")


# --- header ------------------------------------------------------------------------


def header_text(data: bytes) -> bytes:
    """Return what seems to be the header of a file; ``check_metadata`` makes sure.

    Raises:
        ValueError: there is none.
    """
    place = data.rfind(_HEADER) + len(_HEADER)
    if place < len(_HEADER):
        raise ValueError("it has no header")
    text = Thrift(data, place, len(data) - 8, steps=0).text()
    if len(text) > HEADER:
        raise ValueError(f"its header takes {len(text):,} bytes")
    return text


def check_metadata(parquet: pq.ParquetFile, text: bytes) -> None:
    """Refuse a file with other metadata than that of a log, or another header.

    Raises:
        ValueError: what is wrong with it.
    """
    found = parquet.metadata.metadata or {}
    if foreign := found.keys() - _KEYS:
        raise ValueError(f"its footer holds {min(foreign)!r}")
    if found.get(b"esbench.header") != text:
        raise ValueError("it has more headers than one")


def check_header(header: Header) -> None:
    """Refuse positions, times, chains and event types that no writer would tell.

    Raises:
        ValueError: what is wrong with them.
    """
    if not 0 < header.first <= header.last < 2**63:
        raise ValueError(f"it tells of the positions {header.first} to {header.last}")
    if not 0 <= header.level <= HIGHEST:
        raise ValueError(f"it tells of the level {header.level}")
    if header.level and len(header) >= 2 * 8**HIGHEST:
        raise ValueError(f"{len(header):,} events are too many for a segment")
    for told in (header.occurred, header.recorded):
        _check_times(*told)
    if header.clock not in {"own", "imported"}:
        raise ValueError(f"it tells of the clock {header.clock!r}")
    _check_chains(header)


def _check_times(least: int, most: int) -> None:
    if least > most:
        raise ValueError("the smallest time that it tells of is not the smallest")
    try:
        from_micros(least), from_micros(most)
    except OverflowError:
        raise ValueError("it tells of times outside the years 1 to 9999") from None


def _check_chains(header: Header) -> None:
    chains = [header.previous, header.chain, *(chain for _, chain in header.marks)]
    if not all(map(_CHAIN.fullmatch, chains)):
        raise ValueError("a chain that it tells of is none")
    for told in (header.taken, header.marks):
        places = [place for place, _ in told]
        if places != sorted(set(places)):
            raise ValueError("the commits that it tells of are out of order")
        if places and not header.first <= places[0] <= places[-1] <= header.last:
            raise ValueError("it tells of commits that it does not hold")


class Shape(NamedTuple):
    """What the header of a file lets expect of the rest.

    Attributes:
        columns: its columns, as Arrow names them.
        types: their physical types, as a footer tells them.
        footer: how a small file with these columns begins its footer.
    """

    columns: pa.Schema
    types: list[int]
    footer: re.Pattern[bytes]


def shape_of(header: Header) -> Shape:
    """Return what the header of a file lets expect of the rest.

    Raises:
        ValueError: event types that can't be declared.
    """
    return _shape(msgspec.json.encode(header.schema))


@lru_cache(maxsize=64)
def _shape(text: bytes) -> Shape:
    import pyarrow as pa

    schema = msgspec.json.decode(text, type=Schema)
    try:
        for name, record in schema.types.items():
            checked_name("an event type", name)
            for field in record.fields:
                _check_field(field)
        schema.grown(Registry(()))
    except EsbenchError as error:
        raise ValueError(str(error)) from None
    if unknown := set(schema.optional) - OPTIONAL.keys():
        raise ValueError(f"it tells of a column {min(unknown)!r}")
    columns = schema.columns()
    wanted = pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])
    types = [_PHYSICAL.get(kind, INT64) for kind in columns.values()]
    return Shape(wanted, types, usual(wanted))


INT64 = 2
_PHYSICAL = {"bool": 0, "date": 1, "float": 5, "text": TEXT, "bytes": TEXT}


def _check_field(field: FieldRecord) -> None:
    checked_name("a field", field.name)
    if field.name.lower() in RESERVED:
        raise ValueError(f"a field is called {field.name}, as a column of the log is")
    if field.kind not in _KINDS:
        raise ValueError(f"the field {field.name!r} has a kind that there is not")
    try:
        field.value()
    except (ValueError, TypeError, RecursionError):
        raise ValueError(
            f"the field {field.name!r} has a default that it can't hold"
        ) from None


_KINDS = {"text", "int", "bool", "float", "time", "date", "bytes", "json"}
_KINDS |= {f"decimal({places})" for places in range(19)}


# --- columns -----------------------------------------------------------------------


def check_columns(
    header: Header, groups: list[Group], parquet: pq.ParquetFile, data: bytes
) -> None:
    """Refuse a file whose columns are not those of its header, as esbench writes them.

    Args:
        header: what the file says of itself.
        groups: what its footer tells.
        parquet: the file, opened.
        data: the file, all of it.

    Raises:
        ValueError: what is wrong with them.
    """
    wanted, types, _ = shape_of(header)
    if (found := parquet.schema_arrow) != wanted:
        _tell_difference(found, wanted)
    if any([chunk.type for chunk in group.chunks] != types for group in groups):
        raise ValueError("its columns are kept in another way")
    if any(group.rows > GROUP for group in groups):
        raise ValueError("its row groups are too large")
    bounded = {n for group in groups for n, c in enumerate(group.chunks) if c.bounds}
    if foreign := [name for n in bounded if (name := wanted.names[n]) not in BOUNDED]:
        raise ValueError(f"its column {foreign[0]} tells of its bounds")
    codecs = {chunk.codec for group in groups for chunk in group.chunks}
    if codecs - ({PLAIN, ZSTD} if len(header) > SMALL else {PLAIN}):
        raise ValueError("its columns are compressed in another way")
    if codecs != {PLAIN} or len(header) * len(data) > DECODED:
        check_pages(groups, parquet, data)


def _tell_difference(found: pa.Schema, wanted: pa.Schema) -> NoReturn:
    if lacking := [name for name in wanted.names if name not in found.names]:
        raise ValueError(f"it lacks the column {lacking[0]}: it was edited")
    if foreign := [name for name in found.names if name not in wanted.names]:
        raise ValueError(f"it holds a column {foreign[0]!r} that it does not tell of")
    if found.names != wanted.names:
        raise ValueError("its columns are not in order")
    name = next(n for n in wanted.names if found.field(n) != wanted.field(n))
    raise ValueError(f"its column {name} is {found.field(name).type}: it was edited")


# --- rows --------------------------------------------------------------------------


def check_values(table: pa.Table) -> None:
    """Refuse rows that no event can have: half texts, or nothing in the envelope.

    Raises:
        ValueError: what is wrong with them.
    """
    import numpy as np

    table.validate(full=True)
    for name in ENVELOPE:
        if table.column(name).null_count:
            raise ValueError(f"its column {name} has holes: it was edited")
    for part in table.column("aggregate_id").chunks:
        ends = np.frombuffer(part.buffers()[1], "<i4")[part.offset :][: len(part) + 1]
        if not np.diff(ends).all():
            raise ValueError("an aggregate has no name: it was edited")


def check_rows(header: Header, table: pa.Table) -> None:
    """Refuse rows that hold other positions or times than their header tells.

    Args:
        header: what the file says of itself.
        table: all its rows, in any order.

    Raises:
        ValueError: what is wrong with them.
    """
    import numpy as np

    positions = np.sort(_numbers(table.column("position")))
    if not np.array_equal(positions, np.arange(header.first, header.last + 1)):
        raise ValueError("its positions are not those of its name")
    for name, told in (
        ("occurred_at", header.occurred),
        ("recorded_at", header.recorded),
    ):
        times = _numbers(table.column(name))
        if (times.min(), times.max()) != told:
            raise ValueError(f"its {name} are not those of its header")


def _numbers(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.int64]]:
    import numpy as np

    parts = [
        np.frombuffer(chunk.buffers()[1], "<i8")[chunk.offset :][: len(chunk)]
        for chunk in column.chunks
    ]
    return np.concatenate(parts)
