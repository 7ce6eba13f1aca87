"""Whose a name in the output bucket is. A name is a key without its extension."""

from darkroom.domain.object_keys import is_spec_of
from darkroom.domain.order import Trigger
from darkroom.pipeline.orders.inputs import exists
from darkroom.ports import Ports


def find_live_owner(ports: Ports, owner: str | None, trigger: Trigger) -> str | None:
    """The key of another live spec or photo that owns a name; None when it is free for this one.

    Args:
        ports: the outside.
        owner: the id of the task that owns the name, if any.
        trigger: of the task that wants the name.
    """
    task = ports.tasks.get(owner) if owner else None
    if task is None or task.trigger.key == trigger.key:
        return None
    there = task.trigger
    if there.kind == "message" and task.finished:
        return None
    own = there.source is not None and is_spec_of(trigger.key, there.source)
    if own and trigger.kind != "photo":
        return None  # a spec of the photo's own takes the place of its folder default
    if there.uploaded and not exists(ports.inputs, there.uploaded):
        return None
    return there.uploaded or there.key
