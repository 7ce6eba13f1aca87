"""RETRY begins a new run of what ended badly, and pays for nothing twice unless it is told to."""

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
    """A task whose last run was stopped from outside in this state, and FAIL was told."""
    harness = PipelineHarness(limits=LAST_RUN)
    harness.upload(PHOTO)
    harness.upload_spec(operation)
    harness.run(until=[state])
    fail(harness.ports, harness.task.task_id, 1, broken="ABORTED")
    return harness


def test_what_was_refused_is_submitted_anew(harness: PipelineHarness) -> None:
    """The provider had cost nothing; every choice is open again."""
    harness = in_state("failed")
    assert {a.outcome for a in harness.task.attempts} == {"refused"}
    again(harness)

    task = harness.task
    assert (task.state, task.run) == ("succeeded", 2)
    assert [a.run for a in task.attempts] == [1, 1, 2]
    assert task.attempts[-1].provider == task.attempts[0].provider
    assert len(harness.providers.charged) == 1
    assert harness.manifest()["run"] == 2


def test_a_job_is_asked_about_and_not_made_anew() -> None:
    """Its run was stopped while the provider was at work; the result is there by now."""
    harness = broken_in("running")
    assert harness.task.last_attempt.outcome == "given-up"
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1
    assert harness.manifest()["attempts"][0]["outcome"] == "succeeded"


def test_a_result_that_was_not_delivered_is_fetched_anew() -> None:
    """Its address went with the first run; the job has a new one."""
    harness = broken_in("delivering")
    assert harness.task.last_attempt.answer is None
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_an_answer_without_a_job_is_kept_for_the_next_run() -> None:
    """There is nobody to ask for it again: it lies beside the results until it is delivered."""
    harness = broken_in("delivering", SYNC_NONE)
    assert harness.task.last_attempt.answer is None
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_a_doubtful_call_is_looked_for() -> None:
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


def test_a_doubtful_call_that_is_in_no_list_stays_doubtful() -> None:
    """It is looked for as patiently as the first time."""
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


def test_a_doubtful_call_that_nobody_has_looked_for_is_looked_for_before_it_is_paid_again() -> None:
    """Its last run was stopped in the doubt."""
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
def test_a_doubtful_call_that_nobody_can_tell_of_needs_a_word(operation: str) -> None:
    """Without it nothing is sent; with it there is a second attempt beside the doubtful one."""
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


def test_a_job_that_failed_and_was_charged_needs_a_word() -> None:
    """The provider has said its last word on it."""
    harness = ordered(JOB_NONE)
    harness.providers.script("poll", JobFailed("bad-luck", "It did not work.", "yes"))
    harness.run()
    assert harness.task.last_attempt.outcome == "failed"
    assert refused(harness) == "paid-already"
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.charged) == 2


def test_with_a_word_too_the_job_is_asked_about_first() -> None:
    """Whoever retries a whole folder may not know which of its tasks have one."""
    harness = broken_in("running")
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_however_often_a_job_cannot_be_asked_about_it_is_not_made_anew() -> None:
    """Its provider has not said its last word: it may be done all the same."""
    harness = broken_in("running", JOB_NONE)
    harness.providers.script("poll", *[Busy("trouble", "It cannot be asked.")] * 10_000)
    again(harness)
    assert harness.manifest()["failure"]["code"] == "job-unreachable"
    harness.providers.forget("poll")
    again(harness, pay_again=True)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_a_job_that_was_stopped_may_be_made_anew() -> None:
    """It took too long and its provider gave it up: there is nothing left to ask about."""
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


def test_a_job_that_is_forgotten_by_now_is_not_made_anew_for_nothing() -> None:
    """That the provider does not know it any more does not say that it cost nothing."""
    harness = broken_in("running")
    harness.providers.script("poll", *[JobFailed("job-lost", "No such job.", "no")] * 10)
    again(harness)

    assert state_of(harness) == "failed"
    assert harness.manifest()["failure"]["code"] == "result-gone"
    assert len(harness.providers.sent) == 1


def test_a_jobs_id_that_was_kept_beside_the_table_is_taken_for_no_result() -> None:
    """The table did not take it for a while; the job is forgotten by now."""
    harness = broken_in("running")
    save_to_bucket(harness.ports, harness.task, 1, Accepted("job-1"))
    harness.providers.script("poll", *[JobFailed("job-lost", "No such job.", "no")] * 10)
    again(harness)

    assert state_of(harness) == "failed"
    assert harness.manifest()["failure"]["code"] == "result-gone"


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_KEY])
def test_a_result_that_could_not_be_fetched_is_fetched_by_a_retry(operation: str) -> None:
    """Its address and its job were kept; nothing is paid."""
    harness = ordered(operation)
    harness.providers.script("fetch", *[GONE] * 100)
    harness.run()
    assert harness.manifest()["failure"]["code"] == "result-gone"
    harness.providers.forget("fetch")
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_the_address_is_good_for_a_retry_though_the_job_is_forgotten() -> None:
    """The store was away for hours, and its provider keeps jobs for less."""
    harness = ordered(JOB_KEY)
    harness.providers.script("fetch", *[GONE] * 100)
    harness.run()
    harness.providers.forget("fetch")
    harness.providers.script("poll", *[JobFailed("job-lost", "No such job.", "unknown")] * 50)
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_a_result_that_was_too_large_is_fetched_when_more_is_allowed() -> None:
    """The limit is the operator's; what was made is paid for."""
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
def test_what_a_retry_could_not_fetch_may_be_paid_for_again(operation: str) -> None:
    """Not before: the first word to pay again fetches once more; the next step says when."""
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


def test_inputs_that_came_too_late_are_found(harness: PipelineHarness) -> None:
    """The task failed for want of them."""
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
def test_what_cannot_be_retried_is_refused_with_a_reason(code: str) -> None:
    """And nothing is changed."""
    harness = ordered(JOB_KEY)
    task_id = harness.task.task_id
    REFUSED[code](harness)
    before = harness.tasks.get(task_id)
    with pytest.raises(Refused) as refusal:
        retry(harness.ports, task_id)

    assert refusal.value.failure.code == code
    assert harness.tasks.get(task_id) == before


def test_a_refused_spec_has_to_be_corrected(harness: PipelineHarness) -> None:
    """There is nothing to submit."""
    harness.upload(SPEC, b"{}")
    harness.run()
    assert refused(harness) == "spec-refused"


def test_an_unknown_name_is_said_to_be_one(harness: PipelineHarness) -> None:
    """Perhaps it was mistyped."""
    with pytest.raises(Refused) as refusal:
        retry(harness.ports, "0" * 32)
    assert refusal.value.failure.code == "no-such-task"


def test_two_people_begin_one_run() -> None:
    """The second is told that the task is on its way."""
    harness = in_state("failed")
    retry(harness.ports, harness.task.task_id)
    assert refused_while_running(harness) == "not-ended"
    harness.run()

    assert harness.workflows.started == [(harness.task.task_id, 1), (harness.task.task_id, 2)]
    assert len(harness.providers.charged) == 1


def test_a_door_of_the_old_run_does_not_touch_the_new_one() -> None:
    """It may have been held up for as long."""
    harness = broken_in("running")
    task_id = harness.task.task_id
    retry(harness.ports, task_id)
    for door in ("submit", "poll", "deliver", "fail"):
        assert harness.step(door, task_id, run=1).next == "done"
    assert state_of(harness) == "running"


def test_a_retry_of_an_older_task_writes_beside_the_newer_one() -> None:
    """What was paid for is delivered, and the newer result stays where it is."""
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


def test_retries_come_after_any_time_that_a_task_is_remembered() -> None:
    """Nothing that was decided in the first run is too old to go on."""
    harness = broken_in("running")
    harness.clock.advance(DAYS_S)
    again(harness)
    assert state_of(harness) == "succeeded"


def test_a_large_answer_is_found_where_it_was_put() -> None:
    """Beside the item, as in the first run."""
    harness = PipelineHarness(limits=LAST_RUN)
    harness.upload(PHOTO)
    harness.upload_spec(SYNC_NONE, provider="alpha")
    harness.providers.script("submit", Finished((ResultRef("text", data="QUJD" * 50_000),)))
    harness.run(until=["delivering"])
    fail(harness.ports, harness.task.task_id, 1, broken="ABORTED")
    again(harness)

    assert state_of(harness) == "succeeded"
    assert len(harness.providers.sent) == 1


def test_the_next_run_may_ask_another_provider_after_a_refund() -> None:
    """As in a first run: confirmed, uncharged, and the provider is spent for this run."""
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


def test_an_answer_that_comes_after_the_next_attempt_began_does_not_take_its_place() -> None:
    """Whoever had it was held up; the newer attempt's own answer must not be lost for it."""
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
