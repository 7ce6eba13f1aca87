"""Leases: at most as many open jobs at a provider as its account allows."""

from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.admission.deferred import Deferred
from darkroom.pipeline.admission.payment_pause import release_trial_payment
from darkroom.ports import Ports

MIN_LEASE_WAIT_S = 5
MAX_LEASE_WAIT_S = 300


def take_lease(ports: Ports, task: Task, route: Route) -> Deferred | None:
    """Count the task's job as open; a wait when the account allows no further one now."""
    most = ports.providers.rules(route.provider).leases
    if most is None or not route.asynchronous:
        return None
    now = ports.clock.now()
    until = now.timestamp() + route.call_s + route.job_s + ports.limits.margin_s
    if ports.limiter.lease(route.provider, task.task_id, until, most, now.timestamp()):
        return None
    waited_s = (now - task.updated_at).total_seconds()
    wait_s = max(MIN_LEASE_WAIT_S, min(MAX_LEASE_WAIT_S, int(waited_s / 4)))
    return Deferred(wait_s, f"{route.provider} has as many open jobs as it allows ({most})")


def release_lease(ports: Ports, task: Task, route: Route) -> None:
    """The task has no open job at the route's provider any more, or never had one."""
    if route.asynchronous and ports.providers.rules(route.provider).leases is not None:
        ports.limiter.release(route.provider, task.task_id)


def release_all_leases(ports: Ports, task: Task) -> None:
    """The task has ended: release its leases at all its providers, called or not."""
    for provider in dict.fromkeys(task.order.providers if task.order else ()):
        if ports.providers.rules(provider).leases is not None:
            ports.limiter.release(provider, task.task_id)
    release_trial_payment(ports, task)
