"""A chosen file becomes a log: every row is taken, or listed with its reason.

What lives here: the file chooser of ``explore``, the boxes in which a person says what
the extract does not say itself, and the report of the import.
The guarantee: the mapping is that of ``analysis.plan_import``; the log is a temporary
one, made anew for each choice, so the file's own log is never touched. No row vanishes
without a word.
What it may not know: what is asked of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import ipywidgets
from msgspec.structs import replace

from esbench.analysis import Settings, plan_import
from esbench.analysis.extract import columns_of
from esbench.analysis.receipt import counted
from esbench.errors import EsbenchError, NotFound
from esbench.widgets import forms

if TYPE_CHECKING:
    from esbench.analysis import Plan
    from esbench.log import EventLog

ACCEPTED = ".csv,.txt,.tsv,.jsonl,.ndjson,.parquet"
ROLES = {
    "account": "Account",
    "occurred": "Occurred",
    "recorded": "Recorded",
    "amount": "Amount",
    "text": "Text",
    "id": "Id",
}
WITHOUT = {"recorded": "the time of this import", "id": "made from the row"}
DATES = {"found": None, "day, month, year": "dmy", "month, day, year": "mdy"}
MARKS = {"found": None, "comma": ",", "point": "."}
LISTED = 200  # rows that are listed at once
WIDTH = {
    "layout": {"width": "auto", "margin": "2px 14px 2px 0"},
    "style": {"description_width": "initial"},
}

Files = list[tuple[str, bytes]]


class Uploaded:
    """A file chooser, and the log that its files come to.

    Args:
        chooser: a FileUpload that stands elsewhere; one of its own unless given.
        settings: what the extracts do not say themselves.

    Attributes:
        panel: what is shown.
        plan: what the import did; None before a file was chosen.
        problem: why the files chosen can't be read; empty where they can.
    """

    def __init__(
        self,
        chooser: ipywidgets.FileUpload | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._settings = settings or Settings()
        self._chooser = chooser or ipywidgets.FileUpload(
            accept=ACCEPTED,
            multiple=True,
            description="Choose an extract",
            tooltip="CSV, JSON lines or Parquet; it stays on this machine's kernel",
            layout={"width": "auto"},
        )
        self.plan: Plan | None = None
        self.problem = ""
        self._tell: Callable[[EventLog | None], None] = lambda _: None
        self._quiet = False
        self._boxes()
        self._said = ipywidgets.HTML()
        own = [] if chooser is not None else [self._chooser]
        self.panel = ipywidgets.VBox([*own, self._said, self._more])
        self._chooser.observe(lambda _: self._chosen(), "value")

    def _boxes(self) -> None:
        self._columns = {
            role: ipywidgets.Dropdown(
                description=name, tooltip=f"The column that says: {role}", **WIDTH
            )
            for role, name in ROLES.items()
        }
        self._one = ipywidgets.Text(
            description="One account",
            placeholder="its id, if no column says it",
            continuous_update=False,
            **WIDTH,
        )
        self._dates = ipywidgets.Dropdown(
            description="Dates", options=list(DATES.items()), **WIDTH
        )
        self._mark = ipywidgets.Dropdown(
            description="Decimals", options=list(MARKS.items()), **WIDTH
        )
        boxes = [*self._columns.values(), self._one, self._dates, self._mark]
        for one in boxes:
            one.observe(lambda _: self._said_more(), "value")
        inside = ipywidgets.HBox(boxes, layout={"flex_flow": "row wrap"})
        self._more = ipywidgets.Accordion([inside], titles=["Columns"])
        self._more.layout.display = "none"

    def on_log(self, tell: Callable[[EventLog | None], None]) -> None:
        """Tell of the log of the files chosen, now and whenever others are chosen."""
        self._tell = tell
        self._chosen()

    def _files(self) -> Files:
        return [(one["name"], bytes(one["content"])) for one in self._chooser.value]

    def _chosen(self) -> None:
        """Take other files: what was said of the earlier ones' columns is void."""
        files = self._files()
        self._more.layout.display = "" if files else "none"
        if not files:
            self.problem = ""
            self._say("", None)
            return
        self._quiet = True
        for role, box in self._columns.items():
            box.options = list(self._options(role, files[0]))
            box.value = self._settings.columns.get(role, "")
        self._quiet = False
        self._read()

    def _options(self, role: str, file: tuple[str, bytes]) -> Iterator[tuple[str, str]]:
        yield WITHOUT.get(role, "found by its name"), ""
        for name in columns_of(file[1], file[0], self._settings):
            yield name, name
        said = self._settings.columns.get(role)
        if said and said.startswith("#"):
            yield said, said

    def _said_more(self) -> None:
        if not self._quiet:
            self._read()

    @property
    def settings(self) -> Settings:
        """What was said by the caller and in the boxes."""
        said = {role: str(box.value) for role, box in self._columns.items()}
        columns = {**self._settings.columns, **said}
        return replace(
            self._settings,
            columns={role: name for role, name in columns.items() if name},
            account=self._one.value.strip() or self._settings.account,
            dates=self._dates.value or self._settings.dates,
            decimal=self._mark.value or self._settings.decimal,
        )

    def _read(self) -> None:
        """Bring the files in, and say what became of each row."""
        from esbench.domains import bank
        from esbench.log import EventLog

        files, settings = self._files(), self.settings
        self.plan, self.problem = None, ""
        try:
            log = EventLog.temporary(bank.EVENTS, zone=settings.zone)
            plan = plan_import(log, files, settings)
            plan.commit(log, skip_bad=True)
            if not len(log):
                raise NotFound(f"{files[0][0]} holds no row that can be taken")
        except EsbenchError as error:
            self._more.selected_index = 0
            self.problem = f"{error}; here, say it in the boxes below"
            self._say(forms.problem(self.problem), None)
            return
        self.plan = plan
        self._say(report(plan, files, settings), log)

    def _say(self, html: str, log: EventLog | None) -> None:
        self._said.value = html
        self._tell(log)


def report(plan: Plan, files: Files, settings: Settings) -> str:
    """Return what became of the rows: a sentence, what was found, what was not taken.

    Args:
        plan: the import.
        files: names and contents.
        settings: what was said.
    """
    said = forms.finding(sentence(plan, [name for name, _ in files]))
    found = forms.folded(
        "What was found in it",
        forms.grid("columns and forms", ["what", "is"], _found(plan)),
    )
    told = [
        (each.file, each.line, what, each.reason, " | ".join(filter(None, each.cells)))
        for what, noted in (("not taken", plan.bad), ("left out", plan.left))
        for each in noted
    ]
    caption = "rows that became no event"
    if len(told) > LISTED:
        caption += f", the first {LISTED} of {len(told):,}"
    heads = ["file", "line", "what", "reason", "row"]
    listed = forms.grid(caption, heads, told[:LISTED]) if told else ""
    return said + _balances(plan) + listed + found + forms.lines(call(files, settings))


def sentence(plan: Plan, names: list[str]) -> str:
    """Say how many rows became events, and how many did not."""
    rows = sum(len(read.extract.records) for read in plan.reads)
    which = names[0] if len(names) == 1 else counted(len(names), "file")
    parts = [f"{len(plan.events):,} of {counted(rows, 'row')} became events"]
    balances = sum(len(read.closings) for read in plan.reads)
    parts += [f"{counted(balances, 'balance')} compared"] if balances else []
    parts += [f"{plan.known:,} known already"] if plan.known else []
    parts += [f"{len(plan.left):,} left out"] if plan.left else []
    parts += [f"{len(plan.bad):,} not taken"] if plan.bad else []
    return f"{which}: {', '.join(parts)}."


def _balances(plan: Plan) -> str:
    """Return the balances that the extract states and the rows do not come to."""
    wrong = [check for check in plan.checks if not check.agrees]
    agree = len(plan.checks) - len(wrong)
    if not plan.checks:
        return ""
    if not wrong:
        text = f"✓ All {counted(agree, 'stated balance')} agree with the rows."
        return f'<p class="es-note">{text}</p>'
    rows = [(c.line, c.account, c.day, c.said, c.found) for c in wrong]
    heads = ["line", "account", "day", "stated", "by the rows"]
    return forms.grid(f"✕ {len(wrong)} balances that differ", heads, rows)


def _found(plan: Plan) -> Iterator[tuple[str, str]]:
    for read in plan.reads[:1]:
        for role, column in read.mapping.columns.items():
            yield column, role
        for column, hint in read.mapping.unread.items():
            yield column, f"not read{f' ({hint})' if hint else ''}"
        yield "decimal mark", f"{read.amounts.decimal!r}, {read.amounts.how}"
        yield "dates", f"{read.dates}, {read.dates.how}"
        yield from read.extract.found.items()


def call(files: Files, settings: Settings) -> str:
    """Return the line that makes the same log."""
    pairs = ", ".join(f"({n!r}, Path({n!r}).read_bytes())" for n, _ in files)
    said = _said(settings)
    given = f", analysis.Settings({said})" if said else ""
    zone = f", zone={settings.zone!r}" if settings.zone else ""
    made = f"log = es.EventLog.temporary(bank.EVENTS{zone})"
    plan = f"analysis.plan_import(log, [{pairs}]{given})"
    return f"{made}; {plan}.commit(log, skip_bad=True)"


def _said(settings: Settings) -> str:
    plain = Settings()
    names = [name for name in settings.__struct_fields__ if name != "skip_bad"]
    told = [(name, getattr(settings, name)) for name in names]
    changed = [(n, v) for n, v in told if v != getattr(plain, n)]
    return ", ".join(f"{name}={value!r}" for name, value in changed)
