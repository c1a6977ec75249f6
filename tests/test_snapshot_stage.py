"""The snapshot stage shows what is really read, and where a tail by time goes wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets import TraitError

import esbench as es
from esbench import widgets
from esbench.domains import bank, video
from esbench.errors import InvalidFrame, NotFound, ReadOnly
from esbench.lessons.letters import LETTERS
from esbench.widgets import sources
from esbench.widgets.tail import LATER, POSITION, SINCE, WAYS

PNG = b"\x89PNG\r\n\x1a\n"
NOON = "2024-03-08T12:00Z"


def dora():
    """Make the log of an account with two gifts at the same moment: T4's numbers."""
    log = es.EventLog.temporary(events=bank.EVENTS, clock=es.Clock(NOON))
    opened = bank.AccountOpened(owner="Dora", initial_balance="100.00")
    log.append("dora", [opened], occurred_at="2024-03-01T09:00Z")
    gifts = ("50.00", "aunt"), ("25.00", "uncle")
    log.append(
        "dora",
        [bank.MoneyDeposited(amount=x, transaction_id=who) for x, who in gifts],
        occurred_at=NOON,
    )
    return log


def crowd():
    """Make a log of three accounts, whose events lie between one another."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append_frame(bank.traffic(accounts=3, events=40, seed=5, late=0.3))
    return log


def ran(line, **names):
    """Run a line of Python as it stands, and give what its last part gives."""
    *before, last = line.split("; ")
    for part in before:
        exec(part, names)
    return eval(last, names)


def shown(stage, way, pin, day):
    """Set the stage, and give the cell that its script looks up."""
    stage.set_trait("asking", False)
    stage.tab, stage.at, stage.day = way, pin, day
    return stage._table["cells"][way][pin][day]


@pytest.mark.parametrize(
    ("way", "value"), [(LATER, "150.00"), (SINCE, "225.00"), (POSITION, "175.00")]
)
def test_two_events_at_one_moment(way, value):
    """T4: by time > gives 150, by time ≥ gives 225, and by position it is 175."""
    stage = widgets.snapshot(dora(), "dora", pin=2)
    _, said, is_right, *_ = shown(stage, way, 2, 2)
    assert said == value
    assert is_right == (way == POSITION)


def test_the_sentences_of_the_tie():
    """What is lost, and what is counted twice, is said with both numbers."""
    stage = widgets.snapshot(dora(), "dora", pin=2)
    shown(stage, SINCE, 2, 2)
    assert stage.finding == (
        "Only what occurred no earlier than the snapshot at 2 is read: "
        "1 event is counted twice, 225.00 instead of 175.00."
    )
    shown(stage, LATER, 2, 2)
    assert stage.finding == (
        "Only what occurred later than the snapshot at 2 is read: "
        "1 event is lost, 150.00 instead of 175.00."
    )
    shown(stage, POSITION, 2, 2)
    assert stage.finding == (
        "From the snapshot at 2 on, 1 of 3 events is read, "
        "and the balance is 175.00, as by full replay."
    )


def test_late_events_are_lost_by_time():
    """Ada's correction of Jan 15 stands behind a snapshot that holds Jan 20."""
    stage = widgets.snapshot()
    for way, said in ((LATER, "550.00"), (SINCE, "400.00")):
        runs, value, is_right, *_ = shown(stage, way, 3, 3)
        assert (runs[-1], value, is_right) == (["lost", 2], said, False)
    shown(stage, POSITION, 3, 1)
    assert stage.finding == (
        "About Jan 15: the snapshot at 3 holds an event of Jan 20 and is not used; "
        "4 of 5 events are read, and the balance is 520.00."
    )


@pytest.mark.parametrize(
    ("make", "key"),
    [(sources.ada_log, "ada"), (dora, "dora"), (crowd, "acc_001")],
)
def test_what_is_read_is_what_replayed_reads(make, key):
    """For each pin and day the line of Python, run, reads and gives what is shown."""
    stage = widgets.snapshot(make(), key, predict=False)
    for pin in range(len(stage._table["pins"])):
        for day in range(len(stage._table["days"])):
            _, value, is_right, read, _, line, used = shown(stage, POSITION, pin, day)
            found = ran(line, log=make(), bank=bank)
            assert is_right
            assert value == str(found.state.balance).replace("-", "−")
            assert (read, used) == (found.events, found.snapshot is not None)


@pytest.mark.parametrize("make", [sources.ada_log, dora, crowd])
def test_the_lines_by_time_give_the_wrong_numbers_shown(make):
    """Each filter by time, run as it stands, gives the number on the stage."""
    key = {sources.ada_log: "ada", dora: "dora", crowd: "acc_001"}[make]
    stage, log = widgets.snapshot(make(), key), make()
    wrong = 0
    for way in (LATER, SINCE):
        for pin in range(len(stage._table["pins"])):
            for day in range(len(stage._table["days"])):
                _, value, is_right, *_, line, used = shown(stage, way, pin, day)
                found = ran(line, log=log, bank=bank)
                state = found if used else found.state
                assert value == str(state.balance).replace("-", "−")
                wrong += not is_right
    assert wrong > 0


@given(
    times=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    amounts=st.lists(st.integers(1, 3), min_size=6, max_size=6),
)
def test_by_position_is_always_right(times, amounts):
    """Whatever occurred when, marks and counts agree, and slips are told."""
    log = es.EventLog.temporary(events=bank.EVENTS, clock=es.Clock("2024-02-01"))
    log.append("a", [bank.AccountOpened(owner="A", initial_balance="1.00")])
    for day, units in zip(times, amounts, strict=False):
        moved = bank.MoneyDeposited(amount=units, transaction_id="t")
        log.append("a", [moved], occurred_at=f"2024-01-0{day}T12:00Z")
    table = widgets.snapshot(log, "a")._table
    for way in WAYS:
        for cells in table["cells"][way]:
            for runs, _, is_right, read, said, *_ in cells:
                count = dict.fromkeys(("kept", "read", "left out", "lost", "twice"), 0)
                for mark, long in runs:
                    count[mark] += long
                assert sum(count.values()) == len(times) + 1
                assert read == count["read"] + count["twice"]
                slips = count["lost"] + count["twice"] > 0
                assert is_right or (slips and way != POSITION)
                assert slips == ("lost" in said or "twice" in said)
                assert (" instead of " in said) != is_right or not slips
                assert (slips and is_right) == ("by chance" in said)


def test_the_question_counts_what_is_read():
    """Four answers, the right one first, each wrong one with its reason."""
    stage = widgets.snapshot()
    assert stage.asking
    assert stage.finding == (
        "A snapshot at 3: how many of the 5 events are read for the balance now?"
    )
    answers = stage._table["answers"]
    assert [text for text, _ in answers] == ["2", "5", "3", "0"]
    assert [bool(reason) for _, reason in answers] == [False, True, True, True]
    assert stage.letters(1) != stage.letters(2)
    for pin in (1, 2, 4, 5):
        asked = widgets.snapshot(pin=pin)._table["answers"]
        assert asked[0] == (str(5 - pin), "")
        assert len(dict(asked)) == len(LETTERS)


def test_a_long_log_is_cut_into_runs_and_stays_small():
    """1,000 events offer a pin at 900, and 100 are read behind it."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append_frame(bank.traffic(accounts=1, events=1_000, seed=1))
    stage = widgets.snapshot(log, "acc_001", pin=900, predict=False)
    assert "100 of 1000 events are read" in stage.finding
    assert stage._table["cards"] == []
    assert stage._table["pins"][:3] == (0, 50, 100)
    assert len(json.dumps(stage._table)) < 250_000
    assert stage.picture().startswith(PNG)


def test_what_has_no_snapshot_is_refused():
    """A past, a state without a number, nobody, a pin or a place beside the strip."""
    log = sources.ada_log()
    with pytest.raises(ReadOnly, match="a past has no snapshots"):
        widgets.snapshot(log.as_of("2024-01-31"))
    with pytest.raises(InvalidFrame, match="has no number"):
        widgets.snapshot(sources.video_log(), "vid_123", projection=video.Video)
    with pytest.raises(InvalidFrame, match="pin 7: choose one of"):
        widgets.snapshot(pin=7)
    with pytest.raises(NotFound, match="zoe"):
        widgets.snapshot(log, "zoe")
    for name, last in (("at", 5), ("day", 3)):
        with pytest.raises(TraitError, match=f"{name} is 9; it goes from 0 to {last}"):
            widgets.snapshot().set_trait(name, 9)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("asking", [True, False])
def test_png_sentence_and_live_view_come_together(way, asking):
    """The bundle holds all three; the PNG is alike on every run and below 60 kB."""
    stage, twin = widgets.snapshot(), widgets.snapshot()
    for one in (stage, twin):
        one.tab, one.asking = way, asking
    data, metadata = stage._repr_mimebundle_()
    assert data["text/plain"] == repr(stage) == metadata["image/png"]["alt"]
    assert stage.picture() == twin.picture()
    assert len(stage.picture()) < 60_000


def test_hostile_texts_stay_texts():
    """Any id can be drawn, and none ends the script of a page."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    evil = "</script><script>alert(1)</script>$x^2$"
    opened = bank.AccountOpened(owner=evil, initial_balance="1.00")
    moved = bank.MoneyDeposited(amount="2.00", transaction_id=evil)
    log.append(evil, [opened, moved])
    stage = widgets.snapshot(log, evil, predict=False)
    assert stage.picture().startswith(PNG)
    assert stage.site_html().count("</script>") == 1
