"""The whole pipeline over fakes, with a user and the workflow.

`run` interprets the workflow's own file: its waits, retries and catches, with a clock that jumps.
Every call does one verb, so that a test can stop between any two; with `in_place` SUBMIT and POLL
go on as deployed.
"""

import contextlib
import functools
import heapq
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, TypeVar

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Arrival, Message, Removed, Uploaded
from darkroom.domain.budgets import ENVIRONMENT, Budget
from darkroom.domain.errors import ProviderRefused, Unclear
from darkroom.domain.limits import Limits
from darkroom.domain.money_rules import MoneyRules
from darkroom.domain.task import State, Task
from darkroom.pipeline.continue_in_place import poll_and_continue, submit_and_continue
from darkroom.pipeline.deliver import deliver
from darkroom.pipeline.fail import fail
from darkroom.pipeline.intake import take_arrival
from darkroom.pipeline.poll import poll
from darkroom.pipeline.submit import submit
from darkroom.pipeline.sweep import sweep
from darkroom.ports import Ports, Step
from tests.fakes.batches import InMemoryBatches
from tests.fakes.budgets import InMemoryBudgets
from tests.fakes.charges import InMemoryCharges
from tests.fakes.clock import START, FixedClock
from tests.fakes.durations import InMemoryDurations
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.limiter import InMemoryLimiter
from tests.fakes.lines import InMemoryLines
from tests.fakes.metrics import RecordedMetrics
from tests.fakes.new_tasks import InMemoryNewTasks
from tests.fakes.outputs import InMemoryOutputs
from tests.fakes.providers import PNG, FakeProviders
from tests.fakes.recorders import (
    RecordingDeadLetters,
    RecordingErrands,
    RecordingEvents,
    RecordingWorkflows,
)
from tests.fakes.routes import JOB_KEY, JOB_NONE, ROUTES
from tests.fakes.tasks import InMemoryTasks
from tests.simulation.asl_interpreter import Run, definition
from tests.simulation.fault_injection import FunctionError
from tests.simulation.single_fault import SingleFault

T = TypeVar("T")

PHOTO = "photos/cat.jpg"
SPEC = "photos/cat.jpg.json"
MAX_SWEEPS = 7 * 24 * 60
"""One a minute, for longer than a task waits."""
TRIES = 4
"""How often the queue delivers a message on which intake raises, the first time included."""


NO_ROOM: Final = Budget(ENVIRONMENT, credits=1)
"""A budget in which no call of the fake providers has room: each costs 2 credits."""


class Died(BaseException):
    """The process died; nothing in it may catch this."""


class _StateReached(BaseException):
    """The task is in a state in which the test wants to look at it."""


class ClockScheduler:
    """The workflow's waits and time limits; the next one advances the clock."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._count = itertools.count()

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return (self._clock.now() - START).total_seconds()

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Schedule `act` in this many seconds."""
        heapq.heappush(self._heap, (self.now + seconds, next(self._count), act))

    def run_next(self) -> None:
        """Advance the clock to the next event, and run it."""
        at, _, act = heapq.heappop(self._heap)
        self._clock.advance(max(0.0, at - self.now))
        act()


@dataclass
class PipelineHarness:
    """Everything that one test needs; `ports` may be replaced by wrapped ones.

    Attributes:
        in_place: whether SUBMIT and POLL go on with the next verb in the same call.
        entered: how many states of the workflow the runs of the last `run` have entered.
        longest: how many steps the longest of its runs had.
    """

    tasks: InMemoryTasks = field(default_factory=InMemoryTasks)
    inputs: InMemoryInputs = field(default_factory=InMemoryInputs)
    outputs: InMemoryOutputs = field(default_factory=InMemoryOutputs)
    workflows: RecordingWorkflows = field(default_factory=RecordingWorkflows)
    events: RecordingEvents = field(default_factory=RecordingEvents)
    dead_letters: RecordingDeadLetters = field(default_factory=RecordingDeadLetters)
    providers: FakeProviders = field(default_factory=lambda: FakeProviders(ROUTES))
    clock: FixedClock = field(default_factory=FixedClock)
    limiter: InMemoryLimiter = field(default_factory=InMemoryLimiter)
    durations: InMemoryDurations = field(default_factory=InMemoryDurations)
    errands: RecordingErrands = field(default_factory=RecordingErrands)
    batches: InMemoryBatches = field(default_factory=InMemoryBatches)
    money: MoneyRules = field(default_factory=MoneyRules)
    charges: InMemoryCharges = field(default_factory=InMemoryCharges)
    metrics: RecordedMetrics = field(default_factory=RecordedMetrics)
    limits: Limits = field(default_factory=Limits)
    steps: list[Step] = field(default_factory=list)
    in_place: bool = False
    entered: int = 0
    longest: int = 0

    def __post_init__(self) -> None:
        self.lines = InMemoryLines(self.tasks)
        self.inputs.now = self.clock.now
        self.ports = Ports(
            self.tasks,
            self.inputs,
            self.outputs,
            self.workflows,
            self.events,
            self.dead_letters,
            self.providers,
            self.clock,
            self.lines,
            self.limiter,
            self.durations,
            self.errands,
            self.batches,
            InMemoryBudgets(self.tasks),
            InMemoryNewTasks(),
            self.money,
            self.limits,
            charges=self.charges,
            metrics=self.metrics,
        )

    # --- what users do --------------------------------------------------------------------------

    def put_file(self, key: str, body: bytes = PNG, wish: str = "") -> Uploaded:
        """Put a file into the input bucket; returns its event, which is not delivered."""
        return Uploaded(key, self.inputs.put(key, body, wish).version_id)

    def upload(self, key: str, body: bytes = PNG, wish: str = "") -> Uploaded:
        """Put a file into the input bucket, and deliver its event."""
        event = self.put_file(key, body, wish)
        self.receive(event)
        return event

    def upload_spec(self, operation: str, key: str = SPEC, **fields: Any) -> Uploaded:
        """Upload a spec, and deliver its event."""
        return self.upload(key, spec_of(operation, **fields))

    def delete(self, key: str) -> None:
        """Delete a file, and deliver its event."""
        self.inputs.delete(key)
        self.receive(Removed(key))

    # --- what AWS does --------------------------------------------------------------------------

    def receive(self, *arrivals: Arrival) -> None:
        """Deliver arrivals to intake, with retries, and then its errands."""
        for arrival in arrivals:
            self._with_retries(functools.partial(take_arrival, self.ports, arrival))
        self.run_errands()

    def run_errands(self) -> None:
        """Deliver to intake the messages that it sent to itself, until none is left."""
        while bodies := self.errands.take():
            for body in bodies:
                message = Message(body, "errand", 1, self.clock.now())
                for arrival in read_message(message, self.inputs.bucket):
                    self._with_retries(functools.partial(take_arrival, self.ports, arrival))

    def sweep(self) -> None:
        """Call SWEEP once."""
        sweep(self.ports)

    def step(
        self, name: str, task_id: str, run: int | None = None, waited_s: float | None = None
    ) -> Step:
        """Call one step of the workflow once, by default in the task's newest run."""
        if run is None:
            task = self.tasks.get(task_id)
            run = task.run if task else 1
        steps: dict[str, Callable[[Ports, str, int], Step]] = {
            "submit": submit_and_continue if self.in_place else submit,
            "poll": functools.partial(
                poll_and_continue if self.in_place else poll, waited_s=waited_s
            ),
            "deliver": deliver,
            "fail": fail,
        }
        return steps[name](self.ports, task_id, run)

    def run(self, until: Iterable[State] = (), most: int = 10_000) -> None:
        """Drive every started run to its end, or until its task is in one of the states.

        Without `until` SWEEP follows while a task is in line, as every minute.
        """
        self.entered = self.longest = 0
        driven = 0
        for _ in range(MAX_SWEEPS):
            while driven < len(self.workflows.started):
                task_id, run = self.workflows.started[driven]
                driven += 1
                self._drive(task_id, run, frozenset(until), most)
            if until or not any(self.tasks.lines.values()):
                return
            self.clock.advance(60)
            sweep(self.ports)

    def _drive(self, task_id: str, run: int, until: frozenset[State], most: int) -> None:
        """Interpret the workflow's own file, with the waits on the fixed clock."""
        scheduler = ClockScheduler(self.clock)
        steps = 0

        def invoke(verb: str, event: Mapping[str, Any]) -> Step | FunctionError:
            task = self.tasks.get(task_id)
            if task is not None and task.state in until:
                raise _StateReached
            nonlocal steps
            steps += 1
            if steps > most:
                raise AssertionError(f"the run did not end within {most} steps")
            error = event["error"]["Error"] if "error" in event else None
            try:
                if verb == "fail":
                    step = fail(self.ports, task_id, run, error)
                else:
                    step = self.step(verb, task_id, run, event.get("step", {}).get("wait_s"))
            except (Exception, Died) as broken:  # noqa: BLE001 - the workflow handles any error
                return FunctionError(type(broken).__name__)
            self.steps.append(step)
            return step

        injector: Any = SimpleNamespace(scheduler=scheduler, fault_policy=SingleFault())
        execution = Run(task_id, run, definition(), injector, invoke, lambda *_: None)
        with contextlib.suppress(_StateReached):
            execution.begin()
            while execution.status == "RUNNING":
                scheduler.run_next()
            if execution.status != "SUCCEEDED":
                invoke("fail", {"error": {"Error": execution.status}})
        self.entered += execution.entered
        self.longest = max(self.longest, steps)

    def _with_retries(self, act: Callable[[], T]) -> T:
        for _ in range(TRIES - 1):
            try:
                return act()
            except (Exception, Died):  # noqa: BLE001 - the queue retries any error
                self.clock.advance(5)
        return act()

    # --- what tests look at ---------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """The only task."""
        (task,) = self.tasks.all
        return task

    def manifest(self, task: Task | None = None) -> dict[str, Any]:
        """The task's manifest as it lies in the output bucket."""
        body = self.outputs.get((task or self.task).manifest_key)
        assert body is not None, "there is no manifest"
        document: dict[str, Any] = json.loads(body)
        return document

    def event_kinds(self, task_id: str) -> set[str]:
        """The kinds of the events of this task."""
        return {e.kind for e in self.events.published if e.detail["task_id"] == task_id}


def spec_of(operation: str, **fields: Any) -> bytes:
    """A spec's file."""
    return json.dumps({"operation": operation, **fields}).encode()


def in_state(state: State, limits: Limits | None = None) -> PipelineHarness:
    """A harness whose only task was brought into this state by the steps themselves."""
    money = MoneyRules(budgets=(NO_ROOM,)) if state == "held" else MoneyRules()
    harness = PipelineHarness(limits=limits or Limits(), money=money)
    if state == "unknown":
        _make_unknown(harness)
        return harness
    harness.upload_spec(JOB_KEY)
    if state == "waiting":
        return harness
    harness.upload(PHOTO)
    if state == "cancelled":
        harness.delete(SPEC)
    elif state == "failed":
        harness.providers.script("submit", *[refusal()] * 2)
        harness.run()
    elif state == "submitting":
        harness.providers.script("submit", Died())
        try:
            harness.step("submit", harness.task.task_id)
        except Died:
            return harness
    elif state != "queued":
        harness.run(until=[state])
    return harness


def _make_unknown(harness: PipelineHarness) -> None:
    harness.upload(PHOTO)
    harness.upload_spec(JOB_NONE)
    harness.providers.script("submit", Unclear("no-answer", "gamma did not answer in time."))
    harness.run()


def refusal() -> Exception:
    """A provider's refusal."""
    return ProviderRefused("bad-request", "The provider does not take this file.")
