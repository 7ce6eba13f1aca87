"""FAIL: end a task without results. Order: manifest, state, event; each may be repeated.

It ends a task as another step decided. If a run broke without a decision, the task is left to SWEEP
for another run while any are left; else it ends as safely as its state allows: a paid call whose
answer was never stored makes it `unknown`.
"""

from dataclasses import replace

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Busy, Conflict, DarkroomError, Failure
from darkroom.domain.retries import retry_on_conflict
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.error_cause import is_own_trouble
from darkroom.pipeline.admission.payment_pause import pause_payments
from darkroom.pipeline.endings.decide import runs_left
from darkroom.pipeline.endings.move_aside import claim_output_name
from darkroom.pipeline.endings.next_steps import retry_command
from darkroom.pipeline.endings.publish import (
    finalize,
    publish_event,
    rewrite_manifest,
    write_manifest,
)
from darkroom.pipeline.paid_call.close_unknown import (
    apply_saved_answer,
    close_as_unknown,
    unknown_failure,
)
from darkroom.pipeline.paid_call.job_owner import owns_job
from darkroom.pipeline.paid_call.plan import account_changed, route_for
from darkroom.pipeline.paid_call.saved_answer import archive_answer
from darkroom.ports import Ports, Step

STOP_JOB_CODES = frozenset({"cancelled", "job-too-slow"})
"""Failures after which the job is cancelled at its provider, where the provider can."""
INTERRUPTED = Failure("interrupted", "The call was interrupted, and its outcome was not found.")


def fail(ports: Ports, task_id: str, run: int, broken: str | None = None) -> Step:
    """Carry out the task's ending; a task that has ended only gets its event again.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that calls; an older run than the task's changes nothing.
        broken: the name of the error that broke the run, when no step decided the ending.

    Raises:
        Busy: no run is left, and the paid call may still bring an answer; try again.
    """
    try:
        task = retry_on_conflict(lambda: _end_task(ports, task_id, run, broken), f"task {task_id}")
    except Exception as error:
        if is_own_trouble(error):  # such as a manifest that cannot be written
            pause_payments(ports, task_id, error)
        raise
    if task is not None:
        if broken is None:
            finalize(ports, task)
        else:
            # A step of the broken run may still be running and write its own manifest, and the job
            # may still run: SWEEP finalizes the task when neither is possible any more.
            publish_event(ports, task)
    return Step("done")


def _end_task(ports: Ports, task_id: str, run: int, broken: str | None) -> Task | None:
    """The task in its final state, its manifest written; None when it is not this run's."""
    task = ports.tasks.get(task_id)
    if task is None or task.run != run:
        return None
    if task.finished:
        rewrite_manifest(ports, task)
        return task
    if (task.ending is None or task.in_doubt) and runs_left(ports, task) > 0:
        # No step has decided the ending, and trouble at AWS is no reason: SWEEP starts a new run.
        ports.tasks.postpone(task, ports.clock.now())
        return None
    if task.in_doubt and ports.clock.now() < task.last_attempt.call_until:
        raise Busy("call-running", "A paid call may still bring its answer.")
    task = claim_output_name(ports, task)
    known = _with_saved_answer(ports, task)
    ending = _ending(known, broken)
    stopped = _stop_job(ports, known)
    archive_answer(ports, known)
    final = known.with_state(
        ending.status,
        ports.clock.now(),
        ending=ending,
        attempts=_close_attempts(ports, known, ending, stopped=stopped),
        wait_reason=None,
    )
    write_manifest(ports, final)
    return ports.tasks.replace(task, final)


def _with_saved_answer(ports: Ports, task: Task) -> Task:
    """The task with the answer of its last paid call, also if only the bucket has it."""
    paid = apply_saved_answer(ports, task) if task.in_doubt else None
    return task if paid is None else replace(task, attempts=task.with_attempt(paid))


def _ending(task: Task, broken: str | None) -> Ending:
    """How the task ends: 'unknown' while its last paid call is in doubt."""
    if task.in_doubt:
        return Ending("unknown", unknown_failure(task, INTERRUPTED))
    return task.ending or Ending(
        "failed",
        Failure(
            "internal",
            "Darkroom could not finish this task because of an error of its own or of AWS.",
            f"Run {retry_command(task)}, which never pays twice; if it fails again, look for its "
            "id in the logs" + (f" ({broken})." if broken else "."),
        ),
    )


def _stop_job(ports: Ports, task: Task) -> bool:
    """Ask the provider to cancel a job that is no longer wanted; whether it did.

    The task ends in both cases. Raises `Conflict` when a new run may want the job.
    """
    unwanted = task.ending is not None and task.ending.failure.code in STOP_JOB_CODES
    has_job = task.state in ("submitting", "running") and task.last_attempt.outcome == "accepted"
    if not unwanted or not has_job or task.last_attempt.job_id is None:
        return False
    if account_changed(ports, task.last_attempt) or not owns_job(ports, task):
        return False  # the id may be another job's
    fresh = ports.tasks.get(task.task_id)
    if fresh is None or fresh.revision != task.revision:
        raise Conflict(f"Task {task.task_id} was changed.")
    try:
        route = route_for(ports, task, task.last_attempt)
        return ports.providers.cancel(route, task.last_attempt.job_id)
    except (DarkroomError, LookupError):
        return False


def _close_attempts(
    ports: Ports, task: Task, ending: Ending, *, stopped: bool
) -> tuple[Attempt, ...]:
    """The attempts with none open, and without stored answers and requests."""
    if not task.attempts:
        return ()
    last = replace(task.last_attempt, request=None, answer=None, answer_key=None)
    if task.in_doubt:
        last = close_as_unknown(ports, task, INTERRUPTED)
    elif last.outcome == "accepted":
        last = replace(
            last,
            outcome="failed" if stopped else "given-up",
            ended_at=last.ended_at or task.updated_at,
            failure=ending.failure,
        )
    return task.with_attempt(last)
