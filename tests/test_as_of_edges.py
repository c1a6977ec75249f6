"""The edges of a past, asked step by step and by columns: what is in, what is not."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import duckdb
import pytest

import esbench as es
from esbench.domains import bank

WARSAW = "Europe/Warsaw"


def step_by_step(past, key="acc"):
    """Ask the step engine."""
    return bank.Account.hydrate(past, key).balance


def by_columns(past, key="acc"):
    """Ask the column engine."""
    return bank.Account.table(past, only=[key]).item(0, "balance")


def by_series(past, key="acc"):
    """Ask the column engine for the last day that the past has."""
    return bank.Account.series(past, every="1d", only=[key]).item(-1, "balance")


def by_duckdb(past, key="acc"):
    """Ask DuckDB, over the columns of the past."""
    rows = past.scan().collect().to_arrow()
    with duckdb.connect() as connection:
        found = bank.Account.query(connection.from_arrow(rows)).pl()
    found = found.filter(aggregate_id=key)
    if found.is_empty():
        raise es.NotFound("began on")  # a bare query has nothing to say it with
    return found.item(0, "balance")


@pytest.fixture(params=[step_by_step, by_columns, by_series, by_duckdb])
def balance(request):
    """Each way of asking in turn."""
    return request.param


def open_log(zone="UTC", now="2024-01-01"):
    """Return a new log and its clock."""
    clock = es.Clock(now)
    return es.EventLog.temporary(bank.EVENTS, clock=clock, zone=zone), clock


def opened(log, at="2024-01-01T09:00:00Z", amount=500):
    """Open the account."""
    event = bank.AccountOpened(owner="Alice", initial_balance=amount)
    log.append("acc", [event], occurred_at=at)


def deposit(log, amount, at, name="t"):
    """Book a deposit."""
    event = bank.MoneyDeposited(amount=amount, transaction_id=name)
    log.append("acc", [event], occurred_at=at)


def test_an_event_at_exactly_t_is_in(balance):
    """A moment includes itself, and a microsecond before it does not."""
    log, _ = open_log()
    opened(log)
    at = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
    deposit(log, 200, at)
    assert balance(log.as_of(at)) == 700
    assert balance(log.as_of(at - timedelta(microseconds=1))) == 500
    assert balance(log.as_of(at + timedelta(microseconds=1))) == 700


def test_an_event_recorded_at_exactly_t_is_known(balance):
    """The time of knowledge includes itself too."""
    log, clock = open_log()
    opened(log)
    clock.set("2024-02-02T08:00:00Z")
    deposit(log, 200, "2024-01-15T10:30:00Z")
    asked = {"08:00:00Z": 700, "07:59:59.999999Z": 500}
    for time, expected in asked.items():
        assert balance(log.as_of(recorded=f"2024-02-02T{time}")) == expected


def test_a_day_ends_with_its_last_microsecond(balance):
    """What happens at midnight belongs to the next day."""
    log, _ = open_log()
    opened(log)
    deposit(log, 1, "2024-01-15T23:59:59.999999Z", "t1")
    deposit(log, 10, "2024-01-16T00:00:00Z", "t2")
    assert balance(log.as_of("2024-01-15")) == 501
    assert balance(log.as_of(date(2024, 1, 15))) == 501
    assert balance(log.as_of("2024-01-16")) == 511


def test_a_day_is_a_day_in_the_zone_of_the_log(balance):
    """In Warsaw Jan 16 begins at 23:00 UTC of Jan 15."""
    for zone, expected in (("UTC", 511), (WARSAW, 501), ("America/New_York", 511)):
        log, _ = open_log(zone)
        opened(log)
        deposit(log, 1, "2024-01-15T22:59:59Z", "t1")
        deposit(log, 10, "2024-01-15T23:00:00Z", "t2")
        assert balance(log.as_of("2024-01-15")) == expected


def test_a_moment_may_be_written_in_any_zone(balance):
    """The same moment, written with another offset, gives the same past."""
    log, _ = open_log(WARSAW)
    opened(log)
    deposit(log, 200, "2024-01-15T10:30:00Z")
    tokyo = datetime(2024, 1, 15, 19, 30, tzinfo=timezone(timedelta(hours=9)))
    for same in ("2024-01-15T10:30:00Z", "2024-01-15T11:30:00+01:00", tokyo):
        assert balance(log.as_of(same)) == 700


def test_both_hours_of_a_clock_change_are_told_apart(balance):
    """On 2024-10-27 Warsaw has 02:30 twice; the first is earlier than the second."""
    log, _ = open_log(WARSAW)
    opened(log)
    deposit(log, 1, "2024-10-27T02:30:00+02:00", "summer")
    deposit(log, 10, "2024-10-27T02:30:00+01:00", "winter")
    assert balance(log.as_of("2024-10-27T02:30:00+02:00")) == 501
    assert balance(log.as_of("2024-10-27T02:30:00+01:00")) == 511


@pytest.mark.parametrize(
    ("day", "last"),
    [
        ("2024-10-27", "2024-10-27T22:59:59.999999Z"),  # 25 hours
        ("2024-03-31", "2024-03-31T21:59:59.999999Z"),  # 23 hours
    ],
)
def test_a_long_and_a_short_day_end_where_the_next_begins(balance, day, last):
    """A day has 25 or 23 hours when the clocks change, and all of them belong to it."""
    log, _ = open_log(WARSAW)
    opened(log)
    deposit(log, 1, last, "t1")
    after = datetime.fromisoformat(last) + timedelta(microseconds=1)
    deposit(log, 10, after, "t2")
    assert balance(log.as_of(day)) == 501


def test_an_event_recorded_late_was_not_known_before(balance):
    """About the day it happened: out as known then, in as known later."""
    log, clock = open_log()
    opened(log)
    clock.set("2024-02-02T08:00:00Z")
    deposit(log, -150, "2024-01-20T14:00:00Z")
    about = "2024-01-31"
    assert balance(log.as_of(about, recorded="2024-01-31")) == 500
    assert balance(log.as_of(about, recorded="2024-02-01")) == 500
    assert balance(log.as_of(about, recorded="2024-02-02")) == 350
    assert balance(log.as_of(about)) == 350
    assert balance(log.as_of("2024-01-19")) == 500


def corrected_twice():
    """Return a log in which a deposit of 200 became 20, and then 25."""
    log, clock = open_log()
    opened(log)
    when = "2024-01-15T10:30:00Z"
    command = bank.Deposit(amount=200, transaction_id="t1")
    es.execute(log, "acc", bank.decide, command, occurred_at=when)
    for day, old, new, amount in (("05", "t1", "t2", 20), ("09", "t2", "t3", 25)):
        clock.set(f"2024-02-{day}T08:00:00Z")
        undo = bank.Reverse(transaction_id=f"r{day}", reverses=old)
        es.execute(log, "acc", bank.decide, undo)
        anew = bank.Deposit(amount=amount, transaction_id=new)
        es.execute(log, "acc", bank.decide, anew, occurred_at=when)
    return log


def test_a_correction_of_a_correction_counts_once(balance):
    """About January: 700 at first, 520 from Feb 5, 525 from Feb 9."""
    log = corrected_twice()
    asked = {"2024-01-31": 700, "2024-02-04": 700, "2024-02-05": 520, "2024-02-09": 525}
    for recorded, expected in asked.items():
        assert balance(log.as_of("2024-01-31", recorded=recorded)) == expected
    assert balance(log.as_of("2024-01-15")) == 525
    assert balance(log.as_of("2024-01-14")) == 500


def test_t_before_the_first_event_is_not_found(balance):
    """Before an account exists there is no account, not an empty one."""
    log, _ = open_log()
    opened(log)
    for early in ("2023-12-31", "2024-01-01T08:59:59.999999Z"):
        with pytest.raises(es.NotFound, match="began on"):
            balance(log.as_of(early))
    with pytest.raises(es.NotFound, match="began on"):
        balance(log.as_of(position=0))
    assert balance(log.as_of("2024-01-01T09:00:00Z")) == 500


def test_t_after_the_last_event_is_now(balance):
    """The far future, and the last moment there is, give what is known now."""
    log, _ = open_log()
    opened(log)
    deposit(log, 200, "2024-01-15T10:30:00Z")
    for late in ("2024-01-16", "2999-12-31"):
        assert balance(log.as_of(late)) == balance(log) == 700


def test_a_fold_goes_by_position_though_time_goes_back():
    """Closed on paper in January, recorded after it was opened again: it is closed."""
    log, clock = open_log()
    opened(log, amount=0)
    clock.set("2024-02-02")
    log.append("acc", [bank.AccountClosed()], occurred_at="2024-01-20T00:00:00Z")
    event = bank.AccountOpened(owner="Bob", initial_balance=0)
    log.append("acc", [event], occurred_at="2024-01-10T00:00:00Z")
    expected = bank.Account(owner="Alice", balance=Decimal("0.00"), status="open")
    assert bank.Account.hydrate(log, "acc") == expected
    assert bank.Account.table(log).row(0) == ("acc", "Alice", Decimal("0.00"), "open")
    past = log.as_of("2024-01-15")
    assert bank.Account.hydrate(past, "acc") == expected


def test_a_past_stays_as_it_was_asked():
    """What is appended later does not change an answer about a past."""
    log, _ = open_log()
    opened(log)
    past = log.as_of("2024-12-31")
    deposit(log, 200, "2024-01-15T10:30:00Z")
    assert step_by_step(past) == by_columns(past) == by_series(past) == 500
    assert step_by_step(log) == by_columns(log) == by_series(log) == 700


def test_days_of_a_projection_are_days_in_the_zone_of_the_log():
    """The double hour and midnight fall on the same days in both engines."""
    log, _ = open_log(WARSAW)
    times = [
        "2024-10-26T21:59:59.999999Z",  # the 26th, 23:59 in summer time
        "2024-10-26T22:00:00Z",  # the 27th begins
        "2024-10-27T00:30:00Z",  # 02:30 for the first time
        "2024-10-27T01:30:00Z",  # 02:30 for the second time
        "2024-10-27T22:59:59Z",  # the 27th ends, after 25 hours
        "2024-10-27T23:00:00Z",
    ]
    for place, at in enumerate(times):
        deposit(log, 10**place, at, str(place))
    expected = {
        date(2024, 10, 26): 1,
        date(2024, 10, 27): 11110,
        date(2024, 10, 28): 100000,
    }
    assert {d: s.deposits for d, s in bank.Daily.fold(log.read(), WARSAW).items()} == (
        expected
    )
    assert dict(bank.Daily.table(log).rows()) == expected
    for day, amount in expected.items():
        assert bank.Daily.hydrate(log, day).deposits == amount
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{WARSAW}'")
        relation = connection.from_arrow(log.scan().collect().to_arrow())
        assert dict(bank.Daily.query(relation, WARSAW).fetchall()) == expected


def test_period_ends_are_ends_of_days_in_the_zone_of_the_log():
    """A month, a quarter and a year end at midnight in the zone, not in UTC."""
    log, _ = open_log(WARSAW)
    opened(log, "2023-12-31T22:59:59Z", 0)
    deposit(log, 1, "2023-12-31T23:00:00Z", "new year in Warsaw")
    deposit(log, 10, "2024-03-31T22:00:00Z", "April in Warsaw")
    for every, expected in {
        "1y": {date(2023, 12, 31): 0, date(2024, 12, 31): 11},
        "1q": {date(2023, 12, 31): 0, date(2024, 3, 31): 1, date(2024, 6, 30): 11},
    }.items():
        series = bank.Account.series(log, every=every)
        assert dict(series.select("end", "balance").rows()) == expected
        for end, amount in expected.items():
            assert step_by_step(log.as_of(end)) == amount


def test_leap_days_and_weeks_end_where_the_calendar_says():
    """February 2024 has 29 days, and weeks end on Sundays."""
    log, _ = open_log()
    opened(log, "2024-01-31T12:00:00Z")
    deposit(log, 1, "2024-03-01T00:00:00Z")
    months = bank.Account.series(log).get_column("end").to_list()
    assert months == [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)]
    weeks = bank.Account.series(log, every="1w").get_column("end")
    assert weeks.dt.weekday().unique().to_list() == [7]
    assert (weeks.diff().drop_nulls() == timedelta(days=7)).all()
    assert weeks[0] == date(2024, 2, 4)
