"""A disk that is full, forbidden, read-only or failing costs no stored event."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from faults_mounts import full, mounted, shut
from log_samples import EVENTS, NOW, Memory, Opened, Paid, contents, numbered, sample

import esbench as es
from esbench.log.pieces import Run
from esbench.log.store import Folder, Unsettled
from esbench.log.versions import Versions
from esbench.log.view import View

resource = pytest.importorskip("resource", reason="is for POSIX")
NOBODY = 65_534


def appending(log, **named):
    """Append one event to an aggregate of its own."""
    return log.append("new", [Opened(owner="Ada" * 100)], expected_version=0, **named)


def test_a_full_disk_is_told_and_changes_nothing(tmp_path):
    """On a full disk an append says so; once there is room, it works."""
    with mounted(tmp_path / "disk", "size=256k") as disk:
        log = sample(disk / "log")
        before = contents(disk / "log")
        with full(disk):
            with pytest.raises(
                es.StoreError, match=r"No space left.*make room on the disk"
            ):
                appending(log)
            assert contents(disk / "log") == before
            assert len(log) == len(es.EventLog(disk / "log", EVENTS)) == 4
        assert appending(log).first == 5
        assert log.verify(log.head()).ok


def test_a_disk_without_room_for_a_log_is_told(tmp_path):
    """A log that can't be made leaves nothing behind that stands in its way."""
    with mounted(tmp_path / "disk", "size=16k,nr_inodes=2") as disk:
        with pytest.raises(es.StoreError, match="No space left"):
            es.EventLog(disk / "log", EVENTS)
        assert contents(disk) == {}


def test_a_file_beyond_the_limit_is_told(tmp_path):
    """Where the process may write no such large file, the log is as before."""
    log = sample(tmp_path)
    before = contents(tmp_path)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, old[1]))
    try:
        with pytest.raises(es.StoreError, match=r"File too large.*size limit"):
            appending(log)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert contents(tmp_path) == before
    assert appending(log).first == 5


def test_a_read_only_log_can_be_read(tmp_path):
    """On a disk remounted read-only every reading call works, and no writing one."""
    with mounted(tmp_path / "disk", "size=1m") as disk:
        sample(disk / "log")
        shut(disk)
        log = es.EventLog(disk / "log", EVENTS, clock=es.Clock(NOW))
        assert [e.position for e in log.read()] == [1, 2, 3, 4]
        assert len(list(log.read("acc_1"))) == 3
        assert log.scan().collect().height == len(log) == 4
        assert log.verify(log.head()).ok
        assert len(log.as_of("2024-02-02")) == 2
        assert next(log.follow()).position == 1
        before = contents(disk)
        with pytest.raises(es.StoreError, match="reading works, writing does not"):
            appending(log)
        with pytest.raises(es.StoreError, match="Read-only file system"):
            es.EventLog(disk / "new", EVENTS)
        assert contents(disk) == before


@contextlib.contextmanager
def as_nobody():
    """Do without root's rights for a while."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


def test_a_forbidden_folder_is_told(tmp_path):
    """Who may only read a log reads it; who may not even that is told."""
    folder = tmp_path / "log"
    sample(folder)
    for path in [tmp_path, *tmp_path.parents]:
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = contents(folder)
    with as_nobody():
        log = es.EventLog(folder, EVENTS, clock=es.Clock(NOW))
        assert [e.position for e in log.read()] == [1, 2, 3, 4]
        assert log.verify(log.head()).ok
        with pytest.raises(
            es.StoreError, match="no permission: ask the folder's owner"
        ):
            appending(log)
    assert contents(folder) == before
    (folder / "events").chmod(0)
    with (
        as_nobody(),
        pytest.raises(es.StoreError, match="can't read events: Perm"),
    ):
        es.EventLog(folder, EVENTS)
    folder.chmod(0)
    with (
        as_nobody(),
        pytest.raises(es.StoreError, match=r"can't read .*denied"),
    ):
        es.EventLog(folder, EVENTS)
    folder.chmod(0o755)
    (folder / "events").chmod(0o755)


def test_leftovers_of_others_do_not_stop_a_writer(tmp_path):
    """Staging files that this writer may not remove stay, and it goes on."""
    sample(tmp_path)
    left = tmp_path / "staging" / "another-host.1.abc"
    left.write_bytes(b"")
    os.utime(left, (0, 0))
    (tmp_path / "staging" / "a folder").mkdir()
    os.utime(tmp_path / "staging" / "a folder", (0, 0))
    assert appending(es.EventLog(tmp_path, EVENTS, clock=es.Clock(NOW))).first == 5
    assert not left.exists()


# Errors at one call


class Calls:
    """Watches the calls that change a disk, and lets one of them fail."""

    def __init__(self, patch, folder):
        self.made = []
        self.fails = {}
        self._folder = str(folder)
        for name in ("fsync", "link", "write"):
            patch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name, real):
        def call(first, *rest):
            is_link = name == "link"
            target = str(
                rest[0] if is_link else Path(f"/proc/self/fd/{first}").readlink()
            )
            if target.startswith(self._folder):
                place = target[len(self._folder) :].lstrip("/").partition("/")[0]
                done = (name, place or "the folder")
                self.made.append(done)
                if done in self.fails:
                    raise OSError(self.fails.pop(done), os.strerror(errno.EIO))
            return real(first, *rest)

        return call


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Watch what is done to the disk below ``tmp_path / "log"``."""
    if sys.platform != "linux":
        pytest.skip("is for Linux")
    return Calls(monkeypatch, tmp_path / "log")


def test_an_append_syncs_in_this_order(calls, tmp_path):
    """Content is safe before its name is, and the name before the answer."""
    log = es.EventLog(tmp_path / "log", EVENTS, clock=es.Clock(NOW))
    made = [("write", "staging"), ("fsync", "staging"), ("link", "log.json")]
    assert [call for call in calls.made if call != ("fsync", "the folder")] == made
    assert calls.made[-1] == ("fsync", "the folder")
    calls.made.clear()
    appending(log)
    assert ("fsync", "the folder") in calls.made  # events/ itself was new
    calls.made.clear()
    warm = [
        ("write", "staging"),
        ("fsync", "staging"),
        ("link", "events"),
        ("fsync", "events"),
    ]
    log.append("a", [Opened(owner="Ada")])
    assert calls.made == warm
    calls.made.clear()
    other = es.EventLog(tmp_path / "log", EVENTS, clock=es.Clock(NOW))
    other.append("b", [Opened(owner="Bo")])
    others = [("fsync", "events"), ("fsync", "the folder")]
    assert calls.made == [*others, *warm]  # others' names first, and that of events/
    calls.made.clear()
    log.head()
    log.head()
    assert calls.made == [("fsync", "events")]
    next(es.EventLog(tmp_path / "log", EVENTS).follow())
    assert calls.made == [("fsync", "events"), *others]


@pytest.mark.parametrize(
    "call", [("write", "staging"), ("fsync", "staging")], ids=" ".join
)
def test_a_failure_before_the_name_changes_nothing(calls, tmp_path, call):
    """When content can't be made safe, the append says so and nothing is there."""
    log = sample(tmp_path / "log")
    before = contents(tmp_path)
    calls.fails = {call: errno.EIO}
    with pytest.raises(es.StoreError, match="Input/output error; nothing changed"):
        appending(log)
    assert contents(tmp_path) == before
    assert appending(log).first == 5
    assert log.verify().ok


def test_others_names_that_are_not_safe_stop_a_writer(calls, tmp_path):
    """While somebody else's name can't be made safe, nothing is built on it."""
    sample(tmp_path / "log")
    log = es.EventLog(tmp_path / "log", EVENTS, clock=es.Clock(NOW))
    before = contents(tmp_path)
    for call in (appending, es.EventLog.head, lambda log: list(log.read())):
        calls.fails = {("fsync", "events"): errno.EIO}
        with pytest.raises(es.StoreError, match=r"can't sync .*events: Input/output"):
            call(log)
    assert contents(tmp_path) == before
    assert appending(log).first == 5


@pytest.mark.parametrize(
    ("call", "is_stored"),
    [(("link", "events"), False), (("fsync", "events"), True)],
    ids=str,
)
@pytest.mark.parametrize("goes_on", [False, True])
def test_a_failure_at_the_name_leaves_it_open(
    calls, tmp_path, call, is_stored, goes_on
):
    """An error between making a name and syncing it is settled by retry(), once."""
    log = sample(tmp_path / "log")
    calls.fails = {call: errno.EIO}
    with pytest.raises(
        es.CommitUnknown, match=r"call retry\(\) on this error"
    ) as caught:
        appending(log)
    assert len(es.EventLog(tmp_path / "log", EVENTS)) == 4 + is_stored
    if goes_on:
        log.append("other", [Opened(owner="Bo")])
    done = caught.value.retry()
    assert done.first == 5 + (goes_on and not is_stored)
    assert done.versions == {"new": 1}
    assert caught.value.retry() == done
    assert [e.version for e in log.read("new")] == [1]
    assert len(log) == 5 + goes_on
    assert log.verify(log.head()).ok


def test_retry_may_lose_a_race(calls, tmp_path):
    """If the commit is not stored and somebody was faster, retry() says so."""
    log = sample(tmp_path / "log")
    calls.fails = {("link", "events"): errno.EIO}
    with pytest.raises(es.CommitUnknown) as caught:
        appending(log)
    appending(es.EventLog(tmp_path / "log", EVENTS, clock=es.Clock(NOW)))
    with pytest.raises(es.ConcurrencyError):
        caught.value.retry()
    assert [e.version for e in log.read("new")] == [1]


def test_retry_may_fail_too(calls, tmp_path):
    """A retry whose outcome is open again can be retried again."""
    log = sample(tmp_path / "log")
    calls.fails = {("link", "events"): errno.EIO}
    with pytest.raises(es.CommitUnknown) as first:
        appending(log)
    calls.fails = {("link", "events"): errno.EIO}
    with pytest.raises(es.CommitUnknown) as second:
        first.value.retry()
    assert second.value.retry() == first.value.retry()
    assert len(log) == 5


class Late(Memory):
    """A store that fails behind the name: a listing, or a sync."""

    fails = ()

    def list(self, folder):
        if folder in self.fails:
            raise es.StoreError(f"can't read {folder}")
        return super().list(folder)

    def create(self, name, data):
        super().create(name, data)
        if "create" in self.fails:
            raise Unsettled(f"{name}: no answer")


@pytest.mark.parametrize("fails", ["segments", "create"])
def test_any_failure_behind_the_name_leaves_it_open(fails):
    """Once the name may exist, no error claims that nothing was stored."""
    store = Late()
    log = es.EventLog.over(store, EVENTS, clock=es.Clock(NOW), ids=numbered())
    log.append("a", [Opened(owner="Ada")])
    store.fails = (fails,)
    with pytest.raises(es.CommitUnknown) as caught:
        appending(log)
    store.fails = ()
    assert caught.value.retry().first == 2
    assert len(log) == 2


def test_a_file_system_without_links_is_refused(monkeypatch, tmp_path):
    """Where no hard link can be made, nothing is overwritten: it is said loudly."""

    def forbidden(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", forbidden)
    with pytest.raises(es.StoreError, match=r"without hard links.*local disk"):
        es.EventLog(tmp_path, EVENTS)
    assert contents(tmp_path) == {}


# Power cuts and interrupts

CUT = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import esbench as es
from log_samples import EVENTS, Opened
log = es.EventLog(sys.argv[1], EVENTS)
log.append("a", [Opened(owner="first")])
real = getattr(os, sys.argv[2])
def cut(*arguments, **named):
    if sys.argv[3] == "behind":
        real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(os, sys.argv[2], cut)
log.append("a", [Opened(owner="second")])
"""


@pytest.mark.parametrize(
    ("call", "side", "stored"),
    [
        ("write", "before", 1),
        ("fsync", "before", 1),
        ("link", "before", 1),
        ("link", "behind", 2),
        ("unlink", "before", 2),
    ],
)
def test_a_writer_killed_at_a_call_leaves_all_or_nothing(tmp_path, call, side, stored):
    """Killed before its name is made, a commit is not there; behind it, it is whole."""
    code = CUT.format(tests=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), call, side], check=False
    )
    assert done.returncode == -signal.SIGKILL
    log = es.EventLog(tmp_path, EVENTS)
    assert len(log) == stored
    assert log.verify().ok
    log.append("a", [Opened(owner="third")], expected_version=stored)
    Folder(tmp_path).tidy()
    assert len(list((tmp_path / "staging").iterdir())) == 1  # an hour has not passed


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Run, "add"), (View, "_hold"), (Versions, "note"), (View, "catch_up")],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.parametrize("is_own", [True, False])
def test_an_interrupt_leaves_the_object_fit(monkeypatch, tmp_path, owner, name, is_own):
    """Ctrl-C in the middle of an append or a read leaves no row twice in memory."""
    log = sample(tmp_path)
    real = getattr(owner, name)

    def interrupted(self, *arguments):
        real(self, *arguments)
        monkeypatch.setattr(owner, name, real)
        raise KeyboardInterrupt

    writer = log if is_own else es.EventLog(tmp_path, EVENTS, clock=es.Clock(NOW))
    monkeypatch.setattr(owner, name, interrupted)
    with contextlib.suppress(KeyboardInterrupt):
        writer.append("acc_1", [Paid(amount=1)])
        log.head()
    monkeypatch.setattr(owner, name, real)
    rows = [(e.position, e.version) for e in log.read("acc_1")]
    assert rows == list(dict.fromkeys(rows))
    assert len(log) == len(list(log.read())) == len(es.EventLog(tmp_path, EVENTS))
    log.append("acc_1", [Paid(amount=2)])
    assert [e.version for e in log.read("acc_1")] == list(range(1, len(rows) + 2))
