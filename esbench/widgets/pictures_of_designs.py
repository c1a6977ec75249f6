"""State and events as a PNG: four boxes with what each design keeps and says.

What lives here: the boxes in matplotlib, by the grammar of ``pictures``.
The guarantee: as in ``pictures``.
What it may not know: widgets and browsers; where rows and answers come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from esbench.widgets.pictures import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    RED,
    SOFT,
    box,
    canvas,
    png,
    write,
)
from esbench.widgets.story import clip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Said = Sequence[tuple[str, bool, str]]
WIDTHS = (1.9, 2.3, 2.5, 2.4)
TALL = 2.55


def designs_png(
    *,
    rows: Mapping[str, Sequence[tuple[str, ...]]],
    said: Said | None,
    title: str,
    finding: str,
    python: str,
) -> bytes:
    """Give the four designs, their rows, and what they say to a question as a PNG."""
    with canvas(5.2, finding, python) as (figure, axes):
        write(axes, 0.3, 0.25, f"one lamp in four designs: {title}", color=SOFT)
        x = 0.3
        for place, (design, kept) in enumerate(rows.items()):
            wide = WIDTHS[place]
            write(axes, x, 0.58, design, weight="bold")
            is_log = design == "events"
            box(axes, x, 0.75, wide, TALL, linewidth=0 if is_log else 3)
            draw = _cards if is_log else _rows
            draw(axes, kept, x, wide)
            if said is not None:
                _answer(axes, said[place], x)
            x += wide + 0.1
        return png(figure)


def _rows(axes: Axes, kept: Sequence[tuple[str, ...]], x: float, wide: float) -> None:
    for line, row in enumerate(kept):
        y = 1.0 + line * 0.42
        step = (wide - 0.2) / len(row)
        for column, value in enumerate(row):
            size = 15 if len(row) == 2 else 10.5
            write(axes, x + 0.12 + column * step, y, clip(value, 10), size=size)


def _cards(axes: Axes, kept: Sequence[tuple[str, ...]], x: float, wide: float) -> None:
    for line, (kind, price, by, happened, recorded) in enumerate(kept):
        y = 0.75 + line * 0.64
        box(axes, x, y, wide, 0.58, round_by=0.1, facecolor=BLUE, edgecolor=BLUE)
        write(
            axes, x + 0.1, y + 0.18, f"{line + 1}  {kind}", color="white", weight="bold"
        )
        when = happened if happened == recorded else f"{happened}, known {recorded}"
        told = f"{price}, {by}, {when}"
        write(axes, x + 0.1, y + 0.41, clip(told, 34), color="white", size=9.5)
        if happened != recorded:
            box(
                axes,
                x + 0.08,
                y + 0.52,
                wide - 0.16,
                0.06,
                facecolor=ORANGE,
                edgecolor=INK,
                hatch="////",
                linewidth=0,
            )


def _answer(axes: Axes, answer: tuple[str, bool, str], x: float) -> None:
    text, right, _ = answer
    sign, shade = ("✓", GREEN) if right else ("✕", RED)
    write(axes, x, 3.62, sign, color=shade, size=16, weight="bold")
    write(axes, x + 0.26, 3.62, clip(text, 24), weight="bold", size=11)
