"""The reconciliation stage as a PNG, for places where its live view can't run.

What lives here: cards, staircase and claim line, in matplotlib.
The guarantee: that of ``pictures``: the same state gives the same bytes, texts from
events are drawn as they are, and the stage's sentence stands below.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from esbench.widgets.pictures import (
    BLUE,
    GREEN,
    INK,
    LINE,
    PURPLE,
    RED,
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

    from esbench.analysis.correction import Drafted
    from esbench.widgets.ledger import Ledger, Way

MOST = 5  # cards in a row
MARKED = "#cfe3ef"


def reconciliation_png(
    ledger: Ledger, way: Way | None, verdict: str, *, finding: str, python: str
) -> bytes:
    """Give ledger, claim and one explanation of it as a PNG."""
    with canvas(5.9, finding, python) as (figure, axes):
        title = f"{ledger.who}: {len(ledger.story.events)} events"
        write(axes, 0.3, 0.28, title, color=SOFT, size=11)
        draft = way.draft if way and verdict == "claim" else ()
        _cards(axes, ledger, way if not draft else None, draft)
        _chart(figure, ledger, way, verdict)
        return png(figure)


def _cards(
    axes: Axes, ledger: Ledger, way: Way | None, draft: tuple[Drafted, ...]
) -> None:
    total, room = len(ledger.story.events), MOST - min(len(draft), 2)
    marks = way.marks if way else {}
    ends = [*marks, *(at for at in reversed(range(total)) if at not in marks)]
    shown = sorted(ends[:room])
    if total > room:
        rest = f"and {total - room} more"
        write(axes, 9.7, 0.28, rest, color=SOFT, ha="right")
    names = {at: name for at, name, _ in ledger.booked}
    wide = 9.4 / max(min(total, room) + min(len(draft), 2), 4) - 0.15
    for place, at in enumerate(shown):
        card, how = ledger.story.cards[at], marks.get(at, "")
        told = [card.type, _moves(ledger, at), names.get(at, "–"), how or card.when]
        kind = "lit" if how else "quiet" if way else ""
        _card(axes, 0.3 + place * (wide + 0.15), wide, told, f"{kind} {how}")
    for place, event in enumerate(draft[:2], start=len(shown)):
        sign = "−" if type(event).__name__ == "MoneyWithdrawn" else ""
        moves = f"{sign}{show(event.amount)}"
        told = [type(event).__name__, moves, event.transaction_id, "◆ drafted"]
        _card(axes, 0.3 + place * (wide + 0.15), wide, told, "draft")


def _moves(ledger: Ledger, at: int) -> str:
    levels = ledger.story.levels
    change = levels[at + 1] - (levels[at] or 0)
    return f"{'+' if change >= 0 else ''}{show(change)}"


def _card(axes: Axes, x: float, wide: float, told: list[str], kind: str) -> None:
    shade = PURPLE if kind == "draft" else BLUE
    is_missed = "missed" in kind
    ink = INK if is_missed or kind == "draft" else "white"
    face = "white" if is_missed else shade
    line = "--" if is_missed or kind == "draft" else "-"
    edge = INK if kind == "draft" or ("lit" in kind and not is_missed) else shade
    looks = {"facecolor": face, "edgecolor": edge, "linestyle": line, "linewidth": 2.5}
    alpha = 0.45 if "quiet" in kind else 1.0
    box(axes, x, 0.55, wide, 1.08, round_by=0.12, alpha=alpha, **looks)
    room = int(wide * 9.6)
    for row, text in enumerate(told):
        weight = "bold" if row != 2 else "normal"
        size = 12.0 if row == 1 else 10.0
        write(
            axes,
            x + 0.12,
            0.73 + row * 0.24,
            clip(text, room),
            color=ink,
            size=size,
            weight=weight,
        )


def _chart(figure: Figure, ledger: Ledger, way: Way | None, verdict: str) -> None:
    axes = figure.add_axes((0.08, 0.27, 0.76, 0.4))
    real = [0.0, *(float(level) for level in ledger.story.levels[1:])]
    claim, total = float(ledger.claim), len(real) - 1
    is_draft = bool(way) and verdict == "claim"
    axes.axhline(claim, color=INK, linewidth=2, linestyle=(0, (6, 3)))
    shade = 0.35 if way and not is_draft else 1.0
    _stairs(axes, real, 0, color=INK, linewidth=3, alpha=shade)
    if way and not is_draft and way.marks:
        steps = [float(way.effects.get(at, 0)) for at in range(total)]
        shifted = [a + b for a, b in zip(real[1:], accumulate(steps), strict=True)]
        _stairs(axes, [0.0, *shifted], 0, color=INK, linewidth=2, linestyle="--")
        for at in way.marks:
            axes.axvspan(at, at + 1, color=MARKED, linewidth=0, zorder=0)
    last = total
    if way and is_draft:
        ends = list(accumulate((float(_signed(one)) for one in way.draft), initial=0))
        _stairs(axes, [real[-1] + e for e in ends], total, color=PURPLE, linewidth=4)
        last = total + len(way.draft)
    _dress(axes, ledger, last, verdict)


def _signed(event: Drafted) -> float:
    sign = -1 if type(event).__name__ == "MoneyWithdrawn" else 1
    return sign * float(event.amount)


def _stairs(axes: Axes, levels: list[float], start: int, **looks: object) -> None:
    xs, ys = [float(start)], [levels[0]]
    for at, level in enumerate(levels[1:], start=start):
        xs += [at, at + 1]
        ys += [level, level]
    axes.plot(xs, ys, **looks)  # type: ignore[arg-type]


def _dress(axes: Axes, ledger: Ledger, last: int, verdict: str) -> None:
    names = {at: name for at, name, _ in ledger.booked}
    total = len(ledger.story.events)
    every = -(-total // 8)
    ticks = range(0, total, every)
    labels = [clip(names.get(at, "opened" if at == 0 else ""), 12) for at in ticks]
    axes.set(xlim=(0, last))
    axes.set_xticks([at + 0.5 for at in ticks], labels, parse_math=False)
    axes.tick_params(colors=SOFT, length=0, labelsize=10)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0), high + (high - low) * 0.05)
    stands = {"log": (True, False), "claim": (False, True)}.get(verdict, (None, None))
    ends = ((ledger.balance, "log", stands[0]), (ledger.claim, "claim", stands[1]))
    for value, word, good in ends[: 1 if not ledger.gap else 2]:
        sign = "" if good is None else " ✓" if good else " ✕"
        shade = INK if good is None else GREEN if good else RED
        axes.text(
            last * 1.01,
            float(value),
            f"{word} {show(value)}{sign}",
            color=shade,
            weight="bold",
            va="center",
            fontsize=11,
        )
