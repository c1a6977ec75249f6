"""A log's files in an object store: the verbs of ``store`` over obstore.

What lives here: ``ObjectStore``.
The guarantee: ``create`` makes a whole object under a name that was free, or tells
that it doesn't know. A store in which two writers could take one name is refused
before the first write. Readers get whole objects, never parts of two.
What it may not know: Parquet, positions, chains; where credentials come from.

An object appears at once and is safe from then on, so nothing is staged or synced.
A put whose answer was lost is put again: each file of a log holds a random id, so when
the name is taken by then and the bytes are equal, it is one's own.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from threading import RLock
from typing import TYPE_CHECKING

from esbench.errors import StoreError
from esbench.log.ahead import Ahead
from esbench.log.copies import Copy, written
from esbench.log.refusals import (
    conflicting,
    explained,
    is_final,
    is_unknown,
    may_have_arrived,
)
from esbench.log.store import NameTaken, Stamp, Unsettled

if TYPE_CHECKING:
    from datetime import datetime

    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore as Client

PAUSES = (0.0, 0.2, 0.8, 3.2)  # seconds before each try of a put
RACERS = 4
PROBES = 3


class ObjectStore:
    """A log's files as objects, in S3 or in anything else that obstore opens.

    Reading needs no right to write. Before its first write, each object of this class
    lets a few writers race for one name under ``staging/``: exactly one must win.

    Args:
        client: an obstore store, with the log's folder as its prefix.
        url: the address by which other programs know that folder.
        writer: gives what a put of so many bytes goes through, if not ``client``;
            it should not repeat requests by itself.
    """

    def __init__(
        self,
        client: Client,
        *,
        url: str,
        writer: Callable[[int], Client] | None = None,
    ) -> None:
        _home()
        self._client = client
        self._root = url.rstrip("/")
        self._writer = writer or (lambda _: client)
        self._lock = RLock()
        self._clock: Callable[[], float] | None = None
        self._seen: dict[str, str | None] = {}
        self._listed: dict[str, Stamp] = {}
        self._copies: dict[str, Copy] = {}
        self._ahead = Ahead(self._got)

    def list(self, folder: str) -> list[str]:
        """Return the names in ``folder``, sorted; none when it is absent."""
        import obstore

        with self._told("list", folder):
            found = obstore.list_with_delimiter(self._client, folder or None)
        inside = f"{folder}/" if folder else ""
        held = {o["path"]: o for o in found["objects"] if o["path"].startswith(inside)}
        self._note(inside, held)
        names = {*held, *found["common_prefixes"]}
        return sorted({name.removeprefix(inside) for name in names} - {""})

    def _note(self, inside: str, held: dict[str, ObjectMeta]) -> None:
        """Keep what a listing tells, so that nobody has to ask for it again soon."""
        with self._lock:
            old = self._listed.items()
            kept = {name: stamp for name, stamp in old if not name.startswith(inside)}
            new = {n: _stamp(o) for n, o in held.items() if n not in self._seen}
            self._listed = kept | new
        self._ahead.expect({name: held[name]["size"] for name in sorted(held)})

    def read(self, name: str) -> bytes:
        """Return the whole content, or raise ``FileNotFoundError``."""
        data, tag = self._ahead.take(name) or self._got(name)
        self._seen[name] = tag
        return data

    def _got(self, name: str) -> tuple[bytes, str | None]:
        import obstore

        with self._told("read", name):
            found = obstore.get(self._client, name)
            return bytes(found.bytes()), found.meta["e_tag"]

    def create(self, name: str, data: bytes | memoryview) -> None:
        """Make ``name`` with ``data`` if it is absent, whole or not at all.

        Raises:
            NameTaken: the name exists, with other content.
            StoreError: the store refused, or can't be reached; there is no such name.
            Unsettled: a request went out, and no answer came back.
        """
        self._prove()
        trouble, in_doubt = conflicting(self.url(name)), False
        for pause in PAUSES:
            time.sleep(pause)
            try:
                if self._put(name, data):
                    return
            except Unsettled:
                raise
            except StoreError as error:
                trouble = error
                in_doubt |= may_have_arrived(str(error.__cause__))
                if is_final(str(error.__cause__)):
                    break
        if in_doubt:
            raise Unsettled(str(trouble)) from trouble
        raise trouble

    def _put(self, name: str, data: bytes | memoryview) -> bool:
        """Put once; return whether the object is there, False if nobody's is."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with self._told("write", name, but=AlreadyExistsError):
                writer = self._writer(len(data))
                obstore.put(writer, name, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return self._is_own(name, data)
        return True

    def _is_own(self, name: str, data: bytes | memoryview) -> bool:
        """Return whether what took the name is this very data, put before."""
        try:
            if self._head(name)["size"] == len(data) and self.read(name) == data:
                return True
        except FileNotFoundError:  # the store saw a conflict, and has no winner
            return False
        except StoreError as error:
            raise Unsettled(str(error)) from error
        raise NameTaken(name)

    def delete(self, name: str) -> None:
        """Remove ``name``; an absent one is no error."""
        import obstore

        with contextlib.suppress(FileNotFoundError), self._told("delete", name):
            obstore.delete(self._client, name)
        self._forget(name)

    def sync(self, folder: str) -> None:
        """Do nothing: an object is safe once its put has come back."""

    def stamp(self, name: str) -> Stamp:
        """Return what changes when the object is replaced: tag, size, time in ns.

        What readers were given by ``path`` keeps its stamp as long as it is untouched.
        What was never read has the stamp that the last listing told, once.
        """
        with self._lock:
            copy = self._copies.get(name)
            listed = self._listed.pop(name, None)
        if copy is not None and copy.is_untouched():
            return copy.stamp
        return listed or _stamp(self._head(name))

    def age(self, name: str) -> float:
        """Return the seconds since ``name`` was made, by the store's own clock.

        For that clock a probe is written, as before a first write.
        """
        made = self._head(name)["last_modified"]
        return max(0.0, self._prove()() - made.timestamp())

    def path(self, name: str) -> str:
        """Return a local copy, fetched once, that stays until this process ends.

        Its bytes are those that ``read`` last gave for the name; if the object has
        been replaced since, ``FileNotFoundError`` is raised.
        """
        with self._lock:
            copy = self._copies.get(name)
        if copy is None or not copy.is_untouched():
            fetched = self._fetched(name)
            with self._lock:
                if self._copies.get(name) is copy:
                    self._copies[name] = fetched
                copy = self._copies.get(name, fetched)
        return str(copy.path)

    def url(self, name: str) -> str:
        """Return the address by which other programs open ``name``."""
        return f"{self._root}/{name}"

    def __repr__(self) -> str:
        """Name the address."""
        return f"ObjectStore({self._root!r})"

    # --- probing -----------------------------------------------------------------

    def _prove(self) -> Callable[[], float]:
        """Make sure, once, that one name has one winner; return the store's clock."""
        with self._lock:
            if self._clock is None:
                self._clock = self._probed()
            return self._clock

    def _probed(self) -> Callable[[], float]:
        for _ in range(PROBES):
            name = f"staging/probe-{secrets.token_hex(8)}"
            try:
                if winners := self._raced(name):
                    return self._judged(name, winners)
            finally:
                with contextlib.suppress(StoreError):
                    self.delete(name)
        raise self._unsafe("it lets nobody make a free name")

    def _raced(self, name: str) -> int:
        """Return how many of a few writers at once are told that they made ``name``."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(RACERS) as pool:
            return sum(pool.map(functools.partial(self._take, name), range(RACERS)))

    def _take(self, name: str, number: int) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with self._told("write", "staging", but=AlreadyExistsError):
                writer, data = self._writer(1), b"%d" % number
                obstore.put(writer, name, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return False
        except StoreError as error:
            if is_unknown(error.__cause__):
                raise self._unsafe("it does not know the condition") from error
            raise
        return True

    def _unsafe(self, seen: str) -> StoreError:
        return StoreError(
            f"{self._root} does not honour 'If-None-Match: *' ({seen}), so two writers "
            "could overwrite each other's events: keep the log in a store that does, "
            "such as AWS S3, Cloudflare R2 or MinIO, or in a folder; no event was "
            "written"
        )

    def _judged(self, name: str, winners: int) -> Callable[[], float]:
        """Return the store's clock, or refuse a store that lets two make one name."""
        if self._take(name, RACERS):
            raise self._unsafe("a taken name was made again")
        if winners > 1:
            raise self._unsafe(f"{winners} of {RACERS} writers at once made one name")
        began = time.monotonic()
        shown = self._head(name)["last_modified"].timestamp()
        return lambda: shown + time.monotonic() - began

    # --- what is there -----------------------------------------------------------

    def _head(self, name: str) -> ObjectMeta:
        import obstore

        with self._told("look at", name):
            return obstore.head(self._client, name)

    def _fetched(self, name: str) -> Copy:
        """Return a new local copy of the object that ``read`` saw, or of any."""
        import obstore
        from obstore.exceptions import PreconditionError

        tag = self._seen.get(name)
        options: GetOptions = {"if_match": tag} if tag else {}
        try:
            with self._told("read", name, but=PreconditionError):
                found = obstore.get(self._client, name, options=options)
                path = written(name, found.stream())
        except PreconditionError:
            self._seen.pop(name, None)
            raise _absent(self.url(name)) from None
        if path.stat().st_size != found.meta["size"]:
            raise StoreError(f"{self.url(name)} arrived in part: try again")
        return Copy(path, _stamp(found.meta))

    def _forget(self, name: str) -> None:
        with self._lock:
            self._seen.pop(name, None)
            copy = self._copies.pop(name, None)
        if copy is not None:
            with contextlib.suppress(OSError):
                copy.path.unlink()

    @contextlib.contextmanager
    def _told(
        self,
        verb: str,
        name: str,
        *,
        but: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> Iterator[None]:
        """Turn what obstore raises into this project's errors, ``but`` some."""
        from obstore.exceptions import BaseError

        _stay_home()
        url = self.url(name)
        try:
            yield
        except but:
            raise
        except FileNotFoundError as error:
            if verb == "write" or "NoSuchBucket" in str(error):
                raise explained(verb, url, error) from error
            raise _absent(url) from None
        except (BaseError, ValueError) as error:
            raise explained(verb, url, error) from error


def _absent(url: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), url)


def _stamp(found: ObjectMeta) -> Stamp:
    tag = hashlib.sha256(str(found["e_tag"]).encode()).digest()
    made: datetime = found["last_modified"]
    return int.from_bytes(tag[:8]), found["size"], int(made.timestamp() * 1e9)


# --- one process -----------------------------------------------------------------


@functools.cache
def _home() -> int:
    """Return the process that obstore's threads live in: the first that asked."""
    return os.getpid()


def _stay_home() -> None:
    """Refuse to wait for ever in a forked child, where those threads are missing."""
    if _home() != os.getpid():
        raise StoreError(
            "a forked process can't use the object store that its parent has used: "
            "start processes with multiprocessing.get_context('spawn')"
        )
