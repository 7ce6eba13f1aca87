"""`darkroom status`: which tasks it finds, and the providers that are paused."""

import time

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, CircuitState
from darkroom.pipeline.admission.payment_pause import DELIVERY
from tests.cli.conftest import MotoEnvironment


def test_status_reports_paused_providers_and_why(env: MotoEnvironment) -> None:
    """Providers and our own delivery; what is not paused is not mentioned."""
    now = time.time()
    limiter = env.target.limiter
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
    result = env.run("status", "--env", "dev")

    assert result.exit_code == 0
    assert result.stderr.splitlines()[-3:] == [
        "no new paid calls while results cannot be delivered: PermissionError.",
        "goapi is paused: Too few credits. Add some.",
        "perfect is paused: it did not accept calls recently",
    ]


def test_status_mentions_no_pause_if_there_is_none(env: MotoEnvironment) -> None:
    """This is the usual case."""
    assert "paused" not in env.run("status", "--env", "dev").stderr
