"""Lesson 01: after an update, different pasts look alike.

What lives here: its two predictions and its two exercises, as data.
The guarantee: what is right is computed: from the pasts that the lesson hands over,
from a scene played on SQLite, by ``esbench.naming``, and by the four designs.
What it may not know: notebooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from esbench import naming
from esbench.lessons import designs
from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction
from esbench.lessons.waiting import WAITS, Scene

# --- 01.1: which past was it? ----------------------------------------------------

Pasts = Mapping[str, Sequence[str]]  # prices in order, by what one calls the past


def _question(price: str, pasts: Pasts) -> str:
    return (
        f"The row says {price}, and somebody tells {len(pasts)} stories of how it came "
        "to that. How many of them can be true?"
    )


def _options(price: str, pasts: Pasts) -> Iterator[Option]:
    truth, total = sum(one[-1] == price for one in pasts.values()), len(pasts)
    yield f"{truth} of {total}", "right. A row can't tell them apart."
    for number in (1, 0, *range(2, total + 1)):
        yield f"{number} of {total}", _reason(number, truth)


def _reason(number: int, truth: int) -> str:
    if number == 1:
        return "only one of them happened; but look what the row keeps of it."
    if number == 0:
        return "each update wrote some price, and the last one is what you see."
    wrong = "too few" if number < truth else "too many"
    return f"{wrong}: of each past, look at the last price alone."


PASTS = Prediction(number="01.1", minutes=1, question=_question, options=_options)

# --- 01.2: names -----------------------------------------------------------------

WEAK = {  # a weak name, and words of which a better one has at least one
    "CustomerModified": "customer address email name phone contact",
    "PaymentPending": "payment money invoice amount",
    "ShipOrder": "order parcel shipment goods",
    "InvoiceCreated": "invoice bill",
    "CourierOnTheWay": "courier parcel delivery order driver",
}


def _named(result: Any, given: Trial) -> str:
    """Say what kind of name it is, or what else is wrong with it."""
    if not isinstance(result, str):
        return "no text"
    kind = naming.judged(result).kind
    if result.startswith(given[0]) and kind != "noise":
        return "as it was" if result == given[0] else "glued"
    is_about = any(word in result.lower() for word in WEAK[given[0]].split())
    return kind if is_about or kind != "good" else "about something else"


def _better(*lines: str) -> str:
    return "\n    ".join(["def better(name):", *lines])


NAMES = Exercise(
    number="01.2",
    minutes=3,
    asks="better",
    stub=_better("raise NotImplementedError  # your turn"),
    solution=_better(
        "names = {",
        '    "CustomerModified": "CustomerAddressChanged",',
        '    "PaymentPending": "PaymentRequested",',
        '    "ShipOrder": "OrderShipped",',
        '    "InvoiceCreated": "InvoiceSent",',
        '    "CourierOnTheWay": "CourierDeparted",',
        "}",
        "return names[name]",
    ),
    praise="five names that say what happened; somebody reads them in ten years.",
    hints=(
        "Ask of each name: what did somebody do, and is it over?",
        "naming.judged says what is weak in a name: try your own names on it.",
        (
            "Begin with the thing and end with a verb in the past tense that could be "
            "in a newspaper: OrderShipped, not ShipOrder; and a dictionary from old "
            "to new is enough."
        ),
    ),
    mistakes=(
        Mistake(
            code=_better("return name"),
            hint="these are the names as they were; each of them is weak in its way.",
        ),
        Mistake(
            code=_better('return f"{name}Event"'),
            hint="that it is an event goes without saying: say what happened.",
        ),
        Mistake(
            code=_better('return f"{name}ed"'),
            hint="a weak name with more letters is a longer weak name: find out what "
            "was done.",
        ),
        Mistake(
            code=_better('return "SomethingDone"'),
            hint="it names none of the five things; who reads it knows no more.",
        ),
        Mistake(
            code=_better('return "OrderShipped"'),
            hint="a good name for one of the five; each has a story of its own.",
        ),
        Mistake(
            code=_better(
                "names = {",
                '    "CustomerModified": "ModifyCustomer",',
                '    "PaymentPending": "RequestPayment",',
                '    "ShipOrder": "ShipOrder",',
                '    "InvoiceCreated": "CreateInvoice",',
                '    "CourierOnTheWay": "SendCourier",',
                "}",
                "return names[name]",
            ),
            hint="these ask for something, so they are commands: an event says that it "
            "was done.",
        ),
    ),
    trials=lambda: [(name,) for name in WEAK],
    names={"naming": naming},
    outcome=_named,
)

# --- 01.3: who has to wait? ------------------------------------------------------

WAY = "rollback journal"
_WAITING = {
    (True, False): "writer two alone",
    (True, True): "writer two and the reader",
    (False, True): "the reader alone",
    (False, False): "nobody",
}


def _waits_asks(_: Scene) -> str:
    return (
        "Writer one has changed the price and not committed yet. In SQLite with a "
        f"{WAY}, who has to wait now?"
    )


def _waits(scene: Scene) -> Iterator[Option]:
    tried = [came[WAY].startswith(WAITS) for _, _, came in scene.lines[1:3]]
    truth = _WAITING[tried[0], tried[1]]
    yield truth, "right, and most people expect something else."
    yield from (
        (
            "writer two and the reader",
            "so the books say; here the reader sees the old price, and goes on.",
        ),
        (
            "nobody",
            "both writers would then change the same row; one at a time is the rule.",
        ),
        (
            "the reader alone",
            (
                "a reader changes nothing, so there is no reason to hold it back "
                "before the writer is done."
            ),
        ),
    )


WAITING = Prediction(number="01.3", minutes=1, question=_waits_asks, options=_waits)

# --- 01.4: the simplest design ---------------------------------------------------


def _wishes() -> list[Trial]:
    wishes: list[set[str]] = [
        {"now"},
        {"now", "who"},
        {"by hand"},
        {"why"},
        {"who", "by hand"},
        {"back", "known"},
        {"why", "by hand"},
        {"now", "back", "who"},
        set(),
    ]
    return [(wish, designs.can()) for wish in wishes]


def _simplest(*lines: str) -> str:
    return "\n    ".join(["def simplest(questions, can):", *lines])


_EACH = "for design, answers in can.items():"
_GIVEN = "        return design"
_ELSE = 'return "none of them"'

SIMPLEST = Exercise(
    number="01.4",
    minutes=4,
    asks="simplest",
    stub=_simplest("raise NotImplementedError  # your turn"),
    solution=_simplest(_EACH, "    if questions <= answers:", _GIVEN, _ELSE),
    praise="no more than is needed; and you know which questions to ask first.",
    hints=(
        "The designs come in order, the simplest first: the first that will do is it.",
        "A design will do if all questions are among its answers; sets know <=.",
        (
            "Go through can.items(); return the design when questions <= answers; only "
            "behind the loop is it certain that there is none."
        ),
    ),
    mistakes=(
        Mistake(
            code=_simplest(_EACH, "    if questions & answers:", _GIVEN, _ELSE),
            hint="one answer is not enough: every question has to be among them.",
        ),
        Mistake(
            code=_simplest('return "events"'),
            hint="events every time, also where a row would do; and there are "
            "questions that they can't answer.",
        ),
        Mistake(
            code=_simplest(_EACH, "    if answers <= questions:", _GIVEN, _ELSE),
            hint="the comparison is the wrong way round: the questions have to be "
            "among the answers.",
        ),
        Mistake(
            code=_simplest(_EACH, "    if questions < answers:", _GIVEN, _ELSE),
            hint="a design that answers exactly these questions will do, too.",
        ),
        Mistake(
            code=_simplest(
                _EACH, "    if questions <= answers:", _GIVEN, f"    {_ELSE}"
            ),
            hint="it gives up after the first design: the others come later in the "
            "loop.",
        ),
        Mistake(
            code=_simplest(
                f"{_EACH[:-1]}:",
                "    if questions <= answers:",
                "        found = design",
                "return found",
            ),
            hint="it goes on after the first that will do, and ends with the last.",
        ),
    ),
    trials=_wishes,
    names={},
)

LESSON = Lesson(
    name="01_state_and_events",
    title="Tell pasts apart that look alike today",
    minutes=20,
    tasks=(PASTS, NAMES, WAITING, SIMPLEST),
)
