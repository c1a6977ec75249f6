"""The live panel: what a monitor counts, look by look, while others work.

What lives here: ``Watching``, its ``WatchedMonitor``, and ``watching``.
The guarantee: each look is what the monitor counted at that moment; the panel moves
on by itself while the monitor is told, and any look kept can be gone back to.
What it may not know: who works, and what an event means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import traitlets as t
from msgspec import Struct

from esbench.lessons.letters import SEEDS
from esbench.widgets.mishaps import seconds
from esbench.widgets.stage import Stage, script
from esbench.workers.monitoring import BOUNDS, Monitor

MOST = 400  # looks; of a longer run every second one goes, the first and the last stay
WORDS = ("published", "processed", "failed", "retried", "parked")


class Look(Struct, frozen=True, kw_only=True):
    """What a monitor counted at one moment.

    Attributes:
        counts: published, processed, failed, retried, parked.
        lag: how many events are not done.
        age: seconds that the oldest of them has waited.
        durations: how many tries fell into each bucket.
    """

    counts: tuple[int, ...]
    lag: int
    age: float
    durations: tuple[int, ...]

    @property
    def finding(self) -> str:
        """Say how things stand."""
        _, processed, failed, retried, parked = self.counts
        wait = "nothing waits"
        if self.lag:
            verb = "waits" if self.lag == 1 else "wait"
            wait = f"{self.lag} {verb}, the oldest for {seconds(self.age)}"
        tries = "try" if failed == 1 else "tries"
        return (
            f"{processed} processed, {failed} failed {tries}, {retried} retried, "
            f"{parked} parked; {wait}."
        )

    @property
    def tiles(self) -> list[tuple[str, str, str]]:
        """Give each figure's name, its text, and whether it is bad or late."""
        bad = dict.fromkeys(("failed", "parked"), "bad")
        counted = zip(WORDS, self.counts, strict=True)
        told = [(word, str(n), bad.get(word, "") if n else "") for word, n in counted]
        late = "late" if self.lag else ""
        return [*told, ("lag", str(self.lag), late), ("age", seconds(self.age), late)]

    @property
    def buckets(self) -> range:
        """The buckets from the first that holds a try to the last."""
        full = [slot for slot, count in enumerate(self.durations) if count]
        return range(full[0], full[-1] + 1) if full else range(0)


class WatchedMonitor(Monitor):
    """A monitor that keeps a look each time it is told of the queue.

    Attributes:
        looks: what was counted, oldest first; at most ``MOST``.

    Args:
        tell: called after each look.
    """

    def __init__(self, tell: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.looks = [self.look()]
        self._tell = tell

    def look(self) -> Look:
        """Return what is counted now."""
        return Look(
            counts=tuple(self.count(word) for word in WORDS),
            lag=int(self.now["lag"]),
            age=round(self.now["age"], 6),
            durations=self.durations.counts,
        )

    def queue(self, *, size: int, lag: int, age: float) -> None:
        """Take how things stand, and keep a look."""
        super().queue(size=size, lag=lag, age=age)
        self.looks.append(self.look())
        if len(self.looks) > MOST:
            self.looks = [*self.looks[:-1:2], self.looks[-1]]
        self._tell()


class Watching(Stage):
    """A panel that shows what its monitor counts.

    Attributes:
        monitor: hand it to whoever works.
    """

    _esm = script("watching.js")

    def __init__(self, **traits: Any) -> None:
        self.monitor = WatchedMonitor(self._moved)
        super().__init__(predict=False, **traits)
        self._table = self._told()

    def _moved(self) -> None:
        """Show the latest look; a browser that is open follows."""
        with self.hold_sync():
            self._table = self._told()
            self.at = len(self.monitor.looks) - 1

    def _told(self) -> dict[str, Any]:
        looks = self.monitor.looks
        oldest = max(look.age for look in looks)
        return {
            "bounds": [*(f"{bound:g}" for bound in BOUNDS), "more"],
            "most": [str(max(1, *(look.lag for look in looks))), seconds(oldest)],
            "buckets": list(looks[-1].buckets),
            "looks": [
                [look.tiles, look.lag, look.age, look.durations, look.finding]
                for look in looks
            ],
            "letters": {str(self.seed): self.letters(self.seed)},
        }

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        last = len(self.monitor.looks) - 1
        if not 0 <= proposal["value"] <= last:
            raise t.TraitError(f"at is {proposal['value']}; it goes from 0 to {last}")
        return int(proposal["value"])

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the look shown."""
        return self.monitor.looks[self.at].finding

    @property
    def python(self) -> str:
        """The line of Python that gives the same figures."""
        return "panel.monitor.frame()"

    def letters(self, seed: int) -> list[list[str]]:  # noqa: ARG002 - a panel asks nothing
        """Give no shuffle: a panel asks nothing."""
        return [[]]

    def site_html(self, seeds: Iterable[int] = range(SEEDS)) -> str:
        """Give the panel as a piece of a page, from its first look on."""
        shown, self.at = self.at, 0
        try:
            return super().site_html(seeds)
        finally:
            self.at = shown

    def picture(self) -> bytes:
        """Give the look as a PNG, alike on every run."""
        from esbench.widgets.failures_pictures import watching_png

        words = {"finding": self.finding, "python": self.python}
        return watching_png(self.monitor.looks, self.at, **words)


def watching() -> Watching:
    """Return an empty panel; hand its ``monitor`` to whoever works."""
    return Watching()
