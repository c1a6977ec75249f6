"""Lesson 09: a consumer group, a rebalance, and a worker that lost its partition.

What lives here: its two predictions and its two exercises, as data.
The guarantee: what is right is computed from the run that the lesson hands over, or by
the solutions below.
What it may not know: notebooks, how a group works.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction

# --- 09.1: deal in turn -----------------------------------------------------------


def _dealt(body: str) -> str:
    return f"def dealt(members, partitions):\n    {body}"


IN_TURN = (
    "return {{\n"
    "        name: list(range({}, partitions, len(members)))\n"
    "        for turn, name in enumerate(members)\n"
    "    }}"
)


def _dealt_trials() -> list[Trial]:
    return [
        (["w1", "w2", "w3"], 9),
        (["w1", "w2"], 9),
        (["w1", "w2", "w3", "w4"], 9),
        (["a", "b", "c"], 2),
        (["only"], 3),
    ]


def _lists(result: Any, _: Trial) -> Any:
    """Take any collection of partitions for a list in order."""
    if not isinstance(result, dict):
        return result
    several = (list, tuple, set, frozenset, range)
    return {
        name: sorted(places) if isinstance(places, several) else places
        for name, places in result.items()
    }


DEALT = Exercise(
    number="09.1",
    minutes=4,
    asks="dealt",
    stub=_dealt("raise NotImplementedError  # your turn"),
    solution=_dealt(IN_TURN.format("turn")),
    praise="in turn, like cards, and every partition has one owner.",
    hints=(
        "Deal three cards to each of three players, one by one: who gets the fourth?",
        "The first gets 0 and then every partition that is a whole round further on.",
        (
            "range takes a start, an end and a step: start at the member's own place, "
            "and step by the number of members."
        ),
    ),
    mistakes=(
        Mistake(
            code=_dealt(
                "size = partitions // len(members)\n"
                "    return {\n"
                "        name: list(range(turn * size, (turn + 1) * size))\n"
                "        for turn, name in enumerate(members)\n"
                "    }"
            ),
            hint="those are neighbours, as by range, and what is left over has no "
            "owner: deal one by one.",
        ),
        Mistake(
            code=_dealt(
                "size = -(-partitions // len(members))\n"
                "    return {\n"
                "        name: list(range(partitions))[turn * size : (turn + 1) * size]"
                "\n        for turn, name in enumerate(members)\n"
                "    }"
            ),
            hint="those are neighbours, as by range; in turn the first gets 0, then 3.",
        ),
        Mistake(
            code=_dealt(IN_TURN.format("turn + 1")),
            hint="partitions are counted from 0, and nobody owns that one.",
        ),
        Mistake(
            code=_dealt(
                "return {\n"
                "        name: list(range(turn, partitions, 3))\n"
                "        for turn, name in enumerate(members)\n"
                "    }"
            ),
            hint="there are not always three of them: step by how many there are.",
        ),
        Mistake(
            code=_dealt(IN_TURN.format("turn")).replace(
                "list(range(turn, partitions, len(members)))",
                "list(range(turn, partitions, len(members)))[:3]",
            ),
            hint="a few partitions have no owner: a member may well get more than "
            "three.",
        ),
        Mistake(
            code=_dealt("return {n: [turn] for turn, n in enumerate(members)}"),
            hint="one for each is the first round only; deal on until none is left.",
        ),
        Mistake(
            code=_dealt("return dict(zip(members, range(partitions)))"),
            hint="give a list of partitions for each member, not one number, and deal "
            "on until none is left.",
        ),
        Mistake(
            code=_dealt(
                "return {n: list(range(3 * turn, 3 * turn + 3)) "
                "for turn, n in enumerate(members)}"
            ),
            hint="those are three neighbours each, however many there are: deal one by "
            "one.",
        ),
        Mistake(
            code=_dealt(
                "each, more = divmod(partitions, len(members))\n"
                "    count = len(members)\n"
                "    starts = [t * each + min(t, more) for t in range(count + 1)]\n"
                "    return {n: list(range(starts[t], starts[t + 1]))\n"
                "            for t, n in enumerate(members)}"
            ),
            hint="that is range, and well done; in turn, the second partition is the "
            "second member's.",
        ),
        Mistake(
            code=_dealt(
                "return {place: members[place % len(members)] "
                "for place in range(partitions)}"
            ),
            hint="that says for each partition whose it is; asked for is what each "
            "member owns.",
        ),
        Mistake(
            code=_dealt("return {name: list(range(partitions)) for name in members}"),
            hint="then each partition has every owner, and its events are written by "
            "all of them.",
        ),
    ),
    trials=_dealt_trials,
    names={},
    outcome=_lists,
)

# --- 09.2: always? ----------------------------------------------------------------


def _always(run: Any) -> str:
    return (
        "w1 sleeps for 16 ticks, and partitions are dealt by round robin. How many of "
        f"the {len(run.partitions)} partitions belong to one worker from beginning to "
        "end?"
    )


def _kept(run: Any) -> Iterator[Option]:
    places = len(run.partitions)
    owners = Counter(place for place, _ in _pairs(run))
    lost = len(run.rebalances[0].assignment["w1"])
    yield (
        f"{sum(count == 1 for count in owners.values())}",
        (
            "right: with one worker less, round robin deals all partitions anew, and "
            "most of them land somewhere else."
        ),
    )
    yield (
        f"{places}",
        "so the text has it, always. But whoever is silent is taken for dead.",
    )
    yield (
        f"{places - lost}",
        (
            "that would be all but w1's. Round robin does not look who had what: it "
            "deals the others' partitions anew, too."
        ),
    )
    yield "0", "a few land where they were, by chance."
    for count in range(1, places):
        yield f"{count}", "deal 0 to 8 to two workers in turn, and compare."


def _pairs(run: Any) -> set[tuple[int, str]]:
    """Return who ever owned what."""
    return {(each.partition, each.member) for each in run.ownerships}


ALWAYS = Prediction(number="09.2", minutes=2, question=_always, options=_kept)

# --- 09.3: a fence ----------------------------------------------------------------


def _accepted(body: str) -> str:
    return f"def accepted(writes):\n    {body}"


FENCED = (
    "latest, kept = {{}}, []\n"
    "    for partition, generation, text in writes:\n"
    "        if generation {} latest.get(partition, 0):\n"
    "            {}\n"
    "            kept.append(text)\n"
    "    return kept"
)
NOTED = "latest[partition] = generation"


def _accepted_trials() -> list[Trial]:
    nap = [(3, 1, "uploaded"), (3, 2, "success"), (3, 1, "processing")]
    two = [(0, 2, "a"), (1, 1, "b"), (0, 1, "c"), (1, 1, "d"), (0, 2, "e")]
    long = [(0, 1, "a"), (0, 3, "b"), (0, 2, "c"), (0, 3, "d"), (0, 1, "e")]
    twice = [(5, 4, "x"), (5, 2, "y"), (5, 3, "z")]
    return [(nap,), (two,), (long,), (twice,), ([],)]


ACCEPTED = Exercise(
    number="09.3",
    minutes=5,
    asks="accepted",
    stub=_accepted("raise NotImplementedError  # your turn"),
    solution=_accepted(FENCED.format(">=", NOTED)),
    praise="whoever has lost a partition writes to it no more.",
    hints=(
        "The store must know, for each partition, which dealing was the latest.",
        "Keep a dict from partition to the highest generation that has written there.",
        (
            "A write passes if its generation is not lower than the one kept for its "
            "partition; then its own is the one to keep."
        ),
    ),
    mistakes=(
        Mistake(
            code=_accepted(FENCED.format(">", NOTED)),
            hint="an owner writes more than once: its own generation passes again.",
        ),
        Mistake(
            code=_accepted(
                FENCED.format(">=", NOTED)
                .replace("latest.get(partition, 0)", "latest.get(0, 0)")
                .replace("latest[partition]", "latest[0]")
            ),
            hint="one number for all partitions turns owners away that lost nothing: "
            "keep one for each.",
        ),
        Mistake(
            code=_accepted("return [text for _, _, text in writes]"),
            hint="that lets everything pass, also from whoever has lost the partition.",
        ),
        Mistake(
            code=_accepted(
                "last = max((generation for _, generation, _ in writes), default=0)\n"
                "    return [text for _, one, text in writes if one == last]"
            ),
            hint="a store does not know what will come: judge each write by those "
            "before it, and each partition by itself.",
        ),
        Mistake(
            code=_accepted(
                "latest, kept = {}, []\n"
                "    for partition, generation, text in writes:\n"
                "        if generation >= latest.get(partition, 0):\n"
                "            kept.append(text)\n"
                "        latest[partition] = generation\n"
                "    return kept"
            ),
            hint="a refused write must not lower the fence: note only what passes.",
        ),
        Mistake(
            code=_accepted("return writes"),
            hint="that is everything, and whole: give the texts alone, of those writes "
            "that pass.",
        ),
        Mistake(
            code=_accepted(
                "return [(p, g, t) for i, (p, g, t) in enumerate(writes)\n"
                "            if all(g >= h for q, h, _ in writes[:i] if q == p)]"
            ),
            hint="the right ones pass; give their texts alone, not the tuples.",
        ),
        Mistake(
            code=_accepted(
                "return [t for i, (_, g, t) in enumerate(writes)\n"
                "            if not i or g >= writes[i - 1][1]]"
            ),
            hint="the write before may be another partition's, or a refused one: "
            "compare with what this partition has let pass.",
        ),
        Mistake(
            code=_accepted(
                "return [t for p, g, t in writes\n"
                "            if all(g >= h for q, h, _ in writes if q == p)]"
            ),
            hint="that looks at writes which are still to come: an owner's write is "
            "right until a later owner has written.",
        ),
        Mistake(
            code=_accepted("return [text for _, one, text in writes if one > 1]"),
            hint="no generation is wrong by itself; it is wrong after a higher one in "
            "the same partition.",
        ),
        Mistake(
            code=_accepted(
                "latest = {}\n"
                "    for partition, generation, text in writes:\n"
                "        if generation >= latest.get(partition, (0,))[0]:\n"
                "            latest[partition] = (generation, text)\n"
                "    return [text for _, text in latest.values()]"
            ),
            hint="that is each partition's last write; give every text that passed, in "
            "order.",
        ),
        Mistake(
            code=_accepted(FENCED.format("<=", NOTED)),
            hint="generations rise: a lower one is the older.",
        ),
        Mistake(
            code=_accepted(FENCED.format(">=", NOTED)).replace(
                "return kept", "return dict(enumerate(kept))"
            ),
            hint="asked for is the list of texts that pass, in their order.",
        ),
    ),
    trials=_accepted_trials,
    names={},
)

# --- 09.4: Kafka, and a crash before the commit -----------------------------------


def _again(taken: int, left: int, sent: int) -> str:  # noqa: ARG001  # as its options
    return (
        f"A consumer dies after the effect of event {taken} of {sent}, before its "
        "commit. How many events does Kafka give out a second time?"
    )


def _again_options(taken: int, left: int, sent: int) -> Iterator[Option]:
    yield (
        f"{taken - (sent - left)}",
        (
            "right: every event before it was committed, and of this one Kafka does "
            "not know that it is done."
        ),
    )
    yield "0", "Kafka does not see your store; it knows only what was committed."
    yield f"{taken}", "the ones before were committed, each after its own effect."
    yield f"{sent}", "a group goes on where it committed, and not at the start."
    yield f"{left - 1}", "so many come for the first time."


AGAIN = Prediction(number="09.4", minutes=2, question=_again, options=_again_options)

LESSON = Lesson(
    name="09_consumer_groups",
    title="Keep out a worker that lost its partition",
    minutes=25,
    tasks=(DEALT, ALWAYS, ACCEPTED, AGAIN),
)
