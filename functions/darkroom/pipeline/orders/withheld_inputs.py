"""Input files that are missing, and those that S3 lists but does not return.

The task waits unpaid, with the reason in `wait_reason`. Withheld files (archived ones, and those
without permission) are checked again every `Limits.recheck_s`: granted permissions send no event,
and the event of a restored file may be lost. Near misses of absent files are looked for once.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from darkroom.domain.errors import InputWithheld
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.admission.backoff import backoff_s
from darkroom.pipeline.admission.turns import release_turn
from darkroom.pipeline.orders.inputs import absent, why_waiting, withheld
from darkroom.pipeline.orders.near_misses import LOOK_AFTER, THERE_IS
from darkroom.ports import Found, Ports, Step


def first_look(ports: Ports, found: Mapping[str, Found | None]) -> datetime | None:
    """When a new task's files are checked for the first time without an event; None for never.

    Then near misses of absent files are looked for, and withheld files are checked.
    """
    now = ports.clock.now()
    if absent(found):
        return now + LOOK_AFTER
    return now + timedelta(seconds=ports.limits.recheck_s) if withheld(found) else None


def note_missing(
    ports: Ports,
    task: Task,
    found: Mapping[str, Found | None],
    hint: str = "",
    *,
    soon: bool = False,
) -> Task:
    """The waiting task, with the reason and the next check stored.

    A file that is being restored from an archive, which may take two days, extends the deadline.

    Args:
        ports: the outside.
        task: it waits for at least one of the files.
        found: its files.
        hint: what is known of near misses; without one, what was known stays.
        soon: whether near misses are to be looked for once more.

    Raises:
        Conflict: the task was changed first.
    """
    now = ports.clock.now()
    reason = why_waiting(found)
    old_reason = task.wait_reason or ""
    if hint or not old_reason.startswith(f"{reason}{THERE_IS}"):
        reason += hint
    else:
        reason = old_reason
    look_at = task.look_at if task.look_at is not None and task.look_at > now else None
    if withheld(found):
        look_at = look_at or now + timedelta(seconds=ports.limits.recheck_s)
    elif not absent(found):
        look_at = None
    if soon:  # the file with the exact name may follow
        look_at = now + LOOK_AFTER
    if (reason, look_at) == (task.wait_reason, task.look_at):
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
