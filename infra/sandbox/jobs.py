"""Asynchronous jobs: waiting, working, then done, failed or cancelled.

A job's status is computed from the clock when it is requested. Only the work itself runs in the
background, from the moment of submission, so that the result exists when the clock reaches the
job's end. Each provider maps the phases to its own words.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from infra.sandbox.clock import Clock

Phase = Literal["waiting", "working", "done", "failed", "cancelled"]
JobFault = Literal["fail", "hang", "stall"]

WAITING_SHARE = 0.2  # of a job's duration; the rest is working
MAX_WAIT_S = 5.0
HUNG_PROGRESS = 90  # the last progress, in percent, of a job that never ends

_log = logging.getLogger(__name__)


class WorkError(Exception):
    """The work cannot be done; the message is the job's error."""


@dataclass(frozen=True)
class JobStatus:
    """The status of a job: times in sandbox seconds, progress in percent.

    `result` is what the work returned.
    """

    phase: Phase
    progress: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    result: object = None
    error: str | None = None


@dataclass
class Job:
    """One job; `metadata` is for its provider."""

    id: str
    created_at: float
    duration_s: float
    fault: JobFault | None
    work: Future[object]
    on_failure: Callable[[float], None]
    on_success: Callable[[float], None]
    metadata: dict[str, Any] = field(default_factory=dict)
    end: JobStatus | None = None


class Jobs:
    """The jobs of one sandbox, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._lock = threading.RLock()
        self._workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="sandbox-job")

    def open(
        self,
        job_id: str,
        work: Callable[[], object],
        *,
        duration_s: float,
        fault: JobFault | None,
        on_failure: Callable[[float], None],
        on_success: Callable[[float], None] = lambda _at: None,
        metadata: dict[str, Any] | None = None,
    ) -> Job:
        """Start a job; at its end `on_failure` or `on_success` is called once, with the time."""
        job = Job(
            id=job_id,
            created_at=self._clock.now(),
            duration_s=duration_s,
            fault=fault,
            work=self._workers.submit(work),
            on_failure=on_failure,
            on_success=on_success,
            metadata=metadata or {},
        )
        with self._lock:
            self._jobs[job_id] = job
        return job

    def get(self, job_id: str) -> Job | None:
        """Return a job by id."""
        with self._lock:
            return self._jobs.get(job_id)

    def newest_first(self) -> list[Job]:
        """Return every job, the newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def status_of(self, job: Job) -> JobStatus:
        """Return a job's present status, and end the job if its time is over."""
        if job.end is not None:
            return job.end
        now = self._clock.now()
        starts = job.created_at + min(job.duration_s * WAITING_SHARE, MAX_WAIT_S)
        ends = job.created_at + job.duration_s
        if job.fault == "stall" or now < min(starts, ends):
            return JobStatus("waiting")
        if now < ends or job.fault == "hang":
            progress = HUNG_PROGRESS if now >= ends else _progress(now, starts, ends)
            return JobStatus("working", progress, started_at=starts)
        return self._close(job, _finish(job, starts, ends))

    def fail(self, job: Job, error: str, *, at: float | None = None) -> JobStatus:
        """End a job as failed, unless it has ended already."""
        when = self._clock.now() if at is None else at
        return self._close(job, JobStatus("failed", ended_at=when, error=error))

    def cancel(self, job: Job) -> JobStatus:
        """End a job as cancelled, unless it has ended already."""
        return self._close(job, JobStatus("cancelled", ended_at=self._clock.now()))

    def settle(self) -> None:
        """Bring every job up to date, so that refunds are booked even if no client polls."""
        for job in self.newest_first():
            self.status_of(job)

    def stop(self) -> None:
        """Take no more work and drop the work that has not started."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _close(self, job: Job, end: JobStatus) -> JobStatus:
        with self._lock:
            if job.end is None:
                job.end = end
                if end.phase == "failed":
                    job.on_failure(end.ended_at or self._clock.now())
                if end.phase == "done":
                    job.on_success(end.ended_at or self._clock.now())
            return job.end


def _finish(job: Job, starts: float, ends: float) -> JobStatus:
    error: str | None = None
    result: object = None
    if job.fault == "fail":
        error = "The model failed to process the image."
    else:
        try:
            result = job.work.result()
        except WorkError as exc:
            error = str(exc)
        except Exception:  # noqa: BLE001 - a bug in an edit fails the job, as at a provider
            _log.exception("the work of job %s failed", job.id)
            error = "Internal error."
    if error is not None:
        return JobStatus("failed", ended_at=ends, error=error)
    return JobStatus("done", 100, started_at=starts, ended_at=ends, result=result)


def _progress(now: float, starts: float, ends: float) -> int:
    if ends <= starts:
        return 0
    return max(0, min(99, int(100 * (now - starts) / (ends - starts))))
