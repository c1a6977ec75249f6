"""An event that exists holds exactly what its log can store."""

import copy
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_samples import Every, Opened, Paid

import esbench as es
from esbench.event import data_of, rebuild, rebuilder

PLAIN = {"text": "a", "whole": 1, "truth": True, "number": 1.5, "money": "1.50"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("12.50", "12.50"),
        ("12.5", "12.50"),
        ("-0.5", "-0.50"),
        ("+7", "7.00"),
        ("-0", "0.00"),
        (12, "12.00"),
        (Decimal("1E+3"), "1000.00"),
        (Decimal("0E+500"), "0.00"),
        ("0012.50", "12.50"),
        ("12.500", "12.50"),
        ("9999999999999999.99", "9999999999999999.99"),
    ],
    ids=str,
)
def test_money_is_kept_exactly(given, kept):
    """Text, whole numbers and decimals become a decimal with two places."""
    amount = Paid(amount=given).amount
    assert str(amount) == kept
    assert type(amount) is Decimal


@pytest.mark.parametrize(
    ("given", "telling"),
    [
        (12.5, "12.5 is a float, which can't hold money exactly: write it as text"),
        (12.5, "e.g. '12.50'"),
        (float("nan"), "is a float"),
        ("NaN", "'NaN' is no amount: write digits and a point, e.g. '12.50'"),
        (Decimal("NaN"), "write a finite number"),
        (Decimal("-Infinity"), "write a finite number"),
        ("12,50", "'12,50' has a decimal comma: write '12.50'"),
        ("1 000.00", "is no amount"),
        ("\uff11.50", "is no amount"),
        ("1e3", "is no amount"),
        ("", "is no amount"),
        ("12.505", "has more than 2 decimal places: round it yourself, e.g. '12.50'"),
        (Decimal("1E-400"), "more than 2 decimal places"),
        ("10000000000000000", "is too large: at most 18 digits are kept"),
        (Decimal("1E+400"), "is too large"),
        (True, "True is no amount: write text"),
        (None, "None is no amount"),
        (b"1", "is no amount"),
    ],
    ids=str,
)  # fmt: skip
def test_money_that_would_be_changed_is_refused(given, telling):
    """Floats, NaN, commas and too many places are refused with what to write."""
    with pytest.raises(es.InvalidEvent) as caught:
        Paid(amount=given)
    assert str(caught.value).startswith("Paid.amount: ")
    assert telling in str(caught.value)


def test_money_takes_other_places():
    """``places`` says how many are kept."""
    assert str(Every(rate="0.1234").rate) == "0.1234"
    with pytest.raises(es.InvalidEvent, match="more than 4 decimal places"):
        Every(rate="0.12345")


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(1, 28))
def test_no_precision_of_the_program_touches_money(number, precision):
    """All 18 digits are kept, whatever decimal context the program works in."""
    text = (
        f"{number // 100 if number >= 0 else -(-number // 100)}.{abs(number) % 100:02}"
    )
    text = text if number >= 0 else f"-{text.lstrip('-')}"
    with localcontext(prec=precision):
        amount = Paid(amount=text).amount
    assert amount == Decimal(number).scaleb(-2)
    assert amount.as_tuple().exponent == -2


@pytest.mark.parametrize(
    ("field", "value", "telling"),
    [
        ("text", 12, "12 is no text: write '12'"),
        ("text", "\ud800", "half a character"),
        ("text", b"a", "is no text"),
        ("whole", True, "True is no whole number: write e.g. 12"),
        ("whole", "12", "'12' is no whole number"),
        ("whole", 1.0, "1.0 is no whole number"),
        ("whole", 2**63, "does not fit into 64 bits: store it as text"),
        ("truth", 1, "1 is neither True nor False"),
        ("number", float("inf"), "inf is not finite"),
        ("number", "1.5", "'1.5' is no number: write e.g. 52.5"),
        ("number", 2**53 + 1, "9007199254740993 is no float without rounding"),
        ("number", 10**400, "too large"),
        ("moment", datetime(2024, 1, 1), "give it a zone"),  # noqa: DTZ001 - the bad input itself
        ("day", datetime(2024, 1, 1, tzinfo=UTC), "is no day: write e.g. '2024-01-31'"),
        ("day", "31.01.2024", "'31.01.2024' is no day: write e.g. '2024-01-31'"),
        ("day", 20240131, "is no day"),
        ("raw", "text", "'text' is not bytes"),
        ("raw", bytearray(b"a"), "is not bytes"),
        ("colour", "blue", "Invalid enum value 'blue'"),
        ("nested", {"a": [1.5]}, "Expected `int | str`, got `float`"),
        ("nested", {"a": [2**64]}, "does not fit into 64 bits"),
        ("nested", {1: []}, "Expected `str`"),
        ("anything", float("nan"), "JSON would change it"),
        ("anything", {1, 2}, "JSON would change it"),
        ("anything", (1, 2), "JSON would change it"),
        ("anything", Decimal(1), "JSON would change it"),
        ("anything", {1: "a"}, "JSON would change it"),
        ("anything", ["\ud800"], "JSON can't hold it"),
        ("anything", object(), "JSON can't hold it"),
        ("named", None, "None is no text"),
    ],
)
def test_values_that_a_field_cannot_hold_are_refused(field, value, telling):
    """What would be rounded, wrapped or guessed is refused, naming the field."""
    with pytest.raises(es.InvalidEvent) as caught:
        Every(**{field: value})
    assert str(caught.value).startswith(f"Every.{field}: ")
    assert telling in str(caught.value)


def test_a_deep_value_is_refused_in_words():
    """A value nested too deeply for JSON is refused, not a crash."""
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(es.InvalidEvent, match="JSON can't hold it"):
        Every(anything=deep)


def test_fields_are_given_by_name():
    """Unknown, missing and unnamed fields are refused with the known ones."""
    with pytest.raises(es.InvalidEvent, match="takes its fields by name"):
        Paid(1)
    with pytest.raises(es.InvalidEvent, match="Paid needs amount"):
        Paid()
    with pytest.raises(
        es.InvalidEvent, match="Paid has no field color; its fields: amount, note"
    ):
        Paid(amount=1, color="red")


def test_events_do_not_change():
    """An event is frozen; a changed copy is checked like a new event."""
    event = Paid(amount=1)
    with pytest.raises(AttributeError):
        event.amount = 2
    assert event.__replace__(amount="2.5") == Paid(amount="2.50")
    with pytest.raises(es.InvalidEvent, match="is a float"):
        event.__replace__(amount=2.5)
    first, second = Every(), Every()
    first.shelf.append("x")
    assert second.shelf == Every().shelf == []


@pytest.mark.parametrize("event", [Paid(amount=1), Opened(owner="Ada"), Every(**PLAIN)])
def test_copies_are_equal(event):
    """Pickles, copies and rebuilt events equal what they came from."""
    assert pickle.loads(pickle.dumps(event)) == event
    assert copy.copy(event) == copy.deepcopy(event) == event
    assert rebuild(type(event), data_of(event)) == event
    assert rebuilder(type(event))(*data_of(event).values()) == event


def test_required_fields_may_stand_behind_defaults():
    """A type may put a required field behind one with a default, also a subclass."""

    class Late(es.Event):
        note: str = "none"
        amount: es.Money

    class Later(Paid):
        more: int

    assert repr(Late(amount=1)) == "Late(note='none', amount=Decimal('1.00'))"
    assert data_of(Later(amount=1, more=2)) == {
        "amount": Decimal("1.00"),
        "note": None,
        "more": 2,
    }
    log = es.EventLog.temporary([Late, Later, Paid])
    events = [Late(amount=1), Later(amount=1, more=2), Late(note="x", amount=3)]
    log.append("a", events)
    assert [row.event for row in log.read()] == events
    for event in events:
        assert pickle.loads(pickle.dumps(data_of(event))) == data_of(event)


@pytest.mark.parametrize("name", ["position", "Version", "type", "payload", "event_id"])
def test_names_of_the_log_are_taken(name):
    """A field named like a column of the log is refused where it is declared."""
    namespace = {"__annotations__": {name: str}}
    with pytest.raises(es.DefinitionConflict, match=f"Odd declares {name}"):
        type(es.Event)("Odd", (es.Event,), namespace)


def test_nested_types_are_kept_as_they_are():
    """Lists, structs, unions and keys of other types come back in their types."""

    class Price(msgspec.Struct, frozen=True):
        amount: Decimal
        currency: Literal["PLN", "EUR"]

    class Odd(es.Event):
        prices: list[Price] = []  # noqa: RUF012 - made anew for each event
        when: dict[int, date] | None = None
        either: int | str | None = None
        pair: tuple[int, str] | None = None
        some: Annotated[list[int], "note"] | None = None

    events = [
        Odd(prices=[Price(Decimal("1.50"), "PLN")], when={1: date(2024, 1, 31)}),
        Odd(either="12", pair=(1, "a"), some=[1]),
        Odd(either=12, when={}),
    ]
    log = es.EventLog.temporary([Odd])
    log.append("a", events)
    found = [row.event for row in log.read()]
    assert list(map(repr, events)) == list(map(repr, found))
    assert events == found
    with pytest.raises(es.InvalidEvent, match=r"Odd\.either: Expected"):
        Odd(either=1.5)


def test_recorded_events_have_an_id_and_a_type(tmp_path):
    """Without a given id an event's id is its place in its aggregate."""
    log = es.EventLog(tmp_path, [Paid])
    log.append("a/b", [Paid(amount=1), es.stamped(Paid(amount=2), event_id="x")])
    first, second = log.read()
    assert (first.event_id, second.event_id) == ("a/b/1", "x")
    assert (first.type, first.data) == ("Paid", {"amount": Decimal(1), "note": None})


TYPED = """
from decimal import Decimal
from typing import Annotated
import esbench as es

class Paid(es.Event):
    amount: es.Money
    note: str | None = None
    rate: Annotated[es.Money, es.places(4)]

paid = Paid(amount="1.50", rate=Decimal("0.25"))
balance: Decimal = paid.amount + paid.rate
"""


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", None),
        (
            "Paid(amount=1.5, rate=1)",
            'Argument "amount" to "Paid" has incompatible type "float"',
        ),
        ("Paid(rate=1)", 'Missing named argument "amount"'),
        ("text: str = paid.amount", 'expression has type "Decimal"'),
        ("Paid(amount=1, rate=1, colour=2)", 'Unexpected keyword argument "colour"'),
    ],
)
def test_type_checkers_know_money(tmp_path, line, complaint):
    """For mypy a Money field takes text, int or Decimal, and gives a Decimal."""
    (tmp_path / "snippet.py").write_text(TYPED + line)
    command = [sys.executable, "-m", "mypy", "--strict", str(tmp_path / "snippet.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if complaint is None:
        assert done.stdout.startswith("Success"), done.stdout
    else:
        assert complaint in done.stdout
        assert "Found 1 error" in done.stdout
