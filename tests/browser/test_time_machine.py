"""The time machine on a plain page: keys, drags and clicks, offline, in both themes."""

import pytest

import esbench as es
from esbench import widgets
from esbench.domains import bank
from esbench.widgets import sources

EVIL = """<img src=x onerror="alert(1)"><script>alert(2)</script>"""
RESTATED = "About Jan 31: known on Jan 31, 700.00; on Feb 2, 550.00; on Feb 5, 370.00."


@pytest.fixture
def opened(page, tmp_path):
    """Open a stage as a page from disk, without a network."""
    page.context.set_offline(True)

    def open_page(stage, theme="light", size=(1100, 820)):
        head = f'<!doctype html><meta charset="utf-8"><body data-theme="{theme}">'
        file = tmp_path / "page.html"
        file.write_text(head + stage.site_html(), encoding="utf-8")
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(file.as_uri())
        root = page.locator(".es-stage")
        root.focus()
        return root

    return open_page


@pytest.fixture
def ada():
    """Ada's time machine."""
    return widgets.time_machine(day="2024-01-31")


def figure(root):
    """Give the large figure."""
    return root.locator(".es-answer b").inner_text()


def press(page, *keys):
    """Press keys, one after the other."""
    for key in keys:
        page.keyboard.press(key)


def test_the_plane_waits_for_an_answer(opened, page, ada):
    """Nothing moves before the letter; then the wrong figure is told its reason."""
    root = opened(ada)
    press(page, "ArrowRight", "ArrowUp", "n", " ")
    assert figure(root) == "?"
    wrong = root.get_by_role("button", name="Answer").filter(has_text="550.00")
    wrong.click()
    assert "that was known from Feb 2 on" in root.locator(".es-ask").inner_text()
    assert figure(root) == "700.00"
    press(page, "Backspace")
    assert figure(root) == "?"


def test_keys_move_both_days(opened, page, ada):
    """Left and right change the day asked about, up and down that of knowledge."""
    root = opened(ada)
    press(page, "p")
    assert root.locator(".es-finding").inner_text() == RESTATED
    assert figure(root) == "700.00"
    press(page, "ArrowUp")
    assert figure(root) == "550.00"
    press(page, "n")
    assert figure(root) == "370.00"
    assert "nothing is left out" in root.locator(".es-left").inner_text()
    press(page, "k")
    assert figure(root) == "700.00"
    left = root.locator(".es-left").inner_text()
    assert "withdrawal txn_789 −150.00, recorded Feb 2" in left
    press(page, "ArrowLeft", "ArrowLeft", "ArrowLeft")
    assert root.locator(".es-finding").inner_text().startswith("About Jan 1: 500.00")
    code = root.locator(".es-python code").inner_text()
    assert 'log.as_of("2024-01-01", recorded="2024-01-31")' in code


def test_drag_click_and_handles_do_the_same(opened, page, ada):
    """A drag moves both days, a drag along an axis that one alone."""
    root = opened(ada)
    press(page, "p", "k")
    plane = root.locator(".es-plane").bounding_box()
    handle = root.locator(".es-handle-y").bounding_box()
    x, y = handle["x"] + 5, handle["y"] + 5
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 30, steps=4)
    page.mouse.up()
    assert figure(root) == "550.00"
    assert "about Jan 31, as known on Feb 2" in root.locator(".es-answer").inner_text()
    page.mouse.click(plane["x"] + plane["width"] - 30, y - 60)
    assert "about Feb 5, as known now" in root.locator(".es-answer").inner_text()
    assert figure(root) == "370.00"


def test_play_plays_knowledge(opened, page, ada):
    """Space leaves the day asked about where it is, and lets knowledge grow."""
    root = opened(ada)
    press(page, "p", "k")
    assert root.get_by_role("button", name="Play knowledge").is_visible()
    root.locator("select").select_option("10")
    root.focus()
    press(page, " ")
    root.locator(".es-answer").get_by_text("as known now").wait_for()
    assert figure(root) == "370.00"
    assert "about Jan 31" in root.locator(".es-answer").inner_text()


def town_stage():
    """Give the time machine of made-up traffic."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append_frame(bank.traffic(accounts=40, events=8_000, seed=3, late=0.2))
    return widgets.time_machine(log, predict=False)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_all_accounts_are_counted_and_listed(opened, page, theme, artefact):
    """The second screen lists the accounts that differ, and one opens by a click."""
    stage = town_stage()
    key = stage.account
    cells = stage.town.cells.items()
    x, y = next(at for at, (_, rows) in cells if key in [row[0] for row in rows])
    stage.tab, stage.at, stage.known = "all", x, y
    root = opened(stage, theme)
    assert "of 40 accounts differ" in root.locator(".es-finding").inner_text()
    rows = root.locator(".es-list tbody tr")
    assert rows.count() == 10
    page.screenshot(path=artefact(f"page-time-machine-all-{theme}"))
    root.get_by_role("button", name=f"Open {key}").click()
    assert root.locator(".es-answer").is_visible()
    press(page, "t")
    assert rows.count() == 10
    press(page, "Backspace")


def test_a_long_account_is_seen_a_part_at_a_time(opened, page, artefact):
    """Of however many days, a screenful of cells is drawn, with the cross-hair."""
    root = opened(town_stage())
    page.screenshot(path=artefact("page-time-machine-long"))
    assert root.locator(".es-plane text").count() < 120
    press(page, *["ArrowRight"] * 12, *["ArrowUp"] * 12)
    assert root.locator(".es-handle-x").is_visible()
    assert root.locator(".es-handle-y").is_visible()


@pytest.mark.parametrize(
    ("size", "theme"), [((420, 1100), "light"), ((1920, 1080), "dark")]
)
def test_it_fits_a_phone_and_a_projector(opened, page, size, theme, ada, artefact):
    """No text is cut off at the side; in full screen texts have 28 pixels."""
    root = opened(ada, theme, size)
    press(page, "p")
    if size[0] > 1000:
        press(page, "f")
        assert root.evaluate("one => parseFloat(getComputedStyle(one).fontSize)") >= 28
    page.screenshot(path=artefact(f"page-time-machine-{size[0]}-{theme}"))
    assert root.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    texts = root.locator("svg text").evaluate_all(
        """all => all.filter(one => {
          const box = one.getBoundingClientRect();
          const frame = one.ownerSVGElement.getBoundingClientRect();
          return box.left < frame.left - 2 || box.right > frame.right + 2;
        }).map(one => one.textContent)"""
    )
    assert texts == []


def test_every_control_has_a_name(opened, page, ada):
    """Screen readers hear what each control is, and what the plane says."""
    root = opened(ada)
    press(page, "p")
    controls = root.locator("button, input, select")
    for control in controls.all():
        name = control.get_attribute("aria-label") or control.inner_text()
        assert name.strip()
    said = root.locator(".es-plane").get_attribute("aria-label")
    assert "700.00 about Jan 31, known on Jan 31" in said


def test_writing_an_account_is_no_command(opened, page, ada):
    """Letters in the chooser stay letters; an account that is not there is told."""
    root = opened(ada)
    press(page, "p")
    field = root.get_by_label("Account: write its id")
    field.fill("")
    field.press_sequentially("fraktn p")
    field.press("Enter")
    assert "This page brings along ada" in root.locator(".es-problem").inner_text()
    assert figure(root) == "700.00"


def test_hostile_texts_are_only_text(opened, page):
    """Event data never becomes markup."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    log.append(EVIL, [bank.AccountOpened(owner=EVIL, initial_balance="1.00")])
    root = opened(widgets.time_machine(log, predict=False))
    press(page, "t", "t")
    assert root.locator("img, .es-stage script").count() == 0
    assert sources.ada_log() is not None
