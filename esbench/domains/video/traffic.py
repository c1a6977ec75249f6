"""Made-up videos on their way through workers, always the same for a seed.

What lives here: ``traffic``.
The guarantee: the same arguments give the same frame on every machine, since all
draws are whole numbers; each video's events occurred in a sensible order. They are
recorded when their worker was done with them, which may be in another one.
What it may not know: logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any

from esbench.domains.video.events import (
    ProcessingComplete,
    ProcessingFailed,
    ProcessingProgress,
    ProcessingStarted,
    VideoUploaded,
    VideoWithdrawn,
)
from esbench.errors import InvalidEvent
from esbench.event import Event, data_of, type_name
from esbench.moments import micros, moment
from esbench.workers import Latencies, exponential
from esbench.workers.chance import TICKS

if TYPE_CHECKING:
    import polars as pl

_SECOND = 1_000_000
REASONS = ("codec unknown", "out of memory", "file is cut off")


def traffic(
    videos: int = 100,
    seed: int = 1,
    *,
    workers: int = 3,
    latencies: Latencies | None = None,
    failed: float = 0.05,
    withdrawn: float = 0.02,
    start: str = "2024-02-01T10:00:00Z",
) -> pl.DataFrame:
    """Return made-up events of videos, in the order in which workers recorded them.

    Args:
        videos: how many there are.
        seed: another one gives other traffic.
        workers: W1, W2, … take the events in turn, as they occur.
        latencies: how long a worker takes over an event type, in microseconds; 20 s
            on average, worker W1 ten times as long, unless said.
        failed: the share of attempts that fail; a failed one is followed by another.
        withdrawn: the share of videos that are taken away again in the end.
        start: when the first is uploaded.

    Returns:
        A frame for ``EventLog.append_frame`` with the columns aggregate_id, type,
        path, uploaded_by, worker_id, progress, output_path, reason, occurred_at and
        recorded_at; sorted by recorded_at; times in UTC.

    Raises:
        InvalidEvent: no videos, no workers, shares outside 0 to below 1.
    """
    if videos < 1 or workers < 1:
        raise InvalidEvent(f"{videos} videos and {workers} workers: one each at least")
    if not (0 <= failed < 1 and 0 <= withdrawn < 1):
        raise InvalidEvent(
            f"failed={failed}, withdrawn={withdrawn}: write shares from 0 to below 1"
        )
    dice = Random(seed)
    took = latencies or exponential({"*": 20 * _SECOND, "W1": 200 * _SECOND})
    begun = micros(moment(start))
    told = sorted(
        _told(dice, videos, begun, failed, withdrawn), key=lambda row: row[:2]
    )
    rows = []
    for number, (occurred, name, event) in enumerate(told):
        kind = type_name(event)
        delay = took.draw(dice, f"W{number % workers + 1}", kind) // TICKS
        rows.append(_row(name, event, occurred, occurred + delay))
    return _frame(rows)


def _told(
    dice: Random, videos: int, begun: int, failed: float, withdrawn: float
) -> Iterator[tuple[int, str, Event]]:
    """Yield (when it occurred, whose it is, what it is) for every event."""
    digits = max(3, len(str(videos)))
    for number in range(1, videos + 1):
        name = f"vid_{number:0{digits}}"
        at = begun + (number - 1) * 30 * _SECOND + dice.randrange(30) * _SECOND
        for event in _life(dice, name, failed, withdrawn):
            yield at, name, event
            at += (20 + dice.randrange(100)) * _SECOND


def _life(dice: Random, name: str, failed: float, withdrawn: float) -> Iterator[Event]:
    yield VideoUploaded(
        path=f"s3://raw/{name}.mp4", uploaded_by=f"user_{dice.randrange(50) + 1}"
    )
    while True:
        yield ProcessingStarted(worker_id=f"worker_{dice.randrange(9) + 1}")
        yield ProcessingProgress(progress=50)
        if not _chance(dice, failed):
            break
        yield ProcessingFailed(reason=REASONS[dice.randrange(len(REASONS))])
    yield ProcessingComplete(output_path=f"s3://processed/{name}.mp4")
    if _chance(dice, withdrawn):
        yield VideoWithdrawn(reason="asked for by its owner")


def _chance(dice: Random, share: float) -> bool:
    return dice.randrange(10**6) < round(share * 10**6)


def _row(name: str, event: Event, occurred: int, recorded: int) -> dict[str, Any]:
    own = {"aggregate_id": name, "type": type_name(event)}
    return own | data_of(event) | {"occurred_at": occurred, "recorded_at": recorded}


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    import polars as pl

    names = (
        "aggregate_id type path uploaded_by worker_id progress output_path reason "
        "occurred_at recorded_at"
    ).split()
    numbers = {"progress", "occurred_at", "recorded_at"}
    schema = {name: pl.Int64 if name in numbers else pl.String for name in names}
    times = pl.col("occurred_at", "recorded_at").cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame(rows, schema=schema)
    return frame.sort("recorded_at", maintain_order=True).with_columns(times)
