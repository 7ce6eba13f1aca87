"""POLL: ask the provider how the job stands, and come back later while it is not done."""

from dataclasses import replace
from datetime import timedelta

from darkroom.errors import Busy, Conflict, DarkroomError, Failure, NotSent, Throttled
from darkroom.pipeline.answers import keep_answer
from darkroom.pipeline.attempts import next_choice, route_for
from darkroom.pipeline.fail import end
from darkroom.pipeline.guard import find_mine
from darkroom.ports import JobFailed, Pending, Ports, Step
from darkroom.routes import Route
from darkroom.task import Ending, Finished, Task

LEAST_WAIT_S = 2
MOST_WAIT_S = 60


def poll(ports: Ports, task_id: str, run: int) -> Step:
    """Take the task one step towards its job's end; free, and safe to call again."""
    task = find_mine(ports, task_id, run, "running")
    if isinstance(task, Step):
        return task
    try:
        return _ask(ports, task)
    except Conflict:
        return Step("poll", 1)


def _ask(ports: Ports, task: Task) -> Step:
    route = route_for(ports, task, task.paying)
    try:
        said = ports.providers.poll(route, task.paying.job_id or "")
    except (Throttled, NotSent, Busy) as error:
        asked_s = error.retry_after_s if isinstance(error, Throttled) else None
        return _later(ports, task, route, asked_s or 0)
    match said:
        case Pending():
            return _later(ports, task, route, 0)
        case Finished():
            return _done(ports, task, said)
        case JobFailed():
            return _gave_up(ports, task, said)


def _later(ports: Ports, task: Task, route: Route, at_least_s: int) -> Step:
    """Come back after a quarter of the time the job has taken so far, or give the job up."""
    now = ports.clock.now()
    attempt = task.paying
    if now >= task.deadline:
        _stop_job(ports, route, task)
        failure = Failure(
            "job-too-slow",
            f"{attempt.provider} did not finish job {attempt.job_id} within {route.job_s:,} s.",
            "Try again, or name another provider.",
        )
        end(ports, task, Ending("failed", failure))
        return Step("fail")
    elapsed = (now - (attempt.accepted_at or now)).total_seconds()
    return Step("poll", max(at_least_s, min(MOST_WAIT_S, max(LEAST_WAIT_S, int(elapsed / 4)))))


def _stop_job(ports: Ports, route: Route, task: Task) -> None:
    """Ask the provider to stop the job; the task ends whether it can or not."""
    try:
        ports.providers.cancel(route, task.paying.job_id or "")
    except DarkroomError:
        return


def _done(ports: Ports, task: Task, said: Finished) -> Step:
    now = ports.clock.now()
    attempt = replace(task.paying, ended_at=now)
    if said.credits is not None:
        attempt = replace(attempt, credits=said.credits)
    attempt = keep_answer(ports, task, attempt, said)
    ports.tasks.replace(
        task,
        task.moved(
            "delivering",
            now,
            attempts=task.with_attempt(attempt),
        ),
    )
    return Step("deliver")


def _gave_up(ports: Ports, task: Task, said: JobFailed) -> Step:
    """The job failed; where that cost nothing, the next provider may try."""
    now = ports.clock.now()
    failure = Failure(said.code, said.sentence, "Try again, or name another provider.")
    attempt = replace(
        task.paying, outcome="failed", charged=said.charged, ended_at=now, failure=failure
    )
    attempts = task.with_attempt(attempt)
    if said.charged == "no" and next_choice(replace(task, attempts=attempts)):
        # The job's deadline was its own; the one for being submitted counts from the start.
        deadline = task.created_at + timedelta(seconds=ports.policy.queue_s)
        queued = task.moved("queued", now, attempts=attempts, waits=0, deadline=deadline)
        ports.tasks.replace(task, queued)
        return Step("submit")
    end(ports, task, Ending("failed", failure), attempts=attempts)
    return Step("fail")
