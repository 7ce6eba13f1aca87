"""How long to wait before the next try, and before the next poll of a job."""

import math

from darkroom.domain.retries import exponential_s
from darkroom.domain.routes import Route
from darkroom.domain.task import Task

FIRST_BACKOFF_S = 5
MAX_BACKOFF_S = 300

MIN_EXPLAINED_S = 60
"""A task that waits at least this long has the reason in `wait_reason`."""

MIN_POLL_S = 1
FIRST_POLL_SHARE = 0.7
"""A job is first polled after this part of its usual time: of jobs whose times are spread as usual
(log-normal, sigma 0.25), one in thirteen ends earlier."""
MAX_EARLY_S = 60
"""The longest wait before that: a job that usually takes minutes is sometimes done at once."""
DENSE_SHARE = 0.15
"""Around its usual time a job is polled again after this part of its age: half of that is the mean
delay after its end."""
LATE_SHARE = 0.25
"""After twice its usual time, likewise: nothing is known of its end any more."""
MAX_POLL_S = 60
POLL_GAP_SHARE = 0.4
"""The wait between polls as a part of `Route.max_poll_gap_s`, so that one lost poll does not lose
the job."""


def backoff_s(failures: int) -> int:
    """Seconds to wait after this many failures in a row: 5, 10, 20, ... at most 300."""
    return int(exponential_s(FIRST_BACKOFF_S, failures, MAX_BACKOFF_S))


def task_spread(task: Task) -> float:
    """A figure from 0 up to 1 that is always the same for a task: waits are spread by it."""
    return int(task.task_id[:4], 16) / 0x10000


def poll_interval_s(route: Route, elapsed_s: float, retry_after_s: float = 0) -> int:
    """Whole seconds until a job is polled: about when it should be done, then by its age.

        accepted ─────── 0.7 ▼▼ ▼ ▼  ▼  ▼ 2 ▼     ▼         ▼  x usual time
        shortly before it should be done; densely while it is likely to end; then less and less

    Args:
        route: the job's.
        elapsed_s: since the job was accepted.
        retry_after_s: how long the provider asked us to wait; ignored where that loses the job.
    """
    if route.max_poll_gap_s is not None:
        # Its account's rate is tight: it is polled rarely, but in time.
        max_s = max(1, int(route.max_poll_gap_s * POLL_GAP_SHARE))
        usual_s = route.typical_s // 2 if elapsed_s < 1 else max_s
        return max(1, min(max_s, math.ceil(max(retry_after_s, usual_s))))
    early_s = min(MAX_EARLY_S, FIRST_POLL_SHARE * route.typical_s - elapsed_s)
    share = DENSE_SHARE if elapsed_s < 2 * route.typical_s else LATE_SHARE
    # A job that has not ended within hours will not end within the next minute.
    late_s = min(MAX_BACKOFF_S, max(MAX_POLL_S, elapsed_s / 40))
    return max(
        math.ceil(retry_after_s), MIN_POLL_S, round(max(early_s, min(late_s, elapsed_s * share)))
    )
