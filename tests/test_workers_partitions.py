"""A key goes to one partition, everywhere and always, until there are more of them."""

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esbench.errors import InvalidSchedule
from esbench.workers import Message
from esbench.workers.growth import grow, moving, resize
from esbench.workers.keys import advise
from esbench.workers.partitions import lanes, murmur2, partition, salted, spread

# Kafka's own test of its clients, and what its Java partitioner answers.
HASHES = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
    "": 275646681,
}
PARTITIONS = [
    ("", 1000, 681),
    ("a", 1000, 524),
    ("ab", 1000, 434),
    ("abc", 1000, 107),
    ("123456789", 1000, 566),
    ("\0 ", 1000, 742),
    ("foobar", 50, 16),
    ("foobar", 10, 6),
    ("1039-36302-36840-2-9f138052", 12, 4),
    ("1182-07205-22440-2-0ad4507d", 12, 9),
    ("1388-20023-36900-2-c9985f66", 12, 0),
    ("1010-98110-23700-2-295bfb4c", 12, 10),
    ("1175-03505-36600-2-126dd9ca", 12, 1),
    ("1137-01302-23820-2-d560d49a", 12, 4),
    ("1011-98208-36480-2-9eef750a", 12, 8),
]
VIDEOS = [f"vid_{number}" for number in range(10_000)]


def written(keys):
    """Give a message a key, numbered within its key, ids in the order of writing."""
    versions = {}
    for number, key in enumerate(keys):
        versions[key] = versions.get(key, 0) + 1
        yield Message(
            aggregate_id=key,
            version=versions[key],
            type="Moved",
            data={},
            event_id=f"e{number}",
        )


@pytest.mark.parametrize(("key", "expected"), HASHES.items())
def test_the_hash_is_kafkas(key, expected):
    """Kafka's own vectors come out."""
    assert expected == murmur2(key)
    assert expected == murmur2(key.encode())


@pytest.mark.parametrize(("key", "partitions", "expected"), PARTITIONS)
def test_the_partition_is_kafkas(key, partitions, expected):
    """A key goes where Kafka's Java client sends it."""
    assert expected == partition(key, partitions)


def test_a_text_is_hashed_as_utf_8():
    """A letter beyond ASCII goes where Kafka's serializer for texts sends it."""
    assert murmur2("é".encode()) == murmur2("é") != murmur2("é".encode("latin-1"))


def test_each_event_of_a_key_lies_in_one_partition_in_order():
    """Partitions hold what was written, each key in one, in its order."""
    rows = list(written(random.Random(1).choices(VIDEOS[:50], k=500)))
    held = lanes(rows, 9)
    assert sorted(m.event_id for lane in held for m in lane) == sorted(
        m.event_id for m in rows
    )
    for key in {m.aggregate_id for m in rows}:
        lane = held[partition(key, 9)]
        own = [m for m in lane if m.aggregate_id == key]
        assert own == [m for m in rows if m.aggregate_id == key]


def test_events_without_a_key_take_turns():
    """No key is no order: the events of one video lie in every partition."""
    held = lanes(written(["vid_1"] * 9), 3, key=lambda message: None)
    assert [[m.event_id for m in lane] for lane in held] == [
        ["e0", "e3", "e6"],
        ["e1", "e4", "e7"],
        ["e2", "e5", "e8"],
    ]


@pytest.mark.parametrize("partitions", [0, -1])
def test_no_partition_is_refused(partitions):
    """A topic has at least one partition."""
    with pytest.raises(InvalidSchedule, match="give at least one"):
        partition("a", partitions)


# How evenly


def test_many_keys_spread_evenly():
    """Ten thousand videos fill three partitions within two in a hundred."""
    even = spread(VIDEOS, 3)
    assert sum(even.events) == sum(even.keys) == 10_000
    assert 1 <= even.skew < Fraction(102, 100)
    assert even.hot == ()
    assert even.frame().columns == ["partition", "keys", "events", "share"]


def test_a_hot_key_is_named_with_what_it_costs():
    """A key that brings half of all events makes nine workers as fast as two."""
    keys = ["celebrity"] * 900 + VIDEOS[:900]
    found = spread(keys, 9)
    (hot,) = found.hot
    assert ("celebrity", 900, Fraction(1, 2)) == (hot.key, hot.events, hot.share)
    assert partition("celebrity", 9) == hot.partition
    assert found.speedup < 2
    assert found.skew == Fraction(9) / found.speedup
    assert "celebrity alone brings 50%" in found.finding


# One more partition


def test_three_to_four_moves_three_keys_in_four():
    """The share is 3/4 exactly, and ten thousand videos come within a hundredth."""
    assert Fraction(3, 4) == moving(3, 4)
    assert abs(resize(VIDEOS, 3, 4).share - Fraction(3, 4)) < Fraction(1, 100)


@given(st.integers(1, 12), st.integers(1, 12))
def test_the_share_that_moves_is_counted(before, after):
    """The formula is what counting all remainders gives."""
    many = range(before * after)
    moved = sum(n % before != n % after for n in many)
    assert Fraction(moved, len(many)) == moving(before, after)


def test_doubling_moves_half():
    """From 3 partitions to 6 a key stays, or goes three further."""
    grown = resize(VIDEOS[:1000], 3, 6)
    assert Fraction(1, 2) == grown.expected
    assert {(n, n + 3) for n in range(3)} == set(grown.moved.values())


@given(st.randoms(use_true_random=False), st.integers(1, 8), st.integers(0, 120))
def test_orders_are_lost_where_the_essay_says(draw, pace, at):
    """Lost is exactly who was handled out of order, and each such key was at risk."""
    rows = list(written(draw.choices(VIDEOS[:12], k=120)))
    paces = [draw.randint(1, pace) for _ in range(4)]
    grown = grow(rows, 3, 4, at=at, pace=paces)
    assert len(grown.handled) == 120
    seen, turned = {}, set()
    for done, _, message in grown.handled:
        version, when = seen.get(message.aggregate_id, (0, 0))
        if message.version < version and done > when:
            turned.add(message.aggregate_id)
        if message.version > version:
            seen[message.aggregate_id] = message.version, done
    assert turned == {row.key for row in grown.lost}
    assert turned <= set(grown.at_risk) <= set(grown.resize.moved)
    stayed_behind = grow(rows, 3, 4, at=at, pace=paces, drain=True)
    assert stayed_behind.lost == stayed_behind.at_risk == ()


def test_a_lost_order_tells_when():
    """The slow old partition still holds b2 as the new one has handled b3."""
    key = next(k for k in VIDEOS if (partition(k, 3), partition(k, 4)) == (2, 3))
    rows = written([key] * 3)
    (lost,) = grow(rows, 3, 4, at=2, pace=[1, 1, 9, 1]).lost
    assert (key, 2, 3, "e2") == (lost.key, lost.before, lost.after, lost.overtook)
    assert (lost.at, lost.overtaken, lost.until) == (3, ("e0", "e1"), 18)
    assert (
        f"{key}: e2 was handled at 3 from partition 3, e0, e1 only by 18 from "
        "partition 2"
    ) == str(lost)


def test_a_pace_fits_the_partitions():
    """Too few paces, and readers that take no time, are refused."""
    for pace in ([1, 1, 1], 0):
        with pytest.raises(InvalidSchedule, match="give at least 1 tick"):
            grow([], 3, 4, at=0, pace=pace)


# The wrong way


def test_three_processes_give_three_answers():
    """Real processes disagree by hash() and agree by murmur2."""
    answers = salted(VIDEOS[:200], 3)
    assert len(set(answers.by_hash)) == 3
    assert answers.agreed < 100
    assert tuple(partition(key, 3) for key in VIDEOS[:200]) == answers.by_murmur2
    assert answers.frame().columns == [
        "key", "process_1", "process_2", "process_3", "murmur2",
    ]  # fmt: skip


def test_given_salts_give_the_same_answers():
    """A lesson comes out alike every time."""
    one, two = (salted(["vid_123"], 3, salts=(1, 2, 3)) for _ in range(2))
    assert one == two


# Which key to take


def sales(events=600):
    """Give rows of orders, each of a user and a seller, one seller a giant."""
    draw = random.Random(4)
    orders = {}
    for _ in range(events):
        order = f"order_{draw.randrange(events // 3)}"
        sellers = ["giant"] * 6 + ["s1", "s2", "s3", "s4"]
        yield {
            "order": order,
            **orders.setdefault(
                order,
                {"user": f"user_{draw.randrange(40)}", "seller": draw.choice(sellers)},
            ),
        }


IDS = {
    name: (lambda message, name=name: message.event[name])
    for name in ("order", "user", "seller")
}


def test_each_key_has_its_price():
    """A wider key keeps more orders and gives less to do side by side."""
    advice = advise(sales(), IDS, 9)
    order, user, seller, none = advice.choices
    assert [c.key for c in advice.choices] == ["order", "user", "seller", "none"]
    assert [choice.kept[choice.key] for choice in (order, user, seller)] == [1, 1, 1]
    assert Fraction(1) == user.kept["order"]  # an order has one user
    assert order.kept["user"] < Fraction(1, 5)
    assert order.spread.skew < user.spread.skew < seller.spread.skew
    assert "giant alone" in seller.price
    assert none.spread.skew < Fraction(102, 100)
    assert none.kept["order"] < Fraction(1, 2)
    assert advice.best("order").key == "order"
    assert advice.best("order", "user").key == "user"
    assert advice.frame().height == 4


def test_no_key_for_all_is_said():
    """Users and sellers in one order ask for one partition."""
    with pytest.raises(InvalidSchedule, match="user and seller together"):
        advise(sales(), IDS, 9).best("user", "seller")
