"""Projections as a plain function: one ``evolve``, folded event by event.

What lives here: ``projection``, and its calls.
The guarantee: it answers the same calls as a declared projection, whatever the
function does; it is only slower, since every event goes through Python.
What it may not know: reducers, columns, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from esbench.event import RecordedEvent
from esbench.projection.calls import STEP_COLUMNS, Calls, said_of, wanted
from esbench.projection.declared import Projection
from esbench.projection.periods import Periods
from esbench.projection.reducers import Key
from esbench.projection.snapshots import Base, reach_of
from esbench.projection.steps import KeyValue
from esbench.projection.written import States

if TYPE_CHECKING:
    import polars as pl

    from esbench.log.past import Readable
    from esbench.projection.answer import Answer, Column

T = TypeVar("T")

LONG = 200_000
_COLUMNS = frozenset(STEP_COLUMNS) | {"aggregate_id", "change", "end"}


def projection(
    evolve: Callable[[Any, Any], Any],
    initial: Any = None,
    name: str | None = None,
    version: int | None = None,
    *,
    recorded: bool = False,
    state: Any = None,
) -> Plain:
    """Return the projection that folds ``evolve`` over the events of an aggregate.

    Args:
        evolve: gives the state after an event; it gets the state and the event, and
            gives a new state rather than changing the one it got.
        initial: the state before the first event.
        name: what answers call it; the function's name unless said.
        version: raised by hand whenever ``evolve`` changes its mind; 1 unless said.
            Snapshots need both, name and version, to be said: a function is known by
            nothing else.
        recorded: whether ``evolve`` gets the ``RecordedEvent`` with both times and
            the place in the log, not the event alone.
        state: the type of the states, for snapshots, which keep them as JSON; that of
            ``initial`` unless said.
    """
    return Plain(
        evolve,
        initial,
        name or str(getattr(evolve, "__name__", "projection")),
        1 if version is None else version,
        recorded=recorded,
        is_known=name is not None and version is not None,
        state=state,
    )


class Moment(Struct, frozen=True):
    """One row of a series: a key's state at the end of a period."""

    key: str
    end: date
    cells: dict[str, Any]
    is_late: bool


class Plain(Calls):
    """The calls of a plain ``evolve``; made by ``projection``."""

    key = Key()
    types = None

    def __init__(
        self,
        evolve: Callable[[Any, Any], Any],
        initial: Any,
        name: str,
        version: int,
        *,
        recorded: bool,
        is_known: bool,
        state: Any,
    ) -> None:
        self.evolve = evolve
        self.initial = initial
        self.name = name
        self.version = version
        self.recorded = recorded
        self.is_known = is_known
        self._states = States(_type_of(state, initial), name)

    def __repr__(self) -> str:
        """Name the projection and its version."""
        return f"projection({self.name!r}, version={self.version})"

    # step by step

    def start(self) -> Any:
        """Return the state before the first event, safe from being changed."""
        return deepcopy(self.initial)

    def take(self, fold: Any, recorded: RecordedEvent) -> Any:
        """Return the state after one more event."""
        return self.evolve(fold, recorded if self.recorded else recorded.event)

    def finish(self, fold: Any, key: KeyValue) -> Any:  # noqa: ARG002 - it is the state
        """Return the state."""
        return fold

    def fold(self, events: Iterable[RecordedEvent]) -> dict[str, Any]:
        """Return every aggregate's state after ``events``, sorted by id."""
        return self._folded(self._pairs(events), {})

    def _pairs(self, events: Iterable[RecordedEvent]) -> Iterator[tuple[str, Any]]:
        """Yield each aggregate with what ``evolve`` takes."""
        if self.recorded:
            return ((recorded.aggregate_id, recorded) for recorded in events)
        return ((recorded.aggregate_id, recorded.event) for recorded in events)

    def _folded(
        self, pairs: Iterable[tuple[str, Any]], states: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the states after all, sorted by id; ``states`` gets them."""
        evolve = self.evolve
        for key, event in pairs:
            before = states[key] if key in states else self.start()
            states[key] = evolve(before, event)
        return {key: states[key] for key in sorted(states)}

    # snapshots

    def description(self, zone: str) -> Any:  # noqa: ARG002 - no day is counted here
        """Return what it is called; None unless name and version were said."""
        if not self.is_known:
            return None
        try:
            initial = msgspec.json.encode(self.initial).decode()
        except (TypeError, ValueError, RecursionError):
            initial = ""
        return ["plain", self.name, self.version, self.recorded, initial]

    def partial(self, past: Readable, base: Base) -> dict[str, Any]:
        """Return every aggregate's state in a past, sorted by id."""
        return self._folded(self._all(past, base.position), _states_in(base))

    def partial_types(self) -> dict[str, pl.DataType]:
        """Return the id and the state as JSON."""
        import polars as pl

        return {"aggregate_id": pl.String(), "state": pl.String()}

    def packed(self, partial: Any) -> pl.DataFrame:
        """Return the states as JSON."""
        import polars as pl

        texts = [self._states.text(state, key) for key, state in partial.items()]
        return pl.DataFrame(
            {"aggregate_id": list(partial), "state": texts}, self.partial_types()
        )

    def refuse_loose(self, rows: pl.LazyFrame) -> None:
        """Refuse nothing: there is one engine."""

    def unpacked(self, rows: pl.DataFrame) -> dict[str, Any]:
        """Return the states of some JSON."""
        return {key: self._states.state(text) for key, text in rows.iter_rows()}

    def resumed(self, row: dict[str, Any]) -> Any:
        """Return the state of some JSON."""
        return self._states.state(row["state"])

    # states as columns

    def cells(self, state: Any) -> dict[str, Any]:
        """Return a state's own fields, else the state alone as ``state``."""
        return {
            f"state_{name}" if name in _COLUMNS else name: _cell(value)
            for name, value in _parts(state).items()
        }

    def frame(self, cells: Sequence[dict[str, Any]]) -> pl.DataFrame:
        """Return states as columns, of whatever types their values have."""
        import polars as pl

        names = dict.fromkeys(name for row in cells for name in row)
        if len(names) > 1 and all(row.get("state") is None for row in cells):
            names.pop("state", None)
        return pl.DataFrame([_column(name, cells) for name in names])

    def fields(self, frame: pl.DataFrame) -> tuple[Column, ...]:
        """Return every column that is not the log's; which ones add up is unknown."""
        from esbench.projection.answer import Column

        return tuple(Column(name) for name in frame.columns if name not in _COLUMNS)

    # every key

    def table(
        self,
        log: Readable,
        only: Iterable[Any] | None = None,
        *,
        snapshots: bool = True,
    ) -> Answer:
        """Return every aggregate's state, sorted by id.

        Takes what ``Projection.table`` takes.

        Raises:
            NotFound: a key in ``only`` does not exist in that past.
        """
        import polars as pl

        keys = wanted(only, self.key)
        base = self._base(log, keys, snapshots=snapshots)
        pairs = (
            self._all(log, base.position)
            if keys is None
            else self._pairs(self._events(log, keys, base.position))
        )
        states = self._folded(pairs, _states_in(base, keys))
        self.check_found(log, [key for key in keys or () if key not in states])
        frame = self.frame([self.cells(state) for state in states.values()])
        frame.insert_column(0, pl.Series("aggregate_id", list(states), dtype=pl.String))
        return self.answer(frame, log, "table", self.fields(frame))

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
        """Return every aggregate's state at every period's end, from its first on.

        Takes what ``Projection.series`` takes.
        """
        periods = Periods.parsed(every, start, end, known)
        keys = wanted(only, self.key)
        tapes: dict[str, list[RecordedEvent]] = {}
        for recorded in self._events(log, keys):
            tapes.setdefault(recorded.aggregate_id, []).append(recorded)
        self.check_found(log, [key for key in keys or () if key not in tapes])
        moments = list(self._moments(tapes, periods, ZoneInfo(log.zone)))
        states = self.frame([moment.cells for moment in moments])
        ends = _ends_frame(moments)
        frame = ends.hstack(states.get_columns())
        late = _ends_frame([moment for moment in moments if moment.is_late])
        said = said_of(log, periods)
        fields = self.fields(frame)
        return self.answer(frame, log, "series", fields, late=late, said=said)

    def _events(
        self, log: Readable, keys: Sequence[KeyValue] | None, after: int = 0
    ) -> Iterator[RecordedEvent]:
        """Yield the events of some aggregates, or all, with progress on long work."""
        if keys is not None:
            for key in keys:
                yield from log.read(str(key), after=after)
            return
        yield from _with_progress(log.read(after=after), reach_of(log) - after)

    def _all(self, log: Readable, after: int) -> Iterator[tuple[str, Any]]:
        """Yield each aggregate with what ``evolve`` takes, with progress."""
        count = reach_of(log) - after
        if self.recorded:
            return self._pairs(_with_progress(log.read(after=after), count))
        return _with_progress(log.pairs(after=after), count)

    def _moments(
        self,
        tapes: Mapping[str, list[RecordedEvent]],
        periods: Periods,
        zone: ZoneInfo,
    ) -> Iterator[Moment]:
        days = [_known(e, periods, zone) for tape in tapes.values() for e in tape]
        starts = periods.starts(min(days), max(days)) if days else []
        for key in sorted(tapes):
            yield from self._at_ends(key, tapes[key], starts, periods, zone)

    def _at_ends(
        self,
        key: str,
        tape: list[RecordedEvent],
        starts: list[date],
        periods: Periods,
        zone: ZoneInfo,
    ) -> Iterator[Moment]:
        """Yield a key's state at each end; fold anew only where events came late."""
        waiting: dict[date, list[RecordedEvent]] = {}
        for recorded in tape:
            begun = periods.start(_known(recorded, periods, zone))
            waiting.setdefault(begun, []).append(recorded)
        taken: list[RecordedEvent] = []
        state = self.start()
        for begun in starts:
            new = waiting.get(begun, [])
            state = self._further(state, taken, new)
            if taken and periods.shown(begun):
                end = periods.end(begun)
                is_late = any(_day(e.recorded_at, zone) > end for e in new)
                yield Moment(key, end, self.cells(state), is_late)

    def _further(
        self, state: Any, taken: list[RecordedEvent], new: list[RecordedEvent]
    ) -> Any:
        """Return the state after some more events; ``taken`` gets them too."""
        if taken and new and new[0].position < taken[-1].position:
            new = sorted([*taken, *new], key=lambda recorded: recorded.position)
            taken.clear()
            state = self.start()
        for recorded in new:
            state = self.take(state, recorded)
        taken.extend(new)
        return state


def _type_of(state: Any, initial: Any) -> Any:
    """Return the type that states are read as: what was said, else the first one's."""
    if state is not None:
        return state
    return Any if initial is None else type(initial) | None


def _states_in(base: Base, keys: Sequence[KeyValue] | None = None) -> dict[str, Any]:
    """Return the states that a fold goes on from, of some keys or of all."""
    states: dict[str, Any] = base.partial or {}
    if keys is None:
        return dict(states)
    return {key: states[key] for key in map(str, keys) if key in states}


def _with_progress(events: Iterator[T], count: int) -> Iterator[T]:
    """Yield events, and show how far it is where that takes a while."""
    if count <= LONG:
        return events
    from tqdm.auto import tqdm

    return iter(tqdm(events, total=count, unit=" events", leave=False))


def _known(event: RecordedEvent, periods: Periods, zone: ZoneInfo) -> date:
    """Return the day from which on an event counts in a series."""
    occurred = _day(event.occurred_at, zone)
    if periods.known == "now":
        return occurred
    return max(occurred, _day(event.recorded_at, zone))


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()


def _ends_frame(moments: Sequence[Moment]) -> pl.DataFrame:
    import polars as pl

    keys = [moment.key for moment in moments]
    ends = [moment.end for moment in moments]
    return pl.DataFrame(
        {"aggregate_id": keys, "end": ends},
        schema={"aggregate_id": pl.String, "end": pl.Date},
    )


# --- any state as columns --------------------------------------------------------

_SCALARS = (bool, int, float, str, Decimal, date, datetime, bytes)


def _parts(state: Any) -> dict[str, Any]:
    """Return a state's fields, if it has such, else the state itself."""
    if isinstance(state, Struct):
        return msgspec.structs.asdict(state)
    if isinstance(state, Projection):
        return dict(state.__dict__["_values"])
    if hasattr(type(state), "__dataclass_fields__"):
        return {name: getattr(state, name) for name in state.__dataclass_fields__}
    if isinstance(state, Mapping) and all(isinstance(name, str) for name in state):
        return dict(state)
    return {"state": state}


def _cell(value: Any) -> Any:
    """Return a value that a column can hold: what is no scalar becomes text."""
    if value is None or type(value) in _SCALARS:
        return value
    return _written(value)


def _written(value: Any) -> str:
    """Return a value as text, sets in a fixed order."""
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(_written, value))) + "}"
    if isinstance(value, Mapping):
        pairs = (f"{_written(key)}: {_written(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    return str(value) if isinstance(value, Decimal) else repr(value)


def _column(name: str, cells: Sequence[dict[str, Any]]) -> pl.Series:
    """Return one column; texts, if its values are of types that do not mix."""
    import polars as pl

    values = [row.get(name) for row in cells]
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError, OverflowError):
        texts = [None if value is None else str(value) for value in values]
        return pl.Series(name, texts, dtype=pl.String)
