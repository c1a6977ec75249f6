"""Answers as JSON, CSV, Parquet and text.

What lives here: the forms of output, and what goes with every answer: its coordinates.
The guarantee: JSON, CSV and Parquet hold every row exactly, money as decimals, times
in UTC. stdout holds the answer alone in these forms; coordinates are in JSON's receipt
and in Parquet's metadata, and for CSV on stderr.
What it may not know: how an answer was found.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from esbench.cli import tables
from esbench.cli.run import Misuse

if TYPE_CHECKING:
    import polars as pl

    from esbench.analysis import Receipt

ON_TERMINAL = 1000
CHUNK = 2**16  # bytes; a reader that has left is noticed between two of them
SUFFIXES = {".csv": "csv", ".json": "json", ".parquet": "parquet"}


class Form(Struct, frozen=True, kw_only=True):
    """How an answer is wanted: ``text``, ``json``, ``csv`` or ``parquet``."""

    name: str
    file: Path | None = None
    limit: int | None = None

    @property
    def is_text(self) -> bool:
        """Whether a person reads it."""
        return self.name == "text"


def form(
    *,
    json: bool = False,
    csv: bool = False,
    parquet: bool = False,
    output: Path | None = None,
    limit: int | None = None,
) -> Form:
    """Return the form that the options ask for.

    Raises:
        Misuse: two at once, or a file whose form nobody says.
    """
    asked = {"json": json, "csv": csv, "parquet": parquet}
    names = [name for name, wanted in asked.items() if wanted]
    if len(names) > 1:
        raise Misuse(f"--{' and --'.join(names)} at once: choose one")
    if not names and output is not None:
        suffix = output.suffix.lower()
        if suffix not in SUFFIXES:
            raise Misuse(f"{output}: say --json, --csv or --parquet, or end it in .csv")
        names = [SUFFIXES[suffix]]
    if names == ["parquet"] and output is None and tables.is_terminal():
        raise Misuse("Parquet is no text: say -o FILE.parquet, or send it into a pipe")
    return Form(name=names[0] if names else "text", file=output, limit=limit)


def give(
    frame: pl.DataFrame,
    receipt: Receipt,
    form: Form,
    *,
    title: str,
    upright: bool = False,
    shown: pl.DataFrame | None = None,
    beside: dict[str, Any] | None = None,
) -> None:
    """Give an answer in the form that was asked for.

    Args:
        frame: the rows.
        receipt: where they come from.
        form: how they are wanted.
        title: what they are, in a word or two.
        upright: whether a person wants each row as a block of its own.
        shown: the rows as a person reads them, if that differs.
        beside: what JSON holds besides the receipt and the rows.
    """
    if form.is_text:
        _text(frame if shown is None else shown, receipt, form, title, upright=upright)
        return
    rows = frame.head(form.limit) if form.limit else frame
    write(_packed(rows, receipt, form.name, beside or {}), form)
    if form.name == "csv":
        _say_where(receipt)


def _say_where(receipt: Receipt) -> None:
    tables.err(str(receipt))
    if receipt.late:
        tables.err(receipt.late)


def _packed(
    rows: pl.DataFrame, receipt: Receipt, name: str, beside: dict[str, Any]
) -> bytes:
    if name == "json":
        return json_bytes({"receipt": receipt, **beside, "rows": rows.to_dicts()})
    if name == "csv":
        return csv_bytes(rows)
    return parquet_bytes(rows, {"esbench": json_bytes(receipt).decode()})


def json_bytes(value: Any) -> bytes:
    """Return JSON, indented; decimals are texts, so that nothing rounds them."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def csv_bytes(rows: pl.DataFrame) -> bytes:
    """Return CSV with a header; times as ISO 8601 in UTC."""
    import polars as pl

    times = pl.selectors.datetime().dt.convert_time_zone("UTC")
    plain = rows.with_columns(times.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"))
    return plain.write_csv().encode()


def parquet_bytes(rows: pl.DataFrame, metadata: dict[str, str]) -> bytes:
    """Return a Parquet file."""
    buffer = BytesIO()
    rows.write_parquet(buffer, metadata=metadata)
    return buffer.getvalue()


def write(data: bytes, form: Form) -> None:
    """Write bytes to the file that was named, or to stdout."""
    if form.file is not None:
        form.file.write_bytes(data)
        tables.err(f"wrote {form.file}")
        return
    sys.stdout.flush()
    for start in range(0, len(data), CHUNK):
        sys.stdout.buffer.write(data[start : start + CHUNK])
        sys.stdout.buffer.flush()


# --- for people ------------------------------------------------------------------


def _text(
    frame: pl.DataFrame, receipt: Receipt, form: Form, title: str, *, upright: bool
) -> None:
    limit = ON_TERMINAL if tables.is_terminal() else 0
    if form.limit is not None:
        limit = form.limit
    rows = frame.head(limit) if limit else frame
    tables.quiet(f"{title}, {receipt.said}")
    tables.out()
    tables.print_grid(tables.grid_of(rows, receipt.zone), upright=upright)
    tables.out()
    tables.quiet(_under(receipt, frame))
    if receipt.late:
        tables.quiet(receipt.late)
    if rows.height < frame.height:
        tables.quiet(
            f"the first {rows.height:,} of {frame.height:,} rows; --limit 0 shows all"
        )


def _under(receipt: Receipt, frame: pl.DataFrame) -> str:
    """Say what was read, and in which zone times are shown, if some are."""
    from esbench.analysis.receipt import counted

    left = f", {receipt.left_out:,} left out" if receipt.left_out else ""
    zoned = any(kind.is_temporal() for kind in frame.dtypes)
    zone = f"; times in {receipt.zone}" if zoned else ""
    return f"{counted(receipt.read, 'event')} read{left}{zone}"
