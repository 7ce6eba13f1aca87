"""Checks every paid call before it is sent: nothing may be paid twice.

A second payment is allowed only by a spec's `on_unknown` or by a user.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from darkroom.domain.provider_jobs import JobRequest
from darkroom.domain.task import Task
from darkroom.pipeline.cancel import CANCELLED
from darkroom.pipeline.fail import STOP_JOB_CODES
from tests.fakes.clock import START
from tests.simulation.fault_injection import FaultInjector, Invocation
from tests.simulation.ledger import Ledger
from tests.simulation.rate_invariants import RULES

SKEW_S: Final = 11
"""How far two clocks may differ."""

OUTAGE_GRACE_S: Final = 60
"""Calls that began before a result could not be written are over after this."""
FRUITLESS_WINDOW_S: Final = 600
MAX_FRUITLESS_CALLS: Final = 5
"""How many paid calls may try within `FRUITLESS_WINDOW_S` whether delivery works again."""

Number = tuple[str, int]
"""A task and the number of its attempt."""


@dataclass
class PaymentMonitor:
    """Fulfils `PaymentListener`.

    Attributes:
        doubtful: attempts for which the outcome of the paid call cannot be known.
        answered_by: attempt -> the process that got the response of its paid call.
        answered_at: attempt -> when that was.
        refused_by: attempt -> the process whose paid call was clearly refused.
        accepted_losses: task -> attempts that a user allowed to pay for again.
        allowed_repeats: task -> attempts that were rightly paid although an earlier one was.
        jobs_to_stop: jobs that were cancelled at their provider.
        fruitless_at: when something was paid for lately although results could not be written.
        find_overspending: what is wrong with a paid call as to budgets, ceilings and holds.
    """

    injector: FaultInjector
    report: Callable[[str], None]
    doubtful: set[Number] = field(default_factory=set)
    answered_by: dict[Number, Invocation | None] = field(default_factory=dict)
    answered_at: dict[Number, float] = field(default_factory=dict)
    refused_by: dict[Number, Invocation | None] = field(default_factory=dict)
    accepted_losses: dict[str, frozenset[int]] = field(default_factory=dict)
    allowed_repeats: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    jobs_to_stop: set[str] = field(default_factory=set)
    fruitless_at: list[float] = field(default_factory=list)
    find_overspending: Callable[[JobRequest], str | None] = lambda _work: None

    def watch(self, tasks: Mapping[str, Task], ledger: Ledger, uncounted: Collection[str]) -> None:
        """Set what is checked; tasks in `uncounted` may have an open job that does not count."""
        self._tasks, self._ledger, self._slipped = tasks, ledger, uncounted

    def run_begun(self, task: Task) -> None:
        """A user began a new run; only `retry --pay-again` may pay again."""
        current = self.injector.current
        if current is not None and current.verb == "pay-again" and task.state == "queued":
            self.accepted_losses[task.task_id] = frozenset(a.number for a in task.attempts)
        else:
            self.accepted_losses.pop(task.task_id, None)

    def before_payment(self, work: JobRequest, request: str) -> None:
        """A paid call is about to be sent."""
        injector, task = self.injector, self._tasks.get(work.task_id)
        where = f"{work.task_id}, attempt {work.attempt},"
        # A call of a task that is cancelled concurrently is repeated to reconcile it; no other is.
        again = task is not None and bool(task.attempts) and task.last_attempt.replays > 0
        code = task.ending.failure.code if task and task.ending else None
        ended = code is not None and not (again and code == CANCELLED.code)
        if task is None or task.state != "submitting" or ended:
            self.report(f"{where} was paid for in state {task.state if task else None}")
            return
        attempt = task.last_attempt
        if (attempt.number, attempt.outcome, attempt.request) != (work.attempt, "open", request):
            self.report(f"{where} was paid for without an open attempt")
        self._check_earlier_attempts(task, work)
        if not again:
            self._check_output_outage(work)
            overspent = self.find_overspending(work)
            if overspent is not None:
                self.report(overspent)
        self._check_open_jobs(work)
        if work.route.idempotency == "key":
            return
        now = START + timedelta(seconds=injector.scheduler.now)
        ends = now + timedelta(seconds=work.route.call_s)
        if ends > attempt.call_until + timedelta(seconds=SKEW_S):
            self.report(f"{where} was begun too late to end before its deadline")
        if injector.time_left_s() < work.route.call_s:
            self.report(f"{where} was begun by a process that may be killed before it ends")

    def record_doubtful(self, work: JobRequest) -> None:
        """The response to a paid call does not reach its caller."""
        self.doubtful.add((work.task_id, work.attempt))
        self.refused_by.pop((work.task_id, work.attempt), None)

    def record_refused(self, work: JobRequest) -> None:
        """A paid call is clearly refused."""
        self.refused_by[work.task_id, work.attempt] = self.injector.current

    def record_answered(self, work: JobRequest) -> None:
        """The response to a paid call reaches its caller."""
        self.answered_by[work.task_id, work.attempt] = self.injector.current
        self.answered_at[work.task_id, work.attempt] = self.injector.scheduler.now

    def is_misnamed(self, task: Task) -> bool:
        """Whether the task was given the name of another one's job, which it must not touch."""
        job = self._ledger.jobs.get(task.last_attempt.job_id or "")
        return job is not None and job.work.task_id != task.task_id

    def before_cancel(self, job_id: str) -> None:
        """A job is about to be cancelled at its provider."""
        self.jobs_to_stop.add(job_id)
        task = self._tasks[self._ledger.jobs[job_id].work.task_id]
        failures = [attempt.failure for attempt in task.attempts if attempt.failure]
        current = self.injector.current
        if current is not None and current.task_id not in (None, task.task_id):
            return  # another task was given its name, and claimed it first
        if any(failure.code == "job-claimed" for failure in failures):
            return  # the same, and its own task knows it
        if task.ending is None or task.ending.failure.code not in STOP_JOB_CODES:
            self.report(f"{task.task_id} cancelled {job_id}, which it may still need")

    def _check_earlier_attempts(self, task: Task, work: JobRequest) -> None:
        """No earlier attempt was paid or unclear, or a repeat was allowed."""
        accepted_losses = self.accepted_losses.get(task.task_id, frozenset())
        for attempt in task.attempts:
            key = (task.task_id, attempt.number)
            if attempt.number >= work.attempt:
                continue
            doubtful = key in self.doubtful and not attempt.accepted_at
            if not doubtful and not any(job.owed for job in self._ledger.by_attempt.get(key, ())):
                continue
            if self._ledger.misinformed(task.task_id, attempt):
                self.allowed_repeats[task.task_id].add(work.attempt)
                continue
            allowed = task.resolved_order.on_unknown == "retry" and attempt.outcome == "unknown"
            if attempt.number not in accepted_losses and not allowed:
                self.report(f"{task.task_id} pays attempt {work.attempt} after {attempt.number}")
            self.allowed_repeats[task.task_id].add(work.attempt)

    def _check_output_outage(self, work: JobRequest) -> None:
        """While results cannot be written, next to nothing is paid for."""
        now = self.injector.scheduler.now
        since = self.injector.outage_since.get("outputs.put_over")
        if since is None or now - since < OUTAGE_GRACE_S:
            return
        self.fruitless_at = [at for at in self.fruitless_at if at > now - FRUITLESS_WINDOW_S]
        self.fruitless_at.append(now)
        if len(self.fruitless_at) > MAX_FRUITLESS_CALLS:
            self.report(
                f"{work.task_id} was paid for while results could not be written, "
                f"one of {len(self.fruitless_at)} within {FRUITLESS_WINDOW_S} s"
            )

    def _check_open_jobs(self, work: JobRequest) -> None:
        """No more jobs are open than the account allows; each counts for a limited time."""
        provider, most = work.route.provider, RULES[work.route.provider].max_open_jobs
        if most is None or not work.route.asynchronous:
            return
        since = START + timedelta(seconds=self.injector.scheduler.now - work.route.job_s)
        open_jobs = sum(
            1
            for task in self._tasks.values()
            if task.state in ("submitting", "running")
            and task.last_attempt.outcome in ("open", "accepted")
            and not task.gone  # its job has ended; only a new URL of the result is requested
            and task.last_attempt.asked_since is None  # it does not count since its first run
            and task.task_id not in self._slipped
            and task.last_attempt.provider == provider
            and task.last_attempt.started_at > since
        )
        if open_jobs > most:
            self.report(f"{work.task_id} made {open_jobs} jobs open at {provider}")
