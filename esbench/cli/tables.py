"""Text: rows for a terminal of any width, and for a pipe.

What lives here: how values look, and how a table is laid out.
The guarantee: amounts are exact, no column is ever dropped, and what came from events
can't command a terminal. Where a table is wider than the terminal, each row becomes a
block of its own; in a pipe lines are as long as they need to be.
What it may not know: what the rows mean.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from esbench.errors import shorten

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

NOTHING = "–"
LONGEST = 200  # characters of a text; the rest is in --json, --csv and --parquet
NARROWEST = 16  # characters that a text may be folded to
GAP = 2


class Grid(Struct, frozen=True, kw_only=True):
    """A table as texts.

    Attributes:
        names: the columns' names.
        right: which columns stand right: the numbers.
        texts: which columns may be folded onto several lines.
        rows: a list of cells a row.
    """

    names: tuple[str, ...]
    right: tuple[bool, ...]
    texts: tuple[bool, ...]
    rows: list[tuple[str, ...]]

    def widths(self, *, folded: bool = False) -> list[int]:
        """Return what each column needs; ``folded`` is the least it can do with."""
        widths = [len(name) for name in self.names]
        for place, may_fold in enumerate(self.texts):
            longest = max((len(row[place]) for row in self.rows), default=0)
            if folded and may_fold:
                longest = min(longest, NARROWEST)
            widths[place] = max(widths[place], longest)
        return widths


def grid_of(frame: pl.DataFrame, zone: str) -> Grid:
    """Return a frame as texts; times are those of ``zone``."""
    columns = [_texts_of(frame.get_column(name), zone) for name in frame.columns]
    kinds = frame.dtypes
    return Grid(
        names=tuple(map(shorten, frame.columns)),
        right=tuple(kind.is_numeric() for kind in kinds),
        texts=tuple(not (kind.is_numeric() or kind.is_temporal()) for kind in kinds),
        rows=list(zip(*columns, strict=True)),
    )


def _texts_of(column: pl.Series, zone: str) -> list[str]:
    values = column.to_list()
    if column.dtype.is_temporal() and any(isinstance(v, datetime) for v in values):
        return moments(values, zone)
    return [text_of(value) for value in values]


def text_of(value: Any) -> str:
    """Return one value as people read it."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return shorten(str(value), LONGEST)


def moments(values: list[datetime | None], zone: str) -> list[str]:
    """Return times in ``zone``, to the second, or shorter where all of them allow it.

    Parts of a second are in --json, --csv and --parquet.
    """
    there = ZoneInfo(zone)
    local = [None if value is None else value.astimezone(there) for value in values]
    known = [value for value in local if value is not None]
    if any(value.second or value.microsecond for value in known):
        form = "%Y-%m-%d %H:%M:%S"
    elif any(value.hour or value.minute for value in known):
        form = "%Y-%m-%d %H:%M"
    else:
        form = "%Y-%m-%d"
    return [NOTHING if value is None else _moment(value, form) for value in local]


def _moment(value: datetime, form: str) -> str:
    """Return a local time; with its offset in the hour that a clock change doubles."""
    twice = value.replace(fold=0).utcoffset() != value.replace(fold=1).utcoffset()
    return value.strftime(f"{form} %z" if twice and "%H" in form else form)


# --- laying out ------------------------------------------------------------------


def is_terminal() -> bool:
    """Tell whether a person sees stdout as it comes."""
    return sys.stdout.isatty()


def print_grid(grid: Grid, *, upright: bool = False) -> None:
    """Print a table to stdout; ``upright`` gives each row a block of its own."""
    if not grid.rows:
        out("no rows")
        return
    if not is_terminal():
        _print_plain(grid, upright=upright)
        return
    console = terminal()
    fits = sum(grid.widths(folded=True)) + GAP * (len(grid.names) - 1)
    if upright or fits > console.width:
        _print_blocks(grid, console)
    else:
        _print_table(grid, console)


def terminal() -> Console:
    """Return the terminal as rich writes to it: no markup, no guessed colours."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False)


def _print_table(grid: Grid, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_edge=False)
    least = grid.widths(folded=True)
    for place, name in enumerate(grid.names):
        table.add_column(
            Text(name, style="bold"),
            justify="right" if grid.right[place] else "left",
            no_wrap=not grid.texts[place],
            overflow="fold",
            min_width=least[place],
        )
    for row in grid.rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _print_blocks(grid: Grid, console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    for number, row in enumerate(grid.rows):
        if number:
            console.print()
        block = Table.grid(padding=(0, GAP, 0, 0))
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        for name, cell in zip(grid.names, row, strict=True):
            block.add_row(Text(name, style="bold"), Text(cell))
        console.print(block)


def _print_plain(grid: Grid, *, upright: bool) -> None:
    """Print without colours and at full length, a line at a time."""
    if upright:
        width = max(map(len, grid.names)) + GAP
        for row in grid.rows:
            for name, cell in zip(grid.names, row, strict=True):
                out(f"{name:<{width}}{cell}")
        return
    widths = grid.widths()
    for row in [grid.names, *grid.rows]:
        cells = [
            f"{cell:>{width}}" if right else f"{cell:<{width}}"
            for cell, width, right in zip(row, widths, grid.right, strict=True)
        ]
        out((" " * GAP).join(cells).rstrip())


def clean(text: str) -> str:
    """Return text whose characters can't command a terminal."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode()
        for c in text
    )


def out(text: str = "") -> None:
    """Print one line of an answer; long ones are wrapped by words on a terminal."""
    text = clean(text)
    if is_terminal():
        terminal().print(text)
        return
    sys.stdout.write(f"{text}\n")


def hanging(front: str, text: str) -> None:
    """Print a line; on a terminal what does not fit stands under its own beginning."""
    front, text = clean(front), clean(text).replace("\n", "\\n")
    if not is_terminal():
        sys.stdout.write(f"{front}{text}\n")
        return
    from rich.table import Table
    from rich.text import Text

    block = Table.grid()
    block.add_column(width=len(front), no_wrap=True)
    block.add_column(overflow="fold")
    block.add_row(Text(front), Text(text))
    terminal().print(block)


def quiet(text: str) -> None:
    """Print a line that says where the answer stands, dimmed on a terminal."""
    text = clean(text)
    if is_terminal():
        terminal().print(text, style="dim")
        return
    sys.stdout.write(f"{text}\n")


def err(text: str) -> None:
    """Print one line about the work to stderr."""
    sys.stderr.write(f"{clean(text)}\n")
    sys.stderr.flush()
