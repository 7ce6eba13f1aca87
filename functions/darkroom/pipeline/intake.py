"""INTAKE: whatever arrives becomes a task once, however often and in whatever order it arrives.

A spec becomes a task. An input releases the tasks that wait for it. Nothing is paid here.

    spec   ──▶ create task + wants ──▶ look for the inputs again ──▶ start
    input  ──▶ stored ──▶ read wants ──▶ look for the inputs ──▶ start

Both sides write first and look second, so whichever comes last sees the other.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from darkroom.arrivals import Arrival, Message, Removed, Requested, Uploaded, body_of
from darkroom.errors import DarkroomError, Failure, Refused, SpecRefused
from darkroom.naming import LABEL, digest_of, folder_of, kind_of, read_spec_name
from darkroom.order import Trigger
from darkroom.pipeline.cancel import cancel
from darkroom.pipeline.draft import Asked, draft
from darkroom.pipeline.fail import fail
from darkroom.pipeline.patience import each, until_won
from darkroom.pipeline.release import DELETED, SUPERSEDED, release
from darkroom.pipeline.resolve import is_there
from darkroom.ports import Ports
from darkroom.spec import Spec, parse_spec, read_spec
from darkroom.strict_json import MAX_BYTES
from darkroom.task import UNSUBMITTED, Task

PLAIN = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")
"""A request id that may name results: without a dot it cannot look like a file's name."""
LAST_TRY = 18
"""The receive at which intake gives a message up itself: soon after, the queue does, and says
nothing of why. What is received more often was never given up: it was throttled each time, or
whoever took it died."""
REASON_BYTES = 1000

_SILENT = Failure(
    "taken-in-vain",
    f"It was handed out more than {LAST_TRY} times, and each time it could not be taken or whoever "
    "took it was stopped without a word.",
)


def receive(
    ports: Ports, message: Message, read: Callable[[Message, str], Iterable[Arrival]]
) -> Failure | None:
    """Take a message in; one that cannot become a task goes to the dead letters, with the reason.

    Args:
        ports: the outside.
        message: the message.
        read: makes arrivals of it and of the input bucket's name. May raise `Refused`.

    Returns:
        Why it went to the dead letters, if it did.

    Raises:
        Exception: any but `Refused`, before the last try; try the message again later.
    """
    arrivals: Sequence[Arrival] = ()
    try:
        arrivals = tuple(read(message, ports.inputs.bucket))
        if message.receives > LAST_TRY:
            why = _SILENT
        else:
            for arrival in arrivals:
                intake(ports, arrival)
            return None
    except Refused as refusal:
        why = refusal.failure
    except Exception as error:
        if message.receives < LAST_TRY:
            raise
        why = _gave_up(error)
    ports.dead_letters.put(body_of(message, arrivals), _readable(why.sentence))
    return why


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
                each(ports.tasks.wanting(key), lambda task_id: release(ports, task_id))
        case Removed(key):
            if kind_of(key) == "spec":
                _cancel_removed(ports, key)
        case Requested():
            _take_request(ports, arrival)


# --- a spec, from a file or from a message ------------------------------------------------------


def _take_spec(ports: Ports, key: str, version_id: str | None) -> None:
    if version_id is None:
        found = ports.inputs.find(key)
        version_id = found.version_id if found else None
    if version_id is None:
        raise SpecRefused("no-such-spec", f"There is no spec '{key}' in the input bucket.")

    version = version_id

    def read() -> Spec:
        body = ports.inputs.read(key, version, MAX_BYTES)
        if body is None:
            raise SpecRefused("spec-gone", f"{_last(key)} was deleted before it could be read.")
        return read_spec(body, _last(key))

    trigger = Trigger("upload", ports.inputs.bucket, key, version)
    _take(ports, Asked(trigger, lambda: read_spec_name(key), read))


def _take_request(ports: Ports, request: Requested) -> None:
    # Named as if the spec lay beside its source, so that results and messages read the same; with
    # the operation as its label, so that two operations on one photo are two specs.
    operation = str(request.spec.get("operation", ""))
    label = request.label or (operation if LABEL.fullmatch(operation) else None)
    if request.source is None:
        plain = PLAIN.fullmatch(request.request_id)
        key = f"requests/{request.request_id if plain else digest_of(request.request_id)}.json"
    elif label:
        key = f"{request.source}.{label}.json"
    else:
        key = f"{request.source}.json"
    trigger = Trigger("message", ports.inputs.bucket, key, request.request_id)
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
    if task.supersedes:
        cancel(ports, task.supersedes, SUPERSEDED)
    if task.finished:
        # Ended right here, by a process that may have died before saying so; no run says it.
        if task.ending and not task.attempts:
            fail(ports, task.task_id, task.run)
    elif task.ending is not None and task.state in UNSUBMITTED:
        fail(ports, task.task_id, task.run)
    elif task.state == "waiting":
        release(ports, task.task_id)
    elif task.state == "queued":
        ports.workflows.start(task.task_id, task.run)


def _cancel_removed(ports: Ports, key: str) -> None:
    """A deleted spec cancels what is not yet submitted, unless a newer version is there.

    The task is named before the spec is looked for: a spec that comes back meanwhile is not hit.
    """
    task_id = ports.tasks.latest(key)
    if task_id is not None and not is_there(ports.inputs, key):
        cancel(ports, task_id, DELETED)


def _last(key: str) -> str:
    return key.removeprefix(folder_of(key))


def _gave_up(error: Exception) -> Failure:
    if isinstance(error, DarkroomError):
        return error.failure
    return Failure("internal", f"{type(error).__name__}: {error}")


def _readable(reason: str) -> str:
    """A reason as every queue takes it: one line, no control characters, not too long."""
    line = "".join(sign if sign.isprintable() else " " for sign in reason)
    return line.encode("utf-8", "replace")[:REASON_BYTES].decode("utf-8", "ignore")
