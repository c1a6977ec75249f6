"""Stages tell the truth: every number, sentence and answer follows from the events."""

import json
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traitlets import TraitError

import esbench as es
from esbench import widgets
from esbench.domains import bank, video
from esbench.errors import InvalidFrame, NotFound
from esbench.lessons import designs
from esbench.lessons.letters import LETTERS, SEEDS, shuffled
from esbench.projection import projection
from esbench.widgets import sources
from esbench.widgets.predictions import pick
from esbench.widgets.stage import page_json
from esbench.widgets.state_and_events import LABELS, predictions
from esbench.widgets.story import clip
from esbench.workers import LAST_WRITE_WINS, simulated
from esbench.workers.simulated import load

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def stage():
    """The hydration stage with its known stories."""
    return widgets.hydration()


@pytest.fixture
def ada():
    """A log with Ada's late withdrawal and her correction."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(events=bank.EVENTS, clock=clock)
    bank.ada(log, clock)
    return log


def tab(stage, number=0):
    """Give the table of one tab."""
    return stage._table["tabs"][number]


def test_states_and_sentences_of_acc_123(stage):
    """The known story reads 500.00, 700.00, 550.00."""
    assert tab(stage)["texts"] == ["nothing", "500.00", "700.00", "550.00"]
    assert tab(stage)["findings"] == [
        "acc_123 has 3 events and none is applied yet: there is no balance.",
        "After event 1 of 3 the balance is 500.00.",
        "After event 2 of 3 the balance is 700.00: 500.00 + 200.00.",
        "After event 3 of 3 the balance is 550.00: 700.00 − 150.00.",
    ]


def test_a_swap_forgiven_by_the_bank_and_not_by_the_video(stage):
    """The bank ends where it would have; the video ends in processing."""
    assert tab(stage)["what_ifs"]["swap 2"]["finding"] == (
        "Same end, 550.00, but the lowest balance falls from 500.00 to 350.00."
    )
    swapped = tab(stage, 1)["what_ifs"]["swap 2"]
    assert swapped["finding"] == (
        "The end differs: processing instead of success "
        "(uploaded, success, processing)."
    )
    assert not swapped["same"]


def test_every_card_has_its_what_ifs(stage):
    """Skip and double stand on each card, swap on each but the last."""
    assert list(tab(stage)["what_ifs"]) == [
        *("skip 1", "double 1", "swap 1"),
        *("skip 2", "double 2", "swap 2"),
        *("skip 3", "double 3"),
    ]


def test_the_lines_of_python_give_what_the_stage_says(stage):
    """Each line, run as it stands, gives the value that the stage shows."""
    logs = {"log": sources.account_log(), "video_log": sources.video_log()}
    for number, (name, log) in enumerate(logs.items()):
        names = {name: log, "bank": bank, "video": video}
        table = tab(stage, number)
        for place in (1, 2, 3):
            assert str(eval(table["python"][place], names)) == table["texts"][place]
        for one in table["what_ifs"].values():
            *doing, last = one["python"].split("; ")
            for line in doing:
                exec(line, names)
            assert str(eval(last, names)) == one["end"]


def test_an_arm_shows_all_that_its_event_does(stage):
    """The opening sets the balance and the status; no arm is left half told."""
    arms = dict(tab(stage)["arms"])
    assert arms["AccountOpened()"] == "balance += initial_balance; status = 'open'"
    assert arms["AccountClosed()"] == "status = 'closed'"


def test_each_typical_mistake_has_its_reason(stage):
    """Adding the withdrawal gives 850.00, and the stage says so."""
    answers = dict(tab(stage)["answers"][2])
    assert answers == {
        "550.00": "",
        "850.00": "you added the withdrawal",
        "700.00": "you left the withdrawal out",
        "350.00": "you started from the first state, not the one before",
    }


@given(
    changes=st.lists(
        st.decimals(min_value="0.01", max_value="900", places=2).map(str), max_size=4
    ),
    signs=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_there_are_four_answers_and_one_is_right(changes, signs):
    """Whatever the amounts, four texts differ and the right one is the state."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    told = [bank.AccountOpened(owner="Ada", initial_balance="500.00")]
    for number, change in enumerate(changes):
        kind = bank.MoneyDeposited if signs[number] else bank.MoneyWithdrawn
        told.append(kind(amount=change, transaction_id=f"t{number}"))
    log.append("a", [*told, bank.AccountClosed()])
    table = tab(widgets.hydration(log, "a"))
    for place, answers in enumerate(table["answers"]):
        assert len({text for text, _ in answers}) == len(LETTERS)
        right = [text for text, reason in answers if not reason]
        assert right == [table["texts"][place + 1]]


@given(question=st.text(max_size=20), seed=st.integers(-100, 100))
def test_neighbouring_seeds_have_the_right_answer_elsewhere(question, seed):
    """The letters are a shuffle, alike for a seed, another for the next one."""
    here, beside = shuffled(question, seed), shuffled(question, seed + 1)
    assert sorted(here) == list("0123")
    assert here == shuffled(question, seed + SEEDS)
    if (seed + 1) % SEEDS:
        assert here.index("0") != beside.index("0")


def test_pick_takes_the_first_different_ones():
    """A mistake that gives the right answer is no answer."""
    slips = [("a", "x"), ("b", "one"), ("b", "two"), ("c", "y"), ("d", "z")]
    assert pick("a", slips) == (("a", ""), ("b", "one"), ("c", "y"), ("d", "z"))


def test_corrections_and_late_events_are_marked(ada):
    """A reversal is a correction; what came after a later event is late."""
    marks = [card[4] for card in tab(widgets.hydration(ada, "ada"))["cards"]]
    assert marks == ["", "", "", "correction", "late"]


def test_a_past_can_be_told_too(ada):
    """As known on Feb 2, Ada's story has three events and ends at 550.00."""
    table = tab(widgets.hydration(ada.as_of(recorded="2024-02-02"), "ada"))
    assert table["texts"] == ["nothing", "500.00", "700.00", "550.00"]


def test_any_projection_can_be_told(ada):
    """A plain evolve, whose state is a bare number, has a staircase and a line."""
    count = projection(lambda state, _: (state or 0) + 1, name="count")
    stage = widgets.hydration(ada, "ada", projection=count)
    stage.at = 5
    assert stage.finding == "After event 5 of 5 the state is 5: 4 + 1."
    assert stage.python == 'count.hydrate(log, "ada")'


def test_what_ifs_of_long_stories_are_told_by_their_differences():
    """A table of two hundred events stays small, and decodes to the real fold."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    opened = bank.AccountOpened(owner="Ada", initial_balance="100.00")
    moves = [
        bank.MoneyDeposited(amount=str(number % 7 + 1), transaction_id=f"t{number}")
        for number in range(200)
    ]
    log.append("a", [opened, *moves])
    table = tab(widgets.hydration(log, "a"))
    assert len(json.dumps(table)) < 400_000
    real, one = table["values"], table["what_ifs"]["double 100"]
    assert one["from"] == 99
    assert one["slots"][0][1][0] == real[100] + float(moves[98].amount)
    assert one["shift"] == float(moves[98].amount)


def test_the_filter_of_the_source_text_loses_the_day():
    """On Jan 15 the filter says 500.00 and the log 700.00; on Jan 16 they agree."""
    stage = widgets.small_time_machine(predict=False)
    assert repr(stage) == (
        "SmallTimeMachine: At the end of Jan 15 the balance is 700.00; "
        "the text filter says 500.00."
    )
    assert str(stage.day) == "2024-01-15"
    stage.at += 1
    assert stage.finding.endswith("the balance is 700.00; the text filter agrees.")
    stage.at = 0
    assert stage.finding == (
        "At the end of Dec 31 there is no acc_123: it begins on Jan 1."
    )


def test_the_time_machine_agrees_with_as_of(ada):
    """Every day's value is what the log itself says about that day."""
    table = widgets.small_time_machine(ada, "ada")._table
    for iso, known in zip(table["iso"], table["known"], strict=True):
        if known is None:
            with pytest.raises(NotFound):
                bank.Account.hydrate(ada.as_of(iso), "ada")
        else:
            state = bank.Account.hydrate(ada.as_of(iso), "ada")
            assert state.balance == Decimal(known.replace("−", "-"))


def test_a_line_needs_a_number():
    """A projection of texts alone is refused with what to give instead."""
    with pytest.raises(InvalidFrame, match=r"total, such as bank\.Account"):
        widgets.small_time_machine(
            sources.video_log(), "vid_123", projection=video.Video
        )


def test_an_unknown_aggregate_is_not_found():
    """A stage about nobody is refused where it is made."""
    with pytest.raises(NotFound, match="acc_999"):
        widgets.hydration(sources.account_log(), "acc_999")


def test_traits_refuse_what_is_not_there(stage):
    """A place or a tab that does not exist is refused, naming those that do."""
    with pytest.raises(TraitError, match="it goes from 0 to 3"):
        stage.at = 4
    with pytest.raises(TraitError, match="there are Account, Video"):
        stage.tab = "Bank"


def traced():
    """Give a run of four videos, ready to be watched."""
    work = load(video.the_race(), 4)
    return widgets.traced(simulated(work, LAST_WRITE_WINS))


MAKERS = [
    widgets.consumer_group,
    widgets.failures,
    widgets.hydration,
    widgets.partitions,
    widgets.small_time_machine,
    widgets.snapshot,
    widgets.state_and_events,
    traced,
]


@pytest.mark.parametrize("make", MAKERS)
def test_png_sentence_and_live_view_come_together(make):
    """The bundle holds all three; the PNG is alike on every run and below 60 kB."""
    stage = make()
    data, metadata = stage._repr_mimebundle_()
    assert data["text/plain"] == repr(stage) == metadata["image/png"]["alt"]
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} < set(data)
    assert stage.picture().startswith(PNG)
    assert len(stage.picture()) < 60_000
    assert stage.picture() == make().picture()
    assert "0x" not in repr(stage)


def test_the_png_is_alike_in_another_process():
    """Two processes draw the same bytes."""
    code = (
        "import hashlib; from esbench import widgets; s = widgets.hydration(); "
        "s.at = 2; print(hashlib.sha256(s.picture()).hexdigest())"
    )
    run = [sys.executable, "-c", code]
    first, second = (
        subprocess.run(run, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    )
    assert first == second != ""


@pytest.mark.parametrize(
    "evil",
    [
        "</script><script>alert(1)</script>",
        "$x^2$ \\frac",
        "\u2028\x00\x1b[31m",
        "🙂" * 300,
    ],
)
def test_hostile_texts_are_clipped_and_escaped(evil):
    """Any text can be drawn, and none ends the script of a page."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append(evil, [bank.AccountOpened(owner=evil, initial_balance="1.00")])
    for make in (widgets.hydration, widgets.small_time_machine):
        stage = make(log, evil, predict=False)
        assert stage.picture().startswith(PNG)
        assert stage.site_html().count("</script>") == 1
        assert "\u2028" not in stage.site_html()
        assert repr(stage).isprintable()


@given(st.text())
def test_page_json_is_json_and_no_markup(text):
    """What stands in a page's script is the same text, without a bracket."""
    written = page_json({"said": text})
    assert json.loads(written) == {"said": text}
    assert not set("<>&\u2028\u2029") & set(written)


def test_clip_keeps_one_line():
    """Line breaks and control signs become spaces, long texts end in an ellipsis."""
    assert clip("a\nb\x00 c") == "a b c"
    assert clip("x" * 300, 10) == "xxxxxxxxx…"


def test_the_site_shows_pages_instead_of_widgets(stage, monkeypatch):
    """While the site is made, a stage shows itself as a piece of a page."""
    monkeypatch.setenv("ESBENCH_SITE", "1")
    data, _ = stage._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html"}
    page = data["text/html"]
    assert "import(" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_time_machine_asks_about_a_chosen_day():
    """The question, the truth and the filter's slip are those of the day chosen."""
    stage = widgets.small_time_machine(day="2024-01-20")
    assert stage.finding == "What was the balance at the end of Jan 20?"
    told = dict(stage._table["answers"])
    assert list(told)[:2] == ["550.00", "700.00"]
    assert "the withdrawal is lost" in told["700.00"]
    with pytest.raises(es.NotFound, match="ask about a day from 2024-01-01"):
        widgets.small_time_machine(day="2023-12-31")


# State and events


def answered(key):
    """Give the stage with one question asked and answered."""
    stage = widgets.state_and_events(predict=False)
    stage.at = 5 + list(LABELS).index(key)
    return stage


def test_a_row_is_overwritten_and_events_are_kept():
    """Each change replaces the row; four of five become events, none is lost."""
    stage = widgets.state_and_events()
    kept = stage._table["kept"]
    assert [one[0] for one in kept] == [
        [("90.00", "Ann")],
        [("100.00", "Ben")],
        [("95.00", "Cleo")],
        [("110.00", "Cleo")],
        [("105.00", "Ann")],
    ]
    assert [len(one[3]) for one in kept] == [1, 2, 3, 3, 4]
    stage.at = 1
    assert stage.finding == (
        "Jan 10: Ben raises the price to 100.00. "
        "The row now says 100.00, and the 90.00 is gone from it."
    )


@pytest.mark.parametrize(
    ("key", "end"),
    [
        ("who", "All but update in place say Ben."),
        ("why", "Events alone say PriceCorrected."),
        ("known", "Events alone say 100.00, 95.00."),
        ("back", "History table and events say 95.00."),
        ("by hand", "Temporal table alone says 110.00."),
    ],
)
def test_each_question_finds_who_can_answer(key, end):
    """The sentence names exactly the designs whose answer is what happened."""
    stage = answered(key)
    assert stage.finding == f"{designs.question(key).asks} {end}"
    assert repr(stage) == f"StateAndEvents: {stage.finding}"


@pytest.mark.parametrize("question", designs.QUESTIONS, ids=lambda one: one.key)
def test_a_guess_of_designs_is_answered_with_its_mistake(question):
    """Of four sets one is right; each other names a design that it has wrong."""
    (truth, none), *wrong = predictions(question)
    assert truth == designs.named(designs.right(question.key))
    assert none == ""
    assert len({text for text, _ in wrong} - {truth}) == 3
    rights = designs.right(question.key)
    for text, reason in wrong:
        named = next(one for one in designs.DESIGNS if reason.startswith(one))
        assert (named in rights) == ("can, too" in reason)
        assert text in {"all four", "all but update in place"} or (
            (named in text) != (named in rights)
        )


def test_signs_follow_from_what_happened():
    """A design has its tick exactly where its answer is the truth of the story."""
    told = widgets.state_and_events()._table["said"]
    for question, answers in zip(designs.QUESTIONS, told, strict=True):
        for text, is_right, why in answers:
            assert is_right == (text == question.truth)
            assert is_right == (why == "")


def test_no_answer_is_shown_while_a_question_is_open():
    """The sentence of an open question gives nothing away, and asks for a choice."""
    stage = widgets.state_and_events()
    stage.at, stage.asking = 6, True
    assert stage.finding == (
        "Was the 95.00 a bargain, or a mistake put right? Which designs can answer?"
    )
    assert stage.picture() != answered("why").picture()


def test_the_lines_of_python_give_rows_and_answers():
    """Each line, run as it stands, gives what the four boxes show."""
    stage = widgets.state_and_events()
    names = {"designs": designs}
    for at, line in enumerate(stage._table["python"]):
        told = list(eval(line, names).values())
        if at < 5:
            assert told == stage._table["kept"][at]
        else:
            assert told == [text for text, _, _ in stage._table["said"][at - 5]]


def test_a_place_beyond_the_last_question_is_refused():
    """There are five changes and five questions."""
    with pytest.raises(TraitError, match="it goes from 0 to 9"):
        widgets.state_and_events().at = 10
