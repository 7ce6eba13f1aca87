"""Whoever waits says why; nobody waits for what is there, or fails for what is nobody's fault."""

from collections.abc import Iterator
from typing import Final

from darkroom.domain.task import Task
from darkroom.ports import Step
from tests.simulation.accounts import BLOCKED

SPEECHLESS_S: Final = 60
"""Whoever is sent away for longer has a reason that people can read."""
AWAITED_S: Final = 3600
"""So long after a file came nobody waits for it any more."""
MAX_PAUSE_S: Final = 300 + 60
"""A blocked account is tried again after this at the latest, with the time that a probe has."""


def missing_reason(task: Task, said: Step, *, pending: bool, now: float) -> str | None:
    """What is wrong with how a task was sent away, if anything is.

    Args:
        task: as it is stored.
        said: what its door answered.
        pending: whether its provider said last that its job is at work, which is reason enough.
        now: seconds since 1970.
    """
    if said.next in ("done", "fail") or said.wait_s < SPEECHLESS_S:
        return None
    if task.finished or task.ending is not None or task.wait_reason:
        return None
    if task.state == "running" and pending:
        return None
    if task.in_doubt:
        # A call that is under way, or what made it doubtful.
        under_way = task.last_attempt.call_until.timestamp() > now and not task.last_attempt.replays
        if under_way or task.last_attempt.failure is not None:
            return None
    return f"{task.task_id} is {task.state} for {said.wait_s} s more and does not say why"


def blamed(task: Task) -> Iterator[str]:
    """A blocked account is nobody's fault: no task ends for it, and none goes elsewhere."""
    code = task.ending.failure.code if task.ending else ""
    if code in BLOCKED:
        yield f"{task.task_id} ended {task.state} for its provider's account: {code}"
    for attempt in task.attempts:
        blocked = attempt.failure is not None and attempt.failure.code in BLOCKED
        if blocked and attempt.outcome in ("refused", "failed", "lost"):
            yield f"{task.task_id} takes a blocked account for {attempt.outcome}: {attempt.number}"


def moved_on(old: Task, new: Task) -> str | None:
    """What is wrong with a task's next attempt after one that its provider's account held up."""
    if not (old.attempts and new.attempts):
        return None
    before, now = old.last_attempt, new.last_attempt
    blocked = before.failure is not None and before.failure.code in BLOCKED
    if blocked and before.outcome == "throttled" and before.provider != now.provider:
        return f"{new.task_id} left {before.provider} for {now.provider} for want of an account"
    return None
