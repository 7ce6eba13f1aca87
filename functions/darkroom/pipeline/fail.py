"""FAIL: end a task that has no results. Order: manifest, state, event; each may be repeated.

It ends a task as another door decided. When a run broke without a decision, the task is left to
SWEEP for another run while there are any; else it ends as safely as its state allows: a paid call
whose answer was never written down makes it `unknown`.
"""

from dataclasses import replace

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Busy, Conflict, DarkroomError, Failure
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.admit import note_own_trouble
from darkroom.pipeline.admission.backoff import until_won
from darkroom.pipeline.admission.trouble import is_ours
from darkroom.pipeline.endings.decide import runs_left
from darkroom.pipeline.endings.next_steps import retry_it
from darkroom.pipeline.endings.publish import (
    announce,
    conclude,
    named,
    rewrite_manifest,
    write_manifest,
)
from darkroom.pipeline.paid_call.plan import other_account, route_for
from darkroom.pipeline.paid_call.saved_answer import lay_aside
from darkroom.pipeline.paid_call.unknown import answered, given_up, unknown_outcome
from darkroom.ports import Ports, Step

UNWANTED = frozenset({"cancelled", "job-too-slow"})
"""Failures with which a job is stopped at its provider, where that can be."""
INTERRUPTED = Failure("interrupted", "The call was interrupted, and nobody could find out more.")


def fail(ports: Ports, task_id: str, run: int, broken: str | None = None) -> Step:
    """Carry the task's ending out; a task that has ended only gets its event again.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that asks; an older run than the task's changes nothing.
        broken: the name of the error that broke the run, when no door decided the end.

    Raises:
        Busy: no run is left, and the paid call may still bring an answer; try again.
    """
    try:
        task = until_won(lambda: _ended(ports, task_id, run, broken), f"task {task_id}")
    except Exception as error:
        if is_ours(error):  # as a manifest that cannot be written
            note_own_trouble(ports, task_id, error)
        raise
    if task is not None:
        if broken is None:
            conclude(ports, task)
        else:
            # A door of the broken run may be at work still and write a manifest of its own, and so
            # may its job: SWEEP concludes when neither can be any more.
            announce(ports, task)
    return Step("done")


def _ended(ports: Ports, task_id: str, run: int, broken: str | None) -> Task | None:
    """The task in its final state, its manifest written; None when it is not this run's."""
    task = ports.tasks.get(task_id)
    if task is None or task.run != run:
        return None
    if task.finished:
        rewrite_manifest(ports, task)
        return task
    if (task.ending is None or task.in_doubt) and runs_left(ports, task) > 0:
        # Nobody has decided that it ends, and trouble at AWS is no reason: SWEEP begins a new run.
        ports.tasks.postpone(task, ports.clock.now())
        return None
    if task.in_doubt and ports.clock.now() < task.paying.call_until:
        raise Busy("call-running", "A paid call may still bring its answer.")
    task = named(ports, task)
    known = _with_its_answer(ports, task)
    ending = _ending(known, broken)
    stopped = _stop_job(ports, known)
    lay_aside(ports, known)
    final = known.moved(
        ending.status,
        ports.clock.now(),
        ending=ending,
        attempts=_closed(ports, known, ending, stopped=stopped),
        wait_reason=None,
    )
    write_manifest(ports, final)
    return ports.tasks.replace(task, final)


def _with_its_answer(ports: Ports, task: Task) -> Task:
    """The task with what is known of its last paid call, also where the table did not take it."""
    paid = answered(ports, task) if task.in_doubt else None
    return task if paid is None else replace(task, attempts=task.with_attempt(paid))


def _ending(task: Task, broken: str | None) -> Ending:
    """How the task ends: 'unknown' while its last paid call is in doubt."""
    if task.in_doubt:
        return Ending("unknown", unknown_outcome(task, INTERRUPTED))
    return task.ending or Ending(
        "failed",
        Failure(
            "internal",
            "Darkroom could not finish this task because of a fault of its own or of AWS.",
            f"Run {retry_it(task)}, which pays for nothing twice; if it fails again, look for its "
            "id in the logs" + (f" ({broken})." if broken else "."),
        ),
    )


def _stop_job(ports: Ports, task: Task) -> bool:
    """Ask the provider to stop a job that nobody waits for; whether it did.

    The task ends whether it can or not. Raises `Conflict` when a new run may want the job.
    """
    unwanted = task.ending is not None and task.ending.failure.code in UNWANTED
    at_work = task.state in ("submitting", "running") and task.paying.outcome == "accepted"
    if not unwanted or not at_work or task.paying.job_id is None:
        return False
    if other_account(ports, task.paying):
        return False  # the id may be another job's there
    fresh = ports.tasks.get(task.task_id)
    if fresh is None or fresh.revision != task.revision:
        raise Conflict(f"Task {task.task_id} changed meanwhile.")
    try:
        route = route_for(ports, task, task.paying)
        return ports.providers.cancel(route, task.paying.job_id)
    except (DarkroomError, LookupError):
        return False


def _closed(ports: Ports, task: Task, ending: Ending, *, stopped: bool) -> tuple[Attempt, ...]:
    """The attempts with nothing open, and with no answer or request kept."""
    if not task.attempts:
        return ()
    last = replace(task.paying, request=None, answer=None, answer_key=None)
    if task.in_doubt:
        last = given_up(ports, task, INTERRUPTED)
    elif last.outcome == "accepted":
        last = replace(
            last,
            outcome="failed" if stopped else "given-up",
            ended_at=last.ended_at or task.updated_at,
            failure=ending.failure,
        )
    return task.with_attempt(last)
