"""Forensics: where the processing order was not the event order, and what came of it.

What lives here: ``forensics``, for a log with what workers did beside it, and
``forensics_of``, for one extract that tells both orders.
The guarantee: every aggregate is looked at. What was assumed (a state that was worked
out, ties in time, rows that were left out) stands in ``notes``, never nowhere.
What it may not know: terminals.

    a log alone         events in the order in which they occurred, processed in the
                        order in which they were recorded
    a log and a table   events in the order of their versions, processed when the table
                        says
    an extract          one table that says both

The states that are there come from a list of them, or from the table's own column, or,
if nobody says, from folding the events as they were processed: the last write wins.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from esbench.analysis.changed import When
from esbench.analysis.disorder import (
    counted_writes,
    groups,
    inverted,
    placed,
)
from esbench.analysis.evidence import (
    OCCURRED,
    VERSION,
    Evidence,
    checked_order,
    found_of,
    of_log,
    of_table,
    states_of,
)
from esbench.analysis.extracted import of_extract
from esbench.analysis.measure import KEY
from esbench.analysis.orders import CAUSES, ORDER, TIE, alike, causes, chain
from esbench.analysis.processing import ROLES, Sheet, sheet_of, typed
from esbench.analysis.receipt import Receipt, called, counted, receipt
from esbench.analysis.report import Report, counted_verb
from esbench.errors import InvalidFrame, UnclearExtract, shorten
from esbench.projection import calls_of

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from esbench.analysis.orders import Told
    from esbench.log import Readable

RIGHT, WRONG, OPEN = "right", "wrong", "open"
AT_HAND = {  # an extract of a log has its events' own fields, worker_id for one
    "processed": (*ROLES["processed"], "recorded at"),
    "worker": tuple(name for name in ROLES["worker"] if name != "worker id"),
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Forensics(Report):
    """Where the processing order was not the event order, and what came of it.

    Attributes:
        summary: ``figure`` and ``count``, over all aggregates.
        notes: what was assumed, and what was left out, a sentence each.
    """

    summary: pl.DataFrame
    notes: tuple[str, ...]

    def count(self, figure: str) -> int:
        """Return one figure of the summary.

        Raises:
            InvalidFrame: there is no such figure.
        """
        known = dict(self.summary.iter_rows())
        if figure not in known:
            raise InvalidFrame(f"no figure {figure!r}: there are {', '.join(known)}")
        return int(known[figure])

    def __repr__(self) -> str:
        """The question, the sentences, then the rows."""
        rows = f"\n{self.table}" if self.table.height else ""
        said = [f"{self.title}, {self.receipt.said}", self.finding, *self.notes]
        return "\n".join(said) + rows

    def _repr_html_(self) -> str:
        notes = "".join(f"<div>{html.escape(note)}</div>" for note in self.notes)
        rows = self.table._repr_html_() if self.table.height else ""
        title = html.escape(f"{self.title}, {self.receipt.said}")
        finding = html.escape(self.finding)
        return f"<div>{title}</div><div><b>{finding}</b></div>{notes}{rows}"


def forensics(
    log: Readable,
    processed: Any = None,
    occurred: When | None = None,
    recorded: When | None = None,
    *,
    states: Any = None,
    order: str | None = None,
    columns: Mapping[str, str] | None = None,
    projection: Any = None,
    field: str | None = None,
    call: str | None = None,
) -> Forensics:
    """Return where events were processed in another order than they happened in.

    Args:
        log: a log, or a past of one.
        processed: what workers did, a row a write: a file (CSV, Parquet), a frame of
            polars or pandas, or a ``Trace``. It names the event (``event_id``, or
            ``aggregate_id`` and ``version``) and when it was processed
            (``processed_at``); ``worker`` and ``state`` (after the write) are read
            where they are there. Without it, events were processed as the log
            recorded them.
        occurred: only events up to this day or moment.
        recorded: only what the log knew by then.
        states: the states that are there today: a file or frame with
            ``aggregate_id`` and the field, or a mapping.
        order: what the order of the events is, "version" or "occurred"; the versions
            where ``processed`` is given, the times of happening without.
        columns: which column of ``processed`` is what, where its name does not say
            it, such as ``{"event": "message", "processed": "done"}``; the roles are
            event, aggregate, version, processed, worker, state.
        projection: what makes the states; ``video.Video`` unless given.
        field: the field of its states; the first total unless said, else the first
            number, else the first of all.
        call: what the receipt says gives the answer again.

    Returns:
        A report whose table has a row for each aggregate that was processed out of
        order or is not right, sorted by id: ``end`` (right, wrong, or open where a tie
        in time decides), ``there`` and ``right`` (the states), ``cause`` (never
        processed, order, redelivery, not explained, or several), ``inversions``,
        ``first_inversion`` (in words), ``workers`` (who was early, and who late),
        ``late_seconds`` (how long after a later event one came, at the most),
        ``events``, ``copies`` and ``unprocessed``.

    Raises:
        InvalidEvent: a log that tells one order alone, an order that is none.
        InvalidFrame: no such field.
        UnclearExtract: a table that can't be read, or is not about this log.
    """
    from esbench.domains import video

    past = log.as_of(occurred, recorded=recorded)
    calls = calls_of(projection or video.Video)
    if processed is None:
        by = checked_order(order, OCCURRED)
        evidence = of_log(past, calls, field, by)
    else:
        by = checked_order(order, VERSION)
        sheet = sheet_of(processed, columns, name="the table of processing")
        evidence = of_table(past, calls, field, by, sheet)
    words = [] if processed is None else ["processed"]
    words += _words(states=states, order=order, columns=columns, field=field)
    return _judged(evidence, states, called(receipt(past), call, "forensics", *words))


def forensics_of(
    extract: Any,
    *,
    states: Any = None,
    order: str | None = None,
    columns: Mapping[str, str] | None = None,
    projection: Any = None,
    field: str | None = None,
    zone: str = "UTC",
    call: str | None = None,
) -> Forensics:
    """Return the same for one extract that tells both orders of its events.

    Args:
        extract: a file (CSV, Parquet) or a frame: a row a write, with
            ``aggregate_id``, ``version`` or ``occurred_at``, ``processed_at`` (empty
            for an event without a write; ``recorded_at`` stands in), and ``type`` or
            ``state``. With types, the states follow from the projection; without,
            each row sets its state. ``event_id`` tells copies from events, else the
            version does.
        states: the states that are there today, as in ``forensics``.
        order: "version" or "occurred"; the versions, if there are any, unless said;
            the times of happening where ``recorded_at`` stands in.
        columns: which column is what, as in ``forensics``, and "type", "occurred".
        projection: a declared one; ``video.Video`` unless given.
        field: the field of its states, as in ``forensics``.
        zone: the zone of times that name none.
        call: what the receipt says gives the answer again.

    Raises:
        InvalidEvent: an order that is none.
        InvalidFrame: no such field, or a projection that is a function.
        UnclearExtract: a table that can't be read, or tells one order alone.
    """
    from esbench.domains import video

    sheet = extract_sheet(extract, columns)
    calls = calls_of(projection or video.Video)
    evidence = of_extract(sheet, calls, field, order, zone)
    words = _words(states=states, order=order, columns=columns, field=field)
    python = f"analysis.forensics_of({', '.join(['extract', *words])})"
    return _judged(evidence, states, _of_sheet(sheet, evidence, zone, call or python))


def _words(*, states: Any, **options: Any) -> list[str]:
    """Return the arguments that were given, as Python writes them."""
    said = [f"{name}={value!r}" for name, value in options.items() if value is not None]
    return said if states is None else ["states=states", *said]


def extract_sheet(extract: Any, columns: Mapping[str, str] | None = None) -> Sheet:
    """Return an extract with the roles of its columns; one that has them stays."""
    return sheet_of(extract, columns, name="the extract", names=AT_HAND)


def _of_sheet(sheet: Sheet, evidence: Evidence, zone: str, call: str) -> Receipt:
    """Return the receipt of an extract: its rows, and a digest of them."""
    rows = sheet.frame
    digest = hashlib.sha256(rows.write_csv().encode()).hexdigest()
    return Receipt(
        log=sheet.name,
        log_id=digest[:32],
        said=f"as {sheet.name} says",
        occurred=None,
        recorded=None,
        position=rows.height,
        zone=zone,
        clock="imported",
        head=f"{rows.height} {digest}",
        read=evidence.events.height,
        left_out=0,
        aggregates=evidence.events.get_column(KEY).n_unique(),
        differ=None,
        call=call,
    )


def _picture(table: pl.DataFrame, told: Told, said: str) -> Figure:
    """Draw how many states are wrong, by what is there and what should be."""
    import polars as pl

    from esbench.analysis.pictures import bars

    shown = [pl.col(n).cast(pl.String).fill_null("nothing") for n in ("there", "right")]
    pairs = table.filter(end=WRONG).select(pl.format("{}, not {}", *shown).alias("is"))
    counts = pairs.group_by("is").len("count").sort("count", "is")
    what = f"{told.name}.{told.field}: wrong final states"
    return bars(counts, "count", what, said, "{:,}")


# --- the judgement -----------------------------------------------------------------


def _judged(evidence: Evidence, states: Any, stood: Receipt) -> Forensics:
    told = evidence.told
    listed = None if states is None else states_of(states, told.field)
    found, notes = found_of(listed, evidence)
    writes = placed(evidence.writes)
    cases = _ended(evidence, _counts(evidence, writes), writes, found)
    table = _table(evidence, cases, writes)
    summary = _summary(cases, table, writes)
    counts = dict(summary.iter_rows())
    return Forensics(
        title=f"{told.name}.{told.field}, as processed against as it happened",
        finding=_finding(counts, evidence.verb),
        table=table,
        events=_events(evidence, table, writes),
        receipt=stood,
        summary=summary,
        notes=(*evidence.notes, *notes, *_noted(counts)),
        _sql=_no_query,
        _picture=lambda: _picture(table, told, stood.said),
    )


def _no_query() -> NoReturn:
    raise InvalidFrame(
        "orders are held against each other event by event: there is no query for that"
    )


def _counts(evidence: Evidence, writes: pl.DataFrame) -> pl.DataFrame:
    """Return a row an aggregate: how many events, writes, copies, ties."""
    import polars as pl

    own = evidence.events.group_by(KEY).agg(pl.len().cast(pl.Int64).alias("events"))
    both = own.join(counted_writes(writes), on=KEY, how="left").sort(KEY)
    return both.with_columns(
        pl.col("written", "copies", "ties").fill_null(0),
        pl.col("disordered").fill_null(value=False),
    ).with_columns((pl.col("events") - pl.col("written")).alias("unprocessed"))


def _ended(
    evidence: Evidence,
    counts: pl.DataFrame,
    writes: pl.DataFrame,
    found: pl.DataFrame | None,
) -> pl.DataFrame:
    """Return the counts with ``truth``, ``found``, ``end`` and ``cause``.

    Where nobody says what is there, only aggregates are folded whose processing was
    not simply each event once and in order, and the first of all, so that a field that
    is not there is noticed; of the others all ends are alike.
    """
    import polars as pl

    odd = pl.col("disordered") | (pl.col("copies") + pl.col("ties") > 0)
    odd |= (pl.col("unprocessed") > 0) | (pl.int_range(pl.len()) == 0)
    asked = counts if found is not None else counts.filter(odd)
    keys = asked.select(KEY)
    ends = chain(
        evidence.told,
        evidence.events.join(keys, on=KEY, how="semi"),
        writes.join(keys, on=KEY, how="semi"),
    )
    ends = _with_found(ends, found, evidence)
    judged = ends.select(KEY, "truth", "found", _end(found is None).alias("end"))
    judged = judged.with_columns(ends.select(causes()).to_series().alias("cause"))
    both = counts.join(judged, on=KEY, how="left").sort(KEY)
    cause = pl.when(end=WRONG).then("cause").when(end=OPEN).then(pl.lit(TIE))
    return both.with_columns(pl.col("end").fill_null(RIGHT), cause.alias("cause"))


def _with_found(
    ends: pl.DataFrame, found: pl.DataFrame | None, evidence: Evidence
) -> pl.DataFrame:
    """Add what is there, in the type of the states."""
    import polars as pl

    if found is None:
        return ends.with_columns(pl.col("all").alias("found"))
    kind = ends.schema["truth"]
    said = found.with_columns(pl.col("found").alias("said"))
    if kind != pl.Null():
        said = said.with_columns(typed(said.get_column("said"), kind).alias("found"))
    bad = said.filter(pl.col("found").is_null() & pl.col("said").is_not_null())
    if bad.height:
        raise UnclearExtract(
            f"{evidence.told.field} of {shorten(bad.item(0, KEY))} is said to be "
            f"{shorten(bad.item(0, 'said'))!r}, which is no {kind}"
        )
    both = ends.join(said.select(KEY, "found"), on=KEY, how="left")
    return alike(both, *(name for name in both.columns if name != KEY))


def _end(inferred: bool) -> pl.Expr:  # noqa: FBT001 - a word for each would be longer
    """Return right or wrong; open where that depends on how a tie is taken."""
    import polars as pl

    is_right = pl.col("found").eq_missing(pl.col("truth"))
    word = pl.when(is_right).then(pl.lit(RIGHT)).otherwise(pl.lit(WRONG))
    if not inferred:
        return word
    other = pl.col("all_turned").eq_missing(pl.col("truth"))
    return pl.when(is_right == other).then(word).otherwise(pl.lit(OPEN))


# --- the rows ----------------------------------------------------------------------


def _table(
    evidence: Evidence, cases: pl.DataFrame, writes: pl.DataFrame
) -> pl.DataFrame:
    import polars as pl

    rows = cases.filter(pl.col("disordered") | (pl.col("end") != RIGHT))
    detail = _detailed(evidence, cases.filter("disordered"), writes)
    both = rows.join(detail, on=KEY, how="left").sort(KEY)
    return both.select(
        KEY,
        "end",
        pl.col("found").alias("there"),
        pl.col("truth").alias("right"),
        "cause",
        pl.col("inversions").fill_null(0),
        "first_inversion",
        "workers",
        "late_seconds",
        "events",
        "copies",
        "unprocessed",
    )


def _detailed(
    evidence: Evidence, cases: pl.DataFrame, writes: pl.DataFrame
) -> pl.DataFrame:
    """Return what is the wrong way round in each case: how much, where first, who."""
    import polars as pl

    mine = writes.join(cases.select(KEY), on=KEY, how="semi")
    labels = evidence.events.select(KEY, "rank", "number", "type")
    mine = mine.join(labels, on=[KEY, "rank"], how="left").sort("place")
    columns = ("rank", "at", "first", "number", "type", "worker")
    rows = [
        (key, *_detail(listed, evidence.verb)) for key, listed in groups(mine, *columns)
    ]
    schema = {
        KEY: pl.String,
        "inversions": pl.Int64,
        "first_inversion": pl.String,
        "workers": pl.String,
        "late_seconds": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _detail(listed: list[Any], verb: str) -> tuple[int, str, str | None, float | None]:
    found = inverted([row[:3] for row in listed])
    assert found is not None, "only cases out of order are asked"
    early, partner = listed[found.early], listed[found.partner]
    one, other = (f"{number} {kind}" for _, _, _, number, kind, _ in (early, partner))
    if found.again:
        said, between = f"{one} was {verb} again after {other}", "after"
    else:
        said, between = f"{one} was {verb} before {other}", "before"
    names = early[5], partner[5]
    workers = f"{names[0]} {between} {names[1]}" if all(names) else None
    return found.inversions, said, workers, found.late


def _events(
    evidence: Evidence, table: pl.DataFrame, writes: pl.DataFrame
) -> pl.DataFrame:
    """Return the writes of the cases in the table, in order."""
    import polars as pl

    mine = writes.join(table.select(KEY), on=KEY, how="semi")
    labels = evidence.events.select(KEY, "rank", "number", "type")
    both = mine.join(labels, on=[KEY, "rank"], how="left").sort("place")
    copy = (~pl.col("first")).alias("copy")
    return both.select(KEY, "number", "type", "at", "worker", copy, "late", "tied")


# --- in words ----------------------------------------------------------------------


def _summary(
    cases: pl.DataFrame, table: pl.DataFrame, writes: pl.DataFrame
) -> pl.DataFrame:
    """Return all figures, whether or not there is anything to count."""
    import polars as pl

    wrong = table.filter(pl.col("end") == WRONG)
    alone = {
        f"wrong: {cause}": wrong.filter(pl.col("cause") == cause).height
        for cause in (*CAUSES, TIE)
    }
    figures = {
        "aggregates": cases.height,
        "events": cases.get_column("events").sum(),
        "writes": writes.height,
        "copies": cases.get_column("copies").sum(),
        "never processed": cases.get_column("unprocessed").sum(),
        "ties": cases.get_column("ties").sum(),
        "out of order": cases.get_column("disordered").sum(),
        "inversions": table.get_column("inversions").sum(),
        "out of order and right": table.filter(pl.col("end") == RIGHT).height,
        "open": table.filter(pl.col("end") == OPEN).height,
        "wrong": wrong.height,
        **alone,
        "wrong: several causes": wrong.height - sum(alone.values()),
    }
    return pl.DataFrame(
        {"figure": list(figures), "count": list(figures.values())},
        schema={"figure": pl.String, "count": pl.Int64},
    )


def _finding(counts: dict[str, int], verb: str) -> str:
    """Say how many cases were out of order, and how many states are wrong."""
    cases, wrong = counts["out of order"], counts["wrong"]
    whole = counted(counts["aggregates"], "aggregate")
    pairs = counted(counts["inversions"], "inversion")
    was = "was" if cases == 1 else "were"
    disorder = f"{cases:,} of {whole} {was} {verb} out of order ({pairs})"
    if not cases:
        disorder = f"None of {whole} was {verb} out of order"
    if not wrong:
        ends = "no final state is wrong"
    else:
        alone = counts[f"wrong: {ORDER}"]
        ends = counted_verb(wrong, "final state", "is", "are") + " wrong"
        ends += (
            f", {alone:,} of them by the order alone"
            if alone != wrong
            else (", by the order alone")
        )
    if counts["open"]:
        is_ = "is" if counts["open"] == 1 else "are"
        ends += f"; {counts['open']:,} {is_} open, where a tie in time decides"
    return f"{disorder}; {ends}."


def _noted(counts: dict[str, int]) -> list[str]:
    """Say how copies, missing writes and ties were taken."""
    notes = []
    if counts["copies"]:
        copies = counted_verb(counts["copies"], "write", "is", "are")
        notes.append(f"{copies} of an event that was processed before (redelivery).")
    if counts["never processed"]:
        never = counted_verb(counts["never processed"], "event", "was", "were")
        notes.append(f"{never} never processed.")
    if counts["ties"]:
        ties = counted_verb(counts["ties"], "write", "has", "have")
        notes.append(
            f"{ties} the time of the one before, of the same aggregate: such ties are "
            "taken in the order of the events."
        )
    if counts["wrong"] > counts[f"wrong: {ORDER}"]:
        why = [f"{k[7:]} {n:,}" for k, n in counts.items() if k[:7] == "wrong: " and n]
        notes.append(f"Why {counts['wrong']:,} are wrong: {', '.join(why)}.")
    return notes
