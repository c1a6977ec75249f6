"""What one may ask of a video, and the rules that decide.

What lives here: the commands and ``decide``.
The guarantee: nothing is processed that was not uploaded, nothing is reported or
completed that is not being processed, progress never falls, and a withdrawn video
stays withdrawn.
What it may not know: logs, concurrency, workers; ``es.execute`` sees to these.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from esbench.domains.video.events import (
    ProcessingComplete,
    ProcessingFailed,
    ProcessingProgress,
    ProcessingStarted,
    VideoUploaded,
    VideoWithdrawn,
    written,
)
from esbench.errors import Refused
from esbench.event import Event
from esbench.projection import decides_on, projection


class Case(Struct, frozen=True, kw_only=True):
    """What decisions need to know of a video.

    Attributes:
        status: None before the upload.
        percent: the progress of the attempt that is running.
    """

    status: str | None = None
    percent: int = 0


def evolve(case: Case, event: Event) -> Case:
    """Return the case after one more event."""
    case = replace(case, status=written(case.status, event))
    match event:
        case ProcessingStarted():
            return replace(case, percent=0)
        case ProcessingProgress(progress=percent):
            return replace(case, percent=percent)
    return case


Cases = projection(evolve, Case(), name="cases", version=1)


class Upload(Struct, frozen=True, kw_only=True):
    """Bring a video."""

    path: str
    uploaded_by: str


class Start(Struct, frozen=True, kw_only=True):
    """Take it up; after a failure, once more."""

    worker_id: str


class Report(Struct, frozen=True, kw_only=True):
    """Say how many percent are done."""

    progress: int


class Complete(Struct, frozen=True, kw_only=True):
    """Hand in what was made of it."""

    output_path: str


class Fail(Struct, frozen=True, kw_only=True):
    """Give up this attempt."""

    reason: str


class Withdraw(Struct, frozen=True, kw_only=True):
    """Take it away for good."""

    reason: str | None = None


Command = Upload | Start | Report | Complete | Fail | Withdraw

_MAY = {
    Upload: (None,),
    Start: ("uploaded", "failed"),
    Report: ("processing",),
    Complete: ("processing",),
    Fail: ("processing",),
    Withdraw: ("uploaded", "processing", "success", "failed"),
}


@decides_on(Cases)
def decide(case: Case, command: Command) -> list[Event]:
    """Return the events that follow from a command, or refuse it.

    Args:
        case: what is known of the video.
        command: what somebody wants.

    Raises:
        Refused: the rules forbid it; the message says which one.
    """
    _need_time(case, command)
    match command:
        case Upload(path=path, uploaded_by=who):
            return [VideoUploaded(path=path, uploaded_by=who)]
        case Start(worker_id=worker):
            return [ProcessingStarted(worker_id=worker)]
        case Report(progress=progress):
            return [_reported(case, progress)]
        case Complete(output_path=path):
            return [ProcessingComplete(output_path=path)]
        case Fail(reason=reason):
            return [ProcessingFailed(reason=reason)]
    return [VideoWithdrawn(reason=command.reason)]


def _need_time(case: Case, command: Command) -> None:
    allowed = _MAY.get(type(command))
    if allowed is None:
        raise Refused(f"{command!r} is no command of a video: take Upload or Start, …")
    if case.status not in allowed:
        wanted = " or ".join(each or "not uploaded yet" for each in allowed)
        raise Refused(
            f"{type(command).__name__} is for a video that is {wanted}; this one is "
            f"{case.status or 'not uploaded yet'}"
        )


def _reported(case: Case, progress: int) -> Event:
    if not case.percent <= progress <= 100:
        raise Refused(
            f"{progress} percent can't follow {case.percent}: report what is done, "
            "up to 100"
        )
    return ProcessingProgress(progress=progress)
