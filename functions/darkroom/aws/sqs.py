"""The queues that Darkroom itself sends to: the dead-letter queue and the intake queue."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from darkroom.aws.client_errors import map_aws_errors
from darkroom.domain.arrivals import FIRST_ID_ATTRIBUTE, MAX_REASON_BYTES
from darkroom.domain.errors import Busy

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

MAX_BATCH = 10
"""Messages that one SendMessageBatch accepts."""


class SqsDeadLetters:
    """`ports.DeadLetters` on an SQS queue; reason and id are attributes of the message."""

    def __init__(self, client: Callable[[], "SQSClient"], queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def put(self, body: str, reason: str, message_id: str) -> None:
        """See `ports.DeadLetters.put`."""
        with map_aws_errors("the dead-letter queue"):
            self._client().send_message(
                QueueUrl=self._url,
                MessageBody=body,
                MessageAttributes={
                    "reason": _string_attribute(reason[:MAX_REASON_BYTES]),
                    FIRST_ID_ATTRIBUTE: _string_attribute(message_id),
                },
            )


class SqsErrands:
    """`ports.Errands` on the intake queue."""

    def __init__(self, client: Callable[[], "SQSClient"], queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def send(self, bodies: Sequence[str], delay_s: int = 0) -> None:
        """See `ports.Errands.send`; SendMessageBatch answers 200 even if it accepted nothing."""
        for first in range(0, len(bodies), MAX_BATCH):
            batch = bodies[first : first + MAX_BATCH]
            with map_aws_errors("the intake queue"):
                answer = self._client().send_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(number), "MessageBody": body, "DelaySeconds": delay_s}
                        for number, body in enumerate(batch)
                    ],
                )
            if answer.get("Failed"):
                code = answer["Failed"][0]["Code"]
                raise Busy("errand-not-taken", f"The intake queue did not take a message ({code}).")


def _string_attribute(value: str) -> "MessageAttributeValueTypeDef":
    return {"DataType": "String", "StringValue": value or "unknown"}
