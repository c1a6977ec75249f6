"""Chance: the three things that "random" can mean for workers, each under its name.

What lives here: ``EVERY_ORDER``, ``EVERY_WORKER`` and ``race``; latencies that are
exponential, given, or fitted to what was measured; and the draws behind them.
The guarantee: draws are made of whole numbers alone, so that one seed gives one run
on every machine; means are kept as exact fractions.
What it may not know: messages, states, logs.

    every order alike     each interleaving of the queues has the same probability
    every worker alike    again and again, one of the workers that have work left
                          is chosen, each alike: a uniform scheduler
    race of latencies     all start together, each takes its time, event by event

The three differ: queues [1, 4], [2], [3, 5, 6] end with another state in 1/2 of all
orders, with a probability of 157/432 under a uniform scheduler.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from random import Random

from msgspec import Struct

from esbench.errors import InvalidSchedule

ANY = "*"
BITS = 53
TICKS = 1 << 20

Number = int | float | Fraction
Key = str | tuple[str, str]


class Latencies(Struct, frozen=True, kw_only=True):
    """How long a worker takes over an event, in microseconds.

    Attributes:
        kind: "exponential", or "given": one of the listed times, each alike.
        times: by (worker, event type), where ``"*"`` stands for any: the mean, or the
            times that were given. The most exact entry counts; of two that are
            equally exact, that of the worker.
        source: where they come from, in words.
    """

    kind: str
    times: dict[tuple[str, str], tuple[Fraction, ...]]
    source: str = ""

    def of(self, worker: str, type: str) -> tuple[Fraction, ...]:
        """Return the times of a worker over an event type.

        Raises:
            InvalidSchedule: there are none.
        """
        for key in ((worker, type), (worker, ANY), (ANY, type), (ANY, ANY)):
            if key in self.times:
                return self.times[key]
        raise InvalidSchedule(
            f"no latency is given for {worker} and {type}: add one for {worker!r}, "
            f"or for {ANY!r}, which means any"
        )

    def mean(self, worker: str, type: str) -> Fraction:
        """Return the mean time of a worker over an event type, in microseconds."""
        times = self.of(worker, type)
        return sum(times, Fraction()) / len(times)

    def draw(self, dice: Random, worker: str, type: str) -> int:
        """Return a time in ticks, of which a microsecond has ``TICKS``.

        They are so fine that two draws are hardly ever the same.

        Args:
            dice: where chance comes from.
            worker: who works.
            type: on an event of which type.
        """
        times = self.of(worker, type)
        if self.kind == "given":
            time = times[dice.randrange(len(times))]
            return time.numerator * TICKS // time.denominator
        mean, share = times[0], standard_exponential(dice)
        return mean.numerator * share * TICKS // (mean.denominator << BITS)

    def __repr__(self) -> str:
        """Say what kind they are, and for how many workers and types."""
        return f"Latencies({self.source or self.kind}, {len(self.times)} entries)"


def exponential(
    means: Number | Mapping[str, Number] | Mapping[Key, Number],
) -> Latencies:
    """Return latencies that are exponential: what is left never depends on the past.

    Args:
        means: in microseconds: one for all, or by worker, by (worker, type), by
            ``("*", type)``; ``"*"`` alone is for all others.

    Raises:
        InvalidSchedule: a mean that is not above zero.

    >>> exponential({"*": 1_000, "W1": 10_000}).mean("W1", "VideoUploaded")
    Fraction(10000, 1)
    """
    return Latencies(
        kind="exponential",
        times={key: _times([mean]) for key, mean in _pairs(means)},
    )


def given(
    times: Number
    | Mapping[str, Number | Iterable[Number]]
    | Mapping[Key, Number | Iterable[Number]],
) -> Latencies:
    """Return latencies that are as listed: one time, or several, each alike.

    Args:
        times: in microseconds, with keys as in ``exponential``.

    Raises:
        InvalidSchedule: a time that is not above zero, or none at all.
    """
    return Latencies(
        kind="given", times={key: _times(each) for key, each in _pairs(times)}
    )


def fitted(measured: Iterable[tuple[str, str, Number]]) -> Latencies:
    """Return exponential latencies with the means of what was measured.

    Args:
        measured: (worker, event type, microseconds), as many as there are; entries
            for a worker over any type, and for all, are made as well.

    Raises:
        InvalidSchedule: nothing was measured.
    """
    rows = list(measured)
    means: dict[tuple[str, str], tuple[Fraction, ...]] = {
        key: (sum(times, Fraction()) / len(times),)
        for key, times in _sorted_by_key(rows).items()
    }
    source = f"exponential, fitted to {len(rows):,} measured times"
    return Latencies(kind="exponential", times=means, source=source)


def observed(measured: Iterable[tuple[str, str, Number]]) -> Latencies:
    """Return latencies drawn from what was measured itself, each time alike.

    Args:
        measured: as for ``fitted``.

    Raises:
        InvalidSchedule: nothing was measured.
    """
    rows = list(measured)
    times = {key: tuple(times) for key, times in _sorted_by_key(rows).items()}
    source = f"given by {len(rows):,} measured times"
    return Latencies(kind="given", times=times, source=source)


def _sorted_by_key(
    measured: list[tuple[str, str, Number]],
) -> dict[tuple[str, str], list[Fraction]]:
    if not measured:
        raise InvalidSchedule("nothing was measured: give at least one latency")
    found: dict[tuple[str, str], list[Fraction]] = {}
    for worker, kind, time in measured:
        for key in ((worker, kind), (worker, ANY), (ANY, kind), (ANY, ANY)):
            found.setdefault(key, []).append(_time(time))
    return found


def _pairs(times: object) -> list[tuple[tuple[str, str], object]]:
    if not isinstance(times, Mapping):
        return [((ANY, ANY), times)]
    return [
        (key if isinstance(key, tuple) else (key, ANY), each)
        for key, each in times.items()
    ]


def _times(times: object) -> tuple[Fraction, ...]:
    if isinstance(times, Iterable):
        found = tuple(_time(each) for each in times)
        if not found:
            raise InvalidSchedule("a list of latencies is empty: give at least one")
        return found
    return (_time(times),)


def _time(time: object) -> Fraction:
    if isinstance(time, bool) or not isinstance(time, int | float | Fraction):
        raise InvalidSchedule(f"{time!r} is no latency: give microseconds")
    if not 0 < time < float("inf"):
        raise InvalidSchedule(f"a latency of {time} can't be: write more than 0")
    return Fraction(time)


# --- which meaning ---------------------------------------------------------------


class Chance(Struct, frozen=True, kw_only=True):
    """What makes one schedule likelier than another.

    Attributes:
        name: "every order alike", "every worker alike" or "race of latencies".
        latencies: for a race, who takes how long.
    """

    name: str
    latencies: Latencies | None = None

    def __repr__(self) -> str:
        """Say which one."""
        return f"Chance({self.name})"


EVERY_ORDER = Chance(name="every order alike")
EVERY_WORKER = Chance(name="every worker alike")


def race(latencies: Latencies | Number | Mapping[str, Number]) -> Chance:
    """Return the chance of a race: all start together, each takes its time.

    Args:
        latencies: made by ``exponential``, ``given``, ``fitted`` or ``observed``; a
            number or a mapping means exponential ones.
    """
    if not isinstance(latencies, Latencies):
        latencies = exponential(latencies)
    return Chance(name="race of latencies", latencies=latencies)


# --- draws -----------------------------------------------------------------------


def standard_exponential(dice: Random) -> int:
    """Return a draw with mean 1, times 2 to the power of ``BITS``.

    The method is von Neumann's: it only compares uniform draws, so that no machine's
    logarithm has a say. A run of falling draws of odd length ends it; each one of even
    length adds 1.
    """
    whole = 0
    while True:
        first = last = dice.getrandbits(BITS)
        length = 1
        while (draw := dice.getrandbits(BITS)) < last:
            last = draw
            length += 1
        if length % 2:
            return (whole << BITS) + first
        whole += 1
