"""``python -m benchmarks``: run the rows, write RESULTS.md and the pictures.

What lives here: the command line and the run.
The guarantee: the results that lie in the project come from a whole run; a smaller
one writes beside its data unless it is told where.
What it may not know: what a row does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, pictures, results
from benchmarks.harness import NotInstalled, NotYet, say
from benchmarks.page import Chapter, Page
from benchmarks.rows import ROWS, Row
from benchmarks.setting import (
    BASE,
    LARGER,
    QUICK_BASE,
    QUICK_LARGER,
    Setting,
    spoken,
)
from benchmarks.shelf import SEED, Shelf, has_room

HOME = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; return 1 if a row failed."""
    asked = parsed(arguments)
    os.environ.setdefault("TQDM_DISABLE", "1")  # bars of progress draw over ours
    chosen = [row for row in ROWS if row.name in asked.only]
    with scratch(asked.data) as folder:
        setting = Setting(
            shelf=Shelf(asked.data),
            scratch=folder,
            events=asked.events,
            large=asked.large,
            quick=asked.quick,
        )
        if not enough_room(setting, asked.data):
            return 2
        chapters = tuple(run_rows(chosen, setting))
    write(asked, chapters)
    return int(any(chapter.failed.startswith("failed") for chapter in chapters))


# --- the command line ------------------------------------------------------------


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was asked for, with everything that was left open decided."""
    parser = argparse.ArgumentParser("benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="about two minutes")
    parser.add_argument("--only", help="some rows, such as commit,fold")
    parser.add_argument("--data", type=Path, help="where logs are kept between runs")
    parser.add_argument("--events", type=int, help="the size of the log to ask")
    parser.add_argument("--large", type=int, help="the size of the largest log")
    parser.add_argument("--out", type=Path, help="where RESULTS.md goes")
    asked = parser.parse_args(arguments)
    is_whole = not (asked.quick or asked.only or asked.events or asked.large)
    asked.data = asked.data or Path(tempfile.gettempdir()) / "esbench-benchmarks"
    asked.out = asked.out or (HOME if is_whole else asked.data / "results")
    asked.only = names(parser, asked.only)
    asked.events = asked.events or (QUICK_BASE if asked.quick else BASE)
    larger = QUICK_LARGER if asked.quick else LARGER
    asked.large = asked.large or asked.events * larger
    return asked


def names(parser: argparse.ArgumentParser, text: str | None) -> list[str]:
    """Return the names of the rows to run, or end with what there is."""
    known = [row.name for row in ROWS]
    wanted = text.split(",") if text else known
    if unknown := sorted(set(wanted) - set(known)):
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(known)}")
    return wanted


# --- the run ---------------------------------------------------------------------


@contextmanager
def scratch(data: Path) -> Iterator[Path]:
    """Give an empty folder on the same disk, and remove it afterwards."""
    data.mkdir(parents=True, exist_ok=True)
    tidy(data)
    folder = Path(tempfile.mkdtemp(prefix=f"scratch-{os.getpid()}-", dir=data))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tidy(data: Path) -> None:
    """Remove what runs have left that were killed."""
    if os.name == "nt":  # where to ask after a process is to end it
        return
    for left in data.glob("scratch-*-*"):
        try:
            os.kill(int(left.name.split("-")[1]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except OSError:
            continue


def enough_room(setting: Setting, data: Path) -> bool:
    """Say how much room there is and is needed; tell whether it will do."""
    needed, seconds = setting.shelf.missing(setting.sizes, setting.events)
    free, kind = machine.free_bytes(data), machine.file_system(data)
    say(f"data in {data} ({kind}), {free / 1e9:.0f} GB free")
    if seconds > 30:
        say(
            f"not there yet: up to {needed / 1e9:.1f} GB of logs and a database; "
            f"made when first asked, in about {seconds / 60:.0f} minutes, and kept"
        )
    if kind == "tmpfs":
        say("tmpfs syncs to nothing: what is said of commits will mean little")
    if not has_room(data, needed):
        say("that is too little room: name another folder with --data")
        return False
    return True


def run_rows(rows: Iterable[Row], setting: Setting) -> Iterator[Chapter]:
    """Run one row after the other, with progress."""
    rows = list(rows)
    left = sum(row.seconds for row in rows)
    for number, row in enumerate(rows, start=1):
        about = "" if setting.quick else f", about {row.seconds} s of {left} s left"
        say(f"[{number}/{len(rows)}] {row.title}{about}")
        left -= row.seconds
        yield run_row(row, setting)


def run_row(row: Row, setting: Setting) -> Chapter:
    """Run one row; one that fails says so, and the next one has its turn."""
    page, begun = Page(), time.perf_counter()
    failed = ""
    try:
        row.run(setting, page)
    except (NotYet, NotInstalled) as error:
        failed = str(error)
    except Exception as error:  # noqa: BLE001 - one row must not cost the others
        traceback.print_exc()
        failed = f"failed: {type(error).__name__}: {str(error)[:300]}"
    chapter = Chapter(
        row=row.name,
        title=row.title,
        lines=tuple(page.lines),
        goals=tuple(page.goals),
        notes=tuple(page.notes),
        seconds=time.perf_counter() - begun,
        failed=failed,
    )
    tell(chapter)
    return chapter


def tell(chapter: Chapter) -> None:
    """Print what a row found out."""
    for goal in chapter.goals:
        say(f"    {goal.state:8} {goal.text}: {goal.found}")
    if chapter.failed:
        say(f"    {chapter.failed}")
    say(f"    took {chapter.seconds:.1f} s")


def write(asked: argparse.Namespace, chapters: tuple[Chapter, ...]) -> None:
    """Write the results and the pictures."""
    asked.out.mkdir(parents=True, exist_ok=True)
    size = f"logs of {spoken(asked.events)} and {spoken(asked.large)} events"
    run = results.Run(
        day=datetime.now(UTC).date().isoformat(),
        asked=f"{'quick, ' if asked.quick else ''}{size}, seed {SEED}",
        machine=machine.described(asked.data),
        chapters=chapters,
        pictures=pictures.draw(chapters, asked.out),
    )
    file = asked.out / "RESULTS.md"
    file.write_text(results.written(run, results.reasons()), encoding="utf-8")
    say(f"written: {file}")


if __name__ == "__main__":
    sys.exit(main())
