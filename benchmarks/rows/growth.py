"""The row about growth: what does the size of a log change?

What lives here: ``growth``.
The guarantee: logs of all sizes take turns; appends go to clones.
What it may not know: how results are written down.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import shelf
from benchmarks.harness import Contender, NotYet, interleaved, timed
from benchmarks.ledger import ASKED, Balance
from benchmarks.page import MILLI, Page
from benchmarks.rows.balances import table, with_snapshot
from benchmarks.rows.reading import hydrated
from benchmarks.rows.writing import Own
from benchmarks.setting import Setting, spoken

FLAT = 3.0  # a cost is flat if it grows less than this much over the whole range
OPEN, APPEND, HYDRATE = "open and look", "append one event", "hydrate one account"
TABLE, SNAPSHOT = "table", "table from a snapshot"
TYPICAL = 20  # events of a typical account

Make = Callable[[Setting, int], Contender]


def growth(setting: Setting, page: Page) -> None:
    """The cost of each call, from ten thousand events to the largest log."""
    _over(setting, page, OPEN, _opening, 2)
    _over(setting, page, APPEND, _appending, setting.rounds(50, 10))
    _over(setting, page, HYDRATE, _hydrating, setting.rounds(30, 8))
    _over(setting, page, TABLE, _asking, 3)
    for work in (APPEND, HYDRATE):
        _judge(setting, page, work)
    try:
        _over(setting, page, SNAPSHOT, _asking_a_snapshot, 3)
    except NotYet as error:
        page.not_yet(SNAPSHOT, str(error))


def _over(setting: Setting, page: Page, work: str, make: Make, rounds: int) -> None:
    """Measure a call on logs of all sizes in turn."""
    contenders = [make(setting, size) for size in setting.sizes]
    page.add_times(work, interleaved(contenders, rounds))
    if make is _appending:
        page.told(
            "the first append of a process that has looked, smallest log to largest",
            ", ".join(f"{ms:.1f}" for ms in _first_appends(setting)) + " ms",
        )


def _opening(setting: Setting, size: int) -> Contender:
    path = setting.shelf.log(size)
    return Contender(
        name=spoken(size), run=lambda _: shelf.opened(path).head(), answer=None
    )


def _clone(setting: Setting, size: int) -> Path:
    return shelf.clone(setting.shelf.log(size), setting.fresh("log"))


def _appending(setting: Setting, size: int) -> Contender:
    own = Own(_clone(setting, size))
    own.put()
    return Contender(name=spoken(size), run=lambda _: own.put(), answer=None)


def _first_appends(setting: Setting) -> list[float]:
    """Return the milliseconds of the first append to each log, once it was opened."""
    taken = []
    for size in setting.sizes:
        own = Own(_clone(setting, size))
        own.log.head()
        taken.append(timed(own.put)[0] * MILLI)
    return taken


def _hydrating(setting: Setting, size: int) -> Contender:
    log = shelf.opened(setting.shelf.log(size))
    keys = shelf.keys(log, TYPICAL, setting.rounds(31, 9))
    return Contender(
        name=spoken(size),
        prepare=lambda number: keys[number % len(keys)],
        run=lambda key: hydrated(log, key),
        answer=None,
    )


def _asking(setting: Setting, size: int) -> Contender:
    log = shelf.opened(setting.shelf.log(size))
    return Contender(name=spoken(size), run=lambda _: table(log), answer=None)


def _asking_a_snapshot(setting: Setting, size: int) -> Contender:
    log = shelf.opened(with_snapshot(setting, size))
    return Contender(
        name=spoken(size),
        run=lambda _: Balance.table(log.as_of(ASKED)),
        answer=None,
    )


def _judge(setting: Setting, page: Page, work: str) -> None:
    """Say whether a call costs the same, however large the log."""
    medians = [line.figure.median for line in page.lines if line.work == work]
    span = f"{spoken(setting.sizes[0])} to {spoken(setting.sizes[-1])}"
    text = f"{work}: flat (< {FLAT:g}×), {span}"
    page.at_most(text, medians[-1] / medians[0], FLAT, "×")
