"""Many aggregates, a few workers, a clock: what a fix costs where there is a load.

What lives here: ``simulated``, which runs messages through workers in simulated time,
and ``cost``, which measures such runs.
The guarantee: the same seed gives the same trace on every machine. Times are sampled,
and the answer says how many runs it comes from.
What it may not know: right and wrong.

Workers that share a queue take the next event whenever they are free. By key, each
aggregate belongs to one worker, dealt in turn; with one worker there is no choice. A
lock is held from the moment the work begins until the write.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heapreplace
from operator import attrgetter, itemgetter
from random import Random
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from esbench.workers.chance import TICKS, Latencies, exponential
from esbench.workers.exact import Interval, ratio
from esbench.workers.fixes import BY_KEY, ONE, Traffic, fix_of
from esbench.workers.handling import Handling, own
from esbench.workers.message import Message, plain
from esbench.workers.trace import Step, Trace

MILLISECOND = 1_000


class Work(Struct, frozen=True):
    """One event in one worker's hands; times in ticks.

    Attributes:
        ended: when it was written.
        lane: by which worker.
        taken: when it was taken.
        begun: when the work began: later than that, where a lock was held.
        message: the event.
    """

    ended: int
    lane: int
    taken: int
    begun: int
    message: Message


class Cost(Struct, frozen=True, kw_only=True):
    """What a fix costs under a load.

    Attributes:
        parallelism: how many workers were at work at once, on average.
        waiting: microseconds that an event stood at a lock or lay aside, on average.
        memory: the most things that were remembered beside the states, on average.
        runs: how many runs were sampled.
        intervals: where each of the three lies with 95 % confidence, by its name; from
            0 to infinity where there was a single run.
    """

    parallelism: float
    waiting: float
    memory: float
    runs: int
    intervals: dict[str, Interval]


def simulated(
    work: Traffic,
    fix: Any,
    *,
    workers: int = 3,
    latencies: Latencies | None = None,
    seed: int = 1,
) -> Trace:
    """Return one run of traffic through workers that take what comes next.

    Args:
        work: the events and what they mean, all of them there from the start.
        fix: a fix, a handling or a plain function.
        workers: how many there are.
        latencies: how long each event takes; exponential, 1 ms on average unless said.
        seed: for the draws.
    """
    chosen = fix_of(fix)
    hands = chosen.makes(work)
    names = tuple(f"W{number}" for number in range(1, workers + 1))
    done = worked(
        work.messages,
        names,
        latencies or exponential(MILLISECOND),
        Random(seed),
        route=chosen.route,
        locks=chosen.locks,
    )
    return Trace(
        name=f"{chosen.name}, {workers} workers",
        handler=hands.name,
        workers=names,
        messages=work.messages,
        steps=tuple(_steps(done, names, hands)),
        initial=plain(hands.shows(hands.initial)),
        seed=seed,
    )


def worked(
    told: Iterable[Message],
    workers: tuple[str, ...],
    latencies: Latencies,
    dice: Random,
    *,
    route: str,
    locks: bool,
) -> list[Work]:
    """Return who did what when, in the order of the writes.

    Args:
        told: the events, in the order in which they lie in the queue.
        workers: their names.
        latencies: how long each takes.
        dice: where chance comes from.
        route: "as dealt", "by key" or "one worker".
        locks: whether a key is one worker's from the beginning of its work on.
    """
    free = [(0, lane) for lane in range(1 if route == ONE else len(workers))]
    heapify(free)
    own = [0] * len(workers)
    lanes: dict[str, int] = {}
    locked: dict[str, int] = {}
    found = []
    for message in told:
        key = message.aggregate_id
        if route == BY_KEY:
            lane = lanes.setdefault(key, len(lanes) % len(workers))
            taken = own[lane]
        else:
            taken, lane = free[0]
        begun = max(taken, locked.get(key, 0)) if locks else taken
        ended = begun + latencies.draw(dice, workers[lane], message.type)
        if locks:
            locked[key] = ended
        if route == BY_KEY:
            own[lane] = ended
        else:
            heapreplace(free, (ended, lane))
        found.append(Work(ended, lane, taken, begun, message))
    return sorted(found, key=attrgetter("ended", "lane"))


def _steps(done: list[Work], names: tuple[str, ...], hands: Handling) -> list[Step]:
    steps = []
    rows: dict[str, Any] = {}
    for each in done:
        message, name = each.message, names[each.lane]
        event_id, at = message.event_id, each.taken // TICKS
        before = rows.get(message.aggregate_id, hands.initial)
        row = rows[message.aggregate_id] = hands.handler(own(before), message)
        took = Step(at=at, worker=name, did="took", event_id=event_id)
        steps.append((each.taken, 1, took))
        if each.begun > each.taken:
            waited = Step(at=at, worker=name, did="waited", event_id=event_id)
            steps.append((each.taken, 2, waited))
        wrote = Step(
            at=each.ended // TICKS,
            worker=name,
            did=_did(event_id, before, row, hands),
            event_id=event_id,
            state=plain(hands.shows(row)),
        )
        steps.append((each.ended, 0, wrote))
    steps.sort(key=itemgetter(0, 1))
    return [step for _, _, step in steps]


def _did(event_id: str, before: Any, row: Any, hands: Handling) -> str:
    if event_id in hands.held(row):
        return "held"
    return "passed over" if row == before else "wrote"


# --- what it costs ---------------------------------------------------------------


def load(work: Traffic, copies: int) -> Traffic:
    """Return the traffic of many aggregates like the first one, side by side.

    Args:
        work: the traffic to copy.
        copies: how many; their first events come first, then the second ones.
    """
    pattern = [
        m for m in work.messages if m.aggregate_id == work.messages[0].aggregate_id
    ]
    told = tuple(
        replace(
            each,
            aggregate_id=f"{each.aggregate_id}-{copy}",
            event_id=f"{each.event_id}-{copy}",
        )
        for each in sorted(pattern, key=lambda message: message.version)
        for copy in range(1, copies + 1)
    )
    return replace(work, messages=told)


def cost(
    work: Traffic,
    fix: Any,
    *,
    workers: int = 3,
    copies: int = 4,
    latencies: Latencies | None = None,
    runs: int = 100,
    seed: int = 1,
) -> Cost:
    """Return what a fix costs when many aggregates are on their way at once.

    Args:
        work: the traffic; its first aggregate is copied.
        fix: a fix, a handling or a plain function.
        workers: how many there are.
        copies: how many aggregates there are.
        latencies: exponential, 1 ms on average unless said.
        runs: how many runs to sample.
        seed: for the draws.
    """
    chosen, many, dice = fix_of(fix), load(work, copies), Random(seed)
    names = tuple(f"W{number}" for number in range(1, workers + 1))
    times = latencies or exponential(MILLISECOND)
    found = []
    for _ in range(runs):
        done = worked(
            many.messages, names, times, dice, route=chosen.route, locks=chosen.locks
        )
        aside, most = _kept_aside(done, chosen.makes(many))
        busy = sum(each.ended - each.begun for each in done)
        stood = sum(each.begun - each.taken for each in done)
        found.append((busy, done[-1].ended, stood + aside, most))
    return _summed(found, len(many.messages))


def _summed(found: list[tuple[int, int, int, int]], events: int) -> Cost:
    """Return what runs cost, from (busy, length, waiting, memory) of each."""
    busy, length, waiting, memory = zip(*found, strict=True)
    ratios = {
        "parallelism": ratio(busy, length),
        "waiting": ratio(waiting, [events * TICKS] * len(found)),
        "memory": ratio(memory, [1] * len(found)),
    }
    return Cost(
        **{name: value for name, (value, _) in ratios.items()},
        runs=len(found),
        intervals={
            name: (max(0.0, low), high) for name, (_, (low, high)) in ratios.items()
        },
    )


def _kept_aside(done: list[Work], hands: Handling) -> tuple[int, int]:
    """Return how many ticks events lay aside, and the most that was remembered."""
    rows: dict[str, Any] = {}
    since: dict[str, int] = {}
    kept: dict[str, int] = {}
    aside = most = 0
    for each in done:
        key = each.message.aggregate_id
        before = rows.get(key, hands.initial)
        row = rows[key] = hands.handler(own(before), each.message)
        was, now = set(hands.held(before)), set(hands.held(row))
        since.update(dict.fromkeys(now - was, each.ended))
        aside += sum(each.ended - since[name] for name in was - now)
        kept[key] = hands.remembers(row)
        most = max(most, sum(kept.values()))
    return aside, most
