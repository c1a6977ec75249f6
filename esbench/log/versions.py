"""The last version of every aggregate that somebody asked for.

What lives here: finding versions in pieces, and keeping what was found.
The guarantee: an answer is right for all pieces given, whoever wrote them; merging
changes none.
What it may not know: files, stores, how pieces come about.

Rows in memory are counted once, as they come. In large files an aggregate is looked up
when it is first asked for, newest file first; the answer holds up to the position that
the log had then, so that later only newer files are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from esbench.log.file import SMALL
from esbench.log.pieces import Large, Piece, Run

if TYPE_CHECKING:
    import polars as pl

    from esbench.log.file import Header

FEW = 64


class Versions:
    """Last versions, found once and kept."""

    def __init__(self) -> None:
        self._counted = 0  # every row in memory up to here is in _newest
        self._newest: dict[str, tuple[int, int]] = {}  # position and version
        self._looked_up: dict[str, tuple[int, int]] = {}  # up to where, and version

    def of(self, aggregate_id: str, pieces: Sequence[Piece]) -> int:
        """Return the last version of an aggregate; 0 when it has no events."""
        self._count(pieces)
        position, newest = self._newest.get(aggregate_id, (0, 0))
        upto, known = self._looked_up.get(aggregate_id, (0, 0))
        known = max(newest, known)
        behind = max(upto, position)
        files = [p for p in pieces if isinstance(p, Large) and p.last > behind]
        if files:
            found = (piece.last_version(aggregate_id) for piece in reversed(files))
            known = max(known, next(filter(None, found), 0))
            self._looked_up[aggregate_id] = (pieces[-1].last, known)
        return known

    def _count(self, pieces: Sequence[Piece]) -> None:
        """Take in the rows in memory that came since the last time."""
        counted = self._counted
        for piece in pieces:
            if isinstance(piece, Run) and piece.last > counted:
                self._newest.update(
                    (key, (at, version)) for key, at, version in piece.newest(counted)
                )
                self._counted = piece.last

    def note(self, header: Header, versions: dict[str, int]) -> None:
        """Take over what an own commit gave, when all before it is counted."""
        if len(header) <= SMALL and self._counted == header.first - 1:
            last = header.last
            self._newest.update((key, (last, v)) for key, v in versions.items())
            self._counted = last

    def of_many(self, aggregates: pl.Series, pieces: Sequence[Piece]) -> pl.DataFrame:
        """Return the last version of those that have events.

        Columns: aggregate_id, start.
        """
        import polars as pl

        wanted = pl.DataFrame({"aggregate_id": aggregates})
        if aggregates.len() <= FEW:
            found = [self.of(key, pieces) for key in aggregates.to_list()]
            start = pl.Series("start", found, dtype=pl.Int64)
            return wanted.with_columns(start).filter(pl.col("start") > 0)
        columns = ["aggregate_id", "version"]
        rows = [piece.lazy().select(columns) for piece in pieces]
        if not rows:
            return wanted.clear().with_columns(pl.lit(0, pl.Int64).alias("start"))
        known = pl.concat(rows).join(wanted.lazy(), on="aggregate_id", how="semi")
        last = known.group_by("aggregate_id").agg(
            pl.col("version").max().alias("start")
        )
        return last.collect()
