"""A call that fails, or kills the writer, costs nothing that was acknowledged.

The n-th write, fsync, link, unlink or mkdir of a process fails once, fails from then
on, or kills it, for every n until n is past the last. Then somebody comes and goes on.
The log must hold what was kept, not hold what was refused, and hold the rest whole or
not at all: as the disk is then, and after a power cut at any moment.
"""

import random
import sys
import threading
import time
from collections import Counter
from typing import NamedTuple

import pytest
from faults_recovery import check_log, check_state, crash_states, promised, told
from faults_scenarios import NOW, SCENARIOS
from faults_strace import needs_strace, run
from log_samples import Memory

import esbench as es
from esbench.domains.bank import EVENTS, MoneyDeposited
from esbench.log.store import Unsettled

CALLS = ("write", "fsync", "link", "unlink", "mkdir")
PAST = 200  # the count at which strace lets a call fail; no step makes as many
FAULTS = {
    "fails": f"error=EIO:when={PAST}",
    "finds no room": f"error=ENOSPC:when={PAST}",
    "fails from then on": f"error=EIO:when={PAST}+",
    "kills": f"signal=SIGKILL:when={PAST}",
}
MARGIN = {"together": 5}  # its threads share the calls differently in each run
LIMIT = 64
ENOUGH = 6  # states after a power cut that a case adds, of all that it can leave
ALL = 1_000_000
SEED = 20_240_302


class Case(NamedTuple):
    """The n-th call of a kind, in one step of a scenario."""

    scenario: str
    step: int
    call: str
    nth: int

    @property
    def name(self):
        """Give a name for its folder."""
        return "-".join(map(str, self))

    def planned(self, folder):
        """Give what the program is told: calls before the n-th are not counted."""
        return {
            "scenario": self.scenario,
            "base": str(folder / self.name),
            "step": self.step,
            "skipped": {self.call: PAST - self.nth},
        }


# In which steps of which scenarios calls fail in which ways, when all is tried.
WHERE = {
    "kills": ("commits", "visits", "together", "snapshots", "merged", "two levels"),
    "fails": ("commits", "visits", "together", "snapshots", "merged"),
    "finds no room": ("commits", "together", "merged"),
    "fails from then on": ("commits", "together", "merged"),
}
WHOLE = [
    (scenario, step, fault)
    for fault, scenarios in WHERE.items()
    for scenario in scenarios
    for step in range(len(SCENARIOS[scenario]))
]
SAMPLE = [
    *(Case("visits", 0, "fsync", nth) for nth in (1, 4, 8, 9)),
    Case("visits", 1, "link", 1),
    Case("visits", 2, "write", 1),
    Case("merged", 1, "fsync", 9),
    Case("merged", 2, "unlink", 3),
]


def counted(scenario, folder):
    """Give how many calls of each kind each step makes when nothing fails."""
    base = folder / scenario
    made = run([{"scenario": scenario, "base": str(base)}], folder)[scenario]
    counts, step = Counter(), 0
    by_thread = Counter()
    for call in made:
        if call.name == "writev":
            step += b'"ended"' in call.data(1)
        elif call.name in CALLS:
            by_thread[step, call.name, call.process] += 1
    for (step, name, _), count in by_thread.items():
        counts[step, name] = max(counts[step, name], count)
    return counts


def cases(scenario, step, folder):
    """Give every case of a step, up to the first n that is past the last."""
    counts = counted(scenario, folder)
    return [
        Case(scenario, step, call, nth)
        for call in CALLS
        for nth in range(1, counts[step, call] + 2 + MARGIN.get(scenario, 0))
    ]


class Tried:
    """Runs cases and looks at each log; counts what was tried and what was said.

    Args:
        folder: where to work.
        enough: how many states after a power cut a case adds to those looked at.
    """

    def __init__(self, folder, enough):
        self._folder, self._enough = folder, enough
        self._seen = set()
        self.hits = {}
        self.counts = Counter()

    def all(self, wanted, fault):
        """Run cases with a fault and look at what each has left."""
        folder = self._folder / fault.replace(" ", "-")
        folder.mkdir()
        faults = [f"{call}:{FAULTS[fault]}" for call in CALLS]
        made = run([case.planned(folder) for case in wanted], folder, *faults)
        for case in wanted:
            try:
                self._look(folder / case.name, case, made[case.name], fault)
            except Exception as error:
                error.add_note(f"{fault}: {case}")
                raise

    def _look(self, base, case, made, fault):
        said = told(base)
        for thing in said:
            self.counts.update(thing.keys() & {"kept", "clean", "unknown", "refused"})
        killed = any(thing.get("status") == 9 for thing in said)
        self.hits[case] = killed or any(call.is_injected for call in made)
        self.counts["cases"] += self.hits[case]
        self._look_after_power_cuts(base, made)
        check_log(base / "log", promised(base))
        if fault != "fails from then on":
            check_settled(said, in_flight=killed * MARGIN.get(case.scenario, 1))

    def _look_after_power_cuts(self, base, made):
        states = {
            frozenset(state.items()): (state, said)
            for state, said in crash_states(base, made, limit=LIMIT, seed=SEED)
        }
        new = [key for key in states if key not in self._seen]
        drawn = random.Random(f"{SEED} {base.name}").sample(
            new, min(self._enough, len(new))
        )
        self._seen.update(drawn)
        for state, said in (states[key] for key in states if key in self._seen):
            check_state(state, said)
        self.counts["states"] = len(self._seen)


def check_settled(said, in_flight):
    """See that every append came out, but those whose process was killed in it."""
    tried = Counter(thing["tries"] for thing in said if "tries" in thing)
    ended = Counter(
        thing.get("kept", thing.get("clean"))
        for thing in said
        if thing.keys() & {"kept", "clean"}
    )
    assert (tried - ended).total() <= in_flight


def tell(capsys, scenario, fault, tried):
    """Write what was tried, whether or not the test passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n  {scenario}, a call {fault}: {dict(tried.counts)}\n")


@needs_strace
@pytest.mark.torture
@pytest.mark.parametrize(("scenario", "step", "fault"), WHOLE)
def test_every_call_may_fail(capsys, tmp_path, scenario, step, fault):
    """Whatever call fails, in whatever way, what was acknowledged is kept."""
    wanted = cases(scenario, step, tmp_path)
    tried = Tried(tmp_path, ALL if (scenario, fault) == ("visits", "kills") else ENOUGH)
    tried.all(wanted, fault)
    tell(capsys, f"{scenario}, step {step}", fault, tried)
    for case in wanted:
        is_past = case._replace(nth=case.nth + 1) not in tried.hits
        if is_past or scenario not in MARGIN:
            assert tried.hits[case] is not is_past, f"{fault}: {case}"


@needs_strace
@pytest.mark.parametrize("fault", ["fails", "kills"])
def test_some_calls_fail(capsys, tmp_path, fault):
    """Calls around a folder's name, a commit's, a segment's and a deletion."""
    tried = Tried(tmp_path, ALL if fault == "kills" else ENOUGH)
    tried.all(SAMPLE, fault)
    tell(capsys, "a sample", fault, tried)
    assert tried.counts["cases"] == len(SAMPLE)


class Gate(Memory):
    """A store whose first commit waits at a gate, and that fails to sync the next."""

    def __init__(self):
        super().__init__()
        self.gate = threading.Event()
        self.fails = False

    def create(self, name, data):
        super().create(name, data)
        if name.endswith("01.parquet"):
            assert self.gate.wait(60)

    def sync(self, folder):
        if self.fails and "events/00000000000000000003.parquet" in self.files:
            self.fails = False
            raise Unsettled("can't sync events: Input/output error")


def test_each_of_those_that_share_a_file_settles_its_own():
    """When a shared file's fate is open, each retry gives its own result, once."""
    store, results = Gate(), {}
    log = es.EventLog.over(store, EVENTS, clock=es.Clock(NOW), merge="never")
    store.fails = True

    def work(key):
        events = [MoneyDeposited(amount=1, transaction_id=key)] * 2
        try:
            results[key] = log.append(key, events, expected_version=0)
        except es.CommitUnknown as unknown:
            results[key] = unknown.retry()

    threads = [threading.Thread(target=work, args=(key,)) for key in "abcd"]
    for thread in threads:
        thread.start()
        time.sleep(0.2)  # the first is at the gate, the others wait behind it
    store.gate.set()
    for thread in threads:
        thread.join()
    assert [len(header) for header in log.headers()] == [2, 6]
    assert not store.fails
    assert len(log) == 8
    for key, commit in results.items():
        assert commit.versions == {key: 2}
        assert [e.position for e in log.read(key)] == [commit.first, commit.last]
