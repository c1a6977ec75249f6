"""Verification: every byte read again, every chain computed anew.

What lives here: the list of all that is wrong with a log.
The guarantee: each problem names its file; one damaged file does not hide the next.
What it may not know: how to mend anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from esbench.errors import Corrupt, NotALog, Restore, StoreError, shorten
from esbench.log import identity
from esbench.log.chain import genesis, link
from esbench.log.file import (
    Header,
    commit_name,
    is_commit_name,
    opened,
    rows_in,
)
from esbench.log.schema import ENVELOPE, Schema
from esbench.log.store import Store
from esbench.log.view import Head, refuse_segments

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa


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
    """Return the event types that the newest commit knew.

    Raises:
        Corrupt: that file is damaged, has vanished, or belongs to another log.
    """
    names = [name for name in store.list("events") if is_commit_name(name)]
    if not names:
        return Schema()
    name = f"events/{names[-1]}"
    try:
        data = store.read(name)
    except FileNotFoundError:
        raise Corrupt(name, "it has vanished") from None
    return opened(name, data, log_id)[0].schema


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
    try:
        refuse_segments(store)
    except NotALog as error:
        problems.append(error)
    return Verification(
        problems=tuple(problems),
        events=walk.events,
        files=walk.files,
        head=walk.head,
    )


class _Walk:
    """One pass over the files, in the order of their names."""

    def __init__(self, store: Store, log_id: str, kept: Head | None) -> None:
        self._store, self._log_id, self._kept = store, log_id, kept
        self._versions: dict[str, int] = {}
        self._recorded = -(2**62)
        self._whole = True  # nothing unreadable since the last good file
        self._complete = True  # nothing unreadable at all
        self._proved = kept is None or kept == Head(0, genesis(log_id))
        self.head = Head(0, genesis(log_id))
        self.events = self.files = 0

    def problems(self) -> Iterator[Restore]:
        """Yield what is wrong, file by file."""
        for name in self._store.list("events"):
            if not is_commit_name(name):
                yield Corrupt(f"events/{name}", "it is no file of this log: remove it")
                continue
            try:
                yield from self._commit(f"events/{name}")
            except FileNotFoundError:
                yield Corrupt(f"events/{name}", "it vanished while being read")
            except StoreError as error:
                self._whole = self._complete = False
                yield Corrupt(f"events/{name}", f"it can't be read ({error})")
            except Restore as error:
                self._whole = self._complete = False
                yield error

    def _commit(self, name: str) -> Iterator[Restore]:
        header, parquet = opened(name, self._store.read(name), self._log_id)
        table = rows_in(name, parquet)
        if lacking := ENVELOPE.keys() - set(table.column_names):
            raise Corrupt(name, f"it lacks the column {min(lacking)}: it was edited")
        self.files += 1
        self.events += len(header)
        yield from self._against_before(name, header)
        if link(header.previous, table) != header.chain:
            yield Corrupt(name, "its events do not match its chain: it was edited")
        yield from self._against_rows(name, header, table)
        self.head = Head(header.last, header.chain)
        self._recorded = header.recorded[1]
        self._whole = True
        if self._kept == self.head:
            self._proved = True

    def _against_before(self, name: str, header: Header) -> Iterator[Restore]:
        expected = self.head.position + 1
        if header.first < expected:
            yield Corrupt(name, f"it overlaps the commit that ends at {expected - 1}")
        elif header.first > expected and self._whole:
            yield Corrupt(
                commit_name(expected),
                f"missing: no file holds the positions {expected} to "
                f"{header.first - 1}",
            )
            self._whole = self._complete = False
        if self._whole and header.previous != self.head.chain:
            yield Corrupt(name, "it does not follow the commit before it")
        if header.recorded[0] < self._recorded:
            yield Corrupt(name, "it was recorded before the commit before it")

    def _against_rows(
        self, name: str, header: Header, table: pa.Table
    ) -> Iterator[Restore]:
        """Compare what the header says with what the rows say."""
        import polars as pl

        frame = pl.DataFrame(table)
        positions = pl.Series(range(header.first, header.last + 1), dtype=pl.Int64)
        if not frame.get_column("position").equals(positions):
            yield Corrupt(name, "its positions are not those of its name")
        for column, said in (
            ("occurred_at", header.occurred),
            ("recorded_at", header.recorded),
        ):
            times = frame.get_column(column).to_physical()
            if (times.min(), times.max()) != said:
                yield Corrupt(name, f"its {column} are not those of its header")
        if not frame.get_column("recorded_at").is_sorted():
            yield Corrupt(name, "its recorded times fall")
        yield from self._against_versions(name, frame)

    def _against_versions(self, name: str, frame: pl.DataFrame) -> Iterator[Restore]:
        """Hold each aggregate's versions against those before, if all were seen."""
        import polars as pl

        versions = pl.col("version")
        spans = frame.group_by("aggregate_id", maintain_order=True).agg(
            versions.first().alias("first"),
            versions.last().alias("last"),
            (versions.diff().drop_nulls() == 1).all().alias("dense"),
        )
        for key, first, last, dense in spans.iter_rows():
            expected = self._versions.get(key, 0) + 1
            if self._complete and (first != expected or not dense):
                yield Corrupt(name, f"the versions of {shorten(key)} have a hole")
            self._versions[key] = last

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
