"""Points in time: what callers may write, and the one thing that is stored.

What lives here: reading a moment or a day from text, the ends of a day in a zone,
and the clock that one sets by hand.
The guarantee: inside, every moment is a ``datetime`` in UTC with whole microseconds;
a zone is needed only where a *day* is meant. A naive datetime is always refused.
What it may not know: events, files, frames.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from esbench.errors import InvalidEvent, shorten

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AGO = re.compile(r"([0-9]{1,4}) (minute|hour|day|week|month|year)s? ago")
_TOO_FINE = re.compile(r"[.,][0-9]{6}0*[1-9]")


def moment(value: datetime | str) -> datetime:
    """Return ``value`` as a UTC datetime, or refuse it with what to write instead.

    Args:
        value: an aware datetime, or ISO 8601 text with a zone.

    Raises:
        InvalidEvent: no zone, a bare day, no time at all.
    """
    if isinstance(value, datetime) and type(value) is not datetime:
        value = value.isoformat()  # pandas has nanoseconds, and a time that is none
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, datetime):
        raise InvalidEvent(f"{value!r} is no moment: write e.g. '2024-01-15T10:30:00Z'")
    if value.utcoffset() is None:
        written = value.isoformat()
        raise InvalidEvent(f"{written} has no zone: give it a zone, e.g. {written}Z")
    try:
        return value.astimezone(UTC).replace(fold=0)  # UTC has no double hour
    except OverflowError:
        raise InvalidEvent(
            f"{value.isoformat()} lies outside the years 1 to 9999 in UTC"
        ) from None


def _parsed(text: str) -> datetime:
    if _DAY.fullmatch(text):
        raise InvalidEvent(
            f"{text!r} is a whole day: give a time too, e.g. '{text}T00:00:00Z'"
        )
    if _TOO_FINE.search(text):
        raise InvalidEvent(f"{text!r} is finer than a microsecond: round it yourself")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidEvent(
            f"{shorten(text)!r} is no moment: write e.g. '2024-01-15T10:30:00Z'"
        ) from None


def day(text: str) -> date:
    """Return the calendar day that ``text`` writes as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidEvent(
            f"{shorten(text)!r} is no day: write e.g. '2024-01-31'"
        ) from None


def start_of(day: date, zone: str) -> datetime:
    """Return the first moment of ``day`` in ``zone``, as UTC."""
    return moment(datetime.combine(day, time(), ZoneInfo(zone)))


def end_of(day: date, zone: str) -> datetime:
    """Return the last microsecond of ``day`` in ``zone``, as UTC.

    A day that a clock change makes 23 or 25 hours long ends where the next begins;
    9999-12-31 has no next, and ends with time itself.
    """
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return start_of(day + timedelta(days=1), zone) - TICK


def until(value: date | datetime | str, zone: str, now: datetime) -> datetime:
    """Return the last moment that ``value`` includes, as UTC.

    A bare day includes all of itself in ``zone``; a moment includes itself; text
    such as ``1 month ago`` is counted back from ``now`` and means that whole day
    (minutes and hours ago mean that moment).
    """
    if isinstance(value, str):
        if ago := _AGO.fullmatch(value.strip().lower()):
            return _ago(int(ago[1]), ago[2], zone, now)
        if _DAY.fullmatch(value):
            value = day(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return end_of(value, zone)
    return moment(value)


def _ago(count: int, unit: str, zone: str, now: datetime) -> datetime:
    if unit in {"minute", "hour"}:
        return now - timedelta(**{f"{unit}s": count})
    today = now.astimezone(ZoneInfo(zone)).date()
    if unit in {"day", "week"}:
        return end_of(today - timedelta(**{f"{unit}s": count}), zone)
    months = today.year * 12 + today.month - 1 - count * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    if year < 1:
        raise InvalidEvent(f"{count} {unit}s ago is before the year 1")
    return end_of(_clipped(year, month + 1, today.day), zone)


def _clipped(year: int, month: int, wanted: int) -> date:
    for last in (wanted, 30, 29, 28):
        try:
            return date(year, month, min(wanted, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def micros(value: datetime) -> int:
    """Return the whole microseconds between 1970-01-01T00:00Z and ``value``."""
    return (value - EPOCH) // TICK


def from_micros(value: int) -> datetime:
    """Return the UTC datetime ``value`` microseconds after 1970-01-01T00:00Z."""
    return EPOCH + timedelta(microseconds=value)


def spoken(value: datetime, zone: str) -> str:
    """Return ``value`` as people write it: the day alone when it is that day's end."""
    if value == datetime.max.replace(tzinfo=UTC):
        return date.max.isoformat()
    local = value.astimezone(ZoneInfo(zone))
    if end_of(local.date(), zone) == value:
        return local.date().isoformat()
    return value.isoformat().replace("+00:00", "Z")


def system_clock() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class Clock:
    """A clock that one sets by hand: it never moves by itself.

    >>> clock = Clock("2024-01-01")
    >>> clock().isoformat()
    '2024-01-01T00:00:00+00:00'
    >>> clock.advance(hours=9).isoformat()
    '2024-01-01T09:00:00+00:00'
    """

    def __init__(self, start: date | datetime | str) -> None:
        self._now = _reading(start)

    def __call__(self) -> datetime:
        """Return the time that the clock shows, in UTC."""
        return self._now

    def set(self, value: date | datetime | str) -> datetime:
        """Show ``value`` from now on; a bare day means its first moment in UTC."""
        self._now = _reading(value)
        return self._now

    def advance(self, **amount: float) -> datetime:
        """Move on by ``amount``, given as ``timedelta`` takes it (``hours=9``)."""
        self._now += timedelta(**amount)
        return self._now

    def __repr__(self) -> str:
        """Return the call that makes this clock."""
        return f"Clock({spoken(self._now, 'UTC')!r})"


def _reading(value: date | datetime | str) -> datetime:
    if isinstance(value, str) and _DAY.fullmatch(value):
        value = day(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return start_of(value, "UTC")
    return moment(value)
