"""Selects the tasks that `retry` and `cancel` act on.

A name of one task selects that task, whatever its state. A name of many (a folder or a photo)
selects those that the command is for, at any depth.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.object_keys import classify_key
from infra.cli.tasks.find import (
    candidate_keys,
    covers,
    find_tasks,
    is_task_id,
    unfinished_tasks,
)

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.ports import Tasks

NO_LIMIT: Final = sys.maxsize
MAX_SEARCHED: Final = 10_000
"""How many of a folder's newest tasks are searched for those of one photo."""


@dataclass(frozen=True)
class Selected:
    """A selected task.

    Attributes:
        key: its spec's key; None if only the id is known.
        explicit: whether the task itself was named, not a folder or photo that matches it.
    """

    task_id: str
    key: str | None
    explicit: bool


def select_to_retry(tasks: "Tasks", names: Sequence[str]) -> list[Selected]:
    """The tasks to retry. Of a folder or photo: the failed and unknown ones.

    A cancelled task is selected only by its own name: a user did not want it.

    Raises:
        click.ClickException: there is no task of that name.
    """
    return _select(tasks, names, lambda: tasks.needing_attention(NO_LIMIT))


def select_to_cancel(tasks: "Tasks", names: Sequence[str], now: datetime) -> list[Selected]:
    """The tasks to cancel. Of a folder or photo: the unfinished ones.

    Raises:
        click.ClickException: there is no task of that name.
    """
    return _select(tasks, names, lambda: unfinished_tasks(tasks, now))


def needing_attention(tasks: "Tasks") -> list[Selected]:
    """Every failed and unknown task of the environment."""
    return [_matched(task) for task in tasks.needing_attention(NO_LIMIT)]


def _select(
    tasks: "Tasks", names: Sequence[str], find_eligible: "Callable[[], Iterable[Task]]"
) -> list[Selected]:
    eligible: Sequence[Task] | None = None
    selected: dict[str, Selected] = {}
    for name in names:
        one = _select_one(tasks, name)
        if one is None and eligible is None:
            eligible = list(find_eligible())
        for task in [one] if one else _select_matching(tasks, name, eligible or ()):
            known = selected.get(task.task_id)
            selected[task.task_id] = known if known and known.explicit else task
    return list(selected.values())


def _select_one(tasks: "Tasks", name: str) -> Selected | None:
    """The task of an id, or the newest task of a spec."""
    if is_task_id(name):
        task = tasks.get(name)
        return Selected(name, task.trigger.key if task else None, explicit=True)
    for key in candidate_keys(name):
        if not key or classify_key(key) != "spec":
            continue
        task_id = tasks.latest(key)
        if task_id is not None:
            return Selected(task_id, key, explicit=True)
    return None


def _select_matching(tasks: "Tasks", name: str, eligible: "Sequence[Task]") -> list[Selected]:
    """The eligible tasks of a folder, of a photo, or of a spec that came in a message."""
    for key in candidate_keys(name):
        matching = [task for task in eligible if covers(key, (task.source, task.trigger.key))]
        if matching:
            return [_matched(task) for task in matching]
    return [] if name.endswith("/") else _newest_of_photo(tasks, name)


def _newest_of_photo(tasks: "Tasks", name: str) -> list[Selected]:
    """The newest task of each spec of a photo, in whatever state; none if the name is a folder."""
    found = find_tasks(tasks, name, MAX_SEARCHED)
    if not found:
        raise click.ClickException(f"no task found for '{name}'")
    keys = frozenset(candidate_keys(name))
    newest = {
        task.trigger.key: task
        for task in reversed(found)
        if not keys.isdisjoint((task.source, task.trigger.key))
    }
    return [Selected(task.task_id, key, explicit=True) for key, task in newest.items()]


def _matched(task: "Task") -> Selected:
    return Selected(task.task_id, task.trigger.key, explicit=False)
