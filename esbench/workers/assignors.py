"""Who gets which partitions: range, round robin, and one that moves few.

What lives here: three assignors, plain functions ``(members, partitions, owned)``.
The guarantee: every partition gets exactly one member, as long as there is one, and no
member gets two more than another. Members count in the order of their names.
What it may not know: why members come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

Assignment = dict[str, tuple[int, ...]]
Assignor = Callable[[Iterable[str], int, Mapping[str, tuple[int, ...]]], Assignment]


def range_(
    members: Iterable[str],
    partitions: int,
    owned: Mapping[str, tuple[int, ...]] | None = None,  # noqa: ARG001  # all three take it
) -> Assignment:
    """Give each member a stretch of neighbouring partitions, the first ones more.

    >>> range_(["w1", "w2"], 3)
    {'w1': (0, 1), 'w2': (2,)}
    """
    names, first, found = sorted(members), 0, {}
    for place, name in enumerate(names):
        count = partitions // len(names) + (place < partitions % len(names))
        found[name] = tuple(range(first, first + count))
        first += count
    return found


def round_robin(
    members: Iterable[str],
    partitions: int,
    owned: Mapping[str, tuple[int, ...]] | None = None,  # noqa: ARG001  # all three take it
) -> Assignment:
    """Deal the partitions out in turn, as the source text does.

    >>> round_robin(["w1", "w2", "w3"], 9)["w1"]
    (0, 3, 6)
    """
    names = sorted(members)
    return {
        name: tuple(range(place, partitions, len(names)))
        for place, name in enumerate(names)
    }


def sticky(
    members: Iterable[str],
    partitions: int,
    owned: Mapping[str, tuple[int, ...]] | None = None,
) -> Assignment:
    """Leave each member what it has, and move no more than evenness asks for.

    >>> sticky(["w1", "w2"], 4, {"w1": (0, 3), "w3": (1, 2)})
    {'w1': (0, 3), 'w2': (1, 2)}
    """
    had = {name: (owned or {}).get(name, ()) for name in sorted(members)}
    if not had:
        return {}
    least, larger = divmod(partitions, len(had))
    richest = sorted(had, key=lambda name: (-len(had[name]), name))[:larger]
    quota = {name: least + (name in richest) for name in had}
    kept = {name: sorted(had[name])[: quota[name]] for name in had}
    free = sorted(set(range(partitions)) - {p for own in kept.values() for p in own})
    for name, own in kept.items():
        missing = quota[name] - len(own)
        own.extend(free[:missing])
        del free[:missing]
    return {name: tuple(sorted(own)) for name, own in kept.items()}
