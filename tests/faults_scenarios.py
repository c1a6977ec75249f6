"""What is done to a log while its calls are written down, or fail, or kill it.

What lives here: the scenarios, and a program that runs them, each step in a process of
its own. The guarantee: what a step was told by the log, it has told on, in a file
beside the log, before it went on. What it may not know: which calls fail.

Every event carries the label of its append as its correlation id. Clock and ids are
alike in every run, so equal steps make equal bytes.
"""

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from functools import partial
from pathlib import Path

import polars as pl  # noqa: F401  # loaded once, before the processes part
import pyarrow.parquet  # noqa: F401

import esbench as es
import esbench.log.batch
import esbench.log.verify
import esbench.projection.snapshots
from esbench.domains.bank import EVENTS, Account, MoneyDeposited

NOW = "2024-03-01T12:00:00Z"
PATIENCE = 120
HOURS = 7_200


class GivenUp(Exception):
    """The disk stays broken."""


class World:
    """A log in a folder, and a file in which is told what the log has said.

    Args:
        base: the folder in which the log's own is made.
    """

    def __init__(self, base):
        self.folder = Path(base) / "log"
        self.skipped = {}
        self._told = os.open(f"{base}.told", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def skip(self):
        """Make calls that do nothing, so that the n-th that does something fails."""
        _skip(self.skipped)

    def tell(self, **what):
        """Tell something, in one call."""
        os.writev(self._told, [json.dumps(what).encode() + b"\n"])

    def opened(self, name, **named):
        """Open the log; where the disk refuses, try twice more."""
        for _ in range(3):
            with self.refusals():
                return es.EventLog(
                    self.folder, EVENTS, clock=es.Clock(NOW), ids=_ids(name), **named
                )
        raise GivenUp

    def append(self, log, label, count=1):
        """Append events, and tell what became of them."""
        self.tell(tries=label, count=count)
        events = [
            MoneyDeposited(amount=1, transaction_id=f"{label}/{place}")
            for place in range(count)
        ]
        key = f"acc_{label % 3}"
        try:
            done = log.append(key, events, metadata={"correlation_id": str(label)})
        except es.CommitUnknown as unknown:
            self._settle(label, unknown)
        except es.StoreError as error:
            self.tell(clean=label, why=str(error))
        else:
            self.tell(kept=label, first=done.first, last=done.last)

    def _settle(self, label, unknown):
        self.tell(unknown=label, why=str(unknown))
        for _ in range(3):
            try:
                done = unknown.retry()
            except es.CommitUnknown as again:
                unknown = again
            except es.StoreError as error:
                self.tell(refused=str(error))
            else:
                self.tell(kept=label, first=done.first, last=done.last)
                return

    def read(self, log):
        """Read all there is; what was told must be there for ever."""
        with self.refusals():
            count = len(list(log.read()))
            head = log.head()
            assert head.position == count, (head, count)
            self.tell(head=str(head))

    def merge(self, number):
        """Merge by a log of its own, and tell what was done."""
        log = self.opened(f"merger-{number}", merge="never")
        with self.refusals():
            done = log.merge()
            self.tell(merged=list(done.segments), deleted=list(done.deleted))

    @contextlib.contextmanager
    def refusals(self):
        """Tell when the disk refuses, and go on."""
        try:
            yield
        except es.StoreError as error:
            self.tell(refused=str(error))


def age(folder):
    """Make the files of a log two hours old."""
    for path in Path(folder).rglob("*.parquet"):
        os.utime(path, (time.time() - HOURS,) * 2)


def _ids(name):
    numbers = iter(range(1_000_000))
    return lambda: f"{name}-{next(numbers)}"


# Steps


def commits(world):
    """Make commits of one and of several events."""
    log = world.opened("one")
    for label, count in enumerate((1, 3, 1, 2)):
        world.append(log, label, count)
    world.read(log)


def turns(world):
    """Let two objects take turns, so that each sees names that the other has made."""
    logs = [world.opened("left"), world.opened("right")]
    for label in range(5):
        world.append(logs[label % 2], label, 1 + label % 2)
    world.read(logs[0])


def visit(world, number):
    """Build on what others have left, having looked at it or not."""
    log = world.opened(f"visit-{number}")
    if number != 1:
        world.read(log)
    world.append(log, 10 * number)
    world.append(log, 10 * number + 1, 2)


def together(world):
    """Append from four threads at the same time, so that they share files."""
    log, gate = world.opened("group"), threading.Barrier(4)

    def work(number):
        with world.refusals():
            world.skip()
            for turn in range(3):
                gate.wait()
                world.append(log, 10 * number + turn, 1 + (number + turn) % 3)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.read(log)


def fill(world, counts, after):
    """Fill a window with commits, and go on behind it."""
    log = world.opened(f"fill-{after}", merge="never")
    for place, count in enumerate(counts):
        world.append(log, after + place, count)


def merge(world, label):
    """Merge, beside a writer that was there before and goes on after it."""
    log = world.opened(f"writer-{label}", merge="never")
    world.read(log)
    world.merge(label)
    world.append(log, label)
    world.read(log)


def clear(world, label):
    """Come two hours later and merge again: what was merged is cleared away."""
    age(world.folder)
    world.merge(label)
    world.append(world.opened(f"later-{label}", merge="never"), label)


def keep(world, label):
    """Keep states at two positions, and go on behind them."""
    log = world.opened(f"keeper-{label}")
    for place in range(2):
        world.append(log, label + 2 * place, 2)
        with world.refusals(), contextlib.suppress(es.NotFound):  # of no events
            world.tell(snapshot=Account.snapshot(log).position)
        world.append(log, label + 2 * place + 1)
    world.read(log)


def end(world):
    """Come after a fault, look, and go on."""
    log = world.opened("end")
    world.read(log)
    world.append(log, 900)
    world.append(log, 901, 2)
    world.read(log)


# A window of 512 positions is merged and cleared away, then one of 4,096 around it.
SMALL = (
    partial(fill, counts=(256, 250, 7), after=0),
    partial(merge, label=100),
    partial(clear, label=101),
)
WIDE = (
    partial(fill, counts=(900, 900, 900, 900, 2), after=200),
    partial(merge, label=300),
    partial(clear, label=301),
)

# Each step of a scenario is a process of its own, one after another.
SCENARIOS = {
    "commits": (commits,),
    "turns": (turns,),
    "visits": tuple(partial(visit, number=number) for number in range(3)),
    "together": (together,),
    "snapshots": (partial(keep, label=0), partial(keep, label=10)),
    "merged": SMALL,
    "two levels": (*SMALL, *WIDE),
}


# The program


def play(case):
    """Run one case: the steps of a scenario, in one of which calls may fail."""
    world = World(case["base"])
    for place, step in enumerate((*SCENARIOS[case["scenario"]], end)):
        world.skipped = case.get("skipped", {}) if place == case.get("step", 0) else {}
        _wait(world, _in_process(world, step), place)


def _in_process(world, step):
    process = os.fork()
    if process:
        return process
    try:
        world.skip()
        step(world)
    except GivenUp:
        world.tell(given_up=True)
    except BaseException:  # noqa: BLE001  # the test reads it
        world.tell(broke=traceback.format_exc())
    os._exit(0)


def _skip(skipped):
    null = os.open(os.devnull, os.O_WRONLY)
    nowhere = "/proc/none/nothing"
    empty = {
        "write": lambda: os.write(null, b"x"),
        "fsync": lambda: os.fsync(null),
        "link": lambda: os.link(nowhere, nowhere),
        "unlink": lambda: os.unlink(nowhere),  # noqa: PTH108  # this very call
        "mkdir": lambda: os.mkdir(nowhere),  # noqa: PTH102
    }
    for name, times in skipped.items():
        for _ in range(times):
            with contextlib.suppress(OSError):
                empty[name]()
    os.close(null)


def _wait(world, process, place):
    """Wait for a step; one that hangs is ended and told."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            world.tell(ended=place, status=status)
            return
        time.sleep(0.002)
    os.kill(process, 9)
    os.waitpid(process, 0)
    world.tell(broke="it hung")


if __name__ == "__main__":
    for planned in json.loads(Path(sys.argv[1]).read_text()):
        play(planned)
