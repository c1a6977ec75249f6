"""Inverse reconciliation: which changes to an account's events explain a claim.

What lives here: ``explained``: from what each transaction moves and the gap between a
claim and the log to every single change, and every pair, that closes the gap.
The guarantee: exact and complete for one and two changes of the kinds below, each of
another transaction; counts are exact even where only the first are named. Amounts are
compared as whole numbers of the smallest unit.
What it may not know: logs, frames, files.

The kinds of change, as bookkeeping makes them:

    missed           the transaction was left out
    doubled          it was taken twice
    wrong sign       it was taken the other way round
    digits swapped   two neighbouring digits of its amount changed places

That two transactions change places is no kind of its own: a sum is the same in any
order. A claim that is the balance after an earlier transaction is told apart: it is
stale, and everything behind that one is missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import combinations, combinations_with_replacement, islice

from msgspec import Struct

MISSED, DOUBLED, SIGN, DIGITS = "missed", "doubled", "wrong sign", "digits swapped"
KINDS = (MISSED, DOUBLED, SIGN, DIGITS)
NAMED = 10  # explanations that are named; all are counted


class Moved(Struct, frozen=True):
    """A transaction, by what it moves.

    Attributes:
        name: its id.
        units: what it adds, as a whole number of the smallest unit.
        day: the day on which it was recorded.
    """

    name: str
    units: int
    day: str = ""


class Change(Struct, frozen=True):
    """One change to one transaction, and what it adds to the balance."""

    place: int
    kind: str
    effect: int


class Ways(Struct, frozen=True, kw_only=True):
    """All ways to a claim, by one change and by two.

    Attributes:
        singles: how many single changes explain the claim.
        pairs: how many pairs do.
        named: the first of them in words, single ones first.
        stale: the transaction after which the claim was right; "" if it never was.
        changes: what each of them changes: of a stale claim first, then of those named.
    """

    singles: int
    pairs: int
    named: tuple[str, ...]
    stale: str = ""
    changes: tuple[tuple[Change, ...], ...] = ()

    @property
    def count(self) -> int:
        """How many explanations there are in all."""
        return self.singles + self.pairs + bool(self.stale)

    def __str__(self) -> str:
        """Say what explains the claim, whether it is the only way, or that none is."""
        if not self.count:
            return (
                "no single change and no pair explains it: was a fact never recorded?"
            )
        told = [self.stale] if self.stale else []
        shown = [*told, *self.named]
        text = "; or ".join(shown)
        rest = self.count - len(shown)
        if rest:
            text += f"; and {rest:,} more"
        if self.count == 1:
            return f"{text} (the only explanation)"
        return f"{text} ({self.count:,} explanations fit: look at the vouchers)"


def explained(moved: Sequence[Moved], gap: int, named: int = NAMED) -> Ways:
    """Return which changes of the transactions add ``gap`` to their sum.

    Args:
        moved: the transactions, in the order in which they were recorded.
        gap: claim minus log, in the smallest unit; zero has nothing to explain.
        named: how many explanations are put into words.
    """
    if gap == 0:
        return Ways(singles=0, pairs=0, named=())
    changes = [one for place, each in enumerate(moved) for one in _changes(place, each)]
    single = [one for one in changes if one.effect == gap]
    pairs = _count(changes, gap)
    ways: list[tuple[Change, ...]] = [(one,) for one in _by_kind(single)[:named]]
    ways += islice(_pairs(changes, gap), named - len(ways))
    behind = _behind(moved, gap)
    return Ways(
        singles=len(single),
        pairs=pairs,
        named=tuple(_said(moved, way) for way in ways),
        stale=_stale(moved, behind),
        changes=(*([behind] if behind else []), *map(_in_order, ways)),
    )


def _changes(place: int, moved: Moved) -> Iterator[Change]:
    """Yield what may have happened to one transaction."""
    units = moved.units
    if not units:
        return
    yield Change(place, MISSED, -units)
    yield Change(place, DOUBLED, units)
    yield Change(place, SIGN, -2 * units)
    sign = 1 if units > 0 else -1
    for written in sorted(_slips(abs(units))):
        yield Change(place, DIGITS, sign * written - units)


def _slips(units: int) -> set[int]:
    """Return an amount with two neighbouring digits swapped; none begins with 0.

    >>> sorted(_slips(5400))
    [4500, 5040]
    """
    digits = str(units)
    found = set()
    for at in range(len(digits) - 1):
        first, second = digits[at], digits[at + 1]
        if first != second and not (at == 0 and second == "0"):
            found.add(int(digits[:at] + second + first + digits[at + 2 :]))
    return found


def _by_kind(changes: Sequence[Change]) -> list[Change]:
    return sorted(changes, key=lambda one: (KINDS.index(one.kind), one.place))


def _count(changes: Sequence[Change], gap: int) -> int:
    """Count the pairs of changes of different transactions that add up to the gap."""
    effects = Counter(one.effect for one in changes)
    ordered = sum(count * effects[gap - effect] for effect, count in effects.items())
    if gap % 2 == 0:
        ordered -= effects[gap // 2]
    return ordered // 2 - _within(changes, gap)


def _within(changes: Sequence[Change], gap: int) -> int:
    """Count the pairs that change one transaction twice, which is no explanation."""
    groups: dict[int, list[int]] = {}
    for one in changes:
        groups.setdefault(one.place, []).append(one.effect)
    return sum(
        a + b == gap for group in groups.values() for a, b in combinations(group, 2)
    )


def _pairs(changes: Sequence[Change], gap: int) -> Iterator[tuple[Change, Change]]:
    """Yield the pairs that explain the gap, the plain kinds first."""
    by_kind: dict[str, dict[int, list[Change]]] = {kind: {} for kind in KINDS}
    for one in changes:
        by_kind[one.kind].setdefault(one.effect, []).append(one)
    kinds = sorted(
        combinations_with_replacement(KINDS, 2),
        key=lambda two: (sum(map(KINDS.index, two)), two[0] != two[1]),
    )
    for first, second in kinds:
        for one in changes:
            if one.kind != first:
                continue
            for other in by_kind[second].get(gap - one.effect, ()):
                if _is_pair(one, other, alike=first == second):
                    yield one, other


def _is_pair(one: Change, other: Change, *, alike: bool) -> bool:
    return one.place < other.place if alike else one.place != other.place


def _said(moved: Sequence[Moved], changes: Sequence[Change]) -> str:
    """Return one explanation in words."""
    ordered = _in_order(changes)
    names = [moved[one.place].name for one in ordered]
    kinds = [one.kind for one in ordered]
    if len(set(kinds)) == 1:
        return f"{' and '.join(names)} {kinds[0]}"
    return " and ".join(
        f"{name} {kind}" for name, kind in zip(names, kinds, strict=True)
    )


def _in_order(changes: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda one: one.place))


def _stale(moved: Sequence[Moved], behind: Sequence[Change]) -> str:
    """Say after which transaction the claim was right."""
    if not behind:
        return ""
    before = moved[behind[0].place - 1]
    day = f" on {before.day}" if before.day else ""
    return f"stale: right after {before.name}{day}, {len(behind)} later ones missed"


def _behind(moved: Sequence[Moved], gap: int) -> tuple[Change, ...]:
    """Return that all the last transactions were missed, if these are two or more."""
    behind = 0
    for place in range(len(moved) - 1, 0, -1):
        behind += moved[place].units
        if -behind == gap and place < len(moved) - 1:
            rest = range(place, len(moved))
            return tuple(Change(at, MISSED, -moved[at].units) for at in rest)
    return ()


def units_of(value: Decimal | int, places: int) -> int:
    """Return a number as a whole number of its smallest unit.

    >>> units_of(Decimal("300.00"), 2)
    30000
    """
    return int(Decimal(value).scaleb(places))
