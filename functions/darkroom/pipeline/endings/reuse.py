"""Copy the results of an earlier task of the same work, in place of paying for them again.

Only where the spec says `reuse`, for both tasks. What was deleted, replaced or is too large is not
copied: then the task is paid for like any other.
"""

import hashlib
from contextlib import suppress
from dataclasses import replace

from darkroom.domain.task import Result, Task
from darkroom.pipeline.admission.turns import release_turn
from darkroom.pipeline.endings.move_aside import claim_output_name, claim_result_names
from darkroom.pipeline.endings.owned_writes import put_if_owner
from darkroom.pipeline.endings.publish import finalize, write_manifest
from darkroom.pipeline.orders.earlier import earlier_task
from darkroom.ports import Ports


def copy_earlier(ports: Ports, task: Task) -> bool:
    """End a queued task with the results of an earlier one; False if it must be paid for.

    Raises:
        Conflict: another step changed the task, or a newer one has taken its name.
    """
    earlier = earlier_task(ports, task.resolved_order)
    if earlier is None or task.attempts:
        return False
    bodies = [ports.outputs.get(result.key) for result in earlier.results]
    found = [
        body
        for body, result in zip(bodies, earlier.results, strict=True)
        if body is not None and hashlib.sha256(body).hexdigest() == result.sha256
    ]
    if not found or len(found) < len(earlier.results):
        return False
    task = claim_output_name(ports, task)
    kinds = [result.kind for result in earlier.results]
    names = claim_result_names(ports, task, kinds)
    results: list[Result] = []
    for name, body, old in zip(names, found, earlier.results, strict=True):
        key = f"{name}.{old.key.rpartition('.')[2]}"
        put_if_owner(ports, task, key, body, old.content_type)
        results.append(replace(old, key=key))
    final = task.with_state(
        "succeeded",
        ports.clock.now(),
        results=tuple(results),
        reused_from=earlier.task_id,
        wait_reason=None,
        look_at=None,
    )
    write_manifest(ports, final)
    copied = ports.tasks.replace(task, final)
    if task.place is not None:
        # It has not used its turn: the next in line gets it.
        release_turn(ports, task, task.place.provider)
    finalize(ports, copied)
    return True


def note_done(ports: Ports, task: Task) -> None:
    """Remember a task that has succeeded, for later ones; not where that fails."""
    if task.order is not None and task.order.reuse:
        with suppress(Exception):
            ports.tasks.note_done(task.order.work_digest, task.task_id)
