"""Processes that write, merge and read, while others are killed, agree on one log.

Each process writes down what it asks for, and what it was told, in a diary of its own
that is synced before it goes on. At the end the log is held against all diaries: what
was acknowledged is there, once, at its place; what was refused is not; what nobody was
told about is there whole, or not at all.

Windows are small here, and an hour is short, so that all that merging does happens all
the time.
"""

import functools
import json
import multiprocessing
import multiprocessing.forkserver
import os
import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from log_samples import EVENTS, Paid

import esbench as es

pytestmark = pytest.mark.skipif(os.name == "nt", reason="is for POSIX")

KEYS = ("a", "b", "c")
HOUR = 4.0  # seconds
PATIENCE = 120
LATE = ("polars", "pyarrow.parquet", "esbench.log.merge", "esbench.log.verify")


@functools.cache
def forks():
    """Give a way to start processes that have imported all they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["test_log_processes", *LATE])
    with pytest.MonkeyPatch.context() as patch:
        paths = [str(Path(__file__).parent), str(Path(es.__file__).parents[1])]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        multiprocessing.forkserver.ensure_running()
    return context


def shrink():
    """Make windows small, hours short, and merging frequent, in this process."""
    from esbench.log import log, merge

    merge.EIGHT, merge.LEVELS, merge.HOUR = 4, (1, 2, 3, 4), HOUR
    log.ENOUGH = 40


# --- what the processes do -------------------------------------------------------


class Diary:
    """What a process was told, written down and synced before it goes on."""

    def __init__(self, folder, name):
        path = Path(folder) / f"{name}.diary"
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def note(self, **what):
        os.write(self._file, json.dumps(what).encode() + b"\n")
        os.fsync(self._file)


def entries(folder):
    """Give all that was noted; a line that a kill cut off was not."""
    for path in sorted(Path(folder).glob("*.diary")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            yield json.loads(line)


def opened(folder):
    """Give the log in a folder, as each process opens it."""
    return es.EventLog(Path(folder) / "log", EVENTS)


def write(folder, name, stop):
    """Append events, one to three at a time, to aggregates that all share."""
    diary, log, dice = Diary(folder, name), opened(folder), random.Random(name)
    versions = Counter()
    for number in range(1_000_000):
        if stop.is_set():
            return
        key, size = dice.choice(KEYS), dice.choice([1, 1, 1, 2, 3])
        expected = versions[key] if dice.random() < 0.3 else None
        label = f"{name}/{number}"
        events = [Paid(amount=part, note=f"{label}:{part}") for part in range(size)]
        diary.note(asked=label, size=size)
        try:
            done = settled(log.append, key, events, expected_version=expected)
        except es.ConcurrencyError as error:
            diary.note(refused=label)
            versions[key] = error.actual
            continue
        if done is not None:
            versions[key] = done.versions[key]
            diary.note(done=label, first=done.first, version=versions[key], key=key)


def settled(append, *args, **named):
    """Append, and ask again if need be; None where nobody can tell any more."""
    try:
        return append(*args, **named)
    except es.CommitUnknown as error:
        try:
            return error.retry()
        except es.CommitUnknown:
            return None


def read(folder, name, stop):
    """Read the whole log in several ways, again and again; note where it stood."""
    diary, log, seen = Diary(folder, name), opened(folder), []
    while not stop.is_set():
        begin = time.monotonic()
        try:
            head = log.head()
            diary.note(head=str(head))
            events = [event.event.note for event in log.read()]
            few = {key: [e.version for e in log.read(key)] for key in KEYS}
            rows = log.scan().collect().height
        except es.Corrupt:
            if time.monotonic() - begin > HOUR / 2:
                continue  # longer than a look may take: files may be gone
            raise
        assert events[: len(seen)] == seen, "what was read has changed"
        assert head.position <= len(events) <= rows, "the log has shrunk"
        for key, found in few.items():
            assert found == list(range(1, len(found) + 1)), f"{key}: {found}"
        seen = events


def merge(folder, name, stop):
    """Merge, again and again; note what was made and removed."""
    diary, log = Diary(folder, name), opened(folder)
    while not stop.is_set():
        merged = log.merge()
        if merged.segments or merged.deleted:
            diary.note(made=len(merged.segments), deleted=len(merged.deleted))


def run(work, folder, name, stop):
    """Work in a process of its own; leave a note if that went wrong."""
    shrink()
    try:
        work(folder, name, stop)
    except Exception as error:  # noqa: BLE001 - any error is to be told
        Diary(folder, name).note(failed=f"{name}: {type(error).__name__}: {error}")


# --- one machine, many processes -------------------------------------------------


def hunt(folder, staff, *, kills, seed):
    """Let processes work, and kill one after another; each gets a successor.

    It goes on until there were enough kills, and enough was merged and removed.
    """
    opened(folder)
    dice, stop = random.Random(seed), forks().Event()

    def hired(place, number):
        name = f"{staff[place].__name__}-{place}-{number}"
        args = (staff[place], folder, name, stop)
        process = forks().Process(target=run, args=args)
        process.start()
        return process

    team = [hired(place, 0) for place in range(len(staff))]
    number, end = 0, time.monotonic() + PATIENCE + kills
    while number < kills or not is_enough(folder):
        assert time.monotonic() < end, "nothing was merged and removed"
        time.sleep(dice.uniform(0.05, 0.5))
        place, number = dice.randrange(len(team)), number + 1
        team[place].kill()
        team[place].join()
        team[place] = hired(place, number)
    stop.set()
    for process in team:
        process.join(PATIENCE)
        assert process.exitcode == 0


def is_enough(folder):
    """Whether something was merged, removed, read, refused and acknowledged."""
    told = Counter()
    for entry in entries(folder):
        told.update(dict.fromkeys(entry, 1))
        told["removed"] += entry.get("deleted", 0)
    return all(told[key] for key in ("made", "removed", "head", "refused", "done"))


def assert_agrees(folder):
    """Hold the log against all that processes were told; give how many were."""
    log, told = opened(folder), list(entries(folder))
    assert [entry["failed"] for entry in told if "failed" in entry] == []
    events = list(log.read())
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    assert_dense(events)
    assert_whole(events, {e["asked"]: e["size"] for e in told if "asked" in e})
    places = {event.event.note: event for event in events}
    for entry in told:
        if "done" in entry:
            first = places[f"{entry['done']}:0"]
            assert entry["first"] == first.position
            assert entry["key"] == first.aggregate_id
        assert f"{entry.get('refused')}:0" not in places
    assert_sound(log, [entry["head"] for entry in told if "head" in entry])
    return Counter(next(iter(entry)) for entry in told)


def assert_dense(events):
    """Hold versions against what every log promises: 1, 2, 3 and so on."""
    seen = Counter()
    for event in events:
        seen[event.aggregate_id] += 1
        assert event.version == seen[event.aggregate_id]


def assert_whole(events, sizes):
    """Hold each append against the log: all of it, once, side by side, or nothing."""
    found = {}
    for event in events:
        label, _, part = event.event.note.rpartition(":")
        found.setdefault(label, []).append((event.position, int(part)))
    for label, parts in found.items():
        first = parts[0][0]
        assert parts == [(first + part, part) for part in range(sizes[label])]


def assert_sound(log, heads):
    """Hold every byte, and heads that readers were told, against the log."""
    heads.sort(key=lambda head: int(head.split(":")[0]))
    for head in (heads[len(heads) // 2], heads[-1]):
        assert str(log.verify(head)).startswith("sound")
    before = log.head()
    log.merge()
    assert before == log.head()
    log.append("after", [Paid(amount=1)], expected_version=0)
    assert log.verify(before).ok


def test_killed_processes_leave_what_they_were_told(tmp_path):
    """Two writers, two mergers and a reader, of whom one after another is killed."""
    hunt(tmp_path, [write, write, merge, merge, read], kills=12, seed=1)
    told = assert_agrees(tmp_path)
    assert told["asked"] >= told["done"] + told["refused"] > 50


@pytest.mark.torture
@pytest.mark.parametrize("seed", [2, 3])
def test_hundreds_of_killed_processes_leave_what_they_were_told(tmp_path, seed):
    """The same with three writers and two readers, and 250 kills."""
    staff = [write, write, write, merge, merge, read, read]
    hunt(tmp_path, staff, kills=250, seed=seed)
    assert_agrees(tmp_path)


# --- nobody starves --------------------------------------------------------------


def take_turns(log, name, total):
    """Append single events until the log holds so many."""
    while log.append(name, [Paid(amount=1)]).first < total:
        pass


def append_in_threads(folder, names, total, gate):
    """Append from one thread a name, all through one log, once ``gate`` opens."""
    log = opened(folder)
    log.head()
    threads = [
        threading.Thread(target=take_turns, args=(log, name, total)) for name in names
    ]
    gate.wait()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def assert_fair(folder, names, total):
    """Hold the log against what writers were promised, and against each other."""
    log = opened(folder)
    events = list(log.read())
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    assert_dense(events)
    counts = Counter(event.aggregate_id for event in events[:total])
    assert min(counts[name] for name in names) >= total / len(names) / 3, counts
    assert log.verify().ok
    return counts


@pytest.mark.torture
@pytest.mark.parametrize(("processes", "threads"), [(1, 16), (4, 1), (4, 16)], ids=str)
def test_nobody_starves(tmp_path, processes, threads):
    """Of so many processes with so many threads, the slowest has a third of its share.

    Nothing is lost, no position is left out, and none is given twice.
    """
    total = 400 * processes + 100 * threads
    opened(tmp_path)
    gate = forks().Barrier(processes)
    teams = [[f"{p}-{t}" for t in range(threads)] for p in range(processes)]
    started = [
        forks().Process(target=append_in_threads, args=(tmp_path, team, total, gate))
        for team in teams
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(PATIENCE)
        assert process.exitcode == 0
    assert_fair(tmp_path, [name for team in teams for name in team], total)
