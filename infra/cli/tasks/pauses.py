"""Which providers are paused, and why, in words for users."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from darkroom.pipeline.admission.payment_pause import DELIVERY
from darkroom.pipeline.money.empty_accounts import count_waiting
from infra.aws.environments import PROVIDERS

if TYPE_CHECKING:
    from darkroom.domain.circuit_state import CircuitState
    from darkroom.ports import Ports


@dataclass(frozen=True)
class Pause:
    """One pause.

    Attributes:
        provider: "" where all paid calls are paused.
        kind: `empty` has no credits, `blocked` is refused (a key ends that), at `failing` calls
            failed lately; `delivery`: results cannot be delivered.
        sentence: what is paused, and why; the reason may end with a full stop.
    """

    provider: str
    kind: Literal["empty", "blocked", "failing", "delivery"]
    sentence: str


def find_pauses(ports: "Ports", now: datetime) -> list[Pause]:
    """All pauses of now, that of deliveries first."""
    pauses = []
    for name in (DELIVERY, *PROVIDERS):
        circuit = ports.limiter.circuit(name)
        if circuit.until > now.timestamp() or circuit.probing:
            pauses.append(_describe(ports, name, circuit))
    return pauses


def _describe(ports: "Ports", name: str, circuit: "CircuitState") -> Pause:
    reason = circuit.reason or "it did not accept calls recently"
    if name == DELIVERY:
        what = "no new paid calls while results cannot be delivered"
        return Pause("", "delivery", f"{what}: {reason}")
    if circuit.empty_since is not None:
        return Pause(name, "empty", count_waiting(ports, name).sentence)
    kind: Literal["blocked", "failing"] = "failing" if circuit.blocked is None else "blocked"
    return Pause(name, kind, f"{name} is paused: {reason}")
