"""Settle a paid call whose fate is unclear, as its route allows.

key      send the very same request again; the provider knows it by its key
look-up  look for the job in the provider's list of past calls
none     nobody can tell: the spec's `on_unknown` decides
"""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.errors import DarkroomError, Failure, Throttled
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, EndStatus, Task
from darkroom.pipeline.admission.admit import take_slot
from darkroom.pipeline.admission.backoff import MAX_WAIT_S, growing_wait_s
from darkroom.pipeline.endings.decide import end
from darkroom.pipeline.paid_call.plan import (
    call_until,
    other_account,
    other_account_reason,
    route_for,
    work_for,
)
from darkroom.pipeline.paid_call.record import accepted, go_on, requeue
from darkroom.pipeline.paid_call.saved_answer import saved_answer
from darkroom.pipeline.paid_call.unknown import given_up, unknown_outcome
from darkroom.ports import Ports, Step

REPLAY_FOR = timedelta(hours=23)
"""Providers keep idempotency keys for 24 h (Apiframe's OpenAPI file); repeat only well inside."""
LOOK_FOR = timedelta(minutes=30)
"""A job that is in no list after this, or after the longest that it may take, is taken for unknown:
some are listed only at their end."""
FINDING_OUT = "what became of the paid call is being found out"
PAY_AGAIN_LIMIT = 5
"""How many attempts a spec with `on_unknown: retry` may make."""


def unclear(ports: Ports, task: Task, route: Route, why: Failure, at_least_s: int = 0) -> Step:
    """The paid call's fate is unknown. It is asked for again, or else a person decides.

    Args:
        ports: the outside.
        task: `submitting`, its attempt open.
        route: the attempt's.
        why: what made it doubtful.
        at_least_s: how long the provider asked to be left alone, seconds.
    """
    if route.idempotency != "none":
        wait_s = max(at_least_s, growing_wait_s(task.paying.replays + 1))
        until = ports.clock.now() + timedelta(seconds=wait_s)
        attempts = task.with_attempt(replace(task.paying, call_until=until, failure=why))
        reason = f"{FINDING_OUT}: {why.sentence}"
        waiting = task.moved("submitting", ports.clock.now(), attempts=attempts, wait_reason=reason)
        ports.tasks.replace(task, waiting)
        return Step("submit", wait_s)
    return _end_unknown(ports, task, why)


def settle(ports: Ports, task: Task, time_left_s: Callable[[], float] = lambda: math.inf) -> Step:
    """An open intent that nobody closed: wait for its caller, then find out or give up.

    An attempt whose outcome is known is left as it is, and the task goes on from there.
    """
    attempt = task.paying
    if attempt.outcome != "open":
        return go_on(ports, task)
    now = ports.clock.now()
    left_s = (attempt.call_until - now).total_seconds()
    if left_s > 0:
        return Step("submit", math.ceil(left_s))
    route = route_for(ports, task, attempt)
    saved = saved_answer(ports, task, attempt)
    if saved is not None:
        return accepted(ports, task, route, saved, time_left_s, kept=True)
    if now - (attempt.asked_since or attempt.started_at) > patience(attempt, route):
        return _end_unknown(ports, task, attempt.failure or _no_answer(attempt))
    if other_account(ports, attempt):
        return _wait_for_key(ports, task)
    return _find_out(ports, task, route, time_left_s)


def _wait_for_key(ports: Ports, task: Task) -> Step:
    """Under another account's key the call would be repeated as a new one, or never be found."""
    reason = other_account_reason(task.paying)
    if task.wait_reason != reason:
        waiting = task.moved("submitting", ports.clock.now(), wait_reason=reason)
        ports.tasks.replace(task, waiting)
    return Step("submit", MAX_WAIT_S)


def _find_out(ports: Ports, task: Task, route: Route, time_left_s: Callable[[], float]) -> Step:
    """Ask the provider what became of the call; once more later when that brings nothing."""
    attempt = task.paying
    turned = take_slot(ports, task, route, "submit")
    if turned is not None:
        if task.slot != turned.slot:
            reason = f"{FINDING_OUT}: it {turned.reason}"
            waiting = task.moved(
                "submitting", ports.clock.now(), slot=turned.slot, wait_reason=reason
            )
            ports.tasks.replace(task, waiting)
        return Step("submit", turned.wait_s)
    again = replace(attempt, replays=attempt.replays + 1, call_until=call_until(ports, route))
    task = ports.tasks.replace(
        task,
        task.moved(
            "submitting",
            ports.clock.now(),
            attempts=task.with_attempt(again),
            slot=None,
            wait_reason=FINDING_OUT,
        ),
    )
    work = work_for(task, route, attempt.number)
    try:
        if route.idempotency == "key":
            request = attempt.request or ""
            said: Accepted | Finished | None = ports.providers.repeat(work, request)
        else:
            said = ports.providers.look_up(work, attempt.started_at, attempt.replays)
    except DarkroomError as error:
        # The first sending may have been accepted all the same: a refusal is no proof, and what it
        # is about (a key, a purse) may be mended while the provider still knows the call.
        asked_s = error.retry_after_s if isinstance(error, Throttled) else None
        return unclear(ports, task, route, error.failure, asked_s or 0)
    if said is None:
        return unclear(ports, task, route, attempt.failure or _no_answer(attempt))
    return accepted(ports, task, route, said, time_left_s)


def patience(attempt: Attempt, route: Route) -> timedelta:
    """How long after a doubtful call it makes sense to ask what became of it."""
    match route.idempotency:
        case "key":
            return REPLAY_FOR if attempt.request else timedelta()
        case "look-up":
            return max(LOOK_FOR, timedelta(seconds=route.job_s))
        case "none":
            return timedelta()


def _no_answer(attempt: Attempt) -> Failure:
    return Failure("no-answer", f"{attempt.provider} did not answer, or its answer was lost.")


def _end_unknown(ports: Ports, task: Task, why: Failure) -> Step:
    """Settle a doubtful attempt as the spec's `on_unknown` says."""
    attempts = task.with_attempt(given_up(ports, task, why))
    wanted = task.ending is None
    if wanted and task.asked.on_unknown == "retry" and len(attempts) < PAY_AGAIN_LIMIT:
        requeue(ports, task, attempts)
        return Step("submit")
    status: EndStatus = "failed" if task.asked.on_unknown == "fail" else "unknown"
    end(ports, task, Ending(status, unknown_outcome(task, why)), attempts=attempts)
    return Step("fail")
