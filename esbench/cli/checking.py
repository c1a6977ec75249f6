"""Commands that check: ``changed reconcile explain``, and ``series --known then``.

What lives here: how each question is put to the analysis room, and its receipt's call.
The guarantee: nothing is appended. ``reconcile`` ends with 1 where a claim differs, so
that a script notices; ``--show-sql`` prints a query and nothing else.
What it may not know: how a difference is found or explained.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from esbench.cli import options, tables
from esbench.cli.output import Form, form, give
from esbench.cli.reading import Question, after_dashes, given
from esbench.cli.run import FAILED, Misuse

if TYPE_CHECKING:
    import polars as pl

    from esbench.analysis import Report

ShowSql = Annotated[
    bool,
    typer.Option(
        "--show-sql", help="Print the query for DuckDB that gives this table."
    ),
]
Field = Annotated[
    str | None,
    typer.Option(
        "--field", metavar="NAME", help="The number; the first total unless said."
    ),
]


def changed(
    *,
    about: options.About = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            "--known",
            metavar="WHEN",
            help="The two days of knowledge, the earlier one first; one alone is held "
            "against now, none is the day asked about.",
        ),
    ] = None,
    projection: options.Projected = None,
    field: Field = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    show_sql: ShowSql = False,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
    limit: options.Limit = None,
) -> None:
    """Show what is known differently about a day, and which events explain it.

    \b
    Examples:
      esbench changed --about 2024-01-31 --log my-bank
      esbench changed --about 2024-01-31 --known 2024-01-31 --known 2024-02-05
    """
    from esbench.analysis import changed as asked_for

    wanted = form(json=json, csv=csv, parquet=parquet, output=output, limit=limit)
    days = known or []
    if len(days) > 2:
        raise Misuse("--known stands three times: say two days of knowledge")
    if about is None and not days:
        raise Misuse("changed since when? Say --about DAY, --known DAY, or both")
    asked = Question(log, None, None, position, events)
    first, second = (*days, None, None)[:2]
    report = asked_for(
        asked.past,
        about,
        (first, second) if first else None,
        projection=asked.projection(projection),
        field=field,
    )
    words = ["changed", *given("--projection", projection), *given("--field", field)]
    words += given("--about", _pinned(asked, about))
    for day in days:
        words += given("--known", _pinned(asked, day))
    _give(report, asked, words, wanted, show_sql=show_sql)


def reconcile(
    *,
    claims: Annotated[
        Path,
        typer.Option(
            "--claims",
            metavar="FILE",
            help="What somebody says: CSV or Parquet with an account and a number.",
        ),
    ],
    tolerance: Annotated[
        str,
        typer.Option(
            "--tolerance", metavar="AMOUNT", help="A difference up to this is none."
        ),
    ] = "0",
    partial: Annotated[
        bool,
        typer.Option("--partial", help="The list need not name every account."),
    ] = False,
    about: options.About = None,
    known: options.Known = None,
    projection: options.Projected = None,
    field: Field = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    show_sql: ShowSql = False,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
    limit: options.Limit = None,
) -> None:
    """Hold all accounts against a list of claims, and explain where they differ.

    Ends with 0 when all agree, with 1 when one differs.

    \b
    Examples:
      esbench reconcile --claims balances.csv --log my-bank
      esbench reconcile --claims balances.csv --about 2024-01-31 --tolerance 0.05
    """
    from esbench.analysis import reconcile as asked_for

    wanted = form(json=json, csv=csv, parquet=parquet, output=output, limit=limit)
    asked = Question(log, about, known, position, events)
    report = asked_for(
        asked.past,
        claims,
        tolerance=tolerance,
        partial=partial,
        projection=asked.projection(projection),
        field=field,
    )
    words: list[str | None] = ["reconcile", "--claims", str(claims)]
    words += given("--tolerance", tolerance if tolerance != "0" else None)
    words += ["--partial"] if partial else []
    words += [*given("--projection", projection), *given("--field", field)]
    _give(report, asked, words, wanted, show_sql=show_sql, pinned=True)
    if not show_sql and report.table.height:
        raise typer.Exit(FAILED)


def explain(
    *,
    key: options.Key,
    claim: Annotated[
        str | None,
        typer.Option(
            "--claim",
            metavar="AMOUNT",
            help="What somebody says it is: which changes would explain that?",
        ),
    ] = None,
    about: options.About = None,
    known: options.Known = None,
    projection: options.Projected = None,
    field: Field = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    show_sql: ShowSql = False,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
    limit: options.Limit = None,
) -> None:
    """Show what a number is made of, and what was left out.

    \b
    Examples:
      esbench explain acc_123 --about 2024-01-31 --log my-bank
      esbench explain acc_123 --claim 300.00
    """
    from esbench.analysis import explain as asked_for
    from esbench.analysis import explain_claim

    wanted = form(json=json, csv=csv, parquet=parquet, output=output, limit=limit)
    asked = Question(log, about, known, position, events)
    chosen = asked.projection(projection)
    report = asked_for(asked.past, key, projection=chosen, field=field)
    words = ["explain", *given("--projection", projection), *given("--field", field)]
    words += [*given("--claim", claim), *after_dashes([key])]
    _give(report, asked, words, wanted, show_sql=show_sql, pinned=True, key=key)
    if claim is not None and not show_sql:
        ways = explain_claim(asked.past, key, claim, projection=chosen, field=field)
        say = tables.out if wanted.is_text else tables.err
        say(f"{claim} is claimed: {ways}")


def _pinned(asked: Question, day: str | None) -> str | None:
    """Return a day as it is meant for good: ``1 month ago`` becomes that day."""
    from esbench.moments import spoken, until

    if day is None:
        return None
    zone = asked.past.zone
    return spoken(until(day, zone, asked.past.log.now()), zone)


def give_report(
    report: Report, asked: Question, words: list[str | None], wanted: Form
) -> None:
    """Give a report about the past that was asked, in the form that was asked for."""
    _give(report, asked, words, wanted, show_sql=False, pinned=True)


def _give(
    report: Report,
    asked: Question,
    words: list[str | None],
    wanted: Form,
    *,
    show_sql: bool,
    pinned: bool = False,
    key: str | None = None,
) -> None:
    """Give a report in the form that was asked for, or its query alone.

    Args:
        report: the answer.
        asked: how it was put.
        words: the command and its own arguments.
        wanted: the form.
        show_sql: whether only the query is wanted.
        pinned: whether the coordinates of the past belong to the call; else ``words``
            name them.
        key: the aggregate that was asked for.
    """
    from msgspec.structs import replace

    if show_sql:
        tables.out(report.sql.rstrip())
        return
    call = asked.receipt(words, key).call if pinned else asked.call_at_end(words)
    receipt = replace(report.receipt, call=call)
    shown = _shown(report.table) if wanted.is_text else None
    give(report.table, receipt, wanted, title=report.title, shown=shown)
    (tables.out if wanted.is_text else tables.err)(report.finding)


def _shown(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows as a person reads them: without numbers of the log's own."""
    return frame.drop("position", "version", strict=False)
