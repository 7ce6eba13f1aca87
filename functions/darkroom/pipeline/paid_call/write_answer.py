"""Write down what a paid call brought, whatever our own stores do.

the table ──takes it──▶ done
    │ refuses, or does not answer
    ▼
the output bucket, under `_darkroom/work/`: SUBMIT looks there before it asks anyone
    │
    ▼
the table again, with growing pauses, until this process's time is nearly over
    │ neither has taken it
    ▼
one line in the log with the job's id, which `darkroom retry --job` takes
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
from darkroom.pipeline.admission.admit import note_own_trouble
from darkroom.pipeline.paid_call.saved_answer import keep_answer, save_beside
from darkroom.ports import Ports

FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 10.0
MIN_LEFT_S = 8.0
"""With less time left in this process nothing more is tried: the log line must still be written."""
MAX_TRYING = timedelta(seconds=150)
"""For a process that knows no end of its own."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


def keep_paid_answer(
    ports: Ports, task: Task, attempt: Attempt, answer: Finished, time_left_s: Callable[[], float]
) -> Attempt:
    """The attempt with its answer in the item or beside it.

    Raises:
        OwnTrouble: nothing takes it, and no time is left.
    """
    return _insist(
        ports, task, answer, time_left_s, lambda: keep_answer(ports, task, attempt, answer)
    )


def write_unpaid(ports: Ports, write: Callable[[], _T], time_left_s: Callable[[], float]) -> _T:
    """Write down that a call was clearly not accepted: unwritten, it would count as doubtful.

    Raises what `write` raised last, when no time is left; a `Conflict` at once.
    """
    pause_s = FIRST_PAUSE_S
    until = ports.clock.now() + MAX_TRYING
    while True:
        try:
            return write()
        except Conflict:
            raise
        except Exception:
            if time_left_s() < pause_s + MIN_LEFT_S or ports.clock.now() >= until:
                raise
        ports.clock.sleep(pause_s)
        pause_s = min(MAX_PAUSE_S, pause_s * 2)


def write_paid(
    ports: Ports,
    task: Task,
    said: Accepted | Finished,
    change: Callable[[Task], Task],
    time_left_s: Callable[[], float],
) -> Task:
    """Write what the paid call brought, over whatever else changed in the task meanwhile.

    Args:
        ports: the outside.
        task: `submitting`, with the attempt that was paid.
        said: what the provider answered.
        change: makes the task that is to be written of the one that is stored.
        time_left_s: how long this process may still live, seconds.

    Raises:
        Conflict: the task went on without this attempt, or was written by this very call.
        OwnTrouble: the table takes nothing, and no time is left; the answer may lie beside it.
    """
    current = task

    def write() -> Task:
        nonlocal current
        while True:
            try:
                return ports.tasks.replace(current, change(current))
            except Conflict:
                current = _fresh(ports, task, current)

    try:
        return _insist(ports, task, said, time_left_s, write)
    except Conflict:
        # It was given up as doubtful while this call was held up; `retry` looks into the bucket.
        write_unpaid(ports, lambda: save_beside(ports, task, task.paying.number, said), time_left_s)
        raise


def reread(ports: Ports, written: Task) -> Task | None:
    """The task as it is stored, after a write over `written` has met a conflict.

    Raises:
        OwnTrouble: nothing has changed; the table was at another write of the same item.
    """
    fresh = ports.tasks.get(written.task_id)
    if fresh is not None and fresh.revision == written.revision:
        raise OwnTrouble("contended", f"The table did not take a change of task {written.task_id}.")
    return fresh


def _fresh(ports: Ports, task: Task, written: Task) -> Task:
    """The task as it is stored, while this attempt is still the one that counts."""
    fresh = reread(ports, written)
    if (
        fresh is None
        or fresh.state != "submitting"
        or fresh.paying.number != task.paying.number
        or fresh.paying.outcome != "open"
    ):
        raise Conflict(f"Task {task.task_id} went on without its attempt {task.paying.number}.")
    return fresh


def _insist(
    ports: Ports,
    task: Task,
    said: Accepted | Finished,
    time_left_s: Callable[[], float],
    write: Callable[[], _T],
) -> _T:
    until = ports.clock.now() + MAX_TRYING
    pause_s = FIRST_PAUSE_S
    beside = False
    while True:
        try:
            return write()
        except Conflict:
            raise
        except Exception as error:
            if not beside:
                with suppress(Exception):
                    save_beside(ports, task, task.paying.number, said)
                    beside = True
            if time_left_s() < pause_s + MIN_LEFT_S or ports.clock.now() >= until:
                note_own_trouble(ports, task.task_id, error)
                if not beside:
                    _report(task, said)
                raise OwnTrouble(
                    "answer-not-written",
                    f"What {task.paying.provider} answered could not be written down for now.",
                ) from error
        ports.clock.sleep(pause_s)
        pause_s = min(MAX_PAUSE_S, pause_s * 2)


def _report(task: Task, said: Accepted | Finished) -> None:
    """The last resort; no address is in it."""
    _log.critical(
        "A paid answer could not be kept: task %s, attempt %d, provider %s, job %s",
        task.task_id,
        task.paying.number,
        task.paying.provider,
        said.job_id if isinstance(said, Accepted) else "none",
    )
