"""WRITE OFF: a person says that an unknown task stays as it is, its money counted as charged.

It ends as cancelled, so it no longer asks for a person. `retry` may still continue it by its name.
"""

from contextlib import suppress
from dataclasses import replace

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Failure, Refused, SpecRefused
from darkroom.domain.retries import retry_on_conflict
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.batches.opening import reopen_batches
from darkroom.pipeline.endings.next_steps import retry_command
from darkroom.pipeline.endings.publish import finalize, rewrite_manifest
from darkroom.pipeline.orders.price import price_for
from darkroom.pipeline.paid_call.plan import route_for
from darkroom.ports import Ports

WRITTEN_OFF = "written-off"
"""The failure code of such a task."""


def write_off(ports: Ports, task_id: str) -> Task:
    """End an unknown task for good. Safe to repeat.

    Raises:
        Refused: `no-such-task`, or `not-unknown`.
        Busy: too many others change it.
    """

    def end() -> Task:
        task = ports.tasks.get(task_id)
        if task is None:
            raise Refused("no-such-task", f"There is no task {task_id}.")
        if task.ending is not None and task.ending.failure.code == WRITTEN_OFF:
            return task
        if task.state != "unknown":
            raise Refused(
                "not-unknown", f"It is {task.state}: only an unknown task is written off."
            )
        attempt = _as_charged(ports, task, task.last_attempt)
        failure = Failure(
            WRITTEN_OFF,
            f"It is not known whether {attempt.provider} did it; a person has written it off, and "
            "it counts as charged.",
            f"Run {retry_command(task)} if its job is found after all.",
        )
        return ports.tasks.replace(
            task, task.with_late_ending(Ending("cancelled", failure), attempt)
        )

    old = ports.tasks.get(task_id)
    if old is not None and old.state == "unknown":
        reopen_batches(ports, old)  # also if this process dies after the write
    task = retry_on_conflict(end, f"task {task_id}")
    # If this process dies here, SWEEP writes the manifest and publishes the event.
    reopen_batches(ports, task)
    rewrite_manifest(ports, task)
    finalize(ports, task)
    return task


def _as_charged(ports: Ports, task: Task, attempt: Attempt) -> Attempt:
    """The attempt, charged: what is known of it, else what such a call is expected to cost."""
    if attempt.charged != "unknown":
        return attempt
    if attempt.credits is not None:
        return replace(attempt, charged="yes")
    with suppress(LookupError, SpecRefused):  # a deployment changed the route
        price = price_for(ports, route_for(ports, task, attempt), task.resolved_order.params)
        return replace(attempt, charged="yes", credits=price.credits)
    return replace(attempt, charged="yes")
