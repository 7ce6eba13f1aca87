"""The fakes of buckets and the task table, watched: a `Watcher` sees every write as it happens.

For speed the table stores values instead of items; it passes the same contract tests.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import BinaryIO, Protocol

from darkroom.domain.errors import Conflict
from darkroom.domain.output_names import numbered
from darkroom.domain.task import Task
from darkroom.domain.task_summary import TaskSummary, summarize
from tests.fakes.inputs import InMemoryInputs
from tests.fakes.outputs import InMemoryOutputs
from tests.fakes.tasks import InMemoryTasks
from tests.simulation.fault_injection import Unreadable


class Watcher(Protocol):
    """Sees every write before it is stored."""

    def created(self, task: Task) -> None:
        """A task was created."""

    def replaced(self, old: Task, new: Task) -> None:
        """A task was replaced."""

    def put(self, key: str, body: bytes) -> None:
        """An object was written to the output bucket."""


class NoWatcher:
    """A watcher that does nothing."""

    def created(self, task: Task) -> None:
        """A task was created."""

    def replaced(self, old: Task, new: Task) -> None:
        """A task was replaced."""

    def put(self, key: str, body: bytes) -> None:
        """An object was written to the output bucket."""


class PlainTasks(InMemoryTasks):
    """Fulfils `darkroom.ports.Tasks`.

    Attributes:
        stored: every task.
        claims: output name -> every task that ever owned it, oldest first.
        due_times: tasks that are not dismissed -> when they are due, if they were postponed.
        unreadable: tasks whose item cannot be read for now.
        read: tasks that were read, if that is recorded.
        freed: how often something of a budget was free again.
    """

    def __init__(self, watcher: Watcher | None = None) -> None:
        super().__init__()
        self.stored: dict[str, Task] = {}
        self.claims: dict[str, list[str]] = {}
        self.due_times: dict[str, datetime | None] = {}
        self.unreadable: set[str] = set()
        self.read: set[str] | None = None
        self.freed = 0
        self._watcher = watcher or NoWatcher()

    @property
    def all(self) -> Sequence[Task]:
        """Every task, in the order in which they were created."""
        return list(self.stored.values())

    def get(self, task_id: str) -> Task | None:
        """The task, or None."""
        if self.read is not None:
            self.read.add(task_id)
        if task_id in self.unreadable:
            raise Unreadable(f"task {task_id} cannot be read")
        return self.stored.get(task_id)

    def create(
        self,
        task: Task,
        *,
        previous: str | None,
        owner: str | None,
        results_owner: str | None = None,
    ) -> None:
        """Write a new task, its wanted keys, and its claims, all or nothing."""
        there = self.stored.get(task.task_id)
        self._check_new(task, there, previous, (owner, results_owner))
        self._watcher.created(task)
        self.stored[task.task_id] = task
        self._claim(task)
        self._move_in_line(None, task)
        self.claims.setdefault(task.output, []).append(task.task_id)
        if task.results_name:
            self.claims.setdefault(numbered(task.results_name, 1), []).append(task.task_id)
        self.due_times[task.task_id] = None

    def replace(self, old: Task, new: Task) -> Task:
        """Write `new` if `old` is still stored."""
        there = self.stored.get(old.task_id)
        if there is None or there.revision != old.revision:
            raise Conflict(f"Task {old.task_id} changed in the meantime.")
        # As `dataclasses.replace` does, but ten times as fast with this many fields.
        written = object.__new__(Task)
        written.__dict__.update(new.__dict__, revision=old.revision + 1)
        if old.attempts is not new.attempts:
            self._change_accounts(there, written)
        self._watcher.replaced(there, written)
        self.stored[old.task_id] = written
        self._move_in_line(there, written)
        self._want(written, there.wants)
        self.due_times[old.task_id] = None
        return written

    def _change_accounts(self, old: Task, new: Task) -> None:
        """Change the accounts, and note that a budget may have room again."""
        before = self.accounts.copy()
        super()._change_accounts(old, new)
        self.freed += any(self.accounts[name] < held for name, held in before.items())

    def claim_output(self, name: str, task: Task, over: str | None) -> bool:
        """Make the task the owner of one more output name."""
        claimed = super().claim_output(name, task, over)
        owners = self.claims.setdefault(name, [])
        if claimed and owners[-1:] != [task.task_id]:
            owners.append(task.task_id)
        return claimed

    def due(self, now: datetime) -> Iterable[str]:
        """Tasks that are due for a sweep."""
        return [task_id for task_id in self.due_times if self.due_at(task_id) <= now]

    def get_many(self, task_ids: Iterable[str]) -> Sequence[Task]:
        """The tasks with these ids, in this order."""
        return [self.stored[one] for one in dict.fromkeys(task_ids) if one in self.stored]

    def below(self, prefix: str) -> Iterable[TaskSummary]:
        """Every task whose key begins with the prefix."""
        found = [task for task in self.all if task.trigger.key.startswith(prefix)]
        return [summarize(task) for task in found]

    def in_batch(self, name: str) -> Iterable[TaskSummary]:
        """Every task of messages that name this batch."""
        return [summarize(task) for task in self.all if task.batch == name]

    def due_at(self, task_id: str) -> datetime:
        """When a task that is not dismissed is due."""
        return self.due_times[task_id] or self.stored[task_id].due

    def postpone(self, task: Task, until: datetime) -> None:
        """Make the task due later."""
        if self.stored[task.task_id].revision == task.revision:
            self.due_times[task.task_id] = until

    def put_off(self, task_id: str, until: datetime) -> None:
        """Make the task due later, if it is due earlier."""
        if self.read is not None:
            self.read.add(task_id)  # a task that cannot be read is put off
        if task_id in self.due_times and self.due_at(task_id) < until:
            self.due_times[task_id] = until

    def dismiss(self, task: Task) -> None:
        """Never make the finished task due again."""
        if self.stored[task.task_id].revision == task.revision:
            self.due_times.pop(task.task_id, None)


class PlainInputs(InMemoryInputs):
    """The input bucket, with an operation that users seldom need."""

    def undelete(self, key: str) -> None:
        """Remove the delete marker, if there is one."""
        self._deleted.discard(key)

    def wishes(self, key: str) -> Mapping[str, str]:
        """Version id -> what the metadata of that version says about holding."""
        return {one.version_id: one.wish for one in self._versions.get(key, ())}


class PlainOutputs(InMemoryOutputs):
    """Fulfils `darkroom.ports.Outputs`; keeps only the newest version of an object.

    Attributes:
        objects: key -> the newest version.
    """

    def __init__(self, watcher: Watcher | None = None) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}
        self._watcher = watcher or NoWatcher()

    def put(self, key: str, body: BinaryIO | bytes, content_type: str) -> None:
        """Write an object in place of the one with this key."""
        data = body if isinstance(body, bytes) else body.read()
        self._watcher.put(key, data)
        self._versions.pop(key, None)
        super().put(key, data, content_type)
        self.objects[key] = data


def sha256(body: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(body).hexdigest()
