"""Bad input is refused with what to do instead, and the log is as it was before."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from log_samples import EVENTS, NOW, Every, Opened, Paid, contents, numbered, sample

import esbench as es
from esbench.log import identity


@pytest.fixture
def log(tmp_path):
    """Give a small log, and look afterwards that no byte of it has changed."""
    log = sample(tmp_path)
    before = contents(tmp_path)
    yield log
    assert contents(tmp_path) == before
    assert len(log) == 4


def refused(error, telling, call, *arguments, **named):
    """Call, and hold the error's type and a telling part of what it says."""
    with pytest.raises(error) as caught:
        call(*arguments, **named)
    assert telling in str(caught.value)
    return caught.value


# Appends


def test_a_stale_version_is_told_with_its_numbers(log):
    """A stale expected version names the aggregate, what was expected, what is."""
    event = [Paid(amount=1)]
    told = "acc_1 is at version 3, you expected 2: read it again"
    error = refused(
        es.ConcurrencyError, told, log.append, "acc_1", event, expected_version=2
    )
    assert (error.aggregate_id, error.expected, error.actual) == ("acc_1", 2, 3)
    told = "acc_1 is at version 3, you expected 0"
    refused(es.ConcurrencyError, told, log.append, "acc_1", event, expected_version=0)
    refused(
        es.ConcurrencyError, "at version 0", log.append, "x", event, expected_version=9
    )


@pytest.mark.parametrize("version", [-1, True, "3", 1.0])
def test_a_version_is_a_whole_number(log, version):
    """Anything but a whole number from 0 is no expected version."""
    told = "write the version that you saw"
    call = {"expected_version": version}
    refused(es.InvalidEvent, told, log.append, "acc_1", [Paid(amount=1)], **call)


def test_a_known_id_with_other_content_is_a_duplicate(log):
    """A known event id comes with the same content, or not at all."""
    told = "the event_id first was appended before with other content"
    for other in (
        [es.stamped(Opened(owner="Eve"), event_id="first")],
        [es.stamped(Opened(owner="Bo"), event_id="first", user_id="eve")],
        [
            es.stamped(
                Opened(owner="Bo"), event_id="first", occurred_at="2024-01-01T00Z"
            )
        ],
        [es.stamped(es.UnknownEvent(type="X", data={}), event_id="first")],
        [es.stamped(Opened(owner="Bo"), event_id="first"), Paid(amount=1)],
        [Paid(amount=1), es.stamped(Opened(owner="Bo"), event_id="first")],
    ):
        refused(es.DuplicateEvent, told, log.append, "acc_2", other)
    same = [es.stamped(Opened(owner="Bo"), event_id="first")]
    refused(es.DuplicateEvent, told, log.append, "acc_2", same, expected_version=1)
    assert log.append("acc_2", same, expected_version=0).first == 4
    assert log.append("acc_2", same).first == 4


def test_an_id_is_given_once(log):
    """An id twice in one append is refused, and so is one like the log's own."""
    twice = [es.stamped(Paid(amount=n), event_id="x") for n in (1, 2)]
    refused(es.DuplicateEvent, "event_id x stands twice", log.append, "acc_1", twice)
    own = [es.stamped(Paid(amount=1), event_id="acc_1/9")]
    told = "acc_1/9 looks like the id that the log gives by itself"
    refused(es.InvalidEvent, told, log.append, "acc_1", own)


@pytest.mark.parametrize(
    ("when", "telling"),
    [
        (datetime(2024, 1, 15, 10, 30), "give it a zone, e.g. 2024-01-15T10:30:00Z"),  # noqa: DTZ001 - the bad input itself
        ("2024-01-15T10:30:00", "give it a zone, e.g. 2024-01-15T10:30:00Z"),
        ("2024-01-15", "is a whole day: give a time too, e.g. '2024-01-15T00:00:00Z'"),
        ("yesterday", "'yesterday' is no moment: write e.g. '2024-01-15T10:30:00Z'"),
        ("2024-02-30T00:00:00Z", "is no moment"),
        ("0001-01-01T00:00:00+05:00", "outside the years 1 to 9999"),
        ("2024-01-15T10:30:00.0000001Z", "finer than a microsecond"),
        (pd.Timestamp("2024-01-15T10:30:00.000000001Z"), "finer than a microsecond"),
        (pd.NaT, "'NaT' is no moment"),
        (1705314600, "1705314600 is no moment"),
    ],
)
def test_a_time_needs_a_zone(log, when, telling):
    """Naive and unclear times are refused with what to write."""
    event = Paid(amount=1)
    refused(es.InvalidEvent, telling, log.append, "acc_1", [event], occurred_at=when)
    refused(es.InvalidEvent, telling, es.stamped, event, occurred_at=when)
    refused(es.InvalidEvent, telling, Every, moment=when)


@pytest.mark.parametrize("value", ["", None, 12, "\ud800"])
def test_names_are_texts(log, value):
    """Ids are text, and none is empty or half a character."""
    event = Paid(amount=1)
    with pytest.raises(es.InvalidEvent):
        log.append(value, [event])
    if value is not None:
        for name in ("event_id", "user_id", "correlation_id", "causation_id"):
            with pytest.raises(es.InvalidEvent, match=name):
                es.stamped(event, **{name: value})
        with pytest.raises(es.InvalidEvent, match="user_id"):
            log.append("acc_1", [event], metadata={"user_id": value})
    refused(es.InvalidEvent, "aggregate_id is empty", log.append, "", [event])
    refused(es.InvalidEvent, "aggregate_id", log.read, 12)


def test_appends_take_lists_of_known_events(log):
    """What is no list of events of this log's types is refused with what to write."""

    class Stranger(es.Event):
        pass

    Impostor = type("Paid", (es.Event,), {"__annotations__": {"amount": int}})  # noqa: N806 - a type
    declared = es.UnknownEvent(type="Paid", data={"amount": 1.5})
    for telling, events in [
        ("write append(id, [event])", Paid(amount=1)),
        ("write append(id, [event])", "Paid"),
        ("give at least one", []),
        ("{} is no event", [{}]),
        ("this log was opened without Stranger: open it", [Stranger()]),
        ("this log was opened without Paid", [Impostor(amount=1)]),
        ("Paid.amount: 1.5 is a float", [declared]),
        ("X.data: JSON", [es.UnknownEvent(type="X", data={"a": float("nan")})]),
        ("X.data: JSON", [es.UnknownEvent(type="X", data={"a": "\ud800"})]),
        ("X.data: JSON", [es.UnknownEvent(type="X", data={"a": (1, 2)})]),
        ("64 bits", [es.UnknownEvent(type="X", data={"a": [2**63]})]),
        ("type is empty", [es.UnknownEvent(type="", data={})]),
        ("Expected `object`", [es.UnknownEvent(type="X", data=[])]),
    ]:
        refused(es.InvalidEvent, telling, log.append, "acc_1", events)
    refused(es.InvalidEvent, "give at least one", log.commit, [])
    told = "metadata has no colour; it takes user_id"
    call = {"metadata": {"colour": "red"}}
    refused(es.InvalidEvent, told, log.append, "acc_1", [Paid(amount=1)], **call)


def test_an_undeclared_program_does_not_guess(log, tmp_path):
    """Without the type's declaration nobody appends events of it."""
    stranger = es.EventLog.existing(tmp_path)
    event = es.UnknownEvent(type="Paid", data={"amount": "1.00"})
    told = "the log holds declared Paid events: open it with that type"
    refused(es.InvalidEvent, told, stranger.append, "acc_1", [event])


# Frames


def frame(**columns):
    """Give three rows of payments, some columns otherwise."""
    plain = {
        "aggregate_id": ["acc_1", "acc_1", "acc_9"],
        "type": ["Paid", "Paid", "Paid"],
        "amount": ["1.00", "2.00", "3.00"],
    }
    kept = {name: values for name, values in (plain | columns).items() if values}
    return pl.DataFrame(kept, strict=False)


def at(*days):
    """Give moments in March."""
    return [datetime(2024, 3, day, tzinfo=UTC) if day else None for day in days]


@pytest.mark.parametrize(
    ("columns", "telling"),
    [
        ({"type": None}, "the frame has no column type: add it"),
        ({"aggregate_id": None}, "the frame has no column aggregate_id"),
        ({"color": ["x"] * 3}, "no declared event has a field color"),
        ({"position": [1, 2, 3]}, "no declared event has a field position"),
        ({"amount": [1.0, 2.0, 3.0]}, "floats can't hold money exactly; give text"),
        ({"amount": [True] * 3}, "column amount is Boolean"),
        ({"note": [1, 2, 3]}, "column note is Int64, text is needed"),
        ({"aggregate_id": [1, 2, 3]}, "column aggregate_id is Int64, text is needed"),
        ({"whole": ["1", "2", "3"]}, "column whole is String, int is needed"),
        ({"whole": [1.0, 2.0, 3.0]}, "a whole number is needed: cast it to Int64"),
        ({"truth": [1, 0, 1]}, "column truth is Int64, bool is needed"),
        ({"occurred_at": [1, 2, 3]}, "column occurred_at is Int64, a time with a zone"),
        (
            {"occurred_at": [datetime(2024, 1, 1)] * 3},  # noqa: DTZ001 - the bad input itself
            "give it a zone, e.g. col('occurred_at').dt.replace_time_zone('UTC')",
        ),
        ({"expected_version": ["3", "4", "0"]}, "column expected_version is String"),
    ],
)
def test_a_frame_of_wrong_columns_is_refused(log, columns, telling):
    """A missing, unknown or wrongly typed column is named, with how to mend it."""
    refused(es.InvalidFrame, telling, log.append_frame, frame(**columns))


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (
            {"type": ["Paid", "Pade", None]},
            [
                (1, "unknown event type 'Pade'; this log has: Opened, Paid, Every"),
                (2, "type is missing"),
            ],
        ),
        (
            {"aggregate_id": ["", None, "b"]},
            [(0, "aggregate_id is empty"), (1, "aggregate_id is missing")],
        ),
        (
            {"amount": ["12,50", "NaN", "1.005"]},
            [
                (0, "'12,50' has a decimal comma: write '12.50'"),
                (1, "'NaN' is no amount"),
                (2, "1.005 has more than 2 decimal places: round it yourself"),
            ],
        ),
        (
            {"amount": [Decimal("1.005"), Decimal(1), None]},
            [(0, "amount has more than 2 decimal places"), (2, "Paid needs amount")],
        ),
        (
            {"amount": [10**16, 2, 3]},
            [(0, "amount is too large: at most 18 digits are kept")],
        ),
        (
            {"owner": ["Ada", None, None]},
            [(0, "Paid has no field owner")],
        ),
        (
            {"type": ["Paid", "Every", "Every"], "amount": ["1", None, None]}
            | {"colour": [None, "blue", "red"]},
            [(1, "Every.colour: Invalid enum value 'blue'")],
        ),
        (
            {"type": ["Every"] * 3, "amount": None, "number": [1.0, float("nan"), 2.0]},
            [(1, "number is not finite")],
        ),
        (
            {"type": ["Every"] * 3, "amount": None, "number": [1, 2**53 + 1, 2]},
            [(1, "number is no float without rounding")],
        ),
        (
            {"type": ["Every"] * 3, "amount": None, "shelf": ['["a"]', "[1]", "[b"]},
            [(1, "Every.shelf: Expected `str`"), (2, "JSON is malformed")],
        ),
        (
            {"occurred_at": ["2024-01-01T00:00:00Z", "2024-01-01", "x"]},
            [(1, "is a whole day"), (2, "'x' is no moment")],
        ),
        (
            {"recorded_at": at(1, 3, 2)},
            [
                (0, "recorded_at is before the log's last event (2024-03-01T12:00"),
                (1, "recorded_at lies in the future"),
                (2, "recorded_at falls: sort the rows"),
            ],
        ),
        (
            {"recorded_at": [es.Clock(NOW)(), None, es.Clock(NOW)()]},
            [(1, "recorded_at is missing")],
        ),
        (
            {"expected_version": [3, 5, 0]},
            [(1, "expected_version leaves a hole between versions")],
        ),
    ],
)
def test_bad_rows_of_a_frame_are_named(log, columns, rows):
    """A frame with bad rows is refused whole, each named by number and reason."""
    with pytest.raises(es.InvalidFrame, match="nothing was stored; mend") as caught:
        log.append_frame(frame(**columns))
    found = caught.value.rows
    assert [number for number, _ in rows] == [number for number, _ in found]
    for (_, telling), (number, reason) in zip(rows, found, strict=True):
        assert telling in reason
        assert f"row {number}: {reason}" in str(caught.value)


def test_the_first_ten_bad_rows_are_named(log):
    """However many are bad and why, the first ten by number are shown."""
    amounts = ["x"] * 20 + ["1"] * 80
    whole = [None] * 5 + [2**63] * 10 + [None] * 85
    bad = pl.DataFrame(
        {
            "aggregate_id": ["a"] * 100,
            "type": ["Paid"] * 100,
            "whole": whole,
            "amount": amounts,
        },
        schema_overrides={"whole": pl.UInt64},
    )
    error = refused(es.InvalidFrame, "20 bad rows", log.append_frame, bad)
    assert [number for number, _ in error.rows] == list(range(10))
    assert "the first 10 of them" in str(error)


def test_a_stale_version_in_a_frame_is_a_conflict(log):
    """The first expected version of an aggregate in a frame is held to the log."""
    stale = frame(expected_version=[2, 3, 0])
    told = "acc_1 is at version 3, you expected 2"
    refused(es.ConcurrencyError, told, log.append_frame, stale)


def test_ids_of_a_frame_are_given_once(log):
    """Frames keep the rules for event ids."""
    both = frame(aggregate_id=["acc_2"] * 3, event_id=["x", "x", "y"])
    refused(es.DuplicateEvent, "x stands twice", log.append_frame, both)
    known = frame(aggregate_id=["acc_2"] * 3, event_id=["first", None, "y"])
    refused(es.DuplicateEvent, "first was appended before", log.append_frame, known)
    own = frame(event_id=["acc_1/7", None, None])
    refused(es.InvalidEvent, "acc_1/7 looks like", log.append_frame, own)


@pytest.mark.parametrize(
    ("thing", "telling"),
    [
        ([{"type": "Paid"}], "list is no frame"),
        (pl.LazyFrame({"type": ["Paid"]}), "LazyFrame is no frame"),
        (pl.DataFrame({"aggregate_id": [], "type": []}), "the frame has no rows"),
    ],
)
def test_what_is_no_frame_is_refused(log, thing, telling):
    """Other things, and frames without rows, are refused."""
    refused(es.InvalidFrame, telling, log.append_frame, thing)


def test_a_frame_of_floats_from_pandas_is_refused(log):
    """Pandas turns money into floats easily; that is said, not rounded."""
    rows = {"aggregate_id": ["a"], "type": ["Paid"], "amount": [12.5]}
    told = "floats can't hold money exactly"
    refused(es.InvalidFrame, told, log.append_frame, pd.DataFrame(rows))


def test_one_name_may_take_other_texts_in_another_type():
    """A ``Literal`` of one type does not bind the text of another."""

    class Priced(es.Event):
        currency: Literal["PLN"]

    class Noted(es.Event):
        currency: str

    log = es.EventLog.temporary([Priced, Noted])
    rows = pl.DataFrame(
        {
            "aggregate_id": ["a", "a"],
            "type": ["Priced", "Noted"],
            "currency": ["PLN", "anything"],
        }
    )
    log.append_frame(rows)
    turned = rows.with_columns(type=pl.col("type").reverse())
    refused(es.InvalidFrame, "row 1: Priced.currency", log.append_frame, turned)
    assert len(log) == 2


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"]
)
def test_frames_of_three_libraries_are_taken(make):
    """pandas, polars and pyarrow frames of the same rows make the same events."""
    log = es.EventLog.temporary(EVENTS, clock=es.Clock(NOW))
    when = datetime(2024, 1, 1, tzinfo=UTC)
    rows = {
        "aggregate_id": ["a", "b"],
        "type": ["Paid", "Paid"],
        "amount": [Decimal("1.50"), Decimal(2)],
        "note": ["é", None],
        "occurred_at": [when, when + timedelta(microseconds=1)],
    }
    log.append_frame(make(rows))
    found = [(row.event, row.occurred_at) for row in log.read()]
    assert found == [
        (Paid(amount="1.5", note="é"), when),
        (Paid(amount=2), when + timedelta(microseconds=1)),
    ]


# Folders


def test_a_folder_of_other_things_is_no_log(tmp_path):
    """A folder that holds something else is left alone."""
    (tmp_path / "thesis.odt").write_bytes(b"precious")
    before = contents(tmp_path)
    told = "the folder holds thesis.odt and no log.json: it is no log"
    refused(es.NotALog, told, es.EventLog, tmp_path, EVENTS)
    assert contents(tmp_path) == before
    told = "there is no log in"
    refused(es.NotALog, told, es.EventLog.existing, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_file_is_no_folder(tmp_path):
    """A path that is a file, or lies below one, is refused with what to do."""
    (tmp_path / "file").write_bytes(b"precious")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        refused(es.StoreError, "a file stands where the folder", es.EventLog, path)
    assert contents(tmp_path) == {"file": b"precious"}


def test_a_newer_log_asks_for_a_newer_program(tmp_path):
    """A log of a newer format is not opened, and not called damaged."""
    sample(tmp_path)
    text = (tmp_path / "log.json").read_bytes()
    newer = identity.sealed(text.replace(b'"format": 2', b'"format": 3'))
    (tmp_path / "log.json").write_bytes(newer)
    before = contents(tmp_path)
    told = "the log has format 3, this esbench reads 2: use a newer esbench"
    refused(es.NotALog, told, es.EventLog, tmp_path, EVENTS)
    assert contents(tmp_path) == before


def test_a_zone_is_said_once(tmp_path):
    """An unknown zone is refused, and so is another one than the log's."""
    told = "there is no zone 'Mars/Base': write e.g. 'UTC'"
    refused(es.DefinitionConflict, told, es.EventLog, tmp_path / "x", zone="Mars/Base")
    refused(
        es.DefinitionConflict, "there is no zone ''", es.EventLog, tmp_path, zone=""
    )
    assert contents(tmp_path) == {}
    es.EventLog(tmp_path, zone="Europe/Warsaw")
    told = "the log's zone is Europe/Warsaw, not UTC: leave zone= out"
    refused(es.DefinitionConflict, told, es.EventLog, tmp_path, zone="UTC")


@pytest.mark.parametrize("given", [None, 7, "", "\ud800"])
def test_ids_are_texts(tmp_path, given):
    """What gives ids gives texts, or no log is made."""
    refused(es.InvalidEvent, "ids()", es.EventLog, tmp_path, ids=lambda: given)
    assert contents(tmp_path) == {}
    ids = numbered()
    log = es.EventLog(tmp_path, [Paid], ids=ids)
    log._writer._ids = lambda: given
    refused(es.InvalidEvent, "ids()", log.append, "a", [Paid(amount=1)])


def test_odd_ids_from_the_program_do_no_harm(tmp_path):
    """Not even an id made of the digest's own zeros confuses the files."""
    log = es.EventLog(tmp_path, [Paid], ids=lambda: "0" * 64)
    log.append("0" * 64, [Paid(amount=1, note="0" * 64)])
    assert es.EventLog(tmp_path, [Paid]).verify().ok
    log = es.EventLog.temporary([Paid], ids=lambda: '"digest": "' + "0" * 64)
    log.append("esbench.digest", [Paid(amount=1, note="\x18\x0eesbench.digest\x18@")])
    assert log.verify().ok


# Declarations


def conflict(tmp_path, telling, *types):
    """Open with these types, which contradict, and see nothing written."""
    before = contents(tmp_path)
    refused(es.DefinitionConflict, telling, es.EventLog, tmp_path, types)
    assert contents(tmp_path) == before


def made(name, schema_version=1, **fields):
    """Give an event type with these annotations."""
    namespace = {
        "__annotations__": {
            n: f[0] if isinstance(f, tuple) else f for n, f in fields.items()
        },
        **{n: f[1] for n, f in fields.items() if isinstance(f, tuple)},
    }
    return type(es.Event)(name, (es.Event,), namespace, schema_version=schema_version)


def test_two_meanings_of_one_name_are_refused(tmp_path):
    """One field with two types, or two types of one name, are told at open."""
    told = "A.amount is decimal(2) and B.amount is text, but one column holds both"
    conflict(tmp_path, told, made("A", amount=es.Money), made("B", amount=str))
    told = "A.owner is text and B.Owner is text, but one column holds both"
    conflict(tmp_path, told, made("A", owner=str), made("B", Owner=str))
    conflict(tmp_path, "two event types are called A", made("A"), made("A"))
    conflict(tmp_path, "is no event type: subclass es.Event", str)
    conflict(tmp_path, "is no event type", Paid(amount=1))
    told = "the default of x: 1.5 is a float"
    conflict(tmp_path, told, made("A", x=(es.Money, 1.5)))
    assert contents(tmp_path) == {}


def test_a_log_outlives_its_program(tmp_path):
    """A declaration that would read old events otherwise is refused at open."""
    old = made("A", 2, amount=es.Money, note=str | None, fee=(int, 1), tag=(str, "x"))
    es.EventLog(tmp_path, [old]).append("a", [old(amount=1, note=None)])
    same = {"amount": es.Money, "note": str | None, "fee": (int, 1), "tag": (str, "x")}
    for telling, change in [
        ("the log's A has a field fee (int)", {"fee": None}),
        ("A.amount is decimal(2) in the log and text in this program", {"amount": str}),
        ("A.note may be None in the log: declare it with | None", {"note": str}),
        ("A.fee has the default 1 in the log", {"fee": (int, 2)}),
        ("A.late is new, and older events lack it: give it a default", {"late": int}),
    ]:
        fields = {n: f for n, f in (same | change).items() if f is not None}
        conflict(tmp_path, telling, made("A", 2, **fields))
    told = "A: the log holds schema_version 2, this program declares 1"
    conflict(tmp_path, told, made("A", 1, **same))
    es.EventLog.existing(tmp_path).append("b", [es.UnknownEvent(type="U", data={})])
    told = "the log holds U events that were appended undeclared, as JSON"
    conflict(tmp_path, told, made("A", 2, **same), made("U"))
    grown = made("A", 3, **same, late=(int, 0))
    log = es.EventLog(tmp_path, [grown])
    assert [row.event for row in log.read("a")] == [grown(amount=1, note=None)]


def test_an_old_program_that_runs_on_is_told(tmp_path):
    """When a newer program has written meanwhile, the older one stops guessing."""
    old, new = made("A", x=int), made("A", x=int, y=(int, 0))
    log = es.EventLog(tmp_path, [old])
    log.append("a", [old(x=1)])
    past = log.as_of(position=1)
    es.EventLog(tmp_path, [new]).append("a", [new(x=2, y=3)])
    told = "the log's A has a field y (int) that this program does not declare"
    for call in (log.read, log.scan, log.head, log.as_of, lambda: list(log.follow())):
        refused(es.DefinitionConflict, told, call)
    before = contents(tmp_path)
    refused(es.DefinitionConflict, told, log.append, "a", [old(x=4)])
    assert contents(tmp_path) == before
    assert [row.event for row in past.read()] == [old(x=1)]
