"""Lesson 02: a second writer with an old version is refused.

What lives here: its two predictions and its two exercises, as data.
The guarantee: what is right is computed: by sums of what the lesson hands over, by the
solutions below, and by the examiners of ``tampering``.
What it may not know: notebooks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from esbench.errors import ConcurrencyError, Refused
from esbench.lessons.exercise import Exercise, Mistake, Trial
from esbench.lessons.lesson import Lesson
from esbench.lessons.prediction import Option, Prediction
from esbench.lessons.tampering import examined

if TYPE_CHECKING:
    from esbench.lessons.tampering import Folder
    from esbench.log import Head

# --- 02.1: two tellers -----------------------------------------------------------

Amount = Decimal | str


def _question(seen: Amount, amounts: Iterable[Amount]) -> str:
    told = " and of ".join(str(amount) for amount in amounts)
    return f"Both have seen {seen} and append withdrawals of {told}: what is left?"


def _options(seen: Amount, amounts: Iterable[Amount]) -> Iterator[Option]:
    before, out = Decimal(seen), [Decimal(amount) for amount in amounts]
    yield (
        f"{before - sum(out)}",
        (
            "right: each append is a fact of its own, and nobody told the log that "
            "the second was decided on an old balance."
        ),
    )
    yield (
        f"{before - out[-1]}",
        (
            "so it would end if each teller wrote a new balance over the old one, and "
            "the loss would not even show. A log keeps both withdrawals."
        ),
    )
    yield (
        "an error stops the second",
        "something has to know what the second teller had seen. Here nobody says it.",
    )
    yield f"{before}", "that is what both have seen; since then money went out."


TELLERS = Prediction(number="02.1", minutes=1, question=_question, options=_options)

# --- 02.2: the rule --------------------------------------------------------------


def _fits_trials() -> list[Trial]:
    return [
        (1, 1),
        (1, 2),
        (2, 1),
        (0, 0),
        (0, 1),
        (0, 7),
        (7, 8),
        (None, 0),
        (None, 5),
    ]


def _fits(line: str) -> str:
    return f"def fits(expected, actual):\n    {line}"


FITS = Exercise(
    number="02.2",
    minutes=2,
    asks="fits",
    stub=_fits("raise NotImplementedError  # your turn"),
    solution=_fits("return expected is None or expected == actual"),
    praise="that is the whole rule, and every store that can refuse has it.",
    hints=(
        "There are two ways to be let in: to say nothing, or to say the right number.",
        "To say nothing is None; 0 says something: that there is no event yet.",
        "Ask with 'is None' whether something was said, and compare numbers with ==.",
    ),
    mistakes=(
        Mistake(
            code=_fits("return expected == actual"),
            hint="who expects nothing, None, is refused: None lets everything in.",
        ),
        Mistake(
            code=_fits("return not expected or expected == actual"),
            hint="0 is taken for nothing said. It says a lot: that the aggregate must "
            "not exist yet.",
        ),
        Mistake(
            code=_fits("return expected is None or expected <= actual"),
            hint="an old version is let in: this is the second teller.",
        ),
        Mistake(
            code=_fits("return expected is None or expected >= actual"),
            hint="a version that nobody can have seen yet is let in: the log is not "
            "that far.",
        ),
        Mistake(
            code=_fits("return expected is None or expected == actual + 1"),
            hint="expected is the version that the writer has seen, not the one that "
            "its event will get.",
        ),
        Mistake(
            code=_fits("return expected is None or expected != actual"),
            hint="this lets in exactly those who should be refused: turn it around.",
        ),
    ),
    trials=_fits_trials,
    names={},
)

# --- 02.3: look again, decide again ----------------------------------------------

PATIENCE = 50  # refusals in a row after which an account gives up on its teller


class _Account:
    """An account on which others withdraw whenever somebody is about to."""

    def __init__(self, balance: int, others: Iterable[int]) -> None:
        self.balance, self.version = balance, 1
        self.others = list(others)
        self.refusals = 0

    def book(self, amount: int, version: int | None = None) -> None:
        """Book a withdrawal, unless the account has moved on since that version."""
        if self.others:
            self.balance -= self.others.pop(0)
            self.version += 1
        if version is not None and version != self.version:
            self._refuse(version)
        self.balance -= amount
        self.version += 1

    def _refuse(self, version: int) -> None:
        self.refusals += 1
        if self.refusals > PATIENCE:
            raise SystemExit(f"refused {PATIENCE} times")
        raise ConcurrencyError("acc_123", version, self.version)


def _till(balance: int, others: Iterable[int], amount: int) -> Trial:
    """Return what ``withdraw`` is given: two functions and an amount."""
    account = _Account(balance, others)

    def look() -> tuple[int, int]:
        return account.balance, account.version

    def append(amount: int, version: int | None = None) -> None:
        account.book(amount, version)

    append.__dict__["account"] = account
    return look, append, amount


def _tills() -> list[Trial]:
    return [
        _till(500, [], 500),
        _till(500, [500], 500),
        _till(500, [100], 200),
        _till(500, [100, 100], 300),
        _till(500, [300], 300),
        _till(500, [50], 500),
        _till(100, [], 200),
    ]


def _left(result: Any, given: Trial) -> Any:
    """Give what was said, and what is left on the account."""
    return None if result is None else (result, given[1].account.balance)


def _withdraw(*lines: str) -> str:
    return "\n    ".join(["def withdraw(look, append, amount):", *lines])


_LOOP = (
    "while True:",
    "    balance, version = look()",
    "    if amount > balance:",
    '        return "refused"',
    "    try:",
    "        append(amount, version)",
    "    except es.ConcurrencyError:",
    "        continue",
    '    return "paid"',
)


def _loop(**changes: str) -> str:
    """Return the solution with some lines, named by their number, replaced."""
    lines = {f"line{place}": line for place, line in enumerate(_LOOP)}
    return _withdraw(*(line for line in (lines | changes).values() if line))


AGAIN = Exercise(
    number="02.3",
    minutes=5,
    asks="withdraw",
    stub=_withdraw("raise NotImplementedError  # your turn"),
    solution=_withdraw(*_LOOP),
    praise="whoever is overtaken looks again, and nobody pays out what is not there.",
    hints=(
        "After a ConcurrencyError nothing that you knew is certain any more.",
        (
            "Put looking, deciding and appending into one 'while True:', so that a "
            "conflict begins all three anew."
        ),
        (
            "In the loop: look; return if it is not enough; append in a try with the "
            "version from this look; on es.ConcurrencyError continue; else return."
        ),
    ),
    mistakes=(
        Mistake(
            code=_loop(line5="        append(amount, None)"),
            hint="an append without the version that you saw is never refused, so "
            "accounts are overdrawn, as on the first morning.",
        ),
        Mistake(
            code=_withdraw("balance, version = look()", _LOOP[0], *_LOOP[2:]),
            hint="it looks once and then tries the same old version for ever: look "
            "again after each refusal.",
        ),
        Mistake(
            code=_withdraw(
                "balance, version = look()",
                "if amount > balance:",
                '    return "refused"',
                _LOOP[0],
                *_LOOP[4:6],
                "    except es.ConcurrencyError as error:",
                "        version = error.actual",
                "        continue",
                _LOOP[8],
            ),
            hint="it takes the new version from the error, and decides nothing anew: "
            "the balance it trusts is the old one.",
        ),
        Mistake(
            code=_loop(line7='        return "refused"'),
            hint="a conflict is no refusal: somebody was faster, and there may still "
            "be enough. Try again.",
        ),
        Mistake(
            code=_loop(line7='        return "paid"'),
            hint="after a conflict nothing is booked, and yet it says that Alice was "
            "paid.",
        ),
        Mistake(
            code=_loop(line2="    if amount >= balance:"),
            hint="who wants all that is there may have it: compare again.",
        ),
        Mistake(
            code=_loop(line2="", line3=""),
            hint="it never looks whether there is enough: the version says that "
            "nothing moved, not that the money is there.",
        ),
    ),
    trials=_tills,
    names={"es": SimpleNamespace(ConcurrencyError=ConcurrencyError, Refused=Refused)},
    outcome=_left,
)

# --- 02.4: who notices? ----------------------------------------------------------

EVERYBODY, BOTH, KEPT, NOBODY = (
    "everybody, a plain read too",
    "verify(), with the kept head or without",
    "verify() with the kept head alone",
    "nobody",
)
_WHO = (NOBODY, KEPT, BOTH, EVERYBODY)  # by how many of the examiners find it


def _who_asks(folder: Folder, _: Head) -> str:
    return (
        f"The log had {len(folder.log)} events. Who notices what you did to its copy?"
    )


def _who(folder: Folder, kept: Head) -> Iterator[Option]:
    truth = _WHO[examined(folder, kept).count]
    yield truth, "right. Send them to see."
    for answer in (one for one in _WHO if one != truth):
        yield answer, _why_not(answer, truth)


def _why_not(answer: str, truth: str) -> str:
    if truth != KEPT:
        more = _WHO.index(answer) > _WHO.index(truth)
        return f"too {'many' if more else 'few'}: think what each of them compares."
    return {
        EVERYBODY: "a read goes from file to file; a log that ends earlier reads like "
        "any log.",
        BOTH: "without a head, verify compares the files with themselves and with "
        "each other, and those that are left agree.",
        NOBODY: "somebody noted beforehand how far the log went.",
    }[answer]


TAMPERED = Prediction(number="02.4", minutes=1, question=_who_asks, options=_who)

LESSON = Lesson(
    name="02_the_event_log",
    title="Append what happened, and hear when you are too late",
    minutes=15,
    tasks=(TELLERS, FITS, AGAIN, TAMPERED),
)
