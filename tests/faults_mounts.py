"""Small disks in memory, to be filled, shut and put in the way.

What lives here: mounting. The guarantee: what was mounted is gone afterwards; where
this process may not mount, the test is skipped. What it may not know: logs.
"""

import contextlib
import subprocess

import pytest

PAGE = 4_096


@contextlib.contextmanager
def mounted(folder, *options):
    """Mount a small disk in memory, if this process may."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("nobody may mount here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def shut(folder):
    """Let a mounted disk be read, and not written any more."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


@contextlib.contextmanager
def full(folder, pages=0):
    """Fill a mounted disk for a while, but for some pages of it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * PAGE)
    with ballast.open("r+b") as file:
        file.truncate(max(0, ballast.stat().st_size - pages * PAGE))
    try:
        yield
    finally:
        ballast.unlink()
