"""The bank: its rules, its stories, two tellers at once, and its made-up traffic."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from threading import Barrier

import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import esbench as es
from esbench.domains import bank, video
from esbench.moments import Clock


@pytest.fixture
def log():
    """A new log of the bank, whose clock stands at June 1."""
    return es.EventLog.temporary(bank.EVENTS, clock=Clock("2024-06-01"))


def opened(log, balance="500.00"):
    """Open an account, and return its id."""
    command = bank.OpenAccount(owner="Alice", initial_balance=balance)
    es.execute(log, "acc_123", bank.decide, command)
    return "acc_123"


def balance(log, key="acc_123"):
    """Return what is on an account."""
    return bank.Account.hydrate(log, key).balance


# --- stories ---------------------------------------------------------------------


def test_acc_123_goes_from_500_to_700_to_550(log):
    """The story of the source text ends at 550.00, and stood at 700.00 on Jan 16."""
    assert bank.acc_123(log) == "acc_123"
    shown = bank.Account.steps(log, "acc_123").get_column("balance").to_list()
    assert [Decimal("500.00"), Decimal("700.00"), Decimal("550.00")] == shown
    assert Decimal("700.00") == balance(log.as_of("2024-01-16"))


def test_ada_has_three_balances_about_january_31():
    """About Jan 31: 700 as known that day, 550 from Feb 2, 370 from Feb 5."""
    clock = Clock("2024-01-01")
    log = es.EventLog.temporary(bank.EVENTS, clock=clock)
    assert bank.ada(log, clock) == "ada"
    known = {
        "2024-01-31": "700.00",
        "2024-02-01": "700.00",
        "2024-02-02": "550.00",
        "2024-02-04": "550.00",
        "2024-02-05": "370.00",
    }
    for asked_on, expected in known.items():
        past = log.as_of(occurred="2024-01-31", recorded=asked_on)
        assert Decimal(expected) == balance(past, "ada")
        assert Decimal(expected) == bank.Account.table(past).item(0, "balance")
    assert Decimal("370.00") == balance(log.as_of("2024-01-31"), "ada")
    assert Decimal("520.00") == balance(log.as_of("2024-01-16"), "ada")


def test_stories_take_the_clock_along():
    """With the log's clock, every story is recorded when it happened."""
    clock = Clock("2024-01-01")
    log = es.EventLog.temporary([*bank.EVENTS, *video.EVENTS], clock=clock)
    bank.acc_123(log, clock)
    assert all(event.occurred_at == event.recorded_at for event in log.read())
    video.vid_123(log, clock)
    assert video.Video.hydrate(log, "vid_123").status == "success"


def test_the_video_ends_as_its_last_event_says():
    """Uploaded, processing, success: the status follows the order of events."""
    log = es.EventLog.temporary(video.EVENTS)
    video.vid_123(log)
    statuses = video.Video.steps(log, "vid_123").get_column("status").to_list()
    assert statuses == ["uploaded", "processing", "success"]
    state = video.Video.hydrate(log, "vid_123")
    assert (
        state.uploaded_by,
        state.output_path,
    ) == ("user_456", "s3://processed/video.mp4")


# --- rules -----------------------------------------------------------------------


def test_commands_append_what_they_decide(log):
    """Opening, depositing, withdrawing and closing leave the events they should."""
    key = opened(log)
    for command in (
        bank.Deposit(amount="200.00", transaction_id="t1"),
        bank.Withdraw(amount="700.00", transaction_id="t2"),
        bank.Close(reason="moved away"),
    ):
        es.execute(log, key, bank.decide, command)
    assert [
        bank.AccountOpened(owner="Alice", initial_balance="500.00"),
        bank.MoneyDeposited(amount="200.00", transaction_id="t1"),
        bank.MoneyWithdrawn(amount="700.00", transaction_id="t2"),
        bank.AccountClosed(reason="moved away"),
    ] == [recorded.event for recorded in log.read(key)]
    assert bank.Account.hydrate(log, key).status == "closed"


REFUSED = {
    "unknown": ([], bank.Deposit(amount=1, transaction_id="a"), "no such account"),
    "overdraft": (
        [bank.OpenAccount(owner="A", initial_balance="10.00")],
        bank.Withdraw(amount="10.01", transaction_id="a"),
        r"10\.01 can't be withdrawn: 10\.00 is there",
    ),
    "closed": (
        [bank.OpenAccount(owner="A"), bank.Close()],
        bank.Deposit(amount=1, transaction_id="a"),
        "the account is closed",
    ),
    "already open": (
        [bank.OpenAccount(owner="A")],
        bank.OpenAccount(owner="B"),
        "the account is open already",
    ),
    "opened again": (
        [bank.OpenAccount(owner="A"), bank.Close()],
        bank.OpenAccount(owner="A"),
        "the account is closed already",
    ),
    "opened below zero": (
        [],
        bank.OpenAccount(owner="A", initial_balance="-0.01"),
        "can't be opened with -0.01",
    ),
    "nothing in": (
        [bank.OpenAccount(owner="A")],
        bank.Deposit(amount=0, transaction_id="a"),
        "a deposit of 0.00 moves nothing",
    ),
    "less than nothing out": (
        [bank.OpenAccount(owner="A")],
        bank.Withdraw(amount=-5, transaction_id="a"),
        "a withdrawal of -5.00 moves nothing",
    ),
    "same id": (
        [bank.OpenAccount(owner="A"), bank.Deposit(amount=5, transaction_id="a")],
        bank.Deposit(amount=5, transaction_id="a"),
        "a is booked already",
    ),
    "reverse what never was": (
        [bank.OpenAccount(owner="A")],
        bank.Reverse(transaction_id="r", reverses="a"),
        "a was never booked on this account",
    ),
    "reverse twice": (
        [
            bank.OpenAccount(owner="A"),
            bank.Deposit(amount=5, transaction_id="a"),
            bank.Reverse(transaction_id="r", reverses="a"),
        ],
        bank.Reverse(transaction_id="s", reverses="a"),
        "a is reversed already",
    ),
    "reverse a reversal": (
        [
            bank.OpenAccount(owner="A"),
            bank.Deposit(amount=5, transaction_id="a"),
            bank.Reverse(transaction_id="r", reverses="a"),
        ],
        bank.Reverse(transaction_id="s", reverses="r"),
        "r is a reversal itself",
    ),
    "close with money": (
        [bank.OpenAccount(owner="A", initial_balance=1)],
        bank.Close(),
        r"1\.00 is still on the account",
    ),
    "no command": ([bank.OpenAccount(owner="A")], "give me money", "is no command"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_rules_forbid_is_refused(log, case):
    """A refused command says why, and stores nothing."""
    before, command, reason = REFUSED[case]
    for earlier in before:
        es.execute(log, "acc", bank.decide, earlier)
    events = list(log.read())
    with pytest.raises(es.Refused, match=reason):
        es.execute(log, "acc", bank.decide, command)
    assert events == list(log.read())


def test_an_amount_that_money_can_not_hold_is_an_invalid_event(log):
    """A float in a command is refused as it would be in an event."""
    with pytest.raises(es.InvalidEvent, match="is a float"):
        es.execute(
            log, opened(log), bank.decide, bank.Deposit(amount=0.1, transaction_id="a")
        )


@pytest.mark.parametrize(
    ("moved", "undone"),
    [
        (bank.Deposit(amount="200.00", transaction_id="t1"), "-200.00"),
        (bank.Withdraw(amount="150.00", transaction_id="t1"), "150.00"),
    ],
)
def test_a_reversal_undoes_exactly_its_original(log, moved, undone):
    """It fills in the signed amount, and occurred when the original did."""
    key, when = opened(log), "2024-06-03T12:00:00Z"
    es.execute(log, key, bank.decide, moved, occurred_at=when)
    es.execute(log, key, bank.decide, bank.Reverse(transaction_id="r", reverses="t1"))
    *_, original, reversal = log.read(key)
    assert reversal.event == bank.TransactionReversed(
        transaction_id="r", reverses="t1", amount=undone
    )
    assert original.occurred_at == reversal.occurred_at
    assert original.occurred_at == datetime(2024, 6, 3, 12, tzinfo=UTC)
    assert Decimal("500.00") == balance(log)


def test_a_correction_may_take_a_balance_below_zero(log):
    """What never happened can't be refused, even if the money is gone."""
    key = opened(log, "0.00")
    for command in (
        bank.Deposit(amount=200, transaction_id="t1"),
        bank.Withdraw(amount=200, transaction_id="t2"),
        bank.Reverse(transaction_id="r", reverses="t1"),
    ):
        es.execute(log, key, bank.decide, command)
    assert Decimal("-200.00") == balance(log)


names = st.sampled_from(["a", "b", "c", "d", "e"])
amounts = st.integers(-1, 30)


class Customers(RuleBasedStateMachine):
    """Any commands in any order, beside a dict of movements kept by hand."""

    def __init__(self):
        super().__init__()
        self.log = es.EventLog.temporary(bank.EVENTS, clock=Clock("2024-01-01"))
        self.moves, self.undone, self.is_open, self.was_opened = {}, set(), False, False

    def run(self, command, *, allowed):
        try:
            es.execute(self.log, "acc", bank.decide, command)
        except es.Refused:
            assert not allowed
        else:
            assert allowed
        return allowed

    @rule(amount=amounts)
    def open(self, amount):
        allowed = not self.was_opened and amount >= 0
        if self.run(
            bank.OpenAccount(owner="A", initial_balance=amount), allowed=allowed
        ):
            self.moves["opening"], self.is_open, self.was_opened = amount, True, True

    @rule(name=names, amount=amounts)
    def deposit(self, name, amount):
        allowed = self.is_open and amount > 0 and name not in self.moves
        if self.run(bank.Deposit(amount=amount, transaction_id=name), allowed=allowed):
            self.moves[name] = amount

    @rule(name=names, amount=amounts)
    def withdraw(self, name, amount):
        fits = 0 < amount <= sum(self.moves.values())
        allowed = self.is_open and fits and name not in self.moves
        if self.run(bank.Withdraw(amount=amount, transaction_id=name), allowed=allowed):
            self.moves[name] = -amount

    @rule(name=names, other=names)
    def reverse(self, name, other):
        allowed = (
            self.is_open
            and name not in self.moves
            and other in self.moves
            and other not in self.undone
            and not isinstance(self.moves[other], float)
        )
        command = bank.Reverse(transaction_id=name, reverses=other)
        if self.run(command, allowed=allowed):
            self.moves[name] = -float(self.moves[other])  # a float marks a reversal
            self.undone.add(other)

    @rule()
    def close(self):
        allowed = self.is_open and not sum(self.moves.values())
        if self.run(bank.Close(), allowed=allowed):
            self.is_open = False

    @invariant()
    def the_balance_is_the_sum_of_what_was_allowed(self):
        if self.was_opened:
            assert sum(self.moves.values()) == balance(self.log, "acc")


TestCustomers = Customers.TestCase
TestCustomers.settings = settings(max_examples=30, stateful_step_count=20)


# --- two tellers -----------------------------------------------------------------


def tellers(log, act):
    """Let two tellers withdraw 500 at once, both having seen 500; tell how it went."""
    barrier = Barrier(2)

    def teller(name):
        try:
            return act(log, name, barrier.wait)
        except es.Refused as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(teller, ["t1", "t2"]))


def careful(log, name, ready):
    """Withdraw by ``execute``; wait after the first look, so that both have looked."""
    looks = []

    @es.decides_on(bank.Ledger)
    def decide(book, command):
        if not looks:
            looks.append(book.balance)
            ready(timeout=10)
        return bank.decide(book, command)

    command = bank.Withdraw(amount=500, transaction_id=name)
    return es.execute(log, "acc_123", decide, command)


def careless(log, name, ready):
    """Look, decide, and append without saying which version was seen."""
    book = bank.Ledger.hydrate(log, "acc_123")
    ready(timeout=10)
    command = bank.Withdraw(amount=500, transaction_id=name)
    return log.append("acc_123", bank.decide(book, command))


def test_two_tellers_take_500_once(log):
    """Both see 500 and withdraw 500: one does, the other is refused, 0 is left."""
    opened(log)
    outcomes = tellers(log, careful)
    assert sorted(type(each).__name__ for each in outcomes) == ["Commit", "Refused"]
    assert Decimal("0.00") == balance(log)
    refusal = next(o for o in outcomes if isinstance(o, es.Refused))
    assert str(refusal) == "500.00 can't be withdrawn: 0.00 is there"


def test_two_tellers_from_two_processes_of_the_log(log):
    """The same holds when each teller has opened the folder for itself."""
    opened(log)
    folder = log.files()[0].partition("/events/")[0]
    logs = {n: es.EventLog(folder, bank.EVENTS, clock=log.now) for n in ("t1", "t2")}
    outcomes = tellers(log, lambda _, name, ready: careful(logs[name], name, ready))
    assert sorted(type(each).__name__ for each in outcomes) == ["Commit", "Refused"]
    assert Decimal("0.00") == balance(log)


def test_without_an_expected_version_the_bank_loses_500(log):
    """Left out, both withdrawals are stored, and the balance is −500."""
    opened(log)
    outcomes = tellers(log, careless)
    assert [es.Commit, es.Commit] == list(map(type, outcomes))
    assert Decimal("-500.00") == balance(log)


def test_many_tellers_lose_nothing(log):
    """Eight threads, five deposits each, on one account: all forty are booked."""
    opened(log, "0.00")

    def teller(number):
        for turn in range(5):
            command = bank.Deposit(amount=1, transaction_id=f"{number}-{turn}")
            es.execute(log, "acc_123", bank.decide, command, attempts=200)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(teller, range(8)))
    assert Decimal("40.00") == balance(log)
    assert len(log) == 41


def test_execute_gives_up_after_its_attempts(log):
    """When somebody is faster every time, the conflict comes through."""
    opened(log)
    looks = []

    def decide(history, command):
        looks.append(len(history))
        rival = bank.MoneyDeposited(amount=1, transaction_id=f"rival{len(looks)}")
        log.append("acc_123", [rival])
        return [bank.MoneyWithdrawn(amount=1, transaction_id="late")]

    with pytest.raises(es.ConcurrencyError):
        es.execute(log, "acc_123", decide, None, attempts=3)
    assert looks == [1, 2, 3]
    assert len(log) == 4


def test_a_decision_without_a_mark_gets_the_recorded_events(log):
    """Without ``decides_on`` it decides on the tuple of what was recorded."""
    opened(log)
    seen = []
    commit = es.execute(
        log, "acc_123", lambda history, _: seen.append(history) or [], 1
    )
    assert commit is None
    assert [tuple(log.read("acc_123"))] == seen


def test_a_decision_may_be_on_a_declared_projection(log):
    """``decides_on`` takes a Projection too; what is not there yet is None."""
    seen = []

    @es.decides_on(bank.Account)
    def decide(account, command):
        seen.append(account)
        return [bank.AccountOpened(owner="A", initial_balance=1)]

    es.execute(log, "acc", decide, None)
    es.execute(log, "acc", decide, None, metadata={"user_id": "u1"})
    expected = bank.Account(owner="A", balance=Decimal("1.00"), status="open")
    assert [None, expected] == seen
    assert list(log.read("acc"))[-1].metadata.user_id == "u1"


# --- traffic ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def frame():
    """Traffic with many late events and corrections."""
    return bank.traffic(60, 6_000, seed=11, late=0.1, corrections=0.1)


def test_traffic_is_the_same_for_a_seed_on_every_machine(frame):
    """The rows of a seed are known by their digest; another seed gives others."""
    again = bank.traffic(60, 6_000, seed=11, late=0.1, corrections=0.1)
    assert frame.equals(again)
    assert not frame.equals(bank.traffic(60, 6_000, seed=12, late=0.1, corrections=0.1))
    plain = frame.with_columns(pl.col("occurred_at", "recorded_at").cast(pl.Int64))
    digest = hashlib.sha256(plain.write_csv().encode()).hexdigest()
    assert digest[:16] == "dbd86533b2ffaf4c"


def test_traffic_has_as_many_rows_and_accounts_as_asked():
    """Every account is opened once, at its beginning, whatever the shares are."""
    for accounts, events, corrections in [
        (1, 1, 0),
        (3, 5, 1),
        (7, 100, 1),
        (5, 5, 0.5),
    ]:
        made = bank.traffic(accounts, events, late=0.5, corrections=corrections)
        assert events == made.height
        firsts = made.group_by("aggregate_id").first()
        assert accounts == firsts.height
        assert {"AccountOpened"} == set(firsts.get_column("type"))
        assert accounts == made.filter(type="AccountOpened").height


def test_traffic_never_overdraws_in_the_order_of_recording(frame):
    """Read in row order, no balance is ever negative."""
    out = pl.col("type") == "MoneyWithdrawn"
    moved = pl.coalesce("amount", "initial_balance")
    signed = pl.when(out).then(-moved).otherwise(moved)
    balances = frame.select(signed.cum_sum().over("aggregate_id")).to_series()
    assert balances.min() >= 0


def test_traffic_has_late_events_and_corrections(frame):
    """The shares asked for are there, and reversals fit their originals."""
    delay = frame.get_column("recorded_at") - frame.get_column("occurred_at")
    late = delay.dt.total_days() >= 1
    assert 0.05 < late.mean() < 0.25
    assert frame.get_column("recorded_at").is_sorted()
    assert delay.min().total_seconds() >= 0
    reversals = frame.filter(type="TransactionReversed")
    pairs = reversals.join(
        frame.filter(type="MoneyDeposited"),
        left_on=["aggregate_id", "reverses"],
        right_on=["aggregate_id", "transaction_id"],
    )
    assert reversals.height == pairs.height > 100
    assert (pairs["amount"] == -pairs["amount_right"]).all()
    assert (pairs["occurred_at"] == pairs["occurred_at_right"]).all()
    assert (pairs["recorded_at"] > pairs["recorded_at_right"]).all()
    ids = frame.get_column("transaction_id").drop_nulls()
    assert ids.len() == ids.n_unique()


def test_traffic_goes_into_a_log_and_may_be_gone_on_with(frame):
    """A log takes it as it is, and the rules know its transactions."""
    log = es.EventLog.temporary(bank.EVENTS)
    log.append_frame(frame)
    last = frame.filter(type="MoneyDeposited").row(-1, named=True)
    again = bank.Deposit(amount=1, transaction_id=last["transaction_id"])
    with pytest.raises(es.Refused, match="is booked already"):
        es.execute(log, last["aggregate_id"], bank.decide, again)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"accounts": 5, "events": 4}, "can't open 5 accounts"),
        ({"accounts": 0}, "at least one account"),
        ({"late": 1.5}, "late=1.5 is no share"),
        ({"corrections": -1}, "corrections=-1 is no share"),
        ({"start": "2024-01-01", "end": "2024-01-01"}, "at least two days"),
        ({"start": "January"}, "is no day"),
    ],
)
def test_traffic_that_can_not_be_is_refused(asked, hint):
    """What makes no sense is named."""
    with pytest.raises(es.InvalidEvent, match=hint):
        bank.traffic(**asked)
