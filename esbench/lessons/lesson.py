"""A lesson as the course knows it: its name, its minutes, its tasks.

What lives here: ``Lesson``.
The guarantee: a lesson's tasks are numbered without a gap, in the order in which the
lesson poses them.
What it may not know: which lessons there are, notebooks.
"""

from __future__ import annotations

from dataclasses import dataclass

from esbench.errors import DefinitionConflict
from esbench.lessons.exercise import Exercise
from esbench.lessons.prediction import Prediction

Task = Prediction | Exercise


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One notebook of the course.

    Attributes:
        name: the file's name without its ending, such as "03_hydration".
        title: the heading.
        minutes: what working it through takes.
        tasks: its predictions and exercises, in order.

    Raises:
        DefinitionConflict: a task with a number that is not its place.
    """

    name: str
    title: str
    minutes: int
    tasks: tuple[Task, ...]

    def __post_init__(self) -> None:
        """Check the numbers."""
        numbers = [task.number for task in self.tasks]
        wanted = [f"{self.number}.{place + 1}" for place in range(len(numbers))]
        if numbers != wanted:
            raise DefinitionConflict(
                f"{self.name} numbers its tasks {', '.join(numbers)}: "
                f"number them {', '.join(wanted)}"
            )

    @property
    def number(self) -> str:
        """The lesson's number, such as "03"."""
        return self.name.split("_")[0]

    @property
    def file(self) -> str:
        """The notebook's file name."""
        return f"{self.name}.ipynb"
