"""At any point it is known what can still become of it, and how to lose quickly."""

from fractions import Fraction

import pytest
from hypothesis import given as cases
from hypothesis import strategies as st
from workers_samples import handlers, small_queues, status, three

from esbench.errors import InvalidSchedule, TooLarge
from esbench.workers import (
    EVERY_WORKER,
    Handling,
    Move,
    ends,
    every_verdict,
    given,
    moves_of,
    race,
    replay,
    run,
    schedules,
    told,
    verdict,
    witness,
)
from esbench.workers.exact import performed
from esbench.workers.lattice import Rows
from esbench.workers.message import plain


def test_success_on_screen_may_be_lost_already():
    """Worker 3 writes first: the box says success, and no order can save it."""
    found = verdict(three(), status, ["W3"])
    assert (found.word, found.state, found.right) == ("unavoidable", "success", True)
    assert "right now, and already lost" in found.says
    assert found.orders == 2


@pytest.mark.parametrize(
    ("done", "word", "wrong"),
    [
        ([], "open", Fraction(2, 3)),
        (["W1"], "open", Fraction(1, 2)),
        (["W2"], "open", Fraction(1, 2)),
        (["W1", "W2"], "excluded", 0),
        (["W2", "W1"], "excluded", 0),
        (["W1", "W3"], "unavoidable", 1),
        (["W2", "W1", "W3"], "excluded", 0),
        (["W3", "W2", "W1"], "unavoidable", 1),
    ],
)
def test_the_verdict_follows_every_write(done, word, wrong):
    """Open with its probability, unavoidable or excluded."""
    found = verdict(three(), status, done)
    assert (found.word, found.wrong) == (word, wrong)


def test_the_verdict_knows_who_is_slow():
    """The same point is as likely lost as the race says, not as orders say."""
    slow = three(chance=race({"W1": 10, "*": 1}))
    assert verdict(slow, status).wrong == Fraction(431, 462)
    assert verdict(slow, status, ["W2"]).wrong == Fraction(10, 11)


@cases(small_queues(), handlers, st.data())
def test_the_verdict_is_what_listing_the_rest_finds(queues, handler, data):
    """At a random point, over generated queues and handlers."""
    drawn = schedules(queues)
    order = data.draw(st.sampled_from(list(drawn.orders())))
    done = order[: data.draw(st.integers(0, len(order)))]
    rows = Rows(drawn, handler)
    going_on = [each for each in drawn.orders() if each[: len(done)] == done]
    right = ends(drawn, handler).right
    wrong = sum(rows.shown(performed(drawn, rows, o)) != right for o in going_on)
    found = verdict(drawn, handler, done)
    assert found.wrong == Fraction(wrong, len(going_on))
    assert found.orders == len(going_on)


def test_every_way_to_begin_has_a_verdict():
    """A stage finds one for each of the sixteen beginnings of three writes."""
    found = every_verdict(three(), status)
    assert len(found) == 16
    assert found["W3",].word == "unavoidable"
    assert found["W1", "W2", "W3"].word == "excluded"
    with pytest.raises(InvalidSchedule, match="copies and crashes"):
        every_verdict(three(redelivered=1), status)


def test_who_can_not_have_written_is_refused():
    """Unknown workers, empty queues and copies nobody may make are named."""
    with pytest.raises(InvalidSchedule, match="no worker 'W9'"):
        verdict(three(), status, ["W9"])
    with pytest.raises(InvalidSchedule, match="W1 can't write event 2 of its queue"):
        verdict(three(), status, ["W1", "W1"])
    with pytest.raises(InvalidSchedule, match="can't again event 1"):
        moves_of(three(), ["W1", Move(0, 0, "again")])
    with pytest.raises(InvalidSchedule, match="given times"):
        verdict(three(chance=race(given({"*": 1}))), status, ["W1"])


def test_a_verdict_never_guesses():
    """What can't be counted raises, instead of being called open."""
    with pytest.raises(TooLarge):
        verdict(three(), status, limit=2)
    with pytest.raises(TooLarge):
        witness(three(), status, limit=2)


# The shortest way to lose


def test_a_witness_speaks_plainly():
    """One inversion is enough, and the sentence says which one and what it does."""
    found = witness(schedules([["uploaded"], [3]]), lambda row, message: message.type)
    assert found.says == (
        "3 was written before 1: one inversion, it ends as uploaded and not as 3"
    )
    assert [step.worker for step in found.trace.steps] == ["W2", "W1"]
    assert witness(three(), status).inversions == 1


@pytest.mark.parametrize(
    ("queues", "options", "said"),
    [
        (
            [[1, 2, 3]],
            {"redelivered": 1},
            "2 was written again after 3: one inversion",
        ),
        ([[1], [2, 3]], {}, "2 and 3 were written before 1: two inversions"),
        ([[3], [1], [2]], {}, "3 was written before 2: one inversion"),
    ],
)
def test_a_witness_names_what_went_wrong(queues, options, said):
    """Overtaken events and late copies are told apart."""
    assert witness(schedules(queues, **options), status).says.startswith(said)


def test_a_witness_tells_a_crash():
    """A count that is wrong by a crash alone needs no inversion."""

    def counted(row, message):
        return (row or 0) + 1

    found = witness(schedules([[1, 2]], crashes=1), counted)
    assert found.says.startswith("W1 crashed after writing 2: no inversions")
    assert (found.extra, found.state, found.right) == (1, 3, 2)


@cases(small_queues(), handlers, st.integers(0, 1))
def test_no_losing_order_is_shorter(queues, handler, again):
    """Over generated queues and handlers, and none is found just if none exists."""
    drawn = schedules(queues, redelivered=again)
    if drawn.count > 3_000:
        drawn = schedules(queues[:1])
    rows, right = Rows(drawn, handler), ends(drawn, handler).right
    prices = [
        price(drawn, order)
        for order in drawn.orders()
        if rows.shown(performed(drawn, rows, order)) != right
    ]
    found = witness(drawn, handler)
    if found is None:
        assert prices == []
    else:
        assert (found.extra, found.inversions) == min(prices)
        assert price(drawn, found.order) == min(prices)
        assert found.trace.steps[-1].state == plain(found.state) != plain(right)


def price(drawn, order):
    """Count copies and inversions as one would by hand."""
    versions = [drawn.message(move).version for move in order]
    copies = [move.kind == "again" for move in order]
    wrong = 0
    for at, version in enumerate(versions):
        before = set(versions[:at])
        if copies[at]:
            wrong += sum(other > version for other in before)
        else:
            wrong += len([v for v in set(versions) - before if v < version])
    return sum(copies), wrong


# One order as a trace


def test_an_order_is_told_step_by_step():
    """Who wrote which event, and the state after."""
    trace = told(three(), ["W2", "W3", "W1"], status)
    assert [(s.worker, s.event_id, s.state) for s in trace.steps] == [
        ("W2", "it/2", "processing"),
        ("W3", "it/3", "success"),
        ("W1", "it/1", "uploaded"),
    ]
    assert trace.states == {"it": "uploaded"}
    assert replay(trace, status).to_json() == trace.to_json()


def test_a_crash_and_a_copy_are_told():
    """The event in hand comes again, and the trace counts its attempts."""
    drawn = schedules([[1, 2]], crashes=1, redelivered=1)
    moves = [
        Move(0, 0, "crash after"), Move(0, 0), Move(0, 1), Move(0, 0, "again"),
    ]  # fmt: skip
    forgetful = Handling(
        handler=lambda row, m: (*row, m.version), initial=(), forget=lambda row: ()
    )
    trace = told(drawn, moves, forgetful)
    assert [(s.did, s.attempt, s.state) for s in trace.steps] == [
        ("wrote", 1, [1]),
        ("crashed", 1, None),
        ("wrote", 2, [1]),
        ("wrote", 1, [1, 2]),
        ("wrote", 3, [1, 2, 1]),
    ]
    assert replay(trace, forgetful) == trace


def test_a_race_has_times():
    """Each event is taken when the worker is free, and written when it is done."""
    drawn = schedules([[1, 3], [2]], chance=race(given({"W1": 10, "W2": 15})))
    trace = run(drawn, status)
    assert [(s.at, s.worker, s.did, s.event_id) for s in trace.steps] == [
        (0, "W1", "took", "it/1"),
        (0, "W2", "took", "it/2"),
        (10, "W1", "wrote", "it/1"),
        (10, "W1", "took", "it/3"),
        (15, "W2", "wrote", "it/2"),
        (20, "W1", "wrote", "it/3"),
    ]


@pytest.mark.parametrize(
    ("chance", "digest"),
    [
        (race({"W1": 10_000, "*": 1_000}), "49dbe9ff56891304"),
        (EVERY_WORKER, "7baf347fce7bf113"),
    ],
    ids=["race", "uniform"],
)
def test_a_seed_gives_the_same_bytes_on_every_machine(chance, digest):
    """The digest is written down here: another machine finds the same one."""
    from hashlib import sha256

    drawn = schedules([[1, 2], [3], [2 + 2, 5]], chance=chance)
    bytes_ = run(drawn, lambda row, m: m.version, seed=7, name="seven").to_json()
    assert sha256(bytes_).hexdigest()[:16] == digest
