"""The stages as pieces of a plain page: from disk, offline, without a kernel."""

import re

import pytest

import esbench as es
from esbench import widgets
from esbench.domains import bank

EVIL = (
    """<img src=x onerror="alert(1)"><script>alert(2)</script></script>"'`$x^2$\u2028"""
)
STAGES = {
    "hydration": widgets.hydration,
    "small_time_machine": widgets.small_time_machine,
    "reconciliation": widgets.reconciliation,
    "snapshot": widgets.snapshot,
    "state_and_events": widgets.state_and_events,
}
OF_LOGS = [widgets.hydration, widgets.small_time_machine]  # tell any log


@pytest.fixture
def opened(page, tmp_path):
    """Open stages as a page from disk, without a network; give the first one."""
    page.context.set_offline(True)

    def open_page(*stages, query="", theme="light", size=(1000, 760)):
        pieces = "".join(stage.site_html() for stage in stages)
        head = f'<!doctype html><meta charset="utf-8"><body data-theme="{theme}">'
        (tmp_path / "page.html").write_text(head + pieces, encoding="utf-8")
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(f"{(tmp_path / 'page.html').as_uri()}{query}")
        root = page.locator(".es-stage").first
        root.focus()
        return root

    return open_page


@pytest.fixture
def finding(page):
    """Give the sentence under the first picture."""
    return page.locator(".es-finding").first.inner_text


@pytest.fixture
def press(page):
    """Press keys, one after the other."""

    def press_all(*keys):
        for key in keys:
            page.keyboard.press(key)

    return press_all


def letters(root):
    """Give the answers by their letters, as they stand on the stage."""
    labels = root.locator(".es-answers button").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label'))"
    )
    found = [re.match(r"Answer (.): ([^,]*)", label) for label in labels]
    return {match[1]: match[2] for match in found}


def test_the_account_is_predicted_step_by_step(opened, finding, press):
    """Each step waits for an answer, and each wrong one is told its reason."""
    root = opened(widgets.hydration())
    press("ArrowRight", "ArrowRight")
    assert finding() == (
        "Event 1 of 3 is AccountOpened 500.00: what is the balance after it?"
    )
    for wanted in ("500.00", "700.00", "850.00"):
        chosen = {text: letter for letter, text in letters(root).items()}[wanted]
        press(chosen.lower(), "ArrowRight")
    assert "850.00: you added the withdrawal." in root.locator(".es-ask").inner_text()
    assert finding() == "After event 3 of 3 the balance is 550.00: 700.00 − 150.00."


def test_scrubbing_back_loses_nothing_and_undo_takes_back(opened, finding, press):
    """Answers stay while one goes back and forth; Backspace asks again."""
    root = opened(widgets.hydration())
    press("ArrowRight", "a", "ArrowRight", "a", "ArrowLeft", "ArrowLeft")
    assert finding().startswith("acc_123 has 3 events")
    press("ArrowRight", "ArrowRight")
    assert finding().startswith("After event 2 of 3")
    press("Backspace")
    assert finding().startswith("Event 2 of 3 is MoneyDeposited")
    press("r")
    assert finding().startswith("acc_123 has 3 events")
    press("Backspace")
    assert finding().startswith("Event 2 of 3 is MoneyDeposited")
    assert root.get_by_role("button", name="Undo").is_enabled()


def test_what_ifs_compare_with_what_was(opened, finding, press, page, artefact):
    """Keys and buttons skip, double and swap; a second time takes it away."""
    root = opened(widgets.hydration())
    press("p", "ArrowRight", "ArrowRight", "3")
    assert finding().startswith("After event 2 of 3")
    press("ArrowRight", "ArrowLeft", "3")
    assert finding() == (
        "Same end, 550.00, but the lowest balance falls from 500.00 to 350.00."
    )
    assert root.locator(".es-dashed").count() == 1
    page.screenshot(path=artefact("page-what-if-light"))
    press("3")
    assert root.locator(".es-dashed").count() == 0
    root.get_by_role("button", name="What if: double event 1").click()
    assert finding() == "The end differs: 1050.00 instead of 550.00, 500.00 too much."


def test_the_video_does_not_forgive_a_swap(opened, finding, press, page, artefact):
    """On the video tab a swap ends in processing."""
    root = opened(widgets.hydration(), theme="dark")
    press("t", "p", *["ArrowRight"] * 3, "ArrowLeft", "3")
    assert finding().startswith("The end differs: processing instead of success")
    python = root.locator(".es-python code").inner_text()
    assert python.startswith('e = list(video_log.read("vid_123"));')
    page.screenshot(path=artefact("page-video-dark"))
    root.get_by_role("tab", name="Account").click()
    assert finding().startswith("acc_123 has 3 events")
    press("t")
    assert finding().startswith("The end differs: processing instead of success")


def test_play_waits_for_answers_and_goes_on(opened, finding, press, page):
    """Play asks, goes on after the answer, and stops at the end."""
    root = opened(widgets.hydration())
    root.get_by_label("Speed").select_option("10")
    root.focus()
    press(" ")
    for number in (1, 2, 3):
        page.wait_for_function(
            "(a) => document.querySelector('.es-finding').textContent.startsWith(a)",
            arg=f"Event {number} of 3",
        )
        press("a")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    assert finding().startswith("After event 3 of 3")


def test_drag_click_and_key_do_the_same(opened, finding, press, page, artefact):
    """On the time machine, a drag, a click and arrow keys reach the same day."""
    root = opened(widgets.small_time_machine(predict=False))
    said = "At the end of Jan 15 the balance is 700.00; the text filter says 500.00."
    assert finding() == said
    page.screenshot(path=artefact("page-time-machine-light"))
    box = root.locator("[data-scrub]").bounding_box()
    handle = root.locator(".es-handle").bounding_box()
    day = (handle["x"] + handle["width"] / 2, handle["y"] + 60)
    page.mouse.move(box["x"] + box["width"] * 0.3, day[1])
    page.mouse.down()
    assert "text filter agrees" in finding()
    page.mouse.move(day[0] - 8, day[1], steps=5)
    page.mouse.up()
    assert finding() == said
    press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert finding().startswith("At the end of Jan 16 the balance is 700.00")
    page.mouse.click(day[0] - 8, day[1])
    assert finding() == said


def test_the_line_is_hidden_until_the_learner_has_chosen(opened, finding, press):
    """Neither the key nor the scrubber shows the answer before a letter is chosen."""
    root = opened(widgets.small_time_machine())
    press("ArrowRight", " ", "ArrowLeft")
    assert finding() == "What was the balance at the end of Jan 15?"
    assert root.get_by_label("Place").is_disabled()
    assert "700.00" not in root.locator(".es-asked").inner_text()
    chosen = {text: letter for letter, text in letters(root).items()}["550.00"]
    press(chosen.lower())
    told = root.locator(".es-ask").inner_text()
    assert "that is the balance now; the withdrawal came on Jan 20." in told
    assert "700.00" in root.locator(".es-asked").inner_text()


def test_a_claim_is_explained_judged_and_mended(opened, finding, press, page, artefact):
    """The cards light up after an answer; keys, buttons and undo judge alike."""
    root = opened(widgets.reconciliation())
    press("1", "ArrowRight", "ArrowRight")
    assert finding() == "Which one mistake leads from 500.00 to the claimed 300.00?"
    assert root.locator(".es-how").count() == 0
    chosen = {text: letter for letter, text in letters(root).items()}["#456 missed"]
    press(chosen.lower())
    assert "#456 missed: that gives 200.00." in root.locator(".es-ask").inner_text()
    assert finding().startswith("Explanation 1 of 2, #123 missed")
    assert root.locator(".es-entry.es-missed").inner_text().split()[-1] == "missed"
    press("2")
    said = "Append one event, edit nothing: the balance becomes 300.00."
    assert finding() == said
    assert root.locator(".es-draft").count() == 1
    page.screenshot(path=artefact("page-reconciliation-draft"))
    press("ArrowRight")
    assert root.locator(".es-how").count() == 2
    root.get_by_role("button", name="they back the log").click()
    assert finding().startswith("The papers back the log: 500.00 stands")
    press("ArrowLeft")
    assert finding() == said
    press("Backspace", "Backspace")
    assert finding().startswith("Explanation 1 of 2")


def test_copy_gives_the_line_of_python(opened, page):
    """Copy puts the line on the clipboard as it stands."""
    root = opened(widgets.small_time_machine(predict=False))
    root.get_by_role("button", name="Copy").click()
    root.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == (
        'bank.Account.hydrate(log.as_of("2024-01-15"), "acc_123").balance'
    )


@pytest.mark.parametrize("make", STAGES.values(), ids=list(STAGES))
def test_seeds_and_class_words_choose_the_letters(opened, press, make):
    """?seed=n is taken modulo 26, neighbours differ, a word gives a seed of its own."""

    def shown(query):
        root = opened(make(), query=query)
        press("1" if make is widgets.state_and_events else "ArrowRight")
        return letters(root)

    by_seed = [shown(f"?seed={seed}") for seed in (3, 4, 29, -23)]
    assert by_seed[0] == by_seed[2] == by_seed[3] != by_seed[1]
    assert sorted(shown("?class=tigers").values()) == sorted(by_seed[0].values())
    assert shown("?class=tigers") == shown("?class=tigers")


@pytest.mark.parametrize("make", STAGES.values(), ids=list(STAGES))
def test_text_is_large_enough_and_nothing_is_cut(opened, press, page, make, artefact):
    """At 14 px or more, 28 px or more in full screen; nothing sticks out."""
    small = """(least) => [...document.querySelectorAll(".es-stage *")].filter((one) =>
    {
      const own = [...one.childNodes].some((x) => x.nodeType === 3 && x.data.trim());
      if (!own || one.tagName === "STYLE") return false;
      const tall = one.getClientRects().length;
      return tall && parseFloat(getComputedStyle(one).fontSize) < least;
    }).map((one) => one.outerHTML)"""
    sticks = """() => { const one = document.querySelector(".es-stage");
      return one.scrollWidth > one.clientWidth + 1; }"""
    kind = make.__name__
    for width in (700, 1000, 1600):
        opened(make(), size=(width, 900))
        press("p", *["ArrowRight"] * 3)
        assert page.evaluate(small, 14) == []
        assert not page.evaluate(sticks)
        page.screenshot(path=artefact(f"page-{kind}-{width}"))
    for size in ((1920, 1080), (1280, 720)):
        root = opened(make(), size=size)
        press("p", "f", *["ArrowRight"] * 3, "ArrowLeft", "3", "p")
        page.wait_for_timeout(500)
        assert page.evaluate(small, 28) == []
        assert not page.evaluate(sticks)
        full = page.evaluate("() => document.querySelector('.es-full').scrollHeight")
        assert full <= size[1]
        page.screenshot(path=artefact(f"page-{kind}-full-{size[1]}"))
        press("f")
        assert root.evaluate("one => one.classList.contains('es-full')") is False


@pytest.mark.parametrize("tab", ["Account", "Video"])
def test_a_small_projector_shows_the_arm_that_fires(opened, press, page, tab):
    """At 1280 x 720 the arm is whole and in sight, whatever the answer was."""
    root = opened(widgets.hydration(), size=(1280, 720))
    root.get_by_role("tab", name=tab).click()
    press("f")
    for letter in "abcd":
        press("r", *["ArrowRight", letter] * 3, "ArrowLeft", "ArrowLeft")
        arm = root.locator(".es-lit")
        foot = root.locator(".es-foot").bounding_box()
        box = arm.bounding_box()
        assert box["y"] + box["height"] <= foot["y"] + 1
        assert arm.evaluate("one => one.scrollWidth <= one.clientWidth")
        wanted = {"Account": "initial_balance; status = 'open'", "Video": "'uploaded'"}
        assert arm.inner_text().endswith(wanted[tab])


@pytest.mark.parametrize("make", STAGES.values(), ids=list(STAGES))
def test_every_control_has_a_name_and_the_order_is_fixed(opened, press, page, make):
    """Names for screen readers, controls in one order, a live sentence."""
    root = opened(make(predict=False))
    press("ArrowRight")
    unnamed = root.locator("button, input, select").evaluate_all(
        "all => all.filter((x) => !(x.ariaLabel || x.textContent.trim())).length"
    )
    assert unnamed == 0
    names = (
        root.locator(".es-controls")
        .locator("button, input, select")
        .evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
    )
    wanted = ["Back", "Step", "Play", "Place", "Speed", "Reset", "Full screen"]
    assert names == wanted
    assert root.locator(".es-finding").get_attribute("aria-live") == "polite"
    assert root.get_attribute("data-lm-suppress-shortcuts") == "true"
    page.locator("body").focus()
    root.locator(".es-title").click()
    assert root.evaluate("one => one === document.activeElement")


def test_reduced_motion_is_respected(opened, press, page):
    """With reduced motion nothing is animated."""
    page.emulate_media(reduced_motion="reduce")
    root = opened(widgets.hydration(predict=False))
    press("ArrowRight")
    moving = root.locator("*").evaluate_all(
        "all => all.filter((x) => getComputedStyle(x).animationName !== 'none').length"
    )
    assert moving == 0


@pytest.mark.parametrize("make", OF_LOGS)
def test_hostile_texts_stay_texts_on_a_page(opened, press, page, make, artefact):
    """Markup in owner, ids and metadata is shown as it is and does nothing."""
    log = es.EventLog.temporary(events=bank.EVENTS)
    told = [
        bank.AccountOpened(owner=EVIL, initial_balance="500.00"),
        bank.MoneyDeposited(amount="200.00", transaction_id=EVIL, text=EVIL),
    ]
    log.append(EVIL, told, metadata={"user_id": EVIL, "correlation_id": EVIL})
    root = opened(make(log, EVIL, predict=False))
    press(*["ArrowRight"] * 3)
    assert root.locator("img, script").count() == 0
    assert '<img src=x onerror="alert(1)">' in root.inner_text()
    page.screenshot(path=artefact(f"page-hostile-{make.__name__}"))


def test_two_hundred_events_do_not_stutter(opened, press, page):
    """A step on a long tape draws a few cards, not all of them."""
    clock = es.Clock("2024-01-01")
    log = es.EventLog.temporary(events=bank.EVENTS, clock=clock)
    log.append("long", [bank.AccountOpened(owner="Ada", initial_balance="100.00")])
    moves = [
        bank.MoneyDeposited(amount=str(number % 17 + 1), transaction_id=f"t{number}")
        for number in range(200)
    ]
    for move in moves:
        clock.advance(hours=7)
        log.append("long", [move])
    root = opened(widgets.hydration(log, "long", predict=False))
    root.get_by_label("Place").evaluate(
        "one => { one.value = 201; one.dispatchEvent(new Event('input')); }"
    )
    press("ArrowLeft", "2")
    assert "too much" in page.locator(".es-finding").inner_text()
    assert root.locator("button.es-card").count() <= 6
    assert root.locator("*").count() < 400


# State and events


def test_five_questions_are_asked_in_any_order(opened, finding, press, page, artefact):
    """A key asks, nothing is shown before a letter is chosen, and undo asks again."""
    root = opened(widgets.state_and_events())
    press("ArrowRight")
    assert finding().startswith("Jan 10: Ben raises the price to 100.00.")
    assert "90.00 overwritten" in root.locator(".es-store").first.inner_text()
    press("5")
    assert finding().endswith("What did the table say? Which designs can answer?")
    assert root.locator(".es-says .es-sign").count() == 0
    chosen = {text: letter for letter, text in letters(root).items()}
    press(chosen["events alone"].lower())
    told = root.locator(".es-ask").inner_text()
    assert "events can't, a log knows only what it was told" in told
    assert finding().endswith("Temporal table alone says 110.00.")
    assert root.locator(".es-says .es-yes").count() == 1
    page.screenshot(path=artefact("page-designs-light"))
    press("Backspace")
    assert finding().endswith("Which designs can answer?")
    press("2", "ArrowLeft")
    assert finding().startswith("Who raised the price to 100.00? Which designs")
    press("ArrowLeft")
    assert finding().startswith("Jan 29: Ann raises the price to 105.00.")


def test_mouse_and_keys_ask_the_same(opened, finding, press):
    """The buttons of days and questions do what steps and numbers do."""
    root = opened(widgets.state_and_events(predict=False), theme="dark")
    root.get_by_role("button", name="Question 4: Go back?").click()
    by_mouse = finding()
    press("4")
    assert finding() == by_mouse
    assert by_mouse.endswith("History table and events say 95.00.")
    root.get_by_role("button", name="Change of Jan 28").click()
    assert finding().endswith("is gone; the program knows nothing of it.")
    press("ArrowRight", "ArrowLeft")
    assert finding().endswith("is gone; the program knows nothing of it.")


def test_leaving_an_open_question_shows_no_answer(opened, press):
    """Neither the arrows nor the scrubber nor play reveal what was not answered."""
    root = opened(widgets.state_and_events())
    for keys in (["3", "ArrowLeft", "ArrowRight"], ["4", "3"], ["2", "p", "p"]):
        press("r", *keys)
        assert root.locator(".es-says .es-sign").count() == 0
        assert root.locator(".es-answers button").count() == 4


def test_a_phone_shows_one_design_below_the_other(opened, press, page, artefact):
    """At 390 pixels nothing sticks out, and every box is whole."""
    root = opened(widgets.state_and_events(predict=False), size=(390, 1400))
    press("3")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut = root.locator(".es-store").evaluate_all(
        "all => all.filter((x) => x.scrollHeight > x.clientHeight + 1).length"
    )
    assert cut == 0
    page.screenshot(path=artefact("page-designs-phone"))


def test_a_small_projector_shows_every_answer(opened, press, page):
    """At 1280 x 720 everything fits, whichever letter was chosen."""
    opened(widgets.state_and_events(), size=(1280, 720))
    press("f")
    for number in "12345":
        for letter in "abcd":
            press(number, letter)
            tall = page.evaluate(
                "() => document.querySelector('.es-full').scrollHeight"
            )
            assert tall <= 720, (number, letter)
            press("Backspace")


# The snapshot


def test_the_pin_waits_for_an_answer_and_then_moves(opened, finding, press, artefact):
    """Nothing lights up before a letter; a wrong one is told its reason."""
    root = opened(widgets.snapshot())
    asked = "A snapshot at 3: how many of the 5 events are read for the balance now?"
    press("ArrowRight", "t", "1", " ")
    assert finding() == asked
    assert root.locator(".es-mark-read").count() == 0
    chosen = {text: letter for letter, text in letters(root).items()}["3"]
    press(chosen.lower())
    told = root.locator(".es-ask").inner_text()
    assert "3: so many are in the snapshot and need not be read." in told
    assert root.locator(".es-mark-read").count() == 2
    press("1", "1")
    assert finding() == (
        "About Jan 15: the snapshot at 3 holds an event of Jan 20 and is not used; "
        "4 of 5 events are read, and the balance is 520.00."
    )
    assert root.locator(".es-answers button").count() == 0
    root.screenshot(path=artefact("page-snapshot-not-used"))
    press("2", "2", "Backspace")
    assert finding() == asked


def test_a_tail_by_time_goes_wrong_where_one_sees_it(opened, finding, press, artefact):
    """T turns to the filters by time; lost and doubled events are marked in words."""
    root = opened(widgets.snapshot(predict=False), theme="dark")
    press("t", "t")
    assert finding().endswith("1 event is counted twice, 400.00 instead of 370.00.")
    strip = root.locator(".es-strip").text_content()
    assert strip.count("lost") == 2
    assert strip.count("twice") == 1
    assert root.locator(".es-count.es-answer .es-no").count() == 1
    root.screenshot(path=artefact("page-snapshot-by-time"))
    root.get_by_role("tab", name="by position").click()
    assert root.locator(".es-count.es-answer .es-yes").count() == 1


def test_drag_keys_and_buttons_move_pin_and_day(opened, finding, press, page):
    """A drag to the pin's other end does what arrows do, a button what 1 does."""
    root = opened(widgets.snapshot(predict=False))
    press("ArrowRight", "ArrowRight", "1")
    by_keys = finding()
    press("ArrowLeft", "ArrowLeft", "ArrowLeft", "2")
    box = root.locator("[data-scrub]").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 6, box["y"] + box["height"] / 2, steps=6)
    page.mouse.up()
    root.get_by_role("button", name="About Jan 20").click()
    assert finding() == by_keys
    assert by_keys.startswith("About Jan 20: from the snapshot at 5 on, 0 of 5")


@pytest.mark.parametrize("make", [widgets.snapshot, widgets.reconciliation])
def test_a_small_projector_shows_the_reason_of_an_answer(opened, press, page, make):
    """At 1280 x 720 everything fits, and what is said to a letter is in sight."""
    root = opened(make(), size=(1280, 720))
    press("f")
    for letter in "abcd":
        press("r", *(["ArrowRight"] if make is widgets.reconciliation else []), letter)
        assert root.locator(".es-reason .es-sign").is_visible()
        tall = page.evaluate("() => document.querySelector('.es-full').scrollHeight")
        assert tall <= 720, letter


def test_a_phone_shows_the_whole_strip(opened, press, page, artefact):
    """At 390 pixels nothing sticks out, and no text leaves its event."""
    root = opened(widgets.snapshot(predict=False), size=(390, 1100))
    press("t", "t")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    boxes = root.locator(".es-strip rect[class]").evaluate_all(
        "all => all.map((x) => { const b = x.getBoundingClientRect();"
        " return [b.left, b.right]; })"
    )
    texts = root.locator(".es-strip text").evaluate_all(
        "all => all.map((x) => { const b = x.getBoundingClientRect();"
        " return [b.left, b.right]; })"
    )
    inside = [any(a <= x and y <= b for a, b in boxes) for x, y in texts[:-1]]
    assert len(inside) == 15
    assert all(inside)
    page.screenshot(path=artefact("page-snapshot-phone"))
