"""One command, from its arguments to its exit code.

What lives here: what happens when a command fails, is stopped, or is no longer read.
The guarantee: whatever happens is one line on stderr, and a traceback only with
``--debug``.
What it may not know: the commands.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from typing import Any

import typer

from esbench.errors import EsbenchError, InvalidEvent, UnclearExtract, shorten

WORKED, FAILED, MISUSED, STOPPED, NOT_READ = 0, 1, 2, 130, 141


class Misuse(typer.TyperException):
    """The call was not understood, or can't mean anything."""

    exit_code = MISUSED


class Failed(typer.TyperException):
    """The call was understood, and the work could not be done."""

    exit_code = FAILED


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; nothing is raised.

    Args:
        arguments: what stands after ``esbench`` on the command line.
    """
    debug = "--debug" in arguments
    try:
        _prepare(debug=debug)
        code = _invoke([word for word in arguments if word != "--debug"])
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)
        return NOT_READ
    except KeyboardInterrupt:
        return _complain("stopped", STOPPED)
    except Exception as error:
        if debug:
            raise
        return _complain(said(error), code_of(error))
    return code


def _prepare(*, debug: bool) -> None:
    """Let no character of an answer and no warning end in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # not every stream has it
    if not debug:
        warnings.showwarning = _note


def _note(message: Warning | str, *_: Any, **__: Any) -> None:
    _complain(f"note: {message}", WORKED)


def _invoke(arguments: list[str]) -> int:
    from esbench.cli.app import app

    if "_ESBENCH_COMPLETE" in os.environ:
        app(prog_name="esbench")
    command = typer.main.get_command(app)
    words = arguments or ["--help"]
    try:
        with command.make_context("esbench", words) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    return WORKED


def said(error: BaseException) -> str:
    """Return what went wrong and how to mend it, in one line."""
    if isinstance(error, typer.TyperException):
        return _one_line(_usage(error))
    if isinstance(error, EsbenchError):
        return _one_line(str(error))
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return _one_line(f"{name}{error.strerror.lower()}")
    what = _one_line(f"{type(error).__name__}: {error}")
    return f"unexpected {what} (the same call with --debug shows where)"


def _usage(error: typer.TyperException) -> str:
    """Return a usage error with the place where help is."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    return f"{message.rstrip('.')} (see {context.command_path} --help)"


def _one_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return shorten("; ".join(lines), 2_000)


def code_of(error: BaseException) -> int:
    """Return the exit code: 2 if the call is at fault, 1 if the work failed."""
    if isinstance(error, typer.TyperException):
        return error.exit_code
    return MISUSED if isinstance(error, InvalidEvent | UnclearExtract) else FAILED


def _complain(text: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        print(f"esbench: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the one place
    return code


def _silence(stream: Any) -> None:
    """Send what is still buffered nowhere: its reader has gone."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
