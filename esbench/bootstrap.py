r"""One path from a clone to a working bench, on every system.

Run by path, with any Python from 3.11 to 3.14 and nothing else installed:

    python3 esbench/bootstrap.py lab        (Windows: py esbench\bootstrap.py lab)

Guarantee: what was asked runs inside `.venv`, which holds what the hash-pinned lock
names and this package. A stamp inside it, written last, says that it is whole: with
the stamp a run starts at once and needs no network, without it `.venv` is made anew.
Where a folder `wheels` lies beside this package, as `wheelhouse` makes it, packages are
taken from there alone and no index is asked.
A set-up that fails says why in one sentence and takes its half-made `.venv` away; a
whole one that it had not touched yet stays as it was.

This file knows the standard library alone, is imported by nobody, and must parse on
any Python since 3.6, so that an old one is told what is needed: hence the quoted
types, and no syntax newer than that.
"""

import collections
import contextlib
import errno
import glob
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

OLDEST, NEWEST = (3, 11), (3, 14)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "esbench-set-up.json")
GUARD = os.path.join(VENV, "esbench-set-up.lock")
LESSONS, TESTS = "requirements.lock", "requirements-test.lock"
BENCH = "requirements-bench.lock"
WHEELS = os.path.join(ROOT, "wheels")

# What a folder for a USB stick takes along of the project; the last ones for show.
CARRIED = ["esbench", "notebooks", "data", "pyproject.toml", LESSONS, "LICENSE"]
CARRIED += ["README.md", "CHANGELOG.md", "Makefile", "environment.yml", ".pictures"]

# Systems that a stick can be made for beside this one: what a lock's conditions call
# them, and which wheels run there.
SYSTEMS = {
    "windows": ("win32", "nt", "AMD64", ["win_amd64"]),
    "macos": ("darwin", "posix", "arm64", ["macosx_14_0_arm64"]),
    "macos-intel": ("darwin", "posix", "x86_64", ["macosx_14_0_x86_64"]),
    "linux": ("linux", "posix", "x86_64", ["manylinux_2_{}_x86_64"]),
    "linux-arm": ("linux", "posix", "aarch64", ["manylinux_2_{}_aarch64"]),
}
LATEST = 99  # the release of another Python that is meant: its latest
GLIBC = range(5, 29)  # the versions whose wheels run on every Linux since 2019

# Tests in two processes: a file is one's, and each is to have a core.
TWICE = ["--numprocesses", "2", "--dist", "loadfile"]

# What can be asked for: the lock that it needs, what runs, and what that does.
VERBS = {
    "lab": (LESSONS, ["esbench.cli", "lab"], "open the lessons in JupyterLab"),
    "test": (TESTS, ["pytest", *TWICE], "run everything that CI runs"),
    "demo": (LESSONS, ["esbench.cli", "demo"], "tell the story in the terminal"),
    "data": (LESSONS, ["esbench.cli", "data"], "make the samples in data/ anew"),
    "site": (LESSONS, ["esbench.cli", "site"], "make every lesson a plain page"),
    "bench": (BENCH, ["benchmarks"], "measure beside the peers, 15 minutes long"),
    "wheelhouse": (LESSONS, [], "make a folder for a USB stick, to set up offline"),
    "torture": (TESTS, ["pytest", "-m", "torture", "tests"], "run the long tests"),
    "lock": (TESTS, [], "write the three locks from pyproject.toml"),
    "setup": (LESSONS, [], "set up, no more ('setup test' for the tests, too)"),
}

# What pip and venv say when they fail, and what that means for a person.
FULL = "The disk is full: set-up needs about 2 GB; make room, then run this again."
SHUT = (
    "This folder may not be written: copy the project to a folder of your own, "
    "or close the program that holds its .venv, then run this again."
)
OTHER = (
    "A downloaded package is not the one that the lock names, so it was not "
    "installed: run this again, if need be on another network."
)
CUT_OFF = (
    "The package index cannot be reached: check the network, and the proxy if "
    "there is one, then run this again."
)
NO_WHEEL = (
    "A package of the lock is not to be had for this system and this Python: "
    "try another Python from 3.11 to 3.14."
)
NOT_CARRIED = (
    "The folder wheels beside this one lacks packages for this system and this "
    "Python: where there is a network, make it by 'wheelhouse --platform', or remove "
    "the folder wheels to fetch them here."
)
TROUBLES = {
    "No space left|Errno 28|Disk quota|not enough space on the disk": FULL,
    "DO NOT MATCH THE HASHES|BadZipFile|has an invalid wheel": OTHER,
    "Permission denied|Read-only file system|WinError 5": SHUT,
    "Retrying [(]|Connection|name resolution|Could not fetch URL|SSLError": CUT_OFF,
    "Proxy|[Tt]imed out": CUT_OFF,
    "No matching distribution found": NO_WHEEL,
}


class Stopped(Exception):
    """Set-up cannot go on; the text says why and how to mend it."""


def main(arguments: "list[str]") -> int:
    """Set up what is missing, run what was asked, give its exit code."""
    try:
        check_python(tuple(sys.version_info[:2]))
        verb, rest = parse(arguments)
        if verb == "help":
            return show_help()
        set_up(TESTS if verb == "setup" and rest == ["test"] else VERBS[verb][0])
        return run(verb, rest)
    except Stopped as trouble:
        return complain(str(trouble), 1)
    except KeyboardInterrupt:
        return complain("Stopped.", 130)
    except OSError as trouble:
        return complain(explain(trouble), 1)


def complain(sentence: str, code: int) -> int:
    """Say what went wrong on stderr and give the exit code."""
    print(f"esbench: {sentence}", file=sys.stderr, flush=True)
    return code


def explain(trouble: OSError) -> str:
    """Turn an error of the operating system into a sentence that helps."""
    if trouble.errno in {errno.ENOSPC, errno.EDQUOT}:
        return FULL
    if trouble.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return f"{trouble.filename} may not be written. {SHUT}"
    return f"Set-up failed: {trouble}."


# What was asked


def parse(arguments: "list[str]") -> "tuple[str, list[str]]":
    """Give the verb and the arguments that follow it."""
    verb = arguments[0] if arguments else "help"
    if verb in {"help", "-h", "--help"}:
        return "help", []
    if verb not in VERBS:
        raise Stopped(f"'{verb}' is none of: {', '.join(VERBS)}.")
    return verb, arguments[1:]


def show_help() -> int:
    """List the verbs."""
    print("Usage: python3 esbench/bootstrap.py VERB [ARGUMENTS]\n")
    for verb, (_, _, purpose) in VERBS.items():
        print(f"  {verb:10} {purpose}")
    return 0


def check_python(version: "tuple[int, ...]") -> None:
    """Stop unless this Python fits; name one of this machine that does."""
    if OLDEST <= version <= NEWEST:
        return
    needed = "Python {}.{} to {}.{} is needed, this is {}.{}; ".format(
        *OLDEST, *NEWEST, *version
    )
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        python = f"python3.{minor}"
        if starts(python):
            raise Stopped(f"{needed}{python} is here: use that one.")
    raise Stopped(f"{needed}install one from python.org or your system's packages.")


def starts(python: str) -> bool:
    """Tell whether there is a Python of this name and it starts."""
    path = shutil.which(python)
    quiet = subprocess.DEVNULL
    return bool(path) and not subprocess.call(
        [str(path), "-c", ""], stdout=quiet, stderr=quiet
    )


# Set-up


def set_up(lock: str) -> None:
    """Make `.venv` hold the lock and this package; do nothing if it does already."""
    wanted = wants(lock)
    if is_whole(wanted):
        return
    leave_venv()
    check_modules()
    begun = time.monotonic()
    with one_at_a_time():
        if not is_whole(wanted):
            mend(lock, wanted)
    say(f"Set up in {time.monotonic() - begun:.0f} s: {size()} in .venv.")


def wants(lock: str) -> "dict[str, str]":
    """Give what the stamp has to say; every lock includes that for lessons."""
    wanted = {"python": "{}.{}".format(*sys.version_info), "folder": ROOT}
    for name in {"pyproject.toml", LESSONS, lock}:
        with open(os.path.join(ROOT, name), "rb") as file:
            wanted[name] = hashlib.sha256(file.read()).hexdigest()
    return wanted


def is_whole(wanted: "dict[str, str]") -> bool:
    """Tell whether the stamp says all that is wanted."""
    return wanted.items() <= read_stamp().items()


def read_stamp() -> "dict[str, str]":
    """Give what the stamp says: nothing, if it or the Python beside it is missing."""
    try:
        with open(STAMP, encoding="utf-8") as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and os.path.exists(venv_python()) else {}


def write_stamp(stamp: "dict[str, str]") -> None:
    """Say that `.venv` is whole."""
    with open(STAMP, "w", encoding="utf-8") as file:
        json.dump(stamp, file, indent=1, sort_keys=True)


def mend(lock: str, wanted: "dict[str, str]") -> None:
    """Bring `.venv` to what is wanted, from whatever state it is in."""
    stamp = read_stamp()
    if any(stamp.get(key) != wanted[key] for key in ("python", "folder")):
        stamp = {}
    progress = Progress(packages(lock))
    with all_or_nothing(stamp, progress):
        if not stamp:
            make_venv(progress)
        if stamp.get(lock) != wanted[lock]:
            install(progress, "--require-hashes", "--only-binary", ":all:", "-r", lock)
        install(progress, "--no-deps", "--no-build-isolation", "-e", ".")
        write_stamp(dict(stamp, **wanted))


def packages(lock: str) -> int:
    """Count the packages that a lock names."""
    with open(os.path.join(ROOT, lock), encoding="utf-8") as file:
        return len(set(re.findall(r"^([\w.-]+)==", file.read(), re.MULTILINE)))


@contextlib.contextmanager
def all_or_nothing(
    stamp: "dict[str, str]", progress: "Progress"
) -> "collections.abc.Iterator[None]":
    """Take the stamp away meanwhile; on failure also what is left half-made."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(STAMP)
    try:
        yield
    except BaseException:
        if stamp and not progress.changing:
            write_stamp(stamp)
        else:
            clear_venv()
        raise


def clear_venv() -> None:
    """Remove everything in `.venv` but the guard that this process holds."""
    for name in os.listdir(VENV):
        path = os.path.join(VENV, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif path != GUARD:
            os.remove(path)


@contextlib.contextmanager
def one_at_a_time() -> "collections.abc.Iterator[None]":
    """Let one set-up work here; the system itself frees the guard of a dead one."""
    os.makedirs(VENV, exist_ok=True)
    try:
        with open(GUARD, "ab") as guard:
            if not is_free(guard):
                say("Another set-up is at work here; waiting for it.")
                while not is_free(guard):
                    time.sleep(0.5)
            os.makedirs(VENV, exist_ok=True)
            yield
    finally:
        if not os.path.exists(STAMP):
            shutil.rmtree(VENV, ignore_errors=True)


def is_free(guard: "io.BufferedWriter") -> bool:
    """Take the system's lock on the open file, unless another process has it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(guard.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def leave_venv() -> None:
    """Go on in the Python that `.venv` was made from: none can replace itself."""
    inside = os.path.realpath(sys.prefix) == os.path.realpath(VENV)
    base = getattr(sys, "_base_executable", "")
    if inside and base not in {"", sys.executable}:
        sys.exit(become([base, os.path.abspath(__file__), *sys.argv[1:]]))


def check_modules() -> None:
    """Stop when this Python came without what makes an environment."""
    try:
        import ensurepip  # noqa: F401 - Debian leaves it out
        import venv  # noqa: F401 - so do some containers
    except ImportError as missing:
        raise Stopped(
            f"This Python lacks the module {missing.name}: on Debian and Ubuntu "
            "run 'apt install python3-venv', elsewhere take Python from python.org; "
            "then run this again."
        ) from None


def make_venv(progress: "Progress") -> None:
    """Make an empty environment in place of whatever was there."""
    progress.changing = True
    clear_venv()
    progress.follow("Making .venv", [sys.executable, "-m", "venv", VENV])


def install(progress: "Progress", *arguments: str) -> None:
    """Let the environment's own pip install what the arguments name."""
    if os.path.isdir(WHEELS):
        arguments = ("--no-index", "--find-links", WHEELS, *arguments)
    progress.follow(
        "Fetching" if "-r" in arguments else "Linking esbench",
        [*pip("install"), *arguments],
    )


def pip(verb: str) -> "list[str]":
    """Give the beginning of a call of the environment's own pip."""
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    return [venv_python(), "-m", "pip", verb, *quiet]


def size() -> str:
    """Tell how many packages `.venv` holds and the room they take."""
    files = (
        os.path.join(folder, name)
        for folder, _, names in os.walk(VENV)
        for name in names
    )
    total = sum(os.lstat(path).st_size for path in files)
    return f"{installed()} packages, {total / 1e6:.0f} MB"


def installed() -> int:
    """Count the packages that `.venv` holds by now."""
    inside = ("Lib",) if sys.platform == "win32" else ("lib", "python3*")
    pattern = os.path.join(glob.escape(VENV), *inside, "site-packages", "*.dist-info")
    return len(glob.glob(pattern))


# What long steps show


class Progress:
    """Runs the commands of a set-up and says how far they are.

    `total` is the number of packages to come; `changing` tells whether anything in
    `.venv` has been touched yet.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.changing = False
        self.begun = time.monotonic()
        self.step = ""
        self.output: list[str] = []

    def follow(self, step: str, command: "list[str]") -> None:
        """Run a command to its end, showing progress; stop if it fails."""
        self.step, self.output = step, []
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(os.environ, PYTHONUNBUFFERED="1", PIP_USER="0"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        reader = threading.Thread(target=self.listen, args=(process,))
        reader.start()
        try:
            self.wait(process)
        finally:
            end(process)
            reader.join()
        if process.returncode:
            raise Stopped(self.diagnosis())

    def listen(self, process: "subprocess.Popen[bytes]") -> None:
        """Collect what a command says, and see when pip begins to install."""
        for line in process.stdout or ():
            self.output.append(line.decode("utf-8", "replace").rstrip())
            if line.startswith(b"Installing collected packages"):
                self.changing = True
                self.step = self.step.replace("Fetching", "Installing")

    def wait(self, process: "subprocess.Popen[bytes]") -> None:
        """Show how far the command is: live on a terminal, else now and then."""
        live = sys.stdout.isatty()
        while process.poll() is None:
            line = f"{self.step}{self.count()}, {time.monotonic() - self.begun:.0f} s"
            say(f"\r{line:<72}" if live else line, end="" if live else "\n")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5 if live else 10)
        if live:
            say("\r" + " " * 72 + "\r", end="")

    def count(self) -> str:
        """Tell how many packages are fetched or installed by now."""
        if self.step == "Installing":
            return f" {installed()} of {self.total} packages"
        if self.step == "Fetching":
            fetched = sum(line.startswith("Collecting") for line in self.output)
            return f" {fetched} of {self.total} packages"
        return ""

    def diagnosis(self) -> str:
        """Put what a command said when it failed into one sentence."""
        text = "\n".join(self.output)
        if min(room(ROOT), room(tempfile.gettempdir())) < 1e6:
            return FULL
        for signs, sentence in TROUBLES.items():
            if re.search(signs, text):
                is_offline = sentence is NO_WHEEL and os.path.isdir(WHEELS)
                return NOT_CARRIED if is_offline else sentence
        say("\n".join(self.output[-15:]))
        return f"Set-up failed at '{self.step}'; the lines above are its last words."


def room(folder: str) -> int:
    """Give the bytes that are free on the disk of a folder."""
    return shutil.disk_usage(folder).free


def end(process: "subprocess.Popen[bytes]") -> None:
    """Make sure that a command has ended, asking nicely first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def say(text: str, end: str = "\n") -> None:
    """Print at once, also into a pipe."""
    print(text, end=end, flush=True)


# What runs afterwards


def run(verb: str, rest: "list[str]") -> int:
    """Run the verb in `.venv`; on POSIX this process becomes that program."""
    if verb == "setup":
        say(f"Ready: {venv_python()}")
        return 0
    if verb == "wheelhouse":
        return make_wheelhouse(*wheelhouse_options(rest))
    os.chdir(ROOT)
    os.environ["VIRTUAL_ENV"] = VENV
    os.environ["PATH"] = os.pathsep.join(
        [os.path.dirname(venv_python()), os.environ.get("PATH", os.defpath)]
    )
    os.environ.pop("PYTHONHOME", None)
    if verb == "lock":
        return make_locks(rest)
    return become([venv_python(), "-m", *VERBS[verb][1], *rest])


def become(command: "list[str]") -> int:
    """Replace this process by the command; Windows: wait, pass its exit code on."""
    if sys.platform != "win32":
        os.execv(command[0], command)
    process = subprocess.Popen(command)
    while True:
        with contextlib.suppress(KeyboardInterrupt):  # it is the child's to handle
            return process.wait()


def venv_python() -> str:
    """Give the path of the environment's Python."""
    inside = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    return os.path.join(VENV, *inside)


def make_locks(rest: "list[str]") -> int:
    """Write the locks, with hashes and no addresses, for every system and Python.

    What is pinned stays as it is, unless `--upgrade` is given.
    """
    import tomllib  # there since the oldest Python that gets here

    with open("pyproject.toml", "rb") as file:
        build = tomllib.load(file)["build-system"]["requires"]
    for lock, more in (
        (LESSONS, ["--extra", "kafka"]),
        (TESTS, ["--extra", "test", "--constraint", LESSONS]),
        (BENCH, ["--extra", "bench", "--extra", "kafka", "--constraint", TESTS]),
    ):
        command = [venv_python(), "-m", "uv", "pip", "compile", "--quiet"]
        command += ["--universal", "--generate-hashes", "--no-emit-index-url"]
        command += ["--no-build", "--no-python-downloads"]
        command += ["--python-version", "{}.{}".format(*OLDEST)]
        command += ["--custom-compile-command", "make lock", "--output-file", lock]
        command += ["pyproject.toml", "-", *more, *rest]
        code = subprocess.run(command, input="\n".join(build).encode()).returncode
        if code:
            return complain(f"{lock} could not be made; it is as it was.", code)
        say(f"{lock}: {packages(lock)} packages")
    return 0


# A folder for a USB stick


def wheelhouse_options(rest: "list[str]") -> "tuple[str, list[str]]":
    """Give the folder to make and the systems to add: `windows`, `macos:3.12`, …."""
    into, systems = os.path.join(ROOT, "wheelhouse"), []
    words = iter(rest)
    for word in words:
        option, _, value = word.partition("=")
        value = value or next(words, "")
        if option == "--into" and value:
            into = os.path.abspath(value)
        elif option == "--platform" and value.partition(":")[0] in SYSTEMS:
            systems.append(value)
        else:
            raise Stopped(
                f"'{word}' is not understood: say --into FOLDER, or --platform with "
                f"one of {', '.join(SYSTEMS)}, and :3.12 behind it for another Python."
            )
    return into, systems


def make_wheelhouse(into: str, systems: "list[str]") -> int:
    """Make a folder that sets itself up without a network, here and on more systems."""
    wheels = os.path.join(into, "wheels")
    os.makedirs(wheels, exist_ok=True)
    drop_strangers(wheels)
    fetch(wheels, LESSONS)
    for system in systems:
        with tempfile.TemporaryDirectory() as folder:
            chosen = os.path.join(folder, "requirements.txt")
            with open(chosen, "w", encoding="utf-8") as file:
                file.write(lock_for(system))
            fetch(wheels, chosen, *tags(system))
    carry(into)
    names = os.listdir(wheels)
    total = sum(os.path.getsize(os.path.join(wheels, name)) for name in names)
    say(f"{into}: {len(names)} packages, {total / 1e6:.0f} MB.")
    say("Copy this folder to a disk, and there: python3 esbench/bootstrap.py lab")
    return 0


def drop_strangers(wheels: str) -> None:
    """Remove what the lock does not name, such as older versions and half a file."""
    with open(os.path.join(ROOT, LESSONS), encoding="utf-8") as file:
        lock = file.read()
    for name in os.listdir(wheels):
        path = os.path.join(wheels, name)
        with open(path, "rb") as wheel:
            digest = hashlib.sha256(wheel.read()).hexdigest()
        if digest not in lock:
            os.remove(path)


def fetch(wheels: str, lock: str, *target: str) -> None:
    """Fetch what a lock names as wheels, from where pip's own settings say."""
    progress = Progress(packages(lock))
    what = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", lock]
    progress.follow("Fetching", [*pip("download"), "--dest", wheels, *target, *what])


def carry(into: str) -> None:
    """Copy the project itself into the folder, in place of an older copy."""
    for name in CARRIED:
        old, new = os.path.join(ROOT, name), os.path.join(into, name)
        if os.path.isdir(old):
            shutil.rmtree(new, ignore_errors=True)
            left_out = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            shutil.copytree(old, new, ignore=left_out)
        elif os.path.exists(old):
            shutil.copy2(old, new)


def python_of(system: str) -> str:
    """Give the Python that a system is to have, such as 3.12: this one unless said."""
    return system.partition(":")[2] or "{}.{}".format(*sys.version_info)


def tags(system: str) -> "list[str]":
    """Give what pip has to know to fetch for another system."""
    patterns = SYSTEMS[system.partition(":")[0]][3]
    names = {pattern.format(minor) for pattern in patterns for minor in GLIBC}
    names |= {name.replace("_2_17_", "2014_") for name in names if "_2_17_" in name}
    found = [word for name in sorted(names) for word in ("--platform", name)]
    return ["--python-version", f"{python_of(system)}.{LATEST}", *found]


def lock_for(system: str) -> str:
    """Give the lines of the lock that hold on another system, without conditions."""
    with open(os.path.join(ROOT, LESSONS), encoding="utf-8") as file:
        text = re.sub("(?m)^ *#.*\n", "", file.read()).replace("\\\n", " ")
    lines = []
    for line in text.splitlines():
        pinned, _, hashes = line.partition(" --hash=")
        pin, _, condition = pinned.partition(";")
        if pin.strip() and (not condition.strip() or holds(condition.strip(), system)):
            lines.append(f"{pin.strip()} --hash={hashes}\n")
    return "".join(lines)


class Version(str):
    """A version that compares by its numbers, as a lock's conditions mean it."""

    __slots__ = ()

    def numbers(self) -> "list[int]":
        """Give the numbers between the dots."""
        return [int(part) for part in re.findall(r"\d+", self)]

    def __lt__(self, other: str) -> bool:
        return self.numbers() < Version(other).numbers()

    def __ge__(self, other: str) -> bool:
        return not self < other

    def __gt__(self, other: str) -> bool:
        return Version(other) < self

    def __le__(self, other: str) -> bool:
        return not self > other


def holds(condition: str, system: str) -> bool:
    """Tell whether a condition of the lock, which reads as Python does, holds there."""
    name = system.partition(":")[0]
    platform, kind, machine, _ = SYSTEMS[name]
    python = python_of(system)
    names = {
        "sys_platform": platform,
        "os_name": kind,
        "platform_machine": machine,
        "platform_system": {"win32": "Windows", "darwin": "Darwin"}.get(
            platform, "Linux"
        ),
        "python_version": Version(python),
        "python_full_version": Version(f"{python}.{LATEST}"),
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return bool(eval(condition, {"__builtins__": {}}, names))


def interrupt(_number: int, _frame: object) -> None:
    """Treat a polite end and a closed terminal like Ctrl-C: clean up, then go."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)
    sys.exit(main(sys.argv[1:]))
