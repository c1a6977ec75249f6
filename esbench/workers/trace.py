"""The one record of a run: who took which event when, and what the state was after.

What lives here: ``Step`` and ``Trace``; a trace as bytes and back, as a frame, as a
replay. Simulations, real processes, partitions, groups and retries all write this
record; tables, pictures, stages and tests all read it.
The guarantee: the same run gives the same bytes on every machine: times are whole
microseconds, keys are sorted, and nothing of the machine is in it. Reading the bytes
gives a trace that is equal and writes the same bytes again.
What it may not know: how a schedule came about, what an event means.

The words for what a worker ``did``; whoever has a new one adds it here:

    took         an event came into its hands; no state has changed yet
    wrote        it handled the event, and the row is now ``state``
    passed over  it handled the event, and the row stayed as it was
    held         it put the event aside until others have come
    waited       it stood at a lock
    crashed      it died; what was in its hands and not acknowledged comes again
    came back    it runs again
    acknowledged it said that the event is done (a consumer: committed the offset)
    failed       the handler raised; ``says`` holds the error
    requeued     the event went to the tail of its queue
    parked       the event was put aside for a person (a dead letter)
    lost         the event is gone without an effect
    skipped      it did nothing: the event's id was known, or its event is parked
    refused      the store or the broker turned it away: another owns the partition
    joined, left, assigned, revoked    groups: who owns which partition
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from esbench.errors import InvalidSchedule
from esbench.event import Event, UnknownEvent
from esbench.workers.handling import Handler, Handling, handling, own
from esbench.workers.message import SAID, Message, plain

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
DID = tuple(
    "took,wrote,passed over,held,waited,crashed,came back,acknowledged,failed,"
    "requeued,parked,lost,skipped,refused,joined,left,assigned,revoked".split(",")
)
WRITES = ("wrote", "passed over", "held")


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a worker did.

    Attributes:
        at: microseconds since the run began; where only the order counts, the place
            of the step, from 1.
        worker: who did it.
        did: what, in one of the words that this module lists.
        event_id: with which event; None for steps that concern none.
        attempt: 1 the first time that the event was delivered, 2 the second time.
        state: what the event's aggregate looks like after the step, in words of JSON.
        partition: where the event lay, if there are partitions.
        offset: its place there, from 0.
        says: what else there is to say.
    """

    at: int
    worker: str
    did: str
    event_id: str | None = None
    attempt: int = 1
    state: Any = None
    partition: int | None = None
    offset: int | None = None
    says: str = ""


class Trace(Struct, frozen=True, kw_only=True):
    """What happened in one run, step by step.

    Attributes:
        name: what was run.
        handler: the name of the function that the workers applied.
        workers: who took part, in the order of their lanes.
        messages: the events of the run, in the order in which they happened.
        steps: what was done, in the order in which it was done.
        initial: the state of every aggregate before its first event.
        seed: where chance came from; None if there was none.
    """

    name: str
    handler: str
    workers: tuple[str, ...]
    messages: tuple[Message, ...]
    steps: tuple[Step, ...]
    initial: Any = None
    seed: int | None = None

    @property
    def states(self) -> dict[str, Any]:
        """The last state of each aggregate, by its id, in words of JSON."""
        whose = {each.event_id: each.aggregate_id for each in self.messages}
        ends = {each.aggregate_id: plain(self.initial) for each in self.messages}
        for step in self.steps:
            if step.did in WRITES and step.event_id is not None:
                ends[whose[step.event_id]] = step.state
        return ends

    @property
    def measured(self) -> list[tuple[str, str, int]]:
        """(worker, type, microseconds) from taking each event to its write.

        As ``fitted`` and ``observed`` take them; standing at a lock counts. An event
        that a crash took out of a worker's hands has no latency.

        Raises:
            InvalidSchedule: the times are but places.
        """
        places = list(range(1, len(self.steps) + 1))
        if places and [step.at for step in self.steps] == places:
            raise InvalidSchedule(
                f"the times of {self.name} are places, 1 to {len(self.steps)}, so "
                "nothing was measured: take a run with latencies"
            )
        return list(_durations(self))

    def to_json(self) -> bytes:
        """Return the trace as bytes, the same on every machine; ends in a newline."""
        record = {
            "format": FORMAT,
            "name": self.name,
            "handler": self.handler,
            "seed": self.seed,
            "workers": self.workers,
            "initial": plain(self.initial),
            "messages": [_told(each) for each in self.messages],
            "steps": self.steps,
        }
        return msgspec.json.encode(record, order="sorted") + b"\n"

    def frame(self) -> pl.DataFrame:
        """Return the steps as rows, in order.

        Columns: step (from 1), at (microseconds), worker, did, event_id, aggregate_id,
        version, type, attempt, state (text; JSON unless it is a text already),
        partition, offset, says. Columns about an event are null without one.
        """
        import polars as pl

        known = {each.event_id: each for each in self.messages}
        rows = [
            _row(number, step, known.get(step.event_id or ""))
            for number, step in enumerate(self.steps, 1)
        ]
        return pl.DataFrame(rows, schema=_schema(), orient="row")

    def __repr__(self) -> str:
        """Count the steps and tell the ends."""
        ends = ", ".join(f"{name} {state}" for name, state in self.states.items())
        if len(ends) > 60:
            ends = f"{len(self.states)} aggregates"
        return f"Trace({self.name}: {len(self.steps)} steps, ends {ends})"


def read_trace(written: bytes | str, events: Iterable[type[Event]] = ()) -> Trace:
    """Return the trace that ``to_json`` wrote.

    Args:
        written: its bytes.
        events: event types to make typed events of; others come as ``UnknownEvent``,
            and bare numbers and texts as texts.

    Raises:
        InvalidSchedule: bytes that are no trace, or of a newer format.
    """
    try:
        record = msgspec.json.decode(written)
        if record["format"] != FORMAT:
            raise InvalidSchedule(
                f"this trace has format {record['format']}, this esbench reads "
                f"{FORMAT}: take a newer esbench"
            )
        types = {each.__name__: each for each in events}
        told = tuple(_untold(each, types) for each in record.pop("messages"))
        steps = msgspec.convert(record.pop("steps"), tuple[Step, ...])
        del record["format"]
        return Trace(
            messages=told,
            steps=steps,
            workers=tuple(record.pop("workers")),
            **record,
        )
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise InvalidSchedule(f"these bytes are no trace: {error!r}") from None


def replay(trace: Trace, handler: Handler | Handling) -> Trace:
    """Return the trace with every state computed anew by ``handler``.

    The steps stay in their order; each that handled an event is handled again, and a
    crash takes from all rows what it takes. For the handling that made the trace the
    answer is the same trace, byte for byte; another one shows what it would have made
    of the very same schedule.

    Args:
        trace: the run.
        handler: a function that gives the row after a message, or a handling.
    """
    hands = handling(handler)
    known = {each.event_id: each for each in trace.messages}
    rows = {each.aggregate_id: hands.initial for each in trace.messages}
    steps = []
    for step in trace.steps:
        if step.did == "crashed":
            rows = {name: hands.forget(row) for name, row in rows.items()}
        if step.did in WRITES and step.event_id is not None:
            message = known[step.event_id]
            row = hands.handler(own(rows[message.aggregate_id]), message)
            rows[message.aggregate_id] = row
            step = replace(step, state=plain(hands.shows(row)))  # noqa: PLW2901
        steps.append(step)
    initial = plain(hands.shows(hands.initial))
    return replace(trace, steps=tuple(steps), initial=initial)


def _durations(trace: Trace) -> Iterator[tuple[str, str, int]]:
    types = {each.event_id: each.type for each in trace.messages}
    taken: dict[tuple[str, str], int] = {}
    for step in trace.steps:
        if step.event_id is None:
            continue
        key = step.worker, step.event_id
        if step.did == "took":
            taken[key] = step.at
        elif step.did in WRITES and key in taken:
            took = step.at - taken.pop(key)
            yield step.worker, types[step.event_id], max(1, took)


# --- rows and bytes --------------------------------------------------------------


def _told(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in SAID}


def _untold(record: dict[str, Any], types: dict[str, type[Event]]) -> Message:
    kind, data = record["type"], record["data"]
    event: Any = UnknownEvent(type=kind, data=data)
    if kind in types:
        event = types[kind](**data)
    return Message(**record, event=event)


def _row(number: int, step: Step, message: Message | None) -> tuple[Any, ...]:
    whose = (
        (None, None, None)
        if message is None
        else (message.aggregate_id, message.version, message.type)
    )
    return (
        *(number, step.at, step.worker, step.did, step.event_id, *whose),
        *(step.attempt, _text(step.state), step.partition, step.offset, step.says),
    )


def _text(state: Any) -> str | None:
    if state is None or isinstance(state, str):
        return state
    return msgspec.json.encode(state, order="sorted").decode()


def _schema() -> dict[str, Any]:
    import polars as pl

    names = (
        "step at worker did event_id aggregate_id version type attempt state "
        "partition offset says"
    ).split()
    numbers = {"step", "at", "version", "attempt", "partition", "offset"}
    return {name: pl.Int64 if name in numbers else pl.String for name in names}
