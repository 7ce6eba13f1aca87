"""`darkroom status` tells who is paused, and why."""

import time

from darkroom.domain.rate_limits import OPENS_AT, Standing
from darkroom.pipeline.admission.admit import OWN_SIDE
from tests.cli.conftest import Shop


def test_who_is_paused_is_told_with_the_reason(shop: Shop) -> None:
    """Providers and our own side; whoever works is not mentioned."""
    now = time.time()
    gate = shop.target.gate
    gate.change("goapi", Standing(), Standing(OPENS_AT, now + 60, "Too few credits. Add some."))
    gate.change("perfect", Standing(), Standing(1, now + 60))
    gate.change("snapapi", Standing(), Standing(1, now - 60, "It was busy."))
    gate.change(OWN_SIDE, Standing(), Standing(OPENS_AT, now - 1, "PermissionError."))
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
