"""A job that is lost when nobody asks about it is stayed with; a lost one is made anew."""

from typing import Any

from darkroom.domain.attempt import Attempt
from darkroom.domain.errors import Busy, ResultGone, Throttled, Unclear
from darkroom.domain.provider_jobs import JobFailed, Pending
from darkroom.pipeline.submit import submit
from tests.fakes.routes import JOB_ALONE
from tests.pipeline.harness import PHOTO, PipelineHarness

ALONE_S = 10
LOST = JobFailed("job-lost", "The provider no longer knows the job.", "no")
LEFT_ALONE: tuple[Busy | JobFailed, ...] = (
    *[Busy("provider-unreachable", "No way there.")] * 4,
    *[LOST] * 4,
)
"""Nobody gets through for longer than `ALONE_S`, and then the job is not known any more."""


def _asked(harness: PipelineHarness, **fields: Any) -> PipelineHarness:
    harness.upload(PHOTO)
    harness.upload_spec(JOB_ALONE, **fields)
    return harness


def _outcomes(harness: PipelineHarness) -> list[tuple[str, str, str]]:
    def told(attempt: Attempt) -> tuple[str, str, str]:
        return attempt.provider, attempt.outcome, attempt.charged

    return [told(attempt) for attempt in harness.task.attempts]


def test_the_submit_door_stays_until_the_job_is_done(harness: PipelineHarness) -> None:
    """The workflow goes straight on to DELIVER."""
    harness.providers.polls = 12
    _asked(harness)

    assert harness.step("submit", harness.task.task_id).next == "deliver"


def test_a_long_job_is_handed_to_the_wait_loop_with_short_waits(harness: PipelineHarness) -> None:
    """The submit door has its time limit; the pauses stay below what the job survives."""
    harness.providers.polls = 100
    _asked(harness).run()

    waits = [step.wait_s for step in harness.steps if step.next == "poll"]
    assert harness.task.state == "succeeded"
    assert waits
    assert max(waits) < ALONE_S / 2


def test_the_submit_door_leaves_while_it_still_can(harness: PipelineHarness) -> None:
    """A process that is about to be stopped asks no more."""
    harness.providers.polls = 100
    _asked(harness)
    began = harness.clock.now()
    step = submit(
        harness.ports,
        harness.task.task_id,
        1,
        lambda: 130.0 - (harness.clock.now() - began).total_seconds(),
    )

    assert step.next == "poll"
    assert 90 < (harness.clock.now() - began).total_seconds() < 120


def test_it_is_asked_as_often_as_the_provider_wants_but_never_too_rarely(
    harness: PipelineHarness,
) -> None:
    """The interval that the provider names is kept, unless it would lose the job."""
    harness.providers.script("poll", Pending(None, 2.5), Pending(None, 60.0), Pending(None, 0.2))
    _asked(harness)
    harness.step("submit", harness.task.task_id)

    pauses = harness.clock.slept
    assert pauses[0] == 3
    assert pauses[1] >= 2.5
    assert max(pauses) < ALONE_S / 2


def test_trouble_while_asking_does_not_make_the_pauses_longer(harness: PipelineHarness) -> None:
    """Whoever waits as long as a busy provider asks for has lost the job."""
    harness.providers.polls = 3
    later = Throttled("come-back", "The provider is busy.", retry_after_s=120)
    harness.providers.script("poll", later, Busy("away", "Not now."), later)
    _asked(harness).run()

    assert harness.task.state == "succeeded"
    assert len(harness.clock.slept) >= 4
    assert max(harness.clock.slept) < ALONE_S / 2


def test_a_lost_job_is_made_anew_by_the_same_provider(harness: PipelineHarness) -> None:
    """It cost nothing; the second attempt has a number, and so a key, of its own."""
    harness.providers.script("poll", *LEFT_ALONE)
    _asked(harness).run()

    assert _outcomes(harness) == [("zeta", "lost", "no"), ("zeta", "succeeded", "yes")]
    assert harness.manifest()["cost"]["credits"] == 3.0


def test_after_three_lost_jobs_the_next_provider_is_asked(harness: PipelineHarness) -> None:
    """A provider that loses everything is not tried for ever."""
    harness.providers.script("poll", *LEFT_ALONE * 3)
    _asked(harness).run()

    assert _outcomes(harness) == [
        *[("zeta", "lost", "no")] * 3,
        ("gamma", "succeeded", "yes"),
    ]


def test_after_three_lost_jobs_of_the_only_provider_the_task_fails(
    harness: PipelineHarness,
) -> None:
    """The manifest says that nothing was charged."""
    harness.providers.script("poll", *LEFT_ALONE * 3)
    _asked(harness, provider="zeta").run()

    manifest = harness.manifest()
    assert manifest["failure"]["code"] == "job-lost"
    assert manifest["cost"]["credits"] == 0


def test_the_last_try_comes_after_every_documented_window_has_passed(
    harness: PipelineHarness,
) -> None:
    """What kept us from asking may have been a rate limit of five minutes."""
    harness.providers.script("poll", *LEFT_ALONE * 2)
    _asked(harness).run()

    second, third = harness.task.attempts[1:]
    assert second.ended_at is not None
    assert (third.started_at - second.ended_at).total_seconds() >= 300


def test_the_next_provider_is_asked_at_once_after_the_last_lost_job(
    harness: PipelineHarness,
) -> None:
    """It has lost nothing yet."""
    harness.providers.script("poll", *LEFT_ALONE * 3)
    _asked(harness).run()

    third, fourth = harness.task.attempts[2:]
    assert third.ended_at is not None
    assert (fourth.started_at - third.ended_at).total_seconds() < 5


def test_a_job_that_was_asked_about_in_time_and_is_unknown_is_not_paid_for_again(
    harness: PipelineHarness,
) -> None:
    """A job is lost only where nobody asked; else nobody can tell what became of it."""
    harness.providers.script("poll", Pending(), Pending(), *[LOST] * 8)
    _asked(harness).run()

    assert _outcomes(harness) == [("zeta", "given-up", "unknown")]
    assert harness.task.state == "failed"
    assert len(harness.providers.sent) == 1


def test_a_job_that_is_known_again_counts_as_seen(harness: PipelineHarness) -> None:
    """An answer that does not know it for a moment leaves no trace."""
    harness.providers.polls = 3
    harness.providers.script("poll", LOST)
    _asked(harness).run()

    assert harness.task.state == "succeeded"
    assert harness.task.last_attempt.unknown_since is None


def test_a_job_that_was_done_once_is_not_made_anew_for_nothing(harness: PipelineHarness) -> None:
    """It was charged when it was done: neither its result nor the job is there any more."""
    harness.providers.script("fetch", *[ResultGone("result-gone", "It is gone.")] * 100)
    _asked(harness)
    harness.run(until=["delivering"])
    harness.providers.script("poll", *[LOST] * 8)
    harness.run()

    assert harness.task.state == "failed"
    assert harness.manifest()["failure"]["code"] == "result-gone"
    assert _outcomes(harness) == [("zeta", "given-up", "yes")]
    assert len(harness.providers.sent) == 1


def test_a_job_that_cannot_be_asked_about_fits_the_history_of_its_run(
    harness: PipelineHarness,
) -> None:
    """Once its own time is over it has been lost, and nothing hurries any more."""
    away = Busy("provider-error", "The provider has trouble.")
    harness.providers.script("poll", *[away] * 30_000)
    _asked(harness, provider="zeta").run()

    assert harness.task.state == "failed"
    assert len(harness.steps) * 9 < 25_000


def test_a_job_that_was_found_late_had_been_alone_since_its_call(harness: PipelineHarness) -> None:
    """Nobody knew of it while the call was in doubt, so its loss cost nothing."""
    nothing = Unclear("no-answer", "Nothing came back.")
    harness.providers.script("submit", nothing)
    harness.providers.script("repeat", nothing, nothing)
    harness.providers.script("poll", *[LOST] * 4)
    _asked(harness).run()

    assert _outcomes(harness) == [("zeta", "lost", "no"), ("zeta", "succeeded", "yes")]
