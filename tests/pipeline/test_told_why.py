"""Whoever stands still for a minute or longer says why on the task."""

import pytest

from darkroom.domain.errors import Busy, NotSent, Throttled, Unclear
from darkroom.domain.provider_jobs import Accepted, JobFailed
from darkroom.domain.rate_limits import LANES, Rate, Rules, bucket_of
from darkroom.pipeline.admission.backoff import MIN_EXPLAINED_S
from darkroom.pipeline.paid_call.saved_answer import save_to_bucket
from darkroom.pipeline.paid_call.settle import RECONCILING
from darkroom.ports import Step
from tests.fakes.providers import Lost
from tests.fakes.routes import JOB_ALONE, JOB_KEY, JOB_LOOKED_UP
from tests.pipeline.harness import PHOTO, Died, Studio

AWAY = Busy("provider-error", "beta has trouble.")
LOST = JobFailed("job-lost", "zeta does not know the job.", "no")
NO_ANSWER = Unclear("no-answer", "The provider did not answer.")


def _asked(studio: Studio, operation: str) -> str:
    studio.drop(PHOTO)
    studio.ask(operation)
    return studio.task.task_id


@pytest.mark.parametrize(
    "error",
    [AWAY, NotSent("no-route", "beta has trouble."), Throttled("busy", "beta has trouble.")],
)
def test_a_job_that_cannot_be_asked_about_for_minutes_says_so(
    studio: Studio, error: Exception
) -> None:
    """A short wait needs no words; the reason goes with the first answer."""
    studio.providers.polls = 10
    task_id = _asked(studio, JOB_KEY)
    studio.door("submit", task_id)
    studio.providers.say("poll", error)
    assert studio.door("poll", task_id).wait_s < MIN_EXPLAINED_S
    assert studio.task.wait_reason is None

    studio.clock.advance(600)
    studio.providers.say("poll", error)
    assert studio.door("poll", task_id).wait_s >= MIN_EXPLAINED_S
    assert studio.task.wait_reason == "beta cannot be asked about the job: beta has trouble."
    studio.door("poll", task_id)
    assert studio.task.wait_reason is None


def test_a_job_that_is_made_again_after_minutes_says_why(studio: Studio) -> None:
    """Its provider lost it twice, and is left alone for a while."""
    trouble: list[Busy | JobFailed] = [*[AWAY] * 4, *[LOST] * 4]
    studio.providers.say("poll", *trouble * 2)
    task_id = _asked(studio, JOB_ALONE)
    step, reasons = Step("submit"), list[str | None]()
    while step.next != "deliver":
        studio.clock.advance(step.wait_s)
        step = studio.door(step.next, task_id)
        if step.next == "submit" and step.wait_s >= MIN_EXPLAINED_S:
            reasons.append(studio.task.wait_reason)

    assert reasons == ["the job is made again: zeta does not know the job."]
    assert studio.task.wait_reason is None


def test_a_place_in_the_pace_is_used_for_one_question(studio: Studio) -> None:
    """Whoever asks again a few seconds later takes another one."""
    studio.providers.polls = 10
    rules = studio.providers.rules_of["beta"] = Rules(Rate(30, 60))
    task_id = _asked(studio, JOB_KEY)
    studio.clock.advance(studio.door("submit", task_id).wait_s)
    bucket = bucket_of(rules)
    assert bucket is not None
    for lane in LANES:
        studio.limiter.reserve("beta", lane, bucket, studio.clock.now().timestamp(), 2)
    studio.clock.advance(studio.door("poll", task_id).wait_s)
    taken = len(studio.limiter.granted)
    for more in range(3):
        studio.clock.advance(studio.door("poll", task_id).wait_s)
        assert len(studio.limiter.granted) == taken + more


@pytest.mark.parametrize("operation", [JOB_KEY, JOB_LOOKED_UP])
def test_a_call_whose_fate_is_unclear_says_that_it_is_being_found_out(
    studio: Studio, operation: str
) -> None:
    """Until its job is known."""
    studio.providers.say("submit", Lost(NO_ANSWER))
    task_id = _asked(studio, operation)
    step = studio.door("submit", task_id)
    assert studio.task.wait_reason == f"{RECONCILING}: The provider did not answer."

    studio.clock.advance(step.wait_s)
    assert studio.door("submit", task_id).next == "poll"
    assert studio.task.wait_reason is None


def test_whoever_dies_while_finding_out_leaves_the_reason_behind(studio: Studio) -> None:
    """The next one waits until that call is over."""
    studio.providers.say("submit", Died())
    task_id = _asked(studio, JOB_KEY)
    with pytest.raises(Died):
        studio.door("submit", task_id)
    studio.clock.advance(600)
    studio.providers.say("repeat", Died())
    with pytest.raises(Died):
        studio.door("submit", task_id)

    assert studio.door("submit", task_id).wait_s >= MIN_EXPLAINED_S
    assert studio.task.wait_reason == RECONCILING


def test_an_answer_that_lay_beside_keeps_the_account_that_was_asked(studio: Studio) -> None:
    """The key was replaced before anybody looked: the new one may be another account's."""
    studio.providers.accounts["beta"] = "one"
    studio.providers.say("submit", Died())
    task_id = _asked(studio, JOB_KEY)
    with pytest.raises(Died):
        studio.door("submit", task_id)
    save_to_bucket(studio.ports, studio.task, 1, Accepted("job-1"))
    studio.providers.accounts["beta"] = "two"
    studio.clock.advance(600)

    assert studio.door("submit", task_id).next == "poll"
    assert studio.task.last_attempt.account == "one"


def test_a_place_in_the_pace_that_is_minutes_away_is_told(studio: Studio) -> None:
    """Whether a job is to be asked about, or a doubtful call."""
    rules = Rules(Rate(1, 3600))
    studio.providers.say("submit", Lost(NO_ANSWER))
    task_id = _asked(studio, JOB_LOOKED_UP)
    studio.clock.advance(studio.door("submit", task_id).wait_s)
    studio.providers.rules_of["epsilon"] = rules
    now = studio.clock.now().timestamp()
    bucket = bucket_of(rules)
    assert bucket is not None
    for lane in LANES:
        studio.limiter.reserve("epsilon", lane, bucket, now, 1, None)
    step = studio.door("submit", task_id)
    assert step.wait_s >= MIN_EXPLAINED_S
    assert studio.task.wait_reason == f"{RECONCILING}: it waits for its turn at epsilon"
