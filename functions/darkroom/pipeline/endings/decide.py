"""Decide that a task ends, and how; FAIL carries it out."""

from dataclasses import replace

from darkroom.domain.task import Ending, Task
from darkroom.ports import Ports


def decide_ending(ports: Ports, task: Task, ending: Ending, **changes: object) -> Task:
    """Store how the task will end, for FAIL to carry out. Raises `Conflict`."""
    now = ports.clock.now()
    return ports.tasks.replace(task, replace(task, ending=ending, updated_at=now, **changes))  # type: ignore[arg-type]


def runs_left(ports: Ports, task: Task) -> int:
    """How many runs may still replace lost ones."""
    return ports.limits.runs - (task.run - task.since_run + 1)
