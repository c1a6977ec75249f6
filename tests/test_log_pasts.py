"""A past leaves events out, says which, and never changes again."""

import re
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from log_samples import EVENTS, NOW, Opened, Paid, contents

import esbench as es

DAY = "2024-01-15"


@pytest.fixture
def clock():
    """Give a clock that is set by hand."""
    return es.Clock("2024-01-01")


@pytest.fixture
def log(clock, tmp_path):
    """Give a log in which one event was late: Jan 10, recorded Feb 1."""
    log = es.EventLog(tmp_path, EVENTS, clock=clock, zone="Europe/Warsaw")
    log.append("a", [Opened(owner="Ada")])  # 1: Jan 1
    clock.set("2024-01-15T10:30:00Z")
    log.append("a", [Paid(amount=1)])  # 2: Jan 15, 11:30 in Warsaw
    clock.set("2024-02-01")
    log.append("a", [Paid(amount=2)], occurred_at="2024-01-10T00:00:00Z")  # 3
    log.append("b", [Opened(owner="Bo")])  # 4: Feb 1
    return log


def positions(past):
    """Give the positions that a past holds, in the order it reads them."""
    return [event.position for event in past.read()]


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ({}, [1, 2, 3, 4]),
        ({"occurred": "2024-01-14"}, [1, 3]),
        ({"occurred": DAY}, [1, 2, 3]),
        ({"occurred": date(2024, 1, 15)}, [1, 2, 3]),
        ({"occurred": "2024-01-15T10:30:00Z"}, [1, 2, 3]),
        ({"occurred": "2024-01-15T11:30:00+01:00"}, [1, 2, 3]),
        ({"occurred": "2024-01-15T10:29:59.999999Z"}, [1, 3]),
        ({"recorded": "2024-01-31"}, [1, 2]),
        ({"recorded": "2024-02-01"}, [1, 2, 3, 4]),
        ({"occurred": "2024-01-12", "recorded": "2024-01-31"}, [1]),
        ({"occurred": "2024-01-12", "recorded": "2024-02-01"}, [1, 3]),
        ({"position": 0}, []),
        ({"position": 2}, [1, 2]),
        ({"position": 99}, [1, 2, 3, 4]),
        ({"position": 3, "occurred": "2024-01-12"}, [1, 3]),
        ({"occurred": "2023-12-31"}, []),
        ({"occurred": "9999-12-31", "recorded": "9999-12-31"}, [1, 2, 3, 4]),
        ({"occurred": "1 day ago"}, [1, 2, 3]),
        ({"recorded": "1 month ago"}, [1]),
    ],
)
def test_a_past_holds_what_was_by_then(log, asked, held):
    """Each limit is inclusive, a day means all of it in the log's zone."""
    past = log.as_of(**asked)
    assert positions(past) == held
    assert len(past) == len(held)
    scanned = past.scan().collect()
    assert sorted(scanned.get_column("position")) == held
    by_key = [e.position for key in "ab" for e in past.read(key)]
    assert sorted(by_key) == held


def test_a_day_ends_where_its_zone_says(tmp_path):
    """The last moment of a day is in it, the next microsecond is not."""
    log = es.EventLog(tmp_path, EVENTS, clock=es.Clock(NOW), zone="Europe/Warsaw")
    end = datetime(2024, 1, 15, 23, tzinfo=UTC)
    for moment in (end - timedelta(microseconds=1), end):
        log.append("a", [Paid(amount=1)], occurred_at=moment)
    assert positions(log.as_of(DAY)) == [1]


def everything_about(past):
    """Give all that a past answers."""
    return repr(past), positions(past), past.head(), len(past), past.schema


def test_pasts_are_pinned(log, clock):
    """Appending later changes no past that was asked before, in any call."""
    pasts = [log.as_of(), log.as_of("2024-12-31"), log.as_of(position=99)]
    before = [everything_about(past) for past in pasts]
    clock.advance(days=1)
    log.append("a", [Paid(amount=9)], occurred_at="2024-01-02T00:00:00Z")
    rows = {"aggregate_id": ["c"] * 2_000, "type": "Paid", "amount": 1}
    log.append_frame(pl.DataFrame(rows))
    log.append("c", [es.UnknownEvent(type="New", data={"a": 1})])
    assert before == [
        (repr(p), positions(p), p.head(), len(p), p.schema) for p in pasts
    ]
    assert [p.scan().collect().height for p in pasts] == [4, 4, 4]
    assert len(log.as_of("2024-12-31")) == len(log) == 2_006


def test_a_past_of_a_past_keeps_both_limits(log):
    """Asking a past for a past leaves out what either leaves out."""
    first = log.as_of(recorded="2024-01-31")
    assert positions(first.as_of("2024-01-14")) == [1]
    assert positions(log.as_of("2024-01-14").as_of(recorded="2024-01-31")) == [1]
    assert positions(first.as_of("2024-12-31").as_of(position=1)) == [1]
    assert positions(first.as_of(recorded="2024-12-31")) == [1, 2]
    assert first.as_of("2024-01-14").log is log


def test_a_past_says_both_coordinates(log):
    """Every past prints the day asked about, the day of knowledge, and how much."""
    about = "about 2024-01-14, as known on 2024-01-31"
    assert repr(log.as_of("2024-01-14", recorded="2024-01-31")) == (
        f"Past({about}: 1 of 4 events)"
    )
    assert repr(log.as_of(DAY)) == "Past(about 2024-01-15, as known now: 3 of 4 events)"
    assert repr(log.as_of()) == "Past(as known now: 4 of 4 events)"
    past = log.as_of("2024-01-15T10:30:00Z", position=1)
    told = "about 2024-01-15T10:30:00Z, as known now, up to position 1"
    assert repr(past) == f"Past({told}: 1 of 4 events)"
    assert "about 9999-12-31, as known" in repr(log.as_of("9999-12-31"))


def test_a_past_writes_nothing(log, tmp_path):
    """Writing and following raise ReadOnly, and name the past."""
    past = log.as_of(DAY)
    before = contents(tmp_path)
    told = re.escape("a past is read-only (about 2024-01-15, as known now)")
    for call in (
        lambda: past.append("a", [Paid(amount=1)]),
        lambda: past.commit([]),
        lambda: past.append_frame(None),
        past.files,
        past.follow,
        past.verify,
        past.merge,
    ):
        with pytest.raises(es.ReadOnly, match=told):
            call()
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("asked", "telling"),
    [
        ({"occurred": "2024-13-01"}, "is no day: write e.g. '2024-01-31'"),
        ({"occurred": "2024-01-15T10:00:00"}, "give it a zone"),
        ({"recorded": datetime(2024, 1, 1)}, "give it a zone"),  # noqa: DTZ001 - the bad input itself
        ({"occurred": 20240115}, "is no moment"),
        ({"occurred": "2500 years ago"}, "before the year 1"),
        ({"position": -1}, "position -1: write a whole number from 0"),
        ({"position": True}, "position True"),
        ({"position": "3"}, "position '3'"),
    ],
)
def test_unclear_pasts_are_refused(log, asked, telling):
    """A past that is no day, moment or position is refused with what to write."""
    with pytest.raises(es.InvalidEvent) as caught:
        log.as_of(**asked)
    assert telling in str(caught.value)


# What a log says of itself


def test_a_log_prints_in_one_stable_line(log, tmp_path):
    """The repr names the folder and counts, and is the same every time."""
    name = tmp_path.name
    assert repr(log) == f"EventLog('{name}', 4 events)"
    assert repr(log) == repr(es.EventLog(tmp_path, EVENTS))
    assert "\n" not in repr(log)
    (tmp_path / "events" / "00000000000000000002.parquet").unlink()
    broken = repr(es.EventLog(tmp_path, EVENTS))
    assert broken.startswith(f"EventLog('{name}', Corrupt: events/")
    assert "\n" not in broken


def test_html_shows_texts_as_texts():
    """Whatever stands in ids, fields and types, the table holds no markup of it."""
    log = es.EventLog.temporary([Opened], clock=es.Clock(NOW))
    evil = "<script>alert('x')</script><img src=x onerror=alert(1)>&amp;\n\"'"
    for number in range(12):
        log.append(f"{evil}{number}", [Opened(owner=evil)], metadata={"user_id": evil})
    log.append(evil, [es.UnknownEvent(type=evil, data={evil: evil})])
    for shown in (log, log.as_of("2024-12-31")):
        html = shown._repr_html_()
        tags = set(re.findall(r"</?([a-z]+)[^>]*>", html))
        assert tags == {"p", "table", "thead", "tbody", "tr", "th", "td"}
        assert not re.search(r"<[a-z]+ ", html)
        assert html.count("<tr>") == 11
        assert "and 3 before them" in html
    assert "<td>" not in es.EventLog.temporary()._repr_html_()


def test_html_leaves_out_fields_that_hold_nothing(log):
    """A cell tells the type and what its fields hold, as people write it."""
    log.append("c", [es.UnknownEvent(type="Moved", data={"to": "Bonn", "by": None})])
    assert "<td>Moved: to Bonn</td>" in log._repr_html_()


def test_a_commit_of_many_aggregates_is_told_in_a_line(log):
    """However many aggregates a commit has, its repr names three of them."""
    done = log.commit([(key, [Opened(owner=key)], 0) for key in "cdefg"])
    told = "versions={'c': 1, 'd': 1, 'e': 1} and 2 more"
    assert told in repr(done)
    assert len(repr(done)) < 120


# Two clocks


def test_recorded_times_never_fall(log, clock):
    """A clock that slips back a little records the log's last time, silently."""
    clock.advance(minutes=-59)
    done = log.append("a", [Paid(amount=1)])
    assert done.recorded_at == datetime(2024, 2, 1, tzinfo=UTC)
    assert [e.occurred_at for e in log.read("a")][-1] == done.recorded_at


def test_a_clock_far_behind_is_told(log, clock):
    """A clock over an hour behind warns, at the line that appends."""
    clock.set("2024-01-31T22:59:59Z")
    with pytest.warns(UserWarning, match="the clock is 1:00:01 behind") as caught:
        log.append("a", [Paid(amount=1)])
    assert [warning.filename for warning in caught] == [__file__]
    rows = {"aggregate_id": ["a"], "type": ["Paid"], "amount": [1]}
    with pytest.warns(UserWarning, match="behind") as caught:
        log.append_frame(pl.DataFrame(rows))
    with pytest.warns(UserWarning, match="behind") as again:
        log.commit([("a", [Paid(amount=1)], None)])
    assert {w.filename for w in [*caught, *again]} == {__file__}


def test_an_import_brings_its_own_recorded_times(tmp_path, clock):
    """Imported recorded times are kept, and the log remembers that they were."""
    clock.set("2024-03-01")
    log = es.EventLog(tmp_path, EVENTS, clock=clock)
    days = [datetime(2024, 2, day, tzinfo=UTC) for day in (1, 1, 2)]
    rows = {
        "aggregate_id": ["a"] * 3,
        "type": ["Paid"] * 3,
        "amount": [1, 2, 3],
        "recorded_at": days,
        "occurred_at": [None, datetime(2024, 1, 5, tzinfo=UTC), None],
    }
    done = log.append_frame(pl.DataFrame(rows))
    assert done.recorded_at == days[-1]
    assert [e.recorded_at for e in log.read()] == days
    assert [e.occurred_at.day for e in log.read()] == [1, 5, 2]
    assert positions(log.as_of("2024-01-31", recorded="2024-02-01")) == [2]
    log.append("a", [Paid(amount=4)])
    assert [h.clock for h in es.EventLog(tmp_path).headers()] == ["imported"] * 2
    assert log.verify(log.head()).ok
