"""Reading: what a log and every past of it have in common, and where a past ends.

What lives here: the coordinates of a past, the reading calls, and ``Past``.
The guarantee: a past only leaves events out; it never changes again, whatever is
appended later; what is left is read in position order.
What it may not know: how events get in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from html import escape
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from esbench.errors import EsbenchError, InvalidEvent, NotFound, ReadOnly, shorten
from esbench.event import AnyEvent, RecordedEvent, Registry
from esbench.fields import checked_name
from esbench.log.codec import dtype
from esbench.log.events import events_in, pairs_in
from esbench.log.pieces import Large, completed, cuts, ordered, scan_files
from esbench.log.schema import ENVELOPE, OPTIONAL, Schema
from esbench.moments import micros, spoken, until

if TYPE_CHECKING:
    import polars as pl

    from esbench.log.log import EventLog
    from esbench.log.pieces import Piece
    from esbench.log.view import Head, Look

SHOWN = 10


class Coordinates(Struct, frozen=True, kw_only=True):
    """Where in both times an answer stands: about which day, as known on which.

    Attributes:
        occurred: the last moment asked about, inclusive; None for no end.
        recorded: the last moment of knowledge, inclusive; None for now.
        position: the last position, inclusive; None for all.
        zone: where the log's days begin and end.
    """

    occurred: datetime | None = None
    recorded: datetime | None = None
    position: int | None = None
    zone: str = "UTC"

    def __str__(self) -> str:
        """Say both times, such as ``about 2024-01-31, as known on 2024-02-02``."""
        parts = []
        if self.occurred is not None:
            parts.append(f"about {spoken(self.occurred, self.zone)}")
        if self.recorded is None:
            parts.append("as known now")
        else:
            parts.append(f"as known on {spoken(self.recorded, self.zone)}")
        if self.position is not None:
            parts.append(f"up to position {self.position}")
        return ", ".join(parts)

    def within(self, other: Coordinates) -> Coordinates:
        """Return the coordinates that satisfy both."""
        return Coordinates(
            occurred=_earlier(self.occurred, other.occurred),
            recorded=_earlier(self.recorded, other.recorded),
            position=_earlier(self.position, other.position),
            zone=self.zone,
        )

    def touch(self, piece: Piece) -> bool:
        """Tell whether some row of a piece may belong to this past."""
        spans = self._against(piece)
        return all(least <= limit for (least, _), limit in spans)

    def contain(self, piece: Piece) -> bool:
        """Tell whether every row of a piece belongs to this past."""
        spans = self._against(piece)
        return all(most <= limit for (_, most), limit in spans)

    def _against(self, piece: Piece) -> list[tuple[tuple[int, int], int]]:
        """Return from where to where a piece goes, beside each limit."""
        spans = []
        if self.occurred is not None:
            spans.append((piece.occurred, micros(self.occurred)))
        if self.recorded is not None:
            spans.append((piece.recorded, micros(self.recorded)))
        if self.position is not None:
            spans.append(((piece.first, piece.last), self.position))
        return spans

    def hold(self, event: RecordedEvent) -> bool:
        """Tell whether an event belongs to this past."""
        return (
            (self.position is None or event.position <= self.position)
            and (self.occurred is None or event.occurred_at <= self.occurred)
            and (self.recorded is None or event.recorded_at <= self.recorded)
        )

    def condition(self) -> pl.Expr | None:
        """Return the rows that belong to this past, None for all of them."""
        import polars as pl

        limits = {
            "occurred_at": self.occurred,
            "recorded_at": self.recorded,
            "position": self.position,
        }
        kept = [pl.col(name) <= limit for name, limit in limits.items() if limit]
        if self.position == 0:
            kept.append(pl.lit(False))  # noqa: FBT003 - polars' own way
        return pl.all_horizontal(kept) if kept else None


def _earlier(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return right if left is None else left
    return min(left, right)


class Readable(ABC):
    """What can be asked of a log and of each of its pasts.

    Attributes:
        zone: where days begin and end.
        registry: the event types that the program declares.
        coordinates: where in both times the answers stand.
    """

    zone: str
    registry: Registry
    coordinates: Coordinates

    @property
    @abstractmethod
    def log(self) -> EventLog:
        """The log itself; on a past, the log under it."""

    @abstractmethod
    def _look(self) -> Look:
        """Return what is there to be read."""

    def _limits(self) -> Coordinates:
        """Return which of the rows belong."""
        return self.coordinates

    def head(self) -> Head:
        """Return the end of the log: a position, and the chain up to it.

        It names no event that a crash could still take back. A past has the head of
        the log that it was taken from.
        """
        return self._look().head

    def boundary(self, position: int) -> Head:
        """Return the nearest known end of a commit at or behind ``position``.

        Raises:
            NotFound: the log is shorter.
        """
        return self._look().boundary(position)

    def holds(self, head: Head) -> bool:
        """Tell whether the log is known to have had this very head once.

        Merging forgets most of them; then the answer is no.
        """
        return self._look().holds(head)

    def read(
        self, aggregate_id: str | None = None, *, after: int = 0
    ) -> Iterator[RecordedEvent]:
        """Yield events in position order: of one aggregate, or of all.

        What is there when this is called is what is read, and no more. A million rows
        are held at a time.

        Args:
            aggregate_id: the aggregate; an unknown one has no events.
            after: only events behind this position.

        Raises:
            Corrupt: a file that this needs is damaged, missing, swapped or foreign.
        """
        look = self._look()
        if aggregate_id is not None:
            key = checked_name("aggregate_id", aggregate_id)
            events = self.log._recent.of(key, look)
            within = self._limits().within(Coordinates(position=look.head.position))
            return (e for e in events if e.position > after and within.hold(e))
        return chain.from_iterable(
            events_in(frame, look, self.registry) for frame in self._frames(look, after)
        )

    def pairs(self, *, after: int = 0) -> Iterator[tuple[str, AnyEvent]]:
        """Yield each event with its aggregate, in position order.

        It is what ``read`` gives without all that a log adds, and takes less time.

        Args:
            after: only events behind this position.

        Raises:
            Corrupt: a file that this needs is damaged, missing, swapped or foreign.
        """
        look = self._look()
        return chain.from_iterable(
            pairs_in(frame, look, self.registry) for frame in self._frames(look, after)
        )

    def _frames(self, look: Look, after: int) -> Iterator[pl.DataFrame]:
        """Yield the rows of a look in position order, a million at a time."""
        limits, last = self._limits(), look.head.position
        pieces = [p for p in look.pieces if limits.touch(p)]
        frames = chain.from_iterable(ordered(p, after, last) for p in pieces)
        condition = limits.condition()
        return (f if condition is None else f.filter(condition) for f in frames)

    def scan(self, type: str | None = None, *, after: int = 0) -> pl.LazyFrame:
        """Return the events as a polars LazyFrame, in no promised order.

        Columns: the envelope, the optional columns in use, ``payload`` where some
        event needs it, and one typed, nullable column an event field. Times are
        ``Datetime('us', 'UTC')``, money is ``Decimal(18, places)``. It can be
        collected for an hour, whatever is merged meanwhile.

        Args:
            type: the name of an event type: its events and its columns alone.
            after: only events behind this position.

        Raises:
            NotFound: the log knows no such type.
            Corrupt: a file that this needs is damaged, missing, swapped or foreign.
        """
        import polars as pl

        look = self._look()
        columns = look.schema.columns()
        chosen = _columns_of(look.schema, type)
        limits = self._limits()
        frames = []
        for rows, is_within in _grouped(look.pieces, after, limits):
            condition = _both(None if is_within else limits.condition(), after)
            whole = completed(rows, columns)
            frames.append(whole if condition is None else whole.filter(condition))
        empty = pl.LazyFrame(schema={n: dtype(k) for n, k in columns.items()})
        found = pl.concat(frames) if frames else empty
        if type is not None:
            found = found.filter(pl.col("type") == type)
        return found.select(chosen)

    def cuts(self, rows: int, *, after: int = 0) -> list[str]:
        """Return aggregates that part what ``scan`` gives into shares of some rows.

        A share is found in the files without reading the others, since files are sorted
        by aggregate.

        Args:
            rows: how many events a share has, about.
            after: only events behind this position.

        Raises:
            Corrupt: a file that this needs is damaged, missing, swapped or foreign.
        """
        limits = self._limits()
        pieces = [p for p in self._look().pieces if p.last > after and limits.touch(p)]
        return cuts(pieces, rows)

    @property
    def schema(self) -> Schema:
        """The event types that the log knows, with those the program declares."""
        return self._look().schema

    def as_of(
        self,
        occurred: date | datetime | str | None = None,
        *,
        recorded: date | datetime | str | None = None,
        position: int | None = None,
    ) -> Past:
        """Return a past: only the events up to each limit that is given, inclusive.

        A bare day means all of it in the log's zone; ``1 month ago`` counts back from
        the log's clock. Without ``recorded`` the answer is as known when this is
        called, and stays so.

        Args:
            occurred: the day or moment asked about: what had happened by then.
            recorded: the day or moment asked on: what the log knew by then.
            position: the last position that belongs to it.

        Raises:
            InvalidEvent: a time without a zone, or no time at all.
        """
        now = self.log.now()
        if position is not None and (type(position) is not int or position < 0):
            raise InvalidEvent(f"position {position!r}: write a whole number from 0")
        asked = Coordinates(
            occurred=None if occurred is None else until(occurred, self.zone, now),
            recorded=None if recorded is None else until(recorded, self.zone, now),
            position=position,
            zone=self.zone,
        )
        return Past(self, asked.within(self.coordinates))

    def __len__(self) -> int:
        """Return the number of events."""
        import polars as pl

        look = self._look()
        limits = self._limits()
        count = 0
        for piece in look.pieces:
            if limits.contain(piece):
                count += min(piece.last, look.head.position) - piece.first + 1
            elif limits.touch(piece):
                condition = _both(limits.condition(), 0)
                assert condition is not None, "it does not contain all"
                rows = piece.lazy().filter(condition)
                count += rows.select(pl.len()).collect().item()
        return count

    def _repr_html_(self) -> str:
        """Return the last events as a table; what they hold is text, never markup."""
        try:
            latest = self._latest()
        except EsbenchError:
            return f"<p>{escape(repr(self))}</p>"
        body = "".join(map(_row_html, latest))
        more = len(self) - len(latest)
        note = f"<p>and {more} before them</p>" if more > 0 else ""
        names = ("position", "aggregate_id", "version", "event", "occurred_at")
        head = "".join(f"<th>{name}</th>" for name in names)
        return (
            f"<p>{escape(repr(self))}</p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"
        )

    def _latest(self) -> list[RecordedEvent]:

        frame = self.scan().top_k(SHOWN, by="position").sort("position").collect()
        return list(events_in(frame, self._look(), self.registry))


def _row_html(row: RecordedEvent) -> str:
    cells = (
        str(row.position),
        shorten(row.aggregate_id),
        str(row.version),
        shorten(_told(row), 200),
        row.occurred_at.isoformat().replace("+00:00", "Z"),
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _told(row: RecordedEvent) -> str:
    """Return an event as people say it: its type and what its fields hold."""
    held = [f"{name} {value}" for name, value in row.data.items() if value is not None]
    return f"{row.type}: {', '.join(held)}" if held else row.type


def _columns_of(schema: Schema, name: str | None) -> list[str]:
    """Return the columns of one event type, or all of them."""
    columns = schema.columns()
    if name is None:
        return list(columns)
    record = schema.types.get(name)
    if record is None:
        known = ", ".join(schema.types) or "none"
        raise NotFound(f"the log knows no event type {name!r}; it knows: {known}")
    fields = {field.name for field in record.fields}
    common = ENVELOPE.keys() | OPTIONAL.keys() | fields
    return [column for column in columns if column in common]


def _both(condition: pl.Expr | None, after: int) -> pl.Expr | None:
    """Return the condition, with that of lying behind a position."""
    import polars as pl

    if not after:
        return condition
    behind = pl.col("position") > after
    return behind if condition is None else behind & condition


def _grouped(
    pieces: Iterable[Piece], after: int, limits: Coordinates
) -> Iterator[tuple[pl.LazyFrame, bool]]:
    """Yield rows that may belong, and whether all of them are within the limits.

    Files of the same columns come as one frame, which is quicker to read.
    """
    files: dict[tuple[bool, tuple[str, ...]], list[Large]] = {}
    for piece in pieces:
        if piece.last <= after or not limits.touch(piece):
            continue
        is_within = limits.contain(piece)
        if isinstance(piece, Large):
            files.setdefault((is_within, piece.columns), []).append(piece)
        else:
            yield piece.lazy(), is_within
    for (is_within, _), alike in files.items():
        yield scan_files(alike), is_within


class Past(Readable):
    """A past of a log: read-only, and never changing again.

    It is made by ``as_of``. Every reading call works; writing calls raise
    ``ReadOnly``. Versions may have holes here, because events that were recorded or
    happened later are left out.
    """

    def __init__(self, source: Readable, coordinates: Coordinates) -> None:
        self._log = source.log
        self.zone = source.zone
        self.registry = source.registry
        self.coordinates = coordinates
        self._seen = source._look()

    @property
    def log(self) -> EventLog:
        """The log under this past."""
        return self._log

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out when this past was taken."""
        return self.coordinates == Coordinates(zone=self.zone)

    def _look(self) -> Look:
        if any(isinstance(p, Large) and p.is_gone() for p in self._seen.pieces):
            self._seen = replace(self._log._look(), head=self._seen.head)
        return self._seen

    def _limits(self) -> Coordinates:
        pinned = Coordinates(position=self._seen.head.position)
        return self.coordinates.within(pinned)

    def __repr__(self) -> str:
        """Say both coordinates and how much is left of the log."""
        all_of_it = self._seen.head.position
        return f"Past({self.coordinates}: {len(self)} of {all_of_it} events)"

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ReadOnly(
            f"a past is read-only ({self.coordinates}): use the log itself, .log"
        )

    append = commit = append_frame = files = follow = verify = merge = _refuse
