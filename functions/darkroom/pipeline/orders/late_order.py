"""The order of a task that was created while a folder default of its photo was broken.

Once the file is corrected, or is gone, spec and names are resolved as for a new task. The names are
claimed one by one before the order is stored: a task that dies in between owns them already.
"""

from dataclasses import replace
from typing import Final

from darkroom.domain.errors import Conflict, Refused
from darkroom.domain.folder_match import why_left_alone
from darkroom.domain.merged_spec import labels_of
from darkroom.domain.object_keys import manifest_key, normalize_key, parse_spec_name
from darkroom.domain.order import Trigger
from darkroom.domain.output_names import numbered
from darkroom.domain.task import Task
from darkroom.pipeline.orders.folder_defaults import (
    ResolvedSpec,
    find_chain,
    order_of,
    read_uploaded_spec,
    spec_of_photo,
)
from darkroom.pipeline.orders.new_task import (
    check_output,
    default_output,
    elsewhere,
    owner_of_results,
)
from darkroom.ports import Inputs, Ports

NOT_CORRECTED: Final = "default-not-corrected"
"""The code of a task that waited past its deadline."""


class NoLongerWanted(Refused):
    """The corrected folder default does not ask for this task."""


class OtherLabels(NoLongerWanted):
    """The corrected folder default asks for other results of the photo."""


def with_order(ports: Ports, task: Task) -> Task:
    """The task with its order and its names, not stored yet; its inputs are not looked for.

    Raises:
        DefaultRefused: a folder default is still broken.
        NoLongerWanted: the corrected one leaves the photo alone, or has other labels.
        Refused: the spec is refused for another reason.
        Conflict: another task takes its name at this moment.
    """
    trigger = task.trigger
    name = parse_spec_name(trigger.key)
    resolved = _resolve(ports.inputs, trigger)
    order, results_name = order_of(resolved, name, ports.providers, ports.money.max_price)
    output = default_output(name, resolved)
    check_output(ports, output, ports.tasks.owner(output), trigger)
    results_name = elsewhere(results_name, output)
    owner_of_results(ports, results_name, trigger)
    for wanted in (output, *([numbered(results_name, 1)] if results_name else [])):
        _claim(ports, task, wanted)
    keys = dict.fromkeys(normalize_key(key) for keys in order.keys.values() for key in keys)
    return replace(
        task,
        order=order,
        asked=None,
        output=output,
        manifest_key=manifest_key(output),
        results_name=results_name,
        wants=tuple(dict.fromkeys((*task.wants, *keys))),
        updated_at=ports.clock.now(),
    )


def _resolve(inputs: Inputs, trigger: Trigger) -> ResolvedSpec:
    if trigger.kind != "photo" or trigger.source is None:
        return read_uploaded_spec(inputs, trigger)
    chain = find_chain(inputs, trigger.source)
    alone = why_left_alone(chain, trigger.source)
    if alone is not None:
        by = f"{alone.key}: " if alone.key else ""
        raise NoLongerWanted(
            "left-alone",
            f"The corrected folder default leaves the photo alone: {by}{alone.sentence}",
        )
    labels = labels_of(chain)
    if trigger.label not in labels:
        named = ", ".join(f"'{label}'" for label in labels if label) or "one without a label"
        raise OtherLabels(
            "other-labels",
            f"The corrected folder default asks for other results: {named}.",
            "They have tasks of their own.",
        )
    return spec_of_photo(chain, trigger.label)


def _claim(ports: Ports, task: Task, name: str) -> None:
    """Make the task the owner of a name that `find_live_owner` has found to be free for it."""
    owner = ports.tasks.owner(name)
    if owner != task.task_id and not ports.tasks.claim_output(name, task, over=owner):
        raise Conflict(f"Another task takes the name {name}.")
