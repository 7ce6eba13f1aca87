"""Polls uploaded specs' tasks until all are finished or a timeout passes."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from infra.cli.tasks.progress import Row, build_row

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.ports import Tasks
    from infra.cli.files.upload import UploadedSpec
    from infra.cli.tasks.places import PlaceInLine, Places

POLL_INTERVAL_S: Final = 0.3


def follow(
    tasks: "Tasks",
    specs: Sequence["UploadedSpec"],
    show: Callable[[Sequence[Row]], None],
    places: "Places",
    timeout_s: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> "dict[str, Task]":
    """Poll the tasks of these specs, passing their rows to `show` each time.

    Returns:
        task id -> the task as last read: finished, unless the timeout passed. A task that did not
        exist yet is left out.
    """
    start = clock()
    found: dict[str, Task] = {}
    while True:
        for spec in specs:
            known = found.get(spec.task_id)
            if known is None or not known.finished:
                task = tasks.get(spec.task_id)
                if task is not None:
                    found[spec.task_id] = task
        now = datetime.now(UTC)
        elapsed_s = clock() - start
        in_line = places.of(found.values())
        rows = ((spec, found.get(spec.task_id), in_line.get(spec.task_id)) for spec in specs)
        show([_row(spec, task, place, now, elapsed_s) for spec, task, place in rows])
        if len(found) == len(specs) and all(task.finished for task in found.values()):
            return found
        if timeout_s is not None and elapsed_s >= timeout_s:
            return found
        sleep(POLL_INTERVAL_S)


def _row(
    spec: "UploadedSpec",
    task: "Task | None",
    place: "PlaceInLine | None",
    now: datetime,
    elapsed_s: float,
) -> Row:
    if task is not None:
        return build_row(task, now, place)
    return Row(spec.task_id, spec.key, "-", "-", "uploaded", elapsed_s)
