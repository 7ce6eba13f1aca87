"""INTAKE: whatever arrives becomes a task once, however often and in whatever order it arrives.

A spec becomes a task. An input releases the tasks that wait for it. Nothing is paid here.

    spec   ──▶ create task + wants ──▶ look for the inputs again ──▶ start
    input  ──▶ stored ──▶ read wants ──▶ look for the inputs ──▶ start

Both sides write first and look second, so whichever comes last sees the other.
"""

import json
from collections.abc import Callable, Iterable

from darkroom.arrivals import Arrival, Removed, Requested, Uploaded
from darkroom.errors import Failure, Refused, SpecRefused
from darkroom.naming import LABEL, digest_of, folder_of, kind_of, read_spec_name
from darkroom.pipeline.draft import Asked, draft
from darkroom.pipeline.fail import fail
from darkroom.pipeline.patience import until_won
from darkroom.pipeline.release import cancel, release
from darkroom.ports import Ports
from darkroom.spec import Spec, parse_spec, read_spec
from darkroom.strict_json import MAX_BYTES
from darkroom.task import UNSUBMITTED, Task, Trigger

SUPERSEDED = Failure("superseded", "A newer version of the spec took this task's place.")
DELETED = Failure("spec-deleted", "The spec was deleted before its task was submitted.")


def receive(
    ports: Ports, body: str, read: Callable[[str, str], Iterable[Arrival]]
) -> Failure | None:
    """Take a message in; one that can never become a task goes to the dead letters.

    Args:
        ports: the outside.
        body: the message's text.
        read: makes arrivals of a text and the input bucket's name. May raise `Refused`.

    Returns:
        Why it went to the dead letters, if it did.

    Raises:
        Busy: try the message again later.
    """
    try:
        for arrival in read(body, ports.inputs.bucket):
            intake(ports, arrival)
    except Refused as refusal:
        ports.dead_letters.put(body, refusal.failure.sentence)
        return refusal.failure
    return None


def intake(ports: Ports, arrival: Arrival) -> None:
    """Take one arrival in; the same arrival again changes nothing.

    Raises:
        SpecRefused: a message names a spec that is not there (`no-such-spec`).
        Busy: try the message again later.
    """
    match arrival:
        case Uploaded(key, version_id):
            kind = kind_of(key)
            if kind == "spec":
                _take_spec(ports, key, version_id)
            elif kind == "file":
                for task_id in ports.tasks.wanting(key):
                    release(ports, task_id)
        case Removed(key):
            if kind_of(key) == "spec":
                _cancel_removed(ports, key)
        case Requested():
            _take_request(ports, arrival)


# --- a spec, from a file or from a message ------------------------------------------------------


def _take_spec(ports: Ports, key: str, version_id: str | None) -> None:
    version = version_id or _current_version(ports, key)
    if version is None:
        raise SpecRefused("no-such-spec", f"There is no spec '{key}' in the input bucket.")

    def read() -> Spec:
        body = ports.inputs.read(key, version, MAX_BYTES)
        if body is None:
            raise SpecRefused("spec-gone", f"{_last(key)} was deleted before it could be read.")
        return read_spec(body, _last(key))

    def stale() -> Failure | None:
        current = _current_version(ports, key)
        if current is None:
            return DELETED
        return None if current == version else SUPERSEDED

    trigger = Trigger("upload", ports.inputs.bucket, key, version)
    _take(ports, Asked(trigger, lambda: read_spec_name(key), read, stale))


def _take_request(ports: Ports, request: Requested) -> None:
    label = f".{request.label}" if request.label else ""
    if request.request_id is not None:
        version = request.request_id
    else:
        found = ports.inputs.find(request.source) if request.source else None
        canonical = json.dumps(request.spec, sort_keys=True, separators=(",", ":"))
        version = digest_of(canonical, label, found.version_id if found else "")
    # Named as if the spec lay beside its source, so that results and messages read the same; with
    # the operation as its label, so that two operations on one photo are two specs.
    operation = str(request.spec.get("operation", ""))
    if request.source and not label and LABEL.fullmatch(operation):
        label = f".{operation}"
    key = f"{request.source or version}{label}.json"
    trigger = Trigger("message", ports.inputs.bucket, key, version)
    _take(
        ports,
        Asked(trigger, lambda: read_spec_name(key), lambda: parse_spec(request.spec, _last(key))),
    )


def _take(ports: Ports, asked: Asked) -> None:
    trigger = asked.trigger

    def make() -> Task:
        task = ports.tasks.get(trigger.task_id)
        if task is not None:
            return task
        previous = ports.tasks.latest(trigger.key) if trigger.kind == "upload" else None
        task, owner = draft(ports, asked, previous)
        ports.tasks.create(task, previous=previous, owner=owner)
        return task

    _go_on(ports, until_won(make, trigger.key))


def _go_on(ports: Ports, task: Task) -> None:
    """Do what a stored task still needs; safe to do again whatever was done before."""
    if task.finished:
        # Ended right here, by a process that may have died before saying so; no run says it.
        if task.ending and not task.attempts:
            fail(ports, task.task_id, task.run)
        return
    if task.supersedes:
        cancel(ports, task.supersedes, SUPERSEDED)
    if task.ending is not None and task.state in UNSUBMITTED:
        fail(ports, task.task_id, task.run)
    elif task.state == "waiting":
        release(ports, task.task_id)
    elif task.state == "queued":
        ports.workflows.start(task.task_id, task.run)


def _cancel_removed(ports: Ports, key: str) -> None:
    """A deleted spec cancels what is not yet submitted, unless a newer version is there."""
    if ports.inputs.find(key) is not None:
        return
    task_id = ports.tasks.latest(key)
    task = ports.tasks.get(task_id) if task_id else None
    # A message's task has the name of a spec that never lay there.
    if task is not None and task.trigger.kind == "upload":
        cancel(ports, task.task_id, DELETED)


def _current_version(ports: Ports, key: str) -> str | None:
    found = ports.inputs.find(key)
    return found.version_id if found else None


def _last(key: str) -> str:
    return key.removeprefix(folder_of(key))
