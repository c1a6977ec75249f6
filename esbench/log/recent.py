"""Aggregates that were read lately: their events, so that they are not decoded again.

What lives here: the events of some aggregates, as far as they are known.
The guarantee: what it gives is what the pieces hold, at every look; a kept list is
only ever extended by what came behind it.
What it may not know: files, pasts.

Events with nested values are not kept: whoever got one could change what it holds.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct

from esbench.event import RecordedEvent, Registry
from esbench.log.events import events_in
from esbench.log.pieces import Large, Piece

if TYPE_CHECKING:
    import polars as pl

    from esbench.log.schema import Schema
    from esbench.log.view import Look

ROOM = 200_000
SEVERAL = 3  # files that are worth reading at once
READERS = min(4, os.cpu_count() or 1)


class Kept(Struct, frozen=True):
    """The events of an aggregate up to a position of the log."""

    upto: int
    events: tuple[RecordedEvent, ...]


class Recent:
    """Events of the aggregates that were read last, ``ROOM`` of them in all.

    Args:
        registry: the event types that the program declares.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = Lock()
        self._clear(None)

    def _clear(self, schema: Schema | None) -> None:
        self._schema = schema
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._count = 0

    def of(self, aggregate_id: str, look: Look) -> Sequence[RecordedEvent]:
        """Return the events of an aggregate, at least up to the head of ``look``."""
        with self._lock:
            if look.schema is not self._schema:
                self._clear(look.schema)
            kept = self._kept.pop(aggregate_id, Kept(0, ()))
            self._count -= len(kept.events)
        if kept.upto < look.head.position:
            events, is_flat = self._behind(kept.upto, aggregate_id, look)
            kept = Kept(look.head.position, kept.events + events)
            if not is_flat:
                return kept.events
        self._keep(aggregate_id, kept, look.schema)
        return kept.events

    def _behind(
        self, upto: int, aggregate_id: str, look: Look
    ) -> tuple[tuple[RecordedEvent, ...], bool]:
        """Return the events behind a position, and whether none holds nested values."""
        events: list[RecordedEvent] = []
        is_flat = True
        new = [piece for piece in look.pieces if piece.last > upto]
        for piece, rows in zip(new, _rows(aggregate_id, new), strict=True):
            frame = rows
            if piece.first <= upto or piece.last > look.head.position:
                positions = rows.get_column("position")
                frame = rows.filter(positions.is_between(upto + 1, look.head.position))
            if frame.height:
                events += events_in(frame, look, self._registry)
                nested = "payload" in frame.columns
                is_flat &= not (nested and frame.get_column("payload").count())
        return tuple(events), is_flat

    def _keep(self, aggregate_id: str, kept: Kept, schema: Schema) -> None:
        with self._lock:
            if schema is not self._schema or aggregate_id in self._kept:
                return
            self._kept[aggregate_id] = kept
            self._count += len(kept.events)
            while self._count > ROOM:
                _, oldest = self._kept.popitem(last=False)
                self._count -= len(oldest.events)


def _rows(aggregate_id: str, pieces: Sequence[Piece]) -> list[pl.DataFrame]:
    """Return the rows of an aggregate in each piece; several files are read at once."""
    if sum(isinstance(piece, Large) for piece in pieces) < SEVERAL:
        return [piece.rows(aggregate_id) for piece in pieces]
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda piece: piece.rows(aggregate_id), pieces))
