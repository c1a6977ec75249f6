"""The event log: a folder of Parquet files that only grows.

What lives here: opening a log, appending to it, following it.
The guarantee: an append is all or nothing, and once it has returned it survives any
crash; two writers never get the same position; nothing is ever overwritten.
What it may not know: projections, notebooks.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Self

from msgspec.structs import replace

from esbench.errors import (
    Corrupt,
    DefinitionConflict,
    EsbenchError,
    InvalidEvent,
    NotALog,
)
from esbench.event import AnyEvent, Event, Metadata, RecordedEvent, Registry, Stamped
from esbench.log import identity
from esbench.log.draft import Commit, drafted
from esbench.log.events import events_in
from esbench.log.file import Header
from esbench.log.merge import ENOUGH, Merged, clear, merge
from esbench.log.past import Coordinates, Readable
from esbench.log.pieces import ordered
from esbench.log.recent import Recent
from esbench.log.s3 import store_at
from esbench.log.schema import Schema
from esbench.log.store import Store
from esbench.log.view import Head, Look
from esbench.log.writer import Request, Writer
from esbench.moments import moment, system_clock

if TYPE_CHECKING:
    from esbench.log.verify import Verification

Merge = Literal["auto", "never"]


class EventLog(Readable):
    """A log in a folder, made if it is absent.

    Every append is one file, whole or not there. One object may be used by many
    threads, one folder by many processes.

    Args:
        path: the folder.
        events: the event types that the program declares; others are read as
            ``UnknownEvent``.
        clock: gives the time of recording; ``Clock`` is one to set by hand.
        ids: gives the ids of the log and its commits, unique ones; random by default.
        zone: where days begin and end, such as ``Europe/Warsaw``; only for a new log,
            UTC unless said.
        merge: ``auto`` merges small files into segments once a thousand wait,
            ``never`` leaves that to ``merge()``.

    Raises:
        NotALog: the folder holds something else, or a newer format.
        DefinitionConflict: two declarations, or one against the log.
        Corrupt: ``log.json`` is damaged.
        StoreError: the folder can't be made or read.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        events: Iterable[type[Event]] = (),
        *,
        clock: Callable[[], datetime] = system_clock,
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
        zone: str | None = None,
        merge: Merge = "auto",
    ) -> None:
        self._open(store_at(path), events, clock, ids, merge)
        self._enter(identity.found(self.store) or self._made(zone), zone)

    @classmethod
    def over(
        cls,
        store: Store,
        events: Iterable[type[Event]] = (),
        *,
        clock: Callable[[], datetime] = system_clock,
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
        zone: str | None = None,
        merge: Merge = "auto",
        label: str = "log",
    ) -> Self:
        """Return the log in a store of any kind, made if it is absent."""
        log = cls.__new__(cls)
        log._open((store, label), events, clock, ids, merge)
        log._enter(identity.found(store) or log._made(zone), zone)
        return log

    @classmethod
    def existing(
        cls,
        path: str | os.PathLike[str],
        events: Iterable[type[Event]] = (),
        *,
        clock: Callable[[], datetime] = system_clock,
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
        merge: Merge = "auto",
    ) -> Self:
        """Return the log at a path that must hold one; nothing is written.

        Raises:
            NotALog: there is no log.
        """
        log = cls.__new__(cls)
        log._open(store_at(path), events, clock, ids, merge)
        own = identity.found(log.store)
        if own is None:
            raise NotALog(f"there is no log in {path}: name the folder of one")
        log._enter(own, None)
        return log

    @classmethod
    def temporary(
        cls,
        events: Iterable[type[Event]] = (),
        *,
        clock: Callable[[], datetime] = system_clock,
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
        zone: str | None = None,
        merge: Merge = "auto",
    ) -> Self:
        """Return a new log in a folder that vanishes with the object or the process."""
        folder = tempfile.mkdtemp(prefix="esbench-")
        log = cls(folder, events, clock=clock, ids=ids, zone=zone, merge=merge)
        log._label = "temporary"
        weakref.finalize(log, _vanish, folder, os.getpid())
        return log

    def _open(
        self,
        place: tuple[Store, str],
        events: Iterable[type[Event]],
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        merge: Merge,
    ) -> None:
        if merge not in {"auto", "never"}:
            raise DefinitionConflict(f"merge={merge!r}: write 'auto' or 'never'")
        self.registry = Registry(events)
        self.store, self._label = place
        self._clock = clock
        self._ids = ids
        self._recent = Recent(self.registry)
        self._merging = Lock()
        self._merge_at = ENOUGH if merge == "auto" else sys.maxsize

    def _made(self, zone: str | None) -> identity.Identity:
        """Make an empty log, once the declarations are known to agree."""
        wanted = identity.checked_zone("UTC" if zone is None else zone)
        Schema().grown(self.registry)
        return identity.made(self.store, self._ids(), wanted)

    def _enter(self, own: identity.Identity, zone: str | None) -> None:
        """Take over what ``log.json`` says, and hold the declarations against it."""
        if zone not in {None, own.zone}:
            raise DefinitionConflict(
                f"the log's zone is {own.zone}, not {zone}: leave zone= out"
            )
        self.log_id = own.log_id
        self.zone = own.zone
        self.coordinates = Coordinates(zone=own.zone)
        self._writer = Writer(
            self.store, own.log_id, self.registry, self._clock, self._ids
        )
        from esbench.log.verify import newest_schema

        with contextlib.suppress(Corrupt):  # damage waits for a read
            newest_schema(self.store, self.log_id).grown(self.registry)

    # --- writing -----------------------------------------------------------------

    def append(
        self,
        aggregate_id: str,
        events: Iterable[AnyEvent | Stamped],
        *,
        expected_version: int | None = None,
        occurred_at: datetime | str | None = None,
        metadata: Metadata | Mapping[str, str] | None = None,
    ) -> Commit:
        """Store events of one aggregate, all or none; they survive a crash.

        Events whose ids were given and that are stored already, in this form and at
        this version, are not stored twice: the first result comes back.

        Args:
            aggregate_id: what the events are about; any text but an empty one.
            events: events, or ``stamped`` ones with a time, id or metadata of theirs.
            expected_version: the version that the caller has seen; 0 means that the
                aggregate must not exist yet, None that anything goes.
            occurred_at: when it happened; the time of recording unless said.
            metadata: user, correlation and causation ids.

        Returns:
            Its positions, the aggregate's version after it, and the time of recording.

        Raises:
            ConcurrencyError: the aggregate is at another version; nothing is stored.
            DuplicateEvent: a known event id with other content; nothing is stored.
            InvalidEvent: something that can't be stored; nothing is stored.
            CommitUnknown: the disk failed late; ``retry()`` settles it.
            StoreError: the disk refused; nothing is stored.
        """
        drafts = drafted(aggregate_id, events, expected_version, occurred_at, metadata)
        return self._appended(Request(drafts))

    def commit(
        self,
        parts: Iterable[tuple[str, Iterable[AnyEvent | Stamped], int | None]],
        *,
        occurred_at: datetime | str | None = None,
        metadata: Metadata | Mapping[str, str] | None = None,
    ) -> Commit:
        """Store events of several aggregates, all or none; they survive a crash.

        Args:
            parts: triples of aggregate_id, events and expected version (or None).
            occurred_at: as in ``append``.
            metadata: as in ``append``.

        Raises:
            The same errors as ``append``.
        """
        drafts = tuple(
            draft
            for key, events, expected in parts
            for draft in drafted(key, events, expected, occurred_at, metadata)
        )
        if not drafts:
            raise InvalidEvent("there is no event to append: give at least one")
        return self._appended(Request(drafts))

    def append_frame(self, frame: Any) -> Commit:
        """Store the rows of a frame as one commit, in row order, all or none.

        Args:
            frame: polars, pandas or pyarrow, with the columns ``aggregate_id``,
                ``type`` and the fields of the events; optionally ``occurred_at``,
                ``recorded_at`` (sorted, not before the log's last, not in the
                future), ``event_id``, ``user_id``, ``correlation_id``,
                ``causation_id``, and ``expected_version``, the version of the
                aggregate before each row.

        Raises:
            InvalidFrame: rows that can't be stored; the first ten are named.
            The same errors as ``append``.
        """
        from esbench.log.batch import decided_frame
        from esbench.log.frame import checked

        rows = checked(frame, self.registry)
        decide = partial(decided_frame, rows, clock=self.now)
        return self._appended(Request(decide=decide))

    def _appended(self, request: Request) -> Commit:
        """Append, and merge once enough commits wait."""
        commit = self._writer.append(request)
        if self._writer.waiting >= self._merge_at and self._merging.acquire(
            blocking=False
        ):
            try:
                with contextlib.suppress(EsbenchError, OSError):  # a read will tell
                    self._merge()
                self._merge_at = self._writer.waiting + ENOUGH
            finally:
                self._merging.release()
        return commit

    def merge(self) -> Merged:
        """Merge small files into segments; the log stays the same, and its head.

        It may run beside writers, readers and other merges. What a segment took in is
        deleted by a later merge, an hour later at the earliest: until then queries
        that began before and lists from ``files()`` stay valid.

        Returns:
            The segments made, and the files deleted.

        Raises:
            StoreError: the store refused; the log is as it was.
            Corrupt: a damaged file.
        """
        with self._merging:
            return self._merge()

    def _merge(self) -> Merged:
        with self._writer.viewed() as view:
            head = view.look().head.position
            live = tuple(view.live)
        merged = merge(self.store, live, head)
        return replace(merged, deleted=clear(self.store, self.log_id))

    # --- reading -----------------------------------------------------------------

    @property
    def log(self) -> EventLog:
        """The log itself."""
        return self

    def now(self) -> datetime:
        """Return what the log's clock shows, in UTC."""
        return moment(self._clock())

    def _look(self) -> Look:
        with self._writer.viewed() as view:
            return view.look()

    def headers(self) -> tuple[Header, ...]:
        """Return what the files say of themselves, in order.

        They are the segments, and the commits that wait to be merged.
        """
        return self._look().headers

    def files(self) -> list[str]:
        """Return the paths of all files with events; the widest schema comes first.

        DuckDB, pandas and pyarrow take the columns from the first file that they are
        given, and would silently drop a column that came later.
        """
        names = [header.name for header in self.headers()]
        return [self.store.url(name) for name in names[-1:] + names[:-1]]

    def follow(self, after: int = 0, *, pause: float = 0.2) -> Iterator[RecordedEvent]:
        """Yield events in position order without gaps, and wait for more, for ever.

        An event is only given out once it survives a crash. Stop by leaving the loop.

        Args:
            after: the last position that the caller has seen.
            pause: seconds between two looks.
        """
        while True:
            look = self._look()
            yield from self._between(after, look)
            after = max(after, look.head.position)
            time.sleep(pause)

    def _between(self, after: int, look: Look) -> Iterator[RecordedEvent]:
        for piece in look.pieces:
            for frame in ordered(piece, after, look.head.position):
                yield from events_in(frame, look, self.registry)

    def verify(self, head: Head | str | None = None) -> Verification:
        """Read every byte again and return all that is wrong; nothing is raised.

        Found without help: flipped bits, edits that do not make digest and chain
        anew, and files that are missing, swapped, inserted or foreign. A tail cut
        off, or a log rewritten with new chains, is only found against a ``head``
        that was kept elsewhere.

        Args:
            head: what ``head()`` returned earlier, or its text form.
        """
        from esbench.log.verify import verification

        kept = Head.parse(head) if isinstance(head, str) else head
        return verification(self.store, kept)

    def __repr__(self) -> str:
        """Name the log and count its events."""
        try:
            count = self.head().position
        except EsbenchError as error:
            return f"EventLog({self._label!r}, {type(error).__name__}: {error})"
        return f"EventLog({self._label!r}, {count} event{'s' * (count != 1)})"


def _vanish(folder: str, owner: int) -> None:
    """Remove a temporary log, unless this is a forked child and the log not its own."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
