"""Build the task of a spec, as it is first written; nothing is stored or started here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from darkroom.domain.errors import DefaultRefused, InputRefused, Refused, SpecRefused
from darkroom.domain.object_keys import (
    LABEL,
    SpecName,
    default_keys,
    is_spec_of,
    is_usable_output,
    manifest_key,
    normalize_key,
    output_name,
)
from darkroom.domain.order import Order, SpecFacts, Trigger
from darkroom.domain.output_names import ResultsName, numbered
from darkroom.domain.spec import facts_of
from darkroom.domain.task import Ending, Task
from darkroom.pipeline.orders.folder_defaults import ResolvedSpec, order_of
from darkroom.pipeline.orders.holding import hold_new, why_held
from darkroom.pipeline.orders.inputs import find_inputs, missing, pin_versions, why_waiting
from darkroom.pipeline.orders.line import place_for
from darkroom.pipeline.orders.output_owner import find_live_owner
from darkroom.pipeline.orders.superseded import superseded_failure
from darkroom.pipeline.orders.withheld_inputs import first_look
from darkroom.ports import Ports


@dataclass(frozen=True)
class SpecRequest:
    """A spec from which a task is built, whether uploaded, sent, or made by folder defaults.

    Attributes:
        name: takes its key apart. May raise `SpecRefused`.
        read: reads and checks it. May raise `Refused`.
        wanted: whether a task is wanted that does not exist yet; asked after the newest task of its
            key was read.
        document: the spec's JSON, for a task whose name was refused. May raise `Refused`.
        deadline_s: how long the task may wait for its files and its call; None for as long as any.
        batch: the name of the batch of messages that the task belongs to.
    """

    trigger: Trigger
    name: Callable[[], SpecName]
    read: Callable[[], ResolvedSpec]
    wanted: Callable[[], bool] = lambda: True
    document: Callable[[], object] = lambda: None
    deadline_s: int | None = None
    batch: str | None = None


@dataclass(frozen=True)
class NewTask:
    """A task that is not stored yet, and the owners of its names on which it is based."""

    task: Task
    owner: str | None = None
    results_owner: str | None = None


def build_task(ports: Ports, request: SpecRequest, previous: str | None) -> NewTask:
    """The new task of a spec; `previous` is the newest task of its key.

    The task is waiting, or queued, or queued with its ending decided.
    """
    now = ports.clock.now()
    trigger = request.trigger
    task_id = trigger.task_id
    # Whether a photo's task is still wanted has been asked just before.
    superseded = None if trigger.kind == "photo" else superseded_failure(ports, trigger)
    spare = f"_darkroom/{task_id}"
    task = Task(
        task_id=task_id,
        trigger=trigger,
        output=spare,
        manifest_key=manifest_key(spare),
        created_at=now,
        updated_at=now,
        deadline=now + timedelta(seconds=ports.limits.queue_s),
        state="queued",
        # The late event of an old version does not replace a newer task.
        supersedes=None if superseded else previous,
        batch=request.batch,
        deadline_s=request.deadline_s,
    )
    try:
        name = request.name()
    except SpecRefused as error:
        return NewTask(_failed(replace(task, asked=_facts_without_name(request)), error))
    resolved = _read_spec(request)
    task = replace(task, asked=_facts_of(resolved))
    output = default_output(name, resolved)
    if superseded:
        output = f"{output}@{task_id[:8]}"
    owner = ports.tasks.owner(output)
    task = replace(task, source=name.source)
    try:
        check_output(ports, output, owner, trigger)
    except SpecRefused as error:
        return NewTask(_failed(task, error))
    task = replace(task, output=output, manifest_key=manifest_key(output))
    if superseded:
        return NewTask(replace(task, ending=Ending("cancelled", superseded)), owner)
    if task.supersedes is None:
        task = replace(task, supersedes=_task_of_default(ports, owner, trigger))
    try:
        if isinstance(resolved, Refused):
            raise resolved
        order, results_name = order_of(resolved, name, ports.providers, ports.money.max_price)
        results_name = elsewhere(results_name, output)
        results_owner = owner_of_results(ports, results_name, trigger)
        task = replace(task, results_name=results_name)
        return NewTask(_with_order(ports, task, order), owner, results_owner)
    except DefaultRefused as refusal:
        return NewTask(_waiting_for_default(ports, task, refusal), owner)
    except Refused as error:
        return NewTask(_failed(replace(task, results_name=()), error), owner)


def default_output(name: SpecName, resolved: ResolvedSpec | Refused) -> str:
    """The manifest's place, which is also that of the results unless the spec says otherwise."""
    operation = resolved.spec.operation if isinstance(resolved, ResolvedSpec) else ""
    return output_name(name, operation if LABEL.fullmatch(operation) else "spec")


def elsewhere(results_name: ResultsName, output: str) -> ResultsName:
    """The name of the results, () where it is the default's."""
    return () if results_name == (output,) else results_name


def owner_of_results(ports: Ports, results_name: ResultsName, trigger: Trigger) -> str | None:
    """The task that owns the results' name, if any. Raises `SpecRefused` where it must keep it."""
    if not results_name:
        return None
    first = numbered(results_name, 1)
    owner = ports.tasks.owner(first)
    other = find_live_owner(ports, owner, trigger)
    if other:
        raise SpecRefused(
            "name-taken",
            f"The results would be called '{first}', and this name already belongs to '{other}'.",
            "Make the names differ, with {ext}, {folder}, {label} or a field of the metadata in "
            "'output'.",
        )
    return owner


def check_output(ports: Ports, output: str, owner: str | None, trigger: Trigger) -> None:
    """Check that results may lie under this name. Raises `SpecRefused`."""
    if not is_usable_output(output):
        raise SpecRefused(
            "bad-key",
            "The file's name is too long or has empty, '.' or '..' parts, so its results cannot "
            "be named after it.",
            "Upload photo and spec under a plainer, shorter name.",
        )
    other = find_live_owner(ports, owner, trigger)
    if other:
        raise SpecRefused(
            "name-taken",
            f"The results would be called '{output}', and this name already belongs to '{other}'.",
            "Give one of the two specs a label, as in 'cat.jpg.thumb.json'.",
        )


def why_waiting_for_default(refusal: DefaultRefused) -> str:
    """Why a task waits whose folder default is broken, for users."""
    return f"waits for the correction of {refusal.key}: {refusal.failure.sentence}"


def _read_spec(request: SpecRequest) -> ResolvedSpec | Refused:
    """The spec, or why it was refused; in both cases the task needs an output name."""
    try:
        return request.read()
    except Refused as refusal:
        return refusal


def _facts_of(resolved: ResolvedSpec | Refused) -> SpecFacts | None:
    """What the spec says, as far as it can be read, for a task that gets no order of it."""
    if isinstance(resolved, ResolvedSpec):
        spec = resolved.spec
        return SpecFacts(spec.operation, next(iter(spec.preferred), None), spec.metadata)
    return facts_of(resolved.document) if isinstance(resolved, SpecRefused) else None


def _facts_without_name(request: SpecRequest) -> SpecFacts | None:
    try:
        return facts_of(request.document())
    except Refused:
        return None


def _task_of_default(ports: Ports, owner: str | None, trigger: Trigger) -> str | None:
    """The task of a folder default with the same results, which a photo's own spec replaces."""
    if owner is None or trigger.kind != "upload":
        return None
    task = ports.tasks.get(owner)
    if task is None or task.trigger.kind != "photo" or task.trigger.source is None:
        return None
    return owner if is_spec_of(trigger.key, task.trigger.source) else None


def _failed(task: Task, error: Refused) -> Task:
    return replace(task, ending=Ending("failed", error.failure))


def _with_order(ports: Ports, task: Task, order: Order) -> Task:
    """The task with its order: pinned and queued, or waiting for missing files."""
    task = replace(task, asked=None)
    try:
        found = find_inputs(ports.inputs, order)
        pinned = None if missing(found) else pin_versions(order, found, ports.providers.routes())
    except InputRefused as error:
        return _failed(replace(task, order=order), error)  # with another file it can be retried
    hold, now = hold_new(ports, task, found), task.created_at
    if pinned is not None and hold is not None:
        return replace(
            task,
            state="held",
            order=pinned,
            queued_at=now,
            hold=hold,
            wait_reason=why_held(hold),
            deadline=now + timedelta(seconds=ports.limits.held_s),
        )
    if pinned is not None:
        place = place_for(ports, pinned, pinned.choices[0], now)
        deadline = task.no_later(task.deadline)
        return replace(task, order=pinned, queued_at=now, place=place, deadline=deadline)
    return replace(
        task,
        state="waiting",
        order=order,
        hold=hold,
        # Every file: one that exists now may be gone when the last one arrives.
        wants=tuple(dict.fromkeys(map(normalize_key, found))),
        deadline=task.deadline_for_inputs(ports.limits.inputs_s),
        wait_reason=why_waiting(found),
        look_at=first_look(ports, found),
    )


def _waiting_for_default(ports: Ports, task: Task, refusal: DefaultRefused) -> Task:
    """The task without an order, until the folder default is corrected.

    It wants every file of its chain: one that is added or corrected may be what it waits for.
    """
    about = task.source or task.trigger.key
    now = task.created_at
    return replace(
        task,
        state="waiting",
        wants=tuple(dict.fromkeys(map(normalize_key, default_keys(about)))),
        deadline=now + timedelta(seconds=ports.limits.inputs_s),
        wait_reason=why_waiting_for_default(refusal),
        look_at=now + timedelta(seconds=ports.limits.recheck_s) if refusal.recheck else None,
    )
