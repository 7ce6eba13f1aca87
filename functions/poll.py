"""POLL's door: ask how one task's job stands."""

from typing import Any

from darkroom.composition import ports
from darkroom.doors import door
from darkroom.pipeline.poll import poll
from darkroom.ports import Step


@door("poll")
def handler(task_id: str, run: int, _event: dict[str, Any]) -> Step:
    """Event: `{task_id, run}`; answer: `{next, wait_s}`."""
    return poll(ports(), task_id, run)
