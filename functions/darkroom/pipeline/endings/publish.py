"""What every ending has in common, good or bad: the name, the manifest, the event, the rest."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, BinaryIO

from darkroom.domain.errors import Busy, Conflict
from darkroom.domain.object_keys import manifest_of
from darkroom.domain.routes import Tariff
from darkroom.domain.task import Task
from darkroom.pipeline.admission.admit import give_up_leases, note_delivered
from darkroom.pipeline.admission.backoff import TRIES
from darkroom.pipeline.endings.manifest import build_manifest, cost_of
from darkroom.pipeline.orders.output_names import asides, claim
from darkroom.ports import Ports

EVENT_OF = {
    "succeeded": "Task Succeeded",
    "failed": "Task Failed",
    "cancelled": "Task Cancelled",
    "unknown": "Task Unknown",
}


def named(ports: Ports, task: Task) -> Task:
    """The task under a name that it may write to: its own, or one beside a newer task's.

    That it moved aside is written down before anything is written there, so that two doors at
    once cannot write two manifests that count.

    Raises:
        Conflict: another door was quicker.
    """
    if _aside(task) or _owns(ports, task):
        return task
    name = next((name for name in asides(task) if claim(ports, task, [name])), asides(task)[-1])
    now = ports.clock.now()
    # What it wrote under the other name may be there no more: it is written again.
    moved = replace(task, manifest_key=manifest_of(name), results=(), updated_at=now)
    return ports.tasks.replace(task, moved)


def put_as(ports: Ports, task: Task, key: str, body: BinaryIO | bytes, content_type: str) -> None:
    """Write a file under the task's name, over its own or an older task's but not a newer one's.

    A write may be on its way for longer than another task takes from its spec to its results, so
    every one says what it expects to find.

    Args:
        ports: the outside.
        task: as `named` returned it.
        key: begins with the task's name.
        body: bytes, or a seekable file.
        content_type: its media type.

    Raises:
        Conflict: the name is a newer task's by now, or the task has changed.
        Busy: too many others write there.
    """
    etag: str | None = None
    for turn in range(TRIES):
        if not _aside(task) and not _owns(ports, task):
            raise Conflict(f"The name of task {task.task_id} was taken by a newer one.")
        if turn and _changed(ports, task):
            raise Conflict(f"Task {task.task_id} changed while its files were written.")
        if not isinstance(body, bytes):
            body.seek(0)
        try:
            ports.outputs.put_over(key, body, content_type, etag)
        except Conflict:
            # Looked at before the owner and the task are: who changes these later writes later.
            etag = ports.outputs.find(key)
        else:
            return
    raise Busy("contended", f"Too many writes of {key} at once.")


def write_manifest(ports: Ports, task: Task) -> None:
    """Write the manifest of a task in its final state. Raises what `put_as` raises."""
    body = build_manifest(task, _tariffs(ports, task))
    put_as(ports, task, task.manifest_key, body, "application/json")
    with suppress(Exception):  # else the next one that is written opens the gate
        note_delivered(ports)


def rewrite_manifest(ports: Ports, task: Task) -> None:
    """Write a finished task's manifest as its state says, where the name is still its own.

    Two doors may have raced to end it; the state is what counts, and the manifest follows it.
    """
    try:
        write_manifest(ports, task)
    except Conflict:
        return  # what is there by now is newer


def conclude(ports: Ports, task: Task) -> None:
    """Do what is left to do for a finished task; safe to repeat, and repeated until it is done."""
    give_up_leases(ports, task)
    announce(ports, task)
    # As long as an entry is there, the file's event finds a task that was not announced.
    ports.tasks.forget_wants(task)
    ports.tasks.dismiss(task)


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


def _aside(task: Task) -> bool:
    """Whether the task has moved to a name that nobody else can have."""
    return task.manifest_key != manifest_of(task.output)


def _owns(ports: Ports, task: Task) -> bool:
    return ports.tasks.owner(task.output) in (None, task.task_id)


def _changed(ports: Ports, task: Task) -> bool:
    stored = ports.tasks.get(task.task_id)
    return stored is None or stored.revision != task.revision


def _tariffs(ports: Ports, task: Task) -> dict[str, Tariff]:
    return {a.provider: ports.providers.tariff(a.provider) for a in task.attempts}
