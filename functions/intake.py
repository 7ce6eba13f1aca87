"""INTAKE's door: messages of the intake queue, in batches, each failing by itself."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.arrivals import Message
from darkroom.aws.messages import read_message
from darkroom.composition import ports
from darkroom.pipeline.intake import receive

logger = Logger(service="intake")
metrics = Metrics(service="intake")


def take(record: SQSRecord) -> None:
    """Take one message in."""
    receives = int(record.attributes.approximate_receive_count or 1)
    dead = receive(ports(), Message(record.body, record.message_id, receives), read_message)
    if dead:
        metrics.add_metric(name="DeadLetters", unit=MetricUnit.Count, value=1)
        logger.warning("dead letter", extra={"code": dead.code})


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Event: a batch of SQS messages; answer: the ids of those to be tried again."""
    processor = BatchProcessor(event_type=EventType.SQS)
    answer = process_partial_response(event, take, processor, context)
    metrics.add_metric(name="Messages", unit=MetricUnit.Count, value=len(event["Records"]))
    return dict(answer)
