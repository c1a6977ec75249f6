"""The consumer group stage: members come, go, die and sleep, and partitions move.

What lives here: ``ConsumerGroup`` and the table that its script looks things up in.
The guarantee: every owner, mark, lag and sentence is computed in Python, by running
the group with what the learner lets happen; the browser looks up, draws and moves.
What it may not know: how a group works.

In a notebook any number of things may happen, and the kernel runs each script anew.
A page has no kernel: it carries a run for each single thing at certain ticks.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import traitlets as t

from esbench.errors import InvalidSchedule
from esbench.lessons.letters import SEEDS, shuffled
from esbench.lessons.traffic import nine_uploads, status
from esbench.widgets.group_story import (
    ASSIGNORS,
    JOIN,
    KAFKA,
    LATEST,
    MAY,
    MOST,
    REFUSED,
    STALE,
    VERBS,
    Group,
    Said,
    Told,
    action,
)
from esbench.widgets.stage import Stage, script
from esbench.workers.delivery import AT_LEAST_ONCE
from esbench.workers.message import messages

ON_A_PAGE = range(1, 28, 3)  # ticks at which something may happen without a kernel
SLEEPER = (("sleep", "w1", 13),)
KINDS = ("wrote", "again", "stale", "refused", "flight")
STATES = (*MAY,)
IN_KAFKA = "nap.as_run(nap.recorded()).finding"
SIGNS = string.digits + string.ascii_lowercase + string.ascii_uppercase + "-_"
LAST = 31  # of the signs that end a number; of the others more follows
KEPT = 12  # runs that a notebook's stage remembers in the browser


class ConsumerGroup(Stage):
    """Who owns which partition over time, and what members do to it.

    Attributes:
        tab: how partitions are dealt: "round robin", "range" or "sticky"; or "Kafka",
            the record of a nap that a broker was there for, where the nine videos are
            consumed.
        fenced: whether the store turns away who has lost a partition.
        script: what happens to members: verb, member and tick of each.
        member: the number of the member that a key speaks to.
    """

    _esm = script("consumer_group.js")

    tab = t.Enum([*ASSIGNORS, KAFKA], default_value="round robin").tag(sync=True)
    fenced = t.Bool(default_value=False).tag(sync=True)
    script = t.List(t.List(), default_value=[]).tag(sync=True)
    member = t.Int(0).tag(sync=True)

    shown_traits: ClassVar[tuple[str, ...]] = (
        *("tab", "fenced", "script", "member"),
        *Stage.shown_traits,
    )

    def __init__(self, group: Group, opening: tuple[Said, ...], **traits: Any) -> None:
        self._group, self._opening = group, opening
        self._runs: dict[str, Told] = {}
        traits["script"] = [list(each) for each in opening]
        self._first = (traits["tab"], bool(traits["fenced"]))
        super().__init__(**traits)
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {
            **self._fixed(),
            **self._made([self._key()]),
            "letters": shuffles,
        }

    @t.validate("tab")
    def _take_tab(self, proposal: Any) -> str:
        if proposal["value"] not in self._group.tabs:
            known = ", ".join(self._group.tabs)
            raise t.TraitError(f"tab={proposal['value']!r}: there are {known}")
        return str(proposal["value"])

    @t.validate("script")
    def _take_script(self, proposal: Any) -> list[list[Any]]:
        given = [list(each) for each in proposal["value"]]
        try:
            return sorted(map(self._checked, given), key=lambda each: int(each[2]))
        except (InvalidSchedule, ValueError, TypeError) as error:
            raise t.TraitError(f"script={given}: {error}") from None

    def _checked(self, said: Sequence[Any]) -> list[Any]:
        verb, member, at = said
        names = ", ".join(self._group.everybody)
        if member not in self._group.everybody or not 1 <= int(at) <= LATEST:
            raise InvalidSchedule(f"name one of {names}, and a tick from 1 to {LATEST}")
        action((str(verb), str(member), int(at)))
        return [verb, member, int(at)]

    @t.observe("script", "tab", "fenced")
    def _rerun(self, _: Any) -> None:
        if self._table and self._key() not in self._table["runs"]:
            recent = [*self._table["runs"], self._key()][-KEPT:]
            self._table = {**self._table, **self._made(recent)}

    def _key(self) -> str:
        return _key_of(self.tab, self.script, fenced=self.fenced)

    def _run(self, tab: str, said: Sequence[Said], *, fenced: bool) -> Told:
        key = _key_of(tab, said, fenced=fenced)
        if key not in self._runs:
            self._runs[key] = (
                self._group.in_kafka()
                if tab == KAFKA
                else self._group.told(tab, said, fenced=fenced)
            )
        return self._runs[key]

    @property
    def told(self) -> Told:
        """What is seen of the run as it is."""
        said = [(str(v), str(m), int(at)) for v, m, at in self.script]
        return self._run(self.tab, said, fenced=self.fenced)

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        if self.asking:
            return self._question()
        return self.told.said(min(self.at, self.told.ticks))

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        if self.tab == KAFKA:
            return IN_KAFKA
        said = [(str(v), str(m), int(at)) for v, m, at in self.script]
        return f"{self._group.python(self.tab, said, fenced=self.fenced)}.finding"

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffle of the one question for one seed."""
        return [[shuffled(self._question() or "no question", seed)]]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.group_pictures import consumer_group_png

        told, at = self.told, min(self.at, self.told.ticks)
        return consumer_group_png(told, at, finding=self.finding, python=self.python)

    def site_html(self, seeds: Iterable[int] = range(SEEDS)) -> str:
        """Give the stage as a piece of a page: every single thing is run beforehand."""
        held, names = self._table, self._group.everybody
        scripts: list[list[Said]] = [[], list(self._opening)]
        scripts += [
            [(verb, name, at)]
            for at in ON_A_PAGE
            for name in names
            for verb in VERBS
            if (verb == JOIN) == (name == names[-1])
        ]
        keys = {
            _key_of(tab, said, fenced=fenced): (tab, said, fenced)
            for tab in self._group.tabs
            for said in scripts
            for fenced in (False, True)
        }
        for tab, said, fenced in keys.values():
            self._run(tab, said, fenced=fenced)
        moments = {"moments": list(ON_A_PAGE), "most": 1}
        try:
            self._table = {**held, **self._made(list(keys)), **moments}
            return super().site_html(seeds)
        finally:
            self._table = held

    # the question

    def _crucial(self) -> tuple[int, int, str, str, str] | None:
        """Give the first write of a member that had lost the partition."""
        tab, fenced = self._first
        told = self._run(tab, self._opening, fenced=fenced)
        found = [mark for mark in told.marks if mark[3] in {STALE, REFUSED}]
        return found[0] if found else None

    def _question(self) -> str:
        mark = self._crucial()
        if mark is None:
            return ""
        at, _, member, _, name = mark
        return f"At tick {at} {member} wakes with {name} in hand: what happens to it?"

    def _answers(self) -> list[tuple[str, str]]:
        mark = self._crucial()
        if mark is None:
            return []
        *_, member, kind, _ = mark
        fence = (
            "the store refuses it",
            "" if kind == REFUSED else "the store has no fence, and takes every write",
        )
        writes = (
            "it is written",
            "the store knows who owns the partition, and it is not this one"
            if kind == REFUSED
            else "",
        )
        others = [
            (
                "the broker stops it",
                "the broker refuses offsets; a write to the store it never sees",
            ),
            (
                f"{member} drops it",
                "a sleeper does not know that it slept, so it goes on where it was",
            ),
        ]
        right, wrong = (fence, writes) if kind == REFUSED else (writes, fence)
        return [right, wrong, *others]

    # the table

    def _fixed(self) -> dict[str, Any]:
        mark = self._crucial()
        number = len(self._group.events)
        return {
            "title": f"{number} events",
            "members": list(self._group.everybody),
            "events": [message.event_id for message in self._group.events],
            "kinds": list(KINDS),
            "names": list(STATES),
            "may": [MAY[state] for state in STATES],
            "verbs": list(VERBS),
            "tabs": self._group.tabs,
            "kafka": KAFKA,
            "opening": [self._first[0], self._first[1], list(map(list, self._opening))],
            "asked": mark[0] if mark else None,
            "question": self._question(),
            "answers": self._answers(),
            "line": {**self._group.line, "kafka": IN_KAFKA},
            "moments": list(range(1, LATEST)),
            "most": MOST,
        }

    def _made(self, keys: Sequence[str]) -> dict[str, Any]:
        """Give the run of each key, runs that look alike once, and their sentences."""
        words: dict[str, int] = {}
        places: dict[str, int] = {}
        coded_as = {key: json.dumps(self._coded(key, words)) for key in keys}
        runs = {
            key: places.setdefault(text, len(places)) for key, text in coded_as.items()
        }
        shown = [json.loads(text) for text in places]
        return {"runs": runs, "shown": shown, "words": list(words)}

    def _coded(self, key: str, words: dict[str, int]) -> list[Any]:
        tab, fenced, said = _read_key(key)
        return coded(self._run(tab, said, fenced=fenced), words)


def _key_of(tab: str, said: Iterable[Sequence[Any]], *, fenced: bool) -> str:
    if tab == KAFKA:  # whatever else is so
        return f"{KAFKA}|open|"
    told = ",".join(f"{verb} {member} {at}" for verb, member, at in said)
    return f"{tab}|{'fenced' if fenced else 'open'}|{told}"


def _read_key(key: str) -> tuple[str, bool, tuple[Said, ...]]:
    tab, fence, told = key.split("|")
    parts = [each.split(" ") for each in told.split(",") if each]
    said = tuple((verb, member, int(at)) for verb, member, at in parts)
    return tab, fence == "fenced", said


def coded(told: Told, words: dict[str, int]) -> list[Any]:
    """Give a run as texts of packed numbers; its sentences go into ``words``.

    Ticks; bars of partition, member, since, until; ticks of rebalances; marks of tick,
    partition, member, kind, event; for each member ticks and states; for each member
    ticks and what it believes to own, a bit a partition; ticks, partitions and lags,
    as they change; ticks and sentences; how many ends are wrong; how many partitions
    there are.
    """
    number = {name: place for place, name in enumerate(told.group.everybody)}
    event = {one.event_id: place for place, one in enumerate(told.group.events)}
    said = [(at, words.setdefault(text, len(words))) for at, text in told.sentences]
    return [
        told.ticks,
        packed((place, number[who], *when) for place, who, *when in told.bars),
        packed([each.at] for each in told.run.rebalances),
        packed(
            (a, p, number[w], KINDS.index(k), event[n]) for a, p, w, k, n in told.marks
        ),
        [
            packed((at, STATES.index(one)) for at, one in each)
            for each in told.states.values()
        ],
        [
            packed((at, sum(1 << p for p in own)) for at, own in each)
            for each in told.beliefs.values()
        ],
        packed(_changes(told.lags)),
        packed(said),
        len(told.run.wrong),
        len(told.run.partitions),
    ]


def _changes(lags: Iterable[tuple[int, tuple[int, ...]]]) -> Iterator[tuple[int, ...]]:
    """Give the lags that changed: tick, partition, lag."""
    before: dict[int, int] = {}
    for at, lag in lags:
        for place, count in enumerate(lag):
            if before.get(place, 0) != count:
                before[place] = count
                yield at, place, count


def packed(rows: Iterable[Iterable[int]]) -> str:
    """Write whole numbers, 0 or more, as a text: one sign for each five bits.

    >>> packed([[0, 31], [32]])
    '0vw1'
    """
    return "".join(sign for row in rows for number in row for sign in _signs(number))


def _signs(number: int) -> Iterator[str]:
    while number > LAST:
        yield SIGNS[LAST + 1 + (number & LAST)]
        number >>= 5
    yield SIGNS[number]


def consumer_group(
    events: Iterable[Any] | None = None,
    *,
    script: Iterable[Said] = SLEEPER,
    assignor: str = "round robin",
    fenced: bool = False,
    partitions: int = 9,
    members: Iterable[str] = ("w1", "w2", "w3"),
    handler: Any = None,
    seed: int = 0,
    predict: bool = True,
) -> ConsumerGroup:
    """Return the stage on which members of a group come, go, die and sleep.

    Args:
        events: what the group consumes, one event a tick; nine videos unless given.
        script: what happens at first: tuples of "join", "leave", "crash" or "sleep",
            a member, and a tick; by default w1 falls asleep with an event in hand.
        assignor: how partitions are dealt: "round robin", "range" or "sticky".
        fenced: whether the store turns away who has lost a partition.
        partitions: how many there are.
        members: who is there from the start, at most three; one more may join.
        handler: writes a row, ``(row, message) -> row``; the videos' status for the
            nine videos, else the versions that were handled, in order.
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked before a lost partition is written to.

    Raises:
        InvalidSchedule: no events, no such assignor, nobody or more than three there,
            or something else than that happens.
    """
    group = _group(events, partitions, tuple(members), handler)
    if assignor not in ASSIGNORS:
        known = ", ".join(ASSIGNORS)
        raise InvalidSchedule(f"assignor={assignor!r}: choose one of {known}")
    opening = tuple(sorted(script, key=lambda each: each[2]))
    for each in opening:
        action(each)
        if each[1] not in group.everybody:
            known = ", ".join(group.everybody)
            raise InvalidSchedule(f"{each[1]!r} is not there: name one of {known}")
    return ConsumerGroup(
        *(group, opening), tab=assignor, fenced=fenced, seed=seed, predict=predict
    )


def _group(
    events: Iterable[Any] | None,
    partitions: int,
    members: tuple[str, ...],
    handler: Any,
) -> Group:
    rows = nine_uploads() if events is None else messages(events)
    if not rows or not 1 <= len(members) <= 3 or not 1 <= partitions <= 12:
        raise InvalidSchedule(
            f"{len(rows)} events, {len(members)} members, {partitions} partitions: "
            "give events, one to three members, and one to twelve partitions"
        )
    writes = handler or (status if events is None else None)
    options: dict[str, Any] = {
        "way": AT_LEAST_ONCE,
        "partitions": partitions,
        "every": 1,
        **({"handler": writes} if writes else {}),
    }
    return Group(
        events=rows,
        called="nine_uploads()" if events is None else "events",
        is_known=events is None and members == ("w1", "w2", "w3"),
        options=options,
        names=_names(options, members),
        members=members,
    )


def _names(options: Mapping[str, Any], members: tuple[str, ...]) -> str:
    writes = options.get("handler")
    parts = [
        f"partitions={options['partitions']}",
        "every=1",
        "way=AT_LEAST_ONCE",
        *([f"handler={writes.__name__}"] if writes else []),
        *([f"members={list(members)}"] if members != ("w1", "w2", "w3") else []),
    ]
    return ", ".join(parts)
