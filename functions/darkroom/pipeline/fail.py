"""FAIL: end a task that has no results. Order: manifest, state, event; each may be repeated.

It ends a task as another door decided, or, when a run broke without a decision, as safely as the
task's state allows: a paid call whose answer was never written down makes the task `unknown`.
"""

from dataclasses import replace

from darkroom.attempt import Attempt
from darkroom.errors import Busy, Failure
from darkroom.pipeline.admission import give_up_leases
from darkroom.pipeline.ending import announce, rewrite_manifest, write_manifest
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
        give_up_leases(ports, task)
        announce(ports, task)
        # Last: as long as an entry is there, the file's event finds a task that was not announced.
        ports.tasks.forget_wants(task)
    return Step("done")


def _ended(ports: Ports, task_id: str, run: int, broken: str | None) -> Task | None:
    """The task in its final state, its manifest written; None when it is not this run's."""
    task = ports.tasks.get(task_id)
    if task is None or task.run != run:
        return None
    if task.finished:
        rewrite_manifest(ports, task)
        return task
    if task.ending is None and task.state == "submitting":
        left_s = (task.paying.call_until - ports.clock.now()).total_seconds()
        if left_s > 0:
            raise Busy("call-running", "A paid call may still bring its answer.")
    ending = task.ending or _broken(task, broken)
    final = task.moved(
        ending.status,
        ports.clock.now(),
        ending=ending,
        attempts=_closed(task, ending),
        wait_reason=None,
    )
    return ports.tasks.replace(task, write_manifest(ports, final))


def _broken(task: Task, error: str | None) -> Ending:
    """The ending of a run that broke: never 'failed' while money may have moved unseen."""
    if task.state == "submitting":
        return Ending(
            "unknown",
            Failure(
                "unknown-outcome",
                f"The call to {task.paying.provider} was interrupted, and it is not known "
                "whether it was accepted and charged.",
                "Check the provider's dashboard, then upload the spec again if it was not done.",
            ),
        )
    return Ending(
        "failed",
        Failure(
            "internal",
            "Darkroom could not finish this task because of a fault of its own or of AWS.",
            f"Upload the spec again; if it fails again, look for task {task.task_id} in the logs"
            + (f" ({error})." if error else "."),
        ),
    )


def _closed(task: Task, ending: Ending) -> tuple[Attempt, ...]:
    """The attempts with nothing open, and with no answer or request kept."""
    if not task.attempts:
        return ()
    last = task.attempts[-1]
    changes: dict[str, object] = {"request": None, "answer": None, "answer_key": None}
    if last.outcome in ("open", "accepted"):
        unknown = ending.status == "unknown"
        changes |= {
            "outcome": "unknown" if unknown else "failed",
            "charged": "unknown" if last.charged == "no" else last.charged,
            "ended_at": last.ended_at or task.updated_at,
            "failure": ending.failure,
        }
    return task.with_attempt(replace(last, **changes))  # type: ignore[arg-type]
