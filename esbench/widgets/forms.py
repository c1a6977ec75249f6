"""Pieces of the form as HTML: sentence, rows, lines, picture, and the page's stand-in.

What lives here: how an answer and an import look, and the style of both.
The guarantee: every text that comes from a log, a file or a person is escaped; each
table has a caption and headings, each picture its sentence, and each message says by
a sign and by its role what it is.
What it may not know: controls, logs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import ipywidgets

from esbench.analysis.receipt import counted
from esbench.widgets.asked import OFFERED, first_rows
from esbench.widgets.story import clip, is_number, show

if TYPE_CHECKING:
    from esbench.widgets.asked import Answered, Choice

WIDEST = 60  # characters of one cell
NOTE = "In the workbench this is a form: choose days, an account and a projection."


def css() -> str:
    """Return the style of the form, for both themes."""
    sheet = files("esbench.widgets").joinpath("forms.css")
    return f"<style>{sheet.read_text(encoding='utf-8')}</style>"


def style() -> ipywidgets.HTML:
    """Return the style as a piece of a form; it takes no room."""
    return ipywidgets.HTML(css(), layout={"display": "none"})


def finding(text: str) -> str:
    """Return the sentence; it is read out when it changes."""
    return f'<p class="es-said" role="status">{escape(text)}</p>'


def problem(text: str, *, is_wrong: bool = True) -> str:
    """Return what is wrong, or a word on the way; nothing where all is well."""
    if not text:
        return ""
    if not is_wrong:
        return f'<p class="es-note" role="status">{escape(text)}</p>'
    sign = '<b aria-hidden="true">✕</b>'
    return f'<p class="es-trouble" role="alert">{sign} {escape(text)}</p>'


def lines(*python: str) -> str:
    """Return lines of Python; one click marks a whole line, to be copied."""
    shown = "".join(
        f'<code tabindex="0" title="Click, then copy">{escape(line)}</code>'
        for line in python
        if line
    )
    return f'<div class="es-lines" aria-label="The same in Python">{shown}</div>'


def rows(answer: Answered, choice: Choice) -> str:
    """Return the rows of an answer, as many as a person reads."""
    shown = first_rows(answer, is_one=bool(choice.account))
    body = [[_cell(one, answer.receipt.zone) for one in row] for row in shown.rows()]
    count = answer.table.height
    what = counted(count, "event" if choice.account else "account")
    if count > OFFERED:
        end = "last" if choice.account else "first"
        what = f"the {end} {OFFERED} of {what}; the line above gives all"
    caption = f"{answer.receipt.said}: {what}"
    return grid(caption, [one.replace("_", " ") for one in shown.columns], body)


def _cell(value: Any, zone: str) -> Any:
    if isinstance(value, datetime):
        return f"{value.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
    return value


def grid(caption: str, head: Sequence[str], body: Iterable[Sequence[Any]]) -> str:
    """Return a table that scrolls by itself, with keys too."""
    top = "".join(f'<th scope="col">{escape(clip(one))}</th>' for one in head)
    told = "".join(f"<tr>{''.join(map(_td, row))}</tr>" for row in body)
    name = escape(caption, quote=True)
    return (
        f'<div class="es-rows" tabindex="0" role="region" aria-label="{name}">'
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{top}</tr></thead><tbody>{told}</tbody></table></div>"
    )


def folded(title: str, html: str) -> str:
    """Return a part that opens with a click on its title."""
    return f"<details><summary>{escape(title)}</summary>{html}</details>"


def _td(value: Any) -> str:
    text = escape("–" if value is None else clip(show(value), WIDEST))
    kind = ' class="es-number"' if is_number(value) else ""
    return f"<td{kind}>{text}</td>"


def image(answer: Answered) -> str:
    """Return the picture with its sentence; a word where there is none."""
    if not answer.picture:
        return '<p class="es-note">There is no number to draw.</p>'
    data = base64.b64encode(answer.picture).decode("ascii")
    alt = escape(f"Picture: {answer.finding}", quote=True)
    return f'<img class="es-picture" alt="{alt}" src="data:image/png;base64,{data}">'


def page(chosen: Sequence[tuple[str, str]], said: str, answer: Answered | None) -> str:
    """Return the form as it is, as a piece of a page without a kernel."""
    fields = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(clip(value, 40))}</dd></div>"
        for name, value in chosen
    )
    below = ""
    if answer is not None:
        body = first_rows(answer, is_one=chosen[2][1] != "all", most=8)
        told = [[_cell(one, answer.receipt.zone) for one in row] for row in body.rows()]
        heads = [one.replace("_", " ") for one in body.columns]
        below = lines(answer.python, answer.why)
        below += grid(answer.receipt.said, heads, told) + image(answer)
    return (
        f'{css()}<div class="es-explorer es-still"><dl>{fields}</dl>{finding(said)}'
        f'{below}<p class="es-note">{NOTE}</p></div>'
    )
