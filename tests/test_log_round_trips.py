"""What was appended is read back exactly: equal values of equal types."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext

import msgspec
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from log_samples import EVENTS, NOW, Every, Opened, Paid, numbered
from polars.testing import assert_frame_equal

import esbench as es

ODD_TEXTS = ["a/b", 'it\'s "so"', "<script>alert(1)</script>", "👩‍🚀 é", "x" * 10_000]
TEXT = st.text(max_size=8) | st.sampled_from(ODD_TEXTS)
WHOLE = st.integers(-(2**63), 2**63 - 1)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
MOMENT = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | FLOAT | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)


def money(places):
    """Give amounts of at most 18 digits, as decimals."""
    limit = 10**18 - 1
    return st.integers(-limit, limit).map(lambda n: Decimal(n).scaleb(-places))


FIELDS = {
    "text": st.none() | TEXT,
    "whole": st.none() | WHOLE,
    "truth": st.none() | st.booleans(),
    "number": st.none() | FLOAT,
    "money": st.none() | money(2),
    "rate": st.none() | money(4),
    "moment": st.none() | MOMENT,
    "day": st.none() | st.dates(),
    "raw": st.none() | st.binary(max_size=9),
    "colour": st.none() | st.sampled_from(["red", "green"]),
    "nested": st.none()
    | st.dictionaries(TEXT, st.lists(WHOLE | TEXT, max_size=2), max_size=2),
    "anything": JSON,
    "seven": st.none() | WHOLE,
    "named": TEXT,
    "shelf": st.lists(TEXT, max_size=2),
}
EVENTS_OF_ALL_KINDS = st.one_of(
    st.fixed_dictionaries({}, optional=FIELDS).map(lambda data: Every(**data)),
    st.builds(Opened, owner=TEXT, limit=money(2)),
    st.builds(
        es.UnknownEvent,
        type=st.sampled_from(["Strange", "Ünknown/<b>"]),
        data=st.dictionaries(TEXT, JSON, max_size=3),
    ),
)
NAMES = TEXT.filter(bool)


def assert_exact(expected, found):
    """Hold events against each other: values, types, signs of zero, zones."""
    assert expected == found
    assert repr(expected) == repr(found)


def unknown(event):
    """Give an event as a program sees it that does not declare its type."""
    if isinstance(event, es.UnknownEvent):
        return event
    data = {name: getattr(event, name) for name in event.__struct_fields__}
    return es.UnknownEvent(type=type(event).__name__, data=data)


@given(
    batches=st.lists(
        st.tuples(NAMES, st.lists(EVENTS_OF_ALL_KINDS, min_size=1, max_size=3)),
        min_size=1,
        max_size=2,
    ),
    user=st.none() | NAMES,
    occurred=st.none() | MOMENT,
)
@example([("a", [Every(number=-0.0, money="-0.00", text="")])], None, None)
@example(
    [("a", [Every(text="\x00", raw=b"", nested={}, shelf=["", "é"])])], "<i>", None
)
def test_events_come_back(tmp_path_factory, batches, user, occurred):
    """Declared, nested and unknown events survive append and reopening."""
    folder = tmp_path_factory.mktemp("log")
    log = es.EventLog(folder, EVENTS, clock=es.Clock(NOW), ids=numbered())
    log.commit(
        [(key, events, None) for key, events in batches],
        metadata={"user_id": user} if user else None,
        occurred_at=occurred,
    )
    keys = [key for key, events in batches for _ in events]
    events = [event for _, events in batches for event in events]
    for one in (log, es.EventLog(folder, EVENTS)):
        rows = list(one.read())
        assert_exact(events, [row.event for row in rows])
        assert keys == [row.aggregate_id for row in rows]
        assert {row.metadata.user_id for row in rows} == {user}
        assert {row.occurred_at for row in rows} == {occurred or es.Clock(NOW)()}
        by_key = [row for key in dict.fromkeys(keys) for row in one.read(key)]
        assert_exact(rows, sorted(by_key, key=lambda row: row.position))
    stranger = es.EventLog.existing(folder)
    found = [row.event for row in stranger.read()]
    assert_exact(list(map(unknown, events)), found)


NESTED = {"nested", "anything", "shelf"}
FLAT = {name: value for name, value in FIELDS.items() if name not in NESTED}


@given(
    st.lists(
        st.tuples(NAMES, st.fixed_dictionaries(FLAT), MOMENT, st.none() | NAMES),
        min_size=1,
        max_size=5,
    )
)
def test_rows_of_a_frame_come_back(rows):
    """A frame reads back as if each of its rows had been appended by itself."""
    frame = pl.DataFrame(
        {
            "aggregate_id": [key for key, *_ in rows],
            "type": ["Every"] * len(rows),
            "occurred_at": [when.astimezone(UTC) for _, _, when, _ in rows],
            "user_id": [user for *_, user in rows],
            **{name: [data[name] for _, data, *_ in rows] for name in FLAT},
        },
        schema_overrides={
            "occurred_at": pl.Datetime("us", "UTC"),
            "user_id": pl.String,
            "text": pl.String,
            "whole": pl.Int64,
            "truth": pl.Boolean,
            "number": pl.Float64,
            "money": pl.Decimal(18, 2),
            "rate": pl.Decimal(18, 4),
            "moment": pl.Datetime("us", "UTC"),
            "day": pl.Date,
            "raw": pl.Binary,
            "colour": pl.Categorical,
            "seven": pl.Int64,
        },
    )
    whole = es.EventLog.temporary(EVENTS, clock=es.Clock(NOW))
    whole.append_frame(frame)
    single = es.EventLog.temporary(EVENTS, clock=es.Clock(NOW))
    for key, data, when, user in rows:
        given = {name: value for name, value in data.items() if value is not None}
        event = es.stamped(Every(**given), occurred_at=when, user_id=user)
        single.append(key, [event])
    assert_exact(list(single.read()), list(whole.read()))
    assert single.schema == whole.schema
    assert_frame_equal(single.scan().collect(), whole.scan().collect())


def test_nested_columns_of_a_frame_come_back():
    """JSON text, lists and structs of a frame become nested fields."""
    frame = pl.DataFrame(
        {
            "aggregate_id": ["a", "a", "b"],
            "type": ["Every", "Opened", "Every"],
            "owner": [None, "Ada", None],
            "nested": ['{"x": [1, "two"]}', None, None],
            "shelf": [["é"], None, None],
            "anything": [{"deep": [1, 2]}, None, None],
        }
    )
    log = es.EventLog.temporary(EVENTS)
    log.append_frame(frame)
    expected = [
        Every(nested={"x": [1, "two"]}, shelf=["é"], anything={"deep": [1, 2]}),
        Opened(owner="Ada"),
        Every(),
    ]
    assert_exact(expected, [row.event for row in log.read()])


def grown():
    """Give ``Paid`` with fields that were added later."""

    class Paid(es.Event):
        amount: es.Money
        note: str | None = None
        fee: es.Money = "0.10"
        due: date = date(2024, 1, 31)
        ref: str | None = "none"
        tags: list[str] = msgspec.field(default_factory=lambda: ["new"])

    return Paid


def test_added_fields_have_their_defaults_in_older_events(tmp_path):
    """Old events read with the default; a None that was meant stays a None."""
    es.EventLog(tmp_path, [Paid]).append("a", [Paid(amount=1)])
    new = grown()
    log = es.EventLog(tmp_path, [new])
    log.append("a", [new(amount=2, ref=None, tags=[]), new(amount=3, fee=0)])
    expected = [
        new(amount=1),
        new(amount=2, ref=None, tags=[]),
        new(amount=3, fee=0),
    ]
    assert_exact(expected, [row.event for row in log.read()])
    stranger = [row.event for row in es.EventLog.existing(tmp_path).read()]
    assert_exact(list(map(unknown, expected)), stranger)
    stranger[0].data["tags"].append("mine")
    assert [
        row.event.data["tags"] for row in es.EventLog.existing(tmp_path).read()
    ] == [
        ["new"],
        [],
        ["new"],
    ]


def test_a_repeat_is_known_after_a_field_was_added(tmp_path):
    """An event that was stored before its type grew is still the same event."""
    first = es.EventLog(tmp_path, [Paid]).append(
        "a", [es.stamped(Paid(amount=1), event_id="x")]
    )
    new = grown()
    log = es.EventLog(tmp_path, [new])
    assert first == log.append("a", [es.stamped(new(amount=1), event_id="x")])
    frame = pl.DataFrame(
        {
            "aggregate_id": ["a"],
            "type": ["Paid"],
            "amount": [1],
            "event_id": ["x"],
        }
    )
    assert first == log.append_frame(frame)
    assert len(log) == 1


@pytest.mark.parametrize("digits", [1, 5])
def test_amounts_survive_a_low_precision(digits):
    """What a program does to its decimal context changes no amount on the way."""
    log = es.EventLog.temporary([Paid])
    with localcontext(prec=digits):
        log.append("a", [Paid(amount="1234567890123456.78")])
        found = [row.event.amount for row in log.read()]
    assert found == [Decimal("1234567890123456.78")]


def test_odd_ids_are_ids(tmp_path):
    """Slashes, quotes, markup, emoji and 10 kB are ids like any other."""
    log = es.EventLog(tmp_path, EVENTS)
    for number, key in enumerate(ODD_TEXTS):
        event = es.stamped(Paid(amount=number), event_id=key, correlation_id=key)
        log.append(key, [event], metadata={"user_id": key})
    again = es.EventLog(tmp_path, EVENTS)
    for number, key in enumerate(ODD_TEXTS):
        (row,) = again.read(key)
        assert row.event == Paid(amount=number)
        assert (row.aggregate_id, row.event_id, row.metadata.user_id) == (key, key, key)
        assert row.metadata.correlation_id == key
    assert again.verify().ok
