"""Analysis: rows in, answers out.

    words.py encodings.py amounts.py dates.py    how banks write things
    settings.py    what the caller says about an extract
    extract.py     a file as cells: CSV, JSON lines, Parquet
    mapping.py     which column is what
    cells.py       what a record says, by role
    balances.py    openings, closings and footers, told from bookings
    reader.py      every record to a row of rows.py, or to a reason
    books.py       accounts as the log has them
    plan.py        what the rows mean to a log, and the one commit that follows
    importing.py   all of that together
    samples.py     the logs and the extract in data/
    receipt.py     where an answer comes from, and the call that gives it again

What it may not know: notebooks, widgets, the command line.
"""

from esbench.analysis.importing import plan_import
from esbench.analysis.plan import Check, Plan, Vanished
from esbench.analysis.receipt import Receipt, receipt
from esbench.analysis.settings import Settings

__all__ = [
    "plan_import",
    "Settings",
    "Plan",
    "Check",
    "Vanished",
    "receipt",
    "Receipt",
]
