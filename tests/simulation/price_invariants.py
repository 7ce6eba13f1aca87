"""Invariants of ceilings and of fallback: no call is dearer than its user and environment allow.

What is allowed is read from what users wrote, not from the orders that were made of it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from darkroom.domain.budgets import MILLIONTHS
from darkroom.domain.object_keys import folder_of
from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.task import Task
from tests.fakes.routes import ROUTES
from tests.simulation.ledger import REPORTED_PRICE

if TYPE_CHECKING:
    from tests.simulation.system import SimulatedSystem

_PREFERRED: Final[Mapping[str, str]] = {
    route.operation: route.provider for route in reversed(ROUTES)
}
"""Operation -> the provider that is chosen if nobody names one."""


def find_dear_call(system: "SimulatedSystem", work: JobRequest) -> str | None:
    """What is wrong with the price of a paid call that is about to be sent, or None."""
    task, provider = system.tasks.stored[work.task_id], work.route.provider
    document = _document(system, task)
    cost = work.route.credits(work.params) or 0.0
    attempt = next((a for a in task.attempts if a.number == work.attempt), None)
    for one in attempt.reserved if attempt else ():
        if one.per_credit == MILLIONTHS:  # it is in credits
            cost = max(cost, one.amount / MILLIONTHS)
    rate = system.money.rate(provider)
    for credits_, usd in _ceilings(system, document):
        if credits_ is not None and cost > credits_:
            return f"{task.task_id} pays {cost:g} credits, and {credits_:g} is the most allowed"
        if usd is not None and cost * rate > usd + 1e-9:
            return f"{task.task_id} pays ${cost * rate:g}, and ${usd:g} is the most allowed"
    return None if document is None else _find_dearer(system, task, document, work)


def find_price_violations(system: "SimulatedSystem") -> Iterator[str]:
    """A sentence for each task that was refused for its price without need."""
    for task in system.tasks.stored.values():
        if task.ending is None or task.ending.failure.code != "above-max-price":
            continue
        document, rate = _document(system, task), max(map(system.money.rate, _PROVIDERS))
        if document is None:
            continue
        if not any(
            (credits_ is not None and credits_ < REPORTED_PRICE)
            or (usd is not None and usd < REPORTED_PRICE * rate)
            for credits_, usd in _ceilings(system, document)
        ):
            yield f"{task.task_id} was refused for its price, which is allowed"


def _find_dearer(
    system: "SimulatedSystem", task: Task, document: Mapping[str, Any], work: JobRequest
) -> str | None:
    """What is wrong with the choice of the provider, or None."""
    provider, first = work.route.provider, _PREFERRED[task.resolved_order.operation]
    fallback = document.get("fallback", "any" if "provider" in document else "same-or-cheaper")
    # Named providers have an order of their own.
    if provider == first or fallback == "any" or "provider" in document:
        return None
    # The preferred one is left out if it is dearer than a ceiling; all routes list one price.
    listed, rate = work.route.credits(work.params) or 0.0, system.money.rate(first)
    for credits_, usd in _ceilings(system, document):
        if credits_ is not None and listed > credits_:
            return None
        if usd is not None and listed * rate > usd:
            return None
    if fallback == "never":
        return f"{task.task_id} is paid at {provider}, and agrees to {first} alone"
    if system.money.rate(provider) > system.money.rate(first):
        return f"{task.task_id} is paid at {provider}, which is dearer than {first}"
    return None


def _ceilings(
    system: "SimulatedSystem", document: Mapping[str, Any] | None
) -> Iterator[tuple[float | None, float | None]]:
    """The ceilings of a call, in credits and in dollars."""
    own = (document or {}).get("max_price")
    if own:
        yield own.get("credits"), own.get("usd")
    if system.money.rules.max_price is not None:
        yield system.money.rules.max_price.credits, system.money.rules.max_price.usd


def _document(system: "SimulatedSystem", task: Task) -> Mapping[str, Any] | None:
    """What the user wrote about the task; None where a folder default fills a spec."""
    if task.order is None:
        return None
    if task.trigger.kind == "photo":
        versions = system.users.folders.defaults.get(folder_of(task.trigger.key), ())
        used = {one.version_id for one in task.order.defaults}
        bodies = [one.body for one in versions if one.version_id in used and one.body]
        found = json.loads(bodies[0]) if len(bodies) == 1 else None
        return found if isinstance(found, dict) else None
    if task.trigger.kind == "message":
        return {}
    if folder_of(task.trigger.key) in system.users.folders.defaults:
        return None
    return system.users.specs.get(task.task_id)


_PROVIDERS: Final = frozenset(route.provider for route in ROUTES)
