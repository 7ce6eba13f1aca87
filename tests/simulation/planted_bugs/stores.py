"""Planted bugs about outages of our own stores, for a moment or for hours."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from darkroom.domain.task import Task
from darkroom.pipeline import deliver, fail, submit, sweep
from darkroom.pipeline.endings.owned_writes import put_if_owner
from darkroom.pipeline.endings.publish import write_manifest
from darkroom.pipeline.orders import new_task
from darkroom.pipeline.orders.superseded import DELETED, superseded_failure
from darkroom.ports import Ports
from tests.simulation.fault_injection import ClientError
from tests.simulation.planted_bugs.plant import Bug, Swap


def _each_until_one_breaks(ids: Iterable[str], act: Callable[[str], None]) -> None:
    for one in ids:
        act(one)


def _unreadable_specs_count_as_deleted() -> list[Swap]:
    def judged(ports: Ports, trigger: Any) -> Any:
        try:
            return superseded_failure(ports, trigger)
        except ClientError:
            return DELETED

    return [(module, "superseded_failure", judged) for module in (submit, new_task)]


def _unreadable_runs_count_as_ended() -> list[Swap]:
    original = sweep._check_run

    def check_run(ports: Ports, task: Task) -> Any:
        try:
            return original(ports, task)
        except ClientError:
            return sweep._replace_lost_run(ports, task)

    return [(sweep, "_check_run", check_run)]


def _tasks_end_without_a_manifest() -> list[Swap]:
    def write(ports: Ports, task: Task) -> None:
        try:
            write_manifest(ports, task)
        except ClientError:
            return

    return [(module, "write_manifest", write) for module in (fail, deliver)]


def _unwritten_results_are_left_out() -> list[Swap]:
    def put(ports: Ports, task: Task, key: str, *more: Any) -> None:
        try:
            put_if_owner(ports, task, key, *more)
        except ClientError:
            return

    return [(deliver, "put_if_owner", put)]


BUGS: Final = (
    Bug(
        "SWEEP stops at the first that cannot be read",
        lambda: [(sweep, "for_each_then_raise", _each_until_one_breaks)],
        ("item-unreadable", "run-lost", "run-aborted"),
    ),
    Bug(
        "a spec that cannot be read counts as deleted",
        _unreadable_specs_count_as_deleted,
        ("inputs-down",),
    ),
    Bug(
        "a run whose status cannot be read counts as ended",
        _unreadable_runs_count_as_ended,
        ("starts-down", "job-late", "start-throttled"),
    ),
    Bug(
        "a task ends though its manifest cannot be written",
        _tasks_end_without_a_manifest,
        ("outputs-down",),
    ),
    Bug(
        "a result that cannot be written is left out",
        _unwritten_results_are_left_out,
        ("bucket-error",),
    ),
)
