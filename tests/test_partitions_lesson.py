"""What lesson 08 tells of its keys and orders is counted, and stands in its outputs."""

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from esbench.errors import InvalidSchedule
from esbench.lessons import traffic
from esbench.workers.growth import grow, moving, resize
from esbench.workers.keys import advise
from esbench.workers.partitions import partition, salted, spread

LESSON = Path(__file__).parents[1] / "notebooks" / "08_partitions.ipynb"
PACE = [2, 4, 2, 2]
VIDEOS = [f"vid_{number}" for number in range(1_000)]


@pytest.fixture(scope="module")
def cells():
    """Give the cells of the lesson."""
    return json.loads(LESSON.read_text("utf-8"))["cells"]


@pytest.fixture(scope="module")
def seen(cells):
    """Give all that the lesson's cells show as text."""
    shown = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [one.get("text") or one["data"]["text/plain"] for one in shown]
    return "\n".join("".join(text) for text in texts)


@pytest.fixture(scope="module")
def growth():
    """Give what becomes of sixteen videos when 3 partitions become 4 at tick 24."""
    return grow(traffic.uploads(), 3, 4, at=24, pace=PACE)


def test_the_table_at_the_question_is_counted(cells):
    """Written and unread at tick 24 are what three readers leave."""
    first = traffic.uploads()[:24]
    written = Counter(partition(event.aggregate_id, 3) for event in first)
    today = grow(first, 3, 3, at=24, pace=PACE).handled
    unread = Counter(lane for done, lane, _ in today if done > 24)
    table = [
        f"| partition {lane} | {PACE[lane]} ticks | {written[lane]} | {unread[lane]} |"
        for lane in range(3)
    ]
    assert table == "".join(cells[1]["source"]).splitlines()[-3:]
    assert unread == {1: 5}


def test_three_processes_have_three_answers(seen):
    """hash() agrees about one key in nine, as dice do, and once gives 0, 1 and 2."""
    answers = salted(VIDEOS, 3, salts=(1, 2, 3))
    assert answers.agreed == 116
    assert answers.finding in seen
    assert [each[0] for each in answers.by_hash] == [0, 1, 2]
    assert "│ vid_0 ┆ 0         ┆ 1         ┆ 2         ┆ 1       │" in seen


def test_any_whole_number_is_a_seed():
    """Below zero and beyond what Python takes as a salt, three processes answer."""
    answers = salted(["vid_1"], 3, salts=(-1, 0, 10**12))
    assert [len(each) for each in answers.by_hash] == [1, 1, 1]
    assert answers == salted(["vid_1"], 3, salts=(-1, 2**32, 10**12))


def test_three_keys_in_four_move(seen):
    """Exactly 3/4 of very many keys, 7,432 of 10,000, and 13 of the sixteen."""
    assert moving(3, 4) == Fraction(3, 4)
    assert [str(moving(3, after)) for after in (5, 6, 9)] == ["4/5", "1/2", "2/3"]
    assert "{'3 to 4': '3/4', '3 to 5': '4/5', '3 to 6': '1/2', '3 to 9'" in seen
    many = resize([f"vid_{number}" for number in range(10_000)], 3, 4)
    assert len(many.moved) == 7_432
    assert many.finding in seen


def test_two_orders_break_and_one_is_saved_by_a_tick(growth, seen):
    """vid_10 breaks at 34, vid_13 at 40; vid_9 was at risk and came through."""
    assert [(row.key, row.at, row.until) for row in growth.lost] == [
        ("vid_10", 34, 40),
        ("vid_13", 40, 44),
    ]
    assert set(growth.at_risk) == {"vid_9", "vid_10", "vid_13"}
    ticks = [tick for tick, _, m in growth.handled if m.aggregate_id == "vid_9"]
    assert ticks[:2] == [32, 33]
    assert growth.finding in seen
    assert "[('vid_10', 34), ('vid_13', 40)]" in seen
    assert "[(32, 1), (33, 0), (48, 0)]" in seen


@pytest.mark.parametrize("changes", [{"pace": 2}, {"pace": PACE, "drain": True}])
def test_quick_readers_and_waiting_writers_lose_nothing(growth, seen, changes):
    """Neither loses an order; the waiting ones are done ten ticks later."""
    other = grow(traffic.uploads(), 3, 4, at=24, **changes)
    assert other.lost == other.at_risk == ()
    if "drain" in changes:
        assert other.handled[-1][0] - growth.handled[-1][0] == 10
        assert "no order lost, done 10 ticks later" in seen
    else:
        assert other.finding in seen


def test_no_number_of_partitions_cools_a_hot_key(seen):
    """Half of all events in one key keep any number of workers below two."""
    famous = VIDEOS + ["vid_14"] * len(VIDEOS)
    speeds = {n: round(float(spread(famous, n).speedup), 2) for n in (3, 9, 90)}
    assert speeds == {3: 1.5, 9: 1.81, 90: 1.98}
    assert str(speeds) in seen
    for keys in (VIDEOS, famous):
        assert spread(keys, 9).finding in seen


def test_each_choice_of_a_key_has_its_price(seen):
    """Orders, users and sellers kept by each id; no id keeps users and sellers."""
    advice = advise(traffic.sales(), traffic.IDS, 9)
    whole = {c.key: {n for n, s in c.kept.items() if s == 1} for c in advice.choices}
    assert whole == {
        "order": {"order"},
        "user": {"order", "user"},
        "seller": {"order", "seller"},
        "none": set(),
    }
    assert advice.best("order", "user").key == "user"
    for choice in advice.choices:
        assert f"{choice.key}: {choice.price}" in seen
    with pytest.raises(InvalidSchedule, match="no key keeps the order of user and"):
        advice.best("user", "seller")


def test_the_traffic_comes_out_alike():
    """Each entity's events are in order, mixed, and the same on every machine."""
    events = traffic.uploads()
    assert events == traffic.uploads() != traffic.uploads(seed=8)
    assert [event.event_id for event in events[:3]] == [
        "vid_14/1",
        "vid_12/1",
        "vid_5/1",
    ]
    sold = traffic.sales()
    assert sold == traffic.sales()
    for rows in (events, sold):
        versions = {}
        for row in rows:
            versions.setdefault(row.aggregate_id, []).append(row.version)
        assert set(map(tuple, versions.values())) == {(1, 2, 3)}
    giant = sum(traffic.IDS["seller"](event) == "giant" for event in sold)
    assert 0.4 < giant / len(sold) < 0.6
