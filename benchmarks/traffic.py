"""Bank traffic as much as wanted, made in pieces that never need the whole.

What lives here: ``Traffic``.
The guarantee: the same accounts, events and seed give the same rows on every machine;
each row depends on its position alone, so any piece can be made by itself, and the
whole is never in memory. Positions follow the order of recording, an account begins
with its opening, nothing is recorded before it occurred.
What it may not know: logs, peers, clocks.

It resembles ``esbench.domains.bank.traffic``, which holds all of its rows at once and
so can't make a hundred million: the same kinds of movement, the same amounts, the
same shares of late and corrected ones. It lets balances go below zero. One account in
2,500 is a busy one; together these take a fiftieth of the movements, which at twenty
events an account is a thousand events each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.domains.bank.traffic import OWNERS, RECEIVED, SPENT
from esbench.errors import InvalidEvent

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Numbers = np.ndarray[Any, np.dtype[np.int64]]
    Flags = np.ndarray[Any, np.dtype[np.bool_]]

SECOND = 1_000_000
DAY = 86_400 * SECOND
START = 1_672_531_200 * SECOND  # 2023-01-01T00:00Z
SPAN = 731 * DAY  # to the end of 2024-12-31
LATE = 50  # one movement in so many is recorded late, by up to 30 days
WRONG = 200  # one movement in so many is a deposit that is reversed later
LATER = 4_096  # positions between a deposit and its reversal
BUSY = 2_500  # one account in so many is busy
TYPES = ("AccountOpened", "MoneyDeposited", "MoneyWithdrawn", "TransactionReversed")
OPENED, DEPOSITED, WITHDRAWN, REVERSED = range(4)


class Movements(Struct, frozen=True):
    """What happens at some positions, a number each; money in cents, times in µs."""

    account: Numbers
    kind: Numbers
    cents: Numbers
    occurred: Numbers
    recorded: Numbers
    reverses: Numbers


class Traffic:
    """Made-up events of a bank, any piece of them at a time.

    Args:
        accounts: how many accounts are opened, in the first tenth of the events.
        events: how many events there are, the openings among them.
        seed: another one gives other traffic.

    Raises:
        InvalidEvent: fewer than ten events an account.
    """

    def __init__(self, accounts: int, events: int, seed: int = 1) -> None:
        if accounts < 1 or events < 10 * accounts:
            raise InvalidEvent(
                f"{events} events of {accounts} accounts: the openings need a tenth "
                "of the events, so give at least ten events an account"
            )
        self.accounts, self.events, self.seed = accounts, events, seed
        self._every = events // (10 * accounts)  # positions between two openings
        self._busy = max(1, accounts // BUSY)

    def frame(self, first: int, count: int) -> pl.DataFrame:
        """Return ``count`` events from position ``first`` on, for ``append_frame``.

        Columns: aggregate_id, type, owner, initial_balance, amount, transaction_id,
        reverses, occurred_at, recorded_at; money as Decimal(18, 2), times in UTC.
        """
        import numpy as np

        places = np.arange(first - 1, min(first - 1 + count, self.events))
        return self._frame(places, self._movements(places))

    def frames(
        self, size: int, *, first: int = 1, last: int | None = None
    ) -> Iterator[pl.DataFrame]:
        """Yield the events from ``first`` to ``last`` in frames of at most ``size``."""
        last = self.events if last is None else last
        for start in range(first, last + 1, size):
            yield self.frame(start, min(size, last + 1 - start))

    # --- what happens where ------------------------------------------------------

    def _movements(self, places: Numbers) -> Movements:
        """Return what happens at these places, counted from 0."""
        import numpy as np

        plain = self._plain(places)
        earlier = places - LATER
        undoes = self._is_wrong(earlier) & ~self._is_opening(places)
        wrong = self._plain(np.where(undoes, earlier, places))
        return Movements(
            account=wrong.account,
            kind=np.where(undoes, REVERSED, plain.kind),
            cents=np.where(undoes, -wrong.cents, plain.cents),
            occurred=np.where(undoes, wrong.occurred, plain.occurred),
            recorded=plain.recorded,
            reverses=np.where(undoes, earlier, -1),
        )

    def _plain(self, places: Numbers) -> Movements:
        """Return what happens at these places where nothing is undone."""
        import numpy as np

        opening = self._is_opening(places)
        recorded = self._recorded(places)
        account = np.where(opening, places // self._every, self._moved(places))
        begun = self._recorded(account * self._every)
        kind = np.where(self._draw(3, places) % 100 < 65, WITHDRAWN, DEPOSITED)
        kind = np.where(self._is_wrong(places), DEPOSITED, kind)
        kind = np.where(opening, OPENED, kind)
        return Movements(
            account=account,
            kind=kind,
            cents=self._cents(places, account, kind),
            occurred=np.where(opening, recorded, self._occurred(places, begun)),
            recorded=recorded,
            reverses=np.full(len(places), -1),
        )

    def _is_opening(self, places: Numbers) -> Flags:
        flags: Flags = (places % self._every == 0) & (
            places < self._every * self.accounts
        )
        return flags

    def _is_wrong(self, places: Numbers) -> Flags:
        """Tell which places hold a deposit that is undone ``LATER`` places behind."""
        flags: Flags = (
            (places >= 0)
            & (places // LATER % 2 == 0)
            & (self._draw(1, places) % (WRONG // 2) == 0)
            & ~self._is_opening(places)
            & ~self._is_opening(places + LATER)
        )
        return flags

    def _moved(self, places: Numbers) -> Numbers:
        """Return an account that is open by then; each fiftieth time a busy one."""
        import numpy as np

        opened = np.minimum(places // self._every + 1, self.accounts)
        busy = self._draw(9, places) % 50 == 0
        among = np.where(busy, np.minimum(self._busy, opened), opened)
        account: Numbers = self._draw(2, places) % among
        return account

    def _recorded(self, places: Numbers) -> Numbers:
        """Return when each place was recorded: evenly, shaken, never falling."""
        gap = SPAN // (self.events + 1)
        moment: Numbers = START + places * gap + self._draw(4, places) % gap
        return moment

    def _occurred(self, places: Numbers, begun: Numbers) -> Numbers:
        """Return when each movement happened, to the second; not before its account."""
        import numpy as np

        drawn = self._draw(5, places)
        late = self._draw(6, places) % LATE == 0
        delay = np.where(late, drawn % (30 * DAY), SECOND + drawn % (30 * SECOND))
        whole = (self._recorded(places) - delay) // SECOND * SECOND
        moment: Numbers = np.maximum(whole, begun)
        return moment

    def _cents(self, places: Numbers, account: Numbers, kind: Numbers) -> Numbers:
        """Return what each adds: first balances, salaries, gifts; bread and rent."""
        import numpy as np

        drawn, share = self._draw(7, places), self._draw(8, places)
        spent = -(np.array(SPENT)[drawn % len(SPENT)] * (80 + share % 41) // 100)
        salary = (1_800 + self._draw(9, account) % 4_000) * 100
        gift = np.array(RECEIVED)[drawn % len(RECEIVED)]
        received = np.where(share % 33 == 0, salary, gift)
        opening = 10_000 * (1 + drawn % 100)
        moved = np.where(kind == WITHDRAWN, spent, received)
        cents: Numbers = np.where(kind == OPENED, opening, moved)
        return cents

    def _draw(self, purpose: int, places: Numbers) -> Numbers:
        """Return numbers from 0 to 2**63 − 1 that seed, purpose and place decide.

        The mixing is the finaliser of SplitMix64, in 64-bit arithmetic that wraps.
        """
        import numpy as np

        offset = self.seed * 0x9E3779B97F4A7C15 + purpose * 0xD1B54A32D192ED03
        x = places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x += np.uint64(offset % 2**64)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
        drawn: Numbers = (x >> np.uint64(1)).astype(np.int64)
        return drawn

    # --- as a frame --------------------------------------------------------------

    def _frame(self, places: Numbers, moves: Movements) -> pl.DataFrame:
        import numpy as np
        import polars as pl

        opened = moves.kind == OPENED
        signed = np.where(moves.kind == REVERSED, moves.cents, np.abs(moves.cents))
        moment = pl.Datetime("us", "UTC")
        whose = pl.Series(OWNERS).gather(self._draw(10, moves.account) % len(OWNERS))
        columns = {
            "type": pl.Series(TYPES).gather(moves.kind),
            "opened": opened,
            "owner": whose,
            "money": money(signed),
            "occurred_at": pl.Series(moves.occurred).cast(moment),
            "recorded_at": pl.Series(moves.recorded).cast(moment),
        }
        digits = max(6, len(str(self.events)))
        back = moves.reverses >= 0
        names = {
            "aggregate_id": _numbered("acc_", moves.account + 1, digits),
            "transaction_id": _numbered("txn_", places + 1, digits),
            "reverses": _numbered("txn_", moves.reverses + 1, digits, back),
        }
        first = pl.col("opened")
        return pl.DataFrame(columns | names).select(
            "aggregate_id",
            "type",
            pl.when(first).then("owner").alias("owner"),
            pl.when(first).then("money").alias("initial_balance"),
            pl.when(~first).then("money").alias("amount"),
            pl.when(~first).then("transaction_id").alias("transaction_id"),
            "reverses",
            "occurred_at",
            "recorded_at",
        )


def _numbered(
    prefix: str, numbers: Numbers, digits: int, given: Flags | None = None
) -> pl.Series:
    """Return texts such as ``acc_0000012``; null where ``given`` is false."""
    import polars as pl

    frame = pl.DataFrame({"number": numbers})
    name = pl.lit(prefix) + pl.col("number").cast(pl.String).str.zfill(digits)
    if given is not None:
        frame = frame.with_columns(given=given)
        name = pl.when("given").then(name)
    return frame.select(name.alias("name")).get_column("name")


def money(cents: Numbers) -> pl.Series:
    """Return cents as exact decimals with two places."""
    import polars as pl

    whole = pl.Series(cents).cast(pl.Decimal(38, 2))
    hundredth = pl.Series(["0.01"]).cast(pl.Decimal(38, 2))
    return (whole * hundredth).cast(pl.Decimal(18, 2))
