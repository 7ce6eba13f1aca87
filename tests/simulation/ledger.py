"""The providers' ledger: every accepted paid call, its charge, and how it ends."""

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

JobOutcome = Literal["done", "failed", "hangs", "lost", "cancelled"]

PRICE: Final = 2.0
"""The price in the routes' tables; a provider that reports its price takes `REPORTED_PRICE`."""
NEW_PRICE: Final = 2.5
REPORTED_PRICE: Final = 3.0
SMALL: Final = base64.b64encode(b"caption").decode()
LARGE: Final = base64.b64encode(b"caption " * 16_000).decode()
SMALL_BYTES: Final = 1_000
LARGE_BYTES: Final = 100_000_000
MANY: Final = 5
"""Larger, and more results, than a function delivers in place."""
MAX_RESULT_DELAY_S: Final = 500
"""A result is available at most this long after its job is done; DELIVER tries for ten minutes."""
OUR_ACCOUNT: Final = "ours"
"""The account whose key is normally in the secret."""
KEY_TTL_S: Final = 24 * 3600
"""How long a provider remembers an idempotency key."""


@dataclass
class Job:
    """One accepted paid call; a synchronous one is a job that has already ended.

    Attributes:
        amount: credits charged.
        price_reported: whether the provider reports what it charged.
        refunded: whether it gave them back.
        done_at: when it will have ended.
        polled_at: when it was last polled.
        listed_at: from when on it is in the list of past calls.
        neglected: whether it was lost because it was not polled.
        denials: how often in a row its provider wrongly said that it does not know it.
        results_gone: how often the URL of a result had expired or was gone.
        end_reports: how often its end was reported.
        end_heard_by: the process that its end was last reported to, one of its own task if there is
            any: another one may be given its name by mistake, and poll it.
        data: its result, base64, if that is no image.
        available_at: from when on its result can be fetched.
        account: who paid for it.
        results: how many it has.
        size: of each result, bytes; what the download stands for.
        wrong_kind: whether its last result is of another kind than asked.
    """

    job_id: str
    work: JobRequest
    request: str
    accepted_at: float
    done_at: float
    listed_at: float
    outcome: JobOutcome
    amount: float = PRICE
    price_reported: bool = False
    refunded: bool = False
    polled_at: float = 0.0
    neglected: bool = False
    denials: int = 0
    results_gone: int = 0
    end_reports: int = 0
    end_heard_by: Invocation | None = None
    data: str | None = None
    available_at: float = 0.0
    account: str = OUR_ACCOUNT
    results: int = 1
    size: int = SMALL_BYTES
    wrong_kind: bool = False
    failure: JobFailed | None = None
    refs: tuple[ResultRef, ...] = ()

    @property
    def owed(self) -> float:
        """Credits that it cost in the end."""
        return 0.0 if self.refunded else self.amount

    @property
    def end_heard(self) -> bool:
        """Whether its end was reported to a process of its task that could write it down."""
        by = self.end_heard_by
        return by is not None and by.task_id == self.work.task_id and not by.harmed


@dataclass
class Ledger:
    """Every job, by its name, by its attempt, and by its idempotency key.

    Attributes:
        misnamed: attempts whose response named another attempt's job.
        names_given_away: jobs that were named in the response to another attempt.
    """

    jobs: dict[str, Job] = field(default_factory=dict)
    by_attempt: defaultdict[tuple[str, int], list[Job]] = field(
        default_factory=lambda: defaultdict(list)
    )
    misnamed: set[tuple[str, int]] = field(default_factory=set)
    names_given_away: set[str] = field(default_factory=set)
    _by_key: dict[tuple[str, int, str], Job] = field(default_factory=dict)

    def find_by_key(self, work: JobRequest, account: str, now: float) -> Job | None:
        """The job of an idempotency key that is still remembered in this account."""
        job = self._by_key.get((work.task_id, work.attempt, account))
        return job if job and now - job.accepted_at <= KEY_TTL_S else None

    def accept(
        self, work: JobRequest, request: str, now: float, fault_policy: FaultPolicy, account: str
    ) -> Job:
        """Accept the call and charge it."""
        job = _build_job(f"job-{len(self.jobs) + 1}", work, request, now, fault_policy)
        job.account = account
        self.jobs[job.job_id] = job
        self.by_attempt[work.task_id, work.attempt].append(job)
        if work.route.idempotency == "key":
            self._by_key[work.task_id, work.attempt, account] = job
        return job

    def previous_job(self, job: Job) -> Job | None:
        """The job before this one at the same provider and account, of any task."""
        provider = job.work.route.provider
        mine = [
            one
            for one in self.jobs.values()
            if (one.work.route.provider, one.account) == (provider, job.account) and one is not job
        ]
        return mine[-1] if mine else None

    def misinformed(self, task_id: str, attempt: Attempt) -> bool:
        """Whether its provider reported another job's end in place of its own's.

        When it was polled, or in the history, which settles what was given up.
        """
        code = attempt.failure.code if attempt.failure else ""
        ended = attempt.outcome in ("failed", "lost", "given-up")
        return (
            ended
            and code in ("job-failed", "job-lost")
            and (task_id, attempt.number) in self.misnamed
        )

    def recoverable(self, tasks: Iterable[Task]) -> list[str]:
        """Tasks that ended badly although the result of their last paid call can be fetched.

        Left out are: a job whose response was lost, unless the provider lists past calls; a
        synchronous result that was not written down; a job of another account; an attempt that has
        failed.
        """
        found = []
        for task in tasks:
            last = task.attempts[-1] if task.attempts and task.state != "succeeded" else None
            jobs = self.by_attempt.get((task.task_id, last.number)) if last else None
            if not last or not jobs or jobs[0].wrong_kind or last.outcome == "failed":
                continue
            if (last.job_id or jobs[0].job_id) != jobs[0].job_id:
                continue
            if jobs[0].account != OUR_ACCOUNT:  # its key is not in the secret any more
                continue
            route = jobs[0].work.route
            listed = last.job_id or route.idempotency == "look-up"
            there = listed if route.asynchronous else last.accepted_at and jobs[0].data
            if there and jobs[0].outcome == "done":
                found.append(task.task_id)
        return found


def _build_job(
    name: str, work: JobRequest, request: str, now: float, fault_policy: FaultPolicy
) -> Job:
    job = Job(name, work, request, now, now, now, "done", polled_at=now)
    draw = fault_policy.between(0, 1)
    job.price_reported = draw < 0.5
    job.amount = REPORTED_PRICE if job.price_reported else PRICE
    kind = draw * 20 % 1
    job.results = 2 if kind < 0.1 else MANY if kind < 0.2 else 1
    job.size = LARGE_BYTES if 0.2 <= kind < 0.35 else SMALL_BYTES
    if not work.route.asynchronous and draw * 400 % 1 < 0.1:
        job.data = LARGE if draw * 400 % 1 < 0.005 else SMALL
    job.wrong_kind = fault_policy.chance("result-of-wrong-kind")
    if fault_policy.chance("listed-late"):
        job.listed_at += fault_policy.between(1, 3000)
    job.available_at = now
    if fault_policy.chance("result-late"):
        job.available_at += fault_policy.between(1, 30)
    if fault_policy.chance("result-very-late"):
        job.available_at += fault_policy.between(30, MAX_RESULT_DELAY_S)
    if not work.route.asynchronous:
        return job
    late_s = job.available_at - now
    job.done_at += fault_policy.between(1, 40 if work.route.max_poll_gap_s else 12)
    if fault_policy.chance("job-late"):
        job.done_at += fault_policy.between(100, 5000)
    if fault_policy.chance("job-hangs"):
        job.outcome, job.done_at = "hangs", float("inf")
    elif fault_policy.chance("job-failed-refunded"):
        job.outcome, job.failure = "failed", _failure(work)
        job.refunded = True
    elif fault_policy.chance("job-failed-charged"):
        job.outcome, job.failure = "failed", _failure(work)
        # A provider that declares failed jobs free keeps to it.
        job.refunded = work.route.charged_on_failure == "no"
    job.available_at = job.done_at + late_s
    return job


def _failure(work: JobRequest) -> JobFailed:
    return JobFailed("job-failed", "It could not be done.", work.route.charged_on_failure)
