"""What one may ask of an account, and the rules that decide.

What lives here: the commands, the ledger that decisions are made on, and ``decide``.
The guarantee: no withdrawal takes a balance below zero, nothing happens to an account
that is not open, and a transaction is reversed at most once. A reversal brings back
exactly what the original moved, at the time when the original occurred.
What it may not know: logs, concurrency; ``es.execute`` sees to these.

A correction may take a balance below zero: what never happened can't be refused.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from esbench.domains.bank.events import (
    AccountClosed,
    AccountOpened,
    MoneyDeposited,
    MoneyWithdrawn,
    TransactionReversed,
)
from esbench.errors import Refused, shorten
from esbench.event import Event, RecordedEvent, Stamped, stamped
from esbench.projection import decides_on, projection

# --- the state that decisions need -----------------------------------------------


class Booking(Struct, frozen=True):
    """A transaction in the ledger: what it added to the balance, and when."""

    amount: Decimal
    occurred_at: datetime
    is_reversal: bool = False


class Book(Struct, frozen=True, kw_only=True):
    """All that is booked on one account.

    Attributes:
        status: ``unknown``, ``open`` or ``closed``.
        balance: what is on it.
        bookings: every transaction by its id.
        reversed: the ids of those that were undone.
    """

    status: str = "unknown"
    balance: Decimal = Decimal("0.00")
    bookings: dict[str, Booking] = {}
    reversed: frozenset[str] = frozenset()


def evolve(book: Book, recorded: RecordedEvent) -> Book:
    """Return the book after one more event."""
    match recorded.event:
        case AccountOpened(initial_balance=amount):
            return replace(book, status="open", balance=book.balance + amount)
        case MoneyDeposited(amount=amount, transaction_id=name):
            return _booked(book, name, Booking(amount, recorded.occurred_at))
        case MoneyWithdrawn(amount=amount, transaction_id=name):
            return _booked(book, name, Booking(-amount, recorded.occurred_at))
        case TransactionReversed(amount=amount, transaction_id=name, reverses=other):
            booking = Booking(amount, recorded.occurred_at, is_reversal=True)
            undone = replace(book, reversed=book.reversed | {other})
            return _booked(undone, name, booking)
        case AccountClosed():
            return replace(book, status="closed")
    return book


def _booked(book: Book, name: str, booking: Booking) -> Book:
    return replace(
        book,
        balance=book.balance + booking.amount,
        bookings=book.bookings | {name: booking},
    )


Ledger = projection(evolve, Book(), name="ledger", recorded=True)


# --- commands --------------------------------------------------------------------


class OpenAccount(Struct, frozen=True, kw_only=True):
    """Open an account with a first balance."""

    owner: str
    initial_balance: Decimal | str | int = Decimal("0.00")
    currency: str | None = None


class Deposit(Struct, frozen=True, kw_only=True):
    """Bring money in."""

    amount: Decimal | str | int
    transaction_id: str


class Withdraw(Struct, frozen=True, kw_only=True):
    """Take money out."""

    amount: Decimal | str | int
    transaction_id: str


class Reverse(Struct, frozen=True, kw_only=True):
    """Undo a transaction, at the time when it occurred."""

    transaction_id: str
    reverses: str


class Close(Struct, frozen=True, kw_only=True):
    """End the account."""

    reason: str | None = None


Command = OpenAccount | Deposit | Withdraw | Reverse | Close


# --- the rules -------------------------------------------------------------------


@decides_on(Ledger)
def decide(book: Book, command: Command) -> list[Event | Stamped]:
    """Return the events that follow from a command, or refuse it.

    Args:
        book: the account's ledger.
        command: what somebody wants.

    Raises:
        Refused: the rules forbid it; the message says which one.
    """
    if isinstance(command, OpenAccount):
        return [_opened(book, command)]
    _need_open(book)
    match command:
        case Deposit():
            return [_deposited(book, command)]
        case Withdraw():
            return [_withdrawn(book, command)]
        case Reverse():
            return [_undone(book, command)]
        case Close():
            return [_closed(book, command)]
    raise Refused(f"{command!r} is no command of the bank: {_KNOWN}")


_KNOWN = "it knows OpenAccount, Deposit, Withdraw, Reverse and Close"


def _need_open(book: Book) -> None:
    if book.status == "unknown":
        raise Refused("there is no such account: open it first")
    if book.status == "closed":
        raise Refused("the account is closed: nothing can be booked on it any more")


def _opened(book: Book, command: OpenAccount) -> Event:
    if book.status != "unknown":
        raise Refused(f"the account is {book.status} already: choose another id")
    event = AccountOpened(
        owner=command.owner,
        initial_balance=command.initial_balance,
        currency=command.currency,
    )
    if event.initial_balance < 0:
        raise Refused(
            f"an account can't be opened with {event.initial_balance}: begin at 0.00"
        )
    return event


def _deposited(book: Book, command: Deposit) -> Event:
    _need_new(book, command.transaction_id)
    event = MoneyDeposited(amount=command.amount, transaction_id=command.transaction_id)
    _need_positive(event.amount, "deposit")
    return event


def _withdrawn(book: Book, command: Withdraw) -> Event:
    _need_new(book, command.transaction_id)
    event = MoneyWithdrawn(amount=command.amount, transaction_id=command.transaction_id)
    _need_positive(event.amount, "withdrawal")
    if event.amount > book.balance:
        raise Refused(f"{event.amount} can't be withdrawn: {book.balance} is there")
    return event


def _undone(book: Book, command: Reverse) -> Stamped:
    _need_new(book, command.transaction_id)
    original = book.bookings.get(command.reverses)
    name = shorten(command.reverses)
    if original is None:
        raise Refused(f"{name} was never booked on this account: check the id")
    if command.reverses in book.reversed:
        raise Refused(f"{name} is reversed already: once is enough")
    if original.is_reversal:
        raise Refused(f"{name} is a reversal itself: book the transaction again")
    event = TransactionReversed(
        transaction_id=command.transaction_id,
        reverses=command.reverses,
        amount=-original.amount,
    )
    return stamped(event, occurred_at=original.occurred_at)


def _closed(book: Book, command: Close) -> Event:
    if book.balance:
        raise Refused(f"{book.balance} is still on the account: empty it first")
    return AccountClosed(reason=command.reason)


def _need_new(book: Book, transaction_id: str) -> None:
    if transaction_id in book.bookings:
        raise Refused(f"{shorten(transaction_id)} is booked already: take a new id")


def _need_positive(amount: Decimal, what: str) -> None:
    if amount <= 0:
        raise Refused(f"a {what} of {amount} moves nothing: write more than 0.00")
