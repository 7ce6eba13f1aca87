"""Many tasks at once at each provider's documented limits, on a simulated clock.

    python -m tests.benchmarks batch           # some minutes

The pipeline, the workflow file and the line of tasks are real (`tests.simulation.batch`), the
functions take no time, and a run starts 0.2 s late; in the second variant one in ten starts 4 s
late, about as late as a cold start with a queue before it.

A wait for a turn of up to `SUBMIT_LINGER_S` is waited inside SUBMIT and costs no transition. The
simulation lets the workflow wait instead, so that tasks interleave; here such waits are counted as
what they are when deployed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from darkroom.domain.limits import SUBMIT_LINGER_S
from darkroom.domain.rate_limits import HEADROOM, Rate, Rules
from tests.fakes.routes import JOB_ALONE, JOB_NONE, SYNC_NONE
from tests.simulation.batch import Batch, Course, sometimes, worst_overtaking

TASKS: Final = 1000
MANY_TASKS: Final = 2000
ARRIVAL_GAP_S: Final = 0.05
"""Between two arrivals: twenty a second."""
LATE_S: Final = 4.2
STATES_PER_ROUND: Final = 3
"""Of a wait in the workflow: the wait, the step and the choice."""


@dataclass(frozen=True)
class Account:
    """A provider's documented limits, and jobs to go with them.

    Attributes:
        operation, provider: of the test's route with the same kind of job.
        job_s: every job takes this long.
        files: that each submission uploads.
    """

    operation: str
    provider: str
    rules: Rules
    job_s: float = 0.0
    files: int = 1

    @property
    def floor_s(self) -> float:
        """The least time for one more task, by the rate or by the open jobs, without headroom."""
        by_rate, by_jobs = 0.0, 0.0
        if self.rules.rate:
            calls = self.rules.calls(self.files)
            by_rate = calls * self.rules.rate.per_s / self.rules.rate.calls
        if self.rules.open_jobs:
            by_jobs = self.job_s / self.rules.open_jobs
        return max(by_rate, by_jobs)


ACCOUNTS: Final[Mapping[str, Account]] = {
    "snapapi": Account(SYNC_NONE, "alpha", Rules(Rate(60, 60))),
    "perfect": Account(
        JOB_ALONE,
        "zeta",
        Rules(Rate(100, 300), open_jobs=1, calls_per_file=1, calls_per_job=4),
        job_s=12,
    ),
    "20 open jobs": Account(JOB_NONE, "gamma", Rules(open_jobs=20), job_s=60),
}
"""SnapAPI: 60 calls a minute. Perfect: 100 calls in five minutes, and jobs that must be polled."""


def run(tasks: int = TASKS, many: int = MANY_TASKS) -> dict[str, Any]:
    """Run the benchmark; plain JSON figures.

    `batches` has for each account and kind of start:

    - `took_s`: from the first arrival to the end of the last job;
    - `over_floor`: the same divided by the least time at the documented limits;
    - `headroom`: the part of the limits that Darkroom leaves free on purpose;
    - `worst_window_calls`, in any window of the limit, and `limit_calls`; the same for open jobs;
    - `transitions_per_task` spent on waiting for a turn, and the seconds that it was waited for in
      place; `transitions_if_never_in_place`, as the simulation itself has them;
    - `overtaken_by`: by how many later tasks the unluckiest was overtaken.
    """
    punctual, late = lambda: 0.2, LATE_S
    batches = [
        _measure(name, tasks, starts, late_s)
        for name in ACCOUNTS
        for starts, late_s in (("punctual", punctual), ("one in ten late", sometimes(late, 0.1)))
    ]
    batches.append(_measure("20 open jobs", many, "punctual", punctual))
    return {"batches": batches}


def _measure(name: str, tasks: int, starts: str, late_s: Callable[[], float]) -> dict[str, Any]:
    account = ACCOUNTS[name]
    batch = Batch(
        account.operation,
        account.provider,
        account.rules,
        job_s=lambda: account.job_s,
        late_s=late_s,
    )
    for number in range(tasks):
        batch.arrive(number * ARRIVAL_GAP_S)
    courses = batch.run()
    paid = _paid(courses)
    took_s = max(paid) + account.job_s
    long_waits = [wait_s for wait_s in batch.turn_waits_s if wait_s > SUBMIT_LINGER_S]
    in_place_s = sum(batch.turn_waits_s) - sum(long_waits)
    again = sum(course.submits - 1 for course in courses) - len(batch.turn_waits_s)
    figures: dict[str, Any] = {
        "account": name,
        "tasks": tasks,
        "starts": starts,
        "took_s": round(took_s),
        "over_floor": round(took_s / (tasks * account.floor_s), 3),
        "headroom": HEADROOM if account.rules.rate else 0.0,
        "transitions_per_task": round(STATES_PER_ROUND * (len(long_waits) + again) / tasks, 3),
        "transitions_if_never_in_place": round(
            STATES_PER_ROUND * (len(batch.turn_waits_s) + again) / tasks, 3
        ),
        "in_place_s_per_task": round(in_place_s / tasks, 2),
        "overtaken_by": worst_overtaking(courses),
    }
    if account.rules.rate:
        calls = [at for at in paid for _ in range(1 + account.files * account.rules.calls_per_file)]
        calls += batch.providers.polled_at
        figures["worst_window_calls"] = most_in_window(calls, account.rules.rate.per_s)
        figures["limit_calls"] = account.rules.rate.calls
    if account.rules.open_jobs:
        figures["worst_open_jobs"] = most_at_once(paid, account.job_s)
        figures["limit_jobs"] = account.rules.open_jobs
    return figures


def most_in_window(times: Sequence[float], window_s: float) -> int:
    """The most calls in any window of this length."""
    ordered = sorted(times)
    first, most = 0, 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def most_at_once(began: Sequence[float], length_s: float) -> int:
    """The most jobs of this length that are open at the same time."""
    return most_in_window(began, length_s)


def _paid(courses: Sequence[Course]) -> Sequence[float]:
    paid = [course.paid_at for course in courses if course.paid_at is not None]
    if len(paid) < len(courses):
        raise RuntimeError(f"{len(courses) - len(paid)} tasks were never paid for")
    return paid
