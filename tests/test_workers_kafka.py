"""What is sent to Kafka arrives, each key in its order, and is applied once."""

import itertools
import json
import socket
import struct
import threading
from contextlib import contextmanager

import pytest

import esbench as es
from esbench.cli.run import run
from esbench.domains import bank, video
from esbench.errors import BrokerError
from esbench.workers import Message, messages, read_trace
from esbench.workers import replay as replay_trace
from esbench.workers.groups import consume as simulate
from esbench.workers.groups import listed
from esbench.workers.partitions import partition
from esbench.workers.weather import traffic

pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")

from esbench.workers.kafka import Cluster, Store, consume, replay, send


@pytest.fixture(scope="module")
def cluster():
    """Give a broker inside this process; each test has a topic of its own."""
    return Cluster.in_process()


@pytest.fixture(scope="module")
def log():
    """Give a log of the bank's story and the video's."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(events=[*bank.EVENTS, *video.EVENTS], clock=clock)
    bank.ada(log, clock)
    video.vid_123(log)
    return log


def test_keys_go_where_murmur2_sends_them(cluster):
    """The broker's places are those that `partition` says, each lane in order."""
    sent = send(cluster, "keys", traffic(1, events=60, keys=20))
    placed = zip(sent.messages, sent.places, strict=True)
    assert all(at[0] == partition(m.aggregate_id, 4) for m, at in placed)
    for number in range(4):
        offsets = [offset for lane, offset in sent.places if lane == number]
        assert offsets == list(range(len(offsets)))
    assert sent.frame().height == 60
    assert cluster.topics()["keys"] == 4


def test_another_key_may_be_chosen(cluster):
    """All under one key lie in one partition."""
    sent = send(cluster, "one", traffic(1), key=lambda message: "all")
    assert {lane for lane, _ in sent.places} == {partition("all", 4)}


def test_a_log_arrives_whole(cluster, log):
    """Every event of a log comes back as it was, each aggregate in its order."""
    found = replay(cluster, "whole", log.read())
    assert found.is_whole
    assert len(found.read.arrived) == len(log)
    assert found.finding.endswith("arrived: all of them, each key in its order.")
    assert found.frame()["sent"].sum() == len(log)


def status(row, message):
    """Do what the video's projection does, with typed events."""
    match message.event:
        case video.VideoUploaded():
            return "uploaded"
        case video.ProcessingStarted():
            return "processing"
        case video.ProcessingComplete():
            return "success"
    return row


def test_the_log_and_kafka_end_alike(cluster, log):
    """The same handler on the log, in the simulation and through Kafka: one end."""
    send(cluster, "alike", log.read())
    read = consume(cluster, "alike", handler=status, types=video.EVENTS)
    assert read.states["vid_123"] == video.Video.hydrate(log, "vid_123").status
    assert read.states == simulate(log.read(), handler=status).states


def test_the_trace_is_the_same_record(cluster):
    """Replayed, stored and read back like any other trace."""
    send(cluster, "trace", traffic(3))
    read = consume(cluster, "trace")
    assert replay_trace(read.trace, listed).to_json() == read.trace.to_json()
    assert read_trace(read.trace.to_json()).to_json() == read.trace.to_json()
    did = [step.did for step in read.trace.steps if step.event_id == "key_0/1"]
    assert did == ["took", "wrote", "acknowledged"]
    assert sum(read.lag.values()) == 0


def test_a_crash_before_the_commit_is_read_again_and_applied_once(cluster):
    """Effect first, commit after: the tenth event comes twice and counts once."""
    rows = traffic(4)
    send(cluster, "crash", rows)
    store = Store()
    first = consume(cluster, "crash", store=store, crash_after=10)
    assert sum(first.lag.values()) == len(rows) - 9
    second = consume(cluster, "crash", store=store)
    tenth = first.arrived[-1][2].event_id
    assert tenth in [message.event_id for _, _, message in second.arrived]
    assert [s.event_id for s in second.trace.steps if s.did == "skipped"] == [tenth]
    assert second.states == simulate(rows).states
    again = consume(cluster, "crash", store=store)
    assert again.arrived == ()


def test_two_members_share_the_partitions(cluster):
    """A group of two: together they own all, and all that is read counts once."""
    rows = traffic(5, events=60, keys=20)
    send(cluster, "shared", rows)
    read = consume(cluster, "shared", members=("w1", "w2"), group="two")
    owned = {
        name: {s.partition for s in read.trace.steps
               if s.did == "assigned" and s.worker == name}
        for name in ("w1", "w2")
    }  # fmt: skip
    assert owned["w1"] | owned["w2"] == {0, 1, 2, 3}
    assert len({message.event_id for _, _, message in read.arrived}) == 60
    assert read.states == simulate(rows).states


class Waiting(Cluster):
    """A cluster that notes how its consumers were asked for events."""

    def consumer(self, group, **settings):
        """Give a real consumer that tells of its polls."""
        self.polls = getattr(self, "polls", [])
        return Told(super().consumer(group, **settings), self.polls)


class Told:
    """A consumer that notes of each poll: could it wait, got it one, owns it any."""

    def __init__(self, consumer, polls):
        self._consumer, self._polls = consumer, polls

    def __getattr__(self, name):
        """Do all else as the consumer does."""
        return getattr(self._consumer, name)

    def poll(self, timeout):
        """Ask, and take it down."""
        record = self._consumer.poll(timeout)
        self._polls.append((timeout > 0, record is not None, self.assignment() != []))
        return record


def test_nobody_waits_for_a_member_that_has_nothing_to_do():
    """All lies in one partition; who owns another does not hold up the one at work."""
    cluster = Waiting.in_process()
    send(cluster, "idle", traffic(6, events=300, keys=1))
    read = consume(cluster, "idle", members=("w1", "w2"))
    assert len(read.arrived) >= 300
    held_up = [
        then
        for (_, got, _), then in itertools.pairwise(cluster.polls)
        if got and then == (True, False, True)
    ]
    assert len(held_up) < 100


def test_what_arrived_twice_or_altered_is_said(cluster, log):
    """A second replay reads what the first left unread, and only its own is judged."""
    rows = messages(log.read())
    send(cluster, "again", rows)
    found = replay(cluster, "again", rows)
    assert len(found.read.arrived) == 2 * len(rows)
    assert found.is_whole


def test_what_the_stand_in_forgets_is_said(cluster):
    """Ten megabytes in one partition: half of it vanishes, and `replay` says so."""
    rows = [
        Message(
            aggregate_id="a",
            version=version,
            type="Grown",
            data={"text": "y" * 10_000},
            event_id=f"e{version}",
        )
        for version in range(1, 1001)
    ]
    found = replay(cluster, "big", rows)
    assert not found.is_whole
    assert found.missing[0] == "e1"
    assert len(found.missing) + len(found.read.arrived) == 1000
    assert f"{len(found.missing)} missing, 0 altered, 0 disordered" in found.finding


# In one line


@pytest.fixture
def in_a_hurry(monkeypatch):
    """Wait one second for an answer, not five."""
    monkeypatch.setattr("esbench.workers.kafka.ASKED", 1.0)


def test_no_broker_is_told_in_a_line(in_a_hurry):
    """A port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BrokerError, match=f"no broker answers at 127.0.0.1:{port}"):
        send(Cluster(f"127.0.0.1:{port}"), "t", traffic(1))


def test_an_unknown_topic_is_told_with_those_there_are(cluster):
    """Reading does not make a topic."""
    send(cluster, "known", traffic(1))
    with pytest.raises(BrokerError, match=r"no topic 'unknown'; there are: .*known"):
        consume(cluster, "unknown")


def test_something_else_in_a_topic_is_told(cluster):
    """A foreign message is named by its place."""
    from confluent_kafka import Producer

    producer = Producer(cluster.settings)
    producer.produce("foreign", key="k", value="hello")
    producer.flush(10)
    with pytest.raises(BrokerError, match="offset 0 of foreign holds no event"):
        consume(cluster, "foreign")


def _answer(request):
    """Answer ApiVersions and SaslHandshake as a broker does; refuse to authenticate."""
    api, _, correlation = struct.unpack(">hhi", request[:8])
    head = struct.pack(">i", correlation)
    if api == 18:  # ApiVersions, version 0
        served = [(17, 0, 1), (18, 0, 0), (36, 0, 0), (3, 0, 1)]
        body = struct.pack(">hi", 0, len(served))
        return head + body + b"".join(struct.pack(">hhh", *each) for each in served)
    if api == 17:  # SaslHandshake
        return head + struct.pack(">hih", 0, 1, 5) + b"PLAIN"
    said = b"Authentication failed: Invalid username or password"
    return head + struct.pack(">hh", 58, len(said)) + said + struct.pack(">i", 0)


@contextmanager
def suspicious_broker():
    """Give the address of something that takes nobody's credentials."""

    def serve(client):
        with client:
            while length := client.recv(4):
                request = client.recv(struct.unpack(">i", length)[0])
                api, version = struct.unpack(">hh", request[:4])
                if (api, version > 0) == (18, True):  # only version 0 is spoken here
                    correlation = request[4:8]
                    body = correlation + struct.pack(">hi", 35, 1)
                    answer = body + struct.pack(">hhh", 18, 0, 0)
                else:
                    answer = _answer(request)
                client.sendall(struct.pack(">i", len(answer)) + answer)

    def accept():
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    server.close()


def test_wrong_credentials_are_told_in_a_line(in_a_hurry):
    """A broker that refuses to authenticate us."""
    settings = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "ada",
        "sasl.password": "wrong",
    }
    refused = pytest.raises(BrokerError, match="does not take these credentials")
    with suspicious_broker() as servers, refused:
        send(Cluster(servers, settings), "t", traffic(1))


def test_without_the_library_the_extra_is_named(monkeypatch):
    """Nothing else of esbench needs confluent-kafka."""
    monkeypatch.setitem(__import__("sys").modules, "confluent_kafka", None)
    with pytest.raises(BrokerError, match=r"pip install 'esbench\[kafka\]'"):
        Cluster.in_process()


# The command


@pytest.fixture
def folder(tmp_path):
    """Give the folder of Ada's log."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog(tmp_path / "ada", bank.EVENTS, clock=clock)
    bank.ada(log, clock)
    return tmp_path / "ada"


def test_the_command_sends_a_log_and_says_what_arrived(capfd, folder):
    """Into a broker in the process, as a table and as JSON."""
    words = ["kafka", "replay", "--topic", "bank", "--log", str(folder)]
    assert run(words) == 0
    out, err = capfd.readouterr()
    assert "partition" in out
    assert "all of them, each key in its order" in err
    assert run([*words, "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["missing"] == told["altered"] == told["disordered"] == []
    assert sum(row["sent"] for row in told["partitions"]) == told["receipt"]["read"]


def test_the_command_tells_a_silent_broker_in_a_line(
    capfd, folder, tmp_path, in_a_hurry
):
    """Exit code 1, one line, no traceback; the settings' file is read."""
    config = tmp_path / "kafka.properties"
    config.write_text("# mine\nsocket.timeout.ms = 1000\n")
    words = ["kafka", "replay", "--topic", "t", "--log", str(folder)]
    assert run([*words, "--servers", "127.0.0.1:9", "--config", str(config)]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err == (
        "esbench: no broker answers at 127.0.0.1:9: start it, or look at "
        "bootstrap.servers and security.protocol\n"
    )
    assert run([*words, "--config", str(config)]) != 0
    assert "say --servers as well" in capfd.readouterr().err


def test_a_message_that_says_it_all_is_equal_again(cluster):
    """Ids, versions and nested data go through JSON and back."""
    row = Message(
        aggregate_id="ä",
        version=7,
        type="Moved",
        data={"to": {"x": [1, 2.5, None, "é"]}},
        event_id="e7",
    )
    found = replay(cluster, "json", [row])
    assert found.read.arrived[0][2] == row
