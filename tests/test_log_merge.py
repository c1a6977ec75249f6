"""Merging changes no answer: not the events, not their order, not the head."""

import os
import time

import polars as pl
import pytest
from log_samples import EVENTS, NOW, Every, Memory, Opened, Paid, numbered

import esbench as es
from esbench.log import merge as merging
from esbench.log.file import commit_name, segment_name
from esbench.log.store import HOUR


@pytest.fixture
def small_windows(monkeypatch):
    """Let windows be 2, 4 and 8 positions wide."""
    monkeypatch.setattr(merging, "EIGHT", 2)
    monkeypatch.setattr(merging, "LEVELS", (1, 2, 3))


def fill(log, commits=12):
    """Append commits of one to three events of several aggregates and types."""
    for number in range(commits):
        key = "abc"[number % 3]
        events = [Opened(owner=f"é{number}"), Paid(amount=number), Every(whole=number)]
        log.append(
            key,
            events[: number % 3 + 1],
            occurred_at=f"2024-01-{number + 1:02}T00:00:00Z",
        )


def answers(log):
    """Give everything that a log says, in plain values."""
    past = log.as_of("2024-01-06", position=log.head().position)
    return {
        "head": log.head(),
        "all": list(log.read()),
        "one": [list(log.read(key)) for key in "abcd"],
        "after": list(log.read(after=7)),
        "scan": log.scan().sort("position").collect().to_dicts(),
        "type": log.scan("Paid").sort("position").collect().to_dicts(),
        "behind": log.scan(after=9).sort("position").collect().to_dicts(),
        "past": list(past.read()),
        "counts": (len(log), len(past)),
    }


def made(folder, **named):
    """Give a log that merges when it is told to."""
    return es.EventLog(
        folder, EVENTS, clock=es.Clock(NOW), ids=numbered(), merge="never", **named
    )


def age(folder, hours=2):
    """Make all segments as old as that."""
    then = time.time() - hours * HOUR
    for path in (folder / "segments").iterdir():
        os.utime(path, (then, then))


@pytest.mark.usefixtures("small_windows")
def test_every_answer_is_the_same(tmp_path):
    """Before, while and after a log is merged, and opened anew, it says the same."""
    log = made(tmp_path)
    fill(log)
    reader = made(tmp_path)
    before = answers(log)
    done = log.merge()
    assert done.commits == 12
    assert answers(log) == answers(reader) == answers(made(tmp_path)) == before
    assert log.verify().ok
    age(tmp_path)
    cleared = log.merge()
    assert cleared.segments == ()
    assert answers(log) == answers(reader) == answers(made(tmp_path)) == before
    assert list((tmp_path / "events").iterdir()) == []
    assert [header.level for header in log.headers()] == [3, 3, 3]
    assert len(list((tmp_path / "segments").iterdir())) == 3
    assert log.verify(before["head"]).ok
    log.append("a", [Paid(amount=1)], expected_version=len(before["one"][0]))
    assert len(log) == before["counts"][0] + 1
    assert reader.head() == log.head()


@pytest.mark.usefixtures("small_windows")
def test_old_heads_prove_a_merged_log(tmp_path):
    """A head kept from any time proves the log that was merged since."""
    log = made(tmp_path)
    heads = [log.head()]
    for number in range(12):
        log.append("a", [Paid(amount=number)] * (number % 3 + 1))
        heads.append(log.head())
    log.merge()
    for head in heads:
        assert log.verify(head).ok
    wrong = es.Head(heads[5].position, "0" * 64)
    assert "was rewritten" in str(log.verify(wrong))


@pytest.mark.usefixtures("small_windows")
def test_what_began_before_a_merge_finishes_after_it(tmp_path):
    """Readers, lazy frames and lists of files are good until sources are deleted."""
    import duckdb

    log = made(tmp_path)
    fill(log)
    before = answers(log)
    reading, lazy, files = log.read(), log.scan(), log.files()
    past = log.as_of("2024-01-06")
    known = list(past.read())
    log.merge()
    assert list(reading) == before["all"]
    assert lazy.sort("position").collect().to_dicts() == before["scan"]
    query = f"select count(*) from read_parquet({files}, union_by_name=true)"
    assert duckdb.sql(query).fetchall() == [(before["counts"][0],)]
    age(tmp_path)
    log.merge()
    assert list(past.read()) == known


def test_a_log_merges_by_itself(tmp_path, monkeypatch):
    """Once enough commits wait, a writer merges; with merge="never" it does not."""
    monkeypatch.setattr("esbench.log.log.ENOUGH", 600)
    auto = es.EventLog(tmp_path / "auto", [Paid])
    never = es.EventLog(tmp_path / "never", [Paid], merge="never")
    for log in (auto, never):
        for number in range(600):
            log.append(f"a{number % 7}", [Paid(amount=number)])
    names = [header.name for header in auto.headers()]
    assert names[0] == segment_name(1, 512)
    assert names[1:] == [commit_name(first) for first in range(513, 601)]
    assert len(never.headers()) == 600
    assert auto.verify().ok


def test_large_and_small_pieces_merge(tmp_path):
    """Frames of thousands of rows and single events make one log, merged or not."""
    log, twin = made(tmp_path / "log"), made(tmp_path / "twin")
    for each in (log, twin):
        for size in (700, 3_000, 1, 20, 40_000, 2, 900, 5_000):
            rows = {
                "aggregate_id": [f"a{n % 50:02}" for n in range(size)],
                "type": ["Paid"] * size,
                "amount": [str(n) for n in range(size)],
            }
            each.append_frame(pl.DataFrame(rows))
        each.append("a01", [Paid(amount=1)])
    done = log.merge()
    assert done.segments
    assert log.head() == twin.head()
    assert list(log.read()) == list(twin.read())
    assert list(log.read("a07")) == list(twin.read("a07"))
    assert log.verify(twin.head()).ok
    assert log.append("a01", [Paid(amount=2)]) == twin.append("a01", [Paid(amount=2)])


def test_columns_that_came_later_are_merged(tmp_path, monkeypatch):
    """Pieces with fewer columns, and types nobody declares, survive a merge."""
    monkeypatch.setattr(merging, "EIGHT", 2)
    monkeypatch.setattr(merging, "LEVELS", (1, 2, 3))
    log = es.EventLog(tmp_path, [Opened], clock=es.Clock(NOW), merge="never")
    log.append("a", [Opened(owner="Ada")])
    log.append("a", [es.UnknownEvent(type="Odd", data={"x": [1]})])
    log = es.EventLog(tmp_path, [Opened, Every], clock=es.Clock(NOW), merge="never")
    log.append("b", [Every(nested={"k": ["v"]}, seven=None, raw=b"\0")])
    log.append("b", [es.stamped(Opened(owner="Bo"), event_id="mine")])
    before = list(log.read())
    log.merge()
    assert [header.level for header in log.headers()] == [2]
    assert list(log.read()) == before
    assert next(es.EventLog(tmp_path).read("a")).data["owner"] == "Ada"
    again = [es.stamped(Opened(owner="Bo"), event_id="mine")]
    assert log.append("b", again).first == 4


@pytest.mark.usefixtures("small_windows")
def test_two_mergers_build_the_same():
    """Two that merge at once make the same segments, whoever makes them."""
    store = Memory()
    one = es.EventLog.over(store, EVENTS, clock=es.Clock(NOW), merge="never")
    fill(one)
    two = es.EventLog.over(store, EVENTS, clock=es.Clock(NOW), merge="never")
    two.head()
    before = answers(one)
    first, second = one.merge(), two.merge()
    assert first.segments
    assert second.segments == ()
    assert answers(one) == answers(two) == before


def test_a_past_can_not_be_merged(tmp_path):
    """A past is read-only, for merging as for everything."""
    with pytest.raises(es.ReadOnly):
        made(tmp_path).as_of("2024-01-01").merge()
