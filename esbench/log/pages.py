"""The pages of a file: what they claim, and what they would take in memory.

What lives here: a walk over page headers, the checks of what they say, and how many
rows a row group is written with so that it passes them.
The guarantee: the columns of a file that passes decode, a row group at a time, into at
most ``DECODED`` bytes. Nothing is decoded for that but, now and then, a dictionary.
What it may not know: the header of a log, schemas, stores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from esbench.log.footer import PLAIN, TEXT, Chunk, Group
from esbench.log.thrift import I32, NUMBER, STRUCT, Thrift, decoded

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

DECODED = 512 * 2**20  # bytes of a row group in memory
ROOM = DECODED // 4  # bytes of one when it is written
GROUP = 32_768  # rows of one

TYPES = {
    0: "BOOLEAN",
    1: "INT32",
    2: "INT64",
    4: "FLOAT",
    5: "DOUBLE",
    6: "BYTE_ARRAY",
    7: "FIXED_LEN_BYTE_ARRAY",
}
_DATA, _DICTIONARY = 0, 2
_HEADS = {_DATA: 5, _DICTIONARY: 7}  # the field that tells more of such a page
_ENCODINGS = {
    _DATA: {0, 2, 3, 5, 6, 8},  # plain, dictionary, runs, deltas, lengths, dictionary
    _DICTIONARY: {0, 2},
}


class Page(NamedTuple):
    """What a page claims.

    Attributes:
        kind: a page of data, or a dictionary.
        size: the bytes of its values.
        stored: the bytes that they take in the file.
        values: how many there are.
        encoding: how they are written.
        head: the bytes that these claims take.
    """

    kind: int
    size: int
    stored: int
    values: int
    encoding: int
    head: int


def check_pages(groups: list[Group], parquet: pq.ParquetFile, data: bytes) -> None:
    """Refuse pages that hold other than what was claimed, or that would explode.

    Args:
        groups: what the footer tells.
        parquet: the same file, opened.
        data: the same file, all of it.

    Raises:
        ValueError: what is wrong with them.
    """
    schema = parquet.metadata.schema
    types = [
        schema.column(n).physical_type for n in range(parquet.metadata.num_columns)
    ]
    for number, group in enumerate(groups):
        if [TYPES.get(chunk.type) for chunk in group.chunks] != types:
            raise ValueError("a column is of another type than it was declared with")
        size, texts = 8 * group.rows * len(group.chunks), []
        for column, chunk in enumerate(group.chunks):
            pages = list(_pages_of(chunk, data))
            _check_sums(chunk, pages)
            size += chunk.size
            if pages[0].kind == _DICTIONARY and chunk.type == TEXT:
                texts.append(Texts(chunk, pages[0], number, column, parquet, data))
        _check_size(number, size, texts)


def _check_size(group: int, size: int, texts: list[Texts]) -> None:
    told = size + sum(map(Texts.at_most, texts))
    for text in sorted(texts, key=Texts.at_most, reverse=True):
        if told <= DECODED or size > DECODED:
            break
        told += text.exactly() - text.at_most()
    if told > DECODED:
        raise ValueError(f"its row group {group} takes {told:,} bytes of memory")


def _pages_of(chunk: Chunk, data: bytes) -> Iterator[Page]:
    place = chunk.start
    end = place + chunk.stored
    left = chunk.values + 1
    while place < end:
        page = _page_at(data, place, end)
        place += page.head + page.stored
        left -= 1
        is_sized = page.size == page.stored or chunk.codec != PLAIN
        if place > end or min(page.size, page.stored, left) < 0 or not is_sized:
            raise ValueError("a page is not as it claims")
        yield page


def _check_sums(chunk: Chunk, pages: list[Page]) -> None:
    for number, page in enumerate(pages):
        if page.encoding not in _ENCODINGS.get(page.kind, ()):
            raise ValueError("a page is encoded in another way")
        if (page.kind == _DICTIONARY and number) or page.values < 0:
            raise ValueError("a page is out of place")
    if (pages[0].kind == _DICTIONARY) != (chunk.dictionary is not None):
        raise ValueError("a dictionary is missing, or was not told of")
    told = sum(page.values for page in pages if page.kind == _DATA)
    size = sum(page.head + page.size for page in pages)
    if (told, size) != (chunk.values, chunk.size):
        raise ValueError(
            f"pages of {told} values and {size} bytes are not those "
            f"that a column tells of: {chunk.values} and {chunk.size}"
        )


# A page that is told of in the usual way, without statistics.
_USUAL = re.compile(
    rb"\x15([\x00\x04])\x15(%b)\x15(%b)"
    rb"([\x2c\x4c])\x15(%b)\x15(.)(?:\x15.\x15.(?:\x1c\x00)?|[\x11\x12])?\x00\x00"
    % (NUMBER, NUMBER, NUMBER),
    re.DOTALL,
)


def _page_at(data: bytes, place: int, end: int) -> Page:
    """Return what the page at ``place`` claims."""
    usual = _USUAL.match(data, place, end)
    if usual is None:
        return _walked(data, place, end)
    kind, size, stored, head, values, encoding = usual.groups()
    if (kind == b"\x00") != (head == b"\x2c"):
        raise ValueError("a page is told of in another way")
    return Page(
        kind=decoded(kind),
        size=decoded(size),
        stored=decoded(stored),
        values=decoded(values),
        encoding=decoded(encoding),
        head=usual.end() - place,
    )


def _walked(data: bytes, place: int, end: int) -> Page:
    """Return what a page claims that is told of in an unusual way."""
    thrift = Thrift(data, place, end, steps=1_000)
    told: dict[int, int] = {}
    heads: dict[int, tuple[int, int]] = {}
    for field, kind in thrift.fields():
        if field in {1, 2, 3} and kind == I32:
            told[field] = thrift.number()
        elif field in {5, 7} and kind == STRUCT:
            heads[field] = _counted(thrift)
        elif field == 4:
            thrift.skip(kind)
        else:
            raise ValueError("a page is told of in another way")
    if told.keys() != {1, 2, 3} or list(heads) != [_HEADS.get(told[1])]:
        raise ValueError("a page is told of in another way")
    values, encoding = heads.popitem()[1]
    head = thrift.place - place
    return Page(told[1], told[2], told[3], values, encoding, head)


def _counted(thrift: Thrift) -> tuple[int, int]:
    """Return how many values a page has, and how they are written."""
    told: dict[int, int] = {}
    for field, kind in thrift.fields():
        if field in {1, 2} and kind == I32:
            told[field] = thrift.number()
        else:
            thrift.skip(kind)
    return told.get(1, -1), told.get(2, -1)


# --- dictionaries ------------------------------------------------------------------


class Texts(NamedTuple):
    """A column of texts in one row group, with a dictionary.

    What they take in memory, each as often as it stands there, is told twice: at most
    at a glance, and exactly.
    """

    chunk: Chunk
    dictionary: Page
    group: int
    column: int
    parquet: pq.ParquetFile
    data: bytes

    def at_most(self) -> int:
        """Return the bytes if one text filled the dictionary and stood in every row."""
        return (self.dictionary.size - 4 * self.dictionary.values) * self.chunk.values

    def exactly(self) -> int:
        """Return the bytes that the texts take; each is decoded once."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        name = self.parquet.schema_arrow.names[self.column]
        file = pq.ParquetFile(
            pa.BufferReader(self.data),
            metadata=self.parquet.metadata,
            read_dictionary=[name],
        )
        rows = file.read_row_group(self.group, columns=[name], use_threads=False)
        return sum(
            pc.sum(pc.binary_length(part.dictionary).take(part.indices)).as_py() or 0
            for part in rows.column(0).chunks
        )


# --- writing -----------------------------------------------------------------------


def rows_a_group(table: pa.Table, usual: int) -> int:
    """Return how many rows of ``table`` to put into a row group, so that it passes.

    Args:
        table: the rows.
        usual: how many there are in most cases.

    Raises:
        ValueError: one row is too large for any.
    """
    import numpy as np

    if table.get_total_buffer_size() < DECODED // 4:
        return usual
    sizes = _sizes(table)
    rows = usual
    while (most := np.add.reduceat(sizes, np.arange(0, len(sizes), rows)).max()) > ROOM:
        if rows == 1:
            raise ValueError(f"an event takes {most:,} bytes, and {ROOM:,} is the most")
        rows //= 2
    return rows


def _sizes(table: pa.Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the bytes that each row takes in memory."""
    import numpy as np
    import polars as pl

    sizes = np.full(table.num_rows, 8 * table.num_columns, dtype=np.int64)
    for column in table.columns:
        if str(column.type) in {"string", "binary"}:
            lengths = pl.Series(column).cast(pl.Binary).bin.size()
            sizes += lengths.fill_null(0).to_numpy()
    return sizes
