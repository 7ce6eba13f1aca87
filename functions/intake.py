"""INTAKE's function: takes messages of the intake queue in, in batches, each failing by itself."""

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
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

from darkroom.aws.intake_messages import read_message, sender_id_of
from darkroom.composition import environment, ports
from darkroom.domain.arrivals import FIRST_ID_ATTRIBUTE, Message
from darkroom.pipeline.intake import receive

logger = Logger(service="intake")
metrics = Metrics(service="intake")


def take(record: SQSRecord, time_left_s: Callable[[], float]) -> None:
    """Take one message in. A line of the log says why it stays in the queue, or is given up."""
    message = read_record(record)
    which = {"message_id": record.message_id, "receives": message.receives}
    try:
        dead = receive(ports(), message, read_message, time_left_s)
    except Exception as error:
        # Nothing else logs it while others of its batch succeed.
        logger.warning("message failed", extra={"error": type(error).__name__, **which})
        raise
    if dead:
        metrics.add_metric(name="DeadLetters", unit=MetricUnit.Count, value=1)
        logger.warning("dead letter", extra={"code": dead.code, **which})


def read_record(record: SQSRecord) -> Message:
    """The message as the queue delivered it."""
    attributes: Mapping[str, Any] = record.raw_event.get("messageAttributes", {})
    sent_ms = record.attributes.get("SentTimestamp")
    return Message(
        record.body,
        attributes.get(FIRST_ID_ATTRIBUTE, {}).get("stringValue")
        or sender_id_of(record.body)
        or record.message_id,
        int(record.attributes.approximate_receive_count or 1),
        datetime.fromtimestamp(int(sent_ms) / 1000, UTC) if sent_ms else None,
    )


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Event: a batch of SQS messages; answer: the ids of the messages to retry."""
    processor = BatchProcessor(event_type=EventType.SQS)
    take_one = functools.partial(
        take, time_left_s=lambda: context.get_remaining_time_in_millis() / 1000
    )
    answer = process_partial_response(event, take_one, processor, context)
    metrics.add_dimension(name="environment", value=environment())
    metrics.add_metric(name="Messages", unit=MetricUnit.Count, value=len(event["Records"]))
    return dict(answer)
