"""Lesson 07 shows every number of the race as it was computed, and none too early."""

import json
from collections import Counter
from fractions import Fraction
from itertools import permutations
from pathlib import Path

import pytest

from esbench import workers
from esbench.domains import video

FILE = Path(__file__).parents[1] / "notebooks" / "07_the_race.ipynb"


def texts(output):
    """Give what an output says, pictures apart."""
    data = output.get("data", {})
    kept = [value for kind, value in data.items() if kind.startswith("text/")]
    return "".join("".join(value) for value in kept)


@pytest.fixture(scope="module")
def cells():
    """Give the cells: source, what stands under it, whether it is folded."""
    told = json.loads(FILE.read_text("utf-8"))["cells"]
    return [
        (
            "".join(cell["source"]),
            "".join(map(texts, cell.get("outputs", []))),
            bool({"folded", "solution"} & set(cell["metadata"].get("tags", []))),
        )
        for cell in told
    ]


@pytest.fixture(scope="module")
def outputs(cells):
    """Give all that stands under open cells."""
    return "\n".join(output for _, output, is_folded in cells if not is_folded)


def newest(row, message):
    """Write the event's number, whatever is in the row."""
    return message.version


def overwrite(row, message):
    """Write the video's status, whatever is in the row."""
    return video.written(row, message.event)


def test_three_workers_are_wrong_in_two_of_three_orders(outputs):
    """4 of 6, listed one by one; a sum is wrong in none: the bank forgives."""
    orders = list(permutations((1, 2, 3)))
    wrong = sum(order[-1] != 3 for order in orders)
    three = workers.spread(video.the_race().messages, 3)
    assert workers.ends(three, overwrite).wrong == Fraction(wrong, len(orders))
    told = f"({Fraction(2, 3)!r},\n '{wrong} of {len(orders)} orders end wrong, every"
    assert told in outputs
    assert f"'0 of {len(orders)} orders end wrong, every order alike" in outputs


def test_a_slow_worker_makes_it_431_of_462(outputs):
    """The fraction of the race of latencies stands there exactly."""
    chance = workers.race({"W1": 10_000, "*": 1_000})
    slow = workers.spread(video.the_race().messages, 3, chance=chance)
    exact = workers.ends(slow, overwrite).wrong
    assert exact == Fraction(431, 462)
    assert f"({exact!r}, {float(exact):.3f})" in outputs


def test_two_meanings_of_random_give_two_numbers(outputs):
    """1/2 uniformly over orders, 157/432 under a uniform scheduler."""
    queues = [[1, 4], [2], [3, 5, 6]]
    found = [
        workers.listed(workers.schedules(queues, chance=chance), newest).wrong
        for chance in (workers.EVERY_ORDER, workers.EVERY_WORKER)
    ]
    assert found == [Fraction(1, 2), Fraction(157, 432)]
    assert repr(found) in outputs


def test_eleven_billion_orders_are_counted(outputs):
    """11,732,745,024 orders, 3/4 of them wrong, over 4,321 pairs."""
    found = workers.ends(workers.spread(range(1, 21), 4), newest)
    assert (found.orders, found.wrong) == (11_732_745_024, Fraction(3, 4))
    told = f"('{found.orders:,} orders', {found.wrong!r}, '{found.pairs:,} pairs"
    assert told in outputs
    assert found.pairs == 4_321


def test_the_tournament_is_seen_with_its_scopes(outputs):
    """Each fix under both conditions, wrong orders and scope; then the whole table."""
    held = workers.tournament(video.the_race())
    known = {"last write wins": (4, 28), "version guard": (0, 0)}
    known |= {"strict next": (5, 32), "strict next, buffered": (0, 0)}
    known |= {"partition by key": (0, 2)}
    for fix, wrong in known.items():
        told = [held.of(fix, under) for under in ("any order", "one redelivery")]
        assert tuple(one.wrong_orders for one in told) == wrong
        for one in told:
            said = f"{one.wrong_orders} of {one.orders} wrong, {one.scope}"
            assert f"'{fix}': '{said}'" in outputs
        line = next(row for row in held.table().splitlines() if f"| {fix} |" in row)
        assert line in outputs


def place_of(cells, start, number):
    """Give the place of the number-th open cell whose source begins like this."""
    found = [
        at
        for at, (source, _, is_folded) in enumerate(cells)
        if source.startswith(start) and not is_folded
    ]
    return found[number - 1]


@pytest.mark.parametrize(
    ("answer", "start", "number"),
    [
        ("unavoidable", "stage", 1),
        ("already lost", "stage", 1),
        ("4 of 6", "def wrong", 1),
        ("431", "stage", 2),
        ("5 of 6", "stage", 3),
        ("28 of 42", "def late", 1),
        ("2 of 7", "def late", 1),
    ],
)
def test_nothing_is_told_before_it_is_asked(cells, answer, start, number):
    """No open cell shows an answer before the learner could have given one."""
    asked = place_of(cells, start, number)
    told = [
        at
        for at, (source, output, is_folded) in enumerate(cells)
        if answer in source + output and not is_folded
    ]
    assert told
    assert min(told) > asked


def test_one_stage_is_shown_wherever_it_is_needed(cells):
    """The order that a learner lost is still there when it is to be mended."""
    made = Counter(source for source, _, _ in cells if source.startswith("stage"))
    assert made == {"stage = race(seed=seed)\nstage": 1, "stage": 2}
