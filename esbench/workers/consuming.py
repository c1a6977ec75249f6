"""How the members of a group take turns, tick by tick.

What lives here: the broker (offsets, owners), the store (rows, known ids, tries, dead
letters), the members, and the loop. ``groups.consume`` is the way in.
The guarantee: what outlives a crash is in the broker and the store alone; a member's
own memory ends with it. Chance is the order of turns, drawn from the seed.
What it may not know: what the promises are; it records, and ``groups`` judges.

A tick: what the script says happens; members that were silent for too long are taken
for dead; if members came or went, partitions are given out; then each living member
does one thing: it takes the next event, does one step with the one in hand, or waits.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from esbench.errors import InvalidSchedule
from esbench.workers.dead_letters import DeadLetters, Letter
from esbench.workers.delivery import ACK, CHECK, EFFECT, MARK
from esbench.workers.failures import DROP, HALT, PARK_KEY, REQUEUE
from esbench.workers.groups import (
    Action,
    Applied,
    Flight,
    Join,
    Leave,
    Ownership,
    Pause,
    Rebalance,
    Run,
    Setup,
)
from esbench.workers.message import Message, plain
from esbench.workers.trace import Step, Trace

TICK = 1000  # microseconds
RESTART = 3  # ticks until a process that an event ended is started again
BEHIND = "an earlier event of its key is here"

Entry = tuple[int, Message]  # when it was written, and what


class _Hand:
    """An event in a member's hands, and how far it has got."""

    __slots__ = (
        *("attempt", "known", "message", "offset", "partition", "step", "tried"),
    )

    def __init__(
        self, partition: int, offset: int, message: Message, attempt: int
    ) -> None:
        self.partition, self.offset, self.message = partition, offset, message
        self.attempt = attempt
        self.step = 0
        self.known = False  # nothing is left to do but to acknowledge
        self.tried = 0  # the count in the event, where it is kept there


class _Member:
    """A process: what it believes to own, and what it holds."""

    def __init__(self, name: str, at: int) -> None:
        self.name = name
        self.start(at)

    def start(self, at: int) -> None:
        """Begin with an empty memory."""
        self.is_alive, self.wakes, self.busy, self.heard = True, at, at, at
        self.forget()

    def forget(self) -> None:
        """Own nothing, hold nothing."""
        self.generation = 0
        self.next: dict[int, int] = {}  # for each partition, the offset to read
        self.done: dict[int, int] = {}  # offsets to commit
        self.undone = 0  # events done since the last commit
        self.hand: _Hand | None = None
        self.turn = 0

    def is_awake(self, at: int) -> bool:
        return self.is_alive and at >= self.wakes


class Group:
    """One run of a consumer group."""

    def __init__(
        self,
        setup: Setup,
        rows: tuple[Message, ...],
        held: tuple[tuple[Message, ...], ...],
        copies: dict[str, int],
        members: list[str],
    ) -> None:
        if not members or len(set(members)) < len(members):
            raise InvalidSchedule(f"members={members}: give at least one, each once")
        self.setup, self.rows, self.way = setup, rows, setup.way
        self.draw = random.Random(setup.seed)
        self.at, self.limit = 0, 0
        written = {m.event_id: n * setup.every for n, m in enumerate(rows)}
        self.lanes = [_written(lane, written, copies) for lane in held]
        self.limit = len(rows) * (setup.every + 40) + 400
        # the broker
        self.committed = [0] * len(held)
        self.generation = 0
        self.group: dict[str, _Member] = {}
        self.owned: dict[str, tuple[int, ...]] = {}
        self.why: list[str] = []
        self.flying: list[Flight] = []
        self.halted: set[int] = set()
        # the store
        self.states: dict[str, Any] = {}
        self.known: set[str] = set()
        self.fence = [0] * len(held)
        self.tries: dict[str, int] = defaultdict(int)
        self.letters = DeadLetters()
        self.alerts: list[str] = []
        # the record
        self.steps: list[Step] = []
        self.applied: list[Applied] = []
        self.rebalances: list[Rebalance] = []
        self.ownerships: list[Ownership] = []
        self.lags: list[tuple[int, tuple[int, ...], int]] = []
        self.failures: dict[str, int] = defaultdict(int)
        self.delivered: dict[str, int] = defaultdict(int)
        self.most = 0
        # the members
        self.members: dict[str, _Member] = {}
        self.back: list[tuple[int, str]] = []
        for name in members:
            self._join(name)

    def run(self, script: list[Action]) -> Run:
        """Go on until all is done, or for so long that it never will be."""
        todo = sorted(script, key=lambda action: action.at)
        self.limit += max((a.at + getattr(a, "ticks", 0) for a in todo), default=0)
        while not (is_done := self._is_done(todo)) and self.at < self.limit:
            while todo and todo[0].at <= self.at:
                self._happen(todo.pop(0))
            self._start_again()
            self._miss_the_silent()
            if self.why:
                self._rebalance()
            for member in self._in_drawn_order():
                if member.is_awake(self.at):
                    self._act(member)
                    member.heard = self.at
            self._note_lag()
            self.at += 1
        return self._record(is_done)

    def _is_done(self, todo: list[Action]) -> bool:
        ends = map(len, self.lanes)
        return (
            not (todo or self.back or self.why)
            and all(
                next_ >= end or place in self.halted
                for place, (next_, end) in enumerate(
                    zip(self.committed, ends, strict=True)
                )
            )
            and not any(m.hand for m in self.members.values() if m.is_alive)
        )

    def _in_drawn_order(self) -> Iterable[_Member]:
        names = list(self.members.values())
        for last in range(len(names) - 1, 0, -1):
            other = int(self.draw.random() * (last + 1))
            names[last], names[other] = names[other], names[last]
        return names

    # what happens to members

    def _happen(self, action: Action) -> None:
        member = self.members.get(action.member)
        if isinstance(action, Join):
            if member is None or not member.is_alive or member.name not in self.group:
                self._join(action.member)
        elif member is None or not member.is_awake(self.at):
            return
        elif isinstance(action, Pause):
            member.wakes = self.at + action.ticks
            self._tell(member, "waited", says=f"sleeps for {action.ticks} ticks")
        elif isinstance(action, Leave):
            self._leave(member)
        else:
            self._die(member, action.back)

    def _join(self, name: str) -> None:
        member = self.members.get(name)
        if member is None:
            member = self.members[name] = _Member(name, self.at)
        for place in self.owned.pop(name, ()):  # what it had, it knows nothing of
            upto = member.next.get(place, 0)
            self.flying += self._flying(member, place, member.hand, upto)
        member.forget()  # whoever joins anew owns nothing, and commits nothing old
        if not member.is_alive:
            member.start(self.at)
            self._tell(member, "came back")
        self.group[name] = member
        self.why.append(f"{name} joined")
        self._tell(member, "joined")

    def _leave(self, member: _Member) -> None:
        for place in list(member.next):
            self._hand_over(member, place)
        self.group.pop(member.name, None)
        self.why.append(f"{member.name} left")
        self._tell(member, "left")
        member.is_alive = False
        member.forget()

    def _die(self, member: _Member, back: int | None) -> None:
        self._tell(member, "crashed", member.hand)
        member.is_alive = False
        if back is not None:
            self.back.append((self.at + back, member.name))

    def _start_again(self) -> None:
        for due in [each for each in self.back if each[0] <= self.at]:
            self.back.remove(due)
            if not self.members[due[1]].is_alive:
                self._join(due[1])

    def _miss_the_silent(self) -> None:
        for name, member in list(self.group.items()):
            if self.at - member.heard >= self.setup.timeout:
                del self.group[name]
                self.why.append(f"{name} was silent")

    # who owns what

    def _rebalance(self) -> None:
        for name, member in list(self.group.items()):
            if not member.is_awake(self.at):
                del self.group[name]
                self.why.append(f"{name} did not answer")
        before, places = self.owned, range(len(self.lanes))
        self.owned = self.setup.assignor(self.group, len(self.lanes), before)
        was, is_ = _by_place(before), _by_place(self.owned)
        moved = tuple(p for p in places if was.get(p) != is_.get(p))
        self.flying += [f for p in moved for f in self._revoke(p, was.get(p, ()))]
        self.generation += 1
        for member in self.group.values():
            member.generation = self.generation
        for place in moved:
            for name in is_.get(place, ()):
                self._assign(self.group[name], place)
        why, self.why = ", ".join(dict.fromkeys(self.why)), []
        self.rebalances.append(
            Rebalance(
                at=self.at,
                generation=self.generation,
                why=why,
                assignment=dict(self.owned),
                moved=moved,
                in_flight=tuple(self.flying),
            )
        )
        self.flying = []

    def _revoke(self, place: int, names: Iterable[str]) -> Iterable[Flight]:
        """Take a partition from its owners; one that is awake finishes and commits."""
        for number, each in enumerate(self.ownerships):
            if each.partition == place and each.until is None:
                self.ownerships[number] = _ended(each, self.at)
        for name in names:
            member = self.members[name]
            hand, upto = member.hand, member.next.get(place, 0)
            if name in self.group and place in member.next:
                self._hand_over(member, place)
                self._tell(member, "revoked", partition=place)
            yield from self._flying(member, place, hand, upto)

    def _flying(
        self, member: _Member, place: int, hand: _Hand | None, upto: int
    ) -> Iterable[Flight]:
        """Give what a member had read of a partition and did not commit."""
        for offset in range(self.committed[place], upto):
            is_held = hand is not None and (hand.partition, hand.offset) == (
                place,
                offset,
            )
            yield Flight(
                partition=place,
                offset=offset,
                event_id=self.lanes[place][offset][1].event_id,
                member=member.name,
                stage="in hand" if is_held else "done, not committed",
            )

    def _hand_over(self, member: _Member, place: int) -> None:
        """Finish what was begun, put back what was not, commit."""
        hand = member.hand
        if hand is not None and hand.partition == place:
            while hand.step and member.hand is hand and member.is_alive:
                before = hand.step
                self._step(member, hand)
                if hand.step == before:
                    break  # it failed: whoever is next tries it again
            member.hand = None if member.hand is hand else member.hand
        if member.is_alive:
            self._commit(member, place)
            member.next.pop(place, None)

    def _assign(self, member: _Member, place: int) -> None:
        member.next[place] = self.committed[place]
        self.fence[place] = self.generation
        self.ownerships.append(
            Ownership(
                partition=place,
                member=member.name,
                generation=self.generation,
                since=self.at,
            )
        )
        self._tell(member, "assigned", partition=place)

    # what a member does

    def _act(self, member: _Member) -> None:
        if self.at < member.busy:
            return
        if member.hand is not None:
            self._step(member, member.hand)
        elif member.generation != self.generation:
            self._join(member.name)  # it asks for more, and hears that it is out
        else:
            self._take(member)

    def _take(self, member: _Member) -> None:
        ready = [
            place
            for place, offset in sorted(member.next.items())
            if place not in self.halted
            and offset < len(self.lanes[place])
            and self.lanes[place][offset][0] <= self.at
        ]
        if not ready:
            for place in list(member.done):
                self._commit(member, place)
            return
        place = ready[member.turn % len(ready)]
        member.turn += 1
        offset = member.next[place]
        member.next[place] = offset + 1
        message = self.lanes[place][offset][1]
        self.delivered[message.event_id] += 1
        attempt = self.delivered[message.event_id]
        member.hand = _Hand(place, offset, message, attempt)
        self._tell(member, "took", member.hand)

    def _step(self, member: _Member, hand: _Hand) -> None:
        """Do one step; it is atomic: a failure in it leaves nothing of it."""
        actions = self.way.steps[hand.step]
        if not {EFFECT, MARK}.isdisjoint(actions) and self._is_fenced(member, hand):
            return
        if CHECK in actions:
            hand.known = hand.known or hand.message.event_id in self.known
        if EFFECT in actions and hand.known:
            self._tell(member, "skipped", hand)
        elif EFFECT in actions and not self._try(member, hand):
            return
        if MARK in actions and not hand.known:
            self.known.add(hand.message.event_id)
        hand.step += 1
        if ACK in actions and not self._acknowledge(member, hand):
            return
        if hand.step == len(self.way.steps):
            member.hand = None

    def _is_fenced(self, member: _Member, hand: _Hand) -> bool:
        """Turn a member away that lost the partition; it forgets what it held."""
        if not self.setup.fenced or member.generation >= self.fence[hand.partition]:
            return False
        says = f"{member.generation} writes, {self.fence[hand.partition]} is the owner"
        self._tell(member, "refused", hand, says=says)
        member.forget()
        return True

    def _acknowledge(self, member: _Member, hand: _Hand) -> bool:
        member.done[hand.partition] = hand.offset + 1
        member.undone += 1
        self._tell(member, "acknowledged", hand)
        if member.undone >= self.setup.commit_every:
            return all(self._commit(member, place) for place in list(member.done))
        return True

    def _commit(self, member: _Member, place: int) -> bool:
        """Tell the broker; it refuses whoever is not of this generation."""
        if place not in member.done:
            return True
        is_in = self.group.get(member.name) is member
        if not is_in or member.generation != self.generation:
            says = f"the offset: {member.generation} is not {self.generation}"
            self._tell(member, "refused", partition=place, says=says)
            member.forget()
            return False
        self.committed[place] = member.done.pop(place)
        member.undone = 0
        return True

    # trying, and giving up

    def _try(self, member: _Member, hand: _Hand) -> bool:
        """Try an event; tell whether this step is done."""
        message, name = hand.message, hand.message.event_id
        if self.letters.holds(message):
            self._tell(member, "skipped", hand, says="it is a dead letter")
            hand.known = True
            return True
        if self.setup.policy == PARK_KEY and self.letters.holds_key(message):
            return self._park(member, hand, "", BEHIND)
        tried = self.tries[name] if self.setup.tries_beside else hand.tried
        if tried >= self.setup.tries:
            return self._give_up(member, hand, "Died", "its process died")
        self.tries[name] += 1
        hand.tried += 1
        self.failures[name] += 1
        self.most = max(self.most, self.failures[name])
        if name in self.setup.deadly:
            self._die(member, RESTART)
            return False
        before = self.states.get(message.aggregate_id, self.setup.initial)
        try:
            self._fail_if_it_must(name)
            after = self.setup.handler(before, message)
        except Exception as error:  # noqa: BLE001  # a handler may raise anything
            return self._failed(member, hand, error)
        self.states[message.aggregate_id] = after
        self.tries.pop(name, None)
        self.failures.pop(name, None)
        self.applied.append(
            Applied(
                at=self.at,
                member=member.name,
                stale=member.generation < self.fence[hand.partition],
                partition=hand.partition,
                offset=hand.offset,
                message=message,
            )
        )
        self._tell(member, "wrote", hand, state=plain(after))
        return True

    def _fail_if_it_must(self, name: str) -> None:
        if name in self.setup.poison:
            raise ValueError(f"{name} is poison")
        if self.failures[name] <= self.setup.flaky.get(name, 0):
            raise TimeoutError(f"{name} failed {self.failures[name]} times")

    def _failed(self, member: _Member, hand: _Hand, error: Exception) -> bool:
        kind, says = type(error).__name__, str(error)
        self._tell(member, "failed", hand, says=f"{kind}: {says}")
        name = hand.message.event_id
        tried = self.tries[name] if self.setup.tries_beside else hand.tried
        if tried >= self.setup.tries:
            return self._give_up(member, hand, kind, says)
        if self.setup.policy == REQUEUE:
            self.lanes[hand.partition].append((self.at, hand.message))
            self._tell(member, "requeued", hand)
            hand.known = True
            return True
        member.busy = self.at + max(1, round(self.setup.backoff.wait(name, tried)))
        return False

    def _give_up(self, member: _Member, hand: _Hand, kind: str, says: str) -> bool:
        if self.setup.policy == HALT:
            self.halted.add(hand.partition)
            self._tell(member, "waited", hand, says="its partition halts")
            member.next[hand.partition] = hand.offset
            member.hand = None
            self._alert(hand.message.event_id)
            return False
        if self.setup.policy == DROP:
            self._tell(member, "lost", hand, says=says)
            hand.known = True
            return True
        return self._park(member, hand, kind, says)

    def _park(self, member: _Member, hand: _Hand, kind: str, says: str) -> bool:
        letter = Letter(
            message=hand.message,
            error=kind,
            says=says,
            tries=self.failures.pop(hand.message.event_id, 0),
            at=self.at * TICK / 1_000_000,
        )
        if self.letters.park(letter):
            self._alert(hand.message.event_id)
            self._tell(member, "parked", hand, says=says)
        hand.known = True
        return True

    def _alert(self, event_id: str) -> None:
        if self.setup.alerts:
            self.alerts.append(event_id)

    # the record

    def _tell(
        self,
        member: _Member,
        did: str,
        hand: _Hand | None = None,
        *,
        partition: int | None = None,
        state: Any = None,
        says: str = "",
    ) -> None:
        self.steps.append(
            Step(
                at=self.at * TICK,
                worker=member.name,
                did=did,
                event_id=None if hand is None else hand.message.event_id,
                attempt=1 if hand is None else hand.attempt,
                state=state,
                partition=partition if hand is None else hand.partition,
                offset=None if hand is None else hand.offset,
                says=says,
            )
        )

    def _note_lag(self) -> None:
        lag = tuple(
            sum(entry[0] <= self.at for entry in lane[next_:])
            if self.setup.every
            else len(lane) - next_
            for lane, next_ in zip(self.lanes, self.committed, strict=True)
        )
        if not self.lags or self.lags[-1][1] != lag:
            self.lags.append((self.at, lag, self._age()))

    def _age(self) -> int:
        """Return for how many ticks the oldest event has been waiting."""
        oldest = [
            lane[next_][0]
            for lane, next_ in zip(self.lanes, self.committed, strict=True)
            if next_ < len(lane)
        ]
        return max(0, self.at - min(oldest, default=self.at))

    def _record(self, is_done: bool) -> Run:  # noqa: FBT001  # the answer, handed on
        trace = Trace(
            name=f"group of {len(self.members)}, {self.way.name}, {self.setup.policy}",
            handler=self.setup.handler.__name__,
            workers=tuple(self.members),
            messages=self.rows,
            steps=tuple(self.steps),
            initial=self.setup.initial,
            seed=self.setup.seed,
        )
        return Run(
            trace=trace,
            partitions=tuple(tuple(m for _, m in lane) for lane in self.lanes),
            committed=tuple(self.committed),
            ownerships=tuple(self.ownerships),
            rebalances=tuple(self.rebalances),
            applied=tuple(self.applied),
            lags=tuple(self.lags),
            written=tuple(sorted(at for lane in self.lanes for at, _ in lane)),
            letters=self.letters.waiting,
            alerts=tuple(self.alerts),
            states=self.states,
            truth=self._truth(),
            tries=self.most,
            limit=self.setup.tries,
            ticks=self.at,
            finished=is_done,
        )

    def _truth(self) -> dict[str, Any]:
        """Fold every event once, in order, up to the first that was parked."""
        rows: dict[str, Any] = {}
        ended: set[str] = set()
        waits = {
            message.event_id
            for place in self.halted
            for _, message in self.lanes[place][self.committed[place] :]
        } - {each.message.event_id for each in self.applied}
        for message in self.rows:
            name = message.aggregate_id
            if self.letters.holds(message) or message.event_id in waits:
                ended.add(name)
            if name not in ended:
                before = rows.get(name, self.setup.initial)
                rows[name] = self.setup.handler(before, message)
        return rows


def _written(
    lane: Iterable[Message], written: dict[str, int], copies: dict[str, int]
) -> list[Entry]:
    """Return a partition with the copies that its producer wrote."""
    entries = [(written[message.event_id], message) for message in lane]
    for message in [m for _, m in entries if m.event_id in copies]:
        at = next(n for n, e in enumerate(entries) if e[1] is message)
        place = min(len(entries), at + 1 + copies[message.event_id])
        entries.insert(place, (entries[place - 1][0], message))
    return entries


def _by_place(owned: dict[str, tuple[int, ...]]) -> dict[int, tuple[str, ...]]:
    """Return the owners of each partition; there should be one."""
    found: dict[int, tuple[str, ...]] = {}
    for name, places in owned.items():
        for place in places:
            found[place] = (*found.get(place, ()), name)
    return found


def _ended(ownership: Ownership, at: int) -> Ownership:
    return Ownership(
        partition=ownership.partition,
        member=ownership.member,
        generation=ownership.generation,
        since=ownership.since,
        until=at,
    )
