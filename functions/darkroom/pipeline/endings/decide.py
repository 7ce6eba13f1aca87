"""Decide that a task ends, and how; FAIL carries it out."""

from dataclasses import replace

from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.turns import release_turn
from darkroom.pipeline.endings.next_steps import with_retry_step
from darkroom.ports import Ports


def decide_ending(ports: Ports, task: Task, ending: Ending, **changes: object) -> Task:
    """Store how the task will end, for FAIL to carry out; it leaves its line. Raises `Conflict`."""
    now = ports.clock.now()
    decided = replace(task, ending=ending, place=None, updated_at=now, **changes)  # type: ignore[arg-type]
    if ending.status == "failed":
        failure = with_retry_step(decided, ending.failure)
        decided = replace(decided, ending=replace(ending, failure=failure))
    decided = ports.tasks.replace(task, decided)
    if task.place is not None and not task.held:
        release_turn(ports, task, task.place.provider)
    return decided


def runs_left(ports: Ports, task: Task) -> int:
    """How many runs may still replace lost ones."""
    return ports.limits.runs - (task.run - task.since_run + 1 - task.parked)
