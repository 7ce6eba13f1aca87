"""Metrics of the simulated world, and what must hold of them at the end."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from darkroom.domain.measurements import Measurement
from darkroom.domain.task import Task


class MeasuredEnds:
    """`ports.Metrics` that works out each measurement, and counts the ends of tasks.

    As a function's metrics do, it loses the rest of one call after an error.
    """

    def __init__(self) -> None:
        self._ends: Counter[str] = Counter()

    def emit(self, measurements: Iterable[Measurement]) -> None:
        """Count the ends."""
        with suppress(Exception):
            for one in measurements:
                if one.name == "TasksEnded" and set(one.dimensions) == {"outcome"}:
                    self._ends[one.dimensions["outcome"]] += 1

    def find_violations(self, tasks: Iterable[Task]) -> Iterator[str]:
        """Each end was measured; more than once where it was published again."""
        for state, number in Counter(task.state for task in tasks if task.finished).items():
            if self._ends[state] < number:
                yield f"{number} tasks are {state}, and {self._ends[state]} ends were measured"
