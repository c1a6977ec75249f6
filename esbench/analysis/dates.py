"""Dates as banks write them: ``15.01.2024``, ``2024-01-15 10:30``, ``01/15/2024``.

What lives here: which part is the day and which the month, reading one date, and
finding its moment in a zone.
The guarantee: an order is taken only if the rows allow no other; a local time that
comes twice or never is refused, not shifted.
What it may not know: columns, amounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from msgspec import Struct

from esbench.errors import UnclearExtract, shorten
from esbench.moments import start_of

_MONTHS = {
    name: number
    for names in (
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "jan feb mär apr mai jun jul aug sep okt nov dez",
        "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    )
    for number, name in enumerate(names.split(), start=1)
}
_SHAPE = re.compile(
    r"(?:(?P<a>\d{1,4})(?P<s>[-./ ])(?P<b>\d{1,2}|[^\W\d_]{3,})\.?(?P=s)(?P<c>\d{2,4})"
    r"|(?P<compact>\d{8}))"
    r"(?:[T ]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,6}))?)?"
    r"\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?)?"
)
ORDERS = ("ymd", "dmy", "mdy")
_SAID = {
    "ymd": "year, month, day",
    "dmy": "day, month, year",
    "mdy": "month, day, year",
}


class DateForm(Struct, frozen=True, kw_only=True):
    """In which order dates are written, and how that was told."""

    order: str
    how: str

    def __str__(self) -> str:
        """Say the order in words."""
        return _SAID[self.order]

    def read(self, text: str) -> date | datetime:
        """Return a date, or a time if one is written; naive unless it has an offset.

        Raises:
            ValueError: no date, or none in this order.
        """
        found = _SHAPE.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{shorten(text)!r} is no date")
        numbers = _numbers(found, self.order)
        if numbers is None:
            raise ValueError(f"{shorten(text)!r} is not {self}")
        try:
            day = date(*numbers)
            clock = _clock(found)
        except ValueError:
            raise ValueError(f"{shorten(text)!r} does not exist") from None
        return day if clock is None else datetime.combine(day, clock)


def _numbers(found: re.Match[str], order: str) -> tuple[int, int, int] | None:
    """Return year, month and day as ``order`` has them; None if that can't be."""
    if found["compact"]:
        text = found["compact"]
        parts = {"y": text[:4], "m": text[4:6], "d": text[6:]}
        return _as_numbers(parts) if order == "ymd" else None
    parts = dict(zip(order, (found["a"], found["b"], found["c"]), strict=True))
    if not (parts["d"].isdigit() and parts["y"].isdigit()):
        return None
    if len(parts["y"]) not in {2, 4} or len(parts["d"]) > 2:
        return None
    if parts["m"].isdigit() and len(parts["m"]) > 2:
        return None
    return _as_numbers(parts)


def _as_numbers(parts: dict[str, str]) -> tuple[int, int, int] | None:
    month = parts["m"]
    number = int(month) if month.isdigit() else _MONTHS.get(month[:3].casefold(), 0)
    year = int(parts["y"]) + (2000 if len(parts["y"]) == 2 else 0)
    return (year, number, int(parts["d"])) if number else None


def _clock(found: re.Match[str]) -> time | None:
    if found["hour"] is None:
        return None
    part = (found["part"] or "").ljust(6, "0")
    return time(
        int(found["hour"]),
        int(found["minute"]),
        int(found["second"] or 0),
        int(part),
        tzinfo=_offset(found["offset"]),
    )


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(-span if text[0] == "-" else span)


# --- finding out -----------------------------------------------------------------


def date_form(cells: Iterable[tuple[int, str]], said: str | None) -> DateForm:
    """Return in which order dates are written, told from all of them.

    Args:
        cells: pairs of line and text; what is no date is passed over.
        said: ``dmy``, ``mdy`` or ``ymd`` if the caller named it; None to find out.

    Raises:
        UnclearExtract: two rows contradict each other, or none is clear.
    """
    if said is not None:
        if said not in ORDERS:
            raise UnclearExtract(f"--dates {said}: write dmy, mdy or ymd")
        return DateForm(order=said, how="as said")
    left = set(ORDERS)
    last: tuple[int, str] | None = None
    for line, text in cells:
        possible = _orders(text)
        if not possible:
            continue
        if not left & possible:
            assert last is not None, "the first date leaves something"
            raise UnclearExtract(
                f"line {last[0]} writes {last[1]!r} and line {line} writes "
                f"{text.strip()!r}, which no one order fits: say --dates dmy, mdy or "
                "ymd, and the others are listed"
            )
        if last is None or possible & left < left:
            last = (line, text.strip())
        left &= possible
    return _told(left, last)


def _told(left: set[str], last: tuple[int, str] | None) -> DateForm:
    if last is None:
        raise UnclearExtract("no row has a date: name its column with --occurred")
    if len(left) > 1:
        readings = [f"--dates {order} ({_SAID[order]})" for order in ORDERS]
        wanted = " or ".join(r for r in readings if r.split()[1] in left)
        raise UnclearExtract(
            f"{last[1]!r} on line {last[0]} can be read in {len(left)} ways, and no "
            f"other date tells: say {wanted}"
        )
    return DateForm(order=left.pop(), how=f"by {last[1]!r} on line {last[0]}")


def _orders(text: str) -> set[str]:
    """Return the orders in which a text is a date; dots mean that the day is first."""
    found = _SHAPE.fullmatch(text.strip())
    if found is None:
        return set()
    orders = {"dmy", "ymd"} if found["s"] == "." else set(ORDERS)
    fitting = {order for order in orders if _exists(_numbers(found, order))}
    if found["a"] and len(found["a"]) <= 2 and len(found["c"]) == 4:
        fitting.discard("ymd")
    return fitting


def _exists(numbers: tuple[int, int, int] | None) -> bool:
    try:
        return numbers is not None and bool(date(*numbers))
    except ValueError:
        return False


# --- in a zone -------------------------------------------------------------------


def moment_of(value: date | datetime, log_zone: str, zone: str) -> datetime:
    """Return the moment of a date or time that an extract writes, as UTC.

    Args:
        value: a day, which means its start in the log's zone; a local time, which is
            one of ``zone``; or a time with an offset.
        log_zone: where the log's days begin and end.
        zone: the zone of the extract's times.

    Raises:
        ValueError: a local time that comes twice, or never.
    """
    if not isinstance(value, datetime):
        return start_of(value, log_zone)
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    there = value.replace(tzinfo=ZoneInfo(zone))
    if there.utcoffset() == there.replace(fold=1).utcoffset():
        return there.astimezone(UTC)
    written = value.isoformat(" ", "minutes")
    back = there.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if back == value:
        raise ValueError(f"{written} comes twice in {zone}, where clocks go back")
    raise ValueError(f"{written} never comes in {zone}, where clocks go forward")
