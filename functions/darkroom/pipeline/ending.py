"""What every ending has in common, good or bad: the manifest and the event."""

from dataclasses import replace
from typing import Any

from darkroom.naming import manifest_of
from darkroom.pipeline.manifest import build_manifest, cost_of
from darkroom.ports import Ports
from darkroom.routes import Tariff
from darkroom.task import Task

EVENT_OF = {
    "succeeded": "Task Succeeded",
    "failed": "Task Failed",
    "cancelled": "Task Cancelled",
    "unknown": "Task Unknown",
}


def output_name(ports: Ports, task: Task) -> str:
    """Where this task may write: its own name, or beside it when a newer task owns the name."""
    if ports.tasks.owner(task.output) in (None, task.task_id):
        return task.output
    return f"{task.output}@{task.task_id[:8]}"


def write_manifest(ports: Ports, final: Task) -> Task:
    """Write the manifest of a task in its final state; returns the task that names it."""
    output = output_name(ports, final)
    if output != final.output:
        final = replace(final, manifest_key=manifest_of(output))
    _put_manifest(ports, final)
    return final


def rewrite_manifest(ports: Ports, task: Task) -> None:
    """Write a finished task's manifest as its state says, where the name is still its own.

    Two doors may have raced to end it; the state is what counts, and the manifest follows it.
    """
    if task.manifest_key == manifest_of(output_name(ports, task)):
        _put_manifest(ports, task)


def announce(ports: Ports, task: Task) -> None:
    """Publish the end of a task; consumers may see it more than once, with the same event id."""
    detail: dict[str, Any] = {
        "event_id": f"{task.task_id}-{task.run}-{task.state}",
        "task_id": task.task_id,
        "run": task.run,
        "status": task.state,
        "spec_key": task.trigger.key,
        "source": task.source,
        "operation": task.order.operation if task.order else None,
        "provider": task.attempts[-1].provider if task.attempts else None,
        "results": [result.key for result in task.results],
        "manifest": task.manifest_key,
        "cost": cost_of(task, _tariffs(ports, task)),
        "metadata": dict(task.order.metadata) if task.order else {},
    }
    if task.ending:
        detail |= {
            "code": task.ending.failure.code,
            "sentence": task.ending.failure.sentence,
        }
    ports.events.publish(EVENT_OF[task.state], detail)


def _put_manifest(ports: Ports, task: Task) -> None:
    body = build_manifest(task, _tariffs(ports, task))
    ports.outputs.put(task.manifest_key, body, "application/json")


def _tariffs(ports: Ports, task: Task) -> dict[str, Tariff]:
    return {a.provider: ports.providers.tariff(a.provider) for a in task.attempts}
