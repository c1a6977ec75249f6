"""The lessons' outputs are compared strictly, as pyproject.toml has it."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def write(path, source, told):
    """Write a notebook of one cell that claims an output."""
    result = {
        "output_type": "execute_result",
        "execution_count": 1,
        "metadata": {},
        "data": {"text/plain": told},
    }
    cell = {
        "cell_type": "code",
        "id": "cell-00",
        "execution_count": 1,
        "metadata": {},
        "source": source,
        "outputs": [result],
    }
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(book))


def compare(folder):
    """Run the project's pytest over a folder and give its last line."""
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml"]
    done = subprocess.run(
        [*command, "--rootdir", folder, "-p", "no:cacheprovider", folder],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()[-1]


def test_lessons_are_collected_and_compared():
    """A plain pytest, as `make test` runs it, takes the lessons and compares them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    options = project["tool"]["pytest"]
    assert "notebooks" in options["testpaths"]
    assert {"--nbval", "--nbval-current-env"} <= set(options["addopts"])


@pytest.mark.parametrize(
    ("source", "told", "end"),
    [
        ("1 + 1", "2", "1 passed"),
        ("1 + 1", "3", "1 failed"),
        ("1 / 0", "2", "1 failed"),
    ],
)
def test_another_output_is_a_failure(tmp_path, source, told, end):
    """A cell that gives something else than it claims turns the run red."""
    write(tmp_path / "one.ipynb", source, told)
    assert end in compare(tmp_path)
