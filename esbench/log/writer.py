"""Writing: how appends become files, one after another, several at a time.

What lives here: the queue of appends, and the making of a commit.
The guarantee: an append is all or nothing, and once it has returned it survives any
crash; two writers never get the same position; nothing is ever overwritten. Appends
that wait at the same time share a file and its syncs; each fails or succeeds alone.
What it may not know: projections, notebooks.

How a commit is made. The creation of its name is the lock:

    1  decide: is everything as the callers expect?            (draft.Group)
    2  names that others made are synced                       (view.settle)
    3  the file is written to staging/ and synced              (store.create)
    4  it gets its name, ``events/<first position>.parquet``; if that is taken,
       somebody was faster: catch up and go back to 1
    5  the folder is synced: from here on the commit is safe   (store.sync)
    6  ``segments/`` is listed: if a segment covers the position and took in another
       commit there, this writer slept while its place was taken, merged and cleared:
       the file is removed, and all begins again

An error between 4 and 6 leaves the outcome open: ``CommitUnknown``.
"""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from threading import Condition, RLock

from msgspec import Struct
from msgspec.structs import replace

from esbench.errors import (
    CommitUnknown,
    ConcurrencyError,
    Corrupt,
    EsbenchError,
    MendTheCall,
    StoreError,
)
from esbench.event import Registry
from esbench.fields import checked_name
from esbench.log.draft import Commit, Draft, Group, Ready
from esbench.log.file import FORMAT, SMALL, Header, commit_name, metadata, sealer_of
from esbench.log.store import GLANCE, Folder, NameTaken, Store, Unsettled
from esbench.log.view import LOOKS, PAUSE, Forgotten, View
from esbench.moments import from_micros, moment

SLOW_CLOCK = timedelta(hours=1)

Decide = Callable[[View, Registry, datetime], Ready | Commit]


class Outdated(EsbenchError):
    """Something new has come, so everything has to be decided again."""


class Request:
    """An append that waits for its turn, and what came of it.

    Args:
        drafts: what it would write; it may share a file with others.
        decide: decides on a file of its own instead.

    Attributes:
        tried: first position and id of each file whose fate is open, and what it
            would give.
        done: the result, or the error to raise; None while it waits.
    """

    def __init__(
        self, drafts: Sequence[Draft] = (), decide: Decide | None = None
    ) -> None:
        self.drafts, self.decide = drafts, decide
        self.tried: list[tuple[int, str, Commit]] = []
        self.done: Commit | BaseException | None = None

    def result(self) -> Commit:
        """Return what came of it, or raise that."""
        if isinstance(self.done, BaseException):
            raise self.done
        assert self.done is not None, "its turn has come"
        return self.done


class Plan(Struct, frozen=True):
    """A file to be made, whose result is whose, and who has to wait for the next."""

    ready: Ready | None
    results: list[tuple[Request, Commit]]
    later: list[Request]


class Writer:
    """One process's hand on a log: what it has seen, and what it adds.

    One thread at a time looks or writes; appends that come meanwhile are written
    together by whoever is next.

    Args:
        store: where the files are.
        log_id: the log.
        registry: the event types that the program declares.
        clock: gives the time of recording.
        ids: gives the ids of commits.
    """

    def __init__(
        self,
        store: Store,
        log_id: str,
        registry: Registry,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
    ) -> None:
        self._store, self._log_id, self._registry = store, log_id, registry
        self._clock, self._ids = clock, ids
        self._lock = RLock()
        self._queue: deque[Request] = deque()
        self._turn = Condition()
        self._is_led = False
        self._view = self._new_view()
        self._is_tidy = False

    def _new_view(self) -> View:
        return View(self._store, self._log_id, self._registry)

    @contextlib.contextmanager
    def viewed(self) -> Iterator[View]:
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

    @property
    def waiting(self) -> int:
        """The number of commits that are in no segment."""
        return self._view.waiting

    # --- the queue ---------------------------------------------------------------

    def append(self, request: Request) -> Commit:
        """Return what came of a request, once it is safe on disk or refused."""
        if self._must_lead(request):
            try:
                self._lead(request)
            finally:
                with self._turn:
                    self._is_led = False
                    self._turn.notify_all()
        return request.result()

    def _must_lead(self, request: Request) -> bool:
        """Queue a request; return once it is done, or there is nobody to do it."""
        with self._turn:
            self._queue.append(request)
            try:
                while self._is_led and request.done is None:
                    self._turn.wait()
            except BaseException:
                with contextlib.suppress(ValueError):  # it may be under way
                    self._queue.remove(request)
                raise
            if request.done is None:
                self._is_led = True
            return request.done is None

    def _lead(self, own: Request) -> None:
        """Write what waits, group by group, until one's own request is done."""
        with self.viewed() as view:
            while own.done is None:
                if view.is_cold:
                    view.catch_up()
                with self._turn_of_this_process(view):
                    waiting = self._served(self._next_group())
                self._queue.extendleft(reversed(waiting))

    @contextlib.contextmanager
    def _turn_of_this_process(self, view: View) -> Iterator[None]:
        """Wait while other processes write, and read what they wrote."""
        if not isinstance(self._store, Folder):
            yield
            return

        def read_on() -> None:
            if not (view.is_behind() and view.catch_up()):
                time.sleep(GLANCE / 3)

        with self._store.turn(read_on):
            if view.is_behind():
                view.catch_up()
            yield

    def _next_group(self) -> list[Request]:
        """Take what waits from the queue, as far as it fits into one small file."""
        group = [self._queue.popleft()]
        rows = len(group[0].drafts)
        while group[0].decide is None and self._queue:
            following = self._queue[0]
            rows += len(following.drafts)
            if following.decide is not None or rows > SMALL:
                break
            group.append(self._queue.popleft())
        return group

    def _served(self, group: list[Request]) -> list[Request]:
        """Write a group and return who has to wait; nobody does so for ever."""
        try:
            return self._written(group)
        except BaseException as error:
            for request in group:
                if request.done is None:
                    request.done = self._failed(request, error)
            if not isinstance(error, EsbenchError | OSError):
                raise
            return []

    def _failed(self, request: Request, error: BaseException) -> BaseException:
        """Return what a failed file means for one of its appends."""
        is_definite = isinstance(error, EsbenchError) and not isinstance(
            error, Unsettled
        )
        if is_definite:
            return error
        return CommitUnknown(
            f"the disk failed while a commit was made ({error})",
            partial(self._settled, request),
        )

    def _settled(self, request: Request) -> Commit:
        """Return the result if it is stored, else append again."""
        with self._lock:
            self._view = self._new_view()
            self._view.look()
            try:
                stored = self._stored(request)
            except Forgotten as error:
                raise CommitUnknown(
                    str(error), partial(self._settled, request)
                ) from None
            if stored is not None:
                return stored
        request.done = None
        return self.append(request)

    def _stored(self, request: Request) -> Commit | None:
        """Return the result of an earlier try, if its file has come to stand."""
        for first, commit_id, commit in request.tried:
            if self._view.has_commit(first, commit_id):
                return commit
        return None

    # --- one file ----------------------------------------------------------------

    def _written(self, group: list[Request]) -> list[Request]:
        """Decide and write, again while others are faster; return who has to wait."""
        commit_id = checked_name("ids()", self._ids())
        for lost in count():
            plan = self._planned([r for r in group if r.done is None])
            if plan.ready is None:
                return plan.later
            self._tidy()
            self._settle_others()
            for request, commit in plan.results:
                request.tried.append((plan.ready.first, commit_id, commit))
            try:
                self._make(plan.ready, commit_id)
            except NameTaken:
                for request, _ in plan.results:
                    request.tried.pop()
                self._catch_up_with_winner(commit_name(plan.ready.first), lost)
                self._recognise(group)
            else:
                for request, commit in plan.results:
                    request.done = commit
                return plan.later
        raise AssertionError("counting has no end")

    def _settle_others(self) -> None:
        """Make others' names safe before anything is built on them."""
        try:
            self._view.settle()
        except Unsettled as error:
            raise StoreError(str(error)) from error

    def _recognise(self, group: list[Request]) -> None:
        """Finish those whose earlier try was the one that was faster."""
        for request in group:
            if request.done is None:
                request.done = self._stored(request)

    def _planned(self, waiting: list[Request]) -> Plan:
        """Decide on all there is: a refusal counts only if nothing new has come."""
        while True:
            now = self._recording_time()
            try:
                if waiting and (decide := waiting[0].decide) is not None:
                    return self._alone(waiting[0], decide, now)
                return self._together(waiting, now)
            except Outdated:
                continue

    def _alone(self, request: Request, decide: Decide, now: datetime) -> Plan:
        """Plan a file for one request."""
        try:
            ready = decide(self._view, self._registry, now)
        except (ConcurrencyError, MendTheCall) as error:
            self._refuse(request, error)
            return Plan(None, [], [])
        if isinstance(ready, Commit):
            request.done = ready
            return Plan(None, [], [])
        commit = Commit(
            first=ready.first,
            last=ready.last,
            versions=ready.versions,
            recorded_at=from_micros(ready.recorded[1]),
        )
        return Plan(ready, [(request, commit)], [])

    def _together(self, waiting: list[Request], now: datetime) -> Plan:
        """Plan a file for several requests, each decided after those before it.

        One that would be refused because of an event that is not safe yet, or that
        may repeat one, waits for the next file.
        """
        group = Group(self._view, self._registry, now)
        plan = Plan(None, [], [])
        for request in waiting:
            depends = group.touches(request.drafts)
            if depends and any(draft.given_id for draft in request.drafts):
                plan.later.append(request)
                continue
            try:
                commit = group.add(request.drafts)
            except (ConcurrencyError, MendTheCall) as error:
                if depends:
                    plan.later.append(request)
                else:
                    self._refuse(request, error)
                continue
            if commit.first > self._view.head.position:
                plan.results.append((request, commit))
            else:
                request.done = commit
        return replace(plan, ready=group.ready()) if plan.results else plan

    def _refuse(self, request: Request, error: EsbenchError) -> None:
        """Refuse a request, unless there is something new to decide on."""
        if self._view.catch_up():
            raise Outdated
        request.done = error

    def _make(self, ready: Ready, commit_id: str) -> None:
        """Make the file, or raise ``NameTaken``; later failures leave it open."""
        with _chained(ready, self._view.head.chain) as chain:
            table = ready.content.table(ready.schema.columns())
            sealer = sealer_of(table)
        header = self._header(ready, commit_id, chain())
        data = sealer.sealed(metadata(header))
        self._store.create(header.name, data)
        try:
            self._store.sync("events")
            if self._view.taken_in(ready.first, commit_id) is False:
                self._store.delete(header.name)
                raise NameTaken(header.name)
            self._view.add_own(header, data, table, ready.versions)
        except NameTaken:
            raise
        except (EsbenchError, OSError) as error:
            raise Unsettled(str(error)) from error

    def _header(self, ready: Ready, commit_id: str, chain: str) -> Header:
        imported = ready.imported or self._view.imported
        return Header(
            format=FORMAT,
            log_id=self._log_id,
            commit_id=commit_id,
            first=ready.first,
            last=ready.last,
            previous=self._view.head.chain,
            chain=chain,
            occurred=ready.occurred,
            recorded=ready.recorded,
            clock="imported" if imported else "own",
            schema=ready.schema,
        )

    def _catch_up_with_winner(self, name: str, lost: int) -> None:
        """Take in the commit that was faster; it may take a moment to show."""
        if not self._view.catch_up():
            if lost >= LOOKS:
                raise Corrupt(
                    name, "the name is taken, but no commit can be read there"
                )
            time.sleep(PAUSE * lost)

    def _recording_time(self) -> datetime:
        """Return the time to record: the clock's, but never before the log's last."""
        now = moment(self._clock())
        if not self._view.live:
            return now
        last = from_micros(self._view.recorded)
        if last - now > SLOW_CLOCK:
            warnings.warn(
                f"the clock is {last - now} behind the log's last event; events are "
                "recorded at that event's time until it has caught up: set the clock",
                stacklevel=_levels_to_caller(),
            )
        return max(now, last)

    def _tidy(self) -> None:
        """Once a process: remove what dead writers left in staging."""
        if not self._is_tidy and isinstance(self._store, Folder):
            self._store.tidy()
        self._is_tidy = True


@contextlib.contextmanager
def _chained(ready: Ready, previous: str) -> Iterator[Callable[[], str]]:
    """Give what returns the chain of the rows; that of many is computed meanwhile."""
    if ready.last - ready.first < SMALL:
        yield partial(ready.content.chain, previous)
        return
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(ready.content.chain, previous).result


def _levels_to_caller() -> int:
    """Return how many calls lie between a warning here and the user's own line."""
    frame, levels = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("esbench."):
        frame, levels = frame.f_back, levels + 1
    return levels
