"""A whole frame as events: every value checked, over columns, before one is stored.

What lives here: turning a frame of any library into typed columns, and holding its
rows against the declared event types.
The guarantee: a frame comes out whole, as if each row had been made as an event, or
is refused whole, with its first ten bad rows named.
What it may not know: the log, its versions and times; stores; Parquet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from esbench.errors import InvalidFrame, shorten
from esbench.event import Event, Registry
from esbench.fields import Field, fields_of, kind_named
from esbench.log.codec import dtype
from esbench.moments import moment

if TYPE_CHECKING:
    import polars as pl

SHOWN = 10
OWN: Mapping[str, str] = {
    "aggregate_id": "text",
    "type": "text",
    "occurred_at": "time",
    "recorded_at": "time",
    "event_id": "text",
    "user_id": "text",
    "correlation_id": "text",
    "causation_id": "text",
    "expected_version": "int",
}


class Bad:
    """Bad rows, collected so that the first ones can be shown."""

    def __init__(self) -> None:
        self._shown: dict[int, str] = {}
        self._places: set[int] = set()

    def add(self, mask: pl.Series, reason: str) -> None:
        """Note the rows where ``mask`` is true."""
        self.add_rows(dict.fromkeys(mask.fill_null(value=False).arg_true(), reason))

    def add_rows(self, reasons: dict[int, str]) -> None:
        """Note rows by number, each with its reason."""
        self._places.update(reasons)
        for place in sorted(reasons)[:SHOWN]:
            self._shown.setdefault(place, reasons[place])

    def refuse_any(self) -> None:
        """Raise if a row was noted."""
        if not self._places:
            return
        shown = tuple(sorted(self._shown.items())[:SHOWN])
        count = len(self._places)
        first = f"the first {SHOWN} of them" if count > SHOWN else "these"
        raise InvalidFrame(
            f"{count} bad row{'s' * (count > 1)}, nothing was stored; mend {first}:",
            shown,
        )


def checked(frame: Any, registry: Registry) -> pl.DataFrame:
    """Return the rows with all columns of the declared types, as the log keeps them.

    Nulls have become defaults, and nested fields one JSON text, ``payload``.

    Args:
        frame: polars, pandas or pyarrow.
        registry: the event types that a row may have.

    Raises:
        InvalidFrame: missing or unknown columns, wrong types, bad rows.
    """
    rows = _polars(frame)
    fields = {f.name: f for cls in registry.classes.values() for f in fields_of(cls)}
    _check_columns(rows, fields)
    bad = Bad()
    rows = rows.with_columns(
        _typed(rows.get_column(name), OWN.get(name) or fields[name].kind.name, bad)
        for name in rows.columns
    )
    _check_own(rows, registry, bad)
    rows = _with_payload(_with_fields(rows, fields, registry, bad), registry, bad)
    bad.refuse_any()
    return rows


def _polars(frame: Any) -> pl.DataFrame:
    """Return any frame as polars, or say which kinds are taken."""
    import narwhals as nw

    try:
        wrapped = nw.from_native(frame, eager_only=True)
    except TypeError:
        raise InvalidFrame(
            f"{type(frame).__name__} is no frame: give a polars or pandas DataFrame, "
            "or a pyarrow Table"
        ) from None
    rows: pl.DataFrame = wrapped.to_polars()
    if not rows.height:
        raise InvalidFrame("the frame has no rows: give at least one")
    return rows


def _check_columns(rows: pl.DataFrame, fields: Mapping[str, Field]) -> None:
    for name in ("aggregate_id", "type"):
        if name not in rows.columns:
            raise InvalidFrame(f"the frame has no column {name}: add it")
    if unknown := [name for name in rows.columns if name not in {*OWN, *fields}]:
        raise InvalidFrame(
            f"no declared event has a field {', '.join(unknown[:5])}: leave these "
            f"columns out, or open the log with the type; fields: {', '.join(fields)}"
        )


def _check_own(rows: pl.DataFrame, registry: Registry, bad: Bad) -> None:
    """Note rows without a name or a known type, and empty texts."""
    for name, kind in OWN.items():
        if name in rows.columns and kind == "text":
            bad.add(rows.get_column(name) == "", f"{name} is empty")
    for name in ("aggregate_id", "type"):
        bad.add(rows.get_column(name).is_null(), f"{name} is missing")
    types = rows.get_column("type")
    known = ", ".join(registry.classes) or "none"
    for name in types.unique().drop_nulls().to_list():
        if name and name not in registry.classes:
            reason = f"unknown event type {shorten(name)!r}; this log has: {known}"
            bad.add(types == name, reason)


# --- columns ---------------------------------------------------------------------


def _typed(column: pl.Series, kind: str, bad: Bad) -> pl.Series:
    """Return a column as the log keeps values of ``kind``; JSON waits for its type."""
    import polars as pl

    if kind == "json":
        return column
    if column.dtype == pl.Null:
        return column.cast(dtype(kind))
    if column.dtype == pl.String and kind != "text":
        return _parsed(column, kind, bad)
    return _CONVERT[kind.partition("(")[0]](column, kind, bad)


def _wrong(column: pl.Series, wanted: str, hint: str) -> InvalidFrame:
    return InvalidFrame(
        f"column {column.name} is {column.dtype}, {wanted} is needed: {hint}"
    )


def _parsed(column: pl.Series, kind: str, bad: Bad) -> pl.Series:
    """Return amounts, times and days from texts, each distinct one read once."""
    import polars as pl

    if kind not in {"time", "date"} and not kind.startswith("decimal"):
        raise _wrong(column, kind, f"cast it to {dtype(kind)}")
    read = moment if kind == "time" else kind_named(kind).coerce
    known: dict[str | None, Any] = {None: None}
    refused: dict[str, str] = {}
    for text in column.unique().drop_nulls().to_list():
        try:
            known[text] = read(text)
        except (ValueError, TypeError) as error:
            known[text] = None
            refused[text] = f"{column.name}: {error}"
    texts = column.to_list()
    if refused:
        bad.add_rows({i: refused[t] for i, t in enumerate(texts) if t in refused})
    return pl.Series(column.name, [known[text] for text in texts], dtype=dtype(kind))


def _texts(column: pl.Series, kind: str, _: Bad) -> pl.Series:
    import polars as pl

    if not isinstance(column.dtype, pl.String | pl.Categorical | pl.Enum):
        raise _wrong(column, kind, f"cast it, e.g. col({column.name!r}).cast(str)")
    return column.cast(pl.String)


def _integers(column: pl.Series, _: str, bad: Bad) -> pl.Series:
    import polars as pl

    if not column.dtype.is_integer():
        raise _wrong(column, "a whole number", "cast it to Int64")
    narrow = column.cast(pl.Int64, strict=False)
    bad.add(
        narrow.is_null() & column.is_not_null(),
        f"{column.name} does not fit into 64 bits",
    )
    return narrow


def _floats(column: pl.Series, kind: str, bad: Bad) -> pl.Series:
    import polars as pl

    if not (column.dtype.is_integer() or column.dtype.is_float()):
        raise _wrong(column, kind, f"cast it to {dtype(kind)}")
    wide = column.cast(pl.Float64)
    bad.add(~wide.is_finite(), f"{column.name} is not finite")
    if column.dtype.is_integer():
        back = wide.cast(column.dtype, strict=False)
        bad.add(back.ne_missing(column), f"{column.name} is no float without rounding")
    return wide


def _times(column: pl.Series, _: str, bad: Bad) -> pl.Series:
    import polars as pl

    wanted, example = "a time with a zone", "write e.g. '2024-01-15T10:30:00Z'"
    if not isinstance(column.dtype, pl.Datetime):
        raise _wrong(column, wanted, example)
    if column.dtype.time_zone is None:
        give = f"col({column.name!r}).dt.replace_time_zone('UTC')"
        raise _wrong(column, wanted, f"give it a zone, e.g. {give}")
    times = column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    if column.dtype.time_unit == "ns":
        back = times.dt.cast_time_unit("ns").to_physical()
        bad.add(
            back != column.to_physical(), f"{column.name} is finer than a microsecond"
        )
    return _within_years(times, bad)


def _plain(column: pl.Series, kind: str, bad: Bad) -> pl.Series:
    """Return days, truth values and bytes, which come in one type only."""
    if column.dtype != dtype(kind):
        raise _wrong(column, kind, f"cast it to {dtype(kind)}")
    return _within_years(column, bad) if kind == "date" else column


def _within_years(column: pl.Series, bad: Bad) -> pl.Series:
    """Note times that Python has no year for."""
    years = column.dt.year()
    if not column.is_empty() and years.null_count() < len(years):
        bad.add(
            ~years.is_between(1, 9999), f"{column.name} is outside the years 1 to 9999"
        )
    return column


def _decimals(column: pl.Series, kind: str, bad: Bad) -> pl.Series:
    """Return exact decimals; floats are refused, sizes and places are checked."""
    import polars as pl

    wanted = dtype(kind)
    assert isinstance(wanted, pl.Decimal)
    if column.dtype.is_float():
        exact = f"col({column.name!r}).round({wanted.scale}).cast({wanted})"
        hint = f"floats can't hold money exactly; give text or Decimal, e.g. {exact}"
        raise _wrong(column, "an exact amount", hint)
    if not (column.dtype.is_integer() or column.dtype.is_decimal()):
        raise _wrong(column, "an amount", "write text, e.g. '12.50'")
    scale = getattr(column.dtype, "scale", 0)
    wide = column.cast(pl.Decimal(38, max(scale, wanted.scale)), strict=False)
    kept = wide.cast(wanted, strict=False)
    large = f"{column.name} is too large: at most 18 digits are kept"
    bad.add(kept.is_null() & column.is_not_null(), large)
    fine = (
        f"{column.name} has more than {wanted.scale} decimal places: round it yourself"
    )
    bad.add(kept.cast(wide.dtype) != wide, fine)
    return kept


_CONVERT: Mapping[str, Callable[[pl.Series, str, Bad], pl.Series]] = {
    "text": _texts,
    "int": _integers,
    "float": _floats,
    "decimal": _decimals,
    "time": _times,
    "date": _plain,
    "bool": _plain,
    "bytes": _plain,
}


# --- rows against their types ----------------------------------------------------


def _present(
    rows: pl.DataFrame, registry: Registry
) -> Iterator[tuple[type[Event], pl.Series]]:
    """Yield each declared type that has rows, and which rows those are."""
    types = rows.get_column("type")
    for name in types.unique(maintain_order=True).drop_nulls().to_list():
        if name in registry.classes:
            yield registry.classes[name], types.eq_missing(name)


def _with_fields(
    rows: pl.DataFrame, fields: Mapping[str, Field], registry: Registry, bad: Bad
) -> pl.DataFrame:
    """Return the rows with a column for every flat field, defaults filled in."""
    import polars as pl

    rows = rows.with_columns(
        pl.lit(None, pl.Null() if f.kind.name == "json" else dtype(f.kind.name)).alias(
            n
        )
        for n, f in fields.items()
        if n not in rows.columns
    )
    for cls, mine in _present(rows, registry):
        own = {field.name: field for field in fields_of(cls)}
        for name in fields.keys() - own.keys():
            filled = mine & rows.get_column(name).is_not_null()
            bad.add(filled, f"{cls.__name__} has no field {name}")
        for field in own.values():
            rows = _with_field(rows, field, cls.__name__, mine, bad)
    return rows


def _with_field(
    rows: pl.DataFrame, field: Field, owner: str, mine: pl.Series, bad: Bad
) -> pl.DataFrame:
    """Check one field of one type; fill its default in."""
    import polars as pl

    column = rows.get_column(field.name)
    empty = mine & column.is_null()
    if field.required and not field.nullable:
        bad.add(empty, f"{owner} needs {field.name}")
    if field.kind.name == "text" and field.kind is not kind_named("text"):
        for value in column.filter(mine).unique().drop_nulls().to_list():
            if reason := _refusal(field, value):
                bad.add(mine & (column == value), f"{owner}.{field.name}: {reason}")
    if field.default is None or field.kind.name == "json" or not empty.any():
        return rows
    default = pl.lit(field.default, dtype(field.kind.name))
    filled = pl.when(empty).then(default).otherwise(column)
    return rows.with_columns(filled.alias(field.name))


def _refusal(field: Field, value: str) -> str | None:
    """Return why one of a few texts (a ``Literal``) is refused."""
    try:
        field.kind.coerce(value)
    except ValueError as error:
        return str(error)
    return None


def _with_payload(rows: pl.DataFrame, registry: Registry, bad: Bad) -> pl.DataFrame:
    """Return the rows with their nested fields as one JSON text."""
    import polars as pl

    texts: list[str | None] = [None] * rows.height
    nested: set[str] = set()
    for cls, mine in _present(rows, registry):
        own = [field for field in fields_of(cls) if field.kind.name == "json"]
        nested.update(field.name for field in own)
        if own:
            columns = [rows.get_column(field.name).to_list() for field in own]
            for place in mine.arg_true():
                values = [column[place] for column in columns]
                texts[place] = _payload(own, values, cls.__name__, place, bad)
    if not nested:
        return rows
    return rows.drop(nested).with_columns(pl.Series("payload", texts, dtype=pl.String))


def _payload(
    fields: list[Field], values: list[Any], owner: str, place: int, bad: Bad
) -> str | None:
    """Return the nested fields of one row; a text is read as JSON itself."""
    payload = {}
    try:
        for field, value in zip(fields, values, strict=True):
            plain = msgspec.json.decode(value) if isinstance(value, str) else value
            payload[field.name] = (
                field.default if plain is None else field.coerce(plain, owner)
            )
    except ValueError as error:
        bad.add_rows({place: str(error)})
        return None
    return msgspec.json.encode(payload).decode()
