"""What the providers know: every accepted paid call, what it took, and how it ends."""

import base64
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from darkroom.domain.attempt import Attempt, ResultRef
from darkroom.domain.provider_jobs import JobFailed, JobRequest
from darkroom.domain.task import Task
from tests.simulation.fault_injection import Invocation
from tests.simulation.fault_kinds import FaultPolicy

Fate = Literal["done", "failed", "hangs", "lost", "cancelled"]

PRICE: Final = 2.0
"""What the routes' price tables say; a provider that tells its price takes `TOLD`."""
NEW_PRICE: Final = 2.5
TOLD: Final = 3.0
SMALL: Final = base64.b64encode(b"caption").decode()
LARGE: Final = base64.b64encode(b"caption " * 16_000).decode()
LATEST_S: Final = 500
"""A result is at its address so long after its job was done; DELIVER asks for ten minutes."""
OURS: Final = "ours"
"""The account whose key is in the secret, but for a while."""
KEY_S: Final = 24 * 3600
"""How long a provider remembers an idempotency key."""


@dataclass
class Job:
    """One accepted paid call; one that is answered at once is a job that has ended.

    Attributes:
        amount: credits taken.
        told: whether the provider says what it took.
        refunded: whether it gave them back.
        done_at: when it will have ended.
        asked_at: when somebody last asked about it.
        listed_at: from when on it is in the list of past calls.
        neglected: whether it was lost because nobody asked.
        denied: how often in a row its provider said that it does not know it, which it does.
        gone: how often a result's address led nowhere any more.
        tellings: how often its end was told.
        told_to: the process that was last told how it ended.
        data: its result where that is no picture, base64.
        there_at: from when on its result is at its address.
        account: who paid for it.
    """

    job_id: str
    work: JobRequest
    request: str
    accepted_at: float
    done_at: float
    listed_at: float
    fate: Fate
    amount: float = PRICE
    told: bool = False
    refunded: bool = False
    asked_at: float = 0.0
    neglected: bool = False
    denied: int = 0
    gone: int = 0
    tellings: int = 0
    told_to: Invocation | None = None
    data: str | None = None
    there_at: float = 0.0
    account: str = OURS
    results: int = 1
    spoilt: bool = False
    failure: JobFailed | None = None
    refs: tuple[ResultRef, ...] = ()

    @property
    def owed(self) -> float:
        """Credits that it has cost in the end."""
        return 0.0 if self.refunded else self.amount

    @property
    def reported(self) -> bool:
        """Whether the end was told to somebody who could write it down."""
        return self.told_to is not None and not self.told_to.harmed


@dataclass
class Ledger:
    """Every job, by its name, by its attempt, and by its idempotency key.

    Attributes:
        misnamed: attempts whose call was answered with the name of another one's job.
        lent: jobs whose names were told so.
    """

    jobs: dict[str, Job] = field(default_factory=dict)
    of: defaultdict[tuple[str, int], list[Job]] = field(default_factory=lambda: defaultdict(list))
    misnamed: set[tuple[str, int]] = field(default_factory=set)
    lent: set[str] = field(default_factory=set)
    _by_key: dict[tuple[str, int, str], Job] = field(default_factory=dict)

    def known(self, work: JobRequest, account: str, now: float) -> Job | None:
        """The job of an idempotency key that is still remembered in this account."""
        job = self._by_key.get((work.task_id, work.attempt, account))
        return job if job and now - job.accepted_at <= KEY_S else None

    def accept(
        self, work: JobRequest, request: str, now: float, fault_policy: FaultPolicy, account: str
    ) -> Job:
        """Take the job and the money."""
        job = _build_job(f"job-{len(self.jobs) + 1}", work, request, now, fault_policy)
        job.account = account
        self.jobs[job.job_id] = job
        self.of[work.task_id, work.attempt].append(job)
        if work.route.idempotency == "key":
            self._by_key[work.task_id, work.attempt, account] = job
        return job

    def older(self, job: Job) -> Job | None:
        """The job before this one at the same provider and account, whosever it is."""
        provider = job.work.route.provider
        mine = [
            one
            for one in self.jobs.values()
            if (one.work.route.provider, one.account) == (provider, job.account) and one is not job
        ]
        return mine[-1] if mine else None

    def mistaken(self, task_id: str, attempt: Attempt) -> bool:
        """Whether its provider told it of another job's end, in the place of its own's."""
        code = attempt.failure.code if attempt.failure else ""
        ended = attempt.outcome in ("failed", "lost") and code in ("job-failed", "job-lost")
        return ended and (task_id, attempt.number) in self.misnamed

    def recoverable(self, tasks: Iterable[Task]) -> list[str]:
        """Those that ended badly although their last paid call has a result that can be asked for.

        Nobody can ask for the job of a call whose answer was lost, unless there is a list of them;
        of what came at once there is nothing but what was written down; another account's job is
        known to whoever has its key alone; and of an attempt that has failed nothing is to be had.
        """
        found = []
        for task in tasks:
            last = task.attempts[-1] if task.attempts and task.state != "succeeded" else None
            jobs = self.of.get((task.task_id, last.number)) if last else None
            if not last or not jobs or jobs[0].spoilt or last.outcome == "failed":
                continue
            if (last.job_id or jobs[0].job_id) != jobs[0].job_id:
                continue
            if jobs[0].account != OURS:  # whose key is gone again
                continue
            route = jobs[0].work.route
            listed = last.job_id or route.idempotency == "look-up"
            there = listed if route.asynchronous else last.accepted_at and jobs[0].data
            if there and jobs[0].fate == "done":
                found.append(task.task_id)
        return found


def _build_job(
    name: str, work: JobRequest, request: str, now: float, fault_policy: FaultPolicy
) -> Job:
    job = Job(name, work, request, now, now, now, "done", asked_at=now)
    draw = fault_policy.between(0, 1)
    job.told = draw < 0.5
    job.amount = TOLD if job.told else PRICE
    job.results = 2 if draw * 20 % 1 < 0.1 else 1
    if not work.route.asynchronous and draw * 400 % 1 < 0.1:
        job.data = LARGE if draw * 400 % 1 < 0.005 else SMALL
    job.spoilt = fault_policy.chance("result-of-wrong-kind")
    if fault_policy.chance("listed-late"):
        job.listed_at += fault_policy.between(1, 3000)
    job.there_at = now
    if fault_policy.chance("result-late"):
        job.there_at += fault_policy.between(1, 30)
    if fault_policy.chance("result-very-late"):
        job.there_at += fault_policy.between(30, LATEST_S)
    if not work.route.asynchronous:
        return job
    late_s = job.there_at - now
    job.done_at += fault_policy.between(1, 40 if work.route.max_poll_gap_s else 12)
    if fault_policy.chance("job-late"):
        job.done_at += fault_policy.between(100, 5000)
    if fault_policy.chance("job-hangs"):
        job.fate, job.done_at = "hangs", float("inf")
    elif fault_policy.chance("job-failed-refunded"):
        job.fate, job.failure = "failed", _failure(work)
        job.refunded = True
    elif fault_policy.chance("job-failed-charged"):
        job.fate, job.failure = "failed", _failure(work)
        # Who declares that failed jobs cost nothing keeps to it.
        job.refunded = work.route.charged_on_failure == "no"
    job.there_at = job.done_at + late_s
    return job


def _failure(work: JobRequest) -> JobFailed:
    return JobFailed("job-failed", "It could not be done.", work.route.charged_on_failure)
