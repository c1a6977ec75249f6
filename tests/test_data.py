"""The samples in data/ are what the project makes, byte for byte, and stay small."""

import csv
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

import esbench as es
from esbench.analysis import samples
from esbench.cli.run import run
from esbench.domains import bank, video

DATA = Path(__file__).parent.parent / "data"


def contents(folder):
    """Give the bytes of every file in a folder, by name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_samples_are_made_anew_to_the_byte(tmp_path, capsys):
    """``esbench data`` gives exactly the committed bytes, also over older ones."""
    for _ in range(2):
        assert run(["data", "--into", str(tmp_path)]) == 0
        assert contents(tmp_path) == contents(DATA)


def test_the_samples_are_small():
    """All samples together take less than a megabyte."""
    assert sum(map(len, contents(DATA).values())) < 1_000_000


def test_nothing_of_this_machine_is_in_the_samples():
    """Tables end their lines alike everywhere; the extract has no other code page."""
    for name in ("processed.csv", "videos.csv"):
        assert b"\r" not in (DATA / name).read_bytes()
    data = samples.extract()
    assert data.count(b"\n") == data.count(b"\r\n")
    assert data.decode("cp1250").startswith("Bank Przykładowy S.A.")


@pytest.mark.parametrize("name", ["ada", "bank", "video"])
def test_a_clone_without_empty_folders_is_a_log(tmp_path, name):
    """What git keeps of a log opens, verifies, reads, and takes new events."""
    for file, data in contents(DATA / name).items():
        place = tmp_path / name / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    log = es.EventLog.existing(tmp_path / name, (*bank.EVENTS, *video.EVENTS))
    assert log.verify().ok
    log.append("new", [bank.AccountOpened(owner="N", initial_balance="1")])
    assert bank.Account.hydrate(log, "new").balance == 1


def test_ada_s_story_is_in_her_log():
    """About Jan 31 it is 700.00, then 550.00, then 370.00."""
    log = es.EventLog.existing(DATA / "ada", bank.EVENTS)
    balances = [
        bank.Account.hydrate(log.as_of("2024-01-31", recorded=day), "ada").balance
        for day in ("2024-01-31", "2024-02-02", "2024-02-05")
    ]
    assert balances == [Decimal(700), Decimal(550), Decimal(370)]


def test_the_bank_has_late_events_and_corrections():
    """200 accounts, two years, several commits, both times used."""
    log = es.EventLog.existing(DATA / "bank", bank.EVENTS)
    assert bank.Account.table(log).height == 200
    assert len(log.headers()) == 8
    rows = log.scan().collect()
    days = (rows["recorded_at"] - rows["occurred_at"]).dt.total_days()
    assert (days > 0).sum() > 50
    assert (rows["type"] == "TransactionReversed").sum() > 10
    span = rows["occurred_at"].max() - rows["occurred_at"].min()
    assert 725 < span.days < 735
    past = log.as_of("2023-12-31")
    then = log.as_of("2023-12-31", recorded="2023-12-31")
    assert bank.Account.compare(then, past).height > 0


def test_three_workers_raced_for_the_videos():
    """Each row names an event of the log, and was processed after it was taken."""
    log = es.EventLog.existing(DATA / "video", video.EVENTS)
    known = {f"{event.aggregate_id}/{event.version}" for event in log.read()}
    with (DATA / "processed.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["event_id"] for row in rows} <= known
    assert {row["worker"] for row in rows} == {"w1", "w2", "w3"}
    assert all(row["taken_at"] < row["processed_at"] for row in rows)
    assert rows == sorted(rows, key=lambda row: row["processed_at"])


def test_the_extract_is_messy_as_banks_are(tmp_path):
    """Quoted delimiters, thousands, lines above the header, doubled rows, a footer."""
    lines = (DATA / "extract.csv").read_bytes().decode("cp1250").splitlines()
    body = [line for line in lines if line.startswith("PL")]
    assert len(body) > len(set(body))
    assert any('"Biedronka; Gdańsk"' in line for line in body)
    assert sum("Saldo końcowe" in line for line in lines) == 5
    assert lines.index(next(line for line in lines if "Rachunek" in line)) == 3
    assert any(";1 790,00;" in line for line in body)


def test_a_made_sample_replaces_the_old_one_whole(tmp_path, capsys):
    """What lay under a sample's name before is gone, and nothing else is."""
    shutil.copytree(DATA / "ada", tmp_path / "ada")
    (tmp_path / "ada" / "events" / "old.parquet").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["data", "--into", str(tmp_path)]) == 0
    made = contents(tmp_path)
    assert made.pop("mine.txt") == b"mine"
    assert made == contents(DATA)
