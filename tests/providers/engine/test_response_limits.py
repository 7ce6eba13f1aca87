"""What a provider says about a job is bounded before a task stores it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.provider_jobs import Accepted, JobFailed, Pending
from darkroom.providers.adapter import MAX_PAUSE_S
from darkroom.providers.engine.response_limits import MAX_RESULTS, limit_polled, limit_submitted
from tests.fakes.raw_server import answering, http, serving
from tests.providers.engine.driver_harness import DriverHarness


def _urls(count: int) -> list[str]:
    return [f"https://cdn.example.com/{number}.png" for number in range(count)]


def _finished(count: int, facts: Mapping[str, Any]) -> Finished:
    return Finished(tuple(ResultRef("image", url) for url in _urls(count)), 2.0, facts)


@pytest.mark.parametrize(
    ("asked_s", "used_s"), [(None, None), (0.5, 0.5), (3600, 3600), (3600.1, 3600), (1e300, 3600)]
)
def test_pause_between_polls_is_at_most_an_hour(
    asked_s: float | None, used_s: float | None
) -> None:
    """A longer one would exceed the workflow's own limits; the rest of the answer is kept."""
    assert MAX_PAUSE_S == 3600
    polled = limit_polled(Pending(40, asked_s, "dreaming"))
    assert polled == Pending(40, used_s, "dreaming")


def test_number_of_results_is_limited_and_the_rest_is_counted() -> None:
    """The first ones are delivered, and the manifest says how many are missing."""
    most = _finished(MAX_RESULTS, {"seed": 7})
    more = _finished(MAX_RESULTS + 3, {"seed": 7})
    cut = _finished(MAX_RESULTS, {"seed": 7, "results_left_out": 3})
    assert limit_polled(most) == limit_submitted(most) == most
    assert limit_polled(more) == limit_submitted(more) == cut


def test_other_outcomes_are_unchanged() -> None:
    """They hold neither results nor a pause."""
    failed, accepted = JobFailed("job-failed", "It failed.", "no"), Accepted("job-1", 3.0)
    assert limit_polled(failed) is failed
    assert limit_submitted(accepted) is accepted


def test_driver_limits_what_a_poll_brings() -> None:
    """Whatever the adapter has read."""
    said = {"id": "job-1", "status": "COMPLETED", "result": {"images": _urls(MAX_RESULTS + 1)}}
    with serving(answering(http("200 OK", json.dumps(said).encode()))) as server:
        harness = DriverHarness(server.base_url)
        outcome = harness.driver.poll(harness.route("apiframe", "upscale"), "job-1")
    assert isinstance(outcome, Finished)
    assert [ref.url for ref in outcome.results] == _urls(MAX_RESULTS)
    assert outcome.facts["results_left_out"] == 1


def test_driver_limits_what_a_paid_call_brings() -> None:
    """A call may be answered with the results themselves."""
    said = {"data": [{"url": url} for url in _urls(MAX_RESULTS + 1)]}
    with serving(answering(http("200 OK", json.dumps(said).encode()))) as server:
        outcome = DriverHarness(server.base_url).submit()
    assert isinstance(outcome, Finished)
    assert len(outcome.results) == MAX_RESULTS
    assert outcome.facts["results_left_out"] == 1
