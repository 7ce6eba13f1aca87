"""Store the answer of a paid call, even while our own stores fail.

the table ──takes it──▶ done
    │ refuses, or does not answer
    ▼
the output bucket, under `_darkroom/work/`: SUBMIT looks there before it calls the provider again
    │
    ▼
the table again, with growing pauses, until this process's time is nearly over
    │ neither has taken it
    ▼
one line in the log with the job's id, for `darkroom retry --job`
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.errors import Conflict, OwnTrouble
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.task import Task
from darkroom.pipeline.admission.payment_pause import pause_payments
from darkroom.pipeline.paid_call.saved_answer import save_to_bucket, store_answer
from darkroom.ports import Ports

FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 10.0
MIN_LEFT_S = 8.0
"""With less time left in this process it stops trying: the log line must still be written."""
MAX_RETRY_TIME = timedelta(seconds=150)
"""For a process without a time limit of its own."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def store_paid_answer(
    ports: Ports, task: Task, attempt: Attempt, answer: Finished, time_left_s: Callable[[], float]
) -> Attempt:
    """The attempt with its answer in the item or in the bucket.

    Raises:
        OwnTrouble: no store takes it, and no time is left.
    """
    return _write_or_save(
        ports, task, answer, time_left_s, lambda: store_answer(ports, task, attempt, answer)
    )


def write_refusal(ports: Ports, write: Callable[[], _T], time_left_s: Callable[[], float]) -> _T:
    """Store that a call was clearly not accepted: otherwise the call would count as in doubt.

    Raises the last error of `write` when no time is left; a `Conflict` at once.
    """
    return _keep_trying(ports, write, time_left_s, lambda: None)


def write_acceptance(
    ports: Ports,
    task: Task,
    answer: Accepted | Finished,
    change: Callable[[Task], Task],
    time_left_s: Callable[[], float],
) -> Task:
    """Store the answer of a paid call over any other change of the task.

    Args:
        ports: the outside.
        task: `submitting`, with the attempt that was paid.
        answer: the provider's.
        change: builds the task to write from the stored one.
        time_left_s: how long this process may still run, seconds.

    Raises:
        Conflict: the task went on without this attempt, or was written by this very call.
        OwnTrouble: the table takes nothing, and no time is left; the bucket may have the answer.
    """
    current = task

    def write() -> Task:
        nonlocal current
        while True:
            try:
                return ports.tasks.replace(current, change(current))
            except Conflict:
                current = _reload_open(ports, task, current)

    try:
        return _write_or_save(ports, task, answer, time_left_s, write)
    except Conflict:
        # The attempt was closed as unknown while this call was slow; `retry` reads the bucket.
        number = task.last_attempt.number
        write_refusal(ports, lambda: save_to_bucket(ports, task, number, answer), time_left_s)
        raise


def reread(ports: Ports, written: Task) -> Task | None:
    """The stored task, after a write over `written` has met a conflict.

    Raises:
        OwnTrouble: nothing has changed; the table was busy with another write of the same item.
    """
    fresh = ports.tasks.get(written.task_id)
    if fresh is not None and fresh.revision == written.revision:
        raise OwnTrouble("contended", f"The table did not take a change of task {written.task_id}.")
    return fresh


def _reload_open(ports: Ports, task: Task, written: Task) -> Task:
    """The stored task, while this attempt is still its open one."""
    fresh = reread(ports, written)
    number = task.last_attempt.number
    if (
        fresh is None
        or fresh.state != "submitting"
        or fresh.last_attempt.number != number
        or fresh.last_attempt.outcome != "open"
    ):
        raise Conflict(f"Task {task.task_id} went on without its attempt {number}.")
    return fresh


def _write_or_save(
    ports: Ports,
    task: Task,
    answer: Accepted | Finished,
    time_left_s: Callable[[], float],
    write: Callable[[], _T],
) -> _T:
    """Write to the table; after the first failure also save the answer to the bucket."""
    saved = False

    def save() -> None:
        nonlocal saved
        if not saved:
            with suppress(Exception):
                save_to_bucket(ports, task, task.last_attempt.number, answer)
                saved = True

    try:
        return _keep_trying(ports, write, time_left_s, save)
    except Conflict:
        raise
    except Exception as error:
        pause_payments(ports, task.task_id, error)
        if not saved:
            _log_lost_answer(task, answer)
        raise OwnTrouble(
            "answer-not-written",
            f"The answer of {task.last_attempt.provider} could not be stored for now.",
        ) from error


def _keep_trying(
    ports: Ports,
    write: Callable[[], _T],
    time_left_s: Callable[[], float],
    after_failure: Callable[[], None],
) -> _T:
    """Repeat a write with growing pauses until this process's time is nearly over.

    Raises the last error of `write`; a `Conflict` at once.
    """
    pause_s = FIRST_PAUSE_S
    until = ports.clock.now() + MAX_RETRY_TIME
    while True:
        try:
            return write()
        except Conflict:
            raise
        except Exception:
            after_failure()
            if time_left_s() < pause_s + MIN_LEFT_S or ports.clock.now() >= until:
                raise
        ports.clock.sleep(pause_s)
        pause_s = min(MAX_PAUSE_S, pause_s * 2)


def _log_lost_answer(task: Task, answer: Accepted | Finished) -> None:
    """The last resort; the line contains no URL."""
    _log.critical(
        "A paid answer could not be kept: task %s, attempt %d, provider %s, job %s",
        task.task_id,
        task.last_attempt.number,
        task.last_attempt.provider,
        answer.job_id if isinstance(answer, Accepted) else "none",
    )
