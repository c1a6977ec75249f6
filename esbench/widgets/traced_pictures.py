"""The trace stage as a PNG, for places where its live view can't run.

What lives here: lanes, the last steps in them, and the row after each, in matplotlib.
The guarantee: that of ``pictures``: the same state gives the same bytes, texts from
events are drawn as they are, and the stage's sentence stands below.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esbench.widgets.pictures import (
    BLUE,
    GREEN,
    INK,
    LINE,
    ORANGE,
    RED,
    SOFT,
    box,
    canvas,
    png,
    write,
)
from esbench.widgets.story import clip
from esbench.widgets.traced import (
    AGAIN,
    ASIDE,
    DONE,
    LATE,
    QUIET,
    TROUBLE,
    lanes_of,
    moment,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from esbench.widgets.traced import Telling

MOST = 6  # steps in a picture
FIRST, WIDE, TOP, PACE = 1.35, 1.4, 0.62, 0.62  # inches
MOST_LANES = 9
FACES = {
    DONE: BLUE,
    LATE: RED,
    AGAIN: RED,
    TROUBLE: RED,
    ASIDE: "white",
    QUIET: "white",
}
SIGNS = {LATE: " ✕ late", AGAIN: " ✕ again", TROUBLE: " ✕"}


def trace_png(
    telling: Telling, at: int, *, asking: bool, finding: str, python: str
) -> bytes:
    """Give the last steps of the first ``at`` as a PNG."""
    lanes = lanes_of(telling.trace)[:MOST_LANES]
    tall = TOP + len(lanes) * PACE
    with canvas(tall + 2.0, finding, python) as (figure, axes):
        write(axes, 0.3, 0.25, clip(telling.trace.name, 60), color=SOFT, size=11)
        for lane, worker in enumerate(lanes):
            y = TOP + lane * PACE
            axes.plot([FIRST, 9.7], [y + 0.25] * 2, color=LINE, linewidth=0.8, zorder=0)
            write(axes, 0.3, y + 0.25, clip(worker, 11), weight="bold")
        write(axes, 0.3, tall + 0.22, "the row", color=SOFT)
        last = len(telling.steps) if asking else at
        for column, place in enumerate(range(max(last - MOST, 0), last)):
            _step(axes, telling, place, FIRST + column * WIDE, lanes, asking=asking)
        return png(figure)


def _step(
    axes: Axes,
    telling: Telling,
    place: int,
    x: float,
    lanes: list[str],
    *,
    asking: bool,
) -> None:
    step = telling.steps[place]
    mark = QUIET if asking else telling.mark(place)
    told = telling.message(step)
    when = moment(step.at) if telling.timed else f"{place + 1}"
    write(axes, x + 0.65, 0.48, when, color=SOFT, size=9, ha="center")
    if step.worker in lanes:
        y = TOP + lanes.index(step.worker) * PACE
        edge = ORANGE if mark == ASIDE else BLUE if FACES[mark] == "white" else None
        looks: dict[str, Any] = {"facecolor": FACES[mark]}
        looks["edgecolor"] = edge or FACES[mark]
        box(axes, x, y, WIDE - 0.12, 0.5, round_by=0.08, **looks)
        ink = INK if FACES[mark] == "white" else "white"
        head = f"{told.version} {clip(telling.named(step), 13)}" if told else step.did
        write(axes, x + 0.08, y + 0.15, head, color=ink, size=9, weight="bold")
        deed = f"{step.did}{SIGNS.get(mark, '')}" if told else SIGNS.get(mark, "")
        write(axes, x + 0.08, y + 0.36, deed, color=ink, size=9)
    row, tall = telling.state(step), TOP + len(lanes) * PACE
    is_end = place + 1 == len(telling.steps)
    if asking:
        row = "?" if is_end else ""
    if row:
        last = is_end and not asking and telling.is_right is not None
        shade = (GREEN if telling.is_right else RED) if last else INK
        box(axes, x, tall + 0.05, WIDE - 0.12, 0.35, edgecolor=shade, linewidth=2.5)
        sign = ("✓ " if telling.is_right else "✕ ") if last else ""
        write(axes, x + 0.08, tall + 0.23, clip(f"{sign}{row}", 17), size=10)
