"""What workers do with a message: a plain function, and what goes with it.

What lives here: ``Handling`` and ``handling``, which makes one of any function.
The guarantee: a handling is pure: the row after a message follows from the row before
it and the message alone.
What it may not know: schedules, fixes, domains.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from msgspec import Struct

from esbench.workers.message import Message

Handler = Callable[[Any, Message], Any]


def _itself(row: Any) -> Any:
    return row


def _nothing(row: Any) -> tuple[str, ...]:  # noqa: ARG001 - it holds nothing aside
    return ()


def _no_more(row: Any) -> int:  # noqa: ARG001 - it keeps no more than it shows
    return 0


class Handling(Struct, frozen=True, kw_only=True):
    """A handler, and how its rows begin, look and survive.

    Attributes:
        handler: gives the row after a message; it gets the row before and the message.
        name: what tables call it.
        initial: the row of an aggregate before its first event.
        shows: what a row shows to the world; the row itself unless said.
        forget: what a crash leaves of a row; all of it unless said.
        held: the ids of the events that a row has put aside until others come; none
            unless said.
        remembers: how many things a row keeps besides what it shows, as a measure of
            the memory it takes; none unless said.
    """

    handler: Handler
    name: str = ""
    initial: Any = None
    shows: Callable[[Any], Any] = _itself
    forget: Callable[[Any], Any] = _itself
    held: Callable[[Any], tuple[str, ...]] = _nothing
    remembers: Callable[[Any], int] = _no_more

    def __repr__(self) -> str:
        """Give its name."""
        return f"Handling({self.name})"


def handling(handler: Handler | Handling) -> Handling:
    """Return the handling of a plain function, called by the function's name.

    >>> def mine(row, message):
    ...     return message.type
    >>> handling(mine)
    Handling(mine)
    """
    if isinstance(handler, Handling):
        return handler
    return Handling(handler=handler, name=str(getattr(handler, "__name__", "handler")))


def own(row: Any) -> Any:
    """Return a row that a handler may change without changing ours."""
    return deepcopy(row) if isinstance(row, dict | list | set) else row
