"""Our own side is in the way: a bucket, the table or a secret, and no provider.

before payment   the task waits in the queue, with the reason on it; nothing is paid
after payment    no new call is paid for, by nobody (`admit`); what the provider made is kept
                 where it is safe, and its delivery is tried again for as long as it takes
"""

import base64
import logging
from dataclasses import replace
from datetime import datetime
from typing import Final

from darkroom.domain.attempt import Attempt, Finished, ResultRef
from darkroom.domain.errors import Busy, DarkroomError
from darkroom.domain.task import Task
from darkroom.pipeline.admission.admit import note_own_trouble
from darkroom.pipeline.admission.backoff import growing_wait_s
from darkroom.pipeline.admission.trouble import is_ours, told
from darkroom.pipeline.paid_call.saved_answer import keep_answer, saved_answer
from darkroom.ports import Ports, Step

KEPT_BYTES: Final = 4 * 1024 * 1024
"""How much of a task's results is kept in memory on its way to where it is safe."""
MIN_WAIT_S: Final = 5
MAX_WAIT_S: Final = 600
"""A run's history holds a week of such waits, each by way of POLL."""

_log = logging.getLogger(__name__)


def wait_unpaid(ports: Ports, task: Task, error: Exception) -> Step:
    """SUBMIT could not go on with a queued task: come back later, with the reason on it.

    Raises:
        Exception: the same error, where it is not ours, or the task is not as it was.
    """
    if not (is_ours(error) or isinstance(error, Busy)):
        raise error
    _log.warning("task %s waits: %s", task.task_id, type(error).__name__)
    fresh = ports.tasks.get(task.task_id)
    if fresh is None or fresh.revision != task.revision:
        raise error
    waits = task.waits + 1
    reason = f"nothing is paid yet, for something of Darkroom's own is in the way: {told(error)}"
    waiting = task.moved("queued", ports.clock.now(), waits=waits, wait_reason=reason)
    ports.tasks.replace(task, waiting)
    return Step("submit", growing_wait_s(waits))


def hold_up(ports: Ports, task: Task, error: Exception) -> Step:
    """DELIVER could not bring what was paid for: close the gate, keep it safe, come back later.

    The same trouble of the same task closes the gate once: where it is open again by then, others'
    results have been delivered, and the trouble is this task's own.

    Raises:
        Exception: the same error, where it is not ours, or the task is not being delivered.
    """
    if not (is_ours(error) or isinstance(error, Busy)):
        raise error
    fresh = ports.tasks.get(task.task_id)
    if fresh is None or fresh.state != "delivering" or fresh.ending or fresh.run != task.run:
        raise error
    _log.warning("task %s is held up: %s", task.task_id, type(error).__name__)
    now = ports.clock.now()
    reason = f"the results cannot be delivered: {told(error)}"
    if fresh.wait_reason != reason:
        if not (isinstance(error, DarkroomError) and error.failure.code == "contended"):
            note_own_trouble(ports, task.task_id, error)  # a race for one name is nobody else's
        fresh = ports.tasks.replace(fresh, fresh.moved("delivering", now, wait_reason=reason))
    kept = _kept(ports, fresh)
    if kept != fresh.paying:
        attempts = fresh.with_attempt(kept)
        ports.tasks.replace(fresh, fresh.moved("delivering", now, attempts=attempts))
    return Step("poll", _wait_s(fresh.paying, now))


def _wait_s(attempt: Attempt, now: datetime) -> int:
    """A quarter of the time since there was something to deliver."""
    times = (attempt.ended_at, attempt.asked_since, attempt.started_at)
    since = max(at for at in times if at is not None)
    return int(max(MIN_WAIT_S, min(MAX_WAIT_S, (now - since).total_seconds() / 4)))


def _kept(ports: Ports, task: Task) -> Attempt:
    """The attempt with the results themselves in the place of addresses, which grow old.

    As far as they are small enough, and the provider and a store play along.
    """
    attempt = task.paying
    try:
        answer = saved_answer(ports, task, attempt)
        if not isinstance(answer, Finished) or all(ref.url is None for ref in answer.results):
            return attempt
        results: list[ResultRef] = []
        left = KEPT_BYTES
        for ref in answer.results:
            fetched = _fetched(ports, ref, left) if left > 0 else ref
            left -= len(fetched.data or "") if fetched is not ref else 0
            results.append(fetched)
        kept = Finished(tuple(results), answer.credits, answer.facts)
        return keep_answer(ports, task, attempt, kept)
    except Exception as error:  # noqa: BLE001 - it is as it was before
        _log.warning("task %s: results not kept: %s", task.task_id, type(error).__name__)
        return attempt


def _fetched(ports: Ports, ref: ResultRef, most: int) -> ResultRef:
    if ref.url is None:
        return ref
    try:
        with ports.providers.fetch(ref.url, most) as fetched:
            data = base64.b64encode(fetched.body.read()).decode()
    except DarkroomError:
        return ref  # too large, or not to be had now: its address may still be good later
    return replace(ref, url=None, data=data)
