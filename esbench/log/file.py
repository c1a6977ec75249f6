"""One file of a log: Parquet bytes that say what they are and prove it.

What lives here: sealing a commit's table into bytes, and opening such bytes.
The guarantee: a file that opens is bit for bit the one that was sealed, belongs to
this log, and holds the positions that its name says.
What it may not know: where files live, what comes before or after.

The digest is SHA-256 over the whole file with 64 zeros in the digest's own place. That
place is found by its key in the footer: a header can't hold the key's bytes, because
JSON escapes control characters, so the last such key in the file is the real one.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from esbench.errors import Corrupt, NotALog
from esbench.log.schema import Schema

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

FORMAT = 1
ROW_GROUP = 32_768
SMALL = 1_000

_COMMIT = re.compile(r"[0-9]{20}\.parquet")
_HEADER = b"esbench.header"
_DIGEST = b"esbench.digest"
_KEY = b"\x18" + bytes([len(_DIGEST)]) + _DIGEST + b"\x18\x40"
_ZEROS = b"0" * 64


class Header(Struct, frozen=True, kw_only=True):
    """What a commit says of itself.

    Attributes:
        format: the version of the log's format.
        log_id: the log that the file belongs to.
        commit_id: the commit's own name, given by its writer.
        first, last: the positions it holds.
        previous, chain: the chain before and after its events.
        occurred, recorded: smallest and largest time, in microseconds since 1970.
        clock: ``own`` when the log's clock gave the recorded times, ``imported``
            once some commit of the log has brought its own.
        schema: the event types and columns that the log knew with this commit.
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

    def __len__(self) -> int:
        """Return the number of events."""
        return self.last - self.first + 1


def commit_name(first: int) -> str:
    """Return the name of the commit whose first event has the position ``first``."""
    return f"events/{first:020}.parquet"


def is_commit_name(name: str) -> bool:
    """Tell whether ``name``, without its folder, can be a commit's."""
    return _COMMIT.fullmatch(name) is not None


def seal(table: pa.Table, header: Header) -> memoryview:
    """Return the bytes of a Parquet file that holds both and its own digest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, **_layout(table)) as writer:
        writer.write_table(table, row_group_size=ROW_GROUP)
        writer.add_key_value_metadata(
            {_HEADER: msgspec.json.encode(header), _DIGEST: _ZEROS}
        )
    data = bytearray(sink.getvalue())
    place = data.rfind(_KEY) + len(_KEY)
    data[place : place + 64] = hashlib.sha256(data).hexdigest().encode()
    return memoryview(data)


def _layout(table: pa.Table) -> dict[str, object]:
    """Return how to write it: small files plainly, large ones densely."""
    common: dict[str, object] = {
        "compression": "zstd",
        "compression_level": 1,
        "store_schema": False,
        "store_decimal_as_integer": True,
        "use_dictionary": False,
    }
    if table.num_rows < SMALL:
        return common
    texts = [field.name for field in table.schema if str(field.type) == "string"]
    numbers = ("position", "version", "schema_version", "occurred_at", "recorded_at")
    return common | {
        "use_dictionary": texts,
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
    }


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
        parquet = pq.ParquetFile(pa.BufferReader(data))
        found = parquet.metadata.metadata or {}
        header = read_header(name, found[_HEADER])
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise Corrupt(name, f"it is no commit of a log ({error})") from None
    _check_place(name, header, log_id, parquet.metadata.num_rows)
    return header, parquet


def rows_in(name: str, parquet: pq.ParquetFile) -> pa.Table:
    """Return the rows of an opened file."""
    import pyarrow as pa

    try:
        return parquet.read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise Corrupt(name, f"its rows can't be read ({error})") from None


def check_digest(name: str, data: bytes) -> None:
    """Refuse bytes that are not, bit for bit, what was sealed."""
    place = data.rfind(_KEY) + len(_KEY)
    if place < len(_KEY):
        raise Corrupt(name, "it carries no digest: damaged, or not a file of a log")
    digest = hashlib.sha256(memoryview(data)[:place])
    digest.update(_ZEROS)
    digest.update(memoryview(data)[place + 64 :])
    if digest.hexdigest().encode() != data[place : place + 64]:
        raise Corrupt(name, "its bytes do not match its digest: it is damaged")


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
    if commit_name(header.first) != name:
        raise Corrupt(
            name, f"it holds position {header.first}: files were swapped or renamed"
        )
    if len(header) != count:
        raise Corrupt(name, f"it says {len(header)} events and holds {count}")
