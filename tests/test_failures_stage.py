"""The failures stage shows what crash table and policies give, and asks first."""

import json

import pytest
from traitlets import TraitError

import esbench as es
from esbench import widgets
from esbench.errors import InvalidSchedule
from esbench.lessons import letterbox, troubles
from esbench.lessons.letters import LETTERS
from esbench.lessons.traffic import uploads
from esbench.lessons.troubles import (
    MENDED,
    NEVER,
    ONCE,
    QUEUE,
    TROUBLES,
    Slowly,
    busy,
    fails,
    status,
)
from esbench.widgets.watching import MOST, WORDS
from esbench.workers.backoff import Stopwatch
from esbench.workers.dead_letters import DeadLetters, redrive
from esbench.workers.delivery import (
    ACK,
    AT_MOST_ONCE,
    CHECK,
    EFFECT,
    EFFECTIVELY_ONCE,
    HANDLERS,
    MARK,
    WAYS,
    Way,
    crash_table,
)
from esbench.workers.failures import POLICIES, work_off

PNG = b"\x89PNG\r\n\x1a\n"
CRASH, POISON = "Crash points", "Poison event"
MARK_FIRST = Way(name="mark first", steps=((CHECK,), (MARK,), (EFFECT,), (ACK,)))


def lanes(trouble=ONCE, policy="requeue", at=30):
    """Give the stage of policies, answered, at a place or at the end."""
    stage = widgets.failures(tab=POISON, predict=False)
    stage.trouble, stage.policy = trouble, POLICIES.index(policy)
    stage.at = min(at, stage._table["last"][trouble])
    return stage


def crashes(at, *, handler="adds", again=False):
    """Give the stage of crash points, answered, at a place."""
    stage = widgets.failures(predict=False)
    stage.at, stage.handler, stage.again = at, handler, again
    return stage


def test_the_crash_between_update_and_mark_counts_twice():
    """T5 is asked first, and it is 200 where 100 is true."""
    stage = widgets.failures()
    assert stage.finding == (
        "Check, update, mark, a crash after effect, and a second delivery: "
        "what does a deposit of 100 add?"
    )
    told = dict(stage._table["answers"][0])
    assert list(told) == ["200", "100", "0", "300"]
    assert [bool(why) for why in told.values()] == [False, True, True, True]
    stage.asking = False
    assert stage.finding == (
        "Check, update, mark, a crash after effect: "
        "the deposit counts twice, 200 instead of 100."
    )


@pytest.mark.parametrize("handler", ["adds", "puts"])
@pytest.mark.parametrize("again", [False, True])
def test_every_cell_is_the_crash_tables(handler, again):
    """Each cell's row, verdict and sentence are what its line of Python gives."""
    stage = crashes(0, handler=handler, again=again)
    cells = stage._table["cells"][handler][int(again)]
    assert len(cells) == 14
    for at, (_, _, state, verdict, said, line) in enumerate(cells):
        found = eval(line, {"crash_table": crash_table})
        assert (state, verdict) == (str(found.state), found.verdict)
        stage.at = at
        assert (stage.finding, stage.python) == (said, line)
        words = {"right": "as it should be", "lost": "is lost", "doubled": "counts"}
        assert words[verdict] in said


def test_delivered_once_more_is_said():
    """At least once, an event that comes again counts twice without any crash."""
    assert crashes(3, again=True).finding == (
        "At least once, no crash, delivered once more: "
        "the deposit counts twice, 200 instead of 100."
    )


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        (AT_MOST_ONCE, ["0", "100", "200", "300"]),
        (EFFECTIVELY_ONCE, ["100", "0", "200", "300"]),
        (MARK_FIRST, ["0", "100", "200", "300"]),
    ],
)
def test_ones_own_way_is_asked_about_where_it_goes_wrong(way, asked):
    """A learner's way gets the question whose answer its own cells give."""
    stage = widgets.failures([way])
    answers = stage._table["answers"][0]
    assert [text for text, _ in answers] == asked
    assert [bool(why) for _, why in answers] == [False, True, True, True]


def test_the_question_is_about_the_way_that_one_names():
    """Among all ways the named one is asked about, and its slips have its reasons."""
    stage = widgets.failures([*WAYS, MARK_FIRST], about=MARK_FIRST)
    assert stage.finding == (
        "Mark first, a crash after mark, and a second delivery: "
        "what does a deposit of 100 add?"
    )
    told = dict(stage._table["answers"][0])
    assert list(told) == ["0", "100", "200", "300"]
    assert told["100"] == (
        "marked before it had an effect, it passes for done when it comes again"
    )
    with pytest.raises(InvalidSchedule, match="'mark first' is asked about and not"):
        widgets.failures(WAYS, about=MARK_FIRST)


@pytest.mark.parametrize(
    ("ways", "handlers", "line"),
    [
        ((*WAYS, MARK_FIRST), HANDLERS, "crash_table(ways).cell("),
        (WAYS, {"adds": HANDLERS["puts"]}, "crash_table(ways, handlers).cell("),
        ([MARK_FIRST], {"sets": HANDLERS["puts"]}, "crash_table(ways, handlers).cell("),
    ],
)
def test_the_line_for_ones_own_ways_gives_the_same(ways, handlers, line):
    """Own ways and handlers stand in the line of Python, which then finds the cell."""
    stage = widgets.failures(ways, handlers, predict=False)
    names = {"crash_table": crash_table, "ways": ways, "handlers": handlers}
    for at in range(len(stage._table["cells"][stage.handler][0])):
        stage.at = at
        assert stage.python.startswith(line)
        found = eval(stage.python, names)
        assert f"{found.state}" in stage.finding


@pytest.mark.parametrize(
    ("trouble", "right", "policy"),
    [
        (ONCE, "e2, e3, e1", "requeue"),
        (MENDED, "e2, e3, e1", "park event"),
        (NEVER, "f1, f2", "park key"),
    ],
)
def test_each_trouble_has_a_question(trouble, right, policy):
    """What is wrong with e1 says what is asked; the asked policy's run answers it."""
    stage = widgets.failures(tab=POISON, trouble=trouble)
    assert (stage.trouble, POLICIES[stage.policy]) == (trouble, policy)
    answers = stage._table["answers"][1]
    assert answers[0] == (right, "")
    assert len(answers) == len({text for text, _ in answers}) == 4
    assert not any(right in why for _, why in answers)
    stage.asking, stage.at = False, 3
    assert right not in stage.finding
    with pytest.raises(InvalidSchedule, match="no trouble 'rain'; there are fails"):
        widgets.failures(trouble="rain")


def test_the_retry_brings_the_race_back():
    """T6: e1, e2, e3 becomes e2, e3, e1, and the video ends as uploaded."""
    stage = widgets.failures(tab=POISON)
    assert stage.finding.startswith("e1 fails at its first try and is requeued")
    assert [text for text, _ in stage._table["answers"][1]] == [
        "e2, e3, e1",
        "e1, e2, e3",
        "e2, e1, e3",
        "e2, e3",
    ]
    assert lanes().finding == (
        "Requeue: e2, e3, e1, and the video ends as uploaded; "
        "1 out of order, 0.05 s of delay."
    )
    assert lanes(policy="halt").finding == (
        "Halt: e1, e2, e3, and the video ends as success; "
        "none out of order, 3.48 s of delay."
    )


@pytest.mark.parametrize(
    ("trouble", "policy", "end"),
    [
        (MENDED, "park event", "ends as uploaded; 1 out of order, 69 s of delay."),
        (MENDED, "park key", "ends as success; none out of order, 185 s of delay."),
        (MENDED, "halt", "ends as success; none out of order, 300 s of delay."),
        (NEVER, "drop", "2 out of order, 1 lost, 9.04 s of delay."),
        (NEVER, "park key", "none out of order, 1 parked, 2 behind it, 4.51 s of"),
        (NEVER, "halt", "none out of order, 5 still in the queue, 0.00 s of delay."),
    ],
)
def test_what_came_of_a_policy_is_said(trouble, policy, end):
    """Order violations, delay and what was not handled stand in the sentence."""
    assert end in lanes(trouble, policy).finding


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_lane_is_the_run_that_its_line_makes(trouble, policy):
    """The line of Python, run, gives the same order, states and endings."""
    names = {"work_off": work_off, "QUEUE": QUEUE, "fails": fails, "status": status}
    lane = troubles.lane(policy, trouble)
    again = eval(lane.python, names)
    assert again.row() == lane.worked.row()
    assert (again.order, again.states) == (lane.worked.order, lane.worked.states)


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("policy", POLICIES)
def test_the_chips_are_what_work_off_tells(trouble, policy):
    """What is handled, parked, put behind and dropped is counted alike in both."""
    lane = troubles.lane(policy, trouble)
    done = [c.name for c in lane.chips if c.what in {"handled", "redriven"}]
    assert done == [message.event_id for message in lane.worked.order]
    letters = [c.name for c in lane.chips if c.what in {"parked", "put behind"}]
    assert letters == [letter.message.event_id for letter in lane.worked.letters]
    dropped = [c.name for c in lane.chips if c.what == "dropped"]
    assert len(dropped) == lane.worked.count("dropped")
    assert [c.at for c in lane.chips] == sorted(c.at for c in lane.chips)
    tried = {c.name: c.tries for c in lane.chips}
    assert max(tried.values()) <= 4
    for chip in lane.chips:
        assert chip.tries >= (chip.what != "put behind")
    mine = QUEUE[0].aggregate_id
    assert lane.chips[-1].row == lane.worked.states.get(mine)


def test_each_step_of_a_lane_is_told():
    """Every kind of step has its words, with event, time and try."""
    assert lanes(at=0).finding == (
        "Five events wait, e1, f1, e2, f2, e3, and e1 fails once."
    )
    told = {
        ("park key", MENDED, 3): "Park key, at 2.27 s: e1 fails, try 3 of 3.",
        ("park key", MENDED, 6): "Park key, at 2.28 s: e2 is put behind it, untried.",
        ("park key", MENDED, 9): (
            "Park key, at 60 s: e1 is handled from the dead letters."
        ),
        ("drop", NEVER, 4): "Drop, at 2.27 s: e1 is forgotten.",
        ("drop", NEVER, 5): "Drop, at 2.28 s: f1 is handled.",
        ("halt", MENDED, 4): (
            "Halt, at 2.27 s: the queue stands still at e1, and somebody is told."
        ),
    }
    for (policy, trouble, at), said in told.items():
        assert lanes(trouble, policy, at).finding == said


def test_the_clock_of_a_lane_is_the_runs():
    """A lane takes as long as the same run on a stopwatch of one's own."""
    clock = Stopwatch()
    work_off(QUEUE, fails("e1"), "drop", clock=clock)
    assert troubles.lane("drop", NEVER).worked.seconds == pytest.approx(clock.now)


def test_letters_are_shuffled_by_the_seed():
    """Both questions have four letters, and neighbours differ."""
    stage = widgets.failures()
    for side in (0, 1):
        shuffles = [stage.letters(seed)[side][0] for seed in range(3)]
        assert all(sorted(one) == list("0123")[: len(LETTERS)] for one in shuffles)
        assert len({one.index("0") for one in shuffles}) == 3


@pytest.mark.parametrize("tab", [CRASH, POISON])
@pytest.mark.parametrize("asking", [True, False])
def test_png_sentence_and_live_view_come_together(tab, asking):
    """The bundle holds all three; the PNG is alike on every run and below 60 kB."""
    stage, twin = (widgets.failures(tab=tab) for _ in range(2))
    for one in (stage, twin):
        one.asking = asking
        one.at = 11
    data, metadata = stage._repr_mimebundle_()
    assert data["text/plain"] == repr(stage) == metadata["image/png"]["alt"]
    assert stage.picture() == twin.picture()
    assert stage.picture().startswith(PNG)
    assert len(stage.picture()) < 60_000


@pytest.mark.parametrize("tab", [CRASH, POISON])
def test_an_open_question_gives_nothing_away(tab):
    """While it asks, nothing that is turned changes the picture or a word."""
    one, other = widgets.failures(tab=tab), widgets.failures(tab=tab)
    turned = {"at": 2, "handler": "puts", "again": True, "trouble": NEVER, "policy": 4}
    for trait, value in turned.items():
        other.set_trait(trait, value)
        assert (one.finding, one.python) == (other.finding, other.python)
    assert one.picture() == other.picture()


def test_an_answer_opens_the_picture():
    """Once it is answered, each place has a picture of its own."""
    one, other = widgets.failures(), widgets.failures()
    other.at = 2
    one.asking = other.asking = False
    assert one.picture() != other.picture()


def test_the_table_is_small():
    """What goes to the browser stays below 60 kB."""
    assert len(json.dumps(widgets.failures()._table)) < 60_000


def test_what_is_not_there_is_refused():
    """A tab, a handler, a policy, a place, and a stage without any way."""
    stage = widgets.failures()
    for name, value in (("tab", "Race"), ("handler", "adds twice"), ("policy", 5)):
        with pytest.raises(TraitError):
            stage.set_trait(name, value)
    with pytest.raises(TraitError, match="at is 99; it goes from 0 to 13"):
        stage.at = 99
    with pytest.raises(InvalidSchedule, match="at least one way"):
        widgets.failures([])
    with pytest.raises(InvalidSchedule, match="at least one way and one handler"):
        widgets.failures(handlers={})


def test_hostile_names_stay_texts():
    """A way named as markup ends no script and can be drawn."""
    evil = Way(name="</script>$x^2$", steps=((EFFECT,), (ACK,)))
    stage = widgets.failures([evil], predict=False)
    assert stage.site_html().count("</script>") == 1
    assert stage.picture().startswith(PNG)


# Dead letters in an event log


def test_letters_are_read_back_from_an_event_log():
    """Another process knows what waits, redrives it in order, and nothing is lost."""
    log = es.EventLog.temporary(events=letterbox.EVENTS)
    letters = DeadLetters(letterbox.LetterLog(log))
    worked = work_off(QUEUE, fails("e1"), "park key", letters=letters)
    stored = letterbox.LetterLog(log)
    again = DeadLetters(stored, stored.entries())
    assert [one.message for one in again.waiting] == [QUEUE[0], QUEUE[2], QUEUE[4]]
    kept = [(one.error, one.says, one.tries) for one in again.waiting]
    assert kept == [(one.error, one.says, one.tries) for one in worked.letters]
    states = dict(worked.states)
    done = redrive(again, status, states)
    assert [message.event_id for message in done.handled] == ["e1", "e2", "e3"]
    assert (states["vid_e"], len(again)) == ("success", 0)
    assert len(log) == 6
    assert len(DeadLetters(entries=letterbox.LetterLog(log).entries())) == 0


# The live panel


def watched(policy="park key"):
    """Give a panel whose monitor was told of a run."""
    panel = widgets.watching()
    work_off(QUEUE, fails("e1"), policy, monitor=panel.monitor)
    return panel


def test_the_panel_follows_while_others_work():
    """Each look at the queue moves the panel on, and the last says how it ended."""
    panel, places = widgets.watching(), []
    assert panel.finding.endswith("nothing waits.")
    panel.observe(lambda change: places.append(change["new"]), "at")
    work_off(QUEUE, fails("e1"), "park key", monitor=panel.monitor)
    assert places == list(range(1, len(panel.monitor.looks)))
    assert panel.finding == (
        "2 processed, 3 failed tries, 2 retried, 3 parked; nothing waits."
    )


@pytest.mark.parametrize("policy", POLICIES)
def test_the_last_look_is_what_the_monitor_counts(policy):
    """The panel's counters are those of the frame that its line of Python gives."""
    panel = watched(policy)
    frame = eval(panel.python, {"panel": panel})
    last = panel._table["looks"][-1]
    for word, (name, count, _) in zip(WORDS, last[0][:5], strict=True):
        assert (name, float(count)) == (word, frame.filter(metric=word)["value"].sum())
    assert last[1] == frame.filter(metric="lag")["value"].item()


def test_any_look_can_be_gone_back_to():
    """An earlier look has its own sentence and picture; there is none beyond."""
    panel = watched()
    end = panel.picture()
    panel.at = 1
    assert panel.finding == (
        "0 processed, 0 failed tries, 0 retried, 0 parked; "
        "5 wait, the oldest for 0.00 s."
    )
    assert panel.picture() != end
    assert watched().picture() == end
    with pytest.raises(TraitError, match="it goes from 0 to"):
        panel.at = 99


def test_a_long_run_keeps_few_looks():
    """Beyond the bound every second look goes; the first and the latest stay."""
    panel = widgets.watching()
    for lag in range(1, 3 * MOST):
        panel.monitor.queue(size=lag, lag=lag, age=0)
        assert panel.monitor.looks[-1].lag == lag
        assert panel.at == len(panel.monitor.looks) - 1 < MOST
    lags = [look.lag for look in panel.monitor.looks]
    assert lags[0] == 0
    assert lags == sorted(set(lags))


def test_the_durations_are_the_monitors():
    """The buckets shown hold every try, from the first that is full to the last."""
    panel, clock = widgets.watching(), Stopwatch()
    work_off(uploads(), busy(clock), monitor=panel.monitor, clock=clock)
    table = panel._table
    counts, full = table["looks"][-1][3], table["buckets"]
    assert counts == panel.monitor.durations.counts
    assert sum(counts[slot] for slot in full) == sum(counts) > 48
    assert counts[full[0]]
    assert counts[full[-1]]
    assert len(table["bounds"]) == len(counts)


def test_a_rush_takes_its_time_and_shows_the_same():
    """A clock that one can watch waits for real, and no figure depends on it."""
    seen = []
    for clock in (Stopwatch(), Slowly(times=1e6)):
        panel = widgets.watching()
        work_off(uploads(), busy(clock), monitor=panel.monitor, clock=clock)
        seen.append((clock.now, panel.finding, panel.picture()))
    assert seen[0] == seen[1]
    errors = panel.monitor.frame().drop_nulls("error")
    assert errors["value"].to_list() == [1, 3]
    assert errors["error"].to_list()[0] == "TimeoutError"
