"""When jobs are polled, beside other schedules and the cheapest one there is.

    python -m tests.benchmarks.poll            # half a minute; prints JSON

The wait policy alone (`domain.wait_policy`): no task, no table, and a poll takes no time. Jobs are
drawn from a distribution. A schedule costs its polls, at the price that the policy works with, and
the seconds between the end of a job and the poll that finds it. Its regret is its mean cost over
that of the optimum: the cheapest schedule in whole seconds for someone who knows the distribution.

Cost is what is compared, and not polls x mean delay: that product has a bound,
1/2 (integral of sqrt(f S))^2, but where a job takes two or three polls no schedule in whole seconds
comes near it. `efficiency` is that bound over the product, for comparison with the literature.

The policy begins with a declared time alone: the median. `none_half_declared` and
`none_double_declared` show it with a declared time that is wrong. It learns from the jobs that it
has polled itself, and knows of each only between which polls it ended.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from darkroom.domain.job_times import JobTimes
from darkroom.domain.wait_policy import POLL_PRICE_S, POLL_PRICE_SHARE, next_wait_s

JOBS: Final = (10, 50, 200)
RUNS: Final = 5
"""Learning is repeated with other jobs; figures are means."""
BEFORE_DRIFT: Final = 60
"""Jobs that are known before their times change: longer than the digest remembers."""
AFTER_DRIFT: Final = 50
SEED: Final = 1
RESOLUTION_S: Final = 0.05
FIXED_S: Final = 5
MAX_DOUBLED_S: Final = 60

_Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Times:
    """A distribution of jobs' times; `density` on `grid`, which ends where hardly a job is left."""

    grid: _Figures
    density: _Figures

    @property
    def ended(self) -> _Figures:
        """The part of the jobs that has ended by each time."""
        sums = np.cumsum(self.density)
        return np.asarray(sums / sums[-1])

    @property
    def median_s(self) -> float:
        """Half of the jobs take longer, seconds."""
        return float(self.grid[np.searchsorted(self.ended, 0.5)])

    @property
    def poll_price_s(self) -> float:
        """The price of a poll, in seconds of delay, as the policy sets it for the median."""
        return max(POLL_PRICE_S, POLL_PRICE_SHARE * self.median_s)

    @property
    def bound(self) -> float:
        """No schedule has a smaller product of polls and mean delay, seconds."""
        density = self.density / self.density.sum() / RESOLUTION_S
        root = np.sqrt(density * (1 - self.ended))
        return float((root.sum() * RESOLUTION_S) ** 2 / 2)

    def draw(self, dice: np.random.Generator, jobs: int) -> _Figures:
        """The times of so many jobs, seconds."""
        return np.asarray(np.interp(dice.random(jobs), self.ended, self.grid))

    def scaled(self, factor: float) -> "Times":
        """All jobs take so many times as long."""
        grid = np.arange(RESOLUTION_S, self.grid[-1] * factor, RESOLUTION_S)
        return Times(grid, np.interp(grid / factor, self.grid, self.density))


def _times(longest_s: float, density: Callable[[_Figures], _Figures]) -> Times:
    grid = np.arange(RESOLUTION_S, longest_s, RESOLUTION_S)
    return Times(grid, density(grid))


def _log_normal(median_s: float, sigma: float) -> Callable[[_Figures], _Figures]:
    return lambda at: np.exp(-((np.log(at / median_s) / sigma) ** 2) / 2) / at / sigma


DISTRIBUTIONS: Final[Mapping[str, Times]] = {
    "5 s": _times(20, _log_normal(5, 0.25)),
    "20 s": _times(80, _log_normal(20, 0.25)),
    "60 s, spread": _times(500, _log_normal(60, 0.5)),
    "300 s": _times(1000, _log_normal(300, 0.25)),
    "a queue, then 2 s": _times(
        140, lambda at: np.where(at < 2, 0, (at - 2) * np.exp(-(at - 2) / 10))
    ),
    "8 s or 60 s": _times(
        200, lambda at: _log_normal(8, 0.2)(at) / 2 + _log_normal(60, 0.2)(at) / 2
    ),
}


@dataclass(frozen=True)
class Cost:
    """What a schedule costs a job in the mean; delay in seconds."""

    polls: float
    delay_s: float

    def of(self, times: Times) -> float:
        """In seconds of delay."""
        return self.polls * times.poll_price_s + self.delay_s


def run() -> dict[str, Any]:
    """Every distribution: what each schedule costs, and its regret."""
    return {name: _figures(times) for name, times in DISTRIBUTIONS.items()} | {
        "drifting": _drifting_figures(DISTRIBUTIONS["20 s"])
    }


def _figures(times: Times) -> dict[str, Any]:
    optimum = _cost(_cheapest(times), times)

    def row(*costs: Cost) -> dict[str, float]:
        return _row(costs, optimum, times)

    ends_s = float(times.grid[-1])
    figures = {
        "optimum": row(optimum),
        "fixed_5_s": row(_cost(_repeated(lambda _age: FIXED_S, ends_s), times)),
        "doubling": row(_cost(_doubled(ends_s), times)),
        "none": row(_learned_cost(JobTimes(), times.median_s, times)),
        "none_half_declared": row(_learned_cost(JobTimes(), times.median_s / 2, times)),
        "none_double_declared": row(_learned_cost(JobTimes(), times.median_s * 2, times)),
    }
    for jobs in JOBS:
        costs = [
            _learned_cost(_learn(times, dice, jobs), times.median_s, times) for dice in _all_dice()
        ]
        figures[f"after_{jobs}"] = row(*costs)
    for name, factor in (("tripled", 3.0), ("cut_to_a_third", 1 / 3)):
        changed = times.scaled(factor)
        costs = []
        for dice in _all_dice():
            known = _learn(times, dice, BEFORE_DRIFT)
            known = _learn(changed, dice, AFTER_DRIFT, known, times.median_s)
            costs.append(_learned_cost(known, times.median_s, changed))
        figures[f"{AFTER_DRIFT}_after_{name}"] = _row(
            costs, _cost(_cheapest(changed), changed), changed
        )
    return figures


def _drifting_figures(first: Times) -> dict[str, Any]:
    """Every job takes a little longer than the one before, threefold within 100 jobs."""
    regrets = []
    for dice in _all_dice()[:2]:
        known = JobTimes()
        for job in range(100):
            known = _learn(first.scaled(3 ** (job / 100)), dice, 1, known, first.median_s)
            if job % 10 == 9:
                now = first.scaled(3 ** (job / 100))
                cost = _learned_cost(known, first.median_s, now).of(now)
                regrets.append(cost / _cost(_cheapest(now), now).of(now))
    return {"threefold_within_100": {"regret": _rounded(float(np.mean(regrets)))}}


def _row(costs: Sequence[Cost], optimum: Cost, times: Times) -> dict[str, float]:
    polls = float(np.mean([cost.polls for cost in costs]))
    delay_s = float(np.mean([cost.delay_s for cost in costs]))
    return {
        "polls": _rounded(polls),
        "delay_s": _rounded(delay_s),
        "regret": _rounded(Cost(polls, delay_s).of(times) / optimum.of(times)),
        "efficiency": _rounded(times.bound / (polls * delay_s)),
    }


def _all_dice() -> list[np.random.Generator]:
    return [np.random.default_rng((SEED, number)) for number in range(RUNS)]


# --- schedules -----------------------------------------------------------------------------------


def _repeated(wait_s: Callable[[float], float], until_s: float) -> list[float]:
    """The ages at which a job is polled, by the wait at each age."""
    polls = [float(wait_s(0))]
    while polls[-1] < until_s:
        polls.append(polls[-1] + wait_s(polls[-1]))
    return polls


def _doubled(until_s: float) -> list[float]:
    polls, wait_s = [1.0], 2
    while polls[-1] < until_s:
        polls.append(polls[-1] + wait_s)
        wait_s = min(MAX_DOUBLED_S, 2 * wait_s)
    return polls


def _cheapest(times: Times) -> list[float]:
    """The cheapest schedule in whole seconds, computed backwards from the longest job."""
    seconds = np.arange(0.0, np.ceil(times.grid[-1]) + 1)
    ended = np.interp(seconds, times.grid, times.ended, left=0.0)
    moments = np.interp(
        seconds, times.grid, np.cumsum(times.density * times.grid) / times.density.sum(), left=0.0
    )
    costs, following = np.zeros(len(seconds)), np.zeros(len(seconds), dtype=int)
    for here in range(len(seconds) - 2, -1, -1):
        later = slice(here + 1, None)
        delays = seconds[later] * (ended[later] - ended[here]) - (moments[later] - moments[here])
        best = int(np.argmin(delays + costs[later]))
        costs[here] = (delays + costs[later])[best] + times.poll_price_s * (1 - ended[here])
        following[here] = here + 1 + best
    polls = [0]
    while polls[-1] < len(seconds) - 1:
        polls.append(int(following[polls[-1]]))
    return [float(second) for second in polls[1:]]


def _cost(polls: Sequence[float], times: Times) -> Cost:
    """What the schedule costs over the whole distribution."""
    found_by = np.minimum(np.searchsorted(polls, times.grid), len(polls) - 1)
    delays = np.asarray(polls)[found_by] - times.grid
    weights = times.density
    return Cost(
        float(np.average(found_by + 1, weights=weights)), float(np.average(delays, weights=weights))
    )


def _learned_cost(known: JobTimes, declared_s: float, times: Times) -> Cost:
    wait = lambda age: next_wait_s(known, declared_s, age)  # noqa: E731 - short
    return _cost(_repeated(wait, float(times.grid[-1])), times)


def _learn(
    times: Times,
    dice: np.random.Generator,
    jobs: int,
    known: JobTimes = JobTimes(),  # noqa: B008 - frozen
    declared_s: float | None = None,
) -> JobTimes:
    """The digest after so many more jobs, each polled by what was known before it."""
    declared_s = times.median_s if declared_s is None else declared_s
    for time_s in times.draw(dice, jobs):
        pending_s = age = 0.0
        while age < time_s:
            pending_s = age
            age += next_wait_s(known, declared_s, age)
        known = known.after(age, pending_s, known.written_at + 60)
    return known


def _rounded(figure: float) -> float:
    return round(figure, 3)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(), indent=2) + "\n")
