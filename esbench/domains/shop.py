"""A shop with one lamp, whose price changes.

What lives here: the event types, the ``Product`` projection, and the story of a lamp.
The guarantee: the price is what the last event says; each event says who and, by its
type, why.
What it may not know: databases, files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esbench.event import Event
from esbench.fields import Money
from esbench.projection import Projection, last

if TYPE_CHECKING:
    from esbench.log import EventLog
    from esbench.moments import Clock


class ProductListed(Event):
    """Something is offered for the first time."""

    price: Money
    by: str


class PriceRaised(Event):
    """It costs more from now on."""

    price: Money
    by: str


class PriceReduced(Event):
    """It costs less from now on."""

    price: Money
    by: str


class PriceCorrected(Event):
    """The price was wrong, and is put right."""

    price: Money
    by: str


EVENTS = (ProductListed, PriceRaised, PriceReduced, PriceCorrected)


class Product(Projection):
    """What a product costs."""

    price = last(*((kind, "price") for kind in EVENTS))
    by = last(*((kind, "by") for kind in EVENTS))


def lamp(log: EventLog, clock: Clock, until: int = 4) -> str:
    """Append the story of a lamp: 90.00, raised to 100.00 and so on; return its id.

    The correction is recorded on Jan 20 and true since Jan 15.

    Args:
        log: where to append.
        clock: the log's own clock; it is set to each day of recording.
        until: how many of the four events.
    """
    told = [
        (ProductListed(price="90.00", by="Ann"), "2024-01-01T09:00Z", None),
        (PriceRaised(price="100.00", by="Ben"), "2024-01-10T09:00Z", None),
        (
            PriceCorrected(price="95.00", by="Cleo"),
            "2024-01-20T09:00Z",
            "2024-01-15T09:00Z",
        ),
        (PriceRaised(price="105.00", by="Ann"), "2024-01-29T09:00Z", None),
    ]
    for version, (event, recorded_at, occurred_at) in enumerate(told[:until]):
        clock.set(recorded_at)
        log.append("lamp", [event], expected_version=version, occurred_at=occurred_at)
    return "lamp"
