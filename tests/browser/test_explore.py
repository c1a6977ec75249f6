"""The analyst's form in a real JupyterLab: controls, answers, an own extract."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SET_UP = """\
import esbench as es
from esbench.domains import bank
log = es.EventLog.temporary(events=bank.EVENTS, clock=es.Clock("2025-01-01"))
log.append_frame(bank.traffic(accounts=300, events=9_000, seed=3, late=0.1))
form = es.explore(log, "acc_123", about="2023-06-30")
form"""


def said(root):
    """Give the last sentence of the form."""
    return root.locator(".es-said").last.inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_days_account_and_projection_are_chosen(lab, page, artefact, theme):
    """Each control has its label, and what it changes is answered below."""
    lab.write(f"form-{theme}.ipynb", [SET_UP, "repr(form)"])
    lab.open_notebook(page, f"form-{theme}.ipynb")
    lab.set_theme(page, theme)
    lab.run_all(page)
    root = page.locator(".es-explorer").first
    root.scroll_into_view_if_needed()
    root.get_by_text("acc_123, about 2023-06-30, as known now").first.wait_for()
    known = root.get_by_label("As known on")
    known.fill("2023-06-30")
    root.locator(".es-said", has_text="as known on 2023-06-30").wait_for()
    account = root.get_by_label("Account")
    account.fill("acc_2")
    root.get_by_text("ids begin so").wait_for()
    account.fill("nobody")
    root.get_by_role("alert").get_by_text("there is no account 'nobody'").wait_for()
    account.fill("acc_299")
    root.locator(".es-said", has_text="acc_299, about").wait_for()
    root.locator("img.es-picture").wait_for()
    page.wait_for_timeout(500)
    root.screenshot(path=artefact(f"lab-explore-{theme}"))
    account.fill("")
    root.locator(".es-said", has_text="accounts, about 2023-06-30").wait_for()
    root.get_by_role("button", name="Known now").click()
    root.locator(".es-said", has_text="as known now").wait_for()
    assert root.get_by_label("Projection").input_value() == "Account: balance"


def test_an_own_extract_is_chosen_from_disk(lab, page, artefact):
    """A file becomes a log in place: rows taken or listed, columns said in boxes."""
    lab.write("own.ipynb", ["import esbench as es\nform = es.explore()\nform", "form"])
    lab.open_notebook(page, "own.ipynb")
    lab.set_theme(page, "light")
    lab.run_all(page)
    root = page.locator(".es-explorer").first
    with page.expect_file_chooser() as chooser:
        root.get_by_role("button", name="Choose an extract").click()
    chooser.value.set_files(ROOT / "data" / "extract.csv")
    root.get_by_text("164 of 171 rows became events").wait_for()
    root.get_by_text("footer").first.wait_for()
    root.get_by_text("Columns", exact=True).click()
    root.get_by_label("Recorded").select_option("Data księgowania")
    root.get_by_label("About").fill("2024-03-31")
    root.get_by_label("As known on").fill("2024-03-31")
    root.get_by_text("Now 2 have other figures").wait_for()
    root.locator("img.es-picture").wait_for()
    page.wait_for_timeout(500)
    root.screenshot(path=artefact("lab-explore-upload"))


def test_an_untrusted_clone_shows_the_picture(lab, page, artefact):
    """Without trust there is no form, and the PNG stands in with its sentence."""
    lab.write("still.ipynb", [SET_UP])
    book = lab.execute("still.ipynb")
    (shown,) = book["cells"][0]["outputs"]
    assert "".join(shown["data"]["text/plain"]).startswith("Explorer: acc_123, about")
    lab.open_notebook(page, "still.ipynb")
    picture = page.locator(".jp-OutputArea-output img").first
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("one => one.naturalWidth") > 1000
    assert page.locator(".es-explorer").count() == 0
    page.screenshot(path=artefact("lab-explore-untrusted"))
