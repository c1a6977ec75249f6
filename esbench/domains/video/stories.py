"""Videos as the lessons tell them.

What lives here: vid_123 in a log, and its three events as traffic for workers.
The guarantee: the times are always the same.
What it may not know: files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esbench.domains.video.events import (
    ProcessingComplete,
    ProcessingStarted,
    VideoUploaded,
    written,
)
from esbench.workers import Traffic, messages, traffic

if TYPE_CHECKING:
    from esbench.log import EventLog
    from esbench.moments import Clock

THREE = (
    VideoUploaded(path="s3://raw/video.mp4", uploaded_by="user_456"),
    ProcessingStarted(worker_id="worker_5"),
    ProcessingComplete(output_path="s3://processed/video.mp4"),
)
_TIMES = ("2024-02-01T10:00Z", "2024-02-01T10:05Z", "2024-02-01T10:10Z")


def vid_123(log: EventLog, clock: Clock | None = None) -> str:
    """Append uploaded, started, complete, all on time; return the id.

    Args:
        log: where to append.
        clock: the log's own clock, set to each event's time if given.
    """
    for version, (event, occurred_at) in enumerate(zip(THREE, _TIMES, strict=True)):
        if clock is not None:
            clock.set(occurred_at)
        log.append(
            "vid_123", [event], expected_version=version, occurred_at=occurred_at
        )
    return "vid_123"


def the_race() -> Traffic:
    """Return the source text's three events, one for each of three workers."""
    return traffic(messages(THREE, aggregate_id="vid_123"), written)
