"""Many events made columns at once give what they would give one by one."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_samples import EVENTS, NOW, Every, Opened, Paid, numbered
from test_log_round_trips import FIELDS, TEXT, money

import esbench as es
from esbench.event import RecordedEvent, Registry, data_of, rebuild
from esbench.log import codec, draft
from esbench.log.chain import genesis, link_rows
from esbench.log.columns import Frame, Keys, frame_of
from esbench.log.draft import Rows
from esbench.log.schema import OPTIONAL, Schema
from esbench.moments import moment


class Flat(es.Event):
    """A field of every kind that has a column."""

    text: str | None = None
    whole: int | None = None
    truth: bool | None = None
    number: float | None = None
    money: es.Money | None = None
    moment: datetime | None = None
    day: date | None = None
    raw: bytes | None = None
    named: str = "unnamed"


PLAIN = {name: FIELDS[name] for name in Flat.__struct_fields__ if name in FIELDS}
SCHEMA = Schema().grown(Registry([Opened, Paid, Flat, Every]))
KINDS = {**OPTIONAL, **SCHEMA.columns()}
EVENT = st.one_of(
    st.fixed_dictionaries({}, optional=PLAIN).map(lambda data: Flat(**data)),
    st.builds(Opened, owner=TEXT, limit=money(2)),
    st.builds(Paid, amount=money(2), note=st.none() | TEXT),
)
METADATA = st.builds(
    es.Metadata, user_id=st.none() | TEXT.filter(bool), causation_id=st.just("c")
)


@st.composite
def recorded(draw):
    """Draw rows as an append makes them."""
    events = draw(st.lists(EVENT, min_size=1, max_size=30))
    late = draw(st.booleans())
    now = moment(NOW)
    return [
        RecordedEvent(
            event,
            draw(st.sampled_from(["b", "a", "é"])),
            place,
            place + 7,
            now - timedelta(seconds=place) if late else now,
            now,
            1,
            draw(st.none() | st.just(f"id-{place}")),
            draw(st.just(es.Metadata()) | METADATA),
        )
        for place, event in enumerate(events, start=1)
    ]


@given(recorded())
def test_columns_and_rows_give_the_same_chain_and_file(rows):
    """The chain, and every column of the table, are those of the rows one by one."""
    frame = frame_of(rows, KINDS)
    words = [codec.stored(row, KINDS) for row in rows]
    assert frame is not None
    by_column = Frame(frame, Keys(frame.get_column("aggregate_id")))
    start = genesis("some log")
    assert by_column.chain(start) == link_rows(start, words, KINDS)
    used = set().union(*words) & OPTIONAL.keys()
    columns = SCHEMA.using(used).columns()
    assert set(frame.columns) & OPTIONAL.keys() == used
    one_by_one = Rows(words, KINDS).table(columns)
    assert by_column.table(columns).to_pylist() == one_by_one.to_pylist()


def forged(event, **values):
    """Give an event with values that nobody has checked."""
    return rebuild(type(event), data_of(event) | values)


@pytest.mark.parametrize(
    "event",
    [
        Every(nested={"a": [1]}),
        Every(seven=None),
        es.UnknownEvent(type="Odd", data={"a": 1}),
        forged(Paid(amount=1), note=b"no text"),
        forged(Paid(amount=1), amount=1.5),
        forged(Flat(), whole=2**63),
        forged(Flat(), money=Decimal(10) ** 20),
        forged(Flat(), text="\ud800"),
        forged(Flat(), whole=True),
    ],
    ids=repr,
)
def test_what_is_not_plain_is_looked_at_one_by_one(event):
    """A value that a column can't say, or of another type, gives no frame."""
    now = moment(NOW)
    rows = [
        RecordedEvent(Paid(amount=1), "a", 1, 1, now, now),
        RecordedEvent(event, "a", 2, 2, now, now),
    ]
    assert frame_of(rows, KINDS) is None


def test_a_long_append_gives_the_head_that_it_gave_row_by_row(tmp_path, monkeypatch):
    """Two thousand events end in the same head, whichever way they took."""
    events = [Paid(amount=n, note=None if n % 3 else str(n)) for n in range(2_000)]
    heads = []
    for name in ("columns", "rows"):
        log = es.EventLog(tmp_path / name, EVENTS, clock=es.Clock(NOW), ids=numbered())
        log.append("a", events, metadata={"user_id": "u"})
        assert [row.event for row in log.read()] == events
        heads.append(log.head())
        monkeypatch.setattr(draft, "frame_of", lambda *_: None)
    assert heads[0] == heads[1]
