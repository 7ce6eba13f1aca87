"""RETRY begins a new run of a task that ended badly, and never pays twice without `pay_again`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.errors import Busy, Refused, ResultGone, Unclear
from darkroom.domain.limits import Limits
from darkroom.domain.provider_jobs import Accepted, JobFailed
from darkroom.domain.task import State
from darkroom.pipeline.fail import fail
from darkroom.pipeline.paid_call.saved_answer import save_to_bucket
from darkroom.pipeline.retry import retry
from darkroom.pipeline.sweep import sweep
from tests.fakes.providers import FakeProviders, Lost
from tests.fakes.routes import JOB_KEY, JOB_LOOKED_UP, JOB_NONE, ROUTES, SYNC_NONE
from tests.pipeline.harness import PHOTO, SPEC, Died, PipelineHarness, in_state

GONE = ResultGone("result-gone", "The result is not at its address.")
NO_ANSWER = Unclear("no-answer", "It did not answer in time.")
DAYS_S = 9 * 24 * 3600
LAST_RUN = Limits(runs=1)
"""With which a run that breaks is not followed by another."""


def again(harness: PipelineHarness, *, pay_again: bool = False) -> None:
    """A person retries the only task, and its new run is driven to its end."""
    retry(harness.ports, harness.task.task_id, pay_again=pay_again)
    harness.run()


def refused(harness: PipelineHarness) -> str:
    """The code of the sentence that a person gets who does not want to pay again."""
    before = harness.task
    with pytest.raises(Refused) as refusal:
        retry(harness.ports, before.task_id)
    assert refusal.value.failure.next_step
    assert harness.task == before
    return refusal.value.failure.code


def state_of(harness: PipelineHarness) -> State:
    """How the only task stands by now."""
    return harness.task.state


def ordered(operation: str, **fields: Any) -> PipelineHarness:
    """A harness with a photo and a spec."""
    harness = PipelineHarness()
    harness.upload(PHOTO)
    harness.upload_spec(operation, **fields)
    return harness


def broken_in(state: State, operation: str = JOB_KEY) -> PipelineHarness:
    """A task whose last run was aborted in this state, with FAIL called for it."""
    harness = PipelineHarness(limits=LAST_RUN)
    harness.upload(PHOTO)
    harness.upload_spec(operation)
    harness.run(until=[state])
    fail(harness.ports, harness.task.task_id, 1, broken="ABORTED")
    return harness


def test_retry_of_a_refused_task_submits_it_again(harness: PipelineHarness) -> None:
    """The provider had charged nothing; every choice is open again."""
    harness = in_state("failed")
    assert {a.outcome for a in harness.task.attempts} == {"refused"}
    again(harness)

    task = harness.task
    assert (task.state, task.run) == ("succeeded", 2)
    assert [a.run for a in task.attempts] == [1, 1, 2]
    assert task.attempts[-1].provider == task.attempts[0].provider
    assert len(harness.providers.charged) == 1
    assert harness.manifest()["run"] == 2


def test_retry_polls_a_job_instead_of_making_it_again() -> None:
    """Its run was stopped while the job was running; the result exists by now."""
    harness = broken_in("running")
    assert harness.task.last_attempt.outcome == "given-up"
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1
    assert harness.manifest()["attempts"][0]["outcome"] == "succeeded"


def test_retry_fetches_an_undelivered_result() -> None:
    """Its URL was lost with the first run; the job has a new one."""
    harness = broken_in("delivering")
    assert harness.task.last_attempt.answer is None
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_archived_answer_without_a_job_is_delivered_by_the_next_run() -> None:
    """It cannot be requested again: it is in the bucket until it is delivered."""
    harness = broken_in("delivering", SYNC_NONE)
    assert harness.task.last_attempt.answer is None
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_retry_looks_an_unclear_call_up() -> None:
    """The list of past calls has it by now."""
    harness = ordered(JOB_LOOKED_UP)
    harness.providers.script("submit", Lost(NO_ANSWER))
    harness.providers.script("look_up", *[Busy("trouble", "The list cannot be read.")] * 500)
    harness.run()
    assert state_of(harness) == "unknown"
    harness.providers.forget("look_up")
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1
    assert harness.task.last_attempt.outcome == "succeeded"


def test_unclear_call_that_is_not_listed_stays_unknown() -> None:
    """It is looked up for as long as the first time."""
    harness = ordered(JOB_LOOKED_UP)
    harness.providers.script("submit", NO_ANSWER)
    harness.run()
    looked = len(harness.steps)
    again(harness)

    assert state_of(harness) == "unknown"
    assert len(harness.steps) > looked + 3
    assert len(harness.providers.sent) == 1
    again(harness, pay_again=True)
    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 2


def test_unclear_call_is_looked_up_before_it_is_paid_again() -> None:
    """Its last run was stopped before the look-up."""
    harness = PipelineHarness(limits=LAST_RUN)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_LOOKED_UP)
    harness.providers.script("submit", Lost(NO_ANSWER))
    harness.step("submit", harness.task.task_id)
    harness.clock.advance(300)
    fail(harness.ports, harness.task.task_id, 1, broken="ABORTED")
    assert state_of(harness) == "unknown"
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.charged) == 1


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_retry_of_an_unclear_call_requires_pay_again(operation: str) -> None:
    """Without it nothing is sent; with it there is a second attempt beside the unclear one."""
    harness = ordered(operation)
    harness.providers.script("submit", NO_ANSWER)
    harness.run()
    assert refused(harness) == "paid-already"
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert [(a.number, a.outcome) for a in harness.task.attempts] == [
        (1, "unknown"),
        (2, "succeeded"),
    ]
    assert harness.manifest()["cost"]["settled"] is False


def test_retry_of_a_charged_failed_job_requires_pay_again() -> None:
    """The provider has given its final status."""
    harness = ordered(JOB_NONE)
    harness.providers.script("poll", JobFailed("bad-luck", "It did not work.", "yes"))
    harness.run()
    assert harness.task.last_attempt.outcome == "failed"
    assert refused(harness) == "paid-already"
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.charged) == 2


def test_pay_again_polls_an_open_job_first() -> None:
    """A user who retries a whole folder may not know which of its tasks have one."""
    harness = broken_in("running")
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_unreachable_job_is_never_made_again() -> None:
    """Its provider has not given its final status: it may be done."""
    harness = broken_in("running", JOB_NONE)
    harness.providers.script("poll", *[Busy("trouble", "It cannot be asked.")] * 10_000)
    again(harness)
    assert harness.manifest()["failure"]["code"] == "job-unreachable"
    harness.providers.forget("poll")
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_stopped_job_may_be_made_again() -> None:
    """It took too long and its provider cancelled it: there is nothing left to poll."""
    harness = PipelineHarness(providers=FakeProviders(ROUTES, polls=1_000))
    harness.upload(PHOTO)
    harness.upload_spec(JOB_NONE)
    harness.run()
    assert harness.manifest()["failure"]["code"] == "job-too-slow"
    assert refused(harness) == "paid-already"
    harness.providers.polls = 1
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 2


def test_forgotten_job_is_not_made_again_as_uncharged() -> None:
    """That the provider no longer knows it does not mean that it cost nothing."""
    harness = broken_in("running")
    harness.providers.script("poll", *[JobFailed("job-lost", "No such job.", "no")] * 10)
    again(harness)

    assert state_of(harness) == "failed"
    assert harness.manifest()["failure"]["code"] == "result-gone"
    assert len(harness.providers.sent) == 1


def test_job_id_saved_in_the_bucket_is_no_result() -> None:
    """The table did not take it for a while; the provider has deleted the job by now."""
    harness = broken_in("running")
    save_to_bucket(harness.ports, harness.task, 1, Accepted("job-1"))
    harness.providers.script("poll", *[JobFailed("job-lost", "No such job.", "no")] * 10)
    again(harness)

    assert state_of(harness) == "failed"
    assert harness.manifest()["failure"]["code"] == "result-gone"


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_KEY])
def test_retry_fetches_a_result_that_was_unreachable(operation: str) -> None:
    """Its URL and its job were kept; nothing is paid."""
    harness = ordered(operation)
    harness.providers.script("fetch", *[GONE] * 100)
    harness.run()
    assert harness.manifest()["failure"]["code"] == "result-gone"
    harness.providers.forget("fetch")
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_retry_fetches_from_the_url_when_the_job_is_gone() -> None:
    """The store was down for hours, and its provider keeps jobs for less."""
    harness = ordered(JOB_KEY)
    harness.providers.script("fetch", *[GONE] * 100)
    harness.run()
    harness.providers.forget("fetch")
    harness.providers.script("poll", *[JobFailed("job-lost", "No such job.", "unknown")] * 50)
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_retry_fetches_a_too_large_result_under_a_higher_limit() -> None:
    """The limit is the operator's; the result is paid for."""
    harness = PipelineHarness(limits=Limits(result_bytes=10))
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE)
    harness.run()
    assert harness.manifest()["failure"]["code"] == "result-too-large"
    harness.ports = replace(harness.ports, limits=Limits())
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_KEY])
def test_pay_again_pays_only_after_a_retry_could_not_fetch(operation: str) -> None:
    """Not before: the first retry fetches again; the next step says when."""
    harness = ordered(operation)
    harness.providers.script("fetch", *[GONE] * 100)
    harness.run()
    assert "--pay-again" not in harness.manifest()["failure"]["next_step"]
    again(harness, pay_again=True)
    assert state_of(harness) == "failed"
    assert len(harness.providers.sent) == 1
    assert "--pay-again" in harness.manifest()["failure"]["next_step"]
    again(harness)
    assert len(harness.providers.sent) == 1
    harness.providers.forget("fetch")
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 2


def test_retry_finds_inputs_that_came_too_late(harness: PipelineHarness) -> None:
    """The task failed because they were missing."""
    harness.upload_spec(JOB_KEY)
    harness.clock.advance(harness.limits.inputs_s)
    sweep(harness.ports)
    harness.run()
    assert refused(harness) == "inputs-missing"
    harness.upload(PHOTO)
    again(harness)

    assert state_of(harness) == "succeeded"


REFUSED: dict[str, Callable[[PipelineHarness], object]] = {
    "already-succeeded": lambda harness: harness.run(),
    "not-ended": lambda _studio: None,
    "superseded": lambda harness: harness.upload_spec(JOB_KEY, params={"scale": 4}),
    "spec-deleted": lambda harness: harness.delete(SPEC),
}


@pytest.mark.parametrize("code", REFUSED)
def test_retry_refuses_with_the_reason(code: str) -> None:
    """And nothing is changed."""
    harness = ordered(JOB_KEY)
    task_id = harness.task.task_id
    REFUSED[code](harness)
    before = harness.tasks.get(task_id)
    with pytest.raises(Refused) as refusal:
        retry(harness.ports, task_id)

    assert refusal.value.failure.code == code
    assert harness.tasks.get(task_id) == before


def test_retry_of_a_refused_spec_is_refused(harness: PipelineHarness) -> None:
    """There is nothing to submit."""
    harness.upload(SPEC, b"{}")
    harness.run()
    assert refused(harness) == "spec-refused"


def test_retry_refuses_an_unknown_task(harness: PipelineHarness) -> None:
    """Perhaps it was mistyped."""
    with pytest.raises(Refused) as refusal:
        retry(harness.ports, "0" * 32)
    assert refusal.value.failure.code == "no-such-task"


def test_two_retries_begin_one_run() -> None:
    """The second is refused because the task is running."""
    harness = in_state("failed")
    retry(harness.ports, harness.task.task_id)
    assert refused_while_running(harness) == "not-ended"
    harness.run()

    assert harness.workflows.started == [(harness.task.task_id, 1), (harness.task.task_id, 2)]
    assert len(harness.providers.charged) == 1


def test_step_of_the_old_run_does_not_touch_the_new_one() -> None:
    """It may have been slow."""
    harness = broken_in("running")
    task_id = harness.task.task_id
    retry(harness.ports, task_id)
    for verb in ("submit", "poll", "deliver", "fail"):
        assert harness.step(verb, task_id, run=1).next == "done"
    assert state_of(harness) == "running"


def test_retry_of_an_older_task_moves_aside() -> None:
    """What was paid for is delivered, and the newer result stays."""
    harness = broken_in("running")
    older = harness.task
    harness.upload_spec(JOB_KEY, params={"scale": 4})
    harness.run()
    retry(harness.ports, older.task_id)
    harness.run()

    task = harness.tasks.get(older.task_id)
    assert task is not None
    assert task.state == "succeeded"
    assert f"@{older.task_id[:8]}" in task.manifest_key
    assert len(harness.providers.charged) == 2


def test_retry_works_as_long_as_the_task_is_stored() -> None:
    """Nothing that the first run decided is too old to continue."""
    harness = broken_in("running")
    harness.clock.advance(DAYS_S)
    again(harness)
    assert state_of(harness) == "succeeded"


def test_retry_finds_a_large_answer_in_the_bucket() -> None:
    """As in the first run."""
    harness = PipelineHarness(limits=LAST_RUN)
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE, provider="alpha")
    harness.providers.script("submit", Finished((ResultRef("text", data="QUJD" * 50_000),)))
    harness.run(until=["delivering"])
    fail(harness.ports, harness.task.task_id, 1, broken="ABORTED")
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_new_run_may_use_another_provider_after_a_refund() -> None:
    """As in a first run: confirmed and uncharged; this run does not use the provider again."""
    harness = broken_in("running")
    harness.clock.advance(DAYS_S)
    harness.providers.script("poll", JobFailed("bad-luck", "It did not work.", "no"))
    again(harness)

    assert state_of(harness) == "succeeded"
    assert [a.provider for a in harness.task.attempts] == ["beta", "gamma"]


def refused_while_running(harness: PipelineHarness) -> str:
    """The code of the refusal of a task that is on its way."""
    with pytest.raises(Refused) as refusal:
        retry(harness.ports, harness.task.task_id)
    return refusal.value.failure.code


def test_late_answer_does_not_replace_the_next_attempt() -> None:
    """Its call was slow; the newer attempt's own answer must not be lost for it."""
    harness = ordered(JOB_NONE, on_unknown="retry")
    submit, task_id = harness.providers.submit, harness.task.task_id

    def held_up(*args: Any) -> Any:
        said = submit(*args)
        harness.providers.submit = submit  # type: ignore[method-assign]
        harness.clock.advance(300)
        harness.step("submit", task_id)
        harness.providers.script("submit", Died())
        with pytest.raises(Died):
            harness.step("submit", task_id)
        return said

    harness.providers.submit = held_up  # type: ignore[method-assign, assignment]
    harness.step("submit", task_id)

    assert [(a.number, a.outcome) for a in harness.task.attempts] == [(1, "unknown"), (2, "open")]
    assert harness.task.state == "submitting"
