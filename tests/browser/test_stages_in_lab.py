"""The stages in a real JupyterLab: as a picture, alive, and after a restart."""

import json

import pytest

CELLS = [
    "from esbench import widgets as es_widgets",
    "stage = es_widgets.hydration()\nstage",
    "machine = es_widgets.small_time_machine()\nmachine",
    "said = repr(stage), repr(machine)\nstage.what_if = ''\nsaid",
]
HYDRATION = "Hydration stage"
MACHINE = "Small time machine"


def stage_of(page, label):
    """Give the root of the live stage that a label begins with."""
    root = page.locator(f'.es-stage[aria-label^="{label}"]').first
    root.wait_for()
    root.scroll_into_view_if_needed()
    return root


def finding(root):
    """Give the sentence under the picture."""
    return root.locator(".es-finding").inner_text()


def letter_of(root, text):
    """Give the letter of an answer by its text."""
    label = root.get_by_role("button", name=f": {text}").get_attribute("aria-label")
    return label.removeprefix("Answer ")[0].lower()


def test_a_fresh_untrusted_clone_shows_picture_and_sentence(lab, page, artefact):
    """Without trust there is no script, and the PNG stands in with its sentence."""
    lab.write("clone.ipynb", CELLS[:3])
    book = lab.execute("clone.ipynb")
    lab.open_notebook(page, "clone.ipynb")
    pictures = page.locator(".jp-OutputArea-output img")
    pictures.nth(1).scroll_into_view_if_needed()
    assert page.locator(".es-stage").count() == 0
    for number, cell in enumerate(book["cells"][1:]):
        (output,) = cell["outputs"]
        said = "".join(output["data"]["text/plain"])
        assert said.endswith((".", "?"))
        assert pictures.nth(number).evaluate("one => one.naturalWidth") > 1000
        assert output["metadata"]["image/png"]["alt"] == said
    assert "widgets" not in book["metadata"]
    for theme in ("light", "dark"):
        lab.set_theme(page, theme)
        page.screenshot(path=artefact(f"lab-untrusted-{theme}"))


def test_a_stage_lives_by_keyboard_mouse_and_kernel(lab, page, artefact):
    """Run all, step, predict, drag, undo, in both themes; Python reads and sets it."""
    lab.write("live.ipynb", CELLS)
    lab.open_notebook(page, "live.ipynb")
    lab.set_theme(page, "light")
    lab.run_all(page)
    root = stage_of(page, HYDRATION)
    page.screenshot(path=artefact("lab-hydration-light"))
    before = root.screenshot()
    root.focus()
    page.keyboard.press("ArrowRight")
    assert finding(root).endswith("what is the balance after it?")
    page.keyboard.press(letter_of(root, "0.00"))
    assert "0.00: you left the opening out." in root.locator(".es-ask").inner_text()
    assert finding(root) == "After event 1 of 3 the balance is 500.00."
    page.wait_for_timeout(600)
    assert root.screenshot() != before
    for key in "123rRmxb":
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-CodeCell").count() == len(CELLS)
    assert page.locator(".jp-Notebook .jp-MarkdownCell, .jp-RawCell").count() == 0
    assert finding(root).startswith("acc_123 has 3 events")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert finding(root) == "After event 1 of 3 the balance is 500.00."
    page.keyboard.press("p")
    drag_to(page, root, 0.85)
    assert finding(root).startswith("After event 3 of 3 the balance is 550.00")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("3")
    said = "Same end, 550.00, but the lowest balance falls from 500.00 to 350.00."
    assert finding(root) == said
    page.keyboard.press("ArrowRight")
    lab.set_theme(page, "dark")
    page.wait_for_timeout(600)
    page.screenshot(path=artefact("lab-hydration-dark"))
    paper = root.evaluate("one => getComputedStyle(one).backgroundColor")
    assert max(map(int, paper.removeprefix("rgb(").rstrip(")").split(","))) < 64
    play_the_time_machine(lab, page, artefact)
    ask_python(page)
    shown = page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output")
    shown.get_by_text(said).wait_for()
    shown.get_by_text("says 500.00").wait_for()
    assert finding(root) == "After event 3 of 3 the balance is 550.00: 700.00 − 150.00."


def drag_to(page, root, part):
    """Drag over the staircase from its left to a part of its width."""
    box = root.locator("svg[data-scrub]").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.15, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(
        box["x"] + box["width"] * part, box["y"] + box["height"] / 2, steps=8
    )
    page.mouse.up()


def play_the_time_machine(lab, page, artefact):
    """Answer, step, drag and come back to the day asked about."""
    root = stage_of(page, MACHINE)
    root.focus()
    assert finding(root) == "What was the balance at the end of Jan 15?"
    page.keyboard.press("ArrowRight")
    assert finding(root) == "What was the balance at the end of Jan 15?"
    page.keyboard.press(letter_of(root, "500.00"))
    assert "so the deposit is lost" in root.locator(".es-ask").inner_text()
    page.screenshot(path=artefact("lab-time-machine-dark"))
    page.keyboard.press("ArrowRight")
    assert finding(root).endswith("the balance is 700.00; the text filter agrees.")
    drag_to(page, root, 0.3)
    assert finding(root).endswith("the balance is 500.00; the text filter agrees.")
    page.mouse.move(0, 0)
    root.focus()
    while "Jan 15" not in finding(root):
        page.keyboard.press("ArrowRight")
    lab.set_theme(page, "light")
    page.screenshot(path=artefact("lab-time-machine-light"))


def ask_python(page):
    """Run the last cell again, by hand."""
    last = page.locator(".jp-Notebook .jp-CodeCell").last
    last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")


def test_a_saved_notebook_lives_again_with_a_new_kernel(lab, page, artefact):
    """Saved and trusted, without widget state; run anew, its stages play."""
    lab.write("saved.ipynb", CELLS[:3])
    lab.open_notebook(page, "saved.ipynb")
    lab.run_all(page)
    stage_of(page, MACHINE)
    lab.save(page)
    book = json.loads((lab.folder / "saved.ipynb").read_text(encoding="utf-8"))
    assert "widgets" not in book["metadata"]
    assert "image/png" in book["cells"][1]["outputs"][0]["data"]
    lab.shut_kernels()
    lab.open_notebook(page, "saved.ipynb")
    page.screenshot(path=artefact("lab-reopened"))
    lab.run_all(page)
    root = stage_of(page, HYDRATION)
    root.focus()
    page.keyboard.press("ArrowRight")
    assert "what is the balance after it?" in finding(root)


HOSTILE = """
import esbench as es
from esbench.domains import bank
evil = '''<img src=x onerror="alert(1)"><script>alert(2)</script>"'`$x^2$'''
evil += "</script>" + chr(0x2028)
log = es.EventLog.temporary(events=bank.EVENTS)
opened = bank.AccountOpened(owner=evil, initial_balance="500.00")
moved = bank.MoneyDeposited(amount="200.00", transaction_id=evil, text=evil)
log.append(evil, [opened, moved], metadata={"user_id": evil, "correlation_id": evil})
"""


@pytest.mark.parametrize("kind", ["hydration", "small_time_machine"])
def test_hostile_texts_stay_texts(lab, page, artefact, kind):
    """Markup in owner, ids and metadata is shown as it is and does nothing."""
    show = f"from esbench import widgets\nwidgets.{kind}(log, evil, predict=False)"
    lab.write("hostile.ipynb", [HOSTILE, show])
    lab.open_notebook(page, "hostile.ipynb")
    lab.run_all(page)
    root = page.locator(".es-stage").first
    root.wait_for()
    root.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert root.locator("img, script").count() == 0
    assert '<img src=x onerror="alert(1)">' in root.inner_text()
    page.screenshot(path=artefact(f"lab-hostile-{kind}"))
