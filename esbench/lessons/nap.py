"""A worker of a Kafka group falls asleep with an event in hand: played, and recorded.

What lives here: ``play``, which lets it happen on a broker; ``recorded``, the trace of
one such play; ``as_run``, which reads a trace as the simulation's record is read;
``compared``, which puts both side by side.
The guarantee: the record is what Kafka's own client library and a broker did; nothing
in it was put right by hand, but workers are named by what they own. Without the extra
``kafka`` the record can be read, and nothing played.
What it may not know: widgets, notebooks.

A play takes some eleven seconds, most of which the broker waits: for members to come,
for the silent one, and for members to come again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from esbench.errors import BrokerError
from esbench.lessons.traffic import nine_uploads, status
from esbench.workers import kafka, read_trace
from esbench.workers.groups import Applied, Flight, Ownership, Rebalance, Run
from esbench.workers.message import Message
from esbench.workers.trace import Step, Trace

if TYPE_CHECKING:
    import polars as pl

TOPIC = "nap"
TICKS = frozenset(("took", "waited", "refused"))  # steps that have a tick of their own
SLEEPS_WITH = "vid_1/2"  # processing started
PATIENCE = 60.0  # seconds for a whole play
TRIES = 10  # to commit an offset, where the broker is busy with itself
# The older protocol, whose stand-in takes the silent for dead, and as fast as it can:
# shorter sessions end before the broker has done waiting for members.
SETTINGS = {
    "group.protocol": "classic",
    "partition.assignment.strategy": "roundrobin",
    "session.timeout.ms": 3500,
    "max.poll.interval.ms": 3500,
    "heartbeat.interval.ms": 200,
}


def recorded() -> Trace:
    """Return what happened once, on the broker in the process."""
    return read_trace(files("esbench.lessons").joinpath("nap.json").read_bytes())


def play(cluster: kafka.Cluster | None = None, topic: str = TOPIC) -> Trace:
    """Let one of two workers sleep, vid_1's second event in hand, until all is read.

    Then it wakes, writes, and commits; who sleeps is called w1. Times are microseconds
    since the first event came.

    Args:
        cluster: where; a new broker in this process unless given.
        topic: the topic and the group, which nobody has used before.

    Raises:
        BrokerError: no library, no broker, or the group is not done in a minute.
    """
    broker = kafka.Cluster.in_process() if cluster is None else cluster
    kafka.send(broker, topic, nine_uploads())
    return _Play(broker, topic).through()


class _Play:
    """Two consumers, what they did, and the rows that they wrote."""

    def __init__(self, cluster: kafka.Cluster, topic: str) -> None:
        self.known = {each.event_id: each for each in nine_uploads()}
        self.rows: dict[str, Any] = {}
        self.steps: list[Step] = []
        self.times: dict[str, int] = defaultdict(int)
        self.attempts: dict[tuple[str, str | None], int] = {}
        self.held: Any = None
        self.sleeper = ""
        self.done: set[str] = set()
        self.began = time.monotonic()
        self.consumers = {
            name: cluster.consumer(topic, **SETTINGS) for name in ("one", "two")
        }
        for name, consumer in self.consumers.items():
            self._subscribe(name, consumer, topic)

    def through(self) -> Trace:
        try:
            while len(self.done) < len(self.known):
                self._turn()
                if time.monotonic() - self.began > PATIENCE:
                    raise BrokerError(
                        f"{len(self.done)} of {len(self.known)} events were read in "
                        f"{PATIENCE:.0f} seconds: play it again"
                    )
            self._write(self.sleeper, self.held)
            self._commit(self.sleeper, self.held)
            return self._trace()
        finally:
            for consumer in self.consumers.values():
                consumer.close()

    def _subscribe(self, name: str, consumer: Any, topic: str) -> None:
        def told(did: str) -> Any:
            return lambda _, places: self._own(name, did, places)

        consumer.subscribe(
            [topic], on_assign=told("assigned"), on_revoke=told("revoked")
        )

    def _own(self, name: str, did: str, places: Iterable[Any]) -> None:
        for place in sorted(each.partition for each in places):
            self._tell(name, did, partition=place)

    def _turn(self) -> None:
        """Let each who is awake take one event."""
        for name, consumer in self.consumers.items():
            record = None if name == self.sleeper else consumer.poll(0.05)
            if record is None or record.error() is not None:
                continue
            event_id = dict(record.headers())["event_id"].decode()
            self.times[event_id] += 1
            self.attempts[name, event_id] = self.times[event_id]
            self._tell(name, "took", record)
            if event_id == SLEEPS_WITH and not self.sleeper:
                self.sleeper, self.held = name, record
                self._tell(name, "waited", says="sleeps")
            else:
                self._write(name, record)
                self._commit(name, record)

    def _write(self, name: str, record: Any) -> None:
        """Write the row; nobody looks who does."""
        message = self._message(record)
        row = self.rows.get(message.aggregate_id)
        self.rows[message.aggregate_id] = status(row, message)
        self._tell(name, "wrote", record, state=self.rows[message.aggregate_id])

    def _commit(self, name: str, record: Any) -> None:
        """Commit, again if need be, until the broker takes the offset or refuses it."""
        for _ in range(TRIES):
            word = self._answer(name, record)
            if word is None:
                self._tell(name, "acknowledged", record)
                self.done.add(self._message(record).event_id)
                return
            if word in kafka.LOST_IT:
                self._tell(name, "refused", says=word)
                return
            time.sleep(0.2)
        raise BrokerError(f"the broker answered {word} {TRIES} times: play it again")

    def _answer(self, name: str, record: Any) -> str | None:
        """Give the word by which an offset was turned down; None if it was taken."""
        from confluent_kafka import KafkaException

        try:
            self.consumers[name].commit(message=record, asynchronous=False)
        except KafkaException as error:
            return str(error.args[0].name())
        return None

    def _message(self, record: Any) -> Message:
        return self.known[dict(record.headers())["event_id"].decode()]

    def _tell(
        self, name: str, did: str, record: Any = None, *, partition: int | None = None,
        state: str | None = None, says: str = "",
    ) -> None:  # fmt: skip
        event_id = None if record is None else self._message(record).event_id
        self.steps.append(
            Step(
                at=round((time.monotonic() - self.began) * 1e6),
                worker=name,
                did=did,
                event_id=event_id,
                attempt=self.attempts.get((name, event_id), 1),
                state=state,
                partition=partition if record is None else record.partition(),
                offset=None if record is None else record.offset(),
                says=says,
            )
        )

    def _trace(self) -> Trace:
        """Give the record: the sleeper is w1, and time begins with the first event."""
        began = next(step.at for step in self.steps if step.did == "took")
        named = dict.fromkeys(self.consumers, "w2") | {self.sleeper: "w1"}
        steps = tuple(
            replace(step, worker=named[step.worker], at=max(step.at - began, 0))
            for step in self.steps
        )
        return Trace(
            name="kafka, a worker that sleeps",
            handler=status.__name__,
            workers=("w1", "w2"),
            messages=tuple(self.known.values()),
            steps=steps,
        )


# --- read as a run of the simulation ----------------------------------------------


def as_run(trace: Trace) -> Run:
    """Return a play as the record of a group, one tick for each event that is taken.

    The broker deals partitions anew where the one who is awake is told so; who lost
    them is not told.
    """
    return _Reader(trace).run()


def compared(run: Run) -> pl.DataFrame:
    """Return the nap of a simulated run beside the recorded one: told, here, Kafka."""
    import polars as pl

    columns = {"simulation": _facts(run), "Kafka": _facts(as_run(recorded()))}
    return pl.DataFrame({"told": list(columns["Kafka"])} | {
        name: list(facts.values()) for name, facts in columns.items()
    })  # fmt: skip


def _facts(run: Run) -> dict[str, str]:
    """Give what a nap is told by, each fact as read from the record."""
    anew, video = run.rebalances[1], SLEEPS_WITH.split("/", maxsplit=1)[0]
    flying = [each.event_id for each in anew.in_flight]
    refused = [
        f"refused, {step.says.removeprefix('the offset: ')}"
        for step in run.trace.steps
        if step.did == "refused" and step.event_id is None
    ]
    return {
        "dealt anew because": anew.why,
        "partitions that moved": f"{len(anew.moved)} of {len(run.partitions)}",
        "in flight": ", ".join(flying) or "nothing",
        "written by a lost owner": ", ".join(run.stale) or "nothing",
        "its offset": ", ".join(refused) or "not sent",
        f"{video} ends as": str(run.states[video]),
    }


class _Reader:
    """Goes through the steps once, and notes who owned what, and what was written."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.tick = 0
        self.known = {each.event_id: each for each in trace.messages}
        places = {
            (step.partition, step.offset): step.event_id
            for step in trace.steps
            if step.did == "took"
        }
        self.lanes = [
            tuple(self.known[str(places[place, at])] for at in range(count))
            for place, count in sorted(_lengths(places))
        ]
        self.committed = [0] * len(self.lanes)
        self.owners: list[Ownership] = []
        self.rebalances: list[Rebalance] = []
        self.applied: list[Applied] = []
        self.flying: dict[str, Flight] = {}
        self.lags: list[tuple[int, tuple[int, ...], int]] = []
        self.steps: list[Step] = []

    def run(self) -> Run:
        """Give the record."""
        self._note_lag()
        for batch in _batches(self.trace.steps):
            self._assign(batch) if batch[0].did == "assigned" else self._do(batch[0])
        truth = {each.aggregate_id: status(None, each) for each in nine_uploads()}
        return Run(
            trace=replace(self.trace, steps=tuple(self.steps)),
            partitions=tuple(self.lanes),
            committed=tuple(self.committed),
            ownerships=tuple(self.owners),
            rebalances=tuple(self.rebalances),
            applied=tuple(self.applied),
            lags=tuple(self.lags),
            written=(0,) * len(self.known),
            letters=(),
            alerts=(),
            states=self.trace.states,
            truth=truth,
            tries=0,
            limit=1,
            ticks=self.tick + 1,
            finished=True,
        )

    def _do(self, step: Step) -> None:
        is_odd = self._is_late(step) or step.attempt > 1
        self.tick += (is_odd and step.did == "wrote") or step.did in TICKS
        place, name = step.partition or 0, step.event_id or ""
        if step.did == "took":
            self.flying[name] = Flight(
                partition=place,
                offset=step.offset or 0,
                event_id=name,
                member=step.worker,
                stage="in hand",
            )
        elif step.did == "wrote":
            self._apply(step, place)
        elif step.did == "acknowledged":
            self.flying.pop(name, None)
            self.committed[place] = (step.offset or 0) + 1
            self._note_lag()
        self._keep(step)

    def _is_late(self, step: Step) -> bool:
        return self._owner(step.partition or 0) != step.worker

    def _apply(self, step: Step, place: int) -> None:
        self.applied.append(
            Applied(
                at=self.tick,
                member=step.worker,
                stale=self._is_late(step),
                partition=place,
                offset=step.offset or 0,
                message=self.known[step.event_id or ""],
            )
        )

    def _assign(self, batch: list[Step]) -> None:
        """Note who owns what from now on."""
        first = not self.applied and not self.flying
        self.tick += not first
        had = {place: self._owner(place) for place in range(len(self.lanes))}
        got = had | {step.partition or 0: step.worker for step in batch}
        moved = tuple(place for place in got if got[place] != had[place])
        flying = tuple(each for each in self.flying.values() if each.partition in moved)
        number = 1 if first else len(self.rebalances) + 1
        why = "members came" if first else self._silence(batch[0].at)
        if first:
            self.rebalances.clear()
        self._own(moved, got, number)
        self.rebalances.append(
            Rebalance(
                at=self.tick,
                generation=number,
                why=why,
                assignment=_by_member(got),
                moved=moved,
                in_flight=flying,
            )
        )
        for step in batch:
            self._keep(step)

    def _silence(self, now: int) -> str:
        slept = next(step for step in self.trace.steps if step.did == "waited")
        return f"{slept.worker} was silent for {(now - slept.at) / 1e6:.1f} s"

    def _own(self, moved: Iterable[int], got: dict[int, str], number: int) -> None:
        self.owners = [
            replace(each, until=self.tick)
            if each.until is None and each.partition in moved
            else each
            for each in self.owners
        ]
        self.owners += [
            Ownership(
                partition=place, member=got[place], generation=number, since=self.tick
            )
            for place in moved
        ]

    def _owner(self, place: int) -> str:
        held = [each for each in self.owners if each.partition == place]
        return held[-1].member if held else ""

    def _note_lag(self) -> None:
        lag = tuple(
            len(lane) - done
            for lane, done in zip(self.lanes, self.committed, strict=True)
        )
        self.lags.append((self.tick, lag, 0))

    def _keep(self, step: Step) -> None:
        self.steps.append(replace(step, at=self.tick * 1000))


def _lengths(places: Iterable[tuple[int | None, int | None]]) -> set[tuple[int, int]]:
    """Give each partition with how many events it holds."""
    counts: dict[int, int] = defaultdict(int)
    for place, _ in places:
        counts[place or 0] += 1
    return set(counts.items())


def _batches(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Give steps one by one, and what was assigned at once together."""
    batch: list[Step] = []
    for step in steps:
        if step.did == "assigned":
            batch.append(step)
            continue
        if batch:
            yield batch
        batch = []
        yield [step]
    if batch:
        yield batch


def _by_member(got: dict[int, str]) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(place for place, owner in sorted(got.items()) if owner == name)
        for name in sorted(set(got.values()))
    }
