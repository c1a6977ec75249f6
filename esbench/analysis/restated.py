"""What reports said, and what they would say now: one number, period by period.

What lives here: ``restated``.
The guarantee: ``then`` is what ``table`` gives about a period's end as known at that
very end, ``now`` what it gives as the log knows it; a row stands wherever either past
holds the account.
What it may not know: claims, terminals.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from esbench.analysis.measure import KEY, Measure, measure_of
from esbench.analysis.receipt import called, receipt
from esbench.analysis.report import Report
from esbench.errors import InvalidFrame

if TYPE_CHECKING:
    import polars as pl

    from esbench.log import Readable

Day = date | str | None


def restated(
    log: Readable,
    every: str = "1mo",
    only: Iterable[Any] | None = None,
    start: Day = None,
    end: Day = None,
    *,
    projection: Any = None,
    field: str | None = None,
    call: str | None = None,
) -> Report:
    """Return a number at each period's end, as known then and as known now.

    Args:
        log: a log, or a past of one.
        every: ``1d 1w 1mo 1q 1y``.
        only: the accounts to return; all unless said.
        start: a day in the first period; that of the first event unless said.
        end: a day in the last period; that of the last event unless said.
        projection: what makes the number; ``bank.Account`` unless given.
        field: the field of its states; the first total unless said.
        call: what the receipt says gives the answer again.

    Returns:
        A report whose table has a row for each account and end: ``then``, ``now``
        (null where nothing was known) and ``difference`` where both are numbers.

    Raises:
        InvalidFrame: no such field.
        NotFound: an account in ``only`` does not exist in that past.
    """
    from esbench.domains import bank

    past = log.as_of()
    measure = measure_of(projection or bank.Account, field, past)
    last = end or _last(past)
    sides = {
        side: measure.projection.series(past, every, only, start, last, known=side)
        for side in ("then", "now")
    }
    table = _beside(measure, sides)
    words = [repr(every)] if only is None else [repr(every), repr(list(only))]
    return Report(
        title=f"{measure.name}.{measure.field} every {every}, then and now",
        finding=_finding(measure, table),
        table=table,
        events=table.filter(table["then"].ne_missing(table["now"])),
        receipt=called(receipt(past), call, "restated", *words),
        _sql=_no_query,
        _picture=lambda: _picture(measure, table, every),
    )


def _last(past: Readable) -> Day:
    """Return the day of the last event by either time: both sides end there."""
    import polars as pl

    times = [pl.col(n).max() for n in ("occurred_at", "recorded_at")]
    found = past.scan().select(pl.max_horizontal(times).alias("last")).collect()
    last = found.item(0, "last")
    return None if last is None else _local(last, past.zone)


def _local(moment: Any, zone: str) -> date:
    from zoneinfo import ZoneInfo

    day: date = moment.astimezone(ZoneInfo(zone)).date()
    return day


def _beside(measure: Measure, sides: dict[str, pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    parts = [
        frame.select(KEY, "end", pl.col(measure.field).alias(side))
        for side, frame in sides.items()
    ]
    both = parts[0].join(parts[1], on=[KEY, "end"], how="full", coalesce=True)
    if not both.schema["now"].is_numeric():
        return both.sort(KEY, "end")
    gap = pl.col("now").fill_null(0) - pl.col("then").fill_null(0)
    return both.with_columns(gap.alias("difference")).sort(KEY, "end")


def _finding(measure: Measure, table: pl.DataFrame) -> str:
    changed = table.filter(table["then"].ne_missing(table["now"]))
    rows = f"{changed.height:,} of {table.height:,} figures were restated later"
    if not changed.height:
        return f"All {table.height:,} figures of {measure.field} stand as reported."
    accounts = changed[KEY].n_unique()
    return f"{rows}, of {accounts:,} account{'s' * (accounts != 1)}."


def _no_query() -> str:
    raise InvalidFrame(
        "a series in two times has no query here: ask table() at each period's end, "
        "or changed(), which has one"
    )


def _picture(measure: Measure, table: pl.DataFrame, every: str) -> Any:
    from esbench.analysis.pictures import sides

    return sides(table, measure.field, every)
