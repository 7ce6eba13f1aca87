"""The digest of how long jobs took: what it remembers, what it forgets, how often it grows."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.job_times import (
    ALL_JOBS,
    BUCKETS,
    BUSY_S,
    CALM_S,
    EDGES_S,
    HALF_LIFE_JOBS,
    IDLE_S,
    JOB,
    MAX_ONE_IN,
    JobTimes,
)

NOW = 1_770_000_000.0
AGES = st.floats(-1e9, 1e9, allow_nan=False)


def _after(times: JobTimes, jobs: int, found_s: float, pending_s: float) -> JobTimes:
    for _ in range(jobs):
        times = times.after(found_s, pending_s, times.written_at + 60)
    return times


def _share(times: JobTimes, low_s: float, high_s: float) -> float:
    """The part of the digest between two ages, in whole buckets."""
    inside = [
        weight
        for weight, (low, high) in zip(times.weights, itertools.pairwise(EDGES_S), strict=True)
        if low_s <= low and high <= high_s
    ]
    return sum(inside) / sum(times.weights)


def test_empty_digest_remembers_nothing() -> None:
    """As before the first job."""
    assert (JobTimes().jobs, sum(JobTimes().weights), JobTimes().longest_s) == (0, 0, 0.0)


def test_job_counts_between_its_polls() -> None:
    """Evenly in the first place: nobody knows when it ended."""
    times = JobTimes().after(16, 8, NOW)
    assert (times.jobs, times.written_at, times.longest_s) == (1, NOW, 16.0)
    assert sum(times.weights) == pytest.approx(JOB, abs=BUCKETS)
    assert _share(times, 8, 16) == 1
    assert _share(times, 8, 2**3.5) == pytest.approx((2**3.5 - 8) / 8, abs=0.01)


def test_job_counts_more_where_earlier_ones_ended() -> None:
    """But a part of it counts evenly, so that shorter jobs are not overlooked."""
    known = _after(JobTimes(), 10, 16, 15)
    times = known.after(16, 0, NOW)
    added = [new - old for new, old in zip(times.weights, known.weights, strict=True)]
    assert sum(part for part in added if part > 0) == pytest.approx(JOB, rel=0.5)
    early, late = _share(times, 0, 8), _share(times, 8, 16)
    assert 0.01 < early < 0.1
    assert late > 0.9


def test_older_jobs_are_forgotten() -> None:
    """After its half-life a job counts half as much as a new one; in the end nothing is left."""
    slow = _after(JobTimes(), 1, 640, 639)
    times = _after(slow, HALF_LIFE_JOBS, 5, 4.9)
    assert _share(times, 600, 700) * sum(times.weights) == pytest.approx(JOB / 2, rel=0.1)
    assert _after(times, 9 * HALF_LIFE_JOBS, 5, 4.9).longest_s < 6


def test_changed_times_prevail_within_fifty_jobs() -> None:
    """Four of five remembered jobs are the new ones then."""
    times = _after(_after(JobTimes(), 200, 20, 18), 50, 60, 54)
    assert _share(times, 50, 65) > 4 / 5


@given(AGES, AGES, AGES)
def test_any_age_can_be_added(found_s: float, pending_s: float, now: float) -> None:
    """Beyond the buckets it counts in the first or the last one; a job weighs what a job weighs."""
    times = JobTimes().after(found_s, pending_s, now)
    assert sum(times.weights) == pytest.approx(JOB, abs=BUCKETS)
    assert min(times.weights) >= 0
    assert len(times.weights) == BUCKETS
    again = times.after(pending_s, found_s, now)
    assert JOB < sum(again.weights) < 2 * JOB
    assert 0 < again.longest_s <= EDGES_S[-1]


@given(st.lists(st.tuples(AGES, AGES), max_size=80))
def test_weights_have_a_bound(jobs: list[tuple[float, float]]) -> None:
    """So numbers stay small, and every digest has the same size."""
    times = JobTimes()
    for found_s, pending_s in jobs:
        times = times.after(found_s, pending_s, NOW)
    assert times.jobs == len(jobs)
    assert sum(times.weights) <= 1.1 * JOB / (1 - 2 ** (-1 / HALF_LIFE_JOBS))


def _written(jobs: int, every_s: float) -> JobTimes:
    times = JobTimes()
    for job in range(jobs):
        times = times.after(20, 18, NOW + job * every_s)
    return times


def test_first_jobs_are_all_added() -> None:
    """Until the digest knows its route."""
    times = _written(ALL_JOBS - 1, 0.1)
    assert times.takes(0.999, times.written_at)
    assert times.one_in == 1


def test_sample_of_a_busy_route_becomes_small() -> None:
    """A write in some seconds, however many jobs there are; one job is always a possible one."""
    times = _written(ALL_JOBS + 6, BUSY_S - 1)
    assert times.one_in == 2**6
    assert times.takes(0.0, times.written_at + 1)
    assert times.takes(1 / 65, times.written_at + 1)
    assert not times.takes(1 / 64, times.written_at + 1)
    assert _written(ALL_JOBS + 99, 0.1).one_in == MAX_ONE_IN


def test_sample_of_a_calm_route_is_every_job() -> None:
    """Also of one that was busy before: after two minutes any job is added."""
    busy = _written(ALL_JOBS + 6, 0.1)
    assert not busy.takes(0.9, busy.written_at + IDLE_S)
    assert busy.takes(0.9, busy.written_at + IDLE_S + 1)
    calm = _after(busy, 6, 20, 18)
    assert calm.one_in == 1
    assert calm.takes(0.999, calm.written_at)


@pytest.mark.parametrize("per_s", [0.02, 1, 50])
def test_writes_are_rare_at_any_rate(per_s: float) -> None:
    """Jobs end at a steady rate for an hour; every process knows what is stored."""
    times, writes = _written(ALL_JOBS, 0.1), 0
    begin = times.written_at
    for job in range(int(3600 * per_s)):
        now = begin + job / per_s
        if times.takes((job * 0.618034) % 1, now):
            times, writes = times.after(20, 18, now), writes + 1
    assert writes <= 3600 / BUSY_S + 10
    assert writes >= min(3600 * per_s, 3600 / CALM_S) / 2
