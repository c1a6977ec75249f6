"""States of a plain ``evolve`` as text, and back.

What lives here: what can be kept of a state that may be any Python value.
The guarantee: a text is only given for a state that comes back from it equal, in the
same types all the way down; reading one runs nothing but the state's own type.
What it may not know: snapshots, folds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from esbench.errors import DefinitionConflict, shorten


class States:
    """Texts of states of one type.

    Args:
        type_: the type of the states, as msgspec reads types; ``Any`` for what JSON
            itself holds.
        name: the name of the projection, for errors.
    """

    def __init__(self, type_: Any, name: str) -> None:
        self._type = type_
        self._name = name
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def text(self, state: Any, key: str) -> str:
        """Return a state as JSON.

        Raises:
            DefinitionConflict: it would not come back as it was.
        """
        try:
            text = msgspec.json.encode(state).decode()
            back = self.state(text)
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise self._refused(key, f"{error}") from None
        if not alike(state, back):
            shown = shorten(repr(back))
            raise self._refused(key, f"{shorten(repr(state))} comes back as {shown}")
        return text

    def state(self, text: str) -> Any:
        """Return the state of a text, anew each time."""
        if self._decoder is None:
            self._decoder = msgspec.json.Decoder(self._type)
        return self._decoder.decode(text)

    def _refused(self, key: str, why: str) -> DefinitionConflict:
        return DefinitionConflict(
            f"{self._name}: the state of {shorten(key)} can't be kept as JSON ({why}): "
            "say its type, projection(…, state=Type), with fields that msgspec reads, "
            "or take no snapshot"
        )


def alike(left: Any, right: Any) -> bool:
    """Tell whether two values are equal, in digits, order and types all the way down.

    >>> alike({"a": [1, 2]}, {"a": [1, 2]}), alike(1, 1.0), alike((1,), [1])
    (True, False, False)
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return _alike_all(left, right) and _alike_all(left.values(), right.values())
    if isinstance(left, list | tuple):
        return _alike_all(left, right)
    if isinstance(left, set | frozenset):
        return bool(left == right) and _spelled(left) == _spelled(right)
    if names := _fields(left):
        return all(alike(getattr(left, n), getattr(right, n)) for n in names)
    return _ALIKE.get(type(left), _equal)(left, right)


def _alike_all(left: Any, right: Any) -> bool:
    return len(left) == len(right) and all(map(alike, left, right))


def _spelled(values: Any) -> list[str]:
    return sorted(f"{type(value)} {value!r}" for value in values)


def _fields(value: Any) -> tuple[str, ...]:
    """Return the names of a record's fields; none for what is no record."""
    if isinstance(value, Struct):
        return value.__struct_fields__
    return tuple(getattr(type(value), "__dataclass_fields__", ()))


def _equal(left: Any, right: Any) -> bool:
    return bool(left == right)


def _same_moment(left: datetime, right: datetime) -> bool:
    zones = left.tzinfo == right.tzinfo and left.fold == right.fold
    return zones and left.replace(tzinfo=None) == right.replace(tzinfo=None)


_ALIKE: dict[type, Callable[[Any, Any], bool]] = {
    Decimal: lambda left, right: left.as_tuple() == right.as_tuple(),
    float: lambda a, b: a == b and math.copysign(1, a) == math.copysign(1, b),
    datetime: _same_moment,
}
