"""What lesson 01 shows on SQLite is played for real: four designs, and who waits."""

import sqlite3

import pytest

from esbench.lessons import designs, waiting

WAYS = tuple(waiting.JOURNALS)


@pytest.fixture(scope="module")
def scene():
    """The scene, played once."""
    return waiting.tried()


def came(scene, place):
    """Give what came of one line, with the rollback journal and with WAL."""
    return tuple(scene.lines[place][2][way] for way in WAYS)


def test_two_writers_exclude_each_other(scene):
    """The second writer waits in both ways."""
    assert came(scene, 1) == (waiting.WAITS, waiting.WAITS)
    assert all(scene.waits(way, "writer two") for way in WAYS)


def test_a_reader_does_not_wait_for_a_writer_at_work(scene):
    """It sees the price from before, in both ways."""
    assert came(scene, 2) == ("sees 90", "sees 90")
    assert not any(scene.waits(way, "reader") for way in WAYS)


def test_with_a_rollback_journal_the_writer_waits_for_the_reader(scene):
    """The commit waits, and a further reader behind it; with WAL neither does."""
    assert came(scene, 3) == (waiting.WAITS, "goes on")
    assert came(scene, 4) == (waiting.WAITS, "sees 100")
    assert came(scene, 6) == ("goes on", "is done already")
    assert came(scene, 7) == ("sees 100", "sees 100")


def test_the_scene_reads_alike_in_both_forms(scene):
    """A line for each thing tried, as text and as a table."""
    assert len(repr(scene).splitlines()) == len(scene.lines) + 1
    assert len(scene._repr_markdown_().splitlines()) == len(scene.lines) + 2
    assert repr(scene) == repr(waiting.tried())


def test_a_commit_beside_a_reader_is_measured():
    """With a rollback journal it lasts until the reader ends."""
    assert waiting.commit_beside_reader("rollback journal") >= waiting.HOLD / 2


def test_another_failure_than_a_lock_is_no_waiting():
    """What is not a lock is raised, and never told as waiting."""
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        waiting._tried(sqlite3.connect(":memory:"), ("SELECT 1 FROM nobody",))


def test_each_design_keeps_what_it_can():
    """One row, the program's rows, the database's rows, and the events."""
    kept = designs.kept()
    assert {name: len(rows) for name, rows in kept.items()} == {
        "update in place": 1,
        "history table": 4,
        "temporal table": 5,
        "events": 4,
    }
    assert kept["temporal table"][3] == ("Jan 28", "Jan 29", "110.00", "Cleo")
    assert kept["events"][2] == ("PriceCorrected", "95.00", "Cleo", "Jan 15", "Jan 20")


def test_no_design_answers_everything():
    """Each of the three that keep a past has a question that it can't answer."""
    asked = {one.key for one in designs.QUESTIONS}
    can = designs.can()
    assert can["update in place"] == {"now"}
    assert can["history table"] == {"now", "who", "back"}
    assert can["temporal table"] == {"now", "who", "by hand"}
    assert can["events"] == {"now"} | asked - {"by hand"}


@pytest.mark.parametrize("question", designs.QUESTIONS, ids=lambda one: one.key)
def test_who_is_wrong_has_a_reason(question):
    """Exactly the designs that don't say what happened are told why."""
    rights = designs.right(question.key)
    assert set(question.why) == set(designs.DESIGNS) - set(rights)


@pytest.mark.parametrize(
    ("some", "words"),
    [
        ((), "none of them"),
        (designs.DESIGNS, "all four"),
        (designs.DESIGNS[:3], "all but events"),
        (("events",), "events alone"),
        (("history table", "events"), "history table and events"),
    ],
)
def test_sets_of_designs_have_words(some, words):
    """A set is named as one says it."""
    assert designs.named(some) == words
