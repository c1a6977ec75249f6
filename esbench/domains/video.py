"""A video on its way: uploaded, processing, success.

What lives here: the event types, the ``Video`` projection, and the story of vid_123.
The guarantee: the status is what the last event says, so here, unlike at the bank,
the order of events decides how it ends.
What it may not know: workers, files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esbench.event import Event
from esbench.projection import Projection, first, last

if TYPE_CHECKING:
    from esbench.log import EventLog
    from esbench.moments import Clock


class VideoUploaded(Event):
    """Somebody brought a video."""

    path: str
    uploaded_by: str


class ProcessingStarted(Event):
    """A worker took it up."""

    worker_id: str


class ProcessingProgressed(Event):
    """Some of it is done."""

    percent: int


class ProcessingCompleted(Event):
    """All of it is done."""

    output_path: str


EVENTS = (VideoUploaded, ProcessingStarted, ProcessingProgressed, ProcessingCompleted)


class Video(Projection):
    """How far a video has come."""

    status = last(
        {
            VideoUploaded: "uploaded",
            ProcessingStarted: "processing",
            ProcessingCompleted: "success",
        }
    )
    uploaded_by = first(VideoUploaded, "uploaded_by")
    output_path = last(ProcessingCompleted, "output_path")


def vid_123(log: EventLog, clock: Clock | None = None) -> str:
    """Append uploaded, started, completed, all on time; return the id.

    Args:
        log: where to append.
        clock: the log's own clock, set to each event's time if given.
    """
    told = [
        (
            VideoUploaded(path="s3://raw/video.mp4", uploaded_by="user_456"),
            "2024-02-01T10:00Z",
        ),
        (ProcessingStarted(worker_id="worker_5"), "2024-02-01T10:05Z"),
        (
            ProcessingCompleted(output_path="s3://processed/video.mp4"),
            "2024-02-01T10:10Z",
        ),
    ]
    for version, (event, occurred_at) in enumerate(told):
        if clock is not None:
            clock.set(occurred_at)
        log.append(
            "vid_123", [event], expected_version=version, occurred_at=occurred_at
        )
    return "vid_123"
