"""What a row found out: figures of contenders, goals reached or missed, notes.

What lives here: ``Page``, which a row fills, and the frozen records on it.
The guarantee: a figure keeps its unit, and a goal the value that it was held against.
What it may not know: how anything was measured, how it is written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from benchmarks.harness import Figure

State = Literal["reached", "behind", "told", "not yet"]

OWN = "esbench"
MILLI = 1_000.0


class Line(Struct, frozen=True, kw_only=True):
    """One figure: what was done, by whom, and what it took.

    Attributes:
        work: what was done; lines of one work are compared with each other.
        who: the contender.
        figure: the values, in ``unit``.
        unit: such as ``ms``, ``events/s``, ``bytes an event``, ``MB``.
    """

    work: str
    who: str
    figure: Figure
    unit: str


class Goal(Struct, frozen=True, kw_only=True):
    """One goal and how far it was met.

    Attributes:
        text: the goal, as the table of rows says it.
        found: what was measured, in words.
        state: reached or behind; told where there is no limit; not yet.
    """

    text: str
    found: str
    state: State


class Page:
    """The page of one row.

    Attributes:
        lines: figures, in the order they were taken.
        goals: goals, in the order of the table.
        notes: sentences about how it was done.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.goals: list[Goal] = []
        self.notes: list[str] = []

    def add(self, work: str, who: str, figure: Figure, unit: str) -> Figure:
        """Add a figure, and return it."""
        self.lines.append(Line(work=work, who=who, figure=figure, unit=unit))
        return figure

    def add_times(self, work: str, seconds: Mapping[str, Figure]) -> None:
        """Add what each contender took, given in seconds, as milliseconds."""
        for who, figure in seconds.items():
            self.add(work, who, figure.times(MILLI), "ms")

    def note(self, text: str) -> None:
        """Add a sentence."""
        self.notes.append(text)

    def at_most(self, text: str, value: float, limit: float, unit: str = "") -> None:
        """Hold ``value`` against a limit from above."""
        self._goal(text, value, value <= limit, unit)

    def at_least(self, text: str, value: float, limit: float, unit: str = "") -> None:
        """Hold ``value`` against a limit from below."""
        self._goal(text, value, value >= limit, unit)

    def _goal(self, text: str, value: float, is_met: bool, unit: str) -> None:  # noqa: FBT001 - private, and the two calls above read well
        state: State = "reached" if is_met else "behind"
        found = f"{spelled(value)}{unit}"
        self.goals.append(Goal(text=text, found=found, state=state))

    def told(self, text: str, found: str) -> None:
        """Tell a figure that has no limit."""
        self.goals.append(Goal(text=text, found=found, state="told"))

    def not_yet(self, text: str, why: str) -> None:
        """Say that a goal could not be tried."""
        self.goals.append(Goal(text=text, found=why, state="not yet"))


class Chapter(Struct, frozen=True, kw_only=True):
    """What is kept of a row once it has run.

    Attributes:
        row: the row's short name, as ``--only`` takes it.
        title: what it measures.
        lines, goals, notes: what its page held.
        seconds: how long the row took, with what it had to make first.
        failed: why it ended early; empty if it did not.
    """

    row: str
    title: str
    lines: tuple[Line, ...]
    goals: tuple[Goal, ...]
    notes: tuple[str, ...]
    seconds: float
    failed: str = ""


def spelled(value: float) -> str:
    """Return a number with about three digits that count."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 or size == 0 else f"{value:.3g}"
