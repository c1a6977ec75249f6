"""Corrections: the events to append if a claim turns out right and the log wrong.

What lives here: ``correction``, for an explanation of a claim, and ``unrecorded``, for
a claim that nothing explains.
The guarantee: the events drafted move the balance by exactly the gap; nothing is
edited or taken out, and nothing is appended here.
What it may not know: logs, frames, widgets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from esbench.analysis.inverse import DOUBLED, MISSED, Change
from esbench.domains.bank import MoneyDeposited, MoneyWithdrawn, TransactionReversed

Drafted = MoneyDeposited | MoneyWithdrawn | TransactionReversed
Booked = tuple[str, Decimal]  # a transaction's id, and what it adds to the balance


def correction(
    booked: Sequence[Booked], changes: Iterable[Change]
) -> tuple[Drafted, ...]:
    """Return the events that make an explanation true of the log.

    Args:
        booked: the account's transactions, in the order of the changes' places.
        changes: one explanation; an effect counts in the smallest unit, of which the
            amounts have as many as they have places.
    """
    return tuple(event for one in changes for event in _mended(booked[one.place], one))


def unrecorded(gap: Decimal, voucher: str) -> MoneyDeposited | MoneyWithdrawn:
    """Return the one booking that closes a gap: a fact that was never recorded.

    Args:
        gap: claim minus log.
        voucher: the id of the paper that proves it.
    """
    return _booked(gap, voucher)


def _mended(booked: Booked, change: Change) -> Iterator[Drafted]:
    """Yield what undoes a transaction, or repeats it, or books it as it was meant."""
    name, moves = booked
    effect = Decimal(change.effect).scaleb(moves.as_tuple().exponent)  # type: ignore[arg-type]
    if change.kind == DOUBLED:
        yield _booked(effect, f"fix {name}")
        return
    yield TransactionReversed(
        transaction_id=f"undo {name}", reverses=name, amount=-moves
    )
    if change.kind != MISSED:
        yield _booked(moves + effect, f"fix {name}")


def _booked(moves: Decimal, name: str) -> MoneyDeposited | MoneyWithdrawn:
    kind = MoneyDeposited if moves > 0 else MoneyWithdrawn
    return kind(amount=abs(moves), transaction_id=name)
