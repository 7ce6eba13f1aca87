"""`darkroom status` tells who is paused, and why."""

import time

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, CircuitState
from darkroom.pipeline.admission.payment_pause import DELIVERY
from tests.cli.conftest import Shop


def test_who_is_paused_is_told_with_the_reason(shop: Shop) -> None:
    """Providers and our own side; whoever works is not mentioned."""
    now = time.time()
    limiter = shop.target.limiter
    limiter.change(
        "goapi",
        CircuitState(),
        CircuitState(FAILURES_TO_OPEN, now + 60, "Too few credits. Add some."),
    )
    limiter.change("perfect", CircuitState(), CircuitState(1, now + 60))
    limiter.change("snapapi", CircuitState(), CircuitState(1, now - 60, "It was busy."))
    limiter.change(
        DELIVERY, CircuitState(), CircuitState(FAILURES_TO_OPEN, now - 1, "PermissionError.")
    )
    result = shop.run("status", "--env", "dev")

    assert result.exit_code == 0
    assert result.stderr.splitlines()[-3:] == [
        "nothing new is paid for while results cannot be delivered: PermissionError.",
        "goapi is paused: Too few credits. Add some.",
        "perfect is paused: it has not taken calls lately",
    ]


def test_nobody_is_mentioned_where_nobody_is_paused(shop: Shop) -> None:
    """The usual case."""
    assert "paused" not in shop.run("status", "--env", "dev").stderr
