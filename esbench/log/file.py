"""One file of a log: Parquet bytes that say what they are and prove it.

What lives here: the names of commits and segments, sealing their rows into bytes, and
opening such bytes.
The guarantee: a file that opens is bit for bit the one that was sealed, belongs to
this log, and holds the positions that its name says.
What it may not know: where files live, what comes before or after.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from esbench.errors import Corrupt, DefinitionConflict, NotALog
from esbench.log.claims import (
    HEADER,
    THRIFT,
    check_columns,
    check_header,
    check_metadata,
    check_rows,
    check_values,
    header_text,
    shape_of,
)
from esbench.log.footer import read_footer
from esbench.log.schema import Schema
from esbench.log.sealed import Sealer, check_digest

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

FORMAT = 2
SMALL = 1_000
SAMPLE = 32_768

_COMMIT = re.compile(r"[0-9]{20}\.parquet")
_SEGMENT = re.compile(r"([0-9]{20})-([0-9]{20})\.parquet")
_HEADER = b"esbench.header"
_ENDS = b"esbench.ends"


class Header(Struct, frozen=True, kw_only=True):
    """What a commit or a segment says of itself.

    Attributes:
        format: the version of the log's format.
        log_id: the log that the file belongs to.
        commit_id: the commit's own name, given by its writer; empty for a segment.
        first, last: the positions it holds.
        previous, chain: the chain before and after its events.
        occurred, recorded: smallest and largest time, in microseconds since 1970.
        clock: ``own`` when the log's clock gave the recorded times, ``imported``
            once some commit of the log has brought its own.
        schema: the event types and columns that the log knew with this file.
        level: 0 for a commit; for a segment k, its window being 8ᵏ positions wide.
        taken: start and commit_id of the commits that a segment took in as files.
        marks: some positions inside a segment where commits end, with the chain there.
    """

    format: int
    log_id: str
    commit_id: str
    first: int
    last: int
    previous: str
    chain: str
    occurred: tuple[int, int]
    recorded: tuple[int, int]
    clock: str
    schema: Schema
    level: int = 0
    taken: tuple[tuple[int, str], ...] = ()
    marks: tuple[tuple[int, str], ...] = ()

    def __len__(self) -> int:
        """Return the number of events."""
        return self.last - self.first + 1

    @property
    def name(self) -> str:
        """The name that its file must have."""
        if self.level:
            return segment_name(self.first, self.last)
        return commit_name(self.first)


def commit_name(first: int) -> str:
    """Return the name of the commit whose first event has the position ``first``."""
    return f"events/{first:020}.parquet"


def segment_name(first: int, last: int) -> str:
    """Return the name of the segment of these positions."""
    return f"segments/{first:020}-{last:020}.parquet"


def is_commit_name(name: str) -> bool:
    """Tell whether ``name``, without its folder, can be a commit's."""
    return _COMMIT.fullmatch(name) is not None


def segment_range(name: str) -> tuple[int, int] | None:
    """Return the positions that a segment's name tells; None for other names."""
    found = _SEGMENT.fullmatch(name)
    if found is None:
        return None
    first, last = map(int, found.groups())
    return (first, last) if 0 < first <= last else None


def sealer_of(rows: pa.Table) -> Sealer:
    """Return a file in the making that has all its rows."""
    is_large = rows.num_rows > SMALL
    repeated = repeating(rows) if is_large else ()
    sealer = Sealer(rows.schema, layout(rows.schema, repeated, is_large=is_large))
    sealer.write(rows)
    return sealer


def seal(table: pa.Table, header: Header) -> memoryview:
    """Return the bytes of a file with these rows."""
    return sealer_of(table).sealed(metadata(header))


def metadata(header: Header, ends: Sequence[int] = ()) -> dict[bytes, bytes]:
    """Return what a file says of itself.

    Args:
        header: what it says.
        ends: for a segment, the last position of each commit in it.
    """
    text = msgspec.json.encode(header)
    if len(text) > HEADER:
        raise DefinitionConflict(
            f"the log's event types take {len(text):,} bytes to describe, and "
            f"{HEADER:,} is the most: declare fewer"
        )
    more = {_ENDS: _packed(header.first, ends)} if ends else {}
    return {_HEADER: text, **more}


def layout(
    schema: pa.Schema, dictionary: Sequence[str], *, is_large: bool
) -> dict[str, object]:
    """Return how rows are written: small files plainly, large ones densely.

    Args:
        schema: the columns.
        dictionary: the text columns in which values repeat.
        is_large: whether density is worth some time.
    """
    return _dense(schema, dictionary) if is_large else _PLAIN


def repeating(table: pa.Table) -> list[str]:
    """Return the text columns in which values repeat, judged by the first rows."""
    first = table.slice(0, SAMPLE)
    return [
        field.name
        for field in table.schema
        if str(field.type) == "string"
        and 2 * len(first.column(field.name).unique()) < first.num_rows
    ]


_PLAIN: dict[str, object] = {
    "compression": "none",
    "store_schema": False,
    "store_decimal_as_integer": True,
    "use_dictionary": False,
    "write_statistics": False,
}
_RISING = ("position", "version", "schema_version", "occurred_at", "recorded_at")


def _dense(schema: pa.Schema, dictionary: Sequence[str]) -> dict[str, object]:
    unique = {
        field.name: "DELTA_LENGTH_BYTE_ARRAY"
        for field in schema
        if str(field.type) in {"string", "binary"} and field.name not in dictionary
    }
    return {
        "compression": "zstd",
        "compression_level": 1,
        "store_schema": False,
        "store_decimal_as_integer": True,
        "use_dictionary": list(dictionary),
        "column_encoding": unique | dict.fromkeys(_RISING, "DELTA_BINARY_PACKED"),
        "write_statistics": ["aggregate_id"],
    }


def _packed(first: int, ends: Sequence[int]) -> bytes:
    """Return the sizes of commits as text; alike ones take next to no space."""
    import numpy as np
    import pyarrow as pa

    sizes = np.diff(np.array([first - 1, *ends])).astype("<u4")
    return base64.b85encode(pa.compress(sizes.tobytes(), "zstd", asbytes=True))


def ends_of(header: Header, metadata: pq.FileMetaData) -> list[int]:
    """Return the last position of each commit in a file.

    Raises:
        Corrupt: they do not fill the file.
    """
    if not header.level:
        return [header.last]
    import numpy as np
    import pyarrow as pa

    size = 4 * len(header)
    try:
        packed = base64.b85decode(metadata.metadata[_ENDS])
        stream = pa.CompressedInputStream(pa.BufferReader(packed), "zstd")
        sizes = stream.read(size + 4)
        ends = header.first - 1 + np.cumsum(np.frombuffer(sizes, "<u4"), dtype=np.int64)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise Corrupt(header.name, f"its commits can't be told ({error})") from None
    if len(ends) == 0 or ends[-1] != header.last or np.diff(ends).min(initial=1) < 1:
        raise Corrupt(header.name, "its commits do not fill it: it was edited")
    told: list[int] = ends.tolist()
    return told


def opened(name: str, data: bytes, log_id: str) -> tuple[Header, pq.ParquetFile]:
    """Return the header and the Parquet file of verified bytes.

    Args:
        name: the file's name in the log, such as ``events/….parquet``.
        data: everything that the file holds.
        log_id: the log that it must belong to.

    Raises:
        Corrupt: damaged, swapped with another, or of another log.
        NotALog: written by a newer esbench.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_digest(name, data)
    try:
        text = header_text(data)
        header = read_header(name, text)
        check_header(header)
        groups = read_footer(data, shape_of(header).footer)
        parquet = pq.ParquetFile(pa.BufferReader(data), **THRIFT)
        check_metadata(parquet, text)
    except (pa.ArrowException, OSError, KeyError, ValueError, RecursionError) as error:
        raise Corrupt(name, f"it is no file of a log ({error})") from None
    _check_place(name, header, log_id, parquet.metadata.num_rows)
    try:
        check_columns(header, groups, parquet, data)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Corrupt(name, str(error)) from None
    return header, parquet


def rows_in(name: str, parquet: pq.ParquetFile) -> pa.Table:
    """Return the rows of an opened file."""
    import pyarrow as pa

    try:
        rows = parquet.read(use_threads=False)
        check_values(rows)
    except (pa.ArrowException, OSError) as error:
        raise Corrupt(name, f"its rows can't be read ({error})") from None
    except ValueError as error:
        raise Corrupt(name, str(error)) from None
    return rows


def honest_rows(header: Header, parquet: pq.ParquetFile) -> pa.Table:
    """Return the rows of an opened file, if they are those that its header tells.

    Raises:
        Corrupt: they can't be read, or are others.
    """
    rows = rows_in(header.name, parquet)
    try:
        check_rows(header, rows)
    except ValueError as error:
        raise Corrupt(header.name, str(error)) from None
    return rows


def read_header(name: str, text: bytes) -> Header:
    """Return the header of a file, if this version can read it."""
    version = msgspec.json.decode(text, type=dict[str, object]).get("format")
    if version != FORMAT:
        raise NotALog(
            f"{name} has format {version}, this esbench reads {FORMAT}: "
            "use a newer esbench"
        )
    return msgspec.json.decode(text, type=Header)


def _check_place(name: str, header: Header, log_id: str, count: int) -> None:
    if header.log_id != log_id:
        raise Corrupt(name, "it belongs to another log")
    if header.name != name:
        raise Corrupt(
            name,
            f"it holds the positions {header.first} to {header.last}: files were "
            "swapped or renamed",
        )
    if len(header) != count:
        raise Corrupt(name, f"it says {len(header)} events and holds {count}")
