"""Settle a paid call whose outcome is unclear (reconcile it), as its route allows.

key      send the same request again; the provider recognizes it by its idempotency key
look-up  look for the job in the provider's list of past calls
none     there is no way to find out: the spec's `on_unknown` decides
"""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.errors import Conflict, DarkroomError, Failure, Throttled
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, EndStatus, Task
from darkroom.pipeline.admission.backoff import MAX_BACKOFF_S, MIN_EXPLAINED_S, backoff_s
from darkroom.pipeline.admission.turns import reserve_call
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.paid_call.close_unknown import close_as_unknown, unknown_failure
from darkroom.pipeline.paid_call.plan import (
    account_changed,
    account_changed_reason,
    build_job_request,
    call_deadline,
    route_for,
)
from darkroom.pipeline.paid_call.record_accepted import record_accepted
from darkroom.pipeline.paid_call.record_refused import continue_closed, requeue
from darkroom.pipeline.paid_call.saved_answer import load_answer
from darkroom.pipeline.paid_call.write_answer import reread
from darkroom.ports import Ports, Step

REPLAY_FOR = timedelta(hours=23)
"""Providers keep idempotency keys for 24 h (Apiframe's OpenAPI file); a request is repeated only
well within that."""
LOOK_UP_FOR = timedelta(minutes=30)
"""A job that is not listed after this, or after its longest duration, counts as unknown: some jobs
are listed only at their end."""
RECONCILING = "the outcome of the paid call is being looked up"
PAY_AGAIN_LIMIT = 5
"""How many attempts a spec with `on_unknown: retry` may make."""


def record_unclear(
    ports: Ports, task: Task, route: Route, why: Failure, at_least_s: int = 0
) -> Step:
    """The paid call's outcome is unknown: it is reconciled later, or else a person decides.

    Args:
        ports: the outside.
        task: `submitting`, its attempt open.
        route: the attempt's.
        why: the reason for the doubt.
        at_least_s: how long the provider asked us to wait, seconds.
    """
    if route.idempotency != "none":
        wait_s = max(at_least_s, backoff_s(task.last_attempt.replays + 1))
        try:
            _store_wait(ports, task, why, wait_s)
        except Conflict:
            # Another run has the task now, or it was cancelled. The wait holds for the next call.
            fresh = reread(ports, task)
            if fresh is None or not _waits_for(fresh, task.last_attempt):
                raise
            _store_wait(ports, fresh, why, wait_s)
        return Step("submit", wait_s)
    return _end_unknown(ports, task, why)


def _store_wait(ports: Ports, task: Task, why: Failure, wait_s: int) -> None:
    now = ports.clock.now()
    until = now + timedelta(seconds=wait_s)
    attempts = task.with_attempt(replace(task.last_attempt, call_until=until, failure=why))
    reason = f"{RECONCILING}: {why.sentence}"
    waiting = task.with_state("submitting", now, attempts=attempts, wait_reason=reason)
    ports.tasks.replace(task, waiting)


def _waits_for(task: Task, attempt: Attempt) -> bool:
    """Whether this call of this attempt is the last one, and its outcome is still unclear."""
    if not task.in_doubt:
        return False
    last = task.last_attempt
    return (last.number, last.replays) == (attempt.number, attempt.replays)


def settle(ports: Ports, task: Task, time_left_s: Callable[[], float] = lambda: math.inf) -> Step:
    """An open intent: wait until its call must have ended, then reconcile it or give up.

    An attempt whose outcome is known is left as it is, and the task goes on from there.
    """
    attempt = task.last_attempt
    if attempt.outcome != "open":
        return continue_closed(ports, task)
    now = ports.clock.now()
    left_s = (attempt.call_until - now).total_seconds()
    if left_s > 0:
        return Step("submit", math.ceil(left_s))
    route = route_for(ports, task, attempt)
    answer = load_answer(ports, task, attempt)
    if answer is not None:
        return record_accepted(ports, task, route, answer, time_left_s, saved=True)
    if now - (attempt.asked_since or attempt.started_at) > give_up_after(attempt, route):
        return _end_unknown(ports, task, attempt.failure or _no_answer(attempt))
    if account_changed(ports, attempt):
        return _wait_for_old_key(ports, task)
    return _reconcile(ports, task, route, time_left_s)


def _wait_for_old_key(ports: Ports, task: Task) -> Step:
    """Under another account's key the call would be repeated as a new one, or never be found."""
    reason = account_changed_reason(task.last_attempt)
    if task.wait_reason != reason:
        waiting = task.with_state("submitting", ports.clock.now(), wait_reason=reason)
        ports.tasks.replace(task, waiting)
    return Step("submit", MAX_BACKOFF_S)


def _reconcile(ports: Ports, task: Task, route: Route, time_left_s: Callable[[], float]) -> Step:
    """Ask the provider about the outcome of the call; ask again later if that finds nothing."""
    attempt = task.last_attempt
    wait_s = reserve_call(ports, route.provider)
    if wait_s is not None:
        reason = f"{RECONCILING}: it waits for its turn at {route.provider}"
        if wait_s >= MIN_EXPLAINED_S and task.wait_reason != reason:
            now = ports.clock.now()
            ports.tasks.replace(task, task.with_state("submitting", now, wait_reason=reason))
        return Step("submit", wait_s)
    again = replace(attempt, replays=attempt.replays + 1, call_until=call_deadline(ports, route))
    task = ports.tasks.replace(
        task,
        task.with_state(
            "submitting",
            ports.clock.now(),
            attempts=task.with_attempt(again),
            wait_reason=RECONCILING,
        ),
    )
    job_request = build_job_request(task, route, attempt.number)
    try:
        if route.idempotency == "key":
            request = attempt.request or ""
            answer: Accepted | Finished | None = ports.providers.repeat(job_request, request)
        else:
            answer = ports.providers.look_up(job_request, attempt.started_at, attempt.replays)
    except DarkroomError as error:
        # The first request may have been accepted in spite of this: a refusal proves nothing, and
        # its cause (a key, a balance) may be fixed while the provider still knows the call.
        retry_after_s = error.retry_after_s if isinstance(error, Throttled) else None
        return record_unclear(ports, task, route, error.failure, retry_after_s or 0)
    if answer is None:
        return record_unclear(ports, task, route, attempt.failure or _no_answer(attempt))
    return record_accepted(ports, task, route, answer, time_left_s)


def give_up_after(attempt: Attempt, route: Route) -> timedelta:
    """How long after an unclear call it is useful to ask about its outcome."""
    match route.idempotency:
        case "key":
            return REPLAY_FOR if attempt.request else timedelta()
        case "look-up":
            return max(LOOK_UP_FOR, timedelta(seconds=route.job_s))
        case "none":
            return timedelta()


def _no_answer(attempt: Attempt) -> Failure:
    return Failure("no-answer", f"{attempt.provider} did not answer, or its answer was lost.")


def _end_unknown(ports: Ports, task: Task, why: Failure) -> Step:
    """Close an attempt in doubt as the spec's `on_unknown` says."""
    attempts = task.with_attempt(close_as_unknown(ports, task, why))
    on_unknown = task.resolved_order.on_unknown
    if task.ending is None and on_unknown == "retry" and len(attempts) < PAY_AGAIN_LIMIT:
        requeue(ports, task, attempts)
        return Step("submit")
    status: EndStatus = "failed" if on_unknown == "fail" else "unknown"
    decide_ending(ports, task, Ending(status, unknown_failure(task, why)), attempts=attempts)
    return Step("fail")
