"""CANCEL: end a task that is no longer wanted.

A spec that was replaced or deleted cancels its task until the task is submitted. A user may cancel
a task until it is being delivered. A submitted task is ended by its own next step, which settles a
paid call in doubt and stops the job where its provider can.
"""

from collections.abc import Container

from darkroom.domain.errors import Failure, Refused
from darkroom.domain.retries import retry_on_conflict
from darkroom.domain.task import UNSUBMITTED, Ending, State, Task
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.fail import fail
from darkroom.ports import Ports

CANCELLABLE: frozenset[State] = UNSUBMITTED | {"submitting", "running"}
"""States in which a user may cancel a task; one that is being delivered is done in a moment."""

CANCELLED = Failure("cancelled", "A user cancelled it.")


def cancel_unsubmitted(ports: Ports, task_id: str, why: Failure) -> None:
    """End a task that is not yet submitted; a submitted one runs on. Safe to repeat."""
    _cancel(ports, task_id, why, UNSUBMITTED)


def cancel_for_user(ports: Ports, task_id: str) -> Task:
    """Cancel a task for a user.

    Returns:
        The task: `cancelled`, or with that ending decided, for its next step to carry out.

    Raises:
        Refused: it cannot be cancelled: `no-such-task`, `ended-already`, `delivering`,
            `ends-already`.
        Busy: too many others change it.
    """
    task = _cancel(ports, task_id, CANCELLED, CANCELLABLE)
    if task is None:
        raise Refused("no-such-task", f"There is no task {task_id}.")
    if task.finished and task.state != "cancelled":
        raise Refused("ended-already", f"It has already ended: {task.state}.")
    if task.ending is None:
        raise Refused("delivering", f"It is already {task.state} and can no longer be cancelled.")
    if task.ending.status != "cancelled":
        raise Refused("ends-already", f"It is already ending: {task.ending.failure.sentence}")
    return task


def _cancel(ports: Ports, task_id: str, why: Failure, states: Container[State]) -> Task | None:
    def mark() -> Task | None:
        task = ports.tasks.get(task_id)
        if task is None or task.state not in states or task.ending is not None:
            return task
        return decide_ending(ports, task, Ending("cancelled", why))

    task = retry_on_conflict(mark, f"task {task_id}")
    # Also if it is cancelled already: the process that did it may have died before the event.
    if task is not None and (task.state in UNSUBMITTED or task.state == "cancelled"):
        fail(ports, task_id, task.run)
        return ports.tasks.get(task_id)
    return task
