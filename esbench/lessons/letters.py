"""Lettered answers: which letter stands before which answer.

What lives here: the letters, how many seeds there are, and the shuffle by a seed.
The guarantee: the same question and seed give the same letters everywhere, and the
right letter differs between neighbouring seeds.
What it may not know: questions, lessons, notebooks.
"""

from __future__ import annotations

from itertools import permutations
from zlib import crc32

SEEDS = 26
LETTERS = "ABCD"


def shuffled(question: str, seed: int, count: int = len(LETTERS)) -> str:
    """Return the answers' indices in the order of the letters, as digits.

    Args:
        question: whatever names the question.
        seed: any whole number; 26 shuffles there are.
        count: how many answers, the right one being answer 0.

    >>> shuffled("00.1", 3).index("0") != shuffled("00.1", 4).index("0")
    True
    """
    turn = crc32(question.encode())
    right = (seed % SEEDS + turn) % count
    orders = list(permutations("1234567"[: count - 1]))
    wrong = orders[(seed % SEEDS // count + turn // 7) % len(orders)]
    return "".join([*wrong[:right], "0", *wrong[right:]])
