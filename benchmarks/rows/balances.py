"""Rows about all accounts at once: balances about a day, and at the ends of periods.

What lives here: ``balances``, ``snapshot``, ``large``, ``series``.
The guarantee: contenders return the same rows in the same order, as frames in memory;
where a log could answer from a snapshot, that is said.
What it may not know: how results are written down.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from benchmarks import child, shelf
from benchmarks.harness import Contender, Figure, NotYet, interleaved
from benchmarks.ledger import ASKED, Balance, call, without_snapshots
from benchmarks.page import OWN, Page
from benchmarks.peers import DuckDB, from_pandas, pandas_balances, polars_balances
from benchmarks.rows.writing import told_missing
from benchmarks.setting import Setting, spoken
from esbench import EventLog
from esbench.domains import bank

if TYPE_CHECKING:
    import polars as pl

STREAMING, IN_MEMORY = "polars, streaming", "polars, in memory"
DUCKDB, PANDAS = "DuckDB", "pandas"
WITHOUT, WITH = "esbench, from the events", "esbench, from a snapshot"
SNAPSHOT_AT = 0.9
ONE_GB = 1_000
MB = 1e6
SHOWN, QUICK_SHOWN = 20_000, 2_000  # accounts whose day-ends are asked for

Rows = Callable[[], "pl.DataFrame"]


def until(log: EventLog) -> datetime:
    """Return the last moment of the day that is asked about."""
    occurred = log.as_of(ASKED).coordinates.occurred
    assert occurred is not None, "a day was asked about"
    return occurred


def table(log: EventLog) -> pl.DataFrame:
    """Return every account's balance about the day, from the events alone."""
    plain = without_snapshots(Balance.table)
    return Balance.table(log.as_of(ASKED), **plain)


def asked(name: str, run: Rows) -> Contender:
    """Return a contender that gives rows."""
    return Contender(name=name, run=lambda _: run(), answer=_frame)


def _frame(answer: pl.DataFrame) -> pl.DataFrame:
    """Return an answer's rows as a plain frame."""
    import polars as pl

    return pl.DataFrame(answer.get_columns())


# --- about a day -----------------------------------------------------------------


def balances(setting: Setting, page: Page) -> None:
    """All balances about a day, from the events."""
    log = shelf.opened(setting.shelf.log(setting.events))
    files, end = log.files(), until(log)
    contenders = [
        asked(OWN, lambda: table(log)),
        asked(STREAMING, lambda: polars_balances(files, end, streaming=True)),
        asked(IN_MEMORY, lambda: polars_balances(files, end, streaming=False)),
        *told_missing(page, lambda: [_duckdb(files, end)]),
        Contender(
            name=PANDAS,
            run=lambda _: pandas_balances(files, end),
            answer=from_pandas,
            rounds=3,
        ),
    ]
    figures = interleaved(contenders, setting.rounds(9, 3))
    page.add_times(f"balances about {ASKED}, {spoken(setting.events)}", figures)
    _judge(page, figures, "≤ 1.1× the fastest peer", 1.1)
    _whole_account(page, log)


def _duckdb(files: list[str], end: datetime) -> Contender:
    duckdb = DuckDB(files)
    return asked(DUCKDB, lambda: duckdb.balances(end))


def _judge(page: Page, figures: dict[str, Figure], text: str, limit: float) -> None:
    others = {who: f.median for who, f in figures.items() if who != OWN}
    fastest = min(others, key=lambda who: others[who])
    ratio = figures[OWN].median / others[fastest]
    page.at_most(f"{text} ({fastest})", ratio, limit, "×")


def _whole_account(page: Page, log: EventLog) -> None:
    """Tell what owner and status cost besides the balance."""
    plain = without_snapshots(bank.Account.table)
    past = log.as_of(ASKED)
    whole = Contender(
        name=OWN, run=lambda _: bank.Account.table(past, **plain), answer=None
    )
    figures = interleaved([whole], 3)
    page.add_times("the same with owner and status", figures)


# --- from a snapshot -------------------------------------------------------------


def snapshot(setting: Setting, page: Page) -> None:
    """The same from a snapshot behind nine tenths of the log."""
    _snapshot(setting, page, setting.events, 4)


def _snapshot(setting: Setting, page: Page, events: int, limit: int) -> None:
    call(Balance, "snapshot")
    log = shelf.opened(with_snapshot(setting, events))
    contenders = [
        asked(WITHOUT, lambda: table(log)),
        asked(WITH, lambda: Balance.table(log.as_of(ASKED))),
    ]
    figures = interleaved(contenders, setting.rounds(3, 2))
    page.add_times(f"{spoken(events)}, a snapshot at nine tenths", figures)
    ratio = figures[WITHOUT].median / figures[WITH].median
    page.at_least(f"{spoken(events)}: ≥ {limit}× faster", ratio, limit, "×")


def with_snapshot(setting: Setting, events: int) -> Path:
    """Return a log with a snapshot of balances behind about nine tenths of it.

    It stands where a file ends, as those do that a table leaves behind.
    """
    snapshot = call(Balance, "snapshot")
    whole = shelf.clone(setting.shelf.log(events), setting.fresh("log"))
    log = shelf.opened(whole)
    snapshot(log, file_end([header.last for header in log.headers()], events))
    return whole


def file_end(ends: list[int], events: int) -> int:
    """Return the end of a file that is nearest to nine tenths of the log.

    Ends from 95 of 100 on are left out: there events occurred after the day asked
    about.
    """
    near = [end for end in ends if end <= 0.95 * events] or ends
    return min(near, key=lambda end: abs(end - SNAPSHOT_AT * events))


# --- a hundred million -----------------------------------------------------------


def large(setting: Setting, page: Page) -> None:
    """All balances about a day of the largest log, its memory, and a snapshot."""
    path = setting.shelf.log(setting.large)
    log = shelf.opened(path)
    files, end = log.files(), until(log)
    contenders = [
        asked(OWN, lambda: table(log)),
        asked(STREAMING, lambda: polars_balances(files, end, streaming=True)),
        *told_missing(page, lambda: [_duckdb(files, end)]),
    ]
    figures = interleaved(contenders, setting.rounds(3, 2))
    work = f"balances about {ASKED}, {spoken(setting.large)}"
    page.add_times(work, figures)
    _judge(page, figures, "≤ the faster peer", 1.0)
    peak = child.apart("table", path).peak / MB
    page.add(f"{work}: memory", OWN, Figure.one(peak), "MB")
    page.at_most("memory under 1 GB", peak, ONE_GB, " MB")
    try:
        _snapshot(setting, page, setting.large, 10)
    except NotYet as error:
        page.not_yet("≥ 10× faster from a snapshot", str(error))


# --- series ----------------------------------------------------------------------


class Ends(Struct, frozen=True, kw_only=True):
    """Which ends of periods are asked for, of which accounts.

    Attributes:
        unit: ``month`` or ``day``.
        start: the first day.
        only: the accounts; all of them if there is none.
    """

    unit: str
    start: str
    only: list[str]
    last: str = "2024-12-31"

    @property
    def every(self) -> str:
        """The period, as ``series`` takes it."""
        return {"month": "1mo", "day": "1d"}[self.unit]

    @property
    def count(self) -> str:
        """How many ends there are, in words."""
        return {"month": "24 month-ends", "day": "365 day-ends"}[self.unit]


def series(setting: Setting, page: Page) -> None:
    """Every account at 24 month-ends; some accounts at 365 day-ends."""
    log = shelf.opened(setting.shelf.log(setting.events))
    _series(setting, page, log, Ends(unit="month", start="2023-01-01", only=[]))
    accounts = log.scan().select("aggregate_id").unique().sort("aggregate_id")
    wanted = setting.rounds(SHOWN, QUICK_SHOWN)
    step = max(1, shelf.traffic(setting.events).accounts // wanted)
    shown = accounts.collect().get_column("aggregate_id").gather_every(step).to_list()
    _series(setting, page, log, Ends(unit="day", start="2024-01-02", only=shown))
    page.note(
        f"Day-ends are asked for {spoken(len(shown))} accounts: of all they would be "
        "as many rows as no memory here holds, for no contender. esbench also finds "
        "in which periods an event came late, which the window query does not."
    )


def _series(setting: Setting, page: Page, log: EventLog, ends: Ends) -> None:
    def own() -> pl.DataFrame:
        only = ends.only or None
        return Balance.series(log, ends.every, only, start=ends.start, end=ends.last)

    def duckdb() -> list[Contender]:
        peer, span = DuckDB(log.files()), (ends.start, ends.last)
        return [asked(DUCKDB, lambda: peer.series(ends.unit, *span, ends.only))]

    contenders = [asked(OWN, own), *told_missing(page, duckdb)]
    figures = interleaved(contenders, setting.rounds(3, 2))
    who = f"{spoken(len(ends.only))} accounts" if ends.only else "every account"
    page.add_times(f"{ends.count} of {who}, {spoken(setting.events)}", figures)
    if DUCKDB in figures:
        ratio = figures[OWN].median / figures[DUCKDB].median
        page.at_most(f"{ends.count}: ≤ DuckDB", ratio, 1, "×")
