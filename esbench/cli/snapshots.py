"""Snapshots: the command ``snapshot``, and what ``info`` tells of them.

What lives here: taking one, and the list of those that are there.
The guarantee: a snapshot changes no answer; ``snapshot`` writes one file into the log's
``snapshots/``, and the list writes nothing.
What it may not know: how a projection folds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from esbench.cli import complete, options, tables
from esbench.cli.output import form, json_bytes, write

if TYPE_CHECKING:
    import polars as pl

    from esbench.log import EventLog
    from esbench.projection import Listed

_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


def snapshot(
    *,
    projection: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROJECTION]",
            help="Account, Daily, Video, or module:Name; by the log's events "
            "unless said.",
            autocompletion=complete.projections,
        ),
    ] = None,
    position: Annotated[
        int | None,
        typer.Option(
            "--position",
            metavar="N",
            min=1,
            help="The last position in it; all events'.",
        ),
    ] = None,
    log: options.Log = None,
    events: options.Types = None,
    json: options.Json = False,
) -> None:
    """Keep every aggregate's state, so that less has to be read next time.

    Answers stay the same; 'esbench info' lists the snapshots, and their files may be
    deleted at any time.

    \b
    Examples:
      esbench snapshot --log my-bank
      esbench snapshot Daily --position 900
    """
    from esbench.analysis.receipt import counted
    from esbench.cli.place import opened, projection_of

    whole = opened(log, events)
    taken = projection_of(projection, whole.as_of()).snapshot(whole, position)
    left = whole.head().position - taken.position
    if json:
        said = {
            "projection": taken.projection,
            "position": taken.position,
            "keys": taken.keys,
            "file": taken.file,
            "bytes": taken.size,
            "events_behind": left,
        }
        write(json_bytes(said), form(json=True))
        return
    tables.out(
        f"{tables.text_of(taken.projection)} at {taken.position:,}: "
        f"{counted(taken.keys, 'key')}, {counted(taken.size, 'byte')}"
    )
    tables.quiet(
        f"{taken.file}; where it fits, {counted(taken.position, 'event')} need not be "
        f"read again, {left:,} are behind it"
    )


def listed_in(log: EventLog) -> list[Listed]:
    """Return the snapshots of a log, held against the projections of the house."""
    from esbench.cli.place import house_projections
    from esbench.projection import calls_of, listed

    return listed(log, [calls_of(one) for one in house_projections()])


def as_frame(found: list[Listed]) -> pl.DataFrame:
    """Return snapshots as rows: what each is, what it saves, and whether it can."""
    import polars as pl

    rows = [_row(one) for one in found]
    kinds = {
        "projection": pl.String,
        "position": pl.Int64,
        "keys": pl.Int64,
        "bytes": pl.Int64,
        "age": pl.String,
        "saves": pl.Int64,
        "snapshot": pl.String,
    }
    return pl.DataFrame(rows, schema=kinds, orient="row")


def as_dicts(found: list[Listed]) -> list[dict[str, Any]]:
    """Return snapshots as JSON has them; ``age`` in seconds."""
    return [
        {
            "projection": one.projection,
            "position": one.position,
            "keys": one.keys,
            "bytes": one.size,
            "age": round(one.age),
            "automatic": one.automatic,
            "events_saved": _saved(one),
            "problem": one.problem or None,
        }
        for one in found
    ]


def _row(one: Listed) -> tuple[Any, ...]:
    made = "left by a table" if one.automatic else "asked for"
    said = f"not used: {one.problem}" if one.problem else f"usable, {made}"
    return (
        one.projection,
        one.position,
        one.keys,
        one.size,
        _spoken(one.age),
        _saved(one),
        said,
    )


def _saved(one: Listed) -> int:
    """Return how many events need not be read where a snapshot is used."""
    return 0 if one.problem else one.position


def _spoken(seconds: float) -> str:
    """Return an age in its largest unit that gives two or more: ``3 days``."""
    unit, length = next(
        ((unit, length) for unit, length in _UNITS if seconds >= 2 * length), _UNITS[-1]
    )
    return f"{int(seconds // length)} {unit}"
