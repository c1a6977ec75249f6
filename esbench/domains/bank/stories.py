"""The stories that lessons, stages and tests tell.

What lives here: *acc_123*, where everything is recorded when it happens, *Ada*, where
things are recorded late and corrected, and *Ben*, who claims another balance.
The guarantee: each appends the same events at the same times, every time.
What it may not know: files; the log comes in as an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esbench.domains.bank.events import (
    AccountOpened,
    MoneyDeposited,
    MoneyWithdrawn,
    TransactionReversed,
)
from esbench.event import stamped

if TYPE_CHECKING:
    from esbench.log import EventLog
    from esbench.moments import Clock


def acc_123(log: EventLog, clock: Clock | None = None) -> str:
    """Append 500.00 + 200.00 − 150.00 = 550.00, all on time; return the id.

    Args:
        log: where to append.
        clock: the log's own clock, set to each event's time if given.
    """
    told = [
        (AccountOpened(owner="Alice", initial_balance="500.00"), "2024-01-01T09:00Z"),
        (
            MoneyDeposited(amount="200.00", transaction_id="txn_456"),
            "2024-01-15T10:30Z",
        ),
        (
            MoneyWithdrawn(amount="150.00", transaction_id="txn_789"),
            "2024-01-20T14:00Z",
        ),
    ]
    for version, (event, occurred_at) in enumerate(told):
        if clock is not None:
            clock.set(occurred_at)
        log.append(
            "acc_123", [event], expected_version=version, occurred_at=occurred_at
        )
    return "acc_123"


def ada(log: EventLog, clock: Clock) -> str:
    """Append Ada's story, with a late withdrawal and a correction; return the id.

    About Jan 31 her balance is 700.00 as known that day, 550.00 from Feb 2 and
    370.00 from Feb 5.

    Args:
        log: where to append.
        clock: the log's own clock; it is set to each day of recording.
    """
    opened, deposited = "2024-01-01T09:00Z", "2024-01-15T10:30Z"
    clock.set(opened)
    log.append("ada", [AccountOpened(owner="Ada", initial_balance="500.00")])
    clock.set(deposited)
    log.append("ada", [MoneyDeposited(amount="200.00", transaction_id="txn_456")])
    clock.set("2024-02-02T08:00Z")
    withdrawal = MoneyWithdrawn(amount="150.00", transaction_id="txn_789")
    log.append("ada", [withdrawal], occurred_at="2024-01-20T14:00Z")
    clock.set("2024-02-05T08:00Z")
    reversal = TransactionReversed(
        transaction_id="txn_801", reverses="txn_456", amount="-200.00"
    )
    corrected = MoneyDeposited(amount="20.00", transaction_id="txn_802")
    log.append("ada", [reversal, stamped(corrected)], occurred_at=deposited)
    return "ada"


def ben(log: EventLog, clock: Clock | None = None) -> str:
    """Append 500.00 + 200.00 + 300.00 − 500.00 = 500.00, all on time; return the id.

    Ben says that it is 300.00, which is what comes out if #123 is missed.

    Args:
        log: where to append.
        clock: the log's own clock, set to each event's time if given.
    """
    told = [
        (AccountOpened(owner="Ben", initial_balance="500.00"), "2024-03-01T09:00Z"),
        (MoneyDeposited(amount="200.00", transaction_id="#123"), "2024-03-05T11:20Z"),
        (MoneyDeposited(amount="300.00", transaction_id="#456"), "2024-03-12T16:45Z"),
        (MoneyWithdrawn(amount="500.00", transaction_id="#789"), "2024-03-19T10:10Z"),
    ]
    for version, (event, occurred_at) in enumerate(told):
        if clock is not None:
            clock.set(occurred_at)
        log.append("ben", [event], expected_version=version, occurred_at=occurred_at)
    return "ben"
