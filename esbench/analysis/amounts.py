"""Amounts as banks write them: ``1.234,56-``, ``(12.50)``, ``− 3 200,00 zł``.

What lives here: which sign is the decimal mark, and reading one amount.
The guarantee: an amount is read exactly or refused; a mark that could as well group
thousands is never taken for a decimal mark unless another row proves it.
What it may not know: columns, dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from esbench.analysis.words import CURRENCIES, SYMBOLS
from esbench.errors import UnclearExtract, shorten

_SPACES = " \u00a0\u202f\u2009"
_MINUS = "-−–"
_SHAPE = re.compile(
    r"(?P<open>\()?\s*(?P<front>[+\-−–])?\s*(?P<before>[^\d\s(),.+\-−–]{1,3})?\s*"
    r"(?P<inner>[+\-−–])?\s*(?P<digits>\d[\d.,'’\s\u00a0\u202f\u2009]*)\s*"
    r"(?P<back>[+\-−–])?\s*(?P<after>[^\d\s(),.+\-−–]{1,3})?\s*(?P<close>\))?"
)


class Parts(Struct, frozen=True):
    """An amount taken apart: its sign, its digits and marks, its currency."""

    negative: bool
    signed: bool
    digits: str
    currency: str | None


class Amount(Struct, frozen=True):
    """An amount: its value, whether it carried a sign, and its currency if given."""

    value: Decimal
    signed: bool
    currency: str | None


class AmountForm(Struct, frozen=True, kw_only=True):
    """How the amounts of an extract are written, and how that was told."""

    decimal: str
    how: str

    def read(self, text: str, *, typed: bool = False) -> Amount:
        """Return an amount exactly.

        Args:
            text: what the cell says.
            typed: whether it was a number in the file, and the point is its mark.

        Raises:
            ValueError: no amount, or not in this form.
        """
        parts = parted(text)
        if parts is None:
            raise ValueError(f"{shorten(text)!r} is no amount")
        value = _value(parts.digits, "." if typed else self.decimal, typed=typed)
        if value is None:
            raise ValueError(f"{shorten(text)!r} is no amount with {_named(self)}")
        if -int(value.as_tuple().exponent) > 2:
            raise ValueError(f"{shorten(text)!r} has more than two decimal places")
        signed = -value if parts.negative else value
        return Amount(signed.quantize(Decimal("0.01")), parts.signed, parts.currency)


def _named(form: AmountForm) -> str:
    return {",": "a decimal comma", ".": "a decimal point"}[form.decimal]


def parted(text: str) -> Parts | None:
    """Return an amount taken apart; None if it is none."""
    found = _SHAPE.fullmatch(text.strip(_SPACES))
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    signs = [found[name] for name in ("front", "inner", "back") if found[name]]
    if len(signs) + bool(found["open"]) > 1:
        return None
    currency = _currency(found["before"], found["after"])
    if currency == "":
        return None
    negative = bool(found["open"]) or any(sign in _MINUS for sign in signs)
    return Parts(
        negative, bool(signs or found["open"]), found["digits"].strip(), currency
    )


def _currency(before: str | None, after: str | None) -> str | None:
    """Return the currency beside an amount, None if there is none, "" if unknown."""
    if before and after:
        return ""
    sign = before or after
    if sign is None:
        return None
    code = SYMBOLS.get(sign, sign.upper())
    return code if code in CURRENCIES else ""


def _value(digits: str, decimal: str, *, typed: bool) -> Decimal | None:
    """Return digits with marks as a number; None if they are not well formed."""
    thousands = "." if decimal == "," else ","
    whole, mark, places = digits.partition(decimal)
    if mark and not re.fullmatch(r"\d+", places):
        return None
    if typed:
        places = places[:2] + places[2:].rstrip("0")
    groups = re.escape(thousands + "'’" + _SPACES)
    shape = rf"\d+|\d{{1,3}}([{groups}])\d{{3}}(?:\1\d{{3}})*"
    if not re.fullmatch(shape, whole):
        return None
    return Decimal(re.sub(r"\D", "", whole) + (f".{places}" if places else ""))


# --- finding out -----------------------------------------------------------------


def amount_form(cells: Iterable[tuple[int, str]], said: str | None) -> AmountForm:
    """Return how amounts are written, told from all of them.

    Args:
        cells: pairs of line and text; empty texts are passed over.
        said: the decimal mark that the caller named; None to find out.

    Raises:
        UnclearExtract: two rows contradict each other, or none is clear.
    """
    if said is not None:
        if said not in {",", "."}:
            raise UnclearExtract(f"--decimal {said}: write ',' or '.'")
        return AmountForm(decimal=said, how="as said")
    proofs: dict[str, tuple[int, str]] = {}
    open_: tuple[int, str] | None = None
    for line, text in cells:
        parts = parted(text)
        mark = "" if parts is None else _mark(parts.digits)
        if mark == "?":
            open_ = open_ or (line, text.strip())
        elif mark:
            proofs.setdefault(mark, (line, text.strip()))
    return _told(proofs, open_)


def _told(
    proofs: dict[str, tuple[int, str]], open_: tuple[int, str] | None
) -> AmountForm:
    if len(proofs) == 2:
        comma, point = proofs[","], proofs["."]
        raise UnclearExtract(
            f"line {comma[0]} writes {comma[1]!r} with a decimal comma and line "
            f"{point[0]} writes {point[1]!r} with a point: say --decimal ',' or "
            "--decimal '.', and the others are listed"
        )
    if proofs:
        [(mark, (line, text))] = proofs.items()
        return AmountForm(decimal=mark, how=f"by {text!r} on line {line}")
    if open_ is not None:
        raise UnclearExtract(
            f"{open_[1]!r} on line {open_[0]} has a mark that parts thousands or "
            "decimals, and no other amount tells: say --decimal ',' or --decimal '.'"
        )
    return AmountForm(decimal=".", how="no amount needs one")


def _mark(digits: str) -> str:
    """Return the decimal mark that digits prove, "?" if unclear, "" if none."""
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        return max(",.", key=digits.rfind)
    mark = "." if points else ","
    count = points or commas
    if count > 1:
        return "," if mark == "." else "."
    if not count:
        return ""
    whole, _, places = digits.partition(mark)
    grouped = len(places) == 3 and re.fullmatch(r"[1-9]\d{0,2}", whole)
    return "?" if grouped else mark
