"""A task that may not call yet, and how long it waits.

It waits in Step Functions, not in a function; only `wait_reason` and `slot` of the task change.
"""

import math
from dataclasses import dataclass

from darkroom.domain.task import Slot, Task
from darkroom.pipeline.admission.backoff import task_spread
from darkroom.ports import Ports

SPREAD_S = 5
"""Waits of tasks that were deferred together are spread over this many seconds."""
WAITED_SHARE = 200
"""A task that has waited long is checked again after 1/200 of that time, so that the history of
its run holds days of waiting."""
MAX_SHARE_WAIT_S = 300


@dataclass(frozen=True)
class Deferred:
    """The task may not call now.

    Attributes:
        wait_s: whole seconds, at least 1.
        reason: why the task waits, for users.
        slot: the slot of the rate limiter that it has reserved, if any.
    """

    wait_s: int
    reason: str
    slot: Slot | None = None


def deferral_s(ports: Ports, task: Task, min_s: float) -> int:
    """Whole seconds to wait: at least `min_s`, longer the longer it has waited, spread by task."""
    waited_s = (ports.clock.now() - task.updated_at).total_seconds() if task.wait_reason else 0
    share_s = min(MAX_SHARE_WAIT_S, waited_s / WAITED_SHARE)
    return max(1, math.ceil(max(min_s, share_s) + task_spread(task) * SPREAD_S))
