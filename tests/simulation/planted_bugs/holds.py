"""Planted bugs about tasks that are held until a person approves them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from darkroom.domain.holds import Hold
from darkroom.domain.task import Task
from darkroom.pipeline import release, sweep
from darkroom.pipeline.money import held
from darkroom.pipeline.orders import holding, new_task
from darkroom.pipeline.orders.holding import hold_new as original_hold
from darkroom.ports import Ports
from tests.fakes import new_tasks as fake_new_tasks
from tests.simulation.planted_bugs.plant import Bug, Swap


def _the_guard_holds_nothing() -> list[Swap]:

    def hold_new(*given: Any) -> Hold | None:
        hold = original_hold(*given)
        return None if hold is not None and hold.kind == "guard" else hold

    return [(new_task, "hold_new", hold_new)]


def _nothing_is_counted_to_the_end() -> list[Swap]:
    """The tasks of one minute count, in place of those of ten."""
    return [(fake_new_tasks, "GUARD_WINDOW", timedelta(minutes=1))]


def _a_held_task_goes_on_at_its_end() -> list[Swap]:
    def end_held(ports: Ports, task: Task) -> str:
        held.approve(ports, task.task_id)
        return "started"

    return [(sweep, "_end_held", end_held)]


def _a_held_task_has_no_end() -> list[Swap]:
    def end_held(*_given: object) -> str:
        return "alive"

    return [(sweep, "_end_held", end_held)]


def _a_complete_task_is_not_held() -> list[Swap]:

    return [(release, "hold_released", lambda *_: None)]


def _nobody_is_informed() -> list[Swap]:
    return [(holding, "_tell", lambda *_: None)]


def _only_the_first_tells() -> list[Swap]:
    original = holding._tell_once

    def tell_once(ports: Ports, task: Task, folder: str, count: int) -> None:
        if count == ports.money.guard_tasks + 1:
            original(ports, task, folder, count)

    return [(holding, "_tell_once", tell_once)]


def _any_number_counts_as_approved() -> list[Swap]:
    return [(holding, "_wishes", lambda _found: {"approved"})]


def _a_held_task_is_only_ended_for_a_day() -> list[Swap]:
    """Its time is that of a task that waits for files."""
    original = new_task._with_order

    def with_order(ports: Ports, task: Task, order: Any) -> Task:
        limits = replace(ports.limits, held_s=0)
        return original(replace(ports, limits=limits), task, order)

    return [(new_task, "_with_order", with_order)]


BUGS: Final = (
    Bug("the guard holds nothing", _the_guard_holds_nothing),
    Bug("the guard counts the tasks of one minute", _nothing_is_counted_to_the_end),
    Bug("a held task goes on when its time is over", _a_held_task_goes_on_at_its_end),
    Bug("a held task is never ended", _a_held_task_has_no_end),
    Bug("a task that gets its files late is not held", _a_complete_task_is_not_held),
    Bug("nobody is informed that tasks are held", _nobody_is_informed),
    Bug("only the first held task tells", _only_the_first_tells),
    Bug("every file counts as approved", _any_number_counts_as_approved),
    Bug("a held task has no time", _a_held_task_is_only_ended_for_a_day),
)
