"""FAIL's door: end a task that will have no results.

It is entered by the workflow, and by EventBridge when a run ended without reaching it.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.composition import ports
from darkroom.domain.object_keys import read_run_name
from darkroom.pipeline.fail import fail
from darkroom.step_handler import door

_end = door("fail", lambda entry: fail(ports(), entry.task_id, entry.run, broken=entry.error))


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Event: `{task_id, run, error?}`, or Step Functions' execution status change."""
    if "detail" in event:
        task_id, run = read_run_name(event["detail"]["name"])
        event = {"task_id": task_id, "run": run, "error": {"Error": event["detail"]["status"]}}
    return _end(event, context)
