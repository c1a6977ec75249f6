"""The rows of the table, in its order.

What lives here: ``ROWS``, which names each row, and what fills it.
The guarantee: a row gets the setting and a page and touches nothing else.
What it may not know: other rows' figures.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from benchmarks.page import Page
from benchmarks.rows import (
    balances,
    growth,
    ordering,
    reading,
    size,
    stages,
    upkeep,
    writing,
)
from benchmarks.setting import Setting


class Row(Struct, frozen=True, kw_only=True):
    """One row of the table.

    Attributes:
        name: what ``--only`` takes.
        title: what it measures.
        run: fills its page.
        seconds: about how long it takes at full size, logs made beforehand.
    """

    name: str
    title: str
    run: Callable[[Setting, Page], None]
    seconds: int


ROWS = (
    Row(
        name="commit",
        title="One-event durable commit",
        run=writing.commit,
        seconds=10,
    ),
    Row(name="writers", title="Many writers", run=writing.writers, seconds=70),
    Row(name="batches", title="Batches", run=writing.batches, seconds=15),
    Row(name="frame", title="A large frame", run=writing.frames, seconds=60),
    Row(name="bytes", title="Bytes an event", run=size.sizes, seconds=10),
    Row(
        name="aggregate",
        title="One aggregate of many",
        run=reading.aggregate,
        seconds=30,
    ),
    Row(name="fold", title="Step-by-step fold", run=reading.fold, seconds=60),
    Row(
        name="balances",
        title="All balances about a day",
        run=balances.balances,
        seconds=40,
    ),
    Row(
        name="snapshot",
        title="The same from a snapshot",
        run=balances.snapshot,
        seconds=30,
    ),
    Row(
        name="large",
        title="The same, the largest log",
        run=balances.large,
        seconds=160,
    ),
    Row(
        name="series",
        title="Month-ends and day-ends",
        run=balances.series,
        seconds=90,
    ),
    Row(name="merge", title="Merging", run=upkeep.merge, seconds=40),
    Row(name="verify", title="Verifying", run=upkeep.verify, seconds=65),
    Row(name="read", title="Reading in order", run=upkeep.ordered, seconds=35),
    Row(
        name="growth",
        title="What growth costs",
        run=growth.growth,
        seconds=130,
    ),
    Row(
        name="orders",
        title="Every order, counted exactly",
        run=ordering.orders,
        seconds=15,
    ),
    Row(
        name="simulated",
        title="Workers, simulated",
        run=ordering.simulation,
        seconds=15,
    ),
    Row(
        name="broker",
        title="A group, simulated and through Kafka",
        run=ordering.broker,
        seconds=25,
    ),
    Row(
        name="race_stage",
        title="The race stage, from key press to picture",
        run=stages.race_stage,
        seconds=50,
    ),
)
