"""SWEEP's door: on a schedule, look after what stands still."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.composition import ports
from darkroom.pipeline.sweep import Care, sweep

logger = Logger(service="sweep")
metrics = Metrics(service="sweep")

METRICS: Mapping[Care, str] = {
    "given-up": "GivenUp",
    "started": "RunsStarted",
    "new-run": "RunsReplaced",
    "concluded": "Concluded",
    "alive": "StandingButAlive",
}


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Event: the schedule's; answer: what was done, and to how many tasks."""
    done = sweep(ports(), lambda: context.get_remaining_time_in_millis() / 1000)
    for care, name in METRICS.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=done[care])
    answer = {str(care): tasks for care, tasks in done.items()}
    logger.info("sweep", extra={"done": answer})
    return answer
