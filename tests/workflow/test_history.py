"""The longest task that is permitted fits into a run's history.

Step Functions ends a run at 25,000 events (its "Quotas" page). A loop through a wait adds nine:
entered and left for the wait (2), the choice (2), the door (5: entered, scheduled, started,
succeeded, left). The real doors are driven over fakes, with a clock that jumps.
"""

from dataclasses import replace

import pytest

from darkroom.errors import ResultGone, Throttled
from darkroom.ports import Policy
from darkroom.providers import build_adapters
from tests.fakes.providers import FakeProviders
from tests.pipeline.offers import JOB_KEY, ROUTES
from tests.pipeline.studio import PHOTO, Studio

LIMIT = 25_000
EVENTS_PER_LOOP = 9
RESERVE = 1_000
"""For doors that are tried again."""

LONGEST_JOB_S = max(route.job_s for adapter in build_adapters() for route in adapter.routes)
GONE = ResultGone("result-gone", "The provider no longer has the result.")


@pytest.mark.parametrize("asked_s", [0, 1, 5, 30, 60, None])
def test_a_task_that_is_told_later_for_as_long_as_it_may(asked_s: int | None) -> None:
    """Days in the queue, then the longest job of all, its result gone as often as is forgiven."""
    later = Throttled("come-back", "The provider is busy.", retry_after_s=asked_s)
    routes = [replace(route, job_s=LONGEST_JOB_S) for route in ROUTES]
    studio = Studio(providers=FakeProviders(routes, polls=10**9))
    studio.providers.say("submit", *[later] * LIMIT)
    studio.drop(PHOTO)
    studio.ask(JOB_KEY, provider="beta")
    task_id = studio.task.task_id
    end = studio.clock.now().timestamp() + Policy().queue_s

    loops = 0
    while studio.clock.now().timestamp() < end - 600:
        studio.clock.advance(studio.door("submit", task_id).wait_s)
        loops += 1
    studio.providers.clear("submit")
    studio.providers.say("fetch", GONE, GONE)
    studio.run(until=["running"])
    for _ in range(3):
        accepted = studio.clock.now().timestamp()
        while studio.clock.now().timestamp() < accepted + LONGEST_JOB_S - 120:
            studio.clock.advance(studio.door("poll", task_id).wait_s)
            loops += 1
        studio.providers.polls = 0
        studio.run(until=["running", "succeeded"])
        studio.providers.polls = 10**9
    loops += len(studio.steps)

    assert studio.task.state == "succeeded"
    assert loops * EVENTS_PER_LOOP < LIMIT - RESERVE
