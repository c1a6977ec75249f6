"""Lesson 05: a snapshot and its tail, found by position, and when it may be used.

What lives here: its two predictions and its two exercises, as data.
The guarantee: what is right is computed from the events and the log that the lesson
hands over, or by the solutions below.
What it may not know: notebooks, how snapshots are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from esbench.domains import bank
from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction

NAMES = {"Decimal": Decimal, "date": date}

# --- 05.1: the recipe, mended by one sign -----------------------------------------


def _mended(*_: Any) -> str:
    return (
        "The filter now says >= where it said >. Which balance comes out, from the "
        "same snapshot?"
    )


def _balances(events: Sequence[Any], held: int) -> Iterator[Option]:
    time = events[held - 1].occurred_at
    tail = [event for event in events if event.occurred_at >= time]
    behind = [event for event in events if event.occurred_at > time]
    yield (
        f"{_folded([*events[:held], *tail])}",
        (
            "right: the snapshot's own last event occurred at that moment, too. It is "
            "read again, and counts twice."
        ),
    )
    yield (
        f"{_folded(events)}",
        (
            "that is what the account holds. The new sign does bring the lost event "
            "back; look what else it brings."
        ),
    )
    yield (
        f"{_folded([*events[:held], *behind])}",
        "that is what > gave. Events of the very same moment are read now.",
    )
    yield (
        f"{_folded(events[:held]) + _folded(events)}",
        "for that the whole account would be counted again; some is left out.",
    )
    for more in range(1, 4):
        yield f"{_folded(events) + more}", "no event moves such an amount."


def _folded(events: Sequence[Any]) -> Decimal:
    """Return the balance after events of one account."""
    (state,) = bank.Account.fold(events).values()
    balance: Decimal = state.balance
    return balance


MENDED = Prediction(number="05.1", minutes=1, question=_mended, options=_balances)

# --- 05.2: go on from a snapshot --------------------------------------------------

Row = tuple[int, str, Decimal]  # position, when it occurred, what it moves
Held = tuple[int, str, Decimal]  # position, latest time in it, balance


HEAD = "def resumed(snapshot, events):"


def _resumed(body: str) -> str:
    latest = "latest" if "latest" in body else "_"
    return f"{HEAD}\n    at, {latest}, balance = snapshot\n    {body}"


TAIL = "tail = [moved for {} in events if {}]\n    "
ADDED = "return balance + sum(tail), len(tail)"
ALL = "position, time, moved"


def _rows(*rows: tuple[int, str, int]) -> list[Row]:
    return [(position, time, Decimal(moved)) for position, time, moved in rows]


def _resumed_trials() -> list[Trial]:
    dora = _rows((1, "Mar 01", 100), (2, "Mar 08", 50), (3, "Mar 08", 25))
    ada = _rows(
        (1, "Jan 01", 500),
        (2, "Jan 15", 200),
        (3, "Jan 20", -150),
        (4, "Jan 15", -200),
        (5, "Jan 15", 20),
    )
    among = _rows((4, "Jan 01", 10), (9, "Jan 02", 5), (30, "Jan 03", -3))
    return [
        ((2, "Mar 08", Decimal(150)), dora),
        ((3, "Jan 20", Decimal(550)), ada),
        ((9, "Jan 02", Decimal(15)), among),
        ((12, "Jan 02", Decimal(15)), among),
        ((30, "Jan 03", Decimal(12)), among),
    ]


def _pair(result: Any, _: Trial) -> Any:
    """Take a list for a tuple."""
    return tuple(result) if isinstance(result, list) else result


RESUMED = Exercise(
    number="05.2",
    minutes=3,
    asks="resumed",
    stub=f"{HEAD}\n    raise NotImplementedError  # your turn",
    solution=_resumed(f"{TAIL.format(ALL, 'position > at')}{ADDED}"),
    praise="the tail is what stands behind the position, and nothing else is read.",
    hints=(
        "Two things are needed: which events the snapshot lacks, and what they move.",
        "Compare positions: an event is in the snapshot if its own is not larger.",
        (
            "Collect what is moved by the events whose position is larger than the "
            "snapshot's; its balance and their sum is the answer, their number what "
            "was read."
        ),
    ),
    mistakes=(
        Mistake(
            code=_resumed(f"{TAIL.format(ALL, 'time > latest')}{ADDED}"),
            hint="by time, an event of the snapshot's own moment is lost, and so is "
            "one that was recorded late.",
        ),
        Mistake(
            code=_resumed(f"{TAIL.format(ALL, 'time >= latest')}{ADDED}"),
            hint="by time, the snapshot's own last event counts twice, and one that "
            "was recorded late is lost all the same.",
        ),
        Mistake(
            code=_resumed(f"{TAIL.format(ALL, 'position >= at')}{ADDED}"),
            hint="the event at the snapshot's own position is in it already.",
        ),
        Mistake(
            code=_resumed(f"{TAIL.format(ALL, 'True')}{ADDED}"),
            hint="that adds every event to a balance which holds the first ones.",
        ),
        Mistake(
            code=_resumed(f"{TAIL.format(ALL, 'True')}return sum(tail), len(tail)"),
            hint="the balance is right, and every event was read: the snapshot is "
            "there to spare you that.",
        ),
        Mistake(
            code=_resumed(
                f"{TAIL.format(ALL, 'position > at')}return sum(tail), len(tail)"
            ),
            hint="that is what the tail moves; the snapshot's balance comes before it.",
        ),
        Mistake(
            code=_resumed(
                f"{TAIL.format(ALL, 'position > at')}return balance + sum(tail)"
            ),
            hint="the balance is right; asked for is also how many events were read.",
        ),
        Mistake(
            code=_resumed(
                f"{TAIL.format(ALL, 'position > at')}"
                "return len(tail), balance + sum(tail)"
            ),
            hint="both are right, and stand the wrong way round: first the balance.",
        ),
        Mistake(
            code=_resumed(f"tail = [moved for {ALL} in events[at:]]\n    {ADDED}"),
            hint="positions count the whole log, and other accounts' events stand "
            "between: compare them, don't cut the list at them.",
        ),
    ),
    trials=_resumed_trials,
    names=NAMES,
    outcome=_pair,
)

# --- 05.3: asked about an earlier day ---------------------------------------------


def _about(_: Any, key: str, position: int, about: str) -> str:
    return (
        f"The snapshot at {position} is the only one. How many events of {key} are "
        f"read for the balance about {about}?"
    )


def _counts(log: Any, key: str, position: int, about: str) -> Iterator[Option]:
    """Give the counts; the snapshot must hold an event that occurred after the day."""
    events = list(log.read(key))
    by_day = list(log.as_of(about).read(key))
    behind = [event for event in events if event.position > position]
    wanted = [event for event in by_day if event.position > position]
    yield (
        f"{len(by_day)}",
        (
            "right: the snapshot holds an event of a later day, and nothing can be "
            "taken out of a state. All that had occurred is read from the start."
        ),
    )
    yield (
        f"{len(wanted)}",
        (
            "so many stand behind the snapshot. But the state in it holds an event "
            "that had not occurred by that day."
        ),
    )
    yield (
        f"{len(events)}",
        "what occurred after the day asked about is left out.",
    )
    yield (
        f"{len(by_day) - len(wanted)}",
        "an event may stand behind the snapshot and have occurred before it.",
    )
    for count in (len(behind), 0, *range(1, len(events) + 4)):
        yield f"{count}", "count those that had occurred by that day."


ABOUT = Prediction(number="05.3", minutes=1, question=_about, options=_counts)

# --- 05.4: which snapshot may be used? --------------------------------------------


def _best(body: str) -> str:
    return f"def best(snapshots, declared, about):\n    {body}"


FITS = "fits = [at for at, by, latest in snapshots if {}]\n    "
NEWEST = "return max(fits, default=0)"
BOTH = "by == declared and latest <= about"


def _best_trials() -> list[Trial]:
    days = {number: date(2024, 1, number) for number in range(1, 31)}
    shelf = [
        (100, "v1", days[5]),
        (300, "v2", days[20]),
        (200, "v2", days[10]),
        (400, "v1", days[25]),
    ]
    mixed = [(50, "v1", days[2]), (600, "v1", days[9]), (500, "v1", days[9])]
    return [
        (shelf, "v2", days[30]),
        (shelf, "v2", days[20]),
        (shelf, "v2", days[19]),
        (shelf, "v1", days[24]),
        (shelf, "v1", days[4]),
        (shelf, "v3", days[30]),
        (mixed, "v1", days[9]),
        (mixed, "v1", days[8]),
        (mixed[::-1], "v1", days[9]),
        ([], "v1", days[9]),
    ]


BEST = Exercise(
    number="05.4",
    minutes=4,
    asks="best",
    stub=_best("raise NotImplementedError  # your turn"),
    solution=_best(f"{FITS.format(BOTH)}{NEWEST}"),
    praise="of this declaration, with nothing after the day, and as far on as it goes.",
    hints=(
        "First those that may be used at all; then, of these, the one that saves most.",
        "Two things rule one out: another declaration, and an event after the day.",
        (
            "Keep the positions of those that were made by the declaration and hold "
            "nothing after the day; the largest of them, and 0 where none is left: max "
            "takes a default."
        ),
    ),
    mistakes=(
        Mistake(
            code=_best(f"{FITS.format('by == declared')}{NEWEST}"),
            hint="a snapshot that holds an event after the day can't be used: nobody "
            "takes it out again.",
        ),
        Mistake(
            code=_best(f"{FITS.format('latest <= about')}{NEWEST}"),
            hint="a state that another declaration made may mean something else.",
        ),
        Mistake(
            code=_best(f"{FITS.format('by == declared and latest < about')}{NEWEST}"),
            hint="what occurred on the day asked about belongs to the answer.",
        ),
        Mistake(
            code=_best(f"{FITS.format(BOTH)}return max(fits)"),
            hint="there may be none that fits; then reading begins at position 0.",
        ),
        Mistake(
            code=_best(f"{FITS.format(BOTH)}return fits[-1] if fits else 0"),
            hint="the last of the list is not always the one that goes furthest.",
        ),
        Mistake(
            code=_best(f"{FITS.format(BOTH)}return fits[0] if fits else 0"),
            hint="the first one that fits is not always the one that goes furthest.",
        ),
        Mistake(
            code=_best(f"{FITS.format(BOTH)}return max(fits, default=None)"),
            hint="where none is left, reading begins at position 0.",
        ),
        Mistake(
            code=_best(
                "fits = [s for s in snapshots if s[1] == declared and s[2] <= about]\n"
                "    return max(fits, default=0)"
            ),
            hint="that is the right snapshot; asked for is its position alone.",
        ),
        Mistake(
            code=_best(f"{FITS.format(BOTH)}return min(fits, default=0)"),
            hint="that one leaves the most to read; asked for is the one that saves "
            "most.",
        ),
        Mistake(
            code=_best(
                "fits = [s for s in snapshots if s[1] == declared and s[2] <= about]\n"
                "    return max(fits, key=lambda s: s[2], default=[0])[0]"
            ),
            hint="two of them may hold the same latest day; the position says which "
            "goes further.",
        ),
        Mistake(
            code=_best(f"{FITS.format('True')}{NEWEST}"),
            hint="the newest is not always exact: look by whom it was made, and what "
            "it holds.",
        ),
    ),
    trials=_best_trials,
    names=NAMES,
)

LESSON = Lesson(
    name="05_snapshots",
    title="Keep a state, and read on from there",
    minutes=15,
    tasks=(MENDED, RESUMED, ABOUT, BEST),
)
