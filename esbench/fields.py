"""The fields of an event type: which kinds there are, and how values are checked.

What lives here: ``Money``, the kinds of field, and the coercion of one value.
The guarantee: a coerced value is exactly what a log stores and gives back; whatever
would be rounded, wrapped or guessed raises, saying what to write instead.
What it may not know: event types, files, frames.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable
from datetime import date, datetime
from decimal import Context, Decimal
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec
from msgspec import NODEFAULT, Struct

from esbench.errors import DefinitionConflict, InvalidEvent, shorten
from esbench.moments import day, moment


class Money:
    """Exact money: a ``Decimal`` with two places, made from text, int or Decimal.

    ``Annotated[Money, places(4)]`` keeps four. Floats, NaN, Infinity and values with
    more places are refused; the whole part has at most 18 digits less the places.
    """

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: Any = None) -> Decimal: ...

        def __set__(self, instance: object, value: Decimal | str | int) -> None: ...


class places(Struct, frozen=True):  # noqa: N801 - reads as a word in an annotation
    """How many decimal places a ``Money`` field keeps."""

    count: int


_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_EXACT = Context(prec=60)  # whatever precision the program has set for itself
_INT64 = 2**63


class Kind(Struct, frozen=True):
    """How values of one sort are named in files, checked and coerced.

    Attributes:
        name: ``text``, ``int``, ``bool``, ``float``, ``decimal(2)``, ``time``,
            ``date``, ``bytes`` or ``json``.
        coerce: gives the stored value, or raises ``ValueError`` with a hint.
    """

    name: str
    coerce: Callable[[Any], Any]


class Field(Struct, frozen=True, kw_only=True):
    """One declared field of an event type."""

    name: str
    kind: Kind
    nullable: bool
    required: bool
    default: Any = None

    def coerce(self, value: Any, owner: str) -> Any:
        """Return the value to keep, or refuse it naming ``owner`` and the field."""
        if value is None and self.nullable:
            return None
        try:
            return self.kind.coerce(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise InvalidEvent(f"{owner}.{self.name}: {error}") from None


@cache
def fields_of(cls: type[Struct]) -> tuple[Field, ...]:
    """Return the declared fields of an event type, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    defaults = {field.name: field for field in msgspec.structs.fields(_plain(cls))}
    return tuple(_field(name, hints[name], defaults[name]) for name in defaults)


def _plain(cls: type[Struct]) -> type[Struct]:
    """Give the fields and defaults alone: msgspec can't read ``Money``."""
    first_default = len(cls.__struct_fields__) - len(cls.__struct_defaults__)
    pairs: list[Any] = []
    for index, name in enumerate(cls.__struct_fields__):
        behind = index - first_default
        has = behind >= 0 and cls.__struct_defaults__[behind] is not NODEFAULT
        if not has:
            pairs.append((name, Any))
            continue
        default = cls.__struct_defaults__[behind]
        pairs.append((name, Any, _default_field(default)))
    return msgspec.defstruct(cls.__name__, pairs, kw_only=True)


def _default_field(default: Any) -> Any:
    factory = getattr(default, "factory", None)
    return msgspec.field(default_factory=factory) if factory else default


def _field(name: str, hint: Any, info: msgspec.structs.FieldInfo) -> Field:
    bare, nullable = _without_none(hint)
    default = info.default
    if info.default_factory is not NODEFAULT:
        default = info.default_factory()
    required = default is NODEFAULT
    kind = _kind(bare)
    if not required and default is not None:
        default = _checked_default(name, kind, default)
    return Field(
        name=name,
        kind=kind,
        nullable=nullable or (not required and default is None),
        required=required,
        default=None if required else default,
    )


def _checked_default(name: str, kind: Kind, default: Any) -> Any:
    try:
        return kind.coerce(default)
    except (ValueError, TypeError, OverflowError) as error:
        raise DefinitionConflict(f"the default of {name}: {error}") from None


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) not in {typing.Union, types.UnionType}:
        return hint, False
    members = typing.get_args(hint)
    rest = tuple(member for member in members if member is not type(None))
    if len(rest) == len(members):
        return hint, False
    return (rest[0] if len(rest) == 1 else typing.Union[rest]), True  # noqa: UP007 - built at run time


def _kind(hint: Any) -> Kind:
    if hint is Money:
        return decimal_kind(2)
    if typing.get_origin(hint) is typing.Annotated:
        base, *notes = typing.get_args(hint)
        if base is Money:
            return decimal_kind(next(n.count for n in notes if isinstance(n, places)))
        return _kind(base)
    if typing.get_origin(hint) is Literal and _texts(typing.get_args(hint)):
        return Kind("text", lambda value: _text(msgspec.convert(value, hint)))
    return _SIMPLE.get(hint) or Kind("json", lambda value: json_coerce(value, hint))


def _texts(values: tuple[Any, ...]) -> bool:
    return all(isinstance(value, str) for value in values)


@cache
def decimal_kind(count: int) -> Kind:
    """Return the kind of exact decimals with ``count`` places."""
    return Kind(f"decimal({count})", lambda value: _decimal(value, count))


def _decimal(value: object, count: int) -> Decimal:
    """Give the exact decimal, or say what to write instead."""
    if type(value) is str and not _NUMBER.fullmatch(value):
        raise ValueError(_number_hint(value))
    if type(value) is float:
        raise ValueError(
            f"{value!r} is a float, which can't hold money exactly: "
            f"write it as text, e.g. '{value:.{count}f}'"
        )
    if type(value) not in {str, int, Decimal}:
        raise ValueError(f"{value!r} is no amount: write text, e.g. '12.50'")
    number = Decimal(cast("str", value))
    if not number.is_finite():
        raise ValueError(f"{value} is no amount: write a finite number, e.g. '12.50'")
    return _exact(number, count)


def _exact(number: Decimal, count: int) -> Decimal:
    if number and number.adjusted() >= 18 - count:
        raise ValueError(
            f"{shorten(str(number))} is too large: at most 18 digits are kept"
        )
    kept = number.quantize(Decimal((0, (1,), -count)), context=_EXACT)
    if kept != number:
        raise ValueError(
            f"{shorten(str(number))} has more than {count} decimal places: round it "
            f"yourself, e.g. '{kept}'"
        )
    return kept or abs(kept)  # zero has no sign


def unscaled(number: Decimal, count: int) -> int:
    """Return an amount with ``count`` places as a whole number of the last one."""
    return int(number.scaleb(count, context=_EXACT))


def _number_hint(value: str) -> str:
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", value):
        return f"{value!r} has a decimal comma: write '{value.replace(',', '.')}'"
    return f"{shorten(value)!r} is no amount: write digits and a point, e.g. '12.50'"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text: write '{value}'")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{value!r} holds half a character (a lone surrogate): remove it"
        ) from None
    return str(value)


def _int(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number: write e.g. 12")
    if not -_INT64 <= value < _INT64:
        raise ValueError(f"{value} does not fit into 64 bits: store it as text")
    return value


def _bool(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{value!r} is neither True nor False")
    return value


def _float(value: object) -> float:
    if type(value) not in {int, float}:
        raise ValueError(f"{value!r} is no number: write e.g. 52.5")
    number = float(cast("float", value))
    if not isfinite(number):
        raise ValueError(f"{value} is not finite: leave the field out or store text")
    if number != value:
        raise ValueError(f"{value} is no float without rounding: declare an int field")
    return number


def _date(value: object) -> date:
    if isinstance(value, str):
        value = day(value)
    if type(value) is not date:
        raise ValueError(f"{value!r} is no day: write e.g. '2024-01-31'")
    return value


def _bytes(value: object) -> bytes:
    if type(value) is not bytes:
        raise ValueError(f"{value!r} is not bytes")
    return value


def _time(value: Any) -> datetime:
    return moment(value)


_SIMPLE: dict[Any, Kind] = {
    str: Kind("text", _text),
    int: Kind("int", _int),
    bool: Kind("bool", _bool),
    float: Kind("float", _float),
    datetime: Kind("time", _time),
    date: Kind("date", _date),
    bytes: Kind("bytes", _bytes),
}


def kind_named(name: str) -> Kind:
    """Return the kind that files call ``name``, such as ``decimal(2)``."""
    if found := re.fullmatch(r"decimal\((\d+)\)", name):
        return decimal_kind(int(found[1]))
    return next(kind for kind in _SIMPLE.values() if kind.name == name)


def json_coerce(value: Any, hint: Any) -> Any:
    """Give the value if JSON text holds it exactly, else say what does not fit."""
    try:
        converted = msgspec.convert(value, hint)
        text = msgspec.json.encode(converted)
        _refuse_huge(msgspec.json.decode(text))
        kept = msgspec.json.decode(text, type=hint)
    except (TypeError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError(f"JSON can't hold it: {error}") from None
    if not same(kept, converted):
        raise ValueError(
            "JSON would change it: use texts, finite numbers, True, False, None, "
            "lists, and dicts with text keys"
        )
    return converted


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal and of the same types all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            same(left[key], right[key]) for key in left
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _refuse_huge(value: Any) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _refuse_huge(item)
    elif type(value) is int and not -_INT64 <= value < _INT64:
        raise ValueError(f"{value} does not fit into 64 bits: store it as text")


@cache
def payload_of(cls: type[Struct]) -> msgspec.json.Decoder[dict[str, Any]]:
    """Return what reads the JSON text that holds an event's nested fields.

    Any other field stands there only as an explicit None.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    nested = {
        field.name: hints[field.name] | None if field.kind.name == "json" else None
        for field in fields_of(cls)
    }
    shape = typing.TypedDict("shape", nested, total=False)  # type: ignore[misc]
    return msgspec.json.Decoder(shape)


def checked_name(what: str, value: object) -> str:
    """Return ``value`` if it can name something: non-empty, storable text."""
    if not isinstance(value, str):
        raise InvalidEvent(f"{what}: {value!r} is no text: write '{value}'")
    if not value:
        raise InvalidEvent(f"{what} is empty: give it a text, e.g. 'acc_123'")
    try:
        return _text(value)
    except ValueError as error:
        raise InvalidEvent(f"{what}: {error}") from None
