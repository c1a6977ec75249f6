"""What lesson 09 shows is computed by public calls, and Kafka was asked for real."""

import sys
from contextlib import suppress
from importlib.util import find_spec

import pytest

from esbench.errors import BrokerError
from esbench.lessons import in_kafka, nap
from esbench.lessons.traffic import NINE, nine_uploads, status
from esbench.workers import assignors, groups, kafka, read_trace
from esbench.workers.delivery import AT_LEAST_ONCE

needs_kafka = pytest.mark.skipif(
    find_spec("confluent_kafka") is None, reason="confluent-kafka is not installed"
)


def run(*script, fenced=False, assignor=assignors.round_robin):
    """Let a group of three consume the nine videos."""
    return groups.consume(
        nine_uploads(),
        partitions=9,
        handler=status,
        way=AT_LEAST_ONCE,
        every=1,
        fenced=fenced,
        assignor=assignor,
        script=script,
    )


SLEEP = groups.Pause(at=13, member="w1", ticks=16)


def test_nine_partitions_are_dealt_as_the_text_deals_them():
    """0, 3, 6 to worker 1, 1, 4, 7 to worker 2 and 2, 5, 8 to worker 3."""
    dealt = assignors.round_robin(["w1", "w2", "w3"], 9)
    assert dealt == {"w1": (0, 3, 6), "w2": (1, 4, 7), "w3": (2, 5, 8)}
    assert run().rebalances[0].assignment == dealt


def test_always_lasts_until_somebody_is_silent():
    """Partition 0 is worker 1's, then worker 2's; two of nine keep their owner."""
    owners = run(SLEEP).owners()
    assert owners.filter(partition=0)["member"].to_list() == ["w1", "w2", "w1"]
    counts = owners.group_by("partition").n_unique()["member"].to_list()
    assert sorted(counts) == [1, 1, 2, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("deal", "moved"),
    [
        (assignors.range_, 3),
        (assignors.round_robin, 6),
        (assignors.sticky, 2),
    ],
)
def test_a_fourth_worker_moves_more_than_it_needs(deal, moved):
    """Two of nine must move: sticky moves those, range three, round robin six."""
    found = run(groups.Join(at=13, member="w4"), assignor=deal)
    assert len(found.rebalances[1].moved) == moved


@pytest.mark.parametrize(
    ("what", "at", "again"),
    [
        (groups.Join(at=13, member="w4"), 13, 1),
        (groups.Leave(at=13, member="w1"), 13, 1),
        (groups.Crash(at=13, member="w1"), 18, 2),
        (SLEEP, 18, 2),
    ],
)
def test_who_says_so_is_heard_at_once(what, at, again):
    """Joining and leaving take effect at once, dying and sleeping after a silence."""
    found = run(what)
    assert found.rebalances[1].at == at
    assert found.read_twice().height == again


def test_a_worker_that_lost_its_partition_still_writes_unless_fenced():
    """The finished video falls back to processing; with a fence it does not."""
    found = run(SLEEP)
    late = found.applied[-5:]
    assert [(e.at, e.member, e.stale) for e in late if e.stale] == [(29, "w1", True)]
    assert (found.states["vid_1"], found.truth["vid_1"]) == ("processing", "success")
    assert "only the owner writes" in found.broken
    assert not run(SLEEP, fenced=True).broken


def test_most_naps_do_no_harm():
    """Of 30 naps nine write to a lost partition, two end wrong, and none if fenced."""
    naps = [groups.Pause(at=tick, member="w1", ticks=16) for tick in range(1, 31)]
    many = [run(one) for one in naps]
    assert sum(bool(one.stale) for one in many) == 9
    assert sum(bool(one.wrong) for one in many) == 2
    assert not any(run(one, fenced=True).stale for one in naps)


# Kafka


@pytest.fixture
def _no_library(monkeypatch):
    """Take confluent-kafka away."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)


@pytest.mark.usefixtures("_no_library")
def test_without_the_library_each_cell_says_so():
    """Nothing raises, the sentence names the extra, and the question stays."""
    beside = in_kafka.begin(nine_uploads())
    answers = [
        beside,
        beside.where("vid_1"),
        beside.read("w1", "w2"),
        beside.crash(after=9),
        beside.resume(),
    ]
    told = "skipped: this needs confluent-kafka, pip install 'esbench[kafka]'"
    assert [repr(each) for each in answers] == [told] * 5
    assert beside.counts == (9, 19, 27)
    assert nap.compared(run(SLEEP)).height == 6


@needs_kafka
def test_kafka_gives_out_a_second_time_what_was_not_committed():
    """A video lies in one partition; of a crash one event comes twice, counts once."""
    beside = in_kafka.begin(nine_uploads())
    assert repr(beside) == "27 events in 4 partitions of topic 'videos'"
    places = beside.where("vid_1")
    assert places["event_id"].to_list() == ["vid_1/1", "vid_1/2", "vid_1/3"]
    assert places["partition"].n_unique() == 1
    assert places["offset"].is_sorted()
    assert repr(beside.read("w1", "w2")) == (
        "w1 and w2 read 27 events of 4 partitions; 9 of 9 ends are right."
    )
    beside.crash(after=9)
    assert beside.counts == (9, 19, 27)
    assert repr(beside.resume()) == (
        "Another reads 19 events, 1 of them for the second time, and applies 18; "
        "9 of 9 ends are right."
    )


def story(trace):
    """Give what a nap is about: what the sleeper did, and how it ends."""
    found = nap.as_run(trace)
    sleeper = [
        (step.did, step.event_id, step.says in kafka.LOST_IT)
        for step in trace.steps
        if step.worker == "w1" and (step.event_id == nap.SLEEPS_WITH or step.says)
    ]
    return sleeper, found.wrong, found.stale, found.states


def test_the_record_tells_the_nap():
    """w1 sleeps, w2 gets all, w1 writes, and its offset is refused."""
    trace = nap.recorded()
    sleeper, wrong, stale, states = story(trace)
    assert sleeper == [
        ("took", "vid_1/2", False),
        ("waited", None, False),
        ("wrote", "vid_1/2", False),
        ("refused", None, True),
    ]
    assert trace.steps[-1].says == "UNKNOWN_MEMBER_ID"
    assert (wrong, stale) == (("vid_1",), ("vid_1/2",))
    assert states == dict.fromkeys(NINE, "success") | {"vid_1": "processing"}
    assert [each.assignment for each in nap.as_run(trace).rebalances] == [
        {"w1": (0, 2), "w2": (1, 3)},
        {"w2": (0, 1, 2, 3)},
    ]
    assert read_trace(trace.to_json()).to_json() == trace.to_json()


def test_the_nap_stands_beside_the_simulated_one():
    """Both write late, both offsets are refused, both videos end wrong."""
    rows = dict(nap.compared(run(SLEEP)).select("told", "simulation").rows())
    ours = dict(nap.compared(run(SLEEP)).select("told", "Kafka").rows())
    for fact in ("written by a lost owner", "vid_1 ends as"):
        assert rows[fact] == ours[fact]
    assert ours["its offset"] == "refused, UNKNOWN_MEMBER_ID"
    assert ours["dealt anew because"].startswith("w1 was silent for ")
    fenced = dict(
        nap.compared(run(SLEEP, fenced=True)).rows_by_key("told", unique=True)
    )
    assert fenced["written by a lost owner"][0] == "nothing"


@needs_kafka
def test_a_play_tells_the_same_story_as_the_record():
    """Played anew on a broker in the process, the nap has the same end.

    Sessions last some seconds there, so on a busy machine one who is awake may be
    taken for asleep: of three plays one has to go through.
    """
    assert any(story(trace) == story(nap.recorded()) for trace in plays(3))


def plays(most):
    """Play the nap up to so many times, without plays that the broker broke off."""
    for _ in range(most):
        with suppress(BrokerError):
            yield nap.play()
