"""DELIVER: copy the results, then the manifest, then end the task, then say so.

Each step may be repeated: results and manifest are written again over themselves, the state is
written once, and the event again with the same id.

A result that cannot be had is asked for again, whatever the answer is: what is not there may be
there in a minute, and it is paid for. Then its job, if it is one, is asked where it is now. Only
then the task ends, and even so `darkroom retry` fetches it later: its address and its job are kept.
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
from darkroom.domain.file_completeness.check import is_whole
from darkroom.domain.media import HEAD_BYTES, JSON, TEXT, Kind, Media, sniff
from darkroom.domain.provider_jobs import Download
from darkroom.domain.task import Ending, Result, Task
from darkroom.pipeline.admission.backoff import growing_wait_s
from darkroom.pipeline.admission.entry import find_mine
from darkroom.pipeline.endings.decide import end
from darkroom.pipeline.endings.manifest import read_results
from darkroom.pipeline.endings.next_steps import after, fetch_it_again
from darkroom.pipeline.endings.publish import (
    conclude,
    named,
    put_as,
    rewrite_manifest,
    write_manifest,
)
from darkroom.pipeline.orders.output_names import result_names
from darkroom.pipeline.paid_call.own_side import hold_up
from darkroom.pipeline.paid_call.plan import route_for
from darkroom.pipeline.paid_call.saved_answer import saved_answer
from darkroom.ports import Ports, Step

ASK_AGAIN_LIMIT = 2
"""How often a job whose result cannot be had is asked for a new URL."""
ABSENT_LIMIT = 7
"""How often in a row a result may be said not to be there, or be something else: ten minutes with
the waits between."""
UNREACHED_LIMIT = 15
"""How often in a row a result may be out of reach: about an hour with the waits between."""


class _WrongResult(DarkroomError):
    """What the provider's address or answer brings is not what it should be."""


@dataclass(frozen=True)
class _Missing:
    """The first result that cannot be had: where it should be, why not, and what is there."""

    ref: ResultRef
    why: DarkroomError
    results: tuple[Result, ...]


def deliver(
    ports: Ports, task_id: str, run: int, time_left_s: Callable[[], float] = lambda: math.inf
) -> Step:
    """Bring the results of a finished job to the output bucket.

    Raises:
        Busy: the event was not taken; the workflow tries again.
    """
    task = find_mine(ports, task_id, run, "delivering", "succeeded")
    if isinstance(task, Step):
        return task
    if task.finished:
        return _done_already(ports, task)
    try:
        return _deliver(ports, named(ports, task), time_left_s)
    except Conflict:
        return _overtaken(ports, task)
    except Exception as error:  # noqa: BLE001 - it is judged there, and raised again
        return hold_up(ports, task, error)


def _deliver(ports: Ports, task: Task, time_left_s: Callable[[], float]) -> Step:
    answer = saved_answer(ports, task, task.paying)
    if not isinstance(answer, Finished):
        raise LookupError(  # noqa: TRY004 - there is none
            f"task {task.task_id} is delivering without an answer"
        )
    results = list(task.results)
    try:
        for result in _copy(ports, task, answer, time_left_s):
            results.append(result)  # noqa: PERF402 - those copied before a trouble count, too
    except (Conflict, OwnTrouble):
        raise
    except DarkroomError as error:
        return _missing(ports, task, _Missing(answer.results[len(results)], error, tuple(results)))
    return _succeed(ports, task, tuple(results))


def _succeed(ports: Ports, task: Task, results: tuple[Result, ...]) -> Step:
    done = replace(task.paying, outcome="succeeded", answer=None, answer_key=None)
    final = task.moved(
        "succeeded",
        ports.clock.now(),
        results=results,
        attempts=task.with_attempt(done),
        wait_reason=None,
    )
    write_manifest(ports, final)
    conclude(ports, ports.tasks.replace(task, final))
    return Step("done")


def _overtaken(ports: Ports, task: Task) -> Step:
    """Someone else wrote first; if they ended the task, their manifest is the one that counts."""
    fresh = ports.tasks.get(task.task_id)
    return _done_already(ports, fresh) if fresh and fresh.finished else Step("deliver")


def _done_already(ports: Ports, task: Task) -> Step:
    rewrite_manifest(ports, task)
    conclude(ports, task)
    return Step("done")


def _copy(
    ports: Ports, task: Task, answer: Finished, time_left_s: Callable[[], float]
) -> Iterator[Result]:
    """Copy every result that is not there yet."""
    if len(task.results) == len(answer.results):
        return
    names = result_names(ports, task, answer)
    todo = list(zip(answer.results, names, strict=True))[len(task.results) :]
    for ref, name in todo:
        if time_left_s() < ports.limits.fetch_s:
            raise Busy("out-of-time", "The results took too long to be copied in one go.")
        with _open(ports, ref) as result:
            media = _checked(result.media, ref.kind)
            key = f"{name}.{media.extension}"
            try:
                put_as(ports, task, key, result.body, media.content_type)
            except Busy as busy:  # the bucket's, and not the provider's
                told = busy.failure
                raise OwnTrouble(told.code, told.sentence, told.next_step) from busy
            yield Result(key, ref.kind, media.content_type, result.size, result.sha256)


@contextmanager
def _open(ports: Ports, ref: ResultRef) -> Iterator[Download]:
    if ref.url is not None:
        with ports.providers.fetch(ref.url, ports.limits.result_bytes) as fetched:
            yield fetched
        return
    # The padding may be lacking; more of it than is needed does no harm.
    try:
        data = base64.b64decode((ref.data or "") + "==")
    except binascii.Error as error:
        raise _WrongResult(
            "wrong-result",
            f"The provider's answer should hold the {ref.kind}, but it is unreadable.",
        ) from error
    media = {"json": JSON, "text": TEXT}.get(ref.kind) or sniff(data[:HEAD_BYTES])
    body = io.BytesIO(data)
    if media is not None and media.kind == ref.kind and is_whole(body, media) is False:
        raise _WrongResult(
            "wrong-result", f"The provider's answer holds only a part of the {ref.kind}."
        )
    yield Download(body, len(data), hashlib.sha256(data).hexdigest(), media)


def _checked(media: Media | None, kind: Kind) -> Media:
    """The result's format. Raises `_WrongResult` when it is not of the kind expected."""
    if media is None or media.kind != kind:
        found = media.content_type if media else "something unknown"
        raise _WrongResult(
            "wrong-result",
            f"The provider's result should be of kind '{kind}', but it is {found}.",
        )
    return media


def _missing(ports: Ports, task: Task, missing: _Missing) -> Step:
    """Come back for the result, by way of POLL's wait; ask its job where it is; or give it up."""
    delivered = _delivered(ports, task)
    if delivered is not None:
        return _succeed(ports, task, delivered)
    waits = 1 if len(missing.results) > len(task.results) else _tries(ports, task) + 1
    if waits <= _most_waits(missing):
        ports.tasks.replace(
            task,
            task.moved(
                "delivering",
                ports.clock.now(),
                waits=waits,
                wait_reason=missing.why.failure.sentence,
                results=missing.results,
            ),
        )
        return Step("poll", growing_wait_s(waits))
    if task.paying.job_id and task.gone < ASK_AGAIN_LIMIT and not _too_large(missing):
        return _ask_job(ports, task, missing)
    return _give_up(ports, task, missing)


def _tries(ports: Ports, task: Task) -> int:
    """How often it was come back for in vain; called again before the wait was over is no try."""
    waited_s = (ports.clock.now() - task.updated_at).total_seconds()
    early = task.waits > 0 and waited_s < growing_wait_s(task.waits) / 2
    return task.waits - 1 if early else task.waits


def _most_waits(missing: _Missing) -> int:
    """How often it makes sense to come back for the result."""
    if isinstance(missing.why, Busy):
        return UNREACHED_LIMIT
    # What came inside the answer, or is too large, is the same the next time.
    return 0 if missing.ref.url is None or _too_large(missing) else ABSENT_LIMIT


def _too_large(missing: _Missing) -> bool:
    return missing.why.failure.code == "result-too-large"


def _ask_job(ports: Ports, task: Task, missing: _Missing) -> Step:
    """Ask the job for its results once more; where they were is kept until it has answered."""
    now = ports.clock.now()
    ports.tasks.replace(
        task,
        task.moved(
            "running",
            now,
            attempts=task.with_attempt(replace(task.paying, ended_at=None)),
            gone=task.gone + 1,
            waits=0,
            wait_reason=missing.why.failure.sentence,
            results=(),
            deadline=now + timedelta(seconds=route_for(ports, task, task.paying).job_s),
        ),
    )
    return Step("poll", 2)


def _give_up(ports: Ports, task: Task, missing: _Missing) -> Step:
    """It was paid for all the same, and is kept where a later run can look for it."""
    told = missing.why.failure
    attempt = task.paying
    useless = (
        missing.ref.url is None and attempt.job_id is None and not isinstance(missing.why, Busy)
    )
    again = after(task, "yes") if useless else fetch_it_again(task)
    match missing.why:
        case ResultGone():
            code = "result-gone"
        case Busy():
            code = "result-unreachable"
        case _:
            code, again = told.code, told.next_step or again
    sentence = told.sentence
    if code != told.code or isinstance(missing.why, ResultGone):
        made = f"{task.paying.provider} made the result, but it could not be fetched"
        sentence = f"{made}: {told.sentence}"
    failure = Failure(code, sentence, again)
    if useless:
        attempt = replace(attempt, outcome="failed", failure=failure)
    attempts = task.with_attempt(attempt)
    end(ports, task, Ending("failed", failure), results=missing.results, attempts=attempts)
    return Step("fail")


def _delivered(ports: Ports, task: Task) -> tuple[Result, ...] | None:
    """The results that an earlier call of this door copied before it died, by their manifest."""
    body = ports.outputs.get(task.manifest_key)
    return read_results(body, task) if body else None
