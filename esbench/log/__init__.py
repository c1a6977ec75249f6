"""The event log: a folder of Parquet files, in which a commit is one file.

Read in this order: ``store`` (five verbs on a disk) · ``chain`` (one hash for all
events so far) · ``schema`` (what a log knows of its types) · ``codec`` (events to
columns and back) · ``file`` (bytes that prove themselves) · ``identity``
(``log.json``) · ``view`` (what one process has seen) · ``draft``, ``repeat``,
``frame`` and ``batch`` (an append before it is written) · ``past`` (reading) · ``log``
(the log) · ``verify``.
"""

from esbench.log.draft import Commit
from esbench.log.log import EventLog
from esbench.log.past import Coordinates, Past, Readable
from esbench.log.verify import Verification
from esbench.log.view import Head

__all__ = [
    "Commit",
    "Coordinates",
    "EventLog",
    "Head",
    "Past",
    "Readable",
    "Verification",
]
