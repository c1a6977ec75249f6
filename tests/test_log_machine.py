"""A log answers like a Python list, whatever is done to it in whatever order.

The model below holds rows in a list; the machine drives it beside a real log that two
objects write to, as two processes would.
"""

import tempfile
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

import esbench as es
from esbench.moments import moment


class Moved(es.Event):
    to: str


def paid(*, grown):
    """Give the type before or after a field was added to it."""
    if not grown:

        class Paid(es.Event):
            amount: es.Money

    else:

        class Paid(es.Event, schema_version=2):
            amount: es.Money
            note: str | None = "none"

    return Paid


OLD, NEW = paid(grown=False), paid(grown=True)
KEYS = st.sampled_from(["a", "b/1", "c'\"<i>"])
TIMES = st.integers(0, 40 * 24).map(
    lambda hours: moment("2024-01-01T00:00:00Z") + timedelta(hours=hours)
)
DATA = st.one_of(
    st.tuples(
        st.just("Paid"),
        st.fixed_dictionaries({"amount": st.integers(-999, 999).map(str)}),
    ),
    st.tuples(st.just("Moved"), st.fixed_dictionaries({"to": st.text(max_size=4)})),
    st.tuples(
        st.just("Strange"),
        st.dictionaries(
            st.text(max_size=3), st.none() | st.integers(0, 9) | st.text(max_size=3)
        ),
    ),
)


class Model:
    """What a log must answer, kept in a list."""

    def __init__(self):
        self.rows = []
        self.is_grown = False
        self.last = moment("1970-01-01T00:00:00Z")

    def version(self, key):
        return sum(row["key"] == key for row in self.rows)

    def ids(self, key):
        return {r["id"]: r for r in self.rows if r["key"] == key and r["id"]}

    def add(self, now, parts, *, is_grown, occurred=None, user=None, given=None):
        now = self.last = max(now, self.last)
        first = len(self.rows) + 1
        for key, events in parts:
            for event in events:
                self.rows.append(
                    {
                        "key": key,
                        "event": event,
                        "version": self.version(key) + 1,
                        "position": len(self.rows) + 1,
                        "occurred": occurred or now,
                        "recorded": now,
                        "schema": 2 if is_grown and event[0] == "Paid" else 1,
                        "user": user,
                        "id": given,
                    }
                )
        self.is_grown |= is_grown
        return first

    def commit(self, first, keys):
        return es.Commit(
            first=first,
            last=len(self.rows),
            versions={key: self.version(key) for key in keys},
            recorded_at=self.last,
        )

    def read(self, rows, types):
        return [
            es.RecordedEvent(
                event=self.event(types, *row["event"]),
                aggregate_id=row["key"],
                version=row["version"],
                position=row["position"],
                occurred_at=row["occurred"],
                recorded_at=row["recorded"],
                schema_version=row["schema"],
                given_id=row["id"],
                metadata=es.Metadata(user_id=row["user"]),
            )
            for row in rows
        ]

    def event(self, types, name, data):
        if name in types:
            return types[name](**data)
        if name == "Paid":  # not declared: all that the log knows of its fields
            known = (NEW if self.is_grown else OLD)(**data)
            data = {field: getattr(known, field) for field in known.__struct_fields__}
        return es.UnknownEvent(type=name, data=dict(data))

    def past(self, occurred=None, recorded=None, position=None):
        return [
            row
            for row in self.rows
            if (occurred is None or row["occurred"] <= occurred)
            and (recorded is None or row["recorded"] <= recorded)
            and (position is None or row["position"] <= position)
        ]


class LogMachine(RuleBasedStateMachine):
    """Two objects on one log, beside a list."""

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.clock = es.Clock("2024-01-01")
        self.model = Model()
        self.pasts = []
        self.logs = [self.opened(OLD), self.opened(OLD)]

    def opened(self, paid):
        return es.EventLog(self.folder.name, [paid, Moved], clock=self.clock)

    def teardown(self):
        if hasattr(self, "logs"):
            assert self.logs[0].verify(self.logs[1].head()).ok
            self.folder.cleanup()

    def made(self, log, name, data):
        """Give an event as the program behind ``log`` would make it."""
        if name in log.registry.classes:
            return log.registry.classes[name](**data)
        return es.UnknownEvent(type=name, data=data)

    def is_grown(self, log):
        return log.registry.classes["Paid"] is NEW

    @rule(
        which=st.integers(0, 1),
        key=KEYS,
        events=st.lists(DATA, min_size=1, max_size=3),
        stale=st.sampled_from([None, 0, 0, 1, -1]),
        occurred=st.none() | TIMES,
        user=st.none() | st.sampled_from(["ada", "bo"]),
    )
    def append(self, which, key, events, stale, occurred, user):
        log, model = self.logs[which], self.model
        actual = model.version(key)
        expected = None if stale is None else max(0, actual + stale)
        made = [self.made(log, *event) for event in events]
        metadata = {"user_id": user} if user else None
        asked = {"expected_version": expected, "occurred_at": occurred}
        if expected not in {None, actual}:
            with pytest.raises(es.ConcurrencyError) as caught:
                log.append(key, made, metadata=metadata, **asked)
            assert caught.value.args == (key, expected, actual)
            return
        got = log.append(key, made, metadata=metadata, **asked)
        grown = self.is_grown(log)
        first = model.add(
            self.clock(), [(key, events)], is_grown=grown, occurred=occurred, user=user
        )
        assert got == model.commit(first, [key])

    @rule(
        which=st.integers(0, 1),
        key=st.just("a"),
        event=st.sampled_from([("Paid", {"amount": "1"}), ("Moved", {"to": "x"})]),
        given=st.sampled_from(["x", "y"]),
        stale=st.sampled_from([None, 0]),
    )
    def append_with_id(self, which, key, event, given, stale):
        log, model = self.logs[which], self.model
        known = model.ids(key).get(given)
        stamped = [es.stamped(self.made(log, *event), event_id=given)]
        expected = None if stale is None else model.version(key)
        if known is None:
            got = log.append(key, stamped, expected_version=expected)
            first = model.add(
                self.clock(), [(key, [event])], is_grown=self.is_grown(log), given=given
            )
            assert got == model.commit(first, [key])
            return
        types = log.registry.classes
        same = model.event(types, *known["event"]) == stamped[0].event
        if same and expected in {None, known["version"] - 1}:
            got = log.append(key, stamped, expected_version=expected)
            assert got.first == got.last == known["position"]
            assert got.versions == {key: known["version"]}
            assert got.recorded_at == known["recorded"]
        else:
            with pytest.raises(es.DuplicateEvent):
                log.append(key, stamped, expected_version=expected)

    @rule(
        which=st.integers(0, 1),
        parts=st.lists(
            st.tuples(KEYS, st.lists(DATA, min_size=1, max_size=2)),
            min_size=1,
            max_size=3,
        ),
        is_stale=st.booleans(),
    )
    def commit_several(self, which, parts, is_stale):
        log, model = self.logs[which], self.model
        made = [
            (key, [self.made(log, *event) for event in events], None)
            for key, events in parts
        ]
        if is_stale:  # half of a commit is never stored
            key, events, _ = made[-1]
            made[-1] = (key, events, model.version(key) + 99)
            with pytest.raises(es.ConcurrencyError):
                log.commit(made)
            return
        got = log.commit(made)
        first = model.add(self.clock(), parts, is_grown=self.is_grown(log))
        assert got == model.commit(first, [key for key, _ in parts])

    @rule(
        which=st.integers(0, 1),
        rows=st.lists(st.tuples(KEYS, st.integers(-99, 99)), min_size=1, max_size=4),
    )
    def append_frame(self, which, rows):
        log, model = self.logs[which], self.model
        frame = pl.DataFrame(
            {
                "aggregate_id": [key for key, _ in rows],
                "type": ["Paid"] * len(rows),
                "amount": [amount for _, amount in rows],
            }
        )
        got = log.append_frame(frame)
        parts = [(key, [("Paid", {"amount": str(amount)})]) for key, amount in rows]
        first = model.add(self.clock(), parts, is_grown=self.is_grown(log))
        assert got == model.commit(first, [key for key, _ in parts])

    @rule(hours=st.integers(0, 30))
    def time_passes(self, hours):
        self.clock.advance(hours=hours)

    @rule()
    def clock_slips(self):
        self.clock.advance(minutes=-5)

    @rule(which=st.integers(0, 1))
    def reopen(self, which):
        grown = self.is_grown(self.logs[which]) or self.model.is_grown
        self.logs[which] = self.opened(NEW if grown else OLD)

    @precondition(lambda self: not self.model.is_grown)
    @rule()
    def upgrade(self):
        self.logs = [self.opened(NEW), self.opened(NEW)]

    @precondition(lambda self: self.model.is_grown)
    @rule()
    def the_old_program_is_refused(self):
        with pytest.raises(es.DefinitionConflict):
            self.opened(OLD)

    @rule(which=st.integers(0, 1), key=KEYS)
    def read_one(self, which, key):
        log = self.logs[which]
        rows = [row for row in self.model.rows if row["key"] == key]
        self.assert_same(log, log.read(key), rows)

    @rule(which=st.integers(0, 1))
    def read_all(self, which):
        log = self.logs[which]
        self.assert_same(log, log.read(), self.model.rows)
        assert len(log) == log.head().position == len(self.model.rows)

    @rule()
    def read_undeclared(self):
        log = es.EventLog.existing(self.folder.name)
        self.assert_same(log, log.read(), self.model.rows)

    @rule(
        which=st.integers(0, 1),
        occurred=st.none() | TIMES,
        recorded=st.none() | TIMES,
        position=st.none() | st.integers(0, 30),
    )
    def ask_a_past(self, which, occurred, recorded, position):
        asked = {"occurred": occurred, "recorded": recorded, "position": position}
        past = self.logs[which].as_of(**asked)
        rows = self.model.past(**asked)
        self.assert_same(past, past.read(), rows)
        assert len(past) == len(rows)
        held = past.scan().sort("position").collect().get_column("position")
        assert held.to_list() == [row["position"] for row in rows]
        self.pasts = [*self.pasts[-2:], (past, rows)]

    @invariant()
    def pasts_do_not_change(self):
        for past, rows in getattr(self, "pasts", ()):
            got = [event.position for event in past.read()]
            assert got == [row["position"] for row in rows]

    def assert_same(self, log, events, rows):
        """Hold events against rows: values, types and order."""
        expected = self.model.read(rows, log.registry.classes)
        events = list(events)
        assert expected == events
        assert list(map(repr, expected)) == list(map(repr, events))


LogMachine.TestCase.settings = settings(stateful_step_count=20)
TestLog = LogMachine.TestCase
