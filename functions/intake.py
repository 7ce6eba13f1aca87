"""INTAKE's function: takes messages of the intake queue in, in batches, each failing by itself."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.aws.intake_messages import read_message, sender_id_of
from darkroom.composition import ports
from darkroom.domain.arrivals import FIRST_ID_ATTRIBUTE, Message
from darkroom.pipeline.intake import receive

Record = Mapping[str, Any]
"""A message as Lambda hands it over (Lambda guide, "Using Lambda with Amazon SQS")."""

logger = Logger(service="intake")
metrics = Metrics(service="intake")


def take(record: Record, time_left_s: Callable[[], float]) -> None:
    """Take one message in."""
    dead = receive(ports(), read_record(record), read_message, time_left_s)
    if dead:
        metrics.add_metric(name="DeadLetters", unit=MetricUnit.Count, value=1)
        logger.warning("dead letter", extra={"code": dead.code})


def read_record(record: Record) -> Message:
    """The message as the queue delivered it."""
    sent_with: Record = record.get("messageAttributes", {})
    sent_ms = record["attributes"].get("SentTimestamp")
    return Message(
        record["body"],
        sent_with.get(FIRST_ID_ATTRIBUTE, {}).get("stringValue")
        or sender_id_of(record["body"])
        or record["messageId"],
        int(record["attributes"]["ApproximateReceiveCount"] or 1),
        datetime.fromtimestamp(int(sent_ms) / 1000, UTC) if sent_ms else None,
    )


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Event: a batch of SQS messages; answer: the ids of the messages to retry.

    Raises:
        ExceptionGroup: every message failed; the queue delivers them all again.
    """
    failed: dict[str, Exception] = {}
    for record in event["Records"]:
        try:
            take(record, lambda: context.get_remaining_time_in_millis() / 1000)
        except Exception as error:  # noqa: BLE001 - a message's error must not stop the others
            failed[record["messageId"]] = error
    if failed and len(failed) == len(event["Records"]):
        errors = dict.fromkeys(f"{type(error).__name__}: {error}" for error in failed.values())
        raise ExceptionGroup(f"every message failed: {'; '.join(errors)}", [*failed.values()])
    metrics.add_metric(name="Messages", unit=MetricUnit.Count, value=len(event["Records"]))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
