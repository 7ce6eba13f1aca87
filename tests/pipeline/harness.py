"""The whole pipeline over fakes, and a person at each end of it.

`run` does what the workflow file does: calls the doors, waits by moving the clock, tries a door
again that broke, and goes to FAIL in the end.
"""

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Arrival, Message, Removed, Uploaded
from darkroom.domain.errors import ProviderRefused, Unclear
from darkroom.domain.limits import Limits
from darkroom.domain.task import State, Task
from darkroom.pipeline.deliver import deliver
from darkroom.pipeline.fail import fail
from darkroom.pipeline.intake import take_arrival
from darkroom.pipeline.poll import poll
from darkroom.pipeline.submit import submit
from darkroom.ports import Ports, Step
from tests.fakes.channels import (
    RecordingDeadLetters,
    RecordingErrands,
    RecordingEvents,
    RecordingWorkflows,
)
from tests.fakes.clock import FixedClock
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.limiter import InMemoryLimiter
from tests.fakes.outputs import InMemoryOutputs
from tests.fakes.providers import PNG, FakeProviders
from tests.fakes.routes import JOB_KEY, JOB_NONE, ROUTES
from tests.fakes.tasks import InMemoryTasks

T = TypeVar("T")

PHOTO = "photos/cat.jpg"
SPEC = "photos/cat.jpg.json"
TRIES = 4
"""How often the workflow calls a door that breaks, the first call included."""


class Died(BaseException):
    """The process is gone, whatever it was doing; nothing in it may catch this."""


@dataclass
class Studio:
    """Everything that one test needs; `ports` may be replaced by wrapped ones."""

    tasks: InMemoryTasks = field(default_factory=InMemoryTasks)
    inputs: InMemoryInputs = field(default_factory=InMemoryInputs)
    outputs: InMemoryOutputs = field(default_factory=InMemoryOutputs)
    workflows: RecordingWorkflows = field(default_factory=RecordingWorkflows)
    events: RecordingEvents = field(default_factory=RecordingEvents)
    dead_letters: RecordingDeadLetters = field(default_factory=RecordingDeadLetters)
    providers: FakeProviders = field(default_factory=lambda: FakeProviders(ROUTES))
    clock: FixedClock = field(default_factory=FixedClock)
    limiter: InMemoryLimiter = field(default_factory=InMemoryLimiter)
    errands: RecordingErrands = field(default_factory=RecordingErrands)
    limits: Limits = field(default_factory=Limits)
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ports = Ports(
            self.tasks,
            self.inputs,
            self.outputs,
            self.workflows,
            self.events,
            self.dead_letters,
            self.providers,
            self.clock,
            self.limiter,
            self.errands,
            self.limits,
        )

    # --- what people do -------------------------------------------------------------------------

    def upload(self, key: str, body: bytes = PNG) -> Uploaded:
        """Put a file into the input bucket; its event is on its way."""
        return Uploaded(key, self.inputs.put(key, body).version_id)

    def drop(self, key: str, body: bytes = PNG) -> Uploaded:
        """Put a file into the input bucket; its event arrives at once."""
        event = self.upload(key, body)
        self.arrive(event)
        return event

    def ask(self, operation: str, key: str = SPEC, **fields: Any) -> Uploaded:
        """Drop a spec."""
        return self.drop(key, spec_of(operation, **fields))

    def remove(self, key: str) -> None:
        """Delete a file; its event arrives at once."""
        self.inputs.delete(key)
        self.arrive(Removed(key))

    # --- what AWS does --------------------------------------------------------------------------

    def arrive(self, *arrivals: Arrival) -> None:
        """Deliver messages to intake, again and again while intake dies on them."""
        for arrival in arrivals:
            self._insist(functools.partial(take_arrival, self.ports, arrival))
        self.run_errands()

    def run_errands(self) -> None:
        """Deliver to intake what it has left to itself, until nothing is."""
        while bodies := self.errands.take():
            for body in bodies:
                message = Message(body, "errand", 1, self.clock.now())
                for arrival in read_message(message, self.inputs.bucket):
                    self._insist(functools.partial(take_arrival, self.ports, arrival))

    def door(self, name: str, task_id: str, run: int = 1) -> Step:
        """Call one door of the workflow once."""
        doors: dict[str, Callable[[Ports, str, int], Step]] = {
            "submit": submit,
            "poll": poll,
            "deliver": deliver,
            "fail": fail,
        }
        return doors[name](self.ports, task_id, run)

    def run(self, until: Iterable[State] = (), most: int = 10_000) -> None:
        """Drive every started run to its end, or until its task is in one of the states."""
        for task_id, run in list(self.workflows.started):
            self._drive(task_id, run, frozenset(until), most)

    def _drive(self, task_id: str, run: int, until: frozenset[State], most: int) -> None:
        step = Step("submit")
        for _ in range(most):
            task = self.tasks.get(task_id)
            if step.next == "done" or (task and task.state in until):
                return
            self.clock.advance(step.wait_s)
            step = self._door_with_retries(step.next, task_id, run)
            self.steps.append(step)
        raise AssertionError(f"the run did not end within {most} steps")

    def _door_with_retries(self, name: str, task_id: str, run: int) -> Step:
        try:
            return self._insist(lambda: self.door(name, task_id, run))
        except (Exception, Died) as error:
            if name == "fail":
                raise
            broken = type(error).__name__
            return self._insist(lambda: fail(self.ports, task_id, run, broken))

    def _insist(self, act: Callable[[], T]) -> T:
        for _ in range(TRIES - 1):
            try:
                return act()
            except (Exception, Died):  # noqa: BLE001 - the workflow and the queue try anything again
                self.clock.advance(5)
        return act()

    # --- what tests look at ---------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """The only task there is."""
        (task,) = self.tasks.all
        return task

    def manifest(self, task: Task | None = None) -> dict[str, Any]:
        """The task's manifest as it lies in the output bucket."""
        body = self.outputs.get((task or self.task).manifest_key)
        assert body is not None, "there is no manifest"
        document: dict[str, Any] = json.loads(body)
        return document

    def endings(self, task_id: str) -> set[str]:
        """The kinds of the events that tell of this task."""
        return {e.kind for e in self.events.published if e.detail["task_id"] == task_id}


def spec_of(operation: str, **fields: Any) -> bytes:
    """A spec's file."""
    return json.dumps({"operation": operation, **fields}).encode()


def in_state(state: State, limits: Limits | None = None) -> Studio:
    """A studio whose only task has been brought into this state by the doors themselves."""
    studio = Studio(limits=limits or Limits())
    if state == "unknown":
        _make_unknown(studio)
        return studio
    studio.ask(JOB_KEY)
    if state == "waiting":
        return studio
    studio.drop(PHOTO)
    if state == "cancelled":
        studio.remove(SPEC)
    elif state == "failed":
        studio.providers.say("submit", *[refusal()] * 2)
        studio.run()
    elif state == "submitting":
        studio.providers.say("submit", Died())
        try:
            studio.door("submit", studio.task.task_id)
        except Died:
            return studio
    elif state != "queued":
        studio.run(until=[state])
    return studio


def _make_unknown(studio: Studio) -> None:
    studio.drop(PHOTO)
    studio.ask(JOB_NONE)
    studio.providers.say("submit", Unclear("no-answer", "gamma did not answer in time."))
    studio.run()


def refusal() -> Exception:
    """A provider's clear no."""
    return ProviderRefused("bad-request", "The provider does not take this file.")
