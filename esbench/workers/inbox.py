"""The inbox: an effect and the memory of it, in one transaction of a real database.

What lives here: ``Inbox``, for SQLite and PostgreSQL (any DB-API 2.0 connection); and
``on_database``, which runs a cell of the crash table on such a database.
The guarantee: an event's work is done and its id is kept together or not at all, so it
is done once per consumer, however often the event comes and wherever a crash falls;
two consumers of one name that get the same event at once do it once.
What it may not know: where events come from. The work must touch this connection
alone: a mail that it sends is sent again.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from esbench.errors import InvalidSchedule
from esbench.workers.delivery import ACK, CHECK, EFFECT, Way

MADE = (
    "CREATE TABLE IF NOT EXISTS inbox (consumer VARCHAR(200) NOT NULL, "
    "event_id VARCHAR(200) NOT NULL, PRIMARY KEY (consumer, event_id))"
)
MARKED = (
    "INSERT INTO inbox (consumer, event_id) VALUES ({0}, {0}) "
    "ON CONFLICT (consumer, event_id) DO NOTHING"
)
ASKED = "SELECT 1 FROM inbox WHERE consumer = {0} AND event_id = {0}"


class Inbox:
    """Does an event's work once, by keeping its id in the same transaction.

    Args:
        connection: of sqlite3, psycopg or another DB-API 2.0 module; not one that
            commits by itself. The table ``inbox`` is made if absent.
        consumer: who does the work; another consumer does it once as well.

    Raises:
        InvalidSchedule: a connection that commits each statement by itself.

    >>> import sqlite3
    >>> connection = sqlite3.connect(":memory:")
    >>> _ = connection.execute("CREATE TABLE account (balance INTEGER)")
    >>> _ = connection.execute("INSERT INTO account VALUES (0)")
    >>> inbox = Inbox(connection, "balances")
    >>> def deposit(cursor):
    ...     cursor.execute("UPDATE account SET balance = balance + 100")
    >>> inbox.once("evt_1", deposit), inbox.once("evt_1", deposit)
    (True, False)
    >>> connection.execute("SELECT balance FROM account").fetchone()
    (100,)
    """

    def __init__(self, connection: Any, consumer: str = "it") -> None:
        self._connection, self._consumer = connection, consumer
        self._sign = _sign(connection)
        with self.transaction() as cursor:
            cursor.execute(MADE)

    def __repr__(self) -> str:
        """Name the consumer."""
        return f"Inbox({self._consumer})"

    def once(self, event_id: str, work: Callable[[Any], object]) -> bool:
        """Do the work and keep the id, or neither; tell whether it was done now.

        Args:
            event_id: the event's id, the same for all copies of it.
            work: changes the state through the cursor that it is given. When it
                raises, nothing is kept, and the event can come again.
        """
        with self.transaction() as cursor:
            is_new = self.mark(cursor, event_id)
            if is_new:
                work(cursor)
        return is_new

    def mark(self, cursor: Any, event_id: str) -> bool:
        """Keep the id as a part of the caller's transaction; tell whether it is new."""
        cursor.execute(MARKED.format(self._sign), (self._consumer, event_id))
        return bool(cursor.rowcount)

    def knows(self, cursor: Any, event_id: str) -> bool:
        """Tell whether the id was kept, as of now: another may keep it right after."""
        cursor.execute(ASKED.format(self._sign), (self._consumer, event_id))
        return cursor.fetchone() is not None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Any]:
        """Give a cursor; commit what it did, or nothing when something raises."""
        cursor = self._connection.cursor()
        try:
            yield cursor
        except BaseException:
            self._connection.rollback()
            raise
        else:
            self._connection.commit()
        finally:
            cursor.close()


def _sign(connection: Any) -> str:
    """Return the sign that stands for a value, ``?`` or ``%s``."""
    name = type(connection).__module__.partition(".")[0]
    by_itself = getattr(connection, "autocommit", False) is True or (
        name == "sqlite3" and connection.isolation_level is None
    )
    if by_itself:
        raise InvalidSchedule(
            "this connection commits each statement by itself, so an effect and its "
            "mark could part: open it without autocommit"
        )
    style = getattr(sys.modules[name], "paramstyle", "qmark")
    return "?" if style == "qmark" else "%s"


# --- the crash table on a real database ------------------------------------------

TABLES = (
    "CREATE TABLE IF NOT EXISTS account (balance INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS broker (acked INTEGER NOT NULL)",
    "DELETE FROM account",
    "DELETE FROM broker",
    "INSERT INTO account VALUES (0)",
    "INSERT INTO broker VALUES (0)",
)
EFFECTS = {
    "adds": "UPDATE account SET balance = balance + 100",
    "puts": "UPDATE account SET balance = 100",
}


def on_database(
    connect: Callable[[], Any],
    way: Way,
    handler: str,
    *,
    crashes: tuple[int, ...] = (),
    redelivered: bool = False,
    crash: Callable[[Any], object] = lambda connection: connection.close(),
) -> int:
    """Return the balance after one deposit of 100, as a real database has it.

    The same cells as ``crash_table`` has. Each step of the way is a transaction.

    Args:
        connect: opens a connection, to a database of one's own: its tables
            ``account``, ``broker`` and ``inbox`` are emptied.
        way: the consumer's steps.
        handler: ``adds`` or ``puts``.
        crashes: how many steps each of the first deliveries gets done.
        redelivered: whether the event comes once more after it was acknowledged.
        crash: what a crash is; the connection is cut off unless said.
    """
    first = connect()
    inbox = Inbox(first)
    with inbox.transaction() as cursor:
        for statement in (*TABLES, "DELETE FROM inbox"):
            cursor.execute(statement)
    first.close()
    left, again = list(crashes), redelivered
    while not (acked := _one(connect, "SELECT acked FROM broker")) or again:
        if acked:
            again = False
            _one(connect, "UPDATE broker SET acked = 0 RETURNING acked")
        upto = left.pop(0) if left else None
        delivered(connect(), way, handler, upto=upto, crash=crash)
    return _one(connect, "SELECT balance FROM account")


def delivered(
    connection: Any,
    way: Way,
    handler: str,
    *,
    upto: int | None,
    crash: Callable[[Any], object],
) -> None:
    """Deliver the deposit once; after ``upto`` steps, if said, there is a crash."""
    inbox, is_known = Inbox(connection), False
    for step in way.steps[:upto]:
        with inbox.transaction() as cursor:
            for action in step:
                if action == ACK:
                    cursor.execute("UPDATE broker SET acked = 1")
                elif action == CHECK:
                    is_known = inbox.knows(cursor, "evt_1")
                elif not is_known:
                    if action == EFFECT:
                        cursor.execute(EFFECTS[handler])
                    else:
                        inbox.mark(cursor, "evt_1")
    if upto is not None:
        crash(connection)
    else:
        connection.close()


def _one(connect: Callable[[], Any], statement: str) -> int:
    connection = connect()
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        (value,) = cursor.fetchone()
        connection.commit()
        return int(value)
    finally:
        connection.close()
