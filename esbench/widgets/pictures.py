"""The stages as PNG: what a page shows where the live view can't run.

What lives here: the grammar's colours and shapes in matplotlib, and one function a
stage. matplotlib is imported late, without pyplot.
The guarantee: the same state gives the same bytes on one version of matplotlib; the
PNG carries the stage's sentence and, at its foot, "picture; run the cell to play";
texts from events are drawn as they are, never read as formulas.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from esbench.widgets.story import Card, Story, WhatIf, clip, pairs, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from esbench.widgets.small_time_machine import Days

BLUE, GREEN, RED = "#0072B2", "#009E73", "#D55E00"
ORANGE, PURPLE = "#E69F00", "#CC79A7"
INK, SOFT, LINE = "#15181c", "#59616b", "#c3c9d0"
FOOT = "picture; run the cell to play"
WIDE, DPI = 10.0, 130  # inches, dots an inch
MOST_CARDS = 3


@contextmanager
def canvas(height: float, finding: str, python: str) -> Iterator[tuple[Figure, Axes]]:
    """Open a figure with the words at its foot; axes count inches from top left."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.family": "DejaVu Sans", "svg.hashsalt": "esbench"}):
        figure = Figure(figsize=(WIDE, height), dpi=DPI, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDE), ylim=(height, 0))
        axes.axis("off")
        lines = wrap(clip(finding, 180), 80)[:2]
        for row, line in enumerate(lines):
            up = 0.92 + (len(lines) - 1 - row) * 0.27
            write(axes, 0.3, height - up, line, size=14, weight="bold")
        write(axes, 0.3, height - 0.57, clip(python, 110), color=SOFT, mono=True)
        write(axes, 0.3, height - 0.2, FOOT, color=SOFT, size=10, style="italic")
        yield figure, axes


def png(figure: Figure) -> bytes:
    """Give the figure's bytes, without the name and version of what made them."""
    from PIL import Image

    out, small = BytesIO(), BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(out, format="png")
    Image.open(out).convert("RGB").quantize(64, Image.Quantize.MAXCOVERAGE).save(
        small, "png", optimize=True
    )
    return small.getvalue()


def write(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float = 10.5,
    mono: bool = False,
    **style: Any,
) -> None:
    """Write text as it is; ``x`` and ``y`` in inches, baseline in the middle."""
    family = {"family": "DejaVu Sans Mono"} if mono else {}
    looks = {"color": INK, "va": "center", **family, **style}
    axes.text(x, y, text, fontsize=size, parse_math=False, **looks)


def box(
    axes: Axes,
    x: float,
    y: float,
    wide: float,
    tall: float,
    *,
    round_by: float = 0,
    **style: Any,
) -> None:
    """Draw a box with its top left corner at (x, y)."""
    from matplotlib.patches import FancyBboxPatch, Rectangle

    looks = {"facecolor": "none", "edgecolor": INK, "linewidth": 1.5, **style}
    if round_by:
        shape = f"round,pad=0,rounding_size={round_by}"
        patch: Any = FancyBboxPatch((x, y), wide, tall, boxstyle=shape, **looks)
    else:
        patch = Rectangle((x, y), wide, tall, **looks)
    axes.add_patch(patch)


def card_at(
    axes: Axes, card: Card, where: tuple[float, float], wide: float, *, dim: bool
) -> None:
    """Draw an event as a card, 1.1 inches tall, with its top left corner there."""
    x, y = where
    shade, ink = (PURPLE, INK) if card.mark == "correction" else (BLUE, "white")
    alpha = 0.55 if dim else 1.0
    box(
        axes,
        x,
        y,
        wide,
        1.1,
        round_by=0.12,
        facecolor=shade,
        edgecolor=shade,
        alpha=alpha,
    )
    if card.mark == "late":
        box(
            axes,
            x + 0.1,
            y + 1.0,
            wide - 0.2,
            0.08,
            facecolor=ORANGE,
            hatch="////",
            linewidth=0,
        )
    room = int(wide * 10.4)
    write(axes, x + 0.15, y + 0.2, clip(card.type, room - 4), color=ink, weight="bold")
    mark = {"late": ", late", "correction": ", correction ◆"}.get(card.mark, "")
    lines = [f"{name} {value}" for name, value in card.fields[:2]]
    for row, line in enumerate([*lines, card.when + mark]):
        write(
            axes, x + 0.15, y + 0.44 + row * 0.23, clip(line, room), color=ink, size=10
        )
    box(
        axes,
        x + wide - 0.4,
        y + 0.08,
        0.3,
        0.26,
        round_by=0.05,
        facecolor="white",
        edgecolor="white",
        alpha=alpha,
    )
    write(
        axes,
        x + wide - 0.25,
        y + 0.21,
        str(card.version),
        color="#00507d",
        ha="center",
        weight="bold",
        size=10,
    )


def hydration_png(
    story: Story,
    *,
    at: int,
    asking: bool,
    what_if: WhatIf | None,
    finding: str,
    python: str,
) -> bytes:
    """Give tape, machine and staircase after ``at`` events as a PNG."""
    with canvas(7.0, finding, python) as (figure, axes):
        title = f"{clip(story.aggregate_id, 50)}: {len(story.events)} events"
        write(axes, 0.3, 0.25, f"{story.name}   {title}", color=SOFT, size=11)
        current = at if asking else at - 1
        _tape(axes, story.cards, current)
        _machine(axes, story, current, asking=asking)
        _stairs(figure, story, at, what_if)
        return png(figure)


def _tape(axes: Axes, cards: Sequence[Card], current: int) -> None:
    count = min(len(cards), MOST_CARDS)
    first = min(max(current - 1, 0), len(cards) - count)
    wide = 9.4 / MOST_CARDS - 0.14
    for place, card in enumerate(cards[first : first + count]):
        x = 0.3 + place * (wide + 0.2)
        index = first + place
        card_at(axes, card, (x, 0.65), wide, dim=index < current)
        if index == current:
            box(axes, x - 0.05, 0.6, wide + 0.1, 1.2, round_by=0.15, linewidth=2)
            axes.plot([x + wide / 2], [0.5], marker="v", color=INK, markersize=8)
    if len(cards) > count:
        rest = f"{first} before, {len(cards) - first - count} after"
        write(axes, 9.7, 0.25, rest, color=SOFT, ha="right")


def _machine(axes: Axes, story: Story, current: int, *, asking: bool) -> None:
    captions = ((0.3, "state before"), (1.9, "event"), (4.45, "state after"))
    for x, caption in captions:
        write(axes, x, 2.02, caption, color=SOFT, size=10)
    _state(axes, story, max(current, 0), 0.3)
    write(axes, 1.75, 2.72, "+", size=16, color=SOFT, ha="center")
    if current >= 0:
        card_at(axes, story.cards[current], (1.9, 2.17), 2.2, dim=False)
    else:
        box(axes, 1.9, 2.17, 2.2, 1.1, round_by=0.12, edgecolor=LINE, linestyle="--")
    write(axes, 4.28, 2.72, "→", size=16, color=SOFT, ha="center")
    if asking or current < 0:
        box(axes, 4.45, 2.17, 1.3, 1.1, edgecolor=SOFT, linestyle="--")
        write(
            axes, 5.1, 2.72, "?" if asking else "", size=22, weight="bold", ha="center"
        )
    else:
        _state(axes, story, current + 1, 4.45)
    _arms(axes, story, -1 if asking or current < 0 else story.fires[current])


def _state(axes: Axes, story: Story, place: int, x: float) -> None:
    fields = dict(pairs(story.states[place]))
    if not fields:
        box(axes, x, 2.17, 1.3, 1.1, edgecolor=SOFT, linestyle="--")
        write(axes, x + 0.65, 2.72, "nothing yet", color=SOFT, ha="center")
        return
    box(axes, x, 2.17, 1.3, 1.1, linewidth=3)
    value = fields.pop(story.shown, "")
    write(axes, x + 0.12, 2.33, clip(story.shown, 16), color=SOFT, size=10)
    size = 15 if len(value) < 8 else 11
    write(axes, x + 0.12, 2.59, clip(value, 11), size=size, weight="bold")
    for row, (name, text) in enumerate(list(fields.items())[:2]):
        write(axes, x + 0.12, 2.86 + row * 0.22, clip(f"{name} {text}", 14), size=10)


def _arms(axes: Axes, story: Story, lit: int) -> None:
    write(axes, 6.15, 2.1, "match event:", mono=True, size=10)
    y = 2.34
    for place, arm in enumerate(story.arms.values()):
        told = wrap(f"{arm.pattern}: {arm.effect}", 43, subsequent_indent="    ")
        if y + len(told) * 0.22 > 3.75:
            break
        if place == lit:
            tall = len(told) * 0.22
            box(axes, 5.93, y - 0.11, 3.9, tall, facecolor="#cfe3ef", linewidth=0)
            write(axes, 5.97, y, "▶", color=BLUE, size=8)
        for text in told:
            weight = "bold" if place == lit else "normal"
            write(axes, 6.15, y, text, mono=True, size=10, weight=weight)
            y += 0.22


def _stairs(figure: Figure, story: Story, at: int, what_if: WhatIf | None) -> None:
    axes = figure.add_axes((0.1, 0.235, 0.8, 0.235))
    names: list[str] = []
    if not story.counts:
        flat = [*story.levels[1:], *(one for slot in _slots(what_if) for one in slot)]
        names = list(dict.fromkeys(["nothing", *map(show, flat)]))
        axes.set_yticks(range(len(names)), names)
    heights = [_height(level, names) for level in story.levels]
    total = len(story.events)
    for slot in range(at):
        axes.plot([slot, slot], heights[slot : slot + 2], color=BLUE, linewidth=3)
        axes.plot([slot, slot + 1], [heights[slot + 1]] * 2, color=INK, linewidth=3)
        if total < 9 and not names:
            axes.annotate(
                show(story.levels[slot + 1]),
                (slot + 0.06, heights[slot + 1]),
                xytext=(0, 4),
                textcoords="offset points",
                fontweight="bold",
                fontsize=10,
            )
    if what_if:
        _dashed(axes, what_if, heights, names)
    _dress(axes, story, heights)


def _slots(what_if: WhatIf | None) -> tuple[tuple[Any, ...], ...]:
    return what_if.slots if what_if else ()


def _height(level: Any, names: list[str]) -> float:
    if names:
        return names.index(show(level))
    return 0.0 if level is None else float(level)


def _dashed(
    axes: Axes, what_if: WhatIf, heights: list[float], names: list[str]
) -> None:
    xs, ys, last = [0.0], [heights[0]], heights[0]
    for slot, levels in enumerate(what_if.slots):
        for part, level in enumerate(levels):
            x = slot + part / len(levels)
            xs += [x, x]
            ys += [last, _height(level, names)]
            last = ys[-1]
    xs.append(float(len(what_if.slots)))
    ys.append(last)
    axes.plot(xs, ys, color=SOFT, linewidth=2, linestyle="--", zorder=1.5)
    sign, shade = ("✓", GREEN) if what_if.same else ("✕", RED)
    axes.text(
        xs[-1] + 0.06,
        last,
        sign,
        color=shade,
        fontsize=15,
        fontweight="bold",
        va="center",
    )


def _dress(axes: Axes, story: Story, heights: list[float]) -> None:
    total = len(story.events)
    low, high = min(*heights, 0), max(*heights, 1)
    axes.set(xlim=(-0.15, total + 0.2), ylim=(low, high + (high - low) * 0.22))
    every = -(-total // 9)
    axes.set_xticks(range(0, total, every), [c.day for c in story.cards[::every]])
    _plain(axes)
    axes.set_title(
        f"{clip(story.shown, 40)} after each event", loc="left", fontsize=10, color=SOFT
    )


def _plain(axes: Axes) -> None:
    axes.tick_params(colors=SOFT, length=0, labelsize=10)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def small_time_machine_png(
    days: Days, *, at: int, asking: bool, finding: str, python: str
) -> bytes:
    """Give the line and both answers about the day at index ``at`` as a PNG."""
    story, one = days.story, days.days[at]
    with canvas(5.4, finding, python) as (figure, axes):
        title = f"{clip(story.aggregate_id, 60)}: about the end of {days.name(one.day)}"
        write(axes, 0.3, 0.28, title, color=SOFT, size=11)
        box(axes, 0.3, 0.5, 4.4, 0.85, linewidth=3)
        write(axes, 0.45, 0.7, f'the log: as_of("{one.day}")', color=SOFT, size=10)
        box(axes, 5.0, 0.5, 4.7, 0.85, edgecolor=SOFT, linestyle="--")
        said = f'the filter: timestamp <= "{one.day}"'
        write(axes, 5.15, 0.7, said, color=SOFT, size=10)
        if asking:
            write(axes, 0.45, 1.08, "?", size=19, weight="bold")
            write(axes, 5.15, 1.08, "?", size=19, weight="bold")
        else:
            _answer(axes, 0.45, show(one.known), right=True)
            _answer(axes, 5.15, show(one.filtered), right=not one.lost)
        _line(figure, days, at, asking=asking)
        return png(figure)


def _answer(axes: Axes, x: float, text: str, *, right: bool) -> None:
    write(axes, x, 1.08, clip(text, 16), size=19, weight="bold")
    sign, shade = ("✓", GREEN) if right else ("✕", RED)
    write(
        axes,
        x + 0.25 + 0.17 * len(text),
        1.08,
        sign,
        size=18,
        weight="bold",
        color=shade,
    )


def _line(figure: Figure, days: Days, at: int, *, asking: bool) -> None:
    axes = figure.add_axes((0.08, 0.29, 0.88, 0.42))
    cut = at if asking else at + 1
    axes.axvspan(0, at + 1, color=BLUE, alpha=0.1, linewidth=0)
    whens = [when for when, _ in days.line]
    levels = [0.0, *(float(value or 0) for _, value in days.line)]
    ends = [*whens[1:], float(len(days.days))]
    for place, (when, end) in enumerate(zip(whens, ends, strict=True)):
        shades = [(when, min(end, cut), 1.0)]
        if not asking:
            shades.append((max(when, cut), end, 0.35))
        for start, stop, alpha in shades:
            if start < stop:
                rise = [levels[place], levels[place + 1]] if start == when else []
                xs = [*([start] * len(rise)), start, stop]
                ys = [*rise, levels[place + 1], levels[place + 1]]
                axes.plot(xs, ys, color=INK, linewidth=3, alpha=alpha)
    for card, when in zip(days.story.cards, days.hours, strict=True):
        marker, shade = ("D", PURPLE) if card.mark == "correction" else ("s", BLUE)
        axes.plot([when], [0], marker=marker, color=shade, markersize=9, clip_on=False)
    axes.axvline(at + 1, color=INK, linewidth=2)
    if days.days[at].lost and not asking:
        axes.axvline(at, color=RED, linewidth=2, linestyle="--")
        axes.axvspan(at, at + 1, color=RED, alpha=0.2, linewidth=0)
    low, high = min(levels), max(*levels, 1)
    total = len(days.days)
    axes.set(xlim=(0, total), ylim=(low, high * 1.15))
    every = -(-total // 9)
    ticks = range(at % every, total, every)
    axes.set_xticks(
        [i + 0.5 for i in ticks], [days.name(days.days[i].day) for i in ticks]
    )
    _plain(axes)
