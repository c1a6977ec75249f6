"""Merging and snapshots on a disk that is full, read-only or without hard links.

Where they can't be made, it is said, no file is lost or changed, and every answer is
the one from before; once the disk is mended, they are made.
"""

import errno
import os
import time

import pytest
from faults_mounts import full, mounted, shut
from log_samples import NOW, Opened, Paid, contents, numbered

import esbench as es
from esbench.log import merge as merging
from esbench.log.store import HOUR
from esbench.projection import snapshots


class Payments(es.Projection):
    """What each aggregate paid; snapshots of it are kept."""

    paid = es.total((Paid, "amount"))


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Let windows be 2, 4 and 8 positions wide, and tables of five events be large."""
    monkeypatch.setattr(merging, "EIGHT", 2)
    monkeypatch.setattr(merging, "LEVELS", (1, 2, 3))
    monkeypatch.setattr(snapshots, "MANY", 4)


def opened(folder):
    """Open a log afresh, as a new process would; it merges when it is told to."""
    return es.EventLog(
        folder, [Opened, Paid], clock=es.Clock(NOW), ids=numbered(), merge="never"
    )


def filled(folder):
    """Give a log of eight commits."""
    log = opened(folder)
    for number in range(8):
        log.append("ab"[number % 2], [Paid(amount=number)])
    return log


def answers(folder):
    """Give what a log says, asked afresh, with snapshots and without."""
    log = opened(folder)
    assert log.verify(log.head()).ok
    return [
        log.head(),
        list(log.read()),
        list(log.read("a")),
        log.scan().sort("position").collect().rows(),
        *(Payments.table(log, snapshots=with_).rows() for with_ in (True, False)),
        Payments.hydrate(log, "b"),
        Payments.table(log.as_of(position=6), snapshots=False).rows(),
    ]


def made(folder, kind):
    """Give the files of a kind: commits, segments, snapshots, or leftovers."""
    return {name: data for name, data in contents(folder).items() if kind in name}


def age(folder):
    """Let two hours pass for the segments of a log."""
    then = time.time() - 2 * HOUR
    for path in (folder / "segments").iterdir():
        os.utime(path, (then, then))


# --- full ------------------------------------------------------------------------


def told_of_a_full_disk(call):
    """Tell whether a call was refused because the disk is full, in words that help."""
    try:
        call()
    except es.StoreError as error:
        text = str(error)
        return "No space left" in text and "make room on the disk" in text
    return False


def test_a_merge_on_a_full_disk_keeps_everything(tmp_path):
    """However little room there is, a merge is done or told to need more."""
    with mounted(tmp_path / "disk", "size=96k") as disk:
        folder = disk / "log"
        log = filled(folder)
        commits, before = made(folder, "events"), answers(folder)
        tried = 0
        for pages in range(12):
            with full(disk, pages):
                tried += told_of_a_full_disk(log.merge)
                assert made(folder, "events") == commits
                assert made(folder, "staging") == {}
                assert answers(folder) == before
        assert tried > 1
        assert len(made(folder, "segments")) == 7
        age(folder)
        with full(disk):
            assert len(log.merge().deleted) == 14  # deleting takes no room
        assert made(folder, "events") == {}
        assert answers(folder) == before


def test_a_snapshot_on_a_full_disk_changes_nothing(tmp_path):
    """One that was asked for is refused; a table leaves none and is the same."""
    with mounted(tmp_path / "disk", "size=64k") as disk:
        folder = disk / "log"
        log = filled(folder)
        rows = Payments.table(log, snapshots=False).rows()
        before = contents(folder)
        with full(disk):
            with pytest.raises(es.StoreError, match=r"No space left.*make room"):
                Payments.snapshot(log)
            assert Payments.table(log).rows() == rows
            assert contents(folder) == before
        taken = Payments.snapshot(log)
        assert list(made(folder, "snapshots")) == [taken.file]
        assert Payments.table(log).rows() == rows


# --- read-only -------------------------------------------------------------------


def assert_refused(folder, words):
    """See that a log can be read, and neither appended to, merged nor kept."""
    log = opened(folder)
    rows = Payments.table(log, snapshots=False).rows()
    before, known = contents(folder), answers(folder)
    for call in (
        lambda: log.append("a", [Paid(amount=1)]),
        log.merge,
        lambda: Payments.snapshot(log),
    ):
        with pytest.raises(es.StoreError, match=words) as caught:
            call()
        assert not isinstance(caught.value, es.CommitUnknown)
    assert Payments.table(log).rows() == rows
    assert contents(folder) == before
    assert answers(folder) == known


def test_on_a_read_only_disk_all_can_be_read(tmp_path):
    """Segments and snapshots that are there are used, and none are made."""
    with mounted(tmp_path / "disk", "size=1m") as disk:
        log = filled(disk / "log")
        log.merge()
        Payments.snapshot(log)
        for number in range(8):
            log.append("c", [Paid(amount=number)])
        shut(disk)
        assert_refused(disk / "log", r"Read-only file system.*writing does not")


def test_what_was_merged_stays_on_a_read_only_disk(tmp_path):
    """Sources that are old enough to go are there still, and it is said."""
    with mounted(tmp_path / "disk", "size=1m") as disk:
        log = filled(disk / "log")
        log.merge()
        age(disk / "log")
        shut(disk)
        before, known = contents(disk), answers(disk / "log")
        with pytest.raises(es.StoreError, match="Read-only file system"):
            log.merge()
        assert contents(disk) == before
        assert answers(disk / "log") == known


# --- without hard links ----------------------------------------------------------


@pytest.mark.parametrize(
    "number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get
)
def test_without_hard_links_nothing_is_made(monkeypatch, tmp_path, number):
    """Whatever a file system without links says, the log says what that means."""
    filled(tmp_path)

    def forbidden(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", forbidden)
    assert_refused(tmp_path, r"without hard links.*local disk")
    assert made(tmp_path, "staging") == {}


@pytest.mark.parametrize("part", ["events", "segments", "snapshots"])
def test_a_folder_on_another_disk_is_told(tmp_path, part):
    """No hard link leads to another disk, so a log has to be on one."""
    log = opened(tmp_path) if part == "events" else filled(tmp_path)
    place = tmp_path / part
    place.mkdir(exist_ok=True)
    with mounted(place, "size=1m"):
        calls = {
            "events": lambda: log.append("a", [Paid(amount=1)]),
            "segments": log.merge,
            "snapshots": lambda: Payments.snapshot(log),
        }
        before = contents(tmp_path)
        with pytest.raises(es.StoreError, match=r"on another disk.*one") as caught:
            calls[part]()
        assert not isinstance(caught.value, es.CommitUnknown)
        assert contents(tmp_path) == before
