"""A prediction: the learner commits to a letter before the answer is shown.

What lives here: ``Prediction``, declared as data, and ``ask``.
The guarantee: the truth and the wrong answers are computed from what the lesson holds
at that moment; the letters depend on the seed; each wrong answer has its reason, and
the right one is only named to who chose it.
What it may not know: lessons, notebooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from esbench.lessons.letters import LETTERS, shuffled
from esbench.lessons.verdict import Asked, Verdict

Option = tuple[str, str]  # an answer, and what is said to who chooses it
OPEN = "?"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A question whose answer the learner is about to see.

    Attributes:
        number: the lesson and the place in it, such as "00.1".
        minutes: what it takes.
        question: makes the question from what the lesson hands over.
        options: makes the answers from that, the right one first, then what typical
            mistakes lead to; of equal answers the first counts.
    """

    number: str
    minutes: int
    question: Callable[..., str]
    options: Callable[..., Iterable[Option]]


def ask(
    prediction: Prediction, letter: Any, given: tuple[Any, ...], seed: int
) -> Asked:
    """Return the question with its lettered answers, and what to say to a letter."""
    options = distinct(prediction.options(*given))
    order = shuffled(prediction.number, seed, len(options))
    lettered = {LETTERS[i]: options[int(place)] for i, place in enumerate(order)}
    return Asked(
        question=prediction.question(*given),
        answers=tuple((sign, text) for sign, (text, _) in lettered.items()),
        verdict=_said(lettered, str(letter).strip().upper(), options[0]),
    )


def distinct(options: Iterable[Option]) -> list[Option]:
    """Return the first four answers that differ, the right one first."""
    found: dict[str, str] = {}
    for text, reason in options:
        if len(found) < len(LETTERS):
            found.setdefault(text, reason)
    return list(found.items())


def _said(lettered: dict[str, Option], chosen: str, right: Option) -> Verdict:
    if chosen not in lettered:
        *first, last = lettered
        letters = f"{', '.join(first)} or {last}"
        said = f'put {letters} in place of "{OPEN}" and run the cell again.'
        return Verdict(passed=False, text=said)
    text, reason = lettered[chosen]
    is_right = lettered[chosen] == right
    return Verdict(passed=is_right, text=f"{chosen}, {text}: {reason}")
