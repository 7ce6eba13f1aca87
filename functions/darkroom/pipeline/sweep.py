"""SWEEP: look after what stands still. So far: waiting tasks past their deadline.

It may die anywhere: what it did not reach is still due the next time.
"""

from darkroom.errors import Conflict, Failure
from darkroom.pipeline.fail import end
from darkroom.pipeline.patience import each
from darkroom.pipeline.release import release
from darkroom.pipeline.resolve import look
from darkroom.ports import Ports
from darkroom.task import Ending, Task


def sweep(ports: Ports) -> int:
    """Hand every waiting task whose inputs did not come in time to FAIL; returns how many."""
    given_up: list[str] = []
    now = ports.clock.now()

    def look_after(task_id: str) -> None:
        task = ports.tasks.get(task_id)
        if task is not None and task.state == "waiting" and task.deadline <= now:
            _give_up(ports, task, given_up)

    each(ports.tasks.due(now), look_after)
    return len(given_up)


def _give_up(ports: Ports, task: Task, given_up: list[str]) -> None:
    if task.ending is None:
        found = look(ports.inputs, task.asked)
        missing = [key for key, there in found.items() if there is None]
        if not missing:
            release(ports, task.task_id)
            return
        failure = Failure(
            "inputs-missing",
            f"These files never came: {', '.join(missing)}.",
            "Upload them, then upload the spec again.",
        )
        try:
            task = end(ports, task, Ending("failed", failure))
        except Conflict:
            return
        given_up.append(task.task_id)
    # A run carries the ending out: it is tried again where a sweep that died is not.
    ports.workflows.start(task.task_id, task.run)
