"""Appends that were made before: told by the ids that their callers gave.

What lives here: the rules for given event ids, and the rows that a repeat finds.
The guarantee: an append whose ids are known is either, event by event, what stands in
the log in one place, and then nothing is written, or it is refused.
What it may not know: stores, Parquet, how rows are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from esbench.errors import DuplicateEvent, InvalidEvent, shorten
from esbench.event import RecordedEvent, Registry, data_of, type_name
from esbench.fields import same
from esbench.log.codec import decode

if TYPE_CHECKING:
    from esbench.log.draft import Draft
    from esbench.log.view import View


def already_stored(
    drafts: Sequence[Draft], view: View, registry: Registry
) -> list[RecordedEvent]:
    """Return the rows that hold these very drafts; none if all ids are new.

    Raises:
        DuplicateEvent: an id is known, with other content, company or version.
        InvalidEvent: an id of the form that the log gives by itself.
    """
    given = [draft for draft in drafts if draft.given_id is not None]
    if not given:
        return []
    _check_ids(given)
    for index, draft in enumerate(drafts):
        if position := view.ids_of(draft.aggregate_id).get(draft.given_id or ""):
            return repeated(drafts, position - index, view, registry)
    return []


def repeated(
    drafts: Sequence[Draft], first: int, view: View, registry: Registry
) -> list[RecordedEvent]:
    """Return the rows from position ``first`` on, which the drafts must equal."""
    last = first + len(drafts) - 1
    if first > 0 and last <= view.head.position:
        rows = list(decode(view.between(first, last), view.schema, registry))
        if all(map(_repeats, drafts, rows)):
            return rows
    known = next(d for d in drafts if (d.given_id or "") in view.ids_of(d.aggregate_id))
    raise DuplicateEvent(
        f"{shorten(known.aggregate_id)}: the event_id {shorten(known.given_id or '')} "
        "was appended before with other content, company or expected version: give "
        "new events new ids"
    )


def _repeats(draft: Draft, row: RecordedEvent) -> bool:
    """Tell whether the draft would write this very row again."""
    return (
        draft.aggregate_id == row.aggregate_id
        and draft.given_id == row.given_id
        and draft.expected_version in {None, row.version - 1}
        and draft.recorded_at in {None, row.recorded_at}
        and (draft.occurred_at or row.recorded_at) == row.occurred_at
        and draft.metadata == row.metadata
        and type_name(draft.event) == type_name(row.event)
        and same(data_of(draft.event), data_of(row.event))
    )


def _check_ids(drafts: Iterable[Draft]) -> None:
    """Refuse an id that stands twice, and one that the log would give by itself."""
    seen: set[tuple[str, str | None]] = set()
    for draft in drafts:
        if (draft.aggregate_id, draft.given_id) in seen:
            raise stands_twice(draft.given_id or "")
        seen.add((draft.aggregate_id, draft.given_id))
        key, _, version = (draft.given_id or "").rpartition("/")
        if key == draft.aggregate_id and version.isdigit():
            raise looks_like_own(draft.given_id or "")


def stands_twice(given: str) -> DuplicateEvent:
    """Return the error for an id that stands twice in one append."""
    return DuplicateEvent(f"event_id {shorten(given)} stands twice: use two ids")


def looks_like_own(given: str) -> InvalidEvent:
    """Return the error for an id that the log could give to another event."""
    return InvalidEvent(
        f"event_id {shorten(given)} looks like the id that the log gives by itself: "
        "choose another form"
    )
