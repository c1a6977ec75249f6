"""What a worker takes: an event, whose it is, and which place it has there.

What lives here: ``Message``, and how any iterable of events becomes messages.
The guarantee: messages keep the order and the content of what they were made of; a
message's ``event`` is the very object that was given.
What it may not know: logs, domains, workers.

A handler is a plain function ``(row, message) -> row``; it reads a message as it would
read a recorded event: ``type``, ``data``, ``version``, ``event_id``, ``event``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from esbench.errors import InvalidSchedule, shorten
from esbench.event import Event, RecordedEvent, UnknownEvent, data_of, type_name

SAID = ("aggregate_id", "version", "type", "data", "event_id")


class Message(Struct, frozen=True, kw_only=True, eq=False):
    """One event on its way to a worker; equal to others of the same id and content.

    Attributes:
        aggregate_id: whose event it is.
        version: its place among the events of that aggregate, from 1.
        type: the name of its type.
        data: its fields and values, in words of JSON.
        event_id: the id that all copies of it share.
        event: what it was made of: a typed event, a number, a text.
    """

    aggregate_id: str
    version: int
    type: str
    data: dict[str, Any]
    event_id: str
    event: Any = None

    def __repr__(self) -> str:
        """Name it by its id and type."""
        return f"Message({self.event_id} {self.type})"

    def __eq__(self, other: object) -> bool:
        """Compare what was said, not the object that it was made of."""
        if not isinstance(other, Message):
            return NotImplemented
        return _said(self) == _said(other)

    def __ne__(self, other: object) -> bool:
        """Say the opposite, which the struct's own would not."""
        return not self == other

    def __hash__(self) -> int:
        """Tell messages apart by id, as a handler does."""
        return hash(self.event_id)


def _said(message: Message) -> tuple[Any, ...]:
    return tuple(getattr(message, name) for name in SAID)


def messages(events: Iterable[Any], *, aggregate_id: str = "it") -> tuple[Message, ...]:
    """Return a message for each event, in order.

    Args:
        events: recorded events of a log, typed events, messages, or for small examples
            bare numbers and texts. A bare number is its own version; other things
            without a place of their own are numbered from 1, in order.
        aggregate_id: whose they are, where they do not say so themselves.

    Raises:
        InvalidSchedule: two messages with one id, or no list of events at all.

    >>> messages([1, 4])
    (Message(it/1 1), Message(it/4 4))
    """
    if isinstance(events, str | bytes) or not isinstance(events, Iterable):
        raise InvalidSchedule(
            f"{shorten(repr(events))} is no list of events: give one, such as "
            "log.read() or the messages of a traffic"
        )
    given = tuple(
        _message(event, place, aggregate_id) for place, event in enumerate(events, 1)
    )
    seen: set[str] = set()
    for each in given:
        if each.event_id in seen:
            raise InvalidSchedule(
                f"two events are called {shorten(each.event_id)}: a copy is not told "
                "twice, ask for schedules with redelivery instead"
            )
        seen.add(each.event_id)
    return given


def _message(event: Any, place: int, aggregate_id: str) -> Message:
    match event:
        case Message():
            return event
        case RecordedEvent():
            return Message(
                aggregate_id=event.aggregate_id,
                version=event.version,
                type=event.type,
                data=plain(event.data),
                event_id=event.event_id,
                event=event.event,
            )
        case Event() | UnknownEvent():
            return _made(event, place, aggregate_id, type_name(event), data_of(event))
        case int() if not isinstance(event, bool):
            return _made(event, event, aggregate_id, str(event), {})
    return _made(event, place, aggregate_id, str(event), {})


def _made(
    event: Any, version: int, aggregate_id: str, kind: str, data: Mapping[str, Any]
) -> Message:
    return Message(
        aggregate_id=aggregate_id,
        version=version,
        type=kind,
        data=plain(data),
        event_id=f"{aggregate_id}/{version}",
        event=event,
    )


def plain(value: Any) -> Any:
    """Return ``value`` in words of JSON, sets in sorted order.

    Raises:
        InvalidSchedule: something that JSON has no words for.
    """
    if value is None or type(value) in {str, int, bool}:
        return value  # words of JSON already
    try:
        return msgspec.json.decode(msgspec.json.encode(value, order="deterministic"))
    except (TypeError, ValueError) as error:
        raise InvalidSchedule(
            f"{shorten(repr(value))} can't be shown: {error}; a state is made of "
            "texts, numbers, lists, dicts and structs"
        ) from None


def frozen(value: Any) -> Hashable:
    """Return what tells ``value`` apart from others, mutable ones included."""
    match value:
        case dict():
            pairs = [(frozen(key), frozen(each)) for key, each in value.items()]
            return "dict", frozenset(pairs)
        case list() | tuple():
            return type(value).__name__, tuple(map(frozen, value))
        case set() | frozenset():
            return "set", frozenset(map(frozen, value))
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return type(value), value
