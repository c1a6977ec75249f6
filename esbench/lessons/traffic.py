"""Events for the lessons with many workers: videos on their way, and a shop's orders.

What lives here: ``uploads``, ``sales``, and ``IDS``, the ids that a sale has.
The guarantee: the same arguments give the same events on every machine, each entity's
own events in their order.
What it may not know: partitions, workers, notebooks.

``nine_uploads`` are typed events, and ``status`` writes what they say into a row.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from esbench.domains.video import written
from esbench.domains.video.stories import THREE
from esbench.workers.message import Message, messages

VIDEO = ("VideoUploaded", "ProcessingStarted", "ProcessingComplete")
ORDER = ("OrderPlaced", "OrderPaid", "OrderShipped")
NINE = (  # the one in place n is in partition n of nine, by Kafka's murmur2
    *("vid_31", "vid_5", "vid_2", "vid_1", "vid_11"),
    *("vid_3", "vid_4", "vid_8", "vid_6"),
)


def uploads(videos: int = 16, seed: int = 7) -> list[Message]:
    """Return three events a video, those of different videos mixed.

    Args:
        videos: how many; they are called vid_1 and so on.
        seed: mixes them.
    """
    names = [f"vid_{number}" for number in range(1, videos + 1)]
    return _told(VIDEO, {name: {"video": name} for name in names}, seed)


def sales(orders: int = 1_000, seed: int = 7) -> list[Message]:
    """Return three events an order, each with its order, its user and its seller.

    About half of all orders go to one seller; a user orders more than once.

    Args:
        orders: how many.
        seed: draws users and sellers, and mixes the orders.
    """
    draw = random.Random(seed)
    made = {
        f"order_{number}": {
            "order": f"order_{number}",
            "user": f"user_{draw.randrange(orders // 5 or 1)}",
            "seller": _seller(draw),
        }
        for number in range(1, orders + 1)
    }
    return _told(ORDER, made, seed)


def nine_uploads() -> tuple[Message, ...]:
    """Return uploaded, started and complete of nine videos, each stage in turn.

    >>> nine_uploads()[9]
    Message(vid_31/2 ProcessingStarted)
    """
    told = [messages(THREE, aggregate_id=name) for name in NINE]
    return tuple(message for stage in zip(*told, strict=True) for message in stage)


def status(row: str | None, message: Message) -> str | None:
    """Return the status that an event writes over the one before: last write wins."""
    return written(row, message.event)


def _told(
    types: tuple[str, ...], entities: dict[str, dict[str, str]], seed: int
) -> list[Message]:
    """Return the events of entities, mixed; each of them lives through all types."""
    versions = dict.fromkeys(entities, 0)
    order = [name for name in entities for _ in types]
    random.Random(seed).shuffle(order)
    found = []
    for name in order:
        versions[name] += 1
        found.append(
            Message(
                aggregate_id=name,
                version=versions[name],
                type=types[versions[name] - 1],
                data=entities[name],
                event_id=f"{name}/{versions[name]}",
            )
        )
    return found


def _seller(draw: random.Random) -> str:
    return "giant" if draw.random() < 0.5 else f"shop_{draw.randrange(50)}"


def _reading(name: str) -> Callable[[Message], str]:
    """Return what reads one id of an event."""
    return lambda message: str(message.data[name])


IDS = {name: _reading(name) for name in ("order", "user", "seller")}  # of sales()
