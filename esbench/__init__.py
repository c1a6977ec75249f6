"""esbench: an event log, the states it yields, and the stages that show it.

    import esbench as es
    from esbench.domains import bank

    log = es.EventLog("my-bank", events=bank.EVENTS)
    log.append("acc_123", [bank.AccountOpened(owner="Alice", initial_balance="500.00")])
    bank.Account.hydrate(log.as_of("2024-01-16"), "acc_123").balance

The house. Data travels one way: an *event* is appended to the *log*; a *projection*
turns the log into states; *workers* do the same while the order goes wrong; *domains*
say what the events are; *analysis* brings rows in and takes answers out; *widgets*
show it; *lessons* check what was learnt. Imports point down only, and a test holds
them to it:

    cli/             the command line                                        floor 6
    widgets/         one stage a file; the only place that knows Jupyter
    lessons/         exercise checks, hints, predictions                     floor 5
    analysis/        extracts in, answers out                                floor 5
    domains/         bank, shop, inventory, video: types, projections (pure) floor 4
    projection/      one definition, two engines, snapshots                  floor 3
    log/             the event log: store, commit, merge, as_of, verify      floor 2
    workers/         schedules, handlers, partitions, groups, delivery       floor 2
    event.py         event types, recorded events, metadata                  floor 1
    fields.py        kinds of field, and the check of one value              floor 1
    moments.py       points in time, days in a zone, the clock set by hand   floor 1
    naming.py        whether an event type's name says what happened         floor 1
    errors.py        the exceptions, by what the caller should do            floor 0

``bootstrap.py`` sets up from a clone with the standard library alone; nothing imports
it. Libraries that load slowly (polars, pyarrow, matplotlib) are imported where they
are used, so that importing esbench stays quick; ``es.explore`` brings the widgets in
when it is first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from esbench.errors import (
    CommitUnknown,
    ConcurrencyError,
    Corrupt,
    DefinitionConflict,
    DuplicateEvent,
    EsbenchError,
    InvalidEvent,
    InvalidFrame,
    InvalidSchedule,
    MendTheCall,
    MendTheCode,
    NotALog,
    NotFound,
    ReadOnly,
    Refused,
    Restore,
    StoreError,
    TooLarge,
    TryAgain,
    UnclearExtract,
)
from esbench.event import (
    Event,
    Metadata,
    RecordedEvent,
    UnknownEvent,
    stamped,
)
from esbench.fields import Money, places
from esbench.log import (
    Commit,
    Coordinates,
    EventLog,
    Head,
    Merged,
    Past,
    Readable,
    Verification,
)
from esbench.moments import Clock
from esbench.projection import (
    Projection,
    Replayed,
    Snapshot,
    count,
    day,
    decides_on,
    execute,
    first,
    largest,
    last,
    month,
    projection,
    smallest,
    total,
)

if TYPE_CHECKING:
    from esbench.widgets import explore

__version__ = "0.1.0"

__all__ = [
    # what happened
    "Event",
    "Money",
    "places",
    "stamped",
    "Metadata",
    "RecordedEvent",
    "UnknownEvent",
    "Clock",
    # the log
    "EventLog",
    "Commit",
    "Head",
    "Merged",
    "Past",
    "Coordinates",
    "Readable",
    "Verification",
    # states
    "Projection",
    "first",
    "last",
    "total",
    "count",
    "largest",
    "smallest",
    "day",
    "month",
    "projection",
    "Snapshot",
    "Replayed",
    # a form for those who ask
    "explore",
    # commands
    "execute",
    "decides_on",
    # errors, by what to do
    "EsbenchError",
    "TryAgain",
    "ConcurrencyError",
    "CommitUnknown",
    "MendTheCall",
    "InvalidEvent",
    "InvalidFrame",
    "UnclearExtract",
    "InvalidSchedule",
    "TooLarge",
    "DuplicateEvent",
    "NotFound",
    "Refused",
    "ReadOnly",
    "MendTheCode",
    "DefinitionConflict",
    "Restore",
    "NotALog",
    "Corrupt",
    "StoreError",
]


def __getattr__(name: str) -> Any:
    """Return what is brought in only when it is named."""
    if name == "explore":
        return import_module("esbench.widgets").explore
    raise AttributeError(f"module 'esbench' has no attribute {name!r}")
