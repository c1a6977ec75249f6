"""A trace is one record of a run: the same bytes anywhere, and a replay of itself."""

import json
import os
import subprocess
import sys

import msgspec
import pytest
from msgspec.structs import replace

import esbench as es
from esbench.errors import InvalidSchedule
from esbench.workers import Message, Step, Trace, messages, read_trace, replay


class Priced(es.Event):
    """A price was set."""

    price: es.Money
    tags: dict[str, int]


def written(row, message):
    """Write what the message says, as an overwriting worker does."""
    return {"price": message.data["price"], "by": {message.version}}


def made(row=written):
    """Give a trace of two workers, whose second event is written first."""
    told = messages(
        [Priced(price="1.00", tags={"b": 1, "a": 2}), Priced(price="2.00", tags={})],
        aggregate_id="lamp",
    )
    first, second = (each.event_id for each in told)
    steps = (
        Step(at=3, worker="W2", did="took", event_id=second),
        Step(at=4, worker="W2", did="wrote", event_id=second, state=None),
        Step(at=5, worker="W1", did="crashed", says="out of memory"),
        Step(at=9, worker="W1", did="wrote", event_id=first, attempt=2, partition=1),
    )
    bare = Trace(
        name="two",
        handler="written",
        workers=("W1", "W2"),
        messages=told,
        steps=steps,
        seed=7,
    )
    return replay(bare, row)


def test_a_trace_reads_back_equal():
    """Bytes give the trace again, and it writes the same bytes."""
    trace = made()
    again = read_trace(trace.to_json(), [Priced])
    assert again == trace
    assert again.to_json() == trace.to_json()
    assert again.messages[0].event == Priced(price="1.00", tags={"b": 1, "a": 2})


def test_an_undeclared_type_reads_back_too():
    """Who does not declare the types reads the same content."""
    again = read_trace(made().to_json())
    assert again == made()
    assert again.messages[0].event.type == "Priced"


def test_the_bytes_do_not_depend_on_the_process():
    """Two processes with different salts for hashes write the same bytes."""
    code = (
        "import sys; sys.path.insert(0, 'tests'); from test_workers_trace import made;"
        "sys.stdout.buffer.write(made().to_json())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": salt},
            capture_output=True,
            check=True,
        ).stdout
        for salt in ("1", "2", "3")
    }
    assert found == {made().to_json()}


def test_keys_are_sorted_in_the_bytes():
    """A dict in an event or a state is written in the order of its keys."""
    record = json.loads(made().to_json())
    assert list(record) == sorted(record)
    assert list(record["messages"][0]["data"]["tags"]) == ["a", "b"]


def test_a_replay_by_the_same_handler_is_the_trace_itself():
    """States are computed anew from the steps, and come out byte for byte."""
    trace = made()
    assert replay(trace, written).to_json() == trace.to_json()
    blank = replace(trace, steps=tuple(replace(s, state=None) for s in trace.steps))
    assert replay(blank, written) == trace


def test_another_handler_sees_the_same_schedule():
    """The steps stay, only what the rows become is another."""
    other = replay(made(), lambda row, message: (row or 0) + message.version)
    assert [step.did for step in other.steps] == [step.did for step in made().steps]
    assert other.states == {"lamp": 3}


def test_steps_without_a_write_keep_their_state():
    """A crash is no write: it leaves the state of the aggregate alone."""
    assert made().states == {"lamp": {"price": "1.00", "by": [1]}}
    assert made().steps[2].state is None


def test_a_trace_is_a_frame():
    """Every step is a row with its event beside it, whatever it concerns."""
    frame = made().frame()
    assert frame.get_column("did").to_list() == ["took", "wrote", "crashed", "wrote"]
    assert frame.get_column("version").to_list() == [2, 2, None, 1]
    assert frame.get_column("state").to_list()[3] == '{"by":[1],"price":"1.00"}'
    assert frame.get_column("partition").to_list() == [None, None, None, 1]


@pytest.mark.parametrize(
    "spoilt",
    [b"", b"[]", b"{}", b'{"format": 2}', made().to_json().replace(b'"at"', b'"ta"')],
)
def test_what_is_no_trace_is_refused(spoilt):
    """Bytes of something else, or of a newer format, say so."""
    with pytest.raises(InvalidSchedule, match=r"no trace|newer"):
        read_trace(spoilt)


def test_events_of_a_log_keep_their_places():
    """A recorded event's id, version and owner are the message's."""
    log = es.EventLog.temporary([Priced])
    log.append("lamp", [Priced(price="1.00", tags={})])
    log.append("desk", [Priced(price="2.00", tags={}), Priced(price="3.00", tags={})])
    told = messages(log.read())
    assert [(m.aggregate_id, m.version, m.event_id) for m in told] == [
        ("lamp", 1, "lamp/1"),
        ("desk", 1, "desk/1"),
        ("desk", 2, "desk/2"),
    ]
    assert messages(told) == told


def test_numbers_and_texts_are_events_enough():
    """Small examples need no event types: a number is its own version."""
    assert [m.version for m in messages([1, 4])] == [1, 4]
    assert [(m.version, m.type) for m in messages(["up", "down"])] == [
        (1, "up"),
        (2, "down"),
    ]


def test_one_event_is_not_told_twice():
    """Copies come from redelivery, so two messages of one id are refused."""
    with pytest.raises(InvalidSchedule, match="two events are called it/3"):
        messages([3, 3])


def test_a_state_that_json_has_no_words_for_is_refused():
    """What could not be shown is not kept as an address in memory."""
    with pytest.raises(InvalidSchedule, match="can't be shown"):
        made(lambda row, message: object())


def test_messages_are_equal_by_content():
    """A message read from bytes is the message, though its event is another object."""
    (one,) = messages([Priced(price="1.00", tags={})])
    other = Message(**{n: getattr(one, n) for n in one.__struct_fields__[:-1]})
    assert one == other
    assert (one != other) is False
    assert hash(one) == hash(other)
    assert one != replace(one, version=2)
    assert one != msgspec.json.encode(one)
