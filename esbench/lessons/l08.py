"""Lesson 08: keys in partitions, what one partition more breaks, and which key to take.

What lives here: its two predictions and its two exercises, as data.
The guarantee: what is right is computed from the events that the lesson hands over, or
by the solutions below.
What it may not know: notebooks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction
from esbench.workers.growth import Growth
from esbench.workers.keys import Advice
from esbench.workers.partitions import partition

COLLECTIONS = (list, tuple, set, dict, Iterator)

# --- 08.1: which keys move? -------------------------------------------------------


def _moved(body: str) -> str:
    return f"def moved(hashes, before, after):\n    {body}"


MOVES = "return [key for key, h in hashes.items() if {}]"


def _moved_trials() -> list[Trial]:
    few = {f"vid_{number}": number for number in range(12)}
    wide = {f"key_{number}": 7 * number + 1_000_003 for number in range(40)}
    return [
        (few, 3, 4),
        (wide, 3, 4),
        (wide, 3, 6),
        (wide, 9, 10),
        (few, 1, 2),
        (few, 4, 3),
        (few, 5, 5),
        ({}, 3, 4),
    ]


def _keys(result: Any, _: Trial) -> Any:
    """Take any collection of keys for a list of them, and any number for one."""
    if isinstance(result, int | float):
        return "yes or no" if isinstance(result, bool) else "a number"
    return sorted(result) if isinstance(result, COLLECTIONS) else result


MOVED = Exercise(
    number="08.1",
    minutes=3,
    asks="moved",
    stub=_moved("raise NotImplementedError  # your turn"),
    solution=_moved(MOVES.format("h % before != h % after")),
    praise="a key stays only where both remainders agree.",
    hints=(
        "A key has one place before and one after; each follows from its hash.",
        "The place is the remainder of the hash by the number of partitions.",
        (
            "Keep the keys whose remainder by the old number is not their remainder by "
            "the new one."
        ),
    ),
    mistakes=(
        Mistake(
            code=_moved(MOVES.format("h % after >= before")),
            hint="those go to the partition that is new; others change between old "
            "ones, too.",
        ),
        Mistake(
            code=_moved(MOVES.format("h % before == h % after")),
            hint="these are the keys that stay.",
        ),
        Mistake(
            code=_moved("return sum(h % before != h % after for h in hashes.values())"),
            hint="that is a number; asked for is which keys move.",
        ),
        Mistake(
            code=_moved("return all(h % before == h % after for h in hashes.values())"),
            hint="that is a yes or a no; asked for is which keys move.",
        ),
        Mistake(
            code=_moved(MOVES.format("h % after == after - 1")),
            hint="only the last partition is looked at; keys change between old ones, "
            "too.",
        ),
        Mistake(
            code=_moved(MOVES.format("h % after == before")),
            hint="only one partition is looked at, the first new one; keys move to "
            "others, too.",
        ),
        Mistake(
            code=_moved(MOVES.format("h % after == 3")),
            hint="3 is new in one case alone, and keys also change between old ones.",
        ),
        Mistake(
            code=_moved(MOVES.format("h % before < h % after")),
            hint="a key may also move to a partition with a smaller number.",
        ),
        Mistake(
            code=_moved(MOVES.format("h % 3 != h % 4")),
            hint="3 and 4 are one case; both numbers are handed over.",
        ),
        Mistake(
            code=_moved("return list(hashes)"),
            hint="these are all keys; some stay where they were.",
        ),
        Mistake(
            code=_moved(
                "return [(key, h) for key, h in hashes.items() "
                "if h % before != h % after]"
            ),
            hint="those are pairs of key and hash; give the keys alone.",
        ),
        Mistake(
            code=_moved(
                "return [h % before != h % after for key, h in hashes.items()]"
            ),
            hint="that is a yes or a no for each key; a condition at the end of the "
            "brackets picks keys.",
        ),
        Mistake(
            code=_moved(
                "found = []\n"
                "    for key, h in hashes.items():\n"
                "        if h % before != h % after:\n"
                "            found.append(key)\n"
                "        return found"
            ),
            hint="the return stands inside the loop, which so ends at the first key.",
        ),
        Mistake(
            code=_moved("return [key for key, h in hashes if h % before != h % after]"),
            hint="a dict alone gives its keys; .items() gives each key with its hash.",
        ),
        Mistake(
            code=_moved(
                "return [key for key in hashes if key % before != key % after]"
            ),
            hint="a key is a text; the number to divide is its hash, hashes[key].",
        ),
        Mistake(
            code=_moved(
                "return [key for key in hashes "
                "if partition(key, before) != partition(key, after)]"
            ),
            hint="partition hashes the keys anew; take the hashes that are given.",
        ),
        Mistake(
            code=_moved(MOVES.format("h // before != h // after")),
            hint="a partition is what is left over by a division, not how often the "
            "number goes into the hash.",
        ),
        Mistake(
            code=_moved(
                "return [h for h in hashes.values() if h % before != h % after]"
            ),
            hint="those are the hashes of the right keys; give the keys themselves.",
        ),
        Mistake(
            code=_moved("return []"),
            hint="the hash of a key stays, its remainder by another number need not.",
        ),
        Mistake(
            code=_moved(
                "return [key for key in hashes "
                "if hash(key) % before != hash(key) % after]"
            ),
            hint="hash() has a salt that changes with each process: take the hashes "
            "that are given.",
        ),
    ),
    trials=_moved_trials,
    names={"partition": partition},
    outcome=_keys,
)

# --- 08.2: how many orders break? -------------------------------------------------


def _breaks(growth: Growth) -> str:
    total = len(growth.resize.moved) + len(growth.resize.stayed)
    return (
        f"At tick {growth.changed_at}, {growth.resize.before} partitions become "
        f"{growth.resize.after}, while readers are at work. How many of the {total} "
        "videos are handled out of order?"
    )


def _broken(growth: Growth) -> Iterator[Option]:
    moved = len(growth.resize.moved)
    yield (
        f"{len(growth.lost)}",
        (
            "right: a video must move, have something unread where it was, and be "
            "overtaken there."
        ),
    )
    yield (
        f"{moved}",
        (
            "so many get another partition. But whoever has nothing unread in the old "
            "one has nothing that could be overtaken."
        ),
    )
    yield (
        "0",
        (
            "each partition keeps the order of what it holds, and of nothing else: a "
            "video may now lie in two of them."
        ),
    )
    yield (
        f"{len(growth.at_risk)}",
        (
            "so many moved with something unread behind them. Some reader may still "
            "be quick enough."
        ),
    )
    for count in (len(growth.resize.stayed), *range(moved + 1, moved + 5)):
        yield f"{count}", "who stays keeps the order; look at those that move."


BREAKS = Prediction(number="08.2", minutes=1, question=_breaks, options=_broken)

# --- 08.3: which orders were broken? ----------------------------------------------


def _turned(body: str) -> str:
    return f"def turned(handled):\n    {body}"


LOOP = (
    "last, found = {{}}, set()\n"
    "    for key, version in handled:\n"
    "        if {}:\n"
    "            found.add(key)\n"
    "        last[key] = {}\n"
    "    return found"
)
SINCE = "version < last.get(key, 0)"


def _pairs(*told: str) -> list[tuple[str, int]]:
    """Write events as a letter and a number, such as "a1"."""
    return [(one[0], int(one[1:])) for one in told]


def _turned_trials() -> list[Trial]:
    return [
        (_pairs("a1", "a3", "a2"),),
        (_pairs("a1", "b1", "a2", "b2", "c1"),),
        (_pairs("b2", "a1", "b3", "a2"),),
        (_pairs("a1", "b3", "a2", "b1", "a3", "b2"),),
        (_pairs("a2", "b1", "c5", "a1", "c6", "b2"),),
        (_pairs("a3", "a4", "a6", "b1"),),
        (_pairs("a1", "a4", "a2", "a3", "b2", "b1"),),
        (_pairs("a1", "a3", "b1", "a4"),),
        ([],),
    ]


def _set(result: Any, trial: Trial) -> Any:
    """Take any collection of keys for a set of them, and any number for one."""
    found = _keys(result, trial)
    return set(found) if isinstance(found, list) else found


TURNED = Exercise(
    number="08.3",
    minutes=4,
    asks="turned",
    stub=_turned("raise NotImplementedError  # your turn"),
    solution=_turned(LOOP.format(SINCE, "version")),
    praise="an order is a matter of each key, and breaks where a version goes down.",
    hints=(
        "Orders are kept or lost key by key; between two keys there is no order.",
        "Remember for each key the version that was handled last.",
        (
            "Go through the pairs with a dict of the last version of each key; where a "
            "version is smaller than that, the key's order is lost."
        ),
    ),
    mistakes=(
        Mistake(
            code=_turned(
                "found, before = set(), 0\n"
                "    for key, version in handled:\n"
                "        if version < before:\n"
                "            found.add(key)\n"
                "        before = version\n"
                "    return found"
            ),
            hint="versions of different keys are compared there; each key counts by "
            "itself.",
        ),
        Mistake(
            code=_turned(
                LOOP.format("version != last.get(key, 0) + 1", "version"),
            ),
            hint="a gap is no broken order: the handling may have begun later, or an "
            "event may concern somebody else.",
        ),
        Mistake(
            code=_turned(LOOP.format("version > last.get(key, 0)", "version")),
            hint="a version that goes up is in order.",
        ),
        Mistake(
            code=_turned(LOOP.format("key in last", "version")),
            hint="a key may come again; what matters is whether its version goes down.",
        ),
        Mistake(
            code=_turned("return handled != sorted(handled, key=lambda one: one[1])"),
            hint="that is a yes or a no; asked for is which keys are out of order.",
        ),
        Mistake(
            code=_turned(
                LOOP.replace("found.add(key)", "return [key]").format(SINCE, "version")
            ),
            hint="the return inside the loop ends it at the first key; there may be "
            "more.",
        ),
        Mistake(
            code=_turned(
                LOOP.replace("found.add(key)", "return key").format(SINCE, "version")
            ),
            hint="that is one key, the first; give all of them, in a set or a list.",
        ),
        Mistake(
            code=_turned(
                LOOP.replace("add(key)", "add((key, version))").format(SINCE, "version")
            ),
            hint="those are pairs of key and version; give the keys alone.",
        ),
        Mistake(
            code=_turned(LOOP.format("version < last[key]", "version")),
            hint="the first event of a key finds nothing in the dict: last.get(key, 0) "
            "takes 0 for it.",
        ),
        Mistake(
            code=_turned("return set()"),
            hint="no key comes back: does the dict learn each version after it was "
            "compared?",
        ),
        Mistake(
            code=_turned(
                "return {k for k, _ in handled if [v for key, v in handled if key == k]"
                "\n            == sorted(v for key, v in handled if key == k)}"
            ),
            hint="these are the keys whose order was kept.",
        ),
        Mistake(
            code=_turned(
                "return {b[0] for a, b in zip(handled, handled[1:]) "
                "if a[0] == b[0] and b[1] < a[1]}"
            ),
            hint="other keys may be handled between two events of one key.",
        ),
        Mistake(
            code=_turned(f"{LOOP.format(SINCE, 'version')[:-5]}len(found)"),
            hint="that is a number; asked for is which keys.",
        ),
    ),
    trials=_turned_trials,
    names={},
    outcome=_set,
)

# --- 08.4: which id is the key? ---------------------------------------------------


def _question(_: Advice) -> str:
    return (
        "The events of an order must stay in order, and those of a user, too. Which id "
        "is the key?"
    )


def _choices(advice: Advice) -> Iterator[Option]:
    """Give the choices; an order has one buyer and one shop."""
    best = advice.best("order", "user").key
    reasons = {
        "order": (
            "two orders of one buyer lie apart then, and are handled in any order."
        ),
        "user": "that keeps a buyer's events together.",
        "seller": (
            "one shop's orders lie together, and a buyer's lie apart: nobody buys from "
            "one shop alone."
        ),
        "none": "without a key events take turns, and no order is kept at all.",
    }
    yield (
        best,
        (
            "right: an order has one buyer, so a partition that holds all of a "
            "buyer's events holds each of the orders whole."
        ),
    )
    for choice in advice.choices:
        yield choice.key, reasons[choice.key]


CHOICE = Prediction(number="08.4", minutes=1, question=_question, options=_choices)


LESSON = Lesson(
    name="08_partitions",
    title="Split the work, and keep each order",
    minutes=25,
    tasks=(MOVED, BREAKS, TURNED, CHOICE),
)
