"""Reads a batch again and again until everything in it has ended, or a timeout passes."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from darkroom.domain.task_summary import TaskSummary, summarize
from infra.cli.batch.screen import Reading

if TYPE_CHECKING:
    from darkroom.ports import Tasks

INTERVAL_S: Final = 2.0
SHORT_INTERVAL_S: Final = 0.3
"""For a few tasks, which cost one request."""
SHARE: Final = 0.25
"""Reading takes at most this share of the time, however many tasks there are."""
MAX_SINGLY: Final = 100
"""So many tasks are read by their ids, consistently, in one request."""


def watch(
    read: Callable[[], Reading],
    show: Callable[[Reading], None],
    on_ended: Callable[[Sequence[TaskSummary]], None] = lambda _: None,
    timeout_s: float | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Reading:
    """Read until everything has ended; the last reading.

    Args:
        read: reads the batch; what it reads takes the pace down.
        show: gets every reading.
        on_ended: gets the tasks that have ended since the reading before, if there are any.
        timeout_s: seconds; None waits as long as it takes.
        clock: seconds that only grow.
        sleep: waits.
    """
    start = clock()
    seen: set[str] = set()
    while True:
        began = clock()
        reading = read()
        took = clock() - began
        new = [each for each in reading.summaries if each.finished and each.task_id not in seen]
        seen.update(each.task_id for each in new)
        show(reading)
        if new:
            on_ended(new)
        if reading.ended or (timeout_s is not None and clock() - start >= timeout_s):
            return reading
        few = len(reading.summaries) + reading.unread <= MAX_SINGLY
        sleep(max(SHORT_INTERVAL_S if few else INTERVAL_S, took / SHARE))


class UploadedTasks:
    """Reads the tasks of uploaded specs: by their ids if they are few, else by the index.

    Args:
        tasks: the store.
        task_ids: of all specs; those without a task yet count as not read.
        prefix: what all of their keys begin with.
    """

    def __init__(self, tasks: "Tasks", task_ids: Sequence[str], prefix: str) -> None:
        self._tasks = tasks
        self._prefix = prefix
        self._found: dict[str, TaskSummary | None] = dict.fromkeys(task_ids)

    def read(self) -> Reading:
        """The tasks now; ended ones are not read again."""
        wanted = {key for key, each in self._found.items() if each is None or not each.finished}
        if len(wanted) <= MAX_SINGLY:
            self._found |= {task.task_id: summarize(task) for task in self._tasks.get_many(wanted)}
        else:
            below = self._tasks.below(self._prefix)
            self._found |= {each.task_id: each for each in below if each.task_id in wanted}
        known = [each for each in self._found.values() if each is not None]
        return Reading(known, len(self._found) - len(known))
