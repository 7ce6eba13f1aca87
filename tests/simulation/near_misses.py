"""What must hold of files that are taken though their names differ in case from the wanted ones."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from darkroom.domain.near_names import OTHER_CASE, difference
from darkroom.domain.task import Task
from darkroom.pipeline.orders.near_misses import LOOK_AFTER
from tests.fakes.clock import START
from tests.simulation.payment_monitor import SKEW_S
from tests.simulation.single_fault import SingleFault
from tests.simulation.system import SWEEP_INTERVAL_S, SimulatedSystem

MAX_TAKEN_S: Final = LOOK_AFTER.total_seconds() + 2 * SWEEP_INTERVAL_S + 1800
"""With at most one fault, after so long such a file is taken, and not at the deadline only."""


def find_near_miss_violations(system: SimulatedSystem) -> Iterator[str]:
    """A sentence for each file that should not have been taken, or not so late."""
    for task in system.tasks.stored.values():
        if task.order is None:
            continue
        for role, files in task.order.inputs.items():
            for wanted, file in zip(task.order.keys[role], files, strict=True):
                if file.size == 0:
                    yield f"{task.task_id} uses {file.key}, which is empty"
                if file.key != wanted:
                    yield from _taken(system, task, wanted, file.key)


def _taken(system: SimulatedSystem, task: Task, wanted: str, taken: str) -> Iterator[str]:
    uploaded_at = system.users.uploaded_at
    name = task.task_id
    if difference(wanted, taken) != OTHER_CASE:
        yield f"{name} wants {wanted} and uses {taken}"
    near = [key for key in uploaded_at if difference(wanted, key) == OTHER_CASE]
    if len(near) > 1:
        yield f"{name} wants {wanted} and uses {taken}, one of {len(near)}"
    # Until then it was certain that the file with the exact name would still be waited for.
    waited_until = uploaded_at[taken] + LOOK_AFTER.total_seconds() - SKEW_S
    there = system.inputs.find(wanted) is not None  # it may have been deleted before the look
    if there and uploaded_at.get(wanted, waited_until) < waited_until:
        yield f"{name} uses {taken}, and {wanted} arrived soon after it"
    since = max(task.created_at, START + timedelta(seconds=uploaded_at[taken]))
    late_s = ((task.queued_at or since) - since).total_seconds()
    few_faults = system.fault_free or isinstance(system.fault_policy, SingleFault)
    if few_faults and late_s > MAX_TAKEN_S:
        yield f"{name} took {taken} after {late_s:.0f} s"
