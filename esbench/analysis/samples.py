"""The samples in data/: two logs and one messy extract.

What lives here: how they are made.
The guarantee: the same bytes every time, whatever the clock, the machine and the
locale, as long as the libraries of the lock are used.
What it may not know: notebooks, the command line.

    ada/           Ada's account: recorded late, and corrected
    bank/          200 accounts over two years, in eight commits
    extract.csv    three months of five accounts, as a Polish bank would export them
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esbench.domains import bank
from esbench.log import EventLog
from esbench.moments import Clock

if TYPE_CHECKING:
    pass

ACCOUNTS, EVENTS, SEED = 200, 6_000, 2024
OWNERS = ("Łucja Żak", "Michał Ćwik", "Zofia Śliwa", "Józef Dąb", "Ewa Gęś")
SHOPS = (
    "Żabka Łódź",
    "Biedronka; Gdańsk",
    "Księgarnia „Pod Globusem”",
    "Apteka św. Jana",
    "Orlen 1234",
    "Czynsz",
)
INCOME = ("Wynagrodzenie", "Przelew od Róży", "Zwrot za bilet")


def counted_ids(prefix: str) -> Callable[[], str]:
    """Return a source of ids that counts: ``<prefix>-000001`` and on."""
    numbers = count(1)
    return lambda: f"{prefix}-{next(numbers):06}"


def make(folder: Path) -> list[Path]:
    """Make all samples in an empty folder; return what was made."""
    folder.mkdir(parents=True, exist_ok=True)
    _ada(folder / "ada")
    _bank(folder / "bank")
    (folder / "extract.csv").write_bytes(extract())
    return [folder / name for name in ("ada", "bank", "extract.csv")]


def _ada(folder: Path) -> None:
    clock = Clock("2024-01-01")
    log = EventLog(folder, bank.EVENTS, clock=clock, ids=counted_ids("ada"))
    bank.ada(log, clock)


def _bank(folder: Path) -> None:
    import polars as pl

    clock = Clock("2025-02-01")
    log = EventLog(folder, bank.EVENTS, clock=clock, ids=counted_ids("bank"))
    frame = bank.traffic(ACCOUNTS, EVENTS, SEED, late=0.03, corrections=0.04)
    quarter = pl.col("recorded_at").dt.truncate("1q")
    for part in frame.with_columns(quarter.alias("@")).partition_by(
        "@", maintain_order=True, include_key=False
    ):
        log.append_frame(part)


# --- the extract -----------------------------------------------------------------


def extract() -> bytes:
    """Return three months of five accounts: cp1250, ``;``, decimal commas, a footer.

    Some rows stand twice, because the same thing happened twice.
    """
    rows = _doubled(_bookings())
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["Bank Przykładowy S.A."])
    writer.writerow(["Wyciąg za okres", "01.01.2024", "31.03.2024"])
    writer.writerow([])
    writer.writerow(
        [
            "Rachunek",
            "Właściciel",
            "Data operacji",
            "Data księgowania",
            "Opis operacji",
            "Kwota",
            "Waluta",
        ]
    )
    for row in rows:
        writer.writerow(_written(row))
    writer.writerow([])
    for account, balance in sorted(_balances(rows).items()):
        writer.writerow([account, "", "", "", "Saldo końcowe", _polish(balance), "PLN"])
    writer.writerow(["Liczba operacji", len(rows) - len(OWNERS)])
    writer.writerow(["Wygenerowano 01.04.2024 08:15"])
    return out.getvalue().encode("cp1250")


def _bookings() -> list[dict[str, Any]]:
    """Return traffic of the five accounts, with signed amounts and Polish texts."""
    accounts = len(OWNERS)
    frame = bank.traffic(
        accounts, 160, SEED, late=0, corrections=0, start="2024-01-01", end="2024-03-31"
    )
    names = dict(
        zip(
            sorted(frame.get_column("aggregate_id").unique()),
            range(accounts),
            strict=True,
        )
    )
    rows = [
        _booking(event, number, names[event["aggregate_id"]])
        for number, event in enumerate(frame.iter_rows(named=True))
    ]
    return sorted(rows, key=lambda row: (row["day"], not row["opening"]))


def _booking(event: dict[str, Any], number: int, place: int) -> dict[str, Any]:
    opening = event["type"] == "AccountOpened"
    amount = event["initial_balance"] if opening else event["amount"]
    spent = event["type"] == "MoneyWithdrawn"
    texts = SHOPS if spent else INCOME
    return {
        "account": f"PL{61_000_000 + 1_234_567 * place}",
        "owner": OWNERS[place],
        "day": event["occurred_at"].date(),
        "opening": opening,
        "text": "Saldo początkowe" if opening else texts[number % len(texts)],
        "amount": -amount if spent else amount,
    }


def _doubled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with every twentieth withdrawal booked twice."""
    out = []
    spent = 0
    for row in rows:
        out.append(row)
        spent += row["amount"] < 0
        if row["amount"] < 0 and spent % 20 == 0:
            out.append(row)
    return out


def _balances(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    balances: dict[str, Decimal] = {}
    for row in rows:
        balances[row["account"]] = (
            balances.get(row["account"], Decimal(0)) + row["amount"]
        )
    return balances


def _written(row: dict[str, Any]) -> list[str]:
    booked = row["day"] + timedelta(days=1)
    return [
        row["account"],
        row["owner"],
        f"{row['day']:%d.%m.%Y}",
        f"{booked:%d.%m.%Y}",
        row["text"],
        _polish(row["amount"]),
        "PLN",
    ]


def _polish(amount: Decimal) -> str:
    """Return an amount as a Polish bank writes it: ``1 234,50``."""
    return f"{amount:,.2f}".replace(",", " ").replace(".", ",")
