"""Events to columns and back, without a loss.

What lives here: the table of one commit from its rows, and the recorded events of a
table.
The guarantee: decoding what was stored gives the rows again, as Python values and
types, for declared and for unknown event types.
What it may not know: files, chains, who asks.

A null in a field's column means "the field's default". What a column can't say stands
in ``payload``, as JSON: nested fields, a None where the default is something else,
and everything that an event of an undeclared type holds.

Arrays are packed by hand: building them through pyarrow's general door would import
pandas, which takes longer than the whole commit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec

from esbench.errors import InvalidEvent
from esbench.event import (
    NO_METADATA,
    Event,
    Metadata,
    RecordedEvent,
    Registry,
    UnknownEvent,
    rebuild,
    rebuilder,
)
from esbench.fields import fields_of, payload_of, unscaled
from esbench.log.chain import Word
from esbench.log.schema import FieldRecord, Schema, TypeRecord
from esbench.moments import EPOCH, from_micros, micros

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_DAY_ZERO = date(1970, 1, 1)
MANY = 512  # rows from which on picking them in polars is quicker

# --- to columns ------------------------------------------------------------------


@cache
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


def dtype(kind: str) -> pl.DataType:
    """Return the polars type of a column of ``kind``."""
    import polars as pl

    if kind.startswith("decimal"):
        return pl.Decimal(18, arrow_type(kind).scale)
    simple: dict[str, pl.DataType] = {
        "text": pl.String(),
        "int": pl.Int64(),
        "bool": pl.Boolean(),
        "float": pl.Float64(),
        "time": pl.Datetime("us", "UTC"),
        "date": pl.Date(),
        "bytes": pl.Binary(),
    }
    return simple[kind]


def stored(row: RecordedEvent, kinds: Mapping[str, str]) -> dict[str, Word]:
    """Return the values of one event as its file and its chain hold them, by column.

    Args:
        row: the event.
        kinds: the kind of every column that it may use.

    Raises:
        InvalidEvent: a value that is not of its column's kind.
    """
    words = {}
    for name, value in _cells(row).items():
        try:
            words[name] = _word(kinds[name], value)
        except (TypeError, AttributeError, ValueError, OverflowError, struct.error):
            raise InvalidEvent(
                f"{name} holds a value that is no {kinds[name]}: make events by "
                "calling their type, which checks them"
            ) from None
    return words


def _cells(row: RecordedEvent) -> dict[str, Any]:
    """Return the columns of one event that hold something."""
    cells: dict[str, Any] = {
        "position": row.position,
        "aggregate_id": row.aggregate_id,
        "version": row.version,
        "type": row.type,
        "schema_version": row.schema_version,
        "occurred_at": row.occurred_at,
        "recorded_at": row.recorded_at,
    }
    if row.metadata is not NO_METADATA:
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


def _word(kind: str, value: Any) -> Word:
    """Return eight bytes for a value, and the text that they are the length of."""
    if kind == "text":
        text = value.encode()
        return len(text).to_bytes(8, "little"), text
    if kind == "bytes":
        text = value.hex().encode()
        return len(text).to_bytes(8, "little"), text
    if kind == "float":
        return struct.pack("<d", value), b""
    if kind in _DECIMALS:
        number = unscaled(value, int(kind[8:-1]))
    else:
        number = _NUMBER[kind](value)
    return number.to_bytes(8, "little", signed=True), b""


_DECIMALS = {f"decimal({places})" for places in range(19)}
_NUMBER: dict[str, Callable[[Any], int]] = {
    "int": lambda value: value,
    "bool": lambda value: value is True,
    "time": micros,
    "date": lambda value: (value - _DAY_ZERO).days,
}


def table(rows: Sequence[Mapping[str, Word]], columns: Mapping[str, str]) -> pa.Table:
    """Return rows from ``stored`` as the columns of a file.

    Args:
        rows: the values of each row, by column.
        columns: the kind of every column, in the order of the file.
    """
    import pyarrow as pa

    return pa.Table.from_arrays(
        [
            _packed(kind, [row.get(name) for row in rows])
            for name, kind in columns.items()
        ],
        names=list(columns),
    )


def _packed(kind: str, words: list[Word | None]) -> pa.Array:
    """Return an Arrow array of values, None meaning null."""
    import pyarrow as pa

    missing = words.count(None)
    if missing == len(words):
        return pa.nulls(len(words), arrow_type(kind))
    valid = _bits([word is not None for word in words]) if missing else None
    buffers = [
        None if b is None else pa.py_buffer(b) for b in (valid, *_data(kind, words))
    ]
    return pa.Array.from_buffers(arrow_type(kind), len(words), buffers, missing)


def _bits(flags: Sequence[bool]) -> bytes:
    number = sum(1 << index for index, flag in enumerate(flags) if flag)
    return number.to_bytes((len(flags) + 7) // 8, "little")


_NOTHING = b"\0" * 8
_SIGN = (b"\0" * 8, b"\xff" * 8)


def _data(kind: str, words: list[Word | None]) -> list[bytes]:
    """Return the data buffers of an array, without its validity."""
    if kind in {"text", "bytes"}:
        texts = [b"" if word is None else word[1] for word in words]
        if kind == "bytes":
            texts = [bytes.fromhex(text.decode()) for text in texts]
        ends = accumulate(map(len, texts), initial=0)
        return [struct.pack(f"<{len(words) + 1}i", *ends), b"".join(texts)]
    numbers = [_NOTHING if word is None else word[0] for word in words]
    if kind == "bool":
        return [_bits([number[0] == 1 for number in numbers])]
    if kind == "date":
        return [b"".join(number[:4] for number in numbers)]
    if kind in _DECIMALS:  # Arrow's have sixteen bytes
        return [b"".join(number + _SIGN[number[7] >> 7] for number in numbers)]
    return [b"".join(numbers)]


# --- and back --------------------------------------------------------------------


def decode(
    frame: pl.DataFrame, schema: Schema, registry: Registry
) -> Iterator[RecordedEvent]:
    """Return the recorded events of a frame, in its row order.

    Args:
        frame: columns as a file holds them; optional and later ones may be absent.
        schema: what the log knows of its event types.
        registry: the types that this program declares; others become ``UnknownEvent``.
    """
    columns = _Columns(frame)
    return map(
        RecordedEvent,
        _events(columns, schema, registry),
        columns["aggregate_id"],
        columns["version"],
        columns["position"],
        columns["occurred_at"],
        columns["recorded_at"],
        columns["schema_version"],
        columns["event_id"],
        _metadata(columns),
    )


def decode_pairs(
    frame: pl.DataFrame, schema: Schema, registry: Registry
) -> Iterator[tuple[str, Event | UnknownEvent]]:
    """Return the aggregate and the event alone of each row; takes what decode takes."""
    columns = _Columns(frame)
    events = _events(columns, schema, registry)
    return zip(columns["aggregate_id"], events, strict=True)


class _Columns(dict[str, list[Any]]):
    """The columns of a frame as lists, made when first asked for."""

    def __init__(self, frame: pl.DataFrame) -> None:
        super().__init__()
        self._frame = frame
        self.height = frame.height

    def __missing__(self, name: str) -> list[Any]:
        known = name in self._frame.columns
        self[name] = (
            _listed(self._frame.get_column(name)) if known else [None] * self.height
        )
        return self[name]

    def by_type(self) -> Iterator[tuple[str, Sequence[int], _Columns]]:
        """Yield each event type, its rows, and their columns."""
        names = self["type"]
        kinds = dict.fromkeys(names)
        if len(kinds) == 1:
            yield names[0], range(self.height), self
        elif self.height < MANY:
            for kind in kinds:
                places = [place for place, name in enumerate(names) if name == kind]
                yield kind, places, _Picked(self, places)
        else:
            types = self._frame.get_column("type")
            for kind in kinds:
                rows = (types == kind).arg_true()
                yield kind, rows.to_numpy(), _Gathered(self._frame, rows)


class _Picked(_Columns):
    """Some rows of a few columns."""

    def __init__(self, whole: _Columns, places: Sequence[int]) -> None:
        super().__init__(whole._frame)
        self._whole, self._places = whole, places
        self.height = len(places)

    def __missing__(self, name: str) -> list[Any]:
        column = self._whole[name]
        self[name] = [column[place] for place in self._places]
        return self[name]


class _Gathered(_Columns):
    """Some rows of many columns."""

    def __init__(self, frame: pl.DataFrame, rows: pl.Series) -> None:
        super().__init__(frame)
        self._rows = rows
        self.height = len(rows)

    def __missing__(self, name: str) -> list[Any]:
        if name not in self._frame.columns:
            return super().__missing__(name)
        self[name] = _listed(self._frame.get_column(name).gather(self._rows))
        return self[name]


class _Amounts(dict[str | None, Decimal | None]):
    """Decimals by their text; the same amounts come again and again."""

    def __missing__(self, text: str) -> Decimal:
        self[text] = amount = Decimal(text)
        return amount


def _listed(column: pl.Series) -> list[Any]:
    import polars as pl

    if isinstance(column.dtype, pl.Decimal) and len(column) >= MANY:
        amounts = _Amounts({None: None})
        return [amounts[text] for text in column.cast(pl.String).to_list()]
    if not isinstance(column.dtype, pl.Datetime):
        return column.to_list()
    numbers = column.to_physical()
    if numbers.null_count():
        return [None if n is None else from_micros(n) for n in numbers.to_list()]
    # Adding to 1970 in C is ten times faster than giving each time its zone.
    return list(map(EPOCH.__add__, numbers.to_numpy().astype("m8[us]").tolist()))


def _metadata(columns: _Columns) -> Sequence[Metadata]:
    given = [columns[name] for name in Metadata.__struct_fields__]
    if not any(map(any, given)):
        return [NO_METADATA] * columns.height
    return list(map(_metadata_of, *given))


@lru_cache(maxsize=1024)
def _metadata_of(user: str, conversation: str, cause: str) -> Metadata:
    if user is conversation is cause is None:
        return NO_METADATA
    return Metadata(user_id=user, correlation_id=conversation, causation_id=cause)


def _events(
    columns: _Columns, schema: Schema, registry: Registry
) -> list[Event | UnknownEvent]:
    """Return the events alone, made type by type."""
    import numpy as np

    events = np.empty(columns.height, dtype=object)
    for name, places, own in columns.by_type():
        cls = registry.classes.get(name)
        made: Iterator[Event | UnknownEvent]
        if cls is None:
            made = _unknown(name, own, schema.types.get(name))
        else:
            made = _typed(cls, own)
        if own is columns:
            return list(made)
        events[places] = list(made)
    found: list[Event | UnknownEvent] = events.tolist()
    return found


def _typed(cls: type[Event], columns: _Columns) -> Iterator[Event]:
    fields = fields_of(cls)
    flat = {
        field.name: _filled(columns[field.name], field.default)
        for field in fields
        if field.kind.name != "json"
    }
    texts = columns["payload"]
    if flat and len(flat) == len(fields) and not any(texts):
        return map(rebuilder(cls), *flat.values())
    return _nested(cls, flat, texts)


def _filled(column: list[Any], default: Any) -> list[Any]:
    """Return a column with nulls as ``default``."""
    if default is None:
        return column
    return [default if value is None else value for value in column]


def _nested(
    cls: type[Event], flat: dict[str, list[Any]], texts: list[str | None]
) -> Iterator[Event]:
    payload = payload_of(cls)
    for index, text in enumerate(texts):
        values = {name: column[index] for name, column in flat.items()}
        if text is not None:
            values |= payload.decode(text)
        yield rebuild(cls, values)


def _unknown(
    name: str, columns: _Columns, record: TypeRecord | None
) -> Iterator[UnknownEvent]:
    fields = record.fields if record else ()
    for place, text in enumerate(columns["payload"]):
        payload = {} if text is None else msgspec.json.decode(text)
        data = {
            field.name: payload.pop(field.name)
            if field.name in payload
            else _flat_value(field, columns, place)
            for field in fields
        }
        yield UnknownEvent(type=name, data=data | payload)


def _flat_value(field: FieldRecord, columns: _Columns, place: int) -> Any:
    value = None if field.kind == "json" else columns[field.name][place]
    return field.value() if value is None else value
