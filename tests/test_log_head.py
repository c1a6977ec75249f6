"""The head stands for all before it, and followers miss nothing on the way to it."""

import itertools
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest
from log_samples import EVENTS, NOW, Opened, Paid, sample

import esbench as es


def test_a_head_is_the_same_for_everybody(tmp_path):
    """Reopening, another registry and another object give the same head."""
    log = sample(tmp_path)
    head = log.head()
    assert head.position == len(log) == 4
    assert head == log.head() == log.as_of(position=1).head()
    for events in (EVENTS, EVENTS[::-1], [Opened], ()):
        assert es.EventLog(tmp_path, events).head() == head
    assert sample(tmp_path.parent / f"{tmp_path.name}-twin").head() == head


def test_the_order_of_declarations_changes_no_head():
    """Column order follows the declarations, the head does not."""
    heads, columns = set(), set()
    for events in itertools.permutations(EVENTS):
        log = es.EventLog.temporary(
            events, clock=es.Clock(NOW), ids=iter("abcd").__next__
        )
        log.append("a", [Opened(owner="Ada"), Paid(amount=1, note="x")])
        heads.add(log.head())
        columns.add(tuple(log.scan().collect().columns))
        assert log.verify(log.head()).ok
    assert len(heads) == 1
    assert len(columns) > 1


def test_every_head_that_was_is_proved(tmp_path):
    """Verify proves each earlier head, and refuses those of other logs."""
    log = es.EventLog(tmp_path, EVENTS, clock=es.Clock(NOW))
    heads = [log.head()]
    for number in range(3):
        log.append("a", [Paid(amount=number), Paid(amount=number)])
        heads.append(log.head())
    assert len(set(heads)) == 4
    assert [h.position for h in heads] == [0, 2, 4, 6]
    for head in heads:
        assert log.verify(head).ok
        assert log.verify(str(head)).ok
    assert not log.verify(es.Head(3, heads[1].chain)).ok
    assert not log.verify(sample(tmp_path.parent / f"{tmp_path.name}-2").head()).ok
    empty = es.EventLog.temporary()
    assert empty.head().position == 0
    assert not log.verify(empty.head()).ok


def take(log, count, **asked):
    """Give the first events that a follower gets."""
    return list(itertools.islice(log.follow(**asked), count))


def test_following_gives_what_is_there_and_what_comes(tmp_path):
    """A follower gets every event once, in order, those appended later too."""
    log = sample(tmp_path)
    assert [e.position for e in take(log, 4)] == [1, 2, 3, 4]
    assert [e.position for e in take(log, 2, after=2)] == [3, 4]
    follower = log.follow(after=3, pause=0.01)
    assert next(follower).position == 4
    log.append("a", [Paid(amount=1), Paid(amount=2)])
    rows = {"aggregate_id": ["b"] * 1_500, "type": "Paid", "amount": 1}
    log.append_frame(pl.DataFrame(rows))
    log.append("a", [Paid(amount=3)])
    assert [next(follower).position for _ in range(1_503)] == list(range(5, 1_508))
    follower.close()
    assert list(follower) == []


def test_following_across_threads_has_no_gap():
    """Four writing threads and two followers agree on one order."""
    log = es.EventLog.temporary(EVENTS)
    found = {}

    def follow(name):
        found[name] = take(log, 80, pause=0.001)

    def write(name):
        for number in range(20):
            log.append(name, [Paid(amount=number)])

    threads = [threading.Thread(target=follow, args=(n,)) for n in (0, 1)]
    threads += [threading.Thread(target=write, args=(n,)) for n in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [e.position for e in found[0]] == list(range(1, 81))
    assert found[0] == found[1] == list(log.read())


WRITING = """
import sys
sys.path.insert(0, {tests!r})
import esbench as es
from log_samples import EVENTS, Paid
log = es.EventLog(sys.argv[1], EVENTS)
for number in range(40):
    log.append(sys.argv[2], [Paid(amount=number)] * (1 + number % 3))
"""


def test_following_other_processes_has_no_gap(tmp_path):
    """A follower of two writing processes gets every position, one by one."""
    log = es.EventLog(tmp_path, EVENTS)
    code = WRITING.format(tests=str(Path(__file__).parent))
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name])
        for name in ("x", "y")
    ]
    total = 2 * sum(1 + number % 3 for number in range(40))
    found = take(log, total, pause=0.001)
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert [e.position for e in found] == list(range(1, total + 1))
    assert found == list(es.EventLog(tmp_path, EVENTS).read())


def test_reading_holds_what_was_there_when_asked():
    """What is appended while somebody reads is not read by that reader."""
    log = es.EventLog.temporary(EVENTS)
    log.append("a", [Paid(amount=1)])
    rows = {"aggregate_id": ["b"] * 1_500, "type": "Paid", "amount": 1}
    log.append_frame(pl.DataFrame(rows))
    everything, one, scanned = log.read(), log.read("a"), log.scan()
    log.append("a", [Paid(amount=2)])
    assert len(list(everything)) == 1_501
    assert len(list(one)) == 1
    assert scanned.collect().height == 1_501
    assert len(log) == 1_502


@pytest.mark.parametrize("sizes", [[1] * 30, [1, 1_200, 1, 1, 3_000, 2], [9_000, 1]])
def test_order_does_not_depend_on_the_size_of_commits(sizes):
    """Small, large and mixed commits are read in position order, in every way."""
    log = es.EventLog.temporary(EVENTS, clock=es.Clock(NOW))
    for size in sizes:
        rows = {"aggregate_id": ["a", "b", "c"] * size, "type": "Paid", "amount": 1}
        log.append_frame(pl.DataFrame(rows).head(size))
    again = es.EventLog(Path(log.files()[0]).parent.parent, EVENTS)
    for one in (log, again):
        assert [e.position for e in one.read()] == list(range(1, sum(sizes) + 1))
        versions = [e.version for e in one.read("a")]
        assert versions == list(range(1, len(versions) + 1))
        assert one.scan().collect().height == sum(sizes)
    assert log.head() == again.head()
    assert again.append("a", [Paid(amount=1)]).versions == {"a": len(versions) + 1}
