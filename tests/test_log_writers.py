"""Writers in many processes lose nothing, and no two get the same place."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from log_samples import EVENTS, Opened, commits

import esbench as es

WRITERS, APPENDS = 4, 100
SHARED = """
import sys
sys.path.insert(0, {tests!r})
import esbench as es
from log_samples import EVENTS, Opened
log = es.EventLog(sys.argv[1], EVENTS)
name = sys.argv[2]
"""
EXPECTING = """
def append(key, text):
    while True:
        version = sum(1 for _ in log.read(key))
        try:
            done = log.append(key, [Opened(owner=text)], expected_version=version)
        except es.ConcurrencyError:
            continue
        assert done.versions == {{key: version + 1}}, (done, version)
        return

own = 0
for number in range({appends}):
    if number % 2:
        append("shared", name)
    else:
        log.append("own-" + name, [Opened(owner=name)], expected_version=own)
        own += 1
"""
ENDLESS = """
number = 0
while True:
    done = log.append(name, [Opened(owner=str(number)), Opened(owner="second")])
    number += 1
    print(done.first, number - 1, flush=True)
"""


def writer(folder, name, code):
    """Start a process that runs ``code`` with a log of its own."""
    filled = (SHARED + code).format(tests=str(Path(__file__).parent), appends=APPENDS)
    return subprocess.Popen(
        [sys.executable, "-c", filled, str(folder), name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_gapless(log):
    """Hold positions, versions and times against what every log promises."""
    events = list(log.read())
    assert [e.position for e in events] == list(range(1, len(events) + 1))
    seen = Counter()
    for event in events:
        seen[event.aggregate_id] += 1
        assert event.version == seen[event.aggregate_id]
    times = [e.recorded_at for e in events]
    assert times == sorted(times)
    assert str(log.verify(log.head())).startswith("sound")
    return events


def test_four_processes_lose_nothing(tmp_path):
    """4 × 100 appends with expected versions: no event lost, no place twice."""
    es.EventLog(tmp_path, EVENTS)
    writers = [writer(tmp_path, f"w{n}", EXPECTING) for n in range(WRITERS)]
    for each in writers:
        _, errors = each.communicate(timeout=120)
        assert each.returncode == 0, errors
    events = assert_gapless(es.EventLog(tmp_path, EVENTS))
    wrote = Counter((e.aggregate_id, e.event.owner) for e in events)
    names = [f"w{n}" for n in range(WRITERS)]
    half = APPENDS // 2
    assert wrote == {
        **{("shared", name): half for name in names},
        **{(f"own-{name}", name): half for name in names},
    }
    assert list((tmp_path / "staging").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="is for POSIX")
def test_killed_writers_leave_a_sound_log(tmp_path):
    """Writers killed midway lose no acknowledged commit, and leave none half done."""
    es.EventLog(tmp_path, EVENTS)
    acknowledged = {}
    for round_ in range(2):
        writers = {f"{round_}-{n}": None for n in range(2)}
        for name in writers:
            writers[name] = writer(tmp_path, name, ENDLESS)
        enough = len(commits(tmp_path)) + 20
        while len(commits(tmp_path)) < enough:
            time.sleep(0.01)
        time.sleep(random.Random(round_).uniform(0, 0.01))
        for each in writers.values():
            each.send_signal(signal.SIGKILL)
        for name, each in writers.items():
            said, _ = each.communicate()
            lines = [line.split() for line in said.splitlines(keepends=True)]
            whole = lines if said.endswith("\n") else lines[:-1]
            acknowledged |= {int(first): (name, number) for first, number in whole}
    log = es.EventLog(tmp_path, EVENTS)
    events = assert_gapless(log)
    assert len(acknowledged) >= 40
    by_position = {e.position: (e.aggregate_id, e.event.owner) for e in events}
    assert {p: by_position[p] for p in acknowledged} == acknowledged
    owners = Counter(e.event.owner == "second" for e in events)
    assert owners[True] == owners[False]  # commits of two are there whole
    log.append("after", [Opened(owner="Ada")], expected_version=0)
