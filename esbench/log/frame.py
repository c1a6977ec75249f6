"""Appending a whole frame: every row checked, over columns, before one is stored.

What lives here: turning a frame into the columns of one commit.
The guarantee: the frame is taken as a whole or refused as a whole, with its first ten
bad rows named; what is taken reads back as if each row had been appended by itself.
What it may not know: stores, Parquet.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from esbench.errors import (
    ConcurrencyError,
    DuplicateEvent,
    InvalidEvent,
    InvalidFrame,
    shorten,
)
from esbench.event import Event, Registry
from esbench.fields import Field, fields_of
from esbench.log.codec import arrow_type
from esbench.log.draft import Commit, Ready
from esbench.log.past import dtype
from esbench.log.schema import OPTIONAL, Schema
from esbench.moments import from_micros, micros, moment

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from esbench.log.view import View

SHOWN = 10
OWN = (
    "aggregate_id type occurred_at recorded_at event_id user_id correlation_id "
    "causation_id expected_version"
).split()


class Rows(Struct, frozen=True, kw_only=True):
    """A checked frame: typed columns, ``payload`` where needed, and what was given."""

    frame: Any
    given: frozenset[str]


class _Bad:
    """Bad rows, collected until there are enough to show."""

    def __init__(self) -> None:
        self._rows: dict[int, str] = {}
        self.count = 0

    def add(self, mask: pl.Series, reason: str) -> None:
        """Note the rows where ``mask`` is true."""
        places = mask.fill_null(value=False).arg_true()
        self.count += len(places)
        for place in places.head(SHOWN).to_list():
            self._rows.setdefault(place, reason)

    def add_row(self, place: int, reason: str) -> None:
        """Note one row."""
        self.count += 1
        if len(self._rows) < SHOWN:
            self._rows.setdefault(place, reason)

    def refuse_any(self, what: str = "nothing was stored") -> None:
        """Raise if a row was noted."""
        if self.count:
            shown = sorted(self._rows.items())[:SHOWN]
            more = f" (the first {len(shown)})" if self.count > len(shown) else ""
            raise InvalidFrame(
                f"{self.count} bad rows, {what}; mend them{more}:", tuple(shown)
            )


def checked(frame: Any, registry: Registry) -> Rows:
    """Return the frame's rows, typed as the log keeps them.

    Raises:
        InvalidFrame: missing or unknown columns, wrong types, bad rows.
    """
    rows = _polars(frame)
    fields = _fields(registry)
    _check_columns(rows, fields)
    bad = _Bad()
    columns = [
        _text_column(rows, name, bad)
        for name in OWN
        if name in rows.columns
        and name not in {"occurred_at", "recorded_at", "expected_version"}
    ]
    columns += [
        _time_column(rows.get_column(name), bad)
        for name in ("occurred_at", "recorded_at")
        if name in rows.columns
    ]
    if "expected_version" in rows.columns:
        columns.append(_integers(rows.get_column("expected_version"), bad))
    columns += [
        _field_column(rows.get_column(name), field, bad)
        for name, field in fields.items()
        if name in rows.columns
    ]
    bad.refuse_any()
    typed = _with_defaults(rows.select(columns), registry, bad)
    bad.refuse_any()
    return Rows(frame=typed, given=frozenset(rows.columns))


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


def _fields(registry: Registry) -> dict[str, Field]:
    """Return every declared field by name; a name means one thing in a log."""
    return {
        field.name: field
        for cls in registry.classes.values()
        for field in fields_of(cls)
    }


def _check_columns(rows: pl.DataFrame, fields: dict[str, Field]) -> None:
    for name in ("aggregate_id", "type"):
        if name not in rows.columns:
            raise InvalidFrame(f"the frame has no column {name}: add it")
    if unknown := [name for name in rows.columns if name not in {*OWN, *fields}]:
        raise InvalidFrame(
            f"no declared event has a field {', '.join(unknown[:5])}: leave these "
            f"columns out, or open the log with the type; fields: {', '.join(fields)}"
        )


def _wrong(column: pl.Series, wanted: str, hint: str) -> InvalidFrame:
    return InvalidFrame(
        f"column {column.name} is {column.dtype}, {wanted} is needed: {hint}"
    )


def _text_column(rows: pl.DataFrame, name: str, bad: _Bad) -> pl.Series:
    column = _texts(rows.get_column(name))
    if name in {"aggregate_id", "type"}:
        bad.add(column.is_null(), f"{name} is missing")
    bad.add(column == "", f"{name} is empty")
    return column


def _texts(column: pl.Series) -> pl.Series:
    import polars as pl

    if column.dtype == pl.Null:
        return column.cast(pl.String)
    if not isinstance(column.dtype, pl.String | pl.Categorical | pl.Enum):
        raise _wrong(column, "text", f"cast it, e.g. col({column.name!r}).cast(str)")
    return column.cast(pl.String)


def _time_column(column: pl.Series, bad: _Bad) -> pl.Series:
    import polars as pl

    kind = column.dtype
    if kind == pl.String:
        return _each(column, moment, dtype("time"), bad)
    if not isinstance(kind, pl.Datetime):
        raise _wrong(column, "a time with a zone", "write e.g. '2024-01-15T10:30:00Z'")
    if kind.time_zone is None:
        raise _wrong(
            column,
            "a time with a zone",
            f"give it a zone, e.g. col({column.name!r}).dt.replace_time_zone('UTC')",
        )
    return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")


def _each(column: pl.Series, convert: Any, kind: pl.DataType, bad: _Bad) -> pl.Series:
    """Convert value by value, each distinct one once."""
    import polars as pl

    places: dict[Any, Any] = {}
    values: list[Any] = []
    for place, value in enumerate(column.to_list()):
        if value is None:
            values.append(None)
            continue
        try:
            if value not in places:
                places[value] = convert(value)
        except (InvalidEvent, ValueError, TypeError) as error:
            bad.add_row(place, f"{column.name}: {error}")
            places[value] = None
        values.append(places[value])
    return pl.Series(column.name, values, dtype=kind)


def _integers(column: pl.Series, bad: _Bad) -> pl.Series:
    import polars as pl

    if column.dtype != pl.Null and not column.dtype.is_integer():
        raise _wrong(column, "a whole number", "cast it to Int64")
    narrow = column.cast(pl.Int64, strict=False)
    bad.add(
        narrow.is_null() & column.is_not_null(),
        f"{column.name} does not fit into 64 bits",
    )
    return narrow


def _field_column(column: pl.Series, field: Field, bad: _Bad) -> pl.Series:
    """Return a field's column as the log keeps it; JSON fields as JSON text."""
    import polars as pl

    base = field.kind.name.partition("(")[0]
    if column.dtype == pl.Null and base != "json":
        return column.cast(dtype(field.kind.name))
    if base == "decimal":
        return _decimals(column, field, bad)
    if base == "text":
        return _checked_texts(_texts(column), field, bad)
    if base == "int":
        return _integers(column, bad)
    if base == "time":
        return _time_column(column, bad)
    if base == "json":
        return _each_json(column, field, bad)
    return _plain(column, field, bad)


def _checked_texts(column: pl.Series, field: Field, bad: _Bad) -> pl.Series:
    """Check the distinct values: a Literal takes only some."""
    refused = {}
    for value in column.unique().drop_nulls().head(1_000).to_list():
        try:
            field.kind.coerce(value)
        except (ValueError, msgspec.ValidationError) as error:
            refused[value] = str(error)
    for value, reason in refused.items():
        bad.add(column == value, f"{field.name}: {reason}")
    return column


def _plain(column: pl.Series, field: Field, bad: _Bad) -> pl.Series:
    """Return booleans, floats, days and bytes."""
    import polars as pl

    kind = dtype(field.kind.name)
    if column.dtype == pl.String and field.kind.name == "date":
        return _each(column, field.kind.coerce, kind, bad)
    fits = column.dtype == kind or (kind == pl.Float64 and column.dtype.is_numeric())
    if not fits:
        raise _wrong(column, field.kind.name, f"cast it to {kind}")
    column = column.cast(kind)
    if kind == pl.Float64:
        bad.add(~column.is_finite(), f"{field.name} is not finite")
    return column


def _decimals(column: pl.Series, field: Field, bad: _Bad) -> pl.Series:
    """Return exact decimals; floats are refused, texts and scales are checked."""
    import polars as pl

    kind = dtype(field.kind.name)
    assert isinstance(kind, pl.Decimal)
    if column.dtype.is_float():
        raise _wrong(
            column,
            "an exact amount",
            "floats can't hold money exactly; give text or Decimal, e.g. "
            f"col({column.name!r}).round({kind.scale}).cast(pl.Decimal(18, "
            f"{kind.scale}))",
        )
    if column.dtype == pl.String:
        return _each(column, field.kind.coerce, kind, bad)
    if not (column.dtype.is_integer() or column.dtype.is_decimal()):
        raise _wrong(column, "an amount", "write text, e.g. '12.50'")
    wide = column.cast(
        pl.Decimal(
            38,
            max(kind.scale, column.dtype.scale or 0)
            if isinstance(column.dtype, pl.Decimal)
            else kind.scale,
        )
    )
    exact = wide.cast(kind, strict=False)
    bad.add(
        exact.is_null() & column.is_not_null(),
        f"{field.name} is too large: at most 18 digits are kept",
    )
    bad.add(
        exact.cast(wide.dtype) != wide,
        f"{field.name} has more than {kind.scale} decimal places: round it yourself",
    )
    return exact


def _each_json(column: pl.Series, field: Field, bad: _Bad) -> pl.Series:
    """Return JSON texts of nested values; a text is read as JSON itself."""
    import polars as pl

    texts: list[str | None] = []
    for place, value in enumerate(column.to_list()):
        try:
            plain = msgspec.json.decode(value) if isinstance(value, str) else value
            kept = None if plain is None else field.kind.coerce(plain)
            texts.append(None if kept is None else msgspec.json.encode(kept).decode())
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            bad.add_row(place, f"{field.name}: {error}")
            texts.append(None)
    return pl.Series(column.name, texts, dtype=pl.String)


# --- rows against their types ----------------------------------------------------


def _with_defaults(rows: pl.DataFrame, registry: Registry, bad: _Bad) -> pl.DataFrame:
    """Return the rows with defaults filled in; note those that their type refuses."""
    import polars as pl

    names = rows.get_column("type")
    for name in names.unique().to_list():
        if name not in registry.classes:
            bad.add(
                names == name,
                f"unknown event type {shorten(name)!r}; this log was opened with "
                f"{', '.join(registry.classes) or 'none'}",
            )
    fields = _fields(registry)
    nested = [f for f in fields.values() if f.kind.name == "json"]
    missing = [
        pl.lit(
            None, pl.String() if f.kind.name == "json" else dtype(f.kind.name)
        ).alias(f.name)
        for f in fields.values()
        if f.name not in rows.columns
    ]
    rows = rows.with_columns(missing)
    for name, cls in registry.classes.items():
        rows = _one_type(rows, name, cls, fields, bad)
    return _with_payload(rows, registry, [field.name for field in nested])


def _one_type(
    rows: pl.DataFrame,
    name: str,
    cls: type[Event],
    fields: dict[str, Field],
    bad: _Bad,
) -> pl.DataFrame:
    import polars as pl

    mine = rows.get_column("type") == name
    if not mine.any():
        return rows
    own = {field.name: field for field in fields_of(cls)}
    filled = []
    for field_name in fields:
        column = rows.get_column(field_name)
        field = own.get(field_name)
        if field is None:
            bad.add(mine & column.is_not_null(), f"{name} has no field {field_name}")
        elif field.required and not field.nullable:
            bad.add(mine & column.is_null(), f"{name} needs {field_name}")
        elif field.default is not None and field.kind.name != "json":
            default = pl.lit(field.default, dtype(field.kind.name))
            empty = pl.col("type").eq(name) & pl.col(field_name).is_null()
            filled.append(
                pl.when(empty).then(default).otherwise(field_name).alias(field_name)
            )
    return rows.with_columns(filled)


def _with_payload(
    rows: pl.DataFrame, registry: Registry, nested: list[str]
) -> pl.DataFrame:
    """Return the rows with their nested fields as one JSON text."""
    import polars as pl

    if not nested:
        return rows
    owners = {
        name: [f for f in fields_of(cls) if f.kind.name == "json"]
        for name, cls in registry.classes.items()
    }
    texts = []
    for row in rows.select("type", *nested).iter_rows(named=True):
        payload = {
            field.name: field.default
            if row[field.name] is None
            else msgspec.Raw(row[field.name].encode())
            for field in owners[row["type"]]
        }
        texts.append(msgspec.json.encode(payload).decode() if payload else None)
    return rows.drop(nested).with_columns(pl.Series("payload", texts, dtype=pl.String))


# --- rows against the log --------------------------------------------------------


def decided_frame(
    rows: Rows, view: View, registry: Registry, now: datetime, clock: datetime
) -> Ready | Commit:
    """Return what is to be written, or the first result of a repeat.

    Raises:
        InvalidFrame: holes in versions, recorded times that fall or lie ahead.
        ConcurrencyError: an expected version is stale.
        DuplicateEvent: a known event id, or one that stands twice.
    """
    import polars as pl

    frame: pl.DataFrame = rows.frame
    if "event_id" in rows.given and (repeated := _repeat(frame, view, registry)):
        return repeated
    frame = _with_times(frame, rows.given, view, now, clock)
    frame = _with_versions(frame, rows.given, view)
    first = view.head.position + 1
    frame = frame.with_columns(
        pl.int_range(first, first + frame.height, dtype=pl.Int64).alias("position"),
        pl.col("type")
        .replace_strict(
            {name: cls.schema_version for name, cls in registry.classes.items()},
            return_dtype=pl.Int64,
        )
        .alias("schema_version"),
    )
    schema = view.schema.grown(registry)
    schema = schema.using(
        name
        for name in OPTIONAL
        if name in frame.columns and frame.get_column(name).null_count() < frame.height
    )
    return _ready(frame, schema, "recorded_at" in rows.given)


def _ready(frame: pl.DataFrame, schema: Schema, imported: bool) -> Ready:  # noqa: FBT001 - from one place
    occurred = frame.get_column("occurred_at").to_physical()
    recorded = frame.get_column("recorded_at").to_physical()
    versions = (
        frame.lazy().group_by("aggregate_id").last().select("aggregate_id", "version")
    )
    return Ready(
        table=_table(frame, schema),
        schema=schema,
        commit=Commit(
            first=frame.item(0, "position"),
            last=frame.item(-1, "position"),
            versions=dict(versions.collect().iter_rows()),
            recorded_at=from_micros(recorded[-1]),
        ),
        occurred=(_whole(occurred.min()), _whole(occurred.max())),
        recorded=(recorded[0], recorded[-1]),
        imported=imported,
    )


def _whole(value: object) -> int:
    assert isinstance(value, int), "times are whole microseconds"
    return value


def _table(frame: pl.DataFrame, schema: Schema) -> pa.Table:
    """Return the frame as the columns of a file."""
    import polars as pl
    import pyarrow as pa

    columns = schema.columns()
    missing = [
        pl.lit(None, dtype(kind)).alias(name)
        for name, kind in columns.items()
        if name not in frame.columns
    ]
    table = frame.with_columns(missing).select(list(columns)).to_arrow()
    wanted = pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])
    return table.cast(wanted)


def _with_times(
    frame: pl.DataFrame,
    given: Iterable[str],
    view: View,
    now: datetime,
    clock: datetime,
) -> pl.DataFrame:
    """Return the rows with both times; recorded ones are sorted and not ahead."""
    import polars as pl

    recorded = pl.lit(now, dtype("time"))
    if "recorded_at" in given:
        _check_recorded(frame.get_column("recorded_at"), view, clock)
        recorded = pl.col("recorded_at")
    frame = frame.with_columns(recorded.alias("recorded_at"))
    occurred = pl.col("recorded_at")
    if "occurred_at" in frame.columns:
        occurred = pl.coalesce("occurred_at", "recorded_at")
    return frame.with_columns(occurred.alias("occurred_at"))


def _check_recorded(column: pl.Series, view: View, clock: datetime) -> None:
    bad = _Bad()
    numbers = column.to_physical()
    bad.add(column.is_null(), "recorded_at is missing")
    bad.add(numbers < numbers.cum_max().shift(), "recorded_at falls: sort the rows")
    bad.add(numbers > micros(clock), "recorded_at lies in the future")
    if view.commits:
        last = from_micros(view.recorded).isoformat()
        bad.add(
            numbers < view.recorded,
            f"recorded_at is before the log's last event ({last})",
        )
    bad.refuse_any()


def _with_versions(
    frame: pl.DataFrame, given: Iterable[str], view: View
) -> pl.DataFrame:
    """Return the rows with their versions, held against the expected ones."""
    import polars as pl

    versions = view.versions()
    keys = frame.get_column("aggregate_id").unique()
    start = pl.DataFrame(
        {
            "aggregate_id": keys,
            "start": [versions.get(key, 0) for key in keys.to_list()],
        },
        schema_overrides={"start": pl.Int64},
    )
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("aggregate_id")
    frame = frame.join(start, on="aggregate_id", how="left", maintain_order="left")
    frame = frame.with_columns((pl.col("start") + place).alias("version"))
    if "expected_version" in given:
        _check_expected(frame)
    return frame.drop("start")


def _check_expected(frame: pl.DataFrame) -> None:
    """Refuse a stale first version of an aggregate, and holes between rows."""
    import polars as pl

    off = pl.col("expected_version") != pl.col("version") - 1
    firsts = frame.filter(off & (pl.col("version") == pl.col("start") + 1))
    bad = _Bad()
    wrong = frame.select(off).to_series()
    if firsts.height:
        row = firsts.row(0, named=True)
        raise ConcurrencyError(
            row["aggregate_id"], row["expected_version"], row["start"]
        )
    bad.add(wrong, "expected_version leaves a hole between versions")
    bad.refuse_any()


# --- repeats ---------------------------------------------------------------------


def _repeat(frame: pl.DataFrame, view: View, registry: Registry) -> Commit | None:
    """Return the first result if all rows are stored already, None if none is."""
    import polars as pl

    pair = ["aggregate_id", "event_id"]
    given = frame.select(pair).drop_nulls()
    if given.is_duplicated().any():
        twice = given.filter(given.is_duplicated()).item(0, "event_id")
        raise DuplicateEvent(f"event_id {shorten(twice)} stands twice: use two ids")
    _refuse_own_form(given)
    if "event_id" not in view.schema.optional:
        return None
    stored = pl.concat(
        [
            piece.lazy().filter(pl.col("event_id").is_not_null())
            for piece in view.pieces
            if "event_id" in piece.lazy().collect_schema().names()
        ],
        how="diagonal",
    )
    known = stored.join(given.lazy(), on=pair, how="semi").sort("position").collect()
    if not known.height:
        return None
    if not _is_same(frame, known):
        example = known.item(0, "event_id")
        raise DuplicateEvent(
            f"{known.height} event ids, such as {shorten(example)}, were appended "
            "before with other content, company or expected version: leave these rows "
            "out, or give new events new ids"
        )
    last = known.row(-1, named=True)
    versions = known.group_by("aggregate_id").agg(pl.col("version").last())
    return Commit(
        first=known.item(0, "position"),
        last=last["position"],
        versions=dict(versions.iter_rows()),
        recorded_at=from_micros(micros(last["recorded_at"])),
    )


def _refuse_own_form(given: pl.DataFrame) -> None:
    import polars as pl

    own = pl.col("event_id").str.strip_prefix(pl.col("aggregate_id") + pl.lit("/"))
    taken = given.filter((own != pl.col("event_id")) & own.str.contains(r"^\d+$"))
    if taken.height:
        raise InvalidEvent(
            f"event_id {shorten(taken.item(0, 'event_id'))} looks like the id that "
            "the log gives by itself: choose another form"
        )


def _is_same(frame: pl.DataFrame, known: pl.DataFrame) -> bool:
    """Tell whether the rows would write just what is stored, at the same versions."""
    import polars as pl

    if frame.height != known.height:
        return False
    if known.item(-1, "position") - known.item(0, "position") != known.height - 1:
        return False
    if "expected_version" in frame.columns:
        off = frame.get_column("expected_version") != known.get_column("version") - 1
        if off.any():
            return False
    stored = known.with_columns(
        pl.when(pl.col("occurred_at") == pl.col("recorded_at"))
        .then(None)
        .otherwise("occurred_at")
        .alias("occurred_at")
    )
    names = [name for name in frame.columns if name != "expected_version"]
    if "recorded_at" in names or "occurred_at" in names:
        stored = known
    for name in names:
        mine = frame.get_column(name)
        if name not in stored.columns:
            if mine.null_count() < len(mine):
                return False
        elif not mine.equals(stored.get_column(name)):
            return False
    return True
