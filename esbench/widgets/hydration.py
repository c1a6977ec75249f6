"""The hydration stage: the events of one aggregate become its state, step by step.

What lives here: ``HydrationStage``, the table that its script looks things up in, and
the stories that it tells when it is given no log.
The guarantee: all steps, states, sentences, answers and what-ifs are computed here by
the projection's own fold; the browser computes none of them.
What it may not know: how a log stores its events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import traitlets as t

from esbench.lessons.letters import shuffled
from esbench.widgets import sources
from esbench.widgets.predictions import answers
from esbench.widgets.stage import Stage, script
from esbench.widgets.story import NOTHING, Story, WhatIf, pairs, quoted, show


class HydrationStage(Stage):
    """Tape, machine and staircase of one or more aggregates, a tab each.

    Attributes:
        tab: the tab shown, such as "Account".
        what_if: the change compared, such as "swap 2"; "" for none.
    """

    _esm = script("hydration.js")

    tab = t.Unicode("").tag(sync=True)
    what_if = t.Unicode("").tag(sync=True)

    shown_traits: ClassVar[tuple[str, ...]] = ("tab", "what_if", *Stage.shown_traits)

    def __init__(self, stories: Sequence[Story], **traits: Any) -> None:
        self._stories = {story.name: story for story in stories}
        super().__init__(tab=stories[0].name, **traits)
        tabs = [tab_table(story) for story in stories]
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {"tabs": tabs, "letters": shuffles}

    @property
    def story(self) -> Story:
        """The story of the tab shown."""
        return self._stories[self.tab]

    @t.validate("tab")
    def _take_tab(self, proposal: Any) -> str:
        names = ", ".join(self._stories)
        if proposal["value"] not in self._stories:
            raise t.TraitError(f"no tab {proposal['value']!r}; there are {names}")
        return str(proposal["value"])

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        total = len(self.story.events)
        if not 0 <= proposal["value"] <= total:
            raise t.TraitError(f"at is {proposal['value']}; it goes from 0 to {total}")
        return int(proposal["value"])

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        if self.asking:
            return self.story.ask(self.at)
        held = self._held()
        return held.finding if held else self.story.finding(self.at)

    def _held(self) -> WhatIf | None:
        if not self.what_if or self.at < len(self.story.events):
            return None
        return next(w for w in self.story.what_ifs if w.name == self.what_if)

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        if self._held():
            return python_changed(self.story, self.what_if)
        return python_at(self.story, self.at)

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffles of all questions for one seed, a list for each tab."""
        return [
            [
                shuffled(f"{story.name} {place + 1}", seed)
                for place in range(len(story.events))
            ]
            for story in self._stories.values()
        ]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.pictures import hydration_png

        return hydration_png(
            self.story,
            at=self.at,
            asking=self.asking,
            what_if=self._held(),
            finding=self.finding,
            python=self.python,
        )


def tab_table(story: Story) -> dict[str, Any]:
    """Give what the script needs of a story, as JSON's own types."""
    total = len(story.events)
    levels = _levels(story)
    return {
        "name": story.name,
        "title": f"{story.aggregate_id}, {total} events",
        "measure": story.shown,
        "caption": f"{story.shown} after each event",
        "levels": levels,
        "cards": [[c.type, c.version, c.fields, c.when, c.mark] for c in story.cards],
        "days": [card.day for card in story.cards],
        "states": [pairs(state) for state in story.states],
        "values": [_height(level, levels) for level in story.levels],
        "texts": [show(level) for level in story.levels],
        "arms": [[arm.pattern, arm.effect] for arm in story.arms.values()],
        "fires": story.fires,
        "findings": [story.finding(place) for place in range(total + 1)],
        "asks": [story.ask(place) for place in range(total)],
        "answers": [answers(story, place) for place in range(total)],
        "python": [python_at(story, place) for place in range(total + 1)],
        "what_ifs": {
            one.name: _what_if_table(story, one, levels) for one in story.what_ifs
        },
    }


def python_at(story: Story, place: int) -> str:
    """Give the line of Python for the state after ``place`` events."""
    name, log = quoted(story.aggregate_id), story.log_name
    if place == 0:
        return f"len(list({log}.read({name})))"
    past = f"{log}.as_of(position={story.events[place - 1].position})"
    source = log if place == len(story.events) else past
    return f"{story.call}.hydrate({source}, {name}){story.reading}"


def python_changed(story: Story, change: str) -> str:
    """Give the line of Python that folds the events after a change such as "skip 2"."""
    name, (kind, place) = quoted(story.aggregate_id), change.split()
    at = int(place) - 1
    doing = {
        "skip": f"del e[{at}]",
        "double": f"e.insert({at}, e[{at}])",
        "swap": f"e[{at}], e[{at + 1}] = e[{at + 1}], e[{at}]",
    }[kind]
    fold = f"{story.call}.fold(e)[{name}]{story.reading}"
    return f"e = list({story.log_name}.read({name})); {doing}; {fold}"


def _levels(story: Story) -> list[str]:
    """Give the names of the staircase's heights; none where they are numbers."""
    if story.counts:
        return []
    seen = [NOTHING, *(show(level) for level in story.levels[1:])]
    for one in story.what_ifs:
        seen.extend(show(level) for slot in one.slots for level in slot)
    return list(dict.fromkeys(seen))


def _height(level: Any, levels: list[str]) -> float:
    """Give the height at which a level is drawn; exact values stay text."""
    if levels:
        return levels.index(show(level))
    return 0 if level is None else float(level)


def _what_if_table(story: Story, one: WhatIf, levels: list[str]) -> dict[str, Any]:
    """Give a what-if as the slots that differ, and a shift for all after them."""
    real = [_height(level, levels) for level in story.levels[1:]]
    slots = [[_height(level, levels) for level in slot] for slot in one.slots]
    first = next((i for i, s in enumerate(slots) if s != [real[i]]), len(real))
    tail, shift = _tail(real, slots, moves=not levels)
    texts = [[show(level) for level in slot] for slot in one.slots]
    return {
        "from": first,
        "slots": [
            list(zip(slots[i], texts[i], strict=True)) for i in range(first, tail)
        ],
        "shift": shift,
        "end": next((slot[-1] for slot in reversed(texts) if slot), NOTHING),
        "same": one.same,
        "finding": one.finding,
        "python": python_changed(story, one.name),
    }


def _tail(
    real: list[float], slots: list[list[float]], *, moves: bool
) -> tuple[int, float]:
    """Find from which slot on the rest is the real one moved by a constant."""
    if len(slots[-1]) != 1 or (slots[-1] != real[-1:] and not moves):
        return len(real), 0
    shift = round(slots[-1][0] - real[-1], 6)
    tail = len(real)
    while (
        tail
        and len(slots[tail - 1]) == 1
        and abs(slots[tail - 1][0] - real[tail - 1] - shift) < 1e-6
    ):
        tail -= 1
    return tail, shift


def hydration(
    log: Any = None,
    aggregate_id: str = "acc_123",
    *,
    video_log: Any = None,
    projection: Any = None,
    seed: int = 0,
    predict: bool = True,
) -> HydrationStage:
    """Return the stage on which events become a state.

    Args:
        log: a log, or a past of one; the known story of acc_123 unless given.
        aggregate_id: whose events are on the tape of the first tab.
        video_log: a log with one video for the second tab, called so in its lines
            of Python; the known story of vid_123 where neither this nor ``log`` is
            given, no tab where only ``log`` is.
        projection: what makes a state of the events; ``bank.Account`` unless given.
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked before each step.

    Raises:
        NotFound: no such aggregate, or not yet in that past.
    """
    from esbench.domains import bank

    told = sources.account_log() if log is None else log
    stories = [sources.story_of(told, aggregate_id, projection or bank.Account)]
    if log is None and video_log is None:
        video_log = sources.video_log()
    if video_log is not None:
        stories.append(_video_story(video_log))
    return HydrationStage(stories, seed=seed, predict=predict)


def _video_story(log: Any) -> Story:
    from esbench.domains import video

    first = next(iter(log.read()))
    return sources.story_of(log, first.aggregate_id, video.Video, log_name="video_log")
