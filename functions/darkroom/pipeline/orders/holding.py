"""Is a task with all its files to be held until a person approves it?

its file was uploaded to be held             held, as its uploader wants
its file was uploaded by somebody who knows  not held, however many there are
too many new tasks below its folder          held: it may be an accident
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from darkroom.domain.holds import Hold
from darkroom.domain.money_rules import GUARD_WINDOW
from darkroom.domain.task import Task
from darkroom.ports import Found, Ports

TASKS_HELD: Final = "Tasks Held"
"""The event that says that tasks of a folder are held from now on."""
MANY: Final = 1000
"""The event is repeated after so many more tasks."""
TELLING: Final = timedelta(minutes=1)
"""How long publishing it takes at most; as long as INTAKE may run."""


def hold_new(ports: Ports, task: Task, found: Mapping[str, Found | None]) -> Hold | None:
    """Why a new task is held, or will be when it has its files; each new task is counted."""
    folder = top_folder(task.trigger.key)
    count = ports.new_tasks.count(folder, ports.clock.now())
    wishes = _wishes(found)
    if "hold" in wishes:
        return Hold("approval", folder)
    most = ports.money.guard_tasks
    if count <= most or "approved" in wishes:
        return None
    _tell_once(ports, task, folder, count)
    return Hold("guard", folder)


def hold_released(task: Task, found: Mapping[str, Found | None]) -> Hold | None:
    """The same for a waiting task that has all its files now."""
    wishes = _wishes(found)
    if "hold" in wishes:
        return Hold("approval", top_folder(task.trigger.key))
    return None if "approved" in wishes else task.hold


def why_held(hold: Hold) -> str:
    """Why a task is held, for users."""
    if hold.kind == "guard":
        where = hold.what or "the root of the bucket"
        return f"is held: very many new tasks came below {where} at once; {_what_to_do(hold.what)}"
    return f"is held, as its uploader wants; {_what_to_do(hold.what)}"


def _what_to_do(folder: str) -> str:
    name = folder or "/"
    return f"'darkroom approve {name}' lets them go on, 'darkroom cancel {name}' drops them"


def top_folder(key: str) -> str:
    """The folder of the first level that a key is in, with its slash; "" in the root."""
    first, slash, _ = key.partition("/")
    return first + slash if slash else ""


def _wishes(found: Mapping[str, Found | None]) -> set[str]:
    return {file.wish for file in found.values() if file is not None}


def _tell_once(ports: Ports, task: Task, folder: str, count: int) -> None:
    """Publish the event, unless another task does; again if this task's message comes again.

    Until it is published it is this task's for a moment only: its process may die, and the task may
    be refused when its message comes again. Then another one tells.
    """
    name = f"held#{folder}#{(count - ports.money.guard_tasks - 1) // MANY}"

    def lease(duration: timedelta) -> bool:
        now = ports.clock.now()
        until = now + duration
        return ports.limiter.lease(name, task.task_id, until.timestamp(), 1, now.timestamp())

    if not lease(TELLING):
        return
    try:
        _tell(ports, task, folder, count)
    except Exception:
        ports.limiter.release(name, task.task_id)
        raise
    lease(GUARD_WINDOW)


def _tell(ports: Ports, task: Task, folder: str, count: int) -> None:
    detail = {
        "event_id": f"tasks-held-{task.task_id}",
        "folder": folder,
        "tasks": count,
        "limit": ports.money.guard_tasks,
        "next_step": f"{_what_to_do(folder)}.",
    }
    ports.events.publish(TASKS_HELD, detail)
