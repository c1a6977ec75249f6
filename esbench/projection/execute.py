"""Commands: load, decide, append, and again if somebody was faster.

What lives here: ``execute`` and ``decides_on``.
The guarantee: what is appended was decided on exactly the events before it, however
many others write at the same time; what is refused stores nothing.
What it may not know: any domain's rules, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from esbench.errors import ConcurrencyError
from esbench.event import AnyEvent, Metadata, RecordedEvent, Stamped

if TYPE_CHECKING:
    from esbench.log.draft import Commit
    from esbench.log.log import EventLog

Decide = Callable[[Any, Any], Iterable[AnyEvent | Stamped]]
_Decide = TypeVar("_Decide", bound=Decide)

ATTEMPTS = 20


def decides_on(projection: Any) -> Callable[[_Decide], _Decide]:
    """Say which state a ``decide`` function is given.

    Args:
        projection: a plain projection, or a declared one by aggregate. What does not
            exist yet is given as a plain projection's initial state, or as None.
    """

    def mark(decide: _Decide) -> _Decide:
        decide.__dict__["projection"] = projection
        return decide

    return mark


def execute(
    log: EventLog,
    aggregate_id: str,
    decide: Decide,
    command: Any,
    *,
    occurred_at: datetime | str | None = None,
    metadata: Metadata | Mapping[str, str] | None = None,
    attempts: int = ATTEMPTS,
) -> Commit | None:
    """Decide a command on an aggregate's state, and append what was decided.

    Args:
        log: where to read and append.
        aggregate_id: whom the command is for.
        decide: returns events for a state and a command, or raises ``Refused``. It
            gets the state that ``decides_on`` names, else the tuple of recorded
            events.
        command: anything that ``decide`` understands.
        occurred_at: when it happened; the time of recording unless said.
        metadata: user, correlation and causation ids.
        attempts: how often to try before giving up.

    Returns:
        The commit; None when there was nothing to append.

    Raises:
        Refused: the rules forbid it; nothing was stored.
        ConcurrencyError: others were faster every time; nothing was stored.
    """
    for attempt in range(1, max(1, attempts) + 1):
        history = tuple(log.read(aggregate_id))
        decided = list(decide(_state(decide, aggregate_id, history), command))
        if not decided:
            return None
        try:
            return log.append(
                aggregate_id,
                decided,
                expected_version=history[-1].version if history else 0,
                occurred_at=occurred_at,
                metadata=metadata,
            )
        except ConcurrencyError:
            if attempt >= attempts:
                raise
    raise AssertionError("the last attempt returns or raises")


def _state(
    decide: Decide, aggregate_id: str, history: tuple[RecordedEvent, ...]
) -> Any:
    """Return what a ``decide`` function decides on."""
    projection = getattr(decide, "projection", None)
    if projection is None:
        return history
    states = projection.fold(history)
    return states.get(aggregate_id, getattr(projection, "initial", None))
