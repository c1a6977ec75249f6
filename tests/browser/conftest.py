"""A real JupyterLab and a real Chromium for the browser tests.

``lab`` is one server for the whole session, on a temporary folder and with Jupyter
directories of its own, so that neither reads nor changes what the user has set.
``page`` is a tab in a fresh browser profile. A test fails when a dialog opened, when a
request went anywhere else than to the server, or when a script failed.
``page.screenshot(path=artefact("name"))`` keeps a picture in ``.artefacts/``.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARTEFACTS = ROOT / ".artefacts"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
QUIET = {"fetchNews": "false", "checkForUpdates": False}
SECONDS = 1000  # playwright counts in milliseconds


def chromium() -> str | None:
    """Give the path of a Chromium: $CHROMIUM, else the first on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def artefact():
    """Give the place where a picture is kept, by its name."""
    ARTEFACTS.mkdir(exist_ok=True)
    return lambda name: ARTEFACTS / f"{name}.png"


def pytest_collection_modifyitems(items):
    """Mark everything in this folder as a browser test."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests."""
    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium: install one, or name it in $CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


class Watch:
    """What a page must not do: open dialogs, ask the world, or fail."""

    def __init__(self, page) -> None:
        self.dialogs: list[str] = []
        self.strangers: list[str] = []
        self.failures: list[str] = []
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.failures.append(str(error)))

    def _dialog(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _request(self, request) -> None:
        local = ("http://127.0.0.1:", "file:", "data:", "blob:", "ws://127.0.0.1:")
        if not request.url.startswith(local):
            self.strangers.append(request.url)


@pytest.fixture
def page(browser):
    """A tab that must stay without dialogs, foreign requests and script errors."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.set_default_timeout(60 * SECONDS)
    watch = Watch(tab)
    yield tab
    context.close()
    assert (watch.dialogs, watch.strangers, watch.failures) == ([], [], [])


class Lab:
    """A running JupyterLab and the few things that a test does in it.

    Attributes:
        folder: the folder that the server shows.
        url: where the server is.
        token: what it asks for.
    """

    def __init__(self, folder: Path, url: str, token: str) -> None:
        self.folder = folder
        self.url = url
        self.token = token

    def write(self, name: str, cells: list[str]) -> Path:
        """Write a notebook without outputs; each text is a code cell."""
        from nbformat import v4

        book = v4.new_notebook(
            cells=[
                v4.new_code_cell(text, id=f"cell-{number}")
                for number, text in enumerate(cells)
            ],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        path = self.folder / name
        path.write_text(json.dumps(book), encoding="utf-8")
        return path

    def execute(self, name: str) -> dict:
        """Run a notebook outside the browser, as a clone's committed outputs are made.

        The result is not trusted: nobody has signed it.
        """
        command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute"]
        subprocess.run(
            [*command, "--inplace", "--ExecutePreprocessor.timeout=60", name],
            cwd=self.folder,
            env=with_package(os.environ),
            check=True,
            capture_output=True,
        )
        book = json.loads((self.folder / name).read_text(encoding="utf-8"))
        book["metadata"].pop("widgets", None)
        (self.folder / name).write_text(json.dumps(book), encoding="utf-8")
        return book

    def open_notebook(self, page, name: str) -> None:
        """Open a notebook and wait until its kernel is idle."""
        page.goto(f"{self.url}/lab/tree/{name}?reset&token={self.token}")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        self.wait_idle(page)

    def command(self, page, name: str, **arguments) -> None:
        """Run one of JupyterLab's own commands, as its menus do."""
        page.evaluate(
            "([name, with_]) => window.jupyterapp.commands.execute(name, with_)",
            [name, arguments],
        )

    def run_all(self, page) -> None:
        """Run all cells and wait until the last has its number."""
        self.command(page, "runmenu:run-all")
        page.wait_for_function(
            """() => {
              const cells = document.querySelectorAll(".jp-Notebook .jp-CodeCell");
              const prompt = (cell) => cell.querySelector(".jp-InputPrompt");
              const done = (one) => /\\[\\d+\\]/.test(one.textContent);
              return [...cells].map(prompt).every(done);
            }"""
        )
        self.wait_idle(page)

    def wait_idle(self, page) -> None:
        """Wait until the kernel is there and has nothing to do."""
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()

    def set_theme(self, page, theme: str) -> None:
        """Turn to "light" or "dark" and wait until the page is."""
        named = f"JupyterLab {theme.title()}"
        self.command(page, "apputils:change-theme", theme=named)
        light = str(theme == "light").lower()
        page.locator(f'body[data-jp-theme-light="{light}"]').wait_for(state="attached")

    def save(self, page) -> None:
        """Save the notebook in front."""
        self.command(page, "docmanager:save")
        page.wait_for_function(
            "() => !window.jupyterapp.shell.currentWidget.context.model.dirty"
        )

    def shut_kernels(self) -> None:
        """End every kernel, so that the next notebook gets a new one."""
        for session in json.loads(self._ask("GET", "/api/sessions")):
            self._ask("DELETE", f"/api/sessions/{session['id']}")

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()


def with_package(environment) -> dict[str, str]:
    """Give an environment in which a kernel finds the package of this clone."""
    paths = [str(ROOT), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def own_jupyter(home: Path) -> dict[str, str]:
    """Give an environment in which Jupyter keeps everything below ``home``."""
    places = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    for place in places.values():
        place.mkdir(parents=True)
    return with_package({**os.environ, **{k: str(v) for k, v in places.items()}})


def free_port() -> int:
    """Find a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    """Wait until the server answers, or say what it said instead."""
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/api", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory) -> Iterator[Lab]:
    """One JupyterLab for all tests, on a folder and with settings of its own."""
    home = tmp_path_factory.mktemp("jupyter")
    folder, settings = home / "work", home / "app-settings"
    folder.mkdir()
    settings.mkdir()
    (settings / "overrides.json").write_text(
        json.dumps({"@jupyterlab/apputils-extension:notification": QUIET})
    )
    port, token = free_port(), "for-the-tests"
    options = [
        "--no-browser",
        "--allow-root",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        f"--IdentityProvider.token={token}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        "--LabApp.expose_app_in_browser=True",
        f"--LabApp.app_settings_dir={settings}",
    ]
    log = home / "server.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=folder,
            env=own_jupyter(home),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, server, log)
        running = Lab(folder, url, token)
        yield running
        running.shut_kernels()
    finally:
        server.terminate()
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
