"""Follows tasks until all are finished, a deadline passes, or someone presses Ctrl-C."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from infra.cli.tasks.progress import Row, row_of

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.ports import Tasks
    from infra.cli.files.upload import Placed

LOOK_EVERY_S: Final = 0.3


def follow(
    tasks: "Tasks",
    placed: Sequence["Placed"],
    show: Callable[[Sequence[Row]], None],
    within_s: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> "dict[str, Task]":
    """Look at the tasks again and again, handing their rows to `show`.

    Returns:
        task id -> the task as last seen; finished, unless `within_s` seconds have passed. A task
        that was never seen is not in it.
    """
    start = clock()
    seen: dict[str, Task] = {}
    while True:
        for spec in placed:
            known = seen.get(spec.task_id)
            if known is None or not known.finished:
                found = tasks.get(spec.task_id)
                if found is not None:
                    seen[spec.task_id] = found
        now = datetime.now(UTC)
        elapsed = clock() - start
        show([_row(spec, seen.get(spec.task_id), now, elapsed) for spec in placed])
        if len(seen) == len(placed) and all(task.finished for task in seen.values()):
            return seen
        if within_s is not None and elapsed >= within_s:
            return seen
        pause(LOOK_EVERY_S)


def _row(spec: "Placed", task: "Task | None", now: datetime, elapsed_s: float) -> Row:
    if task is not None:
        return row_of(task, now)
    return Row(spec.task_id, spec.key, "-", "-", "uploaded", elapsed_s)
