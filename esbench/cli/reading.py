"""Commands that ask: ``table hydrate steps series events``.

What lives here: how each question is put to a projection, and the call in its receipt.
The guarantee: these commands append nothing, and make no log. What is there when a
command starts is what it reads, however long it takes. All that one may leave behind
is a snapshot: a table that read more than a million events does.
What it may not know: how answers look.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esbench.cli import complete, options, tables
from esbench.cli.output import Form, form, give
from esbench.errors import NotFound, shorten

if TYPE_CHECKING:
    import polars as pl

    from esbench.analysis import Receipt
    from esbench.event import RecordedEvent
    from esbench.log import Past
    from esbench.projection import Replayed


class Question:
    """A past, as the options of a reading command name it.

    Args:
        log: the folder or address.
        about: the day or moment asked about.
        known: the day or moment asked on.
        position: the last position to be read.
        types: where the event types are.
    """

    def __init__(
        self,
        log: Path | None,
        about: str | None,
        known: str | None,
        position: int | None,
        types: str | None,
    ) -> None:
        from esbench.cli.place import opened, place_of

        self.place = place_of(log)
        self.types = types
        whole = opened(log, types)
        self.past: Past = whole.as_of(about, recorded=known, position=position)

    def projection(self, named: str | None) -> Any:
        """Return the projection to ask."""
        from esbench.cli.place import projection_of

        return projection_of(named, self.past)

    def receipt(
        self, words: list[str | None], aggregate_id: str | None = None
    ) -> Receipt:
        """Return the receipt of an answer.

        Args:
            words: the command and its own arguments; None is left out.
            aggregate_id: the aggregate that was asked for; all unless said.
        """
        from esbench.analysis import receipt

        call = self._call([word for word in words if word is not None])
        return receipt(self.past, aggregate_id=aggregate_id, call=call)

    def call_at_end(self, words: list[str | None]) -> str:
        """Return a call whose words name all coordinates but the last position."""
        last = ["--position", str(self.past.head().position)]
        at = self.past.coordinates.position
        pinned = last if at is None else ["--position", str(at)]
        types = ["--events", self.types] if self.types else []
        said = [word for word in words if word is not None]
        return shlex.join(["esbench", *said, "--log", self.place, *types, *pinned])

    def _call(self, words: list[str]) -> str:
        from esbench.analysis.receipt import coordinates_of

        names = {"occurred": "--about", "recorded": "--known", "position": "--position"}
        at = coordinates_of(self.past.coordinates, self.past.head().position)
        pinned = [word for k, v in at.items() for word in (names[k], str(v))]
        types = ["--events", self.types] if self.types else []
        log = ["--log", self.place]
        return shlex.join(["esbench", *words, *log, *types, *pinned])


def table(
    *,
    ids: options.Keys = None,
    projection: options.Projected = None,
    about: options.About = None,
    known: options.Known = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    no_snapshot: options.NoSnapshot = False,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
    limit: options.Limit = None,
) -> None:
    """Show the state of every aggregate.

    \b
    Examples:
      esbench table --log my-bank
      esbench table --about 2024-01-31 --known 2024-02-02
      esbench table --projection Daily --csv > daily.csv
    """
    wanted = form(json=json, csv=csv, parquet=parquet, output=output, limit=limit)
    asked = Question(log, about, known, position, events)
    chosen = asked.projection(projection)
    answer = chosen.table(asked.past, ids or None, snapshots=not no_snapshot)
    words = ["table", *_named(projection), *after_dashes(ids)]
    give(answer, asked.receipt(words), wanted, title=_name(chosen))


def hydrate(
    *,
    key: options.Key,
    projection: options.Projected = None,
    about: options.About = None,
    known: options.Known = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    no_snapshot: options.NoSnapshot = False,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
) -> None:
    """Show the state of one aggregate, folded from its events one by one.

    \b
    Examples:
      esbench hydrate acc_123 --log my-bank
      esbench hydrate acc_123 --about 2024-01-16
      esbench hydrate ada --about 2024-01-31 --known 2024-02-02 --json
    """
    from esbench.projection import calls_of

    wanted = form(json=json, csv=csv, parquet=parquet, output=output)
    asked = Question(log, about, known, position, events)
    chosen = asked.projection(projection)
    found = calls_of(chosen).replayed(asked.past, key, snapshots=not no_snapshot)
    receipt = asked.receipt(
        ["hydrate", *_named(projection), *after_dashes([key])], _aggregate(chosen, key)
    )
    title = f"{_name(chosen)} of {shorten(key)}"
    give(_one_row(chosen, found.state), receipt, wanted, title=title, upright=True)
    if wanted.is_text and found.snapshot:
        tables.quiet(_replayed(found))


def steps(
    *,
    key: options.Key,
    projection: options.Projected = None,
    about: options.About = None,
    known: options.Known = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
    limit: options.Limit = None,
) -> None:
    """Show what each event of one aggregate did to its state.

    \b
    Examples:
      esbench steps acc_123 --log my-bank
      esbench steps ada --known 2024-02-02
    """
    wanted = form(json=json, csv=csv, parquet=parquet, output=output, limit=limit)
    asked = Question(log, about, known, position, events)
    chosen = asked.projection(projection)
    answer = chosen.steps(asked.past, key)
    receipt = asked.receipt(
        ["steps", *_named(projection), *after_dashes([key])], _aggregate(chosen, key)
    )
    give(
        answer,
        receipt,
        wanted,
        title=f"{_name(chosen)} of {shorten(key)}, step by step",
    )


def series(
    *,
    ids: options.Keys = None,
    every: Annotated[
        str, typer.Option("--every", metavar="PERIOD", help="1d, 1w, 1mo, 1q or 1y.")
    ] = "1mo",
    start: Annotated[
        str | None, typer.Option("--start", metavar="DAY", help="A day in the first.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", metavar="DAY", help="A day in the last.")
    ] = None,
    projection: options.Projected = None,
    about: options.About = None,
    known: Annotated[
        str | None,
        typer.Option(
            "--known",
            metavar="WHEN",
            help="The day or moment asked on; 'then' shows what each end's own report "
            "said, beside what is known now.",
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
    """Show every aggregate at the end of every day, week, month, quarter or year.

    \b
    Examples:
      esbench series --log my-bank
      esbench series acc_123 --every 1w --start 2024-01-01 --end 2024-03-31
      esbench series --known then
    """
    wanted = form(json=json, csv=csv, parquet=parquet, output=output, limit=limit)
    then = known == "then"
    asked = Question(log, about, None if then else known, position, events)
    chosen = asked.projection(projection)
    words = ["series", "--every", every, *_named(projection)]
    words += ["--known", "then"] if then else []
    words += [*given("--start", start), *given("--end", end), *after_dashes(ids)]
    if then:
        from esbench.analysis import restated
        from esbench.cli.checking import give_report

        past, only = asked.past, ids or None
        report = restated(past, every, only, start, end, projection=chosen)
        give_report(report, asked, words, wanted)
        return
    answer = chosen.series(asked.past, every, ids or None, start, end)
    give(answer, asked.receipt(words), wanted, title=f"{_name(chosen)} every {every}")


def events(
    *,
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="Only this aggregate's; all unless said.",
            autocompletion=complete.aggregates,
        ),
    ] = None,
    type_: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="Only events of this type.",
            autocompletion=complete.types,
        ),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option("--last", metavar="N", min=1, help="Only the last N of them."),
    ] = None,
    about: options.About = None,
    known: options.Known = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
    limit: options.Limit = None,
) -> None:
    """Show events in the order in which they were recorded.

    \b
    Examples:
      esbench events --log my-bank --last 20
      esbench events acc_123
      esbench events --type MoneyDeposited --about 2024-01-31 --csv
    """
    wanted = form(json=json, csv=csv, parquet=parquet, output=output, limit=limit)
    asked = Question(log, about, known, position, events)
    frame = rows_of(asked.past, key, type_)
    if key is not None and not frame.height:
        raise NotFound(f"no such event of {shorten(key)}: 'esbench table' lists ids")
    frame = frame.tail(last) if last else frame
    words = ["events", *given("--type", type_)]
    words += [*given("--last", str(last) if last else None)]
    words += after_dashes([key] if key else None)
    receipt = asked.receipt(words, key)
    if wanted.name == "json":
        _give_json(asked.past, frame, receipt, wanted)
        return
    shown = _readable(asked.past, frame, wanted) if wanted.is_text else None
    give(frame, receipt, wanted, title="Events", shown=shown)


# --- events ----------------------------------------------------------------------


def rows_of(past: Past, key: str | None, type_: str | None) -> pl.DataFrame:
    """Return events as columns, in position order."""
    import polars as pl

    rows = past.scan(type_)
    if key is not None:
        rows = rows.filter(pl.col("aggregate_id") == key)
    return rows.sort("position").collect()


def recorded_in(past: Past, frame: pl.DataFrame) -> list[RecordedEvent]:
    """Return the events in a frame of rows."""
    from esbench.log.codec import decode

    return list(decode(frame, past.schema, past.registry))


def _give_json(past: Past, frame: pl.DataFrame, receipt: Receipt, wanted: Form) -> None:
    from esbench.cli.output import json_bytes, write

    rows = frame.head(wanted.limit) if wanted.limit else frame
    answer = [as_dict(event) for event in recorded_in(past, rows)]
    write(json_bytes({"receipt": receipt, "rows": answer}), wanted)


def as_dict(event: RecordedEvent) -> dict[str, Any]:
    """Return an event as JSON has it: the envelope, and its data beside it."""
    given = {
        name: value
        for name in ("user_id", "correlation_id", "causation_id")
        if (value := getattr(event.metadata, name)) is not None
    }
    return {
        "position": event.position,
        "aggregate_id": event.aggregate_id,
        "version": event.version,
        "type": event.type,
        "schema_version": event.schema_version,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "event_id": event.event_id,
        **given,
        "data": event.data,
    }


def _readable(past: Past, frame: pl.DataFrame, wanted: Form) -> pl.DataFrame:
    """Return events with what they say in one column."""
    import polars as pl

    from esbench.cli.output import ON_TERMINAL

    limit = wanted.limit or (
        ON_TERMINAL if tables.is_terminal() and wanted.limit is None else frame.height
    )
    said = [told(event) for event in recorded_in(past, frame.head(limit))]
    said += [""] * (frame.height - len(said))
    return frame.select(
        "position",
        "aggregate_id",
        "version",
        "type",
        pl.Series("event", said, dtype=pl.String),
        "occurred_at",
        "recorded_at",
    )


def told(event: RecordedEvent) -> str:
    """Return what an event says: its fields that are set, as ``name=value``."""
    fields = event.data.items()
    return ", ".join(f"{k}={tables.text_of(v)}" for k, v in fields if v is not None)


def _replayed(found: Replayed) -> str:
    """Say from where a state was replayed, and how much of it."""
    from esbench.analysis.receipt import counted

    behind = counted(found.events, "event")
    return f"from the snapshot at {found.snapshot:,}, {behind} behind it replayed"


# --- words -----------------------------------------------------------------------


def _name(chosen: Any) -> str:
    return str(getattr(chosen, "__name__", None) or chosen.name)


def _named(projection: str | None) -> list[str | None]:
    return given("--projection", projection)


def given(option: str, value: str | None) -> list[str | None]:
    """Return an option with its value as words; none without a value."""
    return [] if value is None else [option, value]


def after_dashes(ids: list[str] | None) -> list[str | None]:
    """Return ids as arguments; behind ``--`` if one looks like an option."""
    if not ids:
        return []
    return ["--", *ids] if any(i.startswith("-") for i in ids) else [*ids]


def _aggregate(chosen: Any, key: str) -> str | None:
    """Return the key if it is an aggregate's id; a day or a month is not."""
    from esbench.projection import calls_of

    calls = calls_of(chosen)
    return None if calls.key.time else key


def _one_row(chosen: Any, state: Any) -> pl.DataFrame:
    from esbench.projection import calls_of

    calls = calls_of(chosen)
    return calls.frame([calls.cells(state)])
