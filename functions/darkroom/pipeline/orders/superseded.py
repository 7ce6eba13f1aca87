"""Whether a task should still start: its spec may have been replaced or deleted."""

from darkroom.domain.errors import Failure, InputRefused, InputWithheld
from darkroom.domain.order import Trigger
from darkroom.ports import Ports

SUPERSEDED = Failure("superseded", "A newer version of the spec took this task's place.")
DELETED = Failure("spec-deleted", "The spec was deleted before its task was submitted.")


def superseded_failure(ports: Ports, trigger: Trigger) -> Failure | None:
    """Why the trigger's task should not start any more; None when it should.

    A message is never superseded.
    """
    if trigger.kind == "message":
        return None
    try:
        current = ports.inputs.find(trigger.key)
    except (InputRefused, InputWithheld):
        return None  # reading the spec will report what is wrong with it
    if current is None:
        return DELETED
    return None if current.version_id == trigger.version else SUPERSEDED
