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

from esbench.errors import Corrupt, DefinitionConflict, NotALog
from esbench.log.file import FORMAT
from esbench.log.store import NameTaken, Store

NAME = "log.json"
FOLDERS = frozenset({"events", "segments", "snapshots", "staging"})
_ZEROS = "0" * 64


class Identity(Struct, frozen=True, kw_only=True):
    """Which log this is, in which format, and where its days begin."""

    format: int = FORMAT
    log_id: str
    zone: str = "UTC"
    digest: str = _ZEROS


def _written(identity: Identity) -> bytes:
    blank = msgspec.structs.replace(identity, digest=_ZEROS)
    text = msgspec.json.format(msgspec.json.encode(blank), indent=2) + b"\n"
    digest = hashlib.sha256(text).hexdigest()
    return text.replace(_ZEROS.encode(), digest.encode())


def found(store: Store) -> Identity | None:
    """Return the identity of the log in ``store``; None when there is no log.

    Raises:
        NotALog: the folder holds something else, or a newer format.
        Corrupt: ``log.json`` is damaged, or gone while events are there.
    """
    try:
        data = store.read(NAME)
    except FileNotFoundError:
        _refuse_other_content(store)
        return None
    return _read(data)


def _read(data: bytes) -> Identity:
    try:
        text = msgspec.json.decode(data)
        version = text.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise NotALog(
                f"the log has format {version}, this esbench reads {FORMAT}: "
                "use a newer esbench"
            )
        identity = msgspec.convert(text, Identity)
    except (msgspec.DecodeError, msgspec.ValidationError, AttributeError):
        raise Corrupt(NAME, "it can't be read") from None
    if _written(identity) != data:
        raise Corrupt(NAME, "its bytes do not match its digest: it is damaged")
    return identity


def _refuse_other_content(store: Store) -> None:
    names = store.list("")
    if others := [name for name in names if name not in FOLDERS]:
        raise NotALog(
            f"the folder holds {', '.join(others[:3])} and no {NAME}: it is no log; "
            "name an empty or a new folder"
        )
    if store.list("events"):
        raise Corrupt(NAME, "it is missing, and the log holds events")


def made(store: Store, log_id: str, zone: str) -> Identity:
    """Return the identity of a new log, or of the one that somebody just made."""
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
