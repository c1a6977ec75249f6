"""A run sheet: what an instructor opens, says and asks, minute by minute.

What lives here: which lessons fit into an hour, and a sheet made of them: their own
questions, votes, exercises and mistakes.
The guarantee: only lessons that exist are named; every sentence is a lesson's own; the
letters are those that the class sees, because the lessons' cells are run with the seed
of the class. Only lessons of the repository are run, never a learner's copy.
What it may not know: widgets; a stage is known by what it shows.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esbench.errors import NotFound
from esbench.lessons.classword import PLAIN
from esbench.lessons.course import LESSONS, task
from esbench.lessons.exercise import Exercise
from esbench.lessons.lesson import Lesson
from esbench.lessons.letters import LETTERS, shuffled
from esbench.lessons.prediction import Prediction, distinct
from esbench.lessons.returned import calls_in

LENGTHS = (45, 90, 180)
FIRST = ("00", "03", "04", "06", "01", "02", "05")  # what a class should not miss
TALK = 6  # one minute in so many is for votes, questions and a pause

_BOLD = re.compile(r"^\*\*([^*]+)\*\*$", re.MULTILINE)
_SUMMARY = re.compile(
    r"^## In three sentences\n+(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Vote:
    """A question that a class answers by letters.

    Attributes:
        number: the prediction's, such as "00.1"; "" for a stage's own question.
        question: what is asked.
        answers: letter, text, and what is said to who chose it.
        right: the letter of the right answer.
    """

    number: str
    question: str
    answers: tuple[tuple[str, str, str], ...]
    right: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A stage of a lesson: how the lesson leads to it, and its cell."""

    leads: str
    code: str


Step = Vote | Scene | Exercise


def plan(minutes: int) -> list[Lesson]:
    """Return the lessons that fit, in the course's order, with time left to talk.

    Raises:
        NotFound: not one lesson fits.
    """
    left, chosen = minutes - minutes / TALK, set()
    order = [one for number in FIRST for one in LESSONS if one.number == number]
    for lesson in [*order, *(one for one in LESSONS if one not in order)]:
        if lesson.minutes <= left:
            left -= lesson.minutes
            chosen.add(lesson.number)
    if not chosen:
        raise NotFound(f"no lesson fits into {minutes} minutes: say 45, 90 or 180")
    return [one for one in LESSONS if one.number in chosen]


def sheet(minutes: int, notebooks: Path, seed: int, word: str | None) -> Iterator[str]:
    """Yield the lines of a run sheet, in Markdown.

    Args:
        minutes: how long the class lasts.
        notebooks: the folder of the committed lessons.
        seed: that of the class, for letters and data.
        word: the code word that it comes from, if one was set.

    Raises:
        NotFound: no lesson fits, or one does not run.
    """
    lessons = plan(minutes)
    talk = minutes - sum(one.minutes for one in lessons)
    yield f"# Run sheet, {minutes} minutes"
    yield ""
    yield _about_the_seed(seed, word)
    yield f"{talk} of the minutes are for votes, questions and a pause."
    clock = 0
    for place, lesson in enumerate(lessons):
        yield ""
        yield from _lesson(lesson, notebooks, seed, clock)
        clock += lesson.minutes + talk * (place + 1) // len(lessons)
        clock -= talk * place // len(lessons)


def _about_the_seed(seed: int, word: str | None) -> str:
    if word is None:
        return (
            f"Letters are those of seed {seed}. 'esbench class word WORD' gives all "
            "learners the same ones, else they can't vote by letter."
        )
    return (
        f"Code word: {word} (seed {seed}). The letters below are what everybody sees."
    )


def _lesson(lesson: Lesson, notebooks: Path, seed: int, clock: int) -> Iterator[str]:
    cells = _cells(notebooks / lesson.file)
    text = "\n".join(one["source"] for one in cells if one["cell_type"] == "markdown")
    question, *ideas = _BOLD.findall(text)
    yield f"## {clock // 60}:{clock % 60:02} {lesson.title} ({lesson.minutes} min)"
    yield ""
    yield f"Open: {lesson.file}"
    yield f"Say: {question}"
    with contextlib.chdir(notebooks):
        found = list(steps(cells, seed))
    for step in found:
        yield ""
        yield from _told(step)
    yield ""
    if ideas:
        yield f"The idea, in one sentence: {ideas[0]}"
    for found in _SUMMARY.findall(text):
        yield f"To end: {' '.join(found.split())}"


def _told(step: Step) -> Iterator[str]:
    if isinstance(step, Scene):
        yield f"Show: {step.code}"
        yield f"{step.leads}"
    elif isinstance(step, Vote):
        number = f" {step.number}" if step.number else ""
        yield f"Vote{number}: {step.question}"
        for letter, text, reason in step.answers:
            sign = "right" if letter == step.right else "wrong"
            why = reason.removeprefix("right").lstrip(",.: ")
            yield f"- {letter}  {text}  ({sign}{': ' if why else ''}{why})"
    else:
        yield f"Exercise {step.number} ({step.minutes} min): write {step.asks}"
        yield f"- first hint: {step.hints[0]}"
        ends = [last_line(slip.code) for slip in step.mistakes]
        for slip, end in zip(step.mistakes, ends, strict=True):
            at = f"stuck at `{end}`" if ends.count(end) == 1 else "stuck"
            yield f"- {at}: {slip.hint}"


def last_line(code: str) -> str:
    """Return the line in which a piece of code ends."""
    return code.strip().splitlines()[-1].strip()


# --- what a lesson asks ----------------------------------------------------------


def _cells(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    whole = [{**one, "source": "".join(one["source"])} for one in cells]
    return [one for one in whole if "solution" not in one["metadata"].get("tags", [])]


def steps(cells: Iterable[dict[str, Any]], seed: int) -> Iterator[Step]:
    """Yield what a lesson asks and shows, in order, by running its cells.

    Args:
        cells: the lesson's, each source as one text.
        seed: what its set-up cell is to set.

    Raises:
        NotFound: a cell fails.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    leads = ""
    for one in cells:
        if one["cell_type"] == "markdown":
            leads = one["source"]
            continue
        source = one["source"].replace(PLAIN, f"seed = {seed}")
        may_fail = "raises-exception" in one["metadata"].get("tags", [])
        shown = _run(source, names, may_fail=may_fail)
        for number, _ in calls_in(source):
            yield _asked(task(number), source, names, seed)
        if hasattr(shown, "finding") and hasattr(shown, "letters"):
            yield from _staged(shown, last_line(source), leads)


def _run(source: str, names: dict[str, Any], *, may_fail: bool) -> Any:
    """Run one cell of a lesson, and return what its last line shows."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(tree, "<lesson>", "exec"), names)
            if isinstance(last, ast.Expr):
                return _value(last.value, names)
    except Exception as error:
        if not may_fail:
            raise NotFound(f"a lesson does not run: {last_line(source)}") from error
    return None


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(node), "<lesson>", "eval"), names)


def _asked(
    found: Exercise | Prediction, source: str, names: dict[str, Any], seed: int
) -> Exercise | Vote:
    if isinstance(found, Exercise):
        return found
    last = ast.parse(source).body[-1]
    given = last.value.args[2:]  # type: ignore[attr-defined]  # lessons.predict("…", "?", …)
    values = [_value(one, names) for one in given]
    options = distinct(found.options(*values))
    return _vote(found.number, found.question(*values), options, found.number, seed)


def _staged(stage: Any, code: str, leads: str) -> Iterator[Scene | Vote]:
    """Yield a stage, and its question where it asks one."""
    told = [line for line in leads.splitlines() if line and line[0] not in "#|"]
    said = re.sub(r"[*:]+$|\*\*?(?=\w)|(?<=\w)\*\*?", "", " ".join(told[-5:]))
    yield Scene(leads=said, code=f"`{code}`")
    table = stage._table
    if stage.predict and "question" in table and "answers" in table:
        order = stage.letters(stage.seed)[0][0]
        yield _lettered("", table["question"], table["answers"], order)


def _vote(
    number: str,
    question: str,
    options: Iterable[tuple[str, str]],
    shuffle: str,
    seed: int,
) -> Vote:
    options = list(options)
    order = shuffled(shuffle, seed, len(options))
    return _lettered(number, question, options, order)


def _lettered(
    number: str, question: str, options: Iterable[Iterable[str]], order: str
) -> Vote:
    held = [tuple(one) for one in options]
    chosen = [(LETTERS[i], held[int(at)]) for i, at in enumerate(order)]
    return Vote(
        number=number,
        question=question,
        answers=tuple((letter, one[0], one[1]) for letter, one in chosen),
        right=LETTERS[order.index("0")],
    )
