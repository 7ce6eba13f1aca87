"""Release a waiting task when its inputs have come, or cancel one that is no longer wanted."""

from dataclasses import replace
from datetime import timedelta

from darkroom.errors import Busy, Conflict, Failure, Refused
from darkroom.pipeline.fail import end, fail
from darkroom.pipeline.resolve import look, pin
from darkroom.ports import Found, Ports
from darkroom.task import UNSUBMITTED, Ending, Task

TRIES = 6
"""How often a lost race is run again before the message goes back to its queue."""


def release(ports: Ports, task_id: str) -> None:
    """Start a waiting task whose inputs have all come; leave it alone otherwise."""
    for _ in range(TRIES):
        task = ports.tasks.get(task_id)
        if task is None:
            return
        if task.finished:
            # Its entry should be gone: whoever ended it died before saying so.
            fail(ports, task_id, task.run)
            return
        if task.state == "waiting" and task.ending is None:
            found = look(ports.inputs, task.asked)
            if any(there is None for there in found.values()):
                return
            try:
                task = ports.tasks.replace(task, _released(ports, task, found))
            except Conflict:
                continue
        if task.ending is not None and task.state in UNSUBMITTED:
            fail(ports, task_id, task.run)
        elif task.state == "queued":
            ports.workflows.start(task_id, task.run)
        ports.tasks.forget_wants(task)
        return
    raise Busy("contended", f"Too many changes to task {task_id} at once.")


def _released(ports: Ports, task: Task, found: dict[str, Found | None]) -> Task:
    now = ports.clock.now()
    try:
        order = pin(task.asked, found, ports.providers.routes())
    except Refused as refusal:
        return replace(task, ending=Ending("failed", refusal.failure), updated_at=now)
    deadline = now + timedelta(seconds=ports.policy.queue_s)
    return task.moved("queued", now, order=order, deadline=deadline, wait_reason=None)


def cancel(ports: Ports, task_id: str, why: Failure) -> None:
    """End a task that is not yet submitted; one that is submitted runs on."""
    for _ in range(TRIES):
        task = ports.tasks.get(task_id)
        if task is not None and task.state == "cancelled":
            # Who cancelled it may have died before saying so.
            fail(ports, task_id, task.run)
            return
        if task is None or task.state not in UNSUBMITTED:
            return
        if task.ending is None:
            try:
                task = end(ports, task, Ending("cancelled", why))
            except Conflict:
                continue
        fail(ports, task.task_id, task.run)
        return
    raise Busy("contended", f"Too many changes to task {task_id} at once.")
