"""When a job is polled next, by what is known of such jobs."""

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.domain.job_times import BUCKETS, JOB, JobTimes
from darkroom.domain.wait_policy import (
    MAX_EARLY_S,
    MAX_WAIT_S,
    POLL_GAP_SHARE,
    WELL_KNOWN,
    next_wait_s,
)

AGES = st.floats(-1e6, 1e6, allow_nan=False)
DIGESTS = st.builds(
    JobTimes,
    jobs=st.integers(0, 10**9),
    weights=st.lists(st.integers(0, 40 * JOB), min_size=BUCKETS, max_size=BUCKETS).map(tuple)
    | st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 40 * JOB), max_size=3).map(
        lambda some: tuple(some.get(bucket, 0) for bucket in range(BUCKETS))
    ),
)


def _polls(times: JobTimes, typical_s: float, until_s: float, **given: float) -> list[float]:
    polls = [0.0]
    while polls[-1] < until_s:
        polls.append(polls[-1] + next_wait_s(times, typical_s, polls[-1], **given))
    return polls[1:]


def _learned(usual_s: float, sigma: float, jobs: int = 50, typical_s: float = 20) -> JobTimes:
    """What is known after so many jobs, each polled by what was known before it."""
    dice, times = random.Random(f"{usual_s} {sigma}"), JobTimes()  # noqa: S311 - no secret
    for _ in range(jobs):
        time_s = usual_s * dice.lognormvariate(0, sigma)
        polls = [0.0, *_polls(times, typical_s, time_s)]
        times = times.after(polls[-1], polls[-2], times.written_at + 60)
    return times


def _cost(times: JobTimes, usual_s: float, sigma: float) -> tuple[float, float]:
    """Mean polls and mean delay of 400 other jobs."""
    dice = random.Random(7)  # noqa: S311 - no secret
    polls = _polls(times, 20, 50 * usual_s)
    ends = [usual_s * dice.lognormvariate(0, sigma) for _ in range(400)]
    found = [next(n for n, at in enumerate(polls) if at >= end) for end in ends]
    delays = [polls[n] - end for n, end in zip(found, ends, strict=True)]
    return sum(found) / 400 + 1, sum(delays) / 400


@given(DIGESTS, st.floats(0, 1e5), AGES, st.floats(-10, 1e6), st.floats(0.01, 1e4) | st.none())
def test_any_digest_leads_to_a_wait(
    times: JobTimes, typical_s: float, elapsed_s: float, asked_s: float, price_s: float | None
) -> None:
    """Of whole seconds, at least one, at most five minutes, and as long as the provider asks."""
    wait_s = next_wait_s(times, typical_s, elapsed_s, retry_after_s=asked_s, poll_price_s=price_s)
    assert isinstance(wait_s, int)
    assert max(1, asked_s) <= wait_s <= max(MAX_WAIT_S, math.ceil(asked_s))


@given(DIGESTS, st.integers(1, 1000), AGES, st.floats(0, 1e6), st.integers(3, 100))
def test_nothing_learned_loses_a_job_that_must_be_polled(
    times: JobTimes, typical_s: int, elapsed_s: float, asked_s: float, gap_s: int
) -> None:
    """Two waits fit into its gap."""
    wait_s = next_wait_s(times, typical_s, elapsed_s, retry_after_s=asked_s, max_poll_gap_s=gap_s)
    assert 1 <= wait_s <= max(1, POLL_GAP_SHARE * gap_s) < gap_s / 2


@pytest.mark.parametrize("sigma", [0.25, 0.5])
@pytest.mark.parametrize("usual_s", [5, 20, 60, 300])
def test_learned_polls_are_few_and_in_time(usual_s: float, sigma: float) -> None:
    """Mean delay within a tenth of the job's time, or a second, though 20 s were declared."""
    polls, delay_s = _cost(_learned(usual_s, sigma), usual_s, sigma)
    assert delay_s <= max(1, (0.1 if sigma < 0.5 else 0.11) * usual_s)
    assert polls <= 3 + 8 * sigma


def test_polls_follow_the_hazard() -> None:
    """None before the first jobs end, the densest while they do, and fewer afterwards."""
    polls = _polls(_learned(60, 0.25), 60, 400)
    waits = [after - before for before, after in itertools.pairwise([0.0, *polls])]
    dense = [wait for at, wait in zip(polls, waits, strict=True) if 52 < at < 80]
    assert 30 <= polls[0] <= 52
    assert max(dense) < polls[0] / 2
    assert waits[-1] > max(dense)


def test_two_kinds_of_jobs_are_polled_as_two() -> None:
    """Nothing is asked between them."""
    times = JobTimes()
    for job in range(60):
        times = times.after(8.5, 7.5, 0) if job % 2 else times.after(61, 59, 0)
    polls = _polls(times, 20, 70)
    assert polls[0] <= 10
    assert not [at for at in polls if 14 < at < 45]
    assert [at for at in polls if 55 <= at <= 66]


def test_dearer_polls_are_fewer() -> None:
    """Half as many where one costs four times as much, as the square root says."""
    times = _learned(300, 0.5)
    counts = [
        len(_polls(times, 300, 600, poll_price_s=price_s)) for price_s in (0.5, 2.0, 8.0, 32.0)
    ]
    for cheap, dear in itertools.pairwise(counts):
        assert 0.4 <= dear / cheap <= 0.75


def test_declared_time_counts_as_the_first_job() -> None:
    """One job that took three times as long does not outweigh it; twenty do."""
    first = [_polls(_known(60, jobs), 20, 200)[0] for jobs in (1, 20)]
    assert first[0] < 30
    assert first[1] > 40


def test_long_waits_need_some_jobs() -> None:
    """A job that usually takes minutes is sometimes done at once, or has failed."""
    few, some = (_polls(_known(600, jobs), 600, 700) for jobs in (WELL_KNOWN - 2, WELL_KNOWN + 1))
    assert few[0] == MAX_EARLY_S
    assert some[0] > 2 * MAX_EARLY_S


def _known(usual_s: float, jobs: int) -> JobTimes:
    times = JobTimes()
    for _ in range(jobs):
        times = times.after(usual_s, 0.95 * usual_s, 0)
    return times


def test_job_that_takes_longer_than_any_other_is_polled_less_and_less() -> None:
    """By its age, as where nothing was learned."""
    waits = [next_wait_s(_known(20, 30), 20, age) for age in range(200, 20_000, 50)]
    assert waits == sorted(waits)
    assert waits[-1] == MAX_WAIT_S
    assert waits == [next_wait_s(JobTimes(), 20, age) for age in range(200, 20_000, 50)]
