"""May SUBMIT make a paid call now? Every limit in turn; the first that says no defers the task.

    new paid calls are paused?   (`payment_pause`: our own delivery fails)
    the circuit is open?         (`circuit`: failures, Retry-After, no credits)
    no turn?                     (`turns`: calls per time, open jobs, and who comes first)
    half-open, and not the probe?

A task that is deferred has no turn, and no job of it counts as open.
"""

import math

from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.domain.turns import Place
from darkroom.pipeline.admission.circuit import claim_probe, is_open, pause_reason
from darkroom.pipeline.admission.payment_pause import (
    DELIVERY,
    claim_trial_payment,
    is_paused,
    payment_pause_reason,
    release_trial_payment,
)
from darkroom.pipeline.admission.turns import Deferred, release_turn, take_turn
from darkroom.ports import Ports

MAX_WAITED_PAUSE_S = 60
"""A task that comes back while its provider is paused for no longer than this waits in its run and
is the first to call again. After a longer pause SWEEP starts the first in line."""


def admit(ports: Ports, task: Task, route: Route, place: Place) -> Deferred | None:
    """Whether SUBMIT may call the route's provider now; None when it may."""
    pause = ports.limiter.circuit(DELIVERY)
    circuit = ports.limiter.circuit(route.provider)
    paused = _paused(ports, task, route, pause, circuit)
    if paused is not None:
        release_turn(ports, task, route.provider)
        return paused
    deferred = take_turn(ports, task, route, place)
    # Last, because the task that claims the probe has to make it now.
    if deferred is None and circuit.probing and not claim_probe(ports, route.provider, circuit):
        release_turn(ports, task, route.provider)
        deferred = Deferred(pause_reason(route.provider, circuit))
    if deferred is not None and pause.probing:
        release_trial_payment(ports, task)
    return deferred


def _paused(
    ports: Ports, task: Task, route: Route, pause: CircuitState, circuit: CircuitState
) -> Deferred | None:
    """Why nothing may be paid now, or not by this task."""
    now = ports.clock.now().timestamp()
    if is_paused(pause, now):
        return _until(task, payment_pause_reason(pause), pause.until - now)
    if is_open(circuit, now):
        reason = pause_reason(route.provider, circuit)
        if circuit.empty_since is not None:
            # It may take days, and those that come first are to be the first after it.
            return Deferred(reason)
        return _until(task, reason, circuit.until - now)
    for_s = route.call_s + route.job_s + ports.limits.margin_s
    if pause.probing and not claim_trial_payment(ports, task.task_id, for_s):
        return Deferred(payment_pause_reason(pause))
    return None


def _until(task: Task, reason: str, left_s: float) -> Deferred:
    """The run itself waits only for a short pause, only once, and only if it is in no line."""
    waits = task.place is None and task.wait_reason != reason and left_s <= MAX_WAITED_PAUSE_S
    return Deferred(reason, math.ceil(left_s) if waits else None)


def undo_admission(ports: Ports, task: Task, route: Route) -> None:
    """The task was admitted and its call refused: it has no open job, and is no probe."""
    release_turn(ports, task, route.provider)
    release_trial_payment(ports, task)
