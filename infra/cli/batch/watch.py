"""Reads a batch again and again until everything in it has ended, or a timeout passes."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from darkroom.domain.task_summary import TaskSummary
from infra.cli.batch.screen import Reading

INTERVAL_S: Final = 2.0
SHORT_INTERVAL_S: Final = 0.3
"""For a few tasks."""
SHARE: Final = 0.25
"""Reading takes at most this share of the time, however many tasks there are."""
FEW: Final = 100
"""So many tasks cost one request."""


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
        few = reading.totals.total <= FEW
        sleep(max(SHORT_INTERVAL_S if few else INTERVAL_S, took / SHARE))
