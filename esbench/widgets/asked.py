"""One question to a log, and its answer: sentence, rows, picture and line of Python.

What lives here: what ``explore`` shows for one choice of days, account and number.
The guarantee: the rows are what the line of Python gives, the sentence is computed
from them, and a question that has no answer is a sentence that says how to mend it.
What it may not know: controls, browsers.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from esbench.analysis.measure import KEY, Measure, measure_of
from esbench.analysis.receipt import Receipt, counted, receipt
from esbench.errors import InvalidFrame, NotFound
from esbench.projection import calls_of
from esbench.widgets.sources import call_of
from esbench.widgets.story import clip, is_number, quoted, show

if TYPE_CHECKING:
    import polars as pl

    from esbench.log import Past, Readable
    from esbench.projection.answer import Answer

OFFERED = 50  # ids that the box offers at a time


@dataclass(frozen=True, kw_only=True)
class Number:
    """What is asked for: a projection, and the number of its states, if it has one."""

    projection: Any
    field: str | None

    @property
    def call(self) -> str:
        """How Python names the projection."""
        return call_of(self.projection, calls_of(self.projection).name)

    @property
    def label(self) -> str:
        """How a list names it."""
        name = calls_of(self.projection).name
        return name if self.field is None else f"{name}: {self.field}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a person has chosen.

    Attributes:
        number: what is asked for.
        account: whose; all of them if empty.
        about: the day asked about; everything if None.
        known: the day of knowledge; now if None.
    """

    number: Number
    account: str = ""
    about: date | None = None
    known: date | None = None


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a choice comes to.

    Attributes:
        finding: one sentence.
        python: the line that gives the table.
        why: the line that explains what is known differently now; empty if nothing is.
        table: the rows.
        receipt: where they come from.
        field: the number in them; None where it is none.
    """

    finding: str
    python: str
    why: str
    table: Answer
    receipt: Receipt
    field: str | None

    @cached_property
    def picture(self) -> bytes:
        """The picture of the rows as PNG; empty where there is nothing to draw."""
        if self.field is None:
            return b""
        out = BytesIO()
        try:
            self.table.plot(self.field).savefig(out, format="png", dpi=100)
        except InvalidFrame:
            return b""
        return out.getvalue()


class Desk:
    """A log, and all that can be asked of it.

    Args:
        log: a log, or a past of one.
        projection: the only projection to offer; those that fit the events unless
            given.
        field: the number that is asked for first.

    Raises:
        NotFound: no projection of the house fits, or the log is empty.
        InvalidFrame: the projection's states have no such number.
    """

    def __init__(
        self, log: Readable, projection: Any = None, field: str | None = None
    ) -> None:
        self.log = log
        if not len(log):
            raise NotFound("the log has no event yet: append one, or import an extract")
        given = fitting(log) if projection is None else [projection]
        self.numbers = [one for each in given for one in _numbers(each, log)]
        if field is not None:
            measure_of(given[0], field, log)
            first = Number(projection=given[0], field=field)
            rest = [one for one in self.numbers if one.field != field]
            self.numbers = [first, *rest]
        self._ids: tuple[int, list[str]] = (0, [])
        self._kept: dict[tuple[int, Choice], Answered] = {}

    @property
    def ids(self) -> list[str]:
        """The ids of all accounts, sorted; made anew when the log has grown."""
        import polars as pl

        length = len(self.log)
        if self._ids[0] != length:
            rows = self.log.scan().select(pl.col(KEY).unique()).collect()
            self._ids = (length, [str(key) for key in rows.to_series().sort()])
        return self._ids[1]

    def known(self, account: str) -> bool:
        """Tell whether there is such an account."""
        place = bisect_left(self.ids, account)
        return self.ids[place : place + 1] == [account]

    def offered(self, start: str) -> tuple[int, list[str]]:
        """Count the ids that begin so, and give the first of them."""
        low = bisect_left(self.ids, start)
        high = bisect_left(self.ids, start + "\U0010ffff")
        return high - low, self.ids[low : min(high, low + OFFERED)]

    def answer(self, choice: Choice) -> Answered:
        """Answer a question; the same one at the same length of the log at once.

        Raises:
            NotFound: no such account, or not yet in that past.
        """
        at = (len(self.log), choice)
        if at not in self._kept:
            self._kept[at] = _answered(self.log, choice)
            for old in list(self._kept)[:-20]:
                del self._kept[old]
        return self._kept[at]


def fitting(log: Readable) -> list[Any]:
    """Return the projections of the house that fit a log's events.

    Raises:
        NotFound: there is none.
    """
    from esbench.domains import bank, inventory, shop, video

    types = set(log.schema.types)
    house = (bank.Account, inventory.Stock, video.Video, shop.Product)
    found = [one for one in house if types & set(calls_of(one).types or ())]
    if not found:
        held = ", ".join(sorted(types)) or "none"
        raise NotFound(
            f"no projection is known for the events of this log ({held}): say one, "
            "es.explore(log, projection=MyProjection)"
        )
    return found


def _numbers(projection: Any, log: Readable) -> Iterator[Number]:
    """Yield what can be asked of a projection: its numbers, else its states."""
    names = [reducer.name for reducer in getattr(calls_of(projection), "reducers", ())]
    try:
        first = measure_of(projection, None, log).field
    except InvalidFrame:
        if calls_of(projection).key.time:
            raise
        yield Number(projection=projection, field=None)
        return
    yield Number(projection=projection, field=first)
    for name in names:
        if name != first and _counts(measure_of(projection, name, log)):
            yield Number(projection=projection, field=name)


def _counts(measure: Measure) -> bool:
    reducer = measure.reducer
    return reducer is not None and (
        reducer.places is not None or reducer.kind in {"int", "float"}
    )


# --- answers ---------------------------------------------------------------------


def _answered(log: Readable, choice: Choice) -> Answered:
    pinned = log.as_of()
    past = pinned.as_of(choice.about, recorded=choice.known)
    one = choice.account
    asked = choice.number.projection
    table = asked.steps(past, one) if one else asked.table(past)
    if not table.height:
        raise NotFound(f"{past.coordinates}: no account was there yet; {_since(log)}")
    stood = receipt(past, aggregate_id=one or None)
    now = pinned.as_of(choice.about)
    told = _one(choice, past, now, table) if one else _all(choice, past, now, table)
    left = f", {stood.left_out:,} left out" if stood.left_out else ""
    said, moved = told
    return Answered(
        finding=f"{said} {counted(stood.read, 'event')} read{left}.",
        python=_call(choice),
        why=_why(choice) if moved else "",
        table=table,
        receipt=stood,
        field=choice.number.field,
    )


def _since(log: Readable) -> str:
    """Say from when on there is something to ask."""
    import polars as pl

    names = ("occurred_at", "recorded_at")
    first = log.scan().select(pl.col(name).min() for name in names).collect().row(0)
    days = [f"{moment.astimezone(ZoneInfo(log.zone)):%Y-%m-%d}" for moment in first]
    return f"its events happened from {days[0]} on, recorded from {days[1]} on"


def _one(
    choice: Choice, past: Past, now: Past, steps: pl.DataFrame
) -> tuple[str, bool]:
    """Say what one account has, and whether that is another figure now."""
    field = choice.number.field
    who = f"{clip(choice.account, 40)}, {past.coordinates}"
    if field is None:
        state = choice.number.projection.hydrate(past, choice.account)
        return f"{who}: {clip(str(state))}.", False
    value = steps[field][-1]
    said = f"{who}: {_word(field)} {show(value)}."
    if choice.known is None:
        return said, False
    latest = choice.number.projection.steps(now, choice.account)[field][-1]
    if latest == value:
        return f"{said} Now it is the same.", False
    return f"{said} Now it is {show(latest)}{_gap(value, latest)}.", True


def _gap(then: Any, now: Any) -> str:
    if not (is_number(then) and is_number(now)):
        return ""
    gap = now - then
    return f", {show(abs(gap))} {'more' if gap > 0 else 'less'}"


def _all(
    choice: Choice, past: Past, now: Past, table: pl.DataFrame
) -> tuple[str, bool]:
    """Say what all accounts have, and how many have another figure now."""
    field = choice.number.field
    said = f"{counted(table.height, 'account')}, {past.coordinates}"
    if field is None:
        return f"{said}.", False
    measure = measure_of(choice.number.projection, field, past)
    if measure.adds_up:
        said = f"{said}: {_word(field)} {_thousands(table[field].sum())} in sum"
    if choice.known is None:
        return f"{said}.", False
    count = _differing(measure, past, now)
    if not count:
        return f"{said}. Now they are the same.", False
    verb = "has another figure" if count == 1 else "have other figures"
    return f"{said}. Now {count:,} {verb}.", True


def _differing(measure: Measure, past: Past, now: Past) -> int:
    """Count the accounts whose number is another one now, or that came in later."""
    import polars as pl

    old = measure.values(past).with_columns(pl.lit(value=True).alias("held"))
    both = measure.values(now).join(old, on=KEY, how="left", suffix="_old")
    moved = pl.col("value").ne_missing(pl.col("value_old")) | pl.col("held").is_null()
    return both.filter(moved).height


def _word(field: str) -> str:
    return field.replace("_", " ")


def _thousands(value: Any) -> str:
    return show(f"{value:,}".replace("-", "\N{MINUS SIGN}"))


# --- lines of Python -------------------------------------------------------------


def _call(choice: Choice) -> str:
    """Return the line that gives the table."""
    name = choice.number.call
    if not choice.account:
        return f"{name}.table({_past(choice)})"
    return f"{name}.steps({_past(choice)}, {quoted(choice.account)})"


def _past(choice: Choice) -> str:
    said = [] if choice.about is None else [f'"{choice.about}"']
    said += [] if choice.known is None else [f'recorded="{choice.known}"']
    return f"log.as_of({', '.join(said)})" if said else "log"


def _why(choice: Choice) -> str:
    """Return the line that names the transactions between that day and now."""
    about = "" if choice.about is None else f'"{choice.about}", '
    given = f'analysis.changed(log, {about}recorded="{choice.known}"'
    if choice.number.call != "bank.Account":
        given += f", projection={choice.number.call}"
    first = measure_of(choice.number.projection).field
    if choice.number.field != first:
        given += f", field={quoted(str(choice.number.field))}"
    return f"{given})"


SAID_OF_STEPS = ("version", "type", "occurred_at", "recorded_at", "change")


def first_rows(answer: Answered, *, is_one: bool, most: int = OFFERED) -> pl.DataFrame:
    """Return the rows to be shown: an account's last ones, else the first ones."""
    if not is_one:
        return answer.table.head(most)
    fields = [answer.field] if answer.field else []
    return answer.table.tail(most).select(*SAID_OF_STEPS, *fields)
