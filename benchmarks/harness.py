"""Measuring: contenders in turn, round after round.

What lives here: contenders, rounds, medians and spread, and the checks on answers.
The guarantee: contenders take turns (A, B, C, A, B, C, …), so that a machine that
slows down slows all of them; a round whose answers differ ends the row, and nothing
that was measured in it is reported.
What it may not know: what is measured.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from msgspec import Struct

LONG = 0.05  # seconds; after a call that took longer, garbage is collected first
QUARTILES = 8  # from so many rounds on, the spread is that of the middle half


class Unequal(AssertionError):
    """Contenders gave different answers: what they took means nothing."""


class NotYet(Exception):
    """The row asks for a call that esbench does not have yet."""


class NotInstalled(Exception):
    """The row asks for a peer that is not installed."""


class Figure(Struct, frozen=True, kw_only=True):
    """What was measured over some rounds.

    Attributes:
        median: the middle value.
        low, high: the quartiles from eight rounds on, else the smallest and largest.
        rounds: how many there were.
    """

    median: float
    low: float
    high: float
    rounds: int = 1

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return median and spread of ``values``, of which there is one at least."""
        low, high = min(values), max(values)
        if len(values) >= QUARTILES:
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        median = statistics.median(values)
        return cls(median=median, low=low, high=high, rounds=len(values))

    @classmethod
    def one(cls, value: float) -> Self:
        """Return a figure that was taken once."""
        return cls.of([value])

    def times(self, factor: float) -> Figure:
        """Return the figure in another unit."""
        return Figure(
            median=self.median * factor,
            low=self.low * factor,
            high=self.high * factor,
            rounds=self.rounds,
        )

    def rate(self, count: float) -> Figure:
        """Return how many of ``count`` are done a second, from seconds."""
        return Figure(
            median=count / self.median,
            low=count / self.high,
            high=count / self.low,
            rounds=self.rounds,
        )


def itself(value: Any) -> Any:
    """Return ``value``."""
    return value


class Contender(Struct, frozen=True, kw_only=True):
    """One way to do the work of a row.

    Attributes:
        name: who it is.
        run: what is timed; it gets what ``prepare`` gave.
        prepare: gets the number of the round, -1 in the round that does not count.
        answer: makes a result comparable; None when there is nothing to compare.
        rounds: how many rounds at most; None for all.
    """

    name: str
    run: Callable[[Any], Any]
    prepare: Callable[[int], Any] = itself
    answer: Callable[[Any], Any] | None = itself
    rounds: int | None = None


def interleaved(
    contenders: Sequence[Contender], rounds: int, *, warm: bool = True
) -> dict[str, Figure]:
    """Return what each contender took, in seconds.

    Args:
        contenders: they take turns, in this order.
        rounds: how many rounds count.
        warm: whether a round that does not count comes first.

    Raises:
        Unequal: two answers of one round differ.
    """
    taken: dict[str, list[float]] = {each.name: [] for each in contenders}
    for number in range(-1 if warm else 0, rounds):
        present = [each for each in contenders if _takes_part(each, number)]
        for name, seconds in _one_round(present, number).items():
            if number >= 0:
                taken[name].append(seconds)
    return {name: Figure.of(values) for name, values in taken.items()}


def _takes_part(contender: Contender, number: int) -> bool:
    return contender.rounds is None or number < contender.rounds


def _one_round(contenders: Sequence[Contender], number: int) -> dict[str, float]:
    """Let each have its turn; compare what they answered; return their seconds."""
    taken, answers = {}, {}
    for each in contenders:
        given = each.prepare(number)
        seconds, result = timed(each.run, given)
        taken[each.name] = seconds
        if each.answer is not None:
            answers[each.name] = each.answer(result)
    require_equal(answers)
    if max(taken.values()) > LONG:
        gc.collect()
    return taken


def timed(call: Callable[..., Any], *given: Any) -> tuple[float, Any]:
    """Return the seconds that a call takes, and its result."""
    begun = time.perf_counter()
    result = call(*given)
    return time.perf_counter() - begun, result


def require_equal(answers: Mapping[str, Any]) -> None:
    """Raise ``Unequal`` unless all answers are the same."""
    (first, expected), *others = answers.items() or [("", None)]
    for name, answer in others:
        if not same(expected, answer):
            raise Unequal(f"{first} and {name} differ: {_short(expected, answer)}")


def same(left: Any, right: Any) -> bool:
    """Tell whether two answers are equal; polars frames by their rows and types."""
    if hasattr(left, "equals") and hasattr(right, "equals"):
        return bool(left.equals(right))
    return bool(left == right)


def _short(left: Any, right: Any, limit: int = 400) -> str:
    return " against ".join(repr(answer)[:limit] for answer in (left, right))


def say(text: str) -> None:
    """Print progress, at once."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
