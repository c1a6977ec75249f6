"""The footer of a file: where each column lies, how it is written, what it claims.

What lives here: reading the footer of a Parquet file by hand, as far as safety needs.
The guarantee: what it returns is all there is: row groups and their columns, one
behind the other, in forms that esbench writes. It takes bounded memory and never ends
the process; Arrow spends 680 bytes a column before one can ask how many there are, and
aborts where it is asked about a compression that it does not know.
What it may not know: the header of a log, schemas, stores.

Walking field by field takes three times as long as all that Arrow does with a small
file. So what is described in the usual way is passed over by regular expressions: a
column of a large file by two, the whole of a small one by one that is made for its
columns (``usual``). Whatever does not match is walked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from esbench.log.thrift import (
    I32,
    I64,
    LIST,
    NUMBER,
    STRUCT,
    Thrift,
    begun_list,
    begun_text,
    decoded,
)

if TYPE_CHECKING:
    import pyarrow as pa

FOOTER = 64 * 2**20  # bytes
CHUNKS = 200_000  # columns times row groups
STEPS = 5_000_000  # values in a footer
PLAIN, ZSTD = 0, 6
TEXT = 6  # the type of texts and bytes

_MAGIC = b"PAR1"


class Chunk(NamedTuple):
    """One column in one row group.

    Attributes:
        type: its physical type.
        codec: how its pages are compressed.
        values: how many there are.
        size: the bytes of its pages, once unpacked.
        stored: the bytes that they take in the file.
        data: where its first page of data begins.
        dictionary: where its dictionary begins; None where it has none.
        bounds: whether its smallest and largest values are told.
    """

    type: int
    codec: int
    values: int
    size: int
    stored: int
    data: int
    dictionary: int | None = None
    bounds: bool = False

    @property
    def start(self) -> int:
        """Where its first page begins."""
        return self.data if self.dictionary is None else self.dictionary


class Group(NamedTuple):
    """One row group."""

    rows: int
    chunks: list[Chunk]


def footer_start(data: bytes) -> int:
    """Return where the footer of a file begins.

    Raises:
        ValueError: there is none, or one too large.
    """
    size = int.from_bytes(data[-8:-4], "little")
    if data[:4] != _MAGIC or data[-4:] != _MAGIC or size + 12 > len(data):
        raise ValueError("it has no footer")
    if size > FOOTER:
        raise ValueError(f"its footer takes {size:,} bytes")
    return len(data) - 8 - size


def read_footer(data: bytes, expected: re.Pattern[bytes]) -> list[Group]:
    """Return the row groups that a file tells of.

    Args:
        data: the whole file.
        expected: how a small file with its columns begins its footer (``usual``).

    Raises:
        ValueError: a footer that esbench has not written.
    """
    thrift = Thrift(data, footer_start(data), len(data) - 8, steps=STEPS)
    groups = _usual_groups(thrift, expected) or _walked_groups(thrift)
    _check_places(groups, footer_start(data))
    return groups


def _walked_groups(thrift: Thrift) -> list[Group]:
    groups: list[Group] = []
    told = chunks = 0
    for field, kind in thrift.fields():
        if (field, kind) == (3, I64):
            told = thrift.number()
        elif (field, kind) == (4, LIST):
            for _ in range(thrift.listed()[1]):
                groups.append(_group(thrift, CHUNKS - chunks))
                chunks += len(groups[-1].chunks)
        elif field in {1, 2, 5, 6, 7}:
            thrift.skip(kind)
        else:
            raise ValueError("its footer holds what none of a log does")
    if sum(group.rows for group in groups) != told:
        raise ValueError(f"its row groups do not hold the {told} rows it tells of")
    return groups


def _group(thrift: Thrift, left: int) -> Group:
    rows, chunks = 0, []
    for field, kind in thrift.fields():
        if (field, kind) == (1, LIST):
            count = thrift.listed()[1]
            if count > left:
                raise ValueError("it tells of too many columns and row groups")
            chunks = [_chunk(thrift) for _ in range(count)]
        elif (field, kind) == (3, I64):
            rows = thrift.number()
        elif field in {2, 5, 6, 7}:
            thrift.skip(kind)
        else:
            raise ValueError("a row group is described in another way")
    return Group(rows, chunks)


def _check_places(groups: list[Group], end: int) -> None:
    """See that columns lie behind each other, from the beginning to the footer."""
    place = 4
    for group in groups:
        if group.rows <= 0 or len(group.chunks) != len(groups[0].chunks):
            raise ValueError(
                f"a row group tells of {group.rows} rows, or lacks columns"
            )
        for chunk in group.chunks:
            if chunk.start != place or not place <= chunk.data or chunk.stored <= 0:
                raise ValueError("a column is not where it belongs")
            place += chunk.stored
            if chunk.data >= place or place > end:
                raise ValueError("a column is not where it belongs")
            if chunk.values != group.rows:
                raise ValueError(
                    f"{chunk.values} values are told for {group.rows} rows"
                )
            if chunk.codec == PLAIN and chunk.size != chunk.stored:
                raise ValueError("a column tells of bytes that it does not have")
    if place != end:
        raise ValueError("its columns do not fill it")


# --- a small file ------------------------------------------------------------------


def _usual_groups(thrift: Thrift, expected: re.Pattern[bytes]) -> list[Group]:
    """Return the one group of a file that is all as usual; none for another."""
    start = thrift.place
    if (found := thrift.match(expected)) is None:
        return []
    for field, kind in thrift.fields(after=4):
        if field not in {5, 6, 7}:
            raise ValueError("its footer holds what none of a log does")
        thrift.skip(kind)
    rows, *told, again = found.groups()
    chunks = [
        Chunk(
            type=decoded(type_),
            codec=PLAIN,
            values=decoded(values),
            size=decoded(size),
            stored=decoded(stored),
            data=decoded(data),
        )
        for type_, values, size, stored, data in zip(*[iter(told)] * 5, strict=True)
    ]
    if rows != again:
        thrift.place = start
        return []
    return [Group(decoded(rows), chunks)]


def usual(columns: pa.Schema) -> re.Pattern[bytes]:
    """Return what matches the footer of a small file with these columns.

    It matches up to and with the row groups. What Arrow writes of the columns alone is
    taken from an empty file, byte by byte.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, columns, store_decimal_as_integer=True).close()
    empty = sink.getvalue().to_pybytes()
    thrift = Thrift(empty, footer_start(empty), len(empty) - 8, steps=STEPS)
    fields = thrift.fields()
    for _ in "version", "schema":
        thrift.skip(next(fields)[1])
    schema = empty[footer_start(empty) : thrift.place]
    parts = [
        re.escape(schema),
        rb"\x16(%b)\x19\x1c\x19" % NUMBER,  # rows, one group, its columns
        re.escape(begun_list(STRUCT, len(columns))),
        *(_usual_chunk(name, columns.field(name).type) for name in columns.names),
        rb"\x16%b\x16(%b)\x26%b\x16%b(?:\x14\x00)?\x00" % ((NUMBER,) * 4),
    ]
    return re.compile(b"".join(parts), re.DOTALL)


def _usual_chunk(name: str, type_: pa.DataType) -> bytes:
    is_text = str(type_) in {"string", "binary"}
    path = name.encode()
    return b"".join(
        [
            rb"\x26%b\x1c\x15([\x00-\x0c])" % NUMBER,
            rb"\x19(?:\x15.|\x25..|\x35...)\x19\x18",
            re.escape(begun_text(len(path)) + path),
            rb"\x15\x00\x16(%b)\x16(%b)\x16(%b)\x26(%b)" % ((NUMBER,) * 4),
            rb"(?:\x49\x1c\x15.\x15.\x15%b\x00)?" % NUMBER,
            rb"\x3c%b\x06\x19\x26%b%b\x00\x00\x00"
            % (rb"\x16%b\x19" % NUMBER if is_text else rb"\x29", NUMBER, NUMBER),
        ]
    )


# --- one column --------------------------------------------------------------------

# A column that is described in the usual way, in two halves around its name.
_FRONT = re.compile(
    rb"\x26%b\x1c"  # where its metadata was, once; its metadata
    rb"\x15([\x00-\x0c])"  # its type
    rb"\x19(?:\x15.|\x25..|\x35...|\x45....)"  # the encodings
    rb"\x19\x18" % NUMBER,  # its path: one name
    re.DOTALL,
)
_BACK = re.compile(
    rb"\x15([\x00-\x0e])\x16(%b)\x16(%b)\x16(%b)"  # codec, values, size, stored
    rb"\x26(%b)(?:\x26(%b))?"  # data, dictionary
    rb"(?:[\x29\x49][\x1c\x2c\x3c](?:\x15.\x15.\x15%b\x00){1,3})?"  # its pages
    rb"(?:[\x3c\x5c\x7c](?:\x16(%b)\x19|\x29)\x06\x19\x26%b%b\x00)?"  # sizes
    rb"\x00\x00" % ((NUMBER,) * 9),
    re.DOTALL,
)


def _chunk(thrift: Thrift) -> Chunk:
    place = thrift.place
    if (front := thrift.match(_FRONT)) is not None:
        thrift.text()
        if (back := thrift.match(_BACK)) is not None:
            codec, values, size, stored, data, dictionary, texts = back.groups()
            if texts is None or decoded(front[1]) == TEXT:
                return Chunk(
                    type=decoded(front[1]),
                    codec=decoded(codec),
                    values=decoded(values),
                    size=decoded(size),
                    stored=decoded(stored),
                    data=decoded(data),
                    dictionary=decoded(dictionary) if dictionary else None,
                )
    thrift.place = place
    return _walked(thrift)


def _walked(thrift: Thrift) -> Chunk:
    """Return a column that is described in an unusual way, such as with statistics."""
    chunk = None
    for field, kind in thrift.fields():
        if (field, kind) == (3, STRUCT):
            chunk = _described(thrift)
        elif field == 2:
            thrift.skip(kind)
        else:
            raise ValueError("a column is kept in another way")
    if chunk is None:
        raise ValueError("a column is not described")
    return chunk


_NUMBERS = {
    (1, I32): "type",
    (4, I32): "codec",
    (5, I64): "values",
    (6, I64): "size",
    (7, I64): "stored",
    (9, I64): "data",
    (11, I64): "dictionary",
}


def _described(thrift: Thrift) -> Chunk:
    told: dict[str, int] = {}
    has_bounds = False
    for field, kind in thrift.fields():
        if (name := _NUMBERS.get((field, kind))) is not None:
            told[name] = thrift.number()
        elif (field, kind) == (16, STRUCT):
            _check_sizes(thrift, is_text=told.get("type") == TEXT)
        elif field in {2, 3, 12, 13}:
            has_bounds = has_bounds or field == 12
            thrift.skip(kind)
        else:
            raise ValueError("a column is described in another way")
    if lacking := set(_NUMBERS.values()) - told.keys() - {"dictionary"}:
        raise ValueError(f"a column is described without its {min(lacking)}")
    return Chunk(
        type=told["type"],
        codec=told["codec"],
        values=told["values"],
        size=told["size"],
        stored=told["stored"],
        data=told["data"],
        dictionary=told.get("dictionary"),
        bounds=has_bounds,
    )


def _check_sizes(thrift: Thrift, *, is_text: bool) -> None:
    """Refuse statistics of sizes at which Arrow would end the process."""
    for field, kind in thrift.fields():
        if (field, kind) == (1, I64) and is_text:
            thrift.skip(kind)
        elif field in {2, 3} and kind == LIST:
            inner, count = thrift.listed()
            if count != (0 if field == 2 else 2):
                raise ValueError("a column has levels that it can't have")
            for _ in range(count):
                thrift.skip(inner)
        else:
            raise ValueError("a column's sizes are told in another way")
