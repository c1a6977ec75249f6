"""RESULTS.md: what was measured, written down for people.

What lives here: the text, and the hand-written reasons that it takes in.
The guarantee: the text comes from one run; whatever was written by hand stands in
``reasons.toml`` and survives every run.
What it may not know: how anything was measured.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.page import OWN, Chapter, Goal, Line, spelled

REASONS = Path(__file__).with_name("reasons.toml")


class Run(Struct, frozen=True, kw_only=True):
    """One run of the benchmarks.

    Attributes:
        day: when it was, as YYYY-MM-DD.
        asked: what it was asked to do, in words.
        machine: what it ran on, by name.
        chapters: what each row found out, in the order of the rows.
        pictures: the names of the picture files, by the row that they belong to.
    """

    day: str
    asked: str
    machine: dict[str, str]
    chapters: tuple[Chapter, ...]
    pictures: dict[str, str]


def reasons() -> dict[str, str]:
    """Return what somebody wrote by hand, by row."""
    found = tomllib.loads(REASONS.read_text(encoding="utf-8"))
    return {row: str(text).strip() for row, text in found.items()}


def written(run: Run, reasons: Mapping[str, str]) -> str:
    """Return the whole of RESULTS.md."""
    parts = [
        _opening(run),
        _table(("", ""), run.machine.items()),
        "## Goals\n\n" + _goals(run.chapters),
        *(_chapter(each, run.pictures, reasons) for each in run.chapters),
    ]
    return "\n\n".join(parts) + "\n"


def _opening(run: Run) -> str:
    return (
        "# Benchmarks\n\n"
        f"Written by `make bench` on {run.day}: {run.asked}. All of it comes from one "
        "run of one process, in which contenders took turns, round after round. "
        "Answers were compared before any time counted. Files that are read lie in "
        "the page cache. The spread is that of the middle half of the rounds, or of "
        "all where there are fewer than eight."
    )


def _goals(chapters: Iterable[Chapter]) -> str:
    rows = []
    for chapter in chapters:
        link = f"[{chapter.title}](#{_anchor(chapter.title)})"
        rows += [(link, goal.text, goal.found, goal.state) for goal in chapter.goals]
        if chapter.failed:
            rows.append((link, "", chapter.failed, "not yet"))
    return _table(("row", "goal", "measured", ""), rows)


def _anchor(title: str) -> str:
    kept = (c for c in title.lower() if c.isalnum() or c in " -")
    return "".join(kept).replace(" ", "-")


def _chapter(
    chapter: Chapter, pictures: Mapping[str, str], reasons: Mapping[str, str]
) -> str:
    parts = [f"## {chapter.title}"]
    if chapter.failed:
        parts.append(f"Not measured: {chapter.failed}.")
    if chapter.lines:
        parts.append(_figures(chapter.lines))
    if chapter.row in pictures:
        parts.append(f"![{chapter.title}]({pictures[chapter.row]})")
    if chapter.notes:
        parts.append(" ".join(dict.fromkeys(chapter.notes)))
    if reason := reasons.get(chapter.row):
        parts.append(reason)
    elif missed := _missed(chapter.goals):
        parts.append(f"Behind, and not yet said why: {missed}.")
    parts.append(f"The row took {chapter.seconds:.0f} s.")
    return "\n\n".join(parts)


def _missed(goals: Iterable[Goal]) -> str:
    return "; ".join(goal.text for goal in goals if goal.state == "behind")


def _figures(lines: Sequence[Line]) -> str:
    own: dict[tuple[str, str], float] = {}
    for line in lines:
        if line.who.partition(",")[0] == OWN:
            own.setdefault((line.work, line.unit), line.figure.median)
    rows = []
    before = ""
    for line in lines:
        work = line.work if line.work != before else ""
        before = line.work
        rows.append((work, line.who, *_cells(line, own.get((line.work, line.unit)))))
    return _table(("work", "who", "median", "spread", "rounds", f"÷ {OWN}"), rows)


def _cells(line: Line, own: float | None) -> tuple[str, str, str, str]:
    figure = line.figure
    spread = f"{spelled(figure.low)} – {spelled(figure.high)}"
    ratio = "" if own is None or line.who == OWN else spelled(figure.median / own)
    return (
        f"{spelled(figure.median)} {line.unit}",
        spread if figure.rounds > 1 else "",
        str(figure.rounds),
        ratio,
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, cells))} |" for cells in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
