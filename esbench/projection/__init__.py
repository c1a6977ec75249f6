"""Projections: what a log says, as states.

    reducers.py    what one declares: first last total count largest smallest
    steps.py       the step engine: one event after the other, in Python
    columns.py     the column engine: one query, on polars, DuckDB, PySpark
    declared.py    ``Projection``: a declaration with both engines behind its calls
    plain.py       ``projection(evolve)``: any function with the same calls
    calls.py       hydrate, steps, compare, and when a key exists
    snapshots.py   every key's state at a position: taking, choosing, leaving one
    partial.py kept.py shelf.py written.py    snapshots as columns, files, a set, texts
    listing.py     which are there, and why one is not used
    periods.py tables.py comparison.py answer.py plots.py    answers as frames
    execute.py     commands: load, decide, append, again on a conflict

What it may not know: which domain it serves, notebooks.
"""

from esbench.projection.declared import Projection, calls_of
from esbench.projection.execute import decides_on, execute
from esbench.projection.listing import Listed, listed
from esbench.projection.plain import projection
from esbench.projection.reducers import (
    count,
    day,
    first,
    largest,
    last,
    month,
    smallest,
    total,
)
from esbench.projection.snapshots import Replayed, Snapshot

__all__ = [
    "Listed",
    "Projection",
    "Replayed",
    "Snapshot",
    "calls_of",
    "count",
    "day",
    "decides_on",
    "execute",
    "first",
    "largest",
    "last",
    "listed",
    "month",
    "projection",
    "smallest",
    "total",
]
