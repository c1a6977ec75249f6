"""The course: which lessons there are, and the routes through them.

What lives here: the lessons in order, the routes, the line of links above a lesson,
and the table of routes in the first one.
The guarantee: only lessons that exist are named, and a route's minutes are the sum of
its lessons' minutes.
What it may not know: how a notebook is stored or run.
"""

from __future__ import annotations

from dataclasses import dataclass

from esbench.errors import NotFound
from esbench.lessons import l00, l01, l02, l03, l04, l05, l06, l07, l08, l09, l10, l20
from esbench.lessons.lesson import Lesson, Task

LESSONS = (
    l00.LESSON,
    l01.LESSON,
    l02.LESSON,
    l03.LESSON,
    l04.LESSON,
    l05.LESSON,
    l06.LESSON,
    l07.LESSON,
    l08.LESSON,
    l09.LESSON,
    l10.LESSON,
    l20.LESSON,
)


@dataclass(frozen=True, kw_only=True)
class Route:
    """A way through the lessons for one kind of reader.

    Attributes:
        who: whom it is for.
        numbers: the lessons, in order.
        then: what comes after them.
    """

    who: str
    numbers: tuple[str, ...]
    then: str

    @property
    def minutes(self) -> int:
        """What all its lessons take."""
        return sum(lesson(number).minutes for number in self.numbers)


ROUTES = (
    Route(
        who="a class",
        numbers=("00", "03", "07"),
        then="talk about the summary of 07",
    ),
    Route(
        who="an analyst",
        numbers=("00", "04", "06", "20"),
        then="bring a file of your own: `es.explore()`",
    ),
    Route(
        who="an engineer",
        numbers=tuple(one.number for one in LESSONS),
        then="read `esbench/log` and `esbench/projection`",
    ),
)


def lesson(number: str) -> Lesson:
    """Return the lesson of a number such as "03".

    Raises:
        NotFound: there is none.
    """
    found = next((one for one in LESSONS if one.number == number), None)
    if found is None:
        known = ", ".join(one.number for one in LESSONS)
        raise NotFound(f"there is no lesson {number!r}; there are {known}")
    return found


def task(number: str) -> Task:
    """Return the prediction or exercise of a number such as "03.2".

    Raises:
        NotFound: there is none.
    """
    tasks = [one for each in LESSONS for one in each.tasks]
    found = next((one for one in tasks if one.number == number), None)
    if found is None:
        known = ", ".join(one.number for one in tasks)
        raise NotFound(f"there is no exercise {number!r}; there are {known}")
    return found


def navigation(number: str) -> str:
    """Return the line of links that stands above a lesson."""
    place = LESSONS.index(lesson(number))
    before, after = LESSONS[:place][-1:], LESSONS[place + 1 :][:1]
    back = [f"[← {one.number} {one.title}]({one.file})" for one in before]
    on = [f"[{one.number} {one.title} →]({one.file})" for one in after]
    return " · ".join([*back, f"Lesson {number}", *on])


def routes() -> str:
    """Return the routes as a Markdown table."""
    rows = [
        f"| {route.who} | {_ways(route)} | {route.minutes} | {route.then} |"
        for route in ROUTES
    ]
    return "\n".join(
        ["| you are | lessons | minutes | then |", "|---|---|---|---|", *rows]
    )


def _ways(route: Route) -> str:
    found = [lesson(number) for number in route.numbers]
    return ", ".join(f"[{one.name}]({one.file})" for one in found)
