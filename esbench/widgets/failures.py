"""The failures stage: where a crash falls, and what to do with an event that fails.

What lives here: ``FailuresStage`` and the table that its script looks things up in.
The guarantee: every cell is the crash table's, every lane a queue really worked off;
the browser looks up, draws and moves.
What it may not know: databases and brokers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import traitlets as t

from esbench.errors import InvalidSchedule
from esbench.lessons.letters import shuffled
from esbench.lessons.troubles import ONCE, TROUBLES, Chip, Lane
from esbench.widgets.mishaps import (
    Crashes,
    Lanes,
    ended,
    is_right,
    missing,
    seconds,
    summary,
)
from esbench.widgets.stage import Stage, script
from esbench.workers.delivery import HANDLERS, WAYS, Handler, Way
from esbench.workers.failures import POLICIES

CRASH, POISON = TABS = ("Crash points", "Poison event")


class FailuresStage(Stage):
    """A table of crash points, and five policies beside one another.

    Attributes:
        tab: "Crash points" or "Poison event".
        handler: what the handler does with the row, "adds" or "puts".
        again: whether the event is delivered once more.
        trouble: what is wrong with the first event of the queue.
        policy: the index of the policy that is spoken of.
    """

    _esm = script("failures.js")

    tab = t.Enum(list(TABS), default_value=CRASH).tag(sync=True)
    handler = t.Unicode().tag(sync=True)
    again = t.Bool(default_value=False).tag(sync=True)
    trouble = t.Enum(list(TROUBLES), default_value=ONCE).tag(sync=True)
    policy = t.Int(0).tag(sync=True)

    shown_traits: ClassVar[tuple[str, ...]] = (
        "tab",
        "handler",
        "again",
        "trouble",
        "policy",
        *Stage.shown_traits,
    )

    def __init__(self, crashes: Crashes, lanes: Lanes, **traits: Any) -> None:
        self._crashes, self._lanes = crashes, lanes
        at = 0 if traits.get("tab") == POISON else crashes.asked
        super().__init__(
            at=at,
            handler=crashes.handlers[0],
            trouble=lanes.trouble,
            policy=lanes.asked,
            asking=bool(traits.get("predict", True)),
            **traits,
        )
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {**failures_table(crashes, lanes), "letters": shuffles}

    @t.validate("policy")
    def _take_policy(self, proposal: Any) -> int:
        return _within("policy", proposal["value"], len(POLICIES) - 1)

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        last = max(len(self._crashes.places) - 1, *map(self._lanes.last, TROUBLES))
        return _within("at", proposal["value"], last)

    @t.validate("handler")
    def _take_handler(self, proposal: Any) -> str:
        if proposal["value"] not in self._crashes.handlers:
            told = ", ".join(self._crashes.handlers)
            raise t.TraitError(f"no handler {proposal['value']!r}; there are {told}")
        return str(proposal["value"])

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        if self.tab == CRASH:
            if self.asking:
                return self._crashes.question
            handler, again = self._delivered
            return self._crashes.finding(self.place, handler, again=again)
        if self.asking:
            return self._lanes.question
        return self._lanes.finding(self.trouble, self.policy, self.place)

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        if self.tab == CRASH:
            handler, again = self._delivered
            return self._crashes.python(self.place, handler, again=again)
        trouble, policy = self._failed
        return self._lanes.all[trouble][policy].python

    @property
    def place(self) -> int:
        """The place shown: no tab goes beyond its end, nor beyond an open question."""
        if self.tab == CRASH:
            last = len(self._crashes.places) - 1
            return self._crashes.asked if self.asking else min(self.at, last)
        return 0 if self.asking else min(self.at, self._lanes.last(self.trouble))

    @property
    def _delivered(self) -> tuple[str, bool]:
        """To which handler, and whether once more; while it asks, as asked."""
        calm = self._crashes.handlers[0], False
        return calm if self.asking else (self.handler, self.again)

    @property
    def _failed(self) -> tuple[str, int]:
        """What is wrong with e1, and the policy; while it asks, as asked."""
        asked = self._lanes.trouble, self._lanes.asked
        return asked if self.asking else (self.trouble, self.policy)

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffles of both tabs' questions for one seed."""
        sides = (self._crashes, self._lanes)
        return [[shuffled(side.question, seed)] for side in sides]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets import failures_pictures as pictures

        words = {"finding": self.finding, "python": self.python}
        shown = None if self.asking else self.place
        if self.tab == CRASH:
            return pictures.crashes_png(self._crashes, self._delivered, shown, **words)
        trouble, policy = self._failed
        return pictures.lanes_png(self._lanes.all[trouble], policy, shown, **words)


def _within(name: str, value: int, last: int) -> int:
    if not 0 <= value <= last:
        raise t.TraitError(f"{name} is {value}; it goes from 0 to {last}")
    return int(value)


def failures_table(crashes: Crashes, lanes: Lanes) -> dict[str, Any]:
    """Give what the script needs, as JSON's own types."""
    return {
        "tabs": TABS,
        "ways": [[way.name, str(way)] for way in crashes.ways],
        "handlers": crashes.handlers,
        "cells": {
            handler: [_cells(crashes, handler, again) for again in (False, True)]
            for handler in crashes.handlers
        },
        "asked": [crashes.asked, lanes.asked],
        "questions": [crashes.question, lanes.question],
        "answers": [crashes.answers, lanes.answers],
        "policies": POLICIES,
        "troubles": TROUBLES,
        "trouble": lanes.trouble,
        "lanes": {
            trouble: [_lane(lanes, trouble, number) for number in range(len(POLICIES))]
            for trouble in TROUBLES
        },
        "last": {trouble: lanes.last(trouble) for trouble in TROUBLES},
    }


def _cells(crashes: Crashes, handler: str, again: bool) -> list[list[Any]]:  # noqa: FBT001 - private
    """Give for each place the way, crash point, row, verdict, sentence and Python."""
    found: list[list[Any]] = []
    for at, (way, _) in enumerate(crashes.places):
        cell = crashes.cell(at, handler, again=again)
        said = crashes.finding(at, handler, again=again)
        line = crashes.python(at, handler, again=again)
        found.append(
            [way, crashes.label(at), str(cell.state), cell.verdict, said, line]
        )
    return found


def _lane(lanes: Lanes, trouble: str, number: int) -> dict[str, Any]:
    """Give a lane's chips, its sentences, its line of Python and what came of it."""
    lane = lanes.all[trouble][number]
    return {
        "chips": [_chip(lane, chip) for chip in lane.chips],
        "said": [
            lanes.finding(trouble, number, at) for at in range(len(lane.chips) + 1)
        ],
        "python": lane.python,
        "facts": facts(lane),
        "right": is_right(lane),
        "end": ended(lane),
        "summary": summary(lane),
    }


def _chip(lane: Lane, chip: Chip) -> list[Any]:
    """Give a chip's event, what happens, when, whether it breaks order, the status."""
    wrong = chip.name in lane.wrong and chip.what in {"handled", "redriven"}
    return [chip.name, chip.what, seconds(chip.at), wrong, chip.row or "nothing"]


def facts(lane: Lane) -> list[str]:
    """Count order violations, delay in all, events not handled, and alerts."""
    row = lane.worked.row()
    late = seconds(row["delay_total"])
    return [str(row["violations"]), late, str(missing(lane)), str(row["alerts"])]


def failures(
    ways: Iterable[Way] = WAYS,
    handlers: Mapping[str, Handler] = HANDLERS,
    *,
    tab: str = CRASH,
    about: Way | None = None,
    trouble: str = ONCE,
    seed: int = 0,
    predict: bool = True,
) -> FailuresStage:
    """Return the stage on which deliveries crash and events fail.

    Args:
        ways: the consumers whose crash points are shown.
        handlers: plain functions ``(row, message) -> row``, by name.
        tab: "Crash points" or "Poison event", what to look at first.
        about: the way that is asked about; any that goes wrong unless said.
        trouble: what is wrong with the first event when the question comes, "fails
            once", "mended after a minute" or "never mended".
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked before anything is shown.

    Raises:
        InvalidSchedule: no way, or no handler, or asked about a way or a trouble that
            is not there.
    """
    if trouble not in TROUBLES:
        raise InvalidSchedule(
            f"there is no trouble {trouble!r}; there are {', '.join(TROUBLES)}"
        )
    crashes, lanes = Crashes(ways, handlers, about), Lanes(trouble)
    return FailuresStage(crashes, lanes, tab=tab, seed=seed, predict=predict)
