"""The samples in data/: three logs, one messy extract, and what workers made of videos.

What lives here: how they are made.
The guarantee: the same bytes every time, whatever the clock, the machine and the
locale, as long as the libraries of the lock are used.
What it may not know: notebooks, the command line.

    ada/           Ada's account: recorded late, and corrected
    bank/          200 accounts over two years, in eight commits
    extract.csv    three months of five accounts, as a Polish bank would export them
    video/         the videos of an hour, each event recorded as it happened
    processed.csv  which worker wrote which of these events when, in a group that raced
    videos.csv     what the videos' table says since then
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from esbench.domains import bank, video
from esbench.log import EventLog
from esbench.moments import Clock, moment
from esbench.workers import Message, messages
from esbench.workers.backoff import Backoff
from esbench.workers.delivery import AT_LEAST_ONCE
from esbench.workers.failures import DROP
from esbench.workers.groups import Crash, Pause, Run, consume
from esbench.workers.trace import WRITES

if TYPE_CHECKING:
    import polars as pl

ACCOUNTS, EVENTS, SEED = 200, 6_000, 2024
MADE = ("ada", "bank", "extract.csv", "video", "processed.csv", "videos.csv")
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
    _video(folder)
    return [folder / name for name in MADE]


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


# --- the videos ------------------------------------------------------------------

VIDEOS = 82
BEGUN, EXPORTED = "2024-02-01T10:40:00Z", "2024-02-01T10:41:00Z"
TICK = timedelta(milliseconds=100)  # in which a member of the group does one thing
SCRIPT = (
    Pause(at=60, member="w1", ticks=45),
    Crash(at=140, member="w3", back=20),
    Crash(at=230, member="w2", back=25),
)


def _video(folder: Path) -> None:
    """Make the log of the videos, and what a group of workers made of it.

    The workers come back at ``BEGUN`` after an outage and work off what has piled up.
    Events have no key, so those of one video lie with different workers; one sleeps,
    two die and have what they had not committed delivered again, some events fail for
    a while and one for good. The log goes on meanwhile, until both are exported.
    """
    log = EventLog(
        folder / "video", video.EVENTS, clock=Clock(EXPORTED), ids=counted_ids("video")
    )
    log.append_frame(_videos())
    begun = moment(BEGUN)
    piled_up = messages(e for e in log.read() if e.occurred_at <= begun)
    run = worked_off(piled_up)
    (folder / "processed.csv").write_bytes(_processed(run))
    (folder / "videos.csv").write_bytes(_statuses(run))


def _videos() -> pl.DataFrame:
    """Return the videos' events up to the export, recorded as they occurred."""
    import polars as pl

    told = video.traffic(VIDEOS, SEED).filter(pl.col("occurred_at") <= moment(EXPORTED))
    told = told.with_columns(pl.col("occurred_at").alias("recorded_at"))
    return told.sort("recorded_at", "aggregate_id", maintain_order=True)


def worked_off(told: tuple[Message, ...]) -> Run:
    """Return what three workers make of messages that no key holds together."""
    ids = [message.event_id for message in told]
    Random(SEED).shuffle(ids)
    return consume(
        told,
        key=lambda _: None,
        handler=lambda row, message: video.written(row, message.event),
        way=AT_LEAST_ONCE,
        commit_every=2,
        policy=DROP,
        timeout=60,
        backoff=Backoff(first=2, cap=8, seed=SEED),
        script=SCRIPT,
        flaky=dict.fromkeys(ids[:6], 2),
        poison=ids[6:7],
        seed=SEED,
    )


def _processed(run: Run) -> bytes:
    """Return a row a write: which event, by whom, taken and processed when."""
    taken: dict[tuple[str, str | None], int] = {}
    rows = []
    for step in run.trace.steps:
        if step.did == "took":
            taken[step.worker, step.event_id] = step.at
        elif step.did in WRITES:
            begun = taken[step.worker, step.event_id]
            rows.append((step.event_id, step.worker, _when(begun), _when(step.at)))
    return _csv(("event_id", "worker", "taken_at", "processed_at"), rows)


def _statuses(run: Run) -> bytes:
    """Return a row a video: its status, and when it was written."""
    whose = {each.event_id: each.aggregate_id for each in run.trace.messages}
    ends = {
        whose[step.event_id]: (step.state, _when(step.at))
        for step in run.trace.steps
        if step.did in WRITES and step.event_id is not None
    }
    rows = [(name, *end) for name, end in sorted(ends.items())]
    return _csv(("aggregate_id", "status", "updated_at"), rows)


def _when(micros: int) -> str:
    """Return the time of a step; a tick is a millisecond in the trace."""
    at = moment(BEGUN) + TICK * (micros // 1_000)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1_000:03}Z"


def _csv(header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue().encode()
