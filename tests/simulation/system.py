"""The whole pipeline over simulated ports, with simulated users.

Users' actions are scheduled, then the system runs until it is idle; `final_invariants` checks it.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from darkroom.aws.intake_messages import read_message
from darkroom.domain.arrivals import Message, Uploaded
from darkroom.domain.batch import Batch
from darkroom.domain.circuit_state import CircuitState
from darkroom.domain.errors import Refused
from darkroom.domain.limits import Limits
from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.routes import Route
from darkroom.domain.task import STUCK_AFTER, Task
from darkroom.pipeline import cancel, continue_in_place, deliver, fail, intake, retry, sweep
from darkroom.pipeline.admission.payment_pause import DELIVERY
from darkroom.pipeline.batches import look
from darkroom.pipeline.money import held
from darkroom.ports import Ports, Step
from tests.fakes.batches import InMemoryBatches
from tests.fakes.budgets import InMemoryBudgets
from tests.fakes.charges import InMemoryCharges
from tests.fakes.clock import START
from tests.fakes.routes import ROUTES
from tests.simulation.approvals import Approver
from tests.simulation.asl_interpreter import AslInterpreter
from tests.simulation.batch_ends import BatchMonitor
from tests.simulation.budget_invariants import find_overspending
from tests.simulation.empty_accounts import find_wait_outside_the_line
from tests.simulation.fault_injection import (
    FaultInjector,
    FaultyPort,
    FunctionError,
    Invocation,
    SimulatedClock,
)
from tests.simulation.fault_kinds import FaultPolicy, NoFaults
from tests.simulation.folders import awaits_correction
from tests.simulation.hold_invariants import HoldMonitor
from tests.simulation.intake_queue import IntakeQueue
from tests.simulation.learned_waits import WatchedDurations
from tests.simulation.measured import MeasuredEnds
from tests.simulation.money_world import MoneyWorld
from tests.simulation.outages import Outages
from tests.simulation.payment_monitor import SKEW_S
from tests.simulation.pictures import SimulatedPictures
from tests.simulation.price_invariants import find_dear_call
from tests.simulation.providers import SimulatedProviders
from tests.simulation.rate_invariants import RULES, WatchedLimiter, WatchedLines
from tests.simulation.scheduler import Scheduler
from tests.simulation.step_invariants import StepMonitor
from tests.simulation.stores import PlainInputs, PlainOutputs, PlainTasks
from tests.simulation.wait_invariants import MAX_RELEASE_S, MAX_UNEXPLAINED_WAIT_S, missing_reason
from tests.simulation.workload import Users

LIMITS: Final[Mapping[str, int]] = {
    "intake": 60,
    "submit": 180,
    "poll": 150,
    "deliver": 900,
    "fail": 120,
    "sweep": 300,
}
"""Time limit of each function in seconds; as deployed."""

COMMAND_LIMIT_S: Final = 3600
"""Time limit of a user's command in seconds."""
SWEEP_INTERVAL_S: Final = 60
"""Between two sweeps, in seconds; as deployed."""
MAX_SWEEPS: Final = 9000
"""How many sweeps there are before tasks that have not ended count as stuck."""
BATCH_IDLE_S: Final = 2 * 3600
"""How long a batch whose last photo never comes is looked at."""
REDRIVE_TIMES_S: Final = (10_000, 30_000, 50_000, 70_000)
"""When an operator redrives the intake queue's dead letters; within a day, as the alarm asks."""
MAX_RETRIES: Final = 3
"""How often a task whose job has a result is retried; then the result must be delivered."""

_FUNCTIONS: Final[Mapping[str, Callable[[Ports, Mapping[str, Any], Callable[[], float]], Step]]] = {
    "submit": lambda ports, event, left_s: continue_in_place.submit_and_continue(
        ports, event["task_id"], event["run"], left_s
    ),
    "poll": lambda ports, event, left_s: continue_in_place.poll_and_continue(
        ports, event["task_id"], event["run"], left_s, event.get("step", {}).get("wait_s")
    ),
    "deliver": lambda ports, event, left_s: deliver.deliver(
        ports, event["task_id"], event["run"], left_s
    ),
    "fail": lambda ports, event, _left_s: fail.fail(
        ports, event["task_id"], event["run"], event.get("error", {}).get("Error")
    ),
}


class _DeadLetterPort:
    """The part of the queue that is the dead-letter port."""

    def __init__(self, queue: IntakeQueue) -> None:
        self.put = queue.put


class _ErrandPort:
    """Messages that INTAKE sends to its own queue.

    Attributes:
        sent: how many.
    """

    def __init__(self, queue: IntakeQueue) -> None:
        self.sent = 0
        self._queue = queue

    def send(self, bodies: Sequence[str], delay_s: int = 0) -> None:
        """Send all of them."""
        self.sent += len(bodies)
        for body in bodies:
            self._queue.send(body, delay_s)


class _ScheduledBatches(InMemoryBatches):
    """Batches that see to it that SWEEP runs when one is due."""

    def __init__(self, sweep_at: Callable[[datetime], None]) -> None:
        super().__init__()
        self._sweep_at = sweep_at

    def write(self, old: Batch | None, new: Batch) -> Batch:
        """Write `new` where `old` is still stored."""
        written = super().write(old, new)
        if written.look_at is not None:
            self._sweep_at(written.look_at)
        return written


class SimulatedSystem:
    """The pipeline, its simulated ports and its users.

    Attributes:
        fault_free: whether no fault strikes.
        sweeps: how many sweeps there were, those left out because nothing was due included.
    """

    def __init__(
        self,
        fault_policy: FaultPolicy,
        *,
        fault_free: bool = False,
        trace: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        money: MoneyWorld = MoneyWorld(),  # noqa: B008 - frozen
    ) -> None:
        limits = replace(limits, batch_idle_s=BATCH_IDLE_S)
        self.fault_free = fault_free
        self.sweeps = 0
        self.money = money
        self.fault_policy = fault_policy
        self.scheduler = Scheduler()
        self.injector = FaultInjector(self.scheduler, fault_policy, trace=[] if trace else None)
        self.step_monitor = StepMonitor(self.injector, limits.runs)
        self.tasks = PlainTasks(self.step_monitor)
        self.outputs = PlainOutputs(self.step_monitor)
        self.outages = Outages(self.injector, self.tasks)
        self.inputs = PlainInputs()
        self.inputs.now = self._now
        self.holds = HoldMonitor(
            self.injector, self.inputs, money.rules.guard_tasks, self.step_monitor.report
        )
        self.step_monitor.holds = self.holds
        self.lines = WatchedLines(self.tasks, self.injector)
        self.limiter = WatchedLimiter(self.injector)
        self.durations = WatchedDurations(ROUTES, fault_policy)
        self.charges = InMemoryCharges()
        self.providers = SimulatedProviders(
            ROUTES, self.injector, self.step_monitor.payment_monitor, self.outages.after_payment
        )
        self.providers.usd_per_credit = money.rate
        self.pictures = SimulatedPictures(self.injector)
        self.interpreter = AslInterpreter(self.injector, self.invoke_function)
        self.providers.abort_run = self.interpreter.abort
        self._watch()
        self.batches = _ScheduledBatches(self._sweep_at)
        self._looks: list[float] = []
        self._announcing = False
        self.limiter.found_empty = self._announce_soon
        self.limiter.leased = self.holds.will_tell
        self._budgets_seen: tuple[object, ...] | None = None
        self.budgets = InMemoryBudgets(self.tasks)
        self.measured = MeasuredEnds()
        self.batch_monitor = BatchMonitor(
            self.step_monitor.report, lambda: self.tasks.all, self.outputs, self._now, fault_free
        )
        self.step_monitor.batch_finished = self.batch_monitor.published
        self.step_monitor.tasks_held = self._note_held
        self.queue = IntakeQueue(self.injector, self._run_intake)
        self._errands = _ErrandPort(self.queue)
        self.ports = self._build_ports(limits)
        # A process nested in another one must not linger: the outer one would wait for it.
        self._nested_ports = replace(self.ports, limits=replace(limits, linger_s=0))
        self.users = Users(
            self.scheduler, self.inputs, fault_policy, self, self.queue.send, self._deploy
        )
        self.users.money = money
        self.approver = Approver(
            self.scheduler, money, lambda: self.tasks.all, self.approve, self.cancel
        )
        self.users.on_hold = self.approver.will_look
        self.users.on_file = self._expect_release
        self.users.on_folder_change = self._note_folder_change
        self._scheduled = False

    def _watch(self) -> None:
        """Connect what is checked with what it is about."""
        self.step_monitor.watch(self.tasks, self.outputs, self._is_running, self.providers.account)
        self.step_monitor.payment_monitor.find_overspending = self._find_overspending
        self.step_monitor.payment_monitor.watch(
            self.tasks.stored, self.providers.ledger, self.lines.uncounted
        )
        credit_monitor = self.providers.credit_monitor
        credit_monitor.watch(self.tasks.stored, self.tasks.lines)
        self.lines.turns_given = credit_monitor.turns_given
        self.step_monitor.account_empty = credit_monitor.announced

    def run_until_idle(self) -> None:
        """Run until nothing is left to do, with sweeps as long as any task is due."""
        if not self.fault_policy.chance("dead-letters-left"):
            for at in REDRIVE_TIMES_S:
                self.scheduler.after(at, self.redrive)
        if self.fault_policy.chance("bad-ends-redriven"):
            self.scheduler.after(self.fault_policy.between(600, 6000), self.interpreter.redrive)
        self._run()
        while self.queue.redrive():
            self._run()

    def retry_some_failed(self) -> bool:
        """Let users retry some tasks that ended badly; whether there were any."""
        ended = [task for task in self.tasks.stored.values() if task.finished]
        retried = self.users.retry_some_failed(ended)
        if retried:
            self.run_until_idle()
        return retried

    def retry_recoverable(self) -> bool:
        """Without faults, retry every task whose paid job has a result, which must be delivered.

        Returns whether there were any.
        """
        if not self._recoverable():
            return False
        self.injector.fault_policy = NoFaults()
        for _ in range(MAX_RETRIES):
            for task_id in self._recoverable():
                self.retry(task_id, pay_again=False)
            self._run()
        for task_id in self._recoverable():
            self.step_monitor.report(f"{task_id} was paid for, and its result cannot be fetched")
        return True

    def sweep(self) -> None:
        """Call SWEEP as the schedule does; unless a fault strikes it, it handles every due task."""
        certainly = self._now() - timedelta(seconds=SKEW_S)
        due, read = set(self.tasks.due(certainly)), set[str]()
        begun_at = self._now().timestamp()
        changes = self.limiter.changes
        neglected, empty = set[tuple[str, int]](), dict[str, CircuitState]()
        events = self.providers.credit_monitor.announcements.copy()
        begun: list[Invocation | None] = []

        def act() -> None:
            begun.append(self.injector.current)
            neglected.update(self._neglected_waiters(begun_at, self._skew_s(begun)))
            empty.update(self.limiter.unannounced)
            sweep.sweep(self.ports)

        alone = self.tasks.read is None
        budgets = self._budgets_mark()
        if alone:
            self.tasks.read = read
        self.injector.invoke("sweep", None, LIMITS["sweep"], act)
        if alone:
            self.tasks.read = None
        unharmed = begun[0] is not None and not begun[0].harmed
        self._budgets_seen = budgets if unharmed else None
        if alone and unharmed and due - read:
            self.step_monitor.report(f"SWEEP left out {min(due - read)}")
        if unharmed:
            self._check_announced(empty, events)
        else:
            self.providers.credit_monitor.sweep_struck()
        # What a longer one has helped may need the next one's help by now.
        brief = self._now().timestamp() - begun_at < SWEEP_INTERVAL_S
        if alone and unharmed and brief:
            left = neglected & self._neglected_waiters(begun_at, self._skew_s(begun))
            for task_id, run in left if self.limiter.changes == changes else ():
                if task_id not in self.tasks.unreadable:
                    self.step_monitor.report(f"SWEEP left run {run} of {task_id} in line")

    def _check_announced(
        self, empty: Mapping[str, CircuitState], events: Mapping[str, int]
    ) -> None:
        """SWEEP announces each account that it found empty; `events`: how many there were."""
        for provider, circuit in empty.items():
            same = self.limiter.unannounced.get(provider) == circuit
            if same and self.providers.credit_monitor.announcements[provider] == events[provider]:
                self.step_monitor.report(
                    f"SWEEP announced to nobody that {provider} has no credits"
                )

    @staticmethod
    def _skew_s(begun: Sequence[Invocation | None]) -> float:
        """How far the clock is off of the process that has begun."""
        return sum(one.clock_skew_s for one in begun if one)

    def _neglected_waiters(self, now: float, skew_s: float) -> set[tuple[str, int]]:
        """Tasks in line, and their runs, that wait for a turn that is free or whose run is gone.

        `skew_s`: of the SWEEP that has to help them. A pause that is over lasts for longer by a
        clock that is slow.
        """
        neglected = set[tuple[str, int]]()
        paused = self.limiter.circuit(DELIVERY).probing
        for provider in {route.provider for route in self.providers.offered_routes}:
            rules, circuit = RULES[provider], self.limiter.circuit(provider)
            if not (paused or circuit.probing or circuit.until > now + min(skew_s, 0.0)):
                # A process's clock may be off: what it sees as too early is not neglected.
                early, late = (
                    self.lines.find_forgotten(provider, rules, now + off_s)
                    for off_s in (-SKEW_S, SKEW_S)
                )
                neglected |= early & late
            for waiter in self.lines.missed(provider):
                if self.interpreter.status(waiter.task_id, waiter.run) != "running":
                    neglected.add((waiter.task_id, waiter.run))
        return neglected

    def cancel(self, task_id: str) -> None:
        """A user cancels a task."""
        act = lambda: cancel.cancel_for_user(self.ports, task_id)  # noqa: E731 - as for functions
        self.injector.invoke("cancel", task_id, COMMAND_LIMIT_S, act)

    def retry(self, task_id: str, *, pay_again: bool) -> None:
        """A user retries a task."""
        verb = "pay-again" if pay_again else "retry"
        act = lambda: retry.retry(self.ports, task_id, pay_again=pay_again)  # noqa: E731 - the same
        self.injector.invoke(verb, task_id, COMMAND_LIMIT_S, act)

    def approve(self, task_id: str) -> None:
        """A user lets a task go on that is held."""
        act = lambda: held.approve(self.ports, task_id)  # noqa: E731 - the same
        self.injector.invoke("approve", task_id, COMMAND_LIMIT_S, act)

    def redrive(self) -> None:
        """An operator redrives the intake queue's dead letters."""
        self.queue.redrive()

    def _find_overspending(self, work: JobRequest) -> str | None:
        """What is wrong with a paid call that is about to be sent, as far as money goes."""
        return (
            self.holds.find_unapproved(work.task_id)
            or find_overspending(self, work)
            or find_dear_call(self, work)
        )

    def _note_held(self, detail: Mapping[str, Any]) -> None:
        """Somebody hears that tasks are held."""
        self.holds.published(detail)
        self.approver.inform(detail)

    def _run(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.scheduler.after(self.fault_policy.between(0, SWEEP_INTERVAL_S), self._run_schedule)
        self.scheduler.run()

    def _run_schedule(self) -> None:
        """Sweep when a task is due; sweeps that would find none are left out."""
        self._sweep_what_is_due()
        # During a nested call more events may follow, whatever else is scheduled.
        more = self.tasks.due_times or self.scheduler.depth or not self.scheduler.idle
        self._scheduled = bool(more) and self.sweeps < MAX_SWEEPS
        if self._scheduled:
            next_due = self._next_due()
            until_due = next_due - self._now() if next_due else STUCK_AFTER
            if not self.scheduler.idle:  # what happens until then may be due earlier
                until_due = min(until_due, STUCK_AFTER)
            away_s = until_due.total_seconds()
            self.scheduler.after(max(away_s, 0) + SWEEP_INTERVAL_S, self._run_schedule)

    def _sweep_at(self, moment: datetime) -> None:
        """SWEEP runs within a minute after this moment, and looks at the batches.

        Its other work is left out: while it waits for each of thousands of answers, unrelated
        processes of a simulation wait, too.
        """
        away_s = max((moment - self._now()).total_seconds(), 0)
        now = self.scheduler.now
        self._looks = [at for at in self._looks if at > now]
        # There is one SWEEP a minute, however many batches are due.
        if not any(away_s <= at - now <= away_s + SWEEP_INTERVAL_S for at in self._looks):
            self._looks.append(now + away_s + SWEEP_INTERVAL_S)
            self.scheduler.after(away_s + SWEEP_INTERVAL_S, self._look_at_batches)

    def _look_at_batches(self) -> None:
        due = [moment for moment in self._batch_looks() if moment <= self._now()]
        if not due:
            return
        act = lambda: look.look_at_due_batches(self.ports)  # noqa: E731 - as for functions
        self.injector.invoke("sweep", None, LIMITS["sweep"], act)
        if any(moment in due for moment in self._batch_looks()):  # it died, or time went wrong
            self._sweep_at(self._now())

    def _announce_soon(self) -> None:
        """SWEEP runs within a minute after an account was found to be empty."""
        if not self._announcing:
            self._announcing = True
            self.scheduler.after(SWEEP_INTERVAL_S, self._sweep_to_announce)

    def _sweep_to_announce(self) -> None:
        self._announcing = False
        self._sweep_what_is_due()
        if self.limiter.unannounced and self.sweeps < MAX_SWEEPS:  # it died, or no event was taken
            self._announce_soon()

    def _sweep_what_is_due(self) -> None:
        next_due = self._next_due()
        if next_due is not None and next_due <= self._now():
            self.sweeps += 1
            self._check_overdue()
            self.sweep()

    def _next_due(self) -> datetime | None:
        """When SWEEP has something to do next: a task, a turn, an announcement; None if nothing."""
        times = [self.tasks.due_at(task_id) for task_id in self.tasks.due_times]
        now = self._now()
        if self.limiter.unannounced:
            times.append(now)
        pause = self.limiter.circuit(DELIVERY)
        for provider, line in self.tasks.lines.items():
            if line and provider.startswith("@"):
                times.append(self._budgets_due(now))
            elif line:
                paused_until = max(self.limiter.circuit(provider).until, pause.until)
                times.append(max(now, datetime.fromtimestamp(paused_until, UTC)))
        return min(times, default=None)

    def _budgets_due(self, now: datetime) -> datetime:
        """When a held task may have room: at once if something has changed, else the next day."""
        if self._budgets_seen != self._budgets_mark():
            return now
        return datetime.combine(now.date() + timedelta(days=1), time(), UTC)

    def _budgets_mark(self) -> tuple[object, ...]:
        """What differs when a held task may have room."""
        files = sum(len(versions) for versions in self.users.folders.defaults.values())
        return self.tasks.freed, self._now().date(), files

    def _batch_looks(self) -> list[datetime]:
        """When SWEEP looks at each batch next, if it does."""
        return [one.look_at for one in self.batches.all if one.look_at is not None]

    def _build_ports(self, limits: Limits) -> Ports:
        injector = self.injector
        guarded: dict[str, Any] = {
            name: FaultyPort(port, name, injector)
            for name, port in {
                "tasks": self.tasks,
                "inputs": self.inputs,
                "outputs": self.outputs,
                "workflows": self.interpreter,
                "events": self.step_monitor,
                "dead_letters": _DeadLetterPort(self.queue),
                "lines": self.lines,
                "limiter": self.limiter,
                "durations": self.durations,
                "charges": self.charges,
                "errands": self._errands,
                "batches": self.batches,
                "budgets": self.budgets,
                "new_tasks": self.holds,
            }.items()
        }
        clock = SimulatedClock(injector)
        return Ports(
            **guarded,
            providers=self.providers,
            clock=clock,
            limits=limits,
            pictures=self.pictures,
            money=self.money.rules,
            metrics=self.measured,
        )

    def invoke_function(self, verb: str, event: Mapping[str, Any]) -> Step | FunctionError:
        """Call a function of the workflow."""
        ports = self._nested_ports if self.scheduler.depth else self.ports
        left_s = self.injector.time_left_s
        act = _FUNCTIONS[verb]
        result = self.injector.invoke(
            verb, event["task_id"], LIMITS[verb], lambda: act(ports, event, left_s), event["run"]
        )
        if verb == "fail" and event["task_id"] in self.tasks.due_times:
            # FAIL may leave the task to SWEEP.
            self.scheduler.after(SWEEP_INTERVAL_S, self._sweep_what_is_due)
        if event["run"] == self.tasks.stored[event["task_id"]].run:
            self._check_wait_reason(verb, event["task_id"], result)
            self._check_job_wait(event["task_id"], result)
        state = self.tasks.stored[event["task_id"]].state
        if self.fault_free and self.tasks.stored[event["task_id"]].finished:
            self._check_no_turn(event["task_id"])
        if self.fault_free and state in ("queued", "delivering"):
            for provider, turns in self.lines.given.items():
                if event["task_id"] in turns.open_jobs:
                    self.step_monitor.report(
                        f"{event['task_id']} has no open job at {provider}, and one counts"
                    )
        return result

    def _check_no_turn(self, task_id: str) -> None:
        """A task that has ended keeps no turn that it has not used."""
        for provider, turns in self.lines.given.items():
            turn = turns.given.get(task_id)
            if turn is not None and not turn.used:
                self.step_monitor.report(f"{task_id} has ended and keeps its turn at {provider}")

    def _check_wait_reason(self, verb: str, task_id: str, result: Step | FunctionError) -> None:
        """A task that waits for long says why."""
        if isinstance(result, FunctionError) or result.wait_s < MAX_UNEXPLAINED_WAIT_S:
            return
        task = self.tasks.stored[task_id]
        # A job that was accepted just now is waited for, whatever its provider says of it later.
        pending = task.state == "running" and (
            verb == "submit" or self.providers.is_pending(task.last_attempt.job_id or "")
        )
        now = self._now().timestamp()
        wrong = missing_reason(task, result, pending=pending, now=now)
        if wrong is not None:
            self.step_monitor.report(wrong)
        outside = find_wait_outside_the_line(task, result)
        if outside is not None:
            self.step_monitor.report(outside)

    def _check_job_wait(self, task_id: str, result: Step | FunctionError) -> None:
        """A job is not left alone for longer than such jobs take."""
        task = self.tasks.stored[task_id]
        if isinstance(result, FunctionError) or task.state != "running":
            return
        attempt = task.last_attempt
        jobs = self.providers.ledger.by_attempt.get((task_id, attempt.number))
        if jobs:
            now = self._now().timestamp()
            wrong = self.durations.find_long_wait(task, jobs[0].work.route, result, now)
            if wrong is not None:
                self.step_monitor.report(wrong)

    def _run_intake(self, message: Message) -> FunctionError | None:
        """Call INTAKE with a message; None if it succeeded."""
        begun: list[Invocation | None] = []
        dead, sent = len(self.queue.reasons), self._errands.sent

        def act() -> None:
            begun.append(self.injector.current)
            intake.receive(self.ports, message, read_message)

        result = self.injector.invoke("intake", None, LIMITS["intake"], act)
        # A message that takes too long is given up, or the rest of it is left to errands.
        given_up = len(self.queue.reasons) > dead or self._errands.sent > sent
        if self.tasks.unreadable and begun[0] and not begun[0].harmed and not given_up:
            self._check_all_released(message)
        return result if isinstance(result, FunctionError) else None

    def _check_all_released(self, message: Message) -> None:
        """INTAKE handles a file's event for every waiting task that can be read."""
        with contextlib.suppress(Refused):
            for one in read_message(message, self.inputs.bucket):
                if not isinstance(one, Uploaded):
                    continue
                for task_id in self.tasks.wanting(one.key):
                    task = self.tasks.stored[task_id]
                    readable = task_id not in self.tasks.unreadable
                    readable &= not (task.order is None and self.fault_policy.fired["route-gone"])
                    if readable and task.awaits_inputs and self._has_all_inputs(task):
                        self.step_monitor.report(f"INTAKE left {task_id} waiting for {one.key}")

    def _deploy(self, routes: Sequence[Route]) -> None:
        self.step_monitor.routes_gone = len(routes) < len(ROUTES)
        if self.step_monitor.routes_gone:
            # A task in progress may find its route gone; its function may say so.
            self.injector.expected_errors = (*self.injector.expected_errors, LookupError)
        self.providers.offered_routes = tuple(routes)

    def _recoverable(self) -> list[str]:
        return self.providers.ledger.recoverable(self.tasks.stored.values())

    def _is_running(self, task_id: str, run: int) -> bool:
        return self.interpreter.status(task_id, run) == "running"

    def _now(self) -> datetime:
        """The true time, without any process's clock skew."""
        return START + timedelta(seconds=self.scheduler.now)

    def _expect_release(self, key: str) -> None:
        """A file exists: after `MAX_RELEASE_S` no task waits for it any more."""
        self.scheduler.after(MAX_RELEASE_S, lambda: self._check_not_waiting(key))

    def _note_folder_change(self, folder: str) -> None:
        """Its rule may hold from now on."""
        self.batch_monitor.changed_at[folder] = self._now()

    def _check_not_waiting(self, key: str) -> None:
        """A task with all its inputs should have been released by their events."""
        if self.queue.dead or self.queue.in_flight or self.tasks.unreadable:
            return
        for task_id in self.tasks.wanting(key):
            task = self.tasks.stored[task_id]
            if task.order is None and self.fault_policy.fired["route-gone"]:
                continue
            if task.awaits_inputs and self._has_all_inputs(task):
                self.step_monitor.report(f"{task_id} waits {MAX_RELEASE_S} s after {key} came")

    def _has_all_inputs(self, task: Task) -> bool:
        if task.order is None:
            return not awaits_correction(task, self.inputs)
        keys = (key for keys in task.resolved_order.keys.values() for key in keys)
        return all(found is not None and found.size for found in map(self.inputs.find, keys))

    def _check_overdue(self) -> None:
        """A task that waits past its deadline lacks an input or the event of one."""
        if self.queue.dead or self.queue.in_flight:
            return
        now = self._now()
        # What a deployment without its route has refused may wait until its deadline.
        refused = self.fault_policy.fired["route-gone"] > 0
        for one in self.tasks.stored.values():
            if refused and (one.order is None or one.order.defaults):
                continue
            if one.awaits_inputs and one.deadline <= now and self._has_all_inputs(one):
                self.step_monitor.report(f"{one.task_id} waits though every input exists")
