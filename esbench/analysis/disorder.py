"""Two orders of the same events, held against each other.

What lives here: which events of an aggregate were written after a later one, how many
pairs that makes, where it began, and how late an event came.
The guarantee: every write is looked at, copies too; two of one aggregate at the same
time are taken in the order of the events, and counted. An inversion means what it
means in ``esbench.workers``: an event and an earlier one that was written later, or a
copy and a later event that was written already.
What it may not know: what events mean, states, where the rows come from.

Rows have ``aggregate_id``, ``rank`` (the place of the event among those of its
aggregate, from 1), ``seq`` (by which they were written) and ``at`` (when that was).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.analysis.measure import KEY

if TYPE_CHECKING:
    import polars as pl

Write = tuple[int, Any, bool]  # the event's rank, when, whether for the first time


class Inverted(Struct, frozen=True, kw_only=True):
    """What one aggregate's writes were.

    Attributes:
        inversions: how many pairs stand the wrong way round.
        early: the place in the list of the first write on the wrong side.
        partner: the place of the write that it should have changed sides with.
        again: whether that first one is a copy, written after its partner.
        late: how many seconds after a later event one was written, at the most; None
            where no times are known.
    """

    inversions: int
    early: int
    partner: int
    again: bool
    late: float | None


def placed(writes: pl.DataFrame) -> pl.DataFrame:
    """Return the writes in order, aggregate by aggregate, with what can be seen there.

    Columns added: ``place`` (from 1, over all), ``first`` (no copy), ``late`` (a later
    event was written before), ``tied`` (at the time of the write before, of another
    event of the aggregate).
    """
    import polars as pl

    rows = writes.sort(KEY, "seq", "rank", maintain_order=True)
    rows = rows.with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("place"),
        pl.struct(KEY, "rank").is_first_distinct().alias("first"),
    )
    same = pl.col(KEY) == pl.col(KEY).shift(1)
    tied = same & (pl.col("seq") == pl.col("seq").shift(1))
    tied &= pl.col("rank") != pl.col("rank").shift(1)
    return rows.with_columns(
        (pl.col("rank") < _highest_before()).alias("late"),
        tied.fill_null(value=False).alias("tied"),
    )


def _highest_before() -> pl.Expr:
    """Return the highest rank that the aggregate's writes before have had.

    Ranks are lifted by the aggregate's number, so that one running maximum over all
    rows begins anew with each aggregate.
    """
    import polars as pl

    step = pl.col("rank").max() + 1
    base = (pl.col(KEY).rle_id().cast(pl.Int64)) * step
    return (base + pl.col("rank")).cum_max().shift(1, fill_value=0) - base


def inverted(writes: Sequence[Write]) -> Inverted | None:
    """Return what is the wrong way round in the writes of one aggregate, in order.

    >>> found = inverted([(1, 0, True), (3, 1, True), (2, 2, True)])
    >>> (found.inversions, found.early, found.partner, found.again)
    (1, 1, 2, False)
    """
    late = _late(writes)
    if late is None:
        return None
    seconds, pairs = late
    early, partner, again = _beginning(writes)
    return Inverted(
        inversions=pairs, early=early, partner=partner, again=again, late=seconds
    )


def _late(writes: Sequence[Write]) -> tuple[float | None, int] | None:
    """Return the longest lateness and the number of inverted pairs."""
    done: list[int] = []  # ranks written so far, sorted
    highest: list[int] = []  # the highest rank after each write
    pairs, most = 0, None
    for rank, at, first in writes:
        above = len(done) - bisect_right(done, rank)
        if above:
            pairs += above
            since = writes[bisect_right(highest, rank)][1]
            late = _seconds(since, at)
            most = late if most is None or (late or 0) > most else most
        if first:
            insort(done, rank)
        highest.append(max(rank, highest[-1] if highest else 0))
    return (most, pairs) if pairs else None


def _seconds(since: Any, at: Any) -> float | None:
    return (at - since).total_seconds() if isinstance(at, datetime) else None


def _beginning(writes: Sequence[Write]) -> tuple[int, int, bool]:
    """Return the places of the first write on the wrong side and of its partner."""
    waiting = _lowest_to_come(writes)
    place_of = {rank: n for n, (rank, _, first) in enumerate(writes) if first}
    highest = 0
    for place, (rank, _, first) in enumerate(writes):
        if waiting[place] < rank:  # its first write, or that would have been one
            return place, place_of[waiting[place]], False
        if not first and rank < highest:
            return place, place_of[highest], True
        highest = max(highest, rank)
    raise AssertionError("writes without an inversion begin none")


def _lowest_to_come(writes: Sequence[Write]) -> list[int]:
    """Return for each write the lowest rank whose first write is still to come."""
    lowest, found = 2**62, [0] * len(writes)
    for place in range(len(writes) - 1, -1, -1):
        found[place] = lowest
        rank, _, first = writes[place]
        if first:
            lowest = min(lowest, rank)
    return found


def groups(rows: pl.DataFrame, *columns: str) -> Iterator[tuple[str, list[Any]]]:
    """Yield each aggregate with its rows, as tuples of these columns, in order."""
    found = rows.group_by(KEY, maintain_order=True).agg(*columns)
    for key, *lists in found.select(KEY, *columns).iter_rows():
        yield key, list(zip(*lists, strict=True))


def counted_writes(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row an aggregate: ``written``, ``copies``, ``late`` and ``ties``."""
    import polars as pl

    first = pl.col("first")
    return rows.group_by(KEY).agg(
        first.sum().cast(pl.Int64).alias("written"),
        (~first).sum().cast(pl.Int64).alias("copies"),
        pl.col("late").any().alias("disordered"),
        pl.col("tied").sum().cast(pl.Int64).alias("ties"),
    )
