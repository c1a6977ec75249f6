"""Commands that write: ``init`` and ``append``.

What lives here: making a log, and one event from words on the command line.
The guarantee: a value that its field can't hold exactly is refused, and nothing is
stored then.
What it may not know: the rules of a domain; an event is a fact, whoever appends it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esbench.cli import complete, options, tables
from esbench.cli.run import Failed, Misuse

if TYPE_CHECKING:
    from esbench.event import Event
    from esbench.fields import Field
    from esbench.log import EventLog

TRUE, FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


def init(
    *,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="The folder to make, or an empty one."),
    ] = None,
    zone: Annotated[
        str,
        typer.Option(
            "--zone",
            metavar="ZONE",
            help="Where days begin and end; it can't be changed later.",
            autocompletion=complete.zones,
        ),
    ] = "UTC",
    log: options.Log = None,
    json: options.Json = False,
) -> None:
    """Make an empty log.

    \b
    Examples:
      esbench init my-bank
      esbench init my-bank --zone Europe/Warsaw
    """
    from esbench.cli.place import held_in, place_of
    from esbench.log import EventLog

    named = folder or log
    if named is None:
        raise Misuse("name the folder to make: esbench init my-bank")
    place = place_of(named)
    if "log.json" in held_in(place):
        there = EventLog.existing(place)
        raise Failed(f"there is a log in {place} already: {len(there)} events")
    made = EventLog(place, zone=zone)
    if json:
        _print_json({"log": place, "log_id": made.log_id, "zone": made.zone})
        return
    tables.out(f"made the log {place}; its days begin and end in {made.zone}")
    tables.out(
        f"next: esbench append --log {place} acc_123 AccountOpened owner=Alice "
        "initial_balance=500.00"
    )


def append(
    *,
    key: options.Key,
    type_: Annotated[
        str,
        typer.Argument(
            metavar="TYPE",
            help="The event type, such as MoneyDeposited.",
            autocompletion=complete.types,
        ),
    ],
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]...", help="The event's fields: amount=200.00"
        ),
    ] = None,
    expected_version: Annotated[
        int | None,
        typer.Option(
            "--expected-version",
            metavar="N",
            min=0,
            help="The version that you have seen; 0 if it must not exist yet.",
        ),
    ] = None,
    occurred_at: Annotated[
        str | None,
        typer.Option(
            "--occurred-at",
            metavar="TIME",
            help="When it happened, with a zone: 2024-01-15T10:30:00Z; now unless "
            "said.",
        ),
    ] = None,
    event_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The event's id: once only."),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="ID", help="Who caused it.")
    ] = None,
    correlation: Annotated[
        str | None,
        typer.Option("--correlation", metavar="ID", help="In which conversation."),
    ] = None,
    causation: Annotated[
        str | None,
        typer.Option("--causation", metavar="ID", help="Which event caused it."),
    ] = None,
    log: options.Log = None,
    events: options.Types = None,
    json: options.Json = False,
) -> None:
    """Append one event.

    \b
    Examples:
      esbench append acc_123 AccountOpened owner=Alice initial_balance=500.00
      esbench append acc_123 MoneyDeposited amount=200.00 transaction_id=txn_456 \\
          --occurred-at 2024-01-15T10:30:00Z --expected-version 1
    """
    from esbench.cli.place import opened
    from esbench.event import stamped

    target = opened(log, events)
    event = _event(target, type_, fields or [])
    marked = stamped(
        event,
        occurred_at=occurred_at,
        event_id=event_id,
        user_id=user,
        correlation_id=correlation,
        causation_id=causation,
    )
    before = target.head().position
    commit = target.append(key, [marked], expected_version=expected_version)
    repeated = commit.last <= before
    version = commit.versions[key]
    if json:
        said = {"position": commit.first, "version": version, "repeated": repeated}
        _print_json({"aggregate_id": key, **said, "recorded_at": commit.recorded_at})
        return
    [when] = tables.moments([commit.recorded_at], target.zone)
    verb = "was there already, as" if repeated else "is now at"
    tables.out(
        f"{tables.text_of(key)} {verb} version {version} (position {commit.first}), "
        f"recorded {when} {target.zone}"
    )


def _print_json(value: Any) -> None:
    from esbench.cli.output import form, json_bytes, write

    write(json_bytes(value), form(json=True))


# --- an event from words ---------------------------------------------------------


def _event(log: EventLog, name: str, pairs: list[str]) -> Event:
    from esbench.fields import fields_of

    known = log.registry.classes
    if name not in known:
        near = difflib.get_close_matches(name, known, 1) or list(known)
        raise Misuse(f"there is no event type {name}: is it {' or '.join(near)}?")
    cls = known[name]
    kinds = {field.name: field for field in fields_of(cls)}
    values: dict[str, Any] = {}
    for pair in pairs:
        field, value = _pair(pair)
        if field in values:
            raise Misuse(f"{field} stands twice: say it once")
        values[field] = _value(kinds[field], value) if field in kinds else value
    return cls(**values)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Misuse(f"{text!r} is no field: write name=value, e.g. amount=200.00")
    return name, value


def _value(field: Field, text: str) -> Any:
    """Return a word as the kind of value that its field takes."""
    if field.nullable and text == "" and field.kind.name != "text":
        return None
    read = READ.get(field.kind.name)
    if read is None:
        return text
    try:
        return read(text)
    except ValueError:
        raise Misuse(
            f"{field.name}={text} does not fit: it takes {field.kind.name}"
        ) from None


def _truth(text: str) -> bool:
    if text.lower() in TRUE | FALSE:
        return text.lower() in TRUE
    raise ValueError(text)


def _json(text: str) -> Any:
    import msgspec

    return msgspec.json.decode(text)


READ: dict[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "bool": _truth,
    "bytes": bytes.fromhex,
    "json": _json,
}
