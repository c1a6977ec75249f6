"""Lesson 09 in a real JupyterLab, with a learner who guesses wrong at first."""

from esbench.lessons import course

from .test_lessons_in_lab import len_of, run_all, type_over, working_copy


def test_a_wrong_fence_is_led_on(lab, page, artefact):
    """In 09 each wrong guess has its reason, and Kafka waits behind the prediction."""
    page.set_viewport_size({"width": 1280, "height": 12000})
    lab.open_notebook(page, working_copy(lab, course.lesson("09")))
    run_all(lab, page)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    asked = cells.filter(has_text='lessons.predict("09.2"').first
    type_over(page, asked, '"?"', '"B"')
    asked.get_by_text("whoever is silent is taken for dead").wait_for()
    stub = cells.filter(has_text='lessons.check("09.1"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return {n: [turn] for turn, n in enumerate(members)}",
    )
    stub.get_by_text("deal on until none is left").wait_for()
    root = page.locator(".es-stage").first
    root.focus()
    count = len_of(page)
    for key in ["ArrowRight"] * 30:
        page.keyboard.press(key)
    root.get_by_text("w1 wakes with vid_1/2 in hand").first.wait_for()
    assert root.get_by_role("tab", name="Kafka").count() == 0
    choice = root.get_by_role("button", name=": the broker stops it")
    letter = choice.get_attribute("aria-label").removeprefix("Answer ")[0]
    page.keyboard.press(letter.lower())
    root.get_by_text("a write to the store it never sees").first.wait_for()
    for key in ("r", "ArrowRight", "2", "c", "4", "j", "g"):
        page.keyboard.press(key)
    root.get_by_text("w2 crash at 2, w4 join at 3").wait_for()
    root.get_by_text("w4 joined, w2 did not answer").first.wait_for()
    root.get_by_role("tab", name="Kafka").click()
    root.get_by_text("27 events, 4 partitions").wait_for()
    root.screenshot(path=artefact("lesson_09_kafka"))
    assert len_of(page) == count
    stub = cells.filter(has_text='lessons.check("09.3"').first
    type_over(
        page,
        stub,
        "raise NotImplementedError  # your turn",
        "return [t for p, g, t in writes"
        " if all(g >= h for q, h, _ in writes if q == p)]",
    )
    stub.get_by_text("writes which are still to come").wait_for()
    asked = cells.filter(has_text='lessons.predict("09.4"').first
    type_over(page, asked, '"?"', '"D"')
    asked.get_by_text("it knows only what was committed").wait_for()
    page.screenshot(path=artefact("lesson_09_wrong"))
