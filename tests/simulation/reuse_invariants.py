"""Invariants of copies: only where both specs say so, of the same work, unpaid, byte by byte."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from darkroom.domain.order import Order
from darkroom.domain.task import Task
from tests.simulation.payment_monitor import SKEW_S

if TYPE_CHECKING:
    from tests.simulation.system import SimulatedSystem


def find_copy_violations(system: "SimulatedSystem") -> Iterator[str]:
    """A sentence for each task with copies that it should not have."""
    charged = {task_id for task_id, _ in system.providers.ledger.by_attempt}
    for task in system.tasks.stored.values():
        if task.reused_from is None:
            continue
        if task.attempts or task.task_id in charged:
            yield f"{task.task_id} has copies, and was paid for"
        first = system.tasks.stored.get(task.reused_from)
        if first is None:
            yield f"{task.task_id} has copies of {task.reused_from}, which does not exist"
        else:
            yield from _copy(task, first, paid=first.task_id in charged)


def _copy(task: Task, first: Task, *, paid: bool) -> Iterator[str]:
    name = task.task_id
    before, again = first.order, task.order
    if before is None or again is None or not (before.reuse and again.reuse):
        yield f"{name} has copies, and nobody wanted them"
    elif _work(before) != _work(again):
        yield f"{name} has copies of other work"
    if first.state != "succeeded" or first.reused_from is not None or not paid:
        yield f"{name} has copies of {first.task_id}, which is {first.state} and paid: {paid}"
    if first.updated_at > task.updated_at + timedelta(seconds=SKEW_S):
        yield f"{name} has copies of {first.task_id}, which ended later"
    there = [(one.kind, one.sha256, one.size) for one in first.results]
    if [(one.kind, one.sha256, one.size) for one in task.results] != there:
        yield f"{name} has other results than {first.task_id}, which it names"


def _work(order: Order) -> object:
    """What was done, by whom it might be done, and with which bytes."""
    files = [(role, f.etag, f.size) for role, files in order.inputs.items() for f in files]
    return order.operation, order.params, order.choices, files
