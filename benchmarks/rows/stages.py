"""The row about stages: from a key press to the picture, in a real browser.

What lives here: ``race_stage``.
The guarantee: keys are real ones, pressed at irregular times; the clock is the
browser's, and runs from the key event's own time to the end of the frame that shows
what the key did; a press that changes nothing ends the row.
What it may not know: how a stage is drawn.

A browser draws sixty frames a second, so a key waits 8 ms on average for the next one
to begin, whatever the stage does; both ends of that frame are told.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from random import Random
from typing import Any

from benchmarks.harness import Figure, NotInstalled, Unequal
from benchmarks.page import OWN, Page
from benchmarks.setting import Setting
from benchmarks.shelf import SEED
from benchmarks.sqlite import module

GOAL = 16.0  # milliseconds from the key to the picture
PAUSE = 20, 60  # milliseconds between two presses, so that they fall anywhere
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage")
SCREEN = {"width": 1280, "height": 800}
KEYS = {  # by tab, in the order in which T turns to them; each press changes something
    "your schedule": ("3", "1", "2", "Backspace", "Backspace", "Backspace"),
    "many runs": ("2", "3", "ArrowLeft", "3", "ArrowLeft", "1"),
    "fix it": ("2", "3", "4", "5", "6", "1"),
}
WATCH = """() => {
  const all = [];
  let last = {};
  const stage = document.querySelector(".es-stage");
  const seen = { subtree: true, childList: true, attributes: true };
  new MutationObserver(() => { last.changed = true; }).observe(stage, seen);
  addEventListener("keydown", (event) => {
    const one = { pressed: event.timeStamp };
    last = one;
    all.push(one);
    requestAnimationFrame(() => { // before it is painted
      one.begun = performance.now() - one.pressed;
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => { one.shown = performance.now() - one.pressed; };
      port2.postMessage(null); // arrives when it is
    });
  }, true);
  window.presses = () => all.splice(0);
}"""


def race_stage(setting: Setting, page: Page) -> None:
    """From key press to picture on the three tabs of the race stage."""
    presses, dice = setting.rounds(200, 30), Random(SEED)
    with opened() as tab:
        for name, keys in KEYS.items():
            found = measured(tab, list(islice(cycle(keys), presses)), dice)
            tell(page, name, found)
            turn(tab)
        version = tab.context.browser.version
    page.note(
        f"Chromium {version} without a window, {SCREEN['width']} × {SCREEN['height']}, "
        f"on a page without a kernel; {presses} presses a tab, 20 to 60 ms apart"
    )


def tell(page: Page, name: str, found: list[dict[str, float]]) -> None:
    """Add what the presses on one tab took."""
    shown = sorted(one["shown"] for one in found)
    begun = [one["begun"] for one in found]
    page.add(f"key press to picture, {name}", OWN, Figure.of(shown), "ms")
    page.add(f"… to the frame's beginning, {name}", OWN, Figure.of(begun), "ms")
    text = f"{name}: key press to picture ≤ {GOAL:.0f} ms"
    page.at_most(text, Figure.of(shown).median, GOAL, " ms")
    worst = shown[len(shown) * 95 // 100]
    page.told(f"{name}: 95 of 100 presses", f"within {worst:.1f} ms")


def turn(tab: Any) -> None:
    """Turn to the next tab, which is not measured."""
    tab.keyboard.press("t")
    tab.wait_for_timeout(500)
    tab.evaluate("presses()")


def measured(tab: Any, keys: Sequence[str], dice: Random) -> list[dict[str, float]]:
    """Press keys and return what the browser noted of each.

    Raises:
        Unequal: a press changed nothing, or was not seen.
    """
    for key in keys:
        tab.keyboard.press(key)
        tab.wait_for_timeout(dice.uniform(*PAUSE))
    tab.wait_for_timeout(500)  # the last one is shown, too
    found: list[dict[str, float]] = tab.evaluate("presses()")
    idle = sum("changed" not in one or "shown" not in one for one in found)
    if idle or len(found) != len(keys):
        raise Unequal(f"{len(keys)} presses: {len(found)} seen, {idle} changed nothing")
    return found


@contextmanager
def opened() -> Iterator[Any]:
    """Give a tab of a browser with the race stage, watched and in focus.

    Raises:
        NotInstalled: playwright or a Chromium is not there.
    """
    from esbench import widgets

    stage = widgets.race(predict=False).site_html()
    with playwright() as running:
        browser = running.chromium.launch(executable_path=chromium(), args=FLAGS)
        tab = browser.new_page(viewport=SCREEN)
        tab.set_content(f"<!doctype html><body>{stage}")
        tab.locator(".es-stage").focus()
        tab.evaluate(WATCH)
        yield tab
        browser.close()


def playwright() -> Any:
    """Return what starts playwright, as a context.

    Raises:
        NotInstalled: it is not there.
    """
    try:
        return module("playwright.sync_api").sync_playwright()
    except NotInstalled as error:
        raise NotInstalled("playwright is not installed (extra test)") from error


def chromium() -> str:
    """Return the path of a Chromium: $CHROMIUM, else the first on the path.

    Raises:
        NotInstalled: there is none.
    """
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise NotInstalled("there is no Chromium: install one, or name it in $CHROMIUM")
    return found
