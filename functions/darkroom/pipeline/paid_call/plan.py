"""Plan a paid call: which provider is next, by which route, with what request, until when."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from darkroom.domain.attempt import Attempt, Finished
from darkroom.domain.circuit_state import NO_CREDITS
from darkroom.domain.errors import Failure, join_reasons
from darkroom.domain.order import Choice
from darkroom.domain.provider_jobs import Accepted, JobRequest
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.orders.match import find_route, read_params
from darkroom.ports import Ports

LOST_LIMIT = 3
"""How many uncharged jobs a provider may lose before the next one is chosen."""


CONTENT_REFUSED = "content-refused"
"""The failure code of a refusal for what a picture shows, or what a text asks for."""


def next_choice(task: Task) -> Choice | None:
    """The first choice whose provider has not refused or failed the task, or lost it too often.

    Nobody is next after a refusal for the content: no picture is offered to one vendor after the
    other. A provider that was left because its account was empty is the last choice. Attempts
    before the last retry by a user do not count.
    """
    bad = _bad_attempts(task)
    if any(a.failure is not None and a.failure.code == CONTENT_REFUSED for a in bad):
        return None
    empty = {a.provider for a in bad if _left_empty(task, a)}
    spent = {a.provider for a in bad if not _left_empty(task, a)} | _losers(task)
    waiting = [c for c in task.resolved_order.choices if c.provider not in spent]
    return next((c for c in waiting if c.provider not in empty), next(iter(waiting), None))


def choice_elsewhere(task: Task, provider: str) -> Choice | None:
    """Where a task goes at once whose provider's account is empty; None if it waits there.

    Only a spec that agrees to any provider (`fallback: any`) lets it go.
    """
    if not task.resolved_order.leaves_empty:
        return None
    spent = {a.provider for a in _bad_attempts(task)} | _losers(task) | {provider}
    return next((c for c in task.resolved_order.choices if c.provider not in spent), None)


def _bad_attempts(task: Task) -> Sequence[Attempt]:
    """Those that were refused or failed since the last retry by a user."""
    return [
        a for a in task.attempts if a.run >= task.since_run and a.outcome in ("refused", "failed")
    ]


def _left_empty(task: Task, attempt: Attempt) -> bool:
    """Whether the task left the attempt's provider only because the account was empty."""
    code = attempt.failure.code if attempt.failure else ""
    return task.resolved_order.leaves_empty and code == NO_CREDITS


def _losers(task: Task) -> set[str]:
    """The providers that have lost the task too often."""
    lost = Counter(
        a.provider for a in task.attempts if a.run >= task.since_run and a.outcome == "lost"
    )
    return {provider for provider, times in lost.items() if times >= LOST_LIMIT}


def with_every_reason(task: Task, attempts: Iterable[Attempt], failure: Failure) -> Failure:
    """The failure; if several providers refused or failed, the sentence has each one's reason.

    The user's first choice comes first. Attempts before the last retry by a user do not count.
    """
    reasons = {
        attempt.provider: attempt.failure
        for attempt in attempts
        if attempt.run >= task.since_run
        and attempt.failure is not None
        and attempt.outcome in ("refused", "failed", "lost")
    }
    ordered = {p: reasons[p] for p in task.resolved_order.providers if p in reasons}
    if len(ordered) <= 1:
        return failure
    return replace(failure, sentence=join_reasons(ordered).sentence)


def next_attempt_number(task: Task) -> int:
    """The number of the next attempt."""
    return task.attempts[-1].number + 1 if task.attempts else 1


def route_for(ports: Ports, task: Task, chosen: Choice | Attempt) -> Route:
    """The route of a choice, or of an attempt that was made by it.

    Raises:
        LookupError: a deployment removed the route while the task was in flight.
    """
    choice = Choice(chosen.provider, chosen.model)
    route = find_route(ports.providers.routes(), task.resolved_order.operation, choice)
    if route is None:
        raise LookupError(f"{choice} no longer offers {task.resolved_order.operation}")
    return route


def build_job_request(task: Task, route: Route, attempt: int) -> JobRequest:
    """The request of the attempt with this number, for this route."""
    order = task.resolved_order
    return JobRequest(
        task_id=task.task_id,
        attempt=attempt,
        route=route,
        params=read_params(order.params, route),
        inputs={role: files for role, files in order.inputs.items() if role in route.roles},
    )


def account_changed(ports: Ports, attempt: Attempt) -> bool:
    """Whether the credentials in use differ from those of the attempt.

    They may be a new key of the same account, or another account's, which does not know the call.
    """
    return attempt.account not in (None, ports.providers.account(attempt.provider))


def account_changed_reason(attempt: Attempt) -> str:
    """Why a task waits whose call cannot be looked up under the credentials in use."""
    return (
        f"the key of {attempt.provider} was replaced after this call, and under the new one it is "
        "not known: put the old key back if they belong to different accounts"
    )


def submit_deadline(ports: Ports, task: Task) -> datetime:
    """When a task that is queued again gives up; counted from its creation or its last retry."""
    since = task.created_at
    if task.since_run > 1:
        since = min(a.asked_since or a.started_at for a in task.attempts if a.run >= task.since_run)
    deadline = since + timedelta(seconds=ports.limits.queue_s)
    return deadline if task.since_run > 1 else task.no_later(deadline)


def price_of(task: Task, route: Route) -> float | None:
    """The documented price of one call, in credits."""
    return route.credits(read_params(task.resolved_order.params, route))


def mark_paid(
    attempt: Attempt, answer: Accepted | Finished, now: datetime, price: float | None
) -> Attempt:
    """The attempt after its provider accepted it; `price` (credits) is used if it names none."""
    return replace(
        attempt,
        outcome="accepted",
        job_id=answer.job_id if isinstance(answer, Accepted) else None,
        request=None,
        accepted_at=now,
        charged="yes",
        credits=price if answer.credits is None else answer.credits,
    )


def call_deadline(ports: Ports, route: Route) -> datetime:
    """When the answer of a call that starts now can no longer arrive and be stored."""
    return ports.clock.now() + timedelta(seconds=route.call_s + ports.limits.margin_s)
