"""Small questions about a task's attempts: who is next, by which route, with what request."""

from datetime import datetime, timedelta

from darkroom.pipeline.resolve import read_params, route_of
from darkroom.ports import Ports, Route, Work
from darkroom.task import Task


def next_provider(task: Task) -> str | None:
    """The first provider of the order that has not refused or failed this task."""
    spent = {a.provider for a in task.attempts if a.outcome in ("refused", "failed")}
    return next((p for p in task.asked.providers if p not in spent), None)


def next_number(task: Task) -> int:
    """The number of the attempt to come."""
    return task.attempts[-1].number + 1 if task.attempts else 1


def route_for(ports: Ports, task: Task, provider: str) -> Route:
    """The provider's route for this task.

    Raises:
        LookupError: a deployment took the route away while the task was on its way.
    """
    order = task.asked
    route = route_of(ports.providers.routes(), provider, order.operation, order.model)
    if route is None:
        raise LookupError(f"{provider} no longer offers {order.operation} ({order.model})")
    return route


def work_for(task: Task, route: Route, attempt: int) -> Work:
    """What the attempt with this number asks of the route."""
    return Work(
        task_id=task.task_id,
        attempt=attempt,
        route=route,
        params=read_params(task.asked.params, route),
        inputs=task.asked.inputs,
    )


def price_of(task: Task, route: Route) -> float | None:
    """The documented price of one call, in credits."""
    return route.credits(read_params(task.asked.params, route))


def call_until(ports: Ports, route: Route) -> datetime:
    """When a call that starts now can no longer bring an answer that is written down."""
    return ports.clock.now() + timedelta(seconds=route.call_s + ports.policy.margin_s)
