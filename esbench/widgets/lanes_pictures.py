"""The partitions stage as a PNG, for places where its live view can't run.

What lives here: lanes with keys or with events, in matplotlib.
The guarantee: that of ``pictures``: the same state gives the same bytes, texts from
events are drawn as they are, and the stage's sentence stands below.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esbench.widgets.lanes import (
    BEHIND,
    BY_HASH,
    HANDLED,
    LATE,
    OVERTOOK,
    READING,
    WAITING,
)
from esbench.widgets.pictures import (
    BLUE,
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
from esbench.widgets.story import amount, clip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from esbench.widgets.lanes import Lanes

MIST = "#f1f3f5"
TOP, TALL, PACE = 0.5, 0.3, 0.36  # inches
FIRST, LAST = 1.35, 7.9  # where a lane's keys begin and end
SIGNS = {WAITING: "", HANDLED: " ✓", OVERTOOK: " ✕ early", BEHIND: " waits"} | {
    LATE: " ✕ late"
}
FACES = {WAITING: BLUE, HANDLED: MIST, OVERTOOK: RED, BEHIND: "white", LATE: RED}
INKS = {WAITING: "white", HANDLED: SOFT, OVERTOOK: "white", BEHIND: INK, LATE: "white"}


def partitions_png(
    lanes: Lanes,
    state: tuple[str, int],
    *,
    hot: bool,
    drain: bool,
    asking: bool,
    finding: str,
    python: str,
) -> bytes:
    """Give the lanes of one tab at one place as a PNG."""
    tab, place = state
    if tab == READING:
        count = lanes.before + 1
    else:
        count = lanes.before if tab == BY_HASH else place + 1
    with canvas(TOP + count * PACE + 1.55, finding, python) as (figure, axes):
        who = f"{amount(len(lanes.keys), 'key')}, {amount(len(lanes.events), 'event')}"
        write(axes, 0.3, 0.25, f"{who}, {tab}", color=SOFT, size=11)
        if tab == READING:
            _queues(axes, lanes, lanes.ticks[drain][place], drain=drain)
        elif tab == BY_HASH:
            where, moved = lanes.hashed(place)
            first, _ = lanes.hashed(0)
            _lanes(axes, lanes, where, {key: first[key] for key in moved}, None)
        else:
            _more(axes, lanes, place + 1, hot=hot, asking=asking)
        return png(figure)


def _more(axes: Axes, lanes: Lanes, count: int, *, hot: bool, asking: bool) -> None:
    where = {key: lanes.lane(key, count) for key in lanes.keys}
    found = {} if asking else lanes.resized(count).moved
    moved = {key: old for key, (old, _) in found.items()}
    events = lanes.spread(count, hot=hot).events
    _lanes(axes, lanes, where, moved, events)


def _lane(axes: Axes, lane: int, name: str, **style: Any) -> float:
    """Draw an empty lane; return its middle."""
    y = TOP + lane * PACE
    box(axes, 0.3, y, 9.4, TALL, **{"edgecolor": LINE, "linewidth": 1.2, **style})
    write(axes, 0.4, y + TALL / 2, name, weight="bold", size=10)
    return y + TALL / 2


def _lanes(
    axes: Axes,
    lanes: Lanes,
    where: dict[str, int],
    moved: dict[str, int],
    events: tuple[int, ...] | None,
) -> None:
    count = max(where.values()) + 1 if events is None else len(events)
    for lane in range(max(count, 1)):
        middle = _lane(axes, lane, f"partition {lane}")
        keys = [key for key in lanes.keys if where[key] == lane]
        _chips(axes, keys, moved, middle)
        if events is not None:
            wide = 0.9 * events[lane] / max(*events, 1)
            looks: dict[str, Any] = {"facecolor": BLUE, "edgecolor": BLUE}
            box(axes, LAST, middle - 0.07, max(wide, 0.02), 0.14, **looks)
            write(axes, LAST + wide + 0.08, middle, f"{events[lane]}", size=10)


def _chips(axes: Axes, keys: list[str], moved: dict[str, int], middle: float) -> None:
    x = FIRST
    for number, key in enumerate(keys):
        told = f"{moved[key]} → {clip(key, 12)}" if key in moved else clip(key, 12)
        wide = 0.16 + 0.083 * len(told)
        if x + wide > LAST - 0.5:
            write(axes, x + 0.05, middle, f"+{len(keys) - number}", color=SOFT)
            return
        looks: dict[str, Any] = {
            "facecolor": INK if key in moved else MIST,
            "edgecolor": SOFT,
            "linewidth": 0.8,
        }
        box(axes, x, middle - 0.11, wide, 0.22, round_by=0.1, **looks)
        ink = "white" if key in moved else INK
        write(axes, x + wide / 2, middle, told, color=ink, size=10, ha="center")
        x += wide + 0.07


def _queues(axes: Axes, lanes: Lanes, tick: int, *, drain: bool) -> None:
    for lane, queue in enumerate(lanes.queues(tick, drain=drain)):
        is_new = lane >= lanes.before
        style = {"linestyle": "--", "edgecolor": INK} if is_new else {}
        name = f"partition {lane}, {amount(lanes.pace[lane], 'tick')}"
        middle = _lane(axes, lane, name, **style)
        _queue(axes, lanes, queue, middle)


def _queue(
    axes: Axes,
    lanes: Lanes,
    queue: tuple[int, list[tuple[int, str]], int],
    middle: float,
) -> None:
    gone, cards, more = queue
    x = FIRST + 1.2
    write(axes, FIRST + 0.7, middle, f"{gone} ✓" if gone else "", color=SOFT, size=10)
    for number, (at, mark) in enumerate(cards):
        event = lanes.events[at]
        told = f"{clip(event.aggregate_id, 12)} · {event.version}{SIGNS[mark]}"
        wide = 0.16 + 0.083 * len(told)
        if x + wide > 9.2:
            more += len(cards) - number
            break
        looks: dict[str, Any] = {
            "facecolor": FACES[mark],
            "edgecolor": ORANGE if mark == BEHIND else SOFT,
            "linewidth": 2 if mark == BEHIND else 0.8,
        }
        box(axes, x, middle - 0.12, wide, 0.24, round_by=0.07, **looks)
        write(axes, x + wide / 2, middle, told, color=INKS[mark], size=10, ha="center")
        x += wide + 0.07
    write(axes, 9.6, middle, f"+{more}" if more else "", color=SOFT, ha="right")
