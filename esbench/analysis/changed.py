"""What changed about a day between two days of knowledge: the restatement list.

What lives here: ``changed``.
The guarantee: an aggregate is listed if and only if the number differs between the two
pasts. Where the number adds up, the transactions listed beside it add up to the
difference, exactly.
What it may not know: claims from outside, terminals.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from esbench.analysis import sql
from esbench.analysis.measure import KEY, Measure, measure_of, transaction
from esbench.analysis.receipt import Receipt, coordinates_of, receipt
from esbench.analysis.report import Report, counted_verb
from esbench.errors import InvalidEvent
from esbench.moments import spoken

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from esbench.log import Coordinates, Past, Readable

When = date | datetime | str


def changed(
    log: Readable,
    occurred: When | None = None,
    recorded: When | tuple[When, When | None] | None = None,
    *,
    projection: Any = None,
    field: str | None = None,
    call: str | None = None,
) -> Report:
    """Return what is now known differently about a day, and which events explain it.

    Args:
        log: a log, or a past of one.
        occurred: the day or moment asked about; everything unless said.
        recorded: the two days of knowledge, the earlier one first. One alone is held
            against what is known now; without any, it is the day asked about itself.
        projection: what makes the number; ``bank.Account`` unless given.
        field: the field of its states; the first total unless said.
        call: what the receipt says gives the answer again.

    Returns:
        A report whose table has a row for each aggregate that differs, sorted by id:
        ``old``, ``new`` (null where a past does not hold it), ``difference`` where
        the number adds up, ``events`` (how many were recorded in between and move
        it) and ``transactions`` (which).

    Raises:
        InvalidEvent: the second day of knowledge lies before the first.
        InvalidFrame: no such field.
    """
    from esbench.domains import bank

    then, now = _pasts(log, occurred, recorded)
    measure = measure_of(projection or bank.Account, field, now)
    events = _between(measure, then, now)
    table = _table(measure, then, now, events)
    events = events.join(table.select(KEY), on=KEY, how="semi").sort("position")
    stood = _receipt(then, now, call)
    return Report(
        title=f"What changed of {measure.name}.{measure.field}",
        finding=_finding(table),
        table=table,
        events=events,
        receipt=stood,
        _sql=lambda: _query(measure, then, now),
        _picture=lambda: _picture(table, measure, stood.said),
    )


def _pasts(
    log: Readable,
    occurred: When | None,
    recorded: When | tuple[When, When | None] | None,
) -> tuple[Past, Past]:
    """Return the two pasts of one moment of the log."""
    pinned = log.as_of()
    first, second = recorded if isinstance(recorded, tuple) else (recorded, None)
    if first is None:
        if occurred is None:
            raise InvalidEvent(
                "changed since when? Say the day asked about, or a day of knowledge: "
                "changed(log, '2024-01-31'), changed(log, recorded='2024-01-31')"
            )
        first = pinned.as_of(occurred).coordinates.occurred
    then = pinned.as_of(occurred, recorded=first)
    now = pinned.as_of(occurred, recorded=second)
    early, late = then.coordinates.recorded, now.coordinates.recorded
    if early is not None and late is not None and late < early:
        raise InvalidEvent(
            f"known on {spoken(late, log.zone)} lies before known on "
            f"{spoken(early, log.zone)}: swap them"
        )
    return then, now


def _between(measure: Measure, then: Past, now: Past) -> pl.DataFrame:
    """Return the events that the later past has and the earlier one has not."""
    import polars as pl

    rows = measure.events(now)
    known = then.coordinates.recorded
    if known is not None:
        rows = rows.filter(pl.col("recorded_at") > known)
    columns = rows.collect_schema().names()
    return rows.select(
        KEY,
        "position",
        "version",
        "type",
        transaction(columns),
        "moves",
        "occurred_at",
        "recorded_at",
    ).collect()


def _table(
    measure: Measure, then: Past, now: Past, events: pl.DataFrame
) -> pl.DataFrame:
    import polars as pl

    old = measure.values(then).rename({"value": "old"}).with_columns(held=1)
    new = measure.values(now).rename({"value": "new"}).with_columns(holds=1)
    both = old.join(new, on=KEY, how="full", coalesce=True)
    appeared = pl.col("held").is_null() != pl.col("holds").is_null()
    rows = both.filter(pl.col("old").ne_missing(pl.col("new")) | appeared)
    told = _told(events.join(rows.select(KEY), on=KEY, how="semi"), now.zone)
    rows = rows.join(told, on=KEY, how="left").with_columns(
        pl.col("events").fill_null(0), pl.col("transactions").fill_null("")
    )
    difference = []
    if measure.adds_up:
        gap = pl.col("new").fill_null(0) - pl.col("old").fill_null(0)
        difference = [gap.alias("difference")]
    return rows.select(KEY, "old", "new", *difference, "events", "transactions").sort(
        KEY
    )


def _told(events: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return for each aggregate how many events there are, and which, in words."""
    import polars as pl

    moves = pl.col("moves").cast(pl.String)
    signed = pl.when(pl.col("moves") >= 0).then("+" + moves).otherwise(moves)
    day = pl.col("recorded_at").dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d")
    said = pl.concat_str(
        pl.col("type") + " " + pl.col("transaction"),
        signed,
        pl.lit("on ") + day,
        separator=" ",
        ignore_nulls=True,
    )
    return (
        events.sort("position")
        .with_columns(said.alias("said"))
        .group_by(KEY)
        .agg(
            pl.len().cast(pl.Int64).alias("events"),
            pl.col("said").str.join("; ").alias("transactions"),
        )
    )


def _receipt(then: Past, now: Past, call: str | None) -> Receipt:
    """Return the receipt of the later past, with both days of knowledge."""
    stood = receipt(now, call=call)
    a, b = then.coordinates, now.coordinates
    about = "about all" if b.occurred is None else f"about {spoken(b.occurred, b.zone)}"
    days = [_known(at) for at in (a, b)]
    said = f"{about}, {days[0]} against {days[1]}"
    return replace(stood, said=said, call=call or _call(then, now))


def _known(at: Coordinates) -> str:
    if at.recorded is None:
        return "known now"
    return f"known on {spoken(at.recorded, at.zone)}"


def _call(then: Past, now: Past) -> str:
    head = now.head().position
    old, new = (coordinates_of(past.coordinates, head) for past in (then, now))
    about = [repr(new["occurred"])] if "occurred" in new else []
    known = (old.get("recorded"), new.get("recorded"))
    given = ", ".join([*about, f"recorded={known!r}"])
    return f"analysis.changed(log.as_of(position={new['position']}), {given})"


def _finding(table: pl.DataFrame) -> str:
    """Say how many differ, and by how much."""
    import polars as pl

    if table.is_empty():
        return "Nothing differs between these two days of knowledge."
    start = counted_verb(table.height, "aggregate", "differs", "differ")
    events = counted_verb(int(table["events"].sum()), "event", "explains", "explain")
    if "difference" not in table.columns:
        return f"{start}; {events} it."
    row = table.sort(pl.col("difference").abs(), descending=True).row(0, named=True)
    most = f"{row[KEY]} most, by {row['difference']}"
    whole = table["difference"].sum()
    if table.height == 1:
        return f"{start}, {row[KEY]} by {row['difference']}; {events} it."
    return f"{start}, by {whole} in sum, {most}; {events} it."


def _query(measure: Measure, then: Past, now: Past) -> str:
    """Return the query that gives the table."""
    columns = sql.columns_of(now)
    known = then.coordinates.recorded
    before = "true" if known is None else f"recorded_at <= {sql.moment(known)}"
    after = "false" if known is None else f"recorded_at > {sql.moment(known)}"
    types = sql.among(measure.types)
    gap = (
        "coalesce(new, 0) - coalesce(old, 0) AS difference, " if measure.adds_up else ""
    )
    moves = sql.moves(measure, columns)
    signed = "CASE WHEN moves >= 0 THEN '+' || moves ELSE moves::VARCHAR END"
    day = sql.day("recorded_at", now.zone)
    said = f"concat_ws(' ', type || ' ' || transaction, {signed}, 'on ' || {day})"
    return f"""\
SET TimeZone = 'UTC';
WITH events AS (
  SELECT *, {sql.transaction(columns)} AS transaction,
    {moves} AS moves
  FROM {sql.rows(now)}
  WHERE {sql.within(now.coordinates, now.head().position)}
    AND {sql.of_interest(measure)}
), states AS (
  SELECT aggregate_id,
    CASE WHEN bool_or({before}) THEN {sql.value(measure, columns, before)} END AS old,
    {sql.value(measure, columns)} AS new,
    coalesce(bool_or({before}), false) AS held,
    count(*) FILTER ({after} AND {types}) AS events,
    coalesce(string_agg({said}, '; ' ORDER BY position)
      FILTER ({after} AND {types}), '') AS transactions
  FROM events GROUP BY aggregate_id
)
SELECT aggregate_id, old, new, {gap}events, transactions
FROM states
WHERE old IS DISTINCT FROM new OR NOT held
ORDER BY aggregate_id;
"""


def _picture(table: pl.DataFrame, measure: Measure, said: str) -> Figure:
    """Draw the largest differences as bars."""
    from esbench.analysis.pictures import bars

    return bars(table, "difference", f"{measure.field}: new minus old", said)
