"""The small time machine: what was the balance at the end of a day?

What lives here: ``SmallTimeMachine``, its table of days, and its one question.
The guarantee: for each day the log's answer is the fold of the events that occurred
by that day's end, in position order, and the filter's answer is what comparing the
timestamps with the day as texts really gives.
What it may not know: how a log stores its events, the recorded time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import traitlets as t

from esbench.errors import InvalidFrame, NotFound
from esbench.event import RecordedEvent
from esbench.lessons.letters import shuffled
from esbench.moments import day as read_day
from esbench.widgets import sources
from esbench.widgets.predictions import Answer, pick
from esbench.widgets.stage import Stage, script
from esbench.widgets.story import Story, amount, clip, day_of, quoted, show

BEFORE, AFTER = 1, 5  # days shown before the first event and after the last


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day's two answers.

    Attributes:
        day: the day asked about.
        known: the measured value at the end of that day; None if there is none yet.
        filtered: the value that the text filter gives.
        lost: the indices of the events that the filter misses.
    """

    day: date
    known: Any
    filtered: Any
    lost: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Days:
    """The days of one story, from just before its first event to after its last."""

    story: Story
    chosen: date | None = None

    @cached_property
    def local(self) -> tuple[date, ...]:
        """The day on which each event occurred, in the log's zone."""
        zone = ZoneInfo(self.story.zone)
        events = self.story.events
        return tuple(event.occurred_at.astimezone(zone).date() for event in events)

    @cached_property
    def days(self) -> tuple[Day, ...]:
        """Every day with both answers."""
        first = min(self.local) - timedelta(days=BEFORE)
        last = max(self.local) + timedelta(days=AFTER)
        return tuple(self._days(first, (last - first).days + 1))

    def _days(self, first: date, count: int) -> Iterator[Day]:
        answers: dict[tuple[int, ...], Any] = {}

        def answer(places: tuple[int, ...]) -> Any:
            if places not in answers:
                answers[places] = self._value(places)
            return answers[places]

        for number in range(count):
            day = first + timedelta(days=number)
            known = self._places(self.occurred, day)
            kept = self._places(self.passes, day)
            yield Day(
                day=day,
                known=answer(known),
                filtered=answer(kept),
                lost=tuple(place for place in known if place not in set(kept)),
            )

    def _places(self, keep: Callable[[int, date], bool], day: date) -> tuple[int, ...]:
        return tuple(place for place in range(len(self.local)) if keep(place, day))

    def occurred(self, place: int, day: date) -> bool:
        """Tell whether the event occurred by the end of the day."""
        return self.local[place] <= day

    def passes(self, place: int, day: date) -> bool:
        """Tell what comparing the event's timestamp with the day as texts gives."""
        return stamp(self.story.events[place]) <= day.isoformat()

    def _value(self, places: tuple[int, ...]) -> Any:
        """Fold some of the events; a beginning of the log is known already."""
        if places == tuple(range(len(places))):
            return self.story.levels[len(places)]
        fold = self.story.start
        for place in places:
            fold = self.story.take(fold, self.story.events[place])
        return self.story.cells(fold).get(self.story.shown)

    @cached_property
    def hours(self) -> tuple[float, ...]:
        """When each event occurred, in days since the first day shown."""
        zone, first = ZoneInfo(self.story.zone), self.days[0].day
        times = [event.occurred_at.astimezone(zone) for event in self.story.events]
        return tuple(
            round((one.date() - first).days + (one.hour * 60 + one.minute) / 1440, 4)
            for one in times
        )

    @cached_property
    def line(self) -> tuple[tuple[float, Any], ...]:
        """The changes of the value: when in days, and the value from then on."""
        changes, before = [], None
        for index, one in enumerate(self.days):
            if one.known != before:
                last = max(when for when in self.hours if int(when) == index)
                changes.append((last, one.known))
            before = one.known
        return tuple(changes)

    @cached_property
    def one_year(self) -> bool:
        """Whether days are told apart without their year."""
        return len({one.day.year for one in self.days[BEFORE:]}) == 1

    def name(self, day: date) -> str:
        """Write a day."""
        return day_of(day, one_year=self.one_year)

    @cached_property
    def asked(self) -> int:
        """The index of the day asked about: the first on which the filter is wrong.

        Raises:
            NotFound: a day was chosen that the line does not show.
        """
        if self.chosen is not None:
            return self._index(self.chosen)
        wrong = [
            index
            for index, one in enumerate(self.days)
            if one.known != one.filtered and one.filtered is not None
        ]
        return (wrong or [len(self.days) - 1 - AFTER])[0]

    def _index(self, chosen: date) -> int:
        first, last = self.days[0].day, self.days[-1].day
        if not min(self.local) <= chosen <= last:
            raise NotFound(
                f"{self._who} has no {chosen} on its line: ask about a day from "
                f"{min(self.local)} to {last}"
            )
        return (chosen - first).days

    @property
    def question(self) -> str:
        """The one question."""
        day = self.name(self.days[self.asked].day)
        return f"What was the {self.story.shown} at the end of {day}?"

    def finding(self, index: int) -> str:
        """Compare the two answers about one day."""
        one = self.days[index]
        day = self.name(one.day)
        if one.known is None:
            opened = self.name(min(self.local))
            return (
                f"At the end of {day} there is no {self._who}: it begins on {opened}."
            )
        start = f"At the end of {day} the {self.story.shown} is {show(one.known)}; "
        if not one.lost:
            return f"{start}the text filter agrees."
        said = "finds nothing" if one.filtered is None else f"says {show(one.filtered)}"
        return f"{start}the text filter {said}."

    @property
    def _who(self) -> str:
        return clip(self.story.aggregate_id, 40)

    def lost(self, one: Day) -> str:
        """Name the events that the filter misses."""
        if len(one.lost) != 1:
            return amount(len(one.lost), "event")
        return f"the {self.story.noun(one.lost[0])}"

    def why(self, one: Day) -> str:
        """Show the comparison that loses an event; nothing where none is lost."""
        if not one.lost:
            return ""
        written = stamp(self.story.events[one.lost[-1]])
        return f'"{written}" <= "{one.day}" is False'

    def python(self, index: int) -> str:
        """Give the line of Python that answers about one day."""
        story, day = self.story, self.days[index].day
        name = quoted(story.aggregate_id)
        return f'{story.call}.hydrate(log.as_of("{day}"), {name}){story.reading}'

    def answers(self) -> tuple[Answer, ...]:
        """Give four answers to the question, the right one first."""
        return pick(show(self.days[self.asked].known), self._slips())

    def _slips(self) -> Iterator[Answer]:
        one, story = self.days[self.asked], self.story
        if one.lost:
            yield show(one.filtered), f"{self.why(one)}, so {self.lost(one)} is lost"
        later = [place for place, day in enumerate(self.local) if day > one.day]
        if later:
            came = (
                f"the {story.noun(later[0])} came on {self.name(self.local[later[0]])}"
            )
            yield show(story.levels[-1]), f"that is the {story.shown} now; {came}"
        for place in reversed(one.lost):
            before, after = story.levels[place], story.levels[place + 1]
            if story.counts and before is not None:
                change, noun = after - before, story.noun(place)
                yield show(abs(change)), f"that is the {noun} alone"
                yield show(before - change), f"the {noun} has the other sign"
        for level in story.levels:
            yield show(level), f"the {story.shown} has that value on another day"
        for extra in range(1, 5):
            yield f"{show(one.known)} + {extra}", "no event says so"


def stamp(event: RecordedEvent) -> str:
    """Write the time as the events of the source text have it: UTC, as ISO text."""
    return event.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class SmallTimeMachine(Stage):
    """The line of one measured value, and a handle for the day asked about."""

    _esm = script("small_time_machine.js")

    def __init__(self, story: Story, chosen: date | None = None, **traits: Any) -> None:
        self._days = Days(story=story, chosen=chosen)
        asked, predict = self._days.asked, bool(traits.get("predict", True))
        super().__init__(at=asked, asking=predict, **traits)
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {**days_table(self._days), "letters": shuffles}

    @property
    def day(self) -> date:
        """The day asked about."""
        return self._days.days[self.at].day

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        last = len(self._days.days) - 1
        if not 0 <= proposal["value"] <= last:
            raise t.TraitError(f"at is {proposal['value']}; it goes from 0 to {last}")
        return int(proposal["value"])

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        return self._days.question if self.asking else self._days.finding(self.at)

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        return self._days.python(self.at)

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffle of the one question for one seed."""
        return [[shuffled(self._days.question, seed)]]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.pictures import small_time_machine_png

        return small_time_machine_png(
            self._days,
            at=self.at,
            asking=self.asking,
            finding=self.finding,
            python=self.python,
        )


def days_table(days: Days) -> dict[str, Any]:
    """Give what the script needs of the days, as JSON's own types."""
    story = days.story
    return {
        "title": f"{clip(story.aggregate_id)}, {amount(len(story.events), 'event')}",
        "measure": story.shown,
        "days": [days.name(one.day) for one in days.days],
        "iso": [one.day.isoformat() for one in days.days],
        "known": [None if one.known is None else show(one.known) for one in days.days],
        "filtered": [
            None if one.filtered is None else show(one.filtered) for one in days.days
        ],
        "line": [(when, float(value or 0)) for when, value in days.line],
        "why": [days.why(one) for one in days.days],
        "findings": [days.finding(index) for index in range(len(days.days))],
        "python": [days.python(index) for index in range(len(days.days))],
        "events": [_mark(days, place) for place in range(len(story.events))],
        "asked": days.asked,
        "question": days.question,
        "answers": days.answers(),
    }


def _mark(days: Days, place: int) -> list[Any]:
    """Give an event's place on the axis in days, its card and its change."""
    story, card = days.story, days.story.cards[place]
    before, after = story.levels[place], story.levels[place + 1]
    change = (after or 0) - (before or 0)
    said = f"{'+' if change >= 0 else ''}{show(change)}"
    return [days.hours[place], card.version, card.type, said, card.mark]


def small_time_machine(
    log: Any = None,
    aggregate_id: str = "acc_123",
    *,
    projection: Any = None,
    day: date | str | None = None,
    seed: int = 0,
    predict: bool = True,
) -> SmallTimeMachine:
    """Return the stage on which one asks what was true at the end of a day.

    Args:
        log: a log, or a past of one; the known story of acc_123 unless given.
        aggregate_id: whose line is drawn.
        projection: what makes a number of the events; ``bank.Account`` unless given.
        day: the day of the question, such as "2024-01-20"; the first on which the
            text filter is wrong unless given.
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked before the line is shown.

    Raises:
        NotFound: no such aggregate, or not yet in that past; a day beside the line.
        InvalidEvent: a text that writes no day.
        InvalidFrame: the projection's states hold no number.
    """
    from esbench.domains import bank

    told = sources.account_log() if log is None else log
    story = sources.story_of(told, aggregate_id, projection or bank.Account)
    if not story.counts:
        raise InvalidFrame(
            f"{story.call} has no number to draw a line of: give a projection with a "
            "total, such as bank.Account"
        )
    chosen = read_day(day) if isinstance(day, str) else day
    return SmallTimeMachine(story, chosen, seed=seed, predict=predict)
