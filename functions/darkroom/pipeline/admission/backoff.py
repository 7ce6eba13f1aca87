"""How long to wait before the next try, and before the next poll of a job."""

from darkroom.domain.job_times import JobTimes
from darkroom.domain.retries import exponential_s
from darkroom.domain.routes import Route
from darkroom.domain.task import Task
from darkroom.domain.wait_policy import next_wait_s

FIRST_BACKOFF_S = 5
MAX_BACKOFF_S = 300

MIN_EXPLAINED_S = 60
"""A task that waits at least this long has the reason in `wait_reason`."""


def backoff_s(failures: int) -> int:
    """Seconds to wait after this many failures in a row: 5, 10, 20, ... at most 300."""
    return int(exponential_s(FIRST_BACKOFF_S, failures, MAX_BACKOFF_S))


def task_spread(task: Task) -> float:
    """A figure from 0 up to 1 that is always the same for a task: waits are spread by it."""
    return int(task.task_id[:4], 16) / 0x10000


def poll_interval_s(
    route: Route,
    elapsed_s: float,
    retry_after_s: float = 0,
    times: JobTimes = JobTimes(),  # noqa: B008 - frozen
) -> int:
    """Whole seconds until a job is polled: about when it should be done, see `wait_policy`.

    Args:
        route: the job's.
        elapsed_s: since the job was accepted.
        retry_after_s: how long the provider asked us to wait; ignored where that loses the job.
        times: how long the route's jobs took; by default only its usual time is known.
    """
    return next_wait_s(
        times,
        route.typical_s,
        elapsed_s,
        retry_after_s=retry_after_s,
        max_poll_gap_s=route.max_poll_gap_s,
    )
