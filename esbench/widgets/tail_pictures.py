"""The snapshot stage as a PNG, for places where its live view can't run.

What lives here: the strip, the pin and the counts, in matplotlib.
The guarantee: that of ``pictures``: the same state gives the same bytes, texts from
events are drawn as they are, and the stage's sentence stands below.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any

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
from esbench.widgets.story import clip, show
from esbench.widgets.tail import KEPT, LEFT, LOST, READ, TWICE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from esbench.widgets.tail import Found, Tail

MIST = "#f1f3f5"
LOOKS = {KEPT: MIST, READ: BLUE, LEFT: "white", LOST: RED, TWICE: RED}
INKS = {KEPT: INK, READ: "white", LEFT: SOFT, LOST: "white", TWICE: "white"}
LEFT_EDGE, WIDE, TOP, TALL = 0.4, 9.2, 1.35, 0.95  # inches
MOST = 12  # events that are drawn one by one


def snapshot_png(
    tail: Tail,
    state: tuple[str, int, date | None],
    *,
    asking: bool,
    finding: str,
    python: str,
) -> bytes:
    """Give the strip with a pin, and what is read for a day, as a PNG."""
    way, pin, day = state
    one = tail.found(way, pin, day)
    with canvas(4.6, finding, python) as (figure, axes):
        who = clip(tail.story.aggregate_id, 50)
        title = f"{who}: {len(one.marks)} events, asked about {tail.name(day)}, {way}"
        write(axes, 0.3, 0.28, title, color=SOFT, size=11)
        _strip(axes, tail, one, asking=asking)
        _pin(axes, tail, pin, used=asking or one.used)
        _counts(axes, one, asking=asking)
        return png(figure)


def _strip(axes: Axes, tail: Tail, one: Found, *, asking: bool) -> None:
    total = len(one.marks)
    wide, at = WIDE / total, 0
    runs = [(mark, len(list(group))) for mark, group in groupby(one.marks)]
    if total <= MOST:
        runs = [(mark, 1) for mark in one.marks]
    for mark, count in runs:
        seen = KEPT if asking else mark
        x = LEFT_EDGE + at * wide
        hatch: dict[str, Any] = (
            {"hatch": "///", "edgecolor": ORANGE} if seen == LEFT else {}
        )
        looks: dict[str, Any] = {
            "facecolor": LOOKS[seen],
            "edgecolor": SOFT,
            "linewidth": 1.2,
            **hatch,
        }
        box(axes, x, TOP, wide * count * (0.94 if total <= MOST else 1), TALL, **looks)
        if total <= MOST:
            _words(axes, tail, at, x, seen)
        at += count


def _words(axes: Axes, tail: Tail, at: int, x: float, mark: str) -> None:
    levels = tail.story.levels
    change = levels[at + 1] - (levels[at] or 0)
    said = f"{'+' if change >= 0 else ''}{show(change)}"
    sign = {LOST: " ✕", TWICE: " ×2 ✕"}.get(mark, "")
    kind = {"correction": " ◆", "late": " late"}.get(tail.story.cards[at].mark, "")
    place = f"{tail.story.events[at].position}{kind}"
    for row, text in enumerate((place + sign, said, tail.name(tail.local[at]))):
        weight = "bold" if row == 0 else "normal"
        y = TOP + 0.22 + row * 0.25
        write(axes, x + 0.1, y, text, color=INKS[mark], size=10, weight=weight)


def _pin(axes: Axes, tail: Tail, pin: int, *, used: bool) -> None:
    if not pin:
        write(axes, LEFT_EDGE, 0.95, "no snapshot", color=SOFT)
        return
    total = len(tail.story.events)
    gap = WIDE / total * 0.03 if total <= MOST else 0
    x = LEFT_EDGE + WIDE * pin / total - gap
    line = "-" if used else "--"
    axes.plot([x, x], [0.95, TOP + TALL + 0.1], color=INK, linewidth=2.5, ls=line)
    looks: dict[str, Any] = {"mec": INK, "mew": 2, "mfc": INK if used else "white"}
    axes.plot([x], [0.95], marker="o", markersize=12, **looks)
    held = show(tail.story.levels[pin])
    said = f"snapshot at {tail.position(pin)}: {held}{'' if used else ', not used'}"
    side = "right" if x > WIDE / 2 else "left"
    away = -0.2 if side == "right" else 0.2
    write(axes, x + away, 0.92, said, weight="bold", ha=side)


def _counts(axes: Axes, one: Found, *, asking: bool) -> None:
    read = "?" if asking else f"{one.read:,}"
    told = [f"read: {read}", f"in the snapshot: {'?' if asking else _kept(one)}"]
    for row, text in enumerate(told):
        write(axes, LEFT_EDGE + row * 2.2, 2.85, text, size=13, weight="bold")
    if not asking:
        right = one.is_right
        sign, shade = ("✓", GREEN) if right else ("✕", RED)
        write(
            axes,
            9.6,
            2.85,
            f"{show(one.value)} {sign}",
            size=16,
            weight="bold",
            color=shade,
            ha="right",
        )


def _kept(one: Found) -> str:
    return f"{sum(mark in (KEPT, TWICE) for mark in one.marks) if one.used else 0:,}"
