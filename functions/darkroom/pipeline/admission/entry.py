"""The first question of every door: is this task still for me?"""

from darkroom.domain.task import State, Task
from darkroom.ports import Next, Ports, Step

_DOOR_OF: dict[State, Next] = {
    "queued": "submit",
    "submitting": "submit",
    "running": "poll",
    "delivering": "deliver",
}


def find_mine(ports: Ports, task_id: str, run: int, *mine: State) -> Task | Step:
    """The task when it is in one of the states `mine`, else where the workflow should go instead.

    A door may be entered again after it did its work but before its answer arrived, so it sends
    on from whatever state it finds.
    """
    task = ports.tasks.get(task_id)
    if task is None or task.run != run:
        return Step("done")
    # What became of a paid call is found out first, whoever has cancelled the task meanwhile.
    ends = task.ending is not None and not task.in_doubt
    if task.state in mine and not ends:
        return task
    if task.finished:
        return Step("done")
    if ends:
        return Step("fail")
    return Step(_DOOR_OF.get(task.state, "done"))
