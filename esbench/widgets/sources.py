"""From a log and a projection to a story, and the logs of the stories people know.

What lives here: the one place of the stages that knows how logs are read and how
projections fold; and the events of acc_123 and vid_123.
The guarantee: a story folds with the projection's own step engine, so a stage shows
what ``hydrate`` gives; the known stories come out alike every time.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from esbench.moments import Clock
from esbench.widgets.story import Arm, Story

if TYPE_CHECKING:
    from esbench.event import Event, RecordedEvent
    from esbench.log import EventLog
    from esbench.projection.calls import Calls
    from esbench.projection.reducers import Reducer, Source

NOUNS = {
    "AccountOpened": "opening",
    "MoneyDeposited": "deposit",
    "MoneyWithdrawn": "withdrawal",
    "TransactionReversed": "reversal",
    "AccountClosed": "closing",
    "VideoUploaded": "upload",
    "ProcessingStarted": "start",
    "ProcessingComplete": "completion",
}
PAST = "_declared"  # where a declared projection keeps its calls


def story_of(
    log: Any, aggregate_id: str, projection: Any, *, log_name: str = "log"
) -> Story:
    """Tell one aggregate of a log, or of a past of one, by a projection.

    Args:
        log: an ``EventLog`` or a past of it.
        aggregate_id: whose events are told.
        projection: a declared projection, or one made of a plain ``evolve``.
        log_name: how Python names the log.

    Raises:
        NotFound: no such aggregate, or not yet in that past.
    """
    projection.hydrate(log, aggregate_id)
    calls: Calls = getattr(projection, PAST, projection)
    events = tuple(log.read(aggregate_id))
    return Story(
        name=calls.name,
        aggregate_id=aggregate_id,
        events=events,
        start=calls.start(),
        take=_taking(calls),
        zone=log.zone,
        cells=lambda fold: calls.cells(calls.finish(fold, aggregate_id)),
        access=_access(calls, events),
        arms=arms_of(calls, [event.type for event in events]),
        call=call_of(projection, calls.name),
        log_name=log_name,
        nouns=NOUNS,
    )


def _taking(calls: Calls) -> Any:
    """Give a fold that leaves what it was given as it was."""

    def take(fold: Any, event: RecordedEvent) -> Any:
        return calls.take(copy.copy(fold), event) if calls.names(event.type) else fold

    return take


def _access(calls: Calls, events: tuple[RecordedEvent, ...]) -> Callable[[str], str]:
    """Say how Python reads a field of the projection's states."""
    if getattr(calls, "reducers", ()):
        return ".{}".format
    state = calls.start()
    for event in events:
        state = calls.take(copy.copy(state), event)
    if isinstance(state, Mapping):
        return '["{}"]'.format
    return lambda name: f".{name}" if hasattr(state, name) else ""


def call_of(projection: Any, name: str) -> str:
    """Say how Python names a projection: ``bank.Account``, or its bare name.

    >>> from esbench.widgets.sources import call_of
    >>> call_of(dict, "Risk")
    'Risk'
    """
    home = getattr(projection, "__module__", "") or ""
    if not home.startswith("esbench.domains."):
        return name
    return f"{home.split('.')[2]}.{name}"


def arms_of(calls: Calls, types: list[str]) -> dict[str, Arm]:
    """Give the arm of each event type, those that occur first.

    An arm shows all that the event does, sums first; that a field is kept under its
    own name goes without saying. A plain ``evolve`` keeps what it does to itself.
    """
    reducers: tuple[Reducer, ...] = getattr(calls, "reducers", ())
    effects: dict[str, list[str]] = {}
    for reducer in sorted(reducers, key=_weight):
        for source in reducer.sources:
            told = effects.setdefault(source.type, [])
            if not told or not _keeps(reducer, source):
                told.append(effect(reducer, source))
    names = dict.fromkeys([*types, *effects])
    return {
        name: Arm(
            pattern=f"{name}()",
            effect="; ".join(effects.get(name, [f"{calls.name}(…)"])),
        )
        for name in names
        if not reducers or name in effects
    }


def _keeps(reducer: Reducer, source: Source) -> bool:
    return reducer.how in ("first", "last") and source.field == reducer.name


def _weight(reducer: Reducer) -> int:
    return 0 if reducer.adds_up else 2 if reducer.how == "first" else 1


def effect(reducer: Reducer, source: Source) -> str:
    """Write what a reducer does with one type of event, as a line of Python."""
    name, value = reducer.name, source.field or repr(source.value)
    if reducer.how == "total":
        return f"{name} {'+' if source.sign > 0 else '-'}= {value}"
    if reducer.how == "count":
        return f"{name} += 1"
    if reducer.how == "first":
        return f"{name} = {name} or {value}"
    if reducer.how == "last":
        return f"{name} = {value}"
    return f"{name} = {'max' if reducer.how == 'largest' else 'min'}({name}, {value})"


def account_log() -> EventLog:
    """Make the log of acc_123: 500 + 200 - 150 = 550, all on time."""
    from esbench.domains import bank

    return _told(bank.EVENTS, bank.acc_123)


def ada_log() -> EventLog:
    """Make the log of Ada, with a late withdrawal and a correction."""
    from esbench.domains import bank

    return _told(bank.EVENTS, bank.ada)


def ben_log() -> EventLog:
    """Make the log of Ben: 500 + 200 + 300 - 500 = 500, and he says 300."""
    from esbench.domains import bank

    return _told(bank.EVENTS, bank.ben)


def video_log() -> EventLog:
    """Make the log of vid_123: uploaded, started, completed, in order."""
    from esbench.domains import video

    return _told(video.EVENTS, video.vid_123)


def _told(types: Iterable[type[Event]], tell: Callable[..., str]) -> EventLog:
    """Make a log of a story whose events were recorded when they happened."""
    from esbench.log import EventLog

    clock = Clock("2024-01-01")
    log = EventLog.temporary(events=types, clock=clock)
    tell(log, clock)
    return log
