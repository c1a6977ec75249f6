"""Latencies out of a table: a log with both times, or what a processor wrote down.

What lives here: ``measured``, which turns rows with two times into what ``fitted`` and
``observed`` take; a trace and a race for real have a ``measured`` of their own.
The guarantee: a row gives one latency, exact to the microsecond, or the call says which
row can't; none is left out.
What it may not know: logs. Any frame that narwhals knows will do.

What is measured is the time between the two columns, and means what they mean: between
``occurred_at`` and ``recorded_at`` of a log there is waiting as well as work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esbench.errors import InvalidSchedule, shorten
from esbench.workers.chance import ANY

if TYPE_CHECKING:
    import narwhals as nw

Measured = list[tuple[str, str, int | float]]


def measured(
    table: Any,
    *,
    worker: str | None = "worker",
    type: str = "type",
    started: str = "started_at",
    written: str = "written_at",
) -> Measured:
    """Return (worker, event type, microseconds) for each row, in order.

    Args:
        table: a frame of polars, pandas or another library that narwhals knows; of a
            log, ``log.scan()`` with ``worker=None, started="occurred_at",
            written="recorded_at"``.
        worker: the column that says who; None where nobody knows, for any.
        type: the column with the event's type.
        started: the column that says when the work began: a time, or a number of
            microseconds.
        written: the column that says when it was written, of the same kind. Where both
            are the same, less than a microsecond went by: it is told as one.

    Raises:
        InvalidSchedule: no such column, columns without times, a row in which one is
            missing or in which the write comes first, or no row that took any time.

    >>> import polars as pl
    >>> measured(pl.DataFrame({
    ...     "worker": ["W1"], "type": ["VideoUploaded"],
    ...     "started_at": [200], "written_at": [1_700],
    ... }))
    [('W1', 'VideoUploaded', 1500)]
    """
    import narwhals as nw

    given = nw.from_native(table)
    frame = given.collect() if isinstance(given, nw.LazyFrame) else given
    names = [name for name in (worker, type, started, written) if name is not None]
    _check(frame, names)
    took = _between(frame, started, written)
    for row, micros in enumerate(took):
        if micros < 0:
            raise InvalidSchedule(
                f"row {row}: {written} is before {started}, by {-micros:,} "
                "microseconds; leave out rows whose clocks differ"
            )
    if took and not any(took):
        raise InvalidSchedule(
            f"{started} and {written} are the same in every row, so nothing was "
            "measured: name the column with the time at which the work began"
        )
    workers = [ANY] * len(frame) if worker is None else frame[worker].to_list()
    types = frame[type].to_list()
    return [
        (str(who), str(what), max(1, micros))
        for who, what, micros in zip(workers, types, took, strict=True)
    ]


def _check(frame: nw.DataFrame[Any], names: list[str]) -> None:
    for name in names:
        if name not in frame.columns:
            raise InvalidSchedule(
                f"there is no column {name!r} among "
                f"{shorten(', '.join(frame.columns))}: name the one that is meant"
            )
        missing = frame[name].is_null()
        if missing.any():
            row = missing.to_list().index(True)
            raise InvalidSchedule(
                f"row {row}: {name} is missing; leave such rows out, or name a column "
                "that has it"
            )


def _between(frame: nw.DataFrame[Any], started: str, written: str) -> list[Any]:
    """Return the microseconds between two columns of one kind, row by row."""
    import narwhals as nw

    first, last = frame[started], frame[written]
    if first.dtype.is_numeric() and last.dtype.is_numeric():
        return (last - first).to_list()
    kinds = [each.dtype for each in (first, last)]
    zones = {kind.time_zone for kind in kinds if isinstance(kind, nw.Datetime)}
    if len(zones) != 1 or not all(isinstance(kind, nw.Datetime) for kind in kinds):
        raise InvalidSchedule(
            f"{started} holds {first.dtype} and {written} {last.dtype}: both must be "
            "times of one zone, or both numbers of microseconds"
        )
    return (last - first).dt.total_microseconds().to_list()
