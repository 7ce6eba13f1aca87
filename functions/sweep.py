"""SWEEP's door: on a schedule, look after what stands still."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.composition import ports
from darkroom.pipeline.sweep import sweep

logger = Logger(service="sweep")
metrics = Metrics(service="sweep")


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Event: the schedule's; answer: how many tasks were given up."""
    given_up = sweep(ports())
    metrics.add_metric(name="GivenUp", unit=MetricUnit.Count, value=given_up)
    logger.info("sweep", extra={"given_up": given_up})
    return {"given_up": given_up}
