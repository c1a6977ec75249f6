"""What the failures stage says: of crash points, and of policies for a poison event.

What lives here: ``Crashes``, the cells of a crash table as one clicks on them, and
``Lanes``, what five policies do with one queue, step by step.
The guarantee: every verdict is the crash table's, every lane was really worked off,
and of four answers exactly one is right.
What it may not know: widgets and browsers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from msgspec import Struct

from esbench.errors import InvalidSchedule
from esbench.lessons import troubles
from esbench.lessons.troubles import TROUBLES, Chip, Lane
from esbench.widgets.predictions import Answer, pick
from esbench.widgets.story import quoted
from esbench.workers.delivery import (
    DOUBLED,
    HANDLERS,
    LOST,
    RIGHT,
    WAYS,
    Cell,
    CrashTable,
    Handler,
    Way,
    crash_table,
)
from esbench.workers.failures import PARK_EVENT, PARK_KEY, POLICIES, REQUEUE, TRIES

TIMES = {2: "twice", 3: "three times"}


class Crashes:
    """The crash table of some ways, in the order in which one steps through it.

    Args:
        ways: the consumers' ways.
        handlers: plain functions ``(row, message) -> row``, by name.
        about: the way that is asked about; any that goes wrong unless said.

    Raises:
        InvalidSchedule: no way, or no handler, or asked about a way that is not there.
    """

    def __init__(
        self,
        ways: Iterable[Way],
        handlers: Mapping[str, Handler],
        about: Way | None = None,
    ) -> None:
        self.ways = tuple(ways)
        self.handlers = tuple(handlers)
        if not self.ways or not self.handlers:
            raise InvalidSchedule("give at least one way and one handler to show")
        if about is not None and about not in self.ways:
            raise InvalidSchedule(
                f"{about.name!r} is asked about and not shown; shown are "
                f"{', '.join(way.name for way in self.ways)}: add it to them"
            )
        self.about = about
        self.table: CrashTable = crash_table(self.ways, handlers)
        self._made = "" if self.ways == WAYS else "ways"
        if dict(handlers) != dict(HANDLERS):
            self._made = "ways, handlers"

    @cached_property
    def places(self) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """For each place the way, and how many steps were done before the crash."""
        return tuple(
            (number, crashes)
            for number, way in enumerate(self.ways)
            for crashes in ((), *((done,) for done in range(len(way.steps))))
        )

    @cached_property
    def asked(self) -> int:
        """The place asked about: the last that doubles, else that loses, else any."""
        places = [
            at
            for at, (number, _) in enumerate(self.places)
            if self.about in {None, self.ways[number]}
        ]
        for verdict in (DOUBLED, LOST):
            found = [
                at
                for at in places
                if self.cell(at, self.handlers[0]).verdict == verdict
            ]
            if found:
                return found[-1]
        return places[0]

    def cell(self, at: int, handler: str, *, again: bool = False) -> Cell:
        """Return the cell at a place."""
        number, crashes = self.places[at]
        way = self.ways[number]
        return self.table.cell(way, handler, crashes=crashes, redelivered=again)

    def label(self, at: int) -> str:
        """Name a crash point in a few words."""
        number, crashes = self.places[at]
        steps = self.ways[number].steps
        if crashes and crashes[0] and len(steps[crashes[0] - 1]) > 1:
            return "after commit"
        return self.ways[number].after(crashes[0] if crashes else None)

    def finding(self, at: int, handler: str, *, again: bool = False) -> str:
        """Say what becomes of one deposit."""
        cell = self.cell(at, handler, again=again)
        more = ", delivered once more" if again else ""
        return f"{_upper(cell.way)}, {_crash(cell)}{more}: {_told(cell)}."

    def python(self, at: int, handler: str, *, again: bool = False) -> str:
        """Give the line of Python that gives the same."""
        cell = self.cell(at, handler)
        more = f", crashes={cell.crashes}" if cell.crashes else ""
        more += ", redelivered=True" if again else ""
        named = f"{quoted(cell.way)}, {quoted(handler)}"
        return f"crash_table({self._made}).cell({named}{more})"

    @property
    def question(self) -> str:
        """Ask what the row holds after one crash."""
        cell = self.cell(self.asked, self.handlers[0])
        more = ", and a second delivery" if cell.deliveries > 1 else ""
        return (
            f"{_upper(cell.way)}, {_crash(cell)}{more}: "
            f"what does a deposit of {cell.truth} add?"
        )

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Give four answers to the question, the right one first."""
        cell = self.cell(self.asked, self.handlers[0])
        return pick(str(cell.state), _slips(cell))


def _slips(cell: Cell) -> Iterator[Answer]:
    why, once = _why(cell), cell.truth
    again = "the second delivery adds nothing"
    yield str(once), why
    yield "0", f"the effect is done before it ends; {why}"
    yield str(once * 2), f"{again if cell.deliveries > 1 else 'it comes once'}; {why}"
    yield str(once * 3), "it is not delivered three times"
    yield str(once // 2), "a step is done whole, or not at all"


def _why(cell: Cell) -> str:
    """Say what makes a cell end as it does."""
    if cell.verdict == RIGHT:
        return "nothing was lost or counted twice here"
    if cell.verdict == DOUBLED:
        return "the effect stays, and nothing tells the second delivery of it"
    if cell.deliveries > 1:
        return "marked before it had an effect, it passes for done when it comes again"
    return "it was acknowledged before it had an effect, so it never comes again"


def _crash(cell: Cell) -> str:
    return f"a crash {cell.crash}" if cell.crashes else cell.crash


def _told(cell: Cell) -> str:
    if cell.verdict == RIGHT:
        return f"{cell.state}, as it should be"
    said = "is lost"
    if cell.verdict == DOUBLED:
        said = f"counts {TIMES.get(cell.applied, f'{cell.applied} times')}"
    return f"the deposit {said}, {cell.state} instead of {cell.truth}"


class Lanes:
    """What every policy does in every trouble, and what is said of it.

    Args:
        trouble: what is wrong with e1 in the question.
    """

    def __init__(self, trouble: str = troubles.ONCE) -> None:
        self.trouble = trouble
        self._asks = ASKS[trouble]

    @cached_property
    def all(self) -> dict[str, tuple[Lane, ...]]:
        """The lanes of each trouble, in the order of the policies."""
        return {
            trouble: tuple(troubles.lane(policy, trouble) for policy in POLICIES)
            for trouble in TROUBLES
        }

    def last(self, trouble: str) -> int:
        """Return the place at which every lane has come to its end."""
        return max(len(lane.chips) for lane in self.all[trouble])

    def finding(self, trouble: str, policy: int, at: int) -> str:
        """Say what one policy did at a place, and at the end what came of it."""
        lane = self.all[trouble][policy]
        if not at:
            names = ", ".join(message.event_id for message in troubles.QUEUE)
            is_once = trouble == troubles.ONCE
            how = "fails once" if is_once else "fails at every try"
            return f"Five events wait, {names}, and e1 {how}."
        if at < len(lane.chips):
            chip = lane.chips[at - 1]
            return f"{_upper(lane.policy)}, at {seconds(chip.at)}: {_step(chip)}."
        return summary(lane)

    @property
    def question(self) -> str:
        """Ask what one policy makes of the queue."""
        return self._asks.question

    @property
    def asked(self) -> int:
        """The policy asked about."""
        return POLICIES.index(self._asks.policy)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Give four answers to the question, the right one first."""
        lane = self.all[self.trouble][self.asked]
        mine = written(lane)
        if self.trouble == troubles.NEVER:
            mine = tuple(message.event_id for message in lane.worked.order)
        return pick(", ".join(mine), self._asks.slips)


class Asks(Struct, frozen=True, kw_only=True):
    """What is asked in one trouble: of which policy, and what typical slips give."""

    policy: str
    question: str
    slips: tuple[Answer, ...]


ORDER = "In which order are the video's three events handled?"
ASKS = {
    troubles.ONCE: Asks(
        policy=REQUEUE,
        question=f"e1 fails at its first try and is requeued at the tail. {ORDER}",
        slips=(
            ("e1, e2, e3", "that is a retry in place; at the tail e1 comes last"),
            ("e2, e1, e3", "the tail is behind all that wait, not behind the next"),
            ("e2, e3", "the requeued event is not lost: its second try goes well"),
        ),
    ),
    troubles.MENDED: Asks(
        policy=PARK_EVENT,
        question=(
            "e1 fails at every try, and is parked alone; after a minute the handler is "
            f"mended, and e1 is redriven. {ORDER}"
        ),
        slips=(
            ("e1, e2, e3", "the queue did not wait for the minute to be over"),
            ("e2, e1, e3", "within a minute all that waited was handled"),
            ("e2, e3", "a parked event is not lost: it is redriven once it is mended"),
        ),
    ),
    troubles.NEVER: Asks(
        policy=PARK_KEY,
        question=(
            "e1 fails at every try, its key is parked, and nobody mends it. "
            "Which of the five events are handled?"
        ),
        slips=(
            ("f1, e2, f2, e3", "e2 and e3 are of e1's key, and are put behind it"),
            ("none of them", "only a halt stops all; here the other key goes on"),
            ("e2, e3", "those are of the key that is parked; the other one goes on"),
        ),
    ),
}


def written(lane: Lane) -> tuple[str, ...]:
    """Return the first video's events in the order in which they were handled."""
    mine = troubles.QUEUE[0].aggregate_id
    return tuple(m.event_id for m in lane.worked.order if m.aggregate_id == mine)


def ended(lane: Lane) -> str:
    """Return the first video's last status."""
    return str(lane.worked.states.get(troubles.QUEUE[0].aggregate_id, "nothing"))


def missing(lane: Lane) -> int:
    """Return how many events were not handled."""
    return len(lane.worked.endings) - len(lane.worked.order)


def is_right(lane: Lane) -> bool:
    """Tell whether nothing was handled without or before what it follows."""
    return lane.worked.violations == 0


def summary(lane: Lane) -> str:
    """Say what came of a policy: order, end, order violations, delay."""
    order = written(lane)
    start = f"{', '.join(order)}, and the video ends as {ended(lane)}"
    if not order:
        start = "no event of the video is handled"
    late = seconds(lane.worked.row()["delay_total"])
    count = lane.worked.violations
    broken = f"{count} out of order" if count else "none out of order"
    return f"{_upper(lane.policy)}: {start}; {broken}, {_rest(lane)}{late} of delay."


def _rest(lane: Lane) -> str:
    """Name what was not handled."""
    words = {"dropped": "lost", "parked": "parked", "put behind": "behind it"}
    words["left"] = "still in the queue"
    counts = ((lane.worked.count(did), word) for did, word in words.items())
    return "".join(f"{count} {word}, " for count, word in counts if count)


def _step(chip: Chip) -> str:
    said = {
        troubles.FAILED: f"{chip.name} fails, try {chip.tries} of {TRIES}",
        troubles.HANDLED: f"{chip.name} is handled",
        troubles.PARKED: f"{chip.name} becomes a dead letter, and somebody is told",
        troubles.BEHIND: f"{chip.name} is put behind it, untried",
        troubles.DROPPED: f"{chip.name} is forgotten",
        troubles.HALTED: f"the queue stands still at {chip.name}, and somebody is told",
        troubles.REDRIVEN: f"{chip.name} is handled from the dead letters",
    }
    return said[chip.what]


def seconds(value: float) -> str:
    """Write seconds with as many places as one can tell apart."""
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
