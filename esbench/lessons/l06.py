"""Lesson 06: a claim is explained, a cache repaired, a missing fact appended.

What lives here: its prediction and its three exercises, as data.
The guarantee: what is right is computed from the states and amounts that the lesson
hands over, or by the solutions below.
What it may not know: notebooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from esbench.domains import bank
from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction

NAMES = {"bank": bank, "Decimal": Decimal}

# --- 06.1: what does a comparison of two objects say? -----------------------------

States = Mapping[str, Any]


def _question(cached: States, _: States) -> str:
    return (
        f"The cache holds {len(cached)} accounts. For how many of them does "
        "'recomputed is not cached' hold?"
    )


def _options(cached: States, recomputed: States) -> Iterator[Option]:
    total = len(cached)
    differ = sum(cached.get(key) != state for key, state in recomputed.items())
    others = sum(cached.get(key) is not state for key, state in recomputed.items())
    yield (
        f"{others}",
        "right: a state made anew is another object each time, also where it is equal.",
    )
    yield (
        f"{differ}",
        (
            "so many differ in value. The comparison asks something else: whether both "
            "names stand for the same object in memory."
        ),
    )
    yield (
        f"{total - differ}",
        "so many are equal in value, and the comparison does not look at values.",
    )
    yield "0", "none would be repaired then, and the stale one would stay."
    for more in range(total + 1, total + 4):
        yield f"{more}", "there are not that many accounts."


SAME = Prediction(number="06.1", minutes=1, question=_question, options=_options)

# --- 06.2: which copies are stale? -----------------------------------------------


def _stale(body: str) -> str:
    return f"def stale(cached, recomputed):\n    {body}"


def _stale_trials() -> list[Trial]:
    pairs: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"a": "5.00", "b": "6.00"}, {"a": "5.00", "b": "5.00"}),
        ({"a": "5.00"}, {"a": "5.0"}),
        ({"a": "5.00", "b": "6.00"}, {"a": "5.00", "b": "6.00"}),
        ({"a": "5.00"}, {"a": "5.00", "c": "6.00"}),
        ({}, {"c": "6.00", "a": "5.00"}),
        ({"b": "6.00", "a": "6.00"}, {"c": "6.00", "b": "5.00", "a": "6.00"}),
        ({"a": "10.00"}, {"a": "9.00", "z": "0.00"}),
        ({"a": "5.00"}, {"a": "6.00"}),
    ]
    return [(_amounts(cached), _amounts(recomputed)) for cached, recomputed in pairs]


def _amounts(texts: Mapping[str, str]) -> dict[str, Decimal]:
    """Make each amount an object of its own, as those that a log makes are."""
    return {key: Decimal(text) for key, text in texts.items()}


STALE = Exercise(
    number="06.2",
    minutes=3,
    asks="stale",
    stub=_stale("raise NotImplementedError  # your turn"),
    solution=_stale(
        "return sorted(k for k, v in recomputed.items() if cached.get(k) != v)"
    ),
    praise="values are compared, and what the cache has never seen counts as stale.",
    hints=(
        "Go through what the log says, and look up what the cache has for each.",
        "!= compares values; 'is not' compares places in memory.",
        (
            "cached.get(key) gives None where the cache has nothing, and None differs "
            "from every balance. Collect the ids, then sort them."
        ),
    ),
    mistakes=(
        Mistake(
            code=_stale("return sorted(recomputed)"),
            hint="this repairs every account, stale or not; with 'is not' it comes to "
            "the same, because each state is a new object: compare values.",
        ),
        Mistake(
            code=_stale(
                "return sorted(k for k in cached if cached[k] != recomputed[k])"
            ),
            hint="an account that the cache has never seen is stale, too: go through "
            "what the log says.",
        ),
        Mistake(
            code=_stale(
                "return sorted(k for k, v in recomputed.items() if cached.get(k) == v)"
            ),
            hint="these are the accounts that agree; asked for are the others.",
        ),
        Mistake(
            code=_stale(
                "return sorted(k for k, v in recomputed.items()"
                " if str(cached.get(k)) != str(v))"
            ),
            hint="5.0 and 5.00 are the same amount, written differently: compare "
            "numbers, not texts.",
        ),
        Mistake(
            code=_stale(
                "return sorted(k for k, v in recomputed.items()"
                " if cached.get(k, v) < v)"
            ),
            hint="a cache can be too high as well as too low.",
        ),
        Mistake(
            code=_stale(
                "return sorted(k for k, v in recomputed.items() if cached[k] != v)"
            ),
            hint="the cache may lack an account, and then [ ] stops with a KeyError: "
            "look it up in a way that gives None.",
        ),
        Mistake(
            code=_stale(
                "return [k for k, v in recomputed.items() if cached.get(k) != v]"
            ),
            hint="these are the right accounts; they are asked for in order.",
        ),
        Mistake(
            code=_stale(
                "return [k for k, v in recomputed.items() if v is not cached.get(k)]"
            ),
            hint="that is the recipe: 'is not' asks for places in memory, and two "
            "equal states have two of them.",
        ),
        Mistake(
            code=_stale(
                "return sorted(k for k, v in recomputed.items()"
                " if cached.get(k, 0) != v)"
            ),
            hint="an account that the cache has never seen is not one with 0.00 in it.",
        ),
        Mistake(
            code=_stale("return cached != recomputed"),
            hint="that says whether anything is stale; asked for are the ids.",
        ),
    ),
    trials=_stale_trials,
    names=NAMES,
)

# --- 06.3: inverse reconciliation, for one missed transaction ---------------------


def _missed(body: str) -> str:
    return f"def missed(opening, moves, claim):\n    {body}"


TOTAL = "balance = opening + sum(moves.values())\n    "


def _missed_trials() -> list[Trial]:
    def amounts(**moves: int) -> dict[str, Decimal]:
        return {name: Decimal(f"{units}.00") for name, units in moves.items()}

    ben = amounts(t123=200, t456=300, t789=-500)
    return [
        (Decimal("500.00"), ben, Decimal("300.00")),
        (Decimal("500.00"), ben, Decimal("200.00")),
        (Decimal("500.00"), ben, Decimal("1000.00")),
        (Decimal("500.00"), ben, Decimal("700.00")),
        (Decimal("500.00"), ben, Decimal("411.11")),
        (Decimal("0.00"), amounts(a=50, b=50, c=-20), Decimal("30.00")),
        (Decimal("10.00"), amounts(a=40, b=-40), Decimal("50.00")),
    ]


MISSED = Exercise(
    number="06.3",
    minutes=4,
    asks="missed",
    stub=_missed("raise NotImplementedError  # your turn"),
    solution=_missed(
        f"{TOTAL}return [name for name, moved in moves.items()"
        " if balance - moved == claim]"
    ),
    praise="each transaction is left out in turn; those that lead to the claim stay.",
    hints=(
        "First the balance with everything; then what it would be without one.",
        "Without a transaction the balance is lower by what it moves.",
        (
            "moves.items() gives each id and what it moves; keep the id if taking that "
            "away from the balance leads to the claim."
        ),
    ),
    mistakes=(
        Mistake(
            code=_missed(
                f"{TOTAL}return [n for n, m in moves.items() if balance + m == claim]"
            ),
            hint="that finds what was taken twice; without a transaction the balance "
            "changes the other way.",
        ),
        Mistake(
            code=_missed(
                f"{TOTAL}return [n for n, m in moves.items()"
                " if abs(m) == abs(claim - balance)]"
            ),
            hint="the size fits, but not always the sign: a missed withdrawal raises "
            "the balance, a missed deposit lowers it.",
        ),
        Mistake(
            code=_missed(
                "return [n for n, m in moves.items() if opening - m == claim]"
            ),
            hint="you begin with the opening alone; the claim lacks one transaction, "
            "and holds all the others.",
        ),
        Mistake(
            code=_missed(
                f"{TOTAL}return [m for m in moves.values() if balance - m == claim]"
            ),
            hint="the right transactions; give their ids, and not what they move.",
        ),
        Mistake(
            code=_missed("return [n for n, m in moves.items() if m == claim]"),
            hint="you compare one amount with the whole balance; compare what the "
            "balance would be without it.",
        ),
        Mistake(
            code=_missed(
                f"{TOTAL}return [n for n, m in moves.items() if balance - m == claim]"
                "[:1]"
            ),
            hint="when two transactions fit, both are to be looked at: give all.",
        ),
        Mistake(
            code=_missed(
                "balance = sum(moves.values())\n    "
                "return [n for n, m in moves.items() if balance - m == claim]"
            ),
            hint="the account did not begin at zero: the opening counts.",
        ),
    ),
    trials=_missed_trials,
    names=NAMES,
)

# --- 06.4: a fact that was never recorded -----------------------------------------


def _mend(body: str) -> str:
    return f"def mend(gap, voucher):\n    {body}"


IN = "bank.MoneyDeposited(amount={}, transaction_id=voucher)"
OUT = "bank.MoneyWithdrawn(amount={}, transaction_id=voucher)"


def _mend_trials() -> list[Trial]:
    gaps = ("-88.89", "120.00", "0.01", "-500.00")
    return [(Decimal(gap), f"slip {number}") for number, gap in enumerate(gaps)]


MEND = Exercise(
    number="06.4",
    minutes=3,
    asks="mend",
    stub=_mend("raise NotImplementedError  # your turn"),
    solution=_mend(
        f"if gap > 0:\n        return [{IN.format('gap')}]\n"
        f"    return [{OUT.format('-gap')}]"
    ),
    praise="one event, a positive amount, and the voucher that proves it.",
    hints=(
        "Money that came in and money that went out are two types of event.",
        "The amount of a withdrawal is positive; that it goes out is said by its type.",
        (
            "If the gap is above zero, a deposit of it; else a withdrawal of what it "
            "is without the sign. Both in a list, each with the voucher."
        ),
    ),
    mistakes=(
        Mistake(
            code=_mend(f"return [{IN.format('gap')}]"),
            hint="a deposit of a negative amount is no deposit: what went out is a "
            "withdrawal.",
        ),
        Mistake(
            code=_mend(
                f"if gap > 0:\n        return [{IN.format('gap')}]\n"
                f"    return [{OUT.format('-gap')}]".replace("voucher", "'slip 31'")
            ),
            hint="the voucher comes as an argument; another gap has another slip.",
        ),
        Mistake(
            code=_mend(f"return [{IN.format('abs(gap)')}]"),
            hint="the sign is lost: a gap below zero means that money went out.",
        ),
        Mistake(
            code=_mend(
                f"if gap > 0:\n        return [{IN.format('gap')}]\n"
                f"    return [{OUT.format('gap')}]"
            ),
            hint="the amount of a withdrawal is positive; its type says that it goes "
            "out.",
        ),
        Mistake(
            code=_mend(
                f"if gap < 0:\n        return [{IN.format('-gap')}]\n"
                f"    return [{OUT.format('gap')}]"
            ),
            hint="turned around: if the claim is higher than the log, money came in.",
        ),
        Mistake(
            code=_mend(
                f"if gap > 0:\n        return {IN.format('gap')}\n"
                f"    return {OUT.format('-gap')}"
            ),
            hint="append takes a list of events, also where there is only one.",
        ),
        Mistake(
            code=_mend(
                "return [bank.TransactionReversed(transaction_id=voucher,"
                " reverses=voucher, amount=gap)]"
            ),
            hint="a reversal takes back something that was recorded; this never was.",
        ),
    ),
    trials=_mend_trials,
    names=NAMES,
)

LESSON = Lesson(
    name="06_reconciliation",
    title="Reconcile a claim with the log",
    minutes=20,
    tasks=(SAME, STALE, MISSED, MEND),
)
