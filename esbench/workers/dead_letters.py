"""Dead letters: a log of events that could not be handled, looked at and redriven.

What lives here: ``Letter``, ``DeadLetters`` and ``redrive``.
The guarantee: letters are only ever appended, by their event's id once; a redrive
takes those of a key in the order of their versions, and stops with a key at the first
that fails again; what was redriven stays on record as such.
What it may not know: what is appended to. A list does; so does anything with an
``append`` of one argument, such as one line around an event log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from esbench.workers.message import Message

if TYPE_CHECKING:
    import polars as pl


class Letter(Struct, frozen=True, kw_only=True):
    """An event that was parked, with all that was learnt; the event is as it was.

    Attributes:
        message: the event.
        error: the type of the error; empty for one that was put behind another.
        says: the error's message, or why it is here.
        tries: how often it was tried.
        at: when it was parked, in seconds of the run.
    """

    message: Message
    error: str
    says: str
    tries: int
    at: float = 0.0

    def __repr__(self) -> str:
        """Name the event and its error."""
        return f"Letter({self.message.event_id}: {self.error or self.says})"


class Redriven(Struct, frozen=True, kw_only=True):
    """The record that a letter was handled after all.

    Attributes:
        event_id: the letter's event.
        at: when, in seconds of the run.
    """

    event_id: str
    at: float = 0.0


Alert = Callable[[Letter], object]


class Appendable(Protocol):
    """A log of letters: something that one more thing can be appended to."""

    def append(self, entry: Letter | Redriven, /) -> object:
        """Keep one entry."""
        ...


class DeadLetters:
    """The dead letters of a consumer, and which of them are still waiting.

    Args:
        log: where entries are kept; a new list unless said.
        entries: what the log holds already, in order.
    """

    def __init__(
        self,
        log: Appendable | None = None,
        entries: Iterable[Letter | Redriven] = (),
    ) -> None:
        self._log: Appendable = [] if log is None else log
        self._letters: dict[str, Letter] = {}
        self._waiting: dict[str, Letter] = {}
        self._keys: Counter[str] = Counter()
        for entry in entries:
            self._take(entry)

    def __repr__(self) -> str:
        """Count what waits and what was ever here."""
        return f"DeadLetters({len(self._waiting)} waiting of {len(self._letters)})"

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def park(self, letter: Letter) -> bool:
        """Append a letter unless it waits already; tell whether it was appended."""
        if letter.message.event_id in self._waiting:
            return False
        self._keep(letter)
        return True

    def redriven(self, event_id: str, at: float = 0.0) -> None:
        """Append that a letter was handled."""
        self._keep(Redriven(event_id=event_id, at=at))

    def _keep(self, entry: Letter | Redriven) -> None:
        self._log.append(entry)
        self._take(entry)

    def _take(self, entry: Letter | Redriven) -> None:
        if isinstance(entry, Letter):
            self._letters[entry.message.event_id] = entry
            self._waiting[entry.message.event_id] = entry
            self._keys[entry.message.aggregate_id] += 1
        elif letter := self._waiting.pop(entry.event_id, None):
            self._keys[letter.message.aggregate_id] -= 1

    @property
    def waiting(self) -> tuple[Letter, ...]:
        """The letters that wait, each key's in the order of its versions."""
        return tuple(
            sorted(
                self._waiting.values(),
                key=lambda letter: (
                    letter.message.aggregate_id,
                    letter.message.version,
                ),
            )
        )

    def holds(self, message: Message) -> bool:
        """Tell whether this event waits here."""
        return message.event_id in self._waiting

    def holds_key(self, message: Message) -> bool:
        """Tell whether an event of the same aggregate waits here."""
        return self._keys[message.aggregate_id] > 0

    def frame(self) -> pl.DataFrame:
        """Return one row a letter, waiting or redriven, in the order of parking."""
        import polars as pl

        rows = [
            (
                *(letter.message.event_id, letter.message.aggregate_id),
                *(letter.message.version, letter.message.type),
                *(letter.error, letter.says, letter.tries, letter.at),
                name in self._waiting,
            )
            for name, letter in self._letters.items()
        ]
        schema: dict[str, Any] = {
            "event_id": pl.String,
            "aggregate_id": pl.String,
            "version": pl.Int64,
            "type": pl.String,
            "error": pl.String,
            "says": pl.String,
            "tries": pl.Int64,
            "at": pl.Float64,
            "waiting": pl.Boolean,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")


class Redrive(Struct, frozen=True, kw_only=True):
    """What a redrive did.

    Attributes:
        handled: the messages that went through, in the order of handling.
        failed: for each that failed again, its id and the error.
        behind: the messages that still wait behind one that failed.
    """

    handled: tuple[Message, ...]
    failed: dict[str, str]
    behind: tuple[Message, ...]


def redrive(
    letters: DeadLetters,
    handler: Callable[[Any, Message], Any],
    rows: dict[str, Any],
    *,
    initial: Any = None,
    at: float = 0.0,
) -> Redrive:
    """Handle the letters that wait, key by key in order, and record each that went.

    Args:
        letters: the dead letters.
        handler: a plain function ``(row, message) -> row``, mended meanwhile.
        rows: the states, by aggregate id; changed in place.
        initial: an aggregate's row before its first event.
        at: the time to record.
    """
    handled, behind, failed, stopped = [], [], {}, set()
    for letter in letters.waiting:
        message = letter.message
        if message.aggregate_id in stopped:
            behind.append(message)
            continue
        try:
            before = rows.get(message.aggregate_id, initial)
            rows[message.aggregate_id] = handler(before, message)
        except Exception as error:  # noqa: BLE001  # a handler may raise anything
            failed[message.event_id] = f"{type(error).__name__}: {error}"
            stopped.add(message.aggregate_id)
        else:
            handled.append(message)
            letters.redriven(message.event_id, at)
    return Redrive(handled=tuple(handled), failed=failed, behind=tuple(behind))
