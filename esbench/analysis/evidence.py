"""Both orders of the same events, from wherever somebody has them.

What lives here: the events of a log or an extract with their rank, the writes that a
table tells, and the states that are there, as far as anybody says.
The guarantee: a row of a table becomes a write, or a note says how many did not and
why; a table that is not about the log at all is refused.
What it may not know: what is out of order, what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from esbench.analysis import orders
from esbench.analysis.measure import KEY
from esbench.analysis.orders import RANK, Columns, Folded, Told
from esbench.analysis.processing import ROLES, Sheet, has_zone, moments_of, sheet_of
from esbench.analysis.report import counted_verb
from esbench.errors import InvalidEvent, InvalidFrame, UnclearExtract, shorten

if TYPE_CHECKING:
    import polars as pl

    from esbench.log import Past
    from esbench.projection.calls import Calls
    from esbench.projection.reducers import Reducer

VERSION, OCCURRED = "version", "occurred"
INFERRED = (
    "What is there is inferred: the events folded as they were {verb}, the last write "
    "wins."
)


class Evidence(Struct, frozen=True, kw_only=True):
    """All that is known before it is judged.

    Attributes:
        told: what folds the events.
        events: ``aggregate_id``, ``rank`` (the place in the order of the events, from
            1), ``number`` (as people call it), ``type``; sorted by the first two.
        writes: ``aggregate_id``, ``rank``, ``seq`` (by which they were written),
            ``at`` (when that was), ``worker``.
        states: ``aggregate_id`` and ``found``, if somebody says what is there.
        verb: what a worker's act is called: ``written`` or ``recorded``.
        notes: what was assumed, and what was left out.
    """

    told: Told
    events: pl.DataFrame
    writes: pl.DataFrame
    states: pl.DataFrame | None
    verb: str
    notes: tuple[str, ...]


def checked_order(given: str | None, usual: str) -> str:
    """Return which order the events have.

    Raises:
        InvalidEvent: neither "version" nor "occurred".
    """
    if given not in {None, VERSION, OCCURRED}:
        raise InvalidEvent(f"order {given!r}: write 'version' or 'occurred'")
    return given or usual


def said_order(order: str) -> str:
    """Say what the order of the events is."""
    what = "version" if order == VERSION else "time of happening"
    return f"The order of the events is that of their {what}."


# --- a log -------------------------------------------------------------------------


def of_log(past: Past, calls: Calls, field: str | None, order: str) -> Evidence:
    """Return what a log alone tells: events were processed as it recorded them.

    Args:
        past: the events.
        calls: the projection's.
        field: the field of its states, if said.
        order: "occurred".

    Raises:
        InvalidEvent: a log that tells one order alone.
    """
    import polars as pl

    told, events = _told_by(past, calls, field, order)
    same = (events["occurred_at"] == events["recorded_at"]).all()
    if order == VERSION or (same and events.height):
        raise InvalidEvent(
            "this log tells one order alone: "
            + ("versions follow its recording" if order == VERSION else _ALL_AT_ONCE)
            + "; give a table that says when events were processed"
        )
    writes = events.select(
        KEY,
        "rank",
        pl.col("position").alias("seq"),
        pl.col("recorded_at").alias("at"),
        pl.lit(None, pl.String).alias("worker"),
    )
    return Evidence(
        told=told,
        events=events,
        writes=writes,
        states=None,
        verb="recorded",
        notes=(said_order(order), *shared(events, "occurred_at", "time of happening")),
    )


_ALL_AT_ONCE = "each event occurred when it was recorded"


def _told_by(
    past: Past, calls: Calls, field: str | None, order: str
) -> tuple[Told, pl.DataFrame]:
    """Return what folds the events of a past, and the events, ranked."""
    import polars as pl

    reducer = orders.field_of(calls, field)
    scan = past.scan()
    known = scan.collect_schema().names()
    read = orders.fields_read(reducer) if reducer else []
    names = [
        KEY,
        *_ENVELOPE,
        *(n for n in ("event_id", "payload", *read) if n in known),
    ]
    rows = scan.select(*dict.fromkeys(names)).collect()
    first = "version" if order == VERSION else "occurred_at"
    rows = ranked(rows.sort(KEY, first, "version"))
    number = "version" if order == VERSION else RANK
    events = rows.select(
        *(name for name in (KEY, *_ENVELOPE, "event_id") if name in rows.columns),
        pl.col(RANK).alias("rank"),
        pl.col(number).alias("number"),
    )
    if reducer is None:
        ranks = events.select(KEY, "version", "rank")
        return Folded(past.read, ranks, calls, field), events
    _refuse_another(calls.name, reducer, events.get_column("type"))
    rows = rows.drop("position")
    return Columns(rows, calls.name, reducer, past.zone), events


def _refuse_another(name: str, reducer: Reducer, types: pl.Series) -> None:
    """Refuse a projection of other events: of nothing, nothing would be wrong."""
    if len(types) and not types.is_in(sorted(reducer.types)).any():
        raise InvalidFrame(
            f"{name}.{reducer.name} follows from {', '.join(sorted(reducer.types))}; "
            f"this log has none, but {', '.join(types.unique().sort().head(5))}: take "
            "another projection"
        )


_ENVELOPE = ("version", "type", "position", "occurred_at", "recorded_at")


def ranked(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows, sorted by aggregate and order, with their place there: ``@rank``."""
    import polars as pl

    place = pl.int_range(pl.len(), dtype=pl.Int64)
    is_first = pl.col(KEY).ne_missing(pl.col(KEY).shift(1)) | (place == 0)
    began = pl.when(is_first).then(place).forward_fill()
    return rows.with_columns((place - began + 1).alias(RANK))


def shared(events: pl.DataFrame, column: str, what: str) -> list[str]:
    """Say how many events share their place in the order with another one."""
    same = int(events.select(KEY, column).is_duplicated().sum())
    if not same:
        return []
    has = counted_verb(same, "event", "has", "have")
    said = f"{has} the {what} of another of the aggregate: these are taken as "
    return [said + "they were processed."]


# --- a log, and a table of what workers did -----------------------------------------


def of_table(
    past: Past, calls: Calls, field: str | None, order: str, sheet: Sheet
) -> Evidence:
    """Return what a log and a table of processing tell together.

    Args:
        past: the events.
        calls: the projection's.
        field: the field of its states, if said.
        order: "version" or "occurred".
        sheet: the table.

    Raises:
        UnclearExtract: a row without an event, or no row about an event of the log.
    """
    import polars as pl

    told, events = _told_by(past, calls, field, order)
    keys = _keys(sheet)
    names = [key.name for key in keys]
    at = moments_of(sheet, "processed", past.zone)
    rows = pl.DataFrame([*keys, at.alias("at"), at.alias("seq"), *beside(sheet)])
    done = rows.filter(pl.col("at").is_not_null())
    known = _called(events)
    _refuse_unclear(sheet, known, names)
    kept = [name for name in (KEY, "rank", "when") if name not in names]
    writes = done.join(
        known.select(*names, *kept), on=names, how="left", maintain_order="left"
    )
    lost = writes.filter(pl.col("rank").is_null())
    writes = writes.filter(pl.col("rank").is_not_null())
    notes = [
        said_order(order),
        *zone_note(sheet, "processed", past.zone),
        *_unfinished(rows.height - done.height),
        *_strangers(sheet, lost.select(*names), writes.height, past),
        *_pending(events, writes),
        *before_events(writes),
    ]
    if order == OCCURRED:
        notes += shared(events, "occurred_at", "time of happening")
    return Evidence(
        told=told,
        events=events,
        writes=writes,
        states=last_states(sheet, writes),
        verb="written",
        notes=tuple(notes),
    )


def _keys(sheet: Sheet) -> list[pl.Series]:
    """Return the columns by which a row names its event."""
    if sheet.has("event"):
        roles = ["event", *(["aggregate"] if sheet.has("aggregate") else [])]
    elif sheet.has("aggregate", "version"):
        roles = ["aggregate", "version"]
    else:
        sheet.column("event")
    return [whole(sheet, role) for role in roles]


def whole(sheet: Sheet, role: str) -> pl.Series:
    """Return a column in which no cell may be empty, by the name that a log has."""
    import polars as pl

    cells = sheet.texts(role)
    empty = cells.is_null().arg_true()
    if len(empty):
        raise UnclearExtract(
            f"{sheet.name}, row {empty[0] + 1}: {sheet.columns[role]!r} is empty"
        )
    if role != "version":
        return cells.alias({"aggregate": KEY}.get(role, role))
    numbers = cells.cast(pl.Int64, strict=False)
    bad = numbers.is_null().arg_true()
    if len(bad):
        raise UnclearExtract(
            f"{sheet.name}, row {bad[0] + 1}: version {shorten(cells[bad[0]])!r} is no "
            "whole number"
        )
    return numbers.alias(role)


def beside(sheet: Sheet) -> list[pl.Series]:
    """Return worker and state of each row, null where the table has none."""
    import polars as pl

    nothing = pl.Series([None] * sheet.frame.height, dtype=pl.String)
    return [
        (sheet.texts(role) if sheet.has(role) else nothing).alias(role)
        for role in ("worker", "state")
    ]


def _called(events: pl.DataFrame) -> pl.DataFrame:
    """Return the events with the id that each goes by, and ``when`` it occurred."""
    import polars as pl

    own = pl.col(KEY) + "/" + pl.col("version").cast(pl.String)
    given = [pl.col("event_id")] if "event_id" in events.columns else []
    called = pl.coalesce(*given, own).alias("event")
    return events.select(KEY, "version", "rank", called, when="occurred_at")


def _refuse_unclear(sheet: Sheet, known: pl.DataFrame, names: list[str]) -> None:
    if "event" not in names or KEY in names:
        return
    twice = known.get_column("event").is_duplicated().arg_true()
    if len(twice):
        raise UnclearExtract(
            f"{sheet.name}: events of several aggregates are called "
            f"{shorten(known['event'][twice[0]])!r}: add a column with the aggregate"
        )


def _unfinished(count: int) -> list[str]:
    if not count:
        return []
    rows = counted_verb(count, "row", "says", "say")
    return [f"{rows} no time of processing: what began and did not end is no write."]


def _strangers(sheet: Sheet, lost: pl.DataFrame, fit: int, past: Past) -> list[str]:
    """Say how many rows are about no event of this past, and name the first."""
    if lost.is_empty():
        return []
    first = " ".join(shorten(str(cell)) for cell in lost.row(0))
    if not fit:
        raise UnclearExtract(
            f"{sheet.name}: no row is about an event of this log; the first is about "
            f"{first}: is it another log's, or does another column name the event?"
        )
    known = _called(past.log.scan().select(*_named(past)).collect())
    outside = lost.join(known, on=lost.columns, how="semi").height
    strange = lost.height - outside
    said = []
    if outside:
        said.append(
            f"{counted_verb(outside, 'row', 'is', 'are')} about events that this past "
            "leaves out."
        )
    if strange:
        said.append(
            f"{counted_verb(strange, 'row', 'is', 'are')} about no event of the log, "
            f"and left out; one is about {first}."
        )
    return said


def _named(past: Past) -> list[Any]:
    import polars as pl

    known = past.log.scan().collect_schema().names()
    own = ["event_id"] if "event_id" in known else []
    return [KEY, "version", "occurred_at", *own, pl.lit(0).alias("rank")]


def _pending(events: pl.DataFrame, writes: pl.DataFrame) -> list[str]:
    """Say how many unprocessed events were recorded after the last write of all."""
    import polars as pl

    end = writes.get_column("at").max()
    if writes.is_empty() or not writes.schema["at"].is_temporal():
        return []
    late = events.filter(pl.col("recorded_at") > end)
    new = late.join(writes, on=[KEY, "rank"], how="anti").height
    if not new:
        return []
    was = counted_verb(new, "event", "was", "were")
    they = "it" if new == 1 else "they"
    return [f"{was} recorded after the last write of all: {they} may be on the way."]


def before_events(writes: pl.DataFrame) -> list[str]:
    """Say how many writes are dated ``at`` before their event occurred, ``when``."""
    import polars as pl

    times = writes.select(pl.selectors.datetime(time_zone="*")).columns
    if not {"at", "when"} <= {*times}:
        return []
    early = writes.filter(pl.col("at") < pl.col("when")).height
    if not early:
        return []
    are = counted_verb(early, "write", "is", "are")
    may = "clocks differ, and the order of processing may be another one."
    return [f"{are} dated before the event occurred: {may}"]


def zone_note(sheet: Sheet, role: str, zone: str) -> list[str]:
    """Say how times without a zone were taken, if there are any."""
    if has_zone(sheet, role):
        return []
    return [f"Times of {sheet.name} that name no zone are taken as {zone}."]


# --- what is there -----------------------------------------------------------------


def last_states(sheet: Sheet, writes: pl.DataFrame) -> pl.DataFrame | None:
    """Return the state after each aggregate's last write, where the table says it."""
    import polars as pl

    if not sheet.has("state"):
        return None
    rows = writes.sort(KEY, "seq", "rank", maintain_order=True)
    return rows.group_by(KEY).agg(pl.col("state").last().alias("found"))


def states_of(given: Any, field: str) -> Sheet:
    """Return a list of the states that are there, as a table.

    Args:
        given: a file, a frame, or a mapping from ids to states.
        field: the field of the states; a column of that name holds them.

    Raises:
        UnclearExtract: no such columns, an aggregate twice.
    """
    import polars as pl

    if isinstance(given, Mapping):
        cells = [None if value is None else str(value) for value in given.values()]
        given = pl.DataFrame(
            {KEY: list(map(str, given)), "state": cells},
            schema={KEY: pl.String, "state": pl.String},
        )
    names = {"state": (field, *ROLES["state"], "status", "value", "claimed")}
    sheet = sheet_of(given, name="the list of states", names=names)
    sheet = replace(sheet, hint="call it {name!r}")
    keys = whole(sheet, "aggregate")
    twice = keys.is_duplicated().arg_true()
    if len(twice):
        raise UnclearExtract(
            f"{sheet.name} names {shorten(keys[twice[0]])} more than once: leave one"
        )
    sheet.column("state")
    return sheet


def found_of(
    sheet: Sheet | None, evidence: Evidence
) -> tuple[pl.DataFrame | None, list[str]]:
    """Return what is there, and what is to be said about that.

    Args:
        sheet: a list of states, if there is one.
        evidence: what is known without it.

    Returns:
        ``aggregate_id`` and ``found``, or None if nobody says; and the notes.
    """
    import polars as pl

    if sheet is None:
        own = "What is there is the state that the table gives each last write."
        nobody = INFERRED.format(verb=evidence.verb)
        return evidence.states, [nobody if evidence.states is None else own]
    rows = pl.DataFrame(
        [whole(sheet, "aggregate"), sheet.texts("state").alias("found")]
    )
    mine = evidence.events.select(KEY).unique()
    strange = rows.join(mine, on=KEY, how="anti").sort(KEY)
    without = mine.join(rows, on=KEY, how="anti").height
    notes = [f"What is there is what {sheet.name} says."]
    if strange.height == rows.height and strange.height:
        raise UnclearExtract(
            f"{sheet.name}: no row is about an aggregate of these events; one is about "
            f"{shorten(strange.item(0, KEY))}"
        )
    if strange.height:
        notes.append(
            f"{counted_verb(strange.height, 'row', 'is', 'are')} about no aggregate of "
            f"these events, and left out; one is about {shorten(strange.item(0, KEY))}."
        )
    if without:
        verb = counted_verb(without, "aggregate", "has", "have")
        notes.append(f"{verb} no row in {sheet.name}: nothing is there.")
    return rows, notes
