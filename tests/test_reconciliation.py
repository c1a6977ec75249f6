"""The reconciliation stage tells what leads from a ledger to a claim, to the cent."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets import TraitError

import esbench as es
from esbench import analysis, widgets
from esbench.analysis.inverse import Moved, explained
from esbench.domains import bank
from esbench.errors import NotFound, UnclearExtract
from esbench.lessons.letters import LETTERS
from esbench.widgets import sources

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def stage():
    """The stage with Ben's story."""
    return widgets.reconciliation()


def account(*moves, opened="500.00"):
    """Make a log of one account with these moves."""
    log = es.EventLog.temporary(events=bank.EVENTS, clock=es.Clock("2024-03-01"))
    events = [bank.AccountOpened(owner="Ben", initial_balance=opened)]
    for number, move in enumerate(moves):
        kind = bank.MoneyDeposited if move > 0 else bank.MoneyWithdrawn
        events.append(kind(amount=abs(Decimal(move)), transaction_id=f"t{number}"))
    log.append("a", events)
    return log


def test_ben_is_explained(stage):
    """300 is what one gets if #123 is missed, or #456 and #789 are doubled."""
    assert stage.finding == "The log says 500.00 and the claim 300.00: 200.00 less."
    found = [one["said"][""] for one in stage._table["ways"]]
    assert found == [
        "Explanation 1 of 2, #123 missed: 500.00 − 200.00 = 300.00.",
        (
            "Explanation 2 of 2, #456 and #789 doubled: "
            "500.00 + 300.00 − 500.00 = 300.00."
        ),
    ]
    told = analysis.explain_claim(sources.ben_log(), "ben", "300.00")
    assert [one["label"] for one in stage._table["ways"]] == list(told.named)


def test_each_answer_that_is_wrong_says_what_it_gives(stage):
    """Missing #456 gives 200.00, and the stage says so."""
    assert stage._table["answers"] == (
        ("#123 missed", ""),
        ("#456 missed", "that gives 200.00"),
        ("#789 missed", "that gives 1000.00"),
        ("#123 doubled", "that gives 700.00"),
    )


def test_the_lines_of_python_give_what_the_stage_says():
    """Each line runs as it stands, and a drafted correction leads to the claim."""
    stage = widgets.reconciliation()
    for place in range(3):
        stage.at = place
        for verdict in ("", "log", "claim") if place else ("",):
            stage.verdicts = {str(place): verdict} if verdict else {}
            log = sources.ben_log()
            names = {"log": log, "bank": bank, "analysis": analysis}
            given = eval(stage.python, names)
            balance = bank.Account.hydrate(log, "ben").balance
            assert balance == Decimal("300.00" if verdict == "claim" else "500.00")
            if not place:
                assert given == Decimal("500.00")


def test_the_papers_decide(stage):
    """An explanation is no proof: the papers back the log, or a correction follows."""
    stage.at = 1
    stage.verdicts = {"1": "log"}
    assert (
        stage.finding
        == "The papers back the log: 500.00 stands, and the claim is wrong."
    )
    stage.verdicts = {"1": "claim"}
    assert stage.finding == (
        "Append one event, edit nothing: the balance becomes 300.00."
    )
    stage.at = 2
    assert stage.finding.startswith("Explanation 2 of 2")


def test_a_fact_that_was_never_recorded_is_drafted():
    """Where nothing explains a claim, a booking with a voucher closes the gap."""
    stage = widgets.reconciliation(claim="411.11")
    stage.at, stage.verdicts = 1, {"1": "claim"}
    assert stage._table["ways"][0]["said"][""] == (
        "No single change and no pair leads to 411.11: was a fact never recorded?"
    )
    assert stage.python == (
        'log.append("ben", [bank.MoneyWithdrawn(amount="88.89", '
        'transaction_id="voucher 1")], expected_version=4)'
    )
    assert dict(stage._table["answers"])["no single one"] == ""


def test_a_claim_that_agrees_needs_no_explanation():
    """The log's own balance is told as such, and there is nowhere to step."""
    stage = widgets.reconciliation(claim="500.00")
    assert stage.finding == "The log and the claim agree about ben: 500.00."
    assert stage._table["ways"] == []
    assert stage.picture().startswith(PNG)


def test_a_stale_claim_is_told_first():
    """A claim that was right once is stale: all later transactions are missed."""
    stage = widgets.reconciliation(account(100, -30, 40), "a", "600.00")
    way = stage._table["ways"][0]
    assert way["label"].startswith("stale: right after t0")
    assert way["marks"] == {2: "missed", 3: "missed"}


@given(
    moves=st.lists(st.integers(-40, 40).filter(bool), max_size=6),
    claim=st.integers(300, 700),
)
def test_every_explanation_and_every_draft_leads_to_the_claim(moves, claim):
    """Whatever was booked, effects add up to the gap, and so do the drafts."""
    log = account(*moves)
    stage = widgets.reconciliation(log, "a", f"{claim}.00")
    balance = 500 + sum(moves)
    for number, way in enumerate(stage._table["ways"], start=1):
        assert not way["marks"] or balance + sum(way["effects"].values()) == claim
        assert balance + sum(one[3] for one in way["draft"]) == claim
        stage.at, stage.verdicts = number, {str(number): "claim"}
        assert "edit nothing" in stage.finding
    answers = stage._table["answers"]
    assert len({text for text, _ in answers}) == len(LETTERS)
    assert [bool(reason) for _, reason in answers] == [False, True, True, True]


@given(units=st.lists(st.integers(-99, 99), max_size=7), gap=st.integers(-200, 200))
def test_changes_say_the_same_as_words(units, gap):
    """Each explanation in words has its changes beside it, which close the gap."""
    ways = explained([Moved(f"t{at}", one) for at, one in enumerate(units)], gap)
    assert len(ways.changes) == len(ways.named) + bool(ways.stale)
    for changes in ways.changes:
        assert sum(one.effect for one in changes) == gap
        assert [one.place for one in changes] == sorted(one.place for one in changes)


def test_a_correction_books_what_was_meant():
    """A wrong sign is undone and booked the other way; swapped digits likewise."""
    log = account(54)
    names = {"log": log, "bank": bank}
    for claim, kinds in (
        ("446.00", ["TransactionReversed", "MoneyWithdrawn"]),
        ("545.00", ["TransactionReversed", "MoneyDeposited"]),
        ("608.00", ["MoneyDeposited"]),
    ):
        way = widgets.reconciliation(log, "a", claim)._table["ways"][0]
        assert [one[0] for one in way["draft"]] == kinds
    stage = widgets.reconciliation(log, "a", "446.00")
    stage.at, stage.verdicts = 1, {"1": "claim"}
    eval(stage.python, names)
    assert bank.Account.hydrate(log, "a").balance == Decimal("446.00")


def test_what_is_no_claim_is_refused():
    """A claim that is no amount, and an account that is not there."""
    with pytest.raises(UnclearExtract):
        widgets.reconciliation(claim="much")
    with pytest.raises(NotFound, match="zoe"):
        widgets.reconciliation(sources.ben_log(), "zoe")
    with pytest.raises(TraitError, match="it goes from 0 to 2"):
        widgets.reconciliation().at = 3


def test_two_thousand_events_stay_small():
    """A long ledger ships the cards that are seen, and counts every explanation."""
    log = account(*(number % 17 + 1 for number in range(2_000)))
    stage = widgets.reconciliation(log, "a", "20000.00")
    assert len(json.dumps(stage._table)) < 150_000
    assert len(stage._table["cards"]) < 40
    assert stage.picture().startswith(PNG)


@pytest.mark.parametrize("place", range(3))
def test_png_sentence_and_live_view_come_together(place):
    """The bundle holds all three; the PNG is alike on every run and below 60 kB."""
    stage, twin = widgets.reconciliation(), widgets.reconciliation()
    stage.at = twin.at = place
    data, metadata = stage._repr_mimebundle_()
    assert data["text/plain"] == repr(stage) == metadata["image/png"]["alt"]
    assert stage.picture() == twin.picture()
    assert len(stage.picture()) < 60_000


def test_hostile_texts_stay_texts():
    """Any id can be drawn, and none ends the script of a page."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    evil = "</script><script>alert(1)</script>$x^2$"
    opened = bank.AccountOpened(owner=evil, initial_balance="1.00")
    moved = bank.MoneyDeposited(amount="2.00", transaction_id=evil)
    log.append(evil, [opened, moved])
    stage = widgets.reconciliation(log, evil, "1.00")
    stage.at = 1
    assert stage.picture().startswith(PNG)
    assert stage.site_html().count("</script>") == 1
