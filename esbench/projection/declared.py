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
from esbench.projection.calls import Calls, wanted
from esbench.projection.periods import Periods
from esbench.projection.reducers import Key, Reducer
from esbench.projection.steps import KeyValue, Steps, Values

if TYPE_CHECKING:
    import polars as pl

    from esbench.log.past import Readable
    from esbench.projection.answer import Answer, Column

CALLS = frozenset("hydrate table steps series compare query fold".split())
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
    def hydrate(cls, log: Readable, key: Any) -> Self:
        """Return the state of one key, folded event by event.

        Args:
            log: a log, or a past of one.
            key: the aggregate's id; a day or a month for projections by these.

        Raises:
            NotFound: no such key, or not yet in that past.
        """
        state: Self = cls._declared.hydrate(log, key)
        return state

    @classmethod
    def table(cls, log: Readable, only: Iterable[Any] | None = None) -> Answer:
        """Return every key's state, one row a key, sorted by key.

        Args:
            log: a log, or a past of one.
            only: the keys to return; all unless said.

        Raises:
            NotFound: a key in ``only`` does not exist in that past.
        """
        return cls._declared.table(log, only)

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

        Raises:
            InvalidEvent: ``every``, ``start`` or ``end`` can't be read.
            NotFound: a key in ``only`` does not exist in that past.
        """
        return cls._declared.series(log, every, only, start, end)

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

    # step by step

    def names(self, type_name: str) -> bool:
        """Tell whether some reducer reads events of this type."""
        return type_name in self.engine.arms

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

        from esbench.projection.tables import polars_type

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

    # by columns

    def hydrate(self, log: Readable, key: Any) -> Any:
        """Return the state of one key; of a day or month without reading all events."""
        if not self.key.time:
            return super().hydrate(log, key)
        _, *values = self.table(log, only=[key]).row(0)
        names = (reducer.name for reducer in self.reducers)
        return self.cls(**dict(zip(names, map(_in_utc, values), strict=True)))

    def table(self, log: Readable, only: Iterable[Any] | None = None) -> Answer:
        """Return every key's state, sorted by key."""
        from esbench.projection.tables import Columns

        keys = wanted(only, self.key)
        columns = Columns(log.scan(), self.reducers, self.key, log.zone, keys)
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
    ) -> Answer:
        """Return every key's state at every period's end."""
        from esbench.projection.tables import Columns

        periods = Periods.parsed(every, start, end)
        keys = wanted(only, self.key)
        columns = Columns(log.scan(), self.reducers, self.key, log.zone, keys)
        self.check_found(log, columns.missing())
        frame, late = columns.series(periods)
        return self.answer(frame, log, "series", self.fields(frame), late=late)
