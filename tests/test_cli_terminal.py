"""The command line behaves in real pipes, under real signals and on real terminals."""

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import polars as pl
import pytest

import esbench as es
from esbench.domains import bank

ROOT = Path(__file__).parent.parent
DATA = ROOT / "data"
ESBENCH = [sys.executable, "-m", "esbench.cli"]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="is for POSIX")


def environment(**more):
    """Give an environment without a terminal's wishes, with the package on its path."""
    kept = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS"}}
    kept.pop("ESBENCH_LOG", None)
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **more}


def esbench(*words, **options):
    """Run a command to its end, with nothing on stdin."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(
        [*ESBENCH, *map(str, words)],
        env=environment(),
        capture_output=True,
        check=False,
        **options,
    )


def on_terminal(*words, columns=80, **more):
    """Run a command on a terminal of some width; give what it wrote."""
    main, other = pty.openpty()
    size = struct.pack("HHHH", 50, columns, 0, 0)
    fcntl.ioctl(other, termios.TIOCSWINSZ, size)
    with subprocess.Popen(
        [*ESBENCH, *map(str, words)],
        env=environment(**more),
        stdin=other,
        stdout=other,
        stderr=other,
        close_fds=True,
    ) as process:
        os.close(other)
        written = b""
        while True:
            try:
                chunk = os.read(main, 65_536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            written += chunk
        process.wait()
    os.close(main)
    return written.decode().replace("\r\n", "\n")


def plain(text):
    """Take colours out of what a terminal got."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_the_package_runs_as_a_module():
    """``python -m esbench.cli`` is the command, with its exit codes."""
    done = esbench("--version")
    assert (done.returncode, done.stdout.decode()) == (0, f"esbench {es.__version__}\n")
    assert esbench("tabel").returncode == 2
    assert esbench("head", "--log", "nowhere").returncode == 1


def test_a_reader_that_leaves_early_is_no_error():
    """Under ``| head -1`` nothing stands on stderr, and the code says it was cut."""
    for form in ("--limit=0", "--csv", "--json"):
        with subprocess.Popen(
            [*ESBENCH, "events", "--log", str(DATA / "bank"), form],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            process.stdout.readline()
            process.stdout.close()
            said = process.stderr.read().decode()
            process.wait()
        assert "Traceback" not in said
        assert "Broken" not in said
        assert process.returncode == 141


def test_the_shell_s_head_shows_the_beginning():
    """``esbench events | head`` gives the first lines and a clean stderr."""
    line = f"{sys.executable} -m esbench.cli events --log {DATA / 'bank'} | head -4"
    done = subprocess.run(
        ["sh", "-c", line], env=environment(), capture_output=True, check=True
    )
    assert done.stdout.decode().startswith("Events, as known now\n\nposition")
    assert done.stderr == b""


def test_ctrl_c_is_one_line_and_130(tmp_path):
    """A command that is stopped says so in one line; nothing is written."""
    fifo = tmp_path / "slow.csv"
    os.mkfifo(fifo)
    with (
        subprocess.Popen(
            [*ESBENCH, "import", str(fifo), "--log", str(tmp_path / "log")],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
        fifo.open("wb"),
    ):  # opens once the command has opened it to read
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err) == (b"", b"esbench: stopped\n")
    assert not (tmp_path / "log").exists()


def test_a_full_disk_is_one_line():
    """An answer that can't be written is an error, in one line."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*ESBENCH, "events", "--log", str(DATA / "bank")],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert b"no space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_stdin_is_taken(tmp_path):
    """``-`` reads an extract from stdin."""
    with (DATA / "extract.csv").open("rb") as extract:
        done = esbench("import", "-", "--log", tmp_path / "log", stdin=extract)
    assert done.returncode == 0, done.stderr
    assert b"164 new" in done.stdout


def test_a_pipe_gets_plain_whole_lines():
    """Without a terminal there are no colours, and lines are as long as they need."""
    done = esbench("events", "--log", DATA / "bank", "--last", "3")
    lines = done.stdout.decode().splitlines()
    assert b"\x1b" not in done.stdout
    assert len(lines[2]) > 80
    assert lines[2].split() == (
        "position aggregate_id version type event occurred_at recorded_at".split()
    )


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_no_terminal_is_too_narrow(columns):
    """At any width every column is there, and no line is longer than the terminal."""
    out = plain(on_terminal("steps", "ada", "--log", DATA / "ada", columns=columns))
    for name in (
        "position version type occurred_at recorded_at change owner balance status"
    ).split():
        assert name in out
    assert out.count("TransactionReversed") == 1
    assert max(map(len, out.splitlines())) <= columns
    assert "370.00" in out


def test_numbers_stand_right():
    """Amounts end in one column."""
    out = plain(on_terminal("table", "--log", DATA / "bank", "--limit", "20"))
    rows = [line for line in out.splitlines() if line.startswith("acc_")]
    assert len(rows) == 20
    assert len({re.search(r"\d+\.\d\d", row).end() for row in rows}) == 1
    assert "the first 20 of 200 rows" in out


def test_no_color_is_heard():
    """A terminal gets no colours where ``NO_COLOR`` asks for none."""
    words = ("table", "--log", DATA / "ada")
    assert "\x1b[" in on_terminal(*words)
    coloured = re.findall(r"\x1b\[[0-9;]*3[0-9]m", on_terminal(*words, NO_COLOR="1"))
    assert coloured == []


def test_parquet_goes_through_a_pipe():
    """A pipe gets Parquet and nothing else."""
    done = esbench("table", "--log", DATA / "ada", "--parquet")
    assert pl.read_parquet(io.BytesIO(done.stdout)).item(0, "owner") == "Ada"


def test_parquet_does_not_go_to_a_terminal():
    """A terminal is told how to get Parquet, and gets no bytes."""
    out = on_terminal("table", "--log", DATA / "ada", "--parquet")
    assert out.startswith("esbench: Parquet is no text")


def test_a_shell_completes(tmp_path):
    """Completion offers commands, and ids from the log that the line names."""
    common = {"_ESBENCH_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    done = subprocess.run(
        ESBENCH,
        env=environment(COMP_WORDS="esbench hyd", **common),
        capture_output=True,
        check=False,
    )
    assert done.stdout.split() == [b"hydrate"]
    words = f"esbench hydrate --log {DATA / 'bank'} acc_00"
    done = subprocess.run(
        ESBENCH,
        env=environment(COMP_WORDS=words, **common | {"COMP_CWORD": "4"}),
        capture_output=True,
        check=False,
    )
    assert b"acc_001" in done.stdout


def test_help_loads_nothing_slow():
    """``--help`` brings in no library that loads slowly."""
    code = (
        "import sys; from esbench.cli.run import run; run(['--help']);"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, check=True
    )
    loaded = set(done.stdout.decode().split("LOADED")[1].split())
    heavy = {"polars", "pyarrow", "pandas", "matplotlib", "numpy", "rich", "jupyterlab"}
    assert loaded & heavy == set()


def test_a_slow_clock_is_a_note_not_a_traceback(tmp_path):
    """A warning is one line on stderr, and the work is done."""
    ahead = es.Clock("2199-01-01")
    log = es.EventLog(tmp_path / "log", bank.EVENTS, clock=ahead)
    log.append("a", [bank.AccountOpened(owner="A", initial_balance="1")])
    done = esbench("append", "a", "AccountClosed", "--log", tmp_path / "log")
    assert done.returncode == 0
    assert done.stderr.startswith(b"esbench: note: the clock is ")
    assert done.stderr.count(b"\n") == 1
