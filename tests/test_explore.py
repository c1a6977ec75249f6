"""The analyst's form answers as the log does, and says in place what it can't."""

import datetime as dt
import html
import re
import subprocess
import sys
from pathlib import Path

import ipywidgets
import polars as pl
import pytest

import esbench as es
from esbench import analysis, widgets
from esbench.domains import bank, inventory, shop, video
from esbench.errors import InvalidFrame, NotFound
from esbench.widgets import sources
from esbench.widgets.asked import OFFERED, Desk

ROOT = Path(__file__).parents[1]
EXTRACT = (ROOT / "data" / "extract.csv").read_bytes()
PNG = b"\x89PNG\r\n\x1a\n"
EVIL = "</code><script>alert(1)</script>"


@pytest.fixture
def log():
    """Ada's log."""
    return sources.ada_log()


@pytest.fixture(scope="module")
def town():
    """A log of made-up traffic with many late events."""
    made = es.EventLog.temporary(events=bank.EVENTS)
    made.append_frame(bank.traffic(accounts=200, events=4_000, seed=5, late=0.2))
    return made


def choose(upload, *files):
    """Put files into a chooser, as a browser does."""
    upload.value = tuple(
        {
            "name": name,
            "type": "text/csv",
            "size": len(data),
            "content": memoryview(data),
            "last_modified": dt.datetime(2024, 4, 1, tzinfo=dt.UTC),
        }
        for name, data in files
    )


def words(widget):
    """Give the text of an HTML widget."""
    return html.unescape(re.sub(r"<[^>]+>", " ", widget.value))


@pytest.mark.parametrize(
    ("known", "figure", "now"),
    [
        ("2024-01-31", "700.00", "Now it is 370.00, 330.00 less."),
        ("2024-02-02", "550.00", "Now it is 370.00, 180.00 less."),
        ("2024-02-05", "370.00", "Now it is the same."),
    ],
)
def test_ada_has_three_answers_about_one_day(log, known, figure, now):
    """About Jan 31 the form says what was known on each day, and what is known now."""
    form = es.explore(log, "ada", about="2024-01-31", known=known)
    start = f"ada, about 2024-01-31, as known on {known}: balance {figure}. {now}"
    assert form.finding.startswith(start)
    assert repr(form) == f"Explorer: {form.finding}"


@pytest.mark.parametrize("account", ["", "acc_007"])
@pytest.mark.parametrize("about", [None, "2023-12-31"])
@pytest.mark.parametrize("known", [None, "2023-12-31"])
def test_the_lines_of_python_give_what_the_form_says(town, account, about, known):
    """The first line gives the rows, and the second exists where they changed."""
    form = es.explore(town, account, about=about, known=known)
    names = {"log": town, "bank": bank, "analysis": analysis}
    assert eval(form.python, names).equals(form.table)
    why = re.findall(r"analysis\.changed\(.*?\)(?=<)", html.unescape(form._lines.value))
    changed = "other figure" in form.finding or "Now it is" in form.finding
    assert bool(why) == (changed and "the same" not in form.finding)
    for line in why:
        table = eval(line, names).table
        told = re.search(r"Now ([\d,]+) ha", form.finding)
        assert account in table["aggregate_id"] or int(told[1]) == table.height


def test_a_receipt_gives_the_rows_again(town):
    """The form's receipt names a past that never changes."""
    form = es.explore(town, about="2023-06-30", known="2023-06-30")
    past = eval(form.receipt.call, {"log": town})
    assert bank.Account.table(past).equals(form.table)
    assert (form.receipt.read, form.receipt.head) == (len(past), str(past.head()))


def test_controls_are_linked(log):
    """A control that is changed alone changes sentence, rows, picture and line."""
    form = es.explore(log)
    seen = [(form.finding, form._rows.value, form._image.value, form.python)]
    form.account.value = "ada"
    seen.append((form.finding, form._rows.value, form._image.value, form.python))
    form.about.value = dt.date(2024, 1, 31)
    seen.append((form.finding, form._rows.value, form._image.value, form.python))
    form._then.click()
    seen.append((form.finding, form._rows.value, form._image.value, form.python))
    assert all(len(set(column)) == 4 for column in zip(*seen, strict=True))
    assert form.known.value == form.about.value
    form._now.click()
    assert form.known.value is None
    assert form.finding == seen[2][0]


def test_an_id_is_found_while_it_is_written(town):
    """The box offers the ids that begin so, at most fifty, and the answer waits."""
    form = es.explore(town)
    assert len(form.account.options) == OFFERED
    before = form._said.value
    form.account.value = "acc_01"
    assert form.account.options == tuple(f"acc_{n:03}" for n in range(10, 20))
    assert "10 ids begin so" in words(form._trouble)
    assert form._said.value == before
    form.account.value = "acc_017"
    assert form._trouble.value == ""
    assert form.finding.startswith("acc_017, as known now: balance ")


def test_what_has_no_answer_is_told_in_place(log):
    """A stranger, a day too early: a sentence with a way on; the last answer stays."""
    form = es.explore(log, "ada", about="2024-01-31")
    stays = form._said.value
    form.account.value = "nobody"
    assert form.finding == "there is no account 'nobody'; one near it is 'ada'"
    form.ask(account="ada", about="2023-12-31")
    assert form.finding.startswith("ada began on 2024-01-01 with AccountOpened")
    assert 'role="alert"' in form._trouble.value
    form.account.value = ""
    assert form.finding == (
        "about 2023-12-31, as known now: no account was there yet; its events "
        "happened from 2024-01-01 on, recorded from 2024-01-01 on"
    )
    assert form._said.value == stays
    form.about.value = None
    assert form._trouble.value == ""
    assert form.finding.startswith("1 account, as known now")


def test_a_log_that_grows_is_seen(log):
    """An account that came later is found, and an answer is not an old one."""
    form = es.explore(log, "ada")
    opened = bank.AccountOpened(owner="Bo", initial_balance="1.00")
    log.append("bo", [opened])
    form.account.value = "bo"
    assert form.finding.startswith("bo, as known now: balance 1.00.")


@pytest.mark.parametrize(
    ("types", "tell", "key", "labels"),
    [
        (video.EVENTS, video.vid_123, "vid_123", ["Video"]),
        (inventory.EVENTS, inventory.lamp, "lamp", ["Stock: on_hand"]),
        (shop.EVENTS, shop.lamp, "lamp", ["Product: price"]),
    ],
)
def test_other_domains_have_their_projections(types, tell, key, labels):
    """The chooser offers what fits the log's events; a state needs no number."""
    clock = es.Clock("2023-12-01")
    made = es.EventLog.temporary(events=types, clock=clock)
    tell(made, clock)
    form = es.explore(made, key)
    assert [label for label, _ in form.number.options][:1] == labels
    assert form.finding.startswith(f"{key}, as known now: ")


def test_a_projection_of_ones_own_is_asked(town):
    """A projection that is given is the one offered, with all its numbers."""

    class Paid(es.Projection):
        deposits = es.count(bank.MoneyDeposited)
        paid = es.total((bank.MoneyDeposited, "amount"))

    form = es.explore(town, projection=Paid, field="deposits")
    assert [label for label, _ in form.number.options] == [
        "Paid: deposits",
        "Paid: paid",
    ]
    total = town.scan("MoneyDeposited").select(pl.len()).collect().item()
    assert f"deposits {total:,} in sum" in form.finding
    with pytest.raises(InvalidFrame, match="no field 'owner'"):
        es.explore(town, projection=Paid, field="owner")


def test_a_past_can_be_explored(log):
    """A past of a log is asked like a log, within its own limits."""
    form = es.explore(log.as_of(recorded="2024-02-02"), "ada", about="2024-01-31")
    assert ": balance 550.00." in form.finding
    form.ask(known="2024-03-01")
    assert ": balance 550.00." in form.finding


def test_the_stand_ins_carry_the_sentence(log, monkeypatch):
    """PNG, text and the page's piece say the same; the page has no live control."""
    form = es.explore(log, "ada", about="2024-01-31", known="2024-01-31")
    data, metadata = form._repr_mimebundle_()
    assert data["text/plain"] == repr(form) == metadata["image/png"]["alt"]
    assert form.picture() == form.picture()
    assert form.picture().startswith(PNG)
    monkeypatch.setenv("ESBENCH_SITE", "1")
    page = form._repr_mimebundle_()[0]["text/html"]
    assert html.escape(form.finding) in page
    assert html.escape(form.python) in page
    assert "src=" not in page.replace('src="data:image/png', "")


def test_texts_of_events_stay_texts():
    """An id and an owner full of markup are shown as they are."""
    made = es.EventLog.temporary(events=bank.EVENTS)
    made.append(EVIL, [bank.AccountOpened(owner=EVIL, initial_balance=1)])
    form = es.explore(made, EVIL)
    form.ask(account="")
    shown = [one.value for one in (form._said, form._lines, form._rows, form._image)]
    assert "<script" not in "".join([*shown, form.site_html()])
    choose(upload := ipywidgets.FileUpload(), (EVIL, EVIL.encode()))
    own = es.explore(upload)
    assert "<script" not in own._upload._said.value


def test_what_is_no_log_is_refused():
    """A path is answered with the way that there is."""
    with pytest.raises(InvalidFrame, match=r"this is a str: .*es\.explore\(\)"):
        es.explore("extract.csv")
    with pytest.raises(InvalidFrame, match="say about, known or account"):
        es.explore(sources.ada_log()).ask(day="2024-01-31")
    empty = es.explore(es.EventLog.temporary(events=bank.EVENTS))
    assert empty.finding.startswith("the log has no event yet")
    with pytest.raises(NotFound, match="no event yet"):
        _ = empty.table


# An extract


def test_an_extract_becomes_a_log():
    """Every row is taken, or listed with its line and reason; balances are compared."""
    upload = ipywidgets.FileUpload()
    form = es.explore(upload)
    assert form.finding.startswith("Choose an extract")
    with pytest.raises(NotFound, match="Choose an extract"):
        _ = form.log
    choose(upload, ("extract.csv", EXTRACT))
    told = words(form._upload._said)
    assert "164 of 171 rows became events, 5 balances compared, 4 left out" in told
    assert "All 5 stated balances agree" in told
    assert "Liczba operacji | 159" in told
    assert len(form.log) == 164
    plan = form._upload.plan
    records = sum(len(one.extract.records + one.extract.above) for one in plan.reads)
    closings = sum(len(one.closings) for one in plan.reads)
    assert records == len(plan.events) + len(plan.left) + len(plan.bad) + closings


def test_what_was_known_is_in_a_column():
    """With the column of booking two accounts differ, as lesson 20 has it."""
    choose(upload := ipywidgets.FileUpload(), ("extract.csv", EXTRACT))
    form = es.explore(upload, about="2024-03-31", known="2024-03-31")
    assert "no account was there yet" in form.finding
    form._upload._columns["recorded"].value = "Data księgowania"
    assert "Now 2 have other figures." in form.finding
    settings = analysis.Settings(columns={"recorded": "Data księgowania"})
    again = es.explore(
        upload, about="2024-03-31", known="2024-03-31", settings=settings
    )
    assert again.table.equals(form.table)
    assert again._upload._columns["recorded"].value == "Data księgowania"


def test_the_line_of_an_extract_makes_the_same_log(tmp_path, monkeypatch):
    """What the form says in Python brings the same events in, from the file."""
    (tmp_path / "extract.csv").write_bytes(EXTRACT)
    monkeypatch.chdir(tmp_path)
    choose(upload := ipywidgets.FileUpload(), ("extract.csv", EXTRACT))
    settings = analysis.Settings(
        columns={"recorded": "Data księgowania"}, zone="Europe/Warsaw"
    )
    form = es.explore(upload, settings=settings)
    (line,) = re.findall(r"<code[^>]*>(.*?)</code>", form._upload._said.value)
    names = {"es": es, "bank": bank, "analysis": analysis, "Path": Path}
    exec(html.unescape(line), names)
    assert names["log"].zone == form.log.zone == "Europe/Warsaw"
    assert bank.Account.table(names["log"]).equals(form.table)


def test_unknown_columns_are_said_in_boxes():
    """A header that means nothing is told, and boxes name its columns."""
    rows = b"when;who;how much\n2024-01-01;a;5,00\n2024-01-02;a;x\n"
    choose(upload := ipywidgets.FileUpload(), ("own.csv", rows))
    form = es.explore(upload)
    assert form.finding.startswith("own.csv has no header with a date and an amount")
    assert form._upload._more.selected_index == 0
    said = {"occurred": "when", "account": "who", "amount": "how much"}
    for role, column in said.items():
        form._upload._columns[role].value = column
    told = words(form._upload._said)
    assert "1 of 2 rows became events, 1 not taken" in told
    assert "2024-01-02 | a | x" in told
    assert form.finding.startswith("1 account, as known now: balance 5.00 in sum")
    choose(upload, ("empty.csv", b""))
    assert form.finding.startswith("empty.csv is empty")
    choose(upload)
    assert form.finding.startswith("Choose an extract")


def test_several_files_make_one_log():
    """Extracts that overlap are taken once."""
    choose(
        upload := ipywidgets.FileUpload(multiple=True),
        ("one.csv", EXTRACT),
        ("two.csv", EXTRACT),
    )
    form = es.explore(upload)
    assert "2 files: 164 of 342 rows became events" in words(form._upload._said)
    assert "164 known already" in words(form._upload._said)
    assert len(form.log) == 164


# The house


def test_it_is_brought_in_when_it_is_named():
    """`es.explore` is the widget's, and importing esbench brings no widgets in."""
    code = (
        "import sys, esbench as es; print('ipywidgets' in sys.modules); "
        "es.explore; print('ipywidgets' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
    assert es.explore is widgets.explore
    with pytest.raises(AttributeError, match="no attribute 'explode'"):
        _ = es.explode


def test_a_large_log_ships_little():
    """Of many accounts and events the form sends what a person reads."""
    made = es.EventLog.temporary(events=bank.EVENTS)
    made.append_frame(bank.traffic(accounts=20_000, events=100_000, seed=1))
    form = es.explore(made)
    assert form._rows.value.count("<tr>") == OFFERED + 1
    assert "the first 50 of 20,000 accounts" in form._rows.value
    assert len(form.account.options) == OFFERED
    desk = Desk(made)
    number = desk.offered("acc_1")[0]
    assert number == sum(key.startswith("acc_1") for key in desk.ids)
