"""A ledger and a claim: what leads from the one to the other, told in words.

What lives here: ``Ledger``, the explanations of a claim as a stage shows them, and the
correction that follows if one of them is accepted.
The guarantee: explanations are those of ``esbench.analysis``, complete for one change;
each leads to the claim to the cent, and so does each draft.
What it may not know: widgets and browsers, how a log stores its events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from esbench.analysis.correction import Drafted, correction, unrecorded
from esbench.analysis.inverse import KINDS, Change, Moved, Ways, explained, units_of
from esbench.widgets.predictions import Answer, pick
from esbench.widgets.story import MINUS, Story, clip, quoted, show

NAMED = 8  # explanations that a stage shows; all are counted
NONE = "no single one"
VOUCHER = "voucher 1"


@dataclass(frozen=True, kw_only=True)
class Way:
    """One explanation of a claim.

    Attributes:
        label: what it says, such as "#123 missed".
        marks: the events that it changes, by index, and how.
        effects: what each change adds to the balance, by the same indices.
        draft: the events that make it true of the log.
        finding: the sum that leads to the claim.
    """

    label: str
    marks: dict[int, str]
    effects: dict[int, Decimal]
    draft: tuple[Drafted, ...]
    finding: str


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """An account's events and what somebody says the balance is."""

    story: Story
    claim: Decimal

    @property
    def who(self) -> str:
        """The account, on one line."""
        return clip(self.story.aggregate_id, 40)

    @property
    def balance(self) -> Decimal:
        """What the log says."""
        last: Decimal = self.story.levels[-1]
        return last

    @property
    def gap(self) -> Decimal:
        """Claim minus log."""
        return self.claim - self.balance

    @cached_property
    def booked(self) -> tuple[tuple[int, str, Decimal], ...]:
        """The transactions: the event's index, its id, and what it moves."""
        levels, events = self.story.levels, self.story.events
        return tuple(
            (at, clip(str(event.data["transaction_id"]), 20), levels[at + 1] - before)
            for at, event in enumerate(events)
            if event.data.get("transaction_id") and (before := levels[at]) is not None
        )

    @cached_property
    def moved(self) -> tuple[Moved, ...]:
        """The transactions as the search for explanations takes them."""
        days = [card.day for card in self.story.cards]
        return tuple(
            Moved(name, self._units(moves), days[at]) for at, name, moves in self.booked
        )

    @cached_property
    def ways(self) -> Ways:
        """All that explains the claim, by one change and by two."""
        return explained(self.moved, self._units(self.gap), NAMED)

    @cached_property
    def told(self) -> tuple[Way, ...]:
        """The explanations shown; a fact never recorded where there is none."""
        if not self.gap:
            return ()
        labels = [*([self.ways.stale] if self.ways.stale else []), *self.ways.named]
        pairs = list(zip(labels, self.ways.changes, strict=True))
        if not pairs:
            return (self._unrecorded(),)
        return tuple(
            self._way(place, label, changes)
            for place, (label, changes) in enumerate(pairs, start=1)
        )

    def _way(self, place: int, label: str, changes: tuple[Change, ...]) -> Way:
        effects = {self.booked[c.place][0]: self._amount(c.effect) for c in changes}
        count = self.ways.count
        start = f"Explanation {place} of {count:,}, " if count > 1 else "One way only, "
        return Way(
            label=label,
            marks={self.booked[c.place][0]: c.kind for c in changes},
            effects=effects,
            draft=correction([(name, m) for _, name, m in self.booked], changes),
            finding=f"{start}{label}: {self._sum(list(effects.values()))}.",
        )

    def _unrecorded(self) -> Way:
        return Way(
            label="a fact never recorded",
            marks={},
            effects={},
            draft=(unrecorded(self.gap, VOUCHER),),
            finding=f"No single change and no pair leads to {show(self.claim)}: "
            "was a fact never recorded?",
        )

    def _sum(self, effects: list[Decimal]) -> str:
        """Write how the log's balance becomes the claim."""
        terms = [f"{'+' if one > 0 else MINUS} {abs(one)}" for one in effects]
        if len(terms) > 3:
            total = sum(effects, Decimal(0))
            terms = [f"{'+' if total > 0 else MINUS} {abs(total)}"]
        return f"{show(self.balance)} {' '.join(terms)} = {show(self.claim)}"

    def _units(self, value: Decimal) -> int:
        return units_of(value, self._places)

    def _amount(self, units: int) -> Decimal:
        return Decimal(units).scaleb(-self._places)

    @property
    def _places(self) -> int:
        return -int(self.balance.as_tuple().exponent)

    # what is said

    @property
    def start(self) -> str:
        """The two numbers side by side."""
        if not self.gap:
            return f"The log and the claim agree about {self.who}: {show(self.claim)}."
        less = "less" if self.gap < 0 else "more"
        return (
            f"The log says {show(self.balance)} and the claim {show(self.claim)}: "
            f"{abs(self.gap)} {less}."
        )

    @property
    def question(self) -> str:
        """The one question."""
        return (
            f"Which one mistake leads from {show(self.balance)} to the claimed "
            f"{show(self.claim)}?"
        )

    def answers(self) -> tuple[Answer, ...]:
        """Give four answers to the question, the right one first."""
        single = [way.label for way in self.told if len(way.marks) == 1]
        return pick(single[0] if single else NONE, self._slips())

    def _slips(self) -> Iterator[Answer]:
        names = [name for _, name, _ in self.booked]
        for kind, factor in zip(KINDS[:3], (-1, 1, -2), strict=True):
            for name, (_, _, moves) in zip(names, self.booked, strict=True):
                other = self.balance + factor * moves
                if other not in (self.claim, self.balance):
                    yield f"{name} {kind}", f"that gives {show(other)}"
        if any(len(way.marks) == 1 for way in self.told):
            yield NONE, "try each transaction, missed or taken twice"
        for kind in KINDS:
            yield f"the opening {kind}", "an opening is no transaction"

    def kept(self, way: Way) -> str:
        """Say what follows if the voucher backs the log."""
        papers = "The papers back the log" if way.marks else "No paper proves it"
        return f"{papers}: {show(self.balance)} stands, and the claim is wrong."

    def drafted(self, way: Way) -> str:
        """Say what follows if the voucher backs the claim."""
        count = len(way.draft)
        events = "one event" if count == 1 else f"{count} events"
        now = f"the balance becomes {show(self.claim)}"
        return f"Append {events}, edit nothing: {now}."

    # the lines of Python

    @property
    def python_balance(self) -> str:
        """The line that gives the log's balance."""
        return f"bank.Account.hydrate(log, {quoted(self.story.aggregate_id)}).balance"

    @property
    def python_ways(self) -> str:
        """The line that gives the explanations."""
        name = quoted(self.story.aggregate_id)
        return f'analysis.explain_claim(log, {name}, "{self.claim}")'

    @property
    def python_trail(self) -> str:
        """The line that gives the audit trail."""
        return f"analysis.explain(log, {quoted(self.story.aggregate_id)})"

    def python_draft(self, way: Way) -> str:
        """Give the line that appends the correction."""
        events = ", ".join(_written(event) for event in way.draft)
        name, version = quoted(self.story.aggregate_id), self.story.events[-1].version
        return f"log.append({name}, [{events}], expected_version={version})"


def _written(event: Drafted) -> str:
    """Write an event as Python makes it."""
    values = ((name, getattr(event, name)) for name in event.__struct_fields__)
    given = [
        f"{name}={quoted(str(value))}" for name, value in values if value is not None
    ]
    return f"bank.{type(event).__name__}({', '.join(given)})"
