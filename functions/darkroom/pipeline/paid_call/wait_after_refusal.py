"""How long a task waits after its provider refused a paid call for now, for instance with a 429.

The wait grows with every refusal in a row and is spread by task, so that tasks that were refused
together do not return together. A 429 on a poll becomes a wait in `pipeline/poll.py`.
"""

from darkroom.domain.circuit_state import FIRST_PAUSE_S, MAX_BLOCKED_S, NO_CREDITS
from darkroom.domain.errors import AccountBlocked, DarkroomError, Throttled
from darkroom.domain.retries import exponential_s
from darkroom.domain.task import Task
from darkroom.pipeline.admission.backoff import MAX_BACKOFF_S, backoff_s, task_spread

MAX_SPREAD_S = 4
"""Only tasks that were under way together were refused together: they are few, and later ones must
not overtake them."""
BLOCKED_SOON_TRIES = 200
"""How often in a row a blocked account is tried again soon: for about five hours."""


def wait_after_s(task: Task, error: DarkroomError) -> int:
    """Whole seconds before the task's next try; `error` may be tried again."""
    waits = task.waits + 1
    if error.failure.code == NO_CREDITS:
        return 1  # it gets into line at once, so that it keeps its place
    if isinstance(error, AccountBlocked):
        return _blocked_account_wait_s(task, waits)
    retry_after_s = error.retry_after_s if isinstance(error, Throttled) else None
    return throttled_wait_s(task, waits, retry_after_s)


def throttled_wait_s(task: Task, waits: int, retry_after_s: int | None) -> int:
    """Whole seconds to wait: at least Retry-After, else doubling with every wait in a row."""
    spread = task_spread(task)
    if retry_after_s is not None:
        # A provider that asks for one second a hundred thousand times would exceed the history
        # limit of the workflow.
        min_s = max(1, retry_after_s, min(MAX_BACKOFF_S, waits // 4))
        return min_s + int(spread * min(retry_after_s, MAX_SPREAD_S))
    return max(1, int(backoff_s(waits) * (0.75 + spread / 4)))


def _blocked_account_wait_s(task: Task, waits: int) -> int:
    """Whole seconds until an account that a person has to fix is tried: as its circuit's pauses.

    After hours it is tried less often, so that the run's history holds days of waiting.
    """
    max_s = MAX_BLOCKED_S if waits <= BLOCKED_SOON_TRIES else MAX_BACKOFF_S
    return int(exponential_s(FIRST_PAUSE_S, waits, max_s) + 1 + task_spread(task) * 5)
