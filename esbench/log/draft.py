"""An append before it is written: checked drafts, and the commit they would make.

What lives here: reading the arguments of ``append`` and ``commit``, the expected
versions, and the rows that a commit, of one append or of several, would write.
The guarantee: everything about an append is decided here, from a view and the time,
without touching a file; so a lost race only means deciding again.
What it may not know: stores, Parquet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Protocol

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
from esbench.log import codec
from esbench.log.chain import Word, link_rows
from esbench.log.columns import Frame, Keys, frame_of
from esbench.log.file import SMALL
from esbench.log.repeat import already_stored
from esbench.log.schema import OPTIONAL, Schema
from esbench.moments import micros, moment

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

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


class Content(Protocol):
    """The rows of a commit, before they are a file."""

    def chain(self, previous: str) -> str:
        """Return the chain after these rows, that before them being ``previous``."""

    def table(self, columns: Mapping[str, str]) -> pa.Table:
        """Return the rows as a file holds them: these columns, in the file's order."""


class Ready(Struct, frozen=True, kw_only=True):
    """A commit that is decided, and only has to be written.

    Attributes:
        content: its rows.
        schema: what the log knows with it.
        first, last: its positions.
        versions: each aggregate's version after it.
        occurred, recorded: smallest and largest time, in microseconds since 1970.
        imported: whether it brings its own recorded times.
    """

    content: Content
    schema: Schema
    first: int
    last: int
    versions: dict[str, int]
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
    if not isinstance(event, Stamped):
        return Draft(
            aggregate_id=key,
            event=_checked_event(event),
            occurred_at=when,
            given_id=None,
            metadata=common,
        )
    merged = {
        name: getattr(event.metadata, name) or getattr(common, name)
        for name in Metadata.__struct_fields__
    }
    return Draft(
        aggregate_id=key,
        event=_checked_event(event.event),
        occurred_at=event.occurred_at or when,
        given_id=event.event_id,
        metadata=Metadata(**merged) if any(merged.values()) else NO_METADATA,
    )


def _checked_event(event: object) -> AnyEvent:
    if isinstance(event, Event):
        return event
    if isinstance(event, UnknownEvent):
        return checked_unknown(event)
    raise InvalidEvent(f"{event!r} is no event: make one of a declared type")


def known(event: AnyEvent, registry: Registry, schema: Schema) -> AnyEvent:
    """Return the event as the log's declared types have it.

    Raises:
        InvalidEvent: a type that this log was not opened with.
    """
    if registry.classes.get(type(event).__name__) is type(event):
        return event
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


class Group:
    """Appends that are decided one after another and written as one file.

    Each sees what those before it have added; one that is refused adds nothing.

    Args:
        view: the log, up to its head.
        registry: the declared event types.
        now: the time to record, never before the log's last.
    """

    def __init__(self, view: View, registry: Registry, now: datetime) -> None:
        self._view, self._registry, self._now = view, registry, now
        self._rows: list[RecordedEvent] = []
        self._stored: list[dict[str, Word]] = []
        self._frame: pl.DataFrame | None = None
        self._versions: dict[str, int] = {}
        self._kinds = {**OPTIONAL, **view.schema.columns()}

    def touches(self, drafts: Iterable[Draft]) -> bool:
        """Tell whether an aggregate of these drafts has new events in the group."""
        return any(draft.aggregate_id in self._versions for draft in drafts)

    def add(self, drafts: Sequence[Draft]) -> Commit:
        """Return what the append of these drafts gives, now or when it was made first.

        Raises:
            ConcurrencyError: an expected version is stale.
            DuplicateEvent: a known event id with other content or company.
            InvalidEvent: a type that this log was not opened with.
        """
        view, registry = self._view, self._registry
        drafts = [_known(draft, registry, view.schema) for draft in drafts]
        if stored := already_stored(drafts, view, registry):
            return first_result(stored)
        versions: dict[str, int] = {}
        first = view.head.position + len(self._rows) + 1
        rows = [
            self._row(draft, position, versions)
            for position, draft in enumerate(drafts, start=first)
        ]
        if len(rows) > SMALL:  # such an append has a file of its own
            self._frame = frame_of(rows, self._kinds)
        if self._frame is None:
            self._stored += [codec.stored(row, self._kinds) for row in rows]
        self._versions |= versions
        self._rows += rows
        return first_result(rows)

    def _row(
        self, draft: Draft, position: int, versions: dict[str, int]
    ) -> RecordedEvent:
        """Return the row that a draft becomes, held against its expected version."""
        key = draft.aggregate_id
        version = versions.get(key) or self._versions.get(key)
        if version is None:
            version = self._view.version_of(key)
        if draft.expected_version not in {None, version}:
            raise ConcurrencyError(key, draft.expected_version or 0, version)
        versions[key] = version + 1
        return RecordedEvent(
            draft.event,
            key,
            version + 1,
            position,
            draft.occurred_at or self._now,
            self._now,
            getattr(type(draft.event), "schema_version", 1),
            draft.given_id,
            draft.metadata,
        )

    def ready(self) -> Ready:
        """Return the file to be written."""
        schema = self._view.schema.with_undeclared(
            row.event.type for row in self._rows if isinstance(row.event, UnknownEvent)
        )
        content: Content
        if self._frame is None:
            used: set[str] = set().union(*self._stored)
            content = Rows(self._stored, self._kinds)
        else:
            used = set(self._frame.columns)
            content = Frame(self._frame, Keys(self._frame.get_column("aggregate_id")))
        occurred = [row.occurred_at for row in self._rows]
        recorded = micros(self._now)
        return Ready(
            content=content,
            schema=schema.using(used & OPTIONAL.keys()),
            first=self._rows[0].position,
            last=self._rows[-1].position,
            versions=self._versions,
            occurred=(micros(min(occurred)), micros(max(occurred))),
            recorded=(recorded, recorded),
        )


class Rows:
    """A few rows, packed one by one."""

    def __init__(
        self, rows: Sequence[Mapping[str, Word]], kinds: Mapping[str, str]
    ) -> None:
        self._rows, self._kinds = rows, kinds

    def chain(self, previous: str) -> str:
        """Return the chain after these rows, that before them being ``previous``."""
        return link_rows(previous, self._rows, self._kinds)

    def table(self, columns: Mapping[str, str]) -> pa.Table:
        """Return the rows as a file holds them; many are sorted by aggregate."""
        rows = self._rows
        if len(rows) > SMALL:
            rows = sorted(rows, key=lambda row: row["aggregate_id"][1])
        return codec.table(rows, columns)


def _known(draft: Draft, registry: Registry, schema: Schema) -> Draft:
    event = known(draft.event, registry, schema)
    return draft if event is draft.event else replace(draft, event=event)


def first_result(rows: Sequence[RecordedEvent]) -> Commit:
    """Return what appending these rows gives, whenever it is asked."""
    return Commit(
        first=rows[0].position,
        last=rows[-1].position,
        versions={row.aggregate_id: row.version for row in rows},
        recorded_at=rows[-1].recorded_at,
    )
