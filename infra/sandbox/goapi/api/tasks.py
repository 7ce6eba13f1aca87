"""The tasks of the unified API: created, paid for, staged, run, cancelled.

The price is taken when a task is created and refunded when the task fails or is cancelled. The
vendor's documents do not mention refunds, so this is a guess. A task beyond the account's
concurrency is `staged` and has no job yet.
"""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.padded_files import PaddedFiles
from infra.sandbox.goapi.task_duration import task_duration_s
from infra.sandbox.goapi.task_types.task_type import TaskType, credits_of
from infra.sandbox.jobs import Job, JobStatus
from infra.sandbox.ledger import Purchase

STATUS = {
    "waiting": "pending",
    "working": "processing",
    "done": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
STAGED = "staged"


@dataclass
class Task:
    """One task. `job` is None while it is staged, `units` is its price."""

    id: str
    task_type: TaskType
    ctx: RequestContext
    task_input: Mapping[str, object]
    config: Mapping[str, object]
    units: int
    purchase: Purchase
    created_at: float
    job: Job | None = None
    cancelled_at: float | None = None

    @property
    def refunds(self) -> bool:
        """Whether its price is refunded when it fails or is cancelled."""
        return self.ctx.effect is None or self.ctx.effect.refund is not False


@dataclass(frozen=True)
class TaskStatus:
    """The status of a task in the vendor's word, and the status of its job."""

    status: str
    job_status: JobStatus


class TaskListener(Protocol):
    """Is notified of tasks. A listener must not block and must not ask about tasks."""

    def accepted(self, task: Task) -> None:
        """A task was accepted."""
        ...

    def ended(self, task: Task) -> None:
        """A task ended."""
        ...


class Tasks:
    """Every task of the account, oldest first."""

    def __init__(self, state: SandboxState, padded_files: PaddedFiles) -> None:
        self._state = state
        self._padded_files = padded_files
        self._listeners: list[TaskListener] = []
        self._tasks: dict[str, Task] = {}
        self._running: dict[str, Task] = {}
        self._staged: list[Task] = []
        self._freed_at: list[float] = []
        self._lock = threading.Lock()

    def add_listener(self, listener: TaskListener) -> None:
        """Notify a listener of every task from now on."""
        self._listeners.append(listener)

    def open(
        self,
        ctx: RequestContext,
        task_type: TaskType,
        task_input: Mapping[str, object],
        config: Mapping[str, object],
        digest: str,
    ) -> Task:
        """Charge and accept a task, or raise `OutOfCreditsError`."""
        task_id = str(uuid.uuid4())
        units = task_type.units(task_input)
        purchase = Purchase(task_id, ctx.route, credits_of(units), digest)
        self.settle()
        with self._lock:
            self._state.ledger.charge(purchase)
            task = Task(
                id=task_id,
                task_type=task_type,
                ctx=ctx,
                task_input=task_input,
                config=config,
                units=units,
                purchase=purchase,
                created_at=self._state.clock.now(),
            )
            self._tasks[task_id] = task
            if len(self._running) < self._max_concurrent():
                self._start(task, task.created_at)
            else:
                self._staged.append(task)
        for listener in self._listeners:
            listener.accepted(task)
        return task

    def get(self, task_id: str) -> Task | None:
        """Return a task by id."""
        return self._tasks.get(task_id)

    def newest_first(self) -> list[Task]:
        """Return every task, brought up to date."""
        self.settle()
        with self._lock:
            return list(reversed(self._tasks.values()))

    def status_of(self, task: Task) -> TaskStatus:
        """Return the present status of a task."""
        self.settle()
        if task.cancelled_at is not None:
            end = JobStatus("cancelled", ended_at=task.cancelled_at, error="task canceled")
            return TaskStatus(str(self._state.knobs["status_when_cancelled"]), end)
        if task.job is None:
            return TaskStatus(STAGED, JobStatus("waiting"))
        job_status = self._state.jobs.status_of(task.job)
        return TaskStatus(STATUS[job_status.phase], job_status)

    def cancel(self, task: Task) -> bool:
        """Cancel a pending task and refund its price; False when it is too late."""
        if self.status_of(task).status != STATUS["waiting"] or task.job is None:
            return False
        with self._lock:
            if task.cancelled_at is not None:
                return False
            end = self._state.jobs.cancel(task.job)
            if end.phase != "cancelled":
                return False
            task.cancelled_at = end.ended_at or self._state.clock.now()
        self._state.ledger.refund(task.purchase, task.cancelled_at)
        self._finish(task, task.cancelled_at)
        return True

    def find_output(self, task_id: str) -> Mapping[str, object] | None:
        """Return the output of a completed task. The work of another task may call this."""
        task = self._tasks.get(task_id)
        if task is None or task.job is None:
            return None
        # Only this one job: the work that calls this would wait for itself if all were refreshed.
        result = self._state.jobs.status_of(task.job).result
        return result if isinstance(result, dict) else None

    def settle(self) -> None:
        """Report the tasks that have ended, and start each staged task when its slot was freed."""
        self._refresh_running()
        while True:
            with self._lock:
                if not self._staged or len(self._running) >= self._max_concurrent():
                    if not self._staged:
                        self._freed_at.clear()
                    return
                task = self._staged.pop(0)
                freed_at = self._freed_at.pop(0) if self._freed_at else task.created_at
                self._start(task, max(freed_at, task.created_at))
            self._refresh_running()

    def _refresh_running(self) -> None:
        """Bring the running tasks up to date. Never call it with the lock: it may wait for work.

        It waits for late work only where a staged task needs the slot.
        """
        for task in list(self._running.values()):
            if task.job is not None and (self._staged or task.job.work.done()):
                self._state.jobs.status_of(task.job)

    def _max_concurrent(self) -> int:
        return int(self._state.knobs["max_concurrent_tasks"])

    def _finish(self, task: Task, at: float) -> None:
        # Also called with the jobs' own lock held, so it takes no lock. Each step is atomic.
        self._running.pop(task.id, None)
        self._freed_at.append(at)
        for listener in self._listeners:
            listener.ended(task)

    def _start(self, task: Task, at: float) -> None:
        effect = task.ctx.effect
        task_type = task.task_type
        generation = GenerationContext(
            state=self._state,
            padded_files=self._padded_files,
            base_url=task.ctx.base_url,
            model=task_type.model,
            task_type=task_type.name,
            input=task.task_input,
            takes_base64=task_type.takes_base64,
            find_output=self.find_output,
            effect=effect,
        )

        def work() -> Output:
            return task_type.generate(generation)

        def fail(failed_at: float) -> None:
            if task.refunds:
                self._state.ledger.refund(task.purchase, failed_at)
            self._finish(task, failed_at)

        self._running[task.id] = task  # before the job, which might end at once
        job = self._state.jobs.open(
            task.id,
            work,
            duration_s=task_duration_s(self._state),
            fault=None if effect is None else effect.job,
            on_failure=fail,
            on_success=lambda ended_at: self._finish(task, ended_at),
        )
        job.created_at = at
        task.job = job
