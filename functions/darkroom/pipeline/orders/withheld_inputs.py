"""Files that S3 shows and does not give: in an archive, or without the right to their key.

Nothing is paid for a task meanwhile. It waits, with the reason on it, and its files are looked at
again now and then: rights that are given make no event, and one of a restored file may be lost.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from darkroom.domain.errors import InputWithheld
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.admission.admit import leave
from darkroom.pipeline.admission.backoff import growing_wait_s
from darkroom.pipeline.orders.resolve import why_waiting, withheld
from darkroom.ports import Found, Ports, Step


def look_again_at(ports: Ports, found: Mapping[str, Found | None]) -> datetime | None:
    """When a waiting task's files are looked at though nothing came; None where that is no use."""
    if not withheld(found):
        return None
    return ports.clock.now() + timedelta(seconds=ports.limits.look_s)


def waits_on(ports: Ports, task: Task, found: Mapping[str, Found | None]) -> Task:
    """The waiting task, with the reason and the next look written down where S3 holds a file back.

    What is on its way out of an archive, which may take two days, is waited for longer.

    Raises:
        Conflict: someone else wrote first.
    """
    look_at = look_again_at(ports, found)
    now = ports.clock.now()
    reason = why_waiting(found)
    looked = task.look_at is not None and task.look_at > now
    if (look_at is None and task.look_at is None) or (looked and reason == task.wait_reason):
        return task
    deadline = task.deadline
    if coming(found):
        deadline = latest_deadline(ports, task)
    return ports.tasks.replace(
        task,
        replace(task, wait_reason=reason, look_at=look_at, deadline=deadline, updated_at=now),
    )


def coming(found: Mapping[str, Found | None]) -> bool:
    """Whether one of the files is on its way out of an archive."""
    return any(there.coming for there in withheld(found))


def latest_deadline(ports: Ports, task: Task) -> datetime:
    """Until when a task waits for files that are on their way."""
    return task.created_at + timedelta(seconds=ports.limits.queue_s)


def hold(ports: Ports, task: Task, route: Route, error: InputWithheld) -> Step:
    """Let a queued task wait in its run for a file that S3 did not give; no provider is to blame.

    Raises:
        Conflict: someone else wrote first.
    """
    leave(ports, task, route)
    now, waits = ports.clock.now(), task.waits + 1
    reason = f"{error.failure.sentence} {error.failure.next_step}"
    ports.tasks.replace(
        task,
        task.moved("queued", now, wait_reason=reason, waits=waits, slot=None, look_at=now),
    )
    return Step("submit", growing_wait_s(waits))
