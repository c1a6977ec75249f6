"""How often an event counts: the order of effect and acknowledgement, and a crash.

What lives here: ``Way`` (a consumer's steps, each atomic; a crash can come between any
two), the four ways that one meets, and ``crash_table``, which tries every crash point
with and without redelivery.
The guarantee: the table is complete: each cell is one crash point, one redelivery and
one handler, and was run. It is exact for one event and as many crashes as were asked
for; ``inbox.on_database`` runs the same cells on a real database.
What it may not know: partitions, databases, domains.

The steps: ``ack`` tells the broker that the event is done, so that it does not come
again; ``effect`` applies the handler; ``check`` asks whether the event's id is known;
``mark`` makes it known. Effect first is *at least once*, ack first is *at most once*.
The source text checks, updates, marks: a crash between update and mark counts twice.
Check, effect and mark in one transaction count once, whatever comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.workers.message import Message, messages

if TYPE_CHECKING:
    import polars as pl

Handler = Callable[[Any, Message], Any]

ACK, CHECK, EFFECT, MARK = ACTIONS = ("ack", "check", "effect", "mark")
LOST, RIGHT, DOUBLED = "lost", "right", "doubled"


class Way(Struct, frozen=True, kw_only=True):
    """The steps of a consumer for one event, in order.

    Attributes:
        name: what people call it.
        steps: each is atomic, and is one action or several in one transaction.
    """

    name: str
    steps: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        """Refuse steps that don't handle and acknowledge exactly once."""
        told = [action for step in self.steps for action in step]
        if unknown := set(told) - set(ACTIONS):
            raise InvalidSchedule(
                f"{self.name!r}: no such action as {', '.join(sorted(unknown))}; "
                f"there are {', '.join(ACTIONS)}"
            )
        if told.count(EFFECT) != 1 or told.count(ACK) != 1:
            raise InvalidSchedule(f"{self.name!r} needs one effect and one ack")

    def __str__(self) -> str:
        """The steps in a line; actions in one transaction are joined by +."""
        return ", ".join(" + ".join(step) for step in self.steps)

    def after(self, done: int | None) -> str:
        """Name the crash point after so many steps."""
        if done is None:
            return "no crash"
        return f"after {' + '.join(self.steps[done - 1])}" if done else "before all"


AT_MOST_ONCE = Way(name="at most once", steps=((ACK,), (EFFECT,)))
AT_LEAST_ONCE = Way(name="at least once", steps=((EFFECT,), (ACK,)))
CHECK_THEN_MARK = Way(
    name="check, update, mark", steps=((CHECK,), (EFFECT,), (MARK,), (ACK,))
)
EFFECTIVELY_ONCE = Way(name="effectively once", steps=((CHECK, EFFECT, MARK), (ACK,)))
WAYS = (AT_MOST_ONCE, AT_LEAST_ONCE, CHECK_THEN_MARK, EFFECTIVELY_ONCE)


def add(row: Any, message: Message) -> Any:
    """Add the event's amount: a second time counts twice."""
    return row + message.data["amount"]


def put(row: Any, message: Message) -> Any:  # noqa: ARG001  # a handler has both
    """Put the event's amount in place of what was: a second time changes nothing."""
    return message.data["amount"]


HANDLERS: Mapping[str, Handler] = {"adds": add, "puts": put}
DEPOSIT = Message(
    aggregate_id="acc_123",
    version=1,
    type="MoneyDeposited",
    data={"amount": 100},
    event_id="evt_1",
)


class Cell(Struct, frozen=True, kw_only=True):
    """What one crash and one redelivery make of one event.

    Attributes:
        way: the name of the consumer's way.
        handler: the name of the handler.
        crashes: for each delivery that crashed, how many steps were done by then.
        crash: the crash points in words.
        redelivered: whether the event came once more, though it was acknowledged.
        deliveries: how often it was delivered.
        applied: how often the handler changed the row.
        state: the row at the end.
        truth: what it should be.
    """

    way: str
    handler: str
    crashes: tuple[int, ...]
    crash: str
    redelivered: bool
    deliveries: int
    applied: int
    state: Any
    truth: Any

    @property
    def verdict(self) -> str:
        """``right``, ``lost`` (never applied) or ``doubled``."""
        if self.state == self.truth:
            return RIGHT
        return DOUBLED if self.applied else LOST

    def __str__(self) -> str:
        """Tell the cell as a sentence."""
        again = ", delivered once more" if self.redelivered else ""
        return (
            f"{self.way}, handler {self.handler}, {self.crash}{again}: "
            f"{self.state}, truth {self.truth}: {self.verdict}"
        )


class CrashTable(Struct, frozen=True, kw_only=True):
    """Every cell: crash point × redelivery × handler, for each way.

    Attributes:
        cells: in the order of ways, handlers, redelivery, crash points.
    """

    cells: tuple[Cell, ...]

    def of(self, way: Way | str, handler: str | None = None) -> tuple[Cell, ...]:
        """Return the cells of one way, and of one handler if said."""
        name = way.name if isinstance(way, Way) else way
        return tuple(
            cell
            for cell in self.cells
            if cell.way == name and handler in {None, cell.handler}
        )

    def cell(
        self,
        way: Way | str,
        handler: str,
        *,
        crashes: tuple[int, ...] = (),
        redelivered: bool = False,
    ) -> Cell:
        """Return one cell.

        Raises:
            InvalidSchedule: the table has no such cell.
        """
        for cell in self.of(way, handler):
            if (cell.crashes, cell.redelivered) == (crashes, redelivered):
                return cell
        raise InvalidSchedule(f"no cell of {way} with {handler} has crashes {crashes}")

    def share(
        self, way: Way | str, verdict: str, handler: str | None = None
    ) -> Fraction:
        """Return the share of a way's cells that end in a verdict."""
        cells = self.of(way, handler)
        return Fraction(sum(c.verdict == verdict for c in cells), len(cells) or 1)

    @property
    def finding(self) -> str:
        """Which ways can lose, which can double, and which are right throughout."""
        ways = dict.fromkeys(cell.way for cell in self.cells)
        found = []
        for way in ways:
            ends = {cell.verdict for cell in self.of(way)} - {RIGHT}
            words = " and ".join(sorted(ends, reverse=True)) or "right in every cell"
            found.append(f"{way}: {words}")
        return f"{'; '.join(found)}."

    def frame(self) -> pl.DataFrame:
        """Return one row a cell: way, handler, crash, redelivered, …, verdict."""
        import polars as pl

        names = (
            "way handler crash redelivered deliveries applied state truth verdict"
        ).split()
        return pl.DataFrame(
            [{name: getattr(cell, name) for name in names} for cell in self.cells]
        )

    def counts(self) -> pl.DataFrame:
        """Return one row a way and handler: how many cells are lost, doubled, right."""
        import polars as pl

        rows = dict.fromkeys((cell.way, cell.handler) for cell in self.cells)
        ends = (LOST, DOUBLED, RIGHT)
        return pl.DataFrame(
            [
                {"way": way, "handler": handler}
                | {e: sum(c.verdict == e for c in self.of(way, handler)) for e in ends}
                for way, handler in rows
            ]
        )


def crash_table(
    ways: Iterable[Way] = WAYS,
    handlers: Mapping[str, Handler] = HANDLERS,
    *,
    event: Any = DEPOSIT,
    initial: Any = 0,
    crashes: int = 1,
) -> CrashTable:
    """Return what every crash point makes of one event, delivered once or once more.

    Args:
        ways: the consumers' ways.
        handlers: plain functions ``(row, message) -> row``, by name.
        event: the event.
        initial: the row before it.
        crashes: how many crashes there can be, one after the other.
    """
    (message,) = messages([event])
    cells = (
        deliver(
            way,
            handler,
            message,
            name=name,
            initial=initial,
            crashes=plan,
            redelivered=again,
        )
        for way in ways
        for name, handler in handlers.items()
        for again in (False, True)
        for plan in plans(way, crashes)
    )
    return CrashTable(cells=tuple(cell for cell in cells if cell is not None))


def plans(way: Way, crashes: int) -> Iterable[tuple[int, ...]]:
    """Return every way to crash at most so often, the calm one first."""
    for count in range(crashes + 1):
        yield from product(range(len(way.steps)), repeat=count)


def deliver(
    way: Way,
    handler: Handler,
    message: Message,
    *,
    name: str = "",
    initial: Any = 0,
    crashes: tuple[int, ...] = (),
    redelivered: bool = False,
) -> Cell | None:
    """Return what becomes of one event; None if a crash never has its turn.

    Args:
        way: the consumer's steps.
        handler: gives the row after the event.
        message: the event.
        name: what the handler is called.
        initial: the row before it.
        crashes: how many steps each of the first deliveries gets done.
        redelivered: whether it comes once more after it was acknowledged.
    """
    store = _Store(initial)
    left, again = list(crashes), redelivered
    while not store.acked or again:
        again = again and not store.acked
        store.acked = False
        store.deliver(way, handler, message, left.pop(0) if left else len(way.steps))
    if left:
        return None
    return Cell(
        way=way.name,
        handler=name or handler.__name__,
        crashes=crashes,
        crash=", then ".join(map(way.after, crashes)) or way.after(None),
        redelivered=redelivered,
        deliveries=store.deliveries,
        applied=store.applied,
        state=store.row,
        truth=handler(initial, message),
    )


class _Store:
    """What outlives a crash: the row, the known ids, the acknowledgement."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self.known: set[str] = set()
        self.acked = False
        self.deliveries = 0
        self.applied = 0

    def deliver(self, way: Way, handler: Handler, message: Message, upto: int) -> None:
        """Do so many steps; what the consumer remembers ends with it."""
        self.deliveries += 1
        is_known = False
        for action in (action for step in way.steps[:upto] for action in step):
            if action == ACK:
                self.acked = True
            elif action == CHECK:
                is_known = message.event_id in self.known
            elif not is_known and action == MARK:
                self.known.add(message.event_id)
            elif not is_known:
                self.row = handler(self.row, message)
                self.applied += 1
