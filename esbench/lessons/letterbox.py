"""Dead letters in an event log: parked and redriven are things that happened, too.

What lives here: ``EventParked``, ``EventRedriven``, and ``LetterLog``, which keeps
what ``DeadLetters`` appends in an ``EventLog``, and reads it back.
The guarantee: what was appended is read back as it was, except for the time of the
run, which is the log's own; so another process knows which letters still wait.
What it may not know: why an event failed, stages, notebooks.
"""

from __future__ import annotations

import json

from esbench.event import Event
from esbench.log.log import EventLog
from esbench.workers.dead_letters import Letter, Redriven
from esbench.workers.message import Message


class EventParked(Event):
    """An event that could not be handled was laid aside, as it was."""

    letter_id: str
    whose: str
    place: int
    kind: str
    body: str
    error: str
    says: str
    tries: int


class EventRedriven(Event):
    """A letter was handled after all."""

    letter_id: str


EVENTS = (EventParked, EventRedriven)


class LetterLog:
    """A log of letters, for ``DeadLetters(letter_log, letter_log.entries())``.

    Args:
        log: an event log that knows ``EVENTS``.
        consumer: whose letters they are; the aggregate that they are stored under.
    """

    def __init__(self, log: EventLog, consumer: str = "dead letters") -> None:
        self._log, self._consumer = log, consumer

    def append(self, entry: Letter | Redriven, /) -> object:
        """Store one entry as an event."""
        told = _parked(entry) if isinstance(entry, Letter) else _redriven(entry)
        return self._log.append(self._consumer, [told])

    def entries(self) -> list[Letter | Redriven]:
        """Return what was stored, in order."""
        stored = self._log.read(self._consumer)
        return [_entry(event.event) for event in stored]


def _parked(letter: Letter) -> Event:
    message = letter.message
    return EventParked(
        letter_id=message.event_id,
        whose=message.aggregate_id,
        place=message.version,
        kind=message.type,
        body=json.dumps(message.data),
        error=letter.error,
        says=letter.says,
        tries=letter.tries,
    )


def _redriven(entry: Redriven) -> Event:
    return EventRedriven(letter_id=entry.event_id)


def _entry(event: object) -> Letter | Redriven:
    if isinstance(event, EventRedriven):
        return Redriven(event_id=event.letter_id)
    assert isinstance(event, EventParked)
    message = Message(
        aggregate_id=event.whose,
        version=event.place,
        type=event.kind,
        data=json.loads(event.body),
        event_id=event.letter_id,
    )
    return Letter(
        message=message, error=event.error, says=event.says, tries=event.tries
    )
