"""What workers did, as others wrote it down: tables of processing, and of end states.

What lives here: reading a table whose columns have roles (which event, when it was
processed, by whom), and times as people write them.
The guarantee: every row is read, or the table is refused with the row that can't be;
a column is found by its name or by what the caller says, never by its content.
What it may not know: logs, projections, what an order means.

    event       the id of an event          aggregate, version    its place, instead
    processed   when a worker was done      worker                which one
    occurred    when it happened            type                  of which kind it is
    state       what was there afterwards
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from esbench.analysis import encodings, words
from esbench.errors import UnclearExtract, shorten
from esbench.workers import Trace
from esbench.workers.trace import WRITES

if TYPE_CHECKING:
    import polars as pl

DELIMITERS = (",", ";", "\t", "|")
ROLES: dict[str, tuple[str, ...]] = {
    role: tuple(names.split("|"))
    for role, names in {
        "event": "event id|message id",
        "aggregate": "aggregate id|aggregate|key|entity id|stream id",
        "version": "version|sequence number|sequence|aggregate version",
        "type": "type|event type|event name|event",
        "occurred": "occurred at|occurred|happened at|event time",
        "processed": "processed at|processed|written at|handled at|finished at|"
        "completed at",
        "worker": "worker|consumer|member|processed by|handled by|worker id",
        "state": "state|state after",
    }.items()
}
_NUMBER = r"^-?\d{1,18}(\.\d{1,9})?$"
_ISO = (
    r"^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?([.,]\d{1,9})?)?"
    r" ?(Z|z|[+-]\d\d:?\d\d)?$"
)


class Sheet(Struct, frozen=True, kw_only=True):
    """A table as it was given.

    Attributes:
        frame: the rows; of a CSV all cells are texts, empty ones null.
        name: what messages call it.
        columns: which column has which role, as far as there is one.
        hint: what helps where a role has no column.
    """

    frame: pl.DataFrame
    name: str
    columns: dict[str, str]
    hint: str = "say which with {role}=COLUMN"

    def has(self, *roles: str) -> bool:
        """Tell whether there is a column for each of these roles."""
        return all(role in self.columns for role in roles)

    def column(self, role: str) -> pl.Series:
        """Return the column of a role.

        Raises:
            UnclearExtract: there is none.
        """
        if role not in self.columns:
            raise UnclearExtract(self._absent(role))
        return self.frame.get_column(self.columns[role])

    def texts(self, role: str) -> pl.Series:
        """Return the column of a role as texts, empty ones as null."""
        import polars as pl

        texts = self.column(role).cast(pl.String).str.strip_chars()
        return texts.set(texts == "", None)

    def _absent(self, role: str) -> str:
        listed = ", ".join(repr(shorten(name, 30)) for name in self.frame.columns)
        return (
            f"{self.name}: no column says {_MEANT[role]}; its columns are {listed}; "
            + self.hint.format(role=role, name=_SHORT.get(role, role))
        )


_SHORT = {"aggregate": "aggregate_id", "event": "event_id"}
_MEANT = {
    "event": "which event a row is about",
    "aggregate": "whose event a row is about",
    "version": "the place among the events of its aggregate",
    "type": "what kind of event it is",
    "occurred": "when it occurred",
    "processed": "when it was processed",
    "worker": "who processed it",
    "state": "the state",
}


def sheet_of(
    given: Any,
    columns: Mapping[str, str] | None = None,
    *,
    name: str = "the table",
    names: Mapping[str, tuple[str, ...]] | None = None,
) -> Sheet:
    """Return a table with the roles of its columns.

    Args:
        given: the path of a CSV or Parquet file, a frame of polars or pandas, or a
            ``Trace``, whose steps are in order and name worker and state; or a table
            that has its roles already.
        columns: the column of a role, where its name does not say it.
        name: what messages call a frame.
        names: other names for the columns of some roles, the first ones first.

    Raises:
        UnclearExtract: no table, no such role or column, two columns for one role.
    """
    if isinstance(given, Sheet):
        return given
    frame, name = _read(given, name)
    sought = {**ROLES, **(names or {})}
    found = {role: _found(frame.columns, own, name) for role, own in sought.items()}
    said = _said(frame.columns, columns or {}, name)
    kept = {role: column for role, column in found.items() if column is not None}
    return Sheet(frame=frame, name=name, columns=kept | said)


def _read(given: Any, name: str) -> tuple[pl.DataFrame, str]:
    import polars as pl

    if isinstance(given, str | Path):
        path = Path(given)
        data = path.read_bytes()
        if data[:4] == b"PAR1":
            return pl.read_parquet(path), path.name
        return _of_csv(encodings.decoded(data, None).text, path.name), path.name
    if isinstance(given, Trace):
        return _of_trace(given), given.name
    if isinstance(given, pl.LazyFrame):
        given = given.collect()
    return given if isinstance(given, pl.DataFrame) else pl.from_pandas(given), name


def _of_trace(trace: Trace) -> pl.DataFrame:
    """Return the steps that handled an event; their order alone is exact."""
    import polars as pl

    rows = trace.frame().filter(pl.col("did").is_in(WRITES))
    return rows.select(
        "event_id",
        "aggregate_id",
        "version",
        "worker",
        "state",
        pl.col("step").alias("processed"),
    )


def _of_csv(text: str, name: str) -> pl.DataFrame:
    import polars as pl

    first = text.lstrip("\r\n").split("\n", 1)[0]
    if not first.strip():
        raise UnclearExtract(f"{name} is empty: write a header and a row an event")
    delimiter = max(DELIMITERS, key=first.count)
    header = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter))]
    try:
        frame = pl.read_csv(
            text.encode(), separator=delimiter, has_header=True, infer_schema=False
        )
    except pl.exceptions.PolarsError as error:
        said = shorten(str(error).splitlines()[0], 120)
        if "more fields" in said:
            said = "a row has more cells than the header has names"
        raise UnclearExtract(f"{name} is no table: {said}") from None
    if len(set(header)) < len(header):
        twice = next(cell for cell in header if header.count(cell) > 1)
        raise UnclearExtract(f"{name} has two columns {twice!r}: rename one")
    frame.columns = header
    return frame.filter(~pl.all_horizontal(pl.all().is_null()))


def _found(header: list[str], names: tuple[str, ...], table: str) -> str | None:
    """Return the column with the first of these names; None if there is none."""
    known = [words.normal(cell) for cell in header]
    for name in map(words.normal, names):
        if known.count(name) > 1:
            pair = [
                cell for cell, own in zip(header, known, strict=True) if own == name
            ]
            raise UnclearExtract(
                f"{table} has {' and '.join(map(repr, pair))}: rename one"
            )
        if name in known:
            return header[known.index(name)]
    return None


def _said(header: list[str], columns: Mapping[str, str], table: str) -> dict[str, str]:
    for role, column in columns.items():
        if role not in ROLES:
            raise UnclearExtract(f"there is no role {role!r}: {', '.join(ROLES)}")
        if column not in header:
            listed = ", ".join(repr(shorten(cell, 30)) for cell in header)
            raise UnclearExtract(
                f"{table} has no column {shorten(column)!r} for {role}: it has {listed}"
            )
    return dict(columns)


# --- times and numbers -----------------------------------------------------------


def moments_of(sheet: Sheet, role: str, zone: str) -> pl.Series:
    """Return when something was: times in UTC, or numbers that merely count.

    Args:
        sheet: the table.
        role: "processed" or "occurred".
        zone: the zone of times that name none.

    Raises:
        UnclearExtract: a cell that is neither an ISO 8601 time nor a number, or both
            kinds in one column.
    """
    import polars as pl

    column = sheet.column(role)
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        return column if kind.time_zone else _placed(column, zone)
    if kind == pl.Date:
        return _placed(column.cast(pl.Datetime("us")), zone)
    if kind.is_integer() or kind.is_decimal():
        return column
    if kind.is_float():
        raise UnclearExtract(
            f"{sheet.name}: {sheet.columns[role]!r} holds floats, which are not exact: "
            "give times, whole numbers or texts"
        )
    return _of_texts(sheet, role, zone)


def _of_texts(sheet: Sheet, role: str, zone: str) -> pl.Series:
    """Return what texts say: numbers if all of them are, else times."""
    import polars as pl

    texts = sheet.texts(role)
    known = texts.drop_nulls()
    if not known.is_empty() and known.str.contains(_NUMBER).all():
        is_whole = not known.str.contains(".", literal=True).any()
        return texts.cast(pl.Int64() if is_whole else pl.Decimal(38, 9))
    parts = texts.str.extract_groups(_ISO).struct.unnest()
    unit: Literal["ns", "us"] = "ns" if (parts["4"].str.len_chars() > 7).any() else "us"
    said = pl.concat_str(
        pl.col("1"),
        pl.lit("T"),
        pl.col("2").fill_null("00:00"),
        pl.col("3").fill_null(":00"),
        pl.col("4").str.replace(",", ".").fill_null(".0"),
    )
    times = said.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit=unit, strict=False)
    east = pl.duration(minutes=_minutes(pl.col("5")), time_unit=unit)
    there = (times - east).dt.replace_time_zone("UTC")
    found = parts.select(times.alias("here"), there.alias("there"))
    here = _placed(found.get_column("here"), zone)
    moments = found.select(pl.coalesce("there", here)).to_series()
    _refuse_unread(sheet, role, texts, moments)
    return moments


def _minutes(offset: pl.Expr) -> pl.Expr:
    """Return how far east of UTC; null where no offset is written."""
    import polars as pl

    digits = offset.str.replace(":", "").str.replace("(?i)z", "+0000")
    hours, minutes = (digits.str.slice(at, 2).cast(pl.Int64) for at in (1, 3))
    size = hours * 60 + minutes
    return pl.when(digits.str.starts_with("-")).then(-size).otherwise(size)


def _placed(times: pl.Series, zone: str) -> pl.Series:
    """Return local times in UTC: of an hour that comes twice, the first one."""
    local = times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def _refuse_unread(sheet: Sheet, role: str, texts: pl.Series, found: pl.Series) -> None:
    bad = (texts.is_not_null() & found.is_null()).arg_true()
    if len(bad):
        row = bad[0]
        raise UnclearExtract(
            f"{sheet.name}, row {row + 1}: {shorten(texts[row])!r} in "
            f"{sheet.columns[role]!r} is no time: write ISO 8601, such as "
            "2024-02-01T10:00:00Z, or a whole number"
        )


def typed(texts: pl.Series, kind: pl.DataType) -> pl.Series:
    """Return texts as values of a kind; null where one is no such value, exactly.

    >>> import polars as pl
    >>> typed(pl.Series(["1.50", "1.505"]), pl.Decimal(38, 2)).to_list()
    [Decimal('1.50'), None]
    """
    import polars as pl

    if kind == pl.Boolean:
        words = {"true": True, "yes": True, "false": False, "no": False}
        lower = texts.str.to_lowercase()
        return lower.replace_strict(words, default=None, return_dtype=pl.Boolean)
    if isinstance(kind, pl.Datetime):
        return texts.str.to_datetime(strict=False, time_zone="UTC", time_unit="us")
    made = texts.cast(kind, strict=False)
    if isinstance(kind, pl.Decimal):
        finer = texts.str.contains(rf"\.\d{{{kind.scale}}}\d*[1-9]|[eE]")
        made = made.set(finer.fill_null(value=False), None)
    return made


def has_zone(sheet: Sheet, role: str) -> bool:
    """Tell whether the times of a column say in which zone they are, or need none."""
    import polars as pl

    column = sheet.column(role)
    if column.dtype.is_temporal():
        return getattr(column.dtype, "time_zone", None) is not None
    if column.dtype != pl.String:
        return True
    return bool(
        sheet.texts(role)
        .drop_nulls()
        .str.contains(r"(Z|z|[+-]\d\d:?\d\d|^-?[\d.]+)$")
        .all()
    )
