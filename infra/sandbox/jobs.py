"""The asynchronous life of a job: waiting, working, then done, failed or cancelled.

Where a job stands is computed from the clock when somebody asks; only the pixels are worked on in
the background, from the moment of submission, so that the result is there when the clock says so.
The words that a provider has for these phases are the provider's business.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from infra.sandbox.clock import Clock

Phase = Literal["waiting", "working", "done", "failed", "cancelled"]
Fate = Literal["fail", "hang", "stall"]

WAITING_SHARE = 0.2  # of a job's duration it waits, for the rest it is worked on
MAX_WAIT_S = 5.0  # however long the job
HUNG_PROGRESS = 90  # where a job that never ends stops moving

_log = logging.getLogger(__name__)


class WorkError(Exception):
    """The work cannot be done; the message is what the job's owner is told."""


@dataclass(frozen=True)
class Standing:
    """Where a job stands: times in sandbox seconds, `result` is what the work returned."""

    phase: Phase
    progress: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    result: object = None
    error: str | None = None


@dataclass
class Job:
    """One job; `facts` is what its provider wants to remember about it."""

    id: str
    made_at: float
    duration_s: float
    fate: Fate | None
    work: Future[object]
    on_failure: Callable[[float], None]
    on_success: Callable[[float], None]
    facts: dict[str, Any] = field(default_factory=dict)
    end: Standing | None = None


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
        fate: Fate | None,
        on_failure: Callable[[float], None],
        facts: dict[str, Any],
        on_success: Callable[[float], None] = lambda _at: None,
    ) -> Job:
        """Start a job; `on_failure` or `on_success` is told once, with the time, when it ends."""
        job = Job(
            id=job_id,
            made_at=self._clock.now(),
            duration_s=duration_s,
            fate=fate,
            work=self._workers.submit(work),
            on_failure=on_failure,
            on_success=on_success,
            facts=facts,
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

    def look(self, job: Job) -> Standing:
        """Say where a job stands now, and settle it if its end has come."""
        if job.end is not None:
            return job.end
        now = self._clock.now()
        starts = job.made_at + min(job.duration_s * WAITING_SHARE, MAX_WAIT_S)
        ends = job.made_at + job.duration_s
        if job.fate == "stall" or now < min(starts, ends):
            return Standing("waiting")
        if now < ends or job.fate == "hang":
            progress = HUNG_PROGRESS if now >= ends else _progress(now, starts, ends)
            return Standing("working", progress, started_at=starts)
        return self._close(job, _finish(job, starts, ends))

    def fail(self, job: Job, error: str, *, at: float | None = None) -> Standing:
        """End a job as failed, unless it has ended already."""
        when = self._clock.now() if at is None else at
        return self._close(job, Standing("failed", ended_at=when, error=error))

    def cancel(self, job: Job) -> Standing:
        """End a job as cancelled, unless it has ended already."""
        return self._close(job, Standing("cancelled", ended_at=self._clock.now()))

    def settle(self) -> None:
        """Bring every job up to date, so that failures are booked without anybody polling."""
        for job in self.newest_first():
            self.look(job)

    def stop(self) -> None:
        """Take no more work and drop what has not begun."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _close(self, job: Job, end: Standing) -> Standing:
        with self._lock:
            if job.end is None:
                job.end = end
                if end.phase == "failed":
                    job.on_failure(end.ended_at or self._clock.now())
                if end.phase == "done":
                    job.on_success(end.ended_at or self._clock.now())
            return job.end


def _finish(job: Job, starts: float, ends: float) -> Standing:
    error: str | None = None
    result: object = None
    if job.fate == "fail":
        error = "The model failed to process the image."
    else:
        try:
            result = job.work.result()
        except WorkError as exc:
            error = str(exc)
        except Exception:  # noqa: BLE001 - a bug in an edit ends the job, as it would over there
            _log.exception("the work of job %s failed", job.id)
            error = "Internal error."
    if error is not None:
        return Standing("failed", ended_at=ends, error=error)
    return Standing("done", 100, started_at=starts, ended_at=ends, result=result)


def _progress(now: float, starts: float, ends: float) -> int:
    if ends <= starts:
        return 0
    return max(0, min(99, int(100 * (now - starts) / (ends - starts))))
