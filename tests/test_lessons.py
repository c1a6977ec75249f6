"""Checks, hints and predictions judge what a learner does, and never raise for it."""

import dataclasses
import gc
import itertools
import sys
from decimal import Decimal

import pytest

import esbench as es
from esbench import lessons, workers
from esbench.domains import bank, video
from esbench.lessons import (
    course,
    l00,
    l01,
    l02,
    l03,
    l05,
    l08,
    l10,
    tampering,
    traffic,
    waiting,
)
from esbench.lessons.exercise import Exercise, Mistake, judge, made, outcomes
from esbench.lessons.lesson import Lesson
from esbench.lessons.letters import LETTERS, SEEDS, shuffled
from esbench.lessons.prediction import Prediction, ask
from esbench.lessons.verdict import Verdict
from esbench.workers.delivery import AT_LEAST_ONCE, AT_MOST_ONCE, CHECK_THEN_MARK
from esbench.workers.groups import Pause, consume
from esbench.workers.growth import grow
from esbench.workers.keys import advise

TASKS = [task for lesson in course.LESSONS for task in lesson.tasks]
EXERCISES = [task for task in TASKS if isinstance(task, Exercise)]
PREDICTIONS = [task for task in TASKS if isinstance(task, Prediction)]

by_number = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.number)


def said(exercise, code):
    """Give what the check says to a piece of code."""
    return judge(exercise, made(exercise, code))


def faults(exercise, judge=judge):
    """Give all that is wrong with an exercise; an empty list is a proof."""

    def verdict(code):
        return judge(exercise, made(exercise, code))

    codes = [mistake.code for mistake in exercise.mistakes]
    hints = [mistake.hint for mistake in exercise.mistakes]
    heard = [verdict(code) for code in codes]
    found = {
        "the stub passes": verdict(exercise.stub).passed,
        "the solution does not pass": not verdict(exercise.solution).passed,
        "a mistake passes": any(heard),
        "a mistake does not get its own hint": [v.text for v in heard] != hints,
        "two mistakes share a hint": len(set(hints)) < len(hints),
        "fewer than three mistakes": len(codes) < 3,
        "a hint gives the solution away": any(
            exercise.solution.split("return ")[-1] in text
            for text in (*hints, verdict(exercise.stub).text)
        ),
        "the stub does not end in the agreed line": not exercise.stub.endswith(
            "raise NotImplementedError  # your turn"
        ),
    }
    return [fault for fault, is_there in found.items() if is_there]


@by_number
def test_every_exercise_is_proved(exercise):
    """The stub fails, the solution passes, each mistake gets a hint of its own."""
    assert faults(exercise) == []


def always(_exercise, _answer):
    """Pass everything."""
    return Verdict(passed=True, text="fine")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"stub": l00.KEPT.solution}, "the stub passes"),
        ({"solution": l00.KEPT.mistakes[0].code}, "a mistake passes"),
        ({"mistakes": l00.KEPT.mistakes[:2]}, "fewer than three mistakes"),
        (
            {"mistakes": (*l00.KEPT.mistakes, l00.KEPT.mistakes[0])},
            "two mistakes share a hint",
        ),
        (
            {"mistakes": (*l00.KEPT.mistakes, Mistake(code=l00.KEPT.stub, hint="x"))},
            "a mistake does not get its own hint",
        ),
        ({"trials": lambda: [("2024-01-16T00:00:00Z", "2024-01-17")]}, "a mistake"),
        ({"stub": "kept = None"}, "the stub does not end"),
    ],
)
def test_the_proof_goes_red(changes, fault):
    """An exercise that is broken in one way is found out."""
    broken = dataclasses.replace(l00.KEPT, **changes)
    assert any(found.startswith(fault) for found in faults(broken))


@by_number
def test_a_check_that_passes_everything_is_found_out(exercise):
    """The proof goes red for a check that never says no."""
    assert {"the stub passes", "a mistake passes"} <= set(faults(exercise, always))


@pytest.mark.parametrize(
    ("exercise", "code", "mistake"),
    [
        (l00.KEPT, "kept = lambda t, d: not t > d", 0),
        (l00.KEPT, "def kept(t, d):\n    return d > t.split('T')[0]", 0),
        (l00.KEPT, "def kept(t, d):\n    return t.startswith(d)", 1),
        (
            l03.LOWEST,
            (
                "def lowest(events, apply):\n"
                "    balance = Decimal('0.00')\n"
                "    for event in events:\n"
                "        balance = apply(balance, event)\n"
                "    return balance"
            ),
            1,
        ),
        (
            l03.LOWEST,
            (
                "def lowest(events, apply):\n"
                "    low = balance = Decimal(0)\n"
                "    for event in events:\n"
                "        balance = apply(balance, event)\n"
                "        low = min(low, balance)\n"
                "    return low"
            ),
            0,
        ),
        (l01.NAMES, "better = str", 0),
        (l01.NAMES, "better = lambda n: n + 'Event'", 1),
        (
            l01.SIMPLEST,
            (
                "def simplest(q, can):\n"
                "    return next((d for d in can if q & can[d]), 'none of them')"
            ),
            0,
        ),
        (l02.FITS, "fits = lambda e, a: e == a if e else True", 1),
        (
            l02.AGAIN,
            (
                "def withdraw(look, append, amount):\n"
                "    if look()[0] < amount:\n"
                "        return 'refused'\n"
                "    append(amount)\n"
                "    return 'paid'"
            ),
            0,
        ),
        (
            l02.AGAIN,
            (
                "def withdraw(look, append, amount):\n"
                "    balance, version = look()\n"
                "    if balance < amount:\n"
                "        return 'refused'\n"
                "    try:\n"
                "        append(amount, version)\n"
                "        return 'paid'\n"
                "    except Exception:\n"
                "        return 'refused'"
            ),
            3,
        ),
        (l03.STUCK, "def arrival(e):\n    return [e[2], e[1], e[0]]", 1),
        (
            l10.ONCE,
            (
                "def once(balance, known, event):\n"
                "    return balance + event[1], {*known, event[0]}"
            ),
            0,
        ),
        (
            l10.REDRIVE,
            (
                "def redriven(letters, broken):\n"
                "    stopped = {key for key, _ in broken}\n"
                "    return sorted(one for one in letters if one[0] not in stopped)"
            ),
            6,
        ),
        (l03.STUCK, "def arrival(e):\n    return e * 2", 3),
        (
            l05.RESUMED,
            (
                "def resumed(s, events):\n"
                "    tail = [e for e in events if not e[1] <= s[1]]\n"
                "    return s[2] + sum(e[2] for e in tail), len(tail)"
            ),
            0,
        ),
        (
            l05.RESUMED,
            (
                "def resumed(s, events):\n"
                "    tail = events[s[0]:]\n"
                "    return s[2] + sum(e[2] for e in tail), len(tail)"
            ),
            8,
        ),
        (
            l05.BEST,
            (
                "def best(snapshots, declared, about):\n"
                "    at = 0\n"
                "    for one, made_by, latest in snapshots:\n"
                "        if made_by == declared and not latest > about:\n"
                "            at = one\n"
                "    return at"
            ),
            4,
        ),
    ],
)
def test_a_mistake_is_known_however_it_is_spelled(exercise, code, mistake):
    """A check looks at what a function does, not at how it is written."""
    assert said(exercise, code).text == exercise.mistakes[mistake].hint


@pytest.mark.parametrize(
    ("exercise", "code"),
    [
        (l00.KEPT, "def kept(t, d):\n    return t.split('T')[0] <= d"),
        (l00.KEPT, "def kept(t, d):\n    return t <= d + 'Z'"),
        (
            l03.LOWEST,
            (
                "def lowest(events, apply):\n"
                "    return min(list(accumulate(events, apply, initial=0))[1:])"
            ),
        ),
        (
            l01.NAMES,
            (
                "def better(name):\n"
                "    return {'C': 'EmailAddressChanged', 'P': 'PaymentReceived', "
                "'S': 'ParcelHandedOver', 'I': 'InvoiceSent'}.get(name[0], '')"
                " if name != 'CourierOnTheWay' else 'DeliveryStarted'"
            ),
        ),
        (
            l01.SIMPLEST,
            (
                "def simplest(q, can):\n"
                "    fits = [d for d in can if q.issubset(can[d])]\n"
                "    return [*fits, 'none of them'][0]"
            ),
        ),
        (l02.FITS, "def fits(e, a):\n    return e in (None, a)"),
        (
            l02.AGAIN,
            (
                "def withdraw(look, append, amount):\n"
                "    balance, version = look()\n"
                "    if balance < amount:\n"
                "        return 'refused'\n"
                "    try:\n"
                "        append(amount, version)\n"
                "        return 'paid'\n"
                "    except es.ConcurrencyError:\n"
                "        return withdraw(look, append, amount)"
            ),
        ),
        (l03.STUCK, "def arrival(e):\n    return (e[2], e[0], e[1])"),
        (
            l05.RESUMED,
            (
                "def resumed(snapshot, events):\n"
                "    at, _, balance = snapshot\n"
                "    read = 0\n"
                "    for position, _, moved in events:\n"
                "        if position > at:\n"
                "            balance, read = balance + moved, read + 1\n"
                "    return balance, read"
            ),
        ),
        (
            l08.MOVED,
            (
                "def moved(hashes, before, after):\n"
                "    return {k for k in hashes"
                " if hashes[k] % after != hashes[k] % before}"
            ),
        ),
        (
            l08.TURNED,
            (
                "def turned(handled):\n"
                "    keys = {key for key, _ in handled}\n"
                "    of = {k: [v for key, v in handled if key == k] for k in keys}\n"
                "    return [k for k in keys if of[k] != sorted(of[k])]"
            ),
        ),
        (
            l10.REDRIVE,
            (
                "def redriven(letters, broken):\n"
                "    first = dict(sorted(broken, reverse=True))\n"
                "    went = [one for one in letters if one[1] < first.get(one[0], 9)]\n"
                "    return sorted(went, key=lambda letter: letter[1])"
            ),
        ),
        (
            l10.ONCE,
            (
                "def once(balance, known, event):\n"
                "    is_new = event[0] not in known\n"
                "    return balance + is_new * event[1], known.union(event[:1])"
            ),
        ),
        (
            l05.BEST,
            (
                "def best(snapshots, declared, about):\n"
                "    for at, made_by, latest in sorted(snapshots, reverse=True):\n"
                "        if made_by == declared and about >= latest:\n"
                "            return at\n"
                "    return 0"
            ),
        ),
    ],
)
def test_another_right_answer_passes(exercise, code):
    """There is more than one way to be right."""
    assert said(exercise, code).passed


ODD_ANSWERS = {
    "nothing": None,
    "number": 42,
    "text": "text",
    "list": [],
    "class": NotImplementedError,
    "builtin": print,
    "takes nothing": lambda: None,
    "gives nothing": lambda *_: None,
    "fails": lambda *_: 1 / 0,
    "leaves": lambda *_: sys.exit(3),
    "clears": lambda *given: given[0].clear(),
    "no number": lambda *_: float("nan"),
    "generator": lambda *_: (number for number in range(3)),
    "recursion": lambda *given: [ODD_ANSWERS["recursion"](*given)],
}


@by_number
@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_whatever_is_handed_over_is_answered(exercise, answer):
    """A check never raises and never passes what is no answer."""
    verdict = lessons.check(exercise.number, answer)
    assert repr(verdict).startswith("not yet: ")


def test_an_answer_that_compares_strangely_is_answered():
    """A result whose comparison raises is a wrong result."""

    class Odd:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    assert not lessons.check("00.2", lambda *_: Odd())


def test_what_a_function_is_given_is_to_be_left_alone():
    """A right result by changing the arguments is not yet right."""
    exercise = dataclasses.replace(
        l03.STUCK,
        solution="def arrival(events):\n    return [events[0], events[2], events[1]]",
    )
    code = "def arrival(e):\n    e[1], e[2] = e[2], e[1]\n    return e"
    assert "changes what it was given" in said(exercise, code).text


def test_the_ways_out_are_told():
    """Unknown faults are described from outside: what came back, what was raised."""
    kept = l00.KEPT
    assert "gives None" in said(kept, "def kept(t, d):\n    t[:10] <= d").text
    assert "TypeError" in said(kept, "def kept(t):\n    return True").text
    odd = said(kept, "def kept(t, d):\n    return t[:10] != d and t[:10] < d[:4] + '9'")
    assert odd.text.startswith("right in ")
    assert 'lessons.hint("00.2")' in odd.text


def test_errors_are_shown_as_text():
    """What a learner's code says can't become markup."""
    code = "def kept(t, d):\n    raise ValueError('<script>*x*</script>')"
    shown = said(l00.KEPT, code)._repr_markdown_()
    assert "<" not in shown
    assert "&#42;x&#42;" in shown


# Hints


@pytest.fixture
def _fresh_hints(monkeypatch):
    """Begin with no hint asked for."""
    monkeypatch.setattr(lessons, "_asked", type(lessons._asked)())


@pytest.mark.usefixtures("_fresh_hints")
@by_number
def test_hints_come_one_by_one(exercise):
    """Each call gives the next of three; the last one stays."""
    given = [lessons.hint(exercise.number) for _ in range(4)]
    assert [one.level for one in given] == [1, 2, 3, 3]
    assert [one.text for one in given[:3]] == list(exercise.hints)
    assert len(set(exercise.hints)) == 3
    assert repr(given[0]).startswith("hint 1 of 3: ")


@pytest.mark.usefixtures("_fresh_hints")
def test_hints_of_one_exercise_leave_the_others_alone():
    """Levels are counted for each exercise by itself."""
    lessons.hint("00.2")
    assert lessons.hint("03.1").level == 1


# Predictions

FILTER_ROWS = [
    ("2024-01-01T09:00:00Z", Decimal("500.00")),
    ("2024-01-15T10:30:00Z", Decimal("200.00")),
    ("2024-01-20T14:00:00Z", Decimal("-150.00")),
]


def video_events():
    """Give the three events of vid_123."""
    log = es.EventLog.temporary(events=video.EVENTS, clock=es.Clock("2024-01-01"))
    return list(log.read(video.vid_123(log)))


def ada_log():
    """Give Ada's log."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(events=bank.EVENTS, clock=clock)
    bank.ada(log, clock)
    return log


def dora_events():
    """Give Dora's events: opened with 100, then 50 and 25 at the same moment."""
    log = es.EventLog.temporary(events=bank.EVENTS, clock=es.Clock("2024-03-01"))
    log.append("dora", [bank.AccountOpened(owner="Dora", initial_balance="100.00")])
    gifts = [
        bank.MoneyDeposited(amount=units, transaction_id=f"gift {units}")
        for units in (50, 25)
    ]
    log.append("dora", gifts, occurred_at="2024-03-08T12:00Z")
    return list(log.read("dora"))


def cut_copy():
    """Give a copy of acc_123's log without its last commit, and the head it had."""
    log = es.EventLog.temporary(events=bank.EVENTS, clock=es.Clock("2024-01-01"))
    bank.acc_123(log)
    folder = tampering.Folder(log)
    folder.commits[-1].unlink()
    return folder, log.head()


def a_nap():
    """Give the run in which w1 sleeps with an event in hand, and nobody fences."""
    return consume(
        traffic.nine_uploads(),
        partitions=9,
        handler=traffic.status,
        way=AT_LEAST_ONCE,
        every=1,
        fenced=False,
        script=[Pause(at=13, member="w1", ticks=16)],
    )


PRICES = {"up": ["90.00", "100.00"], "down": ["110.00", "100.00"], "typo": ["100.00"]}
CACHED = {key: Decimal("5.00") for key in "abcde"}
THREE = workers.spread(video.the_race().messages, 3)
RECOMPUTED = {key: Decimal("7.00" if key == "b" else "5.00") for key in "abcde"}
GIVEN = {
    "00.1": (FILTER_ROWS, "2024-01-15"),
    "01.1": ("100.00", PRICES),
    "01.3": (waiting.tried(),),
    "02.1": ("500.00", ["500.00", "500.00"]),
    "02.4": cut_copy(),
    "03.2": (video_events(),),
    "04.1": (ada_log(), "ada", "2024-01-31"),
    "05.1": (dora_events(), 2),
    "05.3": (ada_log(), "ada", 3, "2024-01-15"),
    "06.1": (CACHED, RECOMPUTED),
    "09.2": (a_nap(),),
    "09.4": (9, 19, 27),
    "10.1": (CHECK_THEN_MARK, 2),
    "10.3": (["e1", "e2", "e3"], "e1"),
    "20.1": ({**CACHED, "b": Decimal("7.00")}, CACHED),
    "07.1": (THREE, lambda row, message: video.written(row, message.event)),
    "08.2": (grow(traffic.uploads(), 3, 4, at=24, pace=[2, 4, 2, 2]),),
    "08.4": (advise(traffic.sales(200), traffic.IDS, 9),),
}
TRUTH = {
    "00.1": "500.00",
    "01.1": "3 of 3",
    "01.3": "writer two alone",
    "02.1": "-500.00",
    "02.4": l02.KEPT,
    "03.2": "2 of 3",
    "04.1": "370.00",
    "05.1": "225.00",
    "05.3": "4",
    "06.1": "5",
    "09.2": "2",
    "09.4": "1",
    "10.1": "200",
    "10.3": "e2, e3, e1",
    "20.1": "4 of 5",
    "07.1": "0 of 2",
    "08.2": "2",
    "08.4": "user",
}


def chosen(number, seed=0):
    """Give what is said to each letter, by the text of its answer."""
    shown = [
        lessons.predict(number, letter, *GIVEN[number], seed=seed) for letter in LETTERS
    ]
    return {dict(one.answers)[x]: one for one, x in zip(shown, LETTERS, strict=True)}


@pytest.mark.parametrize("number", [one.number for one in PREDICTIONS])
def test_one_answer_is_right_and_each_wrong_one_has_its_reason(number):
    """Of four answers exactly the true one passes; all are answered differently."""
    verdicts = {text: shown.verdict for text, shown in chosen(number).items()}
    assert [text for text, one in verdicts.items() if one.passed] == [TRUTH[number]]
    assert len({one.text.split(": ", 1)[1] for one in verdicts.values()}) == 4


@pytest.mark.parametrize("number", [one.number for one in PREDICTIONS])
def test_an_open_prediction_gives_nothing_away(number):
    """Without a letter the question stands there, and the way to answer it."""
    shown = lessons.predict(number, "?", *GIVEN[number])
    assert not shown.verdict.passed
    assert "put A, B, C or D in place of" in repr(shown)
    assert len(repr(shown).splitlines()) == 6


@pytest.mark.parametrize("number", [one.number for one in PREDICTIONS])
def test_a_wrong_answer_does_not_name_the_right_one(number):
    """Who is wrong may choose again."""
    wrong = [one.verdict for one in chosen(number).values() if not one.verdict]
    assert all(f" {TRUTH[number]}" not in one.text for one in wrong)


def test_the_truth_follows_the_live_parameters():
    """Other events and another day have another right answer."""
    rows = [*FILTER_ROWS, ("2024-01-14T00:00:00Z", Decimal("7.00"))]
    asked = [lessons.predict("00.1", x, rows, "2024-01-15") for x in LETTERS]
    right = [dict(one.answers)[x] for one, x in zip(asked, LETTERS, strict=True)]
    truth = [r for r, one in zip(right, asked, strict=True) if one.verdict.passed]
    assert truth == ["507.00"]
    asked = [lessons.predict("01.1", x, "90.00", PRICES) for x in LETTERS]
    right = [dict(one.answers)[x] for one, x in zip(asked, LETTERS, strict=True)]
    truth = [r for r, one in zip(right, asked, strict=True) if one.verdict.passed]
    assert truth == ["0 of 3"]
    asked = [lessons.predict("02.1", x, 90, [50, 60]) for x in LETTERS]
    right = [dict(one.answers)[x] for one, x in zip(asked, LETTERS, strict=True)]
    truth = [r for r, one in zip(right, asked, strict=True) if one.verdict.passed]
    assert truth == ["-20"]
    two = video_events()[1:]
    asked = [lessons.predict("03.2", x, two) for x in LETTERS[:3]]
    right = [dict(one.answers)[x] for one, x in zip(asked, LETTERS[:3], strict=True)]
    truth = [r for r, one in zip(right, asked, strict=True) if one.verdict.passed]
    assert truth == ["1 of 2"]


def test_the_truth_of_a_crash_follows_the_way():
    """Another way loses the deposit, and another event fails elsewhere."""
    for number, given, wanted in (
        ("10.1", (AT_MOST_ONCE, 1), "0"),
        ("10.1", (CHECK_THEN_MARK, 3), "100"),
        ("10.3", (["e1", "e2", "e3"], "e2"), "e1, e3, e2"),
    ):
        asked = [lessons.predict(number, x, *given) for x in LETTERS]
        truth = [
            dict(one.answers)[x]
            for one, x in zip(asked, LETTERS, strict=False)
            if one.verdict.passed
        ]
        assert truth == [wanted]


def test_a_neighbour_can_not_be_copied():
    """The right letter differs between neighbouring seeds, and all letters occur."""
    for prediction in PREDICTIONS:
        right = [shuffled(prediction.number, seed).index("0") for seed in range(SEEDS)]
        pairs = itertools.pairwise(right)
        assert all(one != other for one, other in pairs)
        assert set(right) == set(range(4))


def test_a_guess_at_the_race_follows_its_order():
    """07.1: where the newest event is in the last hand of two, one order is left."""
    two = workers.spread(video.the_race().messages[:2], 2)
    given = two, GIVEN["07.1"][1]
    asked = [lessons.predict("07.1", x, *given) for x in LETTERS]
    pairs = zip(asked, LETTERS, strict=False)
    truth = [dict(one.answers).get(x) for one, x in pairs if one.verdict.passed]
    assert truth == ["0 of 1"]


def test_a_comparison_of_objects_finds_every_one():
    """T7: all five are other objects, one has another value, and kept ones are none."""
    for held, right in ((RECOMPUTED, "5"), (CACHED, "0")):
        asked = [lessons.predict("06.1", x, CACHED, held) for x in LETTERS]
        pairs = zip(asked, LETTERS, strict=True)
        truth = [dict(one.answers)[x] for one, x in pairs if one.verdict.passed]
        assert truth == [right]
    assert sum(CACHED[key] != RECOMPUTED[key] for key in CACHED) == 1


@pytest.mark.parametrize("letter", ["a", " A ", "A"])
def test_a_letter_may_be_small(letter):
    """Letters are read as people write them."""
    upper = ask(l00.FILTER, "A", GIVEN["00.1"], 0)
    assert repr(ask(l00.FILTER, letter, GIVEN["00.1"], 0)) == repr(upper)


@pytest.mark.parametrize("letter", ["E", "", None, 7, "AB"])
def test_what_is_no_letter_is_an_open_question(letter):
    """Anything else is answered like the question mark."""
    opened = ask(l00.FILTER, "?", GIVEN["00.1"], 0)
    assert repr(ask(l00.FILTER, letter, GIVEN["00.1"], 0)) == repr(opened)


# The workshop of lesson 02


@pytest.fixture
def folder():
    """A copy of a log with two accounts and four commits, to spoil."""
    log = es.EventLog.temporary(events=bank.EVENTS, clock=es.Clock("2024-01-01"))
    bank.acc_123(log)
    moved = bank.MoneyWithdrawn(amount="9.00", transaction_id="t")
    opened = bank.AccountOpened(owner="Ben", initial_balance="1.00")
    log.commit([("acc_456", [es.stamped(opened, user_id="u", event_id="e")], 0)])
    log.commit([("acc_456", [moved], 1), ("acc_123", [moved], 3)])
    return tampering.Folder(log)


def test_an_honest_copy_satisfies_all_examiners(folder):
    """Nobody finds anything in a copy that was left alone, or written alike."""
    kept = folder.log.head()
    assert tampering.examined(folder, kept).count == 0
    tampering.rewrite(folder, 2)
    assert tampering.examined(folder, kept).count == 0


@pytest.mark.parametrize(
    ("spoil", "count", "why"),
    [
        (lambda f: flip(f.commits[1]), 3, "do not match its digest"),
        (lambda f: flip(f.path / "log.json"), 3, "do not match its digest"),
        (lambda f: f.commits[1].unlink(), 3, "missing"),
        (lambda f: tampering.edit_row(f, 2, amount="5.00"), 2, "its chain"),
        (lambda f: f.commits[-1].unlink(), 1, "its tail was cut off"),
        (lambda f: tampering.rewrite(f, 6, amount="5.00"), 1, "was rewritten"),
    ],
    ids=["a bit", "log.json", "a file", "a row", "the tail", "everything"],
)
def test_who_finds_what(folder, spoil, count, why):
    """A kept head finds all; verify what is at odds; a read what is damaged."""
    kept, before = folder.log.head(), bank.Account.table(folder.log)
    spoil(folder)
    found = tampering.examined(folder, kept)
    assert found.count == count
    assert [bool(what) for _, what in found.said] == sorted(
        [True] * count + [False] * (3 - count)
    )
    assert why in repr(found)
    assert folder.log.verify(kept).ok
    assert bank.Account.table(folder.log).equals(before)


def flip(path):
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_forged_row_is_read_as_if_it_were_true(folder):
    """What a forger wrote is what a reader gets, in both ways of forging."""
    for forge in (tampering.edit_row, tampering.rewrite):
        copy = tampering.Folder(folder.log)
        forge(copy, 2, amount="5.00")
        assert bank.Account.hydrate(copy.reopened(), "acc_123").balance == 346
    with pytest.raises(es.NotFound, match="no column colour"):
        tampering.edit_row(folder, 2, colour="red")
    with pytest.raises(es.NotFound, match="position 7"):
        tampering.rewrite(folder, 7, amount="1.00")


def test_a_copy_vanishes_and_an_empty_log_has_none(folder):
    """What was spoiled is gone with its object; without a file there is no copy."""
    copy = tampering.Folder(folder.log)
    path = copy.path
    assert path.exists()
    del copy
    gc.collect()
    assert not path.exists()
    with pytest.raises(es.NotFound, match="no folder to copy"):
        tampering.Folder(es.EventLog.temporary(events=bank.EVENTS))


# The course


def test_numbers_are_looked_up_kindly():
    """An unknown number, or one of the other kind, says what there is."""
    with pytest.raises(
        es.NotFound, match=r"no exercise '9\.9'; there are 00\.1, 00\.2"
    ):
        lessons.check("9.9", None)
    with pytest.raises(es.NotFound, match=r"00\.1 is a prediction"):
        lessons.check("00.1", None)
    with pytest.raises(es.NotFound, match=r"00\.2 is an exercise"):
        lessons.predict("00.2", "A")
    with pytest.raises(es.NotFound, match="no lesson '44'; there are 00, "):
        course.lesson("44")


def test_tasks_are_numbered_in_order():
    """A lesson whose numbers have a gap can't be declared."""
    with pytest.raises(es.DefinitionConflict, match=r"number them 00\.1"):
        Lesson(name="00_start_here", title="Start", minutes=1, tasks=(l00.KEPT,))


def test_a_route_takes_what_its_lessons_take():
    """Minutes are added up, never written by hand."""
    for route in course.ROUTES:
        assert route.minutes == sum(course.lesson(n).minutes for n in route.numbers)
        assert f"| {route.minutes} |" in course.routes()


def test_the_tasks_of_a_lesson_leave_time_for_the_rest():
    """Predictions and exercises take at most two thirds of a lesson's minutes."""
    for lesson in course.LESSONS:
        assert sum(task.minutes for task in lesson.tasks) <= lesson.minutes * 2 / 3


def test_solutions_do_what_they_say_on_every_trial():
    """No solution raises on a trial, so equal outcomes never mean equal errors."""
    for exercise in EXERCISES:
        assert not [
            x for x in outcomes(exercise, exercise.solution) if "Stopped" in repr(x)
        ]
