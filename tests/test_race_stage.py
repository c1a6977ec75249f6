"""The race stage shows what the workers' room computes, for every write and fix."""

import json
from fractions import Fraction
from itertools import permutations

import pytest
from traitlets import TraitError

import esbench as es
from esbench import widgets, workers
from esbench.domains import video
from esbench.errors import InvalidSchedule, NotFound
from esbench.lessons.letters import LETTERS
from esbench.widgets import sources
from esbench.widgets.orders import FIX, FIXES, RUNS, SCHEDULE, TABS

PNG = b"\x89PNG\r\n\x1a\n"
WAYS = ["".join(way) for way in permutations("123")]
BEGUN = [way[:length] for way in WAYS for length in range(4)]
KNOWN = {  # of 6 orders, and of those with at most one redelivery
    "last write wins": ((4, 6), (28, 42)),
    "version guard": ((0, 6), (0, 42)),
    "strict next": ((5, 6), (32, 42)),
    "strict next, buffered": ((0, 6), (0, 42)),
    "partition by key": ((0, 1), (2, 7)),
}


@pytest.fixture(scope="module")
def table():
    """Give what the script looks things up in."""
    return widgets.race()._table


def ran(line):
    """Run a line of Python as it stands."""
    return eval(line, {"workers": workers})


def at(path, **traits):
    """Give the stage after these writes."""
    stage = widgets.race(predict=False)
    stage.path, stage.tried, stage.at = path, [path], len(path)
    for name, value in traits.items():
        stage.set_trait(name, value)
    return stage


def test_success_on_screen_may_be_lost_already():
    """W3 first: the row says success, and both orders that are left end wrong."""
    stage = at("3")
    assert stage.finding == (
        "After W3 the row shows success: right now, and already lost. "
        "Both orders left end wrong."
    )
    assert stage._table["verdicts"]["3"][:3] == ["success", True, "unavoidable"]


@pytest.mark.parametrize("path", sorted(set(BEGUN)))
def test_the_line_of_python_gives_the_verdict_shown(path):
    """After each of the sixteen beginnings, run as it stands."""
    stage = at(path)
    found = ran(stage.python)
    state, right, word, said, line, bars = stage._table["verdicts"][path]
    assert (found.word, found.right) == (word, right)
    assert str(found.state or "null") == state
    assert bars[0] == [
        float(found.wrong),
        f"{found.ends.wrong_orders} of {found.orders}",
    ]
    assert (said, line) == (stage.finding, stage.python)
    assert state in said or not path


def test_the_two_bars_are_those_that_are_known(table):
    """4 of 6 where every order is alike, 431/462 where worker 1 is slow."""
    assert table["verdicts"][""][-1] == [
        [float(Fraction(2, 3)), "4 of 6"],
        [float(Fraction(431, 462)), "93 in 100 (431/462)"],
    ]
    assert [way for way, _, right in table["ways"] if right] == ["123", "213"]


@pytest.mark.parametrize("fix", FIXES, ids=lambda fix: fix.name)
def test_every_fix_has_its_dots_scope_and_price(table, fix):
    """The dots are as many as there are orders, and their scope is the room's own."""
    told = next(one for one in table["fixes"] if one["name"] == fix.name)
    assert told["price"] == fix.price
    for again, (wrong, orders) in enumerate(KNOWN[fix.name]):
        under = told["under"][again]
        assert (under["wrong"], under["orders"]) == (wrong, orders)
        assert under["dots"].count("1") == wrong
        assert len(under["dots"]) == orders
        start = "refuted: " if wrong else "proved for all"
        if fix.name == "partition by key" and not again:
            start = "proved for the only interleaving"
        assert under["scope"].startswith(start)
        assert ran(under["python"]).startswith("refuted" if wrong else "proved")
        for way, said in under["said"].items():
            end = told["replays"][way][-1][-1]
            assert f"{', '.join(f'W{d}' for d in way)} ends as {end};" in said
            assert f"{wrong} of {orders} orders end wrong" in said


def test_a_losing_schedule_is_replayed_under_each_fix(table):
    """A guard drops what is late, a buffer lets it wait, a lane puts it in order."""
    replays = {one["name"]: one["replays"]["312"] for one in table["fixes"]}
    assert replays["version guard"] == [
        ("W3", 3, "written", "success"),
        ("W1", 1, "dropped", "success"),
        ("W2", 2, "dropped", "success"),
    ]
    assert [step[2:] for step in replays["strict next, buffered"]] == [
        ("waits", "null"),
        ("written", "uploaded"),
        ("written, and what waited", "success"),
    ]
    assert [step[2:] for step in replays["strict next"]] == [
        ("dropped", "null"),
        ("written", "uploaded"),
        ("written", "processing"),
    ]
    assert [step[:2] for step in replays["partition by key"]] == [
        ("W1", 1),
        ("W1", 2),
        ("W1", 3),
    ]


def test_the_last_schedule_that_lost_is_the_one_to_mend():
    """A right one, and one that is not whole, are passed over for it."""
    stage = widgets.race(predict=False)
    assert stage.losing == stage._table["shortest"] == "132"
    stage.tried = ["3", "31", "312", "2", "21", "213"]
    assert stage.losing == "312"
    stage.path = "32"
    assert stage.losing == "312"


def test_runs_are_those_that_their_seeds_give(table):
    """Each run's line gives its end, and the counts add up to the thousand."""
    stage = widgets.race(predict=False)
    stage.tab = RUNS
    for how in ("slow", "even"):
        stage.slow = how == "slow"
        ends = []
        for place, told in enumerate(table["runs"][how][:-1]):
            stage.at = place
            assert (told["said"], told["python"]) == (stage.finding, stage.python)
            if place:
                ends += ran(told["python"]).values()
                assert told["writes"][-1][2] == ends[-1]
                assert told["wrong"] == sum(end != "success" for end in ends)
        thousand = table["runs"][how][-1]
        assert thousand["low"] < float(table["exact"][how]) < thousand["high"]
        assert ran(table["runs"][how][0]["python"]) == (
            Fraction(431, 462) if how == "slow" else Fraction(2, 3)
        )


def test_each_screen_asks_before_it_shows(table):
    """Four answers each, the right one first, each wrong one with its reason."""
    rights = {SCHEDULE: "4", RUNS: "about 93", FIX: "5"}
    stage = widgets.race()
    assert stage.asking
    for tab in TABS:
        answers = table["answers"][tab]
        assert answers[0] == (rights[tab], "")
        assert len({text for text, _ in answers}) == len(LETTERS)
        assert [bool(reason) for _, reason in answers] == [False, True, True, True]
        stage.tab = tab
        assert stage.finding == table["questions"][tab]
    assert stage.letters(1) != stage.letters(2)


def test_the_question_hides_what_it_asks_for():
    """While it is asked, neither the sentence nor the line shows the number."""
    for tab, number in ((SCHEDULE, "4 of 6"), (RUNS, "431"), (FIX, "5 of 6")):
        stage = widgets.race()
        stage.tab = tab
        assert number not in stage.finding + stage.python
        assert stage.picture().startswith(PNG)


def test_what_is_no_race_is_refused():
    """Four events, nobody, an order with a worker twice, a place behind the end."""
    log = sources.video_log()
    log.append("vid_123", [video.ProcessingProgress(progress=100)], expected_version=3)
    with pytest.raises(InvalidSchedule, match="vid_123 has 4 events"):
        widgets.race(log)
    with pytest.raises(NotFound, match="vid_9"):
        widgets.race(log, "vid_9")
    stage = widgets.race(predict=False)
    for name in ("11", "4", "1232"):
        with pytest.raises(TraitError, match="no order"):
            stage.path = name
    with pytest.raises(TraitError, match="at is 4; it goes from 0 to 3"):
        stage.at = 4


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("asking", [True, False])
def test_png_sentence_and_live_view_come_together(tab, asking):
    """The bundle holds all three; the PNG is alike on every run and below 60 kB."""
    stage, twin = widgets.race(), widgets.race()
    for one in (stage, twin):
        one.tab, one.path, one.at, one.asking = tab, "312", 2, asking
    data, metadata = stage._repr_mimebundle_()
    assert data["text/plain"] == repr(stage) == metadata["image/png"]["alt"]
    assert stage.picture() == twin.picture()
    assert len(stage.picture()) < 60_000
    assert len(json.dumps(stage._table)) < 60_000


def test_hostile_texts_stay_texts():
    """Any id can be drawn, and none ends the script of a page."""
    evil = "</script><script>alert(1)</script>$x^2$"
    log = es.EventLog.temporary(events=video.EVENTS)
    told = list(sources.video_log().read("vid_123"))
    log.append(evil, [one.event for one in told])
    stage = widgets.race(log, evil, predict=False)
    assert stage.picture().startswith(PNG)
    assert stage.site_html().count("</script>") == 1
