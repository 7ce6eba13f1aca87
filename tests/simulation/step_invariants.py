"""Step invariants: checked at every write to a store and at every published event.

What must hold only in the end is in `final_invariants`, what must hold of money in
`payment_monitor`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from darkroom.domain.attempt import Attempt
from darkroom.domain.batch import MANIFEST_NAME
from darkroom.domain.object_keys import WORK_PREFIX, work_key
from darkroom.domain.order import Input, Order
from darkroom.domain.task import RESUMABLE, TRANSITIONS, UNSUBMITTED, State, Task
from darkroom.pipeline.batches.look import EVENT
from darkroom.pipeline.fail import STOP_JOB_CODES
from darkroom.pipeline.money.empty_accounts import ACCOUNT_EMPTY
from darkroom.pipeline.orders.holding import TASKS_HELD
from darkroom.pipeline.paid_call.saved_answer import FETCHABLE_FAILURES
from darkroom.pipeline.paid_call.settle_unclear import REPLAY_FOR
from tests.fakes.routes import ROUTES
from tests.simulation.empty_accounts import find_waiting_in_vain
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.hold_invariants import HoldMonitor
from tests.simulation.payment_monitor import SKEW_S, PaymentMonitor
from tests.simulation.results import SECRET
from tests.simulation.stores import PlainOutputs, PlainTasks
from tests.simulation.wait_invariants import left_blocked_provider

MANIFEST: Final = ".manifest.json"
DEFAULT_MANIFEST: Final = "/_darkroom.manifest.json"
KEYED: Final = frozenset(route.provider for route in ROUTES if route.idempotency == "key")


@dataclass
class StepMonitor:
    """Fulfils `Watcher` and `darkroom.ports.Events`.

    Attributes:
        payment_monitor: checks paid calls.
        max_runs: how many runs may be begun in place of lost ones.
        violations: a sentence for each violated invariant.
        manifests_by_key: key -> the manifest stored there.
        default_manifests: the same for those of folder defaults.
        manifest_keys: task -> the key of its newest manifest; a newer task may own it by now.
        writers: output key -> the task that wrote it last.
        end_states: task and run -> the state in which it ended.
        announced: task and run -> how often each of its ends was published.
        last_event: task -> its last published event.
        batch_finished: called with each announcement of a batch.
        account_empty: called with each announcement of an empty account.
        tasks_held: called with each announcement of held tasks.
        holds: checks tasks that are held; None if none is.
        routes_gone: whether some routes are not offered now; jobs cannot be polled by them.
    """

    injector: FaultInjector
    max_runs: int
    violations: list[str] = field(default_factory=list)
    manifests_by_key: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    default_manifests: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    manifest_keys: dict[str, str] = field(default_factory=dict)
    writers: dict[str, str | None] = field(default_factory=dict)
    end_states: dict[tuple[str, int], State] = field(default_factory=dict)
    announced: defaultdict[tuple[str, int], Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    last_event: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    routes_gone: bool = False
    batch_finished: Callable[[Mapping[str, Any]], None] = lambda _detail: None
    account_empty: Callable[[Mapping[str, Any]], None] = lambda _detail: None
    tasks_held: Callable[[Mapping[str, Any]], None] = lambda _detail: None
    holds: HoldMonitor | None = None

    def __post_init__(self) -> None:
        self.payment_monitor = PaymentMonitor(self.injector, self.report)

    def watch(
        self,
        tasks: PlainTasks,
        outputs: PlainOutputs,
        is_running: Callable[[str, int], bool],
        account: Callable[[str], str],
    ) -> None:
        """Set what is checked."""
        self.account = account
        self._tasks, self._outputs = tasks.stored, outputs.objects
        self.is_running = is_running

    def report(self, what: str) -> None:
        """Record a violated invariant."""
        self.violations.append(what)
        self.injector.note(f"BROKEN {what}")

    # --- the table ------------------------------------------------------------------------------

    def created(self, task: Task) -> None:
        """A task was created."""
        if task.state not in UNSUBMITTED or task.revision or task.attempts:
            self.report(f"{task.task_id} was created as {task.state}")
        if self.holds is not None:
            self.holds.created(task)

    def replaced(self, old: Task, new: Task) -> None:
        """A task was replaced."""
        if self.injector.trace is not None:
            self.injector.note(f"{new.task_id} {old.state} -> {new.state}")
        if new.run != old.run:
            self._run_changed(old, new)
        elif old.finished and not self._is_settled(old, new):
            self.report(f"{new.task_id} was {old.state} and was written again")
        elif old.state != new.state and new.state not in TRANSITIONS[old.state]:
            self.report(f"{new.task_id} went from {old.state} to {new.state}")
        current = self.injector.current
        strange = current is not None and current.run not in (None, old.run)
        # The answer of a paid call is stored whatever has become of its run.
        if strange and old.state in ("running", "delivering"):
            self.report(f"{new.task_id} in run {old.run} was changed by a function of another run")
        if new.revision != old.revision + 1:
            self.report(f"{new.task_id} went from revision {old.revision} to {new.revision}")
        self._contents_changed(old, new)
        if self.holds is not None:
            self.holds.replaced(old, new)
        cancelled = old.ending is not None and old.ending.status == "cancelled"
        if cancelled and new.ending is None and not old.finished:
            self.report(f"{new.task_id} forgot that it was cancelled")
        if new.finished:
            self._ended(old, new)

    def _is_settled(self, old: Task, new: Task) -> bool:
        """Whether a provider's history said what nothing else did: a charge that was unknown."""
        current = self.injector.current
        if current is None or current.verb != "reconcile":
            return False
        known = [
            one.charged == "unknown" or one == now
            for one, now in zip(old.attempts, new.attempts, strict=True)
        ]
        ended = new.state == old.state or (old.state, new.state) == ("unknown", "failed")
        return all(known) and ended and new.order == old.order

    def _contents_changed(self, old: Task, new: Task) -> None:
        if new.attempts != old.attempts:
            self._attempts_changed(old, new)
        if new.order is not old.order and old.order is not None:
            self._order_changed(old.order, new)

    def _order_changed(self, old: Order, task: Task) -> None:
        """What is pinned never changes; inputs and choices are pinned when the task is queued."""
        new = task.resolved_order
        pinned = replace(new, inputs=old.inputs, choices=old.choices)
        later = set(new.choices) <= set(old.choices)
        fixed = all(_same_files(new.inputs[role], files) for role, files in old.inputs.items())
        if pinned != old or not later or not fixed:
            self.report(f"{task.task_id} had its order changed")

    def _run_changed(self, old: Task, new: Task) -> None:
        """A new run goes on where the last one stopped, or resumes a task that ended badly."""
        if new.run != old.run + 1:
            self.report(f"{new.task_id} went from run {old.run} to {new.run}")
        waits = new.state in ("queued", "held") and new.place is not None
        parked = new.parked == old.parked + 1 and waits
        if not parked and not old.finished and self.is_running(old.task_id, old.run):
            self.report(f"{new.task_id} went on in run {new.run} while run {old.run} was running")
        if not old.finished and new.state not in (old.state, "held"):
            self.report(f"{new.task_id} went from {old.state} to {new.state} in a new run")
        if new.since_run != (new.run if old.finished else old.since_run):
            self.report(f"{new.task_id} counts its runs from {new.since_run} in run {new.run}")
        if new.run - new.since_run - new.parked >= self.max_runs:
            self.report(f"{new.task_id} began more than {self.max_runs} runs")
        if old.finished:
            self.payment_monitor.run_begun(new)
            if new.state not in RESUMABLE.get(old.state, ()):
                self.report(f"{new.task_id} was resumed from {old.state} as {new.state}")
            if new.state == "queued" and new.attempts:
                self._check_fresh_start(new, new.last_attempt)

    def _check_fresh_start(self, task: Task, last: Attempt) -> None:
        """A task starts afresh only if nothing it paid for can be fetched."""
        if last.asked_since and last.failure and last.failure.code in FETCHABLE_FAILURES:
            return  # a retry has polled the job, and the user allowed to pay again
        there = work_key(task.task_id, last.number) in self._outputs
        if last.outcome == "given-up" and (there if last.job_id is None else not self.routes_gone):
            self.report(f"{task.task_id} starts afresh instead of asking for attempt {last.number}")

    def _attempts_changed(self, old: Task, new: Task) -> None:
        numbers = [attempt.number for attempt in new.attempts]
        if numbers != sorted(set(numbers)):
            self.report(f"{new.task_id} has attempts {numbers}")
        left = left_blocked_provider(old, new)
        if left is not None:
            self.report(left)
        waiting = find_waiting_in_vain(new)
        if waiting is not None:
            self.report(waiting)
        there = {attempt.number: attempt for attempt in new.attempts}
        for attempt in old.attempts:
            now = there.get(attempt.number)
            if now is None and attempt.outcome != "throttled":
                self.report(f"{new.task_id} dropped attempt {attempt.number}")
            elif now and now.outcome == "open" and not _may_open(attempt, now):
                self.report(f"{new.task_id} used the number {attempt.number} twice")
        if (
            new.attempts
            and new.last_attempt.outcome == "unknown"
            and new.last_attempt.provider in KEYED
        ):
            self._check_unknown_attempt(old, new.last_attempt)

    def _check_unknown_attempt(self, old: Task, attempt: Attempt) -> None:
        """A keyed call ends unknown only if its provider was unreachable or every run broke."""
        asked_for = (attempt.ended_at or old.updated_at) - (
            attempt.asked_since or attempt.started_at
        )
        if asked_for.total_seconds() < REPLAY_FOR.total_seconds() - SKEW_S and self._runs_left(old):
            self.report(f"{old.task_id} did not ask long enough about attempt {attempt.number}")

    def _runs_left(self, task: Task) -> bool:
        return task.run - task.since_run + 1 < self.max_runs

    def _ended(self, old: Task, task: Task) -> None:
        self.end_states[task.task_id, task.run] = task.state
        if self.manifest_keys.get(task.task_id) != task.manifest_key:
            self.report(f"{task.task_id} ended {task.state} without a manifest")
        if any(attempt.request or attempt.answer for attempt in task.attempts):
            self.report(f"{task.task_id} ended and still holds a request or an answer")
        if task.state == "succeeded":
            return
        if (old.ending is None or old.in_doubt) and self._runs_left(old):
            self.report(f"{task.task_id} was ended although another run could continue it")
        answered = old.in_doubt and work_key(task.task_id, old.last_attempt.number) in self._outputs
        if old.in_doubt and not answered and task.state != "unknown":
            self.report(f"{task.task_id} ended {task.state} while its paid call was unclear")
        unwanted = old.ending is not None and old.ending.failure.code in STOP_JOB_CODES
        if unwanted and old.state == "running" and not self.routes_gone:
            self._check_job_stopped(task)

    def _check_job_stopped(self, task: Task) -> None:
        """A job that is not needed any more is cancelled at its provider.

        Not under another account's key, where its id may be another job's.
        """
        ours = task.last_attempt.account in (None, self.account(task.last_attempt.provider))
        ours = ours and not self.payment_monitor.is_misnamed(task)
        if ours and task.last_attempt.job_id not in self.payment_monitor.jobs_to_stop:
            self.report(f"{task.task_id} gave {task.last_attempt.job_id} up and did not cancel it")

    # --- the output bucket ----------------------------------------------------------------------

    def put(self, key: str, body: bytes) -> None:
        """An object was written to the output bucket."""
        current = self.injector.current
        self.injector.note(f"put {key}")
        if key.startswith(WORK_PREFIX):
            return
        if key.endswith(MANIFEST_NAME):
            return
        if key.endswith(DEFAULT_MANIFEST):
            self.default_manifests[key] = json.loads(body)
            return
        self.writers[key] = current.task_id if current else None
        if not key.endswith(MANIFEST):
            return
        document = self.manifests_by_key[key] = json.loads(body)
        task_id = document["task_id"]
        self.manifest_keys[task_id] = key
        self.writers[key] = task_id
        if SECRET.encode() in body:
            self.report(f"the manifest {key} holds a signed URL")
        for result in document["results"]:
            if result["key"] not in self._outputs:
                self.report(f"the manifest {key} names {result['key']}, which does not exist")

    # --- events ---------------------------------------------------------------------------------

    def publish(self, kind: str, detail: Mapping[str, Any]) -> None:
        """An event is published; fulfils `darkroom.ports.Events`."""
        if kind == EVENT:
            self.injector.note(f"{kind} {detail['event_id']}")
            self.batch_finished(detail)
            return
        if kind == ACCOUNT_EMPTY:
            self.injector.note(f"{kind} {detail['event_id']}")
            self.account_empty(detail)
            return
        if kind == TASKS_HELD:
            self.injector.note(f"{kind} {detail['event_id']}")
            self.tasks_held(detail)
            return
        task_id, run, status = detail["task_id"], detail["run"], detail["status"]
        if kind == "Task Waiting":
            self.injector.note(f"{kind} {task_id}")
            if self._tasks[task_id].trigger.kind != "message" or not detail["missing"]:
                self.report(f"'{kind}' was published for {task_id}, which nobody needs to know")
            return
        if task_id is None:
            self.injector.note(f"{kind} {detail['request_id']}")
            return
        self.announced[task_id, run][status] += 1
        self.last_event[task_id] = detail
        self.injector.note(f"{kind} {task_id}")
        ended = self.end_states.get((task_id, run))
        if ended != status or kind != f"Task {status.capitalize()}":
            self.report(f"'{kind}' was published for {task_id}, whose run {run} has ended {ended}")
        if SECRET in repr(detail):
            self.report(f"an event of {task_id} holds a signed URL")


def _same_files(new: Sequence[Input], old: Sequence[Input]) -> bool:
    """Whether files are the same; the digest of one is known once it was read."""
    return [(f.key, f.version_id) for f in new] == [(f.key, f.version_id) for f in old]


def _may_open(before: Attempt, now: Attempt) -> bool:
    """Whether an attempt may be open again: an unclear one that is being reconciled."""
    return before.outcome in ("open", "accepted") or now.asked_since is not None
