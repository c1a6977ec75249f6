"""From rows to events, with an error that names the file where that can't be done.

What lives here: ``events_in``, the one way in which readers decode what they found.
The guarantee: rows that are no events, whoever wrote them, are told as ``Corrupt``.
What it may not know: how rows are found.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from esbench.errors import Corrupt, EsbenchError
from esbench.event import AnyEvent, RecordedEvent, Registry
from esbench.log.codec import decode, decode_pairs

if TYPE_CHECKING:
    import polars as pl

    from esbench.log.schema import Schema
    from esbench.log.view import Look

T = TypeVar("T")

_UNFIT = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)


def events_in(
    frame: pl.DataFrame, look: Look, registry: Registry
) -> Iterator[RecordedEvent]:
    """Return the recorded events of rows, in their order.

    Args:
        frame: rows that a look gave.
        look: that look.
        registry: the types that the program declares.

    Raises:
        Corrupt: a row that is no event.
    """
    return _told(decode, frame, look, registry)


def pairs_in(
    frame: pl.DataFrame, look: Look, registry: Registry
) -> Iterator[tuple[str, AnyEvent]]:
    """Return the aggregate and the event of each row; takes what events_in takes."""
    return _told(decode_pairs, frame, look, registry)


def _told(
    decode: Callable[[pl.DataFrame, Schema, Registry], Iterator[T]],
    frame: pl.DataFrame,
    look: Look,
    registry: Registry,
) -> Iterator[T]:
    """Return what rows decode to, or tell the one that does not."""
    try:
        return decode(frame, look.schema, registry)
    except EsbenchError:
        raise
    except _UNFIT as error:
        position = _unfit(frame, look, registry)
        raise Corrupt(
            _file_with(position, look),
            f"the event at position {position} can't be read ({error}): it was edited",
        ) from error


def _unfit(frame: pl.DataFrame, look: Look, registry: Registry) -> int:
    """Return the position of the first row that can't be decoded."""
    for row in frame.iter_slices(1):
        try:
            list(decode(row, look.schema, registry))
        except _UNFIT:
            return int(row.item(0, "position") or 0)
    return int(frame.item(0, "position") or 0)


def _file_with(position: int, look: Look) -> str:
    """Return the name of the file that holds a position."""
    headers = look.headers
    place = bisect_left([header.last for header in headers], position)
    return headers[min(place, len(headers) - 1)].name
