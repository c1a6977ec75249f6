"""Lesson 07: three workers, one row, every order, and what really helps.

What lives here: its prediction and its three exercises, as data.
The guarantee: what is right is computed from the schedules that the lesson hands
over, or by the solutions below.
What it may not know: notebooks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

from esbench import workers
from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction

# --- 07.1: the row says success; does it stay so? ---------------------------------


def _success_first(three: workers.Schedules, handler: Any) -> str:
    worker = three.workers[-1]
    return (
        f"{worker} writes first, and the row says "
        f"{workers.verdict(three, handler, [worker]).state}. In how many of the orders "
        "that are left does it end so?"
    )


def _success_options(three: workers.Schedules, handler: Any) -> Iterator[Option]:
    after = workers.verdict(three, handler, [three.workers[-1]])
    left, all_ = after.orders, workers.ends(three, handler)
    right = left - (after.ends.wrong_orders or 0)
    yield (
        f"{right} of {left}",
        "right: the last write stands, and the newest event is used up.",
    )
    yield (
        f"{left} of {left}",
        "the row is right now, but nothing keeps the others from writing over it.",
    )
    yield (
        f"1 of {left}",
        "that would be a matter of who comes next; look at who can still come last.",
    )
    yield (
        f"{all_.orders - (all_.wrong_orders or 0)} of {all_.orders}",
        "so many of all orders end right; look at how these begin.",
    )
    yield f"{left} of {all_.orders}", "so many begin like this; ask how they end."


LOST = Prediction(
    number="07.1", minutes=1, question=_success_first, options=_success_options
)

# --- 07.2: which orders end wrong? ------------------------------------------------


def _wrong(body: str) -> str:
    return f"def wrong(orders):\n    {body}"


def _wrong_trials() -> list[Trial]:
    three, four = list(permutations((1, 2, 3))), list(permutations((1, 2, 3, 4)))
    return [
        (three,),
        (four,),
        ([(1, 2)],),
        ([(2, 1)],),
        ([],),
        (three[:3],),
        ([(1, 3, 2), (3, 2, 1)],),
    ]


WRONG = Exercise(
    number="07.2",
    minutes=3,
    asks="wrong",
    stub=_wrong("raise NotImplementedError  # your turn"),
    solution=_wrong("return sum(order[-1] != max(order) for order in orders)"),
    praise="only the last write counts, and it should be the newest event's.",
    hints=(
        "Which write decides how the row ends?",
        "Compare the last number of an order with the number that should be last.",
        (
            "order[-1] is what is written last, max(order) is the newest; count where "
            "the two differ."
        ),
    ),
    mistakes=(
        Mistake(
            code=_wrong("return sum(list(o) != sorted(o) for o in orders)"),
            hint="2, 1, 3 is out of order, too, and ends right: only the last write is "
            "seen in the end.",
        ),
        Mistake(
            code=_wrong("return sum(o[-1] == max(o) for o in orders)"),
            hint="these are the orders that end right; asked for are the others.",
        ),
        Mistake(
            code=_wrong("return sum(o[0] != min(o) for o in orders)"),
            hint="you look at the first write; all others go over it.",
        ),
        Mistake(
            code=_wrong("return sum(o[-1] != 3 for o in orders)"),
            hint="that is right for three events; others have another newest one.",
        ),
        Mistake(
            code=_wrong(
                "return sum(o[-1] != max(o) for o in orders) / (len(orders) or 1)"
            ),
            hint="that is a share; asked for is a number of orders.",
        ),
        Mistake(
            code=_wrong("return [o for o in orders if o[-1] != max(o)]"),
            hint="you list the orders that end wrong; give how many there are.",
        ),
        Mistake(
            code=_wrong("return sum(o[-1] < o[-2] for o in orders)"),
            hint="you look back by one; the newest may have come still earlier.",
        ),
        Mistake(
            code=_wrong("return len([o for o in orders if o[2] != 3])"),
            hint="you look at the third place; other orders are shorter or longer.",
        ),
        Mistake(
            code=_wrong("return 4"),
            hint="so it is for three workers; count in the orders that come in.",
        ),
    ),
    trials=_wrong_trials,
    names={},
)

# --- 07.3: a version guard --------------------------------------------------------


def _guard(body: str) -> str:
    return f"def guard(row, message):\n    {body}"


NEW = "{'status': message['status'], 'version': message['version']}"
NEWER = "message['version'] > row['version']"


def _guard_trials() -> list[Trial]:
    def named(status: str | None, version: int) -> dict[str, Any]:
        return {"status": status, "version": version}

    return [
        (named(None, 0), named("uploaded", 1)),
        (named("uploaded", 1), named("processing", 2)),
        (named("uploaded", 1), named("success", 3)),
        (named("success", 3), named("uploaded", 1)),
        (named("success", 3), named("processing", 2)),
        (named(None, 0), named("success", 3)),
        (named("failed", 4), named("processing", 2)),
    ]


GUARD = Exercise(
    number="07.3",
    minutes=4,
    asks="guard",
    stub=_guard("raise NotImplementedError  # your turn"),
    solution=_guard('return message if message["version"] > row["version"] else row'),
    praise="the newest event wins, whoever comes last, and a gap does not stop it.",
    hints=(
        "The row remembers the version that it was written from.",
        "Two cases: the message is newer than the row, or it is not.",
        (
            "If it is newer, the row becomes status and version of the message; if "
            "not, give back the row that is there."
        ),
    ),
    mistakes=(
        Mistake(
            code=_guard(f"return {NEW}"),
            hint="that is the last write wins again; compare the two versions first.",
        ),
        Mistake(
            code=_guard(
                f"if message['version'] < row['version']:\n        return {NEW}\n"
                "    return row"
            ),
            hint="turned around: the higher version is the newer one.",
        ),
        Mistake(
            code=_guard(
                "if message['version'] == row['version'] + 1:\n"
                f"        return {NEW}\n    return row"
            ),
            hint="that lets only the very next version pass; when 1 and 2 are late, "
            "3 is dropped for ever.",
        ),
        Mistake(
            code=_guard(f"if {NEWER}:\n        return {NEW}"),
            hint="an old message leaves the row as it is; with no return it becomes "
            "None.",
        ),
        Mistake(
            code=_guard(
                f"if {NEWER}:\n"
                "        return {'status': message['status'],"
                " 'version': row['version']}\n    return row"
            ),
            hint="the version has to be kept with the status, or the guard forgets "
            "what it has seen.",
        ),
        Mistake(
            code=_guard(
                f"if {NEWER}:\n        return message['status']\n    return row"
            ),
            hint="a row is a status and a version; give both back.",
        ),
        Mistake(
            code=_guard(f"return {NEWER}"),
            hint="that tells whether the message is newer; give back the row as it is "
            "then.",
        ),
        Mistake(
            code=_guard("return message['status']"),
            hint="that writes every message, and of each the status alone.",
        ),
        Mistake(
            code=_guard("return row"),
            hint="then nothing is ever written, not even what is newer.",
        ),
        Mistake(
            code=_guard(
                "version = max(row['version'], message['version'])\n"
                "    return {'status': message['status'], 'version': version}"
            ),
            hint="the version is right and the status is not: it is overwritten "
            "whatever the version says.",
        ),
    ),
    trials=_guard_trials,
    names={},
)

# --- 07.4: one worker, and wrong all the same -------------------------------------


def _late(body: str) -> str:
    return f"def late(versions):\n    {body}"


def _outcome(result: Any, trial: Trial) -> str:
    """Say what a list of deliveries does to a row that the last write wins."""
    (versions,), came = trial, list(result)
    if set(came) != set(versions):
        return "not these events, all of them"
    if list(dict.fromkeys(came)) != list(versions):
        return "out of order"
    more = len(came) - len(versions)
    if more != 1:
        return "none twice" if not more else "more than one twice"
    if came[-1] != versions[-1]:
        return "stuck"
    return "the last one twice" if came[-2] == came[-1] else "no harm"


LATE = Exercise(
    number="07.4",
    minutes=3,
    asks="late",
    stub=_late("raise NotImplementedError  # your turn"),
    solution=_late("return [*versions, versions[0]]"),
    praise="the order was kept, one copy came late, and the last write was not the "
    "newest.",
    hints=(
        "A copy may come at any time after the event itself.",
        "Which copy does harm, and when? It has to be the last write.",
        "First all versions in order; then one of the older ones again.",
    ),
    mistakes=(
        Mistake(
            code=_late("return list(versions)"),
            hint="nothing comes twice here, and one worker keeps the order: it ends "
            "right.",
        ),
        Mistake(
            code=_late("return [*versions[::-1], versions[-1]]"),
            hint="one worker takes the events of a key in order; only a copy may be "
            "late.",
        ),
        Mistake(
            code=_late("return [versions[0], *versions]"),
            hint="a copy that is followed by something newer does no harm.",
        ),
        Mistake(
            code=_late("return [*versions, versions[-1]]"),
            hint="the newest one written twice says the same twice.",
        ),
        Mistake(
            code=_late("return [*versions, *versions]"),
            hint="one copy is enough, and only one is allowed.",
        ),
        Mistake(
            code=_late("return [versions[0]]"),
            hint="all events have to come; none may be lost.",
        ),
    ),
    trials=lambda: [([1, 2, 3],), ([1, 2],), ([1, 2, 3, 4],)],
    names={},
    outcome=_outcome,
)

LESSON = Lesson(
    name="07_the_race",
    title="Race three workers for one row",
    minutes=25,
    tasks=(LOST, WRONG, GUARD, LATE),
)
