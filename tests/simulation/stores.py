"""Buckets and the task table in memory, for speed: thousands of tasks pass through in a second.

They store values instead of items and pass the same contract tests as the fakes. A `Watcher` sees
every write as it happens.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import BinaryIO, Protocol

from darkroom.domain.errors import Conflict
from darkroom.domain.object_keys import folder_of
from darkroom.domain.task import Task
from tests.fakes.inputs import InMemoryInputs
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


class PlainTasks:
    """Fulfils `darkroom.ports.Tasks`.

    Attributes:
        stored: every task.
        owners: output name -> the newest task that owns it.
        claims: output name -> every task that ever owned it, oldest first.
        due_times: tasks that are not dismissed -> when they are due, if they were postponed.
        unreadable: tasks whose item cannot be read for now.
        read: tasks that were read, if that is recorded.
    """

    def __init__(self, watcher: Watcher | None = None) -> None:
        self.stored: dict[str, Task] = {}
        self.owners: dict[str, str] = {}
        self.claims: dict[str, list[str]] = {}
        self.due_times: dict[str, datetime | None] = {}
        self.unreadable: set[str] = set()
        self.read: set[str] | None = None
        self._latest: dict[str, str] = {}
        self._wants: dict[str, dict[str, None]] = {}
        self._jobs: dict[tuple[str, str], tuple[str, int]] = {}
        self._watcher = watcher or NoWatcher()

    @property
    def wanted(self) -> Sequence[str]:
        """Every key that some task is recorded to wait for."""
        return [key for key, tasks in self._wants.items() if tasks]

    def get(self, task_id: str) -> Task | None:
        """The task, or None."""
        if self.read is not None:
            self.read.add(task_id)
        if task_id in self.unreadable:
            raise Unreadable(f"task {task_id} cannot be read")
        return self.stored.get(task_id)

    def create(self, task: Task, *, previous: str | None, owner: str | None) -> None:
        """Write a new task, its wanted keys, and its claims, all or nothing."""
        key = task.trigger.key
        if (
            task.task_id in self.stored
            or (task.replaces and self._latest.get(key) != previous)
            or self.owners.get(task.output) != owner
        ):
            raise Conflict(f"Task {task.task_id} or its names changed in the meantime.")
        self._watcher.created(task)
        self.stored[task.task_id] = task
        if task.replaces:
            self._latest[key] = task.task_id
        self.owners[task.output] = task.task_id
        self.claims.setdefault(task.output, []).append(task.task_id)
        self.due_times[task.task_id] = None
        for wanted in task.wants:
            self._wants.setdefault(wanted, {})[task.task_id] = None

    def replace(self, old: Task, new: Task) -> Task:
        """Write `new` if `old` is still stored."""
        there = self.stored.get(old.task_id)
        if there is None or there.revision != old.revision:
            raise Conflict(f"Task {old.task_id} changed in the meantime.")
        # As `dataclasses.replace` does, but ten times as fast with this many fields.
        written = object.__new__(Task)
        written.__dict__.update(new.__dict__, revision=old.revision + 1)
        self._watcher.replaced(there, written)
        self.stored[old.task_id] = written
        self.due_times[old.task_id] = None
        return written

    def latest(self, key: str) -> str | None:
        """The newest task of the spec with this key."""
        return self._latest.get(key)

    def owner(self, output: str) -> str | None:
        """The newest task that owns this output name."""
        return self.owners.get(output)

    def claim_job(self, provider: str, job_id: str, task_id: str, attempt: int) -> bool:
        """Whether the provider's job belongs to this attempt."""
        mine = (task_id, attempt)
        return self._jobs.setdefault((provider, job_id), mine) == mine

    def claim_output(self, name: str, task: Task, over: str | None) -> bool:
        """Make the task the owner of one more output name; whether it is."""
        if self.owners.get(name) not in (None, task.task_id, over):
            return False
        self.owners[name] = task.task_id
        return True

    def wanting(self, key: str, prefix: str = "", most: int | None = None) -> Sequence[str]:
        """Tasks that wait for this input key."""
        return sorted(one for one in self._wants.get(key, ()) if one.startswith(prefix))[:most]

    def forget_wants(self, task: Task) -> None:
        """Delete the task's entries."""
        for key in task.wants:
            self._wants.get(key, {}).pop(task.task_id, None)

    def due(self, now: datetime) -> Iterable[str]:
        """Tasks that are due for a sweep."""
        return [task_id for task_id in self.due_times if self.due_at(task_id) <= now]

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

    def in_folder(self, folder: str, limit: int) -> Sequence[Task]:
        """Tasks of one folder, newest first."""
        found = [task for task in self.stored.values() if folder_of(task.trigger.key) == folder]
        return sorted(found, key=lambda task: task.created_at, reverse=True)[:limit]

    def needing_attention(self, limit: int) -> Sequence[Task]:
        """Failed and unknown tasks, newest first."""
        found = [task for task in self.stored.values() if task.state in ("failed", "unknown")]
        return sorted(found, key=lambda task: task.updated_at, reverse=True)[:limit]


class PlainInputs(InMemoryInputs):
    """The input bucket, with an operation that users seldom need."""

    def undelete(self, key: str) -> None:
        """Remove the delete marker, if there is one."""
        self._deleted.discard(key)


class PlainOutputs:
    """Fulfils `darkroom.ports.Outputs`; keeps only the newest version of an object."""

    def __init__(self, watcher: Watcher | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self._watcher = watcher or NoWatcher()

    def put(self, key: str, body: BinaryIO | bytes, content_type: str) -> None:
        """Write an object; the same key again makes a new version."""
        del content_type
        data = body if isinstance(body, bytes) else body.read()
        self._watcher.put(key, data)
        self.objects[key] = data

    def put_over(
        self, key: str, body: BinaryIO | bytes, content_type: str, etag: str | None
    ) -> None:
        """Write an object if the stored one has this ETag, or if none is stored and it is None."""
        if self.find(key) != etag:
            raise Conflict(f"Something else was written to {key}.")
        self.put(key, body, content_type)

    def find(self, key: str) -> str | None:
        """The ETag of the stored object, or None."""
        body = self.objects.get(key)
        return None if body is None else sha256(body)

    def get(self, key: str) -> bytes | None:
        """A small object, or None."""
        return self.objects.get(key)


def sha256(body: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(body).hexdigest()
