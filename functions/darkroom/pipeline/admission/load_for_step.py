"""The first check of every step: is this task, in this run, still this step's to work on?"""

from darkroom.domain.task import State, Task
from darkroom.ports import Next, Ports, Step

_STEP_OF: dict[State, Next] = {
    "queued": "submit",
    "submitting": "submit",
    "running": "poll",
    "delivering": "deliver",
}


def load_for_step(ports: Ports, task_id: str, run: int, *states: State) -> Task | Step:
    """The task when it is in one of `states`, else where the workflow should go instead.

    A step may run again after it did its work but before its answer arrived, so it sends the
    workflow on from whatever state it finds.
    """
    task = ports.tasks.get(task_id)
    if task is None or task.run != run:
        return Step("done")
    # A paid call in doubt is settled first, also when the task was cancelled in the meantime.
    ends = task.ending is not None and not task.in_doubt
    if task.state in states and not ends:
        return task
    if task.finished:
        return Step("done")
    if ends:
        return Step("fail")
    return Step(_STEP_OF.get(task.state, "done"))
