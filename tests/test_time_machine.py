"""The time machine tells the truth: every figure is what the log says there."""

import json
from datetime import date
from decimal import Decimal

import pytest
from traitlets import TraitError

import esbench as es
from esbench import analysis, widgets
from esbench.domains import bank, inventory, video
from esbench.errors import InvalidFrame, NotFound
from esbench.widgets import sources
from esbench.widgets.plane import Plane, Town

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def log():
    """Ada's log."""
    return sources.ada_log()


@pytest.fixture
def stage(log):
    """Ada's time machine, without a question."""
    return widgets.time_machine(log, "ada", day="2024-01-31", predict=False)


@pytest.fixture(scope="module")
def town():
    """A log of made-up traffic with many late events."""
    made = es.EventLog.temporary(events=bank.EVENTS)
    made.append_frame(bank.traffic(accounts=30, events=2_000, seed=5, late=0.2))
    return made


def balance(log, key, about, known):
    """Give what the log says, None where it says nothing."""
    try:
        return bank.Account.hydrate(log.as_of(about, recorded=known), key).balance
    except NotFound:
        return None


def test_the_axes_hold_the_days_on_which_an_answer_changes(stage):
    """Ada's plane has the days of her events, and the one asked about."""
    days = [f"{day:%m-%d}" for day in stage.plane.days]
    assert days == ["01-01", "01-15", "01-20", "01-31", "02-02", "02-05"]


def test_every_cell_is_what_the_log_says(log, stage):
    """All 36 cells of Ada's plane are what ``hydrate`` gives there."""
    plane = stage.plane
    for x, about in enumerate(plane.days):
        for y, known in enumerate(plane.days):
            assert plane.value(x, y) == balance(log, "ada", about, known)


def test_cells_of_made_up_traffic_are_what_the_log_says(town):
    """A sample of the plane of a long account agrees with ``hydrate``, too."""
    key = bank.Account.table(town)["aggregate_id"][3]
    plane = widgets.time_machine(town, key).plane
    total = len(plane.days)
    assert total > 60
    for x in range(0, total, 9):
        for y in range(0, total, 7):
            about, known = plane.days[x], plane.days[y]
            assert plane.value(x, y) == balance(town, key, about, known)


def test_the_script_s_table_decodes_to_the_plane(town):
    """What the browser looks up is the plane, cell by cell."""
    stage = widgets.time_machine(town)
    plane, table = stage.plane, stage._table["accounts"][stage.account]
    for x in range(0, len(plane.days), 5):
        for y in range(len(plane.days)):
            at = [index for start, index in table["columns"][x] if start <= y]
            text = table["texts"][at[-1]] if at else "nothing"
            value = plane.value(x, y)
            assert text == ("nothing" if value is None else str(value))


def test_the_sentence_and_its_three_figures(stage):
    """About Jan 31 there were three answers, each with its day."""
    assert repr(stage) == (
        "TimeMachine: About Jan 31: known on Jan 31, 700.00; on Feb 2, 550.00; "
        "on Feb 5, 370.00."
    )
    stage.at = stage.known = 0
    assert stage.finding == "About Jan 1: 500.00 that day, and the same ever after."


def test_the_line_of_python_gives_the_figure(log, stage):
    """Each line, run as it stands, gives what the cross-hair stands on."""
    names = {"log": log, "bank": bank, "analysis": analysis}
    for x in range(6):
        for y in range(x, 6):
            stage.at, stage.known = x, y
            assert eval(stage.python, names) == stage.plane.value(x, y)
    assert "recorded" not in stage.python


def test_marks_tell_late_events_and_corrections(stage):
    """Two events were on time, two late, one is a correction; each has its place."""
    assert [(m.x, m.y, m.kind) for m in stage.plane.marks] == [
        (0, 0, "on time"),
        (1, 1, "on time"),
        (2, 4, "late"),
        (1, 5, "correction"),
        (1, 5, "late"),
    ]
    assert stage.plane.marks[2].label == "withdrawal txn_789"
    assert stage.plane.marks[2].said == "−150.00"


def test_the_question_has_one_right_answer(log):
    """The statement of Jan 31 said 700.00, and each wrong figure has its reason."""
    stage = widgets.time_machine(log)
    assert stage.plane.asked_day == date(2024, 1, 31)
    assert stage.finding == (
        "On Jan 31 a statement about that day was printed. Which balance?"
    )
    answers = dict(stage._table["accounts"]["ada"]["answers"])
    assert list(answers) == ["700.00", "370.00", "550.00", "500.00"]
    assert answers["700.00"] == ""
    assert answers["550.00"] == "that was known from Feb 2 on"


def test_without_late_events_there_is_a_plane_too():
    """acc_123, where all was on time, has a question of four answers as well."""
    stage = widgets.time_machine(sources.account_log())
    table = stage._table["accounts"]["acc_123"]
    assert len(table["answers"]) == 4
    assert stage.plane.finding(0).endswith("the same ever after.")


def test_the_counts_are_those_of_changed(town):
    """Each cell of all accounts is what ``analysis.changed`` lists, ten named."""
    stage = widgets.time_machine(town)
    table = stage._table["all"]
    total = len(table["days"])
    seen = 0
    for x in range(0, total, 2):
        for y in range(x, total):
            report = analysis.changed(town, table["iso"][x], table["iso"][y])
            assert table["counts"][x][y] == report.table.height
            rows = {r["aggregate_id"]: r for r in report.table.rows(named=True)}
            listed = table["listed"][x][y]
            assert len(listed) == min(10, report.table.height)
            for key, _, now, gap in listed:
                assert str(rows[key]["new"]) == now.replace("−", "-")
                assert rows[key]["difference"] == Decimal(gap.replace("−", "-"))
            seen += report.table.height
    assert seen


def test_all_accounts_have_a_sentence_and_a_line(log):
    """The second screen counts, and its line lists those that it counts."""
    stage = widgets.time_machine(log, day="2024-01-31", predict=False)
    stage.tab = "all"
    stage.at = stage.known = stage.town.days.index(date(2024, 1, 31))
    assert stage.finding == (
        "About Jan 31, as known on Jan 31: 1 of 1 account differs from what is known "
        "now."
    )
    report = eval(stage.python, {"log": log, "analysis": analysis})
    assert report.table.height == 1


def test_an_account_that_was_recorded_late_is_counted():
    """Opened with nothing and recorded behind the day, it was not known then."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(events=bank.EVENTS, clock=clock)
    bank.ada(log, clock)
    opened = bank.AccountOpened(owner="Eve", initial_balance="0.00")
    log.append("eve", [opened], occurred_at="2024-01-10T00:00Z")
    table = widgets.time_machine(log, "ada", day="2024-01-31")._table["all"]
    x = table["iso"].index("2024-01-31")
    assert table["counts"][x][x] == 2
    assert ["eve", "–", "0.00", "+0.00"] in table["listed"][x][x]


def test_another_account_is_brought_on_demand(town):
    """Choosing an account adds its plane; an unknown one is told, and nothing moves."""
    stage = widgets.time_machine(town, predict=False)
    first = stage.account
    other = next(key for key in stage._table["offered"] if key != first)
    stage.account = other
    assert set(stage._table["accounts"]) == {first, other}
    assert stage.at == stage.known == stage.plane.asked
    stage.account = "nobody"
    assert stage.account == other
    assert "nobody" in stage.problem


def test_any_number_of_any_log_has_a_plane():
    """Stock on a shelf, by another projection, with its own line of Python."""
    clock = es.Clock("2023-12-01")
    log = es.EventLog.temporary(events=inventory.EVENTS, clock=clock)
    inventory.lamp(log, clock)
    stage = widgets.time_machine(log, projection=inventory.Stock, predict=False)
    assert stage.finding == (
        "About 2023-12-31: known on 2023-12-31, 37; on 2024-01-03, 35."
    )
    assert eval(stage.python, {"log": log, "inventory": inventory}) == 37
    counted = widgets.time_machine(log, projection=inventory.Stock, field="counted")
    assert counted.town is None
    with pytest.raises(TraitError, match="there are one"):
        counted.tab = "all"


def test_a_plain_function_has_a_plane(log):
    """A count by a plain ``evolve`` is a number, too; it has one screen."""
    count = es.projection(lambda state, _: (state or 0) + 1, name="count")
    stage = widgets.time_machine(log, "ada", projection=count, predict=False)
    assert stage.finding.startswith("About Jan 31: known on Jan 31, 2; on Feb 2, 3;")
    assert eval(stage.python, {"log": log, "count": count}) == 2


def test_a_past_has_a_plane(log):
    """As known on Feb 2, there is no Feb 5."""
    past = log.as_of(recorded="2024-02-02")
    stage = widgets.time_machine(past, "ada", day="2024-01-31", predict=False)
    assert stage.finding == "About Jan 31: known on Jan 31, 700.00; on Feb 2, 550.00."


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        ({"account": "eve"}, NotFound, "eve"),
        ({"account": "ada", "day": "2023-12-31"}, NotFound, "begins on 2024-01-01"),
        ({"account": "ada", "field": "owner"}, InvalidFrame, "is no number"),
        ({"projection": video.Video}, InvalidFrame, "holds no number"),
    ],
)
def test_what_has_no_plane_is_refused(log, ask, error, said):
    """Where the stage is made it is said what is missing."""
    with pytest.raises(error, match=said):
        widgets.time_machine(log, **ask)


def test_an_empty_log_is_refused():
    """Without an account there is nothing to show."""
    with pytest.raises(NotFound, match="no account yet"):
        widgets.time_machine(es.EventLog.temporary(events=bank.EVENTS))


def test_places_beside_the_plane_are_refused(stage):
    """A day that is not on the axis is refused; the other screen has its own days."""
    with pytest.raises(TraitError, match="known is 6; it goes from 0 to 5"):
        stage.known = 6
    stage.tab = "all"
    assert stage.finding


@pytest.mark.parametrize("tab", ["one", "all"])
def test_png_and_page_carry_the_sentence(stage, tab):
    """Both screens have a small PNG, alike on every run, and a page without modules."""
    stage.tab = tab
    data, metadata = stage._repr_mimebundle_()
    assert data["text/plain"] == repr(stage) == metadata["image/png"]["alt"]
    assert stage.picture().startswith(PNG)
    assert stage.picture() == stage.picture()
    assert len(stage.picture()) < 60_000
    assert "import(" not in stage.site_html()


@pytest.mark.parametrize("evil", ["</script><script>alert(1)</script>", "$x^2$ \u2028"])
def test_hostile_texts_are_clipped_and_escaped(evil):
    """Any id can be drawn, and none ends the script of a page."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append(evil, [bank.AccountOpened(owner=evil, initial_balance="1.00")])
    stage = widgets.time_machine(log, predict=False)
    for stage.tab in ("one", "all"):
        assert stage.picture().startswith(PNG)
        assert stage.site_html().count("</script>") == 1
        assert repr(stage).isprintable()


def test_two_hundred_events_make_a_small_table():
    """The table of an account with many days stays below half a megabyte."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append_frame(bank.traffic(accounts=1, events=200, seed=3, late=0.3))
    stage = widgets.time_machine(log)
    assert len(stage.plane.days) > 150
    assert len(json.dumps(stage._table)) < 500_000


def test_planes_know_no_widgets():
    """A plane and a town can be asked without a stage."""
    log = sources.ada_log()
    plane = Plane(story=sources.story_of(log, "ada", bank.Account))
    assert plane.value(plane.asked, plane.asked) == Decimal("700.00")
    number = analysis.measure.measure_of(bank.Account)
    assert Town(measure=number, log=log).accounts == 1
