"""What every limiter promises: leases that expire, and a circuit state."""

from dataclasses import replace

import pytest

from darkroom.domain.circuit_state import Blocked, CircuitState
from darkroom.ports import Limiter

NOW = 1_770_000_000.0


def test_leases_are_limited(limiter: Limiter) -> None:
    """A task has one lease, however often it asks."""
    assert limiter.lease("p", "a", NOW + 60, 2, NOW)
    assert limiter.lease("p", "a", NOW + 90, 2, NOW)
    assert limiter.lease("p", "b", NOW + 60, 2, NOW)
    assert not limiter.lease("p", "c", NOW + 60, 2, NOW)
    assert limiter.lease("q", "c", NOW + 60, 1, NOW)


def test_released_lease_makes_room(limiter: Limiter) -> None:
    """Releasing twice, or without a lease, changes nothing."""
    limiter.lease("p", "a", NOW + 60, 1, NOW)
    for task_id in ("a", "a", "z"):
        limiter.release("p", task_id)
    assert limiter.lease("p", "b", NOW + 60, 1, NOW)
    assert not limiter.lease("p", "c", NOW + 60, 1, NOW)


def test_lease_expires(limiter: Limiter) -> None:
    """A crashed task does not block others for ever."""
    limiter.lease("p", "a", NOW + 60, 1, NOW)
    assert not limiter.lease("p", "b", NOW + 120, 1, NOW + 59)
    assert limiter.lease("p", "b", NOW + 120, 1, NOW + 61)


def test_releasing_without_a_lease_changes_nothing(limiter: Limiter) -> None:
    """The first task may be refused before it has a lease."""
    limiter.release("p", "a")
    assert limiter.lease("p", "b", NOW + 60, 1, NOW)


def test_unknown_provider_has_a_closed_circuit(limiter: Limiter) -> None:
    """No failures, no pause."""
    assert limiter.circuit("p") == CircuitState()


def test_circuit_state_is_changed_by_one_of_its_readers(limiter: Limiter) -> None:
    """So a single task probes a paused provider."""
    paused = CircuitState(5, NOW + 30.5)
    assert limiter.compare_and_set("p", CircuitState(), paused)
    assert not limiter.compare_and_set("p", CircuitState(), CircuitState(1, 0))
    assert limiter.circuit("p") == paused
    assert limiter.compare_and_set("p", paused, CircuitState(5, NOW + 90))
    assert not limiter.compare_and_set("p", paused, CircuitState(5, NOW + 90.5))
    assert limiter.compare_and_set("p", CircuitState(5, NOW + 90), CircuitState())
    assert limiter.circuit("p") == CircuitState()


def test_circuit_state_keeps_its_reason(limiter: Limiter) -> None:
    """The reason is a part of the compared state."""
    paused = CircuitState(5, NOW + 30, "Add credits.")
    assert limiter.compare_and_set("p", CircuitState(), paused)
    assert limiter.circuit("p") == paused
    assert not limiter.compare_and_set("p", CircuitState(5, NOW + 30), CircuitState())
    assert limiter.compare_and_set("p", paused, CircuitState())
    assert limiter.circuit("p") == CircuitState()


def test_circuit_state_keeps_what_is_known_of_a_blocked_account(limiter: Limiter) -> None:
    """It is a part of the compared state, too."""
    empty = CircuitState(5, NOW + 30, "Add credits.", Blocked(NOW + 0.25, "no-credits"))
    announced = replace(
        empty, blocked=Blocked(NOW + 0.25, "no-credits", announced=True, asked_at=NOW + 9.5)
    )
    assert limiter.compare_and_set("p", CircuitState(), empty)
    assert limiter.circuit("p") == empty
    assert not limiter.compare_and_set("p", replace(empty, blocked=None), CircuitState())
    assert not limiter.compare_and_set("p", announced, CircuitState())
    assert limiter.compare_and_set("p", empty, announced)
    assert limiter.circuit("p") == announced
    assert not limiter.compare_and_set("p", empty, CircuitState())
    assert limiter.compare_and_set("p", announced, CircuitState())
    assert limiter.circuit("p") == CircuitState()


@pytest.mark.parametrize("most", [1, 3])
def test_concurrent_requests_get_exactly_the_free_leases(limiter: Limiter, most: int) -> None:
    """In any order."""
    given = [limiter.lease("p", f"t{n}", NOW + 60, most, NOW) for n in range(10)]
    assert sum(given) == most
