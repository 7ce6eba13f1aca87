"""FAIL's door: end a task that will have no results.

It is entered by the workflow, and by EventBridge when a run ended without reaching it.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.composition import ports
from darkroom.doors import door
from darkroom.pipeline.fail import fail
from darkroom.ports import Step


@door("fail")
def _end(task_id: str, run: int, event: dict[str, Any]) -> Step:
    return fail(ports(), task_id, run, broken=event.get("error", {}).get("Error"))


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Event: `{task_id, run, error?}`, or Step Functions' execution status change."""
    if "detail" in event:
        task_id, _, run = event["detail"]["name"].rpartition("-")
        event = {"task_id": task_id, "run": run, "error": {"Error": event["detail"]["status"]}}
    return _end(event, context)
