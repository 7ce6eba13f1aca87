"""A job that must be polled every few seconds is polled in place; a lost one is made again."""

from datetime import timedelta
from typing import Any

import pytest

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Busy, ResultGone, Throttled, Unclear
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.pipeline.continue_in_place import submit_and_continue
from darkroom.pipeline.poll import poll
from tests.fakes.routes import JOB_ALONE
from tests.pipeline.harness import PHOTO, PipelineHarness

MAX_GAP_S = 10
LOST = JobFailed("job-lost", "The provider no longer knows the job.", "no")
LEFT_ALONE: tuple[Busy | JobFailed, ...] = (
    *[Busy("provider-unreachable", "No way there.")] * 4,
    *[LOST] * 4,
)
"""Polls fail for longer than `MAX_GAP_S`, and then the job is not known any more."""


@pytest.fixture
def harness() -> PipelineHarness:
    """SUBMIT and POLL go on as deployed."""
    return PipelineHarness(in_place=True)


def _asked(harness: PipelineHarness, **fields: Any) -> PipelineHarness:
    harness.upload(PHOTO)
    harness.upload_spec(JOB_ALONE, **fields)
    return harness


def _outcomes(harness: PipelineHarness) -> list[tuple[str, str, str]]:
    def outcome_of(attempt: Attempt) -> tuple[str, str, str]:
        return attempt.provider, attempt.outcome, attempt.charged

    return [outcome_of(attempt) for attempt in harness.task.attempts]


def test_submit_polls_until_the_job_is_done(harness: PipelineHarness) -> None:
    """And delivers its result."""
    harness.providers.polls = 12
    _asked(harness)

    assert harness.step("submit", harness.task.task_id).next == "done"
    assert harness.task.state == "succeeded"


def test_long_job_goes_to_the_wait_loop_with_short_waits(harness: PipelineHarness) -> None:
    """SUBMIT has a time limit; the waits stay below the maximum poll gap."""
    harness.providers.polls = 100
    _asked(harness).run()

    waits = [step.wait_s for step in harness.steps if step.next == "poll"]
    assert harness.task.state == "succeeded"
    assert waits
    assert max(waits) < MAX_GAP_S / 2


def test_submit_stops_polling_before_its_time_is_over(harness: PipelineHarness) -> None:
    """A process that is about to be stopped makes no further poll."""
    harness.providers.polls = 100
    _asked(harness)
    began = harness.clock.now()
    step = submit_and_continue(
        harness.ports,
        harness.task.task_id,
        1,
        lambda: 130.0 - (harness.clock.now() - began).total_seconds(),
    )

    assert step.next == "poll"
    assert 90 < (harness.clock.now() - began).total_seconds() < 120


def test_two_processes_poll_a_job_no_more_often_than_one(harness: PipelineHarness) -> None:
    """An answer was lost: the workflow calls POLL again, and the first call polls on in place."""
    harness.providers.polls = 1000
    task_id = _asked(harness).task.task_id
    assert harness.step("submit", task_id).next == "poll"
    (polled,) = harness.providers._polled.values()  # one job
    began = harness.clock.now()
    polls_at = {"first": began + timedelta(seconds=2), "again": began}
    for _ in range(150):
        process = min(polls_at, key=lambda name: polls_at[name])
        late_s = (harness.clock.now() - polls_at[process]).total_seconds()
        harness.clock.advance(max(0.0, -late_s))
        step = poll(harness.ports, task_id, 1, waited_s=4)
        polls_at[process] = harness.clock.now() + timedelta(seconds=step.wait_s + 0.1)
    minutes = (harness.clock.now() - began).total_seconds() / 60

    polls = next(iter(harness.providers._polled.values())) - polled
    assert 12 < polls / minutes < 100 / 5


def test_polls_follow_the_providers_interval_up_to_the_max_poll_gap(
    harness: PipelineHarness,
) -> None:
    """A longer interval would lose the job."""
    harness.providers.script("poll", Pending(None, 2.5), Pending(None, 60.0), Pending(None, 0.2))
    _asked(harness)
    harness.step("submit", harness.task.task_id)

    pauses = harness.clock.slept
    assert pauses[0] == 3
    assert pauses[1] >= 2.5
    assert max(pauses) < MAX_GAP_S / 2


def test_failed_poll_does_not_lengthen_the_waits(harness: PipelineHarness) -> None:
    """Waiting as long as a busy provider asks would lose the job."""
    harness.providers.polls = 3
    later = Throttled("come-back", "The provider is busy.", retry_after_s=120)
    harness.providers.script("poll", later, Busy("away", "Not now."), later)
    _asked(harness).run()

    assert harness.task.state == "succeeded"
    assert len(harness.clock.slept) >= 4
    assert max(harness.clock.slept) < MAX_GAP_S / 2


def test_lost_job_is_made_again_by_the_same_provider(harness: PipelineHarness) -> None:
    """It cost nothing; the second attempt has its own number and so its own key."""
    harness.providers.script("poll", *LEFT_ALONE)
    _asked(harness).run()

    assert _outcomes(harness) == [("zeta", "lost", "no"), ("zeta", "succeeded", "yes")]
    assert harness.manifest()["cost"]["credits"] == 3.0


def test_next_provider_is_chosen_after_three_lost_jobs(harness: PipelineHarness) -> None:
    """A provider that loses everything is not tried for ever."""
    harness.providers.script("poll", *LEFT_ALONE * 3)
    _asked(harness).run()

    assert _outcomes(harness) == [
        *[("zeta", "lost", "no")] * 3,
        ("gamma", "succeeded", "yes"),
    ]


def test_task_fails_after_three_lost_jobs_of_its_only_provider(
    harness: PipelineHarness,
) -> None:
    """The manifest says that nothing was charged."""
    harness.providers.script("poll", *LEFT_ALONE * 3)
    _asked(harness, provider="zeta").run()

    manifest = harness.manifest()
    assert manifest["failure"]["code"] == "job-lost"
    assert manifest["cost"]["credits"] == 0


def test_last_attempt_comes_after_the_longest_rate_window(
    harness: PipelineHarness,
) -> None:
    """A rate limit of five minutes may have prevented the polls."""
    harness.providers.script("poll", *LEFT_ALONE * 2)
    _asked(harness).run()

    second, third = harness.task.attempts[1:]
    assert second.ended_at is not None
    assert (third.started_at - second.ended_at).total_seconds() >= 300


def test_next_provider_is_called_at_once_after_the_last_lost_job(
    harness: PipelineHarness,
) -> None:
    """It has lost nothing yet."""
    harness.providers.script("poll", *LEFT_ALONE * 3)
    _asked(harness).run()

    third, fourth = harness.task.attempts[2:]
    assert third.ended_at is not None
    assert (fourth.started_at - third.ended_at).total_seconds() < 5


def test_unknown_job_that_was_polled_in_time_is_not_paid_again(
    harness: PipelineHarness,
) -> None:
    """A job is lost only if it was not polled; otherwise its outcome is unknown."""
    harness.providers.script("poll", Pending(), Pending(), *[LOST] * 8)
    _asked(harness).run()

    assert _outcomes(harness) == [("zeta", "given-up", "unknown")]
    assert harness.task.state == "failed"
    assert len(harness.providers.sent) == 1


def test_job_that_is_known_again_resets_unknown_since(harness: PipelineHarness) -> None:
    """One answer that does not know it leaves no trace."""
    harness.providers.polls = 3
    harness.providers.script("poll", LOST)
    _asked(harness).run()

    assert harness.task.state == "succeeded"
    assert harness.task.last_attempt.unknown_since is None


def test_job_that_was_done_once_is_not_made_again_as_uncharged(harness: PipelineHarness) -> None:
    """It was charged when it was done; its result and the job are gone."""
    harness.providers.script("fetch", *[ResultGone("result-gone", "It is gone.")] * 100)
    _asked(harness)
    harness.run(until=["delivering"])
    harness.providers.script("poll", *[LOST] * 8)
    harness.run()

    assert harness.task.state == "failed"
    assert harness.manifest()["failure"]["code"] == "result-gone"
    assert _outcomes(harness) == [("zeta", "given-up", "yes")]
    assert len(harness.providers.sent) == 1


def test_polls_of_an_unreachable_job_fit_into_the_runs_history(
    harness: PipelineHarness,
) -> None:
    """After its deadline the job is lost already, and the waits grow."""
    away = Busy("provider-error", "The provider has trouble.")
    harness.providers.script("poll", *[away] * 30_000)
    _asked(harness, provider="zeta").run()

    assert harness.task.state == "failed"
    assert len(harness.steps) * 9 < 25_000


def test_job_found_late_was_unpolled_since_its_call(harness: PipelineHarness) -> None:
    """It was not known while the call was in doubt, so its loss cost nothing."""
    nothing = Unclear("no-answer", "Nothing came back.")
    harness.providers.script("submit", nothing)
    harness.providers.script("repeat", nothing, nothing)
    harness.providers.script("poll", *[LOST] * 4)
    _asked(harness).run()

    assert _outcomes(harness) == [("zeta", "lost", "no"), ("zeta", "succeeded", "yes")]
