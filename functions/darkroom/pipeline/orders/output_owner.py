"""Whose a name in the output bucket is. A name is a key without its extension."""

from darkroom.pipeline.orders.inputs import exists
from darkroom.ports import Ports


def find_live_owner(ports: Ports, owner: str | None, key: str) -> str | None:
    """The key of another live spec that owns a name; None when the name is free for this one.

    Args:
        ports: the outside.
        owner: the id of the task that owns the name, if any.
        key: the key of the spec that wants the name.
    """
    task = ports.tasks.get(owner) if owner else None
    if task is None or task.trigger.key == key:
        return None
    if task.trigger.kind == "message" and task.finished:
        return None
    if task.trigger.kind == "upload" and not exists(ports.inputs, task.trigger.key):
        return None
    return task.trigger.key
