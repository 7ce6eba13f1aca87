"""What SWEEP measures each minute: what waits, and why."""

from collections.abc import Iterable, Iterator
from typing import Final

from darkroom.domain.budgets import accounts_of
from darkroom.domain.measurements import Measurement
from darkroom.pipeline.admission.payment_pause import DELIVERY
from darkroom.ports import Ports

OWN_DELIVERY: Final = "delivery"
"""What measurements call the circuit of our own delivery, in place of a provider."""


def measure_provider(ports: Ports, provider: str) -> Iterator[Measurement]:
    """Its line and its circuit."""
    at = {"provider": provider}
    in_line = ports.lines.length(provider)
    yield Measurement("InLine", in_line, dimensions=at)
    if in_line:
        yield Measurement("FirstInLineSeconds", _first_waits_s(ports, provider), "Seconds", at)
    yield _measure_circuit(ports, provider, provider)


def measure_environment(ports: Ports, providers: Iterable[str]) -> Iterator[Measurement]:
    """Whether payments are paused, how much of its budgets is used, and which hold tasks back."""
    yield _measure_circuit(ports, DELIVERY, OWN_DELIVERY)
    now = ports.clock.now()
    for budget in ports.money.budgets:
        for name, (account, limit) in accounts_of(budget, providers, now).items():
            used = 100 * ports.budgets.held(account) / limit if limit else 100.0
            yield Measurement("BudgetUsed", used, "Percent", {"budget": name})
    yield Measurement("HeldLines", len(ports.budgets.holding()))


def _measure_circuit(ports: Ports, circuit: str, name: str) -> Measurement:
    """Whether calls are paused, or probed one at a time."""
    state = ports.limiter.circuit(circuit)
    paused = state.probing or state.until > ports.clock.now().timestamp()
    return Measurement("Paused", float(paused), dimensions={"provider": name})


def _first_waits_s(ports: Ports, provider: str) -> float:
    """How long the first in line has waited for its turn, seconds; 0 if it has just left."""
    for waiter in ports.lines.first(provider, 1):
        task = ports.tasks.get(waiter.task_id)
        if task is not None and task.queued_at is not None:
            return max(0.0, (ports.clock.now() - task.queued_at).total_seconds())
    return 0.0
