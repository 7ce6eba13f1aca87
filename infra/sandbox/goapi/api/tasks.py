"""The tasks of the unified API: accepted, paid, staged, worked on, cancelled.

A task holds its price from the beginning and gives it back when it fails or is cancelled; the
vendor's documents are silent on refunds, so that is a guess. Beyond the account's concurrency a
task is `staged` and has no job yet.
"""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from infra.sandbox.context import RequestContext, SandboxState
from infra.sandbox.goapi.generators.context import GenerationContext, Output
from infra.sandbox.goapi.generators.padded_files import Tails
from infra.sandbox.goapi.task_types.task_type import Row, credits_of
from infra.sandbox.jobs import Job, Standing
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
    """One task; `job` is None while it is staged."""

    id: str
    row: Row
    call: RequestContext
    asked: Mapping[str, object]
    config: Mapping[str, object]
    units: int
    purchase: Purchase
    created_at: float
    job: Job | None = None
    cancelled_at: float | None = None

    @property
    def refunds(self) -> bool:
        """Whether its price comes back when it comes to nothing."""
        return self.call.effect is None or self.call.effect.refund is not False


@dataclass(frozen=True)
class Look:
    """Where a task stands, in the vendor's word, with the job's own facts."""

    status: str
    standing: Standing


class Watcher(Protocol):
    """Somebody who is told what becomes of tasks, and must neither wait nor ask in return."""

    def accepted(self, task: Task) -> None:
        """Hear of a task that was accepted."""
        ...

    def ended(self, task: Task) -> None:
        """Hear of a task that ended."""
        ...


class Tasks:
    """Every task of the account, oldest first."""

    def __init__(self, world: SandboxState, tails: Tails) -> None:
        self._world = world
        self._tails = tails
        self._watchers: list[Watcher] = []
        self._tasks: dict[str, Task] = {}
        self._running: dict[str, Task] = {}
        self._staged: list[Task] = []
        self._freed: list[float] = []
        self._lock = threading.Lock()

    def add_watcher(self, watcher: Watcher) -> None:
        """Tell somebody of every task from now on."""
        self._watchers.append(watcher)

    def open(
        self,
        call: RequestContext,
        row: Row,
        asked: Mapping[str, object],
        config: Mapping[str, object],
        digest: str,
    ) -> Task:
        """Charge and accept a task, or raise `OutOfCreditsError`."""
        task_id = str(uuid.uuid4())
        units = row.units(asked)
        purchase = Purchase(task_id, call.route, credits_of(units), digest)
        self.settle()
        with self._lock:
            self._world.ledger.charge(purchase)
            task = Task(task_id, row, call, asked, config, units, purchase, self._world.clock.now())
            self._tasks[task_id] = task
            if len(self._running) < self._most():
                self._start(task, task.created_at)
            else:
                self._staged.append(task)
        for watcher in self._watchers:
            watcher.accepted(task)
        return task

    def get(self, task_id: str) -> Task | None:
        """Return a task by id."""
        return self._tasks.get(task_id)

    def newest_first(self) -> list[Task]:
        """Return every task, brought up to date."""
        self.settle()
        with self._lock:
            return list(reversed(self._tasks.values()))

    def look(self, task: Task) -> Look:
        """Say where a task stands now."""
        self.settle()
        if task.cancelled_at is not None:
            end = Standing("cancelled", ended_at=task.cancelled_at, error="task canceled")
            return Look(str(self._world.knobs["status_when_cancelled"]), end)
        if task.job is None:
            return Look(STAGED, Standing("waiting"))
        standing = self._world.jobs.look(task.job)
        return Look(STATUS[standing.phase], standing)

    def cancel(self, task: Task) -> bool:
        """Cancel a pending task and give its price back; False when it is too late."""
        if self.look(task).status != STATUS["waiting"] or task.job is None:
            return False
        with self._lock:
            if task.cancelled_at is not None:
                return False
            end = self._world.jobs.cancel(task.job)
            if end.phase != "cancelled":
                return False
            task.cancelled_at = end.ended_at or self._world.clock.now()
        self._world.ledger.refund(task.purchase, task.cancelled_at)
        self._end(task, task.cancelled_at)
        return True

    def find_output(self, task_id: str) -> Mapping[str, object] | None:
        """Return the output of a completed task; work on another task may ask this."""
        task = self._tasks.get(task_id)
        if task is None or task.job is None:
            return None
        # That one job only: to look at the asker's own would be to wait for oneself.
        result = self._world.jobs.look(task.job).result
        return result if isinstance(result, dict) else None

    def settle(self) -> None:
        """Tell what has ended, and start what was staged, each when its slot became free."""
        self._look_at_running()
        while True:
            with self._lock:
                if not self._staged or len(self._running) >= self._most():
                    if not self._staged:
                        self._freed.clear()
                    return
                task = self._staged.pop(0)
                freed = self._freed.pop(0) if self._freed else task.created_at
                self._start(task, max(freed, task.created_at))
            self._look_at_running()

    def _look_at_running(self) -> None:
        """Look at what runs, never while holding the lock: a look may wait for work.

        Work that is late is waited for only where somebody needs its slot.
        """
        for task in list(self._running.values()):
            if task.job is not None and (self._staged or task.job.work.done()):
                self._world.jobs.look(task.job)

    def _most(self) -> int:
        return int(self._world.knobs["max_concurrent_tasks"])

    def _end(self, task: Task, when: float) -> None:
        # Called from within the jobs' own lock too, so it takes none here; each step is atomic.
        self._running.pop(task.id, None)
        self._freed.append(when)
        for watcher in self._watchers:
            watcher.ended(task)

    def _start(self, task: Task, at: float) -> None:
        effect = task.call.effect
        row = task.row
        bench = GenerationContext(
            world=self._world,
            tails=self._tails,
            base=task.call.base,
            model=row.model,
            task_type=row.task_type,
            input=task.asked,
            inline=row.inline,
            find_output=self.find_output,
            effect=effect,
        )

        def work() -> Output:
            return row.make(bench)

        def fail(when: float) -> None:
            if task.refunds:
                self._world.ledger.refund(task.purchase, when)
            self._end(task, when)

        self._running[task.id] = task  # before the job, which might end at once
        job = self._world.jobs.open(
            task.id,
            work,
            duration_s=self._world.job_s,
            fate=None if effect is None else effect.job,
            on_failure=fail,
            on_success=lambda when: self._end(task, when),
            facts={},
        )
        job.made_at = at
        task.job = job
