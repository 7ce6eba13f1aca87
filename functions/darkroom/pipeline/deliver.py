"""DELIVER: copy the results, write the manifest, end the task, publish the event, in this order.

Each step may be repeated: results and manifest overwrite themselves, the state is written once, and
the event is published again with the same id.

A result that cannot be fetched is tried again, whatever the answer was: it is paid for, and may be
there in a minute. Then its job, if there is one, is polled for a new URL. Only then the task ends,
and even so `darkroom retry` can fetch it later: its URL and its job are kept.

SUBMIT and POLL deliver small results themselves (`continue_in_place`); DELIVER has more room.
"""

import base64
import binascii
import hashlib
import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import Busy, Conflict, DarkroomError, Failure, OwnTrouble, ResultGone
from darkroom.domain.file_completeness.check import is_complete
from darkroom.domain.media import HEAD_BYTES, JSON, TEXT, Kind, Media, sniff
from darkroom.domain.provider_jobs import Download
from darkroom.domain.task import Ending, Result, Task
from darkroom.pipeline.admission.backoff import backoff_s
from darkroom.pipeline.admission.error_cause import is_own_trouble
from darkroom.pipeline.admission.load_for_step import load_for_step
from darkroom.pipeline.admission.payment_pause import pause_payments
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.endings.manifest import read_results
from darkroom.pipeline.endings.measure_result import measurer
from darkroom.pipeline.endings.move_aside import claim_output_name, claim_result_names
from darkroom.pipeline.endings.next_steps import fetch_again_step, next_step_after
from darkroom.pipeline.endings.owned_writes import put_if_owner
from darkroom.pipeline.endings.publish import finalize, rewrite_manifest, write_manifest
from darkroom.pipeline.endings.reuse import note_done
from darkroom.pipeline.paid_call.own_trouble import delay_delivery
from darkroom.pipeline.paid_call.plan import route_for
from darkroom.pipeline.paid_call.saved_answer import load_answer
from darkroom.ports import Ports, Step

POLL_AGAIN_LIMIT = 2
"""How often the job of a result that cannot be fetched is polled for a new URL."""
ABSENT_LIMIT = 7
"""How often in a row a result may be absent, or be something else: ten minutes with the waits
between."""
RESULT_UNREACHED_LIMIT = 15
"""How often in a row a result may be unreachable: about an hour with the waits between."""


class _WrongResultError(DarkroomError):
    """The provider's URL or answer does not hold the expected kind of file."""


@dataclass(frozen=True)
class Room:
    """What one call may take on.

    Attributes:
        max_results: an answer with more results is left to a call with more room; None for any.
        result_bytes: the largest result.
        fetch_s: how long one download may take, seconds; None for as long as a download ever may.
        min_left_s: with less time left in this process no further result is begun, seconds.
        final: whether a result that does not come, or does not fit, is recorded as missing;
            otherwise it is left to a call with more room.
    """

    max_results: int | None
    result_bytes: int
    fetch_s: float | None
    min_left_s: float
    final: bool = False


@dataclass(frozen=True)
class _MissingResult:
    """The first result that cannot be fetched, why not, and the results before it."""

    ref: ResultRef
    why: DarkroomError
    results: tuple[Result, ...]


def deliver(
    ports: Ports, task_id: str, run: int, time_left_s: Callable[[], float] = lambda: math.inf
) -> Step:
    """Bring the results of a finished job to the output bucket.

    Raises:
        Busy: the event bus did not take the event; the workflow tries again.
    """
    limits = ports.limits
    room = Room(None, limits.result_bytes, None, limits.fetch_s, final=True)
    return deliver_within(ports, task_id, run, room, time_left_s)


def deliver_within(
    ports: Ports, task_id: str, run: int, room: Room, time_left_s: Callable[[], float]
) -> Step:
    """As `deliver`, as far as `room` allows; the answer `deliver` leaves the rest to DELIVER."""
    task = load_for_step(ports, task_id, run, "delivering", "succeeded")
    if isinstance(task, Step):
        return task
    if task.finished:
        return _finish_again(ports, task)
    try:
        return _deliver(ports, claim_output_name(ports, task), room, time_left_s)
    except Conflict:
        return _lost_race(ports, task)
    except Exception as error:  # noqa: BLE001 - `delay_delivery` judges it, and raises it again
        return delay_delivery(ports, task, error)


def _deliver(ports: Ports, task: Task, room: Room, time_left_s: Callable[[], float]) -> Step:
    answer = load_answer(ports, task, task.last_attempt)
    if not isinstance(answer, Finished):
        raise LookupError(  # noqa: TRY004 - it is absent, not of a wrong type
            f"task {task.task_id} is delivering without an answer"
        )
    if room.max_results is not None and len(answer.results) > room.max_results:
        return Step("deliver")
    results = list(task.results)
    try:
        for result in _copy_results(ports, task, answer, room, time_left_s):
            results.append(result)  # noqa: PERF402 - results copied before an error count
    except (Conflict, OwnTrouble):
        raise
    except DarkroomError as error:
        if not room.final and (isinstance(error, Busy) or _is_too_large(error)):
            return Step("deliver")
        ref = answer.results[len(results)]
        return _handle_missing(ports, task, _MissingResult(ref, error, tuple(results)))
    return _succeed(ports, task, tuple(results))


def _succeed(ports: Ports, task: Task, results: tuple[Result, ...]) -> Step:
    done = replace(task.last_attempt, outcome="succeeded", answer=None, answer_key=None)
    final = task.with_state(
        "succeeded",
        ports.clock.now(),
        results=results,
        attempts=task.with_attempt(done),
        wait_reason=None,
    )
    write_manifest(ports, final)
    final = ports.tasks.replace(task, final)
    note_done(ports, final)
    finalize(ports, final)
    return Step("done")


def _lost_race(ports: Ports, task: Task) -> Step:
    """Another process wrote first; if it ended the task, its manifest is the one that counts."""
    fresh = ports.tasks.get(task.task_id)
    return _finish_again(ports, fresh) if fresh and fresh.finished else Step("deliver")


def _finish_again(ports: Ports, task: Task) -> Step:
    try:
        rewrite_manifest(ports, task)
    except Exception as error:
        if is_own_trouble(error):  # the results of other tasks could not be written either
            pause_payments(ports, task.task_id, error)
        raise
    finalize(ports, task)
    return Step("done")


def _copy_results(
    ports: Ports, task: Task, answer: Finished, room: Room, time_left_s: Callable[[], float]
) -> Iterator[Result]:
    """Copy every result that is not copied yet."""
    if len(task.results) == len(answer.results):
        return
    names = claim_result_names(ports, task, [ref.kind for ref in answer.results])
    todo = list(zip(answer.results, names, strict=True))[len(task.results) :]
    with measurer(ports, task, time_left_s) as measures:
        for ref, name in todo:
            if time_left_s() < room.min_left_s:
                raise Busy("out-of-time", "The results took too long to be copied in one go.")
            with _open_result(ports, ref, room) as result:
                media = _check_kind(result.media, ref.kind)
                key = f"{name}.{media.extension}"
                try:
                    again = put_if_owner(ports, task, key, result.body, media.content_type)
                except Busy as busy:  # of the bucket, not of the provider
                    why = busy.failure
                    raise OwnTrouble(why.code, why.sentence, why.next_step) from busy
                quality = measures.measure(result, written_before=again)
                size, sha256 = result.size, result.sha256
                yield Result(key, ref.kind, media.content_type, size, sha256, quality)


@contextmanager
def _open_result(ports: Ports, ref: ResultRef, room: Room) -> Iterator[Download]:
    if ref.url is not None:
        with ports.providers.fetch(ref.url, room.result_bytes, room.fetch_s) as fetched:
            yield fetched
        return
    # Padding may be absent; more of it than needed does no harm.
    try:
        data = base64.b64decode((ref.data or "") + "==")
    except binascii.Error as error:
        raise _WrongResultError(
            "wrong-result",
            f"The provider's answer should hold the {ref.kind}, but it is unreadable.",
        ) from error
    media = {"json": JSON, "text": TEXT}.get(ref.kind) or sniff(data[:HEAD_BYTES])
    body = io.BytesIO(data)
    if media is not None and media.kind == ref.kind and is_complete(body, media) is False:
        raise _WrongResultError(
            "wrong-result", f"The provider's answer holds only a part of the {ref.kind}."
        )
    yield Download(body, len(data), hashlib.sha256(data).hexdigest(), media)


def _check_kind(media: Media | None, kind: Kind) -> Media:
    """The result's format. Raises `_WrongResultError` when it is not of the expected kind."""
    if media is None or media.kind != kind:
        found = media.content_type if media else "of an unknown format"
        raise _WrongResultError(
            "wrong-result",
            f"The provider's result should be of kind '{kind}', but it is {found}.",
        )
    return media


def _handle_missing(ports: Ports, task: Task, missing: _MissingResult) -> Step:
    """Try the result again after POLL's wait; poll its job for a new URL; or give it up."""
    delivered = _results_in_manifest(ports, task)
    if delivered is not None:
        return _succeed(ports, task, delivered)
    waits = 1 if len(missing.results) > len(task.results) else _fetch_tries(ports, task) + 1
    if waits <= _max_tries(missing):
        ports.tasks.replace(
            task,
            task.with_state(
                "delivering",
                ports.clock.now(),
                waits=waits,
                wait_reason=missing.why.failure.sentence,
                results=missing.results,
            ),
        )
        return Step("poll", backoff_s(waits))
    if task.last_attempt.job_id and task.gone < POLL_AGAIN_LIMIT and not _is_too_large(missing.why):
        return _poll_again(ports, task, missing)
    return _give_up(ports, task, missing)


def _fetch_tries(ports: Ports, task: Task) -> int:
    """How often it was tried without success; a call before the wait was over is no try."""
    waited_s = (ports.clock.now() - task.updated_at).total_seconds()
    early = task.waits > 0 and waited_s < backoff_s(task.waits) / 2
    return task.waits - 1 if early else task.waits


def _max_tries(missing: _MissingResult) -> int:
    """How often it is useful to try the result again."""
    if isinstance(missing.why, Busy):
        return RESULT_UNREACHED_LIMIT
    # A result inside the answer, or one that is too large, is the same the next time.
    return 0 if missing.ref.url is None or _is_too_large(missing.why) else ABSENT_LIMIT


def _is_too_large(why: DarkroomError) -> bool:
    return why.failure.code == "result-too-large"


def _poll_again(ports: Ports, task: Task, missing: _MissingResult) -> Step:
    """Poll the job for its results once more; the old URLs are kept until it has answered."""
    now = ports.clock.now()
    ports.tasks.replace(
        task,
        task.with_state(
            "running",
            now,
            attempts=task.with_attempt(replace(task.last_attempt, ended_at=None)),
            gone=task.gone + 1,
            waits=0,
            wait_reason=missing.why.failure.sentence,
            results=(),
            deadline=now + timedelta(seconds=route_for(ports, task, task.last_attempt).job_s),
        ),
    )
    return Step("poll", 2)


def _give_up(ports: Ports, task: Task, missing: _MissingResult) -> Step:
    """End the task; the result is paid for, so its URL and job are kept for a later run."""
    why = missing.why.failure
    attempt = task.last_attempt
    useless = (
        missing.ref.url is None and attempt.job_id is None and not isinstance(missing.why, Busy)
    )
    next_step = next_step_after(task, "yes") if useless else fetch_again_step(task)
    match missing.why:
        case ResultGone():
            code = "result-gone"
        case Busy():
            code = "result-unreachable"
        case _:
            code, next_step = why.code, why.next_step or next_step
    sentence = why.sentence
    if code != why.code or isinstance(missing.why, ResultGone):
        made = f"{task.last_attempt.provider} made the result, but it could not be fetched"
        sentence = f"{made}: {why.sentence}"
    failure = Failure(code, sentence, next_step)
    if useless:
        attempt = replace(attempt, outcome="failed", failure=failure)
    attempts = task.with_attempt(attempt)
    ending = Ending("failed", failure)
    decide_ending(ports, task, ending, results=missing.results, attempts=attempts)
    return Step("fail")


def _results_in_manifest(ports: Ports, task: Task) -> tuple[Result, ...] | None:
    """The results that an earlier call of DELIVER copied before it died, from their manifest."""
    body = ports.outputs.get(task.manifest_key)
    return read_results(body, task) if body else None
