"""The reconciliation stage: a ledger, a claim, and what leads from one to the other.

What lives here: ``Reconciliation`` and the table that its script looks things up in.
The guarantee: explanations, sums, sentences and drafted corrections are computed in
Python, by ``esbench.analysis``; the browser looks up, draws and moves. A correction is
drafted and never appended.
What it may not know: how a log stores its events.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import traitlets as t

from esbench.analysis.claims import claims_of
from esbench.analysis.correction import Drafted
from esbench.lessons.letters import shuffled
from esbench.widgets import sources
from esbench.widgets.ledger import Ledger, Way
from esbench.widgets.stage import Stage, script
from esbench.widgets.story import amount, clip, show

LOG, CLAIM = "log", "claim"  # whom the papers back
CARDS = 6  # cards at each end of a long ledger


class Reconciliation(Stage):
    """Cards, a staircase, a line at the claimed balance, and its explanations.

    Attributes:
        verdicts: whom the papers back, "log" or "claim", by the explanation's place.
    """

    _esm = script("reconciliation.js")

    verdicts = t.Dict(key_trait=t.Unicode(), value_trait=t.Enum([LOG, CLAIM])).tag(
        sync=True
    )

    shown_traits: ClassVar[tuple[str, ...]] = ("verdicts", *Stage.shown_traits)

    def __init__(self, ledger: Ledger, **traits: Any) -> None:
        self._ledger = ledger
        super().__init__(**traits)
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {**ledger_table(ledger), "letters": shuffles}

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        last = len(self._ledger.told)
        if not 0 <= proposal["value"] <= last:
            raise t.TraitError(f"at is {proposal['value']}; it goes from 0 to {last}")
        return int(proposal["value"])

    @property
    def verdict(self) -> str:
        """Whom the papers back at this place; "" as long as nobody looked."""
        return str(self.verdicts.get(str(self.at), "")) if self.at else ""

    @property
    def way(self) -> Way | None:
        """The explanation shown."""
        return self._ledger.told[self.at - 1] if self.at else None

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        if self.asking:
            return self._ledger.question
        return said(self._ledger, self.way)[self.verdict]

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        return lines(self._ledger, self.way)[self.verdict]

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffle of the one question for one seed."""
        return [[shuffled(self._ledger.question, seed)]]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.ledger_pictures import reconciliation_png

        return reconciliation_png(
            self._ledger,
            self.way,
            self.verdict,
            finding=self.finding,
            python=self.python,
        )


def said(ledger: Ledger, way: Way | None) -> dict[str, str]:
    """Give the sentence for each verdict on an explanation."""
    if way is None:
        return {"": ledger.start}
    return {"": way.finding, LOG: ledger.kept(way), CLAIM: ledger.drafted(way)}


def lines(ledger: Ledger, way: Way | None) -> dict[str, str]:
    """Give the line of Python for each verdict on an explanation."""
    if way is None:
        return {"": ledger.python_balance}
    return {
        "": ledger.python_ways,
        LOG: ledger.python_trail,
        CLAIM: ledger.python_draft(way),
    }


def ledger_table(ledger: Ledger) -> dict[str, Any]:
    """Give what the script needs of a ledger, as JSON's own types."""
    story, total = ledger.story, len(ledger.story.events)
    ends = {*range(min(CARDS, total)), *range(max(total - CARDS, 0), total)}
    shown = sorted(ends.union(*(way.marks for way in ledger.told)))
    names = {at: name for at, name, _ in ledger.booked}
    return {
        "title": f"{clip(story.aggregate_id)}, {amount(total, 'event')}",
        "who": ledger.who,
        "total": total,
        "cards": {at: _card(ledger, at) for at in shown},
        "names": [names.get(at, "") if at in shown else "" for at in range(total)],
        "values": [float(level) for level in story.levels[1:]],
        "balance": show(ledger.balance),
        "claim": float(ledger.claim),
        "claimed": show(ledger.claim),
        "said": said(ledger, None),
        "python": lines(ledger, None),
        "ways": [_way_table(ledger, way) for way in ledger.told],
        "question": ledger.question,
        "answers": ledger.answers(),
    }


def _card(ledger: Ledger, at: int) -> list[Any]:
    card, levels = ledger.story.cards[at], ledger.story.levels
    change = levels[at + 1] - (levels[at] or 0)
    moves = f"{'+' if change >= 0 else ''}{show(change)}"
    name = next((name for place, name, _ in ledger.booked if place == at), "")
    noun = ledger.story.noun(at)
    return [card.type, card.version, name, moves, card.when, card.mark, noun]


def _way_table(ledger: Ledger, way: Way) -> dict[str, Any]:
    return {
        "label": way.label,
        "marks": way.marks,
        "effects": {at: float(effect) for at, effect in way.effects.items()},
        "draft": [_draft(event) for event in way.draft],
        "said": said(ledger, way),
        "python": lines(ledger, way),
    }


def _draft(event: Drafted) -> list[Any]:
    """Give a drafted event as a card: type, id, moves as text and number, noun."""
    moves = moves_of(event)
    written = f"{'+' if moves >= 0 else ''}{show(moves)}"
    kind, name = type(event).__name__, clip(event.transaction_id)
    return [kind, name, written, float(moves), sources.NOUNS[kind]]


def moves_of(event: Drafted) -> Decimal:
    """Return what a drafted event adds to the balance."""
    is_out = type(event).__name__ == "MoneyWithdrawn"
    return -event.amount if is_out else event.amount


def reconciliation(
    log: Any = None,
    aggregate_id: str = "ben",
    claim: Decimal | str | int = "300.00",
    *,
    seed: int = 0,
    predict: bool = True,
) -> Reconciliation:
    """Return the stage on which a claim is held against an account's events.

    Args:
        log: a log of the bank, or a past of one; the story of Ben unless given.
        aggregate_id: the account.
        claim: the balance that somebody says it has.
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked before an explanation is shown.

    Raises:
        NotFound: no such account, or not yet in that past.
        UnclearExtract: a claim that is no amount.
    """
    from esbench.domains import bank

    told = sources.ben_log() if log is None else log
    story = sources.story_of(told, aggregate_id, bank.Account)
    claimed = claims_of({aggregate_id: claim}).frame["claimed"][0]
    return Reconciliation(
        Ledger(story=story, claim=claimed), seed=seed, predict=predict
    )
