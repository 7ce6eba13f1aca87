"""Many tasks at one provider: the real pipeline and workflow on one clock, with late starts.

A function runs in an instant, and never waits in place: its waits are waits of the workflow, so
that hundreds of tasks interleave. What is measured is when each task was paid for.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from darkroom.domain.attempt import Finished
from darkroom.domain.limits import Limits
from darkroom.domain.order import Trigger
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending, Prepared
from darkroom.domain.rate_limits import Rules
from darkroom.domain.routes import Route
from darkroom.pipeline.deliver import deliver
from darkroom.pipeline.fail import fail
from darkroom.pipeline.poll import poll
from darkroom.pipeline.submit import submit
from darkroom.pipeline.sweep import sweep
from darkroom.ports import Step
from tests.fakes.clock import START
from tests.fakes.providers import FakeProviders
from tests.fakes.recorders import RecordingWorkflows
from tests.pipeline.harness import PipelineHarness, spec_of
from tests.simulation.asl_interpreter import Run, definition
from tests.simulation.fault_injection import FunctionError
from tests.simulation.fault_kinds import NoFaults
from tests.simulation.scheduler import Scheduler

SWEEP_S = 60
IN_FOLDER = 400
"""Photos in a folder; with more new ones at once some would be held until a person approves."""


@dataclass
class Course:
    """What became of one task.

    Attributes:
        number: in the order of arrival.
        arrived_at: seconds since the start.
        paid_at: the same; None if it was not paid for.
        submits: how often SUBMIT was called for it.
    """

    number: int
    arrived_at: float
    paid_at: float | None = None
    submits: int = 0


@dataclass
class _JobsWithDuration(FakeProviders):
    """Jobs that take a while on the scheduler's clock.

    Attributes:
        calls: when a call was made that counts against the rate by itself; those that a job needs
            so that it is not lost are reserved with it.
        polled_at: when a job was polled, whether that counts or not.
    """

    scheduler: Scheduler = field(default_factory=Scheduler)
    job_s: Callable[[], float] = lambda: 0.0
    paid: Callable[[str], None] = lambda _task_id: None
    calls: list[float] = field(default_factory=list)
    polled_at: list[float] = field(default_factory=list)
    done_at: dict[str, float] = field(default_factory=dict)

    def submit(
        self, job_request: JobRequest, intend: Callable[[Prepared], None]
    ) -> Accepted | Finished:
        """Make the paid call."""
        answer = super().submit(job_request, intend)
        self.calls.append(self.scheduler.now)
        self.paid(job_request.task_id)
        if isinstance(answer, Accepted):
            self.done_at[answer.job_id] = self.scheduler.now + self.job_s()
        return answer

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """The job's status."""
        self.polled_at.append(self.scheduler.now)
        if route.max_poll_gap_s is None:
            self.calls.append(self.scheduler.now)
        if self.scheduler.now < self.done_at[job_id]:
            return Pending()
        self.polls = 0
        return super().poll(route, job_id)


class Batch:
    """One provider's batch.

    Args:
        operation: of every task; its first route's provider is used.
        rules: of that provider's account.
        job_s: how long a job takes, seconds.
        late_s: how much later than asked for a function starts, seconds.
        lost: whether a started run is lost before it does anything; gets the task's number and run.

    Attributes:
        turn_waits_s: every wait of a run for its turn, whole seconds.
    """

    def __init__(
        self,
        operation: str,
        provider: str,
        rules: Rules,
        *,
        job_s: Callable[[], float] = lambda: 0.0,
        late_s: Callable[[], float] = lambda: 0.2,
        lost: Callable[[int, int], bool] = lambda _number, _run: False,
    ) -> None:
        self.scheduler = Scheduler()
        self.courses: dict[str, Course] = {}
        self.providers = _JobsWithDuration(
            offered=(), scheduler=self.scheduler, job_s=job_s, paid=self._record_paid
        )
        limits = Limits(linger_s=0, poll_in_place_s=0)
        self.harness = PipelineHarness(limits=limits, providers=self.providers)
        self.providers.offered = PipelineHarness().providers.offered
        self.providers.rules_of[provider] = rules
        self.workflows = self.harness.workflows = _ScheduledRuns(self._begin)
        self.harness.__post_init__()
        self.turn_waits_s: list[int] = []
        self._operation, self._provider = operation, provider
        self._late_s, self._lost = late_s, lost
        self._sweeping = False

    def arrive(self, at: float, **spec: Any) -> None:
        """A photo and its spec arrive then."""
        self.scheduler.after(at - self.scheduler.now, lambda: self._take(spec))

    def run(self, until: float = 1e9) -> Sequence[Course]:
        """Run until nothing is left to do; the courses in order of arrival."""
        while not self.scheduler.idle and self.scheduler.now < until:
            self.scheduler.run_next()
        return list(self.courses.values())

    def _take(self, spec: Mapping[str, Any]) -> None:
        self._set_clock()
        number = len(self.courses)
        key = f"p{number // IN_FOLDER}/{number}.jpg"
        self.harness.put_file(key)
        event = self.harness.put_file(
            f"{key}.json", spec_of(self._operation, provider=self._provider, **spec)
        )
        task_id = self._next_task_id(event.key, event.version_id or "")
        self.courses[task_id] = Course(number, self.scheduler.now)
        self.harness.receive(event)
        if not self._sweeping:
            self._sweeping = True
            self.scheduler.after(SWEEP_S, self._sweep)

    def _next_task_id(self, key: str, version: str) -> str:
        return Trigger("upload", self.harness.inputs.bucket, key, version).task_id

    def _sweep(self) -> None:
        self._set_clock()
        sweep(self.harness.ports)
        self._sweeping = any(self.harness.tasks.lines.values())
        if self._sweeping:
            self.scheduler.after(SWEEP_S, self._sweep)

    def _begin(self, task_id: str, run: int) -> None:
        if self._lost(self.courses[task_id].number, run):
            self.workflows.ended.add((task_id, run))
            return
        injector: Any = SimpleNamespace(scheduler=self.scheduler, fault_policy=NoFaults())
        execution: Any = None

        def invoke(verb: str, event: Mapping[str, Any]) -> Step | FunctionError:
            self._set_clock()
            if verb == "submit":
                self.courses[task_id].submits += 1
            steps: Any = {"submit": submit, "poll": poll, "deliver": deliver, "fail": fail}
            waited = (event.get("step", {}).get("wait_s"),) if verb == "poll" else ()
            step: Step = steps[verb](self.harness.ports, event["task_id"], event["run"], *waited)
            if step.next == "submit":
                self.turn_waits_s.append(step.wait_s)
            if step.next == "done":
                self.workflows.ended.add((task_id, run))
            return step

        execution = Run(task_id, run, definition(), injector, invoke, lambda *_: None)
        self.scheduler.after(self._late_s(), execution.begin)

    def _record_paid(self, task_id: str) -> None:
        self.courses[task_id].paid_at = self.scheduler.now

    def _set_clock(self) -> None:
        target = START + timedelta(seconds=self.scheduler.now)
        behind_s = (target - self.harness.clock.now()).total_seconds()
        if behind_s > 0:
            self.harness.clock.advance(behind_s)


class _ScheduledRuns(RecordingWorkflows):
    def __init__(self, begin: Callable[[str, int], None]) -> None:
        super().__init__()
        self._begin = begin

    def start(self, task_id: str, run: int) -> None:
        """Start the run on the scheduler."""
        if (task_id, run) not in self.started:
            super().start(task_id, run)
            self._begin(task_id, run)


def sometimes(seconds: float, share: float, otherwise: float = 0.2) -> Callable[[], float]:
    """Late starts: this many seconds for that share of them; always the same ones."""
    draw = random.Random(1)  # noqa: S311 - the same again, not a secret
    return lambda: seconds if draw.random() < share else otherwise


def rate_per_min(courses: Sequence[Course]) -> float:
    """How many were paid for in a minute, from the first to the last."""
    paid = sorted(one.paid_at for one in courses if one.paid_at is not None)
    return 60 * (len(paid) - 1) / (paid[-1] - paid[0])


def worst_overtaking(courses: Sequence[Course]) -> int:
    """By how many later ones the unluckiest was overtaken; in order of arrival."""
    paid = [one.paid_at if one.paid_at is not None else 1e9 for one in courses]
    return max(sum(1 for later in paid[n + 1 :] if later < at) for n, at in enumerate(paid))
