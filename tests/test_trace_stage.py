"""The trace stage shows what a trace holds, step for step, whoever wrote the trace."""

import json

import pytest
from traitlets import TraitError

from esbench import widgets
from esbench.domains import video
from esbench.errors import InvalidSchedule
from esbench.lessons.traffic import nine_uploads, status
from esbench.widgets.traced import LARGEST, moment
from esbench.workers import (
    LAST_WRITE_WINS,
    STRICT_NEXT_BUFFERED,
    Trace,
    race_for_real,
    replay,
    simulated,
    spread,
    told,
)
from esbench.workers.groups import consume
from esbench.workers.simulated import load

RACE = video.the_race()


def written(row, message):
    """Overwrite whatever is there."""
    return video.written(row, message.event)


def lost():
    """Give the order in which the video ends as uploaded."""
    return told(spread(RACE.messages), ["W2", "W3", "W1"], written)


def loaded(fix=LAST_WRITE_WINS, seed=3):
    """Give four videos at once under a fix."""
    return simulated(load(RACE, 4), fix, seed=seed)


TRACES = {
    "told": lost,
    "simulated": loaded,
    "buffered": lambda: loaded(STRICT_NEXT_BUFFERED),
    "group": lambda: consume(nine_uploads(), partitions=9, handler=status).trace,
}


@pytest.mark.parametrize("make", TRACES.values(), ids=TRACES)
def test_each_step_stands_there_as_it_was(make):
    """Lane, word, version and row of every step are those of the trace."""
    trace = make()
    table = widgets.traced(trace)._table
    known = {each.event_id: each for each in trace.messages}
    assert len(table["steps"]) == len(trace.steps)
    for step, row in zip(trace.steps, table["steps"], strict=True):
        lane, _, _, version, _, did, after = row
        assert (table["lanes"][lane], did) == (step.worker, step.did)
        assert version == (known[step.event_id].version if step.event_id else None)
        if after:
            assert after == (step.state or "nothing")
    json.dumps(table)


@pytest.mark.parametrize("make", TRACES.values(), ids=TRACES)
def test_late_is_what_was_written_behind_a_later_one(make):
    """Each write behind a higher version of its video is marked, and no other."""
    trace = make()
    known = {each.event_id: each for each in trace.messages}
    before: dict[str, list[int]] = {}
    wanted = []
    for step in trace.steps:
        it = known.get(step.event_id)
        written_before = before.setdefault(it.aggregate_id, []) if it else []
        is_write = it is not None and step.did == "wrote"
        wanted.append(is_write and any(it.version < one for one in written_before))
        if is_write:
            written_before.append(it.version)
    marks = [row[1] for row in widgets.traced(trace)._table["steps"]]
    assert [mark == "late" for mark in marks] == wanted


def test_the_sentence_tells_the_step():
    """Who did what with which event, behind which, and what the row says then."""
    stage = widgets.traced(lost(), right="success", predict=False)
    assert stage.finding == "one order: 3 steps, and none of them done yet."
    stage.at = 3
    assert stage.finding == (
        "Step 3 of 3: W1 wrote vid_123/1 after 3; vid_123 says uploaded."
    )
    assert repr(stage).endswith(stage.finding)
    assert eval(stage.python, {"trace": lost()}).state == "uploaded"
    assert stage._table["right"] is False


def test_times_are_told_where_there_are_some():
    """An order has places, a run has times."""
    stage = widgets.traced(loaded(), predict=False)
    stage.at = 1
    assert ", at " in stage.finding
    assert {row[2] for row in widgets.traced(lost())._table["steps"]} == {""}
    assert [moment(at) for at in (7, 12_345, 2_500_000)] == [
        *("7 µs", "12.3 ms", "2.50 s"),
    ]


def test_the_answers_are_states_that_did_not_last():
    """The truth is first; each other answer has the reason that the trace gives."""
    table = widgets.traced(lost(), right="success")._table
    assert table["answers"] == [
        ["uploaded", ""],
        ["success", "so it should be, and another write came last"],
        ["processing", "step 1 wrote that, and it did not last"],
        ["nothing", "so it was before the first write"],
    ]


def test_an_open_question_gives_nothing_away():
    """While it asks, the picture is the same for any end of these steps."""
    one = widgets.traced(lost())
    kept = replay(lost(), lambda row, message: row or written(row, message))
    other = widgets.traced(kept)
    assert one._telling.end != other._telling.end
    assert one.picture() == other.picture()
    one.asking = False
    one.at = 3
    assert one.picture() != other.picture()


def test_a_row_with_one_state_is_no_question():
    """Where nothing can be guessed, the stage begins at once."""
    trace = told(spread([1]), ["W1"], lambda row, _: row)
    stage = widgets.traced(trace)
    assert (stage.asking, stage.predict, stage._table["question"]) == (False, False, "")


def test_a_real_race_can_be_watched(tmp_path):
    """The trace of three real processes ends on the stage as the row ended."""
    raced = race_for_real(tmp_path / "row.db", 3)
    stage = widgets.traced(raced.trace(0), right="success")
    assert stage._telling.end in raced.ends
    assert stage.picture().startswith(b"\x89PNG")


def test_what_can_not_be_shown_is_refused():
    """No step, too many of them, and a place behind the end."""
    trace = lost()
    empty = Trace(name="none", handler="h", workers=("W1",), messages=(), steps=())
    with pytest.raises(InvalidSchedule, match="no step to show"):
        widgets.traced(empty)
    with pytest.raises(InvalidSchedule, match="the stage shows 2,000"):
        widgets.traced(
            Trace(
                name="many",
                handler=trace.handler,
                workers=trace.workers,
                messages=trace.messages,
                steps=trace.steps * LARGEST,
            )
        )
    with pytest.raises(TraitError, match="it goes from 0 to 3"):
        widgets.traced(trace).at = 4
