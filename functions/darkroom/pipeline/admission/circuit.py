"""The circuit breaker of each provider: what opens it, what closes it, and who probes.

The state and its arithmetic are in `domain.circuit_state`; `ports.Limiter` stores it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from darkroom.domain.circuit_state import PROBE_S, CircuitState
from darkroom.domain.errors import (
    AccountBlocked,
    DarkroomError,
    OutOfTime,
    OwnTrouble,
    ProviderRefused,
    Refused,
    Throttled,
)
from darkroom.domain.retries import MAX_TRIES
from darkroom.pipeline.admission.error_cause import describe_error
from darkroom.ports import Ports


def record_failure(ports: Ports, provider: str, error: DarkroomError) -> None:
    """Count a call that the provider did not take, where that shows trouble at the provider.

    A clear refusal is an answer, so the provider works. An error in the file or the spec, trouble
    of our own, and a call that was not made because no key is set up say nothing about it. A
    blocked account is blocked for every task: its circuit opens at once.
    """
    if isinstance(error, ProviderRefused):
        _record_answer(ports, provider)
        return
    if isinstance(error, Refused | OutOfTime | OwnTrouble) or error.failure.code == "not-set-up":
        return
    now, reason = ports.clock.now().timestamp(), describe_error(error)
    retry_after_s = error.retry_after_s if isinstance(error, Throttled) else None
    if isinstance(error, AccountBlocked):
        code = error.failure.code
        change_circuit(
            ports, provider, lambda old: old.after_block(now, retry_after_s, reason, code)
        )
    else:
        # Losing this race is fine: the winner counted a failure of the same moment.
        old = ports.limiter.circuit(provider)
        ports.limiter.compare_and_set(provider, old, old.after_failure(now, retry_after_s, reason))


def record_success(ports: Ports, provider: str, begun_at: datetime | None = None) -> bool:
    """Close the circuit; a pause that the provider itself has set stays.

    A call that was begun before the account was found empty says nothing about it now.

    Args:
        ports: the outside.
        provider: that has accepted a call.
        begun_at: when that call was begun; None where it is not known.

    Returns:
        Whether tasks were kept waiting that may call now.
    """
    old = ports.limiter.circuit(provider)
    since = old.empty_since
    if since is not None and begun_at is not None and begun_at.timestamp() < since:
        return False
    if not old.refusals:
        return False
    return ports.limiter.compare_and_set(provider, old, old.after_success()) and old.probing


def _record_answer(ports: Ports, provider: str) -> None:
    """The provider refused one request: it works, which says nothing about an empty account."""
    if ports.limiter.circuit(provider).empty_since is None:
        record_success(ports, provider)


def is_open(circuit: CircuitState, now: float) -> bool:
    """Whether no task calls the provider now."""
    return circuit.until > now


def claim_probe(ports: Ports, provider: str, circuit: CircuitState) -> bool:
    """Whether this process may probe a half-open circuit: one at a time may."""
    until = ports.clock.now().timestamp() + PROBE_S
    return ports.limiter.compare_and_set(provider, circuit, replace(circuit, until=until))


def change_circuit(ports: Ports, name: str, change: Callable[[CircuitState], CircuitState]) -> None:
    """Read, change and write a state; gives up silently after `MAX_TRIES` lost races."""
    for _ in range(MAX_TRIES):
        old = ports.limiter.circuit(name)
        if ports.limiter.compare_and_set(name, old, change(old)):
            return


def pause_reason(provider: str, circuit: CircuitState) -> str:
    """Why tasks wait for the provider, for users."""
    return f"{provider} is paused: {circuit.reason or 'it has not taken calls lately'}"
