"""The number that an analysis is about: one field of a projection.

What lives here: ``Measure``: which field, its value for every aggregate of a past, and
the events that move it.
The guarantee: its values are those of ``table``; where the field adds up, the moves of
an aggregate's events add up to its value exactly.
What it may not know: which two pasts are compared, claims, terminals.
"""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.errors import InvalidFrame
from esbench.projection import calls_of
from esbench.projection.reducers import Reducer, Source

if TYPE_CHECKING:
    import polars as pl

    from esbench.log import Readable
    from esbench.projection.calls import Calls

KEY = "aggregate_id"
COUNTED = "@events"


class Measure(Struct, frozen=True):
    """One field of a projection's states.

    Attributes:
        projection: what was declared, or made of a plain ``evolve``.
        calls: what answers its calls.
        field: the field's name.
        reducer: how the field is declared; None if the projection is a function.
    """

    projection: Any
    calls: Calls
    field: str
    reducer: Reducer | None

    @property
    def name(self) -> str:
        """The projection's name."""
        return str(self.calls.name)

    @property
    def adds_up(self) -> bool:
        """Whether each event moves the number by an amount of its own."""
        return self.reducer is not None and self.reducer.adds_up

    @property
    def types(self) -> list[str]:
        """The event types that move it; none where the projection is a function."""
        return sorted(self.reducer.types) if self.reducer else []

    @property
    def named(self) -> list[str]:
        """The event types that bring an aggregate into being; none for all of them."""
        return sorted(self.calls.types or ())

    def values(self, past: Readable) -> pl.DataFrame:
        """Return ``aggregate_id`` and ``value`` of every aggregate, sorted by id."""
        import polars as pl

        if self.reducer is None:
            table = self.calls.table(past)
            return table.select(KEY, pl.col(self.field).alias("value"))
        from esbench.projection.tables import Columns

        found = Columns(past.scan(), self._both, self.calls.key, past.zone).table()
        return found.select(KEY, pl.col(self.reducer.name).alias("value"))

    @property
    def _both(self) -> tuple[Reducer, ...]:
        """The field, and a count of all that brings an aggregate into being."""
        assert self.reducer is not None, "a function has no reducers"
        sources = tuple(Source(type=name) for name in self.named)
        counted = Reducer("count", "int", sources)
        counted.name = COUNTED
        return (self.reducer, counted)

    def events(self, past: Readable) -> pl.LazyFrame:
        """Return the events that move the number, with ``moves`` where it adds up."""
        import polars as pl

        if self.reducer is None:
            return past.scan().with_columns(pl.lit(None, pl.Int64).alias("moves"))
        from esbench.projection.tables import Columns

        rows = Columns(past.scan(), (self.reducer,), self.calls.key, past.zone).events
        return rows.with_columns(self._moves().alias("moves"))

    def _moves(self) -> pl.Expr:
        """Return what each event adds to the number; null where it does not add up."""
        import polars as pl

        if self.reducer is None or not self.adds_up:
            return pl.lit(None, pl.Int64)
        chain: Any = pl
        for name in self.types:
            sources = [one for one in self.reducer.sources if one.type == name]
            given = reduce(add, (self._given(one) for one in sources))
            chain = chain.when(pl.col("type") == name).then(given)
        moves: pl.Expr = chain
        return moves

    def _given(self, source: Source) -> pl.Expr:
        """Return what an event of one type gives by one of its fields."""
        import polars as pl

        if source.field is None:
            return pl.lit(1, pl.Int64)
        value = pl.col(source.field)
        nothing = 0 if source.value is None or source.nullable else source.value
        value = value.fill_null(_like(nothing, self.reducer))
        return -value if source.sign < 0 else value


def _like(value: Any, reducer: Reducer | None) -> pl.Expr:
    """Return a constant of the kind that a reducer reads."""
    import polars as pl

    places = reducer.places if reducer else None
    if places is None:
        return pl.lit(value, pl.Int64)
    return pl.lit(Decimal(value)).cast(pl.Decimal(18, places))


def measure_of(
    projection: Any, field: str | None = None, past: Readable | None = None
) -> Measure:
    """Return the number that an analysis is about.

    Args:
        projection: a declared projection, or one made of a plain ``evolve``.
        field: the field of its states; the first that adds up unless said, else the
            first number.
        past: where a function is asked which fields its states have.

    Raises:
        InvalidFrame: no such field, no number, or a projection by days or months.
    """
    calls = calls_of(projection)
    if calls.key.time:
        raise InvalidFrame(
            f"{calls.name} is counted by {calls.key.name}: this is about aggregates, "
            "so give a projection by aggregate, such as bank.Account"
        )
    reducers: tuple[Reducer, ...] = getattr(calls, "reducers", ())
    if not reducers:
        return Measure(projection, calls, _plain_field(calls, field, past), None)
    ranked = sorted(reducers, key=weight)
    if field is None and weight(ranked[0]) < 2:
        return Measure(projection, calls, ranked[0].name, ranked[0])
    named = {reducer.name: reducer for reducer in reducers}
    if field not in named:
        what = f"has no field {field!r}" if field else "holds no number"
        raise InvalidFrame(f"{calls.name} {what}; it has {', '.join(named)}")
    return Measure(projection, calls, field, named[field])


def weight(reducer: Reducer) -> int:
    """Return how far a field is from what is asked for first: totals, then numbers."""
    if reducer.how == "total":
        return 0
    is_number = reducer.kind in {"int", "float"} or reducer.places is not None
    return 1 if is_number else 2


def _plain_field(calls: Calls, field: str | None, past: Readable | None) -> str:
    if past is None:
        return field or "state"
    table = calls.table(past)
    names = [name for name in table.columns if name != KEY]
    numbers = [name for name in names if table.schema[name].is_numeric()]
    if field in names or (field is None and numbers):
        return field or numbers[0]
    what = f"has no field {field!r}" if field else "holds no number"
    raise InvalidFrame(f"{calls.name} {what}; it has {', '.join(names) or 'none'}")


def label() -> pl.Expr:
    """Return how an event is named where it explains a number: its type and id."""
    import polars as pl

    return pl.col("type") + " " + pl.col("transaction")


def transaction(columns: list[str]) -> pl.Expr:
    """Return an event's transaction id, else its place: ``ada/3``."""
    import polars as pl

    place = pl.col(KEY) + "/" + pl.col("version").cast(pl.String)
    if "transaction_id" not in columns:
        return place.alias("transaction")
    return pl.coalesce(pl.col("transaction_id"), place).alias("transaction")
