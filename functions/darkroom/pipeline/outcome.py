"""Write down what came of a paid call: accepted, or clearly refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from darkroom.attempt import Attempt, Finished
from darkroom.errors import AccountBlocked, Conflict, DarkroomError, OwnTrouble, Throttled
from darkroom.pace import FIRST_PAUSE_S, MOST_BLOCKED_S
from darkroom.pipeline.answers import keep_answer
from darkroom.pipeline.attempts import next_choice, price_of
from darkroom.pipeline.fail import end
from darkroom.pipeline.patience import MOST_WAIT_S, growing_wait_s, poll_wait_s
from darkroom.pipeline.trouble import told
from darkroom.ports import Ports, Step
from darkroom.routes import Route
from darkroom.task import Ending, Task
from darkroom.work import Accepted

SOON = 200
"""How often in a row an account that is blocked is tried soon again: for about five hours."""
UNREACHED_LIMIT = 8
"""How often in a row a provider may be out of reach: 11 to 15 minutes with the waits between."""


def accepted(ports: Ports, task: Task, route: Route, said: Accepted | Finished) -> Step:
    """The one write between the paid answer and safety."""
    now = ports.clock.now()
    paid = replace(
        task.paying,
        outcome="accepted",
        request=None,
        accepted_at=now,
        charged="yes",
        credits=said.credits if said.credits is not None else price_of(task, route),
    )
    if isinstance(said, Accepted):
        attempt = replace(paid, job_id=said.job_id)
        deadline = now + timedelta(seconds=route.job_s)
        _safe(
            ports,
            task,
            lambda fresh: fresh.moved(
                "running",
                now,
                attempts=fresh.with_attempt(attempt),
                deadline=deadline,
                ending=_still_wanted(fresh),
                waits=0,
            ),
        )
        return Step("poll", poll_wait_s(route, 0))
    attempt = keep_answer(ports, task, replace(paid, ended_at=now), said)
    _safe(
        ports,
        task,
        lambda fresh: fresh.moved(
            "delivering",
            now,
            attempts=fresh.with_attempt(attempt),
            ending=_still_wanted(fresh),
            waits=0,
        ),
    )
    return Step("deliver")


def _safe(ports: Ports, task: Task, change: Callable[[Task], Task]) -> Task:
    """Write what the paid call brought, over whatever else changed in the task meanwhile."""
    while True:
        try:
            return ports.tasks.replace(task, change(task))
        except Conflict:
            fresh = ports.tasks.get(task.task_id)
            if fresh is None or fresh.state != "submitting" or _moved_on(fresh, task):
                raise
            task = fresh


def _still_wanted(task: Task) -> Ending | None:
    """The task's ending where a person cancelled it; that the call is unknown is over with."""
    return task.ending if task.ending and task.ending.status == "cancelled" else None


def _moved_on(fresh: Task, task: Task) -> bool:
    """Whether the attempt was given up meanwhile and another one has begun."""
    return fresh.paying.number != task.paying.number


def refused(ports: Ports, task: Task, attempt: Attempt, error: DarkroomError) -> Step:
    """Nothing was accepted and nothing paid: come back later, go elsewhere, or give up.

    Args:
        ports: the outside.
        task: `queued` when a free call before the paid one was refused, else `submitting`.
        attempt: the one that was refused.
        error: why.
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
    try:
        return _refused(ports, task, closed, error)
    except Conflict:
        if not task.in_doubt:
            raise  # of a free call: whoever wrote first goes on
        # Somebody cancelled it meanwhile; that nothing was paid must be known all the same.
        now = ports.clock.now()
        _safe(
            ports,
            task,
            lambda fresh: replace(fresh, attempts=fresh.with_attempt(closed), updated_at=now),
        )
        return Step("fail")


def _refused(ports: Ports, task: Task, closed: Attempt, error: DarkroomError) -> Step:
    attempts = task.with_attempt(closed)
    if closed.outcome == "throttled":
        waits, unreached = task.waits + 1, _unreached(task, error)
        reason = error.failure.sentence
        if isinstance(error, AccountBlocked):
            reason = f"{closed.provider} is paused: {told(error)}"
        requeue(ports, task, attempts, waits=waits, unreached=unreached, wait_reason=reason)
        if isinstance(error, AccountBlocked):
            return Step("submit", _wait_for_people(task, waits))
        asked_s = error.retry_after_s if isinstance(error, Throttled) else None
        return Step("submit", _wait(task, waits, asked_s))
    if next_choice(replace(task, attempts=attempts)):
        requeue(ports, task, attempts)
        return Step("submit")
    end(ports, task, Ending("failed", error.failure), attempts=attempts)
    return Step("fail")


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
    )
    ports.tasks.replace(task, queued)


def _wait_for_people(task: Task, waits: int) -> int:
    """Whole seconds until an account is tried that somebody has to put right: as its pauses.

    After hours of that it is tried less often, so that the run's history holds days of it.
    """
    spread = int(task.task_id[:4], 16) / 0x10000
    most_s = MOST_BLOCKED_S if waits <= SOON else MOST_WAIT_S
    return int(min(most_s, FIRST_PAUSE_S * 2 ** min(waits - 1, 10)) + 1 + spread * 5)


def _wait(task: Task, waits: int, asked_s: int | None) -> int:
    """Whole seconds to wait: at least what was asked for, else doubling; spread by task."""
    spread = int(task.task_id[:4], 16) / 0x10000
    if asked_s is not None:
        # Who asks for one second a hundred thousand times would outgrow the workflow's history.
        return max(1, asked_s, min(MOST_WAIT_S, waits // 4)) + int(spread * min(asked_s, 30))
    return max(1, int(growing_wait_s(waits) * (0.75 + spread / 4)))
