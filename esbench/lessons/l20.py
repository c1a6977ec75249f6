"""Lesson 20: an own extract becomes a log, and every answer is dated.

What lives here: its prediction and its two exercises, as data.
The guarantee: what is right is computed from the sums that the lesson hands over, or
by the solutions below.
What it may not know: notebooks, files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction

NAMES = {"Decimal": Decimal}

# --- 20.1: an extract, cleaned ----------------------------------------------------

Sums = Mapping[str, Decimal]


def _question(_: Sums, stated: Sums) -> str:
    return (
        "Each row once, summed by account: for how many of the "
        f"{len(stated)} accounts is that the closing balance that the bank states?"
    )


def _options(cleaned: Sums, stated: Sums) -> Iterator[Option]:
    total = len(stated)
    agree = sum(cleaned.get(key) == sum_ for key, sum_ in stated.items())
    yield (
        f"{agree} of {total}",
        (
            "right: where a thing happened twice, both rows count, and the cleaning "
            "took one of them away."
        ),
    )
    yield (
        f"{total} of {total}",
        "then no row would have stood twice with a reason; look at what the rows are.",
    )
    yield (
        f"0 of {total}",
        "an account without twin rows loses nothing by the cleaning.",
    )
    yield (
        f"{total - agree} of {total}",
        "so many do not agree; asked is for those that do.",
    )
    for other in range(1, total):
        yield f"{other} of {total}", "count the accounts that lost a row."


CLEANED = Prediction(number="20.1", minutes=1, question=_question, options=_options)

# --- 20.2: a name for each row ----------------------------------------------------


def _numbered(body: str) -> str:
    return f"def numbered(rows):\n    {body}"


def _numbered_trials() -> list[Trial]:
    rent, bread, coffee = ("rent", -900), ("bread", -4), ("coffee", -3)
    return [
        ([rent, bread, bread],),
        ([bread, rent, bread, bread],),
        ([coffee, bread, coffee, bread],),
        ([rent],),
        ([],),
        ([bread, bread, rent, rent, coffee],),
        ([("bread", -4), ("bread", -5)],),
    ]


NUMBERED = Exercise(
    number="20.2",
    minutes=3,
    asks="numbered",
    stub=_numbered("raise NotImplementedError  # your turn"),
    solution=_numbered(
        "return [(row, rows[: at + 1].count(row)) for at, row in enumerate(rows)]"
    ),
    praise="twins are told apart, and the same file gives the same names again.",
    hints=(
        "How many rows like this one have come so far, this one included?",
        "A list counts for you: some_list.count(row).",
        (
            "enumerate(rows) gives each row with its place; count the row among "
            "those up to that place, itself included."
        ),
    ),
    mistakes=(
        Mistake(
            code=_numbered("return [(row, 1) for row in dict.fromkeys(rows)]"),
            hint="that drops the second of two equal rows, and money with it.",
        ),
        Mistake(
            code=_numbered("return [(row, 1) for row in rows]"),
            hint="both of two equal rows get the same name, so the second one would "
            "be taken for the first, known already.",
        ),
        Mistake(
            code=_numbered("return [(row, at + 1) for at, row in enumerate(rows)]"),
            hint="that is the place in the file: in next month's file, or one with a "
            "row more at the top, the same booking would have another name.",
        ),
        Mistake(
            code=_numbered("return [(row, rows.count(row)) for row in rows]"),
            hint="that counts all rows like it, also those behind; twins get one "
            "number, and names change when a third one comes.",
        ),
        Mistake(
            code=_numbered(
                "return [(row, rows[:at].count(row)) for at, row in enumerate(rows)]"
            ),
            hint="the first one counts as well: begin at 1, not at 0.",
        ),
        Mistake(
            code=_numbered(
                "return [(row, 2 if at and rows[at - 1] == row else 1)\n"
                "            for at, row in enumerate(rows)]"
            ),
            hint="twins need not stand beside each other, and there may be three.",
        ),
    ),
    trials=_numbered_trials,
    names=NAMES,
)

# --- 20.3: what a printed report lacks --------------------------------------------

Row = tuple[str, date, date, Decimal]  # account, happened, booked, what it adds


def _lacks(condition: str, end: str = "if gap") -> str:
    return "\n    ".join(
        [
            "def lacks(rows, day):",
            "gaps = {}",
            "for account, happened, booked, amount in rows:",
            f"    if {condition}:",
            "        gaps[account] = gaps.get(account, 0) + amount",
            "return {account: gap for account, gap in gaps.items()"
            + (f" {end}" if end else "")
            + "}",
        ]
    )


def _rows() -> list[Row]:
    told = [
        ("a", 30, 31, "10.00"),
        ("a", 31, 32, "-46.40"),
        ("b", 31, 31, "5.00"),
        ("b", 31, 32, "25.00"),
        ("b", 30, 33, "1.00"),
        ("c", 32, 33, "7.00"),
        ("c", 29, 30, "3.00"),
        ("d", 31, 32, "8.00"),
        ("d", 30, 32, "-8.00"),
    ]
    return [
        (account, _march(happened), _march(booked), Decimal(amount))
        for account, happened, booked, amount in told
    ]


def _march(day: int) -> date:
    """Return a day of March 2024, or behind it."""
    return date(2024, 3, 1).replace(day=day) if day <= 31 else date(2024, 4, day - 31)


def _lacks_trials() -> list[Trial]:
    return [(_rows(), _march(day)) for day in (28, 29, 30, 31, 32, 33)]


LACKS = Exercise(
    number="20.3",
    minutes=4,
    asks="lacks",
    stub="def lacks(rows, day):\n    raise NotImplementedError  # your turn",
    solution=_lacks("happened <= day < booked"),
    praise="what had happened and was not booked: that is the restatement list.",
    hints=(
        "Which rows are about that day, and which of them were not known on it?",
        "A row is missing if it had happened by then, and was booked on a later day.",
        (
            "Add up the amounts of these rows in a dictionary, by account; at the end "
            "keep the accounts whose sum is not zero."
        ),
    ),
    mistakes=(
        Mistake(
            code=_lacks("booked > day"),
            hint="you count rows that happened after the day, too; the report is about "
            "that day and nothing later.",
        ),
        Mistake(
            code=_lacks("happened <= day"),
            hint="that is everything about the day; asked is for what was not known "
            "that evening.",
        ),
        Mistake(
            code=_lacks("happened < day < booked"),
            hint="what happened on the day itself belongs to it.",
        ),
        Mistake(
            code=_lacks("happened <= day <= booked"),
            hint="what was booked on the day itself was known that evening.",
        ),
        Mistake(
            code=_lacks("happened <= day < booked", ""),
            hint="an account whose rows cancel out was printed right: leave it out.",
        ),
        Mistake(
            code=_lacks("happened == day and booked > day"),
            hint="a row of an earlier day may have been booked late, too.",
        ),
    ),
    trials=_lacks_trials,
    names=NAMES,
)

LESSON = Lesson(
    name="20_own_extract",
    title="Bring your own extract, and date every answer",
    minutes=20,
    tasks=(CLEANED, NUMBERED, LACKS),
)
