"""The time machine: about which day, as known on which day, for one account or for all.

What lives here: ``TimeMachine``, the table that its script looks things up in, and the
ways to choose a log, an account, a number and a day.
The guarantee: every figure, count, sentence and answer is computed here; the browser
looks them up. What the cross-hair stands on is what the line of Python gives.
What it may not know: how a log stores its events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

import traitlets as t

from esbench.analysis.measure import KEY, Measure, measure_of
from esbench.errors import InvalidFrame, NotFound
from esbench.lessons.letters import SEEDS, shuffled
from esbench.moments import day as read_day
from esbench.widgets import sources
from esbench.widgets.plane import Plane, Town
from esbench.widgets.stage import Stage, script
from esbench.widgets.story import MINUS, Story, amount, clip, is_number, quoted, show

ONE, ALL = "one", "all"
OFFERED = 50  # accounts that the chooser offers; any other can be typed
SHIPPED = 6  # accounts that a page without a kernel brings along


class TimeMachine(Stage):
    """The plane of two times, with a cross-hair, and the line that goes with it.

    Attributes:
        tab: "one" account or "all" of them.
        account: whose plane it is.
        known: the index of the day of knowledge; ``at`` is that of the day asked about.
        problem: what is said to an account that is not there.
    """

    _esm = script("time_machine.js")

    tab = t.Unicode(ONE).tag(sync=True)
    account = t.Unicode("").tag(sync=True)
    known = t.Int(0).tag(sync=True)
    problem = t.Unicode("").tag(sync=True)

    shown_traits: ClassVar[tuple[str, ...]] = (
        "tab",
        "account",
        "known",
        "problem",
        *Stage.shown_traits,
    )

    def __init__(self, source: Source, account: str, **traits: Any) -> None:
        self._source = source
        plane = source.plane(account)
        here, predict = plane.asked, bool(traits.get("predict", True))
        super().__init__(account=account, at=here, known=here, asking=predict, **traits)
        self._table = self._filled()

    @property
    def plane(self) -> Plane:
        """The plane of the account shown."""
        return self._source.plane(self.account)

    @property
    def town(self) -> Town | None:
        """The plane of all accounts; None where the number does not add up."""
        return self._source.town

    def _filled(self, accounts: dict[str, Any] | None = None) -> dict[str, Any]:
        own = {self.account: plane_table(self.plane)}
        return {
            "accounts": {**(accounts or {}), **own},
            "offered": self._source.offered,
            "all": None if self.town is None else town_table(self.town, self._source),
            "letters": {str(self.seed): self.letters(self.seed)},
        }

    @property
    def _axis(self) -> Plane | Town:
        return self.town if self.tab == ALL and self.town else self.plane

    @t.validate("at", "known")
    def _take_place(self, proposal: Any) -> int:
        last = len(self._axis.days) - 1
        if not 0 <= proposal["value"] <= last:
            name = proposal["trait"].name
            raise t.TraitError(
                f"{name} is {proposal['value']}; it goes from 0 to {last}"
            )
        return int(proposal["value"])

    @t.validate("tab")
    def _take_tab(self, proposal: Any) -> str:
        there = [ONE, ALL] if self.town else [ONE]
        if proposal["value"] not in there:
            names = ", ".join(there)
            raise t.TraitError(f"no tab {proposal['value']!r}; there are {names}")
        return str(proposal["value"])

    @t.observe("tab")
    def _keep_within(self, _: Any) -> None:
        """Let the cross-hair stand on a day that the other screen has, too."""
        if self._table:
            last = len(self._axis.days) - 1
            self.at, self.known = min(self.at, last), min(self.known, last)

    @t.observe("account")
    def _turn_to(self, change: Any) -> None:
        """Bring the plane of another account, or say that there is none."""
        if not self._table or change["new"] in self._table["accounts"]:
            return
        try:
            self._source.plane(change["new"])
        except (NotFound, InvalidFrame) as error:
            self.problem = str(error)
            self.account = change["old"]
            return
        with self.hold_trait_notifications():
            here = self.plane.asked
            self.tab, self.at, self.known, self.problem = ONE, here, here, ""
            self.asking = self.predict and self.plane.question not in self.answers
        self._table = self._filled(self._table["accounts"])

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        if self.tab == ALL and self.town:
            return self.town.finding(self.at, self.known)
        return self.plane.question if self.asking else self.plane.finding(self.at)

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        days = self._axis.days
        about, known = days[self.at], days[self.known]
        if self.tab == ALL and self.town:
            start, end = python_all(self._source)
            return f'{start}"{about}", "{known}"{end}'
        start, end = python_one(self.plane)
        is_now = self.known == len(days) - 1
        recorded = "" if is_now else f', recorded="{known}"'
        return f'{start}"{about}"{recorded}{end}'

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffle of the one question for one seed."""
        return [[shuffled("time machine", seed)]]

    def site_html(self, seeds: Iterable[int] = range(SEEDS)) -> str:
        """Give the stage as a page without a kernel, with some more accounts in it."""
        kept = self._table
        brought = dict(self._source.tables(kept["offered"][:SHIPPED]))
        self._table = {**kept, "accounts": {**brought, **kept["accounts"]}}
        try:
            return super().site_html(seeds)
        finally:
            self._table = kept

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.plane_pictures import plane_png, town_png

        words = {"finding": self.finding, "python": self.python}
        if self.tab == ALL and self.town:
            return town_png(self.town, self.at, self.known, **words)
        asking = self.asking
        return plane_png(self.plane, self.at, self.known, asking=asking, **words)


class Source:
    """A log and a number: what the planes are made of.

    Args:
        log: a log, or a past of one.
        projection: what makes the number.
        field: the field of its states; the first number unless given.
        chosen: the day asked about.
    """

    def __init__(
        self, log: Any, projection: Any, field: str | None, chosen: date | None
    ) -> None:
        self.log = log.as_of() if log is log.log else log
        self.projection, self.field, self.chosen = projection, field, chosen
        self.measure: Measure = measure_of(projection, field, self.log)
        self._planes: dict[str, Plane] = {}
        self.town = (
            Town(measure=self.measure, log=self.log, chosen=chosen)
            if self.measure.adds_up and len(self.log)
            else None
        )

    def plane(self, account: str) -> Plane:
        """Return an account's plane, made once.

        Raises:
            NotFound: no such account, or not yet in that past.
            InvalidFrame: its number is none.
        """
        if account not in self._planes:
            story = self._story(account)
            self._planes[account] = Plane(story=story, chosen=self.chosen)
        return self._planes[account]

    def _story(self, account: str) -> Story:
        from dataclasses import replace

        told = sources.story_of(self.log, account, self.projection)
        story = replace(told, measure=self.measure.field)
        if not any(is_number(level) for level in story.levels):
            raise InvalidFrame(
                f"{story.call}.{self.measure.field} of {clip(account, 40)} is no "
                "number: give a projection with a total, such as bank.Account"
            )
        return story

    def tables(self, accounts: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the tables of some accounts, as far as they have a number."""
        for account in accounts:
            with suppress(NotFound, InvalidFrame):
                yield account, plane_table(self.plane(account))

    @cached_property
    def offered(self) -> list[str]:
        """The accounts that the chooser offers: the most restated, then the first."""
        import polars as pl

        rows = self.measure.events(self.log).select(pl.col(KEY).unique()).collect()
        first = rows.to_series().sort().head(OFFERED).to_list()
        return list(dict.fromkeys([*self._restated, *first]))[:OFFERED]

    @property
    def _restated(self) -> list[str]:
        """The accounts that some cell names, those that differ most first."""
        gaps: dict[str, Decimal] = {}
        for _, listed in self.town.cells.values() if self.town else ():
            for key, *_, gap in listed:
                size = abs(Decimal(gap.replace(MINUS, "-")))
                gaps[key] = max(size, gaps.get(key, size))
        return sorted(gaps, key=lambda key: (-gaps[key], key))


def plane_table(plane: Plane) -> dict[str, Any]:
    """Give what the script needs of one account, as JSON's own types."""
    texts: dict[str, int] = {}
    numbers: list[float] = []
    columns = []
    for runs in plane.columns:
        column = []
        for y, value in runs:
            text = show(value)
            if text not in texts:
                texts[text] = len(texts)
                numbers.append(float(value or 0))
            column.append([y, texts[text]])
        columns.append(column)
    count = range(len(plane.days))
    return {
        "title": f"{plane.who}, {amount(len(plane.story.events), 'event')}",
        "measure": plane.shown,
        "days": [plane.name(index) for index in count],
        "iso": [day.isoformat() for day in plane.days],
        "ordinals": [day.toordinal() for day in plane.days],
        "columns": columns,
        "texts": list(texts),
        "numbers": numbers,
        "marks": [[m.x, m.y, m.kind, m.label, m.said] for m in plane.marks],
        "asked": plane.asked,
        "question": plane.question,
        "answers": plane.answers(),
        "findings": [plane.finding(index) for index in count],
        "python": python_one(plane),
    }


def python_one(plane: Plane) -> list[str]:
    """Give the line of Python about one account, around its coordinates."""
    story = plane.story
    end = f"), {quoted(story.aggregate_id)}){story.reading}"
    return [f"{story.call}.hydrate({story.log_name}.as_of(", end]


def python_all(source: Source) -> list[str]:
    """Give the line of Python about all accounts, around its coordinates."""
    calls = source.measure.calls
    name = sources.call_of(source.projection, calls.name)
    given = "" if name == "bank.Account" else f", projection={name}"
    field = "" if source.field is None else f", field={quoted(source.field)}"
    return ["analysis.changed(log, ", f"{given}{field})"]


def town_table(town: Town, source: Source) -> dict[str, Any]:
    """Give what the script needs of all accounts, as JSON's own types."""
    total = range(len(town.days))
    cells = town.cells
    return {
        "title": f"{town.accounts:,} account{'s' * (town.accounts != 1)}",
        "measure": source.measure.field.replace("_", " "),
        "days": [town.name(index) for index in total],
        "iso": [day.isoformat() for day in town.days],
        "ordinals": [day.toordinal() for day in town.days],
        "counts": [[cells[x, y][0] if y >= x else None for y in total] for x in total],
        "listed": [[cells[x, y][1] if y >= x else [] for y in total] for x in total],
        "findings": [[town.finding(x, y) for y in total] for x in total],
        "python": python_all(source),
    }


def time_machine(
    log: Any = None,
    account: str | None = None,
    *,
    projection: Any = None,
    field: str | None = None,
    day: date | str | None = None,
    seed: int = 0,
    predict: bool = True,
) -> TimeMachine:
    """Return the stage on which one asks about a day as known on another.

    Args:
        log: a log, or a past of one; Ada's story unless given.
        account: whose plane is shown first; the most restated one unless given.
        projection: what makes a number of the events; ``bank.Account`` unless given.
        field: the field of its states; the first total, else number, unless given.
        day: the day of the question, such as "2024-01-31"; the month's end that was
            restated by most unless given.
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked before the plane is shown.

    Raises:
        NotFound: no such account, or not yet in that past; a day before its first.
        InvalidEvent: a text that writes no day.
        InvalidFrame: the projection's states hold no number.
    """
    from esbench.domains import bank

    told = sources.ada_log() if log is None else log
    chosen = read_day(day) if isinstance(day, str) else day
    source = Source(told, projection or bank.Account, field, chosen)
    if account is None:
        if not source.offered:
            raise NotFound("the log has no account yet: append an event first")
        account = source.offered[0]
    return TimeMachine(source, account, seed=seed, predict=predict)
