"""Invariants of tasks that are held until a person approves them.

Too many new tasks below one folder are held, and no others. A held task goes on when a person
approves it, and not before; nothing is paid until then. It ends when it is cancelled, when its spec
or photo is gone, or when its time is over. Somebody is informed that the guard holds tasks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from darkroom.domain.holds import Hold
from darkroom.domain.money_rules import GUARD_WINDOW
from darkroom.domain.task import Task
from darkroom.pipeline.orders.holding import top_folder
from tests.fakes.clock import START
from tests.fakes.new_tasks import InMemoryNewTasks
from tests.simulation.fault_injection import FaultInjector
from tests.simulation.intake_queue import MAX_RECEIVES
from tests.simulation.payment_monitor import SKEW_S
from tests.simulation.stores import PlainInputs

SURELY_S: Final = GUARD_WINDOW.total_seconds() / 2 - SKEW_S
"""What came within this is counted; what came earlier than `PERHAPS_S` is not."""
PERHAPS_S: Final = GUARD_WINDOW.total_seconds() + SKEW_S
LEASE: Final = "held#"
MAX_REPEATS: Final = MAX_RECEIVES
"""How often the same event is published at most: again when the task's message comes again."""
_NOT_WANTED: Final = frozenset(
    {"superseded", "spec-deleted", "photo-deleted", "other-labels", "left-alone", "cancelled"}
)


class HoldMonitor(InMemoryNewTasks):
    """Counts new tasks for the pipeline, and once more for itself.

    Attributes:
        unapproved: tasks that were held for a person, who has not approved them yet.
    """

    def __init__(
        self, injector: FaultInjector, inputs: PlainInputs, most: int, report: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.unapproved: set[str] = set()
        self._injector, self._inputs, self._most, self._report = injector, inputs, most, report
        self._counted_at: defaultdict[str, list[float]] = defaultdict(list)
        self._last: dict[int, tuple[bool, bool]] = {}
        self._guarded: set[str] = set()
        self._told: set[str] = set()
        self._held: set[str] = set()
        self._tellers: defaultdict[str, set[str]] = defaultdict(set)
        self._published: Counter[str] = Counter()

    def count(self, folder: str, now: Any) -> int:
        """Count one more."""
        at = self._injector.scheduler.now
        times = self._counted_at[folder]
        times.append(at)
        sure = sum(one > at - SURELY_S for one in reversed(times))
        perhaps = sum(one >= at - PERHAPS_S for one in times)
        self._last[id(self._injector.current)] = sure > self._most, perhaps > self._most
        return super().count(folder, now)

    def created(self, task: Task) -> None:
        """A task was created."""
        must, may = self._last.pop(id(self._injector.current), (None, True))
        if task.ending is not None or task.order is None:
            return
        if must is None:
            self._report(f"{task.task_id} is new and was not counted")
        hold = task.hold
        if hold is not None and hold.kind == "guard":
            self._guarded.add(hold.what)
            self._held.add(task.task_id)
            if not may:
                self._report(f"{task.task_id} is held, and not too many came")
        if must and hold is None and "approved" not in self._any_wishes(task):
            self._report(f"{task.task_id} is one too many below its folder, and is not held")
        self._check_complete(task, hold)

    def replaced(self, old: Task, new: Task) -> None:
        """A task was replaced."""
        if old.hold is None and new.hold is None and old.state != "waiting":
            return
        if old.finished:
            self.unapproved.discard(new.task_id)  # retried by a person
        elif old.state == "held":
            self._left(old, new)
        elif old.state == "waiting" and new.state in ("queued", "held") and new.ending is None:
            self._check_complete(new, old.hold)
        elif old.hold is not None and new.hold is None and self._verb != "approve":
            self._report(f"{new.task_id} is not to be held any more, and nobody approved it")

    def will_tell(self, name: str, task_id: str) -> None:
        """A task has leased the right to publish the event."""
        if name.startswith(LEASE):
            self._tellers[name.removeprefix(LEASE).rpartition("#")[0]].add(task_id)

    def find_unapproved(self, task_id: str) -> str | None:
        """What is wrong with a paid call of this task, or None."""
        return f"{task_id} is paid for without approval" if task_id in self.unapproved else None

    def published(self, detail: Mapping[str, Any]) -> None:
        """An event says that tasks of a folder are held."""
        folder, event_id = detail["folder"], detail["event_id"]
        self._told.add(folder)
        self._published[event_id] += 1
        if self._published[event_id] > MAX_REPEATS:
            self._report(f"{event_id} was published {self._published[event_id]} times")
        if len(self._counted_at[folder]) <= self._most:
            self._report(f"{event_id} was published, and not too many tasks came")

    def find_violations(self, tasks: Sequence[Task], *, heard: bool) -> Iterator[str]:
        """What is wrong in the end; `heard`: whether no message was given up."""
        for folder in sorted(self._guarded - self._told) if heard else ():
            # The others rely on the one that tells. It may be kept from it, and when its message
            # comes again, its spec may be refused or out of date: then it is not held.
            if self._tellers[folder] - self._held:
                continue
            yield f"tasks below '{folder}' are held, and nobody was informed"
        for task in tasks:
            if task.task_id in self.unapproved and task.state == "succeeded":
                yield f"{task.task_id} succeeded without approval"

    @property
    def _verb(self) -> str:
        return self._injector.current.verb if self._injector.current else ""

    def _check_complete(self, task: Task, hold: Hold | None) -> None:
        """A task that has all its files is held if its hold or its uploader wants that."""
        wishes = self._wishes(task)
        wanted = "hold" in wishes or (hold is not None and "approved" not in wishes)
        if task.state == "queued" and wanted:
            self._report(f"{task.task_id} is queued, and is to be held")
        if task.state == "held":
            if not wanted:
                self._report(f"{task.task_id} is held, and nobody wants that")
            if task.hold is None or task.hold.what != top_folder(task.trigger.key):
                self._report(f"{task.task_id} is held for {task.hold}")
            self.unapproved.add(task.task_id)

    def _left(self, old: Task, new: Task) -> None:
        """A held task goes on as its hold says, or is to end."""
        by_budget = old.hold is not None and old.hold.kind == "budget"
        if new.state == "queued":
            if self._verb != ("sweep" if by_budget else "approve"):
                self._report(f"{new.task_id} was held, and goes on by {self._verb}")
            self.unapproved.discard(new.task_id)
        if new.ending is None or old.ending is not None:
            return
        code = new.ending.failure.code
        now = START + timedelta(seconds=self._injector.scheduler.now)
        in_time = code == "held-too-long" and now < old.deadline - timedelta(seconds=SKEW_S)
        if in_time or code not in {*_NOT_WANTED, "held-too-long"}:
            self._report(f"{new.task_id} was held, and ends as {code}")

    def _wishes(self, task: Task) -> set[str]:
        """What the metadata of its files says, in the versions that it takes."""
        files = task.resolved_order.inputs.values()
        return {self._inputs.wishes(one.key).get(one.version_id, "") for f in files for one in f}

    def _any_wishes(self, task: Task) -> set[str]:
        """The same of all versions of its files."""
        keys = (key for keys in task.resolved_order.keys.values() for key in keys)
        return {wish for key in keys for wish in self._inputs.wishes(key).values()}
