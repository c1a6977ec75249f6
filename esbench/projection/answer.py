"""Answers: polars frames that say which past they are about.

What lives here: ``Answer``, what a call adds to its frame. This module imports
polars, so it is itself imported late.
The guarantee: an answer prints its coordinates above its rows, as text and as HTML,
where everything that comes from events is escaped. A frame derived from it is a plain
polars frame: whoever filters an answer no longer holds the answer.
What it may not know: how the rows were found.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import polars as pl
from msgspec import Struct

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Column(Struct, frozen=True):
    """One field of the state in an answer: its column, and whether it adds up."""

    name: str
    adds_up: bool = False


class Sheet(Struct, frozen=True, kw_only=True):
    """What an answer knows besides its rows; a picture needs all of it.

    Attributes:
        call: ``table``, ``steps``, ``series`` or ``compare``.
        projection: the name of the projection.
        coordinates: the past that was asked, e.g. "about 2024-01-31, as known now".
        key: the column of the keys; for ``steps`` the key itself.
        fields: the fields of the state.
        zone: the zone in which days are counted.
        late: for a series, the keys and period ends behind which an event that
            belongs there was recorded later.
    """

    call: str
    projection: str
    coordinates: str
    key: str
    fields: tuple[Column, ...]
    zone: str = "UTC"
    late: pl.DataFrame | None = None

    def __str__(self) -> str:
        """The line above the rows."""
        about = f" of {self.key}" if self.call == "steps" else ""
        return f"{self.projection}{about}, {self.coordinates}"


class Answer(pl.DataFrame):
    """Rows about a past, with the past's coordinates.

    Everything a polars frame does it does too, and gives plain polars frames.
    """

    _sheet: Sheet

    def __init__(self, frame: pl.DataFrame, sheet: Sheet) -> None:
        super().__init__(frame)
        self._sheet = sheet

    @classmethod
    def _from_pydf(cls, py_df: Any) -> pl.DataFrame:
        return pl.DataFrame._from_pydf(py_df)

    @property
    def coordinates(self) -> str:
        """The past that was asked, in words."""
        return self._sheet.coordinates

    def plot(self, field: str | None = None) -> Figure:  # type: ignore[override]  # polars has a namespace there
        """Return the picture of these rows, to be saved or shown.

        Args:
            field: the field to draw; the first total unless said.

        Raises:
            InvalidFrame: nothing in the rows can be drawn.
        """
        from esbench.projection.plots import picture

        return picture(self, self._sheet, field)

    def __str__(self) -> str:
        """The coordinates, then the rows."""
        return f"{self._sheet}\n{super().__str__()}"

    def __repr__(self) -> str:
        """The coordinates, then the rows."""
        return str(self)

    def _repr_html_(self, *, _from_series: bool = False) -> str:
        line = html.escape(str(self._sheet))
        return f"<div>{line}</div>{super()._repr_html_(_from_series=_from_series)}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Answer, (self.clone(), self._sheet)
