"""A paid call's time is counted from the intent: preparing it may have taken longer than the call.

queued ── prepares ──▶ intent ── the call ──▶ call_until
          (uploads)    started_at             not settled before
"""

from typing import Any

import pytest

from darkroom.pipeline.submit import submit
from darkroom.ports import Step
from tests.fakes.routes import JOB_KEY, JOB_LOOKED_UP, JOB_NONE, SYNC_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, Died, PipelineHarness

PREPARING_S = 50


def _preparing_slowly(harness: PipelineHarness, seconds: float = PREPARING_S) -> None:
    """Every paid call is prepared for so long; then the intent is written, and the process dies."""
    make = harness.providers.submit

    def slowly(job_request: Any, intend: Any) -> Any:
        harness.clock.advance(seconds)
        return make(job_request, intend)

    harness.providers.submit = slowly  # type: ignore[method-assign]


@pytest.mark.parametrize("operation", [SYNC_NONE, SYNC_KEY, JOB_NONE, JOB_KEY, JOB_LOOKED_UP])
def test_call_until_counts_from_the_intent(operation: str) -> None:
    """Counted from before the preparation, a call in flight would be sent again."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(operation)
    _preparing_slowly(harness)
    harness.providers.script("submit", Died())
    began = harness.clock.now()
    with pytest.raises(Died):
        harness.step("submit", harness.task.task_id)

    paying = harness.task.last_attempt
    assert (paying.started_at - began).total_seconds() == PREPARING_S
    lasts_s = (paying.call_until - paying.started_at).total_seconds()
    route = next(r for r in harness.providers.routes() if r.provider == paying.provider)
    assert lasts_s == route.call_s + harness.limits.margin_s
    assert harness.step("submit", harness.task.task_id) == Step("submit", int(lasts_s))
    assert len(harness.providers.sent) == 1


def test_slow_intent_write_prevents_the_call() -> None:
    """The call would outlast `call_until`; nothing was sent."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    write = harness.tasks.replace

    def slowly(old: Any, new: Any) -> Any:
        written = write(old, new)
        if new.state == "submitting":
            harness.clock.advance(harness.limits.margin_s / 2 + 1)
        return written

    harness.tasks.replace = slowly  # type: ignore[method-assign]
    step = harness.step("submit", harness.task.task_id)

    assert step.next == "submit"
    assert harness.providers.sent == []
    assert harness.task.state == "queued"
    assert harness.task.attempts[-1].charged == "no"


@pytest.mark.parametrize(("left_s", "sent"), [(89.9, 0), (90, 1)])
def test_call_that_would_outlast_its_process_is_not_made(left_s: float, sent: int) -> None:
    """Not even after the intent, if writing that took the time."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    times = iter([180.0, left_s])
    submit(harness.ports, harness.task.task_id, 1, lambda: next(times, left_s))

    assert len(harness.providers.sent) == sent
