"""A job is asked after until it is done, has failed, or has taken too long."""

from typing import Any

import pytest

from darkroom.domain.errors import Busy, Throttled
from darkroom.domain.provider_jobs import JobFailed, Pending
from tests.fakes.routes import JOB_KEY, JOB_NONE
from tests.pipeline.harness import PHOTO, PipelineHarness

TROUBLE = (
    Throttled("come-back", "The provider is busy.", retry_after_s=30),
    Busy("provider-error", "The provider has trouble."),
)


def _asked(harness: PipelineHarness, operation: str, **fields: Any) -> PipelineHarness:
    harness.upload(PHOTO)
    harness.upload_spec(operation, **fields)
    return harness


def test_first_poll_comes_shortly_before_the_usual_time(harness: PipelineHarness) -> None:
    """The route declares how long a job usually takes: here 6 s."""
    _asked(harness, JOB_KEY)
    step = harness.step("submit", harness.task.task_id)

    assert (step.next, step.wait_s) == ("poll", 4)


def test_poll_interval_grows_with_the_jobs_age(harness: PipelineHarness) -> None:
    """A job of an hour is not polled every second."""
    harness.providers.polls = 40
    _asked(harness, JOB_KEY).run()

    waits = [step.wait_s for step in harness.steps if step.next == "poll"]
    assert harness.task.state == "succeeded"
    assert waits[1:] == sorted(waits[1:])
    assert max(waits) <= 60


@pytest.mark.parametrize("error", TROUBLE)
def test_failed_poll_is_tried_again(harness: PipelineHarness, error: Exception) -> None:
    """The job continues at the provider."""
    harness.providers.script("poll", *[error] * 20)
    _asked(harness, JOB_KEY).run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.charged) == 1


def test_poll_waits_at_least_the_retry_after(harness: PipelineHarness) -> None:
    """At least as long as it says."""
    harness.providers.script("poll", TROUBLE[0])
    _asked(harness, JOB_KEY).run()

    assert 30 in [step.wait_s for step in harness.steps]


def test_unknown_status_word_is_in_the_wait_reason(
    harness: PipelineHarness,
) -> None:
    """And no longer than the provider says it."""
    harness.providers.script("poll", Pending(note="dreaming"), Pending(), Pending(note="dozing"))
    task_id = _asked(harness, JOB_KEY).task.task_id
    harness.step("submit", task_id)

    assert harness.step("poll", task_id).next == "poll"
    assert "unknown status 'dreaming'" in (harness.task.wait_reason or "")
    harness.step("poll", task_id)
    assert harness.task.wait_reason is None
    harness.step("poll", task_id)
    assert "'dozing'" in (harness.task.wait_reason or "")

    harness.run()
    assert harness.task.state == "succeeded"
    assert harness.task.wait_reason is None


def test_too_slow_job_is_given_up_and_stopped(harness: PipelineHarness) -> None:
    """The provider is asked to cancel it; the manifest says what happened."""
    harness.providers.polls = 10**6
    _asked(harness, JOB_NONE).run()

    assert harness.manifest()["failure"]["code"] == "job-too-slow"
    assert harness.manifest()["attempts"][0]["charged"] == "yes"
    assert harness.providers.cancelled == ["job-1"]


def test_job_that_cannot_be_stopped_is_given_up(harness: PipelineHarness) -> None:
    """The cancellation is optional."""
    harness.providers.polls = 10**6
    harness.providers.script("cancel", TROUBLE[1])
    _asked(harness, JOB_NONE).run()

    assert harness.task.state == "failed"


def test_uncharged_failed_job_goes_to_the_next_provider(harness: PipelineHarness) -> None:
    """Beta returns its credits; gamma may try."""
    harness.providers.script("poll", Pending(), JobFailed("bad-image", "It has no face.", "no"))
    _asked(harness, JOB_KEY).run()

    manifest = harness.manifest()
    assert [(a["provider"], a["outcome"], a["charged"]) for a in manifest["attempts"]] == [
        ("beta", "failed", "no"),
        ("gamma", "succeeded", "yes"),
    ]
    assert manifest["cost"]["credits"] == 3.0


@pytest.mark.parametrize("charged", ["yes", "unknown"])
def test_failed_job_that_may_be_charged_ends_the_task(
    harness: PipelineHarness, charged: str
) -> None:
    """No second provider is paid without `pay_again`."""
    harness.providers.script("poll", JobFailed("bad-image", "It has no face.", charged))  # type: ignore[arg-type]
    _asked(harness, JOB_KEY).run()

    manifest = harness.manifest()
    assert manifest["failure"]["code"] == "bad-image"
    assert manifest["attempts"][0]["charged"] == charged
    assert manifest["cost"]["settled"] is (charged == "yes")
    assert harness.providers.sent == ["beta"]


def test_next_provider_has_its_own_deadline(harness: PipelineHarness) -> None:
    """A job that failed in its last minute does not use up the next provider's time."""
    harness.providers.polls = 10**6
    _asked(harness, JOB_KEY)
    harness.run(until=["running"])
    harness.clock.advance(4000)
    harness.providers.polls = 1
    harness.providers.script("poll", JobFailed("bad-image", "It has no face.", "no"))
    later = Throttled("come-back", "The provider is busy.", retry_after_s=120)
    harness.providers.script("submit", later)
    harness.run()

    assert harness.task.state == "succeeded"
    assert harness.task.last_attempt.provider == "gamma"
