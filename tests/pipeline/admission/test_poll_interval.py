"""When a job is polled: about when it should be done, then by its age."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from darkroom.domain.routes import Route
from darkroom.domain.wait_policy import (
    DENSE_SHARE,
    FIRST_POLL_SHARE,
    MAX_EARLY_S,
    MAX_POLL_S,
    MIN_POLL_S,
)
from darkroom.pipeline.admission.backoff import MAX_BACKOFF_S, poll_interval_s
from tests.fakes.routes import JOB_ALONE, JOB_KEY, ROUTES


def _route(typical_s: int, operation: str = JOB_KEY) -> Route:
    first = next(route for route in ROUTES if route.operation == operation)
    return replace(first, typical_s=typical_s)


def _polls(route: Route, until_s: float) -> Iterator[float]:
    """The job's age at each poll, if every poll takes no time."""
    elapsed_s = 0.0
    while elapsed_s < until_s:
        elapsed_s += poll_interval_s(route, elapsed_s)
        yield elapsed_s


@pytest.mark.parametrize(("typical_s", "first_s"), [(1, 1), (5, 4), (20, 14), (60, 42)])
def test_first_poll_comes_shortly_before_the_usual_time(typical_s: int, first_s: int) -> None:
    """Few jobs end earlier, and each earlier poll would be for nothing."""
    assert next(_polls(_route(typical_s), 600)) == first_s
    assert first_s <= max(MIN_POLL_S, FIRST_POLL_SHARE * typical_s + 0.5)


@pytest.mark.parametrize("typical_s", [5, 20, 60])
def test_polls_are_dense_around_the_usual_time(typical_s: int) -> None:
    """The mean delay after the end of a job is at most a tenth of its time, or a second."""
    polls = list(_polls(_route(typical_s), 2 * typical_s))
    for before, after in itertools.pairwise(polls):
        assert (after - before) / 2 <= max(1, 0.1 * before)
    assert len(polls) <= 2 + 1.4 / DENSE_SHARE


def test_job_that_takes_minutes_is_polled_early_now_and_then() -> None:
    """It is sometimes done at once, or has failed."""
    polls = [0.0, *_polls(_route(600), 420)]
    gaps = {after - before for before, after in itertools.pairwise(polls)}
    assert gaps == {MAX_EARLY_S}


@pytest.mark.parametrize("typical_s", [1, 5, 20, 60, 300])
def test_waits_grow_after_twice_the_usual_time(typical_s: int) -> None:
    """Up to a minute, and after hours to five."""
    waits = [
        poll_interval_s(_route(typical_s), elapsed_s)
        for elapsed_s in range(2 * typical_s, 20_000, 7)
    ]
    assert waits == sorted(waits)
    assert MAX_POLL_S in waits
    assert waits[-1] == MAX_BACKOFF_S


@pytest.mark.parametrize("elapsed_s", [0, 3, 30, 3000])
def test_provider_may_ask_for_a_longer_wait(elapsed_s: float) -> None:
    """It is rounded up, never down; a shorter one changes nothing."""
    assert poll_interval_s(_route(5), elapsed_s, 400.2) == 401
    assert poll_interval_s(_route(5), elapsed_s, 0.1) == poll_interval_s(_route(5), elapsed_s)


@pytest.mark.parametrize("typical_s", [1, 6, 60])
@pytest.mark.parametrize("elapsed_s", [0, 1, 30, 3000])
@pytest.mark.parametrize("retry_after_s", [0, 2.5, 60])
def test_job_that_must_be_polled_is_polled_in_time(
    typical_s: int, elapsed_s: float, retry_after_s: float
) -> None:
    """Two waits fit into its gap, whatever else holds."""
    route = _route(typical_s, JOB_ALONE)
    assert route.max_poll_gap_s is not None
    assert 1 <= poll_interval_s(route, elapsed_s, retry_after_s) < route.max_poll_gap_s / 2
