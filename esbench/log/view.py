"""What one process has seen of a log: verified files, in order, and their rows.

What lives here: catching up with the files, and the pieces that were found.
The guarantee: a view is a gapless prefix of the log whose every file was verified
when it was first read; it only grows. What it shows outside (``look``) survives a
crash, whoever wrote it.
What it may not know: how commits are decided and written, pasts, projections.

How a view catches up. The first time, and whenever there are other segments than
before, it lists everything: ``segments/`` for a hint of what need not be read,
``events/``, and, once the commits are opened, ``segments/`` again, which decides: the
largest segments stand, a commit or segment inside another is not looked at. (A commit
that is opened before that last listing can't be one that took the name of a deleted
one.) A listing is no snapshot, so a gap means "list again"; only a gap that stays is
corruption. In between the next commit can only be called ``<head + 1>``, so looking
for that one name is enough.

Files of up to a thousand events stay in memory, joined into runs; larger ones are
read each time.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from esbench.errors import Corrupt, EsbenchError, NotFound
from esbench.event import Registry
from esbench.log.chain import genesis
from esbench.log.file import (
    SMALL,
    Header,
    commit_name,
    honest_rows,
    is_commit_name,
    opened,
    segment_name,
    segment_range,
)
from esbench.log.pieces import Large, Piece, Run
from esbench.log.schema import Schema
from esbench.log.store import Store
from esbench.log.versions import Versions

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

LOOKS = 6
PAUSE = 0.02

Range = tuple[int, int]


class Head(Struct, frozen=True):
    """The end of a log: a position, and the chain that stands for all up to it.

    Kept elsewhere, it proves later that nothing before it was changed or cut off.
    Its text form is ``<position>:<chain>``.
    """

    position: int
    chain: str

    def __str__(self) -> str:
        """Return ``<position>:<chain>``."""
        return f"{self.position}:{self.chain}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Return the head that ``str`` wrote, or raise ``ValueError``."""
        position, _, chain = text.strip().partition(":")
        if not position.isdigit() or len(chain) != 64:
            raise ValueError(f"{text!r} is no head: it looks like 3:5f2c…, 64 digits")
        return cls(int(position), chain)


class Forgotten(EsbenchError):
    """A commit was merged so long ago that the segments do not tell whose it was."""


class Held(Struct, frozen=True):
    """One verified file: what it says, and its rows or how to read them."""

    header: Header
    rows: pa.Table | Large

    @property
    def name(self) -> str:
        """The file's name in the log."""
        return self.header.name


class Look(Struct, frozen=True):
    """What one look at a log gave; it stays true whatever is appended later.

    Attributes:
        pieces: the rows; the last piece may grow behind ``head``.
        headers: what every commit that waits and every segment says of itself.
        schema: the event types that the log knows and that the program declares.
        head: the end of the log.
    """

    pieces: tuple[Piece, ...]
    headers: tuple[Header, ...]
    schema: Schema
    head: Head

    def boundary(self, position: int) -> Head:
        """Return the nearest known end of a commit at or behind ``position``.

        Raises:
            NotFound: the log is shorter.
        """
        for header in self.headers:
            if position <= header.last:
                inside = (Head(*mark) for mark in header.marks if mark[0] >= position)
                return min(
                    [*inside, Head(header.last, header.chain)], key=lambda h: h.position
                )
        raise NotFound(f"the log ends at {self.head.position}, before {position}")

    def holds(self, head: Head) -> bool:
        """Tell whether the log is known to have had this very head once."""
        return head.position <= self.head.position and (
            head.position == 0 or self.boundary(head.position) == head
        )


class View:
    """A gapless, verified prefix of a log, which grows by ``catch_up``.

    Args:
        store: where the files are.
        log_id: the log that they must belong to.
        registry: the event types that the program declares.
    """

    def __init__(self, store: Store, log_id: str, registry: Registry) -> None:
        self._store = store
        self._log_id = log_id
        self._registry = registry
        self._files: dict[str, Held] = {}
        self._segments: list[str] | None = None
        self._merged = 0
        self._unsynced = False
        self._is_rooted = False
        self._ids: dict[str, tuple[int, dict[str, int]]] = {}
        self._versions = Versions()
        self._clear()

    def _clear(self) -> None:
        self.head = Head(0, genesis(self._log_id))
        self.live: list[Held] = []
        self.pieces: list[Piece] = []
        self.recorded = -(2**62)
        self.imported = False
        self.waiting = 0
        self._written = Schema()
        self._schema: Schema | None = None
        self._look: Look | None = None

    @property
    def is_cold(self) -> bool:
        """Whether the files were never listed."""
        return self._segments is None

    @property
    def schema(self) -> Schema:
        """The event types that the log knows, with those the program declares.

        Raises:
            DefinitionConflict: a newer program has written what this one can't read.
        """
        if self._schema is None:
            self._schema = self._written.grown(self._registry)
        return self._schema

    def look(self) -> Look:
        """Return all that is there now, once no crash can take it back."""
        self.catch_up()
        self.settle()
        if self._look is None:
            headers = tuple(held.header for held in self.live)
            self._look = Look(tuple(self.pieces), headers, self.schema, self.head)
        return self._look

    # --- catching up -------------------------------------------------------------

    def catch_up(self) -> bool:
        """Take in every file that is there now; tell whether any event was new.

        Raises:
            Corrupt: a file that this needs is damaged, missing, swapped or foreign.
        """
        before = self.head.position
        if self.is_cold:
            self._list_all()
        following = self._following()
        while (segments := self.segments()) != self._segments:
            self._adopt(segments)
            following = self._following()
        for held in following:
            self._hold(held)
        return self.head.position > before

    def is_behind(self) -> bool:
        """Whether a commit stands behind the head; cheaper than catching up."""
        try:
            self._store.stamp(commit_name(self.head.position + 1))
        except FileNotFoundError:
            return False
        return True

    def _following(self) -> list[Held]:
        """Open the commits that seem to follow the head.

        One may have the name of a deleted commit, from a writer who has yet to find
        out: they count if ``segments/``, listed after this, is as it was.
        """
        found: list[Held] = []
        last = self.head.position
        while held := self._file(commit_name(last + 1)):
            found.append(held)
            last = held.header.last
        return found

    def segments(self) -> list[str]:
        """Return the names of all segments, without their folder."""
        names = self._store.list("segments")
        return [name for name in names if segment_range(name)]

    def _adopt(self, segments: list[str]) -> None:
        """Let segments take the place of what they merged; list all if that fails."""
        ranges = largest(segments)
        merged = [segment_name(*positions) for positions in ranges]
        for name in merged:
            self._file(name)
        own = [held.name for held in self.live if not held.header.level]
        live = [name for name in own if not is_inside(first_of(name), ranges)]
        names = sorted(live + merged, key=first_of)
        if self._problem(names) is None:
            self._hold_all(names, segments)
        else:
            self._list_all()

    def _list_all(self) -> None:
        """Open all that counts; list again while there is a gap, but not for ever."""
        problem: Corrupt | None = None
        for look in range(LOOKS):
            names, segments = self._listed()
            if (problem := self._problem(names)) is None:
                self._hold_all(names, segments)
                return
            time.sleep(PAUSE * look)
        assert problem is not None, "it was looked for"
        raise problem

    def _listed(self) -> tuple[list[str], list[str]]:
        """Return the files that count, by position, opened; and all segments."""
        hinted = largest(self.segments())
        commits = [
            name
            for name in map(commit_name, starts(self._store.list("events")))
            if not is_inside(first_of(name), hinted)
        ]
        for name in commits:
            self._file(name)
        segments = self.segments()
        ranges = largest(segments)
        merged = [segment_name(*positions) for positions in ranges]
        for name in merged:
            self._file(name)
        live = [name for name in commits if not is_inside(first_of(name), ranges)]
        return sorted(live + merged, key=first_of), segments

    def _problem(self, names: list[str]) -> Corrupt | None:
        """Return what keeps these files from being a log without a gap."""
        after = 0
        for name in names:
            first, held = first_of(name), self._files.get(name)
            if first <= after:
                raise Corrupt(
                    name,
                    f"it starts inside the file before it, which ends at {after}: "
                    "it does not belong here",
                )
            if first > after + 1:
                return Corrupt(
                    commit_name(after + 1),
                    f"missing: no file holds the positions {after + 1} to {first - 1}",
                )
            if held is None:
                return Corrupt(name, "it is listed, and can't be opened")
            after = held.header.last
        return None

    def _file(self, name: str) -> Held | None:
        """Return a file, verified when first read; None when it is not there."""
        if (held := self._files.get(name)) is not None:
            return held
        try:
            stamp = self._store.stamp(name)
            data = self._store.read(name)
        except FileNotFoundError:
            return None
        header, parquet = opened(name, data, self._log_id)
        rows: pa.Table | Large
        if len(header) > SMALL:
            rows = Large(self._store, stamp, header, parquet)
        else:
            rows = honest_rows(header, parquet)
        held = self._files[name] = Held(header, rows)
        self._unsynced |= header.level == 0
        return held

    def _hold_all(self, names: list[str], segments: list[str]) -> None:
        """Start anew from these files, which have no gap."""
        self._segments = None  # should one of them be wrong
        before, files = self.head, self._files
        self._clear()
        for name in names:
            self._hold(files[name])
        self._files = {name: files[name] for name in names}
        if self.head.position < before.position:
            raise Corrupt(
                commit_name(self.head.position + 1),
                f"the log was seen to end at {before.position}, and its tail is gone",
            )
        self._segments = segments
        self._merged = max((r[1] for r in largest(segments)), default=0)

    def _hold(self, held: Held) -> None:
        """Take in the file that follows the head."""
        header = held.header
        if header.previous != self.head.chain:
            raise Corrupt(held.name, "it does not follow the commit before it")
        if header.recorded[0] < self.recorded:
            raise Corrupt(held.name, "it was recorded before the commit before it")
        if isinstance(held.rows, Large):
            self.pieces.append(held.rows)
        else:
            self._run(header).add(header, held.rows)
        self.live.append(held)
        self.head = Head(header.last, header.chain)
        joined = self._written.joined(header.schema)
        if joined != self._written:
            self._written, self._schema = joined, None
        self.recorded = header.recorded[1]
        self.imported = header.clock == "imported"
        self.waiting += header.level == 0
        self._look = None

    def _run(self, header: Header) -> Run:
        """Return the run that takes the next small file."""
        last = self.pieces[-1] if self.pieces else None
        if not isinstance(last, Run) or last.is_full:
            last = Run(header)
            self.pieces.append(last)
        return last

    def add_own(
        self,
        header: Header,
        data: memoryview,
        table: pa.Table,
        versions: dict[str, int],
    ) -> None:
        """Take in a commit that this process has just written and synced."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows: pa.Table | Large = table
        if len(header) > SMALL:
            parquet = pq.ParquetFile(pa.BufferReader(data))
            rows = Large(self._store, self._store.stamp(header.name), header, parquet)
        self._versions.note(header, versions)
        held = self._files[header.name] = Held(header, rows)
        self._hold(held)

    def settle(self) -> None:
        """Make the names that others made survive a crash, if any are new."""
        if self._unsynced:
            self._store.sync("events")
            self._unsynced = False
        elif self.head.position == 0 and not self._is_rooted:
            self._store.sync("")  # whoever made the log may have died before doing so
            self._is_rooted = True

    def has_commit(self, first: int, commit_id: str) -> bool:
        """Tell whether the commit that starts at ``first`` is the one of this id.

        Raises:
            Forgotten: it was merged so long ago that nothing tells.
        """
        for held in self.live:
            if held.header.first == first and not held.header.level:
                return held.header.commit_id == commit_id
        return self.taken_in(first, commit_id) is True

    def taken_in(self, position: int, commit_id: str) -> bool | None:
        """Tell whether a segment took in this commit, which may be one's own.

        Returns:
            True and False as the segments tell; None when none of them covers the
            position; ``Forgotten`` is raised when they do not tell any more.
        """
        names = self.segments()
        if names == self._segments and position > self._merged:
            return None
        ranges = map(segment_range, names)
        covering = [
            found for found in ranges if found and found[0] <= position <= found[1]
        ]
        if not covering:
            return None
        for positions in sorted(covering, key=lambda found: found[1] - found[0]):
            held = self._file(segment_name(*positions))
            told = dict(held.header.taken) if held else {}
            if position in told:
                return told[position] == commit_id
        raise Forgotten(
            f"the commit at {position} was merged too long ago to tell whose it is"
        )

    # --- what is in it -----------------------------------------------------------

    def version_of(self, aggregate_id: str) -> int:
        """Return the last version of an aggregate; 0 when it has no events."""
        return self._versions.of(aggregate_id, self.pieces)

    def versions_of(self, aggregates: pl.Series) -> pl.DataFrame:
        """Return the last version of those aggregates that have events.

        Columns: aggregate_id, start.
        """
        return self._versions.of_many(aggregates, self.pieces)

    def ids_of(self, aggregate_id: str) -> dict[str, int]:
        """Return the position of each event id that was given for an aggregate."""
        if "event_id" not in self.schema.optional:
            return {}
        seen, ids = self._ids.get(aggregate_id, (0, {}))
        for piece in self.behind(seen):
            frame = piece.rows(aggregate_id)
            if "event_id" in frame.columns:
                given = frame.select("event_id", "position").drop_nulls()
                ids.update(given.iter_rows())
        self._ids[aggregate_id] = (self.head.position, ids)
        return ids

    def behind(self, position: int) -> list[Piece]:
        """Return the pieces that hold something behind ``position``."""
        return [piece for piece in self.pieces if piece.last > position]

    def between(self, first: int, last: int) -> pl.DataFrame:
        """Return the rows of the positions ``first`` to ``last``, in order."""
        import polars as pl

        found = [
            p.between(first, last) for p in self.behind(first - 1) if p.first <= last
        ]
        return pl.concat(found, how="diagonal")


# --- names -----------------------------------------------------------------------


def first_of(name: str) -> int:
    """Return the position that a commit's or segment's name begins with."""
    return int(name.partition("/")[2][:20])


def starts(names: Iterable[str]) -> list[int]:
    """Return the first positions that names in ``events/`` tell, sorted."""
    return sorted(int(name[:20]) for name in names if is_commit_name(name))


def largest(names: Iterable[str]) -> list[Range]:
    """Return the ranges of segments that lie in no other one, sorted."""
    ranges = {found for name in names if (found := segment_range(name))}
    kept: list[Range] = []
    for first, last in sorted(ranges, key=lambda found: (found[0], -found[1])):
        if not kept or last > kept[-1][1]:
            kept.append((first, last))
    return kept


def is_inside(position: int, ranges: Sequence[Range]) -> bool:
    """Tell whether a position lies in one of these ranges, which are sorted."""
    place = bisect_right(ranges, position, key=lambda found: found[0]) - 1
    return place >= 0 and position <= ranges[place][1]
