"""Made-up trouble for a consumer group: what may come, in one seed.

What lives here: ``storm``, which gives what ``consume`` takes.
The guarantee: the same seed gives the same storm on every machine.
What it may not know: what becomes of a group in it.
"""

from __future__ import annotations

import random
from typing import Any

from esbench.workers.assignors import range_, round_robin, sticky
from esbench.workers.backoff import Backoff
from esbench.workers.groups import Action, Crash, Join, Leave, Pause
from esbench.workers.message import Message

LENGTH = 90  # ticks in which things happen


def traffic(seed: int, events: int = 30, keys: int = 6) -> tuple[Message, ...]:
    """Return made-up events of some keys, as they come, each adding an amount."""
    draw, versions = _Draw(seed), [0] * keys
    rows = []
    for _ in range(events):
        key = draw.below(keys)
        versions[key] += 1
        rows.append(
            Message(
                aggregate_id=f"key_{key}",
                version=versions[key],
                type="Added",
                data={"amount": 1 + draw.below(100)},
                event_id=f"key_{key}/{versions[key]}",
            )
        )
    return tuple(rows)


def storm(
    seed: int,
    *,
    events: int = 30,
    crashes: bool = True,
    rebalances: bool = True,
    redelivery: bool = True,
    failures: bool = True,
) -> dict[str, Any]:
    """Return the arguments of ``consume`` for one run in bad weather.

    Args:
        seed: another one gives other weather.
        events: how many there are.
        crashes: whether members die, and sleep so long that they are taken for dead.
        rebalances: whether members join and leave.
        redelivery: whether the producer writes some events twice.
        failures: whether some events fail for a while, for ever, or end a process.
    """
    rows = traffic(seed, events)
    draw = _Draw(seed + 1_000_003)
    script: list[Action] = []
    if crashes:
        script += [_fall(draw) for _ in range(1 + draw.below(3))]
    if rebalances:
        script += _come_and_go(draw)
    ids = [row.event_id for row in rows]
    draw.shuffle(ids)
    return {
        "events": rows,
        "partitions": 3 + draw.below(3),
        "assignor": draw.one_of((range_, round_robin, sticky)),
        "script": tuple(sorted(script, key=lambda action: action.at)),
        "every": draw.below(3),
        "timeout": 4 + draw.below(4),
        "backoff": Backoff(first=2, cap=8, seed=seed),
        "copies": {i: draw.below(5) for i in ids[:3]} if redelivery else {},
        "poison": ids[3:4] if failures else (),
        "deadly": ids[4:5] if failures and draw.below(3) == 0 else (),
        "flaky": {i: 1 + draw.below(2) for i in ids[5:8]} if failures else {},
        "seed": seed,
    }


def _fall(draw: _Draw) -> Action:
    at, member = draw.below(LENGTH), f"w{1 + draw.below(3)}"
    if draw.below(2):
        return Crash(at=at, member=member, back=1 + draw.below(20))
    return Pause(at=at, member=member, ticks=5 + draw.below(20))


def _come_and_go(draw: _Draw) -> list[Action]:
    joined = draw.below(LENGTH // 2)
    left = joined + 1 + draw.below(LENGTH // 2)
    moved: list[Action] = [
        Join(at=joined, member="w4"),
        Leave(at=left, member="w4"),
    ]
    if draw.below(2):
        gone = draw.below(LENGTH)
        moved += [
            Leave(at=gone, member="w2"),
            Join(at=gone + 1 + draw.below(20), member="w2"),
        ]
    return moved


class _Draw:
    """Whole numbers from a seed, by the one generator that Python keeps the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def below(self, limit: int) -> int:
        return int(self._random() * limit)

    def one_of(self, things: tuple[Any, ...]) -> Any:
        return things[self.below(len(things))]

    def shuffle(self, things: list[Any]) -> None:
        for last in range(len(things) - 1, 0, -1):
            other = self.below(last + 1)
            things[last], things[other] = things[other], things[last]
