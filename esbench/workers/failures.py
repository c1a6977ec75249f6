"""What to do with an event that can't be handled: five policies, and what each costs.

What lives here: the policies, the backoff between tries, ``work_off`` (one consumer
works a queue off, with a clock of its own), and ``compare``, which shows all policies
on one queue.
The guarantee: the same arguments give the same run; an event is tried at most
``tries`` times in a run, whatever else comes; the count of tries is kept beside the
event, which stays as it was; each dead letter alerts.
What it may not know: logs, partitions, and what an event means.

    drop        after the last try it is forgotten
    requeue     each failure puts it at the tail, as the source text does; after the
                last try it is a dead letter. What follows overtakes it.
    park event  after the last try it is a dead letter, and the queue goes on. What
                follows is handled without it.
    park key    the same, and what follows of its key is put behind it, untried
    halt        the queue stands still until somebody mends the handler or the event

Tries in place are made by tenacity, a well-kept library for it, with waits of our own
making: exponential, with jitter and a cap, from a seed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.workers.backoff import Backoff, Stopwatch, WallClock
from esbench.workers.dead_letters import Alert, DeadLetters, Letter, redrive
from esbench.workers.delivery import Handler
from esbench.workers.message import Message, messages

if TYPE_CHECKING:
    import polars as pl

    from esbench.workers.monitoring import Monitor

Policy = str
DROP, REQUEUE, PARK_EVENT, PARK_KEY, HALT = POLICIES = (
    "drop",
    "requeue",
    "park event",
    "park key",
    "halt",
)
TRIES = 3  # the source text's


class Ending(Struct, frozen=True, kw_only=True):
    """What became of one event.

    Attributes:
        message: the event.
        did: ``handled``, ``dropped``, ``parked``, ``put behind``, ``left``; or
            ``redriven``, which is parked or put behind first, and handled later.
        at: when, in seconds; None for one that is left.
        ready: when it came into the queue's hands: when the one before it was first
            taken and done, had nothing failed.
        tries: how often it was tried.
        error: what it failed with last.
    """

    message: Message
    did: str
    at: float | None
    ready: float
    tries: int
    error: str = ""

    @property
    def delay(self) -> float | None:
        """How much later than without failures it was handled; None if it was not."""
        is_done = self.did in {"handled", "redriven"}
        return (self.at or 0) - self.ready if is_done else None


class Worked(Struct, frozen=True, kw_only=True):
    """What one policy made of a queue.

    Attributes:
        policy: what was done with failures.
        endings: what became of each event, in the order of the queue.
        order: the messages that were handled, in the order of handling.
        states: the last row of each aggregate.
        letters: the dead letters.
        alerts: how many people were woken.
        seconds: how long it took.
    """

    policy: Policy
    endings: tuple[Ending, ...]
    order: tuple[Message, ...]
    states: dict[str, Any]
    letters: tuple[Letter, ...]
    alerts: int
    seconds: float

    def count(self, did: str) -> int:
        """Return how many events ended so."""
        return sum(ending.did == did for ending in self.endings)

    @property
    def left(self) -> tuple[Message, ...]:
        """What a halted queue still holds."""
        return tuple(each.message for each in self.endings if each.did == "left")

    @property
    def overtaken(self) -> tuple[Message, ...]:
        """Events handled after a later one of their aggregate."""
        latest: dict[str, int] = {}
        found = []
        for message in self.order:
            if message.version < latest.get(message.aggregate_id, 0):
                found.append(message)
            else:
                latest[message.aggregate_id] = message.version
        return tuple(found)

    @property
    def missed(self) -> tuple[Message, ...]:
        """Events handled though an earlier one of their aggregate never was."""
        done = {message.event_id for message in self.order}
        open_from: dict[str, int] = {}
        for ending in self.endings:
            if ending.message.event_id not in done:
                open_from.setdefault(
                    ending.message.aggregate_id, ending.message.version
                )
        return tuple(
            message
            for message in self.order
            if message.version > open_from.get(message.aggregate_id, message.version)
        )

    @property
    def violations(self) -> int:
        """How many events were handled without or before what they follow."""
        return len({m.event_id for m in (*self.overtaken, *self.missed)})

    def row(self) -> dict[str, Any]:
        """Return the counts, as ``compare`` shows them."""
        delays = [each.delay for each in self.endings if each.delay is not None]
        return {
            "policy": self.policy,
            "handled": self.count("handled"),
            "dropped": self.count("dropped"),
            "parked": self.count("parked"),
            "put_behind": self.count("put behind"),
            "left": self.count("left"),
            "redriven": self.count("redriven"),
            "violations": self.violations,
            "delay_total": round(sum(delays), 6),
            "delay_most": round(max(delays, default=0.0), 6),
            "alerts": self.alerts,
        }

    def frame(self) -> pl.DataFrame:
        """Return one row an event: what became of it, when, tries, delay, error."""
        import polars as pl

        return pl.DataFrame(
            [
                {
                    "event_id": each.message.event_id,
                    "aggregate_id": each.message.aggregate_id,
                    "did": each.did,
                    "at": each.at,
                    "tries": each.tries,
                    "delay": each.delay,
                    "error": each.error,
                }
                for each in self.endings
            ]
        )


def work_off(
    events: Iterable[Any],
    handler: Handler,
    policy: Policy = PARK_KEY,
    *,
    tries: int = TRIES,
    backoff: Backoff | None = None,
    takes: float = 0.01,
    initial: Any = None,
    letters: DeadLetters | None = None,
    alert: Alert | None = None,
    counts: MutableMapping[str, int] | None = None,
    mended: tuple[float, Handler] | None = None,
    clock: Stopwatch | WallClock | None = None,
    monitor: Monitor | None = None,
) -> Worked:
    """Return what a policy makes of a queue, worked off by one consumer.

    Args:
        events: any events, in the order of the queue.
        handler: a plain function ``(row, message) -> row``; it may raise anything.
        policy: one of ``POLICIES``.
        tries: how often an event is tried at most.
        backoff: the waits between tries in place.
        takes: seconds that one try takes, on a clock that is set by hand.
        initial: every aggregate's row before its first event.
        letters: where dead letters go; new ones unless said. What lies there from
            before counts: an event of a parked key is put behind it.
        alert: called with each letter.
        counts: the tries so far of what is not done, by event id, beside the events;
            a store that outlives the process makes the count outlive a redelivery.
        mended: when, in seconds, somebody has mended what failed, and the handler from
            then on. The halted queue goes on, dead letters are redriven; all that was
            not halted has been worked off by then.
        clock: a ``Stopwatch`` unless said, so that no time is spent; ``WallClock()``
            waits for real.
        monitor: told of everything.

    Raises:
        InvalidSchedule: no such policy, or no try at all.
    """
    return _Run(
        policy=_checked(policy, tries),
        tries=tries,
        handler=handler,
        backoff=backoff or Backoff(),
        takes=takes,
        initial=initial,
        letters=letters if letters is not None else DeadLetters(),
        alert=alert,
        counts=counts if counts is not None else {},
        mended=mended,
        clock=clock or Stopwatch(),
        monitor=monitor,
    ).through(messages(events))


def compare(
    events: Iterable[Any],
    handler: Handler,
    policies: Iterable[Policy] = POLICIES,
    **options: Any,
) -> pl.DataFrame:
    """Return one row a policy, all on the same queue: counts, violations, delay.

    Args:
        events: any events, in the order of the queue.
        handler: a plain function ``(row, message) -> row``. All policies share it: one
            that fails a number of times and counts them fails under the first alone.
        policies: which to show.
        options: as ``work_off`` takes them.
    """
    import polars as pl

    queue = messages(events)
    return pl.DataFrame(
        [work_off(queue, handler, policy, **options).row() for policy in policies]
    )


def _checked(policy: Policy, tries: int) -> Policy:
    if policy not in POLICIES:
        raise InvalidSchedule(
            f"there is no policy {policy!r}; there are {', '.join(POLICIES)}"
        )
    if tries < 1:
        raise InvalidSchedule(f"tries={tries}: an event is tried at least once")
    return policy


class _Options(Struct, frozen=True, kw_only=True):
    policy: Policy
    tries: int
    handler: Handler
    backoff: Backoff
    takes: float
    initial: Any
    letters: DeadLetters
    alert: Alert | None
    counts: MutableMapping[str, int]
    mended: tuple[float, Handler] | None
    clock: Stopwatch | WallClock
    monitor: Monitor | None


class _Run:
    """One queue being worked off."""

    def __init__(self, **options: Any) -> None:
        self.options = _Options(**options)
        self.handler = self.options.handler
        self.rows: dict[str, Any] = {}
        self.endings: dict[str, Ending] = {}
        self.order: list[Message] = []
        self.alerts = 0
        self.new: list[Letter] = []

    def through(self, queue: tuple[Message, ...]) -> Worked:
        self.ready = {
            m.event_id: (n + 1) * self.options.takes for n, m in enumerate(queue)
        }
        self._tell("published", queue)
        waiting = deque(queue)
        self._until_empty(waiting)
        if self.options.mended is not None:
            self._mend(*self.options.mended, waiting)
        self._tell_queue(waiting)
        return self._worked(queue)

    def _mend(self, at: float, handler: Handler, waiting: deque[Message]) -> None:
        """Go on with a handler that works: the halted queue, then the letters."""
        clock, self.handler = self.options.clock, handler
        clock.sleep(max(0.0, at - clock.now))
        for message in list(waiting)[:1]:
            self.options.counts.pop(message.event_id, None)
        self._until_empty(waiting)
        done = redrive(self.options.letters, self._redriven, self.rows, at=clock.now)
        for message in done.handled:
            self._end(message, "redriven")
            self.order.append(message)

    def _redriven(self, row: Any, message: Message) -> Any:
        if isinstance(self.options.clock, Stopwatch):
            self.options.clock.sleep(self.options.takes)
        start = self.options.initial if row is None else row
        return self.handler(start, message)

    def _until_empty(self, waiting: deque[Message]) -> None:
        """Take one after the other, until all are done or one halts the queue."""
        while waiting:
            self._tell_queue(waiting)
            message = waiting.popleft()
            if self.options.policy == PARK_KEY and self.options.letters.holds_key(
                message
            ):
                self._park(message, "put behind", "an earlier event of its key is here")
            else:
                error = self._try(message)
                if error is not None and not self._give_up(message, error, waiting):
                    break

    def _worked(self, queue: tuple[Message, ...]) -> Worked:
        for message in queue:
            if message.event_id not in self.endings:
                self._end(message, "left")
        return Worked(
            policy=self.options.policy,
            endings=tuple(self.endings[message.event_id] for message in queue),
            order=tuple(self.order),
            states=self.rows,
            letters=tuple(self.new),
            alerts=self.alerts,
            seconds=self.options.clock.now,
        )

    def _try(self, message: Message) -> BaseException | None:
        """Try an event as often as the policy has it in place; give the last error."""
        import tenacity

        counts, limit = self.options.counts, self.options.tries
        in_place = 1 if self.options.policy == REQUEUE else limit
        if counts.get(message.event_id, 0) >= limit:
            return TimeoutError(f"tried {limit} times before")
        attempts = tenacity.Retrying(
            stop=lambda state: (
                state.attempt_number >= in_place or counts[message.event_id] >= limit
            ),
            wait=lambda _: self.options.backoff.wait(
                message.event_id, counts[message.event_id]
            ),
            retry=tenacity.retry_if_exception_type(Exception),
            sleep=self.options.clock.sleep,
            before_sleep=lambda _: self._tell("retried", [message]),
            reraise=True,
        )
        try:
            attempts(self._once, message)
        except Exception as error:  # noqa: BLE001  # a handler may raise anything
            return error
        return None

    def _once(self, message: Message) -> None:
        """Count the try, then make it: a try that kills the process counts as well."""
        counts, start = self.options.counts, self.options.clock.now
        counts[message.event_id] = counts.get(message.event_id, 0) + 1
        if isinstance(self.options.clock, Stopwatch):
            self.options.clock.sleep(self.options.takes)
        before = self.rows.get(message.aggregate_id, self.options.initial)
        try:
            after = self.handler(before, message)
        except Exception as error:
            self._tell("failed", [message], error, self.options.clock.now - start)
            raise
        self.rows[message.aggregate_id] = after
        self.order.append(message)
        self._tell("processed", [message], self.options.clock.now - start)
        self._end(message, "handled")
        del counts[message.event_id]  # done: to be delivered anew costs it nothing

    def _give_up(
        self, message: Message, error: BaseException, waiting: deque[Message]
    ) -> bool:
        """Do as the policy says; tell whether the queue goes on."""
        tried = self.options.counts.get(message.event_id, 0)
        if self.options.policy == REQUEUE and tried < self.options.tries:
            self._tell("retried", [message])
            waiting.append(message)
        elif self.options.policy == DROP:
            self._end(message, "dropped", error)
            self._tell("dropped", [message])
        elif self.options.policy == HALT:
            waiting.appendleft(message)
            self._end(message, "left", error)
            self._alert(self._letter(message, error))
            return False
        else:
            self._park(message, "parked", error)
        return True

    def _letter(self, message: Message, error: object) -> Letter:
        name = type(error).__name__ if isinstance(error, BaseException) else ""
        return Letter(
            message=message,
            error=name,
            says=str(error),
            tries=self.options.counts.get(message.event_id, 0),
            at=round(self.options.clock.now, 6),
        )

    def _park(self, message: Message, did: str, error: object) -> None:
        letter = self._letter(message, error)
        self._end(message, did, error)
        if self.options.letters.park(letter):
            self.new.append(letter)
            self._alert(letter)
            self._tell("parked", [message])

    def _alert(self, letter: Letter) -> None:
        self.alerts += 1
        if self.options.alert is not None:
            self.options.alert(letter)

    def _end(self, message: Message, did: str, error: object = "") -> None:
        self.endings[message.event_id] = Ending(
            message=message,
            did=did,
            at=None if did == "left" else round(self.options.clock.now, 6),
            ready=round(self.ready[message.event_id], 6),
            tries=self.options.counts.get(message.event_id, 0),
            error=str(error),
        )

    def _tell(self, what: str, queue: Iterable[Message], *more: Any) -> None:
        if self.options.monitor is not None:
            for message in queue:
                getattr(self.options.monitor, what)(message.type, *more)

    def _tell_queue(self, waiting: deque[Message]) -> None:
        if self.options.monitor is not None:
            since = self.ready[waiting[0].event_id] if waiting else 0.0
            age = max(0.0, self.options.clock.now - since) if waiting else 0.0
            self.options.monitor.queue(size=len(waiting), lag=len(waiting), age=age)


# --- where the count of tries is kept --------------------------------------------


def tries_in_the_event(
    event: dict[str, Any], handler: Callable[[dict[str, Any]], object], deliveries: int
) -> Counter[str]:
    """Return what the source text's counting comes to when its event comes anew.

    ``event.retryCount`` is kept in the copy that was in hand. Each delivery from the
    log brings the stored event, whose count starts at nothing; and so it is never
    parked, as long as the process ends before the third try.

    Args:
        event: the event as stored; it is not changed, a copy is.
        handler: raises for an event that it can't handle.
        deliveries: how often the log delivers it, each time to be tried once.

    Returns:
        Counts of ``tried``, ``parked`` and the highest ``retryCount`` seen.
    """
    found: Counter[str] = Counter(tried=0, parked=0, retryCount=0)
    for _ in range(deliveries):
        copy = dict(event)
        found["tried"] += 1
        try:
            handler(copy)
        except Exception:  # noqa: BLE001  # a handler may raise anything
            copy["retryCount"] = copy.get("retryCount", 0) + 1
            found["retryCount"] = max(found["retryCount"], copy["retryCount"])
            found["parked"] += copy["retryCount"] >= TRIES
    return found
