"""The benchmarks: esbench side by side with its peers, in one process run.

    python -m benchmarks                      everything, about 15 minutes
    python -m benchmarks --quick              smaller, about 2 minutes
    python -m benchmarks --only commit,fold   these rows alone

Logs of up to a hundred million events are made the first time, which takes as long
again, and kept in the folder given by ``--data`` (about 10 GB, in the system's folder
for temporary files unless said).

What lives here, from the ground up:

    harness     contenders in turn, medians and spread, equal answers
    page        what a row found out: figures, goals, notes
    machine     what it ran on
    child       one step in a process of its own, for its memory
    traffic     the bank traffic, any piece of it at a time
    ledger      the projections that are asked
    shelf       logs and peers' databases, made once and kept
    peers       polars, DuckDB, pandas, deltalake: the same questions
    sqlite      eventsourcing on SQLite
    rows/       one function a row of the table
    results     RESULTS.md
    pictures    one picture a topic

The guarantee: no time is reported of contenders whose answers differ. A row that asks
for what is not there yet, or for a peer that is not installed, says so and the run
goes on.
What it may not know: nothing in esbench knows of it. It uses the public calls alone.
"""
