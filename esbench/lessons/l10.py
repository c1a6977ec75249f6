"""Lesson 10: a crash counts twice, a retry comes too late, letters go out in order.

What lives here: its two predictions and its two exercises, as data.
The guarantee: what is right is computed by the crash table's own delivery, by the
queue that the lesson hands over, or by the solutions below.
What it may not know: notebooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction
from esbench.workers.delivery import (
    DEPOSIT,
    DOUBLED,
    LOST,
    RIGHT,
    Cell,
    Way,
    add,
    deliver,
)

# --- 10.1: what does a crash leave? ----------------------------------------------

RIGHTS = {
    DOUBLED: "right: the effect outlives the crash, and the mark was never made.",
    LOST: "right: it was acknowledged before it had an effect, and never comes again.",
    RIGHT: "right: nothing that outlived the crash was done a second time.",
}


def _cell(way: Way, done: int) -> Cell:
    cell = deliver(way, add, DEPOSIT, crashes=(done,))
    assert cell is not None  # a single crash always has its turn
    return cell


def _question(way: Way, done: int) -> str:
    return (
        f"For each event a consumer does: {way}. It is cut off {way.after(done)}, "
        "and starts anew. One deposit of 100 is on its way to an empty account. "
        "What is the balance at the end?"
    )


def _options(way: Way, done: int) -> Iterator[Option]:
    cell = _cell(way, done)
    yield str(cell.state), RIGHTS[cell.verdict]
    yield (
        "100",
        (
            "so it should be; go through the steps once more, and note what is left "
            "of each after the crash."
        ),
    )
    yield (
        "0",
        "what was written to the database before the crash is still there after it.",
    )
    yield "200", "that takes two effects; look at what the second delivery finds."
    yield "300", "that takes three effects, and the event is not delivered that often."
    yield "50", "a step is done whole, or not at all."


CRASH = Prediction(number="10.1", minutes=1, question=_question, options=_options)

# --- 10.2: effect and memory in one step -----------------------------------------


def _once(body: str) -> str:
    return f"def once(balance, known, event):\n    name, amount = event\n    {body}"


def _once_trials() -> list[Trial]:
    return [
        (100, {"evt_1"}, ("evt_2", 50)),
        (100, {"evt_1"}, ("evt_1", 100)),
        (0, set(), ("evt_1", 100)),
        (100, {"evt_1", "evt_2"}, ("evt_3", 100)),
        (100, {"evt_1"}, ("evt_2", 100)),
        (5, {"a"}, ("b", -5)),
        (100, {"evt_2"}, ("evt_1", 100)),
        (70, {"evt_1", "evt_2"}, ("evt_1", 30)),
    ]


KNOWN = "if name in known:\n        return balance, known\n    "

ONCE = Exercise(
    number="10.2",
    minutes=3,
    asks="once",
    stub="def once(balance, known, event):\n    raise NotImplementedError  # your turn",
    solution=_once(f"{KNOWN}return balance + amount, known | {{name}}"),
    praise="balance and memory change together, or not at all.",
    hints=(
        "An event that is known changes nothing, neither the one nor the other.",
        "Ask by its id: two deposits may well be of the same amount.",
        (
            "If the id is in known, give both back as they are. Else give the balance "
            "with the amount, and the known ids together with this one."
        ),
    ),
    mistakes=(
        Mistake(
            code=_once("return balance + amount, known | {name}"),
            hint="it remembers each id, and never looks: a known event counts again.",
        ),
        Mistake(
            code=_once(f"{KNOWN}return balance + amount, known"),
            hint="it looks, and never remembers: that is the crash before the mark.",
        ),
        Mistake(
            code=_once(f"{KNOWN}return balance, known | {{name}}"),
            hint="the event is remembered, and its amount is lost.",
        ),
        Mistake(
            code=_once(f"{KNOWN}return balance + amount, {{name}}"),
            hint="it forgets the ids from before; an older copy would count again.",
        ),
        Mistake(
            code=_once(
                KNOWN.replace("in", "not in") + "return balance + amount, known"
            ),
            hint="turned around: a new event is left out, and a known one counts.",
        ),
        Mistake(
            code=_once(f"{KNOWN}return balance + amount, known | set(name)"),
            hint="set(name) holds the letters of the id; {name} holds the id.",
        ),
        Mistake(
            code=_once(f"{KNOWN}return balance + amount, known.add(name)"),
            hint="known.add gives None, and changes the set that you were given; "
            "| makes a new one.",
        ),
        Mistake(
            code=_once("return balance if name in known else balance + amount"),
            hint="that is the balance alone; without the ids it is new the next time.",
        ),
        Mistake(
            code=_once(f"{KNOWN}return balance + amount"),
            hint="give two things: the balance, and the ids that are known by then.",
        ),
    ),
    trials=_once_trials,
    names={},
)

# --- 10.3: where does a requeued event come? --------------------------------------


def _order_question(names: Sequence[str], failing: str) -> str:
    return (
        f"A queue holds {', '.join(names)}, and {failing} fails at its first try. "
        "It is put at the tail, and its second try goes well. In which order are "
        "they handled?"
    )


def _order_options(names: Sequence[str], failing: str) -> Iterator[Option]:
    rest = [name for name in names if name != failing]
    at = list(names).index(failing)
    yield (
        ", ".join([*rest, failing]),
        "right: all that waited have overtaken it, those that follow from it as well.",
    )
    yield (
        ", ".join(names),
        "so it would be if the queue waited for the second try; the tail is elsewhere.",
    )
    yield (
        ", ".join([*rest[: at + 1], failing, *rest[at + 1 :]]),
        "the tail is behind all that wait, and not behind the next one.",
    )
    yield ", ".join(rest), "the event is not lost: its second try goes well."
    yield ", ".join(reversed(names)), "those that did not fail keep their order."


ORDER = Prediction(
    number="10.3", minutes=1, question=_order_question, options=_order_options
)

# --- 10.4: redrive in order -------------------------------------------------------


def _redrive(body: str) -> str:
    return f"def redriven(letters, broken):\n    {body}"


def _redrive_trials() -> list[Trial]:
    return [
        ([("b", 2), ("a", 1), ("b", 1), ("a", 2)], set()),
        ([("e", 1), ("e", 2), ("e", 3), ("f", 1)], {("e", 2)}),
        ([("f", 1), ("e", 3), ("e", 1), ("e", 2)], {("e", 2)}),
        ([("e", 1), ("f", 1), ("f", 2)], {("e", 1)}),
        ([], set()),
        ([("e", 1)], {("e", 1)}),
        ([("g", 4), ("g", 3), ("a", 7)], {("a", 7), ("g", 4)}),
    ]


def _by_key(result: Any, _: Trial) -> list[Any]:
    """Put the keys in order; how letters of different keys are mixed is left free."""
    return sorted(result, key=lambda letter: str(letter[0]))


def _walk(order: str, tail: str) -> str:
    return (
        "went, stopped = [], set()\n"
        f"    for key, version in {order}:\n"
        "        if (key, version) in broken:\n"
        f"            {tail}\n"
        "        elif key not in stopped:\n"
        "            went.append((key, version))\n"
        "    return went"
    )


REDRIVE = Exercise(
    number="10.4",
    minutes=4,
    asks="redriven",
    stub=_redrive("raise NotImplementedError  # your turn"),
    solution=_redrive(_walk("sorted(letters)", "stopped.add(key)")),
    praise="each key goes in the order of its versions, up to the first that fails.",
    hints=(
        "Two things decide: in which order, and what happens behind one that fails.",
        "Letters of another key don't wait for one that fails; those of its key do.",
        (
            "Walk over the letters in sorted order with a set of stopped keys: a "
            "broken one stops its key, any other is taken if its key is not stopped."
        ),
    ),
    mistakes=(
        Mistake(
            code=_redrive("return [one for one in letters if one not in broken]"),
            hint="that is the order of parking, and nothing waits behind a letter that "
            "fails again.",
        ),
        Mistake(
            code=_redrive(
                "return [one for one in sorted(letters) if one not in broken]"
            ),
            hint="in order, but what follows a letter that fails again overtakes it: "
            "the race is back.",
        ),
        Mistake(
            code=_redrive(_walk("sorted(letters)", "break")),
            hint="one broken letter stops all keys; only its own has to wait.",
        ),
        Mistake(
            code=_redrive(_walk("letters", "stopped.add(key)")),
            hint="a letter of version 3 may have been parked before one of version 1: "
            "go by version.",
        ),
        Mistake(
            code=_redrive(
                _walk(
                    "sorted(letters)",
                    "went.append((key, version))\n            stopped.add(key)",
                )
            ),
            hint="a letter that fails again does not go through: leave it out.",
        ),
        Mistake(
            code=_redrive("return sorted(letters)"),
            hint="the broken ones fail again; they were not handled.",
        ),
        Mistake(
            code=_redrive(
                "bad = {key for key, _ in broken}\n"
                "    return [one for one in sorted(letters) if one[0] not in bad]"
            ),
            hint="what stands before the broken letter of a key can be handled.",
        ),
    ),
    trials=_redrive_trials,
    names={},
    outcome=_by_key,
)

LESSON = Lesson(
    name="10_failures",
    title="Keep order when an event fails",
    minutes=25,
    tasks=(CRASH, ONCE, ORDER, REDRIVE),
)
