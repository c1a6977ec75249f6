"""``esbench class``: what an instructor does before, in and after a lesson.

What lives here: the commands ``word``, ``sheet``, ``strip``, ``check`` and
``histogram``, and how their answers look.
The guarantee: nothing of a learner's is overwritten, and no code of a returned notebook
runs in this process, nor anywhere at all without ``--run``.
What it may not know: how an answer is judged, how a notebook is run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esbench.cli import options, output, tables
from esbench.cli.lab import keep_word, kept_word
from esbench.cli.making import root
from esbench.cli.run import Failed, Misuse

if TYPE_CHECKING:
    import polars as pl

    from esbench.lessons.lesson import Lesson
    from esbench.lessons.returned import Answer, Trouble, Typical
    from esbench.lessons.votes import Vote

BAR, WIDEST = "█", 30  # one sign of a vote's line, and the signs of a whole class

classroom = typer.Typer(
    help="For instructors: a run sheet, a code word, learners' copies, and what comes "
    "back.",
    rich_markup_mode=None,
)
Numbers = Annotated[
    list[str] | None,
    typer.Option(
        "--lesson",
        metavar="NUMBER",
        help="Only this lesson, such as 03; may be said several times.",
        show_default=False,
    ),
]
Word = Annotated[
    str | None,
    typer.Option(
        "--word",
        metavar="WORD",
        help="The class's code word; that of 'esbench class word' unless said.",
        show_default=False,
    ),
]


@classroom.command()
def word(
    *,
    chosen: Annotated[
        str | None,
        typer.Argument(metavar="[WORD]", help="Small letters, digits and hyphens."),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Go back to a seed for each learner.")
    ] = False,
) -> None:
    """Set one code word for the class: all see the same letters and the same data.

    It is written into the working copies in .lessons/, and into those that are laid
    later; without WORD, the present one is told.

    \b
    Examples:
      esbench class word maple
      esbench class word --forget
    """
    from esbench.lessons import seed

    if forget and chosen:
        raise Misuse("a word and --forget at once: choose one")
    folder = root() / ".lessons"
    if chosen or forget:
        number = seed(chosen) if chosen else None
        changed = keep_word(folder, chosen)
        tables.out(f"{changed} copies in .lessons/ changed")
    else:
        chosen = kept_word(folder)
        number = seed(chosen) if chosen else None
    for line in _about(chosen, number):
        tables.out(line)


def _about(chosen: str | None, number: int | None) -> Iterator[str]:
    if chosen is None:
        yield "no code word: every learner has a seed of their own"
        return
    yield f"{chosen} is seed {number} of 26, for letters and for data"
    yield f"every learner:   esbench class word {chosen}"
    yield f'or in the notebook:   seed = lessons.seed("{chosen}")'
    yield f"on the pages:   index.html?class={chosen}"


# --- the run sheet ---------------------------------------------------------------


@classroom.command()
def sheet(
    *,
    minutes: Annotated[
        int, typer.Option("--minutes", metavar="N", help="45, 90 or 180.", min=1)
    ] = 45,
    word: Word = None,
) -> None:
    """Print a run sheet: what to open, say, ask and vote on, and where people stick.

    It is made from the lessons themselves, which are run for it, so that the letters
    are those that the class will see.

    \b
    Examples:
      esbench class sheet --minutes 90
      esbench class sheet --minutes 45 --word maple > sheet.md
    """
    from esbench.lessons import seed
    from esbench.lessons.sheet import sheet as lines

    place = root()
    said = word or kept_word(place / ".lessons")
    number = seed(said) if said else 1
    for line in lines(minutes, place / "notebooks", number, said):
        tables.out(line)


# --- learners' copies ------------------------------------------------------------


@classroom.command()
def strip(
    *,
    into: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Where they go; made if absent."),
    ],
    lesson: Numbers = None,
    word: Word = None,
) -> None:
    """Make learners' copies of the lessons: without solutions, without outputs.

    A file that is there already is never overwritten. Learners open the folder with
    'esbench lab --folder'.

    \b
    Examples:
      esbench class strip kit
      esbench class strip kit --lesson 00 --lesson 03 --word maple
    """
    from esbench.lessons.kit import lay_kit

    place = root()
    said = word or kept_word(place / ".lessons")
    for path in lay_kit(_chosen(lesson), place / "notebooks", into, said):
        tables.out(str(path))
        if "../data/" in path.read_text(encoding="utf-8"):
            tables.out(f"  reads ../data: put {into.name} into a clone to run it")
    tables.out(f"code word {said}" if said else "no code word: seeds are their own")


def _chosen(numbers: list[str] | None) -> list[Lesson]:
    from esbench.lessons.course import LESSONS, lesson

    return [lesson(one) for one in dict.fromkeys(numbers)] if numbers else [*LESSONS]


# --- what comes back -------------------------------------------------------------


@classroom.command()
def check(
    *,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Returned notebooks, at any depth."),
    ],
    json: options.Json = False,
    csv: options.Csv = False,
    output: options.Output = None,
    mistakes: Annotated[
        bool, typer.Option("--mistakes", help="Only the class's typical mistakes.")
    ] = False,
    run: Annotated[
        bool,
        typer.Option(
            "--run", help="Run them again in a sandbox; needs bubblewrap, on Linux."
        ),
    ] = False,
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds", metavar="N", min=1, help="What a notebook may take with --run."
        ),
    ] = 120,
) -> None:
    """Read the answers saved in returned notebooks, running none of their code.

    Shows what passed, what was never run, and what the class typically gets wrong.
    Ends with 0 when every notebook could be read, with 1 when one could not.

    With --run each is run again without network, with one folder to write into, and
    with limits of time, memory and processes. A saved answer shows what somebody saved,
    one run again what the code gives.

    \b
    Examples:
      esbench class check returned/
      esbench class check returned/ --csv > answers.csv
      esbench class check returned/ --mistakes --csv
      esbench class check returned/ --run
    """
    from esbench.lessons import returned

    wanted = _form(json=json, csv=csv, file=output)
    if run:
        _refuse_to_run()
    answers: list[Answer] = []
    troubles: list[Trouble] = []
    for path, name, found in returned.read(folder):
        if isinstance(found, returned.Trouble):
            troubles.append(found)
        elif run:
            tables.err(f"running {name}")
            anew, stopped = _anew(path, name, found, seconds)
            answers += anew
            troubles += stopped
        else:
            answers += found
    _give(answers, troubles, wanted, only_mistakes=mistakes)
    if troubles:
        raise typer.Exit(Failed.exit_code)


@classroom.command()
def histogram(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES",
            help="Notebooks, folders of them, or learners' .predictions.",
        ),
    ],
    json: options.Json = False,
    csv: options.Csv = False,
    output: options.Output = None,
) -> None:
    """Show how a class voted: each prediction's answers, and how many chose them first.

    Predictions are kept in .predictions beside a learner's copies, where its owner may
    delete them; without that folder the answers saved in notebooks count.

    \b
    Examples:
      esbench class histogram returned/
      esbench class histogram ann/.predictions ben/00_start_here.ipynb --csv
    """
    from esbench.lessons.returned import Trouble
    from esbench.lessons.votes import Vote, counted, voices

    wanted = _form(json=json, csv=csv, file=output)
    heard = [one for file in files for one in voices(file)]
    votes = counted(one for one in heard if not isinstance(one, Trouble))
    troubles = [one for one in heard if isinstance(one, Trouble)]
    if wanted.is_text:
        _tell_votes(votes)
    else:
        _write_votes(_rows(votes, Vote), wanted)
    _tell_troubles(troubles, tables.out if wanted.is_text else tables.err)
    if troubles:
        raise typer.Exit(Failed.exit_code)


def _write_votes(frame: pl.DataFrame, wanted: output.Form) -> None:
    rows = frame.to_dicts()
    is_json = wanted.name == "json"
    packed = output.json_bytes(rows) if is_json else output.csv_bytes(frame)
    output.write(packed, wanted)


def _tell_votes(votes: list[Vote]) -> None:
    """Draw the votes: a line an answer, as long as it was frequent."""
    if not votes:
        tables.out("nobody has voted: no prediction was answered")
        return
    widest = max(len(one.answer) for one in votes)
    for task in dict.fromkeys(one.task for one in votes):
        own = [one for one in votes if one.task == task]
        tables.out(f"{task}, {own[0].of} answered")
        for one in own:
            bar = BAR * max(1, round(one.count * WIDEST / one.of))
            sign = "right" if one.right else ""
            tables.hanging("  ", f"{one.answer:<{widest}}  {sign:5}  {bar} {one.count}")
        tables.out()


def _refuse_to_run() -> None:
    from esbench.cli.sandbox import refusal

    if why := refusal():
        raise Failed(why)


def _anew(
    path: Path, name: str, saved: list[Answer], seconds: float
) -> tuple[list[Answer], list[Trouble]]:
    """Run a notebook again; return its answers, and why it was ended if it was."""
    from esbench.cli.sandbox import Limits, rerun
    from esbench.lessons import returned

    cells = returned.cells_of(path)
    ran = rerun([one.source for one in cells], Limits(seconds=seconds))
    anew = returned.answers_in(name, returned.ran_anew(cells, ran.outputs))
    stopped = [returned.Trouble(notebook=name, why=ran.stopped)] if ran.stopped else []
    return returned.compared(saved, anew), stopped


def _form(*, json: bool, csv: bool, file: Path | None) -> output.Form:
    wanted = output.form(json=json, csv=csv, output=file)
    if wanted.name == "parquet":
        raise Misuse("answers of a class are no Parquet: say --json or --csv")
    return wanted


def _give(
    answers: list[Answer],
    troubles: list[Trouble],
    wanted: output.Form,
    *,
    only_mistakes: bool,
) -> None:
    """Give what a class answered in the form that was asked for."""
    from esbench.lessons.returned import typical

    wrong = typical(answers)
    rows: list[Any] = wrong if only_mistakes else answers
    if wanted.is_text:
        _tell(answers, wrong, only_mistakes=only_mistakes)
        _tell_troubles(troubles, tables.out)
    elif wanted.name == "json":
        output.write(output.json_bytes(_whole(answers, wrong, troubles)), wanted)
    else:
        output.write(output.csv_bytes(_frame(rows, only_mistakes)), wanted)
        _tell_troubles(troubles, tables.err)


def _whole(
    answers: Iterable[Answer], wrong: Iterable[Typical], troubles: Iterable[Trouble]
) -> dict[str, Any]:
    return {
        "answers": [asdict(one) for one in answers],
        "mistakes": [asdict(one) for one in wrong],
        "unread": [asdict(one) for one in troubles],
    }


def _frame(rows: Iterable[Any], is_mistakes: bool) -> pl.DataFrame:
    from esbench.lessons.returned import Answer, Typical

    return _rows(rows, Typical if is_mistakes else Answer)


def _rows(rows: Iterable[Any], kind: Any) -> pl.DataFrame:
    """Return rows as a frame, with their columns also when there is no row."""
    import polars as pl

    kinds = {"int": pl.Int64, "bool": pl.Boolean}
    schema = {one.name: kinds.get(str(one.type), pl.String) for one in fields(kind)}
    return pl.DataFrame([asdict(one) for one in rows], schema=schema)


def _tell(answers: list[Answer], wrong: list[Typical], *, only_mistakes: bool) -> None:
    """Say it to a person: a line a notebook, then what the class got wrong."""
    if not only_mistakes:
        tables.print_grid(tables.grid_of(_by_notebook(answers), "UTC"))
        tables.out()
    for one in answers:
        if one.saved == "passed" != one.result:
            tables.out(
                f"{one.notebook}: {one.task} was saved as passed; run again it is "
                f"{one.result}"
            )
    if not wrong:
        tables.out("no typical mistake: nobody was told what is wrong")
        return
    tables.quiet("the class's typical mistakes")
    tables.out()
    shown = _frame(wrong, is_mistakes=True)
    tables.print_grid(tables.grid_of(shown, "UTC"))


def _by_notebook(answers: list[Answer]) -> pl.DataFrame:
    """Return a row a notebook: which tasks passed, and what became of the others."""
    import polars as pl

    from esbench.lessons.returned import (
        MISSING,
        NEVER_RUN,
        NOT_TRIED,
        NOT_YET,
        PASSED,
        UNFIT,
    )

    results = (PASSED, NOT_YET, NOT_TRIED, NEVER_RUN, MISSING, UNFIT)
    held = Counter((one.notebook, one.result) for one in answers)
    used = [one for one in results if any(key[1] == one for key in held)]
    rows = []
    for name in dict.fromkeys(one.notebook for one in answers):
        own = [one for one in answers if one.notebook == name]
        tasks = {
            result: " ".join(one.task for one in own if one.result == result) or None
            for result in used
        }
        rows.append({"notebook": name, **tasks})
    schema = dict.fromkeys(["notebook", *used], pl.String)
    return pl.DataFrame(rows, schema=schema)


def _tell_troubles(troubles: list[Trouble], say: Any) -> None:
    for one in troubles:
        say(f"{one.notebook} was not done: {one.why}")
