"""``esbench demo``: the story of acc_123, told by a log that vanishes afterwards.

What lives here: which questions are asked, and in which order.
The guarantee: every figure that is printed was computed by the library a moment ago.
What it may not know: any figure.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from esbench.cli import tables

if TYPE_CHECKING:
    from esbench.log import EventLog

NEXT = """\
esbench steps ada --log data/ada
esbench hydrate ada --log data/ada --about 2024-01-31 --known 2024-02-02
esbench import data/extract.csv --log my-extract --dry-run
esbench init my-bank
esbench append --log my-bank acc_1 AccountOpened owner=Al initial_balance=500
esbench hydrate acc_1 --log my-bank
esbench lab
"""


def demo() -> None:
    """Tell the story of one account: no file is read, none is left behind.

    \b
    Example:
      esbench demo
    """
    from esbench.domains import bank
    from esbench.log import EventLog
    from esbench.moments import Clock

    clock = Clock("2024-01-01")
    log = EventLog.temporary(bank.EVENTS, clock=clock)
    _told(log, bank.acc_123(log, clock))
    clock = Clock("2024-01-01")
    log = EventLog.temporary(bank.EVENTS, clock=clock)
    _late(log, bank.ada(log, clock))
    _next()


def _told(log: EventLog, key: str) -> None:
    """Show what happened, what it comes to, and what it came to before."""
    from esbench.domains import bank

    steps = bank.Account.steps(log, key)
    balances = " → ".join(map(str, steps.get_column("balance")))
    tables.out("An account is what happened to it. Nobody stores a balance:")
    tables.out()
    shown = steps.select("version", "type", "occurred_at", "change", "balance")
    tables.print_grid(tables.grid_of(shown, log.zone))
    tables.out()
    tables.out(f"{key}: {balances}. The last one is the balance now.")
    tables.out()
    past = log.as_of("2024-01-16")
    then = bank.Account.hydrate(past, key)
    tables.out("What was it on Jan 16? Leave out what happened later:")
    tables.out()
    tables.out(f"  {then.balance}   ({past.coordinates})")
    tables.out()


def _late(log: EventLog, key: str) -> None:
    """Show the second time: the same day, asked on three days."""
    from esbench.domains import bank

    tables.out(
        f"And when things are recorded late? The account of {key}, about Jan 31:"
    )
    tables.out()
    for known in ("2024-01-31", "2024-02-02", "2024-02-05"):
        past = log.as_of("2024-01-31", recorded=known)
        state = bank.Account.hydrate(past, key)
        tables.out(f"  {state.balance}   ({past.coordinates})")
    tables.out()


def _next() -> None:
    tables.out("Try next:")
    has_samples = Path("data/ada").is_dir()
    for line in NEXT.splitlines():
        if has_samples or "data/" not in line:
            tables.out(f"  {line.replace('esbench', _program(), 1)}")


def _program() -> str:
    """Return what a shell in this folder calls esbench, set up here or not."""
    for place in (Path(".venv/bin/esbench"), Path(".venv/Scripts/esbench.exe")):
        if place.exists():
            return str(place)
    return "esbench"
