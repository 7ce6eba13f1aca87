"""The longest task that is permitted fits into a run's history.

Step Functions ends a run at 25,000 events (its "Quotas" page). A loop through a wait adds nine:
entered and left for the wait (2), the choice (2), the step (5: entered, scheduled, started,
succeeded, left). The real steps run over fakes, with a clock that jumps.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from darkroom.domain.attempt import Finished
from darkroom.domain.circuit_state import FAILURES_TO_OPEN, CircuitState
from darkroom.domain.errors import AccountBlocked, ResultGone, Throttled
from darkroom.domain.limits import Limits
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending, Prepared
from darkroom.domain.rate_limits import Rules
from darkroom.domain.routes import Route
from darkroom.domain.turns import Turns
from darkroom.pipeline.deliver import ABSENT_LIMIT
from darkroom.providers.registry import build_adapters
from tests.fakes.clock import START, FixedClock
from tests.fakes.limiter import InMemoryLimiter
from tests.fakes.providers import FakeProviders
from tests.fakes.routes import JOB_KEY, ROUTES
from tests.pipeline.harness import PHOTO, PipelineHarness

LIMIT = 25_000
EVENTS_PER_LOOP = 9
RESERVE = 1_000
"""For steps that are tried again."""

MAX_JOB_S = max(route.job_s for adapter in build_adapters() for route in adapter.routes)
GONE = ResultGone("result-gone", "The provider no longer has the result.")
AT_LAST = timedelta(minutes=10)


@dataclass
class Reluctant(FakeProviders):
    """Says "later" until just before the task gives up; then works until just before it does."""

    clock: FixedClock = field(default_factory=FixedClock)
    asked_s: int | None = None
    blocked: bool = False
    queue_s: int = Limits().queue_s
    done_at: datetime = START

    def submit(self, work: JobRequest, intend: Callable[[Prepared], None]) -> Accepted | Finished:
        """Takes the task ten minutes before its time is up."""
        if self.clock.now() < START + timedelta(seconds=self.queue_s) - AT_LAST:
            later = Throttled("later", "It is busy.", retry_after_s=self.asked_s)
            empty = AccountBlocked("no-credits", "There are no credits left.")
            self.script("submit", empty if self.blocked else later)
        else:
            self._work_again()
        return super().submit(work, intend)

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """Finishes two minutes before the job is given up; the next time, as late again."""
        if self.clock.now() < self.done_at:
            return Pending()
        self._work_again()
        return super().poll(route, job_id)

    def _work_again(self) -> None:
        self.done_at = self.clock.now() + timedelta(seconds=MAX_JOB_S - 120)


class Blocked(InMemoryLimiter):
    """Whenever one looks, somebody else has just tried beta out, and it was still blocked."""

    def __init__(self, clock: FixedClock, queue_s: int) -> None:
        super().__init__()
        self._clock = clock
        self._until = START + timedelta(seconds=queue_s) - AT_LAST

    def circuit(self, provider: str) -> CircuitState:
        """Paused for half a minute more, until the task's time is nearly over."""
        now = self._clock.now()
        if provider != "beta" or now > self._until:
            return super().circuit(provider)
        return CircuitState(FAILURES_TO_OPEN, now.timestamp() + 30, "There are no credits left.")


@pytest.mark.parametrize("asked_s", [0, 5, None])
def test_history_holds_the_longest_permitted_task(asked_s: int | None) -> None:
    """Days in the queue, then the longest job, its result gone as often as is allowed."""
    clock = FixedClock()
    routes = [replace(route, job_s=MAX_JOB_S) for route in ROUTES]
    providers = Reluctant(routes, polls=0, clock=clock, asked_s=asked_s)
    providers.script("fetch", *[GONE] * 2 * (1 + ABSENT_LIMIT))
    harness = PipelineHarness(providers=providers, clock=clock)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, provider="beta")
    harness.run(most=LIMIT)

    assert harness.task.state == "succeeded"
    assert clock.now() - START > timedelta(seconds=Limits().queue_s + 2 * MAX_JOB_S)
    assert len(harness.steps) * EVENTS_PER_LOOP < LIMIT - RESERVE


@pytest.mark.parametrize("alone", [True, False])
def test_history_holds_a_task_that_waits_for_credits_until_its_deadline(*, alone: bool) -> None:
    """Whether it probes the account itself, or other tasks do; each probe is a run of its own.

    So the longest run does not grow with the days in the queue, and one day shows it.
    """
    clock = FixedClock()
    routes = [replace(route, job_s=MAX_JOB_S) for route in ROUTES]
    queue_s = 24 * 3600
    providers = Reluctant(routes, polls=0, clock=clock, blocked=True, queue_s=queue_s)
    harness = PipelineHarness(providers=providers, clock=clock, limits=Limits(queue_s=queue_s))
    if not alone:
        harness.limiter = Blocked(clock, queue_s)
        harness.ports = replace(harness.ports, limiter=harness.limiter)
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, provider="beta")
    harness.run(most=LIMIT)

    assert harness.task.state == "succeeded"
    assert 0 < harness.longest * EVENTS_PER_LOOP < LIMIT - RESERVE


def test_task_that_waits_for_its_turn_until_its_deadline_has_no_history() -> None:
    """Other tasks have every open job for days; its run starts when one of them ends."""
    clock = FixedClock()
    providers = FakeProviders(ROUTES, rules_of={"beta": Rules(open_jobs=1)})
    harness = PipelineHarness(providers=providers, clock=clock)
    until = START + timedelta(seconds=Limits().queue_s) - AT_LAST
    harness.lines.given["beta"] = Turns(open_jobs={"another": until.timestamp()})
    harness.upload(PHOTO)
    harness.upload_spec(JOB_KEY, provider="beta")
    harness.run(most=LIMIT)

    assert harness.task.state == "succeeded"
    assert clock.now() > until
    assert len(harness.workflows.started) == 1
