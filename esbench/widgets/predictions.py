"""Predictions: four lettered answers to "what is the state after this event?".

What lives here: the wrong answers that typical mistakes give, each with its reason.
The guarantee: of four different answers exactly one is right, and it stands first;
``esbench.lessons.letters`` shuffles them by a seed.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from esbench.lessons.letters import LETTERS
from esbench.widgets.story import NOTHING, Story, show

Answer = tuple[str, str]  # text, and the reason why it is wrong ("" if it is right)


def answers(story: Story, place: int) -> tuple[Answer, ...]:
    """Give four answers for the event at ``place`` (from 0), the right one first."""
    truth = show(story.levels[place + 1])
    slips = _number_slips if story.counts else _text_slips
    return pick(truth, slips(story, place))


def pick(truth: str, slips: Iterable[Answer]) -> tuple[Answer, ...]:
    """Take the truth and the first three different wrong answers."""
    found = {truth: ""}
    for text, reason in slips:
        if len(found) < len(LETTERS):
            found.setdefault(text, reason)
    return tuple(found.items())


def _number_slips(story: Story, place: int) -> Iterator[Answer]:
    before, after = story.levels[place], story.levels[place + 1]
    noun = story.noun(place)
    zero = after * 0 if after is not None else 0
    start = zero if before is None else before
    change = (zero if after is None else after) - start
    if change:
        yield from _change_slips(story, place, start, change)
    else:
        yield from _still_slips(story, place, start)
    yield show(start + change * 3), f"you counted the {noun} three times"
    for extra in range(1, 5):
        yield show(start + change + extra), f"the {noun} holds no such amount"


def _change_slips(
    story: Story, place: int, start: Any, change: Any
) -> Iterator[Answer]:
    noun = story.noun(place)
    wrong = "subtracted" if change > 0 else "added"
    first = next((one for one in story.levels if one is not None), start)
    yield show(start - change), f"you {wrong} the {noun}"
    yield show(start), f"you left the {noun} out"
    if place > 1:
        yield (
            show(first + change),
            "you started from the first state, not the one before",
        )
    yield show(abs(change)), f"that is the {noun} alone, without the state before"
    yield show(start + change * 2), f"you counted the {noun} twice"


def _still_slips(story: Story, place: int, start: Any) -> Iterator[Answer]:
    noun, shown = story.noun(place), story.shown
    past = [one for one in story.levels[:place] if one is not None]
    yield show(start * 0), f"the {noun} does not touch the {shown}"
    for one in reversed(past):
        yield show(one), f"the {noun} takes nothing back"
    yield show(start * 2), f"the {noun} does not touch the {shown}"


def _text_slips(story: Story, place: int) -> Iterator[Answer]:
    before = story.levels[place]
    if before is not None:
        yield show(before), "that was before; the event moves it on"
    for level, event in zip(story.levels[1:], story.events, strict=True):
        yield show(level), f"that comes with {event.type}"
    yield NOTHING, "each applied event leaves a state"
    yield story.events[place].type, "that is the event; a state is what it leads to"
    yield "unknown", "the state follows from the events, every time"
    yield "failed", "no event says so"
