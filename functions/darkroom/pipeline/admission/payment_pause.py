"""Pauses new paid calls while results cannot be delivered for reasons of our own.

The pause is one more circuit breaker, named `DELIVERY` in place of a provider. DELIVER opens it
when a bucket or the table is in the way, and closes it with the next manifest that it writes.

Its leases belong to the tasks whose results were held up lately: their next deliveries are the
probes. When there is no such task, one paid call at a time is. So a single task whose results can
never be delivered holds the others up once, for about `DELIVERY_TRIAL_S`.
"""

import contextlib
from typing import Final

from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.admission.circuit import change_circuit
from darkroom.pipeline.admission.deferred import Deferred, deferral_s
from darkroom.pipeline.admission.error_cause import describe_error
from darkroom.ports import Ports

DELIVERY: Final = "@delivery"
"""The circuit's name, where a provider's would be."""
DELIVERY_TRIAL_S: Final = 1800
"""How long only the deliveries of a held-up task probe, counted from its first failure."""
MAX_DELIVERY_TRIALS: Final = 1000
MIN_PAUSE_WAIT_S = 30


def pause_payments(ports: Ports, task_id: str, error: Exception) -> None:
    """Pause new paid calls: the results of this task could not be delivered.

    Raises nothing: if even this cannot be written, no intent to pay can be written either.
    """
    now = ports.clock.now().timestamp()
    reason = describe_error(error)
    with contextlib.suppress(Exception):
        ports.limiter.lease(DELIVERY, task_id, now + DELIVERY_TRIAL_S, MAX_DELIVERY_TRIALS, now)
    with contextlib.suppress(Exception):
        change_circuit(ports, DELIVERY, lambda old: old.after_block(now, None, reason))


def resume_payments(ports: Ports) -> None:
    """Allow new paid calls: something was delivered."""
    old = ports.limiter.circuit(DELIVERY)
    if old.refusals:
        ports.limiter.compare_and_set(DELIVERY, old, CircuitState())


def defer_while_paused(ports: Ports, task: Task, pause: CircuitState) -> Deferred | None:
    """How long the task waits because paid calls are paused; None when it may try to be a probe."""
    if not pause.probing or pause.until <= ports.clock.now().timestamp():
        return None
    return defer_until_delivered(ports, task, pause)


def defer_until_delivered(ports: Ports, task: Task, pause: CircuitState) -> Deferred:
    """The wait of a task that is not the probe."""
    left_s = pause.until - ports.clock.now().timestamp()
    reason = f"new paid calls are paused while results cannot be delivered: {pause.reason}"
    return Deferred(deferral_s(ports, task, max(MIN_PAUSE_WAIT_S, left_s)), reason)


def claim_trial_payment(ports: Ports, task: Task, route: Route) -> bool:
    """Whether this task's paid call may be the probe: only when no held-up delivery is one."""
    now = ports.clock.now().timestamp()
    until = now + route.call_s + route.job_s + ports.limits.margin_s
    return ports.limiter.lease(DELIVERY, task.task_id, until, 1, now)


def release_trial_payment(ports: Ports, task: Task) -> None:
    """The task is no probe any more, or never was."""
    ports.limiter.release(DELIVERY, task.task_id)
