"""Sees every paid call before it is sent, and says when it should not have been.

What may be paid a second time is decided here: what a spec's `on_unknown` or a person asked for.
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

CLOSED_S: Final = 60
"""So long after a result could not be written the calls that were begun before it are over."""
VAIN_IN_S: Final = 600
MAX_FRUITLESS_CALLS: Final = 5
"""So many paid calls within so many seconds may try whether delivering works again."""

Number = tuple[str, int]
"""A task and the number of its attempt."""


@dataclass
class PaymentMonitor:
    """Fulfils `PaymentListener`.

    Attributes:
        doubts: attempts of which nobody could know what became of the paid call.
        answers: attempts whose paid call was answered, and the process that got the answer.
        refusals: attempts whose paid call was clearly refused, likewise.
        forgiven: task -> the attempts that a person has put up with having paid for in vain.
        further: task -> attempts that were rightly paid although others had been.
        stops: jobs that somebody tried to stop.
        vain: when something was paid for lately although nothing could be delivered.
    """

    injector: FaultInjector
    say: Callable[[str], None]
    doubts: set[Number] = field(default_factory=set)
    answers: dict[Number, Invocation | None] = field(default_factory=dict)
    refusals: dict[Number, Invocation | None] = field(default_factory=dict)
    forgiven: dict[str, frozenset[int]] = field(default_factory=dict)
    further: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    stops: set[str] = field(default_factory=set)
    vain: list[float] = field(default_factory=list)

    def look_at(self, tasks: Mapping[str, Task], ledger: Ledger, slipped: Collection[str]) -> None:
        """What there is to be seen; `slipped` tasks may have a job without a lease."""
        self._tasks, self._ledger, self._slipped = tasks, ledger, slipped

    def resumed(self, task: Task) -> None:
        """A person began a new run; only one who says so may pay again."""
        current = self.injector.current
        if current is not None and current.verb == "pay-again" and task.state == "queued":
            self.forgiven[task.task_id] = frozenset(a.number for a in task.attempts)
        else:
            self.forgiven.pop(task.task_id, None)

    def paying(self, work: JobRequest, request: str) -> None:
        """A paid call is about to be sent."""
        injector, task = self.injector, self._tasks.get(work.task_id)
        where = f"{work.task_id}, attempt {work.attempt},"
        # What a person cancels meanwhile is asked for again, to find out; nothing else is.
        again = task is not None and bool(task.attempts) and task.last_attempt.replays > 0
        code = task.ending.failure.code if task and task.ending else None
        ended = code is not None and not (again and code == CANCELLED.code)
        if task is None or task.state != "submitting" or ended:
            self.say(f"{where} was paid for in state {task.state if task else None}")
            return
        attempt = task.last_attempt
        if (attempt.number, attempt.outcome, attempt.request) != (work.attempt, "open", request):
            self.say(f"{where} was paid for without being written down")
        self._judge_earlier(task, work)
        if not again:
            self._judge_closed(work)
        self._count_open(work)
        if work.route.idempotency == "key":
            return
        now = START + timedelta(seconds=injector.scheduler.now)
        ends = now + timedelta(seconds=work.route.call_s)
        if ends > attempt.call_until + timedelta(seconds=SKEW_S):
            self.say(f"{where} was begun too late to be over when it should be")
        if injector.time_left_s() < work.route.call_s:
            self.say(f"{where} was begun by a process that may die before it is over")

    def doubted(self, work: JobRequest) -> None:
        """The answer of a paid call does not reach whoever sent it."""
        self.doubts.add((work.task_id, work.attempt))
        self.refusals.pop((work.task_id, work.attempt), None)

    def refused(self, work: JobRequest) -> None:
        """A paid call is clearly refused."""
        self.refusals[work.task_id, work.attempt] = self.injector.current

    def answered(self, work: JobRequest) -> None:
        """The answer of a paid call reaches whoever sent it."""
        self.answers[work.task_id, work.attempt] = self.injector.current

    def stopping(self, job_id: str) -> None:
        """Somebody asks for a job to be stopped."""
        self.stops.add(job_id)
        task = self._tasks[self._ledger.jobs[job_id].work.task_id]
        if task.ending is None or task.ending.failure.code not in STOP_JOB_CODES:
            self.say(f"{task.task_id} had {job_id} stopped, which it may still want")

    def _judge_earlier(self, task: Task, work: JobRequest) -> None:
        """Nothing was paid before, or may have been, or somebody asked for it all the same."""
        forgiven = self.forgiven.get(task.task_id, frozenset())
        for attempt in task.attempts:
            key = (task.task_id, attempt.number)
            if attempt.number >= work.attempt:
                continue
            doubtful = key in self.doubts and not attempt.accepted_at
            if not doubtful and not any(job.owed for job in self._ledger.of.get(key, ())):
                continue
            if self._ledger.mistaken(task.task_id, attempt):
                self.further[task.task_id].add(work.attempt)
                continue
            asked = task.resolved_order.on_unknown == "retry" and attempt.outcome == "unknown"
            if attempt.number not in forgiven and not asked:
                self.say(f"{task.task_id} pays attempt {work.attempt} after {attempt.number}")
            self.further[task.task_id].add(work.attempt)

    def _judge_closed(self, work: JobRequest) -> None:
        """While results cannot be written, next to nothing is paid for."""
        now = self.injector.scheduler.now
        since = self.injector.shut_since.get("outputs.put_over")
        if since is None or now - since < CLOSED_S:
            return
        self.vain = [at for at in self.vain if at > now - VAIN_IN_S]
        self.vain.append(now)
        if len(self.vain) > MAX_FRUITLESS_CALLS:
            self.say(
                f"{work.task_id} was paid for while nothing could be delivered, "
                f"one of {len(self.vain)} within {VAIN_IN_S} s"
            )

    def _count_open(self, work: JobRequest) -> None:
        """No more jobs are open than the account bears; a lease ends by itself in the end."""
        provider, most = work.route.provider, RULES[work.route.provider].leases
        if most is None or not work.route.asynchronous:
            return
        since = START + timedelta(seconds=self.injector.scheduler.now - work.route.job_s)
        open_jobs = sum(
            1
            for task in self._tasks.values()
            if task.state in ("submitting", "running")
            and task.last_attempt.outcome in ("open", "accepted")
            and not task.gone  # its job has ended; only the result's address is asked for anew
            and task.last_attempt.asked_since is None  # likewise: its lease went with its first run
            and task.task_id not in self._slipped
            and task.last_attempt.provider == provider
            and task.last_attempt.started_at > since
        )
        if open_jobs > most:
            self.say(f"{work.task_id} made {open_jobs} jobs open at {provider}")
