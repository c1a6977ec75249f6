"""Damaged, missing, swapped and foreign files are named, and verify lists them all."""

import shutil

import polars as pl
import pytest
from log_samples import EVENTS, NOW, Opened, Paid, commits, contents, numbered, sample

import esbench as es
from esbench.log import identity
from esbench.log.chain import genesis, link
from esbench.log.file import commit_name, opened, rows_in, seal


@pytest.fixture
def folder(tmp_path):
    """Give the folder of a log of five commits, which somebody will tamper with."""
    log = sample(tmp_path / "log")
    for number in range(2):
        log.append(f"late_{number}", [Paid(amount=number)])
    return tmp_path / "log"


def problems(folder, head=None):
    """Give what verify finds, as file and reason."""
    log = es.EventLog.existing(folder)
    report = log.verify(head)
    assert report.ok == (not report.problems)
    return [(problem.file, problem.reason) for problem in report.problems]


def assert_reads_name(folder, file):
    """See that a fresh process that reads is told about ``file``."""
    for events in (EVENTS, ()):
        log = es.EventLog(folder, events)
        for ask in (log.read, log.scan, log.head, log.files, lambda log=log: len(log)):
            with pytest.raises(es.Corrupt) as caught:
                ask()
            assert caught.value.file == file
            assert str(caught.value).endswith("restore it from a copy")
    with pytest.raises(es.Corrupt):
        es.EventLog(folder, EVENTS).append("x", [Opened(owner="X")])


def test_a_sound_log_has_no_problems(folder):
    """Verify of a sound log says how much it has read."""
    report = es.EventLog.existing(folder).verify()
    assert str(report) == "sound: 6 events in 5 files"
    assert repr(report) == "Verification(sound: 6 events in 5 files)"
    assert report.head == es.EventLog.existing(folder).head()


def test_a_missing_commit_is_named(folder):
    """A commit that is gone from inside the log leaves a gap that is told."""
    commits(folder)[1].unlink()
    name = commit_name(2)
    found = [(name, "missing: no file holds the positions 2 to 3")]
    assert found == problems(folder)
    assert_reads_name(folder, name)


def test_swapped_commits_are_named(folder):
    """Two files that changed places are both told."""
    one, two = commits(folder)[1], commits(folder)[2]
    kept = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(kept)
    assert [file for file, _ in problems(folder)] == [commit_name(2), commit_name(4)]
    assert "files were swapped or renamed" in problems(folder)[0][1]
    assert_reads_name(folder, commit_name(2))


def test_a_renamed_commit_is_named(folder):
    """A file under a name that is not its own is told, and so is the gap."""
    last = commits(folder)[-1]
    last.rename(last.with_name(f"{9:020}.parquet"))
    told = "it holds the positions 6 to 6: files were swapped or renamed"
    assert (commit_name(9), told) in problems(folder)
    assert_reads_name(folder, commit_name(9))


def test_a_copied_commit_is_named(folder):
    """A copy of a commit behind the end is told."""
    shutil.copy(commits(folder)[0], folder / commit_name(7))
    assert [file for file, _ in problems(folder)] == [commit_name(7)]
    assert_reads_name(folder, commit_name(7))


def test_an_inserted_commit_is_named(folder):
    """A file that claims a place inside another commit is told."""
    other = sample(folder.parent / "other")
    (folder / commit_name(3)).write_bytes((commits(folder)[0]).read_bytes())
    assert commit_name(3) in [file for file, _ in problems(folder)]
    assert_reads_name(folder, commit_name(3))
    del other


def test_a_foreign_commit_is_named(folder):
    """A commit of another log is told, whatever its place."""
    other = es.EventLog(folder.parent / "other", EVENTS, clock=es.Clock(NOW))
    for _ in range(6):
        other.append("a", [Opened(owner="Eve")])
    shutil.copy(other.files()[0], folder / commit_name(6))
    assert problems(folder) == [(commit_name(6), "it belongs to another log")]
    assert_reads_name(folder, commit_name(6))


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_truncated_commit_is_named(folder, length):
    """A file that was cut short is told."""
    file = commits(folder)[2]
    file.write_bytes(file.read_bytes()[:length])
    assert [file for file, _ in problems(folder)] == [commit_name(4)]
    assert_reads_name(folder, commit_name(4))


def test_bytes_behind_the_end_are_damage(folder):
    """A file to which something was added is told."""
    file = commits(folder)[2]
    file.write_bytes(file.read_bytes() + b"\0")
    assert [file for file, _ in problems(folder)] == [commit_name(4)]


def test_a_parquet_file_of_somebody_else_is_named(folder):
    """A Parquet file that is no commit is told, as is a name that is none."""
    pl.DataFrame({"a": [1]}).write_parquet(folder / commit_name(7))
    pl.DataFrame({"a": [1]}).write_parquet(folder / "events" / "export.parquet")
    assert problems(folder) == [
        (commit_name(7), "it carries no digest: damaged, or not a file of a log"),
        ("events/export.parquet", "it is no file of this log: remove it"),
    ]
    assert_reads_name(folder, commit_name(7))
    (folder / commit_name(7)).unlink()
    assert len(es.EventLog(folder, EVENTS)) == 6  # a name that is none disturbs nobody


def test_a_dangling_name_is_named_in_time(folder):
    """A link that leads nowhere is told to readers and writers, who do not hang."""
    log = es.EventLog(folder, EVENTS, clock=es.Clock(NOW))
    assert len(log) == 6
    (folder / commit_name(7)).symlink_to("nowhere")
    with pytest.raises(es.Corrupt, match="the name is taken") as caught:
        log.append("x", [Opened(owner="X")])
    assert caught.value.file == commit_name(7)
    assert problems(folder) == [(commit_name(7), "it vanished while being read")]
    assert_reads_name(folder, commit_name(7))


def test_one_damaged_file_does_not_hide_the_next(folder):
    """Verify goes on behind a damaged file and lists all that is wrong."""
    for number in (0, 2, 4):
        data = bytearray(commits(folder)[number].read_bytes())
        data[len(data) // 2] ^= 1
        commits(folder)[number].write_bytes(data)
    damaged = [commit_name(1), commit_name(4), commit_name(6)]
    assert [file for file, _ in problems(folder)] == damaged


def test_a_missing_identity_is_named(folder):
    """Without log.json, a folder with events is a damaged log, and no new one."""
    (folder / identity.NAME).unlink()
    before = contents(folder)
    for way in (es.EventLog, es.EventLog.existing):
        with pytest.raises(es.Corrupt, match=r"log\.json: it is missing"):
            way(folder, EVENTS)
    assert contents(folder) == before


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"\xff", b"[]", b'{"format": 1}', b"null"]
)
def test_a_damaged_identity_is_named(folder, text):
    """A log.json that is anything but the one that was made is told."""
    (folder / identity.NAME).write_bytes(text)
    with pytest.raises(es.Corrupt, match=r"log\.json"):
        es.EventLog(folder, EVENTS)


def test_an_identity_of_another_log_is_noticed(folder):
    """With another log's log.json, every commit is foreign."""
    sample(folder.parent / "other")
    other = es.EventLog(folder.parent / "third")
    shutil.copy(folder.parent / "third" / identity.NAME, folder)
    assert len(problems(folder)) == 5
    assert_reads_name(folder, commit_name(1))
    del other


# Edits by somebody who makes digests anew


def edited(folder, place, change=lambda table: table, **header):
    """Edit a commit and give it a digest that fits."""
    path = commits(folder)[place]
    name = f"events/{path.name}"
    log_id = es.EventLog.existing(folder).log_id
    old, parquet = opened(name, path.read_bytes(), log_id)
    table = change(rows_in(name, parquet))
    made = {f: getattr(old, f) for f in old.__struct_fields__} | header
    path.write_bytes(seal(table, type(old)(**made)))
    return made, table


def richer(table):
    """Add a hundred to every amount."""
    frame = pl.DataFrame(table)
    more = (pl.col("amount") + 100).cast(frame.schema["amount"])
    return frame.with_columns(more).to_arrow().cast(table.schema)


def test_an_edit_with_a_new_digest_breaks_the_chain(folder):
    """Changed rows under a fitting digest do not match the chain."""
    edited(folder, 3, richer)
    told = "its events do not match its chain: it was edited"
    assert problems(folder) == [(commit_name(5), told)]


def test_an_edit_with_a_new_chain_breaks_the_next_commit(folder):
    """Changed rows with a fitting chain do not fit the commit behind them."""
    made, table = edited(folder, 3, richer)
    edited(folder, 3, chain=link(made["previous"], pl.DataFrame(table)))
    told = "it does not follow the commit before it"
    assert problems(folder) == [(commit_name(6), told)]
    assert_reads_name(folder, commit_name(6))


def test_a_rewritten_end_is_found_against_a_kept_head(folder):
    """A last commit made anew is only found against a head that was kept."""
    kept = es.EventLog.existing(folder).head()
    made, table = edited(folder, 4, richer)
    edited(folder, 4, chain=link(made["previous"], pl.DataFrame(table)))
    assert problems(folder) == []
    told = "the chain at 6 is not the kept one: the log was rewritten"
    assert problems(folder, kept) == [("events", told)]
    assert problems(folder, str(kept)) == [("events", told)]


def test_a_cut_off_end_is_found_against_a_kept_head(folder):
    """Deleting the last commit is only found against a head that was kept."""
    log = es.EventLog.existing(folder)
    earlier, kept = es.Head(0, genesis(log.log_id)), log.head()
    commits(folder)[-1].unlink()
    assert problems(folder) == []
    told = "the kept head is at 6, the log ends at 5: its tail was cut off"
    assert problems(folder, kept) == [("events", told)]
    assert problems(folder, es.EventLog.existing(folder).head()) == []
    assert problems(folder, earlier) == []


def test_headers_are_held_against_rows(folder):
    """A header that says other times than its rows is told."""
    edited(folder, 2, occurred=(0, 1), recorded=(0, 1))
    told = [reason for _, reason in problems(folder)]
    assert "its occurred_at are not those of its header" in told
    assert "its recorded_at are not those of its header" in told
    assert "it was recorded before the commit before it" in told


def test_a_column_that_was_taken_out_is_told(folder):
    """A commit without one of its columns is an edited one."""
    edited(folder, 2, lambda table: table.drop_columns(["version"]))
    told = (commit_name(4), "it lacks the column version: it was edited")
    assert told in problems(folder)


def test_versions_with_holes_are_told(folder):
    """Rows whose versions leave a hole are told, even with a fitting chain."""

    def skipping(table):
        frame = pl.DataFrame(table).with_columns(pl.col("version") + 1)
        return frame.to_arrow().cast(table.schema)

    made, table = edited(folder, 4, skipping)
    edited(folder, 4, chain=link(made["previous"], pl.DataFrame(table)))
    told = "the versions of late_1 have a hole"
    assert problems(folder) == [(commit_name(6), told)]


@pytest.mark.parametrize("text", ["", "3", "x:" + "0" * 64, "3:abc"])
def test_a_head_reads_its_own_text_only(text):
    """What ``str`` of a head wrote can be read; anything else is refused."""
    head = es.Head(3, "ab" * 32)
    assert es.Head.parse(str(head)) == head
    with pytest.raises(ValueError, match="is no head"):
        es.Head.parse(text)


def test_a_large_file_that_changes_is_checked_again(tmp_path):
    """A large commit that was touched since it was first read is verified anew."""
    log = es.EventLog(tmp_path, EVENTS, clock=es.Clock(NOW), ids=numbered())
    log.append_frame(
        pl.DataFrame({"aggregate_id": ["a"] * 2_000, "type": "Paid", "amount": 1})
    )
    other = es.EventLog(tmp_path, EVENTS)
    assert len(list(other.read())) == 2_000
    (path,) = commits(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for ask in (other.scan, lambda: list(other.read("a")), lambda: list(other.read())):
        with pytest.raises(es.Corrupt, match=commit_name(1)):
            ask()
    path.unlink()
    with pytest.raises(es.Corrupt, match="it has vanished"):
        other.scan()
