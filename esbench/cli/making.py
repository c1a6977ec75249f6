"""``data`` and ``site``: what the project makes from itself, for those who work on it.

What lives here: where the clone is, and putting new samples in place of old ones.
The guarantee: the old samples stay until the new ones are whole.
What it may not know: what samples and pages hold.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from esbench.cli import tables
from esbench.cli.run import Failed

ROOT = Path(__file__).resolve().parents[2]


def root() -> Path:
    """Return the folder of the clone that this package runs from."""
    if (ROOT / "pyproject.toml").is_file() and (ROOT / "notebooks").is_dir():
        return ROOT
    raise Failed(
        "this needs a clone of the project, with notebooks/ beside esbench/: get one, "
        "and run it there"
    )


def data(
    *,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FOLDER", help="Where; data/ unless said."),
    ] = None,
) -> None:
    """Make the samples in data/ anew; the bytes are the same every time.

    \b
    Example:
      esbench data
    """
    from esbench.analysis.samples import make

    folder = into or root() / "data"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as made:
        for new in make(Path(made)):
            _put(new, folder / new.name)
            tables.out(f"{folder / new.name}  {_size(folder / new.name):,} bytes")


def _put(new: Path, place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    new.replace(place)


def _size(place: Path) -> int:
    files = [place] if place.is_file() else place.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def site(
    *,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FOLDER", help="Where; site/ unless said."),
    ] = None,
) -> None:
    """Make every lesson one plain page that needs no server.

    \b
    Example:
      esbench site
    """
    from esbench.widgets.site import make_site

    def tell(lesson: str) -> None:
        tables.err(f"running {lesson}")

    try:
        pages = make_site(root() / "notebooks", into or root() / "site", tell=tell)
    except RuntimeError as error:
        raise Failed(str(error)) from error
    for page in pages:
        tables.out(str(page))
