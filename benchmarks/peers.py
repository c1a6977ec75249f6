"""The same questions, put to polars, DuckDB, pandas and deltalake by who knows them.

What lives here: each peer's own way to read the log's Parquet files.
The guarantee: each returns an answer that can be compared with esbench's, and each
was tried in several ways, of which the fastest stands here; the others are named.
What it may not know: esbench's own reading; it gets paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.sqlite import module

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

Files = Sequence[str]

# --- polars ----------------------------------------------------------------------
# Tried besides: three sums instead of one, no projection before the grouping. Both
# are slower.


def _polars_moved() -> pl.Expr:
    """Return what each event adds to its account."""
    import polars as pl

    kind, amount = pl.col("type"), pl.col("amount")
    out = pl.when(kind == "MoneyWithdrawn").then(-amount)
    return out.when(kind == "AccountOpened").then("initial_balance").otherwise(amount)


def polars_balances(files: Files, until: datetime, *, streaming: bool) -> pl.DataFrame:
    """Return every account's balance about a moment, sorted by account."""
    import polars as pl

    rows = pl.scan_parquet(list(files)).filter(pl.col("occurred_at") <= until)
    moved = rows.select("aggregate_id", balance=_polars_moved())
    summed = moved.group_by("aggregate_id").agg(pl.col("balance").sum())
    engine: Any = "streaming" if streaming else "in-memory"
    return summed.sort("aggregate_id").collect(engine=engine)


class PolarsAccount:
    """One account's balance; the files' schema is known beforehand."""

    def __init__(self, files: Files) -> None:
        import polars as pl

        self._rows = pl.scan_parquet(list(files))
        self._rows.collect_schema()

    def balance(self, account: str) -> Decimal:
        """Return the balance of one account."""
        import polars as pl

        mine = self._rows.filter(pl.col("aggregate_id") == account)
        found: Decimal = mine.select(_polars_moved().sum()).collect().item()
        return found


# --- DuckDB ----------------------------------------------------------------------
# Tried besides: a view over the files, three sums instead of one. Neither is faster.

_MOVED = """case type when 'MoneyWithdrawn' then -amount
                       when 'AccountOpened' then initial_balance
                       else amount end"""
_FILES = "read_parquet($files, union_by_name = true)"


class DuckDB:
    """A connection with as many threads as it takes by itself.

    Raises:
        NotInstalled: the library is not there.
    """

    def __init__(self, files: Files) -> None:
        self._files = list(files)
        self._connection = module("duckdb").connect()
        self._connection.execute("SET TimeZone = 'UTC'")

    def _ask(self, query: str, **given: Any) -> Any:
        return self._connection.sql(query, params={"files": self._files, **given})

    def _frame(self, query: str, **given: Any) -> pl.DataFrame:
        import polars as pl

        found = pl.from_arrow(self._ask(query, **given).to_arrow_table())
        assert isinstance(found, pl.DataFrame), "a table becomes a frame"
        return found

    def balances(self, until: datetime) -> pl.DataFrame:
        """Return every account's balance about a moment, sorted by account."""
        return self._frame(
            f"""select aggregate_id, sum({_MOVED}) as balance from {_FILES}
                where occurred_at <= $until group by aggregate_id
                order by aggregate_id""",
            until=until,
        )

    def balance(self, account: str) -> Decimal:
        """Return the balance of one account."""
        found: Decimal = self._ask(
            f"select sum({_MOVED}) from {_FILES} where aggregate_id = $account",
            account=account,
        ).fetchall()[0][0]
        return found

    def series(self, unit: str, start: str, end: str, only: Files) -> pl.DataFrame:
        """Return balances at the end of each period, from each account's first on.

        Args:
            unit: ``month`` or ``day``.
            start: the first day of the first period that is shown.
            end: the last day of the last period.
            only: the accounts; all if there is none.
        """
        mine = "and aggregate_id in (select unnest($only))" if only else ""
        return self._frame(
            f"""
            with moved as (
                select aggregate_id, sum({_MOVED}) as moved,
                       date_trunc('{unit}', occurred_at)::date as period
                from {_FILES}
                where occurred_at < $end::date + 1 {mine}
                group by all
            ), placed as (
                select aggregate_id, greatest(period, $start::date) as period,
                       sum(moved) as moved
                from moved group by all
            ), periods as (
                select unnest(generate_series(
                    $start::date, $end::date, interval 1 {unit}))::date as period
            ), begun as (
                select aggregate_id, min(period) as first from placed group by all
            )
            select aggregate_id,
                   (period + interval 1 {unit} - interval 1 day)::date as "end",
                   sum(coalesce(moved, 0)) over (
                       partition by aggregate_id order by period) as balance
            from begun join periods on period >= first
                 left join placed using (aggregate_id, period)
            order by aggregate_id, period
            """,
            start=start,
            end=end,
            **({"only": list(only)} if only else {}),
        )


# --- pandas ----------------------------------------------------------------------
# Tried besides: cents as numpy integers, categories for the accounts.


def pandas_balances(files: Files, until: datetime) -> Any:
    """Return every account's balance about a moment, as a Series sorted by account."""
    import pandas as pd

    rows = pd.read_parquet(
        list(files),
        columns=["aggregate_id", "type", "initial_balance", "amount"],
        filters=[("occurred_at", "<=", until)],
        dtype_backend="pyarrow",
    )
    moved = rows["amount"].fillna(rows["initial_balance"])
    moved = moved.where(rows["type"] != "MoneyWithdrawn", -moved)
    return moved.groupby(rows["aggregate_id"]).sum()


def from_pandas(balances: Any) -> pl.DataFrame:
    """Return the Series of ``pandas_balances`` as the frame that the others give."""
    import polars as pl

    frame = pl.from_pandas(balances.rename("balance").reset_index())
    return frame.cast({"aggregate_id": pl.String, "balance": pl.Decimal(38, 2)})


# --- deltalake -------------------------------------------------------------------


class Delta:
    """A Delta table that takes one commit after the other.

    Raises:
        NotInstalled: the library is not there.
    """

    def __init__(self, path: Path) -> None:
        self._write = module("deltalake").write_deltalake
        self._path = str(path)

    def append(self, rows: pa.Table) -> None:
        """Append rows as one commit; the library syncs nothing to the disk."""
        self._write(self._path, rows, mode="append")
