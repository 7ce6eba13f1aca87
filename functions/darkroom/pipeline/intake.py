"""INTAKE: every arrival becomes its task once, however often and in whatever order it arrives.

A spec becomes a task. An input file releases the tasks that wait for it, whether it was uploaded,
restored, or is visible again after a delete marker was removed. Nothing is paid here.

    spec   ──▶ create task + wants ──▶ look for the inputs again ──▶ start
    input  ──▶ stored ──▶ read wants ──▶ look for the inputs ──▶ start

Both sides write first and read second, so whichever is last sees the other.
"""

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from darkroom.domain.arrivals import (
    MAX_REASON_BYTES,
    Arrival,
    Message,
    PhotoErrand,
    ReleaseErrand,
    Removed,
    Requested,
    RequestFacts,
    RequestRefused,
    UnreadableArrival,
    Uploaded,
    dead_letter_body,
)
from darkroom.domain.errors import (
    DarkroomError,
    Failure,
    InputWithheld,
    OutOfTime,
    Refused,
    SpecRefused,
)
from darkroom.domain.near_names import intended_spec, read_spec_name
from darkroom.domain.object_keys import classify_key, folder_of, parse_spec_name
from darkroom.domain.order import Trigger
from darkroom.domain.retries import for_each_then_raise
from darkroom.domain.spec import about, parse_spec
from darkroom.pipeline.batches.opening import open_folder_batch, open_message_batch
from darkroom.pipeline.cancel import cancel_unsubmitted
from darkroom.pipeline.default_files import report_default
from darkroom.pipeline.endings.publish import publish_refused
from darkroom.pipeline.orders.folder_defaults import (
    ResolvedSpec,
    read_document,
    read_uploaded_spec,
)
from darkroom.pipeline.orders.inputs import exists
from darkroom.pipeline.orders.new_task import SpecRequest
from darkroom.pipeline.orders.request_identity import build_trigger
from darkroom.pipeline.orders.superseded import DELETED
from darkroom.pipeline.photos import (
    cancel_removed_photo,
    requests_of_errand,
    requests_of_upload,
    send_recent_photos,
)
from darkroom.pipeline.release import release_tasks
from darkroom.pipeline.start_task import start_task
from darkroom.ports import Ports

_WITHOUT_TASK = frozenset({"request-id-reused", "bad-message"})
"""Failure codes of a request that has no task, though another one with its id may have one."""
MIN_LEFT_S = 10
"""With less time left in this process no further message is started."""
MAX_TRIES = 18
"""The receive at which intake gives a message up itself: soon after, the queue does, without a
reason. A message that was received more often was never given up: each time it was throttled, or
the process died."""

_STOPPED_EACH_TIME = Failure(
    "taken-in-vain",
    f"Intake failed or was stopped on each of {MAX_TRIES} deliveries, and left no error.",
)


def receive(
    ports: Ports,
    message: Message,
    read: Callable[[Message, str], Iterable[Arrival]],
    time_left_s: Callable[[], float] = lambda: math.inf,
) -> Failure | None:
    """Take a message in; one that cannot become a task goes to the dead-letter queue.

    One bad arrival in a message does not block the others. The whole message then goes to the
    dead-letter queue: taking in the same arrival again changes nothing.

    Args:
        ports: the outside.
        message: the message.
        read: makes arrivals from it and the input bucket's name. May raise `Refused`.
        time_left_s: how long this process may still run, seconds; with too little left the message
            is not started, so that those before it are not repeated.

    Returns:
        Why it went to the dead-letter queue; None if it did not.

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
        exhausted = message.receives > MAX_TRIES
        refused = (
            _all_fail(arrivals, _STOPPED_EACH_TIME) if exhausted else _take_all(ports, arrivals)
        )
    except Refused as refusal:
        request = refusal.request if isinstance(refusal, RequestRefused) else None
        refused = [_Refusal(refusal.failure, request)]
    except Exception as error:
        if message.receives < MAX_TRIES:
            raise
        refused = _all_fail(arrivals, _failure_of(error))
    if not refused:
        return None
    try:
        _announce(ports, refused)
    except Exception:
        # At the last try the reason in the dead letter is worth more.
        if message.receives < MAX_TRIES:
            raise
    failures = list(dict.fromkeys(one.failure for one in refused))
    reason = " ".join(f"{why.sentence} {why.next_step}".strip() for why in failures)
    body = dead_letter_body(message, arrivals)
    ports.dead_letters.put(body, _one_line(reason), _one_line(message.message_id))
    return failures[0]


def take_arrival(ports: Ports, arrival: Arrival) -> None:
    """Take one arrival in; the same arrival again changes nothing.

    Raises:
        SpecRefused: a message names a spec that does not exist (`no-such-spec`).
        InputWithheld: S3 withholds the spec.
        Busy: try the message again later.
    """
    match arrival:
        case Uploaded(key, version_id):
            _take_upload(ports, key, version_id)
        case Removed(key):
            _take_removal(ports, key)
        case ReleaseErrand():
            release_tasks(ports, arrival)
        case PhotoErrand():
            _take_photos_in(ports, requests_of_errand(ports, arrival))
        case Requested():
            _take_request(ports, arrival)
        case UnreadableArrival(why):
            raise Refused(why.code, why.sentence, why.next_step)


def _take_upload(ports: Ports, key: str, version_id: str | None) -> None:
    match classify_key(key):
        case "spec":
            _take_spec(ports, key, version_id)
        case "file":
            release_tasks(ports, ReleaseErrand(key))
            if intended_spec(key):
                _take_spec(ports, key, version_id)  # its task says what is wrong with its name
            else:
                _take_photos_in(ports, requests_of_upload(ports, key, version_id))
        case "default":
            _take_default(ports, key)


def _take_removal(ports: Ports, key: str) -> None:
    match classify_key(key):
        case "spec":
            _cancel_removed(ports, key)
        case "file":
            cancel_removed_photo(ports, key)
            # If a delete marker was removed, the file below it is visible again.
            release_tasks(ports, ReleaseErrand(key))
        case "default":
            _take_default(ports, key)


@dataclass(frozen=True)
class _Refusal:
    """Why an arrival cannot be taken in, and the request that it was, if it has an id."""

    failure: Failure
    request: RequestFacts | None = None


def _all_fail(arrivals: Sequence[Arrival], why: Failure) -> list[_Refusal]:
    """The same failure of everything in a message, or of one that was not read."""
    return [_Refusal(why, _request_of(arrival)) for arrival in arrivals] or [_Refusal(why)]


def _request_of(arrival: Arrival) -> RequestFacts | None:
    match arrival:
        case Requested():
            return arrival.facts
        case Uploaded() | UnreadableArrival():
            return arrival.request
    return None


def _announce(ports: Ports, refused: Iterable[_Refusal]) -> None:
    """Publish the end of each request that has no task of its own."""
    for one in refused:
        if one.request is None:
            continue
        # A request may have got its task before something else failed; the task has its own end.
        known = ports.tasks.of_request(one.request.request_id)
        if known is None or one.failure.code in _WITHOUT_TASK:
            publish_refused(ports, one.request, one.failure)


def _take_all(ports: Ports, arrivals: Iterable[Arrival]) -> list[_Refusal]:
    """Take in all arrivals; returns why those that never can be taken in were refused."""
    failures: list[_Refusal] = []

    def take(arrival: Arrival) -> None:
        try:
            take_arrival(ports, arrival)
        except InputWithheld as error:
            if not error.announced:
                raise
            # The event of its restoration brings it again, so that a request has not failed yet.
            failures.append(_Refusal(error.failure))
        except Refused as refusal:
            failures.append(_Refusal(refusal.failure, _request_of(arrival)))

    for_each_then_raise(arrivals, take)
    return failures


# --- a spec, from a file or from a message ------------------------------------------------------


def _take_spec(ports: Ports, key: str, version_id: str | None) -> None:
    if version_id is None:
        found = ports.inputs.find(key)
        version_id = found.version_id if found else None
    if version_id is None:
        raise SpecRefused("no-such-spec", f"There is no spec '{key}' in the input bucket.")

    version = version_id
    trigger = Trigger("upload", ports.inputs.bucket, key, version)
    start_task(
        ports,
        SpecRequest(
            trigger,
            lambda: read_spec_name(key),
            lambda: read_uploaded_spec(ports.inputs, trigger),
            document=lambda: read_document(ports.inputs, trigger),
        ),
    )


def _take_request(ports: Ports, request: Requested) -> None:
    trigger = build_trigger(request, ports.inputs.bucket, ports.clock.now())
    key = trigger.key
    if request.batch is not None:
        open_message_batch(ports, request.batch)

    def read() -> ResolvedSpec:
        # A message is complete in itself: no folder default fills it.
        with about(request.spec):
            return ResolvedSpec(parse_spec(request.spec, _file_name(key)), key)

    start_task(
        ports,
        SpecRequest(
            trigger,
            lambda: parse_spec_name(key),
            read,
            document=lambda: request.spec,
            deadline_s=request.deadline_s,
            batch=request.batch.name if request.batch else None,
        ),
    )


def _take_default(ports: Ports, key: str) -> None:
    """A folder default has arrived or is gone: photos may wait for it; if it is broken, say so.

    It may say when the batch of its folder has ended.
    """

    def release(key: str) -> None:
        release_tasks(ports, ReleaseErrand(key))

    def report(key: str) -> None:
        report_default(ports, key)

    def open_batch(key: str) -> None:
        open_folder_batch(ports, key)

    def send_recent(key: str) -> None:
        send_recent_photos(ports, key)

    def act(one: Callable[[str], None]) -> None:
        one(key)

    for_each_then_raise((open_batch, release, report, send_recent), act)


def _take_photos_in(ports: Ports, requests: Iterable[SpecRequest]) -> None:
    for_each_then_raise(requests, functools.partial(start_task, ports))


def _cancel_removed(ports: Ports, key: str) -> None:
    """A deleted spec cancels its task if it is not yet submitted, unless a newer version exists.

    The task is read before the spec is looked for, so the task of a new upload is not cancelled.
    """
    task_id = ports.tasks.latest(key)
    if task_id is not None and not exists(ports.inputs, key):
        cancel_unsubmitted(ports, task_id, DELETED)


def _file_name(key: str) -> str:
    return key.removeprefix(folder_of(key))


def _failure_of(error: Exception) -> Failure:
    if isinstance(error, DarkroomError):
        return error.failure
    return Failure("internal", f"{type(error).__name__}: {error}")


def _one_line(text: str) -> str:
    """Text that every queue accepts: one line, no control characters, limited in length."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    return line.encode("utf-8", "replace")[:MAX_REASON_BYTES].decode("utf-8", "ignore")
