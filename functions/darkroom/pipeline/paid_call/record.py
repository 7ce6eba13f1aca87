"""Write down what came of a paid call: accepted, or clearly refused."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.errors import (
    AccountBlocked,
    Conflict,
    DarkroomError,
    Failure,
    OwnTrouble,
    Throttled,
)
from darkroom.domain.provider_jobs import Accepted
from darkroom.domain.rate_limits import FIRST_PAUSE_S, MAX_BLOCKED_S
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.backoff import MAX_WAIT_S, growing_wait_s, poll_wait_s
from darkroom.pipeline.admission.trouble import told
from darkroom.pipeline.endings.decide import end
from darkroom.pipeline.endings.next_steps import pay_again_for_it
from darkroom.pipeline.paid_call.plan import as_paid, next_choice, price_of
from darkroom.pipeline.paid_call.write_answer import (
    keep_paid_answer,
    reread,
    write_paid,
    write_unpaid,
)
from darkroom.ports import Ports, Step

SOON = 200
"""How often in a row an account that is blocked is tried soon again: for about five hours."""
UNREACHED_LIMIT = 8
"""How often in a row a provider may be out of reach: 11 to 15 minutes with the waits between."""


def accepted(
    ports: Ports,
    task: Task,
    route: Route,
    said: Accepted | Finished,
    time_left_s: Callable[[], float] = lambda: math.inf,
    *,
    kept: bool = False,
) -> Step:
    """The one write between the paid answer and safety.

    Args:
        ports: the outside.
        task: `submitting`, its attempt open.
        route: the attempt's.
        said: what the provider answered.
        time_left_s: how long this process may still live, seconds; so long the write is tried.
        kept: whether it came long ago and lay beside the table, perhaps under another key.

    Raises:
        Conflict: the task went on without this attempt.
        Busy: neither of our stores takes the answer, or only one that SUBMIT has to look into.
    """
    now = ports.clock.now()
    account = task.paying.account if kept else _account(ports, task.paying)
    paid = as_paid(replace(task.paying, account=account), said, now, _price(task, route))
    if isinstance(said, Accepted):
        deadline = now + timedelta(seconds=route.job_s)
        running = write_paid(
            ports,
            task,
            said,
            lambda fresh: fresh.moved(
                "running",
                now,
                attempts=fresh.with_attempt(replace(paid, run=fresh.paying.run)),
                deadline=deadline,
                wait_reason=None,
                ending=_still_wanted(fresh),
                waits=0,
            ),
            time_left_s,
        )
        return _claimed(ports, running) or Step("poll", poll_wait_s(route, 0))
    attempt = keep_paid_answer(ports, task, replace(paid, ended_at=now), said, time_left_s)
    write_paid(
        ports,
        task,
        said,
        lambda fresh: fresh.moved(
            "delivering",
            now,
            attempts=fresh.with_attempt(replace(attempt, run=fresh.paying.run)),
            wait_reason=None,
            ending=_still_wanted(fresh),
            waits=0,
        ),
        time_left_s,
    )
    return Step("deliver")


def _price(task: Task, route: Route) -> float | None:
    """What the price table says; a price that cannot be told must not cost the answer."""
    with suppress(Exception):
        return price_of(task, route)
    return None


def with_account(ports: Ports, task: Task) -> Task:
    """The task, not yet written, whose attempt names the account that was called in the end."""
    attempt = replace(task.paying, account=_account(ports, task.paying))
    return replace(task, attempts=task.with_attempt(attempt))


def _account(ports: Ports, attempt: Attempt) -> str | None:
    """The account that took the call: a key that is refused is read again while it is made."""
    with suppress(Exception):
        return ports.providers.account(attempt.provider)
    return attempt.account


def hold_claimed_job(ports: Ports, task: Task) -> Step:
    """End a task whose job is another attempt's: whose picture it makes, a person has to see."""
    provider, job_id = task.paying.provider, task.paying.job_id
    failure = Failure(
        "job-claimed",
        f"{provider} named job {job_id} for this call, and for an earlier one, too; its result may "
        "be the other one's.",
        f"Look at the job on the {provider} dashboard; {pay_again_for_it(task)} makes a new paid "
        "call.",
    )
    doubtful = task.with_attempt(
        replace(task.paying, outcome="failed", charged="unknown", failure=failure)
    )
    end(ports, task, Ending("unknown", failure), attempts=doubtful)
    return Step("fail")


def owns_job(ports: Ports, task: Task) -> bool:
    """Whether the running task's job belongs to its attempt, and to no other."""
    attempt = task.paying
    job_id = attempt.job_id or ""
    return ports.tasks.claim_job(attempt.provider, job_id, task.task_id, attempt.number)


def _claimed(ports: Ports, task: Task) -> Step | None:
    """Where to go when the job is another's. POLL asks again before it takes any results."""
    with suppress(Exception):  # the job's id is safe, and that is what counts here
        if not owns_job(ports, task):
            return hold_claimed_job(ports, task)
    return None


def _still_wanted(task: Task) -> Ending | None:
    """The task's ending where a person cancelled it; that the call is unknown is over with."""
    return task.ending if task.ending and task.ending.status == "cancelled" else None


def refused(
    ports: Ports,
    task: Task,
    attempt: Attempt,
    error: DarkroomError,
    time_left_s: Callable[[], float] = lambda: math.inf,
) -> Step:
    """Nothing was accepted and nothing paid: come back later, go elsewhere, or give up.

    Args:
        ports: the outside.
        task: `queued` when a free call before the paid one was refused, else `submitting`.
        attempt: the one that was refused.
        error: why.
        time_left_s: how long this process may still live, seconds; so long the write is tried.
    """
    later = error.repeatable and _unreached(task, error) <= UNREACHED_LIMIT
    if error.failure.code == "not-set-up":
        # Nobody was asked: whoever else may do it does so at once.
        later = not _others(task, attempt)
    closed = replace(
        attempt,
        outcome="throttled" if later else "refused",
        request=None,
        ended_at=ports.clock.now(),
        failure=error.failure,
    )
    if not task.in_doubt:
        return _refused(ports, task, closed, error)

    def write() -> Step:
        nonlocal task
        while True:
            try:
                return _refused(ports, task, closed, error)
            except Conflict:
                # It was cancelled, or given to another run: that it cost nothing is known all the
                # same, and whoever goes on with it goes on from there.
                fresh = reread(ports, task)
                if fresh is not None and _holds(fresh, closed):
                    return _step_after(task, closed, error)  # only the answer was lost
                task = _still_open(fresh, task)

    return write_unpaid(ports, write, time_left_s)


def go_on(ports: Ports, task: Task) -> Step:
    """Take a task on whose attempt is closed though it still stands in front of its call."""
    attempt = task.paying
    if attempt.outcome == "throttled" or next_choice(task):
        waits, why = task.waits + 1, attempt.failure
        requeue(ports, task, task.attempts, waits=waits, wait_reason=why.sentence if why else None)
        return Step("submit", _wait(task, waits, None))
    failure = attempt.failure or Failure("provider-refused", f"{attempt.provider} refused it.")
    end(ports, task, Ending("failed", failure))
    return Step("fail")


def _holds(task: Task, closed: Attempt) -> bool:
    """Whether the refusal is written down already."""
    return any((a.number, a.ended_at) == (closed.number, closed.ended_at) for a in task.attempts)


def _still_open(fresh: Task | None, task: Task) -> Task:
    """The task as it is stored, whose attempt nobody has closed. Raises `Conflict` otherwise."""
    if fresh is None or not fresh.in_doubt or fresh.paying.number != task.paying.number:
        raise Conflict(f"Task {task.task_id} went on without its attempt {task.paying.number}.")
    return fresh


def _refused(ports: Ports, task: Task, closed: Attempt, error: DarkroomError) -> Step:
    """Write the closed attempt down, and where the task goes from there."""
    attempts = task.with_attempt(closed)
    step = _step_after(task, closed, error)
    if task.ending is not None:
        # Somebody cancelled it meanwhile.
        ports.tasks.replace(task, replace(task, attempts=attempts, updated_at=ports.clock.now()))
    elif closed.outcome == "throttled":
        reason = error.failure.sentence
        if isinstance(error, AccountBlocked):
            reason = f"{closed.provider} is paused: {told(error)}"
        waits, unreached = task.waits + 1, _unreached(task, error)
        requeue(ports, task, attempts, waits=waits, unreached=unreached, wait_reason=reason)
    elif step.next == "submit":
        requeue(ports, task, attempts)
    else:
        end(ports, task, Ending("failed", error.failure), attempts=attempts)
    return step


def _step_after(task: Task, closed: Attempt, error: DarkroomError) -> Step:
    """Where the task goes after this refusal."""
    if task.ending is not None:
        return Step("fail")
    if closed.outcome == "throttled":
        waits = task.waits + 1
        if isinstance(error, AccountBlocked):
            return Step("submit", _wait_for_people(task, waits))
        asked_s = error.retry_after_s if isinstance(error, Throttled) else None
        return Step("submit", _wait(task, waits, asked_s))
    left = next_choice(replace(task, attempts=task.with_attempt(closed)))
    return Step("submit" if left else "fail")


def _unreached(task: Task, error: DarkroomError) -> int:
    return 0 if isinstance(error, Throttled | OwnTrouble) else task.unreached + 1


def _others(task: Task, attempt: Attempt) -> bool:
    """Whether another provider is left for the task."""
    refused_by = task.with_attempt(replace(attempt, outcome="refused"))
    return next_choice(replace(task, attempts=refused_by)) is not None


def requeue(
    ports: Ports,
    task: Task,
    attempts: tuple[Attempt, ...],
    *,
    waits: int = 0,
    unreached: int = 0,
    wait_reason: str | None = None,
) -> None:
    """Put the task back in front of SUBMIT, with the reason why it stands still, if it does."""
    queued = task.moved(
        "queued",
        ports.clock.now(),
        attempts=attempts,
        waits=waits,
        unreached=unreached,
        wait_reason=wait_reason,
        slot=None,
    )
    ports.tasks.replace(task, queued)


def _wait_for_people(task: Task, waits: int) -> int:
    """Whole seconds until an account is tried that somebody has to put right: as its pauses.

    After hours of that it is tried less often, so that the run's history holds days of it.
    """
    spread = int(task.task_id[:4], 16) / 0x10000
    most_s = MAX_BLOCKED_S if waits <= SOON else MAX_WAIT_S
    return int(min(most_s, FIRST_PAUSE_S * 2 ** min(waits - 1, 10)) + 1 + spread * 5)


def _wait(task: Task, waits: int, asked_s: int | None) -> int:
    """Whole seconds to wait: at least what was asked for, else doubling; spread by task."""
    spread = int(task.task_id[:4], 16) / 0x10000
    if asked_s is not None:
        # Who asks for one second a hundred thousand times would outgrow the workflow's history.
        return max(1, asked_s, min(MAX_WAIT_S, waits // 4)) + int(spread * min(asked_s, 30))
    return max(1, int(growing_wait_s(waits) * (0.75 + spread / 4)))
