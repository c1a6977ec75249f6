"""What all stages share in Python: the widget's base, the picture's frame, the page.

What lives here: ``Stage`` (traits, words, PNG and page of any stage) and the joining
of ``stage.js`` with a stage's own script.
The guarantee: beside its live view every stage gives a PNG and a ``__repr__`` that
carry the same sentence, alike on every run; a page made by ``site_html`` needs no
kernel, no network and no module, and shows event data as text only.
What it may not know: any one stage, logs, domains.
"""

from __future__ import annotations

import base64
import json
import os
from abc import abstractmethod
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, ClassVar

import anywidget
import traitlets as t

from esbench.lessons.letters import SEEDS

SITE = "ESBENCH_SITE"  # set while the site is made: stages show themselves as pages
PICTURE_WIDTH = 1000  # pixels at which a notebook shows the PNG
EXPORT = "export default { render };"


def script(name: str) -> str:
    """Give the module of a stage: the shared script, then the stage's own."""
    here = files("esbench.widgets")
    return "\n".join(
        here.joinpath(one).read_text(encoding="utf-8") for one in ("stage.js", name)
    )


def plain_script(module: str) -> str:
    """Give a module's source as the body of a function: the one export is left out."""
    if module.count(EXPORT) != 1:
        raise ValueError(f"a stage's script ends in one line {EXPORT!r}")
    return module.replace(EXPORT, "").replace("</", "<\\/")


def page_json(data: object) -> str:
    """Write data as JSON that stands safely inside a ``<script>`` of a page."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


PAGE = """<div class="es-host"></div>
<script>
(() => {{
"use strict";
const host = document.currentScript.previousElementSibling;
{script}
const state = {state};
const letters = state._table.letters;
const seed = seedOf(location.search, Object.keys(letters).length);
if (seed !== null) state.seed = Object.keys(letters).map(Number)[seed];
render({{ model: plainModel(state), el: host }});
}})();
</script>
"""


class Stage(anywidget.AnyWidget):
    """A picture that lives: one idea, drawn by the browser from a table.

    Attributes:
        at: the place shown; 0 is the start.
        asking: whether a question stands between this place and the next.
        answers: what the learner chose: question to letter.
        predict: whether the learner is asked before a step is shown.
        seed: shuffles the letters of the answers; 26 shuffles there are.
    """

    at = t.Int(0).tag(sync=True)
    asking = t.Bool(default_value=False).tag(sync=True)
    answers = t.Dict(key_trait=t.Unicode(), value_trait=t.Unicode()).tag(sync=True)
    predict = t.Bool(default_value=True).tag(sync=True)
    seed = t.Int(0).tag(sync=True)
    _table = t.Dict().tag(sync=True)

    shown_traits: ClassVar[tuple[str, ...]] = (
        "at",
        "asking",
        "answers",
        "predict",
        "seed",
    )

    @property
    @abstractmethod
    def finding(self) -> str:
        """The sentence under the picture, for the state as it is."""

    @property
    @abstractmethod
    def python(self) -> str:
        """The line of Python that gives the same answer."""

    @abstractmethod
    def picture(self) -> bytes:
        """Give the state as a PNG, alike on every run."""

    @abstractmethod
    def letters(self, seed: int) -> list[list[str]]:
        """Give the shuffles of all questions for one seed."""

    @t.validate("seed")
    def _take_seed(self, proposal: Any) -> int:
        return int(proposal["value"]) % SEEDS

    @t.observe("seed")
    def _reshuffle(self, _: Any) -> None:
        if self._table:
            shuffles = {str(self.seed): self.letters(self.seed)}
            self._table = {**self._table, "letters": shuffles}

    def site_html(self, seeds: Iterable[int] = range(SEEDS)) -> str:
        """Give the stage as a piece of a page that lives without a kernel.

        Args:
            seeds: the seeds whose letters are included; the page's ``?seed=n`` takes
                the n-th of them (modulo their number), ``?class=word`` the word's hash.
        """
        shuffles = {str(seed % SEEDS): self.letters(seed) for seed in seeds}
        first = self.seed if str(self.seed) in shuffles else int(next(iter(shuffles)))
        state = {name: getattr(self, name) for name in self.shown_traits}
        table = {**self._table, "letters": shuffles}
        return PAGE.format(
            script=plain_script(str(self._esm)),
            state=page_json({**state, "seed": first, "_table": table}),
        )

    def __repr__(self) -> str:
        """Say the finding."""
        return f"{type(self).__name__}: {self.finding}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if os.environ.get(SITE):
            page = {"text/plain": repr(self), "text/html": self.site_html()}
            return page, {}
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        png = base64.b64encode(self.picture()).decode("ascii")
        return {**data, "text/plain": repr(self), "image/png": png}, {
            **metadata,
            "image/png": {"alt": repr(self), "width": PICTURE_WIDTH},
        }
