"""The calls that every projection has, on every past.

What lives here: ``hydrate table steps series compare snapshot`` as far as they do not
depend on how a projection is written.
The guarantee: a key exists in a past when an event that its projection names is in
it; one that does not exist is a ``NotFound`` that says when it began, never an empty
state. With a snapshot or without, the answer is the same.
What it may not know: reducers, files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from esbench.errors import InvalidEvent, NotFound, shorten
from esbench.event import RecordedEvent
from esbench.moments import day as parsed_day
from esbench.projection.reducers import Key
from esbench.projection.snapshots import (
    Base,
    Begun,
    Replayed,
    Snapshot,
    base_left,
    base_of,
    begun,
    taken,
)
from esbench.projection.steps import EXACT, KeyValue, key_of

if TYPE_CHECKING:
    import polars as pl

    from esbench.log.past import Readable
    from esbench.projection.answer import Answer, Column
    from esbench.projection.periods import Periods

NEAR_LIMIT = 10_000


class Calls(ABC):
    """What a projection answers, whichever way it is written.

    Attributes:
        name: the name that its answers carry.
        key: what it groups by.
        types: the event types that bring a key into being; None for all of them.
    """

    name: str
    key: Key
    types: frozenset[str] | None

    # what a way of writing brings

    @abstractmethod
    def start(self) -> Any:
        """Return what a key folds from."""

    @abstractmethod
    def take(self, fold: Any, recorded: RecordedEvent) -> Any:
        """Return the fold after one more event."""

    @abstractmethod
    def finish(self, fold: Any, key: KeyValue) -> Any:
        """Return the state that a fold stands for."""

    @abstractmethod
    def cells(self, state: Any) -> dict[str, Any]:
        """Return a state as columns and values."""

    @abstractmethod
    def frame(self, cells: Sequence[dict[str, Any]]) -> pl.DataFrame:
        """Return the cells of many states as a frame; an empty dict is all null."""

    @abstractmethod
    def fields(self, frame: pl.DataFrame) -> tuple[Column, ...]:
        """Return which columns of a frame are fields of the state."""

    @abstractmethod
    def table(
        self,
        log: Readable,
        only: Iterable[Any] | None = None,
        *,
        snapshots: bool = True,
    ) -> Answer:
        """Return every key's state, sorted by key."""

    @abstractmethod
    def series(
        self,
        log: Readable,
        every: str = "1mo",
        only: Iterable[Any] | None = None,
        start: date | str | None = None,
        end: date | str | None = None,
        *,
        known: str = "now",
    ) -> Answer:
        """Return every key's state at every period's end."""

    # what a snapshot needs

    @abstractmethod
    def description(self, zone: str) -> Any:
        """Return what JSON holds of all that an answer depends on; None if unknown."""

    @abstractmethod
    def partial(self, past: Readable, base: Base) -> Any:
        """Return every key's partial state in a past, from that in ``base`` on."""

    @abstractmethod
    def partial_types(self) -> dict[str, pl.DataType]:
        """Return the columns that keep partial states, the key first."""

    @abstractmethod
    def packed(self, partial: Any) -> pl.DataFrame:
        """Return partial states as these columns, sorted by key.

        Raises:
            DefinitionConflict: they would not come back as they were.
        """

    @abstractmethod
    def unpacked(self, rows: pl.DataFrame) -> Any:
        """Return the partial states that were packed."""

    @abstractmethod
    def refuse_loose(self, rows: pl.LazyFrame) -> None:
        """Refuse events that the two engines read differently.

        Raises:
            DefinitionConflict: there is such an event.
        """

    @abstractmethod
    def resumed(self, row: dict[str, Any]) -> Any:
        """Return what one key folds on from, after what a row has kept."""

    # what follows from that

    def names(self, type_name: str) -> bool:
        """Tell whether events of this type bring a key into being."""
        return self.types is None or type_name in self.types

    def hydrate(self, log: Readable, key: Any, *, snapshots: bool = True) -> Any:
        """Return the state of one key, folded event by event."""
        return self.replayed(log, key, snapshots=snapshots).state

    def replayed(self, log: Readable, key: Any, *, snapshots: bool = True) -> Replayed:
        """Return the state of one key, and what was read for it."""
        key = parsed_key(key, self.key)
        begin = begun(self, log, key) if snapshots else Begun()
        found, count = begin.is_there, 0
        fold = begin.fold if found else self.start()
        for recorded in self.events_of(log, key, after=begin.position):
            count += 1
            if self.names(recorded.type):
                fold, found = self.take(fold, recorded), True
        if not found:
            raise self.not_found(log, key)
        return Replayed(self.finish(fold, key), begin.position or None, count)

    def _base(
        self, log: Readable, keys: Sequence[KeyValue] | None, *, snapshots: bool
    ) -> Base:
        """Return what a table goes on from; all keys are worth leaving a snapshot."""
        if not snapshots:
            return Base()
        return base_left(self, log) if keys is None else base_of(self, log)

    def snapshot(self, log: Readable, position: int | None = None) -> Snapshot:
        """Keep every key's state at a position, so that less has to be replayed."""
        return taken(self, log, position)

    def steps(self, log: Readable, key: Any) -> Answer:
        """Return one row an event of one key: what it did, and the state after it."""
        import polars as pl

        key = parsed_key(key, self.key)
        taken = list(self._walk(log, key))
        states = self.frame([cells for _, cells in taken])
        fields = self.fields(states)
        envelope = envelope_frame([recorded for recorded, _ in taken])
        said = _changes([cells for _, cells in taken], fields)
        change = pl.Series("change", said, dtype=pl.String)
        frame = envelope.hstack([change, *states.get_columns()])
        return self.answer(frame, log, "steps", fields, key=str(key))

    def _walk(
        self, log: Readable, key: KeyValue
    ) -> Iterator[tuple[RecordedEvent, dict[str, Any]]]:
        """Yield each event of a key with the cells of the state after it."""
        fold, cells, found = self.start(), dict[str, Any](), False
        for recorded in self.events_of(log, key):
            if self.names(recorded.type):
                fold, found = self.take(fold, recorded), True
                cells = self.cells(self.finish(fold, key))
            if found or not self.key.time:
                yield recorded, cells
        if not found:
            raise self.not_found(log, key)

    def compare(self, past_a: Readable, past_b: Readable) -> Answer:
        """Return the keys whose state differs, with both values of every field."""
        from esbench.projection.comparison import compared

        table_a, table_b = self.table(past_a), self.table(past_b)
        fields = tuple(dict.fromkeys(self.fields(table_a) + self.fields(table_b)))
        frame = compared(table_a, table_b, self.key.name, fields)
        said = f"a: {past_a.coordinates}; b: {past_b.coordinates}"
        return self.answer(frame, past_b, "compare", fields, said=said)

    def events_of(
        self, log: Readable, key: KeyValue, *, after: int = 0
    ) -> Iterator[RecordedEvent]:
        """Yield the events that belong to one key, in position order.

        Args:
            log: a log, or a past of one.
            key: the key, as events have it.
            after: the last position that is left out.
        """
        if not self.key.time:
            yield from log.read(str(key), after=after)
            return
        of = key_of(self.key, log.zone)
        for recorded in log.read(after=after):
            if self.names(recorded.type) and of(recorded) == key:
                yield recorded

    def check_found(self, log: Readable, missing: Sequence[KeyValue]) -> None:
        """Raise ``NotFound`` for the first of the keys that were asked in vain."""
        if missing:
            raise self.not_found(log, missing[0])

    def not_found(self, log: Readable, key: KeyValue) -> NotFound:
        """Return the error that says when a key began, or that it never did."""
        whole = log.log
        named = [e for e in self.events_of(whole, key) if self.names(e.type)]
        if not named:
            return NotFound(self._unknown(whole, key))
        first = min(named, key=lambda recorded: recorded.occurred_at)
        return NotFound(_too_early(first, key, log))

    def _unknown(self, log: Readable, key: KeyValue) -> str:
        if self.key.time:
            return f"no event that {self.name} counts is of the {self.key.name} {key}"
        near = _near(log, str(key))
        hint = f"; there is {', '.join(near)}" if near else ""
        return f"no such aggregate: {shorten(str(key))!r}{hint}"

    def answer(
        self,
        frame: pl.DataFrame,
        log: Readable,
        call: str,
        fields: tuple[Column, ...],
        *,
        key: str | None = None,
        said: str | None = None,
        late: pl.DataFrame | None = None,
    ) -> Answer:
        """Return ``frame`` with the coordinates of ``log``."""
        from esbench.projection.answer import Answer, Sheet

        sheet = Sheet(
            call=call,
            projection=self.name,
            coordinates=said or str(log.coordinates),
            key=key or self.key.name,
            fields=fields,
            zone=log.zone,
            late=late,
        )
        return Answer(frame, sheet)


# --- keys ------------------------------------------------------------------------


def parsed_key(key: Any, by: Key) -> KeyValue:
    """Return a key as the events have it: a text, or the day that names a period.

    Raises:
        InvalidEvent: no text for an aggregate, no day for a day or month.
    """
    if not by.time:
        if isinstance(key, str):
            return key
        raise InvalidEvent(f"{key!r} is no text: aggregates are named by texts")
    text = str(key)
    if by.name == "month" and len(text) == 7:
        text = f"{text}-01"
    day = parsed_day(text)
    return day.replace(day=1) if by.name == "month" else day


def wanted(only: Iterable[Any] | None, by: Key) -> list[KeyValue] | None:
    """Return the keys that a call is about; None for all of them."""
    if only is None:
        return None
    if isinstance(only, str | date):
        only = [only]
    return list(dict.fromkeys(parsed_key(key, by) for key in only))


def _near(log: Readable, key: str) -> list[str]:
    """Return up to three names like ``key``, if there are few enough to look at."""
    import difflib

    import polars as pl

    names = log.scan().select(pl.col("aggregate_id").unique()).head(NEAR_LIMIT + 1)
    known = names.collect().get_column("aggregate_id").to_list()
    if len(known) > NEAR_LIMIT:
        return []
    near = difflib.get_close_matches(key, sorted(known), 3)
    return [shorten(name) for name in near]


def _too_early(first: RecordedEvent, key: KeyValue, log: Readable) -> str:
    """Say when a key began, and that the past in question is earlier."""
    zone = ZoneInfo(log.zone)
    occurred = first.occurred_at.astimezone(zone).date()
    recorded = first.recorded_at.astimezone(zone).date()
    later = f", recorded on {recorded}," if recorded != occurred else ""
    return (
        f"{shorten(str(key))} began on {occurred}{later} with {first.type}; "
        f"you ask {log.coordinates}"
    )


def said_of(log: Readable, periods: Periods) -> str | None:
    """Return the coordinates of a series as known then; None for those of its log."""
    if periods.known == "now":
        return None
    at = log.coordinates
    whole = at.recorded is None and at.occurred is None and at.position is None
    return "as known at each end" if whole else f"as known at each end, {at}"


# --- rows of steps ---------------------------------------------------------------

STEP_COLUMNS = ("position", "version", "type", "occurred_at", "recorded_at")


def envelope_frame(events: Sequence[RecordedEvent]) -> pl.DataFrame:
    """Return where, what and when of some events, a row each."""
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    dtypes = (pl.Int64(), pl.Int64(), pl.String(), moment, moment)
    return pl.DataFrame(
        [
            pl.Series(name, [getattr(event, name) for event in events], dtype=dtype)
            for name, dtype in zip(STEP_COLUMNS, dtypes, strict=True)
        ]
    )


def _changes(states: Sequence[dict[str, Any]], fields: Sequence[Column]) -> list[str]:
    """Say of each state what differs from the one before it."""
    before: dict[str, Any] = {}
    said = []
    for after in states:
        words = [_change(field, before, after) for field in fields]
        said.append(", ".join(word for word in words if word))
        before = after
    return said


def _change(field: Column, before: dict[str, Any], after: dict[str, Any]) -> str:
    """Say how one field changed; nothing if it did not."""
    old, new = before.get(field.name), after.get(field.name)
    if old == new or (field.adds_up and not new and not old):
        return ""
    if field.adds_up:
        return f"{field.name} {_signed(new, old)}"
    if old is None:
        return f"{field.name} {shorten(str(new))}"
    return f"{field.name} {shorten(str(old))} → {shorten(str(new))}"


def _signed(new: Any, old: Any) -> str:
    if isinstance(new, Decimal):
        return f"{EXACT.subtract(new, old or Decimal(0)):+}"
    return f"{new - (old or 0):+}"
