"""An extract that tells both orders of its events: when they happened, when processed.

What lives here: ``of_extract``: one table as events and writes.
The guarantee: an event that stands in several rows is one event with several writes,
if an id or a version says that it is the same; what can't be ranked is refused.
What it may not know: logs, what is out of order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esbench.analysis import orders, words
from esbench.analysis.evidence import (
    OCCURRED,
    VERSION,
    Evidence,
    before_events,
    beside,
    checked_order,
    last_states,
    ranked,
    said_order,
    shared,
    whole,
    zone_note,
)
from esbench.analysis.measure import KEY
from esbench.analysis.orders import RANK, Columns
from esbench.analysis.processing import Sheet, moments_of, typed
from esbench.errors import InvalidFrame, UnclearExtract, shorten
from esbench.event import Event
from esbench.projection import Projection, calls_of, last
from esbench.projection.reducers import Reducer, places_of

if TYPE_CHECKING:
    import polars as pl

    from esbench.projection.calls import Calls


class Written(Event):
    """A write of an extract that names no types: it sets the state."""

    state: str


class Extract(Projection):
    """The state that the last row sets."""

    state = last((Written, "state"))


def of_extract(
    sheet: Sheet, calls: Calls, field: str | None, order: str | None, zone: str
) -> Evidence:
    """Return what one table tells that has both orders.

    Args:
        sheet: the table; a row is a write, or an event without one.
        calls: the projection's, where the table has the types of events.
        field: the field of its states, if said.
        order: "version" or "occurred"; unless said the versions if there are any, and
            they do not merely follow the recording.
        zone: the zone of times that name none.

    Raises:
        UnclearExtract: no rows, no order of the events, or one event with two places
            in it.
        InvalidFrame: a function where only columns can be asked.
    """
    import polars as pl

    if sheet.frame.is_empty():
        raise UnclearExtract(f"{sheet.name} has no rows: there is nothing to judge")
    recorded = words.normal(sheet.columns.get("processed", "")) == "recorded at"
    by = checked_order(order, _usual(sheet, recorded=recorded))
    at = moments_of(sheet, "processed", zone)
    keys = [whole(sheet, "aggregate"), _identity(sheet), _by(sheet, by, zone)]
    (named, reducer), kind, fields = _meaning(sheet, calls, field)
    rows = (
        pl.DataFrame([*keys, kind])
        .with_row_index("row")
        .with_columns(at.alias("at"), at.alias("seq"), *beside(sheet))
    )
    events = _once(rows, fields, sheet)
    number = "by" if by == VERSION else "rank"
    events = events.with_columns(pl.col(number).alias("number"))
    writes = rows.filter(pl.col("at").is_not_null())
    writes = writes.join(events.select(KEY, "event", "rank"), on=[KEY, "event"])
    notes = [
        said_order(by),
        *zone_note(sheet, "processed", zone),
        *_identity_note(sheet),
        *_passed_over(sheet, kind, f"{named}.{reducer.name}", reducer),
        *shared(events, "by", by if by == VERSION else "time of happening"),
        *(before_events(rows.select("at", when="by")) if by == OCCURRED else ()),
    ]
    return Evidence(
        told=Columns(_as_events(events, fields), named, reducer, zone),
        events=events,
        writes=writes,
        states=last_states(sheet, writes) if sheet.has("type") else None,
        verb="recorded" if recorded else "written",
        notes=tuple(notes),
    )


def _usual(sheet: Sheet, *, recorded: bool) -> str:
    """Return the order of the events unless one is said: a log's versions are none.

    They follow the order of recording, so nothing would ever be out of it.
    """
    if recorded and sheet.has("occurred"):
        return OCCURRED
    return VERSION if sheet.has("version") else OCCURRED


def _identity(sheet: Sheet) -> pl.Series:
    """Return what makes rows of an aggregate the same event: its id, or its version."""
    import polars as pl

    for role in ("event", "version"):
        if sheet.has(role):
            return whole(sheet, role).cast(pl.String).alias("event")
    return pl.Series("event", range(sheet.frame.height)).cast(pl.String)


def _identity_note(sheet: Sheet) -> list[str]:
    if sheet.has("event") or sheet.has("version"):
        return []
    return ["No column names the event: each row counts as an event of its own."]


def _passed_over(
    sheet: Sheet, kind: pl.Series, whose: str, reducer: Reducer
) -> list[str]:
    """Tell of rows whose type sets nothing: a misspelt one would be among them."""
    if not sheet.has("type"):
        return []
    others = kind.filter(~kind.is_in(sorted(reducer.types)))
    if others.is_empty():
        return []
    names = others.unique(maintain_order=True)
    said = ", ".join(shorten(name) for name in names.head(5))
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    rows = f"{len(others)} rows are" if len(others) > 1 else "1 row is"
    return [f"{rows} of a type that {whose} does not follow from: {said}{more}."]


def _by(sheet: Sheet, order: str, zone: str) -> pl.Series:
    """Return the column that orders the events."""
    if not (sheet.has("version") or sheet.has("occurred")):
        raise UnclearExtract(
            f"{sheet.name}: no column tells the order of the events; say which with "
            "version=COLUMN or occurred=COLUMN"
        )
    if order == VERSION:
        return whole(sheet, "version").alias("by")
    whole(sheet, "occurred")
    return moments_of(sheet, "occurred", zone).alias("by")


def _once(rows: pl.DataFrame, fields: list[pl.Series], sheet: Sheet) -> pl.DataFrame:
    """Return each event once, ranked; it must say the same in all its rows."""
    import polars as pl

    own = [each.alias(f"@{each.name}") for each in fields]
    said = pl.struct("by", "type", *(each.name for each in own))
    odd = rows.with_columns(own).filter(said.n_unique().over(KEY, "event") > 1)
    if odd.height:
        raise UnclearExtract(
            f"{sheet.name}: the event {shorten(odd.item(0, 'event'))} of "
            f"{shorten(odd.item(0, KEY))} does not say the same in all its rows: "
            "which one is true?"
        )
    first = rows.sort(KEY, "by", "seq", nulls_last=True, maintain_order=True)
    once = first.unique([KEY, "event"], keep="first", maintain_order=True)
    return ranked(once).rename({RANK: "rank"})


def _as_events(events: pl.DataFrame, fields: list[pl.Series]) -> pl.DataFrame:
    """Return the events with the columns that a log would have for them."""
    import polars as pl

    nowhen = pl.lit(None, pl.Datetime("us", "UTC")).alias("occurred_at")
    own = events.select(KEY, "type", nowhen, pl.col("rank").alias(RANK))
    read = [each.gather(events.get_column("row")) for each in fields]
    return own.hstack(read)


def _meaning(
    sheet: Sheet, calls: Calls, field: str | None
) -> tuple[tuple[str, Reducer], pl.Series, list[pl.Series]]:
    """Return the field that follows from the rows, their types, and what it reads."""
    import polars as pl

    if not sheet.has("type"):
        reducer = orders.field_of(calls_of(Extract), None)
        assert reducer is not None, "it is declared"
        kind = pl.Series("type", ["Written"] * sheet.frame.height, dtype=pl.String)
        return ("Extract", reducer), kind, [sheet.texts("state").alias("state")]
    reducer = orders.field_of(calls, field)
    if reducer is None:
        raise InvalidFrame(
            f"{calls.name} is a function, which folds events, and an extract has rows: "
            "take a declared projection, or bring the events into a log"
        )
    kind = whole(sheet, "type").alias("type")
    read = {each.field for each in reducer.sources if (kind == each.type).any()}
    if not read:
        known = f"{calls.name}.{reducer.name} follows from {_listed(reducer)}"
        first = f", the first is {shorten(kind[0])}" if len(kind) else ""
        raise UnclearExtract(f"{sheet.name}: {known}; no row is one{first}")
    return (calls.name, reducer), kind, _fields(sheet, reducer, read - {None})


def _listed(reducer: Reducer) -> str:
    return ", ".join(sorted(reducer.types))


def _fields(sheet: Sheet, reducer: Reducer, read: set[Any]) -> list[pl.Series]:
    found = []
    for name in sorted(read):
        if name not in sheet.frame.columns:
            raise UnclearExtract(
                f"{sheet.name}: no column {name!r}, which {reducer.name} is made of"
            )
        found.append(_typed(sheet, name, reducer.kind))
    return found


def _typed(sheet: Sheet, name: str, kind: str) -> pl.Series:
    """Return a column as an event's field has it."""
    import polars as pl

    places = places_of(kind)
    wanted = _kinds().get(kind) if places is None else pl.Decimal(18, places)
    column = sheet.frame.get_column(name)
    if wanted is None or column.dtype == wanted:
        return column
    if column.dtype.is_float():
        raise UnclearExtract(
            f"{sheet.name}: {name!r} holds floats, which are not exact: give texts or "
            "decimals"
        )
    texts = column.cast(pl.String)
    made = typed(texts, wanted)
    bad = (texts.is_not_null() & made.is_null()).arg_true()
    if len(bad):
        raise UnclearExtract(
            f"{sheet.name}, row {bad[0] + 1}: {shorten(texts[bad[0]])!r} in {name!r} "
            f"is no {kind}"
        )
    return made


def _kinds() -> dict[str, pl.DataType]:
    """Return the columns' types by the kinds of fields; bytes stay as they are."""
    import polars as pl

    return {
        "text": pl.String(),
        "int": pl.Int64(),
        "float": pl.Float64(),
        "bool": pl.Boolean(),
        "date": pl.Date(),
        "time": pl.Datetime("us", "UTC"),
    }
