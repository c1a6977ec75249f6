"""What must hold in every state, for all that programs were told so far.

What lives here: what a fresh program sees on a disk, and the promises it is held
against.
The guarantee: a promise that a disk breaks is told in words.
What it may not know: how the disk came about.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from log_samples import Paid
from schedules_programs import (
    KEY,
    Failed,
    Refused,
    Saw,
    Stood,
    Unknown,
    no_pauses,
    opened,
    seen,
    small_windows,
)
from schedules_store import Disk, Steps

import esbench as es

SURVIVORS = 8


class View(NamedTuple):
    """What a fresh program sees on a disk that nobody else touches."""

    notes: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    head: es.Head | None = None
    ends: frozenset[tuple[int, str]] = frozenset()
    error: str = ""


class Promises:
    """What must hold in every state, for all that programs were told so far."""

    def __init__(self, disks):
        self._disks = disks
        self._views: dict[frozenset, View] = {}
        self._faults: dict[frozenset, str] = {}
        self._held: dict[Any, str] = {}
        self._grown: dict[tuple[int, int, bool], str] = {}
        self._proved: dict[Any, bool] = {}

    def view(self, content):
        """Give what a fresh program sees on a disk with that content."""
        if content not in self._views:
            try:
                with no_pauses(), small_windows():
                    self._views[content] = self._seen(content)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                self._views[content] = View(error=f"{type(error).__name__}: {error}")
        return self._views[content]

    def _fresh(self, content):
        live = frozenset((name, blob, 0) for name, blob in content)
        number = self._disks.number(Disk(live=live, kept=content))
        return opened(Steps(self._disks, number), "fresh")

    def _seen(self, content):
        log = self._fresh(content)
        saw, head = seen(log), log.head()
        if isinstance(saw, Failed):
            return View(error=saw.error)
        if head.position != len(saw.notes):
            return View(error=f"head {head.position}, {len(saw.notes)} events")
        ends = {(header.last, header.chain) for header in log.headers()}
        return View(*saw, head, frozenset(ends | {(head.position, head.chain)}))

    def unsound(self, content):
        """Tell what is wrong when every byte is read, and the log is used."""
        if content not in self._faults:
            with no_pauses(), small_windows():
                self._faults[content] = self._use(self._fresh(content))
        return self._faults[content]

    def _use(self, log):
        try:
            if not (result := log.verify(log.head())).ok:
                return f"verify: {result}"
            before = seen(log).notes
            log.append(KEY, [Paid(amount=1, note="next")])
            log.merge()
            after = seen(log).notes
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            return f"{type(error).__name__}: {error}"
        is_so = after == (*before, "next")
        return "" if is_so else f"one more after {listed(before)} gives {listed(after)}"

    def proves(self, content, head):
        """Tell whether a log holds a head that was told earlier."""
        if (head.position, head.chain) in self.view(content).ends:
            return True
        key = content, head
        if key not in self._proved:
            with small_windows():
                self._proved[key] = self._fresh(content).verify(head).ok
        return self._proved[key]

    def grown(self, before, after, *, may_grow):
        """Tell how what a fresh program sees did not stay, or grew unduly."""
        key = before, after, may_grow
        if key not in self._grown:
            contents = (self._disks.all[number].content() for number in (before, after))
            self._grown[key] = self._ungrown(*contents, may_grow=may_grow)
        return self._grown[key]

    def _ungrown(self, before, after, *, may_grow):
        old, new = self.view(before), self.view(after)
        if new.error:
            return f"the log can't be read: {new.error}"
        if new.notes[: len(old.notes)] != old.notes:
            return f"the log held {listed(old.notes)}, then {listed(new.notes)}"
        if new.notes != old.notes and not may_grow:
            return f"the log, which held {listed(old.notes)}, held {listed(new.notes)}"
        if old.notes and not self.proves(after, old.head):
            return f"the head at {old.head.position} became another"
        return ""

    def broken_by_a_crash(self, facts, number, *, dice=None):
        """Give the first promise that is broken after a crash of the machine.

        Args:
            facts: all that programs were told.
            number: the disk as it is.
            dice: chooses some of the disks that a crash may leave; all of them count
                unless this is given.
        """
        lasting = tuple(fact for fact in facts if not isinstance(fact, Refused))
        before = self._disks.all[number].content()
        left = list(self._disks.all[number].survivors())
        if dice is not None:
            left = dice.sample(left, min(SURVIVORS, len(left)))
        for content in left:
            if fault := self.against(lasting, content) or self.unsound(content):
                return f"{lost(before, content)}: {fault}"
        return ""

    def against(self, facts, content):
        """Hold what was told against what a disk shows."""
        key = facts, content
        if key not in self._held:
            self._held[key] = self._differing(facts, self.view(content), content)
        return self._held[key]

    def _differing(self, facts, view, content):
        if view.error:
            return f"the log can't be read: {view.error}"
        if fault := in_itself(view):
            return fault
        for fact in facts:
            if fault := differs(fact, view):
                return fault
            if isinstance(fact, Stood) and not self.proves(content, fact.head):
                return f"a head at {fact.head.position} was told, and is none"
        return ""


def in_itself(view):
    """Give what is wrong with a view, whatever anybody was told."""
    if list(view.versions) != list(range(1, len(view.versions) + 1)):
        return f"the versions are {view.versions}"
    if len(set(view.notes)) < len(view.notes):
        return f"an event stands twice: {listed(view.notes)}"
    for place, note in enumerate(view.notes):
        append, _, part = note.partition(":")
        at, size = map(int, part.split("/"))
        whole = tuple(f"{append}:{n}/{size}" for n in range(1, size + 1))
        if view.notes[place - at + 1 : place - at + 1 + size] != whole:
            return f"half of {append} is there: {listed(view.notes)}"
    return ""


def differs(fact, view):
    """Give how a view breaks what somebody was told."""
    if isinstance(fact, Failed):
        return f"a program ended with {fact.error}"
    if isinstance(fact, Stood | Unknown):
        return ""
    shown = f"the log holds {listed(view.notes)}"
    if isinstance(fact, Saw):
        size = len(fact.notes)
        is_so = (view.notes[:size], view.versions[:size]) == fact
        return "" if is_so else f"a reader saw {listed(fact.notes)}, and {shown}"
    if isinstance(fact, Refused):
        if set(fact.notes) & set(view.notes):
            return f"{listed(fact.notes)} was refused, and {shown}"
        is_so = fact.expected != fact.actual <= len(view.notes)
        return "" if is_so else f"version {fact.actual} was told, and {shown}"
    return _differs(fact, view, shown)


def _differs(won, view, shown):
    span = slice(won.first - 1, won.first - 1 + len(won.notes))
    told = f"{listed(won.notes)} was acknowledged"
    if view.notes[span] != won.notes:
        return f"{told} at {won.first}, and {shown}"
    if view.versions[span][-1:] != (won.version,):
        return f"{told} as version {won.version}, and the versions are {view.versions}"
    if won.expected not in {None, won.version - len(won.notes)}:
        return f"{told} as version {won.version}, though {won.expected} was expected"
    return ""


def lost(before, after):
    """Tell what a crash has done."""
    gone = sorted(short(name) for name, _ in before - after)
    back = sorted(short(name) for name, _ in after - before)
    parts = [f"loses {', '.join(gone)}"] if gone else []
    parts += [f"brings {', '.join(back)} back"] if back else []
    return f"after a crash that {' and '.join(parts) or 'loses nothing'}"


def listed(names):
    """Give names in words."""
    return ", ".join(names) or "nothing"


def positions(name):
    """Give the first and last position that a name tells of."""
    numbers = [int(number) for number in Path(name).stem.split("-")]
    return numbers[0], numbers[-1]


def short(name):
    """Give a name without its leading zeros and its ending."""
    folder, _, file = name.rpartition("/")
    numbers = file.removesuffix(".parquet").split("-")
    if not all(number.isdigit() for number in numbers):
        return name
    return f"{folder}/{'-'.join(str(int(number)) for number in numbers)}"
