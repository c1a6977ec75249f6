"""Two tables side by side. This module imports polars, so it is imported late.

What lives here: the rows in which two tables of one projection differ.
The guarantee: a key is here if and only if its states differ, or one past has none;
the differences of a total add up to the difference of the two sums.
What it may not know: logs, reducers.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from esbench.projection.answer import Column


def compared(
    table_a: pl.DataFrame, table_b: pl.DataFrame, key: str, fields: Sequence[Column]
) -> pl.DataFrame:
    """Return the keys whose states differ, sorted.

    Args:
        table_a: one row a key, unique.
        table_b: one row a key, unique.
        key: the column of the keys.
        fields: the columns of the states.

    Returns:
        ``key``; for every field ``<field>_a``, ``<field>_b`` and, where it adds up,
        ``<field>_change``, which is b − a with nothing taken as zero.
    """
    side_a, side_b = _alike(table_a, table_b, key, fields)
    both = side_a.join(side_b, on=key, how="full", coalesce=True)
    pairs = [(pl.col(f"{f.name}_a"), pl.col(f"{f.name}_b")) for f in fields]
    differs = [a.ne_missing(b) for a, b in pairs]
    alone = pl.col("@a").is_null() | pl.col("@b").is_null()
    shown = both.filter(pl.any_horizontal(alone, *differs))
    columns = [column for field in fields for column in _columns(field)]
    return shown.select(key, *columns).sort(key)


def _alike(
    table_a: pl.DataFrame, table_b: pl.DataFrame, key: str, fields: Sequence[Column]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give both tables the same columns and types, named for their sides."""
    sides = [
        table.select(pl.all(), pl.lit(side).alias("@side"))
        for side, table in (("a", table_a), ("b", table_b))
    ]
    stacked = pl.concat(sides, how="diagonal_relaxed")
    parts = []
    for side in ("a", "b"):
        names = [pl.col(field.name).alias(f"{field.name}_{side}") for field in fields]
        mine = stacked.filter(pl.col("@side") == side)
        parts.append(mine.select(key, *names, pl.lit(1).alias(f"@{side}")))
    return parts[0], parts[1]


def _columns(field: Column) -> list[pl.Expr]:
    a, b = pl.col(f"{field.name}_a"), pl.col(f"{field.name}_b")
    if not field.adds_up:
        return [a, b]
    return [a, b, (b.fill_null(0) - a.fill_null(0)).alias(f"{field.name}_change")]
