"""Three processes race for a real row: it ends wrong without a fix, never with one."""

import pytest

from esbench.errors import InvalidSchedule
from esbench.workers import given, race_for_real, replay
from esbench.workers.real import _kept


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    """Give sixty real races without a fix."""
    return race_for_real(tmp_path_factory.mktemp("race") / "row.db", 60)


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


def test_none_ends_wrong_with_a_guard(tmp_path):
    """The same race with a version in the statement: every row says success."""
    found = race_for_real(tmp_path / "row.db", 40, guarded=True)
    assert found.wrong == 0
    assert found.fitted.wrong == 0
    assert any(order[-1] != "W3" for order in found.orders)


def test_a_used_database_is_refused(tmp_path):
    """It is not written into what is there, and not run for nothing."""
    (tmp_path / "row.db").touch()
    with pytest.raises(InvalidSchedule, match="a new file"):
        race_for_real(tmp_path / "row.db", 1, latencies=given(1))
    with pytest.raises(InvalidSchedule, match="0 runs"):
        race_for_real(tmp_path / "other.db", 0)
