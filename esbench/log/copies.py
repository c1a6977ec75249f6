"""Local copies of objects, for readers that want files.

What lives here: ``Copy`` and the shelf that a process keeps its copies on.
The guarantee: a copy stays as it is until its process ends, and then it goes.
What it may not know: where objects come from.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from esbench.log.store import Stamp, refused


class Copy:
    """A local file, with the stamp of the object that it was copied from."""

    def __init__(self, path: Path, stamp: Stamp) -> None:
        self.path, self.stamp = path, stamp
        self._found = self._look()

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def is_untouched(self) -> bool:
        """Tell whether the file is as it was when it was copied."""
        return self._found is not None and self._look() == self._found


@functools.cache
def _shelf() -> Path:
    """Return the folder of this process's copies, which goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="esbench-copies-"))
    atexit.register(_clear, folder, os.getpid())
    return folder


def _clear(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


_numbers = itertools.count()


def written(name: str, parts: Iterator[bytes]) -> Path:
    """Write a new file on the shelf and return its path."""
    path = _shelf() / f"{next(_numbers)}-{name.rpartition('/')[2]}"
    try:
        path.parent.mkdir(exist_ok=True)  # if somebody has tidied up
        with path.open("xb") as file:
            for part in parts:
                file.write(part)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise refused("copy to", str(path.parent), error) from error
    return path
