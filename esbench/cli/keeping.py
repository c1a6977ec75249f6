"""Commands that look after a log: ``info merge verify head export``.

What lives here: what a log is made of, whether it is sound, and its events as files.
The guarantee: none of these commands changes what a log says; ``merge`` changes its
files, the others write nothing there. What ``export`` writes holds every event whole.
What it may not know: projections.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esbench.cli import options, snapshots, tables
from esbench.cli.output import Form, form, give, json_bytes, write
from esbench.cli.reading import Question, as_dict, recorded_in, rows_of
from esbench.cli.run import FAILED, Misuse

if TYPE_CHECKING:
    import polars as pl

    from esbench.log import EventLog, Past

EXPORTS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


def info(
    *,
    about: options.About = None,
    known: options.Known = None,
    position: options.Position = None,
    log: options.Log = None,
    json: options.Json = False,
    csv: options.Csv = False,
    parquet: options.Parquet = False,
    output: options.Output = None,
) -> None:
    """Show what a log holds: events, types, both times, files.

    \b
    Examples:
      esbench info --log my-bank
      esbench info --known 2024-02-02 --json
    """
    wanted = form(json=json, csv=csv, parquet=parquet, output=output)
    asked = Question(log, about, known, position, None)
    receipt = asked.receipt(["info"])
    types = _types(asked.past)
    held = _held(asked.past) | _files(asked.past.log)
    kept = snapshots.listed_in(asked.past.log)
    if wanted.name == "json":
        named = {row["type"]: row["events"] for row in types.to_dicts()}
        told = {"receipt": receipt, "info": held, "types": named}
        told["snapshots"] = snapshots.as_dicts(kept)
        write(json_bytes(told), wanted)
        return
    if not wanted.is_text:
        give(types, receipt, wanted, title="Types")
        return
    tables.quiet(f"{asked.place}, {receipt.said}")
    tables.out()
    tables.print_grid(_upright(held, receipt.zone), upright=True)
    tables.out()
    tables.print_grid(tables.grid_of(types, receipt.zone))
    if kept:
        tables.out()
        tables.print_grid(tables.grid_of(snapshots.as_frame(kept), receipt.zone))
    if receipt.late:
        tables.out()
        tables.quiet(receipt.late)


def _held(past: Past) -> dict[str, Any]:
    """Return what the events of a past come to; files tell most of a whole log."""
    import polars as pl

    from esbench.moments import from_micros

    occurred, recorded = pl.col("occurred_at"), pl.col("recorded_at")
    if past.is_whole and (headers := past.log.headers()):
        begun = past.scan().select((pl.col("version") == 1).sum())
        return {
            "events": len(past),
            "aggregates": begun.collect(engine="streaming").item(),
            "occurred from": from_micros(min(h.occurred[0] for h in headers)),
            "occurred to": from_micros(max(h.occurred[1] for h in headers)),
            "recorded from": from_micros(headers[0].recorded[0]),
            "recorded to": from_micros(headers[-1].recorded[1]),
        }
    row = past.scan().select(
        pl.len().alias("events"),
        pl.col("aggregate_id").n_unique().alias("aggregates"),
        occurred.min().alias("occurred from"),
        occurred.max().alias("occurred to"),
        recorded.min().alias("recorded from"),
        recorded.max().alias("recorded to"),
    )
    return row.collect().row(0, named=True)


def _files(log: EventLog) -> dict[str, Any]:
    """Return what the whole log is made of."""
    headers = log.headers()
    sizes = [log.store.stamp(header.name)[1] for header in headers]
    segments = sum(header.level > 0 for header in headers)
    return {
        "commits waiting": len(headers) - segments,
        "segments": segments,
        "bytes": sum(sizes),
        "zone": log.zone,
        "clock": headers[-1].clock if headers else "own",
        "log_id": log.log_id,
        "head": str(log.head()),
    }


def _types(past: Past) -> pl.DataFrame:
    import polars as pl

    counted = past.scan().group_by("type").agg(pl.len().alias("events"))
    return counted.sort("type").collect(engine="streaming")


def _upright(held: dict[str, Any], zone: str) -> tables.Grid:
    """Return names and values as one upright row; large counts in groups of three."""
    from datetime import datetime

    cells = []
    for value in held.values():
        if isinstance(value, datetime):
            [text] = tables.moments([value], zone)
            cells.append(f"{text} {zone}")
        else:
            cells.append(f"{value:,}" if type(value) is int else tables.text_of(value))
    plain = (False,) * len(held)
    return tables.Grid(
        names=tuple(held), right=plain, texts=(True,) * len(held), rows=[tuple(cells)]
    )


def merge(*, log: options.Log = None, json: options.Json = False) -> None:
    """Merge small files into large ones; what the log says stays the same.

    Writers do so by themselves once a thousand commits wait. What was merged is
    deleted by the next merge that comes an hour later or more.

    \b
    Examples:
      esbench merge --log my-bank
    """
    from esbench.cli.place import place_of
    from esbench.log import EventLog

    done = EventLog.existing(place_of(log)).merge()
    if json:
        said = {
            "segments": done.segments,
            "commits": done.commits,
            "deleted": done.deleted,
        }
        write(json_bytes(said), form(json=True))
        return
    for name in done.segments:
        tables.out(f"made     {name}")
    for name in done.deleted:
        tables.out(f"deleted  {name}")
    counts = {"commit": done.commits, "segment": len(done.segments)}
    counts["file"] = len(done.deleted)
    verbs = ("merged", "made", "deleted")
    told = [
        f"{count:,} {what}{'s' * (count != 1)} {verb}"
        for (what, count), verb in zip(counts.items(), verbs, strict=True)
    ]
    tables.quiet(", ".join(told))


def verify(
    *,
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="HEAD",
            help="What 'esbench head' printed earlier, kept elsewhere.",
        ),
    ] = None,
    log: options.Log = None,
    json: options.Json = False,
) -> None:
    """Read every byte again; list all that is wrong, and exit with 1 then.

    Flipped bits, edits, missing, swapped and foreign files are found. A tail that was
    cut off is found only against a --head that was kept elsewhere.

    \b
    Examples:
      esbench verify --log my-bank
      esbench verify --head 3:5f2c...
    """
    from esbench.cli.place import place_of
    from esbench.log.s3 import store_at
    from esbench.log.verify import verification

    place = place_of(log)
    _need_remains(place)
    found = verification(store_at(place)[0], _head(head))
    if json:
        said = {
            "ok": found.ok,
            "events": found.events,
            "files": found.files,
            "head": None if found.head is None else str(found.head),
            "problems": [str(problem) for problem in found.problems],
        }
        write(json_bytes(said), form(json=True))
    else:
        tables.out(str(found))
        if found.ok:
            tables.quiet(f"head {found.head}")
    if not found.ok:
        raise typer.Exit(FAILED)


def _need_remains(place: str) -> None:
    """Refuse what holds neither a log nor the remains of one."""
    from esbench.cli.place import held_in
    from esbench.errors import NotALog

    if not held_in(place) & {"log.json", "events", "segments"}:
        raise NotALog(f"there is no log in {place}: name the folder of one")


def _head(text: str | None) -> Any:
    from esbench.log import Head

    try:
        return None if text is None else Head.parse(text)
    except ValueError as error:
        raise Misuse(str(error)) from None


def head(*, log: options.Log = None, json: options.Json = False) -> None:
    """Print the end of the log: keep it elsewhere, as a proof for 'verify --head'.

    \b
    Examples:
      esbench head --log my-bank > my-bank.head
      esbench verify --log my-bank --head "$(cat my-bank.head)"
    """
    from esbench.cli.place import place_of
    from esbench.log import EventLog

    end = EventLog.existing(place_of(log)).head()
    if json:
        said = {"position": end.position, "chain": end.chain, "head": str(end)}
        write(json_bytes(said), form(json=True))
        return
    typer.echo(str(end))


def export(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="FILE.csv, FILE.jsonl or FILE.parquet; else stdout."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--aggregate", metavar="ID", help="Only this aggregate's."),
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this type.")
    ] = None,
    about: options.About = None,
    known: options.Known = None,
    position: options.Position = None,
    log: options.Log = None,
    events: options.Types = None,
    csv: options.Csv = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", "--json", help="Write JSON, an event a line.")
    ] = False,
    parquet: options.Parquet = False,
) -> None:
    """Write events as CSV, JSON lines or Parquet.

    \b
    Examples:
      esbench export my-bank.parquet --log my-bank
      esbench export --jsonl --about 2024-01-31 | head
    """
    wanted = _export_form(file, csv=csv, jsonl=jsonl, parquet=parquet)
    asked = Question(log, about, known, position, events)
    words = ["export", *([str(file)] if file else [f"--{wanted.name}"])]
    words += ["--aggregate", key] if key is not None else []
    words += ["--type", type_] if type_ is not None else []
    receipt = asked.receipt(list(words), key)
    rows = rows_of(asked.past, key, type_)
    if wanted.name == "jsonl":
        write(_lines(asked.past, rows), wanted)
    elif wanted.name == "csv":
        from esbench.cli.output import csv_bytes

        write(csv_bytes(rows), wanted)
    else:
        from esbench.cli.output import parquet_bytes

        write(parquet_bytes(rows, {"esbench": json_bytes(receipt).decode()}), wanted)
    tables.err(f"{rows.height:,} events, {receipt.said}")
    if receipt.late:
        tables.err(receipt.late)


def _export_form(file: Path | None, *, csv: bool, jsonl: bool, parquet: bool) -> Form:
    asked = {"csv": csv, "jsonl": jsonl, "parquet": parquet}
    names = [name for name, wanted in asked.items() if wanted]
    if not names and file is not None:
        names = [EXPORTS.get(file.suffix.lower(), "")]
    if len(names) != 1 or not names[0]:
        raise Misuse("say in which form: --csv, --jsonl or --parquet, or FILE.csv")
    if names == ["parquet"] and file is None and tables.is_terminal():
        raise Misuse("Parquet is no text: name a file, or send it into a pipe")
    return Form(name=names[0], file=file)


def _lines(past: Past, rows: pl.DataFrame) -> bytes:
    import msgspec

    lines = StringIO()
    for event in recorded_in(past, rows):
        lines.write(msgspec.json.encode(as_dict(event)).decode())
        lines.write("\n")
    return lines.getvalue().encode()
