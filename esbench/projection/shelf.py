"""The snapshots of one log, as one process knows them.

What lives here: listing them, keeping what was read, putting one there, pruning.
The guarantee: what is on the shelf never makes an answer fail. A folder that can't be
listed is an empty one; a file that is there but damaged is only named by who asks.
What it may not know: projections, which snapshot fits a question.

A file is known by its stamp (inode, size, time): unchanged, it is neither opened nor
verified twice. The rows of a few are held; the shelf itself goes with its log.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from threading import RLock
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from esbench.errors import StoreError
from esbench.log.store import NameTaken, Store
from esbench.projection.kept import (
    FOLDER,
    Header,
    Kept,
    folder_of,
    name_of,
    position_in,
)

if TYPE_CHECKING:
    from esbench.log.log import EventLog

HELD = 4  # snapshots whose rows are held
KEEP = 3  # automatic ones of a declaration, and of all others of its name
TRIES = 4

_shelves: WeakKeyDictionary[EventLog, Shelf] = WeakKeyDictionary()
_lock = RLock()


def shelf_of(log: EventLog) -> Shelf:
    """Return the shelf of a log; each log has one."""
    with _lock:
        shelf = _shelves.get(log)
        if shelf is None:
            shelf = _shelves[log] = Shelf(log.store)
        return shelf


class Shelf:
    """The snapshots in a store.

    Attributes:
        given_up: for projections whose snapshot could not be left behind, where.
    """

    def __init__(self, store: Store) -> None:
        self.given_up: dict[str, int] = {}
        self._store = store
        self._lock = RLock()
        self._known: dict[str, Kept] = {}
        self._used: OrderedDict[str, Kept] = OrderedDict()

    def newest_first(self, projection: str, reach: int) -> Iterator[Kept]:
        """Yield the snapshots of a projection that do not lie behind ``reach``."""
        folder = folder_of(projection)
        names = self._names(folder)
        self._drop_all_but(folder, names)
        for name in reversed(names):
            position = position_in(name)
            if position is not None and position <= reach:
                kept = self._at(name)
                if kept is not None:
                    yield kept

    def all(self) -> Iterator[Kept]:
        """Yield every snapshot, by projection and position."""
        for folder in self._listed(FOLDER):
            for name in self._names(f"{FOLDER}/{folder}"):
                kept = self._at(name)
                if kept is not None:
                    yield kept

    def use(self, kept: Kept) -> Kept:
        """Note that a snapshot's rows are wanted, and let go of the oldest others."""
        with self._lock:
            self._used.pop(kept.name, None)
            self._used[kept.name] = kept
            while len(self._used) > HELD:
                _, oldest = self._used.popitem(last=False)
                oldest.forget()
        return kept

    def put(self, header: Header, data: memoryview) -> int:
        """Put a snapshot there, in the place of one that does not say the same.

        One that was asked for stands for an automatic one that says the same.

        Returns:
            The size of its file, in bytes.

        Raises:
            StoreError: the disk refused.
        """
        name = name_of(header.projection, header.position)
        for _ in range(TRIES):
            with contextlib.suppress(NameTaken):
                self._store.create(name, data)
                return len(data)
            there = self._at(name)
            if there is not None:
                if there.is_sound() and _says(there, header):
                    return there.stamp[1]
                self._store.delete(name)
        raise StoreError(f"{name} is taken again and again: somebody else writes there")

    def holds_other(self, header: Header) -> bool:
        """Tell whether the place is taken by one of another declaration, asked for."""
        there = self._at(name_of(header.projection, header.position))
        if there is None or there.header is None or there.header.automatic:
            return False
        return there.header.fingerprint != header.fingerprint and there.is_sound()

    def prune(self, header: Header) -> None:
        """Remove the oldest automatic snapshots; those that were asked for stay."""
        mine: list[Kept] = []
        others: list[Kept] = []
        for kept in self.newest_first(header.projection, 2**63):
            if kept.header is not None and kept.header.automatic:
                is_mine = kept.header.fingerprint == header.fingerprint
                (mine if is_mine else others).append(kept)
        for kept in mine[KEEP:] + others[KEEP:]:
            with contextlib.suppress(StoreError):
                self._store.delete(kept.name)

    # files

    def _names(self, folder: str) -> list[str]:
        listed = self._listed(folder)
        return [f"{folder}/{name}" for name in listed if position_in(name) is not None]

    def _listed(self, folder: str) -> list[str]:
        try:
            return self._store.list(folder)
        except StoreError:
            return []

    def _at(self, name: str) -> Kept | None:
        """Return the snapshot of this name, looked into if it is new; None if gone."""
        try:
            stamp = self._store.stamp(name)
        except (OSError, StoreError):
            return None
        with self._lock:
            kept = self._known.get(name)
            if kept is None or kept.stamp != stamp:
                kept = self._known[name] = Kept(self._store, name, stamp)
            return kept

    def _drop_all_but(self, folder: str, names: list[str]) -> None:
        """Forget the files of a folder that have vanished."""
        there = set(names)
        with self._lock:
            for name in [n for n in self._known if n.startswith(f"{folder}/")]:
                if name not in there:
                    del self._known[name]
                    self._used.pop(name, None)


def _says(there: Kept, header: Header) -> bool:
    """Tell whether a file says what ``header`` does, or was asked for and does."""
    known = there.header
    if known is None:
        return False
    return known == header or (not known.automatic and _automatic(known) == header)


def _automatic(header: Header) -> Header:
    from msgspec.structs import replace

    return replace(header, automatic=True)
