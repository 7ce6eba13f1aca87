"""Planted bugs about files that are empty, or have almost the name that is waited for."""

from collections.abc import Mapping
from typing import Any, Final

from darkroom.domain.near_names import OTHER_CASE, difference
from darkroom.domain.task import Task
from darkroom.pipeline import release, sweep
from darkroom.pipeline.orders import near_misses, new_task, withheld_inputs
from darkroom.ports import Found, Ports
from tests.simulation.planted_bugs.plant import Bug, Swap


def _empty_files_count() -> list[Swap]:
    def missing(found: Mapping[str, Found | None]) -> list[str]:
        return [key for key, file in found.items() if file is None or file.withheld]

    return [(module, "missing", missing) for module in (release, sweep, new_task)]


def _any_of_several_is_taken() -> list[Swap]:
    original = near_misses._near

    def near(inputs: Any, key: str, names: Any) -> list[tuple[str, str]]:
        return original(inputs, key, names)[:1]

    return [(near_misses, "_near", near)]


def _taken_as_it_arrives() -> list[Swap]:
    original = release._queue_if_complete

    def queue(ports: Ports, task_id: str, arrived: str | None = None, *rest: Any) -> Task | None:
        task = ports.tasks.get(task_id)
        keys = task.order.keys.values() if arrived and task and task.order else ()
        same = [
            key
            for role in keys
            for key in role
            if arrived and difference(key, arrived) == OTHER_CASE
        ]
        if same and arrived:
            return original(ports, task_id, arrived, {same[0]: arrived})
        return original(ports, task_id, arrived, *rest)

    return [(release, "_queue_if_complete", queue)]


def _nobody_looks() -> list[Swap]:
    def look(_nearby: Any, found: Any, *_: Any) -> near_misses.Looked:
        return near_misses.Looked(found, {})

    return [(sweep, "look_nearby", look)]


def _looked_for_at_the_deadline() -> list[Swap]:
    original = withheld_inputs.note_missing

    def note(ports: Ports, task: Task, found: Any, hint: str = "", **_: Any) -> Task:
        return original(ports, task, found, hint)

    return [(new_task, "first_look", lambda *_: None), (release, "note_missing", note)]


def _age_does_not_matter() -> list[Swap]:
    return [(near_misses, "_later", lambda *_: False)]


BUGS: Final = (
    Bug("an empty file counts as there", _empty_files_count, scenarios=("empty photo",)),
    Bug(
        "one of several files in other case is taken",
        _any_of_several_is_taken,
        scenarios=("two photos in other case",),
    ),
    Bug(
        "a file in other case is taken as it arrives",
        _taken_as_it_arrives,
        scenarios=("right photo after one in other case",),
    ),
    Bug(
        "a file in other case is taken though it has just arrived",
        _age_does_not_matter,
        scenarios=("right photo just before the look",),
    ),
    Bug("nobody looks for near misses", _nobody_looks, scenarios=("photo in other case",)),
    Bug(
        "near misses are looked for at the deadline only",
        _looked_for_at_the_deadline,
        scenarios=("photo in other case",),
    ),
)
