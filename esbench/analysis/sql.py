"""The same questions as SQL for DuckDB, over the files of a log.

What lives here: literals, the rows of a past, and a field as an aggregate.
The guarantee: a query written here gives the same rows as the call that it stands for;
names and values from events are quoted, never pasted as SQL.
What it may not know: how a report is shown.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from esbench.analysis.measure import Measure
from esbench.errors import InvalidFrame
from esbench.projection.reducers import Reducer, Source

if TYPE_CHECKING:
    from esbench.log import Coordinates, Readable

NOT_HERE = "a plain evolve runs in Python alone: declare a projection to ask by SQL"


def text(value: str) -> str:
    """Return a text as SQL writes it.

    >>> print(text("it's"))
    'it''s'
    """
    return "'" + value.replace("'", "''") + "'"


def name(column: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'


def moment(value: datetime) -> str:
    """Return a moment as SQL writes it."""
    return f"TIMESTAMPTZ {text(value.isoformat())}"


def within(at: Coordinates, last: int) -> str:
    """Return the condition that a row belongs to a past."""
    parts = [f"position <= {last if at.position is None else min(at.position, last)}"]
    if at.occurred is not None:
        parts.append(f"occurred_at <= {moment(at.occurred)}")
    if at.recorded is not None:
        parts.append(f"recorded_at <= {moment(at.recorded)}")
    return " AND ".join(parts)


def rows(past: Readable) -> str:
    """Return the rows of all files of the log under a past."""
    files = ",\n    ".join(text(path) for path in past.log.files())
    return f"read_parquet([\n    {files}\n  ], union_by_name = true)"


def columns_of(past: Readable) -> set[str]:
    """Return the columns that some file of the log has."""
    import polars as pl

    files = past.log.files()
    return set(pl.read_parquet_schema(files[0])) if files else set()


def among(types: list[str]) -> str:
    """Return the condition that an event is of one of these types."""
    return f"type IN ({', '.join(map(text, types))})"


def of_interest(measure: Measure) -> str:
    """Return the condition that an event brings an aggregate into being."""
    return among(measure.named)


def transaction(columns: set[str]) -> str:
    """Return an event's transaction id, else its place."""
    place = "aggregate_id || '/' || version"
    return (
        f"coalesce(transaction_id, {place})" if "transaction_id" in columns else place
    )


def moves(measure: Measure, columns: set[str]) -> str:
    """Return what each row adds to the number; NULL where it does not add up."""
    reducer = measure.reducer
    if reducer is None:
        raise InvalidFrame(NOT_HERE)
    if not measure.adds_up:
        return "NULL"
    arms = []
    for kind in measure.types:
        sources = [one for one in reducer.sources if one.type == kind]
        given = " + ".join(_given(one, reducer, columns) for one in sources)
        arms.append(f"WHEN {text(kind)} THEN {given}")
    return f"CASE type {' '.join(arms)} END"


def _given(source: Source, reducer: Reducer, columns: set[str]) -> str:
    if source.field is None:
        return "1"
    nothing = 0 if source.value is None or source.nullable else source.value
    sign = "-" if source.sign < 0 else ""
    if source.field not in columns:
        return f"{sign}{_constant(nothing, reducer.kind)}"
    return f"{sign}coalesce({name(source.field)}, {_constant(nothing, reducer.kind)})"


def _constant(value: Any, kind: str) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if kind.startswith("decimal("):
        return f"{Decimal(value)}::DECIMAL(18, {kind[8:-1]})"
    if isinstance(value, datetime):
        return moment(value)
    return str(value) if isinstance(value, int | float) else text(str(value))


def value(
    measure: Measure, columns: set[str], condition: str = "", over: str = ""
) -> str:
    """Return the field as an aggregate over the rows that meet a condition.

    The rows carry ``moves``, as the function of that name writes it. ``over`` makes a
    window of it.

    Raises:
        InvalidFrame: the projection is a function.
    """
    reducer = measure.reducer
    if reducer is None:
        raise InvalidFrame(NOT_HERE)
    where = f" FILTER ({condition})" if condition else ""
    kind = _type(reducer.kind)
    if reducer.how in {"count", "total"}:
        return f"coalesce(sum(moves){where}{over}, 0)::{kind}"
    given = _read(reducer, columns)
    if reducer.how in {"first", "last"}:
        pick = "arg_min_null" if reducer.how == "first" else "arg_max_null"
        both = [part for part in (condition, among(measure.types)) if part]
        return f"{pick}({given}, position) FILTER ({' AND '.join(both)}){over}"
    best = "max" if reducer.how == "largest" else "min"
    return f"{best}({given}){where}{over}"


def _read(reducer: Reducer, columns: set[str]) -> str:
    """Return the value that each row gives."""
    arms = []
    for source in reducer.sources:
        if source.field is None:
            given = _constant(source.value, reducer.kind)
        elif source.field not in columns:
            given = "NULL"
        elif source.nullable or source.value is None:
            given = name(source.field)
        else:
            default = _constant(source.value, reducer.kind)
            given = f"coalesce({name(source.field)}, {default})"
        arms.append(f"WHEN {text(source.type)} THEN {given}")
    return f"(CASE type {' '.join(arms)} END)"


def _type(kind: str) -> str:
    return f"DECIMAL(38, {kind[8:-1]})" if kind.startswith("decimal(") else "BIGINT"


def day(column: str, zone: str) -> str:
    """Return the local day of a time, as text."""
    return f"strftime({column} AT TIME ZONE {text(zone)}, '%Y-%m-%d')"
