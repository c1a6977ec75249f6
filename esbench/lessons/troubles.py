"""Trouble for lesson 10: a queue of two videos, and handlers that fail as told.

What lives here: ``QUEUE``, the handler ``status``, ``fails``, which makes it stumble
over one event, ``lane``, which records try by try what a policy does; and for a run
that one watches ``busy``, whose events take their time, and ``Slowly``, a clock.
The guarantee: the same trouble gives the same record; what a record ends with is what
``work_off`` says of the same run.
What it may not know: stages, notebooks.

The queue holds the three events of one video, e1, e2, e3, and between them two of
another, f1 and f2. Each writes a status; the last write stays.
"""

from __future__ import annotations

import random
import time
from typing import Any

from msgspec import Struct

from esbench.workers.backoff import Stopwatch
from esbench.workers.dead_letters import DeadLetters, Letter, Redriven
from esbench.workers.delivery import Handler
from esbench.workers.failures import DROP, HALT, TRIES, Worked, work_off
from esbench.workers.message import Message

STATUS = {
    "VideoUploaded": "uploaded",
    "ProcessingStarted": "processing",
    "ProcessingComplete": "success",
}
MINUTE = 60.0
ONCE, MENDED, NEVER = "fails once", "mended after a minute", "never mended"
TROUBLES = (ONCE, MENDED, NEVER)
HANDLED, REDRIVEN = "handled", "redriven"
FAILED, PARKED, BEHIND = "failed", "parked", "put behind"
DROPPED, HALTED = "dropped", "halted"


class Unreadable(ValueError):
    """What the handler stumbles over, as any handler may."""


def _queue() -> tuple[Message, ...]:
    """Return the five events in the order in which they were published."""
    told = (("e", 1), ("f", 1), ("e", 2), ("f", 2), ("e", 3))
    types = list(STATUS)
    return tuple(
        Message(
            aggregate_id=f"vid_{key}",
            version=version,
            type=types[version - 1],
            data={},
            event_id=f"{key}{version}",
        )
        for key, version in told
    )


QUEUE = _queue()


def status(row: Any, message: Message) -> str:  # noqa: ARG001  # a handler has both
    """Write the status that an event leads to, whatever was written before."""
    return STATUS[message.type]


def fails(event_id: str, times: int | None = None) -> Handler:
    """Return ``status``, which raises for one event.

    Args:
        event_id: which event it stumbles over.
        times: how many tries of it fail; all of them unless said.

    >>> handler = fails("e1", times=1)
    >>> handler(None, QUEUE[1])
    'uploaded'
    """
    left = [float("inf") if times is None else times]

    def stumbling(row: Any, message: Message) -> str:
        if message.event_id == event_id and left[0] > 0:
            left[0] -= 1
            raise Unreadable(f"{event_id} can't be read")
        return status(row, message)

    return stumbling


def busy(clock: Stopwatch) -> Handler:
    """Return ``status``, whose events take up to 0.3 s, and which fails for two videos.

    The upload of vid_3 can't be read; at the first try of vid_5's, a network is away.

    Args:
        clock: takes the time.
    """
    away = ["vid_5/1"]

    def working(row: Any, message: Message) -> str:
        clock.sleep(round(random.Random(message.event_id).uniform(0, 0.3), 3))
        if message.event_id in away:
            away.remove(message.event_id)
            raise TimeoutError("no answer from the store of thumbnails")
        if message.event_id == "vid_3/1":
            raise ValueError("vid_3/1 can't be read")
        return status(row, message)

    return working


class Slowly(Stopwatch):
    """A stopwatch that takes time, so that one can watch; what it shows stays exact.

    Args:
        times: how many of its seconds pass in a real one.
    """

    def __init__(self, times: float = 10) -> None:
        super().__init__()
        self._times = times

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, and wait for a part of it."""
        super().sleep(seconds)
        time.sleep(seconds / self._times)


class Chip(Struct, frozen=True, kw_only=True):
    """One thing that happens to an event.

    Attributes:
        name: the event's id.
        what: ``handled``, ``failed``, ``parked``, ``put behind``, ``dropped``,
            ``halted`` or ``redriven``.
        at: when, in seconds.
        tries: how often it was tried by then.
        row: the first video's status after it, None before its first.
    """

    name: str
    what: str
    at: float
    tries: int
    row: str | None


class Lane(Struct, frozen=True, kw_only=True):
    """What one policy does with the queue, try by try.

    Attributes:
        trouble: what is wrong with the first event.
        worked: what ``work_off`` says of the run.
        chips: what happened, in order.
    """

    trouble: str
    worked: Worked
    chips: tuple[Chip, ...]

    @property
    def policy(self) -> str:
        """The policy's name."""
        return self.worked.policy

    @property
    def wrong(self) -> frozenset[str]:
        """The ids of events handled before or without what they follow."""
        found = (*self.worked.overtaken, *self.worked.missed)
        return frozenset(message.event_id for message in found)

    @property
    def python(self) -> str:
        """The line of Python that gives the same."""
        times = ", times=1" if self.trouble == ONCE else ""
        more = f", mended=({MINUTE:.0f}, status)" if self.trouble == MENDED else ""
        return f'work_off(QUEUE, fails("e1"{times}), "{self.policy}"{more})'


def lane(policy: str, trouble: str = ONCE) -> Lane:
    """Return what one policy does when the queue's first event is in trouble."""
    recorder = _Recorder(policy)
    handler = fails("e1", times=1 if trouble == ONCE else None)
    mended = (MINUTE, recorder.around(status)) if trouble == MENDED else None
    worked = work_off(
        QUEUE,
        recorder.around(handler),
        policy,
        letters=DeadLetters(recorder),
        alert=recorder.alerted,
        mended=mended,
        clock=recorder.clock,
    )
    return Lane(trouble=trouble, worked=worked, chips=tuple(recorder.chips))


class _Recorder:
    """Writes down what happens in a run: around the handler, as letters, as alert."""

    def __init__(self, policy: str) -> None:
        self.policy = policy
        self.clock = Stopwatch()
        self.chips: list[Chip] = []
        self._row: str | None = None
        self._waiting: set[str] = set()

    def around(self, handler: Handler) -> Handler:
        """Return the handler with each of its tries written down."""

        def tried(row: Any, message: Message) -> Any:
            try:
                after = handler(row, message)
            except Unreadable:
                self._failed(message)
                raise
            if message.aggregate_id == QUEUE[0].aggregate_id:
                self._row = after
            was_parked = message.event_id in self._waiting
            self._add(message, REDRIVEN if was_parked else HANDLED)
            return after

        return tried

    def _failed(self, message: Message) -> None:
        self._add(message, FAILED)
        if self.policy == DROP and self.chips[-1].tries == TRIES:
            self._add(message, DROPPED)

    def append(self, entry: Letter | Redriven) -> None:
        """Write a letter down."""
        if isinstance(entry, Letter):
            self._waiting.add(entry.message.event_id)
            self._add(entry.message, PARKED if entry.error else BEHIND)

    def alerted(self, letter: Letter) -> None:
        """Write down that the queue stands still."""
        if self.policy == HALT:
            self._add(letter.message, HALTED)

    def _add(self, message: Message, what: str) -> None:
        mine = [chip for chip in self.chips if chip.name == message.event_id]
        tries = sum(chip.what in {FAILED, HANDLED, REDRIVEN} for chip in mine)
        self.chips.append(
            Chip(
                name=message.event_id,
                what=what,
                at=round(self.clock.now, 6),
                tries=tries + (what in {FAILED, HANDLED, REDRIVEN}),
                row=self._row,
            )
        )
