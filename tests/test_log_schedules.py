"""Whatever the order in which programs take their steps, the log keeps its promises.

``schedules`` tells how the orders are searched and what is held to be a promise. Each
scene below is searched through all states that can be told apart; where there are too
many, random orders are tried, by seeds. The number is told.
"""

import sys

import pytest
from schedules import Violation, World
from schedules_programs import HOUR, MERGE, lister, merger, others, reader, writer

CLEARED = (1, MERGE, HOUR, MERGE)
"""A second commit comes, both are merged, and an hour later removed as files."""

QUICK = {
    "two writers of one version, and a reader": {
        "programs": [
            writer("ann", 1, expected=1),
            writer("bob", 2, expected=1),
            reader("rob", 2),
        ],
    },
    "two writers of any version, and a reader who asks for the head": {
        "programs": [writer("ann", 1), writer("bob", 2), reader("rob", asks_head=True)],
    },
    "two writers who have not looked yet, and a reader": {
        "programs": [
            writer("ann", 1, is_warm=False),
            writer("bob", 2, is_warm=False),
            reader("rob"),
        ],
    },
    "three writers": {
        "programs": [
            writer("ann", 1),
            writer("bob", 2),
            writer("cy", 1, expected=1, is_warm=False),
        ],
    },
    "two who make the log": {
        "before": [],
        "programs": [
            writer("ann", 1, has_opened=False),
            writer("bob", 1, has_opened=False),
        ],
    },
    "a writer and a merger": {
        "programs": [writer("ann", 1), merger("meg")],
    },
    "a writer and a merger on two levels": {
        "before": [1, 1, 1],
        "programs": [writer("ann", 1), merger("meg")],
    },
    "two mergers on two levels": {
        "before": [1, 1, 1, 1],
        "programs": [merger("meg"), merger("max")],
    },
    "two mergers, and a commit that closes a window": {
        "before": [1, 1, 1],
        "programs": [
            merger("meg", is_warm=True),
            merger("max", is_warm=True),
            others("all", 1),
        ],
    },
    "a merger, while others append and merge": {
        "before": [1, 1],
        "programs": [merger("meg"), others("all", 1, MERGE)],
    },
    "a merger who stops, and others who delete an hour later": {
        "before": [1, 1],
        "programs": [merger("meg"), others("all", HOUR, MERGE)],
    },
    "a writer who sleeps, while others merge and delete": {
        "programs": [writer("ann", 1), others("all", *CLEARED)],
    },
    "a writer who sleeps, while others merge twice and delete": {
        "programs": [writer("ann", 1), others("all", 2, MERGE, HOUR, MERGE)],
    },
    "a writer who sleeps, and a reader, while others merge and delete": {
        "programs": [
            writer("ann", 1),
            reader("rob", is_warm=True),
            others("all", *CLEARED),
        ],
    },
    "a stale writer, and a reader": {
        "meanwhile": CLEARED,
        "programs": [writer("ann", 1), reader("rob")],
    },
    "a stale writer of much, and a reader who has looked": {
        "meanwhile": CLEARED,
        "programs": [writer("ann", 3), reader("rob", is_warm=True)],
    },
    "a stale writer of much, and one of little": {
        "meanwhile": CLEARED,
        "programs": [writer("ann", 3), writer("bob", 1)],
    },
    "a list of files, while others merge": {
        "before": [1, 1],
        "programs": [lister("lou"), merger("meg"), others("all", MERGE)],
    },
    "a list of files with segments, while others merge": {
        "before": [1, 1, MERGE, HOUR],
        "programs": [lister("lou"), others("all", 1, 1, MERGE, MERGE)],
    },
    "a reader, while others merge and delete": {
        "before": [1, 1],
        "programs": [reader("rob"), others("all", MERGE, HOUR, MERGE)],
    },
}
LONG = {
    "two mergers who look at different times, while others append and merge": {
        "before": [1, 1, 1],
        "programs": [
            merger("meg", is_warm=True),
            merger("max", is_warm=True),
            others("all", 1, MERGE),
        ],
    },
    "two writers, twice each, and a reader": {
        "programs": [writer("ann", 1, 1), writer("bob", 2, 1), reader("rob")],
    },
    "a writer, a merger and a reader": {
        "before": [1, 1, 1],
        "programs": [writer("ann", 1), merger("meg"), reader("rob")],
    },
    "two writers, and a merger who deletes": {
        "hours": 1,
        "programs": [writer("ann", 1), writer("bob", 1), merger("meg", 2)],
    },
    "a writer of much who sleeps, and a reader, while others merge and delete": {
        "programs": [writer("ann", 3), reader("rob"), others("all", *CLEARED)],
    },
    "a merger who sleeps, while others merge and delete": {
        "before": [1, 1, 1],
        "programs": [merger("meg", is_warm=True), others("all", *CLEARED)],
    },
    "a merger who has not looked yet, while others merge and delete": {
        "before": [1, 1, 1],
        "programs": [merger("meg"), others("all", *CLEARED)],
    },
    "a stale writer, a reader, and others who merge and delete": {
        "before": [1, 1],
        "meanwhile": [MERGE],
        "programs": [
            writer("ann", 2),
            reader("rob", is_warm=True),
            others("all", 2, MERGE, HOUR, MERGE),
        ],
    },
    "a stale writer, another, and others who merge and delete": {
        "before": [1, 1],
        "meanwhile": [MERGE],
        "programs": [
            writer("ann", 2),
            writer("bob", 1),
            others("all", 2, MERGE, HOUR, MERGE),
        ],
    },
}
EVERYBODY = {
    "hours": 2,
    "before": [1, 1],
    "programs": [
        writer("ann", 1, 2, 1),
        writer("bob", 1, 1, expected=2),
        writer("cy", 2, 1, is_warm=False),
        merger("meg", 2),
        merger("max", 3),
        reader("rob", 3, asks_head=True),
    ],
}


@pytest.fixture
def tell(capsys):
    """Give a way to write a line that shows even where tests pass."""

    def line(text):
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}\n")

    return line


@pytest.mark.parametrize("scene", QUICK)
def test_no_order_breaks_a_promise(scene, tell):
    """In all states of a small scene, and after a crash in each, all promises hold."""
    tell(f"{scene}: {World(**QUICK[scene]).search():,} states")


@pytest.mark.torture
@pytest.mark.parametrize("scene", LONG)
def test_no_order_breaks_a_promise_in_a_larger_scene(scene, tell):
    """In all states of a larger scene, and after a crash in each, all promises hold."""
    tell(f"{scene}: {World(**LONG[scene]).search():,} states")


def test_random_orders_of_everybody_break_no_promise(tell):
    """Three writers, two mergers who delete, and a reader: some ways up to a crash."""
    tell(f"{World(**EVERYBODY).sample(seed=0, walks=10):,} random steps")


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(1, 11))
def test_many_random_orders_of_everybody_break_no_promise(seed, tell):
    """The same, a hundred ways for each seed."""
    tell(f"seed {seed}: {World(**EVERYBODY).sample(seed=seed, walks=100):,} steps")


# --- the search sees -------------------------------------------------------------


def test_the_shortest_way_to_a_fault_is_told(monkeypatch):
    """A guard is taken out: the search says what breaks, and who did what before."""
    monkeypatch.setattr("esbench.log.view.View.taken_in", lambda *_: None)
    world = World(programs=[writer("ann", 1), others("all", *CLEARED)])
    with pytest.raises(Violation) as caught:
        world.search()
    assert str(caught.value).splitlines() == [
        "ann.0:1/1 was acknowledged at 2, and the log holds before.0:1/1, all.0:1/1",
        "after 6 steps:",
        "    all append => told that all.0:1/1 stands at 2",
        "    all merge",
        "    all let an hour pass",
        "    all merge",
        "    ann makes events/2",
        "    ann syncs events => told that ann.0:1/1 stands at 2",
    ]


def test_a_crash_that_loses_is_told(monkeypatch):
    """When others' names are not synced, a crash leaves a gap: the search says so."""
    monkeypatch.setattr("esbench.log.view.View.settle", lambda _: None)
    world = World(programs=[writer("ann", 1), writer("bob", 1)])
    with pytest.raises(Violation, match="after a crash that loses events/2: the log"):
        world.search()


def test_random_ways_see_and_are_made_short(monkeypatch):
    """Random ways come upon a guard's absence, and leave out what has no part in it."""
    monkeypatch.setattr("esbench.log.view.View.taken_in", lambda *_: None)
    writers = [writer("ann", 1), writer("bob", 1), writer("cy", 2)]
    world = World(programs=[*writers, others("all", *CLEARED)])
    with pytest.raises(Violation, match="acknowledged") as caught:
        world.sample(seed=0, walks=100)
    told = str(caught.value).splitlines()
    assert len(told) < 15
    assert "    all let an hour pass" in told


def test_the_same_seed_takes_the_same_steps():
    """A sample is repeated by its seed."""
    scene = QUICK["a stale writer of much, and one of little"]
    counts = {World(**scene).sample(seed=3, walks=9) for _ in range(2)}
    assert len(counts) == 1
