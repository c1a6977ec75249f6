"""The trace stage: any run of workers, step by step, with the row after each step.

What lives here: ``TraceStage`` and the table that its script looks things up in.
The guarantee: it shows what the trace holds, step for step, whoever wrote it: one order
told, a simulation, real processes, a consumer group, Kafka; every mark and sentence is
computed in Python, and the browser looks up and draws.
What it may not know: how the run came about, logs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import traitlets as t

from esbench.errors import InvalidSchedule
from esbench.lessons.letters import LETTERS, shuffled
from esbench.widgets.predictions import Answer
from esbench.widgets.stage import Stage, script
from esbench.widgets.story import NOTHING, amount, clip
from esbench.workers.message import Message, plain
from esbench.workers.trace import WRITES, Step, Trace

LARGEST = 2_000  # steps
LATE, AGAIN, TROUBLE, ASIDE, DONE, QUIET = "late again trouble aside done quiet".split()
MARKS = {
    **dict.fromkeys(["crashed", "failed", "lost", "refused"], TROUBLE),
    **dict.fromkeys(["passed over", "skipped", "held", "parked", "requeued"], ASIDE),
    "wrote": DONE,
}
SAYS = {  # what a worker did with an event, where the word alone is not a sentence
    "held": "put {} aside",
    "waited": "waited at a lock with {}",
    "crashed": "crashed with {} in hand",
    "failed": "failed on {}",
    "requeued": "sent {} to the tail",
    "parked": "parked {}",
    "refused": "was refused {}",
}


class Telling:
    """A trace as a stage tells it: marks, sentences, and the question about its end."""

    def __init__(self, trace: Trace, right: Any = None) -> None:
        self.trace = trace
        self.steps = trace.steps
        self.whose = list(dict.fromkeys(m.aggregate_id for m in trace.messages))
        self.right = right
        self._known = {each.event_id: each for each in trace.messages}

    def message(self, step: Step) -> Message | None:
        """Give the event of a step, if it has one."""
        return self._known.get(step.event_id or "")

    @cached_property
    def timed(self) -> bool:
        """Whether the trace has times, not the places of its steps alone."""
        return any(step.at != place for place, step in enumerate(self.steps, 1))

    @cached_property
    def overtaken(self) -> list[int]:
        """For each step, the version that it came too late behind, or 0."""
        newest: dict[str, int] = {}
        found = []
        for step in self.steps:
            told = self.message(step)
            if told is None or step.did != "wrote":
                found.append(0)
                continue
            before = newest.get(told.aggregate_id, 0)
            newest[told.aggregate_id] = max(before, told.version)
            found.append(before if told.version <= before else 0)
        return found

    def mark(self, place: int) -> str:
        """Give the look of a step: late and again only where something was written."""
        step, behind = self.steps[place], self.overtaken[place]
        if not behind:
            return MARKS.get(step.did, QUIET)
        told = self.message(step)
        return AGAIN if told is not None and told.version == behind else LATE

    def named(self, step: Step) -> str:
        """Give what a card is called: the event's type; of several videos, whose."""
        told = self.message(step)
        if told is None:
            return ""
        return clip(told.type if len(self.whose) == 1 else told.aggregate_id, 24)

    def state(self, step: Step) -> str:
        """Give the row after a step, as text; "" where the step says nothing of it."""
        return said(step.state) if step.did in WRITES else ""

    @cached_property
    def end(self) -> str:
        """The last state of the first aggregate."""
        return said(self.trace.states[self.whose[0]]) if self.whose else NOTHING

    @property
    def is_right(self) -> bool | None:
        """Whether it ends as it should; None if nobody said how."""
        return None if self.right is None else said(plain(self.right)) == self.end

    def finding(self, at: int) -> str:
        """Say what the last of ``at`` steps did."""
        if at == 0:
            total = amount(len(self.steps), "step")
            return f"{self.trace.name}: {total}, and none of them done yet."
        step = self.steps[at - 1]
        when = f", at {moment(step.at)}" if self.timed else ""
        row = self.state(step)
        told = self.message(step)
        ends = f"; {clip(told.aggregate_id, 30)} says {row}" if told and row else ""
        return f"Step {at} of {len(self.steps)}{when}: {self.deed(at - 1)}{ends}."

    def deed(self, place: int) -> str:
        """Say who did what, and what it came too late behind."""
        step, told = self.steps[place], self.message(self.steps[place])
        event = f"{clip(told.aggregate_id, 30)}/{told.version}" if told else "nothing"
        if told is None and step.partition is not None:
            event = f"partition {step.partition}"
        words = SAYS.get(step.did, f"{step.did} {{}}").format(event)
        if told is None and step.partition is None:
            words = step.did
        behind = self.overtaken[place]
        if behind:
            again = told is not None and told.version == behind
            words += " again" if again else f" after {behind}"
        extra = f" ({clip(step.says, 60)})" if step.says else ""
        return f"{step.worker} {words}{extra}"

    def line(self, at: int) -> str:
        """Give the line of Python that says the same."""
        return f"trace.steps[{at - 1}]" if at else "trace.frame()"

    @property
    def question(self) -> str:
        """Ask how the first aggregate ends."""
        total = amount(len(self.steps), "step")
        return f"After {total}: what does the row of {clip(self.whose[0], 30)} say?"

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Give the end, and other states of the same row with the reason against each.

        Fewer than two answers are no question.
        """
        if not self.whose:
            return ()
        found = dict.fromkeys([self.end], "")
        for text, reason in self._slips():
            if len(found) < len(LETTERS):
                found.setdefault(text, reason)
        return tuple((clip(text, 24), reason) for text, reason in found.items())

    def _slips(self) -> Iterator[Answer]:
        if self.right is not None:
            yield (
                said(plain(self.right)),
                "so it should be, and another write came last",
            )
        for place, step in reversed(list(enumerate(self.steps, 1))):
            told = self.message(step)
            if told and told.aggregate_id == self.whose[0] and self.state(step):
                yield self.state(step), f"step {place} wrote that, and it did not last"
        yield said(plain(self.trace.initial)), "so it was before the first write"


def said(state: Any) -> str:
    """Write a state of a trace as text: texts as they are, others as short JSON."""
    if state is None:
        return NOTHING
    if isinstance(state, str):
        return clip(state, 40)
    return clip(json.dumps(state, ensure_ascii=False, sort_keys=True), 40)


def moment(microseconds: int) -> str:
    """Write a time since the run began.

    >>> moment(12_345)
    '12.3 ms'
    """
    if microseconds < 1_000:
        return f"{microseconds} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1_000:.1f} ms"
    return f"{microseconds / 1_000_000:,.2f} s"


class TraceStage(Stage):
    """A lane a worker, a card a step, and below them the row as it was after it."""

    _esm = script("traced.js")

    def __init__(self, telling: Telling, **traits: Any) -> None:
        self._telling = telling
        asked = len(telling.answers) > 1
        predict = bool(traits.pop("predict", True)) and asked
        super().__init__(predict=predict, asking=predict, **traits)
        shuffles = {str(self.seed): self.letters(self.seed)}
        self._table = {**trace_table(telling), "letters": shuffles}

    @t.validate("at")
    def _take_at(self, proposal: Any) -> int:
        last = len(self._telling.steps)
        if not 0 <= proposal["value"] <= last:
            raise t.TraitError(f"at is {proposal['value']}; it goes from 0 to {last}")
        return int(proposal["value"])

    @property
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""
        return self._telling.question if self.asking else self._telling.finding(self.at)

    @property
    def python(self) -> str:
        """The line of Python that gives the same answer."""
        return self._telling.line(self.at)

    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffle of the one question for one seed."""
        answers = self._telling.answers
        if len(answers) < 2:
            return [[]]
        return [[shuffled(self._telling.question, seed, len(answers))]]

    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""
        from esbench.widgets.traced_pictures import trace_png

        return trace_png(
            self._telling,
            self.at,
            asking=self.asking,
            finding=self.finding,
            python=self.python,
        )


def trace_table(telling: Telling) -> dict[str, Any]:
    """Give what the script needs, as JSON's own types."""
    trace = telling.trace
    lanes = {worker: lane for lane, worker in enumerate(lanes_of(trace))}
    asked = len(telling.answers) > 1
    return {
        "title": f"{clip(trace.name, 40)}, {clip(trace.handler, 40)}",
        "lanes": [clip(worker, 16) for worker in lanes],
        "rows": "the row" if len(telling.whose) == 1 else "the rows",
        "steps": [
            _step(telling, place, lanes[step.worker])
            for place, step in enumerate(trace.steps)
        ],
        "said": [telling.finding(at) for at in range(len(trace.steps) + 1)],
        "right": telling.is_right,
        "question": telling.question if asked else "",
        "answers": [list(answer) for answer in telling.answers],
    }


def lanes_of(trace: Trace) -> list[str]:
    """Give the workers in the order of their lanes, then others who did something."""
    return list(dict.fromkeys([*trace.workers, *(step.worker for step in trace.steps)]))


def _step(telling: Telling, place: int, lane: int) -> list[Any]:
    """Give a step's lane, look, time, version, name, word and the row after it."""
    step = telling.steps[place]
    told = telling.message(step)
    when = moment(step.at) if telling.timed else ""
    version = told.version if told else None
    look, row = telling.mark(place), telling.state(step)
    return [lane, look, when, version, telling.named(step), step.did, row]


def traced(
    trace: Trace, *, right: Any = None, seed: int = 0, predict: bool = True
) -> TraceStage:
    """Return the stage on which a run is watched step by step.

    Args:
        trace: what happened in one run: of ``workers.told``, ``workers.simulated``,
            ``race_for_real(…).trace(0)``, a consumer group or Kafka.
        right: the state in which the first aggregate should end; then the end is
            marked as right or wrong.
        seed: shuffles the letters of the answers.
        predict: whether the learner is asked for the end before the first step; where
            the row has but one state, nothing is asked.

    Raises:
        InvalidSchedule: no step at all, or more than 2,000.
    """
    if not trace.steps:
        raise InvalidSchedule(f"{trace!r} has no step to show: run some events first")
    if len(trace.steps) > LARGEST:
        raise InvalidSchedule(
            f"{len(trace.steps):,} steps: the stage shows {LARGEST:,}; hand over a "
            "part, msgspec.structs.replace(trace, steps=trace.steps[:2000])"
        )
    return TraceStage(Telling(trace, right), seed=seed, predict=predict)
