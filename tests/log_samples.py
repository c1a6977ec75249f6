"""Event types, stores and looks at folders that the tests of the log share."""

import shutil
import tempfile
import time
import weakref
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import esbench as es
from esbench.log.store import NameTaken


class Opened(es.Event):
    owner: str
    limit: es.Money = "0"


class Paid(es.Event):
    amount: es.Money
    note: str | None = None


class Every(es.Event):
    """A field of every kind, each of which may be left out."""

    text: str | None = None
    whole: int | None = None
    truth: bool | None = None
    number: float | None = None
    money: es.Money | None = None
    rate: Annotated[es.Money, es.places(4)] | None = None
    moment: datetime | None = None
    day: date | None = None
    raw: bytes | None = None
    colour: Literal["red", "green"] | None = None
    nested: dict[str, list[int | str]] | None = None
    anything: Any = None
    seven: int | None = 7
    named: str = "unnamed"
    shelf: list[str] = []  # noqa: RUF012 - made anew for each event


EVENTS = (Opened, Paid, Every)
NOW = "2024-03-01T12:00:00Z"


def numbered(start=0):
    """Give ids that come out alike every time."""
    numbers = iter(range(start, 1_000_000))
    return lambda: f"id-{next(numbers)}"


def sample(folder, events=EVENTS):
    """Give a log of three small commits, alike every time."""
    log = es.EventLog(folder, events, clock=es.Clock(NOW), ids=numbered())
    log.append("acc_1", [Opened(owner="Ada", limit="10")], expected_version=0)
    log.append(
        "acc_1",
        [Paid(amount="1.50", note="é"), Every(nested={"a": [1, "b"]}, whole=3)],
        occurred_at="2024-02-01T00:00:00Z",
        metadata={"user_id": "teller"},
    )
    log.append("acc_2", [es.stamped(Opened(owner="Bo"), event_id="first")])
    return log


def contents(folder):
    """Give every file of a folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def commits(folder):
    """Give the paths of the commits in a folder, in order."""
    return sorted(Path(folder).glob("events/*"))


class Memory:
    """A store without a disk: names and bytes in a dictionary."""

    def __init__(self):
        self.files = {}
        self.made = {}
        self.synced = []
        self._shown = tempfile.mkdtemp()
        weakref.finalize(self, shutil.rmtree, self._shown)

    def list(self, folder):
        above = f"{folder}/" if folder else ""
        inside = (name for name in self.files if name.startswith(above))
        return sorted({name.removeprefix(above).split("/")[0] for name in inside})

    def read(self, name):
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.files[name]

    def create(self, name, data):
        if self.files.setdefault(name, new := bytes(data)) is not new:
            raise NameTaken(name)
        self.made[name] = time.monotonic()

    def delete(self, name):
        self.files.pop(name, None)

    def sync(self, folder):
        self.synced.append(folder)

    def stamp(self, name):
        return 0, len(self.read(name)), 0

    def age(self, name):
        self.read(name)
        return time.monotonic() - self.made[name]

    def url(self, name):
        return self.path(name)

    def path(self, name):
        shown = Path(self._shown) / name.replace("/", "-")
        shown.write_bytes(self.read(name))
        return str(shown)
