"""Reading ahead: the next few small objects travel while one is being looked at.

What lives here: ``Ahead``, which notices that a listing is read in its order.
The guarantee: what it gives was read after the last listing, and is given once.
What it may not know: what objects hold, and what a missing one means.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import RLock

AT_ONCE = 16
SMALL = 2**20  # bytes; larger objects are worth a wait, and their room is not

Got = tuple[bytes, "str | None"]


class Ahead:
    """Reads on, in threads of its own, once two names in a row have been asked for.

    Args:
        get: reads an object; whatever it raises is left to whoever asks for the name.
    """

    def __init__(self, get: Callable[[str], Got]) -> None:
        self._get = get
        self._lock = RLock()
        self._places: dict[str, int] = {}
        self._names: list[str] = []
        self._last = -1
        self._coming: dict[str, Future[Got]] = {}

    def expect(self, sizes: Mapping[str, int]) -> None:
        """Forget what came before; these names may be asked for now, in this order."""
        with self._lock:
            self._names = [name for name, size in sizes.items() if size <= SMALL]
            self._places = {name: place for place, name in enumerate(self._names)}
            self._last = -1
            self._coming = {}

    def take(self, name: str) -> Got | None:
        """Return what was read ahead under ``name``, or None; and read on."""
        with self._lock:
            place = self._places.get(name)
            if place is None:
                return None
            if place == self._last + 1 and place:
                self._read_on(place)
            self._last = place
            coming = self._coming.pop(name, None)
        if coming is None or coming.exception() is not None:
            return None
        return coming.result()

    def _read_on(self, place: int) -> None:
        for name in self._names[place + 1 : place + 1 + AT_ONCE]:
            if name not in self._coming:
                self._coming[name] = _pool().submit(self._get, name)


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="esbench-ahead")
