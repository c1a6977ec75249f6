"""Answers as pictures, fit for a report.

What lives here: what ``Answer.plot`` returns. This module imports matplotlib, so it
is itself imported late.
The guarantee: every picture says in its title which past it is about; nothing is told
by colour alone; labels do not overlap; names from events are drawn as plain text.
What it may not know: how the rows were found.

Lines are what is known in that past, over the time when things occurred. A hatched
orange mark is a late event: one that was recorded on a later day than it occurred on
(in a series: after the period it belongs to).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from itertools import pairwise
from math import nan
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from esbench.errors import InvalidFrame, shorten
from esbench.projection.answer import Column, Sheet

_dates: Any = dates  # it has no types

BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#666666"
INKS = (BLUE, "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#7F5F00")
SHAPES = ("o", "s", "^", "D", "v", "P", "X")
FEW = len(INKS)
SHOWN_OF_MANY = 5
BARS = 20
LATE_LABELS = 6


class Picture(Figure):
    """A figure that shows itself in a notebook, whatever else is loaded there."""

    def draw(self, renderer: Any) -> None:
        """Draw; a character that the font does not have becomes a box."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="png", dpi=110)
        return out.getvalue()


def picture(frame: pl.DataFrame, sheet: Sheet, field: str | None = None) -> Picture:
    """Return the picture of an answer.

    Args:
        frame: the rows of the answer.
        sheet: what the answer knows besides.
        field: the field to draw; the first that adds up unless said, else the first
            that is a number.

    Raises:
        InvalidFrame: no such field, or nothing that can be drawn.
    """
    column = _field(frame, sheet, field)
    figure = Picture(figsize=(9.5, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw = {"steps": _steps, "series": _series}.get(sheet.call, _bars)
    if draw is _bars:
        figure.set_figheight(1.6 + 0.3 * min(BARS, max(3, frame.height)))
    what = draw(axes, frame, sheet, column)
    _dress(axes, what, sheet)
    return figure


def _field(frame: pl.DataFrame, sheet: Sheet, wanted: str | None) -> Column:
    """Return the field to draw."""
    drawable = [c for c in sheet.fields if _is_number(frame, _column_of(sheet, c))]
    drawable.sort(key=lambda column: not column.adds_up)
    named = [c for c in drawable if wanted in {None, c.name}]
    if frame.is_empty() or not named:
        what = "there are no rows" if frame.is_empty() else f"not {wanted!r}"
        numbers = ", ".join(column.name for column in drawable) or "none"
        raise InvalidFrame(
            f"nothing to draw ({what}): fields with numbers are {numbers}"
            if wanted or frame.is_empty()
            else "nothing to draw: no field holds numbers"
        )
    return named[0]


def _column_of(sheet: Sheet, column: Column) -> str:
    return f"{column.name}_change" if sheet.call == "compare" else column.name


def _is_number(frame: pl.DataFrame, name: str) -> bool:
    return name in frame.columns and frame.schema[name].is_numeric()


# --- steps: one key, one mark an event -------------------------------------------


def _steps(axes: Axes, frame: pl.DataFrame, sheet: Sheet, field: Column) -> str:
    """Draw the value over time, as known in that past; mark what came late."""
    time, line = _timeline(frame, field)
    line = line.with_columns(_local(pl.col(time), sheet.zone))
    days = line.get_column(time).to_list()
    values = _floats(line, field.name)
    axes.step(days, values, where="post", color=BLUE, linewidth=2)
    axes.plot(days, values, "o", color=BLUE, markersize=5)
    axes.set_xlabel(time.removesuffix("_at"))
    if time == "occurred_at":
        _mark_late(axes, _late_steps(frame, line, sheet.zone, field), days)
    _month_ticks(axes, days)
    return f"{field.name} of {shorten(sheet.key, 30)}"


def _timeline(frame: pl.DataFrame, field: Column) -> tuple[str, pl.DataFrame]:
    """Return the time to draw over, and the value from each moment on.

    What adds up can be told over the time when things occurred, even where events
    came late; anything else only in the order in which it was recorded.
    """
    name = field.name
    if not field.adds_up:
        time = "occurred_at" if frame["occurred_at"].is_sorted() else "recorded_at"
        return time, frame.group_by(time, maintain_order=True).last()
    change = pl.col(name).fill_null(0)
    told = frame.with_columns(change - change.shift(1, fill_value=0))
    ordered = told.sort("occurred_at", "position").with_columns(pl.col(name).cum_sum())
    return "occurred_at", ordered.group_by("occurred_at", maintain_order=True).last()


def _late_steps(
    frame: pl.DataFrame, line: pl.DataFrame, zone: str, field: Column
) -> pl.DataFrame:
    """Return x, y and the day of recording for each moment with late events."""
    times = [_local(pl.col(name), zone) for name in ("occurred_at", "recorded_at")]
    local = frame.with_columns(times)
    occurred, recorded = pl.col("occurred_at"), pl.col("recorded_at")
    late = local.filter(recorded.dt.date() > occurred.dt.date())
    said = late.group_by("occurred_at").agg(recorded.max())
    at = line.select("occurred_at", pl.col(field.name).cast(pl.Float64).alias("y"))
    return said.join(at, on="occurred_at").sort("occurred_at")


def _mark_late(axes: Axes, late: pl.DataFrame, days: Sequence[Any]) -> None:
    """Mark late events, and say when they were recorded if there is room."""
    if late.is_empty():
        return
    points = late.rows()
    xs, ys = [x for x, _, _ in points], [y for _, _, y in points]
    _late_marks(axes, xs, ys, "late: recorded on a later day")
    if len(points) > LATE_LABELS:
        return
    axes.margins(y=0.25)
    near = (days[-1] - days[0]) / 6
    for (x, recorded, y), level in zip(points, _levels(xs, near), strict=True):
        axes.annotate(
            f"recorded {recorded:%b} {recorded.day}",
            (x, y),
            xytext=(0, 12 + 14 * level),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color="#7A4F00",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
        )


def _levels(places: Sequence[Any], near: timedelta) -> list[int]:
    """Return how far up each label goes, so that neighbours do not overlap."""
    levels = [0]
    for before, place in pairwise(places):
        levels.append(levels[-1] + 1 if place - before < near else 0)
    return levels


def _late_marks(axes: Axes, xs: Sequence[Any], ys: Sequence[Any], label: str) -> None:
    marks = axes.scatter(
        xs,
        ys,
        s=110,
        facecolor=ORANGE,
        edgecolor="#4D3300",
        hatch="////",
        label=label,
        zorder=3,
    )
    axes.legend(handles=[marks], loc="best", frameon=False)


# --- series: many keys, one mark a period ----------------------------------------


def _series(axes: Axes, frame: pl.DataFrame, sheet: Sheet, field: Column) -> str:
    """Draw every key, or the largest ones before the spread of all."""
    keys = frame.get_column(sheet.key).unique(maintain_order=True)
    last = frame.group_by(sheet.key, maintain_order=True).last()
    size = pl.col(field.name).cast(pl.Float64).abs()
    ranked = last.sort(size, descending=True, nulls_last=True, maintain_order=True)
    shown = keys.to_list()
    if len(shown) > FEW:
        shown = ranked.get_column(sheet.key).head(SHOWN_OF_MANY).to_list()
        _spread(axes, frame, field)
    for place, key in enumerate(shown):
        _line(axes, frame.filter(pl.col(sheet.key) == key), field, key, place)
    _late_ends(axes, frame.filter(pl.col(sheet.key).is_in(shown)), sheet, field)
    _month_ticks(axes, frame.get_column("end").unique().sort().to_list())
    axes.set_xlabel("end of period")
    if len(keys) > 1:
        _legend(axes)
        more = f", the {SHOWN_OF_MANY} largest named" if len(keys) > FEW else ""
        return f"{field.name} of {len(keys):,} keys{more}"
    return f"{field.name} of {shorten(str(shown[0]), 30)}"


def _line(
    axes: Axes, rows: pl.DataFrame, field: Column, key: object, place: int
) -> None:
    axes.plot(
        rows.get_column("end").to_list(),
        _floats(rows, field.name),
        color=INKS[place],
        marker=SHAPES[place],
        markersize=4.5,
        drawstyle="steps-post",
        linewidth=1.8,
        label=_label(str(key)),
    )


def _spread(axes: Axes, frame: pl.DataFrame, field: Column) -> None:
    """Draw the middle of all keys, and where four in five of them are."""
    value = pl.col(field.name).cast(pl.Float64)
    bands = (
        frame.group_by("end")
        .agg(
            value.quantile(0.1).alias("low"),
            value.median().alias("middle"),
            value.quantile(0.9).alias("high"),
        )
        .sort("end")
    )
    ends = bands.get_column("end").to_list()
    low, high = _floats(bands, "low"), _floats(bands, "high")
    axes.fill_between(
        ends, low, high, color="#BBBBBB", alpha=0.5, label="10 to 90 % of all"
    )
    middle = _floats(bands, "middle")
    axes.plot(ends, middle, color=GREY, linestyle="--", label="median of all")


def _late_ends(axes: Axes, rows: pl.DataFrame, sheet: Sheet, field: Column) -> None:
    """Mark the ends whose period got an event after it."""
    if sheet.late is None:
        return
    late = rows.join(sheet.late, on=[sheet.key, "end"], how="semi")
    if not late.is_empty():
        ends = late.get_column("end").to_list()
        _late_marks(axes, ends, _floats(late, field.name), "late: recorded afterwards")


def _legend(axes: Axes) -> None:
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


# --- tables and comparisons: one bar a key ---------------------------------------


def _bars(axes: Axes, frame: pl.DataFrame, sheet: Sheet, field: Column) -> str:
    """Draw the largest values as bars, with their figures."""
    name = _column_of(sheet, field)
    size = pl.col(name).cast(pl.Float64).abs()
    rows = frame.sort(size, descending=True, nulls_last=True, maintain_order=True)
    rows = rows.head(BARS).reverse()
    values = _floats(rows, name)
    places = range(len(values))
    bars = axes.barh(places, values, color=BLUE)
    figures = [_figure(value) for value in rows.get_column(name).to_list()]
    axes.bar_label(bars, figures, padding=4, fontsize=9)
    labels = [_label(str(key)) for key in rows.get_column(sheet.key).to_list()]
    axes.set_yticks(places, labels, parse_math=False)
    axes.margins(x=0.15)
    axes.set_ylim(-0.6, max(3, len(labels)) - 0.4)
    whom = "1 key" if frame.height == 1 else f"{frame.height:,} keys"
    if frame.height > BARS:
        whom = f"the {BARS} largest of {whom}"
    return f"{name.replace('_', ' ')} of {whom}"


def _figure(value: Any) -> str:
    return "" if value is None else f"{value:,}"


# --- what all have in common -----------------------------------------------------


def _dress(axes: Axes, what: str, sheet: Sheet) -> None:
    """Give titles, both coordinates, quiet lines."""
    title = f"{sheet.projection}: {what}\n{sheet.coordinates}"
    axes.set_title(title, loc="left", fontsize=11, parse_math=False)
    along = axes.xaxis if sheet.call in {"table", "compare"} else axes.yaxis
    along.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    along.set_major_locator(MaxNLocator(nbins=6))
    along.grid(visible=True, color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _month_ticks(axes: Axes, days: Sequence[Any]) -> None:
    """Put ticks on months, so few that their labels have room."""
    months = (days[-1] - days[0]) / timedelta(days=30.4)
    if months < 2:
        locator = _dates.AutoDateLocator(minticks=3, maxticks=9)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(_dates.ConciseDateFormatter(locator))
        return
    interval = next((n for n in (1, 2, 3, 6) if months / n <= 13), 12)
    if interval == 12:
        axes.xaxis.set_major_locator(_dates.YearLocator(max(1, round(months / 144))))
        axes.xaxis.set_major_formatter(_dates.DateFormatter("%Y"))
        return
    axes.xaxis.set_major_locator(_dates.MonthLocator(interval=interval))
    axes.xaxis.set_major_formatter(_dates.DateFormatter("%b\n%Y"))


def _local(time: pl.Expr, zone: str) -> pl.Expr:
    """Return times as a clock on a wall in the zone shows them."""
    return time.dt.convert_time_zone(str(ZoneInfo(zone))).dt.replace_time_zone(None)


def _floats(frame: pl.DataFrame, name: str) -> list[float]:
    """Return a column to draw; nothing is drawn where it has no value."""
    return frame.get_column(name).cast(pl.Float64).fill_null(nan).to_list()


def _label(text: str) -> str:
    """Return a name as a label; a legend would leave out one that begins with _."""
    short = shorten(text, 24)
    return f" {short}" if short.startswith("_") else short
