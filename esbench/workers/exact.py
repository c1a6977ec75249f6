"""How every order ends: exact where it can be counted, sampled and said so elsewhere.

What lives here: ``ends``, which counts on the lattice; ``listed``, which goes through
all orders one by one; and ``Ends``, what either finds.
The guarantee: an exact answer is a ``Fraction`` and equal to that of listing every
order. Where a handler has too many states for that, the answer says "sampled" in its
scope, with the number of runs and a 95 % interval; it is never passed off as exact.
What it may not know: fixes, domains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import inf, prod, sqrt
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.errors import InvalidSchedule, TooLarge
from esbench.workers.handling import Handler, Handling
from esbench.workers.lattice import LIMIT, Counts, Rows, Weight, reached
from esbench.workers.message import frozen, plain
from esbench.workers.schedules import Move, Schedules, many

if TYPE_CHECKING:
    import polars as pl

RUNS = 10_000
LISTED = 40_000
Interval = tuple[float, float]
Z = 1.959963984540054  # 95 % of a normal distribution lie within so many deviations


class End(Struct, frozen=True, kw_only=True):
    """One way in which it can end.

    Attributes:
        state: what the row shows; of several aggregates, a dict by id.
        probability: how likely it is, exact or as sampled.
        orders: how many orders end so, where each order is alike and was counted.
        right: whether it should end so.
    """

    state: Any
    probability: Fraction
    orders: int | None
    right: bool


class Ends(Struct, frozen=True, kw_only=True):
    """How schedules end.

    Attributes:
        ends: the likeliest first, the right one before others that are as likely.
        right: the state that should be there.
        orders: how many orders there are.
        scope: "proved for all N interleavings", or "sampled, n runs, seed s".
        chance: what random means here.
        pairs: how many pairs of point and state were counted; 0 if sampled.
        runs: how many orders were sampled; 0 if all were counted.
    """

    ends: tuple[End, ...]
    right: Any
    orders: int
    scope: str
    chance: str
    pairs: int = 0
    runs: int = 0

    @property
    def exact(self) -> bool:
        """Whether every order was counted."""
        return not self.runs

    @property
    def wrong(self) -> Fraction:
        """The probability of any end but the right one."""
        return sum((e.probability for e in self.ends if not e.right), Fraction())

    @property
    def wrong_orders(self) -> int | None:
        """How many orders end wrong; None unless they are alike and were counted."""
        if not self.exact or any(each.orders is None for each in self.ends):
            return None
        return sum(each.orders or 0 for each in self.ends if not each.right)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the probability of a wrong end lies with 95 % confidence.

        Both ends are the probability itself where it is exact.
        """
        if self.exact:
            return float(self.wrong), float(self.wrong)
        return wilson(round(self.wrong * self.runs), self.runs)

    def frame(self) -> pl.DataFrame:
        """Return the ends as rows.

        Columns: state (text), right, probability (float), exact (text: the fraction,
        or null if sampled), orders (text, since it may be longer than 64 bits).
        """
        import polars as pl

        rows = [
            (
                str(each.state),
                each.right,
                float(each.probability),
                str(each.probability) if self.exact else None,
                None if each.orders is None else str(each.orders),
            )
            for each in self.ends
        ]
        names = {
            "state": pl.String,
            "right": pl.Boolean,
            "probability": pl.Float64,
            "exact": pl.String,
            "orders": pl.String,
        }
        return pl.DataFrame(rows, schema=names, orient="row")

    def __repr__(self) -> str:
        """Say how often it ends wrong, and how that is known."""
        return f"Ends({self.says})"

    @property
    def says(self) -> str:
        """One sentence: how often it ends wrong, and how that is known."""
        share = f"wrong with probability {self.wrong}"
        if not self.exact:
            low, high = self.interval
            share = f"wrong in about {float(self.wrong):.3f} ({low:.3f} to {high:.3f})"
        elif self.wrong_orders is not None:
            share = f"{many(self.wrong_orders)} of {many(self.orders)} orders end wrong"
        return f"{share}, {self.chance}, {self.scope}"


def ends(
    schedules: Schedules,
    handler: Handler | Handling,
    *,
    right: Any = None,
    limit: int = LIMIT,
    runs: int = RUNS,
    seed: int = 1,
) -> Ends:
    """Return how schedules end: exact if it can be counted, else sampled.

    Args:
        schedules: the queues, what may happen, and what random means.
        handler: a function that gives the row after a message, or a handling; it is
            called once for each row and message.
        right: the state that should be there; of several aggregates, a dict by id.
            Unless said it is what the handler itself makes of all events in order.
        limit: how many pairs of point and state may be counted.
        runs: how many orders are drawn where that is not enough.
        seed: for the draws.

    >>> from esbench.workers import schedules
    >>> ends(schedules([[1], [2], [3]]), lambda row, message: message.version).wrong
    Fraction(2, 3)
    """
    rows = Rows(schedules, handler)
    wanted = in_order(schedules, rows) if right is None else right
    latencies = schedules.chance.latencies
    if latencies is not None and latencies.kind == "given":
        return _raced(schedules, rows, wanted, runs, seed)
    try:
        counts, pairs = reached(schedules, rows, limit=limit)
    except TooLarge:
        return _sampled(schedules, rows, wanted, runs, seed)
    return summed(schedules, counts, pairs, rows, wanted)


def listed(
    schedules: Schedules,
    handler: Handler | Handling,
    *,
    right: Any = None,
    limit: int = LISTED,
) -> Ends:
    """Return the same by going through every order, one by one.

    It is slow and plain, and there to check ``ends`` by.

    Args:
        schedules: with every order alike or every worker alike, or an exponential race.
        handler: a function or a handling.
        right: the state that should be there.
        limit: how many orders there may be.

    Raises:
        TooLarge: there are more.
    """
    if schedules.count > limit:
        raise TooLarge(
            f"{schedules.count:,} orders are more than {limit:,}: raise limit=, or "
            "count them with ends()",
            limit,
        )
    rows = Rows(schedules, handler)
    wanted = in_order(schedules, rows) if right is None else right
    counts: Counts = {}
    for order in schedules.orders():
        state = performed(schedules, rows, order)
        counts[state] = counts.get(state, 0) + _likelihood(schedules, order)
    return summed(schedules, counts, 0, rows, wanted)


def in_order(schedules: Schedules, rows: Rows) -> Any:
    """Return what a handler shows after all events in order, each once.

    Raises:
        InvalidSchedule: it never shows anything, as one does that forgets ``return``.
    """
    state = rows.first
    rows_then: set[Any] = set()
    for message in schedules.messages:
        state = rows.write(state, message)
        rows_then.update(frozen(each) for each in rows.rows(state))
    if rows_then == {frozen(None)}:
        raise InvalidSchedule(
            f"{rows.handling.name} gives None after every event, so that nothing could "
            "be wrong: does it return the row?"
        )
    return rows.shown(state)


def performed(schedules: Schedules, rows: Rows, order: Iterable[Move]) -> int:
    """Return the state after an order."""
    state = rows.first
    for move in order:
        state = rows.effect(move.kind, schedules.message(move))(state)
    return state


def summed(
    schedules: Schedules,
    counts: Counts,
    pairs: int,
    rows: Rows,
    right: Any,
) -> Ends:
    """Return what counts say, each end with its share of all.

    Args:
        schedules: what was counted.
        counts: the weight of each state.
        pairs: how many pairs of point and state there were.
        rows: what the states are.
        right: what should be shown.
    """
    alike = schedules.chance.name == "every order alike"
    orders = int(sum(counts.values())) if alike else schedules.count
    return Ends(
        ends=_ends(counts, rows, right, alike=alike),
        right=right,
        orders=orders,
        scope=_proved(orders),
        chance=schedules.chance.name,
        pairs=pairs,
    )


def _proved(orders: int) -> str:
    if orders == 1:
        return "proved for the only interleaving"
    return f"proved for all {many(orders)} interleavings"


def _ends(counts: Counts, rows: Rows, right: Any, *, alike: bool) -> tuple[End, ...]:
    total = sum(counts.values())
    merged: dict[Any, tuple[Any, Weight]] = {}
    for state, count in counts.items():
        shown = rows.shown(state)
        key = frozen(shown)
        merged[key] = shown, merged.get(key, (shown, 0))[1] + count
    found = [
        End(
            state=shown,
            probability=Fraction(count) / total,
            orders=int(count) if alike else None,
            right=key == frozen(right),
        )
        for key, (shown, count) in merged.items()
    ]
    return tuple(sorted(found, key=_first))


def _first(end: End) -> tuple[Any, ...]:
    return -end.probability, not end.right, str(plain(end.state))


def _likelihood(schedules: Schedules, order: tuple[Move, ...]) -> Weight:
    """Return the probability of an order, or 1 where all are alike."""
    latencies, point, found = schedules.chance.latencies, schedules.start, Fraction(1)
    if schedules.chance.name == "every order alike":
        return 1
    for move in order:
        speeds = {
            each: 1
            if latencies is None
            else 1
            / latencies.mean(schedules.workers[each.lane], schedules.message(each).type)
            for each in schedules.moves(point)
        }
        found *= Fraction(speeds[move]) / sum(speeds.values())
        point = schedules.after(point, move)
    return found


# --- sampled ---------------------------------------------------------------------


def _sampled(
    schedules: Schedules, rows: Rows, right: Any, runs: int, seed: int
) -> Ends:
    dice, counts = Random(seed), dict[int, Weight]()
    for _ in range(runs):
        state = performed(schedules, rows, schedules.drawn(dice))
        counts[state] = counts.get(state, 0) + 1
    return Ends(
        ends=_ends(counts, rows, right, alike=False),
        right=right,
        orders=schedules.count,
        scope=f"sampled, {runs:,} runs, seed {seed}",
        chance=schedules.chance.name,
        runs=runs,
    )


def _raced(schedules: Schedules, rows: Rows, right: Any, runs: int, seed: int) -> Ends:
    """Return how a race with given times ends: all of them tried if they are few."""
    tries = prod(len(_latencies(schedules, move)) for move in _all_moves(schedules))
    if tries > LISTED:
        return _sampled(schedules, rows, right, runs, seed)
    counts: Counts = {}
    for number in range(tries):
        dice = _Scripted(number)
        state = performed(schedules, rows, (move for _, move in schedules.timed(dice)))
        counts[state] = counts.get(state, 0) + 1
    return Ends(
        ends=_ends(counts, rows, right, alike=False),
        right=right,
        orders=schedules.count,
        scope=f"proved for all {tries:,} combinations of the given times",
        chance=schedules.chance.name,
    )


def _all_moves(schedules: Schedules) -> list[Move]:
    return [
        Move(lane, place)
        for lane, queue in enumerate(schedules.queues)
        for place in range(len(queue))
    ]


def _latencies(schedules: Schedules, move: Move) -> tuple[Fraction, ...]:
    latencies = schedules.chance.latencies
    assert latencies is not None, "a race has latencies"
    return latencies.of(schedules.workers[move.lane], schedules.message(move).type)


class _Scripted(Random):
    """Dice that fall as written: digit by digit of one number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number

    def randrange(self, start: int, *_: Any) -> int:
        """Return the next digit, to the base that is asked for."""
        self.left, digit = divmod(self.left, start)
        return digit


def ratio(tops: Sequence[int], bottoms: Sequence[int]) -> tuple[float, Interval]:
    """Return the ratio of two sums over runs, and where it lies with 95 % confidence.

    The interval takes runs to be independent and many; of a single one there is none,
    and both ends are infinitely far.

    Args:
        tops: what is divided, a number for each run.
        bottoms: what it is divided by, one for each run, as whole numbers above 0.
    """
    runs, total = len(tops), sum(bottoms)
    found = sum(tops) / total
    if runs < 2:
        return found, (-inf, inf)
    off = (top - found * below for top, below in zip(tops, bottoms, strict=True))
    reach = Z * sqrt(sum(each * each for each in off) * runs / (runs - 1)) / total
    return found, (found - reach, found + reach)


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, after Wilson; sound near 0 and 1 too.

    Args:
        hits: how often it was so.
        runs: out of how many.
    """
    share, square = hits / runs, Z * Z
    middle = share + square / (2 * runs)
    reach = Z * sqrt(share * (1 - share) / runs + square / (4 * runs * runs))
    scale = 1 + square / runs
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
