"""Verification: every byte read again, every chain computed anew.

What lives here: the list of all that is wrong with a log.
The guarantee: each problem names its file; one damaged file does not hide the next.
What it may not know: how to mend anything.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from esbench.errors import Corrupt, Restore, StoreError, shorten
from esbench.log import identity
from esbench.log.chain import BLOCK, Links, genesis
from esbench.log.file import (
    SMALL,
    Header,
    commit_name,
    ends_of,
    is_commit_name,
    opened,
    rows_in,
    segment_name,
    segment_range,
)
from esbench.log.pieces import Large, Piece, Run, is_dense
from esbench.log.schema import ENVELOPE, Schema
from esbench.log.store import Store
from esbench.log.view import Head, first_of, is_inside, largest, starts

if TYPE_CHECKING:
    import polars as pl

BLOCKS = 15


class Verification(Struct, frozen=True, kw_only=True):
    """What reading every byte again has shown.

    Attributes:
        problems: all that is wrong, each naming its file; none for a sound log.
        events, files: how many were read.
        head: the end of the log; None when it can't be told.
    """

    problems: tuple[Restore, ...]
    events: int
    files: int
    head: Head | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        """Say it in a line, or a line a problem."""
        read = f"{_counted(self.events, 'event')} in {_counted(self.files, 'file')}"
        if self.ok:
            return f"sound: {read}"
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        found = _counted(len(self.problems), "problem")
        return f"damaged: {found}; {read} could be read\n{listed}"

    def __repr__(self) -> str:
        """Return the same in one line."""
        return f"Verification({str(self).splitlines()[0]})"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def newest_schema(store: Store, log_id: str) -> Schema:
    """Return the event types that the newest file knew.

    Raises:
        Corrupt: that file is damaged, has vanished, or belongs to another log.
    """
    live, _, _ = _sorted(store)
    if not live:
        return Schema()
    try:
        data = store.read(live[-1])
    except FileNotFoundError:
        raise Corrupt(live[-1], "it has vanished") from None
    return opened(live[-1], data, log_id)[0].schema


def verification(store: Store, kept: Head | None) -> Verification:
    """Return all that is wrong with the log in ``store``.

    Args:
        store: where the files are.
        kept: a head that was noted earlier, to be proved.
    """
    try:
        own = identity.found(store)
        if own is None:
            raise Corrupt(identity.NAME, "it is missing")
    except Restore as error:
        return Verification(problems=(error,), events=0, files=0, head=None)
    walk = _Walk(store, own.log_id, kept)
    problems = list(walk.problems())
    problems += walk.against_kept_head()
    return Verification(
        problems=tuple(problems),
        events=walk.events,
        files=walk.files,
        head=walk.head,
    )


class _Walk:
    """One pass over the files, in the order of their positions.

    A file that lies inside a segment is merged and no part of the log any more: its
    bytes are checked, its rows are not asked.
    """

    def __init__(self, store: Store, log_id: str, kept: Head | None) -> None:
        self._store, self._log_id, self._kept = store, log_id, kept
        self._versions = _Versions()
        self._recorded = -(2**62)
        self._whole = True  # nothing unreadable since the last good file
        self._proved = kept is None or kept == Head(0, genesis(log_id))
        self.head = Head(0, genesis(log_id))
        self.events = self.files = 0

    def problems(self) -> Iterator[Restore]:
        """Yield what is wrong, file by file."""
        live, merged, strange = _sorted(self._store)
        for name in live:
            yield from self._guarded(name, self._live)
        for name in merged:
            yield from self._guarded(name, self._merged)
        for name in strange:
            yield Corrupt(name, "it is no file of this log: remove it")

    def _guarded(
        self, name: str, check: Callable[[str], Iterator[Restore]]
    ) -> Iterator[Restore]:
        """Yield what is wrong with a file, also when it can't be read."""
        try:
            yield from check(name)
        except FileNotFoundError:
            if check == self._live:
                yield Corrupt(name, "it vanished while being read")
        except StoreError as error:
            self._lose(check)
            yield Corrupt(name, f"it can't be read ({error})")
        except Restore as error:
            self._lose(check)
            yield error

    def _lose(self, check: Callable[[str], Iterator[Restore]]) -> None:
        if check == self._live:
            self._whole = False
            self._versions.lose()

    def _merged(self, name: str) -> Iterator[Restore]:
        opened(name, self._store.read(name), self._log_id)
        self.files += 1
        yield from ()

    def _live(self, name: str) -> Iterator[Restore]:
        stamp = self._store.stamp(name)
        header, parquet = opened(name, self._store.read(name), self._log_id)
        if lacking := ENVELOPE.keys() - set(parquet.schema_arrow.names):
            raise Corrupt(name, f"it lacks the column {min(lacking)}: it was edited")
        ends = ends_of(header, parquet.metadata)
        piece: Piece
        if len(header) > SMALL:
            piece = Large(self._store, stamp, header, parquet)
        else:
            piece = Run(header)
            piece.add(header, rows_in(name, parquet))
        self.files += 1
        self.events += len(header)
        yield from self._against_before(name, header)
        yield from self._rows(name, header, piece, ends)
        self.head = Head(header.last, header.chain)
        self._recorded = header.recorded[1]
        self._whole = True

    def _against_before(self, name: str, header: Header) -> Iterator[Restore]:
        expected = self.head.position + 1
        if header.first < expected:
            yield Corrupt(name, f"it overlaps the file that ends at {expected - 1}")
        elif header.first > expected and self._whole:
            yield Corrupt(
                commit_name(expected),
                f"missing: no file holds the positions {expected} to "
                f"{header.first - 1}",
            )
            self._whole = False
            self._versions.lose()
        if self._whole and header.previous != self.head.chain:
            yield Corrupt(name, "it does not follow the commit before it")
        if header.recorded[0] < self._recorded:
            yield Corrupt(name, "it was recorded before the commit before it")

    def _rows(
        self, name: str, header: Header, piece: Piece, ends: Sequence[int]
    ) -> Iterator[Restore]:
        """Compare the rows with what the header says of them."""
        links = Links(header.previous)
        seen = _Seen()
        problems: list[str] = []
        for first, last in _stretches(header.first, ends):
            frame = piece.between(first, last)
            if reason := _unlike_events(frame, first, last):
                self._lose(self._live)
                yield Corrupt(name, reason)
                return
            inside = ends[bisect_left(ends, first) : bisect_right(ends, last)]
            chains = links.add(frame, [end - first + 1 for end in inside])
            problems += self._against_heads(
                header, dict(zip(inside, chains, strict=True))
            )
            problems += self._versions.problems(frame)
            seen.add(frame)
        if isinstance(piece, Large) and (disorder := piece.disorder()):
            problems.append(disorder)
        if links.chain != header.chain:
            problems.insert(0, "its events do not match its chain: it was edited")
        for problem in dict.fromkeys([*problems, *seen.problems(header)]):
            yield Corrupt(name, problem)

    def _against_heads(self, header: Header, chains: Mapping[int, str]) -> list[str]:
        """Hold the chains found against the kept head and the marks of a segment."""
        if self._kept and chains.get(self._kept.position) == self._kept.chain:
            self._proved = True
        wrong = [
            position
            for position, chain in header.marks
            if chains.get(position, chain) != chain
        ]
        return ["its marks do not match its events: it was edited"] if wrong else []

    def against_kept_head(self) -> list[Restore]:
        """Return what a head that was kept elsewhere brings to light."""
        kept = self._kept
        if self._proved or kept is None:
            return []
        if kept.position > self.head.position:
            reason = (
                f"the kept head is at {kept.position}, the log ends at "
                f"{self.head.position}: its tail was cut off"
            )
        else:
            reason = (
                f"the chain at {kept.position} is not the kept one: the log was "
                "rewritten"
            )
        return [Corrupt("events", reason)]


class _Versions:
    """The last version of every aggregate so far, to find holes."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._complete = True

    def lose(self) -> None:
        """Note that something could not be read, so that no hole can be told."""
        self._complete = False

    def problems(self, frame: pl.DataFrame) -> list[str]:
        """Take in rows in position order; say which aggregates have a hole."""
        import polars as pl

        rows = frame.select("aggregate_id", "version").sort(
            "aggregate_id", maintain_order=True
        )
        key, version = pl.col("aggregate_id"), pl.col("version")
        begins = (key != key.shift()).fill_null(value=True)
        rows = rows.with_columns(begins.alias("begins"))
        broken = ~pl.col("begins") & (version != version.shift() + 1)
        holes = rows.filter(broken).get_column("aggregate_id").to_list()
        for name, first in rows.filter("begins").drop("begins").iter_rows():
            if first != self._last.get(name, 0) + 1:
                holes.append(name)
        ends = pl.col("begins").shift(-1, fill_value=True)
        self._last.update(rows.filter(ends).drop("begins").iter_rows())
        found = dict.fromkeys(holes) if self._complete else {}
        return [f"the versions of {shorten(name)} have a hole" for name in found]


class _Seen:
    """The times of a file's rows."""

    def __init__(self) -> None:
        self._times: list[tuple[int, int, int, int]] = []
        self._fall = False

    def add(self, frame: pl.DataFrame) -> None:
        """Take in rows in position order."""
        occurred = frame.get_column("occurred_at").to_physical()
        recorded = frame.get_column("recorded_at").to_physical()
        self._fall |= not recorded.is_sorted()
        self._fall |= bool(self._times) and recorded[0] < self._times[-1][3]
        spans = (occurred.min(), occurred.max(), recorded.min(), recorded.max())
        self._times.append(cast("tuple[int, int, int, int]", spans))

    def problems(self, header: Header) -> list[str]:
        """Say where the header tells other times than the rows."""
        starts_, ends, first, last = zip(*self._times, strict=True)
        problems = []
        if (min(starts_), max(ends)) != header.occurred:
            problems.append("its occurred_at are not those of its header")
        if (min(first), max(last)) != header.recorded:
            problems.append("its recorded_at are not those of its header")
        return [*problems, "its recorded times fall"] if self._fall else problems


def _unlike_events(frame: pl.DataFrame, first: int, last: int) -> str | None:
    """Return why the rows can't be the events of these positions."""
    if not is_dense(frame, first, last):
        return "its positions are not those of its name"
    for name in ENVELOPE:
        if frame.get_column(name).null_count():
            return f"its column {name} has holes: it was edited"
    if (frame.get_column("aggregate_id") == "").any():
        return "an aggregate has no name: it was edited"
    return None


def _stretches(first: int, ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield positions from ``first`` on, at most a million at a time.

    A stretch ends with a commit, or inside a large one a number of blocks from where
    it begins.
    """
    while first <= ends[-1]:
        place = bisect_right(ends, first + BLOCKS * BLOCK - 1)
        last = ends[place - 1] if place else 0
        if last < first:
            last = first + BLOCKS * BLOCK - 1
        yield first, last
        first = last + 1


def _sorted(store: Store) -> tuple[list[str], list[str], list[str]]:
    """Return the names of the files that count, of merged ones, and of others."""
    events, segments = store.list("events"), store.list("segments")
    strange = [f"events/{name}" for name in events if not is_commit_name(name)]
    strange += [f"segments/{name}" for name in segments if not segment_range(name)]
    ranges = largest(segments)
    live = [segment_name(*positions) for positions in ranges]
    merged = [f"segments/{n}" for n in segments if segment_range(n)]
    merged = [name for name in merged if name not in live]
    for name in map(commit_name, starts(events)):
        (merged if is_inside(first_of(name), ranges) else live).append(name)
    return sorted(live, key=first_of), sorted(merged), strange
