"""Runs the cells of one returned notebook; itself run inside a sandbox, by sandbox.py.

What lives here: taking limits on, running cells one by one, and saying what each gave.
The guarantee: before the first cell runs, limits of memory, processes, files and time
hold for this process and all that it starts, and no right to lift them is left. After
each cell a line of JSON goes out, so that what ran before an endless loop is known.
What it may not know: what the cells are about. Nobody imports it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Any, TextIO

LONGEST = 20_000  # signs that one cell may say
NOBODY = 61_234  # who runs the cells where root runs the sandbox: no other process is


def main() -> None:
    """Read limits and cells from stdin, run them, and write a line for each."""
    order = json.loads(sys.stdin.buffer.readline())
    told = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    _be_quiet()
    _limit(order["limits"])
    shell = _shell()
    for place, source in enumerate(order["cells"]):
        _tell(told, place, _ran(shell, source))
    told.flush()
    os._exit(0)  # whatever the cells have left running


def _be_quiet() -> None:
    """Let no cell read what comes in, or mix its own words into the answer."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


def _limit(limits: dict[str, int]) -> None:
    """Take limits on for good."""
    if os.getuid() == 0:  # the system sets root no limit of processes
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))


def _shell() -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    return InteractiveShell.instance(config=config)


def _ran(shell: Any, source: str) -> dict[str, Any]:
    """Return what a cell gave, as a notebook keeps it."""
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        done = shell.run_cell(source, store_history=False)
    error = done.error_in_exec or done.error_before_exec
    if error is not None:
        return {"output_type": "error", "ename": type(error).__name__, "evalue": ""}
    printed = [] if captured.stdout.startswith("Out[") else [captured.stdout]
    shown = [] if done.result is None else [repr(done.result)]
    return {"output_type": "stream", "text": "\n".join([*printed, *shown])[:LONGEST]}


def _tell(told: TextIO, place: int, output: dict[str, Any]) -> None:
    told.write(json.dumps({"cell": place, "output": output}) + "\n")
    told.flush()


if __name__ == "__main__":
    main()
