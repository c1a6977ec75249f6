"""The plane of two times: about which day, as known on which day.

What lives here: ``Plane``, one account's number at every pair of days, and ``Town``,
for how many accounts the number differs from what is known today.
The guarantee: each value is the fold, in position order, of the events that occurred
by the end of the one day and were recorded by the end of the other, which is what
``hydrate`` gives there; each count is that of ``analysis.changed``.
What it may not know: widgets, browsers, how a log stores its events.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from esbench.analysis.measure import KEY, Measure
from esbench.errors import NotFound
from esbench.projection.periods import Periods
from esbench.widgets.predictions import Answer, pick
from esbench.widgets.story import Story, amount, clip, day_of, show

MOST_MONTHS = 24  # month ends among which the day of the question is sought
MOST_ENDS = 12  # days of the plane of all accounts
LISTED = 10  # accounts that a cell names
SAID = 4  # figures that a sentence compares


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """Return the day of a moment in a zone."""
    return moment.astimezone(zone).date()


@dataclass(frozen=True, kw_only=True)
class Mark:
    """An event on the plane: its two days, and what it is.

    Attributes:
        x: the index of the day on which it occurred.
        y: the index of the day on which it was recorded.
        kind: "on time", "late" or "correction".
        label: what it is called, such as "withdrawal txn_789".
        said: what it moves, such as "−150.00"; its type where it moves no number.
    """

    x: int
    y: int
    kind: str
    label: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Plane:
    """One account's number, about every day as known on every day.

    Attributes:
        story: the account's events and the fold.
        chosen: the day asked about; one is found unless given.
    """

    story: Story
    chosen: date | None = None

    @cached_property
    def occurred(self) -> tuple[date, ...]:
        """The local day on which each event occurred."""
        zone = ZoneInfo(self.story.zone)
        return tuple(local_day(e.occurred_at, zone) for e in self.story.events)

    @cached_property
    def recorded(self) -> tuple[date, ...]:
        """The local day on which each event was recorded."""
        zone = ZoneInfo(self.story.zone)
        return tuple(local_day(e.recorded_at, zone) for e in self.story.events)

    @cached_property
    def asked_day(self) -> date:
        """The day of the question: the month's end that was restated by most.

        Raises:
            NotFound: a day was chosen before the account's first event.
        """
        first = min(self.occurred)
        if self.chosen is not None:
            if self.chosen < first:
                raise NotFound(
                    f"{self.who} begins on {first}: ask about that day or a later one"
                )
            return self.chosen
        last = max(*self.occurred, *self.recorded)
        periods = Periods(every="1mo")
        ends = [periods.end(start) for start in periods.starts(first, last)]
        gaps = {end: self._gap(end) for end in ends[-MOST_MONTHS:] if end <= last}
        best = max(gaps.values(), default=0)
        if best:
            return next(end for end, gap in gaps.items() if gap == best)
        return max((day for day in self.occurred if self._gap(day)), default=last)

    def _gap(self, day: date) -> Any:
        """Return how far the number about a day has moved since that day."""
        story, folds = self.story, [self.story.start, self.story.start]
        for place, event in enumerate(story.events):
            if self.occurred[place] <= day:
                folds[1] = story.take(folds[1], event)
                if self.recorded[place] <= day:
                    folds[0] = story.take(folds[0], event)
        then, now = (story.cells(fold).get(story.shown) or 0 for fold in folds)
        return abs(now - then)

    @cached_property
    def days(self) -> tuple[date, ...]:
        """The days of both axes: those of events, and the one asked about."""
        return tuple(sorted({*self.occurred, *self.recorded, self.asked_day}))

    @cached_property
    def asked(self) -> int:
        """The index of the day asked about."""
        return self.days.index(self.asked_day)

    @cached_property
    def columns(self) -> tuple[tuple[tuple[int, Any], ...], ...]:
        """For each day asked about, from which day of knowledge on which value holds.

        A value holds until the next one; before the first there is none. What is
        recorded never comes before what was recorded earlier, so knowledge grows by
        one event after the other, and a column is one fold.
        """
        known = [self.days.index(day) for day in self.recorded]
        columns: list[tuple[tuple[int, Any], ...]] = []
        happened = set(self.occurred)
        for day in self.days:
            if day in happened or not columns:
                columns.append(tuple(self._column(day, known)))
            else:
                columns.append(columns[-1])
        return tuple(columns)

    def _column(self, day: date, known: Sequence[int]) -> Iterator[tuple[int, Any]]:
        story = self.story
        kept = [place for place, one in enumerate(self.occurred) if one <= day]
        fold, before = story.start, None
        for y, places in groupby(kept, key=known.__getitem__):
            for place in places:
                fold = story.take(fold, story.events[place])
            value = story.cells(fold).get(story.shown)
            if value != before:
                yield y, value
            before = value

    def value(self, x: int, y: int) -> Any:
        """Return the number about day x as known on day y; None if there is none."""
        runs = self.columns[x]
        place = bisect_right([start for start, _ in runs], y)
        return runs[place - 1][1] if place else None

    def now(self, x: int) -> Any:
        """Return the number about day x as known now."""
        return self.value(x, len(self.days) - 1)

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """The events, as marks."""
        return tuple(self._mark(place) for place in range(len(self.story.events)))

    def _mark(self, place: int) -> Mark:
        event = self.story.events[place]
        x = self.days.index(self.occurred[place])
        y = self.days.index(self.recorded[place])
        before, after = self.story.levels[place : place + 2]
        change = (after or 0) - (before or 0)
        name = event.data.get("transaction_id") or ""
        kind = "late" if y > x else "on time"
        return Mark(
            x=x,
            y=y,
            kind="correction" if "reverses" in event.data else kind,
            label=clip(f"{self.story.noun(place)} {name}".strip(), 40),
            said=f"{'+' if change >= 0 else ''}{show(change)}",
        )

    @property
    def who(self) -> str:
        """The account, as it is shown."""
        return clip(self.story.aggregate_id, 40)

    @cached_property
    def one_year(self) -> bool:
        """Whether days are told apart without their year."""
        return len({day.year for day in self.days}) == 1

    def name(self, index: int) -> str:
        """Write a day."""
        return day_of(self.days[index], one_year=self.one_year)

    def said(self, x: int, y: int) -> str:
        """Say where the cross-hair stands."""
        return f"about {self.name(x)}, as known {self._on(y)}"

    def _on(self, y: int) -> str:
        return "now" if y == len(self.days) - 1 else f"on {self.name(y)}"

    def finding(self, x: int) -> str:
        """Compare what was known about a day, from that day on."""
        figures = list(self._figures(x))
        shown = figures if len(figures) <= SAID else [*figures[: SAID - 1], figures[-1]]
        (first, value), *others = shown
        told = [f"known on {self.name(first)}, {show(value)}"]
        told += [f"on {self.name(y)}, {show(value)}" for y, value in others]
        if len(figures) > SAID:
            told.insert(SAID - 1, f"{len(figures) - SAID} figures later")
        if len(figures) == 1:
            day = self.name(x)
            return f"About {day}: {show(value)} that day, and the same ever after."
        return f"About {self.name(x)}: {'; '.join(told)}."

    def _figures(self, x: int) -> Iterator[tuple[int, Any]]:
        """Yield the figure of the day itself, and each that replaced it."""
        yield x, self.value(x, x)
        yield from ((y, value) for y, value in self.columns[x] if y > x)

    @property
    def question(self) -> str:
        """The one question."""
        day = self.name(self.asked)
        return f"On {day} a statement about that day was printed. Which {self.shown}?"

    @property
    def shown(self) -> str:
        """The name of the number."""
        return self.story.shown.replace("_", " ")

    def answers(self) -> tuple[Answer, ...]:
        """Give four answers to the question, the right one first."""
        return pick(show(self.value(self.asked, self.asked)), self._slips())

    def _slips(self) -> Iterator[Answer]:
        x = self.asked
        *between, last = [one for one in self.columns[x] if one[0] > x] or [(x, None)]
        if last[1] is not None:
            yield show(last[1]), "that is known now, and was not that day"
        for y, value in reversed(between):
            yield show(value), f"that was known from {self.name(y)} on"
        for level in self.story.levels[1:]:
            yield show(level), "that leaves out something that was known that day"
        right = self.value(x, x) or 0
        for extra in range(1, 5):
            yield show(right + extra), "no event says so"


@dataclass(frozen=True, kw_only=True)
class Town:
    """For how many accounts a number about a day differs from what is known today.

    Attributes:
        measure: the number, which adds up.
        log: a log, or a past of one.
        chosen: a day that is among those asked about.
    """

    measure: Measure
    log: Any
    chosen: date | None = None

    @cached_property
    def _rows(self) -> Any:
        """Every event that moves the number: account, moves and both local days."""
        import polars as pl

        rows = self.measure.events(self.log)
        days = [
            pl.col(time).dt.convert_time_zone(self.log.zone).dt.date().alias(name)
            for time, name in (("occurred_at", "x"), ("recorded_at", "y"))
        ]
        return rows.select(KEY, "moves", *days).collect()

    @cached_property
    def accounts(self) -> int:
        """How many accounts there are."""
        return int(self._rows[KEY].n_unique())

    @cached_property
    def days(self) -> tuple[date, ...]:
        """The days of both axes: ends of periods, as few as fit, and the chosen one."""
        first, last = self._rows["x"].min(), max(*self._reach)
        for every in ("1d", "1w", "1mo", "1q", "1y"):
            periods = Periods(every=every)
            ends = [periods.end(start) for start in periods.starts(first, last)]
            if len(ends) <= MOST_ENDS or every == "1y":
                break
        chosen = [self.chosen] if self.chosen and self.chosen <= ends[-1] else []
        return tuple(sorted({*ends[-MOST_ENDS * 2 :], *chosen}))

    @property
    def _reach(self) -> tuple[date, date]:
        return self._rows["x"].max(), self._rows["y"].max()

    @cached_property
    def _late(self) -> Any:
        """The events of accounts with one that was recorded behind the next end."""
        import polars as pl

        ends = pl.Series("ends", self.days)
        places = [ends.search_sorted(self._rows[name], "left") for name in "xy"]
        rows = self._rows.select(KEY, "moves").with_columns(
            places[0].cast(pl.Int32).alias("x"), places[1].cast(pl.Int32).alias("y")
        )
        late = rows.filter(pl.col("y") > pl.col("x")).select(KEY).unique()
        mine = rows.join(late, on=KEY, how="semi")
        return mine.with_columns(pl.col(KEY).cast(pl.Categorical))

    @cached_property
    def cells(self) -> dict[tuple[int, int], tuple[int, list[list[str]]]]:
        """For each pair of days the count, and the accounts that differ most.

        Only days of knowledge from the day asked about on: before it, that day was
        still to come.
        """
        total = len(self.days)
        pairs = [(x, y) for x in range(total) for y in range(x, total)]
        gains = [self._by_then(x) for x in range(total)]
        return {(x, y): self._cell(gains[x], y) for x, y in pairs}

    def _by_then(self, x: int) -> Any:
        """Return what each account's number about a day gained on each later day."""
        import polars as pl

        rows = self._late.filter(pl.col("x") <= x)
        return rows.group_by(KEY, "y").agg(pl.col("moves").sum())

    def _cell(self, gains: Any, y: int) -> tuple[int, list[list[str]]]:
        import polars as pl

        known = pl.col("y") <= y
        later = gains.filter(~known)
        if later.is_empty():
            return 0, []
        mine = gains.join(later.select(KEY).unique(), on=KEY, how="semi")
        both = mine.group_by(KEY).agg(
            pl.col("moves").sum().alias("now"),
            pl.col("moves").filter(known).sum().alias("then"),
            known.any().alias("held"),
        )
        gap = pl.col("now") - pl.col("then")
        moved = both.filter((gap != 0) | ~pl.col("held"))
        differs = moved.with_columns(gap.alias("gap"))
        named = differs.with_columns(pl.col(KEY).cast(pl.String))
        most = named.sort(pl.col("gap").abs(), KEY, descending=[True, False])
        rows = most.head(LISTED).select(KEY, "then", "now", "gap", "held").rows()
        return differs.height, [_listed(*row) for row in rows]

    @cached_property
    def one_year(self) -> bool:
        """Whether days are told apart without their year."""
        return len({day.year for day in self.days}) == 1

    def name(self, index: int) -> str:
        """Write a day."""
        return day_of(self.days[index], one_year=self.one_year)

    def finding(self, x: int, y: int) -> str:
        """Say for how many accounts the answer differs from today's."""
        if y < x:
            return f"On {self.name(y)} the end of {self.name(x)} was still to come."
        count = self.cells[x, y][0]
        whole = amount(self.accounts, "account").replace(
            str(self.accounts), f"{self.accounts:,}"
        )
        verb = "differs" if count == 1 else "differ"
        return (
            f"About {self.name(x)}, as known on {self.name(y)}: {count:,} of {whole} "
            f"{verb} from what is known now."
        )

    def nearest(self, day: date) -> int:
        """Return the index of the first shown day from ``day`` on."""
        return min(bisect_left(self.days, day), len(self.days) - 1)


def _listed(key: str, then: Any, now: Any, gap: Any, held: bool) -> list[str]:  # noqa: FBT001 - a row of a frame
    """Write an account that differs: its id, both figures, the difference."""
    sign = "+" if gap >= 0 else ""
    return [key, show(then) if held else "–", show(now), f"{sign}{show(gap)}"]
