"""A clock that jumps takes no event out of order, and lets no file go too early.

Real processes whose clocks libfaketime turns back or forward, for good or in the
middle of their work.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from log_samples import EVENTS, Opened, Paid

import esbench as es
from esbench.log.store import Folder

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.skipif(
    shutil.which("faketime") is None, reason="faketime is not installed"
)

CHILD = """
import json, os, sys, time, warnings
from datetime import UTC, datetime
sys.path.insert(0, {tests!r})
import esbench as es
from log_samples import EVENTS, Opened, Paid
folder, dial = sys.argv[1:3]
told = []
warnings.showwarning = lambda message, *_: told.append(str(message))
warnings.simplefilter("always")
def turn(offset):
    with open(dial, "w") as file:
        file.write(offset)
log = es.EventLog(folder, EVENTS)
answer = None
{work}
print(json.dumps({{"answer": answer, "warnings": told}}))
"""


def run(folder, work, offset="+0", **variables):
    """Run ``work`` in a process whose clock is off; give its answer and warnings.

    Args:
        folder: of a log, there called ``log``.
        work: Python that sets ``answer``; ``turn("-1h")`` turns its clock.
        offset: of its clock, as faketime writes it.
        variables: further ones of its environment.
    """
    dial = Path(f"{folder}.dial")
    dial.write_text(offset)
    code = CHILD.format(tests=str(Path(__file__).parent), work=work)
    library = subprocess.run(
        ["faketime", "-m", "-f", "+0", sys.executable, "-c", FIND],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    environment = os.environ | variables
    environment |= {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(dial),
        "FAKETIME_NO_CACHE": "1",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(dial)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


FIND = "import os; print(os.environ['LD_PRELOAD'].split(':')[-1])"
APPEND = 'answer = str(log.append("a", [Paid(amount=1)]).recorded_at)'


def recorded(folder):
    """Give the times of recording, in the order of the log."""
    return [event.recorded_at for event in es.EventLog(folder, EVENTS).read()]


def assert_in_order(folder):
    """See that no time of recording falls, and that nothing else is wrong."""
    times = recorded(folder)
    assert times == sorted(times)
    log = es.EventLog(folder, EVENTS)
    assert log.verify(log.head()).ok


@pytest.fixture
def folder(tmp_path):
    """Give the folder of a log with one event, recorded now."""
    log = es.EventLog(tmp_path / "log", EVENTS)
    log.append("a", [Opened(owner="Ada")])
    return tmp_path / "log"


def test_faketime_turns_the_clock(folder):
    """A process is told the time that its dial shows, at once and later."""
    work = """
answer = [time.time()]
turn("-3h")
answer.append(time.time())
answer.append(log.now().timestamp())
"""
    first, *later = run(folder, work, "+2h")["answer"]
    assert abs(first - time.time() - 7200) < 600
    for moment in later:
        assert abs(moment - time.time() + 10800) < 600


@pytest.mark.parametrize(("offset", "is_told"), [("-2h", True), ("-30m", False)])
def test_a_process_whose_clock_is_behind_records_at_the_last_time(
    folder, offset, is_told
):
    """Behind the log, events are recorded at its last time; an hour is told."""
    (before,) = recorded(folder)
    done = run(folder, APPEND, offset)
    assert done["answer"] == str(before)
    assert bool(done["warnings"]) == is_told
    assert all("set the clock" in text for text in done["warnings"])
    assert recorded(folder) == [before, before]
    assert_in_order(folder)


def test_a_clock_that_jumps_back_at_work_is_told(folder):
    """In the middle of a process the clock jumps back: times stand still, then go."""
    work = """
times = [str(log.append("a", [Paid(amount=1)]).recorded_at)]
turn("-2h")
times.append(str(log.append("a", [Paid(amount=2)]).recorded_at))
turn("+0")
time.sleep(0.01)
times.append(str(log.append("a", [Paid(amount=3)]).recorded_at))
answer = times
"""
    done = run(folder, work)
    first, second, third = map(datetime.fromisoformat, done["answer"])
    assert first == second < third
    assert ["set the clock" in text for text in done["warnings"]] == [True]
    assert_in_order(folder)


def test_a_clock_that_jumped_forward_holds_the_others(folder):
    """A process ahead by two hours takes the log along; the others wait for it."""
    (before,) = recorded(folder)
    ahead = datetime.fromisoformat(run(folder, APPEND, "+2h")["answer"])
    assert ahead > before + 2 * HOUR - SECOND
    done = run(folder, APPEND)
    assert done["answer"] == str(ahead)
    assert [text.startswith("the clock is 1:5") for text in done["warnings"]] == [True]
    later = datetime.fromisoformat(run(folder, APPEND, "+3h")["answer"])
    assert later > ahead
    assert_in_order(folder)


def test_frames_never_fall_behind_the_log(folder):
    """An imported frame takes the last time, or is refused: never an earlier one."""
    work = """
import polars as pl
frame = pl.DataFrame({"aggregate_id": ["b"] * 2_000, "type": "Paid", "amount": 1})
answer = [str(log.append_frame(frame).recorded_at)]
told.clear()
early = datetime(2024, 1, 1, tzinfo=UTC)
try:
    log.append_frame(frame.with_columns(recorded_at=pl.lit(early)))
except es.InvalidFrame as error:
    answer.append(str(error))
"""
    (before,) = recorded(folder)
    stamp, refusal = run(folder, work, "-2h")["answer"]
    assert stamp == str(before)
    assert "recorded_at" in refusal
    assert len(recorded(folder)) == 2_001
    assert_in_order(folder)


def test_a_day_asked_about_follows_the_clock_of_the_asker(folder):
    """``1 hour ago`` counts from the asker's clock; what is there stays."""
    work = 'answer = [len(log.as_of("1 hour ago")), len(log)]'
    assert run(folder, work)["answer"] == [0, 1]
    assert run(folder, work, "+2h")["answer"] == [1, 1]
    assert run(folder, work, "-2h")["answer"] == [0, 1]


# --- the age of what was merged --------------------------------------------------

WRITE = """
for number in range(600):
    log.append(f"a{number % 7}", [Paid(amount=1)])
answer = len(log.merge().segments)
"""
MERGE = """
before = len(os.listdir(folder + "/events"))
done = log.merge()
answer = [before - len(os.listdir(folder + "/events")), len(done.deleted)]
"""


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    """Give the folder of a log of 600 commits, 512 of which were just merged."""
    folder = tmp_path_factory.mktemp("merged") / "log"
    log = es.EventLog(folder, EVENTS, merge="never")
    for number in range(600):
        log.append(f"a{number % 7}", [Paid(amount=1)])
    assert len(log.merge().segments) == 1
    return folder


def copied(merged, tmp_path):
    """Give a copy of a log, whose files are as old as before."""
    return Path(shutil.copytree(merged, tmp_path / "copy"))


SOME = [("+2h", "0"), ("+2d", "1")]
OTHERS = [("+2h", "1"), ("-2h", "0"), ("-2h", "1"), ("+2d", "0")]


@pytest.mark.parametrize(
    ("offset", "stat"),
    [*SOME, *(pytest.param(*other, marks=pytest.mark.torture) for other in OTHERS)],
)
def test_a_mergers_own_clock_does_not_age_files(merged, tmp_path, offset, stat):
    """Age is told by the disk's clock, so a merger whose own is off deletes nothing."""
    folder = copied(merged, tmp_path)
    assert run(folder, MERGE, offset, NO_FAKE_STAT=stat)["answer"] == [0, 0]
    assert_in_order(folder)


def aged(folder, by):
    """Let the disk's clock seem to have moved since the segments were made."""
    for path in (folder / "segments").iterdir():
        made = path.stat().st_mtime - by.total_seconds()
        os.utime(path, (made, made))


@pytest.mark.parametrize("by", [-HOUR, -24 * HOUR, HOUR - 60 * SECOND])
def test_a_disks_clock_that_jumps_back_deletes_nothing_early(merged, tmp_path, by):
    """Where a segment seems to be made in the future, its sources stay."""
    folder = copied(merged, tmp_path)
    aged(folder, by)
    log = es.EventLog(folder, EVENTS)
    assert log.merge().deleted == ()
    assert len(list((folder / "events").iterdir())) == 600
    assert_in_order(folder)


def test_a_disks_clock_that_jumps_forward_deletes_early_and_loses_nothing(
    merged, tmp_path
):
    """A jump of an hour takes the hour away: old file lists end, and no event does."""
    folder = copied(merged, tmp_path)
    log = es.EventLog(folder, EVENTS)
    files, scan, before = log.files(), log.scan(), list(log.read())
    aged(folder, HOUR + SECOND)
    other = es.EventLog(folder, EVENTS)
    assert len(other.merge().deleted) == 512
    assert list(log.read()) == list(other.read()) == before
    assert [Path(file).exists() for file in files].count(False) in {0, 512}
    assert scan.collect().height == 600
    assert log.verify(log.head()).ok


# --- what dead writers left ------------------------------------------------------


@pytest.mark.parametrize("stat", ["0", "1"], ids=["files faked", "files real"])
def test_a_live_writers_file_is_kept_whatever_the_clock(folder, stat):
    """A writer at work loses nothing to one whose clock is two days ahead."""
    staged = Folder(folder)._own_name()
    Path(staged).write_bytes(b"half a commit")
    run(folder, APPEND, "+2d", NO_FAKE_STAT=stat)
    assert Path(staged).exists()
    assert_in_order(folder)
