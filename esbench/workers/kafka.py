"""The same events through Kafka: sent by key, read by a group, held against the log.

What lives here: ``Cluster`` (a broker inside this process, or a real one), ``send``,
``consume``, and ``replay``, which sends a log and says what arrived. Needs the extra
``kafka``, which is confluent-kafka.
The guarantee: the producer is keyed by murmur2 and idempotent, so what is sent lies in
its partition once and in order; the consumer commits an offset only after its effect,
and knows by its ids what it has seen, so it applies each event once. What went wrong
is one ``BrokerError`` with one line.
What it may not know: logs (it takes any iterable of events), projections, domains.

What the broker in the process, librdkafka's own stand-in, does not do: topics have
four partitions and are made by being written to; nothing outlives the process; a
partition forgets its oldest events beyond some five megabytes, without a word; no
cooperative rebalance, no read_committed. Three and nine partitions are shown by
``groups``. For all else name a real cluster by its ``bootstrap.servers``.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from esbench.errors import BrokerError, InvalidSchedule
from esbench.event import Event, UnknownEvent
from esbench.workers.delivery import Handler
from esbench.workers.groups import listed
from esbench.workers.message import SAID, Message, messages, plain
from esbench.workers.partitions import KeyOf
from esbench.workers.trace import Step, Trace

if TYPE_CHECKING:
    import polars as pl

ASKED = 5.0  # seconds for an answer about topics
PATIENCE = 30.0  # seconds of silence while something is left to send or read
TURN = 0.05  # seconds that a member waits for an event when nobody has had one
IN_PROCESS = "in this process"

# By the older protocol the stand-in lets nobody into a group that all have left, until
# a session has timed out; by the newer one, in which the broker assigns, it does.
IN_STAND_IN = {"group.protocol": "consumer"}
ELSEWHERE = {"partition.assignment.strategy": "roundrobin"}

# What a broker answers to the offsets of one that has lost the partition.
LOST_IT = frozenset(
    "ILLEGAL_GENERATION UNKNOWN_MEMBER_ID REBALANCE_IN_PROGRESS FENCED_MEMBER_EPOCH "
    "STALE_MEMBER_EPOCH _ASSIGNMENT_LOST".split()
)


class Cluster:
    """A Kafka cluster: where it is, and how to speak to it.

    Args:
        servers: its ``bootstrap.servers``, such as ``localhost:9092``.
        settings: what else librdkafka needs to know, such as ``security.protocol``.

    >>> Cluster("localhost:9092")
    Cluster(localhost:9092)
    """

    def __init__(self, servers: str, settings: Mapping[str, Any] | None = None) -> None:
        self.servers = servers
        self.settings = {"bootstrap.servers": servers, **(settings or {})}
        self._broker: Any = None
        self._name = servers

    @classmethod
    def in_process(cls, brokers: int = 1) -> Cluster:
        """Return a new cluster that lives as long as it is referred to."""
        broker = _library().Producer({"test.mock.num.brokers": brokers, "log_level": 0})
        told = broker.list_topics(timeout=PATIENCE).brokers.values()
        cluster = cls(",".join(f"{each.host}:{each.port}" for each in told))
        cluster._broker, cluster._name = broker, IN_PROCESS
        return cluster

    @property
    def is_in_process(self) -> bool:
        """Whether it is the stand-in, which vanishes with this process."""
        return self._broker is not None

    def __repr__(self) -> str:
        """Name where it is."""
        return f"Cluster({self._name})"

    def topics(self) -> dict[str, int]:
        """Return the topics there are, each with its number of partitions."""
        with self._producer() as producer, self._speaking():
            found = producer.list_topics(timeout=ASKED).topics
        return {name: len(topic.partitions) for name, topic in sorted(found.items())}

    @contextmanager
    def _producer(self) -> Iterator[Any]:
        errors: list[Any] = []
        producer = _library().Producer(
            {
                **self.settings,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.timeout.ms": int(PATIENCE * 1000),
                "log_level": 0,
                "error_cb": errors.append,
            }
        )
        self._errors = errors
        yield producer
        producer.flush(0)

    def consumer(self, group: str, **settings: Any) -> Any:
        """Return a consumer that commits only when it is told to."""
        errors: list[Any] = []
        self._errors = errors
        return _library().Consumer(
            {
                **self.settings,
                "group.id": group,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                **(IN_STAND_IN if self.is_in_process else ELSEWHERE),
                "allow.auto.create.topics": False,
                "log_level": 0,
                "error_cb": errors.append,
                **settings,
            }
        )

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Turn what librdkafka raises into one line."""
        try:
            yield
        except _library().KafkaException as error:
            raise self.error(error.args[0]) from None

    def error(self, error: Any, topic: str = "") -> BrokerError:
        """Return what went wrong as an error of our own, the deeper cause first."""
        known = [error, *getattr(self, "_errors", [])]
        kinds = {each.name(): each for each in known}
        if "_AUTHENTICATION" in kinds or "SASL_AUTHENTICATION_FAILED" in kinds:
            return BrokerError(
                f"{self.servers} does not take these credentials: look at "
                "sasl.username, sasl.password and sasl.mechanism"
            )
        if kinds.keys() & {"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"}:
            return unknown_topic(self, topic)
        if kinds.keys() & {"TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"}:
            return BrokerError(f"{self.servers} does not allow this: {error.str()}")
        silent = {"_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE"}
        if kinds.keys() & {*silent, "_MSG_TIMED_OUT"}:
            return BrokerError(
                f"no broker answers at {self.servers}: start it, or look at "
                "bootstrap.servers and security.protocol"
            )
        return BrokerError(f"{self.servers}: {error.str()}")


def unknown_topic(cluster: Cluster, topic: str) -> BrokerError:
    """Return the error that there is no such topic, with those there are."""
    there = ", ".join(cluster.topics()) or "none"
    return BrokerError(
        f"{cluster!r} has no topic {topic!r}; there are: {there}; a topic of the "
        "cluster in this process is made by sending to it"
    )


def _library() -> Any:
    try:
        import confluent_kafka
    except ModuleNotFoundError:
        raise BrokerError(
            "Kafka needs confluent-kafka: pip install 'esbench[kafka]'"
        ) from None
    return confluent_kafka


# --- sending ---------------------------------------------------------------------


class Sent(Struct, frozen=True, kw_only=True):
    """Where each event lies now.

    Attributes:
        topic: the topic.
        messages: the events, in the order of sending.
        places: for each, its partition and its offset there.
    """

    topic: str
    messages: tuple[Message, ...]
    places: tuple[tuple[int, int], ...]

    def frame(self) -> pl.DataFrame:
        """Return one row an event: event_id, aggregate_id, partition, offset."""
        import polars as pl

        rows = [
            (message.event_id, message.aggregate_id, *place)
            for message, place in zip(self.messages, self.places, strict=True)
        ]
        schema: dict[str, Any] = {
            "event_id": pl.String,
            "aggregate_id": pl.String,
            "partition": pl.Int64,
            "offset": pl.Int64,
        }
        return pl.DataFrame(rows, schema=schema, orient="row")


def send(
    cluster: Cluster, topic: str, events: Iterable[Any], *, key: KeyOf | None = None
) -> Sent:
    """Send events to a topic, and return where the broker put each.

    Args:
        cluster: where to.
        topic: its name; made if the cluster makes topics by itself.
        events: any events, in order.
        key: gives an event's key; its ``aggregate_id`` unless said.

    Raises:
        BrokerError: no broker, no such topic, wrong credentials, or an event that the
            broker did not take.
    """
    rows = messages(events)
    places: dict[str, tuple[int, int]] = {}
    failed: list[Any] = []

    def delivered(error: Any, taken: Any, event_id: str) -> None:
        if error is not None:
            failed.append(error)
        else:
            places[event_id] = taken.partition(), taken.offset()

    with cluster._producer() as producer, cluster._speaking():
        _look_for(cluster, producer, topic, waits=ASKED)
        for row in rows:
            _produce(producer, topic, row, key, delivered)
        producer.flush(PATIENCE)
    if failed or len(places) < len(rows):
        cause = failed[0] if failed else None
        raise (
            BrokerError(f"{cluster!r} took {len(places)} of {len(rows)} events")
            if cause is None
            else cluster.error(cause, topic)
        )
    return Sent(
        topic=topic, messages=rows, places=tuple(places[row.event_id] for row in rows)
    )


def _look_for(cluster: Cluster, client: Any, topic: str, *, waits: float = 0.0) -> int:
    """Return how many partitions a topic has.

    Args:
        cluster: where.
        client: a producer, whose asking may make the topic, or a consumer.
        topic: its name.
        waits: seconds to go on asking for a topic that may be in the making.
    """
    until = time.monotonic() + waits
    while True:
        try:
            found = client.list_topics(topic, timeout=ASKED).topics[topic]
        except _library().KafkaException:
            client.poll(0)  # the deeper cause waits there to be told
            raise
        if found.error is None and found.partitions:
            return len(found.partitions)
        if time.monotonic() >= until:
            raise (
                unknown_topic(cluster, topic)
                if found.error is None
                else cluster.error(found.error, topic)
            )
        time.sleep(0.1)


def _produce(
    producer: Any,
    topic: str,
    row: Message,
    key: KeyOf | None,
    delivered: Callable[[Any, Any, str], None],
) -> None:
    name = row.event_id
    told = {field: getattr(row, field) for field in SAID}
    while True:
        try:
            producer.produce(
                topic,
                key=row.aggregate_id if key is None else key(row),
                value=msgspec.json.encode(told, order="sorted"),
                headers={"event_id": name, "type": row.type},
                on_delivery=lambda error, taken: delivered(error, taken, name),
            )
        except BufferError:
            producer.poll(0.1)  # the queue is full: let some of it go out
        else:
            producer.poll(0)
            return


def _received(record: Any, types: Mapping[str, type[Event]]) -> Message:
    try:
        told = msgspec.json.decode(record.value())
        kind, data = told["type"], told["data"]
        known = types.get(kind)
        event = UnknownEvent(type=kind, data=data) if known is None else known(**data)
        return Message(**told, event=event)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise BrokerError(
            f"partition {record.partition()}, offset {record.offset()} of "
            f"{record.topic()} holds no event of esbench ({error}): take a topic of "
            "its own"
        ) from None


# --- reading ---------------------------------------------------------------------


class Store:
    """What outlives a consumer: rows and known ids, changed together."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.known: set[str] = set()

    def __repr__(self) -> str:
        """Count what it holds."""
        return f"Store({len(self.rows)} aggregates, {len(self.known)} events)"


class Read(Struct, frozen=True, kw_only=True):
    """What a group read of a topic.

    Attributes:
        trace: step by step; ``at`` is the place of a step.
        states: the last row of each aggregate.
        arrived: (partition, offset, message) in the order of reading.
        committed: the next offset to read, for each partition.
        lag: how much of each partition is not committed.
    """

    trace: Trace
    states: dict[str, Any]
    arrived: tuple[tuple[int, int, Message], ...]
    committed: dict[int, int]
    lag: dict[int, int]

    def __repr__(self) -> str:
        """Count what came."""
        return f"Read({len(self.arrived)} events, lag {sum(self.lag.values())})"


def consume(
    cluster: Cluster,
    topic: str,
    *,
    group: str = "esbench",
    members: Sequence[str] = ("w1",),
    handler: Handler = listed,
    initial: Any = None,
    types: Iterable[type[Event]] = (),
    store: Store | None = None,
    crash_after: int | None = None,
) -> Read:
    """Read what a topic holds now, as a group, each effect before its commit.

    Args:
        cluster: where from.
        topic: its name.
        group: the group; what it has committed is not read again.
        members: who reads, each a consumer of its own, taking turns.
        handler: a plain function ``(row, message) -> row``.
        initial: every aggregate's row before its first event.
        types: event types to make typed events of; others come as ``UnknownEvent``.
        store: what earlier reads left; an event that it knows is not applied again.
        crash_after: end after the effect of so many events, before its commit.

    Raises:
        BrokerError: no broker, no such topic, wrong credentials, or silence.
    """
    if not members:
        raise InvalidSchedule("members=(): give at least one")
    known = {each.__name__: each for each in types}
    reading = _Reading(
        cluster,
        topic,
        handler=handler,
        initial=initial,
        types=known,
        store=Store() if store is None else store,
    )
    with cluster._speaking():
        return reading.through(group, members, crash_after)


class _Reading:
    """One read of a topic by a group."""

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        *,
        handler: Handler,
        initial: Any,
        types: Mapping[str, type[Event]],
        store: Store,
    ) -> None:
        self.cluster, self.topic = cluster, topic
        self.handler, self.initial, self.store = handler, initial, store
        self.types = types
        self.steps: list[Step] = []
        self.arrived: list[tuple[int, int, Message]] = []
        self.committed: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.placed: set[str] = set()  # members that have heard what they own
        self.delivered: dict[str, int] = defaultdict(int)

    def through(
        self, group: str, members: Sequence[str], crash_after: int | None
    ) -> Read:
        scout = self.cluster.consumer(group)
        try:
            self._survey(scout)
        finally:
            scout.close()
        consumers = {name: self.cluster.consumer(group) for name in members}
        try:
            self._subscribe(consumers)
            self._take_turns(consumers, crash_after)
        finally:
            for consumer in consumers.values():
                consumer.close()
        return self._read(members)

    def _survey(self, scout: Any) -> None:
        """Note how long each partition is, and what the group has committed."""
        place = _library().TopicPartition
        count = _look_for(self.cluster, scout, self.topic)
        places = [place(self.topic, number) for number in range(count)]
        for each in places:
            low, high = scout.get_watermark_offsets(each, timeout=ASKED)
            self.ends[each.partition] = high
            self.committed[each.partition] = low
        for each in scout.committed(places, timeout=10):
            if each.offset >= 0:
                self.committed[each.partition] = each.offset

    def _subscribe(self, consumers: Mapping[str, Any]) -> None:
        for name, consumer in consumers.items():
            consumer.subscribe(
                [self.topic],
                on_assign=lambda _, places, name=name: self._own(
                    name, "assigned", places
                ),
                on_revoke=lambda _, places, name=name: self._own(
                    name, "revoked", places
                ),
            )

    def _own(self, name: str, did: str, places: Iterable[Any]) -> None:
        self.placed.add(name)
        for each in sorted(places, key=lambda place: place.partition):
            self._tell(name, did, partition=each.partition)

    def _is_done(self) -> bool:
        return all(self.committed[place] >= end for place, end in self.ends.items())

    def _take_turns(
        self, consumers: Mapping[str, Any], crash_after: int | None
    ) -> None:
        heard, is_busy = time.monotonic(), False
        while not self._is_done():
            quick, is_busy = is_busy, False
            for name, consumer in consumers.items():
                record = consumer.poll(0 if quick and name in self.placed else TURN)
                if record is None:
                    continue
                is_busy = True
                if record.error() is not None:
                    raise self.cluster.error(record.error(), self.topic)
                heard = time.monotonic()
                self._effect(name, record)
                if len(self.arrived) == crash_after:
                    self._tell(name, "crashed")
                    return
                self._commit(name, consumer, record)
            if time.monotonic() - heard > PATIENCE:
                raise BrokerError(
                    f"{self.cluster!r} gave nothing of {self.topic!r} for "
                    f"{PATIENCE:.0f} seconds, and something is left"
                )

    def _effect(self, name: str, record: Any) -> None:
        message = _received(record, self.types)
        self.arrived.append((record.partition(), record.offset(), message))
        self.delivered[message.event_id] += 1
        self._tell(name, "took", record, message)
        if message.event_id in self.store.known:
            self._tell(name, "skipped", record, message)
            return
        before = self.store.rows.get(message.aggregate_id, self.initial)
        after = self.store.rows[message.aggregate_id] = self.handler(before, message)
        self.store.known.add(message.event_id)
        self._tell(name, "wrote", record, message, state=plain(after))

    def _commit(self, name: str, consumer: Any, record: Any) -> None:
        try:
            consumer.commit(message=record, asynchronous=False)
        except _library().KafkaException as error:
            if error.args[0].name() not in LOST_IT:
                raise
            message = self.arrived[-1][2]  # whoever owns it now reads it again
            self._tell(name, "refused", record, message)
            return
        self.committed[record.partition()] = record.offset() + 1
        self._tell(name, "acknowledged", record, self.arrived[-1][2])

    def _tell(
        self,
        name: str,
        did: str,
        record: Any = None,
        message: Message | None = None,
        *,
        partition: int | None = None,
        state: Any = None,
    ) -> None:
        event_id = None if message is None else message.event_id
        self.steps.append(
            Step(
                at=len(self.steps) + 1,
                worker=name,
                did=did,
                event_id=event_id,
                attempt=1 if event_id is None else self.delivered[event_id],
                state=state,
                partition=partition if record is None else record.partition(),
                offset=None if record is None else record.offset(),
            )
        )

    def _read(self, members: Sequence[str]) -> Read:
        unique = {message.event_id: message for _, _, message in self.arrived}
        trace = Trace(
            name=f"kafka, topic {self.topic}",
            handler=self.handler.__name__,
            workers=tuple(members),
            messages=tuple(unique.values()),
            steps=tuple(self.steps),
            initial=self.initial,
        )
        return Read(
            trace=trace,
            states=self.store.rows,
            arrived=tuple(self.arrived),
            committed=self.committed,
            lag={p: end - self.committed[p] for p, end in self.ends.items()},
        )


# --- a log, sent and held against what arrived -----------------------------------


class Replayed(Struct, frozen=True, kw_only=True):
    """What arrived of a log that was sent to a topic.

    Attributes:
        sent: where each event lies.
        read: what was read again.
        missing: ids that were sent and did not arrive.
        altered: ids that arrived with other content.
        disordered: ids that arrived after a later event of their key.
    """

    sent: Sent
    read: Read
    missing: tuple[str, ...]
    altered: tuple[str, ...]
    disordered: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether everything arrived, as it was, and each key in its order."""
        return not (self.missing or self.altered or self.disordered)

    @property
    def finding(self) -> str:
        """What arrived, in a sentence."""
        counts = ", ".join(
            f"{len(getattr(self, word))} {word}"
            for word in ("missing", "altered", "disordered")
        )
        whole = "all of them, each key in its order" if self.is_whole else counts
        lanes = len({place for place, _ in self.sent.places})
        return (
            f"{len(self.sent.messages)} events sent to {lanes} partitions of "
            f"{self.sent.topic}; arrived: {whole}."
        )

    def frame(self) -> pl.DataFrame:
        """Return one row a partition: partition, sent, keys, first, last (offsets)."""
        import polars as pl

        return (
            self.sent.frame()
            .group_by("partition")
            .agg(
                sent=pl.len(),
                keys=pl.col("aggregate_id").n_unique(),
                first=pl.col("offset").min(),
                last=pl.col("offset").max(),
            )
            .sort("partition")
        )


def replay(
    cluster: Cluster, topic: str, events: Iterable[Any], *, group: str = "esbench"
) -> Replayed:
    """Send events to a topic, read them back, and say what arrived.

    Args:
        cluster: where to.
        topic: its name.
        events: any events, such as ``log.read()``.
        group: the group that reads.

    Raises:
        BrokerError: no broker, no such topic, wrong credentials, or silence.
    """
    sent = send(cluster, topic, events)
    read = consume(cluster, topic, group=group)
    places = dict(zip(sent.places, sent.messages, strict=True))
    came = {(part, offset): message for part, offset, message in read.arrived}
    ours = [(p, o, m) for p, o, m in read.arrived if (p, o) in places]
    return Replayed(
        sent=sent,
        read=read,
        missing=tuple(m.event_id for at, m in places.items() if at not in came),
        altered=tuple(m.event_id for p, o, m in ours if not m == places[p, o]),  # noqa: SIM201  # a message defines ==
        disordered=_disordered(message for _, _, message in ours),
    )


def _disordered(rows: Iterable[Message]) -> tuple[str, ...]:
    latest: dict[str, int] = {}
    found = []
    for row in rows:
        if row.version < latest.get(row.aggregate_id, 0):
            found.append(row.event_id)
        latest[row.aggregate_id] = max(row.version, latest.get(row.aggregate_id, 0))
    return tuple(found)
