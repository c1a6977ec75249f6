"""Returned notebooks are run again in a sandbox, and a hostile one does no harm."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from esbench.cli import sandbox
from esbench.cli.run import Failed, run
from esbench.cli.sandbox import Limits, rerun
from esbench.lessons import l00, returned
from esbench.lessons.exercise import cell as exercise_cell
from esbench.lessons.letters import shuffled

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
FIRST = "00_start_here.ipynb"
STUB = exercise_cell(l00.KEPT, l00.KEPT.stub)
LETTER = "ABCD"[shuffled("00.1", 1).index("0")]


@pytest.fixture
def walls():
    """Skip where no sandbox can be had; that bubblewrap is missing is no reason."""
    if not sys.platform.startswith("linux"):
        pytest.skip("is for Linux")
    if shutil.which(sandbox.PROGRAM) is None:
        pytest.skip("bubblewrap is not installed")
    if sandbox.refusal():
        pytest.skip("nobody may make namespaces here")


def notebook(code, letter="?", saved=()):
    """Give lesson 00 as its learner's code makes it, with outputs saved by hand."""
    whole = json.loads((NOTEBOOKS / FIRST).read_text("utf-8"))
    for cell in whole["cells"]:
        source = "".join(cell["source"])
        source = source.replace('"00.1", "?"', f'"00.1", "{letter}"')
        if source == STUB:
            source = exercise_cell(l00.KEPT, code)
            cell["outputs"] = list(saved)
        cell["source"] = source
    return json.dumps(whole)


FORGED = [{"output_type": "stream", "text": f"passed: {l00.KEPT.praise}"}]


@pytest.mark.usefixtures("walls")
def test_what_is_run_again_is_judged_by_what_it_gives(tmp_path, capsys):
    """A right answer passes anew, and a forged one is found out and named."""
    texts = {
        "ann": notebook(l00.KEPT.solution, LETTER),
        "ben": notebook(l00.KEPT.mistakes[0].code, saved=FORGED),
    }
    for who, text in texts.items():
        (tmp_path / f"{who}.ipynb").write_text(text, "utf-8")
    assert run(["class", "check", str(tmp_path), "--json"]) == 0
    before = json.loads(capsys.readouterr().out)["answers"]
    assert run(["class", "check", str(tmp_path), "--run", "--json"]) == 0
    after = json.loads(capsys.readouterr().out)["answers"]
    saved, anew = (
        {(one["notebook"][:3], one["task"]): one["result"] for one in rows}
        for rows in (before, after)
    )
    assert saved["ben", "00.2"] == "passed"
    assert anew == {
        ("ann", "00.1"): "passed",
        ("ann", "00.2"): "passed",
        ("ben", "00.1"): "not tried",
        ("ben", "00.2"): "not yet",
    }
    [forged] = [one for one in after if one["saved"] == "passed"]
    assert (forged["notebook"], forged["task"]) == ("ben.ipynb", "00.2")
    assert forged["said"] == l00.KEPT.mistakes[0].hint


HOSTILE = {
    "writes where it may": "open('mine', 'w').write('x' * 1000)",
    "reads a secret": "open('{secret}').read()",
    "reads who else is here": "open('/etc/passwd').read()",
    "reads the network": (
        "import socket\nsocket.create_connection(('{host}', {port}), 2)"
    ),
    "asks for a name": "import socket\nsocket.getaddrinfo('example.org', 80)",
    "writes outside": "open('{folder}/made', 'w')",
    "writes into the package": "open(__import__('esbench').__file__, 'a')",
    "writes into the root": "open('/made', 'w')",
    "writes into memory": "open('/dev/shm/made', 'w')",
    "fills the disk": "open('big', 'wb').write(bytes(300 * 2**20))",
    "lifts its limits": (
        "import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (-1, -1))"
    ),
    "becomes root": "import os\nos.setuid(0)\nopen('/made', 'w')",
    "ends what is outside": "import os\nos.kill({pid}, 9)",
    "takes all memory": "bytearray(6 * 2**30)",
    "looks at processes": (
        "import os\nassert len([n for n in os.listdir('/proc') if n.isdigit()]) > 9"
    ),
    "mounts": (
        "import subprocess\n"
        "subprocess.run(['mount', '-t', 'tmpfs', 'x', '/tmp'], check=True)"
    ),
}


@pytest.mark.usefixtures("walls")
def test_a_hostile_notebook_reaches_nothing(tmp_path):
    """Files, network, processes and memory of this machine are out of its reach."""
    import socket

    secret = tmp_path / "secret"
    secret.write_text("for nobody")
    with socket.create_server(("127.0.0.1", 0)) as server:
        values = {
            "{secret}": str(secret),
            "{folder}": str(tmp_path),
            "{host}": "127.0.0.1",
            "{port}": str(server.getsockname()[1]),
            "{pid}": str(os.getpid()),
        }
        sources = [_with(values, source) for source in HOSTILE.values()]
        ran = rerun(sources, Limits(seconds=60))
    assert ran.stopped == ""
    gave = dict(zip(HOSTILE, ran.outputs.values(), strict=True))
    assert gave.pop("writes where it may")["text"] == "1000"
    assert {
        name for name, one in gave.items() if one["output_type"] != "error"
    } == set()
    assert {path.name for path in tmp_path.iterdir()} == {"secret"}


def _with(values, source):
    for name, value in values.items():
        source = source.replace(name, value)
    return source


LOOP = """
while True:
    pass
"""
DEAF = """
import signal
for n in range(1, 65):
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass
"""
BOMB = """
import os
while True:
    try: os.fork()
    except OSError: pass
"""
MANY = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        held = b'x' * (200 * 2**20)
        time.sleep(60)
time.sleep(60)
"""
FLOOD = """
import os
while True:
    for n in range(3, 20):
        try: os.write(n, b'x' * 2**20)
        except OSError: pass
"""
ENDLESS = {
    "a loop": (LOOP, "took longer than 4 s"),
    "a deaf loop": (DEAF, "took longer than 4 s"),
    "a fork bomb": (BOMB, ""),
    "memory of many": (MANY, "MB of memory"),
    "an end of its own": ("import os\nos._exit(0)", "ended itself"),
    "a crash": ("import ctypes\nctypes.string_at(0)", "ended itself"),
    "a flood": (FLOOD, ""),
}


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(("source", "why"), ENDLESS.values(), ids=ENDLESS)
def test_what_would_not_end_is_ended(source, why):
    """What ran before is kept, the rest never ran, and nothing is left running."""
    limits = Limits(seconds=4, memory=600 * sandbox.MEGABYTE)
    before = left_over()
    ran = rerun(["1 + 1", source, "3"], limits)
    assert ran.outputs[0]["text"] == "2"
    assert 2 not in ran.outputs
    assert ran.stopped
    assert why in ran.stopped
    assert left_over() <= before


def left_over():
    """Give the processes that run a returned notebook."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"esbench.cli.rerun" in words:
            found.add(path.parent.name)
    return found


@pytest.mark.usefixtures("walls")
def test_one_that_has_to_be_ended_stops_no_other(tmp_path, capsys):
    """The command names it, keeps what it gave, and goes on to the next."""
    endless = notebook("while True:\n    pass")
    (tmp_path / "a.ipynb").write_text(endless, "utf-8")
    (tmp_path / "b.ipynb").write_text('{"cells": []}')
    assert run(["class", "check", str(tmp_path), "--run", "--seconds", "6"]) == 1
    out = capsys.readouterr().out
    assert "a.ipynb was not done: it took longer than 6 s" in out
    assert "b.ipynb was not done: no task of the course" in out
    assert "never run" in out.splitlines()[0]


@pytest.mark.torture
@pytest.mark.usefixtures("walls")
def test_every_lesson_runs_within_the_limits():
    """No honest notebook is ended: each lesson runs whole, solutions and all."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = returned.loaded(path)["cells"]
        code = ["".join(one["source"]) for one in cells if one["cell_type"] == "code"]
        assert rerun(code).stopped == "", path.name


def test_where_no_sandbox_can_be_had_nothing_is_run(monkeypatch, tmp_path, capsys):
    """Without bubblewrap, or off Linux, the reason is said before anything runs."""
    (tmp_path / "a.ipynb").write_text(notebook(l00.KEPT.solution), "utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["class", "check", str(tmp_path), "--run"]) == 1
    done = capsys.readouterr()
    assert (done.out, "apt install bubblewrap" in done.err) == ("", True)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Failed, match="which is for Linux"):
        rerun(["1"])


@pytest.mark.usefixtures("walls")
def test_a_system_that_forbids_namespaces_is_told(monkeypatch, tmp_path):
    """What bubblewrap says when it can't is handed on, and nothing is run."""
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'No permissions' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Failed, match="No permissions"):
        rerun(["1"])
