"""Names of event types: whether one says what happened, and if not, why.

What lives here: ``judged``, and the few words of English that it knows.
The guarantee: a weak name is told the first thing that is wrong with it and how a
better one could read; the same name is always judged alike, and nothing is refused.
What it may not know: event types, logs; it judges words alone.

A good name is PascalCase, in the past tense, and specific: ``MoneyDeposited``. It is
a judgement about English, so it can err; where it does, the reason shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

# --- words -----------------------------------------------------------------------

_PAST = frozenset(
    "become begun bought broken brought built caught chosen cut done drawn "
    "driven fallen found frozen given gone held hidden hit kept left lent "
    "lost made met overdrawn paid put raised read repaid reset run seen sent "
    "set shown shut sold spent split stolen stuck sworn taken thrown told "
    "torn undone upheld won withdrawn woken written".split()
)
_NO_PAST = frozenset(
    "bed breed embed exceed feed need proceed red seed shed speed succeed weed".split()
)
_IRREGULAR = {
    "begin": "Begun", "buy": "Bought", "choose": "Chosen", "give": "Given",
    "make": "Made", "pay": "Paid", "reset": "Reset", "send": "Sent", "sell": "Sold",
    "set": "Set", "take": "Taken", "withdraw": "Withdrawn", "write": "Written",
}  # fmt: skip
_COMMANDS = frozenset(
    "accept activate add apply approve archive assign begin book buy cancel "
    "change charge check choose close complete confirm correct create decline "
    "delete deliver deposit do edit end finish get give insert issue load "
    "lock make modify move notify open order pay place post process publish "
    "put receive refund register reject remove rename report request reserve "
    "reset resolve reverse save schedule sell send set ship sign start stop "
    "submit suspend take transfer update upload validate verify withdraw "
    "write".split()
)
_VAGUE = frozenset("altered changed edited handled modified saved updated".split())
_DATABASE = {
    "created": ("Registered", "Opened or Placed"),
    "inserted": ("Registered", "Opened or Placed"),
    "deleted": ("Closed", "Cancelled or Withdrawn"),
    "upserted": ("Registered", "Opened or Placed"),
}
_THINGS = frozenset(
    "account booking cart client customer data document employee entity "
    "invoice item member object order page payment person product profile "
    "record resource ride row shipment state subscription system thing ticket "
    "user value video".split()
)
_STATES = frozenset(
    "active available cancelled complete done empty final full inactive "
    "incomplete live late offline online open pending progress ready status "
    "unavailable valid".split()
)
_PLACES = frozenset("at en for in off on out under".split())  # RideInProgress
_NOISE = frozenset("event evt happened message msg notification occurred".split())

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[0-9]+")
_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")


@dataclass(frozen=True, kw_only=True, repr=False)
class Judgement:
    """What is to be said of a name.

    Attributes:
        name: the name.
        kind: "good", or what is wrong: "form", "noise", "command", "state", "vague",
            "database" or "two".
        says: the reason, in one sentence.
    """

    name: str
    kind: str
    says: str

    @property
    def good(self) -> bool:
        """Whether the name says what happened."""
        return self.kind == "good"

    def __bool__(self) -> bool:
        """Tell whether the name is good."""
        return self.good

    def __repr__(self) -> str:
        """Say it on one line."""
        return f"{self.name}: {'good' if self.good else 'weak'}, {self.says}"


def judged(name: str) -> Judgement:
    """Return what is to be said of an event type's name.

    Args:
        name: the name, such as "UserUpdated"; any text.

    >>> judged("MoneyDeposited")
    MoneyDeposited: good, it says what happened, in the past tense
    >>> judged("PlaceOrder").kind
    'command'
    """
    if not _NAME.fullmatch(name):
        return Judgement(name=name, kind="form", says=_form(name))
    words = _WORD.findall(name)
    for kind, look in _LOOKS:
        if said := look(words):
            return Judgement(name=name, kind=kind, says=said)
    return Judgement(name=name, kind="good", says=_praise(words))


def _praise(words: list[str]) -> str:
    if words[-1] != "Changed":
        return "it says what happened, in the past tense"
    thing = "".join(words[:-1])
    return f"it says what changed; which way is better: {thing}Raised, {thing}Corrected"


def _form(name: str) -> str:
    parts = re.findall(r"[A-Za-z][a-z0-9]*|[0-9]+", name)
    better = "".join(part[:1].upper() + part[1:] for part in parts)
    said = "a name is words in PascalCase, without spaces and signs"
    return f"{said}: {better}" if better else f"{said}: OrderPlaced"


# --- what can be wrong, in the order in which it is told -------------------------


def _noise(words: list[str]) -> str:
    if words[-1].lower() not in _NOISE or len(words) == 1:
        return ""
    rest = "".join(words[:-1])
    return f"{words[-1]} says nothing, it is true of every event: {rest}"


def _two(words: list[str]) -> str:
    joint = [place for place, word in enumerate(words) if word in ("And", "Or")]
    if not joint or not any(map(_is_past, words)):
        return ""
    return "it tells two things at once: write two events, appended together"


def _command(words: list[str]) -> str:
    verb = words[0].lower()
    rest = words[1:]
    if verb not in _COMMANDS or any(map(_is_past, words)) or _is_state(words):
        return ""
    better = "".join([*rest, past(verb)])
    return f"it asks for something, so it is a command; an event reports: {better}"


def _state(words: list[str]) -> str:
    """Find names without anything that happened: places, states, nouns, -ing."""
    if any(_is_past(word) for word in words[1:]) or _is_past(words[0], alone=words):
        return ""
    if place := _place(words):
        thing = "".join(words[: words.index(place)])
        return f"it tells how things stand, not what happened: {_set_out(thing, words)}"
    return _standing(words[-1], "".join(words[:-1]))


def _standing(last: str, subject: str) -> str:
    """Say what is wrong with a name that ends in a state or in a noun."""
    if last.lower() == "complete":
        return f"it names a state; what happened is its end: {subject}Completed"
    if last.endswith("ing") and len(last) > 4:
        return (
            f"{last} goes on, and an event is over at once: say what began or ended, "
            f"such as {subject}{last}Started"
        )
    if last.lower() == "progress":
        return "it is a noun; what happened is a report: ProgressReported"
    if last.lower() in _STATES:
        return f"it names a state, {last}; say what led to it, in the past tense"
    return "it has no verb in the past tense: what happened?"


def _place(words: list[str]) -> str:
    return next((word for word in words if word.lower() in _PLACES), "")


def _set_out(thing: str, words: list[str]) -> str:
    """Suggest what may have led to a state such as OutForDelivery."""
    tail = "".join(words)
    if tail.endswith("OutForDelivery"):
        return "DeliveryStarted"
    if tail.endswith("EnRoute"):
        return f"{thing or 'Driver'}Departed"
    if tail.endswith("InProgress"):
        return f"{thing or 'Ride'}Started"
    return f"{thing}…, with a verb in the past tense"


def _turned(words: list[str]) -> str:
    others = any(map(_is_past, words[1:])) or bool(_place(words))
    if len(words) < 2 or not _is_past(words[0]) or others:
        return ""
    return f"it names a thing; turned around it tells what happened: {_swapped(words)}"


def _swapped(words: list[str]) -> str:
    return "".join([*words[1:], words[0]])


def _vague(words: list[str]) -> str:
    verb, subject = words[-1].lower(), [word.lower() for word in words[:-1]]
    if verb not in _VAGUE or (len(subject) > 1 and verb == "changed"):
        return ""
    if verb == "changed" and subject and subject[0] not in _THINGS:
        return ""
    thing = "".join(words[:-1]) or "it"
    example = "EmailAddressChanged" if thing == "User" else f"{thing}PriceRaised"
    if thing not in ("User", "Product"):
        example = "such as AddressCorrected or PriceRaised"
    said = f"it says that {thing} is different now"
    return f"{said}, not what happened: {example}"


def _database(words: list[str]) -> str:
    verb, thing = words[-1].lower(), "".join(words[:-1])
    if verb not in _DATABASE:
        return ""
    first, others = _DATABASE[verb]
    return (
        f"{words[-1]} is what the table did; say what people did: {thing}{first}, or "
        f"{others}"
    )


_LOOKS: tuple[tuple[str, Callable[[list[str]], str]], ...] = (
    ("noise", _noise),
    ("two", _two),
    ("command", _command),
    ("state", _turned),
    ("state", _state),
    ("vague", _vague),
    ("database", _database),
)


# --- English ---------------------------------------------------------------------


def _is_past(word: str, alone: list[str] | None = None) -> bool:
    lower = word.lower()
    if alone is not None and len(alone) > 1 and lower in _COMMANDS:
        return False
    if lower in _PAST:
        return True
    return lower.endswith("ed") and len(lower) > 3 and lower not in _NO_PAST


def _is_state(words: list[str]) -> bool:
    return words[-1].lower() in _STATES or words[-1].endswith("ing")


def past(verb: str) -> str:
    """Return the past participle of a verb, capitalised.

    >>> [past(verb) for verb in ("place", "ship", "pay", "apply", "process")]
    ['Placed', 'Shipped', 'Paid', 'Applied', 'Processed']
    """
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith("e"):
        return f"{verb}d".capitalize()
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied".capitalize()
    if re.fullmatch(r"(.*[^aeiou])?[aeiou][bdgmnprt]", verb) and verb in _DOUBLED:
        return f"{verb}{verb[-1]}ed".capitalize()
    return f"{verb}ed".capitalize()


_DOUBLED = frozenset("ship stop submit transfer".split())
