"""The tasks of what `put` has uploaded, also when a photo is replaced before its task exists."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from darkroom.domain.task_summary import TaskSummary, summarize
from infra.cli.batch.newer import Newer
from infra.cli.batch.screen import Reading
from infra.cli.printing import note

if TYPE_CHECKING:
    from darkroom.ports import Tasks
    from infra.cli.files.upload import UploadedSpec

MAX_SINGLY: Final = 100
"""So many tasks are read by their ids, consistently, in one request."""
LOOK_AFTER_S: Final = 5.0
"""So long after its time to settle a photo without a task is looked at; then at this interval."""
MAX_LOOKS: Final = 8
"""So many photos are looked at in one reading."""


class UploadedTasks:
    """Reads the tasks of uploaded specs and photos: a few by their ids, many from the index.

    Args:
        tasks: the store.
        specs: what was uploaded; those without a task yet count as not read.
        settle_s: how long a photo under a folder default waits for a spec of its own, at most.
        find_newer: what became of a photo that has no task after that time; None if it may still
            get it.
        tell: gets a sentence for each photo that something else became of.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        tasks: "Tasks",
        specs: "Sequence[UploadedSpec]",
        settle_s: float = 0.0,
        find_newer: "Callable[[UploadedSpec], Newer | None]" = lambda _: None,
        *,
        tell: Callable[[str], None] = note,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tasks, self._settle_s, self._find_newer = tasks, settle_s, find_newer
        self._tell, self._clock = tell, clock
        self._specs = {spec.task_id: spec for spec in specs}
        self._found: dict[str, TaskSummary | None] = dict.fromkeys(self._specs)
        self._settles_at: dict[str, float] = {}
        self._look_at: dict[str, float] = {}
        for spec in specs:
            self._let_settle(spec)
        self._told: set[str] = set()
        self.gone: list[UploadedSpec] = []
        """Photos that will have no task: they were deleted, or are left alone now."""

    @property
    def specs(self) -> "Sequence[UploadedSpec]":
        """What is followed now."""
        return tuple(self._specs.values())

    def read(self) -> Reading:
        """The tasks now; ended ones are not read again."""
        wanted = {key for key, each in self._found.items() if each is None or not each.finished}
        if len(wanted) <= MAX_SINGLY:
            self._found |= {task.task_id: summarize(task) for task in self._tasks.get_many(wanted)}
        else:
            # The index is asked for a prefix, of any number of characters.
            prefix = os.path.commonprefix([spec.key for spec in self._specs.values()])  # noqa: RUF071 - as meant here
            below = self._tasks.below(prefix)
            self._found |= {each.task_id: each for each in below if each.task_id in wanted}
        for task_id in self._overdue():
            self._follow_newest(self._specs[task_id])
        known = [each for each in self._found.values() if each is not None]
        lacking = len(self._found) - len(known)
        settling = self._count_settling()
        return Reading(known, lacking - settling, settling)

    def _count_settling(self) -> int:
        now = self._clock()
        return sum(
            self._found[task_id] is None and now < settles_at
            for task_id, settles_at in self._settles_at.items()
        )

    def _overdue(self) -> Sequence[str]:
        """The photos to look at: they should have a task by now."""
        now = self._clock()
        lacking = (task_id for task_id in self._look_at if self._found[task_id] is None)
        due = sorted((self._look_at[task_id], task_id) for task_id in lacking)
        return [task_id for at, task_id in due[:MAX_LOOKS] if at <= now]

    def _follow_newest(self, spec: "UploadedSpec") -> None:
        newer = self._find_newer(spec)
        if newer is None:
            self._look_at[spec.task_id] = self._clock() + LOOK_AFTER_S
            return
        if newer.sentence not in self._told:
            self._told.add(newer.sentence)
            self._tell(newer.sentence)
        del self._specs[spec.task_id], self._found[spec.task_id], self._look_at[spec.task_id]
        del self._settles_at[spec.task_id]
        if not newer.specs:
            self.gone.append(spec)
        for each in self._unknown(newer):
            self._specs[each.task_id] = each
            self._found[each.task_id] = None
            self._let_settle(each)

    def _let_settle(self, spec: "UploadedSpec") -> None:
        if spec.trigger is not None:
            self._settles_at[spec.task_id] = self._clock() + self._settle_s
            self._look_at[spec.task_id] = self._settles_at[spec.task_id] + LOOK_AFTER_S

    def _unknown(self, newer: Newer) -> "Iterator[UploadedSpec]":
        return (each for each in newer.specs if each.task_id not in self._specs)
