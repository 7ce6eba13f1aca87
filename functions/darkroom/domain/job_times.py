"""How long the jobs of one route took: a small digest that forgets. A value, no I/O.

It is a histogram whose buckets grow with the time, eight for each doubling. Of a job is known only
between which polls it ended, so its weight is spread over that time: a part of it evenly, the rest
as earlier jobs ended there. If it counted at the poll that found it, the digest would confirm
whatever schedule the jobs were polled by.

    accepted ───────── poll: pending ───────── poll: done
                            └── ended in here ──┘

With every job the weights of those before it shrink: `HALF_LIFE_JOBS` jobs later one counts half.
"""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

BUCKETS_PER_DOUBLING: Final = 8
DOUBLINGS: Final = 14
EDGES_S: Final = (
    0.0,
    *(2 ** (n / BUCKETS_PER_DOUBLING) for n in range(BUCKETS_PER_DOUBLING * DOUBLINGS + 1)),
)
"""Between them are the buckets, seconds: the first up to one second, the last up to 4.6 hours."""
BUCKETS: Final = len(EDGES_S) - 1
JOB: Final = 1000
"""The weight of the newest job. Weights are whole, so that a store returns what it was given."""
LEAST: Final = 5
"""Smaller weights are dropped: the digest stays small enough for one write unit."""

EVENLY: Final = 0.4
"""The part of a job's weight that is spread evenly between the two polls. With none of it, it would
go unseen that jobs have become shorter; with all of it two modes would blur."""
HALF_LIFE_JOBS: Final = 20
"""Short enough to follow a change within 50 jobs, long enough to see the shape of the times."""
ALL_JOBS: Final = 32
"""Until a digest holds so many jobs, every job is added to it."""
BUSY_S: Final = 8.0
"""Writes that follow each other faster are thinned out ..."""
CALM_S: Final = 32.0
"""... and become more frequent again where they come less often than that."""
IDLE_S: Final = 120.0
"""After so long without a write, any job is added; above the age of a cached digest."""
MAX_ONE_IN: Final = 4096

_NOTHING: Final = (0,) * BUCKETS


@dataclass(frozen=True)
class JobTimes:
    """How long jobs of a route took, from acceptance to their end.

    Attributes:
        jobs: how many were added, those that are forgotten included; counts the writes.
        written_at: when the last one was added, seconds since 1970.
        one_in: one job in so many is added.
        weights: of each bucket, `JOB` for a new job.
    """

    jobs: int = 0
    written_at: float = 0.0
    one_in: int = 1
    weights: tuple[int, ...] = _NOTHING

    def takes(self, spread: float, now: float) -> bool:
        """Whether a job is to be added: all at first, then a sample that keeps the writes rare.

        Args:
            spread: a figure from 0 up to 1 that is evenly spread over jobs.
            now: seconds since 1970.
        """
        if self.jobs < ALL_JOBS or now - self.written_at > IDLE_S:
            return True
        return spread * self.one_in < 1

    def after(self, found_s: float, pending_s: float, now: float) -> "JobTimes":
        """With one more job. Ages beyond the buckets count as in the first or the last one.

        Args:
            found_s: its age when it was found done, seconds.
            pending_s: its age when it was last pending, seconds; 0 if it never was.
            now: seconds since 1970.
        """
        shrink = 2 ** (-1 / HALF_LIFE_JOBS)
        kept = [int(weight * shrink) for weight in self.weights]
        weights = [weight if weight >= LEAST else 0 for weight in kept]
        for bucket, share in _spread(found_s, pending_s, weights):
            weights[bucket] += round(JOB * share)
        return replace(
            self,
            jobs=self.jobs + 1,
            written_at=now,
            one_in=self._thinned(now - self.written_at),
            weights=tuple(weights),
        )

    @property
    def longest_s(self) -> float:
        """No remembered job took longer, seconds; 0 if none is remembered."""
        return max((EDGES_S[n + 1] for n, weight in enumerate(self.weights) if weight), default=0.0)

    def _thinned(self, since_last_s: float) -> int:
        if self.jobs < ALL_JOBS:
            return 1
        if since_last_s < BUSY_S:
            return min(MAX_ONE_IN, self.one_in * 2)
        return max(1, self.one_in // 2) if since_last_s > CALM_S else self.one_in


def _spread(
    found_s: float, pending_s: float, weights: Sequence[int]
) -> Iterator[tuple[int, float]]:
    """The buckets between the two ages, and each one's share of the job."""
    last = min(max(found_s, 0.0), EDGES_S[-1])
    first = min(max(pending_s, 0.0), last)
    low, high = bisect_right(EDGES_S, first) - 1, max(0, bisect_left(EDGES_S, last) - 1)
    if low >= high:
        yield high, 1.0
        return
    pieces = list(itertools.pairwise((first, *EDGES_S[low + 1 : high + 1], last)))
    parts = [(end - begin) / (last - first) for begin, end in pieces]
    # Of the buckets at both ends only a part lies between the two ages.
    earlier = [
        weights[bucket] * (end - begin) / (EDGES_S[bucket + 1] - EDGES_S[bucket])
        for bucket, (begin, end) in enumerate(pieces, low)
    ]
    evenly = EVENLY if sum(earlier) else 1.0
    for bucket, (part, weight) in enumerate(zip(parts, earlier, strict=True), low):
        yield bucket, evenly * part + (1 - evenly) * weight / (sum(earlier) or 1.0)
