"""Release a waiting task when its inputs have come, or cancel one that is no longer wanted."""

from datetime import timedelta

from darkroom.errors import Failure, InputRefused, Refused
from darkroom.order import Trigger
from darkroom.pipeline.fail import end, fail
from darkroom.pipeline.patience import until_won
from darkroom.pipeline.resolve import look, missing, pin
from darkroom.ports import Ports
from darkroom.task import UNSUBMITTED, Ending, Task

SUPERSEDED = Failure("superseded", "A newer version of the spec took this task's place.")
DELETED = Failure("spec-deleted", "The spec was deleted before its task was submitted.")


def stale(ports: Ports, trigger: Trigger) -> Failure | None:
    """Why what the trigger asked for should not be begun any more, if so; a message never ages."""
    if trigger.kind == "message":
        return None
    try:
        current = ports.inputs.find(trigger.key)
    except InputRefused:
        return None  # whoever reads it says what is wrong with it
    if current is None:
        return DELETED
    return None if current.version_id == trigger.version else SUPERSEDED


def release(ports: Ports, task_id: str) -> None:
    """Start a waiting task whose inputs have all come; leave it alone otherwise."""
    task = until_won(lambda: _released(ports, task_id), f"task {task_id}")
    if task is None or task.awaits_inputs:
        return
    if task.ending is not None and (task.finished or task.state in UNSUBMITTED):
        # Also when it has ended: whoever ended it may have died before saying so.
        fail(ports, task_id, task.run)
    elif task.state == "queued":
        ports.workflows.start(task_id, task.run)
    ports.tasks.forget_wants(task)


def _released(ports: Ports, task_id: str) -> Task | None:
    """The task, queued or marked to be ended if it was waiting and everything is there."""
    task = ports.tasks.get(task_id)
    if task is None or not task.awaits_inputs:
        return task
    try:
        found = look(ports.inputs, task.asked)
        if missing(found):
            return task
        order = pin(task.asked, found, ports.providers.routes())
    except Refused as refusal:
        return end(ports, task, Ending("failed", refusal.failure))
    now = ports.clock.now()
    deadline = now + timedelta(seconds=ports.policy.queue_s)
    queued = task.moved("queued", now, order=order, deadline=deadline, wait_reason=None)
    return ports.tasks.replace(task, queued)
