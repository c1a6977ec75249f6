"""One definition, two engines: folding step by step and asking columns agree exactly.

Generated logs have late events, corrections, ties in time, types that no projection
names and types that nobody declares; pasts leave holes in versions.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esbench.domains import bank, video
from esbench.errors import DefinitionConflict, InvalidEvent, InvalidFrame, NotFound
from esbench.event import Event, UnknownEvent, data_of, stamped
from esbench.fields import Money, places
from esbench.log import EventLog
from esbench.moments import Clock
from esbench.projection import (
    Projection,
    count,
    day,
    first,
    largest,
    last,
    month,
    projection,
    smallest,
    total,
)

ZONE = "America/New_York"
START = datetime(2024, 1, 1, tzinfo=UTC)
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


class Measured(Event):
    """An event with a field of every kind that has a column."""

    amount: Money
    exact: Annotated[Money, places(4)]
    number: int
    flag: bool
    share: float
    word: str
    at: datetime
    on: date
    raw: bytes
    note: str | None = None
    fee: Money | None = None
    grade: int = 3


class Adjusted(Event):
    """An event that shares two columns with the first."""

    amount: Money
    word: str


class Noted(Event):
    """An event that no projection here names."""

    word: str


KINDS = (Measured, Adjusted, Noted)


class Everything(Projection):
    """All six reducers over all kinds."""

    first_amount = first(Measured, "amount")
    first_exact = first(Measured, "exact")
    first_number = first(Measured, "number")
    first_flag = first(Measured, "flag")
    first_share = first(Measured, "share")
    first_word = first((Measured, "word"), (Adjusted, "word"))
    first_at = first(Measured, "at")
    first_on = first(Measured, "on")
    first_raw = first(Measured, "raw")
    first_note = first(Measured, "note")
    last_amount = last((Measured, "amount"), (Adjusted, "amount"))
    last_number = last(Measured, "number")
    last_flag = last(Measured, "flag")
    last_share = last(Measured, "share")
    last_word = last(Adjusted, "word")
    last_at = last(Measured, "at")
    last_on = last(Measured, "on")
    last_raw = last(Measured, "raw")
    last_note = last(Measured, "note")
    last_fee = last(Measured, "fee")
    last_grade = last(Measured, "grade")
    said = last({Measured: "measured", Adjusted: "adjusted"})
    rate = first({Measured: Decimal("1.5"), Adjusted: Decimal("0.25")})
    worth = last({Measured: 1, Adjusted: 2})
    good = last({Measured: True, Adjusted: False})
    part = last({Measured: 0.5, Adjusted: 0.25})
    since = last({Measured: date(2024, 1, 1), Adjusted: date(2024, 2, 2)})
    noon = first({Measured: START, Adjusted: NOON})
    sum_amount = total((Measured, "amount"), (Adjusted, "amount"))
    net = total((Measured, "amount"), minus=[(Adjusted, "amount"), (Measured, "fee")])
    sum_exact = total(Measured, "exact")
    sum_number = total((Measured, "number"), minus=[(Measured, "grade")])
    times = count(Measured)
    both = count(Measured, Adjusted)
    most = largest((Measured, "amount"), (Adjusted, "amount"))
    most_fee = largest((Measured, "amount"), (Measured, "fee"))
    most_number = largest(Measured, "number")
    most_share = largest(Measured, "share")
    most_word = largest((Measured, "word"), (Measured, "note"))
    latest = largest(Measured, "at")
    newest = largest(Measured, "on")
    least = smallest(Adjusted, "amount")
    least_share = smallest(Measured, "share")
    least_word = smallest((Measured, "word"), (Adjusted, "word"))
    earliest = smallest(Measured, "at")
    oldest = smallest(Measured, "on")


class ByDay(Projection, by=day("occurred_at")):
    """Days of occurrence, all aggregates together."""

    times = count(Measured, Adjusted)
    amount = total((Measured, "amount"), (Adjusted, "amount"))
    word = last(Adjusted, "word")


class ByMonth(Projection, by=month("recorded_at")):
    """Months of recording."""

    times = count(Measured, Adjusted)
    most = largest(Measured, "number")
    word = first(Adjusted, "word")


MADE = (Everything, ByDay, ByMonth)
BANK = (bank.Account, bank.Daily)


# --- generated logs --------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
money = st.decimals(-(10**9), 10**9, places=2)
days = st.dates(date(1950, 1, 1), date(2100, 1, 1))
moments = st.datetimes(
    datetime(1950, 1, 1),  # noqa: DTZ001 - a bound
    datetime(2100, 1, 1),  # noqa: DTZ001 - a bound
    timezones=st.just(UTC),
)
measured = st.builds(
    Measured,
    amount=money,
    exact=st.decimals(-(10**9), 10**9, places=4),
    number=st.integers(-(2**50), 2**50),
    flag=st.booleans(),
    share=st.floats(allow_nan=False, allow_infinity=False),
    word=texts,
    at=moments,
    on=days,
    raw=st.binary(max_size=3),
    note=st.none() | texts,
    fee=st.none() | money,
    grade=st.integers(0, 5),
)
adjusted = st.builds(Adjusted, amount=money, word=texts)
strange = st.builds(Noted, word=texts) | st.just(
    UnknownEvent(type="NeverDeclared", data={"amount": "12.00", "deep": {"a": [1]}})
)
names = st.sampled_from(["acc_1", "acc_10", "acc_2", "Zoe", "zoe", "é", "\uffff", "𝄞"])


def tape(events: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return lists of aggregate, event, hour of occurrence, hours to the recording."""
    hours = st.integers(0, 24 * 100)
    row = st.tuples(names, events, hours, st.sampled_from([0, 0, 1, 30, 700]))
    return st.lists(row, max_size=14)


bank_events = st.one_of(
    st.builds(bank.AccountOpened, owner=texts, initial_balance=money),
    st.builds(bank.MoneyDeposited, amount=money, transaction_id=texts),
    st.builds(bank.MoneyWithdrawn, amount=money, transaction_id=texts),
    st.builds(
        bank.TransactionReversed, transaction_id=texts, reverses=texts, amount=money
    ),
    st.builds(bank.AccountClosed),
    strange,
)
video_events = st.one_of(
    st.builds(video.VideoUploaded, path=texts, uploaded_by=texts),
    st.builds(video.ProcessingStarted, worker_id=texts),
    st.builds(video.ProcessingProgress, progress=st.integers(0, 100)),
    st.builds(video.ProcessingComplete, output_path=texts),
    st.builds(video.ProcessingFailed, reason=texts),
    st.builds(video.VideoWithdrawn),
    strange,
)

WORLDS = {
    "made": (tape(measured | adjusted | strange), KINDS, MADE),
    "bank": (tape(bank_events), (*bank.EVENTS, Noted), BANK),
    "video": (
        tape(video_events),
        (*video.EVENTS, Noted),
        (video.Video, video.Progress),
    ),
}
worlds = st.sampled_from(sorted(WORLDS)).flatmap(
    lambda name: st.tuples(st.just(name), WORLDS[name][0])
)


@contextmanager
def logged(rows: Any, events: Any) -> Iterator[EventLog]:
    """Give a log of these rows, in two commits, in a folder that vanishes."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(START)
        log = EventLog(folder, events, clock=clock, zone=ZONE)
        half = len(rows) // 2
        for part in (rows[:half], rows[half:]):
            if part:
                clock.advance(hours=max(gap for *_, gap in part))
                log.commit(
                    (name, [stamped(event, occurred_at=START + hours * HOUR)], None)
                    for name, event, hours, _ in part
                )
        yield log


HOUR = timedelta(hours=1)


def pasts(log: EventLog) -> list[Any]:
    """Return the log, and pasts of it in each coordinate and in all."""
    middle = len(log) // 2
    return [
        log,
        log.as_of("2024-02-14"),
        log.as_of(recorded="2024-01-01"),
        log.as_of(position=middle),
        log.as_of("2024-03-10", recorded="2024-01-20", position=middle + 2),
    ]


# --- exact comparison ------------------------------------------------------------


def exact(value: Any) -> Any:
    """Return what two values share only if they are equal in type and digits."""
    if isinstance(value, Decimal):
        return ("Decimal", str(value))
    if isinstance(value, float):
        return ("float", value, math.copysign(1, value))
    if isinstance(value, datetime):
        return ("datetime", value.astimezone(UTC).isoformat())
    return (type(value).__name__, value)


def states_of(made: Any, frame: pl.DataFrame) -> dict[Any, Any]:
    """Return a table as exact values by key, in the order of its rows."""
    assert frame.columns[1:] == [field.name for field in made._declared.reducers]
    return {
        key: {
            name: exact(value)
            for name, value in zip(frame.columns[1:], row, strict=True)
        }
        for key, *row in frame.rows()
    }


def folded(made: Any, past: Any) -> dict[Any, Any]:
    """Return the same from the step engine."""
    return {key: values(state) for key, state in made.fold(past.read(), ZONE).items()}


def values(state: Projection) -> dict[str, Any]:
    """Return a state's exact values by field."""
    return {name: exact(value) for name, value in state.__dict__["_values"].items()}


def through_duckdb(made: Any, past: Any) -> pl.DataFrame:
    """Ask DuckDB for the same table, over the log's columns."""
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{ZONE}'")
        rows = past.scan().collect()
        answer = made.query(connection.from_arrow(rows.to_arrow()), ZONE)
        assert isinstance(answer, duckdb.DuckDBPyRelation)
        return answer.pl()


# --- the promise -----------------------------------------------------------------


@given(worlds)
def test_table_is_the_fold(world):
    """On every past, columns give what folding gives, in order, value and type."""
    name, rows = world
    _, events, made = WORLDS[name]
    with logged(rows, events) as log:
        for past in pasts(log):
            for one in made:
                expected = folded(one, past)
                found = states_of(one, one.table(past))
                assert list(expected) == list(found)
                assert expected == found


@settings(max_examples=settings().max_examples // 3)  # each asks three times
@given(worlds)
def test_duckdb_gives_the_same_table(world):
    """The same definition asks DuckDB, and gets the same rows in the same order."""
    name, rows = world
    _, events, made = WORLDS[name]
    with logged(rows, events) as log:
        for past in (log, log.as_of("2024-02-14")):
            for one in made:
                expected = folded(one, past)
                found = states_of(one, through_duckdb(one, past))
                assert list(expected) == list(found)
                assert expected == found


@given(worlds)
def test_hydrate_and_steps_are_rows_of_the_table(world):
    """Each key hydrates to its row, and its last step is that row."""
    name, rows = world
    _, events, made = WORLDS[name]
    with logged(rows, events) as log:
        for past in pasts(log)[1:4]:
            for one in made:
                for key, expected in states_of(one, one.table(past)).items():
                    assert values(one.hydrate(past, key)) == expected
                    final = one.steps(past, key).row(-1, named=True)
                    assert {n: exact(final[n]) for n in expected} == expected


@given(worlds)
def test_each_step_is_a_past_by_position(world):
    """The state after an event is what hydrate gives about that position."""
    name, rows = world
    _, events, made = WORLDS[name]
    with logged(rows, events) as log:
        one = made[0]
        for key in list(one.table(log).get_column(one._declared.key.name))[:2]:
            for step in one.steps(log, key).rows(named=True):
                past = log.as_of(position=step["position"])
                fields = [field.name for field in one._declared.reducers]
                shown = {field: exact(step[field]) for field in fields}
                try:
                    assert values(one.hydrate(past, key)) == shown
                except NotFound:
                    assert set(shown.values()) == {exact(None)}


@given(worlds, st.sampled_from(["1d", "1w", "1mo", "1q", "1y"]))
def test_series_is_a_table_at_each_end(world, every):
    """A series holds, for each period's end, the table about that day."""
    name, rows = world
    _, events, made = WORLDS[name]
    with logged(rows, events) as log:
        for past in (log, log.as_of(recorded="2024-01-01")):
            for one in made:
                series = one.series(past, every=every)
                ends = series.get_column("end").unique().sort().to_list()
                for end in [*ends[:3], *ends[-3:]]:
                    expected = states_of(one, one.table(past.as_of(end)))
                    at_end = series.filter(pl.col("end") == end).drop("end")
                    found = states_of(one, at_end)
                    assert list(expected) == list(found)
                    assert expected == found


@given(worlds)
def test_compare_is_the_difference_of_two_tables(world):
    """Compare shows the keys that differ, both states, and what totals differ by."""
    name, rows = world
    _, events, made = WORLDS[name]
    with logged(rows, events) as log:
        before, after = log.as_of("2024-02-14", recorded="2024-01-01"), log
        for one in made:
            a, b = (states_of(one, one.table(past)) for past in (before, after))
            frame = one.compare(before, after)
            differing = [key for key in sorted(a | b) if a.get(key) != b.get(key)]
            assert differing == frame.get_column(frame.columns[0]).to_list()
            for row in frame.rows(named=True):
                _check_row(one, row, a, b, row[frame.columns[0]])


def _check_row(one, row, a, b, key):
    for field in one._declared.reducers:
        for side, table in (("a", a), ("b", b)):
            expected = table.get(key, {}).get(field.name, exact(None))
            assert expected == exact(row[f"{field.name}_{side}"])
        if field.adds_up:
            old, new = row[f"{field.name}_a"] or 0, row[f"{field.name}_b"] or 0
            assert new - old == row[f"{field.name}_change"]


@given(tape(bank_events))
def test_a_log_opened_without_types_gives_the_same(rows):
    """Events of undeclared types fold alike: both engines go by names."""
    with logged(rows, (*bank.EVENTS, Noted)) as log:
        blind = EventLog.existing(str(log.store.url("")))
        for one in BANK:
            expected = folded(one, log)
            assert expected == folded(one, blind)
            assert expected == states_of(one, one.table(blind))


def evolve(state: dict[str, Any] | None, event: Any) -> dict[str, Any] | None:
    """Fold Account by hand, as a user of a plain function would."""
    known = {"owner": None, "balance": Decimal("0.00"), "status": None}
    match event:
        case bank.AccountOpened(owner=owner, initial_balance=amount):
            state = state or known
            owner = state["owner"] if state["status"] else owner
            return state | {
                "owner": owner, "balance": state["balance"] + amount, "status": "open",
            }  # fmt: skip
        case (
            bank.MoneyDeposited(amount=amount) | bank.TransactionReversed(amount=amount)
        ):
            state = state or known
            return state | {"balance": state["balance"] + amount}
        case bank.MoneyWithdrawn(amount=amount):
            state = state or known
            return state | {"balance": state["balance"] - amount}
    return state


@given(tape(bank_events.filter(lambda e: not isinstance(e, bank.AccountClosed))))
def test_a_plain_evolve_answers_alike(rows):
    """A plain function that says the same gives the same tables and series."""
    plain = projection(evolve, name="by hand")
    with logged(rows, (*bank.EVENTS, Noted)) as log:
        for past in pasts(log):
            expected = states_of(bank.Account, bank.Account.table(past))
            assert expected == _plain_states(plain.table(past), 1)
        expected = {
            (key, end): tuple(map(exact, row))
            for key, end, *row in bank.Account.series(log).rows()
        }
        found = _plain_states(plain.series(log), 2)  # goes on to the last event
        assert expected == {key: tuple(found[key].values()) for key in expected}


def _plain_states(frame: pl.DataFrame, keys: int) -> dict[Any, Any]:
    """Return a plain table's states; one that is None is of a key without any."""
    fields = ("owner", "balance", "status")
    states = {}
    for row in frame.rows(named=True):
        key = tuple(row.values())[:keys]
        if row.get("balance") is not None:
            states[key if keys > 1 else key[0]] = {f: exact(row[f]) for f in fields}
    return states


@given(tape(bank_events))
def test_the_ledger_has_the_same_balances(rows):
    """The ledger that decisions are made on agrees with Account, in every past."""
    with logged(rows, (*bank.EVENTS, Noted)) as log:
        for past in pasts(log):
            ledger = bank.Ledger.fold(past.read())
            for key, state in bank.Account.fold(past.read()).items():
                assert exact(state.balance) == exact(ledger[key].balance)


# --- what generated logs do not reach --------------------------------------------


class Scored(Event):
    """Points, which may be many."""

    points: int


class Score(Projection):
    """All points."""

    points = total(Scored, "points")


def test_totals_of_whole_numbers_never_wrap():
    """A total over 64 bits is refused by both engines, and one that comes back fits."""
    big = 2**62
    log = EventLog.temporary([Scored])
    log.append("a", [Scored(points=big), Scored(points=big), Scored(points=-big)])
    assert Score.hydrate(log, "a").points == big
    assert Score.table(log).item(0, "points") == big
    log.append("a", [Scored(points=big)])
    for ask in (
        lambda: Score.hydrate(log, "a"),
        lambda: Score.table(log),
        lambda: Score.series(log),
        lambda: Score.fold(log.read()),
    ):
        with pytest.raises(DefinitionConflict, match="points of a is 9223372036854775"):
            ask()
    with pytest.raises(pl.exceptions.InvalidOperationError, match="i64"):
        Score.query(log.scan()).collect()
    with pytest.raises(duckdb.ConversionException, match="INT64"):
        Score.query(duckdb.from_arrow(log.scan().collect().to_arrow())).fetchall()


def test_totals_of_money_are_exact_beyond_28_digits():
    """Neither engine rounds, whatever decimal context the caller has set."""

    class Paid(Event):
        amount: Annotated[Money, places(0)]

    class Sum(Projection):
        paid = total(Paid, "amount")

    log = EventLog.temporary([Paid])
    log.append("a", [Paid(amount=10**18 - 1)] * 11 + [Paid(amount=1)])
    expected = exact(Decimal(11 * (10**18 - 1) + 1))
    import decimal

    with decimal.localcontext(prec=3):
        assert expected == exact(Sum.hydrate(log, "a").paid)
        assert expected == exact(Sum.table(log).item(0, "paid"))


def test_extremes_know_one_zero():
    """0.0 and −0.0 are one value, so no engine's order among them shows."""

    class Felt(Event):
        degrees: float

    class Range(Projection):
        coldest = smallest(Felt, "degrees")
        hottest = largest(Felt, "degrees")

    for zeros in ((0.0, -0.0), (-0.0, 0.0), (-0.0,)):
        log = EventLog.temporary([Felt])
        log.append("a", [Felt(degrees=zero) for zero in zeros])
        state = values(Range.hydrate(log, "a"))
        assert state == {"coldest": exact(0.0), "hottest": exact(0.0)}
        assert states_of(Range, Range.table(log)) == {"a": state}
        assert states_of(Range, through_duckdb(Range, log)) == {"a": state}


def test_an_empty_log_gives_an_empty_table_of_the_same_types():
    """Columns and their types do not depend on what has happened yet."""
    empty, full = EventLog.temporary(bank.EVENTS), EventLog.temporary(bank.EVENTS)
    bank.acc_123(full)
    for call in ("table", "series"):
        for one in BANK:
            nothing, something = getattr(one, call)(empty), getattr(one, call)(full)
            assert something.schema == nothing.schema
            assert nothing.is_empty()
    assert bank.Account.compare(empty, full).height == 1
    bare = EventLog.temporary()
    assert bank.Account.table(bare).schema == bank.Account.table(full).schema


def test_the_order_of_rows_does_not_matter():
    """``first`` and ``last`` go by position, however the rows are stored."""
    log = EventLog.temporary(bank.EVENTS)
    log.append_frame(bank.traffic(20, 2_000, seed=5, late=0.2, corrections=0.1))
    rows = log.scan().collect()
    expected = bank.Account.table(log)
    for shuffled in (rows.reverse(), rows.sample(fraction=1, shuffle=True, seed=1)):
        assert expected.equals(bank.Account.query(shuffled.lazy()).collect())


def test_traffic_folds_alike_on_both_engines():
    """A bank's worth of events gives the same accounts and days on both engines."""
    log = EventLog.temporary(bank.EVENTS)
    log.append_frame(bank.traffic(50, 5_000, seed=2, late=0.2, corrections=0.1))
    for past in (log, log.as_of("2024-01-31", recorded="2024-02-02")):
        for one in BANK:
            table = states_of(one, one.table(past))
            expected = {k: values(s) for k, s in one.fold(past.read()).items()}
            assert expected == table


def test_a_field_that_was_added_later_reads_as_its_default():
    """Events from before a field was added count with its default on both engines."""

    class Bought(Event):
        pieces: int

    old = Bought

    class Bought(Event):
        pieces: int
        weight: int = 7
        colour: str | None = None

    class Basket(Projection):
        weight = total(Bought, "weight")
        last_weight = last(Bought, "weight")
        lightest = smallest(Bought, "weight")
        colour = last(Bought, "colour")

    with tempfile.TemporaryDirectory() as folder:
        EventLog(folder, [old]).append("a", [old(pieces=1)])
        log = EventLog(folder, [Bought])
        log.append("a", [Bought(pieces=1, weight=2, colour="red"), Bought(pieces=1)])
        unaware = EventLog.existing(folder)
        expected = (16, 7, 2, None)
        fields = ("weight", "last_weight", "lightest", "colour")
        state = Basket(**dict(zip(fields, expected, strict=True)))
        assert state == Basket.hydrate(log, "a") == Basket.hydrate(unaware, "a")
        assert Basket.table(log).row(0)[1:] == expected
        assert Basket.table(unaware).row(0)[1:] == expected
        with duckdb.connect() as connection:
            paths = log.files()
            files = connection.read_parquet(paths, union_by_name=True)
            assert Basket.query(files).fetchall() == [("a", *expected)]


def test_duckdb_reads_the_files_of_a_log():
    """The definition runs on a relation over the log's own files."""
    log = EventLog.temporary(bank.EVENTS)
    bank.acc_123(log)
    with duckdb.connect() as connection:
        relation = connection.read_parquet(log.files(), union_by_name=True)
        answer = bank.Account.query(relation).fetchall()
    assert answer == [("acc_123", "Alice", Decimal("550.00"), "open")]


def test_duckdb_in_another_zone_is_refused():
    """Days are counted in the zone of DuckDB's connection, so it has to be right."""
    log = EventLog.temporary(bank.EVENTS)
    bank.acc_123(log)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        relation = connection.from_arrow(log.scan().collect().to_arrow())
        with pytest.raises(InvalidFrame, match="SET TimeZone = 'UTC'"):
            bank.Daily.query(relation)
        assert bank.Account.query(relation).fetchall()[0][2] == Decimal("550.00")


def test_a_frame_that_is_no_log_is_refused():
    """A frame without the log's columns is named as such."""
    with pytest.raises(InvalidFrame, match="no column occurred_at, position"):
        bank.Account.query(pl.LazyFrame({"aggregate_id": ["a"], "type": ["b"]}))


def test_fields_that_only_json_holds_are_refused_by_both_engines():
    """What a program wrote without declaring its type is no silent zero."""
    log = EventLog.temporary()
    odd = UnknownEvent(type="MoneyDeposited", data={"amount": "200.00"})
    log.append("a", [odd])
    for ask in (bank.Account.table, bank.Account.series):
        with pytest.raises(InvalidEvent, match=r"MoneyDeposited.amount of a/1"):
            ask(log)
    with pytest.raises(InvalidEvent, match=r"MoneyDeposited.amount is '200.00'"):
        bank.Account.hydrate(log, "a")


def test_states_hold_the_values_of_their_events():
    """What first and last give is the very value that the event holds."""
    event = Measured(
        amount="1.00",
        exact="0.0001",
        number=-1,
        flag=False,
        share=-0.0,
        word="",
        at="2024-01-01T00:00:00.000001Z",
        on="2024-02-29",
        raw=b"\x00",
        note=None,
    )
    log = EventLog.temporary(KINDS)
    log.append("a", [event])
    state, row = Everything.hydrate(log, "a"), Everything.table(log).row(0, named=True)
    for name, value in data_of(event).items():
        field = f"first_{name}" if f"first_{name}" in row else f"last_{name}"
        assert exact(value) == exact(getattr(state, field)) == exact(row[field])


@pytest.mark.parametrize("share", [700, 3_000])
def test_a_large_log_is_asked_share_by_share(tmp_path, monkeypatch, share):
    """Parting the keys at any cuts changes no answer, with a snapshot or without."""
    monkeypatch.setattr("esbench.log.sealed.ROW_GROUP", 500)
    log = EventLog(tmp_path, bank.EVENTS, clock=Clock("2030-01-01"), merge="never")
    rows = bank.traffic(accounts=90, events=6_000, seed=3, late=0.2, corrections=0.1)
    for part in rows.iter_slices(2_500):  # the last one is held in memory
        log.append_frame(part.drop("recorded_at"))
    log.append("zoe", [bank.AccountOpened(owner="Zoe", initial_balance="1.00")])
    bank.Account.snapshot(log, 2_500)
    pasts = (log, log.as_of("2024-03-31"), log.as_of(position=4_000))
    asked = [(past, kept) for past in pasts for kept in (True, False)]
    whole = [bank.Account.table(past, snapshots=kept) for past, kept in asked]
    declared = sys.modules["esbench.projection.declared"]
    monkeypatch.setattr(declared, "SHARE", share)
    monkeypatch.setattr(declared, "LARGE", share)
    assert log.cuts(share)
    for (past, kept), frame in zip(asked, whole, strict=True):
        assert bank.Account.table(past, snapshots=kept).equals(frame)
    taken = bank.Account.snapshot(log)
    assert (taken.keys, taken.position) == (91, 6_001)
    assert bank.Account.table(log).equals(whole[0])
