"""What can happen to an account, and the states that follow from it.

What lives here: the bank's event types, ``Account`` and ``Daily``.
The guarantee: a balance is what was opened with, plus deposits, minus withdrawals,
plus what reversals add; nothing else changes it.
What it may not know: commands, rules, logs.
"""

from __future__ import annotations

from esbench.event import Event
from esbench.fields import Money
from esbench.projection import Projection, day, first, last, total


class AccountOpened(Event):
    """An account begins.

    ``carried_forward`` says that the balance was brought in from elsewhere, such as
    the opening balance of an extract, and that the account itself is older.
    """

    owner: str
    initial_balance: Money
    carried_forward: bool = False
    currency: str | None = None


class MoneyDeposited(Event):
    """Money came in; ``text`` is what the bank printed beside it."""

    amount: Money
    transaction_id: str
    text: str | None = None


class MoneyWithdrawn(Event):
    """Money went out; the amount is positive."""

    amount: Money
    transaction_id: str
    text: str | None = None


class TransactionReversed(Event):
    """A transaction was undone.

    ``amount`` is signed: what this adds to the balance. −200.00 undoes a deposit of
    200.00. ``reverses`` is the id of the transaction that it undoes.
    """

    transaction_id: str
    reverses: str
    amount: Money


class AccountClosed(Event):
    """An account ends."""

    reason: str | None = None


EVENTS = (
    AccountOpened,
    MoneyDeposited,
    MoneyWithdrawn,
    TransactionReversed,
    AccountClosed,
)


class Account(Projection):
    """Whose account it is, what is on it, and whether it is open."""

    owner = first(AccountOpened, "owner")
    balance = total(
        (AccountOpened, "initial_balance"),
        (MoneyDeposited, "amount"),
        (TransactionReversed, "amount"),
        minus=[(MoneyWithdrawn, "amount")],
    )
    status = last({AccountOpened: "open", AccountClosed: "closed"})


class Daily(Projection, by=day("occurred_at")):
    """What came in on each day, over all accounts."""

    deposits = total((MoneyDeposited, "amount"))
