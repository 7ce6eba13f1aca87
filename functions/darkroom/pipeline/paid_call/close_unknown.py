"""Close an attempt whose outcome is unknown, and word the message about it."""

from dataclasses import replace

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Failure
from darkroom.domain.task import Task
from darkroom.pipeline.endings.next_steps import pay_again_command, write_off_command
from darkroom.pipeline.paid_call.plan import mark_paid, price_of, route_for
from darkroom.pipeline.paid_call.saved_answer import load_answer
from darkroom.ports import Ports


def apply_saved_answer(ports: Ports, task: Task) -> Attempt | None:
    """The open attempt with an answer that only the bucket has; None when there is none."""
    answer = load_answer(ports, task, task.last_attempt)
    if answer is None:
        return None
    return mark_paid(task.last_attempt, answer, ports.clock.now(), _price(ports, task))


def close_as_unknown(ports: Ports, task: Task, why: Failure) -> Attempt:
    """The task's open attempt, closed; it may have cost its price."""
    return replace(
        task.last_attempt,
        outcome="unknown",
        charged="unknown",
        request=None,
        ended_at=ports.clock.now(),
        failure=why,
        credits=_price(ports, task),
    )


def unknown_failure(task: Task, why: Failure) -> Failure:
    """The failure in the manifest, with the next step."""
    provider = task.last_attempt.provider
    return Failure(
        "unknown-outcome",
        f"It is not known whether {provider} accepted and charged this. {why.sentence}",
        f"Check the {provider} dashboard; if it was not done, {pay_again_command(task)} makes a "
        f"new paid call. {write_off_command(task)} ends it as it is, counted as charged.",
    )


def _price(ports: Ports, task: Task) -> float | None:
    try:
        return price_of(task, route_for(ports, task, task.last_attempt))
    except LookupError:
        return None  # a deployment removed the route
