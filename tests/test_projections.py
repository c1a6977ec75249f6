"""Projections: how they are declared, what they answer, and what they refuse."""

import copy
import pickle
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

import polars as pl
import pytest
from msgspec import Struct

import esbench as es
from esbench.domains import bank
from esbench.projection import calls_of
from esbench.projection import plain as plain_module


class Stored(es.Event):
    """Something was put on a shelf."""

    pieces: int
    price: es.Money
    exact: Annotated[es.Money, es.places(4)]
    weight: float
    name: str
    labels: list[str]
    is_new: bool
    raw: bytes
    note: str | None = "none"


class Sold(es.Event):
    """Something was taken off a shelf."""

    pieces: int


@pytest.fixture
def log():
    """The story of acc_123 and an account that is opened later."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(bank.EVENTS, clock=clock)
    bank.acc_123(log, clock)
    clock.set("2024-02-01")
    event = bank.AccountOpened(owner="Bob", initial_balance="80.00")
    log.append("acc_200", [event])
    return log


# --- declaring -------------------------------------------------------------------


def test_a_reducer_says_what_it_reads():
    """On the class a field is its reducer, which names its sources."""
    assert repr(bank.Account.owner) == "first(AccountOpened.owner)"
    assert repr(bank.Account.status) == "last(AccountOpened, AccountClosed)"
    assert repr(bank.Account.balance) == (
        "total(AccountOpened.initial_balance, MoneyDeposited.amount, "
        "TransactionReversed.amount, -MoneyWithdrawn.amount)"
    )


WRONG = {
    "unknown field": (lambda: es.total(Sold, "piece"), "did you mean 'pieces'?"),
    "unlike any field": (lambda: es.first(Sold, "colour"), "its fields: pieces"),
    "no type": (lambda: es.first("Sold", "pieces"), "'Sold' is none"),
    "the base type": (lambda: es.count(es.Event), "is none"),
    "no pair": (lambda: es.total(Sold), "pairs of an event type and a field's name"),
    "nothing at all": (es.total, "reads nothing"),
    "nothing counted": (es.count, "reads nothing"),
    "an empty mapping": (lambda: es.last({}), "reads nothing"),
    "mixed kinds": (
        lambda: es.total((Sold, "pieces"), (Stored, "price")),
        r"total mixes decimal\(2\) and int",
    ),
    "mixed places": (
        lambda: es.largest((Stored, "price"), (Stored, "exact")),
        r"largest mixes decimal\(2\) and decimal\(4\)",
    ),
    "mixed constants": (lambda: es.last({Sold: "sold", Stored: 1}), "mixes int and"),
    "a float total": (
        lambda: es.total(Stored, "weight"),
        "total adds exactly, and Stored.weight is float: declare Money or int",
    ),
    "a text total": (lambda: es.total(Stored, "name"), "is text: declare Money or int"),
    "json": (lambda: es.last(Stored, "labels"), "kept as JSON"),
    "the larger flag": (lambda: es.largest(Stored, "is_new"), "values with an order"),
    "the larger bytes": (lambda: es.smallest(Stored, "raw"), "values with an order"),
    "None or a default": (lambda: es.last(Stored, "note"), "write a plain evolve"),
    "one type twice": (
        lambda: es.first((Stored, "name"), (Stored, "name")),
        "names Stored twice",
    ),
    "one field twice": (
        lambda: es.total((Sold, "pieces"), minus=[(Sold, "pieces")]),
        "names Sold.pieces twice",
    ),
    "counted twice": (lambda: es.count(Sold, Sold), "names Sold twice"),
    "a constant list": (lambda: es.last({Sold: [1]}), r"can't give \[1\]"),
    "a constant None": (lambda: es.last({Sold: None}), "can't give None"),
    "a constant NaN": (lambda: es.last({Sold: float("nan")}), "finite"),
    "a constant too large": (lambda: es.last({Sold: 2**63}), "64 bits"),
    "an unknown time": (lambda: es.day("booked_at"), "'occurred_at' or 'recorded_at'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_reducer_is_refused_when_it_is_declared(case):
    """Each typical mistake is answered with how to mend it."""
    declare, hint = WRONG[case]
    with pytest.raises(es.DefinitionConflict, match=hint):
        declare()


@pytest.mark.parametrize("name", ["table", "position", "aggregate_id", "end", "change"])
def test_a_field_named_like_a_call_or_a_column_is_refused(name):
    """A state's fields stand beside the log's columns, and under the calls."""
    with pytest.raises(es.DefinitionConflict, match=f"a field {name}, which is"):
        type("Shelf", (es.Projection,), {name: es.count(Sold)})


def test_a_projection_needs_fields_of_its_own():
    """No field, a private field, or one reducer under two names is refused."""
    shared = es.count(Sold)
    for fields in ({}, {"_hidden": es.count(Sold)}, {"a": shared, "b": shared}):
        with pytest.raises(es.DefinitionConflict, match="Shelf"):
            type("Shelf", (es.Projection,), fields)


def test_both_ways_of_writing_have_the_same_calls(log):
    """``calls_of`` gives the key and the fold, declared or plain."""
    for made, expected in ((bank.Account, "550.00"), (bank.Ledger, "550.00")):
        calls = calls_of(made)
        fold = calls.start()
        for recorded in log.read("acc_123"):
            fold = calls.take(fold, recorded)
        state = calls.finish(fold, "acc_123")
        assert str(state.balance) == expected
        assert calls.cells(state)["balance"] == state.balance
        assert calls.key.name == "aggregate_id"
    assert [field.name for field in calls_of(bank.Daily).reducers] == ["deposits"]


def test_a_projection_may_extend_another():
    """Inherited fields come first, and the key is inherited too."""

    class Busy(bank.Daily):
        times = es.count(bank.MoneyDeposited)

    log = es.EventLog.temporary(bank.EVENTS)
    bank.acc_123(log)
    assert bank.Daily.table(log).columns == ["day", "deposits"]
    assert Busy.table(log).rows() == [(date(2024, 1, 15), Decimal("200.00"), 1)]


# --- states ----------------------------------------------------------------------


def test_a_state_prints_as_the_call_that_makes_it(log):
    """The repr is one stable line, and evaluates to an equal state."""
    state = bank.Account.hydrate(log, "acc_123")
    expected = "Account(owner='Alice', balance=Decimal('550.00'), status='open')"
    assert repr(state) == expected
    assert eval(expected, {"Account": bank.Account, "Decimal": Decimal}) == state


def test_states_are_values(log):
    """Equal values are equal states of equal hash; copies and pickles too."""
    state = bank.Account.hydrate(log, "acc_123")
    again = bank.Account.hydrate(log, "acc_123")
    other = bank.Account.hydrate(log, "acc_200")
    assert state == again
    assert state != other
    assert state != repr(state)
    assert len({state, again, other}) == 2
    assert copy.deepcopy(state) == pickle.loads(pickle.dumps(state)) == state


def test_a_state_is_frozen(log):
    """A state follows from events, so nothing sets it."""
    state = bank.Account.hydrate(log, "acc_123")
    for name in ("balance", "colour"):
        with pytest.raises(AttributeError, match="a state is frozen"):
            setattr(state, name, 1)


def test_a_state_is_made_of_all_its_fields():
    """A missing or unknown field is named."""
    with pytest.raises(TypeError, match="status does not fit"):
        bank.Account(owner="Alice", balance=Decimal(1))


# --- what exists -----------------------------------------------------------------

ASKED = {
    "hydrate": lambda p, past: p.hydrate(past, "acc_123"),
    "steps": lambda p, past: p.steps(past, "acc_123"),
    "table": lambda p, past: p.table(past, only=["acc_123"]),
    "series": lambda p, past: p.series(past, only=["acc_123"]),
}


@pytest.mark.parametrize("call", ASKED)
@pytest.mark.parametrize("made", [bank.Account, bank.Ledger], ids=str)
def test_before_it_began_an_account_is_not_found(log, call, made):
    """Every call says when it began, and which past was asked."""
    with pytest.raises(es.NotFound) as caught:
        ASKED[call](made, log.as_of("2023-12-31"))
    assert str(caught.value) == (
        "acc_123 began on 2024-01-01 with AccountOpened; "
        "you ask about 2023-12-31, as known now"
    )


def test_not_found_tells_when_it_was_recorded_if_that_was_later():
    """An account that was entered late was not known before."""
    log = es.EventLog.temporary(bank.EVENTS, clock=es.Clock("2024-03-01"))
    event = bank.AccountOpened(owner="A", initial_balance=1)
    log.append("a", [event], occurred_at="2024-01-01T00:00:00Z")
    with pytest.raises(es.NotFound, match="2024-01-01, recorded on 2024-03-01, with"):
        bank.Account.hydrate(log.as_of("2024-01-31", recorded="2024-02-01"), "a")


@pytest.mark.parametrize("call", ["hydrate", "steps", "table", "series"])
def test_an_account_that_never_was_is_not_found(log, call):
    """Every call says so, and names those that are spelt alike."""
    for key, hint in (("acc_132", "; there is acc_123"), ("x", "$")):
        asked = [key] if call in {"table", "series"} else key
        only = {"only": asked} if call in {"table", "series"} else {"key": asked}
        with pytest.raises(es.NotFound, match=f"no such aggregate: '{key}'{hint}"):
            getattr(bank.Account, call)(log, **only)


def test_a_key_exists_by_the_types_that_are_named():
    """Events of other types bring nothing into being, for either engine."""

    class Deposits(es.Projection):
        amount = es.total(bank.MoneyDeposited, "amount")

    log = es.EventLog.temporary(bank.EVENTS)
    event = bank.AccountOpened(owner="A", initial_balance=1)
    log.append("a", [event])
    assert Deposits.table(log).is_empty()
    with pytest.raises(es.NotFound):
        Deposits.hydrate(log, "a")
    log.append("a", [bank.MoneyDeposited(amount=5, transaction_id="t")])
    assert Deposits.steps(log, "a").select("version", "amount", "change").rows() == [
        (1, None, ""),
        (2, Decimal("5.00"), "amount +5.00"),
    ]


def test_a_day_without_events_is_not_found(log):
    """A day on which nothing happened that counts is no empty day."""
    with pytest.raises(es.NotFound, match="no event that Daily counts is of the day"):
        bank.Daily.hydrate(log, "2024-01-02")
    with pytest.raises(es.NotFound, match="2024-01-15 began on 2024-01-15 with Money"):
        bank.Daily.table(log.as_of("2024-01-14"), only=["2024-01-15"])


def test_keys_are_written_as_people_write_them(log):
    """A day as date or text, a month as 2024-01; an id is always a text."""

    class Monthly(es.Projection, by=es.month("recorded_at")):
        deposits = es.count(bank.MoneyDeposited)

    day = bank.Daily.hydrate(log, "2024-01-15")
    assert bank.Daily.hydrate(log, date(2024, 1, 15)) == day
    assert Monthly.hydrate(log, "2024-01") == Monthly(deposits=1)
    assert Monthly.hydrate(log, date(2024, 1, 31)) == Monthly(deposits=1)
    assert Monthly.table(log).columns == ["month", "deposits"]
    for key in (123, date(2024, 1, 1), None):
        with pytest.raises(es.InvalidEvent, match="is no text"):
            bank.Account.hydrate(log, key)
    with pytest.raises(es.InvalidEvent, match="is no day"):
        bank.Daily.hydrate(log, "acc_123")


# --- answers ---------------------------------------------------------------------


def test_only_gives_the_keys_asked_for_sorted(log):
    """The order and repetition of the asked keys do not matter."""
    asked = ["acc_200", "acc_123", "acc_200"]
    assert bank.Account.table(log, only=asked).equals(bank.Account.table(log))
    assert bank.Account.table(log, only="acc_200").height == 1
    assert bank.Account.table(log, only=[]).is_empty()
    series = bank.Account.series(log, only=["acc_200"])
    assert series.get_column("aggregate_id").unique().to_list() == ["acc_200"]


def test_steps_say_in_words_what_each_event_did(log):
    """Totals say by how much, other fields from what to what."""
    key = "acc_123"
    log.append(key, [bank.AccountClosed()])
    frame = bank.Account.steps(log, key)
    assert frame.columns == [
        *("position", "version", "type", "occurred_at", "recorded_at", "change"),
        *("owner", "balance", "status"),
    ]
    assert frame.get_column("change").to_list() == [
        "owner Alice, balance +500.00, status open",
        "balance +200.00",
        "balance -150.00",
        "status open → closed",
    ]
    assert frame.get_column("occurred_at")[1] == datetime(
        2024, 1, 15, 10, 30, tzinfo=UTC
    )


def test_a_series_has_the_periods_asked_for(log):
    """From the first event's period to the last one's, unless start and end say so."""
    ends = bank.Account.series(log, only=["acc_123"])
    assert ends.select("end", "balance").rows() == [
        (date(2024, 1, 31), Decimal("550.00"))
    ]
    longer = bank.Account.series(log, start="2024-02-10", end=date(2024, 4, 1))
    assert longer.select("aggregate_id", "end").rows() == [
        (key, end)
        for key in ("acc_123", "acc_200")
        for end in (date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 30))
    ]
    early = bank.Account.series(log, end="2023-12-31")
    assert early.is_empty()
    for made in (bank.Account, bank.Ledger):
        both = made.series(log, every="1w", start="2024-01-10", end="2024-02-20")
        assert both.get_column("end")[0] == date(2024, 1, 14)
        assert both.get_column("end").max() == date(2024, 2, 25)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"every": "1 month"}, "write one of '1d', '1w', '1mo', '1q', '1y'"),
        ({"start": "January"}, "is no day"),
        ({"start": "2024-02-01", "end": "2024-01-01"}, "before the start"),
    ],
)
def test_a_series_that_can_not_be_is_refused(log, asked, hint):
    """What can't be read is named, with what to write."""
    for made in (bank.Account, bank.Ledger):
        with pytest.raises(es.InvalidEvent, match=hint):
            made.series(log, **asked)


def test_compare_shows_what_differs_and_by_how_much(log):
    """Both values of every field, and for totals the difference."""
    frame = bank.Account.compare(log.as_of("2024-01-16"), log)
    assert frame.columns == [
        "aggregate_id", "owner_a", "owner_b", "balance_a", "balance_b",
        "balance_change", "status_a", "status_b",
    ]  # fmt: skip
    assert frame.drop("status_a", "status_b", "owner_a").rows() == [
        ("acc_123", "Alice", Decimal("700.00"), Decimal("550.00"), Decimal("-150.00")),
        ("acc_200", "Bob", None, Decimal("80.00"), Decimal("80.00")),
    ]
    assert bank.Account.compare(log, log).is_empty()
    assert bank.Ledger.compare(log.as_of("2024-01-16"), log).height == 2
    began = bank.Ledger.compare(log.as_of("2023-12-31"), log)
    assert began.select("status_a", "status_b").rows() == [(None, "open")] * 2
    gone = bank.Ledger.compare(log, log.as_of("2023-12-31"))
    assert gone.select("status_a", "status_b").rows() == [("open", None)] * 2


def test_compare_tells_none_from_a_value():
    """A field that was None and is not, or is and was not, makes a difference."""

    class MovedTo(es.Event):
        town: str | None

    class Where(es.Projection):
        town = es.last(MovedTo, "town")

    log = es.EventLog.temporary([MovedTo])
    for town in (None, "Ulm", None, None):
        log.append("a", [MovedTo(town=town)])
    pasts = [log.as_of(position=position) for position in range(5)]
    shown = [Where.compare(a, b).rows() for a, b in pairwise(pasts)]
    assert shown == [
        [("a", None, None)],
        [("a", None, "Ulm")],
        [("a", "Ulm", None)],
        [],
    ]


def test_a_log_with_json_is_read_by_projections_without_fields():
    """Counting asks nothing of what stands in JSON."""

    class Tagged(es.Event):
        labels: list[str]

    class Tags(es.Projection):
        times = es.count(Tagged)

    log = es.EventLog.temporary([Tagged])
    log.append("a", [Tagged(labels=["x"])])
    assert Tags.table(log).rows() == [("a", 1)]
    assert Tags.hydrate(log, "a") == Tags(times=1)


def test_answers_carry_their_coordinates(log):
    """Every answer prints its past above its rows, as text and as HTML."""
    past = log.as_of("2024-01-31", recorded="2024-02-02")
    line = "about 2024-01-31, as known on 2024-02-02"
    for made, name in ((bank.Account, "Account"), (bank.Ledger, "ledger")):
        answers = {
            f"{name}, {line}": made.table(past),
            f"{name} of acc_123, {line}": made.steps(past, "acc_123"),
            f"{name}, a: {line}; b: as known now": made.compare(past, log),
        }
        for expected, answer in answers.items():
            assert str(answer).startswith(f"{expected}\nshape: ")
            assert repr(answer) == str(answer)
            assert f"<div>{expected}</div>" in answer._repr_html_()
    assert bank.Account.table(past).coordinates == line
    assert bank.Account.series(past).coordinates == line


def test_hostile_texts_stay_texts_in_html():
    """Ids and owners that look like markup are escaped wherever they are shown."""
    hostile = "<script>alert(1)</script>\"'"
    log = es.EventLog.temporary(bank.EVENTS)
    log.append(hostile, [bank.AccountOpened(owner=hostile, initial_balance=1)])
    for answer in (bank.Account.table(log), bank.Account.steps(log, hostile)):
        assert "<script>" not in answer._repr_html_()
        assert "&lt;script&gt;" in answer._repr_html_()


def test_what_is_derived_from_an_answer_is_a_plain_frame(log):
    """Whoever filters an answer holds rows, no longer the answer."""
    answer = bank.Account.table(log)
    assert isinstance(answer, pl.DataFrame)
    derived = [
        answer.filter(pl.col("balance") > 100),
        answer.select("balance"),
        answer.head(1),
        answer[0:1],
        answer.clone(),
        answer.sort("owner"),
        answer.with_columns(one=1),
        answer.lazy().collect(),
        answer.drop("owner"),
        copy.copy(answer),
    ]
    assert [type(frame) for frame in derived] == [pl.DataFrame] * len(derived)
    again = pickle.loads(pickle.dumps(answer))
    assert (str(again), again.coordinates) == (str(answer), answer.coordinates)


def test_an_answer_goes_to_pandas(log):
    """Pandas users get the rows with exact decimals."""
    frame = bank.Account.table(log).to_pandas()
    assert list(frame["balance"]) == [Decimal("550.00"), Decimal("80.00")]


# --- plain functions -------------------------------------------------------------


class Risk(Struct, frozen=True):
    """A state as a struct."""

    level: str
    seen: int


@dataclass(frozen=True)
class Shelf:
    """A state as a dataclass."""

    type: str
    names: frozenset


def test_states_of_any_shape_become_columns(log):
    """Structs, dataclasses, dicts and Projections spread out, others are ``state``."""
    shapes = {
        "struct": (lambda s, e: Risk(level="low", seen=1), ["level", "seen"]),
        "dataclass": (
            lambda s, e: Shelf(type="a", names=frozenset({"b", "a"})),
            ["state_type", "names"],
        ),
        "dict": (lambda s, e: {"end": 1, "x": [1, (2, 3)]}, ["state_end", "x"]),
        "projection": (
            lambda s, e: bank.Daily(deposits=Decimal(1)),
            ["deposits"],
        ),
        "number": (lambda s, e: (s or 0) + 1, ["state"]),
        "nothing": (lambda s, e: None, ["state"]),
    }
    for name, (evolve, columns) in shapes.items():
        made = es.projection(evolve, name=name)
        for frame in (made.table(log), made.steps(log, "acc_123"), made.series(log)):
            assert frame.columns[-len(columns) :] == columns
    names = es.projection(shapes["dataclass"][0]).table(log).get_column("names")
    assert names.to_list() == ["{'a', 'b'}"] * 2


def test_values_of_mixed_types_become_texts(log):
    """A column that no single type can hold is shown as text."""
    made = es.projection(lambda state, event: "many" if state else 1)
    assert made.table(log).get_column("state").to_list() == ["many", "1"]


def test_a_plain_function_may_ask_for_the_recorded_event(log):
    """With ``recorded=True`` it sees times, position and version."""
    made = es.projection(
        lambda state, recorded: recorded.position, name="where", recorded=True
    )
    assert made.hydrate(log, "acc_123") == 3
    assert made.table(log).get_column("state").to_list() == [3, 4]
    assert repr(made) == "projection('where', version=1)"


def test_a_plain_function_that_changes_its_state_does_no_harm(log):
    """The initial state is the same for every key and every call."""

    def evolve(state, event):
        state.append(type(event).__name__)
        return state

    made = es.projection(evolve, initial=[])
    for _ in range(2):
        assert len(made.hydrate(log, "acc_123")) == 3
        assert len(made.hydrate(log, "acc_200")) == 1
    assert made.initial == []


def test_a_plain_series_folds_in_log_order():
    """A late event is folded at its place in the log, in the periods it belongs to."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(bank.EVENTS, clock=clock)
    bank.ada(log, clock)
    word = {"MoneyDeposited": "in", "MoneyWithdrawn": "out"}
    made = es.projection(
        lambda seen, event: (
            *(seen or ()),
            word.get(type(event).__name__, type(event).__name__),
        )
    )
    weeks = made.series(log, every="1w").select("end", "state").rows()
    all_five = "['AccountOpened', 'in', 'out', 'TransactionReversed', 'in']"
    assert weeks == [
        (date(2024, 1, 7), "['AccountOpened']"),
        (date(2024, 1, 14), "['AccountOpened']"),
        (date(2024, 1, 21), all_five),
    ]
    days = made.series(log, every="1d", start="2024-01-19").select("end", "state")
    assert days.rows() == [
        (date(2024, 1, 19), "['AccountOpened', 'in', 'TransactionReversed', 'in']"),
        (date(2024, 1, 20), all_five),
    ]


def test_long_work_shows_progress_on_stderr(log, monkeypatch, capsys):
    """A fold over many events shows how far it is; a short one is silent."""
    bank.Ledger.table(log)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(plain_module, "LONG", 3)
    table = bank.Ledger.table(log)
    shown = capsys.readouterr()
    assert "0/4 [" in shown.err
    assert shown.out == ""
    assert table.height == 2


def test_importing_projections_and_the_bank_loads_nothing_heavy():
    """Frames, arrays and pictures are imported when they are first used."""
    program = (
        "import sys, esbench, esbench.domains.bank, esbench.domains.video\n"
        "heavy = 'polars pyarrow pandas numpy narwhals matplotlib tqdm'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
