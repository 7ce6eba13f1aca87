"""SWEEP's function: on a schedule, resumes or ends stuck tasks."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.composition import environment, ports
from darkroom.pipeline.sweep import Outcome, sweep

logger = Logger(service="sweep")
metrics = Metrics(service="sweep")

METRICS: Mapping[Outcome, str] = {
    "given-up": "GivenUp",
    "started": "RunsStarted",
    "new-run": "RunsReplaced",
    "concluded": "Concluded",
    "alive": "StandingButAlive",
    "announced": "BatchesFinished",
}


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Event: the schedule's; answer: outcome -> number of tasks."""
    done = sweep(ports(), lambda: context.get_remaining_time_in_millis() / 1000)
    metrics.add_dimension(name="environment", value=environment())
    for outcome, name in METRICS.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=done[outcome])
    answer = {str(outcome): tasks for outcome, tasks in done.items()}
    logger.info("sweep", extra={"done": answer})
    return answer
