"""Claims: what somebody else says the balances are.

What lives here: reading a list of claims from a file or a frame.
The guarantee: every row is a claim, or the list is refused with the line that is none;
no account stands in it twice; amounts are read exactly.
What it may not know: logs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from esbench.analysis import encodings, words
from esbench.analysis.amounts import AmountForm, amount_form
from esbench.errors import UnclearExtract, shorten

if TYPE_CHECKING:
    import polars as pl

DELIMITERS = (";", ",", "\t", "|")
CLAIMED = ("claimed", "claim", "value", "amount", "ending balance", "closing balance")


class Claims(Struct, frozen=True, kw_only=True):
    """A list of claims.

    Attributes:
        frame: ``aggregate_id`` and ``claimed``, sorted by id.
        said: how the list was read, in words.
    """

    frame: pl.DataFrame
    said: str


def claims_of(given: Any, *, field: str = "balance", places: int | None = 2) -> Claims:
    """Return the claims in a file or a frame.

    Args:
        given: the path of a CSV (commas, semicolons, tabs) or Parquet file, a frame of
            polars or pandas, or a mapping from ids to numbers.
        field: the field that is claimed: a column of that name holds the claims.
        places: the decimal places that the log counts in; None for whole numbers.

    Raises:
        UnclearExtract: no such column, a row that is no claim, an account twice.
    """
    import polars as pl

    frame, lines, name = _cells(given)
    account = _column(
        frame.columns, ["aggregate id", *words.COLUMNS["account"]], "account"
    )
    names = [words.normal(field), *CLAIMED, *words.COLUMNS["balance"]]
    claimed = _column(frame.columns, names, "claim")
    keys = _keys(frame[account], lines)
    values = _values(frame[claimed], lines, places)
    _refuse_twice(keys, name)
    count = f"{frame.height:,} claim{'s' * (frame.height != 1)}"
    said = f"{name}: {count}, the account in {account!r}, the claim in {claimed!r}"
    made = pl.DataFrame([keys.alias("aggregate_id"), values.alias("claimed")])
    return Claims(frame=made.sort("aggregate_id"), said=said)


Read = tuple["pl.DataFrame", Sequence[int], str]  # the rows, their lines, the name


def _cells(given: Any) -> Read:
    """Return the rows, the line of each, and what the list is called."""
    import polars as pl

    if isinstance(given, str | Path):
        path = Path(given)
        data = path.read_bytes()
        if data[:4] == b"PAR1":
            return _exact(pl.read_parquet(path), path.name)
        frame, lines = _of_csv(encodings.decoded(data, None).text, path.name)
        return frame, lines, path.name
    if isinstance(given, dict):
        keys, values = map(str, given), map(str, given.values())
        given = pl.DataFrame({"aggregate_id": list(keys), "claimed": list(values)})
    frame = given if isinstance(given, pl.DataFrame) else pl.from_pandas(given)
    return _exact(frame, "the claims")


def _exact(frame: pl.DataFrame, name: str) -> Read:
    floats = [column for column, kind in frame.schema.items() if kind.is_float()]
    if floats:
        raise UnclearExtract(
            f"the column {floats[0]} holds floats, which are not exact: "
            "give texts or decimals"
        )
    return frame, range(1, frame.height + 1), name


def _of_csv(text: str, name: str) -> tuple[pl.DataFrame, list[int]]:
    import polars as pl

    first = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise UnclearExtract(f"{name}, line {reader.line_num}: {error}") from None
    rows = [(line, cells) for line, cells in rows if any(map(str.strip, cells))]
    if not rows:
        raise UnclearExtract(f"{name} is empty: write a header and a claim a line")
    header = [cell.strip() for cell in rows[0][1]]
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise UnclearExtract(
                f"{name}, line {line} has {len(cells)} cells where the header has "
                f"{len(header)}"
            )
    columns = [[cells[place] for _, cells in rows[1:]] for place in range(len(header))]
    named = dict(zip(_apart(header), columns, strict=True))
    frame = pl.DataFrame(named, schema=dict.fromkeys(named, pl.String))
    return frame, [line for line, _ in rows[1:]]


def _apart(header: Sequence[str]) -> list[str]:
    """Return names that differ: a nameless or a second one gets its place."""
    return [
        f"{name} #{place}".strip() if not name or name in header[: place - 1] else name
        for place, name in enumerate(header, start=1)
    ]


def _column(header: Sequence[str], names: Sequence[str], what: str) -> str:
    """Return the first of these names that the header has."""
    known = [words.normal(cell) for cell in header]
    for name in names:
        if known.count(words.normal(name)) == 1:
            return header[known.index(words.normal(name))]
    listed = ", ".join(repr(shorten(cell, 30)) for cell in header)
    raise UnclearExtract(
        f"no column holds the {what}: the header is {listed}; name one {names[0]!r}"
    )


def _keys(column: pl.Series, lines: Sequence[int]) -> pl.Series:
    import polars as pl

    keys = column.cast(pl.String).fill_null("").str.strip_chars()
    empty = (keys == "").arg_true()
    if len(empty):
        raise UnclearExtract(f"line {lines[empty[0]]} names no account")
    return keys


def _values(column: pl.Series, lines: Sequence[int], places: int | None) -> pl.Series:
    """Return the claims as exact numbers; plain ones at once, others by their form."""
    import polars as pl

    kind = pl.Int64() if places is None else pl.Decimal(38, places)
    texts = column.cast(pl.String).fill_null("")
    plain = rf"^-?\d{{1,18}}(\.\d{{1,{places}}})?$" if places else r"^-?\d{1,18}$"
    if texts.str.contains(plain).all():
        return texts.cast(kind)
    written = [(line, text) for line, text in zip(lines, texts, strict=True)]
    form = amount_form([one for one in written if one[1].strip()], None)
    values = [_value(line, text, form, places) for line, text in written]
    return pl.Series(values, dtype=pl.Decimal(38, places or 2)).cast(kind)


def _value(line: int, text: str, form: AmountForm, places: int | None) -> Decimal:
    try:
        value = form.read(text).value
    except ValueError as error:
        raise UnclearExtract(f"line {line}: {error}") from None
    if places is None and value != int(value):
        raise UnclearExtract(f"line {line}: {shorten(text)!r} is no whole number")
    return value


def _refuse_twice(keys: pl.Series, name: str) -> None:
    twice = keys.filter(keys.is_duplicated())
    if len(twice):
        key, count = twice[0], int((twice == twice[0]).sum())
        raise UnclearExtract(
            f"{name} claims {shorten(key)} {count} times: leave one of them"
        )
