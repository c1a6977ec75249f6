"""The time machine in a real JupyterLab: the kernel brings the account asked for."""

SET_UP = """\
import esbench as es
from esbench.domains import bank
from esbench.widgets import time_machine"""
STAGE = """\
log = es.EventLog.temporary(events=bank.EVENTS)
log.append_frame(bank.traffic(accounts=300, events=9_000, seed=3, late=0.1))
stage = time_machine(log, predict=False)
stage"""
CELLS = [SET_UP, STAGE, "said = stage.account, stage.tab\nsaid"]


def test_the_kernel_brings_any_account(lab, page, artefact):
    """An id that is written is fetched; an unknown one is told; Python sees it all."""
    lab.write("plane.ipynb", CELLS)
    lab.open_notebook(page, "plane.ipynb")
    lab.set_theme(page, "dark")
    lab.run_all(page)
    root = page.locator('.es-stage[aria-label^="Time machine"]').first
    root.wait_for()
    root.scroll_into_view_if_needed()
    field = root.get_by_label("Account: write its id")
    field.fill("acc_299")
    field.press("Enter")
    root.get_by_text("acc_299, ").wait_for()
    field.fill("nobody")
    field.press("Enter")
    root.locator(".es-problem").wait_for()
    assert "nobody" in root.locator(".es-problem").inner_text()
    assert field.input_value() == "acc_299"
    root.focus()
    for key in ("t", "ArrowUp", "ArrowDown", "3", "k"):
        page.keyboard.press(key)
    assert "of 300 accounts" in root.locator(".es-finding").inner_text()
    assert page.locator(".jp-MarkdownCell").count() == 0
    page.screenshot(path=artefact("lab-time-machine-dark"))
    root.locator(".es-list button").first.click()
    root.locator(".es-answer").wait_for()
    last = page.locator(".jp-Notebook .jp-CodeCell").last
    last.click()
    page.keyboard.press("Control+Enter")
    last.get_by_text("'one')").wait_for()
    assert "acc_299" not in last.locator(".jp-OutputArea-output").inner_text()
