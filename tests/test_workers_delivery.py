"""An event counts once where effect and memory are one transaction, and only there."""

import importlib
import multiprocessing
import os
import sqlite3
from fractions import Fraction

import pytest

from esbench.errors import InvalidSchedule
from esbench.workers import Message
from esbench.workers.delivery import (
    AT_LEAST_ONCE,
    AT_MOST_ONCE,
    CHECK_THEN_MARK,
    EFFECTIVELY_ONCE,
    WAYS,
    Way,
    crash_table,
)
from esbench.workers.inbox import EFFECTS, Inbox, delivered, on_database

TABLE = crash_table()


def names(cells):
    """Give the ids that pytest shows for cells."""
    return [str(cell) for cell in cells]


# The exact table


def test_the_source_text_counts_twice():
    """T5: checked, updated, then a crash before the mark: 200, and 100 is true."""
    cell = TABLE.cell(CHECK_THEN_MARK, "adds", crashes=(2,))
    assert (cell.state, cell.truth, cell.verdict) == (200, 100, "doubled")
    assert str(cell) == (
        "check, update, mark, handler adds, after effect: 200, truth 100: doubled"
    )


def test_the_table_is_whole():
    """Each way has a cell for each crash point, redelivery and handler."""
    points = sum(len(way.steps) + 1 for way in WAYS)  # none, and before each step
    assert len(TABLE.cells) == points * 2 * 2 == 56
    assert len({str(cell) for cell in TABLE.cells}) == 56
    assert TABLE.frame().height == 56


def test_the_table_says_what_each_way_can_do():
    """Ack first loses, effect first doubles, one transaction does neither."""
    assert TABLE.counts().rows() == [
        ("at most once", "adds", 1, 2, 3),
        ("at most once", "puts", 1, 0, 5),
        ("at least once", "adds", 0, 4, 2),
        ("at least once", "puts", 0, 0, 6),
        ("check, update, mark", "adds", 0, 2, 8),
        ("check, update, mark", "puts", 0, 0, 10),
        ("effectively once", "adds", 0, 0, 6),
        ("effectively once", "puts", 0, 0, 6),
    ]
    assert TABLE.share(AT_LEAST_ONCE, "doubled", "adds") == Fraction(2, 3)
    assert TABLE.finding.endswith("effectively once: right in every cell.")


def test_at_most_once_is_so_only_for_what_comes_once():
    """Without redelivery ack first never doubles; a copy of the event does."""
    calm = [cell for cell in TABLE.of(AT_MOST_ONCE) if not cell.redelivered]
    assert {cell.verdict for cell in calm} == {"lost", "right"}
    copied = TABLE.cell(AT_MOST_ONCE, "adds", redelivered=True)
    assert copied.verdict == "doubled"


def test_any_three_crashes_leave_one_transaction_right():
    """Every way to crash up to three times, redelivery among them."""
    long = crash_table(crashes=3)
    assert {cell.verdict for cell in long.of(EFFECTIVELY_ONCE)} == {"right"}
    assert max(cell.state for cell in long.of(CHECK_THEN_MARK, "adds")) == 400
    assert all(cell.applied > 0 for cell in long.of(AT_LEAST_ONCE))


def test_a_handler_of_ones_own_enters_the_table():
    """A plain function takes its place beside the others."""

    def keep_largest(row, message):
        return max(row, message.data["amount"])

    table = crash_table([AT_LEAST_ONCE], {"largest": keep_largest})
    assert table.share(AT_LEAST_ONCE, "right") == 1


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((("effect",),), "one effect and one ack"),
        ((("effect", "effect"), ("ack",)), "one effect and one ack"),
        ((("effect",), ("commit",)), "no such action as commit"),
    ],
)
def test_a_way_handles_and_acknowledges_once(steps, said):
    """Steps that can't be a consumer are refused."""
    with pytest.raises(InvalidSchedule, match=said):
        Way(name="mine", steps=steps)


# The same cells on real databases


@pytest.fixture(params=["sqlite", "postgres"])
def connect(request, tmp_path):
    """Give what opens a connection, to either database."""
    if request.param == "postgres":
        where = request.getfixturevalue("postgres")
        psycopg = importlib.import_module("psycopg")
        return lambda: psycopg.connect(where)
    return lambda: sqlite3.connect(tmp_path / "state.db")


def test_each_cell_is_what_a_database_does(connect):
    """All 56 cells come out of a real database as the table has them."""
    found = {}
    for cell in TABLE.cells:
        way = next(way for way in WAYS if way.name == cell.way)
        found[str(cell)] = on_database(
            connect,
            way,
            cell.handler,
            crashes=cell.crashes,
            redelivered=cell.redelivered,
        )
    assert found == {str(cell): cell.state for cell in TABLE.cells}


def _die_in_the_midst(connect, statement):
    """Do the work, and end the process before the commit."""
    connection = connect()

    def work(cursor):
        cursor.execute(statement)
        os._exit(9)

    Inbox(connection).once("evt_1", work)


def _die_after(connect, way, upto):
    """Deliver, and end the process after so many steps."""
    delivered(connect(), way, "adds", upto=upto, crash=lambda connection: os._exit(9))


def in_a_child(function, *arguments):
    """Run a function in a process of its own, to its end."""
    child = multiprocessing.get_context("fork").Process(
        target=function, args=arguments, daemon=True
    )
    child.start()
    child.join(60)
    assert child.exitcode == 9


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize(
    ("way", "upto", "balance"),
    [(CHECK_THEN_MARK, 2, 200), (AT_MOST_ONCE, 1, 0), (EFFECTIVELY_ONCE, 1, 100)],
    ids=["T5", "lost", "once"],
)
def test_a_process_that_dies_is_such_a_crash(connect, way, upto, balance):
    """A consumer ended between two steps leaves what the table says."""

    def crash(connection):
        connection.close()
        in_a_child(_die_after, connect, way, upto)

    assert on_database(connect, way, "adds", crashes=(0,), crash=crash) == balance


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_process_that_dies_inside_the_transaction_leaves_nothing(connect):
    """Neither the effect nor the mark is there, and the next delivery does both."""
    assert on_database(connect, EFFECTIVELY_ONCE, "puts") == 100  # makes the tables
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("UPDATE account SET balance = 0")
    cursor.execute("DELETE FROM inbox")
    connection.commit()
    in_a_child(_die_in_the_midst, connect, EFFECTS["adds"])
    inbox = Inbox(connection)
    assert inbox.once("evt_1", lambda cursor: cursor.execute(EFFECTS["adds"]))
    cursor.execute("SELECT balance FROM account")
    assert cursor.fetchone() == (100,)
    connection.close()


def test_work_that_raises_leaves_nothing_and_may_come_again(connect):
    """A failed event is not taken for a done one."""
    connection = connect()
    inbox = Inbox(connection, "mails")

    def fail(cursor):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        inbox.once("evt_7", fail)
    assert inbox.once("evt_7", lambda cursor: None)
    assert not inbox.once("evt_7", lambda cursor: None)
    assert Inbox(connection, "letters").once("evt_7", lambda cursor: None)
    connection.close()


def _race(connect, ready, done):
    connection = connect()
    inbox = Inbox(connection)
    ready.wait(60)
    for number in range(20):
        inbox.once(str(number), lambda cursor: cursor.execute(EFFECTS["adds"]))
    connection.close()
    done.put(os.getpid())


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_two_who_get_the_same_events_do_them_once(connect):
    """Two processes with the same twenty events at once make 2,000 of them."""
    on_database(connect, EFFECTIVELY_ONCE, "adds", crashes=(0,))
    context = multiprocessing.get_context("fork")
    ready, done = context.Barrier(2), context.Queue()
    children = [
        context.Process(target=_race, args=(connect, ready, done)) for _ in range(2)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0]
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("SELECT balance FROM account")
    assert cursor.fetchone() == (100 + 20 * 100,)
    connection.close()


def test_a_connection_that_commits_by_itself_is_refused():
    """Where each statement is its own transaction there is no promise to keep."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(InvalidSchedule, match="without autocommit"):
        Inbox(connection)
    connection.close()


def test_the_table_takes_any_event():
    """The event under test can be the reader's own."""
    event = Message(
        aggregate_id="a", version=1, type="Paid", data={"amount": 7}, event_id="e"
    )
    assert crash_table(event=event).cell(AT_LEAST_ONCE, "adds").state == 7
