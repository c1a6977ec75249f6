"""A video's status is what the last event says, and overwriting it loses the truth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import esbench as es
from esbench.domains import video
from esbench.errors import InvalidEvent, Refused
from esbench.lessons.overwritten import by_crud, by_events
from esbench.naming import judged
from esbench.workers import ends, exponential, fitted, fixes, schedules


def video_log():
    """Give an empty log for videos."""
    return es.EventLog.temporary(video.EVENTS, clock=es.Clock("2024-01-01"))


# The rules

ALL = [
    video.Upload(path="a.mp4", uploaded_by="ada"),
    video.Start(worker_id="w"),
    video.Report(progress=40),
    video.Report(progress=20),
    video.Complete(output_path="b.mp4"),
    video.Fail(reason="no"),
    video.Withdraw(),
]


def test_a_video_goes_its_way_by_commands():
    """Uploaded, started, failed, started anew, reported, complete, withdrawn."""
    log = video_log()
    for number in (0, 1, 2, 5, 1, 3, 2, 4, 6):
        es.execute(log, "v", video.decide, ALL[number])
    statuses = video.Video.steps(log, "v").get_column("status").to_list()
    assert statuses == [
        *("uploaded", "processing", "processing", "failed", "processing"),
        *("processing", "processing", "success", "deleted"),
    ]
    assert video.Progress.hydrate(log, "v").percent == 40


@pytest.mark.parametrize(
    ("before", "command", "said"),
    [
        ((), 1, "Start is for a video that is uploaded or failed"),
        ((0,), 0, "this one is uploaded"),
        ((0,), 4, "Complete is for a video that is processing"),
        ((0, 1, 2), 3, "20 percent can't follow 40"),
        ((0, 1, 4), 2, "this one is success"),
        ((0, 1, 4), 1, "this one is success"),
        ((0, 6), 1, "this one is deleted"),
    ],
)
def test_what_makes_no_sense_is_refused(before, command, said):
    """Each rule says what is wanted, and nothing is stored."""
    log = video_log()
    for number in before:
        es.execute(log, "v", video.decide, ALL[number])
    with pytest.raises(Refused, match=said):
        es.execute(log, "v", video.decide, ALL[command])
    assert len(list(log.read("v"))) == len(before)


@given(st.lists(st.sampled_from(ALL), max_size=12))
def test_no_accepted_history_breaks_a_rule(commands):
    """Whatever is asked in whatever order, completion follows a start, and so on."""
    case, before = video.Case(), None
    for command in commands:
        try:
            events = video.decide(case, command)
        except Refused:
            continue
        for event in events:
            after = video.written(before, event)
            assert (before, after) in ALLOWED
            before = after
            case = video.Cases.evolve(case, event)


ALLOWED = {
    (None, "uploaded"),
    ("uploaded", "processing"),
    ("processing", "processing"),
    ("processing", "success"),
    ("processing", "failed"),
    ("failed", "processing"),
    *((each, "deleted") for each in ("uploaded", "processing", "success", "failed")),
}


def test_two_names_of_the_source_text_are_weak():
    """They are kept, and the checker says what it thinks of them."""
    weak = [e.__name__ for e in video.EVENTS if not judged(e.__name__)]
    assert weak == ["ProcessingProgress", "ProcessingComplete"]


# The race and the traffic


def test_the_race_is_the_three_events_of_the_story():
    """Workers get the typed events, and four of six orders end wrong."""
    work = video.the_race()
    assert work.right == "success"
    alone = schedules([[each] for each in work.messages])
    handling = fixes.LAST_WRITE_WINS.makes(work)
    assert ends(alone, handling).wrong_orders == 4


def test_traffic_is_the_same_for_a_seed_and_can_be_appended():
    """One frame for one seed; a log takes it as it is."""
    frame = video.traffic(40, 3)
    assert frame.equals(video.traffic(40, 3))
    assert not frame.equals(video.traffic(40, 4))
    assert frame.get_column("recorded_at").is_sorted()
    log = es.EventLog.temporary(video.EVENTS)
    log.append_frame(frame)
    assert video.Video.table(log).height == 40


def test_the_race_happened_in_the_traffic():
    """Recorded by slow workers some videos end wrong; by equal ones in time none."""
    late = video.traffic(60)
    assert wrong_ends(late) > 0
    quick = video.traffic(60, latencies=exponential({"*": 10}))
    assert wrong_ends(quick) == 0


def wrong_ends(frame):
    """Count the videos whose last record is not their last event."""
    found = 0
    for rows in frame.partition_by("aggregate_id"):
        occurred = rows.sort("occurred_at").get_column("type").to_list()
        found += rows.get_column("type").to_list()[-1] != occurred[-1]
    return found


def test_every_video_lives_sensibly():
    """As they occurred, the events of each video are a history that rules allow."""
    frame = video.traffic(80, 5, failed=0.4, withdrawn=0.3)
    types = {each.__name__: each for each in video.EVENTS}
    assert set(frame.get_column("type")) == set(types)
    for rows in frame.sort("occurred_at").partition_by("aggregate_id"):
        before = None
        for row in rows.iter_rows(named=True):
            cls = types[row["type"]]
            event = cls(**{name: row[name] for name in cls.__struct_fields__})
            after = video.written(before, event)
            assert (before, after) in ALLOWED
            before = after


def test_latencies_are_a_worker_s_and_a_type_s():
    """What is put in is found again in the frame, within what chance allows."""
    slow = exponential({"*": 1_000, ("*", "ProcessingComplete"): 50_000})
    frame = video.traffic(400, latencies=slow)
    late = (
        frame.get_column("recorded_at") - frame.get_column("occurred_at")
    ).dt.total_microseconds()
    rows = zip(["W"] * frame.height, frame.get_column("type"), late + 1, strict=True)
    found = fitted(list(rows))
    assert float(found.mean("W", "ProcessingComplete")) == pytest.approx(
        50_000, rel=0.2
    )
    assert float(found.mean("W", "VideoUploaded")) == pytest.approx(1_000, rel=0.2)


@pytest.mark.parametrize(
    "bad", [{"videos": 0}, {"workers": 0}, {"failed": 1.0}], ids=str
)
def test_traffic_that_can_not_be_is_refused(bad):
    """No videos, no workers, or failing for ever."""
    with pytest.raises(InvalidEvent):
        video.traffic(**bad)


# Told by overwriting, and by events

STUCK = [
    (1, "the file is in storage", None, ["VideoUploaded"], "uploaded"),
    (
        2,
        "a worker is at it",
        "uploaded",
        ["VideoUploaded", "ProcessingStarted", "ProcessingProgress"],
        "processing",
    ),
    (
        3,
        "the finished video is in storage",
        "processing",
        [
            *("VideoUploaded", "ProcessingStarted", "ProcessingProgress"),
            "ProcessingComplete",
        ],
        "success",
    ),
]


@pytest.mark.parametrize(("seed", "reality", "row", "log", "right"), STUCK)
def test_an_overwritten_row_gets_stuck(tmp_path, seed, reality, row, log, right):
    """The update meets a real lock, and the row says what was, not what is."""
    found = by_crud(tmp_path / "videos.db", seed)
    assert (found.reality, found.row, found.should) == (reality, row, right)
    assert found.error == "database is locked"
    assert found.repaired is None
    assert f"stuck at {row or 'null'!r}" in found.says


@pytest.mark.parametrize(("seed", "reality", "row", "log", "right"), STUCK)
def test_the_log_knows_what_the_row_missed(tmp_path, seed, reality, row, log, right):
    """The read model is stuck alike; the log tells it all and repairs it."""
    found = by_events(tmp_path / "videos.db", video_log(), seed)
    assert (found.reality, found.row, found.error) == (
        reality,
        row,
        "database is locked",
    )
    assert list(found.log) == log
    assert found.repaired == right


def test_other_seeds_hit_all_three(tmp_path):
    """Any seed will do, and among a few each of the three is hit."""
    hit = {by_crud(tmp_path / f"{seed}.db", seed).should for seed in range(4, 14)}
    assert hit == {"uploaded", "processing", "success"}
