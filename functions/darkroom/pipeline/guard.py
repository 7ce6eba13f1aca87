"""The first question of every door: is this task still for me?"""

from darkroom.ports import Next, Step
from darkroom.task import State, Task

_DOOR_OF: dict[State, Next] = {
    "queued": "submit",
    "submitting": "submit",
    "running": "poll",
    "delivering": "deliver",
}


def elsewhere(task: Task | None, run: int, *mine: State) -> Step | None:
    """Where the workflow should go instead, or None when the task is in one of the states `mine`.

    A door may be entered again after it did its work but before its answer arrived, so it sends
    on from whatever state it finds.
    """
    if task is None or task.run != run or task.finished:
        return Step("done")
    if task.ending is not None:
        return Step("fail")
    if task.state in mine:
        return None
    return Step(_DOOR_OF.get(task.state, "done"))
