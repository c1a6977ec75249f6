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
    samples.py     the logs and the tables in data/
    receipt.py     where an answer comes from, and the call that gives it again
    report.py pictures.py    an answer: a sentence, rows, receipt, query, picture
    measure.py     the number that a question is about, and what moves it
    changed.py     what is known differently between two days of knowledge
    restated.py    what reports said, and what they would say now
    provenance.py    what a number is made of, and what was left out
    claims.py reconciled.py inverse.py    claims, where they differ, what explains them
    correction.py    what to append if the claim is right
    sql.py         the same questions for DuckDB

What it may not know: notebooks, widgets, the command line.
"""

from esbench.analysis.changed import changed
from esbench.analysis.correction import correction, unrecorded
from esbench.analysis.forensics import Forensics, forensics, forensics_of
from esbench.analysis.importing import plan_import
from esbench.analysis.inverse import Ways
from esbench.analysis.plan import Check, Plan, Vanished
from esbench.analysis.provenance import explain
from esbench.analysis.receipt import Receipt, receipt
from esbench.analysis.reconciled import explain_claim, reconcile
from esbench.analysis.report import Report
from esbench.analysis.restated import restated
from esbench.analysis.settings import Settings

__all__ = [
    "plan_import",
    "Settings",
    "Plan",
    "Check",
    "Vanished",
    "changed",
    "explain",
    "reconcile",
    "explain_claim",
    "Ways",
    "correction",
    "unrecorded",
    "restated",
    "forensics",
    "forensics_of",
    "Forensics",
    "Report",
    "receipt",
    "Receipt",
]
