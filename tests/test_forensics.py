"""Forensics finds each case out of order, which states it made wrong, and why."""

import csv
import io
import json
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import esbench as es
from esbench import analysis
from esbench.analysis.orders import Folded
from esbench.analysis.processing import moments_of, sheet_of
from esbench.cli.run import run
from esbench.domains import bank, video
from esbench.errors import InvalidEvent, InvalidFrame, UnclearExtract
from esbench.projection import calls_of
from esbench.workers import LAST_WRITE_WINS, schedules, simulated, told
from esbench.workers.lattice import Rows
from esbench.workers.verdict import witness_of

DATA = Path(__file__).parent.parent / "data"
START = datetime(2024, 2, 1, 10, tzinfo=UTC)
LIFE = (
    video.VideoUploaded(path="a.mp4", uploaded_by="ada"),
    video.ProcessingStarted(worker_id="w"),
    video.ProcessingComplete(output_path="b.mp4"),
    video.VideoWithdrawn(),
)
Status = es.projection(video.written, name="Status")


def log_of(**lengths):
    """Give a log in which each of these videos has had so many events of a life."""
    log = es.EventLog.temporary(video.EVENTS, clock=es.Clock("2024-02-01"))
    for name, length in lengths.items():
        log.append(name, LIFE[:length])
    return log


def writes(*rows, **columns):
    """Give a table of processing from (event id, second, worker)."""
    return pl.DataFrame(
        {
            "event_id": [row[0] for row in rows],
            "processed_at": [START + timedelta(seconds=row[1]) for row in rows],
            "worker": [(row[2:] or (None,))[0] for row in rows],
            **columns,
        }
    )


def in_order(name, *versions):
    """Give the writes of a video's events, a second apart, by workers in turn."""
    return writes(*((f"{name}/{v}", n, f"w{n}") for n, v in enumerate(versions)))


def only(report):
    """Give the one row of a report."""
    assert report.table.height == 1
    return report.table.row(0, named=True)


# One case


def test_the_race_of_the_story_is_told_in_words():
    """Success was written first: it is stuck at uploaded, and the row says by whom."""
    report = analysis.forensics(log_of(v=3), in_order("v", 3, 2, 1))
    row = only(report)
    assert (row["end"], row["there"], row["right"]) == ("wrong", "uploaded", "success")
    assert row["first_inversion"] == (
        "3 ProcessingComplete was written before 1 VideoUploaded"
    )
    assert (row["workers"], row["late_seconds"]) == ("w0 before w2", 2.0)
    assert (row["cause"], row["inversions"]) == ("order", 3)
    assert report.finding == (
        "1 of 1 aggregate was written out of order (3 inversions); 1 final state is "
        "wrong, by the order alone."
    )


@pytest.mark.parametrize("order", list(schedules([[1], [2], [3]]).orders()))
def test_inversions_are_those_of_the_workers(order):
    """Each order of three events has the inversions, end and words of workers."""
    work = video.the_race()
    plan = schedules([[each] for each in work.messages])
    known = witness_of(plan, Rows(plan, LAST_WRITE_WINS.makes(work)), order, "success")
    versions = [move.lane + 1 for move in order]
    report = analysis.forensics(log_of(v=3), in_order("v", *versions))
    assert report.count("inversions") == known.inversions
    assert report.count("wrong") == (known.state != "success")
    for row in report.table.iter_rows(named=True):
        early, late = row["first_inversion"].split(" was written before ")
        assert f"{early[0]} " in known.says
        assert late[0] in known.says
        assert row["there"] == known.state


@pytest.mark.parametrize(
    ("life", "order", "there", "cause"),
    [
        (3, (1, 3, 2), None, "order"),
        (3, (1, 2, 3, 1), None, "redelivery"),
        (3, (1, 2), None, "never processed"),
        (3, (), None, "never processed"),
        (3, (2, 1), None, "never processed, order"),
        (3, (1, 2, 3, 2), None, "redelivery"),
        (3, (1, 2, 3), "failed", "not explained"),
        (3, (1, 3, 2), "uploaded", "order, not explained"),
        (4, (4, 3, 2, 1, 3), None, "order, redelivery"),
    ],
)
def test_each_cause_is_told_apart(life, order, there, cause):
    """What was lost, the order, a copy, and what none of them explains."""
    states = None if there is None else {"v": there}
    report = analysis.forensics(log_of(v=life), in_order("v", *order), states=states)
    row = only(report)
    assert (row["end"], row["cause"]) == ("wrong", cause)
    assert row["right"] == ("success", "deleted")[life == 4]
    alone = f"wrong: {cause}" if ", " not in cause else "wrong: several causes"
    assert report.count(alone) == report.count("wrong") == 1


def test_out_of_order_and_right_is_no_wrong_state():
    """An order that did no harm is listed as a case, and as right."""
    row = only(analysis.forensics(log_of(v=3), in_order("v", 2, 1, 3)))
    assert (row["end"], row["cause"], row["there"]) == ("right", None, "success")


def test_a_guard_shows_in_the_states_that_are_there():
    """Where the list of states is right, the disorder did no harm."""
    report = analysis.forensics(
        log_of(v=3), in_order("v", 3, 2, 1), states={"v": "success"}
    )
    assert only(report)["end"] == "right"
    assert report.count("wrong") == 0


def test_a_copy_is_said_to_be_one():
    """An event that came again after a later one is an inversion of its own."""
    row = only(analysis.forensics(log_of(v=3), in_order("v", 1, 2, 3, 1)))
    assert row["first_inversion"] == (
        "1 VideoUploaded was written again after 3 ProcessingComplete"
    )
    assert (row["inversions"], row["copies"], row["workers"]) == (2, 1, "w3 after w2")


def test_a_copy_at_once_is_no_disorder():
    """An event that came twice before the next one is counted, and no case."""
    report = analysis.forensics(log_of(v=3), in_order("v", 1, 1, 2, 3))
    assert (report.table.height, report.count("copies")) == (0, 1)
    assert "1 write is of an event that was processed before" in report.notes[-1]


def test_a_copy_that_adds_up_makes_a_balance_wrong():
    """The bank forgives disorder, and no deposit that counts twice."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(bank.EVENTS, clock=clock)
    bank.ada(log, clock)
    order = (*range(len(log), 0, -1), 2)
    table = in_order("ada", *order)
    report = analysis.forensics(log, table, projection=bank.Account)
    row = only(report)
    assert (row["end"], row["cause"]) == ("wrong", "redelivery")
    once = analysis.forensics(log, table[:-1], projection=bank.Account)
    assert only(once)["end"] == "right"


# Ties, and what is not known


@pytest.mark.parametrize("order", [("v/1", "v/2", "v/3"), ("v/2", "v/1", "v/3")])
def test_ties_are_taken_in_the_order_of_the_events(order):
    """Two writes at one time are no inversion, and it is said that they are two."""
    table = writes((order[0], 0), (order[1], 0), (order[2], 1))
    report = analysis.forensics(log_of(v=3), table)
    assert (report.count("out of order"), report.count("ties")) == (0, 1)
    assert report.notes[-1].startswith("1 write has the time of the one before")


def test_a_tie_that_decides_leaves_the_end_open():
    """The last two at one time: nobody knows which, so the end is neither."""
    table = writes(("v/1", 0), ("v/3", 1), ("v/2", 1))
    report = analysis.forensics(log_of(v=3), table)
    row = only(report)
    assert (row["end"], row["cause"]) == ("open", "a tie in time")
    assert report.finding.endswith("1 is open, where a tie in time decides.")


def test_a_state_that_only_a_tie_explains_is_said_to_be_so():
    """What is there was written last of two at one time: no copy is to blame for it."""
    table = writes(("v/1", 0), ("v/3", 1), ("v/2", 1))
    report = analysis.forensics(log_of(v=3), table, states={"v": "processing"})
    assert only(report)["cause"] == "a tie in time"
    assert report.count("wrong: a tie in time") == 1


def test_what_was_inferred_is_said():
    """Without states it is said that they were worked out, and with them not."""
    log, table = log_of(v=3), in_order("v", 1, 2, 3)
    inferred = "What is there is inferred"
    assert any(inferred in note for note in analysis.forensics(log, table).notes)
    own = table.with_columns(state=pl.Series(["uploaded", "processing", "success"]))
    for report in (
        analysis.forensics(log, own),
        analysis.forensics(log, table, states={"v": "success"}),
    ):
        assert not any(inferred in note for note in report.notes)
        assert report.count("wrong") == 0


def test_the_table_s_own_states_are_what_is_there():
    """The state beside an aggregate's last write counts, whatever order gives."""
    table = in_order("v", 1, 2, 3)
    table = table.with_columns(state=pl.Series(["uploaded", "processing", "lost"]))
    assert only(analysis.forensics(log_of(v=3), table))["cause"] == "not explained"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (writes(("v/1", 0), ("x/1", 1)), "1 row is about no event of the log"),
        (
            writes(("v/1", 0), ("v/2", 1)).with_columns(
                pl.when(event_id="v/1").then("processed_at").alias("processed_at")
            ),
            "1 row says no time of processing",
        ),
        (
            pl.DataFrame({"event_id": ["v/1"], "processed_at": ["2024-02-01T10:00"]}),
            "that name no zone are taken as UTC",
        ),
        (
            writes(("v/1", -86_400 * 60)),
            "2 events were recorded after the last write of all: they may be",
        ),
        (
            writes(("v/1", -86_400 * 60)),
            "1 write is dated before the event occurred: clocks differ",
        ),
    ],
)
def test_nothing_is_left_out_in_silence(table, said):
    """Rows that are no writes, and times that were read by guess, are told."""
    report = analysis.forensics(log_of(v=3), table)
    assert any(said in note for note in report.notes)


def test_a_state_is_held_against_the_truth_where_all_was_in_order():
    """What nobody wrote out of order can be wrong, too, and nothing explains it."""
    table = pl.concat([in_order(name, 1, 2, 3) for name in "uvw"])
    states = {"u": "success", "v": "success", "w": "processing"}
    row = only(analysis.forensics(log_of(u=3, v=3, w=3), table, states=states))
    assert (row["aggregate_id"], row["cause"]) == ("w", "not explained")


def test_states_without_a_case_are_told():
    """Rows about nobody, and aggregates without a row, stand in the notes."""
    report = analysis.forensics(
        log_of(v=3, w=1), in_order("v", 1, 2, 3), states={"v": "success", "x": "lost"}
    )
    assert only(report)["aggregate_id"] == "w"
    assert any("1 row is about no aggregate" in note for note in report.notes)
    assert any("1 aggregate has no row" in note for note in report.notes)


# Any case


def model(life, order):
    """Work out by hand what is wrong with the writes of one aggregate."""
    seen, pairs, late = [], 0, 0
    for place, version in enumerate(order):
        later = {v for v in seen if v > version}
        pairs += len(later)
        if later:
            first = min(n for n, v in enumerate(order[:place]) if v > version)
            late = max(late, place - first)
        seen.append(version)
    truth = there = None
    for version in range(1, life + 1):
        truth = video.written(truth, LIFE[version - 1])
    for version in order:
        there = video.written(there, LIFE[version - 1])
    return pairs, late, truth, there


runs = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(st.integers(1, 4), max_size=7),
    min_size=1,
)


@given(runs, st.randoms(use_true_random=False), st.sampled_from([video.Video, Status]))
def test_any_run_is_judged_as_by_hand(orders, dice, projection):
    """Whatever is written in whatever order, with copies and losses: both engines."""
    log = log_of(**dict.fromkeys(orders, 4))
    rows = [
        (f"{name}/{version}", second)
        for name, order in orders.items()
        for second, version in enumerate(order)
    ]
    dice.shuffle(rows)
    if not rows:
        return
    report = analysis.forensics(log, writes(*rows), projection=projection)
    listed = {row["aggregate_id"]: row for row in report.table.iter_rows(named=True)}
    for name, order in orders.items():
        pairs, late, truth, there = model(4, order)
        assert (name in listed) == (pairs > 0 or truth != there)
        if name in listed:
            row = listed[name]
            assert (row["inversions"], row["right"], row["there"]) == (
                *(pairs, truth),
                there,
            )
            assert row["end"] == ("right" if truth == there else "wrong")
            assert row["late_seconds"] == (late if pairs else None)
            assert row["copies"] == len(order) - len(set(order))
            assert row["unprocessed"] == 4 - len(set(order))
    assert report.count("writes") == sum(map(len, orders.values()))
    assert report.count("wrong") == sum(
        truth != there for _, _, truth, there in (model(4, o) for o in orders.values())
    )


def test_a_function_is_folded_whichever_aggregate_is_asked_first():
    """Events that were read for one aggregate do not stand in for another's."""
    log = log_of(v=3, w=1)
    ranks = pl.DataFrame({"aggregate_id": ["v", "w"], "version": 1, "rank": 1})
    told = Folded(log.read, ranks, calls_of(Status), None)
    for name in "vw":
        order = pl.DataFrame({"aggregate_id": [name], "rank": [1], "place": [1]})
        assert told.ends(order).rows() == [(name, "uploaded")]


# Where the orders come from


def test_a_log_alone_tells_both_orders():
    """What was recorded late is out of order, and the video's state follows it."""
    log = es.EventLog.temporary(video.EVENTS)
    frame = video.traffic(60)
    log.append_frame(frame)
    report = analysis.forensics(log)
    wrong = report.table.filter(pl.col("end") == "wrong")["aggregate_id"].to_list()
    now = dict(video.Video.table(log).select("aggregate_id", "status").iter_rows())
    for name, rows in frame.partition_by("aggregate_id", as_dict=True).items():
        kinds = rows.sort("occurred_at", maintain_order=True)["type"].to_list()
        status = None
        for kind in kinds:
            status = STATUSES.get(kind, status)
        assert (name[0] in wrong) == (status != now[name[0]])
    assert wrong
    assert "was recorded before" in report.table["first_inversion"].drop_nulls()[0]


def test_events_of_one_commit_were_recorded_one_after_the_other():
    """They share the time of recording, and their positions tell the order."""
    log = es.EventLog.temporary(video.EVENTS, clock=es.Clock("2024-02-02"))
    stamped = [
        es.stamped(event, occurred_at=f"2024-02-01T{hour}:00Z")
        for event, hour in ((LIFE[2], 12), (LIFE[1], 11))
    ]
    log.append("v", [LIFE[0], *stamped])
    report = analysis.forensics(log)
    assert (report.count("inversions"), report.count("ties")) == (3, 0)


STATUSES = {
    "VideoUploaded": "uploaded",
    "ProcessingStarted": "processing",
    "ProcessingComplete": "success",
    "ProcessingFailed": "failed",
    "VideoWithdrawn": "deleted",
}


def test_the_bank_forgives_disorder():
    """Dozens of accounts were recorded out of order, and every balance is right."""
    log = es.EventLog.existing(DATA / "bank", bank.EVENTS)
    report = analysis.forensics(log, projection=bank.Account)
    assert report.count("out of order") > 50
    assert (report.count("wrong"), report.count("open")) == (0, 0)


def test_a_trace_is_a_table_of_processing():
    """What workers of a simulation did is judged as it is, states and all."""
    work = video.the_race()
    plan = schedules([[each] for each in work.messages])
    trace = told(plan, ["W3", "W1", "W2"], LAST_WRITE_WINS.makes(work))
    log = es.EventLog.temporary(video.EVENTS)
    video.vid_123(log)
    row = only(analysis.forensics(log, trace))
    assert (row["there"], row["workers"]) == ("processing", "W3 before W1")
    assert row["late_seconds"] is None
    run = simulated(work, LAST_WRITE_WINS, workers=3, seed=2)
    report = analysis.forensics(log, run)
    assert (report.count("writes"), report.count("copies")) == (3, 0)
    assert report.count("wrong") == (run.states["vid_123"] != "success")


def sample():
    """Give the log of the sample."""
    return es.EventLog.existing(DATA / "video", video.EVENTS)


def extract(log, processed):
    """Give one table with both orders of a log."""
    rows = log.scan().sort("position").collect()
    own = pl.col("aggregate_id") + "/" + pl.col("version").cast(pl.String)
    return rows.with_columns(event_id=own).join(
        processed, on="event_id", how="left", maintain_order="left"
    )


def test_an_extract_says_the_same_as_log_and_table(tmp_path):
    """One table with both orders has the same cases, from a frame and from a file."""
    table = pl.read_csv(DATA / "processed.csv")
    apart = analysis.forensics(sample(), table).table
    rows = extract(sample(), table).select(
        "aggregate_id", "version", "type", "processed_at", "worker"
    )
    rows.write_csv(tmp_path / "x.csv", separator=";")
    rows.write_parquet(tmp_path / "x.parquet")
    for given_as in (
        rows,
        rows.to_pandas(),
        tmp_path / "x.csv",
        tmp_path / "x.parquet",
    ):
        assert analysis.forensics_of(given_as).table.equals(apart)


def test_a_log_that_left_as_csv_says_the_same_as_the_log(tmp_path):
    """Both times of an export are both orders, and fields of events are no workers."""
    log = es.EventLog.temporary(video.EVENTS)
    log.append_frame(video.traffic(60))
    table = analysis.forensics(log).table
    for rows in (log.scan().collect(), log.scan().drop("version").collect()):
        rows.write_csv(tmp_path / "x.csv")
        assert analysis.forensics_of(tmp_path / "x.csv").table.equals(table)
    assert table["workers"].is_null().all()


def test_an_extract_of_states_needs_no_types():
    """Each row sets its state: the last event's is right, the last write's is there."""
    rows = pl.DataFrame(
        {
            "aggregate_id": ["v", "v", "w"],
            "occurred_at": ["2024-02-01T10:00Z", "2024-02-01T11:00Z", "2024-02-01"],
            "processed_at": [2, 1, 3],
            "state": ["uploaded", "success", "uploaded"],
        }
    )
    row = only(analysis.forensics_of(rows))
    assert (row["there"], row["right"]) == ("uploaded", "success")


def test_a_type_that_sets_nothing_is_told():
    """A misspelt type does not vanish: how many rows, and what they are called."""
    rows = ROWS.with_columns(type=pl.Series(["VideoUploaded", "ProcesingStarted"]))
    notes = analysis.forensics_of(rows).notes
    assert (
        "1 row is of a type that Video.status does not follow from: ProcesingStarted."
        in notes
    )
    assert not any("of a type" in note for note in analysis.forensics_of(ROWS).notes)


def test_fields_of_events_may_be_called_as_they_like():
    """Events whose fields are named rank, place, seq, at and number are no trouble."""

    class Placed(es.Event):
        rank: str
        place: int
        seq: int
        at: int
        number: int

    class Last(es.Projection):
        rank = es.last((Placed, "rank"))
        place = es.total((Placed, "place"))

    log = es.EventLog.temporary([Placed])
    events = [Placed(rank=r, place=5, seq=1, at=2, number=3) for r in "xyz"]
    log.append("v", events)
    table = in_order("v", 3, 1, 2)
    row = only(analysis.forensics(log, table, projection=Last, field="rank"))
    assert (row["there"], row["right"]) == ("y", "z")
    own = extract(log, table).drop("position", "occurred_at", "recorded_at")
    again = analysis.forensics_of(own, projection=Last, field="rank")
    assert only(again) == row
    total = analysis.forensics(log, table, projection=Last)
    assert only(total)["there"] == 15


def test_a_past_is_asked_about_its_own_events():
    """About a day before the end the right state is another, and rows are left out."""
    log = es.EventLog.temporary(video.EVENTS)
    video.vid_123(log)
    table = in_order("vid_123", 2, 1, 3)
    row = only(analysis.forensics(log, table, "2024-02-01T10:06Z"))
    assert (row["there"], row["right"]) == ("uploaded", "processing")
    report = analysis.forensics(log.as_of("2024-02-01T10:06Z"), table)
    assert "1 row is about events that this past leaves out" in " ".join(report.notes)


def test_the_order_of_the_events_can_be_chosen():
    """By the time of happening, a late recording is put where it belongs."""
    log = es.EventLog.temporary(video.EVENTS, clock=es.Clock("2024-02-02"))
    for event, hour in ((LIFE[2], 12), (LIFE[0], 10), (LIFE[1], 11)):
        log.append("v", [event], occurred_at=f"2024-02-01T{hour}:00Z")
    table = in_order("v", 1, 2, 3)
    assert analysis.forensics(log, table).count("out of order") == 0
    row = only(analysis.forensics(log, table, order="occurred"))
    assert (row["there"], row["right"]) == ("processing", "success")
    assert row["first_inversion"].startswith(
        "3 ProcessingComplete was written before 1"
    )


def test_given_event_ids_are_matched_with_their_aggregate():
    """One id in two aggregates is refused alone, and told apart by the aggregate."""
    log = es.EventLog.temporary(video.EVENTS)
    for name in "vw":
        log.append(name, [es.stamped(LIFE[0], event_id="e1")])
    table = writes(("e1", 0), ("e1", 1))
    with pytest.raises(UnclearExtract, match="events of several aggregates"):
        analysis.forensics(log, table)
    both = table.with_columns(aggregate_id=pl.Series(["v", "w"]))
    assert analysis.forensics(log, both).count("copies") == 0


# What can't be asked

GOOD = in_order("v", 1, 2, 3)
BY_PLACE = pl.DataFrame({"aggregate_id": ["v"], "version": ["x"], "processed_at": [1]})


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (GOOD.drop("processed_at"), {}, "no column says when it was processed"),
        (GOOD.drop("event_id"), {}, "no column says which event a row is about"),
        (GOOD.cast({"processed_at": pl.Float64}, strict=False), {}, "floats"),
        (in_order("x", 2, 1), {}, "an event of this log; the first is about x/2"),
        (BY_PLACE, {}, "row 1: version 'x' is no whole number"),
        (GOOD.with_columns(event_id=pl.lit("")), {}, "row 1: 'event_id' is empty"),
        (GOOD, {"columns": {"done": "x"}}, "there is no role 'done'"),
        (GOOD, {"columns": {"processed": "x"}}, "no column 'x' for processed"),
        (GOOD, {"states": {"x": "y"}}, "no row is about an aggregate"),
        (GOOD, {"states": GOOD}, "call it 'aggregate_id'"),
        (GOOD, {"order": "recorded"}, "write 'version' or 'occurred'"),
        (GOOD, {"field": "colour"}, "has no field 'colour'"),
        (GOOD, {"field": "colour", "projection": Status}, "has no field 'colour'"),
        (GOOD, {"projection": bank.Daily}, "is counted by day"),
        (GOOD, {"projection": bank.Account}, "this log has none, but Processing"),
        (None, {}, "tells one order alone: each event occurred when it was recorded"),
        (None, {"order": "version"}, "tells one order alone: versions follow"),
    ],
)
def test_what_can_not_be_asked_is_said(table, options, said):
    """A table that is none, a log with one order, a field that is not there."""
    with pytest.raises((UnclearExtract, InvalidEvent, InvalidFrame), match=said):
        analysis.forensics(log_of(v=3), table, **options)


ROWS = pl.DataFrame(
    {
        "aggregate_id": ["v", "v"],
        "version": [1, 2],
        "type": ["VideoUploaded", "ProcessingStarted"],
        "processed_at": [1, 2],
    }
)


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (ROWS.drop("version"), {}, "no column tells the order of the events"),
        (ROWS.drop("type"), {}, "no column says the state"),
        (ROWS.clear(), {}, "has no rows"),
        (ROWS, {"projection": bank.Account}, "Account.balance follows from"),
        (ROWS, {"projection": Status}, "is a function"),
        (ROWS, {"projection": video.Video, "field": "uploaded_by"}, "no column"),
        (
            ROWS.with_columns(event_id=pl.lit("e")),
            {},
            "the event e of v does not say the same in all its rows",
        ),
        (
            ROWS.drop("type").with_columns(version=1, state=pl.Series(["a", "b"])),
            {},
            "the event 1 of v does not say the same",
        ),
    ],
)
def test_an_extract_that_tells_too_little_is_refused(rows, options, said):
    """Each order, each event and each state has to come from somewhere."""
    with pytest.raises((UnclearExtract, InvalidFrame), match=said):
        analysis.forensics_of(rows, **options)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-02-01T10:00:00Z", "2024-02-01T10:00:00Z"),
        ("2024-02-01 10:00", "2024-02-01T09:00:00Z"),
        ("2024-07-01", "2024-06-30T22:00:00Z"),
        ("2024-02-01T10:00:00.25+02:00", "2024-02-01T08:00:00.250Z"),
        ("2024-02-01T10:00:00,5-0130", "2024-02-01T11:30:00.500Z"),
        ("2024-10-27T02:30", "2024-10-27T00:30:00Z"),
    ],
)
def test_times_are_read_as_people_write_them(text, moment):
    """With a zone or in that of the log; of an hour that comes twice, the first one."""
    sheet = sheet_of(pl.DataFrame({"processed_at": [text]}))
    [found] = moments_of(sheet, "processed", "Europe/Warsaw").to_list()
    assert found == datetime.fromisoformat(moment)


@pytest.mark.parametrize("text", ["10 o'clock", "2024-13-01", "01.02.2024", "1e5"])
def test_what_is_no_time_is_named(text):
    """The row and the cell are in the message."""
    sheet = sheet_of(pl.DataFrame({"processed_at": ["2024-02-01", text]}))
    with pytest.raises(UnclearExtract, match=r"row 2: .* is no time"):
        moments_of(sheet, "processed", "UTC")


def test_parts_of_a_microsecond_count():
    """Two writes less than a microsecond apart are no tie."""
    log, at = log_of(v=2), "2024-02-01T10:00:00.{:09}Z"
    table = pl.DataFrame(
        {"event_id": ["v/1", "v/2"], "processed_at": [at.format(2), at.format(1)]}
    )
    report = analysis.forensics(log, table)
    assert (report.count("ties"), report.count("out of order")) == (0, 1)


def test_amounts_are_compared_exactly():
    """A tenth of a cent too much is no rounding, and a float is no amount."""
    log = es.EventLog.temporary(bank.EVENTS)
    log.append("a", [bank.AccountOpened(owner="A", initial_balance="500.00")])
    options = {"projection": bank.Account, "processed": writes(("a/1", 0))}
    for said in ("500", "500.00", "500.000"):
        report = analysis.forensics(log, states={"a": said}, **options)
        assert report.count("wrong") == 0
    report = analysis.forensics(log, states={"a": "500.01"}, **options)
    assert only(report)["cause"] == "not explained"
    with pytest.raises(UnclearExtract, match="balance of a is said to be '500"):
        analysis.forensics(log, states={"a": "500.001"}, **options)
    rows = pl.DataFrame(
        {
            "aggregate_id": ["a"],
            "version": [1],
            "type": ["AccountOpened"],
            "processed_at": [1],
            "initial_balance": [0.1],
        }
    )
    with pytest.raises(UnclearExtract, match="floats, which are not exact"):
        analysis.forensics_of(rows, projection=bank.Account)
    for cell, said in (("0.10", None), ("0.101", "row 1: '0.101'")):
        texts = rows.with_columns(initial_balance=pl.lit(cell))
        if said is None:
            assert analysis.forensics_of(texts, projection=bank.Account).finding
        else:
            with pytest.raises(UnclearExtract, match=said):
                analysis.forensics_of(texts, projection=bank.Account)


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (bool, True, "yes"),
        (int, 3, "3"),
        (float, 0.5, "0.5"),
        (datetime, START, "2024-02-01T10:00:00Z"),
    ],
)
def test_states_of_every_kind_are_read(kind, value, written):
    """A list of states may hold truths, numbers and times."""

    class Set(es.Event):
        to: kind

    class Latest(es.Projection):
        to = es.last((Set, "to"))

    log = es.EventLog.temporary([Set])
    log.append("v", [Set(to=value)])
    options = {"projection": Latest, "processed": writes(("v/1", 0))}
    report = analysis.forensics(log, states={"v": written}, **options)
    assert report.count("wrong") == 0
    with pytest.raises(UnclearExtract, match="is said to be 'perhaps'"):
        analysis.forensics(log, states={"v": "perhaps"}, **options)


# The sample


def test_the_race_happened_in_the_sample():
    """Right ends and all three that are stuck, redeliveries, events never processed."""
    report = analysis.forensics(
        sample(), DATA / "processed.csv", states=DATA / "videos.csv"
    )
    ends = report.table.select("end", "there").unique().rows()
    assert {("wrong", None), ("wrong", "uploaded"), ("wrong", "processing")} <= {*ends}
    assert ("right", "success") in ends
    figures = ("out of order", "wrong", "wrong: order", "copies", "never processed")
    assert [report.count(each) for each in figures] == [47, 26, 18, 3, 12]
    assert report.count("wrong: not explained") == 0
    readme = (DATA.parent / "README.md").read_text(encoding="utf-8")
    assert f"It says: {report.finding}" in readme
    assert report.count("wrong: a tie in time") + report.count("ties") > 0


def test_the_sample_s_states_follow_from_its_writes():
    """What the videos' table says is what the writes come to, in the order of rows."""
    events = {(e.aggregate_id, e.version): e.event for e in sample().read()}
    states: dict = {}
    with (DATA / "processed.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            name, version = row["event_id"].split("/")
            event = events[name, int(version)]
            states[name] = video.written(states.get(name), event)
    listed = pl.read_csv(DATA / "videos.csv").select("aggregate_id", "status")
    assert dict(listed.iter_rows()) == states


# Reports, and the command


def test_a_report_reads_well_and_gives_itself_again():
    """Notes stand in every form, ids are text, the call gives the same table."""
    evil = "<script>alert(1)</script>"
    log = log_of(**{evil: 3})
    processed, states = in_order(evil, 2, 1, 3), {evil: "<b>"}
    report = analysis.forensics(log, processed, states=states, field="status")
    assert repr(report).splitlines()[1:3] == [report.finding, report.notes[0]]
    page = report._repr_html_()
    assert "<script>" not in page
    assert report.notes[0] in page
    assert report.plot()._repr_png_().startswith(b"\x89PNG")
    names = {"log": log, "analysis": analysis, "processed": processed, "states": states}
    log.append("late", LIFE[:1])
    assert eval(report.receipt.call, names).table.equals(report.table)


def test_there_is_no_query_and_nothing_to_draw_where_nothing_is_wrong():
    """Both say so, in the words of the other reports."""
    report = analysis.forensics(log_of(v=3), in_order("v", 1, 2, 3))
    with pytest.raises(InvalidFrame, match="there is no query"):
        _ = report.sql
    with pytest.raises(InvalidFrame, match="nothing to draw"):
        report.plot()
    with pytest.raises(InvalidFrame, match="no figure 'right'"):
        report.count("right")


def test_a_log_without_events_is_no_trouble():
    """Nothing is out of order where nothing happened."""
    log = es.EventLog.temporary(video.EVENTS)
    assert analysis.forensics(log).finding.startswith("None of 0 aggregates")
    table = writes(("v/1", 0)).clear()
    assert analysis.forensics(log, table).count("writes") == 0
    assert analysis.forensics(log_of(v=1), table).count("wrong") == 1


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Give a function that runs a command beside the sample: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ESBENCH_LOG", str(DATA / "video"))
    rows = extract(sample(), pl.read_csv(DATA / "processed.csv"))
    rows = rows.rename({"processed_at": "done"})
    rows.select("aggregate_id", "version", "type", "done").write_csv("x.csv")
    log = es.EventLog(tmp_path / "late", video.EVENTS)
    log.append_frame(video.traffic(5, latencies=None))
    in_time = pl.read_csv(DATA / "processed.csv").head(1)
    in_time.write_csv("one.csv")

    def called(*words):
        capsys.readouterr()
        code = run([str(word) for word in words])
        done = capsys.readouterr()
        return code, done.out, done.err

    return called


BOTH = ["forensics", "--processed", DATA / "processed.csv"]
ALL = [*BOTH, "--states", DATA / "videos.csv"]


def test_the_command_ends_with_one_where_a_state_is_wrong(call):
    """A script sees from the exit code whether all final states are right."""
    code, out, err = call(*ALL)
    assert (code, err) == (1, "")
    finding = out.splitlines()[-1]
    assert finding.startswith("47 of 82 aggregates were written out of order")
    rows = [line for line in out.splitlines() if line.startswith("vid_")]
    assert len(rows) == 52
    code, out, _ = call(*BOTH, "--about", "2024-02-01T10:00:30Z")
    assert (code, out.splitlines()[-1]) == (
        *(0, "None of 1 aggregate was written out of order; no final state is wrong."),
    )


def test_the_command_ends_with_one_where_a_tie_leaves_it_open(call):
    """What nobody can know is no all-clear."""
    rows = pl.DataFrame({"version": [1, 2], "state": ["a", "b"], "processed_at": 1})
    rows.with_columns(aggregate_id=pl.lit("v")).write_csv("tie.csv")
    code, out, _ = call("forensics", "--extract", "tie.csv")
    assert (code, "1 is open" in out) == (1, True)


def test_only_what_is_wrong_is_listed_if_one_wants(call):
    """``--wrong`` leaves out the cases that did no harm."""
    _, out, _ = call(*ALL, "--wrong")
    rows = [line for line in out.splitlines() if line.startswith("vid_")]
    assert len(rows) == 26
    assert not any(" right " in line.split("  success")[0] for line in rows)


def test_the_command_answers_in_every_form(call, tmp_path):
    """JSON has receipt, finding, notes, summary and rows; CSV and Parquet the rows."""
    answer = json.loads(call(*ALL, "--json")[1])
    assert answer["summary"]["wrong"] == 26
    assert answer["finding"].startswith("47 of 82")
    assert "What is there is what videos.csv says." in answer["notes"]
    assert answer["receipt"]["call"].startswith("esbench forensics --processed")
    code, out, err = call(*ALL, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, len(rows)) == (1, len(answer["rows"]))
    assert list(rows[0]) == list(answer["rows"][0])
    assert err.splitlines()[-1] == answer["finding"]
    assert set(answer["notes"]) <= set(err.splitlines())
    assert call(*ALL, "-o", "x.parquet")[0] == 1
    assert pl.read_parquet("x.parquet").to_dicts() == answer["rows"]


def test_the_call_in_the_receipt_gives_the_answer_again(call):
    """The call names the files, the options and the past."""
    for words in (
        [*ALL, "--wrong", "--order", "version", "--field", "status"],
        ["forensics", "--extract", "x.csv", "--map", "processed=done"],
    ):
        told = json.loads(call(*words, "--json")[1])
        again = shlex.split(told["receipt"]["call"])[1:]
        assert json.loads(call(*again, "--json")[1])["rows"] == told["rows"]


def test_a_log_or_an_extract_alone_is_enough(call):
    """The log's own two times, and one table with columns of other names."""
    code, out, _ = call("forensics", "--log", "late")
    assert code in {0, 1}
    assert "recorded out of order" in out
    code, out, _ = call("forensics", "--extract", "x.csv", "--map", "processed=done")
    assert out.splitlines()[-1].startswith("47 of 82 aggregates")
    assert "as x.csv says" in out.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["forensics"], 2, "give a table that says when events were processed"),
        ([*BOTH, "--order", "x"], 2, "write 'version' or 'occurred'"),
        ([*BOTH, "--map", "worker"], 2, "write ROLE=COLUMN"),
        ([*BOTH, "--map", "who=worker"], 2, "there is no role 'who'"),
        ([*BOTH, "--map", "worker=who"], 2, "processed.csv has no column 'who'"),
        ([*BOTH, "--states", DATA / "processed.csv"], 2, "call it 'aggregate_id'"),
        ([*BOTH, "--field", "colour"], 1, "has no field 'colour'"),
        ([*BOTH, "--projection", "Account"], 1, "this log has none"),
        (["forensics", "--processed", "none.csv"], 1, "no such file"),
        (["forensics", "--extract", "x.csv"], 2, "no column says when"),
        ([*BOTH, "--extract", "x.csv"], 2, "--extract stands for a log"),
        (["forensics", "--processed", DATA / "videos.csv"], 2, "which event"),
    ],
)
def test_what_can_not_be_asked_is_one_line(call, words, code, said):
    """Errors say what to write instead."""
    answered = call(*words)
    assert answered[0] == code, answered
    assert said in answered[2]
    assert len(answered[2].splitlines()) == 1
