"""Runs programs under strace: writes down what they ask of a disk, lets calls fail.

What lives here: starting ``faults_scenarios.py`` under strace, and reading strace's
text as calls. The guarantee: a call that changes files below the folder and that this
module does not know is an error, never overlooked. What it may not know: logs.

A call counts from its beginning to its end. strace -f tells them in the order in which
it stopped the threads at them, across processes, so "ended before that one began" can
be trusted.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

import esbench as es

PROGRAM = Path(__file__).with_name("faults_scenarios.py")
KNOWN = set(
    "openat write writev fsync fdatasync link linkat unlink unlinkat mkdir".split()
)
# These would change a file or a name in a way that the model of a disk has not.
STRANGE = (
    "open creat rename renameat renameat2 symlink symlinkat mkdirat rmdir pwrite64 "
    "pwritev pwritev2 truncate ftruncate fallocate copy_file_range sendfile splice"
).split()

_BEGUN = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_WHOLE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(.*)$")


class Call(NamedTuple):
    """One system call that has ended: when, who, what, and how."""

    begun: int
    ended: int
    process: int
    name: str
    arguments: tuple[str, ...]
    is_done: bool
    is_injected: bool

    def path(self, place=0):
        """Give the path in an argument: a name, or that of an open file."""
        found = self.arguments[place]
        begin, end = ("<", ">") if found[0].isdigit() else ('"', '"')
        return _text(found[found.index(begin) + 1 : found.rindex(end)])

    @property
    def target(self):
        """Give the path of the file or name that the call is about."""
        places = {"openat": 1, "link": 1, "linkat": 3, "unlinkat": 1}
        return self.path(places.get(self.name, 0))

    def data(self, place):
        """Give the bytes in an argument."""
        found = self.arguments[place]
        assert found.endswith('"'), "strace has cut the data short"
        return bytes.fromhex(found[found.index('"') + 1 : -1].replace("\\x", ""))


@functools.cache
def why_not():
    """Tell why nothing can be traced here; an empty text if it can."""
    if sys.platform != "linux":
        return "is for Linux"
    if shutil.which("strace") is None:
        return "strace is missing: apt-get install strace"
    tried = ["strace", "-f", "-qq", "-o", os.devnull, "true"]
    failed = subprocess.run(tried, capture_output=True, check=False).returncode
    return "nobody may trace here" if failed else ""


needs_strace = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can run")


def run(cases, folder, *faults, seconds=1_800):
    """Run cases of ``faults_scenarios.py`` one after another; give the calls they made.

    Args:
        cases: what the program is told, a dictionary a case; each works in a folder
            ``base`` of its own, directly in ``folder``.
        folder: where it works; only calls below it are given.
        faults: strace's ``inject=`` expressions, each with its ``when=``.
        seconds: how long all may take.

    Returns:
        The calls of each case, by the name of its ``base``.
    """
    for case in cases:
        Path(case["base"]).mkdir()
    trace, plan = folder / "trace", folder / "plan.json"
    plan.write_text(json.dumps(cases))
    names = ",".join([*sorted(KNOWN), *STRANGE])
    command = ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000000", "-o", str(trace)]
    command += ["-e", f"trace={names}"]
    command += [word for fault in faults for word in ("-e", f"inject={fault}")]
    if not any("signal" in fault for fault in faults):
        command.append("--seccomp-bpf")  # quicker, and where it stops no signal is sent
    done = subprocess.run(
        [*command, sys.executable, str(PROGRAM), str(plan)],
        capture_output=True,
        timeout=seconds,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    return by_case(calls(trace.read_text("ascii"), folder), folder)


def by_case(found, folder):
    """Give the calls of each case, in order; what it tells is beside its folder."""
    sorted_out = defaultdict(list)
    for call in found:
        name = Path(call.target).relative_to(folder).parts[0]
        if call.name == "writev" or not name.endswith(".told"):
            sorted_out[name.removesuffix(".told")].append(call)
    return sorted_out


def environment():
    """Give the environment in which a program imports the same esbench as this one."""
    here = str(Path(es.__file__).parents[1])
    paths = [here, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, paths))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def calls(text, folder):
    """Yield what strace's text tells of the files below ``folder``, as calls end."""
    needle = "".join(f"\\x{byte:02x}" for byte in os.fsencode(folder))
    begun = {}
    for number, line in enumerate(text.splitlines()):
        if found := _BEGUN.match(line):
            begun[found[1], found[2]] = (number, found[3])
            continue
        start, whole = number, line
        if found := _RESUMED.match(line):
            start, first = begun.pop((found[1], found[2]))
            whole = f"{found[1]} {found[2]}({first}{found[3]}"
        if needle in whole and (found := _WHOLE.match(whole)):
            yield _call(start, number, *found.groups())


def _call(start, number, process, name, arguments, result, rest):
    assert name in KNOWN, f"nobody here knows what {name} does to a disk"
    return Call(
        start,
        number,
        int(process),
        name,
        tuple(arguments.split(", ")),
        result not in {"-1", "?"},
        "INJECTED" in rest,
    )


def _text(quoted):
    return os.fsdecode(bytes.fromhex(quoted.replace("\\x", "")))
