"""Hostile files give an error that names them, and take a bounded amount of memory.

Whoever writes a file can write a digest that fits, so the digest protects from nothing
here. Every case is a log in which one file was made by somebody with bad intentions.
It is put to every call that reads, in a process of its own whose memory is measured.
Every kind of case runs always, in one of its sizes or at one of its places; the others
are run by torture.
"""

import itertools
import json
import multiprocessing
import multiprocessing.forkserver
import os
import resource
import shutil
import socket
import sys
import traceback
from pathlib import Path

import polars as pl
import pytest
from hostile_files import ANY_FILE, CASES, LARGE, LAST, LIES, ROWS, SMALL, TEXTLESS
from log_samples import EVENTS, NOW, Memory, Paid, commits, numbered, sample

import esbench as es
from esbench.log import identity
from esbench.log.file import commit_name
from esbench.projection import calls_of
from esbench.projection.listing import listed

PEAK = 900 * 2**20  # bytes that a process may take for one file
SPACE = 6 * 2**30  # bytes that it may ask for, so that a bomb stops here
HANGS = 120  # seconds after which a case counts as hanging
NAMING = {"Corrupt", "NotALog", "StoreError", "verified", "answered"}
HEAVY = ["numpy", "narwhals", "pyarrow.compute", "pyarrow.parquet"]
HEAVY += ["esbench.log.verify", "esbench.projection.partial"]
SLOW = {"declares a hundred thousand fields, small"}


def parted(cases, chosen):
    """Give cases as parameters: those chosen for every run, the others for torture."""
    told = [case if isinstance(case, tuple) else (case,) for case in cases]
    chosen = {case if isinstance(case, tuple) else (case,) for case in chosen}
    torture = pytest.mark.torture
    return [pytest.param(*c, marks=() if c in chosen else torture) for c in told]


def one_size(cases):
    """Give cases as parameters, each kind for every run in one of its sizes."""
    kinds = {}
    for words in cases:
        kinds.setdefault(words.rpartition(", ")[0], []).append(words)
    turns = enumerate(kinds.values())
    return parted(cases, {s[turn % len(s)] for turn, s in turns} - SLOW)


def every(step, *cases):
    """Give all combinations as parameters, some of them for every run."""
    found = list(itertools.product(*cases))
    return parted(found, found[::step])


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """Give the folder of a log of three small commits, a large one, and a last one."""
    folder = tmp_path_factory.mktemp("sound") / "log"
    log = sample(folder)
    keys = [f"acc_{number % 7}" for number in range(ROWS)]
    notes = [f"note {number % 11}" for number in range(ROWS)]
    log.append_frame(
        pl.DataFrame({"aggregate_id": keys, "type": "Paid", "amount": 1, "note": notes})
    )
    log.append("acc_1", [Paid(amount=2)])
    return folder


# --- asking ----------------------------------------------------------------------


def asked(log):
    """Yield every call that reads, by name."""
    yield "head", log.head
    yield "len", lambda: len(log)
    yield "headers", log.headers
    yield "files", log.files
    yield "read", lambda: sum(1 for _ in log.read())
    yield "read one", lambda: sum(1 for _ in log.read("acc_1"))
    yield "scan", lambda: log.scan().collect().height
    yield "scan a type", lambda: log.scan("Paid").select("amount").sum().collect()
    yield "as_of", lambda: len(log.as_of("2024-02-15"))
    yield "follow", lambda: [next(log.follow()) for _ in range(1)]
    yield "verify", log.verify
    yield "merge", log.merge
    yield "append", lambda: log.append("acc_1", [Paid(amount=1)])


class Payments(es.Projection):
    """What each aggregate paid; its snapshots are hostile."""

    paid = es.total((Paid, "amount"))
    note = es.last(Paid, "note")


def derived(log):
    """Yield every call that may use a snapshot, by name."""
    yield "table", lambda: Payments.table(log).rows()
    yield "hydrate", lambda: Payments.hydrate(log, "acc_1")
    yield "as_of", lambda: Payments.table(log.as_of("2024-04-01")).rows()
    yield "past", lambda: Payments.table(log.as_of("2024-02-15")).rows()
    yield "listed", lambda: len(listed(log, [calls_of(Payments)]))
    yield "verify", log.verify
    yield "merge", log.merge
    yield "append", lambda: log.append("acc_1", [Paid(amount=1)]).first


def attempt(folder, calls, pipe):
    """Ask everything of the log in ``folder``; send what came and the memory it took.

    Runs in a process of its own, forked from one that has imported everything.
    """
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPACE, resource.RLIM_INFINITY))
    told = {"open": outcome(lambda: es.EventLog(folder, EVENTS))}
    if told["open"][0] == "answered":
        log = es.EventLog.existing(folder, EVENTS, clock=es.Clock(NOW))
        told |= {name: outcome(ask) for name, ask in calls(log)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send((told, 1024 * (peak - start)))


def outcome(ask):
    """Give what came of a call, as texts: a kind, and what it names or says."""
    try:
        answer = ask()
    except es.EsbenchError as error:
        return type(error).__name__, str(error)
    except BaseException:  # noqa: BLE001 - any other error is what we look for
        return "unclear", traceback.format_exc()
    if hasattr(answer, "problems"):
        return "verified", "\n".join(map(str, answer.problems))
    return "answered", str(answer)[:200]


@pytest.fixture(scope="session")
def server():
    """Give processes that have imported everything, from which others are forked."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["test_log_hostile", *HEAVY])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        multiprocessing.forkserver.ensure_running()
    return context


@pytest.fixture
def ask(server):
    """Give a call that asks everything of a folder, and holds memory and time."""

    def asking(folder, calls=asked, unclear=()):
        ours, theirs = server.Pipe()
        process = server.Process(target=attempt, args=(str(folder), calls, theirs))
        process.start()
        theirs.close()
        try:
            if not ours.poll(HANGS):
                process.kill()
                pytest.fail("it hangs")
            told, peak = ours.recv()
        except EOFError:
            process.join()
            pytest.fail(f"the process died: {process.exitcode}")
        finally:
            process.join()
        bad = {name: text for name, (kind, text) in told.items() if kind == "unclear"}
        assert list(bad) == list(unclear), "\n".join(bad.values())
        assert peak < PEAK, f"it took {peak >> 20} MB"
        return told

    return asking


def assert_named(told, name):
    """See that every call told of the file, and none answered."""
    for call, (kind, text) in told.items():
        if call != "open":
            assert kind != "answered", f"{call}: {text}"
            assert name in text, f"{call}: {text}"
        assert kind in NAMING, f"{call}: {kind} {text}"


# --- the files -------------------------------------------------------------------


@pytest.fixture
def folder(sound, tmp_path):
    """Give the folder of a copy of the sound log, to be spoilt."""
    return Path(shutil.copytree(sound, tmp_path / "log"))


def test_a_sound_log_is_answered(folder, ask):
    """Every call answers where nothing is wrong, within the same bounds."""
    told = ask(folder)
    assert {kind for kind, _ in told.values()} == {"answered", "verified"}
    assert told["verify"] == ("verified", "")
    assert told["read"] == ("answered", str(ROWS + 5))


@pytest.mark.parametrize("words", one_size(CASES))
def test_a_hostile_file_is_named(folder, ask, words):
    """A file that is no honest commit is named by every call that needs it."""
    name, change = CASES[words]
    change(folder / name)
    assert_named(ask(folder), name)


@pytest.mark.parametrize("words", one_size(LIES))
def test_hostile_rows_are_named_or_answered(folder, ask, words):
    """Rows that no writer makes are told by verify, and end no call unclearly."""
    name, change = LIES[words]
    change(folder / name)
    told = ask(folder)
    assert name in told["verify"][1]
    for call, (kind, text) in told.items():
        assert kind in {"answered", "verified"} or name in text, f"{call}: {text}"


def test_polars_says_what_a_scan_can_not_read(folder, ask):
    """A scan of texts that are none is refused by polars, once it is collected."""
    name, change = TEXTLESS
    change(folder / name)
    told = ask(folder, unclear={"scan"})
    assert "invalid UTF-8" in told["scan"][1]
    assert {told[call][0] for call in ("read", "read one", "verify")} <= NAMING


IDENTITIES = {
    "is nothing": b"",
    "is null": b"null",
    "is deep": b'{"format": ' + b"[" * 10**6,
    "is another's": {"log_id": "other"},
    "has a zone that climbs": {"zone": "../../x"},
    "has a zone that is a path": {"zone": "/etc/passwd"},
    "has no log_id": {"log_id": ""},
}


@pytest.mark.parametrize(
    "words",
    [*IDENTITIES, "is a folder", "is a pipe", "never ends", "is a hole"],
)
def test_a_hostile_identity_is_named(folder, ask, words):
    """A log.json that nobody honest wrote is told when the log is opened."""
    path = folder / identity.NAME
    own = json.loads(path.read_text())
    path.unlink()
    if words in STRANGE:
        STRANGE[words](path)
    elif isinstance(IDENTITIES[words], bytes):
        path.write_bytes(identity.sealed(IDENTITIES[words]))
    else:
        text = json.dumps(own | IDENTITIES[words]).encode()
        path.write_bytes(identity.sealed(text))
    told = ask(folder)
    if words == "is another's":
        assert_named(told, "it belongs to another log")
    else:
        assert list(told) == ["open"]
        assert told["open"][0] in {"Corrupt", "NotALog"}
        assert identity.NAME in told["open"][1]


def hole(path):
    """Make a file of a terabyte that takes no room."""
    with path.open("wb") as file:
        file.truncate(2**40)


def bound(path):
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


STRANGE = {
    "is a folder": Path.mkdir,
    "is a pipe": os.mkfifo,
    "never ends": lambda path: path.symlink_to("/dev/zero"),
    "is a hole": hole,
    "is a socket": bound,
    "leads nowhere": lambda path: path.symlink_to("nowhere"),
    "leads to itself": lambda path: path.symlink_to(path.name),
    "leads to a commit of another log": lambda path: path.symlink_to(
        foreign_commit(path.parents[2])
    ),
}


def foreign_commit(place):
    """Give the first commit of another log."""
    es.EventLog(place / "other", EVENTS).append("a", [Paid(amount=1)])
    return commits(place / "other")[0]


@pytest.mark.parametrize(("words", "name"), every(5, STRANGE, [SMALL, LARGE, LAST]))
def test_what_is_no_file_is_named(folder, ask, monkeypatch, name, words):
    """A name of a commit at which something else stands is told, and nobody waits."""
    monkeypatch.chdir(folder / "events")  # the path of a socket must be short
    path = folder / name
    path.unlink()
    STRANGE[words](Path(path.name) if words == "is a socket" else path)
    told = ask(folder)
    if words == "leads nowhere" and name == LAST:
        name = commit_name(ROWS + 5)
    assert_named(told, name)


NAMES = [
    "1.parquet",
    "0000000000000000000a.parquet",
    "٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٣٠٠٦.parquet",
    "00000000000000003006.PARQUET",
    "00000000000000003006.parquet.gz",
    "00000000000000003006.parquet\n",
    "000000000000000003006.parquet",
    "-0000000000000003006.parquet",
    "+0000000000000003006.parquet",
    " 0000000000000003006.parquet",
    "0000000000000_003006.parquet",
    "...parquet",
    "..\\..\\x.parquet",
    "\udcff\udcfe.parquet",
    "x" * 250,
]


@pytest.mark.parametrize(("name", "place"), every(3, NAMES, ["events", "segments"]))
def test_a_name_that_is_none_disturbs_nobody(folder, ask, place, name):
    """Names that only look like a commit's or a segment's are told by verify alone."""
    (folder / place).mkdir(exist_ok=True)
    (folder / place / name).write_bytes(b"")
    told = ask(folder)
    assert told["read"] == ("answered", str(ROWS + 5))
    assert {kind for kind, _ in told.values()} == {"answered", "verified"}
    assert told["verify"][1].count("it is no file of this log: remove it") == 1


CLAIMS = [
    "events/00000000000000003010.parquet",
    "events/09223372036854775808.parquet",
    "events/99999999999999999999.parquet",
    "segments/00000000000000000001-00000000000000000512.parquet",
    "segments/00000000000000000002-00000000000000000003.parquet",
    "segments/00000000000000000001-99999999999999999999.parquet",
    "segments/00000000000000003000-00000000000000009000.parquet",
    "segments/09223372036854775808-99999999999999999999.parquet",
]


@pytest.mark.parametrize(
    ("name", "content"), every(2, CLAIMS, [b"", "commit", "folder"])
)
def test_a_place_that_is_claimed_in_vain_is_named(folder, ask, name, content):
    """A file with a good name and a bad content is told, wherever it claims to be."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if content == "folder":
        path.mkdir()
    else:
        data = (folder / SMALL).read_bytes() if content == "commit" else content
        path.write_bytes(data)
    told = ask(folder)
    missing = commit_name(ROWS + 6)
    for call, (kind, text) in told.items():
        assert kind in {"Corrupt", "verified"} or call == "open", f"{call}: {text}"
        assert call == "open" or name in text or missing in text, f"{call}: {text}"


def test_hostile_leftovers_in_staging_stop_nobody(folder, ask):
    """Staging files with absurd names, and what is no file, do not disturb a writer."""
    host = socket.gethostname().replace(".", "-") or "host"
    for name in ["9" * 40, "²", "-1", "0", "1", "1e9", ""]:
        path = folder / "staging" / f"{host}.{name}.x"
        path.write_bytes(b"")
        os.utime(path, (0, 0))
    os.mkfifo(folder / "staging" / f"{host}.1.pipe")
    (folder / "staging" / "up").symlink_to("..")
    told = ask(folder)
    assert {kind for kind, _ in told.values()} == {"answered", "verified"}
    assert (folder / identity.NAME).exists()


def test_a_store_may_list_names_that_climb():
    """A store that lists paths is not followed out of its folder."""

    class Climbing(Memory):
        climbs = False

        def list(self, folder):
            climbing = ["../x", "/etc/passwd", "../../00000000000000000009.parquet"]
            return sorted(super().list(folder) + climbing * self.climbs)

        def read(self, name):
            assert ".." not in name
            assert "passwd" not in name
            return super().read(name)

    store = Climbing()
    log = es.EventLog.over(store, EVENTS, clock=es.Clock(NOW), ids=numbered())
    log.append("a", [Paid(amount=1)])
    store.climbs = True
    again = es.EventLog.over(store, EVENTS, clock=es.Clock(NOW))
    assert len(list(again.read())) == 1
    assert len(again.verify().problems) == 6
    assert again.merge() == type(again.merge())()


# --- snapshots -------------------------------------------------------------------


@pytest.fixture(scope="session")
def told_without(sound, server, tmp_path_factory):
    """Give the name of a snapshot in the sound log, and what is told without one."""
    folder = shutil.copytree(sound, tmp_path_factory.mktemp("kept") / "log")
    log = es.EventLog(folder, EVENTS, clock=es.Clock(NOW))
    told = {name: str(ask())[:200] for name, ask in derived(log) if name in SAME}
    taken = Payments.snapshot(es.EventLog(sound, EVENTS, clock=es.Clock(NOW)), ROWS)
    return taken.file, told


SAME = ("table", "hydrate", "as_of", "past")


def assert_same(told, expected):
    """See that every answer is what it would be without a snapshot."""
    assert {name: told[name] for name in SAME} == {
        name: ("answered", text) for name, text in expected.items()
    }
    assert {kind for kind, _ in told.values()} == {"answered", "verified"}


@pytest.mark.parametrize("words", every(4, [w for w in CASES if w in ANY_FILE]))
def test_a_hostile_snapshot_is_not_used(told_without, folder, ask, words):
    """Whatever stands in a snapshot's place, answers are those of the events."""
    name, expected = told_without
    CASES[words][1](folder / name)
    assert_same(ask(folder, calls=derived), expected)


@pytest.mark.parametrize("words", every(3, STRANGE))
def test_what_is_no_snapshot_is_not_used(told_without, folder, ask, monkeypatch, words):
    """A pipe, a device or a folder at a snapshot's name makes nobody wait."""
    name, expected = told_without
    path = folder / name
    monkeypatch.chdir(path.parent)
    path.unlink()
    STRANGE[words](Path(path.name) if words == "is a socket" else path)
    assert_same(ask(folder, calls=derived), expected)


@pytest.mark.parametrize("name", every(5, NAMES))
def test_a_strange_name_among_snapshots_disturbs_nobody(
    told_without, folder, ask, name
):
    """Names that are none of a snapshot's, and folders of nobody's, are passed over."""
    kept, expected = told_without
    (folder / kept).with_name(name).write_bytes(b"")
    (folder / "snapshots" / name).mkdir(exist_ok=True)
    (folder / "snapshots" / "a file").write_bytes(b"")
    assert_same(ask(folder, calls=derived), expected)
