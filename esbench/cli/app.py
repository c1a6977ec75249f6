"""The commands, in the order of use.

What lives here: the names of the commands, and the options of ``esbench`` itself.
The guarantee: importing this brings in no library that loads slowly, so ``--help``
answers at once.
What it may not know: what the commands do.
"""

from __future__ import annotations

from typing import Annotated

import typer

from esbench.cli import (
    checking,
    classroom,
    demo,
    forensics,
    importing,
    kafka,
    keeping,
    lab,
    making,
    reading,
    snapshots,
    writing,
)

app = typer.Typer(
    name="esbench",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
)


def _version(wanted: bool) -> None:
    if wanted:
        from esbench import __version__

        typer.echo(f"esbench {__version__}")
        raise typer.Exit


@app.callback()
def esbench(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Append events, and ask what was true on any day, as known on any day.

    \b
    Examples:
      esbench demo                                  a story in a minute
      esbench init my-bank                          make a log
      esbench import extract.csv --log my-bank      bring an extract in
      esbench table --log my-bank --about 2024-01-31
      esbench hydrate acc_123 --log my-bank --known '1 month ago'

    \b
    Every command takes --log FOLDER, else $ESBENCH_LOG, else the current folder.
    --about is the day asked about, --known the day asked on: a date (all of that
    day, in the log's zone), a time with a zone, or '1 month ago'.
    """


for command in (
    demo.demo,
    writing.init,
    writing.append,
    importing.import_,
    reading.table,
    reading.hydrate,
    reading.steps,
    reading.series,
    checking.changed,
    checking.explain,
    checking.reconcile,
    forensics.forensics,
    reading.events,
    keeping.info,
    snapshots.snapshot,
    keeping.merge,
    keeping.verify,
    keeping.head,
    keeping.export,
    lab.lab,
):
    app.command(command.__name__.rstrip("_"))(command)

app.add_typer(kafka.app, name="kafka")
app.add_typer(classroom.classroom, name="class")

for hidden in (making.data, making.site):
    app.command(hidden.__name__, hidden=True)(hidden)
