"""What must hold of a log after a fault, given what it had said before.

What lives here: what was promised, read from what the scenarios told; building a state
of a disk; and the look at it, by the real log. The guarantee: a state passes only if
every kept append is there at its positions, every append is there whole or not at all,
nothing else is, the log verifies, and one can go on.
"""

import contextlib
import functools
import itertools
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from faults_disk import Disk
from faults_scenarios import NOW, age

import esbench as es
from esbench.domains.bank import EVENTS, Account, MoneyDeposited

MEMORY = "/dev/shm"
WINDOW = 512  # no fewer events are ever merged


class Promised(NamedTuple):
    """What a log has said by some moment."""

    tried: frozenset[tuple[str, int]] = frozenset()
    kept: frozenset[tuple[str, int, int]] = frozenset()
    refused: frozenset[str] = frozenset()
    head: str = ""

    def with_one_more(self, thing):
        """Take in one thing that was told."""
        assert "broke" not in thing, thing["broke"]
        if "tries" in thing:
            one = (str(thing["tries"]), thing["count"])
            return self._replace(tried=self.tried | {one})
        if "kept" in thing:
            one = (str(thing["kept"]), thing["first"], thing["last"])
            return self._replace(kept=self.kept | {one})
        if "clean" in thing:
            return self._replace(refused=self.refused | {str(thing["clean"])})
        return self._replace(head=thing.get("head", self.head))


def told(base):
    """Give all that a case has told."""
    lines = Path(f"{base}.told").read_text().splitlines()
    return [json.loads(line) for line in lines]


def promised(base):
    """Give what the log has promised by the end of a case."""
    return functools.reduce(Promised.with_one_more, told(base), Promised())


def crash_states(base, calls, *, limit=1_024, seed=1):
    """Give every state that a power cut may leave, with what was promised by then.

    States are told apart by their names and bytes; each comes once, with the most that
    was promised before it could occur.
    """
    disk, said, found = Disk(base), Promised(), {}
    for call in calls:
        if call.name == "writev":
            said = said.with_one_more(json.loads(call.data(1)))
            continue
        if call.name == "fsync" and call.is_done:
            _collect(disk, said, found, limit, seed)
        disk.do(call)
    _collect(disk, said, found, limit, seed)
    assert disk.files() == contents(base), "the calls do not give what is on the disk"
    return list(found.values())


def _collect(disk, said, found, limit, seed):
    for state in disk.states(limit, seed):
        found[frozenset(state.items())] = (state, said)


def contents(base):
    """Give every file below a folder with its bytes."""
    return {
        str(path.relative_to(base)): path.read_bytes()
        for path in Path(base).rglob("*")
        if path.is_file()
    }


def build(state, base):
    """Make the files and folders of a state; they are hours old."""
    for name in sorted(state):
        path = Path(base) / name
        if state[name] is None:
            path.mkdir()
        else:
            path.write_bytes(state[name])
    age(base)


class Recovered(NamedTuple):
    """What the real log found in a state: labels by position, and its heads."""

    labels: list[str]
    heads: frozenset[str]


def check_state(state, said):
    """See that a state of a disk keeps what was promised; open equal ones once."""
    key = frozenset(state.items())
    found = recovered(key)
    check_labels(found.labels, said)
    assert not said.head or said.head in found.heads or proves(key, said.head)


@functools.cache
def recovered(state):
    """Build a state in memory, open the log and go on; give what was found."""
    with built(state) as base:
        return recover(base / "log")


@functools.cache
def proves(state, head):
    """Tell whether the log in a state proves that it goes on from a head."""
    with built(state) as base:
        return opened(base / "log").verify(head).ok


@contextlib.contextmanager
def built(state):
    """Build a state in memory for a while."""
    where = MEMORY if os.access(MEMORY, os.W_OK) else None
    base = tempfile.mkdtemp(dir=where, prefix="esbench-crash-")
    try:
        build(dict(state), base)
        yield Path(base)
    finally:
        shutil.rmtree(base)


def check_log(folder, said):
    """See that a log keeps what was promised, and go on with it."""
    if said.head:
        assert (seen := opened(folder).verify(said.head)).ok, seen
    check_labels(recover(folder).labels, said)


def recover(folder):
    """Open a log after a fault; it is sound, and one can go on and merge."""
    log = opened(folder)
    labels, heads = labels_of(log), {str(log.head())}
    for header in log.headers():
        heads |= {
            f"{header.first - 1}:{header.previous}",
            f"{header.last}:{header.chain}",
        }
    assert (seen := log.verify(log.head())).ok, seen
    check_going_on(folder, log, labels)
    if list(Path(folder).glob("snapshots/*/*")):
        check_snapshots(folder)
    if len(labels) >= WINDOW:
        check_merging(folder)
    return Recovered(labels, frozenset(heads))


def opened(folder, **named):
    """Open the log as a new process would."""
    return es.EventLog(folder, EVENTS, clock=es.Clock(NOW), **named)


def labels_of(log):
    """Give the label of every event, in order of their positions, which have no gap."""
    events = list(log.read())
    assert [e.position for e in events] == list(range(1, len(events) + 1))
    rows = log.scan().select("position").collect().sort("position")
    assert rows["position"].to_list() == [e.position for e in events]
    check_versions(events)
    return [e.metadata.correlation_id for e in events]


def check_versions(events):
    """See that the versions of every aggregate count up from 1."""
    last = {}
    for event in events:
        last[event.aggregate_id] = last.get(event.aggregate_id, 0) + 1
        assert event.version == last[event.aggregate_id], event


def check_labels(labels, said):
    """See that what was kept is there, and that nothing is there half or twice."""
    for label, first, last in said.kept:
        there = labels[first - 1 : last]
        assert there == [label] * (last - first + 1), f"{label} was kept, found {there}"
    runs = [(label, len(list(same))) for label, same in itertools.groupby(labels)]
    for label, count in runs:
        assert label not in said.refused, f"{label} was refused, and is there"
        assert (label, count) in said.tried, f"of {label} there are {count} in a row"
    assert len({label for label, _ in runs}) == len(runs), f"twice or torn: {runs}"


def check_going_on(folder, log, labels):
    """See that a further append works, and that a new process sees the same and it."""
    done = log.append("acc_0", [MoneyDeposited(amount=1, transaction_id="further")])
    assert done.first == len(labels) + 1
    again = opened(folder)
    assert labels_of(again) == [*labels, None]
    assert again.head() == log.head()


def check_snapshots(folder):
    """See that answers from snapshots equal those from all events."""
    log = opened(folder)
    plain = Account.table(log, snapshots=False).to_dicts()
    assert Account.table(log).to_dicts() == plain
    for key in (row["aggregate_id"] for row in plain):
        assert Account.hydrate(log, key) == Account.hydrate(log, key, snapshots=False)


def check_merging(folder):
    """See that merging, and clearing away hours later, change nothing."""
    before = opened(folder, merge="never")
    labels, head = labels_of(before), before.head()
    for _ in range(2):
        opened(folder).merge()
        age(folder)
        assert labels_of(opened(folder)) == labels
    assert opened(folder).verify(head).ok
    assert labels_of(before) == labels
