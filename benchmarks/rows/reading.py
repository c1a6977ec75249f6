"""Rows about events one by one: one aggregate, and folds step by step.

What lives here: ``aggregate``, ``fold``.
The guarantee: every round asks about another account, the same for all contenders,
so that none can answer from what it remembers, except where that is what is measured.
What it may not know: how results are written down.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from benchmarks import crowd, shelf, sqlite
from benchmarks.harness import Contender, Figure, interleaved, require_equal
from benchmarks.ledger import EVOLVED, NAUGHT, Balance, without_snapshots
from benchmarks.page import OWN, Page, spelled
from benchmarks.peers import DuckDB, PolarsAccount
from benchmarks.rows.writing import told_missing
from benchmarks.setting import Setting, spoken
from esbench import EventLog

if TYPE_CHECKING:
    import polars as pl

PEER, POLARS, DUCKDB, PLAIN = crowd.EVENTSOURCING, "polars", "DuckDB", "a dict loop"
AGAIN, READ_AGAIN = "esbench, hydrated again", "esbench, read again"
TABLE, FOLDED = "esbench, table of an evolve", "esbench, its fold of log.read()"
DECLARED = "esbench, a declared fold of log.read()"
SLOW_SHARE = 10  # eventsourcing folds this fraction of the events; its rate counts


def aggregate(setting: Setting, page: Page) -> None:
    """One account's balance, out of all events of all accounts."""
    log = shelf.opened(setting.shelf.log(setting.events))
    page.note(
        "polars gets the schema beforehand, DuckDB a connection; the footers are "
        "known to esbench, as they are to any process that has looked once."
    )
    for size in (10, 1_000):
        _aggregate(setting, page, log, size)


def _aggregate(setting: Setting, page: Page, log: EventLog, size: int) -> None:
    rounds = setting.rounds(30, 10)
    keys = shelf.keys(log, size, rounds + 1)
    work = f"an account of {size:,} events, of {spoken(setting.events)}"
    figures = interleaved(_readers(setting, page, log, keys), rounds)
    again = interleaved(_again(log, keys), rounds)
    page.add_times(work, figures | again)
    own = figures[OWN].median
    others = {who: figures[who].median for who in (POLARS, DUCKDB) if who in figures}
    nearest = min(others, key=lambda who: others[who])
    page.at_most(f"{size:,} events: ahead of {nearest}", own / others[nearest], 1, "×")
    held = shelf.files_holding(log, keys).get_column("file").median()
    assert isinstance(held, float), "every account is in some file"
    text = f"{size:,} events: ≤ 1 ms a segment that holds some ({held:g} of them)"
    page.at_most(text, own * 1_000 / held, 1, " ms")
    text = f"{size:,} events: read again ≤ 0.1 ms"
    page.at_most(text, again[READ_AGAIN].median * 1_000, 0.1, " ms")
    found = f"{spelled(again[AGAIN].median * 1_000)} ms"
    page.told(f"{size:,} events: hydrated again, with the fold", found)
    if PEER in figures:
        found = f"{spelled(own / figures[PEER].median)}× its time"
        page.told(f"{size:,} events: beside eventsourcing", found)


def _readers(
    setting: Setting, page: Page, log: EventLog, keys: list[str]
) -> list[Contender]:
    """Return contenders that give the balance of one account, another each round."""
    polars = PolarsAccount(log.files())

    def reader(name: str, balance: Callable[[str], Decimal]) -> Contender:
        return Contender(name=name, prepare=lambda number: keys[number], run=balance)

    def sqlite_reader() -> list[Contender]:
        path = setting.shelf.database(setting.events) / "events.db"
        return [reader(PEER, sqlite.EventSourcing(path).balance)]

    contenders = [
        reader(OWN, lambda key: hydrated(log, key)),
        reader(POLARS, polars.balance),
    ]
    contenders += told_missing(
        page, lambda: [reader(DUCKDB, DuckDB(log.files()).balance)]
    )
    return contenders + told_missing(page, sqlite_reader)


def hydrated(log: EventLog, key: str) -> Decimal:
    """Return an account's balance, folded from its events."""
    plain = without_snapshots(Balance.hydrate)
    balance: Decimal = Balance.hydrate(log, key, **plain).balance
    return balance


def _again(log: EventLog, keys: list[str]) -> list[Contender]:
    """Return contenders that ask for what was asked just before."""

    def prepare(number: int) -> str:
        hydrated(log, keys[number])
        return keys[number]

    return [
        Contender(
            name=READ_AGAIN,
            prepare=prepare,
            run=lambda key: list(log.read(key)),
            answer=None,
        ),
        Contender(name=AGAIN, prepare=prepare, run=lambda key: hydrated(log, key)),
    ]


# --- step by step ----------------------------------------------------------------


def fold(setting: Setting, page: Page) -> None:
    """Every account's balance, event by event in Python."""
    events, few = setting.folded, max(1, setting.folded // SLOW_SHARE)
    log = shelf.opened(setting.shelf.log(events))
    plain = without_snapshots(EVOLVED.table)
    contenders = [
        Contender(
            name=TABLE, run=lambda _: EVOLVED.table(log, **plain), answer=_states
        ),
        Contender(name=FOLDED, run=lambda _: EVOLVED.fold(log.read())),
        Contender(
            name=DECLARED, run=lambda _: Balance.fold(log.read()), answer=_values
        ),
        Contender(name=PLAIN, run=lambda _: dict_loop(log.files())),
    ]
    contenders += told_missing(page, lambda: _sqlite_fold(setting, log, few))
    figures = interleaved(contenders, setting.rounds(3, 2))
    rates = {
        who: figure.rate(few if who == PEER else events)
        for who, figure in figures.items()
    }
    for who, rate in rates.items():
        page.add(f"{spoken(events)} events", who, rate, "events/s")
    if PEER in rates:
        page.note(f"eventsourcing folds the first {spoken(few)} events alone.")
    for who in (TABLE, FOLDED, DECLARED):
        _judge(page, who, rates[who])


def _judge(page: Page, who: str, rate: Figure) -> None:
    text = f"{who.removeprefix('esbench, ')}: ≥ 0.8 M events/s"
    page.at_least(text, rate.median / 1e6, 0.8, " M events/s")


def _states(answer: pl.DataFrame) -> dict[str, Decimal]:
    return dict(answer.select("aggregate_id", "state").iter_rows())


def _values(states: dict[Any, Balance]) -> dict[Any, Decimal]:
    return {key: state.balance for key, state in states.items()}


def dict_loop(files: list[str]) -> dict[str, Decimal]:
    """Return every account's balance, by the plainest loop over the same columns."""
    import polars as pl

    names = ("aggregate_id", "type", "initial_balance", "amount")
    rows = pl.scan_parquet(files).sort("position").select(names).collect()
    columns = (rows.get_column(name).to_list() for name in names)
    balances: dict[str, Decimal] = {}
    for key, kind, opening, amount in zip(*columns, strict=True):
        if kind == "MoneyWithdrawn":
            moved = -amount
        else:
            moved = opening if kind == "AccountOpened" else amount
        balances[key] = balances.get(key, NAUGHT) + moved
    return {key: balances[key] for key in sorted(balances)}


def _sqlite_fold(setting: Setting, log: EventLog, few: int) -> list[Contender]:
    """Return eventsourcing's fold of the first events, once its answer is right."""
    sqlite.module("eventsourcing")
    database = sqlite.EventSourcing(setting.fresh("events.db"))
    database.put(sqlite.domain_events(shelf.traffic(setting.folded).frame(1, few)))
    own = EVOLVED.fold(log.as_of(position=few).read())
    require_equal({OWN: own, PEER: database.balances()})
    return [Contender(name=PEER, run=lambda _: database.balances(), answer=None)]
