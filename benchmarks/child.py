"""One step in a process of its own, which tells how long it took and what it held.

What lives here: the steps, and ``apart``, which runs one of them.
The guarantee: the peak is that of the step with its interpreter and libraries, and of
nothing that ran before; the time is that of the step alone.
What it may not know: rows, goals.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks.harness import timed
from benchmarks.machine import peak_memory

ROOT = Path(__file__).parent.parent


class Apart(Struct, frozen=True, kw_only=True):
    """What a step in a process of its own gave.

    Attributes:
        seconds: how long the step took, without starting the interpreter.
        peak: the most memory that the process held, in bytes.
        answer: what the step returned, as JSON has it.
    """

    seconds: float
    peak: int
    answer: Any


class Failed(RuntimeError):
    """A step ended with an error."""


def apart(step: str, *given: object) -> Apart:
    """Run a step in a process of its own and return what it gave."""
    return finished(started(step, *given))


def started(step: str, *given: object) -> subprocess.Popen[str]:
    """Start a step in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.child", step, *map(str, given)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> Apart:
    """Wait for a step and return what it gave."""
    said, _ = process.communicate()
    if process.returncode:
        raise Failed(f"a step ended with {process.returncode}: {process.args!r}")
    return Apart(**json.loads(said.splitlines()[-1]))


# --- the steps -------------------------------------------------------------------


def merge(path: str) -> int:
    """Merge all that is due; return how many commits were taken in."""
    from benchmarks.ledger import call
    from benchmarks.shelf import opened

    return int(call(opened(Path(path)), "merge")().commits)


def verify(path: str) -> bool:
    """Verify a log; return whether nothing is wrong."""
    from benchmarks.shelf import opened

    return opened(Path(path)).verify().ok


def read(path: str) -> int:
    """Read all events in order; return how many there are."""
    from benchmarks.shelf import opened

    count = last = 0
    for event in opened(Path(path)).read():
        assert event.position > last, "events come in position order"
        count, last = count + 1, event.position
    return count


def table(path: str) -> int:
    """Ask for all balances about a day; return how many there are."""
    from benchmarks.ledger import ASKED, Balance, without_snapshots
    from benchmarks.shelf import opened

    past = opened(Path(path)).as_of(ASKED)
    return int(Balance.table(past, **without_snapshots(Balance.table)).height)


def hashed(*files: str) -> int:
    """Read files and hash them; return how many bytes there were."""
    count = 0
    for file in files:
        data = Path(file).read_bytes()
        hashlib.sha256(data).hexdigest()
        count += len(data)
    return count


def writer(kind: str, path: str, name: str, begin: str, seconds: str) -> list[float]:
    """Append one event after the other; return what each took."""
    from benchmarks.crowd import putter, run_writer

    put = putter(kind, Path(path))
    put(f"warm_{name}", 1)
    time.sleep(max(0.0, float(begin) - time.time()))
    return run_writer(put, name, time.perf_counter() + float(seconds))


STEPS: dict[str, Callable[..., Any]] = {
    step.__name__: step for step in (merge, verify, read, table, hashed, writer)
}


def main(step: str, *given: str) -> None:
    """Run one step and print what it gave as a line of JSON."""
    for library in ("polars", "pyarrow.parquet"):
        importlib.import_module(library)  # that is not what is timed
    seconds, answer = timed(STEPS[step], *given)
    gave = {"seconds": seconds, "peak": peak_memory(), "answer": answer}
    sys.stdout.write(json.dumps(gave) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
