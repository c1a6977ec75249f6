"""What the README says is true: its code runs, its values and its files are there."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import esbench as es
from esbench.domains import video
from esbench.workers import tournament

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
VALUES = "Decimal|Product|Ends|Verdict|Witness|Fraction"
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def told_values(block: str) -> list[tuple[str, str]]:
    """Return the expressions whose value a comment behind them tells."""
    return [
        (code.strip(), value.strip())
        for line in block.splitlines()
        if (match := re.fullmatch(rf"(\S.*?)\s+# ((?:{VALUES})\(.*)", line))
        for code, value in [match.groups()]
    ]


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, blocks: list[str]) -> dict:
    """Run blocks one after another in a fresh folder, and return their names."""
    monkeypatch.chdir(folder)
    names: dict = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec", dont_inherit=True), names)
    return names


def test_the_code_runs_and_gives_the_values_it_tells(tmp_path, monkeypatch):
    """Each block of the README runs after those before it, with the values told."""
    names = run(tmp_path, monkeypatch, BLOCKS)
    told = [pair for block in BLOCKS for pair in told_values(block)]
    assert len(told) == 6
    for code, value in told:
        assert repr(eval(code, names)) == value, code


def test_the_first_block_writes_a_log_that_opens_again(tmp_path, monkeypatch):
    """The folder named in the README is a sound log afterwards."""
    run(tmp_path, monkeypatch, BLOCKS[:1])
    log = es.EventLog.existing(tmp_path / "my-bank")
    assert (len(log), log.verify().ok) == (2, True)


def test_the_table_of_fixes_is_what_the_tournament_gives():
    """Each figure, sign and price in the table of fixes is counted anew."""
    assert tournament(video.the_race()).table() in README


@pytest.mark.parametrize("call", re.findall(r"`log\.as_of\(.*?\)`", README))
def test_each_past_of_the_table_can_be_asked(call, tmp_path, monkeypatch):
    """Each call in the table of pasts gives a past."""
    names = run(tmp_path, monkeypatch, BLOCKS[:1])
    tree = ast.parse(call.strip("`"), mode="eval")
    assert isinstance(eval(compile(tree, "README.md", "eval"), names), es.Past)


def test_every_file_that_is_named_is_there():
    """Pictures, links and files of the project that the README names exist."""
    named = re.findall(r"\]\(([^)#]+)\)", README)
    named += re.findall(r"`((?:esbench|data|notebooks)/[\w./]+\.\w+)`", README)
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_every_link_into_the_page_has_its_heading():
    """A link to a heading of the README finds it."""
    headings = {
        re.sub(r"[^\w\s-]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in README.splitlines()
        if line.startswith("#")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= headings


# Commands

SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL))
LINES = [line.split("#")[0].strip() for line in SHELL.splitlines()]
TOLD = [*LINES, *re.findall(r"`(esbench [^`]+)`", README)]
COMMANDS = sorted({line for line in TOLD if line.startswith("esbench ")})


def esbench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the clone in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "esbench.cli", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_is_named_is_there(command, tmp_path):
    """Each command of the README exists, and so do the options it is shown with."""
    words = shlex.split(command)[1:]
    named = words[:2] if words[0] == "class" else words[:1]
    helped = esbench(tmp_path, *named, "--help")
    assert helped.returncode == 0, helped.stderr
    options = {word for word in words if word.startswith("--")}
    assert options <= {*re.findall(r"--[\w-]+", helped.stdout)}


def test_the_way_of_an_own_extract_runs(tmp_path):
    """The commands under that heading run one after another, on the sample."""
    shutil.copy(ROOT / "data" / "extract.csv", tmp_path)
    told = README.split("\n## Your own extract\n")[1].split("\n## ")[0]
    block = re.findall(r"```sh\n(.*?)```", told, flags=re.DOTALL)[0]
    commands = [shlex.split(line, comments=True)[1:] for line in block.splitlines()]
    assert [words[0] for words in commands] == ["import", "import", "table"]
    for words in commands:
        done = esbench(tmp_path, *words)
        assert done.returncode == 0, done.stderr
    assert "PL65938268" in done.stdout


def test_every_target_of_make_that_is_named_is_there():
    """`make lab` and its like are targets of the Makefile."""
    targets = re.findall(
        r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
    )
    named = re.findall(r"(?:`|^)make (\w+)", README, re.MULTILINE)
    assert named
    assert set(named) <= set(targets)
