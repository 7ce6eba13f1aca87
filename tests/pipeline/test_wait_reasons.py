"""A task that waits for a minute or longer has the reason stored."""

import pytest

from darkroom.domain.errors import Busy, NotSent, Throttled, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed
from darkroom.domain.rate_limits import Rate, Rules
from darkroom.domain.turns import Turns
from darkroom.pipeline.admission.backoff import MIN_EXPLAINED_S
from darkroom.pipeline.paid_call.saved_answer import save_to_bucket
from darkroom.pipeline.paid_call.settle_unclear import RECONCILING
from darkroom.ports import Step
from tests.fakes.providers import Lost
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_LOOKED_UP
from tests.pipeline.harness import PHOTO, Died, PipelineHarness

AWAY = Busy("provider-error", "beta has trouble.")
LOST = JobFailed("job-lost", "zeta does not know the job.", "no")
NO_ANSWER = Unclear("no-answer", "The provider did not answer.")


def _asked(harness: PipelineHarness, operation: str) -> str:
    harness.upload(PHOTO)
    harness.upload_spec(operation)
    return harness.task.task_id


@pytest.mark.parametrize(
    "error",
    [AWAY, NotSent("no-route", "beta has trouble."), Throttled("busy", "beta has trouble.")],
)
def test_unreachable_job_has_a_wait_reason(harness: PipelineHarness, error: Exception) -> None:
    """A short wait needs no words; the reason goes with the first answer."""
    harness.providers.polls = 10
    task_id = _asked(harness, JOB_KEY)
    harness.step("submit", task_id)
    harness.providers.script("poll", error)
    assert harness.step("poll", task_id).wait_s < MIN_EXPLAINED_S
    assert harness.task.wait_reason is None

    harness.clock.advance(600)
    harness.providers.script("poll", error)
    assert harness.step("poll", task_id).wait_s >= MIN_EXPLAINED_S
    assert harness.task.wait_reason == "beta cannot be asked about the job: beta has trouble."
    harness.step("poll", task_id)
    assert harness.task.wait_reason is None


def test_lost_job_that_is_made_again_has_a_wait_reason(harness: PipelineHarness) -> None:
    """Its provider lost it twice, and is left alone for a while."""
    trouble: list[Busy | JobFailed] = [*[AWAY] * 4, *[LOST] * 4]
    harness.providers.script("poll", *trouble * 2)
    task_id = _asked(harness, JOB_ALONE)
    step, reasons = Step("submit"), list[str | None]()
    while step.next != "deliver":
        harness.clock.advance(step.wait_s)
        step = harness.step(step.next, task_id)
        if step.next == "submit" and step.wait_s >= MIN_EXPLAINED_S:
            reasons.append(harness.task.wait_reason)

    assert reasons == ["the job is made again: zeta does not know the job."]
    assert harness.task.wait_reason is None


@pytest.mark.parametrize("operation", [JOB_KEY, JOB_LOOKED_UP])
def test_unclear_call_has_a_wait_reason(harness: PipelineHarness, operation: str) -> None:
    """Until its job is known."""
    harness.providers.script("submit", Lost(NO_ANSWER))
    task_id = _asked(harness, operation)
    step = harness.step("submit", task_id)
    assert harness.task.wait_reason == f"{RECONCILING}: The provider did not answer."

    harness.clock.advance(step.wait_s)
    assert harness.step("submit", task_id).next == "poll"
    assert harness.task.wait_reason is None


def test_crash_while_reconciling_leaves_the_wait_reason(harness: PipelineHarness) -> None:
    """The next call of SUBMIT waits until that call is over."""
    harness.providers.script("submit", Died())
    task_id = _asked(harness, JOB_KEY)
    with pytest.raises(Died):
        harness.step("submit", task_id)
    harness.clock.advance(600)
    harness.providers.script("repeat", Died())
    with pytest.raises(Died):
        harness.step("submit", task_id)

    assert harness.step("submit", task_id).wait_s >= MIN_EXPLAINED_S
    assert harness.task.wait_reason == RECONCILING


def test_saved_answer_keeps_the_account_of_its_call(
    harness: PipelineHarness,
) -> None:
    """The key was replaced before anybody looked: the new one may be another account's."""
    harness.providers.accounts["beta"] = "one"
    harness.providers.script("submit", Died())
    task_id = _asked(harness, JOB_KEY)
    with pytest.raises(Died):
        harness.step("submit", task_id)
    save_to_bucket(harness.ports, harness.task, 1, Accepted("job-1"))
    harness.providers.accounts["beta"] = "two"
    harness.clock.advance(600)

    assert harness.step("submit", task_id).next == "poll"
    assert harness.task.last_attempt.account == "one"


def test_call_that_is_minutes_away_has_a_wait_reason(harness: PipelineHarness) -> None:
    """Before a poll, and before an unclear call is looked up."""
    rules = Rules(Rate(1, 3600))
    harness.providers.script("submit", Lost(NO_ANSWER))
    task_id = _asked(harness, JOB_LOOKED_UP)
    harness.clock.advance(harness.step("submit", task_id).wait_s)
    harness.providers.rules_of["epsilon"] = rules
    now = harness.clock.now().timestamp()
    harness.lines.given["epsilon"] = Turns(empty_at=now + 3600)
    step = harness.step("submit", task_id)
    assert step.wait_s >= MIN_EXPLAINED_S
    assert harness.task.wait_reason == f"{RECONCILING}: it waits for its turn at epsilon"
