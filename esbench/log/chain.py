"""The chain: one hash that stands for every event up to a position.

What lives here: the canonical bytes of a commit's events, and the hash over them.
The guarantee: the bytes depend on what was recorded and on nothing else: not on file
layout, on the order of columns, or on columns that came later (one without a value
adds nothing). So a chain is the same before and after files are merged.
What it may not know: files, stores, who asks.

    chain  = SHA-256(the chain before as hex, then block by block the commit's rows
             in position order; a block is 65,536 rows, the last one what is left)
    block  = the number of rows, the words of each row, then the texts of each row
    words  = the row's shape (32 bytes), and 8 bytes for each value it holds, by the
             name of the column, little endian, signed
    shape  = SHA-256 of a line ``name:letter`` for each column that holds a value
    letter = t text, x bytes, i int, b bool, f float (its bits), D days since 1970,
             T microseconds since 1970 in UTC, d2 decimals counted in hundredths
    texts  = the row's texts one after another, by the name of the column; a text's
             word is its length in bytes; bytes are told as hexadecimal text

A row written by hand and a million rows of a frame give the same bytes: the first are
packed one by one (``link_rows``), the second by column (``Links``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Numbers = np.ndarray[Any, np.dtype[np.int64]]
    Flags = np.ndarray[Any, np.dtype[np.bool_]]

BLOCK = 65_536

Word = tuple[bytes, bytes]  # eight bytes, and the text that they are the length of


def genesis(log_id: str) -> str:
    """Return the chain before the first event of a log."""
    return hashlib.sha256(f"esbench log {log_id}".encode()).hexdigest()


def letter(kind: str) -> str:
    """Return the letter of a kind of column."""
    if kind.startswith("decimal"):
        return f"d{kind[8:-1]}"
    return _LETTERS[kind]


_LETTERS = {
    "text": "t",
    "bytes": "x",
    "int": "i",
    "bool": "b",
    "float": "f",
    "date": "D",
    "time": "T",
}


@lru_cache(maxsize=4096)
def _shape(columns: tuple[tuple[str, str], ...]) -> bytes:
    """Return what stands for the columns, by name, that a row has a value in."""
    lines = (f"{name}:{kind}\n" for name, kind in columns)
    return hashlib.sha256("".join(lines).encode()).digest()


def link_rows(
    previous: str, rows: Sequence[Mapping[str, Word]], kinds: Mapping[str, str]
) -> str:
    """Return the chain after one commit of a few rows.

    Args:
        previous: the chain before them, 64 hex digits.
        rows: the values of each row, by column.
        kinds: the kind of every column.
    """
    digest = hashlib.sha256(previous.encode())
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        words: list[bytes] = [len(block).to_bytes(8, "little")]
        texts: list[bytes] = []
        for row in block:
            names = sorted(row)
            words.append(_shape(tuple((name, letter(kinds[name])) for name in names)))
            words += [row[name][0] for name in names]
            texts += [row[name][1] for name in names]
        digest.update(b"".join(words))
        digest.update(b"".join(texts))
    return digest.hexdigest()


class Links:
    """The chain of many commits, computed from rows that come in position order.

    Attributes:
        chain: the chain after the last commit that was complete.
    """

    def __init__(self, previous: str) -> None:
        self.chain = previous
        self._open: hashlib._Hash | None = None

    def add(self, rows: pl.DataFrame, ends: Iterable[int]) -> list[str]:
        """Take in rows and return the chain after each commit that ends in them.

        A commit may go on in the rows of the next call; then these must end at a
        whole number of blocks from its start.

        Args:
            rows: consecutive rows in position order.
            ends: how many of these rows lie up to the end of each commit, rising.
        """
        cuts, done = _cuts(ends, rows.height)
        chains = []
        for block, complete in zip(_Blocks(rows, cuts), done, strict=True):
            digest = self._open or hashlib.sha256(self.chain.encode())
            for part in block:
                digest.update(part)
            self._open = digest
            if complete:
                self.chain, self._open = digest.hexdigest(), None
                chains.append(self.chain)
        return chains


def _cuts(ends: Iterable[int], height: int) -> tuple[list[int], list[bool]]:
    """Return where blocks end, and whether a commit ends there, too."""
    cuts, done, start = [], [], 0
    for end in ends:
        while end - start > BLOCK:
            start += BLOCK
            cuts.append(start)
            done.append(False)
        cuts.append(end)
        done.append(True)
        start = end
    while start < height:
        start = min(start + BLOCK, height)
        cuts.append(start)
        done.append(False)
    return cuts, done


def link(previous: str, rows: pl.DataFrame) -> str:
    """Return the chain after one commit.

    Args:
        previous: the chain before it, 64 hex digits.
        rows: its rows, in position order, with the columns of its file.
    """
    links = Links(previous)
    links.add(rows, [rows.height])
    return links.chain


class _Blocks:
    """The canonical bytes of rows, block by block.

    Args:
        rows: consecutive rows in position order.
        cuts: how many rows lie up to the end of each block, rising.
    """

    def __init__(self, rows: pl.DataFrame, cuts: Sequence[int]) -> None:
        import numpy as np

        held = [
            _Column(rows.get_column(name))
            for name in sorted(rows.columns)
            if rows.get_column(name).null_count() < rows.height
        ]
        self._words, word_at = _words(held, rows.height)
        self._texts, text_at = _texts(held, rows.height)
        at = np.array([0, *cuts])
        self._counts = np.diff(at).tolist()
        self._word_at, self._text_at = word_at[at].tolist(), text_at[at].tolist()

    def __iter__(self) -> Iterator[tuple[bytes, memoryview, memoryview]]:
        """Yield the number of rows, the words and the texts of each block."""
        words, texts = self._words, self._texts
        return zip(
            (count.to_bytes(8, "little") for count in self._counts),
            (words[a:b] for a, b in pairwise(self._word_at)),
            (texts[a:b] for a, b in pairwise(self._text_at)),
            strict=True,
        )


class _Column:
    """A column with a value: which rows have one, and its numbers.

    Attributes:
        named: its name and its letter.
        missing: the rows without a value; None where every row has one.
        numbers: one number a row; any where there is no value.
        text: the texts, for columns that have them.
    """

    def __init__(self, column: pl.Series) -> None:
        nulls = column.null_count() > 0
        self.missing: Flags | None = column.is_null().to_numpy() if nulls else None
        kind, self.numbers, self.text = _numbers(column)
        self.named = (column.name, kind)


def _numbers(column: pl.Series) -> tuple[str, Numbers, pl.Series | None]:
    """Return a column's letter, its numbers, and its texts where it has them."""
    import polars as pl

    kind = column.dtype
    if isinstance(kind, pl.Decimal):
        return f"d{kind.scale}", _counted(column), None
    if kind == pl.Float64:
        return "f", column.fill_null(0.0).to_numpy().view("<i8"), None
    if kind in {pl.String, pl.Binary}:
        text = column if kind == pl.String else column.bin.encode("hex")
        lengths = text.str.len_bytes().cast(pl.Int64)
        return ("t" if kind == pl.String else "x"), _filled(lengths), text
    if kind in {pl.Boolean, pl.Date}:
        number = column.to_physical().cast(pl.Int64)
        return ("b" if kind == pl.Boolean else "D"), _filled(number), None
    return ("i" if kind == pl.Int64 else "T"), _filled(column.to_physical()), None


def _filled(column: pl.Series) -> Numbers:
    numbers: Numbers = column.fill_null(0).to_numpy()
    return numbers


def _counted(column: pl.Series) -> Numbers:
    """Return decimals as whole numbers of their smallest unit."""
    import numpy as np

    values = column.rechunk().to_arrow()
    halves = np.frombuffer(values.buffers()[1], dtype="<i8")
    numbers: Numbers = halves[values.offset * 2 : (values.offset + len(values)) * 2 : 2]
    return numbers


def _words(columns: Sequence[_Column], height: int) -> tuple[memoryview, Numbers]:
    """Return the words of all rows, one row after another, and where each begins."""
    import numpy as np

    shape_of, shapes = _shapes(columns, height)
    widths = np.array([4 + len(own) for own in shapes], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(widths[shape_of])])
    out = np.empty(int(starts[-1]), dtype="<i8")
    for number, own in enumerate(shapes):
        mine = np.flatnonzero(shape_of == number) if len(shapes) > 1 else slice(None)
        at = starts[:-1][mine]
        shape = np.frombuffer(_shape(tuple(c.named for c in own)), dtype="<i8")
        for place, word in enumerate(shape):
            out[at + place] = word
        for place, column in enumerate(own, start=4):
            out[at + place] = column.numbers[mine]
    return out.data.cast("B"), starts * 8


def _shapes(
    columns: Sequence[_Column], height: int
) -> tuple[Numbers, list[list[_Column]]]:
    """Return the number of each row's shape, and the columns of every shape."""
    import numpy as np

    number = np.zeros(height, dtype=np.int64)
    shapes: list[list[_Column]] = [[]]
    for column in columns:
        if column.missing is None:
            shapes = [[*own, column] for own in shapes]
            continue
        both = [own for shape in shapes for own in ([*shape, column], shape)]
        number = number * 2 + column.missing
        used = np.bincount(number, minlength=len(both)) > 0
        number = (np.cumsum(used) - 1)[number]
        shapes = [own for own, there in zip(both, used, strict=True) if there]
    return number, shapes


def _texts(columns: Sequence[_Column], height: int) -> tuple[memoryview, Numbers]:
    """Return the texts of all rows, one row after another, and where each begins."""
    import numpy as np
    import polars as pl

    texts = [column.text.fill_null("") for column in columns if column.text is not None]
    if not texts:
        return memoryview(b""), np.zeros(height + 1, dtype=np.int64)
    joined = pl.select(pl.concat_str(texts)).to_series().rechunk().to_arrow()
    _, starts, data = joined.buffers()
    large = str(joined.type) == "large_string"
    at = np.frombuffer(starts, dtype="<i8" if large else "<i4")
    at = at[joined.offset : joined.offset + len(joined) + 1]
    return memoryview(data if data is not None else b""), at
