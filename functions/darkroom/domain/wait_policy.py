"""When a job is asked about next: the schedule that is cheapest for what is known of such jobs.

A poll has a price, and so has every second between the end of a job and the poll that finds it. For
jobs whose times have density f and survival S, polls are best spread in proportion to the square
root of the hazard f / S, and no schedule has (polls x mean delay) below 1/2 (integral of
sqrt(f S))^2 (the square-root law of inspection schedules, as in Barlow and Proschan, "Mathematical
Theory of Reliability", 1965, chapter 4). That law is exact for many polls; here a job takes two to
five, so the cheapest schedule is computed, backwards from the latest end that is likely.

What is known is the digest of earlier jobs (`job_times`), smoothed, and beside it the declared
usual time, as if it were the first of them, forgotten like it. While no job is known the schedule
is a fixed one:

    accepted ─────── 0.7 ▼▼ ▼ ▼  ▼  ▼ 2 ▼     ▼         ▼  x usual time
    shortly before it should be done; densely while it is likely to end; then less and less
"""

import functools
import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from darkroom.domain.job_times import (
    BUCKETS,
    BUCKETS_PER_DOUBLING,
    EDGES_S,
    HALF_LIFE_JOBS,
    JOB,
    JobTimes,
)

MIN_POLL_S: Final = 1
FIRST_POLL_SHARE: Final = 0.7
"""A job is first polled after this part of its usual time: of jobs whose times are spread as usual
(log-normal, sigma 0.25), one in thirteen ends earlier."""
MAX_EARLY_S: Final = 60
"""The longest wait before that: a job that usually takes minutes is sometimes done at once."""
DENSE_SHARE: Final = 0.15
"""Around its usual time a job is polled again after this part of its age: half of that is the mean
delay after its end."""
LATE_SHARE: Final = 0.25
"""After twice its usual time, likewise: nothing is known of its end any more."""
MAX_POLL_S: Final = 60
MAX_WAIT_S: Final = 300
"""The longest wait for a job, whatever was learned."""
WELL_KNOWN: Final = 5
"""So many jobs must be remembered for waits of more than `MAX_EARLY_S`."""
POLL_GAP_SHARE: Final = 0.4
"""The wait between polls as a part of `Route.max_poll_gap_s`, so that one lost poll does not lose
the job."""

POLL_PRICE_S: Final = 0.35
"""A poll is worth this many seconds of delay. So the mean delay is below a tenth of the job's time,
or a second, and little above it where times are spread (log-normal, sigma 0.5). A poll costs a bit
more: a read and a write of the table and 0.2 s, about $3 per million, are worth 0.4 to 0.9 s of the
function that waits in place (256 to 512 MB)."""
POLL_PRICE_SHARE: Final = 0.0175
"""A poll is worth this part of the usual time, where that is more: for the same reason."""

PRIOR_SIGMA: Final = 0.5
"""The spread of the times around a declared one (log-normal)."""
_SHARPEST: Final = 0.6
_SIGHT: Final = 6.0
"""Bounds of the width, in buckets, by which a digest is smoothed: at least `_SHARPEST`, at most
`_SIGHT` divided by the square root of the jobs."""
_GRID: Final = 1.03
"""Polls are planned at whole seconds, and from half a minute on at ages 3 % apart."""
_LIKELY: Final = 0.99
"""The part of the jobs for whose end polls are planned."""


def next_wait_s(
    times: JobTimes,
    typical_s: float,
    elapsed_s: float,
    *,
    retry_after_s: float = 0,
    max_poll_gap_s: float | None = None,
    poll_price_s: float | None = None,
) -> int:
    """Whole seconds until the job is polled, at least one.

    Args:
        times: how long such jobs took.
        typical_s: how long they usually take, as declared, seconds.
        elapsed_s: the age of the job since it was accepted, seconds.
        retry_after_s: how long the provider asked us to wait; ignored where that loses the job.
        max_poll_gap_s: a job that is not polled for this long is lost; None if jobs wait. Such a
            job is polled as rarely as is safe, because its account's rate is tight.
        poll_price_s: how many seconds of delay a poll is worth; None for `POLL_PRICE_S` and
            `POLL_PRICE_SHARE`.
    """
    if max_poll_gap_s is not None:
        max_s = max(1, int(max_poll_gap_s * POLL_GAP_SHARE))
        usual_s = typical_s // 2 if elapsed_s < 1 else max_s
        return max(1, min(max_s, math.ceil(max(retry_after_s, usual_s))))
    learned_s = _learned_wait_s(times, typical_s, elapsed_s, poll_price_s)
    wait_s = _declared_wait_s(typical_s, elapsed_s) if learned_s is None else learned_s
    return max(math.ceil(retry_after_s), MIN_POLL_S, round(wait_s))


def _declared_wait_s(typical_s: float, elapsed_s: float) -> float:
    """By the declared time alone."""
    early_s = min(MAX_EARLY_S, FIRST_POLL_SHARE * typical_s - elapsed_s)
    share = DENSE_SHARE if elapsed_s < 2 * typical_s else LATE_SHARE
    return max(early_s, min(_max_late_s(elapsed_s), elapsed_s * share))


def _max_late_s(elapsed_s: float) -> float:
    """A job that has not ended within hours will not end within the next minute."""
    return min(MAX_WAIT_S, max(MAX_POLL_S, elapsed_s / 40))


def _learned_wait_s(
    times: JobTimes, typical_s: float, elapsed_s: float, poll_price_s: float | None
) -> float | None:
    """By what such jobs took; None if no job is known."""
    if not any(times.weights):
        return None
    plan = _plan(times, max(MIN_POLL_S, typical_s), poll_price_s)
    at = plan.next_poll(max(0.0, elapsed_s))
    if at is None:
        return min(_max_late_s(elapsed_s), elapsed_s * LATE_SHARE)
    well_known = sum(times.weights) >= (WELL_KNOWN - 1) * JOB  # some of each is forgotten
    return min(MAX_WAIT_S if well_known else MAX_EARLY_S, at - elapsed_s)


@dataclass(frozen=True)
class _Plan:
    """The cheapest polls from any age on.

    Attributes:
        ages: at which a poll may be, ascending, seconds.
        ended: the part of the jobs that has ended by each of them.
        moments: the mean of their times, over that part.
        costs: of all later polls and delays, if the job is polled at that age and is pending;
            over all jobs, seconds.
    """

    ages: Sequence[float]
    ended: Sequence[float]
    moments: Sequence[float]
    costs: Sequence[float]

    def next_poll(self, age: float) -> float | None:
        """At which age a job that is pending at this one is polled; None past the last."""
        after = bisect_right(self.ages, age)
        if after == len(self.ages):
            return None
        # Between two ages the end is taken as equally likely.
        low, high = self.ages[after - 1], self.ages[after]
        share = (age - low) / (high - low)
        ended = _between(self.ended[after - 1], self.ended[after], share)
        moment = _between(self.moments[after - 1], self.moments[after], share)
        return min(
            (self.cost(poll, ended, moment), self.ages[poll])
            for poll in range(after, len(self.ages))
        )[1]

    def cost(self, poll: int, ended: float, moment: float) -> float:
        """The delay until this poll of jobs that end after `ended` of all, and what follows it."""
        delay = self.ages[poll] * (self.ended[poll] - ended) - (self.moments[poll] - moment)
        return delay + self.costs[poll]


@functools.lru_cache(maxsize=64)
def _plan(times: JobTimes, typical_s: float, poll_price_s: float | None) -> _Plan:
    """The cheapest polls for a digest and a declared time."""
    shares = _belief(times, typical_s)
    sums = (0.0, *itertools.accumulate(shares))
    if poll_price_s is None:
        usual_s = EDGES_S[bisect_left(sums, sums[-1] / 2)]
        poll_price_s = max(POLL_PRICE_S, POLL_PRICE_SHARE * usual_s)
    ages = _ages(EDGES_S[bisect_left(sums, _LIKELY * sums[-1])])
    ended, moments = _distribution(ages, shares, sums)
    costs = [0.0] * len(ages)
    plan = _Plan(ages, ended, moments, costs)  # `costs` is filled from the last age to the first
    last = len(ages) - 1
    costs[last] = (1 - ended[last]) * (2 * poll_price_s + LATE_SHARE * ages[last] / 2)
    # The best next poll of an earlier age is never later than that of a later one.
    latest = last
    for here in range(last - 1, -1, -1):
        best, latest = min(
            (plan.cost(poll, ended[here], moments[here]), poll)
            for poll in range(here + 1, latest + 1)
        )
        costs[here] = best + poll_price_s * (1 - ended[here])
    return plan


def _ages(until_s: float) -> list[float]:
    """Ages from 0 to beyond `until_s`, at which polls are planned."""
    ages = [0.0]
    while ages[-1] <= until_s:
        ages.append(max(ages[-1] + 1, round(ages[-1] * _GRID)))
    return ages


def _distribution(
    ages: Sequence[float], shares: Sequence[float], sums: Sequence[float]
) -> tuple[list[float], list[float]]:
    """For each age the part of the jobs that has ended by it, and the mean time over that part."""
    means = [
        0.0,
        *itertools.accumulate(
            share * (low + high) / 2
            for share, (low, high) in zip(shares, itertools.pairwise(EDGES_S), strict=True)
        ),
    ]
    ended, moments = [], []
    for age in ages:
        bucket = min(BUCKETS, bisect_right(EDGES_S, age)) - 1
        low, high = EDGES_S[bucket], EDGES_S[bucket + 1]
        part = shares[bucket] * min(1.0, (age - low) / (high - low))
        ended.append(sums[bucket] + part)
        moments.append(means[bucket] + part * (low + min(age, high)) / 2)
    return ended, moments


def _belief(times: JobTimes, typical_s: float) -> list[float]:
    """How likely a job ends in each bucket: the smoothed digest, and the declared time beside it.

    The width of the smoothing is Silverman's rule for a kernel density, within bounds that keep two
    modes apart.
    """
    weights, jobs = times.weights, sum(times.weights) / JOB
    prior_jobs = 2 ** (-times.jobs / HALF_LIFE_JOBS)
    mean = sum(n * weight for n, weight in enumerate(weights)) / JOB / jobs
    squares = sum((n - mean) ** 2 * weight for n, weight in enumerate(weights)) / JOB
    prior_width = PRIOR_SIGMA / math.log(2) * BUCKETS_PER_DOUBLING
    spread = math.sqrt((prior_width**2 / 4 + squares) / (1 + jobs))
    width = max(_SHARPEST, min(0.8 * spread * jobs**-0.2, _SIGHT / math.sqrt(jobs)))
    prior = _declared_belief(typical_s)
    shares = [prior_jobs * share / (prior_jobs + jobs) for share in prior]
    kernel = _kernel(width)
    reach = len(kernel) // 2
    for bucket, weight in enumerate(weights):
        if weight:
            share = weight / JOB / (prior_jobs + jobs)
            for offset, part in enumerate(kernel, -reach):
                shares[min(BUCKETS - 1, max(0, bucket + offset))] += share * part
    return shares


def _kernel(width: float) -> list[float]:
    """A bell curve over an odd number of buckets, with the sum 1."""
    reach = int(3 * width) + 1
    curve = [math.exp(-((offset / width) ** 2) / 2) for offset in range(-reach, reach + 1)]
    return [part / sum(curve) for part in curve]


@functools.lru_cache(maxsize=64)
def _declared_belief(typical_s: float) -> list[float]:
    """How likely a job ends in each bucket by its declared time alone; log-normal."""
    scale = PRIOR_SIGMA * math.sqrt(2)
    until = [(1 + math.erf(math.log(edge / typical_s) / scale)) / 2 for edge in EDGES_S[1:-1]]
    return [later - earlier for earlier, later in itertools.pairwise((0.0, *until, 1.0))]


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share
