"""Event types, and the events that a log gives back.

What lives here: how an event type is declared and checked (``Event``, ``Money``), the
kinds of field there are, the registry of the types a log knows, and the recorded
event with its two times.
The guarantee: an ``Event`` that exists holds exactly what its log can store and give
back; whatever would be rounded, wrapped or guessed is refused where it is made, with
a message that says what to write instead.
What it may not know: files, frames, projections.

How the check works: an event type is a frozen msgspec Struct whose metaclass coerces
every value on the way in. Readers of verified files skip that (``rebuild``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast, dataclass_transform

import msgspec
from msgspec import Struct

from esbench.errors import DefinitionConflict, InvalidEvent
from esbench.fields import checked_name, fields_of, json_coerce
from esbench.moments import moment

# --- declaring -------------------------------------------------------------------

RESERVED = frozenset(
    "position aggregate_id version type schema_version occurred_at recorded_at "
    "event_id user_id correlation_id causation_id payload expected_version".split()
)


class EventMeta(msgspec.StructMeta):
    """Makes event types; calling one checks and coerces every value."""

    schema_version: int

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        schema_version: int = 1,
        **config: Any,
    ) -> EventMeta:
        """Make the type, refusing field names that the log needs for itself."""
        options: dict[str, Any] = {"frozen": True, "gc": False} | config
        try:
            cls = super().__new__(mcls, name, bases, namespace, **options)
        except TypeError:  # a required field stands behind one with a default
            cls = super().__new__(mcls, name, bases, namespace, kw_only=True, **options)
        if taken := [
            name for name in cls.__struct_fields__ if name.lower() in RESERVED
        ]:
            raise DefinitionConflict(
                f"{name} declares {', '.join(sorted(taken))}: the log keeps these "
                "names for itself, choose others"
            )
        cls.schema_version = schema_version
        return cls

    if not TYPE_CHECKING:

        def __call__(cls, *args: Any, **values: Any) -> Event:
            """Make an event whose values are checked and coerced."""
            if args:
                raise InvalidEvent(f"{cls.__name__} takes its fields by name")
            return super().__call__(**_coerced(cls, values))


@dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
class Event(Struct, metaclass=EventMeta):
    """Something that happened: a frozen record of named, typed fields.

    Declare one by subclassing; ``schema_version=2`` in the class line says that the
    shape has changed. Field types: ``Money``, ``str``, ``int`` (64 bits), ``bool``,
    ``float`` (finite), ``datetime`` (with a zone), ``date``, ``bytes``, texts by
    ``Literal``, each with ``| None`` if wanted; anything else is kept as JSON.

    >>> class Renamed(Event):
    ...     name: str
    >>> Renamed(name="Ada")
    Renamed(name='Ada')
    >>> Renamed(name=12)
    Traceback (most recent call last):
    esbench.errors.InvalidEvent: Renamed.name: 12 is no text: write '12'

    Raises:
        InvalidEvent: a value that its field can't hold exactly.
        DefinitionConflict: a field named like a column of the log.
    """

    schema_version: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name, as an event is made."""
        return rebuild, (type(self), data_of(self))

    def __replace__(self, **changes: Any) -> Self:
        """Return a copy with ``changes``, checked like a new event."""
        return type(self)(**(data_of(self) | changes))


class UnknownEvent(Struct, frozen=True, kw_only=True, gc=False):
    """An event whose type this program does not declare, with everything it holds.

    Attributes:
        type: the type's name in the log.
        data: field names and values, as they were written.
    """

    type: str
    data: dict[str, Any]


AnyEvent = Event | UnknownEvent


class Metadata(Struct, frozen=True, kw_only=True, gc=False):
    """Who caused an append, and in which conversation. All optional, all text."""

    user_id: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None


NO_METADATA = Metadata()


class Stamped(Struct, frozen=True, kw_only=True, gc=False):
    """One event with a time, an id or metadata of its own; made by ``stamped``."""

    event: AnyEvent
    occurred_at: datetime | None = None
    event_id: str | None = None
    metadata: Metadata = NO_METADATA


def stamped(
    event: AnyEvent,
    *,
    occurred_at: datetime | str | None = None,
    event_id: str | None = None,
    user_id: str | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
) -> Stamped:
    """Return ``event`` with a time, an id or metadata of its own.

    Raises:
        InvalidEvent: a time without a zone, an empty or unstorable text.
    """
    return Stamped(
        event=event,
        occurred_at=None if occurred_at is None else moment(occurred_at),
        event_id=None if event_id is None else checked_name("event_id", event_id),
        metadata=checked_metadata(
            Metadata(
                user_id=user_id,
                correlation_id=correlation_id,
                causation_id=causation_id,
            )
        ),
    )


class RecordedEvent(Struct, frozen=True, gc=False):
    """An event as the log holds it: what, where in the order, and both times.

    Attributes:
        event: the typed event, or an ``UnknownEvent``.
        aggregate_id: the aggregate that it belongs to.
        version: its place among the events of that aggregate, from 1.
        position: its place in the whole log, from 1.
        occurred_at: when it happened, as the producer says; UTC.
        recorded_at: when the log took it; UTC, never falls as position rises.
        schema_version: the shape of the event type that it was written with.
        given_id: the id that the caller gave, if one was given.
    """

    event: AnyEvent
    aggregate_id: str
    version: int
    position: int
    occurred_at: datetime
    recorded_at: datetime
    schema_version: int = 1
    given_id: str | None = None
    metadata: Metadata = NO_METADATA

    @property
    def type(self) -> str:
        """The name of the event's type."""
        return type_name(self.event)

    @property
    def event_id(self) -> str:
        """The id that the caller gave, else ``<aggregate_id>/<version>``."""
        return self.given_id or f"{self.aggregate_id}/{self.version}"

    @property
    def data(self) -> dict[str, Any]:
        """The event's fields and values."""
        return data_of(self.event)


def type_name(event: AnyEvent) -> str:
    """Return the name that the event's type has in a log."""
    return event.type if isinstance(event, UnknownEvent) else type(event).__name__


def data_of(event: AnyEvent) -> dict[str, Any]:
    """Return the event's fields and values, in declared order."""
    if isinstance(event, UnknownEvent):
        return dict(event.data)
    return {name: getattr(event, name) for name in event.__struct_fields__}


def rebuild(cls: type[Event], values: dict[str, Any]) -> Event:
    """Return an event of values from a verified file, unchecked."""
    return cast("Event", msgspec.StructMeta.__call__(cls, **values))


def rebuilder(cls: type[Event]) -> Callable[..., Event]:
    """Return what makes an event of all its values in declared order, unchecked."""
    names = cls.__struct_fields__
    if names == cls.__match_args__:
        return partial(msgspec.StructMeta.__call__, cls)
    return lambda *values: rebuild(cls, dict(zip(names, values, strict=True)))


def _coerced(cls: type[Event], values: dict[str, Any]) -> dict[str, Any]:
    fields = fields_of(cls)
    if unknown := values.keys() - {field.name for field in fields}:
        known = ", ".join(field.name for field in fields) or "none"
        raise InvalidEvent(
            f"{cls.__name__} has no field {', '.join(sorted(unknown))}; "
            f"its fields: {known}"
        )
    kept = {}
    for field in fields:
        if field.name in values:
            kept[field.name] = field.coerce(values[field.name], cls.__name__)
        elif field.required:
            raise InvalidEvent(f"{cls.__name__} needs {field.name}")
        elif field.kind.name != "json":  # msgspec makes those anew for each event
            kept[field.name] = field.default
    return kept


def checked_metadata(value: Metadata | Mapping[str, str] | None) -> Metadata:
    """Return ``value`` as ``Metadata`` whose texts can be stored."""
    if value is None:
        return NO_METADATA
    if isinstance(value, Mapping):
        if unknown := value.keys() - set(Metadata.__struct_fields__):
            raise InvalidEvent(
                f"metadata has no {', '.join(sorted(map(str, unknown)))}; "
                "it takes user_id, correlation_id and causation_id"
            )
        value = Metadata(**value)
    for name in Metadata.__struct_fields__:
        text = getattr(value, name)
        if text is not None:
            checked_name(name, text)
    return value


def checked_unknown(event: UnknownEvent) -> UnknownEvent:
    """Return an event of an undeclared type if JSON holds its data exactly."""
    checked_name("type", event.type)
    try:
        json_coerce(event.data, dict[str, Any])
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidEvent(f"{event.type}.data: {error}") from None
    return event


# --- the types that a log knows --------------------------------------------------


class Registry:
    """The event types that a program declares for a log, by name.

    Raises:
        DefinitionConflict: something that is no event type, or two of one name.
    """

    def __init__(self, events: Iterable[type[Event]] = ()) -> None:
        self.classes: dict[str, type[Event]] = {}
        for cls in events:
            self._add(cls)

    def _add(self, cls: Any) -> None:
        if not (isinstance(cls, type) and issubclass(cls, Event)):
            raise DefinitionConflict(f"{cls!r} is no event type: subclass es.Event")
        if self.classes.setdefault(cls.__name__, cls) is not cls:
            raise DefinitionConflict(
                f"two event types are called {cls.__name__}: rename one"
            )

    def __repr__(self) -> str:
        """List the types by name."""
        return f"Registry({', '.join(self.classes)})"
