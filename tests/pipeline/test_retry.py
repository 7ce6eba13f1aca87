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
from tests.pipeline.harness import PHOTO, SPEC, Died, Studio, in_state

GONE = ResultGone("result-gone", "The result is not at its address.")
NO_ANSWER = Unclear("no-answer", "It did not answer in time.")
DAYS_S = 9 * 24 * 3600
LAST_RUN = Limits(runs=1)
"""With which a run that breaks is not followed by another."""


def again(studio: Studio, *, pay_again: bool = False) -> None:
    """A person retries the only task, and its new run is driven to its end."""
    retry(studio.ports, studio.task.task_id, pay_again=pay_again)
    studio.run()


def refused(studio: Studio) -> str:
    """The code of the sentence that a person gets who does not want to pay again."""
    before = studio.task
    with pytest.raises(Refused) as refusal:
        retry(studio.ports, before.task_id)
    assert refusal.value.failure.next_step
    assert studio.task == before
    return refusal.value.failure.code


def state_of(studio: Studio) -> State:
    """How the only task stands by now."""
    return studio.task.state


def ordered(operation: str, **fields: Any) -> Studio:
    """A studio with a photo and a spec."""
    studio = Studio()
    studio.drop(PHOTO)
    studio.ask(operation, **fields)
    return studio


def broken_in(state: State, operation: str = JOB_KEY) -> Studio:
    """A task whose last run was stopped from outside in this state, and FAIL was told."""
    studio = Studio(limits=LAST_RUN)
    studio.drop(PHOTO)
    studio.ask(operation)
    studio.run(until=[state])
    fail(studio.ports, studio.task.task_id, 1, broken="ABORTED")
    return studio


def test_what_was_refused_is_submitted_anew(studio: Studio) -> None:
    """The provider had cost nothing; every choice is open again."""
    studio = in_state("failed")
    assert {a.outcome for a in studio.task.attempts} == {"refused"}
    again(studio)

    task = studio.task
    assert (task.state, task.run) == ("succeeded", 2)
    assert [a.run for a in task.attempts] == [1, 1, 2]
    assert task.attempts[-1].provider == task.attempts[0].provider
    assert len(studio.providers.charged) == 1
    assert studio.manifest()["run"] == 2


def test_a_job_is_asked_about_and_not_made_anew() -> None:
    """Its run was stopped while the provider was at work; the result is there by now."""
    studio = broken_in("running")
    assert studio.task.last_attempt.outcome == "given-up"
    again(studio)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1
    assert studio.manifest()["attempts"][0]["outcome"] == "succeeded"


def test_a_result_that_was_not_delivered_is_fetched_anew() -> None:
    """Its address went with the first run; the job has a new one."""
    studio = broken_in("delivering")
    assert studio.task.last_attempt.answer is None
    again(studio)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1


def test_an_answer_without_a_job_is_kept_for_the_next_run() -> None:
    """There is nobody to ask for it again: it lies beside the results until it is delivered."""
    studio = broken_in("delivering", SYNC_NONE)
    assert studio.task.last_attempt.answer is None
    again(studio)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1


def test_a_doubtful_call_is_looked_for() -> None:
    """The list of past calls has it by now."""
    studio = ordered(JOB_LOOKED_UP)
    studio.providers.say("submit", Lost(NO_ANSWER))
    studio.providers.say("look_up", *[Busy("trouble", "The list cannot be read.")] * 500)
    studio.run()
    assert state_of(studio) == "unknown"
    studio.providers.forget("look_up")
    again(studio)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1
    assert studio.task.last_attempt.outcome == "succeeded"


def test_a_doubtful_call_that_is_in_no_list_stays_doubtful() -> None:
    """It is looked for as patiently as the first time."""
    studio = ordered(JOB_LOOKED_UP)
    studio.providers.say("submit", NO_ANSWER)
    studio.run()
    looked = len(studio.steps)
    again(studio)

    assert state_of(studio) == "unknown"
    assert len(studio.steps) > looked + 3
    assert len(studio.providers.sent) == 1
    again(studio, pay_again=True)
    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 2


def test_a_doubtful_call_that_nobody_has_looked_for_is_looked_for_before_it_is_paid_again() -> None:
    """Its last run was stopped in the doubt."""
    studio = Studio(limits=LAST_RUN)
    studio.drop(PHOTO)
    studio.ask(JOB_LOOKED_UP)
    studio.providers.say("submit", Lost(NO_ANSWER))
    studio.door("submit", studio.task.task_id)
    studio.clock.advance(300)
    fail(studio.ports, studio.task.task_id, 1, broken="ABORTED")
    assert state_of(studio) == "unknown"
    again(studio, pay_again=True)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.charged) == 1


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_NONE])
def test_a_doubtful_call_that_nobody_can_tell_of_needs_a_word(operation: str) -> None:
    """Without it nothing is sent; with it there is a second attempt beside the doubtful one."""
    studio = ordered(operation)
    studio.providers.say("submit", NO_ANSWER)
    studio.run()
    assert refused(studio) == "paid-already"
    again(studio, pay_again=True)

    assert state_of(studio) == "succeeded"
    assert [(a.number, a.outcome) for a in studio.task.attempts] == [
        (1, "unknown"),
        (2, "succeeded"),
    ]
    assert studio.manifest()["cost"]["settled"] is False


def test_a_job_that_failed_and_was_charged_needs_a_word() -> None:
    """The provider has said its last word on it."""
    studio = ordered(JOB_NONE)
    studio.providers.say("poll", JobFailed("bad-luck", "It did not work.", "yes"))
    studio.run()
    assert studio.task.last_attempt.outcome == "failed"
    assert refused(studio) == "paid-already"
    again(studio, pay_again=True)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.charged) == 2


def test_with_a_word_too_the_job_is_asked_about_first() -> None:
    """Whoever retries a whole folder may not know which of its tasks have one."""
    studio = broken_in("running")
    again(studio, pay_again=True)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1


def test_however_often_a_job_cannot_be_asked_about_it_is_not_made_anew() -> None:
    """Its provider has not said its last word: it may be done all the same."""
    studio = broken_in("running", JOB_NONE)
    studio.providers.say("poll", *[Busy("trouble", "It cannot be asked.")] * 10_000)
    again(studio)
    assert studio.manifest()["failure"]["code"] == "job-unreachable"
    studio.providers.forget("poll")
    again(studio, pay_again=True)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1


def test_a_job_that_was_stopped_may_be_made_anew() -> None:
    """It took too long and its provider gave it up: there is nothing left to ask about."""
    studio = Studio(providers=FakeProviders(ROUTES, polls=1_000))
    studio.drop(PHOTO)
    studio.ask(JOB_NONE)
    studio.run()
    assert studio.manifest()["failure"]["code"] == "job-too-slow"
    assert refused(studio) == "paid-already"
    studio.providers.polls = 1
    again(studio, pay_again=True)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 2


def test_a_job_that_is_forgotten_by_now_is_not_made_anew_for_nothing() -> None:
    """That the provider does not know it any more does not say that it cost nothing."""
    studio = broken_in("running")
    studio.providers.say("poll", *[JobFailed("job-lost", "No such job.", "no")] * 10)
    again(studio)

    assert state_of(studio) == "failed"
    assert studio.manifest()["failure"]["code"] == "result-gone"
    assert len(studio.providers.sent) == 1


def test_a_jobs_id_that_was_kept_beside_the_table_is_taken_for_no_result() -> None:
    """The table did not take it for a while; the job is forgotten by now."""
    studio = broken_in("running")
    save_to_bucket(studio.ports, studio.task, 1, Accepted("job-1"))
    studio.providers.say("poll", *[JobFailed("job-lost", "No such job.", "no")] * 10)
    again(studio)

    assert state_of(studio) == "failed"
    assert studio.manifest()["failure"]["code"] == "result-gone"


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_KEY])
def test_a_result_that_could_not_be_fetched_is_fetched_by_a_retry(operation: str) -> None:
    """Its address and its job were kept; nothing is paid."""
    studio = ordered(operation)
    studio.providers.say("fetch", *[GONE] * 100)
    studio.run()
    assert studio.manifest()["failure"]["code"] == "result-gone"
    studio.providers.forget("fetch")
    again(studio)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1


def test_the_address_is_good_for_a_retry_though_the_job_is_forgotten() -> None:
    """The store was away for hours, and its provider keeps jobs for less."""
    studio = ordered(JOB_KEY)
    studio.providers.say("fetch", *[GONE] * 100)
    studio.run()
    studio.providers.forget("fetch")
    studio.providers.say("poll", *[JobFailed("job-lost", "No such job.", "unknown")] * 50)
    again(studio)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1


def test_a_result_that_was_too_large_is_fetched_when_more_is_allowed() -> None:
    """The limit is the operator's; what was made is paid for."""
    studio = Studio(limits=Limits(result_bytes=10))
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    studio.run()
    assert studio.manifest()["failure"]["code"] == "result-too-large"
    studio.ports = replace(studio.ports, limits=Limits())
    again(studio)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1


@pytest.mark.parametrize("operation", [SYNC_NONE, JOB_KEY])
def test_what_a_retry_could_not_fetch_may_be_paid_for_again(operation: str) -> None:
    """Not before: the first word to pay again fetches once more; the next step says when."""
    studio = ordered(operation)
    studio.providers.say("fetch", *[GONE] * 100)
    studio.run()
    assert "--pay-again" not in studio.manifest()["failure"]["next_step"]
    again(studio, pay_again=True)
    assert state_of(studio) == "failed"
    assert len(studio.providers.sent) == 1
    assert "--pay-again" in studio.manifest()["failure"]["next_step"]
    again(studio)
    assert len(studio.providers.sent) == 1
    studio.providers.forget("fetch")
    again(studio, pay_again=True)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 2


def test_inputs_that_came_too_late_are_found(studio: Studio) -> None:
    """The task failed for want of them."""
    studio.ask(JOB_KEY)
    studio.clock.advance(studio.limits.inputs_s)
    sweep(studio.ports)
    studio.run()
    assert refused(studio) == "inputs-missing"
    studio.drop(PHOTO)
    again(studio)

    assert state_of(studio) == "succeeded"


REFUSED: dict[str, Callable[[Studio], object]] = {
    "already-succeeded": lambda studio: studio.run(),
    "not-ended": lambda _studio: None,
    "superseded": lambda studio: studio.ask(JOB_KEY, params={"scale": 4}),
    "spec-deleted": lambda studio: studio.remove(SPEC),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_retried_is_refused_with_a_reason(code: str) -> None:
    """And nothing is changed."""
    studio = ordered(JOB_KEY)
    task_id = studio.task.task_id
    REFUSED[code](studio)
    before = studio.tasks.get(task_id)
    with pytest.raises(Refused) as refusal:
        retry(studio.ports, task_id)

    assert refusal.value.failure.code == code
    assert studio.tasks.get(task_id) == before


def test_a_refused_spec_has_to_be_corrected(studio: Studio) -> None:
    """There is nothing to submit."""
    studio.drop(SPEC, b"{}")
    studio.run()
    assert refused(studio) == "spec-refused"


def test_an_unknown_name_is_said_to_be_one(studio: Studio) -> None:
    """Perhaps it was mistyped."""
    with pytest.raises(Refused) as refusal:
        retry(studio.ports, "0" * 32)
    assert refusal.value.failure.code == "no-such-task"


def test_two_people_begin_one_run() -> None:
    """The second is told that the task is on its way."""
    studio = in_state("failed")
    retry(studio.ports, studio.task.task_id)
    assert refused_while_running(studio) == "not-ended"
    studio.run()

    assert studio.workflows.started == [(studio.task.task_id, 1), (studio.task.task_id, 2)]
    assert len(studio.providers.charged) == 1


def test_a_door_of_the_old_run_does_not_touch_the_new_one() -> None:
    """It may have been held up for as long."""
    studio = broken_in("running")
    task_id = studio.task.task_id
    retry(studio.ports, task_id)
    for door in ("submit", "poll", "deliver", "fail"):
        assert studio.door(door, task_id, run=1).next == "done"
    assert state_of(studio) == "running"


def test_a_retry_of_an_older_task_writes_beside_the_newer_one() -> None:
    """What was paid for is delivered, and the newer result stays where it is."""
    studio = broken_in("running")
    older = studio.task
    studio.ask(JOB_KEY, params={"scale": 4})
    studio.run()
    retry(studio.ports, older.task_id)
    studio.run()

    task = studio.tasks.get(older.task_id)
    assert task is not None
    assert task.state == "succeeded"
    assert f"@{older.task_id[:8]}" in task.manifest_key
    assert len(studio.providers.charged) == 2


def test_retries_come_after_any_time_that_a_task_is_remembered() -> None:
    """Nothing that was decided in the first run is too old to go on."""
    studio = broken_in("running")
    studio.clock.advance(DAYS_S)
    again(studio)
    assert state_of(studio) == "succeeded"


def test_a_large_answer_is_found_where_it_was_put() -> None:
    """Beside the item, as in the first run."""
    studio = Studio(limits=LAST_RUN)
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE, provider="alpha")
    studio.providers.say("submit", Finished((ResultRef("text", data="QUJD" * 50_000),)))
    studio.run(until=["delivering"])
    fail(studio.ports, studio.task.task_id, 1, broken="ABORTED")
    again(studio)

    assert state_of(studio) == "succeeded"
    assert len(studio.providers.sent) == 1


def test_the_next_run_may_ask_another_provider_after_a_refund() -> None:
    """As in a first run: confirmed, uncharged, and the provider is spent for this run."""
    studio = broken_in("running")
    studio.clock.advance(DAYS_S)
    studio.providers.say("poll", JobFailed("bad-luck", "It did not work.", "no"))
    again(studio)

    assert state_of(studio) == "succeeded"
    assert [a.provider for a in studio.task.attempts] == ["beta", "gamma"]


def refused_while_running(studio: Studio) -> str:
    """The code of the refusal of a task that is on its way."""
    with pytest.raises(Refused) as refusal:
        retry(studio.ports, studio.task.task_id)
    return refusal.value.failure.code


def test_an_answer_that_comes_after_the_next_attempt_began_does_not_take_its_place() -> None:
    """Whoever had it was held up; the newer attempt's own answer must not be lost for it."""
    studio = ordered(JOB_NONE, on_unknown="retry")
    submit, task_id = studio.providers.submit, studio.task.task_id

    def held_up(*args: Any) -> Any:
        said = submit(*args)
        studio.providers.submit = submit  # type: ignore[method-assign]
        studio.clock.advance(300)
        studio.door("submit", task_id)
        studio.providers.say("submit", Died())
        with pytest.raises(Died):
            studio.door("submit", task_id)
        return said

    studio.providers.submit = held_up  # type: ignore[method-assign, assignment]
    studio.door("submit", task_id)

    assert [(a.number, a.outcome) for a in studio.task.attempts] == [(1, "unknown"), (2, "open")]
    assert studio.task.state == "submitting"
