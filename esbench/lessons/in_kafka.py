"""Lesson 09's events through Kafka, or a sentence where its library is missing.

What lives here: ``begin``, which sends events to a broker inside this process and
returns what can be asked of them there.
The guarantee: without the extra ``kafka`` every question is answered by a ``Skipped``,
which says what to install; nothing raises, and no network is used either way.
What it may not know: notebooks, how Kafka is spoken to.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from esbench.domains.video import EVENTS
from esbench.lessons.traffic import status
from esbench.workers import kafka
from esbench.workers.message import Message

if TYPE_CHECKING:
    import polars as pl

TOPIC = "videos"


class Told(str):
    """What was seen, which shows itself as a sentence."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Show the sentence, without marks around it."""
        return str(self)


class Skipped(Told):
    """Why nothing was asked of Kafka."""

    __slots__ = ()

    def __new__(cls) -> Self:
        """Say what is missing, and how to get it."""
        return super().__new__(
            cls, "skipped: this needs confluent-kafka, pip install 'esbench[kafka]'"
        )


class Beside:
    """Events in a topic of four partitions, and what groups make of them.

    Attributes:
        events: what was sent.
        sent: where each event lies; None if the library is missing.
        counts: of the crash: effects, events that are not committed, events in all.
    """

    def __init__(self, events: Iterable[Message]) -> None:
        self.events = tuple(events)
        self.sent: kafka.Sent | None = None
        self.counts = (0, len(self.events), len(self.events))
        self.truth = {each.aggregate_id: status(None, each) for each in self.events}
        self._store = kafka.Store()
        self._crashed: kafka.Read | None = None
        if find_spec("confluent_kafka") is not None:
            self.cluster = kafka.Cluster.in_process()
            self.sent = kafka.send(self.cluster, TOPIC, self.events)

    def where(self, aggregate_id: str) -> pl.DataFrame | Skipped:
        """Return where one aggregate's events lie: event_id, partition, offset."""
        if self.sent is None:
            return Skipped()
        rows = self.sent.frame().filter(aggregate_id=aggregate_id)
        return rows.drop("aggregate_id")

    def read(self, *members: str) -> Told:
        """Let a group of these members read everything, and say how it ends."""
        if self.sent is None:
            return Skipped()
        read = self._consume(group="all", members=members)
        return Told(
            f"{' and '.join(members)} read {len(read.arrived)} events of "
            f"{len(read.lag)} partitions; {self._ends(read)}."
        )

    def crash(self, after: int) -> Told:
        """Let a consumer die after so many effects, before it commits the last."""
        whole = len(self.events)
        self.counts = (after, whole - (after - 1), whole)  # as Kafka promises
        if self.sent is None:
            return Skipped()
        read = self._consume(store=self._store, crash_after=after)
        self._crashed = read
        self.counts = (len(read.arrived), sum(read.lag.values()), whole)
        return Told(
            f"A worker dies after effect {len(read.arrived)} of {whole}, before its "
            f"commit: {self.counts[1]} events are not committed."
        )

    def resume(self) -> Told:
        """Let another consumer go on, and say what came a second time."""
        if self.sent is None or self._crashed is None:
            return Skipped()
        read = self._consume(store=self._store)
        before, after = (
            {message.event_id for *_, message in each.arrived}
            for each in (self._crashed, read)
        )
        applied = sum(step.did == "wrote" for step in read.trace.steps)
        return Told(
            f"Another reads {len(read.arrived)} events, {len(before & after)} of them "
            f"for the second time, and applies {applied}; {self._ends(read)}."
        )

    def __repr__(self) -> str:
        """Say where the events are, or why they are not."""
        if self.sent is None:
            return repr(Skipped())
        lanes = self.cluster.topics()[TOPIC]
        return f"{len(self.events)} events in {lanes} partitions of topic {TOPIC!r}"

    def _consume(self, **options: Any) -> kafka.Read:
        return kafka.consume(
            self.cluster, TOPIC, handler=status, types=EVENTS, **options
        )

    def _ends(self, read: kafka.Read) -> str:
        right = sum(read.states.get(name) == end for name, end in self.truth.items())
        return f"{right} of {len(self.truth)} ends are right"


def begin(events: Iterable[Message]) -> Beside:
    """Send events to a broker inside this process, if its library is there."""
    return Beside(events)
