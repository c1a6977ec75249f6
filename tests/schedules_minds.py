"""What programs do next: learned by running them, once for each history of answers.

What lives here: the minds of programs.
The guarantee: a mind stands for one program and all the answers it has got; the same
answers give the same mind, and its next call is the real program's.
What it may not know: what a step does to a disk, what must hold.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import Any

from schedules_programs import (
    Begins,
    Fact,
    no_pauses,
    played,
    reached,
    small_windows,
)
from schedules_store import Call, Lost, Steps, Turns


class Minds:
    """What each program does next, for each history of answers; learned by running.

    A mind is a number: it stands for a program and all the answers it has got.

    Attributes:
        call: what it calls next; None when it has come to its end.
        told: the number of what it was told, see ``facts``.
        begins: whether its next call is the first of a look or an append.
        facts: what somebody was told, by number.
        reach: the last position that they were told of.
        runs: how often a program was run.
    """

    def __init__(self, disks, programs, start, then):
        self._disks, self._programs = disks, programs
        self._start, self._then = start, then
        self.call: list[Call | None] = []
        self.told: list[int] = []
        self.begins: list[bool] = []
        self.facts: list[tuple[Fact, ...]] = []
        self.reach: list[int] = []
        self.runs = 0
        self._live: dict[int, tuple[int, Turns]] = {}
        self._is_live = False
        self._numbers: dict[tuple[Fact, ...], int] = {}
        self._next: list[dict[Any, int]] = []
        self._from: list[tuple[int, Any]] = []
        self.first = tuple(
            self._learn(who, (), None, None) for who in range(len(programs))
        )

    def after(self, who, mind, result, disk):
        """Give the mind of a program after one more answer; the disk is then so."""
        known = self._next[mind].get(result)
        if known is None and self._is_live:
            known = self._go_on(who, mind, result)
        elif known is None:
            root, answers = self._history(mind)
            self._learn(who, (*answers, result), disk, root)
            known = self._next[mind][result]
        return known

    @contextmanager
    def lively(self):
        """Let programs run in threads, one step at a time, instead of always anew.

        That is quicker where each history comes about once.
        """
        self._is_live = True
        try:
            with no_pauses(), small_windows():
                yield
        finally:
            self._is_live = False
            for _, turns in self._live.values():
                turns.stop()
            self._live.clear()

    def _go_on(self, who, mind, result):
        """Give an answer to a program that waits for it; run it up to there first."""
        at, turns = self._live.get(who, (-1, None))
        if at != mind:
            if turns is not None:
                turns.stop()
            turns = self._begun(who, mind)
        call = turns.go_on(result)
        said = [fact for place, fact in turns.said if place == len(turns.history)]
        told = self.facts[self.told[mind]]
        told += tuple(fact for fact in said if not isinstance(fact, Begins))
        begins = bool(said) and isinstance(said[-1], Begins)
        child = self._new(mind, result, call, told, begins)
        self._live[who] = child, turns
        return child

    def _begun(self, who, mind):
        turns = Turns(
            partial(played, self._programs[who].run),
            self._disks,
            self._start,
            then=self._then,
            script=self._history(mind)[1],
        )
        self.runs += 1
        if turns.begin() != self.call[mind]:
            raise Lost("a program does something else than the time before")
        return turns

    def _history(self, mind):
        """Give the mind that a program began with, and the answers since."""
        answers = []
        while self._from[mind][0] >= 0:
            mind, answer = self._from[mind]
            answers.append(answer)
        return mind, answers[::-1]

    def _learn(self, who, script, disk, root):
        """Run a program by a script, and on to its end as if it were alone."""
        store = Steps(
            self._disks, self._start, then=self._then, script=script, later=disk
        )
        self.runs += 1
        with no_pauses(), small_windows():
            played(self._programs[who].run, store)
        return self._keep(store, root)

    def _keep(self, store, root):
        """Keep all minds on a program's way; give the first."""
        calls = [*(call for call, _ in store.history), None]
        answers = [None, *(answer for _, answer in store.history)]
        mind, said = -1, ()
        for place, (call, answer) in enumerate(zip(calls, answers, strict=True)):
            new = [fact for at, fact in store.said if at == place]
            said += tuple(fact for fact in new if not isinstance(fact, Begins))
            child = self._next[mind].get(answer) if place else root
            if child is None:
                begins = bool(new) and isinstance(new[-1], Begins)
                child = self._new(mind, answer, call, said, begins)
            if self.call[child] != call:
                raise Lost(f"a program asks for {call}, and did not the time before")
            mind, root = child, root if place else child
        return root

    def _new(self, mind, answer, call, said, begins):
        number = len(self.call)
        self.call.append(call)
        self.told.append(self._number(said))
        self.begins.append(begins)
        self._next.append({})
        self._from.append((mind, answer))
        if mind >= 0:
            self._next[mind][answer] = number
        return number

    def _number(self, facts):
        if facts not in self._numbers:
            self._numbers[facts] = len(self.facts)
            self.facts.append(facts)
            self.reach.append(reached(facts))
        return self._numbers[facts]
