"""What a disk may hold after a power cut, given the calls that were made before it.

What lives here: a model of a disk under the calls that ``faults_strace`` reads, and
all the states that a power cut may leave. The guarantee: every state that the model
allows is given, unless there are more than ``limit`` at one point; then the edges and
a sample, drawn with a seed. What it may not know: logs.

The model. A folder is a set of names, a name leads to a file or a folder. fsync of a
folder makes the names durable that were made or removed there before it began; until
then each such change may survive or not, whatever becomes of the others. fsync of a
file makes its content durable, not its name; until then it may be empty, half there,
all zeros, or whole. A name in a folder whose own name is lost, is lost.
"""

import itertools
import math
import os
import random
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple


class Node:
    """A file, or a folder: what was written, and what of it is durable."""

    def __init__(self, *, is_folder):
        self.is_folder = is_folder
        self.data = b""
        self.safe = b""

    def variants(self):
        """Give what a power cut may leave of the content."""
        if self.data == self.safe:
            return [self.data]
        half = self.data[: len(self.data) // 2]
        return list(dict.fromkeys([self.data, half, b"\0" * len(self.data), self.safe]))


class Change(NamedTuple):
    """A name that was made, or removed (``node`` is None), and when that ended."""

    ended: int
    path: str
    node: Node | None


class Disk:
    """Everything below a folder, as it is and as a power cut may leave it.

    Args:
        base: the folder; it and its own name are taken to be durable.
        ignored: the names of folders whose files nobody reads afterwards.
    """

    def __init__(self, base, ignored=("staging",)):
        self._base = Path(base)
        self._ignored = ignored
        self.now = {}
        self.safe = {}
        self.pending = defaultdict(list)

    def do(self, call):
        """Take in a call that has succeeded."""
        if not call.is_done:
            return
        if call.name == "openat":
            if "O_CREAT" in call.arguments[2]:
                self._opened(call)
        elif call.name == "write":
            self.now[self._name(call.path())].data += call.data(1)
        elif call.name in {"fsync", "fdatasync"}:
            self._synced(call)
        else:
            self._renamed(call)

    def _renamed(self, call):
        if call.name == "mkdir":
            self._change(call, call.path(), Node(is_folder=True))
        elif call.name == "link":
            self._change(call, call.path(1), self.now[self._name(call.path())])
        elif call.name == "linkat":
            self._change(call, call.path(3), self.now[self._name(call.path(1))])
        elif call.name in {"unlink", "unlinkat"}:
            self._change(call, call.path(call.name == "unlinkat"), None)
        else:
            raise AssertionError(f"the model does not know {call.name}")

    def _opened(self, call):
        assert "O_TRUNC" not in call.arguments[2], "a file is overwritten"
        if self._name(call.path(1)) not in self.now:
            self._change(call, call.path(1), Node(is_folder=False))

    def _change(self, call, path, node):
        name = self._name(path)
        self.pending[_folder(name)].append(Change(call.ended, name, node))
        _apply(self.now, name, node)

    def _synced(self, call):
        name = self._name(call.path())
        if name in self.now and not self.now[name].is_folder:
            self.now[name].safe = self.now[name].data
            return
        waiting = self.pending.pop(name, [])
        for change in waiting:
            if change.ended < call.begun:
                _apply(self.safe, change.path, change.node)
            else:
                self.pending[name].append(change)

    def _name(self, path):
        name = os.path.relpath(path, self._base)
        assert not name.startswith(".."), f"{path} is somewhere else"
        return name

    def files(self):
        """Give every file as it is now, with its bytes."""
        return {
            name: node.data for name, node in self.now.items() if not node.is_folder
        }

    def states(self, limit, seed):
        """Yield what a power cut may leave now, as dictionaries of names and bytes.

        Folders are None. Files in ignored folders are left out, but for one state in
        which all of them are there.
        """
        free = [
            change
            for folder, changes in self.pending.items()
            if not self._is_ignored(folder)
            for change in changes
        ]
        for kept in _subsets(len(free), limit, seed):
            names = dict(self.safe)
            for change in itertools.compress(free, kept):
                _apply(names, change.path, change.node)
            yield from self._contents(_reachable(names), limit, seed)
        yield {
            name: None if node.is_folder else node.data
            for name, node in self.now.items()
        }

    def _contents(self, names, limit, seed):
        """Yield one choice of names with each choice of contents."""
        shown = {
            name: [None] if node.is_folder else node.variants()
            for name, node in names.items()
            if not self._is_ignored(_folder(name))
        }
        ways = itertools.product(*shown.values())
        if math.prod(map(len, shown.values())) > limit:
            draw = random.Random(seed)
            ways = ([draw.choice(v) for v in shown.values()] for _ in range(limit))
        for way in ways:
            yield dict(zip(shown, way, strict=True))

    def _is_ignored(self, folder):
        return folder.rpartition("/")[2] in self._ignored


def _folder(name):
    return name.rpartition("/")[0] or ("" if name == "." else ".")


def _apply(names, name, node):
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _reachable(names):
    """Leave out what lies in folders whose own name is lost."""
    return {name: node for name, node in names.items() if _leads_to(names, name)}


def _leads_to(names, name):
    folder = _folder(name)
    return folder == "." or (folder in names and _leads_to(names, folder))


def _subsets(count, limit, seed):
    """Yield which of ``count`` changes survive: all ways, or the edges and a sample."""
    if 2**count <= limit:
        yield from itertools.product((True, False), repeat=count)
        return
    yield (True,) * count
    yield (False,) * count
    for place in range(count):
        yield tuple(other == place for other in range(count))
        yield tuple(other != place for other in range(count))
        yield tuple(other < place for other in range(count))
    draw = random.Random(seed)
    for _ in range(limit - 3 * count):
        yield tuple(draw.random() < 0.5 for _ in range(count))
