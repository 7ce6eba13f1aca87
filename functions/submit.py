"""SUBMIT's door: one run's task goes to its provider."""

from typing import Any

from darkroom.composition import ports
from darkroom.doors import door
from darkroom.pipeline.submit import submit
from darkroom.ports import Step


@door("submit")
def handler(task_id: str, run: int, _event: dict[str, Any]) -> Step:
    """Event: `{task_id, run}`; answer: `{next, wait_s}`."""
    return submit(ports(), task_id, run)
