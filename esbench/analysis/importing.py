"""Extracts in: from files to a plan.

What lives here: reading files or bytes, in the order of their dates.
The guarantee: nothing is written; a plan is carried out by its own ``commit``.
What it may not know: terminals.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from esbench.analysis.cells import Cells
from esbench.analysis.extract import extracted
from esbench.analysis.mapping import mapped
from esbench.analysis.plan import Plan, planned
from esbench.analysis.reader import Reader, recorded_from
from esbench.analysis.rows import Read
from esbench.analysis.settings import Settings

if TYPE_CHECKING:
    from esbench.log import EventLog


def plan_import(
    log: EventLog,
    files: Iterable[tuple[str, bytes]],
    settings: Settings | None = None,
) -> Plan:
    """Return what importing some extracts would do to a log.

    Args:
        log: the log, opened with the bank's events; only read.
        files: names and contents; with ``recorded_from_name`` they are taken in the
            order of the dates in their names, else as given.
        settings: what the extracts do not say themselves.

    Raises:
        UnclearExtract: a file that can be read in no way, or in more than one.
    """
    said = settings or Settings()
    reads: list[tuple[datetime | None, Read]] = []
    for name, data in files:
        recorded = recorded_from(name, log.zone) if said.recorded_from_name else None
        extract = extracted(data, name, said)
        mapping = mapped(extract, said)
        cells = Cells(extract, mapping, said, log.zone)
        reads.append((recorded, Reader(cells, recorded).read()))
    if said.recorded_from_name:
        reads.sort(key=lambda pair: pair[0] or log.now())
    return planned(log, [read for _, read in reads], said)
