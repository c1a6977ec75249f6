"""Which column is what.

What lives here: the mapping from roles to columns, found by the header's names or as
the caller said.
The guarantee: a role has one column, named by the caller or by a known word; two
columns that fit equally well are refused, and every column that is not read is listed.
What it may not know: rows.
"""

from __future__ import annotations

import re

from msgspec import Struct

from esbench.analysis import words
from esbench.analysis.extract import Extract
from esbench.analysis.settings import Settings
from esbench.errors import UnclearExtract

_TWIN = re.compile(r" #\d+$")


class Mapping(Struct, frozen=True, kw_only=True):
    """Which column has which role.

    Attributes:
        columns: the name of the column, by role.
        places: where it stands, from 0, by role.
        unread: columns that nothing is taken from, with a hint.
        currency: the currency that a column's name says.
    """

    columns: dict[str, str]
    places: dict[str, int]
    unread: dict[str, str]
    currency: str | None = None


def mapped(extract: Extract, settings: Settings) -> Mapping:
    """Return the mapping of an extract.

    Raises:
        UnclearExtract: a column that is named is not there, a role that is needed has
            no column, or two.
    """
    places = {
        role: _place(extract, role, column) for role, column in settings.columns.items()
    }
    taken = set(places.values())
    for role, names in words.COLUMNS.items():
        if role not in places and not (role == "account" and settings.account):
            place = _found(extract, role, names, taken)
            if place is not None:
                places[role] = place
                taken.add(place)
    _drop_rivals(places, settings)
    _check(extract, places, settings)
    columns = {role: extract.header[place] for role, place in places.items()}
    currencies = {words.parted(extract.header[places[r]])[1] for r in _sums(places)}
    return Mapping(
        columns=columns,
        places=places,
        unread={
            name: _hint(name)
            for place, name in enumerate(extract.header)
            if place not in places.values()
        },
        currency=next(iter(currencies - {None}), None),
    )


def _place(extract: Extract, role: str, column: str) -> int:
    """Return where a column stands that the caller named."""
    if column in extract.header:
        return extract.header.index(column)
    if column.startswith("#") and column[1:].isdigit():
        number = int(column[1:])
        if 1 <= number <= len(extract.header):
            return number - 1
    wanted = words.normal(column)
    alike = [i for i, n in enumerate(extract.header) if words.normal(n) == wanted]
    if len(alike) == 1:
        return alike[0]
    raise UnclearExtract(
        f"{extract.name} has no column {column!r} for {role}; it has: "
        f"{', '.join(extract.header)}"
    )


def _found(
    extract: Extract, role: str, names: tuple[str, ...], taken: set[int]
) -> int | None:
    """Return the column whose name comes first among the names of a role."""
    ranked = [
        (names.index(word), place)
        for place, name in enumerate(extract.header)
        for word in [words.parted(_TWIN.sub("", name))[0]]
        if word in names and place not in taken
    ]
    if not ranked:
        return None
    best, place = min(ranked)
    if sum(rank == best for rank, _ in ranked) > 1:
        twins = " and ".join(repr(extract.header[p]) for r, p in ranked if r == best)
        raise UnclearExtract(f"{twins} both look like {role}: say --map {role}=COLUMN")
    return place


def _drop_rivals(places: dict[str, int], settings: Settings) -> None:
    """Read either one amount or debit and credit, whichever was said or is there."""
    said = settings.columns.keys()
    if "amount" not in said and {"debit", "credit"} & said:
        places.pop("amount", None)
    if "amount" in places:
        for role in ("debit", "credit"):
            places.pop(role, None)


def _check(extract: Extract, places: dict[str, int], settings: Settings) -> None:
    missing = [] if "occurred" in places else ["occurred"]
    if not _sums(places):
        missing.append("amount")
    if "account" not in places and not settings.account:
        raise UnclearExtract(
            f"{extract.name}: no column says which account; say --account ID, or "
            f"--map account=COLUMN with one of: {', '.join(extract.header)}"
        )
    if missing:
        said = " ".join(f"--map {role}=COLUMN" for role in missing)
        raise UnclearExtract(
            f"{extract.name}: no column is known for {' and '.join(missing)}; say "
            f"{said} with one of: {', '.join(extract.header)}"
        )


def _sums(places: dict[str, int]) -> list[str]:
    return [role for role in ("amount", "debit", "credit") if role in places]


def _hint(name: str) -> str:
    word = words.normal(name)
    if word in words.IDS:
        return f"--id {name!r} would use it"
    for role in ("occurred", "text", "type"):
        if word in words.COLUMNS[role]:
            return f"--map {role}={name!r} would use it"
    return ""
