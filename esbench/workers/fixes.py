"""What people do against disorder: ten ways to handle an event, by name.

What lives here: ``Traffic``, the ``Fix``, and the ten that ship, in ``FIXES``.
The guarantee: a fix is a pure function of the row and the message; what it keeps in a
row besides the state is counted, so that its price can be seen.
What it may not know: which of them work. ``tournament`` finds out.

    last write wins         the event is applied to whatever row is there
    lock per key            the same, one worker at a time on a key
    version guard           only if its version is above the row's
    strict next             only if its version is the next one; else it is dropped
    strict next, buffered   ... else it waits in the row until its turn comes
    buffered in memory      ... else it waits in the worker, where a crash loses it
    partition by key        last write wins, one queue for each key
    single writer           last write wins, one queue for all
    commutative state       the furthest state so far: a maximum, in any order
    idempotent by id        last write wins, an id that was seen is passed over
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.workers.handling import Handler, Handling, handling
from esbench.workers.message import Message, frozen, messages

DEALT, BY_KEY, ONE = "as dealt", "by key", "one worker"


class Traffic(Struct, frozen=True, kw_only=True):
    """Events, and what they mean; made by ``traffic``.

    Attributes:
        messages: the events, in the order in which they happened.
        evolve: gives the state after an event; gets the state and the event itself.
        initial: the state before the first event.
    """

    messages: tuple[Message, ...]
    evolve: Callable[[Any, Any], Any]
    initial: Any = None

    @property
    def right(self) -> Any:
        """The state that should be there in the end; of several, a dict by id."""
        ends = {name: history[-1] for name, history in self.histories().items()}
        return ends if len(ends) > 1 else next(iter(ends.values()))

    def histories(self) -> dict[str, list[Any]]:
        """Return the states of each aggregate in the right order, the first one too."""
        found: dict[str, list[Any]] = {}
        for message in sorted(self.messages, key=lambda each: each.version):
            states = found.setdefault(message.aggregate_id, [self.initial])
            states.append(self.evolve(states[-1], message.event))
        return {each.aggregate_id: found[each.aggregate_id] for each in self.messages}

    def ranks(self) -> dict[Hashable, int]:
        """Return how far each state is: its first place in any history."""
        found: dict[Hashable, int] = {}
        for states in self.histories().values():
            for place, state in enumerate(states):
                found.setdefault(frozen(state), place)
        return found

    def __repr__(self) -> str:
        """Count the events."""
        whose = {each.aggregate_id for each in self.messages}
        return f"Traffic({len(self.messages)} events of {len(whose)} aggregates)"


def traffic(
    events: Iterable[Any], evolve: Callable[[Any, Any], Any], initial: Any = None
) -> Traffic:
    """Return events with their meaning.

    Args:
        events: in the order in which they happened: recorded events, messages, typed
            events or bare numbers and texts.
        evolve: gives the state after an event, as for ``es.projection``.
        initial: the state before the first event.

    Raises:
        InvalidSchedule: no event at all.
    """
    told = messages(events)
    if not told:
        raise InvalidSchedule("there is no event: give at least one")
    return Traffic(messages=told, evolve=evolve, initial=initial)


class Fix(Struct, frozen=True, kw_only=True):
    """One way to handle events.

    Attributes:
        name: what tables call it.
        makes: gives the handling of some traffic.
        route: "as dealt", "by key" or "one worker".
        locks: whether one worker at a time holds a key, from reading to writing.
        price: what it costs, in words.
    """

    name: str
    makes: Callable[[Traffic], Handling]
    route: str = DEALT
    locks: bool = False
    price: str = ""

    def __repr__(self) -> str:
        """Give its name."""
        return f"Fix({self.name})"


def fix_of(given: Fix | Handling | Handler) -> Fix:
    """Return a learner's own function as a fix: its queues are as they are dealt.

    Args:
        given: ``(row, message) -> row``, a handling, or a fix already.
    """
    if isinstance(given, Fix):
        return given
    hands = handling(given)
    return Fix(name=hands.name, makes=lambda _: hands, price="your own")


# --- the handlers ----------------------------------------------------------------


class Row(Struct, frozen=True):
    """A row as the shipped fixes keep it.

    Attributes:
        state: what it shows.
        version: of the event that was applied last.
        held: events put aside, by version.
        seen: ids that were applied.
    """

    state: Any
    version: int = 0
    held: tuple[Message, ...] = ()
    seen: frozenset[str] = frozenset()


def _kept(work: Traffic, handler: Handler, name: str, **more: Any) -> Handling:
    return Handling(
        handler=handler,
        name=name,
        initial=Row(work.initial),
        shows=lambda row: row.state,
        **more,
    )


def _overwriting(name: str) -> Callable[[Traffic], Handling]:
    def makes(work: Traffic) -> Handling:
        def handler(row: Row, message: Message) -> Row:
            return Row(work.evolve(row.state, message.event), message.version)

        return _kept(work, handler, name)

    return makes


def _guarded(work: Traffic) -> Handling:
    def handler(row: Row, message: Message) -> Row:
        if message.version <= row.version:
            return row
        return Row(work.evolve(row.state, message.event), message.version)

    return _kept(work, handler, "version guard", remembers=_its_version)


def _strict(work: Traffic) -> Handling:
    def handler(row: Row, message: Message) -> Row:
        if message.version != row.version + 1:
            return row
        return Row(work.evolve(row.state, message.event), message.version)

    return _kept(work, handler, "strict next", remembers=_its_version)


def _buffering(name: str, *, in_memory: bool) -> Callable[[Traffic], Handling]:
    def makes(work: Traffic) -> Handling:
        def handler(row: Row, message: Message) -> Row:
            if message.version <= row.version or message in row.held:
                return row
            waiting = sorted([*row.held, message], key=lambda each: each.version)
            state, version = row.state, row.version
            while waiting and waiting[0].version == version + 1:
                state, version = work.evolve(state, waiting.pop(0).event), version + 1
            return Row(state, version, tuple(waiting))

        return _kept(
            work,
            handler,
            name,
            held=lambda row: tuple(each.event_id for each in row.held),
            remembers=lambda row: 1 + len(row.held),
            forget=(lambda row: Row(row.state, row.version)) if in_memory else _all,
        )

    return makes


def _all(row: Row) -> Row:
    return row


def _its_version(row: Row) -> int:
    return int(row.version > 0)


def _furthest(work: Traffic) -> Handling:
    ranks = work.ranks()

    def rank(state: Any) -> int:
        return ranks.get(frozen(state), -1)

    def handler(row: Row, message: Message) -> Row:
        state = work.evolve(work.initial, message.event)
        return Row(max(row.state, state, key=rank))

    return _kept(work, handler, "commutative state")


def _known(work: Traffic) -> Handling:
    def handler(row: Row, message: Message) -> Row:
        if message.event_id in row.seen:
            return row
        state = work.evolve(row.state, message.event)
        return Row(state, message.version, (), row.seen | {message.event_id})

    return _kept(work, handler, "idempotent by id", remembers=lambda row: len(row.seen))


LAST_WRITE_WINS = Fix(
    name="last write wins", makes=_overwriting("last write wins"), price="nothing"
)
LOCK_PER_KEY = Fix(
    name="lock per key",
    makes=_overwriting("lock per key"),
    locks=True,
    price="workers wait for each other",
)
VERSION_GUARD = Fix(
    name="version guard",
    makes=_guarded,
    price="a version in each row; what an overtaken event alone knew is lost",
)
STRICT_NEXT = Fix(
    name="strict next", makes=_strict, price="every event out of turn is lost"
)
STRICT_NEXT_BUFFERED = Fix(
    name="strict next, buffered",
    makes=_buffering("strict next, buffered", in_memory=False),
    price="room for what waits, and nothing moves past a gap",
)
STRICT_NEXT_IN_MEMORY = Fix(
    name="buffered in memory",
    makes=_buffering("buffered in memory", in_memory=True),
    price="room for what waits, and a crash loses it",
)
PARTITION_BY_KEY = Fix(
    name="partition by key",
    makes=_overwriting("partition by key"),
    route=BY_KEY,
    price="a hot key has one worker; a late copy still overwrites",
)
SINGLE_WRITER = Fix(
    name="single writer",
    makes=_overwriting("single writer"),
    route=ONE,
    price="no two events at once, of any key",
)
COMMUTATIVE = Fix(
    name="commutative state",
    makes=_furthest,
    price="states that never go back, and no more than the furthest is known",
)
IDEMPOTENT = Fix(
    name="idempotent by id", makes=_known, price="every id is remembered for ever"
)

FIXES = (
    LAST_WRITE_WINS,
    LOCK_PER_KEY,
    VERSION_GUARD,
    STRICT_NEXT,
    STRICT_NEXT_BUFFERED,
    STRICT_NEXT_IN_MEMORY,
    PARTITION_BY_KEY,
    SINGLE_WRITER,
    COMMUTATIVE,
    IDEMPOTENT,
)
