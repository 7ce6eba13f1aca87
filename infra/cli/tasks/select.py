"""Which tasks a person means who wants something done to them: `retry` and `cancel`.

A name that stands for one task means that task, whatever it is like; one that stands for many
means those of them that the command is for, and all of these, to any depth.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from darkroom.domain.object_keys import classify_key
from infra.cli.tasks.find import covers, is_task_id, look, spellings, unfinished

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.ports import Tasks

EVERY: Final = sys.maxsize
"""No limit."""
MANY: Final = 10_000
"""So many of a folder's newest tasks are looked at for those of one photo."""


@dataclass(frozen=True)
class Selected:
    """A task that is meant, and how.

    Attributes:
        key: its spec's; None where only the id is known.
        by_itself: it was named; else it was found among others.
    """

    task_id: str
    key: str | None
    by_itself: bool


def to_retry(tasks: "Tasks", names: Sequence[str]) -> list[Selected]:
    """The tasks to try again: failed and unknown ones, where a name stands for many.

    What was cancelled is only meant by its own name: somebody did not want it.

    Raises:
        click.ClickException: there is no task of that name.
    """
    return _all_meant(tasks, names, lambda: tasks.needing_attention(EVERY))


def to_cancel(tasks: "Tasks", names: Sequence[str], now: datetime) -> list[Selected]:
    """The tasks to cancel: unfinished ones, where a name stands for many.

    Raises:
        click.ClickException: there is no task of that name.
    """
    return _all_meant(tasks, names, lambda: unfinished(tasks, now))


def in_need(tasks: "Tasks") -> list[Selected]:
    """Every failed and unknown task of the environment."""
    return [_found(task) for task in tasks.needing_attention(EVERY)]


def _all_meant(
    tasks: "Tasks", names: Sequence[str], find: "Callable[[], Iterable[Task]]"
) -> list[Selected]:
    found: Sequence[Task] | None = None
    meant: dict[str, Selected] = {}
    for name in names:
        single = _single(tasks, name)
        if single is None and found is None:
            found = list(find())
        several = [single] if single else _several(tasks, name, found or ())
        for one in several:
            known = meant.get(one.task_id)
            meant[one.task_id] = known if known and known.by_itself else one
    return list(meant.values())


def _single(tasks: "Tasks", name: str) -> Selected | None:
    """The task of an id, or the newest of a spec."""
    if is_task_id(name):
        task = tasks.get(name)
        return Selected(name, task.trigger.key if task else None, by_itself=True)
    for key in spellings(name):
        if not key or classify_key(key) != "spec":
            continue
        task_id = tasks.latest(key)
        if task_id is not None:
            return Selected(task_id, key, by_itself=True)
    return None


def _several(tasks: "Tasks", name: str, found: "Sequence[Task]") -> list[Selected]:
    """Those of a folder, of a photo, or of a spec that came in a message."""
    for key in spellings(name):
        of_name = [task for task in found if covers(key, (task.source, task.trigger.key))]
        if of_name:
            return [_found(task) for task in of_name]
    return [] if name.endswith("/") else _whatever(tasks, name)


def _whatever(tasks: "Tasks", name: str) -> list[Selected]:
    """The newest task of each spec of a photo, whatever they are like; none of a folder."""
    there = look(tasks, name, MANY)
    if not there:
        raise click.ClickException(f"there is no task for '{name}'")
    keys = frozenset(spellings(name))
    named = {
        task.trigger.key: task
        for task in reversed(there)
        if not keys.isdisjoint((task.source, task.trigger.key))
    }
    return [Selected(task.task_id, key, by_itself=True) for key, task in named.items()]


def _found(task: "Task") -> Selected:
    return Selected(task.task_id, task.trigger.key, by_itself=False)
