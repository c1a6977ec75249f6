"""Pictures of reports, fit for a letter.

What lives here: bars of the largest differences. This module imports matplotlib, so it
is itself imported late.
The guarantee: a picture says in its title which pasts it is about; more and less are
told by direction and sign, not by colour alone; names are drawn as plain text.
What it may not know: how the rows were found.
"""

from __future__ import annotations

import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg

from esbench.errors import InvalidFrame, shorten
from esbench.projection.plots import BLUE, GREY, ORANGE, Picture

ORANGE_RED = "#D55E00"
BARS = 20


def bars(
    frame: pl.DataFrame, column: str, what: str, said: str, form: str = "{:+}"
) -> Picture:
    """Return the largest differences as bars, the largest on top.

    Args:
        frame: a row a bar; the first column names it.
        column: how long it is.
        what: the title.
        said: what stands under the bars.
        form: how the numbers are written.

    Raises:
        InvalidFrame: there is no such column of numbers.
    """
    if column not in frame.columns or frame.is_empty():
        raise InvalidFrame(f"nothing to draw: no number in {column}")
    shown = frame.sort(pl.col(column).abs(), descending=True).head(BARS).reverse()
    figure = Picture(figsize=(9.5, 1.6 + 0.3 * max(3, shown.height)))
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    values = [float(value) for value in shown[column]]
    names = [shorten(str(key), 30) for key in shown.to_series(0)]
    inks = [BLUE if value >= 0 else ORANGE_RED for value in values]
    drawn = axes.barh(range(len(values)), values, color=inks)
    axes.bar_label(drawn, [form.format(value) for value in shown[column]], padding=4)
    axes.set_yticks(range(len(values)), names, parse_math=False)
    axes.margins(x=0.18)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_title(what, loc="left", fontweight="bold", parse_math=False)
    rest = frame.height - shown.height
    more = f"; {rest:,} more" if rest else ""
    axes.set_xlabel(f"{said}{more}", color=GREY, parse_math=False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return figure


def sides(frame: pl.DataFrame, field: str, every: str) -> Picture:
    """Return what was reported and what is known now, summed over all accounts.

    Raises:
        InvalidFrame: the numbers are none.
    """
    if "difference" not in frame.columns or frame.is_empty():
        raise InvalidFrame(f"nothing to draw: {field} is no number")
    added = frame.group_by("end").agg(pl.col("then", "now").sum()).sort("end")
    ends = added["end"].to_list()
    then, now = ([float(v) for v in added[name]] for name in ("then", "now"))
    figure = Picture(figsize=(9.5, 4.6))
    FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.plot(ends, now, color=BLUE, linewidth=2.5, marker="o", label="as known now")
    axes.plot(ends, then, "s--", color=GREY, linewidth=1.8, label="as known then")
    axes.fill_between(
        ends, then, now, facecolor="none", edgecolor=ORANGE, hatch="////", linewidth=0
    )
    count = frame["aggregate_id"].n_unique()
    whose = frame["aggregate_id"][0] if count == 1 else f"{count:,} accounts, added up"
    title = f"{field} of {shorten(str(whose), 40)}, every {every}"
    axes.set_title(title, loc="left", fontweight="bold", parse_math=False)
    axes.legend(frameon=False)
    axes.grid(axis="y", alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.autofmt_xdate(rotation=0, ha="center")
    return figure
