"""A class kit: the lessons as learners get them.

What lives here: a lesson without solutions, outputs and what only its makers need, and
laying such copies into a folder.
The guarantee: no cell of a kit holds a solution or an output; nothing is overwritten,
and either all notebooks are laid or none.
What it may not know: Jupyter, terminals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from esbench.errors import ReadOnly
from esbench.lessons.classword import worded
from esbench.lessons.lesson import Lesson

Notebook = dict[str, Any]
Cell = dict[str, Any]

MARK = ".class.json"  # says that a folder holds learners' copies, and whose
_HEADING = re.compile(r"^## Solutions$", re.MULTILINE)
_TELLS = "A solution stands at the end of each lesson, folded."
_TOLD = "Your instructor has the solutions."


def lay_kit(
    lessons: Iterable[Lesson], notebooks: Path, into: Path, word: str | None = None
) -> list[Path]:
    """Lay learners' copies into a folder, and return their paths.

    Args:
        lessons: which.
        notebooks: the folder of the committed lessons.
        into: where they go, made if absent.
        word: the class's code word, which sets the seed in every copy.

    Raises:
        ReadOnly: a file of that name is there already; nothing was written.
    """
    made = {
        into / lesson.file: text_of(stripped(_read(notebooks / lesson.file), word))
        for lesson in lessons
    }
    made[into / MARK] = f"{json.dumps({'word': word})}\n"
    _refuse_what_is_there(made)
    into.mkdir(parents=True, exist_ok=True)
    for path, text in made.items():
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    return [path for path in made if path.name != MARK]


def _refuse_what_is_there(made: Iterable[Path]) -> None:
    there = [path for path in made if path.exists() or path.is_symlink()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ReadOnly(
            f"{there[0]}{more} would be overwritten: name a folder that is not there "
            "yet; nothing was written"
        )


def stripped(notebook: Notebook, word: str | None = None) -> Notebook:
    """Return a lesson without solutions and outputs, with the class's seed."""
    cells = [_bare(cell, word) for cell in _before_solutions(notebook["cells"])]
    metadata = {k: v for k, v in notebook["metadata"].items() if k != "widgets"}
    return {**notebook, "cells": cells, "metadata": metadata}


def _before_solutions(cells: list[Cell]) -> list[Cell]:
    """Return the cells up to the heading of the solutions, that cell's text cut."""
    kept: list[Cell] = []
    for cell in cells:
        source = "".join(cell["source"])
        found = _HEADING.search(source) if cell["cell_type"] == "markdown" else None
        if found:
            text = source[: found.start()].rstrip()
            return [*kept, {**cell, "source": text}] if text else kept
        if "solution" not in cell["metadata"].get("tags", []):
            kept.append(cell)
    return kept


def _bare(cell: Cell, word: str | None) -> Cell:
    source = worded("".join(cell["source"]).replace(_TELLS, _TOLD), word)
    bare = {**cell, "source": source.splitlines(keepends=True)}
    if cell["cell_type"] == "code":
        bare |= {"outputs": [], "execution_count": None}
    return bare


def _read(path: Path) -> Notebook:
    notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def text_of(notebook: Notebook) -> str:
    """Return a notebook as its file holds it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
