"""Make the task that a spec asks for, as it is first written; nothing is stored or started here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from darkroom.domain.errors import Refused, SpecRefused
from darkroom.domain.object_keys import LABEL, SpecName, manifest_of, output_of, usable, wanted_as
from darkroom.domain.order import Order, Trigger
from darkroom.domain.spec import Spec
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.orders.output_names import holder
from darkroom.pipeline.orders.resolve import look, missing, pin, resolve, why_waiting
from darkroom.pipeline.orders.superseded import stale
from darkroom.pipeline.orders.withheld_inputs import look_again_at
from darkroom.ports import Ports


@dataclass(frozen=True)
class Asked:
    """A spec on its way to becoming a task, wherever it came from.

    Attributes:
        name: takes its key apart. May raise `SpecRefused`.
        read: reads and checks it. May raise `Refused`.
    """

    trigger: Trigger
    name: Callable[[], SpecName]
    read: Callable[[], Spec]


def draft(ports: Ports, asked: Asked, previous: str | None) -> tuple[Task, str | None]:
    """The task as it is first written, and the owner of its output name that it was judged by.

    It is waiting, queued, or queued to be ended at once.
    """
    now = ports.clock.now()
    task_id = asked.trigger.task_id
    too_late = stale(ports, asked.trigger)
    spare = f"_darkroom/{task_id}"
    task = Task(
        task_id=task_id,
        trigger=asked.trigger,
        output=spare,
        manifest_key=manifest_of(spare),
        created_at=now,
        updated_at=now,
        deadline=now + timedelta(seconds=ports.limits.queue_s),
        state="queued",
        # The late event of an old version takes nobody's place.
        supersedes=None if too_late else previous,
    )
    try:
        name = asked.name()
    except SpecRefused as error:
        return replace(task, ending=Ending("failed", error.failure)), None
    spec = _read(asked)
    named = isinstance(spec, Spec) and LABEL.fullmatch(spec.operation)
    output = output_of(name, spec.operation if isinstance(spec, Spec) and named else "spec")
    if too_late:
        output = f"{output}@{task_id[:8]}"
    owner = ports.tasks.owner(output)
    task = replace(task, source=name.source)
    try:
        _check_output(ports, output, owner, asked.trigger)
    except SpecRefused as error:
        return replace(task, ending=Ending("failed", error.failure)), None
    task = replace(task, output=output, manifest_key=manifest_of(output))
    if too_late:
        return replace(task, ending=Ending("cancelled", too_late)), owner
    try:
        if isinstance(spec, Refused):
            raise spec
        return _ordered(ports, task, resolve(spec, name, ports.providers)), owner
    except Refused as error:
        return replace(task, ending=Ending("failed", error.failure)), owner


def _read(asked: Asked) -> Spec | Refused:
    """The spec, or why it is none; either way the task gets a name."""
    try:
        return asked.read()
    except Refused as refusal:
        return refusal


def _ordered(ports: Ports, task: Task, order: Order) -> Task:
    """The drafted task with its order: pinned and queued, or waiting for what is missing."""
    found = look(ports.inputs, order)
    if not missing(found):
        return replace(task, order=pin(order, found, ports.providers.routes()))
    return replace(
        task,
        state="waiting",
        order=order,
        # All of them: one that is there now may be gone when the last one comes.
        wants=tuple(dict.fromkeys(map(wanted_as, found))),
        deadline=task.created_at + timedelta(seconds=ports.limits.inputs_s),
        wait_reason=why_waiting(found),
        look_at=look_again_at(ports, found),
    )


def _check_output(ports: Ports, output: str, owner: str | None, trigger: Trigger) -> None:
    if not usable(output):
        raise SpecRefused(
            "bad-key",
            "The file's name is too long or has empty, '.' or '..' parts, so its results cannot "
            "be named after it.",
            "Upload photo and spec under a plainer, shorter name.",
        )
    other = holder(ports, owner, trigger.key)
    if other:
        raise SpecRefused(
            "name-taken",
            f"The results would be called '{output}', and they already belong to '{other}'.",
            "Give one of the two specs a label, as in 'cat.jpg.thumb.json'.",
        )
