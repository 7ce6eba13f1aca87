"""Record a paid call that the provider accepted: the one write between the answer and safety."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.learned_waits import next_poll_s
from darkroom.pipeline.orders.price import learn_charge
from darkroom.pipeline.paid_call.job_owner import end_job_conflict, owns_job
from darkroom.pipeline.paid_call.plan import mark_paid, price_of
from darkroom.pipeline.paid_call.write_answer import store_paid_answer, write_acceptance
from darkroom.ports import Ports, Step


def record_accepted(
    ports: Ports,
    task: Task,
    route: Route,
    answer: Accepted | Finished,
    time_left_s: Callable[[], float] = lambda: math.inf,
    *,
    saved: bool = False,
) -> Step:
    """Store the answer of the paid call: the job's id, or the results themselves.

    Args:
        ports: the outside.
        task: `submitting`, its attempt open.
        route: the attempt's.
        answer: the provider's.
        time_left_s: how long this process may still run, seconds; the write is tried until then.
        saved: whether the answer came earlier and was read from the bucket; the key in use may
            have been replaced since.

    Raises:
        Conflict: the task went on without this attempt.
        Busy: neither of our stores takes the answer, or only the bucket does.
    """
    now = ports.clock.now()
    account = task.last_attempt.account if saved else _called_account(ports, task.last_attempt)
    paid = mark_paid(
        replace(task.last_attempt, account=account), answer, now, _known_price(task, route)
    )
    if isinstance(answer, Accepted):
        deadline = now + timedelta(seconds=route.job_s)
        running = write_acceptance(
            ports,
            task,
            answer,
            lambda fresh: fresh.with_state(
                "running",
                now,
                attempts=fresh.with_attempt(replace(paid, run=fresh.last_attempt.run)),
                deadline=deadline,
                wait_reason=None,
                ending=_cancellation(fresh),
                waits=0,
            ),
            time_left_s,
        )
        conflict = _check_job_owner(ports, running)
        if conflict is not None:
            return conflict
        learn_charge(ports, task, route, answer.credits)
        return Step("poll", next_poll_s(ports, route, 0))
    attempt = store_paid_answer(ports, task, replace(paid, ended_at=now), answer, time_left_s)
    write_acceptance(
        ports,
        task,
        answer,
        lambda fresh: fresh.with_state(
            "delivering",
            now,
            attempts=fresh.with_attempt(replace(attempt, run=fresh.last_attempt.run)),
            wait_reason=None,
            ending=_cancellation(fresh),
            waits=0,
        ),
        time_left_s,
    )
    learn_charge(ports, task, route, answer.credits)
    return Step("deliver")


def with_called_account(ports: Ports, task: Task) -> Task:
    """The task, not yet written, whose attempt names the account that was finally called."""
    attempt = replace(task.last_attempt, account=_called_account(ports, task.last_attempt))
    return replace(task, attempts=task.with_attempt(attempt))


def _called_account(ports: Ports, attempt: Attempt) -> str | None:
    """The account that took the call: a key that is refused is read again during the call."""
    with suppress(Exception):
        return ports.providers.called_account(attempt.provider)
    return attempt.account


def _known_price(task: Task, route: Route) -> float | None:
    """The price table's figure; an error in the table must not lose the answer."""
    with suppress(Exception):
        return price_of(task, route)
    return None


def _check_job_owner(ports: Ports, task: Task) -> Step | None:
    """Where to go when the job is another attempt's. POLL checks again before it takes results."""
    with suppress(Exception):  # the job's id is stored, and that is what counts here
        if not owns_job(ports, task):
            return end_job_conflict(ports, task)
    return None


def _cancellation(task: Task) -> Ending | None:
    """The ending of a task that a user cancelled; an ending as unknown no longer applies."""
    return task.ending if task.ending and task.ending.status == "cancelled" else None
