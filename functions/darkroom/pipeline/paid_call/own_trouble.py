"""Trouble of our own, not of a provider: a bucket, the table or a secret is in the way.

before payment   the task waits in the queue, with the reason in `wait_reason`; nothing is paid
after payment    new paid calls are paused for all tasks (`payment_pause`); what the provider made
                 is kept in a safe place, and its delivery is tried again until it works
"""

import base64
import logging
from dataclasses import replace
from datetime import datetime
from typing import Final

from darkroom.domain.attempt import Attempt, Finished, ResultRef
from darkroom.domain.errors import Busy, DarkroomError
from darkroom.domain.task import Task
from darkroom.pipeline.admission.backoff import backoff_s
from darkroom.pipeline.admission.error_cause import describe_error, is_own_trouble
from darkroom.pipeline.admission.payment_pause import pause_payments
from darkroom.pipeline.paid_call.saved_answer import load_answer, store_answer
from darkroom.ports import Ports, Step

MAX_STORED_BYTES: Final = 4 * 1024 * 1024
"""How much of a task's results is held in memory while it is stored."""
MIN_WAIT_S: Final = 5
MAX_WAIT_S: Final = 600
"""A run's history holds a week of such waits, each by way of POLL."""

_log = logging.getLogger(__name__)


def delay_payment(ports: Ports, task: Task, error: Exception) -> Step:
    """SUBMIT could not continue with a queued task: try again later, with the reason stored.

    Raises:
        Exception: the same error, if it is not our own trouble or the task has changed.
    """
    if not (is_own_trouble(error) or isinstance(error, Busy)):
        raise error
    _log.warning("task %s waits: %s", task.task_id, type(error).__name__)
    fresh = ports.tasks.get(task.task_id)
    if fresh is None or fresh.revision != task.revision:
        raise error
    waits = task.waits + 1
    reason = f"nothing is paid yet, because Darkroom itself has trouble: {describe_error(error)}"
    now = ports.clock.now()
    waiting = task.with_state("queued", now, waits=waits, wait_reason=reason, place=None)
    ports.tasks.replace(task, waiting)
    return Step("submit", backoff_s(waits))


def delay_delivery(ports: Ports, task: Task, error: Exception) -> Step:
    """DELIVER could not deliver: pause new paid calls, store the results, try again later.

    The same trouble of the same task pauses payments once. If they were resumed since, other tasks
    were delivered, and the trouble is this task's own.

    Raises:
        Exception: the same error, if it is not our own trouble or the task is not `delivering`.
    """
    if not (is_own_trouble(error) or isinstance(error, Busy)):
        raise error
    fresh = ports.tasks.get(task.task_id)
    if fresh is None or fresh.state != "delivering" or fresh.ending or fresh.run != task.run:
        raise error
    _log.warning("delivery of task %s is delayed: %s", task.task_id, type(error).__name__)
    now = ports.clock.now()
    reason = f"the results cannot be delivered: {describe_error(error)}"
    if fresh.wait_reason != reason:
        if not (isinstance(error, DarkroomError) and error.failure.code == "contended"):
            pause_payments(ports, task.task_id, error)  # a race for one name concerns no other task
        fresh = ports.tasks.replace(fresh, fresh.with_state("delivering", now, wait_reason=reason))
    stored = _with_stored_results(ports, fresh)
    if stored != fresh.last_attempt:
        attempts = fresh.with_attempt(stored)
        ports.tasks.replace(fresh, fresh.with_state("delivering", now, attempts=attempts))
    return Step("poll", _delay_s(fresh.last_attempt, now))


def _delay_s(attempt: Attempt, now: datetime) -> int:
    """A quarter of the time since there was a result to deliver."""
    times = (attempt.ended_at, attempt.asked_since, attempt.started_at)
    since = max(at for at in times if at is not None)
    return int(max(MIN_WAIT_S, min(MAX_WAIT_S, (now - since).total_seconds() / 4)))


def _with_stored_results(ports: Ports, task: Task) -> Attempt:
    """The attempt with the results themselves in place of URLs, which expire.

    Only as far as they are small enough, and the provider and a store cooperate.
    """
    attempt = task.last_attempt
    try:
        answer = load_answer(ports, task, attempt)
        if not isinstance(answer, Finished) or all(ref.url is None for ref in answer.results):
            return attempt
        results: list[ResultRef] = []
        left = MAX_STORED_BYTES
        for ref in answer.results:
            fetched = _download(ports, ref, left) if left > 0 else ref
            left -= len(fetched.data or "") if fetched is not ref else 0
            results.append(fetched)
        with_data = Finished(tuple(results), answer.credits, answer.facts)
        return store_answer(ports, task, attempt, with_data)
    except Exception as error:  # noqa: BLE001 - the attempt stays as it was
        _log.warning("task %s: results not stored: %s", task.task_id, type(error).__name__)
        return attempt


def _download(ports: Ports, ref: ResultRef, max_bytes: int) -> ResultRef:
    if ref.url is None:
        return ref
    try:
        with ports.providers.fetch(ref.url, max_bytes) as fetched:
            data = base64.b64encode(fetched.body.read()).decode()
    except DarkroomError:
        return ref  # too large, or not available now: its URL may still work later
    return replace(ref, url=None, data=data)
