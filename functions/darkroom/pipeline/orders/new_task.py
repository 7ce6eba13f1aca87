"""Build the task of a spec, as it is first written; nothing is stored or started here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from darkroom.domain.errors import Refused, SpecRefused
from darkroom.domain.object_keys import (
    LABEL,
    SpecName,
    is_usable_output,
    manifest_key,
    normalize_key,
    output_name,
)
from darkroom.domain.order import Order, Trigger
from darkroom.domain.spec import Spec
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.orders.inputs import find_inputs, missing, pin_versions, why_waiting
from darkroom.pipeline.orders.line import place_for
from darkroom.pipeline.orders.output_owner import find_live_owner
from darkroom.pipeline.orders.resolve import resolve
from darkroom.pipeline.orders.superseded import superseded_failure
from darkroom.pipeline.orders.withheld_inputs import next_recheck
from darkroom.ports import Ports


@dataclass(frozen=True)
class SpecRequest:
    """A spec from which a task is built, whether uploaded or sent.

    Attributes:
        name: takes its key apart. May raise `SpecRefused`.
        read: reads and checks it. May raise `Refused`.
    """

    trigger: Trigger
    name: Callable[[], SpecName]
    read: Callable[[], Spec]


def build_task(ports: Ports, request: SpecRequest, previous: str | None) -> tuple[Task, str | None]:
    """The new task, and the owner of its output name on which the decision was based.

    The task is waiting, or queued, or queued with its ending decided.
    """
    now = ports.clock.now()
    task_id = request.trigger.task_id
    superseded = superseded_failure(ports, request.trigger)
    spare = f"_darkroom/{task_id}"
    task = Task(
        task_id=task_id,
        trigger=request.trigger,
        output=spare,
        manifest_key=manifest_key(spare),
        created_at=now,
        updated_at=now,
        deadline=now + timedelta(seconds=ports.limits.queue_s),
        state="queued",
        # The late event of an old version does not replace a newer task.
        supersedes=None if superseded else previous,
    )
    try:
        name = request.name()
    except SpecRefused as error:
        return replace(task, ending=Ending("failed", error.failure)), None
    spec = _read_spec(request)
    is_label = isinstance(spec, Spec) and LABEL.fullmatch(spec.operation)
    output = output_name(name, spec.operation if isinstance(spec, Spec) and is_label else "spec")
    if superseded:
        output = f"{output}@{task_id[:8]}"
    owner = ports.tasks.owner(output)
    task = replace(task, source=name.source)
    try:
        _check_output(ports, output, owner, request.trigger)
    except SpecRefused as error:
        return replace(task, ending=Ending("failed", error.failure)), None
    task = replace(task, output=output, manifest_key=manifest_key(output))
    if superseded:
        return replace(task, ending=Ending("cancelled", superseded)), owner
    try:
        if isinstance(spec, Refused):
            raise spec
        return _with_order(ports, task, resolve(spec, name, ports.providers)), owner
    except Refused as error:
        return replace(task, ending=Ending("failed", error.failure)), owner


def _read_spec(request: SpecRequest) -> Spec | Refused:
    """The spec, or why it was refused; in both cases the task needs an output name."""
    try:
        return request.read()
    except Refused as refusal:
        return refusal


def _with_order(ports: Ports, task: Task, order: Order) -> Task:
    """The task with its order: pinned and queued, or waiting for missing files."""
    found = find_inputs(ports.inputs, order)
    if not missing(found):
        pinned = pin_versions(order, found, ports.providers.routes())
        now = task.created_at
        place = place_for(ports, pinned, pinned.choices[0], now)
        return replace(task, order=pinned, queued_at=now, place=place)
    return replace(
        task,
        state="waiting",
        order=order,
        # Every file: one that exists now may be gone when the last one arrives.
        wants=tuple(dict.fromkeys(map(normalize_key, found))),
        deadline=task.created_at + timedelta(seconds=ports.limits.inputs_s),
        wait_reason=why_waiting(found),
        look_at=next_recheck(ports, found),
    )


def _check_output(ports: Ports, output: str, owner: str | None, trigger: Trigger) -> None:
    if not is_usable_output(output):
        raise SpecRefused(
            "bad-key",
            "The file's name is too long or has empty, '.' or '..' parts, so its results cannot "
            "be named after it.",
            "Upload photo and spec under a plainer, shorter name.",
        )
    other = find_live_owner(ports, owner, trigger.key)
    if other:
        raise SpecRefused(
            "name-taken",
            f"The results would be called '{output}', and this name already belongs to '{other}'.",
            "Give one of the two specs a label, as in 'cat.jpg.thumb.json'.",
        )
