"""A store in memory of which each call is a step, as unkind as disks are.

What lives here: what a disk holds and what a crash leaves of it, what each call makes
of it, and the stores through which programs reach it.
The guarantee: a call does the same to the same disk, whoever makes it.
What it may not know: logs, what programs are told, who is next.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from contextlib import suppress
from itertools import chain, combinations
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

from esbench.log.store import HOUR as SECONDS
from esbench.log.store import NameTaken

ABSENT, TAKEN, DONE = "absent", "taken", "done"
ENDLESS = 2_000


class Lost(BaseException):
    """The search itself can't go on."""


class Call(NamedTuple):
    """One call of a store; ``blob`` is the number of the content, if there is one."""

    verb: str
    name: str
    blob: int = -1


class Disk(NamedTuple):
    """What is there, (name, blob, hours old), and what a crash can't take back."""

    live: frozenset[tuple[str, int, int]]
    kept: frozenset[tuple[str, int]]

    def names(self, folder):
        """Give the names in a folder."""
        return frozenset(
            name.rpartition("/")[2]
            for name, _, _ in self.live
            if name.rpartition("/")[0] == folder
        )

    def content(self):
        """Give what is there, whatever its age."""
        return frozenset((name, blob) for name, blob, _ in self.live)

    def survivors(self):
        """Give every content that a crash of the machine could leave."""
        content = self.content()
        unsure = sorted({name for name, _ in content ^ self.kept})
        safe = frozenset(pair for pair in content if pair[0] not in unsure)
        for chosen in subsets(unsure):
            newer = {pair for pair in content if pair[0] in chosen}
            older = {p for p in self.kept if p[0] in unsure and p[0] not in chosen}
            yield safe | newer | older


def subsets(items):
    """Give every subset of ``items``, the small ones first."""
    sizes = range(len(items) + 1)
    return map(frozenset, chain.from_iterable(combinations(items, n) for n in sizes))


class Disks:
    """All disks that came about, by number, and what each call makes of each.

    Args:
        do: does a deed, given a store, a name for it and the deed; gives what was told.
    """

    def __init__(self, do):
        self._do = do
        self.folder = tempfile.mkdtemp(prefix="schedules-")
        weakref.finalize(self, shutil.rmtree, self.folder)
        self.blobs: list[bytes] = []
        self.all: list[Disk] = []
        self._blob_numbers: dict[bytes, int] = {}
        self._numbers: dict[Disk, int] = {}
        self._after: dict[tuple[int, Call], tuple[int, Any]] = {}

    def blob(self, data):
        """Give the number of a content."""
        data = bytes(data)
        if data not in self._blob_numbers:
            self._blob_numbers[data] = len(self.blobs)
            self.blobs.append(data)
        return self._blob_numbers[data]

    def number(self, disk):
        """Give the number of a disk."""
        if disk not in self._numbers:
            self._numbers[disk] = len(self.all)
            self.all.append(disk)
        return self._numbers[disk]

    def after(self, number, call):
        """Give the disk after a call, and what the call returned."""
        key = number, call
        if key not in self._after:
            if call.verb == "does":
                self._after[key] = self._done(number, call.name)
            else:
                disk, result = _step(self.all[number], call)
                self._after[key] = self.number(disk), result
        return self._after[key]

    def _done(self, number, deed):
        """Let a program that is not interrupted do a deed on a disk."""
        name, _, deed = deed.partition(" ")
        store = Steps(self, number)
        told = self._do(store, name, deed)
        return store.number, told

    def an_hour_later(self, number):
        """Give the same disk when all files are an hour old, or older."""
        disk = self.all[number]
        aged = frozenset((name, blob, 1) for name, blob, _ in disk.live)
        return self.number(disk._replace(live=aged))


def _step(disk, call):
    """Give what a call makes of a disk, and what it returns."""
    if call.verb == "list":
        return disk, tuple(sorted(disk.names(call.name)))
    if call.verb == "sync":
        return _synced(disk, call.name), DONE
    found = next((entry for entry in disk.live if entry[0] == call.name), None)
    if call.verb == "create":
        new = (call.name, call.blob, 0)
        taken = disk if found else disk._replace(live=disk.live | {new})
        return taken, TAKEN if found else DONE
    if call.verb == "delete":
        return disk._replace(live=disk.live - {found}), DONE if found else ABSENT
    what = 2 if call.verb == "age" else 1  # read, stamp, path
    return disk, found[what] if found else ABSENT


def _synced(disk, folder):
    rest = {pair for pair in disk.kept if pair[0].rpartition("/")[0] != folder}
    new = {pair for pair in disk.content() if pair[0].rpartition("/")[0] == folder}
    return disk._replace(kept=frozenset(rest | new))


class Steps:
    """The store that a program is given: answers by a script first, then from a disk.

    Until ``start`` is called, calls count for nothing.

    Args:
        disks: all disks.
        number: the disk that answers until ``start`` is called.
        then: the disk that answers from then on, where it is another.
        script: the first answers after that.
        later: the disk after the last of these.
    """

    def __init__(self, disks, number, *, then=None, script=(), later=None):
        self._disks, self.number = disks, number
        self._then, self._script, self._later = then, script, later
        self._is_started = False
        self.history: list[tuple[Call, Any]] = []
        self.said: list[tuple[int, Any]] = []

    def start(self):
        """Let steps begin."""
        if not self._is_started and self._then is not None:
            self.number = self._then
        self._is_started = True

    def say(self, fact):
        """Take down what the program was told."""
        self.said.append((len(self.history), fact))

    def let_an_hour_pass(self):
        """Make all files an hour older."""
        self.number = self._disks.an_hour_later(self.number)

    def do(self, verb, name, blob=-1):
        """Answer one call."""
        call, place = Call(verb, name, blob), len(self.history)
        if not self._is_started:
            self.number, result = self._disks.after(self.number, call)
            return result
        result = self._answer(call, place)
        self.history.append((call, result))
        if place > ENDLESS:
            raise Lost("a program never comes to an end")
        return result

    def _answer(self, call, place):
        """Give what a step returns: by the script, and then as if nobody else were."""
        if place < len(self._script):
            if place == len(self._script) - 1:
                self.number = self._later
            return self._script[place]
        self.number, result = self._disks.after(self.number, call)
        return result

    def _found(self, verb, name):
        result = self.do(verb, name)
        if result == ABSENT:
            raise FileNotFoundError(name)
        return result

    def list(self, folder):
        return list(self.do("list", folder))

    def read(self, name):
        return self._disks.blobs[self._found("read", name)]

    def create(self, name, data):
        if self.do("create", name, self._disks.blob(data)) == TAKEN:
            raise NameTaken(name)

    def delete(self, name):
        self.do("delete", name)

    def sync(self, folder):
        self.do("sync", folder)

    def stamp(self, name):
        blob = self._found("stamp", name)
        return blob, len(self._disks.blobs[blob]), 0

    def age(self, name):
        return self._found("age", name) * SECONDS

    def path(self, name):
        blob = self._found("path", name)
        path = Path(self._disks.folder) / f"{blob}.parquet"
        if not path.exists():
            path.write_bytes(self._disks.blobs[blob])
        return str(path)

    def url(self, name):
        return name


class Stopped(BaseException):
    """The program is to do nothing any more."""


class Turns(Steps):
    """The store of a program that runs in a thread of its own, and waits at each step.

    Args:
        run: the program.
        disks, number, then, script: as for ``Steps``.
    """

    def __init__(self, run, disks, number, *, then, script):
        super().__init__(disks, number, then=then, script=script)
        self._run = run
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._asked: SimpleQueue[Call | None] = SimpleQueue()
        self._thread = Thread(target=self._play, daemon=True)

    def begin(self):
        """Run up to the first step behind the script, and give its call."""
        self._thread.start()
        return self._asked.get()

    def go_on(self, answer):
        """Answer the call that waits, and give the next; None at the end."""
        self._answers.put(answer)
        return self._asked.get()

    def stop(self):
        """Let the program end, as it does when it is killed."""
        if self._thread.is_alive():
            self._answers.put(Stopped)
        self._thread.join()

    def _play(self):
        with suppress(Stopped):
            self._run(self)
        self._asked.put(None)

    def _answer(self, call, place):
        if place < len(self._script):
            return self._script[place]
        self._asked.put(call)
        answer = self._answers.get()
        if answer is Stopped:
            raise Stopped
        return answer
