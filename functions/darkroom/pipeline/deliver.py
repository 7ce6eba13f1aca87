"""DELIVER: copy the results, then the manifest, then end the task, then say so.

Each step may be repeated: results and manifest are written again over themselves, the state is
written once, and the event again with the same id.
"""

import base64
import hashlib
import io
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from darkroom.attempt import Finished, ResultRef
from darkroom.errors import Busy, Conflict, DarkroomError, Failure, OwnTrouble, ResultGone
from darkroom.media import HEAD_BYTES, JSON, TEXT, Kind, Media, sniff
from darkroom.naming import stem_of
from darkroom.pipeline.advice import after, retry_it
from darkroom.pipeline.answers import saved_answer
from darkroom.pipeline.attempts import route_for
from darkroom.pipeline.ending import conclude, named, put_as, rewrite_manifest, write_manifest
from darkroom.pipeline.fail import end
from darkroom.pipeline.guard import find_mine
from darkroom.pipeline.manifest import read_results
from darkroom.pipeline.own_side import hold_up
from darkroom.pipeline.patience import growing_wait_s
from darkroom.ports import Ports, Step
from darkroom.task import Ending, Result, Task
from darkroom.work import Fetched

ASK_AGAIN_LIMIT = 2
"""How often a job whose result is gone is asked for a new URL."""
UNREACHED_LIMIT = 15
"""How often in a row a result may be out of reach: about an hour with the waits between."""


class _WrongResult(DarkroomError):
    """The provider's result is not what it should be; it was paid for and is of no use."""


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
    except ResultGone as gone:
        return _gone(ports, task, gone)
    except Busy as busy:
        return _later(ports, task, busy, tuple(results))
    except DarkroomError as useless:
        # Of the wrong kind, or larger than is copied: paid for all the same.
        end(ports, task, Ending("failed", useless.failure), results=tuple(results))
        return Step("fail")
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


def _later(ports: Ports, task: Task, busy: Busy, results: tuple[Result, ...]) -> Step:
    """A result cannot be had for the moment: come back, by way of POLL's wait, or give up."""
    waits = 1 if len(results) > len(task.results) else task.waits + 1
    if waits > UNREACHED_LIMIT:
        failure = Failure(
            "result-unreachable",
            f"{task.paying.provider} made the result, but it could not be fetched: "
            f"{busy.failure.sentence}",
            f"Run {retry_it(task)} to fetch it once more; it has been paid for.",
        )
        end(ports, task, Ending("failed", failure), results=results)
        return Step("fail")
    reason = busy.failure.sentence
    now = ports.clock.now()
    ports.tasks.replace(
        task, task.moved("delivering", now, waits=waits, wait_reason=reason, results=results)
    )
    return Step("poll", growing_wait_s(waits))


def _copy(
    ports: Ports, task: Task, answer: Finished, time_left_s: Callable[[], float]
) -> Iterator[Result]:
    """Copy every result that is not there yet; several of a kind are numbered from 1."""
    many = Counter(ref.kind for ref in answer.results)
    seen: Counter[Kind] = Counter()
    for number, ref in enumerate(answer.results):
        seen[ref.kind] += 1
        if number < len(task.results):
            continue
        ordinal = f"-{seen[ref.kind]}" if many[ref.kind] > 1 else ""
        if time_left_s() < ports.policy.fetch_s:
            raise Busy("out-of-time", "The results took too long to be copied in one go.")
        with _open(ports, ref) as result:
            media = _checked(result.media, ref.kind)
            key = f"{stem_of(task.manifest_key)}{ordinal}.{media.extension}"
            try:
                put_as(ports, task, key, result.body, media.content_type)
            except Busy as busy:  # the bucket's, and not the provider's
                told = busy.failure
                raise OwnTrouble(told.code, told.sentence, told.next_step) from busy
            yield Result(key, ref.kind, media.content_type, result.size, result.sha256)


@contextmanager
def _open(ports: Ports, ref: ResultRef) -> Iterator[Fetched]:
    if ref.url is not None:
        with ports.providers.fetch(ref.url, ports.policy.result_bytes) as fetched:
            yield fetched
        return
    data = base64.b64decode(ref.data or "")
    media = {"json": JSON, "text": TEXT}.get(ref.kind) or sniff(data[:HEAD_BYTES])
    yield Fetched(io.BytesIO(data), len(data), hashlib.sha256(data).hexdigest(), media)


def _checked(media: Media | None, kind: Kind) -> Media:
    """The result's format. Raises `_WrongResult` when it is not of the kind expected."""
    if media is None or media.kind != kind:
        found = media.content_type if media else "something unknown"
        raise _WrongResult(
            "wrong-result",
            f"The provider's result should be of kind '{kind}', but it is {found}.",
            "Name another provider, or upload the spec again; that is a new paid call.",
        )
    return media


def _gone(ports: Ports, task: Task, gone: ResultGone) -> Step:
    """The result's URL no longer works: ask the job for a new one, if it is a job."""
    delivered = _delivered(ports, task)
    if delivered is not None:
        return _succeed(ports, task, delivered)
    attempt = task.paying
    route = route_for(ports, task, attempt)
    if attempt.job_id is not None and task.gone < ASK_AGAIN_LIMIT:
        now = ports.clock.now()
        again = replace(attempt, answer=None, answer_key=None, ended_at=None)
        ports.tasks.replace(
            task,
            task.moved(
                "running",
                now,
                attempts=task.with_attempt(again),
                gone=task.gone + 1,
                waits=0,
                results=(),
                deadline=now + timedelta(seconds=route.job_s),
            ),
        )
        return Step("poll", 2)
    failure = Failure(
        "result-gone",
        f"{attempt.provider} made the result, but it could no longer be fetched.",
        gone.failure.next_step or after(task, "yes"),
    )
    end(ports, task, Ending("failed", failure))
    return Step("fail")


def _delivered(ports: Ports, task: Task) -> tuple[Result, ...] | None:
    """The results that an earlier call of this door copied before it died, by their manifest."""
    body = ports.outputs.get(task.manifest_key)
    return read_results(body, task) if body else None
