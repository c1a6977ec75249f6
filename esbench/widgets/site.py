"""The site: every lesson as one plain HTML page, its stages alive, and no server.

What lives here: running the lessons, and writing what they show as pages.
The guarantee: a page opens from disk, without kernel, network or server; it loads
nothing, not even from its own folder, and follows links only to its sister pages.
What it may not know: what any lesson says; its minutes and the routes are the course's.

While a lesson runs for the site, its kernel has ``ESBENCH_SITE`` set, and every stage
shows itself as a piece of a page (``Stage.site_html``) instead of a widget.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from esbench.errors import NotFound
from esbench.lessons.course import LESSONS, ROUTES, Route

SWITCH = "ESBENCH_SITE"
LONGEST = 120  # seconds that one cell may take

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_LESSON = re.compile(r"\]\((?!https?:)([\w./-]+)\.ipynb(#[^)]*)?\)")


def make_site(
    notebooks: Path, out: Path, *, tell: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Run every lesson, write it as a page, and return the pages.

    Args:
        notebooks: the folder of the lessons.
        out: where the pages go, made if absent; ``index.html`` leads to them.
        tell: is told each lesson's name before it runs.

    Raises:
        NotFound: there is no lesson.
        RuntimeError: a lesson does not run; no page of it is written.
    """
    lessons = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise NotFound(f"there is no lesson in {notebooks.name}: run it from a clone")
    out.mkdir(parents=True, exist_ok=True)
    pages = []
    titles = {}
    for lesson in lessons:
        tell(lesson.stem)
        notebook = _run(lesson)
        titles[lesson.stem] = _title(notebook)
        page = out / f"{lesson.stem}.html"
        page.write_text(
            _page(titles[lesson.stem], _body(notebook) + _NOTE), encoding="utf-8"
        )
        pages.append(page)
    index = out / "index.html"
    stills = {lesson.stem: _still(lesson) for lesson in lessons}
    index.write_text(_page("esbench", _index(titles, stills)), encoding="utf-8")
    return [index, *pages]


def _run(lesson: Path) -> Any:
    """Return the notebook with the outputs that it has on a page."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(lesson, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=LONGEST,
        kernel_name="python3",
        resources={"metadata": {"path": str(lesson.parent)}},
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
    )
    with _site_mode():
        try:
            client.execute()
        except CellExecutionError as error:
            raise RuntimeError(f"{lesson.name} does not run: {error.evalue}") from error
    return notebook


@contextmanager
def _site_mode() -> Iterator[None]:
    os.environ[SWITCH] = "1"
    try:
        yield
    finally:
        del os.environ[SWITCH]


_NOTE = (
    '<p class="note">On this page the stages are alive; code shows what it gave. To '
    "change code, to predict in a cell and to have exercises checked, open the lesson "
    "in the workbench: <code>make lab</code>.</p>"
)


# --- a page ----------------------------------------------------------------------


def _page(title: str, body: str) -> str:
    style = files("esbench.widgets").joinpath("site.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}{_code_style()}</style>\n"
        f"</head><body><main>\n{body}\n</main>\n<script>{_CARRY_SEED}</script>\n"
        "</body></html>\n"
    )


_CARRY_SEED = """
for (const link of document.querySelectorAll('a[href$=".html"]'))
  link.search = location.search;
"""


def _code_style() -> str:
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="xcode").get_style_defs(".code")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".code")
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}"


def _index(titles: dict[str, str], stills: dict[str, str]) -> str:
    """Return the face: what this is, a picture that moves, the routes, the lessons."""
    from esbench.widgets.hydration import hydration

    cards = "".join(_card(stem, titles[stem], stills[stem]) for stem in titles)
    return (
        f"{_WELCOME}{hydration(predict=False).site_html()}"
        f"{_routes(titles)}<h2>Lessons</h2>"
        f'<ul class="cards">{cards}</ul>{_FOR_A_CLASS}'
    )


_WELCOME = (
    '<h1>esbench</h1><p class="lead">An account, a video, a shelf: what it is now '
    "follows from what happened to it. Here you step through events, ask what was "
    "true on any past day, as known on any other, and find out why a number is what "
    "it is.</p><p>Play it: each event makes a new state. Step with the arrow keys, "
    "then press 1, 2 or 3: what if an event had been skipped, doubled, or swapped? "
    "Everything on these pages runs in your browser, without a network.</p>"
)
_FOR_A_CLASS = (
    "<h2>In the workbench</h2><p>There you change the code, and your exercises are "
    "checked. In a clone of the project:</p><pre><code>make lab</code></pre>"
    "<p>For a class: open <code>index.html?seed=7</code> or "
    "<code>index.html?class=monday</code>, and all pages ask their questions with the "
    "letters of that seed.</p>"
)


def _routes(titles: dict[str, str]) -> str:
    """Return the routes whose lessons are all here, with their minutes."""
    names = {one.number: one.name for one in LESSONS}
    here = [
        route
        for route in ROUTES
        if all(names[number] in titles for number in route.numbers)
    ]
    rows = "".join(_route(route, names) for route in here)
    if not rows:
        return ""
    heads = "".join(
        f'<th scope="col">{name}</th>' for name in ("you are", "lessons", "minutes")
    )
    return (
        '<h2>Routes</h2><div class="text"><table><thead><tr>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _route(route: Route, names: dict[str, str]) -> str:
    links = " · ".join(
        f'<a href="{escape(names[number])}.html">{escape(names[number])}</a>'
        for number in route.numbers
    )
    return (
        f'<tr><th scope="row">{escape(route.who)}</th><td>{links}</td>'
        f"<td>{route.minutes}</td></tr>"
    )


def _card(stem: str, title: str, still: str) -> str:
    """Return a lesson as a card: its stage as a still, its title, its minutes."""
    found = next((one for one in LESSONS if one.name == stem), None)
    told = f"Lesson {found.number}, {found.minutes} minutes" if found else "Lesson"
    return (
        f'<li><a href="{escape(stem)}.html">{still}<b>{escape(title)}</b></a>'
        f"<span>{told}</span></li>"
    )


def _still(lesson: Path) -> str:
    """Return the first picture that a lesson was committed with; nothing for none."""
    book = json.loads(lesson.read_text(encoding="utf-8"))
    shown = [out for cell in book["cells"] for out in cell.get("outputs", [])]
    pictures = [out["data"]["image/png"] for out in shown if _has_picture(out)]
    if not pictures:
        return ""
    data = "".join("".join(pictures[0]).split())
    return f'<img class="still" alt="" src="data:image/png;base64,{data}">'


def _has_picture(output: Any) -> bool:
    return "image/png" in output.get("data", {})


def _title(notebook: Any) -> str:
    for cell in notebook.cells:
        for line in str(cell.source).splitlines():
            if line.startswith("# "):
                return line[2:].strip()
    return "esbench"


def _body(notebook: Any) -> str:
    """Return the cells; what stands under a closed heading is folded up to the next."""
    parts: list[str] = []
    closed = 0  # the level of the heading that is closed
    for cell in notebook.cells:
        level, heading = _heading(cell)
        if closed and level and level <= closed:
            parts.append("</details>")
            closed = 0
        if not closed and cell.metadata.get("jp-MarkdownHeadingCollapsed"):
            parts.append(f'<details class="part"><summary>{escape(heading)}</summary>')
            closed = level
        parts.append(_cell(cell, is_inside=bool(closed)))
    return "\n".join([*parts, *(["</details>"] if closed else [])])


def _heading(cell: Any) -> tuple[int, str]:
    """Return the level and the text of a cell's highest heading; 0 for none."""
    if cell.cell_type != "markdown":
        return 0, ""
    found = re.findall(r"^(#+) +(.*)$", cell.source, re.MULTILINE)
    return min(((len(signs), text) for signs, text in found), default=(0, ""))


def _cell(cell: Any, *, is_inside: bool = False) -> str:
    if cell.cell_type == "markdown":
        return f'<section class="text">{_markdown(cell.source)}</section>'
    if cell.cell_type != "code" or not cell.source.strip():
        return ""
    body = _code(cell.source) + "".join(map(_output, cell.outputs))
    if _is_folded(cell) and not is_inside:
        body = f"<details><summary>Show</summary>{body}</details>"
    return f'<section class="cell">{body}</section>'


def _is_folded(cell: Any) -> bool:
    jupyter = cell.metadata.get("jupyter", {})
    return "solution" in cell.metadata.get("tags", []) or bool(
        jupyter.get("source_hidden")
    )


def _markdown(source: str) -> str:
    from nbconvert.filters import markdown2html

    linked = _LESSON.sub(lambda found: f"]({found[1]}.html{found[2] or ''})", source)
    return str(markdown2html(linked))


def _code(source: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return str(highlight(source, PythonLexer(), HtmlFormatter(cssclass="code")))


def _output(output: Any) -> str:
    """Return one output: a page's piece, a picture, or text that is only text."""
    if output.output_type == "stream":
        return f"<pre>{escape(output.text)}</pre>"
    if output.output_type == "error":
        trace = _ANSI.sub("", "\n".join(output.traceback[-1:]))
        return f'<pre class="error">{escape(trace)}</pre>'
    data = output.data
    if "text/html" in data:
        return f'<div class="shown">{data["text/html"]}</div>'
    if "text/markdown" in data:
        return f'<div class="shown">{_markdown(data["text/markdown"])}</div>'
    if "image/png" in data:
        words = escape(data.get("text/plain", "picture"), quote=True)
        return f'<img alt="{words}" src="data:image/png;base64,{data["image/png"]}">'
    return f"<pre>{escape(data.get('text/plain', ''))}</pre>"
