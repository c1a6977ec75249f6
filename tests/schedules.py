"""Every order in which programs that share a store can take their steps.

What lives here: the steps that programs can take (``schedules_programs``) on a store
in memory (``schedules_store``), and the search through all their orders.
The guarantee: a search that comes to its end has seen every state that the programs
can reach. Two orders after which the store is the same, and every program has been
given the same answers, count as one state.
What it may not know: how the log is made.

How so many orders can be searched: a program sees nothing but the answers to its
calls. So it is run alone, once for each history of answers that some order brings
about, and what it does next is kept (``schedules_minds``); the search itself only
follows the store. And a step whose answer nobody can change any more is taken at once,
for no other order of it would show anything new.

The store is as unkind as disks are:

- A listing takes two steps. A name that comes or goes in between is listed or not.
- What was not synced survives a crash of the machine or does not, name by name.
- A program may stop for good at any point, or sleep for hours; but nobody takes an
  hour for one listing.

A crash is no step: in every state, every disk that a crash could leave there is
opened by a fresh program, and so is the disk as it is. Looking at a file and reading
it right after is one step; windows are 2 and 4 positions wide.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any, NamedTuple

from schedules_minds import Minds
from schedules_programs import (
    HOUR,
    MERGE,
    Program,
    Refused,
    Saw,
    Stood,
    Unknown,
    Won,
    do,
    reached,
)
from schedules_promises import Promises, listed, positions, short
from schedules_store import ABSENT, TAKEN, Call, Disk, Disks, Lost, Steps, subsets

LONGEST = 400
PACES = (0.003, 0.03, 0.3, 3, 30)


class Violation(AssertionError):
    """A promise is broken; the message tells how it came to that."""


class Step(NamedTuple):
    """One step: whose (-1: an hour passes), and what a listing's end chose to show."""

    who: int
    shown: frozenset[str] | None = None


class State(NamedTuple):
    """Where everything stands.

    Attributes:
        disk: its number.
        hours: how many may still pass.
        minds: one for each program.
        listings: for each program that is in one, the names that its listing will
            show for certain, and those that it may.
        floors: for each program, how far the log was told to reach when it began
            what it is doing.
    """

    disk: int
    hours: int
    minds: tuple[int, ...]
    listings: tuple[tuple[frozenset[str], frozenset[str]] | None, ...]
    floors: tuple[int, ...]


Next = tuple[Step, State]


@dataclass(kw_only=True)
class World:
    """A store, those who use it, and what has been found out about them.

    Attributes:
        programs: who takes steps.
        before: what was done before warm programs had their look: a number is an
            append of so many events; then there are ``MERGE`` and ``HOUR``.
        meanwhile: what was done after that, and before all begins.
        hours: how many hours may pass.
    """

    programs: Sequence[Program]
    before: Sequence[int | str] = (1,)
    meanwhile: Sequence[int | str] = ()
    hours: int = 0
    disks: Disks = field(default_factory=lambda: Disks(do))

    def __post_init__(self):
        empty = self.disks.number(Disk(frozenset(), frozenset()))
        start = self._prepared(empty, "before", self.before)
        then = self._prepared(start, "mid", self.meanwhile)
        self.minds = Minds(self.disks, self.programs, start, then)
        self.promises = Promises(self.disks)
        self._listings: dict[Any, int] = {}
        self._right: set[tuple[int, ...]] = set()
        self._sound: set[tuple[int, ...]] = set()
        none = (None,) * len(self.programs)
        self._floor = len(self.promises.view(self.disks.all[then].content()).notes)
        floors = (self._floor,) * len(self.programs)
        self.start = State(then, self.hours, self.minds.first, none, floors)
        self._deletes = (
            self.hours > 0
            or HOUR in (*self.before, *self.meanwhile)
            or any(p.is_writer and p.is_merger for p in self.programs)
        )

    def _prepared(self, number, name, deeds):
        """Give the disk after all these deeds, synced."""
        store = Steps(self.disks, number)
        for which, deed in enumerate(deeds):
            do(store, f"{name}.{which}", str(deed))
        disk = self.disks.all[store.number]
        return self.disks.number(disk._replace(kept=disk.content()))

    # --- steps -------------------------------------------------------------------

    def steps(self, state):
        """Give every step that need be tried, and the state after it."""
        calls = [self.minds.call[mind] for mind in state.minds]
        running = [p for p, call in zip(self.programs, calls, strict=True) if call]
        for who, call in enumerate(calls):
            if call is not None and self._is_quiet(state, who, call, running):
                return self._steps_of(state, who, call)
        found: list[Next] = []
        for who, call in enumerate(calls):
            if call is not None:
                found += self._steps_of(state, who, call)
        if state.hours and self._is_time(state):
            aged = self.disks.an_hour_later(state.disk)
            found.append((Step(-1), state._replace(disk=aged, hours=state.hours - 1)))
        return found

    def _is_time(self, state):
        """Whether an hour may pass, and would matter: only segments' ages are asked."""
        return not any(state.listings) and any(
            age == 0 and name.startswith("segments/")
            for name, _, age in self.disks.all[state.disk].live
        )

    def _is_quiet(self, state, who, call, running):
        """Whether nobody else can ever change what this step does and returns."""
        if call.verb in {"create", "delete", "sync", "does"}:
            return False
        if self.minds.begins[state.minds[who]] and state.listings[who] is None:
            return False
        others = [program for program in running if program is not self.programs[who]]
        writes = any(program.is_writer for program in others)
        merges = any(program.is_merger for program in others)
        folder = call.name if call.verb == "list" else call.name.partition("/")[0]
        deletes = self._deletes and (writes or merges)
        if folder == "events":
            is_fixed = not (writes or (merges and deletes))
        elif folder == "segments":
            is_fixed = not merges
        else:
            is_fixed = folder == "snapshots" or not writes
        if is_fixed or (deletes and call.name != "log.json") or call.verb == "list":
            return is_fixed
        return self.disks.after(state.disk, call)[1] != ABSENT

    def _steps_of(self, state, who, call):
        if call.verb == "list":
            if state.listings[who] is None:
                return [(Step(who), self._listing(state, who, call))]
            unsure = sorted(state.listings[who][1])
            return [
                (Step(who, shown), self._listed(state, who, shown))
                for shown in subsets(unsure)
            ]
        if call.verb == "does" and call.name.endswith(HOUR) and any(state.listings):
            return []
        return [(Step(who), self._called(state, who, call))]

    def _floors(self, state, who):
        """Give the floors when a program takes a step, perhaps its first of a look."""
        if not self.minds.begins[state.minds[who]]:
            return state.floors
        told = max(self.minds.reach[self.minds.told[mind]] for mind in state.minds)
        return swapped(state.floors, who, max(self._floor, told))

    def _listing(self, state, who, call):
        names = self.disks.all[state.disk].names(call.name)
        listings = swapped(state.listings, who, (names, frozenset()))
        floors = self._floors(state, who)
        return State(state.disk, state.hours, state.minds, listings, floors)

    def _listed(self, state, who, shown):
        result = tuple(sorted(state.listings[who][0] | shown))
        listings = swapped(state.listings, who, None)
        mind = self.minds.after(who, state.minds[who], result, state.disk)
        minds = swapped(state.minds, who, mind)
        return State(state.disk, state.hours, minds, listings, state.floors)

    def _called(self, state, who, call):
        disk, result = self.disks.after(state.disk, call)
        listings = state.listings
        if disk != state.disk and any(listings):
            listings = self._disturbed(state, disk)
        mind = self.minds.after(who, state.minds[who], result, disk)
        minds = swapped(state.minds, who, mind)
        after = State(disk, state.hours, minds, listings, self._floors(state, who))
        if call.verb == "stamp" and self.minds.call[mind] == Call("read", call.name):
            return self._called(after, who, self.minds.call[mind])
        return after

    def _disturbed(self, state, disk):
        """Give the listings that run when names come or go."""
        pairs = zip(state.listings, state.minds, strict=True)
        before, after = self.disks.all[state.disk], self.disks.all[disk]
        found = []
        for listing, mind in pairs:
            if listing is not None:
                folder = self.minds.call[mind].name
                changed = before.names(folder) ^ after.names(folder)
                listing = listing[0] - changed, listing[1] | changed  # noqa: PLW2901
            found.append(listing)
        return tuple(found)

    # --- promises ----------------------------------------------------------------

    def broken(self, before, step, state):
        """Give the promise that a step broke, in words; an empty text if none."""
        if fault := self._broken_at_once(before, step, state):
            return fault
        told = tuple(self.minds.told[mind] for mind in state.minds)
        if (key := (state.disk, *told)) in self._sound:
            return ""
        facts, content = self._facts(state), self.disks.all[state.disk].content()
        fault = self.promises.unsound(content)
        fault = fault or self.promises.broken_by_a_crash(facts, state.disk)
        if not fault:
            self._sound.add(key)
        return fault

    def _broken_at_once(self, before, step, state):
        """Give the promise that a step broke, as far as plain looks at the log tell."""
        told = tuple(self.minds.told[mind] for mind in state.minds)
        if step.who >= 0:
            was = self.minds.told[before.minds[step.who]]
            fault = was != told[step.who] and self._too_short(was, step.who, state)
            if before.disk != state.disk:
                call = self.minds.call[before.minds[step.who]]
                fault = fault or self._undue(before.disk, step.who, call, state.disk)
            if fault:
                return fault
        if (key := (state.disk, *told)) in self._right:
            return ""
        fault = self.promises.against(
            self._facts(state), self.disks.all[state.disk].content()
        )
        if not fault:
            self._right.add(key)
        return fault

    def _facts(self, state):
        """Give all that programs were told."""
        return tuple(
            chain.from_iterable(
                self.minds.facts[self.minds.told[mind]] for mind in state.minds
            )
        )

    def _undue(self, before, who, call, after):
        """Tell of a change that was not for this program to make, or changed a view."""
        if call.verb in {"sync", "does"}:
            return ""
        program, what = self.programs[who], short(call.name)
        if not program.is_merger and not (
            program.is_writer and what.startswith(("events/", "log.json"))
        ):
            return f"{program.name} is not to change {what}"
        if call.verb == "delete" and not self._is_covered(before, call.name):
            return f"{what} was deleted, and no segment an hour old holds it"
        may_grow = call.verb == "create" and what.startswith("events/")
        return self.promises.grown(before, after, may_grow=may_grow)

    def _is_covered(self, disk, name):
        """Whether a segment an hour old holds the positions of a file."""
        first, last = positions(name)
        return any(
            positions(held)[0] <= first and last <= positions(held)[1]
            for held, _, age in self.disks.all[disk].live
            if age and held.startswith("segments/") and held != name
        )

    def _too_short(self, was, who, state):
        """Tell of a look that shows less than was told before it began."""
        floor = state.floors[who]
        facts = self.minds.facts[self.minds.told[state.minds[who]]]
        for fact in facts[len(self.minds.facts[was]) :]:
            if isinstance(fact, Saw | Stood) and reached([fact]) < floor:
                return (
                    f"{self.programs[who].name} began to look after {floor} events had "
                    f"been told of, and found {reached([fact])}"
                )
        return ""

    # --- all orders --------------------------------------------------------------

    def search(self, *, limit=5_000_000):
        """Go through all states, nearest first; give how many there are.

        Args:
            limit: give up, loudly, when there are more states than this.

        Raises:
            Violation: with a shortest way to it.
        """
        known = {self._flat(self.start)}
        came: list[tuple[int, Step | None]] = [(0, None)]
        waiting = deque([(0, self.start)])
        while waiting:
            number, state = waiting.popleft()
            for step, after in self.steps(state):
                if (flat := self._flat(after)) in known:
                    continue
                known.add(flat)
                came.append((number, step))
                if self.broken(state, step, after):
                    self._tell(_way(came, len(came) - 1))
                waiting.append((len(came) - 1, after))
            if len(came) > limit:
                raise Lost(f"more than {limit} states")
        return len(came)

    def _flat(self, state):
        """Give the same in little memory."""
        listings = [
            0
            if one is None
            else self._listings.setdefault(one, len(self._listings) + 1)
            for one in state.listings
        ]
        return (state.disk, state.hours, *state.minds, *listings, *state.floors)

    def sample(self, *, seed, walks):
        """Go random ways, each up to a crash; give how many steps were taken.

        Args:
            seed: the same seed gives the same ways.
            walks: how many.

        Raises:
            Violation: with the way to it, as short as leaving steps out makes it.
        """
        steps = 0
        for number in range(walks):
            with self.minds.lively():
                way, is_broken = self._walk(random.Random(f"{seed}/{number}"))
            if is_broken:
                self._tell(self._shrunk(way))
            steps += len(way)
        return steps

    def _walk(self, dice):
        """Go a random way; give it, and whether something broke.

        Some programs, chosen anew each time, are much slower than others.
        """
        state, way = self.start, []
        paces = [dice.choice(PACES) for _ in range(len(self.programs) + 1)]
        end = dice.randrange(1, LONGEST)
        while len(way) < end and (options := self.steps(state)):
            weights = [paces[step.who] for step, _ in options]
            [(step, after)] = dice.choices(options, weights)
            way.append(step)
            if self._broken_at_once(state, step, after):
                return way, True
            state = after
        facts = self._facts(state)
        return way, bool(self.promises.broken_by_a_crash(facts, state.disk, dice=dice))

    # --- telling -----------------------------------------------------------------

    def _follow(self, way):
        """Yield the state before each step, the step as taken, and the state after.

        A step that can't be taken is left out; a listing shows what it can of what it
        was to show.
        """
        state = self.start
        for step in way:
            options = [o for o in self.steps(state) if o[0].who == step.who]
            if options:
                wanted = step.shown or frozenset()
                taken = min(options, key=lambda o: len((o[0].shown or set()) ^ wanted))
                yield state, *taken
                state = taken[1]

    def _fault(self, way):
        """Give what breaks on a way, and the way up to there."""
        taken = []
        for before, step, after in self._follow(way):
            taken.append(step)
            if fault := self.broken(before, step, after):
                return fault, taken
        return "", taken

    def _shrunk(self, way):
        """Leave out what can be left out, so long as something breaks."""
        size = len(way) // 2
        while size:
            for start in range(len(way) - size, -1, -1):
                fault, taken = self._fault(way[:start] + way[start + size :])
                if fault and len(taken) < len(way):
                    way = taken
            size //= 2
        return way

    def _calmed(self, way):
        """Let each program go on as long as it can, so long as something breaks."""
        for place in range(len(way)):
            for to in range(len(way)):
                other = way[:place] + way[place + 1 :]
                other.insert(to, way[place])
                if switches(other) < switches(way):
                    fault, taken = self._fault(other)
                    if fault and len(taken) <= len(way):
                        return self._calmed(taken)
        return way

    def _tell(self, way):
        fault, way = self._fault(self._calmed(way))
        lines = [self._line(*taken) for taken in self._follow(way)]
        raise Violation("\n".join([fault, f"after {len(way)} steps:", *lines]))

    def _line(self, before, step, after):
        if step.who < 0:
            return "    an hour passes"
        who = self.programs[step.who].name
        call = self.minds.call[before.minds[step.who]]
        if call.verb == "list" and before.listings[step.who] is None:
            return f"    {who} begins to list {call.name}/"
        old, new = (
            self.minds.facts[self.minds.told[one.minds[step.who]]]
            for one in (before, after)
        )
        told = "".join(f" => {says(fact)}" for fact in new[len(old) :])
        return f"    {who} {self._deed(before, step, call)}{told}"

    def _deed(self, before, step, call):
        if call.verb == "does":
            deed = call.name.partition(" ")[2]
            return {MERGE: "merge", HOUR: "let an hour pass"}.get(deed, "append")
        if call.verb == "list":
            sure, unsure = before.listings[step.who]
            shown = [short(f"{call.name}/{name}") for name in sorted(sure | step.shown)]
            missed = [short(f"{call.name}/{n}") for n in sorted(unsure - step.shown)]
            text = f"has listed {call.name}/: {listed(shown)}"
            return text + (f" (and missed {listed(missed)})" if missed else "")
        result = self.disks.after(before.disk, call)[1]
        verbs = {"create": "makes", "stamp": "looks at", "age": "asks the age of"}
        what = f"{verbs.get(call.verb, call.verb + 's')} {short(call.name)}"
        return what + (f": {result}" if result in {ABSENT, TAKEN} else "")


def says(fact):
    """Give a fact in words."""
    if isinstance(fact, Won):
        return f"told that {listed(fact.notes)} stands at {fact.first}"
    if isinstance(fact, Saw):
        return f"sees {listed(fact.notes)}"
    if isinstance(fact, Stood):
        return f"told that the head is at {fact.head.position}"
    if isinstance(fact, Refused):
        return f"told that the version is {fact.actual}, not {fact.expected}"
    return "told that nobody knows" if isinstance(fact, Unknown) else fact.error


def switches(way):
    """Give how often another one than the one before takes the next step."""
    return sum(a.who != b.who for a, b in pairwise(way))


def swapped(items, place, item):
    """Give a tuple with one item replaced."""
    return (*items[:place], item, *items[place + 1 :])


def _way(came, number):
    steps = []
    while number:
        number, step = came[number]
        steps.append(step)
    return steps[::-1]
