"""What an analysis hands over: rows, one sentence, and where they come from.

What lives here: ``Report``, and how it reads in a terminal and in a notebook.
The guarantee: the sentence is computed from the rows, the receipt names pasts that
never change, and what came from events is shown as text, never as markup.
What it may not know: how the rows were found, the command line.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from esbench.analysis.receipt import Receipt

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, repr=False)
class Report:
    """Rows about a log, with the sentence that they come to.

    Attributes:
        title: what was asked, in a word or two.
        finding: one sentence.
        table: the rows.
        events: the events behind the rows, a row each.
        receipt: where they come from, and the call that gives them again.
    """

    title: str
    finding: str
    table: pl.DataFrame
    events: pl.DataFrame
    receipt: Receipt
    _sql: Callable[[], str]
    _picture: Callable[[], Figure] | None = None

    @property
    def sql(self) -> str:
        """The query for DuckDB, over the log's files, that gives the same table."""
        return self._sql()

    def plot(self) -> Figure:
        """Return the picture of the rows, to be saved or shown.

        Raises:
            InvalidFrame: nothing in the rows can be drawn.
        """
        from esbench.errors import InvalidFrame

        if self._picture is None or self.table.is_empty():
            raise InvalidFrame(f"{self.title}: there is nothing to draw")
        return self._picture()

    def __repr__(self) -> str:
        """The question, the sentence, then the rows."""
        head = f"{self.title}, {self.receipt.said}\n{self.finding}"
        return f"{head}\n{self.table}" if self.table.height else head

    def _repr_html_(self) -> str:
        said = html.escape(f"{self.title}, {self.receipt.said}")
        finding = html.escape(self.finding)
        rows = self.table._repr_html_() if self.table.height else ""
        return f"<div>{said}</div><div><b>{finding}</b></div>{rows}"


def counted_verb(count: int, noun: str, verb: str, plural: str) -> str:
    """Return a count with noun and verb: ``1 account differs``, ``2 accounts differ``.

    >>> counted_verb(2, "account", "differs", "differ")
    '2 accounts differ'
    """
    many = count != 1
    return f"{count:,} {noun}{'s' * many} {plural if many else verb}"
