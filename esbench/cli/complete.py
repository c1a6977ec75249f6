"""Completion: what a shell offers after the first letters.

What lives here: the values of arguments, read from the log that the line names.
The guarantee: completion never fails aloud and never writes.
What it may not know: answers.
"""

from __future__ import annotations

import os
from pathlib import Path

import typer

SHOWN = 50


def projections(incomplete: str) -> list[str]:
    """Return the names of the house's projections."""
    from esbench.cli.place import DOMAINS

    names = [name for names in DOMAINS.values() for name in names]
    return [name for name in names if name.startswith(incomplete)]


def types(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the event types that can be appended."""
    from esbench.cli.place import opened

    try:
        names = list(opened(_log(ctx), ctx.params.get("types")).registry.classes)
    except Exception:  # noqa: BLE001 - a shell is no place for errors
        return []
    return [name for name in names if name.startswith(incomplete)]


def aggregates(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return ids in the log."""
    import polars as pl

    from esbench.cli.place import opened

    try:
        ids = opened(_log(ctx)).scan().select(pl.col("aggregate_id").unique())
        mine = ids.filter(pl.col("aggregate_id").str.starts_with(incomplete))
        return mine.collect().to_series().sort().head(SHOWN).to_list()
    except Exception:  # noqa: BLE001 - a shell is no place for errors
        return []


def zones(incomplete: str) -> list[str]:
    """Return the names of zones."""
    from zoneinfo import available_timezones

    return sorted(z for z in available_timezones() if z.startswith(incomplete))


def _log(ctx: typer.Context) -> Path | None:
    given = ctx.params.get("log") or os.environ.get("ESBENCH_LOG")
    return Path(given) if given else None
