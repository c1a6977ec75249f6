"""The code word of a class: one word, and everybody has the same seed.

What lives here: the seed of a word, and writing the word into a notebook's set-up cell.
The guarantee: a word gives the same seed in every notebook, on every machine and, by
``?class=word``, on the pages; what is written into a notebook can be taken out again.
What it may not know: lessons, where copies lie.
"""

from __future__ import annotations

import re

from esbench.errors import NotFound
from esbench.lessons.letters import SEEDS

PLAIN = "seed = 1  # any whole number that your neighbour does not have"
_WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_WRITTEN = re.compile(
    r'^seed = lessons\.seed\("([a-z0-9-]+)"\)  # our class$', re.MULTILINE
)
_OFFSET, _PRIME, _BITS = 0x811C9DC5, 0x01000193, 0xFFFFFFFF  # FNV-1a, 32 bits


def seed(word: str) -> int:
    """Return the seed that a class shares, from 0 to 25.

    Args:
        word: small letters a to z, digits and hyphens, 40 at most.

    Raises:
        NotFound: it is no such word.

    >>> seed("maple"), seed("birch")
    (20, 19)
    """
    value = _OFFSET
    for byte in checked(word).encode("ascii"):
        value = (value ^ byte) * _PRIME & _BITS
    return value % SEEDS


def checked(word: str) -> str:
    """Return a word that reads alike in a notebook and in an address.

    Raises:
        NotFound: it has other signs.
    """
    if _WORD.fullmatch(str(word)):
        return word
    raise NotFound(
        f"{word!r} is no word for a class: write small letters a to z, digits and "
        "hyphens, such as maple"
    )


def worded(source: str, word: str | None) -> str:
    """Return a cell's source with the class's seed; with the plain one for None."""
    plain = _WRITTEN.sub(PLAIN, source)
    if word is None:
        return plain
    line = f'seed = lessons.seed("{checked(word)}")  # our class'
    return re.sub(rf"^{re.escape(PLAIN)}$", line, plain, flags=re.MULTILINE)
