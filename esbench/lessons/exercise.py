"""An exercise and its check: what is asked, what is right, what goes wrong.

What lives here: ``Exercise``, declared as data, and ``judge``, which looks at what a
learner's function *does*, never at how it is written.
The guarantee: ``judge`` never raises on account of the answer; it says "passed" only
if the answer does on every trial what the solution does, and a typical mistake is
answered with that mistake's own hint, however it is spelled; it names no trial.
What it may not know: lessons, notebooks.

How a mistake is known: each is declared as the code that makes it. An answer that does
on every trial what that code does has made that mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from esbench.errors import shorten
from esbench.lessons.verdict import Verdict

Trial = tuple[Any, ...]
LEVELS = 3


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Something that people typically write, and what to say to it.

    Attributes:
        code: the definition as they write it.
        hint: what sets them right, without the answer.
    """

    code: str
    hint: str


def as_given(result: Any, _: Trial) -> Any:
    """Return the result as it is."""
    return result


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """A function to write, with all that its check needs.

    Attributes:
        number: the lesson and the place in it, such as "03.2".
        minutes: what it takes.
        asks: the name of the function to write.
        stub: what the cell holds before; ends in ``raise NotImplementedError``.
        solution: one right answer, as the lesson's last cells show it.
        praise: what is said to a right answer.
        hints: three, from a nudge to nearly the answer.
        mistakes: what people typically write instead.
        trials: makes the arguments of each trial call, anew every time.
        names: what the code may use, by name.
        outcome: makes of a result and its arguments what is compared.
    """

    number: str
    minutes: int
    asks: str
    stub: str
    solution: str
    praise: str
    hints: tuple[str, str, str]
    mistakes: tuple[Mistake, ...]
    trials: Callable[[], Sequence[Trial]]
    names: Mapping[str, Any]
    outcome: Callable[[Any, Trial], Any] = as_given


@dataclass(frozen=True)
class Stopped:
    """A call that raised instead of returning."""

    kind: str
    said: str


@dataclass(frozen=True)
class Ran:
    """What one call gave, and whether it left its arguments as they were."""

    outcome: Any
    is_clean: bool = True


def cell(exercise: Exercise, code: str) -> str:
    """Return what a notebook's cell holds: a definition, and the call of its check."""
    return f'{code}\n\n\nlessons.check("{exercise.number}", {exercise.asks})'


def judge(exercise: Exercise, answer: Any) -> Verdict:
    """Say whether an answer does what is asked, and if not, what to look at."""
    if not callable(answer):
        return _not_yet(
            f"hand over the function itself: write {exercise.asks} without brackets."
        )
    ran = [_run(exercise, answer, trial) for trial in exercise.trials()]
    if any(_is_stub(one.outcome) for one in ran):
        return _not_yet("the function still ends in NotImplementedError; your turn.")
    right = outcomes(exercise, exercise.solution)
    if not _all_alike([one.outcome for one in ran], right):
        return _not_yet(_diagnosis(exercise, [one.outcome for one in ran], right))
    if not all(one.is_clean for one in ran):
        return _not_yet(
            "what it returns is right, but it changes what it was given: "
            "make something new instead."
        )
    return Verdict(passed=True, text=exercise.praise)


def outcomes(exercise: Exercise, code: str) -> list[Any]:
    """Return what a definition gives on each trial."""
    answer = made(exercise, code)
    return [_run(exercise, answer, trial).outcome for trial in exercise.trials()]


def made(exercise: Exercise, code: str) -> Callable[..., Any]:
    """Return the function that a piece of code defines."""
    scope = dict(exercise.names)
    exec(code, scope)
    function: Callable[..., Any] = scope[exercise.asks]
    return function


def _run(exercise: Exercise, answer: Callable[..., Any], trial: Trial) -> Ran:
    """Call the answer once; whatever it raises becomes an outcome."""
    before = deepcopy(trial)
    try:
        outcome = exercise.outcome(answer(*trial), before)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - any error is an answer
        return Ran(Stopped(type(error).__name__, shorten(str(error))))
    return Ran(outcome, _alike(before, trial))


def _is_stub(outcome: Any) -> bool:
    return isinstance(outcome, Stopped) and outcome.kind == "NotImplementedError"


def _all_alike(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return all(_alike(one, other) for one, other in zip(left, right, strict=True))


def _alike(left: Any, right: Any) -> bool:
    """Tell whether two outcomes are equal; those that can't be compared are not."""
    if isinstance(left, Stopped) and isinstance(right, Stopped):
        return left.kind == right.kind
    try:
        return bool(left == right)
    except Exception:  # noqa: BLE001 - a learner's object may compare in any way
        return False


def _diagnosis(exercise: Exercise, given: list[Any], right: list[Any]) -> str:
    """Say what is wrong: a known mistake, else what is seen from outside."""
    for mistake in exercise.mistakes:
        if _all_alike(given, outcomes(exercise, mistake.code)):
            return mistake.hint
    if all(one is None for one in given):
        return "the function gives None: every way through it has to end in return."
    if stopped := next((one for one in given if isinstance(one, Stopped)), None):
        return f"it stops with {stopped.kind}: {stopped.said}."
    hits = sum(_alike(one, other) for one, other in zip(given, right, strict=True))
    return (
        f"right in {hits} of {len(right)} cases; "
        f'lessons.hint("{exercise.number}") helps on.'
    )


def _not_yet(text: str) -> Verdict:
    return Verdict(passed=False, text=text)
