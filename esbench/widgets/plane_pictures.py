"""The time machine as a PNG, for places where its live view can't run.

What lives here: the plane of one account and that of all, in matplotlib.
The guarantee: that of ``pictures``: the same state gives the same bytes, texts from
events are drawn as they are, and the stage's sentence stands below.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esbench.widgets.pictures import (
    BLUE,
    INK,
    LINE,
    ORANGE,
    PURPLE,
    SOFT,
    box,
    canvas,
    png,
    write,
)
from esbench.widgets.story import clip, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from esbench.widgets.plane import Plane, Town

HELD = "#b5d8f0"  # what is summed: left of and below the cross-hair
COLUMNS, ROWS = 6, 7  # cells that are seen
LEFT, TOP = 1.25, 0.75  # inches
WIDE, TALL = 5.1, 2.35  # inches that the cells take


def plane_png(
    plane: Plane, x: int, y: int, *, asking: bool, finding: str, python: str
) -> bytes:
    """Give one account's plane with the cross-hair at (x, y) as a PNG."""
    with canvas(6.6, finding, python) as (figure, axes):
        grid = Grid(axes, len(plane.days), x, y)
        title = f"{plane.who}: {plane.shown} {plane.said(x, y)}"
        write(axes, 0.3, 0.25, title, color=SOFT, size=11)
        for column, row in grid.cells:
            value = plane.value(column, row)
            text = "?" if asking else "–" if value is None else show(value)
            late = not asking and value != plane.now(column)
            is_held = column <= x and row <= y
            grid.cell(column, row, text, late=late, future=row < column, held=is_held)
        grid.dress([plane.name(index) for index in range(len(plane.days))])
        _marks(grid, plane)
        _answer(axes, plane, x, y, asking=asking)
        if not asking:
            _levels(figure, plane, x, y)
        return png(figure)


def town_png(town: Town, x: int, y: int, *, finding: str, python: str) -> bytes:
    """Give the plane of all accounts with the cross-hair at (x, y) as a PNG."""
    with canvas(5.2, finding, python) as (figure, axes):
        grid = Grid(axes, len(town.days), x, y)
        whole = f"{town.accounts:,} account{'s' * (town.accounts != 1)}"
        title = f"{whole}: how many differ from what is known now"
        write(axes, 0.3, 0.25, title, color=SOFT, size=11)
        for column, row in grid.cells:
            count = town.cells[column, row][0] if row >= column else None
            text = "" if count is None else f"{count:,}"
            is_late = bool(count)
            grid.cell(column, row, text, late=is_late, future=row < column, held=False)
        grid.dress([town.name(index) for index in range(len(town.days))])
        _listed(axes, town, x, y)
        return png(figure)


class Grid:
    """The cells of a plane that are seen around the cross-hair."""

    def __init__(self, axes: Axes, total: int, x: int, y: int) -> None:
        self.axes, self.x, self.y = axes, x, y
        self.columns, self.rows = min(total, COLUMNS), min(total, ROWS)
        self.left = min(max(x - self.columns // 2, 0), total - self.columns)
        self.low = min(max(y - self.rows // 2, 0), total - self.rows)
        self.wide, self.tall = WIDE / self.columns, TALL / self.rows

    @property
    def cells(self) -> list[tuple[int, int]]:
        """The pairs of indices that are seen."""
        columns = range(self.left, self.left + self.columns)
        rows = range(self.low, self.low + self.rows)
        return [(column, row) for column in columns for row in rows]

    def at(self, column: float, row: float) -> tuple[float, float]:
        """Return the top left corner of a cell, in inches."""
        down = self.rows - 1 - (row - self.low)
        return LEFT + (column - self.left) * self.wide, TOP + down * self.tall

    def cell(
        self, column: int, row: int, text: str, *, late: bool, future: bool, held: bool
    ) -> None:
        """Draw one cell."""
        spot = (*self.at(column, row), self.wide, self.tall)
        looks: dict[str, Any] = {"edgecolor": LINE, "linewidth": 0.8}
        if future:
            looks |= {"hatch": "////", "edgecolor": LINE}
        elif late:
            looks |= {"hatch": "////", "edgecolor": ORANGE, "linewidth": 0.5}
        box(self.axes, *spot, facecolor=HELD if held else "white", **looks)
        weight = "bold" if column == self.x and row == self.y else "normal"
        shade = SOFT if future else INK
        style: dict[str, Any] = {"ha": "right", "weight": weight, "color": shade}
        plain: dict[str, Any] = {
            "boxstyle": "square,pad=0.08",
            "facecolor": "white",
            "linewidth": 0,
        }
        if text:
            x, y = spot[0] + self.wide - 0.07, spot[1] + self.tall / 2
            back = {**plain, "facecolor": HELD} if held else plain
            write(self.axes, x, y, clip(text, 11), size=9.5, bbox=back, **style)

    def dress(self, names: list[str]) -> None:
        """Write the days on both axes, and draw the cross-hair over the cells."""
        spot = (*self.at(self.x, self.y), self.wide, self.tall)
        box(self.axes, *spot, linewidth=3.5)
        write(self.axes, 0.3, TOP - 0.2, "as known on ↑", color=SOFT, size=9.5)
        floor = TOP + TALL
        for column in range(self.left, self.left + self.columns):
            x = self.at(column, 0)[0] + self.wide / 2
            weight = "bold" if column == self.x else "normal"
            name = names[column]
            write(
                self.axes, x, floor + 0.16, name, size=9.5, ha="center", weight=weight
            )
        for row in range(self.low, self.low + self.rows):
            y = self.at(0, row)[1] + self.tall / 2
            weight = "bold" if row == self.y else "normal"
            write(
                self.axes,
                LEFT - 0.1,
                y,
                names[row],
                ha="right",
                size=9.5,
                weight=weight,
            )
        right = LEFT + WIDE
        write(
            self.axes, right, floor + 0.38, "about the end of →",
            color=SOFT, size=9.5, ha="right",
        )  # fmt: skip


def _marks(grid: Grid, plane: Plane) -> None:
    seen: dict[tuple[int, int], int] = {}
    shown = set(grid.cells)
    for mark in plane.marks:
        slot = seen.setdefault((mark.x, mark.y), 0)
        seen[mark.x, mark.y] += 1
        if (mark.x, mark.y) not in shown or slot > 1:
            continue
        x, y = grid.at(mark.x, mark.y)
        x, y = x + 0.12 + slot * 0.15, y + grid.tall / 2
        foot = grid.at(mark.x, max(mark.x, grid.low))[1] + grid.tall / 2
        shade = {"correction": PURPLE, "late": ORANGE}.get(mark.kind, BLUE)
        if mark.y > mark.x and slot == 0:
            grid.axes.plot([x, x], [foot, y], color=shade, linewidth=2)
        is_in = mark.x <= grid.x and mark.y <= grid.y
        grid.axes.plot(
            [x], [y], marker="D" if mark.kind == "correction" else "o", markersize=6.5,
            color=shade, markerfacecolor=shade if is_in else "white",
        )  # fmt: skip


def _answer(axes: Axes, plane: Plane, x: int, y: int, *, asking: bool) -> None:
    left = 6.75
    box(axes, left, TOP, 2.95, 1.05, linewidth=3)
    write(axes, left + 0.15, TOP + 0.22, plane.said(x, y), color=SOFT, size=10)
    value = plane.value(x, y)
    text = "?" if asking else "nothing" if value is None else show(value)
    size = 27 if len(text) < 10 else 18
    write(axes, left + 0.15, TOP + 0.66, clip(text, 16), size=size, weight="bold")
    marks = [] if asking else [m for m in plane.marks if m.x <= x and m.y > y]
    head = "left out, not known yet:" if marks else "nothing is left out"
    if not asking:
        write(axes, left, TOP + 1.3, head, color=SOFT, size=10)
    for row, mark in enumerate(marks[:4]):
        up = TOP + 1.55 + row * 0.24
        box(axes, left, up - 0.06, 0.12, 0.12, edgecolor=ORANGE, hatch="//////")
        said = f"{mark.label} {mark.said}"
        write(axes, left + 0.2, up, clip(said, 34), size=9.5)


def _listed(axes: Axes, town: Town, x: int, y: int) -> None:
    left = 6.75
    rows = town.cells[x, y][1] if y >= x else []
    head = "those that differ most: then, now" if rows else "no account differs"
    write(axes, left, TOP, head, color=SOFT, size=10)
    for place, (key, then, now, _) in enumerate(rows):
        up = TOP + 0.25 + place * 0.24
        write(axes, left, up, clip(key, 14), size=9.5)
        write(axes, left + 2.1, up, clip(then, 11), size=9.5, ha="right")
        write(axes, left + 3.0, up, clip(now, 11), size=9.5, ha="right")


def _levels(figure: Figure, plane: Plane, x: int, y: int) -> None:
    axes = figure.add_axes((0.08, 0.235, 0.88, 0.16))
    days: list[Any] = list(plane.days)
    total = range(len(days))
    now = [float(plane.now(index) or 0) for index in total]
    then = [float(plane.value(index, y) or 0) for index in total]
    axes.fill_between(
        days, then, now, step="post",
        facecolor="none", edgecolor=ORANGE, hatch="////", linewidth=0,
    )  # fmt: skip
    axes.step(days, then, where="post", color=SOFT, linestyle="--", linewidth=2)
    axes.step(days, now, where="post", color=INK, linewidth=2.5)
    axes.axvline(days[x], color=BLUE, linewidth=2)
    every = -(-len(days) // 8)
    shown = [index for index in total if index % every == x % every]
    axes.set_xticks([days[i] for i in shown], [plane.name(i) for i in shown])
    axes.tick_params(colors=SOFT, length=0, labelsize=9)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    for side in axes.spines.values():
        side.set_visible(False)
