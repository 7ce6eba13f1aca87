"""A job is asked after until it is done, has failed, or has taken too long."""

from typing import Any

import pytest

from darkroom.domain.errors import Busy, Throttled
from darkroom.domain.provider_jobs import JobFailed, Pending
from tests.fakes.routes import JOB_KEY, JOB_NONE
from tests.pipeline.harness import PHOTO, Studio

TROUBLE = (
    Throttled("come-back", "The provider is busy.", retry_after_s=30),
    Busy("provider-error", "The provider has trouble."),
)


def _asked(studio: Studio, operation: str, **fields: Any) -> Studio:
    studio.drop(PHOTO)
    studio.ask(operation, **fields)
    return studio


def test_the_first_poll_comes_after_half_the_usual_time(studio: Studio) -> None:
    """The route says how long such a job usually takes."""
    _asked(studio, JOB_KEY)
    step = studio.door("submit", studio.task.task_id)

    assert (step.next, step.wait_s) == ("poll", 3)


def test_waits_grow_with_the_time_the_job_takes(studio: Studio) -> None:
    """A job of an hour is not asked after every second."""
    studio.providers.polls = 40
    _asked(studio, JOB_KEY).run()

    waits = [step.wait_s for step in studio.steps if step.next == "poll"]
    assert studio.task.state == "succeeded"
    assert waits[1:] == sorted(waits[1:])
    assert max(waits) <= 60


@pytest.mark.parametrize("error", TROUBLE)
def test_trouble_while_asking_is_waited_out(studio: Studio, error: Exception) -> None:
    """The job lives on at the provider."""
    studio.providers.say("poll", *[error] * 20)
    _asked(studio, JOB_KEY).run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.charged) == 1


def test_a_provider_that_asks_to_wait_is_waited_for(studio: Studio) -> None:
    """At least as long as it says."""
    studio.providers.say("poll", TROUBLE[0])
    _asked(studio, JOB_KEY).run()

    assert 30 in [step.wait_s for step in studio.steps]


def test_an_unknown_word_stands_on_the_task_while_it_is_waited_for(studio: Studio) -> None:
    """And no longer than the provider says it."""
    studio.providers.say("poll", Pending(note="dreaming"), Pending(), Pending(note="dozing"))
    task_id = _asked(studio, JOB_KEY).task.task_id
    studio.door("submit", task_id)

    assert studio.door("poll", task_id).next == "poll"
    assert "unknown status 'dreaming'" in (studio.task.wait_reason or "")
    studio.door("poll", task_id)
    assert studio.task.wait_reason is None
    studio.door("poll", task_id)
    assert "'dozing'" in (studio.task.wait_reason or "")

    studio.run()
    assert studio.task.state == "succeeded"
    assert studio.task.wait_reason is None


def test_a_job_that_takes_too_long_is_given_up_and_stopped(studio: Studio) -> None:
    """The provider is asked to cancel it; the manifest says what happened."""
    studio.providers.polls = 10**6
    _asked(studio, JOB_NONE).run()

    assert studio.manifest()["failure"]["code"] == "job-too-slow"
    assert studio.manifest()["attempts"][0]["charged"] == "yes"
    assert studio.providers.cancelled == ["job-1"]


def test_a_job_that_cannot_be_stopped_is_given_up_all_the_same(studio: Studio) -> None:
    """The cancellation is a courtesy."""
    studio.providers.polls = 10**6
    studio.providers.say("cancel", TROUBLE[1])
    _asked(studio, JOB_NONE).run()

    assert studio.task.state == "failed"


def test_a_failed_job_that_cost_nothing_goes_to_the_next_provider(studio: Studio) -> None:
    """Beta gives its credits back; gamma may try."""
    studio.providers.say("poll", Pending(), JobFailed("bad-image", "It has no face.", "no"))
    _asked(studio, JOB_KEY).run()

    manifest = studio.manifest()
    assert [(a["provider"], a["outcome"], a["charged"]) for a in manifest["attempts"]] == [
        ("beta", "failed", "no"),
        ("gamma", "succeeded", "yes"),
    ]
    assert manifest["cost"]["credits"] == 3.0


@pytest.mark.parametrize("charged", ["yes", "unknown"])
def test_a_failed_job_that_may_have_cost_something_ends_the_task(
    studio: Studio, charged: str
) -> None:
    """Nobody is paid a second time without being asked."""
    studio.providers.say("poll", JobFailed("bad-image", "It has no face.", charged))  # type: ignore[arg-type]
    _asked(studio, JOB_KEY).run()

    manifest = studio.manifest()
    assert manifest["failure"]["code"] == "bad-image"
    assert manifest["attempts"][0]["charged"] == charged
    assert manifest["cost"]["settled"] is (charged == "yes")
    assert studio.providers.sent == ["beta"]


def test_the_next_provider_has_time_of_its_own(studio: Studio) -> None:
    """A job that failed at its very last minute does not use up its stand-in's time."""
    studio.providers.polls = 10**6
    _asked(studio, JOB_KEY)
    studio.run(until=["running"])
    studio.clock.advance(4000)
    studio.providers.polls = 1
    studio.providers.say("poll", JobFailed("bad-image", "It has no face.", "no"))
    later = Throttled("come-back", "The provider is busy.", retry_after_s=120)
    studio.providers.say("submit", later)
    studio.run()

    assert studio.task.state == "succeeded"
    assert studio.task.last_attempt.provider == "gamma"
