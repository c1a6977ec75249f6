"""The command line: ``esbench``, on floor 6 of the house.

    run.py        one command, from its arguments to its exit code
    app.py        the commands, in the order of use
    options.py    the options that several commands share
    place.py      which log, which event types, which projection
    output.py     answers as JSON, CSV, Parquet and text
    tables.py     text: for a terminal of any width, and for a pipe
    demo.py writing.py importing.py reading.py checking.py forensics.py keeping.py
    snapshots.py kafka.py lab.py making.py classroom.py    commands
    sandbox.py rerun.py   running what a stranger wrote
    report.py     what an import found, for a person
    complete.py   what a shell offers

The guarantee: answers go to stdout, everything else to stderr. The exit code is 0
when it worked, 1 when the work could not be done, 2 when the call was not understood,
130 after Ctrl-C, 141 when the reader of stdout left early.
What it may not know: how anything is computed. It asks, and prints.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    from esbench.cli.run import run

    sys.exit(run(sys.argv[1:]))
