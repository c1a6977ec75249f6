"""The race stage: three workers, one row, and the learner is the scheduler.

What lives here: ``RaceStage`` and the table that its script looks things up in.
The guarantee: verdicts, runs, scopes and sentences are computed in Python, by
``esbench.workers``; the browser looks up, draws and moves.
What it may not know: how orders are counted.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import traitlets as t

from esbench import workers
from esbench.errors import InvalidSchedule, NotFound
from esbench.lessons.letters import shuffled
from esbench.widgets import sources
from esbench.widgets.orders import (
    EVEN,
    FIX,
    FIXES,
    HOW,
    MANY,
    MEANS,
    ONE_BY_ONE,
    RUNS,
    SCHEDULE,
    SLOW,
    TABS,
    WORKERS,
    Orders,
    in_hundred,
    shown,
)
from esbench.widgets.stage import Stage, script

COUNTS = (*range(ONE_BY_ONE + 1), MANY)  # how many runs there are at each place
LAST = {SCHEDULE: WORKERS, RUNS: len(COUNTS) - 1, FIX: WORKERS}
BY_NAME = {fix.name: fix for fix in FIXES}


class RaceStage(Stage):
    """Three lanes, a row, every order as a dot, and five fixes.

    Attributes:
        tab: "schedule", "runs" or "fix".
        path: who wrote, as digits: "312" is W3, then W1, then W2.
        tried: every beginning that the learner has tried.
        ran: how far the runs have come, as a place.
        slow: whether worker 1 is ten times slower in the runs.
        fix: the fix that is looked at, by its name.
        again: whether one event may be delivered twice.
    """

    _esm = script("race.js")

    tab = t.Enum(list(TABS), default_value=SCHEDULE).tag(sync=True)
    path = t.Unicode("").tag(sync=True)
    tried = t.List(t.Unicode()).tag(sync=True)
    ran = t.Int(0).tag(sync=True)
    slow = t.Bool(default_value=True).tag(sync=True)
    fix = t.Enum(list(BY_NAME), default_value=next(iter(BY_NAME))).tag(sync=True)
    again = t.Bool(default_value=False).tag(sync=True)

    shown_traits: ClassVar[tuple[str, ...]] = (
        *("tab", "path", "tried", "ran", "slow", "fix", "again"),
        *Stage.shown_traits,
    )

    def __init__(self, orders: Orders, **traits: Any) -> None:
        self._orders = orders
        asking = bool(traits.get("predict", True))
        super().__init__(asking=asking, **traits)
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {**race_table(orders), "letters": shuffles}

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        last = LAST[self.tab]
        if not 0 <= proposal["value"] <= last:
            raise t.TraitError(f"at is {proposal['value']}; it goes from 0 to {last}")
        return int(proposal["value"])

    @t.validate("path")
    def _take_path(self, proposal: Any) -> str:
        return self._known(proposal["value"])

    @t.validate("tried")
    def _take_tried(self, proposal: Any) -> list[str]:
        return [self._known(path) for path in proposal["value"]]

    def _known(self, path: str) -> str:
        if path not in self._orders.verdicts:
            raise t.TraitError(
                f"{path!r} is no order: write the numbers of workers, each once, "
                'such as "312"'
            )
        return path

    @property
    def written(self) -> str:
        """The part of the path that is shown."""
        return self.path[: self.at]

    @property
    def losing(self) -> str:
        """The order that the fixes are tried on."""
        return self._orders.losing([*self.tried, self.path])

    @property
    def how(self) -> str:
        """Which race runs."""
        return SLOW if self.slow else EVEN

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        if self.asking:
            return self._orders.question(self.tab)
        if self.tab == SCHEDULE:
            return self._orders.finding(self.written)
        if self.tab == RUNS:
            return self._orders.ran(self.how, COUNTS[self.at])
        return self._orders.fixed(BY_NAME[self.fix], self.losing, again=self.again)

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        if self.tab == SCHEDULE:
            return self._orders.python(self.written)
        if self.tab == RUNS:
            return self._orders.python_of_runs(self.how, COUNTS[self.at])
        return self._orders.python_of_fix(BY_NAME[self.fix], again=self.again)

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffles of all questions for one seed."""
        return [[shuffled(self._orders.question(tab), seed) for tab in TABS]]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.race_pictures import fix_png, runs_png, schedule_png

        words = {"finding": self.finding, "python": self.python}
        if self.tab == SCHEDULE:
            return schedule_png(self._orders, self.written, asking=self.asking, **words)
        if self.tab == RUNS:
            runs = 0 if self.asking else COUNTS[self.at]
            return runs_png(self._orders, self.how, runs, asking=self.asking, **words)
        return fix_png(
            self._orders,
            BY_NAME[self.fix],
            self.losing,
            self.at,
            again=self.again,
            asking=self.asking,
            **words,
        )


# --- the table -------------------------------------------------------------------


@lru_cache(maxsize=8)
def race_table(orders: Orders) -> dict[str, Any]:
    """Give what the script needs, as JSON's own types."""
    return {
        "whose": orders.whose,
        "types": orders.types,
        "states": orders.states,
        "right": orders.right,
        "tabs": list(TABS.items()),
        "ways": [[way, *_end(orders, way)] for way in orders.ways],
        "verdicts": {way: _verdict(orders, way) for way in orders.verdicts},
        "shortest": orders.shortest,
        "counts": COUNTS,
        "means": HOW,
        "runs": {how: [_run(orders, how, n) for n in COUNTS] for how in MEANS},
        "exact": {how: float(orders.exactly(how)) for how in MEANS},
        "exactly": {how: in_hundred(orders.exactly(how)) for how in MEANS},
        "fixes": [_fix(orders, fix) for fix in FIXES],
        "questions": {tab: orders.question(tab) for tab in TABS},
        "answers": {tab: orders.answers(tab) for tab in TABS},
    }


def _end(orders: Orders, way: str) -> tuple[str, bool]:
    found = orders.verdicts[way]
    return shown(found.state), found.right


def _verdict(orders: Orders, way: str) -> list[Any]:
    """Give state, whether it is right now, the word, sentence, Python, and bars."""
    alike, slow = orders.verdicts[way], orders.slow[way]
    bars = [
        [float(alike.wrong), f"{alike.ends.wrong_orders} of {alike.orders}"],
        [float(slow.wrong), in_hundred(slow.wrong)],
    ]
    now = [shown(alike.state), alike.right, alike.word]
    return [*now, orders.finding(way), orders.python(way), bars]


def _run(orders: Orders, how: str, runs: int) -> dict[str, Any]:
    """Give how many runs were wrong so far, and the last of them, write by write."""
    wrong, low, high = orders.counted(how, runs)
    return {
        "wrong": wrong,
        "low": round(low, 4),
        "high": round(high, 4),
        "said": orders.ran(how, runs),
        "python": orders.python_of_runs(how, runs),
        "writes": writes(orders, how, runs),
    }


def writes(orders: Orders, how: str, runs: int) -> list[tuple[int, int, str]]:
    """Return the last run's writes: microseconds, worker's number, state."""
    if not runs:
        return []
    trace = orders.trace(how, runs)
    steps = [step for step in trace.steps if step.did == "wrote"]
    return [(step.at, int(step.worker[1:]), shown(step.state)) for step in steps]


def _fix(orders: Orders, fix: workers.Fix) -> dict[str, Any]:
    return {
        "name": fix.name,
        "label": FIXES[fix],
        "price": fix.price,
        "replays": {way: orders.replayed(fix, way) for way in orders.ways},
        "under": [_under(orders, fix, again=again) for again in (False, True)],
    }


def _under(orders: Orders, fix: workers.Fix, *, again: bool) -> dict[str, Any]:
    one = orders.result(fix, again=again)
    return {
        "dots": orders.dots(fix, again=again),
        "wrong": one.wrong_orders,
        "orders": one.orders,
        "scope": orders.scope(fix, again=again),
        "said": {way: orders.fixed(fix, way, again=again) for way in orders.ways},
        "python": orders.python_of_fix(fix, again=again),
    }


def race(
    log: Any = None,
    aggregate_id: str = "vid_123",
    *,
    seed: int = 0,
    predict: bool = True,
) -> RaceStage:
    """Return the stage on which you say who of three workers writes next.

    Args:
        log: a log of videos, or a past of one; the story of vid_123 unless given.
        aggregate_id: the video; it has three events that set its status.
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked before something is shown.

    Raises:
        NotFound: no such video, or not yet in that past.
        InvalidSchedule: not three events, or not three different statuses.
    """
    told = sources.video_log() if log is None else log
    return RaceStage(orders_of(told, aggregate_id), seed=seed, predict=predict)


def orders_of(log: Any, aggregate_id: str) -> Orders:
    """Return a video's three events as orders.

    Args:
        log: a log of videos, or a past of one.
        aggregate_id: the video.
    """
    from esbench.domains import video

    events = list(log.read(aggregate_id))
    if not events:
        raise NotFound(f"{aggregate_id!r} has no event here: name another video")
    states = [_status(video.Video.fold([one])) for one in events]
    if len({state for state in states if state}) != WORKERS or len(states) != WORKERS:
        raise InvalidSchedule(
            f"{aggregate_id} has {len(events)} events with the statuses "
            f"{', '.join(map(str, states))}: the stage takes three events, each with a "
            "status of its own"
        )
    types = tuple(one.type for one in events)
    return _orders(aggregate_id, types, tuple(map(str, states)))


def _status(found: dict[Any, Any]) -> str | None:
    """Return what one event sets the status to; None if it leaves it alone."""
    status: str | None = next((each.status for each in found.values()), None)
    return status


@lru_cache(maxsize=8)
def _orders(whose: str, types: tuple[str, ...], states: tuple[str, ...]) -> Orders:
    """Return orders whose counts are made once and kept."""
    return Orders(whose=whose, types=types, states=states)
