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
import time
import traceback
from functools import partial
from pathlib import Path

import polars as pl  # noqa: F401  # loaded once, before the processes part
import pyarrow.parquet  # noqa: F401

import esbench as es
import esbench.log.batch
import esbench.log.verify
from esbench.domains.bank import EVENTS, MoneyDeposited

NOW = "2024-03-01T12:00:00Z"
PATIENCE = 120


class GivenUp(Exception):
    """The disk stays broken."""


class World:
    """A log in a folder, and a file in which is told what the log has said.

    Args:
        base: the folder in which the log's own is made.
    """

    def __init__(self, base):
        self.folder = Path(base) / "log"
        self._told = os.open(f"{base}.told", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

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

    @contextlib.contextmanager
    def refusals(self):
        """Tell when the disk refuses, and go on."""
        try:
            yield
        except es.StoreError as error:
            self.tell(refused=str(error))


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
    """Look at what others have left, and build on it."""
    log = world.opened(f"visit-{number}")
    world.read(log)
    world.append(log, 10 * number)
    world.append(log, 10 * number + 1, 2)


def end(world):
    """Come after a fault, look, and go on."""
    log = world.opened("end")
    world.read(log)
    world.append(log, 900)
    world.append(log, 901, 2)
    world.read(log)


# Each step of a scenario is a process of its own, one after another.
SCENARIOS = {
    "commits": (commits,),
    "turns": (turns,),
    "visits": tuple(partial(visit, number=number) for number in range(3)),
}


# The program


def play(case):
    """Run one case: the steps of a scenario, in one of which calls may fail."""
    world = World(case["base"])
    for place, step in enumerate((*SCENARIOS[case["scenario"]], end)):
        skipped = case.get("skipped", {}) if place == case.get("step", 0) else {}
        _wait(world, _in_process(world, step, skipped), place)


def _in_process(world, step, skipped):
    process = os.fork()
    if process:
        return process
    try:
        _skip(skipped)
        step(world)
    except GivenUp:
        world.tell(given_up=True)
    except BaseException:  # noqa: BLE001  # the test reads it
        world.tell(broke=traceback.format_exc())
    os._exit(0)


def _skip(skipped):
    """Make calls that do nothing, so that the n-th that does something fails."""
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
