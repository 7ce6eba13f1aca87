"""Providers are asked no faster than they bear, and no task is lost by waiting for its turn."""

from collections import Counter

import pytest

from darkroom.domain.circuit_state import FAILURES_TO_OPEN, CircuitState
from darkroom.domain.errors import (
    Busy,
    DarkroomError,
    InputRefused,
    NotSent,
    OutOfTime,
    ProviderRefused,
    Throttled,
)
from darkroom.pipeline.admission.circuit import record_success
from tests.fakes.routes import SYNC_NONE
from tests.pipeline.harness import PipelineHarness


def _many(harness: PipelineHarness, operation: str, count: int, **fields: str) -> list[str]:
    for number in range(count):
        harness.upload(f"photos/{number}.jpg")
        harness.upload_spec(operation, f"photos/{number}.jpg.json", **fields)
    return [task.task_id for task in harness.tasks.all]


def _states(harness: PipelineHarness) -> Counter[str]:
    return Counter(task.state for task in harness.tasks.all)


def test_retry_after_defers_every_task(harness: PipelineHarness) -> None:
    """The second task does not call at all."""
    first, second = _many(harness, SYNC_NONE, 2, provider="alpha")
    harness.providers.script("submit", Throttled("busy", "Later.", retry_after_s=40))
    harness.step("submit", first)
    step = harness.step("submit", second)

    assert step.next == "submit"
    assert step.wait_s >= 40
    assert len(harness.providers.sent) == 1


def test_circuit_opens_and_then_one_task_probes(harness: PipelineHarness) -> None:
    """Open, half-open, closed; no task is lost."""
    ids = _many(harness, SYNC_NONE, FAILURES_TO_OPEN + 3, provider="alpha")
    away = NotSent("provider-unreachable", "The provider could not be reached.")
    harness.providers.script("prepare", *[away] * FAILURES_TO_OPEN)
    for task_id in ids[:FAILURES_TO_OPEN]:
        harness.step("submit", task_id)
    assert harness.limiter.circuit("alpha").probing
    paused = harness.step("submit", ids[-1])
    assert (paused.next, paused.wait_s >= 30) == ("submit", True)

    harness.clock.advance(31)
    harness.providers.script("prepare", Busy("provider-error", "The provider has trouble."))
    harness.step("submit", ids[0])
    assert harness.step("submit", ids[1]).next == "submit"
    assert len(harness.providers.sent) == 0

    harness.clock.advance(90)
    assert harness.step("submit", ids[2]).next == "deliver"
    assert harness.limiter.circuit("alpha") == CircuitState()
    harness.run()
    assert _states(harness) == {"succeeded": FAILURES_TO_OPEN + 3}


@pytest.mark.parametrize(
    "error",
    [
        InputRefused("not-an-image", "It is no image."),
        ProviderRefused("provider-refused", "No."),
        OutOfTime("out-of-time", "No time was left."),
    ],
)
def test_errors_that_are_not_the_providers_do_not_open_its_circuit(
    harness: PipelineHarness, error: DarkroomError
) -> None:
    """A bad file, a clear no, and our own want of time say nothing against it."""
    ids = _many(harness, SYNC_NONE, FAILURES_TO_OPEN + 1, provider="alpha")
    harness.providers.script("prepare", *[error] * FAILURES_TO_OPEN)
    for task_id in ids[:FAILURES_TO_OPEN]:
        harness.step("submit", task_id)

    assert harness.limiter.circuit("alpha").refusals == 0
    assert harness.step("submit", ids[-1]).next == "deliver"


def test_refusal_closes_a_half_open_circuit(harness: PipelineHarness) -> None:
    """The probe need not succeed."""
    first, second = _many(harness, SYNC_NONE, 2, provider="alpha")
    now = harness.clock.now().timestamp()
    harness.limiter.compare_and_set("alpha", CircuitState(), CircuitState(FAILURES_TO_OPEN, now))
    harness.providers.script("prepare", ProviderRefused("provider-refused", "No."))
    harness.step("submit", first)

    assert harness.step("submit", second).next == "deliver"


def test_success_does_not_shorten_a_retry_after(harness: PipelineHarness) -> None:
    """A call that began before it may end well after it."""
    now = harness.clock.now().timestamp()
    asked = CircuitState().after_failure(now, 90)
    harness.limiter.compare_and_set("alpha", CircuitState(), asked)
    record_success(harness.ports, "alpha")

    assert harness.limiter.circuit("alpha") == CircuitState(0, now + 90)
