"""The form of an analyst: two days, an account, a number; figures, table and picture.

What lives here: ``explore`` and the form that it returns, of ipywidgets' own controls.
The guarantee: whatever is chosen, the sentence, the rows, the picture and the line of
Python belong together; what has no answer is told in place, and the last answer stays.
Texts of events are text, never markup.
What it may not know: how an answer is found, how an extract is read.
"""

from __future__ import annotations

import base64
import os
from bisect import bisect_left
from datetime import date
from typing import TYPE_CHECKING, Any

import ipywidgets

from esbench.errors import EsbenchError, InvalidFrame, NotFound
from esbench.moments import day as read_day
from esbench.widgets import forms
from esbench.widgets.asked import Answered, Choice, Desk
from esbench.widgets.stage import PICTURE_WIDTH, SITE
from esbench.widgets.upload import WIDTH, Uploaded

if TYPE_CHECKING:
    from esbench.analysis import Settings
    from esbench.analysis.receipt import Receipt
    from esbench.log import Readable
    from esbench.projection.answer import Answer

EMPTY = "Choose an extract: a CSV, JSON lines or Parquet file of bookings."


class Explorer(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A form over a log: what is chosen above is answered below.

    Attributes:
        about: the picker of the day asked about; empty for everything.
        known: the picker of the day of knowledge; empty for now.
        account: the box with an id; empty for all accounts.
        number: the chooser of the projection and its number.
    """

    def __init__(
        self,
        source: Readable | Uploaded,
        *,
        projection: Any = None,
        field: str | None = None,
        choice: tuple[str, date | None, date | None] = ("", None, None),
    ) -> None:
        self._asked_for = (projection, field)
        self._desk: Desk | None = None
        self._answer: Answered | None = None
        self._problem = ""
        self._quiet = False
        self._upload = source if isinstance(source, Uploaded) else None
        self._controls(choice)
        self._places()
        top = [self._upload.panel] if self._upload else []
        super().__init__([forms.style(), *top, self._form])
        self.add_class("es-explorer")
        if isinstance(source, Uploaded):
            source.on_log(self._sit)
        else:
            self._sit(source)

    def _controls(self, choice: tuple[str, date | None, date | None]) -> None:
        account, about, known = choice
        self.about = ipywidgets.DatePicker(
            description="About",
            value=about,
            tooltip="The day asked about; empty for everything that happened",
            **WIDTH,
        )
        self.known = ipywidgets.DatePicker(
            description="As known on",
            value=known,
            tooltip="The day of knowledge; empty for now",
            **WIDTH,
        )
        self.account = ipywidgets.Combobox(
            description="Account",
            value=account,
            placeholder="all; write an id",
            ensure_option=False,
            continuous_update=True,
            tooltip="Whose; empty for all accounts",
            **WIDTH,
        )
        self.number = ipywidgets.Dropdown(
            description="Projection", tooltip="What is asked for", **WIDTH
        )
        self._then = ipywidgets.Button(
            description="Known then",
            tooltip="As known on the day asked about",
            layout={"width": "auto"},
        )
        self._now = ipywidgets.Button(
            description="Known now",
            tooltip="With all that is known now",
            layout={"width": "auto"},
        )
        for one in (self.about, self.known, self.account, self.number):
            one.observe(self._changed, "value")
        self._then.on_click(lambda _: self.ask(known=self.about.value))
        self._now.on_click(lambda _: self.ask(known=None))

    def _places(self) -> None:
        self._said = ipywidgets.HTML()
        self._trouble = ipywidgets.HTML()
        self._rows = ipywidgets.HTML()
        self._image = ipywidgets.HTML()
        self._lines = ipywidgets.HTML()
        row = ipywidgets.HBox(
            [
                *(self.about, self.known, self._then, self._now),
                *(self.account, self.number),
            ],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )
        below = (self._said, self._trouble, self._lines, self._rows, self._image)
        self._form = ipywidgets.VBox([row, *below])
        self._form.layout.display = "none"

    def _sit(self, log: Readable | None) -> None:
        """Take a log to ask, or none."""
        self._desk, self._answer, self._problem = None, None, ""
        self._form.layout.display = "none" if log is None else ""
        if log is None:
            return
        try:
            self._desk = Desk(log, *self._asked_for)
        except NotFound as error:
            self._tell_problem(str(error))
            return
        self._quiet = True
        self.number.options = [(one.label, one) for one in self._desk.numbers]
        self.number.value = self._desk.numbers[0]
        self.account.options = tuple(self._desk.offered("")[1])
        if not self._desk.known(self.account.value):
            self.account.value = ""
        self._quiet = False
        self._look()

    # --- asking ---

    def ask(self, **chosen: Any) -> Explorer:
        """Choose from Python what the controls choose, and return the form.

        Args:
            chosen: ``about``, ``known`` (a day, text such as "2024-01-31", or None) and
                ``account`` (an id, "" for all).
        """
        self._quiet = True
        try:
            for name, value in chosen.items():
                if name not in {"about", "known", "account"}:
                    raise InvalidFrame(
                        f"a form has no {name!r}: say about, known or account"
                    )
                is_text = isinstance(value, str) and name != "account"
                getattr(self, name).value = read_day(value) if is_text else value
        finally:
            self._quiet = False
        self._look()
        return self

    def _changed(self, change: Any) -> None:
        if self._quiet or self._desk is None:
            return
        if change["owner"] is self.account and not self._is_whole(change["new"]):
            return
        self._look()

    def _is_whole(self, text: str) -> bool:
        """Offer the ids that begin so; tell whether the text is one, or empty."""
        assert self._desk is not None, "only a form with a log is asked"
        count, offered = self._desk.offered(text)
        self.account.options = tuple(offered)
        if not text or self._desk.known(text):
            return True
        if count:
            verb = "id begins" if count == 1 else "ids begin"
            self._tell_problem(f"{count:,} {verb} so: go on, or choose", is_wrong=False)
        else:
            self._tell_problem(self._nobody(text))
        return False

    def _nobody(self, text: str) -> str:
        assert self._desk is not None, "only a form with a log is asked"
        ids = self._desk.ids
        near = ids[min(bisect_left(ids, text), len(ids) - 1)]
        return f"there is no account {text!r}; one near it is {near!r}"

    def _look(self) -> None:
        """Answer what is chosen: words and rows first, the picture behind them."""
        if self._desk is None:
            return
        choice = Choice(
            number=self.number.value,
            account=self.account.value,
            about=self.about.value,
            known=self.known.value,
        )
        try:
            if choice.account and not self._desk.known(choice.account):
                raise NotFound(self._nobody(choice.account))
            answer = self._desk.answer(choice)
        except EsbenchError as error:
            self._tell_problem(str(error))
            return
        self._answer = answer
        self._tell_problem("")
        self._said.value = forms.finding(answer.finding)
        self._lines.value = forms.lines(answer.python, answer.why)
        self._rows.value = forms.rows(answer, choice)
        self._image.value = forms.image(answer)

    def _tell_problem(self, text: str, *, is_wrong: bool = True) -> None:
        self._problem = text if is_wrong else ""
        self._trouble.value = forms.problem(text, is_wrong=is_wrong)

    # --- what Python reads ---

    @property
    def finding(self) -> str:
        """The sentence of the form as it is."""
        trouble = self._upload.problem if self._upload else ""
        if trouble or self._problem:
            return trouble or self._problem
        return EMPTY if self._answer is None else self._answer.finding

    @property
    def python(self) -> str:
        """The line of Python that gives the table; empty where there is none."""
        return "" if self._answer is None else self._answer.python

    @property
    def table(self) -> Answer:
        """The rows, all of them.

        Raises:
            NotFound: nothing was answered yet.
        """
        return self._held.table

    @property
    def receipt(self) -> Receipt:
        """Where the rows come from, and the call that gives them again.

        Raises:
            NotFound: nothing was answered yet.
        """
        return self._held.receipt

    @property
    def log(self) -> Readable:
        """The log that is asked; that of the extract where one was chosen.

        Raises:
            NotFound: no extract was chosen yet.
        """
        if self._desk is None:
            raise NotFound(EMPTY)
        return self._desk.log

    @property
    def _held(self) -> Answered:
        if self._answer is None:
            raise NotFound(self.finding)
        return self._answer

    # --- where the form can't live ---

    def __repr__(self) -> str:
        """Say the finding."""
        return f"Explorer: {self.finding}"

    def picture(self) -> bytes:
        """Give the form as a PNG, alike on every run."""
        from esbench.widgets.pictures_of_forms import form_png

        return form_png(self._chosen(), self.finding, self.python, self._answer)

    def site_html(self) -> str:
        """Give the form as a piece of a page: what is chosen, and what it comes to."""
        return forms.page(self._chosen(), self.finding, self._answer)

    def _chosen(self) -> list[tuple[str, str]]:
        """Return what stands in the controls, in words."""
        number = self.number.value
        return [
            ("About", str(self.about.value or "everything")),
            ("As known on", str(self.known.value or "now")),
            ("Account", self.account.value or "all"),
            ("Projection", number.label if number else "none yet"),
        ]

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if os.environ.get(SITE):
            return {"text/plain": repr(self), "text/html": self.site_html()}, {}
        data = super()._repr_mimebundle_(**kwargs)
        png = base64.b64encode(self.picture()).decode("ascii")
        return {**data, "text/plain": repr(self), "image/png": png}, {
            "image/png": {"alt": repr(self), "width": PICTURE_WIDTH}
        }


def explore(
    source: Any = None,
    account: str = "",
    *,
    about: date | str | None = None,
    known: date | str | None = None,
    projection: Any = None,
    field: str | None = None,
    settings: Settings | None = None,
) -> Explorer:
    """Return a form that asks a log: two days, an account, a number.

    Args:
        source: a log, a past of one, or an ``ipywidgets.FileUpload`` whose file
            becomes a temporary log; the form brings a file chooser of its own if
            nothing is given.
        account: the id that is chosen first; all accounts unless said.
        about: the day asked about that is chosen first; everything unless said.
        known: the day of knowledge that is chosen first; now unless said.
        projection: what is asked for; the projections that fit the log's events
            unless given.
        field: the number of its states; the first total unless said.
        settings: what an extract does not say itself, as ``plan_import`` takes it.

    Raises:
        InvalidFrame: the source is neither a log nor an upload, or the projection
            has no such number.
    """
    days = [read_day(day) if isinstance(day, str) else day for day in (about, known)]
    given = _source(source, settings)
    return Explorer(
        given, projection=projection, field=field, choice=(account, days[0], days[1])
    )


def _source(source: Any, settings: Settings | None) -> Readable | Uploaded:
    if source is None or isinstance(source, ipywidgets.FileUpload):
        return Uploaded(source, settings)
    if hasattr(source, "as_of") and hasattr(source, "log"):
        log: Readable = source
        return log
    raise InvalidFrame(
        f"explore takes a log, a past of one or a FileUpload, and this is a "
        f"{type(source).__name__}: for a file write es.explore() and choose it there"
    )
