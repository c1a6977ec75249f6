"""A video on its way: uploaded, processing, success.

    events.py      VideoUploaded … VideoWithdrawn; Video and Progress follow from them
    commands.py    Upload … Withdraw, and decide
    stories.py     vid_123, in a log and as a race of three workers
    traffic.py     as many made-up videos as wanted, recorded by workers in a hurry

The guarantee: the status is what the last event says, so here, unlike at the bank,
the order of events decides how it ends.
What it may not know: files, notebooks.
"""

from esbench.domains.video.commands import (
    Case,
    Cases,
    Complete,
    Fail,
    Report,
    Start,
    Upload,
    Withdraw,
    decide,
)
from esbench.domains.video.events import (
    EVENTS,
    ProcessingComplete,
    ProcessingFailed,
    ProcessingProgress,
    ProcessingStarted,
    Progress,
    Video,
    VideoUploaded,
    VideoWithdrawn,
    written,
)
from esbench.domains.video.stories import the_race, vid_123
from esbench.domains.video.traffic import traffic

__all__ = [
    "EVENTS",
    "VideoUploaded",
    "ProcessingStarted",
    "ProcessingProgress",
    "ProcessingComplete",
    "ProcessingFailed",
    "VideoWithdrawn",
    "Video",
    "Progress",
    "written",
    "Cases",
    "Case",
    "Upload",
    "Start",
    "Report",
    "Complete",
    "Fail",
    "Withdraw",
    "decide",
    "vid_123",
    "the_race",
    "traffic",
]
