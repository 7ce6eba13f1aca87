"""A person may cancel a task until it is being delivered; what was paid for is never denied."""

from collections.abc import Callable

import pytest

from darkroom.domain.errors import Busy, DarkroomError, NotSent, Refused, Throttled
from darkroom.domain.provider_jobs import JobRequest, Prepared
from darkroom.domain.task import State
from darkroom.pipeline.cancel import cancel_for_user
from darkroom.pipeline.retry import retry
from tests.fakes.providers import FakeProviders
from tests.fakes.routes import JOB_KEY, JOB_NONE, ROUTES
from tests.pipeline.harness import PHOTO, Died, PipelineHarness, in_state, refusal

CALL_IS_OVER_S = 300
"""Longer than any paid call may take."""


def cancel(harness: PipelineHarness) -> None:
    """A person cancels the only task."""
    cancel_for_user(harness.ports, harness.task.task_id)


@pytest.mark.parametrize("state", ["waiting", "queued"])
def test_what_is_not_submitted_ends_at_once(state: State) -> None:
    """Nobody is called."""
    harness = in_state(state)
    cancel(harness)

    assert harness.task.state == "cancelled"
    assert harness.manifest()["failure"]["code"] == "cancelled"
    assert harness.event_kinds(harness.task.task_id) == {"Task Cancelled"}
    assert harness.providers.sent == []


def test_a_job_is_stopped_at_its_provider() -> None:
    """By the next door that comes by; it was charged, and the manifest says so."""
    harness = in_state("running")
    cancel(harness)
    assert harness.task.ending
    assert harness.providers.cancelled == []
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.providers.cancelled == [harness.task.last_attempt.job_id]
    assert harness.manifest()["attempts"][0]["charged"] == "yes"
    assert harness.manifest()["attempts"][0]["outcome"] == "failed"


def test_a_job_that_cannot_be_stopped_does_not_keep_the_task() -> None:
    """Its provider has no such call."""
    harness = _with_a_job_that_cannot_be_stopped()
    cancel(harness)
    harness.run()
    assert harness.task.state == "cancelled"


def test_a_paid_call_in_doubt_is_cleared_up_first() -> None:
    """Under its key the job is found, and stopped."""
    harness = in_state("submitting")
    cancel(harness)
    harness.clock.advance(CALL_IS_OVER_S)
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.providers.cancelled == [harness.task.last_attempt.job_id]
    assert harness.task.last_attempt.charged == "yes"


@pytest.mark.parametrize("on_unknown", ["hold", "retry"])
def test_a_paid_call_that_nobody_can_tell_of_is_not_called_cancelled(on_unknown: str) -> None:
    """Nobody knows whether it was accepted; and it is not made once more for a cancelled task."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(JOB_NONE, on_unknown=on_unknown)
    harness.providers.script("submit", Died())
    with pytest.raises(Died):
        harness.step("submit", harness.task.task_id)
    cancel(harness)
    harness.clock.advance(CALL_IS_OVER_S)
    harness.run()

    assert harness.task.state == "unknown"
    assert harness.task.last_attempt.charged == "unknown"
    assert len(harness.task.attempts) == 1


@pytest.mark.parametrize(
    "no",
    [
        refusal(),
        Throttled("rate-limited", "Later.", retry_after_s=5),
        NotSent("unreachable", "Nobody is there."),
    ],
    ids=["refused", "throttled", "not sent"],
)
def test_a_clear_no_to_a_call_under_way_is_kept(no: DarkroomError) -> None:
    """Nothing was paid, and the manifest of the cancelled task says so."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(JOB_NONE)
    submit = harness.providers.submit

    def refuse_meanwhile(work: JobRequest, intend: Callable[[Prepared], None]) -> object:
        def intend_and_stop(prepared: Prepared) -> None:
            intend(prepared)
            cancel(harness)

        harness.providers.script("submit", no)
        return submit(work, intend_and_stop)

    harness.providers.submit = refuse_meanwhile  # type: ignore[method-assign, assignment]
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.task.last_attempt.charged == "no"
    assert harness.manifest()["cost"]["credits"] == 0


def test_the_answer_of_a_call_under_way_is_kept() -> None:
    """It comes after the cancellation: the job is known, and is stopped."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(JOB_NONE)
    submit = harness.providers.submit

    def submit_meanwhile(*args: object) -> object:
        said = submit(*args)  # type: ignore[arg-type]
        cancel(harness)
        return said

    harness.providers.submit = submit_meanwhile  # type: ignore[method-assign, assignment]
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.providers.cancelled == [harness.task.last_attempt.job_id]


@pytest.mark.parametrize("state", ["delivering", "succeeded", "failed", "unknown"])
def test_what_is_done_stays_as_it_is(state: State) -> None:
    """A result that is paid for and there is worth more than a cancellation."""
    harness = in_state(state)
    before = harness.task
    with pytest.raises(Refused) as refusal:
        cancel(harness)
    assert refusal.value.failure.code == (
        "delivering" if state == "delivering" else "ended-already"
    )
    assert harness.task == before


def test_cancelling_twice_is_cancelling_once() -> None:
    """Whoever did it first may have died before saying so."""
    harness = in_state("cancelled")
    before = harness.task
    cancel(harness)
    assert harness.task == before


def test_an_unknown_name_cannot_be_cancelled(harness: PipelineHarness) -> None:
    """Perhaps it was mistyped."""
    with pytest.raises(Refused) as refusal:
        cancel_for_user(harness.ports, "0" * 32)
    assert refusal.value.failure.code == "no-such-task"


def test_a_cancelled_task_may_be_taken_up_again() -> None:
    """Its job was done before it could be stopped; nothing is paid for twice."""
    harness = _with_a_job_that_cannot_be_stopped()
    cancel(harness)
    harness.run()
    retry(harness.ports, harness.task.task_id)
    harness.run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1


def test_a_job_that_is_too_slow_is_stopped() -> None:
    """The task gives it up, and so does the provider."""
    harness = PipelineHarness(providers=FakeProviders(ROUTES, polls=10_000))
    harness.upload(PHOTO)
    harness.upload_spec(JOB_NONE)
    harness.run()

    assert harness.manifest()["failure"]["code"] == "job-too-slow"
    assert harness.providers.cancelled == [harness.task.last_attempt.job_id]


def test_a_job_that_cannot_be_asked_about_is_left_alone() -> None:
    """It was paid for, and may be done: a retry asks about it."""
    harness = in_state("running")
    harness.providers.script("poll", *[Busy("trouble", "It cannot be asked.")] * 10_000)
    harness.run()

    assert harness.manifest()["failure"]["code"] == "job-unreachable"
    assert harness.providers.cancelled == []


def _with_a_job_that_cannot_be_stopped() -> PipelineHarness:
    harness = PipelineHarness(providers=FakeProviders(ROUTES, uncancellable=frozenset({"beta"})))
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY)
    harness.run(until=["running"])
    return harness
