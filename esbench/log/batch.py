"""A checked frame against the log: times, versions, repeats, and the commit it makes.

What lives here: what ``append_frame`` decides once every value is known to be good.
The guarantee: what is taken reads back as if each row had been appended by itself.
What it may not know: stores, Parquet, how values are checked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, cast

from esbench.errors import ConcurrencyError
from esbench.event import Registry
from esbench.log.codec import decode, dtype
from esbench.log.columns import Frame, Keys
from esbench.log.draft import Commit, Draft, Ready, first_result
from esbench.log.frame import Bad
from esbench.log.repeat import looks_like_own, repeated, stands_twice
from esbench.log.schema import OPTIONAL, Schema
from esbench.moments import EPOCH, from_micros, micros

if TYPE_CHECKING:
    import polars as pl

    from esbench.log.view import View


def decided_frame(
    frame: pl.DataFrame,
    view: View,
    registry: Registry,
    now: datetime,
    *,
    clock: Callable[[], datetime],
) -> Ready | Commit:
    """Return what is to be written, or the first result of a repeat.

    Args:
        frame: rows from ``frame.checked``.
        view: the log, up to its head.
        registry: the declared event types.
        now: the time to record, never before the log's last.
        clock: the time that it is; imported times may not lie behind it.

    Raises:
        InvalidFrame: holes in versions, recorded times that fall or lie ahead.
        ConcurrencyError: an expected version is stale.
        DuplicateEvent: a known event id, or one that stands twice.
    """
    if "event_id" in frame.columns:
        _check_ids(frame)
        if first := _known_from(frame, view):
            drafts = _drafts(frame, view.schema, registry)
            return first_result(repeated(drafts, first, view, registry))
    imported = "recorded_at" in frame.columns
    if imported:
        _check_recorded(frame.get_column("recorded_at"), view, clock())
    frame, keys = _numbered(_with_times(frame, now), view, registry)
    optional = {name for name in OPTIONAL if _is_used(frame, name)}
    return _ready(frame, keys, view.schema.using(optional), imported=imported)


def _is_used(frame: pl.DataFrame, name: str) -> bool:
    return name in frame.columns and frame.get_column(name).count() > 0


def _with_times(frame: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return the rows with both times, where they lack one."""
    import polars as pl

    if "recorded_at" not in frame.columns:
        frame = frame.with_columns(pl.lit(now, dtype("time")).alias("recorded_at"))
    if "occurred_at" not in frame.columns:
        return frame.with_columns(pl.col("recorded_at").alias("occurred_at"))
    return frame.with_columns(pl.coalesce("occurred_at", "recorded_at"))


def _check_recorded(column: pl.Series, view: View, clock: datetime) -> None:
    """Refuse recorded times that are missing, fall, or lie ahead of the clock."""
    bad = Bad()
    numbers = column.to_physical()
    bad.add(column.is_null(), "recorded_at is missing")
    bad.add(numbers < numbers.cum_max().shift(), "recorded_at falls: sort the rows")
    bad.add(numbers > micros(clock), "recorded_at lies in the future")
    if view.live:
        last = from_micros(view.recorded).isoformat()
        before = f"recorded_at is before the log's last event ({last})"
        bad.add(numbers < view.recorded, before)
    bad.refuse_any()


def _numbered(
    frame: pl.DataFrame, view: View, registry: Registry
) -> tuple[pl.DataFrame, Keys]:
    """Return the rows with position, version and schema version, and their keys."""
    import polars as pl

    first = view.head.position + 1
    kinds = {name: cls.schema_version for name, cls in registry.classes.items()}
    keys = Keys(frame.get_column("aggregate_id"))
    names = pl.DataFrame({"aggregate_id": keys.names})
    known = view.versions_of(keys.names)
    start = names.join(known, on="aggregate_id", how="left", maintain_order="left")
    before = start.get_column("start").fill_null(0).to_numpy()
    frame = frame.with_columns(
        pl.Series("version", keys.versions(before)),
        pl.int_range(first, first + frame.height, dtype=pl.Int64).alias("position"),
        pl.col("type")
        .replace_strict(kinds, return_dtype=pl.Int64)
        .alias("schema_version"),
    )
    if "expected_version" in frame.columns:
        _check_expected(frame)
    return frame, keys


def _check_expected(frame: pl.DataFrame) -> None:
    """Refuse a stale first version of an aggregate, and holes between rows."""
    import polars as pl

    off = pl.col("expected_version") != pl.col("version") - 1
    stale = frame.filter(off & pl.col("aggregate_id").is_first_distinct())
    if stale.height:
        row = stale.row(0, named=True)
        raise ConcurrencyError(
            row["aggregate_id"], row["expected_version"], row["version"] - 1
        )
    bad = Bad()
    holes = frame.select(off).to_series()
    bad.add(holes, "expected_version leaves a hole between versions")
    bad.refuse_any()


def _ready(frame: pl.DataFrame, keys: Keys, schema: Schema, *, imported: bool) -> Ready:
    occurred = frame.get_column("occurred_at").to_physical()
    recorded = frame.get_column("recorded_at").to_physical()
    last = keys.order[keys.counts.cumsum() - 1]
    versions = frame.get_column("version").to_numpy()[last].tolist()
    return Ready(
        content=Frame(frame.drop("expected_version", strict=False), keys),
        schema=schema,
        first=frame.item(0, "position"),
        last=frame.item(-1, "position"),
        versions=dict(zip(keys.names.to_list(), versions, strict=True)),
        occurred=(cast("int", occurred.min()), cast("int", occurred.max())),
        recorded=(recorded[0], recorded[-1]),
        imported=imported,
    )


# --- repeats ---------------------------------------------------------------------


def _check_ids(frame: pl.DataFrame) -> None:
    """Refuse an id that stands twice, and one that the log would give by itself."""
    import polars as pl

    given = frame.select("aggregate_id", "event_id").drop_nulls()
    twice = given.filter(given.is_duplicated())
    if twice.height:
        raise stands_twice(twice.item(0, "event_id"))
    own = pl.col("event_id").str.strip_prefix(pl.col("aggregate_id") + pl.lit("/"))
    like = given.filter((own != pl.col("event_id")) & own.str.contains(r"^[0-9]+$"))
    if like.height:
        raise looks_like_own(like.item(0, "event_id"))


def _known_from(frame: pl.DataFrame, view: View) -> int | None:
    """Return where the frame's first row would stand if this were a repeat."""
    import polars as pl

    if "event_id" not in view.schema.optional:
        return None
    wanted = ["aggregate_id", "event_id", "position"]
    pieces = [piece.lazy() for piece in view.pieces]
    stored = [
        piece.select(wanted).drop_nulls()
        for piece in pieces
        if "event_id" in piece.collect_schema().names()
    ]
    mine = frame.lazy().select("aggregate_id", "event_id").with_row_index("row")
    known = mine.join(pl.concat(stored), on=wanted[:2]).sort("row").first().collect()
    if not known.height:
        return None
    return int(known.item(0, "position")) - int(known.item(0, "row"))


def _drafts(frame: pl.DataFrame, schema: Schema, registry: Registry) -> list[Draft]:
    """Return the rows of a checked frame as drafts."""
    import polars as pl

    given = [
        frame.get_column(name).to_list()
        if name in frame.columns
        else [None] * len(frame)
        for name in ("occurred_at", "recorded_at", "expected_version")
    ]
    blank = frame.with_columns(
        pl.lit(0).alias("position"),
        pl.lit(0).alias("version"),
        pl.lit(1).alias("schema_version"),
        pl.lit(EPOCH, dtype("time")).alias("occurred_at"),
        pl.lit(EPOCH, dtype("time")).alias("recorded_at"),
    )
    return [
        Draft(
            aggregate_id=row.aggregate_id,
            event=row.event,
            occurred_at=occurred,
            given_id=row.given_id,
            metadata=row.metadata,
            expected_version=expected,
            recorded_at=recorded,
        )
        for row, occurred, recorded, expected in zip(
            decode(blank, schema, registry), *given, strict=True
        )
    ]
