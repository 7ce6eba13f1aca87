"""A whole Darkroom without machines: the pipeline over simulated ports, and people at both ends.

A world is made, people come, and it is let run until it rests; then `invariants` looks at it.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, Uploaded
from darkroom.domain.errors import Refused
from darkroom.domain.limits import Limits
from darkroom.domain.routes import Route
from darkroom.domain.task import STUCK_AFTER, Task
from darkroom.pipeline import cancel, deliver, fail, intake, poll, retry, submit, sweep
from darkroom.ports import Ports, Step
from tests.fakes.clock import START
from tests.fakes.routes import ROUTES
from tests.simulation.asl_interpreter import AslInterpreter
from tests.simulation.fault_injection import (
    Broken,
    FaultInjector,
    Guarded,
    Invocation,
    SimulatedClock,
)
from tests.simulation.fault_kinds import FaultPolicy, NoFaults
from tests.simulation.intake_queue import IntakeQueue
from tests.simulation.outages import Outages
from tests.simulation.payment_monitor import SKEW_S
from tests.simulation.providers import SimulatedProviders
from tests.simulation.rate_invariants import WatchedLimiter
from tests.simulation.scheduler import Scheduler
from tests.simulation.step_invariants import StepMonitor
from tests.simulation.stores import PlainInputs, PlainOutputs, PlainTasks
from tests.simulation.wait_invariants import AWAITED_S, SPEECHLESS_S, missing_reason
from tests.simulation.workload import Users

LIMITS: Final[Mapping[str, int]] = {
    "intake": 60,
    "submit": 180,
    "poll": 150,
    "deliver": 900,
    "fail": 120,
    "sweep": 300,
}
"""Seconds until each door's process is stopped; as deployed."""

PERSON_S: Final = 3600
"""After this whoever typed a command goes home."""
EVERY_S: Final = 60
"""Between two sweeps; as deployed."""
SWEEPS: Final = 2000
"""How often a world is swept before whatever still stands is taken to be stuck."""
REDRIVE_S: Final = (10_000, 30_000, 50_000, 70_000)
"""When somebody looks after the intake queue's dead letters; within a day, as an alarm asks for."""
SALVAGES: Final = 3
"""How often a task whose job has a result is retried until it must be there."""

_DOORS: Final[Mapping[str, Callable[[Ports, Mapping[str, Any], Callable[[], float]], Step]]] = {
    "submit": lambda ports, event, left_s: submit.submit(
        ports, event["task_id"], event["run"], left_s
    ),
    "poll": lambda ports, event, _left_s: poll.poll(ports, event["task_id"], event["run"]),
    "deliver": lambda ports, event, left_s: deliver.deliver(
        ports, event["task_id"], event["run"], left_s
    ),
    "fail": lambda ports, event, _left_s: fail.fail(
        ports, event["task_id"], event["run"], event.get("error", {}).get("Error")
    ),
}


class _Letters:
    """The only thing that the pipeline does with the queue."""

    def __init__(self, queue: IntakeQueue) -> None:
        self.put = queue.put


class _Errands:
    """What intake leaves to itself."""

    def __init__(self, queue: IntakeQueue) -> None:
        self._queue = queue

    def send(self, bodies: Sequence[str]) -> None:
        """Send them all."""
        for body in bodies:
            self._queue.send(body)


class SimulatedSystem:
    """Everything there is.

    Attributes:
        calm: whether no fault strikes.
        sweeps: how often it was swept, or would have been had there been anything to sweep.
    """

    def __init__(
        self,
        fault_policy: FaultPolicy,
        *,
        calm: bool = False,
        trace: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self.calm = calm
        self.sweeps = 0
        self.fault_policy = fault_policy
        self.scheduler = Scheduler()
        self.injector = FaultInjector(self.scheduler, fault_policy, lines=[] if trace else None)
        self.step_monitor = StepMonitor(self.injector, limits.runs)
        self.tasks = PlainTasks(self.step_monitor)
        self.outputs = PlainOutputs(self.step_monitor)
        self.outages = Outages(self.injector, self.tasks)
        self.inputs = PlainInputs()
        self.limiter = WatchedLimiter(self.injector)
        self.providers = SimulatedProviders(
            ROUTES, self.injector, self.step_monitor.payment_monitor, self.outages.paid
        )
        self.interpreter = AslInterpreter(self.injector, self.door)
        self.providers.replaced = self.interpreter.abort
        self.step_monitor.look_at(self.tasks, self.outputs, self._alive, self.providers.account)
        self.step_monitor.payment_monitor.look_at(
            self.tasks.stored, self.providers.ledger, self.limiter.slipped
        )
        self.queue = IntakeQueue(self.injector, self._take)
        self.ports = self._build_ports(limits)
        # A process in the middle of another may not stay long: the other one would wait for it.
        self._hasty = replace(self.ports, limits=replace(limits, poll_in_place_s=0))
        self.users = Users(
            self.scheduler, self.inputs, fault_policy, self, self.queue.send, self._deploy
        )
        self.users.came = self._expect
        self._patrolled = False

    def rest(self) -> None:
        """Let everything happen, swept for as long as anything is due, until nothing is left."""
        if not self.fault_policy.chance("dead-letters-left"):
            for at in REDRIVE_S:
                self.scheduler.after(at, self.redrive)
        if self.fault_policy.chance("bad-ends-redriven"):
            self.scheduler.after(self.fault_policy.between(600, 6000), self.interpreter.redrive)
        self._go_on()
        while self.queue.redrive():
            self._go_on()

    def reconsider(self) -> bool:
        """Let people have second thoughts about what ended badly; whether anything came of it."""
        ended = [task for task in self.tasks.stored.values() if task.finished]
        changed_their_minds = self.users.reconsider(ended)
        if changed_their_minds:
            self.rest()
        return changed_their_minds

    def salvage(self) -> bool:
        """Retry, in peace, whatever was paid for and has a result, which must come; whether any."""
        if not self._recoverable():
            return False
        self.injector.fault_policy = NoFaults()
        for _ in range(SALVAGES):
            for task_id in self._recoverable():
                self.retry(task_id, pay_again=False)
            self._go_on()
        for task_id in self._recoverable():
            self.step_monitor.say(f"{task_id} was paid for, and its result is not to be had")
        return True

    def sweep(self) -> None:
        """The schedule calls SWEEP, which comes by everything that is due unless it is harmed."""
        for_certain = self._now() - timedelta(seconds=SKEW_S)
        due, read = set(self.tasks.due(for_certain)), set[str]()
        begun: list[Invocation | None] = []

        def act() -> None:
            begun.append(self.injector.current)
            sweep.sweep(self.ports)

        alone = self.tasks.read is None
        if alone:
            self.tasks.read = read
        self.injector.invoke("sweep", None, LIMITS["sweep"], act)
        if alone:
            self.tasks.read = None
        unharmed = begun[0] is not None and not begun[0].harmed
        if alone and unharmed and due - read:
            self.step_monitor.say(f"SWEEP passed {min(due - read)} over")

    def cancel(self, task_id: str) -> None:
        """Somebody cancels a task."""
        act = lambda: cancel.cancel_for_user(self.ports, task_id)  # noqa: E731 - as for doors
        self.injector.invoke("cancel", task_id, PERSON_S, act)

    def retry(self, task_id: str, *, pay_again: bool) -> None:
        """Somebody retries a task."""
        verb = "pay-again" if pay_again else "retry"
        act = lambda: retry.retry(self.ports, task_id, pay_again=pay_again)  # noqa: E731 - the same
        self.injector.invoke(verb, task_id, PERSON_S, act)

    def redrive(self) -> None:
        """Somebody puts the intake queue's dead letters back."""
        self.queue.redrive()

    def _go_on(self) -> None:
        if not self._patrolled:
            self._patrolled = True
            self.scheduler.after(self.fault_policy.between(0, EVERY_S), self._patrol)
        self.scheduler.run()

    def _patrol(self) -> None:
        """Sweep when something is due; sweeps that would find nothing are left out."""
        self._sweep_what_is_due()
        # In the middle of a call more is to come, whatever else there is.
        more = self.tasks.looks or self.scheduler.depth or not self.scheduler.idle
        self._patrolled = bool(more) and self.sweeps < SWEEPS
        if self._patrolled:
            soonest = self._soonest()
            away_s = (
                (soonest - self._now()).total_seconds() if soonest else STUCK_AFTER.total_seconds()
            )
            self.scheduler.after(max(away_s, 0) + EVERY_S, self._patrol)

    def _sweep_what_is_due(self) -> None:
        soonest = self._soonest()
        if soonest is not None and soonest <= self._now():
            self.sweeps += 1
            self._look_for_sleepers()
            self.sweep()

    def _soonest(self) -> datetime | None:
        """When the first task is due, if any is left."""
        return min(map(self.tasks.due_at, self.tasks.looks), default=None)

    def _build_ports(self, limits: Limits) -> Ports:
        injector = self.injector
        guarded: dict[str, Any] = {
            name: Guarded(port, name, injector)
            for name, port in {
                "tasks": self.tasks,
                "inputs": self.inputs,
                "outputs": self.outputs,
                "workflows": self.interpreter,
                "events": self.step_monitor,
                "dead_letters": _Letters(self.queue),
                "limiter": self.limiter,
                "errands": _Errands(self.queue),
            }.items()
        }
        clock = SimulatedClock(injector)
        return Ports(**guarded, providers=self.providers, clock=clock, limits=limits)

    def door(self, verb: str, event: Mapping[str, Any]) -> Step | Broken:
        """Call a door of the workflow."""
        ports = self._hasty if self.scheduler.depth else self.ports
        left_s = self.injector.time_left_s
        act = _DOORS[verb]
        said = self.injector.invoke(
            verb, event["task_id"], LIMITS[verb], lambda: act(ports, event, left_s)
        )
        if verb == "fail" and event["task_id"] in self.tasks.looks:
            self.scheduler.after(EVERY_S, self._sweep_what_is_due)  # perhaps it leaves it to SWEEP
        if event["run"] == self.tasks.stored[event["task_id"]].run:
            self._listen(event["task_id"], said)
        if self.calm and self.tasks.stored[event["task_id"]].state in ("queued", "delivering"):
            for provider, leases in self.limiter.leases.items():
                if event["task_id"] in leases:
                    self.step_monitor.say(
                        f"{event['task_id']} needs no lease of {provider}, and has one"
                    )
        return said

    def _listen(self, task_id: str, said: Step | Broken) -> None:
        """Whoever is sent away says why."""
        if isinstance(said, Broken) or said.wait_s < SPEECHLESS_S:
            return
        task = self.tasks.stored[task_id]
        pending = task.state == "running" and task.last_attempt.job_id in self.providers.pending
        now = self._now().timestamp()
        wrong = missing_reason(task, said, pending=pending, now=now)
        if wrong is not None:
            self.step_monitor.say(wrong)

    def _take(self, message: Message) -> Broken | None:
        """Call INTAKE with a message; None when it was taken."""
        begun: list[Invocation | None] = []
        dead = len(self.queue.reasons)

        def act() -> None:
            begun.append(self.injector.current)
            intake.receive(self.ports, message, read_message)

        said = self.injector.invoke("intake", None, LIMITS["intake"], act)
        given_up = len(self.queue.reasons) > dead
        if self.tasks.unreadable and begun[0] and not begun[0].harmed and not given_up:
            self._look_for_forgotten(message)
        return said if isinstance(said, Broken) else None

    def _look_for_forgotten(self, message: Message) -> None:
        """What a file's event is for is done for every task that can be read."""
        with contextlib.suppress(Refused):
            for one in read_message(message, self.inputs.bucket):
                if not isinstance(one, Uploaded):
                    continue
                for task_id in self.tasks.wanting(one.key):
                    task = self.tasks.stored[task_id]
                    readable = task_id not in self.tasks.unreadable
                    if readable and task.awaits_inputs and self._all_there(task):
                        self.step_monitor.say(f"INTAKE left {task_id} waiting for {one.key}")

    def _deploy(self, routes: Sequence[Route]) -> None:
        self.step_monitor.routes_gone = len(routes) < len(ROUTES)
        if self.step_monitor.routes_gone:
            # A task on its way may find its route gone; its door may say so.
            self.injector.expected = (*self.injector.expected, LookupError)
        self.providers.offered = tuple(routes)

    def _recoverable(self) -> list[str]:
        return self.providers.ledger.recoverable(self.tasks.stored.values())

    def _alive(self, task_id: str, run: int) -> bool:
        return self.interpreter.status(task_id, run) == "running"

    def _now(self) -> datetime:
        """The true time, whatever a process's clock says."""
        return START + timedelta(seconds=self.scheduler.now)

    def _expect(self, key: str) -> None:
        """A file is there: some time later nobody waits for it any more."""
        self.scheduler.after(AWAITED_S, lambda: self._look_for_idlers(key))

    def _look_for_idlers(self, key: str) -> None:
        """Whoever waits although everything is there should have been released by its event."""
        if self.queue.dead or self.queue.under_way or self.tasks.unreadable:
            return
        for task_id in self.tasks.wanting(key):
            task = self.tasks.stored[task_id]
            if task.awaits_inputs and self._all_there(task):
                self.step_monitor.say(f"{task_id} waits {AWAITED_S} s after {key} came")

    def _all_there(self, task: Task) -> bool:
        keys = (key for keys in task.resolved_order.keys.values() for key in keys)
        return all(self.inputs.find(key) for key in keys)

    def _look_for_sleepers(self) -> None:
        """Whoever waits past the deadline waits for something, or for somebody's redrive."""
        if self.queue.dead or self.queue.under_way:
            return
        now = self._now()
        for one in self.tasks.stored.values():
            if one.awaits_inputs and one.deadline <= now and self._all_there(one):
                self.step_monitor.say(f"{one.task_id} waits though everything is there")
