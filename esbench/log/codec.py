"""Events to columns and back, without a loss.

What lives here: the table of one commit from its rows, and the recorded events of a
table.
The guarantee: ``decode(encode(rows))`` equals the rows, as Python values and types,
for declared and for unknown event types.
What it may not know: files, chains, who asks.

A null in a field's column means "the field's default". What a column can't say stands
in ``payload``, as JSON: nested fields, a None where the default is something else,
and everything that an event of an undeclared type holds.

Arrays are packed by hand: building them through pyarrow's general door would import
pandas, which takes longer than the whole commit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from esbench.errors import InvalidEvent
from esbench.event import (
    Event,
    Metadata,
    RecordedEvent,
    Registry,
    UnknownEvent,
    rebuild,
)
from esbench.fields import fields_of, json_hints, json_value
from esbench.log.schema import ENVELOPE, OPTIONAL, Schema, TypeRecord
from esbench.moments import micros

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_NO_METADATA = Metadata()
_DAY_ZERO = date(1970, 1, 1)

# --- to columns ------------------------------------------------------------------


def arrow_type(kind: str) -> pa.DataType:
    """Return the Arrow type that keeps values of ``kind``."""
    import pyarrow as pa

    if kind.startswith("decimal"):
        return pa.decimal128(18, int(kind[8:-1]))
    simple: dict[str, Callable[[], pa.DataType]] = {
        "text": pa.string,
        "int": pa.int64,
        "bool": pa.bool_,
        "float": pa.float64,
        "time": lambda: pa.timestamp("us", "UTC"),
        "date": pa.date32,
        "bytes": pa.binary,
    }
    return simple[kind]()


def encode(rows: Sequence[RecordedEvent], schema: Schema) -> pa.Table:
    """Return the columns of a commit: all that ``schema`` knows, in its order.

    Args:
        rows: the events in position order.
        schema: everything that these rows use.
    """
    import pyarrow as pa

    columns = schema.columns()
    values = {name: [None] * len(rows) for name in columns}
    for index, row in enumerate(rows):
        for name, value in _cells(row).items():
            values[name][index] = value
    arrays = [_packed(columns[name], values[name], name) for name in columns]
    return pa.Table.from_arrays(arrays, names=list(columns))


def uses(row: RecordedEvent) -> set[str]:
    """Return the optional columns that one event needs."""
    return OPTIONAL.keys() & _cells(row).keys()


def _cells(row: RecordedEvent) -> dict[str, Any]:
    """Return the columns of one event that hold something."""
    cells: dict[str, Any] = {name: getattr(row, name) for name in ENVELOPE}
    if row.metadata is not _NO_METADATA:
        for name in Metadata.__struct_fields__:
            if (text := getattr(row.metadata, name)) is not None:
                cells[name] = text
    if row.given_id is not None:
        cells["event_id"] = row.given_id
    payload = _fill(cells, row.event)
    if payload:
        cells["payload"] = msgspec.json.encode(payload).decode()
    return cells


def _fill(cells: dict[str, Any], event: Event | UnknownEvent) -> dict[str, Any]:
    """Put the event's fields into its cells; return what has no column."""
    if isinstance(event, UnknownEvent):
        return event.data
    payload = {}
    for field in fields_of(type(event)):
        value = getattr(event, field.name)
        if field.kind.name == "json" or (value is None and field.default is not None):
            payload[field.name] = value
        elif value is not None:
            cells[field.name] = value
    return payload


def _packed(kind: str, values: list[Any], name: str) -> pa.Array:
    """Return an Arrow array of ``values``, None meaning null."""
    import pyarrow as pa

    missing = values.count(None)
    dtype = arrow_type(kind)
    if missing == len(values):
        return pa.nulls(len(values), dtype)
    valid = _bits([value is not None for value in values]) if missing else None
    try:
        data = _buffers(kind, values)
    except (struct.error, TypeError, AttributeError, ValueError, OverflowError):
        raise InvalidEvent(
            f"{name} holds a value that is no {kind}: make events by calling their "
            "type, which checks them"
        ) from None
    buffers = [valid, *(pa.py_buffer(part) for part in data)]
    return pa.Array.from_buffers(dtype, len(values), buffers, missing)


def _bits(flags: Sequence[bool]) -> pa.Buffer:
    import pyarrow as pa

    number = sum(1 << index for index, flag in enumerate(flags) if flag)
    return pa.py_buffer(number.to_bytes((len(flags) + 7) // 8, "little"))


def _buffers(kind: str, values: list[Any]) -> list[bytes]:
    """Return the data buffers of an array, without its validity."""
    if kind in {"text", "bytes"}:
        return _text_buffers(values, kind)
    count = len(values)
    if kind == "bool":
        return [_bits([value is True for value in values]).to_pybytes()]
    if kind == "float":
        return [struct.pack(f"<{count}d", *[value or 0.0 for value in values])]
    if kind.startswith("decimal"):
        scale = int(kind[8:-1])
        return [b"".join(_unscaled(value, scale) for value in values)]
    numbers = [0 if value is None else _NUMBER[kind](value) for value in values]
    return [struct.pack(f"<{count}{'i' if kind == 'date' else 'q'}", *numbers)]


_NUMBER: dict[str, Callable[[Any], int]] = {
    "int": lambda value: value,
    "time": micros,
    "date": lambda value: (value - _DAY_ZERO).days,
}


def _unscaled(value: Decimal | None, scale: int) -> bytes:
    number = 0 if value is None else int(value.scaleb(scale))
    return number.to_bytes(16, "little", signed=True)


def _text_buffers(values: list[Any], kind: str) -> list[bytes]:
    parts = [value or b"" for value in values]
    if kind == "text":
        parts = [value.encode() if value else b"" for value in values]
    ends = [0]
    for part in parts:
        ends.append(ends[-1] + len(part))
    return [struct.pack(f"<{len(ends)}i", *ends), b"".join(parts)]


# --- and back --------------------------------------------------------------------


def decode(
    frame: pl.DataFrame, schema: Schema, registry: Registry
) -> Iterator[RecordedEvent]:
    """Yield the recorded events of a frame, in its row order.

    Args:
        frame: columns as a file holds them; optional and later ones may be absent.
        schema: what the log knows of its event types.
        registry: the types that this program declares; others become ``UnknownEvent``.
    """
    columns = _Columns(frame)
    names = columns["type"]
    makers = {
        name: _maker(name, columns, schema, registry) for name in dict.fromkeys(names)
    }
    metadata = _metadata(columns, frame.height)
    cells = zip(
        names,
        columns["aggregate_id"],
        columns["version"],
        columns["position"],
        columns["occurred_at"],
        columns["recorded_at"],
        columns["schema_version"],
        columns["event_id"],
        metadata,
        strict=True,
    )
    for index, (name, key, version, position, occurred, recorded, *rest) in enumerate(
        cells
    ):
        yield RecordedEvent(
            event=makers[name](index),
            aggregate_id=key,
            version=version,
            position=position,
            occurred_at=occurred.replace(tzinfo=UTC),
            recorded_at=recorded.replace(tzinfo=UTC),
            schema_version=rest[0],
            given_id=rest[1],
            metadata=rest[2],
        )


class _Columns(dict[str, list[Any]]):
    """The columns of a frame as lists, made when first asked for."""

    def __init__(self, frame: pl.DataFrame) -> None:
        super().__init__()
        self._frame = frame

    def __missing__(self, name: str) -> list[Any]:
        self[name] = _listed(self._frame, name)
        return self[name]


def _listed(frame: pl.DataFrame, name: str) -> list[Any]:
    import polars as pl

    if name not in frame.columns:
        return [None] * frame.height
    column = frame.get_column(name)
    if isinstance(column.dtype, pl.Datetime):
        column = column.dt.replace_time_zone(None)
    return column.to_list()


def _metadata(columns: _Columns, count: int) -> Sequence[Metadata]:
    users, conversations, causes = (
        columns[name] for name in Metadata.__struct_fields__
    )
    if not any(map(any, (users, conversations, causes))):
        return [_NO_METADATA] * count
    return list(map(_metadata_of, users, conversations, causes))


@lru_cache(maxsize=1024)
def _metadata_of(user: str, conversation: str, cause: str) -> Metadata:
    if user is conversation is cause is None:
        return _NO_METADATA
    return Metadata(user_id=user, correlation_id=conversation, causation_id=cause)


def _maker(
    name: str, columns: _Columns, schema: Schema, registry: Registry
) -> Callable[[int], Event | UnknownEvent]:
    cls = registry.classes.get(name)
    if cls is not None:
        return _typed_maker(cls, columns)
    return _unknown_maker(name, columns, schema.types.get(name))


def _typed_maker(cls: type[Event], columns: _Columns) -> Callable[[int], Event]:
    fields = fields_of(cls)
    flat = [
        (field.name, columns[field.name], field.default, field.kind.name == "time")
        for field in fields
        if field.kind.name != "json"
    ]
    nested = json_hints(cls)
    payloads = columns["payload"]

    def make(index: int) -> Event:
        values = {}
        for name, column, default, is_time in flat:
            value = column[index]
            if value is None:
                value = default
            elif is_time:
                value = value.replace(tzinfo=UTC)
            values[name] = value
        if (text := payloads[index]) is not None:
            for name, value in msgspec.json.decode(text).items():
                hint = nested.get(name)
                values[name] = value if value is None else json_value(hint, value)
        return rebuild(cls, values)

    return make


def _unknown_maker(
    name: str, columns: _Columns, record: TypeRecord | None
) -> Callable[[int], UnknownEvent]:
    fields = record.fields if record else ()
    payloads = columns["payload"]

    def make(index: int) -> UnknownEvent:
        text = payloads[index]
        payload = {} if text is None else msgspec.json.decode(text)
        data = {}
        for field in fields:
            value = None if field.kind == "json" else columns[field.name][index]
            if field.name in payload:
                value = payload.pop(field.name)
            elif value is None:
                value = field.value()
            elif field.kind == "time":
                value = value.replace(tzinfo=UTC)
            data[field.name] = value
        return UnknownEvent(type=name, data=data | payload)

    return make
