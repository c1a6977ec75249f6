"""How schedules end is counted, not sampled: equal to listing every order."""

import itertools
from fractions import Fraction
from math import factorial

import pytest
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st
from workers_samples import (
    STATUS,
    chances,
    dealt,
    handlers,
    last,
    small_queues,
    status,
    three,
)

from esbench.errors import InvalidSchedule, TooLarge
from esbench.workers import (
    EVERY_ORDER,
    EVERY_WORKER,
    Handling,
    ends,
    exponential,
    fitted,
    given,
    listed,
    observed,
    race,
    schedules,
    spread,
)

# The numbers that are known


def test_the_video_ends_wrong_in_four_of_six_orders():
    """Three workers, one event each: 2/3 of the orders lose."""
    found = ends(three(), status)
    assert (found.wrong_orders, found.orders) == (4, 6)
    assert found.wrong == Fraction(2, 3)
    assert {e.state: e.probability for e in found.ends} == dict.fromkeys(
        STATUS.values(), Fraction(1, 3)
    )
    assert found.right == "success"


def test_a_slow_worker_makes_it_worse():
    """With worker 1 ten times slower 431 of 462 races end wrong."""
    slow = race(exponential({"W1": 10_000, "*": 1_000}))
    assert ends(three(chance=slow), status).wrong == Fraction(431, 462)


def test_random_has_more_than_one_meaning():
    """One set of queues gives 1/2 over orders, 157/432 under a uniform scheduler."""
    queues = [[1, 4], [2], [3, 5, 6]]
    assert ends(schedules(queues), last).wrong == Fraction(1, 2)
    uniform = ends(schedules(queues, chance=EVERY_WORKER), last)
    assert uniform.wrong == Fraction(157, 432)
    alike = race(1)  # equally fast workers are a uniform scheduler
    assert ends(schedules(queues, chance=alike), last).wrong == Fraction(157, 432)


def test_orders_by_the_billion_are_counted_one_by_one():
    """Four workers with five events each: 11,732,745,024 orders, 3/4 of them wrong."""
    found = ends(dealt(4, 5), last)
    assert found.orders == 11_732_745_024
    assert found.wrong == Fraction(3, 4)
    assert found.pairs == 4_321
    assert found.exact
    assert found.scope == "proved for all 11,732,745,024 interleavings"


def test_one_redelivery_makes_42_orders():
    """At most one of three events comes twice; last write wins is wrong in 28."""
    found = ends(three(redelivered=1), status)
    assert (found.wrong_orders, found.orders) == (28, 42)


def test_so_many_orders_that_nobody_could_list_them():
    """10^30 orders and more are counted exactly; the number is not rounded."""
    found = ends(dealt(4, 14), last)
    assert found.orders == factorial(56) // factorial(14) ** 4 > 10**30
    assert found.wrong == Fraction(3, 4)
    assert "1.23e31" in repr(found)


# Equal to brute force


@cases(small_queues(), handlers, chances)
def test_counting_equals_listing(queues, handler, chance):
    """Over generated queues, handlers and chances both find the same fractions."""
    drawn = schedules(queues, chance=chance)
    exact, slow = ends(drawn, handler), listed(drawn, handler)
    assert exact.ends == slow.ends
    assert exact.orders == slow.orders == sum(1 for _ in drawn.orders())
    assert sum(end.probability for end in exact.ends) == 1


@cases(small_queues(), handlers, st.integers(0, 2), st.integers(0, 1))
@settings(max_examples=60)
def test_counting_equals_listing_with_copies_and_crashes(queues, handler, again, down):
    """So they do when events come twice, workers die, and rows forget."""
    drawn = schedules(queues, redelivered=again, crashes=down)
    if drawn.count > 40_000:
        drawn = schedules(queues)
    forgetful = Handling(handler=handler, forget=lambda row: None)
    for each in (handler, forgetful):
        assert ends(drawn, each).ends == listed(drawn, each).ends


@pytest.mark.parametrize(
    ("queues", "again"), [([[1], [2], [3]], 2), ([[1, 2], [3, 4]], 1), ([[1]], 3)]
)
def test_copies_are_counted_as_a_plain_search_counts_them(queues, again):
    """Every sequence whose first deliveries keep their queues' order, and no other."""
    events = list(itertools.chain(*queues))
    found = set()
    for extra in range(again + 1):
        for copies in itertools.combinations_with_replacement(events, extra):
            found.update(itertools.permutations([*events, *copies]))
    firsts = [tuple(dict.fromkeys(sequence)) for sequence in found]
    kept = sum(
        all(
            order.index(a) < order.index(b)
            for queue in queues
            for a, b in itertools.pairwise(queue)
        )
        for order in firsts
    )
    drawn = schedules(queues, redelivered=again)
    assert drawn.count == kept == len(set(drawn.orders()))


def test_rows_may_be_dicts_that_a_handler_changes():
    """A learner's dict is its own: no order sees what another wrote into it."""

    def mine(row, message):
        row = row or {"seen": []}
        row["seen"].append(message.version)
        return row

    found = ends(three(), mine)
    assert len(found.ends) == 6
    assert found.ends == listed(three(), mine).ends


def test_several_aggregates_have_a_row_each():
    """An event changes the row of its own aggregate alone."""
    from esbench.workers import messages

    told = [*messages([1, 2], aggregate_id="a"), *messages([1], aggregate_id="b")]
    found = ends(schedules([[told[0], told[2]], [told[1]]]), last)
    assert found.right == {"a": 2, "b": 1}
    assert found.wrong == Fraction(1, 3)


# Too large is said


def seen(row, message):
    """Remember the whole way: as many states as there are orders."""
    return (*(row or ()), message.version)


def test_what_can_not_be_counted_is_sampled_and_says_so():
    """A handler that remembers everything is sampled, with runs, seed and interval."""
    found = ends(dealt(3, 4), seen, limit=2_000, runs=500, seed=3)
    assert not found.exact
    assert found.scope == "sampled, 500 runs, seed 3"
    assert "sampled" in repr(found)
    low, high = found.interval
    assert 0 < low < float(found.wrong) <= high <= 1
    assert found.wrong_orders is None


def test_a_sample_is_the_same_for_a_seed():
    """Seeds make samples; another seed makes another."""
    one, two, other = (
        ends(dealt(3, 4), last, limit=10, runs=300, seed=seed) for seed in (1, 1, 2)
    )
    assert one == two
    assert one.ends != other.ends


@pytest.mark.parametrize(
    "chance", [EVERY_ORDER, EVERY_WORKER, race({"W1": 10, "*": 1})], ids=str
)
def test_samples_agree_with_the_exact_answer(chance):
    """For every meaning of random the interval of many draws holds the truth."""
    drawn = schedules([[1, 4], [2], [3, 5, 6]], chance=chance)
    truth = ends(drawn, last).wrong
    low, high = ends(drawn, last, limit=1, runs=4_000, seed=5).interval
    assert low <= truth <= high
    assert high - low < 0.04


def test_drawn_orders_with_copies_are_alike():
    """Each of the 42 orders is drawn about as often as the others."""
    from collections import Counter
    from random import Random

    drawn, dice = three(redelivered=1), Random(4)
    found = Counter(drawn.drawn(dice) for _ in range(8_400))
    assert len(found) == 42
    assert 130 < min(found.values()) <= max(found.values()) < 280


def test_listing_refuses_what_would_take_for_ever():
    """More orders than the limit are not begun."""
    with pytest.raises(TooLarge, match=r"11,732,745,024 orders are more than 40,000"):
        listed(dealt(4, 5), last)


def test_crashes_at_too_many_points_are_refused():
    """A count that could not end says how to ask for less."""
    with pytest.raises(TooLarge, match="take fewer events or workers"):
        _ = dealt(5, 20, crashes=1).count


# Latencies


def test_given_times_give_one_order_or_a_share():
    """Fixed times make one order; listed ones are tried in all combinations."""
    sure = ends(three(chance=race(given({"W1": 30, "W2": 20, "W3": 10}))), status)
    assert sure.wrong == 1
    mixed = three(chance=race(given({"W1": [10, 1, 5], "*": [2, 6]})))
    found = ends(mixed, status)
    assert found.wrong == Fraction(7, 12)
    assert found.scope == "proved for all 12 combinations of the given times"


def test_too_many_given_times_are_sampled():
    """Where combinations are too many the answer is sampled and says so."""
    many = dealt(3, 4, chance=race(given({"*": range(1, 8)})))
    found = ends(many, last, runs=200)
    assert found.scope == "sampled, 200 runs, seed 1"


def test_latencies_are_fitted_to_what_was_measured():
    """The mean by worker and type is what counts, with its number of rows told."""
    rows = [("W1", "1", 10), ("W1", "1", 30), ("W2", "2", 4), ("W3", "3", 6)]
    found = fitted(rows)
    assert found.mean("W1", "1") == 20
    assert found.mean("W1", "other") == 20
    assert found.mean("W9", "2") == 4
    assert found.mean("W9", "9") == Fraction(50, 4)
    assert "4 measured times" in repr(found)
    assert observed(rows).of("W1", "1") == (10, 30)
    exact = ends(three(chance=race(found)), status)
    assert exact.exact
    assert exact.wrong == listed(three(chance=race(found)), status).wrong


def test_measured_times_with_long_fractions_stay_exact():
    """Sixteen digits after the point are no reason to round the answer."""
    rates = exponential({"W1": 1.1234567891, "W2": 0.7654321, "W3": 3.3333333333333335})
    drawn = schedules([[1, 4], [2, 5], [3]], chance=race(rates))
    assert ends(drawn, last).ends == listed(drawn, last).ends


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "slow", True, []])
def test_what_is_no_latency_is_refused(bad):
    """Times are numbers above zero."""
    with pytest.raises(InvalidSchedule):
        given({"W1": bad})


def test_a_missing_latency_is_named():
    """The message says for whom, and what to write."""
    with pytest.raises(InvalidSchedule, match="no latency is given for W2 and 2"):
        ends(three(chance=race({"W1": 1})), status)


# Schedules that can't be


@pytest.mark.parametrize(
    "call",
    [
        lambda: schedules([]),
        lambda: schedules([[1], [2]], workers=["A"]),
        lambda: schedules([[1], [2]], workers=["A", "A"]),
        lambda: schedules([[1], [1]]),
        lambda: three(redelivered=-1),
        lambda: three(redelivered=1, chance=EVERY_WORKER),
        lambda: three(crashes=1, chance=race(1)),
        lambda: spread([1, 2], 0),
        lambda: schedules([1, 2]),
        lambda: schedules(["ab", "c"]),
        lambda: spread("abc"),
        lambda: spread(None),
        lambda: ends([[1], [2]], last),
        lambda: ends(three(), lambda row, message: None),
    ],
    ids=range(14),
)
def test_schedules_that_make_no_sense_are_refused(call):
    """Each names what is wrong with it."""
    with pytest.raises(InvalidSchedule):
        call()


def test_ends_are_a_frame():
    """Each end is a row, with its fraction as text and its share as a number."""
    frame = ends(three(), status).frame()
    assert frame.columns == ["state", "right", "probability", "exact", "orders"]
    assert frame.row(0) == ("success", True, 1 / 3, "1/3", "2")
