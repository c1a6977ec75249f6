"""The stages as pieces of a plain page: from disk, offline, without a kernel."""

import re

import pytest

import esbench as es
from esbench import widgets
from esbench.domains import bank, video
from esbench.lessons.troubles import QUEUE, fails
from esbench.workers import spread, told
from esbench.workers.delivery import WAYS, Way
from esbench.workers.failures import work_off

EVIL = (
    """<img src=x onerror="alert(1)"><script>alert(2)</script></script>"'`$x^2$\u2028"""
)


def traced(**options):
    """Watch the order in which a video ends as uploaded."""

    def status(row, message):
        return video.written(row, message.event)

    order = told(spread(video.the_race().messages), ["W2", "W3", "W1"], status)
    return widgets.traced(order, right="success", **options)


STAGES = {
    "consumer_group": widgets.consumer_group,
    "failures": widgets.failures,
    "hydration": widgets.hydration,
    "partitions": widgets.partitions,
    "small_time_machine": widgets.small_time_machine,
    "race": widgets.race,
    "reconciliation": widgets.reconciliation,
    "snapshot": widgets.snapshot,
    "state_and_events": widgets.state_and_events,
    "traced": traced,
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


def test_you_are_the_scheduler(opened, finding, press, page, artefact):
    """After a guess keys, buttons and undo say who writes; fixes replay the loss."""
    root = opened(widgets.race())
    press("3", "ArrowRight")
    assert finding().startswith("Each worker writes once, in any order.")
    assert root.locator(".es-faded").count() == 0
    assert set(root.locator(".es-chance b").all_inner_texts()) == {"?"}
    bars = root.locator(".es-bar i").evaluate_all("all => all.map(x => x.clientWidth)")
    assert bars == [0, 0]
    chosen = {text: letter for letter, text in letters(root).items()}["5"]
    press(chosen.lower())
    assert "but W2, W1, W3 ends right." in root.locator(".es-ask").inner_text()
    press("3")
    lost = "After W3 the row shows success: right now, and already lost."
    assert finding() == f"{lost} Both orders left end wrong."
    assert root.locator(".es-order.es-faded").count() == 4
    assert root.locator(".es-word").inner_text().endswith("a wrong end is unavoidable")
    page.screenshot(path=artefact("page-race-lost"))
    press("Backspace")
    assert root.locator(".es-order.es-faded").count() == 0
    assert root.locator(".es-seen").count() == 1
    root.get_by_role("button", name="W3 writes").click()
    press("1", "2")
    assert finding().startswith("After W3, W1, W2 the row shows processing")
    press("ArrowLeft", "ArrowLeft", "ArrowRight")
    assert finding().startswith("After W3, W1 the row shows uploaded")
    press("p", "t", "t", "2")
    assert finding() == (
        "Version guard: W3, W1, W2 ends as success; 0 of 6 orders end wrong, "
        "proved for all 6 interleavings."
    )
    press("3", "6")
    assert "32 of 42 orders end wrong" in finding()
    assert root.locator(".es-dot").count() == 42
    assert root.locator(".es-dot.es-no").count() == 32


def test_runs_stand_beside_what_is_exact(opened, finding, press):
    """Once and a thousand times, with a slow worker and without one."""
    root = opened(widgets.race(predict=False))
    press("t", "1", "1")
    assert " of 2 runs ended wrong" in finding()
    press("2")
    assert " of 1,000 runs ended wrong" in finding()
    assert finding().endswith("exactly it is 431/462, or 0.933.")
    root.get_by_role("switch", name="W1 ten times slower").click()
    assert finding().endswith("exactly it is 2/3, or 0.667.")


@pytest.mark.parametrize("tab", ["Your schedule", "Many runs", "Fix it"])
def test_a_race_fits_a_projector_and_a_phone(opened, press, page, artefact, tab):
    """At 1280 x 720 in full screen, and at 420, no text is cut or meets another."""
    keys = {"Your schedule": "312", "Many runs": "1123", "Fix it": "12345612345"}[tab]
    for size in ((1280, 720), (420, 1400)):
        root = opened(widgets.race(), size=size)
        root.get_by_role("tab", name=tab).click()
        press(*"f" * (size[0] > 1000), "b")
        for one in keys:
            press(one)
            assert crowded(root) == [], one
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            if size[0] > 1000:
                assert root.evaluate("one => one.scrollHeight") <= size[1]
        page.screenshot(path=artefact(f"page-race-{tab[:4]}-{size[0]}"))


def crowded(root):
    """Give the texts of a picture that leave their box, or stand in another text."""
    return root.evaluate(
        """one => {
          const wide = [...one.querySelectorAll(".es-race > *, .es-race > * > *")]
            .filter((x) => x.scrollWidth > x.clientWidth + 1 && x.clientWidth);
          const cut = [...one.querySelectorAll(".es-chance > span, .es-job span")]
            .filter((x) => x.scrollWidth > x.clientWidth + 1);
          const texts = [...one.querySelectorAll(".es-race-picture text")];
          const boxes = texts.map((x) => x.getBoundingClientRect());
          const meet = (a, b) => a.left < b.right - 2 && b.left < a.right - 2
            && a.top + 6 < b.bottom - 6 && b.top + 6 < a.bottom - 6;
          const over = texts.filter((x, at) => x.textContent.length > 1
            && boxes.some((b, to) => to !== at && meet(boxes[at], b)));
          return [...wide, ...cut, ...over].map((x) => x.textContent);
        }"""
    )


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
        press(*["ArrowRight"] * 28 * (make is widgets.consumer_group))
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


@pytest.mark.parametrize(
    "make",
    [widgets.snapshot, widgets.reconciliation, widgets.partitions, widgets.failures],
)
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


# The partitions


def test_keys_wait_for_an_answer_and_then_fall(opened, finding, press, artefact):
    """No arrow shows before a letter; a wrong one is told its reason."""
    root = opened(widgets.partitions())
    asked = "From 3 partitions to 4: how many of these 16 keys move?"
    press("ArrowRight", "t", "h", " ")
    assert finding() == asked
    assert root.locator(".es-moved").count() == 0
    assert root.locator(".es-lane").count() == 3
    chosen = {text: letter for letter, text in letters(root).items()}["4"]
    press(chosen.lower())
    assert finding() == (
        "From 3 to 4 partitions 13 of 16 keys move, 81.2%; of very many it is 75.0%."
    )
    told = root.locator(".es-ask").inner_text()
    assert "4: a fair share would do, but the remainder changes for most." in told
    assert root.locator(".es-moved").count() == 13
    assert root.locator(".es-lane").count() == 4
    root.screenshot(path=artefact("page-partitions-moved"))
    press("ArrowRight")
    assert root.locator(".es-answers button").count() == 0
    press("Backspace")
    assert finding() == asked


def test_an_order_breaks_where_one_sees_it(opened, finding, press, artefact):
    """Three goes before two, in words and signs; with writers who wait it does not."""
    root = opened(widgets.partitions(predict=False), theme="dark")
    press("t", *["ArrowRight"] * 34)
    assert finding() == (
        "Tick 34: vid_10 is handled out of order: event 3 from partition 3, while "
        "event 2 waits in partition 1."
    )
    assert root.locator(".es-overtook").inner_text().split() == [
        *("vid_10", "3", "✕", "early"),
    ]
    assert root.locator(".es-behind").inner_text().split() == ["vid_10", "2", "waits"]
    assert root.locator(".es-turned").inner_text().endswith("vid_10: 1, 3")
    root.screenshot(path=artefact("page-partitions-reading"))
    press("w")
    assert finding() == "Tick 34: 24 written, 21 handled; writers wait until tick 44."
    assert root.locator(".es-turned, .es-overtook, .es-behind").count() == 0
    press("w", "r", "t", *["ArrowRight"] * 64)
    assert finding().endswith("and 2 lost their order.")
    assert root.locator(".es-turned").all_inner_texts() == [
        "✕\nvid_10: 1, 3, 2",
        "✕\nvid_13: 1, 3, 2",
    ]


def test_a_hot_key_and_three_processes(opened, finding, press):
    """A click on the button does what H does; each process lays keys anew."""
    root = opened(widgets.partitions(predict=False))
    root.get_by_role("button", name="Hot key").click()
    assert "vid_14 alone brings" in finding()
    assert root.locator(".es-hot").inner_text().endswith("vid_14 hot")
    press("h")
    assert root.locator(".es-hot").count() == 0
    root.get_by_role("tab", name="by hash()").click()
    assert root.locator(".es-moved").count() == 0
    press("ArrowRight", "ArrowRight", "ArrowRight")
    assert finding() == (
        "3 processes agree on 4 of 16 keys by hash(), and on all of them by murmur2."
    )
    assert root.locator(".es-moved").count() > 0


def test_a_stage_that_opens_on_its_readers_stays_there(opened, finding, press):
    """It begins at tick 0 with the readers' paces, and so does Reset."""
    root = opened(widgets.partitions(tab="while it is read"))
    began = "Tick 0: 1 written, 0 handled, each key in its order."
    assert finding() == began
    lanes = root.locator(".es-lane > b")
    assert [text[13:] for text in lanes.all_inner_texts()] == [
        "2 ticks",
        "4 ticks",
        "2 ticks",
    ]
    press(*["ArrowRight"] * 24)
    assert lanes.count() == 4
    press("r")
    assert finding() == began
    press("p")
    assert finding() == "From 3 partitions to 4: how many of these 16 keys move?"


def test_lanes_fit_a_phone_and_nine_a_small_projector(opened, press, page, artefact):
    """At 390 pixels nothing sticks out; at 1280 x 720 nine lanes are in sight."""
    root = opened(widgets.partitions(predict=False), size=(390, 1100))
    for keys in (["ArrowRight"] * 6, ["t", *["ArrowRight"] * 34]):
        press(*keys)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        cards = root.locator(".es-cardlet").evaluate_all(
            "all => all.map((x) => x.getBoundingClientRect().right)"
        )
        assert all(right <= 390 for right in cards)
    assert root.locator(".es-behind").inner_text().split() == ["vid_10", "2"]
    page.screenshot(path=artefact("page-partitions-phone"))
    page.set_viewport_size({"width": 1280, "height": 720})
    press("t", "t", "f", *["ArrowRight"] * 8)
    assert root.locator(".es-lane").count() == 9
    tall = page.evaluate("() => document.querySelector('.es-full').scrollHeight")
    assert tall <= 720
    small = root.locator("span, b, em, button").evaluate_all(
        "all => Math.min(...all.map((x) => parseFloat(getComputedStyle(x).fontSize)))"
    )
    assert small >= 28


# The consumer group


def test_a_lost_owner_writes_only_after_a_letter(opened, finding, press, artefact):
    """The question stands before the write; a wrong letter is told its reason."""
    root = opened(widgets.consumer_group(), size=(1280, 800))
    press(*["ArrowRight"] * 31)
    assert finding() == "At tick 29 w1 wakes with vid_1/2 in hand: what happens to it?"
    assert root.locator(".es-rows .es-mark-stale").count() == 0
    press("g", "j", "t")  # nothing happens behind the question's back
    chosen = {text: letter for letter, text in letters(root).items()}
    press(chosen["the broker stops it"].lower())
    assert "a write to the store it never sees." in root.locator(".es-ask").inner_text()
    assert finding() == (
        "Tick 29: w1 writes vid_1/2, though partition 3 is w3's since tick 18."
    )
    assert root.locator(".es-rows .es-mark-stale").count() == 1
    assert "thinks it owns 0 3 6" in root.locator(".es-mistaken").inner_text()
    root.screenshot(path=artefact("page-group-lost-owner"))
    press("Backspace")
    assert finding().endswith("what happens to it?")


def test_the_fence_and_the_deal_change_the_same_nap(opened, finding, press, artefact):
    """G turns the lost owner away, T deals in another way; both in the dark."""
    root = opened(widgets.consumer_group(predict=False), theme="dark")
    press(*["ArrowRight"] * 29, "g")
    assert finding().startswith("Tick 29: the fence refuses w1's vid_1/2")
    assert root.locator(".es-rows .es-mark-refused").count() == 1
    assert "fenced=True" in root.locator(".es-python code").inner_text()
    root.screenshot(path=artefact("page-group-fenced"))
    press("t")
    assert root.get_by_role("tab", name="range").get_attribute("aria-selected")
    assert "assignor=range_" in root.locator(".es-python code").inner_text()


def test_kafka_stands_beside_the_group_once_it_was_guessed(
    opened, finding, press, page, artefact
):
    """Its tab comes with the answer; it is only watched, and the write stays."""
    root = opened(widgets.consumer_group(), size=(1280, 720))
    tab = root.get_by_role("tab", name="Kafka")
    press(*["ArrowRight"] * 31)
    assert tab.count() == 0
    press("a", "r", *["ArrowRight"] * 3)
    tab.click()
    press("Home", *["ArrowRight"] * 40, "f", "c", "g")
    assert finding().startswith("vid_1 ends as processing and should be success")
    assert root.locator(".es-rows .es-mark-stale").count() == 1
    assert root.get_by_role("button", name="Crash: w1").is_disabled()
    assert root.get_by_role("switch", name="Fence").is_disabled()
    tall = page.evaluate("() => document.querySelector('.es-full').scrollHeight")
    assert tall <= 720
    page.screenshot(path=artefact("page-group-kafka"))
    assert "nap.recorded()" in root.locator(".es-python code").inner_text()


def test_keys_and_buttons_let_the_same_happen(opened, finding, press):
    """2 and C crash w2, as its card and the button do; undo takes it back."""
    root = opened(widgets.consumer_group(script=(), predict=False))
    press("ArrowRight", "ArrowRight", "2", "c")
    by_keys = finding()
    assert by_keys.startswith("Tick 4: w2 crashes")
    assert root.get_by_role("button", name="w2, crashed").count() == 1
    press("Backspace")
    assert finding().startswith("Tick 1: the first of 27 events is written")
    root.get_by_role("button", name="w2, awake").click()
    root.get_by_role("button", name="Crash: w2").click()
    assert finding() == by_keys
    assert root.get_by_role("button", name="Leave: w2").is_disabled()
    assert "one thing happens at a time" in root.locator(".es-ask").inner_text()
    press("r", "4", "j")
    assert finding().startswith("Tick 1, w4 joined: ")
    assert root.locator(".es-script").inner_text() == "happens: w4 join at 1"


def test_a_group_fits_a_projector_and_a_phone(opened, press, page, artefact):
    """Full screen at 1280 x 720 nothing is cut, and at 390 nothing sticks out."""
    root = opened(widgets.consumer_group(), size=(1280, 720))
    press("f", *["ArrowRight"] * 29)
    for letter in ("", "c"):
        press(*letter)
        tall = page.evaluate("() => document.querySelector('.es-full').scrollHeight")
        assert tall <= 720
        page.screenshot(path=artefact(f"page-group-projector{letter}"))
    sizes = root.locator(".es-rows text, .es-member, .es-finding").evaluate_all(
        "all => all.map((x) => parseFloat(getComputedStyle(x).fontSize))"
    )
    assert min(sizes) >= 28
    opened(widgets.consumer_group(predict=False), size=(390, 1300))
    press(*["ArrowRight"] * 29)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=artefact("page-group-phone"))


# Failures


def test_crash_points_open_after_an_answer(opened, finding, press, artefact):
    """No verdict is shown before a letter; 100 is told why the mark comes too late."""
    root = opened(widgets.failures())
    press("ArrowRight", "1", "2", " ")
    assert finding().startswith("Check, update, mark, a crash after effect, and")
    assert root.locator(".es-point .es-sign").count() == 0
    chosen = {text: letter for letter, text in letters(root).items()}["100"]
    press(chosen.lower())
    told = root.locator(".es-ask").inner_text()
    assert "100: the effect stays, and nothing tells the second delivery" in told
    assert finding() == (
        "Check, update, mark, a crash after effect: the deposit counts twice, "
        "200 instead of 100."
    )
    root.screenshot(path=artefact("page-failures-crash"))
    press("Backspace")
    assert root.locator(".es-point .es-sign").count() == 0


def test_click_and_keys_reach_the_same_crash_point(opened, finding, press):
    """A click on a cell does what arrows do; 1 and 2 change handler and delivery."""
    root = opened(widgets.failures(predict=False), theme="dark")
    press(*["ArrowLeft"] * 7)
    by_keys = finding()
    assert by_keys == (
        "At most once, a crash after ack: the deposit is lost, 0 instead of 100."
    )
    press("ArrowRight")
    root.get_by_role("button", name="after ack: 0, lost").click()
    assert finding() == by_keys
    press("2")
    assert "delivered once more: 100, as it should be" in finding()
    press("1")
    assert root.locator('.es-point[data-verdict="doubled"]').count() == 0


def test_the_requeued_event_comes_last(opened, finding, press, artefact):
    """The lanes run after an answer, and the requeued event is marked out of order."""
    root = opened(widgets.failures(tab="Poison event"), theme="dark")
    press("3", "m", "ArrowRight")
    assert root.locator(".es-chip").count() == 0
    for name in ("requeue", "fails once"):
        turned = root.get_by_role("button", name=name)
        assert turned.get_attribute("aria-pressed") == "true"
    chosen = {text: letter for letter, text in letters(root).items()}
    press(chosen["e1"].lower())
    assert finding() == (
        "Requeue: e2, e3, e1, and the video ends as uploaded; "
        "1 out of order, 0.05 s of delay."
    )
    assert root.locator('.es-chip[data-wrong="true"]').count() == 1
    press("m", "4", *["ArrowRight"] * 9)
    assert finding() == (
        "Park key: e1, e2, e3, and the video ends as success; "
        "none out of order, 185 s of delay."
    )
    root.screenshot(path=artefact("page-failures-poison"))
    press(*["ArrowLeft"] * 7)
    assert finding() == (
        "Park key, at 2.27 s: e1 becomes a dead letter, and somebody is told."
    )
    root.get_by_role("button", name="halt").click()
    assert finding().startswith("Halt, at 2.27 s: the queue stands still at e1")


@pytest.mark.parametrize("tab", ["Crash points", "Poison event"])
def test_failures_fit_a_phone_and_a_small_projector(opened, press, page, artefact, tab):
    """At 390 pixels nothing sticks out; at 1280 x 720 every step fits the screen."""
    opened(widgets.failures(tab=tab, predict=False), size=(390, 1400))
    press(*["ArrowRight"] * 6)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=artefact(f"page-failures-{tab[:5]}-phone"))
    opened(widgets.failures(tab=tab, predict=False), size=(1280, 720))
    press("f", "r")
    for key in ["ArrowRight"] * 4 + ["m"] + ["ArrowRight"] * 8 + ["m", "2", "1"]:
        press(key)
        tall = page.evaluate("() => document.querySelector('.es-full').scrollHeight")
        assert tall <= 720, key
    page.screenshot(path=artefact(f"page-failures-{tab[:5]}-full"))


def test_the_question_of_lesson_10_is_about_the_learners_own_way(
    opened, finding, press, page, artefact
):
    """Five ways fit every screen; who says 100 is told that a mark passes for done."""
    steps = (("check",), ("mark",), ("effect",), ("ack",))
    own = Way(name="check, mark, update", steps=steps)
    for size in ((1280, 720), (780, 900), (390, 1500)):
        root = opened(widgets.failures([*WAYS, own], about=own), size=size)
        chosen = {text: letter for letter, text in letters(root).items()}["100"]
        press(chosen.lower())
        told = root.locator(".es-ask").inner_text()
        assert "100: marked before it had an effect, it passes for done" in told
        assert finding().endswith("the deposit is lost, 0 instead of 100.")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        root.screenshot(path=artefact(f"page-failures-own-{size[0]}"))
    opened(widgets.failures([*WAYS, own], about=own), size=(1280, 720))
    for key in ("f", chosen.lower(), *["ArrowLeft"] * 3):
        press(key)
        tall = page.evaluate("() => document.querySelector('.es-full').scrollHeight")
        assert tall <= 720, key


def test_a_parked_event_is_asked_about(opened, finding, press):
    """The trouble that is named is the question's, and comes back with a reset."""
    trouble = "mended after a minute"
    root = opened(widgets.failures(tab="Poison event", trouble=trouble))
    assert finding().startswith("e1 fails at every try, and is parked alone")
    chosen = {text: letter for letter, text in letters(root).items()}["e1"]
    press(chosen.lower())
    assert "the queue did not wait for the minute" in root.inner_text()
    assert finding().startswith("Park event: e2, e3, e1, and the video ends as upl")
    press("m", "1", "r")
    assert finding().startswith("e1 fails at every try, and is parked alone")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_plays_what_was_watched(
    opened, finding, press, page, artefact, theme
):
    """Arrows go from look to look, on a wide page, on a phone, and in full screen."""
    for size in ((1280, 760), (390, 1000)):
        panel = widgets.watching()
        work_off(QUEUE, fails("e1"), "park key", monitor=panel.monitor)
        root = opened(panel, theme=theme, size=size)
        assert finding().startswith("0 processed")
        press(*["ArrowRight"] * len(panel.monitor.looks))
        end = finding()
        assert end.startswith("2 processed, 3 failed tries")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        root.screenshot(path=artefact(f"page-watching-{size[0]}-{theme}"))
        press("ArrowLeft", "ArrowLeft")
        assert finding() != end
        press("ArrowRight", "ArrowRight")
        assert finding() == end
        assert root.get_by_role("switch").count() == 0
        for name in ("lag", "age"):
            seen = root.get_by_role("img", name=f"{name}, look by look").bounding_box()
            page.mouse.click(seen["x"] + seen["width"] / 2, seen["y"] + 40)
            assert finding() not in {end, "0 processed"}
            press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight")
            assert finding() == end
    opened(panel, theme=theme, size=(1280, 720))
    press("f")
    tall = page.evaluate("() => document.querySelector('.es-full').scrollHeight")
    assert tall <= 720


# The trace


def test_a_run_is_watched_after_a_guess(opened, finding, press, artefact):
    """The steps stand there without their effect; then each has its row below it."""
    root = opened(traced())
    press("ArrowRight", " ")
    assert finding() == "After 3 steps: what does the row of vid_123 say?"
    assert root.locator(".es-coming").count() == 3
    assert root.locator(".es-after").all_inner_texts() == ["?"]
    chosen = {text: letter for letter, text in letters(root).items()}["success"]
    press(chosen.lower())
    told_why = root.locator(".es-ask").inner_text()
    assert "success: so it should be, and another write came last." in told_why
    press(*["ArrowRight"] * 3)
    assert (
        finding() == "Step 3 of 3: W1 wrote vid_123/1 after 3; vid_123 says uploaded."
    )
    rows = [text.strip() for text in root.locator(".es-after").all_inner_texts()]
    assert rows == ["processing", "success", "✕\nuploaded"]
    assert root.locator(".es-late").count() == 1
    root.screenshot(path=artefact("page-traced-late"))
    press("r")
    assert root.locator(".es-coming").count() == 3
