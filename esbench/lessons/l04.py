"""Lesson 04: a day has as many answers as there are days on which one asks.

What lives here: its prediction and its three exercises, as data.
The guarantee: what is right is computed from the log that the lesson hands over, or by
the solutions below.
What it may not know: notebooks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from esbench.domains import bank
from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction

NAMES = {"UTC": UTC, "Decimal": Decimal, "ZoneInfo": ZoneInfo, "date": date}

# --- 04.1: the same question, asked later -----------------------------------------


def _question(_: Any, key: str, about: str) -> str:
    return f"What does the log answer today: the balance of {key} about {about}?"


def _balance(past: Any, key: str) -> Decimal:
    balance: Decimal = bank.Account.hydrate(past, key).balance
    return balance


def _options(log: Any, key: str, about: str) -> Iterator[Option]:
    now = _balance(log.as_of(about), key)
    yield (
        f"{now}",
        "right: whatever happened by that day counts, also what was recorded later.",
    )
    yield (
        f"{_balance(log.as_of(about, recorded=about), key)}",
        (
            "that is what the bank printed that evening. Today it knows more about "
            "that day."
        ),
    )
    for event in list(log.as_of(about).read(key))[::-1]:
        past = log.as_of(about, recorded=event.recorded_at)
        yield (
            f"{_balance(past, key)}",
            (
                f"that was known when {event.type} was recorded, on "
                f"{event.recorded_at:%b} {event.recorded_at.day}; more came later."
            ),
        )
    yield "no answer", "a log answers for every day since the account was opened."


TODAY = Prediction(number="04.1", minutes=1, question=_question, options=_options)

# --- 04.2: both times by hand ----------------------------------------------------

Row = tuple[date, date, Decimal]  # happened, recorded, what it adds


def rows() -> list[Row]:
    """Return Ada's events by day: when they happened, when recorded, what they add."""
    told = [(1, 1, 1, 1, "500"), (1, 15, 1, 15, "200"), (1, 20, 2, 2, "-150")]
    told += [(1, 15, 2, 5, "-200"), (1, 15, 2, 5, "20")]
    return [
        (date(2024, a, b), date(2024, c, d), Decimal(f"{amount}.00"))
        for a, b, c, d, amount in told
    ]


def _known_trials() -> list[Trial]:
    days = [(1, 1), (1, 14), (1, 15), (1, 20), (1, 31), (2, 1), (2, 2), (2, 5)]
    whole = [date(2024, month, day) for month, day in days]
    return [(rows(), about, known) for about in whole for known in whole]


def _known(*lines: str) -> str:
    return "\n    ".join(["def balance(rows, about, known):", *lines])


def _kept(condition: str) -> str:
    return _known(
        "total = Decimal(0)",
        "for happened, recorded, amount in rows:",
        f"    if {condition}:",
        "        total += amount",
        "return total",
    )


KNOWN = Exercise(
    number="04.2",
    minutes=4,
    asks="balance",
    stub=_known("raise NotImplementedError  # your turn"),
    solution=_kept("happened <= about and recorded <= known"),
    praise="two times, two limits, and every figure that was ever printed comes back.",
    hints=(
        "Each row has two days, and the question has two: which belongs to which?",
        (
            "Leave out what had not happened by the day asked about, and what nobody "
            "knew on the day of knowledge."
        ),
        (
            "Keep a row where happened <= about, and also recorded <= known; then sum "
            "the amounts."
        ),
    ),
    mistakes=(
        Mistake(
            code=_kept("happened <= about"),
            hint="that is what is known now; the day of knowledge is not looked at.",
        ),
        Mistake(
            code=_kept("recorded <= known"),
            hint="that is all that was known that day, also about later days: the day "
            "asked about is not looked at.",
        ),
        Mistake(
            code=_kept("happened <= about or recorded <= known"),
            hint="with or, one of the two is enough; an event has to pass both limits.",
        ),
        Mistake(
            code=_kept("happened < about and recorded < known"),
            hint="the days themselves are lost: about a day means its end.",
        ),
        Mistake(
            code=_kept("happened <= known and recorded <= about"),
            hint="the two days are exchanged: about belongs to what happened.",
        ),
        Mistake(
            code=_kept("recorded <= about"),
            hint="that asks a day as known on that same day, whatever day is asked on.",
        ),
        Mistake(
            code=_kept("happened == about and recorded <= known"),
            hint="that is what moved on that one day; a balance begins at the opening.",
        ),
    ),
    trials=_known_trials,
    names=NAMES,
)

# --- 04.3: whose day it is --------------------------------------------------------


def _day_trials() -> list[Trial]:
    moments = [
        "2024-01-31T22:59:59",
        "2024-01-31T23:00:00",
        "2024-03-30T23:30:00",
        "2024-03-31T00:59:00",
        "2024-03-31T21:59:59",
        "2024-03-31T22:00:00",
        "2024-10-26T22:00:00",
        "2024-10-27T22:59:00",
        "2024-10-27T23:00:00",
        "2024-12-31T23:30:00",
    ]
    zones = ["Europe/Warsaw", "America/New_York", "UTC"]
    return [
        (datetime.fromisoformat(f"{moment}+00:00"), zone)
        for zone in zones
        for moment in moments
    ]


def _day(line: str) -> str:
    return f"def local_day(moment, zone):\n    {line}"


DAY = Exercise(
    number="04.3",
    minutes=3,
    asks="local_day",
    stub=_day("raise NotImplementedError  # your turn"),
    solution=_day("return moment.astimezone(ZoneInfo(zone)).date()"),
    praise="the day is the zone's, on both sides of every clock change.",
    hints=(
        "The moment is in UTC: what does a clock on the wall of that zone show?",
        "moment.astimezone(...) gives the same moment as another zone writes it.",
        "ZoneInfo(zone) is the zone; convert the moment to it, then take .date().",
    ),
    mistakes=(
        Mistake(
            code=_day("return moment.date()"),
            hint="that is the day in UTC, and so is one with another label: replace "
            "keeps the digits. The clock has to be turned to the zone.",
        ),
        Mistake(
            code=_day("return moment.astimezone(ZoneInfo(zone)).day"),
            hint="that is the day of the month alone: January and February both have "
            "a 1st.",
        ),
        Mistake(
            code=(
                "def local_day(moment, zone):\n"
                "    from datetime import timedelta\n"
                "    return (moment + timedelta(hours=1)).date()"
            ),
            hint="an hour is right for Warsaw in winter alone: in summer it is two, "
            "and other zones have other hours.",
        ),
        Mistake(
            code=_day("return moment.astimezone(ZoneInfo(zone))"),
            hint="that is the local moment; asked for is its day.",
        ),
        Mistake(
            code=_day("return moment.astimezone(ZoneInfo('Europe/Warsaw')).date()"),
            hint="right in Warsaw, and nowhere else: the zone comes as an argument.",
        ),
    ),
    trials=_day_trials,
    names=NAMES,
)

# --- 04.4: what explains the difference -------------------------------------------

Named = tuple[str, date, date, Decimal]


def _named() -> list[Named]:
    """Return Ada's events with their names, and two that change nothing about Jan."""
    names = ["opening", "txn_456", "txn_789", "txn_801", "txn_802"]
    own = [(name, *row) for name, row in zip(names, rows(), strict=True)]
    later = ("txn_900", date(2024, 2, 3), date(2024, 2, 3), Decimal("70.00"))
    return [*own, later]


def _why_trials() -> list[Trial]:
    days = [(1, 15), (1, 20), (1, 31), (2, 1), (2, 2), (2, 3), (2, 5)]
    whole = [date(2024, month, day) for month, day in days]
    return [
        (_named(), about, then, now)
        for about in whole
        for then in whole
        for now in whole
        if then <= now
    ]


def _why(condition: str) -> str:
    return (
        "def explains(rows, about, then, now):\n"
        "    return [\n"
        "        name\n"
        "        for name, happened, recorded, amount in rows\n"
        f"        if {condition}\n"
        "    ]"
    )


WHY = Exercise(
    number="04.4",
    minutes=4,
    asks="explains",
    stub=(
        "def explains(rows, about, then, now):\n"
        "    raise NotImplementedError  # your turn"
    ),
    solution=_why("happened <= about and then < recorded <= now"),
    praise="that is changed in one line: it happened by the day, and was learnt since.",
    hints=(
        (
            "Two pasts of the same day: which events are in the second and not in the "
            "first?"
        ),
        "Both are about the same day, so only the day of recording tells them apart.",
        (
            "It happened by the day asked about, and was recorded after the first day "
            "of knowledge, up to the second."
        ),
    ),
    mistakes=(
        Mistake(
            code=_why("then < recorded <= now"),
            hint="all that was learnt in between is there, also what happened after "
            "the day asked about: that moves no figure of that day.",
        ),
        Mistake(
            code=_why("happened <= about and then <= recorded <= now"),
            hint="what was recorded on the first day of knowledge was known that "
            "evening already.",
        ),
        Mistake(
            code=_why("happened <= about and recorded > then"),
            hint="what was learnt after the second day is in it, too.",
        ),
        Mistake(
            code=_why("happened <= about and then < recorded < now"),
            hint="the second day of knowledge counts to its end.",
        ),
        Mistake(
            code=_why("happened <= about and recorded <= now"),
            hint="that is all the later past holds; asked for is what the earlier one "
            "did not.",
        ),
        Mistake(
            code=_why("recorded > happened"),
            hint="these were recorded late; whether that matters depends on the three "
            "days, which you do not look at.",
        ),
    ),
    trials=_why_trials,
    names=NAMES,
)

LESSON = Lesson(
    name="04_time_machine",
    title="Ask about one day, as known on another",
    minutes=30,
    tasks=(TODAY, KNOWN, DAY, WHY),
)
