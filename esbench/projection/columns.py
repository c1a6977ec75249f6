"""The column engine: every key's state at once, by one query over columns.

What lives here: a declaration turned into narwhals expressions, so that the same
query runs on polars, DuckDB and whatever else narwhals speaks.
The guarantee: a query gives exactly what folding the same events step by step gives:
decimals with their declared places, whole numbers that never wrap, ``first`` and
``last`` by position whatever the order of the rows, sorted by key.
What it may not know: logs, Python states, pictures.

How ``first`` and ``last`` work: the one grouping that adds up everything also finds
the position at which each of them is decided (the smallest or largest of its types);
the values at those positions are joined on at the end. ``series`` uses the same two
halves with a cumulation in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.structs import replace

from esbench.errors import InvalidFrame
from esbench.projection.reducers import Key, Reducer, Source, places_of

if TYPE_CHECKING:
    import narwhals as nw

NEEDED = ("position", "aggregate_id", "type", "occurred_at")


class Pick(Struct, frozen=True):
    """One decision of ``first`` or ``last`` among some types, shared by its fields.

    Attributes:
        column: the name of the column with the position that decides.
        last: whether the largest position decides, not the smallest.
        types: the names of the event types that are looked at.
        fields: the reducers that read their value there.
    """

    column: str
    last: bool
    types: tuple[str, ...]
    fields: tuple[Reducer, ...]


def picks(reducers: Iterable[Reducer]) -> list[Pick]:
    """Group the ``first`` and ``last`` reducers by what decides them."""
    groups: dict[tuple[str, frozenset[str]], list[Reducer]] = {}
    for reducer in reducers:
        if reducer.how in {"first", "last"}:
            groups.setdefault((reducer.how, reducer.types), []).append(reducer)
    return [
        Pick(f"@{number}", how == "last", tuple(sorted(types)), tuple(fields))
        for number, ((how, types), fields) in enumerate(groups.items())
    ]


def query(native: Any, reducers: Sequence[Reducer], key: Key, zone: str) -> Any:
    """Return every key's state, lazily, in the kind of frame that came in.

    Args:
        native: a polars LazyFrame, a DuckDB relation or another lazy frame that
            narwhals knows, with the log's columns.
        reducers: the fields of the state, in order.
        key: what to group by.
        zone: the zone in which days and months are counted.

    Raises:
        InvalidFrame: a column of the log is missing, or the frame counts days in
            another zone.
    """
    events = named(native, reducers, key, zone)
    wide = chosen(events, parts(events, reducers, [key.name]), reducers)
    return narrow(wide, reducers, [key.name]).sort(key.name).to_native()


def named(
    native: Any, reducers: Sequence[Reducer], key: Key, zone: str
) -> nw.LazyFrame[Any]:
    """Return the events that some reducer names, with the key as a column."""
    import narwhals as nw

    frame = nw.from_native(native).lazy()
    if missing := set(NEEDED) - set(frame.collect_schema().names()):
        raise InvalidFrame(
            f"the frame has no column {', '.join(sorted(missing))}: give the frame "
            "that log.scan() gives, or a relation over log.files()"
        )
    types = sorted(frozenset().union(*(reducer.types for reducer in reducers)))
    frame = _whole(frame.filter(nw.col("type").is_in(types)), reducers)
    return _by_day(frame, key, zone) if key.time else frame


def _by_day(frame: nw.LazyFrame[Any], key: Key, zone: str) -> nw.LazyFrame[Any]:
    try:
        return frame.with_columns(_day(key, zone).alias(key.name))
    except NotImplementedError:
        raise InvalidFrame(
            "DuckDB counts days in the zone of its connection, which is another one: "
            f"run SET TimeZone = '{zone}' there first"
        ) from None


def _day(key: Key, zone: str) -> nw.Expr:
    """The local day of the key's time; the first of its month for a month."""
    import narwhals as nw

    local = nw.col(key.time).dt.convert_time_zone(zone)
    day = local.dt.replace_time_zone(None).dt.date()
    return day.dt.truncate("1mo").cast(nw.Date) if key.name == "month" else day


def _whole(frame: nw.LazyFrame[Any], reducers: Iterable[Reducer]) -> nw.LazyFrame[Any]:
    """Add the columns of fields that no event in the frame has ever had."""
    known = set(frame.collect_schema().names())
    absent = {
        source.field: _nothing(reducer.kind)
        for reducer in reducers
        for source in reducer.sources
        if source.field and source.field not in known
    }
    return frame.with_columns(**absent) if absent else frame


def _nothing(kind: str) -> nw.Expr:
    """A null of a kind; DuckDB has no zone but its connection's to cast a time to."""
    import narwhals as nw

    if kind == "time":
        return nw.when(nw.col("position").is_null()).then(nw.col("occurred_at"))
    return nw.lit(None).cast(dtype(kind))


def _constant(value: Any, kind: str) -> nw.Expr:
    """A constant of a kind; a time brings its zone with it."""
    import narwhals as nw

    return nw.lit(value) if kind == "time" else nw.lit(value).cast(dtype(kind))


# --- adding up -------------------------------------------------------------------


def parts(
    events: nw.LazyFrame[Any], reducers: Sequence[Reducer], by: list[str]
) -> nw.LazyFrame[Any]:
    """Return one row a group: the sums and extremes, and the deciding positions.

    Whole numbers stay wide (38 digits) here, so that nothing wraps on the way.
    """
    aggregates = [
        _aggregate(reducer).alias(reducer.name)
        for reducer in reducers
        if reducer.how not in {"first", "last"}
    ]
    decided = [_position(pick).alias(pick.column) for pick in picks(reducers)]
    return events.group_by(*by).agg(*aggregates, *decided)


def _aggregate(reducer: Reducer) -> nw.Expr:
    import narwhals as nw

    if reducer.how == "count":
        return nw.col("type").is_in(sorted(reducer.types)).cast(nw.Int64).sum()
    if reducer.how == "total":
        return _cases(reducer.sources, reducer).sum()
    columns = [_column(reducer, name) for name in _fields(reducer)]
    largest = reducer.how == "largest"
    found = [column.max() if largest else column.min() for column in columns]
    if len(found) == 1:
        return found[0]
    return nw.max_horizontal(*found) if largest else nw.min_horizontal(*found)


def _fields(reducer: Reducer) -> list[str]:
    return list(dict.fromkeys(str(source.field) for source in reducer.sources))


def _column(reducer: Reducer, field: str) -> nw.Expr:
    """One column where the reducer reads it, null elsewhere."""
    read = [source for source in reducer.sources if source.field == field]
    return _cases(read, reducer)


def _cases(sources: Iterable[Source], reducer: Reducer) -> nw.Expr:
    """What each row gives, by the type of its event; null for other types."""
    import narwhals as nw

    recipes: dict[str, list[Source]] = {}
    for source in sources:
        recipes.setdefault(source.type, []).append(source)
    groups: dict[str, list[str]] = {}
    for name, recipe in recipes.items():
        alike = repr([replace(source, type="") for source in recipe])
        groups.setdefault(alike, []).append(name)
    chain: Any = nw
    for types in groups.values():
        given = _given(recipes[types[0]], reducer)
        chain = chain.when(nw.col("type").is_in(types)).then(given)
    return cast("nw.Expr", chain)


def _given(sources: Sequence[Source], reducer: Reducer) -> nw.Expr:
    """What an event of one type gives; only a total reads several of its fields."""
    values = [_value(source, reducer) for source in sources]
    if len(values) == 1:
        return values[0]
    nothing = _constant(0, reducer.kind if reducer.places else "decimal(0)")
    return reduce(add, (value.fill_null(nothing) for value in values))


def _value(source: Source, reducer: Reducer) -> nw.Expr:
    import narwhals as nw

    if source.field is None:
        return _constant(source.value, reducer.kind)
    value = nw.col(source.field)
    if not (source.nullable or source.value is None):
        value = value.fill_null(_constant(source.value, reducer.kind))
    if reducer.how == "total" and reducer.kind == "int":
        value = value.cast(nw.Decimal(38, 0))
    if reducer.how in {"largest", "smallest"} and reducer.kind == "float":
        value = nw.when(value == 0.0).then(nw.lit(0.0)).otherwise(value)  # one zero
    return -value if source.sign < 0 else value


def _position(pick: Pick) -> nw.Expr:
    import narwhals as nw

    position = nw.when(nw.col("type").is_in(pick.types)).then(nw.col("position"))
    return position.max() if pick.last else position.min()


# --- reading the values that were decided ----------------------------------------


def chosen(
    events: nw.LazyFrame[Any], found: nw.LazyFrame[Any], reducers: Sequence[Reducer]
) -> nw.LazyFrame[Any]:
    """Join the values of ``first`` and ``last`` on, by the positions that decide."""
    import narwhals as nw

    for pick in picks(reducers):
        values = events.filter(nw.col("type").is_in(pick.types)).select(
            nw.col("position").alias(pick.column),
            *(_cases(field.sources, field).alias(field.name) for field in pick.fields),
        )
        found = found.join(values, on=pick.column, how="left")
    return found


def narrow(
    wide: nw.LazyFrame[Any], reducers: Sequence[Reducer], by: list[str]
) -> nw.LazyFrame[Any]:
    """Return the key and the fields alone, in order and in their final types.

    A total of whole numbers that does not fit into 64 bits makes the query fail.
    """
    import narwhals as nw

    return wide.select(*by, *(_final(reducer, nw.col) for reducer in reducers))


def _final(reducer: Reducer, col: Any) -> nw.Expr:
    value = col(reducer.name)
    if reducer.kind == "time":
        return cast("nw.Expr", value)
    return cast("nw.Expr", value.cast(dtype(reducer.kind)))


def dtype(kind: str) -> Any:
    """Return the narwhals type of a kind, as states have it."""
    import narwhals as nw

    places = places_of(kind)
    if places is not None:
        return nw.Decimal(38, places)
    return {
        "text": nw.String(),
        "int": nw.Int64(),
        "bool": nw.Boolean(),
        "float": nw.Float64(),
        "time": nw.Datetime("us", "UTC"),
        "date": nw.Date(),
        "bytes": nw.Binary(),
    }[kind]
