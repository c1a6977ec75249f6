"""The step engine: events folded one after the other, in plain Python.

What lives here: the fold of recorded events into the values of a declaration.
The guarantee: it gives what the column engine gives, value for value and type for
type, and it gives it after every single event. It reads events by the names of their
types, so typed and unknown events fold alike.
What it may not know: logs, frames, pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Context, Decimal, Inexact
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from esbench.errors import DefinitionConflict, InvalidEvent, shorten
from esbench.event import RecordedEvent, UnknownEvent
from esbench.projection.reducers import Key, Reducer, Source, places_of

Values = list[Any]
KeyValue = str | date

EXACT = Context(prec=60, traps=[Inexact])  # whatever precision the caller has set
_NOTHING: Any = object()
_INT64 = 2**63


class Arm(Struct, frozen=True):
    """What one reducer does with one type of event."""

    index: int
    act: Callable[[Any, Any], Any]
    read: Callable[[RecordedEvent], Any]


class Steps:
    """A declaration, ready to be folded.

    >>> Steps([]).start()
    []
    """

    def __init__(self, reducers: Sequence[Reducer]) -> None:
        self.reducers = tuple(reducers)
        self.arms: dict[str, list[Arm]] = {}
        for index, reducer in enumerate(self.reducers):
            for source in reducer.sources:
                self.arms.setdefault(source.type, []).append(
                    Arm(index, _act(reducer), _reader(source, reducer))
                )

    def start(self) -> Values:
        """Return the values of a key that no event has touched."""
        return [_zero(reducer) for reducer in self.reducers]

    def take(self, values: Values, recorded: RecordedEvent) -> bool:
        """Change ``values`` by one event; tell whether its type is named at all."""
        arms = self.arms.get(recorded.type)
        if arms is None:
            return False
        for arm in arms:
            values[arm.index] = arm.act(values[arm.index], arm.read(recorded))
        return True

    def finish(self, values: Values, key: KeyValue) -> dict[str, Any]:
        """Return the values by field, as a state holds them.

        Raises:
            DefinitionConflict: a total of whole numbers over 64 bits.
        """
        return {
            reducer.name: _finished(reducer, value, key)
            for reducer, value in zip(self.reducers, values, strict=True)
        }

    def fold(
        self, events: Iterable[RecordedEvent], key: Key, zone: str
    ) -> dict[KeyValue, dict[str, Any]]:
        """Return every key's values after all ``events``, given in position order."""
        of = key_of(key, zone)
        states: dict[KeyValue, Values] = {}
        for recorded in events:
            if recorded.type in self.arms:
                name = of(recorded)
                if name not in states:
                    states[name] = self.start()
                self.take(states[name], recorded)
        return {name: self.finish(states[name], name) for name in sorted(states)}


def key_of(key: Key, zone: str) -> Callable[[RecordedEvent], KeyValue]:
    """Return the function that gives an event's key."""
    if not key.time:
        return lambda recorded: recorded.aggregate_id
    local, name = ZoneInfo(zone), key.time
    if key.name == "day":
        return lambda recorded: _local(recorded, name, local)
    return lambda recorded: _local(recorded, name, local).replace(day=1)


def _local(recorded: RecordedEvent, time: str, zone: ZoneInfo) -> date:
    moment: datetime = getattr(recorded, time)
    return moment.astimezone(zone).date()


# --- what each reducer does ------------------------------------------------------


def _zero(reducer: Reducer) -> Any:
    if reducer.how in {"first", "last"}:
        return _NOTHING
    if not reducer.adds_up:
        return None
    places = places_of(reducer.kind)
    return 0 if places is None else Decimal(0).scaleb(-places)


def _act(reducer: Reducer) -> Callable[[Any, Any], Any]:
    if reducer.how == "total" and reducer.places is not None:
        return _exact_sum
    return _ACTS[reducer.how]


def _exact_sum(old: Decimal, new: Decimal | None) -> Decimal:
    return old if new is None else EXACT.add(old, new)


def _sum(old: int, new: int | None) -> int:
    return old if new is None else old + new


def _larger(old: Any, new: Any) -> Any:
    return new if old is None or (new is not None and new > old) else old


def _smaller(old: Any, new: Any) -> Any:
    return new if old is None or (new is not None and new < old) else old


_ACTS: dict[str, Callable[[Any, Any], Any]] = {
    "first": lambda old, new: new if old is _NOTHING else old,
    "last": lambda _, new: new,
    "total": _sum,
    "count": lambda old, _: old + 1,
    "largest": _larger,
    "smallest": _smaller,
}


def _reader(source: Source, reducer: Reducer) -> Callable[[RecordedEvent], Any]:
    """Return the function that reads a source's value in an event."""
    name = source.field
    if name is None:
        return lambda _: source.value

    def read(recorded: RecordedEvent) -> Any:
        event = recorded.event
        if isinstance(event, UnknownEvent):
            return _loose(event, source, reducer)
        return getattr(event, name)

    return _adjusted(read, source, reducer)


def _adjusted(
    read: Callable[[RecordedEvent], Any], source: Source, reducer: Reducer
) -> Callable[[RecordedEvent], Any]:
    """Take a value with its sign, and zero in one spelling only."""
    if source.sign < 0:
        return lambda recorded: _negative(read(recorded))
    if reducer.kind == "float" and reducer.how in {"largest", "smallest"}:
        return lambda recorded: _one_zero(read(recorded))
    return read


def _negative(value: Any) -> Any:
    if isinstance(value, Decimal):
        return EXACT.minus(value)
    return None if value is None else -value


def _one_zero(value: float | None) -> float | None:
    return None if value is None else value + 0.0


_PYTHON: dict[str, type] = {
    "text": str,
    "int": int,
    "bool": bool,
    "float": float,
    "time": datetime,
    "date": date,
    "bytes": bytes,
}


def _loose(event: UnknownEvent, source: Source, reducer: Reducer) -> Any:
    """Read a field of an event whose type the log's program does not declare."""
    value = event.data.get(str(source.field))
    if value is None:
        value = source.value
    if type(value) is _PYTHON.get(reducer.kind, Decimal):
        return value
    if value is None and source.nullable:
        return None
    raise InvalidEvent(
        f"{source.label} is {shorten(repr(value))} in the log and "
        f"{reducer.kind} in this projection: it was written by a program that did "
        "not declare the type"
    )


def _finished(reducer: Reducer, value: Any, key: KeyValue) -> Any:
    if value is _NOTHING:
        return None
    if reducer.how == "total" and reducer.kind == "int":
        return fits(value, reducer.name, key)
    return value


def fits(value: int, name: str, key: KeyValue) -> int:
    """Return a total of whole numbers, or refuse it if 64 bits can't hold it."""
    if -_INT64 <= value < _INT64:
        return value
    raise DefinitionConflict(
        f"{name} of {shorten(str(key))} is {value}, which does not fit into 64 bits: "
        "total a field of Money, which has room for 38 digits"
    )
