"""Latencies that were put into a run are found again in what it left behind."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl
import pytest
from msgspec.structs import replace
from workers_samples import STATUS, status, three

import esbench as es
from esbench.domains import video
from esbench.errors import InvalidSchedule
from esbench.workers import (
    LAST_WRITE_WINS,
    LOCK_PER_KEY,
    Step,
    Trace,
    exponential,
    fitted,
    given,
    measured,
    messages,
    observed,
    race,
    run,
    simulated,
    told,
    traffic,
)

BEGUN = datetime(2024, 2, 1, 10, tzinfo=UTC)
SLOW = exponential({"W1": 10_000, ("*", "success"): 500, "*": 1_000})
ROWS = [("W1", "a", 0, 30), ("W2", "a", 10, 15), ("W1", "b", 30, 1_000_030)]


def table(rows=ROWS, *, times=True):
    """Give rows as a processing table, with times or with microseconds."""
    names = ("started_at", "written_at")
    frame = pl.DataFrame(rows, schema=["worker", "type", *names], orient="row")
    if not times:
        return frame
    moments = pl.col(*names).cast(pl.Datetime("us", "UTC"))
    return frame.with_columns(moments)


def many():
    """Give six hundred videos of three events each."""
    told_ = [
        each
        for number in range(600)
        for each in messages(STATUS.values(), aggregate_id=f"v{number}")
    ]
    return traffic(told_, lambda _, event: event)


# A processing table


@pytest.mark.parametrize("times", [True, False], ids=["times", "microseconds"])
def test_each_row_is_a_latency(times):
    """Who, what, and the whole microseconds between the two columns."""
    found = [("W1", "a", 30), ("W2", "a", 5), ("W1", "b", 1_000_000)]
    assert measured(table(times=times)) == found
    assert fitted(measured(table(times=times))).mean("W1", "a") == 30
    assert observed(found).of("W1", "b") == (1_000_000,)


@pytest.mark.parametrize(
    "make", [pl.DataFrame.to_pandas, pl.DataFrame.lazy], ids=["pandas", "lazy"]
)
def test_other_frames_will_do(make):
    """Frames of pandas, and lazy ones, give the same."""
    assert measured(make(table())) == measured(table())


def test_columns_have_the_names_that_a_table_gave_them():
    """Any names, and units of time that differ; nobody need know who worked."""
    frame = table().with_columns(pl.col("written_at").dt.cast_time_unit("ns"))
    frame = frame.rename({"type": "event", "started_at": "begin", "worker": "host"})
    names = {"type": "event", "started": "begin"}
    assert measured(frame, worker="host", **names) == measured(table())
    assert {who for who, _, _ in measured(frame, worker=None, **names)} == {"*"}


def test_less_than_a_microsecond_is_told_as_one():
    """A clock that stood still measured something short, not nothing."""
    rows = [*ROWS, ("W3", "a", 7, 7)]
    assert measured(table(rows))[-1] == ("W3", "a", 1)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (table().drop("type"), "no column 'type' among worker, started_at, written_at"),
        (table([*ROWS, ("W1", "b", 9, 4)]), "row 3: .* before started_at, by 5 micros"),
        (table([*ROWS, ("W1", "b", 9, None)]), "row 3: written_at is missing"),
        (table([(None, "b", 9, 10)]), "row 0: worker is missing"),
        (table([("W1", "b", 9, 9)]), "nothing was measured: name the column"),
        (
            table().with_columns(pl.col("written_at").dt.replace_time_zone(None)),
            "both must be times of one zone",
        ),
        (
            table().with_columns(pl.col("started_at").dt.epoch("us")),
            "started_at holds Int64 and written_at Datetime",
        ),
        (table().cast({"started_at": pl.String}), "started_at holds String"),
    ],
    ids=range(8),
)
def test_what_can_not_be_measured_is_told(frame, said):
    """Each names the column or the row, and how to mend it."""
    with pytest.raises(InvalidSchedule, match=said):
        measured(frame)


def test_an_empty_table_fits_nothing():
    """It has no latencies, and that is said when they are asked for."""
    empty = table()[:0]
    assert measured(empty) == []
    with pytest.raises(InvalidSchedule, match="nothing was measured"):
        fitted(measured(empty))


def test_a_missing_time_of_pandas_is_missing():
    """Its NaT is no number."""
    frame = table().to_pandas()
    frame.loc[1, "started_at"] = pd.NaT
    with pytest.raises(InvalidSchedule, match="row 1: started_at is missing"):
        measured(frame)


# A log


def test_latencies_of_a_log_are_found_again():
    """From when it occurred to when it was recorded, by type, out of the log itself."""
    slow = exponential({"*": 1_000_000, ("*", "ProcessingComplete"): 50_000_000})
    after = es.Clock(BEGUN + timedelta(days=2))
    log = es.EventLog.temporary(video.EVENTS, clock=after)
    log.append_frame(video.traffic(400, latencies=slow))
    times = {"started": "occurred_at", "written": "recorded_at"}
    found = fitted(measured(log.scan(), worker=None, **times))
    done = float(found.mean("anybody", "ProcessingComplete"))
    assert done == pytest.approx(50_000_000, rel=0.15)
    begun = float(found.mean("anybody", "ProcessingStarted"))
    assert begun == pytest.approx(1_000_000, rel=0.15)


def test_a_log_that_knows_one_time_only_measures_nothing():
    """Where nobody said when it occurred, both times are the same."""
    log = es.EventLog.temporary(video.EVENTS, clock=es.Clock(BEGUN))
    log.append("v", [video.VideoUploaded(path="a", uploaded_by="ada")])
    with pytest.raises(InvalidSchedule, match="are the same in every row"):
        measured(log.scan(), worker=None, started="occurred_at", written="recorded_at")


# A trace


def test_latencies_of_a_trace_are_found_again():
    """By worker and type, within what chance allows, from eighteen hundred events."""
    trace = simulated(many(), LAST_WRITE_WINS, latencies=SLOW, seed=3)
    found = fitted(trace.measured)
    assert len(trace.measured) == 1_800
    for worker in ("W1", "W2", "W3"):
        for kind in STATUS.values():
            mean = float(SLOW.mean(worker, kind))
            assert float(found.mean(worker, kind)) == pytest.approx(mean, rel=0.35)
    assert float(found.mean("W1", "any")) == pytest.approx(10_000, rel=0.15)


def test_given_momentscome_back_as_they_were():
    """One race of three: each took what it was given."""
    times = given({"W1": 30, "W2": 20, "W3": 10})
    trace = run(three(chance=race(times)), status)
    assert sorted(trace.measured) == [("W1", "1", 30), ("W2", "2", 20), ("W3", "3", 10)]


def test_standing_at_a_lock_counts():
    """What a worker had in its hands is what a processor would write down."""
    work = traffic(messages(["a", "b"]), lambda _, event: event)
    trace = simulated(work, LOCK_PER_KEY, latencies=given(10))
    assert sorted(trace.measured) == [("W1", "a", 10), ("W2", "b", 20)]


def test_an_event_that_a_crash_took_away_has_no_latency():
    """It counts from when it was taken again."""
    did = [("took", 0), ("crashed", 5), ("came back", 9), ("took", 12), ("wrote", 20)]
    steps = tuple(
        Step(at=at, worker="W1", did=each, event_id="it/1") for each, at in did
    )
    trace = Trace(
        name="t", handler="h", workers=("W1",), messages=messages([1]), steps=steps
    )
    assert trace.measured == [("W1", "1", 8)]
    assert replace(trace, steps=steps[:2]).measured == []


def test_places_are_no_times():
    """An order that is told by places has measured nothing, and says so."""
    trace = told(three(), ["W1", "W2", "W3"], status)
    with pytest.raises(InvalidSchedule, match="are places, 1 to 3"):
        _ = trace.measured
