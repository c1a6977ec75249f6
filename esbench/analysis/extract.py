"""Extracts: files of rows, as cells with line numbers.

What lives here: reading CSV, JSON lines and Parquet, and finding a CSV's delimiter and
header.
The guarantee: every line of the file is in a record, above the header, or listed as
broken; cells are texts exactly as the file has them.
What it may not know: what an account is, logs.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec import Struct

from esbench.analysis import encodings, words
from esbench.analysis.settings import Settings
from esbench.errors import UnclearExtract, shorten

DELIMITERS = (";", ",", "\t", "|")
NAMES = {";": "semicolon", ",": "comma", "\t": "tab", "|": "bar"}
LOOKED_AT = 60  # rows among which a header may stand


class Record(Struct, frozen=True):
    """One row: the line where it begins, and its cells."""

    line: int
    cells: tuple[str, ...]


class Extract(Struct, frozen=True, kw_only=True):
    """A file of rows.

    Attributes:
        name: the file's name.
        found: what was found out about its form, in the order to be shown.
        header: the columns' names.
        records: the rows under the header.
        above: the rows above the header.
        broken: lines that are no rows, with the reason.
        typed: the columns whose values are numbers by type, with a decimal point.
    """

    name: str
    found: dict[str, str]
    header: tuple[str, ...]
    records: list[Record]
    above: list[Record] = []
    broken: list[tuple[Record, str]] = []
    typed: frozenset[str] = frozenset()


def extracted(data: bytes, name: str, settings: Settings) -> Extract:
    """Return the rows of a file.

    Args:
        data: all its bytes.
        name: its name; the end of it says CSV, JSON lines or Parquet.
        settings: what the caller says about it.

    Raises:
        UnclearExtract: no rows, no header, or more than one reading.
    """
    form = settings.format or _form(data, name)
    if form == "parquet":
        return _parquet(data, name)
    if not data.strip():
        raise UnclearExtract(f"{name} is empty")
    decoded = encodings.decoded(data, settings.encoding)
    found = {"form": form, "encoding": f"{decoded.encoding}, {decoded.how}"}
    if form == "jsonl":
        return _jsonl(decoded.text, name, found)
    return _csv(decoded.text, name, found, settings)


def columns_of(data: bytes, name: str, settings: Settings) -> tuple[str, ...]:
    """Return the names that columns can be told apart by, also where none is known.

    Args:
        data: all bytes of a file.
        name: its name.
        settings: what the caller says about it.

    Returns:
        The header; the first of the widest rows where no header is known; nothing
        where the file has no rows.
    """
    try:
        return extracted(data, name, settings).header
    except UnclearExtract:
        return _widest(data, name, settings)


def _widest(data: bytes, name: str, settings: Settings) -> tuple[str, ...]:
    try:
        if _form(data, name) != "csv":
            return ()
        text = encodings.decoded(data, settings.encoding).text
        rows = _rows(text, max(DELIMITERS, key=text.count), settings)[:LOOKED_AT]
    except UnclearExtract:
        return ()
    cells = max((row.cells for row in rows), key=len, default=())
    return _unique(cells)


def _form(data: bytes, name: str) -> str:
    suffix = name.lower().rpartition(".")[2]
    if data[:4] == b"PAR1" or suffix == "parquet":
        return "parquet"
    if data[:2] == b"PK":
        raise UnclearExtract(f"{name} is a workbook or an archive: save it as CSV")
    first = data.lstrip()[:1]
    if first == b"[":
        raise UnclearExtract(f"{name} is one JSON list: write an object a line (JSONL)")
    return "jsonl" if first == b"{" or suffix in {"jsonl", "ndjson"} else "csv"


# --- CSV -------------------------------------------------------------------------


def _csv(text: str, name: str, found: dict[str, str], settings: Settings) -> Extract:
    skipped = 0
    delimiter = settings.delimiter
    if text[:4].lower() == "sep=" and len(text) > 4:
        delimiter, skipped = delimiter or text[4], 1
    if delimiter is not None:
        delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
        if len(delimiter) != 1:
            raise UnclearExtract(f"--delimiter {delimiter!r}: write one character")
        how = "as said" if not skipped else "by its first line"
        rows = _rows(text, delimiter, settings)
    else:
        delimiter, rows = _delimited(text, name, settings)
        how = "by the header"
    records = [row for row in rows[skipped:] if any(map(str.strip, row.cells))]
    place = _header(records, settings)
    if place is None:
        raise UnclearExtract(_no_header(name, records))
    found["delimiter"] = f"{NAMES.get(delimiter, repr(delimiter))}, {how}"
    if _numbered(settings):
        width = max(len(record.cells) for record in records)
        header = tuple(f"#{number}" for number in range(1, width + 1))
        return Extract(name=name, found=found, header=header, records=records)
    return Extract(
        name=name,
        found=found,
        header=_unique(records[place].cells),
        records=records[place + 1 :],
        above=records[:place],
    )


def _numbered(settings: Settings) -> bool:
    """Tell whether all columns are named by their places: then there is no header."""
    return bool(settings.columns) and all(
        column.startswith("#") for column in settings.columns.values()
    )


def _unique(cells: Iterable[str]) -> tuple[str, ...]:
    """Return names without spaces around them; nameless and twin ones get a place."""
    names: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = cell.strip()
        if not name or name in names:
            name = f"{name} #{number}".strip()
        names.append(name)
    return tuple(names)


def _rows(text: str, delimiter: str, settings: Settings) -> list[Record]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        strict=settings.quotes,
        quoting=csv.QUOTE_MINIMAL if settings.quotes else csv.QUOTE_NONE,
    )
    rows, line = [], 1
    try:
        for cells in reader:
            rows.append(Record(line, tuple(cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnclearExtract(
            f"line {line}: {error}; mend its quotation marks, or say --no-quotes"
        ) from None
    return rows


def _delimited(text: str, name: str, settings: Settings) -> tuple[str, list[Record]]:
    """Return the delimiter under which a header makes most sense, and the rows."""
    best: tuple[int, int, str, list[Record]] | None = None
    trouble: UnclearExtract | None = None
    for delimiter in DELIMITERS:
        try:
            rows = _rows(text, delimiter, settings)
        except UnclearExtract as error:
            if delimiter in text.split("\n", 1)[0]:
                trouble = trouble or error
            continue
        records = [row for row in rows if any(map(str.strip, row.cells))]
        place = _header(records, settings)
        if place is None:
            continue
        cells = records[place].cells
        alike = sum(len(row.cells) == len(cells) for row in records)
        rank = (len(_roles(cells, settings)), alike)
        if best is None or rank > best[:2]:
            best = (*rank, delimiter, rows)
    if best is None:
        if trouble is not None:
            raise trouble
        rows = _rows(text, max(DELIMITERS, key=text.count), settings)
        raise UnclearExtract(_no_header(name, rows))
    return best[2], best[3]


def _header(records: list[Record], settings: Settings) -> int | None:
    """Return which of the first records names the columns; None if none does."""
    if _numbered(settings):
        return 0 if records else None
    scores = [
        len(roles) if _is_enough(roles) else 0
        for record in records[:LOOKED_AT]
        for roles in [_roles(record.cells, settings)]
    ]
    best = max(scores, default=0)
    return scores.index(best) if best else None


def _roles(cells: tuple[str, ...], settings: Settings) -> set[str]:
    named = {role: words.normal(name) for role, name in settings.columns.items()}
    roles = set()
    for cell in cells:
        word, _ = words.parted(cell)
        roles |= {role for role, names in words.COLUMNS.items() if word in names}
        roles |= {role for role, name in named.items() if words.normal(cell) == name}
    return roles


def _is_enough(roles: set[str]) -> bool:
    return "occurred" in roles and bool(roles & {"amount", "debit", "credit"})


def _no_header(name: str, records: list[Record]) -> str:
    seen = records[0].cells if records else ()
    listed = ", ".join(repr(shorten(cell, 30)) for cell in seen[:8])
    return (
        f"{name} has no header with a date and an amount that is known here; its first "
        f"row is {listed}: say --map occurred=COLUMN --map amount=COLUMN, or "
        "#1, #2 where there is no header"
    )


# --- JSON lines and Parquet ------------------------------------------------------


def _jsonl(text: str, name: str, found: dict[str, str]) -> Extract:
    objects: list[tuple[int, dict[str, Any]]] = []
    broken = []
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            value = json.loads(content, parse_float=Decimal)
        except ValueError as error:
            broken.append((Record(line, (content,)), f"it is no JSON: {error}"))
            continue
        if not isinstance(value, dict):
            broken.append((Record(line, (content,)), "it is no JSON object"))
            continue
        objects.append((line, value))
    header = tuple(dict.fromkeys(key for _, value in objects for key in value))
    rows = [(line, [value.get(key) for key in header]) for line, value in objects]
    return _from_values(name, found, header, rows, broken)


def _parquet(data: bytes, name: str) -> Extract:
    import polars as pl

    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except Exception as error:  # noqa: BLE001 - whatever the reader makes of foreign bytes
        raise UnclearExtract(f"{name} is no Parquet: {error}") from None
    rows = [(line, list(row)) for line, row in enumerate(frame.iter_rows(), start=1)]
    return _from_values(name, {"form": "parquet"}, tuple(frame.columns), rows, [])


def _from_values(
    name: str,
    found: dict[str, str],
    header: tuple[str, ...],
    rows: list[tuple[int, list[Any]]],
    broken: list[tuple[Record, str]],
) -> Extract:
    typed = {
        column
        for place, column in enumerate(header)
        if any(_is_number(values[place]) for _, values in rows)
        and not any(isinstance(values[place], str) for _, values in rows)
    }
    return Extract(
        name=name,
        found=found,
        header=header,
        records=[Record(line, tuple(map(_text, values))) for line, values in rows],
        broken=broken,
        typed=frozenset(typed),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False, default=str)
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat() if isoformat else value)
