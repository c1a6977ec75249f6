"""Waiting between tries: doubled each time, with jitter and a cap; clocks to wait on.

What lives here: ``Backoff``, a ``Stopwatch`` for simulations, and the ``WallClock``.
The guarantee: a wait depends on the seed, the event and the try alone, and never
exceeds the cap.
What it may not know: what is tried.
"""

from __future__ import annotations

import hashlib
import time

from msgspec import Struct

from esbench.errors import InvalidSchedule


class Backoff(Struct, frozen=True, kw_only=True):
    """How long to wait before the next try: doubled each time, capped, with jitter.

    Attributes:
        first: seconds after the first failure, before jitter.
        cap: seconds that no wait exceeds.
        jitter: the share of a wait that chance may take away, 0 to 1. Without it all
            that failed together come again together.
        seed: where chance comes from; a wait depends on it, on the event and on the
            try, and on nothing else.

    >>> calm = Backoff(first=1, cap=60, jitter=0)
    >>> [calm.wait("evt_1", tried) for tried in range(1, 9)]
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    """

    first: float = 1.0
    cap: float = 60.0
    jitter: float = 0.5
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse waits that can't be."""
        if not (0 <= self.first <= self.cap and 0 <= self.jitter <= 1):
            raise InvalidSchedule(
                f"{self}: first lies between 0 and cap, jitter between 0 and 1"
            )

    def wait(self, event_id: str, tried: int) -> float:
        """Return the seconds to wait after so many tries of an event."""
        whole = min(self.cap, self.first * 2.0 ** min(tried - 1, 1000))
        told = f"{self.seed} {tried} {event_id}".encode()
        drawn = int.from_bytes(hashlib.sha256(told).digest()[:8], "big") / 2**64
        return whole * (1 - self.jitter * drawn)


class Stopwatch:
    """A clock that moves only when somebody waits or works; seconds from 0."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        """Let so much time pass at once; whole nanoseconds, so that sums stay plain."""
        self.now = round(self.now + seconds, 9)


class WallClock:
    """The time as it really passes; seconds from when it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @staticmethod
    def sleep(seconds: float) -> None:
        """Wait so long."""
        time.sleep(seconds)
