"""Parquet files made by somebody with bad intentions: any footer, any page, sealed.

A log's digest is no secret, so an attacker can write one that fits. Here a real file is
taken to pieces (Thrift's compact protocol, pages), changed anywhere, and sealed anew.
"""

import hashlib
import json
import struct
from pathlib import Path

KEY = b"\x18\x0eesbench.digest\x18\x40"
TRUE, FALSE, BYTE, I32, I64, BINARY, LIST, STRUCT = 1, 2, 3, 5, 6, 8, 9, 12
DATA, DICTIONARY = 0, 2

# --- Thrift ----------------------------------------------------------------------


def varint(number):
    """Give an unsigned number in groups of seven bits."""
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def zigzag(number):
    """Give a signed number as Thrift writes it."""
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


class Reader:
    """Reads structs as dictionaries from field number to (type, value)."""

    def __init__(self, data, place=0):
        self.data, self.place = data, place

    def byte(self):
        self.place += 1
        return self.data[self.place - 1]

    def varint(self):
        number = shift = 0
        while (part := self.byte()) > 127:
            number |= (part & 127) << shift
            shift += 7
        return number | part << shift

    def number(self):
        raw = self.varint()
        return raw >> 1 ^ -(raw & 1)

    def value(self, kind):
        if kind in {TRUE, FALSE}:
            return kind == TRUE
        if kind == BYTE:
            return self.byte()
        if kind in {I32, I64}:
            return self.number()
        if kind == BINARY:
            length = self.varint()
            self.place += length
            return bytes(self.data[self.place - length : self.place])
        if kind == LIST:
            return self.list()
        assert kind == STRUCT, kind
        return self.struct()

    def list(self):
        mark = self.byte()
        count = self.varint() if mark >> 4 == 15 else mark >> 4
        return mark & 15, [self.value(mark & 15) for _ in range(count)]

    def struct(self):
        fields, last = {}, 0
        while mark := self.byte():
            last = last + (mark >> 4) if mark >> 4 else self.number()
            fields[last] = (mark & 15, self.value(mark & 15))
        return fields


def encoded(kind, value):
    """Give the bytes of a value; ``Raw`` is taken as it is."""
    if isinstance(value, Raw):
        return value
    return _ENCODED[kind](value)


def _list(value):
    inner, values = value
    return listed(inner, len(values)) + b"".join(encoded(inner, v) for v in values)


class Raw(bytes):
    """Bytes that stand for a value, right or wrong."""


def listed(kind, count):
    """Give the beginning of a list that claims ``count`` values."""
    return (
        bytes([count << 4 | kind])
        if count < 15
        else bytes([240 | kind]) + varint(count)
    )


def packed(fields):
    """Give the bytes of a struct."""
    parts, last = [], 0
    for number, (kind, value) in sorted(fields.items()):
        mark = (FALSE if value is False else TRUE) if kind in {TRUE, FALSE} else kind
        step = number - last
        head = (
            bytes([step << 4 | mark]) if step < 16 else bytes([mark]) + zigzag(number)
        )
        parts += [head, encoded(kind, value)]
        last = number
    return b"".join(parts) + b"\0"


_ENCODED = {
    TRUE: lambda _: b"",
    FALSE: lambda _: b"",
    BYTE: lambda value: bytes([value]),
    I32: zigzag,
    I64: zigzag,
    BINARY: lambda value: varint(len(value)) + value,
    LIST: _list,
    STRUCT: packed,
}

# --- files -----------------------------------------------------------------------


def sealed(data):
    """Give bytes with a digest that fits, if there is a place for one."""
    data = bytearray(data)
    place = data.rfind(KEY) + len(KEY)
    if place >= len(KEY):
        data[place : place + 64] = b"0" * 64
        data[place : place + 64] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


def joined(body, footer):
    """Give a file of its body and its footer, sealed."""
    return sealed(body + footer + struct.pack("<I", len(footer)) + b"PAR1")


class Forged:
    """A file in pieces: its body, and its footer as nested fields."""

    def __init__(self, data):
        size = struct.unpack("<I", data[-8:-4])[0]
        self.body = data[: -8 - size]
        self.footer = Reader(data[-8 - size : -8]).struct()

    def whole(self):
        """Give the file again, sealed."""
        return joined(self.body, packed(self.footer))

    @property
    def groups(self):
        """Give the row groups."""
        return self.footer[4][1][1]

    def chunk(self, column, group=0):
        """Give what the footer says of a column in a group."""
        return self.groups[group][1][1][1][column][3][1]

    def columns(self):
        """Give the names of the columns."""
        return [each[4][1].decode() for each in self.footer[2][1][1][1:]]

    def put(self, column, *pages):
        """Replace what a column holds in the first group by pages, and tell so."""
        chunks = self.groups[0][1][1][1]
        bodies = []
        for chunk in chunks:
            start = chunk[3][1].get(11, chunk[3][1][9])[1]
            bodies.append(self.body[start : start + chunk[3][1][7][1]])
        bodies[column] = b"".join(pages)
        self.body = b"PAR1"
        for chunk, body in zip(chunks, bodies, strict=True):
            chunk[3][1][9] = (I64, len(self.body))
            chunk[3][1].pop(11, None)
            chunk[3][1][7] = (I64, len(body))
            self.body += body

    def told(self):
        """Give what the JSON header says."""
        pairs = {pair[1][1]: pair[2][1] for pair in self.footer[5][1][1]}
        return json.loads(pairs[b"esbench.header"])

    def header(self, **changes):
        """Change what the JSON header says."""
        text = json.dumps(self.told() | changes).encode()
        for pair in self.footer[5][1][1]:
            if pair[1][1] == b"esbench.header":
                pair[2] = (BINARY, text)


def page(data, size, count, encoding=0, kind=DATA, packed_size=None):
    """Give a page: its header claims ``size`` bytes and ``count`` values.

    Args:
        data: what follows the header, compressed.
        size: the bytes that it claims to hold.
        count: the values that it claims to hold.
        encoding: 0 plain, 5 packed deltas, 7 deltas of texts, 8 numbers of a
            dictionary.
        kind: a page of data, or a dictionary.
        packed_size: the compressed size that it claims; the real one unless said.
    """
    inner = {1: (I32, count), 2: (I32, encoding)}
    if kind == DATA:
        inner |= {3: (I32, 3), 4: (I32, 3)}
    told = len(data) if packed_size is None else packed_size
    fields = {1: (I32, kind), 2: (I32, size), 3: (I32, told)}
    return packed(fields | {5 if kind == DATA else 7: (STRUCT, inner)}) + data


def zeros(size, first=b""):
    """Give a Zstandard frame that begins with ``first`` and goes on in zeros.

    128 kB of zeros take four bytes, so two gigabytes take 64 kB.
    """
    block = 131_072
    parts = [b"\x28\xb5\x2f\xfd", b"\x00\x50"]  # no size told, a window of a megabyte
    if first:
        parts.append((len(first) << 3).to_bytes(3, "little") + first)
    left = size - len(first)
    while left > 0:
        part = min(block, left)
        left -= part
        parts.append((part << 3 | 2 | (left == 0)).to_bytes(3, "little") + b"\0")
    return b"".join(parts)


def reseal(path):
    """Give a changed file on disk a digest that fits."""
    Path(path).write_bytes(sealed(Path(path).read_bytes()))
