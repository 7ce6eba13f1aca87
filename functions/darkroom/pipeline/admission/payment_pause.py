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
from darkroom.domain.task import Task
from darkroom.pipeline.admission.circuit import change_circuit
from darkroom.pipeline.admission.error_cause import describe_error
from darkroom.ports import Ports

DELIVERY: Final = "@delivery"
"""The circuit's name, where a provider's would be."""
DELIVERY_TRIAL_S: Final = 1800
"""How long only the deliveries of a held-up task probe, counted from its first failure."""
MAX_DELIVERY_TRIALS: Final = 1000


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


def is_paused(pause: CircuitState, now: float) -> bool:
    """Whether no task pays now."""
    return pause.probing and pause.until > now


def payment_pause_reason(pause: CircuitState) -> str:
    """Why tasks wait, for users."""
    return f"new paid calls are paused while results cannot be delivered: {pause.reason}"


def claim_trial_payment(ports: Ports, task_id: str, for_s: float) -> bool:
    """Whether this task's paid call may be the probe: only when no held-up delivery is one.

    It is the probe for this many seconds, or until its results are delivered.
    """
    now = ports.clock.now().timestamp()
    return ports.limiter.lease(DELIVERY, task_id, now + for_s, 1, now)


def release_trial_payment(ports: Ports, task: Task) -> None:
    """The task is no probe any more, or never was."""
    ports.limiter.release(DELIVERY, task.task_id)
