"""A bank: accounts, what happens to them, and what one may ask of them.

    events.py      AccountOpened … AccountClosed; Account and Daily follow from them
    commands.py    OpenAccount … Close, the Ledger, and decide
    stories.py     acc_123, Ada and Ben, as the lessons tell them
    traffic.py     a bank's worth of made-up events, always the same for a seed

What it may not know: files, notebooks.
"""

from esbench.domains.bank.commands import (
    Book,
    Booking,
    Close,
    Deposit,
    Ledger,
    OpenAccount,
    Reverse,
    Withdraw,
    decide,
)
from esbench.domains.bank.events import (
    EVENTS,
    Account,
    AccountClosed,
    AccountOpened,
    Daily,
    MoneyDeposited,
    MoneyWithdrawn,
    TransactionReversed,
)
from esbench.domains.bank.stories import acc_123, ada, ben
from esbench.domains.bank.traffic import traffic

__all__ = [
    "EVENTS",
    "AccountOpened",
    "MoneyDeposited",
    "MoneyWithdrawn",
    "TransactionReversed",
    "AccountClosed",
    "Account",
    "Daily",
    "Ledger",
    "Book",
    "Booking",
    "OpenAccount",
    "Deposit",
    "Withdraw",
    "Reverse",
    "Close",
    "decide",
    "acc_123",
    "ada",
    "ben",
    "traffic",
]
