"""What the benchmarks ask: balances, as a declaration and as a plain function.

What lives here: the projections, the day asked about, and calls that a log may or may
not have yet.
The guarantee: all of them say what a balance is in the same way as
``esbench.domains.bank.Account``.
What it may not know: files, peers, time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import esbench as es
from benchmarks.harness import NotYet
from esbench.domains import bank

ASKED = "2024-11-30"  # the day that balances are asked about: 23 of 24 months
NAUGHT = Decimal("0.00")


class Balance(es.Projection):
    """What is on an account."""

    balance = es.total(
        (bank.AccountOpened, "initial_balance"),
        (bank.MoneyDeposited, "amount"),
        (bank.TransactionReversed, "amount"),
        minus=[(bank.MoneyWithdrawn, "amount")],
    )


def evolve(balance: Decimal, event: Any) -> Decimal:
    """Return the balance after one more event."""
    match event:
        case bank.MoneyDeposited() | bank.TransactionReversed():
            return balance + event.amount
        case bank.MoneyWithdrawn():
            return balance - event.amount
        case bank.AccountOpened():
            return balance + event.initial_balance
    return balance


EVOLVED = es.projection(evolve, initial=NAUGHT, name="balance", version=1)


def call(owner: Any, name: str) -> Callable[..., Any]:
    """Return a call of a log or projection.

    Raises:
        NotYet: there is no such call.
    """
    found: Callable[..., Any] | None = getattr(owner, name, None)
    if found is None:
        raise NotYet(f"there is no {name}() yet")
    return found


def without_snapshots(asked: Callable[..., Any]) -> dict[str, Any]:
    """Return the arguments by which a call leaves snapshots alone."""
    known = "snapshots" in inspect.signature(asked).parameters
    return {"snapshots": False} if known else {}
