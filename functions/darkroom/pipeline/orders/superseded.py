"""Whether what a trigger asked for should still be begun: its spec may be replaced or deleted."""

from darkroom.domain.errors import Failure, InputRefused, InputWithheld
from darkroom.domain.order import Trigger
from darkroom.ports import Ports

SUPERSEDED = Failure("superseded", "A newer version of the spec took this task's place.")
DELETED = Failure("spec-deleted", "The spec was deleted before its task was submitted.")


def stale(ports: Ports, trigger: Trigger) -> Failure | None:
    """Why what the trigger asked for should not be begun any more, if so; a message never ages."""
    if trigger.kind == "message":
        return None
    try:
        current = ports.inputs.find(trigger.key)
    except (InputRefused, InputWithheld):
        return None  # whoever reads it says what is wrong with it
    if current is None:
        return DELETED
    return None if current.version_id == trigger.version else SUPERSEDED
