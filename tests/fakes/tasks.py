"""The task store, in memory; every write is as conditional as the real one's.

Tasks are kept as the items that the real store writes, so what a round trip would change or
refuse shows here too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from darkroom.aws.dynamodb_indexes import read_entry
from darkroom.aws.dynamodb_items import (
    read_item,
    read_waiter,
    time_text,
    write_item,
    write_waiter,
)
from darkroom.domain.budget_moves import moves
from darkroom.domain.errors import Conflict, OverBudget
from darkroom.domain.output_names import numbered
from darkroom.domain.task import Task
from darkroom.domain.task_summary import TaskSummary
from darkroom.domain.turns import Waiter


class InMemoryTasks:
    """Fulfils `darkroom.ports.Tasks`.

    `all`, `wanted`, `owners`, `lines` and `accounts` are for tests.
    """

    def __init__(self) -> None:
        self._items: dict[str, dict[str, Any]] = {}
        self._wants: dict[str, dict[str, None]] = {}
        self._latest: dict[str, str] = {}
        self._requests: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        self._done: dict[str, str] = {}
        self._jobs: dict[tuple[str, str], tuple[str, int]] = {}
        self.accounts: Counter[str] = Counter()
        self.lines: defaultdict[str, dict[str, Waiter]] = defaultdict(dict)

    @property
    def all(self) -> Sequence[Task]:
        """Every task, in the order in which they were made."""
        return [read_item(item) for item in self._items.values()]

    @property
    def wanted(self) -> Sequence[str]:
        """Every key that some task is noted to wait for."""
        return [key for key, tasks in self._wants.items() if tasks]

    def get(self, task_id: str) -> Task | None:
        """The task, or None."""
        item = self._items.get(task_id)
        return read_item(item) if item else None

    def create(
        self,
        task: Task,
        *,
        previous: str | None,
        owner: str | None,
        results_owner: str | None = None,
    ) -> None:
        """Write a new task, its wanted keys, and its claims, all or nothing."""
        self._check_new(task, self.get(task.task_id), previous, (owner, results_owner))
        self._items[task.task_id] = write_item(task)
        self._claim(task)
        self._move_in_line(None, task)

    def replace(self, old: Task, new: Task) -> Task:
        """Write `new` where `old` is still what is stored."""
        stored = self._items.get(old.task_id)
        if stored is None or stored["revision"] != old.revision:
            raise Conflict(f"Task {old.task_id} changed.")
        written = replace(new, revision=old.revision + 1)
        self._change_accounts(old, written)
        self._items[old.task_id] = write_item(written)
        self._move_in_line(old, written)
        self._want(written, old.wants)
        return written

    def latest(self, key: str) -> str | None:
        """The newest task of the spec with this key."""
        return self._latest.get(key)

    def of_request(self, request_id: str) -> str | None:
        """The task that a message with this id has made."""
        return self._requests.get(request_id)

    def owner(self, output: str) -> str | None:
        """The newest task that owns this output name."""
        return self.owners.get(output)

    def note_done(self, work: str, task_id: str) -> None:
        """The task has done this work."""
        self._done[work] = task_id

    def done_by(self, work: str) -> str | None:
        """The last task that has done this work."""
        return self._done.get(work)

    def claim_job(self, provider: str, job_id: str, task_id: str, attempt: int) -> bool:
        """Whether the provider's job belongs to this attempt."""
        mine = (task_id, attempt)
        return self._jobs.setdefault((provider, job_id), mine) == mine

    def claim_output(self, name: str, task: Task, over: str | None) -> bool:
        """Make the task the owner of one more output name."""
        if self.owners.get(name) not in (None, task.task_id, over):
            return False
        self.owners[name] = task.task_id
        return True

    def wanting(self, key: str, prefix: str = "", most: int | None = None) -> Sequence[str]:
        """Tasks that wait for this input key."""
        return sorted(one for one in self._wants.get(key, ()) if one.startswith(prefix))[:most]

    def forget_wants(self, task: Task) -> None:
        """Drop the task's entries."""
        for key in task.wants:
            self._wants.get(key, {}).pop(task.task_id, None)

    def due(self, now: datetime) -> Iterable[str]:
        """Tasks that are to be looked at."""
        until = time_text(now)
        return [
            str(item["pk"]).removeprefix("task#")
            for item in self._items.values()
            if "due_at" in item and item["due_at"] <= until
        ]

    def postpone(self, task: Task, until: datetime) -> None:
        """The task need not be looked at before."""
        stored = self._items[task.task_id]
        if stored["revision"] == task.revision:
            self._items[task.task_id] = stored | {"due_at": time_text(until)}

    def put_off(self, task_id: str, until: datetime) -> None:
        """The task is not due before."""
        stored = self._items.get(task_id, {})
        if stored.get("due_at", "~") < time_text(until):
            self._items[task_id] = stored | {"due_at": time_text(until)}

    def dismiss(self, task: Task) -> None:
        """The task need not be looked at any more."""
        stored = self._items[task.task_id]
        if stored["revision"] == task.revision:
            self._items[task.task_id] = {
                name: value for name, value in stored.items() if name not in ("due", "due_at")
            }

    def get_many(self, task_ids: Iterable[str]) -> Sequence[Task]:
        """The tasks with these ids, in this order."""
        items = (self._items.get(task_id) for task_id in dict.fromkeys(task_ids))
        return [read_item(item) for item in items if item]

    def below(self, prefix: str) -> Iterable[TaskSummary]:
        """Every task whose key begins with the prefix."""
        found = (read_entry(item) for item in list(self._items.values()))
        return [summary for summary in found if summary.key.startswith(prefix)]

    def in_batch(self, name: str) -> Iterable[TaskSummary]:
        """Every task of messages that name this batch."""
        return [read_entry(item) for item in list(self._items.values()) if _names(item, name)]

    def needing_attention(self, limit: int) -> Sequence[Task]:
        """Failed and unknown tasks, newest first."""
        found = [task for task in self.all if task.state in ("failed", "unknown")]
        return sorted(found, key=lambda task: task.updated_at, reverse=True)[:limit]

    def _check_new(
        self,
        task: Task,
        there: Task | None,
        previous: str | None,
        owners: tuple[str | None, str | None],
    ) -> None:
        """Raise `Conflict` if the task exists or its names belong to another one than expected."""
        if (
            there is not None
            or task.trigger.request_id in self._requests
            or (task.replaces and self._latest.get(task.trigger.key) != previous)
            or self.owners.get(task.output) != owners[0]
            or (task.results_name and self.owners.get(numbered(task.results_name, 1)) != owners[1])
        ):
            raise Conflict(f"Task {task.task_id} or its names changed concurrently.")

    def _change_accounts(self, old: Task, new: Task) -> None:
        """Change the accounts of budgets with the attempts, or none of them."""
        changes = moves(old.attempts, new.attempts)
        for move in changes:
            if move.limit is not None and self.accounts[move.account] + move.amount > move.limit:
                raise OverBudget(move.account, move.limit)
        for move in changes:
            self.accounts[move.account] += move.amount

    def _move_in_line(self, old: Task | None, new: Task) -> None:
        """Record a changed place, or a changed run in the same one."""
        if old is not None and (old.place, old.run) == (new.place, new.run):
            return
        if old is not None and old.place is not None:
            self.lines[old.place.provider].pop(old.task_id, None)
        if (item := write_waiter(new)) is not None:
            waiter = read_waiter(item)
            self.lines[waiter.place.provider][new.task_id] = waiter

    def _claim(self, task: Task) -> None:
        """Record a new task's names and wanted keys."""
        if task.replaces:
            self._latest[task.trigger.key] = task.task_id
        self.owners[task.output] = task.task_id
        if task.trigger.request_id is not None:
            self._requests[task.trigger.request_id] = task.task_id
        if task.results_name:
            self.owners[numbered(task.results_name, 1)] = task.task_id
        self._want(task)

    def _want(self, task: Task, before: Sequence[str] = ()) -> None:
        """Record the keys that the task waits for, and did not before."""
        for wanted in task.wants:
            if wanted not in before:
                self._wants.setdefault(wanted, {})[task.task_id] = None


def _names(item: dict[str, Any], batch: str) -> bool:
    """Whether the index of batches has the item in one of the batch's partitions."""
    return str(item.get("batch", "")).rpartition("#")[0] == f"batch#{batch}"
