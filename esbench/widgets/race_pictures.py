"""The race stage as a PNG, for places where its live view can't run.

What lives here: lanes, row and verdict; runs; and a fix with its dots, in matplotlib.
The guarantee: that of ``pictures``: the same state gives the same bytes, texts from
events are drawn as they are, and the stage's sentence stands below.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from esbench.widgets.orders import FIXES, HOW, Orders, in_hundred, listed, shown
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

    from esbench.workers import Fix

MIST = "#f1f3f5"
SIGNS = {"open": ("?", ORANGE), "unavoidable": ("✕", RED), "excluded": ("✓", GREEN)}


def schedule_png(
    orders: Orders, written: str, *, asking: bool, finding: str, python: str
) -> bytes:
    """Give the lanes, the row and what can still become of it, as a PNG."""
    with canvas(4.7, finding, python) as (figure, axes):
        write(axes, 0.3, 0.28, f"{clip(orders.whose, 40)}, 3 workers", color=SOFT)
        for at, kind in enumerate(orders.types):
            gone = str(at + 1) in written
            _lane(axes, at, kind, orders.states[at], gone=gone)
        _row(axes, orders, written, asking=asking)
        _verdict(axes, orders, written, asking=asking)
        return png(figure)


def _lane(axes: Axes, at: int, kind: str, state: str, *, gone: bool) -> None:
    y, alpha = 0.55 + at * 0.9, 0.4 if gone else 1.0
    write(axes, 0.3, y + 0.35, f"W{at + 1}", size=13, weight="bold")
    look: dict[str, Any] = {"facecolor": BLUE, "edgecolor": BLUE}
    box(axes, 0.8, y, 2.6, 0.7, round_by=0.1, alpha=alpha, **look)
    write(axes, 0.95, y + 0.22, clip(kind, 23), color="white", weight="bold")
    slow = ", slowly" if at == 0 else ""
    if slow:
        late: dict[str, Any] = {"facecolor": ORANGE, "hatch": "////", "linewidth": 0}
        box(axes, 0.9, y + 0.62, 2.4, 0.07, **late)
    write(axes, 0.95, y + 0.48, clip(f"writes {state}{slow}", 26), color="white")
    write(axes, 3.22, y + 0.22, f"{at + 1}", color="white", weight="bold", ha="right")


def _row(axes: Axes, orders: Orders, written: str, *, asking: bool) -> None:
    found = orders.verdicts[written]
    over = len(written) == len(orders.states)
    tells = not asking and (found.right or over)
    shade = (GREEN if found.right else RED) if tells else INK
    box(axes, 3.8, 0.55, 2.2, 0.95, edgecolor=shade, linewidth=3.5)
    write(axes, 3.95, 0.77, f"the row of {clip(orders.whose, 12)}", color=SOFT, size=10)
    mark = (" ✓" if found.right else " ✕") if tells else ""
    state = f"{clip(shown(found.state), 12)}{mark}"
    write(axes, 3.95, 1.18, state, size=16, weight="bold")
    for at, worker in enumerate(written):
        state = orders.states[int(worker) - 1]
        write(axes, 3.85, 1.8 + at * 0.3, f"{at + 1}. W{worker} {clip(state, 16)}")


def _verdict(axes: Axes, orders: Orders, written: str, *, asking: bool) -> None:
    found, slow = orders.verdicts[written], orders.slow[written]
    mark, shade = ("?", SOFT) if asking else SIGNS[found.word]
    word = "how often is it wrong?" if asking else f"a wrong end is {found.word}"
    box(axes, 6.4, 0.55, 3.2, 0.42, edgecolor=shade, linewidth=2.5)
    write(axes, 6.55, 0.77, f"{mark}  {word}", size=12, weight="bold")
    for at, way in enumerate(orders.ways):
        x, y = 6.6 + at % 3 * 1.05, 1.3 + at // 3 * 0.4
        alpha = 1.0 if way.startswith(written) else 0.2
        right = orders.verdicts[way].right
        _dot(axes, (x, y), "?" if asking else "✓" if right else "✕", alpha)
        write(axes, x + 0.2, y, way, alpha=alpha)
    if asking:
        return
    wrong = f"{found.ends.wrong_orders} of {found.orders}"
    _bar(axes, 2.1, "every order alike", wrong, float(found.wrong))
    _bar(axes, 2.75, "W1 ten times slower", in_hundred(slow.wrong), float(slow.wrong))


def _dot(axes: Axes, where: tuple[float, float], sign: str, alpha: float = 1) -> None:
    shade = {"?": MIST, "✓": GREEN, "✕": RED}[sign]
    shape = "s" if sign == "✕" else "o"
    axes.plot(
        *([place] for place in where),
        marker=shape,
        markersize=13,
        color=shade,
        alpha=alpha,
        markeredgecolor=SOFT if sign == "?" else shade,
    )
    ink = INK if sign == "?" else "white"
    looks: dict[str, Any] = {
        "color": ink,
        "weight": "bold",
        "ha": "center",
        "alpha": alpha,
    }
    write(axes, *where, sign, size=9, **looks)


def _bar(axes: Axes, y: float, name: str, text: str, share: float) -> None:
    write(axes, 6.4, y + 0.05, name)
    write(axes, 9.6, y + 0.05, text, weight="bold", ha="right")
    box(axes, 6.4, y + 0.2, 3.2, 0.2, facecolor=MIST, edgecolor=SOFT, linewidth=1)
    if share:
        look: dict[str, Any] = {"facecolor": RED, "edgecolor": RED, "linewidth": 1}
        box(axes, 6.4, y + 0.2, 3.2 * share, 0.2, **look)


def runs_png(
    orders: Orders, how: str, runs: int, *, asking: bool, finding: str, python: str
) -> bytes:
    """Give the last run as lanes and a ribbon, and all of them as bars, as a PNG."""
    with canvas(4.5, finding, python) as (figure, axes):
        told = f"run {runs:,}" if runs else "no run yet"
        write(axes, 0.3, 0.28, f"{HOW[how]}, {told}", color=SOFT)
        for at in range(len(orders.states)):
            write(axes, 0.3, 0.75 + at * 0.55, f"W{at + 1}", weight="bold")
            ends = [0.8, 6.0]
            axes.plot(ends, [1.0 + at * 0.55] * 2, color=LINE, linewidth=0.8)
        if runs:
            _gantt(axes, orders, how, runs)
        if not asking:
            exact = orders.exactly(how)
            wrong, _, _ = orders.counted(how, runs)
            share = wrong / runs if runs else 0.0
            _bar(axes, 0.8, "sampled", f"{wrong:,} of {runs:,} wrong", share)
            _bar(axes, 1.6, "exact, by counting", str(exact), float(exact))
        return png(figure)


def _gantt(axes: Axes, orders: Orders, how: str, runs: int) -> None:
    steps = [s for s in orders.trace(how, runs).steps if s.did == "wrote"]
    scale = 4.8 / max(steps[-1].at, 1)
    places = [*(0.8 + scale * step.at for step in steps), 6.0]
    for step, place in zip(steps, places, strict=False):
        y = 0.6 + (int(step.worker[1:]) - 1) * 0.55
        look: dict[str, Any] = {"facecolor": BLUE, "edgecolor": BLUE}
        box(axes, 0.8, y, max(place - 0.8, 0.03), 0.3, **look)
        after = place < 4.6
        ink: dict[str, Any] = {"color": INK if after else "white"}
        ink["ha"] = "left" if after else "right"
        write(axes, place + (0.1 if after else -0.1), y + 0.15, str(step.state), **ink)
    for at, step in enumerate(steps):
        last = at == len(steps) - 1
        right = step.state == orders.right
        shade = (GREEN if right else RED) if last else MIST
        wide = places[at + 1] - places[at]
        look = {"facecolor": shade, "edgecolor": SOFT, "linewidth": 1}
        box(axes, places[at], 2.35, wide, 0.35, **look)
    mark = "✓" if steps[-1].state == orders.right else "✕"
    ends = f"the row ends as {steps[-1].state} {mark}"
    write(axes, 6.0, 2.95, ends, weight="bold", ha="right")


def fix_png(
    orders: Orders,
    fix: Fix,
    path: str,
    at: int,
    *,
    again: bool,
    asking: bool,
    finding: str,
    python: str,
) -> bytes:
    """Give what a fix makes of a losing order, and of all orders, as a PNG."""
    with canvas(4.7, finding, python) as (figure, axes):
        more = ", at most one redelivery" if again else ""
        title = "Fix it" if asking else f"{FIXES[fix]}, {listed(path)}{more}"
        write(axes, 0.3, 0.28, title, color=SOFT, size=11)
        if not asking:
            _replay(axes, orders, fix, path, at)
        _dots(axes, orders, fix, again=again, asking=asking)
        return png(figure)


def _replay(axes: Axes, orders: Orders, fix: Fix, path: str, at: int) -> None:
    heads = {"who": 0.3, "event": 0.95, "outcome": 2.6, "the row": 4.8}
    for head, x in heads.items():
        write(axes, x, 0.7, head, color=SOFT)
    told = orders.replayed(fix, path)
    for row, (worker, event, did, state) in enumerate(told):
        y, alpha = 1.1 + row * 0.42, 1.0 if row < at else 0.3
        event_said = f"{event}, {clip(orders.states[event - 1], 14)}"
        mark = ""
        if row == len(told) - 1 and row < at:
            mark = " ✓" if state == orders.right else " ✕"
        write(axes, 0.3, y, worker, weight="bold", alpha=alpha)
        write(axes, 0.95, y, event_said, alpha=alpha)
        write(axes, 2.6, y, did, alpha=alpha)
        said = f"{clip(state, 12)}{mark}" if row < at else "…"
        write(axes, 4.8, y, said, weight="bold", alpha=alpha)


def _dots(axes: Axes, orders: Orders, fix: Fix, *, again: bool, asking: bool) -> None:
    one = orders.result(fix, again=again)
    for at, wrong in enumerate(orders.dots(fix, again=again)):
        where = 6.6 + at % 11 * 0.29, 0.75 + at // 11 * 0.32
        _dot(axes, where, "?" if asking else "✓" if wrong == "0" else "✕")
    if asking:
        return
    count = f"{one.wrong_orders} of {one.orders} orders end wrong"
    write(axes, 6.45, 2.15, count, size=12, weight="bold")
    write(axes, 6.45, 2.5, orders.scope(fix, again=again))
    lines = [line for part in fix.price.split("; ") for line in wrap(part, 44)]
    for row, line in enumerate(lines):
        write(axes, 6.45, 2.85 + row * 0.27, line, color=SOFT, size=10)
