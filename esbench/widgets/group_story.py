"""What one sees of a consumer group, tick by tick: the run of a script, and its words.

What lives here: ``Group``, which runs any script of joins, leaves, crashes and sleeps,
and ``Told``, what a stage and a picture show of one run.
The guarantee: owners, marks, lags and sentences all come out of the run's own record;
nothing is added.
What it may not know: widgets, browsers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from esbench.errors import InvalidSchedule
from esbench.lessons import nap
from esbench.widgets.story import amount
from esbench.workers.assignors import Assignor, range_, round_robin, sticky
from esbench.workers.groups import Action, Crash, Join, Leave, Pause, Rebalance, Run
from esbench.workers.groups import consume as consumed
from esbench.workers.message import Message

ASSIGNORS: Mapping[str, Assignor] = {
    "round robin": round_robin,
    "range": range_,
    "sticky": sticky,
}
KAFKA = "Kafka"  # not an assignor: what a broker did, recorded
JOIN, LEAVE, CRASH, SLEEP = VERBS = ("join", "leave", "crash", "sleep")
SLEEPS = 16  # ticks
MOST = 8  # things that happen to one group
QUIET = 6  # ticks that are shown after the last thing that happens
LATEST = 99  # tick at which something may still happen

# what a member can be, and what can happen to it then
AWAKE, ASLEEP, DEAD, AWAY = "awake", "asleep", "crashed", "not here"
MAY = {AWAKE: [LEAVE, CRASH, SLEEP], ASLEEP: [], DEAD: [JOIN], AWAY: [JOIN]}

WROTE, AGAIN, STALE, REFUSED, FLIGHT = (
    "wrote",
    "again",
    "stale",
    "refused",
    "flight",
)
Said = tuple[str, str, int]  # verb, member, tick
Mark = tuple[int, int, str, str, str]  # tick, partition, member, kind, event


def action(said: Said) -> Action:
    """Return what happens to a member, as ``consume`` takes it."""
    verb, member, at = said
    if verb == SLEEP:
        return Pause(at=at, member=member, ticks=SLEEPS)
    kinds: dict[str, Callable[..., Action]] = {JOIN: Join, LEAVE: Leave, CRASH: Crash}
    if verb not in kinds:
        raise InvalidSchedule(f"{verb!r}: what happens is one of {', '.join(VERBS)}")
    return kinds[verb](at=at, member=member)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Events and a group for them; the script is the learner's.

    Attributes:
        events: what is consumed.
        called: what the events are called in a line of Python.
        options: what else ``consume`` is told.
        names: how that is written in a line of Python.
        members: who is there from the start; one more may join.
        is_known: whether events and members are those that Kafka was given, too.
    """

    events: tuple[Message, ...]
    called: str
    options: Mapping[str, Any]
    names: str
    members: tuple[str, ...]
    is_known: bool = False

    @property
    def tabs(self) -> list[str]:
        """How partitions can be dealt, and Kafka's record where it is of these."""
        return [*ASSIGNORS, *([KAFKA] if self.is_known else [])]

    @property
    def everybody(self) -> tuple[str, ...]:
        """All who may ever be there."""
        number = len(self.members) + 1
        while f"w{number}" in self.members:
            number += 1
        return (*self.members, f"w{number}")

    def told(self, assignor: str, script: Iterable[Said], *, fenced: bool) -> Told:
        """Return what is seen where this happens."""
        happened = tuple(script)
        run = consumed(
            self.events,
            members=self.members,
            assignor=ASSIGNORS[assignor],
            fenced=fenced,
            script=[action(each) for each in happened],
            **self.options,
        )
        return Told(group=self, run=run, assignor=assignor, script=happened)

    def in_kafka(self) -> Told:
        """Return what is seen of the nap that Kafka's broker was there for."""
        run = nap.as_run(nap.recorded())
        mine = [step for step in run.trace.steps if step.worker == "w1"]
        slept = next(step.at // 1000 for step in mine if step.did == "waited")
        woke = next(step.at // 1000 for step in mine if step.at // 1000 > slept)
        return Told(
            group=self,
            run=run,
            assignor=f"{KAFKA}'s round robin",
            script=((SLEEP, "w1", slept),),
            sleeps=woke - slept,
        )

    @property
    def line(self) -> dict[str, Any]:
        """The parts of the line of Python: before, by assignor, by verb, after."""
        verbs = {verb: repr(action((verb, "WHO", 0))) for verb in VERBS}
        return {
            "head": f"consume({self.called}, {self.names}, assignor=",
            "tabs": {name: each.__name__ for name, each in ASSIGNORS.items()},
            "verbs": {
                verb: said.replace("at=0", "at=AT").replace("'", '"')
                for verb, said in verbs.items()
            },
        }

    def python(self, assignor: str, script: Iterable[Said], *, fenced: bool) -> str:
        """Return the line of Python that gives the run."""
        line = self.line
        happened = ", ".join(
            line["verbs"][verb].replace("AT", str(at)).replace("WHO", member)
            for verb, member, at in script
        )
        return (
            f"{line['head']}{line['tabs'][assignor]}, fenced={fenced}, "
            f"script=[{happened}])"
        )


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one sees of a run.

    Attributes:
        group: whose run it is.
        run: the record.
        assignor: by which name the partitions were dealt.
        script: what happened to the members.
        sleeps: how many ticks a sleeper sleeps.
    """

    group: Group
    run: Run
    assignor: str
    script: tuple[Said, ...]
    sleeps: int = SLEEPS

    @property
    def ticks(self) -> int:
        """The last place: the end of the run, or where nothing happens any more."""
        if self.run.finished:
            return self.run.ticks
        last = max(self.run.trace.steps[-1].at // 1000, self.run.lags[-1][0])
        return min(self.run.ticks, max(last, self.run.rebalances[-1].at) + QUIET)

    @property
    def is_record(self) -> bool:
        """Whether it is a broker's, to which nothing more can happen."""
        return self.assignor not in ASSIGNORS

    @cached_property
    def marks(self) -> list[Mark]:
        """What stands in the partitions' rows, in order of time."""
        found = [*self._takes(), *self._writes(), *self._refused(), *self._flights()]
        return sorted(found, key=lambda mark: mark[0])

    def _takes(self) -> Iterator[Mark]:
        for step in self.run.trace.steps:
            if step.did == "took" and step.attempt > 1:
                yield self._mark(step.at // 1000, step.partition, step, AGAIN)

    def _writes(self) -> Iterator[Mark]:
        for each in self.run.applied:
            kind = STALE if each.stale else WROTE
            name = each.message.event_id
            yield each.at, each.partition, each.member, kind, name

    def _refused(self) -> Iterator[Mark]:
        for step in self.run.trace.steps:
            if step.did == "refused" and step.event_id is not None:
                yield self._mark(step.at // 1000, step.partition, step, REFUSED)

    def _flights(self) -> Iterator[Mark]:
        for each in self.run.rebalances:
            for flight in each.in_flight:
                yield (
                    *(each.at, flight.partition, flight.member),
                    *(FLIGHT, flight.event_id),
                )

    @staticmethod
    def _mark(at: int, partition: int | None, step: Any, kind: str) -> Mark:
        return at, int(partition or 0), step.worker, kind, step.event_id

    @cached_property
    def bars(self) -> list[tuple[int, str, int, int]]:
        """Who owned what: partition, member, since, until."""
        return [
            (
                *(each.partition, each.member, each.since),
                self.ticks if each.until is None else each.until,
            )
            for each in self.run.ownerships
        ]

    @cached_property
    def states(self) -> dict[str, list[tuple[int, str]]]:
        """What each member is, from which tick on."""
        began = set(self.run.rebalances[0].assignment)
        found = {
            name: [(0, AWAKE if name in began else AWAY)]
            for name in self.group.everybody
        }
        words = {"crashed": DEAD, "left": AWAY, "joined": AWAKE, "came back": AWAKE}
        for step in self.run.trace.steps:
            at = step.at // 1000
            if step.did in words:
                found[step.worker].append((at, words[step.did]))
            elif step.did == "waited" and step.says.startswith("sleeps"):
                found[step.worker].append((at, ASLEEP))
                found[step.worker].append((at + self.sleeps, AWAKE))
        return {name: sorted(each, key=_when) for name, each in found.items()}

    @cached_property
    def beliefs(self) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
        """What each member takes for its own, from which tick on."""
        found: dict[str, list[tuple[int, tuple[int, ...]]]] = {
            name: [(0, ())] for name in self.group.everybody
        }
        for step in self.run.trace.steps:
            own = set(found[step.worker][-1][1])
            if step.did == "assigned":
                own.add(int(step.partition or 0))
            elif step.did == "revoked":
                own.discard(int(step.partition or 0))
            elif step.did in {"joined", "left", "crashed", "refused"}:
                own = set()
            _note(found[step.worker], step.at // 1000, tuple(sorted(own)))
        return found

    @property
    def lags(self) -> list[tuple[int, tuple[int, ...]]]:
        """How many events of each partition are not committed, when that changed."""
        return [(at, lag) for at, lag, _ in self.run.lags]

    # words

    @cached_property
    def sentences(self) -> list[tuple[int, str]]:
        """What there is to say, and from which tick on."""
        said = {0: self._start(), **dict(self._first_write())}
        said |= dict(self._said(AGAIN))  # where two say something the later one counts
        said |= dict(self._scripted())
        said |= dict(self._offsets())
        for kind in (FLIGHT, REFUSED, STALE):
            said |= dict(self._said(kind))
        said[self.ticks] = self._end()
        return sorted(said.items())

    def said(self, at: int) -> str:
        """Return the sentence of a tick."""
        return [text for since, text in self.sentences if since <= at][-1]

    def _start(self) -> str:
        first = self.run.rebalances[0].assignment
        told = "; ".join(f"{name} owns {_list(own)}" for name, own in first.items())
        places = len(self.run.partitions)
        return f"{amount(places, 'partition')} by {self.assignor}: {told}."

    def _first_write(self) -> Iterator[tuple[int, str]]:
        number = amount(len(self.group.events), "event")
        for each in self.run.applied[:1]:
            what = f"the first of {number} is written"
            yield each.at, f"Tick {each.at}: {what}; each reads its own partitions."

    def _said(self, kind: str) -> Iterator[tuple[int, str]]:
        if kind == FLIGHT:
            for one in self.run.rebalances[1:]:
                yield one.at, self._rebalanced(one)
            return
        for at, place, member, each, name in self.marks:
            if each == kind:
                yield at, self._marked(at, place, member, kind, name)

    def _marked(self, at: int, place: int, member: str, kind: str, name: str) -> str:
        owner, since = self._owner_since(place, at)
        lost = f"partition {place} is {owner}'s since tick {since}"
        if kind == STALE:
            return f"Tick {at}: {member} writes {name}, though {lost}."
        if kind == REFUSED:
            return f"Tick {at}: the fence refuses {member}'s {name}: {lost}."
        return f"Tick {at}: {member} takes {name}, which was taken before."

    def _offsets(self) -> Iterator[tuple[int, str]]:
        """Say which offsets the broker refuses, and that the writes stay."""
        wrote: dict[str, str | None] = {}
        for step in self.run.trace.steps:
            if step.did == "wrote":
                wrote[step.worker] = step.event_id
            elif step.did == "refused" and step.event_id is None:
                at, word = step.at // 1000, step.says if step.says.isupper() else ""
                why = f" ({word})" if word else ""
                stays = f"its write of {wrote.get(step.worker)} stays"
                said = f"the broker refuses {step.worker}'s offset{why}; {stays}."
                yield at, f"Tick {at}: {said}"

    def _owner_since(self, place: int, at: int) -> tuple[str, int]:
        bars = [bar for bar in self.bars if bar[0] == place and bar[2] <= at]
        return bars[-1][1], bars[-1][2]

    def _scripted(self) -> Iterator[tuple[int, str]]:
        words = {
            JOIN: "joins",
            LEAVE: "leaves",
            CRASH: "crashes",
            SLEEP: f"falls asleep, for {self.sleeps} ticks",
        }
        for verb, member, at in self.script:
            hand = self._in_hand(member, at)
            with_ = f", with {hand} in hand" if hand and verb in {CRASH, SLEEP} else ""
            yield at, f"Tick {at}: {member} {words[verb]}{with_}."

    def _in_hand(self, member: str, at: int) -> str | None:
        held = None
        for step in self.run.trace.steps:
            if step.worker == member and step.at // 1000 < at:
                if step.did == "took":
                    held = step.event_id
                elif step.did in {"acknowledged", "refused", "left", "crashed"}:
                    held = None
        return held

    def _rebalanced(self, each: Rebalance) -> str:
        moved = len(each.moved)
        places = amount(len(self.run.partitions), "partition")
        flying = amount(len(each.in_flight), "event")
        read = "is" if len(each.in_flight) == 1 else "are"
        told = f"; {flying} in flight {read} read again" if each.in_flight else ""
        return f"Tick {each.at}, {each.why}: {moved} of {places} change hands{told}."

    def _end(self) -> str:
        twice = self.run.read_twice().height
        read = f"{amount(twice, 'event')} read more than once"
        stale = amount(len(self.run.stale), "write")
        if not self.run.finished:
            left = amount(sum(self.run.lags[-1][1]), "event")
            return f"Nobody is left to read: {left} wait."
        if self.run.wrong:
            return f"{self._wrong()}; {stale} by a member that was not the owner."
        late = f", {stale} by a member that was not the owner" * bool(self.run.stale)
        return f"After {self.ticks} ticks every end is right; {read}{late}."

    def _wrong(self) -> str:
        run = self.run
        first, *others = run.wrong
        more = f", {len(others)} more are wrong" if others else ""
        has, should = run.states.get(first), run.truth.get(first)
        return f"{first} ends as {has} and should be {should}{more}"

    # counts

    def counts(self, at: int) -> dict[str, int]:
        """Return what has happened up to a tick, by kind of mark."""
        found = dict.fromkeys((WROTE, FLIGHT, AGAIN, REFUSED, STALE), 0)
        for when, _, _, kind, _ in self.marks:
            if when <= at:
                found[kind] += 1
        return found

    def lag(self, at: int) -> tuple[int, ...]:
        """Return the lag of each partition at a tick."""
        return [lag for since, lag in self.lags if since <= at][-1]

    def state(self, member: str, at: int) -> str:
        """Return what a member is at a tick."""
        return [state for since, state in self.states[member] if since <= at][-1]

    def believes(self, member: str, at: int) -> tuple[int, ...]:
        """Return what a member takes for its own at a tick."""
        return [own for since, own in self.beliefs[member] if since <= at][-1]

    def owns(self, member: str, at: int) -> tuple[int, ...]:
        """Return what a member really owns at a tick."""
        return tuple(
            sorted(
                place
                for place, name, since, until in self.bars
                if name == member
                and since <= at
                and (at < until or at == until == self.ticks)
            )
        )

    def gap(self, place: int, since: int, until: int, wide: float) -> float | None:
        """Return from where so many ticks of a bar are free of marks, if anywhere."""
        taken = [
            when
            for when, where, *_ in self.marks
            if where == place and since - 1 <= when <= until
        ]
        for start in (float(since), *(when + 0.5 for when in taken)):
            ends = [when - 0.5 for when in taken if when + 0.5 > start]
            if start >= since and min([until, *ends]) - start >= wide:
                return start
        return None


def _when(entry: tuple[int, Any]) -> int:
    return entry[0]


def _note(entries: list[tuple[int, Any]], at: int, value: Any) -> None:
    """Add what is so from a tick on, unless it was so before."""
    if entries[-1][1] == value:
        return
    if entries[-1][0] == at:
        entries.pop()
    entries.append((at, value))


def _list(places: Iterable[int]) -> str:
    return " ".join(map(str, places)) or "none"
