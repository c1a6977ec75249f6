"""The report of an import: what was found, and what would be done.

What lives here: how a plan looks to a person.
The guarantee: every extract's form and mapping, one row as the event it becomes, and
every record that becomes none are in it.
What it may not know: how a plan was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esbench.analysis.receipt import counted
from esbench.cli import tables

if TYPE_CHECKING:
    from esbench.analysis import Plan, Settings
    from esbench.analysis.rows import Noted, Read
    from esbench.log import EventLog


def report(plan: Plan, settings: Settings, target: EventLog) -> None:
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


def _report_form(read: Read, settings: Settings, target: EventLog) -> None:
    extract = read.extract
    tables.out(f"{extract.name}: {counted(len(extract.records), 'row')}")
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
    tables.out(f"{counted(len(noted), 'row')} {what}:")
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
