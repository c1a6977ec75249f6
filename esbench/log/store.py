"""Where a log's files live: five verbs, and nothing that knows what an event is.

What lives here: the ``Store`` protocol and ``Folder``, its implementation on a disk.
The guarantee: ``create`` makes a whole, synced file under a name that was free, or
leaves no trace; once ``sync`` has returned, every name made before survives a crash.
What it may not know: Parquet, positions, chains.

A file is written to ``staging/``, synced, and then given its real name by a hard
link, which the system refuses when the name exists. Nothing is ever overwritten.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from esbench.errors import Corrupt, EsbenchError, StoreError

Stamp = tuple[int, int, int]

HOUR = 3600.0
DAY = 24 * HOUR
PATIENCE = 0.5  # seconds that a writer waits for others
GLANCE = 0.0003  # seconds between two looks whether they are done
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_DEFINITE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOTDIR}
_CANT_SYNC_FOLDERS = {errno.EINVAL, errno.EROFS, errno.EBADF, errno.EACCES}


class NameTaken(EsbenchError):
    """The name exists already; nothing was changed."""


class Unsettled(StoreError):
    """The disk failed while a name was being made: it may exist, or it may not."""


class Store(Protocol):
    """The five verbs that a log needs, and what its scans open.

    Names are relative and use ``/``; the first part is the folder.
    """

    def list(self, folder: str) -> list[str]:
        """Return the file names in ``folder``, sorted; none when it is absent."""

    def read(self, name: str) -> bytes:
        """Return the whole content, or raise ``FileNotFoundError``."""

    def create(self, name: str, data: bytes | memoryview) -> None:
        """Make ``name`` with ``data`` if it is absent, whole or not at all.

        Raises:
            NameTaken: the name exists; it is untouched.
            StoreError: the disk refused; there is no such name.
            Unsettled: the disk failed while the name was made.
        """

    def delete(self, name: str) -> None:
        """Remove ``name``; an absent one is no error."""

    def sync(self, folder: str) -> None:
        """Make all names in ``folder`` survive a crash, or raise ``Unsettled``."""

    def stamp(self, name: str) -> Stamp:
        """Return what changes when the file is replaced: inode, size, mtime in ns."""

    def age(self, name: str) -> float:
        """Return the seconds since ``name`` was made, by the store's own clock.

        It is never more than that, and at least 0. An absent name raises
        ``FileNotFoundError``.
        """

    def path(self, name: str) -> str:
        """Return a local file with the whole content, for Parquet readers.

        It stays while the name does, and at least until whoever opened it is done.
        An absent name may raise ``FileNotFoundError``, here or when it is opened.
        """

    def url(self, name: str) -> str:
        """Return the path or address by which other programs open ``name``."""


class Folder:
    """A store on a local disk, with hard links and its own syncing.

    Args:
        path: the folder; it need not exist until something is created.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._root = os.fspath(path)
        self._rooted: set[str] = set()

    def list(self, folder: str) -> list[str]:
        """Return the file names in ``folder``, sorted; none when it is absent."""
        try:
            return sorted(os.listdir(self._at(folder)))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise refused("read", folder, error) from error

    def read(self, name: str) -> bytes:
        """Return the whole content, or raise ``FileNotFoundError``."""
        try:
            with opened_file(self._at(name)) as file:
                return file.read()
        except FileNotFoundError:
            raise
        except ValueError as error:
            raise Corrupt(name, str(error)) from None
        except OSError as error:
            raise refused("read", name, error) from error

    def create(self, name: str, data: bytes | memoryview) -> None:
        """Make ``name`` with ``data`` if it is absent, whole or not at all."""
        staged = self._stage(data)
        try:
            self._link(staged, self._at(name))
        finally:
            with contextlib.suppress(OSError):
                os.unlink(staged)

    def delete(self, name: str) -> None:
        """Remove ``name``; an absent one is no error."""
        try:
            os.unlink(self._at(name))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise refused("delete", name, error) from error

    def sync(self, folder: str) -> None:
        """Make all names in ``folder`` survive a crash, or raise ``Unsettled``."""
        if os.name == "nt":  # Windows journals names itself and opens no folders
            return
        try:
            sync_folder(self._at(folder))
            self._sync_above(folder)
        except OSError as error:
            raise Unsettled(
                f"can't sync {self._at(folder)}: {error.strerror}; check the disk"
            ) from error

    def _sync_above(self, folder: str) -> None:
        """Make the names of the folder itself and of the log's own survive, once.

        Whoever made them may have died before doing so.
        """
        if folder not in self._rooted:
            above = Path(os.path.abspath(self._at(folder))).parents
            for path in above[: len(Path(folder).parts) + 1]:
                with contextlib.suppress(PermissionError):  # nor has it names of ours
                    sync_folder(path)
            self._rooted.add(folder)

    def stamp(self, name: str) -> Stamp:
        """Return what changes when the file is replaced: inode, size, mtime in ns."""
        found = self._found(name)
        return found.st_ino, found.st_size, found.st_mtime_ns

    def age(self, name: str) -> float:
        """Return the seconds since ``name`` was made, by the disk's own clock."""
        made = self._found(name).st_mtime
        return max(0.0, self._now() - made)

    def _found(self, name: str) -> os.stat_result:
        try:
            return os.stat(self._at(name))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise refused("read", name, error) from error

    def _now(self) -> float:
        """Return what the disk's clock shows: the time that it gives to a new file."""
        new = Path(self._own_name())
        try:
            make_folder(new.parent)
            new.touch(exist_ok=False)
            return new.stat().st_mtime
        except OSError:  # where nothing can be written, this process's clock must do
            return time.time()
        finally:
            with contextlib.suppress(OSError):
                new.unlink()

    def path(self, name: str) -> str:
        """Return the file itself."""
        return self._at(name)

    def url(self, name: str) -> str:
        """Return the path by which other programs open ``name``."""
        return self._at(name)

    @contextlib.contextmanager
    def turn(self, meanwhile: Callable[[], object]) -> Iterator[None]:
        """Let writers go one after another: a courtesy, on which nothing rests.

        Two locks make it fair. Who holds the folder is next, and who holds
        ``events/`` writes; so nobody who has just written can be next at once. After
        half a second everybody goes on all the same, so a process that was stopped
        can't stop others; where there are no locks, nobody waits.

        Args:
            meanwhile: is called again and again while somebody else writes.
        """
        end = time.monotonic() + PATIENCE
        with _opened(self._at("")) as place, _opened(self._at("events")) as pen:
            with _locked(place, end, partial(time.sleep, GLANCE)):
                writing = contextlib.ExitStack()
                writing.enter_context(_locked(pen, end, meanwhile))
            with writing:
                yield

    def tidy(self, now: float | None = None) -> tuple[str, ...]:
        """Remove staging files that dead writers left, and return their names.

        A writer's file is kept while its process lives, for an hour at least, and
        for a day where the process can't be looked up. Should one be removed too
        early all the same, its writer's append fails cleanly. What can't be removed,
        because somebody else owns it, stays.
        """
        gone = []
        for name in self.list("staging"):
            with contextlib.suppress(StoreError):
                if self._is_abandoned(name, time.time() if now is None else now):
                    self.delete(f"staging/{name}")
                    gone.append(name)
        return tuple(gone)

    def _is_abandoned(self, name: str, now: float) -> bool:
        try:
            age = now - os.stat(self._at(f"staging/{name}")).st_mtime
        except OSError:
            return False
        host, _, rest = name.partition(".")
        process = rest.partition(".")[0]
        if host != _host() or os.name == "nt" or not _NUMBER.fullmatch(process):
            return age > DAY
        return age > HOUR and not _is_alive(int(process))

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _own_name(self) -> str:
        own = f"{_host()}.{os.getpid()}.{secrets.token_hex(8)}"
        return self._at(f"staging/{own}")

    def _stage(self, data: bytes | memoryview) -> str:
        """Write ``data`` under a name of its own and sync it, or leave no trace."""
        staged = self._own_name()
        try:
            try:
                _write_synced(staged, data)
            except FileNotFoundError:
                make_folder(Path(staged).parent)
                _write_synced(staged, data)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(staged)
            raise refused("write", self._root, error) from error
        return staged

    def _link(self, staged: str, target: str) -> None:
        """Give the staged file its name, which must be free."""
        try:
            try:
                _link_or_rename(staged, target)
            except FileNotFoundError:
                make_folder(Path(target).parent)
                _link_or_rename(staged, target)
        except FileExistsError:
            raise NameTaken(target) from None
        except OSError as error:
            folder = str(Path(target).parent)
            if error.errno == errno.EXDEV:
                raise StoreError(
                    f"{folder} is on another disk than the rest of the log, and no "
                    "hard link leads there: keep the whole log on one local disk"
                ) from error
            if error.errno in _NO_LINKS:
                raise StoreError(
                    f"{folder} is on a file system without hard links, so two "
                    "writers could overwrite each other: keep the log on a local disk"
                ) from error
            if error.errno in _DEFINITE or isinstance(error, FileNotFoundError):
                raise refused("write", folder, error) from error
            raise Unsettled(f"{target}: {error.strerror}") from error


@contextlib.contextmanager
def opened_file(path: str) -> Iterator[io.FileIO]:
    """Give a file to be read, which must be one such as a log makes.

    A pipe, which would make its reader wait, a device that has no end, and a file
    that claims to be large and is a hole are none.

    Raises:
        ValueError: something else stands there.
        OSError: it can't be opened.
    """
    try:
        file = open(path, "rb", buffering=0, opener=_at_once)  # noqa: SIM115
    except IsADirectoryError:
        raise ValueError("a folder stands where the file should be") from None
    with file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("something else than a file stands there")
        blocks = getattr(found, "st_blocks", found.st_size)  # of 512 bytes
        if found.st_size > _SPARSE and 8 * 512 * blocks < found.st_size:
            raise ValueError(f"most of its {found.st_size:,} bytes are a hole")
        yield file


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int | None]:
    """Give a folder's descriptor, or None where it can't be had."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(
    descriptor: int | None, end: float, meanwhile: Callable[[], object]
) -> Iterator[None]:
    """Hold a lock on a folder, if it can be had before ``end``."""
    try:
        import fcntl
    except ImportError:  # Windows
        descriptor = None
    while descriptor is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > end:
                descriptor = None
            else:
                meanwhile()
        except OSError:  # a file system without locks
            descriptor = None
    try:
        yield
    finally:
        if descriptor is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAIT)


def _write_synced(path: str, data: bytes | memoryview) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o644)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        _full_sync(descriptor)
    finally:
        os.close(descriptor)


_NUMBER = re.compile(r"[0-9]+")
_BINARY = getattr(os, "O_BINARY", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_SPARSE = 64 * 2**20  # bytes; smaller holes do no harm


def _full_sync(descriptor: int) -> None:
    """Sync down to the platter; on macOS plain fsync stops at the drive's cache."""
    try:
        import fcntl

        full = fcntl.F_FULLFSYNC  # type: ignore[attr-defined,unused-ignore]
    except (ImportError, AttributeError):
        os.fsync(descriptor)
        return
    try:
        fcntl.fcntl(descriptor, full)
    except OSError:  # a file system that knows only fsync
        os.fsync(descriptor)


def sync_folder(path: str | Path) -> None:
    """Make the names in ``path`` survive a crash; a read-only disk has none to lose."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _full_sync(descriptor)
    except OSError as error:
        if error.errno not in _CANT_SYNC_FOLDERS:
            raise
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, and let their names survive a crash."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        if os.name != "nt":
            sync_folder(path.parent)


def _link_or_rename(staged: str, target: str) -> None:
    try:
        os.link(staged, target)
    except OSError as error:
        if os.name != "nt" or isinstance(error, FileExistsError):
            raise
        os.rename(staged, target)  # on Windows a rename refuses a taken name


def _host() -> str:
    return socket.gethostname().replace(".", "-") or "host"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):  # no process has so large a number
        return False
    except OSError:  # it lives, and belongs to somebody else
        return True
    return True


def refused(verb: str, name: str, error: OSError) -> StoreError:
    """Return the error that tells what the disk refused, and what would help."""
    hint = {
        errno.ENOSPC: "make room on the disk, then try again",
        errno.EDQUOT: "the quota is used up: make room, then try again",
        errno.EROFS: "the disk is read-only: reading works, writing does not",
        errno.EACCES: "no permission: ask the folder's owner, or copy the log",
        errno.EPERM: "no permission: ask the folder's owner, or copy the log",
        errno.EFBIG: "the file would pass the size limit of this process",
        errno.ENOTDIR: "a file stands where the folder should be: name another",
    }.get(error.errno or 0, "check the disk, then try again")
    what = f"can't {verb} {name or 'the folder'}: {error.strerror}"
    return StoreError(f"{what}; nothing changed; {hint}")
