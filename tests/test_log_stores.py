"""Every store keeps the same promises, and a log runs over each."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from log_contract import LogContract, StoreContract
from log_samples import EVENTS, NOW, Memory, Opened, contents, sample

import esbench as es
from esbench.log.store import HOUR, Folder


class FolderFixture:
    @pytest.fixture
    def store(self, tmp_path):
        return Folder(tmp_path / "a folder")


class MemoryFixture:
    @pytest.fixture
    def store(self):
        return Memory()


class TestFolder(FolderFixture, StoreContract):
    """The store on a disk."""


class TestLogInAFolder(FolderFixture, LogContract):
    """The log on a disk."""


class TestMemory(MemoryFixture, StoreContract):
    """The store in memory, which shows that the contract says enough."""


class TestLogInMemory(MemoryFixture, LogContract):
    """The log in memory."""


def test_nothing_is_ever_overwritten(tmp_path):
    """Whatever is appended later, files that were there keep their bytes."""
    log = sample(tmp_path / "log")
    before = contents(tmp_path)
    log.append("acc_9", [Opened(owner="Cy")])
    after = contents(tmp_path)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def test_a_log_makes_the_folders_above_it(tmp_path):
    """A path whose parents are missing too is made, name by name."""
    sample(tmp_path / "a" / "b c" / "d")
    assert len(es.EventLog.existing(tmp_path / "a" / "b c" / "d")) == 4


def test_a_copy_without_empty_folders_works(tmp_path):
    """A log goes on where a copy has left its empty folders out."""
    es.EventLog(tmp_path, EVENTS)
    for name in ("events", "staging"):
        if (tmp_path / name).exists():
            (tmp_path / name).rmdir()
    log = es.EventLog(tmp_path, EVENTS)
    log.append("a", [Opened(owner="Ada")])
    assert log.verify().ok


def staged(folder, process, age):
    """Leave a file in staging, as a writer of that process would."""
    host = os.uname().nodename.replace(".", "-")
    path = folder / "staging" / f"{host}.{process}.{age}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half a file")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def dead_process():
    """Give the id of a process that has ended."""
    child = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(child, 0)
    return child


@pytest.mark.skipif(os.name == "nt", reason="is for POSIX")
def test_only_dead_writers_are_tidied_away(tmp_path):
    """Staging files go once their writer is dead and an hour has passed."""
    old_and_dead = staged(tmp_path, dead_process(), 2 * HOUR)
    kept = [
        staged(tmp_path, dead_process(), 60),
        staged(tmp_path, os.getpid(), 2 * HOUR),
    ]
    elsewhere = tmp_path / "staging" / "another-host.1.abc"
    elsewhere.write_bytes(b"")
    Folder(tmp_path).tidy()
    assert not old_and_dead.exists()
    assert [path.exists() for path in [*kept, elsewhere]] == [True] * 3
    Folder(tmp_path).tidy(now=time.time() + 25 * HOUR)
    assert not elsewhere.exists()


@pytest.mark.skipif(os.name == "nt", reason="is for POSIX")
def test_the_first_append_tidies(tmp_path):
    """A process cleans up after dead writers when it first writes."""
    log = es.EventLog(tmp_path, EVENTS)
    left = staged(tmp_path, dead_process(), 2 * HOUR)
    list(log.read())
    assert left.exists()
    log.append("a", [Opened(owner="Ada")])
    assert not left.exists()
    assert (tmp_path / "staging").is_dir()


def test_an_append_leaves_nothing_in_staging(tmp_path):
    """After commits, and after a lost race, staging is empty."""
    log, other = sample(tmp_path), es.EventLog(tmp_path, clock=es.Clock(NOW))
    other.append("x", [es.UnknownEvent(type="X", data={})])
    log.append("x", [Opened(owner="Y")])
    assert list((tmp_path / "staging").iterdir()) == []


def test_a_temporary_log_vanishes():
    """The folder of a temporary log goes with the object."""
    log = es.EventLog.temporary(EVENTS)
    log.append("a", [Opened(owner="Ada")])
    folder = Path(log.files()[0]).parent.parent
    assert repr(log) == "EventLog('temporary', 1 event)"
    assert folder.is_dir()
    del log
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="is for POSIX")
def test_a_forked_child_leaves_the_temporary_log():
    """A forked child that ends does not take its parent's log with it."""
    code = (
        "import os, sys, warnings; warnings.simplefilter('ignore');"
        "import esbench as es; log = es.EventLog.temporary();"
        "log.append('a', [es.UnknownEvent(type='T', data={})]);"
        "child = os.fork();"
        "child or sys.exit(0);"
        "os.waitpid(child, 0); print(log.verify())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "sound: 1 event in 1 file\n"


def test_threads_share_an_object():
    """Many threads append and read through one object, and nothing is lost."""
    log = es.EventLog.temporary(EVENTS)
    failed = []

    def work(number):
        try:
            for _ in range(25):
                log.append(f"acc_{number}", [Opened(owner=str(number))])
                versions = [e.version for e in log.read(f"acc_{number}")]
                assert versions == list(range(1, len(versions) + 1))
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [e.position for e in log.read()] == list(range(1, 101))
    assert log.verify(log.head()).ok


def test_the_age_of_a_file_is_told_by_the_disk(tmp_path, monkeypatch):
    """Age is the disk's time less the file's, and asking leaves nothing behind."""
    store = Folder(tmp_path)
    store.create("segments/1", b"rows")
    before = time.time() - 2 * HOUR
    os.utime(tmp_path / "segments" / "1", (before, before))
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert abs(store.age("segments/1") - 2 * HOUR) < 600
    assert store.list("staging") == []


def test_a_file_from_the_future_has_no_age(tmp_path):
    """A file that is newer than the disk's clock is as if just made."""
    store = Folder(tmp_path)
    store.create("segments/1", b"rows")
    later = time.time() + 2 * HOUR
    os.utime(tmp_path / "segments" / "1", (later, later))
    assert store.age("segments/1") == 0
