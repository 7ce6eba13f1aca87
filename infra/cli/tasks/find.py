"""Finds tasks by id, key or folder, as users write them: with the folder `photos/` or without."""

import heapq
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from darkroom.domain.object_keys import classify_key

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.domain.task_summary import TaskSummary
    from darkroom.ports import Tasks

LOG: Final = logging.getLogger(__name__)
TASK_ID_LENGTH: Final = 32
PHOTOS: Final = "photos/"
DUE_HORIZON: Final = timedelta(days=30)
"""Later than any deadline, so that every unfinished task is due by then."""
MAX_EXAMINED: Final = 500
"""How many unfinished tasks are read to find those that wait."""


def find_tasks(tasks: "Tasks", name: str, limit: int) -> "Sequence[Task]":
    """The tasks of an id, a spec's or photo's key, or a folder, newest first.

    If there are none, `photos/` is put before the name, or removed from it.
    """
    if is_task_id(name):
        task = tasks.get(name)
        return [task] if task else []
    key = name.removeprefix("/")
    return _find_by_key(tasks, key, limit) or _find_by_key(tasks, _other_spelling(key), limit)


def find_task(tasks: "Tasks", name: str) -> "Task | None":
    """The task of an id, or the newest one of a spec; None if the name is neither's."""
    if is_task_id(name):
        return tasks.get(name)
    for key in candidate_keys(name):
        if key and classify_key(key) == "spec":
            latest = tasks.latest(key)
            if latest is not None:
                return tasks.get(latest)
    return None


def is_task_id(name: str) -> bool:
    """Whether it has a task id's form: 32 hexadecimal digits."""
    return len(name) == TASK_ID_LENGTH and set(name) <= set("0123456789abcdef")


def candidate_keys(name: str) -> Sequence[str]:
    """The keys that a name may stand for, the most likely first.

    The bucket's root is one of them only if it was named: `photos/` must not select everything.
    """
    key = name.removeprefix("/")
    other = _other_spelling(key)
    return [key, other] if key and other else [key]


def covers(key: str, names: Iterable[str | None]) -> bool:
    """Whether a key is one of the names, or a folder that contains one of them at any depth.

    Args:
        key: a key or folder; "" is the bucket's root.
        names: the keys of one task or message; None where it has no such key.
    """
    folder = key if not key or key.endswith("/") else f"{key}/"
    return any(name is not None and (name == key or name.startswith(folder)) for name in names)


def newest_tasks(tasks: "Tasks", limit: int) -> "Sequence[Task]":
    """The newest tasks of the environment."""
    return _newest(tasks, tasks.below(""), limit)


def unfinished_tasks(tasks: "Tasks", now: datetime) -> "Iterator[Task]":
    """Every task that has not ended, of all folders."""
    # A finished task stays in the due index until its final event was sent.
    found = (_get_readable(tasks, task_id) for task_id in tasks.due(now + DUE_HORIZON))
    return (task for task in found if task is not None and not task.finished)


def waiting_tasks(tasks: "Tasks", limit: int, now: datetime) -> "Sequence[Task]":
    """Unfinished tasks of all folders that wait for something or in a line, newest first."""
    examined = itertools.islice(unfinished_tasks(tasks, now), MAX_EXAMINED)
    waiting = (task for task in examined if task.wait_reason or task.place)
    return heapq.nlargest(limit, waiting, key=lambda task: task.created_at)


def _get_readable(tasks: "Tasks", task_id: str) -> "Task | None":
    """The task; None if it cannot be read, because another version of the code wrote it."""
    try:
        return tasks.get(task_id)
    except ValueError as error:
        LOG.warning("skipped a task: %s", error)
        return None


def _other_spelling(key: str) -> str:
    return key.removeprefix(PHOTOS) if key.startswith(PHOTOS) else f"{PHOTOS}{key}"


def _find_by_key(tasks: "Tasks", key: str, limit: int) -> "Sequence[Task]":
    latest = tasks.latest(key) if key and classify_key(key) == "spec" else None
    task = tasks.get(latest) if latest else None
    if task is not None:
        return [task]
    below = (each for each in tasks.below(key) if covers(key, (each.source, each.key)))
    return _newest(tasks, below, limit)


def _newest(tasks: "Tasks", summaries: "Iterable[TaskSummary]", limit: int) -> "Sequence[Task]":
    newest = heapq.nlargest(limit, summaries, key=lambda each: each.created_at)
    return tasks.get_many(each.task_id for each in newest)
