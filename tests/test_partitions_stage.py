"""The partitions stage shows where keys really lie, and which orders really break."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets import TraitError

import esbench as es
from esbench import widgets
from esbench.domains import bank
from esbench.errors import InvalidSchedule
from esbench.lessons.letters import LETTERS
from esbench.lessons.traffic import uploads
from esbench.widgets.lanes import BY_HASH, MORE, READING, TABS, Lanes
from esbench.workers import messages
from esbench.workers.growth import grow, resize
from esbench.workers.partitions import partition, salted, spread

PNG = b"\x89PNG\r\n\x1a\n"
NAMES = {"grow": grow, "resize": resize, "spread": spread, "salted": salted}


def ran(line, events):
    """Run a line of Python as it stands, and give what its last part gives."""
    names = {**NAMES, "events": events}
    *before, last = line.split("; ")
    for part in before:
        exec(part, names)
    return eval(last, names)


def shown(tab, at, **switches):
    """Give the stage, set to a tab and a place, without a question."""
    stage = widgets.partitions(predict=False)
    for name, value in {"tab": tab, "at": at, **switches}.items():
        stage.set_trait(name, value)
    return stage


@pytest.fixture(scope="module")
def table():
    """Give the table of the stage's own story."""
    return widgets.partitions()._table


@pytest.mark.parametrize("count", range(1, 10))
def test_keys_lie_where_kafka_lays_them(table, count):
    """Each key stands in the lane that its murmur2 gives, and arrows say from where."""
    cell = table["more"][0][count - 1]
    for lane, row in enumerate(cell["rows"]):
        assert all(partition(table["keys"][at], count) == lane for at in row["keys"])
    assert sum(len(row["keys"]) for row in cell["rows"]) == 16
    assert sum(row["events"] for row in cell["rows"]) == 48
    came = {
        key: partition(key, count - 1)
        for key in table["keys"]
        if count > 1 and partition(key, count - 1) != partition(key, count)
    }
    assert {table["keys"][at]: old for at, old in cell["moved"].items()} == came


@pytest.mark.parametrize("hot", [False, True])
@pytest.mark.parametrize("count", range(1, 10))
def test_the_lines_about_partitions_give_the_sentences(count, hot):
    """What Copy takes, run as it stands, gives the sentence above it."""
    stage = shown(MORE, count - 1, hot=hot)
    found = ran(stage.python, uploads())
    if count == 1:
        said = {
            True: "1 partition is as fast as 1.00: the fullest holds 1.00 times the "
            "average.",
            False: "All 16 keys lie in one partition.",
        }
        assert stage.finding == said[hot]
        assert found == (16,) or found.endswith(stage.finding[15:])
    else:
        assert stage.finding.replace("1 partition to", "1 to") == found


def test_a_hot_key_gains_nothing_by_more_partitions(table):
    """Half of all events lie in one lane, however many there are."""
    for cell in table["more"][1][1:]:
        lane = next(row for row in cell["rows"] if cell["hot"] in row["keys"])
        assert lane["events"] >= 48 == sum(row["events"] for row in cell["rows"]) // 2
        assert f"{table['hottest']} alone brings 53%" in cell["said"]


@pytest.mark.parametrize("drain", [False, True])
def test_each_tick_of_the_growth_is_told_as_it_is(drain):
    """Written, handled and lost at each tick are what ``grow`` says."""
    events, stage = uploads(), shown(READING, 0, drain=drain)
    growth = grow(events, 3, 4, at=24, pace=(2, 4, 2, 2), drain=drain)
    part = stage._table["reading"][drain]
    for at, (tick, cell) in enumerate(zip(part["ticks"], part["cells"], strict=True)):
        stage.at = at
        assert (stage.finding, stage.python) == (cell["said"], cell["python"])
        handled = sum(done <= tick for done, _, _ in growth.handled)
        seen = [mark for _, cards, _ in cell["queues"] for _, mark in cards]
        gone = sum(first for first, _, _ in cell["queues"])
        done = gone + sum(mark in {"handled", "overtook", "late"} for mark in seen)
        assert done == handled
        lost = [row.key for row in growth.lost if row.at <= tick]
        assert [key for key, _ in cell["orders"]] == lost
        assert (
            f"{handled} handled" in cell["said"]
            or "handled out" in cell["said"]
            or (cell["said"] == f"All is handled. {growth.finding}")
        )
    assert ran(stage.python, events) == growth.finding
    assert len(part["cells"][-1]["queues"]) == 4
    assert bool(growth.lost) is not drain


def test_the_order_that_breaks_is_told_with_both_places():
    """At tick 34 event 3 of vid_10 goes before event 2, which waits elsewhere."""
    stage = shown(READING, 34)
    assert stage.finding == (
        "Tick 34: vid_10 is handled out of order: event 3 from partition 3, while "
        "event 2 waits in partition 1."
    )
    (told,) = ran(stage.python, uploads())
    assert told == (
        "vid_10: vid_10/3 was handled at 34 from partition 3, vid_10/2 only by 40 from "
        "partition 1"
    )
    cell = stage._table["reading"][0]["cells"][34]
    assert cell["orders"] == [["vid_10", "1, 3"]]
    ids = [event.event_id for event in uploads()]
    marks = {
        tick: {
            ids[at]: mark
            for _, cards, _ in stage._table["reading"][0]["cells"][tick]["queues"]
            for at, mark in cards
            if mark not in {"waiting", "handled"}
        }
        for tick in (33, 34, 40)
    }
    assert marks[33] == {}
    assert marks[34] == {"vid_10/3": "overtook", "vid_10/2": "behind"}
    assert marks[40] == {
        "vid_10/3": "overtook",
        "vid_10/2": "late",
        "vid_13/3": "overtook",
        "vid_13/2": "behind",
    }


def test_writers_who_wait_write_nothing_meanwhile():
    """From tick 24 to 44 nothing is written; then one event a tick, as before."""
    stage = shown(READING, 0, drain=True)
    told = {
        tick: stage._table["reading"][1]["cells"][at]["said"]
        for at, tick in enumerate(stage._table["reading"][1]["ticks"])
    }
    for tick in range(67):
        written = min(tick + 1, 24) if tick < 44 else 25 + tick - 44
        assert told[tick].startswith(f"Tick {tick}: {written} written")
    assert told[43].endswith("writers wait until tick 44.")
    assert told[44].endswith("4 partitions, no order is lost.")


def test_three_processes_are_real(table):
    """What each process answers is what a new Python with its salt says."""
    found = salted(table["keys"], 3, salts=(1, 2, 3))
    for cell, answers in zip(table["hashed"], found.by_hash, strict=True):
        for at, lane in enumerate(answers):
            assert at in cell["rows"][lane]["keys"]
    assert table["hashed"][0]["moved"] == {}
    stage = shown(BY_HASH, 2)
    assert stage.finding == ran(stage.python, uploads()) == found.finding


@given(
    keys=st.lists(
        st.sampled_from([f"k{n}" for n in range(8)]), min_size=1, max_size=30
    ),
    grows=st.integers(0, 30),
    paces=st.lists(st.integers(1, 6), min_size=4, max_size=4),
)
def test_marks_agree_with_what_was_lost(keys, grows, paces):
    """At the end red marks are exactly the events that went early or late."""
    versions = {}
    told = []
    for key in keys:
        versions[key] = versions.get(key, 0) + 1
        told.append(messages([versions[key]], aggregate_id=key)[0])
    lanes = Lanes(events=told, before=3, grows=min(grows, len(told)), pace=tuple(paces))
    for drain, growth in enumerate(lanes.growths):
        end = lanes.ticks[drain][-1]
        marks = lanes.marks(end, drain=bool(drain))
        assert len(marks) == len(told)
        assert "waiting" not in marks.values()
        red = {told[at].event_id for at, mark in marks.items() if mark != "handled"}
        wanted = {row.overtook for row in growth.lost}
        wanted |= {name for row in growth.lost for name in row.overtaken}
        assert red == wanted
        if drain:
            assert not red


def test_the_question_counts_the_keys_that_move():
    """Four answers, the right one first, each wrong one with its reason."""
    stage = widgets.partitions()
    assert stage.asking
    assert stage.finding == "From 3 partitions to 4: how many of these 16 keys move?"
    answers = stage._table["answers"]
    assert [text for text, _ in answers] == ["13", "4", "0", "16"]
    assert [bool(reason) for _, reason in answers] == [False, True, True, True]
    assert stage.letters(1) != stage.letters(2)
    for before in range(2, 12):
        asked = widgets.partitions(before=before)._table["answers"]
        assert len(dict(asked)) == len(LETTERS)
        moved = len(
            resize([e.aggregate_id for e in uploads()], before, before + 1).moved
        )
        assert asked[0] == (str(moved), "")


def test_a_log_of_many_keys_stays_small():
    """A log's own events will do; of many keys the busiest are drawn."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append_frame(bank.traffic(accounts=200, events=1_500, seed=1))
    stage = widgets.partitions(list(log.read())[:1_500], before=8, predict=False)
    table = stage._table
    assert len(table["keys"]) == 24
    rows = table["more"][0][7]["rows"]
    assert sum(len(row["keys"]) + row["others"] for row in rows) == 200
    assert len(json.dumps(table)) < 300_000
    stage.tab = READING
    assert stage.picture().startswith(PNG)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"events": []}, "there is no event"),
        ({"before": 1}, "lanes for 2 to 20"),
        ({"grows": 49}, "grows=49: there are 48 events"),
        ({"pace": [1, 1]}, "for each of 4 partitions"),
        ({"events": range(2_001)}, "2001 events: the stage draws 2000"),
    ],
)
def test_what_has_no_lanes_is_refused(given, words):
    """No events, too many, one lane, a change after the end, too few readers."""
    with pytest.raises(InvalidSchedule, match=words):
        widgets.partitions(**given)


def test_a_place_beside_the_slider_is_refused():
    """A place behind the last one of all tabs is named; behind this tab's, it ends."""
    stage = widgets.partitions()
    with pytest.raises(TraitError, match="at is 99; it goes from 0 to 74"):
        stage.at = 99
    stage.asking, stage.at = False, 70
    assert (stage.place, stage.finding[:22]) == (8, "From 8 to 9 partitions")


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("asking", [True, False])
def test_png_sentence_and_live_view_come_together(tab, asking):
    """The bundle holds all three; the PNG is alike on every run and below 60 kB."""
    stage, twin = widgets.partitions(), widgets.partitions()
    for one in (stage, twin):
        one.tab, one.asking, one.at = tab, asking, 2
    data, metadata = stage._repr_mimebundle_()
    assert data["text/plain"] == repr(stage) == metadata["image/png"]["alt"]
    assert stage.picture() == twin.picture()
    assert len(stage.picture()) < 60_000


def test_hostile_texts_stay_texts():
    """Any key can be drawn, and none ends the script of a page."""
    evil = "</script><script>alert(1)</script>$x^2$"
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append(evil, [bank.AccountOpened(owner=evil, initial_balance="1.00")])
    stage = widgets.partitions(log.read(), predict=False)
    for tab in TABS:
        stage.tab = tab
        assert stage.picture().startswith(PNG)
    assert stage.site_html().count("</script>") == 1


@pytest.mark.parametrize("tab", [READING, BY_HASH])
def test_another_tab_opens_at_its_beginning(tab):
    """What is asked for first stands there at once; only the first tab asks."""
    stage = widgets.partitions(tab=tab)
    assert (stage.tab, stage.place, stage.asking) == (tab, 0, False)
    assert stage._table["opens"] == tab
    assert stage._table["paces"] == ["2 ticks", "4 ticks", "2 ticks", "2 ticks"]
    assert stage.picture().startswith(PNG)


def test_a_tab_that_is_not_there_is_refused():
    """A wrong name of a tab is named, beside the right ones."""
    with pytest.raises(TraitError, match="while it is read"):
        widgets.partitions(tab="reading")
