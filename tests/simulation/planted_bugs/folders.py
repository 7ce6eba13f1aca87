"""Planted bugs about folder defaults, and about results elsewhere than beside their manifest."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from darkroom.domain.errors import DefaultRefused, OwnTrouble
from darkroom.domain.object_keys import folder_of
from darkroom.domain.order import Trigger, UsedDefault
from darkroom.domain.task import Task
from darkroom.pipeline import default_files, intake, photos, release
from darkroom.pipeline.endings import move_aside
from darkroom.pipeline.orders import folder_defaults, late_order, new_task
from darkroom.ports import Ports
from tests.simulation.planted_bugs.plant import Bug, Swap


def _nothing(*_: object, **__: object) -> None:
    return


def _defaults_are_remembered() -> list[Swap]:
    original = folder_defaults.find_chain
    known: list[tuple[Any, str, Any]] = []

    def remembered(inputs: Any, key: str) -> Any:
        folder = folder_of(key)
        for there, name, chain in known:
            if there is inputs and name == folder:
                return chain
        known.append((inputs, folder, original(inputs, key)))
        return known[-1][2]

    return [(module, "find_chain", remembered) for module in (photos, late_order)]


def _named_after_the_default() -> list[Swap]:
    """The task's id depends on what the folder default says, as well as on the photo."""
    original = Trigger.of_photo
    versions = iter(range(10**9))

    def of_photo(bucket: str, source: str, version: str, label: str | None) -> Trigger:
        trigger = original(bucket, source, version, label)
        return replace(trigger, asked_at=None, label=label or f"l{next(versions)}")

    return [(Trigger, "of_photo", staticmethod(of_photo))]


def _own_spec_is_looked_for_too_early() -> list[Swap]:
    """Before the newest task is read, instead of afterwards: as soon as the errand arrives."""
    original = photos._request

    def request(ports: Ports, key: str, *rest: Any) -> Any:
        wanted = not folder_defaults.has_own_spec(ports.inputs, key)
        return replace(original(ports, key, *rest), wanted=lambda: wanted)

    return [(photos, "_request", request)]


def _names_are_not_claimed() -> list[Swap]:
    return [
        (move_aside, "owns_results_name", lambda *_: True),
        (new_task, "owner_of_results", _nothing),
    ]


def _late_order_claims_nothing() -> list[Swap]:
    return [(late_order, "_claim", _nothing)]


def _versions_are_not_pinned() -> list[Swap]:
    original = folder_defaults._used

    def used(*args: Any) -> tuple[UsedDefault, ...]:
        return tuple(replace(one, version_id="newest") for one in original(*args))

    return [(folder_defaults, "_used", used)]


def _changed_default_changes_the_order() -> list[Swap]:
    original = release._queue_if_complete

    def queue(ports: Ports, task_id: str, *rest: Any) -> Task | None:
        task = ports.tasks.get(task_id)
        if task and task.state == "queued" and task.trigger.kind == "photo" and task.order:
            order = replace(task.order, metadata={"changed": True})
            return ports.tasks.replace(task, replace(task, order=order))
        return original(ports, task_id, *rest)

    return [(release, "_queue_if_complete", queue)]


def _versions_are_not_compared() -> list[Swap]:
    def is_wanted(ports: Ports, key: str, _version_id: str) -> bool:
        return not folder_defaults.has_own_spec(ports.inputs, key)

    return [(photos, "_is_wanted", is_wanted)]


def _corrections_release_nobody() -> list[Swap]:
    return [(intake, "_take_default", default_files.report_default)]


def _corrections_are_not_reported() -> list[Swap]:
    original = default_files._describe

    def describe(key: str, version: str | None, _failure: Any) -> dict[str, Any]:
        return original(key, version, None) | {"status": "refused"}

    return [(default_files, "_describe", describe)]


def _broken_defaults_leave_photos_alone() -> list[Swap]:
    original = photos._requests

    def requests(ports: Ports, key: str, version_id: str, chain: Any) -> Any:
        if isinstance(chain, DefaultRefused):
            return ()
        return original(ports, key, version_id, chain)

    return [(photos, "_requests", requests)]


BUGS: Final = (
    Bug("a folder default is remembered", _defaults_are_remembered),
    Bug("a photo's task is not named after its photo", _named_after_the_default),
    Bug(
        "an own spec is looked for too early",
        _own_spec_is_looked_for_too_early,
        scenarios=("default, key, own spec while its task is created",),
    ),
    Bug("an old version of a photo gets a task", _versions_are_not_compared),
    Bug(
        "a folder default works beside an own spec",
        lambda: [(photos, "has_own_spec", lambda *_: False)],
    ),
    Bug("a corrected folder default releases nobody", _corrections_release_nobody),
    Bug(
        "a broken folder default is not reported",
        lambda: [(intake, "report_default", _nothing)],
    ),
    Bug("the correction of a folder default is not reported", _corrections_are_not_reported),
    Bug("a photo below a broken folder default gets no task", _broken_defaults_leave_photos_alone),
    Bug("the name of the results may have two owners", _names_are_not_claimed),
    Bug("a late order does not claim its names", _late_order_claims_nothing),
    Bug("the versions of folder defaults are not pinned", _versions_are_not_pinned),
    Bug("what excludes a photo is ignored", lambda: [(photos, "why_left_alone", _nothing)]),
    Bug("only one label gets its task", lambda: [(photos, "labels_of", lambda _chain: (None,))]),
    Bug(
        "a corrected folder default with labels makes nothing",
        # The corrected file also acts on photos of the last minutes, which would repair it.
        lambda: [(release, "OtherLabels", OwnTrouble), (photos, "RECENT", timedelta(0))],
        scenarios=("default, key, corrected to labels",),
    ),
    Bug("a queued task follows a changed folder default", _changed_default_changes_the_order),
)
