"""State and events: one row that is overwritten, beside the events that are kept.

What lives here: ``StateAndEvents`` and the table that its script looks things up in.
The guarantee: rows and answers are those of ``esbench.lessons.designs``, which asks a
real database and a real log; which answers are right follows from them.
What it may not know: SQL, logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import traitlets as t

from esbench.lessons import designs
from esbench.lessons.designs import CHANGES, DESIGNS, QUESTIONS, Question
from esbench.lessons.letters import shuffled
from esbench.widgets.predictions import Answer, pick
from esbench.widgets.stage import Stage, script

WRITTEN = len(CHANGES)  # the places from here on are questions
LABELS = {
    "who": "Who?",
    "why": "Why?",
    "known": "Known when?",
    "back": "Go back?",
    "by hand": "By hand?",
}
_GUESSES = (
    DESIGNS,
    DESIGNS[1:],
    (designs.EVENTS,),
    (designs.HISTORY, designs.EVENTS),
    (designs.TEMPORAL,),
    (designs.TEMPORAL, designs.EVENTS),
)


class StateAndEvents(Stage):
    """Four designs that take the same changes, and five questions to all of them.

    The first places show what is written; each of the others asks a question.
    """

    _esm = script("state_and_events.js")

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {**table(), "letters": shuffles}

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        last = WRITTEN + len(QUESTIONS) - 1
        if not 0 <= proposal["value"] <= last:
            raise t.TraitError(f"at is {proposal['value']}; it goes from 0 to {last}")
        return int(proposal["value"])

    @property
    def question(self) -> Question | None:
        """The question that is asked; None while something is written."""
        return QUESTIONS[self.at - WRITTEN] if self.at >= WRITTEN else None

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        if self.question is None:
            return _written(self.at)
        return _asks(self.question) if self.asking else answered(self.question)

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        return _python(self.at)

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffles of all questions for one seed."""
        return [[shuffled(f"state {one.key}", seed) for one in QUESTIONS]]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.pictures_of_designs import designs_png

        return designs_png(
            rows=designs.kept(min(self.at + 1, WRITTEN)),
            said=None if self.question is None or self.asking else said(self.question),
            title=_title(self.at),
            finding=self.finding,
            python=self.python,
        )


def table() -> dict[str, Any]:
    """Give what the script needs, as JSON's own types."""
    places = range(WRITTEN + len(QUESTIONS))
    return {
        "designs": DESIGNS,
        "heads": [designs.HEADS[one] for one in DESIGNS],
        "kept": [list(designs.kept(at + 1).values()) for at in range(WRITTEN)],
        "gone": [CHANGES[at - 1].price if at else "" for at in range(WRITTEN)],
        "days": [change.day for change in CHANGES],
        "told": [change.told for change in CHANGES],
        "labels": [LABELS[one.key] for one in QUESTIONS],
        "keys": [one.key for one in QUESTIONS],
        "asks": [_asks(one) for one in QUESTIONS],
        "said": [said(one) for one in QUESTIONS],
        "findings": [
            *(_written(at) for at in range(WRITTEN)),
            *(answered(one) for one in QUESTIONS),
        ],
        "titles": [_title(at) for at in places],
        "python": [_python(at) for at in places],
        "answers": [predictions(one) for one in QUESTIONS],
    }


def _title(at: int) -> str:
    if at < WRITTEN:
        return f"change {at + 1} of {WRITTEN}"
    return f"question {at - WRITTEN + 1} of {len(QUESTIONS)}"


def _written(at: int) -> str:
    change = CHANGES[at]
    start = f"{change.day}: {change.said}"
    if not at:
        return f"{start} All four designs know the same."
    end = f"the row now says {change.price}, and the {CHANGES[at - 1].price} is gone"
    if not change.told:
        return f"{start} {end.capitalize()}; the program knows nothing of it."
    return f"{start} {end.capitalize()} from it."


def _asks(question: Question) -> str:
    return f"{question.asks} Which designs can answer?"


def _python(at: int) -> str:
    if at < WRITTEN:
        return f"designs.kept({at + 1})"
    return f'designs.answers("{QUESTIONS[at - WRITTEN].key}")'


def said(question: Question) -> list[tuple[str, bool, str]]:
    """Give what each design says, whether that is right, and if not why."""
    rights = designs.right(question.key)
    return [
        (text, design in rights, question.why.get(design, ""))
        for design, text in designs.answers(question.key).items()
    ]


def answered(question: Question) -> str:
    """Say who answers a question, and what."""
    rights = designs.right(question.key)
    is_one = len(rights) == 1 and rights != (designs.EVENTS,)
    who = designs.named(rights).capitalize()
    return f"{question.asks} {who} {'says' if is_one else 'say'} {question.truth}."


def predictions(question: Question) -> tuple[Answer, ...]:
    """Give four sets of designs that could answer, the right one first."""
    truth = designs.named(designs.right(question.key))
    return pick(truth, _slips(question))


def _slips(question: Question) -> Iterator[Answer]:
    rights = designs.right(question.key)
    for guess in _GUESSES:
        if set(guess) != set(rights):
            yield designs.named(guess), _reason(question, guess, rights)


def _reason(question: Question, guess: tuple[str, ...], rights: tuple[str, ...]) -> str:
    """Name the first design that the guess has wrong, and why."""
    missed = [one for one in DESIGNS if one in rights and one not in guess]
    extra = [one for one in DESIGNS if one in guess and one not in rights]
    if extra:
        return f"{extra[0]} can't, {question.why[extra[0]]}"
    return f"{missed[0]} can, too: it says {question.truth}"


def state_and_events(*, seed: int = 0, predict: bool = True) -> StateAndEvents:
    """Return the stage on which four designs take the same five changes.

    Args:
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked which designs can answer.
    """
    return StateAndEvents(seed=seed, predict=predict)
