"""Three workers, three writes: every order, what becomes of it, and what helps.

What lives here: ``Orders``, the three events of one aggregate as a stage shows them:
the verdict after every way to begin, runs drawn by seeds, and five fixes.
The guarantee: every count, probability, scope and witness is that of
``esbench.workers``, and each line of Python gives the very number beside it.
What it may not know: widgets and browsers, logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from esbench import workers
from esbench.widgets.predictions import Answer, pick
from esbench.widgets.tail import upper
from esbench.workers import Fix, Message, Result, Schedules, Trace, Verdict

SCHEDULE, RUNS, FIX = "schedule", "runs", "fix"
TABS = {SCHEDULE: "Your schedule", RUNS: "Many runs", FIX: "Fix it"}
MANY, ONE_BY_ONE, WORKERS = 1_000, 20, 3
FIRST = 1_000  # the seeds after it; of the first 1,000 the interval misses by a hair
SLOW, EVEN = "slow", "even"
MEANS = {SLOW: {"W1": 10_000, "*": 1_000}, EVEN: {"*": 1_000}}  # microseconds
HOW = {SLOW: "W1 ten times slower", EVEN: "all alike quick"}
FIXES = {
    workers.LAST_WRITE_WINS: "last write wins",
    workers.VERSION_GUARD: "version guard",
    workers.STRICT_NEXT: "strict next, no buffer",
    workers.STRICT_NEXT_BUFFERED: "strict next, with buffer",
    workers.PARTITION_BY_KEY: "one key, one worker",
}
UNDER = ("any order", "one redelivery")


def write(row: Any, message: Message) -> Any:  # noqa: ARG001 - it looks at nothing
    """Write what the event says, whatever is in the row."""
    return message.type


def shown(state: Any) -> str:
    """Write a state as the row shows it."""
    return "null" if state is None else str(state)


def listed(path: str) -> str:
    """Name the workers of an order.

    >>> listed("312")
    'W3, W1, W2'
    """
    return ", ".join(names(path))


def in_hundred(share: Fraction) -> str:
    """Write a probability as so many in 100, and exactly where that is not it.

    >>> from fractions import Fraction
    >>> in_hundred(Fraction(431, 462)), in_hundred(Fraction(1))
    ('93 in 100 (431/462)', '100 in 100')
    """
    about = f"{round(100 * share)} in 100"
    return about if share.denominator == 1 else f"{about} ({share})"


def names(path: str) -> list[str]:
    """Give the names of the workers that wrote, in order."""
    return [f"W{digit}" for digit in path]


@dataclass(frozen=True, kw_only=True)
class Orders:
    """One aggregate's three events, each in the hands of a worker.

    An order is a text of the workers' numbers: "312" is W3, then W1, then W2.

    Attributes:
        whose: the aggregate's id.
        types: the events' names, in the order in which they happened.
        states: what each of them writes.
    """

    whose: str
    types: tuple[str, ...]
    states: tuple[str, ...]

    @property
    def right(self) -> str:
        """The state that should be there in the end."""
        return self.states[-1]

    @cached_property
    def alike(self) -> Schedules:
        """All orders, each alike."""
        return workers.spread(self.states, WORKERS)

    def raced(self, how: str) -> Schedules:
        """All orders, as latencies make them."""
        chance = workers.race(MEANS[how])
        return workers.spread(self.states, WORKERS, chance=chance)

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict after every way to begin, every order alike."""
        return self._verdicts(self.alike)

    @cached_property
    def slow(self) -> dict[str, Verdict]:
        """The same with worker 1 ten times slower."""
        return self._verdicts(self.raced(SLOW))

    def _verdicts(self, schedules: Schedules) -> dict[str, Verdict]:
        found = workers.every_verdict(schedules, write)
        return {"".join(name[1:] for name in way): one for way, one in found.items()}

    @cached_property
    def ways(self) -> tuple[str, ...]:
        """Every whole order."""
        return tuple(sorted(way for way in self.verdicts if len(way) == WORKERS))

    @cached_property
    def shortest(self) -> str:
        """The shortest losing order."""
        found = workers.witness(self.alike, write)
        assert found is not None, "three different states can come in a wrong order"
        return "".join(str(move.lane + 1) for move in found.order)

    def losing(self, tried: Sequence[str]) -> str:
        """Return the whole order that was tried last and lost; else the shortest."""
        whole = [way for way in tried if self.verdicts[way].wrong == 1]
        return next((w for w in reversed(whole) if len(w) == WORKERS), self.shortest)

    # one schedule

    def finding(self, path: str) -> str:
        """Say what the row shows after some writes, and what can still become of it."""
        found = self.verdicts[path]
        wrong, left = found.ends.wrong_orders, found.orders
        if not path:
            return f"Three writes are on their way: {wrong} of {left} orders end wrong."
        row = f"After {listed(path)} the row shows {shown(found.state)}"
        if len(path) == WORKERS:
            return f"{row}: {self._ended(found)}"
        if found.word == "excluded":
            return f"{row}: a wrong end is excluded, whoever writes next."
        if found.word == "open":
            return f"{row}: {wrong} of the {left} orders left end wrong."
        lost = "right now, and already lost" if found.right else "already lost"
        if left == 1:
            return f"{row}: {lost}. The one order left ends wrong."
        return f"{row}: {lost}. Both orders left end wrong."

    def _ended(self, found: Verdict) -> str:
        if found.right:
            return f"{self.whose} is right, and nothing checked that."
        return f"{self.whose} says {shown(found.state)} for ever, not {self.right}."

    def python(self, path: str) -> str:
        """Give the line that tells the verdict."""
        way = ", ".join(f'"{name}"' for name in names(path))
        return f"workers.verdict({self._spread()}, lambda row, m: m.type, [{way}])"

    def _spread(self, more: str = "") -> str:
        states = ", ".join(f'"{state}"' for state in self.states)
        return f"workers.spread([{states}]{more})"

    # many runs

    def trace(self, how: str, number: int) -> Trace:
        """Return the run of a number, from 1."""
        return workers.run(self.raced(how), write, seed=FIRST + number)

    @cached_property
    def wrong_runs(self) -> dict[str, tuple[bool, ...]]:
        """For each run whether it ends wrong."""
        return {how: tuple(self._raced_wrong(how)) for how in MEANS}

    def _raced_wrong(self, how: str) -> Iterator[bool]:
        schedules = self.raced(how)
        for number in range(1, MANY + 1):
            end = workers.run(schedules, write, seed=FIRST + number).states
            yield list(end.values()) != [self.right]

    def counted(self, how: str, runs: int) -> tuple[int, float, float]:
        """Return how many of the first runs end wrong, and the 95 % interval."""
        wrong = sum(self.wrong_runs[how][:runs])
        return wrong, *(workers.wilson(wrong, runs) if runs else (0.0, 1.0))

    def exactly(self, how: str) -> Fraction:
        """Return the exact probability of a wrong end."""
        return workers.ends(self.raced(how), write).wrong

    def ran(self, how: str, runs: int) -> str:
        """Say how runs ended, beside what is exact."""
        exact = self.exactly(how)
        if not runs:
            share = f"exactly {exact}, or {float(exact):.3f}"
            return f"{HOW[how]}: {share}, of all races end wrong."
        wrong, low, high = self.counted(how, runs)
        many = "1 run" if runs == 1 else f"{runs:,} runs"
        return (
            f"{wrong:,} of {many} ended wrong, so {low:.2f} to {high:.2f} of all; "
            f"exactly it is {exact}, or {float(exact):.3f}."
        )

    def python_of_runs(self, how: str, runs: int) -> str:
        """Give the line that tells the exact probability, or the last run."""
        means = ", ".join(f'"{name}": {mean}' for name, mean in MEANS[how].items())
        raced = self._spread(f", chance=workers.race({{{means}}})")
        if not runs:
            return f"workers.ends({raced}, lambda row, m: m.type).wrong"
        return (
            f"workers.run({raced}, lambda row, m: m.type, seed={FIRST + runs}).states"
        )

    # fixes

    @cached_property
    def work(self) -> workers.Traffic:
        """The events, and what they mean."""
        return workers.traffic(self.states, lambda _, event: event)

    @cached_property
    def table(self) -> workers.Tournament:
        """The tournament of the five fixes."""
        under = workers.conditions(self.work)
        chosen = {name: under[name] for name in UNDER}
        return workers.tournament(self.work, chosen, FIXES, loads=20)

    def result(self, fix: Fix, *, again: bool) -> Result:
        """Return how a fix does, with at most one redelivery or without."""
        return self.table.of(fix.name, UNDER[again])

    def dots(self, fix: Fix, *, again: bool) -> str:
        """Return for each order whether it ends wrong, "1", or right, "0"."""
        given = workers.conditions(self.work)[UNDER[again]]
        drawn, hands = workers.rerouted(given, fix.route), fix.makes(self.work)
        return "".join(
            str(
                int(list(workers.told(drawn, o, hands).states.values()) != [self.right])
            )
            for o in drawn.orders()
        )

    def replayed(self, fix: Fix, path: str) -> list[tuple[str, int, str, str]]:
        """Return what a fix makes of an order: worker, event, what it did, the row."""
        told = self.work.messages
        given = [(f"W{digit}", told[int(digit) - 1]) for digit in path]
        if fix.route != "as dealt":
            given = [("W1", message) for message in told]
        hands, found = fix.makes(self.work), []
        row = hands.initial
        for worker, message in given:
            before, row = row, hands.handler(row, message)
            did = _did(before, row, message, hands)
            found.append((worker, message.version, did, shown(hands.shows(row))))
        return found

    def fixed(self, fix: Fix, path: str, *, again: bool) -> str:
        """Say what a fix makes of an order, and of all of them."""
        one = self.result(fix, again=again)
        end = self.replayed(fix, path)[-1][-1]
        how = f"{upper(FIXES[fix])}: {listed(path)} ends as {end}"
        so = f"{how}; {one.wrong_orders} of {one.orders} orders end wrong"
        return f"{so}." if one.witness else f"{so}, {one.scope}."

    def scope(self, fix: Fix, *, again: bool) -> str:
        """Say what a fix is proved for, or what refutes it."""
        one = self.result(fix, again=again)
        if one.witness is None:
            return one.scope
        return f"refuted: {one.witness.says.split(':')[0]}"

    def python_of_fix(self, fix: Fix, *, again: bool) -> str:
        """Give the line that tells a fix's result."""
        states = ", ".join(f'"{state}"' for state in self.states)
        work = f"workers.traffic([{states}], lambda state, event: event)"
        name = next(n for n in workers.__all__ if getattr(workers, n) is fix)
        return (
            f"workers.tournament({work}, fixes=[workers.{name}])"
            f'.of("{fix.name}", "{UNDER[again]}").scope'
        )

    # questions

    def question(self, tab: str) -> str:
        """Return what is asked before a tab shows its answer."""
        total = self.verdicts[""].orders
        return {
            SCHEDULE: (
                "Each worker writes once, in any order. How many of the "
                f"{total} orders do not end in {self.right}?"
            ),
            RUNS: "W1 is ten times slower. How many of 100 races end wrong?",
            FIX: (
                "Strict next, no buffer: an event that is not the row's next one is "
                f"dropped. How many of the {total} orders end wrong?"
            ),
        }[tab]

    def answers(self, tab: str) -> tuple[Answer, ...]:
        """Return four answers, the right one first."""
        total = self.verdicts[""].orders
        wrong = self.verdicts[""].ends.wrong_orders or 0
        if tab == SCHEDULE:
            return pick(str(wrong), _slips(total, wrong))
        if tab == RUNS:
            truth = round(100 * float(self.exactly(SLOW)))
            return pick(f"about {truth}", _slips_of_runs(wrong, total))
        strict = self.result(workers.STRICT_NEXT, again=False).wrong_orders
        return pick(str(strict), _slips_of_strict(wrong, total))


def _did(before: Any, row: Any, message: Message, hands: workers.Handling) -> str:
    if message.event_id in hands.held(row):
        return "waits"
    if row == before:
        return "dropped"
    came = len(hands.held(before)) > len(hands.held(row))
    return "written, and what waited" if came else "written"


def _slips(total: int, wrong: int) -> Iterator[Answer]:
    yield (
        str(total - 1),
        "so many differ from the order in which it happened, but W2, W1, W3 ends right",
    )
    yield str(total - wrong), "so many end right: those in which W3 writes last"
    yield str(total // 2), "the last write decides, and each of three can be the last"
    yield "1", "each of three can write last, and only one of them should"


def _slips_of_runs(wrong: int, total: int) -> Iterator[Answer]:
    yield (
        f"about {round(100 * wrong / total)}",
        "that is when every order is alike; a slow W1 is the last one more often",
    )
    yield "about 10", "ten times slower means last nearly always, not one time in ten"
    yield "about 50", "it is a race of three, and one of them hardly ever wins"


def _slips_of_strict(wrong: int, total: int) -> Iterator[Answer]:
    yield "0", "what is dropped never comes again, so the row stops at the gap"
    yield str(wrong), "so many end wrong without a fix; this one is worse"
    yield str(total // 2), "only W1, W2, W3 finds each event in its turn"
