"""A stock room: received, sold, adjusted, counted.

What lives here: the event types, the ``Stock`` projection, and the story of the lamp.
The guarantee: the book's stock is what was received, less what was sold, plus what
adjustments add; a count is an observation and changes nothing. Where a count and the
book differ, somebody finds out why, and an adjustment says what was found.
What it may not know: files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esbench.event import Event
from esbench.projection import Projection, last, total

if TYPE_CHECKING:
    from esbench.log import EventLog
    from esbench.moments import Clock


class StockReceived(Event):
    """Goods came in."""

    quantity: int
    delivery: str | None = None


class StockSold(Event):
    """Goods went out to a customer; the quantity is positive."""

    quantity: int
    receipt: str | None = None


class StockAdjusted(Event):
    """The book was put right: ``quantity`` is signed, what this adds to the stock."""

    quantity: int
    reason: str


class StockCounted(Event):
    """Somebody counted what lies on the shelf."""

    counted: int
    counted_by: str | None = None


EVENTS = (StockReceived, StockSold, StockAdjusted, StockCounted)


class Stock(Projection):
    """What should be on the shelf, and what the last count found there."""

    on_hand = total(
        (StockReceived, "quantity"),
        (StockAdjusted, "quantity"),
        minus=[(StockSold, "quantity")],
    )
    counted = last((StockCounted, "counted"))


def lamp(log: EventLog, clock: Clock) -> str:
    """Append the year end of a lamp, with a sale that is recorded late; return its id.

    About Dec 31 the book says 37 as known that evening, and the count finds 35. On
    Jan 3 a till that was offline hands in a sale of 2 from Dec 30: then the book says
    35, too.

    Args:
        log: where to append.
        clock: the log's own clock; it is set to each day of recording.
    """
    told: list[tuple[str, Event, str]] = [
        ("2023-12-01T08:00Z", StockReceived(quantity=40), "2023-12-01T08:00Z"),
        ("2023-12-20T15:00Z", StockSold(quantity=3), "2023-12-20T15:00Z"),
        ("2023-12-31T20:00Z", StockCounted(counted=35), "2023-12-31T20:00Z"),
        ("2024-01-03T09:00Z", StockSold(quantity=2), "2023-12-30T11:00Z"),
    ]
    for recorded_at, event, occurred_at in told:
        clock.set(recorded_at)
        log.append("lamp", [event], occurred_at=occurred_at)
    return "lamp"
