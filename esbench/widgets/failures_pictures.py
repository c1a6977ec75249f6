"""The failures stage as PNGs, for places where its live view can't run.

What lives here: the table of crash points, and the five lanes, in matplotlib.
The guarantee: that of ``pictures``: the same state gives the same bytes, and the
stage's sentence stands below.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from esbench.lessons import troubles
from esbench.widgets.mishaps import Crashes, ended, is_right, seconds
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
from esbench.workers.delivery import RIGHT
from esbench.workers.monitoring import BOUNDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from esbench.lessons.troubles import Chip, Lane
    from esbench.widgets.watching import Look

POINTS_FROM, POINTS_TO = 2.5, 9.8  # inches
ROW = 0.68
TOP = 0.62
SIGNS = {
    troubles.HANDLED: "✓",
    troubles.REDRIVEN: "✓",
    troubles.FAILED: "!",
    troubles.PARKED: "P",
    troubles.BEHIND: "↲",
    troubles.DROPPED: "",
    troubles.HALTED: "‖",
}
Span = tuple[float, float, int]  # from and to in inches, and the place shown
WAITING = {troubles.PARKED, troubles.BEHIND, troubles.HALTED}


def crashes_png(
    crashes: Crashes,
    kind: tuple[str, bool],
    at: int | None,
    *,
    finding: str,
    python: str,
) -> bytes:
    """Give the table of crash points as a PNG; without verdicts while it asks."""
    handler, again = kind
    with canvas(TOP + ROW * len(crashes.ways) + 1.55, finding, python) as (figure, ax):
        more = ", delivered once more" if again else ""
        write(ax, 0.3, 0.28, f"the handler {handler}{more}", color=SOFT, size=11)
        for row, way in enumerate(crashes.ways):
            y = TOP + row * ROW
            write(ax, 0.3, y + 0.2, clip(way.name, 24), weight="bold")
            write(ax, 0.3, y + 0.43, clip(str(way), 30), color=SOFT, size=9)
        for place, slot in enumerate(_slots(crashes)):
            _point(ax, crashes, place, slot, (handler, again, at))
        return png(figure)


def _slots(crashes: Crashes) -> list[tuple[float, float, float]]:
    """Give x, y and width of each place, in inches."""
    most = max(len(way.steps) for way in crashes.ways) + 1
    wide = (POINTS_TO - POINTS_FROM) / max(most, 5)
    counts = [0] * len(crashes.ways)
    found = []
    for way, _ in crashes.places:
        found.append((POINTS_FROM + counts[way] * wide, TOP + way * ROW, wide))
        counts[way] += 1
    return found


def _point(
    axes: Axes,
    crashes: Crashes,
    place: int,
    slot: tuple[float, float, float],
    state: tuple[str, bool, int | None],
) -> None:
    x, y, wide = slot
    handler, again, at = state
    cell = crashes.cell(place, handler, again=again)
    is_open = at is None
    right = cell.verdict == RIGHT
    looks: dict[str, Any] = {"edgecolor": GREEN if right else RED, "linewidth": 1.8}
    if is_open:
        asked = place == crashes.asked
        looks = {"edgecolor": INK if asked else SOFT, "ls": "--" if asked else "-"}
    elif place == at:
        looks["linewidth"] = 4
    box(axes, x, y, wide - 0.1, ROW - 0.1, **looks)
    write(axes, x + 0.09, y + 0.18, clip(crashes.label(place), 18), size=9)
    said = "?" if is_open else f"{cell.state} {'✓' if right else '✕'} {cell.verdict}"
    shade = INK if is_open else looks["edgecolor"]
    write(axes, x + 0.09, y + 0.4, clip(said, 18), color=shade, weight="bold")


def lanes_png(
    lanes: Sequence[Lane],
    policy: int,
    upto: int | None,
    *,
    finding: str,
    python: str,
) -> bytes:
    """Give five lanes up to a step as a PNG; empty while the stage asks."""
    with canvas(TOP + 0.52 * len(lanes) + 1.6, finding, python) as (figure, axes):
        head = f"queue: e1 f1 e2 f2 e3; e1 {lanes[0].trouble}"
        write(axes, 0.3, 0.28, head, color=SOFT, size=11)
        for x, text in ((7.55, "the video"), (9.1, "order"), (9.8, "delay")):
            side = "left" if x < 8 else "right"
            write(axes, x, 0.28, text, color=SOFT, ha=side)
        for row, lane in enumerate(lanes):
            _lane(axes, lane, TOP + row * 0.52, upto, is_on=row == policy)
        return png(figure)


def _lane(axes: Axes, lane: Lane, y: float, upto: int | None, *, is_on: bool) -> None:
    width = 2.2 if is_on else 1
    box(axes, 0.2, y, 9.7, 0.46, edgecolor=INK if is_on else SOFT, linewidth=width)
    write(axes, 0.3, y + 0.23, lane.policy, weight="bold" if is_on else "normal")
    if upto is None:
        write(axes, 1.6, y + 0.23, "?")
        return
    for number, chip in enumerate(lane.chips[:upto]):
        _chip(axes, chip, 1.55 + number * 0.53, y + 0.08, chip.name in lane.wrong)
    if upto >= len(lane.chips):
        right = is_right(lane)
        shade = GREEN if right else RED
        said = f"{ended(lane)} {'✓' if right else '✕'}"
        write(axes, 7.55, y + 0.23, said, color=shade, weight="bold")
        row = lane.worked.row()
        write(axes, 9.1, y + 0.23, str(row["violations"]), ha="right")
        write(axes, 9.8, y + 0.23, seconds(row["delay_total"]), ha="right")


def _chip(axes: Axes, chip: Chip, x: float, y: float, is_wrong: bool) -> None:  # noqa: FBT001 - private
    done = chip.what in {troubles.HANDLED, troubles.REDRIVEN}
    looks: dict[str, Any] = {"edgecolor": RED, "facecolor": "white", "linewidth": 1.3}
    if done:
        shade = RED if is_wrong else BLUE
        looks = {"edgecolor": shade, "facecolor": shade}
    elif chip.what in WAITING:
        looks = {"edgecolor": ORANGE, "hatch": "///", "linewidth": 1.3}
    elif chip.what == troubles.DROPPED:
        looks["ls"] = "--"
    box(axes, x, y, 0.49, 0.3, round_by=0 if is_wrong and done else 0.07, **looks)
    sign = "✕" if is_wrong and done else SIGNS[chip.what]
    ink = "white" if done else INK
    write(axes, x + 0.07, y + 0.15, f"{chip.name}{sign}", color=ink, size=9.5)


def watching_png(looks: Sequence[Look], at: int, *, finding: str, python: str) -> bytes:
    """Give the counters of a look, lag and age up to it, and durations, as a PNG."""
    with canvas(4.7, finding, python) as (figure, axes):
        _tiles(axes, looks[at])
        lags, ages = [one.lag for one in looks], [one.age for one in looks]
        _line(axes, "lag", lags, str(max(lags)), (0.8, 3.2, at))
        _line(axes, "age", ages, seconds(max(ages)), (4.1, 6.4, at))
        _durations(axes, looks, at)
        return png(figure)


def _tiles(axes: Axes, look: Look) -> None:
    for slot, (word, count, shade) in enumerate(look.tiles):
        looks: dict[str, Any] = {"edgecolor": SOFT}
        if shade:
            looks = {"edgecolor": RED, "linewidth": 2.5}
        if shade == "late":
            looks |= {"edgecolor": ORANGE, "ls": "--"}
        box(axes, 0.3 + slot * 1.37, 0.25, 1.25, 0.75, **looks)
        write(axes, 0.4 + slot * 1.37, 0.45, word, color=SOFT)
        said = f"{count} ✕" if shade == "bad" else count
        write(axes, 0.4 + slot * 1.37, 0.78, said, size=15, weight="bold")


def _line(axes: Axes, name: str, values: Sequence[float], top: str, span: Span) -> None:
    """Draw one figure look by look, over as much of the width as has been seen."""
    left, right, last = span
    most = max(values) or 1
    shown = values[: last + 1]
    wide = (right - left) / max(len(values) - 1, 1)
    xs = [left + wide * place for place in range(len(shown))]
    ys = [2.9 - 1.3 * value / most for value in shown]
    for said, y in (("0", 2.9), (top, 1.6)):
        axes.plot([left, right], [y, y], color=SOFT, linewidth=0.6)
        write(axes, left - 0.1, y, said, color=SOFT, ha="right", size=10)
    axes.step(xs, ys, where="post", color=ORANGE, linewidth=3)
    axes.plot(xs[-1:], ys[-1:], marker="o", color=INK, markersize=9)
    write(axes, left, 1.32, name, weight="bold")


def _durations(axes: Axes, looks: Sequence[Look], at: int) -> None:
    """Draw the buckets that the last look has filled, as the look shown fills them."""
    write(axes, 6.7, 1.32, "tries, by seconds", weight="bold")
    axes.plot([6.7, 9.8], [2.75, 2.75], color=SOFT, linewidth=0.6)
    slots, most = looks[-1].buckets, max(1, *looks[-1].durations)
    wide = min(3.1 / max(len(slots), 1), 0.62)
    for place, slot in enumerate(slots):
        count, x = looks[at].durations[slot], 6.7 + place * wide
        tall = 0.95 * count / most
        axes.bar([x + wide / 2], [-tall], wide * 0.7, bottom=2.75, color=BLUE)
        if count:
            write(axes, x + wide / 2, 2.63 - tall, str(count), ha="center", size=10)
        if not place % (2 if len(slots) > 6 else 1):
            told = f"{BOUNDS[slot]:g}" if slot < len(BOUNDS) else "more"
            write(axes, x + wide / 2, 2.92, told, color=SOFT, ha="center", size=9)
