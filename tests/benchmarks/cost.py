"""What a task costs at AWS's list prices, beside AWS's own sample and beside the least possible.

    python -m tests.benchmarks cost            # half a minute

Darkroom's tasks are the real pipeline and the real workflow file over counted ports in memory
(`counted_ports`): a photo and its spec arrive, INTAKE takes both in, the run goes to its end. The
sample is AWS's "job poller" (`job_poller.asl.json`) in the same interpreter with the same provider
and the same jobs. It does less: it starts without a queue, keeps no record that prevents a second
payment, and writes no manifest.

Tasks run one after the other, each on its own time, without rate limits. Start-up of functions is
left out: its share depends on the traffic, and `cold` measures it. So are traces, metrics, storage,
and what a deployment costs without tasks (secrets, SWEEP, polling the queue).

In `jobs` the route declares a job's median time as usual, which is the best case for the waits; in
`misdeclared` it declares a third of it.
"""

import math
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from darkroom.domain.attempt import Finished, ResultRef
from darkroom.domain.provider_jobs import Accepted, JobFailed, JobRequest, Pending, Prepared
from darkroom.domain.rate_limits import Rules
from darkroom.domain.routes import Route
from darkroom.ports import Step
from infra.aws.sizes import SIZES, Verb
from tests.benchmarks.counted_ports import LOG_BYTES, REQUEST_MS, Meter, Request, count_ports
from tests.benchmarks.usage import PER_TASK, Usage, price
from tests.fakes.clock import FixedClock
from tests.fakes.providers import PNG, FakeProviders
from tests.fakes.routes import JOB_KEY, ROUTES, SYNC_NONE
from tests.pipeline.harness import ClockScheduler, PipelineHarness, spec_of
from tests.simulation.asl_interpreter import DEFINITION_PATH, Run, definition
from tests.simulation.single_fault import SingleFault

TASKS: Final = 200
SEED: Final = 1
JOBS_S: Final = (0, 5, 20, 60, 300)
"""Median time of a job; 0 is a provider that answers with the result."""
SIGMAS: Final = (0.25, 0.5)
SYNCHRONOUS_S: Final = 5
"""How long such an answer takes: SnapAPI's `typical_s`."""
MISDECLARED_JOBS_S: Final = (20, 60, 300)
"""Where the declared time makes a difference."""
MISDECLARED: Final = 3
"""How many times longer such jobs take than their route declares."""
GAP_S: Final = 10
"""Between the end of a task and the arrival of the next."""
STATE_MS: Final = 25
"""Entering a state of the workflow, assumed."""
STATE_LOG_BYTES: Final[Mapping[str, int]] = {
    "Task": 5 * 330,
    "Choice": 660,
    "Wait": 660,
    "Succeed": 660,
}
"""The workflow's log at level ALL, estimated: five events of a task, two of any other state."""
RUN_LOG_BYTES: Final = 2 * 330
"""The events of the run itself."""
POLLER_WAIT_S: Final = 5
POLLER_MB: Final = 128
"""Lambda's least and default memory; the sample needs no more."""
POLLER_LOG_BYTES: Final = 370
"""An invocation's three plain lines; the sample's workflow has no log."""
RESULT_URL_LENGTH: Final = 400
"""A signed URL is about this long, and the task's item holds it."""
MESSAGES: Final = 2
"""Photo and spec; each is sent to the intake queue, received and deleted."""
FLOOR: Final[Mapping[str, float]] = {
    "state_entries": 1,
    "lambda_calls": 2,
    "lambda_gb_s": 2 * 0.1 * POLLER_MB / 1024,
    "table_writes": 2,
    "s3_writes": 1,
    "s3_reads": 2,
}
"""The least: one state, two short calls, two writes, the result written, photo and spec read."""
JOB_POLLER: Final = Path(__file__).with_name("job_poller.asl.json")
ONE_CALL: Final = Path(__file__).with_name("one_call.asl.json")


@dataclass
class Outcome:
    """What tasks of one kind have used.

    Attributes:
        usage: of all tasks together.
        operations: requests to AWS of all tasks together, without those of Lambda itself.
        delays_s: for each task, from the end of its job to its finished result.
        polls: of all tasks together.
    """

    tasks: int
    usage: Usage
    operations: Mapping[str, int]
    delays_s: Sequence[float]
    polls: int

    def figures(self) -> dict[str, Any]:
        """Per task, as JSON; money in US dollars for 1,000 tasks."""
        each = {name: self.usage[name] / self.tasks for name in PER_TASK}
        by_item = {name: 1000 * usd for name, usd in price(each).items()}
        return {
            **{name: round(amount, 3) for name, amount in each.items()},
            "polls": round(self.polls / self.tasks, 2),
            "aws_requests": round(sum(self.operations.values()) / self.tasks, 2),
            "delay_mean_s": round(statistics.fmean(self.delays_s), 2),
            "delay_p95_s": round(statistics.quantiles(self.delays_s, n=20)[-1], 2),
            "usd_per_1000": round(sum(by_item.values()), 4),
            "usd_per_1000_by_item": {name: round(usd, 4) for name, usd in by_item.items()},
        }


def run(tasks: int = TASKS) -> dict[str, Any]:
    """Run the benchmark; plain JSON figures.

    - `assumed`: what the figures rest on beside the counted requests;
    - `jobs`: for each median time and spread, the figures (see `Outcome.figures`) of `darkroom` and
      of the `sample`, the `floor_usd_per_1000`, and `ratio`, Darkroom's cost to the sample's;
    - `misdeclared`: Darkroom's figures where the route declares a third of the job's time.
    """
    floor = 1000 * sum(price(FLOOR).values())
    jobs = []
    for job_s in JOBS_S:
        for sigma in SIGMAS:
            times = draw_times(job_s or SYNCHRONOUS_S, sigma, tasks)
            ours = run_darkroom(job_s, times).figures()
            sample = run_sample(job_s, times).figures()
            jobs.append(
                {
                    "job_s": job_s,
                    "sigma": sigma,
                    "darkroom": ours,
                    "sample": sample,
                    "floor_usd_per_1000": round(floor, 4),
                    "ratio": round(ours["usd_per_1000"] / sample["usd_per_1000"], 3),
                }
            )
    return {
        "tasks": tasks,
        "assumed": {
            "request_ms": dict(REQUEST_MS),
            "synchronous_s": SYNCHRONOUS_S,
            "state_ms": STATE_MS,
            "log_bytes_per_invocation": LOG_BYTES,
            "sample_memory_mb": POLLER_MB,
        },
        "jobs": jobs,
        "misdeclared": [
            {
                "job_s": job_s,
                "declared_s": job_s // MISDECLARED,
                "sigma": SIGMAS[0],
                "darkroom": run_darkroom(
                    job_s, draw_times(job_s, SIGMAS[0], tasks), job_s // MISDECLARED
                ).figures(),
            }
            for job_s in MISDECLARED_JOBS_S
        ],
    }


def draw_times(median_s: float, sigma: float, tasks: int) -> Sequence[float]:
    """Times of jobs, log-normal; the same ones for every caller."""
    draw = random.Random(SEED)  # noqa: S311 - the same again, not a secret
    return [median_s * math.exp(draw.gauss(0, sigma)) for _ in range(tasks)]


def run_darkroom(job_s: int, times: Sequence[float], declared_s: int | None = None) -> Outcome:
    """Each of these jobs as a task of Darkroom.

    Args:
        job_s: 0 for a provider that answers with the result.
        times: of the jobs.
        declared_s: what the route declares as usual; by default `job_s`.
    """
    bench = _Darkroom(job_s, times, declared_s)
    for number in range(len(times)):
        bench.run_task(number)
    return bench.outcome()


def run_sample(job_s: int, times: Sequence[float]) -> Outcome:
    """Each of these jobs as a run of the sample."""
    bench = _Sample(job_s, times)
    for number in range(len(times)):
        bench.run_task(number)
    return bench.outcome()


@dataclass(frozen=True)
class Stage:
    """A part of a task's way.

    Attributes:
        name: a function, or `wait` for a wait of the workflow.
        seconds: that it takes.
        shared: what it writes to shared partitions (`counted_ports.Request.shared`).
    """

    name: str
    seconds: float
    shared: Mapping[str, float]


def profile(job_s: int, rules: Rules | None = None) -> Sequence[Stage]:
    """The way of a task with a job of exactly that time; `rules` are the provider's, if any."""
    bench = _Darkroom(job_s, [float(job_s or SYNCHRONOUS_S)] * 2)
    if rules is not None:
        bench.providers.rules_of[bench.route.provider] = rules
    bench.run_task(0)  # the secrets are read once
    bench.stages.clear()
    bench.run_task(1)
    return bench.stages


@dataclass
class _TimedProviders(FakeProviders):
    """Jobs that take the given times, in order.

    Attributes:
        ended_at: when each job ended.
        polled: how many polls there were.
    """

    clock: FixedClock = field(default_factory=FixedClock)
    times: Iterator[float] = field(default_factory=lambda: iter(()))
    ended_at: list[datetime] = field(default_factory=list)
    polled: int = 0

    def submit(
        self, job_request: JobRequest, intend: Callable[[Prepared], None]
    ) -> Accepted | Finished:
        """Make the paid call."""
        answer = super().submit(job_request, intend)
        job_s = next(self.times)
        if isinstance(answer, Finished):
            self.clock.advance(job_s)
            job_s = 0.0
        self.ended_at.append(self.clock.now() + timedelta(seconds=job_s))
        return answer

    def poll(self, route: Route, job_id: str) -> Pending | Finished | JobFailed:
        """The job's status; one job is open at a time."""
        self.polled += 1
        if self.clock.now() < self.ended_at[-1]:
            return Pending()
        return super().poll(route, job_id)

    def _finish(self, provider: str, name: str) -> Finished:
        url = f"https://{provider}.example/{name}?signature="
        url += "s" * (RESULT_URL_LENGTH - len(url))
        self.results[url] = PNG
        return Finished((ResultRef("image", url),), None, {})


class _CountedRun(Run):
    """Counts states by type; entering one takes a while."""

    def __init__(self, bench: "_Bench", log: Mapping[str, int], *run: Any) -> None:
        super().__init__(*run)
        self._meter, self._clock, self._stages = bench.meter, bench.clock, bench.stages
        self._log = log

    def _enter(self, name: str) -> None:
        self._clock.advance(STATE_MS / 1000)
        kind = self._states[name]["Type"]
        self._meter.usage.add({"state_entries": 1, "log_bytes": self._log.get(kind, 0)})
        if kind == "Wait":
            self._stages.append(Stage("wait", self._data["step"]["wait_s"], {}))
        super()._enter(name)


class _Bench:
    """What both have: provider, clock and meter."""

    def __init__(self, job_s: int, times: Sequence[float], declared_s: int | None = None) -> None:
        self.operation = JOB_KEY if job_s else SYNC_NONE
        route = next(one for one in ROUTES if one.operation == self.operation)
        self.route = replace(route, typical_s=declared_s or job_s or SYNCHRONOUS_S)
        self.clock = FixedClock()
        self.meter = Meter(self.clock)
        self.providers = _TimedProviders(
            offered=(self.route,), polls=0, clock=self.clock, times=iter(times)
        )
        self.delays_s: list[float] = []
        self.stages: list[Stage] = []

    def outcome(self) -> Outcome:
        """What all tasks so far have used."""
        return Outcome(
            len(self.delays_s),
            self.meter.usage,
            self.meter.operations,
            self.delays_s,
            self.providers.polled,
        )

    def drive(
        self,
        path: Path,
        name: tuple[str, int],
        invoke: Callable[[str, Mapping[str, Any]], Step],
        log: Mapping[str, int],
    ) -> None:
        """One run of a workflow to its end."""
        scheduler = ClockScheduler(self.clock)
        injector: Any = SimpleNamespace(scheduler=scheduler, fault_policy=SingleFault())
        execution = _CountedRun(self, log, *name, definition(path), injector, invoke, _no_bad_end)
        execution.begin()
        while execution.status == "RUNNING":
            scheduler.run_next()
        if execution.status != "SUCCEEDED":
            raise RuntimeError(f"a run of {path.name} ended as {execution.status}")


class _Darkroom(_Bench):
    def __init__(self, job_s: int, times: Sequence[float], declared_s: int | None = None) -> None:
        super().__init__(job_s, times, declared_s)
        self.harness = PipelineHarness(providers=self.providers, clock=self.clock, in_place=True)
        self.harness.ports = count_ports(self.harness.ports, self.meter)

    def run_task(self, number: int) -> None:
        """A photo and its spec arrive; the task goes to its end."""
        self.clock.advance(GAP_S)
        photo = f"photos/2026/{number:06d}.jpg"
        spec = spec_of(self.operation, provider=self.route.provider)
        for event in (
            self.harness.put_file(photo),
            self.harness.put_file(f"{photo}.json", spec),
        ):
            self.meter.usage.add({"events": 1, "sqs_requests": 3})
            with self._invocation("intake"):
                self.harness.receive(event)
        task_id, run = self.harness.workflows.started[-1]
        self.meter.usage.add({"log_bytes": RUN_LOG_BYTES})

        def invoke(verb: str, _event: Mapping[str, Any]) -> Step:
            with self._invocation(verb):
                return self.harness.step(verb, task_id, run)

        published = len(self.harness.events.published)
        self.drive(DEFINITION_PATH, (task_id, run), invoke, STATE_LOG_BYTES)
        if self.harness.events.published[published:][0].kind != "Task Succeeded":
            raise RuntimeError(f"task {number} has not succeeded")
        self.delays_s.append((self._finished_at - self.providers.ended_at[-1]).total_seconds())

    @contextmanager
    def _invocation(self, verb: Any) -> Iterator[None]:
        name: Verb = verb
        began, before = self.clock.now(), dict(self.meter.shared)
        with self.meter.invocation(verb, SIZES[name].memory_mb):
            yield
        self._finished_at = self.clock.now()
        seconds = (self._finished_at - began).total_seconds()
        after = self.meter.shared
        shared = {each: after[each] - before.get(each, 0) for each in after}
        self.stages.append(Stage(verb, seconds, shared))


class _Sample(_Bench):
    """AWS's sample with the work that a task needs: see the requests in `_steps`."""

    def run_task(self, number: int) -> None:
        """A photo and its spec arrive; the rule for the spec starts the run."""
        self.clock.advance(GAP_S)
        self.meter.usage.add({"events": 2})
        job: list[Accepted | Finished] = []

        def invoke(function: str, _event: Mapping[str, Any]) -> Step:
            with self.meter.invocation(function, POLLER_MB, POLLER_LOG_BYTES):
                return self._call(function, number, job)

        path = JOB_POLLER if self.route.asynchronous else ONE_CALL
        self.drive(path, (f"{number}", 1), invoke, {})
        self.delays_s.append((self.clock.now() - self.providers.ended_at[-1]).total_seconds())

    def _call(self, function: str, number: int, job: list[Accepted | Finished]) -> Step:
        self.meter.use_credentials(self.route.provider)
        match function:
            case "submitjob":
                self._make("GetObject", s3_reads=1)
                self._make("GetObject", s3_reads=1)
                self._make("ProviderSubmit")
                params = self.route.params()
                request = JobRequest(f"{number}", 1, self.route, params, {})
                job.append(self.providers.submit(request, lambda _prepared: None))
                self._make("PutItem", table_writes=1)
                return Step("poll", POLLER_WAIT_S)
            case "getjobstatus":
                self._make("ProviderPoll")
                accepted = job[0]
                assert isinstance(accepted, Accepted)
                status = self.providers.poll(self.route, accepted.job_id)
                done = not isinstance(status, Pending)
                return Step("deliver") if done else Step("poll", POLLER_WAIT_S)
            case "getfinaljobstatus":
                self._make("ProviderFetch")
                self._make("PutObject", s3_writes=1)
                self._make("PutItem", table_writes=1)
                return Step("done")
        raise ValueError(f"the sample has no function {function}")

    def _make(self, operation: str, **units: float) -> None:
        self.meter.make(Request(operation, units))


def _no_bad_end(*_arguments: object) -> None:
    """No run ends badly here."""
