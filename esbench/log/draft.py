"""An append before it is written: checked drafts, and the commit they would make.

What lives here: reading the arguments of ``append`` and ``commit``, the expected
versions, repeats of known event ids, and the rows that a commit would write.
The guarantee: everything about an append is decided here, from a view and the time,
without touching a file; so a lost race only means deciding again.
What it may not know: stores, Parquet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from esbench.errors import ConcurrencyError, DuplicateEvent, InvalidEvent, shorten
from esbench.event import (
    AnyEvent,
    Event,
    Metadata,
    RecordedEvent,
    Registry,
    Stamped,
    UnknownEvent,
    checked_metadata,
    checked_unknown,
)
from esbench.fields import checked_name
from esbench.log.codec import decode, encode, uses
from esbench.moments import micros, moment

if TYPE_CHECKING:
    import pyarrow as pa

    from esbench.log.schema import Schema
    from esbench.log.view import View


class Commit(Struct, frozen=True, kw_only=True):
    """What an append wrote.

    Attributes:
        first, last: the positions of its first and last event.
        versions: each aggregate's version after it.
        recorded_at: when the log took it, UTC.
    """

    first: int
    last: int
    versions: dict[str, int]
    recorded_at: datetime


class Ready(Struct, frozen=True, kw_only=True):
    """A commit that is decided, and only has to be written."""

    table: pa.Table
    schema: Schema
    commit: Commit
    occurred: tuple[int, int]
    recorded: tuple[int, int]
    imported: bool = False


class Draft(Struct, frozen=True, kw_only=True):
    """One event that is to be appended."""

    event: AnyEvent
    occurred_at: datetime | None
    given_id: str | None
    metadata: Metadata


class Part(Struct, frozen=True, kw_only=True):
    """The drafts of one aggregate, and the version that they expect."""

    aggregate_id: str
    drafts: tuple[Draft, ...]
    expected_version: int | None


def part(
    aggregate_id: str,
    events: Iterable[AnyEvent | Stamped],
    expected_version: int | None,
    occurred_at: datetime | str | None,
    metadata: Metadata | Mapping[str, str] | None,
) -> Part:
    """Return the checked drafts of one aggregate.

    Raises:
        InvalidEvent: something that can't be stored as it is.
    """
    if isinstance(events, Event | UnknownEvent | Stamped | str) or not isinstance(
        events, Iterable
    ):
        raise InvalidEvent("events come as a list: write append(id, [event])")
    when = None if occurred_at is None else moment(occurred_at)
    common = checked_metadata(metadata)
    drafts = tuple(_draft(event, when, common) for event in events)
    if not drafts:
        raise InvalidEvent("there is no event to append: give at least one")
    _check_expected(expected_version)
    return Part(
        aggregate_id=checked_name("aggregate_id", aggregate_id),
        drafts=drafts,
        expected_version=expected_version,
    )


def _check_expected(value: object) -> None:
    if value is not None and (type(value) is not int or value < 0):
        raise InvalidEvent(
            f"expected_version {value!r}: write the version that you saw, 0 for an "
            "aggregate that must not exist yet"
        )


def _draft(event: object, when: datetime | None, common: Metadata) -> Draft:
    if isinstance(event, Stamped):
        own = event.metadata
        merged = {
            name: getattr(own, name) or getattr(common, name)
            for name in Metadata.__struct_fields__
        }
        metadata = Metadata(**merged) if any(merged.values()) else common
        return Draft(
            event=_checked_event(event.event),
            occurred_at=event.occurred_at or when,
            given_id=event.event_id,
            metadata=metadata,
        )
    return Draft(
        event=_checked_event(event), occurred_at=when, given_id=None, metadata=common
    )


def _checked_event(event: object) -> AnyEvent:
    if isinstance(event, UnknownEvent):
        return checked_unknown(event)
    if not isinstance(event, Event):
        raise InvalidEvent(f"{event!r} is no event: make one of a declared type")
    return event


def _declared(each: Part, registry: Registry, schema: Schema) -> Part:
    """Return the part with every event in the form that the log declares."""
    drafts = tuple(
        replace(draft, event=known(draft.event, registry, schema))
        for draft in each.drafts
    )
    return replace(each, drafts=drafts)


def known(event: AnyEvent, registry: Registry, schema: Schema) -> AnyEvent:
    """Return the event as the log's declared types have it.

    Raises:
        InvalidEvent: a type that this log was not opened with.
    """
    name = event.type if isinstance(event, UnknownEvent) else type(event).__name__
    cls = registry.classes.get(name)
    if isinstance(event, UnknownEvent):
        if cls is not None:
            return cls(**event.data)
        record = schema.types.get(name)
        if record is not None and not record.undeclared:
            raise InvalidEvent(
                f"the log holds declared {name} events: open it with that type in "
                "events= to append more"
            )
        return event
    if cls is not type(event):
        raise InvalidEvent(
            f"this log was opened without {name}: open it with "
            f"EventLog(…, events=[…, {name}])"
        )
    return event


def decided(
    parts: tuple[Part, ...], view: View, registry: Registry, now: datetime
) -> Ready | Commit:
    """Return what is to be written, or the first result of a repeat.

    Raises:
        ConcurrencyError: an expected version is stale.
        DuplicateEvent: a known event id with other content or company.
    """
    parts = tuple(_declared(each, registry, view.schema) for each in parts)
    if any(draft.given_id for each in parts for draft in each.drafts):
        if repeated := _repeat(parts, view, registry):
            return repeated
    rows, versions = _rows(parts, view, registry, now)
    schema = view.schema.grown(registry)
    schema = schema.with_undeclared(
        row.event.type for row in rows if isinstance(row.event, UnknownEvent)
    )
    schema = schema.using(set().union(*map(uses, rows)))
    occurred = [micros(row.occurred_at) for row in rows]
    recorded = micros(now)
    return Ready(
        table=encode(rows, schema),
        schema=schema,
        commit=Commit(
            first=rows[0].position,
            last=rows[-1].position,
            versions=versions,
            recorded_at=now,
        ),
        occurred=(min(occurred), max(occurred)),
        recorded=(recorded, recorded),
    )


def _rows(
    parts: tuple[Part, ...], view: View, registry: Registry, now: datetime
) -> tuple[list[RecordedEvent], dict[str, int]]:
    """Return the rows that the parts become, and each aggregate's last version."""
    rows: list[RecordedEvent] = []
    versions: dict[str, int] = {}
    for each in parts:
        key = each.aggregate_id
        version = versions.get(key, view.version_of(key))
        if each.expected_version not in {None, version}:
            raise ConcurrencyError(key, each.expected_version or 0, version)
        for draft in each.drafts:
            version += 1
            rows.append(
                RecordedEvent(
                    event=draft.event,
                    aggregate_id=key,
                    version=version,
                    position=view.head.position + len(rows) + 1,
                    occurred_at=draft.occurred_at or now,
                    recorded_at=now,
                    schema_version=getattr(type(draft.event), "schema_version", 1),
                    given_id=draft.given_id,
                    metadata=draft.metadata,
                )
            )
        versions[key] = version
    return rows, versions


# --- repeats ---------------------------------------------------------------------


def _repeat(parts: tuple[Part, ...], view: View, registry: Registry) -> Commit | None:
    """Return the first result if all of this is stored already, None if nothing is."""
    for each in parts:
        _check_ids(each)
    stored = [_stored(each, view, registry) for each in parts]
    if not any(stored):
        return None
    expected_next = stored[0][0].position if stored[0] else 0
    for each, rows in zip(parts, stored, strict=True):
        if not rows or rows[0].position != expected_next or not _same(each, rows):
            raise DuplicateEvent(
                f"{shorten(each.aggregate_id)}: "
                f"{', '.join(sorted(_ids(each) & _known_ids(each, view))[:3]) or 'ids'}"
                " was appended before with other content, company or expected "
                "version: give new events new ids"
            )
        expected_next = rows[-1].position + 1
    last = stored[-1][-1]
    return Commit(
        first=stored[0][0].position,
        last=last.position,
        versions={rows[-1].aggregate_id: rows[-1].version for rows in stored},
        recorded_at=last.recorded_at,
    )


def _ids(each: Part) -> set[str]:
    return {draft.given_id for draft in each.drafts if draft.given_id}


def _known_ids(each: Part, view: View) -> set[str]:
    return set(view.ids_of(each.aggregate_id))


def _check_ids(each: Part) -> None:
    """Refuse an id that stands twice, and one that the log would give by itself."""
    seen: set[str] = set()
    for draft in each.drafts:
        given = draft.given_id
        if given is None:
            continue
        if given in seen:
            raise DuplicateEvent(f"event_id {shorten(given)} stands twice: use two ids")
        seen.add(given)
        key, _, version = given.rpartition("/")
        if key == each.aggregate_id and version.isdigit():
            raise InvalidEvent(
                f"event_id {shorten(given)} looks like the id that the log gives by "
                "itself: choose another form"
            )


def _stored(each: Part, view: View, registry: Registry) -> list[RecordedEvent]:
    """Return the stored rows that the drafts may repeat; empty if no id is known."""
    ids = view.ids_of(each.aggregate_id)
    for index, draft in enumerate(each.drafts):
        if draft.given_id in ids:
            first = ids[draft.given_id] - index
            rows = [
                row
                for frame in view.rows(each.aggregate_id)
                for row in decode(frame, view.schema, registry)
            ]
            wanted = range(first, first + len(each.drafts))
            return [row for row in rows if row.position in wanted] or rows[:1]
    return []


def _same(each: Part, rows: list[RecordedEvent]) -> bool:
    """Tell whether the drafts would write these very rows again."""
    return (
        len(rows) == len(each.drafts)
        and each.expected_version in {None, rows[0].version - 1}
        and all(map(_equal, each.drafts, rows))
    )


def _equal(draft: Draft, row: RecordedEvent) -> bool:
    return (
        draft.given_id == row.given_id
        and draft.event == row.event
        and draft.metadata == row.metadata
        and (draft.occurred_at or row.recorded_at) == row.occurred_at
    )
