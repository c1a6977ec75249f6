"""Moments are exact and in UTC; days belong to a zone; a set clock stands still."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import esbench as es
from esbench.moments import (
    EPOCH,
    day,
    end_of,
    from_micros,
    micros,
    moment,
    spoken,
    start_of,
    until,
)

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
WARSAW = "Europe/Warsaw"


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-15T12:00:00Z",
        "2024-01-15T13:00:00+01:00",
        "2024-01-15 12:00:00.000000000Z",
        "20240115T12Z",
        datetime(2024, 1, 15, 13, tzinfo=ZoneInfo(WARSAW)),
        datetime(2024, 1, 15, 12, tzinfo=UTC, fold=1),
        pd.Timestamp("2024-01-15T13:00:00", tz=WARSAW),
    ],
    ids=repr,
)
def test_a_moment_is_plain_and_in_utc(written):
    """However it is written, a moment is a plain datetime in UTC."""
    found = moment(written)
    assert found == NOON
    assert type(found) is datetime
    assert repr(found) == repr(NOON)


@given(st.datetimes(timezones=st.timezones()))
def test_moments_survive_their_numbers(value):
    """Microseconds since 1970 hold every moment exactly, before 1970 too."""
    try:
        found = moment(value)
    except es.InvalidEvent as error:
        assert "outside the years 1 to 9999" in str(error)  # noqa: PT017 - only at the edges
        assert value.year in {1, 9999}
        return
    assert found == value.astimezone(UTC)  # across zones Python calls no fold equal
    assert from_micros(micros(found)) == found
    assert EPOCH + timedelta(microseconds=micros(found)) == found


@pytest.mark.parametrize(
    ("the_day", "zone", "start", "hours"),
    [
        ("2024-01-15", "UTC", "2024-01-15T00:00:00Z", 24),
        ("2024-01-15", WARSAW, "2024-01-14T23:00:00Z", 24),
        ("2024-03-31", WARSAW, "2024-03-30T23:00:00Z", 23),
        ("2024-10-27", WARSAW, "2024-10-26T22:00:00Z", 25),
        ("2024-07-01", "Asia/Kathmandu", "2024-06-30T18:15:00Z", 24),
    ],
)
def test_a_day_lasts_from_midnight_to_midnight(the_day, zone, start, hours):
    """A day has 23 or 25 hours where clocks change, and ends a microsecond early."""
    first, last = start_of(day(the_day), zone), end_of(day(the_day), zone)
    assert first == moment(start)
    assert last - first == timedelta(hours=hours) - timedelta(microseconds=1)
    assert until(the_day, zone, NOON) == until(day(the_day), zone, NOON) == last
    assert spoken(last, zone) == the_day


def test_the_double_hour_is_two_hours():
    """Where a clock is set back, both hours of one name are told apart."""
    first = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo(WARSAW))
    second = first.replace(fold=1)
    assert moment(second) - moment(first) == timedelta(hours=1)


def test_the_last_day_is_a_day():
    """9999-12-31, which banks write for never, is a day like others."""
    last = until("9999-12-31", WARSAW, NOON)
    assert last == datetime.max.replace(tzinfo=UTC)
    assert spoken(last, WARSAW) == "9999-12-31"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 day ago", "2024-03-30"),
        ("2 weeks ago", "2024-03-17"),
        ("1 month ago", "2024-02-29"),
        ("13 months ago", "2023-02-28"),
        ("1 year ago", "2023-03-31"),
        (" 4 Months ago ", "2023-11-30"),
    ],
)
def test_days_ago_are_whole_days(text, expected):
    """Counting back in days and longer means the end of that day in the zone."""
    now = datetime(2024, 3, 31, 20, tzinfo=UTC)
    assert until(text, WARSAW, now) == end_of(day(expected), WARSAW)


def test_hours_ago_are_moments():
    """Counting back in hours and minutes means that moment."""
    assert until("2 hours ago", WARSAW, NOON) == NOON - timedelta(hours=2)
    assert until("90 minutes ago", WARSAW, NOON) == NOON - timedelta(minutes=90)


@pytest.mark.parametrize(
    "text", ["2024-02-30", "2024-1-5", "15.01.2024", "ago", "x days ago", ""]
)
def test_what_is_no_day_is_refused(text):
    """A text that is no day and no moment is refused with what to write."""
    with pytest.raises(es.InvalidEvent, match=r"write e\.g\."):
        until(text, "UTC", NOON)
    with pytest.raises(es.InvalidEvent, match=r"is no day: write e\.g\. '2024-01-31'"):
        day(text)


def test_spoken_moments_are_whole():
    """A moment that is no day's end is said as it is, in UTC."""
    assert spoken(NOON, WARSAW) == "2024-01-15T12:00:00Z"
    assert spoken(end_of(date(2024, 1, 15), "UTC"), WARSAW).startswith("2024-01-15T23")


def test_a_set_clock_stands_still():
    """The clock shows what it was set to, until it is set or advanced."""
    clock = es.Clock("2024-01-01")
    assert clock() == clock() == datetime(2024, 1, 1, tzinfo=UTC)
    assert clock.advance(days=1, hours=9) == clock() == moment("2024-01-02T09:00:00Z")
    assert clock.set(NOON) == clock() == NOON
    assert (
        clock.set(datetime(2024, 1, 15, 13, tzinfo=timezone(timedelta(hours=1))))
        == NOON
    )
    assert repr(clock) == "Clock('2024-01-15T12:00:00Z')"
    assert eval(repr(clock), {"Clock": es.Clock})() == NOON
    with pytest.raises(es.InvalidEvent, match="give it a zone"):
        clock.set("2024-01-01T00:00:00")
    assert clock() == NOON
