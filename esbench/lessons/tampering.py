"""A workshop for forgers: what can be changed in a log's files, and who notices.

What lives here: copies of a log to spoil, two ways of changing a row, and the three
examiners that a lesson sends after them.
The guarantee: the log itself is never touched, only a copy that vanishes with the
process; the examiners are the log's own readers and its own ``verify``.
What it may not know: notebooks, widgets.

A digest and a chain are no secrets: whoever may write a file can make both anew. What
a forger can't change is a head that lies elsewhere.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from esbench.errors import EsbenchError, NotFound
from esbench.event import RecordedEvent, Stamped, stamped
from esbench.lessons.verdict import plain
from esbench.log import EventLog, Head
from esbench.log.file import commit_name, opened, rows_in, seal
from esbench.log.identity import NAME
from esbench.moments import Clock


class Folder:
    """A copy of a log's folder to spoil; it vanishes with this object.

    Attributes:
        path: where it lies.
        log: the log that it was copied from.
    """

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.path = Path(tempfile.mkdtemp(prefix="esbench-tampered-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
        shutil.copytree(_folder_of(log), self.path, dirs_exist_ok=True)

    @property
    def commits(self) -> list[Path]:
        """The files of the commits, in order."""
        return sorted((self.path / "events").glob("*.parquet"))

    def reopened(self) -> EventLog:
        """Return the copy as a log, read by nobody yet.

        Raises:
            Corrupt: it can't even be opened.
        """
        types = self.log.registry.classes.values()
        return EventLog.existing(self.path, types, merge="never")

    def __repr__(self) -> str:
        """Count the commits."""
        return f"Folder({len(self.commits)} commits)"


def _folder_of(log: EventLog) -> Path:
    files = log.files()
    if not files or "://" in files[0]:
        raise NotFound("there is no folder to copy: take a log on a disk, with events")
    return Path(files[0]).parents[1]


def edit_row(folder: Folder, position: int, **values: Any) -> None:
    """Change a row inside its file, and make the file's digest anew.

    The chain stays as it was: the file says what it always said of its events.

    Args:
        folder: the copy.
        position: which event.
        values: the new values by column, such as ``amount="5.00"``.

    Raises:
        NotFound: no such position, or no such column.
    """
    import pyarrow as pa

    path, first = _commit_of(folder, position)
    header, parquet = opened(commit_name(first), path.read_bytes(), folder.log.log_id)
    rows = rows_in(header.name, parquet)
    for name, value in values.items():
        if name not in rows.schema.names:
            raise NotFound(f"there is no column {name}: {', '.join(rows.schema.names)}")
        column = rows.column(name).to_pylist()
        column[position - first] = _like(column[position - first], value)
        field = rows.schema.field(name)
        changed = pa.array(column, field.type)
        rows = rows.set_column(rows.schema.names.index(name), field, changed)
    path.write_bytes(seal(rows, header))


def _like(old: Any, new: Any) -> Any:
    return Decimal(str(new)) if isinstance(old, Decimal) else new


def _commit_of(folder: Folder, position: int) -> tuple[Path, int]:
    """Return the file that holds a position, and the first position in it."""
    starts = [(int(path.stem), path) for path in folder.commits]
    before = [(first, path) for first, path in starts if first <= position]
    if not before or position > len(folder.log):
        raise NotFound(f"no event has the position {position}: count from 1")
    first, path = before[-1]
    return path, first


def rewrite(folder: Folder, position: int, **values: Any) -> None:
    """Write the whole log anew with one event changed: fresh digests, fresh chains.

    Args:
        folder: the copy.
        position: which event.
        values: the new fields, such as ``amount="5.00"``.

    Raises:
        NotFound: no such position.
    """
    _commit_of(folder, position)
    changed = [_changed(one, position, values) for one in folder.log.read()]
    starts = [int(path.stem) for path in folder.commits]
    shutil.rmtree(folder.path)
    clock, names = Clock(changed[0].recorded_at), count()
    log_id = folder.log.log_id
    forged = EventLog(
        folder.path,
        folder.log.registry.classes.values(),
        clock=clock,
        ids=lambda: f"{next(names)}" if (folder.path / NAME).exists() else log_id,
        zone=folder.log.zone,
        merge="never",
    )
    for first, after in pairwise([*starts, len(changed) + 1]):
        events = changed[first - 1 : after - 1]
        clock.set(events[0].recorded_at)
        forged.commit([(one.aggregate_id, [_again(one)], None) for one in events])


def _changed(
    one: RecordedEvent, position: int, values: dict[str, Any]
) -> RecordedEvent:
    if one.position != position:
        return one
    event: Any = type(one.event)
    return replace(one, event=event(**(one.data | values)))


def _again(one: RecordedEvent) -> Stamped:
    return stamped(
        one.event,
        occurred_at=one.occurred_at,
        event_id=one.given_id,
        user_id=one.metadata.user_id,
        correlation_id=one.metadata.correlation_id,
        causation_id=one.metadata.causation_id,
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class Findings:
    """What the examiners say of a copy.

    Attributes:
        said: pairs of examiner and what was found, "" for nothing.
    """

    said: tuple[tuple[str, str], ...]

    @property
    def count(self) -> int:
        """How many of them found something."""
        return sum(bool(what) for _, what in self.said)

    def __repr__(self) -> str:
        """Give a line an examiner."""
        return "\n".join(f"{who:<18} {_told(what)}" for who, what in self.said)

    def _repr_markdown_(self) -> str:
        rows = (f"| {plain(who)} | {plain(_told(what))} |" for who, what in self.said)
        return "\n".join(["| examiner | says |", "|---|---|", *rows])


def _told(what: str) -> str:
    return f"found: {what}" if what else "nothing found"


def examined(folder: Folder, kept: Head) -> Findings:
    """Let three examiners look at a copy, and say who finds what.

    Args:
        folder: the copy.
        kept: a head that was noted before, and kept elsewhere.
    """
    return Findings(
        said=(
            ("a read", _by_reading(folder)),
            ("verify()", _by_verifying(folder, None)),
            ("verify(kept head)", _by_verifying(folder, kept)),
        )
    )


def _by_reading(folder: Folder) -> str:
    """Read every event; return what stood in the way."""
    try:
        list(folder.reopened().read())
    except EsbenchError as error:
        return _reason(error)
    return ""


def _by_verifying(folder: Folder, kept: Head | None) -> str:
    try:
        problems = folder.reopened().verify(kept).problems
    except EsbenchError as error:
        return _reason(error)
    return _reason(problems[0]) if problems else ""


def _reason(error: Exception) -> str:
    """Return what an error says, without the file's name and the advice."""
    return str(getattr(error, "reason", error))
