"""``esbench lab``: the lessons in JupyterLab, on copies of one's own.

What lives here: laying working copies into ``.lessons/``, and starting the server.
The guarantee: a copy that its person has changed is never overwritten, unless named
with ``--fresh``. A copy whose text is as it was laid follows the lesson when that is
renewed. The server listens on this machine alone and asks the network for nothing.
What it may not know: what lessons hold.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.error import URLError
from urllib.request import urlopen

import typer

from esbench.cli import tables
from esbench.cli.making import root
from esbench.cli.run import Failed, Misuse

LAID, MARK = ".laid.json", ".class.json"
FIRST_PORT, PORTS = 8888, 50
PATIENCE = 120.0
QUIET = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    }
}


def lab(
    *,
    fresh: Annotated[
        list[str] | None,
        typer.Option(
            "--fresh",
            metavar="NUMBER",
            help="Lay this lesson anew, over your changes: 03, or all.",
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the browser.")
    ] = True,
    copies_only: Annotated[
        bool, typer.Option("--copies-only", help="Lay the copies, start nothing.")
    ] = False,
    kit: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="FOLDER",
            help="Open this folder instead, such as a kit from your instructor.",
        ),
    ] = None,
) -> None:
    """Open the lessons in JupyterLab, on working copies in .lessons/.

    What you change there stays, also when the lessons are renewed.

    \b
    Examples:
      esbench lab
      esbench lab --fresh 03
      esbench lab --folder kit
    """
    if kit is not None:
        if fresh or copies_only:
            raise Misuse("--folder opens what is there: --fresh lays other copies")
        if not any(kit.glob("*.ipynb")):
            raise Misuse(f"there is no notebook in {kit}: name the folder of a kit")
        _serve(kit.resolve(), browser=browser)
        return
    place = root()
    folder = place / ".lessons"
    for line in lay(place / "notebooks", folder, fresh or []):
        tables.out(line)
    if not copies_only:
        _serve(folder, browser=browser)


# --- working copies --------------------------------------------------------------


def lay(lessons: Path, folder: Path, fresh: list[str]) -> list[str]:
    """Lay working copies without outputs; return what there is to say about it.

    Args:
        lessons: the folder of the committed lessons.
        folder: where the copies go.
        fresh: beginnings of names that are laid anew in any case; ``all`` for all.

    Raises:
        Misuse: a name in ``fresh`` that is no lesson's.
    """
    names = sorted(path.name for path in lessons.glob("*.ipynb"))
    _check_fresh(fresh, names)
    folder.mkdir(exist_ok=True)
    laid, word = _read_laid(folder), kept_word(folder)
    said: list[str] = []
    for name in names:
        clean = _without_outputs((lessons / name).read_text(encoding="utf-8"), word)
        anew = any(word == "all" or name.startswith(word) for word in fresh)
        said += _lay_one(folder / name, clean, laid, anew=anew)
    _write_whole(folder / LAID, json.dumps(laid, indent=1, sort_keys=True))
    return said


def _check_fresh(fresh: list[str], names: list[str]) -> None:
    for word in fresh:
        if word != "all" and not any(name.startswith(word) for name in names):
            there = ", ".join(name.removesuffix(".ipynb") for name in names) or "none"
            raise Misuse(f"there is no lesson {word}; there are: {there}")


def _lay_one(
    copy: Path, clean: str, laid: dict[str, str], *, anew: bool
) -> Iterator[str]:
    """Lay one copy if that takes nothing away from anybody."""
    name, new = copy.name, _fingerprint(clean)
    mine = _fingerprint(copy.read_text(encoding="utf-8")) if copy.exists() else None
    unchanged = mine is None or mine == laid.get(name)
    if anew or (unchanged and mine != new):
        _write_whole(copy, clean)
        laid[name] = new
        if mine is not None:
            yield f"{name}: laid anew" if anew else f"{name}: renewed"
    elif not unchanged and mine != new and laid.get(name) != new:
        number = name.partition("_")[0]
        yield (
            f"{name}: your copy is kept, though the lesson was renewed; "
            f"'esbench lab --fresh {number}' lays it anew"
        )


def _read_laid(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / LAID).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _without_outputs(text: str, word: str | None) -> str:
    """Return a notebook as it is before anybody has run it, with the class's seed."""
    notebook = json.loads(_worded(text, word))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    notebook["metadata"].pop("widgets", None)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _fingerprint(text: str) -> str:
    """Return a hash of what a person writes in a notebook.

    Running it changes none, and neither does the code word of a class.
    """
    from esbench.lessons.classword import worded

    try:
        cells: list[dict[str, Any]] = json.loads(text)["cells"]
        kept = [[c["cell_type"], worded("".join(c["source"]), None)] for c in cells]
    except (ValueError, KeyError, TypeError):
        kept = [["broken", text]]
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()


# --- the code word of a class ----------------------------------------------------


def kept_word(folder: Path) -> str | None:
    """Return the code word that was set for the copies in a folder, if one was."""
    from esbench.lessons.classword import checked

    try:
        word = json.loads((folder / MARK).read_text(encoding="utf-8"))["word"]
        return None if word is None else checked(word)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def keep_word(folder: Path, word: str | None) -> int:
    """Set the code word in a folder's copies, or take it out; return how many changed.

    Only the line of the seed is touched, and only as it was laid: a seed of one's own
    stays, and so does a copy that can't be read.
    """
    folder.mkdir(exist_ok=True)
    _write_whole(folder / MARK, json.dumps({"word": word}))
    changed = 0
    for copy in sorted(folder.glob("*.ipynb")):
        before = copy.read_text(encoding="utf-8", errors="surrogateescape")
        after = _worded(before, word)
        if after != before:
            _write_whole(copy, after)
            changed += 1
    return changed


def _worded(text: str, word: str | None) -> str:
    """Return a notebook's text with the class's seed in its cells."""
    from esbench.lessons.classword import worded

    try:
        notebook = json.loads(text)
        for cell in notebook["cells"]:
            source = "".join(cell["source"])
            cell["source"] = worded(source, word).splitlines(keepends=True)
        return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    except (ValueError, LookupError, TypeError):
        return text


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that it is either the old one or the new one."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


# --- the server ------------------------------------------------------------------


def _serve(folder: Path, *, browser: bool) -> None:
    """Run JupyterLab until it is stopped."""
    lessons = sorted(folder.glob("*.ipynb"))
    if not lessons:
        raise Failed("there is no lesson in notebooks/ yet")
    port, token = _free_port(), secrets.token_hex(16)
    address = f"http://127.0.0.1:{port}/lab/tree/{lessons[0].name}?token={token}"
    process = subprocess.Popen(
        _command(folder, lessons[0].name, port, browser=browser),
        env=os.environ | {"JUPYTER_TOKEN": token},
        cwd=folder,
    )
    announced = threading.Thread(
        target=_announce, args=(process, port, address), daemon=True
    )
    announced.start()
    code = 0
    with _ended_politely(process):
        code = process.wait()
    if code:
        raise Failed(f"JupyterLab ended with {code}; its last words are above")


def _command(folder: Path, first: str, port: int, *, browser: bool) -> list[str]:
    settings = folder / ".jupyter"
    settings.mkdir(exist_ok=True)
    _write_whole(settings / "overrides.json", json.dumps(QUIET))
    return [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{first}",
        f"--LabApp.app_settings_dir={settings}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.open_browser={browser}",
        "--ServerApp.answer_yes=True",
        "--log-level=WARN",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        *(["--ServerApp.allow_root=True"] if _is_root() else []),
    ]


def _is_root() -> bool:
    """Tell whether this is root, as in most containers; only this machine gets in."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Failed(f"the ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1} are all taken")


def _announce(process: subprocess.Popen[bytes], port: int, address: str) -> None:
    """Print the address as soon as the server answers."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(URLError, OSError):
            urlopen(f"http://127.0.0.1:{port}/api", timeout=2).close()
            tables.out(f"JupyterLab: {address}")
            tables.out("Your copies are in .lessons/. Ctrl-C stops JupyterLab.")
            sys.stdout.flush()
            return
        time.sleep(0.2)


@contextlib.contextmanager
def _ended_politely(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the server with this command, however this one ends."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        tables.err("esbench: stopping JupyterLab; your copies stay in .lessons/")
    finally:
        signal.signal(signal.SIGTERM, before)
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
