"""An append before it is written: checked drafts, and the commit they would make.

What lives here: reading the arguments of ``append`` and ``commit``, the expected
versions, and the rows that a commit would write.
The guarantee: everything about an append is decided here, from a view and the time,
without touching a file; so a lost race only means deciding again.
What it may not know: stores, Parquet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct
from msgspec.structs import replace

from esbench.errors import ConcurrencyError, InvalidEvent
from esbench.event import (
    NO_METADATA,
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
from esbench.log.codec import encode, uses
from esbench.log.repeat import already_stored
from esbench.moments import micros, moment

if TYPE_CHECKING:
    import pyarrow as pa

    from esbench.log.schema import Schema
    from esbench.log.view import View


SHOWN = 3


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

    def __repr__(self) -> str:
        """Say it in a line, however many aggregates there are."""
        named = dict(islice(self.versions.items(), SHOWN))
        rest = len(self.versions) - len(named)
        more = f" and {rest} more" if rest else ""
        when = self.recorded_at.isoformat().replace("+00:00", "Z")
        return (
            f"Commit(first={self.first}, last={self.last}, "
            f"versions={named}{more}, recorded_at={when})"
        )


class Ready(Struct, frozen=True, kw_only=True):
    """A commit that is decided, and only has to be written."""

    table: pa.Table
    schema: Schema
    commit: Commit
    occurred: tuple[int, int]
    recorded: tuple[int, int]
    imported: bool = False


class Draft(Struct, frozen=True, kw_only=True):
    """One event that is to be appended.

    Attributes:
        expected_version: the version of the aggregate before it; None for any.
        recorded_at: only where an import brings its own.
    """

    aggregate_id: str
    event: AnyEvent
    occurred_at: datetime | None
    given_id: str | None
    metadata: Metadata
    expected_version: int | None = None
    recorded_at: datetime | None = None


def drafted(
    aggregate_id: str,
    events: Iterable[AnyEvent | Stamped],
    expected_version: int | None,
    occurred_at: datetime | str | None,
    metadata: Metadata | Mapping[str, str] | None,
) -> tuple[Draft, ...]:
    """Return the checked drafts of one aggregate; the first carries the expectation.

    Raises:
        InvalidEvent: something that can't be stored as it is.
    """
    if isinstance(events, Event | UnknownEvent | Stamped | str) or not isinstance(
        events, Iterable
    ):
        raise InvalidEvent("events come as a list: write append(id, [event])")
    _check_expected(expected_version)
    key = checked_name("aggregate_id", aggregate_id)
    when = None if occurred_at is None else moment(occurred_at)
    common = checked_metadata(metadata)
    drafts = tuple(_draft(key, event, when, common) for event in events)
    if not drafts:
        raise InvalidEvent("there is no event to append: give at least one")
    return replace(drafts[0], expected_version=expected_version), *drafts[1:]


def _check_expected(value: object) -> None:
    if value is not None and (type(value) is not int or value < 0):
        raise InvalidEvent(
            f"expected_version {value!r}: write the version that you saw, 0 for an "
            "aggregate that must not exist yet"
        )


def _draft(key: str, event: object, when: datetime | None, common: Metadata) -> Draft:
    given = event if isinstance(event, Stamped) else Stamped(event=cast("Any", event))
    merged = {
        name: getattr(given.metadata, name) or getattr(common, name)
        for name in Metadata.__struct_fields__
    }
    return Draft(
        aggregate_id=key,
        event=_checked_event(given.event),
        occurred_at=given.occurred_at or when,
        given_id=given.event_id,
        metadata=Metadata(**merged) if any(merged.values()) else NO_METADATA,
    )


def _checked_event(event: object) -> AnyEvent:
    if isinstance(event, UnknownEvent):
        return checked_unknown(event)
    if not isinstance(event, Event):
        raise InvalidEvent(f"{event!r} is no event: make one of a declared type")
    return event


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
    drafts: tuple[Draft, ...], view: View, registry: Registry, now: datetime
) -> Ready | Commit:
    """Return what is to be written, or the first result of a repeat.

    Raises:
        ConcurrencyError: an expected version is stale.
        DuplicateEvent: a known event id with other content or company.
    """
    drafts = tuple(
        replace(draft, event=known(draft.event, registry, view.schema))
        for draft in drafts
    )
    if stored := already_stored(drafts, view, registry):
        return first_result(stored)
    rows = _rows(drafts, view, now)
    schema = view.schema.with_undeclared(
        row.event.type for row in rows if isinstance(row.event, UnknownEvent)
    )
    schema = schema.using(set().union(*map(uses, rows)))
    occurred = [micros(row.occurred_at) for row in rows]
    recorded = micros(now)
    return Ready(
        table=encode(rows, schema),
        schema=schema,
        commit=first_result(rows),
        occurred=(min(occurred), max(occurred)),
        recorded=(recorded, recorded),
    )


def first_result(rows: Sequence[RecordedEvent]) -> Commit:
    """Return what appending these rows gives, whenever it is asked."""
    return Commit(
        first=rows[0].position,
        last=rows[-1].position,
        versions={row.aggregate_id: row.version for row in rows},
        recorded_at=rows[-1].recorded_at,
    )


def _rows(drafts: Iterable[Draft], view: View, now: datetime) -> list[RecordedEvent]:
    """Return the rows that the drafts become, held against the expected versions."""
    rows: list[RecordedEvent] = []
    versions: dict[str, int] = {}
    for position, draft in enumerate(drafts, start=view.head.position + 1):
        key = draft.aggregate_id
        version = versions.get(key) or view.version_of(key)
        if draft.expected_version not in {None, version}:
            raise ConcurrencyError(key, draft.expected_version or 0, version)
        versions[key] = version + 1
        rows.append(
            RecordedEvent(
                event=draft.event,
                aggregate_id=key,
                version=version + 1,
                position=position,
                occurred_at=draft.occurred_at or now,
                recorded_at=now,
                schema_version=getattr(type(draft.event), "schema_version", 1),
                given_id=draft.given_id,
                metadata=draft.metadata,
            )
        )
    return rows
