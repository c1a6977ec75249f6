"""Projections as one writes them: a class whose fields are reducers.

What lives here: ``Projection``, and the two engines behind its calls.
The guarantee: one definition, one answer. ``hydrate`` and ``steps`` fold event by
event, ``table`` and ``series`` ask the columns of the whole log, and they agree value
for value and type for type.
What it may not know: files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from esbench.errors import DefinitionConflict
from esbench.event import RESERVED, RecordedEvent
from esbench.projection.calls import Calls, parsed_key, said_of, wanted
from esbench.projection.columns import picks
from esbench.projection.periods import Periods
from esbench.projection.reducers import Key, Reducer
from esbench.projection.snapshots import Base, Replayed, Snapshot, base_of, reach_of
from esbench.projection.steps import KeyValue, Steps, Values

if TYPE_CHECKING:
    import polars as pl

    from esbench.log.log import EventLog
    from esbench.log.past import Readable
    from esbench.projection.answer import Answer, Column
    from esbench.projection.tables import Columns

CALLS = frozenset(
    "hydrate table steps series compare query fold snapshot replayed".split()
)
SHARE = 4_000_000  # events that are read at once where a log is large
LARGE = 5 * SHARE
_TAKEN = RESERVED | CALLS | {"day", "month", "end", "change"}


class Projection:
    """A state that follows from events; subclass it and give it reducers.

    The class answers calls about a log; an instance is the state of one key: frozen,
    equal to another with equal values.

        class Account(es.Projection):
            owner = es.first(AccountOpened, "owner")
            balance = es.total((AccountOpened, "initial_balance"),
                               (MoneyDeposited, "amount"),
                               minus=[(MoneyWithdrawn, "amount")])

        class Daily(es.Projection, by=es.day("occurred_at")):
            deposits = es.total((MoneyDeposited, "amount"))

    Raises:
        DefinitionConflict: no reducer, or a field named like a call or a column.
    """

    _declared: ClassVar[Declared]

    def __init_subclass__(cls, *, by: Key | None = None) -> None:
        """Check the fields, and make the engines."""
        super().__init_subclass__()
        inherited = getattr(cls, "_declared", None)
        key = by or (inherited.key if inherited else Key())
        cls._declared = Declared(cls, _reducers(cls), key)

    def __init__(self, **values: Any) -> None:
        names = [reducer.name for reducer in self._declared.reducers]
        if set(values) != set(names):
            raise TypeError(
                f"{type(self).__name__} is made of {', '.join(names)}; "
                f"{', '.join(sorted(set(values) ^ set(names)))} does not fit"
            )
        self.__dict__["_values"] = {name: values[name] for name in names}

    # the calls

    @classmethod
    def hydrate(cls, log: Readable, key: Any, *, snapshots: bool = True) -> Self:
        """Return the state of one key, folded event by event.

        Args:
            log: a log, or a past of one.
            key: the aggregate's id; a day or a month for projections by these.
            snapshots: whether to begin with a snapshot where an exact one is there.

        Raises:
            NotFound: no such key, or not yet in that past.
        """
        state: Self = cls._declared.hydrate(log, key, snapshots=snapshots)
        return state

    @classmethod
    def replayed(cls, log: Readable, key: Any, *, snapshots: bool = True) -> Replayed:
        """Return what ``hydrate`` gives, and how many events it read for that.

        Takes what ``hydrate`` takes.

        Returns:
            The state, the position of the snapshot that it began with (None without
            one), and the number of the key's events that were read behind it.
        """
        return cls._declared.replayed(log, key, snapshots=snapshots)

    @classmethod
    def table(
        cls,
        log: Readable,
        only: Iterable[Any] | None = None,
        *,
        snapshots: bool = True,
    ) -> Answer:
        """Return every key's state, one row a key, sorted by key.

        Args:
            log: a log, or a past of one.
            only: the keys to return; all unless said.
            snapshots: whether to begin with a snapshot where an exact one is there,
                and to leave one behind when more than a million events were read for
                all keys. The answer is the same.

        Raises:
            NotFound: a key in ``only`` does not exist in that past.
        """
        return cls._declared.table(log, only, snapshots=snapshots)

    @classmethod
    def snapshot(cls, log: EventLog, position: int | None = None) -> Snapshot:
        """Keep every key's state at a position, so that less has to be replayed.

        ``hydrate`` and ``table`` begin with the newest snapshot that is exact for the
        past that they are asked about, and read the events behind it. A snapshot is
        one file in the log's ``snapshots/``; it may be deleted at any time.

        Args:
            log: a log; of a past there is none.
            position: the last position in it; the log's end unless said.

        Raises:
            NotFound: a position behind the log's end, or a log without events.
            StoreError: the disk refused.
        """
        return cls._declared.snapshot(log, position)

    @classmethod
    def steps(cls, log: Readable, key: Any) -> Answer:
        """Return what each event of one key did, one row an event, in log order.

        Columns: position, version, type, occurred_at, recorded_at, change (in words),
        and the value of every field after the event.

        Raises:
            NotFound: no such key, or not yet in that past.
        """
        return cls._declared.steps(log, key)

    @classmethod
    def series(
        cls,
        log: Readable,
        every: str = "1mo",
        only: Iterable[Any] | None = None,
        start: date | str | None = None,
        end: date | str | None = None,
        *,
        known: str = "now",
    ) -> Answer:
        """Return every key's state at every period's end, from its first on.

        The state at an end is what ``table`` gives about that day. Sorted by key and
        ``end``, which is the last day of the period in the log's zone.

        Args:
            log: a log, or a past of one.
            every: ``1d 1w 1mo 1q 1y``; weeks end on Sundays.
            only: the keys to return; all unless said.
            start: a day in the first period; that of the first event unless said.
            end: a day in the last period; that of the last event unless said.
            known: ``then`` for what was known at each end itself, as a report made
                that day would have said; ``now`` for what ``log`` knows.

        Raises:
            InvalidEvent: ``every``, ``start``, ``end`` or ``known`` can't be read.
            NotFound: a key in ``only`` does not exist in that past.
        """
        return cls._declared.series(log, every, only, start, end, known=known)

    @classmethod
    def compare(cls, past_a: Readable, past_b: Readable) -> Answer:
        """Return the keys whose state differs between two pasts, sorted by key.

        Columns: for every field its value in a and in b, and for totals and counts
        the difference b − a. A key that one past does not hold is null there.
        """
        return cls._declared.compare(past_a, past_b)

    @classmethod
    def query(cls, frame: Any, zone: str = "UTC") -> Any:
        """Return every key's state as a query, in the kind of frame that came in.

        Args:
            frame: a polars LazyFrame, a DuckDB relation or another lazy frame that
                narwhals knows, with the log's columns.
            zone: where days and months are counted; only they need it. DuckDB counts
                in the zone of its connection, which must be the same.

        Raises:
            InvalidFrame: a column of the log is missing, or another zone.
        """
        from esbench.projection.columns import query

        return query(frame, cls._declared.reducers, cls._declared.key, zone)

    @classmethod
    def fold(
        cls, events: Iterable[RecordedEvent], zone: str = "UTC"
    ) -> dict[KeyValue, Self]:
        """Return every key's state after ``events``, folded step by step.

        Args:
            events: recorded events in position order, from wherever.
            zone: where days and months are counted; only they need it.
        """
        declared = cls._declared
        folded = declared.engine.fold(events, declared.key, zone)
        return {key: cls(**values) for key, values in folded.items()}

    # the state

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a state is frozen: {name} can't be set, append an event")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.__dict__["_values"] == other.__dict__["_values"])

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__["_values"].values()))

    def __repr__(self) -> str:
        """Return the state on one line, as the call that would make it."""
        values = self.__dict__["_values"].items()
        said = ", ".join(f"{name}={value!r}" for name, value in values)
        return f"{type(self).__name__}({said})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self.__dict__["_values"])


def _remade(cls: type[Projection], values: dict[str, Any]) -> Projection:
    return cls(**values)


def _reducers(cls: type) -> tuple[Reducer, ...]:
    """Return the fields of a projection, the inherited ones first."""
    fields: dict[str, Reducer] = {}
    for base in reversed(cls.__mro__):
        own = vars(base).items()
        fields |= {name: value for name, value in own if isinstance(value, Reducer)}
    _check_names(cls.__name__, fields)
    return tuple(fields.values())


def _check_names(owner: str, fields: dict[str, Reducer]) -> None:
    if not fields:
        raise DefinitionConflict(
            f"{owner} has no fields: give it one, "
            "e.g. balance = es.total((MoneyDeposited, 'amount'))"
        )
    if taken := sorted(_TAKEN & fields.keys()):
        raise DefinitionConflict(
            f"{owner} has a field {', '.join(taken)}, which is the name of a call or a "
            "column: choose another"
        )
    for name, reducer in fields.items():
        if name.startswith("_") or reducer.name != name:
            raise DefinitionConflict(
                f"{owner}.{name}: a field's name begins with a letter, and each field "
                "has a reducer of its own"
            )


def calls_of(projection: type[Projection] | Calls) -> Calls:
    """Return what answers a projection's calls, however it is written.

    For code that has to know more than the calls: the key, the fold step by step,
    and for a declared one its ``reducers``.
    """
    return projection if isinstance(projection, Calls) else projection._declared


def _in_utc(value: Any) -> Any:
    """Return a column's value as an event has it."""
    return value.astimezone(UTC) if isinstance(value, datetime) else value


class Declared(Calls):
    """The calls of a declared projection, on two engines."""

    def __init__(
        self, cls: type[Projection], reducers: tuple[Reducer, ...], key: Key
    ) -> None:
        self.cls = cls
        self.name = cls.__name__
        self.key = key
        self.reducers = reducers
        self.engine = Steps(reducers)
        self.types = frozenset(self.engine.arms)

    # step by step

    def start(self) -> Values:
        """Return the values that a key starts with."""
        return self.engine.start()

    def take(self, fold: Values, recorded: RecordedEvent) -> Values:
        """Return the values after one more event."""
        self.engine.take(fold, recorded.event)
        return fold

    def finish(self, fold: Values, key: KeyValue) -> Projection:
        """Return the state."""
        return self.cls(**self.engine.finish(fold, key))

    def cells(self, state: Projection) -> dict[str, Any]:
        """Return the state's fields and values."""
        return dict(state.__dict__["_values"])

    def frame(self, cells: Sequence[dict[str, Any]]) -> pl.DataFrame:
        """Return states as columns of their declared types."""
        import polars as pl

        from esbench.projection.partial import polars_type

        return pl.DataFrame(
            [
                pl.Series(
                    reducer.name,
                    [row.get(reducer.name) for row in cells],
                    dtype=polars_type(reducer.kind),
                )
                for reducer in self.reducers
            ]
        )

    def fields(self, frame: pl.DataFrame) -> tuple[Column, ...]:  # noqa: ARG002 - declared
        """Return the declared fields; totals and counts add up."""
        from esbench.projection.answer import Column

        return tuple(Column(field.name, field.adds_up) for field in self.reducers)

    # snapshots

    def description(self, zone: str) -> Any:
        """Return the reducers and the key; the zone too, where days are counted."""
        fields = [_described(reducer) for reducer in self.reducers]
        return [self.key.name, self.key.time, zone if self.key.time else "", fields]

    def partial(self, past: Readable, base: Base) -> pl.DataFrame:
        """Return every key's partial state in a past, as columns."""
        return self._columns(past, base).partial()

    def partial_types(self) -> dict[str, pl.DataType]:
        """Return the key, the fields, and the positions that decide."""
        import polars as pl

        from esbench.projection.partial import partial_types

        key = pl.Date() if self.key.time else pl.String()
        return {self.key.name: key} | partial_types(self.reducers)

    def packed(self, partial: Any) -> pl.DataFrame:
        """Return the partial states, which are columns already."""
        rows: pl.DataFrame = partial
        return rows

    def refuse_loose(self, rows: pl.LazyFrame) -> None:
        """Refuse events that hold a field as loose JSON, which one engine reads."""
        from esbench.projection.tables import is_loose

        if is_loose(rows, self.reducers):
            raise DefinitionConflict(
                f"{self.name} reads fields that the log holds as loose JSON, written "
                "by a program that did not declare the type: it has no snapshots"
            )

    def unpacked(self, rows: pl.DataFrame) -> Any:
        """Return the partial states."""
        return rows

    def resumed(self, row: dict[str, Any]) -> Values:
        """Return the values of one key."""
        undecided = {
            field.name
            for pick in picks(self.reducers)
            for field in pick.fields
            if row[pick.column] is None
        }
        known = {name: _in_utc(value) for name, value in row.items()}
        return self.engine.resumed(known, undecided)

    # by columns

    def replayed(self, log: Readable, key: Any, *, snapshots: bool = True) -> Replayed:
        """Return the state of one key; of a day or month without reading all events."""
        if not self.key.time:
            return super().replayed(log, key, snapshots=snapshots)
        keys = [parsed_key(key, self.key)]
        base = base_of(self, log) if snapshots else Base()
        columns = self._columns(log, base, keys)
        self.check_found(log, columns.missing())
        _, *values = columns.table().row(0)
        names = (reducer.name for reducer in self.reducers)
        state = self.cls(**dict(zip(names, map(_in_utc, values), strict=True)))
        return Replayed(state, base.position or None, columns.height())

    def _columns(
        self, log: Readable, base: Base, keys: Sequence[KeyValue] | None = None
    ) -> Columns:
        from esbench.projection.tables import Columns

        rows = log.scan(after=base.position)
        cuts = self._cuts(log, base) if keys is None else []
        kept = base.partial
        return Columns(rows, self.reducers, self.key, log.zone, keys, kept, cuts)

    def _cuts(self, log: Readable, base: Base) -> list[str]:
        """Return where to part the keys of a large log."""
        if self.key.time or reach_of(log) - base.position < LARGE:
            return []
        return log.cuts(SHARE, after=base.position)

    def table(
        self,
        log: Readable,
        only: Iterable[Any] | None = None,
        *,
        snapshots: bool = True,
    ) -> Answer:
        """Return every key's state, sorted by key."""
        keys = wanted(only, self.key)
        columns = self._columns(log, self._base(log, keys, snapshots=snapshots), keys)
        self.check_found(log, columns.missing())
        frame = columns.table()
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
        """Return every key's state at every period's end."""
        periods = Periods.parsed(every, start, end, known)
        columns = self._columns(log, Base(), wanted(only, self.key))
        self.check_found(log, columns.missing())
        frame, late = columns.series(periods)
        said = said_of(log, periods)
        fields = self.fields(frame)
        return self.answer(frame, log, "series", fields, late=late, said=said)


def _described(reducer: Reducer) -> list[Any]:
    """Return a reducer as JSON holds it."""
    sources = [
        [source.type, source.field, repr(source.value), source.nullable, source.sign]
        for source in reducer.sources
    ]
    return [reducer.name, reducer.how, reducer.kind, sources]
