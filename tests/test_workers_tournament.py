"""The tournament says which fix holds under what, in which scope, and at what price."""

from fractions import Fraction
from math import inf
from random import Random

import pytest
from hypothesis import given as cases
from hypothesis import strategies as st

from esbench.errors import InvalidSchedule
from esbench.workers import (
    FIXES,
    LAST_WRITE_WINS,
    LOCK_PER_KEY,
    PARTITION_BY_KEY,
    SINGLE_WRITER,
    STRICT_NEXT,
    STRICT_NEXT_BUFFERED,
    STRICT_NEXT_IN_MEMORY,
    VERSION_GUARD,
    conditions,
    cost,
    exponential,
    given,
    listed,
    messages,
    replay,
    rerouted,
    schedules,
    simulated,
    spread,
    tournament,
    traffic,
)
from esbench.workers.tournament import watched

ANY, AGAIN, CRASH = "any order", "one redelivery", "crash anywhere"


def says(state, event):
    """Give the state that the event names."""
    return event


VIDEO = traffic(["uploaded", "processing", "success"], says)


@pytest.fixture(scope="module")
def table():
    """Give the tournament of the video."""
    return tournament(VIDEO, loads=20)


@pytest.mark.parametrize(
    ("fix", "any_order", "again"),
    [
        ("last write wins", (4, 6), (28, 42)),
        ("lock per key", (4, 6), (28, 42)),
        ("version guard", (0, 6), (0, 42)),
        ("strict next", (5, 6), (32, 42)),
        ("strict next, buffered", (0, 6), (0, 42)),
        ("partition by key", (0, 1), (2, 7)),
        ("single writer", (0, 1), (2, 7)),
        ("commutative state", (0, 6), (0, 42)),
        ("idempotent by id", (4, 6), (28, 42)),
    ],
)
def test_the_numbers_are_those_that_are_known(table, fix, any_order, again):
    """Wrong orders of all orders, without and with at most one redelivery."""
    for under, (wrong, orders) in ((ANY, any_order), (AGAIN, again)):
        found = table.of(fix, under)
        assert (found.wrong_orders, found.orders) == (wrong, orders)
        assert found.wrong == Fraction(wrong, orders)


def test_in_order_all_of_them_are_right(table):
    """Without disorder there is nothing to fix, and no fix does harm."""
    alone = [each for each in table.results if each.under == "in order, once"]
    assert len(alone) == len(FIXES)
    assert {each.wrong for each in alone} == {0}
    assert {each.lost for each in alone} == {0}


def test_no_claim_is_without_its_scope(table):
    """What is right is proved for all of so many; what is wrong has a witness."""
    for each in table.results:
        if each.wrong:
            assert each.scope == "refuted, with a witness"
            assert each.witness.state != "success"
        else:
            assert each.scope.startswith("proved for ")
            assert each.witness is None
    assert table.of("version guard", AGAIN).scope == "proved for all 42 interleavings"


def test_a_crash_takes_what_lay_in_memory(table):
    """A buffer in the row survives a crash; one in a worker's memory does not."""
    assert table.of("strict next, buffered", CRASH).wrong == 0
    lost = table.of("buffered in memory", CRASH)
    assert lost.wrong > 0
    assert lost.lost > 0
    assert "crashed" in lost.witness.says
    assert table.of("buffered in memory", ANY).wrong == 0


def test_a_crash_on_one_queue_is_harmless(table):
    """A partition's events come again from the crash on, in order."""
    assert table.of("partition by key", CRASH).wrong == 0


def test_the_price_is_in_the_table(table):
    """A guard loses what overtaken events knew; ids and buffers take room."""
    assert table.of("version guard", ANY).lost == Fraction(7, 6)
    assert table.of("strict next, buffered", ANY).lost == 0
    assert table.of("last write wins", AGAIN).doubled > 0
    assert table.of("idempotent by id", AGAIN).doubled == 0
    costs = table.costs
    assert costs["single writer"].parallelism == 1
    assert costs["last write wins"].parallelism > costs["partition by key"].parallelism
    assert costs["lock per key"].waiting > 0 == costs["last write wins"].waiting
    assert costs["strict next, buffered"].waiting > 0
    assert costs["idempotent by id"].memory == 12  # four videos, three ids each


def test_a_gap_leaves_events_stuck():
    """What waits for an event that never comes is counted as stuck."""
    gap = traffic([1, 3], says)
    found = tournament(gap, fixes=[STRICT_NEXT_BUFFERED], loads=1)
    assert found.of("strict next, buffered", ANY).stuck == 1


def test_a_learner_s_own_function_enters_the_table():
    """A plain function competes, is refuted with a witness, or proved."""

    def mine(row, message):
        row = row or {"status": None, "at": 0}
        if message.version > row["at"]:
            row.update(status=message.type, at=message.version)
        return row

    def careless(row, message):
        return message.type

    done = traffic(
        ["uploaded", "processing", "success"],
        lambda state, event: {"status": event, "at": 1 + (state or {"at": 0})["at"]},
    )
    found = tournament(done, fixes=[mine, VERSION_GUARD], loads=2)
    assert found.of("mine", ANY).wrong == 0
    assert found.of("mine", AGAIN).scope == "proved for all 42 interleavings"
    plain = tournament(VIDEO, fixes=[careless], loads=2)
    assert plain.of("careless", ANY).wrong_orders == 4
    assert "before 2: one inversion" in plain.of("careless", ANY).witness.says


def test_what_is_too_large_is_sampled_and_refuted_by_what_was_drawn():
    """Above the limit the scope says so, and a losing order is still told."""
    work = traffic(range(1, 9), says)
    found = tournament(
        work,
        {ANY: conditions(work)[ANY]},
        [LAST_WRITE_WINS, VERSION_GUARD],
        limit=100,
        runs=200,
        loads=1,
    )
    guard, last = found.of("version guard", ANY), found.of("last write wins", ANY)
    assert guard.scope == "sampled, 200 runs, seed 1"
    assert guard.interval[1] > 0 == guard.wrong
    assert last.scope == "refuted, with a witness, sampled, 200 runs, seed 1"
    assert last.witness.state != last.witness.right == 8


def test_schedules_of_one_s_own_are_rerouted_for_a_fix():
    """Queues by key hold their key's events in order, whoever had them before."""
    told = [*messages([1, 2], aggregate_id="a"), *messages([1, 2], aggregate_id="b")]
    mixed = spread([told[0], told[2], told[1], told[3]], 3)
    by_key = rerouted(mixed, "by key")
    assert [[m.event_id for m in queue] for queue in by_key.queues] == [
        ["a/1", "a/2"],
        ["b/1", "b/2"],
    ]
    assert rerouted(mixed, "one worker").count == 1
    work = traffic(told, says)
    found = tournament(
        work, {"mixed": mixed}, [LAST_WRITE_WINS, PARTITION_BY_KEY], loads=1
    )
    assert found.of("partition by key", "mixed").wrong == 0
    assert found.of("last write wins", "mixed").wrong > 0


@cases(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    st.sampled_from(FIXES),
    st.sampled_from([ANY, AGAIN, CRASH]),
)
def test_every_cell_is_what_listing_all_orders_finds(states, fix, under):
    """Over generated traffic, counted account and all."""
    work = traffic([f"{name}{n % 2}" for n, name in enumerate(states)], says)
    drawn = rerouted(conditions(work)[under], fix.route)
    found = tournament(work, {under: conditions(work)[under]}, [fix], loads=1)
    slow = listed(drawn, watched(fix.makes(work)))
    wrong = sum(e.orders for e in slow.ends if e.state[0] != work.right)
    lost = sum(e.orders * (len(states) - len(e.state[1])) for e in slow.ends)
    cell = found.of(fix.name, under)
    assert (cell.wrong_orders, cell.orders) == (wrong, slow.orders)
    assert cell.lost == Fraction(lost, slow.orders)


def test_the_table_is_markdown_and_a_frame(table):
    """A line for each fix, a column for each condition, signs beside the numbers."""
    lines = table.table().splitlines()
    assert len(lines) == 2 + len(FIXES)
    assert "| last write wins | 0 of 1 ✓ | 4 of 6 ✕ | 28 of 42 ✕ |" in lines[2]
    assert table.frame().height == 4 * len(FIXES)
    assert "proved under all conditions: version guard" in repr(table)


def test_names_are_told_apart():
    """Two fixes of one name, and a fix that did not take part, are refused."""
    with pytest.raises(InvalidSchedule, match="rename one"):
        tournament(VIDEO, fixes=[LAST_WRITE_WINS, LAST_WRITE_WINS])
    with pytest.raises(InvalidSchedule, match="not in the table"):
        tournament(VIDEO, fixes=[LAST_WRITE_WINS], loads=1).of("luck", ANY)
    with pytest.raises(InvalidSchedule, match="no event"):
        traffic([], says)


# Under a load


@pytest.mark.parametrize("fix", FIXES, ids=str)
def test_a_loaded_run_is_a_trace_that_replays(fix):
    """The same seed gives the same bytes, and the handling gives the states again."""
    trace = simulated(VIDEO, fix, seed=4)
    assert trace.to_json() == simulated(VIDEO, fix, seed=4).to_json()
    assert replay(trace, fix.makes(VIDEO)) == trace
    assert cost(VIDEO, fix, runs=3) == cost(VIDEO, fix, runs=3)


def test_a_lock_keeps_two_workers_off_one_key():
    """With it no two works on one key overlap; the slow first event goes first."""
    slow = given({"W1": 100, "*": 10})
    trace = simulated(VIDEO, LOCK_PER_KEY, latencies=slow)
    assert [(s.at, s.worker, s.did) for s in trace.steps if s.did != "took"] == [
        (0, "W2", "waited"),
        (0, "W3", "waited"),
        (100, "W1", "wrote"),
        (110, "W2", "wrote"),
        (120, "W3", "wrote"),
    ]
    free = simulated(VIDEO, LAST_WRITE_WINS, latencies=slow)
    assert free.states == {"it": "uploaded"}


def test_what_is_held_is_told():
    """An event out of turn is held, and applied when its turn comes."""
    slow = given({"W1": 100, "*": 10})
    trace = simulated(VIDEO, STRICT_NEXT_IN_MEMORY, latencies=slow)
    assert [s.did for s in trace.steps if s.did != "took"] == ["held", "held", "wrote"]
    assert trace.states == {"it": "success"}
    dropped = simulated(VIDEO, STRICT_NEXT, latencies=slow)
    assert [s.did for s in dropped.steps if s.did != "took"] == [
        "passed over",
        "passed over",
        "wrote",
    ]


def test_workers_are_as_busy_as_queues_theory_says():
    """One worker is always at work; its share of the time is exactly one."""
    alone = cost(VIDEO, SINGLE_WRITER, runs=5, latencies=exponential(10))
    assert alone.parallelism == 1
    many = cost(VIDEO, LAST_WRITE_WINS, runs=5, copies=200)
    assert many.parallelism == pytest.approx(3, abs=0.1)


def test_no_price_is_without_its_interval(table):
    """Each lies within its own, in a frame that says how many runs there were."""
    frame = table.frame()
    assert set(frame["loads"]) == {20}
    for name in ("parallelism", "waiting", "memory"):
        low, value, high = (frame[f"{name}{side}"] for side in ("_low", "", "_high"))
        assert ((low >= 0) & (low <= value) & (value <= high)).all()
    assert "prices sampled in 20 runs" in repr(table)
    wide = table.costs["last write wins"].intervals["parallelism"]
    assert 0.05 < wide[1] - wide[0] < 0.5


@pytest.mark.parametrize("name", ["parallelism", "waiting"])
def test_intervals_of_prices_hold_what_many_runs_find(name):
    """Of a hundred samples about ninety-five have the truth in their interval."""
    truth = getattr(cost(VIDEO, LOCK_PER_KEY, runs=5_000, seed=99), name)
    held = 0
    for seed in range(100):
        low, high = cost(VIDEO, LOCK_PER_KEY, runs=40, seed=seed).intervals[name]
        held += low <= truth <= high
    assert 87 <= held <= 99


def test_one_run_says_nothing_of_others():
    """Its interval has no end; where nothing varies, it has no width."""
    assert cost(VIDEO, VERSION_GUARD, runs=1).intervals["waiting"] == (0, inf)
    sure = cost(VIDEO, SINGLE_WRITER, runs=5).intervals
    assert sure["parallelism"] == (1, 1)
    assert sure["waiting"] == (0, 0)


def test_simulated_races_agree_with_the_exact_answer():
    """Three workers with exponential times lose as often as counting says."""
    slow, wrong, dice = exponential({"W1": 10_000, "*": 1_000}), 0, Random(1)
    for _ in range(1_500):
        trace = simulated(
            VIDEO, LAST_WRITE_WINS, latencies=slow, seed=dice.getrandbits(40)
        )
        wrong += trace.states != {"it": "success"}
    assert abs(wrong / 1_500 - 431 / 462) < 0.02


def test_lanes_hold_every_event_once():
    """Whatever the route, no event is dropped on the way to its queue."""
    work = traffic(messages(["a", "b"]), says)
    for fix in FIXES:
        for drawn in conditions(work).values():
            queues = rerouted(drawn, fix.route).queues
            assert sorted(m.event_id for q in queues for m in q) == ["it/1", "it/2"]
    assert schedules([[1]]).count == 1
