"""The stages: pictures that live in a notebook and on a page.

What lives here: one stage a file, its Python beside its script; what all stages share
is in ``stage``. The only place in the house that knows Jupyter.
The guarantee: Python computes what a stage shows, the browser looks up, draws and
moves; each stage has a PNG and a ``__repr__`` that carry its sentence.
What it may not know: the command line.
"""

from esbench.widgets.consumer_group import ConsumerGroup, consumer_group
from esbench.widgets.explore import Explorer, explore
from esbench.widgets.failures import FailuresStage, failures
from esbench.widgets.hydration import HydrationStage, hydration
from esbench.widgets.partitions import PartitionsStage, partitions
from esbench.widgets.race import RaceStage, race
from esbench.widgets.reconciliation import Reconciliation, reconciliation
from esbench.widgets.small_time_machine import SmallTimeMachine, small_time_machine
from esbench.widgets.snapshot import SnapshotStage, snapshot
from esbench.widgets.state_and_events import StateAndEvents, state_and_events
from esbench.widgets.time_machine import TimeMachine, time_machine
from esbench.widgets.traced import TraceStage, traced
from esbench.widgets.watching import Watching, watching

__all__ = [
    "ConsumerGroup",
    "Explorer",
    "FailuresStage",
    "HydrationStage",
    "RaceStage",
    "PartitionsStage",
    "Reconciliation",
    "SmallTimeMachine",
    "SnapshotStage",
    "StateAndEvents",
    "TimeMachine",
    "TraceStage",
    "consumer_group",
    "Watching",
    "explore",
    "failures",
    "hydration",
    "race",
    "partitions",
    "reconciliation",
    "small_time_machine",
    "snapshot",
    "state_and_events",
    "time_machine",
    "traced",
    "watching",
]
