"""The event log: a folder of Parquet files that only grows.

What lives here: opening a log, appending to it, following it.
The guarantee: an append is all or nothing, and once it has returned it survives any
crash; two writers never get the same position; nothing is ever overwritten.
What it may not know: projections, notebooks.

How a commit is made. The creation of its name is the lock:

    1  look: is everything as the caller expects?              (draft.decided)
    2  names that others made are synced                       (view.settle)
    3  the file is written to staging/ and synced              (store.create)
    4  it gets its name, ``events/<first position>.parquet``; if that is taken,
       somebody was faster: catch up and go back to 1
    5  the folder is synced: from here on the commit is safe   (store.sync)
    6  ``segments/`` is listed: no merge may have taken the place meanwhile

An error between 4 and 5 leaves the outcome open: ``CommitUnknown``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from esbench.errors import (
    CommitUnknown,
    ConcurrencyError,
    Corrupt,
    DefinitionConflict,
    EsbenchError,
    InvalidEvent,
    MendTheCall,
    NotALog,
)
from esbench.event import AnyEvent, Event, Metadata, RecordedEvent, Registry, Stamped
from esbench.fields import checked_name
from esbench.log import identity
from esbench.log.codec import decode
from esbench.log.draft import Commit, Ready, decided, drafted
from esbench.log.file import FORMAT, Header, commit_name, seal
from esbench.log.past import Coordinates, Readable
from esbench.log.schema import Schema
from esbench.log.store import Folder, NameTaken, Store, Unsettled
from esbench.log.view import LOOKS, PAUSE, Head, Look, View
from esbench.moments import from_micros, moment, system_clock

if TYPE_CHECKING:
    from esbench.log.verify import Verification

SLOW_CLOCK = timedelta(hours=1)
Decide = Callable[[View, Registry, datetime], Ready | Commit]


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
    ) -> None:
        self._open(Folder(path), Path(path).name, events, clock, ids)
        self._enter(identity.found(self._store) or self._made(zone), zone)

    @classmethod
    def over(
        cls,
        store: Store,
        events: Iterable[type[Event]] = (),
        *,
        clock: Callable[[], datetime] = system_clock,
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
        zone: str | None = None,
        label: str = "log",
    ) -> Self:
        """Return the log in a store of any kind, made if it is absent."""
        log = cls.__new__(cls)
        log._open(store, label, events, clock, ids)
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
    ) -> Self:
        """Return the log in a folder that must hold one; nothing is written.

        Raises:
            NotALog: there is no log.
        """
        log = cls.__new__(cls)
        log._open(Folder(path), Path(path).name, events, clock, ids)
        own = identity.found(log._store)
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
    ) -> Self:
        """Return a new log in a folder that vanishes with the object or the process."""
        folder = tempfile.mkdtemp(prefix="esbench-")
        log = cls(folder, events, clock=clock, ids=ids, zone=zone)
        log._label = "temporary"
        weakref.finalize(log, _vanish, folder, os.getpid())
        return log

    def _open(
        self,
        store: Store,
        label: str,
        events: Iterable[type[Event]],
        clock: Callable[[], datetime],
        ids: Callable[[], str],
    ) -> None:
        self.registry = Registry(events)
        self._store = store
        self._label = label
        self._clock = clock
        self._ids = ids
        self._lock = RLock()
        self._is_tidy = False

    def _made(self, zone: str | None) -> identity.Identity:
        """Make an empty log, once the declarations are known to agree."""
        wanted = identity.checked_zone("UTC" if zone is None else zone)
        Schema().grown(self.registry)
        return identity.made(self._store, self._ids(), wanted)

    def _enter(self, own: identity.Identity, zone: str | None) -> None:
        """Take over what ``log.json`` says, and hold the declarations against it."""
        if zone not in {None, own.zone}:
            raise DefinitionConflict(
                f"the log's zone is {own.zone}, not {zone}: leave zone= out"
            )
        self.log_id = own.log_id
        self.zone = own.zone
        self.coordinates = Coordinates(zone=own.zone)
        self._view = self._new_view()
        from esbench.log.verify import newest_schema

        with contextlib.suppress(Corrupt):  # damage waits for a read
            newest_schema(self._store, self.log_id).grown(self.registry)

    def _new_view(self) -> View:
        return View(self._store, self.log_id, self.registry)

    @contextlib.contextmanager
    def _viewed(self) -> Iterator[View]:
        """Give the view to one thread at a time.

        An interrupt may leave it half grown; then everything is looked at anew.
        """
        with self._lock:
            try:
                yield self._view
            except EsbenchError:
                raise
            except BaseException:
                self._view = self._new_view()
                raise

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
        return self._commit(partial(decided, drafts))

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
        return self._commit(partial(decided, drafts))

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
        return self._commit(partial(decided_frame, rows, clock=self.now))

    def _commit(self, decide: Decide, commit_id: str | None = None) -> Commit:
        """Decide and write, again while others are faster."""
        with self._viewed() as view:
            commit_id = commit_id or checked_name("ids()", self._ids())
            if view.is_cold:
                view.catch_up()
            for lost in count():
                ready = self._decide(decide)
                if isinstance(ready, Commit):
                    return ready
                self._tidy()
                view.settle()
                try:
                    return self._write(ready, commit_id)
                except NameTaken:
                    self._catch_up_with_winner(commit_name(ready.commit.first), lost)
                except Unsettled as error:
                    raise CommitUnknown(
                        f"the disk failed while a commit was made ({error})",
                        partial(self._settle, commit_id, decide),
                    ) from error
            raise AssertionError("counting has no end")

    def _catch_up_with_winner(self, name: str, lost: int) -> None:
        """Take in the commit that was faster; it may take a moment to show."""
        if not self._view.catch_up():
            if lost >= LOOKS:
                raise Corrupt(
                    name, "the name is taken, but no commit can be read there"
                )
            time.sleep(PAUSE * lost)

    def _decide(self, decide: Decide) -> Ready | Commit:
        """Decide on all there is: a refusal counts only if nothing new has come."""
        while True:
            try:
                return decide(self._view, self.registry, self._recording_time())
            except (ConcurrencyError, MendTheCall):
                if not self._view.catch_up():
                    raise

    def _write(self, ready: Ready, commit_id: str) -> Commit:
        """Make the file, or raise ``NameTaken``; later failures leave it open."""
        name = commit_name(ready.commit.first)
        header = self._header(ready, commit_id)
        self._store.create(name, seal(ready.table, header))
        try:
            self._store.sync("events")
            self._view.look_at_segments()
            self._view.add_own(name, header, ready.table)
        except (EsbenchError, OSError) as error:
            raise Unsettled(str(error)) from error
        self._view.note_versions(ready.commit.versions)
        return ready.commit

    def _header(self, ready: Ready, commit_id: str) -> Header:
        from esbench.log.chain import link

        previous = self._view.head.chain
        imported = ready.imported or self._view.imported
        return Header(
            format=FORMAT,
            log_id=self.log_id,
            commit_id=commit_id,
            first=ready.commit.first,
            last=ready.commit.last,
            previous=previous,
            chain=link(previous, ready.table),
            occurred=ready.occurred,
            recorded=ready.recorded,
            clock="imported" if imported else "own",
            schema=ready.schema,
        )

    def _settle(self, commit_id: str, decide: Decide) -> Commit:
        """Return the commit if it is stored, else append again, under the same id."""
        with self._lock:
            self._view = self._new_view()
            self._look()
            for found in self._view.commits:
                if found.header.commit_id == commit_id:
                    return _result(self._view, found.header)
            return self._commit(decide, commit_id)

    def _recording_time(self) -> datetime:
        """Return the time to record: the clock's, but never before the log's last."""
        now = self.now()
        last = self._view.recorded
        if not self._view.commits or now >= from_micros(last):
            return now
        behind = from_micros(last) - now
        if behind > SLOW_CLOCK:
            warnings.warn(
                f"the clock is {behind} behind the log's last event; events are "
                "recorded at that event's time until it has caught up: set the clock",
                stacklevel=5,
            )
        return from_micros(last)

    def _tidy(self) -> None:
        """Once a process: remove what dead writers left in staging."""
        if not self._is_tidy and isinstance(self._store, Folder):
            self._store.tidy()
        self._is_tidy = True

    # --- reading -----------------------------------------------------------------

    @property
    def log(self) -> EventLog:
        """The log itself."""
        return self

    def now(self) -> datetime:
        """Return what the log's clock shows, in UTC."""
        return moment(self._clock())

    def _look(self) -> Look:
        with self._viewed() as view:
            return view.look()

    def headers(self) -> tuple[Header, ...]:
        """Return what every commit says of itself, in order."""
        with self._viewed() as view:
            view.look()
            return tuple(found.header for found in view.commits)

    def files(self) -> list[str]:
        """Return the paths of all files with events; the widest schema comes first.

        DuckDB, pandas and pyarrow take the columns from the first file that they are
        given, and would silently drop a column that came later.
        """
        with self._viewed() as view:
            view.look()
            names = [found.name for found in view.commits]
        return [self._store.url(name) for name in names[-1:] + names[:-1]]

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
        import polars as pl

        wanted = pl.col("position").is_between(after + 1, look.head.position)
        for piece in look.pieces:
            if piece.last > after:
                for frame in piece.ordered():
                    yield from decode(frame.filter(wanted), look.schema, self.registry)

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
        return verification(self._store, kept)

    def __repr__(self) -> str:
        """Name the log and count its events."""
        try:
            count = self.head().position
        except EsbenchError as error:
            return f"EventLog({self._label!r}, {type(error).__name__}: {error})"
        return f"EventLog({self._label!r}, {count} event{'s' * (count != 1)})"


def _result(view: View, header: Header) -> Commit:
    """Return what the append of a stored commit gave."""
    import polars as pl

    rows = view.between(header.first, header.last)
    versions = rows.group_by("aggregate_id").agg(pl.col("version").max())
    return Commit(
        first=header.first,
        last=header.last,
        versions=dict(versions.iter_rows()),
        recorded_at=from_micros(header.recorded[1]),
    )


def _vanish(folder: str, owner: int) -> None:
    """Remove a temporary log, unless this is a forked child and the log not its own."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
