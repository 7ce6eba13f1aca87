"""A paid call's time is counted from the intent: preparing it may have taken longer than the call.

queued ── prepares ──▶ intent ── the call ──▶ call_until
          (uploads)    started_at             nobody may take it for lost before
"""

from typing import Any

import pytest

from darkroom.pipeline.submit import submit
from darkroom.ports import Step
from tests.fakes.routes import JOB_KEY, JOB_LOOKED_UP, JOB_NONE, SYNC_KEY, SYNC_NONE
from tests.pipeline.harness import PHOTO, Died, Studio

PREPARING_S = 50


def _preparing_slowly(studio: Studio, seconds: float = PREPARING_S) -> None:
    """Every paid call is prepared for so long; then the intent is written, and the process dies."""
    make = studio.providers.submit

    def slowly(work: Any, intend: Any) -> Any:
        studio.clock.advance(seconds)
        return make(work, intend)

    studio.providers.submit = slowly  # type: ignore[method-assign]


@pytest.mark.parametrize("operation", [SYNC_NONE, SYNC_KEY, JOB_NONE, JOB_KEY, JOB_LOOKED_UP])
def test_a_call_is_waited_for_from_its_intent_on(operation: str) -> None:
    """Counted from before the preparation, a call that is under way would be sent once more."""
    studio = Studio()
    studio.drop(PHOTO)
    studio.ask(operation)
    _preparing_slowly(studio)
    studio.providers.say("submit", Died())
    began = studio.clock.now()
    with pytest.raises(Died):
        studio.door("submit", studio.task.task_id)

    paying = studio.task.last_attempt
    assert (paying.started_at - began).total_seconds() == PREPARING_S
    lasts_s = (paying.call_until - paying.started_at).total_seconds()
    route = next(r for r in studio.providers.routes() if r.provider == paying.provider)
    assert lasts_s == route.call_s + studio.limits.margin_s
    assert studio.door("submit", studio.task.task_id) == Step("submit", int(lasts_s))
    assert len(studio.providers.sent) == 1


def test_an_intent_that_took_long_to_write_is_not_followed_by_a_call() -> None:
    """The call would outlast the time until which it is waited for; nothing was sent."""
    studio = Studio()
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    write = studio.tasks.replace

    def slowly(old: Any, new: Any) -> Any:
        written = write(old, new)
        if new.state == "submitting":
            studio.clock.advance(studio.limits.margin_s / 2 + 1)
        return written

    studio.tasks.replace = slowly  # type: ignore[method-assign]
    step = studio.door("submit", studio.task.task_id)

    assert step.next == "submit"
    assert studio.providers.sent == []
    assert studio.task.state == "queued"
    assert studio.task.attempts[-1].charged == "no"


@pytest.mark.parametrize(("left_s", "sent"), [(89.9, 0), (90, 1)])
def test_a_call_that_its_process_would_not_outlive_is_not_made(left_s: float, sent: int) -> None:
    """Not even after the intent: the time went while that was written."""
    studio = Studio()
    studio.drop(PHOTO)
    studio.ask(SYNC_NONE)
    times = iter([180.0, left_s])
    submit(studio.ports, studio.task.task_id, 1, lambda: next(times, left_s))

    assert len(studio.providers.sent) == sent
