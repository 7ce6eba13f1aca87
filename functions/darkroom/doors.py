"""What every door has in common: structured logs, metrics, and a small answer."""

import functools
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.ports import Step

Door = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


def door(verb: str) -> Callable[[Callable[[str, int, dict[str, Any]], Step]], Door]:
    """Make a Lambda handler of one step of the workflow.

    The handler's event has `task_id` and `run`; the answer is `{next, wait_s}`. Logs hold ids and
    the answer, never the event.
    """
    logger = Logger(service=verb)
    metrics = Metrics(service=verb)

    def decorate(step: Callable[[str, int, dict[str, Any]], Step]) -> Door:
        @metrics.log_metrics(capture_cold_start_metric=True)
        @logger.inject_lambda_context(clear_state=True)
        @functools.wraps(step)
        def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
            task_id, run = str(event["task_id"]), int(event["run"])
            logger.append_keys(task_id=task_id, run=run)
            answer = step(task_id, run, event)
            metrics.add_dimension(name="next", value=answer.next)
            metrics.add_metric(name="Steps", unit=MetricUnit.Count, value=1)
            logger.info(verb, extra=answer.as_dict())
            return answer.as_dict()

        return handler

    return decorate
