"""Partial states as columns: what a snapshot holds, and how a tail continues it.

What lives here: the columns of a partial state, and the sum of two of them. This
module imports polars, so it is itself imported late.
The guarantee: a partial state of the events up to a position, continued by that of
the events behind it, is the partial state of them all, value for value.
What it may not know: logs, files, who asks.

A partial state has, sorted by the key, a column for every field and one for every
decision of ``first`` and ``last``: the position that decides, null while none does.
Totals of whole numbers are 38 digits wide, so that only the final one can be too
large.

Both sides are sorted by key, so nothing is joined: each key of the tail is looked up by
bisection (next to the one before it, which is what makes that fast), the rows that
change are made anew, and one reordering puts changed, new and untouched rows into
their places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from esbench.projection.columns import picks
from esbench.projection.reducers import Reducer, places_of

if TYPE_CHECKING:
    import numpy as np

_NEW = "'"  # no field's name ends so

_SIMPLE: dict[str, pl.DataType] = {
    "text": pl.String(),
    "int": pl.Int64(),
    "bool": pl.Boolean(),
    "float": pl.Float64(),
    "time": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "bytes": pl.Binary(),
}


def polars_type(kind: str) -> pl.DataType:
    """Return the polars type of a kind, as answers have it."""
    places = places_of(kind)
    return _SIMPLE[kind] if places is None else pl.Decimal(38, places)


def partial_types(reducers: Sequence[Reducer]) -> dict[str, pl.DataType]:
    """Return the columns of a partial state besides its key."""
    fields = {reducer.name: _wide_type(reducer) for reducer in reducers}
    return fields | {pick.column: pl.Int64() for pick in picks(reducers)}


def _wide_type(reducer: Reducer) -> pl.DataType:
    if reducer.how == "total" and reducer.kind == "int":
        return pl.Decimal(38, 0)
    return polars_type(reducer.kind)


def partial_of(
    frame: pl.DataFrame, reducers: Sequence[Reducer], key: str
) -> pl.DataFrame:
    """Return the columns of a partial state, in their own types and order."""
    types = partial_types(reducers)
    return frame.select(key, *(pl.col(name).cast(types[name]) for name in types))


def continued(
    base: pl.DataFrame, tail: pl.DataFrame, reducers: Sequence[Reducer], key: str
) -> pl.DataFrame:
    """Return the partial state of the events of both, sorted by key.

    Args:
        base: the partial state up to some position, sorted by key.
        tail: the partial state of the events behind it, in any order.
        reducers: the fields of the state.
        key: the column of the keys.
    """
    if tail.is_empty():
        return base
    tail = tail.sort(key)
    place, is_known = _places(base.get_column(key), tail.get_column(key))
    at = place.filter(is_known)
    changed = _combined(base[at], tail.filter(is_known), reducers)
    return _inlaid(base, at, changed, tail.filter(~is_known), key)


def _places(keys: pl.Series, wanted: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return where each wanted key stands, or would stand, and whether it does."""
    place = keys.search_sorted(wanted)
    if keys.is_empty():
        return place, wanted.is_null()  # no key is null
    inside = place.clip(upper_bound=len(keys) - 1)
    return place, keys.gather(inside) == wanted


def _combined(
    old: pl.DataFrame, new: pl.DataFrame, reducers: Sequence[Reducer]
) -> pl.DataFrame:
    """Return the partial states of rows that stand beside each other."""
    names = partial_types(reducers)
    both = old.hstack(new.select(pl.col(*names).name.suffix(_NEW)).get_columns())
    decided = {
        pick.column: _decided(pick.column, pick.column, last=pick.last)
        for pick in picks(reducers)
    }
    values = {
        field.name: _decided(field.name, pick.column, last=pick.last)
        for pick in picks(reducers)
        for field in pick.fields
    }
    kept = {r.name: _sum(r) for r in reducers if r.name not in values}
    changed = decided | values | kept
    return both.with_columns(**changed).select(old.columns)


def _sum(reducer: Reducer) -> pl.Expr:
    """Return what a total, a count or an extreme is over both sides."""
    old, new = pl.col(reducer.name), pl.col(reducer.name + _NEW)
    if reducer.adds_up:
        return old + new
    is_better = new > old if reducer.how == "largest" else new < old
    return pl.when(old.is_null() | is_better).then(new).otherwise(old)


def _decided(name: str, position: str, *, last: bool) -> pl.Expr:
    """Return the value of the side that decides; the new one lies behind the old."""
    old, new = pl.col(name), pl.col(name + _NEW)
    if last:
        return pl.when(pl.col(position + _NEW).is_not_null()).then(new).otherwise(old)
    return pl.when(pl.col(position).is_not_null()).then(old).otherwise(new)


def _inlaid(
    base: pl.DataFrame,
    at: pl.Series,
    changed: pl.DataFrame,
    new: pl.DataFrame,
    key: str,
) -> pl.DataFrame:
    """Return ``base`` with some rows changed and others put in, still sorted."""
    order = _order(base, at, new.get_column(key), base.get_column(key))
    rows = pl.concat([base, changed, new], rechunk=True)
    return rows[order]


def _order(
    base: pl.DataFrame, at: pl.Series, new: pl.Series, keys: pl.Series
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rows of base, changed and new, one behind the other, by key."""
    import numpy as np

    count, changed = base.height, len(at)
    order = np.arange(count)
    order[at.to_numpy()] = count + np.arange(changed)
    if new.is_empty():
        return order
    places = keys.search_sorted(new).cast(pl.Int64).to_numpy()
    return np.insert(order, places, count + changed + np.arange(len(new)))
