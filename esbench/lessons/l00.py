"""Lesson 00: the naive filter loses a day.

What lives here: its one prediction and its one exercise, as data.
The guarantee: what is right is computed from the events that the lesson hands over.
What it may not know: notebooks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction

Row = tuple[str, Decimal]  # a timestamp as ISO text, and what it adds to the balance


def _question(_: Iterable[Row], day: str) -> str:
    return f'Which balance does the filter timestamp <= "{day}" give?'


def _options(rows: Iterable[Row], day: str) -> Iterator[Option]:
    rows = list(rows)
    by_text = [amount for timestamp, amount in rows if timestamp <= day]
    by_day = [amount for timestamp, amount in rows if timestamp[:10] <= day]
    that_day = [amount for timestamp, amount in rows if timestamp[:10] == day]
    zero = Decimal("0.00")
    yield (
        f"{sum(by_text, zero)}",
        "right, that is what it says. Whether the bank would agree is next.",
    )
    yield (
        f"{sum(by_day, zero)}",
        (
            "that is what the account held that evening. The filter asks something "
            "else: which of two texts comes first."
        ),
    )
    yield (
        f"{sum((amount for _, amount in rows), zero)}",
        "that is the balance after everything; some of it happened later.",
    )
    yield (
        f"{sum(that_day, zero)}",
        "that is what moved on that day alone, without what was there before.",
    )
    yield f"{zero}", "the account was opened long before."


def _trials() -> list[Trial]:
    """Return moments around the ends of days, months and years."""
    return [
        ("2024-01-15T10:30:00Z", "2024-01-15"),
        ("2024-01-15T00:00:00Z", "2024-01-15"),
        ("2024-01-15T23:59:30Z", "2024-01-15"),
        ("2024-01-15T23:59:59.900000Z", "2024-01-15"),
        ("2024-01-16T00:00:00Z", "2024-01-15"),
        ("2024-01-20T14:00:00Z", "2024-01-15"),
        ("2024-01-01T09:00:00Z", "2024-01-15"),
        ("2023-12-31T09:00:00Z", "2024-01-01"),
        ("2024-02-01T08:00:00Z", "2024-01-31"),
        ("2024-02-29T08:00:00Z", "2024-02-29"),
    ]


def _code(line: str) -> str:
    return f"def kept(timestamp, day):\n    {line}"


FILTER = Prediction(
    number="00.1",
    minutes=1,
    question=_question,
    options=_options,
)

KEPT = Exercise(
    number="00.2",
    minutes=3,
    asks="kept",
    stub=_code("raise NotImplementedError  # your turn"),
    solution=_code("return timestamp[:10] <= day"),
    praise="the whole day is in, and nothing of the next one.",
    hints=(
        "Compare like with like: one of the two texts is a moment, the other a day.",
        "The first ten characters of a timestamp are its day.",
        (
            "timestamp[:10] is the day as text, and days written like this sort as "
            "texts. Now compare it with day."
        ),
    ),
    mistakes=(
        Mistake(
            code=_code("return timestamp <= day"),
            hint="everything before that day is in, and nothing of the day itself: "
            "the filter we began with does the same.",
        ),
        Mistake(
            code=_code("return timestamp[:10] == day"),
            hint="only that one day is in: what happened before it counts, too.",
        ),
        Mistake(
            code=_code("return timestamp[:10] >= day"),
            hint="this keeps what came later and drops what came before: "
            "turn the comparison around.",
        ),
        Mistake(
            code=_code("return timestamp <= day + 'T23:59'"),
            hint="nearly: the last minute of the day is missing. Whatever time you "
            "write, something may happen after it; leave the time out instead.",
        ),
        Mistake(
            code=_code("return timestamp <= day + 'T23:59:59'"),
            hint="nearly: part of the day's last second is missing. Whatever time you "
            "write, something may happen after it; leave the time out instead.",
        ),
        Mistake(
            code=_code("return timestamp <= day + 'T00:00:00Z'"),
            hint="of the day itself only the first moment is in: a day is asked about "
            "at its end.",
        ),
        Mistake(
            code=_code("return timestamp[8:10] <= day[8:]"),
            hint="the day of the month alone is not enough: January and February "
            "both have a 15th.",
        ),
    ),
    trials=_trials,
    names={},
)

LESSON = Lesson(
    name="00_start_here",
    title="Start here: ask what was true on a past day",
    minutes=12,
    tasks=(FILTER, KEPT),
)
