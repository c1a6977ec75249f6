"""The lessons run in a real JupyterLab, and answer a learner who is wrong at first."""

import json
import re
import shutil
from pathlib import Path

import pytest

from esbench.lessons import course

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = pytest.mark.parametrize("lesson", course.LESSONS, ids=lambda one: one.name)


def working_copy(lab, lesson):
    """Lay a lesson without outputs into the lab's folder and give its name."""
    book = json.loads((NOTEBOOKS / lesson.file).read_text("utf-8"))
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    (lab.folder / lesson.file).write_text(json.dumps(book), "utf-8")
    shutil.copytree(
        NOTEBOOKS.parent / "data", lab.folder.parent / "data", dirs_exist_ok=True
    )
    return lesson.file


def run_all(lab, page):
    """Run all cells and wait for the last one; a folded cell shows no number."""
    lab.command(page, "runmenu:run-all")
    page.wait_for_function(
        """() => {
          const book = window.jupyterapp.shell.currentWidget.content;
          const cells = book.widgets.filter((cell) => cell.model.type === "code");
          return cells.every((cell) => cell.model.executionCount !== null);
        }""",
        timeout=90_000,
    )
    lab.wait_idle(page)


def failures(page):
    """Give what went wrong in the cells of the notebook in front, unless it is to."""
    return page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets
          .filter((cell) => cell.model.type === "code")
          .filter((cell) => !(cell.model.getMetadata("tags") || [])
            .includes("raises-exception"))
          .flatMap((cell) => cell.model.outputs.toJSON())
          .filter((out) => out.output_type === "error" || out.name === "stderr")"""
    )


def len_of(page):
    """Give how many cells the notebook in front has, drawn or not yet."""
    return page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
    )


def shown_answers(page):
    """Give the folded tables in sight, and the solutions whose code is."""
    return page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets
          .filter((cell) => {
            const tags = cell.model.getMetadata("tags") || [];
            return (tags.includes("folded") && !cell.isHidden)
              || (tags.includes("solution") && !cell.inputHidden);
          }).map((cell) => cell.model.sharedModel.source)"""
    )


@LESSONS
def test_a_lesson_runs_in_both_themes(lab, page, artefact, lesson):
    """Run All fails nowhere and leaves answers folded; both themes are kept."""
    page.set_viewport_size({"width": 1280, "height": 9000})
    lab.open_notebook(page, working_copy(lab, lesson))
    run_all(lab, page)
    page.locator(".es-stage").last.wait_for()
    assert failures(page) == []
    assert shown_answers(page) == []
    for theme in ("light", "dark"):
        lab.set_theme(page, theme)
        lab.wait_idle(page)
        page.screenshot(path=artefact(f"lesson_{lesson.number}_{theme}"))
    lab.set_theme(page, "light")


def test_a_committed_lesson_shows_its_pictures_untrusted(lab, page):
    """A clone that nobody trusts shows the stage's PNG and its sentence."""
    name = "clone_00.ipynb"
    shutil.copy(NOTEBOOKS / "00_start_here.ipynb", lab.folder / name)
    page.set_viewport_size({"width": 1280, "height": 9000})
    lab.open_notebook(page, name)
    picture = page.locator(".jp-RenderedImage img")
    picture.first.wait_for()
    assert picture.count() == 1
    assert picture.evaluate("image => image.naturalWidth") > 1000


def type_over(page, cell, old, new):
    """Put one text in place of another in a cell, by keyboard, and run the cell."""
    line = cell.locator(".cm-line", has_text=old).first
    line.click()
    text = line.inner_text().replace(old, new)
    page.keyboard.press("End")
    page.keyboard.press("Shift+Home")
    page.keyboard.insert_text(text.lstrip())
    page.keyboard.press("Control+Enter")


def test_a_learner_who_is_wrong_is_led_on(lab, page, artefact):
    """A wrong letter gets its reason, a wrong function its hint, a right one praise."""
    page.set_viewport_size({"width": 1280, "height": 9000})
    lab.open_notebook(page, working_copy(lab, course.lesson("00")))
    run_all(lab, page)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    asked = cells.filter(has_text="lessons.predict").first
    type_over(page, asked, '"?"', '"D"')
    asked.get_by_text("what the account held that evening").wait_for()
    stub = cells.filter(has_text="lessons.check").first
    type_over(
        page, stub, "raise NotImplementedError  # your turn", "return timestamp <= day"
    )
    stub.get_by_text("nothing of the day itself").wait_for()
    page.screenshot(path=artefact("lesson_00_wrong"))
    type_over(page, stub, "timestamp <= day", "timestamp[:10] <= day")
    stub.get_by_text("passed").wait_for()


def test_a_wrong_guess_about_designs_is_led_on(lab, page, artefact):
    """In 01 numbers ask the stage, not JupyterLab, and wrong guesses have reasons."""
    page.set_viewport_size({"width": 1280, "height": 9000})
    lab.open_notebook(page, working_copy(lab, course.lesson("01")))
    run_all(lab, page)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    count = len_of(page)
    asked = cells.filter(has_text="lessons.predict").first
    type_over(page, asked, '"?"', '"D"')
    asked.get_by_text("look what the row keeps of it").wait_for()
    root = page.locator(".es-stage").first
    root.focus()
    page.keyboard.press("5")
    choice = root.get_by_role("button", name=": events alone")
    letter = choice.get_attribute("aria-label").removeprefix("Answer ")[0]
    page.keyboard.press(letter.lower())
    root.get_by_text("a log knows only what it was told").first.wait_for()
    assert "Temporal table alone says 110.00." in root.inner_text()
    assert len_of(page) == count
    stub = cells.filter(has_text='lessons.check("01.2"').first
    type_over(
        page, stub, "raise NotImplementedError  # your turn", 'return name + "Event"'
    )
    stub.get_by_text("say what happened").wait_for()
    lab.set_theme(page, "dark")
    page.screenshot(path=artefact("lesson_01_wrong"))
    lab.set_theme(page, "light")


def test_a_wrong_teller_is_led_on(lab, page, artefact):
    """In 02 a teller who trusts an old look is told so, and the last try passes."""
    page.set_viewport_size({"width": 1280, "height": 9000})
    lab.open_notebook(page, working_copy(lab, course.lesson("02")))
    run_all(lab, page)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    asked = cells.filter(has_text='lessons.predict("02.1"').first
    type_over(page, asked, '"?"', '"D"')
    asked.get_by_text("A log keeps both withdrawals").wait_for()
    stub = cells.filter(has_text='lessons.check("02.2"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return not expected or expected == actual",
    )
    stub.get_by_text("0 is taken for nothing said").wait_for()
    page.screenshot(path=artefact("lesson_02_wrong"))
    type_over(page, stub, "not expected or", "expected is None or")
    stub.get_by_text("passed").wait_for()


def test_a_wrong_tail_is_led_on(lab, page, artefact):
    """In 05 a tail by time is told what it loses, and the pin is the learner's."""
    page.set_viewport_size({"width": 1280, "height": 9000})
    lab.open_notebook(page, working_copy(lab, course.lesson("05")))
    run_all(lab, page)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    asked = cells.filter(has_text='lessons.predict("05.1"').first
    type_over(page, asked, '"?"', '"C"')
    asked.get_by_text("look what else it brings").wait_for()
    stub = cells.filter(has_text='lessons.check("05.2"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return snapshot[2] + sum(e[2] for e in events[snapshot[0]:]), "
        "len(events[snapshot[0]:])",
    )
    stub.get_by_text("positions count the whole log").wait_for()
    asked = cells.filter(has_text='lessons.predict("05.3"').first
    type_over(page, asked, '"?"', '"A"')
    asked.get_by_text("so many stand behind the snapshot").wait_for()
    root = page.locator(".es-stage").first
    root.focus()
    choice = root.get_by_role("button", name=": 5")
    letter = choice.get_attribute("aria-label").removeprefix("Answer ")[0]
    count = len_of(page)
    for key in (letter.lower(), "t", "1", "1"):
        page.keyboard.press(key)
    root.get_by_text("holds an event of Jan 20 and is not used").first.wait_for()
    assert len_of(page) == count
    stub = cells.filter(has_text='lessons.check("05.4"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return max(at for at, _, latest in snapshots if latest <= about)",
    )
    stub.get_by_text("it stops with ValueError").wait_for()
    type_over(page, stub, "about)", "about), default=0)")
    page.screenshot(path=artefact("lesson_05_wrong"))


def test_a_wrong_auditor_is_led_on(lab, page, artefact):
    """In 06 wrong guesses have reasons, and what is right on one account is not all."""
    page.set_viewport_size({"width": 1280, "height": 12000})
    lab.open_notebook(page, working_copy(lab, course.lesson("06")))
    run_all(lab, page)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    asked = cells.filter(has_text='lessons.predict("06.1"').first
    type_over(page, asked, '"?"', '"B"')
    asked.get_by_text("The comparison asks something else").wait_for()
    stub = cells.filter(has_text='lessons.check("06.2"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return [k for k in recomputed if recomputed[k] is not cached.get(k)]",
    )
    stub.get_by_text("that is the recipe").wait_for()
    root = page.locator(".es-stage").first
    root.focus()
    page.keyboard.press("ArrowRight")
    choice = root.get_by_role("button", name=": #456 missed")
    letter = choice.get_attribute("aria-label").removeprefix("Answer ")[0]
    page.keyboard.press(letter.lower())
    root.get_by_text("that gives 200.00").first.wait_for()
    stub = cells.filter(has_text='lessons.check("06.3"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return [n for n, m in moves.items() if opening - m == claim]",
    )
    stub.get_by_text("you begin with the opening alone").wait_for()
    stub = cells.filter(has_text='lessons.check("06.4"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return [bank.MoneyDeposited(amount=gap, transaction_id=voucher)]",
    )
    stub.get_by_text("what went out is a withdrawal").wait_for()
    page.screenshot(path=artefact("lesson_06_wrong"))


def test_a_wrong_scheduler_is_led_on(lab, page, artefact):
    """In 07 wrong guesses have reasons, and the order that was lost is mended below."""
    page.set_viewport_size({"width": 1280, "height": 16000})
    lab.open_notebook(page, working_copy(lab, course.lesson("07")))
    run_all(lab, page)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    count = len_of(page)
    asked = cells.filter(has_text='lessons.predict("07.1"').first
    type_over(page, asked, '"?"', '"A"')
    asked.get_by_text("nothing keeps the others from writing over it").wait_for()
    first, second, third = page.locator(".es-stage").all()
    first.focus()
    choose(page, first, "5")
    first.get_by_text("but W2, W1, W3 ends right").first.wait_for()
    page.evaluate(COUNT_DRAWINGS)
    page.keyboard.press("3")
    second.get_by_text("right now, and already lost").first.wait_for()
    assert page.evaluate("drawn") == 1
    page.keyboard.press("1")
    page.keyboard.press("2")
    second.focus()
    page.keyboard.press("t")
    choose(page, second, "about 10")
    second.get_by_text("last nearly always").first.wait_for()
    third.focus()
    page.keyboard.press("t")
    choose(page, third, "0")
    third.get_by_text("Strict next, no buffer: W3, W1, W2 ends as").first.wait_for()
    assert len_of(page) == count
    page.screenshot(path=artefact("lesson_07_wrong"))
    mend = "raise NotImplementedError  # your turn"
    for number, code, hint in (
        ("07.2", "return sum(o[-1] == max(o) for o in orders)", "asked for are"),
        ("07.3", "return message", "that is the last write wins again"),
        ("07.4", "return list(versions)", "nothing comes twice here"),
    ):
        stub = cells.filter(has_text=f'lessons.check("{number}"').first
        type_over(page, stub, mend, code)
        stub.get_by_text(hint).first.wait_for()


COUNT_DRAWINGS = """() => {
  window.drawn = 0;
  const tabs = document.querySelectorAll(".es-stage .es-tabs")[1];
  new MutationObserver((all) => { drawn += all.length; })
    .observe(tabs, { childList: true });
}"""


def choose(page, root, text):
    """Press the letter of an answer, by the answer's text."""
    choice = root.get_by_role("button", name=f": {text}")
    letter = choice.get_attribute("aria-label").removeprefix("Answer ")[0]
    page.keyboard.press(letter.lower())


def test_a_wrong_guess_about_orders_is_led_on(lab, page, artefact):
    """In 08 a guess by all that move has its reason, and the breaking tick is seen."""
    page.set_viewport_size({"width": 1280, "height": 9000})
    lab.open_notebook(page, working_copy(lab, course.lesson("08")))
    run_all(lab, page)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    asked = cells.filter(has_text='lessons.predict("08.2"').first
    type_over(page, asked, '"?"', '"D"')
    asked.get_by_text("has nothing that could be overtaken").wait_for()
    stub = cells.filter(has_text='lessons.check("08.1"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return [k for k, h in hashes.items() if h % after == after - 1]",
    )
    stub.get_by_text("only the last partition is looked at").wait_for()
    stub = cells.filter(has_text='lessons.check("08.3"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return sorted(handled) != handled",
    )
    stub.get_by_text("asked for is which keys are out of order").wait_for()
    first, second = page.locator(".es-stage").all()
    first.focus()
    page.keyboard.press("t")  # the other tabs wait for an answer
    choice = first.get_by_role("button", name=": 4")
    letter = choice.get_attribute("aria-label").removeprefix("Answer ")[0]
    page.keyboard.press(letter.lower())
    first.get_by_text("a fair share would do").first.wait_for()
    second.focus()
    for _ in range(34):
        page.keyboard.press("ArrowRight")
    second.get_by_text("event 3 from partition 3, while event 2 waits").first.wait_for()
    page.screenshot(path=artefact("lesson_08_wrong"))


def test_a_wrong_retry_is_led_on(lab, page, artefact):
    """In 10 each slip has its reason, and the panel moves while a cell still runs."""
    page.set_viewport_size({"width": 1280, "height": 14000})
    lab.open_notebook(page, working_copy(lab, course.lesson("10")))
    run_all(lab, page)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    asked = cells.filter(has_text='lessons.predict("10.1"').first
    type_over(page, asked, '"?"', '"C"')
    asked.get_by_text("note what is left of each after the crash").wait_for()
    stub = cells.filter(has_text='lessons.check("10.2"').first
    stub_line = "raise NotImplementedError  # your turn"
    type_over(page, stub, stub_line, "return balance + event[1], known | {event[0]}")
    stub.get_by_text("it remembers each id, and never looks").wait_for()
    asked = cells.filter(has_text='lessons.predict("10.3"').first
    type_over(page, asked, '"?"', '"B"')
    asked.get_by_text("the tail is behind all that wait").wait_for()
    stub = cells.filter(has_text='lessons.check("10.4"').first
    type_over(page, stub, stub_line, "return [one for one in sorted(letters - broken)]")
    stub.get_by_text("it stops with TypeError").wait_for()
    type_over(page, stub, "sorted(letters - broken)", "sorted(set(letters) - broken)")
    stub.get_by_text("overtakes it: the race is back").wait_for()
    crashes, lanes, panel = (page.locator(".es-stage").nth(slot) for slot in range(3))
    for root, wrong, why in (
        (crashes, "100", "marked before it had an effect, it passes for done"),
        (lanes, "e2, e3", "a parked event is not lost"),
    ):
        root.focus()
        choice = root.get_by_role("button", name=re.compile(f": {wrong}$"))
        letter = choice.get_attribute("aria-label").removeprefix("Answer ")[0]
        page.keyboard.press(letter.lower())
        root.get_by_text(why).first.wait_for()
    page.screenshot(path=artefact("lesson_10_wrong"))
    end = panel.locator(".es-finding")
    assert end.inner_text().startswith("90 processed, 8 failed tries")
    slow = cells.filter(has_text="Slowly(times=5)").first
    slow.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    end.get_by_text("wait, the oldest for").wait_for()
    lab.wait_idle(page)
    end.get_by_text("135 processed, 12 failed tries").wait_for()
