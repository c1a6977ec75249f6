"""A consumer group: who owns which partition, what a rebalance does, and the record.

What lives here: what can happen to a member (``Join``, ``Leave``, ``Crash``,
``Pause``), the record of a run (``Run``), and ``consume``, which makes one.
The guarantee: the same arguments give the same run on every machine. ``Run.broken``
holds each promise of a consumer against what happened, with its evidence.
What it may not know: logs, domains, and how the members take turns (``consuming``).

"Partition 0 → worker 1, always" is false: it is so until the next member joins, leaves
or is taken for dead. A member that merely slept does not know that it was. The broker
refuses its offsets from then on, and nobody refuses its writes, unless the store does:
the *fence* lets a write pass only from the latest owner of the partition.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.workers.assignors import Assignor, round_robin
from esbench.workers.backoff import Backoff
from esbench.workers.dead_letters import Letter
from esbench.workers.delivery import EFFECTIVELY_ONCE, Handler, Way
from esbench.workers.failures import PARK_KEY, POLICIES, TRIES, Policy
from esbench.workers.message import Message, messages
from esbench.workers.partitions import KeyOf, Partitioner, lanes, partition
from esbench.workers.trace import Step, Trace

if TYPE_CHECKING:
    import polars as pl


class Join(Struct, frozen=True, kw_only=True):
    """A member comes, for the first time or again."""

    at: int
    member: str


class Leave(Struct, frozen=True, kw_only=True):
    """A member goes, in order: it commits what it has done."""

    at: int
    member: str


class Crash(Struct, frozen=True, kw_only=True):
    """A member dies; it is started again ``back`` ticks later, if said."""

    at: int
    member: str
    back: int | None = None


class Pause(Struct, frozen=True, kw_only=True):
    """A member sleeps for so many ticks, and does not know that it did."""

    at: int
    member: str
    ticks: int


Action = Join | Leave | Crash | Pause


class Ownership(Struct, frozen=True, kw_only=True):
    """A member owned a partition from one tick to another, None for the end."""

    partition: int
    member: str
    generation: int
    since: int
    until: int | None = None


class Flight(Struct, frozen=True, kw_only=True):
    """An event that was on its way as its partition changed hands.

    Attributes:
        partition: whose offset it is.
        offset: its place there.
        event_id: the event.
        member: in whose hands it was.
        stage: ``in hand`` or ``done, not committed``; either is read again.
    """

    partition: int
    offset: int
    event_id: str
    member: str
    stage: str


class Rebalance(Struct, frozen=True, kw_only=True):
    """Partitions were given out anew.

    Attributes:
        at: when.
        generation: the number of this assignment, from 1.
        why: who came or went.
        assignment: each member's partitions.
        moved: the partitions whose owner is another than before.
        in_flight: what was on its way in them.
    """

    at: int
    generation: int
    why: str
    assignment: dict[str, tuple[int, ...]]
    moved: tuple[int, ...]
    in_flight: tuple[Flight, ...]


class Applied(Struct, frozen=True, kw_only=True):
    """The handler changed a row.

    Attributes:
        at: when.
        member: who did it.
        stale: whether it had lost the partition by then.
        partition: where the event lay.
        offset: its place there.
        message: the event.
    """

    at: int
    member: str
    stale: bool
    partition: int
    offset: int
    message: Message


class Run(Struct, frozen=True, kw_only=True):
    """What happened in a consumer group.

    Attributes:
        trace: step by step; a tick is a millisecond there.
        partitions: what each partition holds at the end, requeued copies among them.
        committed: the next offset to read, for each partition.
        ownerships: who owned what when.
        rebalances: each time partitions were given out.
        applied: every change to a row, in order.
        lags: (tick, lag of each partition, ticks that the oldest event has waited),
            whenever a lag changed.
        written: when each entry of a partition was written, in order.
        letters: the dead letters.
        alerts: the event ids of the letters that woke somebody.
        states: the last row of each aggregate.
        truth: what the rows should be: every event once, in order, up to the first
            that is a dead letter.
        tries: the most that an event was tried without success.
        limit: how often it may be tried.
        ticks: how long the run was.
        finished: whether all that could be done was done by then.
    """

    trace: Trace
    partitions: tuple[tuple[Message, ...], ...]
    committed: tuple[int, ...]
    ownerships: tuple[Ownership, ...]
    rebalances: tuple[Rebalance, ...]
    applied: tuple[Applied, ...]
    lags: tuple[tuple[int, tuple[int, ...], int], ...]
    written: tuple[int, ...]
    letters: tuple[Letter, ...]
    alerts: tuple[str, ...]
    states: dict[str, Any]
    truth: dict[str, Any]
    tries: int
    limit: int
    ticks: int
    finished: bool

    # the promises, each with its evidence

    @property
    def lost(self) -> tuple[str, ...]:
        """Events that changed nothing and wait nowhere."""
        kept = {each.message.event_id for each in self.applied}
        kept |= {each.message.event_id for each in self.letters}
        waits = {
            message.event_id
            for lane, next_ in zip(self.partitions, self.committed, strict=True)
            for message in lane[next_:]
        }
        return tuple(
            message.event_id
            for message in self.trace.messages
            if message.event_id not in kept | waits
        )

    @property
    def doubled(self) -> tuple[str, ...]:
        """Events whose handler changed the row more than once."""
        counts = Counter(each.message.event_id for each in self.applied)
        return tuple(name for name, count in counts.items() if count > 1)

    @property
    def disordered(self) -> tuple[str, ...]:
        """Events that changed a row after a later one of their aggregate had."""
        return tuple(
            each.message.event_id
            for each, latest, _ in _in_turn(self.applied)
            if each.message.version < latest
        )

    @property
    def gaps(self) -> tuple[str, ...]:
        """Events that changed a row before an earlier one of their aggregate had."""
        return tuple(
            each.message.event_id
            for each, _, done in _in_turn(self.applied)
            if not done.issuperset(range(1, each.message.version))
        )

    @property
    def wrong(self) -> tuple[str, ...]:
        """Aggregates whose last row is not what it should be."""
        names = dict.fromkeys((*self.truth, *self.states))
        return tuple(n for n in names if self.states.get(n) != self.truth.get(n))

    @property
    def silent(self) -> tuple[str, ...]:
        """Dead letters that woke nobody."""
        return tuple(
            each.message.event_id
            for each in self.letters
            if each.message.event_id not in self.alerts
        )

    @property
    def shared(self) -> tuple[str, ...]:
        """Partitions with two owners at a time, or none, though there are members."""
        found = []
        for each in self.rebalances:
            owners = Counter(p for own in each.assignment.values() for p in own)
            found += [
                f"partition {place} had {owners[place]} owners from {each.at} on"
                for place in range(len(self.partitions))
                if owners[place] != 1 and each.assignment
            ]
        return tuple(found)

    @property
    def stale(self) -> tuple[str, ...]:
        """Events whose row was changed by a member that had lost their partition."""
        return tuple(each.message.event_id for each in self.applied if each.stale)

    @property
    def broken(self) -> dict[str, tuple[str, ...]]:
        """The promises that were not kept, by name, each with its evidence."""
        found = {
            "nothing is lost": self.lost,
            "nothing counts twice": self.doubled,
            "order is kept": self.disordered,
            "nothing overtakes a missing one": self.gaps,
            "every end is right": self.wrong,
            "only the owner writes": self.stale,
            "a partition has one owner": self.shared,
            "each dead letter alerts": self.silent,
            "tries end": (f"{self.tries} tries",) * (self.tries > self.limit),
            "the work gets done": (f"{self.ticks} ticks",) * (not self.finished),
        }
        return {promise: evidence for promise, evidence in found.items() if evidence}

    # the record as tables

    @property
    def finding(self) -> str:
        """What one sees, in a sentence."""
        owners = defaultdict(set)
        for each in self.ownerships:
            owners[each.partition].add(each.member)
        several = sum(len(each) > 1 for each in owners.values())
        twice = self.read_twice().height
        broken = f"broken: {'; '.join(self.broken)}" if self.broken else ""
        return (
            f"{len(self.rebalances)} assignments; {several} of "
            f"{len(self.partitions)} partitions had more than one owner; "
            f"read more than once: {twice}; {broken or 'every promise was kept'}."
        )

    def owners(self) -> pl.DataFrame:
        """Return who owned what when: partition, member, generation, since, until."""
        import polars as pl

        rows = [
            (each.partition, each.member, each.generation, each.since, each.until)
            for each in self.ownerships
        ]
        names = ("partition", "member", "generation", "since", "until")
        schema: dict[str, Any] = {
            n: pl.String if n == "member" else pl.Int64 for n in names
        }
        return pl.DataFrame(rows, schema=schema, orient="row").sort(
            "partition", "since", maintain_order=True
        )

    def read_twice(self) -> pl.DataFrame:
        """Return what came into hands more than once: event_id, times, members."""
        import polars as pl

        hands: dict[str, list[str]] = defaultdict(list)
        for step in self.trace.steps:
            if step.did == "took" and step.event_id is not None:
                hands[step.event_id].append(step.worker)
        rows = [(n, len(who), who) for n, who in hands.items() if len(who) > 1]
        schema: dict[str, Any] = {
            "event_id": pl.String,
            "times": pl.Int64,
            "members": pl.List(pl.String),
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def in_flight(self) -> pl.DataFrame:
        """Return what was on its way at each rebalance, one row an event."""
        import polars as pl

        rows = [
            (each.at, each.why, f.partition, f.offset, f.event_id, f.member, f.stage)
            for each in self.rebalances
            for f in each.in_flight
        ]
        names = "at why partition offset event_id member stage".split()
        numbers = {"at", "partition", "offset"}
        schema: dict[str, Any] = {
            n: pl.Int64 if n in numbers else pl.String for n in names
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def lag(self) -> pl.DataFrame:
        """Return the lag of each partition whenever one changed: at, partition, lag."""
        import polars as pl

        rows = [
            (at, place, lag)
            for at, each, _ in self.lags
            for place, lag in enumerate(each)
        ]
        schema: dict[str, Any] = {
            "at": pl.Int64,
            "partition": pl.Int64,
            "lag": pl.Int64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def figures(self) -> pl.DataFrame:
        """Return what one would watch, one row a tick.

        Columns: at; published, processed, failed, retried, parked, dropped, each
        counted from the start; lag (events not committed); age (ticks that the oldest
        has waited).
        """
        import polars as pl

        rows, counts, lags = [], Counter[str](), list(self.lags)
        happened: dict[int, list[str]] = defaultdict(list)
        for at, word in _watched(self.trace.steps):
            happened[at].append(word)
        lag = age = since = 0
        for at in range(self.ticks):
            counts.update(happened[at])
            counts["published"] = bisect_right(self.written, at)
            if lags and lags[0][0] == at:
                since, each, age = lags.pop(0)
                lag = sum(each)
            told = [counts[word] for word in FIGURES]
            rows.append((at, *told, lag, age + at - since if lag else 0))
        names = ("at", *FIGURES, "lag", "age")
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Int64), orient="row")

    def __repr__(self) -> str:
        """Count, and name what was broken."""
        broken = ", ".join(self.broken) or "nothing"
        return (
            f"Run({len(self.trace.messages)} events, {len(self.rebalances)} "
            f"assignments, {self.ticks} ticks, broken: {broken})"
        )


FIGURES = ("published", "processed", "failed", "retried", "parked", "dropped")
COUNTED = {"wrote": "processed", "parked": "parked", "lost": "dropped"}


def _watched(steps: Sequence[Step]) -> Iterable[tuple[int, str]]:
    """Give what counters count, each with its tick."""
    given_up = {"parked", "lost", "waited"}
    for step, then in zip(steps, (*steps[1:], None), strict=True):
        at = step.at // 1000
        if step.did in COUNTED:
            yield at, COUNTED[step.did]
        elif step.did == "failed":
            yield at, "failed"
            is_same = then is not None and then.event_id == step.event_id
            if then is None or not (is_same and then.did in given_up):
                yield at, "retried"


def _in_turn(
    applied: Iterable[Applied],
) -> Iterable[tuple[Applied, int, set[int]]]:
    """Give each change, with the latest version and all versions done before it."""
    done: dict[str, set[int]] = defaultdict(set)
    latest: dict[str, int] = {}
    for each in applied:
        name, version = each.message.aggregate_id, each.message.version
        yield each, latest.get(name, 0), done[name]
        done[name].add(version)
        latest[name] = max(version, latest.get(name, 0))


def listed(row: Any, message: Message) -> list[int]:
    """Keep the versions of what was handled, in the order of handling."""
    return [*(row or ()), message.version]


class Setup(Struct, frozen=True, kw_only=True):
    """How a group works; see ``consume`` for what each means."""

    handler: Handler
    initial: Any
    way: Way
    assignor: Assignor
    policy: Policy
    tries: int
    backoff: Backoff
    tries_beside: bool
    alerts: bool
    fenced: bool
    commit_every: int
    timeout: int
    every: int
    poison: frozenset[str]
    flaky: dict[str, int]
    deadly: frozenset[str]
    seed: int


def consume(
    events: Iterable[Any],
    *,
    partitions: int = 3,
    members: Iterable[str] = ("w1", "w2", "w3"),
    script: Iterable[Action] = (),
    handler: Handler = listed,
    initial: Any = None,
    way: Way = EFFECTIVELY_ONCE,
    assignor: Assignor = round_robin,
    policy: Policy = PARK_KEY,
    tries: int = TRIES,
    backoff: Backoff | None = None,
    tries_beside: bool = True,
    alerts: bool = True,
    fenced: bool = True,
    commit_every: int = 1,
    timeout: int = 6,
    every: int = 0,
    poison: Collection[str] = (),
    flaky: Mapping[str, int] | None = None,
    deadly: Collection[str] = (),
    copies: Mapping[str, int] | None = None,
    key: KeyOf | None = None,
    partitioner: Partitioner = partition,
    seed: int = 1,
) -> Run:
    """Return what a consumer group makes of events, whatever happens to its members.

    Time goes in ticks; each member does one step a tick, in an order drawn anew.

    Args:
        events: any events, in the order in which they were written.
        partitions: how many there are.
        members: who is there from the start.
        script: what happens to members, and when.
        handler: a plain function ``(row, message) -> row``; it may raise.
        initial: every aggregate's row before its first event.
        way: the steps for one event, and which of them are one transaction.
        assignor: gives out the partitions.
        policy: what is done with an event that fails ``tries`` times.
        tries: how often an event is tried.
        backoff: waits between tries, in ticks; 2, 4, 8 at most unless said.
        tries_beside: whether the count of tries is kept in the store, beside the
            event; else in the copy in hand, which a redelivery does not have.
        alerts: whether dead letters wake somebody.
        fenced: whether the store lets only a partition's latest owner write.
        commit_every: events that are done before their offset is committed.
        timeout: ticks after which a silent member is taken for dead.
        every: ticks between two events; 0 writes all before the start.
        poison: ids of events that always fail.
        flaky: ids of events that fail so many times.
        deadly: ids of events that end the process that tries them; it is started
            again three ticks later.
        copies: ids of events that the producer wrote twice, each with the number of
            events between the two.
        key: gives an event's key; its ``aggregate_id`` unless said.
        partitioner: gives the partition of a key; Kafka's unless said.
        seed: the order in which members take their turns.

    Raises:
        InvalidSchedule: no member, an unknown policy, or a count that can't be.
    """
    from esbench.workers.consuming import Group

    rows = messages(events)
    setup = Setup(
        handler=handler,
        initial=initial,
        way=way,
        assignor=assignor,
        policy=policy,
        tries=tries,
        backoff=backoff or Backoff(first=2, cap=8),
        tries_beside=tries_beside,
        alerts=alerts,
        fenced=fenced,
        commit_every=commit_every,
        timeout=timeout,
        every=every,
        poison=frozenset(poison),
        flaky=dict(flaky or {}),
        deadly=frozenset(deadly),
        seed=seed,
    )
    if policy not in POLICIES or min(tries, commit_every, timeout) < 1 or every < 0:
        raise InvalidSchedule(
            f"policy={policy!r}, tries={tries}, commit_every={commit_every}, "
            f"timeout={timeout}, every={every}: policies are {', '.join(POLICIES)}, "
            "counts are at least 1"
        )
    held = lanes(rows, partitions, key, partitioner)
    return Group(setup, rows, held, dict(copies or {}), list(members)).run(list(script))
