"""The step engine: events folded one after the other, in plain Python.

What lives here: the fold of recorded events into the values of a declaration.
The guarantee: it gives what the column engine gives, value for value and type for
type, and it gives it after every single event. It reads events by the names of their
types, so typed and unknown events fold alike.
What it may not know: logs, frames, pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Context, Decimal, Inexact
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from esbench.errors import DefinitionConflict, InvalidEvent, shorten
from esbench.event import AnyEvent, RecordedEvent, UnknownEvent
from esbench.projection.reducers import Key, Reducer, Source, places_of

Values = list[Any]
KeyValue = str | date

EXACT = Context(prec=60, traps=[Inexact])  # whatever precision the caller has set
_NOTHING: Any = object()
_INT64 = 2**63


Read = Callable[[Any], Any]
Act = Callable[[Any, Any], Any]
Arms = list[tuple[int, Act, Read]]


class Steps:
    """A declaration, ready to be folded.

    Attributes:
        arms: for each event type, which value changes, how, and what it reads.
        loose: the same for events whose type the log's program does not declare.

    >>> Steps([]).start()
    []
    """

    def __init__(self, reducers: Sequence[Reducer]) -> None:
        self.reducers = tuple(reducers)
        self._zeros = [_zero(reducer) for reducer in self.reducers]
        self.arms: dict[str, Arms] = {}
        self.loose: dict[str, Arms] = {}
        for index, reducer in enumerate(self.reducers):
            for source in reducer.sources:
                act, read = _act(reducer, source), _read(source)
                self.arms.setdefault(source.type, []).append((index, act, read))
                loose = _loose(source, reducer)
                self.loose.setdefault(source.type, []).append((index, act, loose))

    def start(self) -> Values:
        """Return the values of a key that no event has touched."""
        return self._zeros.copy()

    def resumed(self, known: Mapping[str, Any], undecided: Container[str]) -> Values:
        """Return the values of a key that a snapshot has kept.

        Args:
            known: the values by field, as columns have them.
            undecided: the fields of ``first`` and ``last`` that no event has decided.
        """
        return [
            _NOTHING if field.name in undecided else _folded(field, known[field.name])
            for field in self.reducers
        ]

    def take(self, values: Values, event: AnyEvent) -> None:
        """Change ``values`` by one event."""
        for index, act, read in self._arms(event) or ():
            values[index] = act(values[index], read(event))

    def _arms(self, event: AnyEvent) -> Arms | None:
        if isinstance(event, UnknownEvent):
            return self.loose.get(event.type)
        return self.arms.get(type(event).__name__)

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
            event = recorded.event
            if arms := self._arms(event):
                name = of(recorded)
                values = states.get(name)
                if values is None:
                    values = states[name] = self.start()
                for index, act, read in arms:
                    values[index] = act(values[index], read(event))
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


def _folded(reducer: Reducer, value: Any) -> Any:
    """Return a column's value as a fold has it: wide totals are whole numbers here."""
    is_whole = reducer.how == "total" and reducer.kind == "int"
    return int(value) if is_whole else value


def _act(reducer: Reducer, source: Source) -> Act:
    if reducer.how == "total":
        is_money = reducer.places is not None
        return (_ADD if source.sign > 0 else _SUBTRACT)[is_money]
    if reducer.kind == "float":
        return {"largest": _larger_float, "smallest": _smaller_float}.get(
            reducer.how, _ACTS[reducer.how]
        )
    return _ACTS[reducer.how]


def _added(old: int, new: int | None) -> int:
    return old if new is None else old + new


def _taken(old: int, new: int | None) -> int:
    return old if new is None else old - new


def _money_added(old: Decimal, new: Decimal | None) -> Decimal:
    return old if new is None else EXACT.add(old, new)


def _money_taken(old: Decimal, new: Decimal | None) -> Decimal:
    return old if new is None else EXACT.subtract(old, new)


def _larger(old: Any, new: Any) -> Any:
    return new if old is None or (new is not None and new > old) else old


def _smaller(old: Any, new: Any) -> Any:
    return new if old is None or (new is not None and new < old) else old


def _larger_float(old: Any, new: Any) -> Any:
    return _larger(old, new if new is None else new + 0.0)  # there is one zero


def _smaller_float(old: Any, new: Any) -> Any:
    return _smaller(old, new if new is None else new + 0.0)


_ADD: tuple[Act, Act] = (_added, _money_added)
_SUBTRACT: tuple[Act, Act] = (_taken, _money_taken)
_ACTS: dict[str, Act] = {
    "first": lambda old, new: new if old is _NOTHING else old,
    "last": lambda _, new: new,
    "count": lambda old, _: old + 1,
    "largest": _larger,
    "smallest": _smaller,
}


def _read(source: Source) -> Read:
    """Return the function that reads a source's value in an event of its type."""
    return attrgetter(source.field) if source.field else lambda _: source.value


_PYTHON: dict[str, type] = {
    "text": str,
    "int": int,
    "bool": bool,
    "float": float,
    "time": datetime,
    "date": date,
    "bytes": bytes,
}


def _loose(source: Source, reducer: Reducer) -> Read:
    """Return the function that reads an event of a type that is not declared."""
    name, kind = source.field, _PYTHON.get(reducer.kind, Decimal)
    if name is None:
        return _read(source)

    def read(event: UnknownEvent) -> Any:
        value = event.data.get(name)
        if value is None:
            value = source.value
        if type(value) is not kind and not (value is None and source.nullable):
            raise InvalidEvent(
                f"{source.label} is {shorten(repr(value))} in the log and "
                f"{reducer.kind} in this projection: it was written by a program that "
                "did not declare the type"
            )
        return value

    return read


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
