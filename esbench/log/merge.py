"""Merging: many small files become few large ones, and nobody has to stop for it.

What lives here: which files become which segment, the making of a segment, and the
clearing away of what was merged long ago.
The guarantee: a log holds the same events, in the same order and under the same
chain, before, while and after it is merged, whatever crashes meanwhile.
What it may not know: how commits are made, projections.

Position p lies in window (p − 1) div 8ᵏ of level k. A segment of level k takes the
commits and segments that begin in one window and are smaller than it, once the head
is past the window: so any two mergers build the same range, and one of them wins by
the name. Its ranges nest or lie apart. Segments grow eightfold, so that a log has few
of them, and an event is rewritten a few times, however long the log grows.

    1  look: ``events/`` is synced, so no crash can take an event from before a segment
    2  the sources are read, sorted by aggregate and version, written and sealed
    3  the segment gets its name, if nobody was faster; ``segments/`` is synced
    4  a later merge, an hour later at least, deletes what lies inside: by then no
       writer sleeps on a name in it, no old list of files is in use

The merger deletes only what lies inside a segment that it has just read again, whole.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, takewhile
from typing import TYPE_CHECKING

from msgspec import Struct

from esbench.errors import Corrupt, StoreError
from esbench.log.codec import arrow_type
from esbench.log.file import (
    FORMAT,
    SMALL,
    Header,
    commit_name,
    is_commit_name,
    layout,
    metadata,
    opened,
    repeating,
    segment_name,
    segment_range,
)
from esbench.log.pieces import Large, Run, completed, cuts
from esbench.log.schema import Schema
from esbench.log.sealed import Sealer
from esbench.log.store import HOUR, NameTaken, Store
from esbench.log.view import Held, starts

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

EIGHT = 8
LEVELS = (3, 4, 5, 6, 7, 8)
ENOUGH = 1_000
SORTED_AT_ONCE = 1_000_000


class Merged(Struct, frozen=True, kw_only=True):
    """What a merge did.

    Attributes:
        segments: the names of the segments it made.
        commits: how many commits they took in.
        deleted: the names of files that it removed, merged an hour ago or longer.
    """

    segments: tuple[str, ...] = ()
    commits: int = 0
    deleted: tuple[str, ...] = ()


# --- what becomes what -----------------------------------------------------------


def plan(headers: Sequence[Header], head: int, level: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of live files that become a segment of this level.

    Args:
        headers: what the live files say, in order.
        head: the last position of the log.
        level: k; windows are 8ᵏ positions wide.
    """
    width = EIGHT**level
    windows: dict[int, list[int]] = defaultdict(list)
    for place, header in enumerate(headers):
        if len(header) < width:
            windows[(header.first - 1) // width].append(place)
    for window, places in windows.items():
        if len(places) > 1 and head >= (window + 1) * width:
            yield places[0], places[-1] + 1


def merge(store: Store, live: Sequence[Held], head: int) -> Merged:
    """Merge what can be merged, from the smallest windows up.

    Args:
        store: where the files are; every name in ``events/`` is synced.
        live: the files that count, in order.
        head: the last position of the log.

    Raises:
        StoreError: the store refused; what was made before that stays.
        Corrupt: a source is damaged.
    """
    made: list[str] = []
    commits = 0
    try:
        for header, parts in _made(store, list(live), head):
            made.append(header.name)
            commits += sum(not held.header.level for held in parts)
    except Corrupt as error:
        if not _is_gone(store, error.file):
            raise  # else: others merged on while this one slept, and cleared it away
    if made:
        store.sync("segments")
    return Merged(segments=tuple(sorted(made)), commits=commits)


def _made(
    store: Store, files: list[Held], head: int
) -> Iterator[tuple[Header, Sequence[Held]]]:
    """Yield each segment that is made, and what it took in."""
    for level in LEVELS:
        stretches = list(plan([held.header for held in files], head, level))
        for start, end in reversed(stretches):  # from the end: places stay right
            parts = files[start:end]
            if header := _segment(store, parts, level):
                yield header, parts
            files[start:end] = [_read(store, _name(parts), parts[0].header.log_id)]


def _is_gone(store: Store, name: str) -> bool:
    try:
        store.stamp(name)
    except FileNotFoundError:
        return True
    return False


def _name(parts: Sequence[Held]) -> str:
    return segment_name(parts[0].header.first, parts[-1].header.last)


def _read(store: Store, name: str, log_id: str) -> Held:
    """Return a segment from its file, verified."""
    try:
        stamp = store.stamp(name)
        header, parquet = opened(name, store.read(name), log_id)
    except FileNotFoundError:
        raise Corrupt(name, "it has vanished") from None
    return Held(header, Large(store, stamp, header, parquet))


# --- making a segment ------------------------------------------------------------


def _segment(store: Store, parts: Sequence[Held], level: int) -> Header | None:
    """Make the segment of these files; None if it was there before."""
    header = _header(store, parts, level)
    chunks = _chunks(parts, header.schema.columns())
    first = next(chunks)
    is_large = len(header) > SMALL
    repeated = repeating(first) if is_large else ()
    how = layout(first.schema, repeated, is_large=is_large)
    sealer = Sealer(first.schema, how)
    rows = 0
    for chunk in chain([first], chunks):
        sealer.write(chunk)
        rows += chunk.num_rows
    if rows != len(header):
        raise Corrupt(parts[0].name, f"{len(header) - rows} rows can't be merged")
    ends = [end for held in parts for end in _ends(store, held)]
    try:
        store.create(header.name, sealer.sealed(metadata(header, ends)))
    except NameTaken:
        return None
    return header


def _ends(store: Store, held: Held) -> Sequence[int]:
    """Return where the commits in a file end, which the footer of a segment tells."""
    if not held.header.level:
        return [held.header.last]
    if isinstance(held.rows, Large):
        return held.rows.ends()
    return _ends(store, _read(store, held.name, held.header.log_id))


def _header(store: Store, parts: Sequence[Held], level: int) -> Header:
    headers = [held.header for held in parts]
    schema = Schema()
    for header in headers:
        schema = schema.joined(header.schema)
    return Header(
        format=FORMAT,
        log_id=headers[0].log_id,
        commit_id="",
        first=headers[0].first,
        last=headers[-1].last,
        previous=headers[0].previous,
        chain=headers[-1].chain,
        occurred=(
            min(header.occurred[0] for header in headers),
            max(header.occurred[1] for header in headers),
        ),
        recorded=(headers[0].recorded[0], headers[-1].recorded[1]),
        clock=headers[-1].clock,
        schema=schema,
        level=level,
        taken=tuple((h.first, h.commit_id) for h in headers if not h.level),
        marks=_marks(headers, _snapshots(store)),
    )


def _marks(
    headers: Sequence[Header], wanted: Sequence[int]
) -> tuple[tuple[int, str], ...]:
    """Return ends of commits to remember: of segments, and those that prove snapshots.

    Args:
        headers: the sources.
        wanted: positions of snapshots, sorted.
    """
    known = sorted(mark for h in headers for mark in (*h.marks, (h.last, h.chain)))
    positions = [position for position, _ in known]
    first, last = headers[0].first, headers[-1].last
    kept = {h.last for h in headers if h.level or len(h) > SMALL}
    for position in wanted:
        if first <= position <= last:
            kept.add(positions[bisect_left(positions, position)])
    return tuple(mark for mark in known[:-1] if mark[0] in kept)


def _snapshots(store: Store) -> list[int]:
    """Return the positions that files in ``snapshots/`` are named by, sorted."""
    found = []
    with contextlib.suppress(StoreError):
        for folder in store.list("snapshots"):
            names = store.list(f"snapshots/{folder}")
            found += [int(name[:20]) for name in names if is_commit_name(name)]
    return sorted(found)


def _chunks(parts: Sequence[Held], columns: Mapping[str, str]) -> Iterator[pa.Table]:
    """Yield all rows by aggregate and version, a bounded number at a time."""
    import polars as pl
    import pyarrow as pa

    wanted = pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])
    rows = pl.concat([completed(frame, columns) for frame in _frames(parts)])
    key = pl.col("aggregate_id")
    after = ""
    for upto in _cuts(parts):
        chunk = rows.filter((key > after) & (key <= upto))
        yield _sorted(chunk).cast(wanted)
        after = upto
    if (rest := _sorted(rows.filter(key > after))).num_rows or not after:
        yield rest.cast(wanted)


def _sorted(rows: pl.LazyFrame) -> pa.Table:
    return rows.sort("aggregate_id", "version").collect().to_arrow()


def _frames(parts: Sequence[Held]) -> list[pl.LazyFrame]:
    """Return the rows of all parts; those in memory as one frame."""
    frames = []
    small: Run | None = None
    for held in parts:
        if isinstance(held.rows, Large):
            frames.append(held.rows.lazy())
        else:
            small = small or Run(held.header)
            small.add(held.header, held.rows)
    return frames if small is None else [*frames, small.lazy()]


def _cuts(parts: Sequence[Held]) -> list[str]:
    """Return the aggregates at which to cut, so that chunks are of a bounded size."""
    return cuts([part.rows for part in parts], SORTED_AT_ONCE)


# --- clearing away ---------------------------------------------------------------


def clear(store: Store, log_id: str) -> tuple[str, ...]:
    """Delete what was merged an hour ago or longer, and return the names.

    Raises:
        StoreError: the store refused.
        Corrupt: a segment is damaged; what lies inside stays.
    """
    ranges = [r for name in store.list("segments") if (r := segment_range(name))]
    ranges.sort(key=lambda found: (found[0], -found[1]))  # each before what it holds
    commits = starts(store.list("events"))
    gone: dict[str, None] = {}
    is_synced = False
    for place, (first, last) in enumerate(ranges):
        name = segment_name(first, last)
        inner = takewhile(lambda found: found[1] <= last, ranges[place + 1 :])  # noqa: B023 - used at once
        inside = [segment_name(*found) for found in inner]
        own = commits[bisect_left(commits, first) : bisect_right(commits, last)]
        inside += [commit_name(start) for start in own]
        inside = [other for other in inside if other not in gone]
        if name in gone or not inside or not _is_old(store, name, log_id):
            continue
        if not is_synced:
            store.sync("segments")
            is_synced = True
        for other in inside:
            store.delete(other)
            gone[other] = None
    return tuple(gone)


def _is_old(store: Store, name: str, log_id: str) -> bool:
    """Tell whether a segment was made an hour ago, is there still, and is whole."""
    try:
        if store.age(name) < HOUR:
            return False
        opened(name, store.read(name), log_id)
    except FileNotFoundError:
        return False
    return True
