"""The consumer group stage as a PNG, for places where its live view can't run.

What lives here: the members, the partitions' rows and the counts, in matplotlib.
The guarantee: that of ``pictures``: the same state gives the same bytes, texts are
drawn as they are, and the stage's sentence stands below.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esbench.widgets.group_story import (
    AGAIN,
    ASLEEP,
    AWAKE,
    AWAY,
    FLIGHT,
    REFUSED,
    STALE,
    WROTE,
)
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from esbench.widgets.group_story import Mark, Told

SHADES = ("#c8e6f7", "#faf6bf", "#dcdcdc", "#ffffff")
LEFT_EDGE, RIGHT_EDGE, TOP, ROW = 0.75, 9.0, 1.55, 0.27  # inches
SIGNS = {STALE: "✕", REFUSED: "✓"}
TOLD = {
    WROTE: "written",
    FLIGHT: "in flight",
    AGAIN: "read again",
    REFUSED: "refused",
    STALE: "written by a lost owner",
}


def consumer_group_png(told: Told, at: int, *, finding: str, python: str) -> bytes:
    """Give who owned what up to a tick, and what was written, as a PNG."""
    rows = len(told.run.partitions)
    with canvas(TOP + rows * ROW + 2.2, finding, python) as (figure, axes):
        title = f"{rows} partitions by {told.assignor}, tick {at} of {told.ticks}"
        write(axes, 0.3, 0.28, title, color=SOFT, size=11)
        _members(axes, told, at)
        _bars(axes, told, at)
        for mark in told.marks:
            if mark[0] <= at:
                _mark(axes, mark, _x(told, mark[0]), told)
        _edges(axes, told, at)
        _counts(axes, told, at, TOP + rows * ROW + 0.55)
        return png(figure)


def _x(told: Told, tick: float) -> float:
    return LEFT_EDGE + (RIGHT_EDGE - LEFT_EDGE) * tick / max(told.ticks, 1)


def _members(axes: Axes, told: Told, at: int) -> None:
    for place, name in enumerate(told.group.everybody):
        state, x = told.state(name, at), 0.3 + place * 2.38
        dashed = "--" if state not in {AWAKE, ASLEEP} else "-"
        box(axes, x, 0.48, 2.25, 0.62, linewidth=1.5, linestyle=dashed)
        write(axes, x + 0.1, 0.65, clip(f"{name}, {state}", 26), weight="bold")
        write(axes, x + 0.1, 0.92, _owns(told, name, at))


def _owns(told: Told, name: str, at: int) -> str:
    owns, believes = told.owns(name, at), told.believes(name, at)
    state = told.state(name, at)
    if state == AWAY:
        return "takes no part" if told.is_record else "may join"
    if state in {AWAKE, ASLEEP} and not set(believes) <= set(owns):
        return f"thinks it owns {_list(believes)}"
    return f"owns {_list(owns)}"


def _list(places: tuple[int, ...]) -> str:
    return " ".join(map(str, places)) or "nothing"


def _bars(axes: Axes, told: Told, at: int) -> None:
    shade = dict(zip(told.group.everybody, SHADES, strict=False))
    for place, lag in enumerate(told.lag(at)):
        y = TOP + (place + 0.5) * ROW
        write(axes, 0.45, y, str(place), weight="bold")
        write(axes, 9.6, y, str(lag), ha="right", color=INK if lag else SOFT)
        axes.plot([LEFT_EDGE, RIGHT_EDGE], [y + ROW / 2] * 2, color=LINE, linewidth=0.8)
    write(axes, 9.6, TOP - 0.18, f"lag {sum(told.lag(at))}", ha="right", weight="bold")
    write(axes, 0.3, TOP - 0.18, "partition", color=SOFT)
    for place, member, since, until in told.bars:
        if since > at:
            continue
        x, end = _x(told, since), _x(told, min(until, max(at, since + 0.4)))
        looks: dict[str, Any] = {
            "facecolor": shade[member],
            "edgecolor": SOFT,
            "linewidth": 0.8,
        }
        box(axes, x, TOP + place * ROW + 0.02, end - x, ROW - 0.04, **looks)
        wide = 0.3 * told.ticks / (RIGHT_EDGE - LEFT_EDGE)
        free = told.gap(place, since, min(until, at), wide)
        if free is not None:
            y = TOP + (place + 0.5) * ROW
            write(axes, _x(told, free) + 0.05, y, member, size=9)


def _mark(axes: Axes, mark: Mark, x: float, told: Told) -> None:
    _, place, _, kind, _ = mark
    wide = min(_x(told, 0.9) - LEFT_EDGE, 0.24)
    y, tall = TOP + place * ROW + 0.05, ROW - 0.1
    kinds: dict[str, dict[str, Any]] = {
        WROTE: {"facecolor": BLUE, "edgecolor": BLUE, "round_by": 0.05},
        AGAIN: {"facecolor": "white", "edgecolor": ORANGE, "hatch": "/////"},
        STALE: {"facecolor": RED},
        REFUSED: {"facecolor": GREEN},
        FLIGHT: {"linestyle": ":"},
    }
    looks = {"linewidth": 1.0, **kinds[kind]}
    box(axes, x - wide / 2, y, wide, tall, **looks)
    if kind in SIGNS:
        middle: dict[str, Any] = {"ha": "center", "weight": "bold", "color": "white"}
        write(axes, x, y + tall / 2, SIGNS[kind], size=9, **middle)


def _edges(axes: Axes, told: Told, at: int) -> None:
    bottom = TOP + len(told.run.partitions) * ROW
    for each in told.run.rebalances[1:]:
        if each.at <= at:
            x = _x(told, each.at)
            axes.plot([x, x], [TOP, bottom], color=INK, linewidth=1.6)
            write(axes, x, TOP - 0.18, "dealt anew", size=9.5, ha="center")
    axes.plot([_x(told, at)] * 2, [TOP - 0.05, bottom + 0.05], color=INK, linewidth=3)
    for tick in range(0, told.ticks + 1, 5):
        write(axes, _x(told, tick), bottom + 0.17, str(tick), color=SOFT, ha="center")


def _counts(axes: Axes, told: Told, at: int, y: float) -> None:
    counts = told.counts(at)
    said = ", ".join(f"{TOLD[kind]} {count}" for kind, count in counts.items())
    write(axes, 0.3, y, said)
