"""Snapshots: every key's state at a position, so that less has to be replayed.

What lives here: taking one, choosing one, leaving one behind.
The guarantee: a snapshot and the tail behind it are the replay of it all. One is used
where that is certain, and never otherwise; without any, answers are the same and come
later. Every file of them may be deleted at any time.
What it may not know: how a projection folds; files' insides.

When a snapshot is exact. It must be

    sound      its bytes match their digest, in a format that is known
    ours       of this log, and of a history that the log still holds: the position
               and chain that it names as its proof are among the log's own
    of this    declaration, all of it: reducers, key, zone; for a plain ``evolve`` its
               name and version
    in reach   not behind the end of the log, or of the past
    complete   nothing in it may be left out of the past: its latest times are not
               later than the times that are asked about and on

The tail is what lies behind its position, whatever the times say, so an event that
occurred before it and was recorded after it is in the tail.

A ``table`` that had to read more than a million events leaves a snapshot behind, where
the last large file ends, so that the tail is whole files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from esbench.errors import (
    DefinitionConflict,
    EsbenchError,
    InvalidEvent,
    NotFound,
    ReadOnly,
    StoreError,
)
from esbench.fields import checked_name
from esbench.log.file import SMALL
from esbench.log.view import Head
from esbench.moments import micros
from esbench.projection.kept import FORMAT, Header, Kept, name_of, sealed
from esbench.projection.shelf import shelf_of

if TYPE_CHECKING:
    from esbench.log.file import Header as FileHeader
    from esbench.log.past import Coordinates, Readable
    from esbench.projection.calls import Calls

MANY = 1_000_000


class Snapshot(Struct, frozen=True, kw_only=True):
    """A snapshot that is there.

    Attributes:
        projection: the name of the projection.
        position: the last position whose event it holds.
        keys: how many keys it has the state of.
        file: its name in the log.
        size: in bytes.
    """

    projection: str
    position: int
    keys: int
    file: str
    size: int

    def __repr__(self) -> str:
        """Say of what it is, and how far it goes."""
        keys = f"{self.keys} key{'s' * (self.keys != 1)}"
        return f"Snapshot({self.projection} at {self.position}: {keys})"


class Replayed(Struct, frozen=True):
    """A state, and what it took to find it.

    Attributes:
        state: what ``hydrate`` gives.
        snapshot: the position of the snapshot that it began with; None for none.
        events: how many events of the key were read behind that position.
    """

    state: Any
    snapshot: int | None
    events: int


class Base(Struct, frozen=True, kw_only=True):
    """Where an answer begins: a position, and every key's partial state there.

    Attributes:
        position: the last position that is in it; 0 for the very beginning.
        partial: what the projection keeps of every key; None for the beginning.
        latest: the largest times in it, occurred and recorded, as headers have them.
    """

    position: int = 0
    partial: Any = None
    latest: tuple[int | None, int | None] = (None, None)


class Begun(Struct, frozen=True):
    """Where the fold of one key begins.

    Attributes:
        position: of the snapshot; 0 for the very beginning.
        fold: what was kept of the key.
        is_there: whether anything was.
    """

    position: int = 0
    fold: Any = None
    is_there: bool = False


# --- choosing one ----------------------------------------------------------------


def usable(calls: Calls, log: Readable) -> Kept | None:
    """Return the newest snapshot that is exact for a past; None without one."""
    fingerprint = fingerprint_of(calls, log.zone)
    if fingerprint is None:
        return None
    shelf = shelf_of(log.log)
    for kept in shelf.newest_first(calls.name, reach_of(log)):
        if not against(kept, calls.name, fingerprint, log) and kept.is_sound():
            return shelf.use(kept)
    return None


def base_of(calls: Calls, log: Readable) -> Base:
    """Return the newest exact partial state of every key, or the beginning."""
    while (kept := usable(calls, log)) is not None:
        rows = kept.rows(calls.partial_types())
        if rows is not None and (header := kept.header) is not None:
            with _noting(kept):
                return Base(
                    position=header.position,
                    partial=calls.unpacked(rows),
                    latest=(header.max_occurred, header.max_recorded),
                )
    return Base()


def begun(calls: Calls, log: Readable, key: str) -> Begun:
    """Return where one key's fold begins."""
    checked_name("aggregate_id", key)
    while (kept := usable(calls, log)) is not None:
        row = kept.row(key, calls.partial_types())
        if (header := kept.header) is not None and not kept.problem:
            with _noting(kept):
                fold = None if row is None else calls.resumed(row)
                return Begun(header.position, fold, is_there=row is not None)
    return Begun()


@contextmanager
def _noting(kept: Kept) -> Iterator[None]:
    """Note it when states are no longer read as the type that they were kept as."""
    try:
        yield
    except msgspec.MsgspecError as error:
        kept.problem = f"its states are of another type ({error})"


def against(kept: Kept, name: str, fingerprint: str | None, log: Readable) -> str:
    """Say why a snapshot is not exact for a past; nothing if it is.

    Args:
        kept: the snapshot.
        name: the name of the projection.
        fingerprint: its fingerprint; None to leave the declaration aside.
        log: a log, or a past of one.
    """
    header = kept.header
    if kept.problem or header is None:
        return kept.problem or "damaged"
    if header.log_id != log.log.log_id:
        return "it is of another log"
    if header.projection != name or fingerprint not in {None, header.fingerprint}:
        return "the projection was declared otherwise"
    if header.position > reach_of(log):
        return "it goes further than the log"
    if not _is_complete(header, log.coordinates):
        return "it holds events that this past leaves out"
    return "" if _is_proven(header, log) else "it is of another history of the log"


def _is_complete(header: Header, past: Coordinates) -> bool:
    return _within(header.max_occurred, past.occurred) and _within(
        header.max_recorded, past.recorded
    )


def _within(latest: int | None, limit: datetime | None) -> bool:
    return latest is None or limit is None or latest <= micros(limit)


def _is_proven(header: Header, log: Readable) -> bool:
    try:
        proof = Head.parse(header.proof)
    except ValueError:
        return False
    return proof.position >= header.position and log.log.holds(proof)


def reach_of(log: Readable) -> int:
    """Return the last position that a past can hold."""
    end, limit = log.head().position, log.coordinates.position
    return end if limit is None else min(end, limit)


def fingerprint_of(calls: Calls, zone: str) -> str | None:
    """Return what stands for a declaration; None for one that can't be told."""
    described = calls.description(zone)
    if described is None:
        return None
    return hashlib.sha256(msgspec.json.encode(described)).hexdigest()


# --- taking one ------------------------------------------------------------------


def taken(calls: Calls, log: Readable, position: int | None) -> Snapshot:
    """Take a snapshot of a log at a position, its end unless said.

    Raises:
        ReadOnly: a past instead of a log.
        InvalidEvent: a position that is none.
        NotFound: a position behind the end of the log.
        DefinitionConflict: states that can't be kept, or that nothing names.
        StoreError: the disk refused.
    """
    if log is not log.log:
        raise ReadOnly(
            "a past has no snapshots: take one of the log, .log, at a position"
        )
    if fingerprint_of(calls, log.zone) is None:
        raise DefinitionConflict(
            f"{calls.name}: a plain function is known by what it is called alone: give "
            "name= and version=, and raise the version whenever it changes its mind"
        )
    at = _checked(log, position)
    base = base_of(calls, log.as_of(position=at))
    advanced = _advanced(calls, log, base, at)
    header, size = _put(calls, log, base, advanced, automatic=False)
    return Snapshot(
        projection=calls.name,
        position=at,
        keys=header.keys,
        file=name_of(calls.name, at),
        size=size,
    )


def _checked(log: Readable, position: int | None) -> int:
    end = log.head().position
    if position is not None and (type(position) is not int or position < 1):
        raise InvalidEvent(f"position {position!r}: write a whole number from 1")
    if not end:
        raise NotFound("the log has no events yet: there is nothing to keep")
    if position is None:
        return end
    log.log.boundary(position)
    return position


def _advanced(calls: Calls, log: Readable, base: Base, position: int) -> Base:
    """Return the partial state at a position, from one before it."""
    if base.position == position:
        return base
    past = log.as_of(position=position)
    return Base(
        position=position,
        partial=calls.partial(past, base),
        latest=_latest(calls, past, base),
    )


def _latest(calls: Calls, past: Readable, base: Base) -> tuple[int | None, int | None]:
    """Return the largest times of the events that a partial state holds."""
    import polars as pl

    rows = past.scan(after=base.position)
    if calls.types is not None:
        rows = rows.filter(pl.col("type").is_in(sorted(calls.types)))
    times = rows.select(pl.col("occurred_at", "recorded_at").max().to_physical())
    found = zip(base.latest, times.collect().row(0), strict=True)
    occurred, recorded = (max(_known(pair), default=None) for pair in found)
    return occurred, recorded


def _known(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]


def _put(
    calls: Calls, log: Readable, old: Base, base: Base, *, automatic: bool
) -> tuple[Header, int]:
    """Put a partial state there; return what its file says, and its size in bytes.

    Args:
        calls: the projection.
        log: the log, or a past that leaves out nothing that is kept.
        old: the base that the partial state was found from.
        base: the partial state.
        automatic: whether nobody asked for it.
    """
    calls.refuse_loose(log.as_of(position=base.position).scan(after=old.position))
    rows = calls.packed(base.partial)
    header = Header(
        format=FORMAT,
        log_id=log.log.log_id,
        projection=calls.name,
        fingerprint=fingerprint_of(calls, log.zone) or "",
        position=base.position,
        proof=str(log.log.boundary(base.position)),
        max_occurred=base.latest[0],
        max_recorded=base.latest[1],
        keys=rows.height,
        automatic=automatic,
    )
    shelf = shelf_of(log.log)
    if automatic and shelf.holds_other(header):
        raise StoreError("a snapshot of another declaration was asked for there")
    return header, shelf.put(header, sealed(rows, header))


# --- leaving one behind ----------------------------------------------------------


def base_left(calls: Calls, log: Readable) -> Base:
    """Return the base to go on from; leave a snapshot behind where that pays.

    Where a snapshot can't be left, the partial state that it would have held is as
    good a base, and the same is not tried again by this process.
    """
    base = base_of(calls, log)
    at = _worth(calls, log, base)
    if at is None:
        return base
    advanced = _advanced(calls, log, base, at)
    try:
        header, _ = _put(calls, log, base, advanced, automatic=True)
        shelf_of(log.log).prune(header)
    except EsbenchError:
        shelf_of(log.log).given_up[calls.name] = at
    return advanced


def _worth(calls: Calls, log: Readable, base: Base) -> int | None:
    """Return where a snapshot is worth its bytes; None where it is not."""
    reach = reach_of(log)
    if reach - base.position <= MANY or fingerprint_of(calls, log.zone) is None:
        return None
    headers = log.log.headers()
    ends = [h.last for h in headers if _is_stable(h) and h.last <= reach]
    at = max(ends, default=0)
    if reach - at > MANY:
        at = reach
    if shelf_of(log.log).given_up.get(calls.name) == at:
        return None
    held = [header for header in headers if header.first <= at]
    occurred, recorded = log.coordinates.occurred, log.coordinates.recorded
    is_whole = all(
        _within(header.occurred[1], occurred) and _within(header.recorded[1], recorded)
        for header in held
    )
    return at if is_whole else None


def _is_stable(header: FileHeader) -> bool:
    """Tell whether a file is a segment or a large commit."""
    return len(header) > SMALL
