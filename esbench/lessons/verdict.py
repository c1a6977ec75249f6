"""What a check, a hint and a prediction give back: words that a cell shows.

What lives here: ``Verdict``, ``Hint`` and ``Asked``, and how they read.
The guarantee: each reads the same in a terminal and in a notebook; what a learner's
code said is shown as text, never as markup.
What it may not know: exercises, lessons, Jupyter.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_SIGNS = frozenset("\\`*_[]#|~$")


@dataclass(frozen=True, kw_only=True, repr=False)
class Verdict:
    """What a check says: passed, or not yet and why.

    Attributes:
        passed: whether the answer does what was asked.
        text: one or two sentences.
    """

    passed: bool
    text: str

    @property
    def head(self) -> str:
        """The first words: "passed" or "not yet"."""
        return "passed" if self.passed else "not yet"

    def __bool__(self) -> bool:
        """Tell whether it passed."""
        return self.passed

    def __repr__(self) -> str:
        """Say it on one line."""
        return f"{self.head}: {self.text}"

    def _repr_markdown_(self) -> str:
        return f"**{self.head}**: {plain(self.text)}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Hint:
    """One hint of three, from a nudge to nearly the answer.

    Attributes:
        level: 1 to 3.
        of: how many there are.
        text: the hint.
    """

    level: int
    of: int
    text: str

    @property
    def head(self) -> str:
        """Which hint this is."""
        return f"hint {self.level} of {self.of}"

    def __repr__(self) -> str:
        """Say it on one line."""
        return f"{self.head}: {self.text}"

    def _repr_markdown_(self) -> str:
        return f"**{self.head}**: {plain(self.text)}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Asked:
    """A question with lettered answers, and what is said to the letter chosen.

    Attributes:
        question: the question.
        answers: pairs of letter and text.
        verdict: what is said to the choice.
        kept: where the choice was kept; "" if it was not.
    """

    question: str
    answers: tuple[tuple[str, str], ...]
    verdict: Verdict
    kept: str = ""

    def __repr__(self) -> str:
        """Show the question, a line an answer, and the verdict."""
        lines = [f"  {letter}  {text}" for letter, text in self.answers]
        kept = [f"({self.kept})"] if self.kept else []
        return "\n".join([self.question, *lines, repr(self.verdict), *kept])

    def _repr_markdown_(self) -> str:
        lines = [f"- **{letter}** {plain(text)}" for letter, text in self.answers]
        told = self.verdict._repr_markdown_()
        kept = ["", f"*{plain(self.kept)}*"] if self.kept else []
        return "\n".join([plain(self.question), "", *lines, "", told, *kept])


def plain(text: str) -> str:
    """Write text so that Markdown shows every sign of it, and no markup.

    >>> print(plain("a <b> *c*"))
    a &lt;b&gt; &#42;c&#42;
    """
    return "".join(
        f"&#{ord(sign)};" if sign in _SIGNS else escape(sign) for sign in text
    )
