"""Returned notebooks: what their saved answers say, without running any of their code.

What lives here: reading a notebook that anybody may have written, finding the answers
in it, and holding each against what its check or prediction can say at all.
The guarantee: nothing of a notebook is run, imported or followed to another file; a
notebook that can't be read, whatever is in it, becomes one ``Trouble`` with its reason
and keeps no other from being read. "passed" means that the saved output says so, in
the check's own words, and that the cell is not as it was handed out.
What it may not know: terminals, sandboxes.

What can't be seen in a saved answer is whether its code gave it: who wants to know
that has to run it.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from esbench.errors import EsbenchError, shorten
from esbench.lessons.course import LESSONS
from esbench.lessons.exercise import Exercise, cell
from esbench.lessons.lesson import Lesson, Task
from esbench.lessons.prediction import OPEN

LARGEST = 10_000_000  # bytes of a notebook; a lesson with all outputs has 0.3 million
LONGEST = 100_000  # signs of one cell, and of what it says, that are looked at
AROUND = 200  # signs behind the name of a call in which its letter stands

PASSED, NOT_YET, NOT_TRIED = "passed", "not yet", "not tried"
NEVER_RUN, MISSING, UNFIT = "never run", "missing", "does not fit"

_CALL = re.compile(
    r"lessons\.(?:check|predict)\(\s*[\"'](\d\d\.\d{1,2})[\"']"
    r"(?:\s*,\s*[\"']([^\"']{0,3})[\"'])?"
)
_SAID = re.compile(r"^(passed|not yet): (.+)$", re.MULTILINE)
_CHOSEN = re.compile(r"([A-D]), (.*)$", re.DOTALL)


class Unreadable(EsbenchError):
    """A returned file that holds no notebook of the course."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one notebook says to one task.

    Attributes:
        notebook: the file, from the folder that was read.
        lesson: such as "03".
        task: such as "03.2".
        kind: "exercise" or "prediction".
        result: passed, not yet, not tried, never run, missing, or does not fit.
        said: what the check or the prediction said, or what does not fit.
        written: what people typically write who hear that; "" if it is unknown.
        saved: the result that was saved, where this one comes from running it again.
        chosen: the answer to a prediction, in words; "" where none fits.
    """

    notebook: str
    lesson: str
    task: str
    kind: str
    result: str
    said: str
    written: str
    saved: str = ""
    chosen: str = ""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A file that could not be read, and why."""

    notebook: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What is looked at of one code cell: all of it is text from a stranger."""

    source: str
    says: str
    was_run: bool


_NONE = Cell(source="", says="", was_run=False)

# --- files -----------------------------------------------------------------------


def files_in(folder: Path) -> list[Path]:
    """Return what is named like a notebook under a folder; links are not followed.

    Raises:
        Unreadable: there is no such folder, or nothing named so.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        linked = [name for name in folders if name.endswith(".ipynb")]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in names if name.endswith(".ipynb")]
        found += [Path(place, name) for name in linked]
    if not found:
        raise Unreadable(f"there is no notebook in {folder}: name the folder of them")
    return sorted(found)


def cells_of(path: Path) -> list[Cell]:
    """Return the code cells of a file, those tagged as solutions left out.

    Raises:
        Unreadable: it is no notebook, or none that a person made.
    """
    return [_cell(each) for each in code_cells(loaded(path))]


def ran_anew(cells: Iterable[Cell], outputs: Mapping[int, Any]) -> list[Cell]:
    """Return cells with what running them again gave, by place, and nothing else."""
    return [
        Cell(
            source=each.source,
            says=_words(outputs.get(place)),
            was_run=place in outputs,
        )
        for place, each in enumerate(cells)
    ]


def compared(saved: Iterable[Answer], anew: Iterable[Answer]) -> list[Answer]:
    """Return the answers of a second run, each with the result that was saved."""
    pairs = zip(saved, anew, strict=True)
    return [replace(after, saved=before.result) for before, after in pairs]


def loaded(path: Path) -> dict[str, Any]:
    """Return what a file holds, if it has the form of a notebook.

    Raises:
        Unreadable: it has not.
    """
    try:
        value = json.loads(_bytes(path).decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("it is no text in UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("it is no notebook, or only part of one") from None
    if not isinstance(value, dict) or not isinstance(value.get("cells"), list):
        raise Unreadable("it is no notebook: it has no list of cells")
    return value


def _bytes(path: Path) -> bytes:
    """Return a file's bytes; only of a plain file that is not too large."""
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise Unreadable("it is a link to another place, which is not followed")
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("it is no plain file")
        if status.st_size > LARGEST:
            size = f"{status.st_size / 1e6:,.0f} MB"
            raise Unreadable(f"it has {size}, more than any lesson: clear its outputs")
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError as error:
        raise Unreadable(str(error.strerror or error).lower()) from None


def code_cells(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the code cells of a notebook, the lesson's own solutions left out."""
    cells = [each for each in notebook["cells"] if isinstance(each, dict)]
    return [
        each
        for each in cells
        if each.get("cell_type") == "code" and "solution" not in _tags(each)
    ]


def _tags(each: Mapping[str, Any]) -> list[Any]:
    metadata = each.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else []


def _cell(each: Mapping[str, Any]) -> Cell:
    outputs = each.get("outputs")
    said = [_words(one) for one in outputs] if isinstance(outputs, list) else []
    return Cell(
        source=text_in(each.get("source")),
        says="\n".join(said)[:LONGEST],
        was_run=bool(said) or each.get("execution_count") is not None,
    )


def _words(output: Any) -> str:
    """Return what an output says as plain text."""
    if not isinstance(output, dict):
        return ""
    if output.get("output_type") == "error":
        return f"{text_in(output.get('ename'))}: {text_in(output.get('evalue'))}"
    data = output.get("data")
    plain = data.get("text/plain") if isinstance(data, dict) else None
    return text_in(output.get("text") if plain is None else plain)


def text_in(value: Any) -> str:
    """Return a text as notebooks keep it, whole or in lines; "" for anything else."""
    lines = value if isinstance(value, list) else [value]
    return "".join(line for line in lines if isinstance(line, str))[:LONGEST]


# --- answers ---------------------------------------------------------------------


def answers_in(notebook: str, cells: Iterable[Cell]) -> list[Answer]:
    """Return what a notebook says to each task of its lesson, in the lesson's order.

    Args:
        notebook: its name.
        cells: its code cells.

    Raises:
        Unreadable: no task of the course stands in it.
    """
    posed: dict[str, list[tuple[Cell, str]]] = {}
    for each in cells:
        for number, letter in calls_in(each.source):
            posed.setdefault(number, []).append((each, letter))
    lesson = _lesson_of(posed)
    return [_answer(notebook, lesson, one, posed) for one in lesson.tasks]


def calls_in(source: str) -> Iterator[tuple[str, str]]:
    """Yield number and letter of each task that a cell calls, comments left out."""
    place = source.find("lessons.")
    while place >= 0:
        line = source[source.rfind("\n", 0, place) + 1 : place]
        found = _CALL.match(source[place : place + AROUND])
        if found and "#" not in line:
            yield found[1], (found[2] or "").strip().upper()
        place = source.find("lessons.", place + 1)


def _lesson_of(posed: Mapping[str, Any]) -> Lesson:
    """Return the lesson that most of the calls belong to."""
    counts = Counter(number[:2] for number in posed)
    known = [one for one in LESSONS if counts[one.number]]
    if not known:
        raise Unreadable("no task of the course stands in it")
    return max(known, key=lambda one: counts[one.number])


def _answer(
    notebook: str,
    lesson: Lesson,
    task: Task,
    posed: Mapping[str, list[tuple[Cell, str]]],
) -> Answer:
    """Return what a notebook says to a task: the last that passed, else the last."""
    judged = [(*judged_cell(task, *one), one[0]) for one in posed.get(task.number, [])]
    judged = judged or [(MISSING, "the cell that asks it is not there", _NONE)]
    good = [one for one in judged if one[0] == PASSED]
    result, said, asked = (good or judged)[-1]
    is_exercise = isinstance(task, Exercise)
    is_told = result in {PASSED, NOT_YET} and not is_exercise
    return Answer(
        notebook=notebook,
        lesson=lesson.number,
        task=task.number,
        kind="exercise" if is_exercise else "prediction",
        result=result,
        said=shorten(said, 300),
        written=_written(task, said) if result == NOT_YET else "",
        chosen=shorten(_choice(asked.says)) if is_told else "",
    )


def judged_cell(task: Task, each: Cell, letter: str) -> tuple[str, str]:
    """Return the result of one cell, and what was said to it."""
    if not each.was_run:
        return NEVER_RUN, ""
    verdicts = _SAID.findall(each.says)
    if not verdicts:
        first = each.says.strip().splitlines()[:1]
        return NOT_YET, f"it gave no verdict: {shorten(first[0])}" if first else ""
    head, said = verdicts[-1]
    if isinstance(task, Exercise):
        return _exercise(task, each.source, head, said)
    return _prediction(each.says, letter, head, said)


def _exercise(task: Exercise, source: str, head: str, said: str) -> tuple[str, str]:
    is_stub = _bare(source) == _bare(cell(task, task.stub))
    if head == PASSED and said != task.praise:
        return UNFIT, "the saved output is none that this check gives"
    if is_stub and head == PASSED:
        return UNFIT, "the cell is as it was handed out, and its output says passed"
    if is_stub or "still ends in NotImplementedError" in said:
        return NOT_TRIED, ""
    return head, said


def _prediction(says: str, letter: str, head: str, said: str) -> tuple[str, str]:
    chosen = _CHOSEN.match(said)
    if chosen is None:
        is_open = letter in {OPEN, ""} and head == NOT_YET
        return (NOT_TRIED, "") if is_open else (UNFIT, "its output names no letter")
    if letter and letter != chosen[1]:
        return UNFIT, f"the cell says {letter}, and its output answers {chosen[1]}"
    text = _choice(says)
    if not text or not chosen[2].startswith(f"{text}: "):
        return UNFIT, "its output answers what was not asked"
    return head, chosen[2]


def _choice(says: str) -> str:
    """Return the answer whose letter was chosen, as the output lists it."""
    verdicts = _SAID.findall(says)
    found = _CHOSEN.match(verdicts[-1][1]) if verdicts else None
    front = f"  {found[1]}  " if found else ""
    lines = [line for line in says.splitlines() if front and line.startswith(front)]
    return lines[-1][len(front) :] if lines else ""


def _bare(source: str) -> str:
    return "".join(source.split())


def _written(task: Task, said: str) -> str:
    """Return what is typically written by those who hear this; "" if it is unknown."""
    mistakes = task.mistakes if isinstance(task, Exercise) else ()
    found = next((one.code for one in mistakes if one.hint == said), "")
    return " ".join(line.strip() for line in found.splitlines()[1:])


# --- the class -------------------------------------------------------------------


def read(folder: Path) -> Iterator[tuple[Path, str, list[Answer] | Trouble]]:
    """Yield each file of a folder, its name there, and its answers or its trouble.

    Raises:
        Unreadable: there is nothing to read.
    """
    for path in files_in(folder):
        name = shorten(path.relative_to(folder).as_posix(), 120)
        try:
            yield path, name, answers_in(name, cells_of(path))
        except Unreadable as error:
            yield path, name, Trouble(notebook=name, why=str(error))


@dataclass(frozen=True, kw_only=True)
class Typical:
    """What several of a class got wrong in the same way.

    Attributes:
        task: such as "03.2".
        count: how many.
        of: how many answered that task at all.
        said: what they heard.
        written: what is typically written by those who hear it.
    """

    task: str
    count: int
    of: int
    said: str
    written: str


def typical(answers: Iterable[Answer]) -> list[Typical]:
    """Return a class's mistakes, task by task, the most frequent first."""
    tried = [one for one in answers if one.result in {PASSED, NOT_YET}]
    of = Counter(one.task for one in tried)
    wrong = [one for one in tried if one.result == NOT_YET]
    groups = Counter((one.task, _alike(one.said), one.written) for one in wrong)
    found = [
        Typical(task=task, count=count, of=of[task], said=said, written=written)
        for (task, said, written), count in groups.items()
    ]
    return sorted(found, key=lambda one: (one.task, -one.count, one.said))


def _alike(said: str) -> str:
    """Return what was said without what differs from one learner to the next."""
    said = re.sub(r"^right in \d+ of \d+ cases.*", "right in some cases only", said)
    return re.sub(r"^(it stops with \w+).*", r"\1", said)
