"""Three processes race for a real row: it ends wrong without a fix, never with one."""

import importlib
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import postgres_server
import pytest
from msgspec.structs import replace

from esbench.errors import InvalidSchedule, StoreError
from esbench.workers import given, race_for_real, replay
from esbench.workers.databases import SCHEMA, database_of
from esbench.workers.real import _kept


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request, tmp_path_factory):
    """Give what makes a place for a race, on either database."""
    if request.param == "postgres":
        where = request.getfixturevalue("postgres")
        return lambda: where
    return lambda: tmp_path_factory.mktemp("race") / "row.db"


@pytest.fixture(scope="module")
def raced(place):
    """Give sixty real races without a fix."""
    return race_for_real(place(), 60)


def schemas(postgres):
    """Count what races have left on the server."""
    psycopg = importlib.import_module("psycopg")
    with psycopg.connect(postgres) as own:
        found = own.execute(
            "SELECT count(*) FROM pg_namespace WHERE nspname = %s", (SCHEMA,)
        )
        return found.fetchone()[0]


def test_wrong_ends_occur_without_a_fix(raced):
    """Some of sixty rows do not say success, and all sixty say something."""
    assert 0 < raced.wrong <= 60
    assert sum(raced.ends.values()) == 60
    assert raced.ends["success"] == 60 - raced.wrong


def test_the_database_s_order_explains_every_end(raced):
    """Each run's writes, played through the model, end as the row did."""
    last = [raced.trace(run).states["it"] for run in range(raced.runs)]
    assert {state: last.count(state) for state in raced.ends} == raced.ends
    assert {len(set(order)) for order in raced.orders} == {3}
    trace = raced.trace(0)
    assert replay(trace, _kept(guarded=False)) == trace


def test_observed_stands_beside_predicted(raced):
    """Every write has its latency; predictions are a rate each, one with interval."""
    assert len(raced.measured) == 180
    assert {worker for worker, _, _ in raced.measured} == {"W1", "W2", "W3"}
    assert raced.fitted.exact
    assert not raced.predicted.exact
    low, high = raced.interval
    assert 0 <= low <= float(raced.rate) <= high <= 1
    assert "of 60 real runs ended wrong" in raced.says


def test_times_taken_together_tell_what_independent_ones_do_not(raced):
    """They end nearly as the rows did; drawn apart, times that rise together don't."""
    assert abs(raced.together - raced.rate) <= Fraction(5, 60)
    rising = tuple(
        (f"W{lane}", state, 1_000 * run + lane)
        for run in range(60)
        for lane, state in enumerate(raced.ends, 1)
    )
    held_up = replace(raced, measured=rising)
    assert held_up.together == 0
    assert held_up.predicted.wrong > Fraction(1, 2)
    assert replace(raced, guarded=True).together == 0


def test_none_ends_wrong_with_a_guard(place):
    """The same race with a version in the statement: every row says success."""
    found = race_for_real(place(), 40, guarded=True)
    assert found.wrong == 0
    assert found.fitted.wrong == 0
    assert any(order[-1] != "W3" for order in found.orders)


@pytest.mark.torture
@pytest.mark.parametrize("guarded", [False, True], ids=["no fix", "guard"])
def test_a_thousand_races_end_as_their_order_says(place, guarded):
    """All three write at once, so that they wait for the row: no end is unexplained."""
    at_once = given({"*": [1, 2, 3]})
    found = race_for_real(place(), 1_000, guarded=guarded, latencies=at_once)
    last = [found.trace(run).states["it"] for run in range(found.runs)]
    assert {state: last.count(state) for state in found.ends} == found.ends
    assert (found.wrong == 0) is guarded


# What can't be raced on


def test_a_used_database_is_refused(tmp_path):
    """It is not written into what is there, and not run for nothing."""
    (tmp_path / "row.db").touch()
    with pytest.raises(InvalidSchedule, match="take a new file"):
        race_for_real(tmp_path / "row.db", 1, latencies=given(1))
    with pytest.raises(InvalidSchedule, match="0 runs"):
        race_for_real(tmp_path / "other.db", 0)
    assert not (tmp_path / "other.db").exists()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    """What SQLite says comes with the file's name, without a traceback of its own."""
    with pytest.raises(StoreError, match=r"SQLite can't use row\.db: unable to open"):
        race_for_real(tmp_path / "nowhere" / "row.db", 1)


def test_an_address_of_something_else_is_refused():
    """Neither a file nor a server is made of it."""
    with pytest.raises(InvalidSchedule, match="and this address is neither"):
        race_for_real("mysql://host/name", 1)


def test_a_name_says_which_database_it_is(tmp_path):
    """A file by its name or path; a server by its address or by what libpq takes."""
    assert database_of("row.db") == database_of(Path("row.db"))
    assert database_of(Path("a=b.db")).file == Path("a=b.db")
    servers = ["postgres://ada@host/db", "postgresql:///db", "host=h dbname=d"]
    assert [database_of(each).where for each in servers] == servers
    found = race_for_real(str(tmp_path / "row.db"), 1, latencies=given(1))
    assert found.runs == sum(found.ends.values()) == 1


def test_a_race_leaves_nothing_on_a_server(postgres):
    """The schema is gone when the race is over; one that is there is not touched."""
    race_for_real(postgres, 1, latencies=given(1))
    assert schemas(postgres) == 0
    with (
        database_of(postgres).made(),
        pytest.raises(InvalidSchedule, match=f"DROP SCHEMA {SCHEMA} CASCADE"),
    ):
        race_for_real(postgres, 1)
    assert schemas(postgres) == 0


def test_without_psycopg_it_says_what_to_install(monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'esbench\[postgres\]'"):
        race_for_real("host=nowhere", 1)


def test_a_server_that_is_not_there_is_told(tmp_path):
    """One line says so, and gives away no password."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(StoreError, match="no PostgreSQL server answers") as caught:
        race_for_real(f"host={tmp_path} user=ada password=geheim", 1)
    assert "\n" not in str(caught.value)
    assert "geheim" not in repr(caught.value)
    assert "geheim" not in repr(database_of("password=geheim"))


def test_what_a_server_forbids_is_told(postgres):
    """A database that does not exist is named by the server's own words."""
    with pytest.raises(StoreError, match='database "nowhere" does not exist'):
        race_for_real(f"{postgres} dbname=nowhere", 1)


def test_a_server_that_goes_away_ends_the_race_at_once():
    """The workers report what they saw; nobody waits for them for a minute."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if postgres_server.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres_server.running() as where:
        cutter = threading.Thread(target=cut_off, args=(where,))
        cutter.start()
        with pytest.raises(StoreError, match="PostgreSQL"):
            race_for_real(where, 100_000)
        cutter.join()


def cut_off(where):
    """Wait until a race and its three workers are there, and end their connections."""
    psycopg = importlib.import_module("psycopg")
    others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with psycopg.connect(where, autocommit=True) as own:
        while True:
            found = own.execute(f"SELECT pid FROM pg_stat_activity WHERE {others}")
            if len(pids := found.fetchall()) == 4:
                for pid in pids:
                    own.execute("SELECT pg_terminate_backend(%s)", pid)
                return
            time.sleep(0.05)
