"""Record a call that was clearly not accepted: the task waits, tries another provider, or fails."""

import math
from collections.abc import Callable
from dataclasses import replace

from darkroom.domain.attempt import Attempt
from darkroom.domain.circuit_state import NO_CREDITS
from darkroom.domain.errors import (
    AccountBlocked,
    Conflict,
    DarkroomError,
    Failure,
    OwnTrouble,
    Throttled,
)
from darkroom.domain.routes import Route
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.admission.error_cause import describe_error
from darkroom.pipeline.endings.decide import decide_ending
from darkroom.pipeline.paid_call.plan import (
    choice_elsewhere,
    next_attempt_number,
    next_choice,
    route_for,
    with_every_reason,
)
from darkroom.pipeline.paid_call.wait_after_refusal import throttled_wait_s, wait_after_s
from darkroom.pipeline.paid_call.write_answer import reread, write_refusal
from darkroom.ports import Ports, Step

PROVIDER_UNREACHED_LIMIT = 8
"""How often in a row a provider may be unreachable: 11 to 15 minutes with the waits between."""


def record_refused(
    ports: Ports,
    task: Task,
    attempt: Attempt,
    error: DarkroomError,
    time_left_s: Callable[[], float] = lambda: math.inf,
) -> Step:
    """Nothing was accepted and nothing paid: wait, try another provider, or give up.

    Args:
        ports: the outside.
        task: `queued` when a free call before the paid one was refused, else `submitting`.
        attempt: the one that was refused.
        error: why.
        time_left_s: how long this process may still run, seconds; the write is tried until then.
    """
    later = error.repeatable and _unreached_count(task, error) <= PROVIDER_UNREACHED_LIMIT
    if error.failure.code == "not-set-up":
        # No provider was called: if another one can do it, it is tried at once.
        later = not _has_other_provider(task, attempt)
    elif error.failure.code == NO_CREDITS:
        later = later and choice_elsewhere(task, attempt.provider) is None
    closed = replace(
        attempt,
        outcome="throttled" if later else "refused",
        request=None,
        ended_at=ports.clock.now(),
        failure=error.failure,
    )
    if not task.in_doubt:
        return _record_closed(ports, task, closed, error)

    def write() -> Step:
        nonlocal task
        while True:
            try:
                return _record_closed(ports, task, closed, error)
            except Conflict:
                # The task was cancelled, or given to another run. That the call cost nothing is
                # recorded anyway, and the next step continues from there.
                fresh = reread(ports, task)
                if fresh is not None and _is_recorded(fresh, closed):
                    return _step_after(task, closed, error)  # only the table's answer was lost
                task = _require_open(ports, fresh, closed)

    return write_refusal(ports, write, time_left_s)


def leave_empty_account(ports: Ports, task: Task, route: Route) -> Step | None:
    """Let a task go on that may not call a provider whose account is empty: nothing was called.

    Args:
        ports: the outside.
        task: `queued`, without a turn.
        route: of the provider that it would call.

    Returns:
        The next step, at its next choice; None if it waits: the account is not empty, its spec
        agrees to no other provider, or none is left.

    Raises:
        Conflict: another step changed the task first.
    """
    if choice_elsewhere(task, route.provider) is None:
        return None
    circuit = ports.limiter.circuit(route.provider)
    if circuit.empty_since is None:
        return None
    now = ports.clock.now()
    left = Attempt(
        next_attempt_number(task),
        route.provider,
        route.model,
        now,
        now,
        run=task.run,
        outcome="refused",
        ended_at=now,
        failure=Failure(NO_CREDITS, f"{route.provider} was not called: {circuit.reason}"),
    )
    requeue(ports, task, task.with_attempt(left))
    return Step("submit")


def continue_closed(ports: Ports, task: Task) -> Step:
    """Take a task on whose attempt is closed though the task is still `submitting`."""
    attempt = task.last_attempt
    if attempt.outcome == "throttled" or next_choice(task):
        waits, why = task.waits + 1, attempt.failure
        requeue(ports, task, task.attempts, waits=waits, wait_reason=why.sentence if why else None)
        return Step("submit", throttled_wait_s(task, waits, None))
    failure = attempt.failure or Failure("provider-refused", f"{attempt.provider} refused it.")
    failure = with_every_reason(task, task.attempts, failure)
    decide_ending(ports, task, Ending("failed", failure))
    return Step("fail")


def requeue(
    ports: Ports,
    task: Task,
    attempts: tuple[Attempt, ...],
    *,
    waits: int = 0,
    unreached: int = 0,
    wait_reason: str | None = None,
) -> None:
    """Queue the task for SUBMIT again, with the reason if it waits."""
    queued = task.with_state(
        "queued",
        ports.clock.now(),
        attempts=attempts,
        waits=waits,
        unreached=unreached,
        wait_reason=wait_reason,
        place=None,
    )
    ports.tasks.replace(task, queued)


def _is_recorded(task: Task, closed: Attempt) -> bool:
    """Whether the refusal is stored already."""
    return any((a.number, a.ended_at) == (closed.number, closed.ended_at) for a in task.attempts)


def _require_open(ports: Ports, fresh: Task | None, closed: Attempt) -> Task:
    """The stored task, if its attempt is still open and the refusal is about all its calls.

    Another process may have sent the same request again since. That call may be accepted, whatever
    answer this one got.

    Raises:
        Conflict: the task went on without the attempt, or its call was repeated.
    """
    if fresh is None or not fresh.in_doubt or fresh.last_attempt.number != closed.number:
        raise Conflict(f"The task went on without its attempt {closed.number}.")
    repeated = fresh.last_attempt.replays > closed.replays
    if repeated and route_for(ports, fresh, closed).idempotency == "key":
        raise Conflict(f"The call of attempt {closed.number} was repeated.")
    return fresh


def _record_closed(ports: Ports, task: Task, closed: Attempt, error: DarkroomError) -> Step:
    """Store the closed attempt, and where the task goes from there."""
    attempts = task.with_attempt(closed)
    step = _step_after(task, closed, error)
    if task.ending is not None:
        # It was cancelled in the meantime.
        ports.tasks.replace(task, replace(task, attempts=attempts, updated_at=ports.clock.now()))
    elif closed.outcome == "throttled":
        reason = error.failure.sentence
        if isinstance(error, AccountBlocked):
            reason = f"{closed.provider} is paused: {describe_error(error)}"
        waits, unreached = task.waits + 1, _unreached_count(task, error)
        requeue(ports, task, attempts, waits=waits, unreached=unreached, wait_reason=reason)
    elif step.next == "submit":
        requeue(ports, task, attempts)
    else:
        failure = with_every_reason(task, attempts, error.failure)
        decide_ending(ports, task, Ending("failed", failure), attempts=attempts)
    return step


def _step_after(task: Task, closed: Attempt, error: DarkroomError) -> Step:
    """Where the task goes after this refusal."""
    if task.ending is not None:
        return Step("fail")
    if closed.outcome == "throttled":
        return Step("submit", wait_after_s(task, error))
    left = next_choice(replace(task, attempts=task.with_attempt(closed)))
    return Step("submit" if left else "fail")


def _unreached_count(task: Task, error: DarkroomError) -> int:
    """How often in a row the provider was unreachable, this time included."""
    return 0 if isinstance(error, Throttled | OwnTrouble) else task.unreached + 1


def _has_other_provider(task: Task, attempt: Attempt) -> bool:
    """Whether another provider is left for the task."""
    attempts = task.with_attempt(replace(attempt, outcome="refused"))
    return next_choice(replace(task, attempts=attempts)) is not None
