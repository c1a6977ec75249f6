"""An import, planned: what each row of some extracts means to a log.

What lives here: comparing rows with what the log holds, and the one commit that
follows.
The guarantee: planning writes nothing. A plan is carried out as one commit, all or
nothing, and only when no row is left that could not be taken. Planned again after it
was carried out, it holds nothing new.
What it may not know: terminals.

What happens to a row:

    its id is new                               it becomes an event
    known, with the same content                skipped and counted
    known, with other content                   bad; with ``correct`` a reversal of what
                                                is there, and a new event
    an opening balance, of a new account        AccountOpened(carried_forward=True)
    an opening balance, of a known account      compared with the log, not booked
    before its account's opening balance        bad: that balance contains it
    a closing balance                           compared with the log
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from esbench.analysis import words
from esbench.analysis.books import IMPORT, REVERSED, Book, books_of, enter, revision
from esbench.analysis.rows import Closing, Noted, Read, Row
from esbench.errors import InvalidFrame, shorten
from esbench.moments import end_of, from_micros

if TYPE_CHECKING:
    import polars as pl

    from esbench.analysis.settings import Settings
    from esbench.log import Commit, EventLog


class Check(Struct, frozen=True, kw_only=True):
    """A balance that an extract states, beside the log's.

    Attributes:
        what: ``closing``, ``opening`` or ``running``.
        day: the day about whose end both are; for an opening, the day before.
        said, found: what the extract says, and what the log comes to.
    """

    file: str
    line: int
    what: str
    account: str
    day: date
    said: Decimal
    found: Decimal

    @property
    def agrees(self) -> bool:
        """Whether both are equal."""
        return self.said == self.found


class Vanished(Struct, frozen=True, kw_only=True):
    """An event from an earlier extract that this one should hold, and does not."""

    file: str
    account: str
    id: str
    type: str
    amount: Decimal
    occurred: datetime
    text: str | None


class Plan(Struct, kw_only=True):
    """What an import would do.

    Attributes:
        reads: the extracts, read.
        events: the events to append, in order, as columns and values.
        lines: for each event the file and line that it comes from.
        known: rows that the log holds already.
        corrected: rows that a reversal and a new event correct.
        bad: rows that can't be taken, with file, line and reason.
        left: records that are no bookings.
        vanished: rows of earlier extracts that are gone.
        checks: balances, compared.
        owners: accounts whose owner no column says; their id stands in.
    """

    reads: list[Read]
    events: list[dict[str, Any]] = field(default_factory=list)
    lines: list[tuple[str, int]] = field(default_factory=list)
    known: int = 0
    corrected: int = 0
    bad: list[Noted] = field(default_factory=list)
    left: list[Noted] = field(default_factory=list)
    vanished: list[Vanished] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    owners: set[str] = field(default_factory=set)

    def commit(self, log: EventLog, *, skip_bad: bool = False) -> Commit | None:
        """Append the events as one commit; None if there are none.

        Raises:
            InvalidFrame: rows that can't be taken, and ``skip_bad`` was not said.
        """
        if self.bad and not skip_bad:
            rows = tuple((noted.line, noted.reason) for noted in self.bad[:10])
            raise InvalidFrame("rows that can't be taken; nothing was stored:", rows)
        return log.append_frame(self.frame()) if self.events else None

    def frame(self) -> pl.DataFrame:
        """Return the events as ``append_frame`` takes them."""
        import polars as pl

        from esbench.log.codec import dtype

        kinds = dict.fromkeys(_TEXTS, "text") | _KINDS
        used = {name for event in self.events for name in event}
        schema = {name: dtype(kinds[name]) for name in kinds if name in used}
        return pl.DataFrame(self.events, schema=schema)


_TEXTS = (
    "aggregate_id type event_id correlation_id owner currency transaction_id text "
    "reverses"
).split()
_KINDS = {
    "initial_balance": "decimal(2)",
    "amount": "decimal(2)",
    "carried_forward": "bool",
    "occurred_at": "time",
    "recorded_at": "time",
}


# --- planning --------------------------------------------------------------------


def planned(log: EventLog, reads: list[Read], settings: Settings) -> Plan:
    """Return what an import of some extracts would do to a log, in their order.

    Args:
        log: the log; only read.
        reads: the extracts; a later one is compared with the earlier ones, too.
        settings: what the caller says.
    """
    accounts = {row.account for read in reads for row in read.rows}
    accounts |= {closing.account for read in reads for closing in read.closings}
    planner = _Planner(log, books_of(log, accounts), settings)
    for read in reads:
        planner.take(read)
    plan = planner.plan
    plan.reads = reads
    _in_order_of_recording(plan)
    return plan


def _in_order_of_recording(plan: Plan) -> None:
    if plan.events and "recorded_at" in plan.events[0]:
        order = sorted(
            range(len(plan.events)), key=lambda place: plan.events[place]["recorded_at"]
        )
        plan.events = [plan.events[place] for place in order]
        plan.lines = [plan.lines[place] for place in order]


class _Planner:
    """Compares rows with the books, and notes what is to be done."""

    def __init__(
        self, log: EventLog, books: dict[str, Book], settings: Settings
    ) -> None:
        self._zone, self._now = log.zone, log.now()
        headers = log.headers()
        self._last = from_micros(headers[-1].recorded[1]) if headers else None
        self._books, self._settings = books, settings
        self.plan = Plan(reads=[])

    def take(self, read: Read) -> None:
        """Plan one extract."""
        file = read.extract.name
        self.plan.bad += read.bad
        self.plan.left += read.left
        seen: dict[tuple[str, str], Row] = {}
        for row in _in_order(read):
            reason = self._doubled(row, seen) or self._row(row, file)
            if reason:
                self._bad(read, row, reason)
            seen.setdefault((row.account, row.id), row)
        self._vanished(read, seen)
        self._closings(read)

    def _bad(self, read: Read, row: Row, reason: str) -> None:
        self.plan.bad.append(
            Noted(file=read.extract.name, line=row.line, reason=reason, cells=row.cells)
        )

    def _doubled(self, row: Row, seen: dict[tuple[str, str], Row]) -> str:
        """Say what is wrong with an id that stands twice in one file."""
        first = seen.get((row.account, row.id))
        if first is None or first.content == row.content:
            return ""
        return (
            f"the id {shorten(row.id)!r} stands on line {first.line}, too, with other "
            "content"
        )

    def _row(self, row: Row, file: str) -> str:
        """Plan one row; return why it can't be taken, if so."""
        book = self._books[row.account]
        name, number = book.latest(row.id)
        stored = book.stored.get(name)
        if stored is not None and stored.content == row.content:
            self.plan.known += 1
            return ""
        if row.type == words.OPENING:
            return self._opening(row, file, book, is_known=stored is not None)
        if book.carried is not None and row.occurred < book.carried:
            day = self._day(book.carried)
            return f"it is before the opening balance of {day}, which contains it"
        if reason := self._recording(row):
            return reason
        if stored is None:
            self._append(row, file, book, row.id)
            return ""
        return self._revised(row, file, book, name, number)

    def _recording(self, row: Row) -> str:
        """Say what is wrong with a time of recording, if one is brought."""
        if row.recorded is None:
            return ""
        if row.recorded > self._now:
            return "the time of recording lies in the future"
        if self._last is not None and row.recorded < self._last:
            return (
                f"the time of recording is below the log's last one, {self._last:%F}: "
                "import older extracts first"
            )
        return ""

    def _opening(self, row: Row, file: str, book: Book, *, is_known: bool) -> str:
        if is_known:
            return "the opening balance is known with other content"
        if book.moves:
            day = self._day(row.occurred)
            before = from_micros(0).resolution
            self.plan.checks.append(
                Check(
                    file=file,
                    line=row.line,
                    what="opening",
                    account=row.account,
                    day=day,
                    said=row.amount,
                    found=book.balance(row.occurred - before),
                )
            )
            return ""
        if reason := self._recording(row):
            return reason
        self._append(row, file, book, row.id)
        return ""

    def _revised(self, row: Row, file: str, book: Book, name: str, number: int) -> str:
        """Reverse what is stored and book the row anew, or list it."""
        stored = book.stored[name]
        if not self._settings.correct:
            kind, amount, when, _ = stored.content
            return (
                f"the id {shorten(row.id)!r} is known with other content, {kind} of "
                f"{abs(amount)} on {self._day(when)}: say --revisions correct"
            )
        new = revision(row.id, number + 1)
        if name in book.reversed:
            self._append(row, file, book, new)
            self.plan.corrected += 1
            return ""
        reversal = {
            "aggregate_id": row.account,
            "type": REVERSED,
            "transaction_id": f"{new}~reversal",
            "reverses": name,
            "amount": -stored.content[1],
            "occurred_at": stored.content[2],
            "event_id": f"{new}~reversal",
        }
        self._note(reversal, row, file, book)
        self._append(row, file, book, new)
        self.plan.corrected += 1
        return ""

    def _append(self, row: Row, file: str, book: Book, name: str) -> None:
        event: dict[str, Any] = {
            "aggregate_id": row.account,
            "type": row.type,
            "occurred_at": row.occurred,
            "event_id": name,
        }
        if row.type == words.OPENING:
            if row.owner is None:
                self.plan.owners.add(row.account)
            event |= {
                "owner": row.owner or row.account,
                "initial_balance": row.amount,
                "carried_forward": True,
                "currency": row.currency,
            }
        else:
            event |= {
                "amount": abs(row.amount),
                "transaction_id": name,
                "text": row.text,
            }
        self._note(event, row, file, book)

    def _note(self, event: dict[str, Any], row: Row, file: str, book: Book) -> None:
        """Put an event into the plan and into the book."""
        event["correlation_id"] = f"{IMPORT}{file}"
        if row.recorded is not None:
            event["recorded_at"] = row.recorded
        self.plan.events.append(event)
        self.plan.lines.append((file, row.line))
        enter(book, event)

    # what is gone, and balances

    def _vanished(self, read: Read, seen: dict[tuple[str, str], Row]) -> None:
        spans: dict[str, list[datetime]] = defaultdict(list)
        for row in read.rows:
            if row.type != words.OPENING:
                spans[row.account].append(row.occurred)
        for account, times in spans.items():
            book, first, last = self._books[account], min(times), max(times)
            for name, stored in book.stored.items():
                kind, amount, when, text = stored.content
                base = re.sub(r"~\d+$", "", name)
                own = base if base in book.stored else name
                gone = (
                    stored.imported
                    and kind in {words.CREDIT, words.DEBIT}
                    and first <= when <= last
                    and name not in book.reversed
                    and (account, own) not in seen
                )
                if gone:
                    self.plan.vanished.append(
                        Vanished(
                            file=read.extract.name,
                            account=account,
                            id=name,
                            type=kind,
                            amount=amount,
                            occurred=when,
                            text=text,
                        )
                    )

    def _closings(self, read: Read) -> None:
        """Compare the balances that the extract states with the log's."""
        booked = [row for row in _in_order(read) if row.type != words.OPENING]
        last = {row.account: row for row in booked}
        for closing in read.closings:
            row = last.get(closing.account, booked[-1] if booked else None)
            when = self._now if row is None else row.occurred
            day = closing.day or self._day(when)
            self._check(read, closing, "closing", day)
        stated = {closing.account for closing in read.closings}
        for account, row in last.items():
            if account not in stated and row.balance is not None:
                running = Closing(
                    line=row.line, account=account, day=None, amount=row.balance
                )
                self._check(read, running, "running", self._day(row.occurred))

    def _check(self, read: Read, stated: Closing, what: str, day: date) -> None:
        book = self._books[stated.account]
        self.plan.checks.append(
            Check(
                file=read.extract.name,
                line=stated.line,
                what=what,
                account=stated.account,
                day=day,
                said=stated.amount,
                found=book.balance(end_of(day, self._zone)),
            )
        )

    def _day(self, when: datetime) -> date:
        return when.astimezone(ZoneInfo(self._zone)).date()


def _in_order(read: Read) -> list[Row]:
    """Return the rows in the order in which they happened; openings first."""
    rows = list(enumerate(read.rows))
    if read.descending:
        rows = [(-place, row) for place, row in rows]
    rows.sort(key=lambda p: (p[1].occurred, p[1].type != words.OPENING, p[0]))
    return [row for _, row in rows]
