"""Runs the lessons anew, so that what is committed is what a clean kernel gives.

    python -m esbench.lessons.build                    all lessons
    python -m esbench.lessons.build notebooks/03*      some of them

What lives here: the line of links and the table of routes are written from the course,
outputs are made by one run in order, and everything random or private to a machine is
taken out: cell ids are places, widgets leave their picture and their sentence.
The guarantee: building twice gives the same cells, sources and outputs, timings and
pictures of other library versions apart; a notebook that fails is left as it was.
What it may not know: what a lesson teaches. Jupyter runs in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from esbench.lessons.course import LESSONS, navigation, routes

Notebook = dict[str, Any]
Cell = dict[str, Any]

ROOT = Path(__file__).parents[2]
SECONDS = 120  # for one cell, before the run is given up
LIVE = "application/vnd.jupyter.widget-view+json"  # holds a random id, shows nothing
RUN = [
    *(sys.executable, "-m", "nbconvert", "--stdin", "--stdout", "--log-level=WARN"),
    *("--to=notebook", "--execute", f"--ExecutePreprocessor.timeout={SECONDS}"),
    "--ExecutePreprocessor.store_widget_state=False",
    "--ExecutePreprocessor.record_timing=False",
]
METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def main(arguments: list[str]) -> int:
    """Build the lessons named, all if none is; 1 if one of them fails."""
    lessons = [ROOT / "notebooks" / lesson.file for lesson in LESSONS]
    failed = [path for path in map(Path, arguments or lessons) if not build(path)]
    return 1 if failed else 0


def build(path: Path) -> bool:
    """Run one lesson and write it back; False if a cell failed."""
    prepared = refreshed(json.loads(path.read_text("utf-8")), path.stem[:2])
    ran = executed(prepared, path.parent)
    if ran is None:
        return False
    text = json.dumps(settled(ran), indent=1, ensure_ascii=False)
    path.write_text(f"{text}\n", "utf-8")
    sys.stderr.write(f"{path.name}: {len(text) / 1000:.0f} kB\n")
    return True


def refreshed(notebook: Notebook, number: str) -> Notebook:
    """Return the notebook before a run: made cells new, ids in order, no outputs."""
    made = {"nav": navigation(number), "routes": routes()}
    cells = [_clean(cell, made) for cell in notebook["cells"]]
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place:02}"
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def _clean(cell: Cell, made: dict[str, str]) -> Cell:
    """Return a cell as it stands before a run."""
    tags = cell["metadata"].get("tags", [])
    source = "".join(cell["source"])
    for tag in tags:
        source = made.get(tag, source)
    kept = {
        name: cell["metadata"][name]
        for name in ("jupyter", "tags", "jp-MarkdownHeadingCollapsed")
        if name in cell["metadata"]
    }
    clean = {"cell_type": cell["cell_type"], "metadata": kept, "source": lines(source)}
    if cell["cell_type"] == "code":
        clean |= {"execution_count": None, "outputs": []}
    return clean


def lines(text: str) -> list[str]:
    """Return a text as notebooks keep it: lines with their ends."""
    return text.splitlines(keepends=True)


def executed(notebook: Notebook, folder: Path) -> Notebook | None:
    """Run all cells in order in a new kernel; None if one failed, which is told."""
    done = subprocess.run(
        RUN,
        input=json.dumps(notebook).encode(),
        cwd=folder,
        stdout=subprocess.PIPE,
        check=False,
    )
    ran: Notebook | None = json.loads(done.stdout) if done.returncode == 0 else None
    return ran


def settled(notebook: Notebook) -> Notebook:
    """Return the notebook as it is committed: nothing random, nothing of a machine."""
    cells = [_settled(cell) for cell in notebook["cells"]]
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def _settled(cell: Cell) -> Cell:
    for output in cell.get("outputs", []):
        output.get("data", {}).pop(LIVE, None)
    return dict(sorted(cell.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
