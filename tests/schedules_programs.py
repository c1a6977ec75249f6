"""Programs that use a log, each step by step, and say what they are told.

What lives here: writers, readers, mergers and others, and the facts that they tell.
The guarantee: a program does nothing but what the answers to its calls make it do.
What it may not know: whose turn it is, what must hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from log_samples import EVENTS, NOW, Paid, numbered
from schedules_store import Steps

import esbench as es

MERGE, HOUR = "merge", "hour"
KEY = "a"

# --- what they say ---------------------------------------------------------------


class Begins(NamedTuple):
    """With its next step the program begins to look at the log, or to append."""


class Won(NamedTuple):
    """An append was acknowledged: these notes stand here, the last at a version."""

    notes: tuple[str, ...]
    expected: int | None
    first: int
    version: int


class Refused(NamedTuple):
    """An append was refused; the aggregate was said to be at ``actual``."""

    notes: tuple[str, ...]
    expected: int
    actual: int


class Unknown(NamedTuple):
    """An append may have happened, or not."""

    notes: tuple[str, ...]


class Saw(NamedTuple):
    """Reading the log gave these notes and versions, in this order."""

    notes: tuple[str, ...]
    versions: tuple[int, ...]


class Stood(NamedTuple):
    """The log said that its head is here."""

    head: es.Head


class Failed(NamedTuple):
    """The program ended with an error that it did not expect."""

    error: str


Fact = Won | Refused | Unknown | Saw | Stood | Failed


def reached(facts):
    """Give the last position that anybody was told of."""
    ends = [0]
    for fact in facts:
        if isinstance(fact, Won):
            ends.append(fact.first + len(fact.notes) - 1)
        elif isinstance(fact, Saw):
            ends.append(len(fact.notes))
        elif isinstance(fact, Stood):
            ends.append(fact.head.position)
    return max(ends)


# --- what they do ----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Program:
    """Somebody who uses the log.

    Attributes:
        name: how traces call it.
        run: what it does, given its store; it says what it is told.
        is_writer: whether it makes commits, and may remove them.
        is_merger: whether it makes segments, and may delete what is in them.
    """

    name: str
    run: Callable[[Steps], None]
    is_writer: bool = False
    is_merger: bool = False


def opened(store, name):
    """Give the log in a store, as another process opens it."""
    ids = numbered()
    return es.EventLog.over(
        store, EVENTS, clock=es.Clock(NOW), ids=lambda: f"{name}-{ids()}"
    )


def notes(name, which, count):
    """Give texts that tell each event of each append from all others."""
    return tuple(f"{name}.{which}:{part}/{count}" for part in range(1, count + 1))


def writer(name, *sizes, expected=None, is_warm=True, has_opened=True):
    """Give a program that appends, once for each of ``sizes``.

    Args:
        name: its name.
        sizes: how many events each append has.
        expected: the version that it expects first, and counts on from its own
            appends; None for any.
        is_warm: whether it has looked at the log before all begins.
        has_opened: whether it has opened the log before that.
    """

    def run(store):
        if not has_opened:
            store.start()
        log = opened(store, name)
        if is_warm and has_opened:
            log.head()
        store.start()
        seen = expected
        for which, size in enumerate(sizes):
            store.say(Begins())
            seen = _append(store, log, notes(name, which, size), seen)

    return Program(name=name, run=run, is_writer=True)


def _append(store, log, texts, expected):
    events = [Paid(amount=1, note=text) for text in texts]
    try:
        commit = log.append(KEY, events, expected_version=expected)
    except es.ConcurrencyError as error:
        store.say(Refused(texts, error.expected, error.actual))
        return expected
    except es.CommitUnknown as error:
        store.say(Unknown(texts))
        commit = _retried(store, error)
        if commit is None:
            return None
    store.say(Won(texts, expected, commit.first, commit.versions[KEY]))
    return None if expected is None else commit.versions[KEY]


def _retried(store, error):
    """Give what asking again gives; None where nobody can tell any more."""
    store.say(Begins())
    try:
        return error.retry()
    except es.CommitUnknown:
        return None


def reader(name, looks=1, *, is_warm=False, asks_head=False):
    """Give a program that reads the whole log, again and again."""

    def run(store):
        log = opened(store, name)
        if is_warm:
            log.head()
        store.start()
        for _ in range(looks):
            store.say(Begins())
            store.say(seen(log))
            if asks_head:
                store.say(Begins())
                store.say(Stood(log.head()))

    return Program(name=name, run=run)


def seen(log):
    """Give what reading the whole log shows."""
    events = list(log.read())
    texts = tuple(event.event.note for event in events)
    places = [event.position for event in events]
    if places != list(range(1, len(events) + 1)):
        return Failed(f"the positions read were {places}")
    return Saw(texts, tuple(event.version for event in events))


def merger(name, times=1, *, is_warm=False):
    """Give a program that merges what can be merged, and deletes what may go."""

    def run(store):
        log = opened(store, name)
        if is_warm:
            log.head()
        store.start()
        for _ in range(times):
            log.merge()

    return Program(name=name, run=run, is_merger=True)


def lister(name):
    """Give a program that takes a list of files, and opens each of them later."""

    def run(store):
        log = opened(store, name)
        log.head()
        store.start()
        for file in log.files():
            store.read(file)

    return Program(name=name, run=run)


def others(name, *deeds):
    """Give a program that does each of its deeds in one step.

    Args:
        name: its name.
        deeds: a number is an append of so many events; then there are ``MERGE`` and
            ``HOUR``.
    """

    def run(store):
        store.start()
        for number, deed in enumerate(deeds):
            if told := store.do("does", f"{name}.{number} {deed}"):
                store.say(told)

    return Program(name=name, run=run, is_writer=True, is_merger=True)


def do(store, name, deed):
    """Do a deed, and give what was told."""
    try:
        with small_windows():
            return _done(store, name, deed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return Failed(f"{type(error).__name__}: {error}")


def _done(store, name, deed):
    if deed == HOUR:
        store.let_an_hour_pass()
        return None
    log = opened(store, name)
    if deed == MERGE:
        log.merge()
        return None
    texts = tuple(f"{name}:{part}/{deed}" for part in range(1, int(deed) + 1))
    commit = log.append(KEY, [Paid(amount=1, note=text) for text in texts])
    return Won(texts, None, commit.first, commit.versions[KEY])


def played(run, store):
    """Run a program to its end, however it ends."""
    try:
        run(store)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        store.say(Failed(f"{type(error).__name__}: {error}"))


@contextmanager
def small_windows():
    """Let windows be 2 and 4 positions wide, instead of 512 and more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("esbench.log.merge.EIGHT", 2)
        patch.setattr("esbench.log.merge.LEVELS", (1, 2))
        patch.setattr("esbench.log.claims.LEVELS", (0, 1, 2), raising=False)
        yield


@contextmanager
def no_pauses():
    """Let nobody sleep: who waits for others is simply not chosen for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda seconds: None)
        yield
