"""What a run was asked to do: how large, how often, where.

What lives here: ``Setting``.
The guarantee: scratch folders lie on the disk of the kept data, and vanish with the
run.
What it may not know: rows.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

from msgspec import Struct

from benchmarks.shelf import Shelf

BASE, QUICK_BASE = 10_000_000, 500_000
LARGER, QUICK_LARGER = 10, 4  # how many times the base the largest log is
STEP_BY_STEP = 1_000_000

_NUMBERS = count(1)


class Setting(Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        shelf: logs that were made once.
        scratch: an empty folder beside them.
        events: the size of the log that most rows ask.
        large: the size of the largest log.
        quick: whether there should be few rounds.
    """

    shelf: Shelf
    scratch: Path
    events: int
    large: int
    quick: bool

    def rounds(self, full: int, quick: int) -> int:
        """Return how many rounds to measure."""
        return quick if self.quick else full

    @property
    def folded(self) -> int:
        """The size of the log that is folded event by event, or written as a frame."""
        return min(STEP_BY_STEP, self.events)

    @property
    def sizes(self) -> list[int]:
        """The sizes of logs over which costs are followed, smallest first."""
        sizes, size = {self.events, self.large}, 10_000
        while size < self.large:
            sizes.add(size)
            size *= 10
        return sorted(size for size in sizes if size <= self.large)

    def fresh(self, name: str) -> Path:
        """Return a path below the scratch folder that nothing has used."""
        return self.scratch / f"{next(_NUMBERS):04}-{name}"


def spoken(events: int) -> str:
    """Return a number of events as people say it: ``10 M``, ``500 k``, ``2,000``."""
    for unit, name in ((1_000_000, " M"), (1_000, " k")):
        if events >= 10 * unit or (events >= unit and events % unit == 0):
            return f"{events / unit:g}{name}"
    return f"{events:,}"
