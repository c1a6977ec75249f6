"""Lesson 03: a state is a fold of events, and a right end proves little.

What lives here: its prediction and its three exercises, as data.
The guarantee: what is right is computed by folding events with the solutions below
and with the projections of ``esbench.domains``.
What it may not know: notebooks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import reduce
from itertools import accumulate
from typing import Any

from esbench.domains import bank, video
from esbench.event import RecordedEvent
from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction

# --- the account that the exercises are tried on ----------------------------------


def opened(amount: str) -> bank.AccountOpened:
    """Return an opening with a first balance."""
    return bank.AccountOpened(owner="Alice", initial_balance=amount)


def deposited(amount: str) -> bank.MoneyDeposited:
    """Return a deposit."""
    return bank.MoneyDeposited(amount=amount, transaction_id=f"in {amount}")


def withdrawn(amount: str) -> bank.MoneyWithdrawn:
    """Return a withdrawal."""
    return bank.MoneyWithdrawn(amount=amount, transaction_id=f"out {amount}")


def undone(amount: str) -> bank.TransactionReversed:
    """Return a reversal that adds a signed amount."""
    return bank.TransactionReversed(
        transaction_id=f"undo {amount}", reverses="txn_456", amount=amount
    )


NAMES = {
    "accumulate": accumulate,
    "bank": bank,
    "Decimal": Decimal,
    "reduce": reduce,
    "video": video,
}

# --- 03.1: one more arm ----------------------------------------------------------

APPLY = """\
def apply(balance, event):
    match event:
        case bank.AccountOpened():
            return balance + event.initial_balance
        case bank.MoneyDeposited():
            return balance + event.amount
        case bank.MoneyWithdrawn():
            return balance - event.amount
        case bank.TransactionReversed():
            """


def _apply_trials() -> list[Trial]:
    hundred = Decimal("100.00")
    return [
        (hundred, undone("-200.00")),
        (hundred, undone("150.00")),
        (Decimal("0.00"), undone("0.01")),
        (hundred, deposited("5.00")),
        (hundred, withdrawn("7.00")),
        (Decimal("0.00"), opened("500.00")),
    ]


REVERSAL = Exercise(
    number="03.1",
    minutes=2,
    asks="apply",
    stub=f"{APPLY}raise NotImplementedError  # your turn",
    solution=f"{APPLY}return balance + event.amount",
    praise="a reversal adds its signed amount, and the other arms are as they were.",
    hints=(
        "Read the event: its amount is not always positive.",
        (
            "The amount of a reversal is what it adds to the balance; -200.00 takes a "
            "deposit of 200.00 back."
        ),
        "The arm looks like that of a deposit.",
    ),
    mistakes=(
        Mistake(
            code=f"{APPLY}return balance - event.amount",
            hint="the amount of a reversal has its sign already: -200.00 would raise "
            "the balance here.",
        ),
        Mistake(
            code=f"{APPLY}return balance",
            hint="now a reversal changes nothing: the deposit that it takes back "
            "stays in the balance.",
        ),
        Mistake(
            code=f"{APPLY}return event.amount",
            hint="the arm returns the event's amount and forgets the balance that "
            "was there before.",
        ),
        Mistake(
            code=f"{APPLY}return balance + abs(event.amount)",
            hint="abs drops the sign, and the sign says which way the money goes.",
        ),
        Mistake(
            code=f"{APPLY}balance + event.amount",
            hint="this arm returns nothing, and so the function gives None: each arm "
            "has to return the new balance.",
        ),
        Mistake(
            code=f"{APPLY}return balance - abs(event.amount)",
            hint="not every reversal takes money away: that of a withdrawal gives it "
            "back, and the sign says so.",
        ),
    ),
    trials=_apply_trials,
    names=NAMES,
)

# --- 03.2: which lost events does a status forgive? ------------------------------


def _status(events: Iterable[RecordedEvent]) -> str | None:
    """Return the status of the one video that the events are about."""
    states = video.Video.fold(events)
    return next((state.status for state in states.values()), None)


def _forgiven(events: Sequence[RecordedEvent]) -> int:
    """Count the events of which any one may be lost without changing the end."""
    end = _status(events)
    rests = ([*events[:at], *events[at + 1 :]] for at in range(len(events)))
    return sum(_status(rest) == end for rest in rests)


def _question(events: Iterable[RecordedEvent]) -> str:
    events = list(events)
    return (
        f"One of the video's {len(events)} events is lost on the way. In how many of "
        f"the {len(events)} cases does the video still end in {_status(events)}?"
    )


def _options(events: Iterable[RecordedEvent]) -> Iterator[Option]:
    events = list(events)
    truth, total = _forgiven(events), len(events)
    yield f"{truth} of {total}", "right. The status is what the last event says."
    for number in (total, 0, *range(1, total)):
        yield f"{number} of {total}", _reason(number, truth, total)


def _reason(number: int, truth: int, total: int) -> str:
    if number == total:
        return "one of the events says how it ends; think of losing that one."
    if number == 0:
        return (
            "so it would be for a sum, where each event leaves its mark. "
            "A status is overwritten by the next one."
        )
    wrong = "too few" if number < truth else "too many"
    return f"{wrong}: strike out one event after the other on paper."


LOST = Prediction(number="03.2", minutes=1, question=_question, options=_options)

# --- 03.3: break it --------------------------------------------------------------


def _order_trials() -> list[Trial]:
    uploaded = video.VideoUploaded(path="s3://raw/a.mp4", uploaded_by="user_456")
    started = video.ProcessingStarted(worker_id="worker_5")
    completed = video.ProcessingComplete(output_path="s3://processed/a.mp4")
    other = video.VideoUploaded(path="s3://raw/b.mp4", uploaded_by="user_9")
    return [([uploaded, started, completed],), ([other, started, completed],)]


STATUS = {
    "VideoUploaded": "uploaded",
    "ProcessingStarted": "processing",
    "ProcessingComplete": "success",
}


def _arrived(result: Any, given: Trial) -> str | None:
    """Say what happened to the events on the way, or where they lead if all came."""
    if result is None:
        return None
    names = [type(event).__name__ for event in result]
    if any(event not in given[0] for event in result):
        return "foreign"
    if len(set(names)) < len(names):
        return "doubled"
    return STATUS[names[-1]] if len(names) == len(given[0]) else "lost"


def _order(line: str) -> str:
    return f"def arrival(events):\n    {line}"


STUCK = Exercise(
    number="03.3",
    minutes=2,
    asks="arrival",
    stub=_order("raise NotImplementedError  # your turn"),
    solution=_order("return [events[0], events[2], events[1]]"),
    praise="all three arrived, none twice, and the video is stuck in processing.",
    hints=(
        "Nothing may be lost or doubled: only the order is yours.",
        "The status is what the last event to arrive says.",
        "Let ProcessingStarted, events[1], arrive last.",
    ),
    mistakes=(
        Mistake(
            code=_order("return list(events)"),
            hint="that is the order in which they were written: it ends in success.",
        ),
        Mistake(
            code=_order("return [events[1], events[2], events[0]]"),
            hint="all are there, and it ends wrong, but in uploaded; asked for is "
            "processing.",
        ),
        Mistake(
            code=_order("return events[:2]"),
            hint="an event is lost. That is another fault: here all three arrive.",
        ),
        Mistake(
            code=_order("return [*events, events[1]]"),
            hint="an event arrives twice; here each arrives once.",
        ),
        Mistake(
            code=_order("return [*events[:2], type(events[1])(worker_id='w')]"),
            hint="one of these events was never written; here only the order is new.",
        ),
    ),
    trials=_order_trials,
    names=NAMES,
    outcome=_arrived,
)

# --- 03.4: a state that nobody stored --------------------------------------------


def _apply(balance: Decimal, event: Any) -> Decimal:
    match event:
        case bank.AccountOpened():
            return balance + event.initial_balance
        case bank.MoneyWithdrawn():
            return balance - event.amount
        case bank.MoneyDeposited() | bank.TransactionReversed():
            return balance + event.amount
    return balance


def _lowest_trials() -> list[Trial]:
    stories = [
        [opened("500.00"), deposited("200.00"), withdrawn("150.00")],
        [opened("500.00"), withdrawn("450.00"), deposited("900.00")],
        [opened("300.00"), withdrawn("100.00"), withdrawn("20.00"), deposited("1.00")],
        [opened("80.00"), deposited("10.00"), undone("-70.00"), deposited("70.00")],
        [opened("40.00")],
        [opened("0.00"), deposited("5.00")],
        [opened("9.00"), withdrawn("4.00"), undone("-20.00"), deposited("30.00")],
    ]
    return [(story, _apply) for story in stories]


def _lowest(*lines: str) -> str:
    return "\n    ".join(["def lowest(events, apply):", *lines])


LOWEST = Exercise(
    number="03.4",
    minutes=5,
    asks="lowest",
    stub=_lowest("raise NotImplementedError  # your turn"),
    solution=_lowest(
        "first, *later = events",
        "balances = accumulate(later, apply, initial=first.initial_balance)",
        "return min(balances)",
    ),
    praise="a number that nobody ever stored, for every day of the account's life.",
    hints=(
        (
            "You need every balance on the way, not the last one alone: fold, and keep "
            "what comes by."
        ),
        (
            "accumulate(events, apply, initial=...) does what reduce does and gives "
            "every state on the way; min takes the lowest."
        ),
        (
            "Begin with the balance of the opening, then accumulate over the events "
            "that follow it: a 0 from before the opening is no balance of the account."
        ),
    ),
    mistakes=(
        Mistake(
            code=_lowest(
                "return min(accumulate(events, apply, initial=Decimal('0.00')))"
            ),
            hint="before the opening there is no account, and so no balance of 0.00: "
            "leave the start out of the minimum.",
        ),
        Mistake(
            code=_lowest("return reduce(apply, events, Decimal('0.00'))"),
            hint="that is the balance at the end; the lowest one may lie on the way.",
        ),
        Mistake(
            code=_lowest(
                "return min(getattr(e, 'amount', None) or e.initial_balance"
                " for e in events)"
            ),
            hint="that is the smallest amount that moved; asked for is the smallest "
            "balance there was.",
        ),
        Mistake(
            code=_lowest(
                "return max(list(accumulate(events, apply,"
                " initial=Decimal('0.00')))[1:])"
            ),
            hint="that is the highest balance: take the other end.",
        ),
        Mistake(
            code=_lowest("return events[0].initial_balance"),
            hint="that is the balance at the opening; later ones may be lower.",
        ),
        Mistake(
            code=_lowest(
                "return list(accumulate(events, apply, initial=Decimal('0.00')))[1:]"
            ),
            hint="these are all balances on the way; now give the lowest one alone.",
        ),
        Mistake(
            code=_lowest(
                "return list(accumulate(events, apply, initial=Decimal('0.00')))"
            ),
            hint="these are the balances on the way, and the 0.00 from before the "
            "opening, which is none; give the lowest balance alone.",
        ),
        Mistake(
            code=_lowest(
                "return min(accumulate(events[1:], apply, initial=Decimal('0.00')))"
            ),
            hint="the opening is left out, and with it the money that the account "
            "began with.",
        ),
        Mistake(
            code=_lowest("return min(accumulate(events, apply))"),
            hint="an event is no balance: fold the events, and give accumulate a "
            "balance to begin with, as initial=.",
        ),
    ),
    trials=_lowest_trials,
    names=NAMES,
)

LESSON = Lesson(
    name="03_hydration",
    title="Rebuild a state from its events",
    minutes=25,
    tasks=(REVERSAL, LOST, STUCK, LOWEST),
)
