"""The options that several commands share.

What lives here: the words of ``--log``, of the three coordinates, and of the forms of
output.
The guarantee: one option means the same in every command.
What it may not know: what a command does with them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esbench.cli import complete

Log = Annotated[
    Path | None,
    typer.Option(
        "--log",
        metavar="FOLDER",
        envvar="ESBENCH_LOG",
        help="The log: a folder, or s3://bucket/folder; the current folder unless "
        "said.",
        show_default=False,
    ),
]
About = Annotated[
    str | None,
    typer.Option(
        "--about",
        metavar="WHEN",
        help="The day or moment asked about: what had happened by then.",
    ),
]
Known = Annotated[
    str | None,
    typer.Option(
        "--known",
        metavar="WHEN",
        help="The day or moment asked on: what the log knew by then.",
    ),
]
Position = Annotated[
    int | None,
    typer.Option(
        "--position", metavar="N", min=0, help="The last position to be read."
    ),
]
Projected = Annotated[
    str | None,
    typer.Option(
        "--projection",
        metavar="NAME",
        help="Account, Daily, Video, Stock, or module:Name; by the log's events "
        "unless said.",
        autocompletion=complete.projections,
    ),
]
NoSnapshot = Annotated[
    bool,
    typer.Option(
        "--no-snapshot",
        help="Read every event: begin with no snapshot, and leave none behind.",
    ),
]
Types = Annotated[
    str | None,
    typer.Option(
        "--events",
        metavar="MODULE:NAME",
        help="Where the event types are declared; by the log's events unless said.",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON: the answer and its receipt.")
]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Parquet = Annotated[
    bool, typer.Option("--parquet", help="Write Parquet: into a pipe, or with -o.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write into a file; .csv, .json and .parquet say the form by themselves.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=0,
        help="Show the first N rows, 0 for all; on a terminal 1000 unless said.",
        show_default=False,
    ),
]
Key = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The aggregate's id, such as acc_123; a day for Daily.",
        autocompletion=complete.aggregates,
    ),
]
Keys = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]...",
        help="Only these; all unless said.",
        autocompletion=complete.aggregates,
    ),
]
