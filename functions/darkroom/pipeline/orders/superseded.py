"""Whether a task should still start: its spec or photo may have been replaced or deleted."""

from darkroom.domain.errors import Failure, InputRefused, InputWithheld
from darkroom.domain.order import Trigger
from darkroom.pipeline.orders.inputs import exists
from darkroom.ports import Ports

SUPERSEDED = Failure("superseded", "A newer version of the spec took this task's place.")
DELETED = Failure("spec-deleted", "The spec was deleted before its task was submitted.")
PHOTO_SUPERSEDED = Failure("superseded", "A newer version of the photo took this task's place.")
PHOTO_DELETED = Failure("photo-deleted", "The photo was deleted before its task was submitted.")
OWN_SPEC = Failure("superseded", "A spec of the photo's own took this task's place.")


def superseded_failure(ports: Ports, trigger: Trigger) -> Failure | None:
    """Why the trigger's task should not start any more; None when it should.

    A message is never superseded.
    """
    if trigger.uploaded is None:
        return None
    is_photo = trigger.kind == "photo"
    try:
        current = ports.inputs.find(trigger.uploaded)
    except (InputRefused, InputWithheld):
        return None  # reading it will report what is wrong with it
    if current is None:
        return PHOTO_DELETED if is_photo else DELETED
    if current.version_id != trigger.version:
        return PHOTO_SUPERSEDED if is_photo else SUPERSEDED
    return OWN_SPEC if is_photo and exists(ports.inputs, trigger.key) else None


def superseding(new: Trigger, old: Trigger) -> Failure:
    """What a task's end says that a new task replaces."""
    if old.kind != "photo":
        return SUPERSEDED
    return PHOTO_SUPERSEDED if new.kind == "photo" else OWN_SPEC
