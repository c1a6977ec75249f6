"""Thrift's compact protocol, as far as Parquet's footers and page headers need it.

What lives here: ``Thrift``, a walk over structs that keeps nothing of them.
The guarantee: it ends, within the bytes and the number of values that it is given, and
raises ``ValueError`` where they do not make sense.
What it may not know: what the fields mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TRUE, _FALSE, _BYTE, _I16, I32, I64, _DOUBLE, BINARY, LIST, _SET = range(1, 11)
STRUCT = 12
LONGEST = 65_536  # values of a list
NUMBER = rb"[\x80-\xff]{0,9}[\x00-\x7f]"  # as a regular expression
_DEEP = 16


def decoded(raw: bytes) -> int:
    """Return the signed number that these bytes are."""
    value = 0
    for part in reversed(raw):
        value = value << 7 | part & 127
    return value >> 1 ^ -(value & 1)


def begun_text(length: int) -> bytes:
    """Return what stands before a text of so many bytes."""
    parts = []
    while length > 127:
        parts.append(length & 127 | 128)
        length >>= 7
    return bytes([*parts, length])


def begun_list(kind: int, count: int) -> bytes:
    """Return what stands before so many values of one type."""
    if count < 15:
        return bytes([count << 4 | kind])
    return bytes([240 | kind]) + begun_text(count)


class Thrift:
    """Walks over structs without keeping anything of them.

    Args:
        data: the bytes.
        place: where the struct begins.
        end: where everything ends.
        steps: how many values it may hold.
    """

    def __init__(self, data: bytes, place: int, end: int, *, steps: int) -> None:
        self._data, self._end, self._left = data, end, steps
        self.place = place

    def _byte(self) -> int:
        if self.place >= self._end:
            raise ValueError("a value goes on behind its end")
        self.place += 1
        return self._data[self.place - 1]

    def unsigned(self) -> int:
        """Return the number without a sign that stands here."""
        value = shift = 0
        while (part := self._byte()) > 127:
            value |= (part & 127) << shift
            shift += 7
            if shift > 63:
                raise ValueError("a number has no end")
        return value | part << shift

    def number(self) -> int:
        """Return the signed number that stands here."""
        value = self.unsigned()
        return value >> 1 ^ -(value & 1)

    def fields(self, after: int = 0) -> Iterator[tuple[int, int]]:
        """Yield number and type of each field; the caller reads or skips its value.

        Args:
            after: the number of the field before.
        """
        last = after
        while mark := self._byte():
            field = last + (mark >> 4) if mark >> 4 else self.number()
            if field <= last:
                raise ValueError("fields are out of order")
            last = field
            yield field, mark & 15

    def listed(self) -> tuple[int, int]:
        """Return the type and the count of the list that begins here."""
        mark = self._byte()
        count = self.unsigned() if mark >> 4 == 15 else mark >> 4
        if count > min(LONGEST, self._end - self.place):
            raise ValueError("a list is too long")
        return mark & 15, count

    def text(self) -> bytes:
        """Return the text that stands here."""
        length = self.unsigned()
        self.place += length
        return bytes(self._data[self.place - length : self.place])

    def match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Pass over what matches, and return it."""
        found = pattern.match(self._data, self.place, self._end)
        if found is not None:
            self.place = found.end()
        return found

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a value of this type."""
        self._left -= 1
        if self._left < 0 or depth > _DEEP:
            raise ValueError("it tells of too much")
        if kind in {_I16, I32, I64}:
            self.unsigned()
        elif kind == BINARY:
            length = self.unsigned()
            self.place += length
        elif kind == STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        elif kind in {LIST, _SET}:
            inner, count = self.listed()
            inner = _BYTE if inner in {_TRUE, _FALSE} else inner
            for _ in range(count):
                self.skip(inner, depth + 1)
        elif kind in {_BYTE, _DOUBLE}:
            self.place += 1 if kind == _BYTE else 8
        elif kind not in {_TRUE, _FALSE}:
            raise ValueError(f"a value has the type {kind}")
