"""The house keeps its own rules: layers, locks, lints, names."""

import ast
import importlib
import os
import pkgutil
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import esbench as es

ROOT = Path(__file__).parent.parent
BOOTSTRAP = ROOT / "esbench" / "bootstrap.py"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-test.lock", "requirements-bench.lock")
EXTRAS = {"requirements-test.lock": "test", "requirements-bench.lock": "bench"}
HEAVY = {"polars", "pyarrow", "pandas", "narwhals", "matplotlib", "ipywidgets", "numpy"}
TOP_LEVEL = {
    *("notebooks", "esbench", "data", "tests", "environment.yml", "pyproject.toml"),
    *("README.md", "benchmarks", "Makefile", *LOCKS, "LICENSE", "CHANGELOG.md"),
}


def run(*command, folder=ROOT, **environment):
    """Run a command to its end and give what it did and said."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def tool(name):
    """Give the path of a program that the lock brought in."""
    return Path(sys.executable).parent / name


@pytest.mark.parametrize(
    "command",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)],
    ids=" ".join,
)
def test_the_code_is_clean(command):
    """Ruff and mypy find nothing to say."""
    done = run(tool(command[0]), *command[1:])
    assert done.returncode == 0, done.stdout


# Layers


@pytest.fixture
def copy(tmp_path):
    """Give a copy of the package."""
    shutil.copytree(ROOT / "esbench", tmp_path / "esbench")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder, *arguments):
    """Run import-linter over the package in a folder."""
    return run(tool("lint-imports"), "--no-cache", *arguments, folder=folder)


def test_imports_point_down(copy):
    """Every contract of the house is kept."""
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout
    assert "5 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("contract", "room", "line"),
    [
        ("house", "errors.py", "import esbench.event"),
        ("house", "log/__init__.py", "from esbench import projection"),
        ("house", "log/__init__.py", "import esbench.workers"),
        ("house", "workers/__init__.py", "import esbench.log"),
        ("house", "workers/__init__.py", "import esbench.projection"),
        ("house", "analysis/__init__.py", "import esbench.widgets"),
        ("house", "attic.py", ""),
        ("widgets", "lessons/__init__.py", "import ipywidgets"),
        ("jupyter", "projection/__init__.py", "from IPython.display import display"),
        ("bootstrap", "event.py", "import esbench.bootstrap"),
        ("pure-domains", "domains/__init__.py", "import esbench.log"),
    ],
)
def test_an_import_turned_upward_is_found(copy, contract, room, line):
    """The contracts go red when a line breaks them."""
    with (copy / "esbench" / room).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(copy, "--contract", contract)
    assert done.returncode == 1, done.stdout
    assert "0 kept, 1 broken" in done.stdout


def test_the_start_is_light():
    """Importing esbench with the bank brings no heavy library in."""
    code = "import sys, esbench, esbench.domains.bank; print(*sys.modules)"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stdout
    assert HEAVY & set(done.stdout.split()) == set()


# Names


def modules():
    """Give the name of every module of the package but the set-up script."""
    found = pkgutil.walk_packages(es.__path__, "esbench.")
    return ["esbench", *(m.name for m in found if m.name != "esbench.bootstrap")]


@pytest.mark.parametrize("name", modules())
def test_exported_names_exist(name):
    """Every module imports, and has what its `__all__` promises."""
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert [e for e in exported if not hasattr(module, e)] == []
    assert len(set(exported)) == len(exported)


def test_every_module_says_what_it_is():
    """Every file of the package begins with what lives there."""
    files = (ROOT / "esbench").rglob("*.py")
    assert [f for f in files if not ast.get_docstring(ast.parse(f.read_text()))] == []


def test_the_top_level_is_tidy():
    """Only the agreed names lie beside the package, dot files apart."""
    tracked = run("git", "ls-files") if (ROOT / ".git").exists() else None
    if tracked and tracked.returncode == 0:
        names = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    else:
        made = {"site", "wheelhouse", "wheels"}
        names = {path.name for path in ROOT.iterdir()} - made
    assert {name for name in names if name[0] != "."} - TOP_LEVEL == set()


# Locks


def pins(lock):
    """Give the lines of a lock that name a package, each with its hashes."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and line.strip()[0] != "#"]
    return [re.split(r"\s+--hash=", line.strip()) for line in lines]


def versions(lock):
    """Give the versions that a lock has for each package."""
    found = {}
    for pin, *_ in pins(lock):
        requirement = Requirement(pin)
        name = canonicalize_name(requirement.name)
        found.setdefault(name, []).append(str(requirement.specifier).strip("="))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_hashes_and_no_addresses(lock):
    """Every package is pinned to a version and to the hashes of its files."""
    for pin, *hashes in pins(lock):
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ;.*)?", pin.strip())
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
    text = (ROOT / lock).read_text()
    assert re.findall(r"://|^-|--index|--find-links", text, re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_what_the_project_asks_for(lock):
    """Every dependency is in the lock, in versions that the project allows."""
    wanted = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    if lock in EXTRAS:
        wanted = wanted + PROJECT["project"]["optional-dependencies"][EXTRAS[lock]]
    held = versions(lock)
    for requirement in map(Requirement, wanted):
        locked = held[canonicalize_name(requirement.name)]
        assert all(v in requirement.specifier for v in locked), requirement


@pytest.mark.parametrize("lock", EXTRAS)
def test_a_larger_lock_holds_that_for_lessons(lock):
    """Who set up for more has set up for the lessons, to the same hashes."""
    lessons, more = (set(map(tuple, pins(each))) for each in (LOCKS[0], lock))
    assert lessons - more == set()


def test_locks_that_share_a_package_share_its_version():
    """Tests and benchmarks run one after the other in one environment."""
    tests, bench = (versions(lock) for lock in EXTRAS)
    assert {
        name for name in tests.keys() & bench if tests[name] != bench[name]
    } == set()


def test_the_tests_bring_what_the_extras_promise():
    """What a user adds by an extra is what the tests run with, the peers apart."""
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras["s3"]) - set(extras["test"]) == set()


def test_conda_users_get_the_same():
    """`environment.yml` asks for exactly what `pyproject.toml` does."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    project = PROJECT["project"]
    wanted = project["dependencies"] + PROJECT["build-system"]["requires"]
    plain = {line.split(";")[0].strip() for line in wanted}
    python = f"python{project['requires-python']}"
    assert environment["name"] == "esbench"
    assert environment["channels"] == ["conda-forge"]
    assert set(environment["dependencies"]) == plain | {python, "pip"}


# The set-up script


def test_everybody_names_the_same_pythons():
    """Script, project, CI and classifiers agree on the Pythons that fit."""
    script = runpy.run_path(str(BOOTSTRAP))
    oldest, newest = script["OLDEST"], script["NEWEST"]
    minors = range(oldest[1], newest[1] + 1)
    project = PROJECT["project"]
    prefix = "Programming Language :: Python :: 3."
    classified = [c for c in project["classifiers"] if c.startswith(prefix)]
    assert project["requires-python"] == f">=3.{minors[0]},<3.{minors[-1] + 1}"
    assert classified == [f"{prefix}{minor}" for minor in minors]
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py3{minors[0]}"
    assert f"not {oldest} <=" in (ROOT / ".ci" / "run").read_text()
    assert f"<= {newest}" in (ROOT / ".ci" / "run").read_text()


def test_the_script_needs_nothing_and_parses_anywhere():
    """The set-up script imports the standard library alone, in words of Python 3.6."""
    tree = ast.parse(BOOTSTRAP.read_text(), feature_version=(3, 6))
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports for alias in node.names}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_no_module_hides_one_of_python():
    """The script is run by path, which puts the package's files before Python's."""
    names = {path.stem for path in (ROOT / "esbench").iterdir()}
    assert names & sys.stdlib_module_names == set()


def test_make_is_a_thin_wrapper():
    """Every target is one line that calls the script with the target's name."""
    text = (ROOT / "Makefile").read_text()
    targets = dict(re.findall(r"^(\w+):.*\n((?:\t.*\n)+)", text, re.MULTILINE))
    verbs = set(runpy.run_path(str(BOOTSTRAP))["VERBS"]) - {"setup"}
    assert set(targets) == verbs | {"help"}
    assert {targets[verb] for verb in verbs} == {f"\t@$(RUN) {v}\n" for v in verbs}


# Skips


@pytest.mark.parametrize(
    ("strict", "reason", "outcome"),
    [
        ("0", "no Chromium", "1 skipped"),
        ("1", "no Chromium", "1 failed"),
        ("1", "is for Windows", "1 skipped"),
    ],
)
def test_a_skip_that_need_not_be_fails_the_strict_run(
    tmp_path, strict, reason, outcome
):
    """Under `.ci/run` a test that could have run is not skipped in silence."""
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    test = f"import pytest\ndef test_it():\n    pytest.skip({reason!r})\n"
    (tmp_path / "test_one.py").write_text(test)
    (tmp_path / "pytest.toml").write_text("[pytest]\n")
    done = run(sys.executable, "-m", "pytest", folder=tmp_path, ESBENCH_STRICT=strict)
    assert outcome in done.stdout.splitlines()[-1]
