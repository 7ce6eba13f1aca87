"""From a spec to its task: created once, then started, or waiting for its files.

An uploaded spec, a message and a photo under a folder default come here alike. Safe to repeat: the
task is named after what triggered it, so the same trigger finds it again.
"""

from dataclasses import replace

from darkroom.domain.errors import InputRefused
from darkroom.domain.retries import retry_on_conflict
from darkroom.domain.task import UNSUBMITTED, Task
from darkroom.pipeline.batches.opening import reopen_batches
from darkroom.pipeline.cancel import cancel_unsubmitted
from darkroom.pipeline.endings.next_steps import with_retry_step
from darkroom.pipeline.endings.publish import publish_waiting
from darkroom.pipeline.fail import fail
from darkroom.pipeline.orders.inputs import find_inputs, missing
from darkroom.pipeline.orders.line import start_in_turn
from darkroom.pipeline.orders.new_task import SpecRequest, build_task
from darkroom.pipeline.orders.request_identity import find_task
from darkroom.pipeline.orders.superseded import superseding
from darkroom.pipeline.release import release_task
from darkroom.ports import Ports


def start_task(ports: Ports, request: SpecRequest) -> None:
    """Create the task of a spec, unless it exists, and do what it still needs; safe to repeat."""
    trigger = request.trigger

    def find_or_create() -> Task | None:
        task = find_task(ports.tasks, trigger)
        if task is not None:
            return task
        previous = ports.tasks.latest(trigger.key) if trigger.kind != "message" else None
        if not request.wanted():
            return None
        new = build_task(ports, request, previous)
        if new.task.ending is not None and new.task.ending.status == "failed":
            failure = with_retry_step(new.task, new.task.ending.failure)
            ending = replace(new.task.ending, failure=failure)
            new = replace(new, task=replace(new.task, ending=ending))
        if trigger.asked_at is not None:
            # The same request of the day before has the same output name: if its task was created
            # after `find_task`, it is seen here, or else makes `create` raise `Conflict`.
            existing = find_task(ports.tasks, trigger)
            if existing is not None:
                return existing
        ports.tasks.create(
            new.task, previous=previous, owner=new.owner, results_owner=new.results_owner
        )
        return new.task

    task = retry_on_conflict(find_or_create, trigger.key)
    if task is not None:
        reopen_batches(ports, task)
        _continue_task(ports, task)


def _continue_task(ports: Ports, task: Task) -> None:
    """Do what a stored task still needs; safe to repeat, whatever was done before."""
    if task.supersedes:
        older = ports.tasks.get(task.supersedes)
        if older is not None:
            why = superseding(task.trigger, older.trigger)
            cancel_unsubmitted(ports, task.supersedes, why)
    if task.finished:
        # Ended here, by a process that may have died before the event; it has no run to do it.
        if task.ending and not task.attempts:
            fail(ports, task.task_id, task.run)
    elif task.ending is not None and task.state in UNSUBMITTED:
        fail(ports, task.task_id, task.run)
    elif task.state == "waiting":
        release_task(ports, task.task_id)
        if task.trigger.kind == "message":
            _tell_what_is_missing(ports, task.task_id)
    elif task.state == "queued":
        start_in_turn(ports, task)


def _tell_what_is_missing(ports: Ports, task_id: str) -> None:
    """Publish that the task of a message waits, unless it has all its files by now.

    The sender cannot see it otherwise. It is published again, as the same event, only if the
    message is delivered again. A user who uploads a spec before its photo needs none.
    """
    task = ports.tasks.get(task_id)
    if task is None or not task.awaits_inputs or task.order is None:
        return
    try:
        keys = missing(find_inputs(ports.inputs, task.order))
    except InputRefused:
        return  # its end says so
    if keys:
        publish_waiting(ports, task, keys)
