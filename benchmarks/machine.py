"""What the benchmarks ran on: machine, system, libraries, disk.

What lives here: looking these up.
The guarantee: what can't be found out is left out or called unknown; nothing here
fails, and nothing names a host or a user.
What it may not know: rows, results.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import esbench as es

LIBRARIES = (
    "polars pyarrow pandas narwhals numpy msgspec duckdb eventsourcing deltalake"
).split()
GB = 1e9


def described(data: Path) -> dict[str, str]:
    """Return what a reader needs to know, by name.

    Args:
        data: the folder that was written to.
    """
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": _memory(),
        "disk": _disk(data),
        "system": f"{_system()}, {platform.machine()}",
        "Python": f"{platform.python_version()} with SQLite {sqlite3.sqlite_version}",
        "esbench": es.__version__,
        "libraries": ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
    }


def free_bytes(folder: Path) -> int:
    """Return how much may still be written below ``folder``."""
    return shutil.disk_usage(folder).free


def peak_memory() -> int:
    """Return the most memory, in bytes, that this process has held at once."""
    for line in _lines("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory() -> str:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal:"):
            return f"{int(line.split()[1]) / 2**20:.1f} GiB"
    return "unknown"


def _system() -> str:
    for line in _lines("/etc/os-release"):
        if line.startswith("PRETTY_NAME="):
            name = line.partition("=")[2].strip('"')
            return f"{name}, {platform.system()} {platform.release()}"
    return f"{platform.system()} {platform.release()}"


def _disk(folder: Path) -> str:
    """Name the file system that ``folder`` lies on, and the room left on it."""
    return f"{file_system(folder)}, {free_bytes(folder) / GB:.0f} GB free"


def file_system(folder: Path) -> str:
    """Return the kind of file system, such as ``ext4``; tmpfs syncs to nothing."""
    path, best, kind = folder.resolve(), -1, "unknown"
    for line in _lines("/proc/mounts"):
        where, name = Path(line.split()[1]), line.split()[2]
        if path.is_relative_to(where) and len(where.parts) >= best:
            best, kind = len(where.parts), name
    return kind


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
