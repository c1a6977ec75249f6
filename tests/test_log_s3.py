"""A log in an object store promises what a log in a folder does.

Everything goes through obstore and HTTP to moto's server, in a process of its own on
loopback (``s3_server.py``); where a store has to misbehave, a small real proxy stands
between and does so.

What this can't show: moto does not check signatures, knows no rights but those of a
bucket's policy, and is told to answer one request at a time, since by itself it looks
and then writes; so that conditional puts are atomic in a real store is its maker's
word. It has one region and answers at once: throttling, 409 in a real race, redirects
to other regions, TLS, expiring credentials, instances and containers of AWS are not
tried here, or only as answers that the proxy makes up. Its listings are consistent, as
those of AWS S3 are since 2020.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import polars as pl
import pytest
from log_contract import LogContract, StoreContract
from log_samples import EVENTS, NOW, Opened, Paid
from obstore.store import MemoryStore, S3Store

import esbench as es
from esbench.cli.run import run
from esbench.domains import bank
from esbench.errors import StoreError
from esbench.log import copies, objects
from esbench.log.objects import ObjectStore
from esbench.log.s3 import s3, store_at, written
from esbench.log.store import Folder, NameTaken, Unsettled

SERVER = Path(__file__).parent / "s3_server.py"
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20240101/us-east-1/s3/"
    "aws4_request, SignedHeaders=host, Signature=0",
    "Content-Type": "application/octet-stream",
}
ROUNDS, WRITERS = 20, 8
numbers = count()


# The server, and what stands between


@pytest.fixture(scope="module")
def server():
    """Give the port of a server that speaks S3."""
    with subprocess.Popen(
        [sys.executable, str(SERVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield int(process.stdout.readline())
        process.stdin.close()
        process.wait(20)


@pytest.fixture(autouse=True)
def environment(server, monkeypatch, tmp_path):
    """Let the environment lead to the server, and to nothing of this machine's own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server}")
    return monkeypatch


def asked(server, method, path, data=b""):
    """Ask the server by hand, as the bucket's owner does."""
    url = f"http://127.0.0.1:{server}/{path}"
    request = urllib.request.Request(url, data, SIGNED, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


@pytest.fixture
def bucket(server):
    """Give the name of a new bucket."""
    name = f"bucket-{next(numbers)}"
    asked(server, "PUT", name)
    return name


@pytest.fixture
def store(bucket):
    """Give an empty store at an address."""
    return s3(f"s3://{bucket}/some/folder")


class Between(BaseHTTPRequestHandler):
    """A proxy that does to a request what its server's ``behave`` says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Take a request in, and give it to ``behave``."""
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size)
        with suppress(ConnectionError):
            self.server.behave(self)

    do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815 - names of the base class

    def ask(self, *, without=()):
        """Give the request to the real server; return status, headers, content."""
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in without}
        upstream.request(self.command, self.path, self.body, headers)
        answer = upstream.getresponse()
        held = answer.status, dict(answer.getheaders()), answer.read()
        upstream.close()
        return held

    def answer(self, status, headers, content):
        """Send an answer back."""
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection", "server"}:
                self.send_header(name, value)
        length = headers.get("Content-Length", 0) if self.command == "HEAD" else None
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)

    def fail(self, status, code):
        """Send an error as S3 words it."""
        content = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        self.answer(status, {"Content-Type": "application/xml"}, content.encode())

    def cut(self):
        """Close the connection without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    @property
    def is_event(self):
        """Whether this puts something into ``events/``."""
        return self.command == "PUT" and "/events/" in self.path

    def log_message(self, *_):
        """Say nothing."""


class Proxy(ThreadingHTTPServer):
    """Listens on loopback; ``behave`` is called with each request."""

    daemon_threads = True

    def handle_error(self, *_):
        """Say nothing when a client has gone."""


@pytest.fixture
def proxy(server, environment):
    """Give a function that puts a proxy between the environment and the server."""
    running = []

    def between(behave):
        made = Proxy(("127.0.0.1", 0), Between)
        made.upstream, made.behave = server, behave
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        running.append((made, thread))
        url = f"http://127.0.0.1:{made.server_port}"
        environment.setenv("AWS_ENDPOINT_URL", url)
        return url

    yield between
    for made, thread in running:
        made.shutdown()
        thread.join()
        made.server_close()


def honest(request):
    """Pass a request on, and its answer back."""
    request.answer(*request.ask())


def first(times, fault):
    """Do ``fault`` to the first so many puts of events, then be honest."""
    left = count()

    def behave(request):
        if request.is_event and next(left) < times:
            fault(request)
        else:
            honest(request)

    return behave


# The contracts


class StoreFixture:
    @pytest.fixture
    def store(self, bucket):
        return s3(f"s3://{bucket}/some/folder")


class TestStore(StoreFixture, StoreContract):
    """The verbs, over HTTP."""


class TestLog(StoreFixture, LogContract):
    """The log, over HTTP."""


class MemoryFixture:
    @pytest.fixture
    def store(self):
        return ObjectStore(MemoryStore(), url="memory://log")


class TestStoreOfAnotherKind(MemoryFixture, StoreContract):
    """The verbs, over a store of obstore's that is not S3."""


class TestLogInAStoreOfAnotherKind(MemoryFixture, LogContract):
    """The log, over a store of obstore's that is not S3."""


# Addresses


def test_an_address_makes_a_log(bucket):
    """A log is made at an address, found there again, and named by it."""
    address = f"s3://{bucket}/bank"
    log = es.EventLog(address, EVENTS, clock=es.Clock(NOW))
    log.append("a", [Opened(owner="Ada")], expected_version=0)
    again = es.EventLog.existing(address, EVENTS)
    assert [event.event for event in again.read("a")] == [Opened(owner="Ada")]
    assert again.head() == log.head()
    assert address in repr(again)
    assert es.EventLog.existing(Path(address)).log_id == log.log_id


def test_logs_of_one_bucket_do_not_meet(bucket):
    """Two folders of a bucket, one beginning like the other, are two logs."""
    for folder, owners in (("bank", 1), ("bank-2", 2)):
        log = es.EventLog(f"s3://{bucket}/{folder}", EVENTS)
        for number in range(owners):
            log.append(f"a{number}", [Opened(owner="Ada")])
    for folder, owners in (("bank/", 1), ("bank-2", 2)):
        log = es.EventLog.existing(f"s3://{bucket}/{folder}", EVENTS)
        assert len(log) == owners
        assert log.verify().ok
    with pytest.raises(es.NotALog, match="holds bank, bank-2 and no log"):
        es.EventLog(f"s3://{bucket}", EVENTS)


def test_a_bucket_can_be_a_log(bucket):
    """An empty bucket may be one log as a whole."""
    es.EventLog(f"s3://{bucket}", EVENTS).append("a", [Opened(owner="Ada")])
    log = es.EventLog.existing(f"s3://{bucket}/", EVENTS)
    assert log.verify().events == 1


def test_there_is_no_log_at_a_bare_address(bucket):
    """Looking for a log where there is none says so, and writes nothing."""
    with pytest.raises(es.NotALog, match=f"no log in s3://{bucket}/bank"):
        es.EventLog.existing(f"s3://{bucket}/bank")
    assert s3(f"s3://{bucket}").list("") == []


def test_a_folder_is_a_folder(tmp_path):
    """What is no address is a folder, whatever its name."""
    for place in (tmp_path / "s3", tmp_path, "s3", "s3:", "C:\\log"):
        assert isinstance(store_at(place)[0], Folder)
    assert store_at(tmp_path / "my-bank")[1] == "my-bank"
    assert store_at("s3://bucket/a/b/")[1] == "s3://bucket/a/b"


@pytest.mark.parametrize(
    "address",
    [
        "s3://",
        "s3:///folder",
        "s3://bucket/../folder",
        "s3://bucket/a//b",
        "s3://bucket/a?region=x",
        "s3://-/a",
        "gs://bucket/folder",
        "https://bucket.s3.amazonaws.com/folder",
        "file:///tmp/log",
    ],
)
def test_what_is_no_address_is_refused(address):
    """An address that means nothing is refused with one that would."""
    with pytest.raises(StoreError, match="write s3://bucket/folder"):
        store_at(address)


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/a/b",
        "s3://bucket/a/b/",
        Path("s3://bucket/a/b"),
        "s3:\\bucket\\a\\b",
    ],
)
def test_an_address_is_told_as_it_is_written(address):
    """However it came in, an address comes out with both slashes."""
    assert written(address) == store_at(address)[1] == "s3://bucket/a/b"


def test_the_command_line_takes_addresses(bucket, capsys):
    """What is made, appended, asked, imported and verified may lie at an address."""
    address = f"s3://{bucket}/bank"

    def esbench(*words):
        code = run([*words, "--log", address])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    assert f"made the log {address};" in esbench("init")
    opening = ["AccountOpened", "owner=Alice", "initial_balance=500.00"]
    esbench("append", "acc_1", *opening)
    assert "500.00" in esbench("table")
    assert "AccountOpened" in esbench("info")
    assert f"--log {address} " in esbench("table", "--json")
    head = esbench("head").strip()
    assert head.startswith("1:")
    assert "1 event" in esbench("verify", "--head", head)
    extract = str(Path(__file__).parent.parent / "data" / "extract.csv")
    esbench("import", extract, "--dry-run", "--skip-bad")
    assert esbench("head").strip() == head


def test_other_programs_read_the_files(bucket, environment):
    """The addresses that ``files()`` lists are read by polars as they stand."""
    log = es.EventLog(f"s3://{bucket}/bank", EVENTS)
    log.append("a", [Opened(owner="Ada"), Paid(amount="1.50")])
    assert all(file.startswith(f"s3://{bucket}/bank/") for file in log.files())
    options = {
        "aws_access_key_id": "test",
        "aws_secret_access_key": "secret",
        "aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"],
        "aws_allow_http": "true",
    }
    frame = pl.scan_parquet(log.files(), storage_options=options).collect()
    assert frame.get_column("type").to_list() == ["Opened", "Paid"]


def test_names_of_no_concern_are_left_alone(server, bucket, store):
    """The empty object that consoles make for a folder is no file of the log."""
    asked(server, "PUT", f"{bucket}/some/folder/events/")
    asked(server, "PUT", f"{bucket}/some/folder/")
    store.create("events/1", b"one")
    assert store.list("events") == ["1"]
    assert store.list("") == ["events"]


def test_a_long_folder_is_listed_whole(server, bucket, store):
    """More names than S3 lists at once come back, in order."""
    names = [f"{number:03}" for number in range(250)]  # the server lists 100 at once
    for name in names:
        asked(server, "PUT", f"{bucket}/some/folder/events/{name}")
    assert store.list("events") == names


def test_a_log_is_merged_and_read_as_before(bucket, environment):
    """Merged, and its sources deleted, a log is the same to old and new readers."""
    address = f"s3://{bucket}/bank"
    log = es.EventLog(address, EVENTS)
    for _ in range(3):
        rows = {"aggregate_id": ["a", "b"] * 100, "type": "Paid", "amount": range(200)}
        log.append_frame(pl.DataFrame(rows))
    log.append_frame(
        pl.DataFrame({"aggregate_id": "c", "type": "Paid", "amount": range(1_500)})
    )
    before, head = es.EventLog.existing(address, EVENTS), log.head()
    events, lazy = list(before.read()), before.scan("Paid")
    (made,) = log.merge().segments
    environment.setattr(ObjectStore, "age", lambda *_: 7_200.0)
    assert len(log.merge().deleted) == 3
    assert len(s3(address).list("events")) == 1
    assert s3(address).list("segments") == [made.rpartition("/")[2]]
    for one in (before, log, es.EventLog.existing(address, EVENTS)):
        assert list(one.read()) == events
        assert one.head() == head
        assert one.verify(head).ok
    assert lazy.collect().height == 2_100


def test_snapshots_lie_beside_the_log(bucket):
    """A snapshot is an object of the log's, found and used by the next reader."""
    address = f"s3://{bucket}/bank"
    log = es.EventLog(address, bank.EVENTS)
    log.append("a", [bank.AccountOpened(owner="Ada", initial_balance="5.00")])
    bank.Account.snapshot(log)
    log.append("a", [bank.MoneyDeposited(amount="1.00", transaction_id="t")])
    assert s3(address).list("snapshots") == ["Account"]
    again = es.EventLog.existing(address, bank.EVENTS)
    assert bank.Account.hydrate(again, "a") == bank.Account.hydrate(log, "a")
    assert bank.Account.table(again).get_column("balance").to_list() == [6]


# Conditional puts


RACER = """
import sys
from esbench.log.s3 import s3
from esbench.log.store import NameTaken
store = s3(sys.argv[1])
for turn, _ in enumerate(sys.stdin):
    try:
        store.create(f"events/{turn}", sys.argv[2].encode())
        print("won", flush=True)
    except NameTaken:
        print("lost", flush=True)
"""


def test_every_race_has_one_winner(bucket):
    """Of 8 writing processes that race for 20 names, 20 times exactly one wins."""
    address = f"s3://{bucket}/race"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, address, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    store = s3(address)
    for turn in range(ROUNDS):
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        told = [racer.stdout.readline() for racer in racers]
        assert sorted(told) == ["lost\n"] * (WRITERS - 1) + ["won\n"]
        assert store.read(f"events/{turn}").decode() == str(told.index("won\n"))
    for racer in racers:
        racer.communicate(timeout=20)


def test_many_writers_lose_nothing(bucket):
    """What four writing threads append is there once, without a gap."""
    es.EventLog(f"s3://{bucket}/bank", EVENTS)
    failed = []

    def write(number):
        try:
            log = es.EventLog(f"s3://{bucket}/bank", EVENTS)
            for _ in range(5):
                log.append(f"a{number}", [Paid(amount=number)])
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    log = es.EventLog.existing(f"s3://{bucket}/bank", EVENTS)
    events = list(log.read())
    assert [event.position for event in events] == list(range(1, 21))
    versions = Counter((event.aggregate_id, event.version) for event in events)
    assert versions.keys() == {(f"a{n}", v) for n in range(4) for v in range(1, 6)}
    assert log.verify(log.head()).ok


def cut_after(request):
    """Let the server take a put, and cut the line before its answer."""
    request.ask()
    request.cut()


def error_after(request):
    """Let the server take a put, and answer that something went wrong."""
    request.ask()
    request.fail(500, "InternalError")


def error_before(request):
    """Answer that something went wrong, and let nothing through."""
    request.fail(503, "SlowDown")


def conflict(request):
    """Answer what S3 does when somebody else is at the same name just now."""
    request.fail(409, "ConditionalRequestConflict")


FAULTS = [cut_after, error_after, error_before, conflict]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_put_put_again_is_ones_own(proxy, bucket, fault, times):
    """A put whose answer was lost is put again, and the commit is stored once."""
    address = f"s3://{bucket}/bank"
    es.EventLog(address, EVENTS)
    proxy(first(times, fault))
    log = es.EventLog(address, EVENTS)
    commit = log.append("a", [Paid(amount=1)], expected_version=0)
    assert (commit.first, commit.last) == (1, 1)
    log.append("a", [Paid(amount=2)], expected_version=1)
    assert [event.version for event in log.read()] == [1, 2]
    assert log.verify().ok


def test_a_put_that_the_client_repeats_by_itself_is_ones_own(proxy, bucket, server):
    """A client that repeats requests hides a lost answer; the bytes tell."""
    proxy(first(1, error_after))
    client = S3Store(bucket, client_options={"allow_http": True})
    store = ObjectStore(client, url=f"s3://{bucket}")
    store.create("events/1", b"mine")
    assert store.read("events/1") == b"mine"
    with pytest.raises(NameTaken):
        store.create("events/1", b"more")


@pytest.mark.parametrize("other", [b"yours", b"their larger one"])
def test_a_put_put_again_may_have_lost(proxy, bucket, server, other):
    """If somebody took the name before a put was put again, that is seen."""

    def lose(request):
        asked(server, "PUT", request.path.lstrip("/"), other)
        request.fail(500, "InternalError")

    proxy(first(1, lose))
    store = s3(f"s3://{bucket}/bank")
    with pytest.raises(NameTaken):
        store.create("events/1", b"mine ")
    assert store.read("events/1") == other


@pytest.fixture
def hasty(monkeypatch):
    """Let tries follow each other at once."""
    monkeypatch.setattr(objects, "PAUSES", (0.0, 0.01))


@pytest.mark.parametrize(("fault", "stored"), [(cut_after, 1), (error_before, 0)])
def test_a_put_without_an_answer_is_unsettled(proxy, hasty, bucket, fault, stored):
    """When no answer ever comes the outcome is open, and ``retry()`` settles it."""
    address, broken = f"s3://{bucket}/bank", True

    def behave(request):
        if broken and request.is_event:
            fault(request)
        else:
            honest(request)

    log = es.EventLog(address, EVENTS)
    proxy(behave)
    log = es.EventLog(address, EVENTS)
    with pytest.raises(es.CommitUnknown) as caught:
        log.append("a", [Paid(amount=1)])
    assert len(s3(address).list("events")) == stored
    broken = False
    commit = caught.value.retry()
    assert (commit.first, commit.last) == (1, 1)
    assert [event.position for event in log.read()] == [1]


def test_a_server_that_never_answers_is_given_up(hasty, bucket):
    """A put that is taken in and never answered ends, and its outcome is open."""
    from esbench.log.s3 import _client

    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = {"endpoint": endpoint, "region": "us-east-1"}
        client = _client(bucket, "bank", settings, retries=0, seconds=0.2)
        store = ObjectStore(client, url="s3://silent")
        store._clock = lambda: 0.0  # as after a first write
        with pytest.raises(Unsettled, match="did not answer in time"):
            store.create("events/1", b"one")


def test_a_refused_put_is_not_there(hasty, proxy, bucket):
    """A put that was refused, or never left, is an error and no open outcome."""
    store = s3(f"s3://{bucket}/bank")
    store.create("log.json", b"1")
    for behave in (
        lambda request: request.fail(403, "AccessDenied"),
        lambda request: request.fail(400, "EntityTooLarge"),
    ):
        proxy(first(1, behave))
        store = s3(f"s3://{bucket}/bank")
        with pytest.raises(StoreError) as caught:
            store.create("events/1", b"one")
        assert type(caught.value) is StoreError
        store.create("events/1", b"one")
        store.delete("events/1")


# Stores that are refused


def ignoring(request):
    """Pass puts on without their condition."""
    request.answer(*request.ask(without={"if-none-match"}))


def looking_first(gate):
    """Look whether the name is free, and only then write, as some stores do."""

    def behave(request):
        if request.command != "PUT":
            honest(request)
            return
        request.command = "HEAD"
        status, *_ = request.ask()
        request.command = "PUT"
        if status == 200:
            request.fail(412, "PreconditionFailed")
            return
        with suppress(threading.BrokenBarrierError):
            gate.wait(1)
        ignoring(request)

    return behave


def never(request):
    """Answer that somebody else is at the name, always."""
    if request.command == "PUT":
        conflict(request)
    else:
        honest(request)


def unknowing(request):
    """Answer that conditional puts are not known."""
    if request.headers.get("If-None-Match"):
        request.fail(501, "NotImplemented")
    else:
        honest(request)


@pytest.mark.parametrize(
    ("behave", "seen"),
    [
        (ignoring, "a taken name was made again"),
        (looking_first(threading.Barrier(2)), "of 4 writers at once made one name"),
        (unknowing, "it does not know the condition"),
        (never, "it lets nobody make a free name"),
    ],
    ids=["ignoring", "looking first", "unknowing", "never"],
)
def test_a_store_without_conditional_puts_is_refused(proxy, bucket, behave, seen):
    """A store in which two writers could make one name is refused; nothing is left."""
    proxy(behave)
    with pytest.raises(StoreError, match=f"If-None-Match.*{seen}"):
        es.EventLog(f"s3://{bucket}/bank", EVENTS)
    assert s3(f"s3://{bucket}/bank").list("staging") == []
    assert s3(f"s3://{bucket}/bank").list("") == []


def test_such_a_store_can_be_read(proxy, bucket):
    """Where nothing is written nothing is probed: a copy may lie in any store."""
    address = f"s3://{bucket}/bank"
    es.EventLog(address, EVENTS).append("a", [Opened(owner="Ada")])
    proxy(ignoring)
    log = es.EventLog(address, EVENTS)
    assert len(log) == 1
    with pytest.raises(StoreError, match="If-None-Match"):
        log.append("a", [Paid(amount=1)])
    assert len(log) == 1
    assert log.verify().ok


def test_a_probe_leaves_nothing(bucket):
    """After a first write there is what was written, and no trace of the probe."""
    store = s3(f"s3://{bucket}")
    store.create("log.json", b"1")
    assert store.list("") == ["log.json"]


# Rights


def forbid(server, bucket, *actions):
    """Let nobody do these things in the bucket."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": f"arn:aws:s3:::{bucket}*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    asked(server, "PUT", f"{bucket}?policy", policy.encode())


def test_reading_needs_no_right_to_write(server, bucket):
    """Who may only read can do all that reading is."""
    address = f"s3://{bucket}/bank"
    es.EventLog(address, EVENTS).append("a", [Opened(owner="Ada")])
    forbid(server, bucket, "s3:PutObject", "s3:DeleteObject")
    log = es.EventLog(address, EVENTS)
    assert len(list(log.read())) == 1
    assert log.scan().collect().height == 1
    assert log.verify().ok
    with pytest.raises(StoreError, match=r"no right to do so.*writing s3:PutObject"):
        log.append("a", [Paid(amount=1)])


def test_writing_needs_no_right_to_delete(server, bucket):
    """A bucket that only grows takes commits; what a probe leaves is harmless."""
    forbid(server, bucket, "s3:DeleteObject")
    address = f"s3://{bucket}/bank"
    es.EventLog(address, EVENTS).append("a", [Opened(owner="Ada")])
    assert len(es.EventLog.existing(address, EVENTS)) == 1
    with pytest.raises(StoreError, match="merging s3:DeleteObject"):
        s3(address).delete("log.json")


@pytest.mark.parametrize("forbidden", ["/bank/events/", "?delimiter"])
def test_no_right_to_read_is_told(proxy, bucket, forbidden):
    """Who may not get objects, or not list them, is told what reading needs."""
    address = f"s3://{bucket}/bank"
    es.EventLog(address, EVENTS).append("a", [Opened(owner="Ada")])

    def behave(request):
        if request.command == "GET" and forbidden in request.path:
            request.fail(403, "AccessDenied")
        else:
            honest(request)

    proxy(behave)
    with pytest.raises(StoreError, match="reading needs s3:GetObject and s3:ListBuc"):
        list(es.EventLog.existing(address, EVENTS).read())


# What else may be wrong


def test_a_missing_bucket_is_told():
    """A bucket that does not exist is no empty log."""
    for make in (es.EventLog, es.EventLog.existing):
        with pytest.raises(StoreError, match=r"s3://nowhere/bank/.*no such bucket"):
            make("s3://nowhere/bank", EVENTS)


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY"),
        (400, "ExpiredToken", "fetch new ones"),
        (403, "RequestTimeTooSkewed", "set this machine's clock"),
        (301, "PermanentRedirect", "set AWS_REGION"),
        (500, "InternalError", "answered 500 InternalError: try again later"),
    ],
)
def test_what_a_store_refuses_is_explained(proxy, bucket, status, code, sentence):
    """What S3 says becomes a sentence that says what to do, without its ids."""
    proxy(lambda request: request.fail(status, code))
    with pytest.raises(StoreError, match=sentence) as caught:
        s3(f"s3://{bucket}/bank").read("log.json")
    assert str(caught.value).startswith(f"can't read s3://{bucket}/bank/log.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "no-such-host.invalid"])
def test_no_network_is_told(environment, hasty, host):
    """A store that can't be reached is told as such, soon; nothing is in doubt."""
    environment.setenv("AWS_ENDPOINT_URL", f"http://{host}")
    for make in (es.EventLog, es.EventLog.existing):
        with pytest.raises(StoreError, match=r"can't be reached.*AWS_ENDPOINT_URL"):
            make("s3://bucket/bank", EVENTS)
    store = s3("s3://bucket/bank")
    store._clock = lambda: 0.0  # as after a first write
    with pytest.raises(StoreError, match="can't be reached") as caught:
        store.create("events/1", b"one")
    assert type(caught.value) is StoreError


def test_a_missing_extra_is_told():
    """Without the package, the sentence says what to install; folders need it not."""
    code = (
        "import sys; sys.modules['obstore'] = sys.modules['obstore.store'] = None\n"
        "import esbench as es; es.EventLog.temporary()\n"
        "try: es.EventLog('s3://bucket/bank')\n"
        "except es.EsbenchError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    told = "a log on S3 needs one more package: pip install 'esbench[s3]'\n"
    assert done.stdout == told


def test_the_package_is_not_loaded_for_a_folder(tmp_path):
    """Who keeps a log in a folder does not wait for what S3 needs."""
    code = (
        "import sys, esbench as es, esbench.domains.bank\n"
        f"es.EventLog({str(tmp_path / 'log')!r})\n"
        "print('obstore' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


# Credentials and settings


def profile(folder, name="default", **more):
    """Write a profile into ``~/.aws``, its keys apart from the rest."""
    (folder / ".aws").mkdir(exist_ok=True)
    keys = {key: more.pop(key) for key in list(more) if key.startswith("aws_")}
    head = name if name == "default" else f"profile {name}"
    for file, title, held in (("config", head, more), ("credentials", name, keys)):
        lines = [f"[{title}]", *(f"{key} = {value}" for key, value in held.items())]
        with (folder / ".aws" / file).open("a") as opened:
            opened.write("\n".join(lines) + "\n")


@pytest.fixture
def keyless(environment):
    """Let the environment hold no keys and no place."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        environment.delenv(name)
    return environment


def signer(proxy, bucket):
    """Give the access key and region that a request made now is signed with."""
    signed = []

    def note(request):
        signed.append(request.headers.get("Authorization", ""))
        honest(request)

    proxy(note)
    s3(f"s3://{bucket}/bank").list("events")
    key, _, region, *_ = signed[0].partition("Credential=")[2].split("/") + [""] * 3
    return key, region


def test_keys_of_the_environment_are_used(proxy, bucket, environment):
    """Key, token and region of the environment sign the requests."""
    environment.setenv("AWS_ACCESS_KEY_ID", "mine")
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert signer(proxy, bucket) == ("mine", "eu-west-1")
    environment.setenv("AWS_REGION", "eu-central-1")
    assert signer(proxy, bucket) == ("mine", "eu-central-1")


def test_the_endpoint_for_s3_goes_first(proxy, bucket, environment, server):
    """AWS_ENDPOINT_URL_S3 outweighs AWS_ENDPOINT_URL."""
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    environment.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server}/")
    assert s3(f"s3://{bucket}/bank").list("events") == []


def test_a_token_is_sent(proxy, bucket, environment):
    """AWS_SESSION_TOKEN goes with the keys."""
    environment.setenv("AWS_SESSION_TOKEN", "a token")
    tokens = []

    def note(request):
        tokens.append(request.headers.get("X-Amz-Security-Token"))
        honest(request)

    proxy(note)
    s3(f"s3://{bucket}/bank").list("events")
    assert tokens == ["a token"]


def test_keys_of_a_profile_are_used(proxy, bucket, keyless, tmp_path):
    """Without keys in the environment those of the profile in use sign."""
    profile(
        tmp_path, region="eu-west-2", aws_access_key_id="d", aws_secret_access_key="s"
    )
    profile(tmp_path, "other", aws_access_key_id="o", aws_secret_access_key="s")
    assert signer(proxy, bucket) == ("d", "eu-west-2")
    keyless.setenv("AWS_PROFILE", "other")
    assert signer(proxy, bucket) == ("o", "us-east-1")
    keyless.setenv("AWS_ACCESS_KEY_ID", "e")
    keyless.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert signer(proxy, bucket) == ("e", "us-east-1")


def test_the_endpoint_of_a_profile_is_used(bucket, keyless, server, tmp_path):
    """A profile may say where its store is."""
    keys = {"aws_access_key_id": "d", "aws_secret_access_key": "s"}
    profile(tmp_path, endpoint_url=f"http://127.0.0.1:{server}", **keys)
    assert s3(f"s3://{bucket}/bank").list("events") == []


def test_a_public_bucket_needs_no_keys(proxy, bucket, keyless):
    """With AWS_SKIP_SIGNATURE requests go out unsigned."""
    keyless.setenv("AWS_SKIP_SIGNATURE", "true")
    signed = []

    def note(request):
        signed.append(request.headers.get("Authorization"))
        request.fail(404, "NoSuchKey")

    proxy(note)
    with pytest.raises(FileNotFoundError):
        s3(f"s3://{bucket}/bank").read("log.json")
    assert signed == [None]


def test_no_credentials_are_told(keyless, tmp_path):
    """Without keys anywhere, the sentence says where they are looked for."""
    for place in (None, "http://127.0.0.1:9"):
        if place:
            keyless.delenv("AWS_EC2_METADATA_DISABLED")
            keyless.setenv("AWS_METADATA_ENDPOINT", place)
        with pytest.raises(StoreError, match=r"no credentials.*AWS_ACCESS_KEY_ID"):
            es.EventLog("s3://bucket/bank")


def test_an_instance_without_a_role_is_told(proxy, keyless, bucket, server):
    """A machine of AWS that hands out no keys gives the same sentence."""
    url = proxy(lambda request: request.fail(404, "NotFound"))
    keyless.delenv("AWS_EC2_METADATA_DISABLED")
    keyless.setenv("AWS_METADATA_ENDPOINT", url)
    keyless.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server}")
    with pytest.raises(StoreError, match="no credentials were found"):
        es.EventLog(f"s3://{bucket}/bank")


def test_a_profile_without_keys_is_told(keyless, tmp_path):
    """A profile for signing on by a browser can't be used, and that is said."""
    profile(tmp_path, "work", sso_session="work")
    keyless.setenv("AWS_PROFILE", "work")
    with pytest.raises(StoreError, match=r"profile work holds no keys.*export-cred"):
        s3("s3://bucket/bank")
    keyless.setenv("AWS_PROFILE", "worke")
    with pytest.raises(StoreError, match="there is no profile worke"):
        s3("s3://bucket/bank")


def test_a_broken_profile_is_told(keyless, tmp_path):
    """A file of profiles that can't be read is named."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("region = x\n")
    with pytest.raises(StoreError, match=r"config can't be read"):
        s3("s3://bucket/bank")


def test_plain_http_is_only_used_where_it_is_named(environment):
    """Without an endpoint that begins with http:// nothing goes out unencrypted."""
    assert s3("s3://bucket/a")._client.client_options["allow_http"] == "true"
    environment.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:9")
    assert s3("s3://bucket/a")._client.client_options["allow_http"] == "false"


# Reading ahead


def test_a_log_is_opened_with_a_request_a_commit(proxy, bucket):
    """Opening lists, and gets each commit once; listings tell the rest."""
    address, asked = f"s3://{bucket}/bank", Counter()
    log = es.EventLog(address, EVENTS, merge="never")
    for number in range(40):
        log.append("a", [Paid(amount=number)])

    def note(request):
        if "/events/" in request.path:
            asked[request.command, request.path] += 1
        honest(request)

    proxy(note)
    again = es.EventLog.existing(address, EVENTS)
    assert [event.event.amount for event in again.read()] == list(range(40))
    stored = {("GET", f"/{bucket}/bank/{header.name}") for header in log.headers()}
    assert stored <= asked.keys()
    assert asked.total() < len(stored) + 10


def test_a_listing_that_is_read_in_order_is_read_ahead(proxy, bucket, server):
    """After two names in a row the next ones travel together; each arrives as it is."""
    names = [f"events/{number:02}" for number in range(30)]
    for name in names:
        asked(server, "PUT", f"{bucket}/bank/{name}", name.encode())
    meeting = threading.Barrier(4)

    def behave(request):
        if request.path[-2:] in {"02", "03", "04", "05"}:
            meeting.wait(20)  # passes when four are under way
        honest(request)

    proxy(behave)
    store = s3(f"s3://{bucket}/bank")
    assert store.list("events") == [name[-2:] for name in names]
    assert [store.read(name) for name in names] == [name.encode() for name in names]


def test_reading_ahead_hides_no_change(server, bucket):
    """What was read ahead is given once, and forgotten with the next listing."""
    store = s3(f"s3://{bucket}/bank")
    names = [f"events/{number}" for number in range(5)]
    for name in names:
        asked(server, "PUT", f"{bucket}/bank/{name}", b"old")
    store.list("events")
    assert [store.read(name) for name in names[:2]] == [b"old"] * 2
    for name in names:
        asked(server, "PUT", f"{bucket}/bank/{name}", b"new")
    assert store.read(names[0]) == b"new"
    store.list("segments")
    assert [store.read(name) for name in names] == [b"new"] * 5
    asked(server, "DELETE", f"{bucket}/bank/{names[3]}")
    store.list("events")
    store.delete(names[2])
    assert [store.read(name) for name in names[:2]] == [b"new"] * 2
    for name in names[2:4]:
        with pytest.raises(FileNotFoundError):
            store.read(name)


# Local copies


def test_a_copy_is_fetched_once(proxy, bucket):
    """However often it is read, an object travels once."""
    gets = []

    def note(request):
        gets.append((request.command, request.path))
        honest(request)

    store = s3(f"s3://{bucket}/bank")
    store.create("segments/1-2", b"rows")
    proxy(note)
    store = s3(f"s3://{bucket}/bank")
    paths = {store.path("segments/1-2") for _ in range(3)}
    stamps = {store.stamp("segments/1-2") for _ in range(3)}
    assert gets == [("GET", f"/{bucket}/bank/segments/1-2")]
    assert len(paths) == len(stamps) == 1


def test_a_copy_is_what_was_read(server, bucket):
    """An object that was replaced since it was read is not given to readers."""
    store = s3(f"s3://{bucket}/bank")
    store.create("segments/1-2", b"rows")
    store.read("segments/1-2")
    asked(server, "PUT", f"{bucket}/bank/segments/1-2", b"ROWS")
    with pytest.raises(FileNotFoundError):
        store.path("segments/1-2")


def test_a_touched_copy_is_fetched_anew(bucket):
    """What somebody did to a local copy reaches no reader."""
    store = s3(f"s3://{bucket}/bank")
    store.create("segments/1-2", b"rows")
    before, copy = store.stamp("segments/1-2"), Path(store.path("segments/1-2"))
    assert store.stamp("segments/1-2") == before
    copy.write_bytes(b"worse")
    assert store.stamp("segments/1-2") == before
    assert Path(store.path("segments/1-2")).read_bytes() == b"rows"


def test_copies_outlive_the_log_but_not_the_process(bucket):
    """A lazy frame may be collected after its log is gone; nothing stays behind."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom esbench.log.s3 import s3\n"
        f"store = s3('s3://{bucket}/bank'); store.create('segments/1', b'rows')\n"
        "path = Path(store.path('segments/1')); del store\n"
        "assert path.read_bytes() == b'rows'; print(path.parent)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not Path(done.stdout.strip()).exists()


def test_a_full_disk_for_copies_is_told(bucket, environment, tmp_path):
    """When a copy can't be written, the sentence names the folder."""
    store = s3(f"s3://{bucket}/bank")
    store.create("segments/1", b"rows")
    shelf = tmp_path / "file" / "shelf"
    shelf.parent.write_text("")
    environment.setattr(copies, "_shelf", lambda: shelf)
    with pytest.raises(StoreError, match=r"can't copy to .*shelf"):
        store.path("segments/1")


def test_the_age_is_the_stores(bucket, environment):
    """An object's age does not depend on what this machine's clock shows."""
    store = s3(f"s3://{bucket}/bank")
    store.create("segments/1", b"rows")
    environment.setattr(objects.time, "time", lambda: 4e9)
    assert 0 <= s3(f"s3://{bucket}/bank").age("segments/1") < 60


# Processes


@pytest.mark.skipif(os.name == "nt", reason="is for POSIX")
def test_a_forked_child_is_told_and_does_not_hang(bucket):
    """A child that was forked off is refused, with what to do instead."""
    code = (
        "import os, signal\nfrom esbench.errors import StoreError\n"
        "from esbench.log.s3 import s3\n"
        f"store = s3('s3://{bucket}/bank'); store.list('events')\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    signal.alarm(20)\n"
        f"    for each in (store, s3('s3://{bucket}/bank')):\n"
        "        try: each.list('events')\n"
        "        except StoreError as error: print(error, flush=True)\n"
        "    os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("get_context('spawn')") == 2
