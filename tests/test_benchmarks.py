"""Benchmarks measure fairly: in turns, with equal answers, and write it all down."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks import harness, page, peers, pictures, results, shelf, sqlite
from benchmarks.__main__ import tidy
from benchmarks.harness import Contender, Figure
from benchmarks.page import Page
from benchmarks.rows import ROWS, balances, ordering
from benchmarks.rows.size import REST, column_shares
from benchmarks.setting import Setting, spoken
from benchmarks.traffic import Traffic
from esbench.domains import bank

ROOT = Path(__file__).parent.parent


@pytest.fixture
def stopped(monkeypatch):
    """Let the clock of the harness stand still until a test moves it."""
    now = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: now[0])

    def spend(seconds):
        now[0] += seconds

    return spend


def slow(name, spend, seconds, answer=1):
    """Give a contender whose rounds take these seconds, the first as a warm-up."""
    turns = iter(seconds)

    def run(_):
        spend(next(turns))
        return answer

    return Contender(name=name, run=run)


def test_medians_and_spread_leave_the_first_round_out(stopped):
    """What is told is the median of the rounds that count, with their extremes."""
    found = harness.interleaved(
        [slow("a", stopped, [9, 3, 1, 2]), slow("b", stopped, [9, 4, 4, 4])], 3
    )
    assert found == {
        "a": Figure(median=2, low=1, high=3, rounds=3),
        "b": Figure(median=4, low=4, high=4, rounds=3),
    }


def test_many_rounds_are_told_by_their_middle_half():
    """From eight rounds on, one outlier does not widen the spread."""
    found = Figure.of([1, 2, 3, 4, 5, 6, 7, 8, 900])
    assert (found.median, found.low, found.high) == (5, 3, 7)


def test_a_rate_turns_times_round():
    """The longest time is the lowest rate."""
    found = Figure(median=2, low=1, high=4, rounds=3).rate(8)
    assert found == Figure(median=4, low=2, high=8, rounds=3)


def test_contenders_take_turns():
    """Rounds are interleaved, and one with fewer rounds sits out the last."""
    seen = []
    harness.interleaved(
        [
            Contender(name="a", run=lambda _: seen.append("a")),
            Contender(name="b", run=lambda _: seen.append("b"), rounds=1),
        ],
        2,
    )
    assert "".join(seen) == "ababa"


def test_different_answers_end_the_row(stopped):
    """No figure comes out of a round in which answers differ."""
    contenders = [slow("a", stopped, [1] * 4, 3), slow("b", stopped, [1] * 4, 4)]
    with pytest.raises(harness.Unequal, match="a and b differ: 3 against 4"):
        harness.interleaved(contenders, 3)


def test_a_difference_in_a_later_round_is_found(stopped):
    """Answers are compared in every round, not in the first alone."""
    answers = iter([1, 1, 2])
    changing = Contender(name="b", run=lambda _: next(answers))
    with pytest.raises(harness.Unequal, match="1 against 2"):
        harness.interleaved([slow("a", stopped, [1] * 4), changing], 3)


def test_frames_are_compared_by_rows_and_types():
    """One row in another order, or one other type, is another answer."""
    frame = pl.DataFrame({"n": [1, 2]})
    assert harness.same(frame, pl.DataFrame({"n": [1, 2]}))
    assert not harness.same(frame, pl.DataFrame({"n": [2, 1]}))
    harness.require_equal({})
    with pytest.raises(harness.Unequal):
        harness.require_equal({"a": frame, "b": frame.head(1)})


def test_goals_know_on_which_side_they_are_met():
    """A limit from above and one from below include themselves."""
    found = Page()
    found.at_most("at most", 1.1, 1.1)
    found.at_most("at most", 1.2, 1.1)
    found.at_least("at least", 20, 20)
    found.at_least("at least", 19.9, 20, "×")
    states = [goal.state for goal in found.goals]
    assert states == ["reached", "behind", "reached", "behind"]
    assert found.goals[-1].found == "19.9×"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (0.01234, "0.0123"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (1234, "1,234"),
    ],
)
def test_numbers_show_three_digits(value, text):
    """A reader gets the digits that count."""
    assert page.spelled(value) == text


def test_sizes_are_spoken_and_drawn_alike():
    """What a size is called, a picture's axis reads back."""
    sizes = [2_000, 2_500, 10_000, 500_000, 1_000_000, 10_000_000, 100_000_000]
    said = ["2 k", "2,500", "10 k", "500 k", "1 M", "10 M", "100 M"]
    assert [spoken(size) for size in sizes] == said
    assert [pictures.number(text) for text in said] == sizes


def test_names_in_a_picture_stand_apart():
    """Names of lines that end close together are moved up, in their order."""
    heights = pictures.apart({"b": 10.1, "a": 10.0, "c": 900.0}, 1.0, 1000.0)
    assert heights["a"] == 10.0
    assert heights["b"] > 1.3 * heights["a"]
    assert heights["c"] == 900.0


# The traffic


def test_traffic_comes_alike_in_any_pieces():
    """A piece is the same whether it is made alone or with the rest."""
    whole = Traffic(500, 20_000, 3).frame(1, 20_000)
    pieces = pl.concat(Traffic(500, 20_000, 3).frames(777))
    assert_frame_equal(pieces, whole)
    assert_frame_equal(Traffic(500, 20_000, 3).frame(5_001, 9), whole[5_000:5_009])
    assert not Traffic(500, 20_000, 4).frame(1, 20_000).equals(whole)


def test_traffic_is_what_a_bank_sees():
    """Accounts begin with their opening; nothing is recorded before it occurs."""
    frame = Traffic(500, 20_000, 3).frame(1, 20_000)
    recorded, occurred = frame["recorded_at"], frame["occurred_at"]
    assert recorded.is_sorted()
    assert (recorded >= occurred).all()
    first = pl.all().first()
    accounts = frame.group_by("aggregate_id", maintain_order=True).agg(
        first, early=(pl.col("occurred_at") < pl.col("occurred_at").first()).any()
    )
    assert accounts.height == 500
    assert set(accounts["type"]) == {"AccountOpened"}
    assert not accounts["early"].any()


def test_a_reversal_undoes_the_deposit_that_it_names():
    """Same account, same day, the amount with its sign turned."""
    frame = Traffic(500, 20_000, 3).frame(1, 20_000)
    undone = frame.filter(type="TransactionReversed").join(
        frame, left_on="reverses", right_on="transaction_id", suffix="_of"
    )
    assert undone.height > 20
    assert set(undone["type_of"]) == {"MoneyDeposited"}
    assert (undone["amount"] == -undone["amount_of"]).all()
    assert (undone["aggregate_id"] == undone["aggregate_id_of"]).all()
    assert (undone["occurred_at"] == undone["occurred_at_of"]).all()


# Logs and peers


@pytest.fixture
def log(tmp_path):
    """Give a small log from the shelf."""
    return shelf.opened(shelf.Shelf(tmp_path).log(2_000))


def test_a_log_is_made_once(tmp_path):
    """What is on the shelf is whole, and comes back as it is."""
    kept = shelf.Shelf(tmp_path)
    path = kept.log(2_000)
    made = {file: file.stat().st_mtime_ns for file in path.rglob("*.parquet")}
    assert kept.log(2_000) == path
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*.parquet")} == made
    assert not list(path.parent.glob("*.unfinished"))
    assert kept.missing([2_000], 0) == (0, 0)
    size, _ = kept.missing([2_000, 4_000], 0)
    assert size == 4_000 * shelf.LOG_BYTES


def test_nobody_writes_into_the_shelf(log, tmp_path):
    """A clone may be written to; the log that it came from stays as it is."""
    source = shelf.Shelf(tmp_path).log(2_000)
    clone = shelf.opened(shelf.clone(source, tmp_path / "clone"))
    clone.append("acc_new", [bank.AccountOpened(owner="Ada", initial_balance="1.00")])
    assert (len(clone), len(shelf.opened(source))) == (2_001, 2_000)


def test_accounts_of_a_size_are_found(log):
    """The keys that a row asks for have about as many events as it says."""
    keys = shelf.keys(log, 20, 5)
    assert len(set(keys)) == 5
    assert all(15 < len(list(log.read(key))) < 25 for key in keys)
    held = shelf.files_holding(log, keys)
    assert set(held["aggregate_id"]) == set(keys)
    assert held["file"].min() >= 1


def test_shares_of_columns_add_up_to_the_files(log):
    """Every byte belongs to a column, or to what is around them."""
    shares = column_shares(log.files())
    assert shares.total() == sum(Path(file).stat().st_size for file in log.files())
    assert shares[REST] > 0
    assert shares["occurred_at"] > 0


def test_a_snapshot_stands_where_a_file_ends():
    """It is the end nearest to nine tenths, and before the day that is asked about."""
    assert balances.file_end([500, 850, 940, 1_000], 1_000) == 940
    assert balances.file_end([500, 880, 960, 1_000], 1_000) == 880
    assert balances.file_end([1_000], 1_000) == 1_000


def test_the_peers_give_the_same_balances(log):
    """polars, DuckDB and pandas answer as esbench does, to the cent and the type."""
    own, files, end = balances.table(log), log.files(), balances.until(log)
    own = pl.DataFrame(own.get_columns())
    assert own.height == 100
    for streaming in (True, False):
        assert_frame_equal(peers.polars_balances(files, end, streaming=streaming), own)
    assert_frame_equal(peers.from_pandas(peers.pandas_balances(files, end)), own)
    assert_frame_equal(peers.DuckDB(files).balances(end), own)
    key = own.item(7, 0)
    one = bank.Account.hydrate(log, key).balance
    assert peers.PolarsAccount(files).balance(key) == one
    assert peers.DuckDB(files).balance(key) == one


def test_a_missing_peer_is_named():
    """A row says which library it lacks, and does not fail the run."""
    with pytest.raises(harness.NotInstalled, match="no_such_peer is not installed"):
        sqlite.module("no_such_peer.sqlite")


# Workers


def quick(tmp_path):
    """Give the setting of a quick run."""
    kept = shelf.Shelf(tmp_path)
    return Setting(shelf=kept, scratch=tmp_path, events=1, large=1, quick=True)


def test_a_group_through_kafka_ends_as_the_simulated_one(tmp_path, monkeypatch):
    """Both are told in events a second, and how many times one is the other."""
    pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
    monkeypatch.setattr(ordering, "GROUPS", {1: 1})
    found = Page()
    ordering.broker(quick(tmp_path), found)
    assert [(line.who, line.unit) for line in found.lines] == [
        ("esbench", "events/s"),
        ("the broker in the process", "events/s"),
    ]
    assert [goal.text for goal in found.goals] == ["simulated ÷ broker, 1 member"]
    assert found.goals[0].found.endswith("×")


def test_a_broker_that_loses_an_event_ends_its_row(tmp_path, monkeypatch):
    """No figure comes of a group that ends in other states."""
    pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
    send = ordering.kafka.send
    monkeypatch.setattr(ordering, "GROUPS", {1: 1})
    monkeypatch.setattr(
        ordering.kafka,
        "send",
        lambda cluster, topic, told: send(cluster, topic, told[1:]),
    )
    with pytest.raises(harness.Unequal):
        ordering.broker(quick(tmp_path), Page())


def test_the_growth_of_the_lattice_is_drawn(monkeypatch):
    """Its points and the time stand beside each other over the number of orders."""
    monkeypatch.setattr(ordering, "GROWTH", {3: (2, 3), 4: (2, 3)})
    found = Page()
    for workers in (3, 4):
        times = {ordering._named(workers, each): Figure.one(each) for each in (2, 3)}
        found.add_times(f"{ordering.GROWN}, {workers} workers", times)
    ordering._points(found)
    chapter = page.Chapter(
        row="orders", title="", lines=tuple(found.lines), goals=(), notes=(), seconds=1
    )
    text = pictures.picture(chapter)
    assert text.count("4 workers") == 2
    assert "pairs of place and state" in text
    assert [line.figure.median for line in found.lines if line.unit == "pairs"] == [
        55, 145, 217, 769,
    ]  # fmt: skip


# A run


def test_every_row_has_a_name_of_its_own():
    """Rows are asked for by name, and reasons belong to rows that exist."""
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names) == 19
    assert set(results.reasons()) <= set(names)
    assert set(pictures.DRAWN) <= set(names)


def test_a_run_writes_results_and_pictures(tmp_path):
    """One small row, asked for by name, leaves RESULTS.md and a picture."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "fold"]
    done = subprocess.run(
        [*command, "--events", "2000", "--data", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "results" / "RESULTS.md").read_text(encoding="utf-8")
    assert "quick, logs of 2 k and 8 k events, seed 7" in text
    assert "| a dict loop |" in text
    assert "table of an evolve: ≥ 0.8 M events/s" in text
    picture = (tmp_path / "results" / "fold.svg").read_text(encoding="utf-8")
    assert len(picture) < 100_000
    assert "prefers-color-scheme: dark" in picture
    assert not list(tmp_path.glob("scratch-*"))


def test_reasons_survive_a_run(tmp_path):
    """What was written by hand stands in the text; a goal missed without is told."""
    chapter = page.Chapter(
        row="fold",
        title="Step-by-step fold",
        lines=(),
        goals=(page.Goal(text="≥ 0.8", found="0.4", state="behind"),),
        notes=(),
        seconds=1.0,
    )
    run = results.Run(
        day="2024-01-31", asked="all", machine={}, chapters=(chapter,), pictures={}
    )
    assert "Decimal is slow." in results.written(run, {"fold": "Decimal is slow."})
    assert "not yet said why: ≥ 0.8" in results.written(run, {})
    assert tomllib.loads(results.REASONS.read_text(encoding="utf-8")) is not None


def test_what_a_killed_run_left_is_removed(tmp_path):
    """Scratch folders of dead processes go, those of live ones stay."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = tmp_path / f"scratch-{ended.pid}-a"
    alive = tmp_path / f"scratch-{os.getpid()}-b"
    for folder in (dead, alive):
        folder.mkdir()
    tidy(tmp_path)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_a_row_that_does_not_exist_is_refused():
    """The names that there are come with the refusal."""
    command = [sys.executable, "-m", "benchmarks", "--only", "speed"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "no row speed; there are commit, writers" in done.stderr
