"""Keys and partitions: which key goes where, and how evenly.

What lives here: Kafka's murmur2 and the partition that follows from it; how keys
spread, and which are hot; and Python's ``hash`` as the wrong way.
The guarantee: the same key goes to the same partition in every process, on every
machine and in every Kafka client that hashes as Java's does.
What it may not know: logs, domains, and who reads the partitions.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.workers.message import Message, messages

if TYPE_CHECKING:
    import polars as pl

Partitioner = Callable[[str, int], int]
KeyOf = Callable[[Message], str | None]

_SEED = 0x9747B28C
_M = 0x5BD1E995
_WORD = 0xFFFFFFFF


def murmur2(key: str | bytes) -> int:
    """Return Kafka's hash of a key, as Java has it: 32 bits with a sign.

    A text is hashed as UTF-8, as Kafka's own serializer does.

    >>> murmur2("foobar")
    -790332482
    """
    data = key.encode() if isinstance(key, str) else key
    h = _SEED ^ len(data)
    whole = len(data) & ~3
    for place in range(0, whole, 4):
        k = int.from_bytes(data[place : place + 4], "little") * _M & _WORD
        h = (h * _M & _WORD) ^ ((k ^ k >> 24) * _M & _WORD)
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _WORD
    h = (h ^ h >> 13) * _M & _WORD
    h ^= h >> 15
    return h - 2**32 if h >> 31 else h


def partition(key: str | bytes, partitions: int) -> int:
    """Return the partition of a key, from 0; the same everywhere and always.

    >>> partition("foobar", 10)
    6

    Raises:
        InvalidSchedule: less than one partition.
    """
    return (murmur2(key) & 0x7FFFFFFF) % counted(partitions)


def counted(partitions: int) -> int:
    """Return the number of partitions if there can be so many."""
    if partitions < 1:
        raise InvalidSchedule(
            f"{partitions} partitions hold nothing: give at least one"
        )
    return partitions


def lanes(
    events: Iterable[Any],
    partitions: int,
    key: KeyOf | None = None,
    partitioner: Partitioner = partition,
) -> tuple[tuple[Message, ...], ...]:
    """Return what each partition holds; events without a key take turns.

    Args:
        events: any events, in the order in which they were written.
        partitions: how many there are.
        key: gives an event's key; its ``aggregate_id`` unless said.
        partitioner: gives the partition of a key; Kafka's unless said.
    """
    held: list[list[Message]] = [[] for _ in range(counted(partitions))]
    for turn, message in enumerate(messages(events)):
        lane = lane_of(key_of(message, key), turn, partitions, partitioner)
        held[lane].append(message)
    return tuple(map(tuple, held))


def key_of(message: Message, key: KeyOf | None) -> str | None:
    """Return a message's key, its aggregate unless ``key`` says another."""
    return message.aggregate_id if key is None else key(message)


def lane_of(key: str | None, turn: int, partitions: int, by: Partitioner) -> int:
    """Return the partition of a key; without one, the next in turn."""
    return turn % partitions if key is None else by(key, partitions)


# --- how evenly ------------------------------------------------------------------


class HotKey(Struct, frozen=True, kw_only=True):
    """A key that alone brings more than its partition's fair share.

    Attributes:
        key: the key.
        partition: where it goes; more partitions don't help it.
        events: how many it brings.
        share: of all events.
    """

    key: str
    partition: int
    events: int
    share: Fraction


class Spread(Struct, frozen=True, kw_only=True):
    """How keys and their events lie in partitions.

    Attributes:
        events: how many each partition holds.
        keys: how many different ones each partition holds.
        hot: keys with more than one partition's fair share, the hottest first.
    """

    events: tuple[int, ...]
    keys: tuple[int, ...]
    hot: tuple[HotKey, ...]

    @property
    def skew(self) -> Fraction:
        """The fullest partition against the average one: 1 is perfectly even."""
        total = sum(self.events)
        return Fraction(max(self.events) * len(self.events), total or 1)

    @property
    def speedup(self) -> Fraction:
        """How much faster one worker a partition is than one worker for all."""
        return Fraction(sum(self.events), max(self.events) or 1)

    @property
    def finding(self) -> str:
        """What one sees, in a sentence."""
        text = (
            f"{len(self.events)} partitions are as fast as "
            f"{float(self.speedup):.2f}: the fullest holds {float(self.skew):.2f} "
            "times the average"
        )
        if self.hot:
            hottest = self.hot[0]
            text += f", and {hottest.key} alone brings {float(hottest.share):.0%}"
        return f"{text}."

    def frame(self) -> pl.DataFrame:
        """Return one row a partition: partition, keys, events, share."""
        import polars as pl

        total = sum(self.events) or 1
        return pl.DataFrame(
            {
                "partition": range(len(self.events)),
                "keys": self.keys,
                "events": self.events,
                "share": [count / total for count in self.events],
            }
        )


def spread(
    keys: Iterable[str], partitions: int, partitioner: Partitioner = partition
) -> Spread:
    """Return how keys lie in partitions; a key counts as often as it comes."""
    counts, lanes = Counter(keys), {}
    events, different = [0] * counted(partitions), [0] * partitions
    for key, count in counts.items():
        lanes[key] = lane = partitioner(key, partitions)
        events[lane] += count
        different[lane] += 1
    total = sum(events)
    return Spread(
        events=tuple(events),
        keys=tuple(different),
        hot=tuple(
            HotKey(
                key=key,
                partition=lanes[key],
                events=count,
                share=Fraction(count, total),
            )
            for key, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair))
            if partitions > 1 and count * partitions > total
        ),
    )


# --- the wrong way ---------------------------------------------------------------

_SALTS = 2**32  # so many are told apart
_ANSWERS = """
import sys
keys = sys.stdin.read().split("\\0")
print(*(hash(key) % int(sys.argv[1]) for key in keys))
"""


class Salted(Struct, frozen=True, kw_only=True):
    """What Python's ``hash`` says in several processes, beside Kafka's murmur2.

    Attributes:
        keys: the keys that were asked about.
        by_hash: for each process, its partition of each key.
        by_murmur2: the partition of each key by murmur2, the same in every process.
    """

    keys: tuple[str, ...]
    by_hash: tuple[tuple[int, ...], ...]
    by_murmur2: tuple[int, ...]

    @property
    def agreed(self) -> int:
        """How many keys all processes put into one partition."""
        return sum(
            len(set(answers)) == 1 for answers in zip(*self.by_hash, strict=True)
        )

    @property
    def finding(self) -> str:
        """What one sees, in a sentence."""
        return (
            f"{len(self.by_hash)} processes agree on {self.agreed} of "
            f"{len(self.keys)} keys by hash(), and on all of them by murmur2."
        )

    def frame(self) -> pl.DataFrame:
        """Return one row a key: key, process_1 … process_n, murmur2."""
        import polars as pl

        columns = {"key": list(self.keys)} | {
            f"process_{number}": list(answers)
            for number, answers in enumerate(self.by_hash, 1)
        }
        return pl.DataFrame({**columns, "murmur2": list(self.by_murmur2)})


def salted(
    keys: Iterable[str],
    partitions: int,
    processes: int = 3,
    salts: Sequence[int] | None = None,
) -> Salted:
    """Return what ``hash(key) % partitions`` says in new processes of this Python.

    Args:
        keys: any texts.
        partitions: how many there are.
        processes: how many processes to start.
        salts: a salt a process, any whole number, which makes the answers the same
            every time; each process draws its own unless said, as Python does.
    """
    wanted = tuple(keys)
    drawn = (
        ["random"] * processes if salts is None else [str(n % _SALTS) for n in salts]
    )
    return Salted(
        keys=wanted,
        by_hash=tuple(_answers(wanted, partitions, salt) for salt in drawn),
        by_murmur2=tuple(partition(key, partitions) for key in wanted),
    )


def _answers(keys: tuple[str, ...], partitions: int, salt: str) -> tuple[int, ...]:
    done = subprocess.run(
        [sys.executable, "-c", _ANSWERS, str(counted(partitions))],
        input="\0".join(keys),
        env={**os.environ, "PYTHONHASHSEED": salt},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return tuple(map(int, done.stdout.split())) if keys else ()
