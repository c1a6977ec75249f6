"""Rows about upkeep: merging, verifying, and reading everything in order.

What lives here: ``merge``, ``verify``, ``ordered``.
The guarantee: each step runs in a process of its own, so that its memory is its own;
beside it the least that such a step can take, reading the same bytes and hashing them.
What it may not know: how results are written down.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import child, shelf
from benchmarks.harness import Figure, require_equal
from benchmarks.ledger import call
from benchmarks.page import OWN, Page, spelled
from benchmarks.setting import Setting, spoken
from esbench import EventLog

HASHED = "read + SHA-256"
THREE_GB = 3_000
MB = 1e6


def merge(setting: Setting, page: Page) -> None:
    """Merge a log that nobody has merged."""
    call(EventLog, "merge")
    source = setting.shelf.raw(setting.events)
    head = shelf.opened(source).head()

    def fresh() -> Path:
        return shelf.clone(source, setting.fresh("log"))

    last = fresh()
    _step(setting, page, "merge", [fresh(), last][: setting.rounds(2, 1)], limit=True)
    if setting.quick:
        return
    require_equal({"before": head, "after": shelf.opened(last).head()})


def verify(setting: Setting, page: Page) -> None:
    """Read every byte again and prove the content."""
    path = setting.shelf.log(setting.events)
    found = _step(setting, page, "verify", [path] * setting.rounds(2, 1))
    require_equal({"expected": True, OWN: found})


def ordered(setting: Setting, page: Page) -> None:
    """Read all events in position order."""
    path = setting.shelf.log(setting.events)
    count = _step(setting, page, "read", [path], limit=True)
    require_equal({"expected": setting.events, OWN: count})


def _step(
    setting: Setting,
    page: Page,
    step: str,
    paths: list[Path],
    *,
    limit: bool = False,
) -> object:
    """Run a step on each path in turn with the floor; return the last answer."""
    taken: dict[str, list[float]] = {OWN: [], HASHED: []}
    peaks = []
    for path in paths:
        floor = child.apart("hashed", *shelf.opened(path).files())
        own = child.apart(step, path)
        taken[HASHED].append(floor.seconds)
        taken[OWN].append(own.seconds)
        peaks.append(own.peak / MB)
    figures = {who: Figure.of(seconds) for who, seconds in taken.items()}
    work = f"{step} {spoken(setting.events)}"
    page.add_times(work, figures)
    page.add(f"{work}: memory", OWN, Figure.of(peaks), "MB")
    ratio = figures[OWN].median / figures[HASHED].median
    found = f"{figures[OWN].median:.1f} s, {spelled(ratio)}× {HASHED}, "
    page.told(work, f"{found}{max(peaks):,.0f} MB")
    if limit:
        page.at_most(f"{work}: memory under 3 GB", max(peaks), THREE_GB, " MB")
    return own.answer
