"""A failed event is tried, parked or halts its queue, and each policy has its price."""

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

import esbench as es
from esbench.errors import InvalidSchedule
from esbench.workers import Message
from esbench.workers.backoff import Backoff, Stopwatch, WallClock
from esbench.workers.dead_letters import DeadLetters, Letter, Redriven, redrive
from esbench.workers.failures import (
    DROP,
    HALT,
    PARK_EVENT,
    PARK_KEY,
    POLICIES,
    REQUEUE,
    compare,
    tries_in_the_event,
    work_off,
)

CALM = Backoff(first=1, cap=60, jitter=0)


class Broken(Exception):
    """What a handler raises for an event that it can't take."""


def message(key, version):
    """Give the n-th event of a key."""
    return Message(
        aggregate_id=key,
        version=version,
        type=f"E{version}",
        data={},
        event_id=f"{key}{version}",
    )


# a1 a2 b1 a3 b2, of which a2 is poison
QUEUE = tuple(message(*each) for each in zip("aabab", (1, 2, 1, 3, 2), strict=True))


def listed(row, message):
    """Keep the versions that were handled, in order."""
    return [*(row or []), message.version]


def poison(*ids, times=None):
    """Give a handler that fails for these events, so many times or always."""
    failures = dict.fromkeys(ids, 0)

    def handler(row, message):
        name = message.event_id
        if name in failures and (times is None or failures[name] < times):
            failures[name] += 1
            raise Broken(f"{name} is broken")
        return listed(row, message)

    return handler


def ids(messages):
    """Give the messages' ids in a line."""
    return " ".join(message.event_id for message in messages)


# Five policies for one poison event


@pytest.mark.parametrize(
    ("policy", "handled", "did", "violations", "alerts"),
    [
        (DROP, "a1 b1 a3 b2", "dropped", 1, 0),
        (REQUEUE, "a1 b1 a3 b2", "parked", 1, 1),
        (PARK_EVENT, "a1 b1 a3 b2", "parked", 1, 1),
        (PARK_KEY, "a1 b1 b2", "parked", 0, 2),
        (HALT, "a1", "left", 0, 1),
    ],
)
def test_each_policy_has_its_price(policy, handled, did, violations, alerts):
    """One poison event: what is handled, what breaks the order, who is woken."""
    worked = work_off(QUEUE, poison("a2"), policy, backoff=CALM)
    assert ids(worked.order) == handled
    assert worked.endings[1].did == did
    assert worked.endings[1].tries == 3
    assert worked.violations == violations
    assert worked.alerts == alerts


def test_the_table_shows_them_side_by_side():
    """Counts, violations and delay: of what was not to blame, only some wait."""
    frame = compare(QUEUE, poison("a2"), backoff=CALM, takes=1)
    assert frame["policy"].to_list() == list(POLICIES)
    # five events of a second each; tries in place cost 1 + 1 and waits of 1 + 2
    assert frame.select("policy", "handled", "violations", "delay_total").rows() == [
        ("drop", 4, 1, 15.0),
        ("requeue", 4, 1, 0.0),
        ("park event", 4, 1, 15.0),
        ("park key", 3, 0, 9.0),
        ("halt", 1, 0, 0.0),
    ]


def test_requeue_brings_the_race_back():
    """T6: e1 fails once, and e1 e2 e3 becomes e2 e3 e1."""
    queue = [message("e", version) for version in (1, 2, 3)]
    worked = work_off(queue, poison("e1", times=1), REQUEUE)
    assert ids(worked.order) == "e2 e3 e1"
    assert ids(worked.overtaken) == "e1"
    in_place = work_off(queue, poison("e1", times=1), PARK_KEY)
    assert ids(in_place.order) == "e1 e2 e3"


def test_what_fails_twice_is_handled_at_the_third_try():
    """The source text's three tries."""
    worked = work_off(QUEUE, poison("a2", times=2), backoff=CALM, takes=1)
    assert ids(worked.order) == "a1 a2 b1 a3 b2"
    assert [ending.tries for ending in worked.endings] == [1, 3, 1, 1, 1]
    assert {ending.delay for ending in worked.endings} == {0, 5}
    assert not worked.letters


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    st.integers(1, 4),
    st.sampled_from(POLICIES),
    st.integers(0, 2**12),
)
def test_nothing_is_lost_but_by_dropping(keys, tries, policy, mask):
    """Every event ends once; tries never exceed the limit; states are what was done."""
    versions, queue = {}, []
    for key in keys:
        versions[key] = versions.get(key, 0) + 1
        queue.append(message(key, versions[key]))
    bad = {m.event_id for place, m in enumerate(queue) if mask >> place & 1}
    worked = work_off(queue, poison(*bad), policy, tries=tries)
    ends = [ending.did for ending in worked.endings]
    assert len(ends) == len(queue)
    assert ends.count("handled") == len(worked.order)
    assert all(ending.tries <= tries for ending in worked.endings)
    assert ("dropped" in ends) <= (policy == DROP)
    assert ("left" in ends) <= (policy == HALT)
    if policy in {PARK_KEY, HALT}:
        assert worked.violations == 0
    for key, row in worked.states.items():
        assert row == [m.version for m in worked.order if m.aggregate_id == key]


def test_mended_the_parked_key_ends_as_if_nothing_had_failed():
    """Redriven in order: no violation, and only that key was late."""
    rows = {
        row["policy"]: row
        for row in compare(
            QUEUE, poison("a2"), backoff=CALM, takes=1, mended=(100, listed)
        ).to_dicts()
    }
    right = {"a": [1, 2, 3], "b": [1, 2]}
    for policy, is_right in [
        (DROP, False), (REQUEUE, False), (PARK_EVENT, False), (PARK_KEY, True),
        (HALT, True),
    ]:  # fmt: skip
        worked = work_off(QUEUE, poison("a2"), policy, mended=(100, listed))
        assert (worked.states == right) is is_right
        assert (rows[policy]["violations"] == 0) is is_right
    assert rows[PARK_KEY]["delay_total"] < rows[HALT]["delay_total"]
    assert rows[DROP]["redriven"] == rows[HALT]["redriven"] == 0
    assert rows[PARK_KEY]["redriven"] == 2


@pytest.mark.parametrize("options", [{"policy": "retry"}, {"tries": 0}])
def test_what_can_not_be_done_is_refused(options):
    """An unknown policy, and no try at all, are said."""
    with pytest.raises(InvalidSchedule):
        work_off(QUEUE, listed, **options)


# Waiting


def test_waits_double_up_to_the_cap():
    """1, 2, 4 … 60 seconds, as the library that makes the tries would count them."""
    theirs = tenacity.wait_exponential(multiplier=1, max=60)
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    for tried in range(1, 12):
        state.attempt_number = tried
        assert CALM.wait("e", tried) == theirs(state)


@given(st.text(max_size=8), st.integers(1, 5000), st.floats(0, 1), st.integers(0, 9))
def test_jitter_only_shortens(event_id, tried, jitter, seed):
    """A wait lies between its share and the whole, never over the cap."""
    drawn = Backoff(first=1, cap=60, jitter=jitter, seed=seed).wait(event_id, tried)
    whole = CALM.wait(event_id, tried)
    assert whole * (1 - jitter) <= drawn <= whole <= 60


def test_jitter_parts_those_who_failed_together():
    """A hundred events that failed at once come again at a hundred times."""
    waits = {Backoff().wait(f"evt_{number}", 3) for number in range(100)}
    assert len(waits) == 100
    assert Backoff().wait("evt_1", 3) == Backoff().wait("evt_1", 3)
    assert Backoff(seed=2).wait("evt_1", 3) != Backoff().wait("evt_1", 3)


def test_waits_that_can_not_be_are_refused():
    """A first wait over the cap, and more than all of a wait."""
    for wrong in ({"first": 61}, {"jitter": 1.5}, {"first": -1}):
        with pytest.raises(InvalidSchedule, match="between"):
            Backoff(**wrong)


def test_the_wall_clock_really_waits():
    """With it the run takes as long as it says."""
    clock = WallClock()
    short = Backoff(first=0.01, cap=0.01, jitter=0)
    worked = work_off(QUEUE, poison("a2"), backoff=short, clock=clock)
    assert worked.seconds >= 0.02
    assert Stopwatch().now == 0


# The count of tries


def test_the_event_stays_as_it_was():
    """Tries are counted beside: after three, the event in the letter is the event."""
    counts = {}
    worked = work_off(QUEUE, poison("a2"), counts=counts)
    assert counts == {"a2": 3}
    assert worked.letters[0].message is QUEUE[1]
    with pytest.raises(AttributeError):
        QUEUE[1].retryCount = 1  # T9: a stored event does not change


def test_a_count_in_the_event_starts_again():
    """T9: delivered ten times, tried ten times, and never once parked."""
    found = tries_in_the_event({"type": "Bad"}, poison_dict, deliveries=10)
    assert found == {"tried": 10, "parked": 0, "retryCount": 1}


def poison_dict(event):
    """Fail for every event."""
    raise Broken(event["type"])


def test_a_count_beside_outlives_the_process():
    """An event that kills its process is parked after the third time."""

    def kill(row, message):
        if message.event_id == "a2":
            raise KeyboardInterrupt  # the process ends here
        return listed(row, message)

    counts, deaths, worked = {}, 0, None
    while worked is None and deaths < 10:
        try:
            worked = work_off(QUEUE, kill, counts=counts)
        except KeyboardInterrupt:
            deaths += 1
    assert deaths == 3
    assert ids(letter.message for letter in worked.letters) == "a2 a3"
    assert ids(worked.order) == "a1 b1 b2"  # a1 was delivered four times, and is well


# Dead letters


def test_each_letter_alerts():
    """Nobody has to go and look: each letter calls, once."""
    woken = []
    worked = work_off(QUEUE, poison("a2"), alert=woken.append)
    assert woken == list(worked.letters)
    assert [str(letter) for letter in woken] == [
        "Letter(a2: Broken)",
        "Letter(a3: an earlier event of its key is here)",
    ]


def test_letters_are_looked_at():
    """The frame says what failed, how, how often, and whether it still waits."""
    letters = DeadLetters()
    work_off(QUEUE, poison("a2"), letters=letters)
    frame = letters.frame()
    assert frame.select("event_id", "error", "says", "tries", "waiting").rows() == [
        ("a2", "Broken", "a2 is broken", 3, True),
        ("a3", "", "an earlier event of its key is here", 0, True),
    ]
    assert repr(letters) == "DeadLetters(2 waiting of 2)"


def test_letters_are_redriven_in_order():
    """The key's events go through in the order of their versions, however parked."""
    letters = DeadLetters()
    for version in (3, 1, 2):
        letters.park(Letter(message=message("a", version), error="", says="", tries=3))
    rows = {}
    done = redrive(letters, listed, rows)
    assert ids(done.handled) == "a1 a2 a3"
    assert rows == {"a": [1, 2, 3]}
    assert not len(letters)
    assert letters.frame()["waiting"].to_list() == [False] * 3


def test_a_redrive_stops_with_a_key_where_it_fails_again():
    """What follows the failed one keeps waiting; other keys go through."""
    letters = DeadLetters()
    worked = work_off(QUEUE, poison("a1", "b1"), letters=letters)
    done = redrive(letters, poison("a1"), worked.states)
    assert ids(done.handled) == "b1 b2"
    assert done.failed == {"a1": "Broken: a1 is broken"}
    assert ids(done.behind) == "a2 a3"
    assert len(letters) == 3


def test_a_parked_key_stays_parked_in_the_next_run():
    """What comes later of the key is put behind what lies there."""
    letters = DeadLetters()
    work_off(QUEUE, poison("a2"), letters=letters)
    later = work_off([message("a", 4), message("b", 3)], listed, letters=letters)
    assert ids(later.order) == "b3"
    assert ids(letter.message for letter in letters.waiting) == "a2 a3 a4"


class EventParked(es.Event):
    """An event could not be handled, and waits for a person."""

    parked_id: str
    error: str
    says: str
    tries: int


class LetterRedriven(es.Event):
    """A dead letter was handled after all."""

    parked_id: str


class LoggedLetters:
    """Puts dead letters into an event log."""

    def __init__(self, log):
        self.log = log

    def append(self, entry):
        """Append what the entry says happened."""
        if isinstance(entry, Redriven):
            self.log.append("letters", [LetterRedriven(parked_id=entry.event_id)])
            return
        parked = EventParked(
            parked_id=entry.message.event_id,
            error=entry.error,
            says=entry.says,
            tries=entry.tries,
        )
        self.log.append("letters", [parked])

    def entries(self, messages):
        """Give the entries back, with the messages looked up by id."""
        known = {message.event_id: message for message in messages}
        for row in self.log.read():
            if row.type == "LetterRedriven":
                yield Redriven(event_id=row.event.parked_id)
            else:
                event = row.event
                yield Letter(
                    message=known[event.parked_id],
                    error=event.error,
                    says=event.says,
                    tries=event.tries,
                )


def test_dead_letters_are_a_log_themselves():
    """Parked and redriven in an event log: the next process finds what still waits."""
    log = es.EventLog.temporary(events=[EventParked, LetterRedriven])
    kept = LoggedLetters(log)
    letters = DeadLetters(kept)
    worked = work_off(QUEUE, poison("a2", "b2"), letters=letters)
    redrive(letters, poison("b2"), worked.states)
    assert [row.type for row in log.read()] == [
        *["EventParked"] * 3,
        *["LetterRedriven"] * 2,
    ]
    again = DeadLetters(kept, kept.entries(QUEUE))
    assert ids(letter.message for letter in again.waiting) == "b2"
    assert again.waiting[0].says == "b2 is broken"
