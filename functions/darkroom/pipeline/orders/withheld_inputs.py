"""Input files that S3 lists but does not return: archived ones, and those without permission.

The task waits unpaid, with the reason in `wait_reason`, and its files are checked again every
`Limits.recheck_s`: granted permissions send no event, and the event of a restored file may be lost.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from darkroom.domain.errors import InputWithheld
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.admission.backoff import backoff_s
from darkroom.pipeline.admission.turns import release_turn
from darkroom.pipeline.orders.inputs import why_waiting, withheld
from darkroom.ports import Found, Ports, Step


def next_recheck(ports: Ports, found: Mapping[str, Found | None]) -> datetime | None:
    """When a waiting task's files are checked again without an event; None if none is withheld."""
    if not withheld(found):
        return None
    return ports.clock.now() + timedelta(seconds=ports.limits.recheck_s)


def note_withheld(ports: Ports, task: Task, found: Mapping[str, Found | None]) -> Task:
    """The waiting task, with the reason and the next check stored where a file is withheld.

    A file that is being restored from an archive, which may take two days, extends the deadline.

    Raises:
        Conflict: the task was changed first.
    """
    look_at = next_recheck(ports, found)
    now = ports.clock.now()
    reason = why_waiting(found)
    planned = task.look_at is not None and task.look_at > now
    if (look_at is None and task.look_at is None) or (planned and reason == task.wait_reason):
        return task
    deadline = task.deadline
    if any_restoring(found):
        deadline = restore_deadline(ports, task)
    return ports.tasks.replace(
        task,
        replace(task, wait_reason=reason, look_at=look_at, deadline=deadline, updated_at=now),
    )


def any_restoring(found: Mapping[str, Found | None]) -> bool:
    """Whether one of the files is being restored from an archive."""
    return any(file.coming for file in withheld(found))


def restore_deadline(ports: Ports, task: Task) -> datetime:
    """Until when a task waits for files that are being restored."""
    return task.deadline_for_inputs(ports.limits.queue_s)


def wait_for_withheld(ports: Ports, task: Task, route: Route, error: InputWithheld) -> Step:
    """Let a queued task wait in its run for a file that S3 withheld; no provider is to blame.

    Raises:
        Conflict: the task was changed first.
    """
    release_turn(ports, task, route.provider)
    now, waits = ports.clock.now(), task.waits + 1
    reason = f"{error.failure.sentence} {error.failure.next_step}"
    ports.tasks.replace(
        task,
        task.with_state("queued", now, wait_reason=reason, waits=waits, place=None, look_at=now),
    )
    return Step("submit", backoff_s(waits))
