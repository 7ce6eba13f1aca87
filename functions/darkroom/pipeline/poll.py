"""POLL: ask the provider for the job's status, and wait while it is not done."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from darkroom.domain.attempt import Finished
from darkroom.domain.errors import (
    AccountBlocked,
    Busy,
    Conflict,
    DarkroomError,
    Failure,
    NotSent,
    Throttled,
)
from darkroom.domain.measurements import Measurement
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.backoff import MIN_EXPLAINED_S
from darkroom.pipeline.admission.circuit import record_failure
from darkroom.pipeline.admission.error_cause import describe_error
from darkroom.pipeline.admission.learned_waits import learn_job_time, next_poll_s
from darkroom.pipeline.admission.load_for_step import load_for_step
from darkroom.pipeline.admission.turns import release_turn, reserve_call
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.endings.next_steps import next_step_after, retry_command
from darkroom.pipeline.orders.price import learn_charge
from darkroom.pipeline.paid_call.failed_job import record_failed_job, record_unknown_job
from darkroom.pipeline.paid_call.job_owner import end_job_conflict, owns_job
from darkroom.pipeline.paid_call.plan import (
    route_for,
)
from darkroom.pipeline.paid_call.saved_answer import store_answer
from darkroom.ports import Ports, Step

UNREACHABLE_FOR = timedelta(days=1)
"""How long after its deadline a job is kept whose provider cannot be reached."""
CLOCK_SLACK_S = 0.5
"""By how much the clocks of two processes may differ unnoticed."""


def poll(ports: Ports, task_id: str, run: int, waited_s: float | None = None) -> Step:
    """Take the task one step towards its job's end; free, and safe to call again.

    Args:
        ports: the outside.
        task_id: the task.
        run: the run that calls.
        waited_s: the wait that the step before has asked for, seconds; None where it is not known.
    """
    task = load_for_step(ports, task_id, run, "running")
    if isinstance(task, Step):
        return task
    try:
        return _poll_job(ports, task, waited_s)
    except Conflict:
        return Step("poll", 1)


def _poll_job(ports: Ports, task: Task, waited_s: float | None) -> Step:
    route = route_for(ports, task, task.last_attempt)
    # The polls of a job that must not be left alone were reserved with its paid call. A job whose
    # result is gone has ended, and is polled for a new URL.
    if route.max_poll_gap_s is None or task.gone:
        wait_s = reserve_call(ports, route.provider)
        if wait_s is not None:
            return _wait_for_call(ports, task, route, wait_s)
    else:
        wait_s = _wait_after_another(task, ports.clock.now(), waited_s)
        if wait_s is not None:
            return Step("poll", wait_s)
    ports.metrics.emit([Measurement("Polls", 1, dimensions={"provider": route.provider})])
    try:
        status = ports.providers.poll(route, task.last_attempt.job_id or "")
    except (Throttled, NotSent, Busy) as error:
        return _not_reached(ports, task, route, error)
    asked_at = ports.clock.now()
    step = _handle_status(ports, task, route, status)
    if step.next != "poll" and not isinstance(status, Pending):  # a job that is too slow is open
        release_turn(ports, task, route.provider)
    if step.next == "deliver":
        learn_job_time(ports, task, route, asked_at, waited_s)
    return step


def _wait_after_another(task: Task, now: datetime, waited_s: float | None) -> int | None:
    """How long to wait where another process polled the job during this one's wait; None if not.

    The workflow calls POLL again when an answer was lost, and the process that lost it may go on
    polling in place. The polls of such a route are reserved for one of them.
    """
    seen_at = task.last_attempt.seen_at
    if seen_at is None or waited_s is None:
        return None
    since_s = (now - seen_at).total_seconds()
    if not 0 <= since_s < waited_s - CLOCK_SLACK_S:  # a clock may be ahead of this one
        return None
    return math.ceil(waited_s - since_s)


def _handle_status(
    ports: Ports, task: Task, route: Route, status: Pending | Finished | JobFailed
) -> Step:
    match status:
        case Pending():
            return _job_pending(ports, _job_known(ports, task, route, status), route, status)
        case JobFailed(code="job-lost"):
            return record_unknown_job(ports, task, route, status)
        case Finished() | JobFailed() if not owns_job(ports, task):
            return end_job_conflict(ports, task)
        case Finished():
            step = _job_done(ports, task, status)
            learn_charge(ports, task, route, status.credits)
            return step
        case JobFailed():
            return record_failed_job(ports, task, status)


def _wait_for_call(ports: Ports, task: Task, route: Route, wait_s: int) -> Step:
    """Poll later, when a call is free; a long wait gets a reason, unless the task has one."""
    if wait_s >= MIN_EXPLAINED_S and task.wait_reason is None:
        reason = f"waits for its turn at {route.provider}"
        now = ports.clock.now()
        ports.tasks.replace(task, task.with_state("running", now, wait_reason=reason))
    return Step("poll", wait_s)


def _job_known(ports: Ports, task: Task, route: Route, status: Pending) -> Task:
    """The task, now that the provider has confirmed that it knows the job."""
    reason = _unknown_status_reason(route, status.note)
    now = ports.clock.now()
    attempt = replace(
        task.last_attempt,
        # An account that knows the job is the one that it was made with.
        account=ports.providers.called_account(route.provider)
        if task.last_attempt.account
        else None,
        unknown_since=None,
        seen_at=now if route.max_poll_gap_s is not None else None,
    )
    if attempt == task.last_attempt and not task.waits and task.wait_reason == reason:
        return task
    attempts = task.with_attempt(attempt)
    known = task.with_state("running", now, attempts=attempts, waits=0, wait_reason=reason)
    return ports.tasks.replace(task, known)


def _job_pending(ports: Ports, task: Task, route: Route, status: Pending) -> Step:
    """Poll again later, or give the job up."""
    now = ports.clock.now()
    if now < task.deadline:
        return Step(
            "poll", next_poll_s(ports, route, _elapsed_s(task, now), status.ask_again_s or 0)
        )
    failure = Failure(
        "job-too-slow",
        f"{route.provider} did not finish job {task.last_attempt.job_id} within {route.job_s:,} s.",
        next_step_after(task, "yes"),
    )
    decide_ending(ports, task, Ending("failed", failure))
    return Step("fail")


def _unknown_status_reason(route: Route, word: str) -> str | None:
    """Why the task still waits, where the provider reports a status that no table lists."""
    if not word:
        return None
    return f"{route.provider} reports the unknown status '{word}' for the job: it is polled again"


def _not_reached(ports: Ports, task: Task, route: Route, error: DarkroomError) -> Step:
    """The poll failed: the job is paid and may be done, so it is not given up for a day."""
    now = ports.clock.now()
    given_up_at = task.deadline + UNREACHABLE_FOR
    if isinstance(error, AccountBlocked):
        record_failure(ports, route.provider, error)
        given_up_at = task.deadline + timedelta(seconds=ports.limits.queue_s)
    if now < given_up_at:
        retry_after_s = error.retry_after_s if isinstance(error, Throttled) else None
        # Past the deadline, a job that must be polled often is lost already: no need to hurry.
        patient = route if now < task.deadline else replace(route, max_poll_gap_s=None)
        wait_s = next_poll_s(ports, patient, _elapsed_s(task, now), retry_after_s or 0)
        reason = f"{route.provider} cannot be asked about the job: {describe_error(error)}"
        explained = wait_s >= MIN_EXPLAINED_S or isinstance(error, AccountBlocked)
        if explained and task.wait_reason != reason:
            ports.tasks.replace(task, task.with_state("running", now, wait_reason=reason))
        return Step("poll", wait_s)
    provider = task.last_attempt.provider
    failure = Failure(
        "job-unreachable",
        f"{provider} took job {task.last_attempt.job_id} but could not be asked about it for a "
        f"day: {error.failure.sentence}",
        f"It has been paid for: run {retry_command(task)} once {provider} can be reached.",
    )
    decide_ending(ports, task, Ending("failed", failure))
    return Step("fail")


def _elapsed_s(task: Task, now: datetime) -> float:
    return (now - (task.last_attempt.accepted_at or now)).total_seconds()


def _job_done(ports: Ports, task: Task, answer: Finished) -> Step:
    now = ports.clock.now()
    attempt = replace(task.last_attempt, ended_at=now, charged="yes")
    if answer.credits is not None:
        attempt = replace(attempt, credits=answer.credits)
    attempt = store_answer(ports, task, attempt, answer)
    ports.tasks.replace(
        task,
        task.with_state(
            "delivering",
            now,
            attempts=task.with_attempt(attempt),
            waits=0,
            wait_reason=None,
        ),
    )
    return Step("deliver")
