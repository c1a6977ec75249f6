"""Many rows at once: recorded events made columns, type by type, and their file.

What lives here: the frame of a large append, its aggregates, and its content.
The guarantee: a frame gives the same bytes and the same chain as its rows would, one
by one; rows for which that is not plain give no frame.
What it may not know: files, stores, versions that others hold.

One by one, an event costs thirty microseconds; by column, about five.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from esbench.event import NO_METADATA, Event, Metadata, RecordedEvent
from esbench.fields import Field, fields_of, unscaled
from esbench.log.chain import link
from esbench.log.codec import arrow_type, dtype
from esbench.log.file import SMALL
from esbench.moments import micros

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import pyarrow as pa

    Numbers = np.ndarray[Any, np.dtype[np.int64]]

_PYTHON: dict[str, type] = {
    "text": str,
    "int": int,
    "bool": bool,
    "float": float,
    "time": datetime,
    "date": date,
    "bytes": bytes,
}


class Keys:
    """The aggregates of some rows: which there are, and the rows of each.

    Attributes:
        names: the aggregates, sorted.
        order: the places of the rows, by aggregate and then as they came.
        counts: how many rows each aggregate has.
    """

    def __init__(self, column: pl.Series) -> None:
        import numpy as np
        import polars as pl

        self.names = column.unique().sort()
        codes = column.cast(pl.Enum(self.names)).to_physical().to_numpy()
        self.order: Numbers = np.argsort(codes, kind="stable")
        self.counts: Numbers = np.bincount(codes)

    def versions(self, start: Numbers) -> Numbers:
        """Return each row's version, ``start`` being those before, by aggregate."""
        import numpy as np

        ends = np.cumsum(self.counts)
        place = np.arange(1, len(self.order) + 1)
        counted = place + np.repeat(start - (ends - self.counts), self.counts)
        versions: Numbers = np.empty_like(counted)
        versions[self.order] = counted
        return versions


class Frame:
    """Many rows, in the columns of a frame."""

    def __init__(self, frame: pl.DataFrame, keys: Keys) -> None:
        self._frame, self._keys = frame, keys

    def chain(self, previous: str) -> str:
        """Return the chain after these rows, that before them being ``previous``."""
        return link(previous, self._frame)

    def table(self, columns: Mapping[str, str]) -> pa.Table:
        """Return the rows as a file holds them; many are sorted by aggregate."""
        import polars as pl
        import pyarrow as pa

        missing = [
            pl.lit(None, dtype(kind)).alias(name)
            for name, kind in columns.items()
            if name not in self._frame.columns
        ]
        frame = self._frame.with_columns(missing).select(list(columns))
        if frame.height > SMALL:
            frame = frame[self._keys.order]
        wanted = pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])
        return frame.to_arrow().cast(wanted)


# --- from events -----------------------------------------------------------------


def frame_of(
    rows: Sequence[RecordedEvent], kinds: Mapping[str, str]
) -> pl.DataFrame | None:
    """Return rows as columns; None where they have to be looked at one by one.

    Args:
        rows: consecutive rows.
        kinds: the kind of every column that they may use.
    """
    import polars as pl

    try:
        cells = {**_envelope(rows), **_fields([row.event for row in rows])}
        return pl.DataFrame(
            [_series(name, kinds[name], values) for name, values in cells.items()]
        )
    except _Unplain:
        return None
    except (TypeError, ValueError, AttributeError, OverflowError):
        return None  # and who looks at them one by one tells which it is


class _Unplain(Exception):
    """There is something that a column can't say, or a value of another type."""


def _envelope(rows: Sequence[RecordedEvent]) -> dict[str, list[Any]]:
    """Return the columns that all events have, and the optional ones in use."""
    cells: dict[str, list[Any]] = {
        name: list(map(attrgetter(name), rows))
        for name in ("position", "aggregate_id", "version", "type", "schema_version")
    }
    for name in ("occurred_at", "recorded_at"):
        cells[name] = _micros([getattr(row, name) for row in rows])
    ids = [row.given_id for row in rows]
    if any(ids):
        cells["event_id"] = ids
    metadata = [row.metadata for row in rows]
    if any(given is not NO_METADATA for given in metadata):
        for name in Metadata.__struct_fields__:
            texts = list(map(attrgetter(name), metadata))
            if any(texts):
                cells[name] = texts
    return cells


def _micros(times: Sequence[datetime]) -> list[int]:
    """Return times in microseconds since 1970; one and the same is counted once."""
    if all(time is times[0] for time in times):
        return [micros(times[0])] * len(times)
    return list(map(micros, times))


def _fields(events: Sequence[Any]) -> dict[str, list[Any]]:
    """Return the columns of the events' own fields."""
    places: dict[type, list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        places[type(event)].append(place)
    cells: dict[str, list[Any]] = {}
    for cls, own in places.items():
        if not issubclass(cls, Event):
            raise _Unplain
        whose = events if len(places) == 1 else [events[place] for place in own]
        for field in fields_of(cls):
            values = _values(field, whose)
            column = cells.setdefault(field.name, [None] * len(events))
            for place, value in zip(own, values, strict=True):
                column[place] = value
    return cells


def _values(field: Field, events: Iterable[Event]) -> list[Any]:
    """Return a field's values, in the numbers that a column keeps."""
    kind = field.kind.name
    values = list(map(attrgetter(field.name), events))
    types = set(map(type, values))
    if kind == "json" or not types <= {_PYTHON.get(kind, Decimal), type(None)}:
        raise _Unplain
    if field.default is not None and type(None) in types:
        raise _Unplain
    if kind == "time":
        return [None if value is None else micros(value) for value in values]
    if kind.startswith("decimal"):
        places = int(kind[8:-1])
        return [None if v is None else unscaled(v, places) for v in values]
    return values


def _series(name: str, kind: str, values: list[Any]) -> pl.Series:
    import polars as pl

    if not kind.startswith("decimal"):
        numbers = pl.Int64() if kind == "time" else dtype(kind)
        return pl.Series(name, values, numbers, strict=True).cast(dtype(kind))
    return pl.Series(name, _decimals(values, kind), dtype(kind))


def _decimals(values: list[int | None], kind: str) -> pa.Array:
    """Return whole numbers of the last place as decimals, sixteen bytes each."""
    import numpy as np
    import pyarrow as pa

    missing = np.array([value is None for value in values])
    words = np.zeros((len(values), 2), "<i8")
    words[:, 0] = [0 if value is None else value for value in values]
    words[:, 1] = words[:, 0] >> 63
    valid = np.packbits(~missing, bitorder="little") if missing.any() else None
    buffers = [None if b is None else pa.py_buffer(b) for b in (valid, words)]
    return pa.Array.from_buffers(arrow_type(kind), len(values), buffers)
