"""``esbench import``: extracts in.

What lives here: the words of the command, and the report of a plan.
The guarantee: the report is printed before anything is written; the command never asks
back. It writes nothing when a row could not be taken, unless ``--skip-bad`` is said.
What it may not know: how an extract is read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esbench.cli import complete, options, tables
from esbench.cli.report import report
from esbench.cli.run import Failed, Misuse

if TYPE_CHECKING:
    from esbench.analysis import Plan, Settings
    from esbench.log import Commit, EventLog


def import_(
    *,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="CSV, JSON lines or Parquet; - is stdin."
        ),
    ],
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="ROLE=COLUMN",
            help="Which column is what: account, occurred, recorded, amount, debit, "
            "credit, type, text, currency, owner, balance, id. #3 is the third.",
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            metavar="FILE.toml",
            help="The same and more from a file: [columns], [types], delimiter, ...",
        ),
    ] = None,
    occurred: Annotated[
        str | None,
        typer.Option("--occurred", metavar="COLUMN", help="When it happened."),
    ] = None,
    recorded: Annotated[
        str | None,
        typer.Option(
            "--recorded",
            metavar="COLUMN",
            help="When the bank knew; the log's clock unless said.",
        ),
    ] = None,
    recorded_from_name: Annotated[
        bool,
        typer.Option(
            "--recorded-from-name",
            help="When the bank knew: the date in each file's name.",
        ),
    ] = False,
    id_: Annotated[
        str | None,
        typer.Option("--id", metavar="COLUMN", help="The bank's id; made unless said."),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option("--account", metavar="ID", help="The account of all rows."),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option("--currency", metavar="CODE", help="Take only this currency."),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            "--zone",
            metavar="ZONE",
            help="The zone of the extract's times, and of a log that is made; the "
            "log's unless said.",
            autocompletion=complete.zones,
        ),
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option("--dates", metavar="ORDER", help="dmy, mdy or ymd."),
    ] = None,
    decimal: Annotated[
        str | None, typer.Option("--decimal", metavar="MARK", help="',' or '.'.")
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option("--delimiter", metavar="MARK", help="';', ',', '|' or tab."),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option("--encoding", metavar="NAME", help="utf-8, cp1250, cp1252, ..."),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="FORM", help="csv, jsonl or parquet."),
    ] = None,
    no_quotes: Annotated[
        bool, typer.Option("--no-quotes", help='A " is a character like any other.')
    ] = False,
    revisions: Annotated[
        str | None,
        typer.Option(
            "--revisions",
            metavar="correct",
            help="A known id with other content: reverse what is there, book anew.",
        ),
    ] = None,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Take the other rows when some are bad."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print all of it and write nothing.")
    ] = False,
    log: options.Log = None,
    json: options.Json = False,
) -> None:
    """Bring bank extracts in: each row becomes an event, or is listed with its line.

    A row's id is the bank's (--id), or is made from account, date, amount, text and
    the how-manieth such row it is in the file: importing twice changes nothing, and
    extracts may overlap as long as each holds whole days. A date alone is stored as
    that day's start in the log's zone. A log that is not there is made.

    \b
    Examples:
      esbench import extract.csv --log my-bank --dry-run
      esbench import extract.csv --log my-bank --map text=Tytuł --id Referencja
      esbench import extract-2024-*.csv --log my-bank --recorded-from-name
      cat extract.csv | esbench import - --log my-bank --account acc_123
    """
    from esbench.analysis import plan_import
    from esbench.analysis.settings import with_file

    columns = {"occurred": occurred, "recorded": recorded, "id": id_}
    said = {
        "columns": {k: v for k, v in columns.items() if v} | _pairs(mapped or []),
        "account": account,
        "currency": currency,
        "zone": zone,
        "dates": dates,
        "decimal": decimal,
        "delimiter": delimiter,
        "encoding": encoding,
        "format": format_,
        "recorded_from_name": recorded_from_name,
        "correct": _is_correct(revisions),
        "skip_bad": skip_bad,
    } | ({"quotes": False} if no_quotes else {})
    settings = with_file(said, mapping)
    place, target = _target(log, settings)
    with _working(json=json):
        contents = [_content(name) for name in files]
        plan = plan_import(target, contents, settings)
    if not json:
        report(plan, settings, target)
    is_new = _is_new(target, place)
    commit = None if dry_run else _carried_out(plan, settings, target, place)
    if commit is not None and is_new and not json:
        tables.out(f"made the log {place}; its days begin and end in {target.zone}")
    _ended(plan, settings, commit, target, dry_run=dry_run, json=json)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        role, equals, column = text.partition("=")
        if not equals or not column:
            raise Misuse(f"--map {text}: write ROLE=COLUMN, e.g. amount=Kwota")
        pairs[role] = column
    return pairs


def _is_correct(text: str | None) -> bool:
    if text not in {None, "correct"}:
        raise Misuse(f"--revisions {text}: the only one is 'correct'")
    return text is not None


def _content(name: str) -> tuple[str, bytes]:
    if name == "-":
        return "stdin", sys.stdin.buffer.read()
    path = Path(name)
    if path.is_dir():
        raise Misuse(f"{name} is a folder: name its files, e.g. {name}/*.csv")
    if not path.exists():
        raise Misuse(f"there is no file {name}")
    return path.name, path.read_bytes()


def _target(log: Path | None, settings: Settings) -> tuple[str, EventLog]:
    """Return the log; a temporary one in its place as long as there is none."""
    from esbench.cli.place import held_in, place_of
    from esbench.domains import bank
    from esbench.log import EventLog

    place = place_of(log)
    if held_in(place):
        return place, EventLog.existing(place, bank.EVENTS)
    return place, EventLog.temporary(bank.EVENTS, zone=settings.zone)


def _is_new(target: EventLog, place: str) -> bool:
    from esbench.cli.place import held_in

    return "log.json" not in held_in(place) and not len(target)


def _carried_out(
    plan: Plan, settings: Settings, target: EventLog, place: str
) -> Commit | None:
    """Write what is planned; the log is made only now, if it was not there."""
    from esbench.domains import bank
    from esbench.log import EventLog

    if plan.bad and not settings.skip_bad:
        return None
    if _is_new(target, place):
        if not plan.events:
            return None
        target = EventLog(place, bank.EVENTS, zone=target.zone)
    with _working(json=False):
        return plan.commit(target, skip_bad=settings.skip_bad)


def _working(*, json: bool) -> Any:
    """Show on stderr that something is going on, where a person sees it."""
    from contextlib import nullcontext

    if json or not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status("reading and comparing")


# --- the end ---------------------------------------------------------------------


def _ended(
    plan: Plan,
    settings: Settings,
    commit: Commit | None,
    target: EventLog,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    """Say what was done, and fail if rows could not be taken."""
    if json:
        _print_json(plan, commit, target, dry_run=dry_run)
    else:
        tables.out(_sum(plan, commit, dry_run=dry_run))
    if plan.bad and not settings.skip_bad:
        rows = "1 row" if len(plan.bad) == 1 else f"{len(plan.bad)} rows"
        raise Failed(
            f"{rows} can't be taken, so nothing was written: mend them, or say "
            "--skip-bad"
        )


def _sum(plan: Plan, commit: Commit | None, *, dry_run: bool) -> str:
    counts = f"{_new(plan):,} new, {plan.known:,} known already"
    if plan.corrected:
        counts += f", {plan.corrected:,} corrected"
    if plan.bad:
        counts += f", {len(plan.bad):,} not taken"
    if dry_run:
        return f"{counts}; nothing was written: this was a dry run"
    if commit is None:
        return f"{counts}; nothing was written"
    return f"{counts}; written as one commit, positions {commit.first} to {commit.last}"


def _new(plan: Plan) -> int:
    """Return how many events are neither a correction nor its reversal."""
    reversals = sum(1 for e in plan.events if e["type"] == "TransactionReversed")
    return len(plan.events) - reversals - plan.corrected


def _print_json(
    plan: Plan, commit: Commit | None, target: EventLog, *, dry_run: bool
) -> None:
    from esbench.cli.output import form, json_bytes, write

    said = {
        "extracts": [
            {
                "name": read.extract.name,
                "found": read.extract.found,
                "decimal": read.amounts.decimal,
                "dates": read.dates.order,
                "columns": read.mapping.columns,
                "unread": list(read.mapping.unread),
            }
            for read in plan.reads
        ],
        "zone": target.zone,
        "new": _new(plan),
        "known": plan.known,
        "corrected": plan.corrected,
        "left_out": plan.left,
        "bad": plan.bad,
        "vanished": plan.vanished,
        "checks": plan.checks,
        "dry_run": dry_run,
        "written": None
        if commit is None
        else {"first": commit.first, "last": commit.last},
    }
    write(json_bytes(said), form(json=True))
