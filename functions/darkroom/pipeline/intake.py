"""INTAKE: whatever arrives becomes a task once, however often and in whatever order it arrives.

A spec becomes a task. An input releases the tasks that wait for it, however it came to be there:
uploaded, restored, or back from under a delete marker. Nothing is paid here.

    spec   ──▶ create task + wants ──▶ look for the inputs again ──▶ start
    input  ──▶ stored ──▶ read wants ──▶ look for the inputs ──▶ start

Both sides write first and look second, so whichever comes last sees the other.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from darkroom.domain.arrivals import (
    Arrival,
    Awaited,
    Message,
    Removed,
    Requested,
    Unread,
    Uploaded,
    body_of,
)
from darkroom.domain.errors import (
    DarkroomError,
    Failure,
    InputWithheld,
    OutOfTime,
    Refused,
    SpecRefused,
)
from darkroom.domain.object_keys import folder_of, kind_of, read_spec_name
from darkroom.domain.order import Trigger
from darkroom.domain.spec import Spec, parse_spec, read_spec
from darkroom.domain.strict_json import MAX_BYTES
from darkroom.domain.task import UNSUBMITTED, Task
from darkroom.pipeline.admission.backoff import each, until_won
from darkroom.pipeline.cancel import cancel
from darkroom.pipeline.fail import fail
from darkroom.pipeline.orders.identity import task_of, trigger_of
from darkroom.pipeline.orders.new_task import Asked, draft
from darkroom.pipeline.orders.resolve import is_there
from darkroom.pipeline.orders.superseded import DELETED, SUPERSEDED
from darkroom.pipeline.release import release, release_all
from darkroom.ports import Ports

MIN_LEFT_S = 10
"""With less time left in this process no further message is begun."""
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
    ports: Ports,
    message: Message,
    read: Callable[[Message, str], Iterable[Arrival]],
    time_left_s: Callable[[], float] = lambda: math.inf,
) -> Failure | None:
    """Take a message in; what cannot become a task goes to the dead letters, with the reason.

    One of several things in a message does not keep the others from their turn. All of the message
    goes to the dead letters then: what was taken in already is the same when it comes again.

    Args:
        ports: the outside.
        message: the message.
        read: makes arrivals of it and of the input bucket's name. May raise `Refused`.
        time_left_s: how long this process may still live, seconds; with too little left nothing
            is begun, so that the messages before it are not done twice.

    Returns:
        Why it went to the dead letters, if it did.

    Raises:
        Exception: any but `Refused`, before the last try; try the message again later.
    """
    if time_left_s() < MIN_LEFT_S:
        raise OutOfTime("out-of-time", "The messages before this one took all the time.")
    if message.sent_at is None:
        message = replace(message, sent_at=ports.clock.now())
    arrivals: Sequence[Arrival] = ()
    try:
        arrivals = tuple(read(message, ports.inputs.bucket))
        refused = [_SILENT] if message.receives > LAST_TRY else _take_all(ports, arrivals)
    except Refused as refusal:
        refused = [refusal.failure]
    except Exception as error:
        if message.receives < LAST_TRY:
            raise
        refused = [_gave_up(error)]
    if not refused:
        return None
    reason = " ".join(f"{why.sentence} {why.next_step}".strip() for why in refused)
    body = body_of(message, arrivals)
    ports.dead_letters.put(body, _readable(reason), _readable(message.message_id))
    return refused[0]


def intake(ports: Ports, arrival: Arrival) -> None:
    """Take one arrival in; the same arrival again changes nothing.

    Raises:
        SpecRefused: a message names a spec that is not there (`no-such-spec`).
        InputWithheld: S3 does not give the spec.
        Busy: try the message again later.
    """
    match arrival:
        case Uploaded(key, version_id):
            kind = kind_of(key)
            if kind == "spec":
                _take_spec(ports, key, version_id)
            elif kind == "file":
                release_all(ports, Awaited(key))
        case Removed(key):
            kind = kind_of(key)
            if kind == "spec":
                _cancel_removed(ports, key)
            elif kind == "file":
                # Of a delete marker, too: the file below it is there again.
                release_all(ports, Awaited(key))
        case Awaited():
            release_all(ports, arrival)
        case Requested():
            _take_request(ports, arrival)
        case Unread(why):
            raise Refused(why.code, why.sentence, why.next_step)


def _take_all(ports: Ports, arrivals: Iterable[Arrival]) -> list[Failure]:
    """Take in all that can be; returns why the others never can."""
    refused: list[Failure] = []

    def take(arrival: Arrival) -> None:
        try:
            intake(ports, arrival)
        except InputWithheld as error:
            if not error.announced:
                raise
            refused.append(error.failure)  # it is taken in with the event of its restoration
        except Refused as refusal:
            refused.append(refusal.failure)

    each(arrivals, take)
    return refused


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
    trigger = trigger_of(request, ports.inputs.bucket, ports.clock.now())
    key = trigger.key
    _take(
        ports,
        Asked(trigger, lambda: read_spec_name(key), lambda: parse_spec(request.spec, _last(key))),
    )


def _take(ports: Ports, asked: Asked) -> None:
    trigger = asked.trigger

    def make() -> Task:
        task = task_of(ports.tasks, trigger)
        if task is not None:
            return task
        previous = ports.tasks.latest(trigger.key) if trigger.kind == "upload" else None
        task, owner = draft(ports, asked, previous)
        if trigger.asked_at is not None:
            # The same request of the day before has the same output name: if its task was made
            # since it was looked for, it is seen here, or else makes the creation lose.
            there = task_of(ports.tasks, trigger)
            if there is not None:
                return there
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
