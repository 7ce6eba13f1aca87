"""Planted bugs about our own stores: what is done when they refuse, for a moment or for hours."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from darkroom.domain.task import Task
from darkroom.pipeline import deliver, intake, release, submit, sweep
from darkroom.pipeline import fail as failing
from darkroom.pipeline.endings.publish import put_as, write_manifest
from darkroom.pipeline.orders import new_task as draft
from darkroom.pipeline.orders.resolve import look
from darkroom.pipeline.orders.superseded import DELETED, stale
from darkroom.ports import Found, Ports
from tests.simulation.fault_injection import ClientError
from tests.simulation.planted_bugs.plant import Bug, Swap


def _each_until_one_breaks(ids: Iterable[str], act: Callable[[str], None]) -> None:
    for one in ids:
        act(one)


def _refused_looks_are_empty() -> list[Swap]:
    def looked(inputs: Any, order: Any) -> dict[str, Found | None]:
        try:
            return look(inputs, order)
        except ClientError:
            return {key: None for keys in order.keys.values() for key in keys}

    return [(release, "look", looked)]


def _refused_looks_are_deletions() -> list[Swap]:
    def judged(ports: Ports, trigger: Any) -> Any:
        try:
            return stale(ports, trigger)
        except ClientError:
            return DELETED

    return [(module, "stale", judged) for module in (submit, draft)]


def _unasked_runs_have_ended() -> list[Swap]:
    whole = sweep._keep_running

    def keep(ports: Ports, task: Task) -> Any:
        try:
            return whole(ports, task)
        except ClientError:
            return sweep._run_again(ports, task)

    return [(sweep, "_keep_running", keep)]


def _ends_are_told_without_a_manifest() -> list[Swap]:
    def write(ports: Ports, task: Task) -> None:
        try:
            write_manifest(ports, task)
        except ClientError:
            return

    return [(module, "write_manifest", write) for module in (failing, deliver)]


def _unwritten_files_are_passed_over() -> list[Swap]:
    def put(ports: Ports, task: Task, key: str, *more: Any) -> None:
        try:
            put_as(ports, task, key, *more)
        except ClientError:
            return

    return [(deliver, "put_as", put)]


BUGS: Final = (
    Bug(
        "SWEEP stops at the first that cannot be read",
        lambda: [(sweep, "each", _each_until_one_breaks)],
        ("item-unreadable", "run-lost", "run-aborted"),
    ),
    Bug(
        "one waiting task that cannot be read keeps the others waiting",
        lambda: [(module, "each", _each_until_one_breaks) for module in (intake, release)],
        ("item-unreadable",),
    ),
    Bug(
        "inputs that cannot be looked at are taken for missing",
        _refused_looks_are_empty,
        ("inputs-shut",),
    ),
    Bug(
        "a spec that cannot be looked at is taken for deleted",
        _refused_looks_are_deletions,
        ("inputs-shut",),
    ),
    Bug(
        "a run that cannot be asked about is taken for ended",
        _unasked_runs_have_ended,
        ("starts-shut", "job-late", "start-throttled"),
    ),
    Bug(
        "a task ends though its manifest cannot be written",
        _ends_are_told_without_a_manifest,
        ("outputs-shut",),
    ),
    Bug(
        "a result that cannot be written is passed over",
        _unwritten_files_are_passed_over,
        ("bucket-error",),
    ),
)
