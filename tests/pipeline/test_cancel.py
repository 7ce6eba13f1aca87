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
def test_cancel_ends_an_unsubmitted_task_at_once(state: State) -> None:
    """No provider is called."""
    harness = in_state(state)
    cancel(harness)

    assert harness.task.state == "cancelled"
    assert harness.manifest()["failure"]["code"] == "cancelled"
    assert harness.event_kinds(harness.task.task_id) == {"Task Cancelled"}
    assert harness.providers.sent == []


def test_cancelled_task_stops_its_job() -> None:
    """Its next step does; the job was charged, and the manifest says so."""
    harness = in_state("running")
    cancel(harness)
    assert harness.task.ending
    assert harness.providers.cancelled == []
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.providers.cancelled == [harness.task.last_attempt.job_id]
    assert harness.manifest()["attempts"][0]["charged"] == "yes"
    assert harness.manifest()["attempts"][0]["outcome"] == "failed"


def test_cancelled_task_leaves_a_job_of_another_attempt_alone() -> None:
    """Its provider named the same job twice."""
    harness = in_state("running")
    task = harness.task
    job_id = task.last_attempt.job_id or ""
    harness.tasks._jobs["beta", job_id] = ("another", 1)
    cancel_for_user(harness.ports, task.task_id)
    harness.step("fail", task.task_id)

    assert harness.task.state == "cancelled"
    assert harness.providers.cancelled == []


def test_cancelled_task_ends_though_its_job_cannot_be_stopped() -> None:
    """Its provider has no such call."""
    harness = _with_a_job_that_cannot_be_stopped()
    cancel(harness)
    harness.run()
    assert harness.task.state == "cancelled"


def test_cancelled_task_settles_a_call_in_doubt_first() -> None:
    """The job is found under its key, and stopped."""
    harness = in_state("submitting")
    cancel(harness)
    harness.clock.advance(CALL_IS_OVER_S)
    harness.run()

    assert harness.task.state == "cancelled"
    assert harness.providers.cancelled == [harness.task.last_attempt.job_id]
    assert harness.task.last_attempt.charged == "yes"


@pytest.mark.parametrize("on_unknown", ["hold", "retry"])
def test_cancelled_task_with_an_unknown_call_ends_unknown(on_unknown: str) -> None:
    """It is not known whether the call was accepted; it is not repeated for a cancelled task."""
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
        NotSent("unreachable", "The host does not answer."),
    ],
    ids=["refused", "throttled", "not sent"],
)
def test_refusal_of_a_call_in_flight_is_recorded_after_a_cancel(no: DarkroomError) -> None:
    """Nothing was paid, and the manifest says so."""
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


def test_answer_of_a_call_in_flight_is_recorded_after_a_cancel() -> None:
    """The job is known, and is stopped."""
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
def test_cancel_does_not_change_a_delivering_or_ended_task(state: State) -> None:
    """A result that is paid for is worth more than a cancellation."""
    harness = in_state(state)
    before = harness.task
    with pytest.raises(Refused) as refusal:
        cancel(harness)
    assert refusal.value.failure.code == (
        "delivering" if state == "delivering" else "ended-already"
    )
    assert harness.task == before


def test_cancel_is_safe_to_repeat() -> None:
    """The process that did it first may have died before the event."""
    harness = in_state("cancelled")
    before = harness.task
    cancel(harness)
    assert harness.task == before


def test_cancel_refuses_an_unknown_task(harness: PipelineHarness) -> None:
    """Perhaps it was mistyped."""
    with pytest.raises(Refused) as refusal:
        cancel_for_user(harness.ports, "0" * 32)
    assert refusal.value.failure.code == "no-such-task"


def test_cancelled_task_can_be_retried() -> None:
    """Its job was done before it could be stopped; nothing is paid twice."""
    harness = _with_a_job_that_cannot_be_stopped()
    cancel(harness)
    harness.run()
    retry(harness.ports, harness.task.task_id)
    harness.run()

    assert harness.task.state == "succeeded"
    assert len(harness.providers.sent) == 1


def test_too_slow_job_is_stopped() -> None:
    """The task gives it up, and so does the provider."""
    harness = PipelineHarness(providers=FakeProviders(ROUTES, polls=10_000))
    harness.upload(PHOTO)
    harness.upload_spec(JOB_NONE)
    harness.run()

    assert harness.manifest()["failure"]["code"] == "job-too-slow"
    assert harness.providers.cancelled == [harness.task.last_attempt.job_id]


def test_unreachable_job_is_not_stopped() -> None:
    """It was paid for, and may be done: a retry polls it."""
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
