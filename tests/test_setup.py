"""Set-up makes a whole bench or says in one sentence why it cannot.

Each test runs the real script in a process of its own, in a small project of the same
form whose one package, flit_core, lies in a folder beside it: nothing is fetched.
"""

import copy
import hashlib
import importlib.metadata
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "esbench" / "bootstrap.py"
CLI = """
import os, sys, time
print("runs", sys.argv[1:], os.getpid(), sys.prefix, flush=True)
time.sleep(20 if "sleep" in sys.argv else 0)
sys.exit(7)
"""
PROJECT = """
[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"
[project]
name = "esbench"
version = "0"
description = "A small stand-in."
"""


class Clone:
    """A small project that sets itself up with the real script."""

    def __init__(self, folder, wheel):
        """Lay it out, with a lock that names the one wheel."""
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lock = f"flit_core=={flit().version} --hash=sha256:{digest}\n"
        self.folder, self.wheel = folder, wheel
        (folder / "esbench").mkdir(parents=True)
        shutil.copy(SCRIPT, folder / "esbench")
        (folder / "esbench" / "__init__.py").touch()
        (folder / "esbench" / "cli.py").write_text(CLI)
        (folder / "pyproject.toml").write_text(PROJECT)
        (folder / "requirements.lock").write_text(lock)
        (folder / "requirements-test.lock").write_text(lock)

    def environment(self, **more):
        """Give an environment in which pip finds the wheel and no index at all."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") & os.environ.keys()}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
        found = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheel.parent)}
        return {**kept, **pip, **(more or found)}

    def start(self, *arguments, before=(), python=sys.executable, **environment):
        """Start the script and give its process."""
        script = self.folder / "esbench" / "bootstrap.py"
        return subprocess.Popen(
            [str(part) for part in (*before, python, script, *arguments)],
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **how):
        """Run the script to its end: its exit code, what it says, what it laments."""
        process = self.start(*arguments, **how)
        said, lamented = process.communicate(timeout=60)
        return process.returncode, said, lamented

    @property
    def venv(self):
        """Give the folder of its environment."""
        return self.folder / ".venv"


def flit():
    """Give the installed flit_core."""
    return importlib.metadata.distribution("flit_core")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Give flit_core as a wheel, packed from the installed one."""
    name = f"flit_core-{flit().version}-py3-none-any.whl"
    path = tmp_path_factory.mktemp("wheels") / name
    left_out = ("INSTALLER", "REQUESTED", ".pyc")
    with zipfile.ZipFile(path, "w") as archive:
        for file in flit().files:
            if not str(file).endswith(left_out):
                archive.write(file.locate(), str(file))
    return path


@pytest.fixture
def fresh(tmp_path, wheel):
    """Give a clone that was never set up."""
    return Clone(tmp_path / "clone", wheel)


@pytest.fixture(scope="module")
def bench(tmp_path_factory, wheel):
    """Give a clone in a path with spaces, set up over a half-made `.venv`."""
    clone = Clone(tmp_path_factory.mktemp("a b") / "my clone", wheel)
    (clone.venv / "bin").mkdir(parents=True)
    (clone.venv / "bin" / "python").write_text("broken")
    (clone.venv / "rubbish").touch()
    code, said, lamented = clone.run("setup")
    assert (code, lamented) == (0, "")
    assert "Making .venv, 0 s" in said
    assert "Fetching 0 of 1 packages" in said
    assert "packages, " in said
    return clone


CUT_OFF = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/",
    "PIP_RETRIES": "1",
    "NO_PROXY": "*",
}


def sentence(lamented):
    """Give the one sentence that stderr holds."""
    assert lamented.startswith("esbench: ")
    assert lamented.count("\n") == 1
    assert "Traceback" not in lamented
    return lamented.removeprefix("esbench: ").strip()


# What works


def test_a_half_made_environment_is_made_anew(bench):
    """Without a stamp, whatever lies in `.venv` is replaced."""
    assert not (bench.venv / "rubbish").exists()
    assert (bench.venv / "esbench-set-up.json").exists()


def test_what_was_asked_runs_with_its_arguments_and_exit_code(bench):
    """A path with spaces, arguments and exit codes all come through."""
    code, said, lamented = bench.run("demo", "--about", "a b")
    assert (code, lamented) == (7, "")
    assert "runs ['demo', '--about', 'a b']" in said
    assert said.strip().endswith(str(bench.venv))


def test_a_second_run_needs_neither_pip_nor_a_network(bench):
    """With the stamp nothing is installed, and the first word is the program's."""
    _, said, _ = bench.run("demo", **CUT_OFF)
    assert said.startswith("runs")


@pytest.mark.skipif(os.name == "nt", reason="is for POSIX")
def test_the_script_becomes_the_program(bench):
    """Signals reach the program itself, since no process stands in between."""
    with bench.start("demo", "sleep") as process:
        assert f"] {process.pid} " in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.skipif(os.name == "nt", reason="is for POSIX")
def test_two_set_ups_take_turns(bench):
    """A second set-up waits for the first, then finds out what is left to do."""
    import fcntl

    (bench.folder / "pyproject.toml").write_text(PROJECT + "# changed\n")
    with (bench.venv / "esbench-set-up.lock").open("ab") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        process = bench.start("demo")
        assert "waiting" in process.stdout.readline()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 7
    assert "Linking esbench" in said
    assert "Fetching" not in said


def test_the_script_may_be_run_by_the_environment_itself(bench):
    """In an activated `.venv` the Python that it was made from does the mending."""
    (bench.folder / "pyproject.toml").write_text(PROJECT + "# changed again\n")
    python = bench.venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    code, said, lamented = bench.run("demo", python=python)
    assert (code, lamented) == (7, "")
    assert "Linking esbench" in said


def test_the_help_lists_every_verb(fresh):
    """Without a verb the script tells what there is, and touches nothing."""
    code, said, _ = fresh.run()
    assert code == 0
    verbs = [line.split()[0] for line in said.splitlines()[2:]]
    assert verbs == list(runpy.run_path(str(SCRIPT))["VERBS"])
    assert not fresh.venv.exists()


# A folder for a USB stick


@pytest.fixture(scope="module")
def stick(bench, tmp_path_factory):
    """Give a folder as `wheelhouse` makes it, over what does not belong there."""
    folder = tmp_path_factory.mktemp("usb") / "my stick"
    (folder / "wheels").mkdir(parents=True)
    (folder / "wheels" / "older.whl").write_text("half a file")
    (folder / "esbench").mkdir()
    (folder / "esbench" / "gone.py").touch()
    code, said, lamented = bench.run("wheelhouse", "--into", str(folder))
    assert (code, lamented) == (0, "")
    assert f"{folder}: 1 packages" in said
    made = copy.copy(bench)
    made.folder = folder
    return made


def test_a_stick_sets_itself_up_without_index_or_network(stick, tmp_path):
    """Copied to a disk, with an index that answers nobody, it sets itself up."""
    disk = copy.copy(stick)
    disk.folder = tmp_path / "on disk"
    shutil.copytree(stick.folder, disk.folder)
    code, said, lamented = disk.run("demo", **CUT_OFF)
    assert (code, lamented) == (7, "")
    assert said.strip().endswith(str(disk.venv))


def test_a_stick_holds_the_project_and_what_the_lock_names(stick, bench):
    """Strangers and older files go, environments and addresses never come along."""
    names = {path.name for path in stick.folder.iterdir()}
    assert names == {"esbench", "pyproject.toml", "requirements.lock", "wheels"}
    assert [path.name for path in (stick.folder / "wheels").iterdir()] == [
        bench.wheel.name
    ]
    assert not (stick.folder / "esbench" / "gone.py").exists()
    assert not list(stick.folder.rglob("__pycache__"))
    lock = (stick.folder / "requirements.lock").read_text()
    assert lock == (bench.folder / "requirements.lock").read_text()


def test_a_stick_made_elsewhere_says_what_it_lacks(tmp_path):
    """Where the wheels of a stick do not fit, the sentence says what to do."""
    script = runpy.run_path(str(SCRIPT))
    progress = script["Progress"](1)
    progress.output = ["ERROR: No matching distribution found for flit_core==1"]
    assert progress.diagnosis() == script["NO_WHEEL"]
    script["Progress"].diagnosis.__globals__["WHEELS"] = str(tmp_path)
    assert progress.diagnosis() == script["NOT_CARRIED"]


@pytest.mark.parametrize(
    "words", [["--platform", "amiga"], ["--into"], ["windows"], ["--platform"]]
)
def test_an_unknown_system_is_told(bench, words):
    """What is not understood is named, with the systems there are."""
    code, _, lamented = bench.run("wheelhouse", *words)
    assert code == 1
    assert "windows, macos, macos-intel, linux, linux-arm" in sentence(lamented)
    assert not (bench.folder / "wheelhouse").exists()


def test_another_system_gets_what_its_conditions_say():
    """The lock's conditions are judged for the system that is asked for."""
    script = runpy.run_path(str(SCRIPT))
    names = {
        system: set(
            re.findall(r"^([\w.-]+)==", script["lock_for"](system), re.MULTILINE)
        )
        for system in ("linux", "windows", "macos", "macos-intel:3.12")
    }
    assert names["windows"] - names["linux"] == {"colorama", "pywinpty"}
    assert names["macos"] - names["linux"] == {"appnope"}
    assert "ptyprocess" not in names["windows"]
    assert "overrides" not in names["macos-intel:3.12"]
    for system in ("linux", "windows", "macos", "macos-intel:3.12"):
        lines = script["lock_for"](system).splitlines()
        assert len(lines) == len(names[system])
        assert all("--hash=sha256:" in line and ";" not in line for line in lines)


@pytest.mark.parametrize(
    ("condition", "is_true"),
    [
        ("python_full_version < '3.12'", True),
        ("python_full_version >= '3.9'", True),
        ("python_full_version >= '3.11.5' and os_name == 'nt'", True),
        ("python_version > '3.11' or sys_platform != 'win32'", False),
        ("platform_system == 'Windows' and platform_machine == 'AMD64'", True),
    ],
)
def test_conditions_compare_versions_by_their_numbers(condition, is_true):
    """3.9 is before 3.11, and a Python is meant in its latest release."""
    script = runpy.run_path(str(SCRIPT))
    assert script["holds"](condition, "windows:3.11") is is_true


# What does not, and says so


def test_an_unknown_verb_is_named(fresh):
    """A word that is no verb is answered with the verbs."""
    code, _, lamented = fresh.run("labb")
    assert code == 1
    assert sentence(lamented).startswith("'labb' is none of: lab, test, demo")


@pytest.mark.parametrize("version", [(3, 6), (3, 9), (3, 10), (3, 15)])
def test_a_python_that_does_not_fit_is_told(fresh, version):
    """The sentence names the range and what this Python is."""
    script = str(fresh.folder / "esbench" / "bootstrap.py")
    code = (
        f"import runpy, sys; sys.version_info = {(*version, 0, 'final', 0)}; "
        f"sys.argv = [{script!r}, 'lab']; runpy.run_path({script!r}, None, '__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    told = f"Python 3.11 to 3.14 is needed, this is 3.{version[1]}; "
    assert done.returncode == 1
    assert sentence(done.stderr).startswith(told)
    assert not fresh.venv.exists()


def test_real_old_pythons_can_read_the_script(fresh):
    """Each old Python of this machine says what is needed, and never SyntaxError."""
    kept = Path.home() / ".pyenv" / "versions"
    for minor in (6, 7, 8, 9, 10):
        beside = next(kept.glob(f"3.{minor}.*/bin/python"), None)
        python = beside or shutil.which(f"python3.{minor}")
        if python and subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL):
            continue
        if python:
            code, _, lamented = fresh.run("lab", python=python)
            assert code == 1
            assert "Python 3.11 to 3.14 is needed" in sentence(lamented)


def test_a_missing_venv_module_is_named(fresh, tmp_path):
    """Where Debian has left ensurepip out, the package to install is named."""
    missing = "raise ModuleNotFoundError('No module', name='ensurepip')\n"
    (tmp_path / "ensurepip.py").write_text(missing)
    code, _, lamented = fresh.run("lab", PYTHONPATH=str(tmp_path))
    assert code == 1
    assert "lacks the module ensurepip" in sentence(lamented)
    assert "apt install python3-venv" in lamented
    assert not fresh.venv.exists()


def test_no_network_leaves_nothing_behind(fresh):
    """A first set-up that cannot reach the index takes its `.venv` away again."""
    code, _, lamented = fresh.run("lab", **CUT_OFF)
    assert code == 1
    assert "package index cannot be reached" in sentence(lamented)
    assert not fresh.venv.exists()


def test_no_network_leaves_a_whole_environment_alone(bench):
    """When a new lock cannot be fetched, what was there before still works."""
    lock = bench.folder / "requirements.lock"
    old = lock.read_text()
    lock.write_text(old.replace(flit().version, "99.0"))
    code, _, lamented = bench.run("demo", **CUT_OFF)
    lock.write_text(old)
    assert code == 1
    assert "package index cannot be reached" in sentence(lamented)
    _, said, _ = bench.run("demo", **CUT_OFF)
    assert said.startswith("runs")


def test_a_package_that_is_not_the_locked_one_is_refused(bench):
    """A file with another hash than the lock's is not installed."""
    lock = bench.folder / "requirements.lock"
    old = lock.read_text()
    lock.write_text(f"flit_core=={flit().version} --hash=sha256:{'0' * 64}\n")
    force = bench.environment() | {"PIP_FORCE_REINSTALL": "1"}
    code, _, lamented = bench.run("demo", **force)
    lock.write_text(old)
    assert code == 1
    assert "not the one that the lock names" in sentence(lamented)


@pytest.mark.skipif(os.name == "nt", reason="is for POSIX")
def test_ctrl_c_while_fetching_clears_up(fresh):
    """Ctrl-C in the middle of a download ends pip and leaves no `.venv`."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        process = fresh.start("lab", PIP_INDEX_URL=index, NO_PROXY="*")
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        _, lamented = process.communicate(timeout=20)
        connection.close()
    assert process.returncode == 130
    assert sentence(lamented) == "Stopped."
    assert not fresh.venv.exists()


@pytest.mark.skipif(os.name == "nt", reason="is for POSIX")
def test_a_polite_end_clears_up_too(fresh):
    """SIGTERM while `.venv` is being made leaves none."""
    process = fresh.start("lab")
    assert "Making .venv" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, lamented = process.communicate(timeout=20)
    assert process.returncode == 130
    assert sentence(lamented) == "Stopped."
    assert not fresh.venv.exists()


@pytest.fixture
def bound():
    """Give what to put before a command so that permissions bind it, root or not."""
    if os.name == "nt":
        pytest.skip("is for POSIX")
    if os.geteuid() != 0:
        return ()
    without = "--bounding-set=-dac_override,-dac_read_search"
    if subprocess.call(["setpriv", without, "true"]) != 0:
        pytest.skip("root may write everywhere here")
    return ("setpriv", without)


def test_a_read_only_folder_is_told(fresh, bound):
    """Where nothing may be written, the sentence names the place and the way out."""
    fresh.folder.chmod(0o555)
    code, _, lamented = fresh.run("lab", before=bound)
    fresh.folder.chmod(0o755)
    assert code == 1
    assert f"{fresh.venv} may not be written" in sentence(lamented)
    assert "copy the project to a folder of your own" in lamented
    assert not fresh.venv.exists()


def test_a_whole_environment_runs_from_a_read_only_folder(bench, bound):
    """What was set up once can be used where nothing may be written."""
    for folder in (bench.folder, bench.venv):
        folder.chmod(0o555)
    code, said, _ = bench.run("demo", before=bound)
    for folder in (bench.folder, bench.venv):
        folder.chmod(0o755)
    assert code == 7
    assert said.startswith("runs")


def test_a_full_disk_is_told(fresh, tmp_path):
    """On a disk without room the sentence says how much is needed; nothing stays."""
    alone = ["unshare", "--mount" if os.geteuid() == 0 else "-rm", "sh", "-ec"]
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = 'mount -t tmpfs -o size=200k none "$1"'
    if subprocess.call([*alone, mount, "sh", disk]) != 0:
        pytest.skip("nobody may mount here")
    script = (
        f'{mount}; cp -r "$2/." "$1"; code=0; '
        '"$3" "$1/esbench/bootstrap.py" lab || code=$?; ls -A "$1"; exit $code'
    )
    done = subprocess.run(
        [*alone, script, "sh", disk, fresh.folder, sys.executable],
        env=fresh.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "disk is full" in sentence(done.stderr)
    assert ".venv" not in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("ERROR: [Errno 28] No space left on device", "FULL"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "OTHER"),
        ("[Errno 30] Read-only file system: '/x'", "SHUT"),
        ("WARNING: Retrying (Retry(total=4\nERROR: No matching distr", "CUT_OFF"),
        ("ERROR: No matching distribution found for x==1", "NO_WHEEL"),
    ],
)
def test_the_last_words_of_pip_become_a_sentence(words, sentence):
    """What pip and venv say when they fail is told in words that help."""
    script = runpy.run_path(str(SCRIPT))
    progress = script["Progress"](1)
    progress.output = words.splitlines()
    assert progress.diagnosis() == script[sentence]


def test_the_stamp_covers_both_locks_after_a_set_up_for_tests():
    """Who set up for the tests needs no more for the lessons."""
    script = runpy.run_path(str(SCRIPT))
    wanted = script["wants"]("requirements-test.lock")
    assert script["wants"]("requirements.lock").items() <= wanted.items()
    assert json.loads(json.dumps(wanted)) == wanted
