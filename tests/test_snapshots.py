"""Snapshots change when an answer comes, and never what it is.

Logs are generated, with late events, corrections and types that nobody declares; they
are asked about pasts in both times and by position, on both engines, with snapshots at
several positions: sound ones, and every kind that must not be used.
"""

import copy
import gc
import shutil
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_two_engines import START, WORLDS, ZONE, exact, worlds

import esbench as es
from esbench.domains import bank
from esbench.event import UnknownEvent
from esbench.projection import calls_of, kept, listed, shelf, snapshots
from esbench.projection.kept import Header, folder_of, name_of
from esbench.projection.snapshots import Replayed, Snapshot, usable
from esbench.projection.written import States, alike

HOUR = timedelta(hours=1)


# --- logs ------------------------------------------------------------------------


class Tally(msgspec.Struct, frozen=True):
    """The state of a plain function: what msgspec keeps and gives back."""

    events: int = 0
    seen: frozenset[str] = frozenset()
    last: datetime | None = None
    paid: Decimal = Decimal("0.00")


def tally(state, recorded):
    """Count the events and note what they were, in the order of the log."""
    amount = getattr(recorded.event, "amount", None) or Decimal("0.00")
    return Tally(
        state.events + 1,
        state.seen | {recorded.type},
        recorded.occurred_at,
        state.paid + amount,
    )


def spelled(state, event):
    """Keep what happened as JSON's own types; what was closed is nothing at all."""
    if type(event).__name__ == "AccountClosed":
        return None
    return [*(state or []), {"what": str(event)}]


Tallied = es.projection(tally, Tally(), name="tally", version=1, recorded=True)
Spelled = es.projection(spelled, name="spelled", version=3)
PLAIN = (Tallied, Spelled)


@contextmanager
def folder_that_vanishes():
    """Give a folder for a log."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "log"


def commits_of(rows, parts):
    """Cut rows into some commits of about the same size."""
    size = max(1, -(-len(rows) // parts))
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def append(log, clock, part):
    """Append a commit; its events occurred on time or were recorded late."""
    clock.advance(hours=max(gap for *_, gap in part))
    log.commit(
        (name, [es.stamped(event, occurred_at=START + hours * HOUR)], None)
        for name, event, hours, _ in part
    )


def opened(folder, types, clock=None):
    """Open a log in a folder, in a zone where days begin late."""
    return es.EventLog(folder, types, clock=clock or es.Clock(START), zone=ZONE)


def pasts(log):
    """Give the log and pasts of it in each coordinate and in all."""
    end = log.head().position
    return [
        log,
        log.as_of("2024-02-14"),
        log.as_of(recorded="2024-01-03"),
        log.as_of(position=end - 1),
        log.as_of("2024-03-10", recorded="2024-01-20", position=end // 2 + 2),
    ]


hours = st.none() | st.integers(0, 24 * 110)
coordinates = st.lists(
    st.tuples(hours, hours, st.none() | st.floats(0, 1)), min_size=2, max_size=3
)


def drawn(log, asked):
    """Give the log and the pasts of it at some hours and shares of its length."""
    end = log.head().position
    times = [
        (
            None if occurred is None else START + occurred * HOUR,
            None if recorded is None else START + recorded * HOUR,
            None if share is None else round(share * end),
        )
        for occurred, recorded, share in asked
    ]
    return [log, *(log.as_of(o, recorded=r, position=p) for o, r, p in times)]


# --- answers ---------------------------------------------------------------------


def shown(state):
    """Give a state as exact values."""
    if isinstance(state, es.Projection):
        return {k: exact(v) for k, v in state.__dict__["_values"].items()}
    return repr(state), type(state)


def tabled(answer):
    """Give a table as exact values, with its columns and their types."""
    rows = [tuple(map(exact, row)) for row in answer.rows()]
    return rows, answer.columns, answer.dtypes, answer.coordinates


def outcome(ask):
    """Give what a question gives: an exact answer, or an error with its words."""
    try:
        answer = ask()
    except es.EsbenchError as error:
        return type(error), str(error)
    return tabled(answer) if isinstance(answer, pl.DataFrame) else shown(answer)


def keys_of(one, log):
    """Give some keys to ask for: two that are there, and one that is not."""
    column = one.table(log, snapshots=False).to_series(0).to_list()
    none = "2019-01-01" if calls_of(one).key.time else "nobody"
    return [*(str(key) for key in column[:2]), none]


def assert_same(one, past, keys):
    """Assert that a past answers alike with its snapshots and without any."""
    for call, what in [
        ("table", None),
        ("table", keys),
        *(("hydrate", k) for k in keys),
    ]:
        ask = partial(getattr(one, call), past, what)
        assert outcome(partial(ask, snapshots=False)) == outcome(ask)


def used(one, past):
    """Give the position of the snapshot that a past begins with; 0 for none."""
    found = usable(calls_of(one), past)
    return found.header.position if found else 0


def is_exact(one, past, position):
    """Tell, from the events alone, whether a snapshot at a position may be used."""
    named = [e for e in past.log.read() if calls_of(one).names(e.type)]
    here = {e.position for e in past.read()}
    inside = all(e.position in here for e in named if e.position <= position)
    return inside and position <= snapshots.reach_of(past)


# --- the promise -----------------------------------------------------------------

ranks = st.lists(st.floats(0, 1), min_size=1, max_size=2)


def take_some(one, log, shares):
    """Take snapshots at some shares of a log's length; give their positions."""
    end = log.head().position
    positions = sorted({max(1, round(share * end)) for share in shares})
    for position in positions:
        taken = one.snapshot(log, position)
        assert (taken.position, taken.projection) == (position, calls_of(one).name)
    return positions


@settings(max_examples=settings().max_examples // 2)
@given(worlds, ranks, st.integers(1, 4), coordinates)
def test_snapshot_and_tail_are_the_replay(world, shares, parts, asked):
    """Every past answers alike with snapshots, and begins with the newest exact one."""
    name, rows = world
    _, types, made = WORLDS[name]
    with folder_that_vanishes() as folder:
        clock = es.Clock(START)
        log = opened(folder, types, clock)
        taken = {one: set() for one in made}
        for part in commits_of(rows, parts):
            append(log, clock, part)
            for one in made:
                taken[one].update(take_some(one, log, shares))
        for one in made:
            keys = keys_of(one, log)
            for past in drawn(log, asked):
                assert_same(one, past, keys)
                fits = {at for at in taken[one] if is_exact(one, past, at)}
                assert max(fits, default=0) == used(one, past)


@given(worlds, ranks, coordinates)
def test_plain_functions_go_on_from_what_was_kept(world, shares, asked):
    """States of a plain function come back as they were, and are folded on."""
    name, rows = world
    _, types, _ = WORLDS[name]
    with folder_that_vanishes() as folder:
        clock = es.Clock(START)
        log = opened(folder, types, clock)
        for part in commits_of(rows, 3):
            append(log, clock, part)
        for one in PLAIN if rows else ():
            taken = take_some(one, log, shares)
            keys = keys_of(one, log)
            for past in drawn(log, asked):
                assert_same(one, past, keys)
                fits = {at for at in taken if is_exact(one, past, at)}
                assert max(fits, default=0) == used(one, past)


@settings(max_examples=settings().max_examples // 2)
@given(worlds, ranks, coordinates)
def test_hydrate_tells_how_many_events_it_read(world, shares, asked):
    """What is read are the key's events behind the snapshot, and no others."""
    name, rows = world
    _, types, made = WORLDS[name]
    with folder_that_vanishes() as folder:
        clock = es.Clock(START)
        log = opened(folder, types, clock)
        for part in commits_of(rows, 3):
            append(log, clock, part)
        one = made[0]
        if rows:
            take_some(one, log, shares)
        for past in drawn(log, asked):
            for key in one.table(past).to_series(0):
                found = one.replayed(past, key)
                behind = [e for e in past.read(key) if e.position > used(one, past)]
                assert (found.snapshot or 0, found.events) == (
                    used(one, past),
                    len(behind),
                )
                assert found.state == one.hydrate(past, key, snapshots=False)


def test_a_thousand_events_from_a_snapshot_at_900():
    """The source text's own case: 100 of 1,000 events are replayed."""
    log = es.EventLog.temporary(bank.EVENTS)
    first = bank.AccountOpened(owner="Ann", initial_balance="0.00")
    more = [
        bank.MoneyDeposited(amount="1.00", transaction_id=str(n)) for n in range(999)
    ]
    log.append("acc_1", [first, *more])
    assert repr(bank.Account.snapshot(log, 900)) == "Snapshot(Account at 900: 1 key)"
    state = bank.Account(owner="Ann", balance=Decimal("999.00"), status="open")
    assert Replayed(state, 900, 100) == bank.Account.replayed(log, "acc_1")
    whole = bank.Account.replayed(log, "acc_1", snapshots=False)
    assert Replayed(state, None, 1000) == whole


def test_events_that_came_late_are_in_the_tail():
    """The tail goes by position: on a tie and before it, times decide nothing."""
    clock = es.Clock("2024-01-10")
    log = es.EventLog.temporary(bank.EVENTS, clock=clock)
    when = "2024-01-05T12:00:00Z"
    opening = bank.AccountOpened(owner="Ann", initial_balance="100.00")
    log.append("acc_1", [opening], occurred_at=when)
    bank.Account.snapshot(log)
    tie = bank.MoneyDeposited(amount="50.00", transaction_id="t1")
    late = bank.MoneyDeposited(amount="25.00", transaction_id="t2")
    log.append("acc_1", [tie], occurred_at=when)
    log.append("acc_1", [late], occurred_at="2024-01-01T00:00:00Z")
    found = bank.Account.replayed(log, "acc_1")
    assert (Decimal("175.00"), 1, 2) == (
        found.state.balance,
        found.snapshot,
        found.events,
    )
    assert [Decimal("175.00")] == bank.Account.table(log)["balance"].to_list()


def test_an_event_from_the_future_makes_a_snapshot_wait():
    """A snapshot that holds what a past leaves out is not used, an older one is."""
    log = es.EventLog.temporary(bank.EVENTS, clock=es.Clock("2024-01-01"))
    log.append("acc_1", [bank.AccountOpened(owner="Ann", initial_balance="1.00")])
    bank.Account.snapshot(log)
    rent = bank.MoneyDeposited(amount="9.00", transaction_id="t1")
    log.append("acc_1", [rent], occurred_at="2024-02-01T00:00:00Z")
    bank.Account.snapshot(log)
    assert used(bank.Account, log) == used(bank.Account, log.as_of("2024-02-01")) == 2
    past = log.as_of("2024-01-31")
    assert used(bank.Account, past) == 1
    assert bank.Account.hydrate(past, "acc_1").balance == Decimal("1.00")


# --- what must not be used -------------------------------------------------------


def filled(folder, seed=1, commits=4, size=5):
    """Give a bank's log of some commits, and its clock."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog(folder, bank.EVENTS, clock=clock)
    grow(log, clock, seed, commits, size)
    return log


def grow(log, clock, seed, commits, size=5):
    """Append some commits of a bank's traffic."""
    frame = bank.traffic(4, commits * size, seed=seed, late=0.3, corrections=0.2)
    bare = frame.drop("recorded_at")
    for at in range(0, frame.height, size):
        clock.advance(days=1)
        log.append_frame(bare[at : at + size])


def snapshot_file(folder, position, projection="Account"):
    """Give the path of a snapshot."""
    return Path(folder) / name_of(projection, position)


def resealed(path, **changes):
    """Seal a snapshot's rows anew, with another header."""
    header = msgspec.structs.replace(header_of(path), **changes)
    data = bytes(kept.sealed(pl.read_parquet(path), header))
    path.unlink()
    target = Path(path).parents[2] / name_of(header.projection, header.position)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def header_of(path):
    """Give what a snapshot says of itself."""
    import pyarrow.parquet as pq

    text = pq.read_metadata(path).metadata[b"esbench.snapshot"]
    return msgspec.json.decode(text, type=Header)


def doubled(path):
    """Double every balance in a snapshot, digest and all."""
    header = header_of(path)
    rows = pl.read_parquet(path).with_columns(pl.col("balance") * 2)
    path.write_bytes(kept.sealed(rows, header))


def flipped(path):
    """Turn one bit over."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)


def swapped(path):
    """Give a snapshot the name of another position."""
    path.rename(path.with_name(f"{12:020}.parquet"))


def rewritten(path, change, **changes):
    """Seal a snapshot anew with other rows."""
    header = msgspec.structs.replace(header_of(path), **changes)
    path.write_bytes(kept.sealed(change(pl.read_parquet(path)), header))


def drop(name):
    """Give what leaves a column out."""
    return lambda rows: rows.drop(name)


def as_texts(rows):
    """Give the amounts as words."""
    return rows.with_columns(balance=pl.lit("a lot"))


def many_keys(path):
    """Make up a row for each of a hundred keys."""
    rewritten(path, lambda rows: pl.concat([rows] * 25), keys=100)


def exploding(path):
    """Let one long text stand in sixteen thousand rows, in one page of a dictionary."""
    count, header = 16_000, header_of(path)
    rows = pl.concat([pl.read_parquet(path).drop("owner").head(1)] * count)
    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    places = pl.zeros(count, dtype=pl.Int32, eager=True).to_arrow()
    long = pa.DictionaryArray.from_arrays(places, ["x" * 1_000_000])
    table = table.append_column("owner", long)
    sealer = kept.Sealer(table.schema, {"use_dictionary": True, "compression": "zstd"})
    sealer._writer.write_table(table)
    header = msgspec.structs.replace(header, keys=count)
    path.write_bytes(sealer.sealed({b"esbench.snapshot": msgspec.json.encode(header)}))


SPOILED = {
    "flipped": (flipped, "damaged"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "no snapshot"),
    "emptied": (lambda path: path.write_bytes(b""), "no snapshot"),
    "no Parquet": (lambda path: path.write_bytes(b"PAR1" * 40), "no snapshot"),
    "another Parquet": (
        lambda path: pl.DataFrame({"a": [1]}).write_parquet(path),
        "no snapshot",
    ),
    "renamed": (swapped, "renamed or swapped"),
    "of a newer format": (lambda path: resealed(path, format=99), "format 99"),
    "of another log": (lambda path: resealed(path, log_id="other"), "another log"),
    "of another declaration": (
        lambda path: resealed(path, fingerprint="0" * 64),
        "declared otherwise",
    ),
    "of another history": (
        lambda path: resealed(path, proof=f"20:{'0' * 64}"),
        "another history",
    ),
    "proof before it": (
        lambda path: resealed(path, proof=f"0:{'0' * 64}"),
        "another history",
    ),
    "no proof": (lambda path: resealed(path, proof="none"), "another history"),
    "ahead of the log": (lambda path: resealed(path, position=21), "further than"),
    "with keys that are not there": (lambda p: resealed(p, keys=9), "says 9 keys"),
    "with keys that can't be": (many_keys, "more keys than there were events"),
    "with rows that explode": (exploding, "bytes of memory"),
    "without a column": (lambda path: rewritten(path, drop("status")), "can't be read"),
    "of other types": (lambda path: rewritten(path, as_texts), "can't be read"),
    "missing": (lambda path: path.unlink(), None),
}


@pytest.mark.parametrize("case", SPOILED)
def test_what_does_not_fit_is_not_used(tmp_path, case):
    """Each kind of wrong snapshot is passed over in silence, and named when asked."""
    spoil, problem = SPOILED[case]
    log = filled(tmp_path / "log")
    bank.Account.snapshot(log, 15)
    path = snapshot_file(tmp_path / "log", 15)
    expected = tabled(bank.Account.table(log, snapshots=False))
    doubled(path)  # so that its use would show
    assert tabled(bank.Account.table(log)) != expected
    spoil(path)
    for again in (log, es.EventLog(tmp_path / "log", bank.EVENTS)):
        assert tabled(bank.Account.table(again)) == expected
        assert used(bank.Account, again) == 0
        assert_same(bank.Account, again, keys_of(bank.Account, again))
        found = listed(again, [calls_of(bank.Account)])
        assert len(found) == (problem is not None)
        assert all(problem in one.problem for one in found)


def test_the_next_best_one_is_used(tmp_path):
    """When the newest snapshot is damaged, the one before it is as good."""
    log = filled(tmp_path / "log")
    for position in (5, 10, 15):
        bank.Account.snapshot(log, position)
    flipped(snapshot_file(tmp_path / "log", 15))
    assert used(bank.Account, es.EventLog(tmp_path / "log", bank.EVENTS)) == 10


def test_every_flipped_bit_is_found(tmp_path):
    """Whatever byte of a snapshot changes, the answer stays and the file is named."""
    log = filled(tmp_path / "log")
    bank.Account.snapshot(log, 15)
    path = snapshot_file(tmp_path / "log", 15)
    whole = path.read_bytes()
    expected = tabled(bank.Account.table(log, snapshots=False))
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.unlink()
        path.write_bytes(data)
        assert used(bank.Account, log) == 0, place
        assert [one for one in listed(log) if not one.problem] == [], place
    assert tabled(bank.Account.table(log)) == expected
    path.unlink()
    path.write_bytes(whole)
    assert used(bank.Account, log) == 15


def test_a_restored_log_does_not_use_what_came_after(tmp_path):
    """An old copy that goes on otherwise ignores the snapshots of the lost history."""
    log = filled(tmp_path / "log")
    bank.Account.snapshot(log, 10)
    shutil.copytree(tmp_path / "log", tmp_path / "copy")
    grow(log, es.Clock("2024-02-01"), seed=7, commits=2)
    bank.Account.snapshot(log, 23)
    bank.Account.snapshot(log, 30)
    shutil.rmtree(tmp_path / "copy" / "snapshots")
    shutil.copytree(tmp_path / "log" / "snapshots", tmp_path / "copy" / "snapshots")

    older = es.EventLog(tmp_path / "copy", bank.EVENTS)
    assert used(bank.Account, older) == 10
    grow(older, es.Clock("2024-02-01"), seed=8, commits=3)
    assert used(bank.Account, older) == 10
    problems = [one.problem for one in listed(older)]
    assert problems == ["", *["it is of another history of the log"] * 2]
    for past in pasts(older):
        assert_same(bank.Account, past, keys_of(bank.Account, older))


def test_a_changed_declaration_has_snapshots_of_its_own():
    """Another reducer, source, sign, default, key or zone is another declaration."""

    class Paid(es.Event):
        amount: es.Money
        fee: es.Money = "0.00"

    class Kept(es.Event):
        amount: es.Money

    def made(name="Sum", by=None, **fields):
        return type(name, (es.Projection,), fields, **({"by": by} if by else {}))

    declared = [
        made(sum=es.total(Paid, "amount")),
        made(sum=es.total(Paid, "fee")),
        made(sum=es.total(Kept, "amount")),
        made(sum=es.largest(Paid, "amount")),
        made(sum=es.smallest(Paid, "amount")),
        made(total=es.total(Paid, "amount")),
        made(sum=es.total((Paid, "amount"), minus=[(Paid, "fee")])),
        made(sum=es.total((Paid, "amount"), (Paid, "fee"))),
        made(sum=es.total(Paid, "amount"), count_=es.count(Paid)),
        made(sum=es.last({Paid: "paid"})),
        made(sum=es.last({Paid: "kept"})),
        made(sum=es.total(Paid, "amount"), by=es.day("occurred_at")),
        made(sum=es.total(Paid, "amount"), by=es.day("recorded_at")),
        made(sum=es.total(Paid, "amount"), by=es.month("occurred_at")),
    ]
    utc = [snapshots.fingerprint_of(calls_of(one), "UTC") for one in declared]
    assert len(set(utc)) == len(declared)
    warsaw = [
        snapshots.fingerprint_of(calls_of(one), "Europe/Warsaw") for one in declared
    ]
    same = [left == right for left, right in zip(utc, warsaw, strict=True)]
    assert same == [not calls_of(one).key.time for one in declared]

    log = es.EventLog.temporary([Paid, Kept])
    log.append("a", [Paid(amount="5.00", fee="1.00"), Kept(amount="7.00")])
    for one in declared:
        assert used(one, log) == 0
        one.snapshot(log)
        assert used(one, log) == 2
        assert_same(one, log, keys_of(one, log))
    assert len(list(log.store.list("snapshots/Sum"))) == 1


def test_a_default_is_part_of_the_declaration():
    """What a missing field stands for is kept in the sums, so it has to be the same."""

    def declared(weight):
        hints = {"__annotations__": {"pieces": int, "weight": int}, "weight": weight}
        bought = type("Bought", (es.Event,), hints)
        basket = type("Basket", (es.Projection,), {"w": es.total(bought, "weight")})
        return snapshots.fingerprint_of(calls_of(basket), "UTC")

    assert declared(1) != declared(2)
    assert declared(1) == declared(1)


def test_a_plain_function_is_known_by_name_and_version_alone(tmp_path):
    """Raising the version, or renaming, leaves the snapshots behind."""

    def once(state, _):
        return state + 1

    def twice(state, _):
        return state + 2

    log = filled(tmp_path / "log")
    es.projection(once, 0, name="sum", version=1).snapshot(log)
    same = es.projection(once, 0, name="sum", version=1)
    assert used(same, log) == 20
    for changed in (
        es.projection(twice, 0, name="sum", version=2),
        es.projection(twice, 0, name="other", version=1),
        es.projection(once, 5, name="sum", version=1),
        es.projection(once, 0, name="sum", version=1, recorded=True),
    ):
        assert used(changed, log) == 0
        assert_same(changed, log, keys_of(changed, log))


@pytest.mark.parametrize(
    "named", [{}, {"name": "sum"}, {"version": 1}], ids=["bare", "name", "version"]
)
def test_a_plain_function_without_name_and_version_has_none(tmp_path, named):
    """A function is not known by its code, so what it is called has to be said."""
    made = es.projection(lambda state, _: state + 1, 0, **named)
    log = filled(tmp_path / "log")
    with pytest.raises(es.DefinitionConflict, match="give name= and version="):
        made.snapshot(log)
    assert list(log.store.list("snapshots")) == []


# --- states of plain functions ---------------------------------------------------


class Colour(Enum):
    RED = "red"


@dataclass
class Note:
    text: str
    colour: Colour = Colour.RED


class Deep(msgspec.Struct):
    notes: tuple[Note, ...] = ()
    by: dict[str, list[Decimal]] = {}
    raw: bytes = b""
    share: float = 0.0


ENDLESS = []
ENDLESS.append(ENDLESS)
KEPT = {
    "nothing": (None, Any),
    "JSON's own": ({"b": [1, 2.5, "é", None, True], "a": {}}, Any),
    "a deep record": (
        Deep((Note("x"),), {"k": [Decimal("1.50")]}, b"\x00", -0.0),
        Deep,
    ),
    "a moment": (datetime(2024, 1, 1, tzinfo=UTC), datetime),
    "a set": (frozenset({"a", "b"}), frozenset[str]),
    "a decimal": (Decimal("1.500"), Decimal),
}
LOST = {
    "a set as JSON": ({1, 2}, Any),
    "a tuple as JSON": ((1, 2), Any),
    "a whole number in a float's place": (Deep(share=1), Deep),
    "a number that is none": (float("nan"), float),
    "an object": (object(), Any),
    "a function": (len, Any),
    "a number as a key": ({1: "a"}, Any),
    "a decimal as JSON": (Decimal("1.5"), Any),
    "half a character": ("\ud800", Any),
    "itself inside": (ENDLESS, Any),
    "a zone": (datetime.fromisoformat("2024-01-01T00:00:00+02:00"), Any),
    "of another type": ("text", int),
}


@pytest.mark.parametrize("case", KEPT)
def test_a_state_that_msgspec_reads_comes_back(case):
    """Such a state is kept, exact in types, digits and order, and made anew."""
    state, type_ = KEPT[case]
    states = States(type_, "sum")
    text = states.text(state, "a")
    assert alike(state, states.state(text))
    assert repr(state) == repr(states.state(text))


@pytest.mark.parametrize("case", LOST)
def test_a_state_that_would_change_is_refused(tmp_path, case):
    """A snapshot that could not be continued exactly is not taken."""
    state, type_ = LOST[case]
    made = es.projection(
        lambda *_: copy.copy(state), name="odd", version=1, state=type_
    )
    log = filled(tmp_path / "log", commits=1)
    with pytest.raises(
        es.DefinitionConflict, match=r"odd: the state of acc_00\d can't"
    ):
        made.snapshot(log)
    assert list(log.store.list("snapshots")) == []


def test_states_of_a_type_that_has_changed_are_not_used(tmp_path):
    """When the program's type no longer reads what was kept, all is replayed."""
    log = filled(tmp_path / "log")
    es.projection(lambda s, _: s + 1, 0, name="sum", version=1).snapshot(log)
    changed = es.projection(
        lambda s, _: {"n": (s or {"n": 0})["n"] + 1},
        0,
        name="sum",
        version=1,
        state=dict[str, int] | None,
    )
    changed.initial = None
    calls_of(changed).description = lambda _: ["plain", "sum", 1, False, "0"]
    assert_same(changed, log, keys_of(changed, log))
    assert used(changed, log) == 0


def test_opening_a_snapshot_runs_nothing(tmp_path):
    """What stands in a snapshot is data: no name in it is looked up, none is called."""
    log = filled(tmp_path / "log")
    Spelled.snapshot(log)
    path = snapshot_file(tmp_path / "log", 20, "spelled")
    header, rows = header_of(path), pl.read_parquet(path)
    evil = '{"py/object": "os.system", "__reduce__": ["os.abort"]}'
    path.write_bytes(kept.sealed(rows.with_columns(state=pl.lit(evil)), header))
    states = Spelled.table(es.EventLog(tmp_path / "log", bank.EVENTS))
    assert states["py/object"].unique().to_list() == ["os.system"]


# --- errors ----------------------------------------------------------------------


def test_errors_are_the_same_with_a_snapshot():
    """Overflow, no texts and keys that are not there are told in the same words."""

    class Counted(es.Event):
        number: int

    class Sum(es.Projection):
        number = es.total(Counted, "number")

    log = es.EventLog.temporary([Counted])
    log.append("a", [Counted(number=2**63 - 1)])
    log.append("b", [Counted(number=2**63 - 1), Counted(number=2)])
    Sum.snapshot(log, 3)
    assert used(Sum, log) == 3
    assert_same(Sum, log, ["a", "b", "c", ""])
    assert outcome(lambda: Sum.hydrate(log, "b"))[0] is es.DefinitionConflict
    log.append("b", [Counted(number=-10)])
    assert_same(Sum, log, ["a", "b", "c"])
    for odd in ("", "\ud800", 7):
        expected = outcome(partial(Sum.hydrate, log, odd, snapshots=False))
        assert expected[0] is es.InvalidEvent
        assert expected == outcome(partial(Sum.hydrate, log, odd))
    assert Sum.hydrate(log, "b").number == 2**63 - 9


def test_loose_fields_behind_a_snapshot_are_refused_alike():
    """A tail that was written without declaring its types is no silent zero."""
    log = es.EventLog.temporary()
    log.append("a", [UnknownEvent(type="Noted", data={"amount": "1.00"})])
    bank.Account.snapshot(log)
    for number in (2, 3):
        loose = UnknownEvent(type="MoneyDeposited", data={"amount": str(number)})
        log.append(f"acc_{number}", [loose])
    assert used(bank.Account, log) == 1
    assert_same(bank.Account, log, ["a", "acc_2", "acc_3"])
    assert outcome(lambda: bank.Account.table(log))[0] is es.InvalidEvent
    with pytest.raises(es.InvalidEvent, match="acc_2/1 is in the log as loose JSON"):
        bank.Account.snapshot(log)


def test_loose_fields_have_no_snapshot():
    """Where the engines read an event differently, neither goes on from the other."""

    class Noted(es.Event):
        word: str | None = None

    class Last(es.Projection):
        word = es.last(Noted, "word")

    log = es.EventLog.temporary()
    log.append("a", [UnknownEvent(type="Noted", data={"word": "kept as JSON"})])
    with pytest.raises(es.DefinitionConflict, match="it has no snapshots"):
        Last.snapshot(log)


@pytest.mark.parametrize(
    ("position", "error", "words"),
    [
        (0, es.InvalidEvent, "whole number from 1"),
        (-1, es.InvalidEvent, "whole number from 1"),
        (True, es.InvalidEvent, "whole number from 1"),
        ("9", es.InvalidEvent, "whole number from 1"),
        (21, es.NotFound, "21"),
    ],
)
def test_a_position_that_is_none_is_refused(tmp_path, position, error, words):
    """A snapshot is taken between the first event and the last."""
    log = filled(tmp_path / "log")
    with pytest.raises(error, match=words):
        bank.Account.snapshot(log, position)


def test_an_empty_log_and_a_past_have_no_snapshot(tmp_path):
    """There is nothing to keep, or nowhere to keep it."""
    with pytest.raises(es.NotFound, match="no events yet"):
        bank.Account.snapshot(es.EventLog.temporary(bank.EVENTS))
    with pytest.raises(es.ReadOnly, match=r"take one of the log, \.log"):
        bank.Account.snapshot(filled(tmp_path / "log").as_of("2024-01-31"))


def test_a_log_without_a_key_has_a_snapshot_without_rows():
    """That nothing has happened yet is worth knowing too."""

    class Told(es.Event):
        word: str

    log = es.EventLog.temporary([Told, *bank.EVENTS])
    log.append("a", [Told(word="x")])
    assert bank.Account.snapshot(log).keys == 0
    assert_same(bank.Account, log, ["a", "b"])
    bank.acc_123(log)
    assert used(bank.Account, log) == 1
    assert_same(bank.Account, log, ["a", "acc_123"])


# --- files -----------------------------------------------------------------------


def test_any_name_makes_a_folder():
    """A projection's name is no path: whatever it is, its folder is one of its own."""
    names = ["Account", "..", ".", "a/b", "/etc", "é", "a b", "", "CON", "x" * 400]
    folders = [folder_of(name) for name in names]
    assert len(set(folders)) == len(names)
    for folder in folders:
        base, name = folder.split("/")
        assert base == "snapshots"
        assert name not in {".", ".."}
        assert len(name) < 200


def test_taking_the_same_twice_is_no_error(tmp_path):
    """A snapshot that is there and says the same stands; a damaged one is replaced."""
    log = filled(tmp_path / "log")
    first = bank.Account.snapshot(log, 15)
    path = snapshot_file(tmp_path / "log", 15)
    before = path.stat()
    assert bank.Account.snapshot(log, 15) == first
    assert path.stat() == before
    flipped(path)
    assert bank.Account.snapshot(log, 15) == first
    assert used(bank.Account, log) == 15


def test_unchanged_files_are_read_once(tmp_path, monkeypatch):
    """A file is verified and decoded once, as long as its stamp stays."""
    log = filled(tmp_path / "log")
    bank.Account.snapshot(log, 15)
    log = es.EventLog(tmp_path / "log", bank.EVENTS)
    bank.Account.table(log)
    reads = []
    monkeypatch.setattr(kept, "check_digest", lambda *_: reads.append("digest"))
    monkeypatch.setattr(pl, "read_parquet", lambda *_, **__: reads.append("rows"))
    for key in ("acc_001", "acc_002"):
        bank.Account.table(log)
        bank.Account.hydrate(log, key)
    assert reads == []


def test_hydrate_reads_the_rows_around_its_key(tmp_path, monkeypatch):
    """One key's state comes out of one row group, not out of the whole file."""
    log = es.EventLog(tmp_path / "log", bank.EVENTS)
    frame = pl.DataFrame(
        {
            "aggregate_id": [f"acc_{n:06}" for n in range(100_000)],
            "type": "AccountOpened",
            "owner": "Ann",
            "initial_balance": "1.00",
        }
    )
    log.append_frame(frame)
    bank.Account.snapshot(log)
    log = es.EventLog(tmp_path / "log", bank.EVENTS)
    monkeypatch.setattr(pl, "read_parquet", None)
    for key in ("acc_000000", "acc_050000", "acc_099999"):
        assert bank.Account.replayed(log, key).events == 0
    found = usable(calls_of(bank.Account), log)
    assert len(found._groups) == 3 < len(found._spans)


def test_the_shelf_goes_with_its_log():
    """What a process holds of snapshots is let go with the log."""
    log = es.EventLog.temporary(bank.EVENTS)
    bank.acc_123(log)
    bank.Account.snapshot(log)
    [held] = [one for one in shelf._shelves.values() if one._store is log.store]
    there = weakref.ref(held)
    del log, held
    gc.collect()
    assert there() is None


def test_a_file_that_vanishes_or_changes_meanwhile_is_passed_over(tmp_path):
    """Whatever another process does to the files, the answer is the same."""
    log = filled(tmp_path / "log")
    bank.Account.snapshot(log, 10)
    bank.Account.snapshot(log, 15)
    expected = tabled(bank.Account.table(log, snapshots=False))
    first = usable(calls_of(bank.Account), log)
    first.forget()
    resealed(snapshot_file(tmp_path / "log", 15), fingerprint="0" * 64)
    assert not first.is_sound()
    assert used(bank.Account, log) == 10
    second = usable(calls_of(bank.Account), log)
    second.forget()
    shutil.rmtree(tmp_path / "log" / "snapshots")
    assert not second.is_sound()
    assert tabled(bank.Account.table(log)) == expected


def test_threads_that_ask_take_and_delete_agree(tmp_path):
    """While some append and others take, replace and delete, every answer is right."""
    log = filled(tmp_path / "log")
    ends = iter(range(40))

    def append(_):
        more = bank.MoneyDeposited(amount="1.00", transaction_id=f"t{next(ends)}")
        log.append("acc_001", [more])

    def take(turn):
        bank.Account.snapshot(log, 1 + turn % log.head().position)

    def delete(turn):
        names = log.store.list("snapshots/Account")
        for name in names[turn % 3 : turn % 3 + 1]:
            log.store.delete(f"snapshots/Account/{name}")

    def ask(_):
        past = log.as_of(position=log.head().position)
        assert_same(bank.Account, past, ["acc_001", "acc_002", "nobody"])

    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(do, n) for n in range(20) for do in (append, take, ask)]
        work += [pool.submit(delete, turn) for turn in range(20)]
        for each in work:
            each.result()


def test_merging_keeps_snapshots_usable(tmp_path):
    """A snapshot proves itself by an end of a commit, which merging remembers."""
    log = filled(tmp_path / "log", commits=130)
    for position in (7, 256, 511, 640):
        bank.Account.snapshot(log, position)
    log.merge()
    again = es.EventLog(tmp_path / "log", bank.EVENTS)
    assert [one.problem for one in listed(again)] == [""] * 4
    for position in (7, 256, 511, 640):
        assert used(bank.Account, again.as_of(position=position)) == position
    for past in pasts(again):
        assert_same(bank.Account, past, keys_of(bank.Account, again))


# --- leaving one behind ----------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    """Let a table leave a snapshot behind after ten events instead of a million."""
    monkeypatch.setattr(snapshots, "MANY", 10)
    monkeypatch.setattr(snapshots, "SMALL", 4)


def left(log, projection="Account"):
    """Give the positions of the snapshots that are there."""
    names = log.store.list(f"snapshots/{projection}")
    return [int(name[:20]) for name in names]


@pytest.mark.usefixtures("few")
def test_a_large_table_leaves_a_snapshot_behind(tmp_path):
    """It does where much was read, and the next one begins there."""
    log = filled(tmp_path / "log")
    expected = tabled(bank.Account.table(log, snapshots=False))
    assert left(log) == []
    for _ in range(2):
        assert tabled(bank.Account.table(log)) == expected
        assert left(log) == [20]
    [found] = listed(log)
    assert (found.automatic, found.problem) == (True, "")
    grow(log, es.Clock("2024-03-01"), seed=3, commits=2)
    bank.Account.table(log)
    assert left(log) == [20]
    log.append("acc_001", [bank.MoneyDeposited(amount="1", transaction_id="z")])
    bank.Account.table(log)
    assert left(log) == [20, 30]  # 31 is no large file's end
    assert_same(bank.Account, log, keys_of(bank.Account, log))


@pytest.mark.usefixtures("few")
def test_plain_functions_and_days_leave_them_too(tmp_path):
    """Whatever has a table leaves its own snapshots."""
    log = filled(tmp_path / "log")
    for one in (bank.Daily, Tallied, Spelled):
        expected = tabled(one.table(log, snapshots=False))
        assert tabled(one.table(log)) == expected == tabled(one.table(log))
        assert left(log, calls_of(one).name) == [20]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "ask",
    [
        lambda log: bank.Account.table(log, snapshots=False),
        lambda log: bank.Account.table(log, only=["acc_001"]),
        lambda log: bank.Account.table(log.as_of("2023-06-01")),
        lambda log: bank.Account.table(log.as_of(recorded="2024-01-02")),
        lambda log: bank.Account.table(log.as_of(position=10)),
        lambda log: bank.Account.hydrate(log, "acc_001"),
        bank.Ledger.table,
    ],
    ids="off keys about known short hydrate unnamed".split(),
)
def test_nothing_is_left_where_it_would_not_be_whole(tmp_path, ask):
    """Not when told so, not for some keys, not of a past that leaves events out."""
    log = filled(tmp_path / "log")
    ask(log)
    assert log.store.list("snapshots") == []


@pytest.mark.usefixtures("few")
def test_a_past_that_is_whole_up_to_there_leaves_one(tmp_path):
    """What a past leaves out behind the snapshot does not matter."""
    log = filled(tmp_path / "log")
    past = log.as_of("2030-01-01", recorded="2024-01-04", position=18)
    expected = tabled(bank.Account.table(past, snapshots=False))
    assert tabled(bank.Account.table(past)) == expected
    assert left(log) == [15]


@pytest.mark.usefixtures("few")
def test_the_last_few_are_kept_and_those_that_were_asked_for(tmp_path):
    """Older automatic snapshots go; of other declarations a few stay."""
    log = filled(tmp_path / "log", commits=3)
    bank.Account.snapshot(log, 2)
    clock = es.Clock("2024-03-01")
    for seed in range(5):
        bank.Account.table(log)
        grow(log, clock, seed, commits=3)
    assert left(log) == [2, 45, 60, 75][: len(left(log))]
    assert len(left(log)) == 1 + shelf.KEEP


@pytest.mark.usefixtures("few")
def test_a_table_takes_the_place_of_a_stale_one_but_not_of_one_asked_for(tmp_path):
    """After a change of declaration an automatic snapshot is replaced."""

    class Account(es.Projection):
        owner = es.first(bank.AccountOpened, "owner")

    log = filled(tmp_path / "log")
    bank.Account.table(log)
    Account.table(log)
    assert (used(bank.Account, log), used(Account, log)) == (0, 20)
    bank.Account.snapshot(log)
    Account.table(log)
    assert (used(bank.Account, log), used(Account, log)) == (20, 0)
    Account.snapshot(log)
    assert (used(bank.Account, log), used(Account, log)) == (0, 20)


@pytest.mark.usefixtures("few")
def test_a_store_that_refuses_leaves_none_and_no_error(tmp_path, monkeypatch):
    """Where nothing can be written the table is the same, and it is tried once."""
    log = filled(tmp_path / "log")
    expected = tabled(bank.Account.table(log, snapshots=False))
    tries = []

    def refuse(name, _):
        tries.append(name)
        raise es.StoreError("the disk is read-only")

    monkeypatch.setattr(log.store, "create", refuse)
    for _ in range(3):
        assert tabled(bank.Account.table(log)) == expected
    assert len(tries) == 1
    with pytest.raises(es.StoreError, match="read-only"):
        bank.Account.snapshot(log)


@pytest.mark.usefixtures("few")
def test_states_that_can_not_be_kept_leave_none_and_no_error(tmp_path):
    """A plain function whose states are no JSON answers as ever."""
    odd = es.projection(lambda *_: {1, 2}, name="odd", version=1)
    log = filled(tmp_path / "log")
    expected = tabled(odd.table(log, snapshots=False))
    assert tabled(odd.table(log)) == expected == tabled(odd.table(log))
    assert log.store.list("snapshots") == []


def test_snapshots_print_well():
    """Each says of what it is and how far it goes, on one line."""
    one = Snapshot(projection="Account", position=9, keys=2, file="f", size=1)
    assert repr(one) == "Snapshot(Account at 9: 2 keys)"
    assert repr(Replayed(1, None, 2)) == "Replayed(state=1, snapshot=None, events=2)"
