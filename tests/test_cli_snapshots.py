"""The command line takes snapshots, begins with them, and tells what they save."""

import json

import pytest
from test_cli import ada, call  # noqa: F401 - fixtures

import esbench as es
from esbench.domains import bank
from esbench.projection import snapshots


def rows_of(done):
    """Give the rows of an answer in JSON, which has to have worked."""
    code, out, _ = done
    assert code == 0
    return json.loads(out)["rows"]


def test_a_snapshot_is_taken_and_told(call, ada):  # noqa: F811 - fixtures
    """``snapshot`` says what it keeps, and where; the answers stay the same."""
    before = call("table", "--log", ada)[1]
    code, out, err = call("snapshot", "--log", ada)
    assert (code, err) == (0, "")
    assert out.startswith("Account at ")
    assert "snapshots/Account/" in out
    assert call("table", "--log", ada)[1] == before


def test_a_snapshot_of_any_projection_at_any_position(call, ada):  # noqa: F811
    """The projection and the position may be named; JSON tells all of it."""
    code, out, _ = call("snapshot", "Daily", "--position", "2", "--log", ada, "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["projection"], told["position"]) == ("Daily", 2)
    assert (ada / told["file"]).stat().st_size == told["bytes"]
    end = es.EventLog.existing(ada).head().position
    assert told["events_behind"] == end - 2


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["--position", "99"], 1, "the log ends at"),
        (["--position", "0"], 2, "greater than or equal to 1"),
        (["Nothing"], 2, "there is no projection Nothing"),
    ],
    ids="behind zero unknown".split(),
)
def test_a_snapshot_that_can_not_be_is_refused(call, ada, words, code, hint):  # noqa: F811
    """What can't be kept is one line on stderr, and writes nothing."""
    found, out, err = call("snapshot", *words, "--log", ada)
    assert (found, out) == (code, "")
    assert hint in err
    assert not (ada / "snapshots").exists()


def test_hydrate_says_where_it_began(call, ada):  # noqa: F811
    """A person reads from which snapshot a state was replayed; others get the state."""
    plain = call("hydrate", "ada", "--log", ada)
    call("snapshot", "--position", "2", "--log", ada)
    code, out, _ = call("hydrate", "ada", "--log", ada)
    end = es.EventLog.existing(ada).head().position
    said = f"from the snapshot at 2, {end - 2} events behind it replayed\n"
    assert (code, out) == (0, plain[1] + said)
    assert call("hydrate", "ada", "--no-snapshot", "--log", ada) == plain
    asked = ("hydrate", "ada", "--json", "--log", ada)
    assert rows_of(call(*asked)) == rows_of(call(*asked, "--no-snapshot"))


def test_no_snapshot_reads_every_event(call, ada, monkeypatch):  # noqa: F811
    """With ``--no-snapshot`` none is looked for, and none is left behind."""
    monkeypatch.setattr(snapshots, "MANY", 1)
    call("table", "--log", ada, "--no-snapshot")
    assert not (ada / "snapshots").exists()
    expected = rows_of(call("table", "--json", "--no-snapshot", "--log", ada))
    assert expected == rows_of(call("table", "--json", "--log", ada))
    assert len(list((ada / "snapshots" / "Account").iterdir())) == 1
    assert expected == rows_of(call("table", "--json", "--log", ada))


def test_info_lists_what_is_there_and_what_it_saves(call, ada):  # noqa: F811
    """Each snapshot has a row: what it is, what it saves, or why it is not used."""
    assert json.loads(call("info", "--json", "--log", ada)[1])["snapshots"] == []
    log = es.EventLog(ada, bank.EVENTS)
    bank.Account.snapshot(log, 2)
    bank.Account.snapshot(log, 3)
    file = ada / bank.Daily.snapshot(log, 3).file
    data = file.read_bytes()
    file.write_bytes(data[:-9] + b"x" + data[-8:])
    told = json.loads(call("info", "--json", "--log", ada)[1])["snapshots"]
    found = [(s["projection"], s["position"], s["events_saved"]) for s in told]
    assert found == [("Account", 2, 2), ("Account", 3, 3), ("Daily", 3, 0)]
    assert [s["problem"] is None for s in told] == [True, True, False]
    out = call("info", "--log", ada)[1]
    assert "usable, asked for" in out
    assert "not used: " in out


def test_info_names_a_snapshot_of_another_declaration(call, ada):  # noqa: F811
    """A projection of the house that has changed since is no longer served."""

    class Account(es.Projection):
        owner = es.first(bank.AccountOpened, "owner")

    Account.snapshot(es.EventLog(ada, bank.EVENTS))
    told = json.loads(call("info", "--json", "--log", ada)[1])["snapshots"]
    assert [s["problem"] for s in told] == ["the projection was declared otherwise"]
