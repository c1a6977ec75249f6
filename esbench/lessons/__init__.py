"""Lessons: predictions, exercises and hints that a notebook calls.

    predict("00.1", "B", ...)    commit to an answer before it is shown
    check("00.2", kept)          "passed: …" or "not yet: …", never an error
    hint("00.2")                 the next of three hints
    seed("maple")                the seed of a class, by its code word

    exercise.py prediction.py    what they are, and how they judge
    l00.py … l20.py              one file a lesson: its tasks as data
    designs.py waiting.py        what lesson 01 compares and measures, on SQLite
    tampering.py                 what lesson 02 spoils, and who notices
    overwritten.py               the row of lesson 07 that misses an update
    traffic.py                   what lessons 08 and 09 send to partitions
    nap.py in_kafka.py           what lesson 09 lets a Kafka broker do
    troubles.py letterbox.py     what lesson 10 makes fail, and its dead letters
    course.py                    which lessons there are, the routes
    classword.py kit.py          a class's code word, and learners' copies
    sheet.py                     what an instructor opens, says and asks
    returned.py                  what returned notebooks say, read and never run
    build.py                     runs notebooks for the repository; nobody imports it
    votes.py                     predictions kept beside a working copy, and counted

The guarantee: nothing here raises on account of a learner's answer, and nothing leaves
the machine; only beside a working copy is a prediction kept, and it says so.
What it may not know: widgets, Jupyter.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from esbench.errors import NotFound
from esbench.lessons.classword import seed
from esbench.lessons.course import LESSONS, ROUTES, task
from esbench.lessons.exercise import Exercise, judge
from esbench.lessons.prediction import OPEN, Prediction, ask
from esbench.lessons.verdict import Asked, Hint, Verdict
from esbench.lessons.votes import keep

__all__ = ["predict", "check", "hint", "seed", "LESSONS", "ROUTES"]

_asked: Counter[str] = Counter()


def predict(number: str, letter: str = OPEN, *given: Any, seed: int = 0) -> Asked:
    """Return a question with lettered answers, and what is said to the one chosen.

    Args:
        number: the prediction, such as "00.1".
        letter: A, B, C or D; "?" as long as you have not decided.
        given: what the answer is computed from; the lesson says what.
        seed: shuffles the letters, so that neighbours can't copy.

    Raises:
        NotFound: no such prediction.
    """
    found = task(number)
    if not isinstance(found, Prediction):
        raise NotFound(f"{number} is an exercise: lessons.check({number!r}, answer)")
    return keep(number, ask(found, letter, given, seed), Path.cwd())


def check(number: str, answer: Any) -> Verdict:
    """Return whether an answer does what is asked, and if not, what to look at.

    Args:
        number: the exercise, such as "00.2".
        answer: the function that you wrote.

    Raises:
        NotFound: no such exercise.
    """
    return judge(_exercise(number), answer)


def hint(number: str) -> Hint:
    """Return the next hint for an exercise; after the last one, the last again.

    Args:
        number: the exercise, such as "00.2".

    Raises:
        NotFound: no such exercise.
    """
    hints = _exercise(number).hints
    _asked[number] = min(_asked[number] + 1, len(hints))
    level = _asked[number]
    return Hint(level=level, of=len(hints), text=hints[level - 1])


def _exercise(number: str) -> Exercise:
    found = task(number)
    if isinstance(found, Exercise):
        return found
    raise NotFound(
        f"{number} is a prediction: commit to a letter, "
        f'lessons.predict({number!r}, "A")'
    )
