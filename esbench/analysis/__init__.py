"""Analysis: rows in, answers out.

    receipt.py     where an answer comes from, and the call that gives it again

What it may not know: notebooks, widgets, the command line.
"""

from esbench.analysis.receipt import Receipt, receipt

__all__ = ["Receipt", "receipt"]
