"""Record a job that failed, or that its provider does not know any more.

it failed                      ──▶ uncharged: the next provider; else the task fails
for lack of credits, uncharged ──▶ the same provider again, once there are credits
it is not known                ──▶ poll again, `UNKNOWN_JOB_LIMIT` times in a row
not known, not polled in time  ──▶ lost without a charge: the same provider again, later
not known, though it was done  ──▶ its result may still be at its URL
not known under another key    ──▶ wait for the old key
"""

from dataclasses import replace
from datetime import datetime, timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.circuit_state import NO_CREDITS
from darkroom.domain.errors import AccountBlocked, Failure
from darkroom.domain.provider_jobs import JobFailed
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.backoff import MAX_BACKOFF_S, backoff_s, poll_interval_s
from darkroom.pipeline.admission.circuit import record_failure
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.endings.next_steps import (
    fetch_again_step,
    next_step_after,
    next_step_for_damaged,
    retry_command,
)
from darkroom.pipeline.paid_call.plan import (
    account_changed,
    account_changed_reason,
    choice_elsewhere,
    next_choice,
    submit_deadline,
    with_every_reason,
)
from darkroom.pipeline.paid_call.saved_answer import load_answer
from darkroom.ports import Ports, Step

UNKNOWN_JOB_LIMIT = 4
"""How often in a row a provider must report that it does not know the job: over half a minute,
because some list a job only some time after they accepted it."""
LOST_JOB_WAITS_S = (15, 300)
"""Seconds before the second and the third attempt after a lost job. The last is longer than the
longest documented window of a rate limit, which may be what prevented the polls."""


def record_unknown_job(ports: Ports, task: Task, route: Route, lost: JobFailed) -> Step:
    """The provider does not know the job: poll again, and in the end believe it, with care.

    Under another account's key it means nothing. And the job cost nothing only if it was not polled
    for so long that the provider drops it; otherwise its outcome is unknown.
    """
    now = ports.clock.now()
    attempt = replace(task.last_attempt, unknown_since=task.last_attempt.unknown_since or now)
    attempts = task.with_attempt(attempt)
    if account_changed(ports, attempt):
        if now >= task.deadline:
            return _end_other_account(ports, task)
        reason = account_changed_reason(attempt)
        if (task.wait_reason, task.last_attempt) != (reason, attempt):
            waiting = task.with_state("running", now, attempts=attempts, wait_reason=reason)
            ports.tasks.replace(task, waiting)
        return Step("poll", MAX_BACKOFF_S)
    if task.waits + 1 < UNKNOWN_JOB_LIMIT:
        waits = task.waits + 1
        ports.tasks.replace(task, task.with_state("running", now, attempts=attempts, waits=waits))
        wait_s = backoff_s(waits)
        if route.max_poll_gap_s is not None:
            wait_s = poll_interval_s(route, 0, wait_s)
        return Step("poll", wait_s)
    if task.gone or task.last_attempt.asked_since:
        return _job_expired(ports, task)
    if lost.charged == "no" and not _poll_gap_exceeded(attempt, route):
        lost = replace(lost, charged="unknown")
    return record_failed_job(ports, task, lost)


def _poll_gap_exceeded(attempt: Attempt, route: Route) -> bool:
    """Whether the job was not polled for so long that its provider drops it."""
    if route.max_poll_gap_s is None:
        return True
    seen = attempt.seen_at or attempt.accepted_at
    if seen is None or attempt.unknown_since is None:
        return False
    accepted_at = attempt.accepted_at or seen
    found_late = attempt.replays > 0 or accepted_at > _call_answered_by(attempt, route)
    if attempt.seen_at is None and found_late:
        seen = attempt.started_at  # the job may have existed, unpolled, since then
    return (attempt.unknown_since - seen).total_seconds() > route.max_poll_gap_s


def _call_answered_by(attempt: Attempt, route: Route) -> datetime:
    """Until when the answer of the call itself may have arrived."""
    return attempt.started_at + timedelta(seconds=route.call_s)


def record_failed_job(ports: Ports, task: Task, failed: JobFailed) -> Step:
    """The job failed; if that cost nothing, the next provider may try.

    A job that was lost without a charge may be made again by the same one.
    """
    if task.gone and failed.charged != "no":  # it was done, and has expired since
        return _job_expired(ports, task)
    now = ports.clock.now()
    if failed.code == NO_CREDITS and failed.charged == "no" and task.ending is None:
        return _queue_again(ports, task, failed)
    not_known = failed.code == "job-lost"
    lost = not_known and failed.charged == "no"
    next_step = next_step_for_damaged(failed.code) or next_step_after(task, failed.charged)
    failure = Failure(failed.code, failed.sentence, next_step)
    attempt = replace(
        task.last_attempt,
        # A job that is not known may have been done, unless it is certain that it cost nothing.
        outcome="lost" if lost else "given-up" if not_known else "failed",
        charged=failed.charged,
        ended_at=now,
        failure=failure,
    )
    attempts = task.with_attempt(attempt)
    following = next_choice(replace(task, attempts=attempts))
    if failed.charged == "no" and following:
        # The job's deadline no longer applies.
        deadline = submit_deadline(ports, task)
        again = lost and following.provider == attempt.provider
        reason = f"the job is made again: {failure.sentence}" if again else None
        queued = task.with_state(
            "queued", now, attempts=attempts, waits=0, deadline=deadline, wait_reason=reason
        )
        ports.tasks.replace(task, queued)
        times = sum(1 for one in attempts if one.outcome == "lost")
        wait_s = LOST_JOB_WAITS_S[min(times, len(LOST_JOB_WAITS_S)) - 1] if again else 0
        return Step("submit", wait_s)
    failure = with_every_reason(task, attempts, failure)
    decide_ending(ports, task, Ending("failed", failure), attempts=attempts)
    return Step("fail")


def _queue_again(ports: Ports, task: Task, failed: JobFailed) -> Step:
    """The account was too empty for the job, which cost nothing: it waits as a refused call does.

    Its attempt is replaced by the next one, so that a task that waits for days does not grow.
    """
    now = ports.clock.now()
    failure = Failure(failed.code, failed.sentence)
    elsewhere = choice_elsewhere(task, task.last_attempt.provider)
    attempt = replace(
        task.last_attempt,
        outcome="failed" if elsewhere else "throttled",
        charged="no",
        ended_at=now,
        failure=failure,
    )
    queued = task.with_state(
        "queued",
        now,
        attempts=task.with_attempt(attempt),
        waits=0,
        deadline=submit_deadline(ports, task),
        wait_reason=None if elsewhere else f"{attempt.provider} is paused: {failure.sentence}",
    )
    ports.tasks.replace(task, queued)
    error = AccountBlocked(failed.code, failed.sentence)
    record_failure(ports, attempt.provider, error)
    return Step("submit", 0 if elsewhere else 1)


def _end_other_account(ports: Ports, task: Task) -> Step:
    provider = task.last_attempt.provider
    failure = Failure(
        "other-account",
        f"{provider} took job {task.last_attempt.job_id} under a key that was replaced since, and "
        "does not know it under the new one.",
        f"Put the old key back, then run {retry_command(task)} to fetch what has been paid for.",
    )
    attempts = task.with_attempt(replace(task.last_attempt, charged="unknown"))
    decide_ending(ports, task, Ending("unknown", failure), attempts=attempts)
    return Step("fail")


def _job_expired(ports: Ports, task: Task) -> Step:
    """The job was paid for and no longer exists; its result may still be at its URL."""
    if isinstance(load_answer(ports, task, task.last_attempt), Finished):
        now = ports.clock.now()
        attempts = task.with_attempt(replace(task.last_attempt, ended_at=now))
        found = task.with_state("delivering", now, attempts=attempts, waits=0, results=())
        ports.tasks.replace(task, found)
        return Step("deliver")
    provider = task.last_attempt.provider
    failure = Failure(
        "result-gone",
        f"{provider} took the job, but neither its result nor the job can be found any more.",
        fetch_again_step(task),
    )
    decide_ending(ports, task, Ending("failed", failure))
    return Step("fail")
