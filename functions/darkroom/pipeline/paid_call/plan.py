"""Small questions about a task's attempts: who is next, by which route, with what request."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.order import Choice
from darkroom.domain.provider_jobs import Accepted, JobRequest
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.orders.match import read_params, route_of
from darkroom.ports import Ports

LOST_LIMIT = 3
"""How many uncharged jobs a provider may lose before the next one is asked."""


def next_choice(task: Task) -> Choice | None:
    """The first choice whose provider has not refused or failed the task, or lost it too often.

    What earlier runs met counts no more once a person has set the task going again.
    """
    attempts = [a for a in task.attempts if a.run >= task.since_run]
    spent = {a.provider for a in attempts if a.outcome in ("refused", "failed")}
    lost = Counter(a.provider for a in attempts if a.outcome == "lost")
    spent |= {provider for provider, times in lost.items() if times >= LOST_LIMIT}
    return next((c for c in task.asked.choices if c.provider not in spent), None)


def next_number(task: Task) -> int:
    """The number of the attempt to come."""
    return task.attempts[-1].number + 1 if task.attempts else 1


def route_for(ports: Ports, task: Task, chosen: Choice | Attempt) -> Route:
    """The route of a choice, or of an attempt that was made by it.

    Raises:
        LookupError: a deployment took the route away while the task was on its way.
    """
    choice = Choice(chosen.provider, chosen.model)
    route = route_of(ports.providers.routes(), task.asked.operation, choice)
    if route is None:
        raise LookupError(f"{choice} no longer offers {task.asked.operation}")
    return route


def work_for(task: Task, route: Route, attempt: int) -> JobRequest:
    """What the attempt with this number asks of the route."""
    return JobRequest(
        task_id=task.task_id,
        attempt=attempt,
        route=route,
        params=read_params(task.asked.params, route),
        inputs={role: files for role, files in task.asked.inputs.items() if role in route.roles},
    )


def other_account(ports: Ports, attempt: Attempt) -> bool:
    """Whether the credentials in use are others than the attempt was made with.

    They may be a new key of the same account, or another account's, which knows nothing of it.
    """
    return attempt.account not in (None, ports.providers.account(attempt.provider))


def other_account_reason(attempt: Attempt) -> str:
    """Why a task waits whose call cannot be asked about under the credentials in use."""
    return (
        f"the key of {attempt.provider} was replaced after this call, and under the new one it is "
        "not known: put the old key back if they belong to different accounts"
    )


def submit_until(ports: Ports, task: Task) -> datetime:
    """When a task that is in front of SUBMIT again gives up: counted from when it was set going."""
    since = task.created_at
    if task.since_run > 1:
        since = min(a.asked_since or a.started_at for a in task.attempts if a.run >= task.since_run)
    return since + timedelta(seconds=ports.limits.queue_s)


def price_of(task: Task, route: Route) -> float | None:
    """The documented price of one call, in credits."""
    return route.credits(read_params(task.asked.params, route))


def as_paid(
    attempt: Attempt, said: Accepted | Finished, now: datetime, price: float | None
) -> Attempt:
    """The attempt after its provider's yes; `price`, in credits, is for one that says no figure."""
    return replace(
        attempt,
        outcome="accepted",
        job_id=said.job_id if isinstance(said, Accepted) else None,
        request=None,
        accepted_at=now,
        charged="yes",
        credits=price if said.credits is None else said.credits,
    )


def call_until(ports: Ports, route: Route) -> datetime:
    """When a call that starts now can no longer bring an answer that is written down."""
    return ports.clock.now() + timedelta(seconds=route.call_s + ports.limits.margin_s)
