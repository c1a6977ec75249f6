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
from esbench.cli.run import Failed, Misuse

if TYPE_CHECKING:
    from esbench.analysis import Plan, Settings
    from esbench.analysis.rows import Noted, Read
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
    folder, target = _target(log, settings)
    with _working(json=json):
        contents = [_content(name) for name in files]
        plan = plan_import(target, contents, settings)
    if not json:
        _report(plan, settings, target, folder, dry_run=dry_run)
    commit = None if dry_run else _carried_out(plan, settings, target, folder)
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


def _target(log: Path | None, settings: Settings) -> tuple[Path, EventLog]:
    """Return the log; a temporary one in its place as long as there is none."""
    from esbench.cli.place import folder_of
    from esbench.domains import bank
    from esbench.log import EventLog

    folder = folder_of(log)
    if folder.exists() and any(folder.iterdir()):
        return folder, EventLog.existing(folder, bank.EVENTS)
    return folder, EventLog.temporary(bank.EVENTS, zone=settings.zone)


def _is_new(target: EventLog, folder: Path) -> bool:
    return not (folder / "log.json").exists() and not len(target)


def _carried_out(
    plan: Plan, settings: Settings, target: EventLog, folder: Path
) -> Commit | None:
    """Write what is planned; the log is made only now, if it was not there."""
    from esbench.domains import bank
    from esbench.log import EventLog

    if plan.bad and not settings.skip_bad:
        return None
    if _is_new(target, folder):
        if not plan.events:
            return None
        target = EventLog(folder, bank.EVENTS, zone=target.zone)
    with _working(json=False):
        return plan.commit(target, skip_bad=settings.skip_bad)


def _working(*, json: bool) -> Any:
    """Show on stderr that something is going on, where a person sees it."""
    from contextlib import nullcontext

    if json or not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status("reading and comparing")


# --- the report ------------------------------------------------------------------


def _report(
    plan: Plan, settings: Settings, target: EventLog, folder: Path, *, dry_run: bool
) -> None:
    """Print what was found, what a row becomes, and what is not taken."""
    for read in plan.reads:
        _report_form(read, settings, target)
    if plan.owners:
        tables.out("owner: no column says it; the account's id stands in")
    _report_example(plan, target)
    _report_checks(plan)
    _report_noted("left out", plan.left)
    _report_vanished(plan, target.zone)
    _report_noted("can't be taken", plan.bad)
    if _is_new(target, folder) and plan.events and not dry_run:
        tables.quiet(f"{folder} is made, with days of {target.zone}")


def _report_form(read: Read, settings: Settings, target: EventLog) -> None:
    extract = read.extract
    tables.out(f"{extract.name}: {len(extract.records):,} rows")
    zone = settings.zone or target.zone
    found = extract.found | {
        "decimal mark": f"{read.amounts.decimal!r}, {read.amounts.how}",
        "dates": f"{read.dates}, {read.dates.how}",
        "zone": f"{zone}; a date alone is that day's start in {target.zone}",
        "order": "newest first" if read.descending else "oldest first",
        "recorded": _recorded(read, settings),
        "ids": _ids(read),
    }
    _pairs_out(found)
    tables.out()
    tables.out("  column → becomes")
    _pairs_out(_becomes(read) | {c: f"not read{_why(h)}" for c, h in _unread(read)})
    tables.out()


def _unread(read: Read) -> list[tuple[str, str]]:
    return list(read.mapping.unread.items())


def _why(hint: str) -> str:
    return f" ({hint})" if hint else ""


def _recorded(read: Read, settings: Settings) -> str:
    if settings.recorded_from_name:
        return f"by the date in the name {read.extract.name}"
    column = read.mapping.columns.get("recorded")
    return f"by the column {column}" if column else "by the log's clock, at the import"


def _ids(read: Read) -> str:
    column = read.mapping.columns.get("id")
    if column:
        return f"by the column {column}"
    return "made from account, date, amount, text and the how-manieth such row"


def _becomes(read: Read) -> dict[str, str]:
    """Say of each column what it becomes."""
    signs = "+ MoneyDeposited, − MoneyWithdrawn"
    words = {
        "account": "aggregate_id",
        "occurred": "occurred_at",
        "recorded": "recorded_at",
        "amount": "amount" if read.by_column else f"amount; {signs}",
        "debit": "amount of MoneyWithdrawn",
        "credit": "amount of MoneyDeposited",
        "type": "MoneyDeposited or MoneyWithdrawn",
        "text": "text",
        "currency": "currency",
        "owner": "owner of AccountOpened",
        "balance": "compared with the log's",
        "id": "event_id and transaction_id",
    }
    if not read.by_column:
        words["type"] = "not read: its words are not all in or out; the sign decides"
    columns = read.mapping.columns
    return {columns[role]: words[role] for role in words if role in columns}


def _pairs_out(pairs: dict[str, str]) -> None:
    """Print names and values, wrapped under each other on a terminal."""
    width = max(len(name) for name in pairs)
    for name, value in pairs.items():
        tables.hanging(f"  {tables.text_of(name):<{width}}  ", value)


def _report_example(plan: Plan, target: EventLog) -> None:
    if not plan.events:
        return
    place = next(
        (i for i, event in enumerate(plan.events) if event["type"][0] == "M"), 0
    )
    event, (file, line) = plan.events[place], plan.lines[place]
    cells = next(
        record.cells
        for read in plan.reads
        if read.extract.name == file
        for record in read.extract.records
        if record.line == line
    )
    tables.out(f"line {line} of {file}")
    tables.hanging("  ", " | ".join(cell.strip() for cell in cells))
    tables.out("becomes")
    shown = {k: v for k, v in event.items() if k not in {"type", "correlation_id"}}
    tables.out(f"  {event['type']}")
    _pairs_out({f"  {k}": _shown(v, target.zone) for k, v in shown.items()})
    tables.out()


def _shown(value: Any, zone: str) -> str:
    from datetime import datetime

    if isinstance(value, datetime):
        [text] = tables.moments([value], zone)
        return f"{text} {zone}"
    return tables.text_of(value)


def _report_checks(plan: Plan) -> None:
    for what in ("opening", "closing", "running"):
        checks = [check for check in plan.checks if check.what == what]
        if not checks:
            continue
        wrong = [check for check in checks if not check.agrees]
        agree = len(checks) - len(wrong)
        tables.out(f"{what} balances: {agree} of {len(checks)} agree with the log's")
        for check in wrong:
            tables.out(
                f"  line {check.line}: {tables.text_of(check.account)} about "
                f"{check.day}: {check.said} stated, {check.found} in the log "
                f"({check.found - check.said:+})"
            )


def _report_noted(what: str, noted: list[Noted]) -> None:
    if not noted:
        return
    tables.out(f"{len(noted)} {'row' if len(noted) == 1 else 'rows'} {what}:")
    for each in noted:
        cells = " | ".join(cell.strip() for cell in each.cells if cell.strip())
        tables.hanging(
            f"  {each.file} line {each.line}: ",
            f"{each.reason}  [{tables.text_of(cells)}]",
        )


def _report_vanished(plan: Plan, zone: str) -> None:
    if not plan.vanished:
        return
    tables.out(f"{len(plan.vanished)} rows of earlier extracts have vanished:")
    for gone in plan.vanished:
        [when] = tables.moments([gone.occurred], zone)
        text = "" if gone.text is None else f" {tables.text_of(gone.text)}"
        tables.hanging(
            "  ",
            f"{tables.text_of(gone.account)} {when} {gone.amount:+}{text} "
            f"(id {tables.text_of(gone.id)}): still in the log",
        )


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
