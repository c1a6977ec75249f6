"""The chain: one hash that stands for every event up to a position.

What lives here: the canonical bytes of a commit's events, and the hash over them.
The guarantee: the bytes depend on what was recorded and on nothing else: not on file
layout, on the order of columns, or on columns that came later (one without a value
adds nothing). So a chain is the same before and after files are merged.
What it may not know: files, stores, who asks.

    chain   = SHA-256(the chain before as hex, the columns that hold a value, by name)
    column  = ``name:letter:count`` and a line feed
              one byte an event, 1 or 0: is there a value?
              one number a value, 8 bytes, little endian, signed
              for text and bytes: that number is the length, and the bytes follow
    letter  = t text, x bytes, i int, b bool, f float (its bits), D days since 1970,
              T microseconds since 1970 in UTC, d2 decimals counted in hundredths
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers = np.ndarray[Any, np.dtype[np.int64]]


def genesis(log_id: str) -> str:
    """Return the chain before the first event of a log."""
    return hashlib.sha256(f"esbench log {log_id}".encode()).hexdigest()


def link(previous: str, events: pa.Table) -> str:
    """Return the chain after ``events``, in position order, that follow ``previous``.

    Args:
        previous: the chain before them, 64 hex digits.
        events: the columns of one commit, as its file holds them.
    """
    digest = hashlib.sha256(previous.encode())
    for name in sorted(events.column_names):
        column = events.column(name)
        if column.null_count < len(column):
            _hash_column(digest, name, _whole(column))
    return digest.hexdigest()


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _hash_column(digest: hashlib._Hash, name: str, values: pa.Array) -> None:
    import numpy as np

    count = len(values)
    present = b"\x01" * count
    if values.null_count:
        present = _validity(values)
        values = values.drop_null()
    letter, numbers, texts = _numbers(values)
    digest.update(f"{name}:{letter}:{count}\n".encode())
    digest.update(present)
    digest.update(np.ascontiguousarray(numbers, dtype="<i8").data)
    digest.update(texts)


def _validity(values: pa.Array) -> bytes:
    """Return one byte a value: 1 where there is one."""
    import numpy as np

    bits = np.frombuffer(values.buffers()[0], dtype="u1")
    end = values.offset + len(values)
    return np.unpackbits(bits, count=end, bitorder="little")[values.offset :].tobytes()


def _numbers(values: pa.Array) -> tuple[str, Numbers, memoryview | bytes]:
    """Return the kind's letter, one number a value, and the bytes of texts."""
    import pyarrow as pa

    kind = values.type
    if pa.types.is_decimal(kind):
        return f"d{kind.scale}", _words(values, 2)[::2], b""
    if pa.types.is_boolean(kind) or pa.types.is_date32(kind):
        letter, narrow = ("b", pa.int8()) if kind == pa.bool_() else ("D", pa.int32())
        return letter, _words(values.cast(narrow).cast(pa.int64()), 1), b""
    if pa.types.is_timestamp(kind):
        return "T", _words(values, 1), b""
    if kind in {pa.int64(), pa.float64()}:
        return "i" if kind == pa.int64() else "f", _words(values, 1), b""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "t", *_lengths(values)
    return "x", *_lengths(values)


def _words(values: pa.Array, words: int) -> Numbers:
    """Return the numbers of a fixed-width array, ``words`` times 8 bytes each."""
    import numpy as np

    data = np.frombuffer(values.buffers()[1], dtype="<i8")
    return data[values.offset * words : (values.offset + len(values)) * words]


def _lengths(values: pa.Array) -> tuple[Numbers, memoryview]:
    """Return the length of each text in bytes, and the texts one after another."""
    import numpy as np
    import pyarrow as pa

    large = values.type in {pa.large_string(), pa.large_binary()}
    _, starts, data = values.buffers()
    ends = np.frombuffer(starts, dtype="<i8" if large else "<i4").astype(np.int64)
    ends = ends[values.offset : values.offset + len(values) + 1]
    held = memoryview(data) if data is not None else memoryview(b"")
    return np.diff(ends), held[ends[0] : ends[-1]]
