"""A doubtful paid call of a provider that lists its jobs is looked for, never made again."""

import pytest

from darkroom.domain.errors import Busy, Throttled, Unclear
from tests.fakes.providers import Lost
from tests.fakes.routes import JOB_LOOKED_UP
from tests.pipeline.harness import PHOTO, PipelineHarness

NO_ANSWER = Unclear("no-answer", "The provider did not answer.")


def _asked(harness: PipelineHarness) -> PipelineHarness:
    harness.upload(PHOTO)
    harness.upload_spec(JOB_LOOKED_UP)
    return harness


def test_look_up_adopts_a_job_whose_answer_was_lost(harness: PipelineHarness) -> None:
    """It was charged once, and its results are delivered."""
    harness.providers.script("submit", Lost(NO_ANSWER))
    _asked(harness).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == len(harness.providers.charged) == 1
    assert harness.task.last_attempt.job_id == "job-1"


def test_call_without_a_listed_job_ends_unknown(harness: PipelineHarness) -> None:
    """Some jobs are listed only when they end: it is looked up for as long as a job may take."""
    harness.providers.script("submit", NO_ANSWER)
    _asked(harness)
    began = harness.clock.now()
    harness.run()

    assert harness.task.state == "unknown"
    assert 3600 < (harness.clock.now() - began).total_seconds() < 3600 + 600
    assert len(harness.providers.sent) == 1


@pytest.mark.parametrize("error", [Throttled("busy", "Later."), Busy("away", "Not now.")])
def test_failed_look_up_is_tried_again(harness: PipelineHarness, error: Exception) -> None:
    """The paid call is not repeated."""
    harness.providers.script("submit", Lost(NO_ANSWER))
    harness.providers.script("look_up", error, error, error)
    _asked(harness).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1


def test_on_unknown_retry_pays_again_only_after_the_look_up(harness: PipelineHarness) -> None:
    """The spec may say so; the first call is looked up first."""
    harness.providers.script("submit", NO_ANSWER)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_LOOKED_UP, on_unknown="retry")
    harness.run()

    assert harness.task.state == "succeeded"
    assert [attempt.outcome for attempt in harness.task.attempts] == ["unknown", "succeeded"]
