"""Receipts: where an answer comes from, and the call that gives it again.

What lives here: ``receipt``, the counts behind an answer, and what changed since the
day that it is about.
The guarantee: a receipt names a past that never changes. Asked again with its call,
the same log gives the same answer, whatever was appended meanwhile.
What it may not know: which projection was asked, terminals.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from esbench.log import Coordinates
from esbench.moments import spoken

if TYPE_CHECKING:
    import polars as pl

    from esbench.log import Readable


class Receipt(Struct, frozen=True, kw_only=True):
    """What an answer stands on.

    Attributes:
        log: the log's repr; ``log_id`` tells two of one name apart.
        said: both coordinates in words.
        occurred, recorded: the last moments asked about and asked on; None for no end.
        position: the last position that was there to be read.
        zone: where days begin and end.
        clock: ``own`` if the log recorded by its clock, ``imported`` if an import
            brought times of recording.
        head: the position and the chain that stand for all events up to it.
        read, left_out: events that were read, and that the coordinates left out.
        aggregates: how many the events that were read belong to.
        differ: how many of these differ from what was known on the day asked about;
            None if no day was asked about.
        call: what gives this answer again.
    """

    log: str
    log_id: str
    said: str
    occurred: datetime | None
    recorded: datetime | None
    position: int
    zone: str
    clock: str
    head: str
    read: int
    left_out: int
    aggregates: int
    differ: int | None
    call: str

    def __str__(self) -> str:
        """Say where the answer stands, in one line."""
        left = f", {self.left_out} left out" if self.left_out else ""
        return f"{self.said}: {counted(self.read, 'event')} read{left}"

    @property
    def late(self) -> str:
        """How many aggregates differ from what was known that day, in words."""
        if self.differ is None or self.occurred is None:
            return ""
        day = spoken(self.occurred, self.zone)
        verb = "differs" if self.differ == 1 else "differ"
        whole = counted(self.aggregates, "aggregate")
        return f"{self.differ} of {whole} {verb} from what was known on {day}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 event``, ``2,000 events``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def receipt(
    past: Readable, *, aggregate_id: str | None = None, call: str | None = None
) -> Receipt:
    """Return what an answer about ``past`` stands on.

    Args:
        past: a log, or a past of one; a log is taken as it is now.
        aggregate_id: the aggregate that was asked for; all unless said.
        call: what gives the answer again; the ``as_of`` that gives the past, unless
            said.
    """
    pinned = past if past is not past.log else past.as_of()
    head = pinned.head()
    counts = _counts(pinned, aggregate_id)
    whole = _events(pinned.log.as_of(position=head.position), aggregate_id)
    at = pinned.coordinates
    return Receipt(
        log=pinned.log._label,
        log_id=pinned.log.log_id,
        said=str(at),
        occurred=at.occurred,
        recorded=at.recorded,
        position=_end(at, head.position),
        zone=past.zone,
        clock=_clock(pinned),
        head=str(head),
        read=counts["read"],
        left_out=whole - counts["read"],
        aggregates=counts["aggregates"],
        differ=None if at.occurred is None else counts["differ"],
        call=call or f"log.as_of({_arguments(at, head.position)})",
    )


def last_of(past: Readable) -> int:
    """Return the last position that belongs to a past."""
    return _end(past.coordinates, past.head().position)


def called(stood: Receipt, call: str | None, name: str, *words: str) -> Receipt:
    """Return the receipt of an answer that a function of this room gave.

    Args:
        stood: the receipt of the past that was asked.
        call: what gives the answer again, if the caller says so.
        name: the function.
        words: its arguments behind the past, as Python writes them.
    """
    python = f"analysis.{name}({', '.join([stood.call, *words])})"
    return replace(stood, call=call or python)


def _end(at: Coordinates, last: int) -> int:
    return last if at.position is None else min(at.position, last)


def _clock(past: Readable) -> str:
    headers = past.log.headers()
    return headers[-1].clock if headers else "own"


def _rows(past: Readable, aggregate_id: str | None) -> pl.LazyFrame:
    import polars as pl

    rows = past.scan()
    return (
        rows
        if aggregate_id is None
        else rows.filter(pl.col("aggregate_id") == aggregate_id)
    )


def _events(past: Readable, aggregate_id: str | None) -> int:
    if aggregate_id is None:
        return len(past)
    import polars as pl

    count = _rows(past, aggregate_id).select(pl.len()).collect().item()
    assert isinstance(count, int)
    return count


def _counts(past: Readable, aggregate_id: str | None) -> dict[str, int]:
    """Count events and aggregates, and the aggregates that were known otherwise."""
    import polars as pl

    occurred = past.coordinates.occurred
    key = pl.col("aggregate_id")
    if occurred is None:  # then first events are there wherever later ones are
        counted = {"aggregates": (pl.col("version") == 1).sum()}
    else:
        late = pl.col("recorded_at") > occurred
        counted = {
            "aggregates": key.n_unique(),
            "differ": key.filter(late).n_unique(),
        }
    asked = _rows(past, aggregate_id).select(pl.len().alias("read"), **counted)
    row: dict[str, Any] = asked.collect(engine="streaming").row(0, named=True)
    return row


def coordinates_of(at: Coordinates, last: int) -> dict[str, str | int]:
    """Return the arguments that give a past again, each as a person writes it.

    Args:
        at: the coordinates that were asked.
        last: the last position that was there.
    """
    said: dict[str, str | int] = {}
    if at.occurred is not None:
        said["occurred"] = spoken(at.occurred, at.zone)
    if at.recorded is not None:
        said["recorded"] = spoken(at.recorded, at.zone)
    said["position"] = _end(at, last)
    return said


def _arguments(at: Coordinates, last: int) -> str:
    said = coordinates_of(at, last)
    return ", ".join(f"{name}={value!r}" for name, value in said.items())
