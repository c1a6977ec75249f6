"""Which id to take as the key: what each keeps in order, and what it costs.

What lives here: ``advise``.
The guarantee: every price is counted on the events that were given.
What it may not know: what an order, a user or a seller is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.workers.message import Message, messages
from esbench.workers.partitions import Spread, lane_of, partition, spread

if TYPE_CHECKING:
    import polars as pl


class Choice(Struct, frozen=True, kw_only=True):
    """What it means to take one of an event's ids as its key, measured on events.

    Attributes:
        key: the name of the choice; ``none`` is no key.
        keys: how many different keys there are.
        spread: how the events lie then.
        kept: for each kind of entity, the share whose events all lie in one partition,
            so that their order is kept whatever the readers do.
    """

    key: str
    keys: int
    spread: Spread
    kept: dict[str, Fraction]

    @property
    def price(self) -> str:
        """What the choice costs, in a sentence."""
        broken = [name for name, share in self.kept.items() if share < 1]
        parts = ["every order is kept"]
        if broken:
            parts = [f"events of one {' or '.join(broken)} can be handled out of order"]
        workers, speedup = len(self.spread.events), float(self.spread.speedup)
        parts.append(f"{workers} workers do the work of {speedup:.1f}")
        if self.spread.hot:
            hottest = self.spread.hot[0]
            parts.append(f"{hottest.key} alone is {float(hottest.share):.0%}")
        return "; ".join(parts)


class Advice(Struct, frozen=True, kw_only=True):
    """Every choice of a key with its price.

    Attributes:
        choices: one for each id that could be the key, ``none`` at the end.
    """

    choices: tuple[Choice, ...]

    def best(self, *ordered: str) -> Choice:
        """Return the evenest choice that keeps these entities' order.

        Raises:
            InvalidSchedule: no choice keeps them all.
        """
        fitting = [
            choice
            for choice in self.choices
            if all(choice.kept[name] == 1 for name in ordered)
        ]
        if not fitting:
            raise InvalidSchedule(
                f"no key keeps the order of {_listed(ordered)} together: "
                "ask for fewer, or take one partition"
            )
        return min(fitting, key=lambda choice: (choice.spread.skew, -choice.keys))

    def frame(self) -> pl.DataFrame:
        """Return one row a choice: key, keys, skew, a column an entity, price."""
        import polars as pl

        return pl.DataFrame(
            [
                {
                    "key": choice.key,
                    "keys": choice.keys,
                    "skew": float(choice.spread.skew),
                    **{f"{n}_in_order": float(s) for n, s in choice.kept.items()},
                    "price": choice.price,
                }
                for choice in self.choices
            ]
        )


def advise(
    events: Iterable[Any], ids: Mapping[str, Callable[[Message], str]], partitions: int
) -> Advice:
    """Return what each choice of a key keeps in order, and what it costs.

    Args:
        events: any events, in the order in which they are written.
        ids: the ids that an event has, such as order, user and seller: each a name
            and a function of a message that gives it.
        partitions: how many there are.
    """
    rows = messages(events)
    named: dict[str, list[str]] = {n: [get(r) for r in rows] for n, get in ids.items()}
    choices = [_choice(name, keys, named, partitions) for name, keys in named.items()]
    return Advice(choices=(*choices, _choice("none", None, named, partitions)))


def _choice(
    name: str, keys: list[str] | None, named: dict[str, list[str]], partitions: int
) -> Choice:
    turns = range(len(next(iter(named.values()), ())))
    lanes = [
        lane_of(None if keys is None else keys[turn], turn, partitions, partition)
        for turn in turns
    ]
    by_turn = [str(turn) for turn in turns]
    return Choice(
        key=name,
        keys=len(set(keys or ())),
        spread=spread(keys, partitions)
        if keys is not None
        else spread(by_turn, partitions, lambda turn, count: int(turn) % count),
        kept={entity: _in_one(ids, lanes) for entity, ids in named.items()},
    )


def _in_one(ids: list[str], lanes: list[int]) -> Fraction:
    """Return the share of entities whose events lie in one partition."""
    found: dict[str, set[int]] = defaultdict(set)
    for entity, lane in zip(ids, lanes, strict=True):
        found[entity].add(lane)
    return Fraction(sum(len(each) == 1 for each in found.values()), len(found) or 1)


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
