"""The event log: a folder of Parquet files, in which a commit is one file.

Read in this order: ``store`` (five verbs on a disk; ``objects`` and ``s3`` elsewhere)
· ``chain`` (one hash for all events so far) · ``schema`` (what a log knows of its
types) · ``codec`` (events to columns and back) · ``file`` (bytes that prove
themselves) · ``identity`` (``log.json``) · ``pieces`` (rows in memory and in files)
· ``view`` and ``versions`` (what one process has seen) · ``draft``, ``repeat``,
``columns``, ``frame`` and ``batch`` (an append before it is written) · ``writer`` (how
it is written) · ``merge`` (small files become large ones) · ``past`` and ``recent``
(reading) · ``log`` (the log) · ``verify``.
"""

from esbench.log.draft import Commit
from esbench.log.log import EventLog
from esbench.log.merge import Merged
from esbench.log.past import Coordinates, Past, Readable
from esbench.log.verify import Verification
from esbench.log.view import Head

__all__ = [
    "Commit",
    "Coordinates",
    "EventLog",
    "Head",
    "Merged",
    "Past",
    "Readable",
    "Verification",
]
