"""The event types of a video, and the states that follow from them.

What lives here: ``VideoUploaded`` … ``VideoWithdrawn``, and ``Video`` and ``Progress``.
The guarantee: the status is what the last event says, so here, unlike at the bank,
the order of events decides how it ends; the progress is a maximum, and never goes
back, whatever the order.
What it may not know: commands, workers, logs.

``ProcessingProgress`` and ``ProcessingComplete`` keep the names that the source text
gives them. ``esbench.naming`` finds both weak: they name a thing and a state, not what
happened (``ProgressReported``, ``ProcessingCompleted``).
"""

from __future__ import annotations

from esbench.event import Event
from esbench.projection import Projection, first, largest, last


class VideoUploaded(Event):
    """Somebody brought a video."""

    path: str
    uploaded_by: str


class ProcessingStarted(Event):
    """A worker took it up."""

    worker_id: str


class ProcessingProgress(Event):
    """Some of it is done, in percent."""

    progress: int


class ProcessingComplete(Event):
    """All of it is done."""

    output_path: str


class ProcessingFailed(Event):
    """It could not be done; it may be started again."""

    reason: str


class VideoWithdrawn(Event):
    """Who brought it took it away: deleted, as the database would say."""

    reason: str | None = None


EVENTS = (
    VideoUploaded,
    ProcessingStarted,
    ProcessingProgress,
    ProcessingComplete,
    ProcessingFailed,
    VideoWithdrawn,
)

STATUSES = {
    VideoUploaded: "uploaded",
    ProcessingStarted: "processing",
    ProcessingComplete: "success",
    ProcessingFailed: "failed",
    VideoWithdrawn: "deleted",
}


class Video(Projection):
    """How far a video has come."""

    status = last(STATUSES)
    uploaded_by = first(VideoUploaded, "uploaded_by")
    output_path = last(ProcessingComplete, "output_path")


class Progress(Projection):
    """How many percent are done: the most that was ever reported, in any order."""

    percent = largest(ProcessingProgress, "progress")


def written(status: str | None, event: Event) -> str | None:
    """Return the status after an event: what an overwriting worker writes.

    Args:
        status: the status before; kept by events that say nothing about it.
        event: any event.
    """
    return STATUSES.get(type(event), status)
