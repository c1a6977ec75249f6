"""``forensics``: where the processing order was not the event order.

What lives here: how that question is put to the analysis room, and how its answer is
given: the rows, what was assumed, and one sentence.
The guarantee: nothing is appended. It ends with 1 where a final state is wrong or a
tie leaves that open, so that a script notices.
What it may not know: how an inversion is found.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esbench.cli import complete, options, tables
from esbench.cli.output import Form, form, give
from esbench.cli.reading import Question, given
from esbench.cli.run import FAILED, Misuse

if TYPE_CHECKING:
    import polars as pl

    from esbench.analysis import Forensics

WRONG = ("wrong", "open")


def forensics(
    *,
    processed: Annotated[
        Path | None,
        typer.Option(
            "--processed",
            metavar="FILE",
            help="What workers did: CSV or Parquet with event_id (or aggregate_id and "
            "version) and processed_at, and if known worker and state; the order of "
            "recording unless said.",
        ),
    ] = None,
    states: Annotated[
        Path | None,
        typer.Option(
            "--states",
            metavar="FILE",
            help="What is there today: CSV or Parquet with aggregate_id and the "
            "field; worked out unless said: the last write wins.",
        ),
    ] = None,
    extract: Annotated[
        Path | None,
        typer.Option(
            "--extract",
            metavar="FILE",
            help="No log: one table with aggregate_id, version or occurred_at, "
            "processed_at, and type or state.",
        ),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            metavar="WORD",
            help="The order of the events: version, or occurred.",
        ),
    ] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="ROLE=COLUMN",
            help="Which column is what: event, aggregate, version, processed, worker, "
            "state, type, occurred.",
        ),
    ] = None,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="List only what is wrong, or open.")
    ] = False,
    zone: Annotated[
        str,
        typer.Option(
            "--zone",
            metavar="ZONE",
            help="The zone of an extract's times that name none.",
            autocompletion=complete.zones,
        ),
    ] = "UTC",
    about: options.About = None,
    known: options.Known = None,
    projection: options.Projected = None,
    field: Annotated[
        str | None,
        typer.Option(
            "--field",
            metavar="NAME",
            help="The field of the states; the first number unless said, else the "
            "first of all.",
        ),
    ] = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
    limit: options.Limit = None,
) -> None:
    """Show where events were processed out of order, and which states that made wrong.

    Ends with 0 when every final state is right, with 1 when one is wrong or open.

    \b
    Columns:
      end              right, wrong, or open where a tie in time decides
      there, right     the state that is there, and the one that should be
      cause            never processed, order, a tie in time, redelivery,
                       not explained; or several of them
      inversions       pairs of events that were written the wrong way round
      first_inversion  the first of them in words; workers: whose it was
      late_seconds     how long after a later event one was written, at most
      events, copies, unprocessed    how many there are of each

    \b
    Examples:
      esbench forensics --log data/video --processed data/processed.csv
      esbench forensics --log data/video --processed data/processed.csv \\
        --states data/videos.csv --wrong
      esbench forensics --extract writes.csv --map processed=done
    """
    wanted = form(json=json, csv=csv, parquet=parquet, output=output, limit=limit)
    columns = _columns(mapped or [])
    words = _words(processed, states, extract, order, mapped or [])
    words += [*given("--projection", projection), *given("--field", field)]
    words += ["--wrong"] if wrong else []
    if extract is not None:
        if processed or about or known or position is not None:
            raise Misuse("--extract stands for a log: leave --processed and pasts out")
        words += given("--zone", zone if zone != "UTC" else None)
        report = _of_extract(
            extract, words, states, order, columns, projection, field, zone
        )
    else:
        asked = Question(log, about, known, position, events)
        report = _of_log(
            asked, words, processed, states, order, columns, projection, field
        )
    _give(report, wanted, only_wrong=wrong)
    if report.count("wrong") + report.count("open"):
        raise typer.Exit(FAILED)


def _columns(mapped: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in mapped]
    for role, mark, column in pairs:
        if not (role and mark and column):
            raise Misuse(f"--map {role}{mark}{column}: write ROLE=COLUMN")
    return {role: column for role, _, column in pairs}


def _words(
    processed: Path | None,
    states: Path | None,
    extract: Path | None,
    order: str | None,
    mapped: list[str],
) -> list[str | None]:
    """Return the command and its own arguments, as one writes them."""
    words: list[str | None] = ["forensics"]
    files = {"--extract": extract, "--processed": processed, "--states": states}
    for name, file in files.items():
        words += given(name, None if file is None else str(file))
    words += given("--order", order)
    for each in mapped:
        words += given("--map", each)
    return words


def _of_log(  # noqa: PLR0917 - in the order of the options
    asked: Question,
    words: list[str | None],
    processed: Path | None,
    states: Path | None,
    order: str | None,
    columns: dict[str, str],
    projection: str | None,
    field: str | None,
) -> Forensics:
    from esbench.analysis import forensics as asked_for

    return asked_for(
        asked.past,
        processed,
        states=states,
        order=order,
        columns=columns,
        projection=asked.projection(projection),
        field=field,
        call=asked.receipt(words).call,
    )


def _of_extract(  # noqa: PLR0917 - in the order of the options
    extract: Path,
    words: list[str | None],
    states: Path | None,
    order: str | None,
    columns: dict[str, str],
    projection: str | None,
    field: str | None,
    zone: str,
) -> Forensics:
    from esbench.analysis import forensics_of
    from esbench.analysis.forensics import extract_sheet
    from esbench.cli.place import projection_for

    sheet = extract_sheet(extract, columns)
    chosen = None
    if sheet.has("type"):
        chosen = projection_for(projection, set(sheet.texts("type").drop_nulls()))
    return forensics_of(
        sheet,
        states=states,
        order=order,
        projection=chosen,
        field=field,
        zone=zone,
        call=shlex.join(["esbench", *(word for word in words if word is not None)]),
    )


def _give(report: Forensics, wanted: Form, *, only_wrong: bool) -> None:
    """Give the rows, then what was assumed, then the finding."""
    import polars as pl

    rows = report.table
    if only_wrong:
        rows = rows.filter(pl.col("end").is_in(WRONG))
    beside = {
        "finding": report.finding,
        "notes": report.notes,
        "summary": dict(report.summary.iter_rows()),
    }
    shown = _shown(rows) if wanted.is_text else None
    title = report.title
    give(rows, report.receipt, wanted, title=title, shown=shown, beside=beside)
    for note in report.notes if wanted.name != "json" else ():
        (tables.quiet if wanted.is_text else tables.err)(note)
    (tables.out if wanted.is_text else tables.err)(report.finding)


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows as a person reads them: without columns that say nothing."""
    import polars as pl

    late = [None if each is None else lasting(each) for each in rows["late_seconds"]]
    place = rows.columns.index("late_seconds")
    said = rows.with_columns(pl.Series("late", late, dtype=pl.String))
    names = [*rows.columns[:place], "late", *rows.columns[place + 1 :]]
    counts = [n for n in ("copies", "unprocessed") if not rows.get_column(n).sum()]
    empty = [n for n in ("cause", "workers", "late") if said[n].is_null().all()]
    return said.select(names).drop(*counts, *empty, "events")


def lasting(seconds: float) -> str:
    """Return a time in its two largest units.

    >>> lasting(4.4), lasting(200), lasting(507_005.1), lasting(0.0004)
    ('4.4 s', '3 min 20 s', '5 d 20 h', '0.0004 s')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    place = next(n for n, (_, size) in enumerate(units) if seconds >= size)
    (large, size), (small, part) = units[place : place + 2]
    whole, rest = divmod(int(seconds), size)
    return f"{whole} {large} {rest // part} {small}"
