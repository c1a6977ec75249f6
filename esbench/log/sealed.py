"""Parquet bytes that carry their own digest, whatever they hold.

What lives here: a writer that seals, and the check of sealed bytes.
The guarantee: bytes that pass the check are, bit for bit, those that were sealed.
What it may not know: what the rows and the metadata say, where files live.

The digest is SHA-256 over the whole file with 64 zeros in the digest's own place. That
place is found by its key in the footer, behind all rows and statistics. Metadata can't
hold the key's bytes, which the writer checks, so the last such key is the real one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from esbench.errors import Corrupt, InvalidEvent
from esbench.log.pages import rows_a_group

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 16_384

_DIGEST = b"esbench.digest"
_KEY = b"\x18" + bytes([len(_DIGEST)]) + _DIGEST + b"\x18\x40"
_ZEROS = b"0" * 64


class Sealer:
    """A file in the making: rows go in, sealed bytes come out.

    Args:
        schema: the columns.
        layout: how to write them, in the words of pyarrow's ``ParquetWriter``.
    """

    def __init__(self, schema: pa.Schema, layout: Mapping[str, object]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._sink = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(self._sink, schema, **layout)

    def write(self, rows: pa.Table) -> None:
        """Take in rows, in the order of the file.

        Raises:
            InvalidEvent: one takes more memory than a reader would spend on it.
        """
        try:
            size = rows_a_group(rows, ROW_GROUP)
        except ValueError as error:
            raise InvalidEvent(
                f"{error}: keep such content in a file, and that file's address and "
                "digest in the event"
            ) from None
        self._writer.write_table(rows, row_group_size=size)

    def sealed(self, metadata: Mapping[bytes, bytes]) -> memoryview:
        """Return the bytes of the whole file, which hold their own digest.

        Args:
            metadata: what the file says of itself; texts, such as JSON.

        Raises:
            ValueError: a value that looks like the digest's own place.
        """
        if any(_KEY in value for value in metadata.values()):
            raise ValueError("metadata holds the bytes that mark the digest's place")
        self._writer.add_key_value_metadata({**metadata, _DIGEST: _ZEROS})
        self._writer.close()
        data = bytearray(self._sink.getvalue())
        place = data.rfind(_KEY) + len(_KEY)
        data[place : place + 64] = hashlib.sha256(data).hexdigest().encode()
        return memoryview(data)


def check_digest(name: str, data: bytes) -> None:
    """Refuse bytes that are not, bit for bit, what was sealed.

    Args:
        name: the file's name in the log, for the error.
        data: everything that the file holds.

    Raises:
        Corrupt: there is no digest, or another.
    """
    place = data.rfind(_KEY) + len(_KEY)
    if place < len(_KEY):
        raise Corrupt(name, "it carries no digest: damaged, or not a file of a log")
    digest = hashlib.sha256(memoryview(data)[:place])
    digest.update(_ZEROS)
    digest.update(memoryview(data)[place + 64 :])
    if digest.hexdigest().encode() != data[place : place + 64]:
        raise Corrupt(name, "its bytes do not match its digest: it is damaged")
