"""Find an earlier task whose results a new one may have, so that it is not paid for again."""

from typing import Final

from darkroom.domain.order import Order
from darkroom.domain.task import Task
from darkroom.ports import Ports

MAX_BYTES: Final = 32 * 1024 * 1024
"""Of all results: more are not copied, because they pass through the memory of a function."""


def earlier_task(ports: Ports, order: Order) -> Task | None:
    """The task whose results may be copied; None if there is none, or reuse is not wanted."""
    if not order.reuse:
        return None
    task_id = ports.tasks.done_by(order.work_digest)
    task = ports.tasks.get(task_id) if task_id else None
    if task is None or task.state != "succeeded":
        return None
    return task if sum(result.size for result in task.results) <= MAX_BYTES else None
