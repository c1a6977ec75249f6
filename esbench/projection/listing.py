"""The snapshots that are there, as a person asks about them.

What lives here: the list of them, and why one is not used.
The guarantee: every file is read whole for it, so whatever is damaged is named; nothing
is written.
What it may not know: how a snapshot is taken, terminals.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from msgspec import Struct

from esbench.projection.kept import Kept, position_in
from esbench.projection.shelf import shelf_of
from esbench.projection.snapshots import against, fingerprint_of

if TYPE_CHECKING:
    from esbench.log.log import EventLog
    from esbench.projection.calls import Calls


class Listed(Struct, frozen=True, kw_only=True):
    """A snapshot's file, as a person asks about it.

    Attributes:
        projection: the name of the projection; the folder's, if it can't be read.
        position: the last position whose event it holds.
        keys: how many keys it has the state of; None if it can't be read.
        age: seconds since it was made.
        size: in bytes.
        automatic: whether a table left it behind.
        problem: why it can't be used; empty if nothing speaks against it.
    """

    projection: str
    position: int
    keys: int | None
    age: float
    size: int
    automatic: bool
    problem: str


def listed(log: EventLog, known: Iterable[Calls] = ()) -> list[Listed]:
    """Return every snapshot that is there, each read whole, and what is wrong with it.

    Args:
        log: the log.
        known: projections that are declared as this program declares them; of others
            it can't be told whether they were declared otherwise.
    """
    prints: dict[str, set[str | None]] = {}
    for calls in known:
        prints.setdefault(calls.name, set()).add(fingerprint_of(calls, log.zone))
    now = time.time()
    return [_as_listed(kept, log, prints, now) for kept in shelf_of(log).all()]


def _as_listed(
    kept: Kept, log: EventLog, prints: dict[str, set[str | None]], now: float
) -> Listed:
    header = kept.header if kept.is_sound() else None
    shelf_of(log).use(kept)
    folder = unquote(kept.name.split("/")[1])
    name = header.projection if header else folder
    own = header.fingerprint if header else None
    wanted = own if own in prints.get(name, {own}) else ""
    return Listed(
        projection=name,
        position=position_in(kept.name) or 0,
        keys=header.keys if header else None,
        age=max(0.0, now - kept.stamp[2] / 1e9),
        size=kept.stamp[1],
        automatic=bool(header and header.automatic),
        problem=against(kept, name, wanted, log),
    )
