"""Which log, which event types, which projection.

What lives here: how a command finds what it is about.
The guarantee: nothing is made here. A log that is not there is an error, and so is a
projection that can't be told from the log's events.
What it may not know: answers, terminals.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esbench.cli.run import Misuse

if TYPE_CHECKING:
    from esbench.event import Event
    from esbench.log import EventLog, Past

# The domains of the house: where their event types are, and their projections.
DOMAINS: dict[str, tuple[str, ...]] = {
    "esbench.domains.bank": ("Account", "Daily"),
    "esbench.domains.video": ("Video", "Progress"),
    "esbench.domains.inventory": ("Stock",),
}


def place_of(given: Path | None) -> str:
    """Return the folder or address that was named, or this folder if it is a log."""
    from esbench.log.s3 import written

    if given is not None:
        return written(given)
    if Path("log.json").is_file():
        return str(Path.cwd())
    raise Misuse(
        "which log? Say --log FOLDER, set ESBENCH_LOG, or go into a log's folder; "
        "'esbench init FOLDER' makes one"
    )


def held_in(place: str) -> set[str]:
    """Return the names right inside a folder or address; none where there is none."""
    from esbench.log.s3 import store_at

    store, _ = store_at(place)
    return set(store.list(""))


def opened(given: Path | None, types: str | None = None) -> EventLog:
    """Return the log, with the event types that its events call for.

    Args:
        given: the folder or address, as ``--log`` names it.
        types: ``module:NAME`` of the event types, if the caller said so.
    """
    from esbench.log import EventLog

    place = place_of(given)
    plain = EventLog.existing(place)
    events = declared(types) if types else events_for(types_in(place, plain.log_id))
    return EventLog.existing(place, events)


def types_in(place: str, log_id: str) -> set[str]:
    """Return the names of the event types in a log, as its newest file says."""
    from esbench.errors import Restore
    from esbench.log.s3 import store_at
    from esbench.log.verify import newest_schema

    try:
        return set(newest_schema(store_at(place)[0], log_id).types)
    except Restore:  # whoever reads the file will say what is wrong with it
        return set()


def events_for(names: Iterable[str]) -> list[type[Event]]:
    """Return the types of the domains that know some of these; the bank's for none."""
    names = set(names)
    found = [_events(module) for module in DOMAINS]
    known = [types for types in found if names & {cls.__name__ for cls in types}]
    if not names:
        known = found[:1]
    return [cls for types in known for cls in types]


def _events(module: str) -> list[type[Event]]:
    return list(importlib.import_module(module).EVENTS)


def declared(path: str) -> list[type[Event]]:
    """Return the event types that ``module:NAME`` lists; NAME is EVENTS unless said."""
    module, _, name = path.partition(":")
    found = _looked_up(module, name or "EVENTS")
    try:
        return list(found)
    except TypeError:
        raise Misuse(
            f"{path} is no list of event types: write e.g. shop.events:EVENTS"
        ) from None


def _looked_up(module: str, name: str) -> Any:
    """Return what a module of the caller's calls ``name``."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Misuse(
            f"there is no module {error.name}: write module:Name, with a module that "
            "Python finds from the current folder"
        ) from None
    if not hasattr(found, name):
        raise Misuse(f"the module {module} has no {name}")
    return getattr(found, name)


def projection_of(named: str | None, past: Past) -> Any:
    """Return the projection that was named, or the one that fits the log's events.

    Raises:
        Misuse: no such projection, or none that fits.
    """
    return projection_for(named, set(past.schema.types))


def projection_for(named: str | None, names: set[str]) -> Any:
    """Return the projection that was named, or the one that fits some event types.

    Raises:
        Misuse: no such projection, or none that fits.
    """
    if named is not None and ":" in named:
        return _checked(_looked_up(*named.split(":", 1)), named)
    own = {
        name: module
        for module, projections in DOMAINS.items()
        for name in projections
        if named is not None or names & {cls.__name__ for cls in _events(module)}
    }
    if named is None and own:
        named = next(iter(own))
    if named not in own:
        raise Misuse(_unknown(named, names))
    return getattr(importlib.import_module(own[named]), named)


def house_projections() -> list[Any]:
    """Return the projections of the domains of the house."""
    return [
        getattr(importlib.import_module(module), name)
        for module, names in DOMAINS.items()
        for name in names
    ]


def _unknown(named: str | None, types: set[str]) -> str:
    known = ", ".join(name for names in DOMAINS.values() for name in names)
    if named is not None:
        return f"there is no projection {named}: write {known}, or module:Name"
    held = ", ".join(sorted(types)) or "no events"
    return f"no projection is known for {held}: say --projection module:Name"


def _checked(found: Any, named: str) -> Any:
    if not all(hasattr(found, call) for call in ("hydrate", "table", "steps")):
        raise Misuse(f"{named} is no projection: subclass es.Projection")
    return found
