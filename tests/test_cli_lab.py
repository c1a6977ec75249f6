"""The lessons are opened on copies of one's own, and what a person wrote is kept."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from esbench.cli.lab import lay
from esbench.cli.run import Misuse, run

ROOT = Path(__file__).parent.parent


def notebook(*sources, outputs=()):
    """Give the text of a notebook with some cells of code, as run."""
    cells = [
        {
            "cell_type": "code",
            "id": str(number),
            "metadata": {},
            "source": source,
            "execution_count": number,
            "outputs": list(outputs),
        }
        for number, source in enumerate(sources, start=1)
    ]
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole)


@pytest.fixture
def lessons(tmp_path):
    """Give a folder with two lessons, with outputs."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    said = {"output_type": "stream", "name": "stdout", "text": "said"}
    for name in ("00_start_here", "03_hydration"):
        (folder / f"{name}.ipynb").write_text(notebook("1 + 1", outputs=[said]))
    return folder


@pytest.fixture
def copies(lessons, tmp_path):
    """Give the folder of the copies, laid once."""
    lay(lessons, tmp_path / ".lessons", [])
    return tmp_path / ".lessons"


def code(path):
    """Give what stands in the cells of a notebook."""
    return ["".join(c["source"]) for c in json.loads(path.read_text())["cells"]]


def test_copies_have_no_outputs(copies):
    """Nobody reads an answer before the question."""
    [cell] = json.loads((copies / "03_hydration.ipynb").read_text())["cells"]
    assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_a_changed_copy_is_kept(lessons, copies):
    """What a person wrote stays, also when the lesson is renewed; this is said once."""
    (copies / "03_hydration.ipynb").write_text(notebook("my own"))
    assert lay(lessons, copies, []) == []
    (lessons / "03_hydration.ipynb").write_text(notebook("2 + 2"))
    [said] = lay(lessons, copies, [])
    assert "your copy is kept" in said
    assert "esbench lab --fresh 03" in said
    assert code(copies / "03_hydration.ipynb") == ["my own"]


def test_an_unchanged_copy_is_renewed(lessons, copies):
    """A lesson that was only run follows the repository."""
    (copies / "03_hydration.ipynb").write_text(notebook("1 + 1", outputs=[{"a": 1}]))
    assert lay(lessons, copies, []) == []
    assert "outputs" in (copies / "03_hydration.ipynb").read_text()
    (lessons / "03_hydration.ipynb").write_text(notebook("2 + 2"))
    assert lay(lessons, copies, []) == ["03_hydration.ipynb: renewed"]
    assert code(copies / "03_hydration.ipynb") == ["2 + 2"]


def test_fresh_lays_the_named_one_anew(lessons, copies):
    """``--fresh 03`` gives that lesson back as it was, and leaves the others."""
    for name in ("00_start_here", "03_hydration"):
        (copies / f"{name}.ipynb").write_text(notebook("my own"))
    assert lay(lessons, copies, ["03"]) == ["03_hydration.ipynb: laid anew"]
    assert code(copies / "03_hydration.ipynb") == ["1 + 1"]
    assert code(copies / "00_start_here.ipynb") == ["my own"]
    with pytest.raises(Misuse, match="there are: 00_start_here, 03_hydration"):
        lay(lessons, copies, ["07"])


def test_a_lost_note_and_a_broken_copy_take_nothing_away(lessons, copies):
    """Without its notes, or with a notebook it can't read, it keeps what is there."""
    (copies / ".laid.json").unlink()
    (copies / "03_hydration.ipynb").write_text(notebook("my own"))
    (copies / "00_start_here.ipynb").write_text("{ half a notebook")
    lay(lessons, copies, [])
    assert code(copies / "03_hydration.ipynb") == ["my own"]
    assert (copies / "00_start_here.ipynb").read_text() == "{ half a notebook"


def test_git_sees_no_copies(capsys):
    """The copies are laid beside the lessons, where git ignores them."""
    assert run(["lab", "--copies-only"]) == 0
    assert (ROOT / ".lessons" / "00_start_here.ipynb").exists()
    assert "\n.lessons/\n" in (ROOT / ".gitignore").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="is for POSIX")
def test_the_server_opens_on_00_and_asks_the_network_for_nothing(tmp_path):
    """The address is printed once it answers; Ctrl-C ends the server, too."""
    with subprocess.Popen(
        [sys.executable, "-m", "esbench.cli", "lab", "--no-browser"],
        cwd=ROOT,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        line = next(line for line in process.stdout if "http" in line)
        address = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+", line)[0]
        assert "/lab/tree/00_start_here.ipynb?token=" in address
        base, token = address.split("/lab/tree/00_start_here.ipynb?")
        page = fetched(address)
        assert '"news": {"disabled": true}' in page
        plugin = "@jupyterlab/apputils-extension:notification"
        settings = json.loads(fetched(f"{base}/lab/api/settings/{plugin}?{token}"))
        wishes = settings["schema"]["properties"]
        assert wishes["fetchNews"]["default"] == "false"
        assert wishes["checkForUpdates"]["default"] is False
        names = json.loads(fetched(f"{base}/api/contents?{token}"))["content"]
        assert "03_hydration.ipynb" in {each["name"] for each in names}
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(base, timeout=5)


def fetched(address):
    """Give the text at an address."""
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read().decode()
