"""FAIL's function: ends one task without results.

The workflow calls it, and EventBridge does when a run ended without reaching it.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.composition import environment, ports
from darkroom.domain.task import parse_run_name
from darkroom.pipeline.fail import fail
from darkroom.step_handler import step_handler

_fail = step_handler(
    "fail", lambda call: fail(ports(), call.task_id, call.run, broken=call.error), environment
)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Event: `{task_id, run, error?}`, or Step Functions' execution status change."""
    if "detail" in event:
        task_id, run = parse_run_name(event["detail"]["name"])
        event = {"task_id": task_id, "run": run, "error": {"Error": event["detail"]["status"]}}
    return _fail(event, context)
