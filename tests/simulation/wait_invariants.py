"""Wait invariants: a waiting task gives its reason, and a blocked account fails no task."""

from collections.abc import Iterator
from typing import Final

from darkroom.domain.circuit_state import NO_CREDITS
from darkroom.domain.task import Task
from darkroom.ports import Step
from tests.simulation.accounts import BLOCKED_CODES

MAX_UNEXPLAINED_WAIT_S: Final = 60
"""A task that waits longer than this records a reason that users can read."""
MAX_RELEASE_S: Final = 3600
"""No task waits for a file that arrived longer ago than this."""
MAX_PAUSE_S: Final = 300 + 60
"""A blocked account is tried again after this at the latest, the time of a probe included."""


def missing_reason(task: Task, step: Step, *, pending: bool, now: float) -> str | None:
    """What is wrong with the wait that a function returned, or None.

    Args:
        task: as it is stored.
        step: the function's answer.
        pending: whether its job was pending at its last poll, or was just accepted, which is
            reason enough.
        now: seconds since 1970.
    """
    if step.next in ("done", "fail") or step.wait_s < MAX_UNEXPLAINED_WAIT_S:
        return None
    if task.finished or task.ending is not None or task.wait_reason or task.place:
        return None
    if task.state == "running" and pending:
        return None
    if task.in_doubt:
        # A call in progress, or what made it unclear.
        in_flight = task.last_attempt.call_until.timestamp() > now and not task.last_attempt.replays
        if in_flight or task.last_attempt.failure is not None:
            return None
    return f"{task.task_id} is {task.state} for {step.wait_s} s more and does not say why"


def find_account_blame(task: Task) -> Iterator[str]:
    """A blocked account fails no task, and sends none to another provider.

    An empty one does, if the spec agrees to any provider.
    """
    code = task.ending.failure.code if task.ending else ""
    if code in BLOCKED_CODES:
        yield f"{task.task_id} ended {task.state} because of its provider's account: {code}"
    for attempt in task.attempts:
        code = attempt.failure.code if attempt.failure else ""
        agreed = code == NO_CREDITS and task.resolved_order.leaves_empty
        if (
            code in BLOCKED_CODES
            and not agreed
            and attempt.outcome in ("refused", "failed", "lost")
        ):
            yield f"{task.task_id} records a blocked account as {attempt.outcome}"


def left_blocked_provider(old: Task, new: Task) -> str | None:
    """What is wrong with the attempt after one with a blocked account, or None.

    After a retry by a user the first choice is asked again.
    """
    if not (old.attempts and new.attempts) or old.last_attempt.run < new.since_run:
        return None
    before, now = old.last_attempt, new.last_attempt
    blocked = before.failure is not None and before.failure.code in BLOCKED_CODES
    if blocked and before.outcome == "throttled" and before.provider != now.provider:
        return (
            f"{new.task_id} left {before.provider} for {now.provider} because of a blocked account"
        )
    return None
