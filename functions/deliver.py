"""DELIVER's door: bring one task's results to the output bucket."""

from typing import Any

from darkroom.composition import ports
from darkroom.doors import door
from darkroom.pipeline.deliver import deliver
from darkroom.ports import Step


@door("deliver")
def handler(task_id: str, run: int, _event: dict[str, Any]) -> Step:
    """Event: `{task_id, run}`; answer: `{next, wait_s}`."""
    return deliver(ports(), task_id, run)
