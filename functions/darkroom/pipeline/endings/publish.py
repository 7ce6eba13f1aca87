"""What every ending does, good or bad: write the manifest, publish the event, clean up."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from darkroom.domain.arrivals import RequestFacts
from darkroom.domain.errors import Conflict, Failure
from darkroom.domain.object_keys import digest_of
from darkroom.domain.order import SpecFacts
from darkroom.domain.routes import Tariff
from darkroom.domain.task import Task
from darkroom.pipeline.admission.payment_pause import release_trial_payment, resume_payments
from darkroom.pipeline.admission.turns import release_turn
from darkroom.pipeline.endings.manifest import build_manifest, cost_of, warnings_of
from darkroom.pipeline.endings.measure_end import measure_end
from darkroom.pipeline.endings.owned_writes import put_if_owner
from darkroom.ports import Ports

EVENT_OF = {
    "succeeded": "Task Succeeded",
    "failed": "Task Failed",
    "cancelled": "Task Cancelled",
    "unknown": "Task Unknown",
}

WAITING = "Task Waiting"
"""The event of a task that is not at its end."""


def write_manifest(ports: Ports, task: Task) -> None:
    """Write the manifest of a task in its final state. Raises what `put_if_owner` raises."""
    body = build_manifest(task, _tariffs(ports, task))
    put_if_owner(ports, task, task.manifest_key, body, "application/json")
    with suppress(Exception):  # else the next manifest that is written resumes payments
        resume_payments(ports)


def rewrite_manifest(ports: Ports, task: Task) -> None:
    """Write a finished task's manifest again from its stored state, if it still owns the name.

    Two steps may have raced to end the task. The stored state decides; the manifest follows it.
    """
    try:
        write_manifest(ports, task)
    except Conflict:
        return  # a newer task's manifest is there


def finalize(ports: Ports, task: Task) -> None:
    """Do what a finished task still needs; safe to repeat, and repeated until it is complete."""
    release_all(ports, task)
    publish_event(ports, task)
    # While its wants exist, the event of a file leads to a task that was not announced.
    ports.tasks.forget_wants(task)
    ports.tasks.dismiss(task)


def release_all(ports: Ports, task: Task) -> None:
    """The task has ended: it has no turn and no open job at any of its providers."""
    for provider in dict.fromkeys(task.order.providers if task.order else ()):
        release_turn(ports, task, provider)
    release_trial_payment(ports, task)


def publish_event(ports: Ports, task: Task) -> None:
    """Publish the task's end; consumers may get it more than once, with the same event id."""
    detail = _describe(ports, task)
    if task.ending:
        detail |= {
            "code": task.ending.failure.code,
            "sentence": task.ending.failure.sentence,
        }
    ports.events.publish(EVENT_OF[task.state], detail)
    ports.metrics.emit(measure_end(task, _tariffs(ports, task), ports.clock.now()))


def publish_waiting(ports: Ports, task: Task, missing: Sequence[str]) -> None:
    """Publish that a task waits for files; the same event id each time. `missing`: their keys."""
    waits = {"missing": list(missing), "deadline": task.deadline.isoformat()}
    ports.events.publish(WAITING, _describe(ports, task) | waits)


def publish_refused(ports: Ports, request: RequestFacts, failure: Failure) -> None:
    """Publish that a request has no task and gets none; the same event id for the same request."""
    spec = request.spec or SpecFacts()
    identity = digest_of(request.request_id, request.digest, failure.code)
    ports.events.publish(
        EVENT_OF["failed"],
        {
            "event_id": f"request-{identity}-failed",
            "task_id": None,
            "run": None,
            "status": "failed",
            "request_id": request.request_id,
            "batch": request.batch,
            "spec_key": None,
            "source": request.source,
            "operation": spec.operation,
            "provider": spec.provider,
            "results": [],
            "warnings": [],
            "manifest": None,
            "cost": {"credits": 0, "usd": 0.0, "settled": True, "prices_as_of": {}},
            "metadata": dict(spec.metadata),
            "code": failure.code,
            "sentence": failure.sentence,
        },
    )


def _describe(ports: Ports, task: Task) -> dict[str, Any]:
    """What every event of a task says."""
    return {
        "event_id": f"{task.task_id}-{task.run}-{task.state}",
        "task_id": task.task_id,
        "run": task.run,
        "status": task.state,
        "request_id": task.trigger.request_id,
        "batch": task.batch,
        "spec_key": task.trigger.key,
        "source": task.source,
        "operation": task.operation,
        "provider": task.provider,
        "results": [result.key for result in task.results],
        "warnings": warnings_of(task),
        "manifest": task.manifest_key,
        "cost": cost_of(task, _tariffs(ports, task)),
        "metadata": dict(task.metadata),
    }


def _tariffs(ports: Ports, task: Task) -> dict[str, Tariff]:
    return {a.provider: ports.providers.tariff(a.provider) for a in task.attempts}
