"""``log.json``: what makes a folder a log.

What lives here: the format, the log's id and its zone, in a small file written once.
The guarantee: a log opens only if that file is, bit for bit, the one that was made.
What it may not know: commits.
"""

from __future__ import annotations

import contextlib
import hashlib
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from esbench.errors import Corrupt, DefinitionConflict, NotALog, Restore
from esbench.fields import checked_name
from esbench.log.file import FORMAT
from esbench.log.store import NameTaken, Store

NAME = "log.json"
_KEY = b'"digest": "'  # a text in the file can't hold it: JSON escapes quotes
_ZEROS = "0" * 64
FOLDERS = frozenset({"events", "segments", "snapshots", "staging"})


class Identity(Struct, frozen=True, kw_only=True):
    """Which log this is, in which format, and where its days begin."""

    format: int = FORMAT
    log_id: str
    zone: str = "UTC"
    digest: str = _ZEROS


def _written(identity: Identity) -> bytes:
    return sealed(msgspec.json.format(msgspec.json.encode(identity), indent=2) + b"\n")


def sealed(text: bytes) -> bytes:
    """Return ``text`` with its own digest in its place, in whatever format it is."""
    place = text.rfind(_KEY) + len(_KEY)
    blank = text[:place] + _ZEROS.encode() + text[place + 64 :]
    digest = hashlib.sha256(blank).hexdigest().encode()
    return text[:place] + digest + text[place + 64 :]


def found(store: Store) -> Identity | None:
    """Return the identity of the log in ``store``; None when there is no log.

    Raises:
        NotALog: the folder holds something else, or a newer format.
        Corrupt: ``log.json`` is damaged, or gone while events are there.
    """
    try:
        data = store.read(NAME)
    except FileNotFoundError:
        if (problem := _other_content(store)) is None:
            return None
        try:
            data = store.read(NAME)  # somebody may have made the log meanwhile
        except FileNotFoundError:
            raise problem from None
    return _read(data)


def _read(data: bytes) -> Identity:
    if sealed(data) != data:
        raise Corrupt(NAME, "its bytes do not match its digest: it is damaged")
    try:
        version = msgspec.json.decode(data, type=dict[str, object]).get("format")
        if version != FORMAT:
            raise NotALog(
                f"the log has format {version}, this esbench reads {FORMAT}: "
                "use a newer esbench"
            )
        identity = msgspec.json.decode(data, type=Identity)
        checked_name("its log_id", identity.log_id)
        checked_zone(identity.zone)
    except (ValueError, RecursionError, DefinitionConflict) as error:
        raise Corrupt(NAME, f"it can't be read ({error})") from None
    return identity


def _other_content(store: Store) -> Restore | None:
    """Return why there can't be a log without a ``log.json``; None if there can."""
    names = store.list("")
    if others := [name for name in names if name not in FOLDERS]:
        return NotALog(
            f"the folder holds {', '.join(others[:3])} and no {NAME}: it is no log; "
            "name an empty or a new folder"
        )
    if store.list("events") or store.list("segments"):
        return Corrupt(NAME, "it is missing, and the log holds events")
    return None


def made(store: Store, log_id: str, zone: str) -> Identity:
    """Return the identity of a new log, or of the one that somebody just made."""
    checked_name("ids()", log_id)
    with contextlib.suppress(NameTaken):
        store.create(NAME, _written(Identity(log_id=log_id, zone=zone)))
    store.sync("")
    identity = found(store)
    assert identity is not None, "it was made, or taken"
    return identity


def checked_zone(zone: str) -> str:
    """Return ``zone`` if it names one, such as ``Europe/Warsaw``."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DefinitionConflict(
            f"there is no zone {zone!r}: write e.g. 'UTC' or 'Europe/Warsaw'"
        ) from None
    return zone
