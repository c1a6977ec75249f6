"""The six reducers, and the keys by which a projection groups.

What lives here: how ``first last total count largest smallest`` and ``day month`` are
declared, and every check that a declaration must pass.
The guarantee: a reducer that exists means the same on every engine. It names events
by the names of their types, all its values are of one kind, and nothing in it would
be rounded; whatever is not so is refused when the class is made.
What it may not know: logs, frames, how events are folded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, Literal, NoReturn

from msgspec import Struct

from esbench.errors import DefinitionConflict
from esbench.event import Event
from esbench.fields import Field, fields_of
from esbench.moments import moment

How = Literal["first", "last", "total", "count", "largest", "smallest"]

ORDERED = frozenset({"int", "float", "text", "time", "date"})
_WHOLE = 2**63


class Source(Struct, frozen=True, kw_only=True):
    """Where one value of a reducer comes from: a field of a type, or a constant.

    Attributes:
        type: the name of the event type.
        field: the field that is read; None for a constant or a mere count.
        value: the constant, or what a file says that was written without the field.
        nullable: whether the field may hold None.
        sign: 1, or -1 for what a total takes away.
    """

    type: str
    field: str | None = None
    value: Any = None
    nullable: bool = False
    sign: int = 1

    @property
    def label(self) -> str:
        """The source as people write it: ``MoneyDeposited.amount``."""
        return f"{self.type}.{self.field}" if self.field else self.type


class Reducer:
    """One field of a projection: on the class the reducer, on a state its value.

    Attributes:
        how: the name of the reducer.
        kind: the kind of its values, as ``esbench.fields`` names kinds.
        sources: where its values come from.
        name: the name of the field, once its class is made.
    """

    def __init__(self, how: How, kind: str, sources: tuple[Source, ...]) -> None:
        self.how = how
        self.kind = kind
        self.sources = sources
        self.name: str = how

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, state: Any, owner: type | None = None) -> Any:
        if state is None:
            return self
        return state.__dict__["_values"][self.name]

    def __set__(self, state: object, value: object) -> NoReturn:
        raise AttributeError(
            f"a state is frozen: {self.name} follows from events, so append one"
        )

    @property
    def types(self) -> frozenset[str]:
        """The names of the event types that this reducer reads."""
        return frozenset(source.type for source in self.sources)

    @property
    def adds_up(self) -> bool:
        """Whether its values over all keys may be added: a total or a count."""
        return self.how in {"total", "count"}

    @property
    def places(self) -> int | None:
        """The decimal places of its values; None for any other kind."""
        return places_of(self.kind)

    def __repr__(self) -> str:
        """Name the reducer and what it reads."""
        signs = {1: "", -1: "-"}
        read = ", ".join(signs[source.sign] + source.label for source in self.sources)
        return f"{self.how}({read})"


def places_of(kind: str) -> int | None:
    """Return the places of a decimal kind such as ``decimal(2)``, else None."""
    return int(kind[8:-1]) if kind.startswith("decimal(") else None


# --- declaring -------------------------------------------------------------------


def first(*sources: Any) -> Any:
    """The value of a key's first event, in the order of the log, of these types.

    Args:
        *sources: a type and a field's name; or several such pairs; or a mapping from
            types to constants, such as ``{AccountOpened: "open"}``.

    Raises:
        DefinitionConflict: an unknown field, mixed kinds, a type named twice.
    """
    return _picked("first", sources)


def last(*sources: Any) -> Any:
    """The value of a key's last event, in the order of the log, of these types.

    Takes what ``first`` takes.
    """
    return _picked("last", sources)


def total(*sources: Any, minus: Iterable[tuple[type[Event], str]] = ()) -> Any:
    """The exact sum of a field, or of several; zero before the first.

    Args:
        *sources: a type and a field's name, or several such pairs, added.
        minus: pairs that are taken away.

    Raises:
        DefinitionConflict: an unknown field, mixed kinds, a field that is no Money
            and no int, one field counted twice.
    """
    plus = [(pair, 1) for pair in _pairs("total", sources)]
    less = [(pair, -1) for pair in _pairs("total", tuple(minus))]
    read = [_source("total", pair, sign) for pair, sign in plus + less]
    kind = _one_kind("total", [kind for _, kind in read])
    if kind != "int" and places_of(kind) is None:
        raise DefinitionConflict(
            f"total adds exactly, and {_spell(plus + less)} is {kind}: "
            "declare Money or int"
        )
    return _made("total", kind, [source for source, _ in read])


def count(*types: type[Event]) -> Any:
    """How many events of these types there are; zero before the first.

    Raises:
        DefinitionConflict: no type, something else than a type, a type named twice.
    """
    sources = [Source(type=_checked_type("count", cls).__name__) for cls in types]
    return _made("count", "int", sources)


def largest(*sources: Any) -> Any:
    """The largest value of a field, or of several; None before the first.

    Takes pairs of a type and a field's name. Texts compare by their characters' code
    points.

    Raises:
        DefinitionConflict: an unknown field, mixed kinds, values without an order.
    """
    return _ranked("largest", sources)


def smallest(*sources: Any) -> Any:
    """The smallest value of a field, or of several; None before the first.

    Takes what ``largest`` takes.
    """
    return _ranked("smallest", sources)


class Key(Struct, frozen=True):
    """What a projection groups by: the aggregate, or a day or month of a time.

    Attributes:
        name: the key's column: ``aggregate_id``, ``day`` or ``month``.
        time: ``occurred_at`` or ``recorded_at``; empty for the aggregate.
    """

    name: str = "aggregate_id"
    time: str = ""

    def __post_init__(self) -> None:
        """Refuse a time that the log does not keep."""
        if self.name != "aggregate_id" and self.time not in {
            "occurred_at",
            "recorded_at",
        }:
            raise DefinitionConflict(
                f"{self.name}({self.time!r}) groups by a time of the log: "
                "write 'occurred_at' or 'recorded_at'"
            )


def day(time: str = "occurred_at") -> Key:
    """Group by the calendar day of a time, in the log's zone."""
    return Key("day", time)


def month(time: str = "occurred_at") -> Key:
    """Group by the calendar month of a time, in the log's zone, named by its 1st."""
    return Key("month", time)


# --- checking --------------------------------------------------------------------


def _picked(how: How, sources: tuple[Any, ...]) -> Any:
    if len(sources) == 1 and isinstance(sources[0], Mapping):
        kind, read = _constants(how, sources[0])
    else:
        pairs = [_source(how, pair) for pair in _pairs(how, sources)]
        kind = _one_kind(how, [kind for _, kind in pairs])
        read = [source for source, _ in pairs]
    if kind == "json":
        raise DefinitionConflict(
            f"{how} can't read {_written(read)}: it is kept as JSON; give it a type "
            "of its own (text, int, Money, …), or write a plain evolve"
        )
    if twice := _twice(source.type for source in read):
        raise DefinitionConflict(f"{how} names {twice} twice: which of them is meant?")
    return _made(how, kind, read)


def _ranked(how: How, sources: tuple[Any, ...]) -> Any:
    pairs = [_source(how, pair) for pair in _pairs(how, sources)]
    kind = _one_kind(how, [kind for _, kind in pairs])
    read = [source for source, _ in pairs]
    if kind not in ORDERED and places_of(kind) is None:
        raise DefinitionConflict(
            f"{how} needs values with an order, and {_written(read)} is {kind}: "
            "name a field of Money, int, float, str, date or datetime"
        )
    return _made(how, kind, read)


def _made(how: How, kind: str, sources: list[Source]) -> Reducer:
    if not sources:
        raise DefinitionConflict(f"{how} reads nothing: name an event type")
    if twice := _twice(_written([source]) for source in sources):
        raise DefinitionConflict(f"{how} names {twice} twice: leave one out")
    return Reducer(how, kind, tuple(sources))


def _pairs(how: How, sources: tuple[Any, ...]) -> list[Any]:
    if len(sources) == 2 and isinstance(sources[1], str):
        sources = (sources,)
    for pair in sources:
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise DefinitionConflict(
                f"{how} takes pairs of an event type and a field's name, "
                f"e.g. es.{how}(MoneyDeposited, 'amount'), not {pair!r}"
            )
    return list(sources)


def _source(how: How, pair: tuple[Any, Any], sign: int = 1) -> tuple[Source, str]:
    cls, name = _checked_type(how, pair[0]), pair[1]
    field = _field(how, cls, name)
    if field.nullable and field.default is not None:
        raise DefinitionConflict(
            f"{how} can't read {cls.__name__}.{name}: it may be None, and left out it "
            f"is {field.default!r}, which one column can't tell apart: "
            "write a plain evolve"
        )
    source = Source(
        type=cls.__name__,
        field=field.name,
        value=field.default,
        nullable=field.nullable,
        sign=sign,
    )
    return source, field.kind.name


def _checked_type(how: How, cls: Any) -> type[Event]:
    if isinstance(cls, type) and issubclass(cls, Event) and cls is not Event:
        return cls
    raise DefinitionConflict(f"{how} reads event types, and {cls!r} is none")


def _field(how: How, cls: type[Event], name: Any) -> Field:
    known = {field.name: field for field in fields_of(cls)}
    if name in known:
        return known[name]
    import difflib

    near = difflib.get_close_matches(str(name), known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"its fields: {', '.join(known)}"
    raise DefinitionConflict(
        f"{how} can't read {cls.__name__}.{name}: there is no such field; {hint}"
    )


def _one_kind(how: How, kinds: list[str]) -> str:
    if not kinds:
        raise DefinitionConflict(f"{how} reads nothing: name an event type and a field")
    if len(set(kinds)) > 1:
        raise DefinitionConflict(
            f"{how} mixes {' and '.join(sorted(set(kinds)))}: "
            "one field of a state has one kind"
        )
    return kinds[0]


def _constants(how: How, mapping: Mapping[Any, Any]) -> tuple[str, list[Source]]:
    if not mapping:
        raise DefinitionConflict(f"{how} reads nothing: name an event type")
    kind = _one_kind(how, [_kind_of(how, value) for value in mapping.values()])
    values = list(mapping.values())
    if kind == "decimal":
        count = max(_places(value) for value in values)
        kind = f"decimal({count})"
        values = [value.quantize(Decimal(1).scaleb(-count)) for value in values]
    if kind == "time":
        values = [moment(value) for value in values]
    names = [_checked_type(how, cls).__name__ for cls in mapping]
    return kind, [Source(type=n, value=v) for n, v in zip(names, values, strict=True)]


_KINDS: dict[type, str] = {
    str: "text",
    int: "int",
    bool: "bool",
    float: "float",
    Decimal: "decimal",
    datetime: "time",
    date: "date",
}


def _kind_of(how: How, value: Any) -> str:
    kind = _KINDS.get(type(value))
    if kind is None or (kind == "int" and not -_WHOLE <= value < _WHOLE):
        raise DefinitionConflict(
            f"{how} can't give {value!r}: write a text, bool, Decimal, date, "
            "datetime, float or an int of 64 bits"
        )
    if kind in {"float", "decimal"} and not isfinite(value):
        raise DefinitionConflict(f"{how} can't give {value}: write a finite number")
    return kind


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -int(exponent))


def _twice(names: Iterable[str]) -> str | None:
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _written(sources: list[Source]) -> str:
    return " and ".join(source.label for source in sources)


def _spell(pairs: list[tuple[Any, int]]) -> str:
    return " and ".join(f"{cls.__name__}.{name}" for (cls, name), _ in pairs)
