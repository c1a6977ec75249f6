"""The tournament of fixes: each against every order, with its scope and its price.

What lives here: ``tournament``, the four conditions it is held under unless others are
given, and the table it gives.
The guarantee: no fix is called right without its scope: *proved for all N
interleavings*, *sampled, n runs*, or *refuted, with a witness* that is told in words;
no price without its interval and the number of runs behind it.
What it may not know: domains.

Under ``crash anywhere`` one worker dies at most once, before or after a write; the
event in its hands comes again. Under ``redelivered`` a copy of an event that was
written comes again at any later time, from wherever it lay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from esbench.errors import InvalidSchedule, TooLarge
from esbench.workers.chance import EVERY_ORDER
from esbench.workers.exact import RUNS, Ends, ends, performed, wilson
from esbench.workers.fixes import BY_KEY, FIXES, ONE, Fix, Traffic, fix_of
from esbench.workers.handling import Handler, Handling
from esbench.workers.lattice import LIMIT, Rows
from esbench.workers.message import Message, frozen
from esbench.workers.schedules import Schedules, many, schedules
from esbench.workers.simulated import Cost, cost
from esbench.workers.verdict import Witness, witness, witness_of

if TYPE_CHECKING:
    import polars as pl

Competitor = Fix | Handling | Handler


class Result(Struct, frozen=True, kw_only=True):
    """How one fix did under one condition.

    Attributes:
        fix: its name.
        under: the condition's name.
        wrong: the probability of a wrong end.
        wrong_orders: how many orders end wrong; None if they were sampled.
        orders: how many orders there are.
        lost: how many events left no effect, on average.
        doubled: how many events had an effect more than once, on average.
        stuck: how many events were put aside and never came to be applied, on average.
        scope: proved, sampled or refuted.
        witness: a losing order, if there is one.
        interval: where ``wrong`` lies with 95 % confidence.
    """

    fix: str
    under: str
    wrong: Fraction
    wrong_orders: int | None
    orders: int
    lost: Fraction
    doubled: Fraction
    stuck: Fraction
    scope: str
    witness: Witness | None
    interval: tuple[float, float]


class Tournament(Struct, frozen=True, kw_only=True):
    """What a tournament found.

    Attributes:
        results: one for each fix under each condition, fixes first.
        costs: what each fix costs, by its name.
        prices: the same in words.
    """

    results: tuple[Result, ...]
    costs: dict[str, Cost]
    prices: dict[str, str]

    def of(self, fix: str, under: str) -> Result:
        """Return how a fix did under a condition.

        Raises:
            InvalidSchedule: it did not take part, or not under that.
        """
        for each in self.results:
            if (each.fix, each.under) == (fix, under):
                return each
        known = sorted({each.fix for each in self.results})
        raise InvalidSchedule(
            f"{fix!r} under {under!r} is not in the table; it has {', '.join(known)}"
        )

    def frame(self) -> pl.DataFrame:
        """Return one row for each fix under each condition.

        Columns: fix, under, wrong, low, high (floats), exact (the fraction as text,
        null if sampled), wrong_orders and orders (text), lost, doubled, stuck
        (floats), scope, witness (text), parallelism, waiting (microseconds), memory,
        and loads, in how many runs these three were sampled; each has its ``…_low``
        and ``…_high``, between which it lies with 95 % confidence.
        """
        import polars as pl

        return pl.DataFrame([self._row(each) for each in self.results])

    def _row(self, each: Result) -> dict[str, Any]:
        price = self.costs[each.fix]
        exact = each.wrong_orders is not None
        return {
            "fix": each.fix,
            "under": each.under,
            "wrong": float(each.wrong),
            "low": each.interval[0],
            "high": each.interval[1],
            "exact": str(each.wrong) if exact else None,
            "wrong_orders": str(each.wrong_orders) if exact else None,
            "orders": str(each.orders),
            "lost": float(each.lost),
            "doubled": float(each.doubled),
            "stuck": float(each.stuck),
            "scope": each.scope,
            "witness": each.witness.says if each.witness else None,
            "parallelism": price.parallelism,
            "waiting": price.waiting,
            "memory": price.memory,
            "loads": price.runs,
            **{
                f"{name}_{side}": end
                for name, ends in price.intervals.items()
                for side, end in zip(("low", "high"), ends, strict=True)
            },
        }

    def table(self) -> str:
        """Return a Markdown table: a line for each fix, wrong orders of all orders.

        The prices in it (at once, waits, remembers) are sampled; ``costs`` holds their
        intervals and the number of runs.
        """
        under = list(dict.fromkeys(each.under for each in self.results))
        fixes = list(dict.fromkeys(each.fix for each in self.results))
        head = ["fix", *under, "at once", "waits (µs)", "remembers", "price"]
        lines = [head, ["---"] * len(head)]
        for fix in fixes:
            price = self.costs[fix]
            lines.append(
                [
                    fix,
                    *(_cell(self.of(fix, each)) for each in under),
                    f"{price.parallelism:.1f}",
                    f"{price.waiting:,.0f}",
                    f"{price.memory:.1f}",
                    self.prices[fix],
                ]
            )
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def __repr__(self) -> str:
        """Count the fixes that nothing refutes, and the runs behind their prices."""
        loads = ", ".join(sorted({f"{each.runs:,}" for each in self.costs.values()}))
        fixes = dict.fromkeys(each.fix for each in self.results)
        proved = [
            name
            for name in fixes
            if all(
                each.scope.startswith("proved")
                for each in self.results
                if each.fix == name
            )
        ]
        return (
            f"Tournament({len(fixes)} fixes, {len(self.results)} results; proved under "
            f"all conditions: {', '.join(proved) or 'none'}; prices sampled in {loads} "
            "runs)"
        )


def _cell(result: Result) -> str:
    if result.wrong_orders is None:
        low, high = result.interval
        return f"{float(result.wrong):.2f} ({low:.2f} to {high:.2f})"
    sign = "✕" if result.wrong else "✓"
    return f"{many(result.wrong_orders)} of {many(result.orders)} {sign}"


# --- conditions ------------------------------------------------------------------


def conditions(work: Traffic) -> dict[str, Schedules]:
    """Return the four conditions of a tournament, by name.

    In order once has one worker; the others have a worker for each event, so that
    every order can come.
    """
    told = work.messages
    alone = [[each] for each in told]
    return {
        "in order, once": schedules([told]),
        "any order": schedules(alone),
        "one redelivery": schedules(alone, redelivered=1),
        "crash anywhere": schedules(alone, crashes=1),
    }


def rerouted(given: Schedules, route: str) -> Schedules:
    """Return schedules whose events go to queues as a fix wants them.

    Args:
        given: as they were dealt.
        route: "as dealt"; "by key": one queue for each aggregate; "one worker".
    """
    if route == ONE:
        told = sorted(given.messages, key=lambda each: each.version)
        return replace(given, queues=(tuple(told),), workers=("W1",))
    if route == BY_KEY:
        lanes: dict[str, list[Message]] = {}
        for each in given.messages:
            lanes.setdefault(each.aggregate_id, []).append(each)
        names = tuple(f"W{number}" for number in range(1, len(lanes) + 1))
        return replace(given, queues=tuple(map(tuple, lanes.values())), workers=names)
    return given


# --- the tournament --------------------------------------------------------------


def tournament(
    work: Traffic,
    under: Mapping[str, Schedules] | None = None,
    fixes: Iterable[Competitor] = FIXES,
    *,
    limit: int = LIMIT,
    runs: int = RUNS,
    seed: int = 1,
    loads: int = 100,
) -> Tournament:
    """Return how fixes do under conditions, each with its scope and its price.

    Args:
        work: the events and what they mean.
        under: schedules by name; in order once, any order, any order with at most one
            redelivery, and a crash anywhere, unless said.
        fixes: shipped ones, or plain functions ``(row, message) -> row``.
        limit: how many states may be counted before an answer is sampled.
        runs: how many orders are drawn then.
        seed: for the draws.
        loads: how many loaded runs the prices are measured in.
    """
    given = conditions(work) if under is None else under
    players = [fix_of(each) for each in fixes]
    _need_own_names(players)
    return Tournament(
        results=tuple(
            _result(work, fix, name, each, limit, runs, seed)
            for fix in players
            for name, each in given.items()
        ),
        costs={fix.name: cost(work, fix, runs=loads, seed=seed) for fix in players},
        prices={fix.name: fix.price for fix in players},
    )


def _need_own_names(fixes: list[Fix]) -> None:
    names = [each.name for each in fixes]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InvalidSchedule(f"two fixes are called {twice.pop()}: rename one")


def _result(  # noqa: PLR0917 - in the order of use
    work: Traffic,
    fix: Fix,
    under: str,
    given: Schedules,
    limit: int,
    runs: int,
    seed: int,
) -> Result:
    drawn, hands = rerouted(given, fix.route), fix.makes(work)
    found = _counted(drawn, hands, work.right, limit, runs, seed)
    loser = _loser(drawn, hands, work.right, found, limit, seed)
    low, high = found.interval
    return Result(
        fix=fix.name,
        under=under,
        wrong=found.wrong,
        wrong_orders=found.wrong_orders,
        orders=found.orders,
        lost=found.mean("lost"),
        doubled=found.mean("doubled"),
        stuck=found.mean("stuck"),
        scope=_scope(found, loser),
        witness=loser,
        interval=(low, high),
    )


def _scope(found: _Found, loser: Witness | None) -> str:
    if loser is None:
        return found.scope
    how = "" if found.wrong_orders is not None else f", {found.scope}"
    return f"refuted, with a witness{how}"


def _loser(  # noqa: PLR0917 - in the order of use
    drawn: Schedules, hands: Handling, right: Any, found: _Found, limit: int, seed: int
) -> Witness | None:
    """Return the shortest losing order, or any that was drawn where that is too far."""
    if not found.wrong:
        return None
    try:
        return witness(drawn, hands, right=right, limit=limit)
    except TooLarge:
        rows, dice = Rows(drawn, hands), Random(seed)
        while True:
            order = drawn.drawn(dice)
            state = performed(drawn, rows, order)
            if frozen(rows.shown(state)) != frozen(right):
                return witness_of(drawn, rows, order, right)


# --- lost, doubled, stuck --------------------------------------------------------


class Watched(Struct, frozen=True):
    """A row, and which events had an effect on it once, and more than once."""

    row: Any
    once: frozenset[str] = frozenset()
    twice: frozenset[str] = frozenset()


def watched(hands: Handling) -> Handling:
    """Return a handling that keeps account of the effect of every event.

    An event has an effect when the row is another one afterwards; it has none any
    more when a crash takes it from those that were put aside.
    """

    def handler(seen: Watched, message: Message) -> Watched:
        before = frozen(seen.row)
        row = hands.handler(seen.row, message)
        if frozen(row) == before:
            return Watched(row, seen.once, seen.twice)
        name = message.event_id
        twice = seen.twice | {name} if name in seen.once else seen.twice
        return Watched(row, seen.once | {name}, twice)

    def forget(seen: Watched) -> Watched:
        held = set(hands.held(seen.row))
        row = hands.forget(seen.row)
        gone = held - set(hands.held(row))
        return Watched(row, seen.once - gone, seen.twice)

    return replace(
        hands,
        handler=handler,
        forget=forget,
        initial=Watched(hands.initial),
        shows=lambda seen: (
            hands.shows(seen.row),
            tuple(sorted(seen.once)),
            len(seen.twice),
            len(hands.held(seen.row)),
        ),
    )


class _Found(Struct, frozen=True, kw_only=True):
    """Ends of watched rows, added up."""

    ends: Ends
    right: Any
    events: int

    @property
    def wrong(self) -> Fraction:
        return sum(
            (
                each.probability
                for each in self.ends.ends
                if frozen(self._state(each.state)) != frozen(self.right)
            ),
            Fraction(),
        )

    @property
    def orders(self) -> int:
        return self.ends.orders

    @property
    def scope(self) -> str:
        return self.ends.scope

    @property
    def wrong_orders(self) -> int | None:
        if not self.ends.exact or self.ends.chance != EVERY_ORDER.name:
            return None
        return int(self.wrong * self.orders)

    @property
    def interval(self) -> tuple[float, float]:
        if self.ends.exact:
            return float(self.wrong), float(self.wrong)
        return wilson(round(self.wrong * self.ends.runs), self.ends.runs)

    def mean(self, what: str) -> Fraction:
        """Return how many events were lost, doubled or stuck, on average."""
        return sum(
            (
                each.probability * self._count(each.state, what)
                for each in self.ends.ends
            ),
            Fraction(),
        )

    def _parts(self, state: Any) -> list[tuple[Any, tuple[str, ...], int, int]]:
        return list(state.values()) if isinstance(state, dict) else [state]

    def _state(self, state: Any) -> Any:
        if isinstance(state, dict):
            return {name: part[0] for name, part in state.items()}
        return state[0]

    def _count(self, state: Any, what: str) -> int:
        parts = self._parts(state)
        if what == "lost":
            return self.events - sum(len(once) for _, once, _, _ in parts)
        if what == "doubled":
            return sum(twice for _, _, twice, _ in parts)
        return sum(held for _, _, _, held in parts)


def _counted(  # noqa: PLR0917 - in the order of use
    drawn: Schedules, hands: Handling, right: Any, limit: int, runs: int, seed: int
) -> _Found:
    found = ends(drawn, watched(hands), right=right, limit=limit, runs=runs, seed=seed)
    return _Found(ends=found, right=right, events=len(drawn.messages))
