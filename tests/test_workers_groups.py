"""A group keeps its promises whatever happens to its members, and shows what happened.

The table of faults is the proof that this suite sees: each fault, planted alone, turns
its promise red.
"""

from collections.abc import Callable, Mapping
from itertools import combinations, product
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esbench.errors import InvalidSchedule
from esbench.workers import Message, read_trace, replay
from esbench.workers.assignors import range_, round_robin, sticky
from esbench.workers.delivery import (
    AT_LEAST_ONCE,
    AT_MOST_ONCE,
    CHECK_THEN_MARK,
    EFFECTIVELY_ONCE,
    add,
    put,
)
from esbench.workers.failures import DROP, HALT, PARK_EVENT, REQUEUE
from esbench.workers.groups import Crash, Join, Leave, Pause, consume, listed
from esbench.workers.weather import storm, traffic

SEEDS = range(1000)
LONG = range(1000, 31_000)


# --- a thousand runs -------------------------------------------------------------


def survives(seeds, **options):
    """Run a group through storms; every promise is kept in each."""
    for seed in seeds:
        run = consume(**{**storm(seed), **options})
        assert not run.broken, (seed, run.broken)


def test_a_thousand_storms_break_nothing():
    """Crashes, sleepers, rebalances, copies, poison: no promise is broken."""
    survives(SEEDS)


def test_totals_come_out_too():
    """The same with a handler for which a second time counts twice."""
    survives(SEEDS[:300], handler=add, initial=0)


@pytest.mark.parametrize("every", [2, 5])
def test_committing_in_batches_costs_reading_twice_and_no_more(every):
    """Offsets committed for several events at once: more is read again."""
    survives(SEEDS[:200], commit_every=every)


def test_whoever_comes_back_commits_nothing_old():
    """A sleeper with uncommitted offsets joins again; they don't undo the others'."""
    survives([2855], commit_every=3, handler=add, initial=0)


@pytest.mark.torture
def test_thirty_thousand_storms_break_nothing():
    """The same, for as long as it takes."""
    survives(LONG)
    survives(LONG[:5000], commit_every=3, handler=add, initial=0)


def test_the_storms_are_bad():
    """What the runs are to survive really comes in them, and often."""
    runs = [consume(**storm(seed)) for seed in SEEDS[:200]]
    did = [{step.did for step in run.trace.steps} for run in runs]
    for word in ("crashed", "skipped", "failed", "parked", "revoked", "came back"):
        assert sum(word in each for each in did) > 100, word
    assert sum("refused" in each for each in did) > 20
    assert sum(not run.in_flight().is_empty() for run in runs) > 100


def test_halting_ends_with_nothing_wrong_and_something_left():
    """Where poison halts its partition, what was done is right, the rest waits."""
    left = 0
    for seed in SEEDS[:200]:
        run = consume(**storm(seed), policy=HALT)
        assert not run.broken, (seed, run.broken)
        left += sum(run.lags[-1][1])
    assert left > 0


# --- faults ----------------------------------------------------------------------


def in_turns(key: str, partitions: int, _turn: list[int] = [0]) -> int:  # noqa: B006  # it is to remember
    """Send each event to another partition, whatever its key."""
    _turn[0] += 1
    return _turn[0] % partitions


def twice(members, partitions, owned):
    """Give partition 0 to two members."""
    found = round_robin(members, partitions, owned)
    last = max(found, default="")
    return {n: p if n != last or 0 in p else (0, *p) for n, p in found.items()}


def forgetful(members, partitions, owned):
    """Forget the last partition."""
    return round_robin(members, partitions - 1, owned)


LOST, TWICE, ORDER, GAPS, WRONG, OWNER, SHARED, ALERT, TRIES, DONE = (
    "nothing is lost",
    "nothing counts twice",
    "order is kept",
    "nothing overtakes a missing one",
    "every end is right",
    "only the owner writes",
    "a partition has one owner",
    "each dead letter alerts",
    "tries end",
    "the work gets done",
)


class Fault(NamedTuple):
    """Something wrong with a consumer, and the promise that it breaks."""

    name: str
    options: Mapping[str, Any]
    promise: str
    base: Mapping[str, Any] = {}
    weather: Callable[[int], dict[str, Any]] = storm


def windy(seed):
    """Give a storm without copies and failing events."""
    return storm(seed, redelivery=False, failures=False)


def deadly(seed):
    """Give a calm in which one member dies for good."""
    return {**windy(seed), "script": (Crash(at=5, member="w1"),)}


# Its effect is idempotent, so it needs no inbox; but then it needs the fence.
PUTS = {"way": AT_LEAST_ONCE, "handler": put}

COPIES = {f"key_{key}/{version}": 2 for key in range(6) for version in range(1, 9)}
FAULTS = (
    Fault("ack before effect", {"way": AT_MOST_ONCE}, LOST),
    Fault("no dedupe", {"way": AT_LEAST_ONCE}, TWICE),
    Fault("mark in its own transaction", {"way": CHECK_THEN_MARK}, TWICE, {}, windy),
    Fault("revoked owner still writes", {"fenced": False}, WRONG, PUTS, windy),
    Fault("revoked owner writes, by luck no harm", {"fenced": False}, OWNER),
    Fault("producer writes twice", {"copies": COPIES}, WRONG, PUTS, windy),
    Fault("requeue", {"policy": REQUEUE}, ORDER),
    Fault("park the event alone", {"policy": PARK_EVENT}, WRONG),
    Fault("overtake what is parked", {"policy": PARK_EVENT}, GAPS),
    Fault("drop", {"policy": DROP}, LOST),
    Fault("tries counted in the event", {"tries_beside": False}, TRIES),
    Fault("a deadly event for ever", {"tries_beside": False}, DONE),
    Fault("dead letters that nobody hears of", {"alerts": False}, ALERT),
    Fault("keys to any partition", {"partitioner": in_turns}, ORDER),
    Fault("a partition given out twice", {"assignor": twice}, SHARED),
    Fault("a partition given to nobody", {"assignor": forgetful}, DONE),
    Fault("the dead are never missed", {"timeout": 10**6}, DONE, {}, deadly),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_planted_fault_is_found(fault):
    """Without the fault nothing is broken; with it, the promise it concerns is."""
    for seed in SEEDS:
        options = {**fault.weather(seed), **fault.base}
        broken = consume(**{**options, **fault.options}).broken
        if fault.promise in broken:
            sound = consume(**options).broken
            assert set(sound) <= ({TWICE, ORDER} if fault.base else set())
            return
    pytest.fail(f"{fault.name} was not found in {len(SEEDS)} storms")


def test_an_effect_that_can_be_repeated_needs_the_fence_alone():
    """Last write wins, fenced, without an inbox: every end is right in the wind."""
    for seed in SEEDS[:300]:
        run = consume(**{**windy(seed), **PUTS})
        assert not run.wrong + run.lost + run.stale, (seed, run.broken)


# --- what is shown ---------------------------------------------------------------

SLEEP = {
    "events": traffic(5),
    "members": ["w1", "w2"],
    "script": [Pause(at=4, member="w1", ticks=20)],
    "way": AT_LEAST_ONCE,
}


def test_a_partition_does_not_always_belong_to_one_worker():
    """T3 is false: partition 0 is worker 1's only until worker 1 is taken for dead."""
    run = consume(**{**SLEEP, "way": EFFECTIVELY_ONCE})
    owners = run.owners().filter(partition=0)
    assert owners["member"].to_list()[:2] == ["w1", "w2"]
    assert not run.broken


def test_a_sleeper_still_writes_where_nobody_fences():
    """It wakes, knows nothing, and writes; fenced, it is turned away."""
    unfenced = consume(**SLEEP, fenced=False)
    assert unfenced.stale
    fenced = consume(**SLEEP)
    assert not fenced.stale
    assert "refused" in {step.did for step in fenced.trace.steps}


def test_a_rebalance_tells_what_was_in_flight_and_read_twice():
    """A crash with an event in hand: it is listed, and comes into other hands."""
    run = consume(
        traffic(5), script=[Crash(at=8, member="w1")], commit_every=3, assignor=sticky
    )
    (flights,) = [each for each in run.rebalances if "w1 was silent" in each.why]
    assert {flight.member for flight in flights.in_flight} == {"w1"}
    twice = run.read_twice()
    assert {flight.event_id for flight in flights.in_flight} == set(twice["event_id"])
    assert all(members[0] == "w1" for members in twice["members"])
    assert run.in_flight().height == len(flights.in_flight) > 0


def test_leaving_in_order_loses_and_doubles_nothing():
    """Whoever leaves commits first: nothing that was done is read again."""
    run = consume(traffic(5), script=[Leave(at=9, member="w1")], way=AT_LEAST_ONCE)
    assert not run.broken
    assert run.rebalances[-1].why == "w1 left"


def test_lag_grows_while_nobody_reads():
    """Between a crash and its discovery the partition's lag rises."""
    quiet = {"events": traffic(5, events=60), "every": 1, "partitions": 3}
    crashed = consume(**quiet, script=[Crash(at=10, member="w1")], timeout=30)
    most = {
        name: run.lag().filter(partition=0)["lag"].max()
        for name, run in [("calm", consume(**quiet)), ("crashed", crashed)]
    }
    assert most["crashed"] > most["calm"]
    assert crashed.lags[-1][1] == (0, 0, 0)


def test_the_figures_add_up():
    """Each tick's counters, and at the end all that was published is accounted for."""
    for seed in range(20):
        run = consume(**storm(seed))
        figures = run.figures()
        last = figures.row(-1, named=True)
        assert last["published"] == sum(map(len, run.partitions))
        assert last["processed"] == len(run.applied)
        assert last["parked"] == len(run.letters)
        assert last["processed"] + last["parked"] == len(run.trace.messages)
        assert last["lag"] == last["age"] == 0
        failed = sum(step.did == "failed" for step in run.trace.steps)
        gave_up = sum(letter.error not in {"", "Died"} for letter in run.letters)
        assert (last["failed"], last["retried"]) == (failed, failed - gave_up)
        for name in ("published", "processed", "failed", "retried", "parked"):
            assert figures[name].is_sorted()


def test_what_is_dropped_is_a_figure():
    """Under the policy that forgets, processed and dropped are all that came."""
    told = traffic(5)
    run = consume(told, poison=["key_1/1", "key_2/2"], policy=DROP)
    last = run.figures().row(-1, named=True)
    assert (last["dropped"], last["parked"]) == (2, 0)
    assert last["published"] == last["processed"] + last["dropped"] == len(told)


def test_what_waits_grows_older():
    """A halted partition's lag stays and its age rises with every tick."""
    run = consume(traffic(5), poison=["key_1/1"], policy=HALT, every=1, partitions=1)
    lag, age = run.figures().tail(5).select("lag", "age").get_columns()
    assert lag.min() > 0
    assert age.diff().drop_nulls().unique().to_list() == [1]


def test_a_member_that_joins_takes_its_share():
    """Nine partitions, three members, then a fourth: nobody has more than three."""
    run = consume(
        traffic(5), partitions=9, script=[Join(at=3, member="w4")], assignor=sticky
    )
    last = run.rebalances[-1]
    assert sorted(len(own) for own in last.assignment.values()) == [2, 2, 2, 3]
    assert len(last.moved) == 2


def test_the_trace_is_the_run():
    """The same bytes every time; read back equal; replayed the same."""
    one, two = (consume(**storm(7)).trace for _ in range(2))
    assert one.to_json() == two.to_json()
    assert read_trace(one.to_json()).to_json() == one.to_json()
    assert replay(one, listed).to_json() == one.to_json()
    assert {"took", "wrote", "acknowledged"} <= set(one.frame()["did"])


def test_the_run_says_what_one_sees():
    """A sentence, and a line for the prompt."""
    run = consume(**SLEEP)
    assert run.finding == (
        "3 assignments; 2 of 3 partitions had more than one owner; read more than "
        "once: 1; every promise was kept."
    )
    assert repr(run) == "Run(30 events, 3 assignments, 71 ticks, broken: nothing)"
    lost = consume(**storm(3), way=AT_MOST_ONCE, policy=DROP)
    assert "nothing is lost" in lost.finding


@pytest.mark.parametrize(
    "wrong",
    [{"members": []}, {"members": ["w1", "w1"]}, {"policy": "?"}, {"tries": 0}],
)
def test_what_can_not_be_run_is_refused(wrong):
    """Nobody there, one name twice, an unknown policy, no try."""
    with pytest.raises(InvalidSchedule):
        consume(traffic(1), **wrong)


def test_any_handler_may_raise():
    """A learner's own handler that fails is treated like any other."""

    def mine(row, message):
        if message.version == 2:
            raise KeyError("two")
        return message.version

    rows = [
        Message(
            aggregate_id="a", version=v, type="E", data={}, event_id=f"a{v}"
        )
        for v in (1, 2, 3)
    ]  # fmt: skip
    run = consume(rows, handler=mine)
    assert run.states == {"a": 1}
    assert [letter.says for letter in run.letters] == [
        "'two'",
        "an earlier event of its key is here",
    ]


# --- who gets what ---------------------------------------------------------------


def test_nine_partitions_go_round_as_the_source_text_says():
    """0, 3, 6 to worker 1 by round robin; by range it is 0, 1, 2."""
    members = ("worker 1", "worker 2", "worker 3")
    assert round_robin(members, 9) == {
        "worker 1": (0, 3, 6),
        "worker 2": (1, 4, 7),
        "worker 3": (2, 5, 8),
    }
    assert range_(members, 9)["worker 1"] == (0, 1, 2)


@given(
    st.sets(st.sampled_from("abcdef"), max_size=6),
    st.sets(st.sampled_from("abcdef"), max_size=6),
    st.integers(1, 12),
    st.sampled_from([range_, round_robin, sticky]),
)
def test_an_assignment_is_whole_and_even(before, after, partitions, assignor):
    """Each partition has one owner, and nobody has two more than another."""
    had = assignor(before, partitions, {})
    got = assignor(after, partitions, had)
    assert set(got) == after
    owned = sorted(p for own in got.values() for p in own)
    assert owned == (list(range(partitions)) if after else [])
    sizes = [len(own) for own in got.values()]
    assert not sizes or max(sizes) - min(sizes) <= 1


def fewest_moves(members, partitions, had):
    """Try every even assignment, and count what each moves."""
    base = partitions // len(members)
    for names in product(members, repeat=partitions):
        sizes = [names.count(name) for name in members]
        if max(sizes) - min(sizes) <= 1 and min(sizes) >= base:
            yield sum(place not in had.get(n, ()) for place, n in enumerate(names))


@pytest.mark.parametrize("partitions", [3, 4, 5])
def test_sticky_moves_as_few_as_can_be(partitions):
    """Against every even assignment, for every change of members."""
    groups = [group for n in (1, 2, 3) for group in combinations("abc", n)]
    for before, after in product(groups, groups):
        had = sticky(before, partitions, {})
        got = sticky(after, partitions, had)
        moved = sum(
            place not in had.get(name, ()) for name, own in got.items() for place in own
        )
        assert moved == min(fewest_moves(after, partitions, had))


def test_one_more_member_moves_less_by_sticky_than_by_range():
    """Of nine partitions sticky moves two, range three, round robin six."""
    moved = {}
    for assignor in (range_, round_robin, sticky):
        had = assignor(["w1", "w2", "w3"], 9, {})
        got = assignor(["w1", "w2", "w3", "w4"], 9, had)
        moved[assignor.__name__] = sum(
            place not in had.get(name, ()) for name, own in got.items() for place in own
        )
    assert moved == {"range_": 3, "round_robin": 6, "sticky": 2}
