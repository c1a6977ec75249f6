"""What a caller says about an extract, where the extract does not say it itself.

What lives here: the settings of an import, and reading them from a TOML file.
The guarantee: an unknown word in a mapping file is refused; what is said on the
command line wins over the file.
What it may not know: the extract.

    delimiter = ";"            # encoding, decimal, dates, zone, account, currency alike
    [columns]
    occurred = "Data operacji"
    amount = "Kwota"
    [types]
    "Przelew przychodzący" = "MoneyDeposited"
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from esbench.analysis.words import COLUMNS, CREDIT, DEBIT, OPENING
from esbench.errors import UnclearExtract

ROLES = (*COLUMNS, "recorded", "id")
FORMATS = ("csv", "jsonl", "parquet")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said; None and empty mean: find out.

    Attributes:
        format: ``csv``, ``jsonl`` or ``parquet``.
        encoding, delimiter, decimal, dates, zone: how the extract is written.
        quotes: whether ``"`` encloses cells.
        account: the account of all rows, if no column names it.
        currency: the only currency to take.
        columns: which column has which role; ``#3`` is the third.
        types: what a word in the column ``type`` means: an event type.
        recorded_from_name: whether the date in a file's name is the time of recording.
        correct: whether a known id with other content is reversed and booked anew.
        skip_bad: whether rows that can't be taken are left out.
    """

    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    dates: str | None = None
    zone: str | None = None
    quotes: bool = True
    account: str | None = None
    currency: str | None = None
    columns: dict[str, str] = {}
    types: dict[str, str] = {}
    recorded_from_name: bool = False
    correct: bool = False
    skip_bad: bool = False

    def __post_init__(self) -> None:
        """Refuse roles, types and formats that there are not."""
        for role in self.columns:
            if role not in ROLES:
                raise UnclearExtract(
                    f"a column can't be {role!r}: write one of {', '.join(ROLES)}"
                )
        for word, event in self.types.items():
            if event not in {CREDIT, DEBIT, OPENING}:
                raise UnclearExtract(
                    f"{word!r} can't mean {event}: write {CREDIT} or {DEBIT}"
                )
        if self.format not in {None, *FORMATS}:
            raise UnclearExtract(f"there is no format {self.format}: write csv, jsonl")
        if self.zone is not None:
            _check_zone(self.zone)
        if self.recorded_from_name and "recorded" in self.columns:
            raise UnclearExtract("recorded times: from a column, or from the names?")


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnclearExtract(
            f"there is no zone {zone!r}: write e.g. 'UTC' or 'Europe/Warsaw'"
        ) from None


def with_file(said: dict[str, Any], path: Path | None) -> Settings:
    """Return what the caller said, and under it what a mapping file says.

    Raises:
        UnclearExtract: the file is no TOML, or holds a word that means nothing here.
    """
    below = {} if path is None else _loaded(path)
    merged = below | {name: value for name, value in said.items() if value}
    for name in ("columns", "types"):
        merged[name] = below.get(name, {}) | said.get(name, {})
    try:
        return msgspec.convert(merged, Settings)
    except msgspec.ValidationError as error:
        raise UnclearExtract(f"{path or 'the mapping'}: {error}") from None


def _loaded(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnclearExtract(f"{path} is no mapping: {error}") from None
