"""What one watches: how much came, went, failed, waits, and how long it takes.

What lives here: ``Monitor``, told by those who work and read by those who watch; and
``export``, which hands its figures on as OpenTelemetry metrics.
The guarantee: a counter never falls; what was published is processed, parked, dropped,
or still counted as waiting; figures depend on what was told alone, so a run gives the
same every time.
What it may not know: who works, and who watches.

Names, for OpenTelemetry: where the conventions for messaging have a metric, it is
taken, with their attributes: ``messaging.client.sent.messages``,
``messaging.client.consumed.messages`` and ``messaging.process.duration``; a failure is
a duration with an ``error.type``. They have none for retries, dead letters, drops,
queue, lag and age: those are named ``esbench.messaging.…``. The conventions were of
status "development" when this was written, so names may move.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    import polars as pl
    from opentelemetry.metrics import Meter

# The conventions' advice for durations, in seconds.
BOUNDS = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip

SENT = "messaging.client.sent.messages"
CONSUMED = "messaging.client.consumed.messages"
DURATION = "messaging.process.duration"
RETRIED = "esbench.messaging.retried.messages"
PARKED = "esbench.messaging.parked.messages"
DROPPED = "esbench.messaging.dropped.messages"
QUEUE = "esbench.messaging.queue.size"
LAG = "esbench.messaging.consumer.lag"
AGE = "esbench.messaging.consumer.age"


COUNTERS = ("published", "processed", "failed", "retried", "parked", "dropped")


class Histogram(Struct, frozen=True, kw_only=True):
    """How long things took.

    Attributes:
        bounds: upper ends of the buckets in seconds, inclusive; one more has no end.
        counts: how many fell into each.
        total: seconds in all.
        most: the longest, in seconds.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float
    most: float

    def at_most(self, share: float) -> float:
        """Return the end of the bucket that this share of durations does not exceed."""
        wanted, seen = share * sum(self.counts), 0
        for bound, count in zip((*self.bounds, self.most), self.counts, strict=True):
            seen += count
            if seen >= wanted:
                return min(bound, self.most)
        return self.most

    def frame(self) -> pl.DataFrame:
        """Return one row a bucket: up_to (seconds, null for the last), count."""
        import polars as pl

        return pl.DataFrame(
            {"up_to": [*self.bounds, None], "count": self.counts},
            schema={"up_to": pl.Float64, "count": pl.Int64},
        )


class Monitor:
    """Counts what happens; tell it by the verbs, ask it by the frames.

    >>> watch = Monitor()
    >>> watch.published("VideoUploaded")
    >>> watch.failed("VideoUploaded", ValueError("no"), seconds=0.02)
    >>> watch.processed("VideoUploaded", seconds=0.02)
    >>> watch
    Monitor(published 1, processed 1, failed 1, retried 0, parked 0, dropped 0, lag 0)
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._total = self._most = 0.0
        self._size = self._lag = 0
        self._age = 0.0
        self._exporter: _Exporter | None = None

    def __repr__(self) -> str:
        """Give the totals."""
        counts = ", ".join(f"{word} {self.count(word)}" for word in COUNTERS)
        return f"Monitor({counts}, lag {self._lag})"

    # what those say who work

    def published(self, type: str) -> None:
        """An event was handed to the broker."""
        self._add("published", type)

    def processed(self, type: str, seconds: float) -> None:
        """An event was handled."""
        self._add("processed", type)
        self._took(type, seconds, "")

    def failed(self, type: str, error: BaseException | str, seconds: float) -> None:
        """A try failed."""
        name = error if isinstance(error, str) else _name(error)
        self._add("failed", type, name)
        self._took(type, seconds, name)

    def retried(self, type: str) -> None:
        """An event is to be tried again."""
        self._add("retried", type)

    def parked(self, type: str) -> None:
        """An event became a dead letter."""
        self._add("parked", type)

    def dropped(self, type: str) -> None:
        """An event was given up and forgotten: no effect, no dead letter."""
        self._add("dropped", type)

    def queue(self, *, size: int, lag: int, age: float) -> None:
        """Say how things stand now.

        Args:
            size: how many events the broker holds that nobody took yet.
            lag: how many are not acknowledged, those in hand among them.
            age: seconds since the oldest of them was ready.
        """
        self._size, self._lag, self._age = size, lag, age

    def _add(self, word: str, type: str, error: str = "") -> None:
        self._counts[word, type, error] += 1
        if self._exporter is not None:
            self._exporter.add(word, type)

    def _took(self, type: str, seconds: float, error: str) -> None:
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._total += seconds
        self._most = max(self._most, seconds)
        if self._exporter is not None:
            self._exporter.took(type, seconds, error)

    # what those ask who watch

    def count(self, word: str, type: str | None = None) -> int:
        """Return how often something happened, to one type of event if said."""
        return sum(
            count
            for (each, kind, _), count in self._counts.items()
            if each == word and type in {None, kind}
        )

    @property
    def now(self) -> dict[str, float]:
        """How things stand: size, lag, and age in seconds."""
        return {"size": self._size, "lag": self._lag, "age": self._age}

    @property
    def durations(self) -> Histogram:
        """How long the tries took, failed ones among them."""
        return Histogram(
            bounds=BOUNDS,
            counts=tuple(self._buckets),
            total=self._total,
            most=self._most,
        )

    def frame(self) -> pl.DataFrame:
        """Return one row a metric, type and error: metric, type, error, value.

        Counters come first, then size, lag and age (seconds), with null types.
        """
        import polars as pl

        counters = [
            (word, type, error or None, float(count))
            for (word, type, error), count in sorted(self._counts.items())
        ]
        gauges = [(name, None, None, float(value)) for name, value in self.now.items()]
        schema = {
            "metric": pl.String,
            "type": pl.String,
            "error": pl.String,
            "value": pl.Float64,
        }
        return pl.DataFrame(counters + gauges, schema=schema, orient="row")

    def export(
        self,
        meter: Meter,
        *,
        topic: str,
        group: str = "",
        system: str = "esbench",
    ) -> None:
        """Hand everything on from here as OpenTelemetry metrics; needs extra ``otel``.

        Args:
            meter: from ``opentelemetry.metrics.get_meter``.
            topic: the name of what is read, ``messaging.destination.name``.
            group: the name of the group that reads, ``messaging.consumer.group.name``.
            system: what carries the events, ``messaging.system``; ``kafka`` for Kafka.
        """
        attributes = {"messaging.system": system, "messaging.destination.name": topic}
        if group:
            attributes["messaging.consumer.group.name"] = group
        self._exporter = _Exporter(self, meter, attributes)


def _name(error: BaseException) -> str:
    kind = type(error)
    known = kind.__module__ in {"builtins", "__main__"}
    return kind.__qualname__ if known else f"{kind.__module__}.{kind.__qualname__}"


class _Exporter:
    """The instruments of one meter, and what is added to all they say."""

    def __init__(
        self, monitor: Monitor, meter: Meter, attributes: Mapping[str, str]
    ) -> None:
        self._attributes = attributes
        self._counters = {
            "published": meter.create_counter(
                SENT, "{message}", "Messages that the producer tried to send."
            ),
            "processed": meter.create_counter(
                CONSUMED, "{message}", "Messages delivered to the application."
            ),
            "retried": meter.create_counter(
                RETRIED, "{message}", "Messages to be tried again."
            ),
            "parked": meter.create_counter(
                PARKED, "{message}", "Messages that became dead letters."
            ),
            "dropped": meter.create_counter(
                DROPPED, "{message}", "Messages that were given up and forgotten."
            ),
        }
        self._duration = meter.create_histogram(
            DURATION,
            "s",
            "Duration of processing operation.",
            explicit_bucket_boundaries_advisory=BOUNDS,
        )
        for name, unit, key in (
            (QUEUE, "{message}", "size"),
            (LAG, "{message}", "lag"),
            (AGE, "s", "age"),
        ):
            meter.create_observable_gauge(name, [self._gauge(monitor, key)], unit)

    def _gauge(self, monitor: Monitor, key: str) -> Any:
        from opentelemetry.metrics import Observation

        return lambda _: [Observation(monitor.now[key], dict(self._attributes))]

    def _told(self, type: str, operation: str) -> dict[str, str]:
        return {
            **self._attributes,
            "messaging.operation.name": operation,
            "esbench.event.type": type,
        }

    def add(self, word: str, type: str) -> None:
        operation = "send" if word == "published" else "process"
        if word in self._counters:
            self._counters[word].add(1, self._told(type, operation))
        if word in {"parked", "dropped"}:  # it was delivered as well
            self._counters["processed"].add(1, self._told(type, operation))

    def took(self, type: str, seconds: float, error: str) -> None:
        told = self._told(type, "process")
        if error:
            told["error.type"] = error
        self._duration.record(seconds, told)
