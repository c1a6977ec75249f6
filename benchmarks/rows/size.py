"""Rows about size: what an event takes on the disk, and which column takes it.

What lives here: ``sizes``.
The guarantee: whole files are counted, footers and all; shares of columns are the
compressed sizes that the footers themselves give, and the rest is named as such.
What it may not know: how results are written down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks import crowd, shelf, sqlite
from benchmarks.harness import Figure, NotInstalled
from benchmarks.page import OWN, Page, spelled
from benchmarks.peers import Delta
from benchmarks.rows.writing import DELTA, Own, Peer
from benchmarks.setting import Setting, spoken

IDS = {"transaction_id", "reverses"}
REST = "footers and headers"
UNIT = "bytes an event"
SHARES = "bytes by column"
SINGLE = 200  # commits of one event each


def sizes(setting: Setting, page: Page) -> None:
    """The bytes of an event, in all and by column, beside two peers."""
    shares = column_shares(shelf.opened(setting.shelf.log(setting.events)).files())
    each = {name: size / setting.events for name, size in shares.most_common()}
    for name, size in each.items():
        page.add(SHARES, name, Figure.one(size), UNIT)
    whole = sum(each.values())
    bare = whole - sum(each.get(name, 0) for name in IDS)
    work = f"{spoken(setting.events)} events of bank traffic"
    page.add(work, OWN, Figure.one(whole), UNIT)
    page.at_most("≤ 20 bytes with both times, without ids", bare, 20)
    page.at_most("≤ 24 bytes with transaction ids", whole, 24)
    page.note(f"Without ids means without the columns {' and '.join(sorted(IDS))}.")
    try:
        database = setting.shelf.database(setting.events) / "events.db"
        size = database.stat().st_size / setting.events
        page.add(work, crowd.EVENTSOURCING, Figure.one(size), UNIT)
        page.told("beside eventsourcing", f"{spelled(size / whole)} times as many")
    except NotInstalled as error:
        page.note(f"Not measured: {error}.")
    _frames(setting, page)
    _singles(setting, page)


def column_shares(files: Iterable[str]) -> Counter[str]:
    """Return the bytes of each column over all files, and of what is no column."""
    import pyarrow.parquet as pq

    shares: Counter[str] = Counter()
    for file in files:
        footer = pq.read_metadata(file)
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            for index in range(group.num_columns):
                column = group.column(index)
                shares[column.path_in_schema] += column.total_compressed_size
                shares[REST] -= column.total_compressed_size
        shares[REST] += Path(file).stat().st_size
    return shares


def size_of(folder: Path, pattern: str = "**/*") -> int:
    """Return the bytes of all files below a folder that fit a pattern."""
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())


def _frames(setting: Setting, page: Page) -> None:
    """One frame in one commit."""
    rows = setting.folded
    frame = shelf.traffic(rows).frame(1, rows)
    work = f"a frame of {spoken(rows)} rows in one commit"
    path = setting.fresh("log")
    shelf.opened(path).append_frame(frame)
    page.add(work, OWN, Figure.one(size_of(path, "events/*") / rows), UNIT)
    try:
        path = setting.fresh("delta")
        Delta(path).append(frame.to_arrow())
        page.add(work, DELTA, Figure.one(size_of(path) / rows), UNIT)
    except NotInstalled as error:
        page.note(f"Not measured: {error}.")


def _singles(setting: Setting, page: Page) -> None:
    """Commits of one event each, before anything is merged."""
    work = f"{SINGLE} commits of one event each"
    path = setting.fresh("log")
    own = Own(path)
    for _ in range(SINGLE):
        own.put()
    page.add(work, OWN, Figure.one(size_of(path, "events/*") / SINGLE), UNIT)
    try:
        _single_peers(setting, page, work)
    except NotInstalled as error:
        page.note(f"Not measured: {error}.")


def _single_peers(setting: Setting, page: Page, work: str) -> None:
    sqlite.module("eventsourcing")
    database = setting.fresh("events.db")
    peer = Peer(database)
    for _ in range(SINGLE):
        peer.put()
    peer.database.close()
    size = Figure.one(database.stat().st_size / SINGLE)
    page.add(work, crowd.EVENTSOURCING, size, UNIT)
    path = setting.fresh("delta")
    delta = Delta(path)
    row = shelf.traffic(setting.folded).frame(setting.folded, 1).to_arrow()
    for _ in range(SINGLE // 10):
        delta.append(row)
    page.add(work, DELTA, Figure.one(size_of(path) / (SINGLE // 10)), UNIT)
