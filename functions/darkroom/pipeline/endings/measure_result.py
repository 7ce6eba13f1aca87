"""Looks at a result that is delivered, for the manifest; never in the way of its delivery.

The result is in the output bucket before anybody looks at it, and its task is named there as its
writer. So a call that finds its own result there follows one that died: perhaps while it looked at
that result. It does not look again. Any error is a figure that is missing.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, Final

from darkroom.domain.order import Input
from darkroom.domain.provider_jobs import Download
from darkroom.domain.quality import Quality, judge, needs_source
from darkroom.domain.task import Task
from darkroom.ports import NotMeasured, Ports

MIN_LEFT_S: Final = 30
"""What is left of this process after a result was looked at: to write the manifest and the end."""
INTERRUPTED: Final = "An earlier call ended after it had written this result."
NO_SOURCE: Final = "The source could not be looked at."

_log = logging.getLogger(__name__)


class ResultMeasurer:
    """Looks at the results of one task; its source is read at most once, and only if needed."""

    def __init__(self, ports: Ports, task: Task, time_left_s: Callable[[], float]) -> None:
        self._ports = ports
        self._task = task
        self._time_left_s = time_left_s
        self._stack = ExitStack()
        self._source: BinaryIO | None = None
        self._source_read = False

    def measure(self, result: Download, *, written_before: bool) -> Quality | None:
        """The figures of a picture; None for a result that is none.

        Args:
            result: as it was delivered; its body is at any position.
            written_before: whether an earlier call of the task had delivered it.
        """
        if result.media is None or result.media.kind != "image" or self._task.order is None:
            return None
        if written_before:
            return Quality(missing=INTERRUPTED)
        try:
            return self._measure(result)
        except NotMeasured as error:
            return Quality(missing=str(error))
        except Exception as error:  # noqa: BLE001 - no error of ours may keep a result back
            _log.warning("task %s: not measured: %s", self._task.task_id, type(error).__name__)
            return Quality(missing="It could not be looked at.")

    def _measure(self, result: Download) -> Quality:
        limits = self._ports.limits
        if result.size > limits.measure_bytes:
            raise NotMeasured("It is too large to be looked at.")
        max_s = min(limits.measure_s, self._time_left_s() - MIN_LEFT_S)
        if max_s < 1:
            raise NotMeasured("No time was left to look at it.")
        order = self._task.resolved_order
        source = self._open_source() if needs_source(order.operation) else None
        measured = self._ports.pictures.measure(result.body, source, max_s)
        quality = judge(order.operation, order.params, measured)
        if needs_source(order.operation) and measured.source is None:
            return quality.with_missing(NO_SOURCE)
        return quality

    def _open_source(self) -> BinaryIO | None:
        """The source, or None where it is too large, is gone, or cannot be read."""
        if not self._source_read:
            self._source_read = True
            file = self._source_file()
            if file is not None:
                try:
                    opened = self._ports.inputs.open(file.key, file.version_id)
                    self._source = self._stack.enter_context(opened)
                except Exception as error:  # noqa: BLE001 - as for the result
                    kind = type(error).__name__
                    _log.warning("task %s: source not read: %s", self._task.task_id, kind)
        return self._source

    def _source_file(self) -> Input | None:
        files = self._task.resolved_order.inputs.get("image", ())
        small = bool(files) and files[0].size <= self._ports.limits.measure_bytes
        return files[0] if small else None

    def close(self) -> None:
        """Close the source."""
        self._stack.close()


@contextmanager
def measurer(
    ports: Ports, task: Task, time_left_s: Callable[[], float]
) -> Iterator[ResultMeasurer]:
    """A `ResultMeasurer`, closed in the end."""
    made = ResultMeasurer(ports, task, time_left_s)
    try:
        yield made
    finally:
        try:
            made.close()
        except Exception as error:  # noqa: BLE001 - the results are delivered
            _log.warning("task %s: source not closed: %s", task.task_id, type(error).__name__)
