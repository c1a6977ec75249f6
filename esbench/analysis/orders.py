"""What an order of events comes to: the end states of many aggregates at once.

What lives here: ``Told`` (the events of a log or of an extract, and one field of the
states that follow), and ``chain``, which tells apart why a state is what it is.
The guarantee: an order is folded by the projection's own engine: over columns where it
is declared, event by event where it is a function; nothing is modelled a second time.
What it may not know: where an order comes from, terminals.

A wrong state can have several causes. Each is a step on the way from the truth to what
is there, and is one if it changes the state:

    never processed   every event in order         → what was processed, in order
    order             what was processed, in order → as it was written first
    redelivery        as it was written first      → with the copies
    not explained     with the copies              → what is there

Writes of one aggregate at the same time are taken in the order of the events. Where
the other way round leads to what is there, the step is called *a tie in time*.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from esbench.analysis.measure import KEY, weight
from esbench.errors import InvalidFrame
from esbench.event import RecordedEvent
from esbench.projection.reducers import Key, Reducer

if TYPE_CHECKING:
    import polars as pl

    from esbench.projection.calls import Calls

NEVER, ORDER, COPIES, UNKNOWN = CAUSES = (
    "never processed",
    "order",
    "redelivery",
    "not explained",
)
TIE = "a tie in time"
RANK = "@rank"  # beside the fields of events, whose names have no sign in them


class Told(ABC):
    """Events, and the one field of their states that is looked at.

    Attributes:
        name: the projection's.
        field: the field's.
    """

    name: str
    field: str

    @abstractmethod
    def ends(self, order: pl.DataFrame) -> pl.DataFrame:
        """Return ``aggregate_id`` and ``value`` after events in an order.

        Args:
            order: ``aggregate_id``, ``rank`` (which event) and ``place`` (a whole
                number of its own, by which they are folded). An aggregate that no
                event brings into being is not in the answer.
        """


class Columns(Told):
    """A declared projection's field, over columns.

    Args:
        rows: the events with ``@rank``, and the columns that the field reads.
        name: the projection's.
        reducer: the field.
        zone: the zone of the events' days.
    """

    def __init__(
        self, rows: pl.DataFrame, name: str, reducer: Reducer, zone: str
    ) -> None:
        self.name, self.field = name, reducer.name
        self._rows, self._reducer, self._zone = rows, reducer, zone

    def ends(self, order: pl.DataFrame) -> pl.DataFrame:
        """Return the field's value after events in an order."""
        import polars as pl

        from esbench.projection.tables import Columns as Query

        places = order.lazy().select(KEY, pl.col("rank").alias(RANK), position="place")
        rows = places.join(self._rows.lazy(), on=[KEY, RANK])
        found = Query(rows, (self._reducer,), Key(), self._zone).table()
        return found.select(KEY, pl.col(self.field).alias("value"))


class Folded(Told):
    """A function's state, or one field of it, event by event.

    Args:
        read: gives the events of some aggregates in the order of the log.
        ranks: the rank of each event: ``aggregate_id``, ``version``, ``rank``.
        calls: what folds.
        field: the field; the first number unless said, else the first of all.
    """

    def __init__(
        self,
        read: Callable[[], Iterable[RecordedEvent]],
        ranks: pl.DataFrame,
        calls: Calls,
        field: str | None,
    ) -> None:
        self.name, self.field = calls.name, field or ""
        self._read, self._ranks, self._calls = read, ranks, calls
        self._keys: set[str] = set()
        self._known: dict[tuple[str, int], RecordedEvent] = {}

    def ends(self, order: pl.DataFrame) -> pl.DataFrame:
        """Return the value after events in an order."""
        import polars as pl

        wanted = order.join(self._ranks, on=[KEY, "rank"]).sort("place")
        known = self._events(set(wanted.get_column(KEY)))
        folds: dict[str, Any] = {}
        for key, version in wanted.select(KEY, "version").iter_rows():
            fold = folds[key] if key in folds else self._calls.start()
            folds[key] = self._calls.take(fold, known[key, version])
        cells = [
            self._calls.cells(self._calls.finish(fold, key))
            for key, fold in folds.items()
        ]
        keys = pl.Series(KEY, list(folds), dtype=pl.String)
        return pl.DataFrame([keys, self._column(cells)]).sort(KEY)

    def _events(self, keys: set[str]) -> dict[tuple[str, int], RecordedEvent]:
        """Return the events of these aggregates; those read before are still there."""
        if not keys <= self._keys:
            self._keys = keys
            self._known = {
                (each.aggregate_id, each.version): each
                for each in self._read()
                if each.aggregate_id in keys
            }
        return self._known

    def _column(self, cells: list[dict[str, Any]]) -> pl.Series:
        """Return the field's value of each state; null where a state has none."""
        import polars as pl

        if not cells:
            return pl.Series("value", [], dtype=pl.Null)
        self.field = self.field or _field_in(cells)
        if not any(self.field in each for each in cells):
            names = ", ".join(dict.fromkeys(name for each in cells for name in each))
            raise InvalidFrame(
                f"{self.name} has no field {self.field!r}; it has {names}"
            )
        frame = self._calls.frame(
            [{self.field: each.get(self.field)} for each in cells]
        )
        return frame.get_column(self.field).alias("value")


def _field_in(cells: list[dict[str, Any]]) -> str:
    """Return the first field that holds a number somewhere, else the first of all."""
    numbers = [
        name
        for each in cells
        for name, value in each.items()
        if isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    ]
    return (numbers or [name for each in cells for name in each])[0]


def field_of(calls: Calls, field: str | None) -> Reducer | None:
    """Return the field that is looked at; None where the projection is a function.

    Args:
        calls: a projection's calls.
        field: its name; the first total unless said, else the first number, else the
            first of all.

    Raises:
        InvalidFrame: no such field, or a projection by days or months.
    """
    if calls.key.time:
        raise InvalidFrame(
            f"{calls.name} is counted by {calls.key.name}: this is about aggregates, "
            "so give a projection by aggregate, such as video.Video"
        )
    reducers: tuple[Reducer, ...] = getattr(calls, "reducers", ())
    if not reducers:
        return None
    if field is None:
        return min(reducers, key=weight)
    named = {reducer.name: reducer for reducer in reducers}
    if field not in named:
        raise InvalidFrame(
            f"{calls.name} has no field {field!r}; it has {', '.join(named)}"
        )
    return named[field]


def fields_read(reducer: Reducer) -> list[str]:
    """Return the fields of events that a field of the state reads."""
    return list(dict.fromkeys(each.field for each in reducer.sources if each.field))


# --- from the truth to what is there -----------------------------------------------


def chain(told: Told, ranks: pl.DataFrame, writes: pl.DataFrame) -> pl.DataFrame:
    """Return what each aggregate comes to, step by step from the truth.

    Args:
        told: what folds.
        ranks: every event's ``aggregate_id`` and ``rank``.
        writes: the writes of the same aggregates, as ``disorder.placed`` gives them.

    Returns:
        ``aggregate_id``, sorted, and the value after ``truth`` (all in order),
        ``kept`` (what was processed, in order), ``first`` (as written first),
        ``all`` (with copies), and ``first_turned`` and ``all_turned``: the last two
        with every tie in time the other way round.
    """
    import polars as pl

    ranks = ranks.select(KEY, "rank").sort(KEY, "rank")
    found = ranks.select(KEY).unique().sort(KEY)
    found = _with(found, "truth", told.ends(_numbered(ranks)))
    once, tied = writes.filter(pl.col("first")), writes.filter(pl.col("tied"))
    count = ranks.group_by(KEY).len()
    less = count.join(once.group_by(KEY).len(), on=KEY, how="left")
    less = less.filter(pl.col("len_right").fill_null(0) < pl.col("len"))
    steps = (
        ("kept", "truth", less, once.sort(KEY, "rank")),
        ("first", "kept", once.filter(_falls()), once),
        ("all", "first", writes.filter(~pl.col("first")), writes),
        ("first_turned", "first", tied, _turned(once)),
        ("all_turned", "all", tied, _turned(writes)),
    )
    for name, before, touched, order in steps:
        keys = touched.select(KEY).unique()
        mine = _numbered(order.join(keys, on=KEY, how="semi").select(KEY, "rank"))
        found = _changed(found, name, before, keys, told.ends(mine))
    return alike(found, "truth", *(name for name, *_ in steps))


def alike(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Return the frame with columns that can be compared: as texts if they must."""
    import polars as pl

    kinds = {frame.schema[name] for name in columns} - {pl.Null()}
    if len(kinds) < 2:
        return frame
    return frame.with_columns(pl.col(*columns).cast(pl.String))


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return rows.with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("place")
    )


def _falls() -> pl.Expr:
    """Return where an aggregate's rank is lower than that of the row before."""
    import polars as pl

    return (pl.col(KEY) == pl.col(KEY).shift(1)) & (
        pl.col("rank") < pl.col("rank").shift(1)
    )


def _turned(writes: pl.DataFrame) -> pl.DataFrame:
    return writes.sort(KEY, "seq", "rank", descending=[False, False, True])


def _with(found: pl.DataFrame, name: str, ends: pl.DataFrame) -> pl.DataFrame:
    return found.join(
        ends.rename({"value": name}), on=KEY, how="left", maintain_order="left"
    )


def _changed(
    found: pl.DataFrame, name: str, before: str, keys: pl.DataFrame, ends: pl.DataFrame
) -> pl.DataFrame:
    """Add a step's values: the new ones for some aggregates, else those before."""
    import polars as pl

    marked = keys.with_columns(pl.lit(value=True).alias("@touched"))
    both = found.join(marked, on=KEY, how="left", maintain_order="left")
    both = _with(both, "@value", ends)
    both = alike(both, before, "@value")
    value = pl.when("@touched").then("@value").otherwise(before)
    return both.with_columns(value.alias(name)).drop("@touched", "@value")


def causes() -> pl.Expr:
    """Return which steps from the truth to what is ``found`` change the value.

    Where ties in time the other way round lead there, the order is that of a tie.
    """
    import polars as pl

    found = pl.col("found")
    turned = found.eq_missing(pl.col("all_turned"))
    turned &= found.ne_missing(pl.col("all"))
    walk = ("truth", "kept", "first", "all", "found")
    other = ("truth", "kept", "first_turned", "all_turned", "found")
    by_tie = tuple(TIE if cause == ORDER else cause for cause in CAUSES)
    return pl.when(turned).then(_steps(other, by_tie)).otherwise(_steps(walk, CAUSES))


def _steps(walk: tuple[str, ...], names: tuple[str, ...]) -> pl.Expr:
    """Return the names of the steps that change the value."""
    import polars as pl

    said = [
        pl.when(pl.col(before).ne_missing(pl.col(after))).then(pl.lit(name))
        for (before, after), name in zip(pairwise(walk), names, strict=True)
    ]
    return pl.concat_str(said, separator=", ", ignore_nulls=True)
