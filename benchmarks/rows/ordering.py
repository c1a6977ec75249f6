"""The rows about workers: orders counted exactly, and runs simulated.

What lives here: ``orders``, ``simulation`` and ``broker``.
The guarantee: counting and listing give equal fractions wherever listing ends; both
simulations do the same work with the same rules, and every event of both is handled;
the broker and the simulated group end in the same states.
What it may not know: how results are written down.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import count as numbers
from random import Random
from typing import Any

from benchmarks.harness import Contender, Figure, NotInstalled, interleaved
from benchmarks.page import MILLI, OWN, Page, spelled
from benchmarks.setting import Setting, spoken
from benchmarks.sqlite import module
from esbench import workers
from esbench.workers import Ends, Message, Schedules, Traffic, groups, kafka, weather

LISTED_ORDERS = 11_550
COUNTED, LISTED = "about 10⁴ orders", "listing every order"
GROWN, PAIRS = "counting exactly", "pairs of place and state"
GROWTH = {3: (3, 5, 8, 12, 17, 23), 4: (2, 4, 5, 8, 11, 14)}  # workers, events each
SIMULATED = "simulated events"
BROKER = "the broker in the process"
GROUPS = {1: 5, 3: 3}  # members, rounds at most: three take seconds to join
KEYS, PARTITIONS = 50, 4


def last(row: Any, message: Message) -> int:  # noqa: ARG001 - it overwrites the row
    """Write the event's number over whatever is there: last write wins."""
    return message.version


def dealt(count: int, each: int) -> Schedules:
    """Return workers with as many events each, dealt out in turn."""
    return workers.spread(range(1, count * each + 1), count)


def counted(drawn: Schedules) -> Ends:
    """Return how schedules end, exactly."""
    return workers.ends(drawn, last, limit=10_000_000)


# --- exact counts ----------------------------------------------------------------


def orders(setting: Setting, page: Page) -> None:
    """Counting on the lattice against listing, and how it grows."""
    small = workers.schedules([[1, 4, 7, 10], [2, 5, 8, 11], [3, 6, 9]])
    found = interleaved(
        [
            Contender(name=OWN, run=lambda _: counted(small).ends),
            Contender(
                name=LISTED, run=lambda _: workers.listed(small, last).ends, rounds=5
            ),
        ],
        setting.rounds(20, 5),
    )
    page.add_times(COUNTED, found)
    page.note(f"{small.count:,} orders of three workers, every order alike")
    times = _grown(setting, page)
    _points(page)
    page.told("memory held while counting, 4 workers", _memory())
    page.at_most("11,732,745,024 orders (4 × 5)", times[4, 5], 20, " ms")
    page.at_most("10³⁰ orders (4 × 14)", times[4, 14], 1_000, " ms")


def _grown(setting: Setting, page: Page) -> dict[tuple[int, int], float]:
    """Count ever longer queues; return the milliseconds by workers and events each."""
    times = {}
    for count, lengths in GROWTH.items():
        contenders = [_counting(count, each) for each in lengths]
        found = interleaved(contenders, setting.rounds(9, 3))
        page.add_times(f"{GROWN}, {count} workers", found)
        for each in lengths:
            times[count, each] = found[_named(count, each)].median * MILLI
    return times


def _points(page: Page) -> None:
    """Say how many pairs of place and state each count went through."""
    for count, lengths in GROWTH.items():
        for each in lengths:
            pairs = Figure.one(counted(dealt(count, each)).pairs)
            page.add(f"{PAIRS}, {count} workers", _named(count, each), pairs, "pairs")


def _memory() -> str:
    """Return what counting holds at most, beyond what was there before."""
    found = []
    for each in GROWTH[4]:
        drawn = dealt(4, each)
        tracemalloc.start()
        counted(drawn)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        found.append(f"{_named(4, each)}: {spelled(peak / 1e6)} MB")
    return ", ".join(found)


def _named(count: int, each: int) -> str:
    digits = str(dealt(count, each).count)
    return f"{digits[0]}.{digits[1:3] or 0}e{len(digits) - 1}"


def _counting(count: int, each: int) -> Contender:
    drawn = dealt(count, each)
    return Contender(
        name=_named(count, each), run=lambda _: counted(drawn), answer=None
    )


# --- simulated events ------------------------------------------------------------


def simulation(setting: Setting, page: Page) -> None:
    """The same workers and queue, by ``workers.simulated`` and by plain SimPy."""
    events = setting.rounds(20_000, 4_000)
    work = _load(events)
    contenders = [Contender(name=OWN, run=lambda _: _own(work))]
    try:
        peer = _simpy()
        contenders.append(Contender(name="SimPy", run=lambda _: peer(work)))
    except NotInstalled as error:
        page.note(str(error))
    found = interleaved(contenders, setting.rounds(7, 3))
    for who, figure in found.items():
        page.add(SIMULATED, who, figure.rate(events), "events/s")
    page.note(
        f"three workers, one queue, {spoken(events)} events of {events // 4:,} "
        "aggregates, exponential times; esbench also keeps the trace of every step"
    )


def _load(events: int) -> Traffic:
    told = [
        message
        for number in range(events // 4)
        for message in workers.messages(range(1, 5), aggregate_id=f"v{number}")
    ]
    return workers.traffic(told, lambda _, event: event)


def _own(work: Traffic) -> int:
    trace = workers.simulated(work, workers.VERSION_GUARD)
    return sum(step.did == "took" for step in trace.steps)


def _simpy() -> Any:
    """Return the same model in plain SimPy.

    Raises:
        NotInstalled: SimPy is not there.
    """
    simpy = module("simpy")

    def run(work: Traffic) -> int:
        handling = workers.VERSION_GUARD.makes(work)
        world, dice = simpy.Environment(), Random(1)
        queue, rows, steps = iter(work.messages), dict[str, Any](), list[Any]()

        def worker() -> Iterator[Any]:
            for message in queue:
                yield world.timeout(dice.expovariate(1 / 1_000))
                name = message.aggregate_id
                row = rows.get(name, handling.initial)
                rows[name] = handling.handler(row, message)
                steps.append((world.now, name, rows[name]))

        for _ in range(3):
            world.process(worker())
        world.run()
        return len(steps)

    return run


# --- a group, simulated and through Kafka ----------------------------------------


def broker(setting: Setting, page: Page) -> None:
    """The same traffic to a group, simulated and through librdkafka's stand-in.

    Raises:
        NotInstalled: confluent-kafka is not there.
    """
    module("confluent_kafka")
    told = weather.traffic(7, events=setting.rounds(2_000, 300), keys=KEYS)
    cluster, names = kafka.Cluster.in_process(), numbers()
    for count, rounds in GROUPS.items():
        members = tuple(f"w{number + 1}" for number in range(count))
        contenders = [
            _simulating(told, members),
            _sending(cluster, names, told, members),
        ]
        found = interleaved(contenders, setting.rounds(rounds, 1))
        _compared(page, _members(count), found, len(told))
    page.note(
        f"{len(told):,} events of {KEYS} keys to {PARTITIONS} partitions, read one by "
        "one, each effect before its commit; the broker's time is that of sending, "
        "joining the group and reading, and esbench's that of the simulated group"
    )


def _members(count: int) -> str:
    return f"{count} member" + "s" * (count > 1)


def _compared(page: Page, work: str, found: dict[str, Figure], events: int) -> None:
    for who, figure in found.items():
        page.add(f"a group of {work}", who, figure.rate(events), "events/s")
    ratio = found[BROKER].median / found[OWN].median
    page.told(f"simulated ÷ broker, {work}", f"{ratio:,.0f}×")


def _added(row: Any, message: Message) -> int:
    """Add up, so that what is lost or comes twice shows."""
    return int(row or 0) + int(message.data["amount"])


def _simulating(told: Sequence[Message], members: tuple[str, ...]) -> Contender:
    def run(_: Any) -> dict[str, Any]:
        return groups.consume(
            told, partitions=PARTITIONS, members=members, handler=_added
        ).states

    return Contender(name=OWN, run=run)


def _sending(
    cluster: kafka.Cluster,
    names: Iterator[int],
    told: Sequence[Message],
    members: tuple[str, ...],
) -> Contender:
    def run(topic: str) -> dict[str, Any]:
        kafka.send(cluster, topic, told)
        return kafka.consume(
            cluster, topic, group=topic, members=members, handler=_added
        ).states

    return Contender(name=BROKER, run=run, prepare=lambda _: f"topic-{next(names)}")
