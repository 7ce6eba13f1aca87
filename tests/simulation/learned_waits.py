"""Invariants of learned waits: what is learned is true, and rarely written; no wait is too long.

Digests begin empty, or as after many jobs that took longer or less long than those that follow
(`durations-known`), or as after so much traffic that no job of the simulation is in the sample
(`durations-sampled`).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from darkroom.domain.job_times import ALL_JOBS, MAX_ONE_IN, JobTimes
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.ports import Step
from tests.fakes.clock import START
from tests.fakes.durations import InMemoryDurations
from tests.simulation.fault_kinds import FaultPolicy
from tests.simulation.ledger import Job
from tests.simulation.payment_monitor import SKEW_S

MAX_WAIT_S: Final = 60
"""A job may be left alone for this long, or for as long as such jobs take, or as it is old."""
FAR_S: Final = 10 * 365 * 24 * 3600.0
"""The digest of a busy route has just been written whenever it is looked at."""


class WatchedDurations(InMemoryDurations):
    """How long jobs took, from before the simulation for some routes.

    Attributes:
        violations: a sentence for each write that should not have been.
    """

    def __init__(self, routes: Iterable[Route], fault_policy: FaultPolicy) -> None:
        super().__init__()
        self.violations: list[str] = []
        for route in routes:
            if not route.asynchronous:
                continue
            name = (route.provider, route.operation, route.model)
            if fault_policy.chance("durations-sampled"):
                # Every task's figure is at least the smallest one that is not 0.
                self.stored[name] = JobTimes(1000, START.timestamp() + FAR_S, MAX_ONE_IN**2)
            elif fault_policy.chance("durations-known"):
                self.stored[name] = _known_before(fault_policy.between(2, 300))
        self._before = dict(self.stored)

    def compare_and_set(self, route: Route, old: JobTimes, new: JobTimes) -> bool:
        """Store `new` if `old` is still stored."""
        if old.one_in > MAX_ONE_IN:
            self.violations.append(f"a job of {route.provider} was added though none is sampled")
        return super().compare_and_set(route, old, new)

    def find_untrue(self, jobs: Iterable[Job]) -> Iterator[str]:
        """A sentence for each digest that remembers a time that no job can have taken."""
        oldest: dict[tuple[str, str, str], float] = {}
        for job in jobs:
            route, age_s = job.work.route, job.polled_at - job.accepted_at
            name = (route.provider, route.operation, route.model)
            oldest[name] = max(oldest.get(name, 0.0), age_s)
        for name, times in self.stored.items():
            # The clocks of two processes may differ, and a bucket is a tenth of its time wide.
            most_s = (oldest.get(name, 0.0) + 2 * SKEW_S) * 1.1
            if name not in self._before and times.longest_s > most_s:
                yield f"a job of {name} counts as {times.longest_s:.0f} s, none took {most_s:.0f} s"

    def find_long_wait(self, task: Task, route: Route, step: Step, now: float) -> str | None:
        """What is wrong with the wait for a job, or None; `now` in seconds since 1970."""
        attempt = task.last_attempt
        if step.next != "poll" or task.wait_reason or task.waits or attempt.accepted_at is None:
            return None
        if route.max_poll_gap_s is not None:
            # Past its deadline the job is lost already.
            most_s = route.max_poll_gap_s / 2 if now < task.deadline.timestamp() else 3600.0
        else:
            age_s = now - attempt.accepted_at.timestamp()
            most_s = max(MAX_WAIT_S, age_s, 2 * route.typical_s, self.known(route).longest_s)
        if step.wait_s <= most_s + SKEW_S:
            return None
        return f"{task.task_id} leaves its job alone for {step.wait_s} s, {most_s:.0f} s are enough"


def _known_before(usual_s: float) -> JobTimes:
    times = JobTimes()
    for job in range(ALL_JOBS + 1):
        found_s = usual_s * (0.7 + 0.6 * job / ALL_JOBS)
        times = times.after(found_s, 0.8 * found_s, 0.0)
    return times
