"""What a log knows of its event types: their fields, and the columns those need.

What lives here: the record of event types that travels in every file, how it grows
with what a program declares, and the columns that follow from it.
The guarantee: a type only ever grows, by fields with a default; anything that would
read an old event as something it was not is refused before a byte is written.
What it may not know: Parquet, stores, positions.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct

from esbench.errors import DefinitionConflict
from esbench.event import Registry
from esbench.fields import Field, fields_of, kind_named

if TYPE_CHECKING:
    from esbench.event import Event

ENVELOPE: Mapping[str, str] = {
    "position": "int",
    "aggregate_id": "text",
    "version": "int",
    "type": "text",
    "schema_version": "int",
    "occurred_at": "time",
    "recorded_at": "time",
}
OPTIONAL: Mapping[str, str] = {
    "user_id": "text",
    "correlation_id": "text",
    "causation_id": "text",
    "event_id": "text",
    "payload": "text",
}


class FieldRecord(Struct, frozen=True, omit_defaults=True):
    """One field as files describe it; ``default`` is absent for a required one."""

    name: str
    kind: str
    null: bool = False
    default: Any = UNSET

    def value(self) -> Any:
        """Return the default as a Python value; None where there is none."""
        if self.default is UNSET or self.default is None:
            return None
        if self.kind == "json":
            return deepcopy(self.default)
        if self.kind == "bytes":
            return base64.b64decode(self.default)
        return kind_named(self.kind).coerce(self.default)


class TypeRecord(Struct, frozen=True, omit_defaults=True):
    """One event type as files describe it.

    ``undeclared`` marks a type whose events were appended as ``UnknownEvent``: all
    that they hold is JSON, so no declaration can claim their fields afterwards.
    """

    schema_version: int
    fields: tuple[FieldRecord, ...] = ()
    undeclared: bool = False

    def field(self, name: str) -> FieldRecord | None:
        """Return the field called ``name``, or None."""
        return next((field for field in self.fields if field.name == name), None)


def _described(field: Field) -> FieldRecord:
    default = UNSET if field.required else msgspec.to_builtins(field.default)
    return FieldRecord(field.name, field.kind.name, field.nullable, default)


def describe(cls: type[Event]) -> TypeRecord:
    """Return the record of a declared event type."""
    return TypeRecord(cls.schema_version, tuple(map(_described, fields_of(cls))))


class Schema(Struct, frozen=True, dict=True):
    """The event types of a log and the optional columns in use.

    Attributes:
        types: the record of every event type, by name.
        optional: the optional envelope columns that some event has used.
    """

    types: dict[str, TypeRecord] = {}
    optional: tuple[str, ...] = ()

    def columns(self) -> Mapping[str, str]:
        """Return every column's name and kind: envelope, optional, then fields."""
        return self._columns

    @cached_property
    def _columns(self) -> dict[str, str]:
        columns = dict(ENVELOPE)
        columns |= {name: OPTIONAL[name] for name in OPTIONAL if name in self.optional}
        for record in self.types.values():
            columns |= {f.name: f.kind for f in record.fields if f.kind != "json"}
        return columns

    def grown(self, registry: Registry) -> Schema:
        """Return the schema with everything that ``registry`` declares added.

        Raises:
            DefinitionConflict: a declaration contradicts what the log holds.
        """
        types = dict(self.types)
        for name, cls in registry.classes.items():
            new = describe(cls)
            types[name] = _agreed(name, types[name], new) if name in types else new
        _refuse_conflicts(types)
        return Schema(types, self.optional)

    def joined(self, other: Schema) -> Schema:
        """Return the union with what another file of the same log describes."""
        return Schema(self.types | other.types, self.optional).using(other.optional)

    def with_undeclared(self, names: Iterable[str]) -> Schema:
        """Return the schema with the names of types that nobody declares."""
        new = {name: TypeRecord(1, undeclared=True) for name in names}
        return Schema(new | self.types, self.optional)

    def using(self, names: Iterable[str]) -> Schema:
        """Return the schema with these optional columns in use."""
        used = {*self.optional, *names}
        return Schema(self.types, tuple(name for name in OPTIONAL if name in used))


def _agreed(name: str, old: TypeRecord, new: TypeRecord) -> TypeRecord:
    """Return the declared record if every stored event still reads as written."""
    if old.undeclared:
        raise DefinitionConflict(
            f"the log holds {name} events that were appended undeclared, as JSON: "
            "declare the new type under another name"
        )
    if new.schema_version < old.schema_version:
        raise DefinitionConflict(
            f"{name}: the log holds schema_version {old.schema_version}, this program "
            f"declares {new.schema_version}: use the newer program"
        )
    for field in old.fields:
        _check_field(name, field, new.field(field.name))
    for field in new.fields:
        if old.field(field.name) is None and field.default is UNSET:
            raise DefinitionConflict(
                f"{name}.{field.name} is new, and older events lack it: "
                "give it a default"
            )
    return new


def _check_field(owner: str, old: FieldRecord, new: FieldRecord | None) -> None:
    if new is None:
        raise DefinitionConflict(
            f"the log's {owner} has a field {old.name} ({old.kind}) that this program "
            f"does not declare: declare it"
        )
    if new.kind != old.kind:
        raise DefinitionConflict(
            f"{owner}.{old.name} is {old.kind} in the log and {new.kind} in this "
            "program: choose another name for the new field"
        )
    if old.null and not new.null:
        raise DefinitionConflict(
            f"{owner}.{old.name} may be None in the log: declare it with | None"
        )
    if old.default is not UNSET and new.default != old.default:
        raise DefinitionConflict(
            f"{owner}.{old.name} has the default {old.value()!r} in the log, and older "
            "events are read with it: keep that default"
        )


def _refuse_conflicts(types: Mapping[str, TypeRecord]) -> None:
    """Refuse one column name with two kinds, or two spellings of one name."""
    seen: dict[str, tuple[str, FieldRecord]] = {}
    for owner, record in types.items():
        for field in record.fields:
            other, known = seen.setdefault(field.name.lower(), (owner, field))
            if (known.name, known.kind) != (field.name, field.kind):
                raise DefinitionConflict(
                    f"{other}.{known.name} is {known.kind} and {owner}.{field.name} is "
                    f"{field.kind}, but one column holds both: rename one"
                )
