"""Rows about writing: one event, many writers, batches, whole frames.

What lives here: ``commit``, ``writers``, ``batches``, ``frames``.
The guarantee: what is compared is equally durable (deltalake apart, which says so),
written to the same disk, and afterwards the stores hold the same.
What it may not know: how results are written down.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import crowd, shelf, sqlite
from benchmarks.harness import (
    Contender,
    Figure,
    NotInstalled,
    interleaved,
    require_equal,
    timed,
)
from benchmarks.page import MILLI, OWN, Page, spelled
from benchmarks.peers import Delta
from benchmarks.setting import Setting, spoken
from esbench import EventLog
from esbench.domains import bank

if TYPE_CHECKING:
    import polars as pl

ACCOUNT = "acc_123"
AMOUNT = Decimal("200.00")
NAME = "txn_456"
WAITING = 100  # commits that wait, unmerged, before the first that counts
EACH = 50  # commits in one log, so that not many more wait at the end
PEER = crowd.EVENTSOURCING
FLOOR, BARE, DELTA = "its own system calls", "a bare Parquet write", "deltalake"


class Own:
    """A log with one warm account."""

    def __init__(self, path: Path, **given: Any) -> None:
        self.log = shelf.opened(path, **given)
        self._events = path / "events"
        self.version = 0
        self._event = bank.MoneyDeposited(amount=AMOUNT, transaction_id=NAME)

    def put(self, count: int = 1) -> int:
        """Append events to the account, durably; return its version."""
        return self.put_events([self._event] * count)

    def put_events(self, events: list[bank.MoneyDeposited]) -> int:
        """Append these events, durably; return the account's version."""
        done = self.log.append(ACCOUNT, events, expected_version=self.version)
        self.version = done.versions[ACCOUNT]
        return self.version

    def last_file(self) -> bytes:
        """Return the bytes of the last commit."""
        return max(self._events.iterdir()).read_bytes()


class Peer:
    """eventsourcing's database with one account."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite.EventSourcing(path)
        self.version = 0

    def next_events(self, count: int = 1) -> list[sqlite.BankEvent]:
        """Return the next events of the account, not yet stored."""
        first = self.version + 1
        self.version += count
        return [
            sqlite.deposit(ACCOUNT, version, AMOUNT, NAME)
            for version in range(first, first + count)
        ]

    def put(self) -> int:
        """Store one event more, durably; return the account's version."""
        return self.database.put(self.next_events())


class Disk:
    """Nothing but the system calls of a commit, in folders like a log's."""

    def __init__(self, path: Path) -> None:
        self._staging, self._events = path / "staging", path / "events"
        self._staging.mkdir(parents=True)
        self._events.mkdir()
        self._count = 0

    def put(self, data: bytes | memoryview) -> None:
        """Write and sync a file, give it its name, sync the folder."""
        self._count += 1
        staged = self._staging / f"{self._count:020}.parquet"
        file = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(file, data)
        os.fsync(file)
        os.close(file)
        os.link(staged, self._events / staged.name)
        staged.unlink()
        sync_folder(self._events)


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a crash."""
    folder = os.open(path, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def told_missing(page: Page, make: Callable[[], list[Contender]]) -> list[Contender]:
    """Return contenders; none, and a note, where their library is missing."""
    try:
        return make()
    except NotInstalled as error:
        page.note(f"Not measured: {error}.")
        return []


# --- one event -------------------------------------------------------------------


def commit(setting: Setting, page: Page) -> None:
    """One event, durably, while a hundred commits wait."""
    logs = setting.rounds(4, 2)
    taken: dict[str, list[Figure]] = {}
    for number in range(logs):
        for who, figure in _commits(setting, page, number).items():
            taken.setdefault(who, []).append(figure)
    work = f"one event, {WAITING} to {WAITING + EACH} commits unmerged"
    figures = {who: _joined(parts) for who, parts in taken.items()}
    page.add_times(work, figures)
    page.note(
        f"The median is that of {logs} logs with {EACH} commits each, the spread the "
        "widest of theirs."
    )
    own, floor = figures[OWN].median, figures[FLOOR].median
    page.at_most("≤ 1.75× its floor", own / floor, 1.75, "×")
    if PEER in figures:
        page.told("beside eventsourcing", f"{own / figures[PEER].median:.2f}× its time")
    _pause(setting, page)


def _joined(parts: list[Figure]) -> Figure:
    """Return one figure of several logs: their medians' median, their widest spread."""
    return Figure(
        median=Figure.of([part.median for part in parts]).median,
        low=min(part.low for part in parts),
        high=max(part.high for part in parts),
        rounds=sum(part.rounds for part in parts),
    )


def _commits(setting: Setting, page: Page, number: int) -> dict[str, Figure]:
    own = Own(setting.fresh("log"))
    for _ in range(WAITING):
        own.put()
    data, disk = own.last_file(), Disk(setting.fresh("floor"))
    contenders = [
        Contender(name=OWN, run=lambda _: own.put()),
        Contender(name=FLOOR, run=lambda _: disk.put(data), answer=None),
    ]
    quiet = page if number == 0 else Page()
    contenders += told_missing(quiet, lambda: _one_in_sqlite(setting))
    contenders += told_missing(quiet, lambda: _one_in_delta(setting))
    return interleaved(contenders, setting.rounds(EACH, 10))


def _one_in_sqlite(setting: Setting) -> list[Contender]:
    peer = Peer(setting.fresh("events.db"))
    for _ in range(WAITING):
        peer.put()
    return [
        Contender(
            name=PEER,
            prepare=lambda _: peer.next_events(),
            run=peer.database.put,
        )
    ]


def _one_in_delta(setting: Setting) -> list[Contender]:
    delta = Delta(setting.fresh("delta"))
    rows = shelf.traffic(setting.folded).frame(setting.folded, 1).to_arrow()
    return [
        Contender(
            name=f"{DELTA} (not durable)",
            run=lambda _: delta.append(rows),
            answer=None,
            rounds=5,
        )
    ]


def _pause(setting: Setting, page: Page) -> None:
    """Tell the slowest of many commits, with the merge that comes by itself."""
    own = Own(setting.fresh("log"), merge="auto")
    commits = setting.rounds(1_200, 150)
    taken = sorted(timed(own.put)[0] for _ in range(commits))
    page.told(
        f"the pause of merging: the slowest of {commits:,} commits in a row",
        f"{taken[-1] * MILLI:.1f} ms, the second slowest {taken[-2] * MILLI:.1f}",
    )


# --- many writers ----------------------------------------------------------------


def writers(setting: Setting, page: Page) -> None:
    """Many writers at once, each waiting for its own event to be stored."""
    kinds = [OWN]
    try:
        sqlite.module("eventsourcing")
        kinds.append(PEER)
    except NotInstalled as error:
        page.note(f"Not measured: {error}.")
    _crowds(setting, page, kinds, crowd.threads, 16)
    _crowds(setting, page, kinds, crowd.processes, 4)


def _crowds(
    setting: Setting,
    page: Page,
    kinds: list[str],
    run: Callable[[str, Path, int, float], crowd.Crowd],
    count: int,
) -> None:
    work, seconds = f"{count} {run.__name__}", setting.rounds(30, 5) / 10
    crowds: dict[str, list[crowd.Crowd]] = {kind: [] for kind in kinds}
    for _ in range(setting.rounds(3, 1)):
        for kind in kinds:
            path = setting.fresh(kind)
            path.mkdir()
            crowds[kind].append(run(kind, path, count, seconds))
            _nothing_lost(kind, path, crowds[kind][-1])
    rates = {
        kind: page.add(work, kind, Figure.of(_rates(some)), "events/s")
        for kind, some in crowds.items()
    }
    for kind, some in crowds.items():
        longest = Figure.of([each.p99 * MILLI for each in some])
        page.add(f"{work}, 99 of 100 within", kind, longest, "ms")
    _judge(page, work, rates, crowds[OWN])


def _rates(crowds: list[crowd.Crowd]) -> list[float]:
    return [each.count / each.seconds for each in crowds]


def _nothing_lost(kind: str, path: Path, seen: crowd.Crowd) -> None:
    acknowledged = seen.count + seen.before
    require_equal({"acknowledged": acknowledged, kind: crowd.stored(kind, path)})


def _judge(
    page: Page, work: str, rates: dict[str, Figure], own: list[crowd.Crowd]
) -> None:
    if PEER in rates:
        ratio = rates[OWN].median / rates[PEER].median
        page.at_least(f"{work}: ≥ 1.5× eventsourcing's events/s", ratio, 1.5, "×")
    share = min(each.slowest_share for each in own)
    page.at_least(f"{work}: slowest writer ≥ 1/3 of the mean", share, 1 / 3)


# --- batches ---------------------------------------------------------------------


def batches(setting: Setting, page: Page) -> None:
    """A hundred and ten thousand events of one account in one append."""
    page.note(
        "Events are made beforehand on both sides; what is timed begins with the "
        "objects and ends with their being on the disk."
    )
    for size, rounds, wanted in ((100, (60, 10), 1.0), (10_000, (12, 3), 6.0)):
        figures = _batches(setting, page, size, setting.rounds(*rounds))
        work = f"a batch of {size:,}"
        for who, figure in figures.items():
            page.add(work, who, figure.rate(size), "events/s")
        if PEER in figures:
            ratio = figures[PEER].median / figures[OWN].median
            text = f"{work}: ≥ {wanted:g}× eventsourcing's events/s"
            page.at_least(text, ratio, wanted, "×")


def _batches(setting: Setting, page: Page, size: int, rounds: int) -> dict[str, Figure]:
    own, framed = Own(setting.fresh("log")), Own(setting.fresh("log"))
    events = [bank.MoneyDeposited(amount=AMOUNT, transaction_id=NAME)] * size
    frame = _deposits(size)
    contenders = [
        Contender(name=OWN, run=lambda _: own.put_events(events)),
        Contender(
            name=f"{OWN}, as a frame",
            run=lambda _: framed.log.append_frame(frame).versions[ACCOUNT],
        ),
    ]
    contenders += told_missing(page, lambda: _batch_in_sqlite(setting, size))
    return interleaved(contenders, rounds)


def _batch_in_sqlite(setting: Setting, size: int) -> list[Contender]:
    peer = Peer(setting.fresh("events.db"))
    return [
        Contender(
            name=PEER,
            prepare=lambda _: peer.next_events(size),
            run=peer.database.put,
        )
    ]


def _deposits(count: int) -> pl.DataFrame:
    """Return deposits of one account as a frame."""
    import polars as pl

    return pl.DataFrame(
        {
            "aggregate_id": [ACCOUNT] * count,
            "type": ["MoneyDeposited"] * count,
            "amount": pl.Series([AMOUNT] * count, dtype=pl.Decimal(18, 2)),
            "transaction_id": [NAME] * count,
        }
    )


# --- frames ----------------------------------------------------------------------


def frames(setting: Setting, page: Page) -> None:
    """A large frame as one commit, into an empty log and into a full one."""
    rows = setting.folded
    frame = shelf.traffic(rows).frame(1, rows)
    figures = _into_empty(setting, page, frame)
    work = f"{spoken(rows)} rows into an empty log"
    for who, figure in figures.items():
        page.add(work, who, figure.rate(rows), "events/s")
    page.told(f"{work}: it takes", f"{figures[OWN].median:.2f} s")
    if PEER in figures:
        ratio = figures[PEER].median / figures[OWN].median
        page.at_least(f"{work}: ≥ 20× eventsourcing's events/s", ratio, 20, "×")
    ratio = figures[OWN].median / figures[BARE].median
    page.told(f"{work}: beside a bare Parquet write", f"{spelled(ratio)}× its time")
    _into_full(setting, page, rows)


def _into_empty(setting: Setting, page: Page, frame: pl.DataFrame) -> dict[str, Figure]:
    contenders = [
        Contender(
            name=OWN,
            prepare=lambda _: shelf.opened(setting.fresh("log")),
            run=lambda log: log.append_frame(frame).last,
        ),
        _bare(setting, frame),
    ]
    contenders += told_missing(page, lambda: _frame_in_sqlite(setting, frame))
    return interleaved(contenders, setting.rounds(5, 3), warm=False)


def _bare(setting: Setting, frame: pl.DataFrame) -> Contender:
    """Return a write of the frame as it is, synced, with no look at what it says."""

    def write(path: Path) -> None:
        frame.write_parquet(path, compression="zstd", compression_level=1)
        file = os.open(path, os.O_RDONLY)
        os.fsync(file)
        os.close(file)
        sync_folder(path.parent)

    return Contender(
        name=BARE,
        prepare=lambda _: setting.fresh("bare.parquet"),
        run=write,
        answer=None,
    )


def _frame_in_sqlite(setting: Setting, frame: pl.DataFrame) -> list[Contender]:
    sqlite.module("eventsourcing")

    def prepare(_: int) -> tuple[sqlite.EventSourcing, list[sqlite.BankEvent]]:
        database = sqlite.EventSourcing(setting.fresh("events.db"))
        return database, sqlite.domain_events(frame)

    def put(given: tuple[sqlite.EventSourcing, list[sqlite.BankEvent]]) -> int:
        database, events = given
        database.put(events)
        return len(events)

    return [Contender(name=PEER, prepare=prepare, run=put, rounds=1)]


def _into_full(setting: Setting, page: Page, rows: int) -> None:
    """Append movements of known accounts to a clone of the large log."""
    source, traffic = setting.shelf.log(setting.events), shelf.traffic(setting.events)
    first = setting.events - rows + 1
    frame = traffic.frame(first, rows).drop("recorded_at")

    def prepare(_: int) -> EventLog:
        log = shelf.opened(shelf.clone(source, setting.fresh("log")))
        log.head()
        return log

    contenders = [
        Contender(
            name=OWN, prepare=prepare, run=lambda log: log.append_frame(frame).last
        ),
        _bare(setting, frame),
    ]
    figures = interleaved(contenders, setting.rounds(3, 2), warm=False)
    work = f"{spoken(rows)} rows into {spoken(setting.events)}"
    for who, figure in figures.items():
        page.add(work, who, figure.rate(rows), "events/s")
    ratio = figures[OWN].median / figures[BARE].median
    found = f"{figures[OWN].median:.2f} s, {spelled(ratio)}× a bare Parquet write"
    page.told(f"{work}: it takes", found)
