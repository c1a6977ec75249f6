"""Tables and series of a log: the column engine, run and checked.

What lives here: what is left to do in polars once narwhals has made the query. This
module imports polars, so it is itself imported late.
The guarantee: no total wraps and no value is lost silently; a series is what a table
about each period's end would be, found in one pass instead of one table a period.
What it may not know: Python states, pasts, pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import narwhals as nw
import polars as pl

from esbench.errors import InvalidEvent, shorten
from esbench.projection import columns
from esbench.projection.partial import continued, partial_of
from esbench.projection.periods import Periods
from esbench.projection.reducers import Key, Reducer
from esbench.projection.steps import KeyValue, fits

_INT64 = Decimal(2**63)
_PERIOD = "@period"


class Columns:
    """The events that a declaration names, as columns.

    Args:
        scan: the log's columns; behind ``base`` if one is given.
        reducers: the fields of the state.
        key: what to group by.
        zone: where days are counted.
        only: the keys to keep; all if None.
        base: the partial state to go on from, sorted by key.
        cuts: the keys at which to part the work, so that it takes bounded memory.

    Raises:
        InvalidEvent: an event that holds a field as loose JSON.
    """

    def __init__(  # noqa: PLR0917 - in the order of use
        self,
        scan: pl.LazyFrame,
        reducers: Sequence[Reducer],
        key: Key,
        zone: str,
        only: Sequence[KeyValue] | None = None,
        base: pl.DataFrame | None = None,
        cuts: Sequence[str] = (),
    ) -> None:
        self.reducers, self.key, self.zone, self.only = reducers, key.name, zone, only
        events: pl.LazyFrame = columns.named(scan, reducers, key, zone).to_native()
        if only is not None:
            wanted = pl.col(key.name).is_in(only)
            events = events.filter(wanted)
            base = None if base is None else base.filter(wanted)
        self.events = events
        self.base = base
        self.cuts = cuts
        _refuse_lost(events, reducers)

    def missing(self) -> list[KeyValue]:
        """Return the keys that were asked for and have no event."""
        if self.only is None:
            return []
        found = self.events.select(pl.col(self.key).unique()).collect()
        known = set(found.get_column(self.key).to_list())
        if self.base is not None:
            known.update(self.base.get_column(self.key).to_list())
        return [key for key in self.only if key not in known]

    def height(self) -> int:
        """Return the number of events behind the base."""
        count: int = self.events.select(pl.len()).collect().item()
        return count

    def table(self) -> pl.DataFrame:
        """Return every key's state, sorted by key."""
        if self.cuts:
            return pl.concat([share.table() for share in self._shares()])
        if self.base is None:
            return self._states(self._parts(), [self.key])
        partial = self.partial()
        self._refuse_wide(partial)
        states = columns.narrow(
            nw.from_native(partial.lazy()), self.reducers, [self.key]
        )
        frame: pl.DataFrame = states.to_native().collect()
        return frame

    def partial(self) -> pl.DataFrame:
        """Return every key's partial state, sorted by key."""
        if self.cuts:
            return pl.concat([share.partial() for share in self._shares()])
        found = self._chosen(self._parts()).to_native().collect()
        own = partial_of(found, self.reducers, self.key)
        if self.base is None:
            return own.sort(self.key)
        return continued(self.base, own, self.reducers, self.key)

    def _shares(self) -> Iterator[Columns]:
        """Yield the same for the keys up to each cut, and behind the last one."""
        key = pl.col(self.key)
        for after, upto in pairwise((None, *self.cuts, None)):
            share = copy(self)
            share.cuts = ()
            within = [key > after] if after is not None else []
            within += [key <= upto] if upto is not None else []
            share.events = self.events.filter(*within)
            if self.base is not None:
                share.base = self.base.filter(*within)
            yield share

    def _parts(self) -> pl.DataFrame:
        """Return what the events add up to, and what decides, by key."""
        events = nw.from_native(self.events)
        found = columns.parts(events, self.reducers, [self.key])
        wide: pl.DataFrame = found.to_native().collect()
        return wide

    def _chosen(self, wide: pl.DataFrame) -> nw.LazyFrame[Any]:
        """Return the same with the values that were decided."""
        events = nw.from_native(self.events)
        return columns.chosen(events, nw.from_native(wide.lazy()), self.reducers)

    def _states(self, wide: pl.DataFrame, by: list[str]) -> pl.DataFrame:
        """Return final columns, from sums and deciding positions."""
        self._refuse_wide(wide)
        states = columns.narrow(self._chosen(wide), self.reducers, by).sort(by)
        frame: pl.DataFrame = states.to_native().collect()
        return frame

    def _refuse_wide(self, wide: pl.DataFrame) -> None:
        for reducer in self.reducers:
            if reducer.how == "total" and reducer.kind == "int":
                value = pl.col(reducer.name)
                bad = wide.filter((value >= _INT64) | (value < -_INT64)).sort(self.key)
                for key, number in bad.select(self.key, reducer.name).head(1).rows():
                    fits(int(number), reducer.name, key)

    def series(self, periods: Periods) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return every key's state at every period's end, and where events were late.

        As known then, an event belongs to the period in which it had both happened
        and been recorded.

        Returns:
            The states by key and ``end``; the keys and ends of the periods that got
            an event which was recorded after their end.
        """
        day = self._day("occurred_at")
        if periods.known == "then":
            day = pl.max_horizontal(day, self._day("recorded_at"))
        begun = day.dt.truncate(periods.every).alias(_PERIOD)
        events = self.events.with_columns(begun)
        by = [self.key, _PERIOD]
        found = columns.parts(nw.from_native(events), self.reducers, by)
        cells = found.to_native().collect()
        grid = _grid(cells, self.key, periods)
        wide = _cumulated(grid.join(cells, on=by, how="left"), self.reducers, self.key)
        states = self._states(wide.filter("@shown"), [self.key, "end"])
        return states, self._late(events, grid)

    def _day(self, time: str) -> pl.Expr:
        return pl.col(time).dt.convert_time_zone(self.zone).dt.date()

    def _late(self, events: pl.LazyFrame, grid: pl.DataFrame) -> pl.DataFrame:
        """Return the keys and ends of periods that got an event after their end."""
        by = [self.key, _PERIOD]
        recorded = events.group_by(by).agg(self._day("recorded_at").max())
        cells = grid.lazy().filter("@shown").join(recorded, on=by)
        late = cells.filter(pl.col("recorded_at") > pl.col("end"))
        return late.select(self.key, "end").sort(self.key, "end").collect()


def _grid(cells: pl.DataFrame, key: str, periods: Periods) -> pl.DataFrame:
    """Return one row a key and period, from the first period of the key on."""
    days: list[date] = cells.get_column(_PERIOD).unique().sort().to_list()
    starts = periods.starts(days[0], days[-1]) if days else []
    spans = pl.DataFrame(
        {
            _PERIOD: starts,
            "end": [periods.end(start) for start in starts],
            "@shown": [periods.shown(start) for start in starts],
        },
        schema={_PERIOD: pl.Date, "end": pl.Date, "@shown": pl.Boolean},
    )
    keys = cells.group_by(key).agg(pl.col(_PERIOD).min().alias("@begun"))
    grid = keys.join(spans, how="cross").filter(pl.col(_PERIOD) >= pl.col("@begun"))
    return grid.drop("@begun").sort(key, _PERIOD)


def _cumulated(
    cells: pl.DataFrame, reducers: Sequence[Reducer], key: str
) -> pl.DataFrame:
    """Return what each period adds as what stands at its end.

    Args:
        cells: one row a key and period, sorted; null where nothing happened.
        reducers: the fields of the state.
        key: the column of the keys.
    """
    running = [
        _running(reducer).over(key)
        for reducer in reducers
        if reducer.how not in {"first", "last"}
    ]
    decided = [
        _extreme(pl.col(pick.column), largest=pick.last).over(key)
        for pick in columns.picks(reducers)
    ]
    return cells.with_columns(*running, *decided)


def _running(reducer: Reducer) -> pl.Expr:
    value = pl.col(reducer.name)
    if reducer.adds_up:
        return value.fill_null(0).cum_sum()
    return _extreme(value, largest=reducer.how == "largest")


def _extreme(value: pl.Expr, *, largest: bool) -> pl.Expr:
    best = value.cum_max() if largest else value.cum_min()
    return best.forward_fill()


def _refuse_lost(events: pl.LazyFrame, reducers: Sequence[Reducer]) -> None:
    """Refuse fields that only ``payload`` holds: their program declared no type."""
    needed = _needed(reducers)
    if not needed or "payload" not in events.collect_schema().names():
        return
    lost = [(pl.col("type") == kind) & pl.col(name).is_null() for kind, name in needed]
    odd = events.filter(pl.col("payload").is_not_null(), pl.any_horizontal(lost))
    for row in odd.bottom_k(1, by="position").collect().rows(named=True):
        name = next(n for kind, n in needed if kind == row["type"] and row[n] is None)
        raise InvalidEvent(
            f"{row['type']}.{name} of {shorten(row['aggregate_id'])}/{row['version']} "
            "is in the log as loose JSON: it was written by a program that did not "
            "declare the type"
        )


def is_loose(rows: pl.LazyFrame, reducers: Sequence[Reducer]) -> bool:
    """Tell whether ``payload`` holds a field that a column should hold.

    Step by step such a field is read where it may be None, by columns it is not: what
    one engine has kept, the other could not go on from.
    """
    columns = rows.collect_schema().names()
    if "payload" not in columns:
        return False
    payload = pl.col("payload").str
    loose = [
        (pl.col("type") == kind)
        & (pl.col(field).is_null() if field in columns else True)
        & payload.json_path_match(f"$['{field}']").is_not_null()
        for kind, field in _read(reducers)
    ]
    if not loose:
        return False
    return bool(rows.filter(pl.any_horizontal(loose)).head(1).collect().height)


def _read(reducers: Sequence[Reducer]) -> list[tuple[str, str]]:
    """Return the types and fields that are read."""
    sources = [source for reducer in reducers for source in reducer.sources]
    return sorted({(each.type, each.field) for each in sources if each.field})


def _needed(reducers: Sequence[Reducer]) -> list[tuple[str, str]]:
    """Return the types and fields that every event of the type has in a column."""
    return sorted(
        {
            (source.type, source.field)
            for reducer in reducers
            for source in reducer.sources
            if source.field and source.value is None and not source.nullable
        }
    )
