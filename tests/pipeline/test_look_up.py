"""A doubtful paid call of a provider that lists its jobs is looked for, never made again."""

import pytest

from darkroom.domain.errors import Busy, Throttled, Unclear
from tests.fakes.providers import Lost
from tests.fakes.routes import JOB_LOOKED_UP
from tests.pipeline.harness import PHOTO, Studio

NO_ANSWER = Unclear("no-answer", "The provider did not answer.")


def _asked(studio: Studio) -> Studio:
    studio.drop(PHOTO)
    studio.ask(JOB_LOOKED_UP)
    return studio


def test_a_job_whose_answer_was_lost_is_found_and_adopted(studio: Studio) -> None:
    """It was charged once, and its results are delivered."""
    studio.providers.say("submit", Lost(NO_ANSWER))
    _asked(studio).run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.sent) == len(studio.providers.charged) == 1
    assert studio.task.last_attempt.job_id == "job-1"


def test_a_call_that_left_no_job_behind_ends_unknown_in_the_end(studio: Studio) -> None:
    """Some are listed only when they end: it is looked for as long as a job may take."""
    studio.providers.say("submit", NO_ANSWER)
    _asked(studio)
    began = studio.clock.now()
    studio.run()

    assert studio.task.state == "unknown"
    assert 3600 < (studio.clock.now() - began).total_seconds() < 3600 + 600
    assert len(studio.providers.sent) == 1


@pytest.mark.parametrize("error", [Throttled("busy", "Later."), Busy("away", "Not now.")])
def test_trouble_while_looking_is_waited_out(studio: Studio, error: Exception) -> None:
    """The list is asked again; the paid call is not."""
    studio.providers.say("submit", Lost(NO_ANSWER))
    studio.providers.say("look_up", error, error, error)
    _asked(studio).run()

    assert studio.task.state == "succeeded"
    assert len(studio.providers.sent) == 1


def test_on_unknown_retry_pays_again_only_after_looking(studio: Studio) -> None:
    """The spec may say so; the first call is looked for all the same."""
    studio.providers.say("submit", NO_ANSWER)
    studio.drop(PHOTO)
    studio.ask(JOB_LOOKED_UP, on_unknown="retry")
    studio.run()

    assert studio.task.state == "succeeded"
    assert [attempt.outcome for attempt in studio.task.attempts] == ["unknown", "succeeded"]
