"""Made-up traffic of a bank, as much as wanted, always the same for a seed.

What lives here: ``traffic``.
The guarantee: the same arguments give the same frame on every machine, since all
draws and amounts are whole numbers; in the order of the rows no balance is ever
negative, every account begins with its opening, and nothing is recorded before it
occurred.
What it may not know: logs.

How it is made: movements are drawn first, each with the time it occurred and the time
it was recorded. A correction adds two more, a reversal and the deposit as it should
have been; both occurred when the original did. Then all is put into the order of
recording, and each account is opened with enough for its worst moment.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from esbench.errors import InvalidEvent
from esbench.moments import day, micros, start_of

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Numbers = np.ndarray[Any, np.dtype[np.int64]]
    Flags = np.ndarray[Any, np.dtype[np.bool_]]

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND

OWNERS = (
    "Ada Alice Amir Anna Ben Bruno Chen Clara Dana David Elif Emil Farah Femi Gita "
    "Hana Hugo Ines Ivan Jana Jonas Kaja Kofi Lara Leo Lucia Maja Marek Mina Nadia "
    "Noor Olga Omar Otto Paula Petra Rafa Rosa Sami Sara Sofia Tariq Tomas Uma Vera "
    "Wanda Yusuf Zofia"
).split()

# Typical amounts in cents: what people take out, and what comes in besides a salary.
SPENT = (
    320, 450, 690, 1_150, 1_499, 2_200, 2_999, 3_850, 4_990, 7_500, 12_000, 18_900,
    34_500, 79_000,
)  # fmt: skip
RECEIVED = (1_000, 1_500, 2_500, 4_000, 5_000, 8_000, 12_500, 20_000, 35_000)

DEPOSITED, WITHDRAWN, REVERSED = range(3)
_TYPES = ("MoneyDeposited", "MoneyWithdrawn", "TransactionReversed")


def traffic(
    accounts: int = 200,
    events: int = 10_000,
    seed: int = 1,
    *,
    late: float = 0.02,
    corrections: float = 0.005,
    start: date | str = "2023-01-01",
    end: date | str = "2024-12-31",
) -> pl.DataFrame:
    """Return made-up events of a bank, in the order in which they were recorded.

    Args:
        accounts: how many accounts there are.
        events: how many rows come back, the openings among them.
        seed: another one gives other traffic.
        late: the share of movements that is recorded up to 30 days late.
        corrections: the share of deposits that is later reversed and booked anew.
        start: the first day, in UTC.
        end: the last day, in UTC; nothing occurs or is recorded after it.

    Returns:
        A frame for ``EventLog.append_frame`` with the columns aggregate_id, type,
        owner, initial_balance, amount, transaction_id, reverses, occurred_at and
        recorded_at; sorted by recorded_at; money as Decimal(18, 2), times in UTC.

    Raises:
        InvalidEvent: fewer events than accounts, shares outside 0 to 1, a span of
            less than two days.
    """
    first, last = _span(start, end)
    _check(accounts, events, late, corrections, last - first)
    draw, moves = _Draws(seed), events - accounts
    opened = first + draw.below((last - first) // 10, accounts) // _SECOND * _SECOND
    corrected = int(moves * corrections * 0.35 / (1 + 0.7 * corrections))
    rows = _originals(draw, opened, moves - 2 * corrected, late, last - 1)
    rows = _in_order(_with_corrections(draw, rows, corrected, last - 1))
    return _frame(draw, rows, opened, _openings(draw, rows, accounts))


def _span(start: date | str, end: date | str) -> tuple[int, int]:
    """Return the first moment, and the first after the last, in microseconds."""
    first, last = (
        value if isinstance(value, date) else day(value) for value in (start, end)
    )
    return micros(start_of(first, "UTC")), micros(start_of(last, "UTC")) + _DAY


def _check(
    accounts: int,
    events: int,
    late: float,
    corrections: float,
    span: int,
) -> None:
    if not 1 <= accounts <= events:
        raise InvalidEvent(
            f"{events} events can't open {accounts} accounts: "
            "ask for at least one account, and one event for each"
        )
    for name, share in (("late", late), ("corrections", corrections)):
        if not 0 <= share <= 1:
            raise InvalidEvent(f"{name}={share} is no share: write 0 to 1")
    if span < 2 * _DAY:
        raise InvalidEvent("traffic needs at least two days: move start or end")


class _Draws:
    """Whole numbers that depend on a seed, a purpose and a place, and nothing else.

    The mixing is the finaliser of SplitMix64, in 64-bit arithmetic that wraps.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._purposes = 0

    def below(self, limit: int | Numbers, count: int) -> Numbers:
        """Return ``count`` numbers from 0 up to ``limit``, exclusive."""
        import numpy as np

        self._purposes += 1
        offset = self._seed * 0x9E3779B97F4A7C15 + self._purposes * 0xD1B54A32D192ED03
        x = np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x += np.uint64(offset % 2**64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
        drawn: Numbers = (x >> np.uint64(1)).astype(np.int64) % limit
        return drawn

    def chance(self, share: float, count: int) -> Flags:
        """Return ``count`` truth values, true with this probability."""
        drawn: Flags = self.below(1_000_000, count) < round(share * 1_000_000)
        return drawn


class _Rows(Struct, frozen=True):
    """Movements, one place each.

    Attributes:
        account: the number of the account, from 0.
        kind: DEPOSITED, WITHDRAWN or REVERSED.
        cents: what it adds to the balance; negative when it takes away.
        occurred: when it happened, in microseconds.
        recorded: when it was recorded, in microseconds.
        reverses: the place of the movement that it undoes; -1 for none.
    """

    account: Numbers
    kind: Numbers
    cents: Numbers
    occurred: Numbers
    recorded: Numbers
    reverses: Numbers

    def at(self, places: Numbers) -> _Rows:
        """Return the movements at these places, in their order."""
        columns = (getattr(self, name)[places] for name in self.__struct_fields__)
        return _Rows(*columns)

    def followed_by(self, other: _Rows) -> _Rows:
        """Return these movements and then the others."""
        import numpy as np

        names = self.__struct_fields__
        both = ((getattr(self, name), getattr(other, name)) for name in names)
        return _Rows(*map(np.concatenate, both))


# --- movements -------------------------------------------------------------------


def _originals(
    draw: _Draws, opened: Numbers, count: int, late: float, last: int
) -> _Rows:
    """Return deposits and withdrawals, in no order.

    Args:
        draw: where chance comes from.
        opened: when each account was opened.
        count: how many movements.
        late: the share that is recorded late.
        last: the last moment at which anything may be recorded.
    """
    import numpy as np

    account = draw.below(len(opened), count)
    kind = np.where(draw.chance(0.65, count), WITHDRAWN, DEPOSITED)
    begun = opened[account] + _SECOND
    at = begun + draw.below(last - 60 * _SECOND - begun, count)
    occurred = at // _SECOND * _SECOND
    soon = _SECOND + draw.below(30 * _SECOND, count)
    long = draw.below(np.minimum(30 * _DAY, last - occurred), count)
    delay = np.where(draw.chance(late, count), np.maximum(soon, long), soon)
    return _Rows(
        account=account,
        kind=kind,
        cents=_cents(draw, account, kind, len(opened)),
        occurred=occurred,
        recorded=occurred + delay,
        reverses=np.full(count, -1, dtype=np.int64),
    )


def _cents(draw: _Draws, account: Numbers, kind: Numbers, accounts: int) -> Numbers:
    """Return what each movement adds: salaries, gifts, bread, rent."""
    import numpy as np

    count = len(account)
    salary = (1_800 + draw.below(4_000, accounts)) * 100
    gift = np.array(RECEIVED)[draw.below(len(RECEIVED), count)]
    received = np.where(draw.chance(0.03, count), salary[account], gift)
    typical = np.array(SPENT)[draw.below(len(SPENT), count)]
    spent = typical * (80 + draw.below(41, count)) // 100
    cents: Numbers = np.where(kind == DEPOSITED, received, -spent)
    return cents


def _with_corrections(draw: _Draws, rows: _Rows, count: int, last: int) -> _Rows:
    """Return the movements with ``count`` corrections behind them.

    A correction is two movements: one that undoes a deposit, and the deposit as it
    should have been; both occurred when the first one did.
    """
    import numpy as np

    mixed = draw.below(2**40, len(rows.kind)) + 2**40 * (rows.kind != DEPOSITED)
    chosen = np.argsort(mixed, kind="stable")[:count]
    rows.kind[chosen] = DEPOSITED  # where deposits were too few
    rows.cents[chosen] = np.abs(rows.cents[chosen])
    wrong = rows.at(chosen)
    room = np.minimum(20 * _DAY, last - wrong.recorded)
    recorded = wrong.recorded + 1 + draw.below(room, count)
    right = np.maximum(1, wrong.cents * (50 + draw.below(40, count)) // 100)
    undone = replace(
        wrong,
        kind=np.full(count, REVERSED),
        cents=-wrong.cents,
        recorded=recorded,
        reverses=chosen,
    )
    anew = replace(wrong, cents=right, recorded=recorded)
    return rows.followed_by(undone).followed_by(anew)


def _in_order(rows: _Rows) -> _Rows:
    """Return the movements in the order of recording; ``reverses`` follows."""
    import numpy as np

    order = np.argsort(rows.recorded, kind="stable")
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1
    rows = rows.at(order)
    return replace(rows, reverses=place[rows.reverses])


def _openings(draw: _Draws, rows: _Rows, accounts: int) -> Numbers:
    """Return in cents what each account needs, so that it is never below zero."""
    import numpy as np

    order = np.argsort(rows.account, kind="stable")
    account, running = rows.account[order], np.cumsum(rows.cents[order])
    worst = np.zeros(accounts, dtype=np.int64)
    if len(order):
        starts = np.flatnonzero(np.diff(account, prepend=-1))
        before = np.concatenate([[0], running])[starts]
        lowest = np.minimum.reduceat(running, starts) - before
        worst[account[starts]] = np.maximum(0, -lowest)
    spare = draw.below(50, accounts) * 1_000
    needed: Numbers = (worst + 9_999) // 10_000 * 10_000 + spare
    return needed


# --- the frame -------------------------------------------------------------------


def _frame(
    draw: _Draws, rows: _Rows, opened: Numbers, initial: Numbers
) -> pl.DataFrame:
    """Return openings and movements as events, in the order of recording."""
    import polars as pl

    events = pl.concat([_opened(draw, opened, initial), _moved(rows)], how="diagonal")
    moment = pl.Datetime("us", "UTC")
    digits = max(3, len(str(len(opened))))
    number = pl.col("account").cast(pl.String).str.zfill(digits)
    return events.sort("recorded_at", maintain_order=True).select(
        pl.format("acc_{}", number).alias("aggregate_id"),
        "type",
        "owner",
        "initial_balance",
        "amount",
        "transaction_id",
        "reverses",
        pl.col("occurred_at", "recorded_at").cast(moment),
    )


def _opened(draw: _Draws, opened: Numbers, initial: Numbers) -> pl.DataFrame:
    import numpy as np
    import polars as pl

    count = len(opened)
    return pl.DataFrame(
        {
            "account": np.arange(1, count + 1),
            "type": pl.repeat("AccountOpened", count, eager=True),
            "owner": pl.Series(OWNERS).gather(draw.below(len(OWNERS), count)),
            "initial_balance": _money(initial),
            "occurred_at": opened,
            "recorded_at": opened,
        }
    )


def _moved(rows: _Rows) -> pl.DataFrame:
    import numpy as np
    import polars as pl

    kind = pl.Series(rows.kind)
    signed = np.where(rows.kind == REVERSED, rows.cents, np.abs(rows.cents))
    back = pl.when(pl.col("back") >= 0).then(pl.col("back") + 1)
    frame = pl.DataFrame(
        {
            "account": rows.account + 1,
            "type": pl.Series(_TYPES).gather(kind),
            "amount": _money(signed),
            "place": np.arange(1, len(signed) + 1),
            "back": rows.reverses,
            "occurred_at": rows.occurred,
            "recorded_at": rows.recorded,
        }
    )
    return frame.with_columns(
        _transaction(pl.col("place")).alias("transaction_id"),
        _transaction(back).alias("reverses"),
    ).drop("place", "back")


def _transaction(number: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.format("txn_{}", number.cast(pl.String).str.zfill(7))


def _money(cents: Numbers) -> pl.Series:
    """Return cents as exact decimals with two places."""
    import polars as pl

    whole = pl.Series(cents).cast(pl.Decimal(38, 2))
    hundredth = pl.Series(["0.01"]).cast(pl.Decimal(38, 2))
    return (whole * hundredth).cast(pl.Decimal(18, 2))
