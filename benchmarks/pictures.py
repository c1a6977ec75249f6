"""One picture a topic.

What lives here: which rows are drawn, and how.
The guarantee: a picture shows medians and spreads from the pages and nothing else;
it is an SVG of some ten kilobytes, whose ink and paper follow the reader's choice of
light or dark.
What it may not know: how anything was measured.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.page import OWN, Chapter, Line, spelled
from benchmarks.rows.ordering import GROWN, LISTED, LISTED_ORDERS, PAIRS
from benchmarks.rows.size import SHARES

INK, PAPER = "#1f2329", "#fefefd"  # drawn in these
DARK_INK, DARK_PAPER = "#e6e8eb", "#14181d"  # seen in these by a reader in the dark
QUIET = "#8a9099"  # grid and peers; seen on both papers, as are the others
OURS = "#2f81d7"
OTHERS = "#8a9099"
CALLS = (OURS, "#d9822b", "#2e9e5b", "#c2517f", "#8465c9")
WIDTH = 7.2

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "esbench",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_CSS = f"""<style>
svg {{ --ink: {INK}; --paper: {PAPER} }}
@media (prefers-color-scheme: dark) {{
svg {{ --ink: {DARK_INK}; --paper: {DARK_PAPER} }}
}}
</style>"""


def draw(chapters: Iterable[Chapter], folder: Path) -> dict[str, str]:
    """Draw what there is to draw; return the files' names by row."""
    drawn = {}
    for chapter in chapters:
        if chapter.lines and chapter.row in DRAWN:
            name = f"{chapter.row}.svg"
            (folder / name).write_text(picture(chapter), encoding="utf-8")
            drawn[chapter.row] = name
    return drawn


def picture(chapter: Chapter) -> str:
    """Return the picture of one row as SVG."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(layout="constrained")
        DRAWN[chapter.row](figure, chapter.lines)
        file = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(file, metadata={"Date": None})
    text = file.getvalue().replace(INK, "var(--ink)").replace(PAPER, "var(--paper)")
    start = text.index(">", text.index("<svg")) + 1
    return text[:start] + _CSS + text[start:]


def _groups(lines: Iterable[Line]) -> dict[tuple[str, str], list[Line]]:
    """Return the lines by work and unit, in their order."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.work, line.unit), []).append(line)
    return groups


def _bars(figure: Any, lines: Sequence[Line]) -> None:
    """Draw a panel of bars for each work, esbench in its own colour."""
    groups = {key: some for key, some in _groups(lines).items() if len(some) > 1}
    heights = [len(some) for some in groups.values()]
    figure.set_size_inches(WIDTH, 0.55 * len(groups) + 0.28 * sum(heights) + 0.2)
    panels = figure.subplots(len(groups), height_ratios=heights, squeeze=False)
    for panel, ((work, unit), some) in zip(panels[:, 0], groups.items(), strict=True):
        panel.set_title(f"{work}, {unit}")
        _panel(panel, some)


def _panel(panel: Any, lines: Sequence[Line]) -> None:
    """Draw medians as bars with their spread; what sticks out far is cut off."""
    places = range(len(lines))
    medians = [line.figure.median for line in lines]
    colours = [OURS if line.who.startswith(OWN) else OTHERS for line in lines]
    limit = 1.25 * max(medians)
    panel.barh(places, medians, color=colours, height=0.62)
    for place, line in zip(places, lines, strict=True):
        low, high = line.figure.low, min(line.figure.high, limit)
        panel.plot([low, high], [place, place], color=INK, linewidth=1)
        text = spelled(line.figure.median)
        _beside(panel, text, (max(high, line.figure.median), place))
    panel.set_yticks(places, [line.who for line in lines])
    panel.set_xlim(0, 1.12 * limit)
    panel.invert_yaxis()
    panel.set_xticks([])
    panel.spines[["bottom", "left"]].set_visible(False)
    panel.tick_params(axis="y", length=0)


def _beside(panel: Any, text: str, place: tuple[float, float], **given: Any) -> None:
    """Write a text right of a place."""
    panel.annotate(
        text, place, xytext=(6, 0), textcoords="offset points", va="center", **given
    )


def _shares(figure: Any, lines: Sequence[Line]) -> None:
    """Draw the bytes of each column, and of an event in all beside the peers."""
    shares = [line for line in lines if line.work == SHARES]
    rest = [line for line in lines if line.work != SHARES]
    few = [line for line in shares if line.figure.median >= 0.05]
    _bars(figure, [*few, *rest])


def _growth(figure: Any, lines: Sequence[Line]) -> None:
    """Draw cost against size, one line a call, both axes in powers of ten."""
    figure.set_size_inches(WIDTH, 4.2)
    panel = figure.subplots()
    panel.set_xscale("log")
    panel.set_yscale("log")
    groups = {work: some for (work, _), some in _groups(lines).items()}
    names = list(dict.fromkeys(line.who for line in lines))
    panel.set_xticks([number(name) for name in names], names)
    panel.minorticks_off()
    for some, colour in zip(groups.values(), CALLS, strict=False):
        sizes = [number(line.who) for line in some]
        medians = [line.figure.median for line in some]
        spread = [[getattr(x.figure, end) for x in some] for end in ("low", "high")]
        panel.plot(sizes, medians, marker="o", markersize=4, color=colour)
        panel.fill_between(sizes, *spread, color=colour, alpha=0.25, linewidth=0)
    panel.set_xlabel("events in the log")
    panel.set_ylabel("milliseconds")
    panel.grid(color=QUIET, alpha=0.3, linewidth=0.6)
    ends = {work: some[-1].figure.median for work, some in groups.items()}
    heights = apart(ends, *panel.get_ylim())
    for work, colour in zip(ends, CALLS, strict=False):
        place = (max(number(name) for name in names), heights[work])
        _beside(panel, work, place, color=colour)


def _lattice(figure: Any, lines: Sequence[Line]) -> None:
    """Draw time and points of the lattice against orders, and the time of listing."""
    figure.set_size_inches(WIDTH, 3.4)
    left, right = figure.subplots(1, 2)
    _against_orders(left, lines, GROWN, "milliseconds")
    _against_orders(right, lines, PAIRS, "pairs of place and state")
    for line in lines:
        if line.who == LISTED:
            place = (LISTED_ORDERS, line.figure.median)
            left.plot(*place, marker="s", markersize=5, color=OTHERS)
            _beside(left, LISTED, place, color=OTHERS)


def _against_orders(panel: Any, lines: Sequence[Line], work: str, unit: str) -> None:
    """Draw one kind of figure against the number of orders, a line a crowd."""
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_title(unit)
    groups = {w: some for (w, _), some in _groups(lines).items() if work in w}
    highest = max(some[-1].figure.median for some in groups.values())
    for (name, some), colour in zip(groups.items(), CALLS, strict=False):
        sizes = [float(line.who) for line in some]
        medians = [line.figure.median for line in some]
        panel.plot(sizes, medians, marker="o", markersize=4, color=colour)
        panel.annotate(
            name.split(", ")[1],
            (sizes[-1], medians[-1]),
            xytext=(0, 6 if medians[-1] == highest else -32),
            textcoords="offset points",
            ha="right",
            color=colour,
        )
    panel.set_xlabel("orders")
    panel.grid(color=QUIET, alpha=0.3, linewidth=0.6)


def apart(ends: dict[str, float], low: float, high: float) -> dict[str, float]:
    """Return heights near those of ``ends`` on which texts don't overlap.

    Args:
        ends: heights on a logarithmic axis.
        low: where the axis begins.
        high: where it ends.
    """
    step = (high / low) ** 0.055
    heights: dict[str, float] = {}
    least = low
    for name in sorted(ends, key=lambda name: ends[name]):
        heights[name] = max(ends[name], least)
        least = heights[name] * step
    return heights


def number(text: str) -> float:
    """Return the number that ``setting.spoken`` wrote."""
    number, _, unit = text.replace(",", "").partition(" ")
    return float(number) * {"": 1, "k": 1e3, "M": 1e6}[unit]


DRAWN: dict[str, Callable[[Any, Sequence[Line]], None]] = {
    "commit": _bars,
    "writers": _bars,
    "batches": _bars,
    "bytes": _shares,
    "aggregate": _bars,
    "fold": _bars,
    "balances": _bars,
    "large": _bars,
    "series": _bars,
    "growth": _growth,
    "orders": _lattice,
    "simulated": _bars,
    "broker": _bars,
}
