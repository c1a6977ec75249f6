"""Running a returned notebook again where it can do no harm: bubblewrap, on Linux.

What lives here: what a sandbox holds and lacks, its limits, and the watch over it.
The guarantee: the code has no network, sees of this machine's files only what Python
and esbench are made of, writes into one folder that lives in memory and vanishes, and
is ended with all that it started when it takes more time, memory or processes than it
may. Where that can't be had, nothing is run, and the reason is said.
What it may not know: what the cells are about, and how answers are judged.

What a sandbox can't do: the check runs in the same Python as the learner's code. It
shows what the code gives; code written to deceive the check may still do so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from esbench.cli.run import Failed

PROGRAM = "bwrap"
ROOT = Path(__file__).resolve().parents[2]
HOME = "/class/lessons"  # the one folder that may be written
WATCH = 0.05  # seconds between two looks
PATIENCE = 10  # seconds until what was killed has to be gone
MEGABYTE = 2**20
SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
NEEDED = ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives", "/etc/fonts")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a notebook may take.

    Attributes:
        seconds: from its start to its end.
        memory: bytes of all its processes together.
        processes: how many, threads counted.
        disk: bytes that it may write.
    """

    seconds: float = 120
    memory: int = 2_000 * MEGABYTE
    processes: int = 100
    disk: int = 256 * MEGABYTE

    def of_one(self) -> dict[str, int]:
        """Return the limits that the system itself keeps, by their names there."""
        return {
            "RLIMIT_AS": 2 * self.memory,  # address space, most of it never used
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_FSIZE": self.disk,
            "RLIMIT_CPU": int(self.seconds) + 1,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_CORE": 0,
        }


@dataclass(kw_only=True)
class Ran:
    """What came of a notebook.

    Attributes:
        outputs: by the cell's place, what it gave.
        stopped: why it was ended early; "" if it ran to its end.
    """

    outputs: dict[int, Any] = field(default_factory=dict)
    stopped: str = ""


def refusal() -> str:
    """Return why nothing can be run here; "" if it can."""
    if not sys.platform.startswith("linux"):
        return (
            "--run needs bubblewrap, which is for Linux: elsewhere nothing would keep "
            "a stranger's code from your files. Without --run, saved answers are read"
        )
    if shutil.which(PROGRAM) is None:
        return (
            "--run needs bubblewrap, which keeps a stranger's code from your files: "
            "install it, on Debian and Ubuntu by 'apt install bubblewrap'"
        )
    done = subprocess.run(
        [*_walls(Limits()), "true"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    said = done.stderr.strip().splitlines()[-1:] or ["it says nothing"]
    return (
        f"bubblewrap can't make a sandbox here ({said[0]}): this system or container "
        "forbids new namespaces. Without --run, saved answers are read"
    )


def rerun(sources: list[str], limits: Limits | None = None) -> Ran:
    """Run cells in a sandbox of their own, and return what they gave.

    Raises:
        Failed: no sandbox can be had here; nothing was run.
    """
    if why := refusal():
        raise Failed(why)
    limits = limits or Limits()
    order = {"limits": limits.of_one(), "cells": sources}
    with tempfile.TemporaryFile() as asked:
        asked.write(json.dumps(order).encode() + b"\n")
        asked.seek(0)
        process = subprocess.Popen(
            [*_walls(limits), sys.executable, "-m", "esbench.cli.rerun"],
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        )
        return _followed(process, limits, len(sources))


def _walls(limits: Limits) -> list[str]:
    """Return the command that makes the sandbox, up to the program inside."""
    return [
        str(shutil.which(PROGRAM)),
        *_spaces(),
        *("--die-with-parent", "--new-session"),
        *_files(),
        *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"),
        *("--perms", "0777", "--size", str(limits.disk), "--tmpfs", HOME),
        *("--remount-ro", "/", "--chdir", HOME, "--clearenv"),
        *_environment(),
        "--",
    ]


def _spaces() -> list[str]:
    """Return what is not shared with this machine: everything.

    As root, no user namespace is made: rerun.py leaves root itself, for nobody, since
    the system limits the processes of nobody and not those of root.
    """
    if os.geteuid() != 0:
        return ["--unshare-all", "--cap-drop", "ALL"]
    apart = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    kept = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*apart, "--unshare-cgroup-try", "--cap-drop", "ALL", *kept]


def _files() -> Iterator[str]:
    """Yield what may be read: the system's programs, Python, esbench and samples."""
    for place in SYSTEM:
        path = Path(place)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), place)
        elif path.is_dir():
            yield from ("--ro-bind", place, place)
    yield from ("--perms", "0755", "--dir", "/etc")
    for place in NEEDED:
        yield from ("--ro-bind-try", place, place)
    yield from ("--perms", "0755", "--dir", "/class")
    program = Path(sys.executable).resolve().parents[1]
    own = [Path(sys.base_prefix), Path(sys.prefix), program, ROOT / "esbench"]
    for path in dict.fromkeys(one for one in own if not one.is_relative_to("/usr")):
        yield from _reached(path)
    yield from ("--ro-bind-try", str(ROOT / "data"), "/class/data")


def _reached(path: Path) -> Iterator[str]:
    """Yield a folder, and the way to it, empty but for that."""
    for above in reversed(path.parents[:-1]):
        yield from ("--perms", "0755", "--dir", str(above))
    yield from ("--ro-bind", str(path), str(path))


def _environment() -> Iterator[str]:
    threads = ("OMP_NUM", "OPENBLAS_NUM", "RAYON_NUM", "POLARS_MAX")
    values = {
        "HOME": HOME,
        "TMPDIR": HOME,
        "IPYTHONDIR": f"{HOME}/.ipython",
        "MPLCONFIGDIR": f"{HOME}/.matplotlib",
        "MPLBACKEND": "Agg",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        **{f"{name}_THREADS": "2" for name in threads},
    }
    for name, value in values.items():
        yield from ("--setenv", name, value)


# --- the watch -------------------------------------------------------------------


def _followed(process: subprocess.Popen[bytes], limits: Limits, cells: int) -> Ran:
    """Collect what a sandbox says until it ends or has to be ended."""
    ran = Ran()
    room = limits.disk // 8  # bytes of answers that are taken at most
    reader = threading.Thread(target=_listen, args=(process, ran, room))
    reader.start()
    begun = time.monotonic()
    try:
        while process.poll() is None and not ran.stopped:
            ran.stopped = _excess(process.pid, limits, time.monotonic() - begun)
            time.sleep(WATCH)
    finally:
        _end(process)
        reader.join()
    if not ran.stopped and len(ran.outputs) < cells:
        ran.stopped = "it ended itself before its last cell"
    return ran


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a sandbox, and come back when nothing that it held is left."""
    inside = list(_descendants(process.pid))
    process.kill()  # the system ends its process namespace with it
    process.wait()
    patience = time.monotonic() + PATIENCE
    while any(map(_resident, inside)) and time.monotonic() < patience:
        time.sleep(WATCH)


def _listen(process: subprocess.Popen[bytes], ran: Ran, room: int) -> None:
    """Take lines in; what is none of rerun's is passed over."""
    assert process.stdout is not None
    with process.stdout as lines:
        while room > 0 and (line := lines.readline(room)):
            room -= len(line)
            try:
                said = json.loads(line)
                ran.outputs[int(said["cell"])] = said["output"]
            except (ValueError, LookupError, TypeError, RecursionError):
                continue
    if room <= 0:
        ran.stopped = ran.stopped or "it says too much"


def _excess(pid: int, limits: Limits, seconds: float) -> str:
    """Return what of its limits a sandbox exceeds; "" if nothing."""
    if seconds > limits.seconds:
        return f"it took longer than {limits.seconds:g} s"
    inside = list(_descendants(pid))
    if len(inside) > limits.processes:
        return f"it started more than {limits.processes} processes"
    if sum(map(_resident, inside)) > limits.memory:
        return f"it took more than {limits.memory // MEGABYTE:,} MB of memory"
    return ""


def _descendants(pid: int) -> Iterator[int]:
    """Yield the processes that came from one, as far as they live."""
    children: dict[int, list[int]] = {}
    for name in (path.name for path in Path("/proc").iterdir()):
        if name.isdigit():
            children.setdefault(_number_of(name, _parent), []).append(int(name))
    waiting = [pid]
    while waiting:
        found = children.get(waiting.pop(), [])
        waiting += found
        yield from found


def _parent(name: str) -> int:
    status = Path("/proc", name, "stat").read_text(encoding="ascii", errors="replace")
    return int(status.rpartition(")")[2].split()[1])


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process has to itself; 0 if it is gone."""
    return _number_of(str(pid), _anonymous)


def _anonymous(name: str) -> int:
    pages = Path("/proc", name, "statm").read_text(encoding="ascii").split()
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")


def _number_of(name: str, what: Callable[[str], int]) -> int:
    try:
        return what(name)
    except (OSError, ValueError, IndexError):
        return 0
