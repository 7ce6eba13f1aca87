"""May SUBMIT make a paid call now? Every limit in turn; the first that says no defers the task.

    new paid calls are paused?   (`payment_pause`: our own delivery fails)       ──▶ wait
    the circuit is open?         (`circuit`: failures, Retry-After, no credits)  ──▶ wait
    no free lease?               (`leases`: as many open jobs as allowed)        ──▶ wait
    no slot now?                 (`rate_slot`: calls per time)                   ──▶ wait
    half-open, and not the probe?                                                ──▶ wait

A task that waits holds no lease, and a task without a lease takes no slot.
"""

from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.pipeline.admission.circuit import defer_unless_probe, defer_while_open
from darkroom.pipeline.admission.deferred import Deferred
from darkroom.pipeline.admission.leases import release_lease, take_lease
from darkroom.pipeline.admission.payment_pause import (
    DELIVERY,
    claim_trial_payment,
    defer_until_delivered,
    defer_while_paused,
    release_trial_payment,
)
from darkroom.pipeline.admission.rate_slot import take_slot
from darkroom.ports import Ports


def admit(ports: Ports, task: Task, route: Route, files: int) -> Deferred | None:
    """Whether SUBMIT may call the route's provider with this many files now; None when it may."""
    calls = ports.providers.rules(route.provider).calls(files)
    pause = ports.limiter.circuit(DELIVERY)
    circuit = ports.limiter.circuit(route.provider)
    deferred = defer_while_paused(ports, task, pause) or defer_while_open(
        ports, task, route, circuit
    )
    is_trial = deferred is None and pause.probing and claim_trial_payment(ports, task, route)
    if deferred is None and pause.probing and not is_trial:
        deferred = defer_until_delivered(ports, task, pause)
    deferred = (
        deferred or take_lease(ports, task, route) or take_slot(ports, task, route, "submit", calls)
    )
    # Last, because the task that claims the probe has to make it now.
    if deferred is None and circuit.probing:
        deferred = defer_unless_probe(ports, task, route, circuit)
    if deferred is not None:
        release_lease(ports, task, route)
        if is_trial:
            release_trial_payment(ports, task)
    return deferred


def undo_admission(ports: Ports, task: Task, route: Route) -> None:
    """The task was admitted and its call refused: it has no open job, and is no probe."""
    release_lease(ports, task, route)
    release_trial_payment(ports, task)
