"""CANCEL: end a task that is not wanted any more.

A spec that was replaced or deleted cancels what is not yet submitted; a person may cancel a task
until it is being delivered. One that is submitted is ended by its doors when they come by: they
clear up a paid call in doubt and stop the job where its provider can.
"""

from collections.abc import Container

from darkroom.domain.errors import Failure, Refused
from darkroom.domain.task import UNSUBMITTED, Ending, State, Task
from darkroom.pipeline.admission.backoff import until_won
from darkroom.pipeline.endings.decide import end
from darkroom.pipeline.fail import fail
from darkroom.ports import Ports

STOPPABLE: frozenset[State] = UNSUBMITTED | {"submitting", "running"}
"""States in which a person may cancel a task; what is being delivered is there in a moment."""

CANCELLED = Failure("cancelled", "Somebody cancelled it.")


def cancel(ports: Ports, task_id: str, why: Failure) -> None:
    """End a task that is not yet submitted; one that is submitted runs on. Again: nothing new."""
    _cancel(ports, task_id, why, UNSUBMITTED)


def stop(ports: Ports, task_id: str) -> Task:
    """Cancel a task for a person.

    Returns:
        The task: `cancelled`, or with that ending, which its doors carry out.

    Raises:
        Refused: it cannot be cancelled: `no-such-task`, `ended-already`, `delivering`,
            `ends-already`.
        Busy: too many others change it.
    """
    task = _cancel(ports, task_id, CANCELLED, STOPPABLE)
    if task is None:
        raise Refused("no-such-task", f"There is no task {task_id}.")
    if task.finished and task.state != "cancelled":
        raise Refused("ended-already", f"It has ended already: {task.state}.")
    if task.ending is None:
        raise Refused("delivering", f"It is {task.state} already, and cannot be stopped any more.")
    if task.ending.status != "cancelled":
        raise Refused("ends-already", f"It ends already: {task.ending.failure.sentence}")
    return task


def _cancel(ports: Ports, task_id: str, why: Failure, states: Container[State]) -> Task | None:
    def mark() -> Task | None:
        task = ports.tasks.get(task_id)
        if task is None or task.state not in states or task.ending is not None:
            return task
        return end(ports, task, Ending("cancelled", why))

    task = until_won(mark, f"task {task_id}")
    # Also when it is cancelled already: whoever cancelled it may have died before saying so.
    if task is not None and (task.state in UNSUBMITTED or task.state == "cancelled"):
        fail(ports, task_id, task.run)
        return ports.tasks.get(task_id)
    return task
