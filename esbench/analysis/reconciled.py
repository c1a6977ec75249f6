"""Reconciling: what a log says against what somebody claims.

What lives here: ``reconcile``, for all accounts at once, and ``explain_claim`` for one.
The guarantee: every account of the log and of the list is looked at; one within the
tolerance is not listed, any other is, with the explanations that fit. An explanation
is never applied: a log is repaired by a correction, appended.
What it may not know: terminals.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from esbench.analysis import sql
from esbench.analysis.changed import When
from esbench.analysis.claims import claims_of
from esbench.analysis.inverse import Moved, Ways, explained, units_of
from esbench.analysis.measure import KEY, Measure, measure_of, transaction
from esbench.analysis.receipt import called, receipt
from esbench.analysis.report import Report, counted_verb
from esbench.errors import InvalidEvent, InvalidFrame, NotFound

if TYPE_CHECKING:
    import polars as pl

    from esbench.log import Past, Readable

EXPLAINED = 1_000  # accounts whose difference is explained, the largest first
DIFFERS, UNKNOWN, UNCLAIMED = "differs", "not in the log", "no claim"
DELAY = 0.5  # seconds before progress is shown
MANY = 100  # accounts for which progress may be shown at all


def reconcile(
    log: Readable,
    claims: Any,
    occurred: When | None = None,
    recorded: When | None = None,
    *,
    tolerance: Decimal | str | int = 0,
    partial: bool = False,
    projection: Any = None,
    field: str | None = None,
    explain: int = EXPLAINED,
    call: str | None = None,
) -> Report:
    """Return where a list of claims differs from the log, and what explains it.

    Args:
        log: a log, or a past of one.
        claims: a file (CSV, Parquet), a frame of polars or pandas, or a mapping.
        occurred: the day that the claims are about; everything unless said.
        recorded: the day whose knowledge they are held against; now unless said.
        tolerance: the largest difference that counts as none.
        partial: whether the list need not name every account.
        projection: what makes the number; ``bank.Account`` unless given.
        field: the field of its states; the first total unless said.
        explain: for how many accounts explanations are sought.
        call: what the receipt says gives the answer again.

    Returns:
        A report whose table has a row for each account that differs, sorted by id:
        ``claimed``, ``log``, ``difference`` (claim minus log), ``status`` (differs,
        not in the log, no claim) and ``explanation``.

    Raises:
        InvalidFrame: a number that does not add up.
        UnclearExtract: a list that can be read in more than one way.
    """
    from esbench.domains import bank

    past = log.as_of(occurred, recorded=recorded)
    measure = measure_of(projection or bank.Account, field, past)
    places = _places(measure)
    read = claims_of(claims, field=measure.field, places=places)
    limit = _limit(tolerance)
    compared = _compared(measure, past, read.frame, limit, partial=partial)
    events, table = _explained(measure, past, compared, explain)
    return Report(
        title=f"{measure.name}.{measure.field} against claims",
        finding=_finding(table, read.frame.height, read.said),
        table=table,
        events=events,
        receipt=called(receipt(past), call, "reconcile", "claims"),
        _sql=lambda: _query(measure, past, read.frame, limit, partial=partial),
        _picture=lambda: _picture(table, measure, str(past.coordinates)),
    )


def explain_claim(
    log: Readable,
    aggregate_id: str,
    claim: Decimal | str | int,
    *,
    projection: Any = None,
    field: str | None = None,
) -> Ways:
    """Return which changes of an account's transactions, one or two, make the claim.

    Args:
        log: a log, or a past of one.
        aggregate_id: the account.
        claim: the number that somebody says it has.
        projection: what makes the number; ``bank.Account`` unless given.
        field: the field of its states; the first total unless said.

    Raises:
        NotFound: no such account, or not yet in that past.
        InvalidFrame: a number that does not add up.
    """
    import polars as pl

    from esbench.domains import bank

    measure = measure_of(projection or bank.Account, field, log)
    places = _places(measure) or 0
    rows = measure.events(log).filter(pl.col(KEY) == aggregate_id)
    moved = dict(_moved(_transactions(rows), places, log.zone))
    values = measure.values(log).filter(pl.col(KEY) == aggregate_id)
    if values.is_empty():
        measure.projection.hydrate(log, aggregate_id)  # says why it is not there
    gap = units_of(Decimal(str(claim)) - values.item(0, "value"), places)
    return explained(moved.get(aggregate_id, []), gap)


def _places(measure: Measure) -> int | None:
    if not measure.adds_up or measure.reducer is None:
        raise InvalidFrame(
            f"{measure.name}.{measure.field} does not add up: claims are held against "
            "a total or a count"
        )
    places: int | None = measure.reducer.places
    return places


def _limit(tolerance: Decimal | str | int) -> Decimal:
    try:
        limit = Decimal(str(tolerance))
    except ArithmeticError:
        limit = Decimal(-1)
    if not limit.is_finite() or limit < 0:
        raise InvalidEvent(f"tolerance {tolerance}: write a number such as 0.05")
    return limit


def _compared(
    measure: Measure,
    past: Past,
    claims: pl.DataFrame,
    limit: Decimal,
    *,
    partial: bool,
) -> pl.DataFrame:
    """Return one row an account beyond the tolerance, sorted by id."""
    import polars as pl

    values = measure.values(past).rename({"value": "log"})
    both = claims.join(values, on=KEY, how="full", coalesce=True)
    if partial:
        both = both.join(claims.select(KEY), on=KEY, how="semi")
    claimed, held = pl.col("claimed"), pl.col("log")
    status = (
        pl.when(held.is_null())
        .then(pl.lit(UNKNOWN))
        .when(claimed.is_null())
        .then(pl.lit(UNCLAIMED))
        .otherwise(pl.lit(DIFFERS))
    )
    gap = (claimed.fill_null(0) - held.fill_null(0)).alias("difference")
    beyond = (pl.col("difference").abs() > limit) | (pl.col("status") != DIFFERS)
    rows = both.with_columns(gap, status.alias("status")).filter(beyond)
    return rows.select(KEY, "claimed", "log", "difference", "status").sort(KEY)


def _explained(
    measure: Measure, past: Past, rows: pl.DataFrame, most: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the transactions of accounts that differ, and the rows with their why."""
    import polars as pl

    sought = rows.filter(pl.col("status") == DIFFERS)
    sought = sought.sort(pl.col("difference").abs(), KEY, descending=[True, False])
    sought = sought.head(most)
    mine = measure.events(past).join(sought.lazy().select(KEY), on=KEY, how="semi")
    events = _transactions(mine)
    places = _places(measure) or 0
    gaps = dict(sought.select(KEY, "difference").iter_rows())
    moved = _moved(events, places, past.zone)
    why = {key: str(explained(m, units_of(gaps[key], places))) for key, m in moved}
    for key in gaps.keys() - why.keys():
        why[key] = str(explained([], 1))
    told = pl.DataFrame(
        {KEY: list(why), "explanation": list(why.values())},
        schema={KEY: pl.String, "explanation": pl.String},
    )
    table = rows.join(told, on=KEY, how="left").sort(KEY)
    return events, table


def _transactions(rows: pl.LazyFrame) -> pl.DataFrame:
    """Return the events that a bookkeeper can miss: those with a transaction's id.

    Where no event of the log has one, all that move the number count.
    """
    import polars as pl

    columns = rows.collect_schema().names()
    if "transaction_id" in columns:
        rows = rows.filter(pl.col("transaction_id").is_not_null())
    chosen = rows.select(
        KEY,
        "position",
        "version",
        "type",
        transaction(columns),
        "moves",
        "occurred_at",
        "recorded_at",
    )
    return chosen.sort("position").collect()


def _moved(
    events: pl.DataFrame, places: int, zone: str
) -> Iterator[tuple[str, list[Moved]]]:
    """Yield each account's transactions in log order, with progress on long work."""
    import polars as pl

    day = pl.col("recorded_at").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d")
    found = events.with_columns(day.alias("day")).group_by(KEY, maintain_order=True)
    lists = found.agg("transaction", "moves", "day")
    for key, names, moves, days in _watched(lists.iter_rows(), lists.height):
        units = [units_of(value, places) for value in moves]
        yield key, [Moved(*one) for one in zip(names, units, days, strict=True)]


def _watched(rows: Iterator[Any], total: int) -> Iterator[Any]:
    """Return the same rows, with progress where there are many."""
    if total < MANY:
        return rows
    from tqdm.auto import tqdm

    looks: dict[str, Any] = {"delay": DELAY, "leave": False, "unit": " accounts"}
    return iter(tqdm(rows, total=total, **looks))


def _finding(table: pl.DataFrame, claims: int, said: str) -> str:
    """Say how many of how many differ, by status."""
    import polars as pl

    if table.is_empty():
        return f"All of {claims:,} claims agree with the log. {said}."
    parts = []
    for status in (DIFFERS, UNKNOWN, UNCLAIMED):
        number = table.filter(pl.col("status") == status).height
        if number and status == DIFFERS:
            parts.append(counted_verb(number, "claim", "differs", "differ"))
        elif number and status == UNKNOWN:
            parts.append(counted_verb(number, "claim", "is", "are") + " not in the log")
        elif number:
            parts.append(counted_verb(number, "account", "has", "have") + " no claim")
    return f"{', '.join(parts)}, of {claims:,} claims. {said}."


def _query(
    measure: Measure,
    past: Past,
    claims: pl.DataFrame,
    limit: Decimal,
    *,
    partial: bool,
) -> str:
    """Return the query that gives the table, the explanations apart."""
    columns = sql.columns_of(past)
    kind = _sql_type(measure)
    listed = ",\n    ".join(
        f"({sql.text(key)}, {value})" for key, value in claims.iter_rows()
    )
    if not listed:
        raise NotFound("there is no claim: no query says so")
    join = "LEFT" if partial else "FULL"
    return f"""\
-- the table without its column explanation, which SQL does not find
SET TimeZone = 'UTC';
WITH claims AS (
  SELECT aggregate_id, claimed::{kind} AS claimed FROM (VALUES
    {listed}
  ) AS listed(aggregate_id, claimed)
), events AS (
  SELECT *, {sql.moves(measure, columns)} AS moves
  FROM {sql.rows(past)}
  WHERE {sql.within(past.coordinates, past.head().position)}
    AND {sql.of_interest(measure)}
), states AS (
  SELECT aggregate_id, {sql.value(measure, columns)} AS log
  FROM events GROUP BY aggregate_id
), compared AS (
  SELECT aggregate_id, claimed, log,
    (coalesce(claimed, 0) - coalesce(log, 0))::{kind} AS difference,
    CASE WHEN log IS NULL THEN '{UNKNOWN}'
         WHEN claimed IS NULL THEN '{UNCLAIMED}' ELSE '{DIFFERS}' END AS status
  FROM claims {join} JOIN states USING (aggregate_id)
)
SELECT * FROM compared
WHERE abs(difference) > {limit} OR status <> '{DIFFERS}'
ORDER BY aggregate_id;
"""


def _sql_type(measure: Measure) -> str:
    places = _places(measure)
    return "BIGINT" if places is None else f"DECIMAL(38, {places})"


def _picture(table: pl.DataFrame, measure: Measure, said: str) -> Any:
    from esbench.analysis.pictures import bars

    return bars(table, "difference", f"{measure.field}: claim minus log", said)
