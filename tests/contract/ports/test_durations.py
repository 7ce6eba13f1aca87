"""What every store of durations promises: a digest for each route, which one writer changes."""

from dataclasses import replace

from darkroom.domain.job_times import JobTimes
from darkroom.ports import Durations
from tests.fakes.clock import START
from tests.fakes.routes import JOB_KEY, JOB_NONE, ROUTES

NOW = START.timestamp() + 0.125
ROUTE = next(route for route in ROUTES if route.operation == JOB_KEY)
ONE = JobTimes().after(20.5, 14, NOW)
TWO = ONE.after(3.25, 0, NOW + 90)


def test_route_without_jobs_has_an_empty_digest(durations: Durations) -> None:
    """As every route has at first."""
    assert durations.known(ROUTE) == JobTimes()


def test_digest_is_read_as_it_was_written(durations: Durations) -> None:
    """Times to the millisecond."""
    busy = replace(TWO, one_in=64)
    assert durations.compare_and_set(ROUTE, JobTimes(), ONE)
    assert durations.known(ROUTE) == ONE
    assert durations.compare_and_set(ROUTE, ONE, busy)
    assert durations.known(ROUTE) == busy


def test_digest_is_changed_by_one_of_its_readers(durations: Durations) -> None:
    """The job of the other one is left out; what is stored is read again."""
    other = JobTimes().after(600, 300, NOW)
    assert durations.compare_and_set(ROUTE, JobTimes(), ONE)
    assert not durations.compare_and_set(ROUTE, JobTimes(), other)
    assert durations.known(ROUTE) == ONE
    assert durations.compare_and_set(ROUTE, ONE, TWO)
    assert not durations.compare_and_set(ROUTE, ONE, ONE.after(600, 300, NOW))
    assert durations.known(ROUTE) == TWO


def test_every_route_has_a_digest_of_its_own(durations: Durations) -> None:
    """Another provider, operation or model is another route."""
    others = [
        replace(ROUTE, provider="gamma"),
        replace(ROUTE, operation=JOB_NONE),
        replace(ROUTE, models=("another", *ROUTE.models)),
    ]
    assert durations.compare_and_set(ROUTE, JobTimes(), ONE)
    assert [durations.known(other) for other in others] == [JobTimes()] * 3
    for other in others:
        assert durations.compare_and_set(other, JobTimes(), TWO)
    assert durations.known(ROUTE) == ONE
