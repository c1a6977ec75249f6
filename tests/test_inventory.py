"""A stock room: what the book says, what was counted, and why they differ."""

import pytest

import esbench as es
from esbench.analysis import changed, explain
from esbench.cli.run import run
from esbench.domains import inventory


@pytest.fixture
def clock():
    """A clock set by hand."""
    return es.Clock("2023-12-01")


@pytest.fixture
def log(clock):
    """The log of the lamp."""
    made = es.EventLog.temporary(events=inventory.EVENTS, clock=clock)
    inventory.lamp(made, clock)
    return made


def on_hand(log, *about):
    """Give what the book says."""
    recorded = about[1] if len(about) > 1 else None
    past = log.as_of(about[0], recorded=recorded)
    return inventory.Stock.hydrate(past, "lamp").on_hand


def test_stock_on_dec_31(log):
    """That evening the book says 37, and 35 once the late sale is in, as counted."""
    assert on_hand(log, "2023-12-31", "2023-12-31") == 37
    assert on_hand(log, "2023-12-31") == 35
    assert inventory.Stock.hydrate(log, "lamp").counted == 35


def test_the_late_sale_explains_the_difference(log):
    """What changed about Dec 31 is one sale of 2."""
    report = changed(log, "2023-12-31", projection=inventory.Stock)
    [row] = report.table.rows(named=True)
    assert (row["old"], row["new"], row["difference"]) == (37, 35, -2)
    assert row["transactions"] == "StockSold lamp/4 -2 on 2024-01-03"


def test_a_count_changes_nothing_and_an_adjustment_does(log):
    """A count is an observation; the book is put right by an event that says why."""
    log.append("lamp", [inventory.StockCounted(counted=34)])
    assert on_hand(log, "2024-01-03") == 35
    log.append("lamp", [inventory.StockAdjusted(quantity=-1, reason="broken")])
    assert inventory.Stock.hydrate(log, "lamp").on_hand == 34
    told = explain(log, "lamp", projection=inventory.Stock).finding
    assert told == "The on_hand of lamp is 34 = 40 − 3 − 2 − 1; nothing is left out."


def test_the_command_line_knows_the_stock_room(tmp_path, monkeypatch, capsys, clock):
    """A log of stock is shown by its own projection without naming it."""
    monkeypatch.chdir(tmp_path)
    inventory.lamp(es.EventLog("shop", inventory.EVENTS, clock=clock), clock)
    assert run(["table", "--log", "shop", "--about", "2023-12-31"]) == 0
    assert "on_hand" in capsys.readouterr().out
