"""Which tasks a name stands for, as people write it: with the folder `photos/` or without."""

import heapq
import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from darkroom.domain.object_keys import classify_key

if TYPE_CHECKING:
    from darkroom.domain.task import Task
    from darkroom.ports import Tasks

LOG: Final = logging.getLogger(__name__)
TASK_ID_LENGTH: Final = 32
PHOTOS: Final = "photos/"
USUAL: Final = ("", PHOTOS)
"""Where a watched folder and where `put` place files, unless told otherwise."""
AHEAD: Final = timedelta(days=30)
"""Later than any deadline: all tasks that are still to be looked at."""
MAX_LOOKED_AT: Final = 500
"""So many unfinished tasks are looked at for those that wait."""


def look(tasks: "Tasks", what: str, limit: int) -> "Sequence[Task]":
    """The tasks that an id, a spec's or photo's key or a folder means, newest first.

    A name is also looked for below `photos/`, and one that begins with it also without.
    """
    if is_task_id(what):
        task = tasks.get(what)
        return [task] if task else []
    what = what.removeprefix("/")
    return _named(tasks, what, limit) or _named(tasks, _otherwise(what), limit)


def is_task_id(what: str) -> bool:
    """Whether it has a task id's form."""
    return len(what) == TASK_ID_LENGTH and set(what) <= set("0123456789abcdef")


def spellings(what: str) -> Sequence[str]:
    """The keys that a name may stand for, the likeliest first.

    Never the bucket's root, unless it was named: whoever means `photos/` does not mean all.
    """
    what = what.removeprefix("/")
    other = _otherwise(what)
    return [what, other] if what and other else [what]


def covers(key: str, names: Iterable[str | None]) -> bool:
    """Whether a key is one of these names, or a folder that one of them is in or below.

    Args:
        key: one spelling of what a person wrote; "" is the bucket's root.
        names: what one thing is called; None where it has no such name.
    """
    below = key if not key or key.endswith("/") else f"{key}/"
    return any(name is not None and (name == key or name.startswith(below)) for name in names)


def newest(tasks: "Tasks", limit: int) -> "Sequence[Task]":
    """The newest tasks of the usual folders."""
    found = [task for folder in USUAL for task in tasks.in_folder(folder, limit)]
    return heapq.nlargest(limit, found, key=lambda task: task.created_at)


def unfinished(tasks: "Tasks", now: datetime) -> "Iterator[Task]":
    """Every task that has not ended, of all folders."""
    # One that has ended is listed, too, until somebody has made sure that its end was told.
    found = (_readable(tasks, task_id) for task_id in tasks.due(now + AHEAD))
    return (task for task in found if task is not None and not task.finished)


def standing_still(tasks: "Tasks", limit: int, now: datetime) -> "Sequence[Task]":
    """Unfinished tasks that wait for something, newest first; those of all folders."""
    looked_at = itertools.islice(unfinished(tasks, now), MAX_LOOKED_AT)
    waiting = (task for task in looked_at if task.wait_reason)
    return heapq.nlargest(limit, waiting, key=lambda task: task.created_at)


def _readable(tasks: "Tasks", task_id: str) -> "Task | None":
    """The task; none where another version of the code wrote it: it must not hide the others."""
    try:
        return tasks.get(task_id)
    except ValueError as error:
        LOG.warning("left out: %s", error)
        return None


def _otherwise(what: str) -> str:
    return what.removeprefix(PHOTOS) if what.startswith(PHOTOS) else f"{PHOTOS}{what}"


def _named(tasks: "Tasks", what: str, limit: int) -> "Sequence[Task]":
    latest = tasks.latest(what) if what and classify_key(what) == "spec" else None
    task = tasks.get(latest) if latest else None
    if task is not None:
        return [task]
    if not what or what.endswith("/"):
        return tasks.in_folder(what, limit)
    folder = what.rpartition("/")[0]
    beside = tasks.in_folder(f"{folder}/" if folder else "", limit)
    # A spec that came in a message has a key, but no file of that name: no newest task is noted.
    of_name = [task for task in beside if what in (task.source, task.trigger.key)]
    return of_name or tasks.in_folder(f"{what}/", limit)
