"""The consumer group stage shows what a run of the group records, and nothing else."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traitlets import TraitError

from esbench import widgets
from esbench.errors import InvalidSchedule
from esbench.lessons import nap
from esbench.lessons.letters import LETTERS
from esbench.lessons.traffic import NINE, nine_uploads, status
from esbench.widgets.consumer_group import SIGNS, packed
from esbench.widgets.group_story import ASSIGNORS, MAY, MOST, SLEEPS, VERBS
from esbench.workers.assignors import range_, round_robin, sticky
from esbench.workers.delivery import AT_LEAST_ONCE
from esbench.workers.groups import Crash, Join, Leave, Pause, consume
from esbench.workers.message import messages
from esbench.workers.partitions import partition

PNG = b"\x89PNG\r\n\x1a\n"
NAMES = {
    "nine_uploads": nine_uploads,
    "status": status,
    "consume": consume,
    "AT_LEAST_ONCE": AT_LEAST_ONCE,
    **{each.__name__: each for each in (range_, round_robin, sticky)},
    **{each.__name__: each for each in (Crash, Join, Leave, Pause)},
}


def run_of(stage):
    """Run the stage's line of Python, and give the record."""
    return eval(stage.python.removesuffix(".finding"), dict(NAMES))


def numbers(text):
    """Read packed numbers as the browser does: five bits a sign."""
    found, number, place = [], 0, 1
    for bits in map(SIGNS.index, text):
        number, place = number + (bits % 32) * place, place * 32
        if bits < 32:
            found.append(number)
            number, place = 0, 1
    return found


def chunks(text, size):
    """Cut packed numbers into rows."""
    flat = numbers(text)
    return [flat[at : at + size] for at in range(0, len(flat), size)]


def test_each_video_has_a_partition_of_its_own_and_ends_well():
    """Nine videos, nine partitions, and success for all where nothing happens."""
    assert [partition(name, 9) for name in NINE] == list(range(9))
    stage = widgets.consumer_group(script=(), predict=False)
    assert set(run_of(stage).states.values()) == {"success"}


def test_a_worker_that_lost_its_partition_still_writes():
    """The story, sentence by sentence: asleep, dealt anew, written, wrong."""
    stage = widgets.consumer_group(predict=False)
    said = {}
    for stage.at in (0, 1, 13, 18, 29, 99):
        said[stage.at] = stage.finding
    assert said == {
        0: "9 partitions by round robin: w1 owns 0 3 6; w2 owns 1 4 7; w3 owns 2 5 8.",
        1: "Tick 1: the first of 27 events is written; each reads its own partitions.",
        13: "Tick 13: w1 falls asleep, for 16 ticks, with vid_1/2 in hand.",
        18: "Tick 18, w1 was silent: 7 of 9 partitions change hands; 2 events in "
        "flight are read again.",
        29: "Tick 29: w1 writes vid_1/2, though partition 3 is w3's since tick 18.",
        99: "vid_1 ends as processing and should be success; 1 write by a member that "
        "was not the owner.",
    }
    assert run_of(stage).states["vid_1"] == "processing"


def test_with_a_fence_it_is_refused():
    """The same nap, and every end is right."""
    stage = widgets.consumer_group(predict=False, fenced=True)
    stage.at = 29
    assert stage.finding == (
        "Tick 29: the fence refuses w1's vid_1/2: partition 3 is w3's since tick 18."
    )
    stage.at = 99
    assert stage.finding.endswith("every end is right; 3 events read more than once.")
    assert not run_of(stage).wrong


def test_what_it_thinks_it_owns_is_another_thing_than_what_it_owns():
    """Asleep, w1 owns nothing from tick 18 on, and believes what it believed."""
    told = widgets.consumer_group().told
    assert told.owns("w1", 17) == told.believes("w1", 17) == (0, 3, 6)
    assert told.owns("w1", 25) == ()
    assert told.believes("w1", 25) == (0, 3, 6)
    assert [told.state("w1", at) for at in (12, 13, 28, 29)] == [
        *("awake", "asleep", "asleep", "awake")
    ]


happenings = st.lists(
    st.tuples(
        st.sampled_from(VERBS),
        st.sampled_from(["w1", "w2", "w3", "w4"]),
        st.integers(1, 30),
    ),
    max_size=4,
)


@settings(max_examples=40)
@given(happenings, st.sampled_from(list(ASSIGNORS)), st.booleans())
def test_what_is_shown_is_what_the_line_of_python_records(script, assignor, fenced):
    """Owners, writes, lags and the end agree with the run, whatever happens."""
    stage = widgets.consumer_group(
        script=script, assignor=assignor, fenced=fenced, predict=False
    )
    run, told = run_of(stage), stage.told
    (key,) = stage._table["runs"]
    place = stage._table["runs"][key]
    shown = stage._table["shown"][place]
    ticks, bars, turns, marks, _, beliefs, lags, said, wrong, places = shown
    assert places == len(run.partitions)
    assert (numbers(turns), wrong) == (
        [each.at for each in run.rebalances],
        len(run.wrong),
    )
    assert ticks == run.ticks if run.finished else 0 < ticks <= run.ticks
    owned = [[o.partition, o.member, o.since] for o in run.ownerships]
    everybody = told.group.everybody
    assert [[p, everybody[w], at] for p, w, at, _ in chunks(bars, 4)] == owned
    kinds = [stage._table["kinds"][kind] for *_, kind, _ in chunks(marks, 5)]
    assert kinds.count("wrote") + kinds.count("stale") == len(run.applied)
    assert kinds.count("stale") == len(run.stale)
    assert not (fenced and "stale" in kinds)
    assert kinds.count("flight") == run.in_flight().height
    last = {place: lag for _, place, lag in chunks(lags, 3)}
    assert sum(last.values()) == sum(run.lags[-1][1])
    for at in (0, ticks):
        owners = [place for name in everybody for place in told.owns(name, at)]
        assert len(owners) == len(set(owners))
    assert len(beliefs) == len(everybody)
    words = [stage._table["words"][word] for _, word in chunks(said, 2)]
    assert words == [text for _, text in told.sentences]
    stage.at = ticks
    assert words[-1] == stage.finding
    assert ("ends as" in words[-1]) == bool(run.wrong and run.finished)


def test_something_may_happen_at_will():
    """A new script is run at once, and its run comes to the browser."""
    stage = widgets.consumer_group(script=(), predict=False)
    stage.script = [["crash", "w2", 9], ["join", "w4", 4]]
    assert stage.script == [["join", "w4", 4], ["crash", "w2", 9]]
    assert list(stage._table["runs"])[-1] == "round robin|open|join w4 4,crash w2 9"
    stage.tab, stage.fenced, stage.at = "sticky", True, 4
    assert stage.finding.startswith("Tick 4, w4 joined: 2 of 9 partitions")
    assert list(stage._table["runs"])[-1].startswith("sticky|fenced|join w4 4")
    for at in range(1, 30):
        stage.script = [["crash", "w1", at]]
    assert len(stage._table["runs"]) <= 12


@pytest.mark.parametrize(
    "wrong",
    [[["explode", "w1", 3]], [["crash", "zoe", 3]], [["crash", "w1", 0]], [["crash"]]],
)
def test_a_script_that_can_not_be_is_refused(wrong):
    """Another verb, nobody, no tick, too few words: all are told."""
    stage = widgets.consumer_group()
    with pytest.raises(TraitError, match="script="):
        stage.script = wrong


@pytest.mark.parametrize(
    "options",
    [
        {"events": []},
        {"members": []},
        {"members": ["a", "b", "c", "d"]},
        {"partitions": 13},
        {"assignor": "fair"},
        {"script": [("explode", "w1", 3)]},
        {"script": [("crash", "zoe", 3)]},
    ],
)
def test_a_group_that_can_not_be_is_refused(options):
    """Nothing to read, nobody or too many there, an unknown assignor or deed."""
    with pytest.raises(InvalidSchedule):
        widgets.consumer_group(**options)


def test_the_question_is_answered_by_the_run():
    """Unfenced it is written, fenced it is refused; the others have their reasons."""
    for fenced, right in ((False, "it is written"), (True, "the store refuses it")):
        stage = widgets.consumer_group(fenced=fenced)
        answers = stage._table["answers"]
        assert answers[0] == (right, "")
        assert len(dict(answers)) == len(LETTERS)
        assert all(reason for _, reason in answers[1:])
        assert stage._table["asked"] == 13 + SLEEPS
    stage.asking = True
    assert stage.finding == (
        "At tick 29 w1 wakes with vid_1/2 in hand: what happens to it?"
    )
    assert stage.letters(1) != stage.letters(2)
    quiet = widgets.consumer_group(script=())
    assert (quiet._table["asked"], quiet._table["question"]) == (None, "")


def test_png_sentence_and_live_view_come_together():
    """The bundle holds all three; the PNG is alike on every run and below 60 kB."""
    for at in (0, 29, 39):
        stage, twin = widgets.consumer_group(), widgets.consumer_group()
        stage.at = twin.at = at
        data, metadata = stage._repr_mimebundle_()
        assert data["text/plain"] == repr(stage) == metadata["image/png"]["alt"]
        assert stage.picture() == twin.picture()
        assert stage.picture().startswith(PNG)
        assert len(stage.picture()) < 60_000


def test_a_page_carries_each_single_thing():
    """Without a kernel: every deed at its ticks, each assignor, with and without."""
    stage = widgets.consumer_group()
    page = stage.site_html(range(2))
    assert len(page) < 280_000
    assert stage._table["most"] == MOST
    state = json.loads(re.search(r"const state = (\{.*\});\n", page)[1])
    table = state["_table"]
    assert table["most"] == 1
    for tab in ASSIGNORS:
        for deed in ("sleep w1 13", "crash w2 10", "leave w3 25", "join w4 1", ""):
            for fence in ("open", "fenced"):
                assert f"{tab}|{fence}|{deed}" in table["runs"]
    assert "Kafka|open|" in table["runs"]


def test_the_broker_refuses_an_offset_and_the_write_stays():
    """One tick after its write, w1 hears that it is out, here and in Kafka."""
    stage = widgets.consumer_group(predict=False)
    stage.at = 30
    assert stage.finding == (
        "Tick 30: the broker refuses w1's offset; its write of vid_1/2 stays."
    )
    stage.tab, stage.at = "Kafka", 33
    assert stage.finding == (
        "Tick 33: the broker refuses w1's offset (UNKNOWN_MEMBER_ID); its write of "
        "vid_1/2 stays."
    )


def test_kafka_stands_beside_it():
    """The tab shows a broker's record, whatever the script and the fence are."""
    stage = widgets.consumer_group(predict=False)
    stage.tab = "Kafka"
    run = eval(stage.python.removesuffix(".finding"), {"nap": nap})
    said = [stage.told.said(at) for at in range(stage.told.ticks + 1)]
    assert said[0] == "4 partitions by Kafka's round robin: w1 owns 0 2; w2 owns 1 3."
    assert "Tick 21: w1 falls asleep, for 11 ticks, with vid_1/2 in hand." in said
    assert any("2 of 4 partitions change hands; 1 event" in each for each in said)
    assert said[-1].startswith("vid_1 ends as processing and should be success; 1 w")
    key = stage._key()
    assert stage._table["shown"][stage._table["runs"][key]][-1] == len(run.partitions)
    stage.fenced, stage.script = True, [["crash", "w2", 4]]
    assert stage._key() == key
    assert stage.told.said(30) == said[30]
    assert stage.picture().startswith(PNG)
    assert stage.told.state("w3", 5) == "not here"


def test_other_events_have_no_record_in_kafka():
    """The tab is there only for the events that a broker was given."""
    stage = widgets.consumer_group([1, 2], predict=False)
    assert "Kafka" not in stage._table["tabs"]
    with pytest.raises(TraitError, match="there are round robin, range, sticky"):
        stage.tab = "Kafka"


@given(st.lists(st.integers(0, 10**9)))
def test_packed_numbers_are_the_same_numbers(given_numbers):
    """Small numbers take one sign, large ones several, and all come back."""
    assert numbers(packed([given_numbers])) == given_numbers
    assert len(packed([range(32)])) == 32


def test_runs_that_look_alike_are_stored_once():
    """A crash without a late write is the same with a fence as without."""
    stage = widgets.consumer_group(script=[("crash", "w2", 9)], predict=False)
    stage.fenced = True
    assert set(stage._table["runs"].values()) == {0}
    stage.script = [["sleep", "w1", 13]]
    stage.fenced = False
    assert len(set(stage._table["runs"].values())) == 3


def test_own_events_and_any_names():
    """Other events, a member with a hostile name: text stays text."""
    evil = "</script>$x$"
    rows = messages([1, 2, 3], aggregate_id=evil)
    stage = widgets.consumer_group(
        rows, partitions=2, members=["a"], script=[("crash", "a", 2)], predict=False
    )
    assert stage.python.startswith("consume(events, partitions=2")
    stage.at = 99
    assert stage.finding == "Nobody is left to read: 3 events wait."
    assert stage.picture().startswith(PNG)
    assert stage.site_html([0]).count("</script>") == 1
    assert MAY["crashed"] == ["join"]
