"""Votes: what a learner predicted, kept in a small log of their own, and counted.

What lives here: keeping a prediction beside a working copy, reading kept ones, and the
votes of a class.
The guarantee: predictions are kept only in a folder of working copies, in a log that
its owner may delete at any time, and never leave it by themselves; that one could not
be kept stops nobody. A class's vote counts the first answer that each gave.
What it may not know: terminals, how a prediction is judged.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from esbench.errors import EsbenchError, shorten
from esbench.event import Event
from esbench.lessons.kit import MARK
from esbench.lessons.returned import (
    NOT_YET,
    PASSED,
    Trouble,
    Unreadable,
    answers_in,
    cells_of,
)
from esbench.lessons.verdict import Asked

KEPT = ".predictions"
LAID = ".laid.json"  # with MARK, what says that a folder holds working copies
TOLD = f"kept in {KEPT} beside this notebook, which is yours to delete"


class AnswerPredicted(Event):
    """A learner committed to an answer before it was shown."""

    letter: str
    answer: str
    right: bool


def keep(number: str, asked: Asked, folder: Path) -> Asked:
    """Keep an answer if the folder is one of working copies; say so in what is shown.

    Args:
        number: the prediction's, such as "00.1".
        asked: the question, with what was said to the choice.
        folder: where the notebook runs.
    """
    chosen = dict(asked.answers).get(asked.verdict.text[:1])
    is_copy = any((folder / name).is_file() for name in (LAID, MARK))
    if not is_copy or chosen is None:
        return asked
    letter = asked.verdict.text[0]
    event = AnswerPredicted(letter=letter, answer=chosen, right=asked.verdict.passed)
    with contextlib.suppress(EsbenchError, OSError):
        _append(number, event, folder / KEPT)
        return replace(asked, kept=TOLD)
    return asked


def _append(number: str, event: AnswerPredicted, place: Path) -> None:
    from esbench.log import EventLog

    log = EventLog(place, events=[AnswerPredicted])
    before = [one.event for one in log.read(number)]
    if before[-1:] != [event]:
        log.append(number, [event])


# --- a class -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Vote:
    """How many of a class gave an answer first.

    Attributes:
        task: the prediction, such as "00.1".
        answer: what they chose, in words; letters differ from seed to seed.
        right: whether it is right.
        count: how many chose it.
        of: how many answered.
    """

    task: str
    answer: str
    right: bool
    count: int
    of: int


Voice = tuple[str, str, str, bool]  # a folder, a task, an answer, whether it is right


def voices(place: Path) -> Iterator[Voice | Trouble]:
    """Yield what a notebook, a kept log, or a folder of them says, one answer a task.

    Args:
        place: a notebook, a folder with ``log.json``, or a folder of these. Where a
            folder has kept predictions and notebooks, the kept ones are first answers,
            and go before what a notebook ends with.
    """
    heard: set[tuple[str, str]] = set()
    for one in _places(place):
        try:
            for task, answer, right in _kept(one) if one.is_dir() else _saved(one):
                key = (str(one.parent if one.is_dir() else one), task)
                if key not in heard and (str(one.parent), task) not in heard:
                    heard.add(key)
                    yield (*key, answer, right)
        except (EsbenchError, OSError) as error:
            name = one.name if one == place else one.relative_to(place).as_posix()
            yield Trouble(notebook=shorten(name, 120), why=str(error))


def _places(place: Path) -> list[Path]:
    """Return kept logs, then notebooks."""
    if place.is_file() or (place / "log.json").is_file():
        return [place]
    logs = [one.parent for one in place.rglob(f"{KEPT}/log.json")]
    notebooks = [
        one
        for one in place.rglob("*.ipynb")
        if not any(part.startswith(".") for part in one.relative_to(place).parts)
    ]
    if not logs + notebooks:
        raise Unreadable(f"there is no notebook and no kept prediction in {place}")
    return sorted(logs) + sorted(notebooks)


def _kept(place: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield the first answer to each task of a kept log."""
    from esbench.log import EventLog

    seen: set[str] = set()
    for one in EventLog.existing(place, [AnswerPredicted]).read():
        event = one.event
        if isinstance(event, AnswerPredicted) and one.aggregate_id not in seen:
            seen.add(one.aggregate_id)
            yield one.aggregate_id, event.answer, event.right


def _saved(place: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield the answers that a notebook was saved with."""
    for one in answers_in(place.name, cells_of(place)):
        if one.kind == "prediction" and one.result in {PASSED, NOT_YET}:
            yield one.task, one.chosen, one.result == PASSED


def counted(heard: Iterable[Voice]) -> list[Vote]:
    """Return the votes, task by task, the most frequent answer first."""
    cast = [(shorten(task), shorten(text), right) for _, task, text, right in heard]
    of = Counter(task for task, _, _ in cast)
    votes = [
        Vote(task=task, answer=answer, right=right, count=count, of=of[task])
        for (task, answer, right), count in Counter(cast).items()
    ]
    return sorted(votes, key=lambda one: (one.task, -one.count, one.answer))
