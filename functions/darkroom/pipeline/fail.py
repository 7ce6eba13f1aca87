"""FAIL: end a task that has no results. Order: manifest, state, event; each may be repeated.

It ends a task as another door decided, or, when a run broke without a decision, as safely as the
task's state allows: a paid call whose answer was never written down makes the task `unknown`.
"""

from dataclasses import replace

from darkroom.attempt import Attempt
from darkroom.errors import Busy, DarkroomError, Failure
from darkroom.pipeline.advice import retry_it
from darkroom.pipeline.answers import lay_aside
from darkroom.pipeline.attempts import route_for
from darkroom.pipeline.ending import announce, conclude, named, rewrite_manifest, write_manifest
from darkroom.pipeline.patience import until_won
from darkroom.ports import Ports, Step
from darkroom.task import Ending, Task


def end(ports: Ports, task: Task, ending: Ending, **changes: object) -> Task:
    """Write down how the task will end, for FAIL to carry out. Raises `Conflict`."""
    now = ports.clock.now()
    return ports.tasks.replace(task, replace(task, ending=ending, updated_at=now, **changes))  # type: ignore[arg-type]


def fail(ports: Ports, task_id: str, run: int, broken: str | None = None) -> Step:
    """Carry the task's ending out; a task that has ended only gets its event again.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that asks; an older run than the task's changes nothing.
        broken: the name of the error that broke the run, when no door decided the end.

    Raises:
        Busy: the run broke while its paid call may still bring an answer; try again.
    """
    task = until_won(lambda: _ended(ports, task_id, run, broken), f"task {task_id}")
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
    if _calling(task):
        left_s = (task.paying.call_until - ports.clock.now()).total_seconds()
        if left_s > 0:
            raise Busy("call-running", "A paid call may still bring its answer.")
    task = named(ports, task)
    ending = _ending(task, broken)
    if task.ending is not None:
        _stop_job(ports, task)
    lay_aside(ports, task)
    final = task.moved(
        ending.status,
        ports.clock.now(),
        ending=ending,
        attempts=_closed(task, ending),
        wait_reason=None,
    )
    write_manifest(ports, final)
    return ports.tasks.replace(task, final)


def _calling(task: Task) -> bool:
    """Whether a paid call was begun of which nothing is known yet."""
    return task.state == "submitting" and task.paying.outcome == "open"


def _ending(task: Task, broken: str | None) -> Ending:
    """How the task ends: never 'failed' or 'cancelled' while money may have moved unseen."""
    if _calling(task):
        return Ending(
            "unknown",
            Failure(
                "unknown-outcome",
                f"The call to {task.paying.provider} was interrupted, and it is not known "
                "whether it was accepted and charged.",
                f"Check the {task.paying.provider} dashboard, then run {retry_it(task)}.",
            ),
        )
    return task.ending or Ending(
        "failed",
        Failure(
            "internal",
            "Darkroom could not finish this task because of a fault of its own or of AWS.",
            f"Run {retry_it(task)}, which pays for nothing twice; if it fails again, look for its "
            "id in the logs" + (f" ({broken})." if broken else "."),
        ),
    )


def _stop_job(ports: Ports, task: Task) -> None:
    """Ask the provider to stop a job that is given up; the task ends whether it can or not."""
    if task.state != "running" or task.paying.outcome != "accepted":
        return
    try:
        ports.providers.cancel(route_for(ports, task, task.paying), task.paying.job_id or "")
    except (DarkroomError, LookupError):
        return


def _closed(task: Task, ending: Ending) -> tuple[Attempt, ...]:
    """The attempts with nothing open, and with no answer or request kept."""
    if not task.attempts:
        return ()
    last = task.attempts[-1]
    changes: dict[str, object] = {"request": None, "answer": None, "answer_key": None}
    if last.outcome in ("open", "accepted"):
        unknown = ending.status == "unknown"
        changes |= {
            "outcome": "unknown" if unknown else "given-up",
            "charged": "unknown" if last.charged == "no" else last.charged,
            "ended_at": last.ended_at or task.updated_at,
            "failure": ending.failure,
        }
    return task.with_attempt(replace(last, **changes))  # type: ignore[arg-type]
