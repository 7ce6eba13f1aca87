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


def test_a_job_whose_answer_was_lost_is_found_and_adopted(harness: PipelineHarness) -> None:
    """It was charged once, and its results are delivered."""
    harness.providers.script("submit", Lost(NO_ANSWER))
    _asked(harness).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == len(harness.providers.charged) == 1
    assert harness.task.last_attempt.job_id == "job-1"


def test_a_call_that_left_no_job_behind_ends_unknown_in_the_end(harness: PipelineHarness) -> None:
    """Some are listed only when they end: it is looked for as long as a job may take."""
    harness.providers.script("submit", NO_ANSWER)
    _asked(harness)
    began = harness.clock.now()
    harness.run()

    assert harness.task.state == "unknown"
    assert 3600 < (harness.clock.now() - began).total_seconds() < 3600 + 600
    assert len(harness.providers.sent) == 1


@pytest.mark.parametrize("error", [Throttled("busy", "Later."), Busy("away", "Not now.")])
def test_trouble_while_looking_is_waited_out(harness: PipelineHarness, error: Exception) -> None:
    """The list is asked again; the paid call is not."""
    harness.providers.script("submit", Lost(NO_ANSWER))
    harness.providers.script("look_up", error, error, error)
    _asked(harness).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1


def test_on_unknown_retry_pays_again_only_after_looking(harness: PipelineHarness) -> None:
    """The spec may say so; the first call is looked for all the same."""
    harness.providers.script("submit", NO_ANSWER)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_LOOKED_UP, on_unknown="retry")
    harness.run()

    assert harness.task.state == "succeeded"
    assert [attempt.outcome for attempt in harness.task.attempts] == ["unknown", "succeeded"]
