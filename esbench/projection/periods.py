"""Days, weeks, months, quarters and years, as a series counts them.

What lives here: where periods begin and end.
The guarantee: periods follow one another without a gap; weeks begin on Mondays, all
others on the first of something.
What it may not know: events, zones, frames. A day is already a day here.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Self

from msgspec import Struct

from esbench.errors import InvalidEvent
from esbench.moments import day as parsed_day

_MONTHS = {"1mo": 1, "1q": 3, "1y": 12}
_DAYS = {"1d": 1, "1w": 7}


class Periods(Struct, frozen=True, kw_only=True):
    """Which periods a series has.

    Attributes:
        every: ``1d 1w 1mo 1q 1y``.
        first: a day in the first period, or None for that of the first event.
        last: a day in the last period, or None for that of the last event.
        known: ``now``, or ``then``: at each period's own end.
    """

    every: str = "1mo"
    known: str = "now"
    first: date | None = None
    last: date | None = None

    @classmethod
    def parsed(
        cls,
        every: str,
        start: date | str | None,
        end: date | str | None,
        known: str = "now",
    ) -> Self:
        """Return the periods that a caller wrote.

        Raises:
            InvalidEvent: an unknown length, an unreadable day, an end before its start,
                another word for ``known``.
        """
        if known not in {"now", "then"}:
            raise InvalidEvent(
                f"known={known!r}: write 'now', or 'then' for what was known at each "
                "period's end"
            )
        if every not in _MONTHS | _DAYS:
            raise InvalidEvent(
                f"{every!r} is no period: write one of '1d', '1w', '1mo', '1q', '1y'"
            )
        first = None if start is None else parsed_day(str(start))
        last = None if end is None else parsed_day(str(end))
        if first and last and last < first:
            raise InvalidEvent(f"the end {last} is before the start {first}: swap them")
        return cls(every=every, known=known, first=first, last=last)

    def start(self, day: date) -> date:
        """Return the first day of the period that ``day`` is in."""
        if self.every == "1d":
            return day
        if self.every == "1w":
            return day - timedelta(days=day.weekday())
        months = _MONTHS[self.every]
        return day.replace(month=(day.month - 1) // months * months + 1, day=1)

    def following(self, start: date) -> date:
        """Return the first day of the period after the one that begins at ``start``."""
        if self.every in _DAYS:
            return start + timedelta(days=_DAYS[self.every])
        years, month = divmod(start.month - 1 + _MONTHS[self.every], 12)
        return start.replace(year=start.year + years, month=month + 1)

    def end(self, start: date) -> date:
        """Return the last day of the period that begins at ``start``."""
        return self.following(start) - timedelta(days=1)

    def starts(self, earliest: date, latest: date) -> list[date]:
        """Return where each period begins, from the first event's to the last one.

        Args:
            earliest: the day of the first event.
            latest: the day of the last event; ``last`` stands in its place if set.
        """
        start, stop = self.start(earliest), self.last or latest
        starts = []
        while start <= stop:
            starts.append(start)
            start = self.following(start)
        return starts

    def shown(self, start: date) -> bool:
        """Tell whether the period that begins at ``start`` was asked for."""
        return self.first is None or start >= self.start(self.first)
