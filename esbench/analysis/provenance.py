"""Where a number comes from: every event behind it, and every one that was left out.

What lives here: ``explain``.
The guarantee: each event of the account that could move the number is a row; those
that count lead step by step to the number that ``hydrate`` gives, and of the others it
is said by which of the two times they were left out.
What it may not know: claims, other accounts, terminals.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from esbench.analysis import sql
from esbench.analysis.changed import When
from esbench.analysis.measure import KEY, Measure, measure_of, transaction
from esbench.analysis.receipt import called, counted, last_of, receipt
from esbench.analysis.report import Report
from esbench.moments import spoken

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from esbench.log import Coordinates, Past, Readable

TERMS = 8  # amounts that the sentence adds up, before it sums them
NAMED = 3  # events left out that the sentence names
YES, RECORDED, OCCURRED = "yes", "recorded later", "happened later"
LOOKED_AT = ("user_id", "correlation_id", "causation_id")


def explain(
    log: Readable,
    aggregate_id: str,
    occurred: When | None = None,
    recorded: When | None = None,
    *,
    projection: Any = None,
    field: str | None = None,
    call: str | None = None,
) -> Report:
    """Return the provenance of one number: what it is made of, and what was left out.

    Args:
        log: a log, or a past of one.
        aggregate_id: the account.
        occurred: the day or moment asked about; everything unless said.
        recorded: the day or moment asked on; now unless said.
        projection: what makes the number; ``bank.Account`` unless given.
        field: the field of its states; the first total unless said.
        call: what the receipt says gives the answer again.

    Returns:
        A report whose table has a row for each event, in log order: ``counts`` (yes,
        recorded later, happened later), ``moves`` where the number adds up, and the
        number after it, under the field's name.

    Raises:
        NotFound: no such account, or not yet in that past.
        InvalidFrame: no such field.
    """
    from esbench.domains import bank

    past = log.as_of(occurred, recorded=recorded)
    pinned = past.log.as_of(position=last_of(past))
    measure = measure_of(projection or bank.Account, field, past)
    steps = measure.projection.steps(past, aggregate_id)
    table = _table(measure, past, pinned, steps, aggregate_id)
    stood = receipt(past, aggregate_id=aggregate_id)
    return Report(
        title=f"{measure.name}.{measure.field} of {aggregate_id}",
        finding=_finding(measure, past, table, aggregate_id),
        table=table,
        events=table.filter(table["counts"] == YES),
        receipt=called(stood, call, "explain", repr(aggregate_id)),
        _sql=lambda: _query(measure, past, pinned, table.columns, aggregate_id),
        _picture=lambda: _picture(measure, steps),
    )


def _table(
    measure: Measure, past: Past, pinned: Past, steps: pl.DataFrame, key: str
) -> pl.DataFrame:
    import polars as pl

    rows = measure.events(pinned).filter(pl.col(KEY) == key)
    columns = rows.collect_schema().names()
    given = [name for name in LOOKED_AT if name in columns]
    events = rows.select(
        "position",
        "version",
        "type",
        transaction(columns),
        "occurred_at",
        "recorded_at",
        *given,
        _counts(past.coordinates).alias("counts"),
        *(["moves"] if measure.adds_up else []),
    )
    values = steps.select("position", pl.col(measure.field))
    return events.collect().join(values, on="position", how="left").sort("position")


def _counts(at: Coordinates) -> pl.Expr:
    """Return whether an event counts, and if not, by which time it was left out."""
    import polars as pl

    told: Any = pl
    for name, limit, why in (
        ("occurred_at", at.occurred, OCCURRED),
        ("recorded_at", at.recorded, RECORDED),
    ):
        if limit is not None:
            told = told.when(pl.col(name) > limit).then(pl.lit(why))
    if told is pl:
        return pl.lit(YES)
    words: pl.Expr = told.otherwise(pl.lit(YES))
    return words


def _finding(measure: Measure, past: Past, table: pl.DataFrame, key: str) -> str:
    import polars as pl

    kept = table.filter(pl.col("counts") == YES)
    left = table.filter(pl.col("counts") != YES)
    if kept.is_empty():
        value = getattr(measure.projection.hydrate(past, key), measure.field, None)
    else:
        value = kept[measure.field][-1]
    made = _sum(kept) if measure.adds_up else ""
    start = f"The {measure.field} of {key} is {value}{made}"
    if left.is_empty():
        return f"{start}; nothing is left out."
    named = [_left(row, past.zone) for row in left.head(NAMED).iter_rows(named=True)]
    rest = left.height - len(named)
    more = (
        f" and {counted(rest, 'more')[:-1] if rest > 1 else '1 more'}" if rest else ""
    )
    return f"{start}; left out: {', '.join(named)}{more}."


def _sum(kept: pl.DataFrame) -> str:
    """Write the number as the sum that it is."""
    moves: list[Any] = [value for value in kept["moves"] if value]
    if not moves:
        return ""
    if len(moves) > TERMS:
        plus = sum((m for m in moves if m > 0), start=moves[0] * 0)
        minus = sum((-m for m in moves if m < 0), start=moves[0] * 0)
        return f" = {plus} − {minus}, by {len(moves):,} events"
    first, *others = moves
    tail = "".join(f" {'+' if m > 0 else '−'} {abs(m)}" for m in others)
    return f" = {first}{tail}" if others else ""


def _left(row: dict[str, Any], zone: str) -> str:
    """Name an event that was left out, and the time that kept it out."""
    time = "occurred_at" if row["counts"] == OCCURRED else "recorded_at"
    verb = "happened" if row["counts"] == OCCURRED else "recorded"
    day = spoken(row[time], zone)[:10]
    amount = row.get("moves")
    said = f" {amount:+}" if isinstance(amount, Decimal | int) else ""
    return f"{row['type']} {row['transaction']}{said} ({verb} {day})"


def _query(
    measure: Measure, past: Past, pinned: Past, wanted: list[str], key: str
) -> str:
    """Return the query that gives the table."""
    columns = sql.columns_of(past)
    at, last = past.coordinates, pinned.head().position
    arms = []
    if at.occurred is not None:
        late = f"occurred_at > {sql.moment(at.occurred)}"
        arms.append(f"WHEN {late} THEN '{OCCURRED}'")
    if at.recorded is not None:
        late = f"recorded_at > {sql.moment(at.recorded)}"
        arms.append(f"WHEN {late} THEN '{RECORDED}'")
    counts = f"CASE {' '.join(arms)} ELSE '{YES}' END" if arms else f"'{YES}'"
    kept, over = f"counts = '{YES}'", " OVER (ORDER BY position)"
    running = sql.value(measure, columns, kept, over)
    shown = ", ".join(name for name in wanted if name != measure.field)
    field = sql.name(measure.field)
    return f"""\
SET TimeZone = 'UTC';
WITH events AS (
  SELECT *, {sql.transaction(columns)} AS transaction,
    {sql.moves(measure, columns)} AS moves,
    {counts} AS counts
  FROM {sql.rows(past)}
  WHERE aggregate_id = {sql.text(key)} AND position <= {last}
    AND {sql.among(measure.types)}
), folded AS (
  SELECT *, {running} AS running FROM events
)
SELECT {shown}, CASE WHEN {kept} THEN running END AS {field}
FROM folded ORDER BY position;
"""


def _picture(measure: Measure, steps: Any) -> Figure:
    figure: Figure = steps.plot(measure.field)
    return figure
