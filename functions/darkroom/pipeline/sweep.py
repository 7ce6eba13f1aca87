"""SWEEP: look after what stands still. So far: waiting tasks past their deadline.

It may die anywhere: what it did not reach is still due the next time.
"""

from darkroom.errors import Conflict, Failure
from darkroom.pipeline.fail import end
from darkroom.pipeline.release import release
from darkroom.pipeline.resolve import look
from darkroom.ports import Ports
from darkroom.task import Ending


def sweep(ports: Ports) -> int:
    """Hand every waiting task whose inputs did not come in time to FAIL; returns how many."""
    given_up = 0
    now = ports.clock.now()
    for task_id in ports.tasks.due(now):
        task = ports.tasks.get(task_id)
        if task is None or task.state != "waiting" or task.deadline > now:
            continue
        if task.ending is None:
            found = look(ports.inputs, task.asked)
            missing = [key for key, there in found.items() if there is None]
            if not missing:
                release(ports, task_id)
                continue
            failure = Failure(
                "inputs-missing",
                f"These files never came: {', '.join(missing)}.",
                "Upload them, then upload the spec again.",
            )
            try:
                task = end(ports, task, Ending("failed", failure))
            except Conflict:
                continue
            given_up += 1
        # A run carries the ending out: it is tried again where a sweep that died is not.
        ports.workflows.start(task.task_id, task.run)
    return given_up
